//! The sites of `examples/sites/`: each is put over a new site as its README says, has no mistakes, and
//! gives what is written here when its samples come in. Peers that it names are small servers on loopback.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot set itself up must fail")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use concert_testkit::imap::ImapServer;
use concert_testkit::irc::IrcServer;
use concert_testkit::smtp::{Encrypt, SmtpServer};
use concert_testkit::web::{Answer, Web};
use serde_json::Value;

/// What stands in every file of `secrets/`.
const SECRET: &str = "secret";

struct Site {
    folder: tempfile::TempDir,
    samples: PathBuf,
}

impl Site {
    /// A new site with the example over it, as the README says; it has no mistakes as it stands.
    fn of(example: &str, secrets: &[&str]) -> Self {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/sites").join(example);
        let site = Self { folder: tempfile::tempdir().unwrap(), samples: from.join("samples") };
        site.concert(&["init", &site.dir().display().to_string()]);
        copy(&from, &site.dir());
        for name in secrets {
            let path = site.dir().join("secrets").join(name);
            fs::write(&path, SECRET).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        }
        assert_eq!(site.concert(&["check"]), "no mistakes\n");
        if from.join("constituents.csv").exists() {
            site.concert(&["contact", "import", "constituents", "constituents.csv"]);
            site.concert(&["contact", "check"]);
        }
        site
    }

    fn dir(&self) -> PathBuf {
        self.folder.path().join("site")
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_concert"));
        let dir = if self.dir().exists() { self.dir() } else { self.folder.path().to_owned() };
        command.args(args).env("CONCERT_SITE", self.dir()).current_dir(dir).stdin(Stdio::null());
        command
    }

