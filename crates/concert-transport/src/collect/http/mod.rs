//! Web: `collect = { type = "http", url = "https://lists.example/all.txt", every = "1h" }`.
//!
//! Fetches a list at an interval that survives restarts. A list that did not change (by its ETag,
//! its date or its bytes) is no new report. Before a body is kept, its hash and the moment of the
//! fetch are remembered, so that the same body fetched again after a kill is the same report.
//! `{today}` and `{yesterday}` in the URL, headers and body are dates in UTC, `{today:%Y%m%d}` in another form.

mod body;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
pub(super) mod name;
mod state;
mod template;

#[cfg(test)]
mod tests;

use std::time::Duration;

use async_trait::async_trait;
use base64::Engine;
use concert_model::keys::Secret;
use concert_model::{Keys, Origin, Problem, Receipt, Time};
use reqwest::header::{
    ACCEPT, ACCEPT_LANGUAGE, AUTHORIZATION, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue, IF_MODIFIED_SINCE,
    IF_NONE_MATCH, LAST_MODIFIED, USER_AGENT,
};
use reqwest::{Method, Response, StatusCode};
use tokio_util::sync::CancellationToken;

pub use self::body::fetching;
use self::body::{Pace, Progress};
use self::state::State;
use self::template::{Dates, Template};
use super::{Backoff, Listed, Setup, Told, wait};
use crate::net::web::{self, Ask, Web};
use crate::{Body, Collector, Health, Intake, Kept};

/// The entry in the list of collectors.
pub const LISTED: Listed =
    Listed { name: "http", about: "fetches a list from a web server at an interval, when it changed", read };

/// First and last pause after a failure.
const PAUSES: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(3600));
/// Longest wait before the clock is looked at again.
const LOOK_AGAIN: Duration = Duration::from_secs(3600);
/// A fetch that takes longer than this is shown to whoever looks, and how far it is anew after each.
const SHOWN_EVERY: Duration = Duration::from_secs(10);
/// The name under which that is remembered.
pub const FETCHING: &str = "fetching";
/// The time within which `minimum_rate` must come.
const RATE_WITHIN: Duration = Duration::from_secs(60);
/// How much of an answer that refuses us is looked at.
const REFUSAL_BYTES_MAX: u64 = 64 << 10;

/// Headers of settings that never log anybody in. Any other may, so another server that a redirect leads to does
/// not get it.
const FOR_EVERYBODY: &[HeaderName] = &[ACCEPT, ACCEPT_LANGUAGE, CONTENT_TYPE, USER_AGENT];

struct Http {
    setup: Setup,
    web: Web,
    method: Method,
    url: Template,
    headers: Vec<(HeaderName, Dates)>,
    secrets: HeaderMap,
    body: Option<Dates>,
    every: Duration,
    pace: Pace,
    told: Told,
}

/// Why a fetch failed, and when the server wants to be asked again.
#[derive(Debug)]
struct Failure {
    why: String,
    not_before: Option<Time>,
}

/// Another attempt after one that failed. It holds as long as the clock is not set back before the moment it was planned at.
struct Retry {
    since: Time,
    at: Time,
}

impl From<String> for Failure {
    fn from(why: String) -> Self {
        Failure { why, not_before: None }
    }
}

fn read(keys: &mut Keys<'_>, setup: &Setup) -> Option<Box<dyn Collector>> {
    let url = keys.require("url", "address of the list; {today} and {yesterday} stand for dates in UTC");
    let methods = [("GET", Method::GET), ("POST", Method::POST)];
    let words: Vec<(&str, usize)> = methods.iter().enumerate().map(|(at, (word, _))| (*word, at)).collect();
    let method = keys.choice_or("method", &words, "GET", "how to ask for it");
    let body = keys.text("body", "what to send with POST; with dates as in `url`");
    let every = keys.duration_or("every", "1h", "how often to fetch it");
    let least =
        keys.duration_or("minimum_interval", "1m", "the least that `every` may be; lower it only for own servers");
    if every < least || every.is_zero() {
        let hint = "give every = \"1m\" or more, or lower minimum_interval if the server is yours";
        keys.problem("every", "`every` is shorter than is polite to a server", hint);
    }
    let rate = keys.size_or("minimum_rate", "6KiB", "how much must come each minute of a list; 0B for no limit");
    let pace = Pace { bytes: rate, within: RATE_WITHIN };
    let headers = read_headers(keys);
    let secrets = read_secrets(keys);
    let web = Web::read(keys, &setup.site_dir, &setup.user_agent);
    let method = methods.get(method?).map(|(_, method)| method.clone())?;
    if body.is_some() && method != Method::POST {
        keys.problem("body", "`body` is only sent with POST", "add method = \"POST\"");
    }
    let body = body.and_then(|body| match Dates::new(&body) {
        Ok(body) => Some(body),
        Err(why) => {
            keys.problem("body", why, "write {today:%Y%m%d}, with the signs of strftime");
            None
        }
    });
    let url = match Template::new(&url?) {
        Ok(url) => url,
        Err(why) => {
            keys.problem("url", why, "write url = \"https://lists.example/{today}.csv\"");
            return None;
        }
    };
    Some(Box::new(Http {
        setup: setup.clone(),
        web,
        method,
        url,
        headers,
        secrets,
        body,
        every,
        pace,
        told: Told::default(),
    }))
}

