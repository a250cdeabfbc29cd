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
use super::together::{Source, shown};
use super::{Incidents, Refused, text};

/// Time that somebody spent on an incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spent {
    /// The number of the incident in which it shows.
    pub number: String,
    /// Its type.
    pub classification: String,
    /// When it was written down.
    pub time: Time,
    /// How long, by whom, for whom and for what.
    pub effort: Effort,
}

impl Incidents {
    /// Time spent on an incident with what shows in it, or on all of them, as far as a person sees it. Over all of them
    /// each entry counts once, in the incident that goes on with it.
    pub async fn spent(&self, person: &Person, name: Option<&str>) -> Result<Vec<Spent>, Refused> {
        let mut spent = Vec::new();
        if let Some(name) = name {
            let (case, circle) = self.find(person, name).await?;
            let sources = self.sources(person, &case).await?;
            let mut read: BTreeMap<&str, Vec<&Marking>> = BTreeMap::new();
            for (number, marking) in spent_on(person, (&case, &circle), &sources, &mut spent) {
                read.entry(number).or_default().push(marking);
            }
            for (number, markings) in read {
                self.audit_read(person, number, markings.into_iter()).await?;
            }
            return Ok(spent);
        }
        let mut reads = Reads::default();
        let mut heads = self.store.records.incidents_with(text::EFFORT).await?;
        heads.extend(self.store.records.incidents_with(text::JOINED).await?);
        heads.sort_by(|one, other| one.id.cmp(&other.id));
        heads.dedup_by(|one, other| one.id == other.id);
        for head in heads {
            let Some((case, circle)) = self.found_as(person, &head).await? else { continue };
            // What was merged counts where it shows; for whoever does not see that, nothing was.
            if self.shows_in(person, &case).await?.is_some() {
                continue;
            }
            let sources = self.sources(person, &case).await?;
            for (number, marking) in spent_on(person, (&case, &circle), &sources, &mut spent) {
                reads.add(number, std::iter::once(marking));
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

/// Takes up what was spent on an incident and on what shows in it, as far as a person sees it. Gives how that is marked,
/// with the number of the incident in which it stands.
fn spent_on<'c>(
    person: &'c Person,
    own: (&'c Case, &'c Circle),
    sources: &'c [Source],
    spent: &mut Vec<Spent>,
) -> Vec<(&'c str, &'c Marking)> {
    let mut markings = Vec::new();
    let head = &own.0.head;
    for (case, kept) in shown(own, sources, Some(person)) {
        let Some((body, Content::Effort(effort))) = &kept.body else { continue };
        markings.push((case.head.number.as_str(), &body.marking));
        let (number, classification) = (head.number.clone(), head.classification.clone());
        spent.push(Spent { number, classification, time: kept.header.stamp.time, effort: effort.clone() });
    }
    markings
}
