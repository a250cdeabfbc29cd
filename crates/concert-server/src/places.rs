//! How often a person asks, and how many streams it reads: so much and no more, whoever else is there.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// Streams at the same time.
const STREAMS_MAX: usize = 64;
/// Streams of one person.
pub(crate) const STREAMS_OF_PERSON_MAX: usize = 8;
/// Most persons who are counted at the same time; a site has fewer.
const PERSONS_MAX: usize = 10_000;
const WINDOW: Duration = Duration::from_secs(60);

/// Requests of each person in a minute of its own.
pub(crate) struct Requests {
    max: u64,
    windows: Mutex<BTreeMap<String, (Instant, u64)>>,
}

impl Requests {
    /// So many a minute.
    pub(crate) fn new(max: u64) -> Self {
        Self { max, windows: Mutex::default() }
    }

    /// Counts a request of a person; else tells after how many seconds the next one is taken.
    pub(crate) fn count(&self, person: &str, now: Instant) -> Result<(), u64> {
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        if windows.len() >= PERSONS_MAX && !windows.contains_key(person) {
            windows.retain(|_, (ends, _)| *ends > now);
        }
        if let Some((ends, count)) = windows.get_mut(person) {
            if *ends <= now {
                (*ends, *count) = (now + WINDOW, 0);
            }
            if *count >= self.max {
                return Err((*ends - now).as_secs().saturating_add(1));
            }
            *count += 1;
        } else if windows.len() < PERSONS_MAX {
            windows.insert(person.to_owned(), (now + WINDOW, 1));
        }
        Ok(())
    }
}

/// Who reads streams.
pub(crate) struct Streams {
    all: Arc<Semaphore>,
    of: Mutex<BTreeMap<String, usize>>,
}

/// Why there is no place for a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoPlace {
    /// The person has as many as one may have.
    Own,
    /// Too many read.
    All,
}

/// A place for a stream, given back when the reader goes.
pub(crate) struct Place {
    streams: Arc<Streams>,
    person: String,
    _of_all: OwnedSemaphorePermit,
}

impl Streams {
    /// As many as there can be.
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { all: Arc::new(Semaphore::new(STREAMS_MAX)), of: Mutex::default() })
    }

    /// A place for a stream of a person.
    pub(crate) fn enter(self: &Arc<Self>, person: &str) -> Result<Place, NoPlace> {
        let mut of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        let count = of.get(person).copied().unwrap_or(0);
        if count >= STREAMS_OF_PERSON_MAX {
            return Err(NoPlace::Own);
        }
        let of_all = Arc::clone(&self.all).try_acquire_owned().map_err(|_| NoPlace::All)?;
        of.insert(person.to_owned(), count + 1);
        Ok(Place { streams: Arc::clone(self), person: person.to_owned(), _of_all: of_all })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut of = self.streams.of.lock().unwrap_or_else(PoisonError::into_inner);
        match of.get_mut(&self.person) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(of.remove(&self.person)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_asks_so_often_in_a_minute_and_others_do_not_notice() {
        let (requests, start) = (Requests::new(3), Instant::now());
        let ask = |person: &str, seconds: u64| requests.count(person, start + Duration::from_secs(seconds));
        for seconds in 0..3 {
            assert_eq!(ask("jane", seconds), Ok(()));
        }
        assert_eq!((ask("jane", 3), ask("joe", 3)), (Err(58), Ok(())));
        assert_eq!(ask("jane", 59), Err(2));
        assert_eq!(ask("jane", 60), Ok(()));
    }

    #[test]
    fn a_person_has_so_many_streams_and_gives_each_back() {
        let streams = Streams::new();
        let mut held: Vec<Place> = (0..STREAMS_OF_PERSON_MAX).map(|_| streams.enter("jane").ok().unwrap()).collect();
        assert_eq!(streams.enter("jane").err(), Some(NoPlace::Own));
        held.pop();
        held.push(streams.enter("jane").ok().unwrap());
        for person in 1..STREAMS_MAX / STREAMS_OF_PERSON_MAX {
            held.extend((0..STREAMS_OF_PERSON_MAX).map(|_| streams.enter(&person.to_string()).ok().unwrap()));
        }
        assert_eq!(streams.enter("joe").err(), Some(NoPlace::All));
        held.clear();
        assert!(streams.of.lock().unwrap().is_empty() && streams.enter("joe").is_ok());
    }
}
