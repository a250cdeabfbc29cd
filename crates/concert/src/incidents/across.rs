//! Questions to all incidents at once: what work they took, and how processes went.

use std::collections::BTreeMap;
use std::sync::Arc;

use concert_model::Time;
use concert_model::access::{Action, Circle, Object, Person, may};
use concert_model::incident::content::{Content, Effort};
use concert_model::incident::marking::Marking;
use concert_model::incident::process::numbers::{Numbers, Tally, Wanted};
use concert_store::records::incidents::Head;

use super::audit::Reads;
use super::case::Case;
use super::read::circle_of;
use super::{Incidents, Refused, text};

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
    /// Time spent on an incident, or on all of them, as far as a person sees it.
    pub async fn spent(&self, person: &Person, name: Option<&str>) -> Result<Vec<Spent>, Refused> {
        let mut spent = Vec::new();
        if let Some(name) = name {
            let (case, circle) = self.find(person, name).await?;
            let markings = spent_on(person, &case, &circle, &mut spent);
            self.audit_read(person, &case.head.number, markings.into_iter()).await?;
            return Ok(spent);
        }
        let mut reads = Reads::default();
        for head in self.store.records.incidents_with(text::EFFORT).await? {
            if let Some((case, circle)) = self.found_as(person, &head).await? {
                reads.add(&case.head.number, spent_on(person, &case, &circle, &mut spent).into_iter());
            }
        }
        self.audit_reads(person, reads).await?;
        Ok(spent)
    }

    /// What became of the processes that were followed in incidents, by their names, as far as a person sees it.
    pub async fn process_numbers(&self, person: &Person, wanted: Wanted) -> Result<BTreeMap<String, Numbers>, Refused> {
        let (mut tally, mut reads) = (Tally::new(wanted), Reads::default());
        for head in self.store.records.incidents_with(text::PROCESSES).await? {
            let Some((case, circle)) = self.found_as(person, &head).await? else { continue };
            reads.add(&case.head.number, case.markings(&circle, person));
            tally.add(&self.states.of(&case, &circle, person));
        }
        self.audit_reads(person, reads).await?;
        Ok(tally.finish())
    }

    /// An incident of many, which is left out where it is missing for the person.
    pub(super) async fn found(&self, person: &Person, id: &str) -> Result<Option<(Arc<Case>, Circle)>, Refused> {
        let Some(head) = self.store.records.incident(id).await? else { return Ok(None) };
        self.found_as(person, &head).await
    }

    /// The same where it is known how it stands in lists: whoever asks about thousands asks the records once.
    pub(super) async fn found_as(&self, person: &Person, head: &Head) -> Result<Option<(Arc<Case>, Circle)>, Refused> {
        // What lists go by is asked first, so that no journal is read for somebody who may not see it.
        if !may(person, Action::See, Object::Incident(&circle_of(head))).allowed {
            return Ok(None);
        }
        let held = self.held().get(&head.id).filter(|case| case.last >= head.changed);
        let case = match held {
            Some(case) => case,
            None => self.case(&head.id).await?,
        };
        let circle = self.circle(&case);
        let is_seen = may(person, Action::See, Object::Incident(&circle)).allowed;
        Ok(is_seen.then_some((case, circle)))
    }
}

/// Takes up what was spent on an incident, as far as a person sees it. Gives how that is marked.
fn spent_on<'c>(person: &'c Person, case: &'c Case, circle: &'c Circle, spent: &mut Vec<Spent>) -> Vec<&'c Marking> {
    let mut markings = Vec::new();
    for kept in case.seen_by(circle, person) {
        let Some((body, Content::Effort(effort))) = &kept.body else { continue };
        markings.push(&body.marking);
        let (number, classification) = (case.head.number.clone(), case.head.classification.clone());
        spent.push(Spent { number, classification, time: kept.header.stamp.time, effort: effort.clone() });
    }
    markings
}
