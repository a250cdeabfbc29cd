//! What the API needs of incidents, and of who asks.
//!
//! The site decides about access; here a person is only found out and handed on. What a person may not
//! see is [`Refusal::Missing`], so that nobody learns from an answer that there is something.

use std::time::Duration;

use async_trait::async_trait;
use concert_model::Time;
use concert_model::access::{Action, Person};
use concert_model::incident::content::{Act, Role};
use concert_model::incident::draft::{Beginning, Draft, MailAnswer, NewIncident, NewMessage, Telling};
use concert_model::incident::due::Kind;
use concert_model::incident::marking::{Marking, Tlp};
use concert_model::user::{Scope, Standing};
use serde::Deserialize;
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
    /// Minutes that it took; 0 for none.
    pub minutes: u32,
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
    /// Closed, and answered later.
    pub late: bool,
}

/// Which entries of an incident are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WantedEntries {
    /// Of these kinds, with commas between them.
    pub kind: Option<String>,
    /// Written by this one.
    pub author: Option<String>,
    /// Written at this moment or later.
    pub since: Option<Time>,
    /// Written before this moment.
    pub until: Option<Time>,
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

/// How two incidents are joined, or taken apart again.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Joining {
    /// `into`: this one is merged into the other; `parent`: the other is its parent; `split-to`: a split.
    #[serde(rename = "as")]
    pub how: String,
    /// The other incident.
    pub incident: String,
    /// Whether they are joined, or taken apart.
    pub joined: bool,
    /// Why.
    pub reason: String,
}

/// A new incident that shows parts of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Splitting {
    /// The new incident.
    pub new: NewIncident,
    /// Parties whose part is moved.
    pub parties: Vec<String>,
    /// Observables that are moved.
    pub observables: Vec<String>,
    /// Hosts that are moved, with their flows.
    pub hosts: Vec<String>,
    /// Entries that are moved, by their numbers.
    pub entries: Vec<u64>,
    /// Why.
    pub reason: String,
}

/// How evidence is read as a log.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lines {
    /// The parser.
    pub parser: String,
    /// Its settings, as lines of TOML; they name no files.
    #[serde(default)]
    pub set: Vec<String>,
    /// The zone of times that name none; empty for none.
    #[serde(default)]
    pub zone: String,
    /// How wrong its clock may be, in seconds.
    #[serde(default)]
    pub clock_error: u32,
    /// Whether nothing is written.
    #[serde(default)]
    pub preview: bool,
}

/// What one person answers for in an incident is to go to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandingOver {
    /// From whom; nobody said means who asks.
    pub from: Option<String>,
    /// To whom.
    pub to: String,
    /// This role alone.
    pub role: Option<Role>,
    /// Whether open tasks go too.
    pub open_tasks: bool,
}

/// Who answers for values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asking {
    /// Addresses, networks, AS numbers, domains, URLs.
    pub values: Vec<String>,
    /// Only contacts for this purpose.
    pub purpose: Option<String>,
    /// Whether it is told what was passed over.
    pub explain: bool,
}

/// Parties of the contact book.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Whose {
    /// Those that the site answers for.
    Constituents,
    /// Teams of last resort.
    Teams,
}

/// Parties that are to be all there are.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Import {
    /// Which parties.
    pub parties: Whose,
    /// Files, which together are all of them.
    pub files: Vec<ImportFile>,
    /// Whether it is only told what would change.
    #[serde(default)]
    pub dry_run: bool,
    /// Whether all parties are let go of where the files hold none.
    #[serde(default)]
    pub remove_all: bool,
}

/// A file of parties.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImportFile {
    /// What it is called; one that ends in `.json` is JSON, any other CSV.
    pub name: String,
    /// What stands in it.
    pub text: String,
}

