//! Files of constituents, CSV and JSON: those that were read can be written and are read again as the same.
#![no_main]

use concert_pipeline::enrich::constituents::{Constituents, read_csv, read_json, write_csv, write_json};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let (parties, _) = read_csv("constituents.csv", bytes);
    let written = write_csv(&parties);
    let (again, problems) = read_csv("constituents.csv", written.as_bytes());
    assert!(problems.is_empty(), "{written}\n{problems:?}");
    assert_eq!(again, parties, "{written}");
    Constituents::new(parties);
    let (parties, _) = read_json("constituents.json", bytes);
    let written = write_json(&parties);
    let (again, problems) = read_json("constituents.json", written.as_bytes());
    assert!(problems.is_empty(), "{written}\n{problems:?}");
    assert_eq!(again.len(), parties.len(), "{written}");
    Constituents::new(parties);
});
