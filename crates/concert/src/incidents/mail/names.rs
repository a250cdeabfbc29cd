//! Whether a text names somebody, whatever way the name is written in: case, spaces, hyphens and line breaks, accents
//! and other marks, wide and joined letters make no difference.
//!
//! All names are looked for together, so that a text is read once, however many hosts an incident has. Letters of other
//! scripts that only look alike are others. Of an address each part stands for itself: 10.1.21.1 is not 10.1.2.1, but it
//! is 10.01.002.1 and stands in `host10.1.2.1`. In scripts without blanks between words a name may begin and end anywhere.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

use concert_model::script;
use icu_normalizer::DecomposingNormalizerBorrowed;

/// The letters and digits of a text, and where among them words begin and end.
pub(in crate::incidents) struct Folded {
    letters: String,
    /// In order, each once.
    edges: Vec<usize>,
    /// Where digits and letters touch, likewise: there an address may begin and end.
    touching: Vec<usize>,
}

impl Folded {
    pub(in crate::incidents) fn of(text: &str) -> Self {
        // Marks stand alone then, and are no letters.
        let plain = match text.is_ascii() {
            true => Cow::Borrowed(text),
            false => DecomposingNormalizerBorrowed::new_nfkd().normalize(text),
        };
        let mut folded = Self { letters: String::with_capacity(plain.len()), edges: vec![0], touching: Vec::new() };
        for word in plain.split(|c: char| !c.is_alphanumeric()) {
            folded.add(word);
            if folded.edges.last() != Some(&folded.letters.len()) {
                folded.edges.push(folded.letters.len());
            }
        }
        folded
    }

    fn add(&mut self, word: &str) {
        let mut last: Option<char> = None;
        let mut left = word.chars().peekable();
        while let Some(c) = left.next() {
            // Numbers are the same with zeros before them.
            let is_inside = last.is_some_and(|last| last.is_ascii_digit());
            if c == '0' && !is_inside && left.peek().is_some_and(char::is_ascii_digit) {
                continue;
            }
            let at = self.letters.len();
            if last.is_some_and(|last| script::may_part(last, c)) {
                self.edges.push(at);
            } else if last.is_some_and(|last| last.is_ascii_digit() != c.is_ascii_digit()) {
                self.touching.push(at);
            }
            // By way of upper case, as `ß` and `SS` are the same, and each sigma.
            self.letters.extend(c.to_uppercase().flat_map(char::to_lowercase));
            last = Some(c);
        }
    }

    /// Whether a word begins or ends there, or a number.
    fn has_edge(&self, at: usize, of_address: bool) -> bool {
        self.edges.binary_search(&at).is_ok() || of_address && self.touching.binary_search(&at).is_ok()
    }
}

/// A name, and where in its letters a word must end: nowhere, but in addresses after each part.
struct Name<'n> {
    name: &'n str,
    is_address: bool,
    parts: Vec<usize>,
}

/// Names that are looked for.
#[derive(Default)]
pub(in crate::incidents) struct Names<'n> {
    /// By their letters, which several addresses may share.
    folded: HashMap<String, Vec<Name<'n>>>,
    lengths: BTreeSet<usize>,
}

impl<'n> FromIterator<&'n str> for Names<'n> {
    fn from_iter<I: IntoIterator<Item = &'n str>>(names: I) -> Self {
        let mut all = Self::default();
        for name in names {
            let Folded { letters, edges, .. } = Folded::of(name);
            // What has no letters is in no text.
            if !letters.is_empty() {
                all.lengths.insert(letters.len());
                let is_address = name.parse::<IpAddr>().is_ok();
                let parts = if is_address { edges } else { Vec::new() };
                all.folded.entry(letters).or_default().push(Name { name, is_address, parts });
            }
        }
        all
    }
}

