//! Processes that are followed in an incident: the engine is asked before anything of them is written,
//! and what comes into force by itself is written down.

use std::collections::BTreeSet;
use std::sync::Arc;

use concert_model::access::{Action, BY_ITSELF, Circle, Decision, Object, Person, may};
use concert_model::incident::Status;
use concert_model::incident::content::{Answer, Content, Deed, Stepped, Verdict};
use concert_model::incident::draft::Draft;
use concert_model::incident::fold::Incident;
use concert_model::incident::process::{Known, Meeting, Process, Progress};
use concert_model::problem::meant;
use concert_model::{Problem, Time};
use concert_store::records::Change;
use concert_store::records::incidents::Head;

use super::case::Case;
use super::read::CLOSED;
use super::together::{SHOWN_MAX, Together};
use super::write::{MERGED, wrong};
use super::{Ask, Incidents, Refused, own_steps, text};

/// What the engine knows of an incident now.
pub fn known(state: &Incident, now: Time) -> Known {
    let open = state.evidence.values().filter(|exhibit| !exhibit.is_accounted_for()).count() as u64;
    Known { now, open_custody: open }
}

fn no_run(run: &str, runs: Vec<&str>) -> Refused {
    let hint =
        if runs.is_empty() { "no process was started here".to_owned() } else { format!("runs: {}", runs.join(", ")) };
    Refused::Absent(Problem::new(format!("there is no run `{run}`")).hint(hint))
}

/// The process of a run that the incident has.
fn process_of(state: &Incident, run: &str) -> Result<Arc<Process>, Refused> {
    let found = state.runs.get(run).ok_or_else(|| no_run(run, state.runs.keys().map(String::as_str).collect()))?;
    found.process().map_err(|mut problems| match problems.is_empty() {
        true => wrong("the process of this run cannot be read"),
        false => Refused::Wrong(problems.swap_remove(0)),
    })
}

/// Whether a draft may be written now, as far as processes have a say in it. Rules hold for all that is
/// written and shows in the incident, also for what the person does not see; what a refusal says comes of what the
/// person sees alone. `home` is the incident in which it is written, where that was merged into this one.
pub(super) fn check(
    person: &Person,
    (case, circle): (&Case, &Circle),
    together: &Together,
    now: Time,
    (home, content): (Option<&str>, &Content),
) -> Result<(), Refused> {
    let allows = |state: &Incident| rules(person, state, now, &called_here(content, home, state)?);
    let whole = together.whole(case);
    let Err(why) = allows(&whole) else { return Ok(()) };
    if let Content::Stepped(stepped) = content
        && !may(person, Action::Follow, Object::Incident(circle)).allowed
    {
        return Err(own_steps::why_not(&whole, now, stepped, why));
    }
    allows(&together.seen(person, (case, circle)))?;
    Err(wrong("something in this incident that you may not see speaks against it; ask whoever coordinates it"))
}

/// Whether processes have a say in it: most of what is written says nothing of them.
pub(super) fn concerns(content: &Content) -> bool {
    matches!(content, Content::Started(_) | Content::Stepped(_) | Content::Answered(_))
        || matches!(content, Content::Moved(moved) if moved.status == Status::Closed)
}

/// The run that something is about which is done in one.
fn run_of(content: &mut Content) -> Option<&mut String> {
    match content {
        Content::Stepped(stepped) => Some(&mut stepped.run),
        Content::Answered(answered) => Some(&mut answered.run),
        _ => None,
    }
}

/// Whether all of these are about runs that were begun already, so that they can go on where these show.
pub(super) fn are_of_runs(drafts: &[Draft]) -> bool {
    let is_of_run = |draft: &Draft| matches!(draft.content, Content::Stepped(_) | Content::Answered(_));
    !drafts.is_empty() && drafts.iter().all(is_of_run)
}

/// The same with the run as it is called in the state of an incident that shows it: it is written by its own name in the
/// incident in which it was begun.
fn called_here(content: &Content, home: Option<&str>, state: &Incident) -> Result<Content, Refused> {
    let mut content = content.clone();
    let Some(run) = run_of(&mut content) else { return Ok(content) };
    let names = state.runs.iter().filter_map(|(called, known)| match (&known.home, home) {
        (Some(known), Some(home)) if known.incident == home => Some((known.run.as_str(), called)),
        (None, None) => Some((called.as_str(), called)),
        _ => None,
    });
    let names: Vec<(&str, &String)> = names.collect();
    let found = names.iter().find(|(name, _)| *name == run.as_str());
    let none = || no_run(run, names.iter().map(|(name, _)| *name).collect());
    let (_, called) = found.ok_or_else(none)?;
    run.clone_from(called);
    Ok(content)
}

