//! Times in the lines of a complaint, in the forms of logs and of people.

use std::sync::LazyLock;

use concert_model::Time;
use jiff::tz::{Offset, TimeZone};
use regex::{Captures, Regex};

/// What is needed to understand a time that says too little.
pub(super) struct Clock {
    /// The zone for times that name none.
    pub zone: Option<TimeZone>,
    /// When the mail came, for times that name no year.
    pub received: Time,
}

const MONTHS: &str = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec";
/// Abbreviations with one meaning only; others, such as CST and IST, are nothing to rely on.
const ZONES: &[(&str, i32)] = &[
    ("CEST", 120),
    ("MESZ", 120),
    ("CET", 60),
    ("MEZ", 60),
    ("WEST", 60),
    ("EEST", 180),
    ("EET", 120),
    ("MSK", 180),
    ("EST", -300),
    ("EDT", -240),
    ("PST", -480),
    ("PDT", -420),
    ("MST", -420),
    ("MDT", -360),
    ("JST", 540),
    ("BRT", -180),
];

fn compile(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a constant pattern")
}

/// The forms: each has the groups of a date, `time` and perhaps `zone`.
static FORMS: LazyLock<[Regex; 4]> = LazyLock::new(|| {
    let names: Vec<&str> = ZONES.iter().map(|(name, _)| *name).collect();
    let zone = format!(
        r"(?:\s*\(?(?P<zone>(?:UTC|GMT)?[+-]\d{{1,2}}(?::?\d{{2}})?\b|Z\b|UTC\b|GMT\b|(?:{})\b)\)?)?",
        names.join("|")
    );
    let time = r"(?P<time>\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?)";
    [
        format!(r"(?i)\b(?P<y>\d{{4}})[-/.](?P<m>\d{{1,2}})[-/.](?P<d>\d{{1,2}})[T,\s]\s*{time}{zone}"),
        format!(r"(?i)\b(?P<d>\d{{1,2}})[-/ ](?P<mon>{MONTHS})[a-z]*\.?[-/ ](?P<y>\d{{4}})[:,\s]\s*{time}{zone}"),
        format!(r"(?i)\b(?P<mon>{MONTHS})[a-z]*\.?\s+(?P<d>\d{{1,2}}),?(?:\s+(?P<y>\d{{4}}),?)?\s+{time}{zone}"),
        format!(r"(?i)\b(?P<d>\d{{1,2}})\.(?P<m>\d{{1,2}})\.(?P<y>\d{{4}}),?\s+(?:um\s+|at\s+)?{time}{zone}"),
    ]
    .map(|pattern| compile(&pattern))
});

impl Clock {
    /// The first time of a line, and the line without it: a time may look like an address.
    pub(super) fn find(&self, line: &str) -> (Option<Time>, String) {
        let first = FORMS.iter().filter_map(|form| form.captures(line)).min_by_key(start);
        let Some(found) = first else { return (None, line.to_owned()) };
        let mut whole = found.get(0).map_or(0..0, |whole| whole.range());
        let mut clock = found.name("time").map_or("", |time| time.as_str());
        if found.name("zone").is_none()
            && let Some((plain, fraction)) = clock.split_once(['.', ','])
            && goes_on(line.get(whole.end..).unwrap_or_default())
        {
            whole.end -= fraction.len() + 1;
            clock = plain;
        }
        let mut rest = line.to_owned();
        rest.replace_range(whole.clone(), &" ".repeat(whole.len()));
        (self.read(&found, clock), rest)
    }

    /// When a day began that a line names without a time: `since 2026-06-17`. The inner value is `None` where no zone is
    /// known, or there is no such day.
    pub(super) fn day(&self, line: &str) -> Option<Option<Time>> {
        static DAYS: LazyLock<[Regex; 4]> = LazyLock::new(|| {
            let month = format!("(?P<mon>{MONTHS})[a-z]*");
            [
                r"(?P<y>\d{4})-(?P<m>\d{1,2})-(?P<d>\d{1,2})".to_owned(),
                r"(?P<d>\d{1,2})\.(?P<m>\d{1,2})\.(?P<y>\d{4})".to_owned(),
                format!(r"(?P<d>\d{{1,2}})(?:st|nd|rd|th)?\s+{month}\.?\s+(?P<y>\d{{4}})"),
                format!(r"{month}\.?\s+(?P<d>\d{{1,2}})(?:st|nd|rd|th)?,?\s+(?P<y>\d{{4}})"),
            ]
            .map(|date| compile(&format!(r"(?i)\b(?:since|from|on|at|seit|ab|am|vom)\s+(?:the\s+|dem\s+)?{date}\b")))
        });
        let found = DAYS.iter().find_map(|form| form.captures(line))?;
        Some(self.read(&found, "00:00"))
    }

