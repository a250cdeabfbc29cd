//! Where words end in scripts that put no blank there.
//!
//! Chinese, Japanese, Thai, Lao, Khmer, Burmese and Tibetan are written without blanks between words, Korean puts its
//! particles onto them, and Hebrew and Arabic begin words with prepositions. What such text names (`サーバー192.0.2.7を`)
//! touches it. Words of those scripts are not told apart here, for which it takes dictionaries: a word may end at any
//! letter.

use std::borrow::Cow;

/// Scripts without blanks between words, or with particles behind them.
const UNSPACED: [(char, char); 27] = [
    ('\u{e00}', '\u{fff}'),
    ('\u{1000}', '\u{109f}'),
    ('\u{1100}', '\u{11ff}'),
    ('\u{1780}', '\u{17ff}'),
    ('\u{1950}', '\u{19ff}'),
    ('\u{1a20}', '\u{1aaf}'),
    ('\u{2e80}', '\u{2fdf}'),
    ('\u{3005}', '\u{3007}'),
    ('\u{3021}', '\u{302f}'),
    ('\u{3031}', '\u{3035}'),
    ('\u{303b}', '\u{303c}'),
    ('\u{3041}', '\u{309f}'),
    ('\u{30a1}', '\u{30fa}'),
    ('\u{30fc}', '\u{30ff}'),
    ('\u{3105}', '\u{318f}'),
    ('\u{31a0}', '\u{31bf}'),
    ('\u{31f0}', '\u{31ff}'),
    ('\u{3400}', '\u{4dbf}'),
    ('\u{4e00}', '\u{9fff}'),
    ('\u{a960}', '\u{a97f}'),
    ('\u{a9e0}', '\u{a9ff}'),
    ('\u{aa60}', '\u{aadf}'),
    ('\u{ac00}', '\u{d7ff}'),
    ('\u{f900}', '\u{faff}'),
    ('\u{ff66}', '\u{ffdc}'),
    ('\u{1aff0}', '\u{1b16f}'),
    ('\u{20000}', '\u{3ffff}'),
];
/// Scripts that are written from right to left: a name of a host has no letters of these and of others in one label.
const LEFTWARD: [(char, char); 6] = [
    ('\u{590}', '\u{6ff}'),
    ('\u{700}', '\u{8ff}'),
    ('\u{fb1d}', '\u{fdff}'),
    ('\u{fe70}', '\u{fefc}'),
    ('\u{10800}', '\u{10fff}'),
    ('\u{1e800}', '\u{1efff}'),
];
/// Vowels and ends of syllables in Korean that was taken apart: no word begins with one.
const WITHIN_SYLLABLES: [(char, char); 2] = [('\u{1160}', '\u{11ff}'), ('\u{d7b0}', '\u{d7ff}')];

fn is_in(c: char, ranges: &[(char, char)]) -> bool {
    ranges.iter().any(|(first, last)| (*first..=*last).contains(&c))
}

fn is_unspaced(c: char) -> bool {
    !c.is_ascii() && is_in(c, &UNSPACED)
}

/// Whether a letter touches what the text names beside it, though it is no part of that.
fn touches(c: char) -> bool {
    !c.is_ascii() && (is_in(c, &UNSPACED) || is_in(c, &LEFTWARD))
}

/// Whether of two letters that stand side by side one belongs to such a script and the other does not: `ー1`, `7を`.
pub fn changes(one: char, next: char) -> bool {
    !(one.is_ascii() && next.is_ascii())
        && one.is_alphanumeric()
        && next.is_alphanumeric()
        && touches(one) != touches(next)
}

/// Whether a word may end between two letters that stand side by side.
pub fn may_part(one: char, next: char) -> bool {
    changes(one, next)
        || is_unspaced(one) && is_unspaced(next) && !is_in(next, &WITHIN_SYLLABLES) && next.is_alphanumeric()
}

/// A text cut wherever two letters that stand side by side are parted by this.
pub fn cut(text: &str, parts: fn(char, char) -> bool) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let next = rest.char_indices().skip(1);
        let end = rest.chars().zip(next).find_map(|(one, (at, next))| parts(one, next).then_some(at));
        let (piece, behind) = rest.split_at_checked(end.unwrap_or(rest.len()))?;
        rest = behind;
        Some(piece)
    })
}

/// A text with a blank wherever a word may end without one, so that its words can be searched for.
pub fn spaced(text: &str) -> Cow<'_, str> {
    if text.is_ascii() || !text.chars().any(touches) {
        return text.into();
    }
    cut(text, may_part).collect::<Vec<_>>().join(" ").into()
}

/// A text with the letters and signs of ASCII in place of their wide forms: `［CERT＃１］`.
pub fn narrow(text: &str) -> Cow<'_, str> {
    let of = |c: char| match c {
        '\u{3000}' => ' ',
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        _ => c,
    };
    if text.is_ascii() { text.into() } else { text.chars().map(of).collect::<String>().into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_letters_are_those_of_ascii() {
        assert_eq!(narrow("［ＣＥＲＴ－ＥＸ＃２０２６－０１］　件"), "[CERT-EX#2026-01] 件");
        assert_eq!(narrow("plain"), "plain");
    }

    #[test]
    fn words_end_where_scripts_change() {
        let check = |text: &str, want: &[&str]| assert_eq!(cut(text, changes).collect::<Vec<_>>(), want, "{text}");
        check("サーバー192.0.2.201を隔離", &["サーバー", "192.0.2.201", "を隔離"]);
        check("联系admin@evil.example的人", &["联系", "admin@evil.example", "的人"]);
        check("192.0.2.7을", &["192.0.2.7", "을"]);
        check("ธนาคาร198.51.100.9ถูก", &["ธนาคาร", "198.51.100.9", "ถูก"]);
        check("و192.0.2.7", &["و", "192.0.2.7"]);
        // A dot parts as well as a blank; letters of other scripts stand in words together.
        check("日本語.example", &["日本語.example"]);
        check("bücher.example", &["bücher.example"]);
        check("", &[]);
    }

    #[test]
    fn words_without_blanks_are_parted_at_each_letter() {
        let check = |text: &str, want: &str| assert_eq!(spaced(text), want, "{text}");
        check("攻撃 of evil2.example", "攻 撃 of evil2.example");
        check("Net Bの", "Net B の");
        check("한국", "한 국");
        // Parts of one syllable stay together.
        check("\u{1112}\u{1161}\u{11ab}\u{1100}\u{116e}\u{11a8}", "\u{1112}\u{1161}\u{11ab} \u{1100}\u{116e}\u{11a8}");
        check("البنك", "البنك");
        check("plain", "plain");
    }
}
