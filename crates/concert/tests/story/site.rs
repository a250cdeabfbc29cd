//! A site with users, its commands, and its server.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::init::init;

const SITE: &str = "[site]\nname = \"CERT Example\"\nemail = \"cert@cert.example\"\nticket = \"CERT-EX\"\n";

/// A feed of which a site has an event.
pub(crate) const FEED: &str = "[[feed]]\nname = \"drop\"\nparser = \"ndjson\"\n";

pub(crate) struct Site {
    dir: tempfile::TempDir,
}

impl Site {
    /// A new site with more settings.
    pub(crate) fn new(more: &str) -> Self {
        let site = Self { dir: tempfile::tempdir().unwrap() };
        init(&site.path());
        site.settings(more);
        site
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().join("site")
    }

    pub(crate) fn settings(&self, more: &str) {
        std::fs::write(self.path().join("concert.toml"), format!("{SITE}{more}")).unwrap();
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_concert"));
        command.args(args).arg("--site").arg(self.path()).env_remove("CONCERT_SITE").env_remove("CONCERT_LOG");
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> (i32, String, String) {
        let output = self.command(args).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
    }

    /// What a command that must end well prints, as rows.
    pub(crate) fn done(&self, args: &[&str]) -> Vec<Value> {
        let (code, out, err) = self.run(args);
        assert_eq!(code, 0, "{args:?}: {err}");
        out.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    pub(crate) fn refused(&self, args: &[&str], want: &str) {
        let (code, _, err) = self.run(args);
        assert!(code == 2 && err.contains(want), "{args:?}: {code} {err}");
    }

    pub(crate) fn open(&self, title: &str, more: &[&str]) -> String {
        let opened =
            self.done(&[&["incident", "open", title, "--type", "scanner", "--severity", "medium"], more].concat());
        opened[0]["incident"].as_str().unwrap().to_owned()
    }

    pub(crate) fn write(&self, number: &str, kind: &str, content: &Value, more: &[&str]) {
        let content = content.to_string();
        self.done(&[&["incident", "write", number, kind, &content], more].concat());
    }

    /// The identity of an event that the site has.
    pub(crate) fn event(&self) -> String {
        let path = self.dir.path().join("event");
        let event =
            json!({"classification.type": "scanner", "source.ip": "192.0.2.7", "time.source": "2026-11-22T04:50:30Z"});
        std::fs::write(&path, format!("{event}\n")).unwrap();
        // Taken in again it adds nothing, and while the site is served the server has it already.
        if self.done(&["events"]).is_empty() {
            self.done(&["ingest", "--feed", "drop", path.to_str().unwrap()]);
        }
        self.done(&["events"])[0]["event.id"].as_str().unwrap().to_owned()
    }

    /// Adds a user with an address, `NAME@cert.example`.
    pub(crate) fn user(&self, name: &str, role: &str, clearance: &str) {
        let mail = format!("{name}@cert.example");
        let args = ["--full-name", name, "--mail", &mail, "--role", role, "--clearance", clearance];
        let (code, _, err) = self.run(&[&["user", "add", name], &args[..]].concat());
        assert_eq!(code, 0, "{err}");
    }

    pub(crate) fn token(&self, name: &str) -> String {
        let scope = ["--scope", "incidents:read,incidents:write,events:read", "--expires", "1d"];
        let (code, token, err) = self.run(&[&["token", "create", "--user", name], &scope[..]].concat());
        assert_eq!(code, 0, "{err}");
        token.trim().to_owned()
    }

    pub(crate) fn role(&self, number: &str, role: &str, person: &str) {
        self.write(number, "role", &json!({"role": role, "person": person, "party": "", "holds": true}), &[]);
    }
}

/// The year, as numbers of incidents have it.
pub(crate) fn year() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let date = concert_model::Time(i64::try_from(now.as_micros()).unwrap()).date_text();
    date.split('-').next().unwrap().to_owned()
}

/// A server of a site, and requests to it.
pub(crate) struct Serving {
    child: Child,
    port: u16,
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Serving {
    pub(crate) fn start(site: &Site) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        site.settings(&format!("[serve]\nlisten = \"127.0.0.1:{port}\"\n"));
        let child = site.command(&["serve", "--quiet"]).stdout(Stdio::null()).spawn().unwrap();
        let serving = Self { child, port };
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(60), "the server does not start");
            std::thread::sleep(Duration::from_millis(20));
        }
        serving
    }

    /// Status and body.
    pub(crate) fn ask(&self, method: &str, path: &str, token: &str, body: &[u8], media: &str) -> (u16, Value) {
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nContent-Type: {media}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
        );
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let answer = String::from_utf8_lossy(&answer);
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap();
        (status, serde_json::from_str(body).unwrap_or_else(|_| Value::String(body.to_owned())))
    }

    pub(crate) fn get(&self, path: &str, token: &str) -> (u16, Value) {
        self.ask("GET", path, token, b"", "application/json")
    }

    pub(crate) fn post(&self, path: &str, token: &str, body: &Value) -> (u16, Value) {
        self.ask("POST", path, token, body.to_string().as_bytes(), "application/json")
    }
}
