//! The keys of contacts while at work: read when first needed, and again when their folder changed.
//!
//! Most commands send nothing, and checking the signatures in many keys takes a while.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use concert_transport::openpgp::Keyring;
use concert_transport::openpgp::keyring::{Marks, marks};

/// How often the folder is looked at: it may hold thousands of files.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// A folder of keys and what was read from it.
pub(super) struct Keys {
    folder: PathBuf,
    read: RwLock<Option<Read>>,
}

struct Read {
    marks: Marks,
    looked: Instant,
    ring: Arc<Keyring>,
}

impl Keys {
    /// The keys of this folder, which is not looked at yet.
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder, read: RwLock::new(None) }
    }

    /// What is in force.
    pub(super) fn get(&self) -> Arc<Keyring> {
        // Whoever panicked cannot have left half of it behind: it is exchanged as one.
        if let Some(read) = &*self.read.read().unwrap_or_else(PoisonError::into_inner) {
            return Arc::clone(&read.ring);
        }
        let mut place = self.read.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&place.get_or_insert_with(|| self.load()).ring)
    }

    /// Takes up a changed folder. What nobody has asked for yet is not read.
    pub(super) fn refresh(&self) -> bool {
        let is_changed = match &mut *self.read.write().unwrap_or_else(PoisonError::into_inner) {
            Some(read) if read.looked.elapsed() >= LOOK_EVERY => {
                read.looked = Instant::now();
                read.marks != marks(&self.folder)
            }
            _ => return false,
        };
        if is_changed {
            // Read without holding the lock: nobody waits for it.
            let fresh = self.load();
            *self.read.write().unwrap_or_else(PoisonError::into_inner) = Some(fresh);
        }
        is_changed
    }

    fn load(&self) -> Read {
        // The marks first: a change in between is then seen as one once more, never missed.
        let (marks, ring) = (marks(&self.folder), Arc::new(Keyring::read(&self.folder)));
        for (file, why) in ring.damaged() {
            tracing::warn!(file, "a file in the folder of keys is not used: {why}");
        }
        Read { marks, looked: Instant::now(), ring }
    }
}
