//! Moments: microseconds since 1970-01-01 UTC, and the many ways feeds write them.

use std::fmt;

use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, TimeZone};

/// A moment in UTC, in microseconds since 1970-01-01.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Time(pub i64);

const SECOND: i64 = 1_000_000;
/// How far what was written may be ahead of the clock before that is taken for one that was wrong: clocks are set right by
/// little now and then.
const AHEAD_SECONDS_MAX: i64 = 300;
/// Letters of `2026-11-22`.
const DATE_BYTES: usize = 10;

impl Time {
    /// From whole seconds since 1970; `None` outside the years 1 to 9999.
    pub fn from_seconds(seconds: i64) -> Option<Time> {
        // 0001-01-01 to 9999-12-31, so that every time can be written with a four-digit year.
        (-62_135_596_800..=253_402_300_799).contains(&seconds).then(|| Time(seconds * SECOND))
    }

    /// Whole seconds since 1970, rounded down.
    pub fn seconds(self) -> i64 {
        self.0.div_euclid(SECOND)
    }

    /// Days since 1970-01-01 UTC, rounded down.
    pub fn day(self) -> i64 {
        self.seconds().div_euclid(86_400)
    }

    /// This moment moved by so many seconds.
    #[must_use]
    pub fn plus_seconds(self, seconds: i64) -> Time {
        Time(self.0.saturating_add(seconds.saturating_mul(SECOND)))
    }

    /// Whether this moment, which was now when it was written down, lies so far ahead that a clock must have been wrong.
    pub fn is_ahead_of(self, now: Time) -> bool {
        self > now.latest()
    }

    /// The last moment which, written down as what was now, is not of a clock that is ahead of this one.
    #[must_use]
    pub fn latest(self) -> Time {
        self.plus_seconds(AHEAD_SECONDS_MAX)
    }

    /// As a `jiff` timestamp, for zones and calendars.
    pub fn timestamp(self) -> jiff::Timestamp {
        // The calendar of `jiff` ends a day before ours.
        let nearest = if self.0 < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX };
        jiff::Timestamp::from_microsecond(self.0).unwrap_or(nearest)
    }

    /// The date part, `2026-11-22`.
    pub fn date_text(self) -> String {
        let (year, month, day) = civil_from_days(self.day());
        format!("{year:04}-{month:02}-{day:02}")
    }

    /// Writes `2026-11-22T04:50:30Z`, with a fraction only when there is one.
    pub fn write(self, out: &mut Vec<u8>) {
        let seconds = self.seconds();
        let (year, month, day) = civil_from_days(seconds.div_euclid(86_400));
        let rest = seconds.rem_euclid(86_400);
        digits(out, year, 4);
        out.push(b'-');
        digits(out, month, 2);
        out.push(b'-');
        digits(out, day, 2);
        out.push(b'T');
        digits(out, rest / 3600, 2);
        out.push(b':');
        digits(out, rest / 60 % 60, 2);
        out.push(b':');
        digits(out, rest % 60, 2);
        let micros = self.0.rem_euclid(SECOND);
        if micros != 0 {
            out.push(b'.');
            digits(out, micros, 6);
        }
        out.push(b'Z');
    }

    /// Reads a time as feeds write it. `zone` is used where the text names none; without either the
    /// text is refused, because a time without a zone means nothing.
    ///
    /// Understood: RFC 3339 and ISO 8601 with blank or `T`, fractions of 1 to 9 digits, `Z`, `UTC`,
    /// `GMT`, offsets with or without colon; a date alone (midnight); ISO 8601 without separators
    /// (`20260617T041500Z`); as web servers log it (`17/Jun/2026:04:15:00 +0000`); RFC 2822.
    pub fn parse(text: &str, zone: Option<&TimeZone>) -> Result<Time, &'static str> {
        let text = crate::value::trim(text);
        match parse_iso(text.as_bytes()).or_else(|| parse_iso(&respelled(text.as_bytes())?)) {
            // At either end of the calendar an offset leads out of it.
            Some((local, Some(offset))) => Time::from_seconds(local.micros().div_euclid(SECOND) - offset)
                .map(|time| Time(time.0 + local.micros))
                .ok_or("not a time"),
            Some((local, None)) => match zone {
                Some(zone) if *zone == TimeZone::UTC => Ok(Time(local.micros())),
                // Some zones skip midnight itself, and their day begins later.
                Some(zone) if text.len() == DATE_BYTES => {
                    in_zone(local, zone).or_else(|why| begins(local, zone).ok_or(why))
                }
                Some(zone) => in_zone(local, zone),
                None => Err("the time has no zone; set time_zone for the feed"),
            },
            None => parse_other(text).ok_or("not a time"),
        }
    }

    /// Reads a time as RFC 3339 has it, which says its zone, and no other form. Also gives the offset as it is
    /// written: `Z`, `+02:00`.
    pub fn rfc3339(text: &str) -> Option<(Time, &str)> {
        let (date, rest) = text.split_at_checked(10)?;
        let (clock, rest) = rest.strip_prefix(['T', 't'])?.split_at_checked(8)?;
        let digits = |from: &str| from.bytes().take_while(u8::is_ascii_digit).count();
        let offset = match rest.strip_prefix('.') {
            Some(fraction) => fraction.get(digits(fraction)..)?,
            None => rest,
        };
        let is_offset = matches!(offset.as_bytes(), [b'Z' | b'z'] | [b'+' | b'-', _, _, b':', _, _]);
        let is_shaped = matches!(date.as_bytes(), [_, _, _, _, b'-', _, _, b'-', _, _])
            && matches!(clock.as_bytes(), [_, _, b':', _, _, b':', _, _]);
        match is_shaped && is_offset {
            true => Some((Self::parse(text, None).ok()?, offset)),
            false => None,
        }
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Vec::with_capacity(27);
        self.write(&mut out);
        f.write_str(&String::from_utf8_lossy(&out))
    }
}

