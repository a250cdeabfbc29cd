//! One IMAP connection: every command has a deadline and a cap on the bytes it may bring. The limits of the settings
//! hold where they are given.
//!
//! Commands are run here one by one rather than through the client library's helpers, because those
//! take a refused SEARCH for an empty one and do not see a refused STORE.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use async_imap::imap_proto::{AttributeValue, MailboxDatum, Response, ResponseCode, Status};
use async_imap::{Client, Session as Inner};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use futures_util::FutureExt;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

use super::Server;
use crate::net::{self, Stream, Tls};

/// How long the greeting may take.
const GREETING_MAX: Duration = Duration::from_secs(20);
/// How long a small command may take.
const COMMAND_MAX: Duration = Duration::from_secs(60);
/// Bytes a small command may bring.
const COMMAND_BYTES_MAX: u64 = 4 << 20;
/// How the answer of a server that says no is told.
const REFUSED: &str = "the server refused";
/// Longest piece of what a server says that is shown.
const SAID_CHARS_MAX: usize = 200;

/// How long things may take, as the settings say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Connecting, and the handshake of TLS.
    pub(super) connect: Duration,
    /// How long the server may be silent while something is asked.
    pub(super) silence: Duration,
    /// A small command.
    pub(super) command: Duration,
    /// Fetching one message.
    pub(super) fetch: Duration,
}

impl Limits {
    /// Those of `connect_timeout`, `read_timeout` and `timeout`. A small command needs no ten minutes, unless the server may
    /// be silent for longer than it takes usually.
    pub(super) fn of(connect: Duration, silence: Duration, whole: Duration) -> Self {
        Self { connect, silence, command: whole.min(COMMAND_MAX.max(silence)), fetch: whole }
    }

    /// How long something takes in which the server has one thing to say.
    fn answer(&self, most: Duration) -> Duration {
        self.silence.min(most)
    }
}

/// What is known of a message before it is fetched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) uid: u32,
    pub(super) bytes: u64,
    pub(super) flagged: bool,
}

/// What a server gives of a message that it lists.
pub(super) enum Fetched {
    Bytes(Vec<u8>),
    /// `NIL` in place of its bytes.
    Bodiless,
    /// Nothing: it is gone meanwhile.
    Gone,
}

pub(super) struct Session {
    inner: Inner<Capped>,
    left: Arc<AtomicU64>,
    limits: Limits,
    capabilities: Vec<String>,
    /// The server spoke of new messages since the last search.
    news: bool,
    pub(super) uid_validity: u32,
}

impl Session {
    /// Connects, encrypts as told, logs in.
    pub(super) async fn open(server: &Server) -> Result<Session, String> {
        let limits = &server.limits;
        let whole = async {
            let stream = net::connect(&server.host, server.port, limits.connect).await?;
            let left = Arc::new(AtomicU64::new(COMMAND_BYTES_MAX));
            let capped = |stream: Stream| Capped::new(stream, &left, limits);
            let client = match (server.tls, server.starttls) {
                (Tls::Required, false) => {
                    let stream = encrypted(stream, server).await?;
                    greeted(capped(stream), limits).await?
                }
                (Tls::Off, _) => greeted(capped(Box::new(stream)), limits).await?,
                (tls, _) => {
                    let mut client = greeted(capped(Box::new(stream)), limits).await?;
                    match client.run_command_and_check_ok("STARTTLS", None).await {
                        Ok(()) => {
                            // Whatever was sent in the clear behind the answer is dropped with the client.
                            let stream = client.into_inner().inner;
                            let stream = encrypted(stream, server).await?;
                            Client::new(capped(stream))
                        }
                        Err(_) if tls == Tls::Required => return Err("the server does not offer encryption".into()),
                        Err(error) if is_refusal(&error) => client,
                        Err(error) => return Err(format!("the connection broke: {error}")),
                    }
                }
            };
            Session::log_in(client, left, server).await
        };
        let time = limits.command;
        let outcome = tokio::time::timeout(time, unharmed(whole)).await;
        let mut session = outcome.unwrap_or_else(|_| Err(format!("no login within {time:?}")))?;
        session.learn_capabilities().await?;
        Ok(session)
    }

