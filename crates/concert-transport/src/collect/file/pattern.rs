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
