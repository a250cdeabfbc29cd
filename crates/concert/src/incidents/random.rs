//! Entries of every kind, made up from the table of kinds: whatever two sites write, the same entries give the same
//! state, however they come.

use std::collections::BTreeSet;

use concert_model::incident::content::{Content, TEXT_BYTES_MAX};
use concert_model::incident::fold::{Incident, order, place};
use concert_model::incident::journal::{Body, Entry, JournalKey, Stamp, Tip, hex};
use concert_model::incident::marking::{Marking, Tlp};
use concert_model::incident::schema;
use concert_store::records::incidents::EntryRow;
use serde_json::{Map, Value, json};

use super::case::Case;
use super::*;

const ID: &str = "01932c5e-0000-7000-8000-000000000001";
const DAY: i64 = 86_400_000_000;

/// Numbers without a pattern, the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % end
    }

    fn one<'v, T>(&mut self, of: &'v [T]) -> &'v T {
        let at = self.below(of.len());
        &of[at]
    }

    fn mix<T>(&mut self, all: &mut [T]) {
        for at in (1..all.len()).rev() {
            all.swap(at, self.below(at + 1));
        }
    }
}

/// A text for a member. There are few, so that entries often speak of the same thing.
fn text(dice: &mut Dice, member: &str, places: &[String]) -> String {
    let hash = |byte: &str| byte.repeat(32);
    let (hashes, hosts) = ([hash("aa"), hash("bb"), hash("cc")], ["192.0.2.1", "192.0.2.2", "198.51.100.7"]);
    let names = ["a", "b", "c"];
    match member {
        "as_what" => dice.one(&["merged", "into", "parent", "child", "split-from", "split-to", "split-to"]).to_string(),
        "sha256" | "of" | "evidence" => dice.one(&[hashes[0].clone(), hashes[1].clone(), String::new()]).clone(),
        "host" | "from" | "to" | "value" => (*dice.one(&hosts)).to_owned(),
        "party" => (*dice.one(&["", "Net A", "Net B"])).to_owned(),
        "item" => (*dice.one(&["", "1", "2"])).to_owned(),
        "site" if !places.is_empty() => dice.one(places).split(':').next().unwrap().to_owned(),
        _ => (*dice.one(&names)).to_owned(),
    }
}

/// A value that a member takes.
fn value(dice: &mut Dice, (member, of): (&str, &str), words: &Map<String, Value>, places: &[String]) -> Value {
    let optional = of.strip_prefix("Option<").and_then(|of| of.strip_suffix('>'));
    if optional.is_some() && dice.below(3) == 0 {
        return Value::Null;
    }
    let list = |dice: &mut Dice, item: &mut dyn FnMut(&mut Dice) -> Value| {
        let length = dice.below(3);
        Value::Array((0..length).map(|_| item(dice)).collect())
    };
    match optional.unwrap_or(of) {
        "String" => json!(text(dice, member, places)),
        "bool" => json!(dice.below(2) == 0),
        "u64" | "u32" | "u16" | "u8" => json!(dice.below(4)),
        "i64" => json!(dice.below(5)),
        "Marking" => json!(Marking::of(*dice.one(&Tlp::ALL))),
        "Vec<String>" if member == "entries" => list(dice, &mut |dice| match places {
            [] => json!("x:1"),
            places => json!(dice.one(places)),
        }),
        "Vec<String>" => list(dice, &mut |dice| json!(text(dice, member, places))),
        "Vec<Attached>" => list(dice, &mut |_| json!({"name": "x", "sha256": "aa", "bytes": 1})),
        "Vec<Observable>" => list(dice, &mut |dice| json!({"of": "ip", "value": text(dice, "value", places)})),
        "Vec<Answer>" => {
            list(dice, &mut |dice| json!({"step": text(dice, "step", places), "verdict": "late", "text": ""}))
        }
        "Openpgp" => json!({"encrypted": true, "signature": "good", "key": "x", "why": ""}),
        word => {
            let mut name = String::new();
            for c in word.chars() {
                if c.is_ascii_uppercase() && !name.is_empty() {
                    name.push('_');
                }
                name.push(c.to_ascii_lowercase());
            }
            dice.one(words[&name]["enum"].as_array().unwrap()).clone()
        }
    }
}

