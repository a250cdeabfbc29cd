//! Who may see, read, handle and release evidence; what the others get.

use std::collections::BTreeSet;
use std::io::Read;
use std::sync::Arc;

use concert_model::Time;
use concert_model::access::{Forbid, Forbids};
use concert_model::incident::PartyStatus;
use concert_model::incident::content::{Act, Marked, Note, PartyMoved, Role, RoleMoved, Severity};
use concert_model::incident::draft::NewIncident;
use concert_model::incident::marking::Tlp;
use concert_model::user::{Standing, StandingRole};
use concert_store::Store;

use super::*;

const NOW: Time = Time(1_795_323_030_000_000);

fn person(name: &str, role: Option<StandingRole>, clearance: Tlp) -> Person {
    let standing = role.map(|role| Standing { role, constituency: None }).into_iter().collect();
    Person { name: name.into(), is_operator: false, standing, clearance, ..Person::nobody() }
}

fn handling(act: Act) -> Handling {
    Handling { act, whom: String::new(), place: "desk".into(), reason: "asked".into() }
}

fn new(name: &str, marking: Option<Marking>) -> NewEvidence {
    NewEvidence { name: name.into(), text: String::new(), marking, handling: handling(Act::Collected) }
}

fn red(name: &str) -> Option<Marking> {
    Some(Marking { persons: vec![name.into()], ..Marking::of(Tlp::Red) })
}

fn plain(content: impl Into<Content>) -> Draft {
    Draft { content: content.into(), marking: None, minutes: 0 }
}

fn takes_part(party: &str) -> PartyMoved {
    PartyMoved { party: party.into(), status: PartyStatus::Told, text: String::new() }
}

async fn incident(data: &std::path::Path) -> (Incidents, Person, String) {
    let store = Store::open(data).await.unwrap();
    let incidents = Incidents::new(store, &[7; 32], "X", Arc::default());
    let anna = person("anna", Some(StandingRole::Handler), Tlp::Red);
    let marking = Marking::of(Tlp::Amber);
    let (title, classification) = ("t".into(), "scanner".into());
    let new = NewIncident { title, classification, severity: Severity::High, marking, drafts: Vec::new() };
    let number = incidents.open(Ask::new(&anna, NOW), new).await.unwrap().number;
    (incidents, anna, number)
}

/// INVARIANT: whoever may not see evidence gets what a missing one gives, whatever is asked.
#[tokio::test]
async fn hidden_evidence_is_answered_like_a_missing_one() {
    let dir = tempfile::tempdir().unwrap();
    let (incidents, anna, number) = incident(dir.path()).await;
    let added = incidents.add(Ask::new(&anna, NOW), &number, new("x", red("anna")), &b"abc"[..]).await.unwrap();
    let ben = person("ben", Some(StandingRole::Handler), Tlp::Red);
    let stranger = person("eve", None, Tlp::Red);
    let before = incidents.export(&anna, &number).await.unwrap().collect::<Vec<_>>();
    for other in [&ben, &stranger] {
        for sha256 in [added.sha256.as_str(), added.sha256.split_at(8).0, &"0".repeat(64)] {
            let ask = Ask::new(other, NOW);
            assert_eq!(incidents.open_evidence(ask, &number, sha256, None).await.err(), Some(Refused::Missing));
            let told = incidents.open_evidence(ask, &number, sha256, Some(handling(Act::Copied))).await.err();
            assert_eq!(told, Some(Refused::Missing));
            for act in [Act::Moved, Act::Destroyed] {
                let told = incidents.handle(ask, &number, sha256, handling(act)).await;
                assert_eq!(told.err(), Some(Refused::Missing));
            }
            let told = incidents.derive(ask, &number, sha256, new("y", None), &b"abd"[..]).await;
            assert_eq!(told.err(), Some(Refused::Missing));
            let told = incidents.release(ask, &number, sha256, "Police", "asked").await;
            assert_eq!(told.err(), Some(Refused::Missing));
        }
    }
    assert_eq!(incidents.export(&anna, &number).await.unwrap().collect::<Vec<_>>(), before);
    assert_eq!(incidents.store.evidence.list().unwrap().0.len(), 1);
    assert!(incidents.show(&ben, &number).await.unwrap().evidence.is_empty());
}

