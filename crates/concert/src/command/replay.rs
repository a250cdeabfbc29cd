//! `concert feed replay`: reports of a feed once more, after its settings or parser were mended.
//!
//! Where another process works on the site, it does the replay, with the settings it has in force.

use std::sync::Arc;
use std::time::Duration;

use concert_model::{Problem, Time};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::SiteArg;
use super::events::moment;
use crate::drive::Worker;
use crate::drive::asked::{self, Asked};
use crate::print::AllRows;
use crate::problems::{Exit, Failure};
use crate::settings::LoadFor;
use crate::wire::Site;

/// Run archived reports of a feed through today's parser.
///
/// Stored events get their new version in place and are not told again; what was rejected before and
/// is an event now is stored and told.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  concert feed replay drop\n  concert feed replay drop --since 7d\n  concert feed replay drop --since 2026-11-01"
)]
pub(super) struct Args {
    /// The feed.
    name: String,
    /// Only reports received from this moment on: a time, a date or a span before now (7d).
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<Time>,
    #[command(flatten)]
    rows: AllRows,
}

/// Wait between looks at how far another process is.
const LOOK_EVERY: Duration = Duration::from_millis(200);

pub(super) fn run(args: &Args, site: &SiteArg) -> Result<Exit, Failure> {
    let settings = site.settings_to_open(|site| site.settings(LoadFor::Look))?;
    super::acting::feed(site, &settings, &args.name)?;
    let runtime = super::runtime()?;
    let site = Arc::new(runtime.block_on(Site::open(settings))?);
    let _inside = runtime.enter();
    runtime.block_on(asked::ask(&site, &args.name, args.since.unwrap_or(Time(i64::MIN))))?;
    let stop = CancellationToken::new();
    let asked = loop {
        // Whoever has the lock does it; should that process end, this one goes on.
        match runtime.block_on(Worker::open(&site))? {
            Some(mut worker) => {
                while runtime.block_on(asked::progress(&site, &args.name))?.is_some_and(|asked| !asked.is_done) {
                    asked::go_on(&mut worker, &site, &stop)?;
                }
            }
            None => std::thread::sleep(LOOK_EVERY),
        }
        match runtime.block_on(asked::progress(&site, &args.name))? {
            Some(asked) if asked.is_done => break asked,
            Some(_) => {}
            None => return Err(Failure::outside(Problem::new("the replay was forgotten by another process"))),
        }
    };
    if asked.left_out > 0 {
        let left_out = asked.left_out;
        tracing::warn!(left_out, "some reports wait still, or are no longer kept as they were received");
    }
    print(args, &asked)?;
    Ok(if asked.failed > 0 { Exit::Outside } else { Exit::Done })
}

fn print(args: &Args, asked: &Asked) -> Result<(), Failure> {
    let mut table = args.rows.table(&["name", "reports", "replayed", "replaced", "events", "rejects", "notices"]);
    table.row(&[
        json!(args.name),
        json!(asked.reports),
        json!(asked.reports - asked.left_out - asked.failed),
        json!(asked.replaced),
        json!(asked.events),
        json!(asked.rejects),
        json!(asked.notices),
    ])?;
    table.finish()
}
