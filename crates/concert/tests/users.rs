//! Users, passwords, second factors and tokens as the person at the machine meets them.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "all of this is a test, also what stands outside its functions"
)]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use concert::login::{Login, Logins, Refused};
use concert_model::Time;
use concert_store::Store;
use serde_json::{Value, json};

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

struct Site {
    folder: tempfile::TempDir,
}

impl Site {
    fn new() -> Self {
        let site = Self { folder: tempfile::tempdir().unwrap() };
        let (code, out, err) = site.run(&["init", "."], "");
        assert_eq!((code, out.as_str()), (0, ""), "{err}");
        site
    }

    fn dir(&self) -> &Path {
        self.folder.path()
    }

    /// How a command ended, and what it printed on standard output and standard error.
    fn run(&self, args: &[&str], input: &str) -> (i32, String, String) {
        let mut child = self.command(args);
        // A command that reads nothing may be gone already.
        child.stdin.take().unwrap().write_all(input.as_bytes()).ok();
        let output = child.wait_with_output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }

    fn command(&self, args: &[&str]) -> std::process::Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_concert"));
        command.args(args).current_dir(self.dir()).env_remove("CONCERT_SITE");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    fn done(&self, args: &[&str]) -> String {
        let (code, out, err) = self.run(args, "");
        assert_eq!((code, err.as_str()), (0, ""), "{args:?}");
        out
    }

    fn refused(&self, args: &[&str], why: &str) {
        let (code, out, err) = self.run(args, "");
        assert_eq!((code, out.as_str()), (2, ""), "{args:?}");
        assert!(err.contains(why), "{args:?}: {err}");
    }

