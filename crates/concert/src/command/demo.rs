//! `concert demo`: a whole site at work on this machine, with made-up reports and local peers.
//!
//! The site is an ordinary one and does what `concert serve` does; only the outside world is played:
//! a mail server, a web server, an IRC server and somebody who sends reports, all on loopback. Nothing
//! leaves this machine.

mod peers;
mod play;
mod show;
mod site;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use concert_model::Problem;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use self::peers::Peers;
use self::show::Show;
use crate::drive::Worker;
use crate::drive::intake::Keeper;
use crate::problems::{Exit, Failure, outside};
use crate::settings::{LoadFor, Settings};
use crate::wire::Site;

/// After this long whatever is not done is told as missing.
const TIME_MAX: Duration = Duration::from_secs(38);
/// How often it is looked at what came and went.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Make a throw-away site, send it made-up reports, and show what comes of them.
///
/// Reports come by mail, from a web server, over IRC, pushed over HTTP and through a folder; notices go
/// out over HTTP, IRC and mail. All peers are small servers inside this program. At the end the pages
/// stay open until Ctrl-C.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  concert demo\n  concert demo --once\n  concert demo --dir demo-site  # keeps the site in that folder"
)]
pub(super) struct Args {
    /// End when everything is delivered, instead of keeping the pages open.
    #[arg(long)]
    once: bool,
    /// Make the site in this folder and keep it; without it the site is removed at the end.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let temporary = match args.dir {
        Some(_) => None,
        None => {
            let made = tempfile::Builder::new().prefix("concert-demo-").tempdir();
            Some(made.map_err(|error| outside("no temporary folder can be made", &error))?)
        }
    };
    let dir = match (&args.dir, &temporary) {
        (Some(dir), _) if is_taken(dir) => {
            let problem = Problem::new("other things are in it").at(dir.display().to_string());
            return Err(Failure::usage(problem.hint("name a new folder, or an empty one")));
        }
        (Some(dir), _) => dir.clone(),
        (None, Some(temporary)) => temporary.path().to_owned(),
        (None, None) => return Err(Failure::outside(Problem::new("no folder for the demo"))),
    };
    super::runtime()?.block_on(demo(args, &dir))?;
    Ok(Exit::Done)
}

/// Whether something is in a folder.
fn is_taken(dir: &Path) -> bool {
    std::fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some())
}

async fn demo(args: &Args, dir: &Path) -> Result<(), Failure> {
    let show = Show::new();
    let failed = |error: std::io::Error| outside("the demo's own servers cannot be started", &error);
    let listener = TcpListener::bind("127.0.0.1:0").await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let secrets = site::Secrets::new()?;
    let peers = Peers::start(&secrets.mailbox).await.map_err(failed)?;
    site::make(dir, address, &peers, &secrets)?;
    let site = Arc::new(Site::open(Settings::load(dir, LoadFor::Run)?).await?);
    site::import_constituents(&site, dir).await?;
    show.begin(&site, dir, address)?;

    let stop = CancellationToken::new();
    tokio::spawn(super::run::cancel_when_told(stop.clone()));
    tokio::spawn(cancel_with_terminal(stop.clone()));
    let keeper = Keeper::new(site.store.clone());
    let worker = Worker::need(&site).await?;
    let work = super::serve::work_and_serve(Arc::clone(&site), keeper, worker, listener, stop.clone());
    let watch = async {
        let _ends = stop.clone().drop_guard();
        watch(args, dir, &site, &peers, &show, &play::Push { address, token: secrets.push }, &stop).await
    };
    let (worked, watched) = tokio::join!(work, watch);
    worked.and(watched)
}

/// A demo ends with its terminal, where a site takes up its settings.
async fn cancel_with_terminal(stop: CancellationToken) {
    if let Ok(mut hangup) = signal(SignalKind::hangup()) {
        hangup.recv().await;
        stop.cancel();
    }
}

/// Plays the outside world, shows what happens, and says at the end what there is to see.
async fn watch(
    args: &Args,
    dir: &Path,
    site: &Site,
    peers: &Peers,
    show: &Show,
    push: &play::Push,
    stop: &CancellationToken,
) -> Result<(), Failure> {
    let done = std::cell::Cell::new(false);
    let acts = async {
        let played = play::all(peers, show, push, dir).await;
        done.set(true);
        played
    };
    let looks = async {
        let mut seen = show::Seen::default();
        let end = tokio::time::Instant::now() + TIME_MAX;
        loop {
            seen.look(site, show).await?;
            let lacking = if done.get() { show::lacking(site).await? } else { Some("the play is not over".to_owned()) };
            match lacking {
                None => return seen.look(site, show).await.map(|()| true),
                Some(_) if stop.is_cancelled() => return Ok(false),
                Some(what) if tokio::time::Instant::now() > end => {
                    let problem = Problem::new(format!("the demo did not come to its end: {what}"));
                    return Err(Failure::outside(problem.hint("is this machine very busy? try again")));
                }
                Some(_) => tokio::time::sleep(LOOK_EVERY).await,
            }
        }
    };
    let told = async {
        tokio::select! {
            () = stop.cancelled() => Ok(()),
            played = acts => match played {
                Ok(()) => Ok(()),
                Err(why) => Err(Failure::outside(Problem::new(format!("the demo cannot be played: {why}")))),
            },
        }
    };
    let (whole, ()) = tokio::try_join!(looks, told)?;
    if whole {
        show.end(site, peers, dir, args.dir.is_some(), push.address, args.once).await?;
        if !args.once {
            stop.cancelled().await;
        }
    }
    Ok(())
}
