//! What was taken in, as a user meets it again: events, feeds, notices, and whether it is all intact.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

#[path = "support/ended.rs"]
mod ended;

use ended::{Ended, run};

const SETTINGS: &str = r#"
[site]
name = "CERT Example"
email = "cert@cert.example"
time_zone = "UTC"

[[feed]]
name = "drop"
parser = "csv"
delimiter = ","
header = true
columns = { time = "time.source", ip = "source.ip", asn = "source.asn", kind = "classification.type" }
time_zone = "UTC"
collect = { type = "file", path = "in/", pattern = "*.csv", mode = "drop" }

[[notice]]
name = "per network"
group_by = ["source.asn"]
when = "at once"
format = "csv"
via = "outbox"

[[notice]]
name = "responsible"
to = "responsible"
when = "at once"
format = "csv"
via = "mail"

[[notice]]
name = "monthly"
group_by = ["classification.type"]
when = "at 06:00 on mon"
format = "csv"
via = "outbox"

[via.outbox]
type = "file"
path = "out/"

[via.mail]
type = "smtp"
host = "127.0.0.1"
port = 1
tls = "off"
"#;

/// Events of the first file: enough for an event file of their own. The second goes to the journal.
const MANY: u32 = 2_500;
/// Networks they are spread over.
const NETWORKS: u32 = 5;

struct Site {
    folder: tempfile::TempDir,
}

impl Site {
    /// A site that took in a large and a small file, with repeats and a reject.
    #[expect(clippy::unwrap_used, reason = "a test that cannot set itself up must fail")]
    fn new() -> Self {
        let site = Self { folder: tempfile::tempdir().unwrap() };
        assert_eq!(run(site.dir().parent().unwrap(), &["init", "site"]).0, 0);
        fs::write(site.dir().join("concert.toml"), SETTINGS).unwrap();
        // The first start gives each kind of notice the place it begins at.
        assert_eq!(site.concert(&["run", "--once", "--quiet"]).0, 0);
        let row = |number: u32, second: u32| {
            let address = std::net::Ipv4Addr::from_bits(0xc612_0000 + number);
            let kind = if number.is_multiple_of(3) { "scanner" } else { "brute-force" };
            format!("2026-11-21T10:{:02}:{second:02}Z,{address},{},{kind}\n", number % 60, 64_500 + number % NETWORKS)
        };
        let head = "time,ip,asn,kind\n".to_owned();
        let many: String = (0..MANY).map(|number| row(number, 0)).collect();
        let repeats: String = (0..7).map(|number| row(number, 30)).collect();
        let few: String = (MANY..MANY + 10).map(|number| row(number, 0)).collect();
        let reject = "2026-11-21T10:00:00Z,nonsense,64500,scanner\n";
        fs::write(site.path("many.csv"), head.clone() + &many + &repeats + reject).unwrap();
        fs::write(site.path("few.csv"), head + &few).unwrap();
        let (code, out, err) = site.concert(&["ingest", "--feed", "drop", "--format", "json", "many.csv", "few.csv"]);
        assert_eq!(code, 0, "{err}");
        let counts: Value = serde_json::from_str(&out).unwrap();
        let found = ["events", "duplicates", "rejects"].map(|name| counts.get(name).and_then(Value::as_u64));
        assert_eq!(found, [Some(u64::from(MANY) + 10), Some(7), Some(1)], "{out}");
        site
    }

    fn dir(&self) -> PathBuf {
        self.folder.path().join("site")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir().join(name)
    }

    fn concert(&self, args: &[&str]) -> Ended {
        run(&self.dir(), args)
    }

