//! Numbers of notices: `20261122-000001-dkvr`, the day, a count, and four letters of the site.
//!
//! The letters keep a notice of another Concert that comes here from being taken for an answer to ours with the same
//! count. Four are enough to tell sites apart. They are no secret and prove nothing. Numbers from before there were
//! letters have none, and stay as they are.

use concert_model::script;

/// What the secret is used for, so that it can be used for other things too.
const PURPOSE: &str = "concert 2026 letters of a site in numbers of notices";
/// Letters of a number. Without vowels they make no words.
const LETTERS: &[u8; 20] = b"bcdfghjklmnpqrstvwxz";
const LETTERS_COUNT: usize = 4;
/// Most digits of the number of an incident behind its year, zeros among them.
const COUNT_DIGITS_MAX: usize = 12;

/// The letters of a site, from its secret.
pub fn letters(secret: &[u8]) -> String {
    let bytes = blake3::derive_key(PURPOSE, secret);
    let (numbers, _) = bytes.as_chunks::<8>();
    let letter = |number: &[u8; 8]| {
        let at = usize::try_from(u64::from_le_bytes(*number) % LETTERS.len() as u64).unwrap_or(0);
        LETTERS.get(at).copied().map_or('x', char::from)
    };
    numbers.iter().take(LETTERS_COUNT).map(letter).collect()
}

/// The numbers in a text, as they are kept. One with letters is never also one without.
pub(super) fn numbers(text: &str) -> impl Iterator<Item = String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
    words.filter_map(|word| number(word.trim_start_matches(|c: char| c.is_ascii_alphabetic())))
}

fn number(word: &str) -> Option<String> {
    let mut parts = word.split('-');
    let (day, count, letters) = (parts.next()?, parts.next()?, parts.next());
    let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let is_number = day.len() == 8 && is_digits(day) && (6..=9).contains(&count.len()) && is_digits(count);
    let are_letters = letters
        .is_none_or(|letters| letters.len() == LETTERS_COUNT && letters.bytes().all(|byte| byte.is_ascii_alphabetic()));
    (is_number && are_letters && parts.next().is_none()).then(|| word.to_ascii_lowercase())
}

/// The numbers of incidents in a subject, as they are kept: `CERT-EX#2026-000001`, also where it stands without
/// brackets, in small letters, or without its zeros. Given is the ticket of the site.
pub fn incidents(subject: &str, ticket: &str) -> Vec<String> {
    let (mut found, begin): (Vec<String>, _) = (Vec::new(), format!("{ticket}#").to_ascii_lowercase());
    // Of what is not ASCII nothing becomes longer or shorter by this.
    let text = script::narrow(subject).to_ascii_lowercase();
    for (at, _) in text.match_indices(&begin) {
        // Words that are written without blanks may touch it.
        let is_in_word = |c: char| (c.is_alphanumeric() || "-_.".contains(c)) && !script::changes(c, '0');
        let before = text.get(..at).and_then(|before| before.chars().next_back());
        let rest = text.get(at + begin.len()..).unwrap_or_default();
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '-').unwrap_or(rest.len());
        let (number, behind) = rest.split_at_checked(end).unwrap_or_default();
        let is_word =
            !before.is_some_and(is_in_word) && !behind.starts_with(|c: char| c.is_alphanumeric() && is_in_word(c));
        if let Some(number) = incident(number.trim_end_matches('-')).filter(|_| is_word) {
            super::note(&mut found, format!("{ticket}#{number}"));
        }
    }
    found
}

fn incident(number: &str) -> Option<String> {
    let (year, count) = number.split_once('-')?;
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let is_number = year.len() == 4 && is_digits(year) && count.len() <= COUNT_DIGITS_MAX && is_digits(count);
    let count: u64 = count.parse().ok().filter(|_| is_number)?;
    Some(format!("{year}-{count:06}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn incidents_are_found_however_they_are_written() {
        let check = |subject: &str, want: &[&str]| assert_eq!(incidents(subject, "CERT-EX"), want, "{subject}");
        for one in [
            "Re: [CERT-EX#2026-000001] Scans",
            "Re: CERT-EX#2026-000001",
            "cert-ex#2026-1",
            "AW: Cert-Ex#2026-01: done",
            "ü CERT-EX#2026-000001ü CERT-EX#2026-1-",
            "(CERT-EX#2026-0000000001)",
            "Re: ［CERT-EX＃2026-000001］件",
            "回复：【CERT-EX#2026-000001】",
            "件名CERT-EX#2026-000001の件",
            "ＣＥＲＴ－ＥＸ＃２０２６－１",
        ] {
            check(one, &["CERT-EX#2026-000001"]);
        }
        check(
            "CERT-EX#2026-1, CERT-EX#2026-2 and CERT-EX#2026-1234567",
            &["CERT-EX#2026-000001", "CERT-EX#2026-000002", "CERT-EX#2026-1234567"],
        );
        for none in [
            "CERT-EX#",
            "CERT-EX#2026",
            "CERT-EX#2026-",
            "CERT-EX#26-1",
            "CERT-EX#2026-1x",
            "CERT-EX#2026-1-2",
            "MY-CERT-EX#2026-1",
            "XCERT-EX#2026-1",
            "CERT-EX #2026-1",
            "CERT-EX#2026-99999999999999999999",
            "",
        ] {
            check(none, &[]);
        }
    }

    #[test]
    fn each_site_has_letters_of_its_own() {
        let (one, other) = (letters(b"secret of a site"), letters(b"secret of another site"));
        assert_eq!((one.len(), one.clone()), (4, letters(b"secret of a site")));
        assert_ne!(one, other);
        assert!(one.bytes().all(|letter| LETTERS.contains(&letter)), "{one}");
    }

    #[test]
    fn numbers_are_found_with_their_letters_or_without_any() {
        let check = |text: &str, want: &[&str]| assert_eq!(numbers(text).collect::<Vec<_>>(), want, "{text}");
        check("Re: [20261122-000001-dkvr] problems", &["20261122-000001-dkvr"]);
        check("AW: 20261122-000001-DKVR, again", &["20261122-000001-dkvr"]);
        check("Re: [20261122-000001] problems", &["20261122-000001"]);
        check("(20261122-000001/20261122-1000002-dkvr)", &["20261122-000001", "20261122-1000002-dkvr"]);
        check("Ticket20261122-000001", &["20261122-000001"]);
        check("ü20261122-000001-dkvrü", &["20261122-000001-dkvr"]);
        for none in ["20261122-000001-dkv", "20261122-000001-dkvrx", "20261122-000001-dk1r", "20261122-000001-dkvr-x"] {
            check(none, &[]);
        }
        for none in ["2026112-000001", "20261122-00001", "20261122-000001-", "-20261122-000001", ""] {
            check(none, &[]);
        }
    }
}
