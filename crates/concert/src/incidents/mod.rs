//! Incidents as persons work on them: the only door to journals for commands, API and mail.
//!
//! Everything asks [`concert_model::access::may`] here. What somebody may not see is missing, not
//! forbidden. Every write is one transaction: decision, signature, entry and what is derived from it.

mod across;
mod apart;
mod audit;
mod bound;
mod case;
mod caught;
mod chains;
mod changes;
pub mod cost;
mod due;
mod effort;
mod entries;
mod evidence;
mod follow;
mod handover;
mod held;
mod items;
mod joins;
mod made;
mod mail;
mod merged;
mod named;
mod neighbours;
mod observables;
mod own_steps;
mod progress;
mod proof;
mod proposals;
#[cfg(test)]
mod random;
mod read;
mod rebuild;
mod refers;
mod report;
mod sight;
mod stale;
mod states;
#[cfg(test)]
mod tests;
mod text;
mod titles;
mod together;
mod unseen;
mod view;
mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use concert_model::access::{Decision, Forbids, Person};
use concert_model::incident::Tlp;
use concert_model::incident::journal::JournalKey;
use concert_model::{Problem, Time};
use concert_pipeline::enrich::Constituents;
use concert_store::Store;
use jiff::tz::TimeZone;

pub use across::Spent;
pub use case::{Case, Kept};
pub use caught::Caught;
pub use chains::host_there;
pub use changes::Changes;
pub use due::{DueIn, Reminder, Reminding};
pub use evidence::bag::Exported;
pub use evidence::check::{CheckedEvidence, verify_evidence};
pub use evidence::lines::{HowToRead, Lines};
pub use evidence::{Added, Handling, NewEvidence, Reading, harmless, only};
pub use follow::known;
pub use handover::{HandOver, Moving};
pub use joins::{Chosen, Join, Split};
pub use mail::{Incoming, Post, Preview, Reader, Told, Words};
pub use neighbours::{Neighbours, some_left_out};
pub use observables::{Counted, Observables, Pulled};
pub use progress::{numbers_json, progress_json, said_of, steps_json};
pub use proposals::{Met, host_of, when};
pub use read::{About, Filter, Found, JournalTexts, Listed, LogFilter, Slice};
pub use rebuild::{ahead, ahead_of, made_anew, verify_journals};
pub use report::REPORTER;
pub use view::{
    ListRows, entry_json, exhibit_json, happened_json, head_json, hop_json, incident_json, letter_json, list,
    neighbour_json, proposal_json, request_json,
};
pub use write::{ANSWERS_KEPT_MICROS, Written};

use self::held::Held;
use crate::opener::Opener;
use crate::reads::ReadLog;

/// Why something is not done.
#[derive(Clone, Debug, PartialEq)]
pub enum Refused {
    /// There is no such thing, or the person may not see it.
    Missing,
    /// What the request names is not there, or the person may not see it: the same words for both.
    Absent(Problem),
    /// It may be seen, but not done.
    Denied(Decision),
    /// The request is wrong.
    Wrong(Problem),
    /// The key of the request was used for another request.
    Used,
    /// It was there, as the person may know, and is no more.
    Gone(&'static str),
    /// Somebody changed it since it was read: what changed, as entries.
    Stale(Vec<serde_json::Value>),
    /// It was merged into another incident: its number, where the person may know it.
    Merged(Option<String>),
    /// Something failed here.
    Failed(Problem),
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self::Failed(problem)
    }
}

/// Who asks, and when.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// The person.
    pub person: &'a Person,
    /// The present moment.
    pub now: Time,
    /// A key of the person's choice with the digest of the request: sent again, it happens once.
    pub key: Option<(&'a str, [u8; 32])>,
    /// The last entry the person had seen, where that matters: what was changed since is not overwritten.
    pub seen: Option<u64>,
    /// Minutes that it took, which count with the first entry that is written for it; 0 for none.
    pub minutes: u32,
}

impl<'a> Ask<'a> {
    /// A person's request at a moment.
    pub fn new(person: &'a Person, now: Time) -> Self {
        Self { person, now, key: None, seen: None, minutes: 0 }
    }
}

