//! How a feed writes its times.

use concert_model::{Keys, Time};
use jiff::fmt::strtime::{self, BrokenDownTime};
use jiff::tz::TimeZone;

/// One way to write a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TimeFormat {
    Automatic,
    UnixSeconds,
    UnixMilliseconds,
    Pattern(String),
}

/// Reads `time_format`; always at least one.
pub(super) fn read_time_formats(keys: &mut Keys<'_>) -> Vec<TimeFormat> {
    let about = "how times are written: automatic, unix, unix-ms or a pattern like %d-%m-%Y; \"a|b\" tries both";
    let text = keys.text_or("time_format", "automatic", about);
    let mut formats = Vec::new();
    for word in text.split('|').map(str::trim) {
        formats.push(match word {
            "automatic" => TimeFormat::Automatic,
            "unix" => TimeFormat::UnixSeconds,
            "unix-ms" => TimeFormat::UnixMilliseconds,
            pattern => {
                let moment = jiff::Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC);
                if !pattern.contains('%') || strtime::format(pattern, &moment).is_err() {
                    let hint = "write automatic, unix, unix-ms or a pattern such as \"%Y-%m-%d %H:%M:%S\"";
                    keys.problem("time_format", format!("`{pattern}` is not a time format"), hint);
                }
                TimeFormat::Pattern(pattern.to_owned())
            }
        });
    }
    formats
}

/// How logs of Unix write times (RFC 3164).
pub(super) const SYSLOG: &str = "%b %e %H:%M:%S";
/// A time without a year may be so far ahead of when its report came: clocks differ, and so do zones.
const AHEAD_SECONDS_MAX: i64 = 2 * 86_400;

/// Reads a time in this format.
pub(super) fn read_time(
    format: &TimeFormat,
    text: &str,
    zone: Option<&TimeZone>,
    received: Time,
) -> Result<Time, &'static str> {
    match format {
        TimeFormat::Automatic => Time::parse(text, zone),
        TimeFormat::UnixSeconds => unix_time(text, 1_000_000.0, "not seconds since 1970"),
        TimeFormat::UnixMilliseconds => unix_time(text, 1000.0, "not milliseconds since 1970"),
        TimeFormat::Pattern(pattern) => {
            let mut parts = strtime::parse(pattern, text).map_err(|_| FOREIGN)?;
            yearless_of(&mut parts, zone, received).unwrap_or_else(|| moment_of(&parts, zone))
        }
    }
}

/// A time given as a number, where nothing says what it counts: seconds or milliseconds since 1970 if by its length it
/// can be nothing else. `None` for what is no number.
pub(super) fn number_time(text: &str) -> Option<Result<Time, &'static str>> {
    if !text.starts_with(|first: char| first.is_ascii_digit()) || text.parse::<f64>().is_err() {
        return None;
    }
    let micros = match text.len() {
        10 if !is_date_and_hour(text) => text.parse().ok().map(|seconds: i64| seconds * 1_000_000),
        13 => text.parse().ok().map(|millis: i64| millis * 1000),
        _ => None,
    };
    // 1990 to 2100.
    let micros = micros.filter(|micros| (631_152_000_000_000..4_102_444_800_000_000).contains(micros));
    Some(micros.map(Time).ok_or("a number, which `time_format` must explain"))
}

const FOREIGN: &str = "not a time in the format of the settings";

/// Whether ten digits may be meant as `2026061712`.
fn is_date_and_hour(text: &str) -> bool {
    let within = |range: std::ops::Range<usize>, from: u8, to: u8| {
        text.get(range).and_then(|digits| digits.parse().ok()).is_some_and(|number: u8| (from..=to).contains(&number))
    };
    within(0..2, 19, 20) && within(4..6, 1, 12) && within(6..8, 1, 31) && within(8..10, 0, 23)
}

