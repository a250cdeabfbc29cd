//! Reports for machines in real mails (ARF, XARF) and the samples of XARF, where `CONCERT_SAMPLES` says where they
//! are. Mails are opened as a feed of complaints opens them.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "all of this is a test, also what stands outside its functions"
)]

#[path = "../src/parse/check.rs"]
#[expect(dead_code, reason = "each test uses a part of it")]
mod check;

use std::io::Cursor;
use std::path::PathBuf;

use concert_pipeline::parse::unpack::{self, Limits};
use serde_json::Value;

/// Events and rejects of a whole report, opened as a feed of this parser opens it.
fn read(parser: &str, bytes: &[u8], name: &str) -> (Vec<String>, Vec<String>) {
    let feed = check::feed(parser, "", &|_| Err("no files here".to_owned()));
    check::through(&feed, name, |receipt, sink| {
        unpack::read(Cursor::new(bytes), receipt, &Limits::default(), feed.parser.as_ref(), sink);
    })
}

fn samples() -> Option<PathBuf> {
    let found = std::env::var_os("CONCERT_SAMPLES").map(PathBuf::from);
    if found.is_none() {
        println!("skipped: CONCERT_SAMPLES is not set");
    }
    found
}

fn objects(events: &[String]) -> Vec<Value> {
    events.iter().map(|event| serde_json::from_str(event).unwrap()).collect()
}

/// Every mail of `expected.jsonl` that is of one of these kinds, with what is expected of it.
fn expected(kinds: &[&str]) -> Vec<(String, Vec<u8>, Value)> {
    let Some(folder) = samples().map(|samples| samples.join("mail")) else { return Vec::new() };
    let lines = std::fs::read_to_string(folder.join("expected.jsonl")).unwrap();
    let all = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let wanted = all.filter(|want| kinds.iter().any(|kind| want["kind"].as_str().unwrap().starts_with(kind)));
    wanted
        .map(|want| {
            let name = want["file"].as_str().unwrap().to_owned();
            (name.clone(), std::fs::read(folder.join(name)).unwrap(), want)
        })
        .collect()
}

/// The only event of a mail, read by this parser.
fn one(parser: &str, name: &str, bytes: &[u8], want: &Value) -> Value {
    let (events, rejects) = read(parser, bytes, name);
    assert_eq!(rejects, Vec::<String>::new(), "{name}");
    let events = objects(&events);
    assert_eq!(events.len(), 1, "{name}: {events:#?}");
    for (field, value) in want["fields"].as_object().unwrap() {
        let value = value.as_str().unwrap().replace("+00:00", "Z");
        assert_eq!(events[0][field], value, "{name} {field}: {events:#?}");
    }
    events[0].clone()
}

#[test]
fn a_feedback_report_is_one_event_whoever_reads_it() {
    for (name, bytes, want) in expected(&["arf"]) {
        let event = one("arf", &name, &bytes, &want);
        assert_eq!(event, one("complaint", &name, &bytes, &want), "{name}");
        assert_eq!(
            (&event["classification.type"], &event["classification.identifier"]),
            (&"spam".into(), &want["feedback_type"])
        );
        if let Some(count) = want["original_rcpt_to_count"].as_u64() {
            assert_eq!(event["extra.original_rcpt_to"].as_array().unwrap().len() as u64, count);
            assert_eq!(event["extra.reported_domain"], want["reported_domains"]);
        }
        for (field, expected) in [
            ("user_agent", "user_agent"),
            ("reported_domain", "reported_domain"),
            ("original_mail_from", "original_mail_from"),
        ] {
            if let Some(value) = want[expected].as_str() {
                assert_eq!(event[format!("extra.{field}")], value, "{name}");
            }
        }
    }
}