    fn rows(&self, args: &[&str]) -> Vec<Value> {
        self.done(args).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Adds a user and gives its one-time password.
    fn add(&self, name: &str, role: &str) -> String {
        self.done(&["user", "add", name, "--full-name", "Jane Doe", "--role", role]).trim_end().to_owned()
    }

    async fn logins(&self) -> Logins {
        Logins::new(Store::open(&self.dir().join("data")).await.unwrap().records)
    }

    /// Everything in the files of `data/`, except what is meant to be secret.
    fn raw(&self) -> Vec<u8> {
        let files = fs::read_dir(self.dir().join("data")).unwrap().flatten();
        let files = files.filter(|file| file.file_name() != "first-login" && file.path().is_file());
        files.flat_map(|file| fs::read(file.path()).unwrap()).collect()
    }
}

fn holds(raw: &[u8], text: &str) -> bool {
    raw.windows(text.len()).any(|some| some == text.as_bytes())
}

fn now() -> Time {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Time(i64::try_from(since.as_micros()).unwrap())
}

async fn enter(logins: &Logins, name: &str, password: &str) -> Result<Login, Refused> {
    logins.login(name, password, None, HERE, now()).await
}

#[tokio::test]
async fn a_new_site_has_an_administrator_whose_password_lies_in_a_file() {
    let site = Site::new();
    let path = site.dir().join("data/first-login");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let records = site.dir().join("data/records.sqlite");
    assert_eq!(fs::metadata(records).unwrap().permissions().mode() & 0o777, 0o600);
    let password = fs::read_to_string(&path).unwrap();
    let users = site.rows(&["user", "list", "--format", "ndjson"]);
    assert_eq!(users.len(), 1);
    assert_eq!(users[0]["name"], "admin");
    assert_eq!(users[0]["roles"], "administrator, handler");
    assert_eq!(users[0]["clearance"], "red");
    assert!(!holds(&site.raw(), password.trim_end()), "only its hash is kept");
    let login = enter(&site.logins().await, "admin", password.trim_end()).await.unwrap();
    assert!(login.must_change_password);
}

#[tokio::test]
async fn users_are_added_shown_changed_reset_and_kept_out() {
    let site = Site::new();
    let password = site.add("jane", "handler");
    assert_eq!(password.len(), 23, "{password}");
    site.refused(&["user", "add", "jane", "--full-name", "x", "--role", "reader"], "there is a user `jane` already");
    site.refused(&["user", "add", "Jane", "--full-name", "x", "--role", "reader"], "is no name of a user");
    site.refused(&["user", "add", "joe", "--full-name", "a\u{202e}b", "--role", "reader"], "direction of writing");
    site.refused(&["user", "add", "joe", "--full-name", "x", "--role", "boss"], "is no standing role");
    site.refused(&["user", "add", "joe", "--full-name", "x", "--role", "auditor:energy"], "for the whole site");
    let logins = site.logins().await;
    let session = enter(&logins, "jane", &password).await.unwrap().session;
    let changed = ["user", "change", "jane", "--role", "reader:energy", "--role", "auditor", "--clearance", "green"];
    let (code, _, err) = site.run(&changed, "");
    assert!(code == 0 && err.contains("no constituent and no sector is called `energy` yet"), "{err}");
    site.done(&["user", "change", "jane", "--mail", "jane@cert.example"]);
    site.refused(&["user", "change", "jane"], "nothing is to be changed");
    site.refused(&["user", "change", "jane", "--mail", "jane"], "is no mail address");
    site.refused(&["user", "change", "jnae", "--clearance", "red"], "did you mean `jane`?");
    let shown = &site.rows(&["user", "show", "jane", "--format", "ndjson"])[0];
    assert_eq!(shown["roles"], "reader:energy, auditor");
    assert_eq!((&shown["clearance"], &shown["mail"]), (&json!("green"), &json!("jane@cert.example")));
    assert_eq!((&shown["password"], &shown["sessions"]), (&json!("to be changed at the next login"), &json!(1)));
    site.done(&["user", "change", "jane", "--no-role"]);
    assert_eq!(site.rows(&["user", "show", "jane", "--format", "ndjson"])[0]["roles"], "");
    site.refused(&["user", "change", "jane", "--no-role", "--role", "reader"], "cannot be used with");
    let second = site.done(&["user", "reset", "jane"]).trim_end().to_owned();
    assert_ne!(second, password);
    assert_eq!(logins.session(&session, HERE, now()).await.unwrap(), None, "a reset ends sessions");
    assert_eq!(enter(&logins, "jane", &password).await, Err(Refused::Wrong));
    enter(&logins, "jane", &second).await.unwrap();
    site.done(&["user", "disable", "jane"]);
    assert_eq!(enter(&logins, "jane", &second).await, Err(Refused::Wrong));
    assert_eq!(site.rows(&["user", "show", "jane", "--format", "ndjson"])[0]["state"], "disabled");
    site.done(&["user", "enable", "jane"]);
    enter(&logins, "jane", &second).await.unwrap();
    site.refused(&["user", "disable", "nobody"], "there is no user `nobody`");
    // Somebody is left who looks after users.
    site.refused(&["user", "disable", "admin"], "nobody would look after users");
    site.refused(&["user", "change", "admin", "--role", "handler"], "nobody would look after users");
    site.refused(&["user", "change", "admin", "--no-role"], "nobody would look after users");
    assert_eq!(site.rows(&["user", "show", "admin", "--format", "ndjson"])[0]["state"], "enabled");
    let raw = site.raw();
    assert!(!holds(&raw, &password) && !holds(&raw, &second), "only hashes are kept");
}

#[tokio::test]
async fn an_operator_lets_in_again_whom_failed_logins_locked() {
    let site = Site::new();
    let password = site.add("jane", "handler");
    let logins = site.logins().await;
    for _ in 0..5 {
        assert_eq!(enter(&logins, "jane", "wrong").await, Err(Refused::Wrong));
    }
    assert!(matches!(enter(&logins, "jane", &password).await, Err(Refused::LockedUntil(_))));
    let until = || site.rows(&["user", "show", "jane", "--format", "ndjson"])[0]["locked_until"].clone();
    assert!(until().is_string());
    site.done(&["user", "enable", "jane"]);
    assert!(until().is_null());
    enter(&logins, "jane", &password).await.unwrap();
}

#[tokio::test]
async fn a_password_is_taken_from_standard_input_when_it_is_good_enough() {
    let site = Site::new();
    let args = ["user", "add", "bot", "--full-name", "Bot", "--role", "reader", "--password-stdin"];
    let (code, out, err) = site.run(&args, "short\n");
    assert!(code == 2 && out.is_empty() && err.contains("at least 12 characters"), "{err}");
    assert_eq!(site.run(&args, "correct horse battery\n"), (0, String::new(), String::new()));
    let login = enter(&site.logins().await, "bot", "correct horse battery").await.unwrap();
    assert!(!login.must_change_password);
    assert!(!holds(&site.raw(), "correct horse battery"));
}

#[tokio::test]
async fn a_second_factor_is_kept_once_a_code_was_right() {
    let site = Site::new();
    let password = site.add("jane", "handler");
    let (code, out, err) = site.run(&["user", "second-factor", "jane"], "000\nabc\n\n");
    assert_eq!(code, 2);
    assert!(out.starts_with("otpauth://totp/") && err.contains("nothing was changed"), "{err}");
    let state = |site: &Site| site.rows(&["user", "show", "jane", "--format", "ndjson"]).remove(0);
    assert_eq!(state(&site)["second_factor"], false);

    let mut child = site.command(&["user", "second-factor", "jane"]);
    let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
    let uri = output.next().unwrap().unwrap();
    let secret = uri.split("secret=").nth(1).unwrap().split('&').next().unwrap().to_owned();
    child.stdin.take().unwrap().write_all(format!("{}\n", code_now(&secret)).as_bytes()).unwrap();
    let codes: Vec<String> = output.map(|line| line.unwrap()).collect();
    let mut told = String::new();
    child.stderr.take().unwrap().read_to_string(&mut told).unwrap();
    assert!(told.contains("this code is used up, so log in with the next\n"), "{told}");
    assert!(child.wait().unwrap().success());
    assert_eq!((codes.len(), codes[0].len()), (10, 19), "{codes:?}");
    assert_eq!((&state(&site)["second_factor"], &state(&site)["recovery_codes"]), (&json!(true), &json!(10)));

    let logins = site.logins().await;
    assert_eq!(enter(&logins, "jane", &password).await, Err(Refused::SecondFactorWanted));
    logins.login("jane", &password, Some(&codes[0]), HERE, now()).await.unwrap();
    assert!(codes.iter().all(|code| !holds(&site.raw(), code)), "recovery codes are hashed");
    let password = site.done(&["user", "reset", "jane", "--second-factor"]).trim_end().to_owned();
    enter(&logins, "jane", &password).await.unwrap();
}

/// The code of this moment, as an app works it out.
fn code_now(secret: &str) -> String {
    use hmac::{Hmac, Mac};
    let (mut key, mut held, mut bits) = (Vec::new(), 0u32, 0);
    for letter in secret.bytes() {
        let five = if letter.is_ascii_uppercase() { letter - b'A' } else { letter - b'2' + 26 };
        held = (held << 5 | u32::from(five)) & 0xfff;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            key.push(u8::try_from(held >> bits & 0xff).unwrap());
        }
    }
    let mut mac = Hmac::<sha1::Sha1>::new_from_slice(&key).unwrap();
    mac.update(&(now().seconds() / 30).to_be_bytes());
    let bytes = mac.finalize().into_bytes();
    let offset = usize::from(bytes[19] & 15);
    let number = u32::from_be_bytes(bytes[offset..offset + 4].try_into().unwrap()) & 0x7fff_ffff;
    format!("{:06}", number % 1_000_000)
}

