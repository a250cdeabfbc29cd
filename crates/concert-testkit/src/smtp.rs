//! A small SMTP server: takes mail, keeps it, and refuses, stalls or cuts where it is told to.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;

use crate::irc::base64;
use crate::listen::{Listener, Stream, loopback};
use crate::tls::{Identity, accept, acceptor};

/// Longest command line.
const LINE_BYTES_MAX: u64 = 4096;
/// Largest mail taken.
const MAIL_BYTES_MAX: usize = 64 << 20;
/// Mails kept for [`SmtpServer::mails`]; the oldest go first.
const MAILS_MAX: usize = 100_000;

/// When the server encrypts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encrypt {
    /// Never; it does not offer to.
    #[default]
    Never,
    /// After STARTTLS, with this certificate.
    Offered(Identity),
    /// From the first byte, with this certificate.
    First(Identity),
}

/// A step of the conversation where something can be made to go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The greeting.
    Greeting,
    /// The answer to EHLO.
    Hello,
    /// The answer to STARTTLS.
    StartTls,
    /// The answer to AUTH.
    Auth,
    /// The answer to MAIL.
    From,
    /// The answer to RCPT.
    To,
    /// The answer to DATA.
    Data,
    /// The answer to the mail itself, which is taken and kept first unless the answer refuses it.
    Mail,
}

/// What happens at a stage instead of the right answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// This answer, `451 4.3.0 later`.
    Answer(String),
    /// The connection is cut.
    Cut,
    /// Nothing more is said.
    Stall,
    /// An answer that never ends.
    Flood,
}

/// A mail as it was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// The address of MAIL FROM.
    pub from: String,
    /// The addresses of RCPT TO.
    pub to: Vec<String>,
    /// The mail, with its dots unstuffed.
    pub bytes: Vec<u8>,
    /// Whether the connection was encrypted.
    pub encrypted: bool,
    /// Who had signed in.
    pub user: Option<String>,
    /// Number of the connection it came by, from 1.
    pub connection: u64,
}

struct Trap {
    stage: Stage,
    /// Only where the command line holds this.
    holding: String,
    act: Act,
    /// How often it still springs.
    left: usize,
}

#[derive(Default)]
struct State {
    mails: Vec<Mail>,
    traps: Vec<Trap>,
    connections: u64,
}

struct Shared {
    state: Mutex<State>,
    changed: Notify,
    cut: Notify,
    encrypt: Encrypt,
    account: Option<(String, String)>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A running server. Dropping it ends it.
pub struct SmtpServer {
    listener: Listener,
    shared: Arc<Shared>,
}

impl SmtpServer {
    /// Starts on a free port of loopback, without encryption or accounts.
    pub async fn start() -> io::Result<Self> {
        Self::start_with(loopback(), Encrypt::Never, None).await
    }

