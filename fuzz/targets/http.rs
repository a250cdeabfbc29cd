//! Answers of web servers, to a fetch and to a delivery: status, headers that ask to wait or to go
//! elsewhere, names of files, bodies of any length. The first two bytes are the status, then come
//! headers as lines, an empty line, and the body. With a first byte of `{` or `h` everything is an
//! address from the settings, or what was remembered of a list.
#![no_main]

use concert_fuzz::talk;
use concert_model::Time;
use concert_transport::fuzzing::{address, answer};
use libfuzzer_sys::fuzz_target;

const NOW: Time = Time(1_795_323_030_000_000);

fuzz_target!(|bytes: &[u8]| {
    if let Some(b'{' | b'h') = bytes.first() {
        if let Ok(text) = std::str::from_utf8(bytes) {
            address(text, NOW);
        }
        return;
    }
    talk(answer(|| response(bytes), NOW));
});

fn response(bytes: &[u8]) -> Option<reqwest::Response> {
    let [high, low, rest @ ..] = bytes else { return None };
    // Most statuses mean the same to us; these do not.
    let known = [200, 204, 206, 301, 302, 304, 307, 400, 404, 408, 425, 429, 500, 503];
    let status = match high {
        0..200 => known[usize::from(*high) % known.len()],
        _ => 100 + u16::from(*low) * 4,
    };
    let mut answer = http::Response::builder().status(status);
    let mut rest = rest;
    loop {
        let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
        let line = &rest[..end];
        rest = rest.get(end + 1..).unwrap_or_default();
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { break };
        let name = http::HeaderName::from_bytes(&line[..colon]).ok()?;
        // Blanks around a value are no part of it, and a client takes them away.
        answer = answer.header(name, http::HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).ok()?);
    }
    Some(reqwest::Response::from(answer.body(rest.to_owned()).ok()?))
}
