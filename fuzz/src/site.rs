//! A site without anything in it, for requests to the server: it takes pushed reports and answers.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use concert_model::Time;
use concert_model::access::{Action, Decision, Person};
use concert_model::incident::draft::{Draft, MailAnswer, NewIncident, NewMessage};
use concert_pipeline::condition::Condition;
use concert_server::desk::{
    Change, Changes, Coming, Deed, Desk, Going, Joining, Lines, Listing, NewEvidence, Outgoing, Question, Runs,
    Splitting, Thing, Wanted, WantedDue, WantedEntries, Way,
};
use concert_server::door::{Came, Door, Entered, Proof, Somebody, Typed};
use concert_server::site::{
    Feed, NewEvent, NoticeCounts, NoticeRow, NoticeText, Overview, Page, Push, Pushed, Refusal, Site, Slice,
    WantedNotices,
};
use serde_json::Value;
use tokio::sync::broadcast;

/// A site with a feed `pushed` whose token is `s3cret`, and one notice, `20261122-0001`.
pub struct Empty {
    pushes: Mutex<Vec<Push>>,
    events: broadcast::Sender<Arc<NewEvent>>,
}

impl Default for Empty {
    fn default() -> Self {
        Empty { pushes: Mutex::default(), events: broadcast::channel(4).0 }
    }
}

impl Empty {
    /// Largest report taken.
    pub const REPORT_BYTES_MAX: u64 = 1000;

