//! `concert forget VALUE`: removes a person's address or account from what this site keeps.

use std::sync::Arc;

use concert_model::Problem;
use concert_pipeline::judge::Dedup;
use concert_store::upkeep::{TraceCounts, VALUE_CHARS_MIN};
use serde_json::json;

use super::SiteArg;
use crate::drive;
use crate::print::{AllRows, say};
use crate::problems::{Exit, Failure};
use crate::wire::{self, Site};

/// Longest value.
const VALUE_BYTES_MAX: usize = 1024;
/// What no command on this machine can reach, or this one does not.
const NOT_REACHED: &str = "not reached: backups made before, mail and files already sent, files in in/, out/ and keys/, users, \
                           the audit log, copies others made, and what is written in incidents and evidence\n";

/// Remove a person's mail address, account or address from events, reports, rejects, notices, contacts.
///
/// Of a raw report that is lines of text the lines of others stay (`redacted`); any other goes whole. Without --yes
/// it only counts what would change. What changed is written down, by a hash of the value.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  concert forget jane.doe@example.com\n  concert forget 192.0.2.7 --yes")]
pub(super) struct Args {
    /// The value; it is found whole, in any letter case, and percent-encoded as in URLs.
    value: String,
    /// Do it. There is no way back.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    rows: AllRows,
}

pub(super) fn run(args: &Args, site: &SiteArg) -> Result<Exit, Failure> {
    // Events hold addresses in one form, whatever form they are given in.
    let value = concert_model::value::ip(&args.value).map_or(args.value.trim().to_owned(), |ip| ip.to_string());
    let value = value.as_str();
    if value.chars().count() < VALUE_CHARS_MIN || value.len() > VALUE_BYTES_MAX {
        let what = format!("a value has {VALUE_CHARS_MIN} to {VALUE_BYTES_MAX} letters");
        return Err(Failure::usage(Problem::new(what).hint("a shorter one would be found in half of everything")));
    }
    let settings = site.settings_for(!args.yes)?;
    let counts = super::runtime()?.block_on(async {
        let site = Arc::new(Site::open_to_look(settings).await?);
        let mut writer = drive::writer(&site).await?;
        let dedup = |feed: &str| site.settings.feed(feed).map_or_else(Dedup::default, |feed| feed.dedup.clone());
        let traces = writer.traces(value, &|feed, event| dedup(feed).fields(event)).await?;
        let counts = traces.counts();
        if args.yes {
            writer.forget(traces, wire::now()).await?;
        }
        Ok::<_, Failure>(counts)
    })?;
    print(args, &counts)?;
    if !args.yes {
        say("nothing was changed; --yes does it");
    }
    say(NOT_REACHED);
    Ok(Exit::Done)
}

fn print(args: &Args, counts: &TraceCounts) -> Result<(), Failure> {
    let columns = ["done", "events", "reports", "redacted", "rejects", "notices", "notice_bytes", "contacts", "texts"];
    let mut table = args.rows.table(&columns);
    table.row(&[
        json!(args.yes),
        json!(counts.events),
        json!(counts.reports),
        json!(counts.redacted),
        json!(counts.rejects),
        json!(counts.notices),
        json!(counts.notice_bytes),
        json!(counts.contacts),
        json!(counts.texts),
    ])?;
    table.finish()
}
