//! JSON with one way to write it (RFC 8785), for what is hashed and signed.
//!
//! Numbers are whole and at most 2^53 - 1 either way: every JSON reader of the world reads those alike,
//! and a journal needs no others.

use std::fmt;

use serde_json::Value;

/// The largest number that every reader keeps exactly.
const NUMBER_MAX: u64 = (1 << 53) - 1;
/// How deep values may stand in each other.
const DEPTH_MAX: usize = 64;

/// Why a value cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotCanonical {
    /// A number with a fraction, or one that not every reader keeps.
    Number,
    /// Deeper than anything real.
    Depth,
}

impl fmt::Display for NotCanonical {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Number => "a number is not whole or larger than 2^53 - 1",
            Self::Depth => "values stand deeper in each other than 64",
        })
    }
}

/// The one text of a value: members in the order of their names as UTF-16, no blanks, the shortest
/// escapes.
pub fn canonical(value: &Value) -> Result<String, NotCanonical> {
    let mut out = String::new();
    write(value, 0, &mut out)?;
    Ok(out)
}

fn write(value: &Value, depth: usize, out: &mut String) -> Result<(), NotCanonical> {
    if depth > DEPTH_MAX {
        return Err(NotCanonical::Depth);
    }
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(is_so) => out.push_str(if *is_so { "true" } else { "false" }),
        Value::Number(number) => {
            let size = number.as_u64().or_else(|| number.as_i64().map(i64::unsigned_abs));
            check_size(size)?;
            out.push_str(&number.to_string());
        }
        Value::String(text) => write_text(text, out),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write(item, depth + 1, out)?;
            }
            out.push(']');
        }
        Value::Object(members) => {
            let mut names: Vec<&String> = members.keys().collect();
            names.sort_by(|a, b| a.encode_utf16().cmp(b.encode_utf16()));
            out.push('{');
            for (index, name) in names.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_text(name, out);
                out.push(':');
                write(members.get(name).unwrap_or(&Value::Null), depth + 1, out)?;
            }
            out.push('}');
        }
    }
    Ok(())
}

fn check_size(size: Option<u64>) -> Result<(), NotCanonical> {
    size.filter(|size| *size <= NUMBER_MAX).map(drop).ok_or(NotCanonical::Number)
}

/// Writes a whole number, as [`canonical`] does.
pub(super) fn write_number(number: i128, out: &mut String) -> Result<(), NotCanonical> {
    check_size(u64::try_from(number.unsigned_abs()).ok())?;
    out.push_str(&number.to_string());
    Ok(())
}

/// Writes a text, as [`canonical`] does.
pub(super) fn write_text(text: &str, out: &mut String) {
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            control if control < ' ' => out.push_str(&format!("\\u{:04x}", u32::from(control))),
            other => out.push(other),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_has_one_text() {
        let check = |given: &str, want: &str| {
            assert_eq!(canonical(&serde_json::from_str(given).unwrap()).as_deref(), Ok(want), "{given}");
        };
        check(r#"{ "b": [1, -2, true, null], "a": "x" }"#, r#"{"a":"x","b":[1,-2,true,null]}"#);
        // The order is that of UTF-16: what needs two units stands before the last ones of one unit.
        check("{\"\u{fb33}\":1,\"\u{1f600}\":2,\"\u{80}\":3}", "{\"\u{80}\":3,\"\u{1f600}\":2,\"\u{fb33}\":1}");
        check(r#""\u001f\u000a\u0022\u005c\u002f\u00e9""#, "\"\\u001f\\n\\\"\\\\/\u{e9}\"");
        check("9007199254740991", "9007199254740991");
        for wrong in ["1.5", "9007199254740992", "-9007199254740992", "1e3"] {
            assert_eq!(canonical(&serde_json::from_str(wrong).unwrap()), Err(NotCanonical::Number), "{wrong}");
        }
        let deep = "[".repeat(70) + &"]".repeat(70);
        assert_eq!(canonical(&serde_json::from_str(&deep).unwrap()), Err(NotCanonical::Depth));
    }
}
