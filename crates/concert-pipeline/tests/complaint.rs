//! The complaint parser against real mails, where `CONCERT_SAMPLES` says where they are.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "all of this is a test, also what stands outside its functions"
)]

#[path = "../src/parse/check.rs"]
#[expect(dead_code, reason = "each test uses a part of it")]
mod check;

use std::collections::BTreeSet;
use std::io::Cursor;
use std::path::PathBuf;

use concert_pipeline::parse::unpack::{self, Limits};
use serde_json::Value;

fn mails() -> Option<PathBuf> {
    let found = std::env::var_os("CONCERT_SAMPLES").map(|samples| PathBuf::from(samples).join("mail"));
    if found.is_none() {
        println!("skipped: CONCERT_SAMPLES is not set");
    }
    found
}

/// Events and rejects of a mail, opened as a feed of complaints opens it.
fn read(bytes: &[u8], name: &str) -> (Vec<Value>, Vec<String>) {
    let feed = check::feed("complaint", "", &|_| Err("no files here".to_owned()));
    let (events, rejects) = check::through(&feed, name, |receipt, sink| {
        unpack::read(Cursor::new(bytes), receipt, &Limits::default(), feed.parser.as_ref(), sink);
    });
    (events.iter().map(|event| serde_json::from_str(event).unwrap()).collect(), rejects)
}

/// Events of a sample mail; `None` where there are no samples.
fn events(name: &str) -> Option<Vec<Value>> {
    let path = mails()?.join(name);
    let bytes = std::fs::read(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
    let (events, rejects) = read(&bytes, name);
    assert_eq!(rejects, Vec::<String>::new());
    Some(events)
}

fn values<'e>(events: &'e [serde_json::Value], field: &str) -> BTreeSet<&'e str> {
    events.iter().filter_map(|event| event.get(field)?.as_str()).collect()
}

fn check_fields(name: &str, event: &Value, want: &Value) {
    for (field, value) in want.as_object().into_iter().flatten() {
        let value = value.as_str().unwrap().replace("+00:00", "Z");
        assert_eq!(event[field], value, "{name} {field}: {event:#}");
    }
}

#[test]
fn real_complaints_give_what_is_expected_of_them() {
    let Some(folder) = mails() else { return };
    let mut count = 0;
    for line in std::fs::read_to_string(folder.join("expected.jsonl")).unwrap().lines() {
        let want: Value = serde_json::from_str(line).unwrap();
        if want["kind"] != "plain-text" {
            continue;
        }
        count += 1;
        let name = want["file"].as_str().unwrap();
        let events = events(name).unwrap();
        let texts = |list: &Value| -> Option<BTreeSet<String>> {
            Some(list.as_array()?.iter().map(|text| text.as_str().unwrap().to_owned()).collect())
        };
        let found =
            |field: &str| -> BTreeSet<String> { values(&events, field).into_iter().map(str::to_owned).collect() };
        let one = want["fields"]["source.ip"].as_str().map(|address| BTreeSet::from([address.to_owned()]));
        assert_eq!(Some(found("source.ip")), texts(&want["ips"]).or(one), "{name}: {events:#?}");
        assert_eq!(found("source.url"), texts(&want["urls"]).unwrap_or_default(), "{name}: {events:#?}");
        if let Some(number) = want["events"].as_u64() {
            assert_eq!(events.len() as u64, number, "{name}: {events:#?}");
        }
        for which in ["first", "fields"] {
            check_fields(name, &events[0], &want[which]);
        }
    }
    assert!(count >= 5, "{count}");
}

