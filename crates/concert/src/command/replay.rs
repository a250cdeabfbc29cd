//! `concert feed replay`: reports of a feed once more, after its settings or parser were mended.

use std::sync::Arc;

use concert_model::Time;
use concert_store::records::ReportRow;
use serde_json::json;

use super::SiteArg;
use super::events::moment;
use crate::drive::{self, Worker, replay::Replayed};
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

pub(super) fn run(args: &Args, site: &SiteArg) -> Result<Exit, Failure> {
    let settings = site.settings(LoadFor::Look)?;
    settings.need_feed(&args.name)?;
    let runtime = super::runtime()?;
    let site = Arc::new(runtime.block_on(Site::open(settings))?);
    let feed = site.settings.need_feed(&args.name)?;
    let _inside = runtime.enter();
    let Some(mut worker) = runtime.block_on(Worker::open(&site))? else { return Err(drive::busy(&site)) };
    let reports = runtime.block_on(site.store.records.reports(&args.name, args.since.unwrap_or(Time(i64::MIN))))?;
    let (mut total, mut replayed, mut left_out) = (Replayed::default(), 0u64, 0u64);
    for report in &reports {
        if report.state == "waiting" || !site.store.archive.has(&report.report.content) {
            left_out += 1;
            continue;
        }
        add(&mut total, worker.replay(&site, feed, report)?);
        replayed += 1;
    }
    if left_out > 0 {
        tracing::warn!(left_out, "some reports wait still, or are no longer kept as they were received");
    }
    print(args, &reports, replayed, &total)?;
    Ok(Exit::Done)
}

fn add(total: &mut Replayed, one: Replayed) {
    total.replaced += one.replaced;
    total.events += one.events;
    total.rejects += one.rejects;
    total.notices += one.notices;
}

fn print(args: &Args, reports: &[ReportRow], replayed: u64, total: &Replayed) -> Result<(), Failure> {
    let mut table = args.rows.table(&["name", "reports", "replayed", "replaced", "events", "rejects", "notices"]);
    table.row(&[
        json!(args.name),
        json!(reports.len()),
        json!(replayed),
        json!(total.replaced),
        json!(total.events),
        json!(total.rejects),
        json!(total.notices),
    ])?;
    table.finish()
}
