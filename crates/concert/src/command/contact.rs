//! `concert contact`: the parties this site answers for and how they are reached.
//!
//! An import replaces all parties at once, so a file with mistakes changes nothing. A process that
//! works on the site takes an import up by itself.

mod aside;
pub(crate) mod check;
pub(crate) mod export;
pub(crate) mod health;
pub(crate) mod import;
mod prove;
mod refresh;
mod refused;
mod rpsl;
pub(crate) mod show;
pub(crate) mod state;

use std::collections::BTreeMap;
use std::sync::Arc;

use concert_model::access::Kept;
use concert_model::{Contact, Party, Problem, Time};
use concert_pipeline::mail::address::canonical;
use concert_store::Store;
use concert_store::records::{Health, Parties};
use concert_transport::openpgp::Keyring;
use serde_json::{Value, json};

use self::state::{Doing, Known};
use super::SiteArg;
use crate::print::Rows;
use crate::problems::{Exit, Failure};
use crate::settings::LoadFor;
use crate::wire::Site;

/// Import, list and check who this site answers for.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  concert contact import constituents parties.csv --dry-run\n  concert contact import constituents parties.csv\n  concert contact export --format json\n  concert contact list\n  concert contact show \"Example University\"\n  concert contact check\n  concert contact health\n  concert contact prove --all-older-than 180d\n  concert contact refresh rdap\n  concert contact refused\n  concert contact aside"
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
                | Action::Aside(_)
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
    #[command(after_help = "Examples:\n  concert contact list\n  concert contact list --limit 0 --format csv")]
    List(Rows),
    /// Show all that is known of a party
    Show(show::Args),
    /// Tell overlaps, gaps, addresses that cannot work and keys that are no longer good
    Check(check::Args),
    /// Tell whether contacts answer, worst first, and what to do
    Health(health::Args),
    /// Ask contacts whether they are there
    Prove(prove::ProveArgs),
    /// Have nothing be sent to contacts any more
    Suspend(prove::SuspendArgs),
    /// Tell a contact again that was suspended
    Resume(prove::ResumeArgs),
    /// Fetch anew what others publish: which server of RDAP knows what
    Refresh(refresh::Args),
    /// Tell how many answers of RDAP and files of domains were refused, and why
    Refused(refused::Args),
    /// Show what the last import of registries' files set aside
    Aside(aside::Args),
}

pub(super) fn run(args: &Args, site: &SiteArg) -> Result<Exit, Failure> {
    let changes = matches!(
        args.action,
        Action::Prove(_) | Action::Suspend(_) | Action::Resume(_) | Action::Refresh(_) | Action::Import(_)
    );
    let settings = match args.action {
        // Its proxy may want a password.
        Action::Refresh(_) => site.settings_to_open(|site| site.settings(LoadFor::Look))?,
        _ => site.settings_for(!changes)?,
    };
    super::runtime()?.block_on(async {
        // Those that need more of the site than its store.
        let settings = match &args.action {
            Action::Health(args) => {
                let opened = Site::open_to_look(settings).await?;
                let reach = super::reach(site, &opened.store, Kept::Contacts).await?;
                return health::run(args, &opened, &reach).await;
            }
            Action::Prove(args) => {
                return prove::prove(args, &Site::open_to_look(settings).await?, &super::acting::by(site)).await;
            }
            Action::Suspend(args) => {
                return prove::suspend(args, &Site::open_to_look(settings).await?, &super::acting::by(site)).await;
            }
            Action::Resume(args) => {
                return prove::resume(args, &Site::open_to_look(settings).await?, &super::acting::by(site)).await;
            }
            Action::Refresh(args) => return refresh::run(args, &settings).await,
            _ => settings,
        };
        let store = Store::open(&settings.data_dir()).await?;
        if let Action::Import(args) = &args.action {
            return import::run(args, &settings, &store, &super::acting::by(site)).await;
        }
        let reach = super::reach(site, &store, Kept::Contacts).await?;
        let seen = |mut parties: Vec<Party>| {
            parties.retain(|party| reach.has(&party.name));
            parties
        };
        let ring = || Arc::new(Keyring::read(&settings.openpgp.keys));
        match &args.action {
            Action::Export(args) => export::run(args, seen(store.records.parties(args.parties()).await?), &ring()),
            Action::List(rows) => list(rows, &seen(all(&store).await?), &Known::read(&store.records, ring()).await?),
            Action::Aside(args) => aside::run(args, &settings.data_dir(), reach.is_all()),
            Action::Refused(args) => refused::run(args, &store, reach.is_all()).await,
            Action::Show(args) => show::run(args, &store, &settings, &reach).await,
            Action::Check(args) => {
                let constituents = seen(store.records.parties(Parties::Constituents).await?);
                let teams = seen(store.records.parties(Parties::Teams).await?);
                let parts = check::Parts { constituents: &constituents, teams: &teams };
                check::run(args, &settings, parts, reach.is_all()).await
            }
            Action::Import(_)
            | Action::Health(_)
            | Action::Prove(_)
            | Action::Suspend(_)
            | Action::Resume(_)
            | Action::Refresh(_) => Ok(Exit::Done),
        }
    })
}

/// Constituents, then teams of last resort.
pub(crate) async fn all(store: &Store) -> Result<Vec<Party>, Problem> {
    let mut parties = store.records.parties(Parties::Constituents).await?;
    parties.extend(store.records.parties(Parties::Teams).await?);
    Ok(parties)
}

/// When a contact last proved alive, by what came back or as its origin says.
pub(super) fn last_alive(contact: &Contact, health: &BTreeMap<String, Health>) -> Option<Time> {
    let known = health.get(&canonical(&contact.mail)).and_then(|health| health.alive);
    known.max(contact.last_alive)
}

/// What a list of contacts says of each.
pub(crate) const COLUMNS: [&str; 15] = [
    "party",
    "contact",
    "purpose",
    "language",
    "format",
    "via",
    "schedule",
    "time_zone",
    "origin",
    "state",
    "last_alive",
    "bounces",
    "consent",
    "openpgp",
    "openpgp_expires",
];

/// A row for each contact, and one for a party that has none.
pub(crate) fn rows(parties: &[Party], known: &Known) -> impl Iterator<Item = [Value; 15]> {
    parties.iter().flat_map(move |party| {
        let nobody = party.contacts.is_empty().then(|| row(party, &Contact::default(), None));
        nobody.into_iter().chain(party.contacts.iter().map(move |contact| row(party, contact, Some(known.of(contact)))))
    })
}

fn row(party: &Party, one: &Contact, doing: Option<Doing>) -> [Value; 15] {
    let [openpgp, openpgp_expires] = doing.as_ref().map(|doing| doing.openpgp(one)).unwrap_or_default();
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
        json!(doing.as_ref().map(|doing| doing.state.word())),
        json!(doing.as_ref().and_then(|doing| doing.alive).map(|time| time.to_string())),
        json!(doing.map(|doing| doing.bounces())),
        json!(one.has_consent),
        openpgp,
        openpgp_expires,
    ]
}

fn list(args: &Rows, parties: &[Party], known: &Known) -> Result<Exit, Failure> {
    let mut table = args.table(&COLUMNS).when_empty("there are no contacts; `concert contact import` brings them");
    for values in rows(parties, known) {
        if !table.row(&values)? {
            break;
        }
    }
    table.finish().map(|()| Exit::Done)
}

/// A text, or `null` where there is none.
pub(crate) fn text_or_null(text: &str) -> Value {
    if text.is_empty() { Value::Null } else { json!(text) }
}
