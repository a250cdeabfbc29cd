//! Times that become part of an incident: as in entries they say their zone, since without it nobody knows when.
//! A bare span of time is meant from now, back or ahead as the option says.

use concert_model::Time;
use concert_model::keys;

use crate::wire;

/// Reads `2026-11-22T04:50:30Z`, or how long ago: `2h`.
pub(super) fn ago(text: &str) -> Result<Time, String> {
    read(text, -1).ok_or_else(|| wrong(text, "how long ago: 2h"))
}

/// Reads `2026-11-22T04:50:30Z`, or how long from now: `6h`.
pub(super) fn ahead(text: &str) -> Result<Time, String> {
    read(text, 1).ok_or_else(|| wrong(text, "how long from now: 6h"))
}

fn read(text: &str, direction: i64) -> Option<Time> {
    match keys::parse_span(text) {
        Some(span) => {
            let seconds = i64::try_from(span.as_secs()).unwrap_or(i64::MAX);
            Some(wire::now().plus_seconds(seconds.saturating_mul(direction)))
        }
        None => Time::rfc3339(text).map(|(time, _)| time),
    }
}

fn wrong(text: &str, span: &str) -> String {
    format!("`{text}` is no time with its zone; write 2026-11-22T04:50:30Z, 2026-11-22T06:50:30+02:00, or {span}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_say_their_zone_and_spans_are_meant_from_now() {
        let from_now = |time: Time| time.seconds() - wire::now().seconds();
        assert!((21_599..=21_601).contains(&from_now(ahead("6h").unwrap())));
        assert!((-7_201..=-7_199).contains(&from_now(ago("2h").unwrap())));
        for read in [ago, ahead] {
            assert_eq!(read("2026-11-22T06:50:30+02:00").unwrap().to_string(), "2026-11-22T04:50:30Z");
            for odd in ["2026-11-22T04:50:30", "2026-11-22 04:50", "2026-11-22", "soon", ""] {
                assert!(read(odd).unwrap_err().contains("no time with its zone"), "{odd}");
            }
        }
    }
}
