//! The face: the overview page and the HTTP API.
//!
//! Knows the site only through [`Site`]. Decides nothing about events or notices; it asks, and shows.
//! Until pages have a login it answers on loopback only.

mod admit;
mod api;
mod cookie;
pub mod desk;
pub mod door;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod guard;
mod health;
mod parameters;
mod places;
mod problem;
mod readers;
mod serve;
pub mod site;
mod slice;
mod web;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Router, middleware};
use concert_model::Keys;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};

use places::{Requests, Streams};
use problem::Problem;

pub use serve::{check_listen, serve};
pub use site::Site;

/// How long a request can take that is neither a pushed report nor a stream.
const REQUEST_MAX: Duration = Duration::from_secs(30);
/// Requests of one person in a minute, where the settings do not say: more than people and most programs need.
const REQUESTS_PER_MINUTE: u64 = 6_000;
/// Most that can be set.
const REQUESTS_PER_MINUTE_MAX: u64 = 10_000_000;

/// What can be set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Names besides loopback ones under which the site may be asked, for a proxy on this machine.
    pub hosts: Vec<String>,
    /// Whether a proxy on this machine says in `X-Forwarded-For` who asks.
    pub forwarded: bool,
    /// How often one person may ask in a minute.
    pub requests_per_minute: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { hosts: Vec::new(), forwarded: false, requests_per_minute: REQUESTS_PER_MINUTE }
    }
}

impl Options {
    /// Reads `[serve]`: where to listen and under which names.
    pub fn read(keys: &mut Keys<'_>) -> (SocketAddr, Options) {
        let default = SocketAddr::from(([127, 0, 0, 1], 8080));
        let listen =
            keys.text_or("listen", "127.0.0.1:8080", "address and port of the pages and the API; loopback only");
        let hosts =
            keys.texts("hosts", "names besides loopback ones that requests may ask for, for a proxy on this machine");
        for (name, at) in hosts.iter().zip(0..) {
            let bad = |c: char| c.is_whitespace() || c.is_control() || "/?#@\\".contains(c);
            if name.is_empty() || name.contains(bad) {
                let what = format!("`{}` is not a name that a request can ask for", name.escape_debug());
                keys.problem_item(
                    "hosts",
                    at,
                    what,
                    "a name alone, or with a port: hosts = [\"concert.cert.example\"]",
                );
            }
        }
        let about =
            "whether a proxy on this machine says in X-Forwarded-For who asks; the last address there is believed";
        let forwarded = keys.flag_or("forwarded", false, about);
        let about = "how often one user may ask the API in a minute; who asks more often gets 429";
        let range = 1..=REQUESTS_PER_MINUTE_MAX;
        let requests_per_minute = keys.number_or("requests_per_minute", REQUESTS_PER_MINUTE, range, about);
        let listen = listen.replacen("localhost:", "127.0.0.1:", 1);
        let address = match listen.parse::<SocketAddr>() {
            Ok(address) => match check_listen(address) {
                Ok(()) => address,
                Err(problem) => {
                    keys.problem("listen", problem.what, problem.hint);
                    default
                }
            },
            Err(_) => {
                let hint = "write \"127.0.0.1:8080\" or \"[::1]:8080\"";
                keys.problem("listen", format!("`{listen}` is not an address with a port"), hint);
                default
            }
        };
        (address, Options { hosts, forwarded, requests_per_minute })
    }
}

/// Every address that is answered, as a pattern.
pub fn routes() -> impl Iterator<Item = &'static str> {
    admit::routes()
}

/// What every request can reach.
pub(crate) struct App {
    site: Arc<dyn Site>,
    hosts: Vec<String>,
    forwarded: bool,
    requests: Requests,
    pushes: Semaphore,
    streams: Arc<Streams>,
    parameters: parameters::Described,
    evidence: Arc<Semaphore>,
    looks: Semaphore,
    /// Where requests that only read are answered, when not where all others are.
    readers: Option<Handle>,
    stop: watch::Receiver<bool>,
}

/// Every page and every part of the API.
pub(crate) fn router(
    site: Arc<dyn Site>,
    options: Options,
    readers: Option<Handle>,
    stop: watch::Receiver<bool>,
) -> Router {
    let app = Arc::new(App {
        site,
        hosts: options.hosts,
        forwarded: options.forwarded,
        requests: Requests::new(options.requests_per_minute),
        pushes: Semaphore::new(api::PUSHES_MAX),
        streams: Streams::new(),
        parameters: api::parameters_described(),
        evidence: Arc::new(Semaphore::new(api::EVIDENCE_MAX)),
        looks: Semaphore::new(api::LOOKS_MAX),
        readers,
        stop,
    });
    Router::new()
        .merge(web::routes())
        .merge(api::routes())
        .route_layer(middleware::from_fn_with_state(Arc::clone(&app), readers::aside))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(health::metrics))
        .layer(middleware::from_fn(soon))
        .merge(api::slow_routes())
        .route_layer(middleware::from_fn_with_state(Arc::clone(&app), parameters::check))
        .route_layer(middleware::from_fn_with_state(Arc::clone(&app), admit::admit))
        .fallback(web::absent)
        .method_not_allowed_fallback(web::wrong_method)
        .layer(middleware::from_fn_with_state(Arc::clone(&app), guard::guard))
        .with_state(app)
}

/// Gives a request up that takes too long.
async fn soon(request: Request, next: Next) -> Response {
    let again = match (request.method().is_safe(), request.headers().contains_key("idempotency-key")) {
        (true, _) => "",
        (false, true) => "; send it again with the same Idempotency-Key",
        (false, false) => "; look whether it was done before you send it again",
    };
    tokio::time::timeout(REQUEST_MAX, next.run(request)).await.unwrap_or_else(|_| {
        let why = format!("this was not answered within {} seconds{again}", REQUEST_MAX.as_secs());
        Problem::busy(why, 1).into_response()
    })
}

/// Whether two secrets are the same, in a time that does not depend on where they differ.
pub fn same_secret(given: &str, wanted: &str) -> bool {
    if wanted.is_empty() || given.len() != wanted.len() {
        return false;
    }
    let differing = given.bytes().zip(wanted.bytes()).fold(0u8, |sum, (a, b)| sum | (a ^ b));
    std::hint::black_box(differing) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_say_where_to_listen() {
        use concert_model::keys::{Reading, Source};
        let check = |text: &str, want: &str, problems: usize| {
            let source = Source { name: "concert.toml".into(), text: text.into() };
            let document = toml_edit::Document::parse(text).unwrap();
            let secrets = |_: &str, _: &str| Err(String::new());
            let reading = Reading::new(&secrets);
            let mut keys = Keys::root(&reading, vec![(&source, document.as_table() as &dyn toml_edit::TableLike)]);
            let (address, _) = Options::read(&mut keys);
            keys.finish();
            let gathered = reading.finish().problems;
            assert_eq!((address.to_string().as_str(), gathered.len()), (want, problems), "{text}: {gathered:?}");
        };
        check("", "127.0.0.1:8080", 0);
        check("listen = \"[::1]:9000\"\nhosts = [\"concert.example\"]", "[::1]:9000", 0);
        check("listen = \"localhost:9000\"", "127.0.0.1:9000", 0);
        check("listen = \"0.0.0.0:8080\"", "127.0.0.1:8080", 1);
        check("listen = \"8080\"", "127.0.0.1:8080", 1);
    }

    #[test]
    fn secrets_are_the_same_or_not() {
        assert!(same_secret("abc", "abc"));
        assert!(!same_secret("abd", "abc") && !same_secret("ab", "abc") && !same_secret("", ""));
    }
}
