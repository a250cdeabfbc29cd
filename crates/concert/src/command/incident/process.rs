//! Following a process in an incident: starting it, what is to be done now, doing it, and what was wrong with it.

mod closing;

use super::draft::MinutesArg;
use super::times::ahead;
use super::{print_written, refused};
use crate::command::SiteArg;
use crate::incidents::{Ask, Incidents, steps_json};
use crate::print::{AllRows, Format};
use crate::problems::{Exit, Failure};
use crate::settings::processes;
use crate::wire;
use concert_model::Problem;
use concert_model::access::Person;
use concert_model::incident::content::{Deed, Stepped};
use concert_model::incident::draft::Draft;
use concert_model::problem::meant;
use serde_json::Value;

/// Follow a process in an incident.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  concert incident process 'CERT-EX#2026-000001' start infected-host\n  concert incident process 'CERT-EX#2026-000001'\n  concert incident process 'CERT-EX#2026-000001' done triage\n  concert incident process 'CERT-EX#2026-000001' choose contain-or-hold contain --reason \"Spreads\"\n  concert incident process 'CERT-EX#2026-000001' skip watch --reason \"It was isolated at once\"\n  concert incident process 'CERT-EX#2026-000001' ask\n  concert incident process 'CERT-EX#2026-000001' answer --late \"notify=Nobody was in\"\n  concert incident process 'CERT-EX#2026-000001' answer --nothing"
)]
pub(super) struct ProcessArgs {
    /// Number or identity of the incident.
    incident: String,
    #[command(subcommand)]
    act: Option<Act>,
    // Whatever is done with the process, so that it stands behind as everywhere.
    /// How rows are printed [default: table on a terminal, ndjson otherwise].
    #[arg(long, value_name = "FORMAT", global = true)]
    format: Option<Format>,
}

impl ProcessArgs {
    fn rows(&self) -> AllRows {
        AllRows { format: self.format }
    }
}

#[derive(clap::Subcommand)]
enum Act {
    /// Begin a process; its text as it is now stays with the incident
    #[command(after_help = "Examples:\n  concert incident process 'CERT-EX#2026-000001' start infected-host")]
    Start {
        /// The process; see `concert process list`.
        name: String,
        /// A name of its own for this run, where there are several of one process.
        #[arg(long, value_name = "RUN")]
        run: Option<String>,
        /// The party that it concerns, whose steps are those of the affected party; needed where several take part.
        #[arg(long, value_name = "PARTY", default_value = "", hide_default_value = true)]
        party: String,
        #[command(flatten)]
        minutes: MinutesArg,
    },
    /// Say that a step is done
    #[command(
        after_help = "Examples:\n  concert incident process 'CERT-EX#2026-000001' done triage\n  concert incident process 'CERT-EX#2026-000001' done notify --minutes 20"
    )]
    Done(StepArgs),
    /// Leave a step out
    #[command(
        after_help = "Examples:\n  concert incident process 'CERT-EX#2026-000001' skip analyse --reason \"The disk was wiped before we came\""
    )]
    Skip(StepArgs),
    /// Decide a step
    #[command(
        after_help = "Examples:\n  concert incident process 'CERT-EX#2026-000001' choose real yes --reason \"Sinkhole hit with its own protocol\""
    )]
    Choose {
        /// The step.
        step: String,
        /// What is decided: one of its outcomes.
        outcome: String,
        #[command(flatten)]
        more: More,
    },
    /// Put a decision off until a moment
    #[command(
        after_help = "Examples:\n  concert incident process 'CERT-EX#2026-000001' hold contain-or-hold --until 6h --reason \"Memory is being taken\""
    )]
    Hold {
        /// The step.
        step: String,
        /// Until when: 2026-11-22T04:50:30Z, or how long from now ("6h").
        #[arg(long, value_name = "TIME", value_parser = ahead)]
        until: concert_model::Time,
        #[command(flatten)]
        more: More,
    },
    /// Ask whoever decides it to put a decision off, as law enforcement does
    #[command(
        after_help = "Examples:\n  concert incident process 'CERT-EX#2026-000001' ask-hold contain-or-hold --reason \"We listen until tomorrow\""
    )]
    AskHold(StepArgs),
    /// The closing questions: of each step, whether it was useless, late, or something is missing there
    #[command(after_help = "Examples:\n  concert incident process 'CERT-EX#2026-000001' ask --format json")]
    Ask {
        /// The run, where there are several.
        #[arg(long, value_name = "RUN")]
        run: Option<String>,
    },
    /// Answer the closing questions
    Answer(closing::AnswerArgs),
}

