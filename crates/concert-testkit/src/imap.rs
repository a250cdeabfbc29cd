//! A tiny IMAP server: one account, one folder, mails that can be searched, fetched and marked.
//!
//! It keeps to RFC 3501 in what it does and refuses the rest: no IDLE, no other folders, and of
//! searches only `ALL` and `UNSEEN`. For more, the tests use a real server (`dovecot.rs`).

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;

use crate::listen::{Listener, Stream, loopback};
use crate::tls::{Identity, accept, acceptor};

/// Longest command line.
const LINE_BYTES_MAX: u64 = 8192;

#[derive(Default)]
struct Mail {
    bytes: Vec<u8>,
    flags: Vec<String>,
    /// Its bytes are lost, as on a server with a damaged store.
    is_bodiless: bool,
}

struct Shared {
    mails: Mutex<Vec<Mail>>,
    changed: Notify,
    user: String,
    password: String,
}

impl Shared {
    fn mails(&self) -> MutexGuard<'_, Vec<Mail>> {
        self.mails.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A running server. Dropping it ends it.
pub struct ImapServer {
    listener: Listener,
    shared: Arc<Shared>,
}

impl ImapServer {
    /// Starts on a free port of loopback, without encryption, for one account.
    pub async fn start(user: &str, password: &str) -> io::Result<Self> {
        Self::start_with(None, user, password).await
    }

    /// Starts one that encrypts from the first byte where an identity is given.
    pub async fn start_with(identity: Option<Identity>, user: &str, password: &str) -> io::Result<Self> {
        let tls = identity.map(acceptor).transpose()?;
        let shared = Arc::new(Shared {
            mails: Mutex::default(),
            changed: Notify::new(),
            user: user.to_owned(),
            password: password.to_owned(),
        });
        let serving = Arc::clone(&shared);
        let listener = Listener::start(loopback(), move |stream| {
            let (shared, tls) = (Arc::clone(&serving), tls.clone());
            // Whatever goes wrong with the peer ends its connection and nothing else.
            async move { drop(serve(stream, tls.as_ref(), &shared).await) }
        });
        Ok(Self { listener: listener.await?, shared })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    /// Puts a mail into the folder.
    pub fn deliver(&self, mail: &[u8]) {
        self.shared.mails().push(Mail { bytes: mail.to_vec(), ..Mail::default() });
    }

    /// Puts a mail into the folder that is listed and of which no bytes are given, until it is mended.
    pub fn deliver_bodiless(&self, mail: &[u8]) {
        self.shared.mails().push(Mail { bytes: mail.to_vec(), is_bodiless: true, ..Mail::default() });
    }

    /// Gives the bytes of all mails from now on.
    pub fn mend(&self) {
        self.shared.mails().iter_mut().for_each(|mail| mail.is_bodiless = false);
    }

    /// The flags of each mail, in the order they were delivered.
    pub fn flags(&self) -> Vec<Vec<String>> {
        self.shared.mails().iter().map(|mail| mail.flags.clone()).collect()
    }

    /// Waits until every mail was marked as seen. The caller bounds the time.
    pub async fn wait_for_seen(&self) {
        loop {
            let changed = self.shared.changed.notified();
            if self.flags().iter().all(|flags| flags.iter().any(|flag| flag == "\\Seen")) {
                return;
            }
            changed.await;
        }
    }
}

async fn serve(stream: TcpStream, tls: Option<&TlsAcceptor>, shared: &Shared) -> io::Result<()> {
    let stream: Stream = match tls {
        Some(tls) => Box::new(accept(tls, stream).await?),
        None => Box::new(stream),
    };
    let mut stream = BufReader::new(stream);
    stream.write_all(b"* OK ready\r\n").await?;
    let mut session = Session { shared, signed_in: false, selected: false };
    let mut line = Vec::new();
    loop {
        line.clear();
        (&mut stream).take(LINE_BYTES_MAX).read_until(b'\n', &mut line).await?;
        if line.last() != Some(&b'\n') {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&line).trim_end().to_owned();
        let (tag, command) = text.split_once(' ').unwrap_or((&text, ""));
        let mut out = Vec::new();
        let answer = session.weigh(command, &mut out);
        out.extend_from_slice(format!("{tag} {answer}\r\n").as_bytes());
        stream.write_all(&out).await?;
        stream.flush().await?;
        shared.changed.notify_waiters();
        if command.eq_ignore_ascii_case("LOGOUT") {
            return stream.shutdown().await;
        }
    }
}

struct Session<'a> {
    shared: &'a Shared,
    signed_in: bool,
    selected: bool,
}

impl Session<'_> {
    /// Answers a command: untagged lines go to `out`, the last line is given.
    fn weigh(&mut self, command: &str, out: &mut Vec<u8>) -> String {
        let (word, rest) = command.split_once(' ').unwrap_or((command, ""));
        match word.to_ascii_uppercase().as_str() {
            "CAPABILITY" => {
                out.extend_from_slice(b"* CAPABILITY IMAP4rev1\r\n");
                "OK done".to_owned()
            }
            "NOOP" => "OK done".to_owned(),
            "LOGOUT" => {
                out.extend_from_slice(b"* BYE goodbye\r\n");
                "OK done".to_owned()
            }
            "LOGIN" => {
                let words = quoted(rest);
                self.signed_in = words == [self.shared.user.as_str(), self.shared.password.as_str()];
                if self.signed_in { "OK signed in" } else { "NO wrong name or password" }.to_owned()
            }
            "SELECT" | "EXAMINE" if self.signed_in => self.select(rest, out),
            "UID" if self.selected => self.by_uid(rest, out),
            _ => "BAD not known, or not now".to_owned(),
        }
    }

