//! A small IRC client: one connection, one channel (RFC 1459, RFC 2812, SASL PLAIN).
//!
//! It answers pings, sends its own when the server is quiet, and never sends faster than servers
//! bear. It does not reconnect; that is the caller's. Waiting on it may be given up at any point (a
//! timer, a stop) without losing bytes in either direction.

#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
pub(crate) mod line;
mod register;
pub(crate) mod settings;

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout, timeout_at};

use line::{Line, make, same_name};
pub(crate) use settings::Place;

use crate::net::{self, Stream};

/// Longest line taken from a server, tags included.
const RECEIVE_BYTES_MAX: usize = 8 * 1024;
/// Bytes asked of the connection at a time.
const READ_BYTES: usize = 16 * 1024;
/// Servers look up names and identities before they answer, which takes them up to half a minute.
const CONNECT_WAIT: Duration = Duration::from_secs(60);
/// Most that an answer to a ping, or a blocked write, may take.
const ANSWER_WAIT: Duration = Duration::from_secs(30);
/// Lines that may be sent at once before the pace holds.
const BURST_LINES: u32 = 5;

/// Why a connection is of no use any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The server does not want us: wrong password, banned, no such channel.
    Refused(String),
    /// Not reachable, silent, cut.
    Lost(String),
}

impl Trouble {
    /// The sentence.
    pub(crate) fn text(self) -> String {
        match self {
            Self::Refused(text) | Self::Lost(text) => text,
        }
    }
}

/// What a server says that matters to somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// Somebody said something in the channel.
    Said { from: Vec<u8>, text: Vec<u8> },
    /// The answer to a ping of ours.
    Pong(Vec<u8>),
    /// The server did not take something we sent.
    Error(String),
    /// A line was longer than [`RECEIVE_BYTES_MAX`] and is lost.
    TooLong,
}

/// A connection that has joined its channel.
pub(crate) struct Client {
    stream: Stream,
    channel: Vec<u8>,
    nick: Vec<u8>,
    received: Vec<u8>,
    /// In the middle of a line that is too long.
    skipping: bool,
    sending: Vec<u8>,
    heard_at: Instant,
    /// Silence after which we ask whether the server is still there, once we are in the channel.
    quiet_max: Duration,
    is_in: bool,
    pinged: bool,
    pace: Duration,
    /// Lines that may be sent at once now, and when that was counted.
    allowed: u32,
    counted_at: Instant,
    pings: u64,
}

impl Client {
    /// Connects, signs in and joins the channel.
    pub(crate) async fn connect(place: &Place) -> Result<Self, Trouble> {
        let most = place.connect_timeout;
        let stream = net::connect(&place.host, place.port, most).await.map_err(Trouble::Lost)?;
        let stream: Stream = match &place.trust {
            Some(trust) => match timeout(most, net::tls(stream, &place.host, trust)).await {
                Ok(encrypted) => Box::new(encrypted.map_err(Trouble::Lost)?),
                Err(_) => return Err(Trouble::Lost(format!("no TLS connection within {most:?}"))),
            },
            None => Box::new(stream),
        };
        Self::join(stream, place).await
    }

    /// How long nothing was heard from the server.
    pub(crate) fn quiet_for(&self) -> Duration {
        self.heard_at.elapsed()
    }

    /// What the server calls us.
    pub(crate) fn nick(&self) -> String {
        String::from_utf8_lossy(&self.nick).into_owned()
    }

    /// Signs in and joins the channel over a stream that is connected already.
    async fn join(stream: Stream, place: &Place) -> Result<Self, Trouble> {
        let now = Instant::now();
        let mut client = Self {
            stream,
            channel: place.channel.clone().into_bytes(),
            nick: place.nickname.clone().into_bytes(),
            received: Vec::new(),
            skipping: false,
            sending: Vec::new(),
            heard_at: now,
            quiet_max: place.read_timeout,
            is_in: false,
            pinged: false,
            pace: place.pace,
            allowed: BURST_LINES,
            counted_at: now,
            pings: 0,
        };
        match timeout(CONNECT_WAIT, register::register(&mut client, place)).await {
            Ok(done) => {
                client.is_in = true;
                done.map(|()| client)
            }
            Err(_) => Err(Trouble::Lost("the server did not let us in within a minute".into())),
        }
    }

