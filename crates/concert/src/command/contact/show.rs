//! `concert contact show`: all that is known of a party, whichever part of the contact book it is in.

use std::path::Path;
use std::sync::Arc;

use concert_model::problem::nearest;
use concert_model::{Party, Problem};
use concert_store::Store;
use concert_store::records::Parties;
use concert_transport::openpgp::Keyring;
use serde_json::{Value, json};

use super::state::Known;
use super::text_or_null;
use crate::addressees::party_of;
use crate::print::{AllRows, Format, List, format_or_default, object, print_object};
use crate::problems::{Exit, Failure};
use crate::reach::Reach;
use crate::registry::{self, Opened};
use crate::settings::Settings;
use crate::wire::{learned_since, now};

/// Show all that is known of a party: of a constituent, a team, or whom registries name.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  concert contact show \"Example University\"\n  concert contact show \"Example Hosting (RIPE EH1-RIPE)\" --format json"
)]
pub(super) struct Args {
    /// The name of the party.
    party: String,
    #[command(flatten)]
    rows: AllRows,
}

/// Names of registries beside a wrong one that are looked at for what was meant.
const BESIDE_MAX: u64 = 20;

const CONTACTS: &[&str] = &[
    "mail",
    "purpose",
    "language",
    "format",
    "via",
    "schedule",
    "time_zone",
    "origin",
    "state",
    "last_alive",
    "by",
    "bounces",
    "has_consent",
    "openpgp",
    "openpgp_expires",
    "advice",
];

/// A party with the part of the contact book that it is in.
pub(crate) struct Found {
    party: Party,
    /// As `responsible` of `[lookup]` names it.
    part: &'static str,
    /// The registry that names it.
    registry: String,
}

pub(super) async fn run(args: &Args, store: &Store, settings: &Settings, reach: &Reach) -> Result<Exit, Failure> {
    let data = &settings.data_dir();
    let Some(found) = find(&args.party, store, data, reach).await? else {
        let mut known = super::all(store).await?;
        known.retain(|party| reach.has(&party.name));
        let registry = if reach.is_all() { registry::open(data, false)? } else { None };
        return Err(missing(&args.party, &known, registry.as_ref()));
    };
    let known = Known::read(&store.records, Arc::new(Keyring::read(&settings.openpgp.keys))).await?.shown_to(reach);
    let (mut fields, contacts) = known_of(&found, &known)?;
    let format = format_or_default(args.rows.format);
    if matches!(format, Format::Table | Format::Csv) {
        fields.iter_mut().for_each(|(_, value)| *value = joined(value));
    }
    print_object(format, &fields, &[contacts])?;
    Ok(Exit::Done)
}

/// The party of this name, as far as it is seen: a constituent, else a team, else one that registries or
/// their servers name.
pub(crate) async fn find(name: &str, store: &Store, data: &Path, reach: &Reach) -> Result<Option<Found>, Problem> {
    if !reach.has(name) {
        return Ok(None);
    }
    for (part, which) in [("constituents", Parties::Constituents), ("teams", Parties::Teams)] {
        let party = store.records.parties(which).await?.into_iter().find(|party| party.name == name);
        if let Some(party) = party {
            return Ok(Some(Found { party, part, registry: String::new() }));
        }
    }
    let learned =
        store.records.learned(learned_since(), now().latest()).await?.into_iter().find(|party| party.name == name);
    if let Some(party) = learned {
        return Ok(Some(Found { party, part: "rdap", registry: String::new() }));
    }
    let Some(registry) = registry::open(data, false)? else { return Ok(None) };
    let answer = registry.party(name).map_err(|why| registry::damaged(&registry::path(data), &why))?;
    Ok(answer.map(|answer| Found { party: party_of(&answer), part: "registries", registry: answer.registry }))
}

/// That nobody has this name, and who was meant.
pub(super) fn missing(name: &str, parties: &[Party], registry: Option<&Opened>) -> Failure {
    let beside = registry.and_then(|registry| registry.names_beside(name, BESIDE_MAX).ok()).unwrap_or_default();
    // What stands behind the name of whoever holds a network is easily left away.
    let longer =
        || beside.iter().find(|one| one.strip_prefix(name).is_some_and(|rest| rest.starts_with(" ("))).cloned();
    let known = parties.iter().map(|party| &party.name).chain(&beside).map(String::as_str);
    let hint = match nearest(name, known).map(str::to_owned).or_else(longer) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "`concert contact list` shows constituents and teams, `concert who` whom registries name".to_owned(),
    };
    Failure::usage(Problem::new(format!("there is no party `{name}`")).hint(hint))
}

/// A party with all that is known of it, as an object.
pub(crate) fn party_json(found: &Found, known: &Known) -> Result<Value, Problem> {
    let (fields, contacts) = known_of(found, known)?;
    Ok(object(&fields, &[contacts]))
}

type Fields = Vec<(&'static str, Value)>;

fn known_of(found: &Found, known: &Known) -> Result<(Fields, List), Problem> {
    let Found { party, part, registry } = found;
    let of_party = serde_json::to_value(party).map_err(|error| Problem::new(error.to_string()))?;
    let mut fields = vec![("name", json!(party.name)), ("part", json!(part)), ("registry", text_or_null(registry))];
    let theirs =
        ["asns", "prefixes", "excluded_prefixes", "domains", "excluded_domains", "countries", "sectors"].into_iter();
    fields.extend(theirs.filter_map(|name| Some((name, of_party.get(name)?.clone()))));
    let row = |contact| {
        let doing = known.of(contact);
        let [openpgp, openpgp_expires] = doing.openpgp(contact);
        vec![
            json!(contact.mail),
            json!(contact.purpose),
            json!(contact.language),
            json!(contact.format),
            json!(contact.via),
            json!(contact.schedule),
            json!(contact.time_zone),
            json!(contact.origin),
            json!(doing.state.word()),
            json!(doing.alive.map(|time| time.to_string())),
            text_or_null(&doing.health.alive_by),
            json!(doing.bounces()),
            json!(contact.has_consent),
            openpgp,
            openpgp_expires,
            text_or_null(&doing.advice(&contact.mail, &party.name)),
        ]
    };
    let rows = party.contacts.iter().map(row).collect();
    Ok((fields, List { name: "contacts", columns: CONTACTS, rows }))
}

/// What a person reads of a list: its values, or nothing where there are none.
fn joined(value: &Value) -> Value {
    let Value::Array(values) = value else { return value.clone() };
    let words: Vec<String> =
        values.iter().map(|one| one.as_str().map_or_else(|| one.to_string(), str::to_owned)).collect();
    text_or_null(&words.join(", "))
}