#[tokio::test]
async fn tokens_are_shown_once_and_never_allow_more_than_their_user() {
    let site = Site::new();
    site.add("jane", "reader");
    let create = ["token", "create", "--user", "jane", "--expires", "30d", "--scope"];
    let with = |scopes: &'static str| [&create[..], &[scopes]].concat();
    site.refused(&with("events:read,users:write"), "jane may not: users:write");
    site.refused(&with("event:read"), "did you mean `events:read`?");
    site.refused(&["token", "create", "--user", "jnae", "--scope", "admin"], "did you mean `jane`?");
    site.refused(
        &["token", "create", "--user", "jane", "--scope", "admin", "--expires", "99999d"],
        "at most ten years",
    );
    let out = site.done(&with("events:read,incidents:read"));
    let token = out.strip_suffix('\n').unwrap();
    assert!(token.starts_with("concert_") && token.len() == 60, "{token}");
    let listed = site.done(&["token", "list", "--format", "ndjson"]);
    assert!(!listed.contains(token), "it is printed once");
    let row: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!((&row["id"], &row["user"], &row["state"]), (&json!(1), &json!("jane"), &json!("good")));
    assert_eq!(row["scopes"], "events:read,incidents:read");
    assert!(row["made_by"].as_str().unwrap().starts_with("operator ("), "{row}");
    let logins = site.logins().await;
    assert_eq!(logins.bearer(token, HERE, now()).await.unwrap().unwrap().user.name, "jane");
    let raw = site.raw();
    assert!(!holds(&raw, token) && !holds(&raw, token.strip_prefix("concert_").unwrap()), "only its hash is kept");
    site.done(&["token", "revoke", "1"]);
    assert_eq!(logins.bearer(token, HERE, now()).await.unwrap(), None);
    site.refused(&["token", "revoke", "1"], "there is no token 1");
    site.done(&["user", "disable", "jane"]);
    site.refused(&with("events:read"), "is disabled");
}

