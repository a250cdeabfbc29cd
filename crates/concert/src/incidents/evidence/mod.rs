//! Evidence of incidents: bytes in, custody, release, bytes out.
//!
//! Bytes are kept first, then one transaction writes what they are and how they were got. What is written
//! about evidence is marked like the evidence. Bytes go only by custody act `destroyed`, and only when no
//! incident holds them any more. Whoever may not see evidence gets what a missing one gives.

pub(super) mod bag;
pub(super) mod check;
mod export;
pub(super) mod lines;
mod name;
#[cfg(test)]
mod tests;
mod withheld;

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use concert_model::Problem;
use concert_model::access::{Action, Circle, Object, Person, may};
use concert_model::incident::content::{Act, Content, Custody, EvidenceAdded, Release};
use concert_model::incident::draft::{Draft, NewIncident};
use concert_model::incident::fold::{Exhibit, Incident};
use concert_model::incident::journal::{from_hex, hex};
use concert_model::incident::marking::Marking;
use concert_store::evidence::{KeptBytes, Lock};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::case::Case;
use super::refers::{Check, Outside};
use super::write::{Right, wrong};
use super::{Ask, Incidents, Refused, Written, text};

pub use name::harmless;

/// Fewest digits by which evidence is named.
const DIGITS_MIN: usize = 8;
/// How long destroying waits for somebody who copies evidence, and how often it looks.
const LOCK_WAIT: (Duration, Duration) = (Duration::from_secs(10), Duration::from_millis(50));

/// What was done with evidence: how it was got, read or moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handling {
    /// What was done.
    pub act: Act,
    /// From whom it was got, or who got the copy.
    pub whom: String,
    /// Where.
    pub place: String,
    /// Why.
    pub reason: String,
}

/// Evidence that is to be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEvidence {
    /// Its name, as it came.
    pub name: String,
    /// What it is, and where it comes from.
    pub text: String,
    /// How it is marked; as the incident, or as what it was derived from, where nothing is said.
    pub marking: Option<Marking>,
    /// How it was got; of what is derived, how its origin was looked into.
    pub handling: Handling,
}

/// Evidence that was added.
#[derive(Clone, Debug, PartialEq)]
pub struct Added {
    /// What it is called by.
    pub sha256: String,
    /// Its number of bytes.
    pub bytes: u64,
    /// What was written.
    pub written: Written,
}

/// Evidence to be read.
pub struct Reading {
    /// What it is called by.
    pub sha256: String,
    /// Its name.
    pub name: String,
    /// Its number of bytes.
    pub bytes: u64,
    /// Its bytes. Their end is an error where they are not those that were added.
    pub reader: concert_store::evidence::Reading,
}

/// The one piece of evidence that a person sees under these first digits.
pub fn only<'s>(state: &'s Incident, digits: &str) -> Result<(&'s str, &'s Exhibit), Refused> {
    let digits = digits.to_ascii_lowercase();
    if digits.len() < DIGITS_MIN || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(wrong(format!("evidence is named by its SHA-256, or by its first digits, at least {DIGITS_MIN}")));
    }
    let mut found =
        state.evidence.iter().filter(|(sha256, exhibit)| sha256.starts_with(&digits) && exhibit.added.is_some());
    match (found.next(), found.next()) {
        (None, _) => Err(Refused::Missing),
        (Some((sha256, exhibit)), None) => Ok((sha256, exhibit)),
        (Some(_), Some(_)) => Err(wrong("more than one begins so: give more digits")),
    }
}

/// The same, while its bytes are there.
fn held<'s>(state: &'s Incident, digits: &str) -> Result<(&'s str, &'s Exhibit, &'s EvidenceAdded), Refused> {
    let (sha256, exhibit) = only(state, digits)?;
    match &exhibit.added {
        Some(added) if !exhibit.is_destroyed() => Ok((sha256, exhibit, added)),
        _ => Err(Refused::Gone("it was destroyed")),
    }
}

/// Whether an entry adds evidence whose bytes are there for its sake.
pub(super) fn holds(case: &Case, content: &Value, kind: &str) -> bool {
    let Content::EvidenceAdded(added) = Content::read(kind, content) else { return false };
    case.whole().evidence.get(&added.sha256).is_some_and(|exhibit| !exhibit.is_destroyed())
}

/// How what is written about evidence is marked: as the strictest of those who hold it have it, so that whoever
/// brought the same bytes learns nothing of the others.
fn marking_of(exhibit: &Exhibit) -> Option<Marking> {
    exhibit.held.iter().max_by_key(|marking| marking.tlp).or(exhibit.marking.as_ref()).cloned()
}

fn custody(ask: Ask<'_>, sha256: &str, handling: Handling, marking: Option<Marking>) -> Draft {
    let Handling { act, whom, place, reason } = handling;
    let person = ask.person.name.clone();
    Draft {
        content: Custody { sha256: sha256.to_owned(), act, person, whom, place, reason }.into(),
        marking,
        minutes: 0,
    }
}

