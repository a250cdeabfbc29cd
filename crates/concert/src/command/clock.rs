//! `concert clock`: which clocks of laws there are, whether a file of them is right, and which run out next.

use std::path::PathBuf;
use std::time::Duration;

use concert_model::access::Person;
use concert_model::incident::clock::Catalogue;
use concert_model::incident::due::Kind;
use concert_model::{Problem, Time, keys};

use super::incident::refused;
use super::{SiteArg, acting};
use crate::clocks;
use crate::incidents::{Incidents, made_anew};
use crate::print::{LongRows, Rows, ToldRows};
use crate::problems::{Exit, Failure};
use crate::settings::LoadFor;
use crate::wire::{self, Site};

/// Clocks of laws: what has to be reported until when, and which of them run out next.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  concert clock list\n  concert clock check clocks.toml\n  concert clock due --within 24h\n  concert incident clock 'CERT-EX#2026-000001' start nis2-early-warning --since 2026-11-22T04:50:30Z"
)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// The clocks that are shipped, and those of the site
    #[command(after_help = "Examples:\n  concert clock list\n  concert clock list --format json")]
    List(LongRows),
    /// Tell all mistakes in a file of clocks
    Check(CheckArgs),
    /// Clocks that run, also in incidents that are closed, soonest first
    Due(DueArgs),
}

#[derive(clap::Args)]
#[command(after_help = "Examples:\n  concert clock check\n  concert clock check clocks.toml --format json")]
struct CheckArgs {
    /// The file; else `clocks.toml` of the site.
    file: Option<PathBuf>,
    #[command(flatten)]
    told: ToldRows,
}

#[derive(clap::Args)]
#[command(after_help = "Examples:\n  concert clock due\n  concert clock due --within 24h")]
struct DueArgs {
    /// Only those that end within this time, and those that are over: 24h, 7d.
    #[arg(long, value_name = "TIME", value_parser = span)]
    within: Option<Duration>,
    #[command(flatten)]
    rows: Rows,
}

fn span(text: &str) -> Result<Duration, String> {
    keys::parse_duration(text).ok_or_else(|| "write a number and m, h or d: 24h, 7d".to_owned())
}

pub(super) fn run(args: &Args, site_arg: &SiteArg) -> Result<Exit, Failure> {
    match &args.action {
        Action::List(rows) => list(rows, site_arg),
        Action::Check(args) => check(args, site_arg),
        Action::Due(args) => due(args, site_arg),
    }
}

/// The clocks that the site in this folder goes by.
pub(super) fn catalogue(dir: &std::path::Path) -> Result<Catalogue, Failure> {
    clocks::catalogue(dir).map_err(Failure::settings)
}

const COLUMNS: [&str; 10] =
    ["name", "within", "unit", "starts", "jurisdiction", "law", "article", "from", "until", "report"];

fn list(rows: &LongRows, site: &SiteArg) -> Result<Exit, Failure> {
    let mut table = rows.table(&COLUMNS);
    for law in catalogue(&site.dir)?.0.values() {
        let row = clocks::law_json(law);
        table.row(&COLUMNS.map(|name| row.get(name).cloned().unwrap_or_default()))?;
    }
    table.finish()?;
    Ok(Exit::Done)
}

fn check(args: &CheckArgs, site: &SiteArg) -> Result<Exit, Failure> {
    let path = args.file.clone().unwrap_or_else(|| site.dir.join(clocks::FILE));
    let name = args.file.as_ref().map_or(clocks::FILE.to_owned(), |file| file.display().to_string());
    let (problems, good) = match clocks::read_file(&path, &name) {
        Ok(Some(laws)) => (Vec::new(), format!("no mistakes in {} clocks", laws.len())),
        Ok(None) if args.file.is_none() => (Vec::new(), "the site has no clocks of its own".to_owned()),
        Ok(None) => return Err(Failure::usage(Problem::new("there is no such file").at(name))),
        Err(problems) => (problems, String::new()),
    };
    super::check::tell(&args.told.rows(), problems, &good)
}

fn due(args: &DueArgs, site_arg: &SiteArg) -> Result<Exit, Failure> {
    let settings = site_arg.settings(LoadFor::Look)?;
    super::runtime()?.block_on(async {
        let site = Site::open_to_look(settings).await?;
        let incidents = site.incidents()?;
        made_anew(&incidents).await.map_err(Failure::outside)?;
        let person = acting(site_arg, &site.store).await?;
        print_due(args, &incidents, &person, wire::now()).await
    })
}

async fn print_due(args: &DueArgs, incidents: &Incidents, person: &Person, now: Time) -> Result<Exit, Failure> {
    let horizon = args.within.map(|within| now.plus_seconds(i64::try_from(within.as_secs()).unwrap_or(i64::MAX)));
    let due = incidents.due(person, now).await.map_err(refused)?;
    let columns = ["due", "state", "clock", "party", "incident", "title", "since"];
    let mut table = args.rows.table(&columns).when_empty("no clock runs; `concert incident clock N start` starts one");
    for one in due.iter().filter(|one| one.due.kind == Kind::Clock) {
        if horizon.is_some_and(|horizon| one.due.due > horizon) {
            break;
        }
        let row = one.clock_json(now);
        if !table.row(&columns.map(|column| row.get(column).cloned().unwrap_or_default()))? {
            break;
        }
    }
    table.finish()?;
    Ok(Exit::Done)
}