    /// Greets and logs in over a stream that is connected already.
    #[cfg(feature = "fuzzing")]
    pub(super) async fn over(stream: Stream, server: &Server) -> Result<Session, String> {
        let left = Arc::new(AtomicU64::new(COMMAND_BYTES_MAX));
        let greeted = greeted(Capped::new(stream, &left, &server.limits), &server.limits);
        let whole = unharmed(async { Session::log_in(greeted.await?, left, server).await });
        let outcome = tokio::time::timeout(COMMAND_MAX, whole).await;
        let mut session = outcome.unwrap_or_else(|_| Err("no login".into()))?;
        session.learn_capabilities().await?;
        Ok(session)
    }

    async fn log_in(client: Client<Capped>, left: Arc<AtomicU64>, server: &Server) -> Result<Session, String> {
        let login = client.login(&server.user, server.password.reveal()).await;
        let inner = login.map_err(|(error, _)| format!("login failed: {}", short(&error.to_string())))?;
        Ok(Session { inner, left, limits: server.limits, capabilities: Vec::new(), news: false, uid_validity: 0 })
    }

    async fn learn_capabilities(&mut self) -> Result<(), String> {
        let mut found = Vec::new();
        let note = |response: &Response<'_>| {
            if let Response::Capabilities(list) = response {
                found.extend(list.iter().map(|one| format!("{one:?}").to_ascii_uppercase()));
            }
        };
        self.command("CAPABILITY", note).await?;
        self.capabilities = found;
        Ok(())
    }

    fn has(&self, capability: &str) -> bool {
        self.capabilities.iter().any(|known| known.contains(&format!("\"{capability}\"")))
    }

    /// Opens a folder, for reading only where nothing is to be marked.
    pub(super) async fn select(&mut self, folder: &str, read_only: bool) -> Result<(), String> {
        let word = if read_only { "EXAMINE" } else { "SELECT" };
        let mut validity = 0;
        let note = |response: &Response<'_>| {
            if let Response::Data { outcome, .. } = response
                && let Some(ResponseCode::UidValidity(number)) = outcome.code
            {
                validity = number;
            }
        };
        self.command(&format!("{word} {}", mailbox(folder)?), note).await?;
        self.uid_validity = validity;
        Ok(())
    }

    /// UIDs that match, lowest first.
    pub(super) async fn search(&mut self, search: &str) -> Result<Vec<u32>, String> {
        self.news = false;
        let mut found = Vec::new();
        let note = |response: &Response<'_>| {
            if let Response::MailboxData(MailboxDatum::Search(uids)) = response {
                found.extend_from_slice(uids);
            }
        };
        self.command(&format!("UID SEARCH {search}"), note).await?;
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }

    /// Sizes and flags of messages. One that is gone meanwhile is left out.
    pub(super) async fn entries(&mut self, uids: &[u32]) -> Result<Vec<Entry>, String> {
        let set: Vec<String> = uids.iter().map(u32::to_string).collect();
        let mut found = Vec::new();
        let note = |response: &Response<'_>| {
            let Response::Fetch(_, attributes) = response else { return };
            let mut entry = Entry::default();
            for attribute in attributes {
                match attribute {
                    AttributeValue::Uid(uid) => entry.uid = *uid,
                    AttributeValue::Rfc822Size(bytes) => entry.bytes = u64::from(*bytes),
                    AttributeValue::Flags(flags) => {
                        entry.flagged = flags.iter().any(|flag| flag.eq_ignore_ascii_case("\\Flagged"));
                    }
                    _ => {}
                }
            }
            found.push(entry);
        };
        self.command(&format!("UID FETCH {} (UID RFC822.SIZE FLAGS)", set.join(",")), note).await?;
        // A server may speak of other messages too.
        found.retain(|entry| uids.contains(&entry.uid));
        Ok(found)
    }

    /// The bytes of a message, without marking it.
    pub(super) async fn fetch(&mut self, uid: u32, bytes_max: u64) -> Result<Fetched, String> {
        self.fetch_part(uid, "", bytes_max).await
    }

    /// The first bytes of a message, in the same way.
    pub(super) async fn fetch_head(&mut self, uid: u32, bytes: u64) -> Result<Fetched, String> {
        self.fetch_part(uid, &format!("<0.{bytes}>"), bytes).await
    }

    async fn fetch_part(&mut self, uid: u32, piece: &str, bytes_max: u64) -> Result<Fetched, String> {
        let mut found = Fetched::Gone;
        let note = |response: &Response<'_>| {
            let Response::Fetch(_, attributes) = response else { return };
            let ours =
                attributes.iter().any(|attribute| matches!(attribute, AttributeValue::Uid(known) if *known == uid));
            for attribute in attributes {
                if let AttributeValue::BodySection { data, .. } = attribute
                    && ours
                {
                    found = data.as_ref().map_or(Fetched::Bodiless, |bytes| Fetched::Bytes(bytes.to_vec()));
                }
            }
        };
        let command = format!("UID FETCH {uid} (UID BODY.PEEK[]{piece})");
        self.run(&command, self.limits.fetch, bytes_max.saturating_add(COMMAND_BYTES_MAX), note).await?;
        Ok(found)
    }

    /// Sets flags, `\Seen` or `\Flagged`.
    pub(super) async fn flag(&mut self, uid: u32, flags: &str) -> Result<(), String> {
        self.command(&format!("UID STORE {uid} +FLAGS.SILENT ({flags})"), |_| {}).await
    }

    /// Moves a message into another folder, which is made when it is missing.
    pub(super) async fn move_to(&mut self, uid: u32, folder: &str) -> Result<(), String> {
        let target = mailbox(folder)?;
        let word = if self.has("MOVE") { "MOVE" } else { "COPY" };
        let command = format!("UID {word} {uid} {target}");
        if self.command(&command, |_| {}).await.is_err() {
            // Most often the folder is not there yet; when it is, the second attempt says what is wrong.
            let made = self.command(&format!("CREATE {target}"), |_| {}).await;
            if let Err(why) = self.command(&command, |_| {}).await {
                return Err(made.err().unwrap_or(why));
            }
        }
        if word == "COPY" { self.delete(uid).await } else { Ok(()) }
    }

    /// Makes sure that messages can be moved into a folder, as far as that is seen without moving one: it is there or can
    /// be made.
    pub(super) async fn need_folder(&mut self, folder: &str) -> Result<(), String> {
        if let Err(why) = self.select(folder, true).await {
            let made = self.command(&format!("CREATE {}", mailbox(folder)?), |_| {}).await;
            made.map_err(|made| format!("messages cannot be moved to {folder}: {why}; {made}"))?;
        }
        Ok(())
    }

    /// Deletes one message. A server that cannot expunge one message alone only marks it.
    pub(super) async fn delete(&mut self, uid: u32) -> Result<(), String> {
        self.flag(uid, "\\Seen \\Deleted").await?;
        if self.has("UIDPLUS") { self.command(&format!("UID EXPUNGE {uid}"), |_| {}).await } else { Ok(()) }
    }

    /// Waits for news, no longer than so long. A server without IDLE is just asked again then.
    pub(super) async fn wait(&mut self, time: Duration) -> Result<(), String> {
        if std::mem::take(&mut self.news) {
            return Ok(());
        }
        if !self.has("IDLE") {
            tokio::time::sleep(time).await;
            return Ok(());
        }
        self.left.store(COMMAND_BYTES_MAX, Ordering::Relaxed);
        let broke = |error: &dyn std::fmt::Display| format!("the connection broke while waiting: {error}");
        let id = self.inner.run_command("IDLE").await.map_err(|error| broke(&error))?;
        // While it idles a server is silent for good reason.
        let silence = self.inner.as_mut().silence.take();
        let news = async {
            loop {
                let read = self.inner.read_response().await.map_err(|error| broke(&error))?;
                let response = read.ok_or_else(|| broke(&"the server closed it"))?;
                match response.parsed() {
                    Response::MailboxData(MailboxDatum::Exists(_)) => return Ok(()),
                    Response::Done { tag, .. } if *tag == id => return Err(broke(&"the server does not idle")),
                    _ => {}
                }
            }
        };
        if let Ok(outcome) = tokio::time::timeout(time, unharmed(news)).await {
            outcome?;
        }
        self.inner.as_mut().listen(silence);
        self.inner.run_command_untagged("DONE").await.map_err(|error| broke(&error))?;
        let ended = tokio::time::timeout(self.limits.command, unharmed(self.answer(&id, &mut |_| {}))).await;
        ended.unwrap_or_else(|_| Err(broke(&"no answer to DONE")))
    }

    /// Says goodbye; that it is heard does not matter.
    pub(super) async fn close(mut self) {
        let goodbye = self.run("LOGOUT", Duration::from_secs(2), COMMAND_BYTES_MAX, |_| {});
        drop(goodbye.await);
    }

    async fn command(&mut self, command: &str, on: impl FnMut(&Response<'_>) + Send) -> Result<(), String> {
        self.run(command, self.limits.command, COMMAND_BYTES_MAX, on).await
    }

    async fn run(
        &mut self,
        command: &str,
        time: Duration,
        bytes_max: u64,
        mut on: impl FnMut(&Response<'_>) + Send,
    ) -> Result<(), String> {
        self.left.store(bytes_max, Ordering::Relaxed);
        let whole = async {
            let id = self.inner.run_command(command).await.map_err(|error| format!("the connection broke: {error}"))?;
            self.answer(&id, &mut on).await
        };
        let outcome = tokio::time::timeout(time, unharmed(whole)).await;
        let word = command.strip_prefix("UID ").unwrap_or(command);
        let word = word.split(' ').next().unwrap_or_default();
        outcome.unwrap_or_else(|_| Err(format!("no answer within {time:?}"))).map_err(|why| format!("{word}: {why}"))
    }

    /// Reads until the answer to this command.
    async fn answer(
        &mut self,
        id: &async_imap::imap_proto::RequestId,
        on: &mut (dyn FnMut(&Response<'_>) + Send),
    ) -> Result<(), String> {
        loop {
            let read = self.inner.read_response().await;
            let read = read.map_err(|error| format!("the connection broke: {}", short(&error.to_string())))?;
            let response = read.ok_or("the server closed the connection")?;
            match response.parsed() {
                Response::Done { tag, status, outcome } if tag == id => {
                    let said = short(outcome.information.as_deref().unwrap_or_default());
                    return if *status == Status::Ok { Ok(()) } else { Err(format!("{REFUSED}: {said}")) };
                }
                Response::MailboxData(MailboxDatum::Exists(_)) => self.news = true,
                response => on(response),
            }
        }
    }
}

/// Whether a command ended because the server says no: the connection is of use for others.
pub(super) fn is_refused(why: &str) -> bool {
    why.contains(REFUSED)
}

fn is_refusal(error: &async_imap::error::Error) -> bool {
    matches!(error, async_imap::error::Error::No(_) | async_imap::error::Error::Bad(_))
}

/// Waits for what reads answers of the server. On some that no good server gives (`* OK [ALERT]ä`) the
/// library panics, which ends a conversation and must not end more than that.
async fn unharmed<T>(reading: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let read = AssertUnwindSafe(reading).catch_unwind().await;
    read.unwrap_or_else(|_| Err("the server's answer cannot be read".into()))
}

/// Encrypts a connection.
async fn encrypted<S: net::Peer + 'static>(stream: S, server: &Server) -> Result<Stream, String> {
    let time = server.limits.answer(server.limits.connect);
    let done = tokio::time::timeout(time, net::tls(stream, &server.host, &server.trust)).await;
    let done = done.unwrap_or_else(|_| Err(format!("TLS with {} took longer than {time:?}", server.host)));
    done.map(|stream| Box::new(stream) as Stream)
}

/// Reads the greeting.
async fn greeted(stream: Capped, limits: &Limits) -> Result<Client<Capped>, String> {
    let mut client = Client::new(stream);
    let time = limits.answer(GREETING_MAX.max(limits.connect));
    let read = tokio::time::timeout(time, client.read_response()).await;
    let read = read.map_err(|_| format!("no greeting within {time:?}"))?;
    let read = read.map_err(|error| format!("no greeting: {}", short(&error.to_string())))?;
    let response = read.ok_or("no greeting: the server closed the connection")?;
    match response.parsed() {
        Response::Data { status: Status::Ok, .. } => Ok(client),
        Response::Data { outcome, .. } => {
            Err(format!("the server does not want us: {}", short(outcome.information.as_deref().unwrap_or_default())))
        }
        _ => Err("no greeting of an IMAP server".into()),
    }
}

fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(SAID_CHARS_MAX).collect()
}

/// A folder's name as IMAP writes it: modified UTF-7 (RFC 3501 section 5.1.3), quoted.
fn mailbox(name: &str) -> Result<String, String> {
    if name.is_empty() || name.len() > 255 || name.chars().any(char::is_control) {
        return Err(format!("`{}` is not the name of a folder", short(name)));
    }
    let (mut out, mut run) = (String::from("\""), Vec::new());
    let end_run = |run: &mut Vec<u8>, out: &mut String| {
        if !run.is_empty() {
            out.push('&');
            out.push_str(&STANDARD_NO_PAD.encode(&*run).replace('/', ","));
            out.push('-');
            run.clear();
        }
    };
    for c in name.chars() {
        if c.is_ascii() {
            end_run(&mut run, &mut out);
            match c {
                '&' => out.push_str("&-"),
                '"' | '\\' => out.extend(['\\', c]),
                c => out.push(c),
            }
        } else {
            let mut units = [0; 2];
            run.extend(c.encode_utf16(&mut units).iter().flat_map(|unit| unit.to_be_bytes()));
        }
    }
    end_run(&mut run, &mut out);
    out.push('"');
    Ok(out)
}

/// A connection that brings no more bytes than it was given leave for, and ends where nothing comes for too long.
#[derive(Debug)]
struct Capped {
    inner: Stream,
    left: Arc<AtomicU64>,
    silence: Option<Duration>,
    /// When what is waited for is late.
    late: Option<Pin<Box<Sleep>>>,
}

impl Capped {
    fn new(inner: Stream, left: &Arc<AtomicU64>, limits: &Limits) -> Self {
        Self { inner, left: Arc::clone(left), silence: Some(limits.silence), late: None }
    }

    /// From now on the server may be silent for so long.
    fn listen(&mut self, silence: Option<Duration>) {
        (self.silence, self.late) = (silence, None);
    }

    /// Whether nothing came for too long, where something is waited for.
    fn is_late(&mut self, context: &mut Context<'_>) -> Option<Duration> {
        let silence = self.silence?;
        let late = self.late.get_or_insert_with(|| Box::pin(tokio::time::sleep(silence)));
        late.as_mut().poll(context).is_ready().then_some(silence)
    }
}

impl AsyncRead for Capped {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = buffer.filled().len();
        let outcome = Pin::new(&mut self.inner).poll_read(context, buffer);
        let read = (buffer.filled().len() - before) as u64;
        let left = self.left.load(Ordering::Relaxed);
        self.left.store(left.saturating_sub(read), Ordering::Relaxed);
        if read > left {
            return Poll::Ready(Err(std::io::Error::other("the server sent more than it may")));
        }
        if outcome.is_ready() {
            self.late = None;
        } else if let Some(silence) = self.is_late(context) {
            let why = format!("nothing came for `read_timeout` ({silence:?})");
            return Poll::Ready(Err(std::io::Error::new(std::io::ErrorKind::TimedOut, why)));
        }
        outcome
    }
}

impl AsyncWrite for Capped {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folder_names_are_quoted_and_encoded() {
        assert_eq!(mailbox("INBOX").as_deref(), Ok("\"INBOX\""));
        assert_eq!(mailbox("Lähetetyt & muut").as_deref(), Ok("\"L&AOQ-hetetyt &- muut\""));
        assert_eq!(mailbox("台北").as_deref(), Ok("\"&U,BTFw-\""));
        assert_eq!(mailbox("a\"b\\").as_deref(), Ok("\"a\\\"b\\\\\""));
        assert!(mailbox("a\r\nLOGOUT").is_err());
    }
}
