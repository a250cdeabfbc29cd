//! Files that are written to after they were taken: their writer stood still for longer than `settle`.
//!
//! What was moved to `done/` is looked at again for an hour, also by another process: the list is remembered. A file that
//! has changed there is a report of its own once it has settled again, the whole of it: where its first part ended, in
//! the middle of a line perhaps, no other report begins. Events of the first part are repeats. The newest files are
//! watched, so many that a look at all of them costs next to nothing.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use concert_model::Time;
use serde_json::{Value, json};

use super::Stamp;
use crate::Intake;

/// Files watched, the newest.
const WATCHED_MAX: usize = 500;
/// How long a file is watched after it was moved, or changed last.
const WATCHED_SECONDS: i64 = 3600;
/// Under this name the list is remembered.
const NAME: &str = "done";

/// A file in `done/`.
#[derive(Clone, Debug)]
struct Watched {
    name: OsString,
    /// As it was when it was taken, and when that was.
    taken: Stamp,
    at: Time,
    /// As it is now and since when, if that is another.
    grown: Option<(Stamp, Instant)>,
}

/// What is watched of one folder.
#[derive(Default)]
pub(super) struct Late(Mutex<Inside>);

#[derive(Default)]
struct Inside {
    watched: VecDeque<Watched>,
    is_recalled: bool,
    /// Whether the list is another than the one remembered.
    is_fresh: bool,
}

impl Late {
    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes up the list that another process has left.
    pub(super) async fn recall(&self, intake: &dyn Intake, feed: &str) {
        if self.inside().is_recalled {
            return;
        }
        let text = intake.recall(feed, NAME).await.unwrap_or_default();
        let mut inside = self.inside();
        (inside.watched, inside.is_recalled) = (read(&text), true);
    }

    /// Watches a file that was moved to `done/`.
    pub(super) fn watch(&self, name: &OsStr, taken: &Stamp, now: Time) {
        let mut inside = self.inside();
        inside.watched.push_back(Watched { name: name.to_owned(), taken: *taken, at: now, grown: None });
        if inside.watched.len() > WATCHED_MAX {
            inside.watched.pop_front();
        }
        inside.is_fresh = true;
    }

    /// Watches a file no more.
    pub(super) fn forget(&self, name: &OsStr) {
        let mut inside = self.inside();
        inside.watched.retain(|one| one.name != name);
        inside.is_fresh = true;
    }

    /// Remembers the list, if it is another than before.
    pub(super) async fn remember(&self, intake: &dyn Intake, feed: &str) -> Result<(), String> {
        let text = {
            let inside = self.inside();
            if !inside.is_fresh {
                return Ok(());
            }
            write(&inside.watched)
        };
        intake.remember(feed, NAME, &text).await?;
        self.inside().is_fresh = false;
        Ok(())
    }

    /// Files of the folder that have grown and settled again, and how many have not settled yet.
    pub(super) async fn grown(&self, done: &Path, settle: Duration, now: Time) -> (Vec<(OsString, Stamp)>, usize) {
        let list = self.inside().watched.clone();
        if list.is_empty() {
            return (Vec::new(), 0);
        }
        let done = done.to_owned();
        let looking = tokio::task::spawn_blocking(move || {
            let stamp = |one: &Watched| std::fs::symlink_metadata(done.join(&one.name)).ok().map(|m| Stamp::of(&m));
            list.into_iter().map(|one| (stamp(&one), one)).collect::<Vec<_>>()
        });
        // Should looking itself stop, everything is watched on.
        let Ok(found) = looking.await else { return (Vec::new(), 0) };
        let (mut grown, mut waiting, mut still) = (Vec::new(), 0, VecDeque::new());
        for (stamp, mut one) in found {
            // Gone, or another file of the same name.
            let Some(stamp) = stamp.filter(|stamp| stamp.same_file(&one.taken)) else { continue };
            if stamp.same_content(&one.taken) {
                one.grown = None;
            } else if one.grown.is_none_or(|(before, _)| !before.same_content(&stamp)) {
                // What was written long ago when it is found has settled.
                let age = i128::from(now.0) * 1000 - stamp.modified;
                let age = Duration::from_nanos(u64::try_from(age).unwrap_or(0));
                let since = if one.grown.is_none() { Instant::now().checked_sub(age) } else { None };
                one.grown = Some((stamp, since.unwrap_or_else(Instant::now)));
            }
            match one.grown {
                Some((stamp, since)) if since.elapsed() + Duration::from_millis(20) >= settle => {
                    grown.push((one.name.clone(), stamp));
                }
                Some(_) => waiting += 1,
                None if one.at.plus_seconds(WATCHED_SECONDS) <= now => continue,
                None => {}
            }
            still.push_back(one);
        }
        // Nobody has added any meanwhile: one task works on a folder.
        self.inside().watched = still;
        (grown, waiting)
    }
}

/// The list as it is remembered. What has grown is found grown again.
fn write(list: &VecDeque<Watched>) -> String {
    let row = |one: &Watched| {
        let Stamp { device, inode, size, modified, .. } = one.taken;
        // A name that is no UTF-8 is not found again; such a file is watched by this process alone.
        json!([one.name.to_string_lossy(), device, inode, size, modified.to_string(), one.at.0])
    };
    Value::Array(list.iter().map(row).collect()).to_string()
}

/// Reads what [`write()`] wrote. What cannot be read is taken as never written.
fn read(text: &str) -> VecDeque<Watched> {
    let rows: Vec<(String, u64, u64, u64, String, i64)> = serde_json::from_str(text).unwrap_or_default();
    let rows = rows.into_iter().take(WATCHED_MAX).map(|(name, device, inode, size, modified, at)| Watched {
        name: name.into(),
        taken: Stamp { device, inode, size, modified: modified.parse().unwrap_or(0), changed: 0 },
        at: Time(at),
        grown: None,
    });
    rows.collect()
}
