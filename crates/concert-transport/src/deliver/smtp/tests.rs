//! Mail to a small server on loopback that behaves, refuses, stalls and cuts.

use std::io::{Cursor, Read};
use std::path::Path;

use concert_testkit::listen::loopback;
use concert_testkit::smtp::{Act, Encrypt, SmtpServer, Stage};
use concert_testkit::tls::{Identity, write_authority};
use mail_parser::{MessageParser, MimeHeaders};

use super::super::tests::{message, no_keys, read as read_settings};
use crate::Deliverer;
use concert_model::Message;
use concert_model::message::{Outcome, Partly};

fn way_out(server: &SmtpServer, more: &str) -> Box<dyn Deliverer> {
    let port = server.address().port();
    let settings = format!("host = \"localhost\"\nport = {port}\n{more}");
    read_settings("smtp", &settings, Path::new("/nowhere")).map_err(|problems| problems.join("\n")).unwrap()
}

async fn plain() -> (SmtpServer, Box<dyn Deliverer>) {
    let server = SmtpServer::start().await.unwrap();
    let way_out = way_out(&server, "tls = \"off\"\ntimeout = \"500ms\"\n");
    (server, way_out)
}

fn compose(more: &str, message: &Message) -> Result<Vec<u8>, String> {
    let settings = format!("host = \"localhost\"\n{more}");
    let way_out = read_settings("smtp", &settings, Path::new("/nowhere")).map_err(|problems| problems.join("\n"))?;
    let bytes = way_out.compose(message, &no_keys())?;
    assert_eq!(bytes, way_out.compose(message, &no_keys()).unwrap(), "composing twice gives the same bytes");
    Ok(bytes)
}

async fn send(way_out: &dyn Deliverer, message: &Message) -> Outcome {
    way_out.deliver(message, &way_out.compose(message, &no_keys()).unwrap()).await
}

fn header<'a>(mail: &'a str, name: &str) -> Vec<&'a str> {
    let head = mail.split_once("\r\n\r\n").unwrap().0;
    head.split("\r\n").filter(|line| line.to_ascii_lowercase().starts_with(&format!("{name}:"))).collect()
}

#[test]
fn a_mail_says_who_what_and_that_no_person_wrote_it() {
    let mut given = message("N7");
    given.bcc = vec!["hidden@cert.example".into()];
    given.text = "Grüße,\n.\nFrom here\n".into();
    let bytes = compose("", &given).unwrap();
    let text = String::from_utf8(bytes.clone()).unwrap();
    assert!(text.is_ascii() && !text.contains("hidden"));
    assert!(!text.replace("\r\n", "").contains(['\r', '\n']));
    assert!(text.lines().all(|line| line.len() <= 200));
    for line in [
        "From: \"CERT Example\" <cert@cert.example>",
        "To: abuse@net.example",
        "Subject: [N7] 1 problem in your network",
        "Date: Sun, 22 Nov 2026 04:50:30 +0000",
        "Message-ID: <N7@cert.example>",
        "Auto-Submitted: auto-generated",
        "X-Auto-Response-Suppress: All",
        "Precedence: bulk",
        "Content-Language: en",
        "MIME-Version: 1.0",
    ] {
        let name = line.split(':').next().unwrap().to_ascii_lowercase();
        assert_eq!(header(&text, &name), [line], "{text}");
    }
    let parsed = MessageParser::default().parse(&bytes).unwrap();
    assert_eq!(parsed.body_text(0).unwrap().replace("\r\n", "\n"), given.text);
    let attached = parsed.attachment(0).unwrap();
    assert_eq!(attached.attachment_name(), Some("events.csv"));
    assert_eq!(attached.contents(), given.payload.bytes);
}

#[test]
fn html_stands_beside_the_text_and_text_from_outside_cannot_break_out() {
    let mut given = message("N7");
    given.html = Some("<p>Hello =_</p>".into());
    given.subject = "Grüße\r\nBcc: victim@net.example\r\n\r\n<script>".into();
    given.payload.name = "../../a\"b\r\nX: y.csv".into();
    given.payload.media_type = "text/csv\r\nX-Evil: 1".into();
    given.language = "en\r\nX-Evil: 1".into();
    let bytes = compose("", &given).unwrap();
    let text = String::from_utf8(bytes.clone()).unwrap();
    assert!(header(&text, "bcc").is_empty() && header(&text, "x-evil").is_empty(), "{text}");
    assert!(!text.contains("\r\nX-Evil") && !text.contains("\r\nX: y"));
    let parsed = MessageParser::default().parse(&bytes).unwrap();
    assert_eq!(parsed.subject(), Some("Grüße Bcc: victim@net.example <script>"));
    assert_eq!(parsed.body_html(0).unwrap(), "<p>Hello =_</p>");
    assert_eq!(parsed.attachment(0).unwrap().attachment_name(), Some("_.._a_b X_ y.csv"));
}

