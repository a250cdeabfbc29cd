//! Incidents, while time goes on: what nobody decided in time comes into force, and who answers for what
//! comes due is reminded.

use std::sync::Arc;
use std::time::Duration;

use concert_model::Problem;
use tokio_util::sync::CancellationToken;

use super::message;
use super::remind::Reminders;
use crate::incidents::Incidents;
use crate::wire::{self, Site};

/// Between two looks. Deadlines of processes are hours.
const EVERY: Duration = Duration::from_secs(20);

/// Writes down what has come into force, and reminds, once.
pub(super) async fn once(site: &Site) {
    match site.incidents() {
        Ok(incidents) => look(site, &incidents, &mut Reminders::default()).await,
        // Without its key (a backup made without keys) a site cannot sign; reports go on.
        Err(failure) => tracing::warn!(
            "processes of incidents are not followed: {}",
            failure.problems.first().map(ToString::to_string).unwrap_or_default()
        ),
    }
}

/// What came into force is written down first: nobody needs a reminder of it any more.
async fn look(site: &Site, incidents: &Incidents, reminders: &mut Reminders) {
    let now = wire::now();
    match incidents.settle_defaults(now).await {
        Ok(0) => {}
        Ok(entries) => tracing::info!(entries, "decisions that nobody took in time came into force"),
        Err(problem) => tracing::warn!("{problem}"),
    }
    message::prove(incidents).await;
    match reminders.round(site, incidents, now).await {
        Ok(0) => {}
        Ok(mails) => tracing::info!(mails, "reminders of what comes due were queued"),
        Err(problem) => tracing::warn!("{problem}"),
    }
}

/// Looks again and again, until told to stop.
pub(super) async fn work(site: Arc<Site>, stop: CancellationToken) -> Result<(), Problem> {
    let Ok(incidents) = site.incidents() else {
        once(&site).await;
        stop.cancelled().await;
        return Ok(());
    };
    let mut reminders = Reminders::default();
    while !stop.is_cancelled() {
        look(&site, &incidents, &mut reminders).await;
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = stop.cancelled() => {}
        }
    }
    Ok(())
}
