//! `GET /api/v1/events?if=CONDITION`: events from the store, newest first.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use concert_model::access::Person;

use super::parameters;
use crate::App;
use crate::problem::Problem;

pub(super) async fn list(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    query: RawQuery,
) -> Result<Response, Problem> {
    let (slice, [condition]) = parameters(query, ["if"])?;
    let condition = condition.filter(|condition| !condition.trim().is_empty());
    let page = app.site.events(&person, condition, slice).await?;
    // The rows are JSON already; reading them again only to write them would double the work.
    let next = serde_json::Value::from(page.next);
    Ok(super::json(format!("{{\"events\":[{}],\"next\":{next}}}", page.rows.join(",\n"))))
}
