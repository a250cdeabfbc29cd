//! Examples in the help of commands and in manual pages, so that they run as they are printed.

use std::io::{self, Write};
use std::mem::take;

use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

/// The line under which examples stand.
const HEADING: &str = "Examples:";
/// Help is wrapped at a hundred columns, also within quotation marks.
const COLUMNS_MAX: usize = 98;
/// What lines begin with that go on with a command.
const FURTHER: &str = "      ";

/// The same command line with long examples broken where a shell goes on reading.
pub(super) fn broken(command: Command) -> Command {
    let command = match command.get_after_help().map(ToString::to_string) {
        Some(help) => {
            let lines: Vec<String> = help.lines().map(line).collect();
            command.after_help(lines.join("\n"))
        }
        None => command,
    };
    command.mut_subcommands(broken)
}

/// A line of help. What is indented is an example; text is wrapped anywhere.
fn line(line: &str) -> String {
    if !line.starts_with("  ") {
        return line.to_owned();
    }
    let (mut whole, mut now) = (String::new(), String::new());
    for word in words(line) {
        let columns = now.chars().count() + word.trim_end().chars().count() + " \\".len();
        if columns > COLUMNS_MAX && !now.trim().is_empty() {
            whole.push_str(&format!("{} \\\n", take(&mut now).trim_end()));
            now.push_str(FURTHER);
        }
        now.push_str(word);
    }
    whole + &now
}

/// The words of a shell's line, each with the blanks around it: what stands between quotation marks is in one word.
fn words(line: &str) -> impl Iterator<Item = &str> {
    let mut quote = None;
    line.split_inclusive(move |at: char| {
        match (quote, at) {
            (None, '"' | '\'') => quote = Some(at),
            (Some(open), _) if open == at => quote = None,
            _ => {}
        }
        at == ' ' && quote.is_none()
    })
}

/// Writes the manual page of a command.
pub(super) fn page(command: Command, out: &mut dyn Write) -> io::Result<()> {
    let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let (text, examples) = help.split_once(HEADING).unwrap_or((&help, ""));
    let (has_commands, has_version) = (command.has_subcommands(), command.get_version().is_some());
    let man = Man::new(command);
    man.render_title(out)?;
    man.render_name_section(out)?;
    man.render_synopsis_section(out)?;
    man.render_description_section(out)?;
    if !text.trim().is_empty() {
        Roff::new().control("PP", []).text([roman(text.trim())]).to_writer(out)?;
    }
    man.render_options_section(out)?;
    if has_commands {
        man.render_subcommands_section(out)?;
    }
    if !examples.trim().is_empty() {
        // Lines stay as they are, and a shell's quotation marks and hyphens too.
        let mut roff = Roff::new();
        roff.control("SH", ["EXAMPLES"]).control("nf", []);
        for example in examples.trim_matches('\n').lines() {
            roff.text([bold(example.strip_prefix("  ").unwrap_or(example))]);
        }
        roff.control("fi", []).to_writer(out)?;
    }
    if has_version {
        man.render_version_section(out)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_examples_go_on_in_the_next_line() {
        let text = format!("  concert incident write 7 note text=\"{}\"", "by telephone ".repeat(4));
        assert_eq!(line(&format!("{text} --cost 5")), format!("{text} \\\n      --cost 5"));
        assert_eq!(line("  concert list"), "  concert list");
        let text = "words ".repeat(40);
        assert_eq!(line(&text), text, "what is no example is wrapped by whoever shows it");
    }

    #[test]
    fn examples_of_all_commands_fit_and_are_whole() {
        check(&crate::command::command_line());
    }

    fn check(command: &Command) {
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        for example in help.split_once(HEADING).map_or("", |(_, examples)| examples).lines() {
            assert!(example.chars().count() <= 100, "{} in the help of {} is cut", example, command.get_name());
            assert!(!example.contains("   (") && !example.contains("<<"), "no shell reads {example}");
        }
        command.get_subcommands().for_each(check);
    }

    #[test]
    fn manual_pages_keep_the_lines_of_examples() {
        let command = Command::new("it").after_help("Look first.\n\nExamples:\n  it 'a  b' --now\n  .hidden");
        let mut written = Vec::new();
        page(command, &mut written).unwrap();
        let text = String::from_utf8(written).unwrap();
        assert!(text.contains("Look first."), "{text}");
        assert!(text.contains(".SH EXAMPLES\n.nf\n"), "{text}");
        assert!(!text.contains("\n.hidden"), "{text}");
        assert!(!text.contains("EXTRA"), "{text}");
    }
}