fn read_headers(keys: &mut Keys<'_>) -> Vec<(HeaderName, Dates)> {
    let mut headers = Vec::new();
    let about = "headers to send, with dates as in `url`; credentials belong in bearer or api_key. To another server that \
                 a redirect leads to go only Accept, Accept-Language, Content-Type and User-Agent";
    for (name, value) in keys.pairs("headers", about) {
        let dates = Dates::new(&value).and_then(|dates| header(&dates, Time(0)).map(|_| dates));
        match (HeaderName::try_from(&name), dates) {
            (Ok(name), Ok(dates)) => headers.push((name, dates)),
            _ => keys.problem(
                "headers",
                format!("`{name}` is not a header with its value"),
                "headers = { Accept = \"text/csv\" }",
            ),
        }
    }
    headers
}

/// A header at this moment.
fn header(value: &Dates, now: Time) -> Result<HeaderValue, String> {
    HeaderValue::try_from(value.at(now)?).map_err(|error| format!("a header cannot be sent: {error}"))
}

fn read_secrets(keys: &mut Keys<'_>) -> HeaderMap {
    let user = keys.text("user", "user name, sent with `password`");
    let password = keys.secret("password", "password, sent with `user`");
    let bearer = keys.secret("bearer", "token, sent as Authorization: Bearer");
    let api_key = keys.secret("api_key", "key, sent in the header `api_key_header`");
    let api_key_header = keys.text_or("api_key_header", "X-API-Key", "header that carries api_key");
    let is_sent = api_key.is_some();
    if !is_sent && HeaderName::try_from(&api_key_header).is_err() {
        let what = format!("`{}` is not the name of a header", api_key_header.escape_debug());
        keys.problem("api_key_header", what, "api_key_header = \"X-API-Key\"");
    }
    let mut secrets = HeaderMap::new();
    let mut add = |key: &str, name: &str, value: String| {
        let header = HeaderName::try_from(name).ok();
        match (header, HeaderValue::try_from(value)) {
            (Some(header), Ok(mut value)) => {
                value.set_sensitive(true);
                if secrets.insert(header, value).is_some() {
                    keys.problem(key, "two ways to log in are given", "keep one of user, bearer and api_key");
                }
            }
            _ => keys.problem(
                key,
                format!("`{key}` cannot be sent in the header `{name}`"),
                "a header is ASCII on one line",
            ),
        }
    };
    if let Some(user) = user {
        let password = password.as_ref().map(Secret::reveal).unwrap_or_default();
        let both = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
        add("user", AUTHORIZATION.as_str(), format!("Basic {both}"));
    }
    if let Some(bearer) = bearer {
        add("bearer", AUTHORIZATION.as_str(), format!("Bearer {}", bearer.reveal().trim()));
    }
    if let Some(api_key) = api_key {
        add("api_key", &api_key_header, api_key.reveal().trim().to_owned());
    }
    secrets
}

