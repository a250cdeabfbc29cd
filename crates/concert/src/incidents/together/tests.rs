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