/// Each text, what it gives as `source > destination` (`-` without one), and the addresses it says are no events.
#[test]
fn what_was_attacked_is_no_attacker() {
    let check = |text: &str, want: &[&str], left_out: &[&str]| {
        let mail = format!("From: anna@bank.example\r\nTo: abuse@isp.example\r\nSubject: x\r\n\r\n{text}\r\n");
        let (events, rejects) = read(mail.as_bytes(), "");
        let word = |event: &Value, field: &str| event[field].as_str().unwrap_or("-").to_owned();
        let found: Vec<String> = events
            .iter()
            .map(|event| format!("{} > {}", word(event, "source.ip"), word(event, "destination.ip")))
            .collect();
        assert_eq!(found, want, "{text}: {events:#?}");
        let told: Vec<&str> = rejects
            .iter()
            .filter_map(|reject| reject.split(": ").nth(1)?.split_once(" was attacked, as the text says"))
            .map(|(address, _)| address)
            .collect();
        assert_eq!(told, left_out, "{text}: {rejects:?}");
    };
    check("We see attacks against our server 198.51.100.1 from 192.0.2.7.", &["192.0.2.7 > 198.51.100.1"], &[]);
    check("Attacks against our server 198.51.100.1.\r\nThe host is 192.0.2.7.", &["192.0.2.7 > 198.51.100.1"], &[]);
    check(
        "Our mail server mx.bank.example [198.51.100.1] was attacked by 192.0.2.7",
        &["192.0.2.7 > 198.51.100.1"],
        &[],
    );
    check("198.51.100[.]1 (our honeypot) was scanned by 192.0.2[.]7", &["192.0.2.7 > 198.51.100.1"], &[]);
    check("Target: 198.51.100.1\r\nSource: 192.0.2.7", &["192.0.2.7 > 198.51.100.1"], &[]);
    check("Target: 198.51.100.1", &[], &["198.51.100.1"]);
    check(
        "Jun 17 03:04:05 fw action=drop dst=198.51.100.1 dport=22\r\nPlease stop 192.0.2.7",
        &["192.0.2.7 > 198.51.100.1"],
        &[],
    );
    check(
        "Jun 17 03:04:05 fw src=192.0.2.7 dst=198.51.100.1\r\nJun 17 03:04:06 fw src=192.0.2.7 dst=198.51.100.2\r\n\
         198.51.100.2 runs mail.",
        &["192.0.2.7 > 198.51.100.1", "192.0.2.7 > 198.51.100.2"],
        &[],
    );
    check("Unser Mailserver 198.51.100.1 wurde von 192.0.2.7 angegriffen.", &["192.0.2.7 > 198.51.100.1"], &[]);
    check(
        "Angriffe gegen unsere Server 198.51.100.1, 198.51.100.2 und 198.51.100.3.\r\nAngreifer: 192.0.2.7",
        &["192.0.2.7 > -"],
        &["198.51.100.1", "198.51.100.2", "198.51.100.3"],
    );
    check("Angriff auf 198.51.100.1, Quelle 192.0.2.7", &["192.0.2.7 > 198.51.100.1"], &[]);
    check(
        "Attacked hosts:\r\n198.51.100.1\r\n198.51.100.2\r\nSources:\r\n192.0.2.7\r\n192.0.2.8",
        &["192.0.2.7 > -", "192.0.2.8 > -"],
        &["198.51.100.1", "198.51.100.2"],
    );
    check("> our server 198.51.100.1 is fine\r\nYour host 192.0.2.7 sends spam.", &["192.0.2.7 > -"], &[]);
    check("Your server 192.0.2.7 was hacked and attacks others.", &["192.0.2.7 > -"], &[]);
    check("Malware is on 192.0.2.7", &["192.0.2.7 > -"], &[]);
    // Whoever is said to have done something stays, whatever else is said of it.
    check(
        "Scan from 192.0.2.7 to 192.0.2.8.\r\nScan from 192.0.2.8 to 198.51.100.1.",
        &["192.0.2.7 > 192.0.2.8", "192.0.2.8 > 198.51.100.1"],
        &[],
    );
}

/// Fields of each event of a mail with this text, `-` where there is none.
fn check_events(text: &str, fields: &[&str], want: &[&str]) {
    let mail = format!(
        "From: anna@bank.example\r\nTo: abuse@isp.example\r\nSubject: x\r\n\r\n{}\r\n",
        text.replace('\n', "\r\n")
    );
    let (events, rejects) = read(mail.as_bytes(), "");
    let word = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned).replace("null", "-");
    let row = |event: &Value| fields.iter().map(|field| word(&event[*field])).collect::<Vec<_>>().join(" ");
    let found: Vec<String> = events.iter().map(row).collect();
    assert_eq!(found, want, "{text}: {events:#?} {rejects:?}");
}

#[test]
fn an_address_behind_a_comma_and_a_time_is_no_fraction_of_a_second() {
    let check = |text: &str, want: &[&str]| check_events(text, &["source.ip", "time.source"], want);
    check("times in UTC\n2026-11-29 08:20:00,192.0.2.155", &["192.0.2.155 2026-11-29T08:20:00Z"]);
    check(
        "times in UTC\ntime,src,dst\n2026-11-29 08:20:00,192.0.2.155,203.0.113.68",
        &["192.0.2.155 2026-11-29T08:20:00Z"],
    );
}

