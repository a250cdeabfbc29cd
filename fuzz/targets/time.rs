//! Times as feeds write them: what is read can be written, and read again as the same moment. The first
//! byte chooses the zone.
#![no_main]

use concert_model::Time;
use jiff::tz::TimeZone;
use libfuzzer_sys::fuzz_target;

const ZONES: &[&str] = &["Europe/Helsinki", "America/St_Johns", "Pacific/Apia", "Asia/Kathmandu"];

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, rest)) = bytes.split_first() else { return };
    let Ok(text) = std::str::from_utf8(rest) else { return };
    let zone = match usize::from(*choice) % (ZONES.len() + 2) {
        0 => None,
        1 => Some(TimeZone::UTC),
        at => TimeZone::get(ZONES[at - 2]).ok(),
    };
    let Ok(time) = Time::parse(text, zone.as_ref()) else { return };
    let written = time.to_string();
    assert_eq!(Time::parse(&written, None), Ok(time), "{text} was written as {written}");
    assert!(written.starts_with(&time.date_text()), "{written}");
    // The calendar of `jiff` ends a day before ours.
    let known = time.timestamp() != jiff::Timestamp::MAX && time.timestamp() != jiff::Timestamp::MIN;
    assert!(!known || time.timestamp().as_microsecond() == time.0, "{written}");
});
