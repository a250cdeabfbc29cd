//! Settings about who may see what, that are allowed but mean nothing or less than they seem to.

use std::collections::BTreeSet;

use concert_model::incident::Tlp;
use concert_model::party::is_same_name;
use concert_model::problem::meant;
use concert_model::{Field, Problem};
use concert_store::Store;
use concert_store::records::Parties;

use super::Finding;
use crate::settings::{Named, Settings};

/// Rules whose incidents are marked less strictly than the events that they catch.
pub(super) fn weak_rules(settings: &Settings) -> Vec<Finding> {
    let mut findings = Vec::new();
    for rule in settings.judge.rules() {
        let Some(opening) = rule.opening() else { continue };
        for feed in &settings.feeds {
            let constants = &feed.fixed.constants;
            let label = constants.iter().find(|(field, _)| *field == Field::TLP);
            let label: Option<Tlp> = label.and_then(|(_, value)| value.as_text()?.parse().ok());
            let Some(label) = label.filter(|label| *label > opening.marking.tlp) else { continue };
            if !rule.condition().can_hold(constants) {
                continue;
            }
            let what = format!(
                "incidents of rule `{}` are TLP:{}, and events of feed `{}` are TLP:{label}: where these open one, its title has `...` in place of values, and the rest is marked like them",
                rule.name(),
                opening.marking.tlp,
                feed.name,
            );
            let hint = match label {
                Tlp::Red => {
                    "marking = \"red\" with `persons`, or leave the feed out: if = 'feed.code != \"...\" && ...'"
                        .to_owned()
                }
                label => format!("marking = \"{label}\", or leave the feed out: if = 'feed.code != \"...\" && ...'"),
            };
            findings.push(Finding::of("warning", Problem::new(what).at(&opening.marking_place).hint(hint)));
        }
    }
    findings
}

/// Names in `[[forbid]]` and of incidents that rules open that nobody has, as far as there is a site already.
pub(super) async fn unknown_names(settings: &Settings) -> Result<Vec<Finding>, Problem> {
    let data = settings.data_dir();
    let openings = settings.judge.rules().iter().filter_map(|rule| Some((rule.name(), rule.opening()?)));
    let audience = openings.flat_map(|(rule, opening)| {
        let persons = opening.marking.persons.iter().map(|name| ("persons", name));
        let named = persons.chain(opening.marking.parties.iter().map(|name| ("parties", name)));
        named.map(move |(key, name)| (rule, &opening.marking_place, key, name))
    });
    let audience: Vec<_> = audience.collect();
    if settings.forbidden_names.is_empty() && audience.is_empty() || !data.join("records.sqlite").is_file() {
        return Ok(Vec::new());
    }
    let records = Store::open(&data).await?.records;
    let users: BTreeSet<String> = records.users().await?.into_iter().map(|user| user.name).collect();
    let mut parties = BTreeSet::new();
    for which in Parties::ALL {
        for party in records.parties(which).await? {
            parties.insert(party.name);
            parties.extend(party.sectors);
        }
    }
    let forbidden = settings.forbidden_names.iter().map(|Named { name, key, place }| {
        let (what, later) = match *key {
            "persons" => ("user", "it holds as soon as there is one: `concert user list`"),
            _ => ("party and no sector of the contact book", "it holds where a party is called so"),
        };
        Unknown { name, key, place, of: "[[forbid]]".to_owned(), what, later }
    });
    let audience = audience.into_iter().map(|(rule, place, key, name)| {
        let what = if key == "persons" { "user" } else { "party of the contact book" };
        let (of, later) =
            (format!("`{key}` of open_incident of rule `{rule}`"), "it is for them as soon as there is one called so");
        Unknown { name, key, place, of, what, later }
    });
    Ok(forbidden.chain(audience).filter_map(|one| one.finding(&users, &parties)).collect())
}

/// A name in the settings that nobody may have: a user where the key is `persons`, else a party.
struct Unknown<'n> {
    name: &'n str,
    key: &'n str,
    place: &'n str,
    of: String,
    what: &'static str,
    later: &'static str,
}

impl Unknown<'_> {
    /// What to tell of it; nothing where somebody has the name.
    fn finding(&self, users: &BTreeSet<String>, parties: &BTreeSet<String>) -> Option<Finding> {
        let Self { name, key, place, of, what, later } = self;
        let is_person = *key == "persons";
        let known = if is_person { users } else { parties };
        if known.iter().any(|one| one == name || !is_person && is_same_name(one, name)) {
            return None;
        }
        let hint = meant(name, known.iter().map(String::as_str), *later);
        let problem = Problem::new(format!("{of}: `{name}` is no {what}")).at(*place);
        Some(Finding::of("warning", problem.hint(hint)))
    }
}
