//! File name patterns: `*` for any text, `?` for one character, `[abc]` for one of some.
//!
//! They match whole names without folders, and never a name that begins with a dot: those are
//! where others keep files they are still writing.

use std::ffi::OsStr;

use regex::Regex;

const PATTERN_BYTES_MAX: usize = 200;

#[derive(Clone, Debug)]
pub(super) struct Pattern {
    regex: Regex,
    text: String,
}

impl Pattern {
    pub(super) fn new(text: &str) -> Result<Pattern, String> {
        if text.is_empty() || text.len() > PATTERN_BYTES_MAX || text.contains('/') {
            return Err(format!("`{text}` is not a pattern for file names"));
        }
        let mut out = String::from("(?s)^");
        let mut rest = text.chars();
        while let Some(c) = rest.next() {
            match c {
                '*' => out.push_str(".*"),
                '?' => out.push('.'),
                '[' => set(&mut rest, &mut out).ok_or_else(|| format!("`{text}` has a [ without a ]"))?,
                c => out.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
            }
        }
        out.push('$');
        let regex = Regex::new(&out).map_err(|_| format!("`{text}` is not a pattern for file names"))?;
        Ok(Pattern { regex, text: text.to_owned() })
    }

    pub(super) fn matches(&self, name: &OsStr) -> bool {
        let name = name.to_string_lossy();
        !name.starts_with('.') && self.regex.is_match(&name)
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }
}

/// Whether a name can match both patterns. What is in brackets counts as any one character.
pub fn overlap(a: &str, b: &str) -> bool {
    let (a, b) = (pieces(a), pieces(b));
    // Whether what is left of the one, from each place on, can be the same as what is left of the other.
    let mut below = vec![false; b.len() + 1];
    for i in (0..=a.len()).rev() {
        let mut row = vec![false; b.len() + 1];
        for j in (0..=b.len()).rev() {
            let down = below.get(j).copied().unwrap_or(false);
            let right = row.get(j + 1).copied().unwrap_or(false);
            let both = below.get(j + 1).copied().unwrap_or(false);
            let can = match (a.get(i), b.get(j)) {
                (None, None) => true,
                (Some(Piece::Any), Some(_)) | (Some(_), Some(Piece::Any)) => down || right,
                (Some(Piece::Any), None) => down,
                (None, Some(Piece::Any)) => right,
                (Some(Piece::One(x)), Some(Piece::One(y))) => both && (x == y || x.is_none() || y.is_none()),
                (Some(Piece::One(_)), None) | (None, Some(Piece::One(_))) => false,
            };
            if let Some(cell) = row.get_mut(j) {
                *cell = can;
            }
        }
        below = row;
    }
    below.first().copied().unwrap_or(false)
}

/// A piece of a pattern: any text, or one character, which may be any.
enum Piece {
    Any,
    One(Option<char>),
}

fn pieces(text: &str) -> Vec<Piece> {
    let (mut pieces, mut rest) = (Vec::new(), text.chars());
    while let Some(c) = rest.next() {
        pieces.push(match c {
            '*' => Piece::Any,
            '?' => Piece::One(None),
            '[' => {
                rest = rest.as_str().split_once(']').map_or("", |(_, after)| after).chars();
                Piece::One(None)
            }
            c => Piece::One(Some(c)),
        });
    }
    pieces
}

/// The inside of `[...]`: characters and ranges; `!` in front turns it round.
fn set(rest: &mut std::str::Chars<'_>, out: &mut String) -> Option<()> {
    let (inside, after) = rest.as_str().split_once(']').filter(|(inside, _)| !inside.is_empty())?;
    *rest = after.chars();
    let (turned, inside) = match inside.strip_prefix('!') {
        Some(inside) => (true, inside),
        None => (false, inside),
    };
    out.push_str(if turned { "[^" } else { "[" });
    for c in inside.chars() {
        if c == '-' {
            out.push('-');
        } else {
            out.push_str(&regex::escape(c.encode_utf8(&mut [0; 4])));
        }
    }
    out.push(']');
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_overlap_where_one_name_can_match_both() {
        let check = |a: &str, b: &str, want: bool| {
            assert_eq!((overlap(a, b), overlap(b, a)), (want, want), "{a} {b}");
        };
        check("*", "*", true);
        check("*", "a.csv", true);
        check("*.csv", "*.json", false);
        check("dga*", "mirai*", false);
        check("a*", "*b", true);
        check("a*c", "ab?", true);
        check("a?", "a", false);
        check("log.[0-9]", "log.7", true);
        check("log.[0-9]", "log.77", false);
        check("*a*b*", "*b*a*", true);
        check("x", "x", true);
    }

    #[test]
    fn names_match_as_in_a_shell() {
        let check = |pattern: &str, name: &str, want: bool| {
            assert_eq!(Pattern::new(pattern).unwrap().matches(OsStr::new(name)), want, "{pattern} {name}");
        };
        check("*", "a.csv", true);
        check("*", ".a.csv", false);
        check("*.csv", "a.csv", true);
        check("*.csv", "a.csv.part", false);
        check("*.csv", "axcsv", false);
        check("a?c", "abc", true);
        check("a?c", "abbc", false);
        check("log.[0-9]", "log.7", true);
        check("log.[0-9]", "log.x", false);
        check("[!a]*", "abc", false);
        check("(a|b).csv", "a.csv", false);
        assert!(Pattern::new("[a").is_err());
        assert!(Pattern::new("in/*.csv").is_err());
    }
}
