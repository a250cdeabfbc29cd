//! Mode `drop`: every file is a report, taken when complete, moved when durable.
//!
//! A file is complete when two looks find it unchanged, or when its name or mode changed after its last
//! write, which is what moving it into place does. Taking the same file again after a kill
//! adds nothing, so it is moved only after it is durable. Files too large or not readable, links and pipes go to
//! `refused/`, each with a `.reason` beside it; a folder is passed over, which is told once. Nothing in `done/` or `refused/` is ever overwritten;
//! `kept.rs` removes what lies there for longer than reports are kept, and `late.rs` watches for files that are written
//! to in `done/`.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use concert_model::problem::counted;
use concert_model::{Origin, Problem, Receipt, Time};
use tokio_util::sync::CancellationToken;

use super::kept::Kept;
use super::late::Late;
use super::{Listing, Pattern, Stamp, list_all, shown};
use crate::collect::{Backoff, Setup, Told, wait};
use crate::{Body, Collector, Health, Intake};

/// A file that is durable but cannot be moved away is tried again after so long.
const STUCK_PAUSE: Duration = Duration::from_secs(60);
/// Files of one name that `done/` can hold from one second.
const SAME_NAME_MAX: u32 = 10_000;

pub(super) struct Dropped {
    setup: Setup,
    folder: PathBuf,
    /// The folder belongs to the site, so it is made when it is missing.
    ours: bool,
    pattern: Pattern,
    every: Duration,
    settle: Duration,
    kept: Kept,
    late: Late,
    told: Told,
    folders_told: AtomicBool,
}

/// What earlier looks found of a file.
struct Seen {
    stamp: Stamp,
    since: Instant,
    not_before: Option<Instant>,
}

/// What became of one file.
enum Taken {
    /// Moved away, or gone by itself.
    Away,
    /// Written to since the look; the next look decides.
    Changed,
    /// Still there with a reason; try again later.
    Stuck(String),
    /// The intake takes nothing now.
    Full(String),
}

impl Dropped {
    pub(super) fn new(setup: &Setup, path: &str, pattern: Pattern, every: Duration, settle: Duration) -> Self {
        Self {
            setup: setup.clone(),
            folder: setup.path(path),
            ours: Path::new(path).is_relative(),
            pattern,
            every,
            settle,
            kept: Kept::new(setup.keep_raw),
            late: Late::default(),
            told: Told::default(),
            folders_told: AtomicBool::new(false),
        }
    }

    async fn tidy(&self, intake: &dyn Intake) {
        let removed = self.kept.tidy(&self.folder, &self.pattern, intake.now()).await;
        if removed > 0 {
            tracing::info!(feed = self.setup.feed, removed, "old files were removed from done/ and refused/");
        }
    }

    async fn look(&self) -> Result<Listing, String> {
        if self.ours {
            let made = tokio::fs::create_dir_all(&self.folder).await;
            made.map_err(|error| format!("{}: {error}", self.folder.display()))?;
        }
        let (folder, pattern) = (self.folder.clone(), self.pattern.clone());
        let listing = tokio::task::spawn_blocking(move || list_all(&folder, &pattern));
        listing.await.map_err(|error| error.to_string())?
    }

    /// One look at the folder: takes what is ready. Gives the number of files that are not yet.
    async fn round(
        &self,
        intake: &dyn Intake,
        seen: &mut HashMap<OsString, Seen>,
        stop: &CancellationToken,
    ) -> Result<usize, String> {
        let Listing { files: found, odd, folders } = self.look().await?;
        self.late.recall(intake, &self.setup.feed).await;
        self.tell_folders(&folders);
        let (mut waiting, mut trouble, mut full) = (0, self.refuse_odd(intake, &odd).await, None);
        let mut still = HashMap::with_capacity(found.len());
        for (name, stamp) in found {
            let mut entry = match seen.remove(&name) {
                Some(entry) if entry.stamp == stamp => entry,
                _ => Seen { stamp, since: Instant::now(), not_before: None },
            };
            // Timers may fire a little early.
            let settled = entry.since.elapsed() + Duration::from_millis(20) >= self.settle;
            // Whoever goes on writing after that is noticed by `late.rs`.
            let placed = stamp.changed > stamp.modified;
            let rests = entry.not_before.is_some_and(|moment| Instant::now() < moment);
            if rests || full.is_some() || stop.is_cancelled() {
                still.insert(name, entry);
                continue;
            }
            if !settled && !placed {
                waiting += 1;
                still.insert(name, entry);
                continue;
            }
            match self.take(&self.folder, intake, &name, &stamp).await {
                Taken::Away => continue,
                Taken::Changed => {
                    waiting += 1;
                    continue;
                }
                Taken::Stuck(why) => {
                    entry.not_before = Some(Instant::now() + STUCK_PAUSE);
                    trouble = Some(why);
                }
                Taken::Full(why) => full = Some(why),
            }
            still.insert(name, entry);
        }
        *seen = still;
        match full.or(trouble) {
            Some(why) => self.late.remember(intake, &self.setup.feed).await.and(Err(why)),
            None => Ok(waiting + self.look_again(intake).await?),
        }
    }

