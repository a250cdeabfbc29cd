//! When a notice is due: `"at once"`, `"every 1h"`, `"at 06:00 on mon"`, or a cron pattern.
//!
//! Nothing here reads a clock or waits: given a moment and a zone, it names the next due moment.
//!
//! `every` counts from midnight UTC on the first of January 1970, so a restart changes nothing. Clock
//! times follow the zone: one that daylight saving skips runs at the first valid minute behind the gap,
//! one that it repeats runs the first time only. A cron pattern for every hour means an interval rather than clock
//! times, and runs through the repeated hour like any other.

use std::fmt;

use concert_model::keys::parse_duration;
use concert_model::{Keys, Problem, Time};
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::ToSpan;
use jiff::civil::{DateTime, Weekday};
use jiff::tz::TimeZone;

/// Longest time between two notices of the `every` form.
const EVERY_SECONDS_MAX: u64 = 366 * 86_400;
/// Longest cron pattern, in bytes.
const CRON_BYTES_MAX: usize = 200;
/// How many matching clock times are looked at before the search ends. A pattern with seconds has
/// 3,600 in an hour that daylight saving repeats, and all of them may have to be passed over.
const CANDIDATES_MAX: usize = 10_000;

/// How the hours of a pattern are written that means all of them.
const EVERY_HOUR: [&str; 4] = ["*", "*/1", "0-23", "?"];

const HINT: &str = "write \"at once\", \"every 1h\", \"at 06:00\", \"at 06:00 on mon,thu\" or \"at 06:00 on weekdays\"";
/// The same in settings, which have a key beside it.
const HINT_OF_SETTINGS: &str = "write \"at once\", \"every 1h\", \"at 06:00\", \"at 06:00 on mon,thu\", \"at 06:00 on weekdays\", \
                    or cron = \"0 6 * * 1\"";
const DAYS: [(&str, &str, Weekday); 7] = [
    ("mon", "monday", Weekday::Monday),
    ("tue", "tuesday", Weekday::Tuesday),
    ("wed", "wednesday", Weekday::Wednesday),
    ("thu", "thursday", Weekday::Thursday),
    ("fri", "friday", Weekday::Friday),
    ("sat", "saturday", Weekday::Saturday),
    ("sun", "sunday", Weekday::Sunday),
];

/// When a notice is due.
#[derive(Clone, Debug, PartialEq)]
pub enum When {
    /// At the end of a report, and for live lines within half a second.
    AtOnce,
    /// Every so many seconds.
    Every(u64),
    /// At a clock time on some days.
    At(Clock),
    /// By a cron pattern.
    Cron(Box<CronWhen>),
}

/// A clock time on some days of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    hour: i8,
    minute: i8,
    /// One bit a day, Monday first.
    days: u8,
}

/// A cron pattern that was understood.
#[derive(Clone, Debug, PartialEq)]
pub struct CronWhen {
    text: String,
    cron: Cron,
    /// Whether it names clock times: not every hour of a day.
    clock: bool,
}

impl When {
    /// Reads `when` and `cron` of a table of settings; at most one of them may be given.
    pub fn read(keys: &mut Keys<'_>, default: &str) -> When {
        let about =
            "when it is sent: \"at once\", \"every 1h\", \"at 06:00\", \"at 06:00 on mon,thu\" or \"on weekdays\"";
        let when = keys.text_or("when", default, about);
        let cron =
            keys.text("cron", "when it is sent, as a cron pattern (minute hour day month weekday) instead of `when`");
        if cron.is_some() && keys.has("when") {
            keys.problem("cron", "`when` and `cron` are both given", "keep one of them");
        }
        let good = |name: &str, read: Result<When, Problem>| {
            let in_settings = |hint: String| if hint == HINT { HINT_OF_SETTINGS.to_owned() } else { hint };
            read.map_err(|problem| keys.problem(name, problem.what, in_settings(problem.hint))).ok()
        };
        // Both are read, so that the mistakes of both are told.
        let when = good("when", When::parse(&when));
        let read = match &cron {
            Some(cron) => good("cron", When::parse_cron(cron)),
            None => when,
        };
        read.or_else(|| When::parse(default).ok()).unwrap_or(When::AtOnce)
    }

