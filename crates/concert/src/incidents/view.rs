//! Incidents and entries as JSON, for commands and the API.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use concert_model::Time;
use concert_model::access::{Circle, Person};
use concert_model::incident::PartyStatus;
use concert_model::incident::chain::{Hop, Joined, LogRequest, Neighbour, joined};
use concert_model::incident::content::{Content, Custody, Happened, Proposed, Role};
use concert_model::incident::due::asked;
use concert_model::incident::fold::{Clock, Exhibit, Incident, Letter, Participant};
use concert_model::incident::journal::Stamp;
use concert_model::incident::mail::Attached;
use serde_json::{Map, Value, json};

use super::sight;
use super::text::word;
use super::write::MERGED;
use super::{Kept, Listed};
use crate::print::span;

fn time(micros: i64) -> Value {
    json!(Time(micros).to_string())
}

/// An entry.
pub fn entry_json(kept: &Kept) -> Value {
    let header = &kept.header;
    let mut entry = json!({
        "seq": kept.seq,
        "incident": header.incident,
        "site": header.site.to_string(),
        "sequence": header.sequence,
        "time": header.stamp.time.to_string(),
        "sealed": kept.is_erased(),
    });
    let said = kept.body.as_ref().filter(|_| !kept.is_erased());
    if let (Some((body, _)), Some(members)) = (said, entry.as_object_mut()) {
        members.insert("author".into(), json!(body.author));
        members.insert("kind".into(), json!(body.kind));
        members.insert("marking".into(), json!(body.marking));
        members.insert("content".into(), Content::shown(&body.kind, &body.content));
    }
    entry
}

/// An incident in a list of a person who sees it.
pub fn head_json(Listed { head, late_answers }: &Listed, person: &Person) -> Value {
    let circle: Circle = serde_json::from_str(&head.circle).unwrap_or_default();
    let mut marking = circle.marking.clone();
    if let Some(marking) = &mut marking {
        sight::narrow(marking, person, &circle);
    }
    json!({
        "id": head.id,
        "number": head.number,
        "title": head.title,
        "classification": head.classification,
        "severity": head.severity,
        "status": head.status,
        "marking": marking,
        "coordinators": circle.holders.get(&Role::Coordinator),
        "opened": head.opened.to_string(),
        "changed": head.changed_at.to_string(),
        "late_answers": late_answers,
    })
}

/// Evidence with its custody, in order.
pub fn exhibit_json(sha256: &str, exhibit: &Exhibit) -> Value {
    let handled = |(custody, stamp): &(Custody, Stamp)| json!({"act": word(custody.act), "person": custody.person, "whom": custody.whom, "place": custody.place, "reason": custody.reason, "time": stamp.time.to_string()});
    let custody: Vec<Value> = exhibit.custody.iter().map(handled).collect();
    let added = exhibit.added.as_ref();
    json!({"sha256": sha256, "name": added.map(|added| &added.name), "bytes": added.map(|added| added.bytes), "text": added.map(|added| &added.text),
        "of": added.map(|added| &added.of), "marking": exhibit.marking, "destroyed": exhibit.is_destroyed(), "custody": custody,
        "released": exhibit.released, "goes_to": exhibit.goes_to().collect::<Vec<_>>()})
}

/// A moment that may be before or after all time, where nothing limits it.
fn bound(micros: i64) -> Value {
    if micros.unsigned_abs() >= i64::MAX.unsigned_abs() { Value::Null } else { time(micros) }
}

/// A path through the chain of victims.
pub fn hop_json(hop: &Hop<'_>) -> Value {
    json!({"host": hop.host, "steps": hop.steps, "next_to": hop.next_to, "bound": bound(hop.bound), "is_end": hop.is_end})
}

/// What to ask the owner of a host for, with a text that is ready to be sent.
pub fn request_json(request: &LogRequest<'_>, owner: Option<&String>) -> Value {
    let ports: Vec<String> = request.ports.iter().map(ToString::to_string).collect();
    let at = if ports.is_empty() { String::new() } else { format!(", first those on port {}", ports.join(", ")) };
    let text = format!(
        "Please look into your logs for connections to {} before {} (UTC){at}, and tell us where they came from, with times and the zone of your clock.",
        request.host,
        Time(request.before),
    );
    json!({"host": request.host, "party": owner, "before": time(request.before), "ports": request.ports, "text": text})
}