#[test]
fn a_large_attachment_is_zipped_the_same_way_each_time() {
    let mut given = message("N7");
    given.payload.bytes = b"1,192.0.2.1\r\n".repeat(1000);
    let bytes = compose("zip_over = \"1KiB\"\n", &given).unwrap();
    assert!(bytes.len() < 4000, "{}", bytes.len());
    let parsed = MessageParser::default().parse(&bytes).unwrap();
    let attached = parsed.attachment(0).unwrap();
    assert_eq!(attached.attachment_name(), Some("events.csv.zip"));
    let mut archive = zip::ZipArchive::new(Cursor::new(attached.contents())).unwrap();
    let mut member = archive.by_name("events.csv").unwrap();
    assert_eq!(member.last_modified().map(|time| time.to_string()), Some("2026-11-22 04:50:30".into()));
    let mut inside = Vec::new();
    member.read_to_end(&mut inside).unwrap();
    assert_eq!(inside, given.payload.bytes);
    let whole = compose("zip_over = \"1MiB\"\n", &given).unwrap();
    assert!(whole.len() > 13_000);
}

#[test]
fn a_mail_that_cannot_be_made_says_why() {
    let check = |change: fn(&mut Message), want: &str| {
        let mut given = message("N7");
        change(&mut given);
        let why = compose("", &given).unwrap_err();
        assert!(why.contains(want), "{why}");
    };
    check(|m| m.to = vec!["abuse@net.example\r\nBcc: a@b.example".into()], "is not a mail address");
    check(|m| m.bcc = vec!["nobody".into()], "is not a mail address");
    check(|m| m.to.clear(), "nobody to send it to");
    check(|m| m.message_id = "a b@cert.example".into(), "is not a Message-ID");
    check(|m| m.message_id = "a@b>\r\nX: <".into(), "is not a Message-ID");
    check(|m| m.to = vec!["a@net.example".into(); 101], "at most 100 addresses");
}

#[test]
fn a_mail_to_blind_copies_alone_names_nobody() {
    let mut given = message("N7");
    given.bcc = std::mem::take(&mut given.to);
    let text = String::from_utf8(compose("", &given).unwrap()).unwrap();
    assert_eq!(header(&text, "to"), ["To: undisclosed-recipients:;"]);
}

#[test]
fn a_signature_covers_the_mail_and_is_the_same_each_time() {
    let key = "dkim = { domain = \"cert.example\", selector = \"s1\", key = { env = \"nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=\" } }\n";
    let signed = String::from_utf8(compose(key, &message("N7")).unwrap()).unwrap();
    let mail = String::from_utf8(compose("", &message("N7")).unwrap()).unwrap();
    assert!(signed.starts_with("DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed; d=cert.example;\r\n"));
    assert!(signed.ends_with(&mail), "signing changes nothing of the mail");
    assert!(signed.contains(" t=1795323030;"), "{signed}");
    let mut other = message("N7");
    other.text.push('!');
    assert_ne!(compose(key, &other).unwrap().get(..400), signed.as_bytes().get(..400));
}

#[tokio::test]
async fn mails_go_over_one_connection_and_blind_copies_in_the_envelope() {
    let (server, way_out) = plain().await;
    let mut first = message("N1");
    first.bcc = vec!["copy@cert.example".into(), "abuse@net.example".into()];
    first.text = ".\r\n..\r\n".into();
    assert_eq!(send(&*way_out, &first).await, Outcome::Done("250 2.0.0 taken".into()));
    assert!(matches!(send(&*way_out, &message("N2")).await, Outcome::Done(_)));
    let mails = server.mails();
    assert_eq!(mails[0].to, ["abuse@net.example", "copy@cert.example"]);
    assert_eq!(mails[0].from, "cert@cert.example");
    assert_eq!(mails[0].bytes, way_out.compose(&first, &no_keys()).unwrap());
    assert_eq!((mails[0].connection, mails[1].connection), (1, 1));
    // The server hangs up on the waiting connection; the next mail takes a new one.
    server.cut();
    assert!(matches!(send(&*way_out, &message("N3")).await, Outcome::Done(_)));
    assert_eq!(server.mails()[2].connection, 2);
    assert!(way_out.check().await.unwrap().contains("takes our mail, not encrypted"));
}

