//! A process as a site or a peer wrote it: reading it ends, mistakes have places, and one without mistakes
//! can be drawn in every form, read again, and followed from its start to a step that is ready.
#![no_main]

use concert_model::Time;
use concert_model::incident::Incident;
use concert_model::incident::process::run::Run;
use concert_model::incident::process::{Known, Progress, State, cacao, picture, read};
use concert_model::keys::Source;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let process = match read(&Source { name: "p.toml".into(), text: text.to_owned() }) {
        Ok(process) => process,
        Err(problems) => {
            assert!(!problems.is_empty() && problems.iter().all(|problem| problem.place.starts_with("p.toml")));
            return;
        }
    };
    let svg = picture::svg(&process);
    assert!(svg.ends_with("</svg>\n") && !svg.contains('\u{1b}'));
    assert!(!picture::outline(&process).contains('\u{1b}') && !picture::mermaid(&process).contains('\u{1b}'));
    assert!(cacao(&process, Time(0))["workflow"].is_object());
    let start = process.start("r", "");
    let run = Run { name: start.name, version: start.version, definition: start.definition, ..Run::default() };
    assert_eq!(run.process().as_deref(), Ok(&process));
    let incident = Incident::default();
    let known = Known { now: Time(0), open_custody: 0 };
    let progress = Progress::of(&process, &run, &incident, known);
    assert!(progress.ended().is_none(), "it ended before it began");
    assert!(progress.steps().any(|(_, state)| matches!(state, State::Ready { .. })), "nothing is ready");
});
