//! What persons see of incidents, whatever way they ask.

use std::collections::BTreeSet;

use concert_model::access::{Action, Forbid, Object, may};
use concert_model::incident::content::{
    Act, ClockStarted, Content, Effort, Erased, Finding, HostHeld, Indicated, Marked, Moved, NeighbourNamed, Note,
    PartyMoved, PartyStatus, Relation, Role, RoleMoved, Severity, Status, Task, TellingHeld, TellingOrdered, Titled,
};
use concert_model::incident::draft::{Draft, NewIncident};
use concert_model::incident::marking::{Marking, Tlp};
use concert_model::incident::{chain, content};
use concert_model::user::{Standing, StandingRole};
use concert_store::records::AuditFilter;
use serde_json::json;

use super::*;

pub(super) const NOW: Time = Time(1_795_323_030_000_000);

pub(super) struct Site {
    _dir: tempfile::TempDir,
    pub(super) incidents: Incidents,
}

pub(super) async fn site() -> Site {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).await.unwrap();
    let incidents = Incidents::new(store, &[7; 32], "CERT-EX", Arc::default());
    Site { _dir: dir, incidents }
}

pub(super) fn draft(content: impl Into<Content>, marking: Option<Marking>) -> Draft {
    Draft { content: content.into(), marking, minutes: 0 }
}

fn note(text: &str, marking: Option<Marking>) -> Draft {
    draft(Note { text: text.into() }, marking)
}

pub(super) fn new(title: &str, marking: Marking, drafts: Vec<Draft>) -> NewIncident {
    NewIncident { title: title.into(), classification: "scanner".into(), severity: Severity::High, marking, drafts }
}

pub(super) fn user(name: &str, standing: &[&str], clearance: Tlp) -> Person {
    let standing = standing.iter().map(|text| text.parse::<Standing>().unwrap()).collect();
    Person { name: name.into(), is_operator: false, standing, clearance, ..Person::nobody() }
}

/// Persons of every kind.
fn persons() -> Vec<Person> {
    let mut persons = vec![Person::operator("root"), user("nobody", &[], Tlp::Red)];
    for role in StandingRole::ALL {
        for limit in [None, Some("Net A"), Some("Net Q")] {
            for clearance in [Tlp::Green, Tlp::Amber, Tlp::Red] {
                let name = format!("{}-{}-{clearance}", role.word(), limit.unwrap_or("all"));
                let standing = vec![Standing { role, constituency: limit.map(str::to_owned) }];
                persons.push(Person { standing, ..user(&name, &[], clearance) });
            }
        }
    }
    for (_, word, _) in Role::ALL {
        persons.push(user(word, &[], Tlp::Red));
    }
    persons.push(user("speaker", &[], Tlp::Red));
    persons
}

/// Incidents with every marking, each with entries of every marking, everybody in their roles.
async fn fill(site: &Site) -> Vec<(String, Vec<(u64, Marking)>)> {
    let operator = Person::operator("root");
    let mut markings: Vec<Marking> = Tlp::ALL.into_iter().map(Marking::of).collect();
    markings.push(Marking { persons: vec!["responder".into(), "observer".into()], ..Marking::of(Tlp::Red) });
    markings.push(Marking { compartment: "law-enforcement".into(), ..Marking::of(Tlp::Amber) });
    markings.push(Marking { parties: vec!["Net A".into()], ..Marking::of(Tlp::Amber) });
    let mut all = Vec::new();
    for (at, marking) in markings.iter().enumerate() {
        let mut drafts: Vec<Draft> = Role::ALL
            .into_iter()
            .map(|(role, word, _)| RoleMoved { role, person: word.into(), party: String::new(), holds: true })
            .map(|moved| draft(moved, None))
            .collect();
        drafts.push(draft(
            PartyMoved { party: "Net A".into(), status: PartyStatus::Told, text: "told".into() },
            Some(markings[0].clone()),
        ));
        let (role, party) = (Role::AffectedParty, "Net A".to_owned());
        drafts.push(draft(RoleMoved { role, person: "speaker".into(), party, holds: true }, None));
        for (word, marking) in markings.iter().enumerate() {
            drafts.push(note(&format!("word{at}x{word}"), Some(marking.clone())));
        }
        let title = format!("title{at}");
        let written =
            site.incidents.open(Ask::new(&operator, NOW), new(&title, marking.clone(), drafts)).await.unwrap();
        let notes = written.entries.iter().filter(|entry| entry["kind"] == "note/1");
        let notes = notes.map(|entry| entry["seq"].as_u64().unwrap()).zip(markings.clone());
        all.push((written.number.clone(), notes.collect()));
    }
    all
}

/// Whoever tries incidents in vain is in the log, the same whether they are there or not, however they are asked for.
#[tokio::test]
async fn what_is_asked_for_in_vain_is_in_the_log_alike_whether_it_is_there() {
    let site = site().await;
    let operator = Person::operator("root");
    let written =
        site.incidents.open(Ask::new(&operator, NOW), new("x", Marking::of(Tlp::Amber), vec![])).await.unwrap();
    let (number, eve) = (written.number, user("eve", &[], Tlp::Red));
    let denied = async |object: &str| {
        let wanted = AuditFilter { denied: true, ..AuditFilter::default() };
        let rows = site.incidents.store.records.audit_rows(&wanted).await.unwrap();
        rows.into_iter()
            .filter(|row| row.by.who == "eve" && row.object == object)
            .map(|row| row.reason)
            .collect::<Vec<_>>()
    };
    let missing = number.replace("-000001", "-000777");
    for name in [&number, &missing] {
        let ask = Ask::new(&eve, NOW);
        assert_eq!(site.incidents.show(&eve, name).await.err(), Some(Refused::Missing));
        assert_eq!(site.incidents.write(ask, name, vec![note("x", None)]).await, Err(Refused::Missing));
        assert_eq!(site.incidents.why(ask, name, None, &[], Action::See).await.err(), Some(Refused::Missing));
        assert_eq!(site.incidents.audited(ask, name, AuditFilter::default()).await.err(), Some(Refused::Missing));
        let join = site.incidents.join(ask, Join::Merged, (name, &number), true, "same").await;
        assert_eq!(join, Err(Refused::Missing));
        assert_eq!(denied(&format!("incident {name}")).await.len(), 1);
    }
    // Each was asked for at first once, and joined with what is there: the rows tell an auditor which of them are.
    assert_eq!(denied(&format!("incident {number}")).await, ["asked in vain for what is not for this person"]);
    let reason = "asked in vain for what is not there, the 2. within ten minutes";
    assert_eq!(denied(&format!("incident {missing}")).await, [reason]);
    // Whoever reads the log of the incident finds it there, and whoever sees it leaves no such row.
    let rows = site.incidents.audited(Ask::new(&operator, NOW), &number, AuditFilter::default()).await.unwrap();
    assert_eq!(rows.iter().filter(|row| !row.allowed).count(), 1);
}

/// INVARIANT: list, one, log, journal, search and look-up of values show what `may` allows, and nothing
/// else; what it forbids is answered as what is not there.
#[tokio::test]
async fn denied_is_missing_whatever_the_way() {
    let site = site().await;
    let all = fill(&site).await;
    let slice = Slice { limit: 10_000, below: None };
    let (mut seen, mut denied) = (0, 0);
    for person in persons() {
        let listed: BTreeSet<String> = site
            .incidents
            .list(&person, Filter::default(), slice)
            .await
            .unwrap()
            .0
            .into_iter()
            .map(|listed| listed.head.number)
            .collect();
        for (at, (number, notes)) in all.iter().enumerate() {
            let case = site.incidents.find(&Person::operator("root"), number).await.unwrap();
            let is_seen = may(&person, Action::See, Object::Incident(&case.1)).allowed;
            assert_eq!(listed.contains(number), is_seen, "{person:?} {number}");
            let shown = site.incidents.show(&person, number).await;
            let log = site.incidents.log(&person, number, 0, 10_000).await;
            let journal = site.incidents.export(&person, number).await.map(Iterator::collect::<Vec<_>>);
            let titled = site.incidents.search(&person, &format!("title{at}"), slice).await.unwrap().0.len();
            if !is_seen {
                denied += 1;
                assert_eq!(shown, Err(Refused::Missing));
                assert!(matches!((log, journal), (Err(Refused::Missing), Err(Refused::Missing))));
                let write = site.incidents.write(Ask::new(&person, NOW), number, vec![note("x", None)]).await;
                assert_eq!(write, Err(Refused::Missing));
                assert_eq!(titled, 0);
                for (word, _) in notes.iter().enumerate() {
                    let found = site.incidents.search(&person, &format!("word{at}x{word}"), slice).await.unwrap();
                    assert_eq!((found.0.len(), found.1), (0, None));
                }
                continue;
            }
            seen += 1;
            assert_eq!(titled, 1);
            let log: BTreeSet<u64> = log.unwrap().iter().map(|kept| kept.seq).collect();
            let journal = journal.unwrap();
            for (word, (seq, marking)) in notes.iter().enumerate() {
                let object = Object::Item { circle: &case.1, marking, author: "root" };
                let want = may(&person, Action::See, object).allowed;
                assert_eq!(log.contains(seq), want, "{person:?} {marking:?}");
                let text = format!("word{at}x{word}");
                let found = site.incidents.search(&person, &text, slice).await.unwrap().0.len();
                assert_eq!(found, usize::from(want), "{person:?} {marking:?}");
                let is_in = journal
                    .iter()
                    .any(|(_, body)| body.as_ref().is_some_and(|body| body.contains(&format!("\"{text}\""))));
                assert_eq!(is_in, want);
                let who = site.incidents.why(Ask::new(&person, NOW), number, Some(*seq), &[], Action::See).await;
                assert_eq!(who.is_ok(), may(&person, Action::AskWho, object).allowed, "{person:?} {marking:?}");
            }
            // Counts say nothing of what is not seen.
            assert_eq!(shown.unwrap().entries, log.len() as u64);
        }
    }
    assert!(seen > 50 && denied > 50, "{seen} {denied}");
}

