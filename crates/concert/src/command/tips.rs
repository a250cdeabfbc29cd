//! What to write instead of an option that is not there.
//!
//! The tips of the parser of the command line go by likeness alone: `incident open --title x` is told `--site`. Here a
//! value that stands without an option comes first, then an option that is nearly the same or holds the word; of what
//! else is alike nothing is said.

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command, Error};
use concert_model::problem::nearest;

/// Shorter names are like anything.
const LETTERS_MIN: usize = 4;

/// The same error with a better tip, or with none.
pub(super) fn mended(mut error: Error, command: &mut Command, words: &[String]) -> Error {
    if error.kind() != ErrorKind::UnknownArgument {
        return error;
    }
    let Some(ContextValue::String(option)) = error.get(ContextKind::InvalidArg) else { return error };
    let Some(option) = option.strip_prefix("--").map(|option| option.split('=').next().unwrap_or(option).to_owned())
    else {
        return error;
    };
    command.build();
    let below = asked_for(command, words);
    error.remove(ContextKind::SuggestedArg);
    error.remove(ContextKind::Suggested);
    error.insert(ContextKind::Usage, ContextValue::StyledStr(below.clone().render_usage()));
    match tip(below, &option) {
        Some(Tip::Option(name)) => {
            error.insert(ContextKind::SuggestedArg, ContextValue::String(format!("--{name}")));
        }
        Some(Tip::Place(name)) => {
            let text = format!("it is written without an option, in the place of <{name}>");
            error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![text.into()]));
        }
        None => {}
    }
    error
}

#[derive(Debug, PartialEq, Eq)]
enum Tip {
    /// An option of this name.
    Option(String),
    /// A value that stands by itself.
    Place(String),
}

/// The command that these words ask for.
fn asked_for<'c>(command: &'c Command, words: &[String]) -> &'c Command {
    let mut found = command;
    for word in words {
        if word.starts_with('-') {
            continue;
        }
        if let Some(below) = found.find_subcommand(word) {
            found = below;
        }
    }
    found
}

fn tip(command: &Command, option: &str) -> Option<Tip> {
    let word = option.to_ascii_lowercase();
    let is_name = |name: &str| name.to_ascii_lowercase() == word;
    let mut places = command.get_positionals().filter_map(Arg::get_value_names).flatten();
    if let Some(name) = places.find(|name| is_name(name) || is_name(&format!("{name}s"))) {
        return Some(Tip::Place(name.to_string()));
    }
    let named = |is_global: bool| {
        let options = command.get_arguments().filter(move |arg| !arg.is_hide_set() && arg.is_global_set() == is_global);
        options.filter_map(Arg::get_long).filter(|name| name.len() >= LETTERS_MIN)
    };
    let own =
        nearest(&word, named(false)).or_else(|| named(false).find(|name| name.split('-').any(|part| part == word)));
    // What every command takes is meant only where it is misspelt.
    let common = || nearest(&word, named(true)).filter(|name| name.get(..1) == word.get(..1));
    own.or_else(common).map(|name| Tip::Option(name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::command_line;

    /// What is told of a command line with a wrong option.
    fn told(line: &str) -> String {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let mut command = command_line();
        let all = std::iter::once("concert".to_owned()).chain(words.clone());
        let error = command.try_get_matches_from_mut(all).unwrap_err();
        mended(error, &mut command, &words).to_string()
    }

    #[test]
    fn wrong_options_are_told_what_is_meant_or_nothing() {
        let check = |line: &str, want: Option<&str>| {
            let told = told(line);
            assert!(told.starts_with("error: unexpected argument"), "{told}");
            let tip = told.lines().find_map(|line| line.trim().strip_prefix("tip: "));
            assert_eq!(tip, want, "{told}");
        };
        let place = |name: &str| format!("it is written without an option, in the place of <{name}>");
        check("incident open --title x", Some(&place("TITLE")));
        check("sql --query x", Some(&place("QUERY")));
        check("evidence add --files x", Some(&place("FILE")));
        check("events --condition x", Some(&place("CONDITION")));
        check("events --asn 5", None);
        check("events --limits 5", Some("a similar argument exists: '--limit'"));
        check("notice list --status failed", Some("a similar argument exists: '--state'"));
        check("token create --name x", None);
        check("backup --out x", None);
        check("who --ip 192.0.2.1", None);
        check("feed list --sites x", Some("a similar argument exists: '--site'"));
        check("run --foreground", None);
    }

    #[test]
    fn the_usage_is_that_of_the_command() {
        let told = told("incident open --title x");
        assert!(told.contains("Usage: concert incident open [OPTIONS] --"), "{told}");
        assert!(!told.contains("--site"), "{told}");
    }
}
