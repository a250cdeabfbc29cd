//! The whole program killed at many moments: no event is lost or doubled, in the store or in a notice.
//!
//! Files come while `concert run` works and is killed (SIGKILL) again and again. Afterwards every event
//! must be stored once, and be in one notice of each kind: of one told at the end of each report, and of
//! one told by the clock or as soon as some events wait.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

const SETTINGS: &str = r#"
[[feed]]
name = "drop"
parser = "ndjson"
collect = { type = "file", path = "in/", pattern = "*.jsonl", every = "20ms", settle = "10ms" }

[[notice]]
name = "of reports"
group_by = ["source.asn"]
columns = ["source.ip"]
via = "reports"

[[notice]]
name = "by the clock"
group_by = ["source.asn"]
when = "every 1s"
or_at_events = 300
columns = ["source.ip"]
via = "clock"

[via.reports]
type = "file"
path = "reports/"

[via.clock]
type = "file"
path = "clock/"
"#;

/// Rows of the reports: few go to the journal, many become a file, and the largest takes a while.
const ROWS: [u32; 4] = [3, 400, 2_500, 9_000];
/// After so many milliseconds the program is killed.
const KILLED_AFTER: [u64; 10] = [30, 60, 90, 130, 180, 250, 350, 500, 800, 1_300];
/// Times that everything due is done at the end; once is not enough where a clock must come round.
const ROUNDS_MAX: usize = 8;

fn concert(site: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_concert"));
    command.args(args).arg("--site").arg(site).stdin(Stdio::null()).stderr(Stdio::null());
    command
}

/// Puts a report into the folder, whole. Every row is an address of its own.
#[expect(clippy::unwrap_used, reason = "a test that cannot set itself up must fail")]
fn put(site: &Path, number: usize, rows: u32, expected: &mut Vec<String>) {
    let mut text = String::new();
    for row in 0..rows {
        let address = format!("10.{number}.{}.{}", row / 250, row % 250);
        let asn = 64_496 + row % 15;
        text += &format!(r#"{{"source.ip":"{address}","source.asn":{asn},"classification.type":"scanner"}}"#);
        text.push('\n');
        expected.push(address);
    }
    let part = site.join("in/.part");
    fs::write(&part, text).unwrap();
    fs::rename(part, site.join(format!("in/{number}.jsonl"))).unwrap();
}

/// The addresses in all notices of a folder.
#[expect(clippy::unwrap_used, reason = "a folder that cannot be read must fail the test")]
fn told(folder: &PathBuf) -> Vec<String> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let notices = files.filter(|path| path.extension().is_some_and(|ending| ending == "csv"));
    let texts = notices.map(|path| fs::read_to_string(path).unwrap());
    let last = |line: &str| line.rsplit(',').next().unwrap_or_default().to_owned();
    texts.flat_map(|text| text.lines().skip(1).map(last).collect::<Vec<_>>()).collect()
}

/// What is missing from the expected, or there more than once; a few of them.
fn wrong(found: &[String], expected: &[String]) -> Vec<String> {
    let mut counts: BTreeMap<&str, i64> = expected.iter().map(|one| (one.as_str(), 0)).collect();
    found.iter().for_each(|one| *counts.entry(one).or_default() += 1);
    let bad = counts.into_iter().filter(|(_, count)| *count != 1);
    bad.take(5).map(|(address, count)| format!("{address} {count} times")).collect()
}

#[test]
fn a_kill_at_any_moment_neither_loses_nor_doubles_an_event() {
    let folder = tempfile::tempdir().unwrap();
    let site = folder.path().join("site");
    let made = Command::new(env!("CARGO_BIN_EXE_concert")).arg("init").arg(&site).output().unwrap();
    assert!(made.status.success());
    fs::write(site.join("concert.toml"), SETTINGS).unwrap();

    let mut expected = Vec::new();
    for (number, after) in KILLED_AFTER.iter().enumerate() {
        put(&site, 2 * number, ROWS[number % 4], &mut expected);
        put(&site, 2 * number + 1, ROWS[(number + 2) % 4], &mut expected);
        let mut running = concert(&site, &["run", "--quiet"]).spawn().unwrap();
        sleep(Duration::from_millis(*after));
        running.kill().unwrap();
        running.wait().unwrap();
    }
    for _ in 0..ROUNDS_MAX {
        assert!(concert(&site, &["run", "--once", "--quiet"]).status().unwrap().success());
        if told(&site.join("clock")).len() >= expected.len() {
            break;
        }
        sleep(Duration::from_secs(1));
    }

    let all = ["events", "--limit", "0", "--format", "csv", "--fields", "source.ip"];
    let events = concert(&site, &all).output().unwrap().stdout;
    let stored: Vec<String> = String::from_utf8(events).unwrap().lines().skip(1).map(str::to_owned).collect();
    assert_eq!(wrong(&stored, &expected), Vec::<String>::new(), "in the store");
    for folder in ["reports", "clock"] {
        assert_eq!(wrong(&told(&site.join(folder)), &expected), Vec::<String>::new(), "in {folder}/");
    }
    assert!(concert(&site, &["verify"]).status().unwrap().success());
}