    /// Reads the text of `when`. The problem has no place yet.
    pub fn parse(text: &str) -> Result<When, Problem> {
        let bad = |what: String| Problem::new(what).hint(HINT);
        let words: Vec<&str> = text.split_whitespace().collect();
        match words.as_slice() {
            ["at", "once"] => Ok(When::AtOnce),
            ["every", duration] => {
                let seconds = parse_duration(duration).filter(|duration| duration.subsec_nanos() == 0);
                let seconds = seconds.map(|duration| duration.as_secs());
                match seconds.filter(|seconds| (1..=EVERY_SECONDS_MAX).contains(seconds)) {
                    Some(seconds) => Ok(When::Every(seconds)),
                    None => Err(bad(format!("`{duration}` is not a duration of 1s to 366d"))),
                }
            }
            ["at", clock] => Ok(When::At(Clock::parse(clock, 0x7f)?)),
            ["at", clock, "on", days @ ..] if !days.is_empty() => {
                Ok(When::At(Clock::parse(clock, parse_days(&days.concat())?)?))
            }
            _ => Err(bad(format!("`{text}` does not say when"))),
        }
    }

    /// Reads a cron pattern of five fields (minute, hour, day, month, weekday) or six (seconds first).
    /// One that never comes true is refused.
    pub fn parse_cron(text: &str) -> Result<When, Problem> {
        let bad = |why: String| {
            Problem::new(format!("`{text}` is not a cron pattern: {why}"))
                .hint("five fields: minute hour day month weekday, as in \"30 6 * * 1-5\"")
        };
        if text.len() > CRON_BYTES_MAX {
            return Err(bad(format!("it is longer than {CRON_BYTES_MAX} bytes")));
        }
        let parser = CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build();
        let cron = parser.parse(text).map_err(|error| bad(error.to_string().trim_end_matches('.').to_owned()))?;
        // Leap days come at least every eight years, so a pattern without a match from here has none.
        let start = DateTime::constant(2000, 1, 1, 0, 0, 0, 0);
        if cron.find_next_occurrence(&start, true).is_err() {
            return Err(bad("it never comes true".to_owned()));
        }
        let fields: Vec<&str> = text.split_whitespace().collect();
        let hours = fields.len().checked_sub(4).and_then(|hours| fields.get(hours));
        let clock = hours.is_some_and(|hours| !EVERY_HOUR.contains(hours));
        Ok(When::Cron(Box::new(CronWhen { text: text.trim().to_owned(), cron, clock })))
    }

    /// Whether nothing is waited for.
    pub fn is_at_once(&self) -> bool {
        *self == When::AtOnce
    }

    /// Whether it names clock times, which are other moments in another zone.
    pub fn is_clock(&self) -> bool {
        match self {
            When::AtOnce | When::Every(_) => false,
            When::At(_) => true,
            When::Cron(cron) => cron.clock,
        }
    }

    /// The next due moment, strictly after `after` except for "at once", which is due right then.
    pub fn next(&self, after: Time, zone: &TimeZone) -> Time {
        match self {
            When::AtOnce => after,
            When::Every(seconds) => next_multiple(after, *seconds),
            When::At(clock) => clock.next(after, zone),
            When::Cron(cron) => cron.next(after, zone),
        }
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            When::AtOnce => f.write_str("at once"),
            When::Every(seconds) => {
                let units = [(86_400, 'd'), (3600, 'h'), (60, 'm')];
                let unit = units.iter().find(|(size, _)| seconds % size == 0).unwrap_or(&(1, 's'));
                write!(f, "every {}{}", seconds / unit.0, unit.1)
            }
            When::At(clock) => {
                write!(f, "at {:02}:{:02}", clock.hour, clock.minute)?;
                let names: Vec<&str> =
                    DAYS.iter().filter(|(_, _, day)| clock.days & bit(*day) != 0).map(|(name, _, _)| *name).collect();
                if names.len() < 7 { write!(f, " on {}", names.join(",")) } else { Ok(()) }
            }
            When::Cron(cron) => write!(f, "cron {}", cron.text),
        }
    }
}