    /// The rows of a command that ends well.
    #[expect(clippy::unwrap_used, reason = "a row that is not JSON must fail the test")]
    fn rows(&self, args: &[&str]) -> Vec<Value> {
        let (code, out, err) = self.concert(args);
        assert_eq!(code, 0, "{args:?}: {err}");
        out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

#[test]
fn events_are_shown_chosen_and_counted() {
    let site = Site::new();
    let all = site.rows(&["events", "--limit", "0"]);
    assert_eq!(all.len(), MANY as usize + 10);
    let seen_again: Vec<&Value> = all.iter().filter(|event| event.get("duplicate.count").is_some()).collect();
    assert_eq!(seen_again.len(), 7);
    for event in &seen_again {
        assert_eq!(event["duplicate.count"], 2, "{event}");
        assert!(event["time.last_seen"].as_str().unwrap().ends_with(":30Z"), "{event}");
    }
    let mut ids: Vec<&str> = all.iter().filter_map(|event| event["event.id"].as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all.len(), "every event has its own number");
    // Newest received first: the small file came last.
    let newest = site.rows(&["events", "--limit", "10"]);
    assert!(newest.iter().all(|event| event["source.ip"].as_str().unwrap() >= "198.18.9.196"), "{newest:?}");
    let (_, out, err) = site.concert(&["events", "--format", "table"]);
    assert_eq!(out.lines().count(), 101);
    assert!(err.contains("only the first 100"), "{err}");
    let one = site.rows(&["events", "source.ip == \"198.18.0.3\"", "--limit", "20000"]);
    assert_eq!((one.len(), &one[0]["duplicate.count"]), (1, &Value::from(2)));
    // How often they came again, and what tells them apart, can be asked for.
    let again = site.rows(&["events", "duplicate.count > 1 && time.last_seen > \"2020-01-01T00:00:00Z\""]);
    assert_eq!(again.len(), 7);
    assert!(again.iter().all(|event| event["duplicate.count"] == 2), "{again:?}");
    let once = site.rows(&["events", "!has(duplicate.count)", "--limit", "0"]);
    assert_eq!(once.len(), all.len() - 7);
    let counted = site.rows(&["events", "--count-by", "duplicate.count"]);
    assert!(counted.contains(&serde_json::json!({"duplicate.count": 2, "count": 7})), "{counted:?}");
    let (id, report) = (again[0]["event.id"].as_str().unwrap(), again[0]["report.id"].as_str().unwrap());
    let named = site.rows(&["events", &format!("event.id == \"{id}\" && report.id in [\"{report}\"]")]);
    assert_eq!(named, again[..1]);
    let some =
        site.rows(&["events", "--since", "2026-11-21T10:59:00Z", "--until", "2026-11-21T11:00:00Z", "--limit", "0"]);
    let want = all.iter().filter(|event| event["time.source"].as_str().unwrap() >= "2026-11-21T10:59").count();
    assert_eq!(some.len(), want);
    assert_eq!(site.rows(&["events", "--since", "2099-01-01"]), Vec::<Value>::new());
    let (_, csv, _) = site.concert(&["events", "--format", "csv", "--fields", "source.ip,extra.x", "--limit", "1"]);
    assert!(csv.starts_with("source.ip,extra.x\r\n198.18."), "{csv}");
}

#[test]
fn counting_agrees_with_the_events_and_with_duckdb() {
    let site = Site::new();
    let by = "source.asn,classification.type";
    let counted = site.rows(&["events", "--count-by", by]);
    let mut want: BTreeMap<(i64, String), i64> = BTreeMap::new();
    for event in site.rows(&["events", "--limit", "0"]) {
        let kind = event["classification.type"].as_str().unwrap().to_owned();
        *want.entry((event["source.asn"].as_i64().unwrap(), kind)).or_default() += 1;
    }
    let as_map = |rows: &[Value]| -> BTreeMap<(i64, String), i64> {
        let key =
            |row: &Value| (row["source.asn"].as_i64().unwrap(), row["classification.type"].as_str().unwrap().into());
        rows.iter().map(|row| (key(row), row["count"].as_i64().unwrap())).collect()
    };
    assert_eq!(as_map(&counted), want);
    let counts: Vec<i64> = counted.iter().map(|row| row["count"].as_i64().unwrap()).collect();
    assert!(counts.is_sorted_by(|a, b| a >= b), "{counts:?}");
    let (code, view, _) = site.concert(&["sql", "--print-view"]);
    assert!(code == 0 && view.contains("CREATE VIEW events") && view.contains(".parquet'"), "{view}");
    let query = "SELECT \"source.asn\", \"classification.type\", count(*) AS count FROM events GROUP BY ALL";
    let (code, out, err) = site.concert(&["sql", query, "--format", "ndjson"]);
    if err.contains("DuckDB is not installed") {
        assert_eq!(code, 3);
        return eprintln!("skipped: neither `duckdb` nor its Python module is installed");
    }
    assert_eq!(code, 0, "{err}");
    let rows: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(as_map(&rows), want);
    // How often an event came, and when last, is what `concert events` says.
    let query =
        "SELECT \"event.id\", \"duplicate.count\", epoch(\"time.last_seen\")::BIGINT AS last FROM events ORDER BY 1";
    let (code, out, err) = site.concert(&["sql", query, "--format", "ndjson"]);
    assert_eq!(code, 0, "{err}");
    let last = |text: &Value| text.as_str().map(|text| concert_model::Time::parse(text, None).unwrap().seconds());
    let mut want: Vec<_> = site.rows(&["events", "--limit", "0"]);
    want.sort_by_key(|event| event["event.id"].as_str().unwrap().to_owned());
    let want: Vec<_> = want
        .iter()
        .map(|event| (event["event.id"].clone(), event["duplicate.count"].as_i64(), last(&event["time.last_seen"])))
        .collect();
    let rows: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let found: Vec<_> = rows
        .iter()
        .map(|row| (row["event.id"].clone(), row["duplicate.count"].as_i64(), row["last"].as_i64()))
        .collect();
    assert_eq!(found, want);
    assert_eq!(found.iter().filter(|(_, count, _)| *count == Some(2)).count(), 7);
    let query = "SELECT count(*) AS n, count(DISTINCT problem) AS problems FROM repeats";
    let (_, out, _) = site.concert(&["sql", query, "--format", "ndjson"]);
    assert_eq!(out.trim().replace(' ', ""), r#"{"n":7,"problems":7}"#);
    let (code, out, _) = site.concert(&["sql", "SELECT \"event.id\" FROM events LIMIT 1", "--format", "csv"]);
    let id = out.lines().nth(1).unwrap_or_default();
    assert_eq!((code, id.len()), (0, 32), "{out}");
    assert_eq!(site.rows(&["events", "--limit", "0"]).iter().filter(|event| event["event.id"] == id).count(), 1);
    let query =
        "SELECT '=1+1' AS \"@a\", -5 AS number, '+49 30 1' AS telephone, -0.5::DOUBLE AS part, 'a,\"b\"' AS text";
    let (code, out, err) = site.concert(&["sql", query, "--format", "csv"]);
    assert_eq!(code, 0, "{err}");
    let want = ["\"'@a\",number,telephone,part,text", "\"'=1+1\",-5,\"'+49 30 1\",-0.5,\"a,\"\"b\"\"\""];
    assert_eq!(out.lines().collect::<Vec<_>>(), want);
    assert_eq!(site.concert(&["sql", "SELECT nonsense FROM events"]).0, 2);
}

/// What `concert events` finds is what DuckDB finds in the same files: by conditions of each kind, by times, and by both.
#[test]
fn questions_have_the_answers_that_duckdb_has() {
    let site = Site::new();
    let times = ["--since", "2026-11-21T10:20:00Z", "--until", "2026-11-21T10:40:00Z"];
    let within = "\"time.source\" >= '2026-11-21T10:20:00Z' AND \"time.source\" < '2026-11-21T10:40:00Z'";
    let in_network = "starts_with(\"source.ip\", '198.18.9.')";
    let both = format!("{within} AND \"source.asn\" = 64501");
    let questions: &[(&[&str], &str)] = &[
        (&[], "true"),
        (&times, within),
        (&["source.asn == 64501"], "\"source.asn\" = 64501"),
        (&["source.asn == 64501", times[0], times[1], times[2], times[3]], &both),
        (&["source.asn in [64500, 64503, 1]"], "\"source.asn\" IN (64500, 64503, 1)"),
        (
            &["source.asn > 64502 && !(classification.type == \"scanner\")"],
            "\"source.asn\" > 64502 AND \"classification.type\" <> 'scanner'",
        ),
        (&["cidr(source.ip, \"198.18.9.0/24\")"], in_network),
        (
            &["source.ip == \"198.18.0.7\" || source.ip == \"198.18.9.200\""],
            "\"source.ip\" IN ('198.18.0.7', '198.18.9.200')",
        ),
        (&["classification.type.startsWith(\"brute\")"], "starts_with(\"classification.type\", 'brute')"),
        (&["time.source > \"2026-11-21T10:58:00Z\""], "\"time.source\" > '2026-11-21T10:58:00Z'"),
        (&["has(malware.name)"], "\"malware.name\" IS NOT NULL"),
        (&["malware.name != \"x\""], "\"malware.name\" <> 'x'"),
        (&["feed.name == \"drop\""], "\"feed.name\" = 'drop'"),
    ];
    let (mut found, mut none) = (0, 0);
    for (words, condition) in questions {
        let query =
            format!("SELECT \"event.id\", \"source.ip\", \"source.asn\" FROM events WHERE {condition} ORDER BY 1");
        let (code, out, err) = site.concert(&["sql", &query, "--format", "ndjson"]);
        if err.contains("DuckDB is not installed") {
            return eprintln!("skipped: neither `duckdb` nor its Python module is installed");
        }
        assert_eq!(code, 0, "{condition}: {err}");
        let facts = |row: &Value| ["event.id", "source.ip", "source.asn"].map(|name| row[name].clone().to_string());
        let want: Vec<_> = out
            .lines()
            .filter(|line| !line.trim().is_empty())
            .map(|line| facts(&serde_json::from_str(line).unwrap()))
            .collect();
        let mut rows: Vec<_> = site.rows(&[&["events", "--limit", "0"], *words].concat()).iter().map(facts).collect();
        rows.sort_unstable();
        assert_eq!(rows, want, "{words:?}");
        if want.is_empty() { none += 1 } else { found += 1 }
    }
    assert_eq!((found, none), (11, 2));
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let site = Site::new();
    let mut child = Command::new(env!("CARGO_BIN_EXE_concert"))
        .args(["events", "--limit", "0"])
        .current_dir(site.dir())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut start = [0u8; 10];
    child.stdout.take().unwrap().read_exact(&mut start).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap().as_str()), (Some(0), ""));
}

#[test]
fn feeds_tell_how_they_do() {
    let site = Site::new();
    let rows = site.rows(&["feed", "list"]);
    assert_eq!(rows.len(), 1);
    let want = [("name", "drop"), ("collector", "file"), ("parser", "csv"), ("state", "good")];
    assert!(want.iter().all(|(name, value)| rows[0][name] == *value), "{rows:?}");
    assert_eq!((&rows[0]["reports"], &rows[0]["rejects"]), (&Value::from(2), &Value::from(1)));
    // A feed that began today is not measured by what a day brings.
    assert_eq!((&rows[0]["stale"], &rows[0]["remark"]), (&Value::from(false), &Value::Null));
    assert!(rows[0]["events_day"].as_u64().is_some_and(|events| events > 0), "{rows:?}");
    // What the settings say of a time of their own is measured by that time.
    let expecting = |expect: &str| {
        let settings = SETTINGS.replace("parser = \"csv\"", &format!("parser = \"csv\"\nexpect = {expect}"));
        assert_ne!(settings, SETTINGS);
        fs::write(site.dir().join("concert.toml"), settings).unwrap();
        site.rows(&["feed", "list"])[0]["remark"].as_str().unwrap_or_default().to_owned()
    };
    let many = expecting("{ at_least = 3, at_most = 5, every = \"90m\" }");
    assert_eq!(many, format!("{} events in 90 minutes where at most 5 are expected", MANY + 10));
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    let few = expecting("{ at_least = 3, at_most = 5, every = \"1s\" }");
    assert_eq!(few, "0 events in 1 second where at least 3 are expected");
    assert_eq!(expecting("{ at_least = 3, at_most = 900000, every = \"90m\" }"), "");
    let (code, out, _) = site.concert(&["feed", "show", "drop", "--format", "json"]);
    let shown: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &shown["stale"]), (0, &Value::from(false)));
    assert_eq!(shown["newest_rejects"][0]["field"], "source.ip");
    let reports = shown["newest_reports"].as_array().unwrap();
    let whose = reports.iter().find(|report| report["id"] == shown["newest_rejects"][0]["report"]).unwrap();
    assert_eq!(whose["rejects"], 1);
    assert_eq!(shown["newest_reports"].as_array().unwrap().len(), 2);
    let (_, out, _) = site.concert(&["feed", "show", "drop", "--format", "table"]);
    assert!(out.contains("\nnewest rejects\n") && out.contains("not an IP address"), "{out}");
    fs::write(site.path("in/new.csv"), "time,ip,asn,kind\n2026-11-21T12:00:00Z,192.0.2.7,64499,scanner\n").unwrap();
    // A file counts as complete once it has stopped changing, so the first look may find it too new.
    let pulled = (0..2).flat_map(|_| site.rows(&["feed", "pull", "drop", "--quiet"])).map(|row| row["events"].as_u64());
    assert_eq!(pulled.flatten().sum::<u64>(), 1);
    let (code, _, err) = site.concert(&["feed", "show", "dorp"]);
    assert_eq!(code, 2);
    assert!(err.contains("did you mean `drop`?"), "{err}");
}

