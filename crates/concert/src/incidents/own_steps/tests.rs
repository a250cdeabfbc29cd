//! What an affected party does of a process itself, and what it learns by that.

use std::collections::BTreeMap;

use concert_model::access::Person;
use concert_model::incident::content::Content;
use concert_model::incident::marking::{Marking, Tlp};
use serde_json::{Value, json};

use super::super::tests::{NOW, Site, draft, new, site, user};
use super::super::{Ask, Join, Refused, Reminding, Written, steps_json};

/// A process with two steps of the affected party, one of which waits for what is none of its business.
const CLEAN: &str = r#"
name = "cleaning"
version = 1
title = "Cleaning"
description = "The party cleans, and others look."
for = ["scanner"]

[[step]]
id = "secret"
title = "Listen in secret"
track = "investigation"
phase = "collect"
kind = "action"
role = "investigator"
text = "Do it."
due = "1h"

[[step]]
id = "back-up"
title = "Take a copy"
track = "response"
phase = "remove"
kind = "action"
role = "affected-party"
text = "Do it."
due = "2h"

[[step]]
id = "clean"
title = "Install anew"
track = "response"
phase = "remove"
kind = "action"
role = "affected-party"
text = "Do it."
needs = ["secret"]
due = "2h"

[[step]]
id = "close"
title = "Close"
track = "response"
phase = "close"
kind = "action"
role = "coordinator"
text = "Do it."
needs = ["clean", "back-up"]
meets = "closing"
"#;

async fn write(site: &Site, person: &Person, number: &str, kind: &str, members: Value) -> Result<Written, Refused> {
    let drafts = vec![draft(Content::read(&format!("{kind}/1"), &members), None)];
    site.incidents.write(Ask::new(person, NOW), number, drafts).await
}

async fn speaks(site: &Site, person: &Person, number: &str, (who, party): (&str, &str)) {
    write(site, person, number, "party", json!({"party": party, "status": "told", "text": ""})).await.unwrap();
    let role = json!({"role": "affected-party", "person": who, "party": party, "holds": true});
    write(site, person, number, "role", role).await.unwrap();
}

async fn begin(site: &Site, person: &Person, number: &str, party: &str) {
    let members = json!({"run": "cleaning", "name": "cleaning", "version": 1, "definition": CLEAN, "party": party});
    write(site, person, number, "process", members).await.unwrap();
}

async fn mark(site: &Site, person: &Person, number: &str, (step, deed): (&str, &str), reason: &str) -> String {
    let members =
        json!({"run": "cleaning", "step": step, "deed": deed, "outcome": "", "until": null, "reason": reason});
    match write(site, person, number, "step", members).await {
        Ok(_) => "ok".into(),
        Err(Refused::Wrong(problem)) => problem.what,
        Err(Refused::Denied(decision)) => format!("denied: {}", decision.policy),
        Err(other) => format!("{other:?}"),
    }
}

async fn told(site: &Site, person: &Person, number: &str) -> Vec<String> {
    let rows = steps_json(site.incidents.progress(person, number, NOW).await.unwrap());
    let of = |row: &Value, name: &str| row[name].as_str().unwrap_or("-").to_owned();
    rows.iter().map(|row| ["step", "state", "by", "note"].map(|name| of(row, name)).join(" ")).collect()
}

async fn due(site: &Site, person: &Person) -> Vec<(String, String)> {
    let all = site.incidents.due(person, NOW.plus_seconds(60)).await.unwrap();
    all.into_iter().map(|one| (one.due.name, one.due.persons.into_iter().collect::<Vec<_>>().join(","))).collect()
}

