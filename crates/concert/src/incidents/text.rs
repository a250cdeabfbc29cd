//! What may stand in an entry, and what of it is found by searching.

use std::net::IpAddr;

use concert_model::host::domain;
pub(super) use concert_model::host::is_hidden;
use concert_model::incident::Status;
use concert_model::incident::content::{Answer, Content, Started, TEXT_BYTES_MAX, Verdict};
use concert_model::incident::marking::Marking;
use concert_model::incident::process;
use concert_model::keys::Source;
use concert_model::problem::meant;
use concert_model::{Problem, taxonomy};
use concert_pipeline::observables::{Kind, Observable, URL_BYTES_MAX, observables, one};
use concert_store::records::incidents::{Findable, Sought};
use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::Value;

use super::Refused;
use super::write::wrong;

/// Longest name, title or other line.
const LINE_CHARS_MAX: usize = 300;
/// Most answers to the closing questions in one entry: a process has at most 100 steps.
const ANSWERS_MAX: usize = 300;
/// Most values in one search; further ones are words like others.
const SOUGHT_MAX: usize = 10;
/// Most values taken from one entry.
const OBSERVABLES_MAX: usize = 50_000;

/// How a value of an enum is written.
pub(super) fn word(value: impl Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

/// A line of text that says what it seems to say.
pub(super) fn line(what: &str, text: &str) -> Result<(), Refused> {
    if text.trim().is_empty() {
        return Err(wrong(format!("`{what}` is empty")));
    }
    name(what, text)
}

/// The same, but it may be empty.
pub(super) fn name(what: &str, text: &str) -> Result<(), Refused> {
    // URLs are longer than names.
    let most = if what == "value" { URL_BYTES_MAX } else { LINE_CHARS_MAX };
    if text.chars().count() > most {
        return Err(wrong(format!("`{what}` is longer than {most} letters")));
    }
    match text.chars().any(is_hidden) {
        true => Err(wrong(format!("`{what}` has control characters or marks of writing direction in it"))),
        false => Ok(()),
    }
}

/// An address or the name of a host.
fn host(what: &str, text: &str) -> Result<(), Refused> {
    if text.parse::<IpAddr>().is_ok() || domain(text).is_ok() {
        return Ok(());
    }
    let problem = Problem::new(format!("`{what}`: `{}` is no host", plain_line(text)));
    Err(Refused::Wrong(problem.hint("a host is an address or a name: 192.0.2.7, 2001:db8::7, web7.example")))
}

/// A zone as sources write it: a name or an offset; nothing for UTC.
fn zone(text: &str) -> Result<(), Refused> {
    let is_offset = matches!(text.as_bytes(), [b'+' | b'-', a, b, b':', c, d]
        if [a, b, c, d].iter().all(|byte| byte.is_ascii_digit()) && (*a, *b) <= (b'1', b'4') && *c < b'6');
    if text.is_empty() || is_offset || TimeZone::get(text).is_ok() {
        return Ok(());
    }
    let problem = Problem::new(format!("`zone`: `{}` is no time zone", plain_line(text)));
    Err(Refused::Wrong(problem.hint("write it like Europe/Helsinki or +02:00, or leave it out for UTC")))
}

/// Text of several lines that says something.
fn said(what: &str, text: &str) -> Result<(), Refused> {
    if text.trim().is_empty() { Err(wrong(format!("`{what}` is empty"))) } else { Ok(()) }
}

/// Text of several lines.
fn prose(what: &str, text: &str) -> Result<(), Refused> {
    match text.len() > TEXT_BYTES_MAX {
        true => Err(wrong(format!("`{what}` is longer than {} KiB", TEXT_BYTES_MAX >> 10))),
        false => Ok(()),
    }
}

/// A type of the taxonomy.
pub(super) fn classification(text: &str) -> Result<(), Refused> {
    match taxonomy::taxonomy_of(text) {
        Some(_) => Ok(()),
        None => {
            let otherwise = "types are those of the events: scanner, infected-system, c2-server, ...";
            let hint = meant(text, taxonomy::TYPES.iter().map(|(known, _)| *known), otherwise);
            Err(Refused::Wrong(Problem::new(format!("`{}` is not a classification", plain_line(text))).hint(hint)))
        }
    }
}

/// Members of contents whose text may have several lines.
const PROSE: [&str; 6] = ["text", "statement", "reason", "why", "proof", "definition"];

/// Whether an entry may be written as it is. Names are lines without tricks; prose is kept as it is and
/// made harmless where it is shown.
pub(super) fn check(content: &Content) -> Result<(), Refused> {
    match content {
        Content::Titled(titled) => line("title", &titled.title)?,
        Content::Marked(marked) => marking(&marked.marking)?,
        Content::Remarked(marked) => {
            said("reason", &marked.reason)?;
            marking(&marked.marking)?;
        }
        Content::Classified(classified) => classification(&classified.classification)?,
        Content::PartyMoved(moved) => line("party", &moved.party)?,
        Content::RoleMoved(moved) => line("person", &moved.person)?,
        Content::Note(note) => said("text", &note.text)?,
        Content::Finding(finding) => {
            line("name", &finding.name)?;
            said("statement", &finding.statement)?;
        }
        Content::Decision(decision) => said("text", &decision.text)?,
        Content::Lesson(lesson) => said("text", &lesson.text)?,
        Content::Task(task) => {
            line("name", &task.name)?;
            // What is done needs none.
            if !task.done {
                line("title", &task.title)?;
            }
        }
        Content::Effort(effort) if effort.minutes == 0 => {
            return Err(Refused::Wrong(Problem::new("`minutes` is 0").hint("effort is told in minutes, from 1")));
        }
        Content::Observable(seen) => line("value", &seen.value)?,
        Content::HostHeld(held) => host("host", &held.host)?,
        Content::TellingOrdered(order) if order.parties.iter().all(|party| party.trim().is_empty()) => {
            let problem = Problem::new("`parties` is empty: an order says who is told first, and who then");
            return Err(Refused::Wrong(problem.hint("an order of one party lets nobody wait")));
        }
        Content::Happened(happened) => {
            said("text", &happened.text)?;
            zone(&happened.zone)?;
        }
        Content::Relation(relation) if relation.from == relation.to => {
            return Err(wrong("`from` and `to` are the same: a flow leads from one host to another"));
        }
        Content::Relation(relation) if relation.certainty > 100 => {
            return Err(wrong("`certainty` is in percent, 0 to 100"));
        }
        Content::Relation(relation) if relation.last_seen < relation.first_seen => {
            return Err(wrong("`last_seen` is before `first_seen`"));
        }
        Content::Relation(relation) => {
            zone(&relation.zone)?;
            host("from", &relation.from)?;
            host("to", &relation.to)?;
        }
        Content::ClockStarted(clock) if clock.due != 0 && clock.due <= clock.since => {
            return Err(wrong("a clock ends after it begins"));
        }
        Content::ClockMet(met) if met.proof.trim().is_empty() && met.points_to.is_empty() => {
            let problem = Problem::new("nothing proves it: `proof` and `points_to` are empty");
            return Err(Refused::Wrong(problem.hint(super::proof::FORMS)));
        }
        Content::EventsLinked(linked) => events(&linked.events)?,
        Content::Started(started) => definition(started)?,
        Content::EvidenceAdded(added) => sha256(&added.sha256)?,
        Content::Custody(custody) => sha256(&custody.sha256)?,
        Content::Release(release) => sha256(&release.sha256)?,
        Content::Answered(answered) => answers(&answered.answers)?,
        _ => {}
    }
    match content.write() {
        Some((_, members)) => texts("", &members),
        None => Ok(()),
    }
}

/// Every text of a value is a name, or prose where its member is.
fn texts(key: &str, value: &Value) -> Result<(), Refused> {
    match value {
        Value::String(text) if PROSE.contains(&key) => prose(key, text),
        Value::String(text) => name(key, text),
        Value::Array(items) => items.iter().try_for_each(|item| texts(key, item)),
        Value::Object(members) => members.iter().try_for_each(|(key, value)| texts(key, value)),
        _ => Ok(()),
    }
}

/// Whether what a person says of who may see an entry is what it seems to be.
pub(super) fn marking(marking: &Marking) -> Result<(), Refused> {
    let Marking { tlp: _, persons, parties, compartment } = marking;
    persons.iter().try_for_each(|person| line("persons", person))?;
    parties.iter().try_for_each(|party| line("parties", party))?;
    name("compartment", compartment)
}

/// Answers to the closing questions.
fn answers(answers: &[Answer]) -> Result<(), Refused> {
    if answers.len() > ANSWERS_MAX {
        return Err(wrong(format!("at most {ANSWERS_MAX} answers are given at once")));
    }
    for answer in answers {
        name("step", &answer.step)?;
        // That a step was not needed, or came late, says enough.
        if answer.verdict == Verdict::Missing && answer.text.trim().is_empty() {
            let word = answer.verdict.word();
            let problem = Problem::new(format!("`text` of the answer `{word}` about `{}` is empty", answer.step));
            return Err(Refused::Wrong(problem.hint("say what is missing")));
        }
        prose("text", &answer.text)?;
    }
    Ok(())
}

/// What begins is a process that this version can follow, and the one it says it is.
fn definition(started: &Started) -> Result<(), Refused> {
    if !process::is_word(&started.run) {
        let problem = Problem::new(format!("`run`: `{}` is no name of a run", plain_line(&started.run)));
        return Err(Refused::Wrong(problem.hint(process::WORD_HINT)));
    }
    let source = Source { name: "definition".into(), text: started.definition.clone() };
    let process = process::read(&source).map_err(|mut problems| match problems.is_empty() {
        true => wrong("`definition` is not a process"),
        false => Refused::Wrong(problems.swap_remove(0)),
    })?;
    match (process.name == started.name, process.version == started.version) {
        (true, true) => Ok(()),
        _ => Err(wrong("`name` and `version` are not those of the process in `definition`")),
    }
}

/// Identities of events, which are hexadecimal digits.
fn events(events: &[String]) -> Result<(), Refused> {
    let is_odd = |event: &&String| event.len() > LINE_CHARS_MAX || !event.bytes().all(|byte| byte.is_ascii_hexdigit());
    match events.iter().find(is_odd) {
        Some(_) => Err(wrong("`events` are identities of events: hexadecimal digits")),
        None => Ok(()),
    }
}

fn sha256(text: &str) -> Result<(), Refused> {
    match concert_model::incident::journal::from_hex::<32>(text) {
        Some(_) => Ok(()),
        None => Err(wrong("`sha256` is 64 hexadecimal digits in lower case")),
    }
}

/// What incidents are found by that have entries of a kind, so that nobody reads all journals for a few.
const KIND: &str = "kind";
/// Incidents with clocks.
pub(super) const CLOCKS: &str = "clock/1";
/// Incidents in which a process is followed.
pub(super) const PROCESSES: &str = "process/1";
/// Incidents with tasks.
pub(super) const TASKS: &str = "task/1";
/// Incidents with time spent on them.
pub(super) const EFFORT: &str = "effort/1";
/// Incidents in which a clock was met.
pub(super) const CLOCKS_MET: &str = "clock-met/1";
/// Incidents in which a person of a party answered.
pub(super) const ANSWERS: &str = "message/1";
/// Incidents in which a party was asked to answer by some time.
pub(super) const ASKED: &str = "asked";
/// Incidents of which others show something, or that show something of others.
pub(super) const JOINED: &str = "joined/1";
/// What another is to such an incident.
const JOINS_SHOWN: [&str; 4] = ["merged", "into", "split-from", "split-to"];
/// Incidents that were closed.
pub(super) const CLOSED: &str = "status/1";

/// What incidents are found by that began with a report or a mail.
const BEGUN: &str = "begun";

/// What says that evidence is what an incident began with: `report 8c… of shadowserver as it came`.
pub(super) fn as_it_came(what: &str) -> String {
    format!("{what} as it came")
}

/// What the incidents are found by that began with this one, which may be followed by where it came from: `mail 13`.
pub(super) fn begun_with(what: &str) -> String {
    let words: Vec<&str> = what.split(' ').take(2).collect();
    format!("{BEGUN} with {}", words.join(" "))
}

fn began<'t>(text: &'t str, kind: &str) -> Option<&'t str> {
    text.strip_suffix(" as it came").filter(|what| what.starts_with(kind))
}

