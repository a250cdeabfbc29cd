//! Writing events in AbuseHelper's text forms.

use concert_model::{Event, Field, Value, json};

use super::names::{KNOWN_KEYS, WRITTEN_KEYS};

/// Appends an event as one line of `key=value, key=value`, without a line end. Read back, it gives the
/// same fields; numbers and truth values of `extra.*` come back as text.
pub fn write_keyvalue(event: &Event<'_>, out: &mut Vec<u8>) {
    let mut first = true;
    for (key, values) in texts(event) {
        for value in values {
            write_pair(&key, &value, first, out);
            first = false;
        }
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
    for (index, (key, values)) in texts(event).into_iter().enumerate() {
        out.push(if index == 0 { b'{' } else { b',' });
        json::write_string(&key, out);
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
    out.extend_from_slice(if out.last().is_none_or(|last| *last == b'\n') { b"{}" } else { b"}" });
}

/// Keys and their texts, in the order of the table and then of the names.
fn texts(event: &Event<'_>) -> Vec<(String, Vec<String>)> {
    let mut fields: Vec<(Field, Value<'_>)> = event.fields().collect();
    fields.sort_by_key(|(field, _)| *field);
    let mut texts = Vec::with_capacity(fields.len());
    for (index, (field, value)) in fields.iter().enumerate() {
        // The type says it already, and a field amended later stands twice: the last one counts.
        let again = fields.get(index + 1).is_some_and(|(next, _)| next == field);
        if again || *field == Field::CLASSIFICATION_TAXONOMY {
            continue;
        }
        let values = match value {
            Value::Json(list) => list_of_texts(list).unwrap_or_else(|| vec![list.clone().into_owned()]),
            other => {
                let mut text = Vec::new();
                json::write_plain(other, &mut text);
                vec![String::from_utf8_lossy(&text).into_owned()]
            }
        };
        texts.push((written_key(event, *field), values));
    }
    texts
}

/// The texts of a JSON list that holds at least two and nothing else.
fn list_of_texts(list: &str) -> Option<Vec<String>> {
    serde_json::from_str::<Vec<String>>(list).ok().filter(|texts| texts.len() > 1)
}

fn written_key(event: &Event<'_>, field: Field) -> String {
    if let Some((_, key)) = WRITTEN_KEYS.iter().find(|(known, _)| *known == field) {
        return (*key).to_owned();
    }
    if !field.is_extra() {
        return field.name().to_owned();
    }
    let name = event.extra_name(field);
    let taken = KNOWN_KEYS.iter().any(|(key, _)| *key == name)
        || Field::named(name).is_some()
        || matches!(name, "protocol" | "event.id" | "report.id")
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
