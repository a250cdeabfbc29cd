//! `GET /api/v1/notices` and `/api/v1/notices/{id}`: what was told to whom. The exact bytes are at
//! `/notices/{id}/raw`.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use concert_model::access::Person;
use serde_json::json;

use super::{parameters, time};
use crate::App;
use crate::problem::Problem;
use crate::site::NoticeRow;

pub(super) async fn list(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    query: RawQuery,
) -> Result<Response, Problem> {
    let (slice, []) = parameters(query, [])?;
    let page = app.site.notices(&person, slice).await?;
    let rows: Vec<serde_json::Value> = page.rows.iter().map(row).collect();
    Ok(super::json(json!({ "notices": rows, "next": page.next }).to_string()))
}

pub(super) async fn one(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let notice = app.site.notice(&person, &id).await?.ok_or_else(Problem::absent)?;
    Ok(super::json(row(&notice.row).to_string()))
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
