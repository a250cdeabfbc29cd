//! A site over time, as its keepers meet it: who is told, mended feeds, backups, forgetting.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;

#[path = "support/ended.rs"]
mod ended;

use ended::{Ended, run};

const WRONG: &str =
    r#"columns = { time = "time.source", address = "source.ip", port = "source.asn", kind = "classification.type" }"#;
const RIGHT: &str =
    r#"columns = { time = "time.source", address = "source.ip", port = "extra.port", kind = "classification.type" }"#;

fn settings(columns: &str) -> String {
    format!(
        r#"
[site]
name = "CERT Example"
email = "cert@cert.example"

[[feed]]
name = "drop"
parser = "csv"
header = true
{columns}
time_zone = "UTC"

[[notice]]
name = "responsible"
to = "responsible"
when = "at once"
format = "csv"
via = "mail"

[[notice]]
name = "all"
group_by = ["classification.type"]
when = "at once"
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
"#
    )
}

struct Site {
    folder: tempfile::TempDir,
}

impl Site {
    #[expect(clippy::unwrap_used, reason = "a test that cannot set itself up must fail")]
    fn new(columns: &str) -> Self {
        let site = Self { folder: tempfile::tempdir().unwrap() };
        assert_eq!(run(site.folder.path(), &["init", "site"]).0, 0);
        fs::write(site.path("concert.toml"), settings(columns)).unwrap();
        assert_eq!(site.concert(&["run", "--once", "--quiet"]).0, 0);
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("site").join(name)
    }

    fn concert(&self, args: &[&str]) -> Ended {
        run(&self.path(""), args)
    }

    /// The rows of a command that ends well.
    #[expect(clippy::unwrap_used, reason = "a row that is not JSON must fail the test")]
    fn rows(&self, args: &[&str]) -> Vec<Value> {
        let (code, out, err) = self.concert(args);
        assert_eq!(code, 0, "{args:?}: {err}");
        out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[expect(clippy::unwrap_used, reason = "a test that cannot set itself up must fail")]
    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }
}

/// Every port is a good AS number too.
fn report(rows: u32) -> String {
    let head = "time,address,port,kind\n".to_owned();
    let row = |number: u32| {
        let address = std::net::Ipv4Addr::from_bits(0xc612_0000 + number);
        format!("2026-11-21T10:00:00Z,{address},{},scanner\n", number % 1000 + 1)
    };
    (0..rows).map(row).fold(head, |text, row| text + &row)
}

#[test]
fn notices_go_to_the_contacts_of_the_responsible() {
    let site = Site::new(RIGHT);
    site.write("parties.csv", "party,prefixes,mail,format\nA,198.18.0.0/24,abuse@a.example,json\nB,198.18.1.0/24,,\n");
    let dry = site.rows(&["contact", "import", "constituents", "parties.csv", "--dry-run"]);
    let changes: Vec<&Value> = dry.iter().map(|row| &row["change"]).collect();
    assert_eq!(changes, ["added", "added", "gap"], "and B has no contact");
    assert!(site.rows(&["contact", "list"]).is_empty(), "a dry run changes nothing");
    site.rows(&["contact", "import", "constituents", "parties.csv"]);
    assert!(site.rows(&["contact", "import", "constituents", "parties.csv"]).is_empty(), "nothing differs");
    assert_eq!(site.concert(&["contact", "check"]).0, 1, "B has no contact");
    let who = site.rows(&["who", "198.18.0.7", "203.0.113.1"]);
    assert_eq!((&who[0]["contact"], &who[1]["contact"]), (&Value::from("abuse@a.example"), &Value::Null));
    // What the report says of the party does not count.
    site.write("in.csv", &report(600).replace("kind\n", "kind,party\n").replace("scanner\n", "scanner,Mallory\n"));
    site.rows(&["ingest", "--feed", "drop", "in.csv"]);
    let notices = site.rows(&["notice", "list"]);
    let of = |party: &str| notices.iter().find(|one| one["name"] == "responsible" && one["key"] == party).unwrap();
    assert_eq!((&of("A")["to"], &of("A")["state"]), (&Value::from("abuse@a.example"), &Value::from("queued")));
    assert_eq!((&of("A")["events"], &of("B")["state"]), (&Value::from(256), &Value::from("no-contact")));
    assert_eq!((&of("unknown")["events"], &of("unknown")["state"]), (&Value::from(88), &Value::from("no-contact")));
    assert!(site.rows(&["events", "party == \"Mallory\""]).is_empty());
    // A contact that comes later is told what waited for it.
    site.write("parties.csv", "party,prefixes,mail\nA,198.18.0.0/24,abuse@a.example\nB,198.18.1.0/24,b@b.example\n");
    site.rows(&["contact", "import", "constituents", "parties.csv"]);
    site.concert(&["run", "--once", "--quiet"]);
    let notices = site.rows(&["notice", "list"]);
    let late = notices.iter().find(|one| one["key"] == "B").unwrap();
    assert_eq!((&late["to"], &late["state"]), (&Value::from("b@b.example"), &Value::from("queued")));
}