    /// Refuses links and whatever else is no plain file: following a link would take files that whoever drops reports
    /// may not read. Gives what is in the way.
    async fn refuse_odd(&self, intake: &dyn Intake, odd: &[OsString]) -> Option<String> {
        let mut trouble = None;
        for name in odd {
            let path = self.folder.join(name);
            let why = match tokio::fs::symlink_metadata(&path).await {
                Ok(metadata) if metadata.is_symlink() => "it is a link, and links are not followed",
                Ok(metadata) if !metadata.is_file() && !metadata.is_dir() => {
                    "it is a pipe, socket or device, not a file"
                }
                _ => continue,
            };
            if let Taken::Stuck(why) = self.refuse(intake, &path, name, why).await {
                trouble = Some(why);
            }
        }
        trouble
    }

    /// Says once that there are folders besides our own.
    fn tell_folders(&self, folders: &[OsString]) {
        let strange = folders.iter().any(|name| name != "done" && name != "refused");
        if strange && !self.folders_told.swap(true, Ordering::Relaxed) {
            tracing::warn!(feed = self.setup.feed, "A folder lies among the files to take; it is not looked into.");
        }
    }

    /// Takes what was written to after it was moved to `done/`. Gives the number of files that are not ready.
    async fn look_again(&self, intake: &dyn Intake) -> Result<usize, String> {
        let (feed, done) = (&self.setup.feed, self.folder.join("done"));
        let (grown, mut waiting) = self.late.grown(&done, self.settle, intake.now()).await;
        let mut outcome = Ok(());
        for (name, stamp) in grown {
            match self.take(&done, intake, &name, &stamp).await {
                Taken::Away => {
                    tracing::warn!(feed, "A file was written to after it was taken; it was taken again as a whole.");
                    self.late.forget(&name);
                }
                Taken::Changed => waiting += 1,
                Taken::Stuck(why) | Taken::Full(why) => outcome = Err(why),
            }
        }
        self.late.remember(intake, feed).await?;
        outcome.map(|()| waiting)
    }

    /// Takes a file of the folder, or one of `done/` again.
    async fn take(&self, folder: &Path, intake: &dyn Intake, name: &OsStr, stamp: &Stamp) -> Taken {
        let path = folder.join(name);
        match tokio::fs::symlink_metadata(&path).await {
            Ok(metadata) if Stamp::of(&metadata) == *stamp => {}
            Ok(_) => return Taken::Changed,
            Err(_) => return Taken::Away,
        }
        if stamp.size > self.setup.file_bytes_max {
            let why = format!("{} bytes are more than the {} allowed", stamp.size, self.setup.file_bytes_max);
            return self.refuse(intake, &path, name, &why).await;
        }
        if let Err(error) = tokio::fs::File::open(&path).await {
            return match error.kind() {
                std::io::ErrorKind::NotFound => Taken::Away,
                _ => self.refuse(intake, &path, name, &format!("it cannot be read: {error}")).await,
            };
        }
        let receipt = Receipt {
            feed: self.setup.feed.clone(),
            origin: Origin::File(shown(name)),
            received: intake.now(),
            sender: String::new(),
            file_name: shown(name),
            url: String::new(),
            media_type: String::new(),
        };
        if let Err(why) = intake.keep(receipt, Body::File(path.clone())).await {
            return Taken::Full(format!("{} cannot be kept now: {why}", shown(name)));
        }
        match tokio::fs::symlink_metadata(&path).await {
            Ok(metadata) if Stamp::of(&metadata).same_content(stamp) => {}
            Ok(_) => return Taken::Stuck(format!("{} changed while it was read; it is taken again", shown(name))),
            Err(_) => return Taken::Away,
        }
        match self.put_away(&path, name, "done", stamp, intake.now()).await {
            Ok(target) => {
                self.late.watch(target.file_name().unwrap_or(name), stamp, intake.now());
                Taken::Away
            }
            Err(why) => Taken::Stuck(format!("{} is kept but cannot be moved to done/: {why}", shown(name))),
        }
    }

    /// Moves away what is not taken. Nothing of it will be read, so the feed has a gap there.
    async fn refuse(&self, intake: &dyn Intake, path: &Path, name: &OsStr, why: &str) -> Taken {
        let now = intake.now();
        let Ok(metadata) = tokio::fs::symlink_metadata(path).await else { return Taken::Away };
        match self.put_away(path, name, "refused", &Stamp::of(&metadata), now).await {
            Ok(target) => {
                let text = format!("{} was not taken: {why}\n", shown(name));
                if let Err(error) = tokio::fs::write(with_reason(&target), text).await {
                    return Taken::Stuck(format!("the reason for {} cannot be written: {error}", shown(name)));
                }
                tracing::warn!(feed = self.setup.feed, "A file was refused: {why}.");
                let told = format!("the file {} was refused: {why}", shown(name));
                intake.health(&self.setup.feed, Health::Gap(now, now, told));
                Taken::Away
            }
            Err(error) => {
                let name = shown(name);
                Taken::Stuck(format!("{name} is not taken ({why}) and cannot be moved to refused/: {error}"))
            }
        }
    }

