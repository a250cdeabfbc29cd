//! Writing events in AbuseHelper's text forms.

use concert_model::{Event, Field, Value, json};

use super::names::{KNOWN_KEYS, WRITTEN_KEYS};

/// A key and its texts: one, or several where the value is a list.
pub(crate) type Pair = (String, Vec<String>);

/// Appends an event as one line of `key=value, key=value`, without a line end. Read back, it gives the
/// same fields; numbers and truth values of `extra.*` come back as text.
pub fn write_keyvalue(event: &Event<'_>, out: &mut Vec<u8>) {
    write_pairs(&pairs(event), out);
}

/// Appends pairs as such a line.
pub(crate) fn write_pairs(pairs: &[Pair], out: &mut Vec<u8>) {
    let each = pairs.iter().flat_map(|(key, values)| values.iter().map(move |value| (key, value)));
    for (index, (key, value)) in each.enumerate() {
        write_pair(key, value, index == 0, out);
    }
}

/// Appends one pair, with `, ` before it unless it is the first of its line.
pub fn write_pair(key: &str, value: &str, first: bool, out: &mut Vec<u8>) {
    if !first {
        out.extend_from_slice(b", ");
    }
    write_word(key, out);
    out.push(b'=');
    write_word(value, out);
}

/// Appends an event as a JSON object in which each value is a text, or a list of texts.
pub fn write_json(event: &Event<'_>, out: &mut Vec<u8>) {
    write_object(&pairs(event), out);
}

/// Appends pairs as such an object.
pub(crate) fn write_object(pairs: &[Pair], out: &mut Vec<u8>) {
    out.push(b'{');
    for (index, (key, values)) in pairs.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        json::write_string(key, out);
        out.push(b':');
        let list = values.len() != 1;
        if list {
            out.push(b'[');
        }
        for (index, value) in values.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            json::write_string(value, out);
        }
        if list {
            out.push(b']');
        }
    }
    out.push(b'}');
}

/// Keys and their texts, in the order of the table and then of the names.
fn pairs(event: &Event<'_>) -> Vec<Pair> {
    let mut fields: Vec<(Field, Value<'_>)> = event.fields().collect();
    fields.sort_by_key(|(field, _)| *field);
    let mut pairs = Vec::with_capacity(fields.len());
    for (index, (field, value)) in fields.iter().enumerate() {
        // The type says it already, and a field amended later stands twice: the last one counts.
        let again = fields.get(index + 1).is_some_and(|(next, _)| next == field);
        if again || *field == Field::CLASSIFICATION_TAXONOMY {
            continue;
        }
        let key = match field.is_extra() {
            true => extra_key(event.extra_name(*field)),
            false => key(*field).to_owned(),
        };
        pairs.push((key, texts(value)));
    }
    pairs
}

/// The texts of a value.
pub(crate) fn texts(value: &Value<'_>) -> Vec<String> {
    match value {
        Value::Json(list) => list_of_texts(list).unwrap_or_else(|| vec![list.clone().into_owned()]),
        other => {
            let mut text = Vec::new();
            json::write_plain(other, &mut text);
            vec![String::from_utf8_lossy(&text).into_owned()]
        }
    }
}

/// The texts of a JSON list that holds at least two and nothing else.
fn list_of_texts(list: &str) -> Option<Vec<String>> {
    serde_json::from_str::<Vec<String>>(list).ok().filter(|texts| texts.len() > 1)
}

/// What AbuseHelper calls a field of the table.
pub(crate) fn key(field: Field) -> &'static str {
    WRITTEN_KEYS.iter().find(|(known, _)| *known == field).map_or(field.name(), |(_, key)| key)
}

/// What it calls `extra.` and this name.
pub(crate) fn extra_key(name: &str) -> String {
    let taken = KNOWN_KEYS.iter().any(|(key, _)| *key == name)
        || Field::named(name).is_some()
        || matches!(name, "protocol" | "event.id" | "report.id" | "notice.state" | "notice.because")
        || name.starts_with("extra.");
    if taken { format!("extra.{name}") } else { name.to_owned() }
}

fn write_word(word: &str, out: &mut Vec<u8>) {
    let plain = !word.is_empty()
        && !word.starts_with('{')
        && !word.chars().any(|c| c.is_whitespace() || c.is_control() || matches!(c, '"' | '\\' | ',' | '='));
    if plain {
        return out.extend_from_slice(word.as_bytes());
    }
    out.push(b'"');
    for byte in word.bytes() {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}