    /// What was pushed.
    pub fn pushes(&self) -> Vec<Push> {
        self.pushes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn notice() -> NoticeRow {
    NoticeRow {
        id: "20261122-0001".into(),
        name: "daily".into(),
        key: "<b>AS64500".into(),
        to: "abuse@net.example".into(),
        via: "mail".into(),
        state: "delivered".into(),
        events: 3,
        message_id: "20261122-0001@cert.example".into(),
        due: None,
        delivered_at: None,
        reason: String::new(),
    }
}

#[async_trait]
impl Door for Empty {
    async fn person(&self, came: &Came) -> Result<Somebody, Refusal> {
        match came.proof {
            Proof::Nothing => Ok(Somebody { person: Person::operator("nobody"), must_change_password: false }),
            Proof::Token(_) | Proof::Session(_) => Err(Refusal::Unknown),
        }
    }

    async fn denied(&self, _: &Person, _: Action, _: &Decision) -> Result<(), Refusal> {
        Ok(())
    }

    async fn login(&self, _: Typed, _: IpAddr) -> Result<Entered, Refusal> {
        Err(Refusal::Unproven { code_wanted: false })
    }

    async fn logout(&self, came: &Came) -> Result<(), Refusal> {
        came.session().map(|_| ())
    }

    async fn account(&self, person: &Person, _: &Came) -> Result<Value, Refusal> {
        Ok(Value::String(person.name.clone()))
    }

    async fn change_own_password(&self, _: &Came, _: &str, _: &str) -> Result<Entered, Refusal> {
        Err(Refusal::NoSession)
    }

    async fn new_factor(&self, _: &Came, _: Typed) -> Result<Value, Refusal> {
        Err(Refusal::NoSession)
    }

    async fn confirm_factor(&self, _: &Came, _: &str) -> Result<Value, Refusal> {
        Err(Refusal::NoSession)
    }

    async fn remove_factor(&self, _: &Came, _: Typed) -> Result<(), Refusal> {
        Err(Refusal::NoSession)
    }
}

#[async_trait]
impl Desk for Empty {
    async fn incidents(&self, _: &Person, _: Wanted, _: Slice) -> Result<Page<Value>, Refusal> {
        Ok(Page::default())
    }

    async fn incident(&self, _: &Person, _: &str) -> Result<Value, Refusal> {
        Err(Refusal::Missing)
    }

    async fn entries(&self, _: &Person, _: &str, _: WantedEntries, _: Slice) -> Result<Page<Value>, Refusal> {
        Err(Refusal::Missing)
    }

    async fn journal(&self, _: &Person, _: &str) -> Result<Going, Refusal> {
        Err(Refusal::Missing)
    }

    async fn open(&self, _: Change, new: NewIncident) -> Result<Value, Refusal> {
        Ok(Value::String(new.title))
    }

    async fn with_kept_members(&self, _: &Person, _: &str, value: Value) -> Result<Value, Refusal> {
        Ok(value)
    }

    async fn write(&self, _: Change, _: &str, _: Vec<Draft>) -> Result<Value, Refusal> {
        Err(Refusal::Missing)
    }

    async fn add_evidence(&self, _: Change, _: &str, _: NewEvidence, _: Coming) -> Result<Value, Refusal> {
        Err(Refusal::Missing)
    }

    async fn evidence(&self, _: Change, _: &str, _: &str, _: [String; 2]) -> Result<Outgoing, Refusal> {
        Err(Refusal::Missing)
    }

    async fn bag(&self, _: Change, _: &str, _: Option<&str>, _: &str) -> Result<Outgoing, Refusal> {
        Err(Refusal::Missing)
    }

    async fn list(&self, _: &Person, listing: Listing, slice: Slice) -> Result<Page<Value>, Refusal> {
        Ok(Page { rows: vec![Value::String(format!("{listing:?}"))], next: slice.cursor })
    }

    async fn thing(&self, _: &Person, thing: Thing) -> Result<Value, Refusal> {
        Ok(Value::String(format!("{thing:?}")))
    }

    async fn act(&self, _: Change, deed: Deed) -> Result<Value, Refusal> {
        Ok(Value::String(format!("{deed:?}")))
    }

    async fn last_entry(&self) -> Result<u64, Refusal> {
        Ok(0)
    }

    async fn changes(&self, _: &Person, _: Option<&str>, _: u64) -> Result<Changes, Refusal> {
        Ok(Changes::default())
    }

    async fn search(&self, _: &Person, _: &str, _: Slice) -> Result<Page<Value>, Refusal> {
        Ok(Page::default())
    }

    async fn read_lines(&self, _: Change, _: &str, _: &str, _: Lines) -> Result<Value, Refusal> {
        Err(Refusal::Missing)
    }

    async fn join(&self, _: Change, _: &str, _: Joining) -> Result<Value, Refusal> {
        Err(Refusal::Missing)
    }

    async fn split(&self, _: Change, _: &str, _: Splitting) -> Result<Value, Refusal> {
        Err(Refusal::Missing)
    }

    async fn messages(&self, _: &Person, _: &str, _: Option<String>, _: Slice) -> Result<Value, Refusal> {
        Err(Refusal::Missing)
    }

    async fn preview(&self, _: Change, _: &str, _: NewMessage) -> Result<Value, Refusal> {
        Err(Refusal::Missing)
    }

    async fn send(&self, _: Change, _: &str, _: NewMessage) -> Result<Value, Refusal> {
        Err(Refusal::Missing)
    }

    async fn mail(&self, _: &Person, _: &str, _: i64) -> Result<Value, Refusal> {
        Err(Refusal::Missing)
    }

    async fn answer_mail(&self, _: Change, _: &str, _: i64, _: MailAnswer) -> Result<Value, Refusal> {
        Err(Refusal::Missing)
    }

    async fn chain(&self, _: &Person, _: &str, _: Way, _: Slice) -> Result<(Page<Value>, Option<String>), Refusal> {
        Err(Refusal::Missing)
    }

    async fn access(&self, _: &Person, _: &str, _: Question, _: Slice) -> Result<Page<Value>, Refusal> {
        Err(Refusal::Missing)
    }

    async fn progress(&self, _: &Person, _: &str, _: Slice) -> Result<Page<Value>, Refusal> {
        Err(Refusal::Missing)
    }

    async fn due(&self, _: &Person, _: WantedDue, _: Slice) -> Result<Page<Value>, Refusal> {
        Ok(Page { rows: Vec::new(), next: None })
    }

    async fn process_numbers(&self, _: &Person, _: &str, _: Runs) -> Result<Value, Refusal> {
        Err(Refusal::Missing)
    }
}

#[async_trait]
impl Site for Empty {
    fn now(&self) -> Time {
        Time(1_795_323_030_000_000)
    }

    async fn overview(&self, _: &Person) -> Result<Overview, Refusal> {
        Ok(Overview {
            site: "CERT Example".into(),
            zone: jiff::tz::TimeZone::UTC,
            version: "0".into(),
            feeds: Vec::new(),
            hours: Vec::new(),
            rejects: Vec::new(),
            notices: vec![notice()],
            notice_counts: NoticeCounts::default(),
            stuck: Vec::new(),
            held: Vec::new(),
            mailbox: None,
            gaps: Vec::new(),
            paused: false,
        })
    }

    async fn feeds(&self, _: &Person) -> Result<Vec<Feed>, Refusal> {
        Ok(Vec::new())
    }

    async fn notices(&self, _: &Person, _: WantedNotices, slice: Slice) -> Result<Page<NoticeRow>, Refusal> {
        Ok(Page { rows: vec![notice()], next: slice.cursor })
    }

    async fn notice(&self, _: &Person, id: &str) -> Result<Option<NoticeText>, Refusal> {
        let row = notice();
        let bytes = format!("Subject: {id}\r\n\r\n<script>alert(1)</script>\r\n").into_bytes();
        Ok((row.id == id).then_some(NoticeText { row, bytes, plain: None, receivers: Vec::new() }))
    }

    fn push_limit(&self, _: &str) -> Option<u64> {
        None
    }
    async fn admit(&self, feed: &str, token: &str) -> Option<u64> {
        (concert_server::same_secret(token, "s3cret") && feed == "pushed").then_some(Self::REPORT_BYTES_MAX)
    }

    async fn push(&self, push: Push) -> Result<Pushed, Refusal> {
        self.pushes.lock().unwrap_or_else(PoisonError::into_inner).push(push);
        Ok(Pushed::New("r1".into()))
    }

    async fn events(&self, _: &Person, condition: Option<String>, slice: Slice) -> Result<Page<String>, Refusal> {
        if let Some(mistakes) = condition.and_then(|text| Condition::compile(&text).err()) {
            return Err(Refusal::Wrong(mistakes.iter().map(|(_, why)| why.what.as_str()).collect()));
        }
        Ok(Page { rows: vec!["{\"event.id\":\"01\"}".into()], next: slice.cursor })
    }

    fn subscribe(&self) -> broadcast::Receiver<Arc<NewEvent>> {
        self.events.subscribe()
    }

    fn shows(&self, _: &Person, _: &NewEvent) -> bool {
        true
    }

    async fn showing(&self, _: &Person, _: &NewEvent) -> Result<(), Refusal> {
        Ok(())
    }

    async fn ready(&self) -> Result<(), String> {
        Ok(())
    }
}
