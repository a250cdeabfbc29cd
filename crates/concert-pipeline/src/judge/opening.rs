//! `open_incident` of a rule: which events belong to one incident, and what that is like from its first moment.

use std::time::Duration;

use concert_model::incident::{Marking, Severity, Tlp};
use concert_model::problem::meant;
use concert_model::{Event, Field, Keys, taxonomy};

use crate::group::Key;

/// Most fields of a key.
const KEY_FIELDS_MAX: usize = 5;
/// Longest title as it is written in settings.
const TITLE_CHARS_MAX: usize = 200;
/// The type where neither rule nor event has one.
const UNDETERMINED: &str = "undetermined";

/// How a rule opens incidents.
#[derive(Clone, Debug)]
pub struct Opening {
    key: Key,
    title: Vec<Piece>,
    classification: Option<String>,
    severity: Option<Severity>,
    /// How it is marked from its first moment.
    pub marking: Marking,
    /// Where the settings say so.
    pub marking_place: String,
    /// How long after it was opened events are linked to it; until it is closed without it.
    pub window: Option<Duration>,
    /// Most incidents that the rule opens in a day. What comes then goes into one more.
    pub per_day: u64,
    /// Whether its events are those of one party.
    pub is_of_one_party: bool,
}

/// A piece of a title: text, or the value of a part of the key.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Value(usize),
}

const SEVERITIES: [(&str, Severity); 5] = [
    ("info", Severity::Info),
    ("low", Severity::Low),
    ("medium", Severity::Medium),
    ("high", Severity::High),
    ("critical", Severity::Critical),
];

impl Opening {
    /// Reads `open_incident = { ... }` of the rule with this name. `None` when it has mistakes, all of which are told.
    pub fn read(keys: &mut Keys<'_>, rule: &str) -> Option<Self> {
        let names = keys.texts("key", "events with the same values of these fields belong to one incident");
        let key = read_key(keys, &names);
        let about = "title of the incident; {source.asn} stands for the value of a field of the key; \
                     without it the name of the rule and the key";
        let title = match keys.text("title", about) {
            Some(text) => read_title(keys, &text, &names),
            None => Some(own_title(rule, names.len())),
        };
        let about = "its type, such as scanner; without it that of the first event";
        let classification = keys.text("classification", about).map(|word| {
            let known = taxonomy::taxonomy_of(&word).is_some();
            if !known {
                let hint = "types are those of the events: scanner, infected-system, c2-server, ...";
                keys.problem("classification", format!("`{word}` is not a classification"), hint);
            }
            known.then_some(word)
        });
        let about = "how bad it is; without it as the first event says, and medium where that says nothing";
        let severity = keys.choice_or("severity", &SEVERITIES, "", about);
        let marking = read_marking(keys);
        let window = keys
            .duration("window", "how long after it was opened events are linked to it; until it is closed without it");
        if window.is_some_and(|window| window.is_zero()) {
            keys.problem("window", "`window` must be longer than nothing", "window = \"7d\"");
        }
        let about = "most incidents that the rule opens in a day; events of further keys go into one more";
        let per_day = keys.number_or("per_day", 100, 1..=10_000, about);
        let classification = match classification {
            Some(None) => return None,
            Some(word) => word,
            None => None,
        };
        if severity.is_none() && keys.has("severity") {
            return None;
        }
        let (key, title, marking) = (key?, title?, marking?);
        let is_of_one_party = key.tells_parties_apart();
        let marking_place = keys.key_place("marking").unwrap_or_default();
        Some(Self { key, title, classification, severity, marking, marking_place, window, per_day, is_of_one_party })
    }

    /// Whether an event has all of the key. What lacks a part of it has nothing in common with others that do.
    pub fn takes(&self, event: &Event<'_>) -> bool {
        self.key.is_whole(event)
    }

    /// Appends the key of an event.
    pub fn key(&self, event: &Event<'_>, out: &mut Vec<u8>) {
        self.key.write(event, out);
    }

    /// The title of an incident that this event opens.
    pub fn title(&self, event: &Event<'_>) -> String {
        let mut title = Vec::new();
        for piece in &self.title {
            match piece {
                Piece::Text(text) => title.extend_from_slice(text.as_bytes()),
                Piece::Value(index) => self.key.write_part(*index, event, &mut title),
            }
        }
        String::from_utf8_lossy(&title).into_owned()
    }

