//! `concert serve`: everything `run` does, with the pages and the API.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;

use concert_model::Problem;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
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
        answer(listener, Arc::clone(&pages) as _, (&tell, heard), &stop).await
    };
    let (worked, served) = tokio::join!(work, serve);
    keeper.written().await;
    worked.and(served)
}

/// Answers requests, at another address or with other options once the settings say so. What is under way then ends where
/// it began, while others are answered anew already.
async fn answer(
    listener: TcpListener,
    pages: Arc<dyn concert_server::Site>,
    (tell, mut heard): (&watch::Sender<Serve>, watch::Receiver<Serve>),
    stop: &CancellationToken,
) -> Result<(), Failure> {
    let lost = |error: std::io::Error| Failure::outside(Problem::new(format!("cannot listen any more: {error}")));
    let mut now = heard.borrow_and_update().clone();
    let mut socket = listener.into_std().map_err(lost)?;
    let mut ending = JoinSet::new();
    loop {
        let round = stop.child_token();
        let listener = TcpListener::from_std(socket.try_clone().map_err(lost)?).map_err(lost)?;
        let (options, until) = (now.options.clone(), round.clone().cancelled_owned());
        let mut answering = tokio::spawn(concert_server::serve(listener, Arc::clone(&pages), options, until));
        loop {
            tokio::select! {
                ended = &mut answering => {
                    while ending.join_next().await.is_some() {}
                    let ended = ended.map_err(|error| Problem::new(format!("answering stopped: {error}")));
                    return ended.and_then(|ended| ended).map_err(Failure::outside);
                }
                Ok(()) = heard.changed() => {}
            }
            let wanted = heard.borrow_and_update().clone();
            let mut is_new = wanted.options != now.options;
            now.options = wanted.options;
            if wanted.listen != now.listen {
                match listen(wanted.listen).await {
                    Ok(listener) => {
                        tracing::info!("pages and API at http://{}/", listener.local_addr().map_err(lost)?);
                        (now.listen, is_new) = (wanted.listen, true);
                        socket = listener.into_std().map_err(lost)?;
                    }
                    Err(failure) => {
                        tracing::error!("pages and API stay at {}: {failure}", now.listen);
                        // The next reload tries again.
                        tell.send_if_modified(|told| {
                            told.listen = now.listen;
                            false
                        });
                    }
                }
            }
            if is_new {
                break;
            }
        }
        round.cancel();
        ending.spawn(answering);
    }
}
