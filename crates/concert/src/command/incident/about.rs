//! What is known of a value: in the journals of all incidents, and in the events.

use concert_model::Problem;
use concert_model::access::Person;
use concert_pipeline::observables;
use serde_json::json;

use super::{entry_row, refused};
use crate::incidents::{Incidents, entry_json};
use crate::print::{AllRows, List, format_or_default, print_object};
use crate::problems::{Exit, Failure};
use crate::seen::{about_members, seen};
use crate::wire::Site;

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  concert incident about 192.0.2.7\n  concert incident about 'hxxp://evil[.]example/a'"
)]
pub(super) struct AboutArgs {
    /// An address, network, AS number, domain, URL, mail address, hash or CVE id, also defanged; or any value that entries name.
    value: String,
    #[command(flatten)]
    rows: AllRows,
}

const COLUMNS: [&str; 8] = ["incident", "title", "seq", "time", "author", "kind", "content", "merged_into"];

pub(super) async fn run(
    args: &AboutArgs,
    incidents: &Incidents,
    person: &Person,
    site: &Site,
) -> Result<Exit, Failure> {
    if args.value.trim().is_empty() {
        return Err(Failure::usage(Problem::new("no value was given").hint("say what to look for: 192.0.2.7")));
    }
    let about = incidents.about(person, &args.value).await.map_err(refused)?;
    let one = observables::one(&args.value);
    let seen = seen(site, person, one.iter()).await?.and_then(|mut seen| seen.pop());
    let members = about_members(&args.value, one.as_ref(), &about, seen.as_ref());
    let rows = about.found.iter().map(|found| {
        let [seq, time, author, kind, _, content, _] = entry_row(&entry_json(&found.kept));
        vec![json!(found.head.number), json!(found.head.title), seq, time, author, kind, content, json!(found.shows_in)]
    });
    let entries = List { name: "entries", columns: &COLUMNS, rows: rows.collect() };
    print_object(format_or_default(args.rows.format), &members, &[entries])?;
    Ok(Exit::Done)
}
