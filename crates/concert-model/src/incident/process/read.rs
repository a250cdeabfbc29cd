//! Reading a process from its file, with all mistakes at once.
//!
//! Each step is read whatever is wrong with those before it. Whether the steps make sense together is
//! looked at in `check.rs`.

use std::time::Duration;

use toml_edit::{Document, TableLike};

use super::super::content::Role;
use super::check;
use super::definition::{Kind, Meeting, Need, Phase, Process, Step, Track};
use crate::host::is_hidden;
use crate::keys::{Keys, Reading, Source};
use crate::problem::instead;
use crate::{Problem, taxonomy};

/// Longest file. It is written whole into the journal of each incident that follows it.
pub const FILE_BYTES_MAX: usize = 128 << 10;

/// Reads a process; the error is every mistake found, each with its place.
pub fn read(source: &Source) -> Result<Process, Vec<Problem>> {
    read_as(source, true)
}

/// Reads the process of a run that began, which goes on by what was allowed then.
pub fn read_begun(source: &Source) -> Result<Process, Vec<Problem>> {
    read_as(source, false)
}

fn read_as(source: &Source, is_new: bool) -> Result<Process, Vec<Problem>> {
    if source.text.len() > FILE_BYTES_MAX {
        let what = format!("a process of {} bytes is longer than {FILE_BYTES_MAX}", source.text.len());
        return Err(vec![Problem::new(what).at(source.name.clone()).hint("write instructions shorter")]);
    }
    let document = Document::parse(source.text.as_str()).map_err(|error| {
        let place = source.place(error.span().map_or(0, |span| span.start));
        vec![Problem::new(error.message().lines().collect::<Vec<_>>().join(", ")).at(place)]
    })?;
    let secrets = |_: &str, _: &str| Err("a process has no secrets".to_owned());
    let reading = Reading::new(&secrets);
    let process = {
        let files = vec![(source, document.as_table() as &dyn TableLike)];
        let mut keys = Keys::root(&reading, files).called("the process");
        let mut process = head(&mut keys, source);
        // One more than may be, so that it is told; a thousand more are not read for that.
        let tables = keys.tables("step").into_iter().take(check::STEPS_MAX + 1);
        let mut steps: Vec<(Step, Keys<'_>)> = tables.map(|keys| step(keys, is_new)).collect();
        check::check(&keys, &steps);
        keys.finish();
        steps.drain(..).for_each(|(step, keys)| {
            keys.finish();
            process.steps.push(step);
        });
        process
    };
    let mut problems = reading.finish().problems;
    if problems.is_empty() {
        return Ok(process);
    }
    // An empty file has no place in it.
    for problem in problems.iter_mut().filter(|problem| problem.place.is_empty()) {
        problem.place.clone_from(&source.name);
    }
    let name = format!("{}:", source.name);
    problems.sort_by_cached_key(|problem| {
        let mut place = problem.place.strip_prefix(&name).unwrap_or("0:0").split(':');
        let mut number = || place.next().and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
        (number(), number())
    });
    Err(problems)
}

/// A line that people read, which says what it seems to say.
fn line(keys: &mut Keys<'_>, name: &str, about: &str) -> String {
    let text = keys.require(name, about).unwrap_or_default();
    if text.chars().any(is_hidden) {
        let what = format!("`{name}` has control characters or marks of writing direction in it");
        keys.problem(name, what, "write it again by hand");
    }
    text
}

/// What is said of the whole process.
fn head(keys: &mut Keys<'_>, source: &Source) -> Process {
    let name = keys.require("name", "the word people use for the process: infected-host");
    if let Some(name) = name.as_ref().filter(|name| !is_word(name)) {
        keys.problem("name", format!("`{name}` is not a name of a process"), WORD_HINT);
    }
    let name = name.unwrap_or_default();
    let about = "the version: 1, and higher with each change";
    let version = keys.number_in("version", 1..=u64::from(u32::MAX), about);
    if !keys.has("version") {
        keys.missing("version", about);
    }
    let title = line(keys, "title", "what it is about, in a few words");
    let description = keys.require("description", "when to use it").unwrap_or_default();
    let types = keys.texts("for", "types of `classification.type` that it is meant for");
    if types.is_empty() && !keys.has("for") {
        keys.missing("for", "types of `classification.type` that it is meant for");
    }
    for (index, kind) in types.iter().enumerate() {
        if taxonomy::TYPES.iter().all(|(known, _)| known != kind) {
            let hint = hint(kind, taxonomy::TYPES.iter().map(|(known, _)| *known));
            keys.problem_item("for", index, format!("there is no classification type `{kind}`"), hint);
        }
    }
    let version = version.and_then(|version| u32::try_from(version).ok()).unwrap_or(1);
    Process { name, version, title, description, types, steps: Vec::new(), text: source.text.clone() }
}

/// One step, with its keys for mistakes that show later.
fn step(mut keys: Keys<'_>, is_new: bool) -> (Step, Keys<'_>) {
    let id = keys.require("id", "what other steps call it");
    if let Some(id) = id.as_ref().filter(|id| !is_word(id)) {
        keys.problem("id", format!("`{id}` is not an id of a step"), WORD_HINT);
    }
    let title = line(&mut keys, "title", "what is done, in a few words");
    let track = word(&mut keys, "track", Track::ALL, "response or investigation");
    let phase = word(&mut keys, "phase", Phase::ALL, "the phase of its track");
    if let (Some(track), Some(phase)) = (track, phase)
        && phase.track() != track
    {
        let own = Phase::ALL.iter().filter(|(_, phase)| phase.track() == track).map(|(word, _)| *word);
        let hint = format!("phases of {}: {}", track.word(), own.collect::<Vec<_>>().join(", "));
        let what = format!("`{}` is a phase of the other track, {}", phase.word(), phase.track().word());
        keys.problem("phase", what, hint);
    }
    let kind = word(&mut keys, "kind", Kind::ALL, "what kind of step it is").unwrap_or(Kind::Action);
    let roles: Vec<(&str, Role)> = Role::ALL.iter().map(|(role, word, _)| (*word, *role)).collect();
    let role = keys.choice_or("role", &roles, "", "the role that does it");
    let due = keys.duration("due", "how long it may take from when it became ready");
    let hold = keys.duration_or("hold_max", "24h", "how long the decision may be put off, from when it became ready");
    if is_new && due.is_some_and(|due| due.is_zero()) {
        let what = "`due` is no time at all: nobody could do anything in it";
        keys.problem("due", what, "due = \"4h\"");
    }
    let step = Step {
        id: id.unwrap_or_default(),
        title,
        track: track.unwrap_or(Track::Response),
        phase: phase.unwrap_or(Phase::Detect),
        kind,
        role,
        due_seconds: due.map(seconds),
        needs: keys
            .texts("needs", "steps that must be settled before: \"identify\", \"decide=yes\"")
            .iter()
            .map(|text| Need::read(text))
            .collect(),
        outcomes: keys.texts("outcomes", "how a decision can end"),
        back: keys.pairs("back", "outcomes that go back, and to which step"),
        default: keys.text("default", "the outcome that comes into force when `due` has passed"),
        hold_seconds_max: seconds(hold),
        text: keys.text_or("text", "", "instructions that a person on duty can follow").trim().to_owned(),
        produces: keys.texts("produces", "what there is when it is done"),
        meets: keys.choice_or(
            "meets",
            &Meeting::ALL.iter().map(|(word, point)| (*word, *point)).collect::<Vec<_>>(),
            "",
            "the meeting point of both tracks that it is",
        ),
    };
    (step, keys)
}

/// One of some words, which must be given.
fn word<T: Copy>(keys: &mut Keys<'_>, name: &str, words: &[(&str, T)], about: &str) -> Option<T> {
    if !keys.has(name) {
        keys.missing(name, about);
    }
    keys.choice_or(name, words, "", about)
}

/// The word that was meant, or all there are.
pub(super) fn hint<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> String {
    instead(word, &known.collect::<Vec<_>>())
}

/// What to write instead of what is no word.
pub const WORD_HINT: &str = "write small letters, digits and hyphens, and begin with a letter: infected-host";
/// Longest name and id.
const WORD_BYTES_MAX: usize = 60;

/// Whether it is a word in kebab case.
pub fn is_word(text: &str) -> bool {
    let is_part =
        |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    text.len() <= WORD_BYTES_MAX && text.starts_with(|c: char| c.is_ascii_lowercase()) && text.split('-').all(is_part)
}

fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}
