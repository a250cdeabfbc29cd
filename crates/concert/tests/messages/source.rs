//! Texts in the source that people can read: the first text among the arguments of certain calls.
//!
//! The source is read as text, with quotes and brackets followed and nothing else understood. A `{}` in a text
//! stands for anything. What a call takes from a variable is not seen here.

use std::fs;
use std::path::Path;

/// A text of the source.
pub(crate) struct Text {
    pub(crate) file: String,
    pub(crate) line: usize,
    /// As it is written, with `{}` for what is put in.
    pub(crate) words: String,
}

impl Text {
    /// Whether a line that was told holds it, whatever was put in.
    pub(crate) fn fits(&self, line: &str) -> bool {
        let mut rest = line;
        for piece in self.words.split("{}") {
            let Some((_, after)) = rest.split_once(piece) else { return false };
            rest = after;
        }
        true
    }
}

/// The texts in the arguments of these calls, in a file or in every file below a folder. Tests do not count.
pub(crate) fn texts(path: &Path, calls: &[&str]) -> Vec<Text> {
    let mut found = Vec::new();
    if path.is_dir() {
        let mut entries: Vec<_> = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
        entries.sort();
        entries.iter().for_each(|path| found.extend(texts(path, calls)));
        return found;
    }
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    if !name.ends_with(".rs") || ["tests.rs", "check.rs"].contains(&name.as_str()) {
        return found;
    }
    let whole = fs::read_to_string(path).unwrap();
    let source = whole.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    for call in calls {
        for (at, _) in source.match_indices(call) {
            let line = source[..at].matches('\n').count() + 1;
            let Some(words) = first_words(&source[at + call.len()..]) else { continue };
            found.push(Text { file: path.display().to_string(), line, words });
        }
    }
    found
}

/// The first text of some arguments that has a blank in it: names of keys have none.
fn first_words(arguments: &str) -> Option<String> {
    let (mut depth, mut rest) = (1, arguments);
    while depth > 0 {
        let at = rest.find(['(', ')', '"', '\''])?;
        let tail = &rest[at + 1..];
        match rest.as_bytes()[at] {
            b'(' => depth += 1,
            b')' => depth -= 1,
            // A character, and not the name of a lifetime.
            b'\'' if tail.as_bytes().get(1) == Some(&b'\'') => {
                rest = &tail[2..];
                continue;
            }
            b'"' => {
                let (text, after) = literal(tail);
                if text.contains(' ') {
                    return Some(text);
                }
                rest = after;
                continue;
            }
            _ => {}
        }
        rest = tail;
    }
    None
}

/// A text up to its final quote, with escapes undone and `{name}` as `{}`; and what follows.
fn literal(source: &str) -> (String, &str) {
    let (mut text, mut chars) = (String::new(), source.char_indices().peekable());
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (text, &source[at + 1..]),
            '\\' => match chars.next() {
                Some((_, '\n')) => while chars.next_if(|(_, c)| c.is_whitespace()).is_some() {},
                Some((_, 'n')) => text.push('\n'),
                Some((_, c)) => text.push(c),
                None => {}
            },
            '{' if chars.next_if(|(_, c)| *c == '{').is_some() => text.push('{'),
            '}' if chars.next_if(|(_, c)| *c == '}').is_some() => text.push('}'),
            '{' => {
                while chars.next_if(|(_, c)| *c != '}').is_some() {}
                chars.next();
                text.push_str("{}");
            }
            c => text.push(c),
        }
    }
    (text, "")
}
