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

/// Months by their first letters, and behind those of English the ones that are others in German.
const MONTHS: &str = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|m\u{e4}r|mai|okt|dez";
/// Which months those are.
const GERMAN: [usize; 4] = [3, 5, 10, 12];
/// Abbreviations with one meaning only.
const ZONES: &[(&str, i32)] = &[
    ("CEST", 120),
    ("MESZ", 120),
    ("CET", 60),
    ("MEZ", 60),
    ("WEST", 60),
    ("WET", 0),
    ("EEST", 180),
    ("EET", 120),
    ("MSK", 180),
    ("EST", -300),
    ("EDT", -240),
    ("CDT", -300),
    ("PST", -480),
    ("PDT", -420),
    ("MST", -420),
    ("MDT", -360),
    ("AKST", -540),
    ("AKDT", -480),
    ("HST", -600),
    ("JST", 540),
    ("KST", 540),
    ("HKT", 480),
    ("SGT", 480),
    ("AWST", 480),
    ("AEST", 600),
    ("AEDT", 660),
    ("NZST", 720),
    ("NZDT", 780),
    ("SAST", 120),
    ("EAT", 180),
    ("BRT", -180),
];
/// What is a zone and says not which: each has several meanings, or those of the place where it was written. A time in
/// one is none.
const UNSURE: &[&str] = &["CST", "IST", "BST", "AST", "GST", "SST", "ADT", "ACST", "ACDT", "ET", "CT", "MT", "PT"];

fn compile(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a constant pattern")
}

/// What is written where a zone stands. What is read as one is looked for before what may be one.
fn zone_pattern() -> String {
    let names: Vec<&str> = ZONES.iter().map(|(name, _)| *name).collect();
    let areas = "Africa|America|Antarctica|Arctic|Asia|Atlantic|Australia|Europe|Indian|Pacific|Etc";
    format!(
        r"(?P<zone>(?:UTC|GMT)?[+-]\d{{1,2}}(?::?\d{{2}})?\b|(?:UTC|GMT)\s[+-](?:0?\d|1[0-4])(?::?[0-5]\d)?\b|Z\b|UTC\b|GMT\b|(?:{})\b|(?:{areas})/[A-Za-z_+-]+\d{{0,2}}(?:/[A-Za-z_]+)?|(?-i:{})\b|local\s+time\b|Ortszeit\b)",
        names.join("|"),
        UNSURE.join("|"),
    )
}

/// The forms: each has the groups of a date, `time` or `hour`, and perhaps `half` and `zone`.
static FORMS: LazyLock<[Regex; 10]> = LazyLock::new(|| {
    let zone = format!(r"(?:\s*(?P<comma>,\s*)?\(?{}\)?)?", zone_pattern());
    let clock = r"(?P<time>\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?)";
    let english = format!(r"{clock}(?:\s*(?P<half>[ap](?:m\b|\.m\.)))?(?:\s*(?:Uhr|h|hrs|hours)\b)?{zone}");
    // `10:15 am Server` is no morning.
    let german = format!(r"{clock}(?:\s*(?P<half>(?-i:[AP]M)\b|[ap]\.m\.))?(?:\s*(?:Uhr|h)\b)?{zone}");
    let gap = r"(?:[,\s]\s*(?:(?:at|um|@)\s*)?)";
    let iso = r"(?P<y>\d{4})[-/.](?P<m>\d{1,2})[-/.](?P<d>\d{1,2})";
    let named = format!(r"(?P<d>\d{{1,2}})(?:st|nd|rd|th|\.)?[-/ ](?P<mon>{MONTHS})[a-z]*[.,]?[-/ ](?P<y>\d{{4}})");
    let dotted = r"(?P<d>\d{1,2})\.(?P<m>\d{1,2})\.(?P<y>\d{4})";
    // Which of them is the month is looked at where they are read.
    let slashed = r"(?P<a>\d{1,2})/(?P<b>\d{1,2})/(?P<y>\d{4})";
    // `um 10 Uhr`, `at 10 pm`
    let hour = format!(r"(?P<hour>\d{{1,2}})\s*(?:Uhr\b|(?P<half>[ap](?:m\b|\.m\.))){zone}");
    [
        format!(r"(?i)\b{iso}(?:T|{gap}){english}"),
        format!(r"(?i)\b{named}(?::|{gap}){english}"),
        format!(
            r"(?i)\b(?P<mon>{MONTHS})[a-z]*\.?\s+(?P<d>\d{{1,2}})(?:st|nd|rd|th)?,?(?:\s+(?P<y>\d{{4}}),?)?\s+(?:(?:at|@)\s*)?{english}"
        ),
        format!(r"(?i)\b{dotted}{gap}{german}"),
        // `at 10:15 CET on 29 November 2026`
        format!(r"(?i)\b{english},?\s+(?:on|am|of)\s+(?:the\s+)?{iso}\b"),
        format!(r"(?i)\b{english},?\s+(?:on|am|of)\s+(?:the\s+)?{named}\b"),
        format!(r"(?i)\b{german},?\s+(?:am|on)\s+{dotted}\b"),
        format!(r"(?i)\b{slashed}{gap}{english}"),
        format!(r"(?i)\b{named}{gap}{hour}"),
        format!(r"(?i)\b{dotted}{gap}{hour}"),
    ]
    .map(|pattern| compile(&pattern))
});

