//! `/notices/{id}`: what is known of a notice, and the exact text that was or will be sent.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use concert_model::access::Person;

use super::show::{self, Moment};
use crate::App;
use crate::problem::Problem;
use crate::site::{NoticeRow, ReceiverRow};

/// Most of a notice that the page shows; all of it is in the raw file.
const SHOWN_BYTES_MAX: usize = 256 * 1024;

#[derive(Template)]
#[template(path = "notice.html")]
struct Page {
    notice: NoticeRow,
    events: String,
    due: Option<Moment>,
    delivered_at: Option<Moment>,
    receivers: Vec<Receiver>,
    text: String,
    bytes: String,
    cut: bool,
    /// Whether the text is what is sent; otherwise it is what the receiver reads.
    is_exact: bool,
    has_bytes: bool,
    zone: String,
}

struct Receiver {
    contact: String,
    state: &'static str,
    since: Option<Moment>,
    said: String,
}

pub(super) async fn page(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let Some(notice) = app.site.notice(&person, &id).await? else {
        return Ok(super::message(StatusCode::NOT_FOUND, "No such notice", "There is no notice with this number."));
    };
    let (zone, now) = (app.site.overview(&person).await?.zone, app.site.now());
    let moment = |time| Moment::new(time, now, &zone);
    let receiver = |one: &ReceiverRow| Receiver {
        contact: show::lines(&one.contact),
        state: one.state,
        since: one.since.map(moment),
        said: show::lines(&one.said),
    };
    let text = notice.plain.as_ref().unwrap_or(&notice.bytes);
    let shown = text.get(..SHOWN_BYTES_MAX);
    Ok(super::page(&Page {
        events: show::count(notice.row.events, "event"),
        due: notice.row.due.map(moment),
        delivered_at: notice.row.delivered_at.map(moment),
        receivers: notice.receivers.iter().map(receiver).collect(),
        text: show::lines(&String::from_utf8_lossy(shown.unwrap_or(text))),
        bytes: show::count(notice.bytes.len() as u64, "byte"),
        cut: text.len() > SHOWN_BYTES_MAX,
        is_exact: notice.plain.is_none(),
        has_bytes: !notice.bytes.is_empty(),
        zone: zone.iana_name().unwrap_or("site time").to_owned(),
        notice: show::row(notice.row),
    }))
}

/// The bytes themselves, to be saved and never shown as anything but text.
pub(super) async fn raw(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let notice = app.site.notice(&person, &id).await?.ok_or_else(Problem::absent)?;
    let safe = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '_' };
    let name: String = notice.row.id.chars().map(safe).collect();
    let disposition = HeaderValue::try_from(format!("attachment; filename=\"{name}.txt\""));
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream")),
        (header::CONTENT_DISPOSITION, disposition.unwrap_or(HeaderValue::from_static("attachment"))),
    ];
    Ok((headers, notice.bytes).into_response())
}
