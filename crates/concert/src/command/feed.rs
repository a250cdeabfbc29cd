//! `concert feed`: how the feeds do, and collecting from one of them now.

use std::collections::BTreeMap;
use std::sync::Arc;

use concert_model::Problem;
use concert_model::access::cleared;
use concert_model::incident::marking::Tlp;
use concert_server::site::{self, FeedState};
use concert_store::Store;
use concert_store::records::FeedCounts;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::SiteArg;
use crate::drive::{Worker, intake::Keeper};
use crate::pages::overview::feeds;
use crate::print::{AllRows, List, Rows, format_or_default, print_object, say};
use crate::problems::{Exit, Failure};
use crate::settings::{Collect, LoadFor, Settings};
use crate::wire::{self, Site};

/// Show how feeds do; collect from one now.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  concert feed list\n  concert feed show scanners\n  concert feed pull scanners --site /srv/cert"
)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Every feed and how it does
    List(ListArgs),
    /// One feed with its newest reports, rejects and gaps
    Show(ShowArgs),
    /// Collect from one feed now, and process what came
    Pull(PullArgs),
    /// Run archived reports of a feed through today's parser
    Replay(super::replay::Args),
}

#[derive(clap::Args)]
#[command(after_help = "Examples:\n  concert feed list\n  concert feed list --format json")]
struct ListArgs {
    #[command(flatten)]
    rows: Rows,
}

#[derive(clap::Args)]
#[command(after_help = "Examples:\n  concert feed show scanners")]
struct ShowArgs {
    /// The feed.
    name: String,
    #[command(flatten)]
    rows: AllRows,
}

#[derive(clap::Args)]
#[command(after_help = "Examples:\n  concert feed pull scanners\n  concert feed pull scanners --site /srv/cert")]
struct PullArgs {
    /// The feed.
    name: String,
    #[command(flatten)]
    rows: AllRows,
}

/// Newest reports, rejects and gaps that `show` lists.
const NEWEST: u32 = 20;
/// Gaps looked through for those of one feed.
const GAPS_MAX: u32 = 1000;

const COLUMNS: [&str; 14] = [
    "name",
    "collector",
    "parser",
    "state",
    "last_good",
    "last_error",
    "reports",
    "events",
    "duplicates",
    "rejects",
    "stale",
    "events_day",
    "expected_day",
    "remark",
];

impl Args {
    /// Whether it brings in events.
    pub(super) fn changes(&self) -> bool {
        matches!(self.command, Command::Pull(_) | Command::Replay(_))
    }
}

pub(super) fn run(args: &Args, site: &SiteArg) -> Result<Exit, Failure> {
    match &args.command {
        Command::List(args) => list(args, site),
        Command::Show(args) => show(args, site),
        Command::Pull(args) => pull(args, site),
        Command::Replay(args) => super::replay::run(args, site),
    }
}

/// A feed with what is known of it.
struct Row {
    /// As pages and API show it.
    shown: site::Feed,
    counts: FeedCounts,
}

impl Row {
    fn values(&self) -> [Value; COLUMNS.len()] {
        let shown = &self.shown;
        let state = match shown.state {
            FeedState::Trouble => "trouble",
            FeedState::Good => "good",
            FeedState::Waiting => "waiting",
        };
        let remark = shown.remark();
        [
            json!(shown.name),
            json!(shown.collector),
            json!(shown.parser),
            json!(state),
            json!(shown.last_good.map(|time| time.to_string())),
            json!(shown.last_error),
            json!(shown.reports),
            json!(shown.events),
            json!(shown.duplicates),
            json!(shown.rejects),
            json!(shown.stale),
            json!(shown.events_day),
            json!(shown.expected_day.map(|(low, high)| format!("{low} to {high}"))),
            json!((!remark.is_empty()).then_some(remark)),
        ]
    }
}

/// Every feed, or one.
async fn rows(store: &Store, settings: &Settings, only: Option<&str>) -> Result<Vec<Row>, Failure> {
    let mut counts = store.records.feed_counts(wire::now()).await?;
    let shown = feeds(settings, &store.records, &BTreeMap::new(), wire::now()).await?.into_iter();
    let shown = shown.filter(|feed| only.is_none_or(|name| feed.name == name));
    // Where nothing can be kept, whoever collects cannot write that down either.
    let unwritable = store.keeps_nothing();
    let shown = shown.map(|feed| match &unwritable {
        Some(why) if !feed.collector.is_empty() => {
            site::Feed { state: FeedState::Trouble, last_error: Some(why.clone()), ..feed }
        }
        _ => feed,
    });
    Ok(shown.map(|shown| Row { counts: counts.remove(&shown.name).unwrap_or_default(), shown }).collect())
}

