//! A process as a Mermaid flow chart, which wikis and code hosts draw.

use super::super::definition::{Kind, Process, Step, Track};
use super::arrows::arrows;
use super::{plain, who_and_when};

/// The flow chart. Text of the process is harmless in it.
pub fn mermaid(process: &Process) -> String {
    let mut text = format!("%% {}, version {}\nflowchart TB\n", plain(&process.name), process.version);
    for (track, title) in [(Track::Response, "Response"), (Track::Investigation, "Investigation")] {
        text.push_str(&format!("  subgraph {} [{title}]\n", track.word()));
        for step in process.steps.iter().filter(|step| step.track == track) {
            text.push_str(&format!("    {}{}\n", node(process, &step.id), shape(step)));
        }
        text.push_str("  end\n");
    }
    for arrow in arrows(process) {
        let (from, to) = (node(process, arrow.from), node(process, arrow.to));
        text.push_str(&match (arrow.is_back, arrow.label) {
            (true, label) => format!("  {from} -. \"{}\" .-> {to}\n", escape(label)),
            (false, "") => format!("  {from} --> {to}\n"),
            (false, label) => format!("  {from} -- \"{}\" --> {to}\n", escape(label)),
        });
    }
    let meeting: Vec<String> =
        process.steps.iter().filter(|step| step.meets.is_some()).map(|step| node(process, &step.id)).collect();
    if !meeting.is_empty() {
        text.push_str("  classDef meets stroke:#b45309,stroke-width:3px\n");
        text.push_str(&format!("  class {} meets\n", meeting.join(",")));
    }
    text
}

/// Steps are numbered: an id such as `end` is a word of Mermaid.
fn node(process: &Process, id: &str) -> String {
    let place = process.steps.iter().position(|step| step.id == id).unwrap_or_default();
    format!("s{}", place + 1)
}

fn shape(step: &Step) -> String {
    let meets = step.meets.map(|point| format!("◆ {}", point.word())).unwrap_or_default();
    let lines = [plain(&step.title), who_and_when(step), meets];
    let lines: Vec<String> = lines.iter().filter(|line| !line.is_empty()).map(|line| escape(line)).collect();
    let label = lines.join("<br/>");
    match step.kind {
        Kind::Decision => format!("{{{{\"{label}\"}}}}"),
        Kind::Parallel => format!("([\"{label}\"])"),
        Kind::Wait => format!("[/\"{label}\"/]"),
        Kind::Action | Kind::Message | Kind::Evidence => format!("[\"{label}\"]"),
    }
}

fn escape(text: &str) -> String {
    let mut out = String::new();
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("#quot;"),
            '<' => out.push_str("#lt;"),
            '>' => out.push_str("#gt;"),
            '&' => out.push_str("#amp;"),
            '#' => out.push_str("#35;"),
            '`' => out.push_str("#96;"),
            '\\' => out.push_str("#92;"),
            other => out.push(other),
        }
    }
    out
}
