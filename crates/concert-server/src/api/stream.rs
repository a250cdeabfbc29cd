//! `GET /api/v1/events/stream`: new events as server-sent events.
//!
//! Each is `id: <event.id>`, `event: event` and the object as data. A reader that is too slow loses the
//! oldest and gets `event: lost` with how many; one that comes back with `Last-Event-ID` gets
//! `event: gap`, because what came in between is not sent again: ask `/api/v1/events` for it.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde_json::json;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OwnedSemaphorePermit, broadcast, watch};

use crate::App;
use crate::problem::Problem;
use crate::serve::stopped;
use crate::site::NewEvent;

/// Readers at the same time.
pub(crate) const STREAMS_MAX: usize = 64;
const KEEP_ALIVE: Duration = Duration::from_secs(15);

struct Reader {
    events: broadcast::Receiver<Arc<NewEvent>>,
    stop: watch::Receiver<bool>,
    last_id: Option<String>,
    /// Gives the place back when the reader goes.
    _place: OwnedSemaphorePermit,
}

pub(super) async fn stream(State(app): State<Arc<App>>, headers: HeaderMap) -> Result<Response, Problem> {
    let place = Arc::clone(&app.streams).try_acquire_owned();
    let place = place.map_err(|_| Problem::busy("too many readers", 30))?;
    let last_id = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let last_id = last_id.filter(|id| !id.is_empty()).map(|id| id.chars().take(100).collect());
    let reader = Reader { events: app.site.subscribe(), stop: app.stop.clone(), last_id, _place: place };
    let events = stream::unfold(reader, |mut reader| async {
        let event = next(&mut reader).await?;
        Some((Ok::<_, Infallible>(event), reader))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response())
}

async fn next(reader: &mut Reader) -> Option<Event> {
    if let Some(id) = reader.last_id.take() {
        return Some(Event::default().event("gap").data(json!({ "after": id }).to_string()));
    }
    tokio::select! {
        () = stopped(&mut reader.stop) => None,
        event = reader.events.recv() => match event {
            Ok(event) => Some(Event::default().event("event").id(clean(&event.id)).data(clean(&event.json))),
            Err(RecvError::Lagged(missed)) => {
                Some(Event::default().event("lost").data(json!({ "missed": missed }).to_string()))
            }
            Err(RecvError::Closed) => None,
        },
    }
}

/// Line ends would end the message early, and the library refuses them with a panic.
fn clean(text: &str) -> String {
    text.replace(['\r', '\n', '\0'], " ")
}
