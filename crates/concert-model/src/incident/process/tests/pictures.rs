//! Pictures of a small process, and of hostile text.

use super::story::read;
use crate::incident::process::Process;
use crate::incident::process::picture::{mermaid, outline, svg};
use crate::incident::process::shipped;

fn small() -> Process {
    read(
        r#"
name = "tiny"
version = 2
title = "Tiny"
description = "For tests."
for = ["test"]
step = [
  { id = "see", title = "Is it <real>?", track = "response", phase = "detect", kind = "decision", role = "coordinator", due = "90m", outcomes = ["yes", "no"], back = { no = "see" }, text = "See whether it is." },
  { id = "look", title = "Look \"twice\"", track = "investigation", phase = "collect", kind = "evidence", role = "investigator", due = "1d", needs = ["see=yes"], produces = ["a copy"], text = "Look at it." },
  { id = "end", title = "Close", track = "response", phase = "close", kind = "action", role = "coordinator", needs = ["see", "look"], meets = "closing", text = "Close it." },
]
"#,
    )
}

#[test]
fn a_process_as_mermaid() {
    let want = r#"%% tiny, version 2
flowchart TB
  subgraph response [Response]
    s1{{"Is it #lt;real#gt;?<br/>coordinator, 90m"}}
    s3["Close<br/>coordinator<br/>◆ closing"]
  end
  subgraph investigation [Investigation]
    s2["Look #quot;twice#quot;<br/>investigator, 1d"]
  end
  s1 -. "no" .-> s1
  s1 -- "yes" --> s2
  s2 --> s3
  classDef meets stroke:#b45309,stroke-width:3px
  class s3 meets
"#;
    assert_eq!(mermaid(&small()), want);
}

#[test]
fn a_process_as_text() {
    let want = "\
Tiny (tiny, version 2)
======================

For tests.
For: test

1. Is it <real>? [see]
   response, detect: decision, coordinator, 90m
   See whether it is.
   Outcomes: yes, no (back to see)

2. Look \"twice\" [look]
   investigation, collect: evidence, investigator, 1d
   after see=yes
   Look at it.
   Gives: a copy

3. Close [end]
   response, close: action, coordinator
   after see, look
   meeting point: closing
   Close it.
";
    assert_eq!(outline(&small()), want);
}

#[test]
fn a_process_as_svg() {
    let drawn = svg(&small());
    // What stands above is style and arrow head, the same in every picture.
    let (_, drawn) = drawn.split_once("</defs>\n").unwrap();
    let want = r##"<rect x="-16" width="756" height="429" fill="#fff"/>
<text class="head" x="0" y="36" text-anchor="start">Tiny, version 2</text>
<rect x="0" y="56" width="352" height="357" rx="8" fill="#eff6ff"/>
<text class="lane" x="14" y="80" text-anchor="start">Response</text>
<rect x="372" y="56" width="352" height="357" rx="8" fill="#f0fdf4"/>
<text class="lane" x="386" y="80" text-anchor="start">Investigation</text>
<path class="line" d="M176 154C176 182 548 182 548 211" marker-end="url(#tip)"/>
<path class="line" d="M548 262C548 290 176 290 176 319" marker-end="url(#tip)"/>
<path class="line back" d="M78 154V168H12V90H78V103" marker-end="url(#tip)"/>
<path d="M56 129L66 104H286L296 129L286 154H66z" fill="#fff" stroke="#6b7280" stroke-width="1"/>
<text class="title" x="176" y="125" text-anchor="middle">Is it &lt;real&gt;?</text>
<text class="who" x="176" y="142" text-anchor="middle">coordinator, 90m</text>
<rect x="428" y="212" width="240" height="50" rx="5" fill="#fff" stroke="#6b7280" stroke-width="1"/>
<text class="title" x="548" y="233" text-anchor="middle">Look &quot;twice&quot;</text>
<text class="who" x="548" y="250" text-anchor="middle">evidence: investigator, 1d</text>
<rect x="56" y="320" width="240" height="67" rx="5" fill="#fff" stroke="#b45309" stroke-width="2"/>
<text class="title" x="176" y="341" text-anchor="middle">Close</text>
<text class="who" x="176" y="358" text-anchor="middle">coordinator</text>
<text class="meets" x="176" y="375" text-anchor="middle">◆ closing</text>
<text class="label" x="424" y="190" text-anchor="middle">yes</text>
<text class="label" x="70" y="172" text-anchor="end">no</text>
</svg>
"##;
    assert_eq!(drawn, want);
}

#[test]
fn hostile_text_is_inert_in_every_picture() {
    let mut process = small();
    let hostile = "\"]; click s1 \"x\" </text><script>alert('1')</script> & `b` #x; \u{1b}[31m\n--> s9";
    process.title = hostile.into();
    process.description = hostile.into();
    for step in &mut process.steps {
        step.title = hostile.into();
        step.text = hostile.into();
        step.produces = vec![hostile.into()];
    }
    let (svg, mermaid, outline) = (svg(&process), mermaid(&process), outline(&process));
    assert!(!svg.contains("<script") && !svg.contains("& ") && !svg.contains('\u{1b}'), "{svg}");
    let labels = mermaid.lines().filter(|line| line.contains("click"));
    assert_eq!(labels.count(), 3);
    for line in mermaid.lines().filter(|line| line.contains("click")) {
        assert_eq!(
            (line.matches('"').count(), line.contains("<script"), line.contains('`')),
            (2, false, false),
            "{line}"
        );
    }
    assert!(!mermaid.contains('\u{1b}') && !outline.contains('\u{1b}'));
}

/// Boxes do not overlap, in any shipped process.
#[test]
fn boxes_stand_apart() {
    for process in shipped() {
        let drawn = svg(&process);
        let number = |line: &str, name: &str| -> Option<i64> {
            line.split_once(&format!(" {name}=\""))?.1.split('"').next()?.parse().ok()
        };
        let boxes: Vec<[i64; 4]> = drawn
            .lines()
            .filter(|line| line.starts_with("<rect") && line.contains("stroke="))
            .filter_map(|line| {
                Some([number(line, "x")?, number(line, "y")?, number(line, "width")?, number(line, "height")?])
            })
            .collect();
        assert!(boxes.len() > 5, "{}", process.name);
        for (index, a) in boxes.iter().enumerate() {
            for b in &boxes[index + 1..] {
                let apart = a[0] + a[2] <= b[0] || b[0] + b[2] <= a[0] || a[1] + a[3] <= b[1] || b[1] + b[3] <= a[1];
                assert!(apart, "{}: {a:?} {b:?}", process.name);
            }
        }
    }
}
