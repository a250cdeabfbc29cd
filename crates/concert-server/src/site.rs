//! What pages and API need to know of a site, and the only way they ask.
//!
//! The program implements [`Site`] over its stores. Nothing here knows how anything is kept, so the
//! server is tested with a site made up in memory.

use std::sync::Arc;

use async_trait::async_trait;
use concert_model::Time;
use concert_model::access::Person;
use concert_model::incident::Tlp;
use concert_model::problem::counted;
use jiff::tz::TimeZone;
use tokio::sync::broadcast;

pub use crate::slice::{Page, Slice};

/// What kinds of mail the mailbox of the team tells apart.
pub const MAIL_KINDS: [&str; 13] = [
    "reply",
    "auto-reply",
    "generated",
    "bounce",
    "behind",
    "delay",
    "arrived",
    "feedback",
    "list",
    "bulk",
    "written",
    "complaint",
    "too-large",
];

/// A site, as its pages and its API see it.
#[async_trait]
pub trait Site: crate::desk::Desk + crate::door::Door {
    /// The present moment.
    fn now(&self) -> Time;

    /// Everything the overview page shows, but for feeds of which the person may not know.
    async fn overview(&self, person: &Person) -> Result<Overview, Refusal>;

    /// Every feed that a person may see, in the order of the settings.
    async fn feeds(&self, person: &Person) -> Result<Vec<Feed>, Refusal>;

    /// Notices that a person may see, newest first.
    async fn notices(&self, person: &Person, wanted: WantedNotices, slice: Slice) -> Result<Page<NoticeRow>, Refusal>;

    /// One notice with its exact bytes; nothing also where the person may not see it.
    async fn notice(&self, person: &Person, id: &str) -> Result<Option<NoticeText>, Refusal>;

    /// Whether this token may push into this feed, and if so how many bytes a report may have. `None`
    /// for a wrong token, for a feed that takes no pushes and for one that does not exist alike.
    /// Compare tokens with [`crate::same_secret`].
    async fn admit(&self, feed: &str, token: &str) -> Option<u64>;

    /// How many bytes a report may have that is pushed into this feed; nothing where it takes none.
    fn push_limit(&self, feed: &str) -> Option<u64>;

    /// Keeps a pushed report. Answers only when it is durable. The feed was admitted before.
    async fn push(&self, push: Push) -> Result<Pushed, Refusal>;

    /// Events from the store that a person may see, newest first, each as one flat JSON object.
    async fn events(&self, person: &Person, condition: Option<String>, slice: Slice) -> Result<Page<String>, Refusal>;

    /// New events as they become durable. A reader that falls behind loses the oldest of them and is
    /// told how many.
    fn subscribe(&self) -> broadcast::Receiver<Arc<NewEvent>>;

    /// Whether a person may see an event.
    fn shows(&self, person: &Person, event: &NewEvent) -> bool;

    /// Takes note that a person is shown an event, before it is sent.
    async fn showing(&self, person: &Person, event: &NewEvent) -> Result<(), Refusal>;

    /// Whether work can be taken: stores are open and writable. The error is a sentence.
    async fn ready(&self) -> Result<(), String>;

    /// Whether no feed and no mailbox is looked at, because the settings say so.
    fn is_paused(&self) -> bool {
        false
    }

    /// Opens what only reads anew, in the thread that calls: one that gives way to others. Reading works without it too.
    async fn open_readers(&self) {}

    /// Numbers for `/metrics` besides those of feeds and notices, which are taken from the overview, as is what
    /// both know; of feeds as far as the person may know of them.
    async fn metrics(&self, _: &Person, _: &Overview) -> Vec<Metric> {
        Vec::new()
    }
}

/// Why a request is not answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The request is wrong; the sentence says how.
    Wrong(String),
    /// The request is wrong, with a place and a hint.
    Mistake(concert_model::Problem),
    /// There is no such thing, or the person may not know of it.
    Missing,
    /// What the request names is not there, or the person may not know of it: which, in the same words for both.
    Absent(concert_model::Problem),
    /// The key of the request was used for another request.
    Used,
    /// It was there, as the person may know, and is no more.
    Gone(String),
    /// Nobody comes with this token or session.
    Unknown,
    /// Name, password and code do not belong together; or all that is missing is a code.
    Unproven {
        /// Whether the password is right, and a code of the second factor is wanted besides.
        code_wanted: bool,
    },
    /// It is about a session, and the request belongs to none.
    NoSession,
    /// Too often; not again before so many seconds.
    TooMany(String, u64),
    /// It may be seen, but not done.
    Denied(concert_model::access::Decision),
    /// The request is wrong in several places.
    Mistakes(Vec<concert_model::Problem>),
    /// There is one of this name already, or it is not in the state for it.
    Taken(String),
    /// Somebody changed it since it was read: what changed.
    Stale(Vec<serde_json::Value>),
    /// It was merged into another incident: its number, where the person may know it.
    Merged(Option<String>),
    /// Not now; ask again after so many seconds.
    Busy(String, u64),
    /// Something failed here. The sentence goes to the log, not to the caller.
    Failed(String),
}

