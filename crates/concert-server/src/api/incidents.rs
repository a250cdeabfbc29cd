//! `/api/v1/incidents` and `/api/v1/search`.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use concert_model::access::{Action, Person};
use concert_model::incident::draft::{NewIncident, asks_state, drafts_from_json};
use concert_model::incident::schema::words;
use concert_model::problem::instead;
use serde_json::{Value, json};

use super::body::{change, effort};
use super::evidence::{body, turn};
use super::{moment, parameters};
use crate::App;
use crate::desk::{Deed, Question, Wanted, WantedEntries};
use crate::problem::Problem;

/// How much of a wrong word is told.
const SHOWN_CHARS_MAX: usize = 100;

pub(super) async fn list(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    query: RawQuery,
) -> Result<Response, Problem> {
    let (slice, [status, classification, kind, severity, late]) =
        parameters(query, ["status", "classification", "type", "severity", "late_answers"])?;
    if classification.is_some() && kind.is_some() {
        return Err(Problem::wrong("`classification` and `type` are two names of one: give one of them"));
    }
    let classification = classification.or(kind);
    let late = match late.as_deref() {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => return Err(Problem::wrong("`late_answers` is true or false")),
    };
    // A list shows one that was merged so, whatever its own status is.
    let (status, severity) = (word("status", status, &["merged"])?, word("severity", severity, &[])?);
    let page = app.site.incidents(&person, Wanted { status, classification, severity, late }, slice).await?;
    Ok(super::json(json!({"incidents": page.rows, "next": page.next}).to_string()))
}

/// One of the words that a field of incidents takes, or of those besides.
fn word(name: &str, given: Option<String>, besides: &[&str]) -> Result<Option<String>, Problem> {
    let known: Vec<&str> = words(name).into_iter().flatten().chain(besides).copied().collect();
    let Some(text) = given.as_deref().filter(|text| !known.contains(text)) else { return Ok(given) };
    let shown: String = text.chars().take(SHOWN_CHARS_MAX).collect();
    let problem = concert_model::Problem::new(format!("`{name}`: there is no `{}`", shown.escape_debug()));
    Err(Problem::of(problem.hint(instead(text, &known))))
}

pub(super) async fn one(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    Ok(super::json(app.site.incident(&person, &name).await?.to_string()))
}

pub(super) async fn entries(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    Path(name): Path<String>,
    query: RawQuery,
) -> Result<Response, Problem> {
    let (slice, [kind, author, since, until]) = parameters(query, ["kind", "author", "since", "until"])?;
    let now = app.site.now();
    let (since, until) = (moment(now, "since", since)?, moment(now, "until", until)?);
    let page = app.site.entries(&person, &name, WantedEntries { kind, author, since, until }, slice).await?;
    Ok(super::json(json!({"entries": page.rows, "next": page.next}).to_string()))
}

pub(super) async fn journal(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    // A journal can be long, and a reader slow: each of them takes a turn.
    let turn = turn(&app).await?;
    let lines = app.site.journal(&person, &name).await?;
    Ok(([(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"))], body(lines, turn)).into_response())
}

pub(super) fn created(value: &Value) -> Response {
    let mut response = super::json(value.to_string());
    *response.status_mut() = StatusCode::CREATED;
    let id = value.get("id").and_then(Value::as_str).unwrap_or_default();
    if let Ok(place) = HeaderValue::from_str(&format!("/api/v1/incidents/{id}")) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    response
}

pub(super) async fn open(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    headers: HeaderMap,
    sent: Body,
) -> Result<Response, Problem> {
    let (change, value) = effort::<Value>(person, &headers, "", sent).await?;
    let (new, beginning) = NewIncident::from_json_with_beginning(value).map_err(Problem::of)?;
    let Some(beginning) = beginning else { return Ok(created(&app.site.open(change, new).await?)) };
    // The bytes of a report become evidence.
    let _turn = turn(&app).await?;
    Ok(created(&app.site.act(change, Deed::OpenFrom(new, beginning)).await?))
}

pub(super) async fn write(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    headers: HeaderMap,
    Path(name): Path<String>,
    sent: Body,
) -> Result<Response, Problem> {
    let (mut change, mut value) = change::<Value>(person, &headers, &name, sent).await?;
    if asks_state(&mut value) {
        value = app.site.with_kept_members(&change.person, &name, value).await?;
    }
    let (drafts, seen) = drafts_from_json(value).map_err(Problem::of)?;
    change.seen = seen;
    Ok(created(&app.site.write(change, &name, drafts).await?))
}

pub(super) async fn access(
    State(app): State<Arc<App>>,
    Extension(asking): Extension<Person>,
    Path(name): Path<String>,
    query: RawQuery,
) -> Result<Response, Problem> {
    let (slice, [entry, person, action]) = parameters(query, ["entry", "person", "action"])?;
    let entry = match entry.map(|text| text.parse()) {
        None => None,
        Some(Ok(number)) => Some(number),
        Some(Err(_)) => return Err(Problem::wrong("`entry` is not the number of an entry")),
    };
    let action = match action {
        None => Action::See,
        Some(word) => Action::ALL.into_iter().find(|action| action.word() == word).ok_or_else(|| {
            let words: Vec<&str> = Action::ALL.iter().map(|action| action.word()).collect();
            Problem::wrong(format!("`action` is one of: {}", words.join(", ")))
        })?,
    };
    let question = Question { entry, person, action };
    Ok(super::page("persons", app.site.access(&asking, &name, question, slice).await?))
}

pub(super) async fn search(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    query: RawQuery,
) -> Result<Response, Problem> {
    let (slice, [words]) = parameters(query, ["q"])?;
    let words = words.filter(|words| !words.trim().is_empty());
    let words = words.ok_or_else(|| Problem::wrong("`q` says what to look for"))?;
    let page = app.site.search(&person, &words, slice).await?;
    Ok(super::json(json!({"entries": page.rows, "next": page.next}).to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_that_is_none_is_told_with_those_that_are() {
        let status = |text: &str| word("status", Some(text.into()), &["merged"]);
        for good in ["open", "waiting", "closed", "merged"] {
            assert_eq!(status(good).unwrap().as_deref(), Some(good));
        }
        assert_eq!(word("status", None, &["merged"]).unwrap(), None);
        let check = |text: &str, want: &str| {
            let told = format!("{:?}", status(text).unwrap_err());
            assert!(told.contains(want), "{told}");
        };
        check("merget", "did you mean `merged`?");
        check("`, expected", "one of: open, waiting, closed, merged");
        check("", "one of: open, waiting, closed, merged");
        assert!(word("status", Some("merged".into()), &[]).is_err());
        assert_eq!(word("severity", Some("critical".into()), &[]).unwrap().as_deref(), Some("critical"));
    }
}
