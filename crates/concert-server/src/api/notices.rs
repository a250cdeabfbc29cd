//! `GET /api/v1/notices` and `/api/v1/notices/{id}`: what was told to whom. The exact bytes are at
//! `/notices/{id}/raw`.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use concert_model::access::Person;
use serde::Deserialize;
use serde_json::json;

use super::body::change;
use super::{parameters, time};
use crate::App;
use crate::desk::{Deed, Listing, NoticeDeed};
use crate::problem::Problem;
use crate::site::{NoticeRow, ReceiverRow, WantedNotices};

/// What becomes of notices.
const STATES: [&str; 6] = ["waiting", "queued", "delivered", "failed", "no-contact", "rejected"];

pub(super) async fn list(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    query: RawQuery,
) -> Result<Response, Problem> {
    let (slice, [state, name]) = parameters(query, ["state", "name"])?;
    if state.as_deref().is_some_and(|state| !STATES.contains(&state)) {
        return Err(Problem::wrong(format!("`state` is one of: {}", STATES.join(", "))));
    }
    let page = app.site.notices(&person, WantedNotices { state, name }, slice).await?;
    let rows: Vec<serde_json::Value> = page.rows.iter().map(row).collect();
    Ok(super::json(json!({ "notices": rows, "next": page.next }).to_string()))
}

pub(super) async fn one(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let notice = app.site.notice(&person, &id).await?.ok_or_else(Problem::absent)?;
    let mut shown = row(&notice.row);
    // What is encrypted is shown as its receiver reads it.
    let (text, is_encrypted) = match &notice.plain {
        Some(plain) => (plain, !notice.bytes.is_empty()),
        None => (&notice.bytes, false),
    };
    if let Some(members) = shown.as_object_mut() {
        members.insert("text".into(), String::from_utf8_lossy(text).into());
        members.insert("encrypted".into(), is_encrypted.into());
        members.insert("receivers".into(), notice.receivers.iter().map(receiver).collect());
    }
    Ok(super::json(shown.to_string()))
}

pub(super) async fn preview(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    query: RawQuery,
) -> Result<Response, Problem> {
    let (slice, [name]) = parameters(query, ["name"])?;
    Ok(super::page("notices", app.site.list(&person, Listing::WouldGo(name), slice).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Act {
    #[serde(rename = "do")]
    what: String,
    to: Option<String>,
    why: Option<String>,
}

pub(super) async fn act(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    headers: HeaderMap,
    Path(id): Path<String>,
    body: Body,
) -> Result<Response, Problem> {
    let (change, Act { what, to, why }) = change(person, &headers, &format!("notices/{id}"), body).await?;
    let why = why.filter(|why| !why.trim().is_empty());
    let deed = match (what.as_str(), to, why) {
        ("approve", None, None) => NoticeDeed::Approve,
        ("send", None, None) => NoticeDeed::Send,
        ("retry", to, None) => NoticeDeed::Retry(to),
        ("resend", to, None) => NoticeDeed::Resend(to),
        ("reject", None, Some(why)) => NoticeDeed::Reject(why),
        ("reject", None, None) => return Err(Problem::wrong("`why` says why it is held back")),
        ("approve" | "send" | "retry" | "resend" | "reject", ..) => {
            return Err(Problem::wrong("`to` belongs to retry and resend, `why` to reject"));
        }
        _ => return Err(Problem::wrong("`do` is approve, reject, send, retry or resend")),
    };
    Ok(super::json(app.site.act(change, Deed::Notice(id, deed)).await?.to_string()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Drop {
    name: String,
}

pub(super) async fn drop(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let (change, Drop { name }) = change(person, &headers, "notices/drops", body).await?;
    Ok(super::json(app.site.act(change, Deed::DropNotice(name)).await?.to_string()))
}

fn receiver(one: &ReceiverRow) -> serde_json::Value {
    json!({ "contact": one.contact, "state": one.state, "since": time(one.since), "said": one.said })
}

fn row(notice: &NoticeRow) -> serde_json::Value {
    json!({
        "id": notice.id,
        "name": notice.name,
        "key": notice.key,
        "to": notice.to,
        "via": notice.via,
        "state": notice.state,
        "events": notice.events,
        "message_id": notice.message_id,
        "due": time(notice.due),
        "delivered_at": time(notice.delivered_at),
        "reason": notice.reason,
    })
}
