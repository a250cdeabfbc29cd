//! Where a byte of a text stands in the file in which the text is written.

/// How many bytes of a TOML string as written stand before a byte of the text it means.
pub(super) fn written_offset(written: &str, offset: usize) -> usize {
    let opening = ["\"\"\"\r\n", "\"\"\"\n", "\"\"\"", "'''\r\n", "'''\n", "'''", "\"", "'"];
    let open = opening.iter().find(|open| written.starts_with(**open)).map_or(0, |open| open.len());
    let escapes = written.starts_with('"');
    let (mut at, mut meant) = (open, 0);
    while meant < offset {
        let rest = written.get(at..).unwrap_or_default();
        let Some(first) = rest.chars().next() else { break };
        if first == '\\' && escapes {
            let (length, character) = escape(rest);
            at += length;
            meant += character;
        } else {
            at += first.len_utf8();
            meant += first.len_utf8();
        }
    }
    at.min(written.len())
}

/// Bytes of an escape as written, and of what it means.
fn escape(rest: &str) -> (usize, usize) {
    let kind = rest.chars().nth(1).unwrap_or(' ');
    let digits = match kind {
        'x' => 2,
        'u' => 4,
        'U' => 8,
        // A backslash at the end of a line swallows all blanks that follow.
        _ if kind.is_whitespace() => {
            let after = rest.get(1..).unwrap_or_default();
            return (1 + after.len() - after.trim_start().len(), 0);
        }
        _ => return (1 + kind.len_utf8(), 1),
    };
    let code = rest.get(2..2 + digits).and_then(|digits| u32::from_str_radix(digits, 16).ok());
    (2 + digits, code.and_then(char::from_u32).map_or(1, char::len_utf8))
}
