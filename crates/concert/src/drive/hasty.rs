//! Parties that wish to be told at once, whatever the schedule of a notice says.
//!
//! Their events are told as soon as they are stored, ahead of the rest of the kind, like groups that have
//! grown large enough.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use concert_model::{Event, Field, Party};
use concert_pipeline::enrich::Constituents;
use concert_pipeline::group::schedule::When;

/// Who wishes it, and keys of groups of theirs that wait, for each kind of notice with a schedule.
#[derive(Default)]
pub(super) struct Hasty {
    parties: HashSet<Box<str>>,
    known: Option<Arc<Constituents>>,
    keys: BTreeMap<usize, HashSet<Box<[u8]>>>,
}

impl Hasty {
    /// Takes up who wishes it from constituents. Says whether events that wait must be looked at, because
    /// others wish it than before.
    pub(super) fn refresh(&mut self, constituents: &Arc<Constituents>) -> bool {
        if self.known.as_ref().is_some_and(|known| Arc::ptr_eq(known, constituents)) {
            return false;
        }
        self.known = Some(Arc::clone(constituents));
        let parties = constituents.parties().iter().filter(|party| wishes(party));
        let parties: HashSet<Box<str>> = parties.map(|party| party.name.as_str().into()).collect();
        let is_new = parties != self.parties;
        self.parties = parties;
        is_new
    }

    /// Whether nobody wishes it, as on most sites.
    pub(super) fn is_empty(&self) -> bool {
        self.parties.is_empty()
    }

    /// Whether an event is of somebody who does.
    pub(super) fn wants(&self, event: &Event<'_>) -> bool {
        !self.is_empty() && event.text(Field::PARTY).is_some_and(|party| self.parties.contains(&*party))
    }

    /// Whether a party does.
    pub(super) fn is_of(&self, party: &str) -> bool {
        self.parties.contains(party)
    }

    /// Remembers that a group waits.
    pub(super) fn waits(&mut self, index: usize, key: &[u8]) {
        let keys = self.keys.entry(index).or_default();
        if !keys.contains(key) {
            keys.insert(key.into());
        }
    }

    /// The groups of a kind that wait; they wait no longer.
    pub(super) fn take(&mut self, index: usize) -> Vec<Box<[u8]>> {
        self.keys.remove(&index).into_iter().flatten().collect()
    }
}

fn wishes(party: &Party) -> bool {
    let is_hasty = |schedule: &str| !schedule.is_empty() && When::parse(schedule).is_ok_and(|when| when.is_at_once());
    party.contacts.iter().any(|contact| is_hasty(&contact.schedule))
}

#[cfg(test)]
mod tests {
    use super::*;
    use concert_model::Contact;

    #[test]
    fn only_who_asks_for_it_is_hasty() {
        let party = |name: &str, schedule: &str| Party {
            name: name.into(),
            contacts: vec![Contact { schedule: schedule.into(), ..Contact::default() }],
            ..Party::default()
        };
        let some = Arc::new(Constituents::new(vec![party("A", "at once"), party("B", "at 06:00"), party("C", "")]));
        let mut hasty = Hasty::default();
        assert!(hasty.refresh(&some) && !hasty.refresh(&some));
        assert_eq!(["A", "B", "C"].map(|name| hasty.is_of(name)), [true, false, false]);
        hasty.waits(1, b"x");
        hasty.waits(1, b"x");
        assert_eq!((hasty.take(1), hasty.take(1)), (vec![b"x".as_slice().into()], vec![]));
        assert!(hasty.refresh(&Arc::new(Constituents::default())) && hasty.is_empty());
    }
}
