//! Which finding or task an entry is about: the one that its writer sees under that name; else a new one.
//!
//! A new one gets an item, drawn whether or not there is another of its name, so that nobody learns from the own entry
//! that there is one. See [`Names`] for what readers call them.

use concert_model::Problem;
use concert_model::access::{Circle, Person};
use concert_model::incident::content::{Content, Finding, Indicated, Task};
use concert_model::incident::draft::Draft;
use concert_model::incident::fold::{Incident, Names, place};
use concert_model::incident::journal::hex;

use super::case::Case;
use super::write::salt;

/// What somebody sees of findings and tasks.
#[derive(Default)]
struct Seen {
    findings: Names,
    tasks: Names,
}

impl Seen {
    /// Things of the sort that an entry is about.
    fn of(&mut self, content: &Content) -> &mut Names {
        if matches!(content, Content::Task(_)) { &mut self.tasks } else { &mut self.findings }
    }
}

/// Name and item of the finding or task that it is about.
fn named(content: &Content) -> Option<(&str, &str)> {
    match content {
        Content::Finding(Finding { name, item, .. })
        | Content::Indicated(Indicated { finding: name, item, .. })
        | Content::Task(Task { name, item, .. }) => Some((name, item)),
        _ => None,
    }
}

fn named_mut(content: &mut Content) -> Option<(&mut String, &mut String)> {
    match content {
        Content::Finding(Finding { name, item, .. })
        | Content::Indicated(Indicated { finding: name, item, .. })
        | Content::Task(Task { name, item, .. }) => Some((name, item)),
        _ => None,
    }
}

/// The own name and the item of what shows in an incident because of another that was merged into it.
fn shown(joint: Option<&Incident>, content: &Content) -> Option<(String, String)> {
    let (called, _) = named(content)?;
    let found = match content {
        Content::Task(_) => joint?.tasks.get(called).map(|task| (&task.name, &task.item)),
        _ => joint?.findings.get(called).map(|finding| (&finding.name, &finding.item)),
    };
    found.map(|(name, item)| (name.clone(), item.clone()))
}

/// Says of each of these what it is about, as its writer sees the incident at this moment. `joint` is how it shows with
/// others.
pub(super) fn place_all(
    (case, joint): (&Case, Option<&Incident>),
    circle: &Circle,
    person: &Person,
    drafts: &mut [Draft],
) -> Result<(), Problem> {
    if !drafts.iter().any(|draft| named(&draft.content).is_some()) {
        return Ok(());
    }
    let (mut seen, moved) = (Seen::default(), case.head.moved());
    for kept in case.entries.iter() {
        let Some((body, content)) = &kept.body else { continue };
        let Some((name, item)) = named(content) else { continue };
        if case.shows(circle, person, kept) && !moved.contains(&place(&kept.header)) {
            seen.of(content).call(name, item, &body.author);
        }
    }
    for draft in drafts {
        let elsewhere = shown(joint, &draft.content);
        let names = seen.of(&draft.content);
        let Some((name, item)) = named_mut(&mut draft.content) else { continue };
        // What is handed over says already which it is.
        if item.is_empty() {
            let own = names.thing(name).map(|(name, item)| (name.to_owned(), item.to_owned()));
            match own.or(elsewhere) {
                Some(known) => (*name, *item) = known,
                None => *item = hex(salt()?.split_at(8).0),
            }
        }
        names.call(name, item, &person.name);
    }
    Ok(())
}
