//! `concert incident hand-over`: what a person answers for goes to another, all in one step.

use concert_model::Problem;
use concert_model::access::Person;
use concert_model::incident::content::Role;
use serde_json::Value;

use super::draft::MinutesArg;
use super::{print_written, refused};
use crate::incidents::{HandOver, Incidents};
use crate::print::AllRows;
use crate::problems::{Exit, Failure};

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  concert incident hand-over 'CERT-EX#2026-000001' --from anna --to ben --open-tasks --preview\n  concert incident hand-over 'CERT-EX#2026-000001' --to ben --role coordinator --as anna"
)]
pub(super) struct HandOverArgs {
    /// Number or identity of the incident.
    incident: String,
    /// The user who answers for it from then on.
    #[arg(long, value_name = "USER")]
    to: String,
    /// Who answers for it now; with `--as`, that user where nothing is said.
    #[arg(long, value_name = "USER")]
    from: Option<String>,
    /// This role alone; else all that the person has in the incident.
    #[arg(long, value_name = "ROLE", value_parser = role)]
    role: Option<Role>,
    /// Tasks too that the person was given and that are not done.
    #[arg(long)]
    open_tasks: bool,
    /// Show what would go, and change nothing.
    #[arg(long)]
    preview: bool,
    #[command(flatten)]
    minutes: MinutesArg,
    #[command(flatten)]
    rows: AllRows,
}

fn role(word: &str) -> Result<Role, String> {
    let known = || Role::ALL.iter().map(|(_, word, _)| *word).collect::<Vec<_>>().join(", ");
    Role::named(word).ok_or_else(|| format!("known are {}", known()))
}

pub(super) async fn run(args: &HandOverArgs, incidents: &Incidents, person: &Person) -> Result<Exit, Failure> {
    let own = (!person.is_operator).then(|| person.name.clone());
    let from = args.from.clone().or(own).ok_or_else(|| {
        Failure::usage(
            Problem::new("it is not said whose roles go").hint("name the person with --from, or act as it with --as"),
        )
    })?;
    let wanted = HandOver { from, to: args.to.clone(), role: args.role, open_tasks: args.open_tasks };
    let ask = args.minutes.ask(person);
    if !args.preview {
        let written = incidents.hand_over(ask, &args.incident, &wanted).await.map_err(refused)?;
        return print_written(&written, &args.rows);
    }
    let moving = incidents.hand_over_preview(ask, &args.incident, &wanted).await.map_err(refused)?;
    let mut table = args.rows.table(&COLUMNS);
    for row in moving.rows() {
        table.row(&COLUMNS.map(|name| row.get(name).cloned().unwrap_or(Value::Null)))?;
    }
    table.finish()?;
    Ok(Exit::Done)
}

const COLUMNS: [&str; 3] = ["kind", "name", "what"];
