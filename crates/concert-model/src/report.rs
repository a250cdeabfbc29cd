//! A report: one thing received, and what is known about how it came.

use crate::{EventId, ReportId, Time};

/// What tells two deliveries apart even when their bytes are equal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A mail, by Message-ID (or the hash of its bytes where it has none).
    Mail(String),
    /// A file, by its name without folders.
    File(String),
    /// A fetch of a list that changes, by the moment it was fetched.
    Fetch(Time),
    /// A push, by the sender's Idempotency-Key, else by the moment it came.
    Push(String),
    /// Lines from a live channel, by the moment the first of them came and a counter.
    Live(Time, u64),
}

impl Origin {
    /// The text that goes into the report's identity and is shown to people.
    pub fn text(&self) -> String {
        match self {
            Self::Mail(id) => format!("mail {id}"),
            Self::File(name) => format!("file {name}"),
            Self::Fetch(time) => format!("fetch {time}"),
            Self::Push(key) => format!("push {key}"),
            Self::Live(time, count) => format!("live {time} {count}"),
        }
    }
}

/// A report as it was received: everything but its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The feed it came in by.
    pub feed: String,
    /// Where it came from.
    pub origin: Origin,
    /// When it was received.
    pub received: Time,
    /// Who sent it, as the transport says (mail address, nickname). Empty when unknown.
    pub sender: String,
    /// File name it had (attachment, folder, `Content-Disposition`). Empty when unknown.
    pub file_name: String,
    /// Address it was fetched from. Empty when it was not fetched.
    pub url: String,
    /// Media type the sender stated. Empty when none was.
    pub media_type: String,
}

impl Receipt {
    /// The identity of this receipt of these bytes (`content` is their BLAKE3 hash).
    pub fn id(&self, content: &[u8; 32]) -> ReportId {
        ReportId::new(&self.feed, content, &self.origin.text())
    }
}

/// A piece of a report that could not become an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// Line or record number, from 1.
    pub line: u64,
    /// The identity that the event would have had, where it is known.
    pub event: Option<EventId>,
    /// Member of an archive or mail it stood in; empty for the report itself.
    pub part: String,
    /// Column or field that was wrong; empty when the whole piece was.
    pub field: String,
    /// Why, as a sentence without a full stop.
    pub reason: String,
    /// The piece itself, cut to [`Reject::TEXT_BYTES_MAX`].
    pub text: String,
}

/// The text without the part of a letter at its end.
fn whole_letters(text: &[u8]) -> &[u8] {
    match std::str::from_utf8(text) {
        Err(error) if error.error_len().is_none() => text.get(..error.valid_up_to()).unwrap_or(text),
        _ => text,
    }
}

impl Reject {
    /// No more than this many bytes of the rejected text are kept beside the reason.
    pub const TEXT_BYTES_MAX: usize = 2048;

    /// A reject with its text cut, between letters, and made readable (bytes that are not UTF-8 are replaced).
    pub fn new(line: u64, field: impl Into<String>, reason: impl Into<String>, text: &[u8]) -> Self {
        let cut = text.get(..Self::TEXT_BYTES_MAX).map_or(text, whole_letters);
        Self {
            line,
            event: None,
            part: String::new(),
            field: field.into(),
            reason: reason.into(),
            text: String::from_utf8_lossy(cut).into_owned(),
        }
    }
}
