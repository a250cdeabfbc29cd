//! The face: the overview page and the HTTP API.
//!
//! Knows the site only through [`Site`]. Decides nothing about events or notices; it asks, and shows.
//! Until there are users it answers on loopback only.

mod api;
mod guard;
mod health;
mod problem;
mod serve;
pub mod site;
mod web;

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use axum::routing::get;
use axum::{Router, middleware};
use tokio::sync::{Semaphore, watch};
use tower_http::timeout::TimeoutLayer;

pub use serve::{check_listen, serve};
pub use site::Site;

/// How long a request can take that is neither a pushed report nor a stream.
const REQUEST_MAX: Duration = Duration::from_secs(30);

/// What can be set.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Names besides loopback ones under which the site may be asked, for a proxy on this machine.
    pub hosts: Vec<String>,
}

/// What every request can reach.
pub(crate) struct App {
    site: Arc<dyn Site>,
    hosts: Vec<String>,
    pushes: Semaphore,
    streams: Arc<Semaphore>,
    stop: watch::Receiver<bool>,
}

/// Every page and every part of the API.
pub(crate) fn router(site: Arc<dyn Site>, options: Options, stop: watch::Receiver<bool>) -> Router {
    let app = Arc::new(App {
        site,
        hosts: options.hosts,
        pushes: Semaphore::new(api::PUSHES_MAX),
        streams: Arc::new(Semaphore::new(api::STREAMS_MAX)),
        stop,
    });
    let soon = TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, REQUEST_MAX);
    Router::new()
        .merge(web::routes())
        .merge(api::routes())
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(health::metrics))
        .layer(soon)
        .merge(api::slow_routes())
        .fallback(web::absent)
        .method_not_allowed_fallback(web::wrong_method)
        .layer(middleware::from_fn_with_state(Arc::clone(&app), guard::guard))
        .with_state(app)
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
    fn secrets_are_the_same_or_not() {
        assert!(same_secret("abc", "abc"));
        assert!(!same_secret("abd", "abc") && !same_secret("ab", "abc") && !same_secret("", ""));
    }
}
