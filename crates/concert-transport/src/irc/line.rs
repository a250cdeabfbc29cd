//! One line of IRC: reading it, making it, and comparing names.
//!
//! Lines are bytes, because IRC promises no character set. Nothing here fails on a strange line: what
//! is missing is empty.

/// Most bytes of a line that is sent, with its end (RFC 1459 2.3).
pub(crate) const SEND_BYTES_MAX: usize = 512;
/// Most parameters of a line (RFC 1459 2.3).
const PARAMETERS_MAX: usize = 15;

/// A line from a server, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// Nickname or server it comes from; empty when it does not say.
    pub(crate) from: Vec<u8>,
    /// `PRIVMSG`, `001`, ... in capitals.
    pub(crate) command: String,
    /// Parameters, the last one without its colon.
    pub(crate) parameters: Vec<Vec<u8>>,
}

impl Line {
    /// Takes a line without its end apart. `None` for one that says nothing.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        if rest.first() == Some(&b'@') {
            // Message tags of IRCv3; nothing in them is needed.
            rest = word(rest).1;
        }
        let mut from = Vec::new();
        if let Some((b':', after)) = rest.split_first() {
            let (prefix, after) = word(after);
            let nick = prefix.split(|byte| *byte == b'!').next().unwrap_or_default();
            from = nick.to_vec();
            rest = after;
        }
        let (command, mut rest) = word(rest);
        if command.is_empty() {
            return None;
        }
        let mut parameters = Vec::new();
        while !rest.is_empty() {
            if let Some((b':', last)) = rest.split_first() {
                parameters.push(last.to_vec());
                break;
            }
            if parameters.len() + 1 == PARAMETERS_MAX {
                parameters.push(rest.to_vec());
                break;
            }
            let (parameter, after) = word(rest);
            parameters.push(parameter.to_vec());
            rest = after;
        }
        let command = String::from_utf8_lossy(command).to_ascii_uppercase();
        Some(Self { from, command, parameters })
    }

    /// A parameter by its place from 0; empty when there is none.
    pub(crate) fn parameter(&self, index: usize) -> &[u8] {
        self.parameters.get(index).map_or(&[], Vec::as_slice)
    }

    /// The last parameter, which is the text of most lines, for people.
    pub(crate) fn text(&self) -> String {
        let last = self.parameters.last().map_or(&[][..], Vec::as_slice);
        String::from_utf8_lossy(last).chars().filter(|c| !c.is_control()).take(200).collect()
    }

    /// The number of a numeric answer.
    pub(crate) fn number(&self) -> Option<u16> {
        (self.command.len() == 3).then(|| self.command.parse().ok())?
    }
}

/// The bytes before the first run of blanks, and those after it.
fn word(bytes: &[u8]) -> (&[u8], &[u8]) {
    let end = bytes.iter().position(|byte| *byte == b' ').unwrap_or(bytes.len());
    let (word, rest) = bytes.split_at_checked(end).unwrap_or((bytes, &[]));
    let start = rest.iter().position(|byte| *byte != b' ').unwrap_or(rest.len());
    (word, rest.get(start..).unwrap_or_default())
}

/// A line to send, with its end. It stays one line of at most [`SEND_BYTES_MAX`] bytes whatever the
/// text holds: line breaks and NUL become blanks, what is too long is cut between characters.
pub(crate) fn make(text: &[u8]) -> Vec<u8> {
    let mut end = text.len().min(SEND_BYTES_MAX - 2);
    // A byte 10xxxxxx continues a UTF-8 character, so the cut would fall into the middle of one.
    while end < text.len() && end > 0 && text.get(end).is_some_and(|byte| byte & 0xC0 == 0x80) {
        end -= 1;
    }
    let kept = text.get(..end).unwrap_or(text);
    let mut line: Vec<u8> =
        kept.iter().map(|byte| if matches!(byte, b'\r' | b'\n' | 0) { b' ' } else { *byte }).collect();
    line.extend_from_slice(b"\r\n");
    line
}

/// Whether two nicknames or channels are the same. IRC comes from Finland, where `{}|^` are the small
/// letters of `[]\~`.
pub(crate) fn same_name(a: &[u8], b: &[u8]) -> bool {
    let small = |byte: &u8| match byte {
        b'[' => b'{',
        b']' => b'}',
        b'\\' => b'|',
        b'~' => b'^',
        other => other.to_ascii_lowercase(),
    };
    a.len() == b.len() && a.iter().map(small).eq(b.iter().map(small))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(given: &str, want: &str) {
        let shown = Line::read(given.as_bytes()).map_or("nothing".into(), |line| {
            let parameters: Vec<_> = line.parameters.iter().map(|p| String::from_utf8_lossy(p)).collect();
            format!("{} {} {}", String::from_utf8_lossy(&line.from), line.command, parameters.join("/"))
        });
        assert_eq!(shown, want, "{given:?}");
    }

    #[test]
    fn lines_are_taken_apart() {
        check(":feedbot!f@host PRIVMSG #feeds :a b : c", "feedbot PRIVMSG #feeds/a b : c");
        check("@time=x;a=b :n!u@h privmsg #c  :x", "n PRIVMSG #c/x");
        check("PING :irc.example", " PING irc.example");
        check(":irc.example 433 * concert :in use", "irc.example 433 */concert/in use");
        check("PRIVMSG #c :", " PRIVMSG #c/");
        check("", "nothing");
        check(":only.prefix", "nothing");
        check("@", "nothing");
        check("C 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16", " C 1/2/3/4/5/6/7/8/9/10/11/12/13/14/15 16");
    }

    #[test]
    fn cut_and_flipped_lines_do_no_harm() {
        let given = b"@time=2026;x :feedbot!f@host PRIVMSG #feeds another :ip=192.0.2.1 \xff text";
        for end in 0..=given.len() {
            Line::read(&given[..end]);
            for bit in 0..8 {
                let mut flipped = given.to_vec();
                if let Some(byte) = flipped.get_mut(end) {
                    *byte ^= 1 << bit;
                }
                if let Some(line) = Line::read(&flipped) {
                    assert!(line.parameters.len() <= PARAMETERS_MAX && !line.text().contains('\0'));
                }
            }
        }
    }

    #[test]
    fn any_bytes_make_one_line() {
        assert_eq!(make(b"PRIVMSG #c :a\r\nQUIT\0"), b"PRIVMSG #c :a  QUIT \r\n");
        let long = make("ä".repeat(400).as_bytes());
        assert!(long.len() <= SEND_BYTES_MAX);
        assert!(std::str::from_utf8(&long).is_ok());
        assert_eq!(make(&[0x80; 600]).len(), 2, "bytes that continue nothing are cut away");
        assert_eq!(make(&[b'x'; 510]).len(), 512);
    }

    #[test]
    fn names_compare_as_in_finland() {
        assert!(same_name(b"Feed[Bot]\\~", b"feed{bot}|^"));
        assert!(!same_name(b"feedbot", b"feedbot1"));
    }
}
