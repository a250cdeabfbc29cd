//! Mail: `collect = { type = "imap", host = "mail.cert.example", user = "feeds", password = { file = ... } }`.
//!
//! Every message that `search` finds is a report, as the raw bytes of the mail, and is marked, moved
//! or deleted only when that is durable. New mail is told by the server where it can (IDLE). Links
//! to the hosts in `links` are fetched, each for itself, and are reports of their own; a mail of which some
//! cannot be fetched stays unmarked and is tried again for a day, see `waiting.rs`. A message larger than
//! `limits.report` is flagged, left alone and told; where its beginning is kept, it is marked like the others. So is one of
//! which the server gives no body, which is looked at again with every round. A
//! server that will not mark or move one keeps no other from being read.

#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod links;
mod session;
mod waiting;

#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::time::Duration;

use async_trait::async_trait;
use concert_model::keys::Secret;
use concert_model::problem::counted;
use concert_model::{Keys, Origin, Problem, Receipt, host};
use mail_parser::{Message, MessageParser};
use tokio_util::sync::CancellationToken;
use url::Url;

use self::session::{Entry, Fetched, Limits, Session};
use self::waiting::Waiting;
use super::{Backoff, Listed, Setup, Told, wait};
use crate::net::web::{self, Ask, Web};
use crate::net::{Tls, Trust, check_host};
use crate::{Body, Collector, Health, Intake};

/// The entry in the list of collectors.
pub const LISTED: Listed = Listed { name: "imap", about: "takes mails from a folder on a mail server", read };

/// Messages looked at in one round; the rest comes in the next.
const MESSAGES_MAX: usize = 500;
/// Messages whose sizes are asked for at once, so that a command stays short.
const SIZES_MAX: usize = 100;
/// Most bytes of a message that are kept where all of it is too large: its headers, and how its text begins.
const HEAD_BYTES_MAX: u64 = 256 << 10;
/// Longest search, in bytes.
const SEARCH_BYTES_MAX: usize = 500;
/// Longest Message-ID that serves as an identity.
const MESSAGE_ID_BYTES_MAX: usize = 500;
/// Servers drop a connection that idles for half an hour.
const IDLE_MAX: Duration = Duration::from_secs(28 * 60);
/// Under this name it is remembered which links wait.
const LINKS: &str = "links";
/// Links of one mail that fail before the others wait for the next attempt.
const FAILED_LINKS_MAX: usize = 10;
/// Messages without a body that are named.
const SHOWN_UIDS_MAX: usize = 10;
/// Links that a gap names.
const SHOWN_LINKS_MAX: usize = 20;
/// First and last pause before connecting again.
const PAUSES: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(600));

/// Where the mail is.
struct Server {
    host: String,
    port: u16,
    tls: Tls,
    starttls: bool,
    trust: Trust,
    user: String,
    password: Secret,
    limits: Limits,
}

/// What is done with a message when it is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum After {
    Seen,
    Move,
    Delete,
}

struct Imap {
    setup: Setup,
    server: Server,
    folder: String,
    search: String,
    after: After,
    move_to: String,
    every: Duration,
    links: Vec<String>,
    web: Web,
    told: Told,
}

