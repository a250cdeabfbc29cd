//! The values that an incident names, with what else is known of each.

use std::io::Write;

use concert_model::access::Person;

use super::refused;
use crate::incidents::Incidents;
use crate::print::Rows;
use crate::problems::{Exit, Failure};
use crate::seen::{pulled_members, seen};
use crate::wire::Site;

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  concert incident observables 'CERT-EX#2026-000001'\n  concert incident observables 'CERT-EX#2026-000001' --limit 0 --format csv"
)]
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
    site: &Site,
) -> Result<Exit, Failure> {
    let all = incidents.observables(person, &args.incident, None, |values| 0..values.len()).await.map_err(refused)?;
    let seen = seen(site, person, all.values.iter().map(|pulled| &pulled.one)).await?.unwrap_or_default();
    let mut table = args.rows.table(&COLUMNS).when_empty("it names no value");
    for (at, pulled) in all.values.iter().enumerate() {
        if !table.row(&pulled_members(pulled, seen.get(at)).map(|(_, value)| value))? {
            break;
        }
    }
    table.finish()?;
    if all.left_out > 0 {
        writeln!(std::io::stderr(), "{} more values were not looked up", all.left_out).ok();
    }
    Ok(Exit::Done)
}
