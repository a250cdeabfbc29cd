//! Logging in and out, and what people change about how they come in. Secrets go in and never come back, but for
//! a new second factor and its recovery codes, which come once.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use concert_model::access::Person;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::body::{members, read_json};
use crate::App;
use crate::admit;
use crate::cookie::{self, Source};
use crate::door::{Came, Entered, Typed};
use crate::problem::Problem;
use crate::serve::Peer;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Login {
    name: String,
    password: String,
    code: Option<String>,
}

async fn body<T: DeserializeOwned>(headers: &HeaderMap, body: Body) -> Result<T, Problem> {
    let (value, _) = read_json(headers, "", body).await?;
    members(value)
}

/// The account, with the cookie of the session that began.
fn entered(headers: &HeaderMap, entered: Entered) -> Response {
    let mut response = super::json(entered.account.to_string());
    if let Some(cookie) = cookie::set(&entered.session, entered.seconds_max, headers) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

pub(super) async fn login(
    State(app): State<Arc<App>>,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
    text: Body,
) -> Result<Response, Problem> {
    // Nobody is made to work in a session of somebody else without knowing.
    if cookie::source(&headers, &app.hosts) == Source::Elsewhere {
        return Err(Problem::elsewhere());
    }
    let Login { name, password, code } = body(&headers, text).await?;
    let from = admit::address(&app, peer.map(|Extension(peer)| peer), &headers);
    Ok(entered(&headers, app.site.login(Typed { name, password, code }, from).await?))
}

pub(super) async fn logout(
    State(app): State<Arc<App>>,
    Extension(came): Extension<Came>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    app.site.logout(&came).await?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    if let Some(cookie) = cookie::set("", 0, &headers) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

pub(super) async fn me(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    Extension(came): Extension<Came>,
) -> Result<Response, Problem> {
    Ok(super::json(app.site.account(&person, &came).await?.to_string()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Passwords {
    old: String,
    new: String,
}

pub(super) async fn password(
    State(app): State<Arc<App>>,
    Extension(came): Extension<Came>,
    headers: HeaderMap,
    text: Body,
) -> Result<Response, Problem> {
    let Passwords { old, new } = body(&headers, text).await?;
    Ok(entered(&headers, app.site.change_own_password(&came, &old, &new).await?))
}

/// Who is at the session now, and not only was when it began.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Again {
    password: String,
    code: Option<String>,
}

impl From<Again> for Typed {
    fn from(again: Again) -> Self {
        Self { name: String::new(), password: again.password, code: again.code }
    }
}

pub(super) async fn new_factor(
    State(app): State<Arc<App>>,
    Extension(came): Extension<Came>,
    headers: HeaderMap,
    text: Body,
) -> Result<Response, Problem> {
    let again: Again = body(&headers, text).await?;
    Ok(super::json(app.site.new_factor(&came, again.into()).await?.to_string()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Code {
    code: String,
}

pub(super) async fn confirm_factor(
    State(app): State<Arc<App>>,
    Extension(came): Extension<Came>,
    headers: HeaderMap,
    text: Body,
) -> Result<Response, Problem> {
    let Code { code } = body(&headers, text).await?;
    Ok(super::json(app.site.confirm_factor(&came, &code).await?.to_string()))
}

pub(super) async fn remove_factor(
    State(app): State<Arc<App>>,
    Extension(came): Extension<Came>,
    headers: HeaderMap,
    text: Body,
) -> Result<StatusCode, Problem> {
    let again: Again = body(&headers, text).await?;
    app.site.remove_factor(&came, again.into()).await?;
    Ok(StatusCode::NO_CONTENT)
}
