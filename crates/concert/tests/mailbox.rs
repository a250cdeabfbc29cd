//! The whole way there and back: notices out by SMTP, bounces and answers in by IMAP from a real Dovecot.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "all of this is a test, also what stands outside its functions"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine;
use concert_testkit::dns::{Dns, Said};
use concert_testkit::dovecot::Dovecot;
use concert_testkit::gnupg::Gnupg;
use concert_testkit::smtp::{Act, Mail, SmtpServer, Stage};
use ed25519_dalek::SigningKey;
use serde_json::Value;

#[path = "support/signed.rs"]
mod signed;

use signed::signed;

const SETTINGS: &str = r#"
[site]
name = "CERT Example"
email = "cert@cert.example"

[[feed]]
name = "drop"
parser = "ndjson"
collect = { type = "file", path = "in/", every = "20ms", settle = "10ms" }

[[notice]]
name = "responsible"
to = "responsible"
when = "at once"
via = "mail"

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
    Net,192.0.2.0/24,Gone@net.example,abuse\n\
    Net,,law@net.example,law\n\
    Net,,noc@net.example,technical\n";

struct World {
    folder: tempfile::TempDir,
    dovecot: Dovecot,
    smtp: SmtpServer,
}

impl World {
    /// A site whose notices go to a receiver of ours and whose mailbox is a Dovecot; `None` without one.
    async fn new() -> Option<Self> {
        let world = Self::unread().await?;
        world.once();
        Some(world)
    }

    /// The same where the mailbox was never read.
    async fn unread() -> Option<Self> {
        let Some(dovecot) = Dovecot::start().unwrap() else {
            println!("skipped: dovecot is not installed");
            return None;
        };
        let smtp = SmtpServer::start().await.unwrap();
        let world = Self { folder: tempfile::tempdir().unwrap(), dovecot, smtp };
        let site = world.site();
        world.done(&["init", &site.display().to_string()]);
        let settings = SETTINGS
            .replace("SMTP", &world.smtp.address().port().to_string())
            .replace("IMAP", &world.dovecot.plain_port().to_string());
        fs::write(site.join("concert.toml"), settings).unwrap();
        fs::write(site.join("secrets/mailbox"), Dovecot::PASSWORD).unwrap();
        world.import("constituents", PARTIES);
        Some(world)
    }

    /// The same where a person approves notices.
    async fn gated() -> Option<Self> {
        let world = Self::new().await?;
        world.set(|settings| settings.replace("when = \"at once\"", "when = \"at once\"\napprove = true"));
        Some(world)
    }

    fn set(&self, change: impl FnOnce(String) -> String) {
        let path = self.site().join("concert.toml");
        fs::write(&path, change(fs::read_to_string(&path).unwrap())).unwrap();
    }

    fn import(&self, part: &str, rows: &str) {
        let path = self.site().join(format!("{part}.csv"));
        fs::write(&path, rows).unwrap();
        self.done(&["contact", "import", part, &path.display().to_string()]);
    }

    /// How a command about notices ended, and all that it said.
    fn decide(&self, args: &[&str]) -> (i32, String) {
        let out = concert(&self.site(), &[&["notice"], args, &["--format", "ndjson"]].concat()).output().unwrap();
        (out.status.code().unwrap(), String::from_utf8([out.stdout, out.stderr].concat()).unwrap())
    }

    fn site(&self) -> PathBuf {
        self.folder.path().join("site")
    }

    fn done(&self, args: &[&str]) -> String {
        let out = concert(&self.site(), args).output().unwrap();
        assert!(out.status.success(), "{args:?}: {out:?}");
        String::from_utf8(out.stdout).unwrap()
    }

    /// What could not be delivered is looked at by each test itself.
    fn once(&self) {
        let out = concert(&self.site(), &["run", "--once"]).output().unwrap();
        let is_undelivered =
            || out.status.code() == Some(3) && String::from_utf8_lossy(&out.stderr).contains("could not be delivered");
        assert!(out.status.success() || is_undelivered(), "{out:?}");
    }

