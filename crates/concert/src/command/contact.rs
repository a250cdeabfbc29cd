//! `concert contact`: the parties this site answers for and how they are reached.
//!
//! An import replaces all parties at once, so a file with mistakes changes nothing. A process that
//! works on the site takes an import up by itself.

pub(crate) mod check;
mod export;
pub(crate) mod health;
pub(crate) mod import;
mod prove;
mod refresh;
mod refused;
mod rpsl;

use std::collections::BTreeMap;

use concert_model::access::Kept;
use concert_model::{Contact, Party, Problem, Time};
use concert_pipeline::mail::address::canonical;
use concert_store::Store;
use concert_store::records::{Health, Parties};
use serde_json::{Value, json};

use super::SiteArg;
use crate::print::{Out, Rows};
use crate::problems::{Exit, Failure};
use crate::settings::LoadFor;
use crate::wire::Site;

/// Import, list and check who this site answers for.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  concert contact import constituents parties.csv --dry-run\n  concert contact import constituents parties.csv\n  concert contact export --format json\n  concert contact list\n  concert contact show \"Example University\"\n  concert contact check\n  concert contact health\n  concert contact prove --all-older-than 180d\n  concert contact refresh rdap\n  concert contact refused"
)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

impl Args {
    /// Whether it changes the contact book, or writes to somebody.
    pub(super) fn changes(&self) -> bool {
        !matches!(
            self.action,
            Action::Export(_)
                | Action::List(_)
                | Action::Show(_)
                | Action::Check(_)
                | Action::Health(_)
                | Action::Refused(_)
        )
    }
}

#[derive(clap::Subcommand)]
enum Action {
    /// Replace the parties, the data of registries, or the teams, by those of files
    Import(import::Args),
    /// Write parties as a file that can be imported
    Export(export::Args),
    /// List the contacts of all parties
    List(Rows),
    /// Show all that is known of a party
    Show(Show),
    /// Tell overlaps, gaps, addresses that cannot work and keys that are no longer good
    Check(check::Args),
    /// Tell whether contacts answer, worst first, and what to do
    Health(health::Args),
    /// Ask contacts whether they are there
    Prove(prove::ProveArgs),
    /// Tell a contact again that was suspended because it bounced
    Resume(prove::ResumeArgs),
    /// Fetch anew what others publish: which server of RDAP knows what
    Refresh(refresh::Args),
    /// Tell how many answers of RDAP and files of domains were refused, and why
    Refused(refused::Args),
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
        // Those that need more of the site than its store.
        let settings = match &args.action {
            Action::Health(args) => {
                let opened = Site::open_to_look(settings).await?;
                let reach = super::reach(site, &opened.store, Kept::Contacts).await?;
                return health::run(args, &opened, &reach).await;
            }
            Action::Prove(args) => return prove::prove(args, &Site::open_to_look(settings).await?).await,
            Action::Resume(args) => return prove::resume(args, &Site::open_to_look(settings).await?).await,
            Action::Refresh(args) => return refresh::run(args, &settings).await,
            _ => settings,
        };
        let store = Store::open(&settings.data_dir()).await?;
        if let Action::Import(args) = &args.action {
            return import::run(args, &settings, &store).await;
        }
        if let Action::Refused(args) = &args.action {
            return refused::run(args, &store).await;
        }
        let reach = super::reach(site, &store, Kept::Contacts).await?;
        let seen = |mut parties: Vec<Party>| {
            parties.retain(|party| reach.has(&party.name));
            parties
        };
        match &args.action {
            Action::Export(args) => export::run(args, &seen(store.records.parties(args.parties()).await?)),
            Action::List(rows) => list(rows, &seen(alive(&store).await?)),
            Action::Show(Show { party }) => show(party, &seen(alive(&store).await?)),
            Action::Check(args) => check::run(args, &settings, &seen(all(&store).await?), reach.is_all()).await,
            Action::Import(_)
            | Action::Health(_)
            | Action::Prove(_)
            | Action::Resume(_)
            | Action::Refresh(_)
            | Action::Refused(_) => Ok(Exit::Done),
        }
    })
}

