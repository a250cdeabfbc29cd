//! `concert run`: collects, processes, delivers, until told to stop.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::SiteArg;
use crate::drive::{self, Worker, intake::Keeper};
use crate::problems::{Exit, Failure};
use crate::wire::Site;

/// Collect reports, process them and deliver notices, until told to stop (Ctrl-C, SIGTERM).
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  concert run --site /srv/cert\n  concert run --once")]
pub(super) struct Args {
    /// Do everything that is due now, one attempt each, then end.
    #[arg(long)]
    once: bool,
}

pub(super) fn run(args: &Args, site: &SiteArg) -> Result<Exit, Failure> {
    let (settings, unwise) = site.settings_to_work()?;
    super::log_unwise(&unwise);
    super::runtime()?.block_on(async {
        let site = Arc::new(Site::open(settings).await?);
        if args.once {
            // All that one round does is in it, which is much for a stack.
            return Box::pin(drive::once(site)).await;
        }
        let worker = Worker::need(&site).await?;
        let keeper = Keeper::new(site.store.clone());
        let stop = CancellationToken::new();
        tokio::spawn(cancel_when_told(stop.clone()));
        let worked = drive::reload::run(site, Arc::clone(&keeper), worker, stop, &|_| {}).await;
        keeper.written().await;
        worked
    })?;
    Ok(Exit::Done)
}

/// Waits for Ctrl-C or SIGTERM.
pub(super) async fn cancel_when_told(stop: CancellationToken) {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        }
        // Without the signal Ctrl-C is still heard.
        Err(_) => drop(tokio::signal::ctrl_c().await),
    }
    stop.cancel();
}
