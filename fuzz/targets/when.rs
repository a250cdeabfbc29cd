//! When notices go: words and cron patterns. What was read comes due again after any moment, also where
//! clocks are put forward or back.
#![no_main]

use concert_model::Time;
use concert_pipeline::group::schedule::When;
use jiff::tz::TimeZone;
use libfuzzer_sys::fuzz_target;

/// Around clock changes in Finland, and on an island that left out a whole day.
const MOMENTS: [i64; 4] = [1_774_747_800, 1_792_886_400, 1_325_239_200, 1_795_323_030];
const ZONES: [&str; 3] = ["Europe/Helsinki", "Pacific/Apia", "UTC"];

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    for read in [When::parse(text), When::parse_cron(text)] {
        match read {
            Ok(when) => due(&when, text),
            Err(problem) => assert!(!problem.what.is_empty() && !problem.hint.is_empty(), "{problem}"),
        }
    }
});

fn due(when: &When, text: &str) {
    for zone in ZONES.into_iter().filter_map(|name| TimeZone::get(name).ok()) {
        for after in MOMENTS.map(|seconds| Time(seconds * 1_000_000)) {
            let next = when.next(after, &zone);
            assert!(next > after || when.is_at_once(), "{text}: {next} after {after}");
        }
    }
}