    fn read(&self, found: &Captures<'_>, clock: &str) -> Option<Time> {
        let group = |name: &str| found.name(name).map(|text| text.as_str());
        let month: usize = match group("mon") {
            Some(name) => MONTHS.split('|').position(|month| month.eq_ignore_ascii_case(name))? + 1,
            None => group("m")?.parse().ok()?,
        };
        let day: u8 = group("d")?.parse().ok()?;
        let clock = clock.replace(',', ".");
        let clock = if clock.find(':') == Some(1) { format!("0{clock}") } else { clock };
        let zone = match group("zone") {
            Some(zone) => Some(named_zone(zone)?),
            None => self.zone.clone(),
        };
        let read = |year: &str| Time::parse(&format!("{year}-{month:02}-{day:02}T{clock}"), zone.as_ref()).ok();
        if let Some(year) = group("y") {
            return read(year);
        }
        // The year of the last such day; a clock that is a little ahead is not a year behind.
        let limit = self.received.plus_seconds(86_400);
        let this_year: i32 = limit.date_text().split('-').next()?.parse().ok()?;
        (0..=4).filter_map(|back| read(&format!("{:04}", this_year - back))).find(|time| *time <= limit)
    }
}

/// Whether what seems to be a fraction of a second is the beginning of an address: `08:20:00,192.0.2.155`.
fn goes_on(after: &str) -> bool {
    let mut signs = after.chars();
    match signs.next() {
        Some('.') => signs.next().is_some_and(|sign| sign.is_ascii_digit()),
        Some(sign) => sign == ':' || sign.is_alphanumeric(),
        None => false,
    }
}

fn start(found: &Captures<'_>) -> usize {
    found.get(0).map_or(usize::MAX, |whole| whole.start())
}

/// `Z`, `UTC`, `GMT-02:00`, `+0200`, `MEZ`.
fn named_zone(name: &str) -> Option<TimeZone> {
    let upper = name.to_ascii_uppercase();
    if let Some((_, minutes)) = ZONES.iter().find(|(known, _)| *known == upper) {
        return fixed(*minutes);
    }
    let rest = upper.trim_start_matches("UTC").trim_start_matches("GMT").trim_start_matches('Z');
    let Some(sign) = rest.chars().next() else { return Some(TimeZone::UTC) };
    let digits: String = rest.chars().filter(char::is_ascii_digit).collect();
    let number: i32 = digits.parse().ok()?;
    let minutes = if digits.len() <= 2 { number * 60 } else { number / 100 * 60 + number % 100 };
    fixed(if sign == '-' { -minutes } else { minutes })
}

fn fixed(minutes: i32) -> Option<TimeZone> {
    // Zones reach from -12:00 to +14:00.
    (-720..=840).contains(&minutes).then(|| Offset::from_seconds(minutes * 60).ok().map(TimeZone::fixed))?
}

