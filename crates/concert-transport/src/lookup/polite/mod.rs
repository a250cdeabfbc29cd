//! Small documents from servers of others, for questions that a person asks: politely, capped, remembered.
//!
//! Every request is encrypted and goes to an address on the Internet, but where the caller says that its way may lead to
//! this machine; the same server is asked at most twice
//! a second, and not at all while it wishes to be left alone (429, `Retry-After`). What came is remembered on
//! disk: good answers for a day, refusals for an hour, and troubles that may pass for a minute, which is twice as long each
//! time they are there again. What a document means is not known here.
//!
//! For trials and tests, `trial_server` takes all requests over plain HTTP, each with the `Host` it was meant
//! for; everything else stays as it is.

mod kept;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use concert_model::Time;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HOST};
use reqwest::{Client, Response, StatusCode};
use tokio::time::Instant;
use url::{Host, Url};

use self::kept::Kept;
use crate::net::public::is_public;
use crate::net::web::{self, ProxyAt, Web};

/// Redirects followed for one question. Registries of numbers send to each other, once or twice.
const REDIRECTS_MAX: usize = 5;
/// Requests of one run of the program.
const REQUESTS_MAX: usize = 1_000;
/// How long a good answer is remembered, in seconds.
const GOOD_FOR: i64 = 86_400;
/// How long a refusal is remembered, in seconds.
const BAD_FOR: i64 = 3_600;
/// How long a trouble that may pass (no answer, a failure of the server) is remembered at first, in seconds, and at most:
/// each time it is there again it is twice as long.
const TROUBLE_FOR: i64 = 60;
const TROUBLE_FOR_MAX: i64 = 900;
/// How long a server is left alone that has too much to do and does not say for how long, in seconds.
const PAUSE_FOR: i64 = 60;

/// How servers are asked.
#[derive(Clone, Debug)]
pub struct Options {
    /// How we name ourselves.
    pub user_agent: String,
    /// The folder where answers are remembered; made when there is something to remember.
    pub folder: PathBuf,
    /// Takes all requests over plain HTTP in place of those they are meant for.
    pub trial_server: Option<SocketAddr>,
    /// Shortest time between two requests to one server.
    pub interval: Duration,
    /// Through which all are asked that are not on this machine.
    pub proxy: ProxyAt,
}

impl Options {
    /// Two requests a second.
    pub fn new(user_agent: &str, folder: PathBuf) -> Options {
        let interval = Duration::from_millis(500);
        Options { user_agent: user_agent.to_owned(), folder, trial_server: None, interval, proxy: ProxyAt::default() }
    }
}

/// A document that is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Want<'w> {
    /// Its address.
    pub url: &'w str,
    /// What is asked for, `application/rdap+json`.
    pub accept: &'w str,
    /// The media type it must have; any when empty.
    pub media_type: &'w str,
    /// Most bytes of its body.
    pub bytes_max: u64,
    /// Hosts that redirects may lead to; any when empty.
    pub hosts: &'w [&'w str],
    /// Whether it may be on this machine by its address, `http://127.0.0.1:8080/`: whoever runs this site wrote down that
    /// the way begins there.
    pub may_be_here: bool,
    /// Whether the answer is remembered, and one that is remembered will do.
    pub is_remembered: bool,
}

/// How often servers gave nothing that can be used, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Refusals {
    /// They had too much to do (429, 503).
    pub busy: u64,
    /// A document was too large.
    pub too_large: u64,
    /// They were not reached, answered with a failure, or only led on and on.
    pub failed: u64,
    /// They gave something else than was wanted, or led to where nobody is asked.
    pub unwanted: u64,
}

/// A document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Got {
    /// The address that answered in the end.
    pub url: String,
    /// Its body.
    pub body: Vec<u8>,
}

/// Why there is no document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// A sentence without a full stop.
    pub why: String,
    /// When it is worth while to ask again, where the trouble may pass; nothing where the answer was no.
    pub again: Option<Time>,
}

impl From<String> for Missing {
    /// An answer that was no.
    fn from(why: String) -> Self {
        Self { why, again: None }
    }
}

/// What is known of a server in this run.
#[derive(Default)]
struct Server {
    /// It may be asked from this moment on.
    free: Option<Instant>,
    /// It could not be reached, and why.
    gone: Option<String>,
}

/// Why a request brought nothing.
enum Refused {
    /// The answer was no.
    Bad(String),
    /// Something was in the way that may pass.
    Trouble(String),
    /// It was not asked, and may be from then on.
    NotAsked(String, Time),
}

/// Asks servers of others.
pub struct Polite {
    client: Client,
    options: Options,
    kept: Kept,
    servers: Mutex<HashMap<String, Server>>,
    requests: Mutex<usize>,
    refusals: Mutex<Refusals>,
}

