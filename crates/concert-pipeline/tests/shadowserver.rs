//! Real Shadowserver reports, with their schema file and with the built-in table.
//! `CONCERT_SAMPLES` names the folder of samples.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "all of this is a test, also what stands outside its functions"
)]

#[path = "../src/parse/check.rs"]
mod check;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use concert_model::Time;
use serde_json::Value;

fn samples() -> Option<PathBuf> {
    let folder = std::env::var_os("CONCERT_SAMPLES").map(|root| Path::new(&root).join("shadowserver"));
    if folder.is_none() {
        println!("skipped: CONCERT_SAMPLES is not set");
    }
    folder
}

/// Expected facts by file.
fn expected(folder: &Path) -> BTreeMap<String, Vec<Value>> {
    let text = std::fs::read_to_string(folder.join("expected.jsonl")).unwrap();
    let mut files: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for line in text.lines() {
        let fact: Value = serde_json::from_str(line).unwrap();
        files.entry(fact["file"].as_str().unwrap().to_owned()).or_default().push(fact);
    }
    files
}

/// The feed with the schema file of the samples.
fn with_schema(folder: &Path) -> check::Feed {
    let schema = std::fs::read_to_string(folder.join("schema.json")).unwrap();
    check::feed("shadowserver", "schema = \"schema.json\"", &|_| Ok(schema.clone()))
}

/// The event a fact speaks of.
fn event(events: &[String], fact: &Value) -> Value {
    let n = usize::try_from(fact["n"].as_u64().unwrap()).unwrap();
    serde_json::from_str(&events[n - 1]).unwrap()
}

/// Equal, where a time is the same moment however it is written.
fn same(given: &Value, want: &Value) -> bool {
    let moment = |value: &Value| Time::parse(value.as_str()?, None).ok();
    given == want || moment(given).is_some_and(|time| moment(want) == Some(time))
}

fn fields_agree(file: &str, event: &Value, want: &Value) {
    for (name, value) in want.as_object().unwrap() {
        assert!(same(&event[name], value), "{file}: {name}: {} is not {value}\n{event}", event[name]);
    }
}

/// An event has the fields that are expected, and as many others.
fn facts_agree(file: &str, event: &Value, fact: &Value) {
    fields_agree(file, event, &fact["fields"]);
    fields_agree(file, event, &fact["extra_sample"]);
    let extras = event.as_object().unwrap().keys().filter(|name| name.starts_with("extra.")).count();
    assert_eq!(extras as u64, fact["extra_count"].as_u64().unwrap(), "{file} {event}");
}

#[test]
fn reports_read_with_their_schema_give_what_is_expected() {
    let Some(folder) = samples() else { return };
    let feed = with_schema(&folder);
    for (file, facts) in expected(&folder) {
        let (events, rejects) = check::run_feed(&feed, &std::fs::read(folder.join(&file)).unwrap(), &file);
        assert!(rejects.is_empty(), "{file}: {rejects:?}");
        for fact in facts {
            if fact["record"] == "summary" {
                assert_eq!(events.len() as u64, fact["events"].as_u64().unwrap(), "{file}");
                continue;
            }
            facts_agree(&file, &event(&events, &fact), &fact);
        }
    }
}

#[test]
fn an_empty_column_without_a_converter_is_kept_and_one_with_a_converter_is_not() {
    let report = b"timestamp,ip,with,without,unmapped\n2026-06-17 00:00:01,192.0.2.1,,,\n";
    let schema = r#"{"a": {"feed_name": "A", "file_name": "scan_a",
        "required_fields": [["time.source", "timestamp", "add_UTC_to_timestamp"], ["source.ip", "ip", "validate_ip"]],
        "optional_fields": [["extra.", "with", "validate_to_none"], ["extra.", "without"], ["source.fqdn", "gone"]]}}"#;
    let feed = check::feed("shadowserver", "schema = \"schema.json\"", &|_| Ok(schema.to_owned()));
    let (events, rejects) = check::run_feed(&feed, report, "scan_a.csv");
    assert!(rejects.is_empty(), "{rejects:?}");
    let event: Value = serde_json::from_str(&events[0]).unwrap();
    assert_eq!(event["extra.without"], "");
    assert!(event.get("extra.with").is_none() && event.get("extra.unmapped").is_none(), "{event}");
}

#[test]
fn the_built_in_table_gives_what_is_expected() {
    let Some(folder) = samples() else { return };
    let mut known = 0;
    for (file, facts) in expected(&folder) {
        let (events, rejects) = check::run("shadowserver", "", &std::fs::read(folder.join(&file)).unwrap(), &file);
        assert!(rejects.is_empty(), "{file}: {rejects:?}");
        assert_eq!(events.len() as u64, facts[0]["events"].as_u64().unwrap(), "{file}");
        for fact in facts.iter().filter(|fact| fact["record"] == "event") {
            facts_agree(&file, &event(&events, fact), fact);
        }
        known += 1;
    }
    assert_eq!(known, 22);
}

#[test]
fn a_report_whose_name_says_nothing_is_known_by_its_columns() {
    let Some(folder) = samples() else { return };
    let feed = with_schema(&folder);
    let (mut told, mut unclear) = (0, 0);
    for (file, facts) in expected(&folder) {
        let bytes = std::fs::read(folder.join(&file)).unwrap();
        let named = check::run_feed(&feed, &bytes, &file);
        let nameless = check::run_feed(&feed, &bytes, "attachment.csv");
        // Some types share their columns with another; then that is said, and no event is made up.
        if nameless.0.is_empty() {
            assert!(nameless.1.len() == 1 && nameless.1[0].contains("give `report_type`"), "{file}: {:?}", nameless.1);
            unclear += 1;
        } else {
            assert_eq!(nameless.0.len() as u64, facts[0]["events"].as_u64().unwrap(), "{file}");
            told += u32::from(nameless == named);
        }
    }
    println!("{told} told by their columns, {unclear} unclear");
    assert!(told >= 10, "only {told} told by their columns, {unclear} unclear");
}
