//! A mail or an end of sending that is taken up again after a kill counts once; and what admits a party.

use std::sync::Arc;

use concert_model::access::Person;
use concert_model::incident::content::{Content, PartyMoved, PartyStatus, Severity};
use concert_model::incident::draft::{Draft, NewIncident};
use concert_model::incident::mail::{Openpgp, Signature, Sort};
use concert_model::incident::marking::{Marking, Tlp};
use concert_model::{ReportId, Time};
use concert_store::Store;
use concert_store::records::{Home, MailRow, NewNotice, Receiver, Settled, messages};

use super::super::{Ask, Incidents};
use super::admit::marking_for;
use super::receive::Incoming;
use super::{Outgoing, Words};
use crate::incidents::made::{Beside, Made};
use crate::incidents::write::Right;

const NOW: Time = Time(1_795_323_030_000_000);

async fn opened() -> (tempfile::TempDir, Store, Incidents, String) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).await.unwrap();
    let incidents = Incidents::new(store.clone(), &[7; 32], "CERT-EX", Arc::default());
    let moved = PartyMoved { party: "Net".into(), status: PartyStatus::Unknown, text: String::new() };
    let new = NewIncident {
        title: "Scans".into(),
        classification: "scanner".into(),
        severity: Severity::High,
        marking: Marking::of(Tlp::Amber),
        drafts: vec![Draft { content: moved.into(), marking: None, minutes: 0 }],
    };
    let id = incidents.open(Ask::new(&Person::operator("root"), NOW), new).await.unwrap().id;
    (dir, store, incidents, id)
}

fn incoming(sort: Sort) -> Incoming {
    let openpgp = Openpgp { encrypted: false, signature: Signature::None, key: String::new(), why: String::new() };
    Incoming {
        sort,
        text: "x\u{1}".repeat(30_000),
        openpgp,
        attachments: Vec::new(),
        answers: "a@b.example".into(),
        missed: None,
    }
}

#[tokio::test]
async fn a_mail_that_is_settled_twice_has_one_entry() {
    let (_dir, store, incidents, id) = opened().await;
    assert!(store.records.add_mail(ReportId([1; 16]), &[1; 32], NOW, 10).await.unwrap());
    assert!(store.records.add_mail(ReportId([2; 16]), &[2; 32], NOW, 10).await.unwrap());
    let waiting = store.records.mails_waiting(10).await.unwrap();
    let settled = |seq: usize| {
        let row = MailRow {
            state: "taken".into(),
            kind: "reply".into(),
            incident: id.clone(),
            party: "Net".into(),
            message_id: "one@net.example".into(),
            from: "a@net.example".into(),
            subject: "bad \u{202e} subject".into(),
            ..waiting[seq].clone()
        };
        Settled { row, ..Settled::default() }
    };
    // The same one again, as after a kill; and the same message by another way.
    for at in [0, 0, 1] {
        incidents.receive(NOW, settled(at), &incoming(Sort::Reply)).await.unwrap();
    }
    let root = Person::operator("root");
    let state = incidents.show(&root, &id).await.unwrap();
    assert_eq!((state.messages.len(), state.parties["Net"].status), (1, PartyStatus::Acknowledged));
    assert_eq!(state.messages[0].message.subject, "bad  subject", "nothing hides in a line");
    let second = store.records.mail(waiting[1].seq).await.unwrap().unwrap();
    assert_eq!((second.state.as_str(), second.reason.contains("came before")), ("aside", true));
}

