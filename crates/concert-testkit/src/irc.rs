//! A tiny IRC server: enough to sign in, join channels, talk and be pinged.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc};

use crate::listen::{Listener, Stream};
use crate::tls::{Identity, accept, acceptor};

/// Longest line taken from a client.
const LINE_BYTES_MAX: u64 = 8192;
/// Lines kept for [`IrcServer::said`]; the oldest go first.
const SAID_MAX: usize = 100_000;
/// Lines on their way to one client before it is put out for not reading.
const WAITING_MAX: usize = 10_000;

/// How the server treats its clients.
#[derive(Clone, Debug, Default)]
pub struct Manners {
    /// TLS from the first byte, with this certificate.
    pub tls: Option<Identity>,
    /// Account and password that SASL PLAIN must give; SASL is offered only with one.
    pub account: Option<(String, String)>,
    /// Password that PASS must give.
    pub password: Option<String>,
    /// What it does wrong.
    pub mischief: Mischief,
}

/// What a server does wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mischief {
    /// Nothing.
    #[default]
    None,
    /// Accepts the connection and never says a word.
    Silent,
    /// Closes the connection when somebody says something, after passing it on.
    CutOnTalk,
    /// Answers every connection with one line that never ends.
    Flood,
    /// Lets nobody talk: answers 404.
    Moderated,
}

/// One line said in a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// The channel.
    pub channel: String,
    /// Who said it.
    pub nick: String,
    /// What.
    pub text: Vec<u8>,
}

#[derive(Default)]
struct Client {
    nick: String,
    channels: Vec<String>,
    out: Option<mpsc::Sender<Vec<u8>>>,
}

#[derive(Default)]
struct State {
    clients: HashMap<u64, Client>,
    next: u64,
    said: Vec<Said>,
}

struct Shared {
    state: Mutex<State>,
    manners: Manners,
    changed: Notify,
    cut: Notify,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A running server. Dropping it ends it.
pub struct IrcServer {
    listener: Listener,
    shared: Arc<Shared>,
}

impl IrcServer {
    /// Starts a well-behaved server on a free port of loopback.
    pub async fn start() -> io::Result<Self> {
        Self::start_with(crate::listen::loopback(), Manners::default()).await
    }

