//! What is to be done in all incidents, what is due first before the rest.

use concert_model::access::Person;
use serde_json::{Value, json};

use super::refused;
use crate::incidents::Incidents;
use crate::print::{Rows, age};
use crate::problems::{Exit, Failure};
use crate::wire;

#[derive(clap::Args)]
#[command(after_help = "Examples:\n  concert incident due\n  concert incident due --mine --as anna")]
pub(super) struct DueArgs {
    /// Only what whoever asks answers for, by name or by role.
    #[arg(long)]
    mine: bool,
    #[command(flatten)]
    rows: Rows,
}

const COLUMNS: [&str; 12] =
    ["due", "state", "age", "incident", "kind", "name", "party", "what", "role", "persons", "title", "default"];

pub(super) async fn run(args: &DueArgs, incidents: &Incidents, person: &Person) -> Result<Exit, Failure> {
    let now = wire::now();
    let mut table = args.rows.table(&COLUMNS).when_empty("nothing is due");
    for one in incidents.due(person, now).await.map_err(refused)? {
        if args.mine && !one.due.persons.contains(&person.name) {
            continue;
        }
        let row = one.json(now);
        let names = one.due.persons.iter().cloned().collect::<Vec<_>>().join(", ");
        let value = |column| match column {
            "age" => json!(age(one.due.due, now)),
            "persons" => json!(names),
            _ => row.get(column).cloned().unwrap_or(Value::Null),
        };
        if !table.row(&COLUMNS.map(value))? {
            break;
        }
    }
    table.finish()?;
    Ok(Exit::Done)
}
