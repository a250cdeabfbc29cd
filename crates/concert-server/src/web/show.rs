//! Numbers and times as people read them.

use concert_model::Time;
use jiff::tz::TimeZone;

use crate::site::NoticeRow;

/// A moment in the zone of the site, with UTC for the title and how long ago it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    /// `2026-11-22T12:05:00Z`
    pub utc: String,
    /// `22 Nov 14:05`, with the year where it is another.
    pub local: String,
    /// `3 min ago`, `in 2 h`.
    pub distance: String,
}

impl Moment {
    pub(super) fn new(time: Time, now: Time, zone: &TimeZone) -> Moment {
        let local = time.timestamp().to_zoned(zone.clone());
        let this_year = now.timestamp().to_zoned(zone.clone()).year() == local.year();
        let format = if this_year { "%-d %b %H:%M" } else { "%-d %b %Y %H:%M" };
        Moment { utc: time.to_string(), local: local.strftime(format).to_string(), distance: distance(time, now) }
    }
}

fn distance(time: Time, now: Time) -> String {
    let seconds = now.seconds().saturating_sub(time.seconds());
    let size = seconds.unsigned_abs();
    let text = match size {
        0..=59 => return if seconds < 0 { "in a moment" } else { "just now" }.to_owned(),
        60..=5_399 => format!("{} min", size / 60),
        5_400..=172_799 => format!("{} h", (size + 1800) / 3600),
        _ => format!("{} days", size / 86_400),
    };
    if seconds < 0 { format!("in {text}") } else { format!("{text} ago") }
}

/// `1,234,567`
pub(super) fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `one event`, `2 events`, for names that take an s.
pub(super) fn count(many: u64, name: &str) -> String {
    if many == 1 { format!("1 {name}") } else { format!("{} {name}s", number(many)) }
}

/// Text from outside in which nothing hides: line ends as such, everything else that is not seen, or
/// that turns the direction of what is, as an escape.
pub(super) fn lines(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let turns = matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
        match turns || (c.is_control() && !matches!(c, '\n' | '\t')) {
            true => out.extend(c.escape_unicode()),
            false => out.push(c),
        }
    }
    out
}

/// The same for the texts of a notice.
pub(super) fn row(row: NoticeRow) -> NoticeRow {
    NoticeRow {
        key: lines(&row.key),
        to: lines(&row.to),
        message_id: lines(&row.message_id),
        reason: lines(&row.reason),
        ..row
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_hides_in_text_from_outside() {
        assert_eq!(lines("a\r\nb\tc\x1b[2J\u{202e}"), "a\nb\tc\\u{1b}[2J\\u{202e}");
        let row = row(NoticeRow { key: "\u{2066}x".into(), ..NoticeRow::default() });
        assert_eq!(row.key, "\\u{2066}x");
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!([0, 999, 1000, 1_234_567].map(number), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([count(1, "event"), count(1000, "event")], ["1 event", "1,000 events"]);
    }

    #[test]
    fn times_are_local_with_utc_beside() {
        let zone = TimeZone::get("Europe/Helsinki").unwrap();
        let time = |text| Time::parse(text, None).unwrap();
        let now = time("2026-11-22T12:05:30Z");
        let check = |text, local: &str, distance: &str| {
            let moment = Moment::new(time(text), now, &zone);
            assert_eq!((moment.local.as_str(), moment.distance.as_str()), (local, distance));
        };
        check("2026-11-22T12:05:00Z", "22 Nov 14:05", "just now");
        check("2026-11-22T11:05:00Z", "22 Nov 13:05", "60 min ago");
        check("2026-11-22T18:05:00Z", "22 Nov 20:05", "in 6 h");
        check("2025-11-22T12:05:00Z", "22 Nov 2025 14:05", "365 days ago");
    }
}
