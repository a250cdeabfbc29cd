//! The keys that collecting from a channel and telling a channel have in common.

use std::path::Path;
use std::time::Duration;

use concert_model::Keys;
use concert_model::keys::Secret;

use crate::net::{Trust, check_host, read_limit};

/// Where a channel is, and who we are there.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) host: String,
    pub(crate) port: u16,
    /// Certificates to trust; nothing where the connection is not encrypted.
    pub(crate) trust: Option<Trust>,
    pub(crate) nickname: String,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<Secret>,
    pub(crate) channel: String,
    pub(crate) key: Option<Secret>,
    /// Time between two lines sent, after a few at once.
    pub(crate) pace: Duration,
    /// How long connecting may take.
    pub(crate) connect_timeout: Duration,
    /// Silence after which the server is asked whether it is there.
    pub(crate) read_timeout: Duration,
}

/// Longest nickname and channel any server in use takes.
const NICKNAME_BYTES_MAX: usize = 30;
const CHANNEL_BYTES_MAX: usize = 64;
/// Nobody waits longer for a server.
const TIMEOUT_MAX: Duration = Duration::from_secs(3600);
/// What a nickname is.
const NICKNAME_HINT: &str =
    "nickname = \"concert\": a letter, then letters, digits and any of -_[]\\`^{|}, at most 30 in all";

/// Reads them. `None` when a mistake was recorded.
pub(crate) fn read(keys: &mut Keys<'_>, site_dir: &Path) -> Option<Place> {
    let host = keys.require("host", "name or address of the IRC server");
    let tls =
        keys.choice_or("tls", &[("required", true), ("off", false)], "required", "whether the connection is encrypted");
    let default_port = if tls == Some(false) { 6667 } else { 6697 };
    let port = keys.number_or("port", default_port, 1..=65535, "its port: 6697 with TLS, 6667 without");
    let trust = Trust::read(keys, site_dir);
    let nickname = keys.text_or("nickname", "concert", "our name; a digit is added when it is taken");
    let user = keys.text("user", "account to sign in with (SASL PLAIN); goes with `password`");
    let password = keys.secret("password", "of the account, or of the server (PASS) when there is no `user`");
    let channel = keys.require("channel", "the channel, \"#feeds\"");
    let key = keys.secret("key", "key of the channel, where it has one");
    let pace = keys.duration_or("pace", "500ms", "time between two lines sent, after five at once");
    let connect_timeout = read_limit(keys, "connect_timeout", "20s", "how long connecting may take");
    let read_timeout = read_limit(
        keys,
        "read_timeout",
        "60s",
        "how long the server may be silent until it is asked whether it is there; it has as long again to answer, but no more than 30s",
    );
    let mut good = true;
    let mut mistake = |name: &str, what: String, hint: &str| {
        keys.problem(name, what, hint);
        good = false;
    };
    if let Some(Err(why)) = host.as_deref().map(check_host) {
        mistake("host", why, "host = \"irc.cert.example\", its port in `port`");
    }
    if !is_nickname(&nickname) {
        mistake("nickname", format!("`{nickname}` is not a nickname"), NICKNAME_HINT);
    }
    if channel.as_deref().is_some_and(|channel| !is_channel(channel)) {
        mistake(
            "channel",
            format!("`{}` is not a channel; it begins with #", channel.as_deref().unwrap_or_default()),
            "channel = \"#feeds\"",
        );
    }
    if user.is_some() && password.is_none() {
        mistake("user", "`user` needs `password` beside it".into(), "password = { file = \"secrets/irc\" }");
    }
    // For commands that only look, secrets are not fetched and stay empty; a fetched one never is.
    if key.as_ref().is_some_and(|key| !key.reveal().is_empty() && !is_word(key.reveal())) {
        mistake("key", "the key of a channel is one word without commas".into(), "look into the file or variable");
    }
    if password.as_ref().is_some_and(|password| password.reveal().contains(['\r', '\n', '\0'])) {
        mistake("password", "the password holds a line break".into(), "look into the file or variable");
    }
    for (name, limit) in [("connect_timeout", connect_timeout), ("read_timeout", read_timeout)] {
        if limit > TIMEOUT_MAX {
            mistake(name, format!("`{name}` is at most 1h"), "leave it out for what suits most servers");
        }
    }
    if pace > Duration::from_secs(60) {
        mistake("pace", "`pace` is at most 60s".into(), "pace = \"500ms\"");
    }
    Some(Place {
        host: host.filter(|_| good)?,
        port: u16::try_from(port).ok()?,
        trust: tls?.then_some(trust),
        nickname,
        user,
        password,
        channel: channel?,
        key,
        pace,
        connect_timeout,
        read_timeout,
    })
}

fn is_nickname(text: &str) -> bool {
    let special = |c: char| matches!(c, '[' | ']' | '\\' | '`' | '_' | '^' | '{' | '|' | '}');
    let first = text.starts_with(|c: char| c.is_ascii_alphabetic() || special(c));
    first
        && text.len() <= NICKNAME_BYTES_MAX
        && text.chars().all(|c| c.is_ascii_alphanumeric() || special(c) || c == '-')
}

fn is_channel(text: &str) -> bool {
    text.starts_with(['#', '&', '+', '!']) && text.len() > 1 && text.len() <= CHANNEL_BYTES_MAX && is_word(text)
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| !c.is_control() && c != ' ' && c != ',')
}
