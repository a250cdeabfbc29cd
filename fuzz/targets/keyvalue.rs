//! AbuseHelper's lines: what is written is read back as it was.
#![no_main]

use concert_fuzz::{check, feed_named, parse};
use concert_model::Event;
use concert_pipeline::parse::keyvalue::{read_pairs, write_json, write_keyvalue, write_pair};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    for line in text.lines() {
        let Ok(pairs) = read_pairs(line) else { continue };
        let mut out = Vec::new();
        for (at, (key, value)) in pairs.iter().enumerate() {
            write_pair(key, value, at == 0, &mut out);
        }
        let written = String::from_utf8(out).expect("lines are UTF-8");
        assert!(!written.contains('\n'), "one line: {written:?}");
        assert_eq!(read_pairs(&written).as_ref(), Ok(&pairs), "{written:?}");
    }
    let mut lines = Vec::new();
    let mut each = |event: &Event<'_>| {
        check(event);
        let mut json = Vec::new();
        write_json(event, &mut json);
        serde_json::from_slice::<serde_json::Value>(&json).expect("JSON");
        write_keyvalue(event, &mut lines);
        lines.push(b'\n');
    };
    let feed = feed_named("keyvalue");
    let counts = parse(feed, text.as_bytes(), &mut each);
    let mut again = Vec::new();
    let second = parse(feed, &lines, &mut |event| {
        write_keyvalue(event, &mut again);
        again.push(b'\n');
    });
    assert_eq!(counts.events, second.events, "{}", String::from_utf8_lossy(&lines));
    assert_eq!(sorted(&again), sorted(&lines));
});

/// The pairs of each line; `extra.*` names may come in another order.
fn sorted(lines: &[u8]) -> Vec<Vec<(String, String)>> {
    let text = String::from_utf8_lossy(lines);
    let pairs = |line| {
        let mut pairs = read_pairs(line).expect("our own line");
        pairs.sort();
        pairs
    };
    text.split_terminator('\n').map(pairs).collect()
}