/// What is to become of a notice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoticeDeed {
    /// It goes, though it waits for a person.
    Approve,
    /// It is held back for good, and why.
    Reject(String),
    /// It is due now.
    Send,
    /// It is tried again, to another address where one is given; one that was rejected waits for approval again.
    Retry(Option<String>),
    /// It is sent once more, as a new one, to another address where one is given.
    Resend(Option<String>),
}

/// Which runs of a process are counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Runs {
    /// Of this version.
    pub version: Option<u32>,
    /// Begun then or later.
    pub since: Option<Time>,
}

/// Which things are wanted that come due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WantedDue {
    /// Only what the person answers for.
    pub mine: bool,
    /// Only things of this kind.
    pub kind: Option<Kind>,
    /// Only those that are due within this time, and those that are overdue.
    pub within: Option<Duration>,
}

/// The bytes of evidence on their way in, and the trouble that ended them.
pub type Coming = mpsc::Receiver<std::io::Result<Bytes>>;
/// The bytes of evidence on their way out.
pub type Going = mpsc::Receiver<std::io::Result<Bytes>>;

/// How evidence was got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Taken from where it was.
    Collected,
    /// From somebody.
    Received(String),
    /// Made from other evidence, by its SHA-256.
    Derived(String),
}

/// Evidence that is to be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEvidence {
    /// Its name, as it came.
    pub name: String,
    /// What it is.
    pub text: String,
    /// How it is marked, where that is not as the incident.
    pub marking: Option<Marking>,
    /// How it was got.
    pub origin: Origin,
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
    /// Its number of bytes, where that is known.
    pub length: Option<u64>,
    /// Its bytes.
    pub bytes: Going,
}

/// A list besides those of incidents and their entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listing {
    /// Evidence of an incident with its custody.
    Exhibits(String),
    /// One of the lists of an incident: `tasks`.
    Rows(String, String),
    /// Steps of the processes that are followed in an incident; only those in this state.
    Steps(String, Option<String>),
    /// Mails that wait for a person, over all incidents.
    Mails,
    /// Mails to the site that belong to no notice and no incident; only those in this state, and of this kind.
    Mailbox(Option<String>, Option<String>),
    /// Clocks of laws that the site goes by.
    Clocks,
    /// Processes that new runs use.
    Processes,
    /// Users, by name.
    Users,
    /// Tokens; only those of this user.
    Tokens(Option<String>),
    /// Rows of the audit log, newest first.
    Audit(Audit),
    /// The same of an incident.
    AuditOf(String, Audit),
    /// Contacts of all parties.
    Contacts,
    /// Whether contacts answer, worst first.
    ContactHealth,
    /// What of the parties cannot work.
    ContactFindings,
    /// What would go to whom now; of this kind of notice alone.
    WouldGo(Option<String>),
}

/// Which rows of the audit log are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audit {
    /// What this one did.
    pub who: Option<String>,
    /// What was done to this.
    pub object: Option<String>,
    /// From this moment on.
    pub since: Option<Time>,
    /// What was denied.
    pub denied: bool,
}

/// One thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Thing {
    /// Evidence with its custody: incident and SHA-256.
    Exhibit(String, String),
    /// Whether evidence is as it was added: incident and SHA-256.
    LookedAtEvidence(String, String),
    /// Whether the journal of an incident is as it was written.
    LookedAtJournal(String),
    /// A process in all its forms.
    Process(String),
    /// A user.
    User(String),
    /// Who answers for values.
    Who(Asking),
    /// A party with its contacts.
    Party(String),
    /// Parties as a file that can be imported; whether as JSON.
    Export(Whose, bool),
    /// How far the replay of a feed is.
    Replay(String),
    /// What work took and cost.
    Cost(Cost, Slice),
    /// Whether the file of a process has mistakes.
    Mistakes(String),
    /// Values that an incident names, with what other incidents and events know of each: a part of them.
    Observables(String, Slice),
    /// What entries of all incidents and events say of a value: a part of the entries.
    About(String, Slice),
    /// What would be told to which parties of an incident: a part of the messages.
    Tellings(String, Telling, Slice),
    /// What would go from one to another in an incident.
    HandOver(String, HandingOver),
}