/// A flow as a party may know it.
pub fn neighbour_json(neighbour: &Neighbour<'_>) -> Value {
    let Joined { relation, first_seen, last_seen, clock_error, certainty, .. } = &neighbour.flow;
    json!({"host": neighbour.host, "direction": if neighbour.is_upstream { "upstream" } else { "downstream" }, "neighbour": neighbour.neighbour,
        "first_seen": time(*first_seen), "last_seen": time(*last_seen), "clock_error": clock_error,
        "zone": relation.zone, "port": relation.port, "technique": relation.technique, "certainty": certainty})
}

/// A flow that may be the next hop.
pub fn proposal_json(proposed: &Proposed) -> Value {
    json!({"event": proposed.event, "from": proposed.from, "to": proposed.to, "port": proposed.port,
        "first_seen": time(proposed.first_seen), "last_seen": time(proposed.last_seen), "clock_error": proposed.clock_error, "zone": proposed.zone, "text": proposed.text})
}

/// Something that happened.
pub fn happened_json(happened: &Happened) -> Value {
    json!({"time": time(happened.time), "zone": happened.zone, "clock_error": happened.clock_error,
        "subject": happened.subject, "text": happened.text, "evidence": happened.evidence, "line": happened.line})
}

/// A message of a conversation, with how sending it ended and what became of its files.
pub fn letter_json(state: &Incident, letter: &Letter) -> Value {
    let message = &letter.message;
    let delivery = state
        .deliveries
        .get(&message.notice)
        .map(|end| json!({"taken": end.taken, "time": time(end.time), "answer": end.answer}));
    let file = |file: &Attached| {
        let kept = state.sorted.get(&(message.mail, file.sha256.clone()));
        json!({"name": file.name, "sha256": file.sha256, "bytes": file.bytes, "kept": kept})
    };
    let files: Vec<Value> = message.attachments.iter().map(file).collect();
    json!({"time": letter.stamp.time.to_string(), "author": letter.author, "marking": letter.marking, "party": message.party,
        "incoming": message.incoming, "sort": message.sort, "message_id": message.message_id, "answers": message.answers,
        "address": message.address, "subject": message.subject, "text": message.text, "openpgp": message.openpgp,
        "attachments": files, "mail": message.mail, "notice": message.notice, "answer_by": message.answer_by.map(time), "delivery": delivery})
}

/// How long a party is usually silent, in seconds: two days. After that it is asked again.
const SILENCE_USUAL_SECONDS: i64 = 2 * 86_400;

/// What is to be done about a party that is silent: after each message that waited until it was to be answered, or for
/// longer than is usual where nothing was said.
fn next_step(
    party: &Participant,
    asked: u32,
    (last, answer_by): (Option<Time>, Option<Time>),
    now: Time,
) -> Option<&'static str> {
    use PartyStatus::{Cleaned, Contained, Refuses, Verified};
    let is_late = |last: Time| now.seconds().saturating_sub(last.seconds()) > SILENCE_USUAL_SECONDS;
    let is_over = answer_by.map_or_else(|| last.is_some_and(is_late), |by| now > by);
    match asked {
        _ if !is_over || matches!(party.status, Contained | Cleaned | Verified | Refuses) => None,
        0 | 1 => Some("ask-again"),
        2 => Some("next-contact"),
        _ => Some("national-team"),
    }
}