#[test]
fn sides_are_read_over_breaks_of_lines_tables_and_fields() {
    let check =
        |text: &str, want: &[&str]| check_events(text, &["source.ip", "destination.ip", "destination.port"], want);
    check(
        "We see SSH logins from 192.0.2[.]141 against our server\n198.51.100.77 at 2026-11-29 09:30 UTC.",
        &["192.0.2.141 198.51.100.77 -"],
    );
    for head in [
        "source ip;destination ip;port;time",
        "src;dst;dport;time",
        "Attacker;Victim;Port;Time",
        "Quelle;Ziel;Port;Zeit",
    ] {
        for separator in [";", ",", "\t", "|"] {
            let text =
                format!("{head}\n192.0.2.155;203.0.113.68;22;2026-11-29 08:20:00\n192.0.2.156;203.0.113.69;23;x");
            check(&text.replace(';', separator), &["192.0.2.155 203.0.113.68 22", "192.0.2.156 203.0.113.69 23"]);
        }
    }
    check("192.0.2.158 attacked us (203.0.113.70) yesterday", &["192.0.2.158 203.0.113.70 -"]);
    check("Source: 192.0.2.7\nDestination: 203.0.113.70", &["192.0.2.7 203.0.113.70 -"]);
    check(
        "Source: 192.0.2.7\nDestination: 203.0.113.70\n\nSource: 192.0.2.8\nDestination: 203.0.113.71",
        &["192.0.2.7 203.0.113.70 -", "192.0.2.8 203.0.113.71 -"],
    );
    check(
        "Destination: 203.0.113.70\nSource: 192.0.2.7\nDestination: 203.0.113.71\nSource: 192.0.2.8",
        &["192.0.2.7 203.0.113.70 -", "192.0.2.8 203.0.113.71 -"],
    );
}

#[test]
fn times_and_kinds_stay_in_their_paragraphs() {
    let check =
        |text: &str, want: &[&str]| check_events(text, &["source.ip", "classification.type", "time.source"], want);
    check(
        "SSH attack from 192.0.2.1 at 2026-11-29 09:30 UTC.\n\nSpam from 192.0.2.2 since 2026-11-28.",
        &["192.0.2.1 brute-force 2026-11-29T09:30:00Z", "192.0.2.2 spam 2026-11-28T00:00:00Z"],
    );
    check(
        "Spam from 192.0.2.1 at 2026-11-29 09:30 UTC.\n\nDDoS by 192.0.2.2.\nIt began on 2026-11-28 10:00 UTC.",
        &["192.0.2.1 spam 2026-11-29T09:30:00Z", "192.0.2.2 ddos 2026-11-28T10:00:00Z"],
    );
    check("At 2026-11-29 09:30 UTC it was a\n\nport scan from 192.0.2.1", &["192.0.2.1 scanner 2026-11-29T09:30:00Z"]);
}

#[test]
fn a_signature_below_the_closing_is_no_complaint() {
    let check = |text: &str, want: &[&str]| check_events(text, &["source.ip"], want);
    for closing in ["Regards,", "Mit freundlichen Grüßen"] {
        check(
            &format!("192.0.2.7 sends spam.\n\n{closing}\nAnna\nTel +43 1 5 | 203.0.113.83 | www.bank.example"),
            &["192.0.2.7"],
        );
    }
    check(
        "See the list below.\n\nRegards,\nAnna\n\n192.0.2.7\n192.0.2.8 | 192.0.2.9",
        &["192.0.2.7", "192.0.2.8", "192.0.2.9"],
    );
    check("Spam.\nThanks,\nAnna\n\nJun 17 03:04:05 mx: joe@bank.example client 192.0.2.7", &["192.0.2.7"]);
    check("192.0.2.7 is bad. Tel 5 | 203.0.113.83 | www.bank.example", &["192.0.2.7", "203.0.113.83"]);
}