/// INVARIANT: in a list an incident moves with what the person sees, and so does where a part of it ends: what is
/// written for others moves nothing.
#[tokio::test]
async fn what_somebody_does_not_see_moves_nothing_in_lists() {
    let site = site().await;
    let all = fill(&site).await;
    let operator = Person::operator("root");
    // Later entries, in another order, each for few.
    for (at, (number, notes)) in all.iter().enumerate().rev() {
        let (_, marking) = &notes[(at * 3) % notes.len()];
        site.incidents.write(Ask::new(&operator, NOW), number, vec![note("x", Some(marking.clone()))]).await.unwrap();
    }
    // Of one entry that was the last of some nothing is left but that it was there.
    let (seq, _) = all[2].1[4];
    site.incidents.erase_entry(Ask::new(&operator, NOW), &all[2].0, seq, "privacy law").await.unwrap();
    let check = async || {
        let mut orders = BTreeSet::new();
        for person in persons() {
            let mut want = Vec::new();
            for (number, _) in &all {
                let Ok(log) = site.incidents.log(&person, number, 0, 1_000).await else { continue };
                let last = log.last().unwrap();
                want.push((last.seq, last.header.stamp.time, number.clone()));
            }
            want.sort();
            want.reverse();
            let row = |Listed { head, .. }: &Listed| (head.changed, head.changed_at, head.number.clone());
            let whole = Slice { limit: 10_000, below: None };
            let (heads, next) = site.incidents.list(&person, Filter::default(), whole).await.unwrap();
            assert_eq!((heads.iter().map(row).collect::<Vec<_>>(), next), (want.clone(), None), "{person:?}");
            // In parts it is the same, and each part ends at an entry that the person sees.
            let (mut parts, mut below) = (Vec::new(), None);
            loop {
                let slice = Slice { limit: 2, below };
                let (heads, next) = site.incidents.list(&person, Filter::default(), slice).await.unwrap();
                assert_eq!(next.is_some(), heads.len() == 2);
                assert!(next.is_none_or(|next| next == heads[1].head.changed), "{person:?}");
                parts.extend(heads.iter().map(row));
                below = next;
                if next.is_none() {
                    break;
                }
            }
            assert_eq!(parts, want, "{person:?}");
            orders.insert(want.into_iter().map(|(_, _, number)| number).collect::<Vec<_>>());
        }
        assert!(orders.len() > 5, "{orders:?}");
    };
    check().await;
    // Made anew it is the same, and `verify` compares it.
    site.incidents.rebuild().await.unwrap();
    check().await;
    let problems = async || verify_journals(&site.incidents.store).await.unwrap().problems;
    assert_eq!(problems().await, []);
    let mut change = site.incidents.store.records.change().await.unwrap();
    let id = site.incidents.find(&operator, &all[0].0).await.unwrap().0.id.clone();
    concert_store::records::incidents::touch(&mut change, &id, "", (1, NOW)).await.unwrap();
    site.incidents.store.records.commit(change).await.unwrap();
    assert!(problems().await[0].what.contains("not what follows from its entries"));
}

/// INVARIANT: questions to all incidents at once are answered from what the person sees, and nothing else.
#[tokio::test]
async fn questions_to_all_incidents_tell_what_is_seen_alone() {
    let site = site().await;
    let all = fill(&site).await;
    let operator = Person::operator("root");
    let mut circles = Vec::new();
    for (at, (number, notes)) in all.iter().enumerate() {
        let marked = notes.iter().enumerate().flat_map(|(item, (_, marking))| {
            let name = format!("{at}x{item}");
            let effort = Effort {
                minutes: 1,
                person: "anna".into(),
                party: String::new(),
                work: name.clone(),
                entry: String::new(),
            };
            let task = Task {
                name: name.clone(),
                title: "x".into(),
                role: None,
                person: String::new(),
                due: Some(2),
                done: false,
                item: String::new(),
            };
            let note = Note { text: format!("It is h{name}(dot)example.") };
            [Content::from(note), effort.into(), task.into()].map(|content| draft(content, Some(marking.clone())))
        });
        site.incidents.write(Ask::new(&operator, NOW), number, marked.collect()).await.unwrap();
        circles.push(site.incidents.find(&operator, number).await.unwrap().1);
    }
    let (mut seen, mut denied) = (0, 0);
    for person in persons() {
        let due = site.incidents.due(&person, NOW).await.unwrap();
        let tasks: BTreeSet<String> = due.into_iter().map(|one| one.due.name).collect();
        let spent = site.incidents.spent(&person, None).await.unwrap();
        let works: BTreeSet<String> = spent.into_iter().map(|spent| spent.effort.work).collect();
        for (at, ((number, notes), circle)) in all.iter().zip(&circles).enumerate() {
            let is_seen = may(&person, Action::See, Object::Incident(circle)).allowed;
            let one = site.incidents.spent(&person, Some(number)).await;
            assert_eq!(one.err(), (!is_seen).then_some(Refused::Missing));
            for (item, (_, marking)) in notes.iter().enumerate() {
                let object = Object::Item { circle, marking, author: "root" };
                let want = is_seen && may(&person, Action::See, object).allowed;
                let name = format!("{at}x{item}");
                let about = site.incidents.about(&person, &format!("h{name}.example")).await.unwrap();
                let got = (tasks.contains(&name), works.contains(&name), about.found.len());
                assert_eq!(got, (want, want, usize::from(want)), "{person:?} {marking:?}");
                if want { seen += 1 } else { denied += 1 }
            }
        }
    }
    assert!(seen > 100 && denied > 100, "{seen} {denied}");
}

#[tokio::test]
async fn a_search_finds_values_plain_and_defanged() {
    let site = site().await;
    let operator = Person::operator("root");
    let texts = [
        "saw http://evil.example/a twice",
        "saw hxxp://evil[.]example/a once",
        "asked evil(dot)example of 198[.]51[.]100[.]9",
        "nothing of 198.51.100.99",
    ];
    let notes = texts.iter().map(|text| note(text, None)).collect();
    site.incidents.open(Ask::new(&operator, NOW), new("x", Marking::of(Tlp::Green), notes)).await.unwrap();
    let found = async |words: &str| {
        let (found, _) = site.incidents.search(&operator, words, Slice { below: None, limit: 10 }).await.unwrap();
        let mut places: Vec<usize> = found
            .iter()
            .filter_map(|found| match &found.kept.body.as_ref()?.1 {
                Content::Note(note) => texts.iter().position(|text| *text == note.text),
                _ => None,
            })
            .collect();
        places.sort_unstable();
        places
    };
    for (words, want) in [
        ("http://evil.example/a", &[0, 1][..]),
        ("hxxp://evil[.]example/a", &[0, 1]),
        ("hXXp://EVIL[.]example/a once", &[1]),
        ("evil.example", &[0, 1, 2]),
        ("evil[.]example", &[0, 1, 2]),
        ("evil(dot)example 198.51.100.9", &[2]),
        ("asked 198[.]51[.]100[.]9", &[2]),
        ("198.51.100.99 nothi", &[3]),
        ("evil.example nothing", &[]),
    ] {
        assert_eq!(found(words).await, want, "{words}");
    }
}

/// Of a value that very many entries name only the newest are told, and whoever sees few of them sees those. It is common
/// once many incidents name it, and everywhere alike.
#[tokio::test]
async fn a_value_in_very_many_entries_is_told_in_part_and_in_many_incidents_is_common() {
    let site = site().await;
    let operator = Person::operator("root");
    let opened = site.incidents.open(Ask::new(&operator, NOW), new("x", Marking::of(Tlp::Green), Vec::new()));
    let number = opened.await.unwrap().number;
    let open = Some(Marking::of(Tlp::Green));
    let write = |count: usize, marking: Option<Marking>| {
        let notes = (0..count).map(|_| note("from 192.0.2.7", marking.clone())).collect();
        site.incidents.write(Ask::new(&operator, NOW), &number, notes)
    };
    write(3, open.clone()).await.unwrap();
    write(997, Some(Marking::of(Tlp::Red))).await.unwrap();
    let about = site.incidents.about(&operator, "192.0.2[.]7").await.unwrap();
    assert_eq!((about.found.len(), about.has_more), (1_000, false));
    write(1, open).await.unwrap();
    let about = site.incidents.about(&operator, "192.0.2.7").await.unwrap();
    assert_eq!((about.found.len(), about.has_more, about.is_common), (1_000, true, false));
    let reader = user("ben", &["reader"], Tlp::Green);
    // Of 1001 only the newest 500 are looked at, of which the reader sees one; with 1500 there are no others.
    for (rows_max, found) in [(1, (1, true)), (1_500, (4, false))] {
        let about = site.incidents.about_in(&reader, "192.0.2.7", rows_max).await.unwrap();
        assert_eq!((about.found.len(), about.has_more), found);
    }
    let about = site.incidents.about(&reader, "192.0.2.7").await.unwrap();
    assert_eq!((about.found.len(), about.has_more), (4, false));
    for count in 1..=20 {
        let title = format!("another at 192.0.2.7, {count}");
        site.incidents.open(Ask::new(&operator, NOW), new(&title, Marking::of(Tlp::Green), Vec::new())).await.unwrap();
        let about = site.incidents.about(&reader, "192.0.2.7").await.unwrap().is_common;
        let of_incident = site.incidents.observables(&reader, &number, None, |all| 0..all.len()).await.unwrap();
        let row = of_incident.values.iter().find(|row| row.one.value == "192.0.2.7").unwrap();
        assert_eq!((about, row.is_common, row.others.len()), (count == 20, count == 20, count));
    }
}

/// Of twenty incidents that name a value none is told twice because one of them shows in another.
#[tokio::test]
async fn a_value_that_only_a_merged_incident_names_is_common_as_it_is_elsewhere() {
    let (site, anna) = (site().await, user("anna", &["handler"], Tlp::Red));
    let open = async |title: &str| {
        let opened = site.incidents.open(Ask::new(&anna, NOW), new(title, Marking::of(Tlp::Amber), Vec::new()));
        opened.await.unwrap().number
    };
    let (one, two) = (open("nothing").await, open("from 192.0.2.7").await);
    site.incidents.join(Ask::new(&anna, NOW), Join::Merged, (&two, &one), true, "x").await.unwrap();
    for count in 2..=21 {
        open(&format!("from 192.0.2.7, {count}")).await;
        let about = site.incidents.about(&anna, "192.0.2.7").await.unwrap().is_common;
        let all = site.incidents.observables(&anna, &one, None, |all| 0..all.len()).await.unwrap();
        let row = all.values.iter().find(|row| row.one.value == "192.0.2.7").unwrap();
        assert_eq!((about, row.is_common, row.others.len()), (count > 20, count > 20, count.min(20)));
    }
}

/// What is looked at again and again because of others are those that show something of them, not whole families.
#[tokio::test]
async fn only_incidents_that_show_something_of_others_are_found_as_joined() {
    let (site, anna) = (site().await, user("anna", &["handler"], Tlp::Red));
    let open = async || {
        let opened = site.incidents.open(Ask::new(&anna, NOW), new("x", Marking::of(Tlp::Amber), Vec::new()));
        opened.await.unwrap().number
    };
    let joined = async || {
        let heads = site.incidents.store.records.incidents_with(text::JOINED).await.unwrap();
        heads.into_iter().map(|head| head.number).collect::<BTreeSet<_>>()
    };
    let (one, two, three) = (open().await, open().await, open().await);
    site.incidents.join(Ask::new(&anna, NOW), Join::Parent, (&one, &two), true, "x").await.unwrap();
    assert_eq!(joined().await, BTreeSet::new());
    site.incidents.join(Ask::new(&anna, NOW), Join::Merged, (&three, &two), true, "x").await.unwrap();
    assert_eq!(joined().await, BTreeSet::from([two, three]));
}

#[tokio::test]
async fn the_same_request_again_happens_once() {
    let site = site().await;
    let anna = user("anna", &["handler"], Tlp::Red);
    let ask = |key: &'static str, digest: u8| Ask { key: Some((key, [digest; 32])), ..Ask::new(&anna, NOW) };
    let open = || new("x", Marking::of(Tlp::Amber), Vec::new());
    let first = site.incidents.open(ask("k1", 1), open()).await.unwrap();
    assert_eq!(site.incidents.open(ask("k1", 1), open()).await.unwrap(), first);
    assert_eq!(site.incidents.open(ask("k1", 2), open()).await.err(), Some(Refused::Used));
    let write = |key, digest| site.incidents.write(ask(key, digest), &first.number, vec![note("once", None)]);
    let written = write("k2", 1).await.unwrap();
    assert_eq!(write("k2", 1).await.unwrap(), written);
    let slice = Slice { limit: 10, below: None };
    assert_eq!(site.incidents.search(&anna, "once", slice).await.unwrap().0.len(), 1);
    assert_eq!(site.incidents.list(&anna, Filter::default(), slice).await.unwrap().0.len(), 1);
    // Another person's key is another key.
    let ben = user("ben", &["handler"], Tlp::Red);
    let other = Ask { key: Some(("k1", [1; 32])), ..Ask::new(&ben, NOW) };
    assert_ne!(site.incidents.open(other, open()).await.unwrap(), first);
}

