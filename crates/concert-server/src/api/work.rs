//! Work on incidents besides their entries: lists, markings, erasing, clocks, processes, cost.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use concert_model::access::Person;
use concert_model::incident::content::Role;
use concert_model::incident::draft::given_marking;
use concert_model::incident::marking::Marking;
use serde::Deserialize;

use super::body::{change, effort};
use super::incidents::created;
use super::{moment, parameters};
use crate::App;
use crate::desk::{Cost, Deed, HandingOver, Listing, StartingClock, Thing};
use crate::problem::Problem;

pub(super) async fn rows(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    Path((name, list)): Path<(String, String)>,
    query: RawQuery,
) -> Result<Response, Problem> {
    let (slice, []) = parameters(query, [])?;
    Ok(super::page("rows", app.site.list(&person, Listing::Rows(name, list), slice).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Marked {
    /// One of its entries; else the whole incident.
    entry: Option<u64>,
    #[serde(deserialize_with = "given_marking")]
    marking: Marking,
    reason: String,
    seen: Option<u64>,
}

pub(super) async fn mark(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    headers: HeaderMap,
    Path(name): Path<String>,
    body: Body,
) -> Result<Response, Problem> {
    let path = format!("{name}/markings");
    let (mut change, Marked { entry, marking, reason, seen }) = effort(person, &headers, &path, body).await?;
    change.seen = seen;
    Ok(created(&app.site.act(change, Deed::Mark(name, entry, marking, reason)).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Erased {
    entry: u64,
    reason: String,
}

pub(super) async fn erase(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    headers: HeaderMap,
    Path(name): Path<String>,
    body: Body,
) -> Result<Response, Problem> {
    let path = format!("{name}/erasures");
    let (change, Erased { entry, reason }) = effort(person, &headers, &path, body).await?;
    Ok(created(&app.site.act(change, Deed::Erase(name, entry, reason)).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HandOver {
    to: String,
    from: Option<String>,
    role: Option<Role>,
    #[serde(default)]
    open_tasks: bool,
    #[serde(default)]
    preview: bool,
}

pub(super) async fn hand_over(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    headers: HeaderMap,
    Path(name): Path<String>,
    body: Body,
) -> Result<Response, Problem> {
    let path = format!("{name}/hand-overs");
    let (change, HandOver { to, from, role, open_tasks, preview }) = effort(person, &headers, &path, body).await?;
    let wanted = HandingOver { from, to, role, open_tasks };
    if preview {
        let shown = app.site.thing(&change.person, Thing::HandOver(name, wanted)).await?;
        return Ok(super::json(shown.to_string()));
    }
    Ok(created(&app.site.act(change, Deed::HandOver(name, wanted)).await?))
}

pub(super) async fn clocks(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    query: RawQuery,
) -> Result<Response, Problem> {
    let (slice, []) = parameters(query, [])?;
    Ok(super::page("clocks", app.site.list(&person, Listing::Clocks, slice).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Clock {
    clock: Option<String>,
    since: Option<String>,
    party: Option<String>,
    again: Option<String>,
    seen: Option<u64>,
}

pub(super) async fn start_clock(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    headers: HeaderMap,
    Path(name): Path<String>,
    body: Body,
) -> Result<Response, Problem> {
    let path = format!("{name}/clocks");
    let (mut change, given) = effort::<Clock>(person, &headers, &path, body).await?;
    let Clock { clock, since, party, again, seen } = given;
    change.seen = seen;
    let clock = clock.ok_or_else(|| {
        let problem = concert_model::Problem::new("`clock` is missing");
        Problem::of(problem.hint("`GET /api/v1/clocks` lists the clocks of laws by their names"))
    })?;
    let since = moment(app.site.now(), "since", since)?;
    let (party, again) = (party.unwrap_or_default(), again.unwrap_or_default());
    let starting = StartingClock { clock, since, party, again };
    Ok(created(&app.site.act(change, Deed::StartClock(name, starting)).await?))
}

pub(super) async fn cost(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    query: RawQuery,
) -> Result<Response, Problem> {
    let (slice, [incident, by, since, until]) = parameters(query, ["incident", "by", "since", "until"])?;
    let now = app.site.now();
    let (since, until) = (moment(now, "since", since)?, moment(now, "until", until)?);
    let cost = Cost { incident, by, since, until };
    Ok(super::json(app.site.thing(&person, Thing::Cost(cost, slice)).await?.to_string()))
}

pub(super) async fn processes(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    query: RawQuery,
) -> Result<Response, Problem> {
    let (slice, []) = parameters(query, [])?;
    Ok(super::page("processes", app.site.list(&person, Listing::Processes, slice).await?))
}

pub(super) async fn process(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    Ok(super::json(app.site.thing(&person, Thing::Process(name)).await?.to_string()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Definition {
    definition: String,
}

pub(super) async fn check_process(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let (change, Definition { definition }) = change(person, &headers, "check", body).await?;
    Ok(super::json(app.site.thing(&change.person, Thing::Mistakes(definition)).await?.to_string()))
}

pub(super) async fn steps(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    Path(name): Path<String>,
    query: RawQuery,
) -> Result<Response, Problem> {
    let (slice, [state]) = parameters(query, ["state"])?;
    Ok(super::page("steps", app.site.list(&person, Listing::Steps(name, state), slice).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Started {
    name: String,
    run: Option<String>,
    party: Option<String>,
}

pub(super) async fn start_process(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    headers: HeaderMap,
    Path(incident): Path<String>,
    body: Body,
) -> Result<Response, Problem> {
    let path = format!("{incident}/processes");
    let (change, Started { name, run, party }) = effort(person, &headers, &path, body).await?;
    Ok(created(&app.site.act(change, Deed::StartProcess(incident, name, run, party.unwrap_or_default())).await?))
}
