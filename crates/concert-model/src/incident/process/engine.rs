//! The engine: how a run stands at a moment, and what may be done now.
//!
//! It is worked out anew from the marks of the run each time, with what the caller knows of the world.
//! A mark counts when its step was ready and could be so marked; others are shown with a sentence and
//! change nothing, so a site that writes what it should not cannot lead the others astray.

mod rules;
mod state;

use std::collections::BTreeMap;

use super::super::content::Deed;
use super::super::fold::Incident;
use super::definition::{Kind, Meeting, Need, Process, Step};
use super::graph;
use super::meeting::{Lacks, lacks};
use super::run::{Mark, Run};
use crate::Time;

pub use state::{Known, State};

/// Most marks of a run that are looked at; real runs have some dozens.
const MARKS_MAX: usize = 10_000;

/// Where a step stands in time.
#[derive(Clone, Copy, Debug, Default)]
struct Moment {
    /// When all it needs was settled.
    since: Option<Time>,
    /// When it was itself.
    settled: Option<Time>,
    passed_over: bool,
}

/// How a run stands.
#[derive(Debug)]
pub struct Progress<'a> {
    process: &'a Process,
    run: &'a Run,
    incident: &'a Incident,
    known: Known,
    ordered: Vec<&'a Step>,
    /// The marks that count.
    marks: BTreeMap<&'a str, &'a Mark>,
    /// Steps that a decision sent back, and when.
    reopened: BTreeMap<&'a str, Time>,
    /// Until when decisions are held.
    held: BTreeMap<&'a str, Time>,
    /// Who asks to hold them.
    asked: BTreeMap<&'a str, Vec<&'a Mark>>,
    moments: BTreeMap<&'a str, Moment>,
    /// How steps stood in passes of a loop that a decision ended by sending them back.
    passes: Vec<(&'a Step, State)>,
    ignored: Vec<(&'a Mark, String)>,
}

impl<'a> Progress<'a> {
    /// How a run of a process stands in an incident now.
    pub fn of(process: &'a Process, run: &'a Run, incident: &'a Incident, known: Known) -> Self {
        let mut progress = Self::recorded(process, run, incident, known);
        progress.moments = progress.moments(true);
        progress
    }

    /// The same as it was written down, whatever turned up since: for counting.
    pub(super) fn recorded(process: &'a Process, run: &'a Run, incident: &'a Incident, known: Known) -> Self {
        let (ordered, _) = graph::order(&process.steps);
        // Stamps may run ahead of a clock; what is written now gets one after all that was seen.
        let known = Known { now: known.now.max(incident.changed.time), ..known };
        let mut progress = Self {
            process,
            run,
            incident,
            known,
            ordered,
            marks: BTreeMap::new(),
            reopened: BTreeMap::new(),
            held: BTreeMap::new(),
            asked: BTreeMap::new(),
            moments: BTreeMap::new(),
            passes: Vec::new(),
            ignored: Vec::new(),
        };
        progress.moments = progress.moments(false);
        for mark in run.marks.iter().take(MARKS_MAX) {
            match progress.fits(&mark.stepped, mark.at.time) {
                Ok(step) => progress.take(step, mark),
                Err(why) => progress.ignored.push((mark, why)),
            }
        }
        progress
    }

    /// Takes up a mark that counts.
    fn take(&mut self, step: &'a Step, mark: &'a Mark) {
        let at = mark.at.time;
        match (mark.stepped.deed, step.back_to(&mark.stepped.outcome)) {
            (Deed::Held, _) => {
                self.asked.remove(step.id.as_str());
                self.held.insert(&step.id, mark.stepped.until.map_or(at, Time));
            }
            (Deed::Asked, _) => self.asked.entry(&step.id).or_default().push(mark),
            (Deed::Chosen, Some(target)) => {
                let sent_back = graph::between(&self.process.steps, target, &step.id);
                let passed = self.process.steps.iter().filter(|one| sent_back.contains(one.id.as_str()));
                let ended = |one: &'a Step| match one.id == step.id {
                    true => (one, self.decided(one, mark)),
                    false => (one, self.state(one)),
                };
                let pass: Vec<(&Step, State)> = passed.map(ended).collect();
                self.passes.extend(pass);
                for id in sent_back {
                    self.marks.remove(id);
                    self.held.remove(id);
                    self.asked.remove(id);
                    self.reopened.insert(id, at);
                }
            }
            _ => drop(self.marks.insert(&step.id, mark)),
        }
        self.moments = self.moments(false);
    }

    /// How a decision stands that was just taken, and is to be taken again.
    fn decided(&self, step: &'a Step, mark: &Mark) -> State {
        let at = mark.at.time;
        let since = self.moments.get(step.id.as_str()).and_then(|moment| moment.since).unwrap_or(at);
        let late = self.deadline(step, since).is_some_and(|due| at > due);
        let outcome = Some(mark.stepped.outcome.clone());
        State::Done { since, at, by: mark.by.clone(), outcome, defaulted: false, late }
    }

    /// Works out when each step became ready and was settled. A meeting point that lacks something
    /// again is not settled, where that is asked for.
    fn moments(&self, with_lacks: bool) -> BTreeMap<&'a str, Moment> {
        let mut moments: BTreeMap<&str, Moment> = BTreeMap::new();
        for step in &self.ordered {
            let moment = self.moment(step, &moments, with_lacks);
            moments.insert(&step.id, moment);
        }
        moments
    }

    fn moment(&self, step: &Step, moments: &BTreeMap<&'a str, Moment>, with_lacks: bool) -> Moment {
        let is_end = step.meets == Some(Meeting::Closing);
        let of = |need: &Need| moments.get(need.step.as_str()).copied().unwrap_or_default();
        let begun = self.reopened.get(step.id.as_str()).copied().unwrap_or(self.run.started.time);
        let settled: Option<Vec<Time>> = step.needs.iter().map(|need| of(need).settled).collect();
        let since = settled.map(|times| times.into_iter().fold(begun, Time::max));
        if let Some(mark) = self.marks.get(step.id.as_str()) {
            let at = mark.at.time;
            let lacking = if with_lacks { self.lacking(step, &mark.stepped.reason) } else { Vec::new() };
            if lacking.is_empty() {
                return Moment {
                    since: Some(since.map_or(at, |since| since.min(at))),
                    settled: Some(at),
                    ..Moment::default()
                };
            }
            let found = lacking.iter().filter_map(|lack| lack.since).fold(at, Time::max);
            return Moment { since: Some(found), ..Moment::default() };
        }
        // The end is reached whatever was decided.
        let passed_at = self.passed_over_at(step, moments).filter(|_| !is_end);
        if passed_at.is_some() {
            return Moment { since: None, settled: passed_at, passed_over: true };
        }
        let settled = since.filter(|_| step.kind == Kind::Parallel);
        Moment { since, settled, passed_over: false }
    }

    /// When it became sure that a step lies on a branch that is not taken.
    fn passed_over_at(&self, step: &Step, moments: &BTreeMap<&'a str, Moment>) -> Option<Time> {
        let (with, plain): (Vec<&Need>, Vec<&Need>) = step.needs.iter().partition(|need| need.outcome.is_some());
        let settled = |need: &Need| {
            let moment = moments.get(need.step.as_str())?;
            Some((moment.settled?, moment.passed_over))
        };
        let otherwise = with.into_iter().filter_map(|need| {
            let (at, passed_over) = settled(need)?;
            let outcome = self.marks.get(need.step.as_str()).map(|mark| &mark.stepped.outcome);
            (passed_over || outcome != need.outcome.as_ref()).then_some(at)
        });
        if let Some(at) = otherwise.min() {
            return Some(at);
        }
        let times: Option<Vec<Time>> =
            plain.into_iter().map(|need| settled(need).filter(|(_, over)| *over).map(|(at, _)| at)).collect();
        times?.into_iter().max()
    }

    /// When a ready step is due: the hold of a decision moves it.
    fn deadline(&self, step: &Step, since: Time) -> Option<Time> {
        let held = self.held.get(step.id.as_str()).copied();
        held.or_else(|| step.due_seconds.map(|seconds| since.plus_seconds(seconds)))
    }

    fn open_needs(&self, step: &'a Step) -> Vec<&'a str> {
        let is_open = |need: &&Need| self.moments.get(need.step.as_str()).is_none_or(|moment| moment.settled.is_none());
        let mut open: Vec<&str> = step.needs.iter().filter(is_open).map(|need| need.step.as_str()).collect();
        open.dedup();
        open
    }

    fn lacking(&self, step: &Step, reason: &str) -> Vec<Lacks> {
        let point = step.meets.into_iter();
        point.flat_map(|point| lacks(point, self.incident, self.run, &self.known, reason)).collect()
    }

    /// Each step with how it stands, in the order of the file.
    pub fn steps(&self) -> impl Iterator<Item = (&'a Step, State)> {
        self.process.steps.iter().map(|step| (step, self.state(step)))
    }

    /// How steps stood in the passes of loops before the one that goes on or ended last.
    pub(super) fn passes(&self) -> impl Iterator<Item = (&'a Step, &State)> {
        self.passes.iter().map(|(step, state)| (*step, state))
    }

    /// How a step stands.
    pub fn state(&self, step: &'a Step) -> State {
        let moment = self.moments.get(step.id.as_str()).copied().unwrap_or_default();
        if moment.passed_over {
            return State::PassedOver;
        }
        let Some(since) = moment.since else {
            return State::Waiting(self.open_needs(step).into_iter().map(str::to_owned).collect());
        };
        let due = self.deadline(step, since);
        let Some(at) = moment.settled else {
            let reason = self.marks.get(step.id.as_str()).map_or("", |mark| mark.stepped.reason.as_str());
            let lacks = self.lacking(step, reason).into_iter().map(|lack| lack.sentence).collect();
            return State::Ready { since, due, lacks };
        };
        let Some(mark) = self.marks.get(step.id.as_str()) else {
            return State::Done { since, at, by: String::new(), outcome: None, defaulted: false, late: false };
        };
        let (by, stepped) = (mark.by.clone(), &mark.stepped);
        match stepped.deed {
            Deed::Skipped => State::Skipped { at, by, reason: stepped.reason.clone() },
            deed => State::Done {
                since,
                at,
                by,
                outcome: (step.kind == Kind::Decision).then(|| stepped.outcome.clone()),
                defaulted: deed == Deed::Defaulted,
                late: due.is_some_and(|due| at > due),
            },
        }
    }

    /// Whether a person asks already.
    pub fn has_asked(&self, step: &str, person: &str) -> bool {
        self.asked.get(step).is_some_and(|marks| marks.iter().any(|mark| mark.by == person))
    }

    /// Who asks to hold a decision that nobody took or held yet, in sentences.
    pub fn asked(&self, step: &Step) -> Vec<String> {
        let asked = self.asked.get(step.id.as_str());
        asked
            .into_iter()
            .flatten()
            .map(|mark| format!("{} asks to hold it: {}", mark.by, mark.stepped.reason))
            .collect()
    }

    /// By how many seconds a ready step is overdue now.
    pub fn overdue_seconds(&self, step: &'a Step) -> Option<i64> {
        match self.state(step) {
            State::Ready { due: Some(due), .. } if self.known.now > due => {
                Some(self.known.now.seconds() - due.seconds())
            }
            _ => None,
        }
    }

    /// Marks that change nothing, each with the sentence that says why.
    pub fn ignored(&self) -> &[(&'a Mark, String)] {
        &self.ignored
    }

    /// When the process ended: its last step is done and nothing has turned up since.
    pub fn ended(&self) -> Option<Time> {
        let end = self.process.end()?;
        self.moments.get(end.id.as_str())?.settled
    }
}
