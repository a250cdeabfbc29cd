//! Mail with the parties of an incident, as the whole program sends and takes it: out by SMTP, in by IMAP from
//! a real Dovecot, signed and encrypted by GnuPG.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "all of this is a test, also what stands outside its functions"
)]

use std::fs;
use std::io::Read;
use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use concert_testkit::dovecot::Dovecot;
use concert_testkit::smtp::{Act, Mail, SmtpServer, Stage};
use serde_json::{Value, json};

const SETTINGS: &str = r#"
[site]
name = "CERT Example"
email = "cert@cert.example"
ticket = "CERT-EX"

[via.mail]
type = "smtp"
host = "127.0.0.1"
port = SMTP
tls = "off"

[mailbox]
host = "127.0.0.1"
port = IMAP
tls = "off"
user = "feeds"
password = { file = "secrets/mailbox" }
every = "1s"
address = "cert@cert.example"
"#;

const PARTIES: &str = "party,prefixes,mail,purpose\n\
    Example Net,192.0.2.0/24,abuse@net.example,abuse\n\
    Example Net,,noc@net.example,technical\n\
    Example Hosting,198.51.100.0/24,abuse@hosting.example,abuse\n";

struct World {
    folder: tempfile::TempDir,
    dovecot: Dovecot,
    smtp: SmtpServer,
}

impl World {
    /// A site whose mail goes to a server of ours and whose mailbox is a Dovecot; `None` without one.
    async fn new() -> Option<Self> {
        let Some(dovecot) = Dovecot::start().unwrap() else {
            println!("skipped: dovecot is not installed");
            return None;
        };
        wait_for_greeting(dovecot.plain_port());
        let world = Self { folder: tempfile::tempdir().unwrap(), dovecot, smtp: SmtpServer::start().await.unwrap() };
        let site = world.site();
        world.done(&["init", &site.display().to_string()]);
        let settings = SETTINGS
            .replace("SMTP", &world.smtp.address().port().to_string())
            .replace("IMAP", &world.dovecot.plain_port().to_string());
        world.write("site/concert.toml", settings.as_bytes());
        world.write("site/secrets/mailbox", Dovecot::PASSWORD.as_bytes());
        let parties = world.write("parties.csv", PARTIES.as_bytes());
        world.done(&["contact", "import", "constituents", &parties]);
        Some(world)
    }

    fn site(&self) -> PathBuf {
        self.folder.path().join("site")
    }

    fn write(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path.display().to_string()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_concert"));
        command.args(args).env_remove("CONCERT_LOG").env("CONCERT_SITE", self.site());
        command
    }

    fn run(&self, args: &[&str]) -> (i32, String, String) {
        let output = self.command(args).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }

    fn done(&self, args: &[&str]) -> String {
        let (code, out, err) = self.run(args);
        assert_eq!(code, 0, "{args:?}: {err}");
        out
    }