    /// The next thing of interest. Gives up with an error when the server falls silent.
    pub(crate) async fn next(&mut self) -> Result<Heard, Trouble> {
        loop {
            let Some(line) = self.next_line().await? else { return Ok(Heard::TooLong) };
            if let Some(heard) = self.weigh(line)? {
                return Ok(heard);
            }
        }
    }

    /// Says one line in the channel, no sooner than the pace allows.
    pub(crate) async fn say(&mut self, text: &[u8]) -> Result<(), Trouble> {
        self.wait_for_turn().await?;
        let channel = self.channel.clone();
        self.send(&[b"PRIVMSG ", channel.as_slice(), b" :", text].concat());
        self.write_all().await
    }

    /// Waits until the server has seen everything we sent. The error may be what it did not take.
    pub(crate) async fn confirm(&mut self) -> Result<(), Trouble> {
        self.pings += 1;
        let token = format!("concert-{}", self.pings);
        self.send(format!("PING :{token}").as_bytes());
        let until = Instant::now() + self.answer_wait();
        loop {
            match timeout_at(until, self.next()).await {
                Ok(Ok(Heard::Pong(answer))) if answer == token.as_bytes() => return Ok(()),
                Ok(Ok(Heard::Error(why))) => return Err(Trouble::Refused(why)),
                Ok(Ok(_)) => {}
                Ok(Err(trouble)) => return Err(trouble),
                Err(_) => return Err(Trouble::Lost("the server did not confirm what we said".into())),
            }
        }
    }

    /// Says goodbye. Best effort: the connection is closed either way.
    pub(crate) async fn leave(mut self) {
        self.send(b"QUIT :done");
        // Nothing depends on the goodbye being heard.
        drop(timeout(Duration::from_secs(2), self.write_all()).await);
        drop(timeout(Duration::from_secs(2), self.stream.shutdown()).await);
    }

    /// How long an answer to a ping, or a blocked write, may take.
    fn answer_wait(&self) -> Duration {
        self.quiet_max.min(ANSWER_WAIT)
    }

    /// Queues a line; it goes out with the next write.
    fn send(&mut self, text: &[u8]) {
        self.sending.extend_from_slice(&make(text));
    }

    async fn wait_for_turn(&mut self) -> Result<(), Trouble> {
        loop {
            let earned = self.counted_at.elapsed().as_millis() / self.pace.as_millis().max(1);
            if earned > 0 {
                self.allowed = self.allowed.saturating_add(u32::try_from(earned).unwrap_or(u32::MAX)).min(BURST_LINES);
                self.counted_at = Instant::now();
            }
            if self.allowed > 0 {
                self.allowed -= 1;
                return Ok(());
            }
            let turn = self.counted_at + self.pace.max(Duration::from_millis(1));
            // Pings are answered while waiting.
            match timeout_at(turn, self.next()).await {
                Ok(Ok(Heard::Error(why))) => return Err(Trouble::Refused(why)),
                Ok(Ok(_)) | Err(_) => {}
                Ok(Err(trouble)) => return Err(trouble),
            }
        }
    }

