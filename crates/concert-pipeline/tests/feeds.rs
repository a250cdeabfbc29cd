//! Feeds that need no parser of their own: each `examples/feeds/*.toml` reads its made-up sample beside
//! it, and the real one where `CONCERT_SAMPLES` names a folder of samples.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "all of this is a test, also what stands outside its functions"
)]

#[path = "../src/parse/check.rs"]
mod check;

use std::path::{Path, PathBuf};

use concert_model::Time;
use serde_json::Value;

/// Keys of a feed that are not its parser's. The program reads them.
const OTHER_KEYS: &[&str] = &["name", "provider", "parser", "tlp", "collect", "documentation", "stale_after", "expect"];

/// Facts that are wrong: the rows go back day by day from 15-02-2019, but `09-02-2019` was read month first.
const WRONG_FACTS: &[(&str, u64, &str)] = &[("panel_table.html", 9, "time.source")];

/// One `[[feed]]` of an example.
struct Example {
    name: String,
    /// The names of the files it collects.
    pattern: String,
    parser: String,
    settings: String,
}

fn examples() -> Vec<(PathBuf, Vec<Example>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/feeds");
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.retain(|path| path.extension().is_some_and(|ending| ending == "toml"));
    found.sort();
    found.into_iter().map(|path| (path.clone(), feeds(&path))).collect()
}

fn feeds(path: &Path) -> Vec<Example> {
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.starts_with('#'), "{}: begins with no comment", path.display());
    let document: toml_edit::DocumentMut = text.parse().unwrap_or_else(|why| panic!("{}: {why}", path.display()));
    let tables = document["feed"].as_array_of_tables().unwrap();
    let feed = |table: &toml_edit::Table| {
        let mut settings = toml_edit::DocumentMut::new();
        for (key, item) in table.iter().filter(|(key, _)| !OTHER_KEYS.contains(key)) {
            settings[key] = toml_edit::value(item.clone().into_value().unwrap());
        }
        let word = |key: &str| table[key].as_str().unwrap().to_owned();
        let pattern = table["collect"].get("pattern").and_then(toml_edit::Item::as_str).unwrap_or("*").to_owned();
        Example { name: word("name"), pattern, parser: word("parser"), settings: settings.to_string() }
    };
    tables.iter().map(feed).collect()
}

fn run(example: &Example, bytes: &[u8], file: &str) -> (Vec<Value>, Vec<String>) {
    let (events, rejects) = check::run(&example.parser, &example.settings, bytes, file);
    (events.iter().map(|event| serde_json::from_str(event).unwrap()).collect(), rejects)
}

fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// `NAME.sample` gives `NAME.events.jsonl`, where `NAME` is the feed's. A reject is a line
/// `{"reject": "line field: reason"}` behind the events.
#[test]
fn made_up_samples_give_what_is_beside_them() {
    let mut count = 0;
    for (path, feeds) in examples() {
        for example in feeds {
            let beside = |ending: &str| path.with_file_name(format!("{}.{ending}", example.name));
            let bytes = std::fs::read(beside("sample")).unwrap_or_else(|why| panic!("{}: {why}", example.name));
            let (mut given, rejects) = run(&example, &bytes, "sample");
            given.extend(rejects.iter().map(|reject| serde_json::json!({ "reject": reject })));
            let text = || given.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
            assert_eq!(given, lines(&beside("events.jsonl")), "{}:\n{}", example.name, text());
            count += 1;
        }
    }
    assert!(count >= 15, "{count}");
}

#[test]
fn real_samples_give_what_is_expected() {
    let Some(root) = std::env::var_os("CONCERT_SAMPLES") else {
        println!("skipped: CONCERT_SAMPLES is not set");
        return;
    };
    for (path, feeds) in examples() {
        let folder = Path::new(&root).join("feeds").join(path.file_stem().unwrap());
        if !folder.exists() {
            println!("no real sample for {}", path.display());
            continue;
        }
        let facts = lines(&folder.join("expected.jsonl"));
        for summary in facts.iter().filter(|fact| fact["record"] == "summary") {
            let file = summary["file"].as_str().unwrap();
            let fits = |example: &&Example| match example.pattern.split_once('*') {
                Some((start, end)) => file.starts_with(start) && file.ends_with(end),
                None => file == example.pattern,
            };
            let example = feeds.iter().find(fits).unwrap_or_else(|| panic!("{}: no feed for {file}", path.display()));
            let (events, rejects) = run(example, &std::fs::read(folder.join(file)).unwrap(), file);
            assert_eq!(events.len() as u64, summary["events"].as_u64().unwrap(), "{file}: {rejects:?}");
            let bad = summary["rows_without_valid_time"].as_array().map_or(0, Vec::len) as u64;
            let bad = bad + summary["invalid_lines"].as_u64().unwrap_or(0);
            assert_eq!(rejects.len() as u64, bad, "{file}: {rejects:?}");
            for fact in facts.iter().filter(|fact| fact["file"] == file && fact["record"] == "event") {
                let event = &events[usize::try_from(fact["n"].as_u64().unwrap()).unwrap() - 1];
                for (name, want) in fact["fields"].as_object().unwrap() {
                    let wrong = WRONG_FACTS.iter().any(|(at, n, what)| *at == file && fact["n"] == *n && what == name);
                    assert!(
                        wrong || same(&event[name], want),
                        "{file}: {name} is {}, not {want}\n{event}",
                        event[name]
                    );
                }
            }
        }
    }
}

/// Equal, where a time is the same moment however it is written, and labels have any letter case.
fn same(given: &Value, want: &Value) -> bool {
    let moment = |value: &Value| Time::parse(value.as_str()?, None).ok();
    let label = |value: &Value| Some(concert_model::taxonomy::tlp(value.as_str()?)?.to_owned());
    given == want
        || moment(given).is_some_and(|time| moment(want) == Some(time))
        || label(given).is_some_and(|text| label(want) == Some(text))
}
