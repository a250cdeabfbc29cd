//! The keys of contacts: files in one folder, each with one public key.
//!
//! A key belongs to every mail address it names. Every file counts but hidden ones (`.name`), backups of
//! editors (`name~`) and folders, so that a key under an odd name does not silently count for nothing; what
//! cannot be read is told and the others count. Read whole and never changed: a change in the folder makes a
//! new keyring.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::time::SystemTime;

use concert_model::Time;
use concert_model::address::canonical;

use super::KEY_BYTES_MAX;
use super::contact::ContactKey;

/// Files of the folder that are looked at.
const FILES_MAX: usize = 20_000;

/// The keys of a folder.
#[derive(Clone, Debug, Default)]
pub struct Keyring {
    keys: Vec<ContactKey>,
    by_address: HashMap<String, Vec<usize>>,
    damaged: Vec<(String, String)>,
}

/// Why there is no key to encrypt to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoKey {
    /// A sentence.
    pub why: String,
    /// The fingerprint of the key that is there and is not good.
    pub fingerprint: Option<String>,
}

/// What a folder looked like: name, size and time of change of each file.
pub type Marks = BTreeMap<String, (u64, Option<SystemTime>)>;

impl Keyring {
    /// Reads a folder. One that is not there holds no keys.
    pub fn read(folder: &Path) -> Self {
        let mut ring = Self::default();
        let names: Vec<String> = marks(folder).into_keys().collect();
        for name in names.iter().take(FILES_MAX) {
            match read_file(&folder.join(name)).and_then(|bytes| ContactKey::read(&bytes)) {
                Ok(key) => ring.add(key),
                Err(why) => ring.damaged.push((name.clone(), why)),
            }
        }
        if names.len() > FILES_MAX {
            ring.damaged.push((String::new(), format!("there are more than {FILES_MAX} files; the rest is not read")));
        }
        ring
    }

    fn add(&mut self, mut key: ContactKey) {
        // The same key may lie there twice, as it was and as it is now: taken back is taken back.
        let fingerprint = key.fingerprint().to_owned();
        for same in self.keys.iter_mut().filter(|one| one.fingerprint() == fingerprint) {
            key.is_revoked |= same.is_revoked;
            same.is_revoked = key.is_revoked;
        }
        for address in key.addresses() {
            self.by_address.entry(address.clone()).or_default().push(self.keys.len());
        }
        self.keys.push(key);
    }

    /// The key to encrypt to for this address: of several good ones the one made last.
    pub fn find(&self, address: &str, now: Time) -> Result<&ContactKey, NoKey> {
        match self.best(address, now).map(|key| (key, key.why_not(now))) {
            Some((key, None)) => Ok(key),
            Some((key, Some(why))) => Err(NoKey {
                why: format!("the key of {address} {why}"),
                fingerprint: Some(key.fingerprint().to_owned()),
            }),
            None => Err(NoKey { why: format!("there is no key of {address}"), fingerprint: None }),
        }
    }

    /// The key of an address that comes first: one that is good, else one that says why there is none.
    pub fn best(&self, address: &str, now: Time) -> Option<&ContactKey> {
        let rank =
            |key: &&ContactKey| (key.state(now).is_usable(), key.created(), key.expires().unwrap_or(Time(i64::MAX)));
        self.all(address).max_by_key(rank)
    }

    /// Whether an address has the key with this fingerprint, in whatever state.
    pub fn has(&self, address: &str, fingerprint: &str) -> bool {
        self.all(address).any(|key| key.fingerprint().eq_ignore_ascii_case(fingerprint))
    }

    fn all(&self, address: &str) -> impl Iterator<Item = &ContactKey> {
        let places = self.by_address.get(&canonical(address)).map(Vec::as_slice).unwrap_or_default();
        places.iter().filter_map(|place| self.keys.get(*place))
    }

    /// All keys, in the order of their files.
    pub fn keys(&self) -> &[ContactKey] {
        &self.keys
    }

    /// Files that hold no key, by their names, and why.
    pub fn damaged(&self) -> &[(String, String)] {
        &self.damaged
    }
}

/// Reads a file that should hold a key, but not more than a key may have.
pub fn read_file(path: &Path) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| error.to_string())?;
    // One byte more, so that a file that is too large is told from one that just fits.
    file.take(KEY_BYTES_MAX as u64 + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    Ok(bytes)
}

/// What the folder looks like now.
pub fn marks(folder: &Path) -> Marks {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let named = entries.filter_map(|entry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        // Links are followed: a folder may be made of links into another.
        let about = fs::metadata(entry.path()).ok().filter(fs::Metadata::is_file)?;
        let counts = !name.starts_with('.') && !name.ends_with('~');
        counts.then(|| (name, (about.len(), about.modified().ok())))
    });
    named.collect()
}
