//! What the API needs of incidents, and of who asks.
//!
//! The site decides about access; here a person is only found out and handed on. What a person may not
//! see is [`Refusal::Missing`], so that nobody learns from an answer that there is something.

use async_trait::async_trait;
use concert_model::access::{Action, Person};
use concert_model::incident::draft::{Draft, MailAnswer, NewIncident, NewMessage};
use concert_model::incident::marking::Tlp;
use serde_json::Value;
use tokio::sync::mpsc;

pub use axum::body::Bytes;

use crate::site::{Page, Refusal, Slice};

/// A request that changes something.
#[derive(Clone, Debug)]
pub struct Change {
    /// Who asks.
    pub person: Person,
    /// A key of the caller's choice with the digest of the request: sent again, it happens once.
    pub key: Option<(String, [u8; 32])>,
    /// The last entry the caller had seen, where that matters.
    pub seen: Option<u64>,
}

/// Which incidents are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// In this state.
    pub status: Option<String>,
    /// Of this type.
    pub classification: Option<String>,
    /// This bad.
    pub severity: Option<String>,
}

/// Whom a question about access is about, and what the person wants to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// An entry, by its number; else the incident itself.
    pub entry: Option<u64>,
    /// One person; else everybody who may.
    pub person: Option<String>,
    /// What is to be done.
    pub action: Action,
}

/// In which direction the chain of victims is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// Hosts whose upstream is not known, with what to ask for.
    Frontier,
    /// From where a host may have been reached.
    Upstream(String),
    /// What may have been reached from it.
    Downstream(String),
    /// The flows of a party's hosts, as it may know them.
    Of(String),
}

/// The bytes of evidence on their way in, and the trouble that ended them.
pub type Coming = mpsc::Receiver<std::io::Result<Bytes>>;
/// The bytes of evidence on their way out.
pub type Going = mpsc::Receiver<std::io::Result<Bytes>>;

/// Evidence that is to be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEvidence {
    /// Its name, as it came.
    pub name: String,
    /// What it is.
    pub text: String,
    /// Its label, where it is not that of the incident.
    pub tlp: Option<Tlp>,
    /// Whom it was received from; else it was collected.
    pub from: Option<String>,
    /// Where it was got.
    pub place: String,
    /// Why.
    pub reason: String,
}

/// Evidence on its way out.
#[derive(Debug)]
pub struct Outgoing {
    /// Its name, without folders and control characters.
    pub name: String,
    /// Its number of bytes.
    pub length: u64,
    /// Its bytes.
    pub bytes: Going,
}

/// Incidents of a site, as its API sees them. Everything is given as the JSON that the API answers.
#[async_trait]
pub trait Desk: Send + Sync + 'static {
    /// Who comes with this token, or with none.
    async fn person(&self, token: Option<&str>) -> Result<Person, Refusal>;

    /// Incidents, what changed last first.
    async fn incidents(&self, person: &Person, wanted: Wanted, slice: Slice) -> Result<Page<Value>, Refusal>;

    /// One incident, by identity or number.
    async fn incident(&self, person: &Person, name: &str) -> Result<Value, Refusal>;

    /// Its entries, oldest first.
    async fn entries(&self, person: &Person, name: &str, slice: Slice) -> Result<Page<Value>, Refusal>;

    /// Its journal as it is kept, a line of JSON for each entry.
    async fn journal(&self, person: &Person, name: &str) -> Result<String, Refusal>;

    /// Opens an incident. Durable when it answers.
    async fn open(&self, change: Change, new: NewIncident) -> Result<Value, Refusal>;

    /// Writes into an incident. Durable when it answers.
    async fn write(&self, change: Change, name: &str, drafts: Vec<Draft>) -> Result<Value, Refusal>;

    /// Adds evidence. Durable when it answers.
    async fn add_evidence(&self, change: Change, name: &str, new: NewEvidence, bytes: Coming)
    -> Result<Value, Refusal>;

    /// Evidence by its SHA-256, whose custody tells the place and the reason of this copy.
    async fn evidence(&self, person: &Person, name: &str, sha256: &str, why: [String; 2]) -> Result<Outgoing, Refusal>;

    /// Messages to the parties and from them, oldest first, and the mails that wait for this person.
    async fn messages(
        &self,
        person: &Person,
        name: &str,
        party: Option<String>,
        slice: Slice,
    ) -> Result<Value, Refusal>;

    /// What a message would be; refused where sending it would be.
    async fn preview(&self, change: Change, name: &str, new: NewMessage) -> Result<Value, Refusal>;

    /// Queues a message. Durable when it answers.
    async fn send(&self, change: Change, name: &str, new: NewMessage) -> Result<Value, Refusal>;

    /// A mail that waits for a person.
    async fn mail(&self, person: &Person, name: &str, number: i64) -> Result<Value, Refusal>;

    /// Says what a mail is, or what becomes of one of its files. Durable when it answers.
    async fn answer_mail(&self, change: Change, name: &str, number: i64, answer: MailAnswer) -> Result<Value, Refusal>;

    /// Entries with all these words, newest first.
    async fn search(&self, person: &Person, words: &str, slice: Slice) -> Result<Page<Value>, Refusal>;

    /// The chain of victims of an incident.
    async fn chain(&self, person: &Person, name: &str, way: Way) -> Result<Vec<Value>, Refusal>;

    /// Who may do something with an incident or an entry, or why somebody may not.
    async fn access(&self, person: &Person, name: &str, question: Question) -> Result<Vec<Value>, Refusal>;
}
