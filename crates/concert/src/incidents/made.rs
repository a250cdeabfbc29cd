//! What is to be written into an incident, and what belongs to it in the same step.

use concert_model::Problem;
use concert_model::incident::content::Content;
use concert_model::incident::draft::Draft;
use concert_store::records::{Home, MailRow, Settled};

use super::Refused;
use super::mail::Outgoing;

/// What is to be written, and what is done in the same step.
#[derive(Default)]
pub(super) struct Made {
    pub(super) drafts: Vec<Draft>,
    pub(super) beside: Beside,
}

impl From<Vec<Draft>> for Made {
    fn from(drafts: Vec<Draft>) -> Self {
        Self { drafts, beside: Beside::Nothing }
    }
}

/// What is done in the same step as entries are written.
#[derive(Default)]
pub(super) enum Beside {
    #[default]
    Nothing,
    /// Messages are queued, each of which has an entry of its own; parties that get none, and why.
    Queue { home: Home, letters: Vec<Outgoing>, left_out: Vec<(String, String)> },
    /// A mail that came in is settled; nothing is written where it was before.
    Settle(Box<Settled>),
    /// A person says what a mail is; nothing is written where somebody did before.
    Answer(Box<MailRow>),
    /// The journal takes up how sending a message ended: its notice, and the state of that.
    Prove(String, String),
}

/// Evidence is written about where its bytes are at hand, and mail where it is sent or came in.
pub(super) fn by_hand(drafts: &[Draft]) -> Result<(), Refused> {
    for draft in drafts {
        let hint = match &draft.content {
            Content::EvidenceAdded(_) | Content::Custody(_) | Content::Release(_) => "see `concert evidence --help`",
            Content::Joined(_) => {
                "it belongs into both incidents: see `concert incident merge --help`, `split` and `link`"
            }
            Content::Effort(effort) if !effort.entry.is_empty() => {
                "leave `entry` out, or give `minutes` beside the content of the entry that took them"
            }
            Content::Ruled(_) | Content::LeftOut(_) => "it follows from events",
            Content::Delivered(_) | Content::AttachmentSorted(_) => "see `concert incident mail --help`",
            Content::MessageKept(message)
                if message.mail != 0
                    || message.sort.is_some()
                    || message.openpgp.is_some()
                    || !message.attachments.is_empty() =>
            {
                "what came by mail is told by `concert incident mail`; leave out sort, openpgp, attachments and mail"
            }
            _ => continue,
        };
        return Err(Refused::Wrong(Problem::new("such an entry is not written by hand").hint(hint)));
    }
    Ok(())
}
