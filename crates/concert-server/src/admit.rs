//! Who may ask for what: every route stands in one table, and one that does not is not answered.
//!
//! Routes about the site as a whole are decided about here. For incidents only the person is found out, and whether
//! the token reads incidents at all: the site decides about each of them.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use concert_model::access::{Action, Decision, Kept, Object, Person, lacks_scope, may};

use tokio::time::Instant;

use crate::App;
use crate::api::bearer;
use crate::cookie::{self, Source};
use crate::door::{Came, Proof, Somebody};
use crate::problem::Problem;
use crate::serve::Peer;
use crate::site::Refusal;
use crate::web;

/// What a route asks of who comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Needs {
    /// Nothing: it says nothing about anybody, or has a token of its own.
    Nobody,
    /// A person who may do this with the site.
    To(Action),
    /// A person who may do this with the site, or with what belongs to some constituency: the site gives no more.
    Part(Action),
    /// A person who may see events and notices of the whole site.
    Overview,
    /// A person; the site decides about the rest.
    Person,
    /// A person whose token, if it is one, reads incidents; the site decides about each of them.
    Incidents,
    /// A person whose token, if it is one, reads incidents or events: what is known of a value is out of both.
    Values,
    /// As `Incidents`, for the list of them. To open one, a token need not read.
    AllIncidents,
    /// A person, also one who must choose another password first: it is about their own account.
    Own,
}

impl Needs {
    /// Whether something must be shown also where the site asks nobody who comes, as it has no users yet: whoever
    /// reaches this machine would become an administrator, or read and write what only few may know.
    fn asks_proof(self) -> bool {
        match self {
            Self::Person | Self::Incidents | Self::Values | Self::AllIncidents => true,
            Self::To(action) => matches!(action, Action::ManageUsers | Action::ReadLog),
            Self::Nobody | Self::Part(_) | Self::Overview | Self::Own => false,
        }
    }
}