#[tokio::test]
async fn everything_done_to_users_is_in_the_audit_log_and_nothing_secret() {
    let site = Site::new();
    let password = site.add("jane", "handler");
    let token = site.done(&["token", "create", "--user", "jane", "--scope", "events:read"]);
    let logins = site.logins().await;
    assert_eq!(enter(&logins, "jane", "my other password").await, Err(Refused::Wrong));
    assert_eq!(enter(&logins, "typed-password", "x").await, Err(Refused::Wrong));
    enter(&logins, "jane", &password).await.unwrap();
    let rows = site.rows(&["audit", "--format", "ndjson"]);
    let told: Vec<String> = rows
        .iter()
        .map(|row| format!("{} {} {}", row["action"], row["object"], row["decision"]).replace('"', ""))
        .collect();
    assert_eq!(
        told,
        [
            "login user jane allowed",
            "login unknown name denied",
            "login user jane denied",
            "token create token 1 allowed",
            "user add user jane allowed",
            "user add user admin allowed",
        ]
    );
    assert!(rows[4]["who"].as_str().unwrap().starts_with("operator ("), "{}", rows[4]);
    assert_eq!((&rows[0]["who"], &rows[0]["from"]), (&json!("jane"), &json!("192.0.2.1")));
    let all = site.done(&["audit", "--format", "csv", "--limit", "0"]);
    for secret in [password.as_str(), token.trim_end(), "typed-password", "my other password"] {
        assert!(!all.contains(secret), "{all}");
    }
    let count = |args: &[&str]| site.rows(&[&["audit", "--format", "ndjson"], args].concat()).len();
    assert_eq!(count(&["--denied"]), 2);
    assert_eq!(count(&["--who", "jane"]), 1);
    assert_eq!(count(&["--object", "user jane"]), 3);
    assert_eq!(count(&["--before", &rows[3]["seq"].to_string(), "--since", "1h"]), 2);
    // Numbers are times: they do not count what others did.
    let numbers: Vec<u64> = rows.iter().map(|row| row["seq"].as_u64().unwrap()).collect();
    assert!(
        numbers.iter().all(|seq| *seq > 1_700_000_000_000_000) && numbers.is_sorted_by(|a, b| a > b),
        "{numbers:?}"
    );
    assert_eq!(count(&["--since", "2100-01-01"]), 0);
    let (code, out, err) = site.run(&["audit", "--format", "ndjson", "--limit", "2"], "");
    assert_eq!((code, out.lines().count(), err.contains("--limit 0 shows all")), (0, 2, true), "{err}");
}

#[test]
fn whoever_a_command_acts_as_stands_in_the_log() {
    let site = Site::new();
    site.add("ada", "administrator");
    site.add("jane", "handler");
    site.done(&["user", "disable", "jane", "--as", "ada"]);
    let row = site.rows(&["audit", "--format", "ndjson", "--who", "ada"]).remove(0);
    assert_eq!((&row["object"], &row["decision"]), (&json!("user jane"), &json!("allowed")));
    assert!(row["from"].as_str().unwrap().starts_with("operator ("), "{row}");
}

