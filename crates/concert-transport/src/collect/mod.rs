//! Ways in, one file each, named by the word behind `type` in `collect = { type = "imap", ... }`.
//!
//! A collector reads its keys once, then owns its connection, its pace and its back-off. It never
//! looks into a report. `push` is not here: the HTTP server is its door.

pub mod file;
pub mod http;
pub mod imap;
pub mod irc;

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use concert_model::{Keys, Time};
use tokio_util::sync::CancellationToken;

use crate::{Collector, Health, Intake};

/// What every collector is told.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Name of the feed, as the intake knows it.
    pub feed: String,
    /// The site's folder, against which paths in the settings are read.
    pub site_dir: PathBuf,
    /// Largest report from a network (`limits.report`).
    pub report_bytes_max: u64,
    /// Largest report from a folder (`limits.file`).
    pub file_bytes_max: u64,
    /// How long a collector keeps what it put away.
    pub keep_raw: Duration,
    /// How we name ourselves to web servers.
    pub user_agent: String,
}

impl Setup {
    /// A path from the settings: as it is when absolute, else inside the site.
    pub fn path(&self, text: &str) -> PathBuf {
        self.site_dir.join(Path::new(text))
    }
}

/// A collector as the settings name it.
pub struct Listed {
    /// The word behind `type`.
    pub name: &'static str,
    /// What it does, in one sentence.
    pub about: &'static str,
    /// Reads its keys; mistakes go into `keys`, and `None` means there were some. The caller has
    /// consumed `type` and finishes the table.
    pub read: fn(&mut Keys<'_>, &Setup) -> Option<Box<dyn Collector>>,
}

/// Every collector there is.
pub const ALL: &[Listed] = &[file::LISTED, http::LISTED, imap::LISTED, irc::LISTED];

/// What is said of a body that was fetched, with the setting where it is too large.
pub(crate) fn of_report(why: String, bytes_max: u64) -> String {
    if why == crate::net::web::too_long(bytes_max) {
        format!("{why}, the most that `limits.report` takes")
    } else {
        why
    }
}

/// Waits so long, or until told to stop. Says whether to go on.
pub async fn wait(stop: &CancellationToken, time: Duration) -> bool {
    tokio::select! {
        () = stop.cancelled() => false,
        () = tokio::time::sleep(time) => true,
    }
}

/// A pause that doubles with every failure, from a first to a last, and starts over after success.
#[derive(Debug)]
pub struct Backoff {
    first: Duration,
    last: Duration,
    next: Duration,
}

impl Backoff {
    /// From a first pause to a last.
    pub fn new(first: Duration, last: Duration) -> Self {
        Self { first, last, next: first }
    }

    /// How long to pause after this failure.
    pub fn pause(&mut self) -> Duration {
        let pause = self.next;
        self.next = pause.saturating_mul(2).min(self.last);
        pause
    }

    /// The last attempt went well.
    pub fn reset(&mut self) {
        self.next = self.first;
    }
}

/// Tells the intake how a feed does: when that changes, and once a minute while it does not.
#[derive(Debug, Default)]
pub struct Told {
    last: Mutex<Option<(Health, Time)>>,
}

impl Told {
    /// Says how the feed does, unless that was just said.
    pub fn say(&self, intake: &dyn Intake, feed: &str, health: Health) {
        let now = intake.now();
        let mut last = self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        // A clock that is set back must not make it silent.
        let is_fresh = |at: Time| (at..at.plus_seconds(60)).contains(&now);
        let fresh = last.as_ref().is_some_and(|(before, at)| *before == health && is_fresh(*at));
        if fresh {
            return;
        }
        *last = Some((health.clone(), now));
        drop(last);
        intake.health(feed, health);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_doubles_up_to_its_last_and_starts_over() {
        let mut backoff = Backoff::new(Duration::from_secs(5), Duration::from_secs(12));
        let pauses: Vec<u64> = (0..4).map(|_| backoff.pause().as_secs()).collect();
        assert_eq!(pauses, [5, 10, 12, 12]);
        backoff.reset();
        assert_eq!(backoff.pause().as_secs(), 5);
    }

    #[test]
    fn how_a_feed_does_is_said_once_a_minute_also_after_the_clock_was_set_back() {
        let (memory, told) = (crate::memory::Memory::default(), Told::default());
        for (seconds, want) in [(0, 1), (0, 1), (59, 1), (2, 2), (-86_400, 3), (0, 3)] {
            memory.pass(seconds);
            told.say(&memory, "feed", Health::Good);
            assert_eq!(memory.health().len(), want, "{seconds}");
        }
    }

    #[test]
    fn every_way_in_tells_all_missing_settings_and_never_panics() {
        let setup = crate::memory::setup(Path::new("/nowhere"));
        for listed in ALL {
            let Err(problems) = crate::memory::read(listed, &setup, "nonsense = 1") else {
                panic!("{} was set up from nothing", listed.name)
            };
            assert!(problems.contains("is missing in"), "{}: {problems}", listed.name);
            assert!(problems.contains("unknown key `nonsense`"), "{}: {problems}", listed.name);
        }
    }
}
