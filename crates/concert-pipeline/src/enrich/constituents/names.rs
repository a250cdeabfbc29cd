//! Domains of all parties: the longest name that counts for a name or any above it.

use concert_model::Party;
use concert_model::address::is_below;
use hashbrown::HashMap;

use super::nobody::is_within_site;
use super::without_star;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Claim {
    /// The name and all below.
    Whole(u32),
    /// Only names below.
    Below(u32),
    /// The name of a host within a site: what is below it may be a zone of the Internet.
    Alone(u32),
    /// Not this party's, although a name above is.
    Excluded(u32),
}

/// Whether a domain of a party stands for itself alone: the name of a host within a site, while what is below it may be a
/// zone of the Internet.
pub fn stands_alone(domain: &str) -> bool {
    !domain.contains('.') && !is_within_site(domain)
}

/// Whether a domain of a party (`example.net`, `*.example.net` for the names below it alone) stands for a name.
pub fn covers(domain: &str, name: &str) -> bool {
    match domain.strip_prefix("*.") {
        Some(above) => name != above && is_below(name, &[above]),
        None => name == domain || !stands_alone(domain) && is_below(name, &[domain]),
    }
}

#[derive(Debug, Default)]
pub(super) struct Names {
    claims: HashMap<String, Vec<Claim>>,
}

impl Names {
    pub(super) fn new(parties: &[Party]) -> Self {
        let mut names = Names::default();
        for (number, party) in (0u32..).zip(parties) {
            for domain in &party.domains {
                match domain.strip_prefix("*.") {
                    Some(above) => names.add(above, Claim::Below(number)),
                    None if stands_alone(domain) => names.add(domain, Claim::Alone(number)),
                    None => names.add(domain, Claim::Whole(number)),
                }
            }
            for domain in &party.excluded_domains {
                names.add(without_star(domain), Claim::Excluded(number));
            }
        }
        // Exclusions come first, so that one walk up a name meets them before what they take away.
        for claims in names.claims.values_mut() {
            claims.sort_by_key(|claim| !matches!(claim, Claim::Excluded(_)));
        }
        names
    }

    fn add(&mut self, name: &str, claim: Claim) {
        self.claims.entry_ref(name).or_default().push(claim);
    }

    /// The parties that have excluded a name or one above it.
    pub(super) fn excluded(&self, name: &str) -> Vec<u32> {
        let above = std::iter::successors(Some(name), |name| Some(name.split_once('.')?.1));
        let claims = above.filter(|_| !self.claims.is_empty()).filter_map(|name| self.claims.get(name)).flatten();
        claims.filter_map(|claim| if let Claim::Excluded(party) = claim { Some(*party) } else { None }).collect()
    }

    /// The party whose name is the longest of those that count, with that name.
    pub(super) fn find(&self, name: &str) -> Option<(u32, &str)> {
        if self.claims.is_empty() {
            return None;
        }
        let mut excluded: Vec<u32> = Vec::new();
        let mut rest = name;
        loop {
            if let Some((known, claims)) = self.claims.get_key_value(rest) {
                for claim in claims {
                    match claim {
                        Claim::Excluded(party) => excluded.push(*party),
                        Claim::Below(_) if rest.len() == name.len() => {}
                        Claim::Alone(_) if rest.len() != name.len() => {}
                        Claim::Whole(party) | Claim::Below(party) | Claim::Alone(party)
                            if !excluded.contains(party) =>
                        {
                            return Some((*party, known));
                        }
                        Claim::Whole(_) | Claim::Below(_) | Claim::Alone(_) => {}
                    }
                }
            }
            rest = rest.split_once('.')?.1;
        }
    }
}
