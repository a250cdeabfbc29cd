//! Mode `tail`: growing files, their complete lines as reports at most every half second.
//!
//! `path` is one file, or a folder of which every file that matches is followed. What is remembered
//! of a file hangs on its inode, so it may be renamed (log rotation): the old file is read to its
//! end before the new one, and so is what was born and rotated away in between. A file that became shorter, or that begins with other bytes than before,
//! is a new file. Before lines are kept, the spans they fill are remembered, of many files at once; after a kill exactly
//! those spans are read again, so nothing is doubled. A last line without its end waits for it; only when
//! the file has been rotated away is it taken as it is.

mod batch;
mod follow;
mod rotated;
mod span;
mod state;

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use concert_model::Problem;
use concert_model::problem::counted;
use tokio_util::sync::CancellationToken;

use self::batch::Batch;
use self::rotated::Sought;
use self::span::Span;
use self::state::State;
use super::lines::{SPAN_BYTES_MAX, TICK};
use super::{From, Pattern, Stamp, list, shown};
use crate::collect::{Backoff, Setup, Told, wait};
use crate::{Collector, Health, Intake};

/// Files followed at a time.
const FOLLOWED_MAX: usize = 1000;
/// Files that are left out are told again after so long, and before that no sooner than this when there are others.
const LEFT_OUT_AGAIN_SECONDS: i64 = 12 * 3600;
const LEFT_OUT_CHANGED_SECONDS: i64 = 3600;
/// Between two looks at the largest folder are so many times more than between two at one of few files.
const LOOKS_MAX: u32 = 100;
/// A file rotated away is let go when nothing was written to it for so long: its writer may hold it
/// open until it is told to begin the new one.
const QUIET: Duration = Duration::from_secs(10);

pub(super) struct Tail {
    setup: Setup,
    path: PathBuf,
    pattern: Pattern,
    from: From,
    pub(super) followed_max: usize,
    told: Told,
}

/// One file found where we look.
struct Found {
    name: OsString,
    path: PathBuf,
    stamp: Stamp,
}

/// Where each file lies, by device and inode.
type Here<'f> = HashMap<(u64, u64), &'f Found>;

/// What one look at all files came to.
#[derive(Default)]
struct Round {
    /// More waits to be read.
    more: bool,
    /// Files found.
    found: usize,
    /// The last thing that went wrong.
    trouble: Option<String>,
}

impl Tail {
    pub(super) fn new(setup: &Setup, path: &str, pattern: Pattern, from: From) -> Self {
        Self {
            setup: setup.clone(),
            path: setup.path(path),
            pattern,
            from,
            followed_max: FOLLOWED_MAX,
            told: Told::default(),
        }
    }

    /// The files to follow, oldest first. A file that does not exist yet is no trouble.
    async fn look(&self) -> Result<Vec<Found>, String> {
        let say = |error: std::io::Error| format!("{}: {error}", self.path.display());
        let metadata = match tokio::fs::metadata(&self.path).await {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(say(error)),
        };
        if !metadata.is_dir() {
            let name = self.path.file_name().unwrap_or_default().to_owned();
            return Ok(vec![Found { name, path: self.path.clone(), stamp: Stamp::of(&metadata) }]);
        }
        let (folder, pattern) = (self.path.clone(), self.pattern.clone());
        let listing = tokio::task::spawn_blocking(move || list(&folder, &pattern));
        let found = listing.await.map_err(|error| error.to_string())??;
        let path = |name: &OsString| self.path.join(name);
        Ok(found.into_iter().map(|(name, stamp)| Found { path: path(&name), name, stamp }).collect())
    }