/// INVARIANT: whoever answers for an affected party sees and does the steps that are its own of a process that concerns it,
/// and sees nothing else of it; nobody of another party does or sees them.
#[tokio::test]
async fn an_affected_party_does_its_own_steps_and_no_others() {
    let site = site().await;
    let anna = user("anna", &["handler"], Tlp::Red);
    let [otto, uma] = ["otto", "uma"].map(|name| user(name, &[], Tlp::Amber));
    let opened = site.incidents.open(Ask::new(&anna, NOW), new("one", Marking::of(Tlp::Amber), Vec::new())).await;
    let one = opened.unwrap().number;
    speaks(&site, &anna, &one, ("otto", "Net A")).await;
    speaks(&site, &anna, &one, ("uma", "Net B")).await;
    begin(&site, &anna, &one, "Net A").await;
    assert_eq!(told(&site, &otto, &one).await, ["back-up ready - -", "clean waiting - -"]);
    assert_eq!(told(&site, &uma, &one).await, [] as [String; 0]);
    // It is due for whoever answers for that party, who is reminded.
    let own = ("cleaning/back-up".to_owned(), "otto".to_owned());
    assert_eq!((due(&site, &otto).await, due(&site, &uma).await), (vec![own], vec![]));
    let persons = [&anna, &otto, &uma].map(|person| (person.name.clone(), person.clone()));
    let (persons, now) = (BTreeMap::from(persons), NOW.plus_seconds(3 * 3_600));
    let ask = Reminding { ahead_seconds: &[], titles: Tlp::Red, persons: &persons, now };
    let mut reminded = Vec::new();
    for (id, _) in site.incidents.may_come_due().await.unwrap() {
        let (all, _) = site.incidents.reminders(&id, &ask).await.unwrap();
        reminded.extend(all.into_iter().map(|one| format!("{} {}", one.due.name, one.receiver)));
    }
    assert_eq!(reminded, ["cleaning/secret anna", "cleaning/back-up otto"]);
    let check = async |person: &Person, step: (&str, &str), want: &str| {
        assert_eq!(mark(&site, person, &one, step, "").await, want, "{} {step:?}", person.name);
    };
    // What is not its own, or not there, is refused in the same words, whoever asks.
    for step in ["secret", "close", "nothing"] {
        check(&otto, (step, "done"), "denied: role").await;
    }
    for step in ["back-up", "clean", "secret"] {
        check(&uma, (step, "done"), "denied: role").await;
    }
    check(&otto, ("back-up", "held"), "denied: role").await;
    check(&otto, ("clean", "done"), "`clean` waits for steps before it, which are not yours").await;
    check(&otto, ("back-up", "skipped"), "to skip `back-up` needs a reason").await;
    check(&otto, ("back-up", "done"), "ok").await;
    check(&otto, ("back-up", "done"), "`back-up` is settled already").await;
    check(&anna, ("secret", "done"), "ok").await;
    assert_eq!(mark(&site, &otto, &one, ("clean", "skipped"), "It was thrown away").await, "ok");
    let all = ["back-up done otto -", "clean skipped otto It was thrown away"];
    assert_eq!(told(&site, &otto, &one).await, all);
    assert_eq!(told(&site, &anna, &one).await[1..3], all);
    assert_eq!(due(&site, &otto).await, []);
    // The role taken, nothing of it is left.
    let role = json!({"role": "affected-party", "person": "otto", "party": "Net A", "holds": false});
    write(&site, &anna, &one, "role", role).await.unwrap();
    assert!(site.incidents.progress(&otto, &one, NOW).await.is_err());
}

/// A step of its own is named in the reminder of whoever answers for a party as the run allows it, and not by what it reads.
#[tokio::test]
async fn a_reminder_of_an_own_step_names_it_as_its_run_is_marked() {
    let site = site().await;
    let anna = user("anna", &["handler"], Tlp::Red);
    let otto = user("otto", &[], Tlp::Amber);
    let opened = site.incidents.open(Ask::new(&anna, NOW), new("one", Marking::of(Tlp::Amber), Vec::new())).await;
    let one = opened.unwrap().number;
    speaks(&site, &anna, &one, ("otto", "Net A")).await;
    begin(&site, &anna, &one, "Net A").await;
    let persons = BTreeMap::from([(otto.name.clone(), otto.clone())]);
    let now = NOW.plus_seconds(3 * 3_600);
    for (titles, want) in [(Tlp::Amber, true), (Tlp::Green, false)] {
        let ask = Reminding { ahead_seconds: &[], titles, persons: &persons, now };
        let mut named = Vec::new();
        for (id, _) in site.incidents.may_come_due().await.unwrap() {
            let (all, _) = site.incidents.reminders(&id, &ask).await.unwrap();
            let own = all.into_iter().filter(|one| one.receiver == "otto");
            named.extend(own.map(|one| (one.due.name, one.is_named)));
        }
        assert_eq!(named, [("cleaning/back-up".to_owned(), want)], "{titles}");
    }
}

/// A process concerns the only party that takes part, and no longer is it asked which one when another incident shows here;
/// what stays within the site stays there.
#[tokio::test]
async fn a_process_concerns_the_only_party_and_what_is_ours_alone_stays() {
    let site = site().await;
    let anna = user("anna", &["handler"], Tlp::Red);
    let otto = user("otto", &[], Tlp::Amber);
    let mut numbers = Vec::new();
    for title in ["one", "two", "three"] {
        let opened = site.incidents.open(Ask::new(&anna, NOW), new(title, Marking::of(Tlp::Amber), Vec::new())).await;
        numbers.push(opened.unwrap().number);
    }
    let [one, two, three] = numbers.try_into().unwrap();
    speaks(&site, &anna, &one, ("otto", "Net A")).await;
    begin(&site, &anna, &one, "").await;
    assert_eq!(told(&site, &otto, &one).await.len(), 2);
    speaks(&site, &anna, &two, ("uma", "Net B")).await;
    let ask = Ask::new(&anna, NOW);
    site.incidents.join(ask, Join::Merged, (&two, &one), true, "the same").await.unwrap();
    assert_eq!(told(&site, &otto, &one).await.len(), 2);
    assert_eq!(mark(&site, &otto, &one, ("back-up", "done"), "").await, "ok");
    // With another party in the incident itself it must be said which one is meant.
    speaks(&site, &anna, &one, ("uma", "Net B")).await;
    assert_eq!(told(&site, &otto, &one).await, [] as [String; 0]);
    speaks(&site, &anna, &three, ("otto", "Net A")).await;
    let members = json!({"run": "cleaning", "name": "cleaning", "version": 1, "definition": CLEAN, "party": "Net A"});
    let ours = draft(Content::read("process/1", &members), Some(Marking::of(Tlp::AmberStrict)));
    site.incidents.write(Ask::new(&anna, NOW), &three, vec![ours]).await.unwrap();
    assert_eq!(told(&site, &otto, &three).await, [] as [String; 0]);
    assert_eq!(mark(&site, &otto, &three, ("back-up", "done"), "").await, "denied: role");
}
