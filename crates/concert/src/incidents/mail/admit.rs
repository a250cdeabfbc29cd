//! Whether something may go to a party: marking, identity of neighbours, released evidence.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use concert_model::Problem;
use concert_model::incident::fold::{Incident, Letter};
use concert_model::incident::mail::Attached;
use concert_model::incident::marking::{Marking, Tlp};
use concert_pipeline::mail::address::canonical;
use concert_pipeline::observables::{Kind, observables, one, spans};
use icu_normalizer::ComposingNormalizerBorrowed;

use super::super::report::REPORTER;
use super::super::write::{absent, wrong};
use super::super::{Refused, evidence};
use super::names::{Folded, Names};

/// How a message to a party is marked; the error says why the marking does not admit the party.
pub(super) fn marking_for(party: &str, marking: &Marking) -> Result<Marking, Refused> {
    let refused = |why: String| {
        let hint = "mark the message less strictly (`--tlp`), which takes who may do so, or leave it";
        Err(Refused::Wrong(Problem::new(format!("it does not go to {party}: {why}")).hint(hint)))
    };
    if !marking.compartment.is_empty() {
        return refused(format!("it lies in the compartment {}", marking.compartment));
    }
    match marking.tlp {
        Tlp::Red => return refused("TLP:RED is for the named persons only".into()),
        Tlp::AmberStrict => return refused("TLP:AMBER+STRICT stays within the site".into()),
        Tlp::Amber if !marking.parties.is_empty() && !marking.parties.iter().any(|one| one == party) => {
            return refused(format!("it is for {}", marking.parties.join(", ")));
        }
        Tlp::Amber => {}
        Tlp::Green | Tlp::Clear => return Ok(marking.clone()),
    }
    Ok(Marking { parties: vec![party.to_owned()], ..marking.clone() })
}

/// Parties that a party may know by name besides itself: by a host whose identity was released to it.
pub(in crate::incidents) fn known<'i>(state: &'i Incident, party: &str) -> BTreeSet<&'i str> {
    let told = state.named.iter().filter(|(_, to)| to == party);
    told.filter_map(|(host, _)| state.hosts.get(host)).map(String::as_str).collect()
}

/// Whom a party may not know by name: hosts next to its own, the parties that they belong to, and others; and the mail
/// addresses of those parties, and of whoever reported it, as far as the incident has written to them or they to it.
pub(in crate::incidents) struct Strangers<'i> {
    /// By the form in which they are found in texts.
    hosts: BTreeMap<String, &'i str>,
    mails: BTreeMap<String, &'i str>,
    names: Names<'i>,
    /// Hosts that it may know, in the same form: what they have in common with others says nothing of these.
    own: BTreeSet<String>,
}

impl<'i> Strangers<'i> {
    /// Those of a party, as far as they have to do with it, and of the others those that it may not know.
    pub(in crate::incidents) fn of(state: &'i Incident, party: &str, others: impl Iterator<Item = &'i str>) -> Self {
        let known = known(state, party);
        let knows = |name: &str| name == party || known.contains(name);
        let told: BTreeSet<&str> =
            state.named.iter().filter(|(_, to)| to == party).map(|(host, _)| host.as_str()).collect();
        let owner_of = |host: &str| state.hosts.get(host).map(String::as_str);
        let may_know = |host: &str| owner_of(host) == Some(party) || told.contains(host);
        let ends = state.relations.iter().flat_map(|relation| [relation.from.as_str(), relation.to.as_str()]);
        let hosts: BTreeSet<&str> = ends.filter(|host| !may_know(host)).collect();
        let owners = hosts.iter().filter_map(|host| owner_of(host)).chain(others).filter(|owner| !knows(owner));
        let owners: BTreeSet<&str> = owners.collect();
        let own: BTreeSet<String> = state.conversation(party).flat_map(written).map(canonical).collect();
        let is_of = |letter: &&Arc<Letter>| {
            let of = letter.message.party.as_str();
            of != party && (of == REPORTER || owners.contains(of))
        };
        let mails = state.messages.iter().filter(is_of).flat_map(written).map(|mail| (canonical(mail), mail));
        let mails = mails.filter(|(form, _)| !form.is_empty() && !own.contains(form)).collect();
        let names = hosts.iter().copied().chain(owners).collect();
        let hosts = hosts.iter().map(|host| (plain(host), *host)).collect();
        let domains = own.iter().filter_map(|mail| mail.rsplit_once('@')).map(|(_, domain)| domain.to_owned());
        let own = state.hosts.keys().filter(|host| may_know(host)).map(|host| plain(host)).chain(domains).collect();
        Self { hosts, mails, names, own }
    }

