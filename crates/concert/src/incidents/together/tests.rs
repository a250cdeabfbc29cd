//! What a merge and a split must not make anybody forget: steps, duties and evidence.

use concert_model::Time;
use concert_model::access::{Forbid, Forbids};
use concert_model::incident::content::{Act, Content, Task};
use concert_model::incident::draft::Draft;
use concert_model::incident::marking::{Marking, Tlp};
use concert_model::user::User;
use concert_store::records::{By, NewPassword};
use serde_json::{Value, json};

use super::super::evidence::NewEvidence;
use super::super::tests::{NOW, Site, draft, new, site, user};
use super::super::{
    Ask, Chosen, Filter, HandOver, Handling, Join, Refused, Reminding, Slice, Split, Written, steps_json,
};
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

/// Merged, each of the two would show what was moved twice or not at all.
#[tokio::test]
async fn what_was_split_off_is_brought_back_and_not_merged() {
    let site = site().await;
    let anna = user("anna", &["handler"], Tlp::Red);
    let one = open(&site, &anna, "one", Tlp::Amber).await;
    fill(&site, &anna, &one).await;
    let two = split(&site, &anna, &one, Chosen { hosts: vec!["192.0.2.7".into()], ..Chosen::default() }).await;
    for pair in [(one.as_str(), two.as_str()), (&two, &one)] {
        let merged = site.incidents.join(Ask::new(&anna, NOW), Join::Merged, pair, true, "the same").await;
        assert!(refusal(merged).contains(&format!("{two} was split off {one}")));
    }
    // Nor by way of another into which it was merged.
    let three = open(&site, &anna, "three", Tlp::Amber).await;
    merge(&site, &anna, &two, &three, true).await;
    let merged = site.incidents.join(Ask::new(&anna, NOW), Join::Merged, (&three, &one), true, "the same").await;
    let why = refusal(merged);
    assert!(why.contains(&format!("{two} was split off {one}, and {two} was merged into {three}")), "{why}");
    // Both come below a third.
    let shown = async || {
        let whole = site.incidents.show(&anna, &three).await.unwrap();
        (whole.hosts.len(), whole.findings.len())
    };
    assert_eq!(shown().await, (1, 0));
    merge(&site, &anna, &one, &three, true).await;
    assert_eq!(shown().await, (1, 1));
    merge(&site, &anna, &one, &three, false).await;
    site.incidents.join(Ask::new(&anna, NOW), Join::Split, (&one, &two), false, "the same").await.unwrap();
    merge(&site, &anna, &two, &three, false).await;
    merge(&site, &anna, &two, &one, true).await;
    let whole = site.incidents.show(&anna, &one).await.unwrap();
    assert!(whole.hosts.contains_key("192.0.2.7"), "{:?}", whole.hosts);
}

/// What is forbidden of a party that came with another incident stays forbidden after something was erased, and who is
/// limited to one goes on seeing it; in the process that erased, and in one that hears of it.
#[tokio::test]
async fn what_came_of_other_incidents_stays_when_something_is_erased() {
    let site = site().await;
    let elsewhere = Incidents::new(site.incidents.store.clone(), &[7; 32], "CERT-EX", Arc::default());
    let anna = user("anna", &["handler"], Tlp::Red);
    let of = BTreeSet::from(["Net A".to_owned()]);
    let forbid = Forbid { name: "Otto works there".into(), of, ..Forbid::default() };
    let otto = Forbids(vec![forbid]).on(user("otto", &["handler"], Tlp::Red));
    let hen = user("hen", &["handler:Net A"], Tlp::Red);
    let party = json!({"party": "Net A", "status": "unknown", "text": ""});
    let (one, two) = (open(&site, &anna, "one", Tlp::Amber).await, open(&site, &anna, "two", Tlp::Amber).await);
    write(&site, &anna, &one, "party", party.clone()).await.unwrap();
    merge(&site, &anna, &one, &two, true).await;
    let source = open(&site, &anna, "source", Tlp::Amber).await;
    write(&site, &anna, &source, "party", party).await.unwrap();
    let part = split(&site, &anna, &source, Chosen { parties: vec!["Net A".into()], ..Chosen::default() }).await;
    for number in [&two, &part] {
        let lead = json!({"role": "site-lead", "person": "anna", "party": "", "holds": true});
        write(&site, &anna, number, "role", lead).await.unwrap();
    }
    let sees = async |incidents: &Incidents| {
        let mut seen = Vec::new();
        for (person, number) in [(&otto, &two), (&hen, &part)] {
            let all = Slice { limit: 10, below: None };
            let (list, _) = incidents.list(person, Filter::default(), all).await.unwrap();
            let is_listed = list.iter().any(|one| one.head.number == *number);
            seen.push((incidents.show(person, number).await.is_ok(), is_listed));
        }
        seen
    };
    let right = [(false, false), (true, true)];
    assert_eq!((sees(&site.incidents).await, sees(&elsewhere).await), (right.to_vec(), right.to_vec()));
    for number in [&two, &part] {
        let note = write(&site, &anna, number, "note", json!({"text": "x"})).await.unwrap();
        let seq = note.entries[0]["seq"].as_u64().unwrap();
        assert_eq!(sees(&elsewhere).await, right);
        site.incidents.erase_entry(Ask::new(&anna, NOW), number, seq, "a mistake").await.unwrap();
    }
    assert_eq!(sees(&elsewhere).await, right, "in the process that hears of it");
    assert_eq!(sees(&site.incidents).await, right, "in the process that erased");
    // What is written as part of a change reads it anew, too.
    let note = write(&site, &anna, &two, "note", json!({"text": "y"})).await.unwrap();
    let seq = note.entries[0]["seq"].as_u64().unwrap();
    sees(&elsewhere).await;
    site.incidents.erase_entry(Ask::new(&anna, NOW), &two, seq, "a mistake").await.unwrap();
    let draft = said("note", json!({"text": "z"}));
    elsewhere.write(Ask::new(&anna, NOW), &two, vec![draft]).await.unwrap();
    assert_eq!((sees(&site.incidents).await, sees(&elsewhere).await), (right.to_vec(), right.to_vec()));
}

