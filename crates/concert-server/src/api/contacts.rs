//! The contact book: who answers for a value, parties and their contacts, files in and out.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use concert_model::access::Person;
use serde_json::Value;

use super::body::change;
use super::{own_parameters, parameters, repeated_parameters};
use crate::App;
use crate::desk::{Asking, Deed, Import, Listing, Thing, Whose};
use crate::problem::Problem;

/// Longest value that is asked about.
const VALUE_BYTES_MAX: usize = 2_048;
/// Most files of an import.
const FILES_MAX: usize = 100;

/// A parameter that is true or false, and false where it is not there.
fn flag(name: &str, text: Option<String>) -> Result<bool, Problem> {
    match text.as_deref() {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(Problem::wrong(format!("`{name}` is true or false"))),
    }
}

pub(super) async fn who(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    query: RawQuery,
) -> Result<Response, Problem> {
    let ([purpose, explain], [values]) = repeated_parameters(query, ["purpose", "explain"], ["value"])?;
    if values.is_empty() || values.iter().any(|value| value.trim().is_empty() || value.len() > VALUE_BYTES_MAX) {
        let why = format!("`value` says what is asked about, in at most {VALUE_BYTES_MAX} bytes");
        return Err(Problem::wrong(why));
    }
    let asking = Asking { values, purpose, explain: flag("explain", explain)? };
    Ok(super::json(app.site.thing(&person, Thing::Who(asking)).await?.to_string()))
}

pub(super) async fn list(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    query: RawQuery,
) -> Result<Response, Problem> {
    let (slice, []) = parameters(query, [])?;
    Ok(super::page("contacts", app.site.list(&person, Listing::Contacts, slice).await?))
}

pub(super) async fn health(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    query: RawQuery,
) -> Result<Response, Problem> {
    let (slice, []) = parameters(query, [])?;
    Ok(super::page("contacts", app.site.list(&person, Listing::ContactHealth, slice).await?))
}

pub(super) async fn findings(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    query: RawQuery,
) -> Result<Response, Problem> {
    let (slice, []) = parameters(query, [])?;
    Ok(super::page("findings", app.site.list(&person, Listing::ContactFindings, slice).await?))
}

pub(super) async fn party(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    Ok(super::json(app.site.thing(&person, Thing::Party(name)).await?.to_string()))
}

pub(super) async fn export(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    query: RawQuery,
) -> Result<Response, Problem> {
    let [parties, format] = own_parameters(query, ["parties", "format"])?;
    let whose = match parties.as_deref() {
        None | Some("constituents") => Whose::Constituents,
        Some("teams") => Whose::Teams,
        Some(_) => return Err(Problem::wrong("`parties` is constituents or teams")),
    };
    let (is_json, media) = match format.as_deref() {
        None | Some("csv") => (false, "text/csv; charset=utf-8"),
        Some("json") => (true, "application/json"),
        Some(_) => return Err(Problem::wrong("`format` is csv or json")),
    };
    let text = match app.site.thing(&person, Thing::Export(whose, is_json)).await? {
        Value::String(text) => text,
        other => other.to_string(),
    };
    Ok(([(header::CONTENT_TYPE, HeaderValue::from_static(media))], text).into_response())
}

pub(super) async fn import(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let (change, import): (_, Import) = change(person, &headers, "contacts/imports", body).await?;
    if import.files.is_empty() || import.files.len() > FILES_MAX {
        return Err(Problem::wrong(format!("an import has 1 to {FILES_MAX} files, which together are all parties")));
    }
    Ok(super::json(app.site.act(change, Deed::Import(import)).await?.to_string()))
}
