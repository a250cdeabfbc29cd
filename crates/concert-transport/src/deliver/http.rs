//! `type = "http"`: each notice is posted to an address.
//!
//! The body is the payload and nothing else. `Idempotency-Key` carries the Message-ID, the same at
//! every attempt, so that a server can tell a repeat from a second notice; an attempt that was cut
//! after the request went out is repeated on that ground. Redirects are not followed: a notice goes
//! where the settings say.

use std::time::Duration;

use async_trait::async_trait;
use concert_model::keys::Secret;
use concert_model::message::Outcome;
use concert_model::{Keys, Message, Problem};
use reqwest::header::{
    AUTHORIZATION, CONTENT_TYPE, DATE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, TRANSFER_ENCODING,
};
use reqwest::{Client, Method, Response, StatusCode};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};
use url::Url;

use super::{Listed, Setup};
use crate::Deliverer;
use crate::net::refused;
use crate::net::web::{Web, reason};
use crate::openpgp::KeysAt;

/// The catalogue line.
pub const LISTED: Listed = Listed { name: "http", about: "posts each notice to a web address", read };

/// A client is made anew after this long, so that a renewed certificate file is taken up.
const CLIENT_MAX: Duration = Duration::from_secs(600);
/// Of an answer that refuses, this much is read for people, within this time.
const ANSWER_BYTES_MAX: usize = 2048;
const ANSWER_WAIT: Duration = Duration::from_secs(5);
/// Letters of it that are told.
const ANSWER_LETTERS_MAX: usize = 200;
/// Longest pause a server may ask for.
const PAUSE_SECONDS_MAX: u64 = 86_400;
/// Most headers from the settings.
const HEADERS_MAX: usize = 50;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const NOTICE: HeaderName = HeaderName::from_static("x-concert-notice");

struct HttpOut {
    /// The NAME of [via.NAME], for what is told to people.
    name: String,
    url: Url,
    headers: HeaderMap,
    web: Web,
    size_max: u64,
    client: Mutex<Option<(Client, Instant)>>,
}

fn read(keys: &mut Keys<'_>, setup: &Setup) -> Option<Box<dyn Deliverer>> {
    let url = read_url(keys);
    let token = keys.secret("token", "sent as Authorization: Bearer");
    let mut headers = read_headers(keys);
    let size_max =
        super::read_size_max(keys, "100MiB", "most bytes of one request; a notice that is larger becomes several");
    let web = Web::read(keys, &setup.site_dir, &setup.user_agent);
    if keys.has("token") && url.as_ref().is_some_and(|url| url.scheme() == "http" && !is_near(url)) {
        keys.problem("token", "the token would cross the network unencrypted", "use an https address");
        return None;
    }
    if let Some(token) = token {
        match bearer(&token) {
            Some(value) => drop(headers.as_mut().map(|headers| headers.insert(AUTHORIZATION, value))),
            None => {
                keys.problem("token", "the token holds letters that no header can", "it is ASCII on one line");
                return None;
            }
        }
    }
    Some(Box::new(HttpOut {
        name: setup.name.clone(),
        url: url?,
        headers: headers?,
        web,
        size_max,
        client: Mutex::default(),
    }))
}

fn read_url(keys: &mut Keys<'_>) -> Option<Url> {
    let text = keys.require("url", "where notices are posted to")?;
    match Url::parse(&text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() && url.password().is_none() => Some(url),
        _ => {
            keys.problem("url", "`url` is not a web address", "write url = \"https://host.example/notices\"");
            None
        }
    }
}

fn read_headers(keys: &mut Keys<'_>) -> Option<HeaderMap> {
    let pairs = keys.pairs("headers", "headers to send besides ours");
    let mut headers = HeaderMap::new();
    if pairs.len() > HEADERS_MAX {
        keys.problem("headers", format!("`headers` takes at most {HEADERS_MAX}"), "leave some out");
        return None;
    }
    let mut good = true;
    for (name, text) in &pairs {
        let parsed = name.parse::<HeaderName>().ok().zip(HeaderValue::from_str(text).ok());
        let ours = [CONTENT_TYPE, IDEMPOTENCY_KEY, NOTICE, TRANSFER_ENCODING, reqwest::header::CONTENT_LENGTH];
        match parsed {
            Some((header, _)) if ours.contains(&header) => {
                keys.problem("headers", format!("`{name}` is set by Concert"), "leave it out");
                good = false;
            }
            Some((header, _)) if header == AUTHORIZATION => {
                keys.problem("headers", "`Authorization` is a secret", "write token = { file = \"secrets/token\" }");
                good = false;
            }
            Some((header, value)) => drop(headers.insert(header, value)),
            None => {
                keys.problem(
                    "headers",
                    format!("`{name}` with this text is not a header"),
                    "headers = { \"X-Team\" = \"CERT\" }",
                );
                good = false;
            }
        }
    }
    good.then_some(headers)
}

