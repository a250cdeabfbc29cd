//! `cargo xtask api`: the API asked from outside by schemathesis, which reads its description and makes requests of
//! it: those it shows, every bound of every value, random ones, wrong ones, and chains of them.
//!
//! It asks a program that really serves a new site with users, events, notices and an incident. Nothing may fail in
//! there, every answer must be one that is described, and no request that is against the description may be taken.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::step::{call, has, output, say};

/// The version whose findings are known; a newer one may find more.
const VERSION: &str = "schemathesis==4.32.5";
/// So that what it finds is found again.
const SEED: &str = "1";
/// Random requests to each operation and of each kind; with the others some 12,000 in a minute and a half.
const EXAMPLES: &str = "15";
/// Tokens that are there before the one that it works with, which it must not end by a small number.
const OTHER_TOKENS: u32 = 20;
/// Who it is: somebody it cannot guess, as it changes and disables users whom it finds.
const USER: &str = "outside-tester";

const SETTINGS: &str = r#"[site]
name = "CERT Example"
email = "cert@cert.example"
ticket = "CERT-EX"

[serve]
listen = "127.0.0.1:0"
requests_per_minute = 1000000

[effort.rates]
default = 60

[[feed]]
name = "pushed"
parser = "ndjson"
collect = { type = "push", token = { file = "secrets/push" } }

[[notice]]
name = "daily"
group_by = ["party"]
when = "at once"
format = "csv"
via = "outbox"

[via.outbox]
type = "file"
path = "out/"
"#;
const FEED_TOKEN: &str = "the-token-of-the-feed";
const PARTIES: &str = "party,prefixes,sectors,mail\nGrid,192.0.2.0/25,energy,abuse@grid.example\n\
                       Bank,192.0.2.128/25,finance,abuse@bank.example\n";
const REPORT: &str = "{\"source.ip\":\"192.0.2.7\",\"source.asn\":64500,\"classification.type\":\"scanner\"}\n\
                      {\"source.ip\":\"192.0.2.207\",\"source.asn\":64500,\"classification.type\":\"scanner\"}\n";
/// The first incident of the year; its number is the one that the description shows only in that year, so it is
/// asked for.
const FIRST: &str = "CERT-EX#";

/// The target folder this program was built in.
fn target() -> Result<PathBuf, String> {
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    own.parent().and_then(Path::parent).map(Path::to_owned).ok_or_else(|| "the target folder is not known".to_owned())
}

/// Where schemathesis is, if it is there.
fn program() -> Result<Option<PathBuf>, String> {
    let own = target()?.join("schemathesis/bin/schemathesis");
    Ok(if own.is_file() { Some(own) } else { has("schemathesis").then(|| PathBuf::from("schemathesis")) })
}

/// Installs schemathesis into an environment of its own, as it brings many packages along.
pub(crate) fn install() -> Result<(), String> {
    if program()?.is_some() || !has("python3") {
        return Ok(());
    }
    let folder = target()?.join("schemathesis");
    let folder = folder.to_str().ok_or("the name of the target folder is no text")?;
    call("python3", &["-m", "venv", folder], &[])?;
    call(&format!("{folder}/bin/pip"), &["install", "--quiet", VERSION], &[])
}

/// A process that ends with the step.
struct Serving(Child);

