//! Users, tokens and the audit log. Passwords go in and never come back; a token comes back once.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use concert_model::access::Person;
use concert_model::incident::draft::given_label;
use concert_model::incident::marking::Tlp;
use concert_model::user::{Scope, Standing};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::body::{change as sent, without_body};
use super::{moment, parameters};
use crate::App;
use crate::desk::{Audit, Change, Deed, Listing, NewUser, Thing, UserChange};
use crate::problem::Problem;

/// How long a token works where nothing is said, and at most, in days.
const DAYS: (u64, u64) = (90, 3_660);

pub(super) async fn users(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    query: RawQuery,
) -> Result<Response, Problem> {
    let (slice, []) = parameters(query, [])?;
    Ok(super::page("users", app.site.list(&person, Listing::Users, slice).await?))
}

pub(super) async fn user(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    Ok(super::json(app.site.thing(&person, Thing::User(name)).await?.to_string()))
}

/// Words as they are written, each read as what it stands for.
fn read<T: std::str::FromStr<Err = String>>(words: &[String]) -> Result<Vec<T>, Problem> {
    let read = |word: &String| match word.trim() == word {
        true => word.parse().map_err(Problem::wrong),
        false => Err(Problem::wrong(format!("`{word}` has blanks around it"))),
    };
    words.iter().map(read).collect()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Added {
    name: String,
    full_name: String,
    #[serde(default)]
    mail: String,
    roles: Vec<String>,
    #[serde(default, deserialize_with = "given_label")]
    clearance: Option<Tlp>,
    password: String,
}

/// Makes the same request known by all but its password, which the site adds in a way of its own: nothing is kept that a
/// password could be guessed by.
fn without_password(change: &mut Change, rest: &Value) {
    if let Some((_, digest)) = &mut change.key {
        *digest = Sha256::digest(rest.to_string()).into();
    }
}

pub(super) async fn add(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let (mut change, added) = sent::<Added>(person, &headers, "users", body).await?;
    let Added { name, full_name, mail, roles: words, clearance, password } = added;
    without_password(&mut change, &json!(["users", name, full_name, mail, words, clearance]));
    let (standing, clearance) = (read(&words)?, clearance.unwrap_or(Tlp::Amber));
    let new = NewUser { name, full_name, mail, standing, clearance, password };
    let added = app.site.act(change, Deed::AddUser(new)).await?;
    Ok((StatusCode::CREATED, super::json(added.to_string())).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Changed {
    full_name: Option<String>,
    mail: Option<String>,
    roles: Option<Vec<String>>,
    #[serde(default, deserialize_with = "given_label")]
    clearance: Option<Tlp>,
    disabled: Option<bool>,
}

pub(super) async fn change(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    headers: HeaderMap,
    Path(name): Path<String>,
    body: Body,
) -> Result<Response, Problem> {
    let (change, changed) = sent::<Changed>(person, &headers, &name, body).await?;
    let Changed { full_name, mail, roles: words, clearance, disabled } = changed;
    let standing: Option<Vec<Standing>> = words.as_deref().map(read).transpose()?;
    let wanted = UserChange { full_name, mail, standing, clearance, disabled };
    if wanted == UserChange::default() {
        return Err(Problem::wrong("nothing is to be changed"));
    }
    Ok(super::json(app.site.act(change, Deed::ChangeUser(name, wanted)).await?.to_string()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Password {
    password: String,
    second_factor: Option<bool>,
}

pub(super) async fn password(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    headers: HeaderMap,
    Path(name): Path<String>,
    body: Body,
) -> Result<StatusCode, Problem> {
    let (mut change, set) = sent::<Password>(person, &headers, &name, body).await?;
    let stays = set.second_factor.unwrap_or(true);
    without_password(&mut change, &json!(["password", name, stays]));
    app.site.act(change, Deed::SetPassword(name, set.password, stays)).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn tokens(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    query: RawQuery,
) -> Result<Response, Problem> {
    let (slice, [user]) = parameters(query, ["user"])?;
    Ok(super::page("tokens", app.site.list(&person, Listing::Tokens(user), slice).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Token {
    user: String,
    scopes: Vec<String>,
    expires_days: Option<u64>,
}

pub(super) async fn add_token(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let (change, Token { user, scopes, expires_days }) = sent(person, &headers, "tokens", body).await?;
    let scopes: Vec<Scope> = read(&scopes)?;
    let days = expires_days.unwrap_or(DAYS.0);
    if scopes.is_empty() || !(1..=DAYS.1).contains(&days) {
        return Err(Problem::wrong(format!("a token has at least one scope and works for 1 to {} days", DAYS.1)));
    }
    let deed = Deed::AddToken(user, scopes, Duration::from_secs(days * 86_400));
    let added = app.site.act(change, deed).await?;
    Ok((StatusCode::CREATED, super::json(added.to_string())).into_response())
}

pub(super) async fn revoke(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    // What is no number is the number of no token.
    let id = id.parse().map_err(|_| Problem::absent())?;
    app.site.act(without_body(person, &headers, &format!("end token {id}"))?, Deed::RevokeToken(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn audit(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    query: RawQuery,
) -> Result<Response, Problem> {
    let (slice, [who, object, since, denied]) = parameters(query, ["who", "object", "since", "denied"])?;
    let (since, denied) = (moment(app.site.now(), "since", since)?, is_denied(denied.as_deref())?);
    let wanted = Audit { who, object, since, denied };
    Ok(super::page("rows", app.site.list(&person, Listing::Audit(wanted), slice).await?))
}

/// The part of the log that is about an incident.
pub(super) async fn audit_of(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    Path(name): Path<String>,
    query: RawQuery,
) -> Result<Response, Problem> {
    let (slice, [who, since, denied]) = parameters(query, ["who", "since", "denied"])?;
    let (since, denied) = (moment(app.site.now(), "since", since)?, is_denied(denied.as_deref())?);
    let wanted = Audit { who, object: None, since, denied };
    Ok(super::page("rows", app.site.list(&person, Listing::AuditOf(name, wanted), slice).await?))
}

fn is_denied(given: Option<&str>) -> Result<bool, Problem> {
    match given {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(Problem::wrong("`denied` is true or false")),
    }
}
