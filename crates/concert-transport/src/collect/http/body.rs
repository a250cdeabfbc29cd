//! Receiving a body: no more of it than a report may have, and not for ever.
//!
//! A server that sends a byte now and then is never silent for long, so `read_timeout` does not end it:
//! within each minute so much must come. What came is counted while it comes, for whoever looks.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use reqwest::Response;
use reqwest::header::CONTENT_LENGTH;
use serde_json::{Value, json};

use concert_model::Time;

use crate::net::web::{reason, too_long};

/// The least that must come of a body.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// So many bytes; zero for none.
    pub(super) bytes: u64,
    /// Within such a time.
    pub(super) within: Duration,
}

/// A fetch that goes on.
pub(super) struct Progress {
    /// When it began, for people.
    pub(super) since: Time,
    /// When it began, for limits.
    pub(super) began: Instant,
    /// Bytes of the body so far.
    pub(super) bytes: AtomicU64,
}

impl Progress {
    pub(super) fn begin(now: Time) -> Progress {
        Progress { since: now, began: Instant::now(), bytes: AtomicU64::new(0) }
    }

    pub(super) fn came(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// As it is remembered for others to see, with the moment at which that was.
    pub(super) fn write(&self, now: Time) -> String {
        json!({ "since": self.since.0, "at": now.0, "bytes": self.came() }).to_string()
    }
}

/// Since when a fetch goes on and how much came, where that was written at most so many seconds ago: what a process wrote
/// that was killed is not true for long.
pub fn fetching(text: &str, now: Time) -> Option<(Time, u64)> {
    const SECONDS_MAX: i64 = 60;
    let value: Value = serde_json::from_str(text).ok()?;
    let time = |key: &str| value.get(key).and_then(Value::as_i64).map(Time);
    let (since, at) = (time("since")?, time("at")?);
    (now < at.plus_seconds(SECONDS_MAX)).then(|| Some((since, value.get("bytes")?.as_u64()?)))?
}

/// Reads a body to its end, or says why not: longer than the cap, cut short, or too slow.
pub(super) async fn read(
    mut response: Response,
    bytes_max: u64,
    pace: Pace,
    progress: &Progress,
) -> Result<Vec<u8>, String> {
    let stated = response.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if stated.is_some_and(|length| length > bytes_max) {
        return Err(too_long(bytes_max));
    }
    let mut bytes = Vec::new();
    let (mut until, mut before) = (Instant::now() + pace.within, 0);
    while let Some(chunk) = response.chunk().await.map_err(reason)? {
        let length = bytes.len() as u64 + chunk.len() as u64;
        if length > bytes_max {
            return Err(too_long(bytes_max));
        }
        bytes.extend_from_slice(&chunk);
        progress.bytes.store(length, Ordering::Relaxed);
        // Whoever sends nothing at all is ended by `read_timeout`.
        if Instant::now() >= until {
            if length - before < pace.bytes {
                return Err(format!(
                    "the server is too slow: {} bytes within {:?}, where `minimum_rate` wants {}, and {length} in all",
                    length - before,
                    pace.within,
                    pace.bytes
                ));
            }
            (until, before) = (Instant::now() + pace.within, length);
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_process_wrote_is_not_believed_for_long() {
        let progress = Progress::begin(Time(1_000_000));
        progress.bytes.store(7, Ordering::Relaxed);
        let text = progress.write(Time(9_000_000));
        assert_eq!(fetching(&text, Time(60_000_000)), Some((Time(1_000_000), 7)));
        assert_eq!(fetching(&text, Time(70_000_000)), None);
        assert_eq!(fetching("", Time(0)), None);
    }
}