/// Entries of two sites whose clocks are a day apart. Each writer sees what the other wrote now and then.
fn entries(seed: u64, count: usize) -> Vec<Entry> {
    let (mut dice, words) = (Dice(seed), schema::schemas());
    let keys = [JournalKey::of(b"one"), JournalKey::of(b"two")];
    let (mut tips, mut seen) = ([Tip::default(); 2], [Stamp::default(); 2]);
    let (mut all, mut places): (Vec<Entry>, Vec<String>) = (Vec::new(), Vec::new());
    let mut kinds: Vec<usize> = (0..count).map(|at| at % Content::KINDS.len()).collect();
    dice.mix(&mut kinds);
    for (at, kind) in (0..).zip(kinds) {
        let (kind, members) = Content::KINDS[kind];
        let content: Map<String, Value> = members
            .iter()
            .map(|(name, of)| ((*name).to_owned(), value(&mut dice, (name, of), &words, &places)))
            .collect();
        let content = Value::Object(content);
        assert_ne!(Content::read(kind, &content), Content::Unknown, "{kind}: {content}");
        let writer = dice.below(2);
        if dice.below(3) == 0 {
            seen[writer] = seen[0].max(seen[1]);
        }
        let now = Time(at + if writer == 0 { 10 * DAY } else { 11 * DAY });
        let stamp = Stamp::next(now, seen[writer]);
        let marking = Marking::of(*dice.one(&[Tlp::Amber, Tlp::Green, Tlp::Red]));
        let author = dice.one(&["anna", "ben"]).to_string();
        let body = Body { author, kind: kind.into(), marking, content, salt: hex(&[7; 16]) };
        let entry = keys[writer].sign(ID, tips[writer], stamp, body).unwrap();
        tips[writer] = Tip { sequence: entry.header.sequence, hash: entry.header.hash().unwrap() };
        seen[writer] = stamp;
        places.push(place(&entry.header));
        all.push(entry);
    }
    all
}

fn row(seq: u64, entry: &Entry) -> EntryRow {
    let body = entry.body.as_ref().map(|body| body.text().unwrap());
    EntryRow { seq, incident: ID.into(), header: entry.header.text().unwrap(), body, marked: None }
}

/// INVARIANT: whatever is in them, the same entries give the same state in any order, also where some come twice, and
/// where some have no body; also to who takes them up one after another as they come.
#[test]
fn the_same_entries_of_any_kind_give_the_same_state_however_they_come() {
    let mut kinds = BTreeSet::new();
    for seed in 0..40 {
        let mut all = entries(seed, 2 * Content::KINDS.len());
        kinds.extend(all.iter().filter_map(|entry| entry.body.as_ref()).map(|body| body.kind.clone()));
        let mut dice = Dice(seed + 1_000);
        if seed % 2 == 1 {
            for _ in 0..10 {
                let at = dice.below(all.len());
                all[at].body = None;
            }
        }
        let want = Incident::fold(&all);
        // Slow and obvious: in the order of their stamps, one by one, without what a split shows elsewhere.
        let mut sorted: Vec<&Entry> = all.iter().collect();
        sorted.sort_by_key(|entry| order(&entry.header));
        let whole = Case::new(ID, sorted.iter().zip(1..).map(|(entry, seq)| row(seq, entry)).collect());
        assert_eq!(whole.whole(), want, "{seed}");
        for _ in 0..6 {
            let mut mixed = all.clone();
            dice.mix(&mut mixed);
            assert_eq!(Incident::fold(&mixed), want, "{seed}");
            let mut twice = mixed.clone();
            for _ in 0..15 {
                // A copy may have been passed on without what it says.
                let copy = dice.one(&mixed).clone();
                let is_sealed = dice.below(2) == 0;
                twice.insert(dice.below(twice.len()), Entry { body: copy.body.filter(|_| !is_sealed), ..copy });
            }
            assert_eq!(Incident::fold(&twice), want, "{seed}");
            // As a site takes them up: in parts, in whatever order they come.
            let mut case = Case::new(ID, Vec::new());
            let rows: Vec<EntryRow> = mixed.iter().zip(1..).map(|(entry, seq)| row(seq, entry)).collect();
            let mut rest = &rows[..];
            while !rest.is_empty() {
                let (part, left) = rest.split_at(1 + dice.below(rest.len()));
                case = case.with(part.to_vec());
                rest = left;
            }
            assert_eq!((case.whole(), &case.head), (want.clone(), &whole.head), "{seed}");
        }
    }
    let known: BTreeSet<String> = Content::KINDS.iter().map(|(kind, _)| (*kind).to_owned()).collect();
    assert_eq!(kinds, known);
}

