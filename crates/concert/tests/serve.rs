//! `concert serve`, `concert reload` and `concert demo` as a person meets them: the built program on a
//! site, asked over HTTP.

#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up must fail")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

#[path = "support/program.rs"]
mod program;
#[path = "support/until.rs"]
mod until;

use program::concert;
use until::until;

/// Exit code, standard output, standard error.
fn run(args: &[&str]) -> (i32, String, String) {
    let out = concert(args).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (out.status.code().unwrap_or(-1), text(&out.stdout), text(&out.stderr))
}

fn rows(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A process that ends with the test.
struct Serving {
    child: Child,
    address: String,
}

impl Serving {
    fn start(dir: &Path) -> Self {
        Self::start_by(dir, &["env"])
    }

    /// Starts it by another program, which must become it.
    fn start_by(dir: &Path, other: &[&str]) -> Self {
        let ours = [env!("CARGO_BIN_EXE_concert"), "serve", "--site", dir.to_str().unwrap()];
        let mut words = other.iter().copied().chain(ours);
        let mut command = Command::new(words.next().unwrap());
        command.args(words);
        command.env_remove("CONCERT_SITE").env_remove("CONCERT_LOG");
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        let address = line.trim().trim_end_matches('/').rsplit('/').next().unwrap().to_owned();
        // Read on, or the process would stand still with a full pipe.
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        Self { child, address }
    }

    /// Status and body.
    fn ask(&self, method: &str, path: &str, head: &str, body: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n{head}\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        (status, answer.split_once("\r\n\r\n").unwrap().1.to_owned())
    }

    fn get(&self, path: &str) -> (u16, String) {
        self.ask("GET", path, "", "")
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

const SETTINGS: &str = r#"
[site]
name = "CERT Example"
email = "cert@cert.example"

[serve]
listen = "127.0.0.1:0"

[[feed]]
name = "pushed"
parser = "ndjson"
collect = { type = "push", token = { file = "secrets/push" } }

[[notice]]
name = "per network"
group_by = ["source.asn"]
when = "at once"
format = "csv"
via = "outbox"

[via.outbox]
type = "file"
path = "out/"
"#;

fn site(dir: &Path) {
    assert_eq!(run(&["init", dir.to_str().unwrap()]).0, 0);
    fs::write(dir.join("concert.toml"), SETTINGS).unwrap();
    fs::write(dir.join("secrets/push"), "the-token").unwrap();
}

#[test]
fn a_pushed_report_is_seen_over_the_api_and_on_the_pages() {
    let folder = tempfile::tempdir().unwrap();
    site(folder.path());
    let serving = Serving::start(folder.path());
    let report = "{\"source.ip\":\"192.0.2.1\",\"source.asn\":64496}\n{\"source.ip\":\"192.0.2.999\"}\n\
                  {\"source.ip\":\"192.0.2.2\",\"source.asn\":64497}\n";
    let path = "/api/v1/feeds/pushed/reports";
    let refused = serving.ask("POST", path, "Authorization: Bearer wrong\r\n", report);
    assert!(matches!(refused.0, 401 | 403 | 404), "{refused:?}");
    let head = "Authorization: Bearer the-token\r\nIdempotency-Key: one\r\n";
    let (status, first) = serving.ask("POST", path, head, report);
    assert_eq!(status, 202, "{first}");
    let (status, again) = serving.ask("POST", path, head, report);
    assert_eq!((status, first.contains("\"known\":false"), again.contains("\"known\":true")), (202, true, true));

    let events = |query: &str| -> Value {
        let (status, body) = serving.get(&format!("/api/v1/events{query}"));
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).unwrap()
    };
    until(|| events("")["events"].as_array().unwrap().len() == 2, "two events come");
    let page = events("?limit=1");
    let next = page["next"].as_str().unwrap();
    let rest = events(&format!("?limit=1&cursor={next}"));
    assert!(rest["next"].is_null(), "{rest}");
    assert_ne!(page["events"][0]["event.id"], rest["events"][0]["event.id"]);
    let found = events("?if=source.asn==64497");
    assert_eq!(found["events"].as_array().unwrap().len(), 1);
    assert_eq!(found["events"][0]["source.ip"], "192.0.2.2");
    assert_eq!(serving.get("/api/v1/events?if=sourc.asn==1").0, 400);
    assert_eq!(serving.get("/api/v1/events?cursor=x").0, 400);

    let delivered = || serving.get("/api/v1/notices").1.matches("\"delivered\"").count();
    until(|| delivered() == 2, "two notices are delivered");
    let notices: Value = serde_json::from_str(&serving.get("/api/v1/notices?limit=1").1).unwrap();
    let id = notices["notices"][0]["id"].as_str().unwrap();
    let before: Value = serde_json::from_str(&serving.get(&format!("/api/v1/notices?limit=1&cursor={id}")).1).unwrap();
    assert_ne!(before["notices"][0]["id"], notices["notices"][0]["id"]);
    let (status, overview) = serving.get("/");
    assert_eq!(status, 200);
    let dir = folder.path().to_str().unwrap();
    let (_, shown, _) = run(&["feed", "show", "pushed", "--site", dir, "--format", "json"]);
    let shown: Value = serde_json::from_str(&shown).unwrap();
    let report = shown["newest_rejects"][0]["report"].as_str().unwrap();
    assert_eq!(report.len(), 32);
    for want in ["CERT Example", "pushed", "not an IP address", id, &format!("title=\"{report}\">{report}</code>")] {
        assert!(overview.contains(want), "{want}");
    }
    assert_eq!(serving.get("/readyz").0, 200);
    let metrics = serving.get("/metrics").1;
    for line in [
        "concert_reports_waiting{feed=\"pushed\"} 0",
        "concert_mails_doubted_total{doubt=\"forged\"} 0",
        "concert_mails_doubted_total{doubt=\"never-sent\"} 0",
        "concert_contact_keys{state=\"expired\"} 0",
        "concert_contacts_held_back 0",
    ] {
        assert!(metrics.contains(line), "{line}\n{metrics}");
    }
}

#[test]
fn changed_settings_are_taken_up_and_broken_ones_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_str().unwrap();
    site(folder.path());
    let (code, _, said) = run(&["reload", "--site", dir]);
    assert_eq!(code, 3, "{said}");
    let serving = Serving::start(folder.path());
    until(|| serving.get("/readyz").0 == 200, "it is ready");
    fs::write(folder.path().join("concert.toml"), SETTINGS.replace("\"pushed\"", "\"honeypot\"")).unwrap();
    let (code, _, said) = run(&["reload", "--site", dir]);
    assert_eq!(code, 0, "{said}");
    let feeds = || serving.get("/api/v1/feeds").1;
    assert!(feeds().contains("\"honeypot\"") && !feeds().contains("\"pushed\""), "{}", feeds());
    fs::write(folder.path().join("concert.toml"), SETTINGS.replace("\"ndjson\"", "\"ndjsn\"")).unwrap();
    let (code, _, said) = run(&["reload", "--site", dir]);
    assert_eq!(code, 2);
    assert!(said.contains("did you mean `ndjson`?"), "{said}");
    assert!(feeds().contains("\"honeypot\""));
    let head = "Authorization: Bearer the-token\r\n";
    assert_eq!(serving.ask("POST", "/api/v1/feeds/honeypot/reports", head, "{}").0, 202);
}

/// Takes from a running program the right to write files, or gives it back, as a full disk does and does not.
/// `false` where this machine has no `prlimit`.
fn may_write(process: u32, may: bool) -> bool {
    let bytes = if may { "--fsize=unlimited:" } else { "--fsize=0:" };
    let done = Command::new("prlimit").args(["--pid", &process.to_string(), bytes]).status();
    done.is_ok_and(|status| status.success())
}

/// What a feed that takes files and one that is pushed say of a disk on which nothing can be written, and of one on
/// which there is room again.
fn says_of_a_full_disk(dir: &Path, serving: &Serving, mut fill: impl FnMut(bool)) {
    let head = "Authorization: Bearer the-token\r\n";
    let push = |ip: &str| {
        serving.ask("POST", "/api/v1/feeds/pushed/reports", head, &format!("{{\"source.ip\":\"{ip}\"}}\n")).0
    };
    let metric = |line: &str| serving.get("/metrics").1.lines().any(|one| one == line);
    let state = |feed: &str| {
        let feeds: Value = serde_json::from_str(&serving.get("/api/v1/feeds").1).unwrap();
        let is_it = |row: &&Value| row.get("name").is_some_and(|name| name == feed);
        let row = feeds.get("feeds").and_then(Value::as_array).unwrap().iter().find(is_it).unwrap();
        row.get("state").and_then(Value::as_str).unwrap().to_owned()
    };
    until(|| serving.get("/readyz").0 == 200, "it is ready");
    assert_eq!(push("192.0.2.1"), 202);
    until(|| state("pushed") == "good" && state("dropped") == "good", "both feeds are good");

    fill(true);
    assert_eq!(push("192.0.2.2"), 503);
    let report = dir.join("in/a.ndjson");
    fs::write(&report, "{\"source.ip\":\"192.0.2.3\"}\n").unwrap();
    until(|| serving.get("/readyz").0 == 503, "it is not ready");
    let why = serving.get("/readyz").1;
    assert!(why.starts_with("not ready: ") && why.contains("cannot be"), "{why}");
    until(|| state("dropped") == "trouble", "the file cannot be taken, and that is said");
    assert_eq!(state("pushed"), "trouble");
    for feed in ["pushed", "dropped"] {
        assert!(metric(&format!("concert_feed_up{{feed=\"{feed}\"}} 0")), "{}", serving.get("/metrics").1);
    }
    assert!(serving.get("/").1.contains("a pushed report was refused"), "{}", serving.get("/").1);
    assert!(report.exists(), "the file stays");

    fill(false);
    until(|| serving.get("/readyz").0 == 200, "it is ready again");
    assert_eq!(push("192.0.2.2"), 202);
    until(|| !report.exists() && state("dropped") == "good", "the file is taken");
    until(|| state("pushed") == "good", "pushes are well");
    assert!(metric("concert_feed_up{feed=\"pushed\"} 1"));
}

const DROPPED: &str = r#"
[[feed]]
name = "dropped"
parser = "ndjson"
collect = { type = "file", path = "in/", settle = "100ms" }
"#;

#[test]
fn a_disk_that_takes_nothing_is_told_by_what_watches_the_program() {
    let folder = tempfile::tempdir().unwrap();
    site(folder.path());
    fs::write(folder.path().join("concert.toml"), format!("{SETTINGS}{DROPPED}")).unwrap();
    let serving = Serving::start_by(folder.path(), &["sh", "-c", "trap '' XFSZ; exec \"$@\"", "sh"]);
    let process = serving.child.id();
    if !may_write(process, true) {
        eprintln!("skipped: there is no prlimit here");
        return;
    }
    says_of_a_full_disk(folder.path(), &serving, |full| assert!(may_write(process, !full)));
}

/// A file system in memory that is taken down with the test.
struct Small(PathBuf);

impl Drop for Small {
    fn drop(&mut self) {
        Command::new("umount").arg("-l").arg(&self.0).status().ok();
    }
}

#[test]
fn a_full_file_system_is_told_by_what_watches_the_program() {
    let folder = tempfile::tempdir().unwrap();
    site(folder.path());
    fs::write(folder.path().join("concert.toml"), format!("{SETTINGS}{DROPPED}")).unwrap();
    let (data, dir) = (folder.path().join("data"), folder.path().to_str().unwrap());
    let kept = folder.path().join("data-before");
    fs::rename(&data, &kept).unwrap();
    fs::create_dir(&data).unwrap();
    let mount = Command::new("mount").args(["-t", "tmpfs", "-o", "size=8m,mode=0700", "tmpfs"]).arg(&data).output();
    if !mount.is_ok_and(|out| out.status.success()) {
        eprintln!("skipped: file systems cannot be mounted here");
        return;
    }
    let small = Small(data.clone());
    for entry in fs::read_dir(&kept).unwrap() {
        let entry = entry.unwrap();
        assert!(Command::new("cp").arg("-a").arg(entry.path()).arg(&data).status().unwrap().success());
    }
    let serving = Serving::start(folder.path());
    let filler = data.join("filler");
    says_of_a_full_disk(folder.path(), &serving, |full| {
        if full {
            let mut file = fs::File::create(&filler).unwrap();
            while file.write_all(&[0; 4096]).is_ok() {}
        } else {
            fs::remove_file(&filler).unwrap();
        }
        let (_, listed, said) = run(&["feed", "list", "--site", dir, "--format", "ndjson"]);
        for row in rows(&listed) {
            let error = row["last_error"].as_str().unwrap_or_default();
            let says_so = error.starts_with("nothing is taken in: the disk is full, ");
            assert_eq!((says_so, full && row["state"] != "trouble"), (full, false), "{row} {said}");
        }
        let (_, shown, said) = run(&["feed", "show", "pushed", "--site", dir]);
        assert_eq!(shown.contains("the disk is full"), full, "{shown}{said}");
    });
    drop(serving);
    drop(small);
}

#[test]
fn a_second_process_says_that_the_site_or_the_address_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_str().unwrap();
    site(folder.path());
    let serving = Serving::start(folder.path());
    until(|| serving.get("/readyz").0 == 200, "it is ready");
    let busy = || {
        let (code, _, said) = run(&["serve", "--site", dir]);
        assert_eq!(code, 3);
        assert!(said.contains("another concert process is working on this site"), "{said}");
        assert!(!said.contains("http://"), "it says no address: {said}");
    };
    busy();
    // With an address of their own both want the same; that is not what is wrong.
    let taken = SETTINGS.replace("127.0.0.1:0", &serving.address);
    fs::write(folder.path().join("concert.toml"), &taken).unwrap();
    busy();
    let other = tempfile::tempdir().unwrap();
    site(other.path());
    fs::write(other.path().join("concert.toml"), &taken).unwrap();
    let (code, _, said) = run(&["serve", "--site", other.path().to_str().unwrap()]);
    assert_eq!(code, 3);
    assert!(said.contains("cannot listen on") && !said.contains("http://"), "{said}");
}

