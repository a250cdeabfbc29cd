//! Pictures of a process: text for a terminal, Mermaid for a page, SVG for paper.
//!
//! The same arrows are drawn in each: needs that others imply are left out, so that a picture shows how
//! steps follow each other and not all that is true.

mod arrows;
mod layout;
mod mermaid;
mod outline;
mod place;
mod svg;

pub use mermaid::mermaid;
pub use outline::outline;
pub use svg::svg;

use super::definition::Step;

/// Text without what a terminal or a parser would take for a command, on one line.
fn plain(text: &str) -> String {
    let mut words = text.split(|letter: char| letter.is_whitespace() || letter.is_control()).filter(|w| !w.is_empty());
    let mut line = words.next().unwrap_or_default().to_owned();
    for word in words {
        line.push(' ');
        line.push_str(word);
    }
    line
}

/// Breaks a text into lines of at most so many letters; a longer word stands alone.
fn wrap(text: &str, letters_max: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in plain(text).split(' ').filter(|word| !word.is_empty()) {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= letters_max => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Who does a step and by when, in a line: `lead-investigator, 4h, then contain`.
fn who_and_when(step: &Step) -> String {
    let default = step.default.as_ref().map(|outcome| format!("then {outcome}"));
    let parts = [step.role_word().to_owned(), step.due_text(), plain(&default.unwrap_or_default())];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
}
