//! Questions to all incidents at once: which clocks run out next, and what work they took.

use concert_model::Time;
use concert_model::access::Person;
use concert_model::incident::content::{Content, Effort, Status};
use concert_model::incident::fold::Incident;
use concert_store::records::incidents::Head;

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
            let Some((head, state)) = self.seen_whole(person, &id).await? else { continue };
            if state.status == Status::Closed {
                continue;
            }
            for (name, clock) in state.clocks.into_iter().filter(|(_, clock)| clock.met.is_none()) {
                let (since, due) = (Time(clock.since), Time(clock.due));
                running.push(RunningClock { head: head.clone(), name, since, due });
            }
        }
        running.sort_by(|one, other| (one.due, &one.head.number).cmp(&(other.due, &other.head.number)));
        Ok(running)
    }

    /// Time spent on an incident, or on all of them, as far as a person sees it.
    pub async fn spent(&self, person: &Person, name: Option<&str>) -> Result<Vec<Spent>, Refused> {
        let names = match name {
            Some(name) => vec![name.to_owned()],
            None => self.store.records.incidents_with(text::EFFORT).await?,
        };
        let mut spent = Vec::new();
        for id in names {
            let (case, circle) = match self.find(person, &id).await {
                Ok(found) => found,
                // Of many, those that are missing for the person are left out; the one that was asked for is told.
                Err(Refused::Missing) if name.is_none() => continue,
                Err(refused) => return Err(refused),
            };
            let state = &case.head;
            for kept in case.seen_by(&circle, person) {
                let Some((_, Content::Effort(effort))) = &kept.body else { continue };
                let (number, classification) = (state.number.clone(), state.classification.clone());
                spent.push(Spent { number, classification, time: kept.header.stamp.time, effort: effort.clone() });
            }
        }
        Ok(spent)
    }

    /// An incident as a person sees it; nothing where it is missing.
    async fn seen_whole(&self, person: &Person, id: &str) -> Result<Option<(Head, Incident)>, Refused> {
        let Some(head) = self.store.records.incident(id).await? else { return Ok(None) };
        match self.show(person, id).await {
            Ok(state) => Ok(Some((head, state))),
            Err(Refused::Missing) => Ok(None),
            Err(refused) => Err(refused),
        }
    }
}
