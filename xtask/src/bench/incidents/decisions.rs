//! What it costs to tell who sees what.

use std::time::{Duration, Instant};

use super::client::Client;

const QUESTIONS: usize = 20;

/// How long it takes at most to tell of an entry whether somebody sees it: a page of one entry tells it of each entry of an
/// incident that has a marking of its own, so the wait for it is divided by their number. Of entries that are marked alike
/// it is decided once. Whoever asks is a user whose clearance has a limit.
pub(super) fn measure(client: &mut Client, page: &str, entries: u64) -> Result<Duration, String> {
    let mut wait = || {
        let begun = Instant::now();
        client.get(page).map(|_| begun.elapsed())
    };
    let mut waits: Vec<Duration> = std::iter::repeat_with(&mut wait).take(QUESTIONS).collect::<Result<_, _>>()?;
    waits.sort_unstable();
    let median = waits.get(QUESTIONS / 2).copied().unwrap_or_default();
    Ok(median / u32::try_from(entries.max(1)).unwrap_or(u32::MAX))
}