#[test]
fn logs_that_are_attached_give_events_and_other_attachments_do_not() {
    let check = |text: &str, kind: &str, name: &str, want: &[&str], rejected: usize| {
        let mail = format!(
            "From: anna@bank.example\r\nTo: abuse@isp.example\r\nSubject: x\r\nMIME-Version: 1.0\r\n\
             Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n{text}\r\n--b\r\n\
             Content-Type: {kind}; name={name}\r\nContent-Disposition: attachment; filename={name}\r\n\r\n\
             Jun 17 03:04:05 sshd: Failed password for root from 192.0.2.7 port 4242 on 198.51.100.1\r\n--b--\r\n"
        );
        let (events, rejects) = read(mail.as_bytes(), "");
        let found: Vec<&str> = events.iter().filter_map(|event| event["source.ip"].as_str()).collect();
        assert_eq!((found.as_slice(), rejects.len()), (want, rejected), "{kind} {name}: {rejects:?}");
    };
    let text = "Please see the log.";
    check(text, "text/plain", "auth.log", &["192.0.2.7"], 0);
    check(text, "text/csv", "a.csv", &["192.0.2.7"], 0);
    check(text, "application/octet-stream", "AUTH.LOG", &["192.0.2.7"], 0);
    check("192.0.2.8 sends spam", "text/plain", "auth.txt", &["192.0.2.8", "192.0.2.7"], 0);
    check(text, "application/pdf", "auth.log", &[], 1);
    check(text, "application/octet-stream", "auth.exe", &[], 1);
    check(text, "text/html", "page.html", &[], 1);
}

#[test]
fn a_plain_url_beside_any_word_of_abuse_is_complained_of() {
    let check = |text: &str, want: &[&str]| check_events(text, &["source.url", "classification.type"], want);
    check("Spam from https://www.uni.example/report?id=1", &["https://www.uni.example/report?id=1 spam"]);
    check("Spam from 192.0.2.1, for details visit http://www.uni.example/x", &["- spam"]);
}

/// A letter of these headers and this body, and what its events say of the URL, the source, the destination and the time.
fn check_mail(headers: &str, body: &str, want: &[&str]) {
    let mail =
        format!("From: Eva Gomez <eva@bank.example>\r\nTo: abuse@isp.example\r\nSubject: x\r\n{headers}\r\n\r\n{body}");
    let (events, rejects) = read(mail.as_bytes(), "");
    let fields = ["source.url", "source.fqdn", "source.ip", "destination.ip", "time.source"];
    let row = |event: &Value| fields.iter().filter_map(|field| event[*field].as_str()).collect::<Vec<_>>().join(" ");
    let found: Vec<String> = events.iter().map(row).collect();
    assert_eq!(found, want, "{body}: {events:#?} {rejects:?}");
    let told = serde_json::to_string(&events.iter().map(|event| &event["source.url"]).collect::<Vec<_>>()).unwrap();
    assert!(!told.contains("Eva") && !told.contains("358401234567"), "{told}");
}

#[test]
fn a_letter_in_html_is_read_as_the_text_that_a_person_sees() {
    let check = |body: &str, want: &[&str]| check_mail("Content-Type: text/html; charset=utf-8", body, want);
    check(
        "<html><body>Phishing page: <a href=\"http://leak.uni.example/login\">http://leak.uni.example/login</a><br><br>\
         Eva Gomez<br>+358401234567<br>Example-Bank<br></body></html>",
        &["http://leak.uni.example/login"],
    );
    check(
        "<p>Phishing page: <a href=\"http://leak.uni.example/login\">http://leak.uni.example/login</a>Eva Gomez</p>",
        &["http://leak.uni.example/login"],
    );
    check(
        "<p>Phishing at <a href='http://a.uni.example/?a=1&amp;b=2'>http://b.uni.example/</a></p>",
        &["http://b.uni.example/", "http://a.uni.example/?a=1&b=2"],
    );
    check("<p>Phishing at <a href='http://a.uni.example/x'>here</a></p>", &["http://a.uni.example/x"]);
    check("<p>Please click <a href='http://a.uni.example/x'>here</a> for details of the spam.</p>", &[]);
    check(
        "<table><tr><th>Attacker</th><th>Victim</th></tr><tr><td>192.0.2.1</td><td>198.51.100.1</td></tr>\
         <tr><td>192.0.2.2</td><td>198.51.100.2</td></tr></table>",
        &["192.0.2.1 198.51.100.1", "192.0.2.2 198.51.100.2"],
    );
    check(
        "<table><tr><td>Attacker</td><td>192.0.2.1</td></tr><tr><td>Victim</td><td>198.51.100.1</td></tr></table>",
        &["192.0.2.1 198.51.100.1"],
    );
    check(
        "<style>p { background: url(http://evil.example/spam) }</style><script>var spam = '192.0.2.9';</script>\
         <div>SSH attacks</div><div>from 192&#46;0&#46;2&#46;1</div><blockquote type=cite>192.0.2.8 attacks</blockquote>",
        &["192.0.2.1"],
    );
    // Of two forms the plain one is read, unless it says nothing.
    let two = |plain: &str| {
        format!(
            "--b\r\nContent-Type: text/plain\r\n\r\n{plain}\r\n--b\r\nContent-Type: text/html\r\n\r\n\
             <p>192.0.2.2 sends spam</p>\r\n--b--\r\n"
        )
    };
    let headers = "MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=b";
    check_mail(headers, &two("192.0.2.1 sends spam"), &["192.0.2.1"]);
    check_mail(headers, &two(" "), &["192.0.2.2"]);
}