/// INVARIANT: bringing the same bytes tells nothing of who holds them, and takes nothing from those.
#[tokio::test]
async fn the_same_bytes_of_another_stay() {
    let dir = tempfile::tempdir().unwrap();
    let (incidents, anna, number) = incident(dir.path()).await;
    let (ben, ask) = (person("ben", Some(StandingRole::Handler), Tlp::Amber), Ask::new(&anna, NOW));
    let added = incidents.add(ask, &number, new("x", red("anna")), &b"abc"[..]).await.unwrap();
    let again = incidents.add(Ask::new(&ben, NOW), &number, new("mine", None), &b"abc"[..]).await.unwrap();
    assert_eq!(again.sha256, added.sha256);
    incidents.handle(ask, &number, &added.sha256, handling(Act::Moved)).await.unwrap();
    let seen = incidents.show(&ben, &number).await.unwrap();
    assert_eq!(seen.evidence[&added.sha256].custody.len(), 1, "what ben did, and nothing that anna did");
    incidents.handle(Ask::new(&ben, NOW), &number, &added.sha256, handling(Act::Destroyed)).await.unwrap();
    assert!(incidents.open_evidence(Ask::new(&ben, NOW), &number, &added.sha256, None).await.is_err());
    let mut text = String::new();
    let reading = incidents.open_evidence(ask, &number, &added.sha256, None).await.unwrap();
    { reading }.reader.read_to_string(&mut text).unwrap();
    assert_eq!(text, "abc");
    incidents.handle(ask, &number, &added.sha256, handling(Act::Destroyed)).await.unwrap();
    assert!(incidents.store.evidence.list().unwrap().0.is_empty());
}

/// Reading takes no more than seeing, and is written down; everything else takes its right.
#[tokio::test]
async fn a_reader_is_written_down_and_may_do_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let (incidents, anna, number) = incident(dir.path()).await;
    let reader = person("rob", Some(StandingRole::Reader), Tlp::Amber);
    let (ask, asked) = (Ask::new(&anna, NOW), Ask::new(&reader, NOW));
    let sha256 = incidents.add(ask, &number, new("x", None), &b"abc"[..]).await.unwrap().sha256;
    incidents.open_evidence(asked, &number, &sha256, Some(handling(Act::Copied))).await.unwrap();
    let state = incidents.show(&anna, &number).await.unwrap();
    let (last, _) = state.evidence[&sha256].custody.last().unwrap();
    assert_eq!((last.act, last.person.as_str()), (Act::Copied, "rob"));
    let denied = |refused: Option<Refused>| assert!(matches!(refused, Some(Refused::Denied(_))), "{refused:?}");
    denied(incidents.add(asked, &number, new("y", None), &b"abd"[..]).await.err());
    denied(incidents.derive(asked, &number, &sha256, new("y", None), &b"abd"[..]).await.err());
    denied(incidents.handle(asked, &number, &sha256, handling(Act::Destroyed)).await.err());
    denied(incidents.release(asked, &number, &sha256, "Police", "asked").await.err());
    let bag = dir.path().join("bag");
    let bar = indicatif::ProgressBar::hidden;
    denied(incidents.export_evidence(asked, &number, (&bag, Some("Police")), "", bar()).await.err());
    assert_eq!(incidents.store.evidence.list().unwrap().0.len(), 1, "what was refused keeps nothing");
    // A second person with the right makes a release count.
    let lead = RoleMoved { role: Role::SiteLead, person: "ben".into(), party: String::new(), holds: true };
    incidents.write(ask, &number, vec![plain(lead), plain(takes_part("Police"))]).await.unwrap();
    let ben = person("ben", None, Tlp::Amber);
    assert!(!incidents.release(ask, &number, &sha256, "Police", "asked").await.unwrap().1);
    assert!(incidents.release(Ask::new(&ben, NOW), &number, &sha256, "Police", "agreed").await.unwrap().1);
    let exported = incidents.export_evidence(ask, &number, (&bag, Some("Police")), "", bar()).await.unwrap();
    assert_eq!(exported.evidence, 1);
}