#[test]
fn notices_are_listed_shown_sent_and_tried_again() {
    let site = Site::new();
    let all = site.rows(&["notice", "list", "--limit", "0"]);
    let in_state = |state: &str| all.iter().filter(|row| row["state"] == state).collect::<Vec<_>>();
    // Five networks in each of two files; one notice without contact each; two kinds gathered.
    assert_eq!((in_state("queued").len(), in_state("no-contact").len(), in_state("waiting").len()), (10, 2, 2));
    let waiting: u64 = in_state("waiting").iter().filter_map(|row| row["events"].as_u64()).sum();
    assert_eq!(waiting, u64::from(MANY) + 10);
    assert_eq!(site.rows(&["notice", "list", "--state", "waiting", "--name", "monthly"]).len(), 2);
    let preview = site.rows(&["notice", "preview", "monthly"]);
    assert_eq!(preview.len(), 2);
    let (_, text, _) = site.concert(&["notice", "preview", "monthly", "--text", "--limit", "1"]);
    assert!(text.contains("Subject: ") && text.contains("event.id,"), "{text}");
    let objects = site.rows(&["notice", "preview", "monthly", "--text", "--limit", "1", "--format", "ndjson"]);
    let [object] = objects.as_slice() else { panic!("{objects:?}") };
    let says = |member: &str, word: &str| object[member].as_str().is_some_and(|text| text.contains(word));
    assert!(says("subject", "event") && says("text", "What was reported:") && says("content", "event.id,"), "{object}");
    let id = in_state("queued")[0]["id"].as_str().unwrap();
    let (code, raw, _) = site.concert(&["notice", "show", id, "--raw"]);
    assert!(code == 0 && raw.starts_with("event.id,"), "{raw}");
    let shown = &site.rows(&["notice", "show", id])[0];
    assert_eq!(shown["told"].as_array().map(Vec::len), shown["events"].as_u64().map(|count| count.min(100) as usize));
    let (_, lines, _) = site.concert(&["notice", "show", id, "--format", "table"]);
    assert!(lines.contains("\ntext\n  Hello") && lines.contains("\ntold\nevent.id"), "{lines}");
    assert_eq!(site.rows(&["notice", "send", id, "--quiet"])[0]["delivered"], 1);
    assert_eq!(fs::read_to_string(site.path("out").join(format!("{id}.csv"))).unwrap(), raw);
    assert_eq!(site.concert(&["notice", "send", id]).0, 2, "what is delivered is not sent again");
    assert_eq!(site.rows(&["notice", "send", "--quiet"])[0]["delivered"], 9);
    assert_eq!(site.rows(&["notice", "list", "--state", "delivered"]).len(), 10);
    assert_eq!(fs::read_dir(site.path("out")).unwrap().count(), 10);

    let nobody = in_state("no-contact")[0]["id"].as_str().unwrap();
    assert_eq!(site.concert(&["notice", "retry", nobody]).0, 1);
    assert_eq!(site.concert(&["notice", "retry", nobody, "--to", "not an address"]).0, 2);
    let again = site.rows(&["notice", "retry", nobody, "--to", "abuse@net.example"]);
    assert_eq!(again[0]["state"], "queued");
    // Nobody listens there, so it stays queued for later.
    let (code, out, _) = site.concert(&["notice", "send", nobody, "--quiet"]);
    assert_eq!((code, out.as_str()), (3, "{\"delivered\":0,\"later\":1,\"failed\":0}\n"));
    let shown = &site.rows(&["notice", "show", nobody])[0];
    assert_eq!((&shown["to"], &shown["attempts"]), (&Value::from("abuse@net.example"), &Value::from(1)));
    assert_eq!(site.concert(&["notice", "show", "20000101-000001"]).0, 2);
}