fn read(keys: &mut Keys<'_>, setup: &Setup) -> Option<Box<dyn Collector>> {
    let host = keys.require("host", "name of the mail server");
    let tls = Tls::read(keys);
    let starttls = keys.flag_or("starttls", false, "encrypt on the plain port, for servers without port 993");
    let port = match (tls, starttls) {
        (Some(Tls::Required), false) => 993,
        _ => 143,
    };
    let port = keys.number_or("port", port, 1..=65_535, "port of the mail server");
    let user = keys.require("user", "user name at the mail server");
    let password = keys.secret("password", "password at the mail server");
    if !keys.has("password") && !keys.is_empty() {
        keys.missing("password", "password at the mail server");
    }
    let folder = keys.text_or("folder", "INBOX", "folder to read");
    for (key, value) in [("user", user.as_ref()), ("folder", Some(&folder))] {
        if value.is_some_and(|value| value.trim().is_empty() || value.contains(char::is_control)) {
            keys.problem(
                key,
                format!("`{key}` is empty, or holds control characters"),
                "write it as the mail server calls it",
            );
        }
    }
    let search = keys.text_or("search", "UNSEEN", "which messages, as an IMAP search");
    let words = [("seen", After::Seen), ("move", After::Move), ("delete", After::Delete)];
    let after = keys.choice_or("after", &words, "seen", "what is done with a message when it is durable");
    let move_to = keys.text_or("move_to", "Archive", "folder for messages with after = \"move\"");
    let every = keys.duration_or("every", "5m", "how often to look where the server does not tell of new mail");
    if keys.has("move_to") && after.is_some_and(|after| after != After::Move) {
        let what = "`move_to` has no effect without after = \"move\"";
        keys.problem("move_to", what, "add after = \"move\", or leave `move_to` out");
    }
    let links = read_links(keys);
    // Servers of mail take longer than those of lists.
    let web = Web::read_with(keys, &setup.site_dir, &setup.user_agent, ["20s", "60s"]);
    let limits = Limits::of(web.connect_timeout, web.read_timeout, web.timeout);
    let mut good = true;
    if let Some(Err(why)) = host.as_deref().map(check_host) {
        keys.problem("host", why, "host = \"mail.cert.example\", its port in `port`");
        good = false;
    }
    if let Err(why) = check_search(&search) {
        keys.problem("search", why, "write an IMAP search: \"UNSEEN FROM reports@provider.example\"");
        good = false;
    }
    let after = after?;
    Some(Box::new(Imap {
        setup: setup.clone(),
        server: Server {
            host: host.filter(|_| good)?,
            port: u16::try_from(port).ok()?,
            tls: tls?,
            starttls,
            trust: web.trust.clone(),
            user: user?,
            password: password?,
            limits,
        },
        folder,
        search: narrowed(search, after),
        after,
        move_to,
        every: every.clamp(Duration::from_secs(1), IDLE_MAX),
        links,
        web,
        told: Told::default(),
    }))
}

fn read_links(keys: &mut Keys<'_>) -> Vec<String> {
    let mut links = Vec::new();
    for text in keys.texts("links", "hosts whose addresses in mails are fetched, each body a report of its own") {
        match host::domain(&text) {
            Ok(name) => links.push(name.into_owned()),
            Err(why) => keys.problem("links", format!("`{text}`: {why}"), "write links = [\"dl.provider.example\"]"),
        }
    }
    links
}

/// A search must stay one command, and must not make the server wait for more.
fn check_search(search: &str) -> Result<(), String> {
    if search.trim().is_empty() || search.len() > SEARCH_BYTES_MAX {
        return Err(format!("`search` must have 1 to {SEARCH_BYTES_MAX} characters"));
    }
    if search.chars().any(|c| c.is_control() || !c.is_ascii()) {
        return Err("`search` must be printable ASCII on one line".into());
    }
    if search.trim_end().ends_with('}') {
        return Err("`search` must not end in a literal".into());
    }
    Ok(())
}

/// Marked messages must not be found again, or every round would fetch them all.
fn narrowed(search: String, after: After) -> String {
    let words = |word: &str| search.split([' ', '(', ')']).any(|one| one.eq_ignore_ascii_case(word));
    if after == After::Move || words("UNSEEN") || words("SEEN") { search } else { format!("UNSEEN {search}") }
}

impl Imap {
    /// Connects and works until something breaks. It can be dropped at any moment.
    async fn stay(&self, intake: &dyn Intake, backoff: &mut Backoff) -> Result<(), String> {
        let mut session = Session::open(&self.server).await?;
        session.select(&self.folder, false).await?;
        let mut known = self.known(intake).await;
        loop {
            let round = self.round(intake, &mut session, &mut known).await?;
            backoff.reset();
            self.told.say(intake, &self.setup.feed, round.trouble.map_or(Health::Good, Health::Trouble));
            if !round.more {
                session.wait(self.every).await?;
            }
        }
    }