    /// The first of them that lies in a network or a range that a text names, unless a host that it may know lies there too.
    fn in_network(&self, text: &str) -> Option<&'i str> {
        let address = |host: &String| host.parse::<IpAddr>().ok();
        let text = ComposingNormalizerBorrowed::new_nfkc().normalize(text);
        spans(&text).into_iter().find_map(|span| {
            let is_own = self.own.iter().filter_map(address).any(|own| span.has(own));
            let is_in = |(host, _): &(&String, &&str)| address(host).is_some_and(|host| span.has(host));
            self.hosts.iter().filter(|_| !is_own).find(is_in).map(|(_, host)| *host)
        })
    }

    /// The same of domains: `example.net` is that of `www.example.net`.
    fn in_domain(&self, named: &BTreeSet<String>) -> Option<&'i str> {
        let is_below = |host: &str, domain: &str| host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
        named.iter().filter(|domain| domain.parse::<IpAddr>().is_err()).find_map(|domain| {
            let is_own = self.own.iter().any(|own| own == domain || is_below(own, domain));
            self.hosts.iter().filter(|_| !is_own).find(|(host, _)| is_below(host, domain)).map(|(_, host)| *host)
        })
    }

    /// The first of them that a text names.
    pub(in crate::incidents) fn named_in(&self, text: &str) -> Option<&'i str> {
        let named = hosts_in(text);
        let host = named.iter().find_map(|host| self.hosts.get(host).copied());
        let host = host.or_else(|| self.in_network(text)).or_else(|| self.in_domain(&named));
        let mail = || mails_in(text).iter().find_map(|mail| self.mails.get(mail).copied());
        host.or_else(mail).or_else(|| self.names.first_in(&Folded::of(text)))
    }
}

/// Whether a text names a host of another party that was not released to this one.
pub(in crate::incidents) fn names_host_of_others(state: &Incident, party: &str, text: &str) -> bool {
    let named = hosts_in(text);
    let is_hidden = |(host, owner): (&String, &String)| {
        owner != party && !state.named.contains(&(host.clone(), party.to_owned())) && named.contains(&plain(host))
    };
    state.hosts.iter().any(is_hidden)
}

/// A host in the form in which it is found in texts.
pub(in crate::incidents) fn plain(host: &str) -> String {
    one(host).map_or_else(|| host.to_lowercase(), |one| one.value)
}

/// The mail addresses of a message.
fn written(letter: &Arc<Letter>) -> impl Iterator<Item = &str> {
    letter.message.address.split(',').map(str::trim)
}

/// Mail addresses that a text names.
fn mails_in(text: &str) -> Vec<String> {
    let text = ComposingNormalizerBorrowed::new_nfkc().normalize(text);
    observables(&text).iter().filter(|one| one.kind == Kind::Mail).map(|one| canonical(&one.value)).collect()
}

/// The address that a name of the reverse tree is about: `7.2.0.192.in-addr.arpa`.
fn of_reverse(name: &str) -> Option<String> {
    if let Some(octets) = name.strip_suffix(".in-addr.arpa") {
        let address = octets.rsplit('.').collect::<Vec<_>>().join(".");
        return address.parse::<Ipv4Addr>().ok().map(|address| address.to_string());
    }
    let digits: String = name.strip_suffix(".ip6.arpa")?.rsplit('.').collect();
    let address = (digits.len() == 32).then(|| u128::from_str_radix(&digits, 16).ok())??;
    Some(Ipv6Addr::from(address).to_string())
}

/// Hosts that a text names: as they stand in it, and those of URLs, mail addresses and names of the reverse tree.
pub(in crate::incidents) fn hosts_in(text: &str) -> BTreeSet<String> {
    let host_of = |kind, value: &str| match kind {
        Kind::Domain => of_reverse(value).or_else(|| Some(value.to_owned())),
        Kind::Ip => Some(value.to_owned()),
        Kind::Mail => value.rsplit_once('@').map(|(_, domain)| domain.to_owned()),
        _ => None,
    };
    // What is wide or joined there is read as it looks.
    let text = ComposingNormalizerBorrowed::new_nfkc().normalize(text);
    observables(&text).iter().filter_map(|one| host_of(one.kind, &one.value)).collect()
}

/// A text for a party names no neighbour whose identity was not released to it.
pub(super) fn names_no_neighbour(state: &Incident, party: &str, text: &str) -> Result<(), Refused> {
    let strangers = Strangers::of(state, party, std::iter::empty());
    let Some(name) = strangers.named_in(text) else { return Ok(()) };
    let what = format!("it names {name}, of whom {party} may not know: who a neighbour is was not released to it");
    let hint = "release it with `concert incident write N neighbour host=... party=... reason=...`, or leave it out";
    Err(Refused::Wrong(Problem::new(what).hint(hint)))
}

/// Evidence that may go to a party, by the first digits of each.
pub(super) fn released(state: &Incident, party: &str, digits: &[String]) -> Result<Vec<Attached>, Refused> {
    let mut found: Vec<Attached> = Vec::new();
    for digits in digits {
        let (sha256, exhibit) = match evidence::only(state, digits) {
            Err(Refused::Missing) => return Err(absent(format!("there is no evidence {digits}"))),
            other => other?,
        };
        let Some(added) = exhibit.added.as_ref().filter(|_| !exhibit.is_destroyed()) else {
            return Err(wrong(format!("{digits} was destroyed")));
        };
        if !exhibit.goes_to().any(|one| one == party) {
            let problem = Problem::new(format!("{} was not released to {party}", added.name));
            let hint = "it takes two persons: `concert evidence release`";
            return Err(Refused::Wrong(problem.hint(hint)));
        }
        let one = Attached { name: added.name.clone(), sha256: sha256.to_owned(), bytes: added.bytes };
        if !found.contains(&one) {
            found.push(one);
        }
    }
    Ok(found)
}
