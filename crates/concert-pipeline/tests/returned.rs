//! Real mails that came back: bounces, automatic replies and an answer. `CONCERT_SAMPLES` names the
//! folder of samples; what they are stands beside them.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "all of this is a test, also what stands outside its functions"
)]

use std::path::{Path, PathBuf};

use concert_pipeline::mail::{self, Kind, Mail, Weight};
use serde_json::Value;

fn folder() -> Option<PathBuf> {
    let root = std::env::var_os("CONCERT_SAMPLES");
    if root.is_none() {
        println!("skipped: CONCERT_SAMPLES is not set");
    }
    root.map(|root| Path::new(&root).join("mail"))
}

fn check(name: &str, want: impl Fn(&Mail, &Value)) {
    let Some(folder) = folder() else { return };
    let facts = std::fs::read_to_string(folder.join("expected.jsonl")).unwrap();
    let facts = facts.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let facts = facts.into_iter().find(|facts| facts["file"] == name).unwrap();
    want(&mail::read(&std::fs::read(folder.join(name)).unwrap()).unwrap(), &facts);
}

#[test]
fn bounces_say_who_failed_and_what_they_return() {
    check("dsn-rfc3464-user-unknown.eml", |mail, facts| {
        let Kind::Bounce(failed) = &mail.kind else { panic!("{mail:?}") };
        assert_eq!(failed.len(), 1);
        assert_eq!(failed[0].address, facts["final_recipient"].as_str().unwrap());
        assert_eq!(failed[0].status, facts["status"].as_str().unwrap());
        assert_eq!(failed[0].weight, Weight::Hard);
        assert!(failed[0].diagnostic.contains("User Unknown"), "{failed:?}");
        let id = facts["original_message_id"].as_str().unwrap().trim_matches(['<', '>']);
        assert_eq!(mail.names.returned, [id]);
        assert_eq!(mail.names.returned_to, ["userunknown@bouncehammer.jp"]);
    });
    // It calls itself an automatic reply.
    check("dsn-postfix.eml", |mail, facts| {
        let Kind::Bounce(failed) = &mail.kind else { panic!("{mail:?}") };
        assert_eq!(failed[0].address, facts["final_recipient"].as_str().unwrap());
        assert_eq!(failed[0].original, facts["original_recipient"].as_str().unwrap());
        assert_eq!(failed[0].status, facts["status"].as_str().unwrap());
        assert!(mail.names.sent_to.contains(&"shironeko@mx.example.jp".to_owned()), "{:?}", mail.names);
    });
}

#[test]
fn automatic_replies_are_known_with_and_without_their_header() {
    check("autoreply-auto-submitted.eml", |mail, facts| {
        assert_eq!((&mail.kind, facts["kind"].as_str()), (&Kind::AutoReply, Some("auto-reply")));
        assert_eq!(mail.from, "kijitora@example.net");
    });
    check("autoreply-exchange-no-auto-submitted.eml", |mail, facts| {
        assert_eq!((&mail.kind, facts["kind"].as_str()), (&Kind::AutoReply, Some("auto-reply")));
        assert!(mail.because.contains("automatic reply"), "{}", mail.because);
    });
}

#[test]
fn an_answer_of_a_person_names_what_it_answers() {
    check("built-plaintext-defanged-german-reply.eml", |mail, facts| {
        assert_eq!(mail.kind, Kind::Written);
        assert_eq!(mail.names.tickets, [facts["ticket"].as_str().unwrap()]);
        assert_eq!(mail.names.answers[0], facts["in_reply_to"].as_str().unwrap().trim_matches(['<', '>']));
        assert_eq!(mail.names.answers, ["ticket-4711-1@cert.example", "ticket-4711-0@cert.example"]);
        assert!(mail.text.contains("für unsere Bank"), "{}", mail.text);
    });
}

/// Reports of providers are neither bounces nor automatic replies to us, whatever their headers say.
#[test]
fn no_report_is_taken_for_a_bounce() {
    let Some(folder) = folder() else { return };
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if !name.ends_with(".eml") {
            continue;
        }
        let mail = mail::read(&std::fs::read(&path).unwrap()).unwrap();
        println!("{name}: {} {}", mail.kind.word(), mail.because);
        assert_eq!(matches!(mail.kind, Kind::Bounce(_)), name.starts_with("dsn-"), "{name}");
        assert_eq!(mail.kind == Kind::Feedback, name.starts_with("arf-"), "{name}");
    }
}