impl Polite {
    /// Sets up the client, and clears away what was remembered too long. The error is a sentence.
    pub async fn new(options: Options, now: Time) -> Result<Polite, String> {
        let ProxyAt { url: proxy, user: proxy_user } = options.proxy.clone();
        let web = Web { public_only: true, own_directly: true, proxy, proxy_user, ..Web::new(&options.user_agent) };
        let kept = Kept::open(options.folder.clone(), now);
        Ok(Polite {
            client: web.client().await?,
            options,
            kept,
            servers: Mutex::default(),
            requests: Mutex::default(),
            refusals: Mutex::default(),
        })
    }

    /// What was refused so far. What is only remembered as refused is not counted again.
    pub fn refusals(&self) -> Refusals {
        *self.refusals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, count: impl FnOnce(&mut Refusals)) {
        count(&mut self.refusals.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// The document, or why there is none. Answers before `until`.
    pub async fn get(&self, want: &Want<'_>, now: Time, until: Instant) -> Result<Got, Missing> {
        if want.is_remembered
            && let Some(known) = self.kept.recall(want.url, now)
        {
            return known;
        }
        let soon = now.plus_seconds(TROUBLE_FOR);
        if until <= Instant::now() {
            let why = "it was not asked: no time was left for it".to_owned();
            return Err(Missing { why, again: Some(soon) });
        }
        let answer = tokio::time::timeout_at(until, self.ask(want, now)).await.unwrap_or_else(|_| {
            let why = "there was no answer in time".to_owned();
            self.gone(want.url, &why);
            Err(Refused::Trouble(why))
        });
        let (answer, until) = match answer {
            Ok(got) => (Ok(got), now.plus_seconds(GOOD_FOR)),
            Err(Refused::Bad(why)) => (Err(why.into()), now.plus_seconds(BAD_FOR)),
            Err(Refused::NotAsked(why, again)) => return Err(Missing { why, again: Some(again) }),
            Err(Refused::Trouble(why)) if !want.is_remembered => return Err(Missing { why, again: Some(soon) }),
            Err(Refused::Trouble(why)) => {
                let until = whole(now.plus_seconds(self.trouble_for(want.url, now)));
                let why = format!("{why}; it is not asked again before {until}");
                (Err(Missing { why, again: Some(until) }), until)
            }
        };
        if want.is_remembered {
            self.kept.keep(want.url, &answer, until);
        }
        answer
    }

    /// How long a trouble is remembered, in seconds: it was there before, and so many times.
    fn trouble_for(&self, url: &str, now: Time) -> i64 {
        (TROUBLE_FOR << self.kept.troubles(url, now).min(8)).min(TROUBLE_FOR_MAX)
    }

    /// Remembers a document as refused, because whoever read it could make nothing of it.
    pub fn refuse(&self, url: &str, why: &str, now: Time) {
        self.kept.keep(url, &Err(why.to_owned().into()), now.plus_seconds(BAD_FOR));
    }

    async fn ask(&self, want: &Want<'_>, now: Time) -> Result<Got, Refused> {
        let bad = Refused::Bad;
        let mut url = Url::parse(want.url).map_err(|_| bad("it is no address".to_owned()))?;
        for _ in 0..=REDIRECTS_MAX {
            if !(want.may_be_here && is_here(&url)) {
                check(&url).map_err(|why| bad(if is_first(want, &url) { why } else { self.led_astray(why) }))?;
            }
            let response = self.send(&url, want.accept, now).await?;
            if let Some(next) = web::target(&response, &url).map_err(|why| bad(self.led_astray(why)))? {
                let host = next.host_str().unwrap_or_default();
                if !want.hosts.is_empty() && !want.hosts.contains(&host) {
                    self.count(|refusals| refusals.unwanted += 1);
                    return Err(bad(format!("it redirects to {host}, which is another host")));
                }
                url = next;
                continue;
            }
            match response.status() {
                StatusCode::OK => {}
                StatusCode::NOT_FOUND => return Err(bad("it is not there (404)".into())),
                status => {
                    self.count(|refusals| refusals.failed += 1);
                    let why = format!("the server answered {status}");
                    return Err(if status.is_server_error() { Refused::Trouble(why) } else { bad(why) });
                }
            }
            let media_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
            let media_type = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
            if !want.media_type.is_empty() && media_type != want.media_type {
                self.count(|refusals| refusals.unwanted += 1);
                return Err(bad(format!("it is `{media_type}` in place of {}", want.media_type)));
            }
            let body = web::body(response, want.bytes_max).await.map_err(|why| {
                let is_long = why == web::too_long(want.bytes_max);
                self.count(|refusals| if is_long { refusals.too_large += 1 } else { refusals.failed += 1 });
                if is_long { bad(why) } else { Refused::Trouble(why) }
            })?;
            return Ok(Got { url: url.into(), body });
        }
        self.count(|refusals| refusals.failed += 1);
        Err(bad(format!("more than {REDIRECTS_MAX} redirects")))
    }

    /// One request, when the server may be asked.
    async fn send(&self, url: &Url, accept: &str, now: Time) -> Result<Response, Refused> {
        let server = url.origin().ascii_serialization();
        let soon = now.plus_seconds(TROUBLE_FOR);
        if let Some(Err(paused)) = self.kept.recall(&pause_of(&server), now) {
            return Err(Refused::NotAsked(paused.why, paused.again.unwrap_or(soon)));
        }
        {
            let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
            if *requests == REQUESTS_MAX {
                let why = format!("{REQUESTS_MAX} questions were asked, which is enough for one run");
                return Err(Refused::NotAsked(why, soon));
            }
            *requests += 1;
        }
        let turn = self.turn(&server).map_err(|why| Refused::NotAsked(why, soon))?;
        tokio::time::sleep_until(turn).await;
        let request = match self.options.trial_server {
            None => self.client.get(url.clone()),
            Some(trial) => {
                let mut here = url.clone();
                let path = here.set_scheme("http").and_then(|()| here.set_ip_host(trial.ip()));
                let here_at = path.and_then(|()| here.set_port(Some(trial.port())));
                here_at.map_err(|()| Refused::Bad("it is no address".to_owned()))?;
                self.client.get(here).header(HOST, url.authority())
            }
        };
        let response = request.header(ACCEPT, accept).send().await.map_err(|error| {
            let why = web::reason(error);
            self.gone(url.as_str(), &why);
            Refused::Trouble(why)
        })?;
        if matches!(response.status(), StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
            self.count(|refusals| refusals.busy += 1);
            let until = web::retry_after(&response, now).unwrap_or_else(|| now.plus_seconds(PAUSE_FOR));
            let until = whole(until);
            let status = response.status().as_u16();
            let why = format!("the server has too much to do ({status}) and is left alone until {until}");
            // It holds for the whole server; the document itself may be there.
            let paused = Missing { why: why.clone(), again: Some(until) };
            self.kept.keep(&pause_of(&server), &Err(paused), until);
            return Err(Refused::NotAsked(why, until));
        }
        Ok(response)
    }

    /// When the server may be asked. Each who asks takes the next turn.
    fn turn(&self, server: &str) -> Result<Instant, String> {
        let mut servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        let known = servers.entry(server.to_owned()).or_default();
        if let Some(why) = &known.gone {
            return Err(format!("it was not asked: {server} did not answer before ({why})"));
        }
        let now = Instant::now();
        let turn = known.free.map_or(now, |free| free.max(now));
        known.free = Some(turn + self.options.interval);
        Ok(turn)
    }

    /// Counts a server that leads to where nobody is asked.
    fn led_astray(&self, why: String) -> String {
        self.count(|refusals| refusals.unwanted += 1);
        why
    }

    /// A server that could not be reached is not tried again in this run.
    fn gone(&self, url: &str, why: &str) {
        let Ok(url) = Url::parse(url) else { return };
        self.count(|refusals| refusals.failed += 1);
        let mut servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        servers.entry(url.origin().ascii_serialization()).or_default().gone = Some(why.to_owned());
    }
}

/// The next whole second, for those who read it.
fn whole(until: Time) -> Time {
    Time::from_seconds(until.seconds() + 1).unwrap_or(until)
}

/// Whether this is the address that was asked for, and no server led here.
fn is_first(want: &Want<'_>, url: &Url) -> bool {
    Url::parse(want.url).is_ok_and(|first| first == *url)
}

/// What is remembered of a server that is left alone, apart from its documents.
fn pause_of(server: &str) -> String {
    format!("pause of {server}")
}

/// Whether this is a server on this machine by its address: a name may lead elsewhere.
fn is_here(url: &Url) -> bool {
    let is_own = match url.host() {
        Some(Host::Ipv4(address)) => address == Ipv4Addr::LOCALHOST,
        Some(Host::Ipv6(address)) => address == Ipv6Addr::LOCALHOST,
        _ => false,
    };
    is_own && url.scheme() == "http" && url.username().is_empty() && url.password().is_none()
}

/// Refuses addresses that others gave us and that lead where we do not wish to go.
fn check(url: &Url) -> Result<(), String> {
    if url.scheme() != "https" {
        return Err("it leads to a server without encryption, which is not asked".into());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it holds a user name or password".into());
    }
    let address = match url.host() {
        Some(Host::Ipv4(address)) => Some(address.into()),
        Some(Host::Ipv6(address)) => Some(address.into()),
        Some(Host::Domain(name)) if name == "localhost" || name.ends_with(".localhost") => {
            return Err("it leads to this machine".into());
        }
        _ => None,
    };
    match address {
        Some(address) if !is_public(address) => Err(format!("it leads to {address}, which is not on the Internet")),
        _ => Ok(()),
    }
}
