//! What a merge and a split must not make anybody forget: steps, duties and evidence.

use concert_model::incident::content::{Act, Task};
use concert_model::incident::draft::Draft;
use concert_model::incident::marking::{Marking, Tlp};
use concert_model::user::User;
use concert_store::records::{By, NewPassword};
use serde_json::{Value, json};

use super::super::evidence::NewEvidence;
use super::super::tests::{NOW, Site, draft, new, site, user};
use super::super::{Ask, Chosen, Filter, HandOver, Handling, Join, Refused, Reminding, Slice, Split, Written};
use super::*;

/// As a person writes it.
fn said(kind: &str, members: Value) -> Draft {
    draft(Content::read(&format!("{kind}/1"), &members), None)
}

async fn open(site: &Site, person: &Person, title: &str, tlp: Tlp) -> String {
    let opened = site.incidents.open(Ask::new(person, NOW), new(title, Marking::of(tlp), Vec::new())).await;
    opened.unwrap().number
}

async fn write(site: &Site, person: &Person, number: &str, kind: &str, members: Value) -> Result<Written, Refused> {
    site.incidents.write(Ask::new(person, NOW), number, vec![said(kind, members)]).await
}

async fn merge(site: &Site, person: &Person, one: &str, other: &str, is_joined: bool) {
    let ask = Ask::new(person, NOW);
    site.incidents.join(ask, Join::Merged, (one, other), is_joined, "the same").await.unwrap();
}

async fn split(site: &Site, person: &Person, from: &str, chosen: Chosen) -> String {
    let new = new("split", Marking::of(Tlp::Amber), Vec::new());
    let split = Split { new, chosen, reason: "another".into() };
    Box::pin(site.incidents.split(Ask::new(person, NOW), from, split)).await.unwrap().number
}

/// A process of the meeting points alone.
const POINTS: &str = r#"
name = "points"
version = 1
title = "Points"
description = "Those at which both tracks meet."
for = ["scanner"]

[[step]]
id = "notify"
title = "Tell them"
track = "response"
phase = "notify"
kind = "action"
role = "coordinator"
text = "Do it."
due = "1h"
meets = "notify-and-identify"

[[step]]
id = "indicators"
title = "Name indicators"
track = "investigation"
phase = "report"
kind = "action"
role = "coordinator"
text = "Do it."
meets = "findings-to-indicators"

[[step]]
id = "close"
title = "Close"
track = "response"
phase = "close"
kind = "action"
role = "coordinator"
text = "Do it."
needs = ["notify", "indicators"]
meets = "closing"
"#;

async fn start(site: &Site, person: &Person, number: &str) {
    let members = json!({"run": "points", "name": "points", "version": 1, "definition": POINTS});
    write(site, person, number, "process", members).await.unwrap();
}

async fn step(site: &Site, person: &Person, number: &str, step: &str) -> Result<Written, Refused> {
    let members = json!({"run": "points", "step": step, "deed": "done", "outcome": "", "until": null, "reason": ""});
    write(site, person, number, "step", members).await
}

fn refusal(done: Result<Written, Refused>) -> String {
    let Err(Refused::Wrong(problem)) = done else { panic!("not refused: {done:?}") };
    problem.what
}

fn handling(place: &str) -> Handling {
    Handling { act: Act::Collected, whom: String::new(), place: place.into(), reason: "asked".into() }
}

/// An unknown party with its host, a finding without indicators, and evidence of which nobody says where it is.
async fn fill(site: &Site, person: &Person, number: &str) -> String {
    write(site, person, number, "party", json!({"party": "Net Q", "status": "unknown", "text": ""})).await.unwrap();
    write(site, person, number, "host", json!({"host": "192.0.2.7", "party": "Net Q"})).await.unwrap();
    let finding = json!({"name": "f", "statement": "s", "standing": "supported"});
    write(site, person, number, "finding", finding).await.unwrap();
    let (text, marking) = (String::new(), None);
    let new = NewEvidence { name: "log".into(), text, marking, handling: handling("") };
    site.incidents.add(Ask::new(person, NOW), number, new, &b"bytes"[..]).await.unwrap().sha256
}

