//! Ways in and out that changed settings leave as they are.
//!
//! A way that depends on nothing that changed is taken over as it stands, with its connection: nobody has to leave a
//! channel because another feed got a new name.

use std::fmt::Debug;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use concert_model::Keys;
use concert_model::keys::Basis;

use super::Settings;
use super::feed::Collect;

/// Most bytes of a named file that count; files of certificates are smaller.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Reads a way from its table, and gives it with all it depends on: its keys, what it is told of the site, its secrets,
/// and what stands in the files that it names.
pub(super) fn with_basis<T>(
    keys: &mut Keys<'_>,
    dir: &Path,
    setup: &impl Debug,
    read: impl FnOnce(&mut Keys<'_>) -> T,
) -> (T, Basis) {
    let (way, mut basis) = keys.with_basis(read);
    basis.add("the site", format!("{setup:?}"));
    for file in basis.files().to_vec() {
        basis.add(&file, hash(&dir.join(&file)));
    }
    (way, basis)
}

/// The hash of a file, or why there is none.
fn hash(path: &Path) -> String {
    let mut bytes = Vec::new();
    match File::open(path).and_then(|file| file.take(FILE_BYTES_MAX).read_to_end(&mut bytes)) {
        Ok(_) => blake3::hash(&bytes).to_hex().to_string(),
        Err(error) => error.to_string(),
    }
}

impl Settings {
    /// Takes over the ways of the settings before that depend on nothing which changed.
    pub fn keep_ways_of(&mut self, before: &Settings) {
        for feed in &mut self.feeds {
            if let Collect::By(kind, collector, basis) = &mut feed.collect
                && let Some(Collect::By(known, kept, from)) = before.feed(&feed.name).map(|feed| &feed.collect)
                && (&*kind, &*basis) == (known, from)
            {
                *collector = Arc::clone(kept);
            }
        }
        for (name, via) in &mut self.vias {
            if let Some(kept) = before.vias.get(name)
                && (via.kind, &via.basis) == (kept.kind, &kept.basis)
            {
                via.deliverer = Arc::clone(&kept.deliverer);
            }
        }
    }
}
