//! Warnings: a role or a task was given to somebody who does not see the incident, or not the task; a marking names
//! a person or a party who does not see what is marked so all the same; or somebody does not see the incident any more
//! as it is marked now, or sees it from now on by the standing for a party that takes part now.
//!
//! It is written all the same: who sees what may be changed next. Only whoever may ask who sees an incident is warned.

use std::collections::BTreeSet;

use concert_model::Problem;
use concert_model::access::{Action, Circle, Decision, Object, Person, may};
use concert_model::incident::content::Content;
use concert_model::incident::draft::Draft;
use concert_model::incident::marking::Marking;

use super::{Incidents, Refused, Written};

/// Persons named of those who see the incident from now on.
const NAMES_SHOWN: usize = 10;

/// What is given to somebody: a role, a task, or an entry or the incident that a marking is to show.
pub(super) struct Given {
    whom: Whom,
    what: What,
}

/// A person, or a party whose persons are meant.
enum Whom {
    Person(String),
    Party(String),
}

/// What somebody is to see, and how it is marked where that is its own.
enum What {
    Incident,
    Task(String, Option<Marking>),
    Entry(String, Marking),
}

/// What entries give to persons and parties.
pub(super) fn given(drafts: &[Draft]) -> Vec<Given> {
    let mut all = Vec::new();
    for draft in drafts {
        match &draft.content {
            Content::RoleMoved(moved) if moved.holds => {
                all.push(Given { whom: Whom::Person(moved.person.clone()), what: What::Incident });
            }
            Content::Task(task) if !task.done && !task.person.is_empty() => {
                let what = What::Task(task.name.clone(), draft.marking.clone());
                all.push(Given { whom: Whom::Person(task.person.clone()), what });
            }
            Content::Marked(new) => all.extend(marked(&new.marking)),
            _ => {}
        }
        let Some((marking, (kind, _))) = draft.marking.as_ref().zip(draft.content.write()) else { continue };
        let kind = kind.split('/').next().unwrap_or_default();
        all.extend(named(marking).map(|whom| Given { whom, what: What::Entry(kind.to_owned(), marking.clone()) }));
    }
    all
}

/// Whether entries may change who sees the incident, besides what they give to somebody.
pub(super) fn moves_sight(drafts: &[Draft]) -> bool {
    drafts.iter().any(|draft| matches!(draft.content, Content::Marked(_) | Content::PartyMoved(_)))
}

/// Whom the marking of an incident names.
pub(super) fn marked(marking: &Marking) -> impl Iterator<Item = Given> {
    named(marking).map(|whom| Given { whom, what: What::Incident })
}

fn named(marking: &Marking) -> impl Iterator<Item = Whom> {
    let persons = marking.persons.iter().map(|name| Whom::Person(name.clone()));
    persons.chain(marking.parties.iter().map(|name| Whom::Party(name.clone())))
}

/// What to do about somebody who does not see a thing.
fn what_to_do(name: &str, marking: Option<&Marking>, decision: &Decision) -> String {
    match decision.policy {
        "clearance" => {
            let tlp = marking.map(|marking| marking.tlp.to_string().to_lowercase()).unwrap_or_default();
            format!("`concert user change {name} --clearance {tlp}`, or mark it less strictly")
        }
        "tlp-red" | "released" | "compartment" => format!("mark it for {name} (`--for-person {name}`), or otherwise"),
        "need-to-know" | "tlp-amber-strict" => "mark it for the party (`--tlp amber --for-party ...`)".into(),
        "forbidden" => "this is in [[forbid]] of the settings; choose somebody else".into(),
        _ => "mark it otherwise, or choose somebody else".into(),
    }
}

impl Incidents {
    /// What was written, with warnings of what was given to whom does not see it; and of who sees the incident otherwise
    /// than before, where that may have changed.
    pub(super) async fn warned(
        &self,
        person: &Person,
        mut written: Written,
        given: &[Given],
        before: Option<&Circle>,
    ) -> Written {
        match self.unseen(person, &written.id, given, before).await {
            Ok(warnings) => {
                written.warnings.extend(warnings);
                written
            }
            // It is written, whatever cannot be read now.
            Err(refused) => {
                tracing::debug!("who sees what was given is not known: {refused:?}");
                written
            }
        }
    }

