//! When notices go: words and cron patterns.
#![no_main]

use concert_pipeline::group::schedule::When;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    for problem in [When::parse(text).err(), When::parse_cron(text).err()].into_iter().flatten() {
        assert!(!problem.what.is_empty() && !problem.hint.is_empty(), "{problem}");
    }
});