#[test]
fn the_demo_brings_reports_to_notices_and_leaves_a_site() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("demo");
    let dir = dir.to_str().unwrap();
    let (code, out, said) = run(&["demo", "--once", "--dir", dir]);
    assert_eq!(code, 0, "{said}\n{out}");
    for want in ["not an IP address", "known, nothing is added", "What came in", "What went out", "Subject: ["] {
        assert!(out.contains(want), "{want}: {out}");
    }
    let feeds = rows(&run(&["feed", "list", "--site", dir, "--format", "ndjson"]).1);
    let mut ways: Vec<&str> =
        feeds.iter().filter(|row| row["reports"] != 0).map(|row| row["collector"].as_str().unwrap()).collect();
    ways.sort_unstable();
    assert_eq!(ways, ["file", "http", "imap", "irc", "push"]);
    assert!(feeds.iter().any(|row| row["duplicates"] != 0) && feeds.iter().any(|row| row["rejects"] != 0));
    let notices = rows(&run(&["notice", "list", "--site", dir, "--format", "ndjson", "--limit", "0"]).1);
    for via in ["api", "chat", "mail"] {
        assert!(notices.iter().any(|row| row["via"] == via && row["state"] == "delivered"), "{via}");
    }
    assert!(rows(&run(&["events", "--site", dir, "--format", "ndjson", "--limit", "0"]).1).len() >= 30);
    assert_eq!(run(&["verify", "--site", dir]).0, 0);
    // What it leaves is whole in a backup too, with the data about addresses that its settings name.
    let (file, again) = (folder.path().join("demo.tar.zst"), folder.path().join("again"));
    let (file, again) = (file.to_str().unwrap(), again.to_str().unwrap());
    assert_eq!(run(&["backup", file, "--site", dir]).0, 0);
    assert_eq!(run(&["restore", file, "--site", again]).0, 0);
    let (code, found, said) = run(&["check", "--site", again]);
    assert_eq!((code, run(&["check", "--site", dir]).0), (0, 0), "{found}{said}");
    let (code, _, said) = run(&["demo", "--once", "--dir", dir]);
    assert_eq!(code, 2, "{said}");
}