    /// One look at all files: new ones are noted, all are read.
    async fn round(&self, intake: &dyn Intake, state: &mut State) -> Round {
        let mut round = Round::default();
        let found = match self.look().await {
            Ok(found) => found,
            Err(why) => {
                round.trouble = Some(why);
                return round;
            }
        };
        round.found = found.len();
        let mut here: Here<'_> = HashMap::with_capacity(found.len());
        for file in &found {
            here.entry((file.stamp.device, file.stamp.inode)).or_insert(file);
        }
        match self.follow_rotated(intake, state, &here).await {
            Ok(lost) => round.trouble = lost,
            Err(why) => {
                round.trouble = Some(why);
                return round;
            }
        }
        if let Err(why) = self.note_new(intake, state, &found).await {
            round.trouble = Some(why);
            return round;
        }
        let (mut unread, mut batch) = (Vec::<String>::new(), Batch::default());
        for at in 0..state.files.len() {
            let Some(file) = state.files.get_mut(at).filter(|file| !file.finished) else { continue };
            let seen = here.get(&(file.device, file.inode)).map(|found| found.path.as_path());
            file.gone = seen.is_none();
            // What was written earlier is read earlier.
            if unread.contains(&file.name) {
                continue;
            }
            let name = file.name.clone();
            let read = match file.open(seen).await {
                Ok(true) => self.read(intake, state, at, &mut batch).await,
                // It was rotated since it was found.
                Ok(false) => Ok(true),
                Err(why) => Err(why),
            };
            match read {
                Ok(false) => {}
                Ok(true) => {
                    round.more = true;
                    unread.push(name);
                }
                Err(why) => round.trouble = Some(why),
            }
            if batch.is_full()
                && let Err(why) = self.keep(intake, state, &mut batch).await
            {
                round.trouble = Some(why);
            }
        }
        if let Err(why) = self.keep(intake, state, &mut batch).await {
            round.trouble = Some(why);
        }
        let before = state.files.len();
        let keeps = self.last_of(state);
        state.files.retain(|file| !file.finished || Some(file.serial) == keeps);
        if state.files.len() != before
            && let Err(why) = self.remember(intake, state).await
        {
            round.trouble = Some(why);
        }
        round
    }

    /// Takes up files never seen before, the newest where there is no room for all.
    async fn note_new(&self, intake: &dyn Intake, state: &mut State, found: &[Found]) -> Result<(), String> {
        let (before, first_look) = (state.files.len(), std::mem::replace(&mut state.fresh, false));
        let mut places: HashMap<(u64, u64), usize> = HashMap::with_capacity(before);
        for (at, known) in state.files.iter().enumerate() {
            places.entry((known.device, known.inode)).or_insert(at);
        }
        let (mut unseen, mut seen) = (Vec::new(), HashSet::new());
        for file in found {
            let key = (file.stamp.device, file.stamp.inode);
            if let Some(known) = places.get(&key).and_then(|at| state.files.get_mut(*at)) {
                // One that was read to its end is back, or its inode was given to another.
                let is_same =
                    if known.finished { Sought::new(known).is_in(&file.path, &file.stamp) } else { Some(true) };
                match is_same {
                    Some(false) => {}
                    Some(true) => {
                        known.finished = false;
                        continue;
                    }
                    // Another lies there since it was found: the next look tells.
                    None => continue,
                }
            }
            if seen.insert(key) {
                unseen.push(file);
            }
        }
        let left_out = unseen.len().saturating_sub(self.followed_max.saturating_sub(before));
        let is_told = self.tell_left_out(intake, state, left_out);
        for file in unseen.into_iter().skip(left_out) {
            let mut followed = state.add(shown(&file.name), &file.stamp);
            if first_look && self.from == From::End {
                followed.offset = span::last_line_start(&file.path, file.stamp.size).await;
                followed.head = span::head(&file.path, followed.offset).await;
                followed.plan = followed.offset;
            }
            state.files.push(followed);
        }
        // Files rotated away come first, so that lines keep their order.
        state.files.sort_by_key(|file| file.serial);
        if first_look || is_told || state.files.len() != before {
            self.remember(intake, state).await?;
        }
        Ok(())
    }