    /// Starts a server; with an account (name, password) it takes mail only after signing in.
    pub async fn start_with(at: SocketAddr, encrypt: Encrypt, account: Option<(String, String)>) -> io::Result<Self> {
        let tls = match encrypt {
            Encrypt::Never => None,
            Encrypt::Offered(identity) | Encrypt::First(identity) => Some(acceptor(identity)?),
        };
        let shared =
            Arc::new(Shared { state: Mutex::default(), changed: Notify::new(), cut: Notify::new(), encrypt, account });
        let serving = Arc::clone(&shared);
        let listener = Listener::start(at, move |stream| {
            let (shared, tls) = (Arc::clone(&serving), tls.clone());
            async move {
                let cut = shared.cut.notified();
                tokio::select! {
                    () = cut => {}
                    // Whatever goes wrong with the peer ends its connection and nothing else.
                    _ = serve(stream, &shared, tls.as_ref()) => {}
                }
            }
        });
        Ok(Self { listener: listener.await?, shared })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    /// Waits until everything sent by those who are gone was read. The caller bounds the time.
    pub async fn wait_until_left(&self) -> io::Result<()> {
        self.listener.wait_until_left().await
    }

    /// Every mail taken so far, in order.
    pub fn mails(&self) -> Vec<Mail> {
        self.shared.state().mails.clone()
    }

    /// How many mails were taken.
    pub fn count(&self) -> usize {
        self.shared.state().mails.len()
    }

    /// Waits until so many mails were taken. The caller bounds the time.
    pub async fn wait_for(&self, count: usize) {
        loop {
            let changed = self.shared.changed.notified();
            if self.count() >= count {
                return;
            }
            changed.await;
        }
    }

    /// Makes a stage go wrong so often, whatever the command says.
    pub fn at(&self, stage: Stage, act: Act, times: usize) {
        self.at_line(stage, "", act, times);
    }

    /// Makes a stage go wrong so often, where the command line holds this text.
    pub fn at_line(&self, stage: Stage, holding: &str, act: Act, times: usize) {
        self.shared.state().traps.push(Trap { stage, holding: holding.to_owned(), act, left: times });
    }

    /// Forgets everything that was to go wrong.
    pub fn behave(&self) {
        self.shared.state().traps.clear();
    }

    /// Cuts all connections.
    pub fn cut(&self) {
        self.shared.cut.notify_waiters();
    }
}

struct Session<'a> {
    stream: BufReader<Stream>,
    shared: &'a Shared,
    encrypted: bool,
    user: Option<String>,
    from: Option<String>,
    to: Vec<String>,
    connection: u64,
}

async fn serve(stream: TcpStream, shared: &Shared, tls: Option<&TlsAcceptor>) -> io::Result<()> {
    let first = matches!(shared.encrypt, Encrypt::First(_));
    let stream: Stream = match tls {
        Some(tls) if first => Box::new(accept(tls, stream).await?),
        _ => Box::new(stream),
    };
    let connection = {
        let mut state = shared.state();
        state.connections += 1;
        state.connections
    };
    let stream = BufReader::new(stream);
    let mut session = Session { stream, shared, encrypted: first, user: None, from: None, to: Vec::new(), connection };
    session.answer(Stage::Greeting, "", "220 localhost ESMTP").await?;
    loop {
        let Some(line) = session.line().await? else { return Ok(()) };
        let upper = line.to_ascii_uppercase();
        let command = upper.split([' ', ':']).next().unwrap_or_default();
        match command {
            "STARTTLS" if matches!(shared.encrypt, Encrypt::Offered(_)) && !session.encrypted => {
                if !session.answer(Stage::StartTls, &line, "220 2.0.0 ready").await? {
                    continue;
                }
                let Some(tls) = tls else { return Ok(()) };
                let plain = session.stream.into_inner();
                session.stream = BufReader::new(Box::new(accept(tls, plain).await?));
                session.encrypted = true;
            }
            "QUIT" => {
                session.say("221 2.0.0 goodbye").await?;
                return session.stream.shutdown().await;
            }
            _ => session.command(command, &line).await?,
        }
    }
}

impl Session<'_> {
    async fn command(&mut self, command: &str, line: &str) -> io::Result<()> {
        match command {
            "EHLO" | "HELO" => self.hello(line).await,
            "AUTH" => self.sign_in(line).await,
            "MAIL" if self.shared.account.is_some() && self.user.is_none() => {
                self.say("530 5.7.0 authentication required").await
            }
            "MAIL" => {
                if self.answer(Stage::From, line, "250 2.1.0 ok").await? {
                    (self.from, self.to) = (Some(address(line)), Vec::new());
                }
                Ok(())
            }
            "RCPT" if self.from.is_none() => self.say("503 5.5.1 MAIL first").await,
            "RCPT" => {
                if self.answer(Stage::To, line, "250 2.1.5 ok").await? {
                    self.to.push(address(line));
                }
                Ok(())
            }
            "DATA" if self.to.is_empty() => self.say("503 5.5.1 RCPT first").await,
            "DATA" => {
                if self.answer(Stage::Data, line, "354 go on").await? {
                    self.mail().await?;
                }
                Ok(())
            }
            "RSET" => {
                (self.from, self.to) = (None, Vec::new());
                self.say("250 2.0.0 ok").await
            }
            "NOOP" => self.say("250 2.0.0 ok").await,
            _ => self.say("502 5.5.1 unknown command").await,
        }
    }

    async fn hello(&mut self, line: &str) -> io::Result<()> {
        let mut offers = "250-localhost\r\n250-PIPELINING\r\n250-8BITMIME\r\n".to_owned();
        if matches!(self.shared.encrypt, Encrypt::Offered(_)) && !self.encrypted {
            offers.push_str("250-STARTTLS\r\n");
        }
        if self.shared.account.is_some() {
            offers.push_str("250-AUTH PLAIN LOGIN\r\n");
        }
        offers.push_str("250 ENHANCEDSTATUSCODES");
        self.answer(Stage::Hello, line, &offers).await.map(drop)
    }

