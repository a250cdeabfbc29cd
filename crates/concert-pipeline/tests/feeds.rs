//! The feeds in `examples/feeds`, each read by its settings: the small sample beside them gives just
//! the events beside it, and the real sample gives what is known of it, where `CONCERT_SAMPLES` says
//! where real samples are.

#![expect(clippy::panic, reason = "all of this is a test, also what stands outside its functions")]

#[path = "../src/parse/check.rs"]
mod check;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use concert_model::Time;
use serde_json::Value;

/// Keys of a feed that are not its parser's.
const OTHER_KEYS: &[&str] = &["name", "provider", "parser", "collect", "tlp", "documentation"];

/// Facts that are wrong: the rows go back day by day from 15-02-2019, but `09-02-2019` was read month first.
const WRONG_FACTS: &[(&str, u64, &str)] = &[("panel_table.html", 9, "time.source")];

struct Example {
    name: String,
    parser: String,
    settings: String,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/feeds")
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
}

fn examples() -> Vec<Example> {
    let entries = std::fs::read_dir(folder()).unwrap_or_else(|why| panic!("{}: {why}", folder().display()));
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "toml"));
    paths.sort();
    assert!(paths.len() >= 10, "{paths:?}");
    paths.iter().map(|path| example(path)).collect()
}

fn example(path: &Path) -> Example {
    let settings = text(path);
    assert!(settings.starts_with('#'), "{}: begins with no comment", path.display());
    let document: toml_edit::DocumentMut = settings.parse().unwrap_or_else(|why| panic!("{}: {why}", path.display()));
    let feeds = document.get("feed").and_then(|item| item.as_array_of_tables());
    let feed = feeds.and_then(|feeds| feeds.get(0)).unwrap_or_else(|| panic!("{}: no feed", path.display()));
    let word = |key: &str| feed.get(key).and_then(|item| item.as_str()).unwrap_or("").to_owned();
    let (name, parser) = (word("name"), word("parser"));
    assert_eq!(path.file_stem().and_then(|stem| stem.to_str()), Some(name.as_str()));
    assert!(feed.contains_key("collect"), "{name}: no collect");
    let mut own = toml_edit::DocumentMut::new();
    for (key, item) in feed.iter().filter(|(key, _)| !OTHER_KEYS.contains(key)) {
        own.insert(key, item.clone());
    }
    Example { name, parser, settings: own.to_string() }
}

fn objects(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|why| panic!("{line}: {why}"))).collect()
}

/// Runs the feed over bytes; rejects are not expected.
fn run(example: &Example, bytes: &[u8], name: &str) -> Vec<Value> {
    let (events, rejects) = check::run(&example.parser, &example.settings, bytes, name);
    assert_eq!(rejects, Vec::<String>::new(), "{} {name}", example.name);
    objects(&events.join("\n"))
}

#[test]
fn the_samples_beside_the_settings_give_the_events_beside_them() {
    for example in examples() {
        let file = |ending: &str| folder().join(format!("{}.{ending}", example.name));
        let bytes = std::fs::read(file("sample")).unwrap_or_else(|why| panic!("{}: {why}", example.name));
        let got = run(&example, &bytes, &format!("{}.sample", example.name));
        assert_eq!(got, objects(&text(&file("events.jsonl"))), "{}", example.name);
    }
}

#[test]
fn the_real_samples_give_what_is_known_of_them() {
    let Some(samples) = std::env::var_os("CONCERT_SAMPLES") else {
        println!("skipped: CONCERT_SAMPLES is not set");
        return;
    };
    let mut wrong = Vec::new();
    for example in examples() {
        let folder = Path::new(&samples).join("feeds").join(&example.name);
        let mut facts: BTreeMap<String, Vec<Value>> = BTreeMap::new();
        for fact in objects(&text(&folder.join("expected.jsonl"))) {
            facts.entry(fact["file"].as_str().unwrap_or("").to_owned()).or_default().push(fact);
        }
        for (file, facts) in facts {
            let bytes = std::fs::read(folder.join(&file)).unwrap_or_else(|why| panic!("{file}: {why}"));
            let events = run(&example, &bytes, &file);
            facts.iter().for_each(|fact| compare(&example.name, &file, fact, &events, &mut wrong));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Adds what differs from one known fact.
fn compare(name: &str, file: &str, fact: &Value, events: &[Value], wrong: &mut Vec<String>) {
    if let Some(count) = fact["events"].as_u64()
        && count != events.len() as u64
    {
        wrong.push(format!("{name} {file}: {} events, not {count}", events.len()));
    }
    let Some(fields) = fact["fields"].as_object() else { return };
    let index = fact["n"].as_u64().and_then(|n| usize::try_from(n).ok()?.checked_sub(1));
    let Some(event) = index.and_then(|index| events.get(index)) else {
        return wrong.push(format!("{name} {file}: no event {}", fact["n"]));
    };
    for (field, want) in fields {
        let known_wrong = WRONG_FACTS.iter().any(|(at, n, what)| *at == file && fact["n"] == *n && what == field);
        if !known_wrong && !same(field, want, &event[field]) {
            wrong.push(format!("{name} {file} event {}: {field} is {}, not {want}", fact["n"], event[field]));
        }
    }
}

/// Whether two values mean the same: times in any offset, labels in any letter case.
fn same(field: &str, want: &Value, got: &Value) -> bool {
    match (want.as_str(), got.as_str()) {
        (Some(want), Some(got)) if field.starts_with("time.") => Time::parse(want, None) == Time::parse(got, None),
        (Some(want), Some(got)) if field == "tlp" => want.eq_ignore_ascii_case(got),
        _ => want == got,
    }
}