    /// Says how many files are left out, as something that may be missing; whether that has to be remembered.
    fn tell_left_out(&self, intake: &dyn Intake, state: &mut State, count: usize) -> bool {
        let (now, before) = (intake.now(), state.left_out);
        if count == 0 {
            state.left_out = None;
            return before.is_some();
        }
        let count = count as u64;
        if let Some((known, told)) = before {
            let wait = if known == count { LEFT_OUT_AGAIN_SECONDS } else { LEFT_OUT_CHANGED_SECONDS };
            if now < told.plus_seconds(wait) {
                return false;
            }
        }
        state.left_out = Some((count, now));
        let (path, most) = (self.path.display(), self.followed_max);
        let are = if count == 1 { "1 file is" } else { &format!("{count} files are") };
        let why = format!("{are} left out of {path}, where {most} are followed; move old ones away");
        intake.health(&self.setup.feed, Health::Gap(now, now, why));
        true
    }

    /// Reads one span of one file, to be kept with others. Says whether more waits.
    async fn read(&self, intake: &dyn Intake, state: &mut State, at: usize, batch: &mut Batch) -> Result<bool, String> {
        let Some(file) = state.files.get_mut(at) else { return Ok(false) };
        if file.is_unchanged().await {
            return Ok(false);
        }
        let written = file.size_and_write().await.and_then(|(_, written)| since_1970(written));
        if file.was_truncated().await {
            // The places of other files change with it.
            self.keep(intake, state, batch).await?;
            if self.begin_anew(intake, state, at).await? {
                return Ok(true);
            }
        } else {
            file.modified = written.or(file.modified);
        }
        let Some(file) = state.files.get_mut(at) else { return Ok(false) };
        file.is_live = true;
        let ending = file.is_quiet(intake.now()).await;
        let span = file.next_span(self.setup.report_bytes_max.min(SPAN_BYTES_MAX), ending).await?;
        let Some(Span { start, bytes, more }) = span else {
            file.finished = ending;
            return Ok(false);
        };
        batch.add(at, start, bytes);
        Ok(more)
    }

    async fn remember(&self, intake: &dyn Intake, state: &State) -> Result<(), String> {
        let written = intake.remember(&self.setup.feed, "tail", &state.write()).await;
        written.map_err(|why| format!("the place in the files cannot be remembered: {why}"))
    }

    async fn recall(&self, intake: &dyn Intake) -> State {
        State::read(intake.recall(&self.setup.feed, "tail").await.as_deref())
    }
}

/// Nanoseconds since 1970.
fn since_1970(time: SystemTime) -> Option<u64> {
    u64::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_nanos()).ok()
}

#[async_trait]
impl Collector for Tail {
    async fn run(&self, intake: &dyn Intake, stop: CancellationToken) {
        let mut state = self.recall(intake).await;
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));
        while !stop.is_cancelled() {
            let round = self.round(intake, &mut state).await;
            let pause = match round.trouble {
                None => {
                    backoff.reset();
                    self.told.say(intake, &self.setup.feed, Health::Good);
                    // A look at a folder costs as much as there is in it.
                    let looks = u32::try_from(round.found / FOLLOWED_MAX).unwrap_or(u32::MAX);
                    if round.more { Duration::ZERO } else { TICK * (1 + looks.min(LOOKS_MAX)) }
                }
                Some(why) => {
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
        let mut state = self.recall(intake).await;
        let outcome = loop {
            let round = self.round(intake, &mut state).await;
            match round.trouble {
                Some(why) => break Err(why),
                None if !round.more => break Ok(()),
                None => {}
            }
        };
        let health = outcome.clone().map_or_else(Health::Trouble, |()| Health::Good);
        self.told.say(intake, &self.setup.feed, health);
        outcome
    }

    async fn check(&self) -> Result<String, Problem> {
        match self.look().await {
            Ok(found) if found.is_empty() => Ok(format!("{}: nothing to follow yet", self.path.display())),
            Ok(found) => {
                let most = self.followed_max;
                let of = if found.len() > most { format!(", of which {most} are followed") } else { String::new() };
                Ok(format!("{}: {} to follow{of}", self.path.display(), counted(found.len(), "file")))
            }
            Err(why) => Err(Problem::new(why).hint("let Concert read it")),
        }
    }
}
