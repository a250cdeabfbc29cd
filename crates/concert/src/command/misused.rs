//! Wrong usage for whoever reads the log as objects (`--log-format json`): one object as well, where people get a text of
//! several paragraphs.
//!
//! The command line could not be read, so whether it asks for objects is looked up in its words.

use clap::error::ErrorKind;
use concert_model::Problem;

use crate::problems::Failure;

/// The option that says how log lines are written, and its value for objects.
const OPTION: &str = "--log-format";
const OBJECTS: &str = "json";

/// Whether these words of a command line ask for a log of objects. The last option of several holds.
pub(super) fn wants_objects(words: &[String]) -> bool {
    let mut wanted = false;
    let mut words = words.iter().take_while(|word| *word != "--");
    while let Some(word) = words.next() {
        match word.strip_prefix(OPTION) {
            Some("") => wanted = words.next().is_some_and(|value| value == OBJECTS),
            Some(value) if value.starts_with('=') => wanted = value.strip_prefix('=') == Some(OBJECTS),
            _ => {}
        }
    }
    wanted
}

/// What is wrong in the usage, and what to write instead.
pub(super) fn failure(error: &clap::Error) -> Failure {
    let text = error.render().to_string();
    let is_told_help = error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
    if is_told_help {
        let usage = text.lines().find(|line| line.starts_with("Usage:")).unwrap_or_default();
        return Failure::usage(Problem::new("a command, or what it is about, is missing").hint(usage));
    }
    let mut paragraphs = text.split("\n\n").map(on_one_line).filter(|paragraph| !paragraph.is_empty());
    let first = paragraphs.next().unwrap_or_default();
    let what = first.strip_prefix("error: ").unwrap_or(&first);
    Failure::usage(Problem::new(what).hint(paragraphs.collect::<Vec<_>>().join("; ")))
}

fn on_one_line(paragraph: &str) -> String {
    paragraph.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whether_objects_are_wanted_is_found_in_the_words() {
        let check = |line: &str, want: bool| {
            let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            assert_eq!(wants_objects(&words), want, "{line}");
        };
        check("feed list --log-format json --wrong", true);
        check("feed list --log-format=json --wrong", true);
        check("--log-format text feed list --log-format json", true);
        check("--log-format json feed list --log-format text", false);
        check("feed list --log-format", false);
        check("feed list --log-formats json", false);
        check("feed list -- --log-format json", false);
        check("feed list json", false);
    }

    #[test]
    fn a_mistake_is_one_line_and_says_what_to_write() {
        let told = |words: &[&str]| {
            let error = crate::command::command_line().try_get_matches_from(words).unwrap_err();
            let failure = failure(&error);
            assert_eq!(failure.exit.code(), 2);
            let Problem { what, hint, .. } = failure.problems[0].clone();
            assert!(!format!("{what}{hint}").contains('\n'), "{what} {hint}");
            (what, hint)
        };
        let (what, hint) = told(&["concert", "feed", "show"]);
        assert!(what.starts_with("the following required arguments were not provided: "), "{what}");
        assert!(hint.contains("Usage: concert feed show"), "{hint}");
        let (what, hint) = told(&["concert", "feed"]);
        assert_eq!(what, "a command, or what it is about, is missing");
        assert!(hint.starts_with("Usage: concert feed"), "{hint}");
    }
}
