//! What stands in the log: numbers and names of our own, and no address, mail address or word of a report or peer.
//!
//! The built program works on a site with every way in and out there is without a network, with good and bad input
//! and with peers that answer with words of their own.

#![expect(clippy::unwrap_used, reason = "all of this is a test, also what stands outside its functions")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use concert_testkit::imap::ImapServer;
use concert_testkit::irc::IrcServer;
use concert_testkit::listen::{Listener, loopback};
use concert_testkit::smtp::{Act, SmtpServer, Stage};
use concert_testkit::web::{Answer, Web};
use serde_json::Value;
use tokio::io::AsyncWriteExt;

#[path = "support/init.rs"]
mod init;

use init::init;

/// What is in reports and in what peers say, and in no log.
const SECRETS: [&str; 5] = ["quokka", "203.0.113.77", "2001:db8:77::7", "otto.leak", "leak.example"];

const SETTINGS: &str = r##"
[site]
email = "cert@cert.example"

[[feed]]
name = "drop"
parser = "csv"
columns = { ip = "source.ip", note = "comment", who = "source.account" }
collect = { type = "file", path = "in/", pattern = "*.csv" }
[[feed]]
name = "tail"
parser = "ndjson"
collect = { type = "file", path = "growing.ndjson", mode = "tail" }
[[feed]]
name = "list"
parser = "blocklistde"
collect = { type = "http", url = "WEB/all.txt" }
[[feed]]
name = "page"
parser = "blocklistde"
collect = { type = "http", url = "WEB/page" }
[[feed]]
name = "bad list"
parser = "blocklistde"
collect = { type = "http", url = "WEB/broken" }
[[feed]]
name = "mails"
parser = "csv"
columns = { ip = "source.ip" }
collect = { type = "imap", host = "127.0.0.1", port = IMAP, tls = "off", user = "feeds", password = { file = "secret" } }
[[feed]]
name = "bad mails"
parser = "csv"
columns = { ip = "source.ip" }
collect = { type = "imap", host = "127.0.0.1", port = RUDE, tls = "off", user = "feeds", password = { file = "secret" } }
[[feed]]
name = "other account"
parser = "csv"
columns = { ip = "source.ip" }
collect = { type = "imap", host = "127.0.0.1", port = IMAP, tls = "off", user = "otto.leak", password = { file = "secret" } }
[[feed]]
name = "live"
parser = "keyvalue"
collect = { type = "irc", host = "127.0.0.1", port = IRC, tls = "off", channel = "#feeds" }
[[feed]]
name = "bad live"
parser = "keyvalue"
collect = { type = "irc", host = "127.0.0.1", port = RUDE, tls = "off", channel = "#feeds" }

[via.mail]
type = "smtp"
host = "127.0.0.1"
port = SMTP
tls = "off"
[via.post]
type = "http"
url = "WEB/refused"

[[notice]]
name = "by mail"
group_by = ["source.ip"]
to = "otto.leak@leak.example"
when = "at once"
via = "mail"
[[notice]]
name = "by post"
group_by = ["source.ip"]
when = "at once"
via = "post"
"##;

/// A peer that says one line to whoever comes, and leaves.
async fn rude() -> Listener {
    let said = b"* BYE quokka does not like otto.leak@leak.example from 203.0.113.77\r\n";
    Listener::start(loopback(), move |mut stream| async move {
        stream.write_all(said).await.ok();
        stream.write_all(b"ERROR :quokka: no 203.0.113.77 here, says otto.leak@leak.example\r\n").await.ok();
    })
    .await
    .unwrap()
}

async fn web() -> Web {
    let answer = |path: &str| match path {
        "/all.txt" => Answer::new(200, "203.0.113.77\n2001:db8:77::7\nquokka\n"),
        "/page" => Answer::new(200, "<!DOCTYPE html>\n<p>quokka\n<p>203.0.113.77\n"),
        "/refused" => Answer::new(422, "quokka will not have 203.0.113.77"),
        _ => Answer::new(500, "quokka broke at 203.0.113.77"),
    };
    Web::start(None, move |request| answer(&request.path)).await.unwrap()
}