    fn select(&mut self, rest: &str, out: &mut Vec<u8>) -> String {
        self.selected = quoted(rest).first().is_some_and(|name| name.eq_ignore_ascii_case("INBOX"));
        if !self.selected {
            return "NO there is no such folder".to_owned();
        }
        let count = self.shared.mails().len();
        let told =
            format!("* {count} EXISTS\r\n* 0 RECENT\r\n* FLAGS (\\Seen \\Flagged)\r\n* OK [UIDVALIDITY 1] valid\r\n");
        out.extend_from_slice(told.as_bytes());
        "OK [READ-WRITE] selected".to_owned()
    }

    fn by_uid(&self, rest: &str, out: &mut Vec<u8>) -> String {
        let (word, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        match word.to_ascii_uppercase().as_str() {
            "SEARCH" => self.search(rest, out),
            "FETCH" => self.fetch(rest, out),
            "STORE" => self.store(rest),
            _ => "BAD not known".to_owned(),
        }
    }

    fn search(&self, rest: &str, out: &mut Vec<u8>) -> String {
        let unseen = match rest.to_ascii_uppercase().as_str() {
            "ALL" => false,
            "UNSEEN" => true,
            _ => return "BAD only ALL and UNSEEN can be searched".to_owned(),
        };
        let mails = self.shared.mails();
        let found = mails.iter().zip(1u32..).filter(|(mail, _)| !unseen || !mail.flags.iter().any(|f| f == "\\Seen"));
        let numbers: String = found.map(|(_, uid)| format!(" {uid}")).collect();
        out.extend_from_slice(format!("* SEARCH{numbers}\r\n").as_bytes());
        "OK done".to_owned()
    }

    /// The number of a mail is also its UID: none is ever removed.
    fn fetch(&self, rest: &str, out: &mut Vec<u8>) -> String {
        let (set, wanted) = rest.split_once(' ').unwrap_or((rest, ""));
        let wanted = wanted.to_ascii_uppercase();
        for (mail, uid) in self.shared.mails().iter().zip(1u32..).filter(|(_, uid)| holds(set, *uid)) {
            let mut head = format!("* {uid} FETCH (UID {uid}");
            if wanted.contains("RFC822.SIZE") {
                head.push_str(&format!(" RFC822.SIZE {}", mail.bytes.len()));
            }
            if wanted.contains("FLAGS") {
                head.push_str(&format!(" FLAGS ({})", mail.flags.join(" ")));
            }
            if wanted.contains("BODY.PEEK[]") && mail.is_bodiless {
                head.push_str(" BODY[] NIL");
            } else if wanted.contains("BODY.PEEK[]") {
                head.push_str(&format!(" BODY[] {{{}}}\r\n", mail.bytes.len()));
                out.extend_from_slice(head.as_bytes());
                out.extend_from_slice(&mail.bytes);
                head.clear();
            }
            out.extend_from_slice(head.as_bytes());
            out.extend_from_slice(b")\r\n");
        }
        "OK done".to_owned()
    }

    fn store(&self, rest: &str) -> String {
        let Some((set, change)) = rest.split_once(' ') else { return "BAD which mails?".to_owned() };
        let Some((how, flags)) = change.split_once(' ') else { return "BAD which flags?".to_owned() };
        if !matches!(how.to_ascii_uppercase().as_str(), "+FLAGS" | "+FLAGS.SILENT") {
            return "BAD flags can only be added".to_owned();
        }
        let flags: Vec<&str> = flags.trim_matches(['(', ')']).split_whitespace().collect();
        for (mail, _) in self.shared.mails().iter_mut().zip(1u32..).filter(|(_, uid)| holds(set, *uid)) {
            for flag in &flags {
                if !mail.flags.iter().any(|known| known == flag) {
                    mail.flags.push((*flag).to_owned());
                }
            }
        }
        "OK done".to_owned()
    }
}

/// Whether `1,4:6,9:*` holds a number.
fn holds(set: &str, uid: u32) -> bool {
    let number = |text: &str| if text == "*" { Some(u32::MAX) } else { text.parse().ok() };
    set.split(',').any(|part| {
        let (first, last) = part.split_once(':').unwrap_or((part, part));
        number(first).zip(number(last)).is_some_and(|(first, last)| (first.min(last)..=first.max(last)).contains(&uid))
    })
}

/// Words, or texts in double quotes with backslashes before quotes and backslashes.
fn quoted(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let (mut inside, mut escaped, mut open) = (false, false, false);
    for c in text.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if inside => {
                escaped = true;
                continue;
            }
            '"' => {
                inside = !inside;
                if inside {
                    words.push(String::new());
                }
                open = inside;
                continue;
            }
            ' ' if !inside => {
                open = false;
                continue;
            }
            _ => {}
        }
        if !open {
            words.push(String::new());
            open = true;
        }
        if let Some(word) = words.last_mut() {
            word.push(c);
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_sets_are_read() {
        assert_eq!(quoted(r#""a b" "c\"d""#), ["a b", "c\"d"]);
        assert_eq!(quoted("feeds secret"), ["feeds", "secret"]);
        assert_eq!(quoted(r#""""#), [""]);
        assert!(holds("1,4:6", 5) && holds("3:*", 9) && !holds("1,4:6", 7) && !holds("x", 1));
    }

    #[tokio::test]
    async fn a_mail_is_found_fetched_and_marked() {
        let server = ImapServer::start("feeds", "secret").await.unwrap();
        server.deliver(b"Subject: x\r\n\r\nbody\r\n");
        let mut stream = BufReader::new(TcpStream::connect(server.address()).await.unwrap());
        let talk = "a LOGIN \"feeds\" \"wrong\"\r\nb LOGIN \"feeds\" \"secret\"\r\nc SELECT \"INBOX\"\r\n\
                    d UID SEARCH UNSEEN\r\ne UID FETCH 1 (UID BODY.PEEK[])\r\nf UID STORE 1 +FLAGS.SILENT (\\Seen)\r\n\
                    g UID SEARCH UNSEEN\r\nh LOGOUT\r\n";
        stream.write_all(talk.as_bytes()).await.unwrap();
        let mut heard = String::new();
        stream.read_to_string(&mut heard).await.unwrap();
        for want in [
            "a NO",
            "b OK",
            "* 1 EXISTS",
            "* SEARCH 1\r\nd OK",
            "BODY[] {20}\r\nSubject: x\r\n\r\nbody\r\n)\r\ne OK",
            "* SEARCH\r\ng OK",
            "h OK",
        ] {
            assert!(heard.contains(want), "{want}: {heard}");
        }
        assert_eq!(server.flags(), [["\\Seen"]]);
        server.wait_for_seen().await;
    }
}