    /// What a command prints, which must end well.
    fn concert(&self, args: &[&str]) -> String {
        let out = self.command(args).output().unwrap();
        let err = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.success(), "{args:?}: {}{err}", String::from_utf8_lossy(&out.stdout));
        String::from_utf8(out.stdout).unwrap()
    }

    fn rows(&self, args: &[&str]) -> Vec<Value> {
        let args = [args, &["--limit", "0", "--format", "ndjson"]].concat();
        self.concert(&args).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Points the next place of the settings that says this to somewhere else.
    fn point(&self, from: &str, to: &str) {
        let path = self.dir().join("concert.toml");
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "the settings do not say {from}");
        fs::write(&path, text.replacen(from, to, 1)).unwrap();
    }

    fn sample(&self, name: &str) -> Vec<u8> {
        fs::read(self.samples.join(name)).unwrap()
    }

    fn ingest(&self, feed: &str, sample: &str) {
        let path = self.samples.join(sample);
        self.concert(&["ingest", "--feed", feed, &path.display().to_string()]);
    }

    /// `feed: events, duplicates, rejects` of every feed.
    fn feeds(&self) -> Vec<String> {
        let count = |row: &Value, name: &str| row[name].as_u64().unwrap();
        let line = |row: &Value| {
            let [events, duplicates, rejects] = ["events", "duplicates", "rejects"].map(|name| count(row, name));
            format!("{}: {events}, {duplicates}, {rejects}", row["name"].as_str().unwrap())
        };
        self.rows(&["feed", "list"]).iter().map(line).collect()
    }

    /// `kind, key, recipient: events`, also of what still waits for its time.
    fn notices(&self) -> Vec<String> {
        let mut sums: BTreeMap<String, u64> = BTreeMap::new();
        for row in self.rows(&["notice", "list"]) {
            let [name, key, to] = ["name", "key", "to"].map(|field| row[field].as_str().unwrap_or_default());
            *sums.entry(format!("{name}, {key}, {to}")).or_default() += row["events"].as_u64().unwrap();
        }
        sums.into_iter().map(|(whom, events)| format!("{whom}: {events}")).collect()
    }

    /// Notices of a way out that were delivered.
    fn delivered(&self, via: &str) -> usize {
        let rows = self.rows(&["notice", "list", "--state", "delivered"]);
        rows.iter().filter(|row| row["via"] == via).count()
    }

    fn run_once(&self) {
        tokio::task::block_in_place(|| self.concert(&["run", "--once", "--quiet"]));
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// A mailbox with one mail, which the next feed that reads `host` is pointed to.
async fn mailbox(site: &Site, host: &str, user: &str, mail: &str) -> ImapServer {
    let server = ImapServer::start(user, SECRET).await.unwrap();
    server.deliver(&site.sample(mail));
    let here = format!("host = \"127.0.0.1\", port = {}, tls = \"off\"", server.address().port());
    site.point(&format!("host = \"{host}\", tls = \"required\""), &here);
    server
}

/// A mail server for the notices, which wants the account of the settings.
async fn mail_server(site: &Site, host: &str, user: &str) -> SmtpServer {
    let account = Some((user.to_owned(), SECRET.to_owned()));
    let server = SmtpServer::start_with(([127, 0, 0, 1], 0).into(), Encrypt::Never, account).await.unwrap();
    let here = format!("host = \"127.0.0.1\"\nport = {}\ntls = \"off\"", server.address().port());
    site.point(&format!("host = \"{host}\"\ntls = \"required\""), &here);
    server
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_owner_is_told_what_is_wrong_in_the_network() {
    let site = Site::of("network-owner", &["imap", "smtp"]);
    let _complaints = mailbox(&site, "mail.network.example", "abuse", "complaint.eml").await;
    let reports = mailbox(&site, "mail.network.example", "abuse", "shadowserver.eml").await;
    // The small server knows one search; each mailbox here holds what the feed's own would find.
    site.point("search = \"UNSEEN NOT FROM autoreports@shadowserver.org\"", "search = \"UNSEEN\"");
    site.point("search = \"UNSEEN FROM autoreports@shadowserver.org\"", "search = \"UNSEEN\"");
    let mails = mail_server(&site, "smtp.network.example", "abuse").await;
    fs::write(site.dir().join("in/.part"), site.sample("list.csv")).unwrap();
    fs::rename(site.dir().join("in/.part"), site.dir().join("in/list.csv")).unwrap();
    site.run_once();
    assert_eq!(reports.flags(), [["\\Seen"]]);
    assert!(site.dir().join("in/done/list.csv").exists());
    assert_eq!(site.feeds(), ["complaints: 3, 0, 0", "shadowserver: 2, 0, 0", "by hand: 2, 0, 1"]);
    let told = [
        "morning, by hand, me@network.example: 1",
        "morning, complaints, me@network.example: 2",
        "morning, shadowserver, me@network.example: 2",
        "urgent, 192.0.2.20, me@network.example: 1",
        "urgent, unknown, me@network.example: 1",
    ];
    assert_eq!(site.notices(), told);
    let texts: String = mails.mails().iter().map(|mail| String::from_utf8_lossy(&mail.bytes).into_owned()).collect();
    assert!(texts.contains("192.0.2.20") && texts.contains("login.network.example"), "{texts}");
    assert_eq!(mails.count(), site.delivered("mail"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_abuse_desk_tells_its_customers_and_itself() {
    let site = Site::of("abuse-desk", &["imap", "smtp"]);
    let _reports = mailbox(&site, "mail.provider.example", "reports", "telnet.eml").await;
    site.point("search = \"UNSEEN FROM autoreports@shadowserver.org\"", "search = \"UNSEEN\"");
    let mails = mail_server(&site, "smtp.provider.example", "abuse").await;
    site.run_once();
    // What came by mail already is a repeat in the file, whose feed is another.
    site.ingest("shadowserver-files", "2026-11-21-scan_telnet-example.csv");
    assert_eq!(site.feeds(), ["shadowserver: 2, 0, 0", "shadowserver-files: 5, 1, 1"]);
    let told = [
        "customers, Example Bakery, it@bakery.example: 2",
        "customers, Example Hosting, abuse@hosting.example: 1",
        "customers, Example School, admin@school.example: 2",
        "own machines, 192.0.2.3, noc@provider.example: 1",
        "unclaimed, AS64496, abuse@provider.example: 1",
    ];
    assert_eq!(site.notices(), told);
    site.run_once();
    assert!(mails.mails().iter().any(|mail| mail.to == ["noc@provider.example"]));
    assert_eq!(mails.count(), site.delivered("mail"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_national_cert_tells_networks_countries_and_itself() {
    let site = Site::of("national-cert", &["imap", "smtp", "push"]);
    let _reports = mailbox(&site, "mail.cert.example", "feeds", "telnet.eml").await;
    site.point("search = \"UNSEEN FROM autoreports@shadowserver.org\"", "search = \"UNSEEN\"");
    let (list, servers) = (site.sample("ssh.txt"), site.sample("servers.json"));
    let web = Web::start(None, move |request| match request.path.as_str() {
        "/ssh.txt" => Answer::new(200, list.clone()),
        "/servers.json" => Answer::new(200, servers.clone()),
        _ => Answer::new(404, ""),
    });
    let web = web.await.unwrap();
    site.point("https://lists.example/ssh.txt", &web.url("/ssh.txt"));
    site.point("https://tracker.example/servers.json", &web.url("/servers.json"));
    let irc = IrcServer::start().await.unwrap();
    let port = irc.address().port();
    site.point("host = \"irc.cert.example\", tls", &format!("host = \"127.0.0.1\", port = {port}, tls"));
    site.point("tls = \"required\", channel = \"#feeds\"", "tls = \"off\", channel = \"#feeds\"");
    let here = format!("host = \"127.0.0.1\"\nport = {port}\ntls = \"off\"");
    site.point("host = \"irc.cert.example\"\ntls = \"required\"", &here);
    let mails = mail_server(&site, "smtp.cert.example", "concert").await;
    site.point("nickname = \"concert-out\"", "nickname = \"concert-out\"\npace = \"2ms\"");
    // Pushed reports need `concert serve`; here they come in by hand.
    site.ingest("honeypots", "pushed.jsonl");
    let said = String::from_utf8(site.sample("said.txt")).unwrap();
    let saying = async {
        irc.wait_until(|irc| irc.members("#feeds").iter().any(|nick| nick == "concert-in")).await;
        for line in said.lines() {
            irc.say("#feeds", "feedbot", line.as_bytes());
            irc.say("#feeds", "stranger", line.replace("192.0.2.21", "192.0.2.99").as_bytes());
        }
    };
    let mut once = site.command(&["run", "--once", "--quiet"]).spawn().unwrap();
    tokio::time::timeout(Duration::from_secs(60), saying).await.unwrap();
    assert!(tokio::task::block_in_place(|| once.wait()).unwrap().success());
    let feeds = [
        "attackers: 5, 0, 1",
        "command servers: 2, 0, 0",
        "shadowserver: 4, 0, 0",
        "sinkhole: 2, 0, 1",
        "honeypots: 1, 0, 0",
    ];
    assert_eq!(site.feeds(), feeds);
    let told = [
        "countries, EE, CERT Faraway, incidents@faraway.example: 2",
        "countries, SE, CERT Neighbour, cert@neighbour.example: 3",
        "networks, AS64496, Example Telecom, abuse@telecom.example: 5",
        "networks, AS64497, Example Power, security@power.example: 1",
        "networks, AS64497, Example University, cert@uni.example: 2",
        "networks, AS64498, unknown, : 1",
        "on duty, AS64496, : 2",
        "on duty, AS64497, : 1",
        "statistics, EE, : 2",
        "statistics, FI, : 9",
        "statistics, SE, : 3",
    ];
    assert_eq!(site.notices(), told);
    assert_eq!((site.delivered("channel"), mails.count()), (3, site.delivered("mail")));
    // An event is one line there.
    let is_told = |line: &str| line.contains("Z | 192.0.2.21");
    let on_duty = |irc: &IrcServer| {
        let said = irc.said();
        said.iter().any(|said| said.channel == "#duty" && is_told(&String::from_utf8_lossy(&said.text)))
    };
    tokio::time::timeout(Duration::from_secs(60), irc.wait_until(on_duty)).await.unwrap();
}
