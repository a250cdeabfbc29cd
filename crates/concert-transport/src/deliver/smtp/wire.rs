//! The conversation with a mail server (RFC 5321), as little of it as sending needs.
//!
//! Written here rather than taken from `lettre` for two reasons: its reader puts no cap on a line,
//! and keeps bytes that came before TLS. What matters most is where a conversation breaks: before the
//! last dot of a mail the server cannot have taken it, after that nobody knows.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use concert_model::keys::Secret;
use concert_model::message::{Outcome, Partly};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::time::timeout;

use crate::net::{self, Stream, Tls, Trust};

/// Longest line of an answer; the standard says 512.
const LINE_BYTES_MAX: u64 = 4096;
/// Most lines of one answer.
const LINES_MAX: usize = 100;
/// Letters of an answer that are kept for people.
const TEXT_LETTERS_MAX: usize = 300;
/// How long connecting may take.
const CONNECT_WAIT: Duration = Duration::from_secs(30);
/// Bytes of a mail written at a time; each gets the time of one answer.
const WRITE_BYTES: usize = 64 * 1024;
/// How long a goodbye may take.
const QUIT_WAIT: Duration = Duration::from_secs(2);

/// Which server, and how to talk to it.
#[derive(Clone, Debug)]
pub(super) struct Server {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) tls: Tls,
    pub(super) implicit_tls: bool,
    pub(super) trust: Trust,
    pub(super) account: Option<(String, Secret)>,
    pub(super) hello: String,
    pub(super) timeout: Duration,
}

/// What a server says.
#[derive(Clone, Debug)]
struct Answer {
    code: u16,
    /// Lines without their codes.
    lines: Vec<String>,
}

impl Answer {
    fn is_good(&self) -> bool {
        (200..400).contains(&self.code)
    }

    /// Whether the mail is larger than the server takes, as RFC 1870 and RFC 3463 say it.
    fn is_about_size(&self) -> bool {
        let status = self.lines.first().map(String::as_str).unwrap_or_default();
        self.code == 552 && !status.starts_with("5.2.2")
            || (500..600).contains(&self.code) && status.starts_with("5.3.4")
    }

    /// Whether one conversation does not take so many addresses: that says nothing of the one it was said to.
    fn is_about_number(&self) -> bool {
        let words = self.text().to_ascii_lowercase();
        matches!(self.code, 452 | 552)
            && (words.contains("4.5.3") || words.contains("5.5.3") || words.contains("too many recipients"))
    }

    fn text(&self) -> String {
        let text: String = format!("{} {}", self.code, self.lines.join(" "));
        text.trim_end().chars().filter(|c| !c.is_control()).take(TEXT_LETTERS_MAX).collect()
    }
}

/// A conversation that has begun: greeted, encrypted and signed in as far as wanted.
pub(super) struct Connection {
    stream: BufReader<Stream>,
    timeout: Duration,
    /// What the server offers, by the first word, in capitals.
    offers: Vec<(String, String)>,
    encrypted: bool,
    /// The conversation is at a point where another mail can begin.
    usable: bool,
    mails: u32,
}

impl Connection {
    /// Connects, encrypts and signs in. The error is a sentence.
    pub(super) async fn open(server: &Server) -> Result<Self, String> {
        let plain = net::connect(&server.host, server.port, CONNECT_WAIT.min(server.timeout)).await?;
        let stream: Stream = if server.implicit_tls {
            Box::new(net::tls(plain, &server.host, &server.trust).await?)
        } else {
            Box::new(plain)
        };
        Self::over(stream, server).await
    }

