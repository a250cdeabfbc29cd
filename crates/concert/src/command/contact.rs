//! `concert contact`: the parties this site answers for and how they are reached.
//!
//! An import replaces all parties at once, so a file with mistakes changes nothing. A process that
//! works on the site takes an import up by itself.

mod check;
mod import;

use concert_model::{Contact, Party, Problem};
use concert_store::Store;
use serde_json::{Value, json};

use super::SiteArg;
use crate::print::{Out, Rows};
use crate::problems::{Exit, Failure};
use crate::settings::LoadFor;

/// Import, list and check who this site answers for.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  concert contact import constituents parties.csv --dry-run\n  concert contact import constituents parties.csv\n  concert contact list\n  concert contact show \"Example University\"\n  concert contact check"
)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Replace the parties by those of files
    Import(import::Args),
    /// List the contacts of all parties
    List(Rows),
    /// Show all that is known of a party
    Show(Show),
    /// Tell overlaps, gaps and addresses that cannot work
    Check(check::Args),
}

/// Show all that is known of a party.
#[derive(clap::Args)]
struct Show {
    /// The name of the party.
    party: String,
}

pub(super) fn run(args: &Args, site: &SiteArg) -> Result<Exit, Failure> {
    let settings = site.settings(LoadFor::Look)?;
    super::runtime()?.block_on(async {
        let store = Store::open(&settings.data_dir()).await?;
        match &args.action {
            Action::Import(args) => import::run(args, &settings, &store).await,
            Action::List(rows) => list(rows, &store.records.parties().await?),
            Action::Show(Show { party }) => show(party, &store.records.parties().await?),
            Action::Check(args) => check::run(args, &settings, &store.records.parties().await?),
        }
    })
}

fn list(rows: &Rows, parties: &[Party]) -> Result<Exit, Failure> {
    let columns =
        ["party", "contact", "purpose", "language", "format", "via", "schedule", "time_zone", "origin", "last_alive"];
    let mut table = rows.table(&columns);
    let nobody = Contact::default();
    for party in parties {
        let contacts = if party.contacts.is_empty() { std::slice::from_ref(&nobody) } else { &party.contacts };
        for one in contacts {
            let own = [&one.purpose, &one.language, &one.format, &one.via, &one.schedule, &one.time_zone, &one.origin];
            let mut values = vec![json!(party.name), text_or_null(&one.mail)];
            values.extend(own.map(|text| json!(text)));
            values.push(json!(one.last_alive));
            if !table.row(&values)? {
                return table.finish().map(|()| Exit::Done);
            }
        }
    }
    table.finish().map(|()| Exit::Done)
}

fn show(name: &str, parties: &[Party]) -> Result<Exit, Failure> {
    let Some(party) = parties.iter().find(|party| party.name == name) else {
        let near = concert_model::problem::nearest(name, parties.iter().map(|party| party.name.as_str()));
        let hint = near.map_or("`concert contact list` shows all".to_owned(), |near| format!("did you mean `{near}`?"));
        return Err(Failure::usage(Problem::new(format!("there is no party `{name}`")).hint(hint)));
    };
    let text = serde_json::to_string_pretty(party).map_err(|error| Problem::new(error.to_string()))?;
    let mut out = Out::stdout();
    out.write(text.as_bytes())?;
    out.write(b"\n")?;
    out.finish().map(|()| Exit::Done)
}

/// A text, or `null` where there is none.
pub(super) fn text_or_null(text: &str) -> Value {
    if text.is_empty() { Value::Null } else { json!(text) }
}
