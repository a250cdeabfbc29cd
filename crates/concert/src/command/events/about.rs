//! How often events name a value, and when: for `concert incident about` and `observables`.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

use concert_model::{Field, Time, Value};
use concert_pipeline::observables::{Kind, Observable};
use concert_store::Store;
use concert_store::events::read::Bounds;
use concert_store::events::time_of;

use super::Reader;
use crate::problems::Failure;
use crate::reach::Reach;

/// Events with a value.
#[derive(Clone, Default)]
pub(in crate::command) struct Seen {
    /// How many.
    pub count: u64,
    /// The time of the earliest.
    pub first: Option<Time>,
    /// The time of the latest.
    pub last: Option<Time>,
}

/// Fields in which a value of this kind stands.
fn fields(kind: Kind) -> &'static [Field] {
    match kind {
        Kind::Ip => &[Field::SOURCE_IP, Field::DESTINATION_IP, Field::SOURCE_LOCAL_IP, Field::DESTINATION_LOCAL_IP],
        Kind::Domain => {
            &[Field::SOURCE_FQDN, Field::DESTINATION_FQDN, Field::SOURCE_REVERSE_DNS, Field::DESTINATION_REVERSE_DNS]
        }
        Kind::Url => &[Field::SOURCE_URL, Field::DESTINATION_URL],
        Kind::Mail => &[Field::SOURCE_ACCOUNT, Field::DESTINATION_ACCOUNT],
        Kind::Hash => &[Field::MALWARE_HASH_MD5, Field::MALWARE_HASH_SHA1, Field::MALWARE_HASH_SHA256],
        Kind::Cve => &[Field::CLASSIFICATION_IDENTIFIER],
    }
}

/// What is known of each of these values. Reads all events once: an address may be that of the destination,
/// which no index knows.
pub(in crate::command) fn seen(
    runtime: &tokio::runtime::Runtime,
    store: &Store,
    wanted: &[Observable],
    reach: &Reach,
) -> Result<Vec<Seen>, Failure> {
    let (mut addresses, mut texts): (HashMap<IpAddr, usize>, HashMap<(Field, String), usize>) = Default::default();
    let mut all_fields: Vec<Field> = Vec::new();
    for (at, one) in wanted.iter().enumerate() {
        for field in fields(one.kind) {
            if !all_fields.contains(field) {
                all_fields.push(*field);
            }
            match one.value.parse() {
                Ok(address) => drop(addresses.insert(address, at)),
                Err(_) => drop(texts.insert((*field, one.value.to_ascii_lowercase()), at)),
            }
        }
    }
    let mut all = vec![Seen::default(); wanted.len()];
    if wanted.is_empty() {
        return Ok(all);
    }
    Reader { runtime, store }.each_page(&Bounds::default(), &mut |page| {
        for stored in page.iter().filter(|stored| reach.has_event(&stored.event)) {
            let mut named: BTreeSet<usize> = BTreeSet::new();
            for field in &all_fields {
                named.extend(match stored.event.get(*field) {
                    Some(Value::Ip(address)) => addresses.get(&address),
                    Some(Value::Text(text)) => texts.get(&(*field, text.to_ascii_lowercase())),
                    _ => None,
                });
            }
            let time = time_of(&stored.event);
            for at in named {
                let Some(seen) = all.get_mut(at) else { continue };
                seen.count += 1;
                seen.first = Some(seen.first.map_or(time, |first| first.min(time)));
                seen.last = seen.last.max(Some(time));
            }
        }
        Ok(true)
    })?;
    Ok(all)
}
