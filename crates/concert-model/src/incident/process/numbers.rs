//! What became of a process: how often each step was done, left out or late, how long it took, and what
//! those who followed it would change.

use std::collections::BTreeMap;

use super::super::content::Verdict;
use super::super::fold::Incident;
use super::definition::{Process, Step, span_text};
use super::engine::{Known, Progress, State};
use crate::Time;

/// What became of one step over all runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StepNumbers {
    /// How often it was done.
    pub done: u64,
    /// How often it was left out.
    pub skipped: u64,
    /// How often it lay on a branch that was not taken.
    pub passed_over: u64,
    /// How often it was done after it was due.
    pub late: u64,
    /// How often nobody decided, and its default came into force.
    pub defaulted: u64,
    /// How many seconds it took, for one half less and for the other more; `None` when it was never done.
    pub median_seconds: Option<i64>,
}

/// What became of a process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Numbers {
    /// Runs of it, of any version.
    pub runs: u64,
    /// Those that reached the end.
    pub ended: u64,
    /// Runs whose definition may not be read or is broken; they are not counted further.
    pub unreadable: u64,
    /// Steps by their ids.
    pub steps: BTreeMap<String, StepNumbers>,
    /// What to change in the next version, what most said first.
    pub proposals: Vec<Proposal>,
}

/// Something to change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// The step; empty for the beginning.
    pub step: String,
    /// What is wrong with it.
    pub verdict: Verdict,
    /// How many said so.
    pub times: u64,
    /// What to do, with the numbers that speak for it.
    pub text: String,
    /// What they said.
    pub said: Vec<String>,
}

/// Counts the runs of a process over incidents.
pub fn numbers<'i>(name: &str, incidents: impl IntoIterator<Item = &'i Incident>) -> Numbers {
    let mut numbers = Numbers::default();
    let mut times: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    let mut said: BTreeMap<(String, Verdict), Vec<String>> = BTreeMap::new();
    let mut newest: Option<Process> = None;
    for incident in incidents {
        for run in incident.runs.values().filter(|run| run.name == name) {
            numbers.runs += 1;
            let Ok(process) = run.process() else {
                numbers.unreadable += 1;
                continue;
            };
            let known = Known { now: incident.changed.time, open_custody: 0 };
            let progress = Progress::recorded(&process, run, incident, known);
            numbers.ended += u64::from(progress.ended().is_some());
            for (step, state) in progress.steps() {
                let of = numbers.steps.entry(step.id.clone()).or_default();
                times.entry(step.id.clone()).or_default().extend(count(of, &state));
            }
            for answer in run.answers.iter().flat_map(|(_, _, answers)| answers) {
                said.entry((answer.step.clone(), answer.verdict)).or_default().push(answer.text.clone());
            }
            if newest.as_ref().is_none_or(|newest| newest.version < process.version) {
                newest = Some(process);
            }
        }
    }
    for (id, mut times) in times {
        if let Some(of) = numbers.steps.get_mut(&id) {
            of.median_seconds = median(&mut times);
        }
    }
    let step = |id: &str| newest.as_ref().and_then(|process| process.step(id));
    let all = said.into_iter().map(|((id, verdict), said)| {
        let text = proposal(&id, verdict, step(&id), numbers.steps.get(&id), said.len());
        Proposal { step: id, verdict, times: u64::try_from(said.len()).unwrap_or(u64::MAX), text, said }
    });
    numbers.proposals = all.collect();
    numbers.proposals.sort_by_key(|proposal| std::cmp::Reverse(proposal.times));
    numbers
}

/// Counts a step, and says how many seconds somebody needed for it.
fn count(of: &mut StepNumbers, state: &State) -> Option<i64> {
    match state {
        State::Done { since, at, defaulted, late, by, .. } => {
            of.done += 1;
            of.late += u64::from(*late && !defaulted);
            of.defaulted += u64::from(*defaulted);
            return (!by.is_empty()).then(|| seconds_between(*since, *at));
        }
        State::Skipped { .. } => of.skipped += 1,
        State::PassedOver => of.passed_over += 1,
        State::Waiting(_) | State::Ready { .. } => {}
    }
    None
}

fn seconds_between(from: Time, to: Time) -> i64 {
    to.seconds().saturating_sub(from.seconds())
}

fn median(times: &mut [i64]) -> Option<i64> {
    times.sort_unstable();
    let middle = times.len() / 2;
    let above = *times.get(middle)?;
    match times.len() % 2 {
        0 => Some(above.midpoint(*times.get(middle.checked_sub(1)?)?)),
        _ => Some(above),
    }
}

/// What to do about what was said, with the numbers.
fn proposal(id: &str, verdict: Verdict, step: Option<&Step>, numbers: Option<&StepNumbers>, said: usize) -> String {
    let numbers = numbers.cloned().unwrap_or_default();
    let tells = |what: &str| match said {
        1 => format!("one says that {what}"),
        many => format!("{many} say that {what}"),
    };
    match verdict {
        Verdict::Useless => {
            let StepNumbers { done, skipped, .. } = numbers;
            format!("leave `{id}` out: {}; it was done {done} and skipped {skipped} times", tells("it is useless"))
        }
        Verdict::Missing if id.is_empty() => format!("add a step at the beginning: {}", tells("something is missing")),
        Verdict::Missing => format!("add a step after `{id}`: {}", tells("something is missing")),
        Verdict::Late => {
            let due = step
                .and_then(|step| step.due_seconds)
                .map_or("at no time".to_owned(), |s| format!("after {}", span_text(s)));
            let took = numbers.median_seconds.map_or("was never done".to_owned(), |s| format!("took {}", span_text(s)));
            let StepNumbers { done, late, .. } = numbers;
            format!(
                "let `{id}` come earlier: {}; it is due {due}, {took} in the middle, and was late {late} of {done} times",
                tells("it comes late")
            )
        }
    }
}