    /// Is greeted, encrypts and signs in over a stream that is connected already.
    pub(super) async fn over(stream: Stream, server: &Server) -> Result<Self, String> {
        let mut connection = Self {
            stream: BufReader::new(stream),
            timeout: server.timeout,
            offers: Vec::new(),
            encrypted: server.implicit_tls,
            usable: false,
            mails: 0,
        };
        connection.good_answer("the greeting").await?;
        connection.hello(server).await?;
        if !connection.encrypted && server.tls != Tls::Off {
            if connection.offer("STARTTLS").is_some() {
                connection = connection.encrypt(server).await?;
            } else if server.tls == Tls::Required {
                return Err("the server offers no TLS".into());
            }
        }
        if let Some((user, password)) = &server.account {
            if !connection.encrypted && server.tls != Tls::Off {
                return Err("the server offers no TLS, so the password is not sent".into());
            }
            connection.sign_in(user, password.reveal()).await?;
        }
        connection.usable = true;
        Ok(connection)
    }

    /// Whether the conversation is encrypted.
    pub(super) fn is_encrypted(&self) -> bool {
        self.encrypted
    }

    /// Whether another mail can follow.
    pub(super) fn is_usable(&self) -> bool {
        self.usable
    }

    /// Mails sent or tried here.
    pub(super) fn mails(&self) -> u32 {
        self.mails
    }

    /// Clears what was begun; false when the server is gone.
    pub(super) async fn reset(&mut self) -> bool {
        self.usable = matches!(self.command("RSET").await, Ok(answer) if answer.is_good());
        self.usable
    }

    /// Says goodbye. Best effort: the connection is closed either way.
    pub(super) async fn quit(mut self) {
        // Nothing depends on the goodbye being heard.
        drop(timeout(QUIT_WAIT, self.command("QUIT")).await);
        drop(timeout(QUIT_WAIT, self.stream.shutdown()).await);
    }

    /// Sends one mail. One address that is refused, for good or for now, does not keep it from the others. The first
    /// `named` are whom the mail is for; where all of them are refused, those who would have a copy do not get it
    /// either: nobody was told.
    pub(super) async fn send(&mut self, from: &str, to: &[String], named: usize, bytes: &[u8]) -> Outcome {
        self.mails += 1;
        self.usable = false;
        let outcome = self.transaction(from, to, named, bytes).await;
        match outcome {
            Ok(done) => {
                self.usable = true;
                done
            }
            Err(failed) => failed,
        }
    }

    /// `Err` is an outcome after which the connection is not used any more.
    async fn transaction(&mut self, from: &str, to: &[String], named: usize, bytes: &[u8]) -> Result<Outcome, Outcome> {
        let later = |why: String| Outcome::Later(why, None);
        let size = self.offer("SIZE").and_then(|limit| limit.trim().parse::<u64>().ok());
        if size.is_some_and(|limit| limit > 0 && bytes.len() as u64 > limit) {
            let limit = size.unwrap_or_default();
            let why = format!("larger than the {limit} bytes that the server takes");
            return Ok(Outcome::TooLarge(why, Some(limit)));
        }
        let stated = if size.is_some() { format!(" SIZE={}", bytes.len()) } else { String::new() };
        let answer = self.command(&format!("MAIL FROM:<{from}>{stated}")).await.map_err(later)?;
        if !answer.is_good() {
            return self.refused("MAIL", &answer).await;
        }
        let mut asked = Partly::default();
        for (address, number) in to.iter().zip(1..) {
            let answer = self.command(&format!("RCPT TO:<{address}>")).await.map_err(later)?;
            let said = (address.clone(), answer.text());
            match answer.code {
                200..400 => asked.taken.push(address.clone()),
                // Closing: nothing about this one.
                421 => return self.refused(address, &answer).await,
                // Nor is an address too many (RFC 5321, section 4.5.3.1.10): the next mail is for those that are left.
                _ if answer.is_about_number() && asked.taken.is_empty() => return self.refused(address, &answer).await,
                _ if answer.is_about_number() => {
                    let left = to.iter().skip(number - 1);
                    asked.later.extend(left.map(|address| (address.clone(), answer.text())));
                    break;
                }
                // A mailbox is full (552) for now, whatever the class of its code says.
                400..500 | 552 => asked.later.push(said),
                500..600 => asked.refused.push(said),
                _ => return self.refused(address, &answer).await,
            }
            if number == named && asked.taken.is_empty() {
                self.reset().await;
                let all = listed(asked.refused.iter().chain(&asked.later));
                return Ok(if asked.later.is_empty() { Outcome::Never(all) } else { later(all) });
            }
        }
        let answer = self.command("DATA").await.map_err(later)?;
        if answer.code != 354 {
            return self.refused("DATA", &answer).await;
        }
        self.write(&stuffed(bytes)).await.map_err(later)?;
        // From here on the server may take the mail without our hearing of it.
        self.write(b".\r\n").await.map_err(Outcome::Unsure)?;
        let answer = self.answer().await.map_err(Outcome::Unsure)?;
        match answer.code {
            200..300 if asked.refused.is_empty() && asked.later.is_empty() => Ok(Outcome::Done(answer.text())),
            200..300 => Ok(Outcome::Partly(Partly { said: answer.text(), ..asked })),
            421 => Err(later(answer.text())),
            400..500 => Ok(later(answer.text())),
            _ if answer.is_about_size() => Ok(Outcome::TooLarge(answer.text(), None)),
            500..600 => Ok(Outcome::Never(answer.text())),
            _ => Err(Outcome::Unsure(format!("the server answered {} to a mail", answer.text()))),
        }
    }

