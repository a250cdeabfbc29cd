//! How runs of processes stand and what was counted of them, as JSON for commands and the API.

use concert_model::Time;
use concert_model::incident::content::{Answer, Verdict};
use concert_model::incident::fold::Incident;
use concert_model::incident::process::numbers::{Numbers, StepNumbers};
use concert_model::incident::process::run::Run;
use concert_model::incident::process::{Progress, State, Step};
use serde_json::{Map, Value, json};

use super::known;
use super::text::word;

/// The runs of an incident, each with its steps, what was answered to the closing questions, and what was
/// written and changed nothing.
pub fn progress_json(state: &Incident, now: Time) -> Vec<Value> {
    state.runs.iter().map(|(name, run)| run_json(name, run, state, now)).collect()
}

/// The steps of runs, each in a row, with the run it belongs to. A run that cannot be read is a row without a step.
pub fn steps_json(runs: Vec<Value>) -> Vec<Value> {
    let mut rows = Vec::new();
    for mut run in runs {
        let name = run.get("run").cloned().unwrap_or_default();
        if let Some(problem) = run.get("problem").filter(|problem| !problem.is_null()) {
            rows.push(step_row(&json!({"run": name, "state": "unreadable", "note": problem})));
        }
        for mut step in run.get_mut("steps").and_then(Value::as_array_mut).map(std::mem::take).unwrap_or_default() {
            if let Some(members) = step.as_object_mut() {
                members.insert("run".into(), name.clone());
            }
            rows.push(step_row(&step));
        }
    }
    rows
}

fn step_row(step: &Value) -> Value {
    const NAMES: [&str; 9] = ["run", "step", "state", "role", "title", "since", "due", "by", "note"];
    let member = |name: &str| (name.to_owned(), step.get(name).cloned().unwrap_or_default());
    Value::Object(NAMES.map(member).into_iter().collect())
}

fn run_json(name: &str, run: &Run, state: &Incident, now: Time) -> Value {
    let started = run.started.time.to_string();
    let process = match run.process() {
        Ok(process) => process,
        Err(problems) => {
            let problem = problems.first().map(ToString::to_string);
            return json!({"run": name, "process": run.name, "version": run.version, "started": started, "problem": problem, "steps": [], "answers": [], "ignored": []});
        }
    };
    let progress = Progress::of(&process, run, state, known(state, now));
    let steps: Vec<Value> = progress
        .steps()
        .map(|(step, state)| step_json(step, &state, progress.overdue_seconds(step).is_some(), &progress.asked(step)))
        .collect();
    let answers: Vec<Value> = run
        .answers
        .iter()
        .map(|(at, by, answers)| json!({"time": at.time.to_string(), "by": by, "answers": answers}))
        .collect();
    let ignored: Vec<Value> = progress
        .ignored()
        .iter()
        .map(|(mark, why)| json!({"time": mark.at.time.to_string(), "by": mark.by, "step": mark.stepped.step, "deed": word(mark.stepped.deed), "why": why}))
        .collect();
    json!({"run": name, "process": run.name, "version": run.version, "started": started,
        "ended": progress.ended().map(|at| at.to_string()), "steps": steps, "answers": answers, "ignored": ignored})
}

pub(super) fn step_json(step: &Step, state: &State, is_overdue: bool, asked: &[String]) -> Value {
    let mut members = Map::new();
    let mut put = |name: &str, value: Value| _ = members.insert(name.to_owned(), value);
    put("step", json!(step.id));
    put("title", json!(step.title));
    put("track", json!(step.track.word()));
    put("phase", json!(step.phase.word()));
    put("kind", json!(step.kind.word()));
    put("role", json!(step.role.map(concert_model::incident::content::Role::word)));
    put("meets", json!(step.meets.map(concert_model::incident::process::Meeting::word)));
    put("outcomes", json!(step.outcomes));
    match state {
        State::Waiting(steps) => {
            put("state", json!("waiting"));
            put("note", json!(format!("for {}", steps.join(", "))));
        }
        State::Ready { since, due, lacks } => {
            put("state", json!(if is_overdue { "overdue" } else { "ready" }));
            put("since", json!(since.to_string()));
            put("due", json!(due.map(|due| due.to_string())));
            let notes = [lacks, asked].concat();
            put("note", if notes.is_empty() { Value::Null } else { json!(notes.join("; ")) });
        }
        State::Done { at, by, outcome, defaulted, late, .. } => {
            put("state", json!("done"));
            put("since", json!(at.to_string()));
            put("by", json!(by));
            put("outcome", json!(outcome));
            put("late", json!(late));
            let said = [outcome.as_deref(), defaulted.then_some("nobody decided in time"), late.then_some("late")];
            let said: Vec<&str> = said.into_iter().flatten().collect();
            put("note", if said.is_empty() { Value::Null } else { json!(said.join("; ")) });
        }
        State::Skipped { at, by, reason } => {
            put("state", json!("skipped"));
            put("since", json!(at.to_string()));
            put("by", json!(by));
            put("note", json!(reason));
        }
        State::PassedOver => put("state", json!("not taken")),
    }
    Value::Object(members)
}

/// What was said of a step when the closing questions were answered, in a line.
pub fn said_of(run: &Run, step: &str) -> String {
    let answers = run.answers.iter().flat_map(|(_, by, answers)| answers.iter().map(move |answer| (by, answer)));
    let about = answers.filter(|(_, answer)| answer.step == step);
    let line = |(by, Answer { verdict, text, .. }): (&String, &Answer)| match text.trim() {
        "" => format!("{} ({by})", verdict.word()),
        text => format!("{}: {text} ({by})", verdict.word()),
    };
    about.map(line).collect::<Vec<_>>().join("; ")
}

/// What was counted of a process.
pub fn numbers_json(name: &str, numbers: &Numbers) -> Value {
    let steps: Vec<Value> = numbers.steps.iter().map(|(id, of)| step_numbers(id, of)).collect();
    let proposals: Vec<Value> = numbers
        .proposals
        .iter()
        .map(|one| json!({"step": one.step, "verdict": one.verdict.word(), "times": one.times, "text": one.text, "said": one.said}))
        .collect();
    json!({"process": name, "version": numbers.version, "runs": numbers.runs, "ended": numbers.ended,
        "unreadable": numbers.unreadable, "steps": steps, "proposals": proposals})
}

fn step_numbers(id: &str, of: &StepNumbers) -> Value {
    let said = |verdict| of.said.get(&verdict).copied().unwrap_or(0);
    json!({"step": id, "done": of.done, "skipped": of.skipped, "not_taken": of.passed_over, "late": of.late,
        "defaulted": of.defaulted, "median_seconds": of.median_seconds, "p95_seconds": of.p95_seconds,
        "said_useless": said(Verdict::Useless), "said_missing": said(Verdict::Missing), "said_late": said(Verdict::Late),
        "reasons": of.reasons})
}