impl Http {
    /// Sends the request, conditional where something is known of the list.
    async fn send(&self, now: Time, state: &State) -> Result<(Response, String), String> {
        let url = self.url.at(now)?;
        let mut ask = Ask::get(url.clone());
        ask.method = self.method.clone();
        ask.body = self.body.as_ref().map(|body| body.at(now)).transpose()?.map(String::into_bytes);
        for (name, value) in &self.headers {
            let to = if FOR_EVERYBODY.contains(name) { &mut ask.headers } else { &mut ask.secrets };
            to.insert(name, header(value, now)?);
        }
        ask.secrets.extend(self.secrets.clone());
        if state.url == url.as_str() && self.method == Method::GET {
            for (name, value) in [(IF_NONE_MATCH, &state.etag), (IF_MODIFIED_SINCE, &state.modified)] {
                if let Some(value) = value.as_ref().and_then(|text| HeaderValue::try_from(text).ok()) {
                    ask.headers.insert(name, value);
                }
            }
        }
        let client = self.web.client().await?;
        Ok((web::fetch(&client, &ask).await?, url.into()))
    }

    /// One fetch: keeps the body when it is new.
    async fn fetch(&self, intake: &dyn Intake, state: &mut State, progress: &Progress) -> Result<(), Failure> {
        let now = intake.now();
        let explain = |why| self.web.explain(why, progress.began, progress.came());
        let (response, url) = self.send(now, state).await.map_err(explain)?;
        let status = response.status();
        match status {
            StatusCode::NOT_MODIFIED if state.url == url => {
                state.fetched(now);
                return Ok(self.remember(intake, state).await?);
            }
            StatusCode::NO_CONTENT => {
                state.fetched(now);
                return Ok(self.remember(intake, state).await?);
            }
            StatusCode::OK => {}
            _ => {
                let mut failure = refusal(&response, now);
                if status == StatusCode::BAD_REQUEST && url.starts_with("http:") && wants_tls(response).await {
                    failure.why.push_str(": it wants https:// in place of http://");
                }
                return Err(failure);
            }
        }
        let text = |name: HeaderName| Some(response.headers().get(name)?.to_str().ok()?.to_owned());
        let (etag, modified) = (text(ETAG), text(LAST_MODIFIED));
        let media_type = text(CONTENT_TYPE).unwrap_or_default();
        let file_name = name::of(&response);
        let bytes_max = self.setup.report_bytes_max;
        let bytes = body::read(response, bytes_max, self.pace, progress).await;
        let bytes = bytes.map_err(|why| explain(super::of_report(why, bytes_max)))?;
        let hash = blake3::hash(&bytes).to_hex().to_string();
        if state.hash != hash || state.url != url {
            let moment = state.plan(&hash, now);
            self.remember(intake, state).await?;
            let receipt = Receipt {
                feed: self.setup.feed.clone(),
                origin: Origin::Fetch(moment),
                received: moment,
                sender: String::new(),
                file_name,
                url: url.clone(),
                media_type,
            };
            let kept = intake.keep(receipt, Body::Bytes(bytes)).await;
            let kept = kept.map_err(|why| format!("what was fetched cannot be kept now: {why}"))?;
            if kept == Kept::Known {
                tracing::debug!(feed = self.setup.feed, "The list was kept before a restart.");
            }
        }
        (state.url, state.etag, state.modified, state.hash) = (url, etag, modified, hash);
        state.fetched(now);
        Ok(self.remember(intake, state).await?)
    }

    async fn remember(&self, intake: &dyn Intake, state: &State) -> Result<(), String> {
        let written = intake.remember(&self.setup.feed, "fetch", &state.write()).await;
        written.map_err(|why| format!("the last fetch cannot be remembered: {why}"))
    }

    async fn recall(&self, intake: &dyn Intake) -> State {
        State::read(intake.recall(&self.setup.feed, "fetch").await.as_deref())
    }

    /// Fetches, and shows how far it is while that takes long.
    async fn fetch_and_show(&self, intake: &dyn Intake, state: &mut State) -> Result<(), Failure> {
        let progress = Progress::begin(intake.now());
        let mut fetch = std::pin::pin!(self.fetch(intake, state, &progress));
        let mut shown = false;
        let outcome = loop {
            match tokio::time::timeout(SHOWN_EVERY, fetch.as_mut()).await {
                Ok(outcome) => break outcome,
                Err(_) => {
                    let written = progress.write(intake.now());
                    shown = intake.remember(&self.setup.feed, FETCHING, &written).await.is_ok();
                }
            }
        };
        if shown {
            // What stays there is believed for a minute and no longer.
            intake.remember(&self.setup.feed, FETCHING, "").await.ok();
        }
        outcome
    }

