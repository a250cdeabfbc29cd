//! `GET /api/v1/events/stream`: new events as server-sent events.
//!
//! Each is `id: <event.id>`, `event: event` and the object as data. A reader that is too slow loses the
//! oldest and gets `event: lost` with how many; one that comes back with `Last-Event-ID` gets
//! `event: gap`, because what came in between is not sent again: ask `/api/v1/events` for it.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use concert_model::access::Person;
use futures_util::stream;
use serde_json::json;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OwnedSemaphorePermit, broadcast, watch};
use tokio::time::Instant;

use super::bearer;
use crate::App;
use crate::problem::Problem;
use crate::serve::stopped;
use crate::site::NewEvent;

/// Readers at the same time.
pub(crate) const STREAMS_MAX: usize = 64;
pub(super) const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Who comes is asked anew when that was last done so long ago.
const ASK_AGAIN: Duration = Duration::from_secs(10);

struct Reader {
    app: Arc<App>,
    token: Option<String>,
    /// Who comes, and when that was asked.
    person: (Person, Instant),
    events: broadcast::Receiver<Arc<NewEvent>>,
    stop: watch::Receiver<bool>,
    last_id: Option<String>,
    /// Gives the place back when the reader goes.
    _place: OwnedSemaphorePermit,
}

pub(super) async fn stream(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let place = Arc::clone(&app.streams).try_acquire_owned();
    let place = place.map_err(|_| Problem::busy("too many readers", 30))?;
    let last_id = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let last_id = last_id.filter(|id| !id.is_empty()).map(|id| id.chars().take(100).collect());
    let (events, stop, token) = (app.site.subscribe(), app.stop.clone(), bearer(&headers).map(str::to_owned));
    let person = (person, Instant::now());
    let reader = Reader { app, token, person, events, stop, last_id, _place: place };
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
    loop {
        let event = tokio::select! {
            () = stopped(&mut reader.stop) => return None,
            event = reader.events.recv() => event,
        };
        let event = match event {
            Ok(event) => event,
            Err(RecvError::Lagged(missed)) => {
                return Some(Event::default().event("lost").data(json!({ "missed": missed }).to_string()));
            }
            Err(RecvError::Closed) => return None,
        };
        if reader.person.1.elapsed() > ASK_AGAIN {
            reader.person =
                (reader.app.site.person(reader.token.as_deref()).await.map_err(Problem::from).ok()?, Instant::now());
        }
        if reader.app.site.shows(&reader.person.0, &event) {
            return Some(Event::default().event("event").id(clean(&event.id)).data(clean(&event.json)));
        }
    }
}

/// Line ends would end the message early, and the library refuses them with a panic.
fn clean(text: &str) -> String {
    text.replace(['\r', '\n', '\0'], " ")
}
