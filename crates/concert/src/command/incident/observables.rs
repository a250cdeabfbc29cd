//! The values that an incident names, with what else is known of each.

use std::io::Write;

use concert_model::access::{Kept, Person};
use concert_pipeline::observables::Observable;
use concert_store::Store;
use serde_json::{Value, json};

use super::refused;
use crate::command::{contact, events};
use crate::incidents::{Incidents, Pulled};
use crate::print::Rows;
use crate::problems::{Exit, Failure};
use crate::reach::Reach;

#[derive(clap::Args)]
pub(super) struct ObservablesArgs {
    /// Number or identity of the incident.
    incident: String,
    #[command(flatten)]
    rows: Rows,
}

const COLUMNS: [&str; 8] = ["of", "value", "entries", "incidents", "is_common", "events", "first_seen", "last_seen"];

pub(super) async fn run(
    args: &ObservablesArgs,
    incidents: &Incidents,
    person: &Person,
    (runtime, store): (&tokio::runtime::Runtime, &Store),
) -> Result<Exit, Failure> {
    let all = incidents.observables(person, &args.incident).await.map_err(refused)?;
    // Who sees no events at all is told of none.
    let parties = contact::all(store).await?;
    let reach = Reach::of(person, Kept::Events, parties.iter());
    let values: Vec<Observable> = all.values.iter().map(|pulled| pulled.one.clone()).collect();
    let seen = match reach {
        Ok(reach) => events::seen(runtime, store, &values, &reach)?,
        Err(_) => Vec::new(),
    };
    let mut table = args.rows.table(&COLUMNS);
    for (at, Pulled { one, entries, others, is_common }) in all.values.iter().enumerate() {
        let seen = seen.get(at);
        let time = |time: Option<concert_model::Time>| time.map_or(Value::Null, |time| json!(time.to_string()));
        let row = [
            json!(one.kind.word()),
            json!(one.value),
            json!(entries),
            json!(others),
            json!(is_common),
            json!(seen.map(|seen| seen.count)),
            time(seen.and_then(|seen| seen.first)),
            time(seen.and_then(|seen| seen.last)),
        ];
        if !table.row(&row)? {
            break;
        }
    }
    table.finish()?;
    if all.left_out > 0 {
        writeln!(std::io::stderr(), "{} more values were not looked up", all.left_out).ok();
    }
    Ok(Exit::Done)
}