fn failed(what: &str, error: &std::io::Error) -> Refused {
    Refused::Failed(Problem::new(format!("{what}: {error}")))
}

/// Work with files, which must not be done on a thread that serves.
pub(super) async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Refused> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Refused::Failed(Problem::new(format!("work with evidence ended early: {error}"))))
}

impl NewEvidence {
    /// What is written of it, once its bytes are known.
    pub(super) fn drafts(&self, ask: Ask<'_>, kept: &KeptBytes) -> Vec<Draft> {
        let sha256 = hex(&kept.sha256);
        let (name, text, bytes) = (harmless(&self.name), self.text.clone(), kept.bytes);
        let added = EvidenceAdded { sha256: sha256.clone(), name, bytes, text, of: String::new() };
        let added = Draft { content: added.into(), marking: self.marking.clone(), minutes: 0 };
        vec![added, custody(ask, &sha256, self.handling.clone(), self.marking.clone())]
    }

    /// What is written when it was derived from other evidence: what it is, and that its origin was looked into.
    fn derived(&self, ask: Ask<'_>, kept: &KeptBytes, origin: (&str, &Exhibit)) -> Vec<Draft> {
        let (of, exhibit) = origin;
        let (name, text, bytes) = (harmless(&self.name), self.text.clone(), kept.bytes);
        let added = EvidenceAdded { sha256: hex(&kept.sha256), name, bytes, text, of: of.to_owned() };
        let marking = self.marking.clone().or_else(|| marking_of(exhibit));
        let looked = custody(ask, of, self.handling.clone(), marking_of(exhibit));
        vec![Draft { content: added.into(), marking, minutes: 0 }, looked]
    }
}

impl Incidents {
    /// Adds evidence that was collected, or received from somebody.
    pub async fn add(
        &self,
        ask: Ask<'_>,
        incident: &str,
        mut new: NewEvidence,
        reader: impl Read + Send + 'static,
    ) -> Result<Added, Refused> {
        if !matches!(new.handling.act, Act::Collected | Act::Received) {
            return Err(wrong("evidence begins with being collected or received"));
        }
        if new.handling.act == Act::Received {
            text::line("from", &new.handling.whom)?;
            new.handling.whom = self.party_named(ask.person, incident, &new.handling.whom).await?;
        }
        self.readers_there(ask.person, Some(incident), new.marking.as_ref(), &[]).await?;
        self.take(ask, incident, reader, |_, kept| Ok(new.drafts(ask, kept))).await
    }

    /// Adds what was made from other evidence: redacted, extracted, parsed.
    pub async fn derive(
        &self,
        ask: Ask<'_>,
        incident: &str,
        of: &str,
        new: NewEvidence,
        reader: impl Read + Send + 'static,
    ) -> Result<Added, Refused> {
        if new.handling.reason.trim().is_empty() {
            return Err(wrong("`reason` is empty"));
        }
        let incident = &self.home_of_evidence(ask.person, incident, of).await?;
        self.readers_there(ask.person, Some(incident), new.marking.as_ref(), &[]).await?;
        let make = |state: &Incident, kept: &KeptBytes| {
            let (sha256, exhibit, _) = held(state, of)?;
            Ok(new.derived(ask, kept, (sha256, exhibit)))
        };
        self.take(ask, incident, reader, make).await
    }

    /// Keeps bytes, then writes what they are. It is decided before the bytes are read and again when it is
    /// written.
    pub(super) async fn take(
        &self,
        ask: Ask<'_>,
        incident: &str,
        mut reader: impl Read + Send + 'static,
        make: impl Fn(&Incident, &KeptBytes) -> Result<Vec<Draft>, Refused> + Send + Sync,
    ) -> Result<Added, Refused> {
        let (case, circle) = self.find(ask.person, incident).await?;
        let nothing = KeptBytes { sha256: [0; 32], bytes: 0, is_new: false };
        for draft in make(&case.state_for(&circle, ask.person), &nothing)? {
            self.admit(ask.person, &case, &draft)?;
        }
        let store = self.store.evidence.clone();
        let kept =
            aside(move || store.keep(&mut reader)).await?.map_err(|error| failed("evidence cannot be kept", &error))?;
        let sha256 = hex(&kept.sha256);
        // A request that is sent again must bring the same bytes.
        let key = ask
            .key
            .map(|(key, digest)| (key, Sha256::new().chain_update(digest).chain_update(kept.sha256).finalize().into()));
        let written = self.claim(Ask { key, ..ask }, &case.id, &kept, make).await;
        if written.is_err() && kept.is_new {
            self.drop_unclaimed(&kept.sha256).await?;
        }
        Ok(Added { sha256, bytes: kept.bytes, written: written? })
    }