    /// The title without what it says of events.
    pub fn bare_title(&self) -> String {
        let word = |piece: &Piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Value(_) => "...".to_owned(),
        };
        self.title.iter().map(word).collect()
    }

    /// The title of the incident for whatever was too much for a day.
    pub fn title_of_rest(&self) -> String {
        format!("{} (more than {} in a day)", self.bare_title(), self.per_day)
    }

    /// How bad an incident is that this event opens.
    pub fn severity(&self, event: &Event<'_>) -> Severity {
        let own = || {
            let word = event.text(Field::SEVERITY)?;
            SEVERITIES.iter().find(|(known, _)| *known == word).map(|(_, severity)| *severity)
        };
        self.severity.or_else(own).unwrap_or_default()
    }

    /// How bad it is and of what type, as far as the rule itself says.
    pub fn bare_kind(&self) -> (Severity, String) {
        let classification = self.classification.clone().unwrap_or_else(|| UNDETERMINED.to_owned());
        (self.severity.unwrap_or_default(), classification)
    }

    /// The type of an incident that this event opens.
    pub fn classification(&self, event: &Event<'_>) -> String {
        let own = || event.text(Field::CLASSIFICATION_TYPE).filter(|word| taxonomy::taxonomy_of(word).is_some());
        let word = self.classification.clone().or_else(|| own().map(std::borrow::Cow::into_owned));
        word.unwrap_or_else(|| UNDETERMINED.to_owned())
    }
}

fn read_key(keys: &Keys<'_>, names: &[String]) -> Option<Key> {
    if names.is_empty() || names.len() > KEY_FIELDS_MAX {
        if !keys.is_empty() {
            let what = format!("`key` takes 1 to {KEY_FIELDS_MAX} fields");
            keys.problem("key", what, "key = [\"source.asn\", \"classification.type\"]");
        }
        return None;
    }
    match Key::read(names) {
        Ok(key) => Some(key),
        Err(name) => {
            let index = names.iter().position(|one| *one == name).unwrap_or(0);
            let hint = meant(&name, Field::all().map(Field::name), "fields of the data format, or extra.NAME");
            keys.problem_item("key", index, format!("`{name}` is not a field of events"), hint);
            None
        }
    }
}

/// `Scans: AS64500, scanner`.
fn own_title(rule: &str, parts: usize) -> Vec<Piece> {
    let mut pieces = vec![Piece::Text(rule.chars().filter(|c| !c.is_control()).take(TITLE_CHARS_MAX).collect())];
    for part in 0..parts {
        let before = if part == 0 { ": " } else { ", " };
        pieces.extend([Piece::Text(before.to_owned()), Piece::Value(part)]);
    }
    pieces
}

fn read_title(keys: &Keys<'_>, text: &str, names: &[String]) -> Option<Vec<Piece>> {
    if text.trim().is_empty() || text.chars().count() > TITLE_CHARS_MAX || text.chars().any(char::is_control) {
        keys.problem(
            "title",
            format!("a title is a line of 1 to {TITLE_CHARS_MAX} letters"),
            "title = \"Scans from {source.ip}\"",
        );
        return None;
    }
    let (mut pieces, mut rest) = (Vec::new(), text);
    while let Some((before, after)) = rest.split_once('{') {
        let offset = text.len() - after.len();
        let Some((name, behind)) = after.split_once('}') else {
            keys.problem_in("title", offset.saturating_sub(1), "`{` without `}`", "write {source.asn}");
            return None;
        };
        let Some(index) = names.iter().position(|one| one == name) else {
            let known = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            keys.problem_in(
                "title",
                offset,
                format!("`{name}` is not a field of the key"),
                format!("the key has: {known}"),
            );
            return None;
        };
        pieces.extend([Piece::Text(before.to_owned()), Piece::Value(index)]);
        rest = behind;
    }
    pieces.push(Piece::Text(rest.to_owned()));
    Some(pieces)
}

/// What nobody has looked at yet is for few: those of the team, until somebody says otherwise.
fn read_marking(keys: &mut Keys<'_>) -> Option<Marking> {
    let words = Tlp::ALL.map(|label| (label.word(), label));
    let label = keys.choice_or("marking", &words, "amber+strict", "how the incident is marked from its first moment");
    let persons = keys.texts("persons", "persons it is for; a RED one is for these alone");
    let parties = keys.texts("parties", "parties it is for");
    let compartment =
        keys.text_or("compartment", "", "the compartment it lies in: law-enforcement, legal, or one of your own");
    let marking = Marking { tlp: label?, persons, parties, compartment };
    if marking.tlp == Tlp::Red && marking.persons.is_empty() {
        keys.problem("marking", "nobody could read a RED incident that names no persons", "persons = [\"anna\"]");
        return None;
    }
    Some(marking)
}
