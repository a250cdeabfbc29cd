//! `/api/v1/incidents/{id}/joins`, `/splits`, and evidence read as a log: what concerns more than one entry.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use concert_model::access::Person;
use concert_model::incident::draft::NewIncident;
use serde::Deserialize;
use serde_json::Value;

use super::body::effort;
use super::evidence::turn;
use super::incidents::created;
use crate::App;
use crate::desk::{Joining, Lines, Splitting};
use crate::problem::Problem;

/// A split as it is sent.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sent {
    new: Value,
    #[serde(default)]
    parties: Vec<String>,
    #[serde(default)]
    observables: Vec<String>,
    #[serde(default)]
    hosts: Vec<String>,
    #[serde(default)]
    entries: Vec<u64>,
    reason: String,
}

pub(super) async fn join(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    headers: HeaderMap,
    Path(name): Path<String>,
    body: Body,
) -> Result<Response, Problem> {
    let (change, joining): (_, Joining) = effort(person, &headers, &format!("{name}\0joins"), body).await?;
    Ok(created(&app.site.join(change, &name, joining).await?))
}

pub(super) async fn split(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    headers: HeaderMap,
    Path(name): Path<String>,
    body: Body,
) -> Result<Response, Problem> {
    let (change, Sent { new, parties, observables, hosts, entries, reason }) =
        effort(person, &headers, &format!("{name}\0splits"), body).await?;
    let new = NewIncident::from_json(new).map_err(Problem::of)?;
    if !new.drafts.is_empty() {
        return Err(Problem::wrong("the incident of a split begins without entries of its own"));
    }
    let splitting = Splitting { new, parties, observables, hosts, entries, reason };
    Ok(created(&app.site.split(change, &name, splitting).await?))
}

pub(super) async fn lines(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    headers: HeaderMap,
    Path((name, sha256)): Path<(String, String)>,
    body: Body,
) -> Result<Response, Problem> {
    let (change, lines): (_, Lines) = effort(person, &headers, &format!("{name}\0{sha256}\0lines"), body).await?;
    let _turn = turn(&app).await?;
    Ok(super::json(app.site.read_lines(change, &name, &sha256, lines).await?.to_string()))
}
