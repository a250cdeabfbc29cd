//! Warnings: a role or a task was given to somebody who does not see the incident, or not the task.
//!
//! It is written all the same: who sees what may be changed next. Only whoever may ask who sees an incident is warned.

use concert_model::Problem;
use concert_model::access::{Action, Circle, Decision, Object, Person, may};
use concert_model::incident::content::Content;
use concert_model::incident::draft::Draft;
use concert_model::incident::marking::Marking;

use super::{Incidents, Refused, Written};

/// What is given to a person: a role, or a task with how that is marked.
pub(super) struct Given {
    person: String,
    task: Option<(String, Option<Marking>)>,
}

/// What entries give to persons.
pub(super) fn given(drafts: &[Draft]) -> Vec<Given> {
    let of = |draft: &Draft| match &draft.content {
        Content::RoleMoved(moved) if moved.holds => Some(Given { person: moved.person.clone(), task: None }),
        Content::Task(task) if !task.done && !task.person.is_empty() => {
            Some(Given { person: task.person.clone(), task: Some((task.name.clone(), draft.marking.clone())) })
        }
        _ => None,
    };
    drafts.iter().filter_map(of).collect()
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
    /// What was written, with warnings of what was given to whom does not see it.
    pub(super) async fn warned(&self, person: &Person, written: Written, given: &[Given]) -> Written {
        match self.unseen(person, &written.id, given).await {
            Ok(warnings) => Written { warnings, ..written },
            // It is written, whatever cannot be read now.
            Err(refused) => {
                tracing::debug!("who sees what was given is not known: {refused:?}");
                written
            }
        }
    }

    async fn unseen(&self, person: &Person, incident: &str, given: &[Given]) -> Result<Vec<Problem>, Refused> {
        if given.is_empty() {
            return Ok(Vec::new());
        }
        let (case, circle) = self.find(person, incident).await?;
        if !may(person, Action::AskWho, Object::Incident(&circle)).allowed {
            return Ok(Vec::new());
        }
        let users = self.persons().await?;
        let warning = |given: &Given| {
            let other = users.iter().find(|user| user.name == given.person)?;
            warning(person, (&circle, case.head.marking.as_ref()), other, given)
        };
        Ok(given.iter().filter_map(warning).collect())
    }
}

fn warning(
    person: &Person,
    (circle, whole): (&Circle, Option<&Marking>),
    other: &Person,
    given: &Given,
) -> Option<Problem> {
    let seen = may(other, Action::See, Object::Incident(circle));
    let told = |what: String, marking: Option<&Marking>, decision: Decision| {
        let problem = Problem::new(format!("{} does not see {what}: {}", other.name, decision.reason));
        problem.hint(what_to_do(&other.name, marking, &decision))
    };
    if !seen.allowed {
        return Some(told("the incident".into(), whole, seen));
    }
    let (name, own) = given.task.as_ref()?;
    let marking = own.as_ref().or(whole)?;
    let seen = may(other, Action::See, Object::Item { circle, marking, author: &person.name });
    (!seen.allowed).then(|| told(format!("the task `{name}`"), Some(marking), seen))
}
