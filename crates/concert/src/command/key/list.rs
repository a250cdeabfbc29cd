//! `concert key list`: the keys of contacts, a row for each address.

use std::collections::HashMap;

use concert_model::address::canonical;
use concert_model::{Party, Time};
use concert_store::Store;
use concert_transport::openpgp::{ContactKey, Keyring};
use serde_json::{Value, json};

use crate::command::contact::{self, text_or_null};
use crate::command::runtime;
use crate::print::Rows;
use crate::problems::{Exit, Failure};
use crate::settings::Settings;
use crate::wire;

/// List the keys of contacts: whose they are and how long they are good.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  concert key list\n  concert key list --format csv")]
pub(super) struct Args {
    #[command(flatten)]
    rows: Rows,
}

pub(super) const COLUMNS: [&str; 7] = ["address", "party", "fingerprint", "created", "expires", "state", "reason"];

/// The party of each address among the contacts of constituents.
pub(super) type Owners = HashMap<String, String>;

pub(super) fn run(args: &Args, settings: &Settings) -> Result<Exit, Failure> {
    let (folder, now, parties) = (&settings.openpgp.keys, wire::now(), parties(settings)?);
    let ring = Keyring::read(folder);
    let mut table = args.rows.table(&COLUMNS);
    let keys = ring.keys().iter().flat_map(|key| rows(key, &parties, now));
    let damaged = ring.damaged().iter().map(|(file, why)| damaged(&settings.shown(&folder.join(file)), why));
    for row in keys.chain(damaged) {
        if !table.row(&row)? {
            break;
        }
    }
    table.finish().map(|()| Exit::Done)
}

pub(super) fn parties(settings: &Settings) -> Result<Owners, Failure> {
    let parties: Vec<Party> =
        runtime()?.block_on(async { contact::all(&Store::open(&settings.data_dir()).await?).await })?;
    let contacts = parties.iter().flat_map(|party| party.contacts.iter().map(move |contact| (contact, party)));
    Ok(contacts.map(|(contact, party)| (canonical(&contact.mail), party.name.clone())).collect())
}

/// A row for each address of a key.
pub(super) fn rows(key: &ContactKey, parties: &Owners, now: Time) -> Vec<[Value; 7]> {
    let day = |time: Option<Time>| time.map(|time| time.date_text());
    // A revoked key may be left without any name that counts.
    let nobody = [String::new()];
    let addresses = if key.addresses().is_empty() { &nobody } else { key.addresses() };
    let row = |address: &String| {
        [
            text_or_null(address),
            json!(parties.get(address)),
            json!(key.fingerprint()),
            json!(day(key.created())),
            json!(day(key.expires())),
            json!(key.state(now).word()),
            json!(key.why_not(now)),
        ]
    };
    addresses.iter().map(row).collect()
}

fn damaged(file: &str, why: &str) -> [Value; 7] {
    let none = Value::Null;
    [none.clone(), none.clone(), none.clone(), none.clone(), none, json!("damaged"), json!(format!("{file}: {why}"))]
}