    /// What is remembered of messages.
    async fn known(&self, intake: &dyn Intake) -> Known {
        let text = intake.recall(&self.setup.feed, LINKS).await.unwrap_or_default();
        Known { waiting: Waiting::read(&text), ..Known::default() }
    }

    /// Takes what the search finds. An error means that the connection or the intake is of no use now.
    async fn round(&self, intake: &dyn Intake, session: &mut Session, known: &mut Known) -> Result<Round, String> {
        known.is_refused = false;
        let mut uids = session.search(&self.search).await?;
        // Messages in trouble come last, or enough of them would keep new ones from being taken.
        uids.sort_by_key(|uid| (known.failed.contains(uid), *uid));
        let mut round = Round { more: uids.len() > MESSAGES_MAX, trouble: None };
        uids.truncate(MESSAGES_MAX);
        let (mut taken, mut left) = (0, Left::default());
        for chunk in uids.chunks(SIZES_MAX) {
            for entry in session.entries(chunk).await? {
                let is_large = entry.bytes > self.setup.report_bytes_max;
                if is_large {
                    let what = format!("of {} bytes is too large to take", entry.bytes);
                    self.flag(session, &entry, &what, known).await?;
                }
                let took = if is_large && intake.keeps_heads() {
                    self.set_aside(intake, session, &entry, known).await?
                } else if is_large {
                    left.too_large += 1;
                    Taken::Unmarked
                } else {
                    self.take(intake, session, entry.uid, known).await?
                };
                match took {
                    Taken::Marked => {
                        taken += 1;
                        known.failed.remove(&entry.uid);
                    }
                    Taken::Later(why) => {
                        known.failed.insert(entry.uid);
                        round.trouble = Some(why);
                    }
                    Taken::Bodiless => {
                        self.flag(session, &entry, "has no body that the server gives", known).await?;
                        known.failed.insert(entry.uid);
                        left.bodiless.push(entry.uid);
                    }
                    Taken::Unmarked => {
                        known.failed.insert(entry.uid);
                    }
                }
            }
        }
        // When all that is left is in trouble, hurrying does not help.
        round.more &= taken > 0;
        round.trouble = round.trouble.or_else(|| left.said(&self.folder, self.setup.report_bytes_max));
        Ok(round)
    }

    /// For people who look into the folder, and for those who read the log, once. Nothing is lost where the server does not
    /// let us.
    async fn flag(&self, session: &mut Session, entry: &Entry, what: &str, known: &Known) -> Result<(), String> {
        if entry.flagged || known.failed.contains(&entry.uid) {
            return Ok(());
        }
        tracing::warn!(feed = self.setup.feed, "Message {} {what}.", entry.uid);
        match session.flag(entry.uid, "\\Flagged").await {
            Err(why) if session::is_refused(&why) => Ok(()),
            done => done,
        }
    }

    /// Takes one message and marks it.
    async fn take(
        &self,
        intake: &dyn Intake,
        session: &mut Session,
        uid: u32,
        known: &mut Known,
    ) -> Result<Taken, String> {
        if !known.settled.contains(&uid) {
            let number = format!("{}/{uid}", session.uid_validity);
            if let Some(why) = known.waiting.rests(&number, intake.now()).filter(|_| !known.hurries) {
                return Ok(Taken::Later(why.to_owned()));
            }
            let bytes = match session.fetch(uid, self.setup.report_bytes_max).await? {
                Fetched::Bytes(bytes) => bytes,
                Fetched::Bodiless => return Ok(Taken::Bodiless),
                Fetched::Gone => return Ok(Taken::Marked),
            };
            if bytes.len() as u64 > self.setup.report_bytes_max {
                let why = format!("message {uid} is larger than the server said and than a report may be");
                return Ok(Taken::Later(why));
            }
            let (id, sender, urls) = self.look_into(&bytes);
            let receipt = self.receipt(intake, id.clone(), &sender);
            let receipt = Receipt { media_type: "message/rfc822".into(), ..receipt };
            let kept = intake.keep(receipt, Body::Bytes(bytes)).await;
            kept.map_err(|why| format!("a mail cannot be kept now: {why}"))?;
            let mail = Linking { number: &number, id: &id, sender: &sender, urls: &urls };
            if let Some(why) = self.follow_all(intake, &mail, &mut known.waiting).await? {
                return Ok(Taken::Later(why));
            }
            known.settled.insert(uid);
        }
        let after = self.after;
        self.mark(session, uid, known, after).await
    }

