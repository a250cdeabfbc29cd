//! `GET /api/v1/feeds`: every feed and how it does.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::response::Response;
use serde_json::json;

use super::{parameters, time};
use crate::App;
use crate::problem::Problem;
use crate::site::{Feed, FeedState};

pub(super) async fn list(State(app): State<Arc<App>>, query: RawQuery) -> Result<Response, Problem> {
    let (slice, []) = parameters(query, [])?;
    let feeds = app.site.feeds().await?;
    // The cursor is the name of the last feed given; names are unique.
    let start = match slice.cursor {
        None => 0,
        Some(name) => match feeds.iter().position(|feed| feed.name == name) {
            Some(at) => at + 1,
            None => return Err(Problem::wrong("the cursor is not one of this list")),
        },
    };
    let rest = feeds.get(start..).unwrap_or_default();
    let shown = rest.get(..slice.limit).unwrap_or(rest);
    let next = shown.last().filter(|_| rest.len() > shown.len()).map(|feed| feed.name.clone());
    let rows: Vec<serde_json::Value> = shown.iter().map(row).collect();
    Ok(super::json(json!({ "feeds": rows, "next": next }).to_string()))
}

fn row(feed: &Feed) -> serde_json::Value {
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
        "last_good": time(feed.last_good),
        "last_error": feed.last_error,
        "reports": feed.reports,
        "events": feed.events,
        "duplicates": feed.duplicates,
        "rejects": feed.rejects,
        "events_day": feed.events_day,
        "volume": feed.volume.word(),
        "expected_day": feed.expected_day.map(|(low, high)| [low, high]),
    })
}
