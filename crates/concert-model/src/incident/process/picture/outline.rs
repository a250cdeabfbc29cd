//! A process as plain text, for a terminal at night.

use super::super::definition::{Kind, Process, Step};
use super::{plain, who_and_when, wrap};

/// Letters in a line.
const WIDTH: usize = 96;

/// What the process is for, then its steps in the order of the file.
pub fn outline(process: &Process) -> String {
    let head = format!("{} ({}, version {})", plain(&process.title), plain(&process.name), process.version);
    let mut text = format!("{head}\n{}\n\n", "=".repeat(head.chars().count()));
    paragraph(&mut text, "", &process.description);
    let types: Vec<String> = process.types.iter().map(|kind| plain(kind)).collect();
    paragraph(&mut text, "", &format!("For: {}", types.join(", ")));
    for (index, step) in process.steps.iter().enumerate() {
        text.push('\n');
        write_step(&mut text, index + 1, step);
    }
    text
}

fn write_step(text: &mut String, number: usize, step: &Step) {
    text.push_str(&format!("{number}. {} [{}]\n", plain(&step.title), plain(&step.id)));
    let kind = if step.kind == Kind::Parallel { "begins at once" } else { step.kind.word() };
    let who = who_and_when(step);
    let comma = if who.is_empty() { "" } else { ", " };
    paragraph(text, "   ", &format!("{}, {}: {kind}{comma}{who}", step.track.word(), step.phase.word()));
    if !step.needs.is_empty() {
        let needs: Vec<String> = step.needs.iter().map(ToString::to_string).collect();
        paragraph(text, "   ", &format!("after {}", needs.join(", ")));
    }
    if let Some(point) = step.meets {
        paragraph(text, "   ", &format!("meeting point: {}", point.word()));
    }
    paragraph(text, "   ", &step.text);
    if !step.outcomes.is_empty() {
        let outcome = |outcome: &String| match step.back_to(outcome) {
            Some(target) => format!("{outcome} (back to {target})"),
            None => outcome.clone(),
        };
        let outcomes: Vec<String> = step.outcomes.iter().map(outcome).collect();
        paragraph(text, "   ", &format!("Outcomes: {}", outcomes.join(", ")));
    }
    if !step.produces.is_empty() {
        paragraph(text, "   ", &format!("Gives: {}", step.produces.join("; ")));
    }
}

fn paragraph(text: &mut String, indent: &str, words: &str) {
    for line in wrap(words, WIDTH - indent.len()) {
        text.push_str(indent);
        text.push_str(&line);
        text.push('\n');
    }
}
