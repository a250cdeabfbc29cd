//! A site made up in memory, a server over it on a free port, and a client of a few lines.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use concert_model::Time;
use concert_model::access::{Action, Decision, Person};
use concert_model::incident::draft::{Draft, MailAnswer, NewIncident, NewMessage};
use concert_server::desk::{
    Bytes, Change, Changes, Coming, Deed, Desk, Going, Joining, Lines, Listing, NewEvidence, Outgoing, Question, Runs,
    Splitting, Thing, Wanted, WantedDue, WantedEntries, Way,
};
use concert_server::door::{Came, Door, Entered, Proof, Somebody, Typed};
use concert_server::site::{
    Band, Feed, FeedState, GapRow, HeldMail, Hour, NewEvent, NoticeCounts, NoticeRow, NoticeText, Overview, Page, Push,
    Pushed, ReceiverRow, Refusal, RejectRow, Slice, Stuck, Volume, WantedNotices,
};
use concert_server::{Options, Site, same_secret};
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{broadcast, oneshot};
use tokio::task::JoinHandle;

/// Most bytes of a report that the fake takes.
pub(crate) const REPORT_BYTES_MAX: u64 = 100_000;

pub(crate) struct Fake {
    pub(crate) full: bool,
    pub(crate) ready: bool,
    pub(crate) pushes: Mutex<Vec<Push>>,
    pub(crate) asked: Mutex<Vec<(Option<String>, Slice)>>,
    pub(crate) events: broadcast::Sender<Arc<NewEvent>>,
}

impl Fake {
    pub(crate) fn new(full: bool) -> Arc<Fake> {
        let (events, _) = broadcast::channel(4);
        let (pushes, asked) = (Mutex::default(), Mutex::default());
        Arc::new(Fake { full, ready: true, pushes, asked, events })
    }

    fn notice_rows(&self) -> Vec<NoticeRow> {
        let row = |number: u32, name: &str, key: &str, to: &str, state: &str, events: u64| NoticeRow {
            id: format!("20261122-{number:04}"),
            name: name.into(),
            key: key.into(),
            to: to.into(),
            via: if name == "daily" { "mail" } else { "outbox" }.into(),
            state: state.into(),
            events,
            message_id: format!("20261122-{number:04}@cert.example"),
            due: Some(time("2026-11-22T04:00:00Z")),
            delivered_at: (state == "delivered").then(|| time("2026-11-22T04:00:03Z")),
            reason: match state {
                "failed" => "550 5.1.1 no such user <abuse@old.example>".into(),
                _ => String::new(),
            },
        };
        if !self.full {
            return Vec::new();
        }
        vec![
            row(6, "daily", "Example Hosting", "abuse@hosting.example", "queued", 1_204),
            row(5, "daily", "Old Networks", "abuse@old.example", "failed", 12),
            row(4, "daily", "AS64511", "", "no-contact", 3),
            row(3, "per network", "AS64500", "", "delivered", 312),
            row(2, "per network", "<script>alert(1)</script>", "", "delivered", 1),
            row(1, "weekly", "University of Example", "cert@uni.example", "waiting", 48),
        ]
    }

    fn feed_rows(&self) -> Vec<Feed> {
        if !self.full {
            return Vec::new();
        }
        let feed = |name: &str, collector: &str, parser: &str, state, events, rejects| Feed {
            name: name.into(),
            collector: collector.into(),
            parser: parser.into(),
            state,
            last_good: Some(time("2026-11-22T11:58:00Z")),
            last_error: None,
            reports: events / 900 + 1,
            events,
            duplicates: events / 5,
            rejects,
            events_day: events / 30,
            expected_day: (events > 10_000).then_some((events / 40, events / 20)),
            band: None,
            volume: if events > 10_000 { Volume::Usual } else { Volume::Unknown },
            last_report: (events > 0).then(|| time("2026-11-22T11:58:00Z")),
            stale: false,
            refusal: String::new(),
            fetching: None,
            paused: false,
            missing: None,
        };
        let mut feeds = vec![
            feed("shadowserver", "imap", "shadowserver", FeedState::Good, 4_812_004, 12),
            feed("scanners", "http", "blocklistde", FeedState::Good, 911_302, 0),
            feed("live", "irc", "keyvalue", FeedState::Trouble, 88_120, 341),
            feed("honeypot", "push", "ndjson", FeedState::Good, 13_455, 2),
            feed("drop", "file", "csv", FeedState::Waiting, 0, 0),
        ];
        feeds[2].last_error = Some("connection to irc.cert.example:6697 refused; next try in 40 s".into());
        feeds[3].stale = true;
        feeds[3].last_good = Some(time("2026-11-20T09:00:00Z"));
        feeds[3].last_report = feeds[3].last_good;
        feeds[1].events_day = 7;
        feeds[1].volume = Volume::Low;
        let (low, high) = feeds[1].expected_day.unwrap();
        feeds[1].band = Some(Band { events: 7, low, high, seconds: 86_400 });
        feeds[4].last_good = None;
        feeds
    }
}

