//! Mail with the parties of an incident, as the whole program sends and takes it: out by SMTP, in by IMAP from
//! a real Dovecot, signed and encrypted by GnuPG.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "all of this is a test, also what stands outside its functions"
)]

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::process::Command;

use base64::Engine;
use concert_testkit::dns::{Dns, Said};
use concert_testkit::dovecot::Dovecot;
use concert_testkit::gnupg::Gnupg;
use concert_testkit::smtp::{Act, Mail, SmtpServer, Stage};
use ed25519_dalek::SigningKey;
use serde_json::{Value, json};

#[path = "support/signed.rs"]
mod signed;
#[path = "support/until.rs"]
mod until;

use signed::signed;
use until::until;

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
        self.incident(&["open", "Scans", "--type", "scanner", "--severity", "medium", "--tlp", tlp])[0]["incident"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// What could not be delivered is looked at by each test itself.
    fn once(&self) {
        let (code, _, err) = self.run(&["run", "--once", "--quiet"]);
        assert!(code == 0 || code == 3 && err.contains("could not be delivered"), "{code}: {err}");
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
    assert_eq!(
        (&out["party"], &out["incoming"], &out["address"]),
        (&json!("Example Net"), &json!(false), &json!("abuse@net.example"))
    );
    assert_eq!(world.status(&number, "Example Net"), "told");
    world.once();
    assert!(world.entries(&number, "delivery/1").is_empty(), "nobody took it yet");
    let notice = out["notice"].as_str().unwrap();
    world.done(&["notice", "send", notice]);
    let mail = world.smtp.mails().remove(0);
    assert_eq!(header(&mail, "Subject"), format!("[{number}] Your host"));
    assert_eq!(header(&mail, "Message-ID"), out["message_id"].as_str().unwrap());
    let (count, _) = notice.rsplit_once('-').unwrap();
    assert!(mail.from.starts_with(&format!("cert+n-{count}-")), "{}", mail.from);
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
    // Also where whoever writes may not know that it is one.
    let hidden = ["from=203.0.113.66", "to=192.0.2.7", "--tlp", "red", "--for-person", "lena"];
    for (name, clearance) in [("anna", "amber"), ("lena", "red")] {
        world.done(&["user", "add", name, "--full-name", name, "--role", "handler", "--clearance", clearance]);
    }
    world.incident(&[&["write", &number, "relation"][..], &hidden, &times].concat());
    let as_anna = ["send", &number, "--party", "Example Net", "--subject", "x", "--as", "anna"];
    world.refused(&[&as_anna[..], &["--text", "It is 203.0.113.66."]].concat(), "for a reason that you may not see");
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
    // What holds in an incident holds in that into which it was merged: who must wait, and who a neighbour is.
    let into = world.open("amber");
    world.incident(&["merge", &number, "--into", &into, "--reason", "the same"]);
    let from_other = ["send", &into, "--party", "Example Net", "--subject", "x", "--text", "y"];
    world.refused(&from_other, "Example Net must not be told yet: the police asks for it");
    world.incident(&["unmerge", &number, "--from", &into, "--reason", "not the same"]);
    assert!(world.incident(&[&from_other[..], &["--preview"]].concat())[0]["subject"].is_string());
    world.once();
    assert_eq!((world.smtp.count(), world.entries(&number, "message/1").len()), (0, 0));
    world.incident(&["write", &number, "hold", "party=Example Net", "held=false", "reason=they are ready"]);
    let last = letter(&["--text", "It came from 198.51.100.9 of Example Hosting."]);
    world.incident(&last.iter().map(String::as_str).collect::<Vec<_>>());
    world.once();
    assert_eq!(world.smtp.count(), 1);
}

/// An answer to a message.
fn reply(mail: &Mail, from: &str, more: &str, id: &str) -> String {
    format!(
        "From: {from}\r\nTo: cert@cert.example\r\nSubject: Re: {}\r\nMessage-ID: <{id}>\r\nIn-Reply-To: <{}>\r\n{more}\r\nWe cleaned 192.0.2.7.\r\n",
        header(mail, "Subject"),
        header(mail, "Message-ID"),
    )
}

/// What a mail server writes that could not deliver this mail.
fn bounce(mail: &Mail, to: &str, id: &str) -> String {
    format!(
        "Return-Path: <>\r\nFrom: MAILER-DAEMON@mx.example\r\nTo: {to}\r\nSubject: Undelivered Mail Returned to Sender\r\n\
         Message-ID: <{id}@mx.example>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n\
         --b\r\nContent-Type: text/plain\r\n\r\nIt did not arrive.\r\n\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n\
         Reporting-MTA: dns; mx.example\r\n\r\nFinal-Recipient: rfc822; {}\r\nAction: failed\r\nStatus: 5.1.1\r\n\
         Diagnostic-Code: smtp; 550 5.1.1 no such user\r\n\r\n--b--\r\n",
        mail.to[0],
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_land_in_the_conversation_and_what_is_not_sure_waits() {
    let Some(world) = World::new().await else { return };
    let number = world.open("amber");
    world.send(&number, &[]);
    world.once();
    let sent = world.smtp.mails().remove(0);
    let came = |want: &[&str]| {
        let sorts: Vec<String> = world
            .entries(&number, "message/1")
            .iter()
            .filter(|entry| entry["incoming"] == true)
            .map(|entry| format!("{} {}", entry["sort"].as_str().unwrap(), entry["address"].as_str().unwrap()))
            .collect();
        assert_eq!(sorts, want);
    };
    // A machine says nothing of a person.
    let away = "Auto-Submitted: auto-replied\r\n";
    world.dovecot.deliver(&reply(&sent, "abuse@net.example", away, "away@net.example")).unwrap();
    world.once();
    came(&["auto-reply abuse@net.example"]);
    assert_eq!(world.status(&number, "Example Net"), "told");
    // Another contact of the party answers; the same mail by another way counts once.
    let answer = reply(&sent, "noc@net.example", "", "cleaned@net.example");
    world.dovecot.deliver(&answer).unwrap();
    world.dovecot.deliver(&answer.replace("To: cert@", "Delivered-To: x@cert.example\r\nTo: cert@")).unwrap();
    world.once();
    came(&["auto-reply abuse@net.example", "reply noc@net.example"]);
    assert_eq!(world.status(&number, "Example Net"), "acknowledged");
    let entry = world.entries(&number, "message/1").pop().unwrap();
    assert_eq!((&entry["party"], &entry["answers"]), (&json!("Example Net"), &json!(header(&sent, "Message-ID"))));
    assert!(
        entry["text"].as_str().unwrap().contains("We cleaned") && entry["openpgp"]["signature"] == "none",
        "{entry}"
    );
    assert_eq!(world.incident(&["about", "192.0.2.7"])[0]["incidents"], json!([number]), "its values are found");
    // Not sure: a stranger who has the Message-ID, one who has only numbers, and a contact who made up a Message-ID.
    world.dovecot.deliver(&reply(&sent, "mallory@evil.example", "", "one@evil.example")).unwrap();
    let guess = header(&sent, "Message-ID").split_once('.').unwrap().0.to_owned();
    let guessed = reply(&sent, "abuse@net.example", "", "two@net.example");
    world.dovecot.deliver(&guessed.replace(&header(&sent, "Message-ID"), &format!("{guess}@cert.example"))).unwrap();
    world
        .dovecot
        .deliver(&format!("From: abuse@net.example\r\nTo: cert@cert.example\r\nSubject: AW: [{number}] Your host\r\nMessage-ID: <three@net.example>\r\n\r\nIt is clean.\r\n").replace("abuse@net.example", "mallory@evil.example"))
        .unwrap();
    // Forged: nobody learns or believes anything.
    world.dovecot.deliver(&bounce(&sent, &sent.from.replace("+n-2", "+n-3"), "forged")).unwrap();
    world.once();
    came(&["auto-reply abuse@net.example", "reply noc@net.example"]);
    let held = world.incident(&["mail", "list", &number]);
    let why: Vec<&str> = held.iter().map(|row| row["reason"].as_str().unwrap()).collect();
    assert_eq!(held.len(), 3, "{held:?}");
    assert!(why[0].contains("is no known contact") || why[0].contains("did not go to its sender"), "{why:?}");
    assert!(why[1].contains("which we never sent") && why[2].contains("by its number alone"), "{why:?}");
    let seq = |at: usize| held[at]["mail"].to_string();
    let read = world.incident(&["mail", "show", &number, &seq(2)]).remove(0);
    assert_eq!(read["text"].as_str().unwrap().trim(), "It is clean.");
    world.refused(&["mail", "accept", &number, &seq(2), "--party", "Nobody"], "takes no part in it");
    world.incident(&["mail", "accept", &number, &seq(2), "--party", "Example Net"]);
    world.refused(&["mail", "accept", &number, &seq(2), "--party", "Example Net"], "no mail");
    world.refused(&["mail", "drop", &number, &seq(0), "--reason", " "], "`reason` is empty");
    world.incident(&["mail", "drop", &number, &seq(0), "--reason", "They did not write it."]);
    assert_eq!(world.incident(&["mail", "list"]).len(), 1);
    came(&["auto-reply abuse@net.example", "reply noc@net.example", "reply mallory@evil.example"]);
    let decided = world.entries(&number, "decision/1").remove(0);
    assert_eq!(decided["reason"], "They did not write it.");
    assert_eq!(world.incident(&["mail", "thread", &number, "--party", "Example Net"]).len(), 4);
    // What was dropped is taken after all, once.
    world.refused(&["mail", "drop", &number, &seq(0), "--reason", "again"], "was dropped already");
    world.incident(&["mail", "show", &number, &seq(0)]);
    world.incident(&["mail", "accept", &number, &seq(0), "--party", "Example Net"]);
    assert_eq!(world.incident(&["mail", "thread", &number, "--party", "Example Net"]).len(), 5);
    world.refused(&["mail", "accept", &number, &seq(0), "--party", "Example Net"], "no mail");
    world.done(&["verify"]);
    let mails = world.smtp.mails();
    let own = |to: &Vec<String>| to.iter().all(|to| to == "cert@cert.example");
    let others = mails.iter().filter(|mail| !own(&mail.to)).count();
    assert_eq!(others, 1, "nothing of it was answered by itself; the team is told that mails wait");
}

/// INVARIANT: whoever only knows the number of an incident writes into no conversation; a contact of a party does, unless
/// a signature speaks against it.
#[tokio::test(flavor = "multi_thread")]
async fn a_mail_by_the_number_alone_is_taken_from_a_contact_whom_nothing_speaks_against() {
    let Some(world) = World::new().await else { return };
    let key = SigningKey::from_bytes(&[7; 32]);
    let text = base64::engine::general_purpose::STANDARD.encode(key.verifying_key().to_bytes());
    let dns = Dns::start(move |question| match question {
        "s1._domainkey.net.example" | "s1._domainkey.hosting.example" => {
            Said::Texts(vec![format!("v=DKIM1; k=ed25519; p={text}")])
        }
        _ => Said::Absent,
    });
    let dns = dns.await.unwrap();
    let settings = fs::read_to_string(world.site().join("concert.toml")).unwrap();
    let more = format!(
        "dkim = true\ncomplaints = \"complaints\"\n[lookup]\nname_server = \"{}\"\n\
         [[feed]]\nname = \"complaints\"\nparser = \"complaint\"\n",
        dns.address()
    );
    world.write("site/concert.toml", format!("{settings}{more}").as_bytes());
    let number = world.open("amber");
    world.incident(&["write", &number, "party", "party=Example Net", "status=told"]);
    let short = number.to_lowercase().replace("-00000", "-");
    assert_ne!(short, number);
    let mail = |from: &str, subject: &str, id: &str| {
        format!(
            "From: {from}\r\nTo: cert@cert.example\r\nSubject: {subject}\r\nMessage-ID: <{id}>\r\n\r\n192.0.2.7 is clean.\r\n"
        )
    };
    let [net, hosting] = ["net.example", "hosting.example"];
    let signed = |mail: &str, domain: &str| signed(mail, domain, &key);
    // Proved, and of a party that takes part, however the number is written.
    for (at, subject) in [format!("AW: [{number}] Your host"), format!("Re: {number}"), short].iter().enumerate() {
        let good = mail("NOC <noc@net.example>", subject, &format!("good{at}@net.example"));
        world.dovecot.deliver(&signed(&good, net)).unwrap();
    }
    // Not proved; a stranger who is; a contact of a party that takes no part; one who signs for another's domain.
    let about = format!("Re: {number}");
    world.dovecot.deliver(&mail("noc@net.example", &about, "bare@net.example")).unwrap();
    world.dovecot.deliver(&signed(&mail("eve@net.example", &about, "eve@net.example"), net)).unwrap();
    let other = mail("abuse@hosting.example", &about, "other@hosting.example");
    world.dovecot.deliver(&signed(&other, hosting)).unwrap();
    world.dovecot.deliver(&signed(&mail("noc@net.example", &about, "forged@net.example"), hosting)).unwrap();
    let changed = signed(&mail("noc@net.example", &about, "changed@net.example"), net).replace("is clean", "is not");
    world.dovecot.deliver(&changed).unwrap();
    world.once();
    let came = world.entries(&number, "message/1");
    let whose: Vec<_> =
        came.iter().map(|one| (one["party"].as_str().unwrap(), one["address"].as_str().unwrap())).collect();
    assert_eq!(whose, [("Example Net", "noc@net.example"); 3], "{came:?}");
    assert_eq!(world.status(&number, "Example Net"), "acknowledged");
    let held = world.incident(&["mail", "list", &number]);
    let why: Vec<&str> = held.iter().map(|row| row["reason"].as_str().unwrap()).collect();
    let want =
        ["were always signed", "no known contact", "no known contact", "were always signed", "its signature is wrong"];
    assert_eq!(why.len(), want.len(), "{why:?}");
    for (why, want) in why.iter().zip(want) {
        assert!(why.contains("by its number alone") && why.contains(want), "{why}");
    }
    assert_eq!(world.rows(&["events"]), Vec::<Value>::new(), "nothing of it is a complaint");

    // What names an incident that was merged goes to the one into which it was; a conversation of the merged one goes on.
    let into = world.open("amber");
    world.incident(&["write", &into, "party", "party=Example Hosting", "status=told"]);
    world.incident(&["merge", &number, "--into", &into, "--reason", "the same"]);
    world.dovecot.deliver(&signed(&mail("abuse@hosting.example", &about, "into@hosting.example"), hosting)).unwrap();
    world.dovecot.deliver(&signed(&mail("noc@net.example", &about, "on@net.example"), net)).unwrap();
    world.dovecot.deliver(&mail("eve@other.example", &about, "eve@other.example")).unwrap();
    world.once();
    let of = |incident: &str| {
        let came = world.entries(incident, "message/1");
        came.iter().filter(|one| one["address"] == "abuse@hosting.example").count()
    };
    assert_eq!((of(&into), world.incident(&["mail", "list", &into]).len()), (1, 1));
    assert_eq!(world.incident(&["mail", "list", &number]).len(), want.len(), "as many wait as before");
    world.incident(&["unmerge", &number, "--from", &into, "--reason", "not the same"]);
    assert_eq!((of(&number), world.entries(&number, "message/1").len()), (0, 4));

    // A key of the contact proves it as well, where nobody looks at DKIM.
    let Some(gnupg) = Gnupg::new(&world.folder.path().join("g")) else {
        println!("skipped: gpg is not installed");
        return;
    };
    let more = more.replace("dkim = true\n", "dkim = false\n");
    world.write("site/concert.toml", format!("{settings}{more}").as_bytes());
    for user in ["NOC <noc@net.example>", "Eve <eve@net.example>"] {
        let public = gnupg.make_key(user, "ed25519", "cv25519", "never", &[]);
        world.done(&["key", "import", &world.write("key.asc", &public)]);
    }
    let words = world.write("words", b"It is gone.\n");
    for (user, from) in [("noc", "noc"), ("eve", "eve"), ("eve", "noc")] {
        let user = format!("{user}@net.example");
        let armour = gnupg.must(&["--local-user", &user, "--clearsign", "--output", "-", &words]);
        let text = String::from_utf8(armour).unwrap().replace('\n', "\r\n");
        let bare = mail(&format!("{from}@net.example"), &about, &format!("{from}-by-{user}"));
        world.dovecot.deliver(&bare.replace("192.0.2.7 is clean.\r\n", &text)).unwrap();
    }
    world.once();
    let came = world.entries(&number, "message/1");
    let last = came.last().unwrap();
    assert_eq!((came.len(), &last["openpgp"]["signature"], &last["party"]), (5, &json!("good"), &json!("Example Net")));
    assert_eq!(last["text"].as_str().unwrap().trim(), "It is gone.");
    let held = world.incident(&["mail", "list", &number]).split_off(5);
    let why: Vec<&str> = held.iter().map(|row| row["reason"].as_str().unwrap()).collect();
    assert!(
        why.len() == 2 && why[0].contains("no known contact") && why[1].contains("no key of its sender"),
        "{why:?}"
    );
    world.done(&["verify"]);
}

/// Whoever knows the number of an incident cannot fill it with mails that somebody must look at.
#[tokio::test(flavor = "multi_thread")]
async fn only_so_many_mails_wait_in_an_incident() {
    let Some(world) = World::new().await else { return };
    let number = world.open("green");
    for at in 0..203 {
        let head = "From: m@evil.example\r\nTo: cert@cert.example";
        let mail = format!("{head}\r\nSubject: [{number}]\r\nMessage-ID: <{at}@evil.example>\r\n\r\nHello {at}.\r\n");
        world.dovecot.deliver(&mail).unwrap();
    }
    world.once();
    assert_eq!(world.incident(&["mail", "list", &number, "--limit", "0"]).len(), 200);
    let aside = world.rows(&["mailbox", "list", "--state", "aside"]);
    assert_eq!(aside.len(), 3, "{aside:?}");
    assert!(aside[0]["reason"].as_str().unwrap().contains("200 mails wait"), "{aside:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_bounces_told_nobody() {
    let Some(world) = World::new().await else { return };
    let number = world.open("green");
    world.send(&number, &[]);
    world.once();
    let sent = world.smtp.mails().remove(0);
    world.dovecot.deliver(&bounce(&sent, &sent.from, "gone")).unwrap();
    world.once();
    assert_eq!(world.status(&number, "Example Net"), "contact-sought");
    let entry = world.entries(&number, "message/1").pop().unwrap();
    assert_eq!(entry["sort"], "bounce");
    assert!(entry["text"].as_str().unwrap().contains("no such user"), "{entry}");
    // Whoever bounced is not written to again; the address that is given is.
    world.refused(
        &["send", &number, "--party", "Example Net", "--subject", "x", "--text", "y"],
        "no contact of Example Net is left",
    );
    world.send(&number, &["--to", "noc@net.example"]);
    world.smtp.at(Stage::Mail, Act::Answer("554 5.7.1 no".into()), 1);
    world.once();
    assert_eq!(world.status(&number, "Example Net"), "contact-sought");
    let proofs = world.entries(&number, "delivery/1");
    assert_eq!(proofs.iter().map(|one| one["taken"].as_bool().unwrap()).collect::<Vec<_>>(), [true, false]);
}

#[tokio::test(flavor = "multi_thread")]
async fn openpgp_works_both_ways_and_files_become_evidence() {
    let Some(world) = World::new().await else { return };
    let Some(gnupg) = Gnupg::new(&world.folder.path().join("g")) else {
        println!("skipped: gpg is not installed");
        return;
    };
    let settings = fs::read_to_string(world.site().join("concert.toml")).unwrap();
    let with_key = settings.replace("[mailbox]", "openpgp_key = { file = \"data/openpgp.key\" }\n\n[mailbox]");
    world.done(&["key", "make"]);
    world.write("site/concert.toml", with_key.as_bytes());
    let public = gnupg.make_key("Net <abuse@net.example>", "ed25519", "cv25519", "never", &[]);
    let key = world.write("net.asc", &public);
    let fingerprint = world.rows(&["key", "import", &key])[0]["fingerprint"].as_str().unwrap().to_owned();
    let number = world.open("amber");
    world.send(&number, &[]);
    world.once();
    let sent = world.smtp.mails().remove(0);
    let text = String::from_utf8(sent.bytes.clone()).unwrap();
    assert!(text.contains("multipart/encrypted") && !text.contains("Please look."), "{text}");
    gnupg.must(&["--import", &world.write("site.asc", world.done(&["key", "show"]).as_bytes())]);

    let inside = "Content-Type: multipart/mixed; boundary=m\r\n\r\n--m\r\nContent-Type: text/plain\r\n\r\nThe log is attached.\r\n\
        --m\r\nContent-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=\"auth.log\"\r\n\r\nsshd 04:50\r\n\
        --m\r\nContent-Type: image/png\r\nContent-Disposition: attachment; filename=\"logo.png\"\r\nContent-Transfer-Encoding: base64\r\n\r\niVBORw==\r\n--m--\r\n";
    let plain = world.write("inside", inside.as_bytes());
    let head = |id: &str| {
        reply(&sent, "abuse@net.example", "MIME-Version: 1.0\r\n", id).split_once("\r\n\r\nWe").unwrap().0.to_owned()
    };
    let sealed = |how: &[&str], id: &str| {
        let armour = gnupg.must(
            &[how, &["--armor", "--recipient", "cert@cert.example", "--encrypt", "--output", "-", &plain]].concat(),
        );
        format!(
            "{}\r\nContent-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\"; boundary=e\r\n\r\n--e\r\n\
             Content-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n\r\n--e\r\nContent-Type: application/octet-stream\r\n\r\n{}\r\n--e--\r\n",
            head(id),
            String::from_utf8(armour).unwrap().replace('\n', "\r\n"),
        )
    };
    // Signed and encrypted; encrypted alone; for somebody else.
    world.dovecot.deliver(&sealed(&["--local-user", "abuse@net.example", "--sign"], "a@net.example")).unwrap();
    world.dovecot.deliver(&sealed(&[], "b@net.example")).unwrap();
    let other = sealed(&[], "c@net.example")
        .replace("-----BEGIN PGP MESSAGE-----\r\n\r\n", "-----BEGIN PGP MESSAGE-----\r\n\r\nAAAA");
    world.dovecot.deliver(&other).unwrap();
    // Signed in clear: as it was, changed, and by a key that nobody knows.
    let part = "Content-Type: text/plain\r\n\r\nIt is clean.\r\n";
    let file = world.write("part", part.as_bytes());
    let signed = |user: &str, id: &str| {
        let armour = gnupg.must(&["--local-user", user, "--armor", "--detach-sign", "--output", "-", &file]);
        format!(
            "{}\r\nContent-Type: multipart/signed; micalg=pgp-sha512; protocol=\"application/pgp-signature\"; boundary=s\r\n\r\n--s\r\n{part}\r\n--s\r\n\
             Content-Type: application/pgp-signature\r\n\r\n{}\r\n--s--\r\n",
            head(id),
            String::from_utf8(armour).unwrap().replace('\n', "\r\n"),
        )
    };
    gnupg.make_key("Other <other@net.example>", "ed25519", "cv25519", "never", &[]);
    let good = signed("abuse@net.example", "d@net.example");
    world.dovecot.deliver(&good).unwrap();
    world.dovecot.deliver(&good.replace("is clean", "is worse").replace("<d@", "<e@")).unwrap();
    world.dovecot.deliver(&signed("other@net.example", "f@net.example")).unwrap();
    // What is signed in the text, with words around it that nobody signed.
    let words = world.write("words", b"It is gone.\n");
    let armour = gnupg.must(&["--local-user", "abuse@net.example", "--clearsign", "--output", "-", &words]);
    let text = format!("Send money.\r\n{}", String::from_utf8(armour).unwrap().replace('\n', "\r\n"));
    world.dovecot.deliver(&format!("{}\r\nContent-Type: text/plain\r\n\r\n{text}", head("g@net.example"))).unwrap();
    world.once();
    let came: Vec<Value> =
        world.entries(&number, "message/1").into_iter().filter(|one| one["incoming"] == true).collect();
    let said =
        |one: &Value| format!("{} {}", one["openpgp"]["encrypted"], one["openpgp"]["signature"].as_str().unwrap());
    let want = ["true good", "true none", "true none", "false good", "false unknown-key", "false good"];
    assert_eq!(came.iter().map(said).collect::<Vec<_>>(), want, "{came:#?}");
    assert_eq!(came[0]["openpgp"]["key"], json!(fingerprint));
    assert!(came[0]["text"].as_str().unwrap().contains("The log is attached."), "{}", came[0]);
    assert!(
        came[2]["openpgp"]["why"].as_str().unwrap().contains("cannot be opened") && came[2]["text"] == "",
        "{}",
        came[2]
    );
    assert_eq!(
        came[5]["text"].as_str().unwrap().trim(),
        "It is gone.",
        "words that nobody signed are not among those signed"
    );

    // What was changed on the way waits for a person.
    let waits = world.incident(&["mail", "list"]);
    assert_eq!(
        waits.iter().map(|row| row["reason"].as_str().unwrap()).collect::<Vec<_>>(),
        ["its OpenPGP signature is wrong"]
    );

    // Its files wait, and become evidence or are left.
    let mail = came[0]["mail"].to_string();
    let names: Vec<&str> =
        came[0]["attachments"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["auth.log", "logo.png"]);
    world.refused(&["mail", "keep", &number, &mail, "nothing.log"], "files: auth.log, logo.png");
    world.incident(&["mail", "keep", &number, &mail, "auth.log"]);
    world.refused(&["mail", "keep", &number, &mail, "auth.log"], "it was kept already");
    world.incident(&["mail", "leave", &number, &mail, "logo.png", "--reason", "a logo"]);
    world.refused(&["mail", "keep", &number, &mail, "logo.png"], "it was left already");
    let shown = world.incident(&["show", &number]).remove(0);
    let custody = &shown["evidence"][0]["custody"][0];
    assert_eq!(
        (&custody["act"], &custody["whom"], &custody["place"]),
        (&json!("received"), &json!("Example Net"), &json!("mailbox"))
    );
    let digits = shown["evidence"][0]["sha256"].as_str().unwrap();
    let copy = world.folder.path().join("copy");
    world.done(&["evidence", "get", &number, digits, "--output", &copy.display().to_string(), "--reason", "to look"]);
    assert_eq!(fs::read(copy).unwrap(), b"sshd 04:50");
    world.done(&["verify"]);
}

/// INVARIANT: however much the writer sees, a party is told no host and no flow that its marking keeps from it.
#[tokio::test(flavor = "multi_thread")]
async fn what_its_marking_keeps_from_a_party_is_not_told_to_it() {
    let Some(world) = World::new().await else { return };
    let number = world.open("amber");
    let write = |args: &[&str]| world.incident(&[&["write", &number], args].concat());
    let flow = |from: &str, port: &str, marking: &[&str]| {
        let (from, port) = (format!("from={from}"), format!("port={port}"));
        let times = ["first_seen=2026-11-22T04:50:30Z", "last_seen=2026-11-22T05:00:00Z"];
        write(&[&["relation", &from, "to=192.0.2.7", &port][..], &times, marking].concat());
    };
    write(&["party", "party=Example Net", "status=unknown"]);
    write(&["host", "host=192.0.2.7", "party=Example Net"]);
    write(&["host", "host=192.0.2.66", "party=Example Net", "--tlp", "red", "--for-person", "root"]);
    flow("198.51.100.9", "22", &[]);
    flow("198.51.100.9", "1001", &["--tlp", "red", "--for-person", "root"]);
    flow("198.51.100.9", "1002", &["--tlp", "amber+strict"]);
    flow("198.51.100.9", "1003", &["--tlp", "amber", "--compartment", "legal"]);
    let template = "Hello: {{ hosts|join(', ') }}; {{ flow_count }}; {{ ports|join(', ') }}\n\
        {% for flow in flows %}{{ flow.host }} port {{ flow.port }}\n{% endfor %}";
    let file = world.write("all.txt", template.as_bytes());
    let tell = ["incident", "tell", &number, &file, "--to", "all", "--subject", "m", "--format", "ndjson"];
    let (code, out, err) = world.run(&[&tell[..], &["--text"]].concat());
    assert!(code == 0 && err.contains("4 hosts and flows of Example Net are left out"), "{err}");
    assert!(out.contains("Hello: 192.0.2.7; 1; 22\\n192.0.2.7 port 22"), "{out}");
    let (code, _, err) = world.run(&[&tell[..], &["--send"]].concat());
    assert!(code == 0 && err.contains("4 hosts and flows of Example Net are left out"), "{err}");
    let (code, out, err) = world.run(&["incident", "chain", &number, "--party", "Example Net", "--format", "ndjson"]);
    assert!(code == 0 && err.contains("4 hosts and flows of Example Net are left out"), "{err}");
    assert!(out.lines().count() == 1 && out.contains("\"port\":22"), "{out}");
    // What takes a host away from it holds also where it may not know why.
    write(&["host", "host=192.0.2.7", "party=", "--tlp", "red", "--for-person", "root"]);
    let (_, out, _) = world.run(&[&tell[..], &["--text", "--again"]].concat());
    assert!(out.contains("Hello: ; 0;"), "{out}");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_parties_of_a_kind_are_told_their_own_facts() {
    let Some(world) = World::new().await else { return };
    let number = world.open("amber");
    let write = |args: &[&str]| world.incident(&[&["write", &number], args].concat());
    let times = ["first_seen=2026-11-22T04:50:30Z", "last_seen=2026-11-22T05:00:00Z", "port=22"];
    write(&[&["relation", "from=198.51.100.9", "to=192.0.2.7"][..], &times].concat());
    write(&["host", "host=192.0.2.7", "party=Example Net"]);
    write(&["host", "host=198.51.100.9", "party=Example Hosting"]);
    write(&["party", "party=Example Net", "status=unknown"]);
    write(&["party", "party=Example Hosting", "status=unknown"]);
    write(&["party", "party=Nobody Known", "status=unknown"]);
    let template = "Hello {{ party }}, your hosts {{ hosts|join(', ') }}:\n\
        {% for flow in flows %}{{ flow.host }} has to do with {{ flow.neighbour }}, port {{ flow.port }}, since {{ flow.first_seen }}\n{% endfor %}";
    let file = world.write("victims.txt", template.as_bytes());
    let tell = |to: &'static str, more: &[&'static str]| {
        let args = ["incident", "tell", &number, &file, "--to", to, "--subject", "{{ hosts|length }} of your hosts"];
        world.run(&[&args[..], more, &["--format", "ndjson"]].concat())
    };
    let (code, out, err) = tell("victims", &["--text"]);
    let rows: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(code == 0 && err.contains("1 message would be sent, 0 parties would not be told"), "{err}");
    assert_eq!(
        (rows.len(), &rows[0]["party"], &rows[0]["to"]),
        (1, &json!("Example Net"), &json!("abuse@net.example"))
    );
    assert!(
        rows[0]["text"]
            .as_str()
            .unwrap()
            .contains("192.0.2.7 has to do with a host upstream, port 22, since 2026-11-22T04:50:30Z"),
        "{}",
        rows[0]
    );
    world.once();
    assert_eq!(world.smtp.count(), 0, "that was a preview");
    // Who must wait and who cannot be reached is left out, and nobody else is.
    write(&["hold", "party=Example Hosting", "held=true", "reason=they are watched"]);
    let (code, _, err) = tell("all", &["--send"]);
    assert!(code == 1 && err.contains("not told: Example Hosting") && err.contains("they are watched"), "{err}");
    assert!(err.contains("not told: Nobody Known: no mail address of Nobody Known is known"), "{err}");
    world.once();
    let mails = world.smtp.mails();
    assert_eq!((mails.len(), mails[0].to.as_slice()), (1, &["abuse@net.example".to_owned()][..]));
    let text = String::from_utf8_lossy(&mails[0].bytes).into_owned();
    assert!(text.contains("192.0.2.7 has to do with a host upstream") && !text.contains("198.51.100.9"), "{text}");
    assert_eq!(header(&mails[0], "Subject"), format!("[{number}] 1 of your hosts"));
    assert_eq!(world.status(&number, "Example Hosting"), "unknown");
    // The order holds within one step too.
    write(&["hold", "party=Example Hosting", "held=false", "reason=it is over"]);
    write(&["order", "parties=Example Hosting,Example Net", "reason=the source first"]);
    assert_eq!(tell("status=told", &["--send", "--again"]).0, 2, "the only one waits for another");
    let (code, _, err) = tell("all", &["--send", "--again"]);
    assert!(code == 1 && !err.contains("Example"), "{err}");
    world.once();
    assert_eq!(world.smtp.count(), 3);
    // The same once more, soon: shown and sent to nobody, unless somebody says so.
    let (code, out, _) = tell("victims", &[]);
    assert!(code == 0 && out.contains("the same was sent to it") && out.contains("`--again`"), "{out}");
    let (code, _, err) = tell("victims", &["--send"]);
    assert!(code == 2 && err.contains("`--again`"), "{err}");
    let (code, _, err) = tell("victims", &["--send", "--again"]);
    assert!(code == 0, "{err}");
    world.once();
    assert_eq!(world.smtp.count(), 4);
    let (code, _, err) = tell("victims", &["--marking"]);
    assert!(code == 2 && err.contains("--marking"), "{err}");
    let wrong = world.write("wrong.txt", b"{{ prty }}");
    world.refused(&["tell", &number, &wrong, "--to", "victims", "--subject", "x"], "known are classification");
    world.refused(&["tell", &number, &wrong, "--to", "status=dead", "--subject", "x"], "no status of a party");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_incident_begins_with_a_complaint_and_hides_who_complained() {
    let Some(world) = World::new().await else { return };
    let settings = fs::read_to_string(world.site().join("concert.toml")).unwrap();
    let feed =
        "complaints = \"complaints\"\nreceipts = false\n\n[[feed]]\nname = \"complaints\"\nparser = \"complaint\"\n";
    world.write("site/concert.toml", format!("{settings}{feed}").as_bytes());
    world
        .dovecot
        .deliver("From: Anna <anna@bank.example>\r\nTo: cert@cert.example\r\nSubject: attack on www.bank.example\r\nMessage-ID: <one@bank.example>\r\n\r\n192.0.2.9 tries passwords, see hxxp://evil[.]example/a\r\n")
        .unwrap();
    world.once();
    let events = world.rows(&["events"]);
    let report = events[0]["report.id"].as_str().unwrap();
    world.refused(
        &["open", "Attack", "--type", "brute-force", "--severity", "medium", "--tlp", "green", "--report", "00"],
        "there is no report `00`",
    );
    let opened = world.incident(&[
        "open",
        "Attack",
        "--type",
        "brute-force",
        "--severity",
        "medium",
        "--tlp",
        "green",
        "--report",
        report,
    ]);
    let number = opened[0]["incident"].as_str().unwrap().to_owned();
    let shown = world.incident(&["show", &number]).remove(0);
    let mut ids: Vec<&Value> = events.iter().map(|event| &event["event.id"]).collect();
    ids.sort_by_key(|id| id.as_str().map(str::to_owned));
    assert_eq!(shown["events"], json!(ids));
    let values: Vec<&str> =
        shown["observables"].as_array().unwrap().iter().map(|one| one["value"].as_str().unwrap()).collect();
    assert!(values.contains(&"192.0.2.9") && values.contains(&"evil.example"), "{values:?}");
    assert!(!values.iter().any(|value| value.contains("bank.example")), "{values:?}");
    let evidence = &shown["evidence"][0];
    assert_eq!(
        (&evidence["custody"][0]["whom"], &evidence["marking"]["tlp"]),
        (&json!("reporter"), &json!("amber+strict"))
    );
    // Whoever may see the incident and no more does not learn who it was.
    world.done(&["user", "add", "jo", "--full-name", "Jo", "--role", "reader", "--clearance", "green"]);
    let log = world.done(&["incident", "log", &number, "--as", "jo", "--format", "ndjson"]);
    let all = world.done(&["incident", "show", &number, "--as", "jo", "--format", "json"]);
    assert!(log.contains("reporter") && !log.contains("bank.example") && !all.contains("bank.example"), "{log}{all}");
    assert!(!all.contains("evil.example"), "what was attacked may tell who: {all}");
    // The reporter is a party like any other.
    world.incident(&["send", &number, "--party", "reporter", "--subject", "Your report", "--text", "Thank you."]);
    world.once();
    let mail = world.smtp.mails().pop().unwrap();
    assert_eq!(
        (mail.to.as_slice(), header(&mail, "In-Reply-To")),
        (&["anna@bank.example".to_owned()][..], "one@bank.example".into())
    );
    world.dovecot.deliver(&reply(&mail, "anna@bank.example", "", "two@bank.example")).unwrap();
    world.once();
    assert_eq!(world.entries(&number, "message/1").pop().unwrap()["party"], "reporter");
    // Every message of this conversation is marked like the first, and so is what comes of it.
    let said =
        ["write", &number, "message", "party=reporter", "incoming=true", "subject=Telephone", "text=bank.example"];
    world.incident(&said);
    world.refused(&[&said[..], &["--tlp", "green"]].concat(), "who reported it stays within the site");
    world.dovecot.deliver(&reply(&mail, "it@bank.example", "", "three@bank.example")).unwrap();
    world.once();
    world.done(&["user", "add", "kim", "--full-name", "Kim", "--role", "handler", "--clearance", "amber"]);
    let markings: Vec<Value> = world
        .incident(&["log", &number, "--limit", "0"])
        .into_iter()
        .filter(|entry| ["message/1", "delivery/1", "observable/1"].contains(&entry["kind"].as_str().unwrap()))
        .map(|entry| entry["tlp"].clone())
        .collect();
    assert!(markings.len() >= 6 && markings.iter().all(|tlp| *tlp == "amber+strict"), "{markings:?}");
    assert_eq!(world.incident(&["mail", "list", &number]).len(), 1);
    for asked in [
        &["log", &number, "--limit", "0"][..],
        &["show", &number],
        &["mail", "list", &number],
        &["mail", "thread", &number],
        &["observables", &number],
        &["search", "bank"],
    ] {
        let told = world.done(&[&["incident"], asked, &["--as", "kim", "--format", "ndjson"]].concat());
        assert!(!told.contains("bank.example") && !told.contains("Thank you"), "{asked:?}: {told}");
    }
    // Nor does anybody read messages as notices, or mails that wait.
    let notice = world.entries(&number, "message/1")[1]["notice"].as_str().unwrap().to_owned();
    assert!(world.done(&["notice", "show", &notice]).contains("Thank you."));
    let (code, _, err) = world.run(&["notice", "show", &notice, "--as", "jo"]);
    assert!(code == 2 && err.contains("there is no notice"), "{err}");
    assert_eq!(world.run(&["incident", "mail", "list", &number, "--as", "jo"]).0, 2);
    assert_eq!(
        world
            .run(&["incident", "send", &number, "--as", "jo", "--party", "reporter", "--subject", "x", "--text", "y"])
            .0,
        2
    );
    let (code, _, err) = world.run(&["notice", "resend", &notice]);
    assert!(code == 2 && err.contains("is a message of an incident"), "{err}");
    world.done(&["verify"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_after_the_end_and_a_mail_that_waits_are_due() {
    let Some(world) = World::new().await else { return };
    let number = world.open("amber");
    world.incident(&["write", &number, "party", "party=Example Net", "status=unknown"]);
    world.send(&number, &[]);
    world.once();
    let sent = world.smtp.mails().pop().unwrap();
    let shown = world.incident(&["show", &number]).remove(0);
    let party = &shown["parties"][0];
    assert_eq!(
        (&party["messages"], &party["silent_for"], &party["next_step"]),
        (&json!(1), &json!("0m"), &Value::Null)
    );
    let close = || drop(world.incident(&["write", &number, "status", "status=closed", "reason=done"]));
    close();
    assert!(world.incident(&["due"]).is_empty());
    world.dovecot.deliver(&reply(&sent, "abuse@net.example", "", "late@net.example")).unwrap();
    world.dovecot.deliver(&reply(&sent, "stranger@else.example", "", "stranger@else.example")).unwrap();
    world.once();
    let due = world.incident(&["due"]);
    let mut kinds: Vec<(&str, &str)> =
        due.iter().map(|row| (row["kind"].as_str().unwrap(), row["name"].as_str().unwrap())).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, [("answer", "Example Net"), ("mail", "2")]);
    assert!(due.iter().all(|row| row["role"] == "coordinator" && row["incident"] == json!(number)), "{due:?}");
    // Lists say so too.
    let late = |more: &[&str]| world.incident(&[&["list"], more].concat());
    assert_eq!(late(&["--late-answers"]).len(), 1);
    assert_eq!(late(&[])[0]["late_answers"], 1);
    // Who says what the mail is, and closes again or goes on, has seen them.
    world.incident(&["mail", "drop", &number, "2", "--reason", "Not from them."]);
    close();
    assert!(world.incident(&["due"]).is_empty());
    assert!(late(&["--late-answers"]).is_empty() && late(&[])[0]["late_answers"] == 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_incident_begins_with_a_mail_whether_it_became_a_report_or_was_set_aside() {
    let Some(world) = World::new().await else { return };
    let call = |id: &str| {
        format!(
            "From: Anna <anna@bank.example>\r\nTo: cert@cert.example\r\nSubject: Help\r\nMessage-ID: <{id}@bank.example>\r\n\r\n\
             We were hacked, please call.\r\n"
        )
    };
    let open = |with: [&str; 2]| {
        let opened = world.incident(
            &[&["open", "Help", "--type", "system-compromise", "--severity", "high", "--tlp", "amber"], &with[..]]
                .concat(),
        );
        opened[0]["incident"].as_str().unwrap().to_owned()
    };
    // Nothing is said of complaints: a mail that answers nothing is set aside.
    world.dovecot.deliver(&call("one")).unwrap();
    world.once();
    let row = world.rows(&["mailbox", "list"]).remove(0);
    assert_eq!((&row["mail"], &row["state"], &row["report"]), (&json!(1), &json!("aside"), &Value::Null));
    let number = open(["--mail", "1"]);
    let shown = world.incident(&["show", &number]).remove(0);
    let evidence = &shown["evidence"][0];
    assert_eq!(
        (&evidence["name"], &evidence["text"]),
        (&json!("mail-1.eml"), &json!("mail 1 of the mailbox as it came"))
    );
    assert_eq!((&shown["parties"][0]["party"], &shown["events"]), (&json!("reporter"), &json!([])));
    let message = world.incident(&["mail", "thread", &number]).remove(0);
    assert_eq!((&message["subject"], &message["address"]), (&json!("Help"), &json!("anna@bank.example")));

    // It becomes a report without an event, whose identity stands beside the mail.
    let settings = fs::read_to_string(world.site().join("concert.toml")).unwrap();
    let feed =
        "complaints = \"complaints\"\nreceipts = false\n\n[[feed]]\nname = \"complaints\"\nparser = \"complaint\"\n";
    world.write("site/concert.toml", format!("{settings}{feed}").as_bytes());
    world.dovecot.deliver(&call("two")).unwrap();
    world.once();
    assert!(world.rows(&["events"]).is_empty());
    let row = world.rows(&["mailbox", "list"]).remove(0);
    let report = row["report"].as_str().unwrap().to_owned();
    assert_eq!((&row["mail"], &row["kind"]), (&json!(2), &json!("complaint")));
    assert!(world.done(&["mailbox", "show", "2"]).contains(&report));
    let evidence = |number: &str| world.incident(&["show", number]).remove(0)["evidence"][0].clone();
    let (by_mail, by_report) = (open(["--mail", "2"]), open(["--report", &report]));
    assert_eq!(evidence(&by_mail)["text"], evidence(&by_report)["text"]);
    assert_eq!(evidence(&by_mail)["sha256"], evidence(&by_report)["sha256"]);

    // What came in an incident is for those of that incident.
    world.incident(&["send", &number, "--party", "reporter", "--subject", "Your report", "--text", "Thank you."]);
    world.once();
    let sent = world.smtp.mails().pop().unwrap();
    world.dovecot.deliver(&reply(&sent, "anna@bank.example", "", "three@bank.example")).unwrap();
    world.once();
    assert_eq!(world.entries(&number, "message/1").len(), 3);
    for mail in ["3", "17"] {
        let asked = ["open", "Help", "--type", "scanner", "--severity", "high", "--tlp", "amber", "--mail", mail];
        world.refused(&asked, &format!("there is no mail {mail}"));
    }
    world.done(&["verify"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_released_by_two_goes_with_a_message_and_what_was_erased_does_not() {
    let Some(world) = World::new().await else { return };
    let number = world.open("amber");
    world.incident(&["write", &number, "party", "party=Example Net", "status=unknown"]);
    let file = world.write("auth.log", b"sshd 04:50");
    let sha256 = world.rows(&["evidence", "add", &number, &file])[0]["sha256"].as_str().unwrap().to_owned();
    for person in ["anna", "ben"] {
        let args = ["evidence", "release", &number, &sha256, "--to", "Example Net", "--reason", "they need it"];
        let output =
            world.command(&args).env("SUDO_USER", person).env("USER", person).env("LOGNAME", person).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }
    world.send(&number, &["--attach", &sha256]);
    world.once();
    let text = String::from_utf8_lossy(&world.smtp.mails()[0].bytes).into_owned();
    assert!(text.contains("filename=\"auth.log\"") && text.contains("c3NoZCAwNDo1MA=="), "{text}");
    // A message that is erased before it went never goes.
    world.smtp.at(Stage::Mail, Act::Answer("451 4.3.0 later".into()), 1);
    world.send(&number, &[]);
    world.once();
    let log = world.incident(&["log", &number, "--limit", "0"]);
    let last = log.iter().rev().find(|entry| entry["kind"] == "message/1").unwrap();
    world.incident(&["erase", &number, &last["seq"].to_string(), "--reason", "the wrong party"]);
    let notice = last["content"]["notice"].as_str().unwrap();
    world.run(&["notice", "send", notice]);
    assert_eq!(world.smtp.count(), 1);
    let shown: Value = serde_json::from_str(&world.done(&["notice", "show", notice, "--format", "json"])).unwrap();
    assert!(
        shown["state"] == "failed" && shown["reason"].as_str().unwrap().contains("its words were erased"),
        "{shown}"
    );
    world.done(&["verify"]);
}

/// `concert serve`, which ends with the test, its port, and the header by which `admin` comes.
struct Serving(std::process::Child, u16, String);

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

impl Serving {
    fn of(world: &World) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let settings = fs::read_to_string(world.site().join("concert.toml")).unwrap();
        let settings = settings.split("[serve]").next().unwrap().to_owned();
        world.write("site/concert.toml", format!("{settings}\n[serve]\nlisten = \"127.0.0.1:{port}\"\n").as_bytes());
        let child = world.command(&["serve", "--quiet"]).stdout(std::process::Stdio::null()).spawn().unwrap();
        let token = world.done(&["token", "create", "--user", "admin", "--scope", "admin"]);
        let serving = Self(child, port, format!("Authorization: Bearer {}\r\n", token.trim()));
        until(|| TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok(), "the server starts");
        serving
    }

    fn ask(&self, method: &str, path: &str, headers: &str, body: &Value) -> (u16, Value) {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.1)).unwrap();
        let who = if headers.contains("Authorization") { "" } else { self.2.as_str() };
        let head =
            format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{who}{headers}");
        let request = format!("{head}Content-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), serde_json::from_str(body).unwrap_or_default())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_does_the_same_and_each_request_once() {
    let Some(world) = World::new().await else { return };
    let number = world.open("amber");
    let serving = Serving::of(&world);
    let path = format!("/api/v1/incidents/{}/messages", number.replace('#', "%23"));
    let letter = |more: Value| {
        let mut letter = json!({"party": "Example Net", "subject": "Your host", "text": "Please look."});
        letter.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        letter
    };
    let (status, preview) = serving.ask("POST", &path, "", &letter(json!({"preview": true})));
    assert_eq!((status, &preview["to"]), (200, &json!(["abuse@net.example"])));
    assert_eq!(serving.ask("POST", &path, "", &letter(json!({"marking": {"tlp": "red"}}))).0, 400);
    assert_eq!(serving.ask("POST", "/api/v1/incidents/none/messages", "", &letter(json!({}))).0, 404);
    let sent = serving.ask("POST", &path, "Idempotency-Key: k\r\n", &letter(json!({})));
    assert_eq!(sent.0, 201, "{}", sent.1);
    assert_eq!(serving.ask("POST", &path, "Idempotency-Key: k\r\n", &letter(json!({}))), sent);
    until(|| world.smtp.count() == 1, "the message is sent");
    let mail = world.smtp.mails().remove(0);
    world.dovecot.deliver(&reply(&mail, "noc@net.example", "", "one@net.example")).unwrap();
    world.dovecot.deliver(&reply(&mail, "eve@evil.example", "", "two@evil.example")).unwrap();
    let seen = || serving.ask("GET", &path, "", &Value::Null).1;
    until(
        || seen()["messages"].as_array().unwrap().len() == 2 && seen()["held"].as_array().unwrap().len() == 1,
        "answers come",
    );
    assert_eq!(seen()["messages"][0]["delivery"]["taken"], true, "{}", seen());
    let held = format!("/api/v1/incidents/{}/mails/{}", number.replace('#', "%23"), seen()["held"][0]["mail"]);
    assert!(serving.ask("GET", &held, "", &Value::Null).1["text"].as_str().unwrap().contains("We cleaned"));
    let waiting = || serving.ask("GET", "/api/v1/mails?limit=1", "", &Value::Null).1;
    let row = &waiting()["mails"][0];
    assert_eq!((&row["mail"], &row["incident"]), (&seen()["held"][0]["mail"], &json!(number)));
    assert_eq!(serving.ask("POST", &held, "", &json!({"do": "eat"})).0, 400);
    let accept = json!({"do": "accept", "party": "Example Net"});
    let accepted = serving.ask("POST", &held, "Idempotency-Key: a\r\n", &accept);
    assert_eq!(accepted.0, 201, "{}", accepted.1);
    assert_eq!(serving.ask("POST", &held, "Idempotency-Key: a\r\n", &accept), accepted);
    assert_eq!((seen()["messages"].as_array().unwrap().len(), seen()["held"].as_array().unwrap().len()), (3, 0));
    assert_eq!(waiting(), json!({"mails": [], "next": null}));
    assert_eq!(world.smtp.count(), 1);
}

/// Mails that wait name the party whose address they are from to whoever may know of that party, and to nobody else.
#[tokio::test(flavor = "multi_thread")]
async fn mails_that_wait_name_no_party_of_which_their_reader_may_not_know() {
    let Some(world) = World::new().await else { return };
    for (name, role) in [("lena", "handler"), ("mia", "handler:Example Net")] {
        world.done(&["user", "add", name, "--full-name", name, "--role", role, "--clearance", "red"]);
    }
    let number = world.open("amber");
    world.incident(&["write", &number, "party", "party=Example Net", "status=told"]);
    world.send(&number, &[]);
    world.once();
    let sent = header(&world.smtp.mails().remove(0), "Message-ID");
    let guess = sent.split_once('.').unwrap().0;
    // Of no party that takes part, and with a Message-ID that was never sent.
    for (from, answers) in [
        ("abuse@hosting.example", String::new()),
        ("abuse@net.example", format!("In-Reply-To: <{guess}@cert.example>\r\n")),
    ] {
        let head = format!("From: {from}\r\nTo: cert@cert.example\r\nSubject: [{number}] Your host\r\n{answers}");
        world.dovecot.deliver(&format!("{head}Message-ID: <one{from}>\r\n\r\nIt is clean.\r\n")).unwrap();
    }
    world.once();
    let serving = Serving::of(&world);
    let tokens = ["lena", "mia"].map(|name| world.done(&["token", "create", "--user", name, "--scope", "admin"]));
    let [lena, mia] = tokens.map(|token| format!("Authorization: Bearer {}\r\n", token.trim()));
    let of_incident = format!("/api/v1/incidents/{}", number.replace('#', "%23"));
    let get = |path: &str, who: &str| {
        let (status, answer) = serving.ask("GET", path, who, &Value::Null);
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    };
    let check = |who: &str, name: &str, want: [&str; 2]| {
        let parties = |rows: &[Value]| rows.iter().map(|row| row["party"].clone()).collect::<Vec<_>>();
        let waiting = get("/api/v1/mails", who)["mails"].as_array().unwrap().clone();
        assert_eq!(parties(&waiting), want, "{name}: {waiting:?}");
        let held = get(&format!("{of_incident}/messages"), who)["held"].as_array().unwrap().clone();
        assert_eq!(parties(&held), want, "{name}: {held:?}");
        let one = get(&format!("{of_incident}/mails/{}", waiting[0]["mail"]), who);
        assert_eq!((&one["party"], one["text"].as_str().unwrap().trim()), (&json!(want[0]), "It is clean."), "{name}");
        let listed = world.incident(&["mail", "list", &number, "--as", name]);
        let named = |row: &Value| row["party"].as_str().unwrap_or_default().to_owned();
        assert_eq!(listed.iter().map(named).collect::<Vec<_>>(), want, "{name}: {listed:?}");
    };
    check(&lena, "lena", ["Example Hosting", "Example Net"]);
    check(&mia, "mia", ["", "Example Net"]);
    // Whose address it is says the contact book, and no more of it is for her because the party takes part.
    let takes_part = ["write", &number, "party", "party=Example Hosting", "status=told"];
    world.incident(&[&takes_part[..], &["--tlp", "red", "--for-person", "lena"]].concat());
    check(&mia, "mia", ["", "Example Net"]);
    world.incident(&takes_part);
    check(&mia, "mia", ["", "Example Net"]);
}

/// A question whether somebody is there that could not be sent is sent again over the API, which answers as it is
/// described.
#[tokio::test(flavor = "multi_thread")]
async fn a_proof_of_life_is_retried_over_the_api_as_that_is_described() {
    let Some(world) = World::new().await else { return };
    let settings = fs::read_to_string(world.site().join("concert.toml")).unwrap();
    world.write("site/concert.toml", format!("{settings}via = \"mail\"\n").as_bytes());
    world.smtp.at_line(Stage::To, "noc@net.example", Act::Answer("554 5.7.1 relay access denied".into()), 1);
    world.smtp.at_line(Stage::To, "abuse@net.example", Act::Answer("550 5.1.1 no such user".into()), 1);
    assert_eq!(world.rows(&["contact", "prove", "Example Net"])[0]["asked"], 2);
    world.once();
    let serving = Serving::of(&world);
    let listed = || serving.ask("GET", "/api/v1/notices", "", &Value::Null).1["notices"].as_array().unwrap().clone();
    let asked = |to: &str| listed().into_iter().find(|row| row["to"] == to).unwrap();
    let retry = |to: &str| {
        let path = format!("/api/v1/notices/{}/acts", asked(to)["id"].as_str().unwrap());
        serving.ask("POST", &path, "", &json!({"do": "retry"}))
    };
    let described = serving.ask("GET", "/api/v1/openapi.json", "", &Value::Null).1;
    let answers = &described["paths"]["/api/v1/notices/{id}/acts"]["post"]["responses"];
    let names =
        ["noc@net.example", "abuse@net.example"].map(|to| (asked(to)["name"].clone(), asked(to)["state"].clone()));
    assert_eq!(names, [(); 2].map(|()| (json!("(proof of life)"), json!("failed"))));
    let (status, answer) = retry("noc@net.example");
    assert_eq!(status, 200, "{answer}");
    let schema = &answers["200"]["content"]["application/json"]["schema"];
    let mut given: Vec<&String> = answer.as_object().unwrap().keys().collect();
    let mut wanted: Vec<&str> =
        schema["required"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    given.sort();
    wanted.sort_unstable();
    assert_eq!(given, wanted);
    assert!(schema["properties"]["state"]["enum"].as_array().unwrap().contains(&answer["state"]), "{answer}");
    assert_eq!((&answer["id"], &answer["again_of"]), (&asked("noc@net.example")["id"], &Value::Null));
    until(|| asked("noc@net.example")["state"] == "delivered", "it is sent again");
    // What was delivered is not tried again, and the refusal says what is.
    let (status, answer) = retry("noc@net.example");
    assert_eq!((status, answers.get(status.to_string()).is_some()), (409, true), "{answer}");
    assert!(answer["detail"].as_str().unwrap().starts_with("it is delivered; only notices that failed"), "{answer}");
}
