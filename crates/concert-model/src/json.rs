//! The flat JSON form of events: how they are written outside, and how a JSON value becomes a field.

use std::borrow::Cow;

use jiff::tz::TimeZone;

use crate::{Event, Field, Kind, OpenEvent, Value};

/// Appends a JSON string with its quotes.
pub fn write_string(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    out.push(b'"');
    // Nearly all texts stand there as they are, and a loop without a way out looks at many bytes together.
    if !bytes.iter().fold(false, |any, byte| any | (*byte < b' ') | (*byte == b'"') | (*byte == b'\\')) {
        out.extend_from_slice(bytes);
        return out.push(b'"');
    }
    let mut plain = 0;
    for (at, byte) in bytes.iter().enumerate() {
        let escape: &[u8] = match byte {
            b'"' => b"\\\"",
            b'\\' => b"\\\\",
            b'\n' => b"\\n",
            b'\r' => b"\\r",
            b'\t' => b"\\t",
            0..=0x1f => b"",
            _ => continue,
        };
        out.extend_from_slice(bytes.get(plain..at).unwrap_or_default());
        if escape.is_empty() {
            out.extend_from_slice(format!("\\u{byte:04x}").as_bytes());
        } else {
            out.extend_from_slice(escape);
        }
        plain = at + 1;
    }
    out.extend_from_slice(bytes.get(plain..).unwrap_or_default());
    out.push(b'"');
}

/// Appends a value as JSON: numbers and truth values bare, everything else as a string.
pub fn write_value(value: &Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Text(text) => write_string(text, out),
        Value::Json(text) => out.extend_from_slice(text.as_bytes()),
        Value::Bool(truth) => out.extend_from_slice(if *truth { b"true" } else { b"false" }),
        Value::Float(number) if number.is_finite() => {
            out.extend_from_slice(
                serde_json::Number::from_f64(*number).map(|n| n.to_string()).unwrap_or_default().as_bytes(),
            );
        }
        Value::Float(_) => out.extend_from_slice(b"null"),
        Value::Int(number) => write_int(*number, out),
        Value::Time(_) | Value::Ip(_) | Value::Net(_) => {
            out.push(b'"');
            write_plain(value, out);
            out.push(b'"');
        }
    }
}

/// Appends a whole number.
pub fn write_int(number: i64, out: &mut Vec<u8>) {
    if number < 0 {
        out.push(b'-');
    }
    let (mut rest, mut digits, mut length) = (number.unsigned_abs(), [0u8; 20], 0);
    for slot in digits.iter_mut().rev() {
        *slot = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
        length += 1;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(digits.len() - length..).unwrap_or_default());
}

/// Appends an address.
pub fn write_ip(address: std::net::IpAddr, out: &mut Vec<u8>) {
    match address {
        std::net::IpAddr::V4(address) => {
            for (index, octet) in address.octets().into_iter().enumerate() {
                if index > 0 {
                    out.push(b'.');
                }
                write_int(i64::from(octet), out);
            }
        }
        std::net::IpAddr::V6(address) => out.extend_from_slice(address.to_string().as_bytes()),
    }
}

/// Appends a value as bare text, as CSV cells and people see it.
pub fn write_plain(value: &Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Text(text) | Value::Json(text) => out.extend_from_slice(text.as_bytes()),
        Value::Time(time) => time.write(out),
        Value::Ip(address) => write_ip(*address, out),
        Value::Net(net) => {
            write_ip(net.first(), out);
            out.push(b'/');
            write_int(i64::from(net.prefix()), out);
        }
        Value::Int(_) | Value::Float(_) | Value::Bool(_) => write_value(value, out),
    }
}