/// The zone that a line states for all times: `times in UTC`, `Zeiten in UTC`, `time zone: +0200`.
pub(super) fn stated_zone(lines: &[(u64, String)]) -> Option<TimeZone> {
    static STATED: LazyLock<Regex> = LazyLock::new(|| {
        let names: Vec<&str> = ZONES.iter().map(|(name, _)| *name).collect();
        compile(&format!(
            r"(?i)\b(?:time ?zone|timestamps?|times?|zeiten|zeitzone)\b(?:\s+(?:are|is|sind|ist|all))?(?:\s+in)?\s*[:=]?\s*(?P<zone>(?:UTC|GMT)?[+-]\d{{1,2}}(?::?\d{{2}})?\b|UTC\b|GMT\b|(?:{})\b)",
            names.join("|")
        ))
    });
    lines.iter().find_map(|(_, line)| named_zone(STATED.captures(line)?.name("zone")?.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, want: Option<&str>) {
        let clock = Clock { zone: Some(TimeZone::UTC), received: Time(1_781_740_800_000_000) };
        assert_eq!(clock.find(line).0.map(|time| time.to_string()).as_deref(), want, "{line}");
    }

    #[test]
    fn times_are_read_in_the_forms_of_logs() {
        check("x 2010/01/30 14:03:38 GMT-02:00   81.235.2.13", Some("2010-01-30T16:03:38Z"));
        check("2026-03-04 05:06 MEZ).", Some("2026-03-04T04:06:00Z"));
        check("[17/Jun/2026:03:04:06 +0200] GET", Some("2026-06-17T01:04:06Z"));
        check("Wed, 17 Jun 2026 03:04:06 -0400 (EDT)", Some("2026-06-17T07:04:06Z"));
        check("Jun 17 03:04:06 mx postfix", Some("2026-06-17T03:04:06Z"));
        check("Dec  4 03:04:06 mx postfix", Some("2025-12-04T03:04:06Z"));
        check("am 17.6.2026 um 9:04 MESZ", Some("2026-06-17T07:04:00Z"));
        check("2026-06-17T03:04:05.123Z", Some("2026-06-17T03:04:05.123000Z"));
        check("at 03:04 or 2026-13-45 10:00", None);
        check("Report Date Range: 09/02/2015 - 10/03/2015", None);
    }

    #[test]
    fn a_day_without_a_time_is_when_it_began() {
        let clock = |zone| Clock { zone, received: Time(1_781_740_800_000_000) };
        let check = |line: &str, want: Option<&str>| {
            let day = clock(Some(TimeZone::UTC)).day(line).flatten();
            assert_eq!(day.map(|time| time.to_string()).as_deref(), want, "{line}");
        };
        check("Spam since 2026-06-16.", Some("2026-06-16T00:00:00Z"));
        check("seit dem 16.6.2026", Some("2026-06-16T00:00:00Z"));
        check("on June 16th, 2026", Some("2026-06-16T00:00:00Z"));
        check("on 16 June 2026 from", Some("2026-06-16T00:00:00Z"));
        check("since 2026-13-45", None);
        check("Report 2026-06-16", None);
        assert_eq!(clock(None).day("since 2026-06-16"), Some(None));
    }

    #[test]
    fn an_address_behind_a_comma_is_no_fraction() {
        let check_rest = |line: &str, want: &str, rest: &str| {
            check(line, Some(want));
            let clock = Clock { zone: Some(TimeZone::UTC), received: Time(1_781_740_800_000_000) };
            assert_eq!(clock.find(line).1.trim_start(), rest, "{line}");
        };
        check_rest("2026-06-17 08:20:00,192.0.2.155", "2026-06-17T08:20:00Z", ",192.0.2.155");
        check_rest("2026-06-17 08:20:00,192.0.2.155,203.0.113.68", "2026-06-17T08:20:00Z", ",192.0.2.155,203.0.113.68");
        check_rest("2026-06-17 08:20:00,2001:db8::1", "2026-06-17T08:20:00Z", ",2001:db8::1");
        check_rest("2026-06-17 08:20:00,2a00::1", "2026-06-17T08:20:00Z", ",2a00::1");
        check_rest("2026-06-17 08:20:00,123,192.0.2.155", "2026-06-17T08:20:00.123000Z", ",192.0.2.155");
        check_rest("2026-06-17 08:20:00.5. So", "2026-06-17T08:20:00.500000Z", ". So");
    }

    #[test]
    fn a_zone_for_all_times_is_stated_in_words() {
        let zone = |line: &str| {
            stated_zone(&[(1, line.to_owned())]).map(|zone| zone.to_offset(jiff::Timestamp::UNIX_EPOCH).seconds())
        };
        assert_eq!(zone("Unsere Logs (Zeiten in UTC):"), Some(0));
        assert_eq!(zone("All times are in GMT+2."), Some(7200));
        assert_eq!(zone("time zone: -0530"), Some(-19_800));
        assert_eq!(zone("Sometimes it works"), None);
    }
}