#[test]
fn the_subject_is_read_where_the_text_and_its_logs_name_nothing() {
    let check = |subject: &str, body: &str, want: &[&str], rejected: usize| {
        let mail = format!("From: eva@bank.example\r\nTo: abuse@isp.example\r\nSubject: {subject}\r\n\r\n{body}");
        let (events, rejects) = read(mail.as_bytes(), "");
        let found: Vec<&str> = events.iter().filter_map(|event| event["source.ip"].as_str()).collect();
        assert_eq!((found.as_slice(), rejects.len()), (want, rejected), "{subject} {body}: {rejects:?}");
    };
    let text = "Please stop it.";
    check("SSH attacks from 192.0.2.7", text, &["192.0.2.7"], 0);
    check("=?utf-8?q?Angriffe_von_192.0.2.7?=", text, &["192.0.2.7"], 0);
    check("Attacks on our server 198.51.100.1", text, &[], 2);
    check("SSH attacks from 192.0.2.7", "192.0.2.8 does it too", &["192.0.2.8"], 0);
    check("SSH attacks", text, &[], 1);
}

#[test]
fn a_mail_that_is_attached_says_from_where_it_came_where_the_text_says_what_it_is() {
    let check = |text: &str, hops: &str, want: &[&str]| {
        let body = format!(
            "--b\r\nContent-Type: text/plain\r\n\r\n{text}\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n{hops}\
             From: spammer@x.example\r\nSubject: buy\r\n\r\nBuy http://www.uni.example/pills of 192.0.2.9\r\n--b--\r\n"
        );
        check_mail("MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b", &body, want);
    };
    let hop = |name: &str, address: &str| {
        format!("Received: from {name} ({name} [{address}]) by mx.x.example; Sun, 29 Nov 2026 12:00:00 +0000\r\n")
    };
    let from = hop("bad.uni.example", "192.0.2.150");
    let spam = "I got this spam from your customer.";
    check(spam, &from, &["192.0.2.150 2026-11-29T12:00:00Z"]);
    check(
        spam,
        &format!("{}{from}", hop("relay.bank.example", "198.51.100.25")),
        &["192.0.2.150 2026-11-29T12:00:00Z"],
    );
    check("192.0.2.7 sends spam", &from, &["192.0.2.7"]);
    check("See what we wrote before.", &from, &[]);
    check(spam, "", &[]);
}

/// A letter with this text to which these parts are attached, each with its headers.
fn letter(text: &str, parts: &[&str], boundary: &str) -> String {
    let parts: String = parts.iter().map(|part| format!("\r\n--{boundary}\r\n{part}")).collect();
    format!(
        "From: eva@bank.example\r\nTo: abuse@isp.example\r\nSubject: Fwd\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/mixed; boundary={boundary}\r\n\r\n--{boundary}\r\n\
         Content-Type: text/plain\r\n\r\n{text}{parts}\r\n--{boundary}--\r\n"
    )
}

