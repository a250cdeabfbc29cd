//! Trouble told over HTTP: RFC 9457 `application/problem+json`.
//!
//! What failed inside goes to the log; the caller is told that it did, not how.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::site::Refusal;

/// An answer that is not what was asked for.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    detail: String,
    more: Vec<(&'static str, Value)>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// A problem with this status and sentence.
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), more: Vec::new(), headers: Vec::new() }
    }

    /// The request is wrong.
    pub(crate) fn wrong(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// The request is wrong, as somebody who knows says it.
    pub(crate) fn of(problem: concert_model::Problem) -> Self {
        Self::told(StatusCode::BAD_REQUEST, problem)
    }

    /// A problem that somebody tells who knows its place and what to do next.
    fn told(status: StatusCode, problem: concert_model::Problem) -> Self {
        let place = if problem.place.is_empty() { String::new() } else { format!("{}: ", problem.place) };
        let told = Self::new(status, format!("{place}{}", problem.what));
        if problem.hint.is_empty() { told } else { told.and("hint", problem.hint.into()) }
    }

    /// The same problem with a member of its own.
    #[must_use]
    fn and(mut self, name: &'static str, value: Value) -> Self {
        self.more.push((name, value));
        self
    }

    /// Who comes is not known.
    fn unauthorized(detail: &str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, detail)
            .with(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"concert\""))
    }

    /// A browser may have been made to send this by another page.
    pub(crate) fn elsewhere() -> Self {
        let told = Self::new(StatusCode::FORBIDDEN, "what changes something does not come from a page elsewhere");
        told.and("hint", "a program that keeps the cookie sends the header `X-Concert-Request: 1`".into())
    }

    /// There is no such thing.
    pub(crate) fn absent() -> Self {
        Self::new(StatusCode::NOT_FOUND, "there is nothing here")
    }

    /// Not now; ask again after so many seconds.
    pub(crate) fn busy(detail: impl Into<String>, seconds: u64) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, detail).with(header::RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// The same problem with a header.
    #[must_use]
    pub(crate) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Wrong(why) => Self::wrong(why),
            Refusal::Mistake(problem) => Self::of(problem),
            Refusal::Mistakes(problems) => {
                let all: Vec<Value> = problems
                    .iter()
                    .map(|problem| json!({"what": problem.what, "place": problem.place, "hint": problem.hint}))
                    .collect();
                let mistakes = concert_model::problem::counted(all.len(), "mistake");
                Self::wrong(format!("{mistakes}; nothing was changed")).and("mistakes", all.into())
            }
            Refusal::Missing => Self::absent(),
            Refusal::Absent(problem) => Self::told(StatusCode::NOT_FOUND, problem),
            Refusal::Used => Self::new(StatusCode::CONFLICT, "this `Idempotency-Key` was used for another request")
                .and(
                    "hint",
                    "the same key belongs to the same request, sent again; give this one a key of its own".into(),
                ),
            Refusal::Gone(why) => Self::new(StatusCode::GONE, why),
            Refusal::Unknown => Self::unauthorized("a valid token or session is wanted").and(
                "hint",
                "`concert token create --user NAME` makes a token; POST /api/v1/login begins a session".into(),
            ),
            // The same for whatever is wrong of the three, so the hint is too.
            Refusal::Unproven { code_wanted: false } => Self::unauthorized("name, password or code is wrong")
                .and("hint", "a code works once, also for setting the second factor; then wait for the next".into()),
            Refusal::Unproven { code_wanted: true } => {
                Self::unauthorized("a code of the second factor is wanted").and("code_wanted", true.into())
            }
            Refusal::NoSession => Self::new(StatusCode::FORBIDDEN, "only in a session, not with a token")
                .and("hint", "log in with POST /api/v1/login".into()),
            Refusal::TooMany(why, seconds) => {
                Self::new(StatusCode::TOO_MANY_REQUESTS, why).with(header::RETRY_AFTER, HeaderValue::from(seconds))
            }
            Refusal::Denied(decision) => {
                let told = Self::new(StatusCode::FORBIDDEN, decision.reason).and("policy", decision.policy.into());
                match decision.policy {
                    "token" => told.and("hint", "make one that has it: `concert token create`".into()),
                    _ => told,
                }
            }
            Refusal::Taken(why) => Self::new(StatusCode::CONFLICT, why),
            Refusal::Stale(changed) => {
                Self::new(StatusCode::CONFLICT, "somebody changed it meanwhile").and("changed", changed.into())
            }
            Refusal::Merged(into) => {
                Self::new(StatusCode::CONFLICT, "it was merged into another incident, so nothing is written into it")
                    .and("merged_into", into.into())
            }
            Refusal::Busy(why, seconds) => Self::busy(why, seconds),
            Refusal::Failed(why) => {
                tracing::error!(why, "a request could not be answered");
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "something failed here; the log of the site says what")
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut body = json!({
            "type": "about:blank",
            "title": self.status.canonical_reason().unwrap_or("Problem"),
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        if let Some(members) = body.as_object_mut() {
            members.extend(self.more.into_iter().map(|(name, value)| (name.to_owned(), value)));
        }
        let mut response = (self.status, body.to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        for (name, value) in self.headers {
            headers.insert(name, value);
        }
        response
    }
}
