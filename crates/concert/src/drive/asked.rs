//! Replays that somebody asked for, done by whoever works on the site, a few reports at a time.
//!
//! What is asked and how far it is stands in the records, so that a replay goes on after a kill and
//! new reports never wait for it for long.

use std::time::{Duration, Instant};

use concert_model::{Problem, Time};
use concert_store::records::{Change, remember_in};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::Worker;
use crate::wire::Site;

/// Where in the memory the replays stand.
const OWNER: &str = "replay";
/// New reports wait for a replay for so long, and for the report it is at.
const AT_A_TIME: Duration = Duration::from_secs(2);

/// A replay that was asked for, and how far it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// Reports received from this moment on, in microseconds.
    since: i64,
    /// Reports looked at.
    pub reports: u64,
    /// Reports that wait still, or are no longer kept as they were received.
    pub left_out: u64,
    /// Reports that could not be replayed.
    pub failed: u64,
    /// Events with a new version.
    pub replaced: u64,
    /// New events.
    pub events: u64,
    /// Rejects that are left.
    pub rejects: u64,
    /// Notices made at once.
    pub notices: u64,
    /// Whether all reports were looked at.
    pub is_done: bool,
}

/// Asks for a replay of a feed, in the place of any that was asked for before.
pub async fn ask(site: &Site, feed: &str, since: Time) -> Result<(), Problem> {
    let mut change = site.store.records.change().await?;
    ask_in(&mut change, feed, since).await?;
    site.store.records.commit(change).await
}

/// The same as part of a change.
pub async fn ask_in(change: &mut Change<'_>, feed: &str, since: Time) -> Result<(), Problem> {
    let text = text(&Asked { since: since.0, ..Asked::default() })?;
    remember_in(change, OWNER, feed, &text).await
}

fn text(asked: &Asked) -> Result<String, Problem> {
    serde_json::to_string(asked).map_err(|error| Problem::new(error.to_string()))
}

/// How far the replay of a feed is.
pub async fn progress(site: &Site, feed: &str) -> Result<Option<Asked>, Problem> {
    let text = site.store.records.recall(OWNER, feed).await?;
    // What another version wrote is not gone on with.
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()))
}

async fn write(site: &Site, feed: &str, asked: &Asked) -> Result<(), Problem> {
    site.store.records.remember(OWNER, feed, &text(asked)?).await
}

/// Goes on with what was asked for. Runs on a blocking thread.
pub fn go_on(worker: &mut Worker, site: &Site, stop: &CancellationToken) -> Result<(), Problem> {
    let handle = tokio::runtime::Handle::current();
    let started = Instant::now();
    for feed in &site.settings.feeds {
        let Some(mut asked) = handle.block_on(progress(site, &feed.name))?.filter(|asked| !asked.is_done) else {
            continue;
        };
        let reports = handle.block_on(site.store.records.reports(&feed.name, Time(asked.since)))?;
        let done = usize::try_from(asked.reports).unwrap_or(usize::MAX);
        for report in reports.iter().skip(done) {
            if stop.is_cancelled() || started.elapsed() > AT_A_TIME {
                return Ok(());
            }
            if report.state == "waiting" || !site.store.archive.has(&report.report.content) {
                asked.left_out += 1;
            } else {
                match worker.replay(site, feed, report) {
                    Ok(one) => {
                        asked.replaced += one.replaced;
                        asked.events += one.events;
                        asked.rejects += one.rejects;
                        asked.notices += one.notices;
                    }
                    Err(problem) => {
                        tracing::error!(feed = feed.name, report = %report.report.id, "not replayed: {problem}");
                        asked.failed += 1;
                    }
                }
            }
            asked.reports += 1;
            handle.block_on(write(site, &feed.name, &asked))?;
        }
        asked.is_done = true;
        handle.block_on(write(site, &feed.name, &asked))?;
        let Asked { reports, replaced, events, notices, .. } = asked;
        tracing::info!(feed = feed.name, reports, replaced, events, notices, "replayed");
    }
    Ok(())
}
