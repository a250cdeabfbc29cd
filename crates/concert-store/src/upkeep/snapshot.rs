//! The store at one moment, held still while others go on writing.
//!
//! The records are copied in one transaction. The files that the copy names never change, but may be
//! merged or grow too old meanwhile, so each gets a second name (a hard link) for as long as needed.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use concert_model::Problem;

use crate::archive;
use crate::records::Records;
use crate::store::Store;

/// Folders of snapshots begin with this.
const PREFIX: &str = ".snapshot-";

/// The file in such a folder that is locked for as long as somebody needs it.
const LOCK: &str = "lock";
/// How long a folder may be there before its file is.
const NEW_FOR: Duration = Duration::from_secs(60);

/// A folder in the data folder for the time being. Gone when dropped; what a killed process leaves is removed by whoever
/// writes next.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// A new one in a data folder.
    pub fn new(data: &Path) -> io::Result<Self> {
        loop {
            let path = data.join(format!("{PREFIX}{}-{}", std::process::id(), archive::unique()));
            fs::create_dir_all(&path)?;
            let lock = File::create(path.join(LOCK))?;
            lock.lock()?;
            // Whoever sweeps may have had the lock in between, and then it is gone.
            if path.join(LOCK).exists() {
                return Ok(Self { path, _lock: lock });
            }
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.path).ok();
    }
}

/// A copy of the records, and the files they name. Gone when dropped.
#[derive(Debug)]
pub struct Snapshot {
    folder: Folder,
    /// For each file its name below the data folder and where it is to be read.
    pub files: Vec<(String, PathBuf)>,
    /// Raw reports that are named but not there.
    pub missing: Vec<String>,
}

/// Whether a snapshot holds the secrets of users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secrets {
    /// They are in it.
    Kept,
    /// It has nothing that somebody could come in with: passwords, second factors, tokens, sessions.
    LeftOut,
}

impl Store {
    /// Holds the store as it is now.
    pub async fn snapshot(&self, secrets: Secrets) -> Result<Snapshot, Problem> {
        let failed = |error: io::Error| {
            Problem::new(format!("cannot be written: {error}")).at(self.data().display().to_string())
        };
        let folder = Folder::new(self.data()).map_err(failed)?;
        let copy = folder.path().join("records.sqlite");
        let files = vec![("records.sqlite".into(), copy.clone())];
        let mut snapshot = Snapshot { folder, files, missing: Vec::new() };
        self.records.copy_to(&copy).await?;
        let records = Records::open(&copy).await?;
        let still = Store { records: records.clone(), ..self.clone() };
        let named = still.named_files().await;
        let left_out = if secrets == Secrets::LeftOut { records.remove_secrets().await } else { Ok(()) };
        // Closing writes everything into the one file that is copied.
        records.close().await;
        left_out?;
        for (name, path) in named? {
            let link = snapshot.folder.path().join(format!("{}", snapshot.files.len()));
            let old = path.with_extension("parquet.old");
            match fs::hard_link(&path, &link).or_else(|_| fs::hard_link(&old, &link)) {
                Ok(()) => snapshot.files.push((name, link)),
                // A file system without hard links: the file itself must do.
                Err(_) if path.exists() => snapshot.files.push((name, path)),
                Err(_) if name.starts_with("archive/") => snapshot.missing.push(name),
                Err(error) => return Err(Problem::new(format!("cannot be read: {error}")).at(name)),
            }
        }
        Ok(snapshot)
    }

    /// Every file the records name: its name below the data folder and its path.
    async fn named_files(&self) -> Result<Vec<(String, PathBuf)>, Problem> {
        let mut named = Vec::new();
        for kind in ["events", "sightings"] {
            for segment in self.segments(kind, 0).await? {
                named.push((segment.path.clone(), self.data().join(&segment.path)));
            }
        }
        for content in self.records.archived().await? {
            let path = self.archive.path(&content);
            let name = path.strip_prefix(self.data()).map(|name| name.display().to_string()).unwrap_or_default();
            named.push((name, path));
        }
        Ok(named)
    }
}

/// Removes what killed processes left in a data folder.
pub(crate) fn sweep(data: &Path) {
    for entry in fs::read_dir(data).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(PREFIX) {
            remove_if_left(&entry.path());
        }
    }
}

fn remove_if_left(folder: &Path) {
    let lock = File::open(folder.join(LOCK));
    let is_left = match &lock {
        // What can be locked is nobody's. It stays locked until the folder is gone.
        Ok(lock) => lock.try_lock().is_ok(),
        Err(_) => {
            let since = folder.metadata().and_then(|about| about.modified()).ok().and_then(|time| time.elapsed().ok());
            since.is_some_and(|since| since > NEW_FOR)
        }
    };
    if is_left {
        fs::remove_dir_all(folder).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::Secrets;
    use crate::Writer;
    use crate::writer::tests::{DAY, count, site, write};

    #[tokio::test]
    async fn a_snapshot_stays_while_files_come_and_go() {
        let (_dir, store) = site().await;
        let mut writer = Writer::open(&store, DAY, DAY).await.unwrap().unwrap();
        write(&mut writer, "one", 0, 3_000).await;
        let snapshot = store.snapshot(Secrets::Kept).await.unwrap();
        write(&mut writer, "two", 3_000, 6_000).await;
        let segment = store.segments("events", 0).await.unwrap().pop().unwrap();
        std::fs::remove_file(store.data().join(segment.path)).unwrap();
        assert_eq!(snapshot.missing.len(), 1, "the raw report was never archived");
        let copy = tempfile::tempdir().unwrap();
        for (name, path) in &snapshot.files {
            let to = copy.path().join(name);
            std::fs::create_dir_all(to.parent().unwrap()).unwrap();
            std::fs::copy(path, to).unwrap();
        }
        let still = crate::Store::open(copy.path()).await.unwrap();
        assert_eq!(count(&still).await, 3_000);
        let dir = snapshot.folder.path().to_owned();
        super::sweep(store.data());
        assert!(dir.exists(), "somebody needs it");
        drop(snapshot);
        assert!(!dir.exists());
        // Of a process that was killed the lock is gone, and the folder is not.
        std::fs::create_dir(&dir).unwrap();
        std::fs::write(dir.join(super::LOCK), "").unwrap();
        super::sweep(store.data());
        assert!(!dir.exists());
    }
}