/// What a line says of when something happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    Time(Time),
    /// It names a time that cannot be understood, such as one in a zone that nobody knows.
    Unclear,
    Unsaid,
}

impl Clock {
    /// The first time of a line, and the line without it: a time may look like an address.
    pub(super) fn find(&self, line: &str) -> (When, String) {
        let first = FORMS.iter().filter_map(|form| form.captures(line)).min_by_key(start);
        let Some(found) = first else { return (When::Unsaid, line.to_owned()) };
        let mut whole = found.get(0).map_or(0..0, |whole| whole.range());
        let hour = found.name("hour").map(|hour| format!("{}:00", hour.as_str()));
        let mut clock = hour.as_deref().or(found.name("time").map(|time| time.as_str())).unwrap_or_default();
        if found.name("zone").is_none()
            && let Some((plain, fraction)) = clock.split_once(['.', ','])
            && goes_on(line.get(whole.end..).unwrap_or_default())
        {
            whole.end -= fraction.len() + 1;
            clock = plain;
        }
        let mut rest = line.to_owned();
        rest.replace_range(whole.clone(), &" ".repeat(whole.len()));
        (self.read(&found, clock).map_or(When::Unclear, When::Time), rest)
    }

    /// When a day began that a line names without a time: `since 2026-06-17`. The inner value is `None` where no zone is
    /// known, there is no such day, or the line has a time of it after all, in words that are not understood.
    pub(super) fn day(&self, line: &str) -> Option<Option<Time>> {
        static DAYS: LazyLock<[Regex; 4]> = LazyLock::new(|| {
            let month = format!("(?P<mon>{MONTHS})[a-z]*");
            [
                r"(?P<y>\d{4})-(?P<m>\d{1,2})-(?P<d>\d{1,2})".to_owned(),
                r"(?P<d>\d{1,2})\.(?P<m>\d{1,2})\.(?P<y>\d{4})".to_owned(),
                format!(r"(?P<d>\d{{1,2}})(?:st|nd|rd|th|\.)?\s+{month}[.,]?\s+(?P<y>\d{{4}})"),
                format!(r"{month}\.?\s+(?P<d>\d{{1,2}})(?:st|nd|rd|th)?,?\s+(?P<y>\d{{4}})"),
            ]
            .map(|date| compile(&format!(r"(?i)\b(?:since|from|on|at|seit|ab|am|vom)\s+(?:the\s+|dem\s+)?{date}\b")))
        });
        static CLOCK: LazyLock<Regex> = LazyLock::new(|| {
            compile(r"(?i)(?:^|[\s(])(?:(?:[01]?\d|2[0-3]):[0-5]\d\b|\d{1,2}(?:\.\d\d)?\s*(?:uhr|[ap]\.?m)\b)")
        });
        let found = DAYS.iter().find_map(|form| form.captures(line))?;
        Some(self.read(&found, "00:00").filter(|_| !CLOCK.is_match(line)))
    }