/// Whoever has the token or the session `good`, or comes with nothing; `first` must choose another password.
#[async_trait]
impl Door for Fake {
    async fn person(&self, came: &Came) -> Result<Somebody, Refusal> {
        let name = match &came.proof {
            Proof::Nothing => "nobody",
            Proof::Token(secret) | Proof::Session(secret) => secret,
        };
        match name {
            "nobody" | "good" | "first" => Ok(Somebody {
                person: Person { from: came.from.to_string(), ..Person::operator(name) },
                must_change_password: name == "first",
            }),
            _ => Err(Refusal::Unknown),
        }
    }

    async fn denied(&self, _: &Person, _: Action, _: &Decision) -> Result<(), Refusal> {
        Ok(())
    }

    async fn login(&self, typed: Typed, _: IpAddr) -> Result<Entered, Refusal> {
        match (typed.password.as_str(), typed.code) {
            ("right", None) => Err(Refusal::Unproven { code_wanted: true }),
            ("right", Some(_)) => Ok(Entered { session: "good".into(), seconds_max: 60, account: json!({}) }),
            ("often", _) => Err(Refusal::TooMany("too many attempts".into(), 30)),
            _ => Err(Refusal::Unproven { code_wanted: false }),
        }
    }

    async fn logout(&self, came: &Came) -> Result<(), Refusal> {
        came.session().map(|_| ())
    }

    async fn account(&self, person: &Person, _: &Came) -> Result<Value, Refusal> {
        Ok(json!({"name": person.name, "from": person.from}))
    }

    async fn change_own_password(&self, came: &Came, _: &str, _: &str) -> Result<Entered, Refusal> {
        let session = came.session()?.to_owned();
        Ok(Entered { session, seconds_max: 60, account: json!({}) })
    }

    async fn new_factor(&self, _: &Came, _: Typed) -> Result<Value, Refusal> {
        Err(Refusal::Missing)
    }

    async fn confirm_factor(&self, _: &Came, _: &str) -> Result<Value, Refusal> {
        Err(Refusal::Missing)
    }

    async fn remove_factor(&self, _: &Came, _: Typed) -> Result<(), Refusal> {
        Err(Refusal::Missing)
    }
}

/// A site with a single incident, which a single token may see.
#[async_trait]
impl Desk for Fake {
    async fn incidents(&self, person: &Person, _: Wanted, _: Slice) -> Result<Page<Value>, Refusal> {
        let rows = if person.name == "good" { vec![json!({"number": "X#2026-000001"})] } else { Vec::new() };
        Ok(Page { rows, next: None })
    }

    async fn incident(&self, person: &Person, name: &str) -> Result<Value, Refusal> {
        let is_there = person.name == "good" && name == "X#2026-000001";
        if is_there { Ok(json!({"number": name})) } else { Err(Refusal::Missing) }
    }

    async fn entries(
        &self,
        person: &Person,
        name: &str,
        wanted: WantedEntries,
        _: Slice,
    ) -> Result<Page<Value>, Refusal> {
        let row = self.incident(person, name).await?;
        let is_wanted = wanted.author.is_none_or(|author| row["author"] == author);
        Ok(Page { rows: if is_wanted { vec![row] } else { Vec::new() }, next: None })
    }

