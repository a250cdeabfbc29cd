//! What may be done with a step, and the sentence that says why not.

use super::super::super::content::{Deed, Stepped};
use super::super::definition::{Kind, Meeting, Step};
use super::{Progress, State};
use crate::Time;

impl<'a> Progress<'a> {
    /// Whether a person may do this now. The error says in a sentence why not.
    ///
    /// Who may write into an incident at all is not decided here, nor who decides between containing and holding:
    /// see [`Self::decides`].
    pub fn may(&self, stepped: &Stepped) -> Result<(), String> {
        let step = self.fits(stepped, self.known.now)?;
        // Here a point that lacks something again is not settled.
        let is_settled = self.moments.get(step.id.as_str()).is_some_and(|moment| moment.settled.is_some());
        if stepped.deed == Deed::Done && is_settled {
            return Err(format!("`{}` is settled already", step.id));
        }
        if stepped.deed == Deed::Done {
            let lacking = self.lacking(step, &stepped.reason);
            if !lacking.is_empty() {
                let sentences: Vec<String> = lacking.into_iter().map(|lack| lack.sentence).collect();
                return Err(format!("`{}` cannot be done: {}", step.id, sentences.join("; ")));
            }
        }
        Ok(())
    }

    /// Whether a person is among those who take a decision: one between containing and holding is for whoever holds its
    /// role. The error says in a sentence whose it is.
    pub fn decides(&self, stepped: &Stepped, person: &str) -> Result<(), String> {
        let step = self.process.step(&stepped.step).filter(|step| step.meets == Some(Meeting::Contain));
        match step.and_then(|step| Some((step, step.role?))) {
            Some((step, role))
                if matches!(stepped.deed, Deed::Chosen | Deed::Held)
                    && self.incident.roles_of(person).all(|held| held != role) =>
            {
                Err(format!("`{}` is decided by {}, which {person} is not", step.id, role.word()))
            }
            _ => Ok(()),
        }
    }

    /// The defaults that have come into force and are not written down yet. Writing them is what makes
    /// them hold.
    pub fn defaults(&self) -> Vec<Stepped> {
        let mut all = Vec::new();
        for step in &self.ordered {
            let (Some(default), State::Ready { due: Some(due), .. }) = (&step.default, self.state(step)) else {
                continue;
            };
            if self.known.now >= due {
                all.push(Stepped {
                    run: self.run_name().to_owned(),
                    step: step.id.clone(),
                    deed: Deed::Defaulted,
                    outcome: default.clone(),
                    until: None,
                    reason: format!("nobody decided until {due}"),
                });
            }
        }
        all
    }