impl Drop for Serving {
    fn drop(&mut self) {
        // It may have ended by itself, which was told.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// A site and the program that works on it.
struct Site {
    concert: PathBuf,
    dir: PathBuf,
}

impl Site {
    fn run(&self, args: &[&str]) -> Result<String, String> {
        let (concert, dir) = (self.concert.to_string_lossy(), self.dir.to_string_lossy());
        let printed = output(&concert, &[&["--quiet", "--site", &dir], args].concat())?;
        String::from_utf8(printed).map_err(|error| error.to_string())
    }

    fn write(&self, name: &str, text: &str) -> Result<String, String> {
        let path = self.dir.join(name);
        fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(path.to_string_lossy().into_owned())
    }

    /// A new site with something of everything. Gives a token that may do all of it.
    fn fill(&self) -> Result<String, String> {
        if self.dir.exists() {
            fs::remove_dir_all(&self.dir).map_err(|error| format!("{}: {error}", self.dir.display()))?;
        }
        call(&self.concert.to_string_lossy(), &["--quiet", "init", &self.dir.to_string_lossy()], &[])?;
        self.write("concert.toml", SETTINGS)?;
        self.write("secrets/push", FEED_TOKEN)?;
        let (parties, report) = (self.write("parties.csv", PARTIES)?, self.write("report.ndjson", REPORT)?);
        let evidence = self.write("sshd.log", "abc")?;
        self.run(&["contact", "import", "constituents", &parties])?;
        self.run(&["ingest", "--feed", "pushed", &report])?;
        self.run(&["run", "--once"])?;
        let opened = self.run(&[
            "incident",
            "open",
            "Scans",
            "--type",
            "scanner",
            "--severity",
            "medium",
            "--tlp",
            "amber",
            "--note",
            "x",
        ])?;
        let number = opened.split('"').find(|part| part.starts_with(FIRST)).ok_or("no incident was opened")?;
        let number = number.to_owned();
        let times = ["first_seen=2026-11-22T04:50:30Z", "last_seen=2026-11-22T05:00:00Z"];
        for entry in [
            &["party", "party=Grid", "status=told"][..],
            &[&["relation", "from=192.0.2.7", "to=198.51.100.9"], &times[..]].concat(),
            &["effort", "minutes=25", "person=anna", "work=analysis"],
        ] {
            self.run(&[&["incident", "write", &number], entry].concat())?;
        }
        self.run(&["evidence", "add", &number, &evidence, "--from", "Grid", "--reason", "asked"])?;
        self.run(&["incident", "process", &number, "start", "infected-host"])?;
        self.run(&["incident", "clock", &number, "start", "nis2-early-warning"])?;
        let roles = ["--role", "administrator", "--role", "handler", "--role", "auditor"];
        let user = [&["user", "add", USER, "--full-name", "Tester", "--clearance", "red"], &roles[..]].concat();
        self.run(&user)?;
        self.run(&["user", "add", "jane", "--full-name", "Jane Doe", "--role", "reader:energy"])?;
        for _ in 0..OTHER_TOKENS {
            self.run(&["token", "create", "--user", USER, "--scope", "events:read"])?;
        }
        Ok(self.run(&["token", "create", "--user", USER, "--scope", "admin"])?.trim().to_owned())
    }

    /// Serves the site, and says where.
    fn serve(&self) -> Result<(Serving, String), String> {
        let mut command = Command::new(&self.concert);
        command
            .args(["--quiet", "--site", &self.dir.to_string_lossy(), "serve"])
            .stdin(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| format!("concert: {error}"))?;
        let said = child.stderr.take();
        let serving = Serving(child);
        let mut lines = BufReader::new(said.ok_or("concert says nothing")?);
        let mut line = String::new();
        lines.read_line(&mut line).map_err(|error| error.to_string())?;
        let address = line.split("http://").nth(1).map(|rest| rest.trim().trim_end_matches('/').to_owned());
        let address = address.ok_or_else(|| format!("concert does not serve: {line}"))?;
        // Read on, or the program would stand still with a full pipe; what it says is why an answer was a 500.
        std::thread::spawn(move || lines.lines().map_while(Result::ok).for_each(|line| say(&line)));
        Ok((serving, address))
    }
}

/// Asks the API. Without schemathesis it says so and passes.
pub(crate) fn run() -> Result<(), String> {
    let Some(program) = program()? else {
        say("schemathesis is not installed, so the API is not asked from outside; `cargo xtask ci` installs it");
        return Ok(());
    };
    call("cargo", &["build", "--quiet", "--package", "concert", "--locked"], &[])?;
    let target = target()?;
    let site = Site { concert: target.join("debug/concert"), dir: target.join("api-site") };
    let token = site.fill()?;
    let (serving, address) = site.serve()?;
    let description = format!("http://{address}/api/v1/openapi.json");
    // Streams have no end that could be waited for; a test listens to them. That what is right by its form may still
    // be refused is no failure: a condition, a role, a name that is taken.
    let common = ["run", &description, "--seed", SEED, "--no-color", "--generation-database", "none", "--no-shrink"];
    let checks = ["--exclude-checks", "positive_data_acceptance", "--request-timeout", "20", "--continue-on-failure"];
    let ask = |more: &[&str]| {
        // It keeps notes where it is started.
        let mut command = Command::new(&program);
        let status = command.args(common).args(checks).args(more).current_dir(&target).stdin(Stdio::null()).status();
        match status {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(format!("schemathesis ended with {status}")),
            Err(error) => Err(format!("schemathesis: {error}")),
        }
    };
    let header = format!("Authorization: Bearer {token}");
    let reports = "/api/v1/feeds/{name}/reports";
    let all = ["-H", &header, "-n", EXAMPLES, "--exclude-path", reports, "--exclude-path-regex", "stream$"];
    ask(&all)?;
    // A feed has a token of its own.
    let header = format!("Authorization: Bearer {FEED_TOKEN}");
    let pushes = ["-H", &header, "-n", EXAMPLES, "--include-path", reports];
    ask(&pushes)?;
    drop(serving);
    // With its own token ended it would have been sent away for most of the time.
    let left = site.run(&["token", "list", "--user", USER, "--limit", "0"])?;
    match left.contains("\"scopes\":\"admin\"") {
        true => site.run(&["verify"]).map(drop),
        false => Err("the token it works with was ended on the way; choose another seed".to_owned()),
    }
}
