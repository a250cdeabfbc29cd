//! Steps of processes that are an affected party's own: who answers for the party sees and does them, and nothing else of
//! the process.
//!
//! How they stand follows from all that is written and shows in the incident, as for everybody; of what the person does not
//! see they tell nothing but that they are ready, wait or are settled.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use concert_model::Time;
use concert_model::access::{Action, Circle, Decision, Object, Person, may, reads_for};
use concert_model::incident::content::{Deed, Stepped};
use concert_model::incident::due::{Due, Kind, due};
use concert_model::incident::fold::Incident;
use concert_model::incident::marking::Marking;
use concert_model::incident::process::run::Run;
use concert_model::incident::process::{Progress, State, Step};
use serde_json::{Value, json};

use super::case::Case;
use super::progress::{progress_json, step_json};
use super::write::wrong;
use super::{Incidents, Refused, known};

/// A step as the decision about it is asked; nothing where it is not known how its run is marked.
fn object<'o>(circle: &'o Circle, whole: &'o Incident, run: &'o Run, step: &Step) -> Option<Object<'o>> {
    let (marking, author) = run.begun.as_ref()?;
    Some(Object::Step { circle, marking, author, role: step.role, party: whole.concerned(run) })
}

/// Whether a person sees a step that is the own party's, as the one decision has it.
fn sees(person: &Person, (circle, whole): (&Circle, &Incident), run: &Run, step: &Step) -> bool {
    run.home.is_none()
        && object(circle, whole, run, step).is_some_and(|object| may(person, Action::See, object).allowed)
}

/// The decision by which somebody who does not follow processes marks a step as done or skipped that is the own party's;
/// `None` where that is for others.
pub(super) fn decide(person: &Person, (circle, whole): (&Circle, &Incident), stepped: &Stepped) -> Option<Decision> {
    let run = whole.runs.get(&stepped.run).filter(|run| run.home.is_none())?;
    let process = run.process().ok()?;
    let object = object(circle, whole, run, process.step(&stepped.step)?)?;
    let is_for_it = matches!(stepped.deed, Deed::Done | Deed::Skipped);
    Some(may(person, Action::Follow, object)).filter(|decision| is_for_it && decision.allowed)
}

/// Why a step that is the own party's cannot be marked so now, by no more than how the step stands.
pub(super) fn why_not(whole: &Incident, now: Time, stepped: &Stepped, why: Refused) -> Refused {
    let hidden =
        || wrong("something in this incident that you may not see speaks against it; ask whoever coordinates it");
    let Some(run) = whole.runs.get(&stepped.run) else { return hidden() };
    let Ok(process) = run.process() else { return hidden() };
    let Some(step) = process.step(&stepped.step) else { return hidden() };
    let id = &step.id;
    match Progress::of(&process, run, whole, known(whole, now)).state(step) {
        State::Waiting(_) => wrong(format!("`{id}` waits for steps before it, which are not yours")),
        State::PassedOver => wrong(format!("`{id}` is not to be done: it was decided otherwise")),
        State::Done { .. } | State::Skipped { .. } => wrong(format!("`{id}` is settled already")),
        // What a meeting point lacks may be what the person does not see.
        State::Ready { .. } if step.meets.is_some() => hidden(),
        State::Ready { .. } => why,
    }
}

/// Whether a person reads the run itself.
fn reads(seen: &Incident, name: &str) -> bool {
    seen.runs.get(name).is_some_and(|run| !run.definition.is_empty())
}

/// How a step stands, without what others wrote of it.
fn told(state: State, own: impl Fn(&str) -> bool) -> State {
    match state {
        State::Waiting(_) => State::Waiting(Vec::new()),
        State::Ready { since, due, .. } => State::Ready { since, due, lacks: Vec::new() },
        State::Done { since, at, by, late, .. } => {
            let by = if own(&by) { by } else { String::new() };
            State::Done { since, at, by, outcome: None, defaulted: false, late }
        }
        State::Skipped { at, by, reason } if own(&by) => State::Skipped { at, by, reason },
        State::Skipped { at, .. } => State::Skipped { at, by: String::new(), reason: String::new() },
        State::PassedOver => State::PassedOver,
    }
}

