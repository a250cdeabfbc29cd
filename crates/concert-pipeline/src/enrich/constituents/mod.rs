//! Who is responsible for an event: the constituents of the site, found through indexes.
//!
//! The most specific network of `source.ip` decides; then the domain of `source.fqdn` or of the host of
//! `source.url`, the longest name first; then `source.asn`; then the
//! country, where no address is known that of the name's last label. `source.reverse_dns` decides nothing: whoever runs
//! the reverse zone may write any name into it. What a party has excluded never falls to it, not by
//! its AS or country either. Where two parties have the same network, name, AS or country, the one listed first answers.
//!
//! What nobody can own (private space, `localhost`, ...) falls to a party that claims it alone.
//!
//! An event costs the same with ten parties and with ten thousand.

mod claims;
mod file;
mod items;
mod json;
mod names;
mod networks;
mod nobody;
mod passed;
mod sheet;
#[cfg(test)]
mod tests;
mod written;
mod zones;

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

use concert_model::batch::Raw;
use concert_model::{Event, Field, Kind, Net, Party, Value, host};
use hashbrown::HashMap;

use super::lookup::{Found as Known, Lookup};
use crate::registry::reserved;
use names::Names;
use networks::Networks;

pub use claims::about;
pub use file::{Against, COLUMNS, read_csv, read_csv_for, write_csv};
pub use items::Wrong;
pub use json::{read_json, read_json_for, write_json, write_ndjson};
pub use names::{covers, stands_alone};
pub(crate) use nobody::{nobodys, reserved_asn};

/// Who is responsible, and why.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Found<'a> {
    /// Index of the party.
    pub party: u32,
    /// What of the party's it was.
    pub by: By<'a>,
}

/// What of a party's made it responsible.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum By<'a> {
    /// One of its networks.
    Prefix(Net),
    /// One of its domains.
    Domain(&'a str),
    /// One of its AS numbers.
    Asn(u32),
    /// One of its countries.
    Country([u8; 2]),
    /// That it answers for whatever is left, whatever the country: `*` among its countries.
    Anywhere,
}

impl By<'_> {
    /// The rule by which the first party was chosen for a value, for people.
    pub fn rule(&self, of: &Subject<'_>) -> &'static str {
        match (self, of) {
            (By::Prefix(_), _) => "the most specific network that covers it",
            (By::Domain(_), _) => "the longest domain that covers it",
            (By::Asn(_), Subject::Asn(_)) => "the AS number",
            (By::Asn(_), Subject::Net(_)) => "the AS number, because no network covers all of it",
            (By::Asn(_), _) => "the AS number, because no network or domain decides",
            (By::Country(_), Subject::Name(_)) => {
                "the country of the last label, because nothing more specific decides"
            }
            (By::Country(_), _) => "the country, because nothing more specific decides",
            (By::Anywhere, _) => "any country, because no team is known for the one that it lies in",
        }
    }
}

impl fmt::Display for By<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            By::Prefix(net) => write!(f, "network {net}"),
            By::Domain(name) => write!(f, "domain {name}"),
            By::Asn(asn) => write!(f, "AS{asn}"),
            By::Country([a, b]) => write!(f, "country {}{}", char::from(*a), char::from(*b)),
            By::Anywhere => f.write_str("any country"),
        }
    }
}

/// What a bare value is, that somebody may answer for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Subject<'v> {
    /// An address, also as the host of a URL.
    Address(IpAddr),
    /// A network.
    Net(Net),
    /// An AS number.
    Asn(u32),
    /// A domain name, also of a URL or mail address.
    Name(Cow<'v, str>),
}