/// INVARIANT: the meeting points ask for what another incident shows here, also of whoever does not see that.
#[tokio::test]
async fn a_merge_takes_nothing_from_the_meeting_points() {
    let site = site().await;
    let (anna, ben) = (user("anna", &["handler"], Tlp::Red), user("ben", &["handler"], Tlp::Amber));
    let hidden = Marking { persons: vec!["anna".into()], ..Marking::of(Tlp::Red) };
    let one = site.incidents.open(Ask::new(&anna, NOW), new("one", hidden, Vec::new())).await.unwrap().number;
    let two = open(&site, &anna, "two", Tlp::Amber).await;
    let sha256 = fill(&site, &anna, &one).await;
    start(&site, &anna, &two).await;
    merge(&site, &anna, &one, &two, true).await;
    // Who sees it is told what lacks, and the others that something does.
    let why = refusal(step(&site, &anna, &two, "notify").await);
    assert!(why.contains("nothing is known of 192.0.2.7, Net Q") || why.contains("Net Q"), "{why}");
    let unseen = refusal(step(&site, &ben, &two, "notify").await);
    assert!(unseen.starts_with("something in this incident that you may not see"), "{unseen}");
    assert!(refusal(step(&site, &anna, &two, "indicators").await).contains("by what others recognise f"));
    let status = json!({"status": "closed", "reason": "x"});
    assert!(refusal(write(&site, &anna, &two, "status", status.clone()).await).contains("has not come to its end"));
    // What lacked is written where the work goes on.
    write(&site, &anna, &two, "party", json!({"party": "Net Q", "status": "told", "text": "x"})).await.unwrap();
    step(&site, &anna, &two, "notify").await.unwrap();
    let indicators = json!({"finding": "f", "observables": [], "reason": "none"});
    write(&site, &anna, &two, "indicators", indicators).await.unwrap();
    step(&site, &anna, &two, "indicators").await.unwrap();
    write(&site, &anna, &two, "feedback", json!({"run": "points", "answers": []})).await.unwrap();
    assert!(refusal(step(&site, &anna, &two, "close").await).contains("custody is open for 1 piece of evidence (log)"));
    // Evidence is handled by the number of either, and its custody stands where it was added.
    assert_eq!(site.incidents.exhibits(&anna, &two).await.unwrap().evidence.len(), 1);
    let moved = Handling { act: Act::Moved, ..handling("safe 2") };
    let handled = site.incidents.handle(Ask::new(&anna, NOW), &two, &sha256, moved).await.unwrap();
    assert_eq!(handled.number, one);
    step(&site, &anna, &two, "close").await.unwrap();
    write(&site, &anna, &two, "status", status).await.unwrap();
    // Nobody else has it.
    assert_eq!(site.incidents.exhibits(&ben, &two).await.unwrap().evidence.len(), 0);
    let other = site.incidents.handle(Ask::new(&ben, NOW), &two, &sha256, handling("x")).await;
    assert!(matches!(other, Err(Refused::Missing)), "{other:?}");
}

/// INVARIANT: the meeting points ask for what was split off in the incident that shows it, and there alone.
#[tokio::test]
async fn a_split_takes_nothing_from_the_meeting_points() {
    let site = site().await;
    let anna = user("anna", &["handler"], Tlp::Red);
    let one = open(&site, &anna, "one", Tlp::Amber).await;
    fill(&site, &anna, &one).await;
    let log = site.incidents.log(&anna, &one, 0, 100).await.unwrap();
    let is_finding =
        |kept: &&Arc<super::super::Kept>| kept.body.as_ref().is_some_and(|(body, _)| body.kind == "finding/1");
    let entries = log.iter().filter(is_finding).map(|kept| kept.seq).collect();
    let (parties, hosts) = (vec!["Net Q".into()], vec!["192.0.2.7".into()]);
    let two = split(&site, &anna, &one, Chosen { parties, hosts, entries, ..Chosen::default() }).await;
    for number in [&one, &two] {
        start(&site, &anna, number).await;
    }
    assert!(refusal(step(&site, &anna, &two, "notify").await).contains("Net Q"));
    assert!(refusal(step(&site, &anna, &two, "indicators").await).contains("recognise f"));
    step(&site, &anna, &one, "notify").await.unwrap();
    step(&site, &anna, &one, "indicators").await.unwrap();
}

