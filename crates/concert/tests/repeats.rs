//! What a party is told of a problem that is seen again, stays, stops and comes back.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const SETTINGS: &str = r#"
[site]
name = "CERT Example"
email = "cert@cert.example"

[[feed]]
name = "drop"
parser = "csv"
header = true
columns = { time = "time.source", ip = "source.ip", kind = "classification.type" }

[[notice]]
name = "all"
group_by = ["classification.type"]
when = "at once"
remind_after = "7d"
clean_after = "4d"
format = "csv"
via = "outbox"

[via.outbox]
type = "file"
path = "out/"
"#;

#[expect(clippy::unwrap_used, reason = "a test that cannot set itself up must fail")]
fn concert(dir: &Path, args: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_concert")).current_dir(dir).args(args).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Takes in events of one address at these moments, as one file; gives what the notices made of it
/// say: state and count of each event.
#[expect(clippy::unwrap_used, reason = "a test that cannot read what it made must fail")]
fn seen_at(dir: &Path, name: &str, times: &[&str]) -> Vec<String> {
    let rows: String = times.iter().map(|time| format!("{time},192.0.2.1,scanner\n")).collect();
    fs::write(dir.join(name), format!("time,ip,kind\n{rows}")).unwrap();
    concert(dir, &["ingest", "--feed", "drop", name]);
    concert(dir, &["notice", "send"]);
    let mut told = Vec::new();
    let mut files: Vec<PathBuf> = fs::read_dir(dir.join("out")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let mut lines = text.lines();
        let head: Vec<&str> = lines.next().unwrap().split(',').collect();
        for line in lines {
            let cells: Vec<&str> = line.split(',').collect();
            let cell = |name: &str| head.iter().position(|one| *one == name).and_then(|at| cells.get(at).copied());
            told.push(format!("{} {}", cell("notice.state").unwrap_or(""), cell("duplicate.count").unwrap_or("")));
        }
        fs::remove_file(file).unwrap();
    }
    told
}

#[test]
fn a_notice_that_becomes_one_told_at_once_tells_what_waited() {
    let folder = tempfile::tempdir().unwrap();
    concert(folder.path(), &["init", "site"]);
    let dir = folder.path().join("site");
    fs::write(dir.join("concert.toml"), SETTINGS.replace("\"at once\"", "\"every 7d\"")).unwrap();
    assert!(seen_at(&dir, "1.csv", &["2026-01-01T00:00:00Z"]).is_empty());
    fs::write(dir.join("concert.toml"), SETTINGS).unwrap();
    assert_eq!(seen_at(&dir, "2.csv", &["2026-01-20T00:00:00Z"]), ["new ", "new "]);
}

#[test]
fn a_problem_is_told_once_reminded_of_late_and_marked_when_it_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    concert(folder.path(), &["init", "site"]);
    let dir = folder.path().join("site");
    fs::write(dir.join("concert.toml"), SETTINGS).unwrap();
    let first = ["2026-01-01T00:00:00Z", "2026-01-01T06:00:00Z", "2026-01-01T07:00:00Z"];
    assert_eq!(seen_at(&dir, "1.csv", &first), ["new 3"], "repeats of a day are one event");
    assert!(seen_at(&dir, "2.csv", &["2026-01-03T00:00:00Z"]).is_empty(), "told two days ago");
    assert!(seen_at(&dir, "3.csv", &["2026-01-06T00:00:00Z"]).is_empty(), "told five days ago");
    assert_eq!(seen_at(&dir, "4.csv", &["2026-01-08T12:00:00Z"]), ["still open "], "a reminder is due");
    assert_eq!(seen_at(&dir, "5.csv", &["2026-01-13T00:00:00Z"]), ["relapse "], "it was gone for four days");
    assert!(seen_at(&dir, "6.csv", &["2025-12-30T00:00:00Z"]).is_empty(), "this report came late");
    assert!(seen_at(&dir, "7.csv", &["2026-01-10T00:00:00Z"]).is_empty(), "this one too");
    assert_eq!(seen_at(&dir, "8.csv", &["2026-01-20T12:00:00Z"]), ["relapse "], "seen last on the 13th");
}

/// With both spans alike, whatever comes back did so later than the span: it must still be known.
#[test]
fn a_problem_that_comes_back_after_more_than_both_spans_is_a_relapse() {
    let folder = tempfile::tempdir().unwrap();
    concert(folder.path(), &["init", "site"]);
    let dir = folder.path().join("site");
    fs::write(dir.join("concert.toml"), SETTINGS.replace("\"4d\"", "\"7d\"")).unwrap();
    assert_eq!(seen_at(&dir, "1.csv", &["2026-01-01T00:00:00Z"]), ["new "]);
    assert_eq!(seen_at(&dir, "2.csv", &["2026-01-13T00:00:00Z"]), ["relapse "], "it was gone for twelve days");
}