impl<'v> Subject<'v> {
    /// Reads an address, network, AS number, domain, URL or mail address; `None` for anything else.
    pub fn read(value: &'v str) -> Option<Self> {
        let value = value.trim();
        if let Some((host, _)) = host::url_host(value) {
            return Some(match host {
                host::Host::Ip(address) => Self::Address(address),
                host::Host::Domain(name) => Self::Name(name),
            });
        }
        if let Ok(address) = concert_model::value::ip(value) {
            return Some(Self::Address(address));
        }
        if let Ok(net) = value.parse() {
            return Some(Self::Net(net));
        }
        if let Ok(Value::Int(asn)) = Value::read(Kind::Asn, value, None) {
            return Some(Self::Asn(u32::try_from(asn).unwrap_or(0)));
        }
        // Numbers that no AS has, and so no event, are no names either.
        let number = value.get(..2).filter(|start| start.eq_ignore_ascii_case("as")).and_then(|_| value.get(2..));
        if let Some(asn) = number.and_then(|digits| digits.parse().ok()) {
            return Some(Self::Asn(asn));
        }
        let name = value.rsplit_once('@').map_or(value, |(_, domain)| domain);
        host::domain(name).ok().map(Self::Name)
    }

    /// The first and last address of an address or network.
    pub fn span(&self) -> Option<(IpAddr, IpAddr)> {
        match self {
            Self::Address(address) => Some((*address, *address)),
            Self::Net(net) => Some((net.first(), net.last())),
            Self::Asn(_) | Self::Name(_) => None,
        }
    }
}

/// Who answers for a bare value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Who<'a> {
    /// All that answer for it, best first, each party once.
    pub found: Vec<Found<'a>>,
    /// Why nobody does; empty when somebody does.
    pub reason: String,
}

/// The constituents of a site, indexed.
#[derive(Debug, Default)]
pub struct Constituents {
    parties: Vec<Party>,
    networks: Networks,
    names: Names,
    asns: HashMap<u32, Vec<u32>>,
    countries: HashMap<[u8; 2], Vec<u32>>,
    /// Those that answer for whatever is left.
    anywhere: Vec<u32>,
    by_name: HashMap<Box<str>, usize>,
}

/// Stands among the countries of a team that answers where no team of the country does.
pub const ANYWHERE: &str = "*";

/// A domain as it is written, without what says that only the names below are meant.
fn without_star(domain: &str) -> &str {
    domain.strip_prefix("*.").unwrap_or(domain)
}

/// The address an event is about: its own, or that in its URL.
pub fn address(event: &Event<'_>) -> Option<IpAddr> {
    if let Some(Raw::Ip(address)) = event.raw(Field::SOURCE_IP) {
        return Some(address);
    }
    match host::url_host(&event.text(Field::SOURCE_URL)?)?.0 {
        host::Host::Ip(address) => Some(address),
        host::Host::Domain(_) => None,
    }
}

/// The name behind the `@` of the account that an event is about, where it tells no address, network or name besides:
/// then the mail address is all that it is about.
fn account_name<'e>(event: &Event<'e>) -> Option<Cow<'e, str>> {
    const NEARER: [Field; 5] =
        [Field::SOURCE_IP, Field::SOURCE_NETWORK, Field::SOURCE_FQDN, Field::SOURCE_URL, Field::SOURCE_REVERSE_DNS];
    if NEARER.iter().any(|field| event.get(*field).is_some()) {
        return None;
    }
    let account = event.text(Field::SOURCE_ACCOUNT)?;
    let (_, name) = account.rsplit_once('@')?;
    host::domain(name).ok().map(|name| name.into_owned().into())
}

impl Constituents {
    /// Indexes these parties.
    pub fn new(parties: Vec<Party>) -> Self {
        let mut asns: HashMap<u32, Vec<u32>> = HashMap::new();
        let mut countries: HashMap<[u8; 2], Vec<u32>> = HashMap::new();
        let mut anywhere = Vec::new();
        for (number, party) in (0u32..).zip(&parties) {
            for asn in &party.asns {
                asns.entry(*asn).or_default().push(number);
            }
            if party.countries.iter().any(|code| code == ANYWHERE) {
                anywhere.push(number);
            }
            for code in &party.countries {
                if let Ok(code) = <[u8; 2]>::try_from(code.as_bytes()) {
                    countries.entry(code.map(|letter| letter.to_ascii_uppercase())).or_default().push(number);
                }
            }
        }
        let by_name = parties.iter().enumerate().map(|(at, party)| (party.name.as_str().into(), at)).collect();
        let (networks, names) = (Networks::new(&parties), Names::new(&parties));
        Self { networks, names, asns, countries, anywhere, by_name, parties }
    }