#[derive(Debug, PartialEq)]
enum Want {
    Later,
    Never,
    Unsure,
}

async fn check(stage: Stage, act: Act, want: Want) {
    let (server, way_out) = plain().await;
    server.at(stage, act.clone(), 1);
    let outcome = send(&*way_out, &message("N1")).await;
    let got = match &outcome {
        Outcome::Later(_, None) => Want::Later,
        Outcome::Never(_) => Want::Never,
        Outcome::Unsure(_) => Want::Unsure,
        other => panic!("{stage:?} {act:?}: {other:?}"),
    };
    assert_eq!(got, want, "{stage:?} {act:?}: {outcome:?}");
    // Whatever happened, the next mail goes through.
    let again = send(&*way_out, &message("N1")).await;
    assert!(matches!(again, Outcome::Done(_)), "{stage:?} {act:?}: {again:?}");
    let mails = server.mails();
    assert_eq!(mails.len(), if want == Want::Unsure { 2 } else { 1 }, "{stage:?} {act:?}");
    assert!(mails.iter().all(|mail| mail.bytes == mails[0].bytes));
}

#[tokio::test]
async fn each_stage_that_goes_wrong_ends_as_it_should() {
    let says = |text: &str| Act::Answer(text.to_owned());
    for stage in [Stage::Greeting, Stage::Hello] {
        check(stage, says("421 4.3.2 busy"), Want::Later).await;
        check(stage, says("554 5.7.1 go away"), Want::Later).await;
    }
    for stage in [Stage::From, Stage::To, Stage::Data, Stage::Mail] {
        check(stage, says("451 4.3.0 not now"), Want::Later).await;
        check(stage, says("421 4.3.2 closing"), Want::Later).await;
        check(stage, says("554 5.7.1 never"), Want::Never).await;
    }
    for stage in [Stage::Greeting, Stage::Hello, Stage::From, Stage::To, Stage::Data] {
        check(stage, Act::Cut, Want::Later).await;
        check(stage, Act::Flood, Want::Later).await;
        check(stage, says("hello?"), Want::Later).await;
    }
    check(Stage::From, Act::Stall, Want::Later).await;
    for act in [Act::Cut, Act::Stall, Act::Flood] {
        check(Stage::Mail, act, Want::Unsure).await;
    }
    check(Stage::Data, says("250 what?"), Want::Later).await;
}

/// Taken for these, and refused for one for good.
fn but(taken: &[&str], refused: &str, why: &str) -> Outcome {
    Outcome::Partly(Partly {
        said: "250 2.0.0 taken".into(),
        taken: taken.iter().map(|one| (*one).to_owned()).collect(),
        refused: vec![(refused.to_owned(), why.to_owned())],
        later: Vec::new(),
    })
}

#[tokio::test]
async fn a_mail_that_reaches_only_a_blind_copy_reached_nobody() {
    let (server, way_out) = plain().await;
    let mut given = message("N1");
    given.to = vec!["gone@net.example".into()];
    given.bcc = vec!["copy@cert.example".into()];
    server.at_line(Stage::To, "gone@", Act::Answer("550 5.1.1 no such user".into()), 1);
    let outcome = send(&*way_out, &given).await;
    assert_eq!(outcome, Outcome::Never("gone@net.example: 550 5.1.1 no such user".into()));
    assert!(server.mails().is_empty());
    // The connection is good for the next one; and a copy that is refused keeps the mail from nobody.
    server.at_line(Stage::To, "copy@", Act::Answer("550 5.1.1 no such user".into()), 1);
    let outcome = send(&*way_out, &given).await;
    assert_eq!(outcome, but(&["gone@net.example"], "copy@cert.example", "550 5.1.1 no such user"));
    assert_eq!(server.mails()[0].to, ["gone@net.example"]);
    given.bcc = std::mem::take(&mut given.to);
    assert!(matches!(send(&*way_out, &given).await, Outcome::Done(_)));
}