    fn rows(&self, args: &[&str]) -> Vec<Value> {
        let out = self.done(&[args, &["--format", "ndjson"]].concat());
        out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// An event of the party, told.
    fn event(&self, address: &str) {
        let row = format!("{{\"source.ip\":\"{address}\",\"classification.type\":\"scanner\"}}\n");
        fs::write(self.site().join("in/.part"), row).unwrap();
        fs::rename(self.site().join("in/.part"), self.site().join("in").join(format!("{address}.json"))).unwrap();
        self.once();
    }

    fn health(&self, contact: &str) -> Value {
        self.rows(&["contact", "health"]).into_iter().find(|row| row["contact"] == contact).unwrap()
    }

    /// Mails as `state kind notice: reason`, oldest first.
    fn mails(&self) -> Vec<String> {
        let text = |row: &Value, name: &str| row[name].as_str().unwrap_or("-").to_owned();
        let line = |row: &Value| ["state", "kind", "reason"].map(|name| text(row, name)).join(" ");
        self.rows(&["mailbox", "list"]).iter().rev().map(line).collect()
    }
}

fn concert(site: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_concert"));
    command.args(args).env_remove("CONCERT_LOG").env("CONCERT_SITE", site);
    command
}

fn header(mail: &Mail, name: &str) -> String {
    let text = String::from_utf8_lossy(&mail.bytes).into_owned();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    line.unwrap_or_default().trim_matches(['<', '>']).to_owned()
}

/// The number of the notice in a mail.
fn number_of(mail: &Mail) -> String {
    header(mail, "Message-ID").split(['.', '@']).next().unwrap().to_owned()
}

/// What a mail server writes that could not deliver this mail.
fn bounce(mail: &Mail, to: &str, status: &str, id: &str) -> String {
    format!(
        "Return-Path: <>\r\nFrom: MAILER-DAEMON@mx.example\r\nTo: {to}\r\nSubject: Undelivered Mail Returned to Sender\r\n\
         Message-ID: <{id}@mx.example>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n\
         --b\r\nContent-Type: text/plain\r\n\r\nIt did not arrive.\r\n\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n\
         Reporting-MTA: dns; mx.example\r\n\r\nFinal-Recipient: rfc822; {}\r\nAction: failed\r\nStatus: {status}\r\n\
         Diagnostic-Code: smtp; 550 {status} there was a reason\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n{}\r\n--b--\r\n",
        mail.to.first().unwrap(),
        String::from_utf8_lossy(&mail.bytes),
    )
}

fn reply(mail: &Mail, from: &str, more: &str, id: &str) -> String {
    format!(
        "From: {from}\r\nTo: cert@cert.example\r\nSubject: Re: {}\r\nMessage-ID: <{id}>\r\nIn-Reply-To: <{}>\r\n{more}\r\nWe cleaned it.\r\n",
        header(mail, "Subject"),
        header(mail, "Message-ID"),
    )
}

/// A mail as somebody makes it up who knows the number of the notice that it is about.
fn guessed(mail: &str) -> String {
    let (before, rest) = mail.split_once("Message-ID: <2").unwrap();
    let (secret, domain) = rest.split_once('@').unwrap();
    format!("{before}Message-ID: <2{}@{domain}", secret.split('.').next().unwrap())
}

/// What left with a return address is believed by that, or by the Message-ID with what nobody can guess, also where it was
/// made before the mailbox was first read, and where the address is another since; the address that it left with stays
/// good.
#[tokio::test(flavor = "multi_thread")]
async fn a_bounce_to_the_plain_address_is_forged_where_its_message_id_is_guessed() {
    let Some(world) = World::unread().await else { return };
    let row = "{\"source.ip\":\"192.0.2.1\",\"classification.type\":\"scanner\"}\n";
    let report = world.folder.path().join("one.json");
    fs::write(&report, row).unwrap();
    world.done(&["ingest", "--feed", "drop", &report.display().to_string()]);
    world.done(&["notice", "send"]);
    let first = world.smtp.mails().remove(0);
    assert!(first.from.starts_with("cert+n-"), "{}", first.from);
    world.dovecot.deliver(&guessed(&bounce(&first, "cert@cert.example", "5.1.1", "forged-1"))).unwrap();
    world.once();
    world.set(|settings| settings.replace("address = \"cert@", "address = \"team@"));
    world.once();
    world.dovecot.deliver(&guessed(&bounce(&first, "team@cert.example", "5.1.1", "forged-2"))).unwrap();
    world.dovecot.deliver(&bounce(&first, "cert+n-1-000000000000000@cert.example", "5.1.1", "forged-3")).unwrap();
    world.once();
    let mails = world.mails();
    assert_eq!(mails.len(), 3);
    assert!(mails.iter().all(|mail| mail.starts_with("aside bounce ")), "{mails:?}");
    assert_eq!(world.smtp.count(), 1, "nobody else is told");
    world.set(|settings| settings.replace("address = \"team@", "address = \"desk@"));
    world.once();
    world.dovecot.deliver(&bounce(&first, &first.from, "5.1.1", "true")).unwrap();
    world.once();
    assert!(world.mails()[3].starts_with("taken bounce"), "{:?}", world.mails());
    assert_eq!(world.smtp.count(), 2, "the next contact is told");
    let next = world.smtp.mails().remove(1);
    world.dovecot.deliver(&bounce(&next, "desk@cert.example", "5.2.2", "by its Message-ID")).unwrap();
    world.once();
    assert!(world.mails()[4].starts_with("taken bounce soft"), "{:?}", world.mails());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contact_that_bounces_is_passed_over_and_one_that_answers_is_alive() {
    let Some(world) = World::new().await else { return };
    world.event("192.0.2.1");
    let first = world.smtp.mails().remove(0);
    assert_eq!(first.to, ["Gone@net.example"]);
    assert!(first.from.starts_with("cert+n-") && first.from.ends_with("@cert.example"), "{}", first.from);
    let number = number_of(&first);

    // Forged: the numbers can be guessed, the return address cannot.
    world.dovecot.deliver(&guessed(&bounce(&first, "cert@cert.example", "5.1.1", "forged-1"))).unwrap();
    world.dovecot.deliver(&bounce(&first, &first.from.replace("+n-2", "+n-3"), "5.1.1", "forged-2")).unwrap();
    world.dovecot.deliver(&reply(&first, "mallory@evil.example", "", "forged-3@evil.example")).unwrap();
    let never = bounce(&first, "cert@cert.example", "5.1.1", "never").replace("ID: <2", "ID: <3").replace("[2", "[3");
    world.dovecot.deliver(&never).unwrap();
    // Another Concert counts like this one, and its notices come from a contact of ours.
    let (count, letters) = number.split_at(15);
    let theirs = format!("{count}-{}", if letters == "-bcdf" { "ghjk" } else { "bcdf" });
    let foreign = reply(&first, "noc@net.example", "", "foreign@net.example").replace(&number, &theirs);
    world.dovecot.deliver(&foreign).unwrap();
    // A full mailbox is no reason to give up a contact.
    world.dovecot.deliver(&bounce(&first, &first.from, "5.2.2", "soft")).unwrap();
    world.once();
    let mails = world.mails();
    let check = |mails: &[String], want: &[&str]| {
        assert_eq!(mails.len(), want.len(), "{mails:?}");
        mails.iter().zip(want).for_each(|(mail, want)| assert!(mail.contains(want), "{mail} is not {want}"));
    };
    let until_now = [
        "aside bounce it names the Message-ID",
        "aside bounce it was sent to a return address that this site never made",
        "held reply it answers notice",
        "aside bounce it names no message that this site sent",
        "aside written it names no message that this site sent",
        "taken bounce soft",
    ];
    check(&mails, &until_now);
    let doubted: Vec<String> = world
        .rows(&["mailbox", "counts"])
        .iter()
        .filter(|row| !row["doubt"].is_null())
        .map(|row| format!("{} {} {}", row["kind"].as_str().unwrap(), row["doubt"].as_str().unwrap(), row["mails"]))
        .collect();
    assert_eq!(doubted, ["bounce forged 1", "bounce never-sent 2", "written never-sent 1", "reply unknown-sender 1"]);
    let held = world.rows(&["mailbox", "list", "--state", "held"]);
    assert_eq!(held[0]["doubt"], "unknown-sender", "{held:?}");
    assert_eq!((world.smtp.count(), world.dovecot.flags("").unwrap()), (1, vec!["S".to_owned(); 6]));
    let health = world.health("Gone@net.example");
    assert_eq!((&health["state"], &health["bounces"]), (&"bounced".into(), &1.into()));

    // Nothing follows from what waits for a person, until one says so.
    assert_eq!((&health["replies"], &health["last_alive"]), (&0.into(), &Value::Null));

    // The real one.
    world.dovecot.deliver(&bounce(&first, &first.from, "5.1.1", "hard")).unwrap();
    world.once();
    let second = world.smtp.mails().remove(1);
    assert_eq!(second.to, ["noc@net.example"], "the next in order, and not the law");
    let health = world.health("Gone@net.example");
    assert_eq!((&health["state"], &health["bounces"]), (&"suspended".into(), &2.into()));
    assert!(health["advice"].as_str().unwrap().contains("contact resume Gone@net.example"), "{health}");
    let again = number_of(&second);
    let shown = |id: &str| world.rows(&["notice", "show", id]).remove(0);
    assert_eq!(shown(&number)["told_again_as"], again.as_str());
    assert_eq!(shown(&again)["told_instead_of"], number.as_str());
    assert!(world.done(&["notice", "show", &number, "--raw"]).contains("Message-ID: <"));
    // The same bounce by another way, and again: nothing is told a third time.
    world.dovecot.deliver(&bounce(&first, &first.from, "5.1.1", "hard")).unwrap();
    world.dovecot.deliver(&bounce(&first, &first.from, "5.1.1", "hard").replace("did not", "could not")).unwrap();
    world.dovecot.deliver(&bounce(&first, &first.from, "5.1.1", "hard again")).unwrap();
    world.once();
    assert_eq!(world.smtp.count(), 2);

    // New events go to who is left, and an answer counts once, whatever comes with it.
    world.event("192.0.2.2");
    let third = world.smtp.mails().remove(2);
    assert_eq!(third.to, ["noc@net.example"]);
    world
        .dovecot
        .deliver(&reply(&third, "noc@net.example", "Auto-Submitted: auto-replied\r\n", "away@net.example"))
        .unwrap();
    world.dovecot.deliver(&reply(&third, "anna@net.example", "", "cleaned@net.example")).unwrap();
    world
        .dovecot
        .deliver(&reply(&third, "anna@net.example", "Delivered-To: other@cert.example\r\n", "cleaned@net.example"))
        .unwrap();
    world.once();
    let health = world.health("noc@net.example");
    let numbers = ["replies", "auto_replies", "bounces"].map(|name| health[name].as_i64().unwrap());
    assert_eq!((health["state"].as_str(), numbers), (Some("alive"), [1, 1, 0]), "{health}");
    assert!(health["median_answer"].is_string() && health["last_alive"].is_string(), "{health}");
    let listed = world.rows(&["contact", "list"]);
    assert!(
        listed.iter().any(|row| {
            row["contact"] == "noc@net.example"
                && ["state", "last_alive", "bounces"].iter().all(|known| row[known] == health[known])
        }),
        "{listed:?}"
    );
    let id = &number_of(&third);
    let thread = shown(id)["thread"].clone();
    let kinds: Vec<&str> = thread.as_array().unwrap().iter().map(|row| row["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["notice", "auto-reply", "reply", "reply (aside)"], "{thread}");

    // One of those behind the address is gone, but another has answered since.
    world.dovecot.deliver(&bounce(&third, &third.from, "5.1.1", "member")).unwrap();
    world.once();
    assert_eq!((&world.health("noc@net.example")["bounces"], world.smtp.count()), (&1.into(), 3));
    assert!(world.rows(&["notice", "list", "--state", "no-contact"]).is_empty());

    // Nobody is left; then one is told again.
    world.event("192.0.2.3");
    let fourth = world.smtp.mails().remove(3);
    world.dovecot.deliver(&bounce(&fourth, &fourth.from, "5.1.1", "last")).unwrap();
    world.once();
    let waiting = world.rows(&["notice", "list", "--state", "no-contact"]);
    assert_eq!((waiting.len(), world.smtp.count()), (1, 4), "{waiting:?}");
    let reason = waiting.first().unwrap()["reason"].as_str().unwrap();
    assert!(reason.contains("no contact of the party `Net` is left"), "{waiting:?}");
    world.done(&["contact", "resume", "noc@net.example"]);
    world.once();
    assert_eq!(world.smtp.mails().remove(4).to, ["noc@net.example"]);
    world.done(&["verify"]);
    // A person who wants to be forgotten is, also here.
    world.done(&["forget", "noc@net.example", "--yes"]);
    let known = [world.done(&["contact", "health"]), world.done(&["mailbox", "list"])].concat();
    assert!(known.to_lowercase().contains("gone@net.example") && !known.contains("noc@net.example"), "{known}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_tied_by_number_alone_counts_from_a_contact_or_when_a_person_says_so() {
    let Some(world) = World::new().await else { return };
    world.event("192.0.2.1");
    let first = world.smtp.mails().remove(0);
    let by_number = |from: &str, id: &str| {
        let (answers, mail) =
            (format!("In-Reply-To: <{}>\r\n", header(&first, "Message-ID")), reply(&first, from, "", id));
        mail.replace(&answers, "")
    };
    world.dovecot.deliver(&by_number("anna@home.example", "one@home.example")).unwrap();
    world.dovecot.deliver(&by_number("mallory@evil.example", "two@evil.example")).unwrap();
    world.dovecot.deliver(&by_number("noc@net.example", "three@net.example")).unwrap();
    world.once();
    let states: Vec<String> =
        world.mails().iter().map(|mail| mail.split(' ').take(2).collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(states, ["held reply", "held reply", "taken reply"], "who is no contact waits");
    let replies = || world.health("Gone@net.example")["replies"].as_i64().unwrap();
    assert_eq!(replies(), 0);
    let held = world.rows(&["mailbox", "list", "--state", "held"]);
    let number = |from: &str| held.iter().find(|row| row["from"] == from).unwrap()["mail"].to_string();
    let (anna, mallory) = (number("anna@home.example"), number("mallory@evil.example"));
    let refused = world.rows(&["mailbox", "refuse", &mallory, "--why", "Asked by telephone."]).remove(0);
    assert_eq!(
        (&refused["state"], &refused["reason"]),
        (&"aside".into(), &"refused by a person: Asked by telephone.".into())
    );
    let fails = |args: &[&str]| {
        let out = concert(&world.site(), args).output().unwrap();
        assert_eq!(out.status.code(), Some(2), "{out:?}");
        String::from_utf8(out.stderr).unwrap()
    };
    assert!(fails(&["mailbox", "accept", &mallory]).contains("does not wait for a person, it is aside"));
    assert!(fails(&["mailbox", "accept", "9999"]).contains("there is no mail 9999"));
    assert!(fails(&["mailbox", "accept", &anna, "--contact", "x@y.example"]).contains("it went to gone@net.example"));
    assert_eq!(replies(), 0, "nothing follows from what was refused");
    assert_eq!(world.health("noc@net.example")["replies"], 1, "a contact of the party answers for itself");
    let accepted = world.rows(&["mailbox", "accept", &anna]).remove(0);
    assert_eq!((&accepted["state"], &accepted["contact"]), (&"taken".into(), &"gone@net.example".into()));
    assert_eq!(replies(), 1);
    assert!(fails(&["mailbox", "accept", &anna]).contains("it is taken"));
    // Anybody can write any number of them.
    for n in 0..21 {
        world.dovecot.deliver(&by_number("mallory@evil.example", &format!("{n}@evil.example"))).unwrap();
    }
    world.once();
    let more = world.mails().split_off(3);
    assert_eq!(more.iter().filter(|mail| mail.starts_with("held")).count(), 20);
    assert!(more.last().unwrap().contains("20 mails wait with that notice already"), "{more:?}");
}

/// Who has a mail that others wait for answers it as it would one that all have.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_by_number_counts_from_who_has_what_others_wait_for() {
    let Some(world) = World::new().await else { return };
    world.import(
        "constituents",
        "party,prefixes,mail,purpose\nNet,192.0.2.0/24,good@net.example,abuse\nNet,,full@net.example,abuse\n",
    );
    world.smtp.at_line(Stage::To, "full@", Act::Answer("452 4.2.2 mailbox full".into()), 9);
    world.event("192.0.2.1");
    let first = world.smtp.mails().remove(0);
    assert_eq!(first.to, ["good@net.example"]);
    let answers = format!("In-Reply-To: <{}>\r\n", header(&first, "Message-ID"));
    let by_number = |id: &str| reply(&first, "good@net.example", "", id).replace(&answers, "");
    world.dovecot.deliver(&by_number("one@net.example")).unwrap();
    world.once();
    let mails = world.mails();
    assert!(mails[0].starts_with("taken reply"), "{mails:?}");
    assert_eq!(world.health("good@net.example")["replies"], 1);
    assert_eq!(world.health("full@net.example")["replies"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_the_signature_that_its_domain_always_makes_waits_for_a_person() {
    let Some(world) = World::new().await else { return };
    let key = SigningKey::from_bytes(&[7; 32]);
    let text = base64::engine::general_purpose::STANDARD.encode(key.verifying_key().to_bytes());
    let dns = Dns::start(move |question| match question {
        "s1._domainkey.net.example" => Said::Texts(vec![format!("v=DKIM1; k=ed25519; p={text}")]),
        _ => Said::Absent,
    });
    let dns = dns.await.unwrap();
    world.event("192.0.2.1");
    let first = world.smtp.mails().remove(0);
    let answer = |from: &str, id: &str| reply(&first, from, "", id);
    let came = |mail: &str| {
        world.dovecot.deliver(mail).unwrap();
        world.once();
        let row = world.rows(&["mailbox", "list", "--limit", "1"]).remove(0);
        ["state", "signed", "reason"].map(|name| row[name].as_str().unwrap_or("-").to_owned())
    };
    world.set(|settings| settings + "dkim = false\n");
    assert_eq!(came(&answer("noc@net.example", "zero@net.example")), ["taken", "-", "-"], "nobody looks");
    let more = format!("[lookup]\nname_server = \"{}\"\n", dns.address());
    world.set(|settings| settings.replace("dkim = false\n", "") + &more);

    let good = signed(&answer("noc@net.example", "one@net.example"), "net.example", &key);
    assert_eq!(came(&good), ["taken", "pass net.example", "-"]);
    let [state, how, why] = came(&answer("noc@net.example", "two@net.example"));
    assert_eq!((state.as_str(), how.as_str()), ("held", "none: it has no signature"));
    assert!(why.contains("answers from net.example were always signed, and this one is not"), "{why}");
    let changed =
        signed(&answer("noc@net.example", "three@net.example"), "net.example", &key).replace("cleaned", "left");
    assert_eq!(came(&changed)[..2], ["aside", "fail: its text was changed after it was signed"]);
    // Below the contact's domain, nobody has signed anything yet.
    assert_eq!(came(&answer("anna@sub.net.example", "four@net.example"))[..2], ["held", "none: it has no signature"]);
    let other = SigningKey::from_bytes(&[8; 32]);
    let forged = signed(&answer("noc@net.example", "five@net.example"), "net.example", &other);
    let [state, how, why] = came(&forged);
    assert!(state == "aside" && how.starts_with("fail: its signature is wrong"), "{how}");
    assert!(why.starts_with("its signature is wrong, so noc@net.example may not have written it: "), "{why}");
    let counts = world.done(&["mailbox", "counts"]);
    assert!(counts.contains("forged"), "{counts}");
    let away = answer("noc@net.example", "six@net.example")
        .replace("\r\nSubject", "\r\nAuto-Submitted: auto-replied\r\nSubject");
    assert_eq!(came(&away)[0], "aside");
    assert_eq!(world.health("noc@net.example")["replies"], 2, "nothing follows from what waits");
    let thread = world.rows(&["notice", "show", &number_of(&first)]).remove(0)["thread"].clone();
    assert!(thread.as_array().unwrap().iter().any(|row| row["signed"] == "pass net.example"), "{thread}");
    // Whoever accepts one knows that they do not always sign.
    let held = world.rows(&["mailbox", "list", "--state", "held"]);
    let is_bare = |row: &&Value| row["from"] == "noc@net.example" && row["signed"] == "none: it has no signature";
    let number = held.iter().find(is_bare).unwrap()["mail"].to_string();
    world.done(&["mailbox", "accept", &number]);
    assert_eq!(came(&answer("noc@net.example", "seven@net.example"))[..2], ["taken", "none: it has no signature"]);
    // What was set aside as forged is an answer when a person says so; and who signs need know the number alone.
    let aside = world.rows(&["mailbox", "list", "--state", "aside"]);
    let changed = aside.iter().find(|row| row["signed"].as_str().unwrap_or("").contains("was changed")).unwrap();
    let accepted = world.rows(&["mailbox", "accept", &changed["mail"].to_string()]).remove(0);
    assert_eq!((&accepted["state"], &accepted["contact"]), (&"taken".into(), &"noc@net.example".into()));
    let bare = answer("noc@net.example", "eight@net.example");
    let answers = format!("In-Reply-To: <{}>\r\n", header(&first, "Message-ID"));
    let by_number = signed(&bare.replace(&answers, ""), "net.example", &key);
    assert_eq!(came(&by_number)[..2], ["taken", "pass net.example"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contact_is_asked_once_and_its_answer_proves_it_alive() {
    let Some(world) = World::new().await else { return };
    let ask = || world.rows(&["contact", "prove", "--all-older-than", "180d"]).remove(0)["asked"].as_i64().unwrap();
    assert_eq!((ask(), ask()), (3, 0), "one open question each");
    // The schedule finds that everybody was asked.
    world.set(|settings| format!("{settings}prove_every = \"180d\"\n"));
    world.once();
    world.once();
    let mails = world.smtp.mails();
    assert_eq!(mails.len(), 3);
    let asked = mails.iter().find(|mail| mail.to == ["noc@net.example"]).unwrap();
    assert!(header(asked, "Subject").contains("Is this the right address"), "{}", header(asked, "Subject"));
    let (code, said) = world.decide(&["resend", &number_of(asked)]);
    assert!(code == 2 && said.contains("ask again: `concert contact prove \"Net\"`"), "{said}");
    world.dovecot.deliver(&reply(asked, "noc@net.example", "", "here@net.example")).unwrap();
    world.once();
    let health = world.health("noc@net.example");
    assert!(health["by"].as_str().unwrap().starts_with("answer to a proof of life"), "{health}");
    assert_eq!(ask(), 0, "the one is alive, the others are asked already");
    assert_eq!(world.rows(&["contact", "prove", "Net"]).remove(0)["asked"], 1, "who answered may be asked again");
    let again = concert(&world.site(), &["contact", "prove", "Net"]).output().unwrap();
    let told = String::from_utf8(again.stderr).unwrap();
    assert!(told.contains("nobody was asked: ") && told.contains("noc@net.example was asked on "), "{told}");
    // Whoever is new is asked by the schedule.
    world.import("constituents", &format!("{PARTIES}New,198.51.100.0/24,new@new.example,abuse\n"));
    world.once();
    assert!(world.smtp.mails().iter().any(|mail| mail.to == ["new@new.example"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn on_trial_lists_and_threads_name_the_address_that_a_notice_went_to() {
    let Some(world) = World::new().await else { return };
    world.set(|settings| format!("{settings}\n[deliver]\noverride_recipient = \"me@cert.example\"\n"));
    world.event("192.0.2.1");
    assert_eq!(world.smtp.mails().remove(0).to, ["me@cert.example"]);
    let row = world.rows(&["notice", "list"]).remove(0);
    let reason = row["reason"].as_str().unwrap();
    assert!(row["to"] == "Gone@net.example" && reason.starts_with("on trial: sent to me@cert.example"), "{row}");
    let shown = world.rows(&["notice", "show", row["id"].as_str().unwrap()]).remove(0);
    assert_eq!(shown["thread"][0]["to"], "me@cert.example (in place of Gone@net.example)", "{shown}");
    assert!(world.rows(&["contact", "health"]).iter().all(|row| row["stopped_7d"].is_null()));
    // What is no mail stays here: nobody listens there, and it would be tried again.
    let hook = "[[notice]]\nname = \"hook\"\ngroup_by = [\"source.ip\"]\nwhen = \"at once\"\nformat = \"json\"\n\
                via = \"hook\"\n[via.hook]\ntype = \"http\"\nurl = \"http://127.0.0.1:9/\"\n";
    world.set(|settings| format!("{settings}\n{hook}"));
    world.event("192.0.2.3");
    let row = world.rows(&["notice", "list", "--name", "hook"]).remove(0);
    assert_eq!((row["state"].as_str(), row["reason"].as_str()), (Some("delivered"), Some("dry run: nothing was sent")));
    world.set(|settings| settings.replace(hook, "").replace("when = \"at once\"", "when = \"at 06:00\""));
    world.event("192.0.2.2");
    let row = world.rows(&["notice", "preview"]).remove(0);
    assert_eq!(row["why"], "on trial it goes to me@cert.example", "{row}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contact_that_is_refused_at_once_is_passed_over_too() {
    let Some(world) = World::new().await else { return };
    world.smtp.at_line(Stage::To, "Gone@net.example", Act::Answer("550 5.1.1 no such user".into()), 1);
    // The next one is told by the same run.
    world.event("192.0.2.1");
    let states = || {
        world.rows(&["notice", "list"]).iter().map(|row| row["state"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!((states(), world.smtp.count()), (vec!["delivered".to_owned(), "failed".to_owned()], 1));
    assert_eq!(world.smtp.mails().remove(0).to, ["noc@net.example"]);
    assert_eq!(world.health("Gone@net.example")["state"], "suspended");
    // Its events were told, so nobody need look, and it is not tried again.
    assert_eq!(world.rows(&["notice", "retry", "--all-failed"]), Vec::<Value>::new());
    assert_eq!(states(), ["delivered", "failed"]);
    // A server that will not relay says nothing of the contact.
    world.smtp.at_line(Stage::To, "noc@net.example", Act::Answer("554 5.7.1 relay access denied".into()), 1);
    world.event("192.0.2.2");
    assert_eq!((states()[0].as_str(), world.health("noc@net.example")["bounces"].as_i64()), ("failed", Some(0)));
    // Whoever is suspended is asked by hand all the same, and that is said.
    world.smtp.at_line(Stage::To, "Gone@net.example", Act::Answer("550 5.1.1 no such user".into()), 1);
    world.done(&["contact", "prove", "Net"]);
    world.once();
    let asks = world.rows(&["notice", "list", "--state", "failed"]);
    let asks = asks.iter().find(|row| row["to"].as_str().unwrap().eq_ignore_ascii_case("gone@net.example"));
    let again = world.rows(&["notice", "retry", asks.unwrap()["id"].as_str().unwrap()]).remove(0);
    let why = again["reason"].as_str().unwrap();
    assert!(
        again["state"] == "queued" && why.contains("is suspended (notice ") && why.ends_with("asked all the same"),
        "{again}"
    );
    world.once();
    assert_eq!(world.smtp.mails().pop().unwrap().to, ["Gone@net.example"], "it goes");
}

#[tokio::test(flavor = "multi_thread")]
async fn very_many_that_bounce_at_once_with_the_same_words_are_not_suspended() {
    let Some(world) = World::new().await else { return };
    let parties = (0..14).map(|n| format!("P{n},198.51.100.{n}/32,abuse@p{n}.example\n")).collect::<String>();
    fs::write(world.site().join("parties.csv"), format!("party,prefixes,mail\n{parties}")).unwrap();
    world.done(&["contact", "import", "constituents", &world.site().join("parties.csv").display().to_string()]);
    let rows = (0..12).map(|n| format!("{{\"source.ip\":\"198.51.100.{n}\",\"classification.type\":\"scanner\"}}\n"));
    for n in 0..13 {
        let said = format!("550 <abuse@p{n}.example> no such user here");
        world.smtp.at_line(Stage::To, &format!("abuse@p{n}.example"), Act::Answer(said), 1);
    }
    let report = world.site().join("many.json");
    fs::write(&report, rows.collect::<String>()).unwrap();
    world.done(&["ingest", "--feed", "drop", &report.display().to_string()]);
    world.once();
    let suspended = || world.rows(&["contact", "health"]).iter().filter(|row| row["state"] == "suspended").count();
    assert_eq!(suspended(), 0, "the first ten are released");
    let out = concert(&world.site(), &["contact", "health"]).output().unwrap();
    let said = String::from_utf8(out.stderr).unwrap();
    assert!(said.contains("12 contacts bounced within the hour before"), "{said}");
    assert!(said.contains("none was suspended for it: 550 no such user here"), "{said}");
    // A person says that they have gone all the same.
    assert!(said.contains("concert contact suspend --held-back"), "{said}");
    let rows = world.rows(&["contact", "suspend", "--held-back"]);
    assert_eq!((rows.len(), suspended()), (12, 12), "{rows:?}");
    assert!(rows[0]["why"].as_str().unwrap().contains(": 550 <abuse@p"), "{rows:?}");
    let out = concert(&world.site(), &["contact", "suspend", "--held-back"]).output().unwrap();
    assert!(String::from_utf8(out.stderr).unwrap().contains("no contact was held back in the last day"));
    // One that bounces with other words is gone.
    world.smtp.at_line(Stage::To, "abuse@p13.example", Act::Answer("550 5.1.1 mailbox unknown".into()), 1);
    world.event("198.51.100.13");
    world.once();
    assert_eq!(world.health("abuse@p13.example")["state"], "suspended");
}

/// How many are suspended once these contacts of others bounced, each with a status of its mailbox or none.
#[expect(clippy::unwrap_used, reason = "a test that cannot set itself up must fail")]
async fn suspended(bounced: &[(String, &str)]) -> Option<usize> {
    let world = World::new().await?;
    let party = |(n, (mail, _)): (usize, &(String, &str))| format!("P{n},198.51.100.{n}/32,{mail}\n");
    let parties: String = bounced.iter().enumerate().map(party).collect();
    world.import("constituents", &format!("party,prefixes,mail\n{parties}"));
    for (mail, status) in bounced {
        world.smtp.at_line(Stage::To, mail, Act::Answer(format!("550 {status}no such user here")), 1);
    }
    let rows = (0..bounced.len())
        .map(|n| format!("{{\"source.ip\":\"198.51.100.{n}\",\"classification.type\":\"scanner\"}}\n"));
    let report = world.site().join("many.json");
    fs::write(&report, rows.collect::<String>()).unwrap();
    world.done(&["ingest", "--feed", "drop", &report.display().to_string()]);
    world.once();
    let rows = world.rows(&["contact", "health"]);
    Some(rows.iter().filter(|row| row["state"] == "suspended").count())
}

#[tokio::test(flavor = "multi_thread")]
async fn very_many_mailboxes_that_are_gone_are_suspended_each_unless_nobody_is_reached() {
    // Those of one provider, which gives no status, and those of many with one that is about the mailbox.
    let one = (0..12).map(|n| (format!("c{n}@big.example"), ""));
    let many: Vec<_> = (0..12).map(|n| (format!("abuse@p{n}.example"), "5.1.1 ")).collect();
    let Some(both) = suspended(&one.chain(many.clone()).collect::<Vec<_>>()).await else { return };
    assert_eq!(both, 24);
    // Where every domain that is told says it, the relay does not know its recipients.
    assert_eq!(suspended(&many).await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_has_nothing_be_sent_to_a_contact_and_takes_it_back() {
    let Some(world) = World::new().await else { return };
    let suspend = |address: &str, why: &str| world.rows(&["contact", "suspend", address, "--why", why]).remove(0);
    assert_eq!(suspend("gone@NET.example", "left the company")["state"], "suspended");
    assert_eq!(suspend("gone@net.example", "again")["state"], "is suspended already");
    let advice = world.health("Gone@net.example")["advice"].as_str().unwrap().to_owned();
    assert!(advice.contains("(left the company)"), "{advice}");
    world.event("192.0.2.1");
    assert_eq!(world.smtp.mails()[0].to, ["noc@net.example"]);
    let out = concert(&world.site(), &["contact", "suspend", "nobody@net.example"]).output().unwrap();
    let said = String::from_utf8(out.stderr).unwrap();
    assert!(out.status.code() == Some(2) && said.contains("nobody@net.example is no contact of"), "{said}");
    world.done(&["contact", "resume", "gone@net.example"]);
    world.event("192.0.2.2");
    assert_eq!(world.smtp.mails()[1].to, ["Gone@net.example"]);
    let acts = world.done(&["audit", "--format", "ndjson"]);
    assert!(acts.contains("contact suspend") && acts.contains("left the company"), "{acts}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_constituent_of_which_nobody_is_left_falls_to_the_team_of_the_country() {
    let Some(world) = World::new().await else { return };
    world.import("constituents", "party,prefixes,mail\nNet,192.0.2.0/24,gone@net.example\n");
    let teams = "party,countries,sectors,mail\nTeam FI,FI,,cert@fi.example\nLast,*,,last@last.example\nPower,,energy,cert@power.example\n";
    world.import("teams", teams);
    let events = |name: &str| {
        let row = |(host, cc): (u8, &str)| {
            format!(
                "{{\"source.ip\":\"192.0.2.{host}\",\"source.geolocation.cc\":\"{cc}\",\"classification.type\":\"scanner\"}}\n"
            )
        };
        let hosts = if name == "one" { [(1, "FI"), (2, "SE"), (3, "FI")] } else { [(4, "FI"), (5, "SE"), (6, "FI")] };
        fs::write(world.site().join("in/.part"), hosts.map(row).concat()).unwrap();
        fs::rename(world.site().join("in/.part"), world.site().join(format!("in/{name}.json"))).unwrap();
        world.once();
    };
    world.done(&["contact", "suspend", "gone@net.example", "--why", "left"]);
    events("one");
    let mut told: Vec<String> = world.smtp.mails().iter().map(|mail| mail.to.join(",")).collect();
    told.sort();
    assert_eq!(told, ["cert@fi.example", "last@last.example"]);
    let all = world.rows(&["notice", "list"]);
    let row = all.iter().find(|row| row["to"] == "cert@fi.example").unwrap();
    assert_eq!((&row["key"], &row["events"], &row["state"]), (&"Net".into(), &2.into(), &"delivered".into()));
    let shown = world.rows(&["notice", "show", row["id"].as_str().unwrap()]).remove(0);
    let why =
        "told to the team `Team FI` (country FI) because nobody is left of `Net`; suspended are gone@net.example: left";
    assert_eq!(shown["passed_over"], why);
    let text = shown["text"].as_str().unwrap();
    assert!(
        text.contains("Dear Team FI,") && text.contains("because no working contact of Net is known to us"),
        "{text}"
    );
    // `who` knows no country of the address, so it names the team for any.
    let first = || world.rows(&["who", "192.0.2.1"]).remove(0);
    let reason = first()["reason"].as_str().unwrap().to_owned();
    assert!(
        first()["contact"] == "last@last.example" && reason.starts_with("stands in for `Net` (network"),
        "{reason}"
    );
    // A team of its sector comes before; and where that is gone too, it is said.
    world.import("constituents", "party,prefixes,sectors,mail\nNet,192.0.2.0/24,energy,gone@net.example\n");
    assert_eq!(first()["contact"], "cert@power.example");
    for team in ["cert@power.example", "cert@fi.example", "last@last.example"] {
        world.done(&["contact", "suspend", team, "--why", "left"]);
    }
    events("two");
    let waiting = world.rows(&["notice", "list", "--state", "no-contact"]);
    let tried = "tried in vain too: the team of the sector energy, the team of last resort (country FI), the team of last \
        resort (any country)";
    let reasons: Vec<&str> = waiting.iter().filter_map(|row| row["reason"].as_str()).collect();
    assert!(
        reasons.iter().any(|reason| reason.contains(tried) && reason.matches("in vain").count() == 1),
        "{reasons:?}"
    );
    assert!(first()["contact"].is_null() && first()["reason"].as_str().unwrap().ends_with("so its notices wait"));
    world.done(&["contact", "resume", "cert@fi.example"]);
    world.once();
    assert_eq!(world.smtp.mails().pop().unwrap().to, ["cert@fi.example"]);
    assert_eq!(world.rows(&["notice", "list", "--state", "no-contact"])[0]["events"], 1);
}

/// Numbers of notices in a state, with whom they are for.
fn to_of(world: &World, state: &str) -> Vec<(String, String)> {
    let rows = world.rows(&["notice", "list", "--state", state]);
    let text = |row: &Value, name: &str| row[name].as_str().unwrap_or("-").to_owned();
    rows.iter().map(|row| (text(row, "id"), text(row, "to"))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_a_notice_goes_to_is_decided_anew_when_a_contact_was_suspended_meanwhile() {
    let Some(world) = World::gated().await else { return };
    let parties = PARTIES
        .replace("mail,purpose", "sectors,mail,purpose")
        .replace(",Gone", ",energy,Gone")
        .replace("Net,,", "Net,,,");
    world.import("constituents", &parties);
    let teams = "party,sectors,mail\nPower CERT,energy,cert@power.example\n";
    world.import("teams", teams);
    for host in 1..=4 {
        world.event(&format!("192.0.2.{host}"));
    }
    let waiting: Vec<String> = to_of(&world, "waiting").into_iter().rev().map(|(id, _)| id).collect();
    let [one, two, three, four] = waiting.as_slice() else { panic!("{waiting:?}") };
    let preview = || world.rows(&["notice", "preview"]);
    assert_eq!(preview().iter().filter(|row| row["why"] == "waits for approval").count(), 4);
    let decide = |verb: &str, id: &str| world.decide(&[verb, id]);
    // The first bounces, so the second goes to whoever is next, and says so.
    world.smtp.at_line(Stage::To, "Gone@net.example", Act::Answer("550 5.1.1 no such user".into()), 1);
    assert_eq!(decide("approve", one).0, 0);
    world.once();
    assert_eq!(world.health("Gone@net.example")["state"], "suspended");
    let (code, said) = decide("approve", two);
    assert!(
        code == 0
            && said.contains("Gone@net.example is suspended (notice")
            && said.contains("it goes to noc@net.example"),
        "{said}"
    );
    assert!(said.contains("\"state\":\"queued\""), "{said}");
    world.once();
    assert_eq!(world.smtp.mails().iter().map(|mail| mail.to.join(",")).collect::<Vec<_>>(), ["noc@net.example"]);
    let shown = world.done(&["notice", "show", two, "--format", "json"]);
    assert!(shown.contains("\"passed_over\": \"Gone@net.example is suspended"), "{shown}");
    // What failed was told again already, and is not told twice.
    let (code, said) = decide("retry", one);
    assert!(code == 1 && said.contains("its events were told again as"), "{said}");
    // The one that it became goes to noc, which bounces too: the team of the sector is another party.
    world.smtp.at_line(Stage::To, "noc@net.example", Act::Answer("550 5.1.1 no such user".into()), 1);
    let again = to_of(&world, "waiting").into_iter().find(|(_, to)| to == "noc@net.example").unwrap().0;
    assert_eq!(decide("approve", &again).0, 0);
    world.once();
    let (code, said) = decide("approve", three);
    assert!(
        code == 1 && said.contains("it is for cert@power.example now, of another party, and waits to be approved"),
        "{said}"
    );
    assert_eq!(decide("approve", three).0, 0, "whoever looked approves it for the team");
    world.once();
    let mail = world.smtp.mails().pop().unwrap();
    assert_eq!(mail.to, ["cert@power.example"]);
    let text = String::from_utf8_lossy(&mail.bytes).into_owned();
    assert!(text.contains("Dear Power CERT,") && text.contains("received reports about systems of Net."), "{text}");
    assert!(text.contains("because no working contact of Net is known to us"), "{text}");
    assert!(!text.contains("550 5.1.1"), "{text}");
    // The team is a contact that notices went to.
    assert_eq!(world.health("cert@power.example")["party"], "Power CERT");
    // By hand neither.
    let (code, said) = world.decide(&["resend", two, "--to", "gone@net.example"]);
    assert!(code == 2 && said.contains("concert contact resume gone@net.example"), "{said}");
    // A delivered one whose address is suspended by now is sent again to whoever is next.
    let (code, said) = decide("resend", two);
    assert!(code == 0 && said.contains("it is for cert@power.example now"), "{said}");
    // Without anybody it waits for a contact, and goes out when one is there.
    world.import("teams", "party,sectors,mail\nOther,health,cert@other.example\n");
    let (code, said) = decide("approve", four);
    assert!(code == 1 && said.contains("nobody else is left") && said.contains("\"state\":\"no-contact\""), "{said}");
    assert_eq!(world.smtp.count(), 2);
    let shown = preview().into_iter().find(|row| row["id"] == four.as_str()).unwrap();
    assert!(shown["why"].as_str().unwrap().starts_with("no contact of the party `Net` is left"), "{shown}");
    let team = preview().into_iter().find(|row| row["to"] == "cert@power.example").unwrap();
    let (code, said) = decide("retry", four);
    assert!(code == 1 && said.contains("it has nobody to go to; give --to ADDRESS"), "{said}");
    world.import("teams", teams);
    let (code, said) = decide("retry", four);
    assert!(code == 0 && said.contains("it goes to cert@power.example") && said.contains("\"waiting\""), "{said}");
    assert!(team["why"].as_str().unwrap().starts_with("waits for approval; told to the team `Power CERT`"), "{team}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_corrected_contact_book_reaches_what_was_made_before() {
    let Some(world) = World::gated().await else { return };
    let import = |parties: &str| world.import("constituents", &format!("party,prefixes,mail\n{parties}"));
    let decide = |args: &[&str]| world.decide(args);
    import("A,192.0.2.0/28,old@a.example\nB,192.0.2.16/28,abuse@b.example\nC,192.0.2.32/28,abuse@c.example\n");
    for host in [1, 2, 3, 17, 33] {
        world.event(&format!("192.0.2.{host}"));
    }
    let waiting: Vec<String> = to_of(&world, "waiting").into_iter().rev().map(|(id, _)| id).collect();
    let [one, two, three, of_b, of_c] = waiting.as_slice() else { panic!("{waiting:?}") };
    import("A,192.0.2.0/28,new@a.example\n");
    // Whoever looks is told before anything is decided.
    let why = |id: &str| {
        let rows = world.rows(&["notice", "preview"]);
        rows.iter().find(|row| row["id"] == id).unwrap()["why"].as_str().unwrap().to_owned()
    };
    let want =
        "waits for approval; old@a.example is not told for `A` any more; the contact book says new@a.example now";
    assert_eq!(why(one), want);
    assert!(
        why(of_b).ends_with("abuse@b.example is not told for `B` any more; it would wait for a contact"),
        "{}",
        why(of_b)
    );
    // What is rejected can be taken back, and an address that somebody gives stays.
    assert_eq!(decide(&["reject", two, "--why", "the address is wrong"]).0, 0);
    let (code, said) = decide(&["approve", two]);
    assert!(code == 1 && said.contains("`concert notice retry` takes that back"), "{said}");
    let (code, said) = decide(&["retry", two]);
    assert!(code == 0 && said.contains("\"state\":\"waiting\"") && said.contains("waits for approval"), "{said}");
    assert_eq!(decide(&["retry", three]).0, 1, "it waits already");
    assert_eq!(decide(&["retry", three, "--to", "somebody@a.example"]).0, 0);
    assert_eq!(why(three), "waits for approval");
    let (code, said) = decide(&["approve", "--all", "responsible"]);
    assert!(code == 0 || said.contains("so it waits for a contact"), "{said}");
    assert!(said.contains("old@a.example is not told for `A` any more; it goes to new@a.example"), "{said}");
    world.once();
    let mut sent: Vec<String> = world.smtp.mails().iter().map(|mail| mail.to.join(",")).collect();
    sent.sort();
    assert_eq!(sent, ["new@a.example", "new@a.example", "somebody@a.example"], "and nothing to B and C");
    let nobody: Vec<String> = to_of(&world, "no-contact").into_iter().rev().map(|(id, _)| id).collect();
    assert_eq!(nobody, [of_b.as_str(), of_c.as_str()]);
    // What failed at an address that is corrected goes to the new one; what was delivered is sent again there.
    world.smtp.at_line(Stage::To, "new@a.example", Act::Answer("554 5.7.1 access denied".into()), 1);
    world.event("192.0.2.4");
    assert_eq!(decide(&["approve", "--all", "responsible"]).0, 0);
    world.once();
    let failed = to_of(&world, "failed").remove(0).0;
    import("A,192.0.2.0/28,newest@a.example\nA,,second@a.example\n");
    let (code, said) = decide(&["retry", &failed]);
    assert!(code == 0 && said.contains("it goes to newest@a.example,second@a.example"), "{said}");
    world.once();
    assert_eq!(world.smtp.mails().pop().unwrap().to, ["newest@a.example", "second@a.example"]);
    let (code, said) = decide(&["resend", one]);
    assert!(code == 0 && said.contains("it goes to newest@a.example,second@a.example"), "{said}");
    // An address that is left keeps it, and whoever else is asked for it by now gets it too.
    import("A,192.0.2.0/28,second@a.example\nA,,third@a.example\n");
    let again = to_of(&world, "waiting").remove(0).0;
    let (code, said) = decide(&["approve", &again]);
    assert!(code == 0 && said.contains("it goes to second@a.example,third@a.example"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notice_that_waits_for_its_hour_passes_over_who_was_suspended_meanwhile() {
    let Some(world) = World::new().await else { return };
    let import = |schedule: &str| {
        let parties = format!(
            "party,prefixes,mail,purpose,schedule\nNet,192.0.2.0/24,Gone@net.example,abuse,{schedule}\n\
             Net,,here@net.example,abuse,{schedule}\nNet,,now@net.example,abuse,\nNet,,noc@net.example,technical,\n"
        );
        world.import("constituents", &parties);
    };
    // Somebody of them wishes to be told at once, so that there is a notice that waits.
    import("at 06:00 on mon");
    world.event("192.0.2.1");
    import("");
    world.smtp.at_line(Stage::To, "Gone@net.example", Act::Answer("550 5.1.1 no such user".into()), 1);
    world.event("192.0.2.2");
    world.once();
    assert_eq!(world.health("Gone@net.example")["state"], "suspended");
    let queued = to_of(&world, "queued");
    assert_eq!(queued[0].1, "Gone@net.example,here@net.example");
    let sent = concert(&world.site(), &["notice", "send", &queued[0].0]).output().unwrap();
    let said = String::from_utf8(sent.stderr).unwrap();
    assert!(sent.status.success() && said.contains("it goes to here@net.example alone"), "{said}");
    assert_eq!(world.smtp.mails().pop().unwrap().to, ["here@net.example"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sent_to_an_address_that_left_the_contact_book() {
    let Some(world) = World::new().await else { return };
    let import = |parties: &str| world.import("constituents", &format!("party,prefixes,mail\n{parties}"));
    import("A,192.0.2.0/28,old@a.example\nB,192.0.2.16/28,abuse@b.example\nC,192.0.2.32/28,abuse@c.example\n");
    for to in ["old@a.example", "abuse@b.example", "abuse@c.example"] {
        world.smtp.at_line(Stage::To, to, Act::Answer("451 4.7.1 later".into()), 1);
    }
    for host in [1, 17, 33] {
        world.event(&format!("192.0.2.{host}"));
    }
    let of = |to: &str| to_of(&world, "queued").into_iter().find(|(_, other)| other == to).unwrap().0;
    let (of_a, of_b, of_c) = (of("old@a.example"), of("abuse@b.example"), of("abuse@c.example"));
    import("A,192.0.2.0/28,new@a.example\nC,192.0.2.32/28,soc@c.example\n");
    let rows = world.rows(&["notice", "preview"]);
    let why = |id: &str| rows.iter().find(|row| row["id"] == id).unwrap()["why"].as_str().unwrap().to_owned();
    assert_eq!(why(&of_a), "old@a.example is not told for `A` any more; the contact book says new@a.example now");
    assert_eq!(why(&of_b), "abuse@b.example is not told for `B` any more; it would wait for a contact");
    assert!(why(&of_c).ends_with("the contact book says soc@c.example now"), "{}", why(&of_c));
    let script = "import sqlite3\nd = sqlite3.connect('data/records.sqlite')\n\
        d.execute(\"UPDATE notice SET due = 1 WHERE state = 'queued'\")\nd.commit()\n";
    let done = Command::new("python3").args(["-c", script]).current_dir(world.site()).output().unwrap();
    assert!(done.status.success(), "{done:?}");
    world.once();
    let mut sent: Vec<String> = world.smtp.mails().iter().map(|mail| mail.to.join(",")).collect();
    sent.sort();
    assert_eq!(sent, ["new@a.example", "soc@c.example"]);
    assert_eq!(to_of(&world, "no-contact").remove(0).0, of_b);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_a_colleague_revives_nobody_who_bounced() {
    let Some(world) = World::new().await else { return };
    world.import("constituents", "party,prefixes,mail\nPP,192.0.2.0/24,first@pp.example\nPP,,two@pp.example\n");
    world.event("192.0.2.1");
    let mail = world.smtp.mails().remove(0);
    assert_eq!(mail.to, ["first@pp.example", "two@pp.example"]);
    world.dovecot.deliver(&bounce(&mail, &mail.from, "5.1.1", "gone")).unwrap();
    world.once();
    let state = |contact: &str| world.health(contact)["state"].clone();
    assert_eq!(state("first@pp.example"), "suspended");
    world.dovecot.deliver(&reply(&mail, "hans@pp.example", "", "hans@pp.example")).unwrap();
    world.once();
    assert_eq!((state("first@pp.example"), state("two@pp.example")), ("suspended".into(), "alive".into()));
    let thread = world.rows(&["notice", "show", &number_of(&mail)]).remove(0)["thread"].to_string();
    assert!(thread.contains("hans@pp.example") || thread.contains("reply"), "{thread}");
    world.dovecot.deliver(&reply(&mail, "first@pp.example", "", "first@pp.example")).unwrap();
    world.once();
    assert_eq!(state("first@pp.example"), "alive");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_who_got_a_notice_a_person_says_who_answered_where_nothing_shows_it() {
    let Some(world) = World::new().await else { return };
    world.import("constituents", "party,prefixes,mail\nNet,192.0.2.0/24,a@one.example\nNet,,b@two.example\n");
    world.event("192.0.2.1");
    let first = world.smtp.mails().remove(0);
    assert_eq!(first.to, ["a@one.example", "b@two.example"]);
    for (from, id) in [("else@two.example", "one@x.example"), ("anna@home.example", "two@x.example")] {
        let answers = format!("In-Reply-To: <{}>\r\n", header(&first, "Message-ID"));
        world.dovecot.deliver(&reply(&first, from, "", id).replace(&answers, "")).unwrap();
    }
    world.once();
    let held = world.rows(&["mailbox", "list", "--state", "held"]);
    let number = |from: &str| held.iter().find(|row| row["from"] == from).unwrap()["mail"].to_string();
    let (near, far) = (number("else@two.example"), number("anna@home.example"));
    assert_eq!(world.rows(&["mailbox", "accept", &near])[0]["contact"], "b@two.example");
    let out = concert(&world.site(), &["mailbox", "accept", &far]).output().unwrap();
    let said = String::from_utf8(out.stderr).unwrap();
    assert!(
        out.status.code() == Some(2) && said.contains("say which with --contact: a@one.example, b@two.example"),
        "{said}"
    );
    assert_eq!(world.rows(&["mailbox", "accept", &far, "--contact", "a@one.example"])[0]["contact"], "a@one.example");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bounce_of_somebody_behind_an_address_suspends_nobody_and_is_told() {
    let Some(world) = World::new().await else { return };
    world.event("192.0.2.1");
    let mut mail = world.smtp.mails().remove(0);
    let own = mail.from.clone();
    mail.to = vec!["bob@home.example".to_owned()];
    world.dovecot.deliver(&bounce(&mail, &own, "5.1.1", "behind")).unwrap();
    world.once();
    let health = world.health("Gone@net.example");
    assert_eq!((&health["state"], &health["bounces"]), (&"unknown".into(), &0.into()), "{health}");
    let advice = health["advice"].as_str().unwrap();
    assert!(
        advice.contains("it forwards to somebody who did not get a mail: behind it: bob@home.example: "),
        "{advice}"
    );
    assert_eq!(world.smtp.count(), 1, "nobody else is told");
    let thread = world.rows(&["notice", "show", &number_of(&mail)]).remove(0)["thread"].clone();
    assert!(thread.as_array().unwrap().iter().any(|row| row["kind"] == "behind"), "{thread}");
    assert_eq!(world.rows(&["mailbox", "list", "--kind", "behind"]).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_back_stands_with_every_notice_that_went_in_one_mail() {
    let Some(world) = World::new().await else { return };
    let second = "[[notice]]\nname = \"second\"\nto = \"responsible\"\nwhen = \"at once\"\nformat = \"json\"\nvia = \"mail\"\n\
        merge = true\n\n[via.mail]\n";
    world.set(|settings| {
        settings.replace("via = \"mail\"\n", "via = \"mail\"\nmerge = true\n").replace("[via.mail]\n", second)
    });
    world.event("192.0.2.1");
    let mails = world.smtp.mails();
    let shown = || {
        let all = world.rows(&["notice", "list"]);
        all.iter().map(|row| world.rows(&["notice", "show", row["id"].as_str().unwrap()]).remove(0)).collect::<Vec<_>>()
    };
    let (number, notices) = (number_of(&mails[0]), shown());
    assert_eq!((mails.len(), notices.len()), (1, 2), "one mail has both");
    let other = notices.iter().find(|row| row["id"] != number.as_str()).unwrap();
    let (other_number, text) = (other["id"].as_str().unwrap(), String::from_utf8_lossy(&mails[0].bytes).into_owned());
    assert!(other["goes_with"] == number.as_str() && text.contains(other_number), "each has its own number");
    let mail_id = header(&mails[0], "Message-ID");
    let listed = world.rows(&["notice", "list"]);
    assert!(notices.iter().chain(&listed).all(|row| row["message_id"] == mail_id.as_str()), "{notices:?} {listed:?}");
    // One that answers the mail, and one that names the other notice, which a person takes.
    world.dovecot.deliver(&reply(&mails[0], "gone@net.example", "", "one@net.example")).unwrap();
    let answers = format!("In-Reply-To: <{}>\r\n", header(&mails[0], "Message-ID"));
    let by_number = reply(&mails[0], "gone@net.example", "", "two@net.example").replace(&answers, "");
    world.dovecot.deliver(&by_number.replace(&number, other_number)).unwrap();
    world.once();
    for notice in shown() {
        let thread = notice["thread"].as_array().unwrap();
        let came = thread.iter().filter(|row| row["direction"] == "in" && row["kind"] == "reply");
        assert_eq!(came.count(), 2, "{notice}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_answered_for_goes_to_whoever_does_by_now() {
    let Some(world) = World::new().await else { return };
    let several = |name: &str| {
        let row = |address| format!("{{\"source.ip\":\"{address}\",\"classification.type\":\"scanner\"}}\n");
        let rows: String = ["198.51.100.1", "203.0.113.1", "198.51.100.2", "203.0.113.200"].map(row).concat();
        fs::write(world.site().join("in").join(name), rows).unwrap();
        world.once();
    };
    several("one.json");
    let waiting = to_of(&world, "no-contact");
    assert_eq!(waiting.len(), 1, "{waiting:?}");
    let id = &waiting[0].0;
    let (code, said) = world.decide(&["retry", id]);
    assert!(code == 1 && said.contains("it has nobody to go to; give --to ADDRESS"), "{said}");
    let (code, said) = world.decide(&["retry", id, "--to", "Cert+x@cert.example"]);
    assert!(code == 2 && said.contains("this is this team's own address"), "{said}");
    world.import(
        "constituents",
        &format!("{PARTIES}B,198.51.100.0/24,abuse@b.example,\nC,203.0.113.0/28,abuse@c.example,\n"),
    );
    let foretold = || world.rows(&["notice", "preview"]).remove(0)["why"].clone();
    assert_eq!(
        foretold(),
        "it becomes 3 notices: 2 events to abuse@b.example, 1 event to abuse@c.example, 1 event waits for a contact"
    );
    assert_eq!(to_of(&world, "no-contact"), waiting, "looking changes nothing");
    world.once();
    let mut sent: Vec<(String, u64)> = world
        .smtp
        .mails()
        .iter()
        .map(|mail| {
            (mail.to.join(","), world.rows(&["notice", "show", &number_of(mail)])[0]["events"].as_u64().unwrap_or(0))
        })
        .collect();
    sent.sort();
    assert_eq!(sent, [("abuse@b.example".to_owned(), 2), ("abuse@c.example".to_owned(), 1)]);
    // What nobody answers for still waits, until a person wants it tried again.
    let waiting = to_of(&world, "no-contact");
    assert_eq!(waiting.len(), 1, "{waiting:?}");
    let keys = || {
        let row = |row: &Value| (row["key"].as_str().unwrap().to_owned(), row["to"].as_str().unwrap().to_owned());
        let mut keys: Vec<_> = world.rows(&["notice", "list"]).iter().map(row).collect();
        keys.sort();
        keys
    };
    let pair = |key: &str, to: &str| (key.to_owned(), to.to_owned());
    let told = [pair("B", "abuse@b.example"), pair("C", "abuse@c.example")];
    assert_eq!(keys(), [&told[..], &[pair("unknown", "")]].concat());
    assert_eq!(foretold(), "no party answers for these events; asked were the constituents");
    world.import("teams", "party,countries,mail\nLast,*,cert@last.example\n");
    let (code, said) = world.decide(&["retry", &waiting[0].0]);
    assert!(code == 0 && said.contains("it goes to cert@last.example"), "{said}");
    world.once();
    assert_eq!(world.smtp.mails().pop().unwrap().to, ["cert@last.example"]);
    assert!(to_of(&world, "no-contact").is_empty());
    assert_eq!(keys(), [&told[..], &[pair("Last", "cert@last.example")]].concat());
}

#[tokio::test(flavor = "multi_thread")]
async fn trying_again_what_becomes_several_notices_names_all_of_them() {
    let Some(world) = World::new().await else { return };
    world.event("198.51.100.1");
    let rows = ["198.51.100.2", "203.0.113.1"].map(|ip| format!("{{\"source.ip\":\"{ip}\"}}\n")).concat();
    fs::write(world.site().join("in/two.json"), rows).unwrap();
    world.once();
    let waiting = to_of(&world, "no-contact");
    world.import(
        "constituents",
        &format!("{PARTIES}B,198.51.100.0/24,abuse@b.example,\nC,203.0.113.0/28,abuse@c.example,\n"),
    );
    let (code, said) = world.decide(&["retry", &waiting[1].0, &waiting[0].0]);
    let several = "it becomes 2 notices: 1 event to abuse@b.example, 1 event to abuse@c.example";
    assert!(code == 0 && said.contains("\"it goes to abuse@b.example\"") && said.contains(several), "{said}");
    let log = world.done(&["audit", "--object", &format!("notice {}", waiting[0].0), "--format", "ndjson"]);
    assert!(log.contains(several), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_goes_to_whoever_is_imported_while_the_program_stands_or_works() {
    let Some(world) = World::new().await else { return };
    let site = world.site();
    world.event("198.51.100.1");
    world.event("203.0.113.1");
    assert_eq!(to_of(&world, "no-contact").len(), 2);
    let path = site.join("constituents.csv");
    fs::write(&path, format!("{PARTIES}B,198.51.100.0/24,abuse@b.example,\n")).unwrap();
    let out = concert(&site, &["contact", "import", "constituents", &path.display().to_string()]).output().unwrap();
    let said = String::from_utf8(out.stderr).unwrap();
    assert!(said.contains("waiting=2") && said.contains("notices wait for a contact"), "{said}");
    let told = || world.smtp.mails().iter().map(|mail| mail.to.join(",")).collect::<Vec<_>>();
    // It was imported while nothing worked: a program that starts looks by itself.
    let _running = Running::start(&site);
    until(|| told() == ["abuse@b.example"], "what was imported before is told");
    // Data of registries too.
    fs::write(site.join("ripe.db"), OBJECTS).unwrap();
    world.done(&["contact", "import", "rpsl", &site.join("ripe.db").display().to_string()]);
    until(|| told() == ["abuse@b.example", "abuse@small.example"], "whom registries name is told");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_of_a_team_of_last_resort_is_left_the_next_one_is_told() {
    let Some(world) = World::new().await else { return };
    let site = world.site();
    fs::write(site.join("country.csv"), "198.51.100.0,198.51.100.255,SE\n").unwrap();
    world.set(|settings| format!("{settings}[lookup]\ncountry = [\"country.csv\"]\n"));
    let teams =
        "party,countries,mail\nNat SE,SE,gone@nat.example\nSE two,SE,two@se.example\nLast,*,last@cert.example\n";
    world.import("teams", teams);
    let gone = |address: &str| {
        world.smtp.at_line(Stage::To, address, Act::Answer("550 5.1.1 no such user".into()), 1);
    };
    let told = || world.smtp.mails().last().unwrap().to.clone();
    let passed = || {
        let row = world.rows(&["notice", "list", "--name", "responsible"]).remove(0);
        let shown = world.rows(&["notice", "show", row["id"].as_str().unwrap()]).remove(0);
        (shown["party"].as_str().unwrap().to_owned(), shown["passed_over"].as_str().unwrap().to_owned())
    };
    let who = |contact: Option<&str>, because: &str| {
        let rows = world.rows(&["who", "198.51.100.9"]);
        let is_told = |row: &&Value| !row["reason"].as_str().unwrap().starts_with("passed over");
        let first = rows.iter().find(is_told).unwrap_or(&rows[0]);
        assert_eq!(first["contact"].as_str(), contact, "{first}");
        assert!(first["reason"].as_str().unwrap().contains(because), "{first}");
    };
    gone("gone@nat.example");
    world.event("198.51.100.1");
    world.once();
    assert_eq!(told(), ["two@se.example"]);
    let want = "told to the team `SE two` (country SE) because nobody is left of the team `Nat SE` (country SE); suspended are \
        gone@nat.example: notice ";
    let (party, why) = passed();
    assert!(party == "SE two" && why.starts_with(want), "{party}: {why}");
    who(Some("two@se.example"), "country SE, because nobody is left of the team `Nat SE`");
    // So are later events, and by the next one where nobody of that is left either.
    gone("two@se.example");
    world.event("198.51.100.2");
    world.once();
    assert_eq!(told(), ["last@cert.example"]);
    let (party, why) = passed();
    assert!(party == "Last" && why.contains("`Nat SE` (country SE); suspended are"), "{party}: {why}");
    assert!(why.contains(", nor of the team `SE two` (country SE); suspended are"), "{why}");
    world.event("198.51.100.3");
    world.once();
    assert_eq!(told(), ["last@cert.example"]);
    who(Some("last@cert.example"), "any country, because nobody is left of the team `Nat SE`");
    // Where nobody is left at all it waits, and says what was tried.
    gone("last@cert.example");
    world.event("198.51.100.4");
    world.once();
    world.event("198.51.100.5");
    let waiting = world.rows(&["notice", "list", "--state", "no-contact"]).remove(0);
    let reason = waiting["reason"].as_str().unwrap();
    let tried = "tried in vain too: the team of last resort (country SE), the team of last resort (any country)";
    assert!(waiting["key"] == "Nat SE" && reason.ends_with(tried), "{waiting}");
    who(None, "so its notices wait");
    world.done(&["contact", "resume", "gone@nat.example"]);
    world.once();
    assert!(world.rows(&["notice", "list", "--state", "no-contact"]).is_empty());
    assert_eq!(told(), ["gone@nat.example"]);
}

/// A customer with two networks in those of two providers, whose AS has a contact of its own.
const OBJECTS: &str = "role: S\nnic-hdl: SR1\nabuse-mailbox: abuse@small.example\nsource: RIPE\n\n\
    role: L\nnic-hdl: LR1\nabuse-mailbox: abuse@large.example\nsource: RIPE\n\n\
    role: O\nnic-hdl: OR1\nabuse-mailbox: abuse@other.example\nsource: RIPE\n\n\
    role: A\nnic-hdl: AR1\nabuse-mailbox: abuse@as.example\nsource: RIPE\n\n\
    inetnum: 198.51.100.0 - 198.51.100.63\nabuse-c: SR1\nsource: RIPE\n\n\
    inetnum: 203.0.113.0 - 203.0.113.63\nabuse-c: SR1\nsource: RIPE\n\n\
    inetnum: 198.51.100.0 - 198.51.100.255\nabuse-c: LR1\nsource: RIPE\n\n\
    inetnum: 203.0.113.0 - 203.0.113.255\nabuse-c: OR1\nsource: RIPE\n\n\
    aut-num: AS64500\nabuse-c: AR1\nsource: RIPE\n";

#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_of_a_network_is_left_the_larger_one_the_as_and_the_national_team_are_told() {
    let Some(world) = World::new().await else { return };
    let site = world.site();
    let file = |name: &str, text: &str| {
        fs::write(site.join(name), text).unwrap();
        site.join(name).display().to_string()
    };
    file("asn.csv", "198.51.100.0,198.51.100.255,64500,EXAMPLE\n");
    file("country.csv", "198.51.100.0,198.51.100.255,FI\n");
    let settings = fs::read_to_string(site.join("concert.toml")).unwrap();
    let more = "[lookup]\nasn = [\"asn.csv\"]\ncountry = [\"country.csv\"]\n[[notice]]\nname = \"yearly\"\nto = \"responsible\"\n\
        cron = \"0 6 1 1 *\"\nvia = \"mail\"\n";
    file("concert.toml", &format!("{settings}{more}"));
    world.done(&["contact", "import", "rpsl", &file("ripe.db", OBJECTS)]);
    world.done(&[
        "contact",
        "import",
        "teams",
        &file("teams.csv", "party,countries,mail\nTeam FI,FI,cert@team.example\n"),
    ]);
    world.once();

    // The larger network.
    let gone = |address: &str| {
        world.smtp.at_line(Stage::To, address, Act::Answer("550 5.1.1 no such user".into()), 1);
    };
    let told = || world.smtp.mails().last().unwrap().to.clone();
    let newest =
        || world.rows(&["notice", "list", "--name", "responsible"]).remove(0)["id"].as_str().unwrap().to_owned();
    let passed = |id: &str| world.rows(&["notice", "show", id]).remove(0)["passed_over"].as_str().unwrap().to_owned();
    gone("abuse@small.example");
    world.event("198.51.100.1");
    world.once();
    assert_eq!((told(), world.smtp.count()), (vec!["abuse@large.example".to_owned()], 1));
    let why = passed(&newest());
    let want = "told to `RIPE LR1` (RIPE inetnum 198.51.100.0 - 198.51.100.255) because nobody is left of `RIPE SR1` \
        (RIPE inetnum 198.51.100.0 - 198.51.100.63; suspended are abuse@small.example: notice ";
    assert!(why.starts_with(want), "{why}");

    // What is gathered is told so too, and each event of a notice goes its own way.
    let two = "{\"source.ip\":\"198.51.100.2\",\"classification.type\":\"scanner\"}\n\
        {\"source.ip\":\"203.0.113.2\",\"classification.type\":\"scanner\"}\n";
    world.done(&["ingest", "--feed", "drop", &file("two.json", two)]);
    let listed = world.rows(&["notice", "list", "--name", "responsible", "--state", "queued"]);
    let mut to: Vec<&str> = listed.iter().map(|row| row["to"].as_str().unwrap()).collect();
    to.sort_unstable();
    assert_eq!(to, ["abuse@large.example", "abuse@other.example"]);
    let mut preview = world.rows(&["notice", "preview", "yearly"]);
    preview.sort_by_key(|row| row["to"].to_string());
    let shown: Vec<(&str, &Value)> = preview.iter().map(|row| (row["to"].as_str().unwrap(), &row["events"])).collect();
    assert_eq!(shown, [("abuse@large.example", &2.into()), ("abuse@other.example", &1.into())]);
    assert!(preview[1]["why"].as_str().unwrap().starts_with("told to `RIPE OR1`"), "{preview:?}");
    world.once();

    // The AS.
    gone("abuse@large.example");
    world.event("198.51.100.3");
    world.once();
    assert_eq!(told(), ["abuse@as.example"]);
    let why = passed(&newest());
    assert!(why.starts_with("told to `RIPE AR1` (RIPE aut-num AS64500) because nobody is left of `RIPE SR1`"), "{why}");
    assert!(why.contains(", nor of `RIPE LR1` (RIPE inetnum 198.51.100.0 - 198.51.100.255; suspended are"), "{why}");
    let who = |contact: Option<&str>, because: &str| {
        let first = world.rows(&["who", "198.51.100.9"]).remove(0);
        assert_eq!(first["contact"].as_str(), contact, "{first}");
        assert!(first["reason"].as_str().unwrap().contains(because), "{first}");
    };
    who(Some("abuse@as.example"), "abuse-c RIPE AR1, because nobody is left of `RIPE SR1` (RIPE inetnum 198.51.100.0");

    // The team of the country, also for what is stored after that.
    gone("abuse@as.example");
    world.event("198.51.100.4");
    world.once();
    assert_eq!(told(), ["cert@team.example"]);
    world.event("198.51.100.5");
    assert_eq!(told(), ["cert@team.example"]);
    // It reads for whom and why, and nothing of whom was passed over.
    let mail = world.smtp.mails().pop().unwrap();
    let text: String = mail.bytes.split(|byte| *byte == b'\n').map(|line| decoded(line) + "\n").collect();
    let why = "You get this because no working contact of AS64500 is known to us";
    assert!(text.contains(why) && text.contains("systems of AS64500") && text.contains("notice.because"), "{text}");
    assert!(!text.contains("suspended") && !text.contains("small.example"), "{text}");
    let why = passed(&newest());
    assert!(why.starts_with("told to the team `Team FI` (country FI) because nobody is left of `RIPE SR1`"), "{why}");
    who(Some("cert@team.example"), "country FI, because nobody is left of `RIPE SR1`");

    // Nobody.
    gone("cert@team.example");
    world.event("198.51.100.6");
    world.event("198.51.100.7");
    let waiting = world.rows(&["notice", "list", "--state", "no-contact"]);
    assert_eq!(waiting.len(), 2, "{waiting:?}");
    who(None, "so its notices wait");
    // Told right after the report: every step in short, and each with why.
    for row in &waiting {
        let reason = row["reason"].as_str().unwrap();
        let tried = "tried in vain too: RIPE inetnum 198.51.100.0 - 198.51.100.63, RIPE inetnum 198.51.100.0 - \
            198.51.100.255, RIPE aut-num AS64500, the team of last resort (country FI)";
        assert!(reason.ends_with(tried), "{reason}");
        let why = passed(row["id"].as_str().unwrap());
        let team = ", nor of the team `Team FI` (country FI); suspended are cert@team.example: notice ";
        assert!(why.starts_with("nobody is left of `RIPE SR1` (") && why.contains(team), "{why}");
        assert!(why.contains(", nor of `RIPE AR1` (RIPE aut-num AS64500; suspended are abuse@as.example"), "{why}");
    }
    // Whoever is there again is told what waited.
    world.done(&["contact", "resume", "abuse@large.example"]);
    world.once();
    assert!(world.rows(&["notice", "list", "--state", "no-contact"]).is_empty());
    assert_eq!(told(), ["abuse@large.example"]);
    world.done(&["verify"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn contacts_of_registries_are_known_from_the_first_notice_on_and_asked_too() {
    let Some(world) = World::new().await else { return };
    fs::write(world.site().join("ripe.db"), OBJECTS).unwrap();
    world.done(&["contact", "import", "rpsl", &world.site().join("ripe.db").display().to_string()]);
    let ask = |args: &[&str]| world.rows(&[&["contact", "prove"], args].concat()).remove(0)["asked"].as_i64().unwrap();
    let row = |contact: &str| world.rows(&["contact", "health"]).into_iter().find(|row| row["contact"] == contact);
    assert_eq!(row("abuse@small.example"), None);
    world.event("198.51.100.1");
    assert_eq!(world.smtp.mails()[0].to, ["abuse@small.example"]);
    let health = row("abuse@small.example").unwrap();
    assert_eq!((&health["state"], &health["party"]), (&"unknown".into(), &"RIPE SR1".into()));
    assert!(health["advice"].as_str().unwrap().contains("contact prove \"RIPE SR1\""), "{health}");
    assert_eq!(row("abuse@large.example"), None, "nothing went there");
    // Three of the constituent, and the one that was told.
    assert_eq!(ask(&["--all-older-than", "180d"]), 4);
    assert_eq!((ask(&["RIPE SR1"]), ask(&["RIPE LR1"])), (0, 1), "one is asked already, the other by hand");
    let out = concert(&world.site(), &["contact", "prove", "RIPE NO1"]).output().unwrap();
    assert_eq!(out.status.code(), Some(2), "{out:?}");
    // To this one no notice went yet, but a question.
    let health = row("abuse@large.example").unwrap();
    assert_eq!(health["party"], "RIPE LR1");
    let advice = health["advice"].as_str().unwrap();
    assert!(advice.starts_with("asked on 20") && advice.ends_with(", wait for the answer"), "{advice}");
    world.once();
    let asked = world.smtp.mails().into_iter().find(|mail| mail.to == ["abuse@large.example"]).unwrap();
    world.dovecot.deliver(&bounce(&asked, &asked.from, "5.1.1", "large")).unwrap();
    world.once();
    let health = row("abuse@large.example").unwrap();
    assert_eq!((&health["party"], &health["bounces"]), (&"RIPE LR1".into(), &1.into()), "{health}");
    let shown = world.rows(&["contact", "show", "RIPE LR1"]).remove(0);
    let contact = ["state", "bounces", "advice"].map(|name| &shown["contacts"][0][name]);
    assert_eq!(contact, ["state", "bounces", "advice"].map(|name| &health[name]), "{shown}");
    let asked = world.smtp.mails().into_iter().filter(|mail| mail.to == ["abuse@small.example"]).nth(1).unwrap();
    world.dovecot.deliver(&reply(&asked, "abuse@small.example", "", "here@small.example")).unwrap();
    world.once();
    let health = row("abuse@small.example").unwrap();
    assert_eq!(health["state"], "alive", "{health}");
    world.done(&["forget", "abuse@small.example", "--yes"]);
    assert_eq!(row("abuse@small.example"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notice_of_another_site_is_a_report_without_a_receipt_and_goes_round_once() {
    let (Some(world), Some(other)) = (World::new().await, World::new().await) else { return };
    let feed = "[[feed]]\nname = \"complaints\"\nparser = \"complaint\"\n";
    for world in [&world, &other] {
        world.set(|settings| format!("{settings}complaints = \"complaints\"\n{feed}"));
    }
    other.event("192.0.2.1");
    let sent = other.smtp.mails().remove(0);
    world.dovecot.deliver(&String::from_utf8_lossy(&sent.bytes)).unwrap();
    world.once();
    let mails = world.mails();
    // Its From is our own address in this test, which is never believed.
    assert!(mails[0].starts_with("aside generated it says that it is from ourselves"), "{mails:?}");
    let theirs = |mail: &Mail| String::from_utf8_lossy(&mail.bytes).replace("cert@cert.example", "cert@other.example");
    world.dovecot.deliver(&theirs(&sent).replace("To: Gone@net.example", "To: cert@cert.example")).unwrap();
    world.once();
    let mails = world.mails();
    assert!(mails[1].starts_with("taken complaint no receipt: it is no mail of a person"), "{mails:?}");
    let events = world.rows(&["events"]);
    assert_eq!((events.len(), &events[0]["source.ip"]), (1, &"192.0.2.1".into()), "{events:?}");
    assert_eq!(events[0]["classification.type"], "scanner", "{events:?}");
    let told = world.smtp.mails();
    assert_eq!(told.iter().map(|mail| mail.to.join(",")).collect::<Vec<_>>(), ["Gone@net.example"]);
    // The other site hears of it in turn, and knows the problem.
    other.dovecot.deliver(&theirs(&told[0]).replace("To: Gone@net.example", "To: cert@cert.example")).unwrap();
    other.once();
    assert!(other.mails()[0].starts_with("taken complaint no receipt"), "{:?}", other.mails());
    // What comes by mail is told once more, since it came by another feed; there it ends.
    assert_eq!((other.rows(&["events"]).len(), other.smtp.count()), (2, 2));
    let back = other.smtp.mails().remove(1);
    world.dovecot.deliver(&theirs(&back).replace("To: Gone@net.example", "To: cert@cert.example")).unwrap();
    world.once();
    assert!(world.mails()[2].starts_with("taken complaint no receipt"), "{:?}", world.mails());
    assert_eq!((world.rows(&["events"]).len(), world.smtp.count()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_complaint_becomes_a_report_and_its_sender_gets_a_receipt() {
    let Some(world) = World::new().await else { return };
    let feed = "[[feed]]\nname = \"complaints\"\nparser = \"complaint\"\n";
    world.set(|settings| format!("{settings}complaints = \"complaints\"\n{feed}"));
    let complaint = |from: &str, more: &str, id: &str| {
        format!(
            "From: {from}\r\nTo: cert@cert.example\r\nSubject: attack\r\nMessage-ID: <{id}>\r\n{more}\r\n192.0.2.9 tries passwords on our server 203.0.113.77\r\n"
        )
    };
    let before = world.smtp.count();
    let anna = "Anna <anna@bank.example>";
    world.dovecot.deliver(&complaint(anna, "", "one@bank.example")).unwrap();
    world.dovecot.deliver(&complaint(anna, "Delivered-To: x@cert.example\r\n", "one@bank.example")).unwrap();
    world.dovecot.deliver(&complaint(anna, "", "two@bank.example")).unwrap();
    world
        .dovecot
        .deliver(&complaint("robot@bank.example", "Auto-Submitted: auto-generated\r\n", "three@bank.example"))
        .unwrap();
    world
        .dovecot
        .deliver(&complaint("away@bank.example", "Auto-Submitted: auto-replied\r\n", "four@bank.example"))
        .unwrap();
    world
        .dovecot
        .deliver(&complaint("talk@bank.example", "List-Id: <talk.bank.example>\r\n", "five@bank.example"))
        .unwrap();
    world.dovecot.deliver(&complaint("soc@bank.example", "RT-Ticket: bank #1\r\n", "six@bank.example")).unwrap();
    world.dovecot.deliver(&complaint("cert@cert.example", "", "seven@cert.example")).unwrap();
    world.once();
    let mails = world.mails();
    let want = [
        "taken complaint -",
        "aside complaint the same message came before",
        "taken complaint -",
        "taken complaint no receipt: it is no mail of a person",
        "aside auto-reply auto-reply that names nothing",
        "aside list list that names nothing",
        "taken complaint no receipt: it has the header RT-Ticket",
        "aside written it says that it is from ourselves, which anybody can write",
    ];
    assert_eq!(mails.len(), want.len(), "{mails:?}");
    mails.iter().zip(want).for_each(|(mail, want)| assert!(mail.contains(want), "{mail} is not {want}"));
    let sent = world.smtp.mails().split_off(before);
    let receipts: Vec<&Mail> = sent.iter().filter(|mail| mail.to == ["anna@bank.example"]).collect();
    assert_eq!((receipts.len(), sent.len()), (2, 3), "and the party is told once: {sent:?}");
    let receipt = receipts.iter().find(|mail| header(mail, "In-Reply-To") == "one@bank.example").unwrap();
    assert_eq!((receipt.from.as_str(), header(receipt, "Auto-Submitted").as_str()), ("", "auto-replied"));
    assert_eq!(header(receipt, "In-Reply-To"), "one@bank.example");
    let events = world.rows(&["events"]);
    assert_eq!(events.len(), 1, "the complaints are of one problem");
    // The site knows what was attacked; whoever is told does not, because that says who complained.
    let event = &events[0];
    assert_eq!((&event["destination.ip"], &event["extra.reporter"]), (&"203.0.113.77".into(), &"withheld".into()));
    // Whatever answers the receipt gets no answer.
    world
        .dovecot
        .deliver(&reply(receipt, "anna@bank.example", "Auto-Submitted: auto-replied\r\n", "away@bank.example"))
        .unwrap();
    world.dovecot.deliver(&reply(receipt, "anna@bank.example", "", "thanks@bank.example")).unwrap();
    world.once();
    assert_eq!(world.smtp.count(), before + sent.len());
    // A person tells what became of it, in the same thread; a machine is told nothing.
    let complaints = world.rows(&["mailbox", "list", "--kind", "complaint"]);
    let number = |from: &str| {
        complaints.iter().rev().find(|row| row["from"].as_str().unwrap().contains(from)).unwrap()["mail"].to_string()
    };
    let outcome = ["mailbox", "outcome", &number("anna@"), "The host was cleaned."];
    let id = world.done(&outcome);
    world.once();
    let told = world.smtp.mails().pop().unwrap();
    assert_eq!(
        (told.to.as_slice(), header(&told, "In-Reply-To").as_str()),
        (&["anna@bank.example".to_owned()][..], "one@bank.example")
    );
    let ticket = header(receipt, "Subject").split(']').next().unwrap().to_owned();
    assert!(header(&told, "Subject").starts_with(&ticket), "{} {ticket}", header(&told, "Subject"));
    assert!(String::from_utf8_lossy(&told.bytes).contains("The host was cleaned."), "{told:?}");
    let shown = world.rows(&["notice", "show", id.trim()]);
    assert!(shown[0]["text"].as_str().unwrap().contains("The host was cleaned."), "{shown:?}");
    // A second outcome only where somebody means it.
    let twice = concert(&world.site(), &outcome).output().unwrap();
    assert_eq!(twice.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&twice.stderr).contains("told of an outcome already"), "{twice:?}");
    let (before, again) = (world.smtp.count(), [&outcome[..], &["--again"]].concat());
    world.done(&again);
    world.once();
    assert_eq!(world.smtp.count(), before + 1);
    // Sent once more, each says what it said, under the number of the first receipt.
    let mut resent = number_of(receipt);
    for says in [ticket.trim_start_matches('['), ticket.trim_start_matches('['), "The host was cleaned."] {
        resent = if says.starts_with("The") { id.trim().to_owned() } else { resent };
        let row = world.rows(&["notice", "resend", &resent]).remove(0);
        world.once();
        let sent = world.smtp.mails().pop().unwrap();
        assert!(header(&sent, "Subject").starts_with(&ticket), "{} {ticket}", header(&sent, "Subject"));
        assert!(String::from_utf8_lossy(&sent.bytes).contains(says), "{sent:?}");
        resent = row["id"].as_str().unwrap().to_owned();
    }
    // Nobody is named to the party but who agreed to it.
    let party_told = |world: &World| {
        let mails = world.smtp.mails();
        let told = mails.iter().rev().find(|mail| mail.to.iter().any(|to| to.ends_with("net.example"))).unwrap();
        told.bytes.split(|byte| *byte == b'\n').map(decoded).collect::<String>()
    };
    let told = party_told(&world);
    assert!(!told.contains("bank.example") && !told.contains("203.0.113.77") && told.contains("192.0.2.9"), "{told}");
    world.set(|settings| settings.replace("complaints = ", "agreed = [\"Bank.example\"]\ncomplaints = "));
    let other = complaint("bob@bank.example", "", "eight@bank.example").replace("192.0.2.9", "192.0.2.10");
    world.dovecot.deliver(&other).unwrap();
    world.once();
    let told = party_told(&world);
    assert!(told.contains("bob@bank.example") && told.contains("203.0.113.77"), "{told}");
    let refused = concert(&world.site(), &["mailbox", "outcome", &number("robot@"), "Cleaned."]).output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("it is no mail of a person"), "{refused:?}");
    let health = world.rows(&["contact", "health"]);
    assert!(health.iter().all(|row| row["contact"] != "anna@bank.example"), "{health:?}");
}

/// Who complained, and adds something later, is read like the first time; who is not known to be the same is not.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_complainer_adds_later_is_read_like_the_complaint() {
    let Some(world) = World::new().await else { return };
    let feed = "[[feed]]\nname = \"complaints\"\nparser = \"complaint\"\n";
    world.set(|settings| format!("{settings}complaints = \"complaints\"\n{feed}"));
    let deliver = |mail: &str| world.dovecot.deliver(mail).unwrap();
    let attack = |host: &str| format!("192.0.2.{host} tries passwords on our server 203.0.113.{host}.");
    let anna = "From: Anna <anna@bank.example>\r\nTo: cert@cert.example\r\n";
    deliver(&format!("{anna}Subject: attack\r\nMessage-ID: <1@bank.example>\r\n\r\n{}\r\n", attack("9")));
    world.once();
    let receipt = world.smtp.mails().into_iter().find(|mail| mail.to == ["anna@bank.example"]).unwrap();
    let ticket = number_of(&receipt);
    let answer = |from: &str, more: &str, id: &str, text: &str| {
        let text = format!("{text}\r\n\r\nOn Monday CERT wrote:\r\n> 192.0.2.99 attacks us\r\n");
        deliver(&reply(&receipt, from, more, id).replace("We cleaned it.", &text));
    };
    let told = |world: &World| {
        let mails = world.smtp.mails().split_off(2);
        let text = |mail: &Mail| mail.bytes.split(|byte| *byte == b'\n').map(decoded).collect::<String>();
        mails.iter().map(|mail| (mail.to.join(","), text(mail))).collect::<Vec<_>>()
    };
    answer("anna@bank.example", "", "2@bank.example", &attack("10"));
    answer("anna@bank.example", "", "3@bank.example", "Thanks!");
    answer("anna@bank.example", "Auto-Submitted: auto-replied\r\n", "4@bank.example", &attack("11"));
    answer("mal@shop.example", "", "5@shop.example", &attack("12"));
    let by_number = |from: &str, id: &str, host: &str| {
        format!(
            "From: {from}\r\nTo: cert@cert.example\r\nSubject: more on {ticket}\r\nMessage-ID: <{id}@x.example>\r\n\r\n{}\r\n",
            attack(host)
        )
    };
    deliver(&by_number("Anna <anna@bank.example>", "6", "13"));
    deliver(&by_number("Bob <bob@bank.example>", "7", "14"));
    world.once();
    let rows = world.rows(&["mailbox", "list"]);
    let of = |id: &str, rows: &[Value]| {
        let row = rows.iter().rev().nth(id.parse::<usize>().unwrap() - 1).unwrap();
        (row["state"].as_str().unwrap().to_owned(), row["kind"].as_str().unwrap().to_owned(), !row["report"].is_null())
    };
    let want = |state: &str, kind: &str, is_read| (state.to_owned(), kind.to_owned(), is_read);
    assert_eq!(of("2", &rows), want("taken", "reply", true));
    assert_eq!(of("3", &rows), want("taken", "reply", true));
    assert_eq!(of("4", &rows), want("taken", "auto-reply", false));
    assert_eq!(of("5", &rows), want("held", "reply", false), "a stranger");
    assert_eq!(of("6", &rows), want("taken", "reply", true));
    assert_eq!(of("7", &rows), want("held", "reply", false), "a colleague who knows nothing but the number");
    assert!(world.mails()[2].contains("nothing in it became an event"), "{:?}", world.mails());
    let sources = |world: &World| {
        let mut found: Vec<String> =
            world.rows(&["events"]).iter().map(|event| event["source.ip"].as_str().unwrap().to_owned()).collect();
        found.sort();
        found
    };
    assert_eq!(sources(&world), ["192.0.2.10", "192.0.2.13", "192.0.2.9"], "what is quoted was read before");
    // Whoever is responsible is told, and not by whom; nobody gets a second receipt.
    let mails = told(&world);
    assert_eq!(mails.len(), 2, "{mails:?}");
    for (to, text) in &mails {
        assert!(to.ends_with("net.example") && !text.contains("bank.example") && !text.contains("203.0.113"), "{text}");
    }
    // What a person says is an answer is read too.
    let bob = rows.iter().rev().nth(6).unwrap()["mail"].to_string();
    world.done(&["mailbox", "accept", &bob]);
    world.once();
    assert_eq!(sources(&world), ["192.0.2.10", "192.0.2.13", "192.0.2.14", "192.0.2.9"]);
    assert_eq!(told(&world).len(), 3);
    let thread = world.rows(&["notice", "show", &ticket]);
    assert!(thread.iter().any(|row| row.to_string().contains("bob@bank.example")), "{thread:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reporter_gets_so_many_receipts_an_hour_and_by_an_alias_an_outcome_only_by_hand() {
    let Some(world) = World::new().await else { return };
    let feed = "[[feed]]\nname = \"complaints\"\nparser = \"complaint\"\n";
    world.set(|settings| format!("{settings}complaints = \"complaints\"\n{feed}"));
    let complaint = |from: &str, to: &str, n: usize| {
        format!(
            "From: {from}\r\nTo: {to}\r\nSubject: attack\r\nMessage-ID: <{n}@{from}>\r\n\r\n192.0.2.{n} attacks us\r\n"
        )
    };
    for n in 101..=131 {
        world.dovecot.deliver(&complaint("anna@bank.example", "cert@cert.example", n)).unwrap();
    }
    // One who writes like the other is counted by itself.
    world.dovecot.deliver(&complaint("anna@bank.example.net", "cert@cert.example", 20)).unwrap();
    world.dovecot.deliver(&complaint("eve@shop.example", "security@cert.example", 21)).unwrap();
    // One who guesses numbers learns nothing.
    let guess = complaint("mal@shop.example", "cert@cert.example", 22);
    world.dovecot.deliver(&guess.replace("attack\r", "[CERT-EX#2026-009999] attack\r")).unwrap();
    world.once();
    let count = |to: &str| world.smtp.mails().iter().filter(|mail| mail.to == [to.to_owned()]).count();
    assert_eq!([count("anna@bank.example"), count("anna@bank.example.net"), count("eve@shop.example")], [30, 1, 0]);
    assert_eq!(count("mal@shop.example"), 0);
    let mails = world.mails();
    let of = |words: &str| mails.iter().filter(|mail| mail.contains(words)).count();
    assert_eq!(of("no receipt: its sender got 30 within the hour"), 1, "{mails:?}");
    assert_eq!(of("no receipt: it was not sent to us by name"), 1, "{mails:?}");
    assert_eq!(of("no receipt: it names an incident or a notice that is not there"), 1, "{mails:?}");
    let rows = world.rows(&["mailbox", "list", "--kind", "complaint"]);
    let eve = rows.iter().find(|row| row["from"].as_str().unwrap().contains("eve@")).unwrap()["mail"].to_string();
    // All together get no more than is set, which they have.
    world.set(|settings| settings.replace("[mailbox]\n", "[mailbox]\nreceipts_max = 31\n"));
    world.dovecot.deliver(&complaint("joe@shop.example", "cert@cert.example", 23)).unwrap();
    world.once();
    assert_eq!(count("joe@shop.example"), 0);
    assert!(world.mails().iter().any(|mail| mail.contains("no receipt: `receipts_max` were sent within the hour")));
    world.done(&["mailbox", "outcome", &eve, "It was cleaned."]);
    world.once();
    assert_eq!(count("eve@shop.example"), 1);
}

/// What is sealed, in the form of PGP/MIME.
fn pgp_mime(head: &str, armour: &str) -> String {
    format!(
        "{head}MIME-Version: 1.0\r\nContent-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\"; boundary=e\r\n\r\n--e\r\n\
         Content-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n\r\n--e\r\nContent-Type: application/octet-stream\r\n\r\n{armour}\r\n--e--\r\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_encrypted_is_opened_and_read_like_any_other() {
    let Some(world) = World::new().await else { return };
    let Some(gnupg) = Gnupg::new(&world.folder.path().join("g")) else {
        println!("skipped: gpg is not installed");
        return;
    };
    world.set(|settings| {
        let settings = settings.replace("[mailbox]", "openpgp_key = { file = \"data/openpgp.key\" }\n\n[mailbox]");
        let settings = settings.replace("openpgp_key", "encrypt = \"never\"\nopenpgp_key");
        format!("{settings}complaints = \"complaints\"\n[[feed]]\nname = \"complaints\"\nparser = \"complaint\"\n")
    });
    world.done(&["key", "make"]);
    let file = |name: &str, bytes: &[u8]| {
        let path = world.folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path.display().to_string()
    };
    gnupg.must(&["--import", &file("site.asc", world.done(&["key", "show"]).as_bytes())]);
    let anna = gnupg.make_key("Anna <anna@bank.example>", "ed25519", "cv25519", "never", &[]);
    world.done(&["key", "import", &file("anna.asc", &anna)]);
    gnupg.make_key("Other <other@bank.example>", "ed25519", "cv25519", "never", &[]);
    let seal = |how: &[&str], text: &[u8]| {
        let plain = file("plain", text);
        let armour = gnupg.must(&[how, &["--armor", "--encrypt", "--output", "-", &plain]].concat());
        String::from_utf8(armour).unwrap().replace('\n', "\r\n")
    };
    let ours = ["--recipient", "cert@cert.example"];
    let signed = ["--recipient", "cert@cert.example", "--local-user", "anna@bank.example", "--sign"];
    let head = |id: &str, more: &str| {
        format!(
            "From: Anna <anna@bank.example>\r\nTo: cert@cert.example\r\nSubject: ...\r\nMessage-ID: <{id}@bank.example>\r\n{more}"
        )
    };
    let before = world.smtp.count();
    // The subject is hidden as Thunderbird does it; that the mail within is of somebody else counts for nothing.
    let entity = "Content-Type: text/plain; charset=utf-8; protected-headers=\"v1\"\r\nFrom: Eve <eve@shop.example>\r\n\
        Subject: Break-in seen\r\n\r\n192.0.2.9 tries passwords on our server 203.0.113.77\r\n";
    let raw = pgp_mime(&head("one", ""), &seal(&signed, entity.as_bytes()));
    world.dovecot.deliver(&raw).unwrap();
    let words = |address: &str| format!("{address} tries passwords on our server 203.0.113.77\n").into_bytes();
    let inline = format!("{}\r\n{}", head("two", ""), seal(&ours, &words("192.0.2.10")));
    world.dovecot.deliver(&inline).unwrap();
    // Exchange takes PGP/MIME apart.
    let apart = pgp_mime(&head("three", ""), &seal(&ours, &entity.replace("2.9", "2.11").into_bytes()));
    let apart = apart.replace("multipart/encrypted; protocol=\"application/pgp-encrypted\"", "multipart/mixed");
    world.dovecot.deliver(&apart.replacen("--e\r\n", "--e\r\nContent-Type: text/plain\r\n\r\n\r\n--e\r\n", 1)).unwrap();
    let for_other = pgp_mime(&head("four", ""), &seal(&["--recipient", "other@bank.example"], entity.as_bytes()));
    world.dovecot.deliver(&for_other).unwrap();
    let bomb = vec![b'a'; 65 << 20];
    world.dovecot.deliver(&pgp_mime(&head("five", ""), &seal(&ours, &bomb))).unwrap();
    world.once();
    let mails = world.mails();
    let want = [
        "taken complaint -",
        "taken complaint -",
        "taken complaint -",
        "held complaint nothing in it became an event; line 1: it is encrypted: it cannot be opened",
        "held complaint nothing in it became an event; line 1: it is encrypted: it cannot be opened: more than 67108864 bytes",
    ];
    assert_eq!(mails.len(), want.len(), "{mails:?}");
    mails.iter().zip(want).for_each(|(mail, want)| assert!(mail.contains(want), "{mail} is not {want}"));
    let mut addresses: Vec<String> =
        world.rows(&["events"]).iter().map(|event| event["source.ip"].as_str().unwrap().to_owned()).collect();
    addresses.sort();
    assert_eq!(addresses, ["192.0.2.10", "192.0.2.11", "192.0.2.9"]);
    // Each has a receipt, which tells nothing of what was hidden.
    let receipts: Vec<Mail> = world.smtp.mails().split_off(before);
    let receipts: Vec<&Mail> = receipts.iter().filter(|mail| mail.to == ["anna@bank.example"]).collect();
    assert_eq!(receipts.len(), 5);
    for receipt in &receipts {
        let text = String::from_utf8_lossy(&receipt.bytes);
        assert!(!text.contains("Break-in") && !text.contains("192.0.2."), "{text}");
    }
    let shown = world.rows(&["mailbox", "show", "1"]).remove(0);
    let is = |name: &str, want: &str| assert!(shown[name].as_str().unwrap().contains(want), "{name}: {shown}");
    is("signed", "openpgp: encrypted, good signature of ");
    is("subject", "Break-in seen");
    is("from", "anna@bank.example");
    is("text", "192.0.2.9 tries passwords");
    assert_eq!(
        world.done(&["mailbox", "show", "1", "--raw"]).replace('\r', ""),
        raw.replace('\r', ""),
        "kept as it came"
    );
    assert_eq!(world.rows(&["mailbox", "show", "2"])[0]["signed"], "openpgp: encrypted, no signature");
    world.done(&["feed", "replay", "complaints"]);
    assert_eq!(world.rows(&["events"]).len(), 3);
    world.done(&["mailbox", "outcome", "1", "It was cleaned."]);
    // A mail with data for a feed comes encrypted in a folder.
    let data = "Content-Type: text/plain\r\n\r\n{\"source.ip\":\"192.0.2.12\",\"classification.type\":\"scanner\"}\r\n";
    let sealed = pgp_mime(&head("six", ""), &seal(&ours, data.as_bytes()));
    world.done(&["ingest", "--feed", "drop", &file("six.eml", sealed.as_bytes())]);
    world.once();
    assert_eq!(world.rows(&["events"]).len(), 4);
    // A contact answers a notice, encrypted, and names it in the hidden subject alone.
    let notice = world.smtp.mails().into_iter().find(|mail| mail.to == ["Gone@net.example"]).unwrap();
    let answer = |from: &str, id: &str, how: &[&str]| {
        let head =
            format!("From: {from}\r\nTo: cert@cert.example\r\nSubject: ...\r\nMessage-ID: <{id}@net.example>\r\n");
        let subject =
            format!("Content-Type: text/plain\r\nSubject: Re: {}\r\n\r\nCleaned.\r\n", header(&notice, "Subject"));
        pgp_mime(&head, &seal(how, subject.as_bytes()))
    };
    world.dovecot.deliver(&answer("gone@net.example", "seven", &ours)).unwrap();
    world.once();
    let last = world.rows(&["mailbox", "list", "--limit", "1"]).remove(0);
    assert_eq!((&last["kind"], &last["contact"]), (&"reply".into(), &"gone@net.example".into()), "{last}");
    let thread = world.done(&["notice", "show", &number_of(&notice), "--format", "json"]);
    assert!(thread.contains("Cleaned.") && thread.contains("openpgp: encrypted, no signature"), "{thread}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_complains_or_is_asked_is_written_to_in_their_language() {
    let Some(world) = World::new().await else { return };
    world.set(|settings| {
        let more =
            "language = \"fi\"\ncomplaints = \"complaints\"\n[[feed]]\nname = \"complaints\"\nparser = \"complaint\"\n";
        format!("{settings}{more}")
    });
    let template = |name: &str, text: &str| {
        let path = world.site().join("templates").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    template("de/receipt.txt.j2", "Ihre Mail kam an: [{{ ticket }}]\n");
    template("de/outcome.txt.j2", "Was daraus wurde:\n{{ outcome }}\n");
    template("de/proof.subject.j2", "Erreichen wir {{ party.name }}?");
    template("fi/receipt.subject.j2", "Viesti saapui, {{ tikcet }}");
    let refused = concert(&world.site(), &["check"]).output().unwrap();
    let said = String::from_utf8([refused.stdout, refused.stderr].concat()).unwrap();
    assert!(said.contains("templates/fi/receipt.subject.j2:1:") && said.contains("known are site, ticket"), "{said}");
    template("fi/receipt.subject.j2", "Viesti saapui");
    let parties = PARTIES.replace("mail,purpose", "mail,language,purpose").replace("example,", "example,de-AT,");
    world.import("constituents", &parties);
    let before = world.smtp.count();
    for (number, language) in ["sv, de-AT", "sv", ""].iter().enumerate() {
        let more = if language.is_empty() { String::new() } else { format!("Content-Language: {language}\r\n") };
        let mail = format!(
            "From: anna@bank.example\r\nTo: cert@cert.example\r\nSubject: attack\r\nMessage-ID: <{number}@bank.example>\r\n{more}\r\n192.0.2.9 tries passwords\r\n"
        );
        world.dovecot.deliver(&mail).unwrap();
    }
    world.once();
    world.done(&["mailbox", "outcome", "1", "It was cleaned."]);
    world.done(&["contact", "prove", "Net"]);
    world.done(&["notice", "send"]);
    let sent: Vec<Mail> = world.smtp.mails().split_off(before);
    let text = |to: &str, about: &str| {
        let is_it = |mail: &&Mail| mail.to == [to] && (header(mail, "In-Reply-To") == about || about.is_empty());
        let found = sent.iter().filter(is_it).map(|mail| String::from_utf8_lossy(&mail.bytes).into_owned());
        found.collect::<Vec<_>>()
    };
    let german = text("anna@bank.example", "0@bank.example");
    assert!(german[0].contains("Ihre Mail kam an: [2") && german[0].contains("We received your mail"), "{german:?}");
    assert!(german[1].contains("Was daraus wurde:\r\nIt was cleaned."), "{german:?}");
    for other in ["1@bank.example", "2@bank.example"] {
        let finnish = text("anna@bank.example", other);
        assert!(finnish[0].contains("] Viesti saapui") && finnish[0].contains("thank you: your mail"), "{finnish:?}");
    }
    let asked = text("noc@net.example", "");
    assert!(asked.iter().any(|mail| mail.contains("] Erreichen wir Net?")), "{asked:?}");
    let shown = world.done(&["mailbox", "preview", "stopped", "--language", "de-CH"]);
    assert!(shown.contains("Was daraus wurde:\nwhoever answers for what you reported"), "{shown}");
    let wrong = concert(&world.site(), &["mailbox", "preview", "receipt", "--language", "german"]).output().unwrap();
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("write `de`"), "{wrong:?}");
}

/// Lets the complaints, and what was told, be so many days older.
fn grow_old(site: &Path, days: i64) {
    let script = format!(
        "import sqlite3, struct\n\
         seconds = {days} * 86400\n\
         d = sqlite3.connect('data/records.sqlite')\n\
         d.execute('UPDATE mail SET received = received - ?', (seconds * 1000000,))\n\
         d.execute('UPDATE notice SET made = made - ?1, delivered = delivered - ?1', (seconds * 1000000,))\n\
         def older(entry):\n    hash, told, seen = entry\n    return struct.pack('>QII', hash, told - seconds, seen - seconds)\n\
         for name, parcel, entries in d.execute('SELECT name, parcel, entries FROM told').fetchall():\n    \
         new = b''.join(older(entry) for entry in struct.iter_unpack('>QII', entries))\n    \
         d.execute('UPDATE told SET entries = ? WHERE name = ? AND parcel = ?', (new, name, parcel))\n\
         d.commit()\n"
    );
    let done = Command::new("python3").args(["-c", &script]).current_dir(site).output().unwrap();
    assert!(done.status.success(), "{done:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_complained_is_told_once_that_it_was_not_seen_again() {
    let Some(world) = World::new().await else { return };
    let more = "complaints = \"complaints\"\nreceipts = false\noutcome_after = \"7d\"\n\
        [[feed]]\nname = \"complaints\"\nparser = \"complaint\"\n";
    world.set(|settings| format!("{settings}{more}"));
    let complaint = |from: &str, address: &str, more: &str| {
        format!(
            "From: {from}\r\nTo: cert@cert.example\r\nSubject: attack\r\nMessage-ID: <{from}>\r\n{more}\r\n\
             2026-06-17 03:04:05 UTC {address} tries passwords\r\n"
        )
    };
    world.dovecot.deliver(&complaint("anna@bank.example", "192.0.2.9", "")).unwrap();
    world.dovecot.deliver(&complaint("bob@bank.example", "203.0.113.9", "")).unwrap();
    world
        .dovecot
        .deliver(&complaint("robot@bank.example", "192.0.2.11", "Auto-Submitted: auto-generated\r\n"))
        .unwrap();
    world.once();
    let told = |world: &World| {
        let mails = world.smtp.mails();
        let outcomes = mails.into_iter().filter(|mail| mail.to.iter().all(|to| to.ends_with("bank.example")));
        outcomes.collect::<Vec<_>>()
    };
    grow_old(&world.site(), 6);
    world.once();
    assert_eq!(told(&world).len(), 0, "it is not long enough");
    grow_old(&world.site(), 2);
    world.once();
    world.once();
    // Of what Bob complained nobody was told, and no machine is written to.
    let outcomes = told(&world);
    assert_eq!(outcomes.len(), 1, "{outcomes:?}");
    let outcome = &outcomes[0];
    assert_eq!((outcome.to.as_slice(), outcome.from.as_str()), (&["anna@bank.example".to_owned()][..], ""));
    assert_eq!(header(outcome, "Auto-Submitted"), "auto-replied");
    assert_eq!(header(outcome, "In-Reply-To"), "anna@bank.example");
    let text = String::from_utf8_lossy(&outcome.bytes).into_owned();
    assert!(text.contains("again in the last 7 days"), "{text}");
    let of = |from: &str| {
        let rows = world.rows(&["mailbox", "list"]);
        let row = rows.iter().find(|row| row["from"] == from).unwrap();
        world.rows(&["mailbox", "show", &row["mail"].to_string()]).remove(0)["outcome"].clone()
    };
    assert!(of("anna@bank.example").as_str().unwrap().starts_with("20"), "{}", of("anna@bank.example"));
    assert_eq!((of("bob@bank.example"), of("robot@bank.example")), (Value::Null, "-".into()));
}

/// That it stopped is told when what was added later stopped too.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_added_something_is_told_the_outcome_of_all_of_it() {
    let Some(world) = World::new().await else { return };
    let more = "complaints = \"complaints\"\noutcome_after = \"7d\"\n\
        [[feed]]\nname = \"complaints\"\nparser = \"complaint\"\n";
    world.set(|settings| format!("{settings}{more}"));
    let deliver = |mail: &str| world.dovecot.deliver(mail).unwrap();
    let complain = |from: &str, host: &str| {
        let text = format!("2026-06-17 03:04:05 UTC 192.0.2.{host} tries passwords");
        deliver(&format!(
            "From: {from}\r\nTo: cert@cert.example\r\nSubject: attack\r\nMessage-ID: <{from}>\r\n\r\n{text}\r\n"
        ));
    };
    complain("anna@bank.example", "9");
    complain("carol@bank.example", "20");
    world.once();
    let told = |to: &str| world.smtp.mails().into_iter().filter(|mail| mail.to == [to]).collect::<Vec<_>>();
    let add = |from: &str, address: &str| {
        let text = format!("2026-06-17 03:04:06 UTC {address} tries passwords");
        deliver(&reply(&told(from)[0], from, "", &format!("more.{from}")).replace("We cleaned it.", &text));
    };
    // Nobody is responsible for what Anna adds, so nobody can be told of it.
    add("anna@bank.example", "203.0.113.9");
    add("carol@bank.example", "192.0.2.21");
    world.once();
    grow_old(&world.site(), 8);
    world.once();
    world.once();
    assert_eq!((told("anna@bank.example").len(), told("carol@bank.example").len()), (1, 2));
}

/// Who says that it goes on, when it would be told that it stopped, is told nothing of the kind.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_adds_something_in_the_last_moment_is_not_told_that_it_stopped() {
    let Some(world) = World::new().await else { return };
    let more = "complaints = \"complaints\"\noutcome_after = \"7d\"\n\
        [[feed]]\nname = \"complaints\"\nparser = \"complaint\"\n";
    world.set(|settings| format!("{settings}{more}"));
    for (from, host) in [("anna@bank.example", "9"), ("carol@bank.example", "20")] {
        let text = format!("2026-06-17 03:04:05 UTC 192.0.2.{host} tries passwords");
        let mail = format!(
            "From: {from}\r\nTo: cert@cert.example\r\nSubject: attack\r\nMessage-ID: <{from}>\r\n\r\n{text}\r\n"
        );
        world.dovecot.deliver(&mail).unwrap();
    }
    world.once();
    grow_old(&world.site(), 8);
    let told = |to: &str| world.smtp.mails().into_iter().filter(|mail| mail.to == [to]).collect::<Vec<_>>();
    let now = jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
    let receipt = told("anna@bank.example").remove(0);
    let more = reply(&receipt, "anna@bank.example", "", "more@bank.example");
    world.dovecot.deliver(&more.replace("We cleaned it.", &format!("{now} 192.0.2.9 tries passwords"))).unwrap();
    world.once();
    world.once();
    assert_eq!((told("anna@bank.example").len(), told("carol@bank.example").len()), (1, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_complains_by_mail_to_another_feed_is_named_to_nobody_either() {
    let Some(world) = World::new().await else { return };
    let mailbox = "search = \"UNSEEN NOT SUBJECT desk\"\nagreed = [\"bank.example\"]\n";
    let feed = format!(
        "[[feed]]\nname = \"desk\"\nparser = \"complaint\"\ncollect = {{ type = \"imap\", host = \"127.0.0.1\", port = {}, \
         tls = \"off\", user = \"feeds\", password = {{ file = \"secrets/mailbox\" }}, search = \"UNSEEN SUBJECT desk\" }}\n",
        world.dovecot.plain_port()
    );
    world.set(|settings| format!("{settings}{mailbox}{feed}"));
    for (from, address) in [("anna@shop.example", "192.0.2.9"), ("bob@bank.example", "192.0.2.10")] {
        let mail = format!(
            "From: {from}\r\nTo: cert@cert.example\r\nSubject: desk\r\nMessage-ID: <{from}>\r\n\r\n\
             {address} tries passwords on our server 203.0.113.77\r\n"
        );
        world.dovecot.deliver(&mail).unwrap();
    }
    world.once();
    let mut events = world.rows(&["events"]);
    events.sort_by_key(|event| event["source.ip"].to_string());
    let said: Vec<String> = events
        .iter()
        .map(|event| format!("{} {}", event["extra.reporter"], event["event_description.text"].is_null()))
        .collect();
    assert_eq!(said, ["\"bob@bank.example\" false", "\"withheld\" true"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notice_for_what_was_attacked_does_not_say_what_that_was_where_the_reporter_is_withheld() {
    let Some(world) = World::new().await else { return };
    let more = "complaints = \"complaints\"\n[[feed]]\nname = \"complaints\"\nparser = \"complaint\"\n\
        [[notice]]\nname = \"targets\"\ngroup_by = [\"destination.ip\"]\nto = \"desk@ops.example\"\nvia = \"mail\"\n";
    world.set(|settings| format!("{settings}{more}"));
    world.once();
    for (id, target) in [("one", "203.0.113.77"), ("two", "203.0.113.78")] {
        let mail = format!(
            "From: anna@bank.example\r\nTo: cert@cert.example\r\nSubject: attack\r\nMessage-ID: <{id}@bank.example>\r\n\r\n\
             192.0.2.9 tries passwords on our server {target}\r\n"
        );
        world.dovecot.deliver(&mail).unwrap();
    }
    let row =
        "{\"source.ip\":\"192.0.2.10\",\"destination.ip\":\"203.0.113.77\",\"classification.type\":\"scanner\"}\n";
    fs::write(world.site().join("in/a.json"), row).unwrap();
    world.once();
    let mut keys: Vec<String> = world
        .rows(&["notice", "list", "--name", "targets"])
        .iter()
        .map(|row| row["key"].as_str().unwrap().to_owned())
        .collect();
    keys.sort();
    assert_eq!(keys, ["203.0.113.77", "withheld:203.0.113.77", "withheld:203.0.113.78"]);
    let told = world.smtp.mails();
    let mut told: Vec<(String, String)> = told
        .iter()
        .filter(|mail| mail.to == ["desk@ops.example"])
        .map(|mail| {
            let text = mail.bytes.split(|byte| *byte == b'\n').map(decoded).collect();
            (header(mail, "Subject").split_once("] ").unwrap().1.to_owned(), text)
        })
        .collect();
    told.sort();
    let subjects: Vec<&str> = told.iter().map(|(subject, _)| subject.as_str()).collect();
    let withheld = "1 event for withheld - CERT Example";
    assert_eq!(subjects, ["1 event for 203.0.113.77 - CERT Example", withheld, withheld]);
    let says = |(_, text): &(String, String)| text.contains("203.0.113.7");
    assert_eq!(told.iter().map(says).collect::<Vec<_>>(), [true, false, false], "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_complains_of_a_link_that_was_sent_to_them_is_not_named_by_it() {
    let Some(world) = World::new().await else { return };
    let feed = "agreed = [\"bob@bank.example\"]\n[[feed]]\nname = \"complaints\"\nparser = \"complaint\"\n";
    world.set(|settings| format!("{settings}complaints = \"complaints\"\n{feed}"));
    for name in ["anna", "bob"] {
        let mail = format!(
            "From: Muster, Erika <{name}@bank.example>\r\nTo: cert@cert.example\r\nSubject: phishing\r\nMessage-ID: <{name}@bank.example>\r\n\r\n\
             Phishing: hxxp://x:secret@www[.]uni[.]example/login?email={name}@bank.example&m={name}%40bank.example&n={name}&who=Erika%20Muster\r\n"
        );
        world.dovecot.deliver(&mail).unwrap();
    }
    world.once();
    let mut urls: Vec<String> =
        world.rows(&["events"]).iter().map(|event| event["source.url"].as_str().unwrap().to_owned()).collect();
    urls.sort();
    let page = "http://www.uni.example/login";
    let want = [
        format!("{page}?email=bob@bank.example&m=bob%40bank.example&n=bob&who=Erika%20Muster"),
        format!("{page}?email=withheld&m=withheld&n=withheld&who=withheld"),
    ];
    assert_eq!(urls, want);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_complaint_out_of_which_nothing_was_read_waits_for_a_person() {
    let Some(world) = World::new().await else { return };
    let feed = "[[feed]]\nname = \"complaints\"\nparser = \"complaint\"\n";
    world.set(|settings| format!("{settings}complaints = \"complaints\"\n{feed}"));
    let complaint = |from: &str, text: &str| {
        format!("From: {from}\r\nTo: cert@cert.example\r\nSubject: help\r\nMessage-ID: <{from}>\r\n\r\n{text}\r\n")
    };
    world.dovecot.deliver(&complaint("dave@bank.example", "Somebody is attacking me, please help.")).unwrap();
    world.dovecot.deliver(&complaint("anna@bank.example", "192.0.2.9 attacks me.")).unwrap();
    world.once();
    let why = "nothing in it became an event; body.txt, line 1: no address or URL that is complained of was found";
    let mails = world.mails();
    assert_eq!(mails, [format!("held complaint {why}"), "taken complaint -".to_owned()]);
    let waiting = || world.rows(&["mailbox", "list", "--state", "held"]);
    let number = waiting()[0]["mail"].to_string();
    assert!(world.done(&["mailbox", "show", &number, "--format", "json"]).contains(why));
    let refused = |args: &[&str]| !concert(&world.site(), args).status().unwrap().success();
    assert!(refused(&["mailbox", "accept", &number, "--contact", "dave@bank.example"]));
    // Another look changes nothing, a person does.
    world.once();
    assert_eq!(waiting().len(), 1);
    world.done(&["mailbox", "accept", &number]);
    assert_eq!(world.mails(), [format!("taken complaint settled by a person: {why}"), "taken complaint -".to_owned()]);
    assert!(refused(&["mailbox", "accept", &number]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_complaint_for_machines_is_read_and_names_who_complained_to_nobody() {
    let Some(world) = World::new().await else { return };
    let feed = "[[feed]]\nname = \"complaints\"\nparser = \"complaint\"\n";
    world.set(|settings| format!("{settings}complaints = \"complaints\"\n{feed}"));
    let arf = "From: feedback@mailbox.example\r\nTo: cert@cert.example\r\nSubject: FW: win\r\nMessage-ID: <arf@mailbox.example>\r\n\
        MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=feedback-report; boundary=b\r\n\r\n\
        --b\r\n\r\nA mail from 192.0.2.7 to joe@mailbox.example.\r\n--b\r\nContent-Type: message/feedback-report\r\n\r\n\
        Feedback-Type: abuse\r\nUser-Agent: Mailbox.example/1\r\nVersion: 1\r\nSource-IP: 192.0.2.8\r\nIncidents: 3\r\n\
        Original-Rcpt-To: joe@mailbox.example\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n\
        From: x@shop.example\r\nTo: joe@mailbox.example\r\nSubject: win\r\n\r\nhello joe@mailbox.example\r\n--b--\r\n";
    let xarf = |address: &str, id: &str| {
        format!(
            "From: Anna <anna@bank.example>\r\nTo: cert@cert.example\r\nSubject: attack\r\nMessage-ID: <{id}@bank.example>\r\n\
             X-XARF: PLAIN\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n\
             Our server 192.0.2.99 at bank.example was attacked.\r\n--b\r\n\
             Content-Type: application/json; name=xarf.json\r\n\r\n\
             {{\"xarf_version\":\"4.2.0\",\"report_id\":\"{id}\",\"timestamp\":\"2026-06-17T03:04:05Z\",\
             \"reporter\":{{\"org\":\"Bank\",\"contact\":\"soc@bank.example\",\"domain\":\"bank.example\"}},\
             \"source_identifier\":\"{address}\",\"category\":\"connection\",\"type\":\"login_attack\",\
             \"description\":\"against www.bank.example\",\"target\":\"www.bank.example\",\
             \"target_brand\":\"bank.example\",\"target_url\":\"http://bank.example/\",\"tags\":[\"target:bank.example\"],\"attempt_count\":5}}\r\n--b--\r\n"
        )
    };
    let before = world.smtp.count();
    world.dovecot.deliver(arf).unwrap();
    world.dovecot.deliver(&xarf("192.0.2.9", "one")).unwrap();
    world.once();
    let mails = world.mails();
    let want = ["taken complaint no receipt: it is no mail of a person", "taken complaint -"];
    assert_eq!(mails.len(), want.len(), "{mails:?}");
    mails.iter().zip(want).for_each(|(mail, want)| assert!(mail.contains(want), "{mail} is not {want}"));
    let mut events = world.rows(&["events"]);
    events.sort_by_key(|event| event["source.ip"].to_string());
    let found: Vec<String> =
        events.iter().map(|event| format!("{} {}", event["source.ip"], event["classification.type"])).collect();
    assert_eq!(found, ["\"192.0.2.8\" \"spam\"", "\"192.0.2.9\" \"brute-force\""]);
    assert_eq!((&events[0]["extra.incidents"], &events[1]["extra.attempt_count"]), (&3.into(), &5.into()));
    let all = serde_json::to_string(&events).unwrap();
    assert!(!all.contains("bank.example") && !all.to_lowercase().contains("mailbox.example"), "{all}");
    // A receipt to the person, and the party is told of both.
    let sent = world.smtp.mails().split_off(before);
    assert_eq!(sent.iter().filter(|mail| mail.to == ["anna@bank.example"]).count(), 1, "{sent:?}");
    assert!(sent.iter().all(|mail| !mail.to.iter().any(|to| to.contains("mailbox.example"))), "{sent:?}");
    world.set(|settings| settings.replace("complaints = ", "agreed = [\"bank.example\"]\ncomplaints = "));
    world.dovecot.deliver(&xarf("192.0.2.10", "two")).unwrap();
    world.once();
    let events = world.rows(&["events"]);
    let named = events.iter().find(|event| event["source.ip"] == "192.0.2.10").unwrap();
    assert_eq!(
        (&named["extra.reporter"], &named["event_description.text"]),
        (&"anna@bank.example".into(), &"against www.bank.example".into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_is_too_large_is_set_aside_once_and_not_tried_again() {
    let Some(world) = World::new().await else { return };
    world.set(|settings| format!("{settings}\n[limits]\nreport = \"1MiB\"\n"));
    let head = "From: Anna <anna@bank.example>\r\nTo: cert@cert.example\r\nSubject: the whole disk\r\n\
        Message-ID: <large@bank.example>\r\n\r\nSee below.\r\n";
    world.dovecot.deliver(head).unwrap();
    let large = format!("{head}{}", format!("{}\r\n", "x".repeat(70)).repeat(20_000));
    world.dovecot.deliver(&large.replace("large@", "larger@")).unwrap();
    // Neither is an error, each time or once.
    world.once();
    world.once();
    let mails = world.rows(&["mailbox", "list", "--kind", "too-large"]);
    assert_eq!(mails.len(), 1, "{mails:?}");
    let row = &mails[0];
    let seen = ["state", "from", "subject"].map(|name| row[name].as_str().unwrap());
    assert_eq!(seen, ["aside", "anna@bank.example", "the whole disk"]);
    let why = row["reason"].as_str().unwrap();
    assert!(
        why.starts_with("it has 14") && why.contains("at most 1048576 are taken; it stays in the mailbox"),
        "{why}"
    );
    let counts = world.rows(&["mailbox", "counts"]);
    let count = counts.iter().find(|row| row["kind"] == "too-large").unwrap();
    assert_eq!((&count["state"], &count["mails"]), (&"aside".into(), &1.into()));
    let raw = world.done(&["mailbox", "show", &row["mail"].to_string(), "--raw"]);
    assert!(raw.contains("See below.") && raw.len() < 1 << 20, "its beginning is kept");
    let mut flags = world.dovecot.flags("").unwrap();
    flags.sort();
    assert_eq!(flags, ["FS", "S"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn links_and_pages_that_say_who_complained_are_withheld() {
    let Some(world) = World::new().await else { return };
    let feed = "[[feed]]\nname = \"complaints\"\nparser = \"complaint\"\nurls = \"all\"\n";
    world.set(|settings| format!("{settings}complaints = \"complaints\"\nreceipts = false\n{feed}"));
    let complain = |id: &str, text: &str| {
        let head = "From: Anna <anna@bank.example>\r\nTo: cert@cert.example\r\nSubject: abuse\r\n";
        world.dovecot.deliver(&format!("{head}Message-ID: <{id}@bank.example>\r\n\r\n{text}\r\n")).unwrap();
        world.once();
    };
    let hex: String = b"anna@bank.example".iter().map(|byte| format!("{byte:02x}")).collect();
    complain(
        "one",
        &format!(
            "Phishing at http://evil.example/p?e={hex}&r=https://www.bank.example/login\r\n\r\n\
             198.51.100.9 sends spam to https://shop.bank.example/form"
        ),
    );
    let of = |name: &str, value: &str| {
        let events = world.rows(&["events"]);
        events.iter().find(|event| event[name] == value).unwrap_or_else(|| panic!("{events:?}")).clone()
    };
    of("source.url", "http://evil.example/p?e=withheld&r=https://withheld/login");
    // It was attacked, as far as anybody can tell who is not of the bank.
    let own = of("destination.fqdn", "shop.bank.example");
    let seen = ["source.url", "source.fqdn", "extra.reporter"].map(|name| own[name].as_str().unwrap_or_default());
    assert_eq!(seen, ["", "", "withheld"], "{own:?}");
    // The bank itself may know of its own page.
    world.import("constituents", "party,domains,mail\nBank,bank.example,abuse@bank.example\n");
    complain("two", "Phishing page http://www.bank.example/x");
    of("source.url", "http://www.bank.example/x");
    assert_eq!(world.smtp.mails().pop().unwrap().to, ["abuse@bank.example"]);
}

/// A line of a mail, out of its base64 if it is such.
fn decoded(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line.trim_ascii()).into_owned();
    let plain = base64::engine::general_purpose::STANDARD.decode(&text);
    plain.map_or(text, |bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// `concert run`, killed when dropped.
struct Running(Child);

impl Running {
    fn start(site: &Path) -> Self {
        let mut command = concert(site, &["run", "--quiet"]);
        Self(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn until(mut done: impl FnMut() -> bool, what: &str) {
    let end = Instant::now() + Duration::from_secs(60);
    while !done() {
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// How many files the archive holds.
fn archived(site: &Path) -> usize {
    let folders = fs::read_dir(site.join("data/archive")).into_iter().flatten().flatten();
    folders.filter_map(|folder| fs::read_dir(folder.path()).ok()).map(Iterator::count).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_between_keeping_and_marking_doubles_nothing() {
    let Some(world) = World::new().await else { return };
    let site = world.site();
    world.event("192.0.2.1");
    let sent = world.smtp.mails().remove(0);
    let marked = || world.dovecot.flags("").unwrap().iter().filter(|flags| flags.contains('S')).count();
    let lives = 6;
    for life in 0..lives {
        let (kept, seen) = (archived(&site), marked());
        world.dovecot.deliver(&reply(&sent, "gone@net.example", "", &format!("{life}@net.example"))).unwrap();
        let running = Running::start(&site);
        match life % 2 {
            0 => until(|| archived(&site) > kept, "the mail is kept"),
            _ => until(|| marked() > seen, "the mail is marked"),
        }
        drop(running);
    }
    world.once();
    let mails = world.mails();
    assert_eq!(mails.len(), lives, "{mails:?}");
    assert!(mails.iter().all(|mail| mail.starts_with("taken reply")), "{mails:?}");
    assert_eq!((marked(), world.health("Gone@net.example")["replies"].as_u64()), (lives, Some(lives as u64)));
    assert_eq!(world.mails().len(), lives);
}