    /// The parties in the order they were given.
    pub fn parties(&self) -> &[Party] {
        &self.parties
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.parties.is_empty()
    }

    /// The party of this name.
    pub fn named(&self, name: &str) -> Option<&Party> {
        self.parties.get(*self.by_name.get(name)?)
    }

    /// The party with an index.
    pub fn party(&self, index: u32) -> Option<&Party> {
        self.parties.get(index as usize)
    }

    /// Fetches what the source addresses (IPv4) of a few events will need, for all of them at once.
    pub fn look_ahead(&self, addresses: &[u32]) {
        if !self.is_empty() {
            let parties = self.networks.look_ahead(addresses);
            let names: Vec<&str> =
                parties.iter().filter_map(|party| self.party(*party)).map(|party| &*party.name).collect();
            let first = names.iter().filter_map(|name| name.as_bytes().first());
            std::hint::black_box(first.fold(0, |sum: u8, byte| sum.wrapping_add(*byte)));
        }
    }

    /// Who is responsible for an event.
    pub fn responsible(&self, event: &Event<'_>) -> Option<Found<'_>> {
        self.responsible_for(event, address(event))
    }

    /// The same where the address is known already.
    pub(super) fn responsible_for(&self, event: &Event<'_>, address: Option<IpAddr>) -> Option<Found<'_>> {
        self.responsible_at(event, address).or_else(|| self.responsible_by_name(event, address))
    }

    /// Who is responsible by anything but the country that a name lies in.
    pub(super) fn responsible_at(&self, event: &Event<'_>, address: Option<IpAddr>) -> Option<Found<'_>> {
        let (net, excluded) = match address {
            Some(address) => self.networks.find(address),
            None => match event.get(Field::SOURCE_NETWORK) {
                Some(Value::Net(net)) => self.networks.find_net(&net),
                _ => (None, [].as_slice()),
            },
        };
        if let Some((net, party)) = net {
            return Some(Found { party, by: By::Prefix(net) });
        }
        let url = event.text(Field::SOURCE_URL);
        let host = url.as_deref().and_then(host::url_host).map(|(host, _)| host);
        let name = event.text(Field::SOURCE_FQDN);
        let by_name = name.and_then(|name| self.by_name(&name)).or_else(|| match &host {
            Some(host::Host::Domain(name)) => self.by_name(name),
            _ => None,
        });
        if let Some(found) = by_name.or_else(|| account_name(event).and_then(|name| self.by_name(&name))) {
            return Some(found);
        }
        let asn = event.int(Field::SOURCE_ASN).and_then(|asn| u32::try_from(asn).ok());
        let found = asn.and_then(|asn| self.by_asn(asn, excluded).next());
        // What nobody can own falls to a party that claims it; an AS number that is nobody's either is such a claim.
        if nobodys(event, address).is_some() {
            return found.filter(|_| asn.is_some_and(|asn| reserved_asn(asn).is_some()));
        }
        let code = event.text(Field::SOURCE_GEOLOCATION_CC).and_then(|code| <[u8; 2]>::try_from(code.as_bytes()).ok());
        found.or_else(|| code.and_then(|code| self.by_country(code, excluded).next()))
    }

    /// Who answers for the country that the name of an event lies in, `GB` for `www.shop.co.uk`: for
    /// events of which no address is known.
    pub(super) fn responsible_by_name(&self, event: &Event<'_>, address: Option<IpAddr>) -> Option<Found<'_>> {
        self.all_by_name(event, address).into_iter().next()
    }

    /// Everybody who does, in the order they were given.
    fn all_by_name(&self, event: &Event<'_>, address: Option<IpAddr>) -> Vec<Found<'_>> {
        if self.countries.is_empty() || address.is_some() || nobodys(event, None).is_some() {
            return Vec::new();
        }
        let url = event.text(Field::SOURCE_URL);
        let name = event.text(Field::SOURCE_FQDN).or_else(|| match url.as_deref().and_then(host::url_host)?.0 {
            host::Host::Domain(name) => Some(Cow::<str>::Owned(name.into_owned())),
            host::Host::Ip(_) => None,
        });
        let excluded = match event.raw(Field::SOURCE_NETWORK) {
            Some(Raw::Net(net)) => self.networks.find_net(&net).1,
            _ => &[],
        };
        let Some(name) = name.or_else(|| account_name(event)) else { return Vec::new() };
        self.by_zone(&name).filter(|found| !excluded.contains(&found.party)).collect()
    }

    /// Everybody who answers for the country of an event, then of its name, then wherever it is, each in the order they
    /// were given.
    pub(super) fn all_at_last(&self, event: &Event<'_>, address: Option<IpAddr>) -> Vec<Found<'_>> {
        let excluded = address.map(|address| self.networks.find(address).1).unwrap_or_default();
        let code = event.text(Field::SOURCE_GEOLOCATION_CC).and_then(|code| <[u8; 2]>::try_from(code.as_bytes()).ok());
        let mut found: Vec<Found<'_>> = code.into_iter().flat_map(|code| self.by_country(code, excluded)).collect();
        found.extend(self.all_by_name(event, address));
        found.extend(self.by_anywhere(excluded));
        found
    }

    /// Who answers for an event wherever it is.
    pub(super) fn responsible_anywhere(&self, address: Option<IpAddr>) -> Option<Found<'_>> {
        self.by_anywhere(address.map(|address| self.networks.find(address).1).unwrap_or_default()).next()
    }

    /// Who answers for the country of a domain's last label.
    fn by_zone(&self, name: &str) -> impl Iterator<Item = Found<'_>> {
        let code = Some(name).filter(|_| !self.countries.is_empty()).and_then(zones::country_of);
        let excluded = code.map(|_| self.names.excluded(name)).unwrap_or_default();
        let parties = code.and_then(|code| Some((code, self.countries.get(&code)?)));
        parties.into_iter().flat_map(move |(code, parties)| {
            let excluded = excluded.clone();
            let own = parties.iter().filter(move |party| !excluded.contains(party));
            own.map(move |party| Found { party: *party, by: By::Country(code) })
        })
    }

    /// Who answers for a bare value in the last resort: also wherever it is.
    pub fn who_at_last(&self, value: &str, lookup: &Lookup) -> Vec<Found<'_>> {
        let mut found = self.who(value, lookup).found;
        let Some(subject) = Subject::read(value) else { return found };
        let first = subject.span().map(|(first, _)| first);
        if subject.nobodys().is_none() {
            let excluded = first.map(|first| self.networks.find(first).1).unwrap_or_default();
            for other in self.by_anywhere(excluded) {
                if !found.iter().any(|one| one.party == other.party) {
                    found.push(other);
                }
            }
        }
        found
    }

    /// Who answers for a bare address, network, AS number, domain, URL or mail address. `lookup` tells
    /// the AS and country of addresses.
    pub fn who(&self, value: &str, lookup: &Lookup) -> Who<'_> {
        let mut found = Vec::new();
        let subject = Subject::read(value);
        let nobodys = subject.as_ref().and_then(Subject::nobodys);
        let about = match subject {
            Some(Subject::Address(address)) => self.who_address(address, lookup, &mut found),
            Some(Subject::Net(net)) => {
                let is_own = |(wide, party): &(Net, u32)| !self.has_excluded(*party, wide, net.first());
                let covering = self.networks.covering(&net).filter(is_own);
                found.extend(covering.map(|(net, party)| Found { party, by: By::Prefix(net) }));
                let about = match nobodys {
                    None => {
                        let excluded = self.networks.find(net.first()).1;
                        self.who_origin(&lookup.find_net(&net), excluded, &mut found)
                    }
                    Some(_) => String::new(),
                };
                format!("the network {net}{about}")
            }
            Some(Subject::Asn(asn)) => {
                found.extend(self.by_asn(asn, &[]));
                format!("AS{asn}")
            }
            Some(Subject::Name(name)) => {
                found.extend(self.by_name(&name));
                if nobodys.is_none() {
                    found.extend(self.by_zone(&name));
                }
                name.into_owned()
            }
            None => {
                let value = value.trim();
                let reason = format!("`{value}` is no address, network, AS number, domain or URL");
                return Who { found, reason };
            }
        };
        let mut seen = Vec::new();
        found.retain(|one| {
            !seen.contains(&one.party) && {
                seen.push(one.party);
                true
            }
        });
        let reason = match (found.is_empty(), nobodys) {
            (false, _) => String::new(),
            (true, None) => format!("no party answers for {about}"),
            (true, Some(what)) => format!("no party answers for {about}, {what}"),
        };
        Who { found, reason }
    }

    fn who_address<'a>(&'a self, address: IpAddr, lookup: &Lookup, found: &mut Vec<Found<'a>>) -> String {
        let (net, excluded) = self.networks.find(address);
        found.extend(net.map(|(net, party)| Found { party, by: By::Prefix(net) }));
        if reserved(address).is_some() {
            return address.to_string();
        }
        let about = self.who_origin(&lookup.find(address), excluded, found);
        format!("{address}{about}")
    }

    /// Adds who answers for the AS and country that something lies in.
    fn who_origin<'a>(&'a self, known: &Known<'_>, excluded: &[u32], found: &mut Vec<Found<'a>>) -> String {
        let mut about = Vec::new();
        if let Some((asn, _)) = known.asn {
            found.extend(self.by_asn(asn, excluded));
            about.push(format!("AS{asn}"));
        }
        if let Some(code) = known.country {
            found.extend(self.by_country(code, excluded));
            about.push(String::from_utf8_lossy(&code).into_owned());
        }
        if about.is_empty() { String::new() } else { format!(" ({})", about.join(", ")) }
    }

