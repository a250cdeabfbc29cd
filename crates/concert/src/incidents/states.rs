//! States that were folded lately, so that a long incident is not folded anew for every look at it.
//!
//! What a person sees follows from what the person is and from the entries. Entries that come later are
//! put on top, unless they change who sees what.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use concert_model::access::{Circle, Person};
use concert_model::incident::fold::Incident;

use super::case::{Case, changes_sight};
use super::titles;

/// Shorter incidents are folded as quickly as they are looked up.
const ENTRIES_MIN: usize = 500;
/// States held, over all incidents and persons; the largest have some 50 MB.
const STATES_MAX: usize = 32;

#[derive(Clone)]
struct Folded {
    last: u64,
    entries: usize,
    state: Arc<Incident>,
    /// When it was used last.
    used: Instant,
}

/// States by incident and reader.
#[derive(Default)]
pub(super) struct States(Mutex<HashMap<(String, String), Folded>>);

/// Everything of a person that a decision can depend on.
fn reader(person: &Person) -> String {
    format!(
        "{:?}",
        (&person.name, person.is_operator, &person.standing, person.clearance, &person.scopes, &person.forbidden)
    )
}

impl States {
    /// The state of an incident as a person sees it.
    pub(super) fn of(&self, case: &Case, circle: &Circle, person: &Person) -> Arc<Incident> {
        if case.entries.len() < ENTRIES_MIN {
            return Arc::new(case.state_for(circle, person));
        }
        let key = (case.id.clone(), reader(person));
        let states = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = states().get_mut(&key).map(|folded| {
            folded.used = Instant::now();
            folded.clone()
        });
        let state = match known {
            Some(folded) if folded.last == case.last => return folded.state,
            Some(folded) => extended(&folded, case, circle, person),
            None => None,
        };
        let state = state.unwrap_or_else(|| Arc::new(case.state_for(circle, person)));
        let (last, entries, used) = (case.last, case.entries.len(), Instant::now());
        let folded = Folded { last, entries, state: Arc::clone(&state), used };
        let mut states = states();
        if states.len() >= STATES_MAX && !states.contains_key(&key) {
            // What was not asked for longest goes: all of them anew would hold up everybody at once.
            let oldest = states.iter().min_by_key(|(_, folded)| folded.used).map(|(key, _)| key.clone());
            oldest.and_then(|key| states.remove(&key));
        }
        states.insert(key, folded);
        state
    }
}

/// A state with what came since; `None` where all of it must be folded anew.
fn extended(folded: &Folded, case: &Case, circle: &Circle, person: &Person) -> Option<Arc<Incident>> {
    let came = case.entries.after(folded.entries)?;
    // With as many before them as there were, and all of them newer, nothing came in between.
    if came.clone().any(|kept| kept.seq <= folded.last || changes_sight(kept)) {
        return None;
    }
    let mut state = Incident::clone(&folded.state);
    for kept in came.filter(|kept| case.shows(circle, person, kept)) {
        state.apply(&kept.header, case.read_by(circle, person, kept).said());
    }
    titles::put(case, circle, person, &mut state);
    Some(Arc::new(state))
}
