//! `/api/v1/incidents/{id}/messages`, `/tellings` and `/mails/{mail}`: conversations with parties. `/api/v1/mails`: what
//! waits in all of them.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use concert_model::access::Person;
use concert_model::incident::draft::{MailAnswer, NewMessage, Telling};
use serde_json::Value;

use super::body::effort;
use super::incidents::created;
use super::{one_of, own_parameters, parameters};
use crate::App;
use crate::desk::{Deed, Listing, Thing};
use crate::problem::Problem;

pub(super) async fn list(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    Path(name): Path<String>,
    query: RawQuery,
) -> Result<Response, Problem> {
    let (slice, [party]) = parameters(query, ["party"])?;
    Ok(super::json(app.site.messages(&person, &name, party, slice).await?.to_string()))
}

pub(super) async fn send(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    headers: HeaderMap,
    Path(name): Path<String>,
    body: Body,
) -> Result<Response, Problem> {
    let (change, value) = effort::<Value>(person, &headers, &format!("{name}/messages"), body).await?;
    let (new, is_preview) = NewMessage::from_json(value).map_err(Problem::of)?;
    if is_preview {
        return Ok(super::json(app.site.preview(change, &name, new).await?.to_string()));
    }
    Ok(created(&app.site.send(change, &name, new).await?))
}

pub(super) async fn tell(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    headers: HeaderMap,
    Path(name): Path<String>,
    query: RawQuery,
    body: Body,
) -> Result<Response, Problem> {
    let (change, value) = effort::<Value>(person, &headers, &format!("{name}/tellings"), body).await?;
    let (telling, is_sent) = Telling::from_json(value).map_err(Problem::of)?;
    if is_sent {
        // All are told, or none: only what is shown comes in parts.
        let [] = own_parameters(query, [])?;
        return Ok(created(&app.site.act(change, Deed::Tell(name, telling)).await?));
    }
    let (slice, []) = parameters(query, [])?;
    Ok(super::json(app.site.thing(&change.person, Thing::Tellings(name, telling, slice)).await?.to_string()))
}

pub(super) async fn waiting(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    query: RawQuery,
) -> Result<Response, Problem> {
    let (slice, []) = parameters(query, [])?;
    Ok(super::page("mails", app.site.list(&person, Listing::Mails, slice).await?))
}

/// States of mails that may belong to nothing.
const STATES: [&str; 3] = ["taken", "held", "aside"];

pub(super) async fn mailbox(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    query: RawQuery,
) -> Result<Response, Problem> {
    let (slice, [state, kind]) = parameters(query, ["state", "kind"])?;
    let (state, kind) = (one_of("state", state, &STATES)?, one_of("kind", kind, &crate::site::MAIL_KINDS)?);
    Ok(super::page("mails", app.site.list(&person, Listing::Mailbox(state, kind), slice).await?))
}

fn number(mail: &str) -> Result<i64, Problem> {
    mail.parse().map_err(|_| Problem::absent())
}

pub(super) async fn one(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    Path((name, mail)): Path<(String, String)>,
) -> Result<Response, Problem> {
    Ok(super::json(app.site.mail(&person, &name, number(&mail)?).await?.to_string()))
}

pub(super) async fn answer(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    headers: HeaderMap,
    Path((name, mail)): Path<(String, String)>,
    body: Body,
) -> Result<Response, Problem> {
    let number = number(&mail)?;
    let (change, value) = effort::<Value>(person, &headers, &format!("{name}/mails/{number}"), body).await?;
    let answer = MailAnswer::from_json(value).map_err(Problem::of)?;
    Ok(created(&app.site.answer_mail(change, &name, number, answer).await?))
}