/// INVARIANT: a mail waits for those alone who may say what it is; nobody else learns that there is one.
#[tokio::test]
async fn mails_that_wait_are_listed_in_parts_for_those_who_may_sort_them() {
    let (_dir, store, incidents, id) = opened().await;
    let root = Person::operator("root");
    let red = Marking { persons: vec!["anna".into()], ..Marking::of(Tlp::Red) };
    let new = NewIncident {
        title: "Hidden".into(),
        classification: "scanner".into(),
        severity: Severity::High,
        marking: red,
        drafts: Vec::new(),
    };
    let hidden = incidents.open(Ask::new(&root, NOW), new).await.unwrap().id;
    for (at, incident) in [(1, &id), (2, &hidden), (3, &id)] {
        assert!(store.records.add_mail(ReportId([at; 16]), &[at; 32], NOW, 10).await.unwrap());
        let row = store.records.mails_waiting(10).await.unwrap().remove(0);
        let row = MailRow { state: "held".into(), kind: "reply".into(), incident: incident.clone(), ..row };
        incidents.receive(NOW, Settled { row, ..Settled::default() }, &incoming(Sort::Reply)).await.unwrap();
    }
    let person = |name: &str, standing: &str| Person {
        name: name.into(),
        is_operator: false,
        standing: vec![standing.parse().unwrap()],
        clearance: Tlp::Red,
        ..Person::nobody()
    };
    let listed = async |person: &Person, after: i64, limit: usize| {
        let found = incidents.held_mails(person, None, (after, limit)).await.unwrap();
        found.into_iter().map(|(_, row)| (row.incident, row.seq)).collect::<Vec<_>>()
    };
    let anna = person("anna", "handler");
    let all = listed(&anna, 0, 10).await;
    assert_eq!(all.iter().map(|(incident, _)| incident).collect::<Vec<_>>(), [&id, &hidden, &id]);
    assert_eq!(listed(&anna, 0, 2).await, all[..2]);
    assert_eq!(listed(&anna, all[1].1, 2).await, all[2..]);
    assert_eq!(listed(&person("ben", "handler"), 0, 10).await, [all[0].clone(), all[2].clone()]);
    assert_eq!(listed(&person("carl", "reader"), 0, 10).await, []);
}

/// Queues a message to Net, and gives the number of its notice.
async fn sent(incidents: &Incidents, id: &str, marking: Marking) -> String {
    let root = Person::operator("root");
    let letter = Outgoing {
        notice: NewNotice {
            name: messages::NAME.into(),
            key: id.to_owned(),
            party: "Net".into(),
            recipient: "a@net.example".into(),
            state: "queued",
            ..NewNotice::default()
        },
        words: Words {
            number: "CERT-EX#2026-000001".into(),
            tlp: Tlp::Amber,
            subject: "s".into(),
            text: "t".into(),
            attachments: Vec::new(),
            answers: String::new(),
            answer_by: None,
        },
        marking,
    };
    let told = PartyMoved { party: "Net".into(), status: PartyStatus::Told, text: String::new() };
    let drafts = vec![Draft { content: told.into(), marking: None, minutes: 0 }];
    let beside = Beside::Queue {
        home: Home { letters: "dkvr".into(), domain: "cert.example".into() },
        letters: vec![letter],
        left_out: Vec::new(),
    };
    let made = Made { drafts, beside };
    incidents.write_made(Ask::new(&root, NOW), id, Right::OfContent, |_, _| Ok(made)).await.unwrap();
    incidents.show(&root, id).await.unwrap().messages[0].message.notice.clone()
}

#[tokio::test]
async fn how_sending_ended_is_written_down_once_and_again_when_it_ends_otherwise() {
    let (_dir, store, incidents, id) = opened().await;
    let root = Person::operator("root");
    let notice = sent(&incidents, &id, Marking::of(Tlp::Amber)).await;
    let mut want = Vec::new();
    for (state, taken, status) in
        [("failed", false, PartyStatus::ContactSought), ("delivered", true, PartyStatus::Told)]
    {
        store.records.settle_notices(&[(notice.clone(), state, NOW, "250 2.0.0 taken".into())], &[]).await.unwrap();
        assert_eq!(incidents.prove_messages(NOW).await.unwrap(), 1);
        assert_eq!(incidents.prove_messages(NOW).await.unwrap(), 0, "once");
        want.push(taken);
        let now = incidents.show(&root, &id).await.unwrap();
        assert_eq!((now.deliveries[&notice].taken, now.parties["Net"].status), (taken, status));
    }
    let log = incidents.log(&root, &id, 0, 100).await.unwrap();
    let kinds = log.iter().filter(|kept| kept.body.as_ref().is_some_and(|(body, _)| body.kind == "delivery/1"));
    assert_eq!(kinds.count(), want.len());
}