#[tokio::test]
async fn one_refused_address_does_not_keep_the_mail_from_the_others() {
    let (server, way_out) = plain().await;
    let mut given = message("N1");
    given.to = vec!["gone@net.example".into(), "abuse@net.example".into()];
    server.at_line(Stage::To, "gone@", Act::Answer("550 5.1.1 no such user".into()), 1);
    let outcome = send(&*way_out, &given).await;
    assert_eq!(outcome, but(&["abuse@net.example"], "gone@net.example", "550 5.1.1 no such user"));
    assert_eq!(server.mails()[0].to, ["abuse@net.example"]);
}

#[tokio::test]
async fn an_address_that_is_refused_for_now_keeps_the_mail_from_nobody_else() {
    let check = async |answer: &str, whom: &str, want: Outcome, got: &[&str]| {
        let (server, way_out) = plain().await;
        let mut given = message("N1");
        given.to = vec!["a@a.example".into(), "b@b\u{fc}.example".into(), "B@xn--b-eha.example".into()];
        given.bcc = vec!["copy@cert.example".into()];
        server.at_line(Stage::To, whom, Act::Answer(answer.into()), 3);
        assert_eq!(send(&*way_out, &given).await, want, "{whom} {answer}");
        let mails = server.mails();
        let to: Vec<&str> = mails.iter().flat_map(|mail| mail.to.iter().map(String::as_str)).collect();
        assert_eq!(to, got, "{whom} {answer}");
        // The connection is good for the next mail.
        server.behave();
        given.to.truncate(1);
        assert!(matches!(send(&*way_out, &given).await, Outcome::Done(_)));
    };
    let partly = |taken: &[&str], later: &[&str], said: &str| {
        Outcome::Partly(Partly {
            said: "250 2.0.0 taken".into(),
            taken: taken.iter().map(|one| (*one).to_owned()).collect(),
            later: later.iter().map(|one| ((*one).to_owned(), said.to_owned())).collect(),
            refused: Vec::new(),
        })
    };
    let both = ["b@b\u{fc}.example", "B@xn--b-eha.example"];
    let others = ["a@a.example", "copy@cert.example"];
    for answer in ["450 4.2.0 greylisted", "452 4.2.2 mailbox full", "552 5.2.2 mailbox full", "451 what?"] {
        check(answer, "b@", partly(&others, &both, answer), &others).await;
    }
    let named = ["a@a.example", both[0], both[1]];
    check(
        "450 full",
        "copy@",
        partly(&named, &["copy@cert.example"], "450 full"),
        &["a@a.example", "b@xn--b-eha.example"],
    )
    .await;
    // Where nobody of those whom it is for has it, those who would have a copy wait with them.
    let all = "a@a.example: 450 later; b@xn--b-eha.example: 450 later";
    check("450 later", "example", Outcome::Later(all.into(), None), &[]).await;
    // Of more than the server takes in one mail the rest comes with the next, unless there is nobody yet.
    for answer in ["452 4.5.3 Too many recipients", "552 Too many recipients"] {
        let some = ["a@a.example", "b@xn--b-eha.example"];
        check(answer, "copy@", partly(&named, &["copy@cert.example"], answer), &some).await;
        let left = [both[0], both[1], "copy@cert.example"];
        check(answer, "b@", partly(&["a@a.example"], &left, answer), &["a@a.example"]).await;
        check(answer, "a@", Outcome::Later(format!("a@a.example: {answer}"), None), &[]).await;
    }
    // What is not about the address holds for all.
    let closing = "421 4.3.2 closing";
    check(closing, "copy@", Outcome::Later(format!("copy@cert.example: {closing}"), None), &[]).await;
}

#[tokio::test]
async fn whoever_is_refused_for_good_and_for_now_is_told_apart() {
    let (server, way_out) = plain().await;
    let mut given = message("N1");
    given.to = vec!["gone@net.example".into(), "full@net.example".into(), "abuse@net.example".into()];
    server.at_line(Stage::To, "gone@", Act::Answer("550 5.1.1 no such user".into()), 2);
    server.at_line(Stage::To, "full@", Act::Answer("452 4.2.2 full".into()), 2);
    let of = |address: &str, said: &str| vec![(address.to_owned(), said.to_owned())];
    let want = Partly {
        said: "250 2.0.0 taken".into(),
        taken: vec!["abuse@net.example".into()],
        refused: of("gone@net.example", "550 5.1.1 no such user"),
        later: of("full@net.example", "452 4.2.2 full"),
    };
    assert_eq!(send(&*way_out, &given).await, Outcome::Partly(want));
    given.to.truncate(2);
    let why = "gone@net.example: 550 5.1.1 no such user; full@net.example: 452 4.2.2 full";
    assert_eq!(send(&*way_out, &given).await, Outcome::Later(why.into(), None));
}