    /// Moves a file into a folder beside it under a free name.
    async fn put_away(
        &self,
        path: &Path,
        name: &OsStr,
        folder: &str,
        stamp: &Stamp,
        now: Time,
    ) -> Result<PathBuf, String> {
        let folder = self.folder.join(folder);
        tokio::fs::create_dir_all(&folder).await.map_err(|error| error.to_string())?;
        let target = free_name(&folder, name, now).await.ok_or("no free name is left there")?;
        tokio::fs::rename(path, &target).await.map_err(|error| error.to_string())?;
        // Another file may have been moved over this one since we looked: it is not ours to put away. The same file with
        // more in it is: `late.rs` finds that it has grown.
        match tokio::fs::symlink_metadata(&target).await {
            Ok(metadata) if Stamp::of(&metadata).same_file(stamp) => Ok(target),
            Ok(_) => {
                tokio::fs::rename(&target, path).await.map_err(|error| error.to_string())?;
                Err("another file has taken its name".into())
            }
            Err(error) => Err(error.to_string()),
        }
    }
}

fn with_reason(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".reason");
    PathBuf::from(name)
}

/// The name itself, or with the moment and at last a number before its ending.
async fn free_name(folder: &Path, name: &OsStr, now: Time) -> Option<PathBuf> {
    let stem = Path::new(name).file_stem().unwrap_or(name);
    let ending = Path::new(name).extension();
    // Colons are no good in file names where these may be copied to.
    let moment = now.to_string().replace(':', "");
    for attempt in 0..SAME_NAME_MAX {
        let mut candidate = stem.to_owned();
        match attempt {
            0 => {}
            1 => candidate.push(format!("-{moment}")),
            _ => candidate.push(format!("-{moment}-{attempt}")),
        }
        if let Some(ending) = ending {
            candidate.push(".");
            candidate.push(ending);
        }
        let path = folder.join(candidate);
        let taken = tokio::fs::symlink_metadata(&path).await.is_ok();
        if !taken && tokio::fs::symlink_metadata(with_reason(&path)).await.is_err() {
            return Some(path);
        }
    }
    None
}

#[async_trait]
impl Collector for Dropped {
    async fn run(&self, intake: &dyn Intake, stop: CancellationToken) {
        let mut seen = HashMap::new();
        let mut backoff = Backoff::new(self.every, Duration::from_secs(60).max(self.every));
        loop {
            let pause = match self.round(intake, &mut seen, &stop).await {
                Ok(_) => {
                    backoff.reset();
                    self.told.say(intake, &self.setup.feed, Health::Good);
                    self.tidy(intake).await;
                    self.every
                }
                Err(why) => {
                    self.told.say(intake, &self.setup.feed, Health::Trouble(why));
                    backoff.pause()
                }
            };
            if !wait(&stop, pause).await {
                return;
            }
        }
    }

    async fn once(&self, intake: &dyn Intake) -> Result<(), String> {
        let (mut seen, stop) = (HashMap::new(), CancellationToken::new());
        // What was last written long enough ago needs no second look.
        let settle = i128::try_from(self.settle.as_nanos()).unwrap_or(i128::MAX);
        let before = i128::from(intake.now().0) * 1000 - settle;
        for (name, stamp) in self.look().await?.files {
            if stamp.modified <= before {
                let since = Instant::now().checked_sub(self.settle).unwrap_or_else(Instant::now);
                seen.insert(name, Seen { stamp, since, not_before: None });
            }
        }
        let mut outcome = Ok(());
        for _ in 0..3 {
            match self.round(intake, &mut seen, &stop).await {
                Ok(0) => break,
                Ok(_) => {}
                Err(why) => {
                    outcome = Err(why);
                    break;
                }
            }
            tokio::time::sleep(self.settle).await;
        }
        let health = outcome.clone().map_or_else(Health::Trouble, |()| Health::Good);
        self.told.say(intake, &self.setup.feed, health);
        self.tidy(intake).await;
        outcome
    }

    fn takes(&self) -> Option<(&Path, &str)> {
        Some((&self.folder, self.pattern.text()))
    }

    async fn check(&self) -> Result<String, Problem> {
        match self.look().await {
            Ok(found) => {
                let (count, pattern) = (found.files.len(), self.pattern.text());
                let match_it = if count == 1 { "matches" } else { "match" };
                Ok(format!("{}: {} {match_it} {pattern}", self.folder.display(), counted(count, "file")))
            }
            Err(why) => Err(Problem::new(why).hint("make the folder and let Concert read and write it")),
        }
    }
}