/// A time on the wall, zone unknown.
#[derive(Clone, Copy)]
struct Local {
    year: i64,
    month: i64,
    day: i64,
    seconds: i64,
    micros: i64,
}

impl Local {
    fn micros(self) -> i64 {
        (days_from_civil(self.year, self.month, self.day) * 86_400 + self.seconds) * SECOND + self.micros
    }
}

/// A time that daylight saving repeats is read as the later one; one that it skips is refused.
fn in_zone(local: Local, zone: &TimeZone) -> Result<Time, &'static str> {
    let small = |value: i64| i8::try_from(value).unwrap_or(0);
    let civil = DateTime::new(
        i16::try_from(local.year).unwrap_or(0),
        small(local.month),
        small(local.day),
        small(local.seconds / 3600),
        small(local.seconds / 60 % 60),
        small(local.seconds % 60),
        0,
    )
    .map_err(|_| "not a time")?;
    let ambiguous = zone.to_ambiguous_timestamp(civil);
    if matches!(ambiguous.offset(), AmbiguousOffset::Gap { .. }) {
        return Err("this local time does not exist: daylight saving skips it");
    }
    let moment = ambiguous.later().map_err(|_| "not a time")?;
    Ok(Time(moment.as_microsecond() + local.micros))
}

/// When a day begins that has no midnight.
fn begins(local: Local, zone: &TimeZone) -> Option<Time> {
    let small = |value: i64| i8::try_from(value).ok();
    let day = Date::new(i16::try_from(local.year).ok()?, small(local.month)?, small(local.day)?).ok()?;
    Some(Time(day.to_zoned(zone.clone()).ok()?.timestamp().as_microsecond()))
}

/// ISO 8601 in its common shapes; the offset is in seconds east of UTC.
fn parse_iso(text: &[u8]) -> Option<(Local, Option<i64>)> {
    let year = number(text.get(..4)?)?;
    let separator = *text.get(4)?;
    if separator != b'-' && separator != b'/' || *text.get(7)? != separator {
        return None;
    }
    let (month, day) = (number(text.get(5..7)?)?, number(text.get(8..10)?)?);
    if !(1..=12).contains(&month) || day < 1 || day > days_in_month(year, month) || year < 1 {
        return None;
    }
    let mut local = Local { year, month, day, seconds: 0, micros: 0 };
    let rest = text.get(10..)?;
    if rest.is_empty() {
        return Some((local, None));
    }
    let rest = match rest {
        [b'T' | b't' | b' ', rest @ ..] => rest.trim_ascii_start(),
        _ => return None,
    };
    if *rest.get(2)? != b':' {
        return None;
    }
    let (hour, minute) = (number(rest.get(..2)?)?, number(rest.get(3..5)?)?);
    let mut rest = rest.get(5..)?;
    let mut second = 0;
    if let [b':', a, b, tail @ ..] = rest {
        second = number(&[*a, *b])?;
        rest = tail;
    }
    // A leap second is kept as the last second of its minute.
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    local.seconds = hour * 3600 + minute * 60 + second.min(59);
    if let [b'.' | b',', tail @ ..] = rest {
        let count = tail.iter().take_while(|b| b.is_ascii_digit()).count();
        if count == 0 || count > 9 {
            return None;
        }
        let mut micros = 0;
        for place in 0..6 {
            let digit = tail.get(place).filter(|_| place < count).map_or(0, |b| i64::from(b - b'0'));
            micros = micros * 10 + digit;
        }
        local.micros = micros;
        rest = tail.get(count..)?;
    }
    offset(rest.trim_ascii_start()).map(|offset| (local, offset))
}

