//! The proof that a message was sent: when the server took it first, and what it answered.
//!
//! Of a message to several it is written when the first has it, and again when the sending ends.

use std::sync::Arc;

use concert_model::access::{BY_ITSELF, Person};
use concert_model::incident::PartyStatus;
use concert_model::incident::content::{Delivered, PartyMoved};
use concert_model::incident::draft::Draft;
use concert_model::incident::fold::{Incident, Letter};
use concert_model::incident::mail::Sort;
use concert_model::{Problem, Time};
use concert_store::records::Notice;

use super::super::made::{Beside, Made};
use super::super::report::REPORTER;
use super::super::write::Right;
use super::super::{Ask, Incidents, Refused};
use super::is_open_to_all;

impl Incidents {
    /// Writes down that messages reached somebody, and how sending them ended, each time once. Gives their number.
    pub async fn prove_messages(&self, now: Time) -> Result<u64, Problem> {
        let mut done = 0;
        for notice in self.store.records.unproved_messages().await? {
            let known = self.store.records.receivers(&[&notice.id]).await?;
            let got = known.values().flatten().filter(|one| one.has_it);
            let first = got.map(|one| one.time).min();
            let itself = Person::operator(BY_ITSELF);
            let written = self.write_made(Ask::new(&itself, now), &notice.key, Right::OfContent, |case, _| {
                let drafts = proof(&case.whole(), &notice, first, now);
                Ok(Made { drafts, beside: Beside::Prove(notice.id.clone(), notice.state.clone()) })
            });
            match written.await {
                Ok(_) => done += 1,
                Err(Refused::Failed(problem)) => return Err(problem),
                Err(other) => tracing::error!(notice = notice.id, "how it was sent is not written down: {other:?}"),
            }
        }
        Ok(done)
    }
}

/// What is written of it. The party of a message that did not arrive was not told.
fn proof(state: &Incident, notice: &Notice, first: Option<Time>, now: Time) -> Vec<Draft> {
    let letter = state.messages.iter().find(|letter| letter.message.notice == notice.id);
    let marking = letter.map(|letter| letter.marking.clone());
    let taken = notice.state == "delivered" || first.is_some();
    let delivered = Delivered {
        notice: notice.id.clone(),
        party: notice.party.clone(),
        taken,
        time: first.or(notice.delivered_at).filter(|_| taken).unwrap_or(now).0,
        answer: notice.reason.clone(),
    };
    let mut drafts = vec![Draft { content: delivered.into(), marking, minutes: 0 }];
    let is_sought = state.parties.get(&notice.party).is_some_and(|known| known.status == PartyStatus::ContactSought);
    if !taken {
        drafts.extend(untold(state, &notice.party, &notice.id, &notice.reason));
    } else if is_sought {
        // It failed before, and a person put it back into the queue.
        let text = format!("message {} arrived after all", notice.id);
        let moved = PartyMoved { party: notice.party.clone(), status: PartyStatus::Told, text };
        drafts.push(Draft { content: moved.into(), marking: None, minutes: 0 });
    }
    drafts
}

/// A party that got nothing of what was sent is sought again.
pub(super) fn untold(state: &Incident, party: &str, notice: &str, why: &str) -> Option<Draft> {
    let is_told = state.parties.get(party).is_some_and(|known| known.status == PartyStatus::Told);
    let bounced = |id: &str| {
        let is_bounce =
            |letter: &Arc<Letter>| letter.message.sort == Some(Sort::Bounce) && letter.message.answers == id;
        state.messages.iter().any(is_bounce)
    };
    let got = |letter: &&Arc<Letter>| {
        let end = state.deliveries.get(&letter.message.notice);
        letter.message.notice != notice && end.is_some_and(|end| end.taken) && !bounced(&letter.message.message_id)
    };
    let got_another = state.conversation(party).find(got).is_some();
    // What the server said may have the address in it, or the words of a message that is for fewer than see the incident.
    let is_open = |letter: &Arc<Letter>| letter.message.notice == notice && is_open_to_all(state, &letter.marking);
    let says_why = party != REPORTER && !why.is_empty() && state.messages.iter().any(is_open);
    let why = if says_why { format!(": {why}") } else { String::new() };
    let text = format!("message {notice} did not arrive{why}");
    let moved = PartyMoved { party: party.to_owned(), status: PartyStatus::ContactSought, text };
    (is_told && !got_another).then(|| Draft { content: moved.into(), marking: None, minutes: 0 })
}