/// INVARIANT: evidence that was marked too openly is closed with all that is written about it, and never opened further
/// than it was added.
#[tokio::test]
async fn evidence_is_closed_with_its_custody_and_opened_no_further_than_it_was_added() {
    let dir = tempfile::tempdir().unwrap();
    let (incidents, anna, number) = incident(dir.path()).await;
    let (rob, dora) = (person("rob", Some(StandingRole::Reader), Tlp::Amber), person("dora", None, Tlp::Red));
    let (ask, rob_asks) = (Ask::new(&anna, NOW), Ask::new(&rob, NOW));
    // Whoever brings it is no coordinator: author of the evidence, and not of what others did with it.
    let role = RoleMoved { role: Role::Responder, person: "dora".into(), party: String::new(), holds: true };
    incidents.write(ask, &number, vec![plain(role)]).await.unwrap();
    let dora_asks = Ask::new(&dora, NOW);
    let added = incidents.add(dora_asks, &number, new("ledger.csv", None), &b"abc"[..]).await.unwrap();
    let (sha256, seq) = (added.sha256, added.written.entries[0]["seq"].as_u64().unwrap());
    incidents.open_evidence(rob_asks, &number, &sha256, Some(handling(Act::Copied))).await.unwrap();
    let reads = async |person: &Person| {
        let log = incidents.log(person, &number, 0, 100).await.unwrap();
        let names_it = log.iter().any(|kept| crate::incidents::entry_json(kept).to_string().contains(&sha256));
        let opened = incidents.open_evidence(Ask::new(person, NOW), &number, &sha256, None).await;
        let custody = incidents.show(person, &number).await.unwrap().evidence.get(&sha256).map(|one| one.custody.len());
        (names_it, opened.err(), custody)
    };
    let mark = async |person: &Person, seq: u64, marking: Marking| {
        let marked = Marked { marking, reason: "it names customers".into() };
        incidents.mark_entry(Ask::new(person, NOW), &number, seq, marked).await
    };
    assert_eq!(reads(&rob).await, (true, None, Some(2)));
    let closed = Marking { persons: vec!["anna".into(), "dora".into()], ..Marking::of(Tlp::Red) };
    assert_eq!(mark(&dora, seq, closed.clone()).await.unwrap().entries.len(), 3);
    assert_eq!(reads(&rob).await, (false, Some(Refused::Missing), None));
    assert_eq!(reads(&dora).await, (true, None, Some(2)));
    incidents.rebuild().await.unwrap();
    assert_eq!(reads(&rob).await, (false, Some(Refused::Missing), None));
    // What was done since stays closed, and what was opened again is what was added.
    incidents.handle(dora_asks, &number, &sha256, handling(Act::Moved)).await.unwrap();
    let wider = mark(&anna, seq, Marking::of(Tlp::Green)).await.unwrap_err();
    assert!(format!("{wider:?}").contains("not marked more openly than it was added, TLP:amber"), "{wider:?}");
    let custody = incidents.log(&anna, &number, 0, 100).await.unwrap();
    let custody = custody.iter().find(|kept| kept.body.as_ref().unwrap().0.kind == "custody/1").unwrap().seq;
    let alone = mark(&anna, custody, Marking::of(Tlp::Amber)).await.unwrap_err();
    assert!(format!("{alone:?}").contains("the others go with it"), "{alone:?}");
    assert!(mark(&dora, seq, Marking::of(Tlp::Amber)).await.is_ok());
    assert_eq!((reads(&rob).await, reads(&anna).await.2), ((true, None, Some(2)), Some(3)));
    // Once it is destroyed under a closer marking, it is not opened: whoever sees it there would miss its end.
    mark(&anna, seq, closed).await.unwrap();
    incidents.handle(ask, &number, &sha256, handling(Act::Destroyed)).await.unwrap();
    let gone = mark(&anna, seq, Marking::of(Tlp::Amber)).await.unwrap_err();
    assert!(format!("{gone:?}").contains("it was destroyed"), "{gone:?}");
    let verified = crate::incidents::verify_journals(&incidents.store).await.unwrap();
    assert!(verified.problems.is_empty(), "{:?}", verified.problems);
}