    /// Fetches, tells how it went, and remembers when the server wants to be asked again.
    async fn fetch_and_tell(&self, intake: &dyn Intake, state: &mut State) -> Result<(), Failure> {
        let mut outcome = self.fetch_and_show(intake, state).await;
        if let Err(Failure { not_before: Some(moment), .. }) = &outcome {
            state.not_before = Some(*moment);
            if let Err(why) = self.remember(intake, state).await {
                outcome = Err(why.into());
            }
        }
        let health = match &outcome {
            Ok(()) => Health::Good,
            Err(failure) => Health::Trouble(failure.why.clone()),
        };
        self.told.say(intake, &self.setup.feed, health);
        outcome
    }
}

/// What an answer that brings no body means.
fn refusal(response: &Response, now: Time) -> Failure {
    let status = response.status();
    let unasked = match status {
        StatusCode::NOT_MODIFIED => ", though it was not asked for what changed",
        _ => "",
    };
    let why = format!("the server answered {status}{unasked}");
    let not_before = web::retry_after(response, now);
    match not_before {
        Some(moment) => Failure { why: format!("{why} and asks to wait until {moment}"), not_before },
        None => Failure { why, not_before },
    }
}

/// Whether an answer in clear says that the server wants TLS.
async fn wants_tls(response: Response) -> bool {
    let body = web::body(response, REFUSAL_BYTES_MAX).await.unwrap_or_default();
    String::from_utf8_lossy(&body).to_ascii_lowercase().contains("https")
}

#[async_trait]
impl Collector for Http {
    fn trust(&self) -> Option<&crate::net::Trust> {
        Some(&self.web.trust)
    }

    async fn run(&self, intake: &dyn Intake, stop: CancellationToken) {
        let mut state = self.recall(intake).await;
        let mut backoff = Backoff::new(PAUSES.0.min(self.every), PAUSES.1.max(self.every));
        let mut retry = None::<Retry>;
        while !stop.is_cancelled() {
            let now = intake.now();
            let planned = retry.as_ref().filter(|retry| retry.since <= now);
            let due = planned.map_or_else(|| state.due(self.every, now), |retry| retry.at);
            if due > now {
                let wanted = Duration::from_micros(u64::try_from(due.0 - now.0).unwrap_or(0));
                if !wait(&stop, wanted.min(LOOK_AGAIN)).await {
                    return;
                }
                continue;
            }
            // A fetch takes minutes at worst; a site that stops does not wait for it.
            let outcome = tokio::select! {
                () = stop.cancelled() => return,
                outcome = self.fetch_and_tell(intake, &mut state) => outcome,
            };
            retry = match outcome {
                Ok(()) => {
                    backoff.reset();
                    None
                }
                Err(failure) => {
                    let pause = i64::try_from(backoff.pause().as_micros()).unwrap_or(i64::MAX);
                    let since = intake.now();
                    let at = failure.not_before.unwrap_or(Time(since.0.saturating_add(pause)));
                    Some(Retry { since, at })
                }
            };
        }
    }

    async fn once(&self, intake: &dyn Intake) -> Result<(), String> {
        let mut state = self.recall(intake).await;
        if let Some(moment) = state.rests_until(intake.now()) {
            return Err(format!("the server asked to wait until {moment}"));
        }
        self.fetch_and_tell(intake, &mut state).await.map_err(|failure| failure.why)
    }

    async fn rests_until(&self, intake: &dyn Intake) -> Option<Time> {
        // That a server asked to wait is said by the look itself: the list is not as fresh as it should be.
        let (state, now) = (State { not_before: None, ..self.recall(intake).await }, intake.now());
        Some(state.due(self.every, now)).filter(|due| *due > now)
    }

    async fn check(&self) -> Result<String, Problem> {
        // Only the answer's head is read; without a state the request is not conditional.
        let hint = "ask the provider, or look at url, proxy and ca_file";
        let now = Time(jiff::Timestamp::now().as_microsecond());
        let (response, _) = self.send(now, &State::default()).await.map_err(|why| Problem::new(why).hint(hint))?;
        let status = response.status();
        if !status.is_success() {
            return Err(Problem::new(format!("the server answered {status}")).hint(hint));
        }
        let length = response.content_length().map_or_else(String::new, |length| format!(", {length} bytes"));
        Ok(format!("the server answered {status}{length}"))
    }
}