/// The incidents of a site.
pub struct Incidents {
    store: Store,
    key: JournalKey,
    /// What stands before the `#` of their numbers.
    ticket: String,
    /// For the sectors of parties.
    constituents: Arc<Constituents>,
    /// Teams of last resort: what is limited to a constituency may be limited to one of theirs.
    teams: Arc<Constituents>,
    forbids: Forbids,
    /// Labels of what feeds bring, by their names.
    labels: BTreeMap<String, Tlp>,
    /// The folder of the site, which may have clocks of its own, and its zone.
    dir: Option<PathBuf>,
    zone: Option<TimeZone>,
    /// Opens reports that came encrypted; of what they say their signature is no part.
    opener: Option<Opener>,
    held: Mutex<Held>,
    reads: ReadLog,
    states: states::States,
    chains: chains::Chains,
    /// Users who are disabled, as of the last look.
    gone: Mutex<Arc<BTreeSet<String>>>,
}

impl Incidents {
    /// The incidents of a store, whose entries are signed with the secret of the site.
    pub fn new(store: Store, secret: &[u8], ticket: &str, constituents: Arc<Constituents>) -> Self {
        let (key, ticket) = (JournalKey::of(secret), ticket.to_owned());
        let reads = ReadLog::new(store.records.clone());
        Self {
            store,
            key,
            ticket,
            constituents,
            teams: Arc::default(),
            forbids: Forbids::default(),
            labels: BTreeMap::new(),
            dir: None,
            zone: None,
            opener: None,
            held: Mutex::default(),
            reads,
            states: states::States::default(),
            chains: chains::Chains::default(),
            gone: Mutex::default(),
        }
    }

    /// With what opens reports that came encrypted.
    pub(crate) fn with_opener(self, opener: Opener) -> Self {
        Self { opener: Some(opener), ..self }
    }

    /// With what the site forbids: it holds for everybody who is asked about here.
    pub fn forbidding(self, forbids: Forbids) -> Self {
        Self { forbids, ..self }
    }

    /// With the labels of what feeds bring.
    pub fn labelling(self, labels: BTreeMap<String, Tlp>) -> Self {
        Self { labels, ..self }
    }

    /// With the folder of the site and its zone, by which days of laws are counted.
    pub fn of_site(self, dir: PathBuf, zone: TimeZone) -> Self {
        Self { dir: Some(dir), zone: Some(zone), ..self }
    }

    /// With teams of last resort.
    pub fn with_teams(self, teams: Arc<Constituents>) -> Self {
        Self { teams, ..self }
    }

    /// Whether these are the constituents by which rights are decided: an import brings others.
    pub fn knows(&self, constituents: &Arc<Constituents>) -> bool {
        Arc::ptr_eq(&self.constituents, constituents)
    }

    /// What a standing may be limited to, to be in force where a party takes part.
    fn constituencies(&self, party: &str) -> BTreeSet<String> {
        self.sectors(party).into_iter().chain([party.to_owned()]).collect()
    }

    /// Users who are disabled now: whatever they hold, nobody answers for it.
    pub async fn gone(&self) -> Result<Arc<BTreeSet<String>>, Problem> {
        let now = Arc::new(self.store.records.disabled_users().await?);
        *self.gone.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&now);
        Ok(now)
    }

    /// Sectors of a party.
    fn sectors(&self, party: &str) -> Vec<String> {
        self.constituents.named(party).map(|party| party.sectors.clone()).unwrap_or_default()
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Held> {
        // Whoever panicked cannot have left half a case behind: they are exchanged whole.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Holds a case in memory, unless a newer one is held; forgets others when there are too many entries.
    fn hold(&self, case: Arc<Case>) {
        self.held().put(case);
    }

    /// The journal of an incident as it is now.
    async fn case(&self, id: &str) -> Result<Arc<Case>, Problem> {
        let known = self.held().get(id);
        let rows = self.store.records.entries_after(id, known.as_ref().map_or(0, |case| case.last)).await?;
        // Of one that is read anew nothing is known yet, also of what came from others.
        let (mut case, known) = match known {
            Some(case) if rows.is_empty() => return Ok(case),
            Some(case) if !rows.iter().any(case::erases) => (case.with(rows), Some(case)),
            Some(_) => (Case::new(id, self.store.records.entries_after(id, 0).await?), None),
            None => (Case::new(id, rows), None),
        };
        if let Some(merged) = merged::unknown(known.as_deref(), &case) {
            case.came = merged::of(&self.store, &merged, |party| self.sectors(party)).await?;
        }
        let case = Arc::new(case);
        self.hold(Arc::clone(&case));
        Ok(case)
    }
}
