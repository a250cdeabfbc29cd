//! Journals that are held in memory: those that were used last. Reading a long one again takes a second, so it must
//! not go because many short ones come by.

use std::collections::HashMap;
use std::sync::Arc;

use super::case::Case;

/// Entries that are held, over all incidents.
const ENTRIES_MAX: usize = 200_000;
/// What is left of them when there are too many, so that not every journal that comes has others looked through.
const ENTRIES_LEFT: usize = ENTRIES_MAX / 8 * 7;

/// Journals by the identities of their incidents.
#[derive(Default)]
pub(super) struct Held {
    /// Each with when it was used last.
    cases: HashMap<String, (u64, Arc<Case>)>,
    entries: usize,
    uses: u64,
}

impl Held {
    /// A journal that is held.
    pub(super) fn get(&mut self, id: &str) -> Option<Arc<Case>> {
        self.uses += 1;
        let (used, case) = self.cases.get_mut(id)?;
        *used = self.uses;
        Some(Arc::clone(case))
    }

    /// Holds a journal, unless a newer one of the incident is held.
    pub(super) fn put(&mut self, case: Arc<Case>) {
        if self.cases.get(&case.id).is_some_and(|(_, other)| other.last > case.last) {
            return;
        }
        self.uses += 1;
        self.entries += case.entries.len();
        let before = self.cases.insert(case.id.clone(), (self.uses, case));
        self.entries -= before.map_or(0, |(_, case)| case.entries.len());
        if self.entries > ENTRIES_MAX {
            self.forget();
        }
    }

    /// Forgets what was not used for longest. What was used last stays, however long it is.
    fn forget(&mut self) {
        let mut by_use: Vec<(u64, String)> = self.cases.iter().map(|(id, (used, _))| (*used, id.clone())).collect();
        by_use.sort_unstable();
        by_use.pop();
        for (_, id) in by_use {
            if self.entries <= ENTRIES_LEFT {
                return;
            }
            self.entries -= self.cases.remove(&id).map_or(0, |(_, case)| case.entries.len());
        }
    }

    /// Forgets all of them.
    pub(super) fn clear(&mut self) {
        (self.cases, self.entries) = (HashMap::new(), 0);
    }
}

#[cfg(test)]
mod tests {
    use concert_model::incident::journal::Header;

    use super::super::Kept;
    use super::*;

    fn case(id: &str, entries: usize) -> Arc<Case> {
        let text = include_str!("../../../../docs/journal.md");
        let header = Header::read(text.lines().find(|line| line.starts_with("{\"body\"")).unwrap()).unwrap();
        let kept = Arc::new(Kept::new(1, header, None));
        let mut case = Case::new(id, Vec::new());
        case.entries = vec![kept; entries].into_iter().collect();
        Arc::new(case)
    }

    /// What is asked for again and again stays, however much comes by.
    #[test]
    fn a_long_journal_that_is_used_stays_while_short_ones_come_and_go() {
        let mut held = Held::default();
        held.put(case("long", ENTRIES_MAX / 2));
        for at in 0..2_000 {
            held.put(case(&at.to_string(), 200));
            assert!(held.get("long").is_some(), "{at}");
            assert!(held.entries <= ENTRIES_MAX);
        }
        let counted: usize = held.cases.values().map(|(_, case)| case.entries.len()).sum();
        assert_eq!(held.entries, counted);
        assert!(held.get("1999").is_some() && held.get("0").is_none());
        // One that is too long alone stays as long as it is the last.
        held.put(case("endless", ENTRIES_MAX * 2));
        assert_eq!((held.cases.len(), held.get("endless").is_some()), (1, true));
    }
}
