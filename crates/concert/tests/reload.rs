//! Changed settings while at work, as those in a channel see them: who is not concerned stays.

#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up must fail")]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

#[path = "support/program.rs"]
mod program;
#[path = "support/until.rs"]
mod until;

use program::concert;
use until::until;

/// A process that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn json(args: &[&str]) -> Vec<Value> {
    let out = concert(args).output().unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A private ngircd, where there is one.
fn ngircd(dir: &Path, port: u16) -> Option<Running> {
    let binary = ["/usr/sbin/ngircd", "/usr/bin/ngircd", "/usr/local/sbin/ngircd"];
    let binary = binary.iter().find(|path| Path::new(path).exists())?;
    let settings = format!(
        "[Global]\nName = irc.test\nInfo = test\nAdminEMail = a@irc.test\nListen = 127.0.0.1\nPorts = {port}\n\
         ServerUID = 0\nServerGID = 0\nMotdPhrase = hello\n[Limits]\nMaxConnectionsIP = 0\nMaxNickLength = 20\n\
         [Options]\nDNS = no\nIdent = no\nPAM = no\n"
    );
    fs::write(dir.join("ngircd.conf"), settings).unwrap();
    let mut command = Command::new(binary);
    command.arg("-n").arg("-f").arg(dir.join("ngircd.conf")).stdin(Stdio::null()).stdout(Stdio::null());
    let child = Running(command.stderr(Stdio::null()).spawn().unwrap());
    until(|| TcpStream::connect(("127.0.0.1", port)).is_ok(), "ngircd starts");
    Some(child)
}

/// Somebody in both channels, who says lines and hears who comes and goes.
struct Speaker {
    stream: TcpStream,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Speaker {
    fn join(port: u16) -> Self {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        write!(stream, "NICK speaker\r\nUSER speaker 0 * :speaker\r\nJOIN #feeds\r\nJOIN #told\r\n").unwrap();
        let heard = Arc::<Mutex<Vec<String>>>::default();
        let (mut reading, kept, mut answering) =
            (BufReader::new(stream.try_clone().unwrap()), Arc::clone(&heard), stream.try_clone().unwrap());
        std::thread::spawn(move || {
            let mut line = String::new();
            while reading.read_line(&mut line).is_ok_and(|bytes| bytes > 0) {
                if let Some(token) = line.strip_prefix("PING ") {
                    write!(answering, "PONG {token}").ok();
                }
                kept.lock().unwrap().push(std::mem::take(&mut line));
            }
        });
        let speaker = Self { stream, heard };
        until(|| speaker.saw("speaker", "JOIN") == 2, "the speaker is there");
        speaker
    }

    fn say(&mut self, number: u32) {
        write!(self.stream, "PRIVMSG #feeds :{{\"source.ip\":\"192.0.2.{number}\"}}\r\n").unwrap();
    }

    /// How often one of this nickname did so.
    fn saw(&self, nick: &str, what: &str) -> usize {
        let heard = self.heard.lock().unwrap();
        let is_it = |line: &&String| line.starts_with(&format!(":{nick}!")) && line.contains(&format!(" {what} "));
        heard.iter().filter(is_it).count()
    }
}

const SETTINGS: &str = r##"
[site]
name = "CERT Example"
email = "cert@cert.example"

[[feed]]
name = "chat"
provider = "PROVIDER"
parser = "ndjson"

[feed.collect]
type = "irc"
host = "127.0.0.1"
port = PORT
tls = "off"
nickname = "LISTENER"
channel = "#feeds"
from = ["speaker"]

[[feed]]
name = "OTHER"
parser = "ndjson"
collect = { type = "file", path = "in/" }

[[notice]]
name = "told"
group_by = ["source.ip"]
when = "at once"
format = "text"
via = "channel"

[via.channel]
type = "irc"
host = "127.0.0.1"
port = PORT
tls = "off"
nickname = "teller"
channel = "#told"
pace = "10ms"
"##;

#[test]
fn a_reload_that_does_not_concern_a_channel_loses_no_line_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let Some(_server) = ngircd(folder.path(), port) else {
        println!("skipped: ngircd is not installed");
        return;
    };
    let site = folder.path().join("site");
    let dir = site.to_str().unwrap();
    assert!(concert(&["init", dir]).output().unwrap().status.success());
    let write_settings = |listener: &str, provider: &str, other: &str| {
        let text = SETTINGS.replace("PORT", &port.to_string()).replace("LISTENER", listener);
        fs::write(site.join("concert.toml"), text.replace("PROVIDER", provider).replace("OTHER", other)).unwrap();
    };
    let reload = || {
        let out = concert(&["reload", "--site", dir]).output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    };
    let events = || json(&["events", "--site", dir, "--format", "ndjson", "--limit", "100"]);
    write_settings("listener", "First", "other");
    let mut speaker = Speaker::join(port);
    let _working = Running(concert(&["run", "--site", dir]).stderr(Stdio::null()).spawn().unwrap());
    until(|| speaker.saw("listener", "JOIN") == 1, "the listener comes");
    speaker.say(1);
    until(|| speaker.saw("teller", "PRIVMSG") > 0, "the first line is told");