impl Clock {
    fn parse(text: &str, days: u8) -> Result<Clock, Problem> {
        let number = |digits: &str, max: i8| {
            let good = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
            digits.parse::<i8>().ok().filter(|number| good && *number <= max)
        };
        let read = text.split_once(':').and_then(|(hour, minute)| Some((number(hour, 23)?, number(minute, 59)?)));
        match read {
            Some((hour, minute)) => Ok(Clock { hour, minute, days }),
            None => Err(Problem::new(format!("`{text}` is not a time from 00:00 to 23:59")).hint(HINT)),
        }
    }

    fn next(self, after: Time, zone: &TimeZone) -> Time {
        let mut date = zone.to_datetime(after.timestamp()).date();
        // Eight days reach the same weekday again; one more for a day that a zone left out.
        for _ in 0..10 {
            if self.days & bit(date.weekday()) != 0 {
                let due = resolve(date.at(self.hour, self.minute, 0, 0), zone);
                if let Some(due) = due.filter(|due| *due > after) {
                    return due;
                }
            }
            let Ok(tomorrow) = date.tomorrow() else { break };
            date = tomorrow;
        }
        end_of_time(after)
    }
}

impl CronWhen {
    fn next(&self, after: Time, zone: &TimeZone) -> Time {
        let due = if self.clock { self.next_clock(after, zone) } else { self.next_interval(after, zone) };
        due.unwrap_or_else(|| end_of_time(after))
    }

    /// Walks the clock times that match, and takes the first whose moment lies ahead. The moments never
    /// go back when the clock times go on, so nothing earlier can be missed.
    fn next_clock(&self, after: Time, zone: &TimeZone) -> Option<Time> {
        let mut at = zone.to_datetime(after.timestamp());
        for _ in 0..CANDIDATES_MAX {
            at = self.cron.find_next_occurrence(&at, false).ok()?;
            let due = resolve(at, zone)?;
            if due > after {
                return Some(due);
            }
        }
        None
    }

    fn next_interval(&self, after: Time, zone: &TimeZone) -> Option<Time> {
        let now = after.timestamp().to_zoned(zone.clone());
        let due = self.cron.find_next_occurrence(&now, false).ok()?;
        Some(Time(due.timestamp().as_microsecond())).filter(|due| *due > after)
    }
}

/// The moment of a clock time: the first of two, and for a missing one the first valid minute behind
/// the gap.
fn resolve(civil: DateTime, zone: &TimeZone) -> Option<Time> {
    let ambiguous = zone.to_ambiguous_timestamp(civil);
    let moment = match ambiguous.offset() {
        jiff::tz::AmbiguousOffset::Gap { .. } => {
            // Inside the gap the offset from before gives a moment behind it and the offset from after
            // one before it, so the change itself is the first one after the latter.
            let before = ambiguous.earlier().ok()?;
            let change = zone.following(before).next()?.timestamp();
            whole_minute(change)?
        }
        _ => ambiguous.earlier().ok()?,
    };
    Some(Time(moment.as_microsecond()))
}

/// Some zones of the nineteenth century changed by odd seconds; a due moment is a whole minute.
fn whole_minute(moment: jiff::Timestamp) -> Option<jiff::Timestamp> {
    let over = moment.as_second().rem_euclid(60);
    if over == 0 { Some(moment) } else { moment.checked_add((60 - over).seconds()).ok() }
}

/// Multiples of the interval since 1970, so that every start of the program finds the same ones.
fn next_multiple(after: Time, seconds: u64) -> Time {
    let step = i64::try_from(seconds).unwrap_or(i64::MAX).max(1);
    let count = after.seconds().div_euclid(step);
    Time::from_seconds(count.saturating_add(1).saturating_mul(step)).unwrap_or_else(|| end_of_time(after))
}

/// For a time at the end of the calendar: later than asked and never reached.
fn end_of_time(after: Time) -> Time {
    after.plus_seconds(400 * 86_400)
}

fn bit(day: Weekday) -> u8 {
    1u8.checked_shl(u32::from(day.to_monday_zero_offset().unsigned_abs())).unwrap_or(0)
}