/// A time without separators, or of the log of a web server, in the shape that [`parse_iso`] reads.
fn respelled(text: &[u8]) -> Option<Vec<u8>> {
    // Nothing so long is a time.
    const BYTES_MAX: usize = 48;
    if text.len() > BYTES_MAX {
        return None;
    }
    const MONTHS: &[u8] = b"janfebmaraprmayjunjulaugsepoctnovdec";
    let (date, clock, rest) = match *text {
        [a, b, c, d, e, f, g, h, b'T' | b't', i, j, k, l, m, n, ref rest @ ..] => {
            ([a, b, c, d, b'-', e, f, b'-', g, h], [i, j, b':', k, l, b':', m, n], rest)
        }
        [g, h, b'/', x, y, z, b'/', a, b, c, d, b':', i, j, b':', k, l, b':', m, n, ref rest @ ..] => {
            let name = [x, y, z].map(|letter| letter.to_ascii_lowercase());
            let month = 1 + MONTHS.chunks_exact(3).position(|one| one == name)?;
            let [e, f] = [month / 10, month % 10].map(|digit| b'0' + u8::try_from(digit).unwrap_or(0));
            ([a, b, c, d, b'-', e, f, b'-', g, h], [i, j, b':', k, l, b':', m, n], rest)
        }
        _ => return None,
    };
    Some([&date[..], b"T", &clock, rest].concat())
}

fn offset(text: &[u8]) -> Option<Option<i64>> {
    match text {
        b"" => Some(None),
        b"Z" | b"z" | b"UTC" | b"GMT" | b"utc" | b"gmt" | b"(UTC)" => Some(Some(0)),
        [sign @ (b'+' | b'-'), rest @ ..] => {
            let hours = number(rest.get(..2)?)?;
            let minutes = match rest.get(2..)? {
                b"" => 0,
                [b':', minutes @ ..] | minutes => number(minutes.get(..2).filter(|_| minutes.len() == 2)?)?,
            };
            if hours > 18 || minutes > 59 {
                return None;
            }
            let seconds = hours * 3600 + minutes * 60;
            Some(Some(if *sign == b'-' { -seconds } else { seconds }))
        }
        _ => None,
    }
}

fn parse_other(text: &str) -> Option<Time> {
    if text.len() > 64 {
        return None;
    }
    let moment = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    Some(Time(moment.as_microsecond()))
}

fn number(digits: &[u8]) -> Option<i64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0i64, |sum, b| b.is_ascii_digit().then(|| sum * 10 + i64::from(b - b'0')))
}

