//! `/api/v1/processes`, `/api/v1/due` and the runs of an incident: what is to be done, and how it went.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use concert_model::Time;
use concert_model::access::Person;
use serde_json::{Value, json};

use super::parameters;
use crate::App;
use crate::desk::Runs;
use crate::problem::Problem;
use crate::site::Slice;

pub(super) async fn list(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    query: RawQuery,
) -> Result<Response, Problem> {
    let (slice, []) = parameters(query, [])?;
    let (rows, next) = part(app.site.processes(&person).await?, &slice)?;
    Ok(super::json(json!({"processes": rows, "next": next}).to_string()))
}

pub(super) async fn one(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    Ok(super::json(app.site.process(&person, &name).await?.to_string()))
}

pub(super) async fn numbers(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    Path(name): Path<String>,
    query: RawQuery,
) -> Result<Response, Problem> {
    let (_, [version, since]) = parameters(query, ["version", "since"])?;
    let version = version.map(|text| text.parse()).transpose();
    let version = version.map_err(|_| Problem::wrong("`version` is not a version of a process"))?;
    let since = since.map(|text| Time::parse(&text, Some(&jiff::tz::TimeZone::UTC))).transpose();
    let since = since.map_err(|why| Problem::wrong(format!("`since`: {why}")))?;
    let counted = app.site.process_numbers(&person, &name, Runs { version, since }).await?;
    Ok(super::json(counted.to_string()))
}

pub(super) async fn progress(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    Path(name): Path<String>,
    query: RawQuery,
) -> Result<Response, Problem> {
    let (slice, []) = parameters(query, [])?;
    let (rows, next) = part(app.site.progress(&person, &name).await?, &slice)?;
    Ok(super::json(json!({"runs": rows, "next": next}).to_string()))
}

pub(super) async fn due(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    query: RawQuery,
) -> Result<Response, Problem> {
    let (slice, [mine]) = parameters(query, ["mine"])?;
    let mine = match mine.as_deref() {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(Problem::wrong("`mine` is true or false")),
    };
    let (rows, next) = part(app.site.due(&person, mine).await?, &slice)?;
    Ok(super::json(json!({"due": rows, "next": next}).to_string()))
}

/// Part of a list that is there as a whole; its cursor is the place where the part begins.
pub(super) fn part(mut rows: Vec<Value>, slice: &Slice) -> Result<(Vec<Value>, Option<String>), Problem> {
    let start = match slice.cursor.as_deref().map(str::parse::<usize>) {
        None => 0,
        Some(Ok(start)) => start.min(rows.len()),
        Some(Err(_)) => return Err(Problem::wrong("`cursor` is not one that was given here")),
    };
    let mut rows = rows.split_off(start);
    let next = (rows.len() > slice.limit).then(|| (start.saturating_add(slice.limit)).to_string());
    rows.truncate(slice.limit);
    Ok((rows, next))
}
