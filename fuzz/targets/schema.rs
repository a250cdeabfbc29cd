//! Shadowserver's schema file and a report read with it: what the file says that means nothing here is
//! told, and whatever columns it makes, events are ones that others can read. The input is the file, a
//! NUL, and the report.
#![no_main]

use concert_fuzz::{Feed, check, feed_named, parse};
use concert_pipeline::parse::shadowserver::Shadowserver;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let at = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let Ok(schema) = std::str::from_utf8(&bytes[..at]) else { return };
    let parser = match Shadowserver::with_schema(schema) {
        Ok(parser) => Box::new(parser),
        Err(why) => return assert!(!why.is_empty()),
    };
    let fixed = feed_named("shadowserver").fixed.clone();
    let feed = Feed { parser_name: "shadowserver", parser, fixed, file_name: "2026-06-17-a.csv" };
    parse(&feed, bytes.get(at + 1..).unwrap_or_default(), &mut check);
});
