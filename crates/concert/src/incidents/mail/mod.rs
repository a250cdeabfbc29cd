//! Mail with the parties of an incident: what goes out, and what comes in.
//!
//! A message goes out as a notice without events, so it is queued, retried, signed and encrypted like any
//! other; its entry and its place in the queue are one step. What comes in is taken from the mailbox like any
//! answer, and its entry and its being settled are one step too. A kill at any moment loses and doubles nothing.

mod admit;
mod held;
mod names;
mod proof;
mod receive;
mod send;
mod tell;
#[cfg(test)]
mod tests;

use concert_model::Time;
use concert_model::incident::content::MessageKept;
use concert_model::incident::draft::Draft;
use concert_model::incident::fold::Incident;
use concert_model::incident::journal::hex;
use concert_model::incident::mail::Attached;
use concert_model::incident::marking::{Marking, Tlp};
use concert_store::records::{Change, Home, NewNotice, messages, settle};
use serde::{Deserialize, Serialize};

use super::Refused;
use super::made::{Beside, Made};
use super::write::{salt, wrong};

pub(super) use admit::{Strangers, hosts_in, known, names_host_of_others, plain};
pub use held::Reader;
pub(super) use names::{Folded, Names};
pub use receive::Incoming;
pub(super) use receive::line;
pub use send::{Post, Preview};
pub use tell::Told;

/// What the notice that carries a message is composed of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Words {
    /// The number of the incident, which is the ticket in the subject.
    pub number: String,
    /// How the message is marked.
    pub tlp: Tlp,
    /// The subject, without the ticket.
    pub subject: String,
    /// The text.
    pub text: String,
    /// Evidence that goes with it.
    pub attachments: Vec<Attached>,
    /// Message-ID of the message that it answers; empty for none.
    pub answers: String,
    /// Until when an answer is asked for, where one is.
    #[serde(default)]
    pub answer_by: Option<i64>,
}

/// A message that is to be queued.
pub(super) struct Outgoing {
    /// The notice that carries it.
    pub(super) notice: NewNotice,
    /// What it is composed of.
    pub(super) words: Words,
    /// How its entry is marked.
    pub(super) marking: Marking,
}

/// Whether what a message says may stand in what is marked like the incident: whoever reads that may read the message.
fn is_open_to_all(state: &Incident, marking: &Marking) -> bool {
    state.marking.as_ref().is_some_and(|whole| !whole.widens(marking))
}

/// Does what belongs to entries, in their change. Gives all that is to be written then.
pub(super) async fn beside(change: &mut Change<'_>, now: Time, made: Made) -> Result<Vec<Draft>, Refused> {
    let Made { drafts, beside } = made;
    match beside {
        Beside::Nothing => Ok(drafts),
        Beside::Queue { home, letters, .. } => {
            let mut all = Vec::with_capacity(letters.len() + drafts.len());
            for letter in letters {
                all.push(queue(change, now, &home, letter).await?);
            }
            all.extend(drafts);
            Ok(all)
        }
        Beside::Settle(settled) => match settle(change, &settled, now).await? {
            (_, true) => Ok(drafts),
            // It came by another way before; that it is a copy is written down.
            (_, false) => Ok(Vec::new()),
        },
        Beside::Answer(row) => match messages::answer_held(change, &row).await? {
            true => Ok(drafts),
            false => Err(wrong("this mail does not wait any more")),
        },
        Beside::Prove(notice, state) => match messages::prove(change, &notice, &state).await? {
            true => Ok(drafts),
            false => Ok(Vec::new()),
        },
    }
}

async fn queue(change: &mut Change<'_>, now: Time, home: &Home, letter: Outgoing) -> Result<Draft, Refused> {
    let Outgoing { notice, words, marking } = letter;
    let body = serde_json::to_string(&words).map_err(|error| wrong(format!("it cannot be kept: {error}")))?;
    let secret = hex(salt()?.get(..8).unwrap_or_default());
    let (id, message_id) = messages::queue(change, now, home, (&notice, &body, &secret)).await?;
    let message = MessageKept {
        party: notice.party,
        incoming: false,
        message_id,
        address: notice.recipient,
        subject: words.subject,
        text: words.text,
        notice: id,
        answers: words.answers,
        sort: None,
        openpgp: None,
        attachments: words.attachments,
        mail: 0,
        answer_by: words.answer_by,
    };
    Ok(Draft { content: message.into(), marking: Some(marking), minutes: 0 })
}
