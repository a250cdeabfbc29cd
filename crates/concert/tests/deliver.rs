//! Sending as the whole program does it, to receivers that behave badly.

#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up must fail")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use concert_store::records::Gate;
use concert_testkit::smtp::{Act, Mail, SmtpServer, Stage};
use concert_testkit::web::{Answer, Web};
use serde_json::Value;

#[path = "support/init.rs"]
mod init;
#[path = "support/program.rs"]
mod program;
#[path = "support/until.rs"]
mod until;

use init::init;
use program::concert;
use until::until;

/// How long a receiver holds an answer back at most.
const HELD_MAX: Duration = Duration::from_secs(60);

const SETTINGS: &str = r#"
[[feed]]
name = "drop"
parser = "ndjson"
collect = { type = "file", path = "in/", every = "20ms", settle = "10ms" }

[[notice]]
name = "posted"
group_by = ["source.ip"]
via = "post"

[[notice]]
name = "written"
group_by = ["source.ip"]
via = "files"

[via.post]
type = "http"
url = "WEB"

[via.files]
type = "file"
path = "out/"
"#;

fn at(site: &Path, args: &[&str]) -> Command {
    let mut command = concert(args);
    command.arg("--site").arg(site);
    command
}

fn site(folder: &Path, web: &Web) {
    init(folder);
    fs::write(folder.join("concert.toml"), SETTINGS.replace("WEB", &web.url("/"))).unwrap();
}

/// Runs a command that must end well, and gives what it prints.
fn done(site: &Path, args: &[&str]) -> String {
    let out = at(site, args).output().unwrap();
    assert!(out.status.success(), "{args:?}: {out:?}");
    String::from_utf8(out.stdout).unwrap()
}

/// Does what is due. What could not be delivered is looked at by each test itself.
fn once(site: &Path) {
    let out = at(site, &["run", "--once", "--quiet"]).output().unwrap();
    let is_undelivered =
        || out.status.code() == Some(3) && String::from_utf8_lossy(&out.stderr).contains("could not be delivered");
    assert!(out.status.success() || is_undelivered(), "{out:?}");
}

fn put(site: &Path, name: &str, addresses: &[&str]) {
    let rows: String = addresses.iter().map(|address| format!("{{\"source.ip\":\"{address}\"}}\n")).collect();
    fs::write(site.join("in/.part"), rows).unwrap();
    fs::rename(site.join("in/.part"), site.join("in").join(name)).unwrap();
}

/// Keys of the notices of a kind in a state.
fn keys(site: &Path, name: &str, state: &str) -> Vec<String> {
    let rows = rows(site, &["--name", name, "--state", state]);
    let mut keys: Vec<String> = rows.iter().filter_map(|row| row["key"].as_str().map(str::to_owned)).collect();
    keys.sort();
    keys
}

/// Notices as they are listed.
fn rows(site: &Path, more: &[&str]) -> Vec<Value> {
    let listed = done(site, &[&["notice", "list", "--limit", "0", "--format", "ndjson"], more].concat());
    listed.lines().map(|row| serde_json::from_str(row).unwrap()).collect()
}

/// `concert run`, which ends with the test.
struct Running(Child);

impl Running {
    fn start(site: &Path) -> Self {
        Self(at(site, &["run", "--quiet"]).stderr(Stdio::null()).spawn().unwrap())
    }