/// Every route, and what it needs.
const TABLE: [(&str, Needs); 80] = [
    ("/", Needs::Overview),
    ("/notices/{id}", Needs::Part(Action::SeeSite(Kept::Notices))),
    ("/notices/{id}/raw", Needs::Part(Action::SeeSite(Kept::Notices))),
    ("/assets/concert.css", Needs::Nobody),
    ("/assets/icon.svg", Needs::Nobody),
    ("/healthz", Needs::Nobody),
    ("/readyz", Needs::Nobody),
    // Counts over everybody, by the names of feeds.
    ("/metrics", Needs::To(Action::SeeMetrics)),
    ("/api/v1/openapi.json", Needs::Nobody),
    ("/api/v1/login", Needs::Nobody),
    ("/api/v1/logout", Needs::Own),
    ("/api/v1/me", Needs::Own),
    ("/api/v1/me/password", Needs::Own),
    ("/api/v1/me/second-factor", Needs::Own),
    ("/api/v1/me/second-factor/removals", Needs::Own),
    // Each feed has its own token.
    ("/api/v1/feeds/{name}/reports", Needs::Nobody),
    // What feeds brought is counted over everybody.
    ("/api/v1/feeds", Needs::To(Action::SeeSite(Kept::Events))),
    ("/api/v1/events", Needs::Part(Action::SeeSite(Kept::Events))),
    ("/api/v1/events/stream", Needs::Part(Action::SeeSite(Kept::Events))),
    ("/api/v1/notices", Needs::Part(Action::SeeSite(Kept::Notices))),
    ("/api/v1/notices/{id}", Needs::Part(Action::SeeSite(Kept::Notices))),
    ("/api/v1/notices/preview", Needs::Part(Action::SeeSite(Kept::Notices))),
    // What waits for a notice that is gone is of the whole site.
    ("/api/v1/notices/drops", Needs::To(Action::ChangeSite(Kept::Notices))),
    ("/api/v1/notices/{id}/acts", Needs::Part(Action::ChangeSite(Kept::Notices))),
    ("/api/v1/feeds/{name}/replays", Needs::To(Action::ChangeSite(Kept::Events))),
    ("/api/v1/who", Needs::Part(Action::SeeSite(Kept::Contacts))),
    ("/api/v1/contacts", Needs::Part(Action::SeeSite(Kept::Contacts))),
    ("/api/v1/contacts/health", Needs::Part(Action::SeeSite(Kept::Contacts))),
    ("/api/v1/contacts/findings", Needs::Part(Action::SeeSite(Kept::Contacts))),
    ("/api/v1/contacts/export", Needs::Part(Action::SeeSite(Kept::Contacts))),
    // It replaces all parties, so it takes the whole site.
    ("/api/v1/contacts/imports", Needs::To(Action::ChangeSite(Kept::Contacts))),
    ("/api/v1/parties/{name}", Needs::Part(Action::SeeSite(Kept::Contacts))),
    ("/api/v1/incidents", Needs::AllIncidents),
    ("/api/v1/incidents/stream", Needs::Incidents),
    ("/api/v1/incidents/{id}", Needs::Incidents),
    ("/api/v1/incidents/{id}/access", Needs::Incidents),
    ("/api/v1/incidents/{id}/audit", Needs::Incidents),
    ("/api/v1/incidents/{id}/bags", Needs::Incidents),
    ("/api/v1/incidents/{id}/chain", Needs::Incidents),
    ("/api/v1/incidents/{id}/clocks", Needs::Incidents),
    ("/api/v1/incidents/{id}/entries", Needs::Incidents),
    ("/api/v1/incidents/{id}/erasures", Needs::Incidents),
    ("/api/v1/incidents/{id}/evidence", Needs::Incidents),
    ("/api/v1/incidents/{id}/evidence/{sha256}", Needs::Incidents),
    ("/api/v1/incidents/{id}/evidence/{sha256}/lines", Needs::Incidents),
    ("/api/v1/incidents/{id}/joins", Needs::Incidents),
    ("/api/v1/incidents/{id}/splits", Needs::Incidents),
    ("/api/v1/incidents/{id}/evidence/{sha256}/custody", Needs::Incidents),
    ("/api/v1/incidents/{id}/evidence/{sha256}/derived", Needs::Incidents),
    ("/api/v1/incidents/{id}/evidence/{sha256}/releases", Needs::Incidents),
    ("/api/v1/incidents/{id}/evidence/{sha256}/verification", Needs::Incidents),
    ("/api/v1/incidents/{id}/journal", Needs::Incidents),
    ("/api/v1/incidents/{id}/journal/verification", Needs::Incidents),
    ("/api/v1/incidents/{id}/hand-overs", Needs::Incidents),
    ("/api/v1/incidents/{id}/lists/{list}", Needs::Incidents),
    ("/api/v1/incidents/{id}/markings", Needs::Incidents),
    ("/api/v1/incidents/{id}/observables", Needs::Incidents),
    ("/api/v1/incidents/{id}/processes", Needs::Incidents),
    ("/api/v1/incidents/{id}/stream", Needs::Incidents),
    ("/api/v1/incidents/{id}/tellings", Needs::Incidents),
    ("/api/v1/incidents/{id}/runs", Needs::Incidents),
    ("/api/v1/processes/{name}/numbers", Needs::Incidents),
    ("/api/v1/due", Needs::Incidents),
    ("/api/v1/incidents/{id}/messages", Needs::Incidents),
    ("/api/v1/incidents/{id}/mails/{mail}", Needs::Incidents),
    ("/api/v1/mails", Needs::Incidents),
    // An answer of the site says to whom reports come, so it takes the whole of it.
    ("/api/v1/mailbox", Needs::To(Action::SeeSite(Kept::Events))),
    ("/api/v1/observables", Needs::Values),
    ("/api/v1/search", Needs::Incidents),
    ("/api/v1/clocks", Needs::Person),
    ("/api/v1/cost", Needs::Incidents),
    ("/api/v1/processes", Needs::Person),
    ("/api/v1/processes/check", Needs::Person),
    ("/api/v1/processes/{name}", Needs::Person),
    ("/api/v1/users", Needs::To(Action::ManageUsers)),
    ("/api/v1/users/{name}", Needs::To(Action::ManageUsers)),
    ("/api/v1/users/{name}/password", Needs::To(Action::ManageUsers)),
    ("/api/v1/tokens", Needs::To(Action::ManageUsers)),
    ("/api/v1/tokens/{id}", Needs::To(Action::ManageUsers)),
    ("/api/v1/audit", Needs::To(Action::ReadLog)),
];

fn needs(path: &str) -> Option<Needs> {
    TABLE.iter().find(|(route, _)| *route == path).map(|(_, needs)| *needs)
}

/// Every route.
pub(crate) fn routes() -> impl Iterator<Item = &'static str> {
    TABLE.iter().map(|(route, _)| *route)
}

/// Whether it is asked who comes.
pub(crate) fn asks_person(path: &str) -> bool {
    needs(path).is_some_and(|needs| needs != Needs::Nobody)
}

/// Whether a token or session is wanted whatever users there are.
pub(crate) fn asks_proof(path: &str) -> bool {
    needs(path).is_some_and(Needs::asks_proof)
}