    /// A command about the mail was not accepted.
    async fn refused(&mut self, what: &str, answer: &Answer) -> Result<Outcome, Outcome> {
        let why = format!("{what}: {}", answer.text());
        let outcome = match answer.code {
            // Closing, or it wants us to sign in first: nothing about this mail.
            421 | 530 | 535 | 538 => return Err(Outcome::Later(why, None)),
            // An address too many is tried again later, not refused for good (RFC 5321, 4.5.3.1.10).
            552 if what.contains('@') => Outcome::Later(why, None),
            _ if answer.is_about_size() => Outcome::TooLarge(why, None),
            500..600 => Outcome::Never(why),
            _ => Outcome::Later(why, None),
        };
        if self.reset().await { Ok(outcome) } else { Err(outcome) }
    }

    async fn hello(&mut self, server: &Server) -> Result<(), String> {
        let mut answer = self.command(&format!("EHLO {}", server.hello)).await?;
        if matches!(answer.code, 500 | 502 | 504) {
            answer = self.command(&format!("HELO {}", server.hello)).await?;
            answer.lines.truncate(1);
        }
        if !answer.is_good() {
            return Err(format!("the server does not want to talk: {}", answer.text()));
        }
        let split = |line: &String| {
            let (word, rest) = line.split_once([' ', '=']).unwrap_or((line, ""));
            (word.to_ascii_uppercase(), rest.to_ascii_uppercase())
        };
        self.offers = answer.lines.iter().skip(1).map(split).collect();
        Ok(())
    }

    fn offer(&self, word: &str) -> Option<&str> {
        self.offers.iter().find(|(offered, _)| offered == word).map(|(_, rest)| rest.as_str())
    }

    async fn encrypt(mut self, server: &Server) -> Result<Self, String> {
        let answer = self.command("STARTTLS").await?;
        if !answer.is_good() {
            return Err(format!("the server does not start TLS: {}", answer.text()));
        }
        // Somebody on the way could have put answers here that we would take for encrypted ones.
        if !self.stream.buffer().is_empty() {
            return Err("the server spoke between STARTTLS and TLS".into());
        }
        let stream = net::tls(self.stream.into_inner(), &server.host, &server.trust).await?;
        self.stream = BufReader::new(Box::new(stream));
        self.encrypted = true;
        self.hello(server).await?;
        Ok(self)
    }

