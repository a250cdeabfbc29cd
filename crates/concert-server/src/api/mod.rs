//! `/api/v1`: the same things as the commands, as JSON.
//!
//! Lists take `limit` and `cursor` and answer `{"<plural>": [...], "next": "..."}`, where `next` is the
//! cursor of the part that follows or null. Times are RFC 3339 in UTC. A parameter that is not known is
//! a mistake, as it is in the settings.

mod body;
mod chain;
mod events;
mod evidence;
mod feeds;
mod incidents;
mod messages;
mod notices;
mod push;
mod stream;

pub(crate) use body::bearer;
pub(crate) use evidence::EVIDENCE_MAX;
pub(crate) use push::PUSHES_MAX;
pub(crate) use stream::STREAMS_MAX;

use std::sync::Arc;

use axum::Router;
use axum::extract::RawQuery;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use concert_model::Time;

use crate::App;
use crate::problem::Problem;
use crate::site::Slice;

/// Rows of a list when the caller does not say.
const LIMIT: usize = 100;
/// Most rows of a list.
const LIMIT_MAX: usize = 10_000;
/// Longest parameter: a condition can be long, a cursor is not.
const PARAMETER_BYTES_MAX: usize = 16 * 1024;

/// Routes that answer soon.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/api/v1/feeds", get(feeds::list))
        .route("/api/v1/notices", get(notices::list))
        .route("/api/v1/notices/{id}", get(notices::one))
        .route("/api/v1/events", get(events::list))
        .route("/api/v1/incidents", get(incidents::list).post(incidents::open))
        .route("/api/v1/incidents/{id}", get(incidents::one))
        .route("/api/v1/incidents/{id}/entries", get(incidents::entries).post(incidents::write))
        .route("/api/v1/incidents/{id}/journal", get(incidents::journal))
        .route("/api/v1/incidents/{id}/access", get(incidents::access))
        .route("/api/v1/incidents/{id}/chain", get(chain::chain))
        .route("/api/v1/incidents/{id}/messages", get(messages::list).post(messages::send))
        .route("/api/v1/incidents/{id}/mails/{mail}", get(messages::one).post(messages::answer))
        .route("/api/v1/search", get(incidents::search))
        .route("/api/v1/openapi.json", get(openapi))
}

/// Routes that take their time and watch it themselves.
pub(crate) fn slow_routes() -> Router<Arc<App>> {
    Router::new()
        .route("/api/v1/events/stream", get(stream::stream))
        .route("/api/v1/feeds/{name}/reports", post(push::push))
        .route("/api/v1/incidents/{id}/evidence", post(evidence::add))
        .route("/api/v1/incidents/{id}/evidence/{sha256}", get(evidence::one))
}

/// The description of this API.
pub(crate) const OPENAPI: &str = include_str!("../../assets/openapi.json");

async fn openapi() -> Response {
    json(OPENAPI)
}

fn json(body: impl Into<String>) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], body.into()).into_response()
}

fn time(time: Option<Time>) -> serde_json::Value {
    time.map(|time| time.to_string()).into()
}

/// The parameters of a list, and those of its own, in the order asked for.
fn parameters<const N: usize>(query: RawQuery, own: [&str; N]) -> Result<(Slice, [Option<String>; N]), Problem> {
    let mut slice = Slice { limit: LIMIT, cursor: None };
    let mut values = [const { None }; N];
    let query = query.0.unwrap_or_default();
    let uri = axum::http::Uri::builder().path_and_query(format!("/?{query}")).build();
    let uri = uri.map_err(|_| Problem::wrong("the parameters cannot be read"))?;
    let pairs = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(&uri);
    let pairs = pairs.map_err(|_| Problem::wrong("the parameters cannot be read"))?;
    for (name, value) in pairs.0 {
        if value.len() > PARAMETER_BYTES_MAX {
            return Err(Problem::wrong(format!("`{name}` is longer than {PARAMETER_BYTES_MAX} bytes")));
        }
        match name.as_str() {
            "limit" => {
                let limit = value.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit));
                slice.limit = limit.ok_or_else(|| Problem::wrong(format!("`limit` must be 1 to {LIMIT_MAX}")))?;
            }
            "cursor" if !value.is_empty() => slice.cursor = Some(value),
            "cursor" => {}
            _ => match own.iter().zip(&mut values).find(|(known, _)| **known == name) {
                Some((_, slot)) if slot.is_none() => *slot = Some(value),
                Some(_) => return Err(Problem::wrong(format!("`{name}` is given twice"))),
                None => {
                    let known = [&["limit", "cursor"], own.as_slice()].concat().join(", ");
                    let name: String = name.chars().take(100).collect();
                    return Err(Problem::wrong(format!("there is no parameter `{name}`; known are {known}")));
                }
            },
        }
    }
    Ok((slice, values))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_checked() {
        let read = |query: &str| parameters(RawQuery(Some(query.to_owned())), ["if"]);
        let (slice, [condition]) = read("limit=5&cursor=x&if=source.asn%20%3D%3D%201").unwrap();
        assert_eq!((slice.limit, slice.cursor.as_deref()), (5, Some("x")));
        assert_eq!(condition.as_deref(), Some("source.asn == 1"));
        assert_eq!(parameters(RawQuery(None), []).unwrap().0, Slice { limit: LIMIT, cursor: None });
        for query in
            ["limit=0", "limit=x", "limit=10001", "fi=x", "if=a&if=b", &format!("cursor={}", "x".repeat(20_000))]
        {
            assert!(read(query).is_err(), "{query}");
        }
    }

    #[test]
    fn every_route_is_described() {
        let described: serde_json::Value = serde_json::from_str(OPENAPI).unwrap();
        let paths = described["paths"].as_object().unwrap();
        let source = include_str!("mod.rs");
        let routes: Vec<&str> = source
            .lines()
            .filter_map(|line| line.trim().strip_prefix(".route(\"")?.split('"').next())
            .filter(|path| !path.ends_with("openapi.json"))
            .collect();
        assert_eq!(routes.len(), 17);
        assert_eq!(paths.len(), routes.len());
        assert!(routes.iter().all(|route| paths.contains_key(*route)), "{routes:?}");
    }
}