/// Who asks again learns what may be seen now, not what could be seen then.
#[tokio::test]
async fn an_answer_given_again_says_nothing_that_was_erased_or_is_hidden_now() {
    let site = site().await;
    let anna = user("anna", &["handler"], Tlp::Red);
    let opened = new("x", Marking::of(Tlp::Amber), Vec::new());
    let opened = site.incidents.open(Ask::new(&anna, NOW), opened).await.unwrap();
    let number = opened.number.as_str();
    let again = async |person: &Person| {
        let ask = Ask { key: Some(("k", [1; 32])), ..Ask::new(person, NOW) };
        site.incidents.write(ask, number, vec![note("zebra", None)]).await
    };
    let written = again(&anna).await.unwrap();
    assert_eq!(written.entries[0]["content"]["text"], "zebra");
    let lowered = user("anna", &["handler"], Tlp::Clear);
    assert_eq!(again(&lowered).await, Err(Refused::Missing));
    let root = Person::operator("root");
    let kept = site.incidents.log(&root, number, 0, 100).await.unwrap().pop().unwrap();
    let (from, sequence) = (kept.header.site.to_string(), kept.header.sequence);
    let erased = Erased { site: from, sequence, reason: "asked for".into(), joins: String::new() };
    site.incidents.write(Ask::new(&root, NOW), number, vec![draft(erased, None)]).await.unwrap();
    let now = again(&anna).await.unwrap();
    assert_eq!(now.entries.len(), 1);
    assert!(!serde_json::to_string(&now.entries).unwrap().contains("zebra"), "{now:?}");
}

#[tokio::test]
async fn fields_that_somebody_changed_are_not_overwritten_unseen() {
    let site = site().await;
    let (anna, ben) = (user("anna", &["handler"], Tlp::Red), user("ben", &["handler"], Tlp::Red));
    let opened =
        site.incidents.open(Ask::new(&anna, NOW), new("one", Marking::of(Tlp::Amber), Vec::new())).await.unwrap();
    let seen = opened.entries.last().unwrap()["seq"].as_u64();
    let title = |text: &str| vec![draft(Titled { title: text.into() }, None)];
    site.incidents.write(Ask::new(&anna, NOW), &opened.number, title("two")).await.unwrap();
    let stale = site.incidents.write(Ask { seen, ..Ask::new(&ben, NOW) }, &opened.number, title("three")).await;
    let Err(Refused::Stale(changed)) = stale else { panic!("{stale:?}") };
    assert_eq!((changed.len(), &changed[0]["content"]["title"]), (1, &serde_json::json!("two")));
    // What is not the same field is written.
    let note = site.incidents.write(Ask { seen, ..Ask::new(&ben, NOW) }, &opened.number, vec![note("x", None)]).await;
    assert!(note.is_ok());
    let seen = changed[0]["seq"].as_u64();
    site.incidents.write(Ask { seen, ..Ask::new(&ben, NOW) }, &opened.number, title("three")).await.unwrap();
    assert_eq!(site.incidents.show(&anna, &opened.number).await.unwrap().title, "three");
}

/// What is called by a name is not overwritten unseen either; what is only added, and what is called otherwise, is.
#[tokio::test]
async fn what_is_changed_by_its_name_is_not_overwritten_unseen() {
    let site = site().await;
    let (anna, ben) = (user("anna", &["handler"], Tlp::Red), user("ben", &["handler"], Tlp::Amber));
    let party = |status| PartyMoved { party: "Net".into(), status, text: String::new() };
    let opened = new("one", Marking::of(Tlp::Amber), vec![draft(party(PartyStatus::Unknown), None)]);
    let opened = site.incidents.open(Ask::new(&anna, NOW), opened).await.unwrap();
    let number = opened.number.as_str();
    let task = |name: &str, title: &str| Task {
        name: name.into(),
        title: title.into(),
        role: None,
        person: String::new(),
        due: None,
        done: false,
        item: String::new(),
    };
    let finding = |standing| Finding { name: "f".into(), statement: "x".into(), standing, item: String::new() };
    let role =
        |person: &str| RoleMoved { role: Role::Responder, person: person.into(), party: String::new(), holds: true };
    let held = |party: &str| HostHeld { host: "192.0.2.7".into(), party: party.into() };
    let clock = |hours: i64| {
        let since = NOW.plus_seconds(-3_600 * hours).0;
        let (party, again) = (String::new(), "more was learned".into());
        ClockStarted { clock: "gdpr-notification".into(), since, due: 0, party, again }
    };
    let telling = |reason: &str| TellingHeld { party: "Net".into(), held: true, reason: reason.into() };
    // Each of them as one writes it, as the other would, and what the other may write all the same.
    let pairs: Vec<[Content; 3]> = vec![
        [task("t", "one").into(), task("t", "two").into(), task("u", "three").into()],
        [
            finding(content::Standing::Supported).into(),
            finding(content::Standing::Refuted).into(),
            Note { text: "x".into() }.into(),
        ],
        [party(PartyStatus::Told).into(), party(PartyStatus::Refuses).into(), role("eva").into()],
        [role("ben").into(), RoleMoved { holds: false, ..role("ben") }.into(), role("carl").into()],
        [held("Net").into(), held("").into(), HostHeld { host: "192.0.2.8".into(), ..held("Net") }.into()],
        [clock(5).into(), clock(6).into(), ClockStarted { clock: "nis2-notification".into(), ..clock(7) }.into()],
        [telling("one").into(), telling("two").into(), Note { text: "y".into() }.into()],
    ];
    for [first, second, other] in pairs {
        let seen = site.incidents.last_entry().await.unwrap();
        let write = async |person: &Person, seen, content: &Content| {
            let ask = Ask { seen: Some(seen), ..Ask::new(person, NOW) };
            site.incidents.write(ask, number, vec![draft(content.clone(), None)]).await
        };
        let won = write(&anna, seen, &first).await.unwrap();
        let lost = write(&anna, seen, &second).await;
        let Err(Refused::Stale(changed)) = lost else { panic!("{second:?}: {lost:?}") };
        assert_eq!(changed, won.entries);
        assert_eq!((&changed[0]["author"], changed[0]["time"].is_string()), (&serde_json::json!("anna"), true));
        write(&anna, seen, &other).await.unwrap();
        write(&anna, changed[0]["seq"].as_u64().unwrap(), &second).await.unwrap();
        // Whoever may not see what was changed is told nothing of it, and changes what is seen.
        let seen = site.incidents.last_entry().await.unwrap();
        let red = vec![draft(task("t", "secret"), Some(Marking::of(Tlp::Red)))];
        site.incidents.write(Ask::new(&anna, NOW), number, red).await.unwrap();
        write(&ben, seen, &task("t", "open").into()).await.unwrap();
    }
}

/// INVARIANT: numbers of entries do not count what is written elsewhere; nor does it show what number may be named as seen.
#[tokio::test]
async fn numbers_of_entries_are_their_times() {
    let site = site().await;
    let anna = user("anna", &["handler"], Tlp::Red);
    let (later, latest) = (NOW.plus_seconds(1), NOW.plus_seconds(9));
    let open = |title| site.incidents.open(Ask::new(&anna, NOW), new(title, Marking::of(Tlp::Red), Vec::new()));
    let (one, other) = (open("one").await.unwrap(), open("other").await.unwrap());
    for _ in 0..99 {
        site.incidents.write(Ask::new(&anna, later), &other.number, vec![note("x", None)]).await.unwrap();
    }
    let ask = Ask::new(&anna, latest);
    let written = site.incidents.write(ask, &one.number, vec![note("y", None)]).await.unwrap();
    assert_eq!(written.entries[0]["seq"].as_i64(), Some(latest.0));
    let until = |seen: i64| {
        let ask = Ask { seen: Some(seen.unsigned_abs()), ..ask };
        site.incidents.write(ask, &one.number, vec![note("z", None)])
    };
    assert!(until(latest.0).await.is_ok());
    let Err(Refused::Wrong(problem)) = until(latest.0 + 9).await else { panic!("a number of later is taken") };
    assert!(problem.to_string().contains("no entry has that number yet"), "{problem}");
}