#[test]
fn evidence_goes_in_and_out_over_the_api() {
    let dir = tempfile::tempdir().unwrap();
    let site = dir.path().join("site");
    let at = site.to_str().unwrap();
    assert_eq!(run(&["init", at]).0, 0);
    let settings = "[site]\nname = \"X\"\nemail = \"cert@cert.example\"\n\n[serve]\nlisten = \"127.0.0.1:0\"\n";
    fs::write(site.join("concert.toml"), settings).unwrap();
    let opened =
        run(&["incident", "open", "x", "--type", "scanner", "--severity", "medium", "--tlp", "amber", "--site", at]);
    let id = rows(&opened.1)[0]["id"].as_str().unwrap().to_owned();
    // What is more open than the incident is let out by a role.
    assert_eq!(run(&["incident", "write", &id, "role", "role=site-lead", "person=admin", "--site", at]).0, 0);
    let token = run(&["token", "create", "--user", "admin", "--scope", "admin", "--site", at]).1;
    let who = format!("Authorization: Bearer {}\r\n", token.trim());
    let serving = Serving::start(&site);
    let get = |path: &str| serving.ask("GET", path, &who, "");
    let to = format!("/api/v1/incidents/{id}/evidence");
    let bytes = format!(
        "{who}Content-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=\"../a.txt\"\r\n"
    );
    // A body that is cut off keeps nothing.
    let mut stream = TcpStream::connect(&serving.address).unwrap();
    write!(stream, "POST {to} HTTP/1.1\r\nHost: localhost\r\n{bytes}Content-Length: 9\r\n\r\nabc").unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    stream.read_to_string(&mut String::new()).unwrap();
    drop(stream);
    let stored = site.join("data/evidence/ba/78/16bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert!(!stored.exists());
    let key = format!("{bytes}Idempotency-Key: k1\r\n");
    let asked = format!("{to}?from=Example+Net&tlp=green&reason=asked");
    let (status, answer) = serving.ask("POST", &asked, &key, "abc");
    assert_eq!((status, stored.exists()), (201, true), "{answer}");
    // The same request again happens once; the same bytes in another are told.
    assert_eq!(serving.ask("POST", &asked, &key, "abc"), (201, answer));
    assert_eq!(serving.ask("POST", &asked, &key, "abd").0, 409);
    let (status, told) = serving.ask("POST", &to, &bytes, "abc");
    assert!(status == 400 && told.contains("evidence of this incident already: a.txt"), "{told}");
    assert_eq!(get(&format!("{to}/ba7816bf?reason=look")), (200, "abc".to_owned()));
    let (missing, other) = (get(&format!("{to}/{}", "0".repeat(64))), get("/api/v1/incidents/none"));
    assert_eq!((missing.0, &missing.1), (404, &other.1));
    let shown = run(&["evidence", "show", &id, "ba7816bf", "--site", at]).1;
    let shown = rows(&shown).remove(0);
    let custody: Vec<&str> =
        shown["custody"].as_array().unwrap().iter().map(|one| one["act"].as_str().unwrap()).collect();
    assert_eq!((custody, &shown["marking"]["tlp"]), (vec!["received", "copied"], &Value::from("green")));
    let verified = run(&["verify", "--site", at]);
    assert!(verified.0 == 0 && verified.2.contains("1 piece of evidence"), "{}", verified.2);
}

#[test]
fn a_site_that_is_paused_says_so_wherever_one_looks() {
    let folder = tempfile::tempdir().unwrap();
    site(folder.path());
    let polled = "\n[[feed]]\nname = \"polled\"\nparser = \"csv\"\ncolumns = { ip = \"source.ip\" }\n\
        collect = { type = \"file\", path = \"in/\" }\n";
    let settings = SETTINGS.to_owned() + polled;
    fs::write(folder.path().join("concert.toml"), settings.clone() + "\n[collect]\npaused = true\n").unwrap();
    let serving = Serving::start(folder.path());
    until(|| serving.get("/readyz").0 == 200, "it is ready");
    assert!(serving.get("/readyz").1.contains("paused: no feed and no mailbox is looked at"));
    assert!(serving.get("/metrics").1.contains("\nconcert_collect_paused 1\n"));
    let page = serving.get("/").1;
    assert!(page.contains("no feed and no mailbox is looked at"), "{page}");
    let feeds: Value = serde_json::from_str(&serving.get("/api/v1/feeds").1).unwrap();
    let paused = |name: &str| {
        let feeds = feeds["feeds"].as_array().unwrap();
        feeds.iter().find(|feed| feed["name"] == name).unwrap()["paused"].clone()
    };
    // What is pushed is taken all the same.
    assert_eq!((paused("polled"), paused("pushed")), (Value::Bool(true), Value::Bool(false)));
    fs::write(folder.path().join("concert.toml"), settings).unwrap();
    assert_eq!(run(&["reload", "--site", folder.path().to_str().unwrap()]).0, 0);
    until(|| serving.get("/readyz").1 == "ready\n", "it works again");
    assert!(serving.get("/metrics").1.contains("\nconcert_collect_paused 0\n"));
}
