//! `type = "smtp"`: notices as mail, handed to one mail server that takes them further.
//!
//! The bytes of a mail are made once and stay the same, Message-ID included, however often it is
//! sent. Blind copies stand in the envelope alone. A mail is encrypted for all who get it or for nobody. An answer that concerns the mail decides its fate
//! (4xx later, 5xx never); trouble with the server itself, a wrong password among it, is always
//! "later", because it says nothing about the mail.

mod address;
pub(crate) mod dkim;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod mime;
mod pgpmime;
mod wire;

#[cfg(test)]
mod encrypted;
#[cfg(test)]
mod opensmtpd;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use concert_model::keys::Secret;
use concert_model::message::{Outcome, Partly};
use concert_model::{Keys, Message, Problem, host};
use tokio::time::Instant;

use self::dkim::Signer;
use self::pgpmime::Encrypt;
pub use self::pgpmime::is_encrypted;
use self::wire::{Connection, Server};
use super::{Listed, Setup};
use crate::Deliverer;
use crate::net::{Tls, Trust, check_host};
use crate::openpgp::{KeysAt, SiteKey};

/// The catalogue line.
pub const LISTED: Listed = Listed { name: "smtp", about: "sends each notice as mail through a mail server", read };

/// Open connections that wait for the next mail, and how long they do.
const IDLE_CONNECTIONS_MAX: usize = 4;
const IDLE_MAX: Duration = Duration::from_secs(10);
/// Mails sent over one connection.
const MAILS_MAX: u32 = 100;

/// A connection without work, and since when.
type Idle = Arc<Mutex<Vec<(Connection, Instant)>>>;

struct Smtp {
    server: Server,
    look: mime::Look,
    envelope_from: String,
    size_max: u64,
    idle: Idle,
}

fn read(keys: &mut Keys<'_>, setup: &Setup) -> Option<Box<dyn Deliverer>> {
    let server = read_server(keys, setup);
    let from = keys.text_or("from", &setup.site_email, "mail address the notices come from");
    let sender = keys.text_or("from_name", &setup.site_name, "name beside that address");
    if sender.contains(char::is_control) {
        keys.problem("from_name", "`from_name` is one line without control characters", "from_name = \"CERT Example\"");
    }
    let envelope_from = keys.text_or(
        "envelope_from",
        &from,
        "where bounces go; \"\" for nowhere; `address` of [mailbox] comes before it",
    );
    let zip_over = keys.size_or("zip_over", "1MiB", "an attachment larger than this is zipped");
    let size_max =
        super::read_size_max(keys, "25MiB", "largest mail, all of it counted; a notice that is larger becomes several");
    let openpgp = read_openpgp(keys);
    let encrypt = keys.choice_or(
        "encrypt",
        &Encrypt::WORDS,
        "if-key",
        "whether mails are encrypted: `if-key` when all who get one have a good key, `required` sends none in clear",
    );
    let dkim = read_dkim(keys);
    let checked = |keys: &Keys<'_>, name: &str, text: &str| match address::ascii(text) {
        Ok(address) => Some(address),
        Err(why) => {
            let hint = "write an address: cert@cert.example";
            keys.problem(name, format!("`{name}`: {why}"), hint);
            None
        }
    };
    // A new site has no address yet.
    let from = if from.is_empty() {
        keys.problem(
            "from",
            "there is no address that mail comes from",
            "write into [site]: email = \"cert@cert.example\"",
        );
        None
    } else {
        checked(keys, "from", &from)
    };
    let envelope_from =
        if envelope_from.is_empty() { Some(envelope_from) } else { checked(keys, "envelope_from", &envelope_from) };
    Some(Box::new(Smtp {
        server: server?,
        look: mime::Look { from: from?, sender, zip_over, openpgp: openpgp?, encrypt: encrypt?, dkim: dkim? },
        envelope_from: envelope_from?,
        size_max,
        idle: Idle::default(),
    }))
}