    async fn sign_in(&mut self, user: &str, password: &str) -> Result<(), String> {
        let offered: Vec<&str> = self.offer("AUTH").unwrap_or_default().split_ascii_whitespace().collect();
        let answer = if offered.contains(&"PLAIN") {
            let secret = STANDARD.encode(format!("\0{user}\0{password}"));
            self.command(&format!("AUTH PLAIN {secret}")).await?
        } else if offered.contains(&"LOGIN") {
            let mut answer = self.command("AUTH LOGIN").await?;
            for secret in [user, password] {
                if answer.code == 334 {
                    answer = self.command(&STANDARD.encode(secret)).await?;
                }
            }
            answer
        } else {
            return Err("the server offers neither AUTH PLAIN nor LOGIN".into());
        };
        if answer.code == 235 { Ok(()) } else { Err(format!("signing in failed: {}", answer.text())) }
    }

    async fn command(&mut self, line: &str) -> Result<Answer, String> {
        self.write(format!("{line}\r\n").as_bytes()).await?;
        self.answer().await
    }

    async fn good_answer(&mut self, what: &str) -> Result<(), String> {
        let answer = self.answer().await?;
        if answer.is_good() { Ok(()) } else { Err(format!("{what} was {}", answer.text())) }
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), String> {
        for piece in bytes.chunks(WRITE_BYTES) {
            let written = timeout(self.timeout, async {
                self.stream.write_all(piece).await?;
                self.stream.flush().await
            });
            match written.await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return Err(format!("the connection broke: {error}")),
                Err(_) => return Err("the server does not take what we send".into()),
            }
        }
        Ok(())
    }

    async fn answer(&mut self) -> Result<Answer, String> {
        match timeout(self.timeout, self.read_answer()).await {
            Ok(answer) => answer,
            Err(_) => Err("the server did not answer in time".into()),
        }
    }

    async fn read_answer(&mut self) -> Result<Answer, String> {
        let mut answer = Answer { code: 0, lines: Vec::new() };
        loop {
            let mut line = Vec::new();
            let mut limited = (&mut self.stream).take(LINE_BYTES_MAX);
            let read = limited.read_until(b'\n', &mut line).await;
            let length = read.map_err(|error| format!("the connection broke: {error}"))?;
            if length == 0 {
                return Err("the server closed the connection".into());
            }
            if line.last() != Some(&b'\n') {
                return Err("the server's answer has a line that is too long, or was cut".into());
            }
            let line = String::from_utf8_lossy(line.trim_ascii_end()).into_owned();
            let (code, rest) = line.split_at_checked(3).ok_or("the server's answer is not SMTP")?;
            let code = code.parse().ok().filter(|code| (200..600).contains(code));
            let code = code.ok_or("the server's answer is not SMTP")?;
            if answer.code != 0 && answer.code != code {
                return Err("the server's answer changes its code".into());
            }
            answer.code = code;
            answer.lines.push(rest.get(1..).unwrap_or_default().to_owned());
            if !rest.starts_with('-') {
                return Ok(answer);
            }
            if answer.lines.len() >= LINES_MAX {
                return Err("the server's answer has no end".into());
            }
        }
    }
}

/// What was said of each address, `a@b.example: 550 5.1.1 unknown; c@d.example: 450 later`.
fn listed<'a>(said: impl Iterator<Item = &'a (String, String)>) -> String {
    said.map(|(address, said)| format!("{address}: {said}")).collect::<Vec<_>>().join("; ")
}

/// A mail as it goes over the wire: lines that begin with a dot get another one, and the last line
/// has an end.
fn stuffed(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + 64);
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        if line.first() == Some(&b'.') {
            out.push(b'.');
        }
        out.extend_from_slice(line);
    }
    if !out.ends_with(b"\r\n") {
        out.extend_from_slice(b"\r\n");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dot_never_ends_a_mail_early() {
        let check = |bytes: &[u8], want: &[u8]| assert_eq!(stuffed(bytes), want, "{bytes:?}");
        check(b"a\r\n.\r\n..b\r\n", b"a\r\n..\r\n...b\r\n");
        check(b"a\n.\nb", b"a\n..\nb\r\n");
        check(b"", b"\r\n");
    }
}