/// A party, and since when it is silent: since the first message that no person of it has answered; and what to do
/// about that.
fn party_json(
    (state, by): (&Incident, &BTreeMap<&str, (&Letter, Time)>),
    name: &str,
    party: &Participant,
    now: Time,
) -> Value {
    let (mut messages, mut silent, mut asked, mut last, mut newest) = (0, None, 0, None, None);
    for letter in state.conversation(name) {
        messages += 1;
        newest = Some(letter.stamp).max(newest);
        match (letter.message.is_answer(), letter.message.incoming) {
            (true, _) => (silent, asked) = (None, 0),
            (false, false) => {
                (silent, last) = (silent.or(Some(letter.stamp.time)), Some(letter.stamp.time));
                asked += 1;
            }
            (false, true) => {}
        }
    }
    // Told another way, by telephone or by a notice, it is silent since then, whatever it answered before.
    if silent.is_none() && party.status == PartyStatus::Told && newest < Some(party.since) {
        (silent, last) = (Some(party.since.time), Some(party.since.time));
    }
    let answer_by = by.get(name).map(|(_, by)| *by);
    let step =
        silent.and_then(|_| next_step(party, asked, (last, answer_by), now)).filter(|_| !state.held.contains_key(name));
    let silent_for = silent.map(|since: Time| span(now.seconds().saturating_sub(since.seconds()).max(0)));
    json!({"party": name, "status": word(party.status), "own_word": party.is_own_word, "since": party.since.time.to_string(), "speakers": state.speakers.get(name),
        "messages": messages, "silent_since": silent.map(|since: Time| since.to_string()), "silent_for": silent_for,
        "answer_by": answer_by.map(|by| by.to_string()),
        "next_step": step, "held": state.held.get(name)})
}

/// Most rows of each list of an incident; `counts` says how many there are, and [`list`] has them all.
pub(super) const ROWS_MAX: usize = 1_000;

/// The lists of an incident.
const LISTS: [&str; 14] = [
    "parties",
    "tasks",
    "findings",
    "observables",
    "relations",
    "proposals",
    "timeline",
    "evidence",
    "clocks",
    "effort",
    "hosts",
    "events",
    "notices",
    "lessons",
];

/// Rows of a list. They are made one by one, as they are asked for by their place.
pub struct ListRows<'s> {
    /// How many there are.
    pub count: usize,
    /// The row at a place.
    pub row: Box<dyn Fn(usize) -> Value + 's>,
    /// By what the row at a place is known.
    pub key: Box<dyn Fn(usize) -> String + 's>,
    /// Whether rows are in the order of what they are known by, each by another; else as they were written.
    pub is_sorted: bool,
}

fn list_of<'s, T: 's>(
    is_sorted: bool,
    items: impl Iterator<Item = T>,
    key: impl Fn(&T) -> String + 's,
    row: impl Fn(&T) -> Value + 's,
) -> ListRows<'s> {
    let items: std::rc::Rc<[T]> = items.collect();
    let same = std::rc::Rc::clone(&items);
    ListRows {
        count: items.len(),
        row: Box::new(move |at| items.get(at).map(&row).unwrap_or_default()),
        key: Box::new(move |at| same.get(at).map(&key).unwrap_or_default()),
        is_sorted,
    }
}

/// Rows in the order of their keys.
fn sorted<'s, T: 's>(
    items: impl Iterator<Item = T>,
    key: impl Fn(&T) -> String + 's,
    row: impl Fn(&T) -> Value + 's,
) -> ListRows<'s> {
    list_of(true, items, key, row)
}