    /// Starts a server.
    pub async fn start_with(at: SocketAddr, manners: Manners) -> io::Result<Self> {
        let shared = Arc::new(Shared { state: Mutex::default(), manners, changed: Notify::new(), cut: Notify::new() });
        let serving = Arc::clone(&shared);
        let listener = Listener::start(at, move |stream| serve(stream, Arc::clone(&serving))).await?;
        Ok(Self { listener, shared })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    /// Waits until everything sent by those who are gone was read. The caller bounds the time.
    pub async fn wait_until_left(&self) -> io::Result<()> {
        self.listener.wait_until_left().await
    }

    /// Everything said in its channels.
    pub fn said(&self) -> Vec<Said> {
        self.shared.state().said.clone()
    }

    /// Nicknames in a channel.
    pub fn members(&self, channel: &str) -> Vec<String> {
        let state = self.shared.state();
        let mut names: Vec<String> = Vec::new();
        for client in state.clients.values().filter(|client| client.channels.iter().any(|name| name == channel)) {
            names.push(client.nick.clone());
        }
        names.sort();
        names
    }

    /// Says a line in a channel as a member who is not there. False when nobody listens.
    pub fn say(&self, channel: &str, nick: &str, text: &[u8]) -> bool {
        let line = [format!(":{nick}!{nick}@test PRIVMSG {channel} :").as_bytes(), text, b"\r\n"].concat();
        tell(&mut self.shared.state(), channel, None, &line) > 0
    }

    /// Takes a member out of a channel, as services do; to all who are there it looks as if it left by itself.
    pub fn take_out(&self, channel: &str, nick: &str, why: &str) {
        let line = format!(":{nick}!{nick}@test PART {channel} :{why}\r\n");
        let mut state = self.shared.state();
        tell(&mut state, channel, None, line.as_bytes());
        for client in state.clients.values_mut().filter(|client| client.nick == nick) {
            client.channels.retain(|name| !name.eq_ignore_ascii_case(channel));
        }
        drop(state);
        self.shared.changed.notify_waiters();
    }

    /// Waits until so many lines were said, or so many members are in a channel: until `done` says so.
    /// The caller bounds the time.
    pub async fn wait_until(&self, done: impl Fn(&Self) -> bool) {
        loop {
            let changed = self.shared.changed.notified();
            if done(self) {
                return;
            }
            changed.await;
        }
    }

    /// Cuts all connections.
    pub fn cut(&self) {
        self.shared.cut.notify_waiters();
    }
}

/// Hands a line to the members of a channel; how many there were.
fn tell(state: &mut State, channel: &str, but: Option<u64>, line: &[u8]) -> usize {
    let mut told = 0;
    let members = state.clients.iter_mut().filter(|(id, client)| {
        Some(**id) != but && client.channels.iter().any(|name| name.eq_ignore_ascii_case(channel))
    });
    let mut slow = Vec::new();
    for (id, client) in members {
        match client.out.as_ref().map(|out| out.try_send(line.to_vec())) {
            Some(Ok(())) => told += 1,
            _ => slow.push(*id),
        }
    }
    for id in slow {
        state.clients.remove(&id);
    }
    told
}

async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    let stream: Stream = match shared.manners.tls.map(acceptor) {
        None => Box::new(stream),
        Some(Ok(acceptor)) => match accept(&acceptor, stream).await {
            Ok(stream) => Box::new(stream),
            Err(_) => return,
        },
        Some(Err(_)) => return,
    };
    let (out, outbox) = mpsc::channel(WAITING_MAX);
    let id = {
        let mut state = shared.state();
        state.next += 1;
        let id = state.next;
        state.clients.insert(id, Client { out: Some(out), ..Client::default() });
        id
    };
    let cut = shared.cut.notified();
    tokio::select! {
        () = cut => {}
        () = talk(stream, outbox, id, &shared) => {}
    }
    shared.state().clients.remove(&id);
    shared.changed.notify_waiters();
}

async fn talk(stream: Stream, mut outbox: mpsc::Receiver<Vec<u8>>, id: u64, shared: &Shared) {
    let (reader, mut writer) = tokio::io::split(stream);
    let mut reader = BufReader::new(reader);
    let mut session =
        Session { id, shared, nick: String::new(), user: false, password: None, sasl: Sasl::No, welcome: false };
    let mut line = Vec::new();
    match shared.manners.mischief {
        Mischief::Silent => return std::future::pending().await,
        Mischief::Flood => loop {
            if writer.write_all(&[b'x'; 4096]).await.is_err() {
                return;
            }
        },
        _ => {}
    }
    loop {
        let mut limited = (&mut reader).take(LINE_BYTES_MAX);
        tokio::select! {
            // `read_until` keeps what it has in `line` when another branch is quicker.
            read = limited.read_until(b'\n', &mut line) => {
                if !matches!(read, Ok(count) if count > 0) || line.len() as u64 > LINE_BYTES_MAX {
                    return;
                }
                if line.last() != Some(&b'\n') {
                    continue;
                }
                let (answers, go_on) = session.weigh(&line);
                line.clear();
                if writer.write_all(&answers).await.is_err() || writer.flush().await.is_err() || !go_on {
                    drop(writer.shutdown().await);
                    return;
                }
                shared.changed.notify_waiters();
            }
            Some(told) = outbox.recv() => {
                if writer.write_all(&told).await.is_err() || writer.flush().await.is_err() {
                    return;
                }
            }
        }
    }
}

#[derive(PartialEq, Eq)]
enum Sasl {
    No,
    Asked,
    Done,
}

struct Session<'a> {
    id: u64,
    shared: &'a Shared,
    nick: String,
    user: bool,
    password: Option<String>,
    sasl: Sasl,
    welcome: bool,
}

