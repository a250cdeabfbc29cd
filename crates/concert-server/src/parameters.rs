//! What stands in the address of a request: a parameter that its route does not have is a mistake, and so is a path
//! that is no text.
//!
//! A parameter that was passed over would be worse than a refused one: whoever gave it meant something. Which ones a
//! route has is what the description of the API says, so what is not described is not taken. Values are read where
//! they are used.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{MatchedPath, Query, RawPathParams, Request, State};
use axum::http::{Method, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use concert_model::problem::meant;
use percent_encoding::percent_decode_str;

use crate::App;
use crate::problem::Problem;

/// The parameters of each method of each route, as they are described.
pub(crate) type Described = HashMap<String, HashMap<Method, Vec<String>>>;

/// Parameters and their values, in the order given.
pub(crate) fn pairs(uri: &Uri) -> Result<Vec<(String, String)>, Problem> {
    let wrong = || Problem::wrong("the parameters cannot be read");
    if !is_text(uri.query().unwrap_or_default()) {
        return Err(wrong());
    }
    Query::try_from_uri(uri).map(|pairs| pairs.0).map_err(|_| wrong())
}

/// Whether the escapes of a query are those of a text: UTF-8 without NUL. Else other letters would be looked for than
/// were written.
fn is_text(query: &str) -> bool {
    percent_decode_str(query).decode_utf8().is_ok_and(|text| !text.contains('\0'))
}

/// There is no such parameter.
pub(crate) fn unknown(name: &str, known: &[&str]) -> Problem {
    let name: String = name.chars().take(100).collect();
    let hint = match known {
        [] => "none is taken here".to_owned(),
        known => meant(&name, known.iter().copied(), format!("known are {}", known.join(", "))),
    };
    Problem::of(concert_model::Problem::new(format!("there is no parameter `{name}`")).hint(hint))
}

/// Refuses what the route does not have, before anything is done.
pub(crate) async fn check(
    State(app): State<Arc<App>>,
    route: MatchedPath,
    path: Result<RawPathParams, RawPathParamsRejection>,
    request: Request,
    next: Next,
) -> Response {
    if let Err(RawPathParamsRejection::InvalidUtf8InPathParam(_)) = path {
        let problem = concert_model::Problem::new("the path of the address is not UTF-8");
        return Problem::of(problem.hint("write `%C3%BC` for `ü`")).into_response();
    }
    match odd(&app.parameters, route.as_str(), request.method(), request.uri()) {
        Some(problem) => problem.into_response(),
        None => next.run(request).await,
    }
}

fn odd(described: &Described, route: &str, method: &Method, uri: &Uri) -> Option<Problem> {
    if !route.starts_with("/api/v1/") || uri.query().is_none_or(str::is_empty) {
        return None;
    }
    let method = if method == Method::HEAD { &Method::GET } else { method };
    let known: Vec<&str> = match described.get(route) {
        // Another answers that the method is not possible.
        Some(methods) => methods.get(method)?.iter().map(String::as_str).collect(),
        // The description does not describe itself.
        None => Vec::new(),
    };
    let pairs = match pairs(uri) {
        Ok(pairs) => pairs,
        Err(problem) => return Some(problem),
    };
    pairs.iter().find(|(name, _)| !known.contains(&name.as_str())).map(|(name, _)| unknown(name, &known))
}
