//! Questions to all incidents at once: which clocks run out next.

use concert_model::Time;
use concert_model::access::Person;
use concert_model::incident::content::Status;
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