#[test]
fn a_mended_feed_is_replayed_and_only_what_was_rejected_is_told() {
    let site = Site::new(WRONG);
    // The first rows are read wrongly, the last ten are rejected: a word is no AS number.
    let words: String = (0..10).map(|n| format!("2026-11-21T11:00:00Z,198.51.100.{n},http,scanner\n")).collect();
    site.write("in.csv", &(report(2_500) + &words));
    site.rows(&["ingest", "--feed", "drop", "in.csv"]);
    assert_eq!(site.rows(&["events", "--limit", "0"]).len(), 2_500);
    let before: Vec<Value> = site.rows(&["notice", "list"]);
    site.write("concert.toml", &settings(RIGHT));
    let ids = |site: &Site| {
        let events = site.rows(&["events", "--limit", "0"]);
        let mut ids: Vec<String> = events.iter().map(|event| event["event.id"].to_string()).collect();
        ids.sort();
        ids
    };
    let old = ids(&site);
    let replayed = &site.rows(&["feed", "replay", "drop"])[0];
    assert_eq!(
        (&replayed["replaced"], &replayed["events"], &replayed["rejects"]),
        (&Value::from(2_500), &Value::from(10), &Value::from(0))
    );
    let new = ids(&site);
    assert!(new.len() == 2_510 && old.iter().all(|id| new.contains(id)), "events keep their identity");
    assert!(site.rows(&["events", "has(source.asn)"]).is_empty(), "no event has its old version");
    let after = site.rows(&["notice", "list"]);
    let fresh: Vec<&Value> = after.iter().filter(|one| !before.iter().any(|old| old["id"] == one["id"])).collect();
    assert_eq!(fresh.len(), 2, "one of each kind");
    assert!(fresh.iter().all(|one| one["events"] == 10), "only what was rejected: {fresh:?}");
    let again = &site.rows(&["feed", "replay", "drop"])[0];
    assert_eq!((&again["replaced"], &again["events"], &again["notices"]), (&0.into(), &0.into(), &0.into()));
    assert_eq!(
        (site.rows(&["events", "--limit", "0"]).len(), site.rows(&["notice", "list"]).len()),
        (2_510, after.len())
    );
    let feed = &site.rows(&["feed", "list"])[0];
    assert_eq!((&feed["events"], &feed["duplicates"], &feed["rejects"]), (&2_510.into(), &0.into(), &0.into()));
    assert_eq!(site.concert(&["verify"]).0, 0);
}

