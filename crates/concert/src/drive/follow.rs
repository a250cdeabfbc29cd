//! Processes of incidents, while time goes on: what nobody decided in time comes into force.

use std::sync::Arc;
use std::time::Duration;

use concert_model::Problem;
use tokio_util::sync::CancellationToken;

use super::message;
use crate::incidents::Incidents;
use crate::wire::{self, Site};

/// Between two looks. Deadlines of processes are hours.
const EVERY: Duration = Duration::from_secs(20);

/// Writes down what has come into force, once.
pub(super) async fn once(site: &Site) {
    match site.incidents() {
        Ok(incidents) => {
            settle(&incidents).await;
            message::prove(&incidents).await;
        }
        // Without its key (a backup made without keys) a site cannot sign; reports go on.
        Err(failure) => tracing::warn!(
            "processes of incidents are not followed: {}",
            failure.problems.first().map(ToString::to_string).unwrap_or_default()
        ),
    }
}

async fn settle(incidents: &Incidents) {
    match incidents.settle_defaults(wire::now()).await {
        Ok(0) => {}
        Ok(entries) => tracing::info!(entries, "decisions that nobody took in time came into force"),
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
    while !stop.is_cancelled() {
        settle(&incidents).await;
        message::prove(&incidents).await;
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = stop.cancelled() => {}
        }
    }
    Ok(())
}