/// Who sees what a split moved by a role that is limited to a party of it counts among those who see it there.
#[tokio::test]
async fn who_sees_what_a_split_moved_is_answered_as_it_shows() {
    let site = site().await;
    let (anna, ben) = (user("anna", &["handler"], Tlp::Red), user("ben", &["reader:Net B"], Tlp::Red));
    let hen = user("hen", &["handler:Net A"], Tlp::Red);
    let source = open(&site, &anna, "source", Tlp::Amber).await;
    let party = json!({"party": "Net A", "status": "unknown", "text": ""});
    let seq = write(&site, &anna, &source, "party", party).await.unwrap().entries[0]["seq"].as_u64().unwrap();
    let part = split(&site, &anna, &source, Chosen { parties: vec!["Net A".into()], ..Chosen::default() }).await;
    let log = site.incidents.log(&hen, &part, 0, 100).await.unwrap();
    assert!(log.iter().any(|kept| kept.seq == seq) && site.incidents.show(&hen, &source).await.is_err());
    let persons = [anna.clone(), ben, hen];
    for (name, want) in [(&part, [true, false, true]), (&source, [true, false, false])] {
        let decided = site.incidents.why(Ask::new(&anna, NOW), name, Some(seq), &persons, Action::See).await;
        let decided: Vec<bool> = decided.unwrap().iter().map(|decision| decision.allowed).collect();
        assert_eq!(decided, want, "{name}");
    }
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

/// A process with a decision that comes into force by itself.
const DUTY: &str = r#"
name = "duty"
version = 1
title = "Duty"
description = "One that goes on by itself."
for = ["scanner"]

[[step]]
id = "call"
title = "Call them"
track = "response"
phase = "detect"
kind = "action"
role = "coordinator"
text = "Do it."
due = "1h"

[[step]]
id = "decide"
title = "Contain or hold"
track = "response"
phase = "notify"
kind = "decision"
role = "site-lead"
text = "Decide."
needs = ["call"]
due = "2h"
outcomes = ["contain", "watch"]
default = "contain"
hold_max = "1d"
meets = "contain-or-hold"

[[step]]
id = "cut"
title = "Cut it off"
track = "response"
phase = "contain"
kind = "action"
role = "responder"
text = "Do it."
needs = ["decide=contain"]
due = "1h"

[[step]]
id = "look"
title = "Watch it"
track = "investigation"
phase = "collect"
kind = "action"
role = "responder"
text = "Do it."
needs = ["decide=watch"]
due = "1h"

[[step]]
id = "close"
title = "Close"
track = "response"
phase = "close"
kind = "action"
role = "coordinator"
text = "Do it."
needs = ["cut", "look"]
due = "1d"
meets = "closing"
"#;

async fn begin(site: &Site, person: &Person, number: &str) {
    let members = json!({"run": "duty", "name": "duty", "version": 1, "definition": DUTY});
    write(site, person, number, "process", members).await.unwrap();
}

async fn done(site: &Site, person: &Person, (number, run): (&str, &str), step: &str) -> Result<Written, Refused> {
    let members = json!({"run": run, "step": step, "deed": "done", "outcome": "", "until": null, "reason": ""});
    write(site, person, number, "step", members).await
}

/// The steps that are ready or done, as they are told by the number of an incident.
async fn stands(site: &Site, person: &Person, number: &str, now: Time) -> Vec<String> {
    let rows = steps_json(site.incidents.progress(person, number, now).await.unwrap());
    let of = |row: &Value, name: &str| row[name].as_str().unwrap_or_default().to_owned();
    let told = rows.iter().map(|row| [of(row, "run"), of(row, "step"), of(row, "state")].join(" "));
    told.filter(|told| !told.ends_with("waiting") && !told.ends_with("not taken")).collect()
}

/// INVARIANT: a run goes on in the incident into which its own was merged: due, done, decided by itself and asked for at the
/// end there, and nowhere else. Taken out again, its own has it with what was done meanwhile.
#[tokio::test]
async fn a_run_of_a_merged_incident_goes_on_where_it_shows() {
    let site = site().await;
    let anna = user("anna", &["handler"], Tlp::Red);
    let (one, two) = (open(&site, &anna, "one", Tlp::Amber).await, open(&site, &anna, "two", Tlp::Amber).await);
    begin(&site, &anna, &one).await;
    let step = |number: &str, name: &str| (number.to_owned(), "step", name.to_owned());
    assert_eq!(due(&site, &anna).await, [step(&one, "duty/call")]);
    merge(&site, &anna, &one, &two, true).await;
    assert_eq!(due(&site, &anna).await, [step(&two, "duty/call")]);
    let (persons, now) = (BTreeMap::from([("anna".to_owned(), anna.clone())]), NOW.plus_seconds(7_200));
    let ask = Reminding { ahead_seconds: &[], titles: Tlp::Red, persons: &persons, now };
    let mut told = Vec::new();
    for (id, _) in site.incidents.may_come_due().await.unwrap() {
        for one in site.incidents.reminders(&id, &ask).await.unwrap().0 {
            told.push((one.incident[1].clone(), one.due.name, one.receiver, one.is_named));
        }
    }
    assert_eq!(told, [(two.clone(), "duty/call".to_owned(), "anna".to_owned(), true)]);
    // It is done by the number of the one that goes on, and written where the run was begun.
    let written = done(&site, &anna, (&two, "duty"), "call").await.unwrap();
    assert_eq!(written.number, one);
    let status = json!({"status": "closed", "reason": "x"});
    assert!(refusal(write(&site, &anna, &two, "status", status.clone()).await).contains("has not come to its end"));
    // What nobody decides comes into force.
    let later = NOW.plus_seconds(3 * 3_600);
    assert_eq!(site.incidents.settle_defaults(later).await.unwrap(), 1);
    assert_eq!(site.incidents.settle_defaults(later).await.unwrap(), 0);
    let want = ["duty call done", "duty decide done", "duty cut ready"];
    for number in [&one, &two] {
        assert_eq!(stands(&site, &anna, number, later).await, want, "{number}");
    }
    // The number of the merged one leads there too.
    done(&site, &anna, (&one, "duty"), "cut").await.unwrap();
    // One of that name may be begun in the other as well, and both are told apart.
    begin(&site, &anna, &two).await;
    let other = format!("duty ({one})");
    let both = [step(&two, "duty/call"), step(&two, &format!("{other}/close"))];
    assert_eq!(due(&site, &anna).await, both);
    assert!(refusal(done(&site, &anna, (&two, &other), "close").await).contains("nobody was asked"));
    write(&site, &anna, &two, "feedback", json!({"run": other, "answers": []})).await.unwrap();
    assert_eq!(done(&site, &anna, (&two, &other), "close").await.unwrap().number, one);
    assert_eq!(due(&site, &anna).await, [step(&two, "duty/call")]);
    // Each has its own again.
    merge(&site, &anna, &one, &two, false).await;
    assert_eq!(due(&site, &anna).await, [step(&two, "duty/call")]);
    assert_eq!(stands(&site, &anna, &one, later).await.last().unwrap(), "duty close done");
    assert_eq!(stands(&site, &anna, &two, later).await, ["duty call overdue"]);
    // What was over when it was merged stays so, whatever is found where it shows.
    write(&site, &anna, &one, "status", status.clone()).await.unwrap();
    let three = open(&site, &anna, "three", Tlp::Amber).await;
    fill(&site, &anna, &three).await;
    merge(&site, &anna, &one, &three, true).await;
    assert_eq!(due(&site, &anna).await, [step(&two, "duty/call")]);
    write(&site, &anna, &three, "status", status).await.unwrap();
}

/// A run is followed by who may do that where it goes on, and sees it; the others learn nothing of it.
#[tokio::test]
async fn whoever_follows_where_a_run_goes_on_follows_it() {
    let site = site().await;
    let anna = user("anna", &["handler"], Tlp::Red);
    let (one, two) = (open(&site, &anna, "one", Tlp::AmberStrict).await, open(&site, &anna, "two", Tlp::Amber).await);
    let three = open(&site, &anna, "three", Tlp::AmberStrict).await;
    let [rita, paul] = ["rita", "paul"].map(|name| user(name, &["reader"], Tlp::AmberStrict));
    let gus = user("gus", &["handler"], Tlp::Amber);
    let role = |person: &str| json!({"role": "responder", "person": person, "party": "", "holds": true});
    write(&site, &anna, &one, "role", role("paul")).await.unwrap();
    write(&site, &anna, &two, "role", role("rita")).await.unwrap();
    begin(&site, &anna, &one).await;
    merge(&site, &anna, &one, &two, true).await;
    let paul_does = done(&site, &paul, (&two, "duty"), "call").await;
    assert!(matches!(&paul_does, Err(Refused::Denied(_))), "{paul_does:?}");
    // Who does not see the one that has it is told that there is none, and that closing must wait.
    let gus_does = done(&site, &gus, (&two, "duty"), "call").await;
    assert!(matches!(&gus_does, Err(Refused::Absent(why)) if why.what == "there is no run `duty`"), "{gus_does:?}");
    assert_eq!(due(&site, &gus).await, []);
    done(&site, &rita, (&two, "duty"), "call").await.unwrap();
    let closes = refusal(write(&site, &gus, &two, "status", json!({"status": "closed", "reason": "x"})).await);
    assert!(closes.starts_with("something in this incident that you may not see"), "{closes}");
    // Over two steps it goes on in the last; who does not see that is told that this one was merged, and no more.
    merge(&site, &anna, &two, &three, true).await;
    assert_eq!(site.incidents.settle_defaults(NOW.plus_seconds(3 * 3_600)).await.unwrap(), 1);
    let seen = due(&site, &anna).await;
    assert_eq!(seen, [(three.clone(), "step", "duty/cut".to_owned())]);
    assert_eq!(done(&site, &anna, (&two, "duty"), "cut").await.unwrap().number, one);
}

/// What stays in the incident off which a task was split says nothing of it: neither how it is marked when it is handed over,
/// nor how it is told in a reminder. Nor does what a receiver does not see.
#[tokio::test]
async fn how_a_task_is_marked_follows_from_what_shows_of_it() {
    let site = site().await;
    let [anna, ben, zoe] = ["anna", "ben", "zoe"].map(|name| user(name, &["handler"], Tlp::Red));
    let one = open(&site, &anna, "one", Tlp::Amber).await;
    for name in ["ben", "carl", "zoe"] {
        add_user(&site, name).await;
    }
    let write_task = async |who: &Person, number: &str, marking: Marking| {
        let drafts = vec![draft(task("ben"), Some(marking))];
        let written = site.incidents.write(Ask::new(who, NOW), number, drafts).await.unwrap();
        written.entries[0]["seq"].as_u64().unwrap()
    };
    let seq = write_task(&anna, &one, Marking::of(Tlp::Amber)).await;
    write_task(&anna, &one, Marking::of(Tlp::AmberStrict)).await;
    let two = split(&site, &anna, &one, Chosen { entries: vec![seq], ..Chosen::default() }).await;
    let over = HandOver { from: "ben".into(), to: "carl".into(), role: None, open_tasks: true };
    for (number, want) in [(&two, Tlp::Amber), (&one, Tlp::AmberStrict)] {
        let moving = site.incidents.hand_over_preview(Ask::new(&anna, NOW), number, &over).await.unwrap();
        assert_eq!(moving.tasks.iter().map(|(_, marking)| marking.tlp).collect::<Vec<_>>(), [want], "{number}");
    }
    let three = open(&site, &anna, "three", Tlp::Amber).await;
    write_task(&anna, &three, Marking::of(Tlp::Amber)).await;
    write_task(&zoe, &three, Marking { persons: vec!["zoe".into()], ..Marking::of(Tlp::Red) }).await;
    let persons = BTreeMap::from([("ben".to_owned(), ben)]);
    let ask = Reminding { ahead_seconds: &[], titles: Tlp::Amber, persons: &persons, now: NOW.plus_seconds(60) };
    let mut told = Vec::new();
    for (id, _) in site.incidents.may_come_due().await.unwrap() {
        let reminders = site.incidents.reminders(&id, &ask).await.unwrap().0;
        told.extend(reminders.into_iter().map(|one| (one.incident[1].clone(), one.receiver, one.is_named)));
    }
    told.sort();
    let mut want = vec![(one, "ben".to_owned(), false), (two, "ben".to_owned(), true), (three, "ben".to_owned(), true)];
    want.sort();
    assert_eq!(told, want);
}