/// Findings and tasks of one name are two where the later writer did not see the other; nobody learns of it from the
/// own entry, and whoever sees both sees both and changes either.
#[tokio::test]
async fn what_somebody_does_not_see_is_not_replaced_by_its_name() {
    let site = site().await;
    let (anna, ben) = (user("anna", &["handler"], Tlp::Red), user("ben", &["handler"], Tlp::Amber));
    let all = Person::operator("root");
    let opened = site.incidents.open(Ask::new(&anna, NOW), new("one", Marking::of(Tlp::Amber), Vec::new())).await;
    let number = opened.unwrap().number;
    let write = async |person: &Person, content: Content, marking: Option<Tlp>| {
        let drafts = vec![draft(content, marking.map(Marking::of))];
        site.incidents.write(Ask::new(person, NOW), &number, drafts).await
    };
    let finding = |name: &str, statement: &str| {
        let (name, statement, item) = (name.into(), statement.into(), String::new());
        Content::from(Finding { name, statement, standing: content::Standing::Supported, item })
    };
    let task = |name: &str, title: &str, done| {
        let (name, title, item) = (name.into(), title.into(), String::new());
        let person = "ben".into();
        Content::from(Task { name, title, role: None, person, due: Some(NOW.0), done, item })
    };
    let indicated = |finding: &str, reason: &str| {
        let (finding, reason, item) = (finding.into(), reason.into(), String::new());
        Content::from(Indicated { finding, observables: Vec::new(), reason, item })
    };
    write(&anna, finding("h1", "hidden"), Some(Tlp::Red)).await.unwrap();
    write(&anna, task("t", "hidden", false), Some(Tlp::Red)).await.unwrap();
    // One that is done is there, for whoever sees it.
    assert!(matches!(write(&ben, task("t", "open", true), None).await, Err(Refused::Absent(_))));
    assert!(matches!(write(&ben, indicated("h1", "none"), None).await, Err(Refused::Absent(_))));
    let first = write(&ben, finding("h1", "open"), None).await.unwrap();
    let other = write(&ben, finding("h2", "another"), None).await.unwrap();
    let item = |entry: &serde_json::Value| entry["content"]["item"].as_str().unwrap().to_owned();
    assert_eq!((item(&first.entries[0]).len(), item(&other.entries[0]).len()), (16, 16), "one looks like the other");
    write(&ben, task("t", "open", false), None).await.unwrap();
    write(&ben, indicated("h1", "of ben"), None).await.unwrap();
    let again = write(&ben, finding("h1", "open, and sure"), None).await.unwrap();
    assert_eq!(item(&again.entries[0]), item(&first.entries[0]));
    let said = async |person: &Person| {
        let state = site.incidents.show(person, &number).await.unwrap();
        let findings = state.findings.iter().map(|(called, one)| format!("{called}: {}", one.statement));
        let tasks = state.tasks.iter().map(|(called, one)| format!("{called}: {} {}", one.title, one.done));
        let indicated = state.indicated.iter().map(|(called, (one, _))| format!("{called}: {}", one.reason));
        findings.chain(tasks).chain(indicated).collect::<Vec<_>>()
    };
    assert_eq!(said(&ben).await, ["h1: open, and sure", "h2: another", "t: open false", "h1: of ben"]);
    let both = ["h1: hidden", "h1 (ben): open, and sure", "h2: another", "t: hidden false", "t (ben): open false"];
    assert_eq!(said(&all).await, [&both[..], &["h1 (ben): of ben"]].concat());
    // Each is changed by what it is called.
    write(&all, finding("h1 (ben)", "of both"), None).await.unwrap();
    write(&all, task("t (ben)", "open", true), None).await.unwrap();
    write(&all, finding("h1", "hidden still"), Some(Tlp::Red)).await.unwrap();
    assert_eq!(said(&ben).await, ["h1: of both", "h2: another", "t: open true", "h1: of ben"]);
    let both = ["h1: hidden still", "h1 (ben): of both", "h2: another", "t: hidden false", "t (ben): open true"];
    assert_eq!(said(&all).await, [&both[..], &["h1 (ben): of ben"]].concat());
    // Nobody chooses what an entry is about but by the name.
    let Content::Finding(mut own) = finding("h1", "x") else { panic!() };
    own.item = item(&first.entries[0]);
    let chosen = write(&anna, own.into(), None).await;
    assert!(matches!(&chosen, Err(Refused::Wrong(problem)) if problem.hint.contains("leave `item` out")), "{chosen:?}");
    let json = super::view::incident_json(
        &site.incidents.show(&all, &number).await.unwrap(),
        Vec::new(),
        &[],
        (&Default::default(), NOW),
    );
    let names = |list: &str| -> Vec<String> {
        json[list].as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!((names("findings"), names("tasks")), (vec_of(&["h1", "h1 (ben)", "h2"]), vec_of(&["t", "t (ben)"])));
}

fn vec_of(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// What is due is told to each under the name that it has for that person.
#[tokio::test]
async fn who_is_reminded_of_a_task_learns_of_no_other_of_its_name() {
    let site = site().await;
    let (anna, ben) = (user("anna", &["handler"], Tlp::Red), user("ben", &["handler"], Tlp::Amber));
    let opened = site.incidents.open(Ask::new(&anna, NOW), new("one", Marking::of(Tlp::Amber), Vec::new())).await;
    let opened = opened.unwrap();
    let task = |title: &str, person: &str, due: i64| Task {
        name: "t".into(),
        title: title.into(),
        role: None,
        person: person.into(),
        due: Some(NOW.0 + due),
        done: false,
        item: String::new(),
    };
    let write = async |person: &Person, task: Task, marking: Tlp| {
        let drafts = vec![draft(task, Some(Marking::of(marking)))];
        site.incidents.write(Ask::new(person, NOW), &opened.number, drafts).await.unwrap()
    };
    write(&anna, task("hidden", "anna", -2), Tlp::Red).await;
    write(&ben, task("open", "ben", -1), Tlp::Amber).await;
    let persons = std::collections::BTreeMap::from([("anna".into(), anna.clone()), ("ben".into(), ben.clone())]);
    let ask = Reminding { ahead_seconds: &[], titles: Tlp::Red, persons: &persons, now: NOW };
    let (reminders, _) = site.incidents.reminders(&opened.id, &ask).await.unwrap();
    let told: Vec<_> =
        reminders.iter().map(|one| (one.receiver.as_str(), one.due.name.as_str(), one.due.title.as_str())).collect();
    assert_eq!(told, [("anna", "t", "hidden"), ("ben", "t", "open")]);
}

/// INVARIANT: of what is written at once, all of it holds or none.
#[tokio::test]
async fn what_is_written_at_once_holds_together() {
    let site = site().await;
    let anna = user("anna", &["handler"], Tlp::Red);
    let opened =
        site.incidents.open(Ask::new(&anna, NOW), new("x", Marking::of(Tlp::Amber), Vec::new())).await.unwrap();
    let before = site.incidents.export(&anna, &opened.number).await.unwrap().collect::<Vec<_>>();
    let bad = vec![note("good", None), note("  ", None)];
    assert!(matches!(site.incidents.write(Ask::new(&anna, NOW), &opened.number, bad).await, Err(Refused::Wrong(_))));
    let staff = RoleMoved { role: Role::Responder, person: "ben".into(), party: String::new(), holds: true };
    let ben = user("ben", &["handler"], Tlp::Red);
    let denied =
        site.incidents.write(Ask::new(&ben, NOW), &opened.number, vec![note("good", None), draft(staff, None)]).await;
    assert!(matches!(denied, Err(Refused::Denied(_))), "{denied:?}");
    assert_eq!(site.incidents.export(&anna, &opened.number).await.unwrap().collect::<Vec<_>>(), before);
    let above = vec![note("x", Some(Marking::of(Tlp::Red)))];
    let low = user("low", &["handler"], Tlp::Amber);
    assert!(matches!(site.incidents.write(Ask::new(&low, NOW), &opened.number, above).await, Err(Refused::Wrong(_))));
}

/// Clocks that go back, and many writers in one process: one chain that verifies.
#[tokio::test]
async fn clocks_that_go_back_and_writers_at_once_make_one_chain() {
    let site = site().await;
    let anna = user("anna", &["handler"], Tlp::Red);
    let opened =
        site.incidents.open(Ask::new(&anna, NOW), new("x", Marking::of(Tlp::Amber), Vec::new())).await.unwrap();
    let write = |at: i64| {
        let now = Time(NOW.0 - at * 86_400_000_000);
        site.incidents.write(Ask::new(&anna, now), &opened.number, vec![note(&format!("n{at}"), None)])
    };
    let all = futures_util::future::join_all((0..20).map(write)).await;
    assert!(all.iter().all(Result::is_ok));
    let checked = verify_journals(&site.incidents.store).await.unwrap();
    assert_eq!((checked.entries, checked.problems), (22, Vec::new()));
    // Another process, which has nothing in memory, sees the same.
    let fresh = Incidents::new(site.incidents.store.clone(), &[7; 32], "CERT-EX", Arc::default());
    let states = (fresh.show(&anna, &opened.number).await, site.incidents.show(&anna, &opened.number).await);
    assert_eq!(states.0, states.1);
}

/// A flood of single lines is linked by few entries; every event is listed or counted.
#[tokio::test]
async fn a_flood_of_small_reports_makes_no_endless_journal() {
    use concert_model::keys::{Keys, Reading, Source};
    let site = site().await;
    let text = "[o]\nkey = ['source.asn']\ntitle = 'x'\nmarking = 'amber'\n";
    let source = Source { name: "x".into(), text: text.into() };
    let document = toml_edit::Document::parse(text).unwrap();
    let secrets = |_: &str, _: &str| Ok(String::new());
    let reading = Reading::new(&secrets);
    let mut root = Keys::root(&reading, vec![(&source, document.as_table() as &dyn toml_edit::TableLike)]);
    let opening = concert_pipeline::judge::Opening::read(&mut root.table("o"), "r").unwrap();
    for number in 0u8..=255 {
        for part in 0u8..3 {
            let mut id = [0; 16];
            (id[0], id[1]) = (number, part);
            let caught = Caught {
                key: "AS64500".into(),
                title: "x".into(),
                severity: Severity::Low,
                classification: "scanner".into(),
                party: String::new(),
                events: vec![concert_model::EventId(id)],
                more: 0,
                times: (NOW, NOW),
                label: None,
            };
            let mut change = site.incidents.store.records.change().await.unwrap();
            let mut touched = Vec::new();
            site.incidents.catch(&mut change, NOW, ("r", &opening), vec![caught], &mut touched).await.unwrap();
            site.incidents.store.records.commit(change).await.unwrap();
            site.incidents.take_up(&touched).await.unwrap();
        }
    }
    let operator = Person::operator("root");
    let (heads, _) = site.incidents.list(&operator, Filter::default(), Slice { limit: 10, below: None }).await.unwrap();
    assert_eq!(heads.len(), 1);
    let state = site.incidents.show(&operator, &heads[0].head.number).await.unwrap();
    // 768 events: 500 are listed; of the others the last power of two that was reached is told.
    assert_eq!((state.events.len(), state.more_events), (500, 256));
    assert_eq!(state.entries, 2 + 500 + 9);
}

/// INVARIANT: whoever speaks for a party learns which flows its hosts had a part in and, of who is at the other end,
/// what was released; nothing that the label keeps from parties, and nothing before the party may be told.
#[tokio::test]
async fn a_party_learns_of_its_neighbours_that_they_are_there() {
    let site = site().await;
    let operator = Person::operator("root");
    let otto = user("otto", &[], Tlp::Amber);
    let amber = |party: &str| Some(Marking { parties: vec![party.into()], ..Marking::of(Tlp::Amber) });
    let held = |host: &str, party: &str| HostHeld { host: host.into(), party: party.into() };
    let flow = |from: &str, to: &str, port, marking| {
        let (from, to, technique) = (from.into(), to.into(), "ssh".into());
        let (first_seen, last_seen, clock_error, certainty) = (NOW.0, NOW.0, 0, 80);
        let (zone, evidence, line) = (String::new(), String::new(), 0);
        let flow =
            Relation { from, to, first_seen, last_seen, clock_error, port, technique, certainty, zone, evidence, line };
        draft(flow, marking)
    };
    let speaks = RoleMoved { role: Role::AffectedParty, person: "otto".into(), party: "Net B".into(), holds: true };
    let law = Marking { compartment: "law-enforcement".into(), ..Marking::of(Tlp::Amber) };
    let takes_part = |party: &str| PartyMoved { party: party.into(), status: PartyStatus::Told, text: String::new() };
    let drafts = vec![
        draft(takes_part("Net A"), Some(Marking::of(Tlp::Red))),
        draft(takes_part("Net B"), Some(Marking::of(Tlp::Red))),
        draft(takes_part("Net C"), Some(Marking::of(Tlp::Red))),
        draft(speaks, None),
        draft(held("192.0.2.1", "Net A"), amber("Net A")),
        draft(held("198.51.100.1", "Net B"), Some(Marking::of(Tlp::Amber))),
        draft(held("203.0.113.1", "Net C"), Some(Marking::of(Tlp::Amber))),
        flow("192.0.2.1", "198.51.100.1", 22, amber("Net A")),
        flow("198.51.100.1", "203.0.113.1", 80, Some(Marking::of(Tlp::Amber))),
        flow("192.0.2.1", "203.0.113.1", 25, Some(Marking::of(Tlp::Amber))),
        flow("192.0.2.1", "198.51.100.1", 1, Some(Marking::of(Tlp::AmberStrict))),
        flow("192.0.2.1", "198.51.100.1", 2, Some(Marking::of(Tlp::Red))),
        flow("192.0.2.1", "198.51.100.1", 3, Some(law)),
    ];
    let ask = |person| Ask::new(person, NOW);
    let opened = site.incidents.open(ask(&operator), new("hops", Marking::of(Tlp::Amber), drafts)).await.unwrap();
    let number = opened.number;
    let told = async || {
        let neighbours = site.incidents.neighbours(&otto, &number, "Net B").await.unwrap();
        let row = |flow: &chain::Neighbour<'_>| {
            let side = if flow.is_upstream { "upstream" } else { "downstream" };
            format!("{} {side} {} {}", flow.host, flow.neighbour.unwrap_or("?"), flow.flow.relation.port)
        };
        neighbours.rows().iter().map(row).collect::<Vec<_>>()
    };
    assert_eq!(told().await, ["198.51.100.1 upstream ? 22", "198.51.100.1 downstream ? 80"]);
    // The entries themselves stay what they were.
    assert_eq!(site.incidents.show(&otto, &number).await.unwrap().relations, []);
    let write = async |content: Content| {
        site.incidents.write(ask(&operator), &number, vec![draft(content, None)]).await.unwrap();
    };
    let (host, party, reason) = ("192.0.2.1".to_owned(), "Net B".to_owned(), "they agreed".to_owned());
    write(NeighbourNamed { host, party: party.clone(), reason: reason.clone() }.into()).await;
    assert_eq!(told().await, ["198.51.100.1 upstream 192.0.2.1 22", "198.51.100.1 downstream ? 80"]);
    write(TellingHeld { party: party.clone(), held: true, reason: reason.clone() }.into()).await;
    assert_eq!(told().await, [""; 0]);
    write(TellingHeld { party, held: false, reason }.into()).await;
    assert_eq!(told().await.len(), 2);
    // Of another party it learns nothing, not even whether it takes part.
    for other in ["Net A", "Net Q"] {
        let denied = site.incidents.neighbours(&otto, &number, other).await.err();
        let problem = Problem::new(format!("`{other}` takes no part in it"));
        assert_eq!(denied, Some(Refused::Absent(problem)), "{other}");
    }
    let stranger = user("eve", &[], Tlp::Red);
    assert_eq!(site.incidents.neighbours(&stranger, &number, "Net B").await.err(), Some(Refused::Missing));
}

#[tokio::test]
async fn whoever_speaks_for_a_party_does_not_learn_for_which_others_something_is() {
    let (site, operator, otto) = (site().await, Person::operator("root"), user("otto", &[], Tlp::Amber));
    let parties = || vec!["Net A".to_owned(), "Net B".to_owned()];
    let for_both = Marking { parties: parties(), ..Marking::of(Tlp::Amber) };
    let takes_part = |party: &str| {
        let (party, text) = (party.to_owned(), String::new());
        draft(PartyMoved { party, status: PartyStatus::Told, text }, None)
    };
    let (role, person, party) = (Role::AffectedParty, "otto".to_owned(), "Net B".to_owned());
    let speaks = draft(RoleMoved { role, person, party, holds: true }, None);
    let drafts = vec![takes_part("Net A"), takes_part("Net B"), speaks, note("for both", Some(for_both.clone()))];
    let number = site.incidents.open(Ask::new(&operator, NOW), new("x", for_both, drafts)).await.unwrap().number;
    for (reader, want) in [(&operator, parties()), (&otto, vec!["Net B".to_owned()])] {
        let log = site.incidents.log(reader, &number, 0, 100).await.unwrap();
        let marked: Vec<_> =
            log.iter().filter_map(|kept| kept.marking()).filter(|one| !one.parties.is_empty()).collect();
        assert!(!marked.is_empty() && marked.iter().all(|one| one.parties == want), "{}: {marked:?}", reader.name);
        let state = site.incidents.show(reader, &number).await.unwrap();
        assert_eq!(state.marking.as_ref().unwrap().parties, want, "{}", reader.name);
        let (heads, _) =
            site.incidents.list(reader, Filter::default(), Slice { limit: 10, below: None }).await.unwrap();
        assert_eq!(head_json(&heads[0], reader)["marking"]["parties"], json!(want), "{}", reader.name);
        let texts = site.incidents.export(reader, &number).await.unwrap();
        let is_told = texts.filter_map(|(_, body)| body).any(|body| body.contains("Net A"));
        assert_eq!(is_told, reader.is_operator, "{}", reader.name);
    }
}

/// Two parties that take part, and who speaks for each: `ole` and `otto`.
fn two_parties() -> Vec<Draft> {
    let sides = [("Net A", "ole"), ("Net B", "otto")].map(|(party, person)| {
        let (party, person) = (party.to_owned(), person.to_owned());
        let moved = PartyMoved { party: party.clone(), status: PartyStatus::Told, text: String::new() };
        let speaks = RoleMoved { role: Role::AffectedParty, person, party, holds: true };
        [draft(moved, None), draft(speaks, None)]
    });
    sides.into_iter().flatten().collect()
}

/// INVARIANT: a title that names what was not released to a party is read by nobody who reads for it alone, whatever the
/// way, and nothing is found by its words.
#[tokio::test]
async fn a_title_that_names_a_machine_is_read_by_those_alone_who_know_it() {
    let (site, operator) = (site().await, Person::operator("root"));
    let (otto, ole) = (user("otto", &[], Tlp::Amber), user("ole", &[], Tlp::Amber));
    let held = HostHeld { host: "192.0.2.7".into(), party: "Net A".into() };
    let drafts = two_parties().into_iter().chain([draft(held, None)]).collect();
    let ask = |person| Ask::new(person, NOW);
    let opened = new("Quicksteps from 192.0.2[.]7", Marking::of(Tlp::Amber), drafts);
    let number = site.incidents.open(ask(&operator), opened).await.unwrap().number;
    let joined = new("Polka", Marking::of(Tlp::Amber), two_parties());
    let child = site.incidents.open(ask(&operator), joined).await.unwrap().number;
    site.incidents.join(ask(&operator), Join::Parent, (&child, &number), true, "one campaign").await.unwrap();
    let slice = Slice { limit: 10, below: None };
    let reads = async |person: &Person| {
        let (heads, _) = site.incidents.list(person, Filter::default(), slice).await.unwrap();
        let state = site.incidents.show(person, &number).await.unwrap();
        let other = site.incidents.show(person, &child).await.unwrap();
        let log = site.incidents.log(person, &number, 0, 100).await.unwrap();
        let changes = site.incidents.changes(person, None, 0).await.unwrap().rows;
        let own_changes = site.incidents.changes(person, Some(&number), 0).await.unwrap().rows;
        let found = site.incidents.search(person, "Quicksteps", slice).await.unwrap().0;
        let about = site.incidents.about(person, "192.0.2.7").await.unwrap().found;
        let ways = [
            heads.iter().map(|one| one.head.title.clone()).collect::<Vec<_>>().join(" "),
            state.title.clone(),
            json!(site.incidents.joins(person, &other).await.unwrap()).to_string(),
            log.iter().map(|kept| entry_json(kept).to_string()).collect(),
            changes.iter().map(|one| format!("{} {}", one.head.title, entry_json(&one.kept))).collect(),
            own_changes.iter().map(|one| format!("{} {}", one.head.title, entry_json(&one.kept))).collect(),
            site.incidents.export(person, &number).await.unwrap().filter_map(|(_, body)| body).collect(),
            found.iter().map(|one| format!("{} {}", one.head.title, entry_json(&one.kept))).collect(),
            about.iter().map(|one| format!("{} {}", one.head.title, entry_json(&one.kept))).collect(),
            format!("{:?}", site.incidents.observables(person, &number, None, |values| 0..values.len()).await.unwrap()),
        ];
        (ways.map(|text| text.contains("192.0.2")), found.len(), about.len())
    };
    assert_eq!(reads(&operator).await.0, [true; 10]);
    // That two are joined is in an entry that is for no party.
    let all_but_joined = std::array::from_fn(|at| at != 2);
    assert_eq!(reads(&ole).await.0, all_but_joined);
    assert_eq!(reads(&otto).await, ([false; 10], 0, 0));
    // What is released afterwards is read, and what names another party is not.
    let (host, party, reason) = ("192.0.2.7".to_owned(), "Net B".to_owned(), "they agreed".to_owned());
    let named = draft(NeighbourNamed { host, party, reason }, None);
    site.incidents.write(ask(&operator), &number, vec![named]).await.unwrap();
    assert_eq!(reads(&otto).await.0, all_but_joined);
    let titled = draft(Titled { title: "What NET-A did".into() }, None);
    site.incidents.write(ask(&operator), &number, vec![titled]).await.unwrap();
    let title = async |person: &Person| site.incidents.show(person, &number).await.unwrap().title.clone();
    assert_eq!((title(&ole).await, title(&operator).await), ("What NET-A did".into(), "What NET-A did".into()));
    assert_eq!(title(&otto).await, "What NET-A did", "whose host that is was released");
    let titled = draft(Titled { title: "Net A and web.example".into() }, None);
    site.incidents.write(ask(&operator), &number, vec![titled]).await.unwrap();
    assert_eq!(title(&ole).await, "(title withheld: it names what was not released to you)");
}

/// INVARIANT: neither is a reason of a status or a marking.
#[tokio::test]
async fn a_reason_that_names_a_machine_is_read_by_those_alone_who_know_it() {
    let (site, operator) = (site().await, Person::operator("root"));
    let (otto, ole) = (user("otto", &[], Tlp::Amber), user("ole", &[], Tlp::Amber));
    let held = HostHeld { host: "192.0.2.7".into(), party: "Net A".into() };
    let drafts = two_parties().into_iter().chain([draft(held, None)]).collect();
    let ask = |person| Ask::new(person, NOW);
    let number =
        site.incidents.open(ask(&operator), new("Dance", Marking::of(Tlp::Amber), drafts)).await.unwrap().number;
    let write = async |content: Content| {
        let written = site.incidents.write(ask(&operator), &number, vec![draft(content, None)]).await.unwrap();
        written.warnings.iter().map(ToString::to_string).collect::<String>()
    };
    let warned = write(Moved { status: Status::Waiting, reason: "Quicksteps from 192.0.2[.]7".into() }.into()).await;
    assert!(warned.contains("the reason names 192.0.2.7"), "{warned}");
    let marking = Marking { parties: vec!["Net A".into(), "Net B".into()], ..Marking::of(Tlp::Amber) };
    write(Marked { marking, reason: "Quicksteps of 192.0.2.7 again".into() }.into()).await;
    // Why somebody is told later than others, too.
    let open = Marking { parties: vec!["Net A".into(), "Net B".into()], ..Marking::of(Tlp::Amber) };
    let (held, ordered) = (
        TellingHeld { party: "Net B".into(), held: true, reason: "Quicksteps, ask 192.0.2.7".into() },
        TellingOrdered { parties: vec!["Net B".into()], reason: "Quicksteps at 192.0.2.7 first".into() },
    );
    let drafts = vec![draft(held, Some(open.clone())), draft(ordered, Some(open))];
    let written = site.incidents.write(ask(&operator), &number, drafts).await.unwrap();
    assert!(written.warnings.iter().any(|one| one.what.contains("the reason names 192.0.2.7")));
    let slice = Slice { limit: 10, below: None };
    let reads = async |person: &Person| {
        let log = site.incidents.log(person, &number, 0, 100).await.unwrap();
        let changes = site.incidents.changes(person, None, 0).await.unwrap().rows;
        let found = site.incidents.search(person, "Quicksteps", slice).await.unwrap().0;
        let ways = [
            log.iter().map(|kept| entry_json(kept).to_string()).collect::<String>(),
            changes.iter().map(|one| entry_json(&one.kept).to_string()).collect(),
            site.incidents.export(person, &number).await.unwrap().filter_map(|(_, body)| body).collect(),
            found.iter().map(|one| entry_json(&one.kept).to_string()).collect(),
        ];
        (ways.map(|text| text.contains("Quicksteps")), found.len())
    };
    assert_eq!(reads(&operator).await, ([true; 4], 4));
    assert_eq!(reads(&otto).await, ([false; 4], 0));
    // Of its own machine a party reads it; a body is signed as it is, and names for whom else something is.
    assert_eq!(reads(&ole).await, ([true; 4], 4));
    let log = site.incidents.log(&otto, &number, 0, 100).await.unwrap();
    let log: Vec<String> = log.iter().map(|kept| entry_json(kept).to_string()).collect();
    let withheld: Vec<&String> = log.iter().filter(|entry| entry.contains("(reason withheld: it names")).collect();
    assert!(withheld.len() == 4 && log.iter().all(|entry| !entry.contains("Net A")), "{log:?}");
}

/// INVARIANT: of a field what was replaced can be erased, and what holds cannot.
#[tokio::test]
async fn what_was_written_for_fewer_people_is_warned_of_and_can_be_erased_once_it_is_replaced() {
    let (site, operator) = (site().await, Person::operator("root"));
    let ask = || Ask::new(&operator, NOW);
    let red = Marking { persons: vec!["anna".into()], ..Marking::of(Tlp::Red) };
    let number = site.incidents.open(ask(), new("Tango", red.clone(), Vec::new())).await.unwrap().number;
    let write = async |content: Content| {
        let written = site.incidents.write(ask(), &number, vec![draft(content, None)]).await.unwrap();
        let seq = written.entries[0]["seq"].as_u64().unwrap();
        (seq, written.warnings.iter().map(ToString::to_string).collect::<String>())
    };
    let mark = |marking| Content::from(Marked { marking, reason: String::new() });
    let (first, _) = write(Titled { title: "Secret waltz".into() }.into()).await;
    let (moved, _) = write(Moved { status: Status::Waiting, reason: "secret".into() }.into()).await;
    assert_eq!(write(mark(red)).await.1, "", "nobody reads more");
    let (_, warned) = write(mark(Marking::of(Tlp::Green))).await;
    assert!(warned.contains("read by more now: 2 in all"), "{warned}");
    let erase = async |seq| site.incidents.erase_entry(ask(), &number, seq, "secret").await;
    let Err(Refused::Wrong(problem)) = erase(first).await else { panic!("it holds") };
    assert!(problem.what.contains("fields of an incident are changed, not erased"), "{problem}");
    let (second, _) = write(Titled { title: "Waltz".into() }.into()).await;
    erase(first).await.unwrap();
    assert!(erase(second).await.is_err() && erase(1).await.is_err());
    // The reason of a status goes as soon as the same status is written without it.
    let Err(Refused::Wrong(problem)) = erase(moved).await else { panic!("it holds") };
    assert!(problem.hint.contains("once more, without its reason"), "{problem}");
    write(Moved { status: Status::Waiting, reason: String::new() }.into()).await;
    erase(moved).await.unwrap();
    assert_eq!(site.incidents.show(&operator, &number).await.unwrap().status, Status::Waiting);
    let log = site.incidents.log(&operator, &number, 0, 100).await.unwrap();
    assert!(log.iter().all(|kept| !entry_json(kept).to_string().contains("Secret waltz")));
    assert_eq!(site.incidents.show(&operator, &number).await.unwrap().title, "Waltz");
    // The journal is as it should be.
    assert_eq!(verify_journals(&site.incidents.store).await.unwrap().problems, []);
}

/// INVARIANT: what a site forbids of what is marked strictly goes by the marking of an entry and of evidence, also in an
/// incident that is marked more openly.
#[tokio::test]
async fn what_is_forbidden_by_a_label_goes_by_that_of_the_thing_itself() {
    let site = site().await;
    let anna = user("anna", &["handler"], Tlp::Red);
    let forbid = |action| Forbid {
        name: "not strictly".into(),
        actions: BTreeSet::from([action]),
        above: Some(Tlp::Amber),
        ..Forbid::default()
    };
    let forbids = Forbids([Action::Note, Action::Erase, Action::Release].map(forbid).to_vec());
    let ben = forbids.on(user("ben", &["handler"], Tlp::Red));
    let number = site.incidents.open(Ask::new(&anna, NOW), new("x", Marking::of(Tlp::Amber), Vec::new())).await;
    let number = number.unwrap().number;
    let role = RoleMoved { role: Role::SiteLead, person: "ben".into(), party: String::new(), holds: true };
    let write = async |who: &Person, draft| site.incidents.write(Ask::new(who, NOW), &number, vec![draft]).await;
    write(&anna, draft(role, None)).await.unwrap();
    let strict = || Some(Marking::of(Tlp::AmberStrict));
    let denied = |done: &Result<Written, Refused>| match done {
        Err(Refused::Denied(decision)) => decision.policy,
        _ => "",
    };
    assert_eq!(denied(&write(&ben, note("open", None)).await), "");
    assert_eq!(denied(&write(&ben, note("strict", strict())).await), "forbidden");
    let by_anna = [note("open", None), note("strict", strict())];
    let mut seqs = Vec::new();
    for one in by_anna {
        seqs.push(write(&anna, one).await.unwrap().entries[0]["seq"].as_u64().unwrap());
    }
    let erase = async |seq| site.incidents.erase_entry(Ask::new(&ben, NOW), &number, seq, "x").await;
    assert_eq!([denied(&erase(seqs[0]).await), denied(&erase(seqs[1]).await)], ["", "forbidden"]);
    write(&anna, draft(PartyMoved { party: "Net A".into(), status: PartyStatus::Told, text: String::new() }, None))
        .await
        .unwrap();
    for (marking, want) in [(None, ""), (strict(), "forbidden")] {
        let handling = Handling { act: Act::Collected, whom: String::new(), place: "x".into(), reason: "x".into() };
        let (name, text) = (format!("{want}.log"), String::new());
        let new = NewEvidence { name, text, marking, handling };
        let bytes = if want.is_empty() { &b"open"[..] } else { &b"strict"[..] };
        let sha256 = site.incidents.add(Ask::new(&anna, NOW), &number, new, bytes).await.unwrap().sha256;
        let released = site.incidents.release(Ask::new(&ben, NOW), &number, &sha256, "Net A", "asked").await;
        assert_eq!(denied(&released.map(|(written, _)| written)), want);
    }
}

/// What an earlier build derived from journals says less: it is made anew when this one begins, once.
#[tokio::test]
async fn what_an_earlier_build_derived_is_made_anew_once() {
    let site = site().await;
    let (operator, records) = (Person::operator("root"), site.incidents.store.records.clone());
    let ask = Ask::new(&operator, NOW);
    site.incidents.open(ask, new("Old", Marking::of(Tlp::Green), vec![note("w", None)])).await.unwrap();
    assert_eq!(site.incidents.rebuild_if_old().await.unwrap(), Some(1));
    assert_eq!(site.incidents.rebuild_if_old().await.unwrap(), None);
    let mut change = records.change().await.unwrap();
    records.drop_derived(&mut change).await.unwrap();
    records.commit(change).await.unwrap();
    let listed = async || site.incidents.list(&operator, Filter::default(), Slice { limit: 9, below: None }).await;
    assert!(listed().await.unwrap().0.is_empty() && site.incidents.rebuild_if_old().await.unwrap().is_none());
    records.remember("incident derived", "version", "1").await.unwrap();
    assert_eq!(site.incidents.rebuild_if_old().await.unwrap(), Some(1));
    assert_eq!(listed().await.unwrap().0.len(), 1);
}

/// A clock that was ahead once is told of as long as it shows; what is written then holds, and comes later in order.
#[tokio::test]
async fn a_clock_that_was_ahead_is_told_of() {
    let site = site().await;
    let operator = Person::operator("root");
    let at = |seconds: i64| Ask::new(&operator, NOW.plus_seconds(seconds));
    let told = async |seconds: i64| ahead(&site.incidents.store, NOW.plus_seconds(seconds)).await.unwrap();
    let open = async |title: &str, seconds: i64| {
        let new = new(title, Marking::of(Tlp::Green), Vec::new());
        site.incidents.open(at(seconds), new).await.unwrap().number
    };
    assert_eq!(told(0).await, None);
    let first = open("Before", 0).await;
    assert_eq!(told(-200).await, None);
    let shifted = open("Ahead", 86_400).await;
    let problem = told(0).await.unwrap().to_string();
    assert!(problem.contains("the newest entry of all incidents is of ") && problem.contains("1 d 0 h"), "{problem}");
    site.incidents.write(at(60), &first, vec![note("after", None)]).await.unwrap();
    let [whole, late] = [&first, &shifted].map(|name| site.incidents.log(&operator, name, 0, 99));
    let (whole, late) = (whole.await.unwrap(), late.await.unwrap());
    let (last, before) = (whole.last().unwrap(), late.last().unwrap());
    // It comes behind what was numbered ahead, and has its own time all the same.
    assert!(last.seq > before.seq && last.header.stamp.time == NOW.plus_seconds(60));
    assert_eq!(told(86_400).await, None);
}

/// INVARIANT: an entry is read by those whom its newest marking admits, whatever the way; its body stays as it was signed.
#[tokio::test]
async fn an_entry_that_is_marked_otherwise_is_read_by_those_whom_the_new_marking_admits() {
    let (site, root) = (site().await, Person::operator("root"));
    let (anna, ben) = (user("anna", &["handler"], Tlp::Red), user("ben", &["handler"], Tlp::Amber));
    let ask = |person| Ask::new(person, NOW);
    let holds =
        |role, person: &str| draft(RoleMoved { role, person: person.into(), party: String::new(), holds: true }, None);
    let new =
        new("x", Marking::of(Tlp::AmberStrict), vec![holds(Role::Responder, "ben"), holds(Role::Coordinator, "cleo")]);
    let ben = Person { clearance: Tlp::AmberStrict, ..ben };
    let cleo = user("cleo", &[], Tlp::Red);
    let number = site.incidents.open(ask(&root), new).await.unwrap().number;
    let flow = Relation {
        from: "192.0.2.1".into(),
        to: "192.0.2.2".into(),
        first_seen: NOW.0,
        last_seen: NOW.0,
        clock_error: 0,
        zone: String::new(),
        port: 22,
        technique: String::new(),
        certainty: 50,
        evidence: String::new(),
        line: 0,
    };
    let drafts = vec![note("Quickstep", None), draft(flow, None)];
    let written = site.incidents.write(ask(&anna), &number, drafts).await.unwrap();
    let seqs: Vec<u64> = written.entries.iter().map(|entry| entry["seq"].as_u64().unwrap()).collect();
    let slice = Slice { limit: 10, below: None };
    let reads = async |person: &Person| {
        let said = |text: String| text.contains("Quickstep");
        let log = site.incidents.log(person, &number, 0, 100).await.unwrap();
        let changes = site.incidents.changes(person, None, 0).await.unwrap().rows;
        let state = site.incidents.show(person, &number).await.unwrap();
        [
            said(log.iter().map(|kept| entry_json(kept).to_string()).collect()),
            said(changes.iter().map(|one| entry_json(&one.kept).to_string()).collect()),
            said(site.incidents.export(person, &number).await.unwrap().filter_map(|(_, body)| body).collect()),
            !site.incidents.search(person, "Quickstep", slice).await.unwrap().0.is_empty(),
            !site.incidents.about(person, "192.0.2.1").await.unwrap().found.is_empty(),
            !state.relations.is_empty(),
        ]
    };
    let mark = async |person: &Person, marking: Marking| {
        let mut all = Vec::new();
        for seq in &seqs {
            let marked = Marked { marking: marking.clone(), reason: "a customer".into() };
            all.push(site.incidents.mark_entry(Ask::new(person, NOW), &number, *seq, marked).await);
        }
        all
    };
    let sound = async || {
        let verified = verify_journals(&site.incidents.store).await.unwrap();
        assert!(verified.problems.is_empty(), "{:?}", verified.problems);
    };
    assert_eq!((reads(&anna).await, reads(&ben).await), ([true; 6], [true; 6]));
    let red = Marking { persons: vec!["anna".into(), "cleo".into()], ..Marking::of(Tlp::Red) };
    assert!(mark(&anna, red.clone()).await.iter().all(Result::is_ok));
    sound().await;
    assert_eq!((reads(&anna).await, reads(&ben).await), ([true; 6], [false; 6]));
    // Nobody who does not see it marks it, and nobody reads of it in the log of what was marked.
    assert!(mark(&ben, Marking::of(Tlp::AmberStrict)).await.iter().all(Result::is_err));
    let log = site.incidents.log(&ben, &number, 0, 100).await.unwrap();
    assert!(!log.iter().any(|kept| entry_json(kept).to_string().contains("a customer")));
    // Made anew, and held by nobody, it is the same.
    site.incidents.rebuild().await.unwrap();
    sound().await;
    assert_eq!((reads(&anna).await, reads(&ben).await), ([true; 6], [false; 6]));
    // Another one lowers it only by a role that may; the author may as well, but lets nothing out of the incident by that.
    let named = Marking { persons: vec!["anna".into(), "cleo".into(), "ben".into()], ..red.clone() };
    let denied = mark(&user("dora", &["handler"], Tlp::Red), named.clone()).await;
    assert!(denied.iter().all(Result::is_err));
    assert!(mark(&cleo, named).await.iter().all(Result::is_ok));
    assert!(mark(&anna, Marking::of(Tlp::AmberStrict)).await.iter().all(Result::is_ok));
    let out = mark(&anna, Marking::of(Tlp::Green)).await;
    assert!(out.iter().all(|one| matches!(one, Err(Refused::Denied(_)))), "{out:?}");
    assert_eq!((reads(&anna).await, reads(&ben).await), ([true; 6], [true; 6]));
    sound().await;
    // Why is said, and fields and what says so stay as they are.
    let silent = Marked { marking: red.clone(), reason: " ".into() };
    let silent = site.incidents.mark_entry(ask(&root), &number, seqs[0], silent).await.unwrap_err();
    assert!(format!("{silent:?}").contains("`reason` is empty"), "{silent:?}");
    let log = site.incidents.log(&root, &number, 0, 100).await.unwrap();
    let of = |kind: &str| log.iter().find(|kept| kept.body.as_ref().unwrap().0.kind == kind).unwrap().seq;
    for kind in ["opened/1", "role/1", "entry-marking/1"] {
        let marked = Marked { marking: red.clone(), reason: "x".into() };
        let kept = site.incidents.mark_entry(ask(&root), &number, of(kind), marked).await.unwrap_err();
        assert!(format!("{kept:?}").contains("keep the marking"), "{kept:?}");
    }
    // Tasks, parties and clocks are marked like notes.
    let task = Task {
        name: "logs".into(),
        title: "Ask for logs".into(),
        role: Some(Role::Responder),
        person: String::new(),
        due: None,
        done: false,
        item: String::new(),
    };
    let party = PartyMoved { party: "Net A".into(), status: PartyStatus::Told, text: String::new() };
    let written = site.incidents.write(ask(&root), &number, vec![draft(task, None), draft(party, None)]).await.unwrap();
    let state = async |person: &Person| {
        let state = site.incidents.show(person, &number).await.unwrap();
        (state.tasks.len(), state.parties.len())
    };
    assert_eq!(state(&ben).await, (1, 1));
    for entry in &written.entries {
        let marked = Marked { marking: red.clone(), reason: "x".into() };
        site.incidents.mark_entry(ask(&root), &number, entry["seq"].as_u64().unwrap(), marked).await.unwrap();
    }
    assert_eq!((state(&ben).await, state(&anna).await), ((0, 0), (1, 1)));
    let stays = site.incidents.erase_entry(ask(&root), &number, of("entry-marking/1"), "x").await.unwrap_err();
    assert!(format!("{stays:?}").contains("stays"), "{stays:?}");
}

pub(super) fn told(party: &str) -> PartyMoved {
    PartyMoved { party: party.into(), status: PartyStatus::Told, text: String::new() }
}

/// Of two that mark one entry, or settle one step, the later learns of the other.
#[tokio::test]
async fn markings_of_entries_and_steps_are_not_overwritten_unseen() {
    let site = site().await;
    let (anna, ben) = (user("anna", &["handler"], Tlp::Red), user("ben", &["handler"], Tlp::Red));
    let scanning = concert_model::incident::process::shipped().into_iter().find(|one| one.name == "scanning").unwrap();
    let drafts = vec![note("one", None), note("two", None), draft(scanning.start("r", ""), None)];
    let opened = site.incidents.open(Ask::new(&anna, NOW), new("one", Marking::of(Tlp::Amber), drafts)).await.unwrap();
    let number = opened.number.as_str();
    let of = |text: &str| {
        let entry = opened.entries.iter().find(|entry| entry["content"]["text"] == text).unwrap();
        entry["seq"].as_u64().unwrap()
    };
    let seen = opened.entries.last().unwrap()["seq"].as_u64();
    let mark = async |person: &Person, seq: u64, seen, marking: Marking| {
        let marked = Marked { marking, reason: "x".into() };
        site.incidents.mark_entry(Ask { seen, ..Ask::new(person, NOW) }, number, seq, marked).await
    };
    let red = Marking { persons: vec!["anna".into(), "ben".into()], ..Marking::of(Tlp::Red) };
    let closed = mark(&ben, of("one"), seen, red).await.unwrap();
    let stale = mark(&anna, of("one"), seen, Marking::of(Tlp::Green)).await;
    let Err(Refused::Stale(changed)) = stale else { panic!("{stale:?}") };
    assert_eq!((changed[0]["author"].as_str(), &changed), (Some("ben"), &closed.entries));
    // The other entry is as it was, and who saw the change may change it again.
    mark(&anna, of("two"), seen, Marking::of(Tlp::Green)).await.unwrap();
    mark(&anna, of("one"), changed[0]["seq"].as_u64(), Marking::of(Tlp::Amber)).await.unwrap();
    let step = async |person: &Person, seen| {
        let done = json!({"run": "r", "step": "triage", "deed": "done", "outcome": "", "until": null, "reason": "x"});
        let drafts = vec![draft(Content::read("step/1", &done), None)];
        site.incidents.write(Ask { seen, ..Ask::new(person, NOW) }, number, drafts).await
    };
    let done = step(&ben, seen).await.unwrap();
    let Err(Refused::Stale(changed)) = step(&anna, seen).await else { panic!("it is stale") };
    assert_eq!(changed, done.entries);
    assert!(matches!(step(&anna, None).await, Err(Refused::Wrong(_))));
}

/// Who may know to which incident another belongs is answered as it is shown.
#[tokio::test]
async fn who_sees_a_join_is_who_sees_both() {
    let site = site().await;
    let (anna, hen) = (user("anna", &["handler"], Tlp::Red), user("hen", &["handler"], Tlp::Amber));
    let opened = async |title: &str, marking: Marking| {
        site.incidents.open(Ask::new(&anna, NOW), new(title, marking, Vec::new())).await.unwrap().number
    };
    let one = opened("one", Marking::of(Tlp::Amber)).await;
    let two = opened("two", Marking { persons: vec!["anna".into()], ..Marking::of(Tlp::Red) }).await;
    let three = opened("three", Marking::of(Tlp::Amber)).await;
    let leads = RoleMoved { role: Role::Coordinator, person: "hen".into(), party: String::new(), holds: true };
    site.incidents.write(Ask::new(&anna, NOW), &one, vec![draft(leads, None)]).await.unwrap();
    for parent in [&two, &three] {
        site.incidents.join(Ask::new(&anna, NOW), Join::Parent, (&one, parent), true, "x").await.unwrap();
    }
    let (case, _) = site.incidents.find(&anna, &one).await.unwrap();
    let log = site.incidents.log(&hen, &one, 0, 100).await.unwrap();
    let persons = [anna.clone(), hen.clone()];
    assert_eq!(case.joins.len(), 2);
    for kept in &case.joins {
        let decided = site.incidents.why(Ask::new(&anna, NOW), &one, Some(kept.seq), &persons, Action::See).await;
        let decided: Vec<bool> = decided.unwrap().iter().map(|decision| decision.allowed).collect();
        let is_read = log.iter().any(|one| one.seq == kept.seq);
        assert_eq!(decided, [true, is_read]);
        let asked = site.incidents.why(Ask::new(&hen, NOW), &one, Some(kept.seq), &persons, Action::See).await;
        assert!(is_read || asked == Err(Refused::Missing), "{asked:?}");
    }
    assert_eq!(log.iter().filter(|kept| case.joins.iter().any(|join| join.seq == kept.seq)).count(), 1);
}

/// INVARIANT: that it was written how two incidents belong together, and why that was erased, is for those who see both;
/// for anybody else nothing changes. As long as it holds it stays, in both.
#[tokio::test]
async fn a_join_that_was_erased_is_known_to_those_alone_who_see_both() {
    let site = site().await;
    let (anna, hen) = (user("anna", &["handler"], Tlp::Red), user("hen", &["handler:Net A"], Tlp::Red));
    let opened = async |party: &str| {
        let drafts = vec![
            draft(PartyMoved { party: party.into(), status: PartyStatus::Unknown, text: String::new() }, None),
            draft(RoleMoved { role: Role::SiteLead, person: "anna".into(), party: String::new(), holds: true }, None),
        ];
        let opened = site.incidents.open(Ask::new(&anna, NOW), new(party, Marking::of(Tlp::Green), drafts));
        opened.await.unwrap().number
    };
    let (one, two) = (opened("Net A").await, opened("Net B").await);
    let leads = RoleMoved { role: Role::SiteLead, person: "hen".into(), party: String::new(), holds: true };
    site.incidents.write(Ask::new(&anna, NOW), &one, vec![draft(leads, None)]).await.unwrap();
    let slice = Slice { limit: 10, below: None };
    let seen = async |person: &Person| {
        let (rows, _) = site.incidents.list(person, Filter::default(), slice).await.unwrap();
        let rows: Vec<_> = rows.into_iter().map(|row| (row.head.number, row.head.changed)).collect();
        let state = site.incidents.show(person, &one).await.unwrap();
        let log = site.incidents.log(person, &one, 0, 100).await.unwrap();
        let changes = site.incidents.changes(person, None, 0).await.unwrap().rows;
        let found = site.incidents.search(person, "quickstep", slice).await.unwrap().0.len();
        let exported =
            site.incidents.export(person, &one).await.unwrap().filter_map(|(_, body)| body).collect::<Vec<_>>();
        let log: Vec<u64> = log.iter().map(|kept| kept.seq).collect();
        let changes: Vec<u64> = changes.iter().map(|one| one.kept.seq).collect();
        ((rows, log, changes, found, exported), (state.entries, state.sealed, state.changed))
    };
    let before = seen(&hen).await;
    let join = async |is_joined| {
        let ask = Ask::new(&anna, NOW);
        site.incidents.join(ask, Join::Parent, (&one, &two), is_joined, "quickstep").await.unwrap();
    };
    join(true).await;
    let joins = async || {
        let log = site.incidents.log(&anna, &one, 0, 100).await.unwrap();
        let said = |kept: &Arc<Kept>| matches!(&kept.body, Some((_, Content::Joined(_)))).then_some(kept.seq);
        log.iter().filter_map(said).collect::<Vec<_>>()
    };
    let erase = async |person: &Person, seq: u64| {
        site.incidents.erase_entry(Ask::new(person, NOW), &one, seq, "a quickstep again").await
    };
    let Err(Refused::Wrong(why)) = erase(&anna, joins().await[0]).await else { panic!("it holds") };
    assert_eq!(why.what, "what says how an incident belongs to another stays as long as it holds");
    join(false).await;
    let both = joins().await;
    let Err(Refused::Wrong(_)) = erase(&anna, both[1]).await else { panic!("alone, the first would hold again") };
    // Whoever does not see the other has nothing to erase, whatever way it is tried.
    assert!(matches!(erase(&hen, both[0]).await, Err(Refused::Absent(_))));
    let log = site.incidents.log(&anna, &one, 0, 100).await.unwrap();
    let header = &log.iter().find(|kept| kept.seq == both[0]).unwrap().header;
    let (at, sequence, reason) = (header.site.to_string(), header.sequence, "x".to_owned());
    let erased = draft(Erased { site: at, sequence, reason, joins: String::new() }, None);
    let tried = site.incidents.write(Ask::new(&hen, NOW), &one, vec![erased]).await;
    assert!(matches!(tried, Err(Refused::Absent(_))), "{tried:?}");
    for seq in both {
        erase(&anna, seq).await.unwrap();
    }
    assert_eq!(seen(&hen).await, before);
    let (_, (entries, sealed, _)) = seen(&anna).await;
    assert_eq!((entries, sealed), (before.1.0 + 4, 2));
    // So it is when everything is made anew, and nothing is wrong with the journals.
    site.incidents.rebuild().await.unwrap();
    assert_eq!(seen(&hen).await, before);
    assert_eq!(verify_journals(&site.incidents.store).await.unwrap().problems, []);
}

/// Who sees an entry that shows because of a merge is answered where it shows as well as where it was written.
#[tokio::test]
async fn who_sees_an_entry_is_answered_wherever_it_shows() {
    let site = site().await;
    let (anna, ben) = (user("anna", &["handler"], Tlp::Red), user("ben", &["handler"], Tlp::Amber));
    let opened = async |title: &str| {
        let drafts = vec![note("a note", Some(Marking::of(Tlp::AmberStrict))), note("another", None)];
        site.incidents.open(Ask::new(&anna, NOW), new(title, Marking::of(Tlp::Amber), drafts)).await.unwrap()
    };
    let (one, two) = (opened("one").await, opened("two").await);
    let of_one: Vec<u64> = one.entries.iter().filter_map(|entry| entry["seq"].as_u64()).collect();
    let who = async |person: &Person, name: &str, seq: u64| {
        let persons = [anna.clone(), ben.clone()];
        let decided = site.incidents.why(Ask::new(person, NOW), name, Some(seq), &persons, Action::See).await;
        decided.map(|all| all.iter().map(|decision| decision.allowed).collect::<Vec<_>>())
    };
    assert_eq!(who(&anna, &two.number, of_one[2]).await, Err(Refused::Missing));
    let join = (one.number.as_str(), two.number.as_str());
    site.incidents.join(Ask::new(&anna, NOW), Join::Merged, join, true, "the same").await.unwrap();
    let mut answers = BTreeSet::new();
    for seq in of_one {
        let there = who(&anna, &one.number, seq).await;
        assert_eq!(who(&anna, &two.number, seq).await, there);
        answers.insert(there.unwrap());
    }
    assert_eq!(answers, BTreeSet::from([vec![true, false], vec![true, true]]));
    // Whoever does not see an entry learns nothing of it there either.
    let leads = RoleMoved { role: Role::Coordinator, person: "ben".into(), party: String::new(), holds: true };
    site.incidents.write(Ask::new(&anna, NOW), &two.number, vec![draft(leads, None)]).await.unwrap();
    assert_eq!(who(&ben, &two.number, one.entries[2]["seq"].as_u64().unwrap()).await, Err(Refused::Missing));
}

/// What says nothing is not taken: a host of nobody, a run without a name, an outcome of what is no decision.
#[tokio::test]
async fn what_would_say_nothing_is_refused() {
    let (site, anna) = (site().await, user("anna", &["handler"], Tlp::Red));
    let opened = site.incidents.open(Ask::new(&anna, NOW), new("one", Marking::of(Tlp::Amber), Vec::new())).await;
    let number = opened.unwrap().number;
    let write = async |content: Content| match site
        .incidents
        .write(Ask::new(&anna, NOW), &number, vec![draft(content, None)])
        .await
    {
        Err(Refused::Wrong(problem)) => format!("{} ({})", problem.what, problem.hint),
        Ok(_) => String::new(),
        other => panic!("{other:?}"),
    };
    let refused = async |content: Content, want: &str| {
        let told = write(content).await;
        assert!(told.contains(want), "{told}");
    };
    let held = |party: &str| Content::from(HostHeld { host: "192.0.2.7".into(), party: party.into() });
    refused(held(""), "`party` of host/1 is empty, and 192.0.2.7 is nobody's here").await;
    assert_eq!(write(told("Net").into()).await + &write(held("Net")).await + &write(held("")).await, "");
    refused(held(""), "nobody's here").await;
    let scanning = concert_model::incident::process::shipped().into_iter().find(|one| one.name == "scanning").unwrap();
    for run in ["", "Bad Name", &"x".repeat(200)] {
        refused(scanning.start(run, "").into(), "is no name of a run (write small letters").await;
    }
    assert_eq!(write(scanning.start("scanning-2", "").into()).await, "");
    let step =
        json!({"run": "scanning-2", "step": "triage", "deed": "done", "outcome": "yes", "until": null, "reason": "x"});
    refused(Content::read("step/1", &step), "`outcome` of `triage` is for a decision, not for `done`").await;
    let answer = |verdict: &str| {
        let answers = json!([{"step": "triage", "verdict": verdict, "text": " "}]);
        Content::read("feedback/1", &json!({"run": "scanning-2", "answers": answers}))
    };
    refused(answer("missing"), "`text` of the answer `missing` about `triage` is empty").await;
    assert_eq!(write(answer("useless")).await + &write(answer("late")).await, "");
}

/// That a hidden entry was erased, and why, is seen by whoever could read the entry, and moves nothing for anybody else.
#[tokio::test]
async fn what_was_erased_is_there_for_those_alone_who_could_read_it() {
    let site = site().await;
    let (hana, ron) = (user("hana", &["handler"], Tlp::Red), user("ron", &["reader"], Tlp::Red));
    let (otto, lena) = (user("otto", &[], Tlp::Red), user("lena", &[], Tlp::Red));
    let role = |role, person: &str, party: &str| {
        draft(RoleMoved { role, person: person.into(), party: party.into(), holds: true }, None)
    };
    let drafts = vec![
        role(Role::SiteLead, "hana", ""),
        role(Role::Investigator, "lena", ""),
        draft(told("Net A"), None),
        role(Role::AffectedParty, "otto", "Net A"),
    ];
    let opened = site.incidents.open(Ask::new(&hana, NOW), new("x", Marking::of(Tlp::Amber), drafts)).await.unwrap();
    let number = opened.number.as_str();
    let write = async |person: &Person, marking| {
        let written = site.incidents.write(Ask::new(person, NOW), number, vec![note("source X", Some(marking))]).await;
        written.unwrap().entries[0]["seq"].as_u64().unwrap()
    };
    let erase = async |seq| site.incidents.erase_entry(Ask::new(&hana, NOW), number, seq, "the informant asked").await;
    let all = Slice { limit: 10, below: None };
    let reads = async |person: &Person| {
        let state = site.incidents.show(person, number).await.unwrap();
        let log = site.incidents.log(person, number, 0, 100).await.unwrap();
        let rows: Vec<String> = log.iter().map(|kept| entry_json(kept).to_string()).collect();
        let (list, _) = site.incidents.list(person, Filter::default(), all).await.unwrap();
        let changes = site.incidents.changes(person, None, 0).await.unwrap().rows.len();
        let found = site.incidents.search(person, "informant", all).await.unwrap().0.len();
        (state.entries, state.sealed, state.changed, rows, list[0].head.changed, changes, found)
    };
    let sound = async || assert_eq!(verify_journals(&site.incidents.store).await.unwrap().problems, []);
    let red = |names: &[&str]| {
        let persons = names.iter().map(|name| (*name).to_owned()).collect();
        Marking { persons, ..Marking::of(Tlp::Red) }
    };
    // Marked so when it was written, and later.
    let (own, later) = (write(&hana, red(&["hana"])).await, write(&hana, Marking::of(Tlp::AmberStrict)).await);
    let marked = Marked { marking: red(&["hana"]), reason: "it names a source".into() };
    site.incidents.mark_entry(Ask::new(&hana, NOW), number, later, marked).await.unwrap();
    let of_lena = write(&lena, red(&["hana"])).await;
    let before = [reads(&otto).await, reads(&ron).await];
    for seq in [own, later, of_lena] {
        erase(seq).await.unwrap();
    }
    assert_eq!([reads(&otto).await, reads(&ron).await], before);
    let seen = |(_, sealed, _, _, _, _, found): (u64, u64, _, Vec<String>, u64, usize, usize)| (sealed, found);
    // Who wrote it knew of it without being named.
    assert_eq!((seen(reads(&hana).await), seen(reads(&lena).await)), ((3, 3), (1, 1)));
    sound().await;
    site.incidents.rebuild().await.unwrap();
    assert_eq!([reads(&otto).await, reads(&ron).await], before);
    sound().await;
    // What was for a party is gone for that too, and it learns why.
    let of_party = Marking { parties: vec!["Net A".into()], ..Marking::of(Tlp::Amber) };
    erase(write(&hana, of_party).await).await.unwrap();
    assert_eq!((seen(reads(&otto).await), seen(reads(&ron).await)), ((1, 1), (1, 1)));
    // The label of an entry lets nothing out that the incident keeps.
    erase(write(&hana, Marking::of(Tlp::Green)).await).await.unwrap();
    assert_eq!((seen(reads(&otto).await), seen(reads(&ron).await)), ((1, 1), (2, 2)));
    sound().await;
}
