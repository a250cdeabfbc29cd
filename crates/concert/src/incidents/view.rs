//! Incidents and entries as JSON, for commands and the API.

use concert_model::Time;
use concert_model::access::Circle;
use concert_model::incident::chain::{Hop, LogRequest, Neighbour};
use concert_model::incident::content::{Custody, Happened, Proposed, Role};
use concert_model::incident::fold::{Exhibit, Incident};
use concert_model::incident::journal::Stamp;
use concert_store::records::incidents::Head;
use serde_json::{Map, Value, json};

use super::Kept;
use super::text::word;
use super::write::MERGED;

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

/// A flow that may be the next hop.
pub fn proposal_json(proposed: &Proposed) -> Value {
    json!({"event": proposed.event, "from": proposed.from, "to": proposed.to, "port": proposed.port,
        "first_seen": time(proposed.first_seen), "last_seen": time(proposed.last_seen), "clock_error": proposed.clock_error, "text": proposed.text})
}

/// Something that happened.
pub fn happened_json(happened: &Happened) -> Value {
    json!({"time": time(happened.time), "zone": happened.zone, "clock_error": happened.clock_error,
        "subject": happened.subject, "text": happened.text, "evidence": happened.evidence, "line": happened.line})
}

/// Most rows of each list of an incident; `counts` says how many there are, and the log has them all.
pub(super) const ROWS_MAX: usize = 1_000;

/// An incident with everything a person sees of it; `joins` is how it belongs to others.
pub fn incident_json(state: &Incident, joins: Vec<Value>) -> Value {
    let is_into = |row: &&Value| row.get("as").is_some_and(|how| how == "into");
    let merged_into = joins.iter().find(is_into).and_then(|row| row.get("incident")).cloned();
    let status = match state.merged_into() {
        Some(_) => MERGED.to_owned(),
        None => word(state.status),
    };
    let parties: Vec<Value> = state
        .parties
        .iter()
        .map(|(name, party)| json!({"party": name, "status": word(party.status), "since": party.since.time.to_string(), "speakers": state.speakers.get(name)}))
        .collect();
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
    let timeline: Vec<Value> = timeline.iter().rev().take(ROWS_MAX).map(happened_json).collect();
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
    let observables: Vec<Value> =
        state.observables.iter().take(ROWS_MAX).map(|(of, value)| json!({"of": of, "value": value})).collect();
    let rule = state.rule.as_ref().map(|(rule, key)| json!({"rule": rule, "key": key}));
    let proposals: Vec<Value> = state.open_proposals().take(ROWS_MAX).map(proposal_json).collect();
    let counts = json!({"parties": state.parties.len(), "tasks": state.tasks.len(), "findings": state.findings.len(),
        "observables": state.observables.len(), "relations": state.relations.len(), "timeline": state.timeline.len(),
        "evidence": state.evidence.len(), "events": state.events.len(), "hosts": state.hosts.len(),
        "proposals": state.open_proposals().count()});
    json!({
        "id": state.id, "number": state.number, "title": state.title, "classification": state.classification,
        "severity": word(state.severity), "status": status, "merged_into": merged_into, "marking": state.marking,
        "opened": state.opened.time.to_string(), "opener": state.opener, "changed": state.changed.time.to_string(),
        "roles": roles, "open_duties": open, "parties": parties, "tasks": tasks,
        "findings": state.findings.values().collect::<Vec<_>>(), "observables": observables, "relations": relations,
        "timeline": timeline, "evidence": evidence, "clocks": clocks, "effort": effort,
        "hosts": state.hosts.iter().take(ROWS_MAX).collect::<std::collections::BTreeMap<_, _>>(), "events": state.events.iter().take(ROWS_MAX).collect::<Vec<_>>(), "notices": state.notices, "joined": joins, "lessons": state.lessons,
        "counts": counts,
        "more_events": state.more_events, "rule": rule, "proposals": proposals, "left_out": state.left_out,
        "entries": state.entries, "sealed": state.sealed, "unknown": state.unknown,
    })
}