/// Seconds or milliseconds since 1970, whole or with a fraction.
fn unix_time(text: &str, micros_each: f64, reason: &'static str) -> Result<Time, &'static str> {
    let number: f64 = text.parse().map_err(|_| reason)?;
    let micros = (number * micros_each).round();
    // Up to the year 9999, where 53 bits still hold a microsecond in 8 of them exactly enough.
    if !(-62_135_596_800e6..=253_402_300_799e6).contains(&micros) {
        return Err(reason);
    }
    #[expect(clippy::cast_possible_truncation, reason = "the range was checked above")]
    Ok(Time(micros as i64))
}

/// A day of a month in this format, where nothing says the year: the last such moment before its report came. `None` for
/// any other time.
pub(super) fn yearless(
    pattern: &str,
    text: &str,
    zone: Option<&TimeZone>,
    received: Time,
) -> Option<Result<Time, &'static str>> {
    yearless_of(&mut strtime::parse(pattern, text).ok()?, zone, received)
}

fn yearless_of(
    parts: &mut BrokenDownTime,
    zone: Option<&TimeZone>,
    received: Time,
) -> Option<Result<Time, &'static str>> {
    let is_yearless = parts.year().is_none() && parts.month().is_some() && parts.day().is_some();
    if !is_yearless || parts.to_timestamp().is_ok() {
        return None;
    }
    let year = jiff::Timestamp::from_second(received.seconds()).ok()?.to_zoned(TimeZone::UTC).year();
    let latest = received.plus_seconds(AHEAD_SECONDS_MAX);
    // The new year may have begun where the time was written; and a 29th of February is not in each.
    let found = [1, 0, -1, -2, -3, -4].into_iter().find_map(|back| {
        parts.set_year(year.checked_add(back)).ok()?;
        moment_of(parts, zone).ok().filter(|time| *time <= latest)
    });
    Some(found.ok_or("not a day of a year"))
}

fn moment_of(parts: &BrokenDownTime, zone: Option<&TimeZone>) -> Result<Time, &'static str> {
    let reason = FOREIGN;
    if let Ok(moment) = parts.to_timestamp() {
        return Ok(Time(moment.as_microsecond()));
    }
    let date = parts.to_date().map_err(|_| reason)?;
    if parts.hour().is_none() {
        return Time::parse(&date.to_string(), zone);
    }
    let time = parts.to_time().unwrap_or_default();
    // One rule for daylight saving: the one of `Time::parse`.
    Time::parse(&date.to_datetime(time).to_string(), zone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_of_a_day_gives_its_first_moment_where_midnight_is_skipped() {
        let beirut = TimeZone::get("Asia/Beirut").unwrap();
        let read = |pattern: &str, text: &str| {
            let read = read_time(&TimeFormat::Pattern(pattern.to_owned()), text, Some(&beirut), Time(0));
            read.map(|time| time.to_string())
        };
        assert_eq!(read("%d-%m-%Y", "29-03-2026"), Ok("2026-03-28T22:00:00Z".into()));
        assert_eq!(read("%d-%m-%Y", "30-03-2026"), Ok("2026-03-29T21:00:00Z".into()));
        assert!(read("%d-%m-%Y %H:%M", "29-03-2026 00:30").is_err());
    }
    #[test]
    fn a_time_without_a_year_is_the_last_before_its_report() {
        let check = |pattern: &str, text: &str, received: &str, want: &str| {
            let received = Time::parse(received, None).unwrap();
            let zone = TimeZone::get("Europe/Helsinki").unwrap();
            let read = read_time(&TimeFormat::Pattern(pattern.to_owned()), text, Some(&zone), received);
            assert_eq!(read.map(|time| time.to_string()), Ok(want.to_owned()), "{text} {received}");
        };
        check(SYSLOG, "Nov 22 10:15:00", "2026-11-22T09:00:00Z", "2026-11-22T08:15:00Z");
        check(SYSLOG, "Nov  2 10:15:00", "2026-11-22T09:00:00Z", "2026-11-02T08:15:00Z");
        check(SYSLOG, "Dec 31 23:59:59", "2026-01-01T00:00:01Z", "2025-12-31T21:59:59Z");
        check(SYSLOG, "Jan  1 00:30:00", "2025-12-31T22:31:00Z", "2025-12-31T22:30:00Z");
        check(SYSLOG, "Feb 29 12:00:00", "2027-03-01T00:00:00Z", "2024-02-29T10:00:00Z");
        check("%d/%m %H:%M", "03/11 10:15", "2026-11-22T09:00:00Z", "2026-11-03T08:15:00Z");
        check("%d.%m.", "03.11.", "2026-11-22T09:00:00Z", "2026-11-02T22:00:00Z");
    }
}
