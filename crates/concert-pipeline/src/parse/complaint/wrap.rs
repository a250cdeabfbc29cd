//! Lines that a mail program broke in the middle of a sentence: `... against our server`, `198.51.100.77 ...`.
//!
//! Only a break between an address and the words that say its side is undone. Log lines, lists and tables stay as
//! they are: rather a side that is not read than two lines that become one.

use std::sync::LazyLock;

use regex::Regex;

use super::{LINE_BYTES_MAX, sides};
use concert_model::host;

/// What stands in one line, or goes on in the next.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Passage {
    pub number: u64,
    /// The number of its last line.
    pub last: u64,
    pub text: String,
}

/// Most lines that become one.
const LINES_MAX: u64 = 4;

fn compile(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a constant pattern")
}

/// Puts lines together that are one sentence.
pub(super) fn passages(lines: Vec<(u64, String)>) -> Vec<Passage> {
    let mut passages: Vec<Passage> = Vec::with_capacity(lines.len());
    let mut lines = lines.into_iter().peekable();
    while let Some((number, text)) = lines.next() {
        let next = lines.peek().filter(|(next, _)| *next == number + 1).map(|(_, next)| next.as_str());
        if let Some(before) = passages.last_mut()
            && before.last + 1 == number
            && number - before.number < LINES_MAX
            && before.text.len() + text.len() < LINE_BYTES_MAX
            && goes_on(&before.text, &text, next)
        {
            before.last = number;
            before.text.truncate(before.text.trim_end().len());
            before.text.push(' ');
            before.text.push_str(text.trim());
            continue;
        }
        passages.push(Passage { number, last: number, text });
    }
    passages
}

/// Whether a sentence goes on in a line. `next` is the line behind it.
fn goes_on(text: &str, line: &str, next: Option<&str>) -> bool {
    static PROSE: LazyLock<Regex> = LazyLock::new(|| compile(r"(?:^|\s)\p{L}{2,}[,:]?\s.*\s\p{L}{2,}"));
    static RECORD: LazyLock<Regex> = LazyLock::new(|| {
        compile(
            r"(?i)[=|;\t]|^\s*\[?\d{4}-\d\d|^\s*\[?\d{1,2}[./:]\d|^\s*[a-z]{3}\s+\d{1,2}\s+\d|^\s*[\w.-]+(?:\[\d+\])?:\s",
        )
    });
    static GOES_ON: LazyLock<Regex> = LazyLock::new(|| {
        compile(
            r"^\s*(?:\((?i:our|my|unser|mein)|(?:against|from|to|on|by|gegen|auf|von|nach|was|were|is|wurden?|wird|werden)\s)",
        )
    });
    let first = |text: &str| text.split_whitespace().next().unwrap_or_default().to_owned();
    let (text, word) = (text.trim_end(), first(line));
    if first(text) == word || RECORD.is_match(text) || !PROSE.is_match(text) {
        return false;
    }
    if GOES_ON.is_match(line) {
        return is_address(text.rsplit(char::is_whitespace).next().unwrap_or_default())
            || text.ends_with(char::is_alphabetic) && text.split_whitespace().any(is_address);
    }
    if !text.ends_with(char::is_alphabetic) || !sides::is_open(text) {
        return false;
    }
    match is_address(&word) {
        // Several addresses below each other are a list, which its own rules read.
        true => !next.is_some_and(|next| is_address(&first(next))),
        false => !RECORD.is_match(line) && line.split_whitespace().take(5).any(is_address),
    }
}

/// Whether a word is an address, whatever stands around it.
pub(super) fn is_address(word: &str) -> bool {
    if !word.contains(|c: char| c.is_ascii_digit()) {
        return false;
    }
    let plain = host::refang(word);
    let plain = plain.trim_matches(|c: char| !c.is_ascii_alphanumeric() && c != ':').trim_end_matches(':');
    concert_model::value::ip(plain).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, want: &[&str]) {
        let lines = text.lines().zip(1..).map(|(line, number)| (number, line.to_owned()));
        let lines = lines.filter(|(_, line)| !line.trim().is_empty()).collect();
        let got: Vec<String> = passages(lines).into_iter().map(|passage| passage.text).collect();
        assert_eq!(got, want, "{text}");
    }

    #[test]
    fn a_sentence_that_breaks_before_or_behind_an_address_goes_on() {
        check(
            "We see SSH logins from 192.0.2[.]141 against our server\n198.51.100.77 at 2026-11-29 09:30 UTC.",
            &["We see SSH logins from 192.0.2[.]141 against our server 198.51.100.77 at 2026-11-29 09:30 UTC."],
        );
        check("All attacks come from\n192.0.2.7 today.", &["All attacks come from 192.0.2.7 today."]);
        check("Many attacks on our\nserver 198.51.100.1 came", &["Many attacks on our server 198.51.100.1 came"]);
        check(
            "There are attacks from 192.0.2.7\nagainst our server\n198.51.100.1.",
            &["There are attacks from 192.0.2.7 against our server 198.51.100.1."],
        );
    }

    #[test]
    fn lists_and_log_lines_stay_lines() {
        for text in [
            "There are attacks against our servers\n192.0.2.7\n192.0.2.8",
            "There are attacks against our network today\n192.0.2.7",
            "The attacks come from these hosts:\n192.0.2.7",
            "Jun 17 03:04:05 fw drop from 192.0.2.7 to\nJun 17 03:04:06 fw drop from 192.0.2.8",
            "Failed password for root from 192.0.2.7\nFailed password for bob from 192.0.2.8",
            "sshd[1]: failed login from 192.0.2.7\nsshd[1]: failed login from 192.0.2.8",
            "SRC=192.0.2.7 was seen by us from\n192.0.2.8",
            "We see attacks from\n\n192.0.2.7",
        ] {
            let lines: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
            check(text, &lines);
        }
    }
}
