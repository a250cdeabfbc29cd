//! Whole numbers in JSON that need more than 64 bits.
//!
//! Readers make floating numbers of them, and the last digits are gone: of an identifier that is another one. Such a
//! number is read as text.

use std::borrow::Cow;

/// From here on a floating number may have been such a number.
pub(super) const FROM: f64 = 9_223_372_036_854_775_808.0;
/// Digits that any number of 64 bits has at most.
const DIGITS: usize = 18;

/// The same JSON, with quotes around such numbers.
pub(super) fn as_texts(json: &[u8]) -> Cow<'_, [u8]> {
    let (mut out, mut done, mut at) = (Vec::new(), 0, 0);
    while let Some(byte) = json.get(at) {
        match byte {
            b'"' => at = behind_string(json, at),
            b'-' | b'0'..=b'9' => {
                let end = at + json.iter().skip(at).take_while(|byte| is_of_number(**byte)).count();
                let number = json.get(at..end).unwrap_or_default();
                if is_large(number) {
                    out.extend_from_slice(json.get(done..at).unwrap_or_default());
                    out.push(b'"');
                    out.extend_from_slice(number);
                    out.push(b'"');
                    done = end;
                }
                at = end;
            }
            _ => at += 1,
        }
    }
    if done == 0 {
        return Cow::Borrowed(json);
    }
    out.extend_from_slice(json.get(done..).unwrap_or_default());
    Cow::Owned(out)
}

fn is_of_number(byte: u8) -> bool {
    byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E')
}

/// Whether it is a whole number that JSON allows and 64 bits do not hold.
fn is_large(number: &[u8]) -> bool {
    let digits = number.strip_prefix(b"-").unwrap_or(number);
    let is_whole = digits.len() > DIGITS && digits.iter().all(u8::is_ascii_digit) && !digits.starts_with(b"0");
    let text = std::str::from_utf8(number).unwrap_or_default();
    is_whole && text.parse::<i64>().is_err() && text.parse::<u64>().is_err()
}

/// The place behind the text that begins here.
fn behind_string(json: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(byte) = json.get(at) {
        match byte {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    json.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_numbers_beyond_64_bits_become_texts() {
        let check = |given: &str, want: &str| {
            assert_eq!(String::from_utf8_lossy(&as_texts(given.as_bytes())), want, "{given}");
        };
        check(
            r#"{"a":18446744073709551616,"b":[-9223372036854775809, 1]}"#,
            r#"{"a":"18446744073709551616","b":["-9223372036854775809", 1]}"#,
        );
        for same in [
            r#"{"a":18446744073709551615,"b":-9223372036854775808}"#,
            r#"{"a":1e30,"b":184467440737095516160.0,"c":0.00000000000000000000001}"#,
            r#"{"18446744073709551616":"18446744073709551616","b":"\\\"18446744073709551616"}"#,
            "00018446744073709551616",
            r#""18446744073709551616"#,
            r#""\"#,
            "-",
            "",
        ] {
            check(same, same);
        }
        check("18446744073709551616", "\"18446744073709551616\"");
    }
}
