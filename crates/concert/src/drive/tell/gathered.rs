//! What a kind of notice gathers of events: groups by key, and what it takes of events that have no place yet.

use std::collections::HashMap;

use concert_model::incident::Tlp;
use concert_model::{Event, Field, ProblemKey, Time};
use concert_store::Members;

use super::Kind;
use crate::drive::live;

/// Events of one kind being gathered.
#[derive(Default)]
pub(super) struct Gathered {
    pub(super) numbers: HashMap<Box<[u8]>, usize>,
    pub(super) groups: Vec<Group>,
    last: usize,
    pub(super) again: Vec<Again>,
}

pub(super) struct Group {
    pub(super) key: Box<[u8]>,
    pub(super) party: String,
    pub(super) members: Members,
    /// The strictest label that its events bear.
    pub(super) tlp: Option<Tlp>,
}

/// An event whose problem was seen before; whether it is told depends on when the problem was.
pub(super) struct Again {
    pub(super) group: usize,
    pub(super) batch: u64,
    pub(super) row: u32,
    pub(super) past: Past,
}

/// What is known of a problem that was seen before.
#[derive(Clone, Copy)]
pub(super) struct Past {
    pub(super) problem: ProblemKey,
    pub(super) time: Time,
    pub(super) previous: Time,
}

fn past(event: &Event<'_>) -> Option<Past> {
    let previous = event.time(Field::TIME_PREVIOUS)?;
    Some(Past { problem: event.row().key, time: concert_store::events::time_of(event), previous })
}

impl Gathered {
    pub(super) fn add(&mut self, kind: &Kind, event: &Event<'_>, batch: u64, row: u32, scratch: &mut Vec<u8>) {
        if kind.takes(event) {
            scratch.clear();
            kind.group_by.write(event, scratch);
            let party = event.text(Field::PARTY).unwrap_or_default();
            self.put(scratch, || party.into_owned(), live::label(event), batch, row, past(event));
        }
    }

    /// Leaves out groups by their keys.
    pub(super) fn leave_out(&mut self, is_out: impl Fn(&[u8]) -> bool) {
        let out: Vec<bool> = self.groups.iter().map(|group| is_out(&group.key)).collect();
        self.again.retain(|again| !out.get(again.group).copied().unwrap_or(false));
        for (group, is_out) in self.groups.iter_mut().zip(out) {
            if is_out {
                group.members = Members::default();
            }
        }
    }

    /// Whose the group is is asked only when it is a new one.
    fn put(
        &mut self,
        key: &[u8],
        party: impl FnOnce() -> String,
        tlp: Option<Tlp>,
        batch: u64,
        row: u32,
        past: Option<Past>,
    ) {
        let number = self.group(key, party);
        let Some(group) = self.groups.get_mut(number) else { return };
        group.tlp = group.tlp.max(tlp);
        match past {
            Some(past) => self.again.push(Again { group: number, batch, row, past }),
            None => group.members.add(batch, row),
        }
    }

    /// Events come sorted, so the group before is mostly the one wanted.
    fn group(&mut self, key: &[u8], party: impl FnOnce() -> String) -> usize {
        if self.groups.get(self.last).is_some_and(|group| *group.key == *key) {
            return self.last;
        }
        self.last = match self.numbers.get(key) {
            Some(number) => *number,
            None => {
                let number = self.groups.len();
                self.numbers.insert(key.into(), number);
                self.groups.push(Group { key: key.into(), party: party(), members: Members::default(), tlp: None });
                number
            }
        };
        self.last
    }
}

/// A kind that is told at once: what it has gathered, and what it takes of events that have no place
/// yet.
#[derive(Default)]
pub(super) struct AtOnce {
    pub(super) index: usize,
    pub(super) gathered: Gathered,
    /// Whether the kind takes each of the events seen.
    taken: Vec<bool>,
    /// Their keys, parties and labels: apart, because all keys are looked at again, in another order, and few
    /// parties.
    keys: Pieces,
    parties: Pieces,
    labels: Vec<Option<Tlp>>,
    past: HashMap<usize, Past>,
}

/// Texts behind each other.
#[derive(Default)]
struct Pieces {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Pieces {
    fn push(&mut self, piece: &[u8]) {
        self.bytes.extend_from_slice(piece);
        self.ends.push(self.bytes.len());
    }

    fn get(&self, at: usize) -> &[u8] {
        let start = at.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        self.ends.get(at).and_then(|end| self.bytes.get(start..*end)).unwrap_or_default()
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }
}

impl AtOnce {
    /// The kind at an index of the settings.
    pub(super) fn of(index: usize) -> Self {
        Self { index, ..Self::default() }
    }

    pub(super) fn see(&mut self, kind: &Kind, event: &Event<'_>, scratch: &mut Vec<u8>) {
        scratch.clear();
        let is_taken = kind.takes(event);
        if is_taken {
            kind.group_by.write(event, scratch);
            self.parties.push(event.text(Field::PARTY).unwrap_or_default().as_bytes());
            self.past.extend(past(event).map(|past| (self.taken.len(), past)));
        } else {
            self.parties.push(b"");
        }
        self.keys.push(scratch);
        self.labels.push(live::label(event));
        self.taken.push(is_taken);
    }

    pub(super) fn placed(&mut self, batch: u64, order: &[u32]) {
        for (at, row) in order.iter().map(|at| *at as usize).zip(0u32..) {
            if self.taken.get(at) != Some(&true) {
                continue;
            }
            let past = if self.past.is_empty() { None } else { self.past.get(&at).copied() };
            let party = || String::from_utf8_lossy(self.parties.get(at)).into_owned();
            let label = self.labels.get(at).copied().flatten();
            self.gathered.put(self.keys.get(at), party, label, batch, row, past);
        }
        self.forget();
    }

    pub(super) fn forget(&mut self) {
        self.taken.clear();
        self.keys.clear();
        self.parties.clear();
        self.labels.clear();
        self.past.clear();
    }
}