fn bearer(token: &Secret) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", token.reveal())).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Whether the address is this machine.
fn is_near(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[async_trait]
impl Deliverer for HttpOut {
    fn trust(&self) -> Option<&crate::net::Trust> {
        Some(&self.web.trust)
    }

    fn compose(&self, message: &Message, _: &KeysAt<'_>) -> Result<Vec<u8>, String> {
        Ok(message.payload.bytes.clone())
    }

    fn bytes_max(&self) -> u64 {
        self.size_max
    }

    async fn deliver(&self, message: &Message, bytes: &[u8]) -> Outcome {
        let client = match self.client().await {
            Ok(client) => client,
            Err(why) => return Outcome::Later(why, None),
        };
        let named = HeaderValue::from_str(&message.message_id).ok().zip(HeaderValue::from_str(&message.notice).ok());
        let Some((key, notice)) = named else {
            return Outcome::Never("the notice's number or Message-ID cannot stand in a header".into());
        };
        let unknown = HeaderValue::from_static("application/octet-stream");
        let kind = HeaderValue::from_str(&message.payload.media_type).ok().filter(|kind| !kind.is_empty());
        let request = client
            .post(self.url.clone())
            .headers(self.headers.clone())
            .header(CONTENT_TYPE, kind.unwrap_or(unknown))
            .header(IDEMPOTENCY_KEY, key)
            .header(NOTICE, notice)
            .body(bytes.to_vec());
        match request.send().await {
            Ok(response) => weigh(response, &self.name).await,
            // Whoever refuses our certificate has not read what came behind it.
            Err(error) if error.is_connect() || refused::why(&error).is_some() => Outcome::Later(reason(error), None),
            Err(error) if error.is_builder() => Outcome::Never(reason(error)),
            Err(error) => Outcome::Unsure(reason(error)),
        }
    }

    async fn check(&self) -> Result<String, Problem> {
        let place = self.url.origin().ascii_serialization();
        let say = |why: String| Problem::new(format!("{place}: {why}"));
        let client = self.client().await.map_err(say)?;
        let request = client.request(Method::OPTIONS, self.url.clone()).headers(self.headers.clone());
        let response = request.send().await.map_err(|error| say(reason(error)))?;
        match response.status() {
            status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
                Err(say(format!("it does not let us in: {status}")).hint("look at `token`"))
            }
            status => Ok(format!("{place} answers ({status} to OPTIONS)")),
        }
    }
}

impl HttpOut {
    async fn client(&self) -> Result<Client, String> {
        let mut kept = self.client.lock().await;
        if let Some((client, since)) = kept.as_ref()
            && since.elapsed() < CLIENT_MAX
        {
            return Ok(client.clone());
        }
        let client = self.web.client().await?;
        *kept = Some((client.clone(), Instant::now()));
        Ok(client)
    }
}

pub(crate) async fn weigh(response: Response, name: &str) -> Outcome {
    let status = response.status();
    if status.is_success() {
        return Outcome::Done(status.to_string());
    }
    let pause = pause(response.headers());
    let told = told(response).await;
    let what = if told.is_empty() { status.to_string() } else { format!("{status}: {told}") };
    match status {
        _ if status.is_redirection() => Outcome::Never(format!("{what} (a redirect, which is not followed)")),
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => Outcome::Later(what, pause),
        // The server gave up waiting for us, or wants us to come back: neither is about the notice.
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY => Outcome::Later(what, pause),
        // The proxy on the way did not let us through; the receiver has seen nothing.
        StatusCode::PROXY_AUTHENTICATION_REQUIRED => Outcome::Later(what, None),
        StatusCode::PAYLOAD_TOO_LARGE => Outcome::TooLarge(what, None),
        // Trying on would only look like an attack; whoever mends the settings says when to go on.
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Outcome::Never(format!(
            "{what}: the receiver does not let us in; look at `token` and `headers` of [via.{name}], then \
             `concert notice retry --all-failed --via {name}`"
        )),
        _ if status.is_server_error() => Outcome::Later(what, None),
        _ => Outcome::Never(what),
    }
}