/// Everything the overview page shows.
#[derive(Clone, Debug)]
pub struct Overview {
    /// Name of the site.
    pub site: String,
    /// Zone that times are shown in.
    pub zone: TimeZone,
    /// Version of the program.
    pub version: String,
    /// Every feed, in the order of the settings.
    pub feeds: Vec<Feed>,
    /// The last 48 hours, oldest first.
    pub hours: Vec<Hour>,
    /// The latest rejects, newest first; twenty are enough.
    pub rejects: Vec<RejectRow>,
    /// The latest notices, newest first; twenty are enough.
    pub notices: Vec<NoticeRow>,
    /// Notices by state.
    pub notice_counts: NoticeCounts,
    /// Notices that a person must look at, newest first; twenty are enough.
    pub stuck: Vec<Stuck>,
    /// Mails that wait for a person, newest first; twenty are enough. Those of incidents stand there.
    pub held: Vec<HeldMail>,
    /// Why the mailbox of answers could not be read at the last look.
    pub mailbox: Option<String>,
    /// What may be missing: live lines that nobody heard, files that were refused. Newest first; ten are enough.
    pub gaps: Vec<GapRow>,
    /// Whether no feed and no mailbox is looked at, because the settings say so.
    pub paused: bool,
}

/// A feed and how it does.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Feed {
    /// Name in the settings.
    pub name: String,
    /// How reports come: `imap`, `http`, ...
    pub collector: String,
    /// How they are read.
    pub parser: String,
    /// How it does.
    pub state: FeedState,
    /// When a report last came or a look last went well.
    pub last_good: Option<Time>,
    /// What went wrong last, unless it went well since.
    pub last_error: Option<String>,
    /// Reports ever.
    pub reports: u64,
    /// Events ever.
    pub events: u64,
    /// Duplicates ever.
    pub duplicates: u64,
    /// Rejects ever.
    pub rejects: u64,
    /// Events in the last 24 hours.
    pub events_day: u64,
    /// Events a day as they usually are, lowest and highest; nothing while too little is known.
    pub expected_day: Option<(u64, u64)>,
    /// What `volume` is judged by: what the settings say for a time of their own, or else what is usual in a day.
    pub band: Option<Band>,
    /// How what came compares with that.
    pub volume: Volume,
    /// When a report last came.
    pub last_report: Option<Time>,
    /// Whether it has been quiet for longer than it should.
    pub stale: bool,
    /// Why nothing was read from the newest report; empty when something was.
    pub refusal: String,
    /// What of the last 24 hours may be missing: lines that were not heard, a file that was refused.
    pub missing: Option<String>,
    /// Since when a list is being fetched that takes long, and how many bytes of it came.
    pub fetching: Option<(Time, u64)>,
    /// Whether nobody looks at it, because the settings say so of all that collects.
    pub paused: bool,
}

impl Feed {
    /// Whether something was left out that can still be had, such as a file that was refused. What was said in a chat while
    /// nobody listened cannot, and each restart makes such a gap.
    pub fn has_left_out(&self) -> bool {
        self.missing.is_some() && self.collector != "irc"
    }

    /// Whether what came is not what should: far fewer or more events, a report that was not read, something left out.
    pub fn is_unusual(&self) -> bool {
        matches!(self.volume, Volume::Low | Volume::High) || !self.refusal.is_empty() || self.has_left_out()
    }

    /// What somebody should look at, as a sentence without a full stop; empty when all is as expected.
    pub fn remark(&self) -> String {
        if self.paused {
            return "not looked at: `paused` of [collect] is set".to_owned();
        }
        if let Some((since, bytes)) = self.fetching {
            return format!("being fetched since {since}, {bytes} bytes so far");
        }
        if !self.refusal.is_empty() {
            return format!("the newest report was not read: {}", self.refusal);
        }
        if self.stale {
            let since = self.last_report.map_or_else(|| "ever".to_owned(), |time| format!("since {time}"));
            return format!("no report {since}, which is longer than usual");
        }
        let Band { events, low, high, seconds } = self.band.unwrap_or_default();
        let came = format!("{events} events in {}", span(seconds));
        match self.volume {
            Volume::Low => format!("{came} where at least {low} are expected"),
            Volume::High => format!("{came} where at most {high} are expected"),
            Volume::Unknown | Volume::Usual => {
                let missing = |why: &String| format!("something of the last 24 hours may be missing: {why}");
                self.missing.as_ref().map(missing).unwrap_or_default()
            }
        }
    }
}

/// How many events came within a time, and how many are expected in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Band {
    /// Events that came.
    pub events: u64,
    /// Fewer are too few.
    pub low: u64,
    /// More are too many.
    pub high: u64,
    /// The time, which ends now.
    pub seconds: i64,
}

/// A time in the largest unit that it is whole in.
fn span(seconds: i64) -> String {
    match seconds {
        _ if seconds % 3600 == 0 => counted(seconds / 3600, "hour"),
        _ if seconds % 60 == 0 => counted(seconds / 60, "minute"),
        _ => counted(seconds, "second"),
    }
}