impl Session<'_> {
    /// Answers a line; false when the connection ends after that.
    fn weigh(&mut self, line: &[u8]) -> (Vec<u8>, bool) {
        let line = line.trim_ascii_end();
        let (head, text) = match line.windows(2).position(|pair| pair == b" :") {
            Some(at) => (line.get(..at).unwrap_or(line), line.get(at + 2..)),
            None => (line, None),
        };
        let head = String::from_utf8_lossy(head).into_owned();
        let mut words = head.split_ascii_whitespace();
        let command = words.next().unwrap_or_default().to_ascii_uppercase();
        let first = words.next().map(str::to_owned).unwrap_or_else(|| lossy(text));
        let second = words.next().map(str::to_owned).unwrap_or_else(|| lossy(text));
        let nick = if self.nick.is_empty() { "*".to_owned() } else { self.nick.clone() };
        let answer = match command.as_str() {
            "CAP" => self.capability(&first, &second),
            "AUTHENTICATE" => self.authenticate(&first),
            "PASS" => {
                self.password = Some(first);
                String::new()
            }
            "NICK" => self.rename(&first),
            "USER" => {
                self.user = true;
                String::new()
            }
            "PING" => format!(":test PONG test :{first}\r\n"),
            "QUIT" => return (b"ERROR :goodbye\r\n".to_vec(), false),
            "JOIN" if self.welcome => self.join(&first),
            "PRIVMSG" | "NOTICE" if self.welcome => {
                if self.shared.manners.mischief == Mischief::Moderated {
                    format!(":test 404 {nick} {first} :Cannot send to channel\r\n")
                } else {
                    self.pass_on(&command, &first, text.unwrap_or_default());
                    if self.shared.manners.mischief == Mischief::CutOnTalk {
                        return (Vec::new(), false);
                    }
                    String::new()
                }
            }
            _ => format!(":test 421 {nick} {command} :Unknown command\r\n"),
        };
        let ready = !self.welcome && self.user && !self.nick.is_empty() && self.sasl != Sasl::Asked;
        if !ready {
            return (answer.into_bytes(), true);
        }
        if self.shared.manners.password.is_some() && self.shared.manners.password != self.password {
            return (format!("{answer}:test 464 {nick} :Password incorrect\r\n").into_bytes(), false);
        }
        self.welcome = true;
        let nick = &self.nick;
        let welcome = format!(":test 001 {nick} :Welcome\r\n:test 422 {nick} :No message of the day\r\n");
        ([answer, welcome].concat().into_bytes(), true)
    }

    fn capability(&mut self, what: &str, wanted: &str) -> String {
        match what {
            "LS" => {
                self.sasl = Sasl::Asked;
                let listed = if self.shared.manners.account.is_some() { "sasl=PLAIN" } else { "" };
                format!(":test CAP * LS :multi-prefix {listed}\r\n")
            }
            "REQ" => format!(":test CAP * ACK :{wanted}\r\n"),
            "END" => {
                self.sasl = Sasl::Done;
                String::new()
            }
            _ => String::new(),
        }
    }

    fn authenticate(&mut self, word: &str) -> String {
        if word == "PLAIN" {
            return "AUTHENTICATE +\r\n".into();
        }
        let account = self.shared.manners.account.as_ref();
        let right = account.is_some_and(|(user, password)| word == base64(format!("\0{user}\0{password}").as_bytes()));
        let (code, text) = if right { (903, "signed in") } else { (904, "sign-in failed") };
        format!(":test {code} * :{text}\r\n")
    }

    fn rename(&mut self, nick: &str) -> String {
        let mut state = self.shared.state();
        let taken = state.clients.values().any(|client| client.nick.eq_ignore_ascii_case(nick));
        if taken {
            return format!(":test 433 * {nick} :Nickname is already in use\r\n");
        }
        self.nick = nick.to_owned();
        if let Some(client) = state.clients.get_mut(&self.id) {
            client.nick = nick.to_owned();
        }
        String::new()
    }

    fn join(&mut self, channel: &str) -> String {
        let nick = self.nick.clone();
        let line = format!(":{nick}!{nick}@test JOIN {channel}\r\n");
        let mut state = self.shared.state();
        if let Some(client) = state.clients.get_mut(&self.id)
            && !client.channels.iter().any(|name| name == channel)
        {
            client.channels.push(channel.to_owned());
        }
        tell(&mut state, channel, Some(self.id), line.as_bytes());
        format!("{line}:test 366 {nick} {channel} :End of names\r\n")
    }

    fn pass_on(&mut self, command: &str, channel: &str, text: &[u8]) {
        let nick = self.nick.clone();
        let line = [format!(":{nick}!{nick}@test {command} {channel} :").as_bytes(), text, b"\r\n"].concat();
        let mut state = self.shared.state();
        tell(&mut state, channel, Some(self.id), &line);
        if state.said.len() >= SAID_MAX {
            state.said.remove(0);
        }
        state.said.push(Said { channel: channel.to_owned(), nick, text: text.to_vec() });
    }
}

fn lossy(text: Option<&[u8]>) -> String {
    String::from_utf8_lossy(text.unwrap_or_default()).into_owned()
}

/// Base64 with padding; the only place a peer needs it is comparing passwords.
pub(crate) fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for three in bytes.chunks(3) {
        let word = three.iter().fold(0u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        for place in 0..4 {
            let index = (word >> (18 - 6 * place) & 63) as usize;
            let letter = LETTERS.get(index).filter(|_| place <= three.len());
            out.push(char::from(letter.copied().unwrap_or(b'=')));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_padded() {
        let shown: Vec<String> = ["", "f", "fo", "foo", "foob"].iter().map(|text| base64(text.as_bytes())).collect();
        assert_eq!(shown, ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg=="]);
    }

    #[tokio::test]
    async fn two_clients_talk() {
        let server = IrcServer::start().await.unwrap();
        let mut listener = BufReader::new(TcpStream::connect(server.address()).await.unwrap());
        listener.write_all(b"NICK a\r\nUSER a 0 * :a\r\nJOIN #c\r\n").await.unwrap();
        server.wait_until(|server| server.members("#c") == ["a"]).await;
        let mut speaker = TcpStream::connect(server.address()).await.unwrap();
        speaker.write_all(b"NICK A\r\nNICK b\r\nUSER b 0 * :b\r\nJOIN #c\r\nPRIVMSG #c :hello :)\r\n").await.unwrap();
        let mut heard = String::new();
        while !heard.contains("hello") {
            listener.read_line(&mut heard).await.unwrap();
        }
        assert!(heard.ends_with(":b!b@test PRIVMSG #c :hello :)\r\n"), "{heard}");
        assert_eq!(server.said()[0].text, b"hello :)");
        server.cut();
        server.wait_until(|server| server.members("#c").is_empty()).await;
    }
}
