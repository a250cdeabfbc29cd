//! What of incidents stands in the audit log: decisions that gave or took something, whatever was
//! denied to somebody who may know of it, and reading what is marked strictly.

use std::collections::HashMap;

use concert_model::access::{Action, Decision, Person};
use concert_model::incident::marking::{Marking, Tlp};
use concert_model::{Problem, Time};
use concert_store::records::{Act, By, Change, append_audit};

use super::{Ask, Incidents};

/// Reading the same again within this time is no row of its own, in microseconds: ten minutes.
const AGAIN_MICROS: i64 = 10 * 60 * 1_000_000;
/// Readers remembered for it.
const READERS_MAX: usize = 10_000;

/// Who read which incident lately, up to which label.
pub(super) type Readers = HashMap<(String, String, Tlp), Time>;

fn by(person: &Person, now: Time) -> By {
    By { who: person.name.clone(), from: person.from.clone(), at: now }
}

fn act(action: Action, number: &str, decision: &Decision) -> Act {
    Act {
        action: action.word(),
        object: format!("incident {number}"),
        allowed: decision.allowed,
        policy: decision.policy.to_owned(),
        reason: decision.reason.clone(),
    }
}

/// Whether what was decided about this matters afterwards.
fn matters(action: Action) -> bool {
    matches!(action, Action::Open | Action::Lower | Action::Staff | Action::TakeUp | Action::Release | Action::Erase)
}

/// Writes an allowed action into the log, in the transaction that does it.
pub(super) async fn allowed(
    change: &mut Change<'_>,
    ask: Ask<'_>,
    action: Action,
    number: &str,
    decision: &Decision,
) -> Result<(), Problem> {
    match matters(action) {
        true => append_audit(change, &by(ask.person, ask.now), &act(action, number, decision)).await,
        false => Ok(()),
    }
}

impl Incidents {
    /// Writes into the log that something was denied to somebody who may know of it.
    pub(super) async fn audit_denied(
        &self,
        ask: Ask<'_>,
        action: Action,
        number: &str,
        decision: &Decision,
    ) -> Result<(), Problem> {
        self.store.records.audit(&by(ask.person, ask.now), &act(action, number, decision)).await
    }

    /// Writes into the log that somebody read what is marked strictly, if any of it is. Whoever sits at the
    /// machine can read the files, so nothing is gained by noting it.
    pub(super) async fn audit_read<'m>(
        &self,
        person: &Person,
        number: &str,
        markings: impl Iterator<Item = &'m Marking>,
    ) -> Result<(), Problem> {
        if person.is_operator {
            return Ok(());
        }
        let strict = |marking: &&Marking| marking.tlp >= Tlp::AmberStrict || !marking.compartment.is_empty();
        let Some(tlp) = markings.filter(strict).map(|marking| marking.tlp).max() else { return Ok(()) };
        let now = crate::wire::now();
        let key = (person.name.clone(), number.to_owned(), tlp);
        if self.readers().get(&key).is_some_and(|last| now.0 - last.0 < AGAIN_MICROS) {
            return Ok(());
        }
        let reason = format!("read what is marked up to TLP:{tlp}");
        let row = Act {
            action: Action::See.word(),
            object: format!("incident {number}"),
            allowed: true,
            policy: String::new(),
            reason,
        };
        self.store.records.audit(&by(person, now), &row).await?;
        // Only now: a row that could not be written must not keep the next one from being written.
        let mut readers = self.readers();
        if readers.len() >= READERS_MAX {
            readers.clear();
        }
        readers.insert(key, now);
        Ok(())
    }

    fn readers(&self) -> std::sync::MutexGuard<'_, Readers> {
        self.readers.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
