//! `/api/v1/incidents/{id}/evidence`: bytes in and out, in streams of any size.
//!
//! A body that is cut off ends with an error, never as if it had come to its end. HEAD is answered without
//! opening anything, so that nothing is written of a copy that was not made.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use concert_model::access::Person;
use concert_model::incident::draft::minutes_from_text;
use concert_model::incident::marking::{Marking, Tlp};
use futures_util::StreamExt;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::timeout;

use super::body::{idempotency_key, text};
use super::push::named_file;
use super::{own_parameters, repeated_parameters};
use crate::App;
use crate::desk::{Change, Going, NewEvidence, Origin, Outgoing};
use crate::problem::Problem;

/// Streams of evidence at the same time, in and out.
pub(crate) const EVIDENCE_MAX: usize = 8;
/// How long others wait for a turn: most pieces are small, and on their way for less.
const TURN_MAX: Duration = Duration::from_secs(10);
/// How long a sender can be silent.
const SILENCE_MAX: Duration = Duration::from_secs(60);
/// Pieces of a body that wait to be written.
const PIECES_MAX: usize = 8;

pub(super) async fn add(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    headers: HeaderMap,
    Path(name): Path<String>,
    query: RawQuery,
    body: Body,
) -> Result<Response, Problem> {
    let sent = query.0.clone().unwrap_or_default();
    let own = ["text", "from", "place", "reason", "tlp", "compartment", "minutes"];
    let ([text, from, place, reason, tlp, compartment, minutes], audience) = repeated_parameters(query, own, AUDIENCE)?;
    let origin = from.map_or(Origin::Collected, Origin::Received);
    let (marking, minutes) = (marking(tlp, compartment, audience)?, spent(minutes)?);
    let about = About { text, marking, origin, place, reason, minutes };
    take(&app, person, &headers, (&name, &sent), about, body).await
}

pub(super) async fn derive(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    headers: HeaderMap,
    Path((name, sha256)): Path<(String, String)>,
    query: RawQuery,
    body: Body,
) -> Result<Response, Problem> {
    let sent = format!("{sha256}?{}", query.0.clone().unwrap_or_default());
    let own = ["text", "place", "reason", "tlp", "compartment", "minutes"];
    let ([text, place, reason, tlp, compartment, minutes], audience) = repeated_parameters(query, own, AUDIENCE)?;
    if reason.as_ref().is_none_or(|reason| reason.trim().is_empty()) {
        return Err(Problem::wrong("`reason` says why, and how it was made"));
    }
    let (marking, minutes) = (marking(tlp, compartment, audience)?, spent(minutes)?);
    let about = About { text, marking, origin: Origin::Derived(sha256), place, reason, minutes };
    take(&app, person, &headers, (&name, &sent), about, body).await
}

/// What is said of evidence that comes.
struct About {
    text: Option<String>,
    marking: Option<Marking>,
    origin: Origin,
    place: Option<String>,
    reason: Option<String>,
    minutes: u32,
}

/// Minutes that it took; 0 where nothing is said.
fn spent(minutes: Option<String>) -> Result<u32, Problem> {
    minutes.map_or(Ok(0), |text| minutes_from_text(&text).map_err(Problem::of))
}

/// Whom it is for; each may be given several times.
const AUDIENCE: [&str; 2] = ["for_person", "for_party"];

/// How it is marked, where that is said.
fn marking(
    tlp: Option<String>,
    compartment: Option<String>,
    [persons, parties]: [Vec<String>; 2],
) -> Result<Option<Marking>, Problem> {
    let compartment = compartment.unwrap_or_default();
    match tlp {
        Some(text) => {
            let tlp = text.parse::<Tlp>().map_err(Problem::wrong)?;
            Ok(Some(Marking { tlp, persons, parties, compartment }))
        }
        None if persons.is_empty() && parties.is_empty() && compartment.is_empty() => Ok(None),
        None => Err(Problem::wrong("whom it is for is said with `tlp`: the label")),
    }
}

async fn take(
    app: &App,
    person: Person,
    headers: &HeaderMap,
    (name, sent): (&str, &str),
    about: About,
    body: Body,
) -> Result<Response, Problem> {
    // What a form or a page from elsewhere can make a browser send is of another type.
    let media = text(headers, header::CONTENT_TYPE).split(';').next().unwrap_or("").trim();
    if !media.eq_ignore_ascii_case("application/octet-stream") {
        let detail = "the body must be application/octet-stream";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
    }
    let _turn = turn(app).await?;
    let file = named_file(headers);
    let digest = Sha256::new().chain_update([name, "\0", sent, "\0", &file].concat()).finalize();
    let key = idempotency_key(headers)?.map(|key| (key, digest.into()));
    let [said, place, reason] = [about.text, about.place, about.reason].map(Option::unwrap_or_default);
    let new = NewEvidence { name: file, text: said, marking: about.marking, origin: about.origin, place, reason };
    let (sender, receiver) = mpsc::channel(PIECES_MAX);
    let adding = app.site.add_evidence(Change { person, key, seen: None, minutes: about.minutes }, name, new, receiver);
    let (added, ()) = tokio::join!(adding, pass_on(body, sender));
    let added = added?;
    let mut response = super::json(added.to_string());
    *response.status_mut() = StatusCode::CREATED;
    let [id, sha256] = ["id", "sha256"].map(|name| added.get(name).and_then(Value::as_str).unwrap_or_default());
    if let Ok(place) = HeaderValue::from_str(&format!("/api/v1/incidents/{id}/evidence/{sha256}")) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    Ok(response)
}