    /// What a line means once we are in. Pings are answered here.
    fn weigh(&mut self, line: Line) -> Result<Option<Heard>, Trouble> {
        let about_us = |name: &[u8], nick: &[u8]| same_name(name, nick);
        match line.command.as_str() {
            "PING" => {
                self.send(&[b"PONG :", line.parameter(0)].concat());
                Ok(None)
            }
            "PONG" => Ok(Some(Heard::Pong(line.parameters.last().cloned().unwrap_or_default()))),
            "PRIVMSG" | "NOTICE" if same_name(line.parameter(0), &self.channel) => {
                let text = line.parameter(1).to_vec();
                Ok(Some(Heard::Said { from: line.from, text }))
            }
            "KICK" if about_us(line.parameter(1), &self.nick) && same_name(line.parameter(0), &self.channel) => {
                Err(Trouble::Lost(format!("we were put out of the channel: {}", line.text())))
            }
            // Services take a member out as if it left by itself.
            "PART" if about_us(&line.from, &self.nick) && same_name(line.parameter(0), &self.channel) => {
                Err(Trouble::Lost(format!("we were taken out of the channel: {}", line.text())))
            }
            "NICK" if about_us(&line.from, &self.nick) => {
                self.nick = line.parameter(0).to_vec();
                Ok(None)
            }
            "ERROR" => Err(Trouble::Lost(format!("the server closed the connection: {}", line.text()))),
            _ => match line.number() {
                Some(400..=599) => Ok(Some(Heard::Error(format!("the server says {}: {}", line.command, line.text())))),
                _ => Ok(None),
            },
        }
    }

    /// The next line that says something; `None` for one that was too long.
    async fn next_line(&mut self) -> Result<Option<Line>, Trouble> {
        loop {
            self.write_all().await?;
            match self.take_line() {
                Taken::Line(bytes) => match Line::read(&bytes) {
                    Some(line) => return Ok(Some(line)),
                    None => continue,
                },
                Taken::TooLong => return Ok(None),
                Taken::Nothing => {}
            }
            // Before that the whole of signing in has its time, in which servers may be silent.
            let quiet_max = if self.is_in { self.quiet_max } else { CONNECT_WAIT };
            let wait = if self.pinged { quiet_max.saturating_add(self.answer_wait()) } else { quiet_max };
            self.received.reserve(READ_BYTES);
            // Giving up a read loses nothing: bytes are in `received` or still with the system.
            match timeout_at(self.heard_at + wait, self.stream.read_buf(&mut self.received)).await {
                Ok(Ok(0)) => return Err(Trouble::Lost("the server closed the connection".into())),
                Ok(Ok(_)) => (self.heard_at, self.pinged) = (Instant::now(), false),
                Ok(Err(error)) => return Err(Trouble::Lost(format!("the connection broke: {error}"))),
                Err(_) if self.pinged => return Err(Trouble::Lost("the server does not answer any more".into())),
                Err(_) => {
                    self.pinged = true;
                    self.send(b"PING :concert");
                }
            }
        }
    }

    fn take_line(&mut self) -> Taken {
        let Some(end) = self.received.iter().position(|byte| *byte == b'\n') else {
            if self.received.len() > RECEIVE_BYTES_MAX {
                self.skipping = true;
                self.received.clear();
            }
            return Taken::Nothing;
        };
        let mut line: Vec<u8> = self.received.drain(..=end).collect();
        while matches!(line.last(), Some(b'\n' | b'\r')) {
            line.pop();
        }
        if std::mem::take(&mut self.skipping) || line.len() > RECEIVE_BYTES_MAX {
            return Taken::TooLong;
        }
        Taken::Line(line)
    }

    /// Sends what is queued. A write that is given up has sent nothing of what is still queued.
    async fn write_all(&mut self) -> Result<(), Trouble> {
        let until = Instant::now() + self.answer_wait();
        let lost = |error: std::io::Error| Trouble::Lost(format!("the connection broke: {error}"));
        let blocked = |_| Trouble::Lost("the server does not take what we send".into());
        if self.sending.is_empty() {
            return Ok(());
        }
        while !self.sending.is_empty() {
            let written = timeout_at(until, self.stream.write(&self.sending)).await.map_err(blocked)?.map_err(lost)?;
            if written == 0 {
                return Err(Trouble::Lost("the server closed the connection".into()));
            }
            self.sending.drain(..written.min(self.sending.len()));
        }
        timeout_at(until, self.stream.flush()).await.map_err(blocked)?.map_err(lost)
    }
}

enum Taken {
    Line(Vec<u8>),
    TooLong,
    Nothing,
}

#[cfg(test)]
mod tests;