/// Days by name, separated by commas; `weekdays` is Monday to Friday.
fn parse_days(text: &str) -> Result<u8, Problem> {
    let mut days = 0;
    for word in text.split(',') {
        let word = word.to_ascii_lowercase();
        let found = DAYS.iter().find(|(short, long, _)| word == *short || word == *long);
        days |= match (word.as_str(), found) {
            ("weekdays", _) => 0x1f,
            ("weekends", _) => 0x60,
            (_, Some((_, _, day))) => bit(*day),
            (_, None) => {
                return Err(Problem::new(format!("`{word}` is not a day"))
                    .hint("days are mon, tue, wed, thu, fri, sat, sun, weekdays, weekends"));
            }
        };
    }
    Ok(days)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn zone(name: &str) -> TimeZone {
        TimeZone::get(name).unwrap()
    }

    fn time(text: &str) -> Time {
        Time::parse(text, Some(&TimeZone::UTC)).unwrap()
    }

    fn when(text: &str) -> When {
        match text.strip_prefix("cron ") {
            Some(pattern) => When::parse_cron(pattern).unwrap(),
            None => When::parse(text).unwrap(),
        }
    }

    /// Each moment given must be followed by the next.
    fn check(text: &str, zone_name: &str, moments: &[&str]) {
        let (when, zone) = (when(text), zone(zone_name));
        for pair in moments.windows(2) {
            assert_eq!(when.next(time(pair[0]), &zone).to_string(), pair[1], "{text} in {zone_name} after {}", pair[0]);
        }
    }

    #[test]
    fn every_counts_from_midnight_utc() {
        check("every 1h", "Europe/Helsinki", &["2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z", "2026-01-01T02:00:00Z"]);
        check("every 15m", "Asia/Kolkata", &["2026-01-01T00:07:30.500000Z", "2026-01-01T00:15:00Z"]);
        check("every 1d", "UTC", &["2026-01-01T23:59:59.999999Z", "2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z"]);
        check("every 6h", "UTC", &["1969-12-31T23:00:00Z", "1970-01-01T00:00:00Z"]);
    }

    #[test]
    fn clock_times_follow_the_zone_and_its_changes() {
        // Helsinki is at +02:00 in winter and +03:00 in summer; the changes are on 29 March and 25 October.
        check(
            "at 06:00",
            "Europe/Helsinki",
            &["2026-03-27T04:00:00Z", "2026-03-28T04:00:00Z", "2026-03-29T03:00:00Z", "2026-03-30T03:00:00Z"],
        );
        check(
            "at 06:00",
            "Europe/Helsinki",
            &["2026-10-23T12:00:00Z", "2026-10-24T03:00:00Z", "2026-10-25T04:00:00Z", "2026-10-26T04:00:00Z"],
        );
        check("at 06:00", "Europe/Helsinki", &["2026-01-01T03:59:59.999999Z", "2026-01-01T04:00:00Z"]);
    }

    #[test]
    fn a_skipped_clock_time_runs_at_the_next_valid_minute() {
        // 03:00 to 04:00 does not exist on 29 March: the change is at 01:00 UTC.
        for text in ["at 03:00", "at 03:30", "cron 30 3 * * *", "cron 0,30 3 * * *", "cron */30 3 * * *"] {
            check(text, "Europe/Helsinki", &["2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z"]);
        }
        let through = ["2026-03-28T22:00:00Z", "2026-03-29T01:00:00Z", "2026-03-29T03:00:00Z"];
        check("cron 0 */3 * * *", "Europe/Helsinki", &through);
        check("at 03:30", "Europe/Helsinki", &["2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"]);
        check("at 02:59", "Europe/Helsinki", &["2026-03-28T12:00:00Z", "2026-03-29T00:59:00Z"]);
        check("at 04:00", "Europe/Helsinki", &["2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z"]);
        // Samoa left out a whole day, 30 December 2011.
        check("at 06:00", "Pacific/Apia", &["2011-12-29T17:00:00Z", "2011-12-30T10:00:00Z", "2011-12-30T16:00:00Z"]);
        // Lord Howe Island changes by half an hour, at 02:00.
        check("at 02:15", "Australia/Lord_Howe", &["2026-10-03T12:00:00Z", "2026-10-03T15:30:00Z"]);
    }

    #[test]
    fn a_repeated_clock_time_runs_once() {
        // 03:00 to 04:00 comes twice on 25 October: from 00:00 and from 01:00 UTC.
        for text in ["at 03:30", "cron 30 3 * * *"] {
            check(text, "Europe/Helsinki", &["2026-10-24T12:00:00Z", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]);
            check(text, "Europe/Helsinki", &["2026-10-25T01:10:00Z", "2026-10-26T01:30:00Z"]);
        }
        check("cron 0,30 3 * * *", "Europe/Helsinki", &["2026-10-25T00:30:00Z", "2026-10-26T01:00:00Z"]);
        let some = ["2026-10-25T00:00:00Z", "2026-10-25T00:30:00Z", "2026-10-26T01:00:00Z"];
        check("cron */30 3 * * *", "Europe/Helsinki", &some);
        check("cron 0 */3 * * *", "Europe/Helsinki", &["2026-10-25T00:00:00Z", "2026-10-25T04:00:00Z"]);
        // An interval goes on through the repeated hour.
        let through = ["2026-10-25T00:45:00Z", "2026-10-25T01:00:00Z", "2026-10-25T01:15:00Z", "2026-10-25T01:30:00Z"];
        check("cron */15 * * * *", "Europe/Helsinki", &through);
    }

    #[test]
    fn days_are_named() {
        // 2 March 2026 is a Monday.
        check("at 06:00 on mon", "UTC", &["2026-03-01T12:00:00Z", "2026-03-02T06:00:00Z", "2026-03-09T06:00:00Z"]);
        check("at 06:00 on mon,thu", "UTC", &["2026-03-02T06:00:00Z", "2026-03-05T06:00:00Z", "2026-03-09T06:00:00Z"]);
        check("at 06:00 on weekdays", "UTC", &["2026-03-06T06:00:00Z", "2026-03-09T06:00:00Z"]);
        check("cron 30 6 * * 1-5", "UTC", &["2026-03-06T06:30:00Z", "2026-03-09T06:30:00Z"]);
        check("cron 0 0 29 2 *", "UTC", &["2026-03-06T06:30:00Z", "2028-02-29T00:00:00Z"]);
        assert_eq!(when("at 06:00 on Monday, thu").to_string(), "at 06:00 on mon,thu");
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_a_hint() {
        for text in [
            "",
            "now",
            "at",
            "at 6:00",
            "at 24:00",
            "at 06:60",
            "every",
            "every 0s",
            "every 1y",
            "every 500ms",
            "at 06:00 on",
            "at 06:00 on funday",
            "every 1h on mon",
            "at +6:00",
            "every 99999999d",
        ] {
            let problem = When::parse(text).expect_err(text);
            assert!(!problem.hint.is_empty(), "{text}");
            // Whoever writes a schedule into a file of contacts has no key `cron`.
            assert!(!problem.hint.contains("cron"), "{text}: {}", problem.hint);
        }
        for text in ["", "* * *", "61 * * * *", "0 0 30 2 *", "0 0 1 1 * 1 2026", &"1,".repeat(200)] {
            assert!(When::parse_cron(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_schedule_is_written_as_it_is_read() {
        for text in ["at once", "every 90s", "every 15m", "every 36h", "every 7d", "at 06:00", "at 23:59 on sat,sun"] {
            assert_eq!(when(text).to_string(), text);
        }
    }

    #[test]
    fn settings_take_one_of_when_and_cron() {
        use concert_model::keys::{Reading, Source};
        let read = |text: &str| {
            let source = Source { name: "concert.toml".into(), text: text.into() };
            let document = toml_edit::Document::parse(text).unwrap();
            let secrets = |_: &str, _: &str| Err(String::new());
            let reading = Reading::new(&secrets);
            let mut root = Keys::root(&reading, vec![(&source, document.as_table() as &dyn toml_edit::TableLike)]);
            let when = When::read(&mut root, "at 06:00");
            root.finish();
            (
                when.to_string(),
                reading.finish().problems.iter().map(|problem| problem.place.clone()).collect::<Vec<_>>(),
            )
        };
        assert_eq!(read(""), ("at 06:00".into(), vec![]));
        assert_eq!(read("when = \"every 1h\""), ("every 1h".into(), vec![]));
        assert_eq!(read("cron = \"0 6 * * 1\""), ("cron 0 6 * * 1".into(), vec![]));
        assert_eq!(read("\nwhen = \"sometimes\""), ("at 06:00".into(), vec!["concert.toml:2:1".into()]));
        assert_eq!(read("when = \"at once\"\ncron = \"0 6 * * 1\"").1, ["concert.toml:2:1"]);
    }

    const ZONES: [&str; 8] = [
        "UTC",
        "Europe/Helsinki",
        "America/New_York",
        "Australia/Lord_Howe",
        "Asia/Kathmandu",
        "America/St_Johns",
        "Africa/Casablanca",
        "Pacific/Chatham",
    ];

    proptest! {
        #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

        /// From any moment of a year: strictly later, never skipping a sooner one, and on each local
        /// day of the chosen ones exactly one.
        #[test]
        fn a_clock_time_comes_once_on_each_of_its_days(
            hour in 0..24i8, minute in 0..60i8, days in 1..128u8, zone_index in 0..ZONES.len(), start in 0..31_536_000i64,
        ) {
            let zone = zone(ZONES[zone_index]);
            let when = When::At(Clock { hour, minute, days });
            let start = Time::from_seconds(1_767_225_600 + start).unwrap();
            let mut at = start;
            let mut last = zone.to_datetime(at.timestamp()).date().yesterday().unwrap();
            for _ in 0..40 {
                let next = when.next(at, &zone);
                prop_assert!(next > at);
                prop_assert_eq!(when.next(Time(next.0 - 1), &zone), next);
                prop_assert_eq!(when.next(Time(at.0 + (next.0 - at.0) / 2), &zone), next);
                let local = zone.to_datetime(next.timestamp());
                prop_assert!(days & bit(local.date().weekday()) != 0);
                prop_assert!(local.date() > last || at == start);
                let mut between = last.tomorrow().unwrap();
                while at != start && between < local.date() {
                    prop_assert!(days & bit(between.weekday()) == 0, "{} left out", between);
                    between = between.tomorrow().unwrap();
                }
                let wanted = (hour, minute);
                if (local.hour(), local.minute()) != wanted {
                    // Only a gap moves it, and then to the first minute behind it.
                    let civil = local.date().at(hour, minute, 0, 0);
                    let gap = matches!(zone.to_ambiguous_timestamp(civil).offset(), jiff::tz::AmbiguousOffset::Gap { .. });
                    prop_assert!(gap, "{}", local);
                    let before = zone.to_datetime(Time(next.0 - 60_000_000).timestamp());
                    prop_assert!((before.hour(), before.minute()) < wanted);
                }
                last = local.date();
                at = next;
            }
        }

        /// Cron patterns of every sort move on, and asking from anywhere before gives the same moment.
        #[test]
        fn cron_never_stands_still_or_leaves_out(pattern in 0..7usize, zone_index in 0..ZONES.len(), start in 0..31_536_000i64) {
            let patterns = ["30 2 * * *", "*/20 * * * *", "15 */3 * * *", "0,30 1-3 * * *", "5 0 * * 0", "0 12 1 * *", "*/30 30 2 * * *"];
            let (when, zone) = (When::parse_cron(patterns[pattern]).unwrap(), zone(ZONES[zone_index]));
            let mut at = Time::from_seconds(1_767_225_600 + start).unwrap();
            for _ in 0..30 {
                let next = when.next(at, &zone);
                prop_assert!(next > at);
                prop_assert_eq!(when.next(Time(next.0 - 1), &zone), next);
                prop_assert_eq!(when.next(Time(at.0 + (next.0 - at.0) / 3), &zone), next);
                at = next;
            }
        }

        #[test]
        fn every_is_the_same_from_any_moment_before_it(seconds in 1..200_000u64, micros in -1_000_000_000_000_000i64..4_000_000_000_000_000) {
            let when = When::Every(seconds);
            let next = when.next(Time(micros), &TimeZone::UTC);
            prop_assert!(next.0 > micros && next.0 - micros <= i64::try_from(seconds).unwrap() * 1_000_000);
            prop_assert_eq!(next.seconds().rem_euclid(i64::try_from(seconds).unwrap()), 0);
        }

        #[test]
        fn no_text_makes_it_panic(text in ".{0,60}") {
            let (zone, after) = (TimeZone::UTC, Time(0));
            for when in [When::parse(&text), When::parse_cron(&text)].into_iter().flatten() {
                prop_assert!(when.next(after, &zone) >= after);
            }
        }
    }
}