#[tokio::test]
async fn a_server_that_is_not_there_means_later() {
    let (server, way_out) = plain().await;
    drop(server);
    assert!(matches!(send(&*way_out, &message("N1")).await, Outcome::Later(_, None)));
    assert!(way_out.check().await.unwrap_err().what.contains("cannot connect"));
}

#[tokio::test]
async fn encryption_is_required_unless_said_otherwise_and_certificates_are_checked() {
    let dir = tempfile::tempdir().unwrap();
    let authority = format!("ca_file = \"{}\"\n", write_authority(dir.path()).unwrap().display());
    let check = async |encrypt: Encrypt, settings: &str, want: Result<bool, &str>| {
        let server = SmtpServer::start_with(loopback(), encrypt, None).await.unwrap();
        let way_out = way_out(&server, settings);
        match (send(&*way_out, &message("N1")).await, want) {
            (Outcome::Done(_), Ok(encrypted)) => assert_eq!(server.mails()[0].encrypted, encrypted),
            (Outcome::Later(why, None), Err(part)) => assert!(why.contains(part), "{settings}: {why}"),
            (outcome, want) => panic!("{encrypt:?} {settings}: {outcome:?}, not {want:?}"),
        }
        assert_eq!(server.count(), usize::from(want.is_ok()));
    };
    let (good, bad) = (Identity::Localhost, Identity::Elsewhere);
    check(Encrypt::Offered(good), &authority, Ok(true)).await;
    check(Encrypt::Offered(good), &format!("{authority}tls = \"if-offered\"\n"), Ok(true)).await;
    check(Encrypt::First(good), &format!("{authority}implicit_tls = true\n"), Ok(true)).await;
    check(Encrypt::Never, "tls = \"if-offered\"\n", Ok(false)).await;
    check(Encrypt::Offered(good), "tls = \"off\"\n", Ok(false)).await;
    check(Encrypt::Never, &authority, Err("offers no TLS")).await;
    check(Encrypt::Offered(good), "", Err("TLS with localhost failed")).await;
    check(Encrypt::Offered(bad), &authority, Err("TLS with localhost failed")).await;
    check(Encrypt::Offered(bad), &format!("{authority}tls = \"if-offered\"\n"), Err("TLS with localhost failed")).await;
}

#[tokio::test]
async fn answers_sent_before_tls_are_not_taken_for_encrypted_ones() {
    let dir = tempfile::tempdir().unwrap();
    let authority = format!("ca_file = \"{}\"\n", write_authority(dir.path()).unwrap().display());
    let server = SmtpServer::start_with(loopback(), Encrypt::Offered(Identity::Localhost), None).await.unwrap();
    server.at(Stage::StartTls, Act::Answer("220 ready\r\n250 localhost\r\n250 ok".into()), 1);
    let outcome = send(&*way_out(&server, &authority), &message("N1")).await;
    assert_eq!(outcome, Outcome::Later("localhost: the server spoke between STARTTLS and TLS".into(), None));
}

#[tokio::test]
async fn an_account_signs_in_and_a_wrong_password_means_later() {
    let dir = tempfile::tempdir().unwrap();
    let authority = format!("ca_file = \"{}\"\n", write_authority(dir.path()).unwrap().display());
    let account = Some(("concert".to_owned(), "pa ss".to_owned()));
    let encrypt = Encrypt::Offered(Identity::Localhost);
    let server = SmtpServer::start_with(loopback(), encrypt, account.clone()).await.unwrap();
    let right = format!("{authority}user = \"concert\"\npassword = {{ env = \"pa ss\" }}\n");
    let way = way_out(&server, &right);
    assert!(matches!(send(&*way, &message("N1")).await, Outcome::Done(_)));
    assert_eq!(server.mails()[0].user.as_deref(), Some("concert"));
    assert!(way.check().await.unwrap().contains("encrypted, signed in"));
    server.at(Stage::Hello, Act::Answer("250-localhost\r\n250-STARTTLS\r\n250 AUTH LOGIN".into()), 2);
    assert!(matches!(send(&*way_out(&server, &right), &message("N2")).await, Outcome::Done(_)));
    let wrong = format!("{authority}user = \"concert\"\npassword = {{ env = \"guess\" }}\n");
    let Outcome::Later(why, None) = send(&*way_out(&server, &wrong), &message("N3")).await else { panic!() };
    assert!(why.contains("signing in failed: 535") && !why.contains("guess"), "{why}");
    let Outcome::Later(why, None) = send(&*way_out(&server, &authority), &message("N4")).await else { panic!() };
    assert!(why.contains("530"), "{why}");
    let bare = SmtpServer::start_with(loopback(), Encrypt::Never, account).await.unwrap();
    let careless = "tls = \"if-offered\"\nuser = \"concert\"\npassword = { env = \"pa ss\" }\n";
    let Outcome::Later(why, None) = send(&*way_out(&bare, careless), &message("N5")).await else { panic!() };
    assert!(why.contains("the password is not sent"), "{why}");
}