/// The beginning of an answer, for people.
async fn told(mut response: Response) -> String {
    let mut bytes = Vec::new();
    let read = async {
        while let Ok(Some(chunk)) = response.chunk().await {
            bytes.extend_from_slice(chunk.get(..ANSWER_BYTES_MAX).unwrap_or(&chunk));
            if bytes.len() >= ANSWER_BYTES_MAX {
                return;
            }
        }
    };
    // What has come within the time is told; the rest would not change anything.
    drop(timeout(ANSWER_WAIT, read).await);
    let text: String = String::from_utf8_lossy(&bytes).chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(ANSWER_LETTERS_MAX).collect()
}

/// Seconds from Retry-After: a number, or a moment that is compared with the server's own clock.
fn pause(headers: &HeaderMap) -> Option<u64> {
    let text = |name: HeaderName| headers.get(name)?.to_str().ok();
    let wanted = text(RETRY_AFTER)?.trim();
    let seconds = match wanted.parse::<u64>() {
        Ok(seconds) => seconds,
        Err(_) => {
            let moment = |text| jiff::fmt::rfc2822::parse(text).ok().map(|time| time.timestamp().as_second());
            u64::try_from(moment(wanted)? - moment(text(DATE)?)?).ok()?
        }
    };
    Some(seconds.min(PAUSE_SECONDS_MAX))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use concert_testkit::tls::{Identity, write_authority};
    use concert_testkit::web::{Answer, End, Web as Server};

    use super::super::tests::{message, no_keys, read as read_settings};
    use super::*;

    fn way_out(url: &str, more: &str) -> Box<dyn Deliverer> {
        let settings = format!("url = \"{url}\"\ntimeout = \"2s\"\nread_timeout = \"300ms\"\n{more}");
        read_settings("http", &settings, Path::new("/nowhere")).map_err(|problems| problems.join("\n")).unwrap()
    }

    async fn send(way_out: &dyn Deliverer) -> Outcome {
        let message = message("N7");
        way_out.deliver(&message, &way_out.compose(&message, &no_keys()).unwrap()).await
    }

    #[tokio::test]
    async fn a_notice_is_posted_with_its_keys() {
        let server = Server::start(None, |_| Answer::new(202, "thanks")).await.unwrap();
        let more = "token = { env = \"s3cret\" }\nheaders = { X-Site = \"cert\" }\n";
        let way_out = way_out(&server.url("/in?x=1"), more);
        assert_eq!(send(&*way_out).await, Outcome::Done("202 Accepted".into()));
        let request = server.requests().remove(0);
        assert_eq!((request.method.as_str(), request.path.as_str()), ("POST", "/in?x=1"));
        let check = |name: &str, want: &str| assert_eq!(request.header(name), Some(want), "{name}");
        check("content-type", "text/csv; charset=utf-8");
        check("idempotency-key", "N7@cert.example");
        check("x-concert-notice", "N7");
        check("authorization", "Bearer s3cret");
        check("x-site", "cert");
        check("user-agent", "concert-test");
        assert_eq!(request.body, message("N7").payload.bytes);
        assert!(way_out.check().await.unwrap().contains("202"));
    }

    #[tokio::test]
    async fn each_answer_ends_the_attempt_as_it_should() {
        let check = async |answer: Answer, want: &str| {
            let server = Server::start(None, move |_| answer.clone()).await.unwrap();
            let outcome = format!("{:?}", send(&*way_out(&server.url("/"), "")).await);
            assert!(outcome.starts_with(want), "{outcome}, not {want}");
            assert_eq!(server.requests().len(), 1, "{want}: one attempt, no redirect");
        };
        check(Answer::new(200, ""), "Done(\"200 OK").await;
        check(Answer::new(204, ""), "Done(\"204").await;
        check(Answer::new(200, "x").end(End::Endless), "Done").await;
        check(
            Answer::new(429, "slow\r\n down").header("Retry-After", "7"),
            "Later(\"429 Too Many Requests: slow down\", Some(7))",
        )
        .await;
        check(Answer::new(503, ""), "Later(\"503 Service Unavailable\", None)").await;
        check(
            Answer::new(503, "").header("Retry-After", "99999999999"),
            "Later(\"503 Service Unavailable\", Some(86400))",
        )
        .await;
        check(
            Answer::new(503, "")
                .header("Date", "Sun, 22 Nov 2026 04:50:30 GMT")
                .header("Retry-After", "Sun, 22 Nov 2026 04:52:30 GMT"),
            "Later(\"503 Service Unavailable\", Some(120))",
        )
        .await;
        check(Answer::new(500, "oops"), "Later(\"500 Internal Server Error: oops\", None)").await;
        check(Answer::new(408, ""), "Later").await;
        check(Answer::new(400, "bad"), "Never(\"400 Bad Request: bad\")").await;
        check(Answer::new(400, "xxxxxxxx").end(End::Endless), "Never(\"400 Bad Request: xxxx").await;
        check(Answer::new(401, ""), "Never(\"401 Unauthorized: the receiver does not let us in; look at `token`").await;
        check(Answer::new(403, "no"), "Never(\"403 Forbidden: no: the receiver does not let us in").await;
        check(Answer::new(407, ""), "Later").await;
        check(Answer::new(413, ""), "TooLarge(\"413 Payload Too Large\", None)").await;
        check(Answer::new(404, "y").end(End::Stall(1)), "Never(\"404 Not Found: y").await;
        check(Answer::new(302, "").header("Location", "/elsewhere"), "Never(\"302 Found (a redirect").await;
        check(Answer::new(200, "").end(End::Silent), "Unsure").await;
        check(Answer::new(200, "").header("X-Long", &"x".repeat(1 << 20)), "Unsure").await;
    }

    #[tokio::test]
    async fn a_server_that_never_answers_leaves_it_unsure() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let way_out = way_out(&format!("http://{}/", listener.local_addr().unwrap()), "");
        assert!(matches!(send(&*way_out).await, Outcome::Unsure(_)));
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_or_not_itself_means_later() {
        let dir = tempfile::tempdir().unwrap();
        let authority = format!("ca_file = \"{}\"\n", write_authority(dir.path()).unwrap().display());
        let good = Server::start(Some(Identity::Localhost), |_| Answer::new(200, "")).await.unwrap();
        assert!(matches!(send(&*way_out(&good.url("/"), &authority)).await, Outcome::Done(_)));
        assert!(matches!(send(&*way_out(&good.url("/"), "")).await, Outcome::Later(_, None)));
        let bad = Server::start(Some(Identity::Elsewhere), |_| Answer::new(200, "")).await.unwrap();
        let way = way_out(&bad.url("/"), &authority);
        let Outcome::Later(why, None) = send(&*way).await else { panic!("not later") };
        assert!(why.contains("certificate"), "{why}");
        assert!(way.check().await.unwrap_err().what.contains("certificate"));
        assert!(bad.requests().is_empty());
        let url = good.url("/");
        drop(good);
        assert!(matches!(send(&*way_out(&url, &authority)).await, Outcome::Later(_, None)));
    }

    #[test]
    fn settings_say_what_is_wrong() {
        let check = |settings: &str, want: &str| {
            let problems = read_settings("http", settings, Path::new("/")).err().unwrap_or_default().join("\n");
            assert!(problems.contains(want), "{settings}: {problems}");
        };
        check("", "`url` is missing");
        check("url = \"ftp://host.example/\"\n", "is not a web address");
        check("url = \"https://u:p@host.example/\"\n", "is not a web address");
        check("url = \"https://h.example/\"\nheaders = { \"a b\" = \"c\" }\n", "is not a header");
        check("url = \"https://h.example/\"\nheaders = { Idempotency-Key = \"c\" }\n", "set by Concert");
        check("url = \"https://h.example/\"\nheaders = { authorization = \"c\" }\n", "is a secret");
        check("url = \"http://h.example/\"\ntoken = { env = \"t\" }\n", "unencrypted");
        check("url = \"https://h.example/\"\ntoken = { env = \"a\\nb\" }\n", "no header can");
    }
}
