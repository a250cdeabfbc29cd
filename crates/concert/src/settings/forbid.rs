//! `[[forbid]]`: what the site forbids beyond the rules that are shipped.

use concert_model::Keys;
use concert_model::access::{Action, Forbid, Forbids, can_be_forbidden};
use concert_model::incident::marking::Tlp;
use concert_model::problem::meant;
use concert_model::user::StandingRole;

/// Most of them: each is asked at each decision.
const FORBIDS_MAX: usize = 100;

/// A name in one of them that may be that of nobody: a user, or a party or sector.
pub struct Named {
    /// What it is written in: `persons` or `of`.
    pub key: &'static str,
    /// The name.
    pub name: String,
    /// Where it stands.
    pub place: String,
}

/// Gives all of them, and the names in them.
pub(super) fn read_all(tables: Vec<Keys<'_>>) -> (Forbids, Vec<Named>) {
    let mut named = Vec::new();
    if let Some(keys) = tables.get(FORBIDS_MAX) {
        keys.problem("name", format!("a site forbids at most {FORBIDS_MAX} things"), "join those that say the same");
    }
    let read_one = |mut keys: Keys<'_>| {
        let forbid = read(&mut keys, &mut named);
        keys.finish();
        forbid
    };
    let forbids = tables.into_iter().map(read_one).collect();
    (Forbids(forbids), named)
}

pub(super) fn read(keys: &mut Keys<'_>, named: &mut Vec<Named>) -> Forbid {
    let name = keys.require("name", "why, as people are told it: \"Otto works for Net A\"").unwrap_or_default();
    if keys.has("name") && name.trim().is_empty() {
        keys.problem("name", "`name` says nothing", "why, as people are told it: name = \"Otto works for Net A\"");
    }
    let persons = keys.texts("persons", "users it holds for; with no `standing` either, it holds for everybody");
    let standing = words(
        keys,
        "standing",
        "standing roles it holds for, besides those users",
        |word| StandingRole::ALL.into_iter().find(|role| role.word() == word),
        &StandingRole::ALL.map(StandingRole::word),
    );
    let of = keys.texts("of", "parties and sectors that have to do with the object; none: all");
    let can = Action::ALL.into_iter().filter(|action| can_be_forbidden(*action)).map(Action::word);
    let about = "what is forbidden: see, note, conduct, release, see events, ...; none: everything. Whoever may not \
                 see an incident may do nothing with it";
    let actions = words(
        keys,
        "actions",
        about,
        |word| Action::ALL.into_iter().find(|action| action.word() == word && can_be_forbidden(*action)),
        &can.collect::<Vec<_>>(),
    );
    let about = "only what is marked more strictly than this: clear, green, amber, amber+strict";
    let above = keys.text("above", about).and_then(|word| {
        let tlp = Tlp::ALL.into_iter().find(|tlp| tlp.to_string() == word && *tlp != Tlp::Red);
        if tlp.is_none() {
            keys.problem("above", format!("nothing is above `{word}`"), "one of clear, green, amber, amber+strict");
        }
        tlp
    });
    if above.is_some() {
        for (at, action) in actions.iter().filter(|(_, action)| !action.is_of_incident()) {
            let what = format!("`{}` is about what bears no label: with `above` it is never forbidden", action.word());
            keys.problem_item("actions", *at, what, "leave `above` out, or give it a [[forbid]] of its own");
        }
    }
    for (key, names) in [("persons", &persons), ("of", &of)] {
        named.extend(names.iter().zip(0..).map(|(name, at)| {
            let place = keys.item_place(key, at).unwrap_or_default();
            Named { key, name: name.clone(), place }
        }));
    }
    Forbid {
        name,
        persons: persons.into_iter().collect(),
        standing: standing.into_iter().map(|(_, role)| role).collect(),
        of: of.into_iter().collect(),
        actions: actions.into_iter().map(|(_, action)| action).collect(),
        above,
    }
}

/// A list of words of which each must be known, each with where it stands among them.
fn words<T>(
    keys: &mut Keys<'_>,
    name: &str,
    about: &str,
    find: impl Fn(&str) -> Option<T>,
    known: &[&str],
) -> Vec<(usize, T)> {
    let mut found = Vec::new();
    for (word, at) in keys.texts(name, about).iter().zip(0..) {
        match find(word) {
            Some(one) => found.push((at, one)),
            None => {
                let hint = meant(word, known.iter().copied(), format!("one of {}", known.join(", ")));
                keys.problem_item(name, at, format!("`{word}` is not known here"), hint);
            }
        }
    }
    found
}