fn read_server(keys: &mut Keys<'_>, setup: &Setup) -> Option<Server> {
    let host = keys.require("host", "name or address of the mail server that takes our mail");
    let tls = Tls::read(keys);
    let implicit_tls = keys.flag_or("implicit_tls", false, "TLS from the first byte instead of STARTTLS");
    let user = keys.text("user", "account to sign in with (AUTH PLAIN or LOGIN)");
    let password = keys.secret("password", "password of the account");
    let usual = match (implicit_tls, &user) {
        (true, _) => 465,
        (false, Some(_)) => 587,
        (false, None) => 25,
    };
    let port = keys.number_or("port", usual, 1..=65535, "its port: 465 with implicit_tls, 587 with a user, else 25");
    let trust = Trust::read(keys, &setup.site_dir);
    let domain = setup.site_email.rsplit_once('@').map_or("localhost", |(_, domain)| domain);
    let domain = host::domain(domain).unwrap_or(domain.into());
    let hello = keys.text_or(
        "hello",
        &domain,
        "how we call ourselves towards the server; without it the domain of `email` of [site]",
    );
    let timeout = keys.duration_or("timeout", "5m", "how long one answer of the server may take");
    let mut good = true;
    let mut mistake = |name: &str, what: &str, hint: &str| {
        keys.problem(name, what, hint);
        good = false;
    };
    if let Some(Err(why)) = host.as_deref().map(check_host) {
        mistake("host", &why, "host = \"mail.cert.example\", its port in `port`");
    }
    if !hello.bytes().all(|byte| byte.is_ascii_graphic()) || hello.is_empty() {
        mistake("hello", "`hello` is not a host name", "hello = \"mail.cert.example\"");
    }
    if implicit_tls && tls != Some(Tls::Required) {
        mistake("implicit_tls", "`implicit_tls` goes with tls = \"required\"", "leave one of the two out");
    }
    if user.is_some() && !keys.has("password") {
        mistake("user", "`user` needs `password` beside it", "password = { file = \"secrets/mail\" }");
    }
    let near = host.as_deref().is_some_and(|host| matches!(host, "localhost" | "127.0.0.1" | "::1" | "[::1]"));
    if user.is_some() && tls == Some(Tls::Off) && !near {
        let hint = "set tls = \"required\", or leave `user` and `password` out";
        mistake("user", "the password would cross the network unencrypted", hint);
    }
    if timeout.is_zero() {
        mistake("timeout", "`timeout` is zero", "timeout = \"5m\"");
    }
    Some(Server {
        host: host.filter(|_| good)?,
        port: u16::try_from(port).ok()?,
        tls: tls?,
        implicit_tls,
        trust,
        account: user.zip(password),
        hello,
        timeout,
    })
}

/// The inner `None` is "no signing", the outer one a mistake.
fn read_openpgp(keys: &mut Keys<'_>) -> Option<Option<SiteKey>> {
    let Some(key) = keys.secret("openpgp_key", "OpenPGP key that signs each mail: armoured, without a passphrase")
    else {
        return Some(None);
    };
    // For commands that only look, secrets are not fetched and stay empty.
    if key.reveal().is_empty() {
        return Some(None);
    }
    match SiteKey::read(key.reveal()) {
        Ok(key) => Some(Some(key)),
        Err(why) => {
            keys.problem("openpgp_key", why, "`concert key make` makes one");
            None
        }
    }
}

/// The inner `None` is "no signing", the outer one a mistake.
fn read_dkim(keys: &mut Keys<'_>) -> Option<Option<Signer>> {
    const DOMAIN: &str = "domain the signature speaks for";
    const SELECTOR: &str = "name of the key in the DNS, before ._domainkey";
    const KEY: &str = "Ed25519 or RSA key: PEM, or base64 of an Ed25519 seed";
    let mut table = keys.table("dkim");
    let (domain, selector, key) =
        (table.text("domain", DOMAIN), table.text("selector", SELECTOR), table.secret("key", KEY));
    if table.is_empty() {
        return Some(None);
    }
    for (name, about) in [("domain", DOMAIN), ("selector", SELECTOR), ("key", KEY)] {
        if !table.has(name) {
            table.missing(name, about);
        }
    }
    let named = |name: &str, text: Option<String>, hint: &str| {
        let text = text?;
        if !dkim::is_name(&text) {
            table.problem(name, format!("`{name}` is not a name in the DNS"), hint);
            return None;
        }
        Some(text)
    };
    let domain = named("domain", domain, "domain = \"cert.example\"");
    let selector = named("selector", selector, "selector = \"s2026\", for a key at s2026._domainkey.cert.example");
    let names = domain.zip(selector);
    // For commands that only look, secrets are not fetched and stay empty; a fetched one never is.
    let key = key.and_then(|key: Secret| match key.reveal() {
        "" => Some(None),
        text => match dkim::Key::read(text) {
            Ok(key) => Some(Some(key)),
            Err(why) => {
                table.problem("key", why, "such as `openssl genpkey -algorithm ed25519` makes it");
                None
            }
        },
    });
    table.finish();
    let ((domain, selector), key) = names.zip(key)?;
    Some(key.map(|key| Signer::new(domain, selector, key)))
}

#[async_trait]
impl Deliverer for Smtp {
    fn trust(&self) -> Option<&Trust> {
        Some(&self.server.trust)
    }

    fn compose(&self, message: &Message, keys: &KeysAt<'_>) -> Result<Vec<u8>, String> {
        mime::compose(&self.look, message, keys)
    }

    fn bytes_max(&self) -> u64 {
        self.size_max
    }

    fn site_key(&self) -> Option<&SiteKey> {
        self.look.openpgp.as_ref()
    }

    fn must_encrypt(&self) -> bool {
        self.look.encrypt == Encrypt::Required
    }

    fn encrypts_where_it_can(&self) -> bool {
        self.look.encrypt == Encrypt::IfKey
    }