/// INVARIANT: a bag tells a party nothing that whoever makes it may not read, also where the party might.
#[tokio::test]
async fn a_bag_for_a_party_holds_nothing_that_whoever_exports_does_not_see() {
    let dir = tempfile::tempdir().unwrap();
    let (incidents, anna, number) = incident(dir.path()).await;
    let green = Marking::of(Tlp::Green);
    let leo = RoleMoved { role: Role::LegalAndPrivacy, person: "leo".into(), party: String::new(), holds: true };
    let note = |text: &str| Note { text: text.into() }.into();
    let for_police = Marking { parties: vec!["Police".into()], ..Marking::of(Tlp::Amber) };
    let for_both = Marking { parties: vec!["Police".into(), "Net Q".into()], ..green.clone() };
    let drafts = vec![
        plain(Marked { marking: green.clone(), reason: "asked".into() }),
        plain(takes_part("Net Q")),
        plain(takes_part("Police")),
        plain(Marked { marking: for_both, reason: "asked".into() }),
        plain(Marked { marking: green.clone(), reason: "asked".into() }),
        plain(leo),
        Draft { content: note("word-of-amber"), marking: Some(for_police), minutes: 0 },
        Draft { content: note("word-of-green"), marking: Some(green), minutes: 0 },
    ];
    let (ask, leo) = (Ask::new(&anna, NOW), person("leo", None, Tlp::Green));
    incidents.write(ask, &number, drafts).await.unwrap();
    let sha256 = incidents.add(ask, &number, new("x", None), &b"abc"[..]).await.unwrap().sha256;
    for person in [&anna, &leo] {
        incidents.release(Ask::new(person, NOW), &number, &sha256, "Police", "order").await.unwrap();
    }
    for (person, want) in [(&anna, (true, true)), (&leo, (false, true))] {
        let bag = dir.path().join(&person.name);
        let to = (bag.as_path(), Some("Police"));
        let bar = indicatif::ProgressBar::hidden();
        incidents.export_evidence(Ask::new(person, NOW), &number, to, "", bar).await.unwrap();
        let journal = std::fs::read_to_string(bag.join("data/journal.ndjson")).unwrap();
        assert_eq!((journal.contains("word-of-amber"), journal.contains("word-of-green")), want, "{}", person.name);
        // For whom else the incident was once is not for the party.
        let both = "[\"Police\",\"Net Q\"]";
        let own = incidents.export(&anna, &number).await.unwrap();
        assert!(own.filter_map(|(_, body)| body).any(|body| body.contains(both)) && !journal.contains(both));
    }
}

/// What the site forbids whoever exports to let out is refused by name, also where others released it.
#[tokio::test]
async fn a_bag_without_what_is_forbidden_to_be_let_out_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let (incidents, anna, number) = incident(dir.path()).await;
    let lead = RoleMoved { role: Role::SiteLead, person: "ben".into(), party: String::new(), holds: true };
    let (ask, ben) = (Ask::new(&anna, NOW), person("ben", None, Tlp::Red));
    incidents.write(ask, &number, vec![plain(lead), plain(takes_part("Police"))]).await.unwrap();
    let forbid = Forbid {
        name: "Strict goes out by others".into(),
        actions: BTreeSet::from([Action::Release]),
        above: Some(Tlp::Amber),
        ..Forbid::default()
    };
    let limited = Forbids(vec![forbid]).on(ben.clone());
    let release = async |name: &str, bytes: &'static [u8], marking| {
        let sha256 = incidents.add(ask, &number, new(name, marking), bytes).await.unwrap().sha256;
        for person in [&anna, &ben] {
            incidents.release(Ask::new(person, NOW), &number, &sha256, "Police", "order").await.unwrap();
        }
    };
    let export = async |who: &Person, name: &str, party: Option<&str>| {
        let (bag, bar) = (dir.path().join(name), indicatif::ProgressBar::hidden());
        let exported = incidents.export_evidence(Ask::new(who, NOW), &number, (&bag, party), "", bar).await;
        match exported {
            Ok(exported) => exported.evidence.to_string(),
            Err(Refused::Denied(decision)) => decision.reason,
            Err(other) => format!("{other:?}"),
        }
    };
    release("open", b"open", None).await;
    assert_eq!(export(&limited, "one", Some("Police")).await, "1");
    release("strict", b"strict", Some(Marking::of(Tlp::AmberStrict))).await;
    let why = "this site forbids it: Strict goes out by others";
    assert_eq!(export(&limited, "two", Some("Police")).await, why);
    assert_eq!(export(&ben, "three", Some("Police")).await, "2");
    // For itself who sees it may have all of it.
    assert_eq!(export(&limited, "four", None).await, "2");
}