    fn run_name(&self) -> &'a str {
        let mut runs = self.incident.runs.iter();
        runs.find(|(_, run)| std::ptr::eq(*run, self.run)).map_or("", |(name, _)| name.as_str())
    }

    /// Whether a mark could be written at a moment, going by the marks before it alone.
    pub(super) fn fits(&self, stepped: &Stepped, at: Time) -> Result<&'a Step, String> {
        let id = &stepped.step;
        let step = self.process.step(id).ok_or_else(|| format!("the process has no step `{id}`"))?;
        let moment = self.moments.get(id.as_str()).copied().unwrap_or_default();
        if moment.passed_over {
            return Err(format!("`{id}` lies on a branch that was not taken"));
        }
        let Some(since) = moment.since else { return Err(self.waits_for(step)) };
        // What meets may be done again: something may have turned up since.
        if moment.settled.is_some() && !(step.meets.is_some() && stepped.deed == Deed::Done) {
            return Err(format!("`{id}` is settled already"));
        }
        self.suits(step, stepped, at, since).map(|()| step)
    }

    /// Whether the deed is one for this step, which is ready.
    fn suits(&self, step: &Step, stepped: &Stepped, at: Time, since: Time) -> Result<(), String> {
        let id = &step.id;
        let refuse = |why: String| Err(why);
        let is_decision = step.kind == Kind::Decision;
        match stepped.deed {
            Deed::Done if is_decision => {
                refuse(format!("`{id}` is a decision: choose one of {}", step.outcomes.join(", ")))
            }
            Deed::Skipped if is_decision => {
                refuse(format!("`{id}` is a decision and is not skipped: choose one of {}", step.outcomes.join(", ")))
            }
            Deed::Skipped if step.meets.is_some() => {
                refuse(format!("`{id}` is a point where response and investigation meet, and is not skipped"))
            }
            Deed::Skipped if stepped.reason.trim().is_empty() => refuse(format!("to skip `{id}` needs a reason")),
            Deed::Done | Deed::Skipped => Ok(()),
            Deed::Chosen | Deed::Defaulted | Deed::Held if !is_decision => refuse(format!("`{id}` is no decision")),
            Deed::Chosen if !step.outcomes.contains(&stepped.outcome) => refuse(format!(
                "`{}` is no outcome of `{id}`: choose one of {}",
                stepped.outcome,
                step.outcomes.join(", ")
            )),
            Deed::Asked if step.meets != Some(Meeting::Contain) => refuse(format!("`{id}` cannot be held")),
            Deed::Asked if stepped.reason.trim().is_empty() => {
                refuse(format!("to ask that `{id}` be held needs a reason"))
            }
            Deed::Chosen | Deed::Held | Deed::Asked if let Some(default) = self.in_force(step, at, since) => {
                refuse(format!("nobody decided `{id}` in time, so `{default}` has come into force"))
            }
            Deed::Chosen | Deed::Asked => Ok(()),
            Deed::Held => self.may_hold(step, stepped, at, since),
            Deed::Defaulted => match self.deadline(step, since) {
                Some(deadline) if step.default.as_ref() == Some(&stepped.outcome) => match at < deadline {
                    true => refuse(format!("`{id}` may be decided until {deadline}")),
                    false => Ok(()),
                },
                _ => refuse(format!("`{}` is not the default of `{id}`", stepped.outcome)),
            },
        }
    }

    /// The default of a ready decision whose deadline has passed.
    fn in_force<'s>(&self, step: &'s Step, at: Time, since: Time) -> Option<&'s str> {
        let deadline = self.deadline(step, since)?;
        step.default.as_deref().filter(|_| at >= deadline)
    }

    fn may_hold(&self, step: &Step, stepped: &Stepped, at: Time, since: Time) -> Result<(), String> {
        let latest = since.plus_seconds(step.hold_seconds_max);
        if step.meets != Some(Meeting::Contain) {
            return Err(format!("`{}` cannot be held", step.id));
        }
        if stepped.reason.trim().is_empty() {
            return Err(format!("to hold `{}` needs a reason", step.id));
        }
        match stepped.until {
            // The default would come into force at once, and nobody could decide otherwise any more.
            Some(until) if Time(until) <= at => {
                Err(format!("`{}` is held until a moment to come; {} is past", step.id, Time(until)))
            }
            Some(until) if Time(until) <= latest => Ok(()),
            Some(_) => Err(format!("`{}` may be held until {latest} and no longer", step.id)),
            None => Err(format!("to hold `{}` needs a deadline", step.id)),
        }
    }

    /// What a step waits for, in a sentence.
    fn waits_for(&self, step: &Step) -> String {
        let mut parts = Vec::new();
        for id in self.open_needs(step) {
            let Some(needed) = self.process.step(id) else { continue };
            let since = self.moments.get(id).and_then(|moment| moment.since);
            let deadline = since.and_then(|since| self.deadline(needed, since));
            parts.push(match (&needed.default, deadline) {
                (Some(default), Some(deadline)) => {
                    format!("`{id}`, which {} decides; at {deadline} `{default}` comes into force", needed.role_word())
                }
                _ => format!("`{id}`"),
            });
        }
        format!("`{}` waits for {}", step.id, parts.join(" and "))
    }
}
