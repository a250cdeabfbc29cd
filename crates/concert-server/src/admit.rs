//! Who may ask for what: every route stands in one table, and one that does not is not answered.
//!
//! Routes about the site as a whole are decided about here. For incidents only the person is found out:
//! the site decides about each of them.

use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use concert_model::access::{Action, Kept, Object, may};

use crate::App;
use crate::api::bearer;
use crate::problem::Problem;
use crate::site::Refusal;
use crate::web;

/// What a route asks of who comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Needs {
    /// Nothing: it says nothing about anybody, or has a token of its own.
    Nobody,
    /// A person who may do this with the site.
    To(Action),
    /// A person; the site decides about the rest.
    Person,
}

/// Every route, and what it needs.
const TABLE: [(&str, Needs); 26] = [
    ("/", Needs::To(Action::SeeSite(Kept::Events))),
    ("/notices/{id}", Needs::To(Action::SeeSite(Kept::Notices))),
    ("/notices/{id}/raw", Needs::To(Action::SeeSite(Kept::Notices))),
    ("/assets/concert.css", Needs::Nobody),
    ("/assets/icon.svg", Needs::Nobody),
    ("/healthz", Needs::Nobody),
    ("/readyz", Needs::Nobody),
    // Counts by feed: what watches from outside has no person.
    ("/metrics", Needs::Nobody),
    ("/api/v1/openapi.json", Needs::Nobody),
    // Each feed has its own token.
    ("/api/v1/feeds/{name}/reports", Needs::Nobody),
    ("/api/v1/feeds", Needs::To(Action::SeeSite(Kept::Events))),
    ("/api/v1/events", Needs::To(Action::SeeSite(Kept::Events))),
    ("/api/v1/events/stream", Needs::To(Action::SeeSite(Kept::Events))),
    ("/api/v1/notices", Needs::To(Action::SeeSite(Kept::Notices))),
    ("/api/v1/notices/{id}", Needs::To(Action::SeeSite(Kept::Notices))),
    ("/api/v1/incidents", Needs::Person),
    ("/api/v1/incidents/{id}", Needs::Person),
    ("/api/v1/incidents/{id}/entries", Needs::Person),
    ("/api/v1/incidents/{id}/journal", Needs::Person),
    ("/api/v1/incidents/{id}/access", Needs::Person),
    ("/api/v1/incidents/{id}/chain", Needs::Person),
    ("/api/v1/incidents/{id}/evidence", Needs::Person),
    ("/api/v1/incidents/{id}/evidence/{sha256}", Needs::Person),
    ("/api/v1/incidents/{id}/messages", Needs::Person),
    ("/api/v1/incidents/{id}/mails/{mail}", Needs::Person),
    ("/api/v1/search", Needs::Person),
];

fn needs(path: &str) -> Option<Needs> {
    TABLE.iter().find(|(route, _)| *route == path).map(|(_, needs)| *needs)
}

/// Finds out who comes and asks whether that person may; hands the person on.
pub(crate) async fn admit(
    State(app): State<Arc<App>>,
    route: MatchedPath,
    mut request: Request,
    next: Next,
) -> Response {
    let is_page = !route.as_str().starts_with("/api/");
    let refuse = |refusal: Refusal| match refusal {
        Refusal::Unknown if is_page => web::no_login(),
        other => Problem::from(other).into_response(),
    };
    let needs = match needs(route.as_str()) {
        Some(Needs::Nobody) => return next.run(request).await,
        Some(needs) => needs,
        None => {
            tracing::error!(route = route.as_str(), "a route stands in no table of who may ask for it");
            return Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "nobody is let in here").into_response();
        }
    };
    let person = match app.site.person(bearer(request.headers())).await {
        Ok(person) => person,
        Err(refusal) => return refuse(refusal),
    };
    if let Needs::To(action) = needs {
        let decision = may(&person, action, Object::Site);
        if !decision.allowed {
            return refuse(Refusal::Denied(decision));
        }
    }
    request.extensions_mut().insert(person);
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use super::*;

    /// INVARIANT: no route is answered before it was decided who may ask for it.
    #[test]
    fn every_route_stands_in_the_table() {
        let sources = [include_str!("api/mod.rs"), include_str!("web/mod.rs"), include_str!("lib.rs")];
        let lines = sources.iter().flat_map(|source| source.lines());
        let mut routes: Vec<&str> =
            lines.filter_map(|line| line.trim().strip_prefix(".route(\"")?.split('"').next()).collect();
        let mut table: Vec<&str> = TABLE.iter().map(|(route, _)| *route).collect();
        routes.sort_unstable();
        table.sort_unstable();
        assert_eq!(routes, table);
    }
}
