//! In whose place a team of last resort is told, and why.
//!
//! Only what the events say themselves: the AS, else the network or the name that is complained of. It says neither
//! who was passed over there nor which addresses did not work.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt::Write;

use concert_model::host::{self, Host};
use concert_model::{Event, Field, json};

use super::Item;

/// Most of them that a text names.
const NAMED_MAX: usize = 5;

/// For whom whoever is told stands in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Instead<'a> {
    /// For nobody: the events are its own.
    #[default]
    Nobody,
    /// For a party that is known and cannot be told.
    Party(&'a str),
    /// For whoever it is that has what is complained of.
    Unknown,
}

impl<'a> Instead<'a> {
    /// For whom it is told of this event.
    pub fn whom(self, event: &Event<'a>) -> Option<Cow<'a, str>> {
        match self {
            Self::Nobody => None,
            Self::Party(name) => Some(Cow::Borrowed(name)),
            Self::Unknown => Some(place(event)),
        }
    }

    /// Why it is told of this event.
    pub fn because(self, event: &Event<'a>) -> Option<String> {
        self.whom(event).map(|whom| because(&whom))
    }
}

/// Why a team is told in the place of these.
pub fn because(whom: &str) -> String {
    format!("no working contact of {whom} is known")
}

/// For whom somebody is told of these events: `AS64499, AS64500`. Empty where that is nobody else.
pub fn whom(items: &[Item<'_>]) -> String {
    let (mut named, mut more): (Vec<Cow<'_, str>>, usize) = (Vec::new(), 0);
    // Events come by time, so those of one AS do not stand together.
    let mut seen = HashSet::new();
    for item in items {
        let Some(whom) = item.instead.whom(&item.event) else { continue };
        if !seen.insert(whom.clone()) {
            continue;
        }
        if named.len() < NAMED_MAX { named.push(whom) } else { more += 1 }
    }
    let mut told = named.join(", ");
    if more > 0 {
        // Writing into a String cannot fail.
        write!(told, " and {more} more").unwrap_or_default();
    }
    told
}

/// Where what is complained of is: `AS64499`, a network, an address or a name.
fn place<'a>(event: &Event<'a>) -> Cow<'a, str> {
    if let Some(asn) = event.int(Field::SOURCE_ASN) {
        return Cow::Owned(format!("AS{asn}"));
    }
    let fields = [Field::SOURCE_NETWORK, Field::SOURCE_IP, Field::SOURCE_FQDN];
    if let Some(value) = fields.into_iter().find_map(|field| event.get(field)) {
        let mut out = Vec::new();
        json::write_plain(&value, &mut out);
        return Cow::Owned(String::from_utf8_lossy(&out).into_owned());
    }
    let url = event.text(Field::SOURCE_URL);
    match url.as_deref().and_then(host::url_host) {
        Some((Host::Domain(name), _)) => Cow::Owned(name.into_owned()),
        Some((Host::Ip(address), _)) => Cow::Owned(address.to_string()),
        None => Cow::Borrowed("where this comes from"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{ALL, Columns, Teller, sample, xarf};
    use super::*;

    #[test]
    fn a_team_reads_in_every_table_for_whom_it_is_told_of_each_event_and_why() {
        let batch = sample::batch(&[
            "source.ip=192.0.2.7|source.asn=64499",
            "source.network=198.51.100.0/24",
            "source.url=http://www.uni.example/x",
            "comment=x",
        ]);
        let check = |instead: Instead<'static>, want: [&str; 4], all: &str| {
            let mut items = sample::items(&batch);
            items.iter_mut().for_each(|item| item.instead = instead);
            assert_eq!(whom(&items), all);
            // Documents of XARF have no place for it.
            for listed in ALL.iter().filter(|listed| listed.name != xarf::LISTED.name) {
                let mut out = Vec::new();
                (listed.write)(&items, &Columns::default(), &Teller::default(), &mut out);
                let text = String::from_utf8(out).unwrap();
                assert_eq!(text.contains("notice.because"), !all.is_empty(), "{}: {text}", listed.name);
                let said = want.iter().filter(|whom| !whom.is_empty() && text.contains(&because(whom))).count();
                assert_eq!(said, if all.is_empty() { 0 } else { 4 }, "{}: {text}", listed.name);
            }
        };
        let each = ["AS64499", "198.51.100.0/24", "www.uni.example", "where this comes from"];
        check(Instead::Unknown, each, &each.join(", "));
        check(Instead::Party("Grid"), ["Grid"; 4], "Grid");
        check(Instead::Nobody, [""; 4], "");
    }

    #[test]
    fn a_text_names_few_of_many() {
        let events: Vec<String> = (0..9).map(|number| format!("source.asn={}", 64500 + number % 7)).collect();
        let batch = sample::batch(&events.iter().map(String::as_str).collect::<Vec<_>>());
        let mut items = sample::items(&batch);
        items.iter_mut().for_each(|item| item.instead = Instead::Unknown);
        assert_eq!(whom(&items), "AS64500, AS64501, AS64502, AS64503, AS64504 and 2 more");
    }
}
