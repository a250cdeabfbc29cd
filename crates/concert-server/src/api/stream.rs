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
use tokio::sync::{broadcast, watch};
use tokio::time::Instant;

use crate::App;
use crate::door::Came;
use crate::places::{NoPlace, Place, STREAMS_OF_PERSON_MAX, Streams};
use crate::problem::Problem;
use crate::serve::stopped;
use crate::site::{NewEvent, Refusal};

pub(super) const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Whoever finds no place for a stream comes again after so many seconds.
const STREAM_WAIT_SECONDS: u64 = 30;
/// Who comes is asked anew when that was last done so long ago.
const ASK_AGAIN: Duration = Duration::from_secs(10);

struct Reader {
    app: Arc<App>,
    came: Came,
    /// Who comes, and when that was asked.
    person: (Person, Instant),
    events: broadcast::Receiver<Arc<NewEvent>>,
    stop: watch::Receiver<bool>,
    last_id: Option<String>,
    /// Gives the place back when the reader goes.
    _place: Place,
}

/// A place among the readers of streams.
pub(super) fn place(streams: &Arc<Streams>, person: &Person) -> Result<Place, Problem> {
    streams.enter(&person.name).map_err(|none| match none {
        NoPlace::Own => Refusal::TooMany(
            format!("you read {STREAMS_OF_PERSON_MAX} streams already, and nobody reads more at the same time"),
            STREAM_WAIT_SECONDS,
        )
        .into(),
        NoPlace::All => Problem::busy("too many readers", STREAM_WAIT_SECONDS),
    })
}

pub(super) async fn stream(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    Extension(came): Extension<Came>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let place = place(&app.streams, &person)?;
    let last_id = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let last_id = last_id.filter(|id| !id.is_empty()).map(|id| id.chars().take(100).collect());
    let (events, stop) = (app.site.subscribe(), app.stop.clone());
    let person = (person, Instant::now());
    let reader = Reader { app, came, person, events, stop, last_id, _place: place };
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
            let somebody = reader.app.site.person(&reader.came).await.map_err(Problem::from).ok()?;
            reader.person = (somebody.person, Instant::now());
        }
        if reader.app.site.shows(&reader.person.0, &event) {
            reader.app.site.showing(&reader.person.0, &event).await.map_err(Problem::from).ok()?;
            return Some(Event::default().event("event").id(clean(&event.id)).data(clean(&event.json)));
        }
    }
}

/// Line ends would end the message early, and the library refuses them with a panic.
fn clean(text: &str) -> String {
    text.replace(['\r', '\n', '\0'], " ")
}