fn digits(out: &mut Vec<u8>, value: i64, width: u32) {
    for place in (0..width).rev() {
        let digit = value / 10i64.pow(place) % 10;
        out.push(b'0' + u8::try_from(digit).unwrap_or(0));
    }
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

// The two conversions follow the well-known proleptic Gregorian day-count formulas with years that
// begin in March, so that the leap day is the last of its year.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day_of_year - (153 * shifted + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, want: &str) {
        let time = Time::parse(text, Some(&TimeZone::UTC)).unwrap_or_else(|why| panic!("{text}: {why}"));
        assert_eq!(time.to_string(), want, "{text}");
    }

    #[test]
    fn rfc_3339_is_one_form_and_says_its_zone() {
        let noon = Time::parse("2026-11-22T12:00:00Z", None).unwrap();
        let check = |text: &str, want: Option<(i64, &str)>| {
            let want = want.map(|(micros, offset)| (Time(noon.0 + micros), offset));
            assert_eq!(Time::rfc3339(text), want, "{text}");
        };
        check("2026-11-22T12:00:00Z", Some((0, "Z")));
        check("2026-11-22t12:00:00.5z", Some((500_000, "z")));
        check("2026-11-22T14:00:00+02:00", Some((0, "+02:00")));
        check("2026-11-22T11:30:00.000001-00:30", Some((1, "-00:30")));
        for odd in [
            "",
            "2026-11-22",
            "2026-11-22T12:00:00",
            "2026-11-22 12:00:00Z",
            "2026-11-22T12:00Z",
            "2026-11-22T12:00:00 Z",
            "2026-11-22T12:00:00+0200",
            "2026-11-22T12:00:00+25:00",
            "2026-11-22T12:00:00.Z",
            "2026-11-31T12:00:00Z",
            "2026-11-22T24:00:00Z",
            "2026/11/22T12:00:00Z",
            "2026-11-22T12:00:00Z ",
            " 2026-11-22T12:00:00Z",
            "1795323030",
            "Sun, 22 Nov 2026 12:00:00 +0000",
            "2026-11-22T12:00:00\u{ff3a}",
            "2026-11-22T1\u{e9}:00:00Z",
        ] {
            check(odd, None);
        }
    }

    #[test]
    fn times_are_read_as_feeds_write_them() {
        check("2026-06-17 03:04:05", "2026-06-17T03:04:05Z");
        check("2026-06-17T03:04:05.25+02:00", "2026-06-17T01:04:05.250000Z");
        check("2026-06-17 03:04:05 UTC", "2026-06-17T03:04:05Z");
        check("2026/06/17 03:04", "2026-06-17T03:04:00Z");
        check("2024-02-29", "2024-02-29T00:00:00Z");
        check("Sun, 24 Oct 2010 22:44:31 +0200", "2010-10-24T20:44:31Z");
        check("1969-12-31T23:59:59Z", "1969-12-31T23:59:59Z");
        check("20260617T041500Z", "2026-06-17T04:15:00Z");
        check("20260617T041500.5+0200", "2026-06-17T02:15:00.500000Z");
        check("20260617T041500", "2026-06-17T04:15:00Z");
        check("17/Jun/2026:04:15:00 +0200", "2026-06-17T02:15:00Z");
        check("17/jun/2026:04:15:00", "2026-06-17T04:15:00Z");
    }

    #[test]
    fn wrong_times_are_refused() {
        for text in [
            "2026-02-30 00:00:00",
            "2026-13-01",
            "yesterday",
            "",
            "2026-06-17T25:00:00Z",
            "２０２６-06-17",
            "20260617",
            "20261317T041500Z",
            "20260617T0415",
            "31/Jun/2026:04:15:00",
            "17/Xyz/2026:04:15:00",
            "17/06/2026:04:15:00",
        ] {
            assert!(Time::parse(text, Some(&TimeZone::UTC)).is_err(), "{text}");
        }
        assert!(Time::parse("2026-06-17 03:04:05", None).unwrap_err().contains("zone"));
    }

    #[test]
    fn an_offset_does_not_lead_out_of_the_calendar() {
        for text in ["9999-12-31T23:59:59-05:00", "0001-01-01T00:00:00+01:00"] {
            assert_eq!(Time::parse(text, None), Err("not a time"), "{text}");
        }
        check("9999-12-31T23:59:59.5Z", "9999-12-31T23:59:59.500000Z");
        check("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z");
        let last = Time::parse("9999-12-31T23:59:59Z", None).unwrap();
        assert_eq!(last.timestamp(), jiff::Timestamp::MAX);
    }

    #[test]
    fn daylight_saving_takes_the_later_hour_and_refuses_the_missing_one() {
        let warsaw = TimeZone::get("Europe/Warsaw").unwrap();
        let read = |text| Time::parse(text, Some(&warsaw)).map(|time| time.to_string());
        assert_eq!(read("2020-10-25T02:00:00"), Ok("2020-10-25T01:00:00Z".into()));
        assert!(read("2020-03-29T02:30:00").unwrap_err().contains("daylight"));
    }

    #[test]
    fn a_day_without_midnight_begins_when_it_begins() {
        let check = |text: &str, zone: &str, want: &str| {
            let zone = TimeZone::get(zone).unwrap();
            assert_eq!(Time::parse(text, Some(&zone)).map(|time| time.to_string()), Ok(want.into()), "{text}");
        };
        check("2026-03-29", "Asia/Beirut", "2026-03-28T22:00:00Z");
        check("2026/03/29", "Asia/Beirut", "2026-03-28T22:00:00Z");
        check("2026-03-30", "Asia/Beirut", "2026-03-29T21:00:00Z");
        check("2026-09-06", "America/Santiago", "2026-09-06T04:00:00Z");
        let beirut = TimeZone::get("Asia/Beirut").unwrap();
        assert!(Time::parse("2026-03-29 00:00:00", Some(&beirut)).unwrap_err().contains("daylight"));
    }

    #[test]
    fn day_counts_agree_both_ways() {
        for day in (-700_000..2_000_000).step_by(97) {
            let (year, month, date) = civil_from_days(day);
            assert_eq!(days_from_civil(year, month, date), day);
        }
    }
}
