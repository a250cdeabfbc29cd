//! What somebody changed since a person looked: two that change the same thing do not overwrite each other unseen.
//!
//! What is only added (notes, observables, flows, evidence) is never stale. Of a step of a process is told that somebody
//! settled it meanwhile; all else about it the engine decides.

use std::sync::Arc;

use concert_model::Problem;
use concert_model::access::Circle;
use concert_model::incident::content::{Content, Deed};
use concert_model::incident::draft::Draft;

use super::case::Case;
use super::{Ask, Kept, Refused, entry_json};

/// What an entry changes that others may change too: a field, or what is called by a name.
fn thing(content: &Content) -> Option<Vec<&str>> {
    Some(match content {
        Content::Titled(_) => vec!["title"],
        Content::Classified(_) => vec!["classification"],
        Content::Rated(_) => vec!["severity"],
        Content::Moved(_) => vec!["status"],
        Content::Marked(_) => vec!["marking"],
        Content::Remarked(marked) => vec!["marking", &marked.site],
        Content::Stepped(stepped) => vec!["step", &stepped.run, &stepped.step],
        Content::RoleMoved(moved) => vec!["role", moved.role.word(), &moved.person, &moved.party],
        Content::Finding(finding) => vec!["finding", &finding.name, &finding.item],
        Content::Indicated(shown) => vec!["indicators", &shown.finding, &shown.item],
        Content::Task(task) => vec!["task", &task.name, &task.item],
        Content::PartyMoved(moved) => vec!["party", &moved.party],
        Content::HostHeld(held) => vec!["host", &held.host],
        Content::TellingHeld(held) => vec!["hold", &held.party],
        Content::TellingOrdered(_) => vec!["order"],
        Content::ClockStarted(clock) => vec!["clock", &clock.clock, &clock.party],
        Content::ClockMet(met) => vec!["clock", &met.clock, &met.party],
        Content::EventLinked(link) => vec!["event", &link.event],
        Content::NoticeLinked(link) => vec!["notice", &link.notice],
        Content::ProposalAnswered(answer) => vec!["proposal", &answer.event],
        // A line of evidence that is read again stands in the timeline once.
        Content::Happened(item) if item.line != 0 => {
            vec!["happened", &item.evidence, &item.subject, &item.text]
        }
        _ => return None,
    })
}

/// The line of evidence that it is about, or the entry that it marks.
fn line(content: &Content) -> u64 {
    match content {
        Content::Happened(item) => item.line,
        Content::Remarked(marked) => marked.sequence,
        _ => 0,
    }
}

/// Whether a step stands as before after it: whoever asks to hold it, or holds it, leaves it open.
fn leaves_open(content: &Content) -> bool {
    matches!(content, Content::Stepped(stepped) if matches!(stepped.deed, Deed::Asked | Deed::Held))
}

/// Whether what these entries change is as it was when the person looked last; else what changed it, as entries
/// that the person sees.
pub(super) fn check(case: &Case, circle: &Circle, ask: Ask<'_>, drafts: &[Draft]) -> Result<(), Refused> {
    let Some(seen) = ask.seen else { return Ok(()) };
    let person = ask.person;
    // Numbers are times, so this tells nothing of entries that the person does not see.
    if seen > case.last.max(ask.now.0.unsigned_abs()) {
        let problem = Problem::new(format!("`seen` is {seen}, and no entry has that number yet"));
        return Err(Refused::Wrong(problem.hint("give `seq` of the last entry that you had read, or leave it out")));
    }
    let changes: Vec<(Vec<&str>, u64)> =
        drafts.iter().filter_map(|draft| Some((thing(&draft.content)?, line(&draft.content)))).collect();
    let changed = |content: &Content| {
        !leaves_open(content)
            && thing(content).is_some_and(|thing| changes.iter().any(|(one, at)| *one == thing && *at == line(content)))
    };
    let is_one = |kept: &&Arc<Kept>| kept.seq > seen && kept.body.as_ref().is_some_and(|(_, content)| changed(content));
    let came = case.seen_by(circle, person).filter(is_one);
    let came: Vec<serde_json::Value> = came.map(|kept| entry_json(&case.read_by(circle, person, kept))).collect();
    if came.is_empty() { Ok(()) } else { Err(Refused::Stale(came)) }
}