    /// SIGTERM; gives how long it took to end in order.
    fn stop(mut self) -> Duration {
        Command::new("kill").arg(self.0.id().to_string()).status().unwrap();
        let begun = Instant::now();
        until(|| self.0.try_wait().unwrap().is_some(), "it ends");
        assert!(self.0.wait().unwrap().success());
        begun.elapsed()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

// Each attempt that is held takes a thread of the receiver, also after the sender has given it up.
#[tokio::test(flavor = "multi_thread", worker_threads = 64)]
async fn a_receiver_that_does_not_answer_keeps_nobody_waiting_and_hides_no_success() {
    let held = Arc::new(AtomicBool::new(true));
    let (holds, slow) = (Arc::clone(&held), "192.0.2.2");
    let web = Web::start(None, move |request| {
        let begun = Instant::now();
        let is_held = String::from_utf8_lossy(&request.body).contains(slow);
        // Said to the runtime, or a task that is next on this thread would be held as well. A test that
        // fails must end, too.
        tokio::task::block_in_place(|| {
            while is_held && begun.elapsed() < HELD_MAX && holds.load(Ordering::SeqCst) {
                std::thread::sleep(Duration::from_millis(10));
            }
        });
        Answer::new(200, "")
    });
    let web = web.await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let site_dir = folder.path();
    site(site_dir, &web);
    let running = Running::start(site_dir);
    put(site_dir, "first", &["192.0.2.1", slow, "192.0.2.3"]);
    // Each answer is written down when it comes, though one does not come.
    until(|| keys(site_dir, "posted", "delivered") == ["192.0.2.1", "192.0.2.3"], "the others are delivered");
    // Neither another way out nor the same one waits for it with what comes later.
    put(site_dir, "second", &["192.0.2.4"]);
    until(|| keys(site_dir, "written", "delivered").len() == 4, "the other way goes on");
    until(|| keys(site_dir, "posted", "delivered").len() == 3, "the same way goes on");
    assert_eq!(keys(site_dir, "posted", "queued"), [slow]);
    // Whoever stops the program does not wait for it either.
    assert!(running.stop() < Duration::from_secs(20));
    assert_eq!(keys(site_dir, "posted", "queued"), [slow]);
    held.store(false, Ordering::SeqCst);
    let running = Running::start(site_dir);
    until(|| keys(site_dir, "posted", "delivered").len() == 4, "all are delivered");
    assert!(running.stop() < Duration::from_secs(20));
    let requests = web.requests();
    let known: Vec<_> =
        requests.iter().filter(|request| String::from_utf8_lossy(&request.body).contains(slow)).collect();
    let keys: BTreeSet<_> = known.iter().map(|request| request.header("idempotency-key")).collect();
    assert_eq!((known.len(), keys.len()), (2, 1), "the same notice again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_does_not_let_us_in_is_shown_and_tried_again_when_told() {
    let closed = Arc::new(AtomicBool::new(true));
    let is_closed = Arc::clone(&closed);
    let web = Web::start(None, move |_| Answer::new(if is_closed.load(Ordering::SeqCst) { 401 } else { 200 }, ""));
    let web = web.await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let site_dir = folder.path();
    site(site_dir, &web);
    put(site_dir, "a", &["192.0.2.1", "192.0.2.2"]);
    until(
        || {
            once(site_dir);
            keys(site_dir, "posted", "failed").len() == 2
        },
        "both fail",
    );
    let want = "401 Unauthorized: the receiver does not let us in; look at `token` and `headers` of [via.post], \
                then `concert notice retry --all-failed --via post`";
    assert!(rows(site_dir, &["--state", "failed"]).iter().all(|row| row["reason"] == want));
    assert_eq!(keys(site_dir, "written", "delivered").len(), 2, "the other way is not touched");
    closed.store(false, Ordering::SeqCst);
    done(site_dir, &["notice", "retry", "--all-failed", "--via", "files"]);
    assert_eq!(keys(site_dir, "posted", "failed").len(), 2, "they go by another way");
    done(site_dir, &["notice", "retry", "--all-failed", "--via", "post"]);
    once(site_dir);
    assert_eq!(keys(site_dir, "posted", "delivered").len(), 2);
    assert_eq!(web.requests().len(), 4);
}

/// Addresses in the last column of a CSV.
fn addresses(csv: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(csv);
    text.lines().skip(1).map(|line| line.rsplit(',').next().unwrap_or_default().to_owned()).collect()
}

const LARGE: &str = r#"
[site]
email = "cert@cert.example"

[[feed]]
name = "drop"
parser = "ndjson"
collect = { type = "file", path = "in/", every = "20ms", settle = "10ms" }

[[notice]]
name = "posted"
group_by = ["source.asn"]
columns = ["source.ip"]
via = "post"

[[notice]]
name = "mailed"
group_by = ["source.asn"]
columns = ["source.ip"]
to = "abuse@provider.example"
via = "mail"

[[notice]]
name = "written"
group_by = ["source.asn"]
columns = ["source.ip"]
events_max = 700
via = "files"

[via.post]
type = "http"
url = "WEB"

[via.mail]
type = "smtp"
host = "127.0.0.1"
port = SMTP
tls = "off"
zip_over = "1GiB"
size_max = "40KiB"

[via.files]
type = "file"
path = "out/"
"#;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_goes_out_in_parts_and_nothing_is_lost_or_doubled() {
    const TAKEN_MAX: usize = 70_000;
    let web = Web::start(None, |request| Answer::new(if request.body.len() > TAKEN_MAX { 413 } else { 200 }, ""));
    let (web, smtp) = (web.await.unwrap(), SmtpServer::start().await.unwrap());
    let folder = tempfile::tempdir().unwrap();
    let site_dir = folder.path();
    site(site_dir, &web);
    let settings = LARGE.replace("WEB", &web.url("/")).replace("SMTP", &smtp.address().port().to_string());
    fs::write(site_dir.join("concert.toml"), settings).unwrap();
    let mut wanted: Vec<String> = (0..2_500).map(|row| format!("10.0.{}.{}", row / 250, row % 250)).collect();
    wanted.sort();
    put(site_dir, "a", &wanted.iter().map(String::as_str).collect::<Vec<_>>());
    until(
        || {
            once(site_dir);
            rows(site_dir, &[]).len() > 3
        },
        "notices are made",
    );
    assert_eq!(rows(site_dir, &["--state", "delivered"]), rows(site_dir, &[]), "all in one round");

    let posts: Vec<_> = web.requests().into_iter().filter(|request| request.body.len() <= TAKEN_MAX).collect();
    let mails = smtp.mails();
    let attached = |mail: &Mail| {
        let text = String::from_utf8_lossy(&mail.bytes).into_owned();
        let (_, rest) = text.split_once("Content-Transfer-Encoding: base64\r\n\r\n").unwrap();
        STANDARD.decode(rest.lines().take_while(|line| !line.starts_with("--")).collect::<String>()).unwrap()
    };
    assert!(mails.iter().all(|mail| mail.bytes.len() <= 40 << 10));
    let files: Vec<Vec<u8>> =
        fs::read_dir(site_dir.join("out")).unwrap().map(|file| fs::read(file.unwrap().path()).unwrap()).collect();
    assert_eq!(files.len(), 4);
    let check = |way: &str, parts: Vec<Vec<u8>>| {
        let mut told: Vec<String> = parts.iter().flat_map(|part| addresses(part)).collect();
        told.sort();
        assert!(parts.len() > 1 && told == wanted, "{way}: {} parts, {} addresses", parts.len(), told.len());
    };
    check("posted", posts.iter().map(|post| post.body.clone()).collect());
    check("mailed", mails.iter().map(attached).collect());
    check("written", files);
    let keys: BTreeSet<_> = posts.iter().map(|post| post.header("idempotency-key")).collect();
    assert_eq!(keys.len(), posts.len(), "each part is a notice of its own");
}

#[test]
fn what_waits_for_approval_goes_when_a_person_says_so_and_once() {
    let folder = tempfile::tempdir().unwrap();
    let site = folder.path();
    init(site);
    let settings = "[[feed]]\nname = \"drop\"\nparser = \"ndjson\"\ncollect = { type = \"file\", path = \"in/\" }\n\
        [[notice]]\nname = \"written\"\ngroup_by = [\"source.ip\"]\nvia = \"files\"\napprove = true\n\
        [via.files]\ntype = \"file\"\npath = \"out/\"\n";
    fs::write(site.join("concert.toml"), settings).unwrap();
    fs::create_dir_all(site.join("in")).unwrap();
    put(site, "first", &["192.0.2.1", "192.0.2.2", "192.0.2.3"]);
    let files = || fs::read_dir(site.join("out")).map_or(0, Iterator::count);
    let send = || once(site);
    send();
    send();
    let waiting = rows(site, &["--state", "waiting"]);
    assert_eq!((waiting.len(), files()), (3, 0), "nothing goes out by itself");
    let id = |key: &str| {
        let row = waiting.iter().find(|row| row["key"] == key).unwrap();
        row["id"].as_str().unwrap().to_owned()
    };
    done(site, &["notice", "approve", &id("192.0.2.1")]);
    done(site, &["notice", "reject", &id("192.0.2.2"), "--why", "it is our own scanner"]);
    send();
    assert_eq!((keys(site, "written", "delivered"), files()), (vec!["192.0.2.1".to_owned()], 1));
    assert!(!at(site, &["notice", "approve", &id("192.0.2.2")]).status().unwrap().success(), "it is rejected");
    assert!(!at(site, &["notice", "approve", &id("192.0.2.1")]).status().unwrap().success(), "it went already");
    done(site, &["notice", "approve", "--all", "written"]);
    send();
    send();
    assert_eq!((keys(site, "written", "delivered").len(), keys(site, "written", "rejected").len(), files()), (2, 1, 2));
    // Sending again on purpose makes a new notice, which waits as well.
    done(site, &["notice", "resend", &id("192.0.2.1")]);
    send();
    assert_eq!((rows(site, &["--state", "waiting"]).len(), files()), (1, 2));
    done(site, &["notice", "approve", "--all", "written"]);
    send();
    assert_eq!((keys(site, "written", "delivered").len(), files()), (3, 3));
}

#[test]
fn a_notice_to_a_fixed_address_greets_the_party_only_where_that_is_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let site = folder.path();
    init(site);
    let kind = |to: &str| {
        format!(
            "[[notice]]\nname = \"{}\"\ngroup_by = [\"party\"]\nto = \"{to}\"\nformat = \"csv\"\nvia = \"mail\"\n",
            to.replace('@', ".")
        )
    };
    let kinds = ["responsible", "abuse@bank.example", "ministry@state.example"].map(kind).concat();
    let settings = "[site]\nname = \"Team\"\nemail = \"cert@cert.example\"\n[[feed]]\nname = \"drop\"\nparser = \"ndjson\"\n\
                    tlp = \"amber\"\n[via.mail]\ntype = \"smtp\"\nhost = \"127.0.0.1\"\ntls = \"off\"\n";
    fs::write(site.join("concert.toml"), format!("{settings}{kinds}")).unwrap();
    fs::write(site.join("parties.csv"), "party,prefixes,mail\nAlpha Bank,192.0.2.0/24,Abuse@bank.example\n").unwrap();
    fs::write(site.join("report"), "{\"source.ip\":\"192.0.2.1\"}\n").unwrap();
    done(site, &["contact", "import", "constituents", &site.join("parties.csv").display().to_string()]);
    done(site, &["ingest", "--feed", "drop", &site.join("report").display().to_string()]);
    let own = "TLP:AMBER\n\nDear Alpha Bank,\n\nTeam received reports about systems that you answer for (Alpha Bank).";
    let others = "TLP:AMBER\n\nHello,\n\nTeam received the reports below (Alpha Bank).";
    for (name, begins) in [("responsible", own), ("abuse.bank.example", own), ("ministry.state.example", others)] {
        let rows = rows(site, &["--name", name]);
        let shown = done(site, &["notice", "show", rows[0]["id"].as_str().unwrap(), "--format", "json"]);
        let shown: Value = serde_json::from_str(&shown).unwrap();
        assert!(shown["text"].as_str().unwrap().starts_with(begins), "{name}: {shown}");
        assert!(shown["subject"].as_str().unwrap().contains("] TLP:AMBER 1 event"), "{shown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn notices_to_the_same_people_go_in_one_mail_and_apart_when_that_is_too_large() {
    let smtp = SmtpServer::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let site = folder.path();
    init(site);
    let kind = |name: &str, to: &str, format: &str| {
        format!(
            "[[notice]]\nname = \"{name}\"\ngroup_by = [\"classification.type\"]\nto = \"{to}\"\nformat = \"{format}\"\n\
             via = \"mail\"\nmerge = true\n"
        )
    };
    let settings = |more: &str| {
        format!(
            "[site]\nname = \"Team\"\nemail = \"cert@cert.example\"\n\
             [[feed]]\nname = \"drop\"\nparser = \"ndjson\"\ncollect = {{ type = \"file\", path = \"in/\" }}\n{}{}{}\
             [via.mail]\ntype = \"smtp\"\nhost = \"127.0.0.1\"\nport = {}\ntls = \"off\"\n{more}",
            kind("one", "a@net.example", "csv"),
            kind("two", "a@net.example", "json"),
            kind("other", "b@net.example", "csv"),
            smtp.address().port(),
        )
    };
    fs::write(site.join("concert.toml"), settings("")).unwrap();
    fs::create_dir_all(site.join("in")).unwrap();
    put(site, "first", &["192.0.2.1", "192.0.2.2"]);
    once(site);
    let text = |mail: &Mail| String::from_utf8_lossy(&mail.bytes).into_owned();
    let mails = smtp.mails();
    let to = |address: &str| mails.iter().filter(|mail| mail.to == [address]).collect::<Vec<_>>();
    let (together, alone) = (to("a@net.example"), to("b@net.example"));
    assert_eq!((together.len(), alone.len()), (1, 1), "{mails:?}");
    let shown = text(together[0]);
    assert!(shown.contains("(and 1 more)") && shown.contains(".csv\"") && shown.contains(".json\""), "{shown}");
    assert_eq!(text(alone[0]).matches("Content-Disposition: attachment").count(), 1);
    let listed = rows(site, &[]);
    assert!(listed.iter().all(|row| row["state"] == "delivered"), "{listed:?}");
    // Each of them is a notice of its own, which says what it went with.
    let carried: Vec<Value> = listed
        .iter()
        .map(|row| {
            let shown = done(site, &["notice", "show", row["id"].as_str().unwrap(), "--format", "json"]);
            serde_json::from_str::<Value>(&shown).unwrap()
        })
        .filter(|shown| !shown["goes_with"].is_null())
        .collect();
    assert_eq!(carried.len(), 1, "{carried:?}");
    let raw = done(site, &["notice", "show", carried[0]["id"].as_str().unwrap(), "--raw"]);
    assert_eq!(raw.as_bytes(), together[0].bytes, "the mail it went out in");
    // What was merged goes out whole though the settings have nothing merged any more, also after a kill
    // before anything was composed.
    put(site, "third", &["192.0.2.7"]);
    done(site, &["ingest", "--feed", "drop", &site.join("in/third").display().to_string()]);
    fs::remove_file(site.join("in/third")).unwrap();
    let before = smtp.count();
    let queued: Vec<String> = rows(site, &["--state", "queued"])
        .iter()
        .filter(|row| row["to"] == "a@net.example")
        .map(|row| row["id"].as_str().unwrap().to_owned())
        .collect();
    let store = concert_store::Store::open(&site.join("data")).await.unwrap();
    assert_eq!(store.records.merge_notices(&queued[0], &queued).await.unwrap().len(), 1);
    drop(store);
    fs::write(site.join("concert.toml"), settings("").replace("merge = true\n", "")).unwrap();
    once(site);
    let whole = smtp.mails().split_off(before);
    let whole: Vec<String> = whole.iter().filter(|mail| mail.to == ["a@net.example"]).map(text).collect();
    assert!(whole.len() == 1 && whole[0].contains(".csv\"") && whole[0].contains(".json\""), "{whole:?}");
    // Together they are too large, each alone is not.
    let sent = smtp.count();
    fs::write(site.join("concert.toml"), settings("size_max = \"6KiB\"\n")).unwrap();
    let many: Vec<String> = (0..25).map(|host| format!("198.51.100.{host}")).collect();
    put(site, "second", &many.iter().map(String::as_str).collect::<Vec<_>>());
    once(site);
    let later = smtp.mails().split_off(sent);
    assert!(later.iter().all(|mail| !text(mail).contains("more)")) && later.len() >= 3, "{later:?}");
    assert!(rows(site, &[]).iter().all(|row| row["state"] == "delivered"));
    let told: u64 = rows(site, &[]).iter().filter_map(|row| row["events"].as_u64()).sum();
    assert_eq!(told, 3 * (2 + 1 + 25));
}

/// The clock of a machine was ahead by more than a year, and is set right.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_clock_that_was_ahead_planned_waits_no_longer() {
    let web = Web::start(None, |_| Answer::new(200, "taken")).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let site = folder.path();
    let list = "[[feed]]\nname = \"list\"\nparser = \"ndjson\"\ncollect = { type = \"file\", path = \"list/\" }\n";
    init(site);
    fs::write(site.join("concert.toml"), format!("{list}{}", SETTINGS.replace("WEB", &web.url("/")))).unwrap();
    let file = site.join("event").display().to_string();
    fs::write(&file, "{\"source.ip\":\"192.0.2.1\"}\n").unwrap();
    done(site, &["ingest", "--feed", "drop", &file]);
    let store = concert_store::Store::open(&site.join("data")).await.unwrap();
    let ahead = concert_model::Time(jiff::Timestamp::now().as_microsecond()).plus_seconds(400 * 86_400);
    let tried: Vec<_> = rows(site, &["--state", "queued"])
        .iter()
        .map(|row| (row["id"].as_str().unwrap().to_owned(), "queued", ahead, "busy".to_owned()))
        .collect();
    assert_eq!(tried.len(), 2);
    store.records.settle_notices(&tried, &[]).await.unwrap();
    let state = |feed: &str| {
        let listed = done(site, &["feed", "list", "--format", "ndjson"]);
        let mut feeds = listed.lines().map(|row| serde_json::from_str::<Value>(row).unwrap());
        feeds.find(|row| row["name"] == feed).unwrap()["state"].as_str().unwrap().to_owned()
    };
    store.records.feed_good("list", ahead).await.unwrap();
    assert_eq!(state("list"), "waiting", "nobody knows when that was");
    let now = concert_model::Time(jiff::Timestamp::now().as_microsecond());
    store.records.feed_trouble("list", now, "no such folder").await.unwrap();
    assert_eq!(state("list"), "trouble");
    store.records.feed_good("list", now.plus_seconds(1)).await.unwrap();
    store.records.feed_trouble("list", ahead, "no such folder").await.unwrap();
    assert_eq!(state("list"), "good");
    drop(store);
    let running = Running::start(site);
    until(|| rows(site, &["--state", "delivered"]).len() == 2, "both are tried again");
    running.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_goes_in_one_mail_with_what_is_gathered_for_the_same_moment() {
    let smtp = SmtpServer::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let site = folder.path();
    let made = Command::new(env!("CARGO_BIN_EXE_concert")).arg("init").arg(site).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    let kind = |name: &str, when: &str| {
        format!(
            "[[notice]]\nname = \"{name}\"\ngroup_by = [\"feed.name\"]\nto = \"a@net.example\"\nwhen = \"{when}\"\n\
             via = \"mail\"\nmerge = true\n"
        )
    };
    let settings = format!(
        "[site]\nname = \"Team\"\nemail = \"cert@cert.example\"\n[[feed]]\nname = \"drop\"\nparser = \"ndjson\"\n{}{}\
         [via.mail]\ntype = \"smtp\"\nhost = \"127.0.0.1\"\nport = {}\ntls = \"off\"\n",
        kind("waits", "at once"),
        kind("gathered", "every 6s"),
        smtp.address().port(),
    );
    fs::write(site.join("concert.toml"), settings).unwrap();
    let file = site.join("event").display().to_string();
    for round in 1..=3 {
        fs::write(&file, format!("{{\"source.ip\":\"192.0.2.{round}\"}}\n")).unwrap();
        done(site, &["ingest", "--feed", "drop", &file]);
        // As where it waits for a time of its party, or for a person.
        let store = concert_store::Store::open(&site.join("data")).await.unwrap();
        let (_, due) = store.records.notice_cursor("gathered").await.unwrap().unwrap();
        for row in rows(site, &["--state", "queued"]) {
            let id = row["id"].as_str().unwrap();
            assert!(store.records.requeue_notice(id, None, Gate::Open, due).await.unwrap());
        }
        drop(store);
        let running = Running::start(site);
        until(
            || keys(site, "gathered", "delivered").len() == round && keys(site, "waits", "delivered").len() == round,
            "both are delivered",
        );
        running.stop();
        assert_eq!(smtp.count(), round, "{:?}", rows(site, &[]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_several_in_one_mail_that_fails_keeps_none_of_the_others_back() {
    let smtp = SmtpServer::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let site = folder.path();
    init(site);
    let settings = format!(
        "[site]\nname = \"Team\"\nemail = \"cert@cert.example\"\n\
         [[feed]]\nname = \"drop\"\nparser = \"ndjson\"\ncollect = {{ type = \"file\", path = \"in/\" }}\n\
         [[notice]]\nname = \"one\"\ngroup_by = [\"classification.type\"]\nto = \"a@net.example\"\nvia = \"mail\"\nmerge = true\n\
         [via.mail]\ntype = \"smtp\"\nhost = \"127.0.0.1\"\nport = {}\ntls = \"off\"\n",
        smtp.address().port(),
    );
    fs::write(site.join("concert.toml"), settings).unwrap();
    fs::create_dir_all(site.join("in")).unwrap();
    fs::create_dir_all(site.join("templates/en")).unwrap();
    let fails = "{% for row in summary %}{% if row.type == \"spam\" %}{{ 1 // 0 }}{% endif %}{% endfor %}Events.\n";
    fs::write(site.join("templates/en/notice.txt.j2"), fails).unwrap();
    let happens = |address: &str| {
        let row = |kind| format!("{{\"source.ip\":\"{address}\",\"classification.type\":\"{kind}\"}}\n");
        fs::write(site.join("in/events"), ["spam", "scanner", "ddos"].map(row).concat()).unwrap();
    };
    let states = || {
        let count = |state: &str| rows(site, &["--state", state]).len();
        ["queued", "failed", "delivered"].map(count)
    };
    happens("192.0.2.1");
    once(site);
    assert_eq!((states(), smtp.count()), ([0, 1, 2], 2));
    // The same where a person names them.
    happens("192.0.2.2");
    done(site, &["ingest", "--feed", "drop", &site.join("in/events").display().to_string()]);
    let queued = rows(site, &["--state", "queued"]);
    let ids: Vec<&str> = queued.iter().map(|row| row["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 3, "{queued:?}");
    at(site, &[&["notice", "send"], ids.as_slice()].concat()).output().unwrap();
    assert_eq!((states(), smtp.count()), ([0, 2, 4], 4));
}

/// A site whose notices go by mail to `to`, and at once.
fn by_mail(folder: &Path, smtp: &SmtpServer, to: &str) {
    init(folder);
    let settings = format!(
        "[site]\nname = \"Team\"\nemail = \"cert@cert.example\"\n[[feed]]\nname = \"drop\"\nparser = \"ndjson\"\n\
         collect = {{ type = \"file\", path = \"in/\", settle = \"10ms\" }}\n[[notice]]\nname = \"told\"\nwhen = \"at once\"\n\
         via = \"mail\"\n{to}\n[via.mail]\ntype = \"smtp\"\nhost = \"127.0.0.1\"\nport = {}\ntls = \"off\"\n",
        smtp.address().port(),
    );
    fs::write(folder.join("concert.toml"), settings).unwrap();
    fs::create_dir_all(folder.join("in")).unwrap();
    put(folder, "first", &["192.0.2.1"]);
}

fn shown(site: &Path, id: &str) -> Value {
    serde_json::from_str(&done(site, &["notice", "show", id, "--format", "json"])).unwrap()
}

/// What a notice shows of those whom it is for, as `address state`.
fn receivers(shown: &Value) -> Vec<String> {
    let all = shown["receivers"].as_array().unwrap().iter();
    all.map(|one| format!("{} {}", one["contact"].as_str().unwrap(), one["state"].as_str().unwrap())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_refused_for_now_is_tried_again_alone_and_nobody_gets_a_mail_twice() {
    let (smtp, folder) = (SmtpServer::start().await.unwrap(), tempfile::tempdir().unwrap());
    let site = folder.path();
    by_mail(site, &smtp, "to = \"good@a.example, tmp@b.example, gone@c.example\"\nbcc = [\"copy@cert.example\"]");
    smtp.at_line(Stage::To, "tmp@", Act::Answer("450 4.2.0 greylisted".into()), 2);
    smtp.at_line(Stage::To, "copy@", Act::Answer("452 4.2.2 mailbox full".into()), 1);
    smtp.at_line(Stage::To, "gone@", Act::Answer("550 5.1.1 no such user".into()), 9);
    once(site);
    assert_eq!(smtp.mails().iter().map(|mail| mail.to.join(",")).collect::<Vec<_>>(), ["good@a.example"]);
    let row = rows(site, &[]).remove(0);
    let id = row["id"].as_str().unwrap();
    let reason = "250 2.0.0 taken; refused: gone@c.example: 550 5.1.1 no such user; not yet tmp@b.example (450 4.2.0 \
                  greylisted); not yet copy@cert.example (452 4.2.2 mailbox full)";
    assert_eq!((row["state"].as_str(), row["reason"].as_str()), (Some("queued"), Some(reason)));
    let some = ["tmp@b.example is waited for", "copy@cert.example is waited for"];
    let some = [&some[..], &["gone@c.example never gets it", "good@a.example has it"]].concat();
    assert_eq!(receivers(&shown(site, id)), some);
    // Each attempt is one of another process, so what is known is kept.
    for want in
        [["good@a.example", "copy@cert.example"].as_slice(), &["good@a.example", "copy@cert.example", "tmp@b.example"]]
    {
        done(site, &["notice", "retry", id]);
        once(site);
        assert_eq!(smtp.mails().iter().map(|mail| mail.to.join(",")).collect::<Vec<_>>(), want);
    }
    assert!(smtp.mails().iter().all(|mail| mail.bytes == smtp.mails()[0].bytes), "the same mail");
    let shown = shown(site, id);
    assert_eq!(
        (shown["state"].as_str(), shown["reason"].as_str()),
        (Some("delivered"), Some("sent in parts; 250 2.0.0 taken; not to gone@c.example (550 5.1.1 no such user)"))
    );
    let all = receivers(&shown);
    assert_eq!(all.iter().filter(|one| one.ends_with("has it")).count(), 3, "{all:?}");
    assert!(all.contains(&"gone@c.example never gets it".to_owned()) && all.len() == 4, "{all:?}");
    once(site);
    assert_eq!(smtp.count(), 3);
}

/// Each of them wishes another time, so the notice is told at once, and waits for one of them.
#[tokio::test(flavor = "multi_thread")]
async fn what_waited_for_the_time_of_one_contact_goes_in_one_mail() {
    let (smtp, folder) = (SmtpServer::start().await.unwrap(), tempfile::tempdir().unwrap());
    let site = folder.path();
    by_mail(site, &smtp, "to = \"responsible\"\ngroup_by = [\"source.ip\"]");
    fs::remove_file(site.join("in/first")).unwrap();
    let parties =
        "party,prefixes,mail,schedule\nNet,192.0.2.0/24,now@net.example,at once\nNet,,later@net.example,at 06:00\n";
    fs::write(site.join("parties.csv"), parties).unwrap();
    done(site, &["contact", "import", "constituents", &site.join("parties.csv").display().to_string()]);
    let is_of = |row: &Value, key: &str| row["key"].as_str().is_some_and(|of| of.contains(key));
    for report in ["192.0.2.1", "192.0.2.2"] {
        let kinds = ["scanner", "spam"]
            .map(|kind| format!("{{\"source.ip\":\"{report}\",\"classification.type\":\"{kind}\"}}\n"));
        for (at, row) in kinds.iter().enumerate() {
            fs::write(site.join("event"), row).unwrap();
            done(site, &["ingest", "--feed", "drop", &site.join("event").display().to_string()]);
            assert_eq!(rows(site, &[]).iter().filter(|row| is_of(row, report)).count(), 2 * (at + 1));
        }
    }
    let later: Vec<Value> = rows(site, &[]).into_iter().filter(|row| row["to"] == "later@net.example").collect();
    assert!(later.len() == 4 && later.iter().all(|row| row["due"] == later[0]["due"]), "{later:?}");
    // Its time comes.
    let store = concert_store::Store::open(&site.join("data")).await.unwrap();
    let now = concert_model::Time(jiff::Timestamp::now().as_microsecond());
    for row in &later {
        assert!(store.records.requeue_notice(row["id"].as_str().unwrap(), None, Gate::Open, now).await.unwrap());
    }
    drop(store);
    once(site);
    let to = |whom: &str| smtp.mails().iter().filter(|mail| mail.to == [whom]).count();
    assert_eq!((to("now@net.example"), to("later@net.example")), (4, 2), "one for each key");
    for key in ["192.0.2.1", "192.0.2.2"] {
        let rows = rows(site, &["--state", "delivered"]).into_iter();
        let of = rows.filter(|row| row["to"] == "later@net.example" && is_of(row, key));
        let shown: Vec<Value> = of.map(|row| shown(site, row["id"].as_str().unwrap())).collect();
        assert!(shown.iter().all(|one| one["state"] == "delivered" && one["message_id"] == shown[0]["message_id"]));
        assert_eq!(shown.len(), 2);
        assert_eq!(shown.iter().filter(|one| !one["goes_with"].is_null()).count(), 1);
    }
}

/// What was composed goes with whoever is to be forgotten, and is composed anew.
#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_is_composed_anew_for_the_others_does_not_go_to_whoever_has_it() {
    let (smtp, folder) = (SmtpServer::start().await.unwrap(), tempfile::tempdir().unwrap());
    let site = folder.path();
    by_mail(site, &smtp, "to = \"good@a.example, tmp@b.example\"");
    let many: Vec<String> = (1..40).map(|host| format!("192.0.2.{host}")).collect();
    put(site, "first", &many.iter().map(String::as_str).collect::<Vec<_>>());
    smtp.at_line(Stage::To, "tmp@", Act::Answer("450 4.2.0 greylisted".into()), 1);
    once(site);
    let id = rows(site, &[]).remove(0)["id"].as_str().unwrap().to_owned();
    let to = || smtp.mails().iter().map(|mail| mail.to.join(",")).collect::<Vec<_>>();
    assert_eq!(to(), ["good@a.example"]);
    done(site, &["forget", "192.0.2.17", "--yes"]);
    // It would be split by this, and all parts would go to all.
    let settings = fs::read_to_string(site.join("concert.toml")).unwrap();
    fs::write(site.join("concert.toml"), format!("{settings}size_max = \"2KiB\"\n")).unwrap();
    done(site, &["notice", "retry", &id]);
    once(site);
    assert_eq!(to(), ["good@a.example", "tmp@b.example"], "{:?}", rows(site, &[]));
    let mails = smtp.mails();
    let text = |mail: &Mail| String::from_utf8_lossy(&mail.bytes).into_owned();
    let number = |mail: &Mail| {
        text(mail).lines().find(|line| line.to_ascii_lowercase().starts_with("message-id:")).unwrap().to_owned()
    };
    assert_eq!(number(&mails[0]), number(&mails[1]));
    assert!(mails[1].bytes.len() > 2048 && mails[0].bytes != mails[1].bytes);
    let all = receivers(&shown(site, &id));
    assert_eq!(
        (rows(site, &[]).len(), all.as_slice()),
        (1, ["good@a.example has it", "tmp@b.example has it"].map(str::to_owned).as_slice())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_suspended_while_it_is_waited_for_gets_nothing_and_nobody_gets_a_mail_twice() {
    let (smtp, folder) = (SmtpServer::start().await.unwrap(), tempfile::tempdir().unwrap());
    let site = folder.path();
    by_mail(site, &smtp, "to = \"responsible\"");
    let parties =
        "party,prefixes,mail\nNet,192.0.2.0/24,good@net.example\nNet,,tmp@net.example\nNet,,full@net.example\n";
    fs::write(site.join("parties.csv"), parties).unwrap();
    done(site, &["contact", "import", "constituents", &site.join("parties.csv").display().to_string()]);
    smtp.at_line(Stage::To, "tmp@", Act::Answer("450 4.2.0 greylisted".into()), 9);
    smtp.at_line(Stage::To, "full@", Act::Answer("452 4.2.2 mailbox full".into()), 1);
    once(site);
    let id = rows(site, &[]).remove(0)["id"].as_str().unwrap().to_owned();
    for mail in ["tmp@net.example", "good@net.example"] {
        done(site, &["contact", "suspend", mail, "--why", "asked by telephone"]);
    }
    done(site, &["notice", "retry", &id]);
    once(site);
    assert_eq!(
        smtp.mails().iter().map(|mail| mail.to.join(",")).collect::<Vec<_>>(),
        ["good@net.example", "full@net.example"]
    );
    let shown = shown(site, &id);
    assert_eq!(shown["state"], "delivered", "{shown}");
    let reason = "sent in parts; 250 2.0.0 taken; not to tmp@net.example (it was suspended since)";
    assert_eq!(shown["reason"], reason);
    let want = ["full@net.example has it", "good@net.example has it", "tmp@net.example never gets it"];
    let mut got = receivers(&shown);
    got.sort();
    assert_eq!(got, want);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_whose_own_domain_is_internationalised_sends_its_mails() {
    let (smtp, folder) = (SmtpServer::start().await.unwrap(), tempfile::tempdir().unwrap());
    let site = folder.path();
    by_mail(site, &smtp, "to = \"good@a.example\"");
    let settings = fs::read_to_string(site.join("concert.toml")).unwrap();
    fs::write(site.join("concert.toml"), settings.replace("cert@cert.example", "cert@b\u{fc}cher.example")).unwrap();
    done(site, &["check"]);
    once(site);
    let mail = smtp.mails().remove(0);
    let text = String::from_utf8_lossy(&mail.bytes).into_owned();
    assert_eq!(mail.from, "cert@xn--bcher-kva.example");
    let id = text.lines().find(|line| line.to_ascii_lowercase().starts_with("message-id:")).unwrap();
    assert!(id.ends_with("@xn--bcher-kva.example>"), "{id}");
}