    async fn journal(&self, person: &Person, name: &str) -> Result<Going, Refusal> {
        let row = self.incident(person, name).await?;
        let (sender, lines) = tokio::sync::mpsc::channel(1);
        sender.try_send(Ok(Bytes::from(format!("{row}\n")))).unwrap();
        Ok(lines)
    }

    async fn with_kept_members(&self, _: &Person, _: &str, value: Value) -> Result<Value, Refusal> {
        Ok(value)
    }

    async fn open(&self, change: Change, new: NewIncident) -> Result<Value, Refusal> {
        Ok(json!({"id": "01a2", "title": new.title, "key": change.key.map(|(key, _)| key)}))
    }

    async fn write(&self, change: Change, name: &str, drafts: Vec<Draft>) -> Result<Value, Refusal> {
        self.incident(&change.person, name).await?;
        match change.seen {
            Some(_) => Err(Refusal::Stale(vec![json!({"kind": "title/1"})])),
            None => Ok(json!({"id": "01a2", "entries": drafts.len()})),
        }
    }

    async fn add_evidence(
        &self,
        change: Change,
        name: &str,
        new: NewEvidence,
        mut bytes: Coming,
    ) -> Result<Value, Refusal> {
        self.incident(&change.person, name).await?;
        let (mut length, mut ended) = (0, false);
        while let Some(Ok(piece)) = bytes.recv().await {
            length += piece.len();
            ended = piece.is_empty();
        }
        Ok(
            json!({"id": "01a2", "sha256": "ba78", "bytes": length, "ended": ended, "name": new.name, "origin": format!("{:?}", new.origin)}),
        )
    }

    async fn evidence(&self, change: Change, name: &str, _: &str, why: [String; 2]) -> Result<Outgoing, Refusal> {
        self.incident(&change.person, name).await?;
        let (sender, bytes) = tokio::sync::mpsc::channel(4);
        sender.try_send(Ok(Bytes::from("abc"))).unwrap();
        if why[1] == "damaged" {
            sender.try_send(Err(std::io::Error::other("other bytes"))).unwrap();
        }
        Ok(Outgoing { name: "x\".html".into(), length: Some(3 + u64::from(why[1] == "damaged")), bytes })
    }

    async fn bag(&self, change: Change, name: &str, party: Option<&str>, _: &str) -> Result<Outgoing, Refusal> {
        self.incident(&change.person, name).await?;
        let (sender, bytes) = tokio::sync::mpsc::channel(4);
        sender.try_send(Ok(Bytes::from(format!("for {party:?}")))).unwrap();
        Ok(Outgoing { name: "bag.tar".into(), length: None, bytes })
    }

    /// What was asked for, as one row.
    async fn list(&self, person: &Person, listing: Listing, _: Slice) -> Result<Page<Value>, Refusal> {
        let (Listing::Exhibits(name) | Listing::Rows(name, _) | Listing::Steps(name, _)) = &listing else {
            return Ok(Page { rows: vec![json!(format!("{listing:?}"))], next: None });
        };
        self.incident(person, name).await?;
        Ok(Page { rows: vec![json!(format!("{listing:?}"))], next: Some("c".into()) })
    }

    async fn thing(&self, person: &Person, thing: Thing) -> Result<Value, Refusal> {
        if let Thing::Exhibit(name, _) | Thing::Observables(name, _) | Thing::Tellings(name, ..) = &thing {
            self.incident(person, name).await?;
        }
        Ok(json!(format!("{thing:?}")))
    }

    /// What was to be done, and with which key.
    async fn act(&self, change: Change, deed: Deed) -> Result<Value, Refusal> {
        Ok(json!({"id": "01a2", "did": format!("{deed:?}"), "key": change.key.map(|(key, _)| key)}))
    }

    /// Entry 1 was written, and only one token may see it.
    async fn last_entry(&self) -> Result<u64, Refusal> {
        Ok(2)
    }

    async fn changes(&self, person: &Person, name: Option<&str>, after: u64) -> Result<Changes, Refusal> {
        if let Some(name) = name {
            self.incident(person, name).await?;
        }
        let rows = if person.name == "good" && after < 1 { vec![(1, json!({"seq": 1}))] } else { Vec::new() };
        Ok(Changes { rows, reached: 2 })
    }

