//! Incidents and entries as JSON, for commands and the API.

use concert_model::Time;
use concert_model::access::Circle;
use concert_model::incident::chain::{Hop, LogRequest, Neighbour};
use concert_model::incident::content::{Custody, Role};
use concert_model::incident::fold::{Exhibit, Incident, Letter, Participant};
use concert_model::incident::journal::Stamp;
use concert_model::incident::mail::{Attached, Sort};
use concert_store::records::incidents::Head;
use serde_json::{Map, Value, json};

use super::Kept;
use super::text::word;

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
        "sealed": kept.body.is_none(),
    });
    if let (Some((body, _)), Some(members)) = (&kept.body, entry.as_object_mut()) {
        members.insert("author".into(), json!(body.author));
        members.insert("kind".into(), json!(body.kind));
        members.insert("marking".into(), json!(body.marking));
        members.insert("content".into(), body.content.clone());
    }
    entry
}

/// An incident in a list.
pub fn head_json(head: &Head) -> Value {
    let circle: Circle = serde_json::from_str(&head.circle).unwrap_or_default();
    json!({
        "id": head.id,
        "number": head.number,
        "title": head.title,
        "classification": head.classification,
        "severity": head.severity,
        "status": head.status,
        "marking": circle.marking,
        "coordinators": circle.holders.get(&Role::Coordinator),
        "opened": head.opened.to_string(),
        "changed": head.changed_at.to_string(),
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
    let relation = neighbour.relation;
    json!({"host": neighbour.host, "direction": if neighbour.is_upstream { "upstream" } else { "downstream" }, "neighbour": neighbour.neighbour,
        "first_seen": time(relation.first_seen), "last_seen": time(relation.last_seen), "clock_error": relation.clock_error,
        "port": relation.port, "technique": relation.technique, "certainty": relation.certainty})
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
        "attachments": files, "mail": message.mail, "notice": message.notice, "delivery": delivery})
}

/// A party, and since when it is silent: since the first message that no person of it has answered.
fn party_json(state: &Incident, name: &str, party: &Participant) -> Value {
    let is_answer = |letter: &Letter| {
        letter.message.incoming && !matches!(letter.message.sort, Some(Sort::AutoReply | Sort::Bounce))
    };
    let (mut messages, mut silent) = (0, None);
    for letter in state.conversation(name) {
        messages += 1;
        match (is_answer(letter), letter.message.incoming) {
            (true, _) => silent = None,
            (false, false) => silent = silent.or(Some(letter.stamp.time)),
            (false, true) => {}
        }
    }
    json!({"party": name, "status": word(party.status), "since": party.since.time.to_string(), "speakers": state.speakers.get(name),
        "messages": messages, "silent_since": silent.map(|since: Time| since.to_string()), "held": state.held.get(name)})
}

/// Most rows of each list of an incident; `counts` says how many there are, and the log has them all.
pub(super) const ROWS_MAX: usize = 1_000;

/// An incident with everything a person sees of it.
pub fn incident_json(state: &Incident) -> Value {
    let parties: Vec<Value> = state.parties.iter().map(|(name, party)| party_json(state, name, party)).collect();
    let roles: Map<String, Value> =
        state.roles.iter().map(|(role, holders)| (role.word().to_owned(), json!(holders))).collect();
    let open: Vec<Value> = state.open_duties().map(|(role, duty)| json!({"role": role, "duty": duty})).collect();
    let tasks: Vec<Value> = state
        .tasks
        .values()
        .map(|task| json!({"name": task.name, "title": task.title, "role": task.role.map(Role::word), "person": task.person, "due": task.due.map(time), "done": task.done}))
        .collect();
    let relations: Vec<Value> = state
        .relations
        .iter()
        .rev()
        .take(ROWS_MAX)
        .map(|relation| {
            json!({"from": relation.from, "to": relation.to, "first_seen": time(relation.first_seen), "last_seen": time(relation.last_seen), "clock_error": relation.clock_error,
                "port": relation.port, "technique": relation.technique, "certainty": relation.certainty})
        })
        .collect();
    let mut timeline = state.timeline.clone();
    timeline.sort_by_key(|happened| happened.time);
    let timeline: Vec<Value> = timeline
        .iter()
        .rev()
        .take(ROWS_MAX)
        .map(|happened| json!({"time": time(happened.time), "zone": happened.zone, "clock_error": happened.clock_error, "subject": happened.subject, "text": happened.text, "evidence": happened.evidence}))
        .collect();
    let evidence: Vec<Value> = state.evidence.iter().map(|(sha256, exhibit)| exhibit_json(sha256, exhibit)).collect();
    let clocks: Vec<Value> = state
        .clocks
        .iter()
        .map(|(name, clock)| json!({"clock": name, "since": time(clock.since), "due": time(clock.due), "met": clock.met.as_ref().map(|(at, _)| time(*at)), "proof": clock.met.as_ref().map(|(_, proof)| proof)}))
        .collect();
    let effort: Vec<Value> = state
        .minutes
        .iter()
        .map(|((person, party, work), minutes)| json!({"person": person, "party": party, "work": work, "minutes": minutes}))
        .collect();
    let joined: Vec<Value> = state.joined.iter().map(|(how, other)| json!({"as": how, "incident": other})).collect();
    let observables: Vec<Value> =
        state.observables.iter().take(ROWS_MAX).map(|(of, value)| json!({"of": of, "value": value})).collect();
    json!({
        "id": state.id, "number": state.number, "title": state.title, "classification": state.classification,
        "severity": word(state.severity), "status": word(state.status), "marking": state.marking,
        "opened": state.opened.time.to_string(), "opener": state.opener, "changed": state.changed.time.to_string(),
        "roles": roles, "open_duties": open, "parties": parties, "order": state.order, "tasks": tasks,
        "findings": state.findings.values().collect::<Vec<_>>(), "observables": observables, "relations": relations,
        "timeline": timeline, "evidence": evidence, "clocks": clocks, "effort": effort,
        "hosts": state.hosts.iter().take(ROWS_MAX).collect::<std::collections::BTreeMap<_, _>>(), "events": state.events.iter().take(ROWS_MAX).collect::<Vec<_>>(), "notices": state.notices, "joined": joined, "lessons": state.lessons,
        "counts": {"parties": state.parties.len(), "tasks": state.tasks.len(), "findings": state.findings.len(), "observables": state.observables.len(),
            "relations": state.relations.len(), "timeline": state.timeline.len(), "evidence": state.evidence.len(), "events": state.events.len(), "hosts": state.hosts.len()},
        "entries": state.entries, "sealed": state.sealed, "unknown": state.unknown,
    })
}