    fn rows(&self, args: &[&str]) -> Vec<Value> {
        let out = self.done(&[args, &["--format", "ndjson"]].concat());
        out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// What `concert incident ...` prints.
    fn incident(&self, args: &[&str]) -> Vec<Value> {
        self.rows(&[&["incident"], args].concat())
    }

    fn refused(&self, args: &[&str], want: &str) {
        let (code, _, err) = self.run(&[&["incident"], args].concat());
        assert!(code == 2 && err.contains(want), "{args:?}: {code} {err}");
    }

    fn open(&self, tlp: &str) -> String {
        self.incident(&["open", "Scans", "--type", "scanner", "--tlp", tlp])[0]["incident"].as_str().unwrap().to_owned()
    }

    fn once(&self) {
        self.done(&["run", "--once", "--quiet"]);
    }

    /// Entries of a kind, oldest first.
    fn entries(&self, number: &str, kind: &str) -> Vec<Value> {
        let log = self.incident(&["log", number, "--limit", "0"]);
        log.into_iter().filter(|entry| entry["kind"] == kind).map(|entry| entry["content"].clone()).collect()
    }

    fn status(&self, number: &str, party: &str) -> String {
        let shown = self.incident(&["show", number]).remove(0);
        let found = shown["parties"].as_array().unwrap().iter().find(|row| row["party"] == party).cloned();
        found.map_or_else(String::new, |row| row["status"].as_str().unwrap().to_owned())
    }

    fn send(&self, number: &str, more: &[&str]) -> Vec<Value> {
        let letter = ["send", number, "--party", "Example Net", "--subject", "Your host", "--text", "Please look."];
        self.incident(&[&letter, more].concat())
    }
}

/// A Dovecot that has just started may let its first guests wait longer than the program does.
fn wait_for_greeting(port: u16) {
    let greets = || {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(1))).ok()?;
        stream.read_exact(&mut [0; 4]).ok()
    };
    let end = Instant::now() + Duration::from_secs(60);
    while greets().is_none() {
        assert!(Instant::now() < end, "dovecot greets");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn header(mail: &Mail, name: &str) -> String {
    let text = String::from_utf8_lossy(&mail.bytes).replace("\r\n ", " ");
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    line.unwrap_or_default().trim_matches(['<', '>']).to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_goes_out_with_its_ticket_and_its_proof() {
    let Some(world) = World::new().await else { return };
    let number = world.open("amber");
    let preview = world.send(&number, &["--preview"]).remove(0);
    assert_eq!(preview["to"], "abuse@net.example");
    assert!(world.entries(&number, "message/1").is_empty() && world.smtp.count() == 0, "a preview sends nothing");
    // The server is busy at first, and the same mail goes out later.
    world.smtp.at(Stage::Mail, Act::Answer("451 4.3.0 later".into()), 1);
    world.send(&number, &[]);
    let out = world.entries(&number, "message/1").remove(0);
    assert_eq!((&out["party"], &out["incoming"], &out["address"]), (&json!("Example Net"), &json!(false), &json!("abuse@net.example")));
    assert_eq!(world.status(&number, "Example Net"), "told");
    world.once();
    assert!(world.entries(&number, "delivery/1").is_empty(), "nobody took it yet");
    let notice = out["notice"].as_str().unwrap();
    world.done(&["notice", "send", notice]);
    let mail = world.smtp.mails().remove(0);
    assert_eq!(header(&mail, "Subject"), format!("[{number}] Your host"));
    assert_eq!(header(&mail, "Message-ID"), out["message_id"].as_str().unwrap());
    assert!(mail.from.starts_with(&format!("cert+n-{notice}-")), "{}", mail.from);
    let text = String::from_utf8_lossy(&mail.bytes).into_owned();
    assert!(text.contains("TLP:AMBER\r\n\r\nPlease look.") && !text.contains("Auto-Submitted"), "{text}");
    let proof = world.entries(&number, "delivery/1");
    assert_eq!((proof.len(), &proof[0]["taken"], &proof[0]["notice"]), (1, &json!(true), &json!(notice)));
    assert!(proof[0]["answer"].as_str().unwrap().contains("250"), "{proof:?}");
    world.once();
    assert_eq!((world.entries(&number, "delivery/1").len(), world.smtp.count()), (1, 1));
    // The next one answers it, and who reads notices does not read messages.
    world.send(&number, &[]);
    world.once();
    assert_eq!(header(&world.smtp.mails()[1], "In-Reply-To"), out["message_id"].as_str().unwrap());
    assert!(world.rows(&["notice", "list"]).is_empty());
    world.done(&["verify"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_party_may_not_have_is_not_sent() {
    let Some(world) = World::new().await else { return };
    let number = world.open("amber");
    let letter = |more: &[&'static str]| {
        let usual = ["send", number.as_str(), "--party", "Example Net", "--subject", "Your host"];
        [&usual, more].concat().into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let refused = |more: &[&'static str], want: &str| {
        let args = letter(more);
        world.refused(&args.iter().map(String::as_str).collect::<Vec<_>>(), want);
    };
    for (tlp, want) in [("red", "TLP:RED is for the named persons only"), ("amber+strict", "stays within the site")] {
        let other = world.open(tlp);
        world.refused(&["send", &other, "--party", "Example Net", "--subject", "x", "--text", "y"], want);
    }
    refused(&["--text", "x", "--tlp", "amber", "--compartment", "legal"], "it lies in the compartment legal");
    refused(&["--text", "x", "--tlp", "amber", "--for-party", "Example Hosting"], "it is for Example Hosting");
    refused(&["--text", " "], "must have some words");
    refused(&["--text", "x", "--to", "nobody"], "`nobody` is not a mail address");
    refused(&["--text", "x", "--party", "Exampel Net"], "cannot be used multiple times");
    world.refused(&["send", &number, "--party", "Exampel Net", "--subject", "x", "--text", "y"], "takes no part in it");
    // Who the neighbour is.
    let times = ["first_seen=2026-11-22T04:50:30Z", "last_seen=2026-11-22T05:00:00Z"];
    world.incident(&[&["write", &number, "relation", "from=198.51.100.9", "to=192.0.2.7"][..], &times].concat());
    world.incident(&["write", &number, "host", "host=192.0.2.7", "party=Example Net"]);
    world.incident(&["write", &number, "host", "host=198.51.100.9", "party=Example Hosting"]);
    refused(&["--text", "It came from 198.51.100[.]9."], "it names 198.51.100.9");
    refused(&["--text", "It came from hxxp://198.51.100.9/x"], "it names 198.51.100.9");
    refused(&["--text", "Ask Example Hosting."], "it names Example Hosting");
    let name = ["neighbour", "host=198.51.100.9", "party=Example Net", "reason=they agreed"];
    world.incident(&[&["write", &number][..], &name].concat());
    // Evidence that two persons did not release.
    let file = world.write("log.txt", b"Nov 22 04:50:30 sshd");
    let added = world.rows(&["evidence", "add", &number, &file]).remove(0);
    let sha256 = added["sha256"].as_str().unwrap();
    world.refused(
        &["send", &number, "--party", "Example Net", "--subject", "x", "--text", "y", "--attach", sha256],
        "log.txt was not released to Example Net",
    );
    // The order of telling, and who must wait.
    world.incident(&["write", &number, "order", "parties=Example Hosting, Example Net", "reason=the source first"]);
    refused(&["--text", "x"], "Example Hosting is to be told before Example Net");
    world.incident(&["write", &number, "party", "party=Example Hosting", "status=told"]);
    world.incident(&["write", &number, "hold", "party=Example Net", "held=true", "reason=the police asks for it"]);
    refused(&["--text", "x"], "Example Net must not be told yet: the police asks for it");
    world.once();
    assert_eq!((world.smtp.count(), world.entries(&number, "message/1").len()), (0, 0));
    world.incident(&["write", &number, "hold", "party=Example Net", "held=false", "reason=they are ready"]);
    let last = letter(&["--text", "It came from 198.51.100.9 of Example Hosting."]);
    world.incident(&last.iter().map(String::as_str).collect::<Vec<_>>());
    world.once();
    assert_eq!(world.smtp.count(), 1);
}