    /// Keeps the head of a message that is too large, and marks it: it is not looked at again. It is never deleted,
    /// because the rest of it is nowhere else.
    async fn set_aside(
        &self,
        intake: &dyn Intake,
        session: &mut Session,
        entry: &Entry,
        known: &mut Known,
    ) -> Result<Taken, String> {
        if !known.settled.contains(&entry.uid) {
            let head = match session.fetch_head(entry.uid, HEAD_BYTES_MAX).await? {
                Fetched::Bytes(head) => head,
                Fetched::Bodiless => return Ok(Taken::Bodiless),
                Fetched::Gone => return Ok(Taken::Marked),
            };
            let (id, sender, _) = self.look_into(&head);
            let receipt = self.receipt(intake, id, &sender);
            let kept = intake.keep_head(receipt, head, entry.bytes).await;
            kept.map_err(|why| format!("a mail cannot be kept now: {why}"))?;
            known.settled.insert(entry.uid);
        }
        let after = if self.after == After::Delete { After::Seen } else { self.after };
        self.mark(session, entry.uid, known, after).await
    }

    /// Marks a message that is durable, as far as that has to be.
    async fn mark(&self, session: &mut Session, uid: u32, known: &mut Known, after: After) -> Result<Taken, String> {
        // One refusal says enough of a round.
        if known.is_refused {
            return Ok(Taken::Unmarked);
        }
        let marked = match after {
            After::Seen => session.flag(uid, "\\Seen").await,
            After::Move => session.move_to(uid, &self.move_to).await,
            After::Delete => session.delete(uid).await,
        };
        match marked {
            Ok(()) => {
                known.settled.remove(&uid);
                Ok(Taken::Marked)
            }
            Err(why) if session::is_refused(&why) => {
                known.is_refused = true;
                let done = match after {
                    After::Seen => "marked as seen".to_owned(),
                    After::Move => format!("moved to {}", self.move_to),
                    After::Delete => "deleted".to_owned(),
                };
                Ok(Taken::Later(format!("mails are read and cannot be {done}: {why}")))
            }
            Err(why) => Err(why),
        }
    }