fn rules(person: &Person, state: &Incident, now: Time, content: &Content) -> Result<(), Refused> {
    match content {
        // One that another incident shows here is called otherwise then.
        Content::Started(started) if state.runs.get(&started.run).is_some_and(|run| run.home.is_none()) => {
            Err(wrong(format!("there is a run `{}` already", started.run)))
        }
        Content::Stepped(stepped) => {
            let process = process_of(state, &stepped.run)?;
            let Some(run) = state.runs.get(&stepped.run) else { return Err(Refused::Missing) };
            if !matches!(stepped.deed, Deed::Chosen | Deed::Defaulted) && !stepped.outcome.is_empty() {
                let deed = text::word(stepped.deed);
                let problem =
                    Problem::new(format!("`outcome` of `{}` is for a decision, not for `{deed}`", stepped.step));
                return Err(Refused::Wrong(problem.hint("leave it out, or choose with the deed `chosen`")));
            }
            let progress = Progress::of(&process, run, state, known(state, now));
            progress.may(stepped).map_err(|why| Refused::Wrong(with_hint(&process, stepped, why)))?;
            if stepped.deed == Deed::Asked && progress.has_asked(&stepped.step, &person.name) {
                return Err(wrong(format!("you ask to hold `{}` already", stepped.step)));
            }
            let denied = |reason| Refused::Denied(Decision { allowed: false, policy: "process", reason });
            progress.decides(stepped, &person.name).map_err(denied)
        }
        Content::Answered(answered) => {
            let process = process_of(state, &answered.run)?;
            answers(&process, &answered.answers)
        }
        Content::Moved(moved) if moved.status == Status::Closed => closes(state, now),
        _ => Ok(()),
    }
}

/// Why a step cannot be done, with the entries that are lacking, as a command takes them.
fn with_hint(process: &Process, stepped: &Stepped, why: String) -> Problem {
    let meeting = process.step(&stepped.step).and_then(|step| step.meets);
    let problem = Problem::new(why);
    match meeting.filter(|_| stepped.deed == Deed::Done && problem.what.contains(" cannot be done: ")) {
        Some(Meeting::Triage) => {
            problem.hint("entries `event` and `notice` link what it began with; the reason is that of the step (`reason`)")
        }
        Some(Meeting::Closing) if problem.what.contains("closing questions") => problem.hint(
            "`concert incident process N answer`, or an entry `feedback`, whose `answers` are [] where there is nothing to change",
        ),
        Some(Meeting::Notify) => problem.hint("`concert incident write N host host=... party=...`, then `party party=... status=told`"),
        Some(Meeting::Findings) => problem.hint(
            "`concert incident write N indicators finding=... observables='[{\"of\": \"ip\", \"value\": \"192.0.2.7\"}]'`, or `observables='[]' reason=...`",
        ),
        _ => problem,
    }
}

/// Answers are about steps that the process has; where something is missing may also be its beginning.
fn answers(process: &Process, answers: &[Answer]) -> Result<(), Refused> {
    for Answer { step, verdict, .. } in answers {
        if process.step(step).is_some() || step.is_empty() && *verdict == Verdict::Missing {
            continue;
        }
        let known = process.steps.iter().map(|step| step.id.as_str());
        let hint = meant(step, known, "the steps are those of `concert incident process`");
        return Err(Refused::Wrong(Problem::new(format!("the process has no step `{step}`")).hint(hint)));
    }
    Ok(())
}

/// An incident is closed when every process in it has come to its end.
fn closes(state: &Incident, now: Time) -> Result<(), Refused> {
    for (name, run) in state.runs.iter().filter(|(_, run)| run.goes_on()) {
        let process = process_of(state, name)?;
        if Progress::of(&process, run, state, known(state, now)).ended().is_none() {
            let problem = Problem::new(format!("the process {} (run `{name}`) has not come to its end", run.name));
            return Err(Refused::Wrong(problem.hint("`concert incident process` shows what is left to do")));
        }
    }
    Ok(())
}

/// What has come into force in an incident and is not written down yet, of each run.
fn defaults(state: &Incident, now: Time) -> Vec<Vec<Stepped>> {
    let mut all = Vec::new();
    for (name, run) in state.runs.iter().filter(|(_, run)| run.goes_on()) {
        if let Ok(process) = process_of(state, name) {
            all.push(Progress::of(&process, run, state, known(state, now)).defaults());
        }
    }
    all.retain(|of_run| !of_run.is_empty());
    all
}

