//! What comes due in an incident: tasks, steps of processes and clocks of laws, and who answers for each.

use std::collections::{BTreeMap, BTreeSet};

use super::content::{PartyStatus, Role};
use super::fold::{Incident, Letter, clock_name};
use super::process::run::Run;
use super::process::{Known, Progress, State, Step};
use crate::Time;

/// Roles that answer for clocks of laws: somebody reports, and somebody knows what the law wants.
const CLOCK_ROLES: [Role; 2] = [Role::Coordinator, Role::LegalAndPrivacy];

/// The kinds of things that come due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A task.
    Task,
    /// A step of a process that is ready.
    Step,
    /// A clock of a law that was not met.
    Clock,
    /// A party answered in an incident that is closed.
    Answer,
    /// A party was asked to answer by some time, and did not yet.
    Silence,
    /// A mail waits for a person to say what it is.
    Mail,
    /// A role whose holders have gone.
    Duty,
}

impl Due {
    /// What it is called, with the party it is about.
    pub fn called(&self) -> String {
        // What a party answered is called by it.
        if self.name == self.party { self.name.clone() } else { clock_name(&self.name, &self.party) }
    }

    /// Whether it is the same thing as another reader sees it, who may call it otherwise.
    pub fn is(&self, other: &Self) -> bool {
        let is_named_so = self.item == other.item && (!self.item.is_empty() || self.name == other.name);
        self.kind == other.kind && is_named_so && self.party == other.party && self.due == other.due
    }
}

impl Kind {
    /// How it is written.
    pub fn word(self) -> &'static str {
        match self {
            Self::Task => "task",
            Self::Step => "step",
            Self::Clock => "clock",
            Self::Answer => "answer",
            Self::Silence => "silence",
            Self::Mail => "mail",
            Self::Duty => "duty",
        }
    }

    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Task, Self::Step, Self::Clock, Self::Answer, Self::Silence, Self::Mail, Self::Duty];
}

/// A thing that is to be done by a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// What kind of thing it is.
    pub kind: Kind,
    /// What it is called within the incident: a task as it is called here, `run/step`, a clock, a party that answered,
    /// the number of a mail, a role.
    pub name: String,
    /// What tells a task from others of its name, or a step of a run that another incident shows here; empty where nothing
    /// does.
    pub item: String,
    /// The party it is about; empty for none.
    pub party: String,
    /// What is to be done, in words.
    pub title: String,
    /// The role that does it.
    pub role: Option<Role>,
    /// Who answers for it now; nobody where no role that could is held.
    pub persons: BTreeSet<String>,
    /// Since when it can be done, where that is known.
    pub since: Option<Time>,
    /// By when.
    pub due: Time,
    /// What comes into force by itself at that moment.
    pub default: Option<String>,
}

/// Everything that is to be done in an incident, what is due first before the rest.
pub fn due(incident: &Incident, known: Known) -> Vec<Due> {
    let mut all: Vec<Due> = clocks(incident).collect();
    // What was merged shows in the other incident, and is to be done there.
    if incident.merged_into().is_none() {
        all.extend(answers(incident));
        if incident.closed.is_none() {
            all.extend(tasks(incident).chain(steps(incident, known)).chain(silences(incident)));
        }
    }
    all.sort_by(|one, other| (one.due, one.kind, &one.name).cmp(&(other.due, other.kind, &other.name)));
    all
}

/// Who holds one of these roles; else the coordinator, who runs the plan.
fn holders(incident: &Incident, roles: &[Role]) -> BTreeSet<String> {
    let of = |role: &Role| incident.roles.get(role).into_iter().flatten().cloned();
    let found: BTreeSet<String> = roles.iter().flat_map(of).collect();
    if found.is_empty() { of(&Role::Coordinator).collect() } else { found }
}

/// Who answers for a step: its holders, and of those of affected parties who speaks for the one that the run concerns.
fn answering(incident: &Incident, run: &Run, step: &Step) -> BTreeSet<String> {
    if step.role != Some(Role::AffectedParty) {
        return holders(incident, step.role.as_slice());
    }
    let affected = incident.roles.get(&Role::AffectedParty);
    let speakers = incident.concerned(run).and_then(|party| incident.speakers.get(party)).into_iter().flatten();
    let own: BTreeSet<String> =
        speakers.filter(|one| affected.is_some_and(|holders| holders.contains(*one))).cloned().collect();
    // Of one that concerns nobody in particular it is the coordinator who asks them.
    if own.is_empty() { holders(incident, &[Role::Coordinator]) } else { own }
}

fn tasks(incident: &Incident) -> impl Iterator<Item = Due> {
    incident.tasks.iter().filter(|(_, task)| !task.done).filter_map(|(called, task)| {
        let persons = match task.person.is_empty() {
            true => holders(incident, task.role.as_slice()),
            false => BTreeSet::from([task.person.clone()]),
        };
        Some(Due {
            kind: Kind::Task,
            name: called.clone(),
            item: task.item.clone(),
            party: String::new(),
            title: task.title.clone(),
            role: task.role,
            persons,
            since: None,
            due: Time(task.due?),
            default: None,
        })
    })
}

fn steps(incident: &Incident, known: Known) -> impl Iterator<Item = Due> {
    incident.runs.iter().filter(|(_, run)| run.goes_on()).flat_map(move |(name, run)| {
        let Ok(process) = run.process() else { return Vec::new() };
        let progress = Progress::of(&process, run, incident, known);
        let ready = progress.steps().filter_map(|(step, state)| match state {
            State::Ready { since, due: Some(due), .. } => Some(Due {
                kind: Kind::Step,
                name: format!("{name}/{}", step.id),
                item: run.item(&step.id),
                party: String::new(),
                title: step.title.clone(),
                role: step.role,
                persons: answering(incident, run, step),
                since: Some(since),
                due,
                default: step.default.clone(),
            }),
            _ => None,
        });
        ready.collect()
    })
}

