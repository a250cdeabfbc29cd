//! `GET /api/v1/feeds`: every feed and how it does; and reports of one that are read once more.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use concert_model::access::Person;
use serde::Deserialize;
use serde_json::json;

use super::body::change;
use super::{moment, parameters, time};
use crate::App;
use crate::desk::{Deed, Thing};
use crate::problem::Problem;
use crate::site::{Feed, FeedState};

pub(super) async fn list(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    query: RawQuery,
) -> Result<Response, Problem> {
    let (slice, []) = parameters(query, [])?;
    let feeds = app.site.feeds(&person).await?;
    // In the order of the settings, each by its name.
    let name = |at: usize| feeds.get(at).map(|feed| feed.name.clone()).unwrap_or_default();
    let (part, next) = slice.as_written(feeds.len(), name)?;
    let shown = feeds.get(part).unwrap_or_default();
    let rows: Vec<serde_json::Value> = shown.iter().map(row).collect();
    Ok(super::json(json!({ "feeds": rows, "next": next }).to_string()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Replay {
    since: Option<String>,
}

pub(super) async fn replay(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    headers: HeaderMap,
    Path(name): Path<String>,
    body: Body,
) -> Result<Response, Problem> {
    let (change, Replay { since }) = change(person, &headers, &format!("feeds/{name}/replays"), body).await?;
    let asked = app.site.act(change, Deed::Replay(name, moment(app.site.now(), "since", since)?)).await?;
    Ok((StatusCode::ACCEPTED, super::json(asked.to_string())).into_response())
}

pub(super) async fn replayed(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    Ok(super::json(app.site.thing(&person, Thing::Replay(name)).await?.to_string()))
}

fn row(feed: &Feed) -> serde_json::Value {
    let remark = feed.remark();
    let state = match feed.state {
        FeedState::Waiting => "waiting",
        FeedState::Good => "good",
        FeedState::Trouble => "trouble",
    };
    json!({
        "name": feed.name,
        "collector": feed.collector,
        "parser": feed.parser,
        "state": state,
        "stale": feed.stale,
        "paused": feed.paused,
        "last_good": time(feed.last_good),
        "last_error": feed.last_error,
        "reports": feed.reports,
        "events": feed.events,
        "duplicates": feed.duplicates,
        "rejects": feed.rejects,
        "events_day": feed.events_day,
        "volume": feed.volume.word(),
        "expected_day": feed.expected_day.map(|(low, high)| [low, high]),
        "remark": (!remark.is_empty()).then_some(remark),
    })
}
