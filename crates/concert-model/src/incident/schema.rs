//! JSON schemas of what entries say, made from the table of kinds: as entries are read, and as people give them.
//!
//! Whoever gives an entry may leave out what has an obvious empty value and may write numbers and labels as text; what
//! is read has one form.

use serde_json::{Map, Value, json};

use super::content::{Content, empty};

/// How the members of a content are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// As an entry is read: what [`Content::read`] takes, with times as [`Content::shown`] gives them.
    Held,
    /// As people give them: what [`Content::from_person`] takes.
    Given,
}

/// Where other schemas are referred to.
const SCHEMAS: &str = "#/components/schemas/";

fn other(name: &str) -> Value {
    json!({"$ref": format!("{SCHEMAS}{name}")})
}

/// The schema of a kind's content.
pub fn content(kind: &str, form: Form) -> Option<Value> {
    let at = Content::KINDS.iter().position(|(name, _)| *name == kind)?;
    let ((_, members), (about, meanings)) = (Content::KINDS.get(at)?, Content::MEANINGS.get(at)?);
    let (mut properties, mut required) = (Map::new(), Vec::new());
    for ((name, of), meaning) in members.iter().zip(*meanings) {
        let mut schema = member(of, form);
        if let Some(about) = schema.as_object_mut() {
            about.insert("description".into(), json!(meaning.trim()));
            // Of two values neither is plainly the empty one.
            if *of == "bool" && form == Form::Given {
                about.insert("default".into(), json!(empty(name, of)));
            }
        }
        properties.insert((*name).to_owned(), schema);
        if is_needed(kind, name, of, form) {
            required.push(*name);
        }
    }
    Some(json!({"type": "object", "description": about.trim(), "properties": properties, "required": required,
        "additionalProperties": false}))
}

/// Whether a member cannot be left out.
fn is_needed(kind: &str, name: &str, of: &str, form: Form) -> bool {
    let has_empty = form == Form::Given && empty(name, of).is_some();
    // They were not asked for at first, so what was written then has none.
    let came_later = matches!(
        (kind, name),
        ("custody/1", "whom")
            | ("joined/1", "reason" | "entries")
            | ("happened/1", "line")
            | ("relation/1", "zone" | "evidence" | "line")
            | ("proposed/1", "zone")
            | ("effort/1", "entry")
            | ("erased/1", "joins")
            | ("finding/1" | "task/1" | "indicators/1", "item")
            | ("process/1", "party")
            | ("clock/1", "party" | "again")
            | ("clock-met/1", "party" | "points_to")
            | ("message/1", "answers" | "attachments" | "mail")
    );
    !has_empty && !of.starts_with("Option") && !came_later
}

fn member(of: &str, form: Form) -> Value {
    let or_text = |schema: Value, text: Value| match form {
        Form::Held => schema,
        Form::Given => json!({"anyOf": [schema, text]}),
    };
    let integer = |low: i64, high: u64| json!({"type": "integer", "minimum": low, "maximum": high});
    let number = |high: u64| or_text(integer(0, high), json!({"type": "string", "pattern": "^[0-9]+$"}));
    match of {
        "String" => json!({"type": "string"}),
        "bool" => or_text(json!({"type": "boolean"}), json!({"enum": ["true", "false"]})),
        "u64" => number(u64::MAX),
        "u32" => number(u32::MAX.into()),
        "u16" => number(u16::MAX.into()),
        "u8" => number(u8::MAX.into()),
        "i64" => json!({"type": "string", "format": "date-time", "examples": ["2026-11-22T04:50:30Z"]}),
        "Option<i64>" => json!({"anyOf": [member("i64", form), {"type": "null"}]}),
        "Option<Role>" => json!({"anyOf": [other("role"), {"type": "null"}]}),
        "Marking" => or_text(other("marking"), other("tlp.given")),
        "Vec<String>" => or_text(json!({"type": "array", "items": {"type": "string"}}), json!({"type": "string"})),
        "Vec<Attached>" => json!({"type": "array", "items": {"type": "object", "properties":
            {"name": {"type": "string"}, "sha256": {"type": "string"}, "bytes": integer(0, u64::MAX)},
            "required": ["name", "sha256", "bytes"], "additionalProperties": false}}),
        "Option<Sort>" => json!({"anyOf": [other("sort"), {"type": "null"}]}),
        "Option<Openpgp>" => json!({"anyOf": [{"type": "null"}, {"type": "object", "properties":
            {"encrypted": {"type": "boolean"}, "signature": other("signature"), "key": {"type": "string"},
                "why": {"type": "string"}},
            "required": ["encrypted", "signature", "key", "why"], "additionalProperties": false}]}),
        "Vec<Observable>" => json!({"type": "array", "items": {"type": "object", "properties":
            {"of": {"type": "string"}, "value": {"type": "string"}}, "required": ["of", "value"],
            "additionalProperties": false}}),
        "Vec<Answer>" => json!({"type": "array", "items": {"type": "object", "properties":
            {"step": {"type": "string"}, "verdict": other("verdict"), "text": {"type": "string"}},
            "required": ["step", "verdict", "text"], "additionalProperties": false}}),
        word => other(&words_name(word)),
    }
}

/// `PartyStatus` is described as `party_status`.
fn words_name(of: &str) -> String {
    let mut name = String::new();
    for c in of.chars() {
        if c.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(c.to_ascii_lowercase());
    }
    name
}