fn task(person: &str) -> Task {
    let (name, title, due) = ("call".to_owned(), "Call the bank".to_owned(), Some(NOW.0 + 1));
    Task { name, title, role: None, person: person.into(), due, done: false, item: String::new() }
}

async fn asked(site: &Site, person: &Person, number: &str) {
    write(site, person, number, "party", json!({"party": "Net A", "status": "told", "text": ""})).await.unwrap();
    let message = json!({"party": "Net A", "incoming": false, "message_id": "a@x.example", "address": "a@net.example",
        "subject": "s", "text": "t", "notice": "", "answer_by": NOW.to_string()});
    let message = Content::from_person("message", message.as_object().unwrap().clone()).unwrap();
    site.incidents.write(Ask::new(person, NOW), number, vec![draft(message, None)]).await.unwrap();
}

async fn due(site: &Site, person: &Person) -> Vec<(String, &'static str, String)> {
    let all = site.incidents.due(person, NOW.plus_seconds(60)).await.unwrap();
    all.into_iter().map(|one| (one.head.number, one.due.kind.word(), one.due.name)).collect()
}

/// INVARIANT: what is to be done is due in exactly one incident, the one that goes on, and is handed over there.
#[tokio::test]
async fn what_is_to_be_done_is_due_where_it_goes_on() {
    let site = site().await;
    let (anna, ben) = (user("anna", &["handler"], Tlp::Red), user("ben", &["handler"], Tlp::Red));
    let (one, two) = (open(&site, &anna, "one", Tlp::Amber).await, open(&site, &anna, "two", Tlp::Amber).await);
    let written = site.incidents.write(Ask::new(&anna, NOW), &one, vec![draft(task("anna"), None)]).await.unwrap();
    let seq = written.entries[0]["seq"].as_u64().unwrap();
    asked(&site, &anna, &one).await;
    let both = |number: &str| {
        vec![(number.to_owned(), "silence", "Net A".to_owned()), (number.to_owned(), "task", "call".to_owned())]
    };
    assert_eq!(due(&site, &anna).await, both(&one));
    merge(&site, &anna, &one, &two, true).await;
    assert_eq!(due(&site, &anna).await, both(&two));
    // Reminders say the same.
    let persons = BTreeMap::from([("anna".to_owned(), anna.clone())]);
    let now = NOW.plus_seconds(60);
    let ask = Reminding { ahead_seconds: &[], titles: Tlp::Red, persons: &persons, now };
    let mut told = Vec::new();
    for (id, _) in site.incidents.may_come_due().await.unwrap() {
        for one in site.incidents.reminders(&id, &ask).await.unwrap().0 {
            told.push((one.incident[1].clone(), one.due.kind.word(), one.receiver, one.is_named));
        }
    }
    told.sort();
    let want = |kind| (two.clone(), kind, "anna".to_owned(), true);
    assert_eq!(told, [want("silence"), want("task")]);
    // Handed over, it is the other's, and stays so.
    let over = HandOver { from: "anna".into(), to: "ben".into(), role: None, open_tasks: true };
    for name in ["anna", "ben"] {
        add_user(&site, name).await;
    }
    let moving = site.incidents.hand_over_preview(Ask::new(&anna, NOW), &two, &over).await.unwrap();
    assert_eq!(moving.rows().iter().filter(|row| row["kind"] == "task").count(), 1);
    site.incidents.hand_over(Ask::new(&anna, NOW), &two, &over).await.unwrap();
    assert_eq!(due(&site, &ben).await, both(&two));
    let shown = site.incidents.show(&ben, &two).await.unwrap();
    assert_eq!(shown.tasks.values().map(|task| task.person.as_str()).collect::<Vec<_>>(), ["ben"]);
    merge(&site, &anna, &one, &two, false).await;
    // What was split off goes on in the new one, also the wait for a party.
    let (parties, entries) = (vec!["Net A".into()], vec![seq]);
    let three = split(&site, &anna, &one, Chosen { parties, entries, ..Chosen::default() }).await;
    let of_both: Vec<_> = due(&site, &anna).await.into_iter().filter(|(number, ..)| *number != two).collect();
    assert_eq!(of_both, both(&three));
}