    async fn unseen(
        &self,
        person: &Person,
        incident: &str,
        given: &[Given],
        before: Option<&Circle>,
    ) -> Result<Vec<Problem>, Refused> {
        if given.is_empty() && before.is_none() {
            return Ok(Vec::new());
        }
        // Whoever marked it out of the own sight is told that too.
        let case = self.case(incident).await?;
        let circle = self.circle(&case);
        let asks = |circle: &Circle| may(person, Action::AskWho, Object::Incident(circle)).allowed;
        let before = before.filter(|before| **before != circle && asks(before));
        let given = if asks(&circle) { given } else { &[] };
        if given.is_empty() && before.is_none() {
            return Ok(Vec::new());
        }
        let (users, mut told) = (self.persons().await?, Vec::new());
        let whole = case.head.marking.as_ref();
        for Given { whom, what } in given {
            match whom {
                Whom::Person(name) => told.extend(warning(person, (&circle, whole), &users, name, what)),
                Whom::Party(party) => match circle.speakers.get(party).filter(|names| !names.is_empty()) {
                    Some(names) => told
                        .extend(names.iter().filter_map(|name| warning(person, (&circle, whole), &users, name, what))),
                    None => told.push(nobody_of(party, what)),
                },
            }
        }
        if let Some(before) = before {
            let is_named =
                |user: &&Person| !given.iter().any(|one| matches!(&one.whom, Whom::Person(name) if *name == user.name));
            let others: Vec<&Person> = users.iter().filter(is_named).collect();
            told.extend(moved(before, (&circle, whole), &others));
        }
        // A task for whom its marking names is told once.
        let mut seen = BTreeSet::new();
        told.retain(|problem| seen.insert(problem.what.clone()));
        Ok(told)
    }
}

/// Who sees an incident no more, and who does from now on because of a party. Whoever has a part in it is named, the
/// others who worked on it by their standing are counted.
fn moved(before: &Circle, (after, whole): (&Circle, Option<&Marking>), users: &[&Person]) -> Vec<Problem> {
    let sees = |user: &Person, circle: &Circle| may(user, Action::See, Object::Incident(circle));
    let (mut told, mut others, mut new) = (Vec::new(), 0usize, Vec::new());
    for user in users {
        let now = sees(user, after);
        match (sees(user, before).allowed, now.allowed) {
            // What the site forbids of a party is meant so.
            (true, false) if before.marking != after.marking => {
                let mut parts = before.holders.values().chain(before.speakers.values());
                if parts.any(|names| names.contains(&user.name)) {
                    let problem =
                        Problem::new(format!("{} does not see the incident any more: {}", user.name, now.reason));
                    told.push(problem.hint(what_to_do(&user.name, whole, &now)));
                } else {
                    others += 1;
                }
            }
            (false, true) if before.constituencies != after.constituencies => new.push(user.name.as_str()),
            _ => {}
        }
    }
    let tells_who = "`concert incident who-can-see` tells who does, and why";
    if others > 0 {
        let who = if others == 1 { "one more user does" } else { &format!("{others} more users do") };
        told.push(Problem::new(format!("{who} not see the incident any more, without a role in it")).hint(tells_who));
    }
    if !new.is_empty() {
        let names = new.iter().take(NAMES_SHOWN).copied().collect::<Vec<_>>().join(", ");
        let more = match new.len().saturating_sub(NAMES_SHOWN) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let what = format!("now seen by the standing for a party that takes part: {names}{more}");
        told.push(Problem::new(what).hint(tells_who));
    }
    told
}

impl What {
    fn words(&self) -> String {
        match self {
            Self::Incident => "the incident".into(),
            Self::Task(name, _) => format!("the task `{name}`"),
            Self::Entry(kind, _) => format!("what is marked so ({kind})"),
        }
    }

    fn marking(&self) -> Option<&Marking> {
        match self {
            Self::Incident => None,
            Self::Task(_, marking) => marking.as_ref(),
            Self::Entry(_, marking) => Some(marking),
        }
    }
}

fn nobody_of(party: &str, what: &What) -> Problem {
    let problem = Problem::new(format!("nobody of {party} sees {}: nobody speaks for it", what.words()));
    problem.hint(format!("`concert incident write N role role=affected-party person=... party=\"{party}\" holds=true`"))
}

fn warning(
    person: &Person,
    (circle, whole): (&Circle, Option<&Marking>),
    users: &[Person],
    name: &str,
    what: &What,
) -> Option<Problem> {
    let other = users.iter().find(|user| user.name == name)?;
    let seen = may(other, Action::See, Object::Incident(circle));
    let told = |what: &What, marking: Option<&Marking>, decision: Decision| {
        let problem = Problem::new(format!("{} does not see {}: {}", other.name, what.words(), decision.reason));
        problem.hint(what_to_do(&other.name, marking, &decision))
    };
    if !seen.allowed {
        return Some(told(&What::Incident, whole, seen));
    }
    let marking = match what {
        What::Incident => return None,
        What::Task(..) | What::Entry(..) => what.marking().or(whole)?,
    };
    let seen = may(other, Action::See, Object::Item { circle, marking, author: &person.name });
    (!seen.allowed).then(|| told(what, Some(marking), seen))
}
