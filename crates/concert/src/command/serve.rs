//! `concert serve`: everything `run` does, with the pages and the API.

use std::io::Write;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;

use concert_model::Problem;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{LogFormat, SiteArg};
use crate::drive::{self, Worker, intake::Keeper};
use crate::pages::Pages;
use crate::problems::{Exit, Failure};
use crate::settings::Serve;
use crate::wire::Site;

/// Collect, process and deliver, and answer requests for the pages and the API, until told to stop.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  concert serve --site /srv/cert\n  cd /srv/cert && concert serve")]
pub(super) struct Args {}

pub(super) fn run(_: &Args, site_arg: &SiteArg) -> Result<Exit, Failure> {
    let (settings, unwise) = site_arg.settings_to_work()?;
    super::runtime()?.block_on(async {
        let site = Arc::new(Site::open(settings).await?);
        // The lock comes first: two programs on one site is the usual mistake, and mostly both want the
        // same address too.
        let worker = Worker::need(&site).await?;
        let listener = listen(site.settings.serve.listen).await?;
        let keeper = Keeper::new(site.store.clone());
        let stop = CancellationToken::new();
        tokio::spawn(super::run::cancel_when_told(stop.clone()));
        if let Ok(address) = listener.local_addr() {
            match site_arg.log_format {
                // A closed standard error leaves nobody to tell.
                LogFormat::Text => _ = writeln!(std::io::stderr(), "pages and API at http://{address}/").ok(),
                LogFormat::Json => tracing::info!("pages and API at http://{address}/"),
            }
        }
        // Behind it: scripts read the address from the first line.
        super::log_unwise(&unwise);
        Box::pin(work_and_serve(site, keeper, worker, listener, stop)).await
    })?;
    Ok(Exit::Done)
}

/// Takes the address.
async fn listen(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        let problem = Problem::new(format!("cannot listen on {address}: {error}"));
        Failure::outside(problem.hint("is another program there? choose another `listen` in [serve]"))
    })
}

/// Works on the site and answers requests until `stop`. When one of both ends in trouble, so does the
/// other, in order.
pub(super) async fn work_and_serve(
    site: Arc<Site>,
    keeper: Arc<Keeper>,
    worker: Worker,
    listener: TcpListener,
    stop: CancellationToken,
) -> Result<(), Failure> {
    let (tell, heard) = watch::channel(site.settings.serve.clone());
    let pages = Pages::new(Arc::clone(&site), Arc::clone(&keeper));
    let changed = |site: Arc<Site>| {
        let wanted = site.settings.serve.clone();
        pages.replace(site);
        tell.send_if_modified(|now| std::mem::replace(now, wanted.clone()) != wanted);
    };
    // Dropped when either part ends, which stops the other.
    let work = async {
        let _ends = stop.clone().drop_guard();
        drive::reload::run(site, Arc::clone(&keeper), worker, stop.clone(), &changed).await
    };
    let serve = async {
        let _ends = stop.clone().drop_guard();
        answer(listener, Arc::clone(&pages) as _, heard, &stop).await
    };
    let (worked, served) = tokio::join!(work, serve);
    keeper.written().await;
    worked.and(served)
}

/// Answers requests, at another address or with other options once the settings say so.
async fn answer(
    mut listener: TcpListener,
    pages: Arc<dyn concert_server::Site>,
    mut heard: watch::Receiver<Serve>,
    stop: &CancellationToken,
) -> Result<(), Failure> {
    let mut at = heard.borrow().listen;
    loop {
        let options = heard.borrow_and_update().options.clone();
        let round = stop.child_token();
        {
            let mut answering = pin!(concert_server::serve(listener, Arc::clone(&pages), options, round.cancelled()));
            tokio::select! {
                ended = &mut answering => return ended.map_err(Failure::outside),
                Ok(()) = heard.changed() => {}
            }
            round.cancel();
            answering.await.map_err(Failure::outside)?;
        }
        let wanted = heard.borrow().listen;
        if wanted == at {
            listener = listen(at).await?;
            continue;
        }
        listener = match listen(wanted).await {
            Ok(listener) => {
                at = wanted;
                listener
            }
            Err(failure) => {
                tracing::error!("pages and API stay at {at}: {failure}");
                listen(at).await?
            }
        };
        if let Ok(address) = listener.local_addr() {
            tracing::info!("pages and API at http://{address}/");
        }
    }
}
