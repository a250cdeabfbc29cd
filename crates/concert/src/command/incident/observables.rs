//! The values that an incident names, with what else is known of each.

use concert_model::access::Person;

use super::refused;
use crate::incidents::{Counted, Incidents};
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
    // What is not printed is not looked for in other incidents; one more says that there is more.
    let most = match args.rows.limit {
        0 => usize::MAX,
        limit => limit.saturating_add(1),
    };
    let part = |values: &[Counted<'_>]| 0..values.len().min(most);
    let all = incidents.observables(person, &args.incident, None, part).await.map_err(refused)?;
    let seen = seen(site, person, all.values.iter().map(|pulled| &pulled.one)).await?.unwrap_or_default();
    let mut table = args.rows.table(&COLUMNS).when_empty("it names no value");
    for (at, pulled) in all.values.iter().enumerate() {
        if !table.row(&pulled_members(pulled, seen.get(at)).map(|(_, value)| value))? {
            break;
        }
    }
    table.finish()?;
    Ok(Exit::Done)
}
