//! `/api/v1/observables` and `/api/v1/incidents/{id}/observables`: what is known of values.
//!
//! All events are read for an answer, so few are made at the same time, the others wait a while, and each has an end.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use concert_model::access::Person;
use tokio::time::timeout;

use super::parameters;
use crate::App;
use crate::desk::Thing;
use crate::problem::Problem;

/// Most of these that are answered at the same time.
pub(crate) const LOOKS_MAX: usize = 4;
/// How long one waits for its turn.
const TURN_WAIT_MAX: Duration = Duration::from_secs(20);
/// How long one may take.
const LOOK_TIME_MAX: Duration = Duration::from_secs(120);
/// Longest value.
const VALUE_BYTES_MAX: usize = 2_048;

pub(super) async fn of_incident(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    Path(name): Path<String>,
    query: RawQuery,
) -> Result<Response, Problem> {
    let (slice, []) = parameters(query, [])?;
    look(&app, &person, Thing::Observables(name, slice)).await
}

pub(super) async fn about(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    query: RawQuery,
) -> Result<Response, Problem> {
    let (slice, [value]) = parameters(query, ["value"])?;
    let value = value.filter(|value| !value.trim().is_empty());
    let value = value.ok_or_else(|| Problem::wrong("`value` says what to look for"))?;
    if value.len() > VALUE_BYTES_MAX {
        return Err(Problem::wrong(format!("`value` is longer than {VALUE_BYTES_MAX} bytes")));
    }
    look(&app, &person, Thing::About(value, slice)).await
}

async fn look(app: &App, person: &Person, thing: Thing) -> Result<Response, Problem> {
    let turn = timeout(TURN_WAIT_MAX, app.looks.acquire()).await;
    let Ok(Ok(_turn)) = turn else { return Err(Problem::busy("too many values are looked up", 10)) };
    let found = timeout(LOOK_TIME_MAX, app.site.thing(person, thing)).await;
    let found = found.map_err(|_| Problem::busy("there are too many events to look through in time", 600))?;
    Ok(super::json(found?.to_string()))
}