    // Another feed is renamed, and all but the way in of this one is changed, while somebody speaks.
    write_settings("listener", "Second", "renamed");
    std::thread::scope(|scope| {
        let speaking = scope.spawn(|| {
            for number in 2..=9 {
                speaker.say(number);
                std::thread::sleep(Duration::from_millis(200));
            }
        });
        reload();
        speaking.join().unwrap();
    });
    speaker.say(10);
    until(|| events().len() == 10, "every line is an event");
    until(|| events().iter().any(|event| event["feed.provider"] == "Second"), "the change is in force");
    let told = |number: u32| {
        let heard = speaker.heard.lock().unwrap();
        heard.iter().any(|line| line.starts_with(":teller!") && line.contains(&format!("192.0.2.{number}")))
    };
    until(|| told(10), "the last line is told");
    for who in ["listener", "teller"] {
        assert_eq!((speaker.saw(who, "JOIN"), speaker.saw(who, "QUIT")), (1, 0), "{who}");
    }
    assert_eq!(speaker.saw("teller1", "JOIN"), 0);
    let shown = json(&["feed", "show", "chat", "--site", dir, "--format", "ndjson"]);
    assert_eq!(shown[0]["newest_gaps"], serde_json::json!([]), "{shown:?}");

    // What does concern it is taken up.
    write_settings("another", "Second", "renamed");
    reload();
    until(|| speaker.saw("listener", "QUIT") == 1 && speaker.saw("another", "JOIN") == 1, "the other nickname comes");
}

/// Lines of standard input, and what waits of a feed, when that gets another name.
#[test]
fn a_reload_that_renames_a_feed_loses_no_line_of_standard_input() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_str().unwrap();
    assert!(concert(&["init", dir]).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success());
    let write_settings = |name: &str| {
        let text = format!(
            "[site]\nname = \"X\"\nemail = \"x@cert.example\"\n[[feed]]\nname = \"{name}\"\nparser = \"ndjson\"\n\
             collect = {{ type = \"file\", path = \"-\" }}\n"
        );
        fs::write(folder.path().join("concert.toml"), text).unwrap();
    };
    write_settings("before");
    let mut command = concert(&["run", "--site", dir]);
    let mut running = Running(command.stdin(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap());
    let mut input = running.0.stdin.take().unwrap();
    let is_over = Arc::new(AtomicBool::new(false));
    let over = Arc::clone(&is_over);
    // Somebody writes without a pause, and breaks in the middle of lines.
    let writing = std::thread::spawn(move || {
        let mut count = 0_u32;
        while !over.load(Ordering::Relaxed) {
            count += 1;
            let address = std::net::Ipv4Addr::from(u32::from(std::net::Ipv4Addr::new(10, 0, 0, 0)) + count);
            write!(input, "{{\"source.ip\":").unwrap();
            std::thread::sleep(Duration::from_millis(1));
            writeln!(input, "\"{address}\"}}").unwrap();
        }
        count
    });
    let counted = |feed: &str| {
        let where_it = format!("feed.name == \"{feed}\"");
        json(&["events", &where_it, "--site", dir, "--format", "ndjson", "--limit", "0"]).len()
    };
    let mut names = vec!["before".to_owned()];
    until(|| counted("before") > 0, "the first lines are there");
    for round in 1..=3 {
        let name = format!("after-{round}");
        write_settings(&name);
        assert!(concert(&["reload", "--site", dir]).stderr(Stdio::null()).status().unwrap().success());
        until(|| counted(&name) > 0, "the feed of the new name reads on");
        names.push(name);
    }
    is_over.store(true, Ordering::Relaxed);
    let count = writing.join().unwrap() as usize;
    let all = || names.iter().map(|name| counted(name)).sum::<usize>();
    until(|| all() == count, "every line is an event");
}