/// After a silence longer than anything is remembered it is new, and from then on a problem like any other.
#[test]
fn a_problem_that_is_new_again_is_reminded_of_as_late_as_any_other() {
    let folder = tempfile::tempdir().unwrap();
    concert(folder.path(), &["init", "site"]);
    let dir = folder.path().join("site");
    fs::write(dir.join("concert.toml"), SETTINGS.replace("\"4d\"", "\"7d\"")).unwrap();
    assert_eq!(seen_at(&dir, "1.csv", &["2026-01-01T00:00:00Z"]), ["new "]);
    assert!(seen_at(&dir, "2.csv", &["2026-01-02T03:00:00Z"]).is_empty(), "it has a note of its own now");
    assert_eq!(seen_at(&dir, "3.csv", &["2026-02-10T00:00:00Z"]), ["new "], "nobody knows of it any more");
    assert!(seen_at(&dir, "4.csv", &["2026-02-11T03:00:00Z"]).is_empty(), "told yesterday");
    assert!(seen_at(&dir, "5.csv", &["2026-02-14T00:00:00Z"]).is_empty(), "told four days ago");
    assert_eq!(seen_at(&dir, "6.csv", &["2026-02-17T01:00:00Z"]), ["still open "], "a reminder is due");
}

#[test]
fn what_was_told_on_trial_is_told_anew_when_the_trial_is_over() {
    let folder = tempfile::tempdir().unwrap();
    concert(folder.path(), &["init", "site"]);
    let dir = folder.path().join("site");
    let settings = |text: &str| fs::write(dir.join("concert.toml"), format!("{SETTINGS}{text}")).unwrap();
    settings("");
    assert_eq!(seen_at(&dir, "0.csv", &["2025-12-20T00:00:00Z"]), ["new "]);
    let on_trial = "\n[deliver]\ndry_run = true\n";
    settings(on_trial);
    let id = |state: &str| {
        let rows = concert(&dir, &["notice", "list", "--state", state, "--format", "ndjson"]);
        let row: serde_json::Value = serde_json::from_str(rows.lines().next().unwrap()).unwrap();
        row["id"].as_str().unwrap().to_owned()
    };
    let other = |day: u32, hour: u32| {
        let (name, time) = (format!("b-{day}-{hour}.csv"), format!("2026-01-{day:02}T{hour:02}:00:00Z"));
        fs::write(dir.join(&name), format!("time,ip,kind\n{time},192.0.2.9,phishing\n")).unwrap();
        concert(&dir, &["ingest", "--feed", "drop", &name]);
        concert(&dir, &["notice", "send"]);
    };
    // A relapse of what the party knows, and a problem that it does not.
    assert!(seen_at(&dir, "1.csv", &["2026-01-01T00:00:00Z"]).is_empty(), "told on trial");
    other(1, 0);
    let first = id("delivered");
    assert_eq!(concert(&dir, &["notice", "list", "--format", "ndjson"]).lines().count(), 3);
    other(3, 0);
    assert_eq!(concert(&dir, &["notice", "list", "--format", "ndjson"]).lines().count(), 3, "a trial remembers too");
    settings("");
    fs::write(dir.join("b-5.csv"), "time,ip,kind\n2026-01-05T00:00:00Z,192.0.2.9,phishing\n").unwrap();
    concert(&dir, &["ingest", "--feed", "drop", "b-5.csv"]);
    assert_eq!(seen_at(&dir, "2.csv", &["2026-01-03T00:00:00Z"]), ["new ", "still open "]);
    assert!(seen_at(&dir, "3.csv", &["2026-01-05T00:00:00Z"]).is_empty(), "told two days ago");
    other(7, 0);
    assert!(seen_at(&dir, "4.csv", &["2026-01-06T12:00:00Z"]).is_empty(), "both were told in earnest");
    // What is sent again by hand is told in earnest too.
    settings(on_trial);
    fs::write(dir.join("c.csv"), "time,ip,kind\n2026-01-05T00:00:00Z,192.0.2.77,spam\n").unwrap();
    concert(&dir, &["ingest", "--feed", "drop", "c.csv"]);
    concert(&dir, &["notice", "send"]);
    settings("");
    assert_ne!(id("delivered"), first, "the newest comes first");
    concert(&dir, &["notice", "resend", &id("delivered")]);
    assert_eq!(seen_at(&dir, "5.csv", &["2026-01-06T13:00:00Z"]), ["new "]);
    fs::write(dir.join("d.csv"), "time,ip,kind\n2026-01-07T00:00:00Z,192.0.2.77,spam\n").unwrap();
    concert(&dir, &["ingest", "--feed", "drop", "d.csv"]);
    assert!(seen_at(&dir, "6.csv", &["2026-01-07T13:00:00Z"]).is_empty());
}

/// Days of a backlog that come together are told as they would have been one by one.
#[test]
fn of_several_days_in_one_report_a_reminder_is_told_when_it_is_due() {
    let folder = tempfile::tempdir().unwrap();
    concert(folder.path(), &["init", "site"]);
    let dir = folder.path().join("site");
    fs::write(dir.join("concert.toml"), SETTINGS).unwrap();
    let days =
        |from: u32| -> Vec<String> { (from..from + 7).map(|day| format!("2026-01-{day:02}T00:00:00Z")).collect() };
    let told = |name: &str, from: u32| {
        let days = days(from);
        seen_at(&dir, name, &days.iter().map(String::as_str).collect::<Vec<_>>())
    };
    assert_eq!(told("1.csv", 1), ["new "]);
    assert_eq!(told("2.csv", 8), ["still open "]);
    assert_eq!(told("3.csv", 15), ["still open "]);
}