/// What members of each kind of word may say.
const WORDS: [(&str, &[&str]); 10] = [
    ("severity", &["info", "low", "medium", "high", "critical"]),
    ("status", &["open", "waiting", "closed"]),
    (
        "party_status",
        &[
            "unknown",
            "contact-sought",
            "told",
            "seen",
            "acknowledged",
            "contained",
            "cleaned",
            "verified",
            "no-answer",
            "refuses",
        ],
    ),
    (
        "role",
        &[
            "coordinator",
            "site-lead",
            "responder",
            "lead-investigator",
            "investigator",
            "law-enforcement-liaison",
            "legal-and-privacy",
            "communications",
            "affected-party",
            "observer",
        ],
    ),
    ("act", &["collected", "received", "moved", "examined", "copied", "destroyed"]),
    ("standing", &["hypothesis", "supported", "refuted"]),
    ("deed", &["done", "skipped", "chosen", "held", "asked", "defaulted"]),
    ("sort", &["reply", "auto-reply", "bounce", "report", "by-hand"]),
    ("signature", &["none", "good", "bad", "unknown-key"]),
    ("verdict", &["useless", "missing", "late"]),
];

/// The words that a member of this type takes, where it takes words.
pub fn words(of: &str) -> Option<&'static [&'static str]> {
    WORDS.iter().find(|(name, _)| *name == words_name(of)).map(|(_, words)| *words)
}

/// `party/1` is described as `party.1`, as names of schemas have no slash.
fn content_name(prefix: &str, kind: &str) -> String {
    format!("{prefix}.{}", kind.replace('/', "."))
}

/// All schemas of contents by their names, with `entry` (what is read), `draft` (what is given among others) and
/// `draft.alone`.
pub fn schemas() -> Map<String, Value> {
    let mut all = Map::new();
    for (name, words) in WORDS {
        all.insert(name.into(), json!({"enum": words}));
    }
    let (mut held, mut given, mut alone) = (Vec::new(), Vec::new(), Vec::new());
    for (kind, _) in Content::KINDS {
        let name = content_name("content", kind);
        held.push(json!({"if": {"required": ["kind"], "properties": {"kind": {"const": kind}}},
            "then": {"properties": {"content": other(&name)}}}));
        all.extend(content(kind, Form::Held).map(|schema| (name, schema)));
        if Content::is_by_hand(kind) {
            let schema = content(kind, Form::Given).unwrap_or_default();
            let needed = schema.get("required").and_then(Value::as_array);
            let is_needed = needed.is_some_and(|required| !required.is_empty());
            let content = content_name("given", kind);
            all.insert(content.clone(), schema);
            for (prefix, list, is_alone) in [("draft", &mut given, false), ("alone", &mut alone, true)] {
                let name = content_name(prefix, kind);
                list.push(other(&name));
                all.insert(name, draft(kind, other(&content), is_needed, is_alone));
            }
        }
    }
    all.insert("draft".into(), json!({"description": "An entry to be written.", "oneOf": given}));
    all.insert("draft.alone".into(), json!({"description": "One entry to be written, and no other.", "oneOf": alone}));
    all.insert("entry".into(), entry(held));
    all
}

/// An entry to be written, alone or among others.
fn draft(kind: &str, content: Value, is_needed: bool, is_alone: bool) -> Value {
    let word = kind.split('/').next().unwrap_or(kind);
    let required: &[&str] = if is_needed { &["kind", "content"] } else { &["kind"] };
    let content = if is_needed { content } else { json!({"anyOf": [content, {"type": "null"}]}) };
    let mut schema = json!({
        "type": "object", "required": required, "additionalProperties": false,
        "properties": {
            "kind": {"enum": [word, kind]},
            "content": content,
            "marking": {"anyOf": [other("marking.given"), {"type": "null"}],
                "description": "As the incident where nothing is said"},
        },
    });
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut).filter(|_| is_alone) {
        let seen = json!({"type": ["integer", "null"], "minimum": 0, "description": "The last entry you had read"});
        properties.insert("seen".into(), seen);
    }
    // An effort says its minutes itself.
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut).filter(|_| word != "effort") {
        let about = "Minutes that it took you: an entry of the kind `effort` is written beside it, marked like it";
        properties.insert(
            "minutes".into(),
            json!({"type": ["integer", "null"], "minimum": 1, "maximum": u32::MAX, "description": about}),
        );
    }
    schema
}

/// An entry that was written. What of it a reader may not know is not there.
fn entry(held: Vec<Value>) -> Value {
    json!({
        "type": "object", "required": ["seq", "incident", "site", "sequence", "time", "sealed"],
        "description": "A sealed entry has no author, kind, marking and content: it is withheld or was erased. Kinds of newer sites are given as they came.",
        "properties": {
            "seq": {"type": "integer", "minimum": 1, "description": "Its place in the order in which entries came here: the microseconds since 1970 at which it was written, or one more than that of the entry before it"},
            "incident": {"type": "string", "format": "uuid"},
            "site": {"type": "string", "pattern": "^[0-9a-f]{64}$", "description": "The site whose chain it is in"},
            "sequence": {"type": "integer", "minimum": 1, "description": "Its place in that chain"},
            "time": other("time"),
            "sealed": {"type": "boolean"},
            "author": {"type": "string"},
            "kind": {"type": "string", "pattern": "/[0-9]+$"},
            "marking": other("marking"),
            "content": {"type": "object"},
            "number": {"type": "string", "description": "Of its incident, where entries of several are given"},
            "title": {"type": "string", "description": "The same"},
            "merged_into": {"type": ["string", "null"], "description": "The incident that shows it because of a merge"},
        },
        "additionalProperties": false,
        "if": {"properties": {"sealed": {"const": false}}},
        "then": {"required": ["author", "kind", "marking", "content"]},
        "else": {"properties": {"author": false, "kind": false, "marking": false, "content": false}},
        "allOf": held,
    })
}

#[cfg(test)]
mod tests;
