//! What of incidents stands in the audit log: decisions that gave or took something, whatever was denied, asking for
//! what is not there included, and reading what is marked.

use concert_model::Problem;
use concert_model::Time;
use concert_model::access::{Action, Decision, Object, Person, lacks_scope, may};
use concert_model::incident::marking::{Marking, Tlp};
use concert_store::records::incidents::Head;
use concert_store::records::{Act, AuditFilter, Audited, By, Change, append_audit};

use super::read::circle_of;
use super::{Ask, Found, Incidents, Refused};
use crate::reads::{Things, told};

/// What a question to all of them is about.
const ALL: &str = "incidents";

fn by(person: &Person, now: Time) -> By {
    By { who: person.name.clone(), from: person.from.clone(), at: now }
}

fn act(action: Action, number: &str, decision: &Decision) -> Act {
    Act {
        action: action.word(),
        object: object(number),
        allowed: decision.allowed,
        policy: decision.policy.to_owned(),
        reason: decision.reason.clone(),
    }
}

fn object(number: &str) -> String {
    format!("incident {number}")
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

/// What a question to all incidents reads of each.
///
/// What is strict is written down for each incident; the rest once for all of them, since such a question touches
/// thousands.
#[derive(Default)]
pub(super) struct Reads(Things);

impl Reads {
    /// Takes up what was read of one incident.
    pub(super) fn add<'m>(&mut self, number: &str, markings: impl Iterator<Item = &'m Marking>) {
        for marking in markings {
            let is_strict = marking.tlp >= Tlp::AmberStrict || !marking.compartment.is_empty();
            if let Some(label) = told(marking) {
                self.0.insert((if is_strict { object(number) } else { ALL.to_owned() }, label));
            }
        }
    }
}

/// Of each thing the strictest label.
fn strictest(things: Things) -> Things {
    let mut all: Vec<(String, Tlp)> = things.into_iter().collect();
    // They are in order, so that the last of each is the strictest.
    all.reverse();
    all.dedup_by(|one, kept| one.0 == kept.0);
    all.into_iter().collect()
}

impl Incidents {
    /// Rows of the audit log about an incident, newest first. Who may read them need not see it.
    pub async fn audited(&self, ask: Ask<'_>, name: &str, wanted: AuditFilter) -> Result<Vec<Audited>, Refused> {
        // What the own token is good for is told whatever is there.
        if let Some(decision) = lacks_scope(ask.person, Action::ReadLog) {
            return Err(Refused::Denied(decision));
        }
        let head = self.asked(ask.person, name, &[Action::ReadLog, Action::See]).await?;
        let circle = self.circle(&*self.case(&head.id).await?);
        let reads = may(ask.person, Action::ReadLog, Object::Incident(&circle));
        if !reads.allowed {
            if !may(ask.person, Action::See, Object::Incident(&circle)).allowed {
                return Err(self.in_vain(ask.person, name, Some(&head)).await);
            }
            self.audit_denied(ask, Action::ReadLog, &head.number, &reads).await?;
            return Err(Refused::Denied(reads));
        }
        let wanted = AuditFilter { object: Some(object(&head.number)), ..wanted };
        Ok(self.store.records.audit_rows(&wanted).await?)
    }

    /// How an incident stands in lists to which a person may do one of these. Whoever may not learns nothing of it, and
    /// that it was asked for is in the log.
    ///
    /// It goes by what lists go by, and so reads no journal: an answer that takes as long as one would tell that the
    /// incident is there. What is allowed here is decided again by the journal.
    pub(super) async fn asked(&self, person: &Person, name: &str, actions: &[Action]) -> Result<Head, Refused> {
        let head = self.store.records.incident(name).await?;
        let is_open = |head: &Head| {
            let mut circle = circle_of(head);
            // Contacts may have been imported since it was written to.
            let sectors: Vec<String> = circle.constituencies.iter().flat_map(|party| self.sectors(party)).collect();
            circle.constituencies.extend(sectors);
            actions.iter().any(|action| may(person, *action, Object::Incident(&circle)).allowed)
        };
        match head {
            Some(head) if is_open(&head) => Ok(head),
            hidden => Err(self.in_vain(person, name, hidden.as_ref()).await),
        }
    }

    /// What somebody is told who asked for an incident that is not there, or not for this person. The log has it.
    pub(super) async fn in_vain(&self, person: &Person, name: &str, head: Option<&Head>) -> Refused {
        let written = self.reads.in_vain(person, name, head.map(|head| head.number.as_str())).await;
        written.err().map_or(Refused::Missing, Refused::Failed)
    }

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

    /// Whether a person may open an incident; that one may not is written into the log.
    pub(super) async fn decide_open(&self, ask: Ask<'_>) -> Result<Decision, Refused> {
        let decision = may(ask.person, Action::Open, Object::Site);
        if decision.allowed {
            return Ok(decision);
        }
        let act = Act { object: ALL.to_owned(), ..act(Action::Open, "", &decision) };
        self.store.records.audit(&by(ask.person, ask.now), &act).await?;
        Err(Refused::Denied(decision))
    }

    /// Writes into the log that somebody read what is marked in an incident, if any of it is.
    pub(super) async fn audit_read<'m>(
        &self,
        person: &Person,
        number: &str,
        markings: impl Iterator<Item = &'m Marking>,
    ) -> Result<(), Problem> {
        if person.is_operator {
            return Ok(());
        }
        let things = markings.filter_map(told).max().map(|label| (object(number), label));
        self.reads.write(person, Action::See.word(), things.into_iter().collect()).await
    }

    /// The same of what a question to all incidents read.
    pub(super) async fn audit_reads(&self, person: &Person, reads: Reads) -> Result<(), Problem> {
        self.reads.write(person, Action::See.word(), strictest(reads.0)).await
    }

    /// The same of entries that were found in several incidents.
    pub(super) async fn audit_found<'f>(
        &self,
        person: &Person,
        found: impl IntoIterator<Item = &'f Found>,
    ) -> Result<(), Problem> {
        let label = |one: &Found| Some((object(&one.head.number), one.kept.marking().and_then(told)?));
        self.reads.write(person, Action::See.word(), strictest(found.into_iter().filter_map(label).collect())).await
    }

    /// The same of the titles in a list of incidents.
    pub(super) async fn audit_list<'m>(
        &self,
        person: &Person,
        markings: impl Iterator<Item = &'m Marking>,
    ) -> Result<(), Problem> {
        let strictest = markings.filter_map(told).max().map(|label| (ALL.to_owned(), label));
        self.reads.write(person, Action::See.word(), strictest.into_iter().collect()).await
    }
}
