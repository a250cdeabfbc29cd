//! What comes with a request besides its parameters: token, key, JSON.

use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use concert_model::access::Person;
use concert_model::incident::draft::{foreign, take_minutes};
use futures_util::StreamExt;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::time::{Instant, timeout_at};

use super::once::Once;
use crate::desk::Change;
use crate::problem::Problem;

/// Longest body of JSON: a thousand entries, or one with a very long text.
const JSON_BYTES_MAX: u64 = 4 << 20;
/// How long such a body may take.
const JSON_TIME_MAX: Duration = Duration::from_secs(20);
/// Most bytes of a body that is too large which are read and thrown away: whoever sends all of it before reading would
/// else see a broken connection and no answer.
const PASSED_BYTES_MAX: u64 = 256 << 20;
/// How long that may take, and how long nothing may come meanwhile.
const PASSING_MAX: [Duration; 2] = [Duration::from_secs(8), Duration::from_secs(1)];
const KEY_BYTES_MAX: usize = 255;
const TOKEN_BYTES_MAX: usize = 1024;

/// The text of a header; empty where it is missing or no text.
pub(super) fn text(headers: &HeaderMap, name: header::HeaderName) -> &str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("")
}

/// The bearer token, if there is one.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = text(headers, header::AUTHORIZATION).split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() && token.len() <= TOKEN_BYTES_MAX).then_some(token)
}

/// `Idempotency-Key`, with or without its quotes.
pub(super) fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let key = value.to_str().unwrap_or("").trim();
    let key = key.strip_prefix('"').and_then(|key| key.strip_suffix('"')).unwrap_or(key);
    if key.is_empty() || key.len() > KEY_BYTES_MAX || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Problem::wrong(format!("`Idempotency-Key` must be 1 to {KEY_BYTES_MAX} visible characters")));
    }
    Ok(Some(key.to_owned()))
}

/// Reads all of a body, and stops as soon as it is cut, silent for the first of these times, or not over after the
/// second. One that is too large is passed by before that is answered. `what` is what it is called to the sender.
pub(super) async fn read_all(
    headers: &HeaderMap,
    body: Body,
    bytes_max: u64,
    (silence_max, time_max): (Duration, Duration),
    what: &str,
    too_large: impl Fn() -> Problem,
) -> Result<Vec<u8>, Problem> {
    let end = Instant::now() + time_max;
    let (mut stream, mut bytes) = (body.into_data_stream(), Vec::new());
    if text(headers, header::CONTENT_LENGTH).parse::<u64>().is_ok_and(|stated| stated > bytes_max) {
        // Whoever waits for a word before it sends anything is told so at once.
        if !headers.contains_key(header::EXPECT) {
            pass_by(&mut stream).await;
        }
        return Err(too_large());
    }
    loop {
        let wait = (Instant::now() + silence_max).min(end);
        match timeout_at(wait, stream.next()).await {
            Err(_) => return Err(Problem::new(StatusCode::REQUEST_TIMEOUT, format!("the {what} came too slowly"))),
            Ok(None) => return Ok(bytes),
            Ok(Some(Err(_))) => return Err(Problem::wrong(format!("the {what} was cut off"))),
            Ok(Some(Ok(chunk))) => {
                if (bytes.len() as u64).saturating_add(chunk.len() as u64) > bytes_max {
                    drop(bytes);
                    pass_by(&mut stream).await;
                    return Err(too_large());
                }
                bytes.extend_from_slice(&chunk);
            }
        }
    }
}

/// Throws away what is left of a body, as far as that is worth it.
async fn pass_by(stream: &mut BodyDataStream) {
    let ([all, silence], mut left) = (PASSING_MAX, PASSED_BYTES_MAX);
    let end = Instant::now() + all;
    while let Ok(Some(Ok(chunk))) = timeout_at(end.min(Instant::now() + silence), stream.next()).await {
        left = left.saturating_sub(chunk.len() as u64);
        if left == 0 {
            return;
        }
    }
}

