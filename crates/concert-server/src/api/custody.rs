//! `/api/v1/incidents/{id}/evidence` besides its bytes: what was done with it, where it goes, and bags.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use concert_model::access::Person;
use concert_model::incident::content::Act;
use serde::Deserialize;

use super::body::effort;
use super::evidence::{attachment, turn};
use super::incidents::created;
use super::parameters;
use crate::App;
use crate::desk::{Deed, Handling, Listing, Thing};
use crate::problem::Problem;

pub(super) async fn list(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    Path(name): Path<String>,
    query: RawQuery,
) -> Result<Response, Problem> {
    let (slice, []) = parameters(query, [])?;
    Ok(super::page("evidence", app.site.list(&person, Listing::Exhibits(name), slice).await?))
}

pub(super) async fn one(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    Path((name, sha256)): Path<(String, String)>,
) -> Result<Response, Problem> {
    Ok(super::json(app.site.thing(&person, Thing::Exhibit(name, sha256)).await?.to_string()))
}

pub(super) async fn look(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    Path((name, sha256)): Path<(String, String)>,
) -> Result<Response, Problem> {
    // Hashing evidence takes as long as sending it.
    let _turn = turn(&app).await?;
    Ok(super::json(app.site.thing(&person, Thing::LookedAtEvidence(name, sha256)).await?.to_string()))
}

pub(super) async fn look_at_journal(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let _turn = turn(&app).await?;
    Ok(super::json(app.site.thing(&person, Thing::LookedAtJournal(name)).await?.to_string()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Handled {
    act: Act,
    #[serde(default)]
    whom: String,
    #[serde(default)]
    place: String,
    reason: String,
}

pub(super) async fn handle(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    headers: HeaderMap,
    Path((name, sha256)): Path<(String, String)>,
    body: Body,
) -> Result<Response, Problem> {
    let path = format!("{name}/evidence/{sha256}/custody");
    let (change, Handled { act, whom, place, reason }) = effort(person, &headers, &path, body).await?;
    let deed = Deed::Handle(name, sha256, Handling { act, whom, place, reason });
    Ok(created(&app.site.act(change, deed).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Released {
    party: String,
    reason: String,
}

pub(super) async fn release(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    headers: HeaderMap,
    Path((name, sha256)): Path<(String, String)>,
    body: Body,
) -> Result<Response, Problem> {
    let path = format!("{name}/evidence/{sha256}/releases");
    let (change, Released { party, reason }) = effort(person, &headers, &path, body).await?;
    Ok(created(&app.site.act(change, Deed::Release(name, sha256, party, reason)).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Bag {
    party: Option<String>,
    #[serde(default)]
    reason: String,
}

/// Every request makes a copy of its own, and custody tells so; a key makes no difference.
pub(super) async fn bag(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    headers: HeaderMap,
    Path(name): Path<String>,
    body: Body,
) -> Result<Response, Problem> {
    let (change, Bag { party, reason }) = effort(person, &headers, &name, body).await?;
    let turn = turn(&app).await?;
    let outgoing = app.site.bag(change, &name, party.as_deref(), &reason).await?;
    Ok(attachment(outgoing, "application/x-tar", turn))
}