    fn read(&self, found: &Captures<'_>, clock: &str) -> Option<Time> {
        let group = |name: &str| found.name(name).map(|text| text.as_str());
        let month: usize = match group("mon") {
            Some(name) => {
                let name = name.to_lowercase();
                let at = MONTHS.split('|').position(|month| month == name)?;
                at.checked_sub(12).map_or(Some(at + 1), |german| GERMAN.get(german).copied())?
            }
            None => match group("a") {
                Some(first) => american(first.parse().ok()?, group("b")?.parse().ok()?, group("half").is_some())?.0,
                None => group("m")?.parse().ok()?,
            },
        };
        let day: usize = match group("a").zip(group("b")) {
            Some((first, second)) => american(first.parse().ok()?, second.parse().ok()?, group("half").is_some())?.1,
            None => group("d")?.parse().ok()?,
        };
        let (hour, minutes) = clock.split_once(':')?;
        let hour = hour_of_day(hour.parse().ok()?, group("half"));
        let clock = format!("{hour:02}:{}", minutes.replace(',', "."));
        // `08:20:00,-5` is a cell of a table.
        let is_cell = |zone: &&str| group("comma").is_some() && zone.starts_with(['+', '-']);
        let zone = match group("zone").filter(|zone| !is_cell(zone)) {
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

/// The hour of a day of 24: `10:15 PM`. Beyond twelve it is one already, whatever stands behind it.
fn hour_of_day(hour: u8, half: Option<&str>) -> u8 {
    match half.map(|half| half.starts_with(['p', 'P'])) {
        Some(true) if hour < 12 => hour + 12,
        Some(false) if hour == 12 => 0,
        _ => hour,
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

/// Month and day of a date with slashes. America, where the morning is AM, begins with the month; others begin with the
/// day. Where nothing tells, nobody knows.
fn american(first: usize, second: usize, has_half: bool) -> Option<(usize, usize)> {
    match (first > 12, second > 12) {
        (false, true) => Some((first, second)),
        (true, false) => Some((second, first)),
        (false, false) if has_half || first == second => Some((first, second)),
        _ => None,
    }
}

fn start(found: &Captures<'_>) -> usize {
    found.get(0).map_or(usize::MAX, |whole| whole.start())
}

/// `Z`, `UTC`, `GMT-02:00`, `+0200`, `MEZ`, `Europe/Helsinki`. `None` where nobody knows which it is.
fn named_zone(name: &str) -> Option<TimeZone> {
    let is_of_the_place = ["local", "ortszeit"].iter().any(|place| name.to_ascii_lowercase().starts_with(place));
    if is_of_the_place || UNSURE.contains(&name) {
        return None;
    }
    if name.contains('/') {
        return TimeZone::get(name).ok();
    }
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

/// The zone that a line states for all times: `times in UTC`, `Zeiten in UTC`, `time zone: +0200`. The inner value is
/// `None` where nobody knows which it is.
pub(super) fn stated_zone(lines: &[(u64, String)]) -> Option<Option<TimeZone>> {
    static STATED: LazyLock<Regex> = LazyLock::new(|| {
        let words = r"(?:time ?zone|timestamps?|times?|zeiten|zeitzone|zeit)";
        compile(&format!(
            r"(?i)\b{words}\b(?:\s+(?:are|is|sind|ist|all))?(?:\s+in)?\s*[:=(]?\s*{}",
            zone_pattern().replace("|Z\\b", "")
        ))
    });
    lines.iter().find_map(|(_, line)| Some(named_zone(STATED.captures(line)?.name("zone")?.as_str())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, want: Option<&str>) {
        let clock = Clock { zone: Some(TimeZone::UTC), received: Time(1_781_740_800_000_000) };
        let time = match clock.find(line).0 {
            When::Time(time) => Some(time.to_string()),
            When::Unclear | When::Unsaid => None,
        };
        assert_eq!(time.as_deref(), want, "{line}");
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
    fn times_are_read_in_the_forms_of_people() {
        for line in [
            "On 29 Nov 2025 at 10:15 CET your host",
            "On 2025-11-29 at 10:15 CET",
            "29.11.2025 10:15:00 Uhr MEZ 192.0.2.142",
            "am 29. November 2025 um 10:15 Uhr MEZ",
            "on November 29th, 2025 at 10:15 (CET)",
            "November 29, 2025 at 9:15 AM UTC",
            "at 10:15 CET on 29 November 2025",
            "um 10:15 Uhr MEZ am 29.11.2025",
            "2025-11-29 11:15 Europe/Helsinki 192.0.2.142",
            "2025-11-29 10:15 UTC +1",
            "2025-11-29 04:15 a.m. EST",
            "2025-11-29, 10:15, CET",
        ] {
            check(line, Some("2025-11-29T09:15:00Z"));
        }
        check("Nov 29, 2025 12:05 PM UTC", Some("2025-11-29T12:05:00Z"));
        check("Nov 29, 2025 12:05 am UTC", Some("2025-11-29T00:05:00Z"));
        check("29.11.2025 22:15 am Server", Some("2025-11-29T22:15:00Z"));
        check("29.11.2025 12:15 am Server", Some("2025-11-29T12:15:00Z"));
        check("am 3. M\u{e4}rz 2026 um 10:15 Uhr", Some("2026-03-03T10:15:00Z"));
        check("4 Dezember 2025, 10:15", Some("2025-12-04T10:15:00Z"));
        check("on 11/28/2025 10:00 PM -0500 from", Some("2025-11-29T03:00:00Z"));
        check("11/12/2025 at 10:00 am EST", Some("2025-11-12T15:00:00Z"));
        check("28/11/2025 22:00", Some("2025-11-28T22:00:00Z"));
        check("11/11/2025 22:00", Some("2025-11-11T22:00:00Z"));
        check("am 28. November 2025 um 10 Uhr", Some("2025-11-28T10:00:00Z"));
        check("28.11.2025, 10 Uhr MEZ", Some("2025-11-28T09:00:00Z"));
        check("on 28 November 2025 at 10 pm CET", Some("2025-11-28T21:00:00Z"));
        check("28.11.2025 10 Angriffe", None);
    }

    #[test]
    fn a_time_in_a_zone_that_is_not_known_is_none() {
        let clock = Clock { zone: Some(TimeZone::UTC), received: Time(1_781_740_800_000_000) };
        for line in [
            "2025-11-29 10:15:30 CST 192.0.2.1",
            "on 29 Nov 2025 at 10:15 (IST)",
            "Nov 29, 2025 10:15 AM ET",
            "29.11.2025 10:15 Ortszeit",
            "2025-11-29 10:15 Europe/Nowhere",
            "11/12/2025 22:00",
            "13/13/2025 10:00 PM",
        ] {
            assert_eq!(clock.find(line).0, When::Unclear, "{line}");
        }
        for line in ["since 2025-11-29, about 10:15", "seit dem 29.11.2025, ab 10 Uhr", "on 29 Nov 2025 at 10 pm"] {
            assert_eq!(clock.day(line), Some(None), "{line}");
        }
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
            stated_zone(&[(1, line.to_owned())])
                .flatten()
                .map(|zone| zone.to_offset(jiff::Timestamp::UNIX_EPOCH).seconds())
        };
        assert_eq!(zone("Unsere Logs (Zeiten in UTC):"), Some(0));
        assert_eq!(zone("All times are in GMT+2."), Some(7200));
        assert_eq!(zone("time zone: -0530"), Some(-19_800));
        assert_eq!(zone("Time (UTC): 10:15"), Some(0));
        assert_eq!(zone("Zeitzone: Asia/Tokyo"), Some(32_400));
        assert_eq!(zone("Sometimes it works"), None);
        assert_eq!(stated_zone(&[(1, "time zone: CST".to_owned())]).map(|zone| zone.is_none()), Some(true));
    }
}