#[tokio::test]
async fn a_mail_larger_than_the_server_takes_is_told_as_such() {
    let (server, way_out) = plain().await;
    server.at(Stage::Hello, Act::Answer("250-localhost\r\n250 SIZE 100".into()), 1);
    let outcome = send(&*way_out, &message("N1")).await;
    let Outcome::TooLarge(why, Some(100)) = outcome else { panic!("{outcome:?}") };
    // How large it is says whoever finds that it cannot be split.
    assert_eq!(why, "larger than the 100 bytes that the server takes");
    for (stage, answer, want) in [
        (Stage::From, "552 5.3.4 message size exceeds fixed limit", "TooLarge"),
        (Stage::Data, "552 too much", "TooLarge"),
        (Stage::Mail, "554 5.3.4 message too big", "TooLarge"),
        (Stage::Mail, "552 5.2.2 mailbox full", "Never"),
        (Stage::Mail, "552 message size exceeds maximum", "TooLarge"),
    ] {
        let (server, way_out) = plain().await;
        server.at(stage, Act::Answer(answer.into()), 1);
        let outcome = format!("{:?}", send(&*way_out, &message("N1")).await);
        assert!(outcome.starts_with(want), "{answer}: {outcome}");
        assert_eq!(server.count(), 0);
    }
}

#[tokio::test]
async fn many_at_once_share_few_connections() {
    let (server, way_out) = plain().await;
    let way_out = std::sync::Arc::new(way_out);
    for _ in 0..5 {
        let mut tasks = tokio::task::JoinSet::new();
        for number in 0..20 {
            let way_out = std::sync::Arc::clone(&way_out);
            tasks.spawn(async move { send(&**way_out, &message(&format!("N{number}"))).await });
        }
        while let Some(outcome) = tasks.join_next().await {
            assert!(matches!(outcome.unwrap(), Outcome::Done(_)));
        }
    }
    assert_eq!(server.count(), 100);
}

#[test]
fn settings_say_what_is_wrong() {
    let check = |settings: &str, want: &str| {
        let problems = read_settings("smtp", settings, Path::new("/")).err().unwrap_or_default().join("\n");
        assert!(problems.contains(want), "{settings}: {problems}");
    };
    check("", "`host` is missing");
    check("host = \"h\"\nfrom = \"nobody\"\n", "`from`: `nobody` is not a mail address");
    check("host = \"h\"\nuser = \"u\"\n", "`user` needs `password`");
    check("host = \"h\"\nhello = \"a b\"\n", "`hello` is not a host name");
    check("host = \"h\"\ntls = \"off\"\nimplicit_tls = true\n", "`implicit_tls` goes with");
    check("host = \"h\"\ntls = \"off\"\nuser = \"u\"\npassword = { env = \"p\" }\n", "cross the network unencrypted");
    check("host = \"h\"\ndkim = { domain = \"d\" }\n", "`selector` is missing");
    check(
        "host = \"h\"\ndkim = { domain = \"d\", selector = \"s\", key = { env = \"x\" } }\n",
        "neither PEM nor base64",
    );
    check("host = \"h\"\npassword = \"inline\"\n", "is a secret");
    check("host = \"h\"\nenvelope_from = \"x\"\n", "`envelope_from`");
    assert!(read_settings("smtp", "host = \"h\"\nenvelope_from = \"\"\n", Path::new("/")).is_ok());
    let not_fetched = "host = \"h\"\ndkim = { domain = \"d\", selector = \"s\", key = { env = \"\" } }\n";
    assert!(read_settings("smtp", not_fetched, Path::new("/")).is_ok(), "commands that only look go without secrets");
}