/// What incidents are found by that a rule opened.
pub(super) const RULE: &str = "rule";

/// What all incidents of a rule are found by.
pub(super) fn by_rule(rule: &str) -> String {
    format!("rule {rule}")
}

/// What the incidents of a rule for one key are found by.
pub(super) fn by_rule_and_key(rule: &str, key: &str) -> String {
    format!("rule {rule}: {key}")
}

/// A line of text without what would change how the text around it looks, and not too long.
pub(super) fn plain_line(text: &str) -> String {
    let shown = |c: char| if is_hidden(c) { '\u{fffd}' } else { c };
    text.chars().map(shown).take(LINE_CHARS_MAX).collect()
}

/// What of an entry is found by searching: its words, and the values it names, also in what people wrote.
pub(super) fn findable(content: &Content) -> Findable {
    let mut found = Findable::default();
    match content {
        Content::Observable(seen) => named(&seen.of, &seen.value, &mut found),
        Content::Started(_) => found.observables.push((KIND.into(), PROCESSES.into())),
        Content::Relation(relation) => {
            named("host", &relation.from, &mut found);
            named("host", &relation.to, &mut found);
        }
        Content::HostHeld(held) => named("host", &held.host, &mut found),
        // It is no host of the incident before somebody says so.
        Content::Proposed(proposed) => {
            let hosts = [&proposed.from, &proposed.to].into_iter().filter_map(|host| one(host));
            found.observables.extend(hosts.map(|one| (one.kind.word().to_owned(), one.value)));
        }
        Content::Effort(_) => found.observables.push((KIND.into(), EFFORT.into())),
        Content::ClockStarted(_) => found.observables.push((KIND.into(), CLOCKS.into())),
        Content::ClockMet(_) => found.observables.push((KIND.into(), CLOCKS_MET.into())),
        Content::Moved(moved) if moved.status == Status::Closed => {
            found.observables.push((KIND.into(), CLOSED.into()));
        }
        Content::MessageKept(message) if message.is_answer() => {
            found.observables.push((KIND.into(), ANSWERS.into()));
        }
        Content::MessageKept(message) if message.answer_by.is_some() => {
            found.observables.push((KIND.into(), ASKED.into()));
        }
        Content::Task(_) => found.observables.push((KIND.into(), TASKS.into())),
        // A parent and its children show nothing of each other.
        Content::Joined(other) if JOINS_SHOWN.contains(&other.as_what.as_str()) => {
            found.observables.push((KIND.into(), JOINED.into()));
        }
        Content::EvidenceAdded(added) => {
            named("hash", &added.sha256, &mut found);
            // What became evidence with the very bytes is the same, whoever wrote it.
            if let Some(what) = ["report ", "mail "].iter().find_map(|kind| began(&added.text, kind)) {
                found.observables.push((BEGUN.into(), begun_with(what)));
            }
        }
        Content::Ruled(ruled) => {
            found.observables.push((RULE.into(), by_rule(&ruled.rule)));
            found.observables.push((RULE.into(), by_rule_and_key(&ruled.rule, &ruled.key)));
        }
        _ => {}
    }
    for text in prose_of(content) {
        let values = observables(text).into_iter().map(|one| (one.kind.word().to_owned(), one.value));
        found.observables.extend(values);
    }
    // Identities of thousands of events are no words, and are in the event store; nor is the place of an entry, nor what
    // tells things of one name apart.
    if let Some((_, mut value)) = content.write().filter(|_| !matches!(content, Content::EventsLinked(_))) {
        if let Some(members) = value.as_object_mut() {
            match content {
                Content::Effort(_) => drop(members.remove("entry")),
                Content::Finding(_) | Content::Task(_) | Content::Indicated(_) => drop(members.remove("item")),
                // What every run of a process says finds none of them; what it is called does.
                Content::Started(started) => {
                    let source = Source { name: "definition".into(), text: started.definition.clone() };
                    let title = process::read_begun(&source).map(|process| process.title).unwrap_or_default();
                    members.insert("definition".into(), Value::String(title));
                }
                _ => {}
            }
        }
        words(&value, &mut found.text);
    }
    found.observables.truncate(OBSERVABLES_MAX);
    found
}

