//! How often events name a value, and when: for `concert incident about` and `observables`, and the same over the API.
//!
//! Only events that the person sees are counted. Whoever sees none at all is told nothing, which is not the same as
//! that there are none.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use concert_model::access::{Kept, Person};
use concert_model::{Field, Net, Problem, Time, Value};
use concert_pipeline::observables::{Kind, Observable, plain_url};
use concert_store::Store;
use concert_store::events::read::Bounds;
use concert_store::events::{Page, time_of};
use serde_json::json;

use crate::incidents::{About, Pulled};
use crate::reach::Reach;
use crate::wire::Site;

/// Events with a value.
#[derive(Clone, Default)]
pub(crate) struct Seen {
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
        Kind::Ip | Kind::Network => {
            &[Field::SOURCE_IP, Field::DESTINATION_IP, Field::SOURCE_LOCAL_IP, Field::DESTINATION_LOCAL_IP]
        }
        Kind::Domain => {
            &[Field::SOURCE_FQDN, Field::DESTINATION_FQDN, Field::SOURCE_REVERSE_DNS, Field::DESTINATION_REVERSE_DNS]
        }
        Kind::Url => &[Field::SOURCE_URL, Field::DESTINATION_URL],
        Kind::Mail => &[Field::SOURCE_ACCOUNT, Field::DESTINATION_ACCOUNT],
        Kind::Hash => &[Field::MALWARE_HASH_MD5, Field::MALWARE_HASH_SHA1, Field::MALWARE_HASH_SHA256],
        Kind::Cve => &[Field::CLASSIFICATION_IDENTIFIER],
        Kind::Asn => &[Field::SOURCE_ASN, Field::DESTINATION_ASN],
        Kind::Text => &[],
    }
}

/// Values that are looked for, each with its place in the list.
#[derive(Default)]
struct Wanted {
    addresses: HashMap<IpAddr, usize>,
    networks: Vec<(Net, usize)>,
    numbers: HashMap<i64, usize>,
    texts: HashMap<(Field, String), usize>,
    fields: Vec<Field>,
}

impl Wanted {
    fn new(values: &[Observable]) -> Self {
        let mut wanted = Self::default();
        for (at, one) in values.iter().enumerate() {
            for field in fields(one.kind) {
                if !wanted.fields.contains(field) {
                    wanted.fields.push(*field);
                }
            }
            let value = one.value.as_str();
            match one.kind {
                Kind::Ip => wanted.addresses.extend(value.parse().ok().map(|address| (address, at))),
                Kind::Network => wanted.networks.extend(value.parse().ok().map(|net| (net, at))),
                Kind::Asn => wanted.numbers.extend(value.trim_start_matches("AS").parse().ok().map(|asn| (asn, at))),
                _ => {
                    let text = value.to_ascii_lowercase();
                    wanted.texts.extend(fields(one.kind).iter().map(|field| ((*field, text.clone()), at)));
                }
            }
        }
        wanted
    }

    /// Counts the events of a page.
    fn count(&self, page: &Page, reach: &Reach, all: &mut [Seen]) {
        for stored in page.iter().filter(|stored| reach.has_event(&stored.event)) {
            let mut named: BTreeSet<usize> = BTreeSet::new();
            for field in &self.fields {
                // The same in the form in which values are compared.
                let value = match stored.event.get(*field) {
                    Some(Value::Ip(address)) => Some(Value::Ip(address.to_canonical())),
                    other => other,
                };
                if let Some(Value::Ip(address)) = &value {
                    let around = self.networks.iter().filter(|(net, _)| net.contains(*address));
                    named.extend(around.map(|(_, at)| *at));
                }
                named.extend(match value {
                    Some(Value::Ip(address)) => self.addresses.get(&address),
                    Some(Value::Int(number)) => self.numbers.get(&number),
                    Some(Value::Text(text)) if fields(Kind::Url).contains(field) => {
                        self.texts.get(&(*field, plain_url(&text).to_ascii_lowercase()))
                    }
                    Some(Value::Text(text)) => self.texts.get(&(*field, text.to_ascii_lowercase())),
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
    }
}

/// What events say of each of these values, as far as a person sees events; nothing where the person sees none.
pub(crate) async fn seen(
    site: &Site,
    person: &Person,
    values: impl Iterator<Item = &Observable>,
) -> Result<Option<Vec<Seen>>, Problem> {
    let Ok(reach) = site.reach(person, Kept::Events) else { return Ok(None) };
    let values: Vec<Observable> = values.cloned().collect();
    if values.is_empty() {
        return Ok(Some(Vec::new()));
    }
    read(site.store.clone(), values, reach).await.map(Some)
}

/// Reads all events once: an address may be that of the destination, which no index knows.
async fn read(store: Store, values: Vec<Observable>, reach: Reach) -> Result<Vec<Seen>, Problem> {
    // Files are read on the thread that asks, which must not be one of those that serve. It stops as soon as nobody
    // waits for it any more.
    let handle = tokio::runtime::Handle::current();
    let waits = Arc::new(());
    let asker = Arc::downgrade(&waits);
    let reading = tokio::task::spawn_blocking(move || {
        let (wanted, mut all) = (Wanted::new(&values), vec![Seen::default(); values.len()]);
        handle.block_on(store.scan(&Bounds::default(), 0, &mut |page| {
            wanted.count(&page, &reach, &mut all);
            asker.strong_count() > 0
        }))?;
        Ok(all)
    });
    let all = reading.await.map_err(|error| Problem::new(format!("reading the events stopped: {error}")))?;
    drop(waits);
    all
}

fn time(time: Option<Time>) -> serde_json::Value {
    time.map_or(serde_json::Value::Null, |time| json!(time.to_string()))
}

/// What events say of a value, as members of an answer; null where that is not known.
fn members(seen: Option<&Seen>) -> [(&'static str, serde_json::Value); 3] {
    [
        ("events", json!(seen.map(|seen| seen.count))),
        ("first_seen", time(seen.and_then(|seen| seen.first))),
        ("last_seen", time(seen.and_then(|seen| seen.last))),
    ]
}

/// A value of an incident with what else is known of it.
pub(crate) fn pulled_members(pulled: &Pulled, seen: Option<&Seen>) -> [(&'static str, serde_json::Value); 8] {
    let Pulled { one, entries, others, is_common } = pulled;
    // Events have no field for it, which does not mean that there are none.
    let [events, first, last] = members(seen.filter(|_| one.kind != Kind::Text));
    [
        ("of", json!(one.kind.word())),
        ("value", json!(one.value)),
        ("entries", json!(entries)),
        ("incidents", json!(others)),
        ("is_common", json!(is_common)),
        events,
        first,
        last,
    ]
}

/// What is known of a value that was asked about, besides the entries that name it.
pub(crate) fn about_members(
    asked: &str,
    one: Option<&Observable>,
    about: &About,
    seen: Option<&Seen>,
) -> [(&'static str, serde_json::Value); 8] {
    let [events, first, last] = members(seen);
    [
        ("value", json!(one.map_or(asked.trim(), |one| &one.value))),
        ("of", json!(one.map(|one| one.kind.word()))),
        ("incidents", json!(incidents_in(about))),
        ("is_common", json!(about.is_common)),
        ("has_more", json!(about.has_more)),
        events,
        first,
        last,
    ]
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
