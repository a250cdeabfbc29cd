//! How often events name a value, and when: for `concert incident about`.

use std::net::IpAddr;

use concert_model::{Event, Field, Time, Value};
use concert_pipeline::observables::{Kind, Observable};
use concert_store::Store;
use concert_store::events::read::Bounds;
use concert_store::events::time_of;

use super::Reader;
use crate::problems::Failure;
use crate::reach::Reach;

/// Events with a value.
#[derive(Default)]
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

/// Reads all events: an address may be that of the destination, which no index knows.
pub(in crate::command) fn seen(
    runtime: &tokio::runtime::Runtime,
    store: &Store,
    wanted: &Observable,
    reach: &Reach,
) -> Result<Seen, Failure> {
    let fields = fields(wanted.kind);
    let address: Option<IpAddr> = wanted.value.parse().ok();
    let names = |event: &Event<'_>| {
        fields.iter().any(|field| match event.get(*field) {
            Some(Value::Ip(other)) => address == Some(other),
            Some(Value::Text(text)) => text.eq_ignore_ascii_case(&wanted.value),
            _ => false,
        })
    };
    let mut seen = Seen::default();
    Reader { runtime, store }.each_page(&Bounds::default(), &mut |page| {
        for stored in page.iter().filter(|stored| names(&stored.event) && reach.has_event(&stored.event)) {
            let time = time_of(&stored.event);
            seen.count += 1;
            seen.first = Some(seen.first.map_or(time, |first| first.min(time)));
            seen.last = seen.last.max(Some(time));
        }
        Ok(true)
    })?;
    Ok(seen)
}