/// Waits for a turn, and gives up after a while.
pub(super) async fn turn(app: &App) -> Result<OwnedSemaphorePermit, Problem> {
    match timeout(TURN_MAX, Arc::clone(&app.evidence).acquire_owned()).await {
        Ok(Ok(turn)) => Ok(turn),
        _ => Err(Problem::busy("too much evidence is on its way", 30)),
    }
}

/// Hands the body on piece by piece, until it ends, breaks, or nobody wants more of it.
async fn pass_on(body: Body, sender: mpsc::Sender<std::io::Result<Bytes>>) {
    let mut stream = body.into_data_stream();
    loop {
        let piece = match timeout(SILENCE_MAX, stream.next()).await {
            Ok(None) => break,
            Ok(Some(Ok(piece))) => Ok(piece),
            Ok(Some(Err(error))) => Err(std::io::Error::other(format!("the body was cut off: {error}"))),
            Err(_) => Err(std::io::Error::other("the body came too slowly")),
        };
        let is_broken = piece.is_err();
        if sender.send(piece).await.is_err() || is_broken {
            return;
        }
    }
    // An empty piece says that this was the end: a sender that merely goes away says nothing.
    sender.send(Ok(Bytes::new())).await.ok();
}

pub(super) async fn one(
    State(app): State<Arc<App>>,
    Extension(person): Extension<Person>,
    method: Method,
    Path((name, sha256)): Path<(String, String)>,
    query: RawQuery,
) -> Result<Response, Problem> {
    if method == Method::HEAD {
        return Err(Problem::new(StatusCode::METHOD_NOT_ALLOWED, "evidence is got, and its custody tells so"));
    }
    let [place, reason, minutes] = own_parameters(query, ["place", "reason", "minutes"])?;
    let why = [place, reason].map(Option::unwrap_or_default);
    let change = Change { person, key: None, seen: None, minutes: spent(minutes)? };
    let turn = turn(&app).await?;
    let outgoing = app.site.evidence(change, &name, &sha256, why).await?;
    Ok(attachment(outgoing, "application/octet-stream", turn))
}

/// Bytes on their way out, which hold their turn until they end.
pub(super) fn body(bytes: Going, turn: OwnedSemaphorePermit) -> Body {
    Body::from_stream(futures_util::stream::unfold((bytes, turn), |(mut bytes, turn)| async {
        let piece = bytes.recv().await?;
        Some((piece, (bytes, turn)))
    }))
}

/// Bytes that are to be saved and never shown.
pub(super) fn attachment(outgoing: Outgoing, media: &'static str, turn: OwnedSemaphorePermit) -> Response {
    let mut response = body(outgoing.bytes, turn).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    if let Some(length) = outgoing.length {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    if let Ok(disposition) = HeaderValue::from_str(&disposition(&outgoing.name)) {
        headers.insert(header::CONTENT_DISPOSITION, disposition);
    }
    response
}

/// The name in the two forms of RFC 6266: plain letters for old readers, all of it for others.
fn disposition(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._- ".contains(c) { c } else { '_' };
    let old: String = name.chars().map(plain).collect();
    let escaped = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'_' | b'-' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    let new: String = name.bytes().map(escaped).collect();
    format!("attachment; filename=\"{old}\"; filename*=UTF-8''{new}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_in_its_header() {
        let check = |name: &str, want: &str| assert_eq!(disposition(name), want);
        check("disk.img", "attachment; filename=\"disk.img\"; filename*=UTF-8''disk.img");
        check("ü\"; x=\r\n", "attachment; filename=\"___ x___\"; filename*=UTF-8''%C3%BC%22%3B%20x%3D%0D%0A");
    }

    #[tokio::test]
    async fn only_a_whole_body_has_an_end() {
        let read = async |body: Body| {
            let (sender, mut receiver) = mpsc::channel(PIECES_MAX);
            pass_on(body, sender).await;
            let mut pieces = Vec::new();
            while let Some(piece) = receiver.recv().await {
                pieces.push(piece.map(|piece| piece.len()).map_err(|error| error.to_string()));
            }
            pieces
        };
        assert_eq!(read(Body::from("abc")).await, [Ok(3), Ok(0)]);
        let cut = futures_util::stream::iter([Ok(Bytes::from("abc")), Err(std::io::Error::other("gone"))]);
        let told = read(Body::from_stream(cut)).await;
        assert!(told.len() == 2 && told[1].as_ref().is_err_and(|why| why.contains("cut off")), "{told:?}");
    }
}