impl Incidents {
    /// Writes down what has come into force because nobody decided in time. Gives the number of entries.
    pub async fn settle_defaults(&self, now: Time) -> Result<u64, Problem> {
        let (mut written, mut going_on) = (0, BTreeSet::new());
        for Head { id, status, .. } in self.store.records.incidents_with(text::PROCESSES).await? {
            match status.as_str() {
                CLOSED => {}
                // What was merged goes on in the incident that shows it.
                MERGED => drop(going_on.insert(self.merged_at_last(&id).await?)),
                _ => drop(going_on.insert(id)),
            }
        }
        for id in going_on {
            let case = self.case(&id).await?;
            if case.head.status == Status::Closed || case.head.merged_into().is_some() {
                continue;
            }
            for due in defaults(&self.whole(&case).await?, now) {
                let itself = Person::operator(BY_ITSELF);
                let draft = |stepped: Stepped| Draft { content: stepped.into(), marking: None, minutes: 0 };
                let drafts: Vec<Draft> = due.into_iter().map(draft).collect();
                match self.write(Ask::new(&itself, now), &id, drafts).await {
                    Ok(done) => written += done.entries.len() as u64,
                    Err(Refused::Failed(problem)) => return Err(problem),
                    // Somebody wrote meanwhile; it is looked at again next time.
                    Err(other) => tracing::debug!(incident = id, "a default was not written: {other:?}"),
                }
            }
        }
        Ok(written)
    }

    /// Where what is written of runs stands: in the incident in which they were begun, by their names there. `None` where
    /// that is the one that is named.
    pub(super) async fn home_of_runs(
        &self,
        person: &Person,
        name: &str,
        drafts: &mut [Draft],
    ) -> Result<Option<String>, Refused> {
        if !drafts.iter_mut().any(|draft| run_of(&mut draft.content).is_some()) {
            return Ok(None);
        }
        let (case, circle) = self.find(person, name).await?;
        if case.joins.is_empty() {
            return Ok(None);
        }
        let (state, _) = self.put_together(person, (&case, &circle)).await?;
        let mut homes: BTreeSet<Option<String>> = BTreeSet::new();
        for draft in drafts {
            let Some(run) = run_of(&mut draft.content) else {
                homes.insert(None);
                continue;
            };
            let home = state.runs.get(run.as_str()).and_then(|known| known.home.as_ref());
            homes.insert(home.map(|home| home.incident.clone()));
            if let Some(home) = home {
                run.clone_from(&home.run);
            }
        }
        let several = homes.len() > 1;
        match homes.pop_first().flatten().filter(|_| !several) {
            _ if several => {
                let problem = Problem::new("what is done in a run that another incident shows here is written there");
                Err(Refused::Wrong(problem.hint("write it by itself, without entries of others")))
            }
            home => Ok(home),
        }
    }

    /// The incident in which the runs go on of one that was merged, where all these entries are about runs and the person
    /// sees the way there.
    pub(super) async fn goes_on_in(
        &self,
        change: &mut Change<'_>,
        person: &Person,
        case: &Case,
        drafts: &[Draft],
    ) -> Result<Option<Case>, Problem> {
        if !are_of_runs(drafts) {
            return Ok(None);
        }
        let (mut next, mut last) = (case.head.merged_into().map(str::to_owned), None);
        for _ in 0..SHOWN_MAX {
            let Some(id) = next.take() else { break };
            let other = self.case_in(change, &id).await?;
            if !may(person, Action::See, Object::Incident(&self.circle(&other))).allowed {
                return Ok(None);
            }
            next = other.head.merged_into().map(str::to_owned);
            last = Some(other);
        }
        Ok(last)
    }

    /// The state by which it is told how the processes of an incident stand: those of one that was merged are judged by
    /// all that shows where they go on.
    pub async fn followed(&self, person: &Person, name: &str) -> Result<Arc<Incident>, Refused> {
        let own = self.show(person, name).await?;
        let (case, _) = self.find(person, name).await?;
        let Some(other) = self.shows_in(person, &case).await?.filter(|_| !own.runs.is_empty()) else {
            return Ok(own);
        };
        let whole = self.show(person, &other).await?;
        // Each as it stands there, by its name here.
        let mut state = Incident::clone(&whole);
        state.runs = own.runs.clone();
        Ok(Arc::new(state))
    }
}