/// The decision that keeps a person out.
fn denied(person: &Person, needs: Needs, method: &Method) -> Option<Decision> {
    let of_site = |action| may(person, action, Object::Site);
    let decisions = match needs {
        Needs::Nobody | Needs::Person | Needs::Own => vec![],
        Needs::AllIncidents if *method == Method::POST => vec![],
        Needs::Incidents | Needs::AllIncidents => return lacks_scope(person, Action::See),
        Needs::Values => {
            let events = lacks_scope(person, Action::SeeSite(Kept::Events));
            return lacks_scope(person, Action::See).filter(|_| events.is_some());
        }
        Needs::To(action) => vec![of_site(action)],
        Needs::Overview => [Kept::Events, Kept::Notices].map(Action::SeeSite).map(of_site).to_vec(),
        Needs::Part(action) if of_site(action).allowed => vec![],
        Needs::Part(action) => {
            let standing = person.standing.iter();
            let own: Vec<&str> = standing.filter_map(|standing| standing.constituency.as_deref()).collect();
            vec![may(person, action, Object::Of(&own))]
        }
    };
    decisions.into_iter().find(|decision| !decision.allowed)
}

/// Counts a request of a person, also where it is let in elsewhere: whether there were too many of them.
pub(crate) fn count(app: &App, person: &Person) -> Result<(), Refusal> {
    let why = "you ask more often than `requests_per_minute` in [serve] allows";
    app.requests.count(&person.name, Instant::now()).map_err(|seconds| Refusal::TooMany(why.to_owned(), seconds))
}

/// Before anything else.
fn password_first() -> Decision {
    let reason = "another password is to be chosen first, with PUT /api/v1/me/password".to_owned();
    Decision { allowed: false, policy: "password", reason }
}

/// Where somebody asks from: the other end of the connection, or whom the proxy there names.
pub(crate) fn address(app: &App, peer: Option<Peer>, headers: &HeaderMap) -> IpAddr {
    let peer = peer.map_or(Ipv4Addr::UNSPECIFIED.into(), |Peer(address)| address);
    // The last is the one that the proxy saw; whatever stands before it was sent by somebody.
    let named = headers.get_all("x-forwarded-for").iter().next_back();
    let named = named.and_then(|value| value.to_str().ok()).and_then(|value| value.rsplit(',').next());
    named.filter(|_| app.forwarded).and_then(|text| text.trim().parse().ok()).unwrap_or(peer)
}

/// What a request shows. A token counts where there is one.
fn came(app: &App, request: &Request) -> Came {
    let headers = request.headers();
    let token = bearer(headers).map(|token| Proof::Token(token.to_owned()));
    let session = || cookie::session(headers).map(|secret| Proof::Session(secret.to_owned()));
    let proof = token.or_else(session).unwrap_or(Proof::Nothing);
    Came { proof, from: address(app, request.extensions().get().copied(), headers) }
}

/// Finds out who comes and asks whether that person may; hands the person on.
pub(crate) async fn admit(
    State(app): State<Arc<App>>,
    route: MatchedPath,
    mut request: Request,
    next: Next,
) -> Response {
    let is_page = !route.as_str().starts_with("/api/") && route.as_str() != "/metrics";
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
    let came = came(&app, &request);
    let is_by_cookie = matches!(came.proof, Proof::Session(_));
    if !request.method().is_safe() && !matches!(came.proof, Proof::Token(_)) {
        match cookie::source(request.headers(), &app.hosts) {
            Source::Ours => {}
            Source::Unsaid if !is_by_cookie => {}
            Source::Unsaid | Source::Elsewhere => return Problem::elsewhere().into_response(),
        }
    }
    let Somebody { person, must_change_password } = match app.site.person(&came).await {
        Ok(somebody) => somebody,
        Err(refusal) => return refuse(refusal),
    };
    if needs.asks_proof() && matches!(came.proof, Proof::Nothing) {
        return refuse(Refusal::Unknown);
    }
    if let Err(refusal) = count(&app, &person) {
        return refuse(refusal);
    }
    if must_change_password && needs != Needs::Own {
        return refuse(Refusal::Denied(password_first()));
    }
    if let Some(decision) = denied(&person, needs, request.method()) {
        if let Needs::To(action) = needs
            && let Err(refusal) = app.site.denied(&person, action, &decision).await
        {
            return refuse(refusal);
        }
        return refuse(Refusal::Denied(decision));
    }
    request.extensions_mut().insert(came);
    request.extensions_mut().insert(person);
    next.run(request).await
}

#[cfg(test)]
mod tests {

    /// INVARIANT: no route is answered before it was decided who may ask for it.
    #[test]
    fn every_route_stands_in_the_table() {
        let sources = [include_str!("api/mod.rs"), include_str!("web/mod.rs"), include_str!("lib.rs")];
        // A long route stands on a line of its own.
        let joined = sources.concat().replace(".route(\n", ".route(");
        let parts = joined.split(".route(").skip(1).filter_map(|part| part.trim_start().strip_prefix('"'));
        let mut routes: Vec<&str> = parts.filter_map(|part| part.split('"').next()).collect();
        let mut table: Vec<&str> = super::routes().collect();
        routes.sort_unstable();
        table.sort_unstable();
        assert_eq!(routes, table);
    }
}