/// INVARIANT: what is undone is as it was: whatever is in an incident, after it was merged, split and taken apart again
/// it says what it said before.
#[test]
fn joins_that_are_undone_leave_no_trace_in_the_state() {
    for seed in 0..20 {
        let mut all = entries(seed, Content::KINDS.len());
        all.retain(|entry| entry.body.as_ref().is_some_and(|body| body.kind != "joined/1"));
        let want = Incident::fold(&all);
        let key = JournalKey::of(b"three");
        let (mut dice, mut tip, mut stamp) = (Dice(seed), Tip::default(), Stamp { time: Time(20 * DAY), tick: 0 });
        let mut joins = Vec::new();
        for joined in [true, false] {
            for as_what in ["merged", "into", "parent", "split-to", "split-from"] {
                let moved: Vec<String> =
                    all.iter().filter(|_| dice.below(3) == 0).map(|entry| place(&entry.header)).collect();
                let moved = if joined && as_what.starts_with("split") { moved } else { Vec::new() };
                let content = json!({"incident": format!("other {as_what}"), "as_what": as_what, "joined": joined,
                    "reason": "x", "entries": moved});
                stamp.tick += 1;
                let body = Body {
                    author: "anna".into(),
                    kind: "joined/1".into(),
                    marking: Marking::of(Tlp::Amber),
                    content,
                    salt: hex(&[7; 16]),
                };
                let entry = key.sign(ID, tip, stamp, body).unwrap();
                tip = Tip { sequence: entry.header.sequence, hash: entry.header.hash().unwrap() };
                joins.push(entry);
            }
        }
        let half: Vec<Entry> = all.iter().chain(&joins[..5]).cloned().collect();
        assert_ne!(Incident::fold(&half).joined, want.joined);
        let mut undone: Vec<Entry> = all.iter().chain(&joins).cloned().collect();
        dice.mix(&mut undone);
        let mut undone = Incident::fold(&undone);
        (undone.entries, undone.changed) = (want.entries, want.changed);
        assert_eq!(undone, want, "{seed}");
    }
}

/// Names say what they seem to say, wherever in an entry they stand: no mark of writing direction, no control
/// character, no length without end. Prose has a cap.
#[test]
fn no_name_in_an_entry_of_any_kind_hides_something_and_every_text_has_a_cap() {
    const PROSE: [&str; 6] = ["text", "statement", "reason", "why", "proof", "definition"];
    fn places(value: &Value, at: &str, found: &mut Vec<String>) {
        match value {
            Value::String(_) => found.push(at.to_owned()),
            Value::Array(items) => {
                items.iter().enumerate().for_each(|(n, item)| places(item, &format!("{at}/{n}"), found))
            }
            Value::Object(members) => {
                members.iter().for_each(|(name, one)| places(one, &format!("{at}/{name}"), found))
            }
            _ => {}
        }
    }
    let (mut dice, words) = (Dice(5), schema::schemas());
    let (mut names, mut prose) = (0, 0);
    for (kind, members) in Content::KINDS.iter().filter(|(kind, _)| Content::is_by_hand(kind)) {
        for _ in 0..10 {
            let content: Map<String, Value> = members
                .iter()
                .map(|(name, of)| ((*name).to_owned(), value(&mut dice, (name, of), &words, &[])))
                .collect();
            let content = Value::Object(content);
            let mut found = Vec::new();
            places(&content, "", &mut found);
            for place in found {
                let with = |text: &str| {
                    let mut other = content.clone();
                    *other.pointer_mut(&place).unwrap() = json!(text);
                    Content::read(kind, &other)
                };
                // A member that takes one of some words takes no other text anyway.
                if with("abc") == Content::Unknown {
                    continue;
                }
                let member = place.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end_matches('/');
                let member = member.rsplit('/').next().unwrap();
                let long = "x".repeat(TEXT_BYTES_MAX + 1);
                let odd: &[&str] = match PROSE.contains(&member) {
                    true => &[&long],
                    false => &["a\u{202e}b", "a\nb", "a\u{7}b", "a\u{200b}b", "\u{feff}", &long],
                };
                for text in odd {
                    let refused = super::text::check(&with(text));
                    assert!(matches!(refused, Err(Refused::Wrong(_))), "{kind} {place} {:?}", text.get(..4));
                }
                if odd.len() == 1 { prose += 1 } else { names += 1 }
            }
        }
    }
    assert!(names > 300 && prose > 100, "{names} {prose}");
    let hidden = |persons: &str, parties: &str, compartment: &str| {
        let [persons, parties] = [persons, parties].map(|text| vec![text.to_owned()]);
        super::text::marking(&Marking { persons, parties, compartment: compartment.into(), ..Marking::of(Tlp::Red) })
    };
    assert_eq!(hidden("anna", "Net", "legal"), Ok(()));
    for odd in [
        hidden("an\u{202e}na", "Net", ""),
        hidden("anna", "N\u{200d}et", ""),
        hidden("anna", "", ""),
        hidden("anna", "Net", "a\tb"),
    ] {
        assert!(matches!(odd, Err(Refused::Wrong(_))));
    }
}
