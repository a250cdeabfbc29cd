//! `concert process`: written ways of handling a kind of incident, to look at and to check.
//!
//! It needs no site: without one there are the shipped processes. Only numbers are those of a site.
//! Following a process in an incident is not done here.

mod numbers;

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use concert_model::Problem;
use concert_model::incident::process::{Process, cacao, picture};
use concert_model::problem::meant;
use serde_json::json;

use super::SiteArg;
use crate::print::{Out, Rows, ToldRows};
use crate::problems::{Exit, Failure, sort_by_place};
use crate::settings::processes::{self, Processes};
use crate::wire;

/// Show and check processes: written ways of handling a kind of incident.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  concert process list\n  concert process show infected-host\n  concert process show ransomware --format svg > ransomware.svg\n  concert process show phishing --format toml > processes/phishing.toml\n  concert process check\n  concert process check drafts/phishing.toml\n  concert process numbers\n  concert process numbers infected-host --since 90d"
)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// The processes that new runs use: those shipped, and those of the site's folder processes/
    List(ListArgs),
    /// Tell all mistakes in files, or in the site's folder processes/
    Check(CheckArgs),
    /// One process as text, picture, file or CACAO playbook
    Show(ShowArgs),
    /// How processes went in incidents: what was done, skipped and late, how long it took, what to change
    Numbers(numbers::NumbersArgs),
}

#[derive(clap::Args)]
#[command(after_help = "Examples:\n  concert process list")]
struct ListArgs {
    #[command(flatten)]
    rows: Rows,
}

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  concert process check\n  concert process check drafts/phishing.toml\n  concert process check --format json"
)]
struct CheckArgs {
    /// Files to check instead of the site's own.
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    told: ToldRows,
}

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  concert process show infected-host\n  concert process show ransomware --format svg > ransomware.svg\n  concert process show phishing --format toml > processes/phishing.toml"
)]
struct ShowArgs {
    /// The process, as `list` names it.
    name: String,
    /// How it is printed.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

/// How a process is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For reading.
    Text,
    /// A flow chart that wikis and code hosts draw.
    Mermaid,
    /// A picture.
    Svg,
    /// Its file, to begin an own one with.
    Toml,
    /// A CACAO 2.0 playbook (JSON), in a stricter order than that of the process.
    Cacao,
}

const COLUMNS: [&str; 5] = ["name", "version", "title", "steps", "origin"];

pub(super) fn run(args: &Args, site: &SiteArg) -> Result<Exit, Failure> {
    match &args.command {
        Command::List(args) => list(args, &site.dir),
        Command::Check(args) => check(args, &site.dir),
        Command::Show(args) => show(args, &site.dir),
        Command::Numbers(args) => numbers::run(args, site),
    }
}

/// A site's file with a mistake is told and ends the command as bad; what is good is listed all the same.
fn list(args: &ListArgs, site: &Path) -> Result<Exit, Failure> {
    let Processes { all, mut problems, unused } = processes::load(site);
    problems.extend(unused);
    let mut table = args.rows.table(&COLUMNS);
    for (process, origin) in &all {
        let row = [
            json!(process.name),
            json!(process.version),
            json!(process.title),
            json!(process.steps.len()),
            json!(origin.word()),
        ];
        if !table.row(&row)? {
            break;
        }
    }
    table.finish()?;
    if problems.is_empty() {
        return Ok(Exit::Done);
    }
    Failure::settings(problems).tell();
    Ok(Exit::Bad)
}

fn check(args: &CheckArgs, site: &Path) -> Result<Exit, Failure> {
    if let Some(gone) = args.files.iter().find(|path| !path.exists()) {
        return Err(Failure::usage(Problem::new("there is no such file").at(gone.display().to_string())));
    }
    let mut problems = Vec::new();
    for path in &args.files {
        problems.extend(processes::read_file(path, &path.display().to_string()).err().into_iter().flatten());
    }
    if args.files.is_empty() {
        let loaded = processes::load(site);
        problems = loaded.problems;
        problems.extend(loaded.unused);
    }
    sort_by_place(&mut problems);
    super::check::tell(&args.told.rows(), problems, "no mistakes")
}

fn show(args: &ShowArgs, site: &Path) -> Result<Exit, Failure> {
    let Processes { all, problems, .. } = processes::load(site);
    let Some((process, _)) = all.iter().find(|(process, _)| process.name == args.name) else {
        let names = all.iter().map(|(process, _)| process.name.as_str());
        let hint = meant(&args.name, names, "`concert process list` shows all");
        // The file that would have had it may be the one with a mistake.
        let missing = Problem::new(format!("there is no process `{}`", args.name)).hint(hint);
        return Err(Failure::settings(problems.into_iter().chain([missing]).collect()));
    };
    let mut out = Out::stdout();
    out.write(print(process, args.format).as_bytes())?;
    out.finish()?;
    Ok(Exit::Done)
}

fn print(process: &Process, format: Format) -> String {
    match format {
        Format::Text => picture::outline(process),
        Format::Mermaid => picture::mermaid(process),
        Format::Svg => picture::svg(process),
        Format::Toml => process.text.clone(),
        Format::Cacao => format!("{:#}\n", cacao(process, wire::now())),
    }
}
