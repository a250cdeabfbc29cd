//! File names from outside, made harmless.

use super::super::text::is_hidden;

/// Longest name, in letters.
const NAME_CHARS_MAX: usize = 200;
/// Longest name of a file in a bag, without its number.
const FILE_CHARS_MAX: usize = 100;
/// What is called by nothing.
const NAMELESS: &str = "unnamed";

/// A name as it stands in an entry: without folders, control characters and marks of writing direction.
pub fn harmless(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).find(|part| !part.trim().is_empty()).unwrap_or_default();
    let kept: String = last.chars().filter(|c| !is_hidden(*c)).collect();
    let kept = capped(kept.trim(), NAME_CHARS_MAX);
    if kept.chars().all(|c| c == '.') { NAMELESS.to_owned() } else { kept }
}

/// Keeps the ending, by which people and programs know what it is.
fn capped(name: &str, most: usize) -> String {
    let count = name.chars().count();
    if count <= most {
        return name.to_owned();
    }
    let ending: String = name.rsplit_once('.').map(|(_, ending)| format!(".{ending}")).unwrap_or_default();
    let ending = if ending.chars().count() <= most / 4 { ending } else { String::new() };
    name.chars().take(most - ending.chars().count()).chain(ending.chars()).collect()
}

/// The name of a file in a bag: a number, so that no two are the same and none is a device or an option, and
/// letters that every file system writes in the same way.
pub(super) fn in_bag(number: usize, name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' };
    let name: String = harmless(name).chars().map(plain).collect();
    let name = capped(&name, FILE_CHARS_MAX);
    // Some systems drop dots at the end.
    format!("{number:04}-{}", name.trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_from_outside_stay_in_their_folder() {
        let check = |given: &str, entry: &str, file: &str| {
            assert_eq!((harmless(given).as_str(), in_bag(7, given).as_str()), (entry, file), "{given:?}");
        };
        check("report.pdf", "report.pdf", "0007-report.pdf");
        check("../../x", "x", "0007-x");
        check("/etc/passwd", "passwd", "0007-passwd");
        check("C:\\Windows\\cmd.exe", "cmd.exe", "0007-cmd.exe");
        check("CON", "CON", "0007-CON");
        check("a\nb\r%0A.txt", "ab%0A.txt", "0007-ab_0A.txt");
        check("..", NAMELESS, "0007-unnamed");
        check("x/", "x", "0007-x");
        check("", NAMELESS, "0007-unnamed");
        check("invoice\u{202e}fdp.exe", "invoicefdp.exe", "0007-invoicefdp.exe");
        check("Übersicht 1.csv", "Übersicht 1.csv", "0007-_bersicht_1.csv");
        check("dots...", "dots...", "0007-dots");
        let long = format!("{}.tar", "ü".repeat(1000));
        assert_eq!(harmless(&long).chars().count(), NAME_CHARS_MAX);
        assert!(harmless(&long).ends_with("ü.tar") && in_bag(1, &long).len() == FILE_CHARS_MAX + 5);
    }
}
