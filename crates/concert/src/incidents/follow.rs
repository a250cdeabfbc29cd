//! Processes that are followed in an incident: the engine is asked before anything of them is written,
//! and what comes into force by itself is written down.

use concert_model::access::{BY_ITSELF, Circle, Decision, Person};
use concert_model::incident::Status;
use concert_model::incident::content::{Answer, Content, Deed, Stepped, Verdict};
use concert_model::incident::draft::Draft;
use concert_model::incident::fold::Incident;
use concert_model::incident::process::{Known, Meeting, Process, Progress};
use concert_model::problem::meant;
use concert_model::{Problem, Time};
use concert_store::records::incidents::Head;

use super::case::Case;
use super::together::Together;
use super::write::{MERGED, wrong};
use super::{Ask, Incidents, Refused, text};

/// What the engine knows of an incident now.
pub fn known(state: &Incident, now: Time) -> Known {
    let open = state.evidence.values().filter(|exhibit| !exhibit.is_accounted_for()).count() as u64;
    Known { now, open_custody: open }
}

/// The process of a run that the incident has.
fn process_of(state: &Incident, run: &str) -> Result<Process, Refused> {
    let found = state.runs.get(run).ok_or_else(|| {
        let runs: Vec<&str> = state.runs.keys().map(String::as_str).collect();
        let hint = if runs.is_empty() {
            "no process was started here".to_owned()
        } else {
            format!("runs: {}", runs.join(", "))
        };
        Refused::Absent(Problem::new(format!("there is no run `{run}`")).hint(hint))
    })?;
    found.process().map_err(|mut problems| match problems.is_empty() {
        true => wrong("the process of this run cannot be read"),
        false => Refused::Wrong(problems.swap_remove(0)),
    })
}

/// Whether a draft may be written now, as far as processes have a say in it. Rules hold for all that is
/// written and shows in the incident, also for what the person does not see; what a refusal says comes of what the
/// person sees alone.
pub(super) fn check(
    person: &Person,
    (case, circle): (&Case, &Circle),
    together: &Together,
    now: Time,
    content: &Content,
) -> Result<(), Refused> {
    if rules(person, &together.whole(case), now, content).is_ok() {
        return Ok(());
    }
    rules(person, &together.seen(person, (case, circle)), now, content)?;
    Err(wrong("something in this incident that you may not see speaks against it; ask whoever coordinates it"))
}

/// Whether processes have a say in it: most of what is written says nothing of them.
pub(super) fn concerns(content: &Content) -> bool {
    matches!(content, Content::Started(_) | Content::Stepped(_) | Content::Answered(_))
        || matches!(content, Content::Moved(moved) if moved.status == Status::Closed)
}

fn rules(person: &Person, state: &Incident, now: Time, content: &Content) -> Result<(), Refused> {
    match content {
        Content::Started(started) if state.runs.contains_key(&started.run) => {
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
        Content::Answered(answered) => answers(&process_of(state, &answered.run)?, &answered.answers),
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
    for (name, run) in &state.runs {
        let process = process_of(state, name)?;
        if Progress::of(&process, run, state, known(state, now)).ended().is_none() {
            let problem = Problem::new(format!("the process {} (run `{name}`) has not come to its end", run.name));
            return Err(Refused::Wrong(problem.hint("`concert incident process` shows what is left to do")));
        }
    }
    Ok(())
}

/// What has come into force in an incident and is not written down yet.
fn defaults(state: &Incident, now: Time) -> Vec<Stepped> {
    let mut all = Vec::new();
    for (name, run) in &state.runs {
        if let Ok(process) = process_of(state, name) {
            all.extend(Progress::of(&process, run, state, known(state, now)).defaults());
        }
    }
    all
}

impl Incidents {
    /// Writes down what has come into force because nobody decided in time. Gives the number of entries.
    pub async fn settle_defaults(&self, now: Time) -> Result<u64, Problem> {
        let mut written = 0;
        for Head { id, status, .. } in self.store.records.incidents_with(text::PROCESSES).await? {
            // In one that was merged nothing goes on.
            if status == text::word(Status::Closed) || status == MERGED {
                continue;
            }
            let due = defaults(&self.whole(&*self.case(&id).await?).await?, now);
            if due.is_empty() {
                continue;
            }
            let itself = Person::operator(BY_ITSELF);
            let drafts: Vec<Draft> =
                due.into_iter().map(|stepped| Draft { content: stepped.into(), marking: None, minutes: 0 }).collect();
            match self.write(Ask::new(&itself, now), &id, drafts).await {
                Ok(done) => written += done.entries.len() as u64,
                Err(Refused::Failed(problem)) => return Err(problem),
                // Somebody wrote meanwhile; it is looked at again next time.
                Err(other) => tracing::debug!(incident = id, "a default was not written: {other:?}"),
            }
        }
        Ok(written)
    }
}
