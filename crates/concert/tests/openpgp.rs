//! Encrypted notices as the whole program sends them, opened by the GnuPG of their receivers.

#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up must fail")]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use concert_testkit::gnupg::Gnupg;
use concert_testkit::smtp::{Act, Mail, SmtpServer, Stage};
use serde_json::Value;

#[path = "support/init.rs"]
mod init;
#[path = "support/until.rs"]
mod until;

use init::init;
use until::until;

const SETTINGS: &str = r#"
[site]
name = "CERT Example"
email = "cert@cert.example"

[[feed]]
name = "drop"
parser = "ndjson"
collect = { type = "file", path = "in/", every = "20ms", settle = "10ms" }

[[notice]]
name = "told"
group_by = ["party"]
to = "responsible"
format = "csv"
via = "mail"

[via.mail]
type = "smtp"
host = "127.0.0.1"
port = PORT
tls = "off"
encrypt = "if-key"
openpgp_key = { file = "data/openpgp.key" }

[deliver]
"#;

const PARTIES: &str = "party,prefixes,mail\n\
    Example University,192.0.2.0/25,CERT@uni.example\n\
    Example Telecom,192.0.2.128/25,abuse@telecom.example\n\
    Example Hosting,198.51.100.0/24,abuse@hosting.example\n";

struct Desk {
    folder: tempfile::TempDir,
    smtp: SmtpServer,
}

/// How a command ended, and what it printed on standard output and standard error.
type Ended = (i32, String, String);

impl Desk {
    async fn new() -> Self {
        let desk = Self { folder: tempfile::tempdir().unwrap(), smtp: SmtpServer::start().await.unwrap() };
        init(&desk.site());
        let port = desk.smtp.address().port().to_string();
        fs::write(desk.site().join("concert.toml"), SETTINGS.replace("PORT", &port)).unwrap();
        desk.write("parties.csv", PARTIES.as_bytes());
        desk.done(&["key", "make"]);
        desk.done(&["contact", "import", "constituents", &desk.path("parties.csv")]);
        desk
    }

