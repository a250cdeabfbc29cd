//! `/api/v1/due`, the runs of an incident and the numbers of processes: what is to be done, and how it went.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use concert_model::access::Person;
use concert_model::incident::due::Kind;
use concert_model::keys::parse_duration;

use super::{moment, parameters};
use crate::App;
use crate::desk::{Runs, WantedDue};
use crate::problem::Problem;

pub(super) async fn numbers(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    Path(name): Path<String>,
    query: RawQuery,
) -> Result<Response, Problem> {
    let (_, [version, since]) = parameters(query, ["version", "since"])?;
    let version = version.map(|text| text.parse()).transpose();
    let version = version.map_err(|_| Problem::wrong("`version` is not a version of a process"))?;
    let since = moment(app.site.now(), "since", since)?;
    let counted = app.site.process_numbers(&person, &name, Runs { version, since }).await?;
    Ok(super::json(counted.to_string()))
}

pub(super) async fn runs(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    Path(name): Path<String>,
    query: RawQuery,
) -> Result<Response, Problem> {
    let (slice, []) = parameters(query, [])?;
    Ok(super::page("runs", app.site.progress(&person, &name, slice).await?))
}

pub(super) async fn due(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    query: RawQuery,
) -> Result<Response, Problem> {
    let (slice, [mine, kind, within]) = parameters(query, ["mine", "kind", "within"])?;
    let named = |word: String| {
        Kind::ALL.into_iter().find(|kind| kind.word() == word).ok_or_else(|| {
            let words: Vec<&str> = Kind::ALL.iter().map(|kind| kind.word()).collect();
            Problem::wrong(format!("`kind` is one of: {}", words.join(", ")))
        })
    };
    let kind = kind.map(named).transpose()?;
    let read =
        |text: String| parse_duration(&text).ok_or_else(|| Problem::wrong("`within` is a number and m, h or d: 24h"));
    let within = within.map(read).transpose()?;
    let mine = match mine.as_deref() {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(Problem::wrong("`mine` is true or false")),
    };
    Ok(super::page("due", app.site.due(&person, WantedDue { mine, kind, within }, slice).await?))
}