#[test]
fn reading_and_sending_work_beside_a_running_process() {
    let site = Site::new();
    let mut running = Command::new(env!("CARGO_BIN_EXE_concert"))
        .args(["run", "--quiet"])
        .current_dir(site.dir())
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // The running process takes the queue; asking it to send waits for its answer.
    let sent = site.concert(&["notice", "send", "--quiet"]);
    let listed = site.concert(&["notice", "list", "--state", "delivered"]);
    let events = site.concert(&["events", "--limit", "0"]);
    let verified = site.concert(&["verify"]);
    running.kill().unwrap();
    running.wait().unwrap();
    assert_eq!(sent.0, 0, "{sent:?}");
    assert_eq!(listed.1.lines().count(), 10, "{listed:?}");
    assert_eq!(events.1.lines().count(), MANY as usize + 10);
    assert_eq!(verified.0, 0, "{verified:?}");
    assert_eq!(fs::read_dir(site.path("out")).unwrap().count(), 10, "nothing was sent twice or not at all");
}

#[test]
fn verify_names_what_is_damaged() {
    let site = Site::new();
    let (code, out, err) = site.concert(&["verify"]);
    assert_eq!((code, out.as_str()), (0, ""));
    assert!(err.contains("2 raw reports, 1 event file, 10 journal events"), "{err}");
    let raw = damage(&site.path("data/archive"), "zst");
    let (code, out, err) = site.concert(&["verify"]);
    assert_eq!((code, out.lines().count()), (1, 1), "{out}");
    assert!(out.contains(&raw) && err.contains(&raw), "{out}{err}");
    let events = damage(&site.path("data/events"), "parquet");
    let (code, out, _) = site.concert(&["verify", "--format", "csv"]);
    assert_eq!(code, 1);
    assert!(out.contains(&raw) && out.contains(&events), "{out}");
    assert!(out.contains("\r\nevents,") && out.contains("\r\narchive,"), "{out}");
    fs::remove_file(&events).unwrap();
    let (code, out, _) = site.concert(&["verify"]);
    assert!(code == 1 && out.contains(&events) && out.contains("cannot be read"), "{out}");
    fs::write(site.path("data/records.sqlite"), "this is no database".repeat(1000)).unwrap();
    for name in ["data/records.sqlite-wal", "data/records.sqlite-shm"] {
        fs::remove_file(site.path(name)).ok();
    }
    let (code, out, err) = site.concert(&["verify"]);
    assert!(code == 1 && out.contains("records.sqlite"), "{out}{err}");
    fs::remove_file(site.path("data/records.sqlite")).unwrap();
    let (code, out, _) = site.concert(&["verify"]);
    assert!(code == 1 && out.contains("is missing"), "{out}");
    assert!(!site.path("data/records.sqlite").exists(), "looking makes nothing new");
}

/// Flips a bit in the middle of the first file with this ending, and names it.
#[expect(clippy::unwrap_used, reason = "a test that cannot damage a file must fail")]
fn damage(folder: &Path, ending: &str) -> String {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == ending) {
                let mut bytes = fs::read(&path).unwrap();
                let middle = bytes.len() / 2;
                *bytes.get_mut(middle).unwrap() ^= 1;
                fs::write(&path, bytes).unwrap();
                return path.display().to_string();
            }
        }
    }
    String::new()
}