/// Whoever has a part in an incident for one party learns of no other, and what a refusal says is what the person
/// may see.
#[test]
fn parties_learn_of_no_other_and_refusals_say_nothing_of_what_is_hidden() {
    let site = Site::new();
    for (name, role) in [("otto", "administrator"), ("bob", "administrator"), ("ben", "handler"), ("anna", "handler")] {
        site.add(name, role);
    }
    let open = [
        "incident",
        "open",
        "Scans",
        "--type",
        "scanner",
        "--severity",
        "medium",
        "--tlp",
        "amber",
        "--format",
        "json",
    ];
    let opened: Value = serde_json::from_str(&site.done(&open)).unwrap();
    let number = opened["incident"].as_str().unwrap().to_owned();
    let write = |args: &[&str]| site.done(&[&["incident", "write", &number], args].concat());
    for (party, person) in [("Net A", "otto"), ("Net B", "bob")] {
        write(&["party", &format!("party={party}"), "status=told"]);
        let (person, party) = (format!("person={person}"), format!("party={party}"));
        write(&["role", "role=affected-party", &person, &party, "holds=true"]);
    }
    for args in [&["incident", "log", &number][..], &["incident", "show", &number], &["incident", "search", "bob"]] {
        let seen = site.run(&[args, &["--as", "otto", "--format", "json"]].concat(), "").1;
        assert!(!seen.contains("Net B") && !seen.contains("bob"), "{args:?}: {seen}");
    }
    assert!(site.done(&["incident", "log", &number, "--as", "ben", "--format", "json"]).contains("Net B"));
    // A run that ben may not see keeps the incident open, and is not named.
    site.done(&["user", "change", "anna", "--clearance", "red"]);
    site.done(&["incident", "process", &number, "start", "scanning", "--as", "anna"]);
    let log = site.rows(&["incident", "log", &number, "--format", "ndjson", "--limit", "0"]);
    let started = log.iter().find(|entry| entry["kind"] == "process/1").unwrap();
    let mut content = started["content"].clone();
    content["run"] = json!("secretrun");
    write(&["process", &content.to_string(), "--tlp", "red", "--for-person", "anna", "--as", "anna"]);
    let close = ["incident", "write", &number, "status", "status=closed", "--as"];
    for (name, sees) in [("ben", false), ("anna", true)] {
        let (code, _, err) = site.run(&[&close[..], &[name]].concat(), "");
        assert!(code == 2 && err.contains("not come to its end") && (sees || !err.contains("secretrun")), "{err}");
    }
    let step = ["incident", "process", &number, "done", "triage", "--run", "nosuch", "--as", "ben"];
    let (code, _, err) = site.run(&step, "");
    assert!(code == 2 && err.contains("runs: scanning") && !err.contains("secretrun"), "{err}");
    let step = ["incident", "process", &number, "done", "triage", "--run", "secretrun", "--as", "ben"];
    let (code, _, err) = site.run(&step, "");
    assert!(code == 2 && err.contains("there is no run `secretrun`"), "{err}");
}