#[test]
fn a_complaint_that_somebody_forwards_as_an_attachment_is_read() {
    const LOG: &str = "Content-Type: text/plain; name=log.txt\r\n\
        Content-Disposition: attachment; filename=log.txt\r\n\r\n\
        2026-11-28T10:00:00Z sshd: Failed password for root from 192.0.2.9 port 4242 on 10.11.12.13";
    let attached = |mail: &str| format!("Content-Type: message/rfc822\r\n\r\n{mail}");
    let check = |mail: &str, want: &[&str], rejected: usize| {
        let (events, rejects) = read(mail.as_bytes(), "");
        let row = |event: &Value| {
            ["source.ip", "source.url", "time.source"].map(|field| event[field].as_str().unwrap_or("-")).join(" ")
        };
        let found: Vec<String> = events.iter().map(row).collect();
        assert_eq!(
            (found, rejects.len()),
            (want.iter().map(ToString::to_string).collect(), rejected),
            "{mail} {rejects:?}"
        );
    };
    let said = "192.0.2.8 is scanning 10.11.12.13 at 2026-11-28 10:00:00 UTC, see http://bank.example/x of mine";
    let inner = letter(said, &[LOG], "c");
    let both = ["192.0.2.8 - 2026-11-28T10:00:00Z", "192.0.2.9 - 2026-11-28T10:00:00Z"];
    let about = "We received this complaint about an attack from your network.";
    check(&letter(about, &[&attached(&inner)], "b"), &both, 0);
    check(&letter("See below.", &[&attached(&inner)], "b"), &both, 0);
    check(
        &letter("", &[&attached(&letter("See the log.", &[LOG], "c")), &attached(&inner)], "b"),
        &[both[1], both[0], both[1]],
        0,
    );
    // Two deep, and what names something is not asked what else is attached to it.
    let twice = letter("As I was told.", &[&attached(&inner)], "d");
    check(&letter(about, &[&attached(&twice)], "b"), &both, 0);
    check(&letter("", &[&attached(&letter("", &[&attached(&twice)], "e"))], "b"), &[], 1);
    check(&letter("192.0.2.7 attacks us", &[&attached(&inner)], "b"), &["192.0.2.7 - -"], 0);
    let other = letter("192.0.2.6 attacks us", &[&attached(&inner)], "d");
    check(&letter(about, &[&attached(&other)], "b"), &["192.0.2.6 - -"], 0);
    // Spam that somebody complains of says nothing of what it is.
    check(&letter("", &[&attached(&letter("Buy http://www.uni.example/pills at 192.0.2.5", &[], "c"))], "b"), &[], 1);
    check(&letter("", &[&attached(&letter("No more spam! Visit http://www.uni.example/", &[], "c"))], "b"), &[], 1);
}

#[test]
fn an_encrypted_archive_beside_a_complaint_is_named() {
    use std::io::Write;
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.start_file("log.txt", zip::write::SimpleFileOptions::default()).unwrap();
    zip.write_all(b"192.0.2.9 attacked us").unwrap();
    let plain = zip.finish().unwrap().into_inner();
    // The flag of encryption in the head of the member and in the list of members.
    let mut locked = plain.clone();
    locked[6] |= 1;
    let list = locked.windows(4).position(|bytes| bytes == b"PK\x01\x02").unwrap();
    locked[list + 8] |= 1;
    let check = |text: &str, bytes: &[u8], events_wanted: usize, want: &[&str]| {
        let coded = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, bytes);
        let part = format!(
            "Content-Type: application/zip; name=log.zip\r\nContent-Disposition: attachment; filename=log.zip\r\n\
             Content-Transfer-Encoding: base64\r\n\r\n{coded}"
        );
        let (events, rejects) = read(letter(text, &[&part], "b").as_bytes(), "");
        assert_eq!(events.len(), events_wanted, "{text}");
        assert!(
            rejects.len() == want.len() && rejects.iter().zip(want).all(|(found, want)| found.contains(want)),
            "{rejects:?}"
        );
    };
    let encrypted = "an encrypted archive";
    check("192.0.2.7 attacks us", &locked, 1, &[encrypted]);
    check("See the log", &locked, 0, &["no address or URL", encrypted]);
    check("192.0.2.7 attacks us", &plain, 1, &[]);
}

#[test]
fn what_touches_a_url_is_no_part_of_it() {
    for word in [
        "http://leak.uni.example/login<http://leak.uni.example/login>",
        "[http://leak.uni.example/login](http://leak.uni.example/login)",
        "http://leak.uni.example/login;http://leak.uni.example/login",
        "http://leak.uni.example/login|Eva|+358401234567",
        "http://leak.uni.example/login;Eva;+358401234567",
        "http://leak.uni.example/login,Eva,+358401234567",
        "http://leak.uni.example/login\"",
        "<http://leak.uni.example/login>",
    ] {
        check_mail("X-A: b", &format!("Phishing at {word}"), &["http://leak.uni.example/login"]);
    }
}