#[derive(clap::Args)]
struct StepArgs {
    /// The step.
    step: String,
    #[command(flatten)]
    more: More,
}

#[derive(clap::Args)]
struct More {
    /// The run, where there are several.
    #[arg(long, value_name = "RUN")]
    run: Option<String>,
    /// Why; needed to skip, to hold, and to ask for that.
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
    #[command(flatten)]
    minutes: MinutesArg,
}

const COLUMNS: [&str; 9] = ["run", "step", "state", "role", "title", "since", "due", "by", "note"];

pub(super) async fn run(
    args: &ProcessArgs,
    site: &SiteArg,
    incidents: &Incidents,
    person: &Person,
) -> Result<Exit, Failure> {
    let (step, deed, outcome, until, more) = match &args.act {
        None => return show(args, incidents, person).await,
        Some(Act::Start { name, run, party, minutes }) => {
            return start(args, site, incidents, minutes.ask(person), (name, run.as_deref(), party)).await;
        }
        Some(Act::Done(args)) => (&args.step, Deed::Done, String::new(), None, &args.more),
        Some(Act::Skip(args)) => (&args.step, Deed::Skipped, String::new(), None, &args.more),
        Some(Act::AskHold(args)) => (&args.step, Deed::Asked, String::new(), None, &args.more),
        Some(Act::Choose { step, outcome, more }) => (step, Deed::Chosen, outcome.clone(), None, more),
        Some(Act::Ask { run }) => {
            let state = incidents.followed(person, &args.incident).await.map_err(refused)?;
            return closing::ask(&state, run.as_deref(), &args.rows());
        }
        Some(Act::Answer(answer)) => return closing::answer(answer, args, incidents, person).await,
        Some(Act::Hold { step, until, more }) => (step, Deed::Held, String::new(), Some(until.0), more),
    };
    let runs = incidents.progress(person, &args.incident, wire::now()).await.map_err(refused)?;
    let run = run_of(&runs, more.run.as_deref())?;
    let stepped = Stepped { run, step: step.clone(), deed, outcome, until, reason: more.reason.clone() };
    let draft = Draft { content: stepped.into(), marking: None, minutes: 0 };
    let written = incidents.write(more.minutes.ask(person), &args.incident, vec![draft]).await.map_err(refused)?;
    print_written(&written, &args.rows())
}

/// The run that is meant: the one that was named, else the only one.
fn run_of(runs: &[Value], named: Option<&str>) -> Result<String, Failure> {
    if let Some(run) = named {
        return Ok(run.to_owned());
    }
    let all: Vec<&str> = runs.iter().filter_map(|run| run.get("run")?.as_str()).collect();
    let mut runs = all.iter();
    match (runs.next(), runs.next()) {
        (Some(run), None) => Ok((*run).to_owned()),
        (None, _) => Err(Failure::usage(
            Problem::new("no process was started here").hint("see `concert process list`, then `start NAME`"),
        )),
        _ => Err(Failure::usage(
            Problem::new("there are several runs").hint(format!("name one with --run: {}", all.join(", "))),
        )),
    }
}

async fn start(
    args: &ProcessArgs,
    site: &SiteArg,
    incidents: &Incidents,
    ask: Ask<'_>,
    (name, run, party): (&str, Option<&str>, &str),
) -> Result<Exit, Failure> {
    let loaded = processes::load(&site.dir);
    let found = loaded.all.iter().find(|(process, _)| process.name == name);
    let (process, _) = found.ok_or_else(|| {
        let names = loaded.all.iter().map(|(process, _)| process.name.as_str());
        let hint = meant(name, names, "see `concert process list`");
        let missing = Problem::new(format!("there is no process `{name}`")).hint(hint);
        // The file that would have had it may be the one with a mistake.
        Failure::settings(loaded.problems.iter().cloned().chain([missing]).collect())
    })?;
    let draft = Draft { content: process.start(run.unwrap_or(name), party).into(), marking: None, minutes: 0 };
    let written = incidents.write(ask, &args.incident, vec![draft]).await.map_err(refused)?;
    print_written(&written, &args.rows())
}

async fn show(args: &ProcessArgs, incidents: &Incidents, person: &Person) -> Result<Exit, Failure> {
    let runs = incidents.progress(person, &args.incident, wire::now()).await.map_err(refused)?;
    let mut table = args
        .rows()
        .table(&COLUMNS)
        .when_empty("no process is followed; `concert process list` has them, and `... start NAME` begins one");
    for step in steps_json(runs) {
        table.row(&COLUMNS.map(|name| step.get(name).cloned().unwrap_or_default()))?;
    }
    table.finish()?;
    Ok(Exit::Done)
}
