//! AS number, AS name, network and country of the addresses of an event, from local range files.
//!
//! Our answer wins. What the report said instead is kept under `extra.reported_asn`,
//! `extra.reported_as_name`, `extra.reported_network`, `extra.reported_cc`, and for the other side
//! `extra.reported_destination_asn` and so on. Where we have no answer, the report's stays.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU16, Ordering};

use concert_model::batch::Raw;
use concert_model::{Field, Net, OpenEvent, Value};

use super::constituents::address;
use super::ranges::Ranges;
use super::table::Table;

pub use super::table::Found;

/// The range files in use.
#[derive(Debug)]
pub struct Lookup {
    data: Data,
    is_empty: bool,
    reported: [Reported; 2],
}

/// What is looked up in.
#[derive(Debug)]
enum Data {
    /// One table, for many events.
    Joined(Table),
    /// AS numbers and countries each for itself, for a few questions: joining takes longer than they do.
    Apart(Option<Ranges>, Option<Ranges>),
}

impl Data {
    fn find(&self, address: IpAddr) -> Found<'_> {
        let (asn, country) = match self {
            Self::Joined(table) => return table.find(address),
            Self::Apart(asn, country) => (asn, country),
        };
        let asn = asn.as_ref().and_then(|ranges| ranges.find(address));
        let country = country.as_ref().and_then(|ranges| ranges.find(address));
        Found {
            asn: asn.map(|answer| (answer.number, answer.text)),
            network: asn.and_then(|answer| answer.network),
            country: country.and_then(|answer| answer.text.as_bytes().try_into().ok()),
        }
    }
}

/// Names of the `extra.*` fields for what a report said of one side.
#[derive(Debug, Default)]
struct Reported {
    asn: ExtraName,
    as_name: ExtraName,
    network: ExtraName,
    cc: ExtraName,
}

/// The fields of one side of an event.
struct Side {
    ip: Field,
    asn: Field,
    as_name: Field,
    network: Field,
    cc: Field,
    names: [&'static str; 4],
}

const SIDES: [Side; 2] = [
    Side {
        ip: Field::SOURCE_IP,
        asn: Field::SOURCE_ASN,
        as_name: Field::SOURCE_AS_NAME,
        network: Field::SOURCE_NETWORK,
        cc: Field::SOURCE_GEOLOCATION_CC,
        names: ["reported_asn", "reported_as_name", "reported_network", "reported_cc"],
    },
    Side {
        ip: Field::DESTINATION_IP,
        asn: Field::DESTINATION_ASN,
        as_name: Field::DESTINATION_AS_NAME,
        network: Field::DESTINATION_NETWORK,
        cc: Field::DESTINATION_GEOLOCATION_CC,
        names: [
            "reported_destination_asn",
            "reported_destination_as_name",
            "reported_destination_network",
            "reported_destination_cc",
        ],
    },
];

impl Lookup {
    /// A look-up in these ranges. They are joined for it and not needed any more.
    pub fn new(asn: Option<Ranges>, country: Option<Ranges>) -> Self {
        let table = Table::new(asn.as_ref(), country.as_ref());
        Self { data: Data::Joined(table), is_empty: asn.is_none() && country.is_none(), reported: Default::default() }
    }

    /// The same for a few questions.
    pub fn for_questions(asn: Option<Ranges>, country: Option<Ranges>) -> Self {
        let is_empty = asn.is_none() && country.is_none();
        Self { data: Data::Apart(asn, country), is_empty, reported: Default::default() }
    }

    /// Whether there is nothing to look up in.
    pub fn is_empty(&self) -> bool {
        self.is_empty
    }

    /// What is known of an address.
    pub fn find(&self, address: IpAddr) -> Found<'_> {
        self.data.find(address)
    }

