//! How long `done/` and `refused/` keep what was put there: as long as reports are kept as received.
//!
//! Only plain files that the feed itself may have put there are removed: those whose name fits its
//! pattern, also with the moment that a second file of a name got, and their reasons. When a file was put
//! there is when its name last changed, which moving it did; its last write may be years ago.

use std::ffi::OsStr;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use concert_model::Time;

use super::{FILES_MAX, Pattern, Stamp};

/// Wait between looks.
const EVERY_SECONDS: i64 = 3600;

/// Removes what is too old, once an hour.
pub(super) struct Kept {
    time: Duration,
    looked: Mutex<Option<Time>>,
}

impl Kept {
    /// Files are kept for so long.
    pub(super) fn new(time: Duration) -> Self {
        Self { time, looked: Mutex::new(None) }
    }

    /// Looks into both folders beside the files of a feed, if that is due. Gives how many files were
    /// removed.
    pub(super) async fn tidy(&self, folder: &Path, pattern: &Pattern, now: Time) -> usize {
        {
            let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
            if looked.is_some_and(|last| now < last.plus_seconds(EVERY_SECONDS)) {
                return 0;
            }
            *looked = Some(now);
        }
        let kept = i128::try_from(self.time.as_nanos()).unwrap_or(i128::MAX / 2);
        let before = i128::from(now.0) * 1000 - kept;
        let (folder, pattern) = (folder.to_owned(), pattern.clone());
        let removed = tokio::task::spawn_blocking(move || {
            ["done", "refused"].map(|name| remove_before(&folder.join(name), &pattern, before)).iter().sum()
        });
        removed.await.unwrap_or(0)
    }
}

/// Removes the files of a folder that came before a moment, in nanoseconds since 1970. What cannot be
/// removed stays and is tried again.
fn remove_before(folder: &Path, pattern: &Pattern, before: i128) -> usize {
    // Nothing was put away yet, or the folder belongs to somebody else: nothing to do.
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let is_old = |entry: &std::fs::DirEntry| {
        let stamp = entry.metadata().ok().filter(|metadata| !metadata.is_dir()).map(|metadata| Stamp::of(&metadata));
        stamp.is_some_and(|stamp| stamp.changed.max(stamp.modified) < before)
    };
    let ours = |entry: &std::fs::DirEntry| put_there(&entry.file_name(), pattern);
    let old = entries.flatten().take(FILES_MAX).filter(|entry| ours(entry) && is_old(entry));
    old.filter(|entry| std::fs::remove_file(entry.path()).is_ok()).count()
}

/// Whether a file of this name may come from a feed with this pattern.
fn put_there(name: &OsStr, pattern: &Pattern) -> bool {
    let name = name.to_string_lossy();
    let name = name.strip_suffix(".reason").unwrap_or(&name);
    if pattern.matches(OsStr::new(name)) {
        return true;
    }
    // `list-2026-11-22T045030Z-2.csv` was `list.csv`.
    let (stem, ending) = match name.rfind('.') {
        Some(at) if at > 0 => name.split_at(at),
        _ => (name, ""),
    };
    let starts = stem.match_indices('-').filter_map(|(at, _)| stem.get(..at));
    starts.into_iter().any(|start| pattern.matches(OsStr::new(&format!("{start}{ending}"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_feed_put_there_is_its_own() {
        let check = |pattern: &str, name: &str, want: bool| {
            assert_eq!(put_there(OsStr::new(name), &Pattern::new(pattern).unwrap()), want, "{pattern} {name}");
        };
        check("*.csv", "a.csv", true);
        check("*.csv", "a.csv.reason", true);
        check("*.csv", "a-2026-11-22T045030Z.csv", true);
        check("list.csv", "list-2026-11-22T045030Z-2.csv", true);
        check("list.csv", "list-2026-11-22T045030Z.csv.reason", true);
        check("list", "list-2026-11-22T045030Z", true);
        check("list.csv", "listing.csv", false);
        check("*.csv", "a.txt", false);
        check("*.csv", ".a.csv", false);
    }

    #[tokio::test]
    async fn what_was_put_there_long_ago_is_removed_once_an_hour_whenever_it_was_written() {
        let site = tempfile::tempdir().unwrap();
        let write = |name: &str| {
            let path = site.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, "x").unwrap();
            let years_ago = std::time::SystemTime::now() - Duration::from_secs(400 * 86_400);
            std::fs::File::options().write(true).open(&path).unwrap().set_modified(years_ago).unwrap();
        };
        let ours = ["done/a.csv", "done/a-2026-11-22T045030Z.csv", "refused/b.csv", "refused/b.csv.reason"];
        let others = ["done/notes.txt", "done/deeper/a.csv", "a.csv"];
        ours.iter().chain(&others).for_each(|name| write(name));
        let there = |name: &str| site.path().join(name).exists();
        let (kept, pattern) = (Kept::new(Duration::from_secs(86_400)), Pattern::new("*.csv").unwrap());
        let after = |seconds: i64| {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
            Time(i64::try_from(now.as_micros()).unwrap()).plus_seconds(seconds)
        };
        // Long since written, but put there just now.
        assert_eq!(kept.tidy(site.path(), &pattern, after(86_000)).await, 0);
        assert!(ours.iter().all(|name| there(name)));
        // Due, but looked at a moment ago.
        assert_eq!(kept.tidy(site.path(), &pattern, after(87_000)).await, 0);
        assert_eq!(kept.tidy(site.path(), &pattern, after(90_000)).await, 4);
        assert!(!ours.iter().any(|name| there(name)) && others.iter().all(|name| there(name)));
    }
}