/// Values that an entry names, in their plain forms, with what each is.
pub(super) fn values(content: &Content) -> Vec<Observable> {
    let of_kind = |of: &str, value: &str| {
        let kind = Kind::named(of).ok()?;
        Some(Observable { kind, value: kind.plain(value).ok()? })
    };
    // The identity of a report looks like a hash.
    let found = findable(content).observables;
    let named = found.iter().filter(|(of, _)| of != BEGUN);
    named.filter_map(|(of, value)| of_kind(of, value).or_else(|| one(value))).collect()
}

/// A value that a member names: as it was written, and in the form that values in texts are found in.
fn named(of: &str, value: &str, found: &mut Findable) {
    found.observables.push((of.to_owned(), value.to_owned()));
    found.observables.extend(one(value).filter(|one| one.value != value).map(|one| (of.to_owned(), one.value)));
}

/// What somebody searches for: words, and the values among them, which are found however they were written.
pub(super) fn sought(typed: &str) -> Sought {
    let (mut words, mut rest, mut values) = (Vec::new(), Vec::new(), Vec::new());
    for word in typed.split(|c: char| c.is_whitespace() || c == '\0').filter(|word| !word.is_empty()) {
        let value = one(word).filter(|one| one.kind.plain(word).is_ok_and(|plain| plain == one.value));
        match value.filter(|_| values.len() < SOUGHT_MAX) {
            // `http` and `hxxp` are different words; what follows is the same.
            Some(Observable { kind: Kind::Url, value }) => {
                let text = value.split_once("://").map_or(value.as_str(), |(_, rest)| rest);
                words.push(text.trim_end_matches('/').to_owned());
                values.push(value);
            }
            Some(Observable { value, .. }) => {
                words.push(value.clone());
                values.push(value);
            }
            None => {
                words.push(word.to_owned());
                rest.push(word);
            }
        }
    }
    Sought { words: words.join(" "), values, rest: rest.join(" ") }
}

/// Texts in which people mention values.
fn prose_of(content: &Content) -> Vec<&str> {
    match content {
        Content::Opened(opened) => vec![&opened.title],
        Content::Titled(titled) => vec![&titled.title],
        Content::Note(note) => vec![&note.text],
        Content::Finding(finding) => vec![&finding.statement],
        Content::Decision(decision) => vec![&decision.text, &decision.reason],
        Content::Happened(happened) => vec![&happened.subject, &happened.text],
        Content::MessageKept(message) => vec![&message.subject, &message.text],
        _ => Vec::new(),
    }
}

/// All texts of a value.
fn words(value: &Value, into: &mut String) {
    match value {
        Value::String(text) if !text.is_empty() => {
            into.push_str(text);
            into.push('\n');
        }
        Value::Array(items) => items.iter().for_each(|item| words(item, into)),
        Value::Object(members) => members.values().for_each(|member| words(member, into)),
        _ => {}
    }
}