    fn from(&self) -> Vec<&str> {
        [self.look.from.as_str(), &self.envelope_from].into_iter().filter(|from| !from.is_empty()).collect()
    }

    async fn deliver(&self, message: &Message, bytes: &[u8]) -> Outcome {
        // Composed, and kept, when the settings did not ask for it yet.
        if self.look.encrypt == Encrypt::Required && !is_encrypted(bytes) {
            let notice = &message.notice;
            return Outcome::Never(format!(
                "it was composed unencrypted before `encrypt` was \"required\"; `concert notice retry {notice} --to ADDRESS` composes it anew"
            ));
        }
        let (mut to, mut named, mut written) = (Vec::new(), 0, Vec::new());
        for texts in [&message.to, &message.bcc] {
            for text in texts {
                let address = match address::ascii(text) {
                    Ok(address) => address,
                    Err(why) => return Outcome::Never(why),
                };
                // Servers that tell letter case apart in names of mailboxes are none that anybody met.
                if !to.iter().any(|other: &String| other.eq_ignore_ascii_case(&address)) {
                    to.push(address.clone());
                }
                written.push((address, text));
            }
            // A mail with blind copies alone is for those.
            named = if named == 0 { to.len() } else { named };
        }
        if to.is_empty() {
            return Outcome::Never("there is nobody to send it to".into());
        }
        let from = match message.return_path.as_deref() {
            None => self.envelope_from.clone(),
            Some("") => String::new(),
            Some(own) => match address::ascii(own) {
                Ok(own) => own,
                Err(why) => return Outcome::Never(why),
            },
        };
        let mut connection = match self.connection().await {
            Ok(connection) => connection,
            Err(why) => return Outcome::Later(format!("{}: {why}", self.server.host), None),
        };
        let outcome = connection.send(&from, &to, named, bytes).await;
        self.put_back(connection).await;
        match outcome {
            Outcome::Partly(partly) => Outcome::Partly(as_written(partly, &written)),
            outcome => outcome,
        }
    }

    async fn check(&self) -> Result<String, Problem> {
        let place = format!("{} port {}", self.server.host, self.server.port);
        match Connection::open(&self.server).await {
            Ok(connection) => {
                let encrypted = if connection.is_encrypted() { "encrypted" } else { "not encrypted" };
                let account = if self.server.account.is_some() { ", signed in" } else { "" };
                connection.quit().await;
                Ok(format!("{place} takes our mail, {encrypted}{account}"))
            }
            Err(why) => Err(Problem::new(format!("{place}: {why}"))),
        }
    }
}

/// The same of addresses as the message has them, each of which may stand there in several forms.
fn as_written(partly: Partly, written: &[(String, &String)]) -> Partly {
    let forms = |address: &str| -> Vec<String> {
        let same = written.iter().filter(|(ascii, _)| ascii.eq_ignore_ascii_case(address));
        same.map(|(_, text)| (*text).clone()).collect()
    };
    let each = |said: Vec<(String, String)>| -> Vec<(String, String)> {
        said.iter().flat_map(|(address, said)| forms(address).into_iter().map(|form| (form, said.clone()))).collect()
    };
    Partly {
        said: partly.said,
        taken: partly.taken.iter().flat_map(|address| forms(address)).collect(),
        refused: each(partly.refused),
        later: each(partly.later),
    }
}

impl Smtp {
    fn idle(&self) -> MutexGuard<'_, Vec<(Connection, Instant)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection that waits and still answers, else a new one.
    async fn connection(&self) -> Result<Connection, String> {
        loop {
            // Taken out first: the lock must not be held while waiting for the server.
            let waiting = self.idle().pop();
            let Some((mut connection, since)) = waiting else { break };
            if since.elapsed() < IDLE_MAX && connection.reset().await {
                return Ok(connection);
            }
        }
        Connection::open(&self.server).await
    }

    async fn put_back(&self, connection: Connection) {
        if !connection.is_usable() {
            return;
        }
        let now = Instant::now();
        let full = connection.mails() >= MAILS_MAX || self.idle().len() >= IDLE_CONNECTIONS_MAX;
        if full {
            return connection.quit().await;
        }
        self.idle().push((connection, now));
        tokio::spawn(close_idle(Arc::clone(&self.idle), now + IDLE_MAX));
    }
}

/// Closes, at that moment, the connections that nobody took since.
async fn close_idle(idle: Idle, at: Instant) {
    tokio::time::sleep_until(at).await;
    let mut old = Vec::new();
    {
        let mut waiting = idle.lock().unwrap_or_else(PoisonError::into_inner);
        for (connection, since) in std::mem::take(&mut *waiting) {
            if since + IDLE_MAX <= at {
                old.push(connection);
            } else {
                waiting.push((connection, since));
            }
        }
    }
    for connection in old {
        connection.quit().await;
    }
}
