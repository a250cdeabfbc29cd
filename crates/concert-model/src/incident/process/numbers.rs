//! What became of a process: how often each step was done, left out or late, how long it took, and what
//! those who followed it would change.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::content::Verdict;
use super::super::fold::Incident;
use super::definition::{Process, Step, span_text};
use super::engine::{Known, Progress, State};
use super::run::Run;
use crate::Time;

/// Most different reasons of one step that are told.
const REASONS_MAX: usize = 50;

/// What became of one step over all runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StepNumbers {
    /// How often it was done.
    pub done: u64,
    /// How often it was left out.
    pub skipped: u64,
    /// Why it was left out, and how often for this reason.
    pub reasons: BTreeMap<String, u64>,
    /// How often it lay on a branch that was not taken.
    pub passed_over: u64,
    /// How often it was done after it was due.
    pub late: u64,
    /// How often nobody decided, and its default came into force.
    pub defaulted: u64,
    /// How many seconds it took, for one half less and for the other more; `None` when it was never done.
    pub median_seconds: Option<i64>,
    /// How many seconds it took at most, in 95 of 100 cases.
    pub p95_seconds: Option<i64>,
    /// How often those who followed the process said what of it.
    pub said: BTreeMap<Verdict, u64>,
}

/// What became of a process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Numbers {
    /// The highest version of the runs that were counted; `None` where no definition could be read.
    pub version: Option<u32>,
    /// Runs of it.
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

/// Which runs are counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Of the process with this name.
    pub process: Option<String>,
    /// Of this version.
    pub version: Option<u32>,
    /// Begun then or later.
    pub since: Option<Time>,
}

impl Wanted {
    fn wants(&self, run: &Run) -> bool {
        self.process.as_ref().is_none_or(|name| *name == run.name)
            && self.version.is_none_or(|version| version == run.version)
            && self.since.is_none_or(|since| run.started.time >= since)
    }
}

/// Counts runs, one incident after another.
#[derive(Debug, Default)]
pub struct Tally {
    wanted: Wanted,
    counted: BTreeMap<String, Counted>,
}

/// What was counted of one process.
#[derive(Debug, Default)]
struct Counted {
    numbers: Numbers,
    times: BTreeMap<String, Vec<i64>>,
    said: BTreeMap<(String, Verdict), Vec<String>>,
    newest: Option<Arc<Process>>,
}

impl Tally {
    /// Nothing counted yet.
    pub fn new(wanted: Wanted) -> Self {
        Self { wanted, counted: BTreeMap::new() }
    }

    /// Counts the runs of an incident.
    pub fn add(&mut self, incident: &Incident) {
        for run in incident.runs.values().filter(|run| self.wanted.wants(run)) {
            self.counted.entry(run.name.clone()).or_default().add(run, incident);
        }
    }

    /// The numbers of each process, by its name.
    pub fn finish(self) -> BTreeMap<String, Numbers> {
        self.counted.into_iter().map(|(name, counted)| (name, counted.finish())).collect()
    }
}

impl Counted {
    fn add(&mut self, run: &Run, incident: &Incident) {
        self.numbers.runs += 1;
        let Ok(process) = run.process() else {
            self.numbers.unreadable += 1;
            return;
        };
        let known = Known { now: incident.changed.time, open_custody: 0 };
        let progress = Progress::recorded(&process, run, incident, known);
        self.numbers.ended += u64::from(progress.ended().is_some());
        // What was done once more in a loop is counted each time.
        for (step, state) in progress.passes() {
            self.count(step, state);
        }
        for (step, state) in progress.steps() {
            self.count(step, &state);
        }
        for answer in run.answers.iter().flat_map(|(_, _, answers)| answers) {
            self.said.entry((answer.step.clone(), answer.verdict)).or_default().push(answer.text.clone());
        }
        if self.newest.as_ref().is_none_or(|newest| newest.version < process.version) {
            self.newest = Some(process);
        }
    }

    fn count(&mut self, step: &Step, state: &State) {
        let of = self.numbers.steps.entry(step.id.clone()).or_default();
        self.times.entry(step.id.clone()).or_default().extend(count(of, state));
    }

    fn finish(self) -> Numbers {
        let Self { mut numbers, times, said, newest } = self;
        for (id, mut times) in times {
            if let Some(of) = numbers.steps.get_mut(&id) {
                times.sort_unstable();
                of.median_seconds = median(&times);
                of.p95_seconds = p95(&times);
            }
        }
        for ((id, verdict), said) in said {
            let step = newest.as_ref().and_then(|process| process.step(&id));
            let text = proposal(&id, verdict, step, numbers.steps.get(&id), said.len());
            let times = u64::try_from(said.len()).unwrap_or(u64::MAX);
            if let Some(of) = numbers.steps.get_mut(&id) {
                *of.said.entry(verdict).or_default() += times;
            }
            numbers.proposals.push(Proposal { step: id, verdict, times, text, said });
        }
        numbers.proposals.sort_by_key(|proposal| std::cmp::Reverse(proposal.times));
        numbers.version = newest.map(|process| process.version);
        numbers
    }
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
        State::Skipped { reason, .. } => {
            of.skipped += 1;
            if of.reasons.len() < REASONS_MAX || of.reasons.contains_key(reason) {
                *of.reasons.entry(reason.clone()).or_default() += 1;
            }
        }
        State::PassedOver => of.passed_over += 1,
        State::Waiting(_) | State::Ready { .. } => {}
    }
    None
}

fn seconds_between(from: Time, to: Time) -> i64 {
    to.seconds().saturating_sub(from.seconds())
}

/// Of sorted times.
fn median(times: &[i64]) -> Option<i64> {
    let middle = times.len() / 2;
    let above = *times.get(middle)?;
    match times.len() % 2 {
        0 => Some(above.midpoint(*times.get(middle.checked_sub(1)?)?)),
        _ => Some(above),
    }
}

/// The smallest of sorted times that 95 of 100 do not exceed.
fn p95(times: &[i64]) -> Option<i64> {
    times.get((times.len() * 95).div_ceil(100).checked_sub(1)?).copied()
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
