//! A rendered notice: what is said to whom, before a transport gives it its final bytes.

use crate::Time;

/// A file that goes with a message.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Attachment {
    /// File name, with its ending.
    pub name: String,
    /// Media type, `text/csv; charset=utf-8`.
    pub media_type: String,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// One notice, rendered. A transport composes its final bytes from this, and where they are encrypted from
/// the keys of those it is for.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Message {
    /// The notice's number, which is also the ticket in the subject and the name of a file.
    pub notice: String,
    /// Message-ID without angle brackets; the same for every copy sent of this notice.
    pub message_id: String,
    /// Whom it is for, as the transport understands it: mail addresses; empty where the transport
    /// has its own target (file, http, irc channel).
    pub to: Vec<String>,
    /// Blind copies: in the envelope, never in the bytes.
    pub bcc: Vec<String>,
    /// Where a mail that cannot be delivered comes back to, in the envelope alone; the transport's own
    /// choice without it, and nowhere where it is empty.
    pub return_path: Option<String>,
    /// Message-ID of the mail that this one answers, without angle brackets.
    pub answers: Option<String>,
    /// Whether a person wrote it, so that it is not marked as one that a machine wrote.
    pub by_person: bool,
    /// One line, without line breaks.
    pub subject: String,
    /// Covering text for people.
    pub text: String,
    /// The same as HTML, where the format is `html`.
    pub html: Option<String>,
    /// The events in the party's format. The `file` and `http` transports deliver just this.
    pub payload: Attachment,
    /// Those of further notices that go in the same mail.
    pub more: Vec<Attachment>,
    /// Language of the text, `en`.
    pub language: String,
    /// When the notice was made; the `Date` of a mail.
    pub date: Time,
}

impl Message {
    /// This message and others to the same receivers as one mail, which has this one's number.
    pub fn join(mut self, others: Vec<Self>) -> Self {
        if !others.is_empty() {
            self.subject = format!("{} (and {} more)", self.subject, others.len());
        }
        for other in others {
            let Self { subject, text, payload, more, .. } = other;
            self.text = format!("{}\n\n{}\n{subject}\n\n{text}", self.text.trim_end(), "-".repeat(72));
            self.html = None;
            self.more.extend([payload].into_iter().chain(more));
        }
        self
    }
}

/// What a peer did with a message that it took for some of those whom it is for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Partly {
    /// What it answered.
    pub said: String,
    /// Who has it, and must not get it again.
    pub taken: Vec<String>,
    /// Who never gets it, and what the peer said of each.
    pub refused: Vec<(String, String)>,
    /// Who is to be tried again, and what the peer said of each.
    pub later: Vec<(String, String)>,
}

/// How an attempt to deliver ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The peer took it. The text is what it answered.
    Done(String),
    /// It took it for some of those whom it is for.
    Partly(Partly),
    /// Not now; try again, no sooner than after so many seconds where the peer said so.
    Later(String, Option<u64>),
    /// It will never be taken; a person must look.
    Never(String),
    /// The peer takes only smaller ones: at most so many bytes, where it said so.
    TooLarge(String, Option<u64>),
    /// Cut off after the peer may have taken it; sent again with the same Message-ID.
    Unsure(String),
}
