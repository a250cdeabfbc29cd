//! `/api/v1/incidents/{id}/chain`: the chain of victims, asked in one of its directions.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use concert_model::access::Person;
use serde_json::json;

use super::parameters;
use crate::App;
use crate::desk::Way;
use crate::problem::Problem;

pub(super) async fn chain(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    Path(name): Path<String>,
    query: RawQuery,
) -> Result<Response, Problem> {
    let (slice, ways) = parameters(query, ["upstream", "downstream", "party"])?;
    let way = match ways {
        [None, None, None] => Way::Frontier,
        [Some(host), None, None] => Way::Upstream(host),
        [None, Some(host), None] => Way::Downstream(host),
        [None, None, Some(party)] => Way::Of(party),
        _ => return Err(Problem::wrong("give one of `upstream`, `downstream` and `party`, or none of them")),
    };
    let (page, warning) = app.site.chain(&person, &name, way, slice).await?;
    let mut answer = json!({"hosts": page.rows, "next": page.next});
    if let Some((members, warning)) = answer.as_object_mut().zip(warning) {
        members.insert("warning".into(), json!(warning));
    }
    Ok(super::json(answer.to_string()))
}
