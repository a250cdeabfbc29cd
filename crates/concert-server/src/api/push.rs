//! `POST /api/v1/feeds/{name}/reports`: a report somebody sends.
//!
//! The body is the report, of any media type. 202 is answered only when it is durable. A wrong token,
//! a feed that takes no pushes and a feed that does not exist are answered alike. The sender's
//! `Idempotency-Key` makes a repeated delivery the same receipt; the file name comes from
//! `Content-Disposition`.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use tokio::time::timeout;

use super::body::{bearer, idempotency_key, read_all, text};
use crate::App;
use crate::problem::Problem;
use crate::site::{Push, Pushed};

/// Reports read at the same time; each can take as much memory as its cap.
pub(crate) const PUSHES_MAX: usize = 8;
/// How long a sender waits for its turn.
const TURN_MAX: Duration = Duration::from_secs(10);
/// How long a sender can be silent.
const SILENCE_MAX: Duration = Duration::from_secs(30);
/// How long one report can take.
const REPORT_MAX: Duration = Duration::from_secs(15 * 60);
const FILE_NAME_CHARS_MAX: usize = 200;

pub(super) async fn push(
    State(app): State<Arc<App>>,
    Path(feed): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let token = bearer(&headers).ok_or_else(refused)?;
    let bytes_max = app.site.admit(&feed, token).await.ok_or_else(refused)?;
    let idempotency_key = idempotency_key(&headers)?;
    let turn = timeout(TURN_MAX, app.pushes.acquire()).await;
    let Ok(Ok(_turn)) = turn else {
        return Err(Problem::busy("too many reports are being received", 10));
    };
    let body = read(body, bytes_max, &headers).await?;
    let report = Push {
        feed,
        idempotency_key,
        media_type: text(&headers, header::CONTENT_TYPE).chars().take(200).collect(),
        file_name: file_name(text(&headers, header::CONTENT_DISPOSITION)),
        body,
    };
    let (report, known) = match app.site.push(report).await? {
        Pushed::New(report) => (report, false),
        Pushed::Known(report) => (report, true),
    };
    let mut response = super::json(json!({ "report": report, "known": known }).to_string());
    *response.status_mut() = StatusCode::ACCEPTED;
    Ok(response.into_response())
}

fn refused() -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "no such feed takes reports with this token")
        .with(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"concert\""))
}

/// Reads the body, and stops as soon as it is too large, too slow or cut.
async fn read(body: Body, bytes_max: u64, headers: &HeaderMap) -> Result<Vec<u8>, Problem> {
    let too_large = || {
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, format!("a report here can have at most {bytes_max} bytes"))
            .with(header::CONNECTION, HeaderValue::from_static("close"))
    };
    let stated = text(headers, header::CONTENT_LENGTH).parse::<u64>().unwrap_or(0);
    if stated > bytes_max {
        return Err(too_large());
    }
    let times = (SILENCE_MAX, REPORT_MAX);
    let bytes = read_all(body, bytes_max, times, "report", too_large).await?;
    if bytes.is_empty() {
        return Err(Problem::wrong("the report is empty"));
    }
    Ok(bytes)
}

/// `attachment; filename="a/b.csv"` gives `b.csv`.
pub(super) fn file_name(disposition: &str) -> String {
    let given = disposition.split(';').find_map(|part| {
        let (name, value) = part.trim().split_once('=')?;
        name.trim().eq_ignore_ascii_case("filename").then(|| value.trim().trim_matches('"'))
    });
    let last = given.unwrap_or("").rsplit(['/', '\\']).next().unwrap_or("");
    let name: String = last.chars().filter(|c| !c.is_control()).take(FILE_NAME_CHARS_MAX).collect();
    if name.chars().all(|c| c == '.') { String::new() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_has_no_folders() {
        assert_eq!(file_name("attachment; filename=\"2026-01-01-scan.csv\""), "2026-01-01-scan.csv");
        assert_eq!(file_name("attachment; FileName=../../etc/passwd"), "passwd");
        assert_eq!(file_name("attachment; filename=\"..\""), "");
        assert_eq!(file_name("attachment; filename=\"a\\b.csv\""), "b.csv");
        assert_eq!(file_name("inline"), "");
    }

    #[test]
    fn a_token_is_a_bearer_token() {
        let check = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, HeaderValue::from_str(value).unwrap());
            bearer(&headers).map(str::to_owned)
        };
        assert_eq!(check("Bearer abc"), Some("abc".into()));
        assert_eq!(check("bearer  abc "), Some("abc".into()));
        assert_eq!(check("Basic abc"), None);
        assert_eq!(check("Bearer "), None);
        assert_eq!(check(&format!("Bearer {}", "x".repeat(2000))), None);
    }
}