fn write(dir: &Path, name: &str, bytes: &[u8]) {
    let path = dir.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// Reports of every kind: good, with bad lines, and such as are none.
fn fill(dir: &Path) {
    write(
        dir,
        "in/good.csv",
        b"ip,note,who\n203.0.113.77,quokka was here,otto.leak@leak.example\nquokka,x,y\n\"203.0.113.77,x,y\n",
    );
    write(dir, "in/other.csv", b"quokka,otto.leak\n203.0.113.77,2001:db8:77::7\n");
    write(dir, "in/packed.csv", b"\x1f\x8b\x08\x00quokka 203.0.113.77");
    write(dir, "in/archive.csv", b"PK\x03\x04quokka 203.0.113.77 otto.leak@leak.example");
    write(
        dir,
        "growing.ndjson",
        b"{\"source.ip\":\"2001:db8:77::7\",\"comment\":\"quokka\"}\n{\"source.ip\":\"quokka\"}\nquokka\n",
    );
}

fn mail(body: &str) -> Vec<u8> {
    format!(
        "From: Otto <otto.leak@leak.example>\r\nTo: cert@cert.example\r\nSubject: quokka\r\nMessage-ID: <quokka@leak.example>\r\n\
         MIME-Version: 1.0\r\nContent-Type: text/csv; name=\"report.csv\"\r\n\r\n{body}"
    )
    .into_bytes()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_address_and_no_word_of_others_stands_in_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("site");
    let program = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_concert"));
        command.env_remove("CONCERT_LOG").env("CONCERT_SITE", &dir).stdin(Stdio::null());
        command
    };
    init(&dir);
    let (web, rude, irc) = (web().await, rude().await, IrcServer::start().await.unwrap());
    let imap = ImapServer::start("feeds", "secret").await.unwrap();
    imap.deliver(&mail("ip\r\n203.0.113.77\r\nquokka\r\n"));
    imap.deliver(&mail("quokka\r\notto.leak@leak.example\r\n"));
    let smtp = SmtpServer::start().await.unwrap();
    let refusal = "550 5.1.1 quokka does not know otto.leak@leak.example [203.0.113.77]";
    smtp.at_line(Stage::To, "otto.leak", Act::Answer(refusal.into()), usize::MAX);
    let port = |address: std::net::SocketAddr| address.port().to_string();
    let settings = SETTINGS
        .replace("WEB", web.url("").trim_end_matches('/'))
        .replace("IMAP", &port(imap.address()))
        .replace("RUDE", &port(rude.address()))
        .replace("IRC", &port(irc.address()))
        .replace("SMTP", &port(smtp.address()));
    write(&dir, "concert.toml", settings.as_bytes());
    write(&dir, "secret", b"secret");
    fs::set_permissions(dir.join("secret"), fs::Permissions::from_mode(0o600)).unwrap();
    fill(&dir);

    let once = program()
        .args(["run", "--once", "--log-format", "json"])
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let saying = async {
        irc.wait_until(|irc| irc.members("#feeds").iter().any(|nick| nick == "concert")).await;
        for line in ["ip=203.0.113.77, note=quokka", "quokka", "ip=\"203.0.113.77", "url=http://leak.example/quokka"] {
            irc.say("#feeds", "otto", line.as_bytes());
        }
    };
    tokio::time::timeout(Duration::from_secs(60), saying).await.unwrap();
    let ended = tokio::task::block_in_place(|| once.wait_with_output()).unwrap();
    let log = String::from_utf8(ended.stderr).unwrap();
    // What came is there, so the log had something to tell.
    let events = program().args(["events", "--limit", "0"]).output().unwrap();
    let events = String::from_utf8(events.stdout).unwrap();
    for secret in SECRETS.iter().filter(|secret| **secret != "leak.example") {
        assert!(events.contains(secret), "{secret} did not come in: {events}\n{log}");
    }
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    // What ends a command is an object too.
    let gone = program().args(["feed", "show", "nosuch", "--log-format", "json"]).output().unwrap();
    let gone: Value = serde_json::from_slice(&gone.stderr).unwrap();
    assert_eq!((&gone["level"], &gone["fields"]["message"]), (&"ERROR".into(), &"there is no feed `nosuch`".into()));
    // So is wrong usage, of which people get several paragraphs.
    let wrong = program().args(["feed", "show", "--wrong", "--log-format", "json"]).output().unwrap();
    assert_eq!(wrong.status.code(), Some(2));
    let wrong: Value = serde_json::from_slice(&wrong.stderr).unwrap();
    assert_eq!(
        (&wrong["level"], &wrong["fields"]["message"]),
        (&"ERROR".into(), &"unexpected argument '--wrong' found".into())
    );
    for feed in ["drop", "tail", "list", "page", "bad list", "mails", "bad mails", "other account", "live", "bad live"]
    {
        assert!(lines.iter().any(|line| line["fields"]["feed"] == feed), "nothing is told of `{feed}`:\n{log}");
    }
    assert!(lines.iter().any(|line| line["fields"]["via"] == "mail"), "nothing is told of mail:\n{log}");
    // What peers said is kept where it belongs.
    for feed in ["bad mails", "bad live"] {
        let shown = program().args(["feed", "show", feed, "--format", "json"]).output().unwrap();
        let shown = String::from_utf8(shown.stdout).unwrap();
        assert!(shown.contains("quokka"), "{feed}: {shown}");
    }
    for line in lines.iter().map(Value::to_string) {
        let found: Vec<_> = SECRETS.iter().filter(|secret| line.contains(**secret)).collect();
        assert!(found.is_empty(), "{found:?} in the log: {line}");
    }
}
