//! Taking up changed settings while at work: on SIGHUP, or when `concert reload` asks.
//!
//! The new settings are read whole before anything is stopped. With any mistake the running ones stay
//! in force and the mistakes are told. What listens (`[serve]`) is the business of whoever is told of the site
//! that is in force.

use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use concert_model::Problem;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::Worker;
use super::collectors::Collectors;
use super::intake::Keeper;
use crate::problems::Failure;
use crate::settings::{LoadFor, Settings, processes};
use crate::wire::Site;

/// How often it is looked whether somebody asks.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// The file that asks for a reload; it is removed when that is done.
pub fn request(data: &Path) -> PathBuf {
    data.join("reload")
}

/// Works on a site until `stop`, and again with changed settings whenever told to. Collectors that no change concerns
/// go on meanwhile.
///
/// `changed` is told of the site that is in force then. The worker has the lock already, so that whoever
/// starts can say at once that somebody else has it.
pub async fn run(
    site: Arc<Site>,
    keeper: Arc<Keeper>,
    worker: Worker,
    stop: CancellationToken,
    changed: &(dyn Fn(Arc<Site>) + Send + Sync),
) -> Result<(), Failure> {
    let mut hangup = signal(SignalKind::hangup())
        .map_err(|error| Failure::outside(Problem::new(format!("signals cannot be heard: {error}"))))?;
    // Left by somebody who asked a process that ended before it answered.
    std::fs::remove_file(request(site.store.data())).ok();
    let mut collectors = Collectors::new(Arc::clone(&keeper), &stop);
    let worked = Box::pin(rounds(site, keeper, worker, &stop, (&mut hangup, changed), &mut collectors)).await;
    collectors.end().await;
    worked
}

async fn rounds(
    mut site: Arc<Site>,
    keeper: Arc<Keeper>,
    mut worker: Worker,
    stop: &CancellationToken,
    (hangup, changed): (&mut Signal, &(dyn Fn(Arc<Site>) + Send + Sync)),
    collectors: &mut Collectors,
) -> Result<(), Failure> {
    collectors.take_up(&site.settings).await;
    loop {
        let round = stop.child_token();
        let fresh = {
            let mut work = pin!(super::run(Arc::clone(&site), Arc::clone(&keeper), worker, round.clone()));
            let fresh = tokio::select! {
                ended = &mut work => return ended,
                fresh = fresh(&site, hangup) => fresh,
            };
            round.cancel();
            work.await?;
            fresh
        };
        collectors.put_down(&fresh.settings).await;
        let before = std::mem::replace(&mut site, Arc::new(fresh));
        // From here on nothing comes by the settings before: who pushes is held against the new ones, and collectors go on
        // while the rest is processed.
        changed(Arc::clone(&site));
        collectors.take_up(&site.settings).await;
        if let Err(failure) = finish(&before, &site.settings, stop).await {
            tracing::error!("reports of feeds that are no longer in the settings are not processed: {failure}");
        }
        std::fs::remove_file(request(site.store.data())).ok();
        tracing::info!("the changed settings are in force");
        worker = match lock(&site, stop).await? {
            Some(worker) => worker,
            None => return Ok(()),
        };
    }
}

/// Processes what waits of feeds that the changed settings do not have, as long as there are settings for it. Their
/// collectors have ended, and nobody pushes to them any more.
async fn finish(site: &Arc<Site>, fresh: &Settings, stop: &CancellationToken) -> Result<(), Failure> {
    let mut gone = Vec::new();
    for feed in site.settings.feeds.iter().filter(|feed| fresh.feed(&feed.name).is_none()) {
        if !site.store.records.waiting_of(&feed.name, 1).await.map_err(Failure::outside)?.is_empty() {
            gone.push(feed.name.clone());
        }
    }
    if gone.is_empty() {
        return Ok(());
    }
    let Some(mut worker) = lock(site, stop).await? else { return Ok(()) };
    let (site, stop) = (Arc::clone(site), stop.clone());
    let processing = tokio::task::spawn_blocking(move || worker.process_last(&site, &gone, &stop));
    let done = processing.await.map_err(|error| Failure::outside(Problem::new(error.to_string())))?;
    done.map_err(Failure::outside)
}

/// Takes the lock again. A command that needs it for a moment may have been quicker. `None` when told to
/// stop.
async fn lock(site: &Site, stop: &CancellationToken) -> Result<Option<Worker>, Failure> {
    let mut is_told = false;
    while !stop.is_cancelled() {
        if let Some(worker) = Worker::open(site).await? {
            return Ok(Some(worker));
        }
        if !is_told {
            tracing::warn!("another concert process is working on this site; waiting for it");
            is_told = true;
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            () = stop.cancelled() => {}
        }
    }
    Ok(None)
}

/// Waits until somebody asks and the settings are without mistakes; gives the site as it is to be.
async fn fresh(site: &Site, hangup: &mut Signal) -> Site {
    let request = request(site.store.data());
    loop {
        tokio::select! {
            heard = hangup.recv() => if heard.is_none() {
                // No more signals will come; the file can still ask.
                tokio::time::sleep(LOOK_EVERY).await;
            },
            () = asked(&request) => {}
        }
        match load(site).await {
            Ok(fresh) => return fresh,
            Err(failure) => {
                tracing::error!("the settings have mistakes; those before stay in force:\n{failure}");
                std::fs::remove_file(&request).ok();
            }
        }
    }
}

/// Waits until the file is there.
async fn asked(request: &Path) {
    while !request.exists() {
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn load(site: &Site) -> Result<Site, Failure> {
    let dir = site.settings.dir.clone();
    let reading = tokio::task::spawn_blocking(move || {
        let settings = Settings::load(&dir, LoadFor::Run)?;
        let mistakes = processes::load(&dir).problems;
        if mistakes.is_empty() { Ok(settings) } else { Err(Failure::settings(mistakes)) }
    });
    let mut settings = reading.await.map_err(|error| Failure::outside(Problem::new(error.to_string())))??;
    settings.keep_ways_of(&site.settings);
    let mut fresh = Site::open(settings).await?;
    fresh.live = site.live.clone();
    fresh.keep_lookup_of(site);
    Ok(fresh)
}