/// Appends the members of an event's object, each with a comma before it, in alphabetical order of
/// the table and then `extra.*` as they came. The caller writes the braces and what comes first.
pub fn write_members(event: &Event<'_>, out: &mut Vec<u8>) {
    let mut fields: Vec<(Field, Value<'_>)> = event.fields().collect();
    fields.sort_by_key(|(field, _)| *field);
    for (field, value) in &fields {
        out.push(b',');
        write_string(&event.name(*field), out);
        out.push(b':');
        write_value(value, out);
    }
}

/// Sets a field from a JSON value.
///
/// `null` and empty text set nothing. Numbers and truth values are accepted where text of the same
/// look is. Fields of the table refuse lists and objects; `extra.*`
/// keeps them as JSON.
pub fn set(
    event: &mut OpenEvent<'_>,
    field: Field,
    json: &serde_json::Value,
    zone: Option<&TimeZone>,
) -> Result<(), &'static str> {
    use serde_json::Value as Json;
    let extra = field.is_extra();
    match json {
        Json::Null => Ok(()),
        Json::String(text) if text.trim().is_empty() => Ok(()),
        Json::String(text) => event.read(field, text, zone),
        Json::Bool(truth) if extra || field.kind() == Kind::Bool => {
            event.set(field, &Value::Bool(*truth));
            Ok(())
        }
        Json::Number(number) if extra => {
            event.set(field, &number_value(number));
            Ok(())
        }
        Json::Number(number) => event.read(field, &number.to_string(), zone),
        Json::Bool(truth) => event.read(field, if *truth { "true" } else { "false" }, zone),
        Json::Array(_) | Json::Object(_) if extra || field.kind() == Kind::Json => {
            event.set(field, &Value::Json(Cow::Owned(json.to_string())));
            Ok(())
        }
        Json::Array(_) | Json::Object(_) => Err("a list or object where one value belongs"),
    }
}

/// Sets a field from what was written by [`write_members`]: also an empty text of `extra.*`, where a report gave one.
pub fn restore(event: &mut OpenEvent<'_>, field: Field, json: &serde_json::Value) -> Result<(), &'static str> {
    match json {
        serde_json::Value::String(text) if field.is_extra() && text.is_empty() => {
            event.set(field, &Value::text(""));
            Ok(())
        }
        json => set(event, field, json, None),
    }
}

/// A whole number that is too large for one stays what it is, as text: it names something more often than it counts.
fn number_value(number: &serde_json::Number) -> Value<'static> {
    match (number.as_i64(), number.as_f64()) {
        (Some(whole), _) => Value::Int(whole),
        (None, Some(decimal)) if number.is_f64() => Value::Float(decimal),
        (None, _) => Value::Text(Cow::Owned(number.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Batch, EventId, ProblemKey};

    #[test]
    fn numbers_and_addresses_are_written_as_the_library_does() {
        for number in [0, 7, -1, 10, 4_294_967_295, i64::MAX, i64::MIN] {
            let mut out = Vec::new();
            write_int(number, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), number.to_string());
        }
        for text in ["0.0.0.0", "192.0.2.255", "2001:db8::1"] {
            let mut out = Vec::new();
            write_ip(text.parse().unwrap(), &mut out);
            assert_eq!(out, text.as_bytes());
        }
    }

    #[test]
    fn a_number_beyond_what_a_number_holds_keeps_every_digit() {
        let check = |number: u64, want: Value<'_>| assert_eq!(number_value(&number.into()), want);
        check(9_223_372_036_854_775_807, Value::Int(i64::MAX));
        check(9_223_372_036_854_775_808, Value::text("9223372036854775808"));
        check(u64::MAX, Value::text("18446744073709551615"));
    }

    #[test]
    fn an_event_is_written_as_a_flat_object() {
        let mut batch = Batch::new();
        let mut event = batch.open();
        let extra = event.extra("a\"b").unwrap();
        set(&mut event, extra, &serde_json::json!([1, {"x": null}]), None).unwrap();
        set(&mut event, Field::SOURCE_IP, &serde_json::json!("192.0.2.1"), None).unwrap();
        set(&mut event, Field::SOURCE_PORT, &serde_json::json!(80), None).unwrap();
        set(&mut event, Field::COMMENT, &serde_json::json!("a\u{1}\n"), None).unwrap();
        assert!(set(&mut event, Field::SOURCE_ASN, &serde_json::json!([1]), None).is_err());
        event.keep(EventId::default(), ProblemKey::default(), 1);
        let mut out = Vec::new();
        write_members(&batch.get(0).unwrap(), &mut out);
        // A control character in a field is made visible, not carried on.
        assert_eq!(
            String::from_utf8(out).unwrap(),
            r#","comment":"a�","source.ip":"192.0.2.1","source.port":80,"extra.a\"b":[1,{"x":null}]"#
        );
    }
}