    fn site(&self) -> PathBuf {
        self.folder.path().join("site")
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn write(&self, name: &str, bytes: &[u8]) -> String {
        fs::write(self.path(name), bytes).unwrap();
        self.path(name)
    }

    fn set(&self, from: &str, to: &str) {
        let path = self.site().join("concert.toml");
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{text}");
        fs::write(path, text.replace(from, to)).unwrap();
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_concert"));
        command.args(args).arg("--site").arg(self.site()).env_remove("CONCERT_SITE").env_remove("CONCERT_LOG");
        command
    }

    fn run(&self, args: &[&str]) -> Ended {
        let output = self.command(args).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }

    fn done(&self, args: &[&str]) -> String {
        let (code, out, err) = self.run(args);
        assert_eq!(code, 0, "{args:?}: {err}");
        out
    }

    /// Does what is due. What could not be delivered is looked at by each test itself.
    fn once(&self) {
        let (code, _, err) = self.run(&["run", "--once", "--quiet"]);
        assert!(code == 0 || code == 3 && err.contains("could not be delivered"), "{code}: {err}");
    }

    fn rows(&self, args: &[&str]) -> Vec<Value> {
        self.done(args).lines().map(|row| serde_json::from_str(row).unwrap()).collect()
    }

    /// An event at this address.
    fn happens(&self, address: &str) {
        let part = self.site().join("in/.part");
        fs::write(&part, format!("{{\"source.ip\":\"{address}\",\"classification.type\":\"scanner\"}}\n")).unwrap();
        fs::rename(part, self.site().join("in").join(address)).unwrap();
    }

    /// Takes up an event at this address and sends what is due.
    fn tell(&self, address: &str) {
        self.happens(address);
        let before = self.notices().len();
        until(
            || {
                self.once();
                self.notices().len() > before
            },
            "a notice is made",
        );
    }

    fn notices(&self) -> Vec<Value> {
        self.rows(&["notice", "list", "--limit", "0", "--format", "ndjson"])
    }

    /// The newest notice of this party, as it is shown.
    fn shown(&self, to: &str) -> Value {
        let notices = self.notices();
        let id = notices.iter().filter(|row| row["to"] == to).filter_map(|row| row["id"].as_str()).max().unwrap();
        serde_json::from_str(&self.done(&["notice", "show", id, "--format", "json"])).unwrap()
    }

    /// What the receiver finds inside a mail.
    fn open(&self, gnupg: &Gnupg, mail: &Mail) -> String {
        let text = String::from_utf8(mail.bytes.clone()).unwrap();
        let armour = text.split_once("-----BEGIN PGP MESSAGE").unwrap().1.split_once("\r\n--=_").unwrap().0;
        let sealed = self.write("sealed", format!("-----BEGIN PGP MESSAGE{armour}\r\n").as_bytes());
        String::from_utf8(gnupg.must(&["--decrypt", &sealed])).unwrap()
    }

    /// Somebody with a key, which is given as a file.
    fn person(&self, address: &str, kind: (&str, &str), life: &str, how: &[&str]) -> Option<(Gnupg, String)> {
        let name: String = address.chars().take(4).collect();
        let Some(gnupg) = Gnupg::new(Path::new(&self.path(&name))) else {
            writeln!(std::io::stderr(), "skipped: gpg is not installed").ok();
            return None;
        };
        let public = gnupg.make_key(&format!("Somebody <{address}>"), kind.0, kind.1, life, how);
        let file = self.write(&format!("{name}.asc"), &public);
        Some((gnupg, file))
    }
}

fn text(mail: &Mail) -> String {
    String::from_utf8(mail.bytes.clone()).unwrap()
}

const CURVE: (&str, &str) = ("ed25519", "cv25519");

#[tokio::test(flavor = "multi_thread")]
async fn contacts_with_a_key_get_what_only_they_can_read_and_the_others_what_they_always_got() {
    let desk = Desk::new().await;
    let Some((uni, uni_key)) = desk.person("cert@uni.example", ("rsa3072", "rsa3072"), "never", &[]) else { return };
    let (telecom, telecom_key) = desk.person("abuse@telecom.example", CURVE, "20d", &[]).unwrap();
    let imported = desk.rows(&["key", "import", &uni_key, &telecom_key, "--format", "ndjson"]);
    let seen = |rows: &[Value]| {
        let row = |row: &Value| format!("{} {} {}", row["address"], row["party"], row["state"]);
        rows.iter().map(row).collect::<Vec<_>>()
    };
    let want = [
        "\"cert@uni.example\" \"Example University\" \"good\"",
        "\"abuse@telecom.example\" \"Example Telecom\" \"expires soon\"",
    ];
    assert_eq!(seen(&imported), want);
    let mut listed = seen(&desk.rows(&["key", "list", "--format", "ndjson"]));
    listed.sort();
    assert_eq!(listed, {
        let mut want = want;
        want.sort_unstable();
        want
    });
    let (code, found, _) = desk.run(&["contact", "check", "--format", "csv"]);
    assert!(
        code == 1 && found.contains("key,Example Telecom,the key of abuse@telecom.example expires on 20"),
        "{found}"
    );

    let signer = desk.write("site.asc", desk.done(&["key", "show"]).as_bytes());
    for (address, to, gnupg) in
        [("192.0.2.1", "CERT@uni.example", &uni), ("192.0.2.200", "abuse@telecom.example", &telecom)]
    {
        desk.tell(address);
        let mail = desk.smtp.mails().pop().unwrap();
        assert!(text(&mail).contains("multipart/encrypted") && !text(&mail).contains(address));
        let shown = desk.shown(to);
        assert_eq!((&shown["state"], &shown["encrypted"]), (&"delivered".into(), &true.into()), "{shown}");
        assert!(shown["text"].as_str().unwrap().contains(address), "the desk still reads it");
        let id = shown["id"].as_str().unwrap();
        assert_eq!(desk.done(&["notice", "show", id, "--raw"]).as_bytes(), mail.bytes, "the very bytes are kept");

        // What the receiver reads is the mail that would have gone out in clear.
        let inside = desk.open(gnupg, &mail);
        let boundary = inside.split_once("boundary=\"").unwrap().1.split_once('"').unwrap().0.to_owned();
        let line = format!("--{boundary}");
        let mut parts = inside.split(&line).skip(1);
        let signed = parts.next().unwrap().strip_prefix("\r\n").unwrap().strip_suffix("\r\n").unwrap();
        let signature = parts.next().unwrap().split_once("\r\n\r\n").unwrap().1;
        gnupg.must(&["--import", &signer]);
        let (signed, signature) = (desk.write("text", signed.as_bytes()), desk.write("text.asc", signature.as_bytes()));
        let said = gnupg.run(&["--verify", &signature, &signed]).unwrap();
        assert!(said.good && said.words.contains("Good signature from \"CERT Example"), "{}", said.words);
        desk.set("encrypt = \"if-key\"", "encrypt = \"never\"");
        desk.done(&["notice", "resend", id]);
        desk.once();
        let plain = text(&desk.smtp.mails().pop().unwrap());
        let again = desk.shown(to)["id"].as_str().unwrap().to_owned();
        let body = |mail: &str| {
            let encoded = mail.split_once("quoted-printable\r\n\r\n").unwrap().1.split_once("\r\n--=_").unwrap().0;
            encoded.replace(id, &again)
        };
        assert!(again != id && body(&inside).contains("Dear Example"));
        assert_eq!(body(&inside), body(&plain));
        desk.set("encrypt = \"never\"", "encrypt = \"if-key\"");
    }
    desk.tell("198.51.100.7");
    let mail = text(&desk.smtp.mails().pop().unwrap());
    assert!(mail.contains("multipart/signed") && !mail.contains("multipart/encrypted"), "{mail}");
    assert_eq!(desk.shown("abuse@hosting.example")["encrypted"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_must_be_encrypted_waits_for_a_good_key_and_never_goes_in_clear() {
    let desk = Desk::new().await;
    desk.set("encrypt = \"if-key\"", "encrypt = \"required\"");
    let old = ["--faked-system-time", "20240101T000000!"];
    let Some((_, expired)) = desk.person("cert@uni.example", CURVE, "1y", &old) else { return };
    // It was good when it came.
    fs::create_dir_all(desk.site().join("keys")).unwrap();
    fs::copy(&expired, desk.site().join("keys/uni")).unwrap();
    let event = desk.write("event", b"{\"source.ip\":\"192.0.2.3\",\"classification.type\":\"scanner\"}\n");
    desk.done(&["ingest", "--feed", "drop", &event]);
    let (_, shown, said) = desk.run(&["notice", "preview", "--format", "ndjson"]);
    let foretold = "it would fail: it must be encrypted, but the key of CERT@uni.example expired on 2024-12-31\"";
    assert!(shown.contains(foretold) && said.contains("would fail"), "{shown}{said}");
    desk.tell("192.0.2.1");
    desk.tell("192.0.2.200");
    let why = |to: &str| {
        let shown = desk.shown(to);
        assert_eq!(shown["state"], "failed", "{shown}");
        let id = shown["id"].as_str().unwrap().to_owned();
        (shown["reason"].as_str().unwrap().to_owned(), id)
    };
    let (reason, uni_id) = why("CERT@uni.example");
    let rest = "import a good one with `concert key import`, then `concert notice retry`";
    let day = "2024-12-31";
    assert_eq!(reason, format!("it must be encrypted, but the key of CERT@uni.example expired on {day}; {rest}"));
    let (reason, id) = why("abuse@telecom.example");
    assert_eq!(reason, format!("it must be encrypted, but there is no key of abuse@telecom.example; {rest}"));
    assert!(desk.notices().iter().all(|row| row["state"] == "failed") && desk.smtp.mails().is_empty());
    let health = desk.done(&["contact", "health", "--format", "csv"]);
    assert!(!health.contains("suspended"), "a missing key is no fault of the address: {health}");
    // The desk still reads what it could not send.
    let preview = desk.done(&["notice", "show", &id, "--format", "json"]);
    assert!(preview.contains("192.0.2.200") && preview.contains("not_composed"), "{preview}");

    let (telecom, key) = desk.person("abuse@telecom.example", CURVE, "never", &[]).unwrap();
    desk.done(&["key", "import", &key]);
    desk.done(&["notice", "retry", &id, &uni_id]);
    // The server does not take it at first; what it takes then is the very same.
    desk.smtp.at(Stage::Mail, Act::Answer("451 4.3.0 later".into()), 1);
    desk.once();
    let first = desk.done(&["notice", "show", &id, "--raw"]);
    // Even though the key is gone by now.
    fs::remove_dir_all(desk.site().join("keys")).unwrap();
    desk.run(&["notice", "send", &id]);
    let mails = desk.smtp.mails();
    assert_eq!((mails.len(), text(mails.last().unwrap())), (1, first));
    assert!(desk.open(&telecom, mails.last().unwrap()).contains("multipart/signed"));
    assert_eq!(why("CERT@uni.example").1, uni_id, "still without a good key");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_it_must_be_encrypted_the_next_contact_with_a_key_is_told_and_that_is_said() {
    let desk = Desk::new().await;
    desk.set("encrypt = \"if-key\"", "encrypt = \"required\"");
    let old = ["--faked-system-time", "20240101T000000!"];
    let Some((_, expired)) = desk.person("cert@uni.example", CURVE, "1y", &old) else { return };
    let (noc, good) = desk.person("noc1@uni.example", CURVE, "never", &[]).unwrap();
    fs::create_dir_all(desk.site().join("keys")).unwrap();
    fs::copy(&expired, desk.site().join("keys/uni")).unwrap();
    desk.done(&["key", "import", &good]);
    let parties = "party,prefixes,mail,purpose\nExample University,192.0.2.0/25,cert@uni.example,abuse\n\
        Example University,,law@uni.example,law\nExample University,,noc1@uni.example,technical\n";
    let parties = desk.write("parties.csv", parties.as_bytes());
    desk.done(&["contact", "import", "constituents", &parties]);
    let why = "it must be encrypted, but the key of cert@uni.example expired on 2024-12-31";
    let who = desk.rows(&["who", "192.0.2.1", "--explain"]);
    let cells: Vec<[&str; 2]> =
        who.iter().map(|row| ["contact", "reason"].map(|name| row[name].as_str().unwrap())).collect();
    let rule = "the most specific network that covers it";
    let next = "next in order, because none for abuse is left";
    assert_eq!(
        cells,
        [
            ["noc1@uni.example", &format!("{rule}; {next}")],
            ["law@uni.example", rule],
            ["cert@uni.example", &format!("passed over, {why}")],
        ]
    );
    desk.tell("192.0.2.1");
    let shown = desk.shown("noc1@uni.example");
    assert_eq!((&shown["state"], &shown["encrypted"]), (&"delivered".into(), &true.into()), "{shown}");
    assert_eq!(shown["passed_over"], format!("told to noc1@uni.example, {next}; {why}"));
    let mails = desk.smtp.mails();
    assert!(mails.len() == 1 && desk.open(&noc, &mails[0]).contains("multipart/signed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_kept_in_clear_does_not_go_out_once_it_must_be_encrypted() {
    let desk = Desk::new().await;
    desk.smtp.at(Stage::Mail, Act::Answer("451 4.3.0 later".into()), 1);
    desk.tell("192.0.2.1");
    let id = desk.shown("CERT@uni.example")["id"].as_str().unwrap().to_owned();
    assert_eq!(desk.shown("CERT@uni.example")["state"], "queued");
    desk.set("encrypt = \"if-key\"", "encrypt = \"required\"");
    desk.run(&["notice", "send", &id]);
    let shown = desk.shown("CERT@uni.example");
    let reason = shown["reason"].as_str().unwrap();
    assert!(shown["state"] == "failed" && reason.starts_with("it was composed unencrypted before"), "{shown}");
    let Some((uni, key)) = desk.person("cert@uni.example", CURVE, "never", &[]) else { return };
    desk.done(&["key", "import", &key]);
    desk.done(&["notice", "retry", &id, "--to", "CERT@uni.example"]);
    desk.once();
    let mails = desk.smtp.mails();
    assert_eq!(mails.len(), 1);
    assert!(desk.open(&uni, &mails[0]).contains("multipart/signed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_are_no_good_are_refused_with_the_reason() {
    let desk = Desk::new().await;
    let old = ["--faked-system-time", "20240101T000000!"];
    let Some((_, expired)) = desk.person("cert@uni.example", CURVE, "1y", &old) else { return };
    let (noc, good) = desk.person("noc1@uni.example", CURVE, "never", &[]).unwrap();
    let (_, sign_only) = desk.person("sign@uni.example", ("ed25519", ""), "never", &[]).unwrap();
    let secret = desk.write("secret", &noc.must(&["--armor", "--export-secret-keys"]));
    let large = desk.write("large", &vec![b'x'; (1 << 20) + 1]);
    let (code, out, err) = desk.run(&["key", "import", &expired, &good, &sign_only, &secret, &large, "/nowhere"]);
    assert_eq!((code, out.lines().count()), (2, 1), "the good one is taken: {out}{err}");
    for (file, why) in [
        (&expired, "the key of cert@uni.example expired on 2024-12-31"),
        (&sign_only, "the key of sign@uni.example cannot be encrypted to: it has no subkey for encryption"),
        (&secret, "it is a secret key, which nobody but its owner may have; ask for the public one"),
        (&large, "it is larger than a key may be, 1048576 bytes"),
        (&"/nowhere".to_owned(), "No such file or directory (os error 2)"),
    ] {
        assert!(err.contains(&format!("{file}: not imported: {why}")), "{why}: {err}");
    }
    let fingerprint = desk.rows(&["key", "list", "--format", "ndjson"])[0]["fingerprint"].as_str().unwrap().to_owned();
    let kept = desk.site().join(format!("keys/{fingerprint}.asc"));
    assert!(fs::read_to_string(&kept).unwrap().contains("BEGIN PGP PUBLIC KEY BLOCK"));

    // A revoked key says which file to remove; a copy from before does not bring it back.
    let revocation = noc.home().join(format!("openpgp-revocs.d/{fingerprint}.rev"));
    let text = fs::read_to_string(&revocation).unwrap().replace(":-----BEGIN", "-----BEGIN");
    noc.must(&["--import", &desk.write("revocation", text.as_bytes())]);
    let revoked = desk.write("revoked", &noc.must(&["--armor", "--export"]));
    let (code, _, err) = desk.run(&["key", "import", &revoked]);
    assert!(code == 1 && err.contains("the key of noc1@uni.example is revoked; remove "), "{err}");
    fs::copy(&revoked, &kept).unwrap();
    let (code, _, err) = desk.run(&["key", "import", &good]);
    assert!(code == 1 && err.contains("is revoked, and this is a copy from before"), "{err}");
    assert_eq!(desk.rows(&["key", "list", "--format", "ndjson"])[0]["state"], "revoked");
    fs::write(desk.site().join("keys/note.txt"), "not a key").unwrap();
    let (code, found, _) = desk.run(&["contact", "check", "--format", "csv"]);
    assert!(code == 1 && found.contains("key,,keys/note.txt: it is no OpenPGP public key"), "{found}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_test_address_is_encrypted_to_only_with_a_key_of_its_own() {
    let desk = Desk::new().await;
    desk.set("[deliver]", "[deliver]\noverride_recipient = \"test@cert.example\"");
    let Some((_, uni)) = desk.person("cert@uni.example", CURVE, "never", &[]) else { return };
    desk.done(&["key", "import", &uni]);
    desk.tell("192.0.2.1");
    let mail = desk.smtp.mails().pop().unwrap();
    assert_eq!(mail.to, ["test@cert.example"]);
    assert!(!text(&mail).contains("multipart/encrypted"));
    let (tester, key) = desk.person("test@cert.example", CURVE, "never", &[]).unwrap();
    desk.done(&["key", "import", &key]);
    desk.tell("192.0.2.2");
    let mail = desk.smtp.mails().pop().unwrap();
    assert!(desk.open(&tester, &mail).contains("multipart/signed"));
}

/// `concert run`, which ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_comes_while_the_program_runs_is_taken_up() {
    let desk = Desk::new().await;
    let Some((uni, key)) = desk.person("cert@uni.example", CURVE, "never", &[]) else { return };
    let _running = Running(desk.command(&["run", "--quiet"]).stderr(Stdio::null()).spawn().unwrap());
    desk.happens("192.0.2.1");
    until(|| desk.smtp.mails().len() == 1, "the first is sent");
    assert!(!text(&desk.smtp.mails()[0]).contains("multipart/encrypted"));
    desk.done(&["key", "import", &key]);
    // Looked at every five seconds, and each notice until then goes as before.
    let mut next = 2;
    until(
        || {
            let mails = desk.smtp.mails();
            desk.happens(&format!("192.0.2.{next}"));
            next += 1;
            until(|| desk.smtp.mails().len() > mails.len(), "the next is sent");
            text(desk.smtp.mails().last().unwrap()).contains("multipart/encrypted")
        },
        "the key is taken up",
    );
    assert!(desk.open(&uni, desk.smtp.mails().last().unwrap()).contains("multipart/signed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blind_copy_without_a_key_is_told_by_check_where_others_have_one() {
    let desk = Desk::new().await;
    let Some((_, uni)) = desk.person("cert@uni.example", CURVE, "never", &[]) else { return };
    desk.set("via = \"mail\"", "via = \"mail\"\nbcc = [\"boss@cert.example\"]");
    let told = || desk.done(&["check", "--format", "ndjson"]);
    let want = "there is no key of boss@cert.example: because of this blind copy its mails go out in clear";
    // Where nobody has a key all is in clear anyway.
    assert!(!told().contains(want));
    desk.done(&["key", "import", &uni]);
    assert!(told().contains(want) && told().contains("notice told"), "{}", told());
    desk.set("encrypt = \"if-key\"", "encrypt = \"never\"");
    assert!(!told().contains(want));
    desk.set("encrypt = \"never\"", "encrypt = \"if-key\"");
    let (_, boss) = desk.person("boss@cert.example", CURVE, "never", &[]).unwrap();
    desk.done(&["key", "import", &boss]);
    assert!(!told().contains(want));
}