/// Constituents, then teams of last resort.
pub(crate) async fn all(store: &Store) -> Result<Vec<Party>, Problem> {
    let mut parties = store.records.parties(Parties::Constituents).await?;
    parties.extend(store.records.parties(Parties::Teams).await?);
    Ok(parties)
}

/// The parties, each contact with the moment it last proved alive.
pub(crate) async fn alive(store: &Store) -> Result<Vec<Party>, Problem> {
    let (mut parties, health) = (all(store).await?, store.records.contact_health().await?);
    for contact in parties.iter_mut().flat_map(|party| &mut party.contacts) {
        contact.last_alive = last_alive(contact, &health);
    }
    Ok(parties)
}

/// When a contact last proved alive, by what came back or as its origin says.
pub(super) fn last_alive(contact: &Contact, health: &BTreeMap<String, Health>) -> Option<Time> {
    let known = health.get(&canonical(&contact.mail)).and_then(|health| health.alive);
    known.max(contact.last_alive)
}

/// What a list of contacts says of each.
pub(crate) const COLUMNS: [&str; 11] = [
    "party",
    "contact",
    "purpose",
    "language",
    "format",
    "via",
    "schedule",
    "time_zone",
    "origin",
    "last_alive",
    "consent",
];

/// A row for each contact, and one for a party that has none.
pub(crate) fn rows(parties: &[Party]) -> impl Iterator<Item = [Value; 11]> {
    parties.iter().flat_map(|party| {
        let nobody = party.contacts.is_empty().then(Contact::default);
        let own = nobody.as_ref().map(|contact| row(party, contact));
        own.into_iter().chain(party.contacts.iter().map(|contact| row(party, contact)))
    })
}

fn row(party: &Party, one: &Contact) -> [Value; 11] {
    [
        json!(party.name),
        text_or_null(&one.mail),
        json!(one.purpose),
        json!(one.language),
        json!(one.format),
        json!(one.via),
        json!(one.schedule),
        json!(one.time_zone),
        json!(one.origin),
        json!(one.last_alive.map(|time| time.to_string())),
        json!(one.has_consent),
    ]
}

fn list(args: &Rows, parties: &[Party]) -> Result<Exit, Failure> {
    let mut table = args.table(&COLUMNS);
    for values in rows(parties) {
        if !table.row(&values)? {
            break;
        }
    }
    table.finish().map(|()| Exit::Done)
}

/// The party of this name, which somebody asked for.
fn need<'p>(name: &str, parties: &'p [Party]) -> Result<&'p Party, Failure> {
    parties.iter().find(|party| party.name == name).ok_or_else(|| {
        let near = concert_model::problem::nearest(name, parties.iter().map(|party| party.name.as_str()));
        let hint = near.map_or("`concert contact list` shows all".to_owned(), |near| format!("did you mean `{near}`?"));
        Failure::usage(Problem::new(format!("there is no party `{name}`")).hint(hint))
    })
}

/// A party with all that is known of it.
pub(crate) fn party_json(party: &Party) -> Result<Value, Problem> {
    let mut shown = serde_json::to_value(party).map_err(|error| Problem::new(error.to_string()))?;
    // The records keep moments as numbers, which nobody reads.
    let contacts = shown.get_mut("contacts").and_then(Value::as_array_mut).into_iter().flatten();
    for (value, contact) in contacts.zip(&party.contacts) {
        if let Some(member) = value.get_mut("last_alive") {
            *member = json!(contact.last_alive.map(|time| time.to_string()));
        }
    }
    Ok(shown)
}

fn show(name: &str, parties: &[Party]) -> Result<Exit, Failure> {
    let shown = party_json(need(name, parties)?)?;
    let text = serde_json::to_string_pretty(&shown).map_err(|error| Problem::new(error.to_string()))?;
    let mut out = Out::stdout();
    out.write(text.as_bytes())?;
    out.write(b"\n")?;
    out.finish().map(|()| Exit::Done)
}

/// A text, or `null` where there is none.
pub(crate) fn text_or_null(text: &str) -> Value {
    if text.is_empty() { Value::Null } else { json!(text) }
}