fn list(args: &ListArgs, site: &SiteArg) -> Result<Exit, Failure> {
    let settings = site.settings_to_look()?;
    let runtime = super::runtime()?;
    let store = runtime.block_on(super::events::open(site))?;
    let person = runtime.block_on(super::acting(site, &store))?;
    let mut table = args.rows.table(&COLUMNS);
    for row in runtime.block_on(rows(&store, &settings, None))? {
        if !settings.feed(&row.shown.name).is_some_and(|feed| feed.is_for(&person)) {
            continue;
        }
        if !table.row(&row.values())? {
            break;
        }
    }
    table.finish()?;
    Ok(Exit::Done)
}

fn show(args: &ShowArgs, site: &SiteArg) -> Result<Exit, Failure> {
    let settings = site.settings_to_look()?;
    let runtime = super::runtime()?;
    let store = runtime.block_on(super::events::open(site))?;
    let person = runtime.block_on(super::acting(site, &store))?;
    let feed = settings.feed_for(&args.name, &person)?;
    let Some(row) = runtime.block_on(rows(&store, &settings, Some(&feed.name)))?.pop() else { return Ok(Exit::Done) };
    let mut fields: Vec<(&str, Value)> = COLUMNS.into_iter().zip(row.values()).collect();
    let expected = feed.expect.map(|expect| {
        let every = span_text(expect.every.as_secs());
        format!("{} to {} events every {every}", expect.at_least, expect.at_most)
    });
    fields.extend([
        ("waiting", json!(row.counts.waiting)),
        ("failed", json!(row.counts.failed)),
        ("dropped", json!(row.counts.counts.dropped)),
        ("expected", json!(expected)),
    ]);
    // What a rejected line says of its label is not known, so it counts as the strictest.
    let shows_text = cleared(&person, Tlp::Red);
    let lists = runtime.block_on(newest(&store, &feed.name, shows_text))?;
    print_object(format_or_default(args.rows.format), &fields, &lists)?;
    Ok(Exit::Done)
}

/// A whole number of the largest unit that fits.
fn span_text(seconds: u64) -> String {
    let units = [(86_400, "d"), (3600, "h"), (60, "m")];
    let unit = units.into_iter().find(|(length, _)| seconds >= *length && seconds.is_multiple_of(*length));
    unit.map_or_else(|| format!("{seconds}s"), |(length, name)| format!("{}{name}", seconds / length))
}

/// What stands in place of the text of a reject.
const WITHHELD: &str = "(withheld: what a rejected line is labelled is not known, and your clearance is below TLP:RED)";

async fn newest(store: &Store, feed: &str, shows_text: bool) -> Result<Vec<List>, Failure> {
    let reports = store.records.newest_reports(feed, NEWEST).await?;
    let reports = reports.iter().map(|row| {
        vec![
            json!(row.report.id.to_string()),
            json!(row.report.receipt.received.to_string()),
            json!(row.report.receipt.origin.text()),
            json!(row.state),
            json!(row.bytes),
            json!(row.counts.events),
            json!(row.counts.duplicates),
            json!(row.counts.rejects),
            json!(row.reason),
        ]
    });
    let rejects = store.records.rejects(feed, NEWEST).await?;
    // A reason quotes what is wrong.
    let text_of = |text: &str| if shows_text { text.to_owned() } else { WITHHELD.to_owned() };
    let rejects = rejects.iter().map(|(_, received, report, reject)| {
        vec![
            json!(received.to_string()),
            json!(report.to_string()),
            json!(reject.part),
            json!(reject.line),
            json!(reject.field),
            json!(text_of(&reject.reason)),
            json!(text_of(&reject.text)),
        ]
    });
    let gaps = store.records.gaps(GAPS_MAX).await?;
    let gaps = gaps
        .iter()
        .filter(|(of, ..)| of == feed)
        .take(NEWEST as usize)
        .map(|(_, from, until, why)| vec![json!(from.to_string()), json!(until.to_string()), json!(why)]);
    Ok(vec![
        List {
            name: "newest_reports",
            columns: &["id", "received", "origin", "state", "bytes", "events", "duplicates", "rejects", "reason"],
            rows: reports.collect(),
        },
        List {
            name: "newest_rejects",
            columns: &["received", "report", "part", "line", "field", "reason", "text"],
            rows: rejects.collect(),
        },
        List { name: "newest_gaps", columns: &["from", "until", "reason"], rows: gaps.collect() },
    ])
}