    /// Fetches the links of a mail, each for itself. Gives a sentence when some of them are to be tried again.
    async fn follow_all(
        &self,
        intake: &dyn Intake,
        mail: &Linking<'_>,
        waiting: &mut Waiting,
    ) -> Result<Option<String>, String> {
        let feed = &self.setup.feed;
        let (mut fetched, mut failed) = (Vec::new(), Vec::new());
        let asked = mail.urls.iter().take(links::LINKS_MAX).filter(|url| !waiting.has(mail.number, url));
        let mut asked: Vec<&Url> = asked.collect();
        // Those that cannot be fetched keep no others from their turn.
        let first = waiting.attempts(mail.number).saturating_mul(FAILED_LINKS_MAX);
        let first = first.checked_rem(asked.len()).unwrap_or_default();
        asked.rotate_left(first);
        for url in asked {
            // A server that does not answer keeps no other mail waiting for hours; what is not tried now is tried later.
            if failed.len() >= FAILED_LINKS_MAX {
                failed.push((url, "others of this mail could not be fetched".to_owned()));
                continue;
            }
            match self.follow(intake, mail.id, mail.sender, url).await? {
                Ok(()) => fetched.push(url),
                Err(why) => failed.push((url, why)),
            }
        }
        let now = intake.now();
        let tell_left_out = || {
            if mail.urls.len() > links::LINKS_MAX {
                let what =
                    format!("mail {} holds more than {} links; the first are fetched", mail.id, links::LINKS_MAX);
                intake.health(feed, Health::Gap(now, now, what));
            }
        };
        let Some((url, why)) = failed.first() else {
            tell_left_out();
            if waiting.settled(mail.number) {
                intake.remember(feed, LINKS, &waiting.write(now)).await?;
            }
            return Ok(None);
        };
        let why = format!("a link to {} in a mail cannot be fetched: {why}", url.host_str().unwrap_or_default());
        if let Some(since) = waiting.failed(mail.number, &fetched, &why, now) {
            waiting.settled(mail.number);
            // What stands behind the path may be a secret.
            let links: Vec<String> = failed.iter().take(SHOWN_LINKS_MAX).map(|(url, _)| links::shown(url)).collect();
            let more = match failed.len() - links.len() {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            let what = format!("given up after a day, in mail {}: {}{more}; {why}", mail.id, links.join(", "));
            intake.health(feed, Health::Gap(since, now, what));
            tell_left_out();
            intake.remember(feed, LINKS, &waiting.write(now)).await?;
            return Ok(None);
        }
        intake.remember(feed, LINKS, &waiting.write(now)).await?;
        Ok(Some(why))
    }

    /// Identity, sender and links of a message. One without a Message-ID is known by its bytes: its number may be another
    /// one tomorrow.
    fn look_into(&self, bytes: &[u8]) -> (String, String, Vec<Url>) {
        let message = MessageParser::default().parse(bytes);
        let id = message.as_ref().and_then(Message::message_id).map(str::trim);
        let id = id.filter(|id| !id.is_empty() && id.len() <= MESSAGE_ID_BYTES_MAX);
        let id = id.map_or_else(|| format!("hash {}", blake3::hash(bytes).to_hex()), str::to_owned);
        let from = message.as_ref().and_then(|message| message.from()?.first()?.address());
        let urls = message.as_ref().map(|message| links::find(message, &self.links)).unwrap_or_default();
        (id, from.unwrap_or_default().to_owned(), urls)
    }

    fn receipt(&self, intake: &dyn Intake, id: String, sender: &str) -> Receipt {
        Receipt {
            feed: self.setup.feed.clone(),
            origin: Origin::Mail(id),
            received: intake.now(),
            sender: sender.to_owned(),
            file_name: String::new(),
            url: String::new(),
            media_type: String::new(),
        }
    }

    /// Fetches one link and keeps its body. The outer error is the intake's, the inner the server's.
    async fn follow(
        &self,
        intake: &dyn Intake,
        id: &str,
        sender: &str,
        url: &Url,
    ) -> Result<Result<(), String>, String> {
        let download = async {
            let client = self.web.client().await?;
            let ask = Ask { hosts: self.links.clone(), ..Ask::get(url.clone()) };
            let response = web::fetch(&client, &ask).await?;
            if response.status() != reqwest::StatusCode::OK {
                return Err(format!("the server answered {}", response.status()));
            }
            let media_type = response.headers().get(reqwest::header::CONTENT_TYPE);
            let media_type = media_type.and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
            let file_name = super::http::name::of(&response);
            let bytes_max = self.setup.report_bytes_max;
            let body = web::body(response, bytes_max).await;
            Ok((media_type, file_name, body.map_err(|why| super::of_report(why, bytes_max))?))
        };
        let (media_type, file_name, bytes) = match download.await {
            Ok(found) => found,
            Err(why) => return Ok(Err(why)),
        };
        let receipt = self.receipt(intake, format!("{id} {url}"), sender);
        let receipt = Receipt { media_type, file_name, url: url.to_string(), ..receipt };
        let kept = intake.keep(receipt, Body::Bytes(bytes)).await;
        kept.map_err(|why| format!("what a mail links to cannot be kept now: {why}"))?;
        Ok(Ok(()))
    }
}

/// What is known of messages besides what the server says of them.
#[derive(Default)]
struct Known {
    /// In trouble; they come last.
    failed: HashSet<u32>,
    /// Durable with everything that belongs to them, but not marked yet.
    settled: HashSet<u32>,
    waiting: Waiting,
    /// Somebody wants to see now whether links can be fetched.
    hurries: bool,
    /// The server has refused to mark a message in this round.
    is_refused: bool,
}

/// A mail whose links are fetched.
struct Linking<'a> {
    /// What the server calls it.
    number: &'a str,
    id: &'a str,
    sender: &'a str,
    urls: &'a [Url],
}

