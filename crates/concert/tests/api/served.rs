//! A site with a feed, commands on it, and a program that serves it: for tests that ask over HTTP.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use concert_store::Store;
use concert_store::records::{By, NewToken};
use serde_json::Value;

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
name = "daily"
group_by = ["party"]
to = "responsible"
when = "at once"
format = "csv"
via = "outbox"

[via.outbox]
type = "file"
path = "out/"
"#;

pub(crate) struct Served {
    folder: tempfile::TempDir,
    serving: Option<(Child, String)>,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

fn answer(text: &str) -> Answer {
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
    Answer { status, head: head.to_lowercase(), body: body.to_owned() }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// The header `Cookie` with the session that began.
    pub(crate) fn cookie(&self) -> String {
        let set = self.head.lines().find_map(|line| line.strip_prefix("set-cookie: "));
        let set = set.unwrap_or_else(|| panic!("no session began: {} {}", self.status, self.body));
        format!("Cookie: {}\r\n", set.split(';').next().unwrap())
    }
}

impl Served {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let site = Self { folder, serving: None };
        site.done(&["init", "."]);
        site.file("concert.toml", SETTINGS);
        site.file("secrets/push", "the-token");
        site
    }

    /// Settings besides those that every site here has.
    pub(crate) fn settings(&self, more: &str) {
        self.file("concert.toml", &format!("{SETTINGS}{more}"));
    }

    /// More settings of `[serve]`.
    pub(crate) fn settings_of_serve(&self, more: &str) {
        self.file("concert.toml", &SETTINGS.replace("[[feed]]", &format!("{more}\n[[feed]]")));
    }

    /// More settings of the notice.
    pub(crate) fn settings_of_notice(&self, more: &str) {
        self.file("concert.toml", &SETTINGS.replace("[via.outbox]", &format!("{more}\n\n[via.outbox]")));
    }

    /// Asks again and again until something holds, as what serves does its work beside.
    pub(crate) fn until(&self, holds: impl Fn() -> bool) {
        let end = std::time::Instant::now() + Duration::from_secs(60);
        while !holds() {
            assert!(std::time::Instant::now() < end, "it did not come to hold");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    pub(crate) fn serve(mut self) -> Self {
        let mut command = self.command(&["serve"]);
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        let address = line.trim().trim_end_matches('/').rsplit('/').next().unwrap().to_owned();
        // Read on, or the process would stand still with a full pipe.
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::stderr()));
        self.serving = Some((child, address));
        self
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_concert"));
        command.args(["--quiet"]).args(args).current_dir(self.folder.path());
        command.env_remove("CONCERT_SITE").env_remove("CONCERT_LOG");
        command
    }

    /// What a command prints, which must go well.
    pub(crate) fn done(&self, args: &[&str]) -> String {
        let output = self.command(args).stdin(Stdio::null()).output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// What a command says that must not go well.
    pub(crate) fn fails(&self, args: &[&str]) -> String {
        let output = self.command(args).stdin(Stdio::null()).output().unwrap();
        assert!(!output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stdout));
        String::from_utf8(output.stderr).unwrap()
    }

    pub(crate) fn rows(&self, args: &[&str]) -> Vec<Value> {
        let out = self.done(&[args, &["--format", "ndjson"]].concat());
        out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Writes a file, and gives its name.
    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        let path = self.folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Has all notices be as if they had been made so long ago.
    pub(crate) fn age_notices(&self, days: u64) {
        let script = "import sqlite3,sys; d=sqlite3.connect('data/records.sqlite'); \
                      d.execute('UPDATE notice SET made = made - 86400000000 * ?', (int(sys.argv[1]),)); d.commit()";
        let mut python = Command::new("python3");
        python.args(["-c", script, &days.to_string()]).current_dir(self.folder.path());
        assert!(python.status().unwrap().success());
    }

    pub(crate) fn token(&self, user: &str, scopes: &str) -> String {
        self.done(&["token", "create", "--user", user, "--scope", scopes]).trim().to_owned()
    }

    /// A token of a user, which ended long ago.
    pub(crate) fn expired_token(&self, user: &str) -> String {
        let token = format!("concert_expired_{user}");
        let (scopes, expires) = (vec![concert_model::user::Scope::Admin], concert_model::Time(1));
        let new = NewToken { hash: *blake3::hash(token.as_bytes()).as_bytes(), user: user.to_owned(), scopes, expires };
        let by = By { who: "test".into(), from: String::new(), at: concert_model::Time(0) };
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let store = self.store().await;
            store.records.add_token(&new, &by).await.unwrap();
        });
        token
    }

    /// What the site keeps.
    pub(crate) async fn store(&self) -> Store {
        Store::open(&self.folder.path().join("data")).await.unwrap()
    }

    fn address(&self) -> &str {
        &self.serving.as_ref().unwrap().1
    }

    pub(crate) fn ask(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> Answer {
        answer(&String::from_utf8_lossy(&self.raw("1.1", method, path, headers, body)))
    }

    /// The bytes of an answer that goes well.
    pub(crate) fn bytes(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> Vec<u8> {
        // In the older form of the protocol the end of the connection is the end of the answer.
        let all = self.raw("1.0", method, path, headers, body);
        let head = all.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
        let status = answer(&String::from_utf8_lossy(&all[..head])).status;
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&all));
        all[head..].to_vec()
    }

    fn raw(&self, version: &str, method: &str, path: &str, headers: &str, body: &[u8]) -> Vec<u8> {
        let mut stream = TcpStream::connect(self.address()).unwrap();
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/{version}\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n"
        );
        // It may be answered before all of it was read.
        stream.write_all(&[head.as_bytes(), body].concat()).ok();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).ok();
        bytes
    }

    /// A connection on which something was asked for.
    pub(crate) fn connect(&self, path: &str, headers: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n").unwrap();
        stream
    }

    /// How the answer of a stream begins; all of an answer that is none.
    pub(crate) fn begin(&self, path: &str, headers: &str) -> Answer {
        let mut stream = self.connect(path, headers);
        let head = until(&mut stream, "\r\n\r\n");
        match head.contains("text/event-stream") {
            true => answer(&head),
            false => answer(&(head + &to_end(&mut stream))),
        }
    }

    /// What a stream says until something comes.
    pub(crate) fn begin_until(&self, path: &str, headers: &str, want: &str) -> String {
        until(&mut self.connect(path, headers), want)
    }
}

/// Reads until something has come.
pub(crate) fn until(stream: &mut TcpStream, want: &str) -> String {
    let (mut text, mut buffer) = (String::new(), [0; 4096]);
    while !text.contains(want) {
        let count = stream.read(&mut buffer).unwrap_or_else(|error| panic!("`{want}` did not come: {error}: {text}"));
        assert!(count > 0, "ended before `{want}`: {text}");
        text.push_str(&String::from_utf8_lossy(&buffer[..count]));
    }
    text
}

pub(crate) fn to_end(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

impl Drop for Served {
    fn drop(&mut self) {
        if let Some((child, _)) = &mut self.serving {
            child.kill().ok();
            child.wait().ok();
        }
    }
}