    async fn claim(
        &self,
        ask: Ask<'_>,
        incident: &str,
        kept: &KeptBytes,
        make: impl Fn(&Incident, &KeptBytes) -> Result<Vec<Draft>, Refused> + Send + Sync,
    ) -> Result<Written, Refused> {
        let store = self.store.evidence.clone();
        let lock = aside(move || store.lock()).await?.map_err(|error| failed("evidence cannot be locked", &error))?;
        if !self.store.evidence.has(&kept.sha256) {
            return Err(Refused::Failed(Problem::new("others destroyed the same bytes just now").hint("add it again")));
        }
        let person = ask.person;
        let written = self.write_made(ask, incident, Right::OfContent, |case, circle| {
            let state = case.state_for(circle, person);
            if let Some(exhibit) = state.evidence.get(&hex(&kept.sha256)).filter(|exhibit| !exhibit.held.is_empty()) {
                let name = exhibit.added.as_ref().map_or("", |added| added.name.as_str());
                let problem = Problem::new(format!("these bytes are evidence of this incident already: {name}"));
                return Err(Refused::Wrong(problem.hint("write what was done with it: `concert evidence custody`")));
            }
            make(&state, kept)
        });
        let written = written.await;
        drop(lock);
        written
    }

    /// Opens an incident whose first entries tell of bytes: they are kept before it is opened.
    pub(super) async fn open_with(
        &self,
        ask: Ask<'_>,
        new: NewIncident,
        outside: &Outside,
        mut reader: impl Read + Send + 'static,
        make: impl FnOnce(&KeptBytes) -> Vec<Draft> + Send,
    ) -> Result<Written, Refused> {
        let store = self.store.evidence.clone();
        let kept =
            aside(move || store.keep(&mut reader)).await?.map_err(|error| failed("evidence cannot be kept", &error))?;
        let store = self.store.evidence.clone();
        let lock = aside(move || store.lock()).await?.map_err(|error| failed("evidence cannot be locked", &error))?;
        let mut drafts = make(&kept);
        drafts.extend(new.drafts);
        let written = Box::pin(self.open_made(ask, NewIncident { drafts, ..new }, outside)).await;
        drop(lock);
        if written.is_err() && kept.is_new {
            self.drop_unclaimed(&kept.sha256).await?;
        }
        written
    }

    /// Evidence that a person sees in an incident, with that of incidents that were merged into it.
    pub async fn exhibits(&self, person: &Person, incident: &str) -> Result<Arc<Incident>, Refused> {
        self.show(person, incident).await
    }

    /// The incident that has evidence which shows in this one: what is done with it is written where it is.
    pub(super) async fn home_of_evidence(
        &self,
        person: &Person,
        incident: &str,
        digits: &str,
    ) -> Result<String, Refused> {
        // What cannot be a digest is told so where it is looked up.
        self.home_of(person, incident, |state| only(state, digits).is_ok()).await
    }

    /// Writes what was done with evidence. Destroying it removes its bytes, unless another incident holds them.
    pub async fn handle(
        &self,
        ask: Ask<'_>,
        incident: &str,
        digits: &str,
        handling: Handling,
    ) -> Result<Written, Refused> {
        if handling.reason.trim().is_empty() {
            return Err(wrong("`reason` is empty"));
        }
        if handling.act == Act::Moved && handling.place.trim().is_empty() {
            let problem = Problem::new("`place` is empty: it is not said where it was moved to");
            return Err(Refused::Wrong(problem.hint("say where it is now, with `--place`")));
        }
        let incident = &self.home_of_evidence(ask.person, incident, digits).await?;
        let is_destroyed = handling.act == Act::Destroyed;
        let lock = if is_destroyed { Some(self.lock_alone().await?) } else { None };
        let mut destroyed = None;
        let person = ask.person;
        let written = self.write_made(ask, incident, Right::OfContent, |case, circle| {
            let state = case.state_for(circle, person);
            if is_destroyed {
                // Also where a kill came between writing it and removing the bytes.
                destroyed = from_hex::<32>(only(&state, digits)?.0);
            }
            let (sha256, exhibit, _) = held(&state, digits)?;
            if !is_destroyed {
                return Ok(vec![custody(ask, sha256, handling, marking_of(exhibit))]);
            }
            let copies = exhibit.held.iter().cloned();
            Ok(copies.map(|marking| custody(ask, sha256, handling.clone(), Some(marking))).collect())
        });
        let written = written.await;
        if let Some(sha256) = destroyed {
            self.remove_unclaimed(&sha256).await?;
        }
        drop(lock);
        written
    }