impl<'n> Names<'n> {
    /// The first of them that stands in a text as words of their own.
    pub(in crate::incidents) fn first_in(&self, text: &Folded) -> Option<&'n str> {
        let first = |begins: &[usize]| begins.iter().find_map(|begin| self.at(text, *begin));
        first(&text.edges).or_else(|| first(&text.touching))
    }

    /// The name that begins there in a text.
    fn at(&self, text: &Folded, begin: usize) -> Option<&'n str> {
        self.lengths.iter().find_map(|length| {
            let end = begin + length;
            let is_there = |one: &&Name<'_>| {
                let has_edge = |at: usize| text.has_edge(at, one.is_address);
                has_edge(begin) && has_edge(end) && one.parts.iter().all(|at| has_edge(begin + at))
            };
            // Most lengths end within a word: no letters are looked for then.
            let words = text.letters.get(begin..end).filter(|_| text.has_edge(end, true))?;
            self.folded.get(words)?.iter().find(is_there).map(|one| one.name)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str, name: &str) -> bool {
        [name].into_iter().collect::<Names<'_>>().first_in(&Folded::of(text)).is_some()
    }

    #[test]
    fn a_name_is_recognised_however_it_is_written() {
        for written in [
            "Example Soft",
            "example soft",
            "Example\nSoft",
            "EXAMPLE-SOFT",
            "(Example  Soft)",
            "ExampleSoft's",
            "Ｅｘａｍｐｌｅ Ｓｏｆｔ",
            "E\u{301}xample So\u{308}ft",
            "Exam\u{ad}ple So\u{200b}ft",
            "𝐄𝐱𝐚𝐦𝐩𝐥𝐞 Soft",
        ] {
            assert!(names(&format!("Ask {written}, please"), "Example Soft"), "{written}");
        }
        for other in ["Example Software", "An example of soft", "Examples soft", "Counterexample soft", ""] {
            assert!(!names(other, "Example Soft"), "{other}");
        }
        let both = |a: &str, b: &str| {
            assert!(names(&format!("to {a}."), b) && names(&format!("to {b}."), a), "{a} {b}");
        };
        both("ÄMTER", "ämter");
        both("Café Zürich", "Cafe\u{301} Zu\u{308}rich");
        both("Große Straße", "GROSSE STRASSE");
        both("Oﬃce", "OFFICE");
        both("ΟΔΟΣ", "οδος");
        both("ﾃﾚｺﾑ", "テレコム");
        both("한국 통신", "\u{1112}\u{1161}\u{11ab}\u{1100}\u{116e}\u{11a8} 통신");
        both("192.0.2.7", "１９２．０．２．７");
        assert!(!names("anything", "---"), "a name without letters is in no text");
    }

    #[test]
    fn a_name_is_recognised_where_no_blank_stands_around_it() {
        for (text, name) in [
            ("日本ネットのホスト", "日本ネット"),
            ("Net Bのホスト", "Net B"),
            ("เซิร์ฟเวอร์ของการไฟฟ้าถูกโจมตี", "การไฟฟ้า"),
            ("联系web.victim-b.example的人", "web.victim-b.example"),
            ("한국통신의 서버", "한국통신"),
            ("ラボNet B", "net b"),
            ("لدى Net B", "Net B"),
            ("وNet B", "Net B"),
        ] {
            assert!(names(text, name), "{text} {name}");
        }
        for (text, name) in [("Net B2のホスト", "Net B"), ("각", "가"), ("Netz Bの", "Net B")] {
            assert!(!names(text, name), "{text} {name}");
        }
    }

    #[test]
    fn an_address_is_recognised_by_its_parts() {
        for written in [
            "10.1.2.1",
            "10-1-2-1",
            "10 . 1 . 2 . 1",
            "host-10-1-2-1.example",
            "(10.1.2.1)",
            "10.01.002.001",
            "host10.1.2.1",
            "10.1.2.1x",
            "ip10.1.2.1and",
            "サーバー10.1.2.1を隔離",
            "서버10.1.2.1을",
        ] {
            assert!(names(written, "10.1.2.1"), "{written}");
        }
        for other in ["10.1.21.1", "10.12.1.1", "101.2.1.7", "10.1.2.10", "10121"] {
            assert!(!names(other, "10.1.2.1"), "{other}");
        }
        assert!(names("2001:db8::1", "2001:db8::1") && !names("2001:db:81::", "2001:db8::1"));
        // These have the same digits.
        let both: Names<'_> = ["10.1.21.1", "10.12.1.1"].into_iter().collect();
        for one in ["10.1.21.1", "10.12.1.1"] {
            assert_eq!(both.first_in(&Folded::of(one)), Some(one));
        }
    }

    #[test]
    fn the_first_of_many_names_is_told() {
        let many: Vec<String> = (0..2_000).map(|at| format!("host-{at}.example")).collect();
        let all: Names<'_> = many.iter().map(String::as_str).collect();
        let found = |text: &str| all.first_in(&Folded::of(text));
        assert_eq!(found("between host-1999.example and host-7.example"), Some("host-1999.example"));
        assert_eq!(found("HOST 7 EXAMPLE"), Some("host-7.example"));
        assert_eq!(found("host-2000.example, ghost-7.example, host-7.examples"), None);
        assert_eq!(Names::default().first_in(&Folded::of("host-7.example")), None);
    }
}