    /// Whether a party has excluded an address of one of its networks.
    fn has_excluded(&self, party: u32, net: &Net, address: IpAddr) -> bool {
        let excluded = self.party(party).map(|party| party.excluded_prefixes.as_slice()).unwrap_or_default();
        excluded.iter().any(|excluded| excluded.prefix() >= net.prefix() && excluded.contains(address))
    }

    fn by_name(&self, name: &str) -> Option<Found<'_>> {
        let (party, domain) = self.names.find(name)?;
        Some(Found { party, by: By::Domain(domain) })
    }

    fn by_asn(&self, asn: u32, excluded: &[u32]) -> impl Iterator<Item = Found<'_>> {
        let parties = self.asns.get(&asn).map(Vec::as_slice).unwrap_or_default();
        parties
            .iter()
            .filter(|party| !excluded.contains(party))
            .map(move |party| Found { party: *party, by: By::Asn(asn) })
    }

    fn by_anywhere(&self, excluded: &[u32]) -> impl Iterator<Item = Found<'_>> {
        let parties = self.anywhere.iter().filter(|party| !excluded.contains(party));
        parties.map(|party| Found { party: *party, by: By::Anywhere })
    }

    fn by_country(&self, code: [u8; 2], excluded: &[u32]) -> impl Iterator<Item = Found<'_>> {
        let parties = self.countries.get(&code).map(Vec::as_slice).unwrap_or_default();
        parties
            .iter()
            .filter(|party| !excluded.contains(party))
            .map(move |party| Found { party: *party, by: By::Country(code) })
    }
}