/// A zip file with these members.
#[expect(clippy::unwrap_used, reason = "a test that cannot set itself up must fail")]
fn zip(members: &[(&str, &str)]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, text) in members {
        zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        std::io::Write::write_all(&mut zip, text.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

#[test]
fn parts_of_a_report_are_told_apart_in_a_replay() {
    let site = Site::new(&format!("{WRONG}\npart_names = [\"b.csv\", \"c.csv\"]"));
    let csv = |rows: [(u8, &str); 2]| {
        let row = |(last, port): (u8, &str)| format!("2026-11-21T10:00:00Z,198.51.100.{last},{port},scanner\n");
        "time,address,port,kind\n".to_owned() + &rows.map(row).concat()
    };
    // The first member is not read yet. The same line is rejected in one and a repeat in the other.
    let (a, b, c) = (csv([(4, "80"), (5, "80")]), csv([(1, "80"), (2, "http")]), csv([(3, "80"), (1, "80")]));
    fs::write(site.path("in.zip"), zip(&[("a.csv", &a), ("b.csv", &b), ("c.csv", &c)])).unwrap();
    site.rows(&["ingest", "--feed", "drop", "in.zip"]);
    let counts = |site: &Site| {
        let feed = site.rows(&["feed", "list"]).remove(0);
        ["events", "duplicates", "rejects"].map(|name| feed[name].as_u64().unwrap())
    };
    assert_eq!(counts(&site), [2, 1, 1]);
    let told =
        |site: &Site| site.rows(&["notice", "list"]).iter().filter_map(|one| one["events"].as_u64()).sum::<u64>();
    assert_eq!(told(&site), 2 * 2, "by both kinds");
    site.write("concert.toml", &settings(RIGHT));
    let replayed = &site.rows(&["feed", "replay", "drop"])[0];
    assert_eq!((&replayed["replaced"], &replayed["events"]), (&2.into(), &3.into()), "{replayed}");
    assert_eq!((counts(&site), told(&site)), ([5, 1, 0], 2 * 5));
    let again = &site.rows(&["feed", "replay", "drop"])[0];
    assert_eq!((&again["replaced"], &again["events"], &again["notices"]), (&0.into(), &0.into(), &0.into()));
}

#[test]
fn a_process_that_works_on_the_site_does_the_replay() {
    let site = Site::new(WRONG);
    site.write("in.csv", &(report(100) + "2026-11-21T11:00:00Z,198.51.100.1,http,scanner\n"));
    site.rows(&["ingest", "--feed", "drop", "in.csv"]);
    site.write("concert.toml", &settings(RIGHT));
    let mut working = Command::new(env!("CARGO_BIN_EXE_concert"))
        .args(["run", "--quiet"])
        .current_dir(site.path(""))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lock = format!(":{} ", fs::metadata(site.path("data/lock")).unwrap().ino());
    while !fs::read_to_string("/proc/locks").unwrap().contains(&lock) {
        assert!(working.try_wait().unwrap().is_none(), "it has ended");
    }
    let replayed = &site.rows(&["feed", "replay", "drop"])[0];
    let is_working = working.try_wait().unwrap().is_none();
    working.kill().unwrap();
    working.wait().unwrap();
    assert_eq!((&replayed["replaced"], &replayed["events"]), (&100.into(), &1.into()));
    assert!(is_working && site.rows(&["events", "has(source.asn)"]).is_empty());
}

/// The replay is killed as soon as it has replaced a file, again and again.
#[test]
fn a_replay_that_is_killed_loses_and_doubles_nothing() {
    let site = Site::new(WRONG);
    for name in ["one.csv", "two.csv", "three.csv"] {
        let words = format!("2026-11-21T11:00:00Z,198.51.100.{},http,scanner\n", name.len());
        site.write(name, &(report(2_500).replace("198.18.", &format!("198.{}.", name.len())) + &words));
        site.rows(&["ingest", "--feed", "drop", name]);
    }
    let told = site.rows(&["notice", "list"]).len();
    site.write("concert.toml", &settings(RIGHT));
    for _ in 0..3 {
        let mut replay = Command::new(env!("CARGO_BIN_EXE_concert"))
            .args(["feed", "replay", "drop", "--quiet"])
            .current_dir(site.path(""))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        while replay.try_wait().unwrap().is_none() && !has_replaced(&site) {
            std::thread::yield_now();
        }
        replay.kill().unwrap();
        replay.wait().unwrap();
        assert_eq!(site.concert(&["verify"]).0, 0);
    }
    site.rows(&["feed", "replay", "drop"]);
    let last = &site.rows(&["feed", "replay", "drop"])[0];
    assert_eq!((&last["replaced"], &last["events"], &last["notices"]), (&0.into(), &0.into(), &0.into()));
    assert!(site.rows(&["events", "has(source.asn)"]).is_empty());
    let feed = &site.rows(&["feed", "list"])[0];
    let stored = site.rows(&["events", "--limit", "0"]).len();
    assert_eq!((&feed["events"], &feed["rejects"]), (&Value::from(stored), &0.into()));
    let notices = site.rows(&["notice", "list"]);
    let fresh: u64 = notices.iter().take(notices.len() - told).filter_map(|one| one["events"].as_u64()).sum();
    assert_eq!(fresh, 2 * REJECTED, "each rejected row is in one notice of each kind");
}

/// Different rows that were rejected in the reports of the test above.
const REJECTED: u64 = 2;

fn has_replaced(site: &Site) -> bool {
    let days = fs::read_dir(site.path("data/events")).into_iter().flatten().flatten();
    let mut files = days.flat_map(|day| fs::read_dir(day.path()).into_iter().flatten().flatten());
    files.any(|file| file.path().extension().is_some_and(|ending| ending == "old"))
}

#[test]
fn a_backup_comes_back_whole_and_a_forgotten_value_does_not() {
    let site = Site::new(RIGHT);
    site.write("in.csv", &report(2_500));
    site.rows(&["ingest", "--feed", "drop", "in.csv"]);
    let (code, _, err) = site.concert(&["backup", "../one.tar.zst"]);
    assert_eq!(code, 0, "{err}");
    let (code, _, err) = run(site.folder.path(), &["restore", "--site", "again", "one.tar.zst"]);
    assert_eq!(code, 0, "{err}");
    assert_eq!(run(site.folder.path(), &["restore", "--site", "again", "one.tar.zst"]).0, 2);
    let again = site.folder.path().join("again");
    let (code, out, _) = run(&again, &["events", "--limit", "0"]);
    assert_eq!((code, out.lines().count()), (0, 2_500));
    assert_eq!(run(&again, &["verify"]).0, 0);
    let known = run(&again, &["ingest", "--feed", "drop", "--format", "json", "../site/in.csv"]);
    assert!(known.1.contains("\"events\":0"), "{}", known.1);

    // A packed copy names the same problems again and gives no events.
    assert!(Command::new("gzip").arg("--keep").arg(site.path("in.csv")).status().unwrap().success());
    assert_eq!(site.rows(&["ingest", "--feed", "drop", "in.csv.gz"])[0]["duplicates"], 2_500);
    let value = "198.18.0.7";
    let dry = &site.rows(&["forget", value])[0];
    let counts = ["events", "reports", "redacted", "done"].map(|name| dry[name].clone());
    let want: [Value; 4] = [1.into(), 2.into(), 1.into(), false.into()];
    assert_eq!(counts, want);
    assert_eq!(site.rows(&["events", "source.ip == \"198.18.0.7\""]).len(), 1, "a dry run changes nothing");
    site.rows(&["forget", value, "--yes"]);
    assert!(site.rows(&["events", "source.ip == \"198.18.0.7\""]).is_empty());
    assert_eq!(site.rows(&["events", "--limit", "0"]).len(), 2_500, "the event stays, without the value");
    // The lines of others are there and can be replayed; the one without its value gives nothing new.
    let replayed = &site.rows(&["feed", "replay", "drop", "--since", "1d"])[0];
    let counts = ["replayed", "events", "rejects"].map(|name| replayed[name].clone());
    assert_eq!(counts, [Value::from(1), 0.into(), 1.into()], "{replayed}");
    assert!(site.rows(&["events", "source.ip == \"198.18.0.7\""]).is_empty());
    assert_eq!(site.rows(&["events", "--limit", "0"]).len(), 2_500);
    assert_eq!(site.concert(&["verify"]).0, 0);
    assert!(site.rows(&["ingest", "--feed", "drop", "in.csv"])[0]["events"] == 0, "the same report is known still");
    assert_eq!(site.concert(&["backup", "../two.tar.zst"]).0, 0);
    assert_eq!(run(site.folder.path(), &["restore", "--site", "third", "two.tar.zst"]).0, 0);
    let third = site.folder.path().join("third");
    assert_eq!(run(&third, &["forget", value]).1.matches(":0").count(), 8);
    assert_eq!(run(&third, &["verify"]).0, 0);
    assert_eq!(site.concert(&["forget", "198"]).0, 2);
}

#[test]
fn a_report_that_names_a_forgotten_value_again_in_another_form_goes_too() {
    let site = Site::new(RIGHT);
    let head = "time,address,port,kind\n";
    let row = |address: &str| format!("2026-11-21T10:00:00Z,{address},80,scanner\n");
    let put = |name: &str, addresses: &[&str]| {
        let rows: String = addresses.iter().map(|address| row(address)).collect();
        site.write(name, &format!("{head}{rows}"));
        site.rows(&["ingest", "--feed", "drop", name]);
    };
    put("a.csv", &["2001:db8::1", "198.18.0.1"]);
    put("b.csv", &["2001:0DB8:0000::0001", "198.18.0.2"]);
    put("c.csv", &["2001:db8::1", "198.18.0.3"]);
    put("d.csv", &["2001:db8::1", "2001:DB8:0::1", "198.18.0.4"]);
    put("e.csv", &["198.18.0.1", "198.18.0.5"]);
    let done = &site.rows(&["forget", "2001:db8::1", "--yes"])[0];
    let counts = ["events", "reports", "redacted"].map(|name| done[name].clone());
    // Of the lines of others those stay that stand in a report that shows the value as it is.
    assert_eq!(counts, [Value::from(1), 4.into(), 2.into()], "{done}");
    let texts = archived(&site);
    assert_eq!(texts.len(), 3, "{texts:?}");
    assert!(!texts.iter().any(|text| text.contains("db8")), "{texts:?}");
}

/// The raw reports that are kept, in lower case.
fn archived(site: &Site) -> Vec<String> {
    let files = Command::new("find")
        .args(["data/archive", "-type", "f"])
        .current_dir(site.path("."))
        .output()
        .expect("find runs");
    let files = String::from_utf8(files.stdout).expect("paths are text");
    let text = |file| {
        let packed = fs::read(site.path(file)).expect("the file is there");
        String::from_utf8_lossy(&zstd::decode_all(&packed[..]).expect("it is packed")).to_lowercase()
    };
    files.lines().map(text).collect()
}

/// What a repeat must say is what makes its key: of a name beside an address it need not say the name, of an account that
/// nothing else is said of it must.
#[test]
fn forgetting_goes_by_what_makes_two_events_the_same_problem() {
    let plain = |text: String| text.into_bytes();
    let latin = |text: String| text.chars().map(|letter| u8::try_from(letter).unwrap()).collect();
    let check = |(names, fields): (&str, &str), value: &str, reports: &[Vec<u8>], counts: [u64; 2], left: &[&str]| {
        let columns = format!("time = \"time.source\", kind = \"classification.type\", {fields}");
        let site = Site::new(&format!("columns = {{ {columns} }}"));
        for (number, rows) in reports.iter().enumerate() {
            let name = format!("{number}.csv");
            fs::write(site.path(&name), [format!("time,kind,{names}\n").as_bytes(), rows].concat()).unwrap();
            site.rows(&["ingest", "--feed", "drop", &name]);
        }
        let done = &site.rows(&["forget", value, "--yes"])[0];
        assert_eq!(["reports", "redacted"].map(|name| done[name].as_u64().unwrap()), counts, "{value}: {done}");
        let all = archived(&site).concat();
        assert!(!all.contains(value), "{all}");
        for line in left {
            assert!(all.contains(line), "{line}: {all}");
        }
    };
    let rows = |lines: &[&str]| lines.iter().map(|line| format!("2026-11-21T10:00:00Z,scanner,{line}\n")).collect();
    let names = ("ip,name", "ip = \"source.ip\", name = \"source.fqdn\"");
    let first = plain(rows(&["198.51.100.7,anna.example", "198.51.100.7,carl.example", "198.51.100.8,dora.example"]));
    let second = plain(rows(&["198.51.100.7,bob.example", "198.51.100.9,eve.example"]));
    let left = ["carl.example", "dora.example", "bob.example", "eve.example"];
    check(names, "anna.example", &[first.clone(), second], [1, 1], &left);
    // The same file twice is no two lines.
    check(names, "198.51.100.8", &[first.clone(), first], [1, 1], &["anna.example", "carl.example"]);
    let users = ("user,note", "user = \"extra.user\", note = \"extra.note\"");
    let first = plain(rows(&["jürg@x.example,a", "bob@x.example,a"]));
    let second = latin(rows(&["jürg@x.example,a", "carl@x.example,a"]));
    check(users, "jürg@x.example", &[first, second], [2, 1], &["bob@x.example"]);
}

/// A site that is fed by hand alone: nothing but `ingest` ever works on it.
#[test]
fn files_stay_few_where_only_ingest_works() {
    let site = Site::new(RIGHT);
    let files = || {
        let days = fs::read_dir(site.path("data/events")).unwrap().flatten().filter(|day| day.path().is_dir());
        let names = days.flat_map(|day| fs::read_dir(day.path()).unwrap().flatten());
        names.filter(|file| file.path().extension().is_some_and(|ending| ending == "parquet")).count()
    };
    let mut most = 0;
    for number in 0..18u32 {
        let address = |at: u32| std::net::Ipv4Addr::from_bits(0xc612_0000 + number * 3000 + at);
        let row = |at: u32| format!("2026-11-21T10:00:00Z,{},80,scanner\n", address(at));
        let report: String = std::iter::once("time,address,port,kind\n".to_owned()).chain((0..2100).map(row)).collect();
        site.write("in.csv", &report);
        site.rows(&["ingest", "--feed", "drop", "in.csv"]);
        most = most.max(files());
    }
    assert_eq!((most, files()), (16, 2), "the seventeenth made one of all");
    assert_eq!(site.rows(&["events", "--count-by", "classification.type"])[0]["count"], 18 * 2100);
    assert_eq!(site.concert(&["verify"]).0, 0);
}