/// Rows in the order in which they were written, or happened; each is known by what it says.
fn written<'s, T: 's>(items: impl Iterator<Item = T>, row: impl Fn(&T) -> Value + Clone + 's) -> ListRows<'s> {
    let said = row.clone();
    list_of(false, items, move |item| said(item).to_string(), row)
}

/// A key of several words, in whose order these are.
fn key(words: &[&str]) -> String {
    words.join("\0")
}

/// A flow, with the times that it was told, as many as a list has rows.
fn relation_json(flow: &Joined<'_>) -> Value {
    let Joined { relation, first_seen, last_seen, clock_error, certainty, told } = flow;
    let told_count = told.len();
    let told = told.iter().take(ROWS_MAX).map(|one| {
        json!({"first_seen": time(one.first_seen), "last_seen": time(one.last_seen), "clock_error": one.clock_error,
            "zone": one.zone, "certainty": one.certainty, "evidence": one.evidence, "line": one.line})
    });
    json!({"from": relation.from, "to": relation.to, "first_seen": time(*first_seen), "last_seen": time(*last_seen), "clock_error": clock_error,
        "zone": relation.zone, "port": relation.port, "technique": relation.technique, "certainty": certainty,
        "evidence": relation.evidence, "line": relation.line, "told_count": told_count, "told": told.collect::<Vec<_>>()})
}

/// One of the lists of an incident; `None` where there is no such list.
pub fn list<'s>(state: &'s Incident, name: &str, now: Time) -> Option<ListRows<'s>> {
    Some(match name {
        "parties" => {
            let by = asked(state);
            let row = move |(name, party): &(&String, &Participant)| party_json((state, &by), name, party, now);
            sorted(state.parties.iter(), |(name, _)| (*name).clone(), row)
        }
        "tasks" => sorted(
            state.tasks.iter(),
            |(called, _)| (*called).clone(),
            |(called, task)| json!({"name": called, "title": task.title, "role": task.role.map(Role::word), "person": task.person, "due": task.due.map(time), "done": task.done}),
        ),
        "findings" => sorted(
            state.findings.iter(),
            |(called, _)| (*called).clone(),
            |(called, finding)| json!({"name": called, "statement": finding.statement, "standing": finding.standing}),
        ),
        "observables" => sorted(
            state.observables.iter(),
            |(of, value)| key(&[of, value]),
            |(of, value)| json!({"of": of, "value": value}),
        ),
        // In the order in which each was told first, so that one that is told again stays in its place.
        "relations" => list_of(
            false,
            joined(state.relations.iter().map(Arc::as_ref)).into_iter().rev(),
            |Joined { relation, .. }| {
                key(&[&relation.from, &relation.to, &relation.port.to_string(), &relation.technique])
            },
            relation_json,
        ),
        "proposals" => sorted(
            // In the order of the events that say so: it is that of the map they are kept in.
            state.open_proposals(),
            |proposed| proposed.event.clone(),
            |proposed| proposal_json(proposed),
        ),
        "timeline" => {
            let mut timeline: Vec<_> = state.timeline.iter().collect();
            timeline.sort_by_key(|happened| happened.time);
            written(timeline.into_iter(), |happened| happened_json(happened))
        }
        "evidence" => sorted(
            state.evidence.iter(),
            |(sha256, _)| (*sha256).clone(),
            |(sha256, exhibit)| exhibit_json(sha256, exhibit),
        ),
        "clocks" => sorted(
            state.clocks.iter(),
            |((name, party), _)| key(&[name, party]),
            |((name, party), clock)| {
                let mut row = clock_json(clock);
                row.insert("clock".into(), json!(name));
                row.insert("party".into(), json!(party));
                row.insert("before".into(), clock.before.iter().map(clock_json).collect());
                Value::Object(row)
            },
        ),
        "effort" => sorted(
            state.minutes.iter(),
            |((person, party, work), _)| key(&[person, party, work]),
            |((person, party, work), minutes)| json!({"person": person, "party": party, "work": work, "minutes": minutes}),
        ),
        "hosts" => sorted(
            state.hosts.iter(),
            |(host, _)| (*host).clone(),
            |(host, party)| json!({"host": host, "party": party}),
        ),
        "events" => sorted(state.events.iter(), |event| (*event).clone(), |event| json!(event)),
        "notices" => sorted(state.notices.iter(), |notice| (*notice).clone(), |notice| json!(notice)),
        "lessons" => written(state.lessons.iter(), |lesson| json!(lesson)),
        _ => return None,
    })
}