fn clocks(incident: &Incident) -> impl Iterator<Item = Due> {
    let running = incident.clocks.iter().filter(|(_, clock)| clock.is_running());
    running.map(|((name, party), clock)| Due {
        kind: Kind::Clock,
        name: name.clone(),
        item: String::new(),
        party: party.clone(),
        title: name.clone(),
        role: None,
        persons: holders(incident, &CLOCK_ROLES),
        since: Some(Time(clock.since)),
        due: Time(clock.due),
        default: None,
    })
}

/// The first answer of each party that came after the incident was closed, until it is opened or closed again.
fn answers(incident: &Incident) -> impl Iterator<Item = Due> {
    let mut parties = BTreeSet::new();
    let first = incident.late_answers().filter(move |letter| parties.insert(letter.message.party.clone()));
    first.map(|letter| Due {
        kind: Kind::Answer,
        name: letter.message.party.clone(),
        item: String::new(),
        party: letter.message.party.clone(),
        title: letter.message.subject.clone(),
        role: Some(Role::Coordinator),
        persons: holders(incident, &[Role::Coordinator]),
        since: Some(letter.stamp.time),
        due: letter.stamp.time,
        default: None,
    })
}

/// The message by which each party that did not answer yet was asked last to do so by some time. What it stopped or
/// cleaned, or that it refuses, is an answer too.
pub fn asked(incident: &Incident) -> BTreeMap<&str, (&Letter, Time)> {
    let mut asked = BTreeMap::new();
    for letter in &incident.messages {
        let message = &letter.message;
        if message.is_answer() {
            asked.remove(message.party.as_str());
        } else if let Some(by) = message.answer_by.filter(|_| !message.incoming) {
            asked.insert(message.party.as_str(), (&**letter, Time(by)));
        }
    }
    asked.retain(|party, (letter, _)| match incident.parties.get(*party) {
        None => true,
        Some(known) => match known.status {
            PartyStatus::Contained | PartyStatus::Cleaned | PartyStatus::Verified | PartyStatus::Refuses => false,
            PartyStatus::Acknowledged => known.since < letter.stamp,
            _ => true,
        },
    });
    asked
}

fn silences(incident: &Incident) -> impl Iterator<Item = Due> {
    asked(incident).into_iter().map(|(party, (letter, by))| Due {
        kind: Kind::Silence,
        name: party.to_owned(),
        item: String::new(),
        party: party.to_owned(),
        title: letter.message.subject.clone(),
        role: Some(Role::Coordinator),
        persons: holders(incident, &[Role::Coordinator]),
        since: Some(letter.stamp.time),
        due: by,
        default: None,
    })
}

/// How many seconds before it is due the last reminder is meant that has come up; 0 once it is due.
///
/// A span that is longer than the whole time there was for it says nothing new. `None` while it is too early.
pub fn stage(due: &Due, ahead_seconds: &[i64], now: Time) -> Option<i64> {
    let begins = |ahead: i64| due.due.plus_seconds(-ahead);
    let fits = |ahead: &i64| *ahead == 0 || due.since.is_none_or(|since| begins(*ahead) > since);
    let stages = ahead_seconds.iter().copied().chain([0]);
    stages.filter(fits).filter(|ahead| now >= begins(*ahead)).min()
}

/// When the next reminder comes up after a moment.
pub fn next_stage(due: &Due, ahead_seconds: &[i64], now: Time) -> Option<Time> {
    let stages = ahead_seconds.iter().copied().chain([0]);
    stages.map(|ahead| due.due.plus_seconds(-ahead)).filter(|at| *at > now).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3600;

    fn thing(since: Option<i64>, due: i64) -> Due {
        Due {
            kind: Kind::Task,
            name: "x".into(),
            item: String::new(),
            party: String::new(),
            title: "x".into(),
            role: None,
            persons: BTreeSet::new(),
            since: since.map(|since| Time(0).plus_seconds(since)),
            due: Time(0).plus_seconds(due),
            default: None,
        }
    }

    #[test]
    fn stages_come_up_one_after_another_and_none_that_says_nothing_new() {
        let check = |since: Option<i64>, now: i64, want: Option<i64>| {
            let found = stage(&thing(since, 10 * HOUR), &[4 * HOUR, HOUR], Time(0).plus_seconds(now));
            assert_eq!(found, want, "since {since:?}, at {now}");
        };
        check(None, 5 * HOUR, None);
        check(None, 6 * HOUR, Some(4 * HOUR));
        check(None, 9 * HOUR, Some(HOUR));
        check(None, 10 * HOUR, Some(0));
        check(None, 900 * HOUR, Some(0));
        // There were two hours for it: that four are left cannot be told.
        check(Some(8 * HOUR), 8 * HOUR, None);
        check(Some(8 * HOUR), 9 * HOUR, Some(HOUR));
        check(Some(9 * HOUR), 9 * HOUR, None);
        check(Some(9 * HOUR), 10 * HOUR, Some(0));
        let next = |now: i64| next_stage(&thing(None, 10 * HOUR), &[4 * HOUR, HOUR], Time(0).plus_seconds(now));
        assert_eq!(next(0), Some(Time(0).plus_seconds(6 * HOUR)));
        assert_eq!(next(9 * HOUR), Some(Time(0).plus_seconds(10 * HOUR)));
        assert_eq!(next(10 * HOUR), None);
    }
}