#[test]
fn whoever_does_something_is_the_source_and_who_it_is_done_to_the_destination() {
    for line in [
        "192.0.2.142 is scanning 198.51.100.7",
        "192.0.2.142 attacked 198.51.100.7",
        "192.0.2.142 is attacking 198.51.100.7",
        "192.0.2.142 probed 198.51.100.7",
        "192.0.2.142 scannt 198.51.100.7",
        "192.0.2.142 hat 198.51.100.7 angegriffen",
        "scan: IP 192.0.2.142.5555 > 198.51.100.7.22: Flags [S], seq 1",
        "scan: 192.0.2.142:5555 > 198.51.100.7:22",
        "Deny tcp src outside:192.0.2.142/4444 dst inside:198.51.100.7/22 by access-group \"x\"",
        "Your host 192.0.2.142 misbehaves.\r\nIt is scanning 198.51.100.7.",
    ] {
        check_mail("X-A: b", line, &["192.0.2.142 198.51.100.7"]);
    }
    check_mail("X-A: b", "Please look at www.uni.example - it hosts phishing", &["www.uni.example"]);
    check_mail("X-A: b", "192.0.2.142 attacks us and 192.0.2.143 too", &["192.0.2.142", "192.0.2.143"]);
}

#[test]
fn a_time_is_read_with_its_zone_or_not_at_all() {
    let check = |text: &str, want: &[&str]| check_mail("X-A: b", text, want);
    check("On 29 Nov 2026 at 10:15 CET 192.0.2.1 attacked us", &["192.0.2.1 2026-11-29T09:15:00Z"]);
    check("November 29, 2026 at 10:15 AM UTC: attack by 192.0.2.1", &["192.0.2.1 2026-11-29T10:15:00Z"]);
    check("29.11.2026 10:15:30 Uhr MEZ 192.0.2.1", &["192.0.2.1 2026-11-29T09:15:30Z"]);
    check("2026-11-29 10:15:30 Europe/Helsinki 192.0.2.1", &["192.0.2.1 2026-11-29T08:15:30Z"]);
    check("On 29 Nov 2026 at 10:15 CST 192.0.2.1 attacked us", &["192.0.2.1"]);
    check("Seen at 2026-11-29 08:00 UTC:\r\n2026-11-29 10:15 IST 192.0.2.1 attacked us", &["192.0.2.1"]);
    check("Time zone: CST\r\n2026-11-29 10:15 192.0.2.1 attacked us", &["192.0.2.1"]);
}

#[test]
fn a_log_table_gives_an_event_for_each_row() {
    let Some(events) = events("plaintext-ctir-log-table.eml") else { return };
    assert_eq!(events.len(), 4, "{events:#?}");
    assert_eq!(values(&events, "source.ip"), BTreeSet::from(["81.235.2.13"]));
    assert_eq!(events[0]["time.source"], "2010-01-30T16:03:38Z");
    assert_eq!(events[0]["malware.name"], "troj_dropr.ven");
    assert_eq!(values(&events, "source.url"), BTreeSet::new());
}

#[test]
fn sections_say_what_their_addresses_did() {
    let Some(events) = events("plaintext-ip-sections-projecthoneypot.eml") else { return };
    let found: Vec<(&str, &str)> = events
        .iter()
        .map(|event| (event["source.ip"].as_str().unwrap_or(""), event["classification.type"].as_str().unwrap_or("")))
        .collect();
    let want = [
        ("10.0.2.1", "scanner"),
        ("10.0.2.2", "scanner"),
        ("10.0.2.3", "scanner"),
        ("10.0.2.4", "spam"),
        ("10.0.2.5", "spam"),
    ];
    assert_eq!(found, want, "{events:#?}");
}

#[test]
fn a_reply_gives_what_is_defanged_and_not_what_is_quoted() {
    let Some(events) = events("built-plaintext-defanged-german-reply.eml") else { return };
    assert_eq!(values(&events, "source.ip"), BTreeSet::from(["203.0.113.77"]), "{events:#?}");
    assert_eq!(values(&events, "source.url"), BTreeSet::from(["https://login.bank.example/konto/"]));
    assert_eq!(values(&events, "classification.type"), BTreeSet::from(["phishing"]));
    let page = events.iter().find(|event| event.get("source.url").is_some()).expect("the page");
    assert_eq!(page["time.source"], "2026-03-04T04:06:00Z");
    let times = values(&events, "time.source");
    assert!(times.contains("2026-03-04T04:06:11Z") && times.contains("2026-03-04T04:06:12Z"), "{times:?}");
}
