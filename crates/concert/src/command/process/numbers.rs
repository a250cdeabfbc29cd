//! What became of processes: how often each step was done, left out or late, how long it took, and what
//! those who followed them would change.

use concert_model::incident::process::numbers::Wanted;
use concert_model::problem::meant;
use concert_model::{Problem, Time};
use serde_json::{Value, json};

use super::super::acting::acting;
use super::super::events::moment;
use super::super::incident::refused;
use super::super::{SiteArg, runtime};
use crate::incidents::numbers_json;
use crate::print::{AllRows, List, format_or_default, print_object};
use crate::problems::{Exit, Failure};
use crate::settings::{LoadFor, processes};
use crate::wire::Site;

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  concert process numbers\n  concert process numbers infected-host --version 1 --since 90d"
)]
pub(super) struct NumbersArgs {
    /// The process; without it all that were followed, a row each.
    process: Option<String>,
    /// Only runs of this version.
    #[arg(long, value_name = "N")]
    version: Option<u32>,
    /// Only runs begun since then: a time, a date (UTC), or how long ago ("90d").
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<Time>,
    #[command(flatten)]
    rows: AllRows,
}

const ALL: [&str; 6] = ["process", "version", "runs", "ended", "unreadable", "proposals"];
const STEPS: [&str; 12] = [
    "step",
    "done",
    "skipped",
    "not_taken",
    "late",
    "defaulted",
    "median_seconds",
    "p95_seconds",
    "said_useless",
    "said_missing",
    "said_late",
    "reasons",
];
const PROPOSALS: [&str; 5] = ["times", "step", "verdict", "text", "said"];

pub(super) fn run(args: &NumbersArgs, site_arg: &SiteArg) -> Result<Exit, Failure> {
    let settings = site_arg.settings(LoadFor::Look)?;
    let NumbersArgs { process, version, since, rows } = args;
    let wanted = Wanted { process: process.clone(), version: *version, since: *since };
    let counted = runtime()?.block_on(async {
        let site = Site::open_to_look(settings).await?;
        let person = acting(site_arg, &site.store).await?;
        site.incidents()?.process_numbers(&person, wanted).await.map_err(refused)
    })?;
    let at = |row: &Value, name: &str| row.get(name).cloned().unwrap_or_default();
    let Some(name) = process else {
        let mut table = rows.table(&ALL).when_empty("no process was followed yet");
        for (name, numbers) in &counted {
            let row = numbers_json(name, numbers);
            let proposals = json!(numbers.proposals.len());
            table.row(&ALL.map(|column| if column == "proposals" { proposals.clone() } else { at(&row, column) }))?;
        }
        table.finish()?;
        return Ok(Exit::Done);
    };
    let numbers = counted.get(name).cloned().unwrap_or_default();
    if numbers.runs == 0 {
        known(name, site_arg)?;
    }
    let counted = numbers_json(name, &numbers);
    let rows_of = |list: &str, columns: &[&str]| -> Vec<Vec<Value>> {
        let rows = at(&counted, list);
        let rows = rows.as_array().map(Vec::as_slice).unwrap_or_default();
        rows.iter().map(|row| columns.iter().map(|column| at(row, column)).collect()).collect()
    };
    let fields: Vec<(&str, Value)> = ALL.into_iter().take(5).map(|name| (name, at(&counted, name))).collect();
    let lists = [
        List { name: "steps", columns: &STEPS, rows: rows_of("steps", &STEPS) },
        List { name: "proposals", columns: &PROPOSALS, rows: rows_of("proposals", &PROPOSALS) },
    ];
    print_object(format_or_default(rows.format), &fields, &lists)?;
    Ok(Exit::Done)
}

/// A process that nobody followed must at least be there.
fn known(name: &str, site: &SiteArg) -> Result<(), Failure> {
    let all = processes::load(&site.dir).all;
    let names = all.iter().map(|(process, _)| process.name.as_str());
    if names.clone().any(|known| known == name) {
        return Ok(());
    }
    let hint = meant(name, names, "`concert process list` shows all");
    Err(Failure::usage(Problem::new(format!("there is no process `{name}`")).hint(hint)))
}