    /// Wants evidence to go to a party, or agrees that it does. Gives whether enough persons have agreed.
    pub async fn release(
        &self,
        ask: Ask<'_>,
        incident: &str,
        digits: &str,
        party: &str,
        reason: &str,
    ) -> Result<(Written, bool), Refused> {
        text::line("party", party)?;
        if reason.trim().is_empty() {
            return Err(wrong("`reason` is empty"));
        }
        let person = ask.person;
        let incident = &self.home_of_evidence(person, incident, digits).await?;
        let party = self.party_named(person, incident, party).await?;
        let release = |sha256: &str| -> Content {
            Release { sha256: sha256.to_owned(), party: party.clone(), reason: reason.to_owned() }.into()
        };
        let asked = Draft { content: release(""), marking: None, minutes: 0 };
        let outside = Box::pin(self.outside(person, Some(incident), std::slice::from_ref(&asked))).await?;
        let written = self.write_made(ask, incident, Right::OfContent, |case, circle| {
            let state = case.state_for(circle, person);
            let (sha256, exhibit, _) = held(&state, digits)?;
            if exhibit.released.get(&party).is_some_and(|by| by.contains(&person.name)) {
                return Err(Refused::Wrong(
                    Problem::new("you agreed to this release already")
                        .hint("it takes another person to agree before it counts"),
                ));
            }
            // Who may not release is told so where it is written.
            if Self::may_release(person, circle).is_ok() {
                Check::new(self, &outside, person, case, std::slice::from_ref(&asked)).check(circle, &asked)?;
            }
            Ok(vec![Draft { content: release(sha256), marking: marking_of(exhibit), minutes: 0 }])
        });
        let written = written.await?;
        // Looked up afterwards, so that the same request again gets the same answer.
        let (case, circle) = self.find(person, &written.id).await?;
        let state = case.state_for(&circle, person);
        let goes = only(&state, digits)?.1.goes_to().any(|one| one == party);
        Ok((written, goes))
    }

    /// Opens evidence. What is said about it is in its custody before the first byte goes out; nothing is
    /// written where nothing is said.
    pub async fn open_evidence(
        &self,
        ask: Ask<'_>,
        incident: &str,
        digits: &str,
        handling: Option<Handling>,
    ) -> Result<Reading, Refused> {
        let incident = &self.home_of_evidence(ask.person, incident, digits).await?;
        let state = self.exhibits(ask.person, incident).await?;
        let (sha256, _, added) = held(&state, digits)?;
        let bytes = from_hex::<32>(sha256).ok_or(Refused::Missing)?;
        let (reader, length) =
            self.store.evidence.open(&bytes).map_err(|error| failed("the bytes are not there", &error))?;
        if let Some(handling) = handling {
            self.write_made(ask, incident, Right::OfReader, |case, circle| {
                let state = case.state_for(circle, ask.person);
                let (sha256, exhibit, _) = held(&state, sha256)?;
                Ok(vec![custody(ask, sha256, handling, marking_of(exhibit))])
            })
            .await?;
        }
        Ok(Reading { sha256: sha256.to_owned(), name: added.name.clone(), bytes: length, reader })
    }

    /// Whether a person may let something out of an incident.
    fn may_release(person: &Person, circle: &Circle) -> Result<(), Refused> {
        let decision = may(person, Action::Release, Object::Incident(circle));
        if decision.allowed { Ok(()) } else { Err(Refused::Denied(decision)) }
    }

    /// Keeps everybody out who copies or claims evidence.
    async fn lock_alone(&self) -> Result<Lock, Refused> {
        let (mut waited, (most, step)) = (Duration::ZERO, LOCK_WAIT);
        loop {
            let store = self.store.evidence.clone();
            let lock = aside(move || store.lock_alone()).await?;
            if let Some(lock) = lock.map_err(|error| failed("evidence cannot be locked", &error))? {
                return Ok(lock);
            }
            if waited >= most {
                let problem = Problem::new("evidence is being copied now, so none is destroyed");
                return Err(Refused::Failed(problem.hint("repeat it when the backup or export has ended")));
            }
            tokio::time::sleep(step).await;
            waited += step;
        }
    }

    /// Removes bytes that were kept for an entry which was then refused.
    async fn drop_unclaimed(&self, sha256: &[u8; 32]) -> Result<(), Refused> {
        let lock = self.lock_alone().await?;
        self.remove_unclaimed(sha256).await?;
        drop(lock);
        Ok(())
    }

    /// Removes bytes that no incident holds. The caller holds the lock alone.
    async fn remove_unclaimed(&self, sha256: &[u8; 32]) -> Result<(), Refused> {
        let digits = hex(sha256);
        for incident in self.store.records.journals_with(&digits).await? {
            let state = self.case(&incident).await?.whole();
            if state.evidence.get(&digits).is_some_and(|exhibit| !exhibit.held.is_empty()) {
                return Ok(());
            }
        }
        self.store.evidence.remove(sha256).map_err(|error| failed("the bytes cannot be removed", &error))
    }
}
