//! `POST /api/v1/feeds/{name}/reports`: a report somebody sends.
//!
//! The body is the report, of any media type. 202 is answered only when it is durable. The token is that of
//! the feed, or one of a user who may push (`events:push`). A wrong token, a feed that takes no pushes and a
//! feed that does not exist are answered alike. The sender's
//! `Idempotency-Key` makes a repeated delivery the same receipt; a report with other bytes is another one whatever its key,
//! so that none is lost. The file name comes from
//! `Content-Disposition`.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use tokio::time::timeout;

use concert_model::access::{Action, Kept, Object, may};

use super::body::{bearer, idempotency_key, read_all, text};
use crate::App;
use crate::admit::{address, count};
use crate::door::{Came, Proof, TOKEN_PREFIX};
use crate::problem::Problem;
use crate::serve::Peer;
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
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let token = bearer(&headers).ok_or_else(refused)?;
    let bytes_max = match app.site.admit(&feed, token).await {
        Some(bytes_max) => bytes_max,
        // What cannot be a user's token is no attempt to be one: pushes with an old token keep nobody out.
        None if !token.starts_with(TOKEN_PREFIX) => return Err(refused()),
        None => {
            let from = address(&app, peer.map(|Extension(peer)| peer), &headers);
            by_person(&app, &feed, Came { proof: Proof::Token(token.to_owned()), from }).await?
        }
    };
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
        file_name: named_file(&headers),
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

/// How many bytes a report may have that a user pushes.
async fn by_person(app: &App, feed: &str, came: Came) -> Result<u64, Problem> {
    let person = match app.site.person(&came).await {
        Ok(somebody) if !somebody.must_change_password && !somebody.person.is_operator => somebody.person,
        _ => return Err(refused()),
    };
    count(app, &person)?;
    let decision = may(&person, Action::ChangeSite(Kept::Events), Object::Site);
    match app.site.push_limit(feed) {
        Some(bytes_max) if decision.allowed => Ok(bytes_max),
        _ => Err(refused()),
    }
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
    let times = (SILENCE_MAX, REPORT_MAX);
    let bytes = read_all(headers, body, bytes_max, times, "report", too_large).await?;
    if bytes.is_empty() {
        return Err(Problem::wrong("the report is empty"));
    }
    Ok(bytes)
}

/// The parameters of a header, at semicolons that stand in no quotes; within those a backslash says that the next letter
/// is meant as it is.
fn parameters(header: &str) -> Vec<(String, String)> {
    let (mut parts, mut is_quoted, mut is_escaped) = (vec![String::new()], false, false);
    for c in header.chars() {
        let Some(part) = parts.last_mut() else { break };
        match c {
            _ if is_escaped => {
                part.push(c);
                is_escaped = false;
            }
            // A browser on Windows sends folders with bare backslashes; only a quote is ever escaped by one.
            '\\' if is_quoted => {
                part.push(c);
                is_escaped = true;
            }
            '"' => {
                part.push(c);
                is_quoted = !is_quoted;
            }
            ';' if !is_quoted => parts.push(String::new()),
            c => part.push(c),
        }
    }
    let pair = |part: &String| {
        let (name, value) = part.split_once('=')?;
        let value = value.trim();
        let inner = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        Some((name.trim().to_ascii_lowercase(), inner.map_or(value.to_owned(), |text| text.replace("\\\"", "\""))))
    };
    parts.iter().filter_map(pair).collect()
}

/// The text of an extended parameter (RFC 8187): `UTF-8''na%C3%AFve.csv`.
fn extended(value: &str) -> Option<String> {
    let (charset, rest) = value.split_once('\'')?;
    let (_, text) = rest.split_once('\'')?;
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match (first, after) {
            (b'%', [high, low, after @ ..]) => {
                let digit = |byte: &u8| char::from(*byte).to_digit(16);
                bytes.push(u8::try_from(digit(high)? << 4 | digit(low)?).ok()?);
                rest = after;
            }
            _ => bytes.push(*first),
        }
    }
    charset.eq_ignore_ascii_case("utf-8").then(|| String::from_utf8(bytes).ok()).flatten()
}

/// The name of a file that a request carries; empty where it says none. Programs write UTF-8 there as it is, which is
/// not in RFC 6266.
pub(super) fn named_file(headers: &HeaderMap) -> String {
    let disposition = headers.get(header::CONTENT_DISPOSITION).map_or(&b""[..], |value| value.as_bytes());
    file_name(&String::from_utf8_lossy(disposition))
}

/// `attachment; filename="a/b.csv"` gives `b.csv`. A name that is given in UTF-8 goes before one that is not.
fn file_name(disposition: &str) -> String {
    let all = parameters(disposition);
    let named = |wanted: &str| all.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone());
    let given = named("filename*").and_then(|value| extended(&value)).or_else(|| named("filename"));
    let given = given.unwrap_or_default();
    let last = given.rsplit(['/', '\\']).next().unwrap_or("");
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
        assert_eq!(file_name("attachment; filename=\"a;b.csv\"; size=3"), "a;b.csv");
        assert_eq!(file_name("attachment; filename=\"a \\\"b\\\".csv\""), "a \"b\".csv");
        assert_eq!(
            file_name("attachment; filename=x.csv; filename*=UTF-8''na%C3%AFve%20log.csv"),
            "na\u{ef}ve log.csv"
        );
        assert_eq!(file_name("attachment; filename*=utf-8'en'..%2F..%2Fpasswd"), "passwd");
        assert_eq!(file_name("attachment; filename=x.csv; filename*=UTF-8''%FF"), "x.csv");
        assert_eq!(file_name("attachment; filename*=UTF-8''%zz; filename=\"y.csv"), "\"y.csv");
        let mut headers = HeaderMap::new();
        let given = HeaderValue::from_bytes("attachment; filename=\"Übersicht.log\"".as_bytes()).unwrap();
        headers.insert(header::CONTENT_DISPOSITION, given);
        assert_eq!(named_file(&headers), "Übersicht.log");
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