    async fn read_lines(&self, change: Change, name: &str, sha256: &str, lines: Lines) -> Result<Value, Refusal> {
        self.incident(&change.person, name).await?;
        Ok(
            json!({"sha256": sha256, "parser": lines.parser, "clock_error": lines.clock_error, "written": !lines.preview}),
        )
    }

    async fn join(&self, change: Change, name: &str, joining: Joining) -> Result<Value, Refusal> {
        self.incident(&change.person, name).await?;
        match joining.incident.as_str() {
            "merged" => Err(Refusal::Merged(Some("X#2026-000002".into()))),
            _ => Ok(json!({"id": "01a2", "as": joining.how, "joined": joining.joined})),
        }
    }

    async fn split(&self, change: Change, name: &str, splitting: Splitting) -> Result<Value, Refusal> {
        self.incident(&change.person, name).await?;
        Ok(json!({"id": "01a2", "title": splitting.new.title, "hosts": splitting.hosts}))
    }

    async fn search(&self, person: &Person, words: &str, _: Slice) -> Result<Page<Value>, Refusal> {
        let rows = if person.name == "good" { vec![json!({"words": words})] } else { Vec::new() };
        Ok(Page { rows, next: None })
    }

    async fn messages(&self, person: &Person, name: &str, party: Option<String>, _: Slice) -> Result<Value, Refusal> {
        self.incident(person, name).await?;
        Ok(json!({"messages": [{"party": party}], "held": [], "next": null}))
    }

    async fn preview(&self, change: Change, name: &str, new: NewMessage) -> Result<Value, Refusal> {
        self.incident(&change.person, name).await?;
        Ok(json!({"to": [new.to], "subject": new.subject}))
    }

    async fn send(&self, change: Change, name: &str, new: NewMessage) -> Result<Value, Refusal> {
        self.incident(&change.person, name).await?;
        Ok(json!({"id": name, "entries": [{"party": new.party, "subject": new.subject}]}))
    }

    async fn mail(&self, person: &Person, name: &str, number: i64) -> Result<Value, Refusal> {
        self.incident(person, name).await?;
        Ok(json!({"mail": number}))
    }

    async fn answer_mail(&self, change: Change, name: &str, number: i64, answer: MailAnswer) -> Result<Value, Refusal> {
        self.incident(&change.person, name).await?;
        Ok(json!({"id": name, "mail": number, "answer": format!("{answer:?}")}))
    }

    async fn chain(
        &self,
        person: &Person,
        name: &str,
        way: Way,
        slice: Slice,
    ) -> Result<(Page<Value>, Option<String>), Refusal> {
        self.incident(person, name).await?;
        Ok((slice.part(vec![json!({"way": format!("{way:?}")})].into_iter())?, None))
    }

    async fn access(
        &self,
        person: &Person,
        name: &str,
        question: Question,
        slice: Slice,
    ) -> Result<Page<Value>, Refusal> {
        self.incident(person, name).await?;
        slice.part(vec![json!({"person": question.person, "action": question.action.word()})].into_iter())
    }

    async fn progress(&self, person: &Person, name: &str, slice: Slice) -> Result<Page<Value>, Refusal> {
        self.incident(person, name).await?;
        slice.part(vec![json!({"run": "r1"}), json!({"run": "r2"})].into_iter())
    }

    async fn due(&self, person: &Person, wanted: WantedDue, slice: Slice) -> Result<Page<Value>, Refusal> {
        let mine = wanted.mine;
        let rows = vec![json!({"name": "t1", "mine": mine}), json!({"name": "t2", "mine": mine})];
        slice.part(if person.name == "good" { rows } else { Vec::new() }.into_iter())
    }

    async fn process_numbers(&self, person: &Person, name: &str, wanted: Runs) -> Result<Value, Refusal> {
        if person.name != "good" || name != "scanning" {
            return Err(Refusal::Missing);
        }
        Ok(json!({"process": name, "version": wanted.version, "since": wanted.since.map(|time| time.to_string())}))
    }
}