    /// What is known of a network: the AS and the country that both its ends lie in.
    pub fn find_net(&self, net: &Net) -> Found<'_> {
        let (first, last) = (self.data.find(net.first()), self.data.find(net.last()));
        let asn = first.asn.filter(|(number, _)| last.asn.is_some_and(|(other, _)| other == *number));
        Found { asn, network: None, country: first.country.filter(|code| last.country == Some(*code)) }
    }

    /// Fetches what the source addresses (IPv4) of a few events will need, for all of them at once;
    /// [`Lookup::enrich`] then has it at hand. Looking them up one after the other waits for memory.
    pub fn look_ahead(&self, addresses: &[u32]) {
        if let Data::Joined(table) = &self.data {
            table.look_ahead(addresses);
        }
    }

    /// Sets what is known of `source.ip` and `destination.ip`; without an address, of that in `source.url`, or of the
    /// network.
    pub fn enrich(&self, event: &mut OpenEvent<'_>) {
        for (side, reported) in SIDES.iter().zip(&self.reported) {
            let found = match event.raw(side.ip) {
                Some(Raw::Ip(address)) => self.data.find(address),
                _ => match self.without_address(event, side) {
                    Some(found) => found,
                    None => continue,
                },
            };
            let [asn, as_name, network, cc] = side.names;
            if let Some((number, name)) = found.asn {
                let other_network = put(event, side.asn, &Value::Int(i64::from(number)), asn, &reported.asn);
                if !name.is_empty() {
                    put(event, side.as_name, &Value::text(name), as_name, &reported.as_name);
                } else if other_network {
                    move_away(event, side.as_name, as_name, &reported.as_name);
                }
                if let Some(net) = found.network {
                    put(event, side.network, &Value::Net(net), network, &reported.network);
                }
            }
            if let Some(code) = found.country {
                let code = std::str::from_utf8(&code).unwrap_or_default();
                put(event, side.cc, &Value::text(code), cc, &reported.cc);
            }
        }
    }
}

impl Lookup {
    /// What is known of a side that has no address: of that in its URL, or of its network as far as all of it lies in
    /// one AS or country.
    fn without_address(&self, event: &OpenEvent<'_>, side: &Side) -> Option<Found<'_>> {
        if side.ip == Field::SOURCE_IP
            && event.has(Field::SOURCE_URL)
            && let Some(address) = address(&event.view())
        {
            return Some(self.data.find(address));
        }
        let Some(Raw::Net(net)) = event.raw(side.network) else { return None };
        Some(self.find_net(&net))
    }
}

impl Default for Lookup {
    fn default() -> Self {
        Self::new(None, None)
    }
}

/// Sets our value. Answers whether the report had another, which is then kept.
fn put(event: &mut OpenEvent<'_>, field: Field, value: &Value<'_>, name: &str, extra: &ExtraName) -> bool {
    if !event.has(field) {
        event.add(field, value);
        return false;
    }
    if event.get(field).as_ref() == Some(value) {
        return false;
    }
    move_away(event, field, name, extra);
    event.set(field, value);
    true
}

/// Moves what the report said of a field to its `extra.*` field.
fn move_away(event: &mut OpenEvent<'_>, field: Field, name: &str, extra: &ExtraName) {
    let Some(old) = event.get(field).map(Value::into_owned) else { return };
    if let Some(extra) = extra.field(event, name) {
        event.set(extra, &old);
        event.unset(field);
    }
}

/// Remembers the number an `extra.*` name had last. Numbers belong to a batch, so the memory is only
/// a guess that is checked; it saves a hash of the name for each event.
#[derive(Debug, Default)]
struct ExtraName(AtomicU16);

impl ExtraName {
    fn field(&self, event: &mut OpenEvent<'_>, name: &str) -> Option<Field> {
        let guess = Field(self.0.load(Ordering::Relaxed));
        if guess.is_extra() && event.batch().extra_name(guess) == name {
            return Some(guess);
        }
        let field = event.extra(name)?;
        self.0.store(field.0, Ordering::Relaxed);
        Some(field)
    }
}

#[cfg(test)]
mod tests {
    use super::super::ranges::What;
    use super::*;
    use concert_model::{Batch, EventId, ProblemKey};

    fn ranges() -> [Option<Ranges>; 2] {
        let read = |what, text: &str| Some(Ranges::read(what, &[("t.csv", text.as_bytes())], &mut Vec::new()));
        let asn =
            "192.0.2.0,192.0.2.255,64500,Example Net\n198.51.100.0,198.51.100.9,64501,\n2001:db8::,2001:db8::ff,1,\n";
        [read(What::Asn, asn), read(What::Country, "192.0.2.0,192.0.2.255,FI\n198.51.100.0,198.51.100.9,SE\n")]
    }

