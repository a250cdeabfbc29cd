//! The name of a person in a text: whole, in either order, `Erika Muster` and `Muster, Erika`.
//!
//! Any case, and whatever stands between the words of a name: blanks, the signs of URLs and file names, also
//! percent-encoded. The host of a URL is left as it is: it is what somebody complains of.

use regex::{Captures, Regex};

use super::{ROLES, encoded};
use crate::render::withheld::WITHHELD;

/// Longer names are none.
const NAME_CHARS_MAX: usize = 100;
/// More words are a sentence.
const WORDS_MAX: usize = 6;
/// One word alone is a name from here on.
const WORD_LETTERS_MIN: usize = 5;
/// What may stand between two words of a name.
const BETWEEN: &str = r"(?:[\s,.+_-]|%(?:25)?(?:0A|0D|09|20|2B|2C|2D|2E|5F))+";
/// What stands before the name of an organisation, or another one, beside that of a person.
const BESIDE: [&str; 9] = ["(", ")", "[", "]", "|", "/", " - ", " via ", "<"];

/// What finds these names; `None` where there is none that says who somebody is.
pub(super) fn pattern(names: &[String]) -> Option<Regex> {
    let spellings: Vec<String> = names.iter().flat_map(|name| pieces(name)).flat_map(|name| spellings(&name)).collect();
    if spellings.is_empty() {
        return None;
    }
    let before = r"(^|[^\p{L}\p{N}]|%(?:25)?[0-9A-F]{2})";
    Regex::new(&format!("(?i){before}(?:{})", spellings.join("|"))).ok()
}

/// A text without these names.
pub(super) fn without(name: &Regex, text: &str) -> String {
    let masked = name.replace_all(text, |found: &Captures<'_>| {
        let whole = found.get(0).map_or(0..0, |whole| whole.range());
        let goes_on = text.get(whole.end..).and_then(|rest| rest.chars().next()).is_some_and(char::is_alphanumeric);
        if goes_on || is_in_host(text.get(..whole.end).unwrap_or_default()) {
            return text.get(whole).unwrap_or_default().to_owned();
        }
        format!("{}{WITHHELD}", found.get(1).map_or("", |sign| sign.as_str()))
    });
    masked.into_owned()
}

/// Whether a text ends within the host of a URL.
fn is_in_host(text: &str) -> bool {
    let Some((_, host)) = text.rsplit_once("://") else { return false };
    !host.contains(|sign: char| sign.is_whitespace() || matches!(sign, '/' | '?' | '#' | '"' | '<' | '>'))
}

/// `Erika Muster (Example Bank)` names two.
fn pieces(name: &str) -> Vec<String> {
    let name: String = name.chars().take(NAME_CHARS_MAX).collect();
    BESIDE
        .iter()
        .fold(vec![name], |pieces, sign| pieces.iter().flat_map(|piece| piece.split(sign).map(str::to_owned)).collect())
}

/// The patterns of a name: its words in their order, and with the last ones first.
fn spellings(name: &str) -> Vec<String> {
    let quotes = ['\'', '\u{2019}'];
    let pieces = name.split(|sign: char| !sign.is_alphanumeric() && !quotes.contains(&sign));
    let words: Vec<&str> = pieces.map(|word| word.trim_matches(quotes)).filter(|word| !word.is_empty()).collect();
    // Whose name it is stands behind the title.
    let titles = ["dr", "prof", "mr", "mrs", "ms", "herr", "frau", "dipl", "ing"];
    let begin = words.iter().take_while(|word| titles.contains(&word.to_lowercase().as_str())).count();
    let words = words.get(begin..).unwrap_or_default();
    if !is_name(words) {
        return Vec::new();
    }
    let coded: Vec<String> = words.iter().map(|word| word.chars().map(encoded).collect()).collect();
    let turned = |first: usize| {
        let mut coded = coded.clone();
        coded.rotate_left(first);
        coded.join(BETWEEN)
    };
    (0..coded.len()).map(turned).collect()
}

/// Whether words say who somebody is: two of them, or one that is long, and not all of them what many are called.
fn is_name(words: &[&str]) -> bool {
    let letters = |word: &&str| word.chars().filter(|sign| sign.is_alphabetic()).count();
    let is_enough = match words.iter().filter(|word| letters(word) > 0).count() {
        0 => false,
        1 => words.iter().map(letters).sum::<usize>() >= WORD_LETTERS_MIN,
        _ => words.iter().any(|word| letters(word) > 1),
    };
    let is_role = |word: &&str| ROLES.iter().any(|role| role.eq_ignore_ascii_case(word));
    is_enough && words.len() <= WORDS_MAX && !words.iter().all(is_role)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, given: &str, want: &str) {
        let told = pattern(&[name.to_owned()]).map_or_else(|| given.to_owned(), |name| without(&name, given));
        assert_eq!(told, want, "{name}: {given}");
    }

    #[test]
    fn a_name_is_found_whole_in_any_case_and_in_either_order() {
        let text = "Erika Muster, MUSTER, Erika; erika\tmuster";
        for name in
            ["Erika Muster", "Muster, Erika", "Dr. Erika Muster", "Erika Muster (SOC)", "'Erika Muster' via Desk"]
        {
            check(name, text, "withheld, withheld; withheld");
        }
        let other = "Erika M. and Mrs Muster of Erika Musters and Kerika Muster";
        check("Erika Muster", other, other);
        check("Erika Muster", "Erika Muster's", "withheld's");
        check("Ursula von der Aue", "von der Aue, Ursula", "withheld");
        check("Erika Muster (Example Bank)", "Erika Muster of example bank", "withheld of withheld");
        check("Jörg Müller", "JÖRG MÜLLER", "withheld");
        check("Anne-Marie O'Neil", "O'Neil, Anne-Marie", "withheld");
    }

    #[test]
    fn a_name_is_found_in_urls_but_not_in_their_host() {
        let page = "http://erika-muster.example/login";
        let check_tail =
            |name: &str, given: &str, want: &str| check(name, &format!("{page}{given}"), &format!("{page}{want}"));
        check_tail("Erika Muster", "?n=Erika+Muster&m=Erika%20Muster", "?n=withheld&m=withheld");
        check_tail("Erika Muster", "/Muster%2C%20Erika/x?n=a%20erika%2520muster", "/withheld/x?n=a%20withheld");
        check_tail("Erika Muster", "/erika.muster/erika_muster-1", "/withheld/withheld-1");
        check_tail("Jörg Müller", "?n=j%C3%B6rg+M%C3%9CLLER", "?n=withheld");
    }

    #[test]
    fn what_many_are_called_is_no_name() {
        for name in
            ["Abuse", "Abuse Desk", "Security Team", "Phishing Report", "Erik", "J. D.", "4 711", "", "a b c d e f g"]
        {
            assert!(pattern(&[name.to_owned()]).is_none(), "{name}");
        }
        assert!(pattern(&["Abuse".to_owned(), "Erika".to_owned()]).is_some());
        assert!(pattern(&["x".repeat(5000)]).is_some());
    }
}