/// Which work is counted, and by what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// In one incident; else in all.
    pub incident: Option<String>,
    /// What each row is for: `incident`, `type`, `party`, `person`, `work`.
    pub by: Option<String>,
    /// Written down from this moment on.
    pub since: Option<Time>,
    /// Written down before this moment.
    pub until: Option<Time>,
}

/// Something that is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Written about evidence: incident, SHA-256, and what was done with it.
    Handle(String, String, Handling),
    /// Evidence is to go to a party: incident, SHA-256, party, reason.
    Release(String, String, String, String),
    /// An incident, or one of its entries, is to be marked otherwise, and why.
    Mark(String, Option<u64>, Marking, String),
    /// What an entry of an incident says is to go, and why.
    Erase(String, u64, String),
    /// A clock of a law begins in an incident.
    StartClock(String, StartingClock),
    /// An incident is to be opened that begins with a report or a mail.
    OpenFrom(NewIncident, Beginning),
    /// All parties of a kind are to be told, each its own facts.
    Tell(String, Telling),
    /// What one answers for in an incident goes to another.
    HandOver(String, HandingOver),
    /// A process begins in an incident, under a name of its own and for one party.
    StartProcess(String, String, Option<String>, String),
    /// A user is to be added.
    AddUser(NewUser),
    /// A user is to be changed.
    ChangeUser(String, UserChange),
    /// A user gets a password for one login; whether the second factor stays.
    SetPassword(String, String, bool),
    /// A token is to be made: for whom, for what, for how long.
    AddToken(String, Vec<Scope>, Duration),
    /// A token is to end.
    RevokeToken(i64),
    /// Parties are to be replaced.
    Import(Import),
    /// Something becomes of a notice.
    Notice(String, NoticeDeed),
    /// Events are let go that wait for a notice of this name, which the settings no longer have.
    DropNotice(String),
    /// Reports of a feed are read once more: those received from a moment on.
    Replay(String, Option<Time>),
}

/// A clock of a law that begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StartingClock {
    /// Its name in the catalogue.
    pub clock: String,
    /// Since when it runs; now where that is not said.
    pub since: Option<Time>,
    /// The party for which it runs; empty for the incident as a whole.
    pub party: String,
    /// Why it begins anew; empty where it was not started before.
    pub again: String,
}

/// What was done with evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handling {
    /// What was done.
    pub act: Act,
    /// From whom it was got, or who got the copy.
    pub whom: String,
    /// Where.
    pub place: String,
    /// Why.
    pub reason: String,
}

/// A user who is to be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewUser {
    /// What the user logs in as.
    pub name: String,
    /// What others call the person.
    pub full_name: String,
    /// Mail address; empty for none.
    pub mail: String,
    /// What the person stands for in the site.
    pub standing: Vec<Standing>,
    /// The strictest label the person may read.
    pub clearance: Tlp,
    /// For the first login.
    pub password: String,
}

/// What of a user is to become different; the rest stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserChange {
    /// Another full name.
    pub full_name: Option<String>,
    /// Another mail address.
    pub mail: Option<String>,
    /// Other standing roles, instead of all there were.
    pub standing: Option<Vec<Standing>>,
    /// Another clearance.
    pub clearance: Option<Tlp>,
    /// Whether the user is kept out.
    pub disabled: Option<bool>,
}

/// Entries that were written, as far as a reader may see them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Changes {
    /// Entries with their numbers, oldest first.
    pub rows: Vec<(u64, Value)>,
    /// Up to which entry was looked.
    pub reached: u64,
}