#[async_trait]
impl Site for Fake {
    fn now(&self) -> Time {
        time("2026-11-22T12:05:00Z")
    }

    async fn overview(&self, _: &Person) -> Result<Overview, Refusal> {
        let start = time("2026-11-20T13:00:00Z");
        let shape = |hour: u64| match self.full {
            true => 2_000 + (hour * 37 % 11) * 310 + if hour % 24 == 17 { 9_000 } else { 0 },
            false => 0,
        };
        let hours = (0..48u64).map(|hour| Hour {
            start: start.plus_seconds(3600 * i64::try_from(hour).unwrap()),
            events: shape(hour),
            rejects: if self.full && hour > 40 { hour * 20 } else { 0 },
        });
        let reject = |line, field: &str, reason: &str| RejectRow {
            time: time("2026-11-22T11:41:00Z"),
            feed: "live".into(),
            report: "7d1f0c52a94be3f08c6ad07712345678".into(),
            part: if line > 100 { "2026-11-22-scan.csv".into() } else { String::new() },
            line,
            field: field.into(),
            reason: reason.into(),
        };
        let rejects = vec![
            reject(17, "source.ip", "not an IP address"),
            reject(1204, "time.source", "the time has no zone; set time_zone for the feed"),
            reject(9, "", "the line is cut off: <b>no</b> closing quote"),
        ];
        let gap = GapRow {
            feed: "live".into(),
            from: time("2026-11-22T10:00:00Z"),
            to: time("2026-11-22T10:04:10Z"),
            reason: "ping timeout".into(),
        };
        let held = HeldMail {
            number: 17,
            kind: "complaint".into(),
            reason: "nothing in it became an event; <b>body</b>".into(),
        };
        let counts = NoticeCounts { waiting: 41, queued: 3, delivered: 18_233, failed: 1, no_contact: 1 };
        let is_stuck = |row: &NoticeRow| matches!(row.state.as_str(), "failed" | "no-contact");
        let stuck = self.notice_rows().into_iter().filter(is_stuck);
        let stuck = stuck.map(|newest| Stuck { count: if newest.state == "failed" { 312 } else { 1 }, newest });
        Ok(Overview {
            site: "CERT Example".into(),
            zone: TimeZone::get("Europe/Helsinki").unwrap(),
            version: "0.1.0".into(),
            feeds: self.feed_rows(),
            hours: hours.collect(),
            rejects: if self.full { rejects } else { Vec::new() },
            notices: self.notice_rows(),
            notice_counts: if self.full { counts } else { NoticeCounts::default() },
            stuck: stuck.collect(),
            held: if self.full { vec![held] } else { Vec::new() },
            mailbox: None,
            gaps: if self.full { vec![gap] } else { Vec::new() },
            paused: false,
        })
    }

    async fn feeds(&self, _: &Person) -> Result<Vec<Feed>, Refusal> {
        Ok(self.feed_rows())
    }

    async fn notices(&self, _: &Person, _: WantedNotices, slice: Slice) -> Result<Page<NoticeRow>, Refusal> {
        let mut rows = self.notice_rows();
        rows.truncate(slice.limit);
        Ok(Page { next: rows.last().map(|row| row.id.clone()), rows })
    }

    async fn notice(&self, _: &Person, id: &str) -> Result<Option<NoticeText>, Refusal> {
        let row = self.notice_rows().into_iter().find(|row| row.id == id);
        let bytes = b"Subject: [20261122-0003] 2 events\r\n\r\n<script>alert(1)</script>\r\n".to_vec();
        // One that is sent encrypted.
        let plain = (id == "20261122-0001").then(|| b"Dear <b>University</b>".to_vec());
        let receiver = |contact: &str, state, since, said: &str| ReceiverRow {
            contact: contact.to_owned(),
            state,
            since,
            said: said.to_owned(),
        };
        let receivers = match id {
            "20261122-0003" => vec![
                receiver("b@b.example", "is waited for", None, ""),
                receiver("a@a.example", "has it", Some(time("2026-11-22T06:00:03Z")), "250 <b>taken</b>"),
            ],
            _ => Vec::new(),
        };
        Ok(row.map(|row| NoticeText { row, bytes, plain, receivers }))
    }