fn pull(args: &PullArgs, site: &SiteArg) -> Result<Exit, Failure> {
    let settings = site.settings(LoadFor::Run)?;
    if settings.collecting.paused {
        let problem = Problem::new("nothing is collected: `paused` of [collect] is set");
        return Err(Failure::usage(problem.hint("take it out of the settings, or give reports by `concert ingest`")));
    }
    let collector = match &super::acting::feed(site, &settings, &args.name)?.collect {
        Collect::By(_, collector, _) => Arc::clone(collector),
        Collect::Nothing | Collect::Push(_) => {
            let problem = Problem::new(format!("nothing can be collected from the feed `{}`", args.name));
            return Err(Failure::usage(problem.hint("its reports are pushed, or come by `concert ingest`")));
        }
    };
    let runtime = super::runtime()?;
    let site = Arc::new(runtime.block_on(Site::open(settings))?);
    let feed = site.settings.need_feed(&args.name)?;
    let _inside = runtime.enter();
    let before = runtime.block_on(rows(&site.store, &site.settings, Some(&feed.name)))?;
    let worker = runtime.block_on(Worker::open(&site))?;
    let keeper = Keeper::quiet(site.store.clone());
    let looked = runtime.block_on(async {
        let looked = collector.once(&*keeper).await;
        keeper.written().await;
        if let Err(why) = &looked {
            keeper.look_failed(&args.name, why).await?;
        }
        Ok::<_, Problem>(looked)
    });
    looked.map_err(Failure::outside)?.map_err(|why| {
        let hint = what_to_do(&why);
        Failure::outside(Problem::new(why).at(format!("feed {}", args.name)).hint(hint))
    })?;
    match worker {
        Some(mut worker) => {
            worker.process_waiting(&site, &CancellationToken::new())?;
            runtime.block_on(worker.tell_due(&site))?;
        }
        None => {
            say("another process works on this site and will process what came");
        }
    }
    let after = runtime.block_on(rows(&site.store, &site.settings, Some(&feed.name)))?;
    let (Some(before), Some(after)) = (before.first(), after.first()) else { return Ok(Exit::Done) };
    let mut table = args.rows.table(&["name", "reports", "events", "duplicates", "rejects"]);
    let (old, new) = (&before.counts, &after.counts);
    table.row(&[
        json!(feed.name),
        json!(new.reports.saturating_sub(old.reports)),
        json!(new.counts.events.saturating_sub(old.counts.events)),
        json!(new.counts.duplicates.saturating_sub(old.counts.duplicates)),
        json!(new.counts.rejects.saturating_sub(old.counts.rejects)),
    ])?;
    table.finish()?;
    Ok(Exit::Done)
}

/// What helps against a failed look. A sentence that names a setting says it itself.
fn what_to_do(why: &str) -> &'static str {
    let answered = why.split_once("the server answered ").map_or("", |(_, status)| status);
    let is_status = |statuses: &[&str]| statuses.iter().any(|status| answered.starts_with(status));
    if why.contains("asks to wait") || why.contains("asked to wait") {
        "`concert run` asks again then"
    } else if is_status(&["401", "403", "407"]) {
        "look at `user`, `password`, `bearer` and `api_key` of the feed, or ask the provider"
    } else if is_status(&["404", "410"])
        || why.contains("TLS")
        || why.contains("certificate")
        || why.contains("redirects")
    {
        "look at `url` and `ca_file` of the feed, or ask the provider"
    } else if is_status(&["5"]) {
        "the server has a problem of its own: `concert run` asks again by itself, and the provider may know more"
    } else if why.contains('`') {
        "change that setting of the feed, or ask the provider"
    } else {
        "see `concert check --live`"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_helps_fits_what_went_wrong() {
        let check = |why: &str, want: &str| assert!(what_to_do(why).contains(want), "{why}: {}", what_to_do(why));
        check("the server answered 401 Unauthorized", "`bearer`");
        check("the server answered 404 Not Found", "`url`");
        check("the server answered 503 Service Unavailable", "by itself");
        check("the server answered 429 Too Many Requests and asks to wait until 2026", "asks again then");
        check("the body is longer than 5 bytes, the most that `limits.report` takes", "that setting");
        check("the server does not speak TLS at this port", "`url`");
        check("no connection: tcp connect error", "`concert check --live`");
    }

    #[test]
    fn spans_are_written_as_they_are_in_settings() {
        for (seconds, want) in [(86_400, "1d"), (3600, "1h"), (5400, "90m"), (61, "61s"), (0, "0s")] {
            assert_eq!(span_text(seconds), want);
        }
    }
}