/// How a clock stands, or stood before it began anew.
fn clock_json(clock: &Clock) -> Map<String, Value> {
    let (met, proof) = clock.met.as_ref().map(|(at, proof)| (time(*at), json!(proof))).unwrap_or_default();
    let points_to = json!(clock.points_to);
    [
        ("since", time(clock.since)),
        ("due", time(clock.due)),
        ("met", met),
        ("proof", proof),
        ("points_to", points_to),
        ("again", json!(clock.again)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into_iter()
    .collect()
}

/// An incident with everything a person sees of it; of each list the first rows. `joins` is how it belongs to
/// others, `may` what is open to the person; users who are disabled, and the present moment.
pub fn incident_json(
    state: &Incident,
    joins: Vec<Value>,
    may: &[&str],
    (gone, now): (&BTreeSet<String>, Time),
) -> Value {
    let is_into = |row: &&Value| row.get("as").is_some_and(|how| how == "into");
    let merged_into = joins.iter().find(is_into).and_then(|row| row.get("incident")).cloned();
    let status = match state.merged_into() {
        Some(_) => MERGED.to_owned(),
        None => word(state.status),
    };
    let rule = state.rule.as_ref().map(|(rule, key)| json!({"rule": rule, "key": key}));
    let roles: Map<String, Value> =
        state.roles.iter().map(|(role, holders)| (role.word().to_owned(), json!(holders))).collect();
    let open: Vec<Value> = state.open_duties(gone).map(|(role, duty)| json!({"role": role, "duty": duty})).collect();
    let mut incident = json!({
        "id": state.id, "number": state.number, "title": state.title, "classification": state.classification,
        "severity": word(state.severity), "status": status, "merged_into": merged_into, "marking": state.marking,
        "opened": state.opened.time.to_string(), "opener": state.opener, "changed": state.changed.time.to_string(),
        "may": may, "roles": roles, "open_duties": open, "order": state.order,
        "rule": rule, "more_events": state.more_events, "left_out": state.left_out,
        "entries": state.entries, "sealed": state.sealed, "unknown": state.unknown,
    });
    let mut counts = Map::new();
    let mut lists = Map::new();
    for name in LISTS {
        let Some(rows) = list(state, name, now) else { continue };
        counts.insert(name.to_owned(), json!(rows.count));
        lists.insert(name.to_owned(), (0..rows.count.min(ROWS_MAX)).map(&rows.row).collect());
    }
    // A host has one party, so these are the members of an object.
    let hosts: Map<String, Value> =
        state.hosts.iter().take(ROWS_MAX).map(|(host, party)| (host.clone(), json!(party))).collect();
    lists.insert("hosts".into(), Value::Object(hosts));
    counts.insert("joined".into(), json!(joins.len()));
    lists.insert("joined".into(), Value::Array(joins));
    if let Some(members) = incident.as_object_mut() {
        members.extend(lists);
        members.insert("counts".into(), Value::Object(counts));
    }
    incident
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flow_that_is_told_very_often_lists_as_many_times_as_a_list_has_rows() {
        let relation = concert_model::incident::content::Relation {
            from: "a".into(),
            to: "b".into(),
            first_seen: 1,
            last_seen: 2,
            clock_error: 0,
            port: 22,
            technique: String::new(),
            certainty: 50,
            zone: String::new(),
            evidence: String::new(),
            line: 0,
        };
        let mut state = Incident::default();
        state.relations.resize(ROWS_MAX + 1, Arc::new(relation));
        let row = (list(&state, "relations", Time(0)).unwrap().row)(0);
        assert_eq!((row["told_count"].as_u64(), row["told"].as_array().unwrap().len()), (Some(1_001), ROWS_MAX));
    }

    #[test]
    fn whoever_is_silent_for_longer_than_usual_is_asked_again_then_another_then_the_national_team() {
        let check = |status, asked, hours: i64, want: Option<&str>| {
            let party = Participant { status, ..Participant::default() };
            let now = Time(0).plus_seconds(hours * 3_600);
            assert_eq!(
                next_step(&party, asked, (Some(Time(0)), None), now),
                want,
                "{status:?}, {asked}, {hours} hours"
            );
        };
        check(PartyStatus::Told, 1, 48, None);
        check(PartyStatus::Told, 1, 49, Some("ask-again"));
        check(PartyStatus::Told, 2, 49, Some("next-contact"));
        check(PartyStatus::NoAnswer, 3, 49, Some("national-team"));
        check(PartyStatus::NoAnswer, 9, 49, Some("national-team"));
        check(PartyStatus::Cleaned, 1, 490, None);
        check(PartyStatus::Refuses, 2, 490, None);
        assert_eq!(next_step(&Participant::default(), 0, (None, None), Time(0)), None);
    }
}
