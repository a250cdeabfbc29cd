//! Questions to all incidents at once: which clocks run out next, and what work they took.

use std::sync::Arc;

use concert_model::Time;
use concert_model::access::{Circle, Person};
use concert_model::incident::content::{Content, Effort, Status};
use concert_store::records::incidents::Head;
use serde_json::{Value, json};

use super::case::{Case, Kept};
use super::{Incidents, Refused, text};

/// A clock of a law that is not met yet.
pub struct RunningClock {
    /// The incident.
    pub head: Head,
    /// The clock.
    pub name: String,
    /// Since when it runs.
    pub since: Time,
    /// Until when.
    pub due: Time,
}

impl RunningClock {
    /// As commands and the API give it.
    pub fn json(&self, now: Time) -> Value {
        let state = if self.due < now { "overdue" } else { "running" };
        json!({"due": self.due.to_string(), "state": state, "clock": self.name, "incident": self.head.number,
            "id": self.head.id, "title": self.head.title, "since": self.since.to_string()})
    }
}

/// Time that somebody spent on an incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spent {
    /// The number of the incident.
    pub number: String,
    /// Its type.
    pub classification: String,
    /// When it was written down.
    pub time: Time,
    /// How long, by whom, for whom and for what.
    pub effort: Effort,
}

impl Incidents {
    /// Clocks that run in incidents that are not closed, as far as a person sees them, soonest first.
    pub async fn clocks_running(&self, person: &Person) -> Result<Vec<RunningClock>, Refused> {
        let mut running = Vec::new();
        for id in self.store.records.incidents_with(text::CLOCKS).await? {
            let Some(head) = self.store.records.incident(&id).await? else { continue };
            let Some((case, circle)) = self.found(person, &id).await? else { continue };
            if case.head.status == Status::Closed {
                continue;
            }
            let is_clock =
                |kept: &Kept| matches!(kept.body, Some((_, Content::ClockStarted(_) | Content::ClockMet(_))));
            let clocks = case.seen_by(&circle, person).filter(|kept| is_clock(kept));
            self.audit_read(person, &head.number, clocks.filter_map(|kept| kept.marking())).await?;
            let state = self.states.of(&case, &circle, person);
            for (name, clock) in state.clocks.iter().filter(|(_, clock)| clock.met.is_none()) {
                let (since, due) = (Time(clock.since), Time(clock.due));
                running.push(RunningClock { head: head.clone(), name: name.clone(), since, due });
            }
        }
        running.sort_by(|one, other| (one.due, &one.head.number).cmp(&(other.due, &other.head.number)));
        Ok(running)
    }

    /// Time spent on an incident, or on all of them, as far as a person sees it.
    pub async fn spent(&self, person: &Person, name: Option<&str>) -> Result<Vec<Spent>, Refused> {
        let mut spent = Vec::new();
        if let Some(name) = name {
            let (case, circle) = self.find(person, name).await?;
            self.spent_on(person, &case, &circle, &mut spent).await?;
            return Ok(spent);
        }
        for id in self.store.records.incidents_with(text::EFFORT).await? {
            if let Some((case, circle)) = self.found(person, &id).await? {
                self.spent_on(person, &case, &circle, &mut spent).await?;
            }
        }
        Ok(spent)
    }

    async fn spent_on(
        &self,
        person: &Person,
        case: &Case,
        circle: &Circle,
        spent: &mut Vec<Spent>,
    ) -> Result<(), Refused> {
        let mut markings = Vec::new();
        for kept in case.seen_by(circle, person) {
            let Some((body, Content::Effort(effort))) = &kept.body else { continue };
            markings.push(&body.marking);
            let (number, classification) = (case.head.number.clone(), case.head.classification.clone());
            spent.push(Spent { number, classification, time: kept.header.stamp.time, effort: effort.clone() });
        }
        Ok(self.audit_read(person, &case.head.number, markings.into_iter()).await?)
    }

    /// An incident of many, which is left out where it is missing for the person.
    pub(super) async fn found(&self, person: &Person, id: &str) -> Result<Option<(Arc<Case>, Circle)>, Refused> {
        match self.find(person, id).await {
            Ok(found) => Ok(Some(found)),
            Err(Refused::Missing) => Ok(None),
            Err(refused) => Err(refused),
        }
    }
}
