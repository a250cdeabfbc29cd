//! Mails that came in: into the conversation they belong to, or held until a person says where.

use std::sync::Arc;

use concert_model::access::{BY_ITSELF, Person};
use concert_model::incident::PartyStatus;
use concert_model::incident::content::{MessageKept, PartyMoved};
use concert_model::incident::draft::Draft;
use concert_model::incident::fold::{Incident, Letter};
use concert_model::incident::mail::{Attached, Openpgp, Sort};
use concert_model::incident::marking::Marking;
use concert_model::{Problem, Time};
use concert_pipeline::mail::address::canonical;
use concert_store::records::{MailRow, Settled};

use super::super::case::Case;
use super::super::made::{Beside, Made};
use super::super::report::of_reporter;
use super::super::write::Right;
use super::super::{Ask, Incidents, Refused, text};
use super::{admit, proof};
use crate::addressees::Addressees;

/// A mail as it was understood.
#[derive(Clone, Debug)]
pub struct Incoming {
    /// What it is.
    pub sort: Sort,
    /// Its text.
    pub text: String,
    /// What OpenPGP says of it.
    pub openpgp: Openpgp,
    /// Its files.
    pub attachments: Vec<Attached>,
    /// Message-ID of what it answers.
    pub answers: String,
    /// The notice of the message that did not arrive, where it says so for good.
    pub missed: Option<String>,
}

/// A text from outside as one line that hides nothing.
pub(in crate::incidents) fn line(text: &str) -> String {
    text.chars().filter(|c| !text::is_hidden(*c)).take(300).collect()
}

/// The entry of a mail.
pub(super) fn kept(row: &MailRow, incoming: &Incoming) -> MessageKept {
    MessageKept {
        party: row.party.clone(),
        incoming: true,
        message_id: line(&row.message_id),
        address: line(&row.from),
        subject: line(&row.subject),
        text: incoming.text.clone(),
        notice: String::new(),
        answers: line(&incoming.answers),
        sort: Some(incoming.sort),
        openpgp: Some(incoming.openpgp.clone()),
        attachments: incoming.attachments.clone(),
        mail: row.seq.cast_unsigned(),
        answer_by: None,
    }
}

/// How what a party writes is marked: as what it answers; else as the incident, for the party too where it may be. What
/// whoever reported it writes is marked like the report.
pub(super) fn marking((case, state): (&Case, &Incident), party: &str, answers: &str) -> Option<Marking> {
    if let Some(own) = of_reporter(case, party) {
        return Some(own);
    }
    // What answers a message to somebody else is not meant for them: it was sent on.
    let answered = state.conversation(party).find(|letter| !answers.is_empty() && letter.message.message_id == answers);
    match answered {
        Some(letter) => Some(letter.marking.clone()),
        None => state.marking.as_ref().map(|whole| admit::marking_for(party, whole).unwrap_or_else(|_| whole.clone())),
    }
}

/// How its party stands because of a mail.
pub(super) fn moved(state: &Incident, party: &str, incoming: &Incoming, why: &str) -> Option<Draft> {
    let status = state.parties.get(party).map(|known| known.status).unwrap_or_default();
    match incoming.sort {
        Sort::Reply => {
            use PartyStatus::{ContactSought, NoAnswer, Seen, Told, Unknown};
            let is_news = matches!(status, Unknown | ContactSought | Told | Seen | NoAnswer);
            let text = "answered by mail".to_owned();
            let moved = PartyMoved { party: party.to_owned(), status: PartyStatus::Acknowledged, text };
            is_news.then(|| Draft { content: moved.into(), marking: None, minutes: 0 })
        }
        Sort::Bounce => proof::untold(state, party, incoming.missed.as_deref()?, why),
        // A machine says nothing of a person.
        Sort::AutoReply | Sort::Report | Sort::ByHand => None,
    }
}

impl Incidents {
    /// Parties that take part in an incident and write from an address, given in its canonical form: it is a contact of
    /// theirs, or messages to them went there, or their report came from it.
    pub(crate) async fn parties_writing_from(
        &self,
        incident: &str,
        book: &Addressees,
        from: &str,
    ) -> Result<Vec<String>, Problem> {
        let case = self.case(incident).await?;
        let state = case.whole();
        let is_it = |address: &str| !from.is_empty() && canonical(address) == from;
        let writes = |party: &&String| {
            let contacts = book.find(party).map(|found| found.into_owned().contacts).unwrap_or_default();
            let is_sure = |letter: &&Arc<Letter>| match letter.message.sort {
                Some(sort) => sort == Sort::Report,
                None => !letter.message.incoming,
            };
            let wrote = state.conversation(party).filter(is_sure).map(|letter| letter.message.address.as_str());
            contacts.iter().any(|contact| is_it(&contact.mail)) || wrote.flat_map(|to| to.split(',')).any(is_it)
        };
        Ok(state.parties.keys().filter(writes).cloned().collect())
    }

    /// Settles a mail whose row names incident and party, together with its entry. Gives its row as it is then.
    /// What cannot be written waits for a person.
    pub async fn receive(&self, now: Time, settled: Settled, incoming: &Incoming) -> Result<MailRow, Problem> {
        let itself = Person::operator(BY_ITSELF);
        let (row, effects) = (settled.row.clone(), settled.effects.clone());
        let (message, beside) = (kept(&row, incoming), Beside::Settle(Box::new(settled)));
        let written = self.write_made(Ask::new(&itself, now), &row.incident, Right::OfContent, |case, _| {
            let state = case.whole();
            let marking = marking((case, &state), &row.party, &message.answers);
            let mut drafts = vec![Draft { content: message.into(), marking, minutes: 0 }];
            drafts.extend(moved(&state, &row.party, incoming, &row.reason));
            Ok(Made { drafts, beside })
        });
        match written.await {
            Ok(_) => Ok(self.store.records.mail(row.seq).await?.unwrap_or(row)),
            Err(Refused::Failed(problem)) => Err(problem),
            Err(other) => {
                tracing::error!(mail = row.seq, "its entry cannot be written: {other:?}");
                let reason = "its entry cannot be written as it came".to_owned();
                let row = MailRow { state: "held".into(), reason, ..row };
                // That a contact answered, or an address is gone, holds all the same.
                self.store.records.settle_mail(&Settled { row, effects, ..Settled::default() }, now).await
            }
        }
    }
}