/// What an address answers to whoever asks whether it is there.
fn healthy(port: u16) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return false };
    write!(stream, "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).is_ok_and(|_| line.contains(" 200 "))
}

/// A push to a feed that a reload takes away is acknowledged only where it is processed by the settings that it came by.
#[test]
fn a_push_that_lasts_over_the_reload_which_renames_its_feed_is_not_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let write = |name: &str| {
        let text = format!(
            "[site]\nname = \"X\"\nemail = \"x@cert.example\"\n[serve]\nlisten = \"127.0.0.1:{port}\"\n\
             [[feed]]\nname = \"{name}\"\nparser = \"ndjson\"\n\
             collect = {{ type = \"push\", token = {{ file = \"secrets/push\" }} }}\n"
        );
        fs::write(folder.path().join("concert.toml"), text).unwrap();
    };
    let dir = folder.path().to_str().unwrap();
    let init = concert(&["init", dir]).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
    assert!(init.success());
    fs::write(folder.path().join("secrets/push"), "a-token-that-nobody-guesses").unwrap();
    write("before");
    let _running = Running(concert(&["serve", "--site", dir]).stderr(Stdio::null()).spawn().unwrap());
    until(|| healthy(port), "it answers");
    let body = "{\"source.ip\":\"192.0.2.1\"}\n";
    let (start, rest) = body.split_at(5);
    let begin = |feed: &str| {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        write!(
            stream,
            "POST /api/v1/feeds/{feed}/reports HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Authorization: Bearer a-token-that-nobody-guesses\r\nContent-Length: {}\r\n\r\n{start}",
            body.len()
        )
        .unwrap();
        stream
    };
    let end = |mut stream: TcpStream| {
        stream.write_all(rest.as_bytes()).unwrap();
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).unwrap();
        line.split(' ').nth(1).unwrap().to_owned()
    };
    assert_eq!(end(begin("before")), "202");
    let lasting = begin("before");
    std::thread::sleep(Duration::from_millis(300));
    write("after");
    assert!(concert(&["reload", "--site", dir]).stderr(Stdio::null()).status().unwrap().success());
    assert_eq!(end(lasting), "503");
    assert_eq!((end(begin("before")).as_str(), end(begin("after")).as_str()), ("401", "202"));
    until(|| json(&["events", "--site", dir, "--format", "ndjson", "--limit", "0"]).len() == 2, "both are events");
}

#[test]
fn pages_move_to_the_address_that_a_reload_brings_and_stay_where_it_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let [first, second] = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let [first, second] = [first, second].map(|listener| listener.local_addr().unwrap().port());
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let write = |port: u16, more: &str| {
        let site = "[site]\nname = \"X\"\nemail = \"x@cert.example\"\n[serve]\nlisten = \"127.0.0.1:";
        fs::write(folder.path().join("concert.toml"), format!("{site}{port}\"\n{more}")).unwrap();
    };
    let dir = folder.path().to_str().unwrap();
    let reload = || assert!(concert(&["reload", "--site", dir]).stderr(Stdio::null()).status().unwrap().success());
    let init = concert(&["init", dir]).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
    assert!(init.success());
    write(first, "");
    let _running = Running(concert(&["serve", "--site", dir]).stderr(Stdio::null()).spawn().unwrap());
    until(|| healthy(first), "it answers");
    write(second, "");
    reload();
    until(|| healthy(second) && !healthy(first), "it answers at the other address");
    write(taken.local_addr().unwrap().port(), "");
    reload();
    write(second, "requests_per_minute = 1000\n");
    reload();
    until(|| healthy(second), "it stays where it was");
    let free = taken.local_addr().unwrap().port();
    write(free, "");
    reload();
    drop(taken);
    reload();
    until(|| healthy(free) && !healthy(second), "it is tried again");
    write(second, "");
    reload();
    until(|| healthy(second), "and back");
    write(first, "");
    reload();
    until(|| healthy(first) && !healthy(second), "and goes on from there");
}
