//! Pages: rendered here, whole, without any script.

mod chart;
mod notice;
mod overview;
mod show;

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;

use crate::App;
use crate::problem::Problem;

const STYLE: &str = include_str!("../../assets/concert.css");
const ICON: &str = include_str!("../../assets/icon.svg");

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/", get(overview::overview))
        .route("/notices/{id}", get(notice::page))
        .route("/notices/{id}/raw", get(notice::raw))
        .route("/assets/concert.css", get(style))
        .route("/assets/icon.svg", get(icon))
}

async fn style() -> Response {
    asset(STYLE, "text/css; charset=utf-8")
}

async fn icon() -> Response {
    asset(ICON, "image/svg+xml")
}

/// Small files that change only with the program; asked for anew after a few minutes.
fn asset(body: &'static str, kind: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CACHE_CONTROL, HeaderValue::from_static("max-age=300")),
    ];
    (headers, body).into_response()
}

/// A page that says one thing.
#[derive(Template)]
#[template(path = "message.html")]
struct Message<'a> {
    title: &'a str,
    text: &'a str,
}

/// There is no such page, or no such part of the API.
pub(crate) async fn absent(uri: Uri) -> Response {
    if uri.path().starts_with("/api/") {
        return Problem::absent().into_response();
    }
    message(StatusCode::NOT_FOUND, "Not found", "There is nothing at this address.")
}

/// The site has users, and pages cannot ask who comes.
pub(crate) fn no_login() -> Response {
    message(
        StatusCode::UNAUTHORIZED,
        "Who are you?",
        "This site has users, and these pages have no login yet. Use the commands at the machine, or the API with a token: concert token create --help says how.",
    )
}

/// The address is right and the method is not.
pub(crate) async fn wrong_method(method: Method) -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, format!("{method} is not possible here"))
}

fn message(status: StatusCode, title: &str, text: &str) -> Response {
    (status, page(&Message { title, text })).into_response()
}

fn page(template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => Html(html).into_response(),
        Err(error) => Problem::from(crate::site::Refusal::Failed(error.to_string())).into_response(),
    }
}
