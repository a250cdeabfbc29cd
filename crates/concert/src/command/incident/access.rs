//! Who can see what, and why somebody cannot.

use concert_model::Problem;
use concert_model::access::{Action, Person};
use serde_json::json;

use super::refused;
use crate::incidents::{Ask, Incidents, Refused};
use crate::print::LongRows;
use crate::problems::{Exit, Failure};
use crate::wire;

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  concert incident who-can-see 'CERT-EX#2026-000001'\n  concert incident who-can-see 'CERT-EX#2026-000001' --entry 17"
)]
pub(super) struct WhoArgs {
    /// Number or identity of the incident.
    incident: String,
    /// An entry, by its number in the log; else the incident itself.
    #[arg(long, value_name = "SEQ")]
    entry: Option<u64>,
    #[command(flatten)]
    rows: LongRows,
}

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  concert incident why-not 'CERT-EX#2026-000001' otto\n  concert incident why-not 'CERT-EX#2026-000001' anna --action release"
)]
pub(super) struct WhyArgs {
    /// Number or identity of the incident.
    incident: String,
    /// The person.
    person: String,
    /// An entry, by its number in the log; else the incident itself.
    #[arg(long, value_name = "SEQ")]
    entry: Option<u64>,
    /// What the person wants to do: see, note, conduct, lower, staff, release, ...
    #[arg(long, value_name = "ACTION", default_value = "see", value_parser = action)]
    action: Action,
    #[command(flatten)]
    rows: LongRows,
}

fn action(text: &str) -> Result<Action, String> {
    let found = Action::ALL.into_iter().find(|action| action.word() == text);
    found.ok_or_else(|| {
        let words: Vec<&str> = Action::ALL.iter().map(|action| action.word()).collect();
        format!("actions are: {}", words.join(", "))
    })
}

const COLUMNS: [&str; 4] = ["person", "allowed", "policy", "reason"];

pub(super) async fn who(args: &WhoArgs, incidents: &Incidents, person: &Person) -> Result<Exit, Failure> {
    let everybody = incidents.persons().await.map_err(Failure::outside)?;
    let decisions = decide(incidents, person, (&args.incident, args.entry), &everybody, Action::See).await?;
    let mut table = args.rows.table(&COLUMNS);
    for (other, decision) in everybody.iter().zip(decisions).filter(|(_, decision)| decision.allowed) {
        table.row(&[json!(other.name), json!(true), json!(decision.policy), json!(decision.reason)])?;
    }
    table.finish()?;
    Ok(Exit::Done)
}

pub(super) async fn why_not(args: &WhyArgs, incidents: &Incidents, person: &Person) -> Result<Exit, Failure> {
    let everybody = incidents.persons().await.map_err(Failure::outside)?;
    let other = everybody.into_iter().find(|other| other.name == args.person);
    let other = other.ok_or_else(|| Failure::usage(Problem::new(format!("there is no user `{}`", args.person))))?;
    let others = [other];
    let decisions = decide(incidents, person, (&args.incident, args.entry), &others, args.action).await?;
    let mut table = args.rows.table(&COLUMNS);
    for (other, decision) in others.iter().zip(decisions) {
        let values = [json!(other.name), json!(decision.allowed), json!(decision.policy), json!(decision.reason)];
        table.row(&values)?;
    }
    table.finish()?;
    Ok(Exit::Done)
}

async fn decide(
    incidents: &Incidents,
    person: &Person,
    (incident, entry): (&str, Option<u64>),
    others: &[Person],
    action: Action,
) -> Result<Vec<concert_model::access::Decision>, Failure> {
    let ask = Ask::new(person, wire::now());
    match (incidents.why(ask, incident, entry, others, action).await, entry) {
        // Of an incident that is not there, the shorter question says so.
        (Err(Refused::Missing), Some(entry)) => {
            incidents.why(ask, incident, None, &[], action).await.map_err(refused)?;
            let problem = Problem::new(format!("there is no entry {entry} in it"));
            Err(Failure::usage(problem.hint(format!("see `concert incident log {incident}`"))))
        }
        (decided, _) => decided.map_err(refused),
    }
}