/// Of a message to several a party has been told when the first has it, and not when the last was given up.
#[tokio::test]
async fn a_party_was_told_when_the_first_of_it_got_the_message() {
    let (_dir, store, incidents, id) = opened().await;
    let root = Person::operator("root");
    let notice = sent(&incidents, &id, Marking::of(Tlp::Amber)).await;
    let end = async |state: &'static str, days: i64, reason: &str, receivers: &[Receiver]| {
        let time = NOW.plus_seconds(days * 86_400);
        let receivers = [(notice.clone(), receivers.to_vec())];
        store.records.settle_notices(&[(notice.clone(), state, time, reason.to_owned())], &receivers).await.unwrap();
        incidents.prove_messages(time).await.unwrap()
    };
    let receiver = |address: &str, has_it: bool, days: i64| Receiver {
        address: address.into(),
        has_it,
        said: "250 taken".into(),
        time: NOW.plus_seconds(days * 86_400),
    };
    let proof = async || {
        let state = incidents.show(&root, &id).await.unwrap();
        state.deliveries.get(&notice).map(|one| (one.taken, one.time, one.answer.clone()))
    };
    // Who is refused for now got nothing yet.
    assert_eq!(end("queued", 0, "450 full", &[receiver("c@net.example", false, 0)]).await, 0);
    let partly = "250 taken; not yet b@net.example (450 full)";
    assert_eq!(end("queued", 1, partly, &[receiver("a@net.example", true, 1)]).await, 1);
    let first = NOW.plus_seconds(86_400).0;
    assert_eq!(proof().await, Some((true, first, partly.to_owned())));
    assert_eq!(end("queued", 2, "450 full", &[]).await, 0, "once");
    let given_up = "sent in parts; refused: b@net.example: given up after five days: 450 full";
    assert_eq!(end("delivered", 6, given_up, &[receiver("b@net.example", false, 6)]).await, 1);
    assert_eq!(proof().await, Some((true, first, given_up.to_owned())));
    assert_eq!(end("delivered", 6, given_up, &[]).await, 0, "once");
}

/// INVARIANT: what a server answered to a message, when it was sent or in a bounce, is for those who may read the message.
#[tokio::test]
async fn what_a_server_answered_to_a_message_that_is_for_fewer_stands_in_nothing_that_is_for_more() {
    for (marking, says_why) in [(Marking::of(Tlp::Amber), true), (Marking::of(Tlp::AmberStrict), false)] {
        for is_bounce in [false, true] {
            let (_dir, store, incidents, id) = opened().await;
            let root = Person::operator("root");
            let notice = sent(&incidents, &id, marking.clone()).await;
            let why = "550 5.7.1 no word of ransom here";
            if is_bounce {
                assert!(store.records.add_mail(ReportId([1; 16]), &[1; 32], NOW, 10).await.unwrap());
                let row = MailRow {
                    state: "taken".into(),
                    kind: "bounce".into(),
                    incident: id.clone(),
                    party: "Net".into(),
                    reason: why.into(),
                    ..store.records.mails_waiting(10).await.unwrap().remove(0)
                };
                let bounce = Incoming { missed: Some(notice.clone()), ..incoming(Sort::Bounce) };
                incidents.receive(NOW, Settled { row, ..Settled::default() }, &bounce).await.unwrap();
            } else {
                store.records.settle_notices(&[(notice.clone(), "failed", NOW, why.into())], &[]).await.unwrap();
                assert_eq!(incidents.prove_messages(NOW).await.unwrap(), 1);
            }
            let log = incidents.log(&root, &id, 0, 100).await.unwrap();
            let moved = log.iter().rev().find_map(|kept| match &kept.body.as_ref()?.1 {
                Content::PartyMoved(moved) => Some((moved.status, moved.text.clone())),
                _ => None,
            });
            let why = if says_why { format!(": {why}") } else { String::new() };
            let want = (PartyStatus::ContactSought, format!("message {notice} did not arrive{why}"));
            assert_eq!(moved, Some(want), "{marking:?} {is_bounce}");
        }
    }
}

#[test]
fn a_marking_admits_a_party_or_says_why_not() {
    let check = |marking: Marking, want: Result<&[&str], &str>| match (marking_for("Net", &marking), want) {
        (Ok(marking), Ok(parties)) => assert_eq!(marking.parties, parties),
        (Err(super::Refused::Wrong(problem)), Err(want)) => assert!(problem.what.contains(want), "{problem}"),
        (got, _) => panic!("{marking:?}: {got:?}"),
    };
    let of = |parties: &[&str]| Marking {
        parties: parties.iter().map(|one| (*one).to_owned()).collect(),
        ..Marking::of(Tlp::Amber)
    };
    check(Marking::of(Tlp::Clear), Ok(&[]));
    check(Marking::of(Tlp::Green), Ok(&[]));
    check(of(&[]), Ok(&["Net"]));
    check(of(&["Net", "Other"]), Ok(&["Net"]));
    check(of(&["Other"]), Err("it is for Other"));
    check(Marking::of(Tlp::AmberStrict), Err("stays within the site"));
    check(Marking::of(Tlp::Red), Err("named persons only"));
    check(Marking { compartment: "legal".into(), ..Marking::of(Tlp::Clear) }, Err("compartment legal"));
}