/// How many events came, beside what is expected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Volume {
    /// Too little is known to say.
    #[default]
    Unknown,
    /// As many as expected.
    Usual,
    /// Far fewer.
    Low,
    /// Far more.
    High,
}

impl Volume {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Usual => "usual",
            Self::Low => "low",
            Self::High => "high",
        }
    }
}

/// How a feed does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FeedState {
    /// Nothing came yet and nothing went wrong.
    #[default]
    Waiting,
    /// The last look went well.
    Good,
    /// The last look went wrong; it will be tried again.
    Trouble,
}

/// What came in one hour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hour {
    /// When it began.
    pub start: Time,
    /// Events.
    pub events: u64,
    /// Rejects.
    pub rejects: u64,
}

/// A reject, with where it stood.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RejectRow {
    /// When it was met.
    pub time: Time,
    /// The feed.
    pub feed: String,
    /// The report.
    pub report: String,
    /// Member of an archive or mail; empty for the report itself.
    pub part: String,
    /// Line or record.
    pub line: u64,
    /// Column or field; empty for the whole piece.
    pub field: String,
    /// Why.
    pub reason: String,
}

/// Which notices are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WantedNotices {
    /// In this state.
    pub state: Option<String>,
    /// Of this kind.
    pub name: Option<String>,
}

/// A notice, without its text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NoticeRow {
    /// Its number.
    pub id: String,
    /// Its name in the settings.
    pub name: String,
    /// What its events have in common.
    pub key: String,
    /// Whom it is for.
    pub to: String,
    /// The way out.
    pub via: String,
    /// `waiting`, `queued`, `delivered`, `failed`, `no-contact` or `rejected`.
    pub state: String,
    /// How many events it tells of.
    pub events: u64,
    /// Message-ID, once it has one.
    pub message_id: String,
    /// When it is or was due.
    pub due: Option<Time>,
    /// When the peer took it.
    pub delivered_at: Option<Time>,
    /// What the peer said last, or why there is nobody to tell.
    pub reason: String,
}

/// Notices that are stuck for the same reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stuck {
    /// The newest of them.
    pub newest: NoticeRow,
    /// How many they are.
    pub count: u64,
}

/// A mail that waits for a person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeldMail {
    /// Its number.
    pub number: i64,
    /// What it seems to be: `reply`, `complaint`.
    pub kind: String,
    /// Why it waits.
    pub reason: String,
}

/// A notice with the bytes that are or were sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoticeText {
    /// What is known of it.
    pub row: NoticeRow,
    /// The exact bytes; empty while it is not rendered.
    pub bytes: Vec<u8>,
    /// What the receiver reads, where the bytes are encrypted or cannot be made yet.
    pub plain: Option<Vec<u8>>,
    /// Who has it and who not, where not all got it at once; else nobody.
    pub receivers: Vec<ReceiverRow>,
}

/// What became of a mail for one of those whom it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiverRow {
    /// The address.
    pub contact: String,
    /// `has it`, `is waited for` or `never gets it`.
    pub state: &'static str,
    /// Since when; nothing while it is waited for.
    pub since: Option<Time>,
    /// What the server said of it.
    pub said: String,
}

/// How many notices are in each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NoticeCounts {
    /// Gathering events until they are due.
    pub waiting: u64,
    /// On the way.
    pub queued: u64,
    /// Taken by the peer.
    pub delivered: u64,
    /// Never taken; a person must look.
    pub failed: u64,
    /// Nobody to tell.
    pub no_contact: u64,
}

/// Live lines may have been lost between two moments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GapRow {
    /// The feed.
    pub feed: String,
    /// When the connection was last known to be good.
    pub from: Time,
    /// When it was good again.
    pub to: Time,
    /// Why.
    pub reason: String,
}

/// A report somebody pushes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Push {
    /// The feed, which admitted the sender.
    pub feed: String,
    /// The sender's name for this delivery; the same one again is the same receipt.
    pub idempotency_key: Option<String>,
    /// Media type as stated; empty when none was.
    pub media_type: String,
    /// File name as stated; empty when none was. Without folders.
    pub file_name: String,
    /// The bytes, within the cap of the feed.
    pub body: Vec<u8>,
}

/// What became of a pushed report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// It is durable now; this is its number.
    New(String),
    /// It was durable before; this is its number.
    Known(String),
}

/// An event that just became durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEvent {
    /// `event.id`.
    pub id: String,
    /// The party that answers for it; empty for nobody.
    pub party: String,
    /// The feed that it came by.
    pub feed: String,
    /// Its label, where it bears one.
    pub label: Option<Tlp>,
    /// The event as one flat JSON object on one line.
    pub json: String,
}

/// A number that is watched from outside.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// Name with its unit: `concert_queue_bytes`.
    pub name: &'static str,
    /// One sentence.
    pub about: &'static str,
    /// Whether it only ever grows.
    pub counter: bool,
    /// Values with the labels that tell them apart.
    pub values: Vec<(Vec<(&'static str, String)>, f64)>,
}