/// What became of one message.
enum Taken {
    /// It is durable and marked, or gone by itself.
    Marked,
    /// To be tried again, and why.
    Later(String),
    /// It is durable; that it cannot be marked was said of another already.
    Unmarked,
    /// The server lists it and gives no body.
    Bodiless,
}

/// Messages that stay in the folder until a person looks at them.
#[derive(Default)]
struct Left {
    too_large: usize,
    bodiless: Vec<u32>,
}

impl Left {
    /// What is said of them.
    fn said(&self, folder: &str, bytes_max: u64) -> Option<String> {
        let mut said = Vec::new();
        if self.too_large > 0 {
            let (are, they) = if self.too_large == 1 { ("is", "it is") } else { ("are", "they are") };
            let messages = counted(self.too_large, "message");
            said.push(format!("{messages} in {folder} {are} larger than {bytes_max} bytes; {they} flagged"));
        }
        if !self.bodiless.is_empty() {
            let (have, they) = if self.bodiless.len() == 1 { ("has", "it is") } else { ("have", "they are") };
            let messages = counted(self.bodiless.len(), "message");
            let uids: Vec<String> = self.bodiless.iter().take(SHOWN_UIDS_MAX).map(u32::to_string).collect();
            let more = if self.bodiless.len() > uids.len() { " and more" } else { "" };
            let uids = uids.join(", ");
            said.push(format!(
                "{messages} in {folder} {have} no body that the server gives (UID {uids}{more}); {they} flagged"
            ));
        }
        (!said.is_empty()).then(|| said.join("; "))
    }
}

/// What one look at the folder came to.
struct Round {
    more: bool,
    trouble: Option<String>,
}

#[async_trait]
impl Collector for Imap {
    fn trust(&self) -> Option<&Trust> {
        Some(&self.server.trust)
    }

    fn mails(&self) -> Option<(String, &str)> {
        let Server { host, port, user, .. } = &self.server;
        Some((format!("the folder `{}` of {user} at {}:{port}", self.folder, host.to_ascii_lowercase()), &self.search))
    }

    async fn run(&self, intake: &dyn Intake, stop: CancellationToken) {
        let mut backoff = Backoff::new(PAUSES.0, PAUSES.1);
        while !stop.is_cancelled() {
            let outcome = tokio::select! {
                () = stop.cancelled() => return,
                outcome = self.stay(intake, &mut backoff) => outcome,
            };
            if let Err(why) = outcome {
                self.told.say(intake, &self.setup.feed, Health::Trouble(why));
                if !wait(&stop, backoff.pause()).await {
                    return;
                }
            }
        }
    }

    async fn once(&self, intake: &dyn Intake) -> Result<(), String> {
        let whole = async {
            let mut session = Session::open(&self.server).await?;
            session.select(&self.folder, false).await?;
            let mut known = Known { hurries: true, ..self.known(intake).await };
            loop {
                let round = self.round(intake, &mut session, &mut known).await?;
                if let Some(why) = round.trouble.filter(|_| !round.more) {
                    return Err(why);
                }
                if !round.more {
                    session.close().await;
                    return Ok(());
                }
            }
        };
        let outcome = whole.await;
        let health = outcome.clone().map_or_else(Health::Trouble, |()| Health::Good);
        self.told.say(intake, &self.setup.feed, health);
        outcome
    }

    async fn check(&self) -> Result<String, Problem> {
        let whole = async {
            let mut session = Session::open(&self.server).await?;
            if self.after == After::Move {
                session.need_folder(&self.move_to).await?;
            }
            session.select(&self.folder, true).await?;
            let found = session.search(&self.search).await?.len();
            session.close().await;
            let match_it = if found == 1 { "matches" } else { "match" };
            Ok::<_, String>(format!("{} in {} {match_it} {}", counted(found, "message"), self.folder, self.search))
        };
        whole.await.map_err(|why| {
            let hint = "look at host, port, tls, user, password, folder, search and move_to";
            Problem::new(format!("{}: {why}", self.server.host)).hint(hint)
        })
    }
}
