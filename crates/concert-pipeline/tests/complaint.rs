//! The complaint parser against real mails, where `CONCERT_SAMPLES` says where they are.

#![expect(
    clippy::panic,
    clippy::print_stdout,
    reason = "all of this is a test, also what stands outside its functions"
)]

#[path = "../src/parse/check.rs"]
mod check;

use std::collections::BTreeSet;

/// Events of the plain text of a sample mail; `None` where there are no samples.
fn events(name: &str) -> Option<Vec<serde_json::Value>> {
    let Some(samples) = std::env::var_os("CONCERT_SAMPLES") else {
        println!("skipped: CONCERT_SAMPLES is not set");
        return None;
    };
    let path = std::path::Path::new(&samples).join("mail").join(name);
    let bytes = std::fs::read(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
    let mail = mail_parser::MessageParser::default().parse(&bytes).expect("a mail");
    let text = mail.body_text(0).expect("a text");
    let (events, rejects) = check::run("complaint", "", text.as_bytes(), name);
    assert_eq!(rejects, Vec::<String>::new());
    Some(events.iter().map(|event| serde_json::from_str(event).expect("JSON")).collect())
}

fn values<'e>(events: &'e [serde_json::Value], field: &str) -> BTreeSet<&'e str> {
    events.iter().filter_map(|event| event.get(field)?.as_str()).collect()
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