async fn add_user(site: &Site, name: &str) {
    let user = User {
        name: name.into(),
        full_name: name.into(),
        mail: format!("{name}@cert.example"),
        standing: vec!["handler".parse().unwrap()],
        clearance: Tlp::Red,
        disabled: false,
        made: NOW,
    };
    let password = NewPassword { hash: String::new(), once: false };
    let by = By { who: "root".into(), from: String::new(), at: NOW };
    assert!(site.incidents.store.records.add_user(&user, &password, &by).await.unwrap());
}

/// An answer to what was sent from a merged incident is late where the work was closed.
#[tokio::test]
async fn an_answer_to_a_merged_incident_is_late_where_the_work_was_closed() {
    let site = site().await;
    let anna = user("anna", &["handler"], Tlp::Red);
    let (one, two) = (open(&site, &anna, "one", Tlp::Amber).await, open(&site, &anna, "two", Tlp::Amber).await);
    asked(&site, &anna, &one).await;
    merge(&site, &anna, &one, &two, true).await;
    write(&site, &anna, &two, "status", json!({"status": "closed", "reason": "x"})).await.unwrap();
    assert_eq!(due(&site, &anna).await, []);
    // As mail it lands in the conversation that it answers.
    let answer = json!({"party": "Net A", "incoming": true, "message_id": "b@net.example", "address": "a@net.example",
        "subject": "late", "text": "t", "notice": ""});
    let case = site.incidents.case(&site.incidents.find(&anna, &one).await.unwrap().0.id).await.unwrap();
    let (itself, mut change) = (Person::operator("root"), site.incidents.store.records.change().await.unwrap());
    let drafts = vec![said("message", answer)];
    site.incidents.write_within(&mut change, Ask::new(&itself, NOW), Case::clone(&case), drafts).await.unwrap();
    site.incidents.store.records.commit(change).await.unwrap();
    assert_eq!(due(&site, &anna).await, [(two.clone(), "answer", "Net A".to_owned())]);
    for late in [true, false] {
        let filter = Filter { late, ..Filter::default() };
        let (rows, _) = site.incidents.list(&anna, filter, Slice { limit: 9, below: None }).await.unwrap();
        let rows: Vec<_> = rows.into_iter().map(|row| (row.head.number, row.late_answers)).collect();
        assert!(rows.contains(&(two.clone(), 1)), "{rows:?}");
    }
    // Closed again, it was seen.
    let again = vec![said("status", json!({"status": "closed", "reason": "seen"}))];
    site.incidents.write(Ask::new(&anna, NOW.plus_seconds(9)), &two, again).await.unwrap();
    assert_eq!(due(&site, &anna).await, []);
}

/// A task that somebody else wrote once more for readers of its own does not change how it goes on for the rest.
#[tokio::test]
async fn a_task_is_handed_over_as_who_hands_it_over_sees_it_marked() {
    let site = site().await;
    let [anna, zoe] = ["anna", "zoe"].map(|name| user(name, &["handler"], Tlp::Red));
    let one = open(&site, &anna, "one", Tlp::Amber).await;
    for name in ["ben", "carl", "zoe"] {
        add_user(&site, name).await;
    }
    let only_zoe = Marking { persons: vec!["zoe".into()], ..Marking::of(Tlp::Red) };
    for (who, marking) in [(&anna, Marking::of(Tlp::Amber)), (&zoe, only_zoe)] {
        let drafts = vec![draft(task("ben"), Some(marking))];
        site.incidents.write(Ask::new(who, NOW), &one, drafts).await.unwrap();
    }
    let over = HandOver { from: "ben".into(), to: "carl".into(), role: None, open_tasks: true };
    let moving = site.incidents.hand_over_preview(Ask::new(&anna, NOW), &one, &over).await.unwrap();
    assert_eq!(moving.tasks.iter().map(|(_, marking)| marking.tlp).collect::<Vec<_>>(), [Tlp::Amber]);
}