    async fn admit(&self, feed: &str, token: &str) -> Option<u64> {
        (same_secret(token, "s3cret") && feed == "pushed").then_some(REPORT_BYTES_MAX)
    }

    fn push_limit(&self, feed: &str) -> Option<u64> {
        (feed == "pushed").then_some(REPORT_BYTES_MAX)
    }

    async fn push(&self, push: Push) -> Result<Pushed, Refusal> {
        if push.body == b"fail" {
            return Err(Refusal::Failed("disk full at /secret/path".into()));
        }
        let mut pushes = self.pushes.lock().unwrap();
        let known = push.idempotency_key.is_some() && pushes.contains(&push);
        pushes.push(push);
        Ok(if known { Pushed::Known("r1".into()) } else { Pushed::New("r1".into()) })
    }

    async fn events(&self, _: &Person, condition: Option<String>, slice: Slice) -> Result<Page<String>, Refusal> {
        if condition.as_deref() == Some("(") {
            return Err(Refusal::Wrong("the condition ends too early".into()));
        }
        self.asked.lock().unwrap().push((condition, slice));
        Ok(Page { rows: vec!["{\"event.id\":\"01\"}".into(), "{\"event.id\":\"02\"}".into()], next: Some("c".into()) })
    }

    fn subscribe(&self) -> broadcast::Receiver<Arc<NewEvent>> {
        self.events.subscribe()
    }

    fn shows(&self, _: &Person, event: &NewEvent) -> bool {
        event.party.is_empty()
    }

    async fn showing(&self, _: &Person, _: &NewEvent) -> Result<(), Refusal> {
        Ok(())
    }

    async fn ready(&self) -> Result<(), String> {
        if self.ready { Ok(()) } else { Err("the event store is read-only".into()) }
    }
}

pub(crate) fn time(text: &str) -> Time {
    Time::parse(text, None).unwrap()
}

/// A server on a free port.
pub(crate) struct Server {
    pub(crate) port: u16,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<Result<(), concert_model::Problem>>,
}

impl Server {
    pub(crate) async fn start(site: Arc<Fake>) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (stop, stopped) = oneshot::channel::<()>();
        let stopped = async move { stopped.await.unwrap_or_default() };
        let task = tokio::spawn(concert_server::serve(listener, site, Options::default(), stopped));
        Server { port, stop: Some(stop), task }
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(("127.0.0.1", self.port)).await.unwrap()
    }

    /// Sends bytes as they are and reads until the end.
    pub(crate) async fn send(&self, request: &[u8]) -> Answer {
        let mut stream = self.connect().await;
        // The server may answer and close before it has read everything.
        stream.write_all(request).await.unwrap_or_default();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap_or_default();
        Answer::new(&bytes)
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").as_bytes()).await
    }

    pub(crate) async fn push(&self, feed: &str, headers: &str, body: &[u8]) -> Answer {
        self.ask("POST", &format!("/api/v1/feeds/{feed}/reports"), headers, body).await
    }

    /// A request with a body and headers of its own, each with its line end.
    pub(crate) async fn ask(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> Answer {
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n"
        );
        self.send(&[head.as_bytes(), body].concat()).await
    }

    pub(crate) async fn stop(mut self) {
        drop(self.stop.take());
        self.task.await.unwrap().unwrap();
    }
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    fn new(bytes: &[u8]) -> Answer {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        Answer { status, head: head.to_lowercase(), body: body.to_owned() }
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

/// Reads from a stream until this text has come.
pub(crate) async fn until(stream: &mut TcpStream, want: &str) -> String {
    let mut text = String::new();
    let mut buffer = [0; 4096];
    while !text.contains(want) {
        let read = tokio::time::timeout(Duration::from_secs(10), stream.read(&mut buffer)).await;
        let read = read.unwrap_or_else(|_| panic!("`{want}` did not come: {text}")).unwrap();
        assert!(read > 0, "ended before `{want}`: {text}");
        text.push_str(&String::from_utf8_lossy(&buffer[..read]));
    }
    text
}
