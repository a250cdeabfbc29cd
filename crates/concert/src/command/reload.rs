//! `concert reload`: the process that works on the site takes up changed settings.

use std::time::{Duration, Instant};

use concert_model::Problem;

use super::SiteArg;
use crate::drive::reload;
use crate::print::say;
use crate::problems::{Exit, Failure, outside};
use crate::settings::{LoadFor, processes};

/// How long the other process may take: it finishes the report it is working on first.
const WAIT_MAX: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Tell the process that works on the site to take up changed settings. With mistakes in them nothing
/// changes.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  concert reload --site /srv/cert")]
pub(super) struct Args {}

pub(super) fn run(_: &Args, site: &SiteArg) -> Result<Exit, Failure> {
    let mistakes = processes::load(&site.dir).problems;
    let settings = match site.settings(LoadFor::Run) {
        Ok(_) if !mistakes.is_empty() => return Err(Failure::settings(mistakes)),
        Ok(settings) => settings,
        Err(mut failure) => {
            failure.problems.extend(mistakes);
            return Err(failure);
        }
    };
    let data = settings.data_dir();
    let nobody = || {
        let problem = Problem::new("no process works on this site").at(data.join("lock").display().to_string());
        Failure::outside(problem.hint("start one with `concert serve` or `concert run`; it reads the settings itself"))
    };
    if is_free(&data.join("lock")) {
        return Err(nobody());
    }
    let request = reload::request(&data);
    std::fs::write(&request, "").map_err(|error| outside(request.display(), &error))?;
    let end = Instant::now() + WAIT_MAX;
    while request.exists() {
        if Instant::now() > end {
            std::fs::remove_file(&request).ok();
            return Err(Failure::outside(
                Problem::new("the process that works on this site has not answered yet")
                    .hint("it may be in the middle of a large report; its log says when the settings are in force"),
            ));
        }
        std::thread::sleep(LOOK_EVERY);
    }
    say("the changed settings are in force");
    Ok(Exit::Done)
}

/// Whether nobody holds the lock of the site.
fn is_free(lock: &std::path::Path) -> bool {
    std::fs::File::open(lock).is_ok_and(|file| file.try_lock_shared().is_ok()) || !lock.exists()
}