#[test]
fn an_xarf_mail_is_one_event_whoever_reads_it() {
    for (name, bytes, want) in expected(&["xarf"]) {
        let event = one("xarf", &name, &bytes, &want);
        assert_eq!(event, one("complaint", &name, &bytes, &want), "{name}");
        let kind = want.get("type").or_else(|| want.get("report_type")).unwrap();
        assert_eq!(&event["classification.identifier"], kind, "{name}");
        for key in ["category", "report_id", "xarf_version"] {
            if let Some(value) = want.get(key) {
                assert_eq!(&event[format!("extra.{key}")], value, "{name} {key}");
            }
        }
        if let Some(port) = want.get("destination_port_reported").or_else(|| want.get("destination_port")) {
            assert_eq!(&event["destination.port"], port, "{name}");
        }
        if let Some(to) = want.get("destination") {
            assert_eq!(event["destination.ip"], to["destination_ip"]);
            assert_eq!(event["destination.port"], to["destination_port"]);
            assert_eq!(event["protocol.transport"], to["protocol"]);
            assert_eq!(event["extra.first_seen"], to["first_seen"]);
        }
    }
}

#[test]
fn every_sample_of_xarf_is_one_event() {
    let Some(folder) = samples().map(|samples| samples.join("standards/xarf/samples")) else { return };
    let mut count = 0;
    for version in ["v3", "v4"] {
        for entry in std::fs::read_dir(folder.join(version)).unwrap() {
            let path = entry.unwrap().path();
            let (bytes, name) = (std::fs::read(&path).unwrap(), path.display().to_string());
            let (events, rejects) = read("xarf", &bytes, "report.json");
            let events = objects(&events);
            assert_eq!((events.len(), &rejects), (1, &Vec::new()), "{name}");
            let event = &events[0];
            assert!(event.get("time.source").is_some() && event.get("extra.reporter").is_some(), "{name}: {event:#}");
            let sources = ["source.ip", "source.fqdn", "source.url"];
            assert!(sources.iter().any(|field| event.get(field).is_some()), "{name}: {event:#}");
            let document: Value = serde_json::from_slice(&bytes).unwrap();
            let text = serde_json::to_string(event).unwrap();
            for item in document["evidence"].as_array().into_iter().flatten() {
                assert!(!text.contains(item["payload"].as_str().unwrap()), "{name}: evidence is in the event");
            }
            count += 1;
        }
    }
    assert_eq!(count, 34);
}

#[test]
fn a_mail_of_a_person_is_read_as_text() {
    let mail = "From: anna@bank.example\r\nTo: abuse@isp.example\r\nSubject: attack\r\nX-XARF: PLAIN\r\n\r\n\
        Report-Type of yours: none.\r\nSource: see below\r\n192.0.2.7 tries passwords here.\r\n";
    let (events, rejects) = read("complaint", mail.as_bytes(), "");
    assert_eq!((events.len(), rejects.len()), (1, 0), "{events:?} {rejects:?}");
    assert_eq!(objects(&events)[0]["source.ip"], "192.0.2.7");
}

#[test]
fn a_report_that_somebody_forwards_is_found() {
    let inner = "From: feedback@mailbox.example\nMIME-Version: 1.0\n\
        Content-Type: multipart/report; report-type=feedback-report; boundary=b\n\n\
        --b\nContent-Type: message/feedback-report\n\nFeedback-Type: abuse\nVersion: 1\nSource-IP: 192.0.2.7\n--b--\n";
    let outer = format!(
        "From: anna@bank.example\nSubject: Fwd\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=o\n\n\
         --o\n\nSee below, it came from 192.0.2.8.\n--o\nContent-Type: message/rfc822\n\n{inner}--o--\n"
    );
    for parser in ["arf", "complaint"] {
        let (events, rejects) = read(parser, outer.as_bytes(), "");
        assert_eq!((events.len(), rejects.len()), (1, 0), "{parser}: {events:?} {rejects:?}");
        assert_eq!(objects(&events)[0]["source.ip"], "192.0.2.7");
    }
}
