//! Who holds something of a value and does not answer for it, for people who ask why. It looks at every party, so it
//! is for questions and not for events.

use concert_model::{Net, Party};

use super::zones::country_of;
use super::{ANYWHERE, By, Constituents, Found, Subject, covers, without_star};
use crate::enrich::lookup::Lookup;

impl Constituents {
    /// The parties beside the one that decides, the first that was found, which hold a value too, in their order, each
    /// with why it is passed over.
    pub fn passed_over(&self, value: &str, first: Option<Found<'_>>, lookup: &Lookup) -> Vec<(&Party, String)> {
        let Some(subject) = Subject::read(value) else { return Vec::new() };
        let others = (0u32..).zip(&self.parties).filter(|(number, _)| first.is_none_or(|one| one.party != *number));
        match subject {
            Subject::Name(name) => {
                others.filter_map(|(_, party)| Some((party, self.of_name(party, &name, first)?))).collect()
            }
            subject => {
                let place = Place::new(&subject, lookup);
                others.filter_map(|(_, party)| Some((party, self.of_place(party, &place, first)?))).collect()
            }
        }
    }

    /// That another party decides in place of one that holds the value by something of its own.
    pub fn instead(&self, own: By<'_>, first: Found<'_>) -> String {
        let name = self.party(first.party).map_or("", |party| &party.name);
        match own == first.by {
            true => format!("{own}, but `{name}` with the same is listed first"),
            false => format!("{own}, but {} of `{name}` decides", first.by),
        }
    }

    fn of_place(&self, party: &Party, place: &Place, first: Option<Found<'_>>) -> Option<String> {
        let narrowest = |nets: &[Net], holds: &dyn Fn(&Net) -> bool| {
            nets.iter().filter(|net| holds(net)).max_by_key(|net| net.prefix()).copied()
        };
        let own = place.net.and_then(|net| narrowest(&party.prefixes, &|wide| wide.contains_net(&net)));
        let excluded =
            place.net.and_then(|net| narrowest(&party.excluded_prefixes, &|wide| wide.contains(net.first())));
        if let Some(own) = own {
            return match excluded.filter(|excluded| excluded.prefix() >= own.prefix()) {
                Some(excluded) => Some(format!("it excluded {excluded} of its network {own}")),
                None => Some(self.instead(By::Prefix(own), first?)),
            };
        }
        if let Some(part) = place.net.and_then(|net| part(party, &net)) {
            return Some(part);
        }
        let by_asn = place.asn.filter(|asn| party.asns.contains(asn)).map(By::Asn);
        let by_country = || place.country.filter(|code| has_country(party, code)).map(By::Country);
        let is_anywhere = !place.is_reserved && party.countries.iter().any(|own| own == ANYWHERE);
        let by = by_asn.or_else(by_country).or_else(|| is_anywhere.then_some(By::Anywhere))?;
        match excluded {
            Some(excluded) => Some(format!("it excluded {excluded}, so its {by} does not count")),
            None => Some(self.instead(by, first?)),
        }
    }

    fn of_name(&self, party: &Party, name: &str, first: Option<Found<'_>>) -> Option<String> {
        let holds = |domain: &&String| {
            let above = without_star(domain);
            name.strip_suffix(above).is_some_and(|below| below.is_empty() || below.ends_with('.'))
        };
        let longest =
            |domains: &mut dyn Iterator<Item = &String>| domains.max_by_key(|one| without_star(one).len()).cloned();
        let Some(own) = longest(&mut party.domains.iter().filter(|domain| covers(domain, name))) else {
            let excluded = longest(&mut party.excluded_domains.iter().filter(holds));
            if let Some(by) = country_of(name).filter(|code| has_country(party, code)).map(By::Country) {
                return match excluded {
                    Some(excluded) => Some(format!("it excluded {excluded}, so its {by} does not count")),
                    None => Some(self.instead(by, first?)),
                };
            }
            if let Some(below) = longest(&mut party.domains.iter().filter(holds)) {
                let what = if below.starts_with("*.") { "the names below it" } else { "that name" };
                return Some(format!("domain {below} stands for {what} alone"));
            }
            let is_anywhere = party.countries.iter().any(|own| own == ANYWHERE);
            return first.filter(|_| is_anywhere).map(|first| self.instead(By::Anywhere, first));
        };
        let excluded = longest(&mut party.excluded_domains.iter().filter(holds));
        let excluded = excluded.filter(|excluded| without_star(excluded).len() >= without_star(&own).len());
        match excluded {
            Some(excluded) => Some(format!("it excluded {excluded} of its domain {own}")),
            None => Some(self.instead(By::Domain(without_star(&own)), first?)),
        }
    }
}

fn has_country(party: &Party, code: &[u8; 2]) -> bool {
    party.countries.iter().any(|own| own.as_bytes().eq_ignore_ascii_case(code))
}

/// Parts told one by one.
const PARTS_MAX: usize = 3;

/// Which parts of a network are a party's own.
fn part(party: &Party, net: &Net) -> Option<String> {
    let is_theirs = |own: &&Net| !party.excluded_prefixes.iter().any(|not| not.contains_net(own));
    let parts: Vec<&Net> = party.prefixes.iter().filter(|own| net.contains_net(own)).filter(is_theirs).collect();
    let told: Vec<String> = parts.iter().take(PARTS_MAX).map(ToString::to_string).collect();
    let more = match parts.len().saturating_sub(PARTS_MAX) {
        0 => String::new(),
        more => format!(" and {more} more networks"),
    };
    (!told.is_empty()).then(|| format!("it holds {}{more} of it", told.join(", ")))
}

/// Where an address, network or AS number stands.
struct Place {
    net: Option<Net>,
    asn: Option<u32>,
    country: Option<[u8; 2]>,
    is_reserved: bool,
}

impl Place {
    fn new(subject: &Subject<'_>, lookup: &Lookup) -> Self {
        let is_reserved = subject.nobodys().is_some();
        let net = match subject {
            Subject::Asn(asn) => return Self { net: None, asn: Some(*asn), country: None, is_reserved },
            Subject::Name(_) => None,
            Subject::Net(net) => Some(*net),
            Subject::Address(address) => {
                let address = address.to_canonical();
                Net::new(address, if address.is_ipv4() { 32 } else { 128 })
            }
        };
        // Space that nobody can own lies in no AS and no country.
        let known = net.filter(|_| !is_reserved).map(|net| lookup.find_net(&net));
        let asn = known.as_ref().and_then(|known| known.asn).map(|(asn, _)| asn);
        Self { net, asn, country: known.and_then(|known| known.country), is_reserved }
    }
}