    fn lookup() -> Lookup {
        let [asn, country] = ranges();
        Lookup::new(asn, country)
    }

    #[test]
    fn a_question_is_answered_as_an_event_is() {
        let [asn, country] = ranges();
        let (joined, apart) = (lookup(), Lookup::for_questions(asn, country));
        for address in ["192.0.2.1", "::ffff:192.0.2.1", "198.51.100.9", "198.51.100.10", "2001:db8::1", "2001:db8:1::"]
        {
            let address = address.parse().unwrap();
            let answers = [&joined, &apart].map(|lookup| {
                let Found { asn, network, country } = lookup.find(address);
                (asn.map(|(number, name)| (number, name.to_owned())), network, country)
            });
            assert_eq!(answers[0], answers[1], "{address}");
        }
    }

    fn check(given: &[(&str, &str)], want: &str) {
        let lookup = lookup();
        let mut batch = Batch::new();
        // The second event finds the numbers of extra names remembered from the first.
        for _ in 0..2 {
            let mut event = batch.open();
            for (field, text) in given {
                let field = event.field(field).unwrap();
                event.read(field, text, None).unwrap();
            }
            lookup.enrich(&mut event);
            event.keep(EventId::default(), ProblemKey::default(), 1);
            let mut out = Vec::new();
            concert_model::json::write_members(&batch.iter().last().unwrap(), &mut out);
            assert_eq!(String::from_utf8(out).unwrap().replace('"', ""), want, "{given:?}");
        }
    }

    #[test]
    fn what_we_know_of_an_address_is_set_on_both_sides() {
        check(
            &[("source.ip", "192.0.2.1")],
            ",source.as_name:Example Net,source.asn:64500,source.geolocation.cc:FI,source.ip:192.0.2.1,\
             source.network:192.0.2.0/24",
        );
        check(
            &[("destination.ip", "198.51.100.1")],
            ",destination.asn:64501,destination.geolocation.cc:SE,destination.ip:198.51.100.1",
        );
    }

    #[test]
    fn without_an_address_that_of_the_url_is_looked_up_or_the_network() {
        check(
            &[("source.url", "http://192.0.2.1:8080/x")],
            ",source.as_name:Example Net,source.asn:64500,source.geolocation.cc:FI,source.network:192.0.2.0/24,\
             source.url:http://192.0.2.1:8080/x",
        );
        check(
            &[("source.network", "192.0.2.32/27")],
            ",source.as_name:Example Net,source.asn:64500,source.geolocation.cc:FI,source.network:192.0.2.32/27",
        );
        check(&[("destination.network", "192.0.2.0/23")], ",destination.network:192.0.2.0/23");
        check(&[("source.url", "http://a.example/192.0.2.1")], ",source.url:http://a.example/192.0.2.1");
    }

    #[test]
    fn our_answer_wins_and_what_was_reported_is_kept() {
        check(
            &[("source.ip", "192.0.2.1"), ("source.asn", "1"), ("source.geolocation.cc", "SE")],
            ",source.as_name:Example Net,source.asn:64500,source.geolocation.cc:FI,source.ip:192.0.2.1,\
             source.network:192.0.2.0/24,extra.reported_asn:1,extra.reported_cc:SE",
        );
        check(
            &[("destination.ip", "198.51.100.1"), ("destination.asn", "7"), ("destination.as_name", "Other")],
            ",destination.asn:64501,destination.geolocation.cc:SE,destination.ip:198.51.100.1,\
             extra.reported_destination_asn:7,extra.reported_destination_as_name:Other",
        );
    }

    #[test]
    fn without_an_answer_the_report_stands() {
        check(&[("source.ip", "203.0.113.1"), ("source.asn", "1")], ",source.asn:1,source.ip:203.0.113.1");
        check(&[("source.fqdn", "a.example")], ",source.fqdn:a.example");
    }
}
