//! Minutes that stand beside what took them: an entry of the kind `effort`, which is written in the same step.
//!
//! It is marked like the entry that it is about, so whoever may not see the one does not see the other. What the
//! entry says may be erased later; the time was spent all the same.

use concert_model::access::Person;
use concert_model::incident::content::{Content, Effort};
use concert_model::incident::draft::{Draft, in_a_day};

use super::{Ask, Refused};

/// Whether what a draft says that it took can be the time of one entry.
pub(super) fn check(draft: &Draft) -> Result<(), Refused> {
    let minutes = match &draft.content {
        Content::Effort(effort) => effort.minutes,
        _ => draft.minutes,
    };
    in_a_day(minutes).map_err(Refused::Wrong)
}

/// Time of which a person does not say whose it was is the person's own, as where it stands beside what took it.
pub(super) fn own(drafts: &mut [Draft], person: &Person) {
    for draft in drafts {
        if let Content::Effort(effort) = &mut draft.content
            && effort.person.trim().is_empty()
            && !person.is_operator
        {
            effort.person.clone_from(&person.name);
        }
    }
}

/// The effort of a draft, where it took some; `entry` is what it is signed as.
pub(super) fn beside(draft: &Draft, person: &Person, entry: String) -> Option<Draft> {
    if draft.minutes == 0 {
        return None;
    }
    let (kind, _) = draft.content.write()?;
    let work = kind.split('/').next().unwrap_or_default().to_owned();
    let party = party_of(&draft.content).to_owned();
    let effort = Effort { minutes: draft.minutes, person: person.name.clone(), party, work, entry };
    Some(Draft { content: effort.into(), marking: draft.marking.clone(), minutes: 0 })
}

/// The request for one of several parts in which something is written: what it took counts with the first of them.
pub(super) fn once(ask: Ask<'_>, part: usize) -> Ask<'_> {
    Ask { minutes: if part == 0 { ask.minutes } else { 0 }, ..ask }
}

/// The party that an entry is about. Who speaks for one is not for everybody who sees the incident, so a role
/// names none here.
fn party_of(content: &Content) -> &str {
    match content {
        Content::PartyMoved(moved) => &moved.party,
        Content::HostHeld(held) => &held.party,
        Content::TellingHeld(held) => &held.party,
        Content::Release(release) => &release.party,
        Content::NeighbourNamed(named) => &named.party,
        Content::MessageKept(message) => &message.party,
        _ => "",
    }
}