    async fn sign_in(&mut self, line: &str) -> io::Result<()> {
        let Some((user, password)) = self.shared.account.clone() else {
            return self.say("502 5.5.1 no accounts here").await;
        };
        let mut words = line.split(' ').skip(1);
        let mechanism = words.next().unwrap_or_default().to_ascii_uppercase();
        let right = match mechanism.as_str() {
            "PLAIN" => {
                let given = match words.next() {
                    Some(initial) => initial.to_owned(),
                    None => self.ask("334 ").await?,
                };
                given == base64(format!("\0{user}\0{password}").as_bytes())
            }
            "LOGIN" => {
                let name = self.ask("334 VXNlcm5hbWU6").await?;
                let secret = self.ask("334 UGFzc3dvcmQ6").await?;
                name == base64(user.as_bytes()) && secret == base64(password.as_bytes())
            }
            _ => return self.say("504 5.5.4 unknown mechanism").await,
        };
        if !right {
            return self.say("535 5.7.8 wrong user or password").await;
        }
        if self.answer(Stage::Auth, line, "235 2.7.0 welcome").await? {
            self.user = Some(user);
        }
        Ok(())
    }

    async fn ask(&mut self, question: &str) -> io::Result<String> {
        self.say(question).await?;
        Ok(self.line().await?.unwrap_or_default())
    }

    async fn mail(&mut self) -> io::Result<()> {
        let mut bytes = Vec::new();
        loop {
            let mut line = Vec::new();
            let mut limited = (&mut self.stream).take(MAIL_BYTES_MAX as u64);
            if limited.read_until(b'\n', &mut line).await? == 0 || bytes.len() > MAIL_BYTES_MAX {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if line == b".\r\n" {
                break;
            }
            bytes.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
        }
        let mail = Mail {
            from: self.from.take().unwrap_or_default(),
            to: std::mem::take(&mut self.to),
            bytes,
            encrypted: self.encrypted,
            user: self.user.clone(),
            connection: self.connection,
        };
        let trap = self.trap(Stage::Mail, "");
        if !matches!(&trap, Some(Act::Answer(answer)) if !answer.starts_with('2')) {
            let mut state = self.shared.state();
            if state.mails.len() >= MAILS_MAX {
                state.mails.remove(0);
            }
            state.mails.push(mail);
            drop(state);
            self.shared.changed.notify_waiters();
        }
        self.act(trap, "250 2.0.0 taken").await.map(drop)
    }

    fn trap(&self, stage: Stage, line: &str) -> Option<Act> {
        let mut state = self.shared.state();
        let trap =
            state.traps.iter_mut().find(|trap| trap.stage == stage && trap.left > 0 && line.contains(&trap.holding))?;
        trap.left -= 1;
        Some(trap.act.clone())
    }

    /// Answers as it should, or as it was told. True when the answer was good.
    async fn answer(&mut self, stage: Stage, line: &str, right: &str) -> io::Result<bool> {
        let trap = self.trap(stage, line);
        self.act(trap, right).await
    }

    async fn act(&mut self, trap: Option<Act>, right: &str) -> io::Result<bool> {
        match trap {
            None => self.say(right).await.map(|()| true),
            Some(Act::Answer(answer)) => {
                self.say(&answer).await?;
                Ok(answer.starts_with(['2', '3']))
            }
            Some(Act::Cut) => Err(io::ErrorKind::ConnectionAborted.into()),
            Some(Act::Stall) => std::future::pending().await,
            Some(Act::Flood) => loop {
                self.say("250-more").await?;
            },
        }
    }

    async fn say(&mut self, answer: &str) -> io::Result<()> {
        self.stream.write_all(format!("{answer}\r\n").as_bytes()).await?;
        self.stream.flush().await
    }

    async fn line(&mut self) -> io::Result<Option<String>> {
        let mut line = Vec::new();
        let mut limited = (&mut self.stream).take(LINE_BYTES_MAX);
        if limited.read_until(b'\n', &mut line).await? == 0 || line.last() != Some(&b'\n') {
            return Ok(None);
        }
        Ok(Some(String::from_utf8_lossy(line.trim_ascii_end()).into_owned()))
    }
}

/// What stands between the angle brackets.
fn address(line: &str) -> String {
    let inside = line.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
    inside.map(|(address, _)| address.to_owned()).unwrap_or_default()
}