/// What a request that changes something comes with, and its body, which must have these members and no others.
/// `path` tells requests apart that have the same body.
pub(super) async fn change<T: DeserializeOwned>(
    person: Person,
    headers: &HeaderMap,
    path: &str,
    body: Body,
) -> Result<(Change, T), Problem> {
    let key = idempotency_key(headers)?;
    let (value, digest) = read_json(headers, path, body).await?;
    Ok((Change { person, key: key.map(|key| (key, digest)), seen: None, minutes: 0 }, members(value)?))
}

/// The same of what is done with an incident, which may say beside all else how many minutes it took.
pub(super) async fn effort<T: DeserializeOwned>(
    person: Person,
    headers: &HeaderMap,
    path: &str,
    body: Body,
) -> Result<(Change, T), Problem> {
    let (change, mut value) = change::<Value>(person, headers, path, body).await?;
    let minutes = take_minutes(&mut value).map_err(Problem::of)?;
    Ok((Change { minutes, ..change }, members(value)?))
}

/// A body as what it must be. A member that it does not have is told with those that it has.
pub(super) fn members<T: DeserializeOwned>(value: Value) -> Result<T, Problem> {
    serde_json::from_value(value).map_err(|error| {
        let told = error.to_string();
        match unknown_member(&told) {
            Some((odd, known)) => Problem::of(foreign(odd, "the body", &known)),
            None => Problem::wrong(format!("the body: {told}")),
        }
    })
}

/// The member that is not known, and those that are, of what serde says about it.
fn unknown_member(told: &str) -> Option<(&str, Vec<&str>)> {
    let told = told.strip_prefix("unknown field `")?;
    let (odd, known) = told.split_once("`, expected ").or_else(|| told.split_once("`, there are "))?;
    Some((odd, known.split('`').skip(1).step_by(2).collect()))
}

/// What a request comes with that changes something and has no body. `path` tells it apart from others.
pub(super) fn without_body(person: Person, headers: &HeaderMap, path: &str) -> Result<Change, Problem> {
    let key = idempotency_key(headers)?.map(|key| (key, Sha256::digest(path.as_bytes()).into()));
    Ok(Change { person, key, seen: None, minutes: 0 })
}

/// Reads a body of JSON. Gives it with a digest of path and bytes, by which the same request is known.
///
/// Its media type must say that it is JSON: a page from elsewhere cannot make a browser send that here.
pub(super) async fn read_json(headers: &HeaderMap, path: &str, body: Body) -> Result<(Value, [u8; 32]), Problem> {
    let media = text(headers, header::CONTENT_TYPE).split(';').next().unwrap_or("").trim();
    if !media.eq_ignore_ascii_case("application/json") {
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the body must be application/json"));
    }
    let too_large = || {
        Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("a body here can have at most {} MiB", JSON_BYTES_MAX >> 20),
        )
        .with(header::CONNECTION, HeaderValue::from_static("close"))
    };
    let bytes = read_all(headers, body, JSON_BYTES_MAX, (JSON_TIME_MAX, JSON_TIME_MAX), "body", too_large).await?;
    let Once(value) = serde_json::from_slice(&bytes).map_err(|error| match error.is_data() {
        true => Problem::wrong(format!("the body: {error}")),
        false => Problem::wrong(format!("the body is no JSON: {error}")),
    })?;
    let digest = Sha256::new().chain_update(path.as_bytes()).chain_update([0]).chain_update(&bytes).finalize();
    Ok((value, digest.into()))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only whether it is read matters")]
    struct Two {
        party: String,
        reason: Option<Box<Two>>,
    }

    #[test]
    fn a_member_that_does_not_belong_there_is_told_with_those_that_do() {
        let check = |value: Value, want: Problem| {
            let told = members::<Two>(value).unwrap_err();
            assert_eq!(format!("{told:?}"), format!("{want:?}"));
        };
        let foreign = |odd: &str, hint: &str| {
            let what = format!("`{odd}` does not belong into the body");
            Problem::of(concert_model::Problem::new(what).hint(hint))
        };
        check(json!({"partie": 1}), foreign("partie", "did you mean `party`?"));
        check(json!({"party": "x", "odd": 1}), foreign("odd", "known are: party, reason"));
        check(json!({"party": "x", "reason": {"`, `x`": 1}}), foreign("`, `x`", "known are: party, reason"));
        check(json!({"reason": null}), Problem::wrong("the body: missing field `party`"));
    }
}
