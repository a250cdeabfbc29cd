//! Whether evidence is still as it was added, and every journal's evidence is there.

use std::collections::{BTreeMap, BTreeSet};

use concert_model::Problem;
use concert_model::access::Person;
use concert_model::incident::journal::{from_hex, hex};
use concert_store::Store;

use super::super::case::Case;
use super::super::{Incidents, Refused};
use super::{aside, held};

/// Evidence that was checked.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct CheckedEvidence {
    /// Number of files.
    pub files: u64,
    /// Number of their bytes.
    pub bytes: u64,
    /// Files that no journal claims: what a kill left between keeping bytes and writing of them.
    pub unclaimed: Vec<String>,
    /// What is wrong, with its place.
    pub problems: Vec<Problem>,
}

/// Hashes every file, one after another, and looks for the evidence of every journal. `looked` is called
/// after each file, with their number.
pub async fn verify_evidence(store: &Store, looked: &(dyn Fn(usize) + Sync)) -> Result<CheckedEvidence, Problem> {
    let mut checked = CheckedEvidence::default();
    // First what journals say, then the files: what is added meanwhile is no difference.
    let (mut claimed, mut destroyed, mut missing) = (BTreeSet::new(), BTreeMap::new(), Vec::new());
    for id in store.records.journals().await? {
        let case = Case::new(&id, store.records.entries_after(&id, 0).await?);
        let state = case.whole();
        for (sha256, exhibit) in &state.evidence {
            let place = format!("incident {}, evidence {sha256}", state.number);
            let Some(added) = &exhibit.added else {
                // What it is may be withheld or erased; if not, custody of nothing is a difference.
                if state.sealed == 0 {
                    checked.problems.push(Problem::new("has custody but was never added").at(place));
                }
                continue;
            };
            if !exhibit.has_origin() && state.sealed == 0 {
                checked
                    .problems
                    .push(Problem::new("its custody does not begin with where it comes from").at(place.clone()));
            }
            if exhibit.is_destroyed() {
                destroyed.insert(sha256.clone(), place);
                continue;
            }
            claimed.insert(sha256.clone());
            if !from_hex(sha256).is_some_and(|sha256| store.evidence.has(&sha256)) {
                missing.push((id.clone(), sha256.clone(), place, added.name.clone()));
            }
        }
    }
    let listed = store.evidence.list().map_err(|error| {
        Problem::new(format!("cannot be read: {error}")).at(store.data().join("evidence").display().to_string())
    })?;
    let (kept, odd) = listed;
    checked.problems.extend(odd.iter().map(|path| Problem::new("is no evidence").at(path.display().to_string())));
    for (number, sha256) in kept.iter().enumerate() {
        looked(number);
        checked.files += 1;
        match store.evidence.verify(sha256) {
            Ok(bytes) => checked.bytes += bytes,
            // Destroyed while this looked.
            Err(_) if !store.evidence.has(sha256) => {}
            Err(problem) => checked.problems.push(problem),
        }
        if claimed.contains(&hex(sha256)) || !store.evidence.has(sha256) {
            continue;
        }
        match destroyed.get(&hex(sha256)) {
            Some(place) => {
                let problem = Problem::new("was destroyed, but its bytes are still there").at(place.clone());
                checked.problems.push(problem.hint("repeat `concert evidence custody ... destroyed`"));
            }
            None => checked.unclaimed.push(hex(sha256)),
        }
    }
    for (id, sha256, place, name) in missing {
        // Destroyed while this looked.
        let state = Case::new(&id, store.records.entries_after(&id, 0).await?).whole();
        if state.evidence.get(&sha256).is_some_and(|exhibit| !exhibit.is_destroyed()) {
            checked.problems.push(Problem::new(format!("its bytes are missing: {name}")).at(place));
        }
    }
    Ok(checked)
}

/// What came of looking whether evidence is as it was added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookedAt {
    /// Its SHA-256.
    pub sha256: String,
    /// How many bytes it has by its custody.
    pub bytes: u64,
    /// What is wrong with it, without where this site keeps it; nothing where it is as it was.
    pub problem: Option<String>,
}

impl Incidents {
    /// Hashes evidence of an incident that a person sees, given by the first digits of its SHA-256.
    pub async fn look_at_evidence(&self, person: &Person, incident: &str, digits: &str) -> Result<LookedAt, Refused> {
        let state = self.exhibits(person, incident).await?;
        let (sha256, _, added) = held(&state, digits)?;
        let (sha256, bytes, files) = (sha256.to_owned(), added.bytes, self.store.evidence.clone());
        let Some(digest) = from_hex::<32>(&sha256) else { return Err(Refused::Missing) };
        let problem = match aside(move || files.verify(&digest)).await? {
            Ok(found) if found == bytes => None,
            Ok(found) => Some(format!("it has {found} bytes, and its custody says {bytes}")),
            Err(problem) => Some(problem.what),
        };
        Ok(LookedAt { sha256, bytes, problem })
    }
}