#[test]
fn a_site_forbids_more_than_the_rules_and_says_what_forbids_it() {
    let site = Site::new();
    let settings = fs::read_to_string(site.dir().join("concert.toml")).unwrap();
    let forbid = "[[forbid]]\nname = \"Otto works for Net A\"\npersons = [\"otto\"]\nof = [\"Net A\"]\n";
    fs::write(site.dir().join("concert.toml"), format!("{settings}\n{forbid}")).unwrap();
    for name in ["otto", "jane"] {
        site.add(name, "handler");
    }
    let mut numbers = Vec::new();
    for party in ["Net A", "Net B"] {
        let title = format!("Scans from {party}");
        let open = [
            "incident",
            "open",
            &title,
            "--type",
            "scanner",
            "--severity",
            "medium",
            "--tlp",
            "green",
            "--format",
            "json",
        ];
        let opened: Value = serde_json::from_str(&site.done(&open)).unwrap();
        let number = opened["incident"].as_str().unwrap().to_owned();
        let content = json!({ "party": party, "status": "told" }).to_string();
        site.done(&["incident", "write", &number, "party", &content]);
        numbers.push(number);
    }
    let seen = |name: &str| {
        let rows = site.rows(&["incident", "list", "--as", name, "--format", "ndjson"]);
        rows.iter().map(|row| row["number"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(seen("otto"), [numbers[1].clone()]);
    assert_eq!(seen("jane"), [numbers[1].clone(), numbers[0].clone()]);
    // What is forbidden is missing, also to whoever would write.
    let gone = site.run(&["incident", "show", &numbers[0], "--as", "otto"], "");
    let missing = site.run(&["incident", "show", "CERT-X#2026-999999", "--as", "otto"], "");
    assert_eq!((gone.0, gone.2.replace(&numbers[0], "N")), (missing.0, missing.2.replace("CERT-X#2026-999999", "N")));
    assert_ne!(site.run(&["incident", "write", &numbers[0], "note", "{\"text\":\"x\"}", "--as", "otto"], "").0, 0);
    let why = site.rows(&["incident", "why-not", &numbers[0], "otto", "--format", "ndjson"]);
    assert_eq!(why[0]["policy"], "forbidden");
    assert_eq!(why[0]["reason"], "this site forbids it: Otto works for Net A");
    // So is the incident that another was merged into, as long as it is: what is written there is about both.
    site.done(&["incident", "merge", &numbers[0], "--into", &numbers[1], "--reason", "the same"]);
    assert_eq!(seen("otto"), [""; 0]);
    assert_ne!(site.run(&["incident", "show", &numbers[1], "--as", "otto"], "").0, 0);
    site.done(&["incident", "rebuild"]);
    assert_eq!((seen("otto").len(), seen("jane").len()), (0, 2));
    site.done(&["incident", "write", &numbers[1], "note", "{\"text\":\"of both\"}"]);
    assert_eq!(seen("otto"), [""; 0]);
    site.done(&["incident", "unmerge", &numbers[0], "--from", &numbers[1], "--reason", "others"]);
    assert_eq!(seen("otto"), [numbers[1].clone()]);
    site.done(&["incident", "show", &numbers[1], "--as", "otto"]);
    // So is what was split off with the party, and what was split off without it is not.
    let noted = site.done(&["incident", "write", &numbers[0], "note", "{\"text\":\"x\"}", "--format", "json"]);
    let noted: Value = serde_json::from_str(&noted).unwrap();
    let mut parts = Vec::new();
    for chosen in [["--entries".to_owned(), noted["entries"][0].to_string()], ["--party".into(), "Net A".into()]] {
        let split = ["incident", "split", &numbers[0], &chosen[0], &chosen[1], "--title", "Part", "--type", "scanner"];
        let more = ["--severity", "low", "--tlp", "green", "--reason", "another", "--format", "json"];
        let part: Value = serde_json::from_str(&site.done(&[&split[..], &more].concat())).unwrap();
        parts.push(part["incident"].as_str().unwrap().to_owned());
    }
    assert_eq!(seen("otto"), [parts[0].clone(), numbers[1].clone()]);
    site.done(&["incident", "rebuild"]);
    assert_eq!((seen("otto").len(), seen("jane").len()), (2, 4));
    site.done(&["incident", "unsplit", &numbers[0], "--from", &parts[1], "--reason", "one after all"]);
    assert_eq!(seen("otto").len(), 3);
    // Of lists about everybody what belongs to others is left.
    let feed = "[[feed]]\nname = \"f\"\nparser = \"ndjson\"\n";
    fs::write(site.dir().join("concert.toml"), format!("{settings}\n{forbid}\n{feed}")).unwrap();
    fs::write(site.dir().join("parties.csv"), "party,prefixes\nNet A,192.0.2.0/25\nNet B,192.0.2.128/25\n").unwrap();
    let line = |last: u8| format!("{{\"source.ip\":\"192.0.2.{last}\",\"classification.type\":\"scanner\"}}\n");
    fs::write(site.dir().join("events"), line(7) + &line(200)).unwrap();
    let (code, _, err) = site.run(&["contact", "import", "constituents", "parties.csv"], "");
    assert_eq!(code, 0, "{err}");
    let (code, _, err) = site.run(&["ingest", "--feed", "f", "events", "--quiet"], "");
    assert_eq!(code, 0, "{err}");
    let sources = |name: &str| {
        let rows = site.rows(&["events", "--as", name, "--format", "ndjson"]);
        rows.iter().map(|row| row["source.ip"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!((sources("jane").len(), sources("otto")), (2, vec!["192.0.2.200".to_owned()]));
    assert_ne!(site.run(&["feed", "list", "--as", "otto"], "").0, 0);
    let who = site.rows(&["incident", "who-can-see", &numbers[0], "--format", "ndjson"]);
    assert!(who.iter().any(|row| row["person"] == "jane") && who.iter().all(|row| row["person"] != "otto"), "{who:?}");
}

/// What a rejected line is labelled is not known, so it is for those who are cleared for everything.
#[test]
fn rejected_lines_are_read_by_whoever_is_cleared_for_all_labels() {
    let site = Site::new();
    let settings = fs::read_to_string(site.dir().join("concert.toml")).unwrap();
    let feed = "[[feed]]\nname = \"f\"\nparser = \"ndjson\"\n";
    fs::write(site.dir().join("concert.toml"), format!("{settings}\n{feed}")).unwrap();
    fs::write(site.dir().join("lines"), "{\"source.ip\":\"jane-secret\"}\n").unwrap();
    let (code, _, err) = site.run(&["ingest", "--feed", "f", "lines", "--quiet"], "");
    assert_eq!(code, 0, "{err}");
    for (name, clearance, shown) in [("amy", "amber", false), ("rob", "red", true)] {
        site.done(&["user", "add", name, "--full-name", name, "--role", "reader", "--clearance", clearance]);
        let read = site.done(&["feed", "show", "f", "--as", name]);
        assert_eq!((read.contains("jane-secret"), read.contains("source.ip")), (shown, true), "{name}: {read}");
    }
}

/// What is labelled above the clearance is not there for commands either: not to be let go, replayed, linked or dropped.
#[test]
fn commands_do_nothing_with_what_is_above_the_clearance() {
    let site = Site::new();
    let settings = fs::read_to_string(site.dir().join("concert.toml")).unwrap();
    let more = "[[feed]]\nname = \"closed\"\nparser = \"ndjson\"\ntlp = \"red\"\n\
        [[notice]]\nname = \"held\"\ngroup_by = [\"source.ip\"]\nwhen = \"at once\"\napprove = true\nformat = \"csv\"\nvia = \"folder\"\n\
        [via.folder]\ntype = \"file\"\npath = \"out/\"\n";
    fs::write(site.dir().join("concert.toml"), format!("{settings}\n{more}")).unwrap();
    fs::write(site.dir().join("lines"), "{\"source.ip\":\"192.0.2.7\",\"classification.type\":\"scanner\"}\n").unwrap();
    site.done(&["ingest", "--feed", "closed", "lines", "--quiet"]);
    let held =
        site.rows(&["notice", "list", "--name", "held", "--format", "ndjson"])[0]["id"].as_str().unwrap().to_owned();
    site.done(&["user", "add", "amy", "--full-name", "Amy", "--role", "handler", "--clearance", "amber"]);
    let refused = |args: &[&str], why: &str| {
        let (code, out, err) = site.run(&[args, &["--as", "amy"]].concat(), "");
        assert!(code == 2 && out.is_empty() && err.contains(why), "{args:?}: {code} {out} {err}");
        assert!(!err.contains("closed`: ") && !err.contains("one of: closed"), "{err}");
    };
    let none = format!("there is no notice `{held}`");
    for args in
        [vec!["show", &held], vec!["approve", &held], vec!["reject", &held, "--why", "x"], vec!["resend", &held]]
    {
        refused(&[&["notice"], args.as_slice()].concat(), &none);
    }
    let (code, out, _) = site.run(&["notice", "approve", "--all", "held", "--as", "amy"], "");
    assert_eq!((code, out.contains(&held)), (0, false), "{out}");
    for args in
        [vec!["feed", "pull", "closed"], vec!["feed", "replay", "closed"], vec!["ingest", "--feed", "closed", "lines"]]
    {
        refused(&args, "there is no feed `closed`");
    }
    let open =
        ["incident", "open", "x", "--type", "scanner", "--severity", "low", "--tlp", "green", "--format", "json"];
    let opened: Value = serde_json::from_str(&site.done(&open)).unwrap();
    let number = opened["incident"].as_str().unwrap().to_owned();
    let link = ["incident", "write", &number, "notice", &format!("notice={held}"), "linked=true"];
    refused(&link, &format!("there is no notice `{held}`"));
    // Whoever is cleared does it.
    site.done(&["user", "change", "amy", "--clearance", "red"]);
    site.done(&[&link[..], &["--as", "amy"]].concat());
    assert!(site.done(&["notice", "approve", &held, "--as", "amy"]).contains("queued"));
}

#[tokio::test]
async fn a_backup_without_keys_has_users_but_nothing_they_come_in_with() {
    let site = Site::new();
    let password = site.add("jane", "handler");
    let token = site.done(&["token", "create", "--user", "jane", "--scope", "events:read"]).trim_end().to_owned();
    let hash = {
        let store = Store::open(&site.dir().join("data")).await.unwrap();
        store.records.credentials("jane").await.unwrap().unwrap().password
    };
    assert!(holds(&site.raw(), &hash));
    for (file, more, comes_in) in [("with.zst", None, true), ("without.zst", Some("--without-keys"), false)] {
        let (code, _, err) = site.run(&["backup", file].into_iter().chain(more).collect::<Vec<_>>(), "");
        assert_eq!(code, 0, "{err}");
        let other = Site { folder: tempfile::tempdir().unwrap() };
        let backup = site.dir().join(file).display().to_string();
        let (code, _, err) = other.run(&["restore", "--site", ".", &backup], "");
        assert_eq!(code, 0, "{err}");
        assert_eq!(other.rows(&["user", "list", "--format", "ndjson"]).len(), 2);
        assert!(!other.rows(&["audit", "--format", "ndjson"]).is_empty(), "the log is no secret");
        assert_eq!(holds(&other.raw(), &hash), comes_in, "{file}");
        let logins = other.logins().await;
        assert_eq!(enter(&logins, "jane", &password).await.is_ok(), comes_in, "{file}");
        assert_eq!(logins.bearer(&token, HERE, now()).await.unwrap().is_some(), comes_in, "{file}");
        let fresh = other.done(&["user", "reset", "jane"]);
        enter(&logins, "jane", fresh.trim_end()).await.unwrap();
    }
}

#[test]
fn check_tells_of_names_in_forbid_that_nobody_has() {
    let site = Site::new();
    site.add("ghost", "reader");
    fs::write(site.dir().join("parties.csv"), "party,prefixes,sectors\nGrid,192.0.2.0/25,energy\n").unwrap();
    site.done(&["--quiet", "contact", "import", "constituents", "parties.csv"]);
    let settings = fs::read_to_string(site.dir().join("concert.toml")).unwrap();
    let check = |persons: &str, of: &str, want: &[&str]| {
        let forbid = format!("\n[[forbid]]\nname = \"x\"\npersons = {persons}\nof = {of}\n");
        fs::write(site.dir().join("concert.toml"), format!("{settings}{forbid}")).unwrap();
        let (code, out, err) = site.run(&["check", "--format", "ndjson"], "");
        assert_eq!(code, 0, "allowed, as it may be made later: {out}{err}");
        let rows: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let warnings = rows.iter().filter(|row| row["state"] == "warning");
        let told: Vec<String> = warnings
            .map(|row| {
                assert!(row["place"].as_str().unwrap().starts_with("concert.toml:"), "{row}");
                format!("{}; {}", row["what"].as_str().unwrap(), row["hint"].as_str().unwrap())
            })
            .collect();
        assert_eq!(told, want);
    };
    check("[\"ghost\", \"admin\"]", "[\"GRID\", \"energy\"]", &[]);
    check(
        "[\"gohst\"]",
        "[\"Grid\", \"Nowhere\"]",
        &[
            "[[forbid]]: `gohst` is no user; did you mean `ghost`?",
            "[[forbid]]: `Nowhere` is no party and no sector of the contact book; it holds where a party is called so",
        ],
    );
}
