//! `GET /api/v1/incidents/stream` and `/api/v1/incidents/{id}/stream`: entries as they are written.
//!
//! Commands write into the same journals as this process does, so the newest number is asked for again and again.
//! Nothing is kept for a reader: where it stands is the number of an entry, and with `Last-Event-ID` it goes on
//! there. Who comes and what the person may see is asked anew for whatever is sent.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use concert_model::access::Person;
use futures_util::stream;
use serde_json::Value;
use tokio::sync::watch;

use super::stream::{KEEP_ALIVE, place};
use crate::App;
use crate::door::Came;
use crate::places::Place;
use crate::problem::Problem;
use crate::serve::stopped;

/// How long it takes until something new is seen.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

struct Reader {
    app: Arc<App>,
    came: Came,
    incident: Option<String>,
    after: u64,
    waiting: VecDeque<(u64, Value)>,
    stop: watch::Receiver<bool>,
    /// Gives the place back when the reader goes.
    _place: Place,
}

pub(super) async fn of_all(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    Extension(came): Extension<Came>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    begin(app, (&person, came), None, &headers).await
}

pub(super) async fn of_one(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    Extension(came): Extension<Came>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    begin(app, (&person, came), Some(name), &headers).await
}

async fn begin(
    app: Arc<App>,
    (person, came): (&Person, Came),
    incident: Option<String>,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let newest = app.site.last_entry().await?;
    // Whether there is anything to see at all is answered before the stream begins.
    app.site.changes(person, incident.as_deref(), newest).await?;
    let after = match headers.get("last-event-id").map(|id| id.to_str().unwrap_or("?").trim()) {
        None | Some("") => newest,
        Some(id) => id.parse().map_err(|_| Problem::wrong("`Last-Event-ID` is not one that was given here"))?,
    };
    let (place, stop) = (place(&app.streams, person)?, app.stop.clone());
    let reader = Reader { app, came, incident, after, waiting: VecDeque::new(), stop, _place: place };
    let events = stream::unfold(reader, |mut reader| async {
        let event = next(&mut reader).await?;
        Some((Ok::<_, Infallible>(event), reader))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response())
}

/// The next entry. The stream ends when the program does, or when the reader may not come any more.
async fn next(reader: &mut Reader) -> Option<Event> {
    loop {
        if let Some((seq, entry)) = reader.waiting.pop_front() {
            return Some(Event::default().event("entry").id(seq.to_string()).data(entry.to_string()));
        }
        if reader.app.site.last_entry().await.map_err(Problem::from).ok()? <= reader.after {
            tokio::select! {
                () = stopped(&mut reader.stop) => return None,
                () = tokio::time::sleep(LOOK_AGAIN) => continue,
            }
        }
        let person = reader.app.site.person(&reader.came).await.map_err(Problem::from).ok()?.person;
        let came = reader
            .app
            .site
            .changes(&person, reader.incident.as_deref(), reader.after)
            .await
            .map_err(Problem::from)
            .ok()?;
        reader.after = came.reached;
        reader.waiting.extend(came.rows);
    }
}
