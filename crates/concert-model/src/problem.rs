//! Trouble told to a person: what happened, where, and what to do next.

use std::fmt;

use crate::party::is_same_name;

/// Something wrong that a person can mend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What happened, as a sentence without a full stop.
    pub what: String,
    /// Where: `concert.toml:14:3`, or a feed and a line. Empty when there is no place.
    pub place: String,
    /// What to do next. Empty when nothing useful can be said.
    pub hint: String,
}

impl Problem {
    /// A problem without a place or a hint.
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), place: String::new(), hint: String::new() }
    }

    /// The same problem at a place.
    #[must_use]
    pub fn at(mut self, place: impl Into<String>) -> Self {
        self.place = place.into();
        self
    }

    /// The same problem with a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.place.is_empty() {
            write!(f, "{}: ", self.place)?;
        }
        f.write_str(&self.what)?;
        if !self.hint.is_empty() {
            write!(f, "\n  hint: {}", self.hint)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problem {}

/// What to write instead of a word that is not one of the known ones: the one that was meant, else all of them. Nothing
/// where none are known.
pub fn instead(word: &str, known: &[&str]) -> String {
    match known {
        [] => String::new(),
        known => meant(word, known.iter().copied(), format!("one of: {}", known.join(", "))),
    }
}

/// The same of words that are told otherwise, or not at all, where none was meant.
pub fn meant<'a>(word: &str, known: impl IntoIterator<Item = &'a str>, otherwise: impl Into<String>) -> String {
    nearest(word, known).map_or_else(|| otherwise.into(), |near| format!("did you mean `{near}`?"))
}

/// The known word nearest to a mistyped one, when it is near enough to be meant; one that differs in case and blanks alone
/// is nearest. Else the shortest that begins like it, for `nick` means `nickname`.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let letters = word.chars().count();
    let limit = 1 + letters / 4;
    let rank = |candidate: &'a str| {
        let distance = if is_same_name(word, candidate) { 0 } else { distance(word, candidate) };
        let is_begin = letters >= BEGIN_CHARS_MIN && candidate.starts_with(word);
        (distance <= limit || is_begin).then_some((distance > limit, distance, candidate))
    };
    known.into_iter().filter_map(rank).min_by_key(|(is_begin, distance, _)| (*is_begin, *distance)).map(|found| found.2)
}

/// Fewer letters are the beginning of anything.
const BEGIN_CHARS_MIN: usize = 3;

/// Edits (insert, delete, replace, swap neighbours) between two words; words are short.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(64).collect(), b.chars().take(64).collect());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    let at = |row: &[usize], i: usize| row.get(i).copied().unwrap_or(usize::MAX / 2);
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let mut best = (at(&last, j + 1) + 1).min(at(&row, j) + 1).min(at(&last, j) + usize::from(x != y));
            let swapped = i > 0 && j > 0 && a.get(i - 1) == Some(y) && b.get(j - 1) == Some(x);
            if swapped {
                best = best.min(at(&before, j - 1) + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    at(&last, b.len())
}

/// A number with its noun: `1 event`, `2 events`. For nouns whose plural ends in `s`.
pub fn counted(number: impl TryInto<u64>, noun: &str) -> String {
    let number = number.try_into().unwrap_or(u64::MAX);
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_mistake_finds_its_word() {
        let known = ["recipients", "format", "when"];
        assert_eq!(nearest("recipents", known), Some("recipients"));
        assert_eq!(nearest("wehn", known), Some("when"));
        assert_eq!(nearest("colour", known), None);
        assert_eq!(nearest("EXAMPLE  HOSTING", ["Example Host", "Example Hosting"]), Some("Example Hosting"));
        assert_eq!(nearest("nick", ["key", "nickname", "nicknames"]), Some("nickname"));
        assert_eq!(nearest("ni", ["nickname"]), None);
    }
}