/// Incidents of a site, as its API sees them. Everything is given as the JSON that the API answers.
#[async_trait]
pub trait Desk: Send + Sync + 'static {
    /// Incidents, what changed last first.
    async fn incidents(&self, person: &Person, wanted: Wanted, slice: Slice) -> Result<Page<Value>, Refusal>;

    /// One incident, by identity or number.
    async fn incident(&self, person: &Person, name: &str) -> Result<Value, Refusal>;

    /// Its entries that are wanted, oldest first.
    async fn entries(
        &self,
        person: &Person,
        name: &str,
        wanted: WantedEntries,
        slice: Slice,
    ) -> Result<Page<Value>, Refusal>;

    /// Its journal as it is kept, a line of JSON for each entry.
    async fn journal(&self, person: &Person, name: &str) -> Result<Going, Refusal>;

    /// Opens an incident. Durable when it answers.
    async fn open(&self, change: Change, new: NewIncident) -> Result<Value, Refusal>;

    /// What is to be written into an incident, with the members of tasks and findings that are not given.
    async fn with_kept_members(&self, person: &Person, name: &str, value: Value) -> Result<Value, Refusal>;

    /// Writes into an incident. Durable when it answers.
    async fn write(&self, change: Change, name: &str, drafts: Vec<Draft>) -> Result<Value, Refusal>;

    /// Adds evidence. Durable when it answers.
    async fn add_evidence(&self, change: Change, name: &str, new: NewEvidence, bytes: Coming)
    -> Result<Value, Refusal>;

    /// Evidence by its SHA-256, whose custody tells the place and the reason of this copy.
    async fn evidence(&self, change: Change, name: &str, sha256: &str, why: [String; 2]) -> Result<Outgoing, Refusal>;

    /// Reads evidence as a log into timeline and proposals. Durable when it answers.
    async fn read_lines(&self, change: Change, name: &str, sha256: &str, lines: Lines) -> Result<Value, Refusal>;

    /// Joins two incidents, or takes them apart. Durable when it answers.
    async fn join(&self, change: Change, name: &str, joining: Joining) -> Result<Value, Refusal>;

    /// Splits an incident. Durable when it answers.
    async fn split(&self, change: Change, name: &str, splitting: Splitting) -> Result<Value, Refusal>;

    /// Evidence as a bag in a tar archive: all that the person sees, or what was released to a party; and why.
    async fn bag(&self, change: Change, name: &str, party: Option<&str>, reason: &str) -> Result<Outgoing, Refusal>;

    /// A list.
    async fn list(&self, person: &Person, listing: Listing, slice: Slice) -> Result<Page<Value>, Refusal>;

    /// One thing.
    async fn thing(&self, person: &Person, thing: Thing) -> Result<Value, Refusal>;

    /// Does something. Durable when it answers.
    async fn act(&self, change: Change, deed: Deed) -> Result<Value, Refusal>;

    /// The number of the newest entry of all incidents.
    async fn last_entry(&self) -> Result<u64, Refusal>;

    /// What was written after an entry into one incident or into all, as far as the person may see it. Looks at
    /// no more than some entries.
    async fn changes(&self, person: &Person, name: Option<&str>, after: u64) -> Result<Changes, Refusal>;

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

    /// The chain of victims of an incident; and that something of a party is left out, which may not be told to it.
    async fn chain(
        &self,
        person: &Person,
        name: &str,
        way: Way,
        slice: Slice,
    ) -> Result<(Page<Value>, Option<String>), Refusal>;

    /// Who may do something with an incident or an entry, or why somebody may not.
    async fn access(
        &self,
        person: &Person,
        name: &str,
        question: Question,
        slice: Slice,
    ) -> Result<Page<Value>, Refusal>;

    /// Runs of processes in an incident: each with its steps and how they stand.
    async fn progress(&self, person: &Person, name: &str, slice: Slice) -> Result<Page<Value>, Refusal>;

    /// What is to be done in open incidents, what is due first before the rest.
    async fn due(&self, person: &Person, wanted: WantedDue, slice: Slice) -> Result<Page<Value>, Refusal>;

    /// What became of the runs of a process.
    async fn process_numbers(&self, person: &Person, name: &str, wanted: Runs) -> Result<Value, Refusal>;
}