/// A run with the steps of it that are the person's own; nothing where there are none.
fn run_json(
    person: &Person,
    (circle, whole): (&Circle, &Incident),
    (name, run): (&str, &Run),
    now: Time,
) -> Option<Value> {
    let process = run.process().ok()?;
    let progress = Progress::of(&process, run, whole, known(whole, now));
    let speakers = whole.concerned(run).and_then(|party| whole.speakers.get(party));
    let own = |by: &str| speakers.is_some_and(|names| names.contains(by));
    let mut steps = Vec::new();
    for (step, state) in progress.steps() {
        if sees(person, (circle, whole), run, step) {
            let mut row = step_json(step, &told(state, own), progress.overdue_seconds(step).is_some(), &[]);
            clear_waiting(&mut row);
            steps.push(row);
        }
    }
    (!steps.is_empty()).then(|| {
        json!({"run": name, "process": run.name, "version": run.version, "started": run.started.time.to_string(),
            "ended": null, "steps": steps, "answers": [], "ignored": []})
    })
}

/// For which steps it waits is not told.
fn clear_waiting(row: &mut Value) {
    if let Some(note) = row.get_mut("note").filter(|note| note.as_str() == Some("for ")) {
        *note = Value::Null;
    }
}

impl Incidents {
    /// How the processes of an incident stand: its runs by their names, each with its steps.
    pub async fn progress(&self, person: &Person, name: &str, now: Time) -> Result<Vec<Value>, Refused> {
        let state = self.followed(person, name).await?;
        let rows = progress_json(&state, now);
        let (case, circle) = self.find(person, name).await?;
        if reads_for(person, &circle).is_none() {
            return Ok(rows);
        }
        let whole = self.whole(&case).await?;
        let named = |row: Value| Some((row.get("run")?.as_str()?.to_owned(), row));
        // Of runs that the person does not read its own steps alone are told.
        let mut runs: BTreeMap<String, Value> = rows.into_iter().filter_map(named).collect();
        runs.retain(|run, _| reads(&state, run));
        for (run, known) in whole.runs.iter().filter(|(run, _)| !reads(&state, run)) {
            runs.extend(run_json(person, (&circle, &whole), (run, known), now).map(|row| (run.clone(), row)));
        }
        let own = whole.runs.iter().filter(|(run, _)| runs.contains_key(*run));
        let markings: Vec<&Marking> =
            own.filter_map(|(_, run)| run.begun.as_ref().map(|(marking, _)| marking)).collect();
        self.audit_read(person, &case.head.number, markings.into_iter()).await?;
        Ok(runs.into_values().collect())
    }

    /// Steps that come due of runs which a person does not read and that are the person's own, each with how its run is
    /// marked.
    pub(super) async fn own_steps_due(
        &self,
        person: &Person,
        (case, circle): (&Case, &Circle),
        seen: &Incident,
        now: Time,
    ) -> Result<Vec<(Due, Marking)>, Refused> {
        // Of a long incident nothing is folded for those who read it themselves.
        if reads_for(person, circle).is_none() {
            return Ok(Vec::new());
        }
        let whole = self.whole(case).await?;
        let own = |due: Due| {
            let (name, step) = due.name.rsplit_once('/')?;
            let run = whole.runs.get(name).filter(|_| due.kind == Kind::Step && !reads(seen, name))?;
            let process = run.process().ok()?;
            let is_own = sees(person, (circle, &whole), run, process.step(step)?);
            let marking = run.begun.as_ref().map(|(marking, _)| marking.clone())?;
            is_own.then_some((Due { default: None, ..due }, marking))
        };
        Ok(due(&whole, known(&whole, now)).into_iter().filter_map(own).collect())
    }
}
