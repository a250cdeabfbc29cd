//! What is known of a value: in the journals of all incidents, and in the events.

use concert_model::access::{Kept, Person};
use concert_pipeline::observables;
use concert_store::Store;
use serde_json::{Value, json};

use super::{entry_row, refused};
use crate::command::{contact, events};
use crate::incidents::{About, Incidents, entry_json};
use crate::print::{AllRows, List, format_or_default, print_object};
use crate::problems::{Exit, Failure};
use crate::reach::Reach;

#[derive(clap::Args)]
pub(super) struct AboutArgs {
    /// An address, domain, URL, mail address, hash or CVE id, also defanged; or any value that entries name.
    value: String,
    #[command(flatten)]
    rows: AllRows,
}

const COLUMNS: [&str; 8] = ["incident", "title", "seq", "time", "author", "kind", "content", "merged_into"];

pub(super) async fn run(
    args: &AboutArgs,
    incidents: &Incidents,
    person: &Person,
    (runtime, store): (&tokio::runtime::Runtime, &Store),
) -> Result<Exit, Failure> {
    let about = incidents.about(person, &args.value).await.map_err(refused)?;
    let one = observables::one(&args.value);
    // Who sees no events at all is told of none.
    let parties = contact::all(store).await?;
    let seen = match (&one, Reach::of(person, Kept::Events, parties.iter())) {
        (Some(one), Ok(reach)) => events::seen(runtime, store, std::slice::from_ref(one), &reach)?.pop(),
        _ => None,
    };
    let seen = seen.as_ref();
    let time = |time: Option<concert_model::Time>| time.map_or(Value::Null, |time| json!(time.to_string()));
    let members = [
        ("value", json!(one.as_ref().map_or(args.value.trim(), |one| &one.value))),
        ("of", json!(one.as_ref().map(|one| one.kind.word()))),
        ("incidents", json!(incidents_in(&about))),
        ("is_common", json!(about.is_common)),
        ("events", json!(seen.map(|seen| seen.count))),
        ("first_seen", time(seen.and_then(|seen| seen.first))),
        ("last_seen", time(seen.and_then(|seen| seen.last))),
    ];
    let rows = about.found.iter().map(|found| {
        let [seq, time, author, kind, _, content, _] = entry_row(&entry_json(&found.kept));
        vec![json!(found.head.number), json!(found.head.title), seq, time, author, kind, content, json!(found.shows_in)]
    });
    let entries = List { name: "entries", columns: &COLUMNS, rows: rows.collect() };
    print_object(format_or_default(args.rows.format), &members, &[entries])?;
    Ok(Exit::Done)
}

/// The incidents that the entries are of, what names it last first, with those that show them because of a merge.
fn incidents_in(about: &About) -> Vec<&str> {
    let mut numbers: Vec<&str> = Vec::new();
    for found in &about.found {
        for number in [Some(&found.head.number), found.shows_in.as_ref()].into_iter().flatten() {
            if !numbers.contains(&number.as_str()) {
                numbers.push(number);
            }
        }
    }
    numbers
}
