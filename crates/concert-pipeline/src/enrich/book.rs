//! The contact book as events meet it: who is responsible, of all who are known.
//!
//! Constituents come first; then whom registries name for the address, else for the AS, else for whoever
//! announces the address; then the teams of last resort. The name of whoever was found stands in the event as `party`.

use std::net::IpAddr;
use std::sync::Arc;

use concert_model::batch::Raw;
use concert_model::{Event, Field, OpenEvent, Party, Value};

use super::constituents::{Constituents, Found, address, nobodys, reserved_asn};
use crate::registry::Registered;

/// Everybody events may fall to.
#[derive(Clone, Debug, Default)]
pub struct Book {
    /// Who the site answers for.
    pub constituents: Arc<Constituents>,
    /// Whom registries name; nobody where nothing was imported.
    pub registered: Option<Arc<Registered>>,
    /// Teams of last resort.
    pub teams: Arc<Constituents>,
}

impl Book {
    /// Sets `party` to the name of who is responsible. What the report says of it does not count: a
    /// sender must not choose who is told.
    pub fn assign(&self, event: &mut OpenEvent<'_>) {
        let party = self.responsible(&event.view());
        match party {
            Some(name) => event.set(Field::PARTY, &Value::text(name)),
            None if event.has(Field::PARTY) => event.unset(Field::PARTY),
            None => {}
        }
    }

    /// The name of who is responsible for an event.
    pub fn responsible(&self, event: &Event<'_>) -> Option<&str> {
        let address = address(event);
        of(&self.constituents, event, address)
            .map(|party| party.name.as_str())
            .or_else(|| self.registered(event, address))
            .or_else(|| last_resort(&self.teams, event).map(|team| team.name.as_str()))
    }

    fn registered(&self, event: &Event<'_>, address: Option<IpAddr>) -> Option<&str> {
        let registered = self.registered.as_ref()?;
        let by_address = address.and_then(|address| registered.find(address));
        let by_network = || match event.raw(Field::SOURCE_NETWORK) {
            Some(Raw::Net(net)) if address.is_none() => {
                let party = registered.find(net.first()).filter(|party| registered.find(net.last()) == Some(*party));
                party.filter(|_| !is_nobodys(event))
            }
            _ => None,
        };
        let by_asn = || {
            let asn = u32::try_from(event.int(Field::SOURCE_ASN)?).ok()?;
            registered.find_asn(asn).filter(|_| reserved_asn(asn).is_none() && !is_nobodys(event))
        };
        let by_route = || registered.find_routed(address?);
        registered.name(by_address.or_else(by_network).or_else(by_asn).or_else(by_route)?)
    }

    /// Fetches what the source addresses (IPv4) of a few events will need, for all of them at once.
    pub fn look_ahead(&self, addresses: &[u32]) {
        self.constituents.look_ahead(addresses);
        if let Some(registered) = &self.registered {
            registered.look_ahead(addresses);
        }
    }
}

/// Whether nobody on the Internet can own what an event is about.
pub fn is_nobodys(event: &Event<'_>) -> bool {
    nobodys(event, address(event)).is_some()
}

/// The team of last resort for an event: that of the country of its address, else of its name, else one for whatever
/// is left.
pub fn last_resort<'p>(teams: &'p Constituents, event: &Event<'_>) -> Option<&'p Party> {
    at_last(teams, event).and_then(|(found, _)| teams.party(found.party))
}

/// The same with the rule by which it answers, for people: `country FI`.
pub fn last_resort_by<'p>(teams: &'p Constituents, event: &Event<'_>) -> Option<(&'p Party, String)> {
    let (found, more) = at_last(teams, event)?;
    Some((teams.party(found.party)?, format!("{}{more}", found.by)))
}

/// All teams of last resort for an event with their rules, in their order: where nobody of one is left, the next is told.
/// What nobody can own falls to the one that claims it alone.
pub fn all_last_resorts<'p>(teams: &'p Constituents, event: &Event<'_>) -> Vec<(&'p Party, String)> {
    let Some((first, more)) = at_last(teams, event) else { return Vec::new() };
    let mut known = vec![first.party];
    let mut all = vec![(first.party, format!("{}{more}", first.by))];
    let address = address(event);
    if nobodys(event, address).is_none() {
        for found in teams.all_at_last(event, address) {
            if !known.contains(&found.party) {
                known.push(found.party);
                all.push((found.party, found.by.to_string()));
            }
        }
    }
    all.into_iter().filter_map(|(party, by)| Some((teams.party(party)?, by))).collect()
}

/// The rule, and what is to be said of it beside.
fn at_last<'p>(teams: &'p Constituents, event: &Event<'_>) -> Option<(Found<'p>, &'static str)> {
    if teams.is_empty() {
        return None;
    }
    let address = address(event);
    let by_place = teams.responsible_at(event, address).map(|found| (found, ""));
    if by_place.is_none() && nobodys(event, address).is_some() {
        return None;
    }
    let by_name = || teams.responsible_by_name(event, address).map(|found| (found, " by the last label"));
    by_place.or_else(by_name).or_else(|| teams.responsible_anywhere(address).map(|found| (found, "")))
}

/// Most of the cost is looking at the event's fields, which a site without such parties can save.
fn of<'p>(parties: &'p Constituents, event: &Event<'_>, address: Option<IpAddr>) -> Option<&'p Party> {
    if parties.is_empty() {
        return None;
    }
    let found = parties.responsible_for(event, address)?;
    parties.party(found.party)
}

#[cfg(test)]
mod tests {
    use super::super::constituents::read_csv;
    use super::*;
    use crate::registry::{Builder, Registry};
    use concert_model::{Batch, EventId, ProblemKey};

    fn parties(text: &str) -> Arc<Constituents> {
        let (parties, problems) = read_csv("c.csv", text.as_bytes());
        assert_eq!(problems, []);
        Arc::new(Constituents::new(parties))
    }

    /// An event with these fields falls to this party.
    fn falls_to(book: &Book, given: &[(&str, &str)], want: Option<&str>) {
        let mut batch = Batch::new();
        let mut event = batch.open();
        for (field, text) in given {
            let field = event.field(field).unwrap();
            event.read(field, text, None).unwrap();
        }
        book.assign(&mut event);
        event.keep(EventId::default(), ProblemKey::default(), 1);
        assert_eq!(batch.get(0).unwrap().text(Field::PARTY).as_deref(), want, "{given:?}");
    }

    #[test]
    fn events_fall_to_constituents_then_registries_then_teams() {
        let mut builder = Builder::new();
        let objects = "role: A\nnic-hdl: AR1\nabuse-mailbox: abuse@a.example\nsource: RIPE\n\n\
            inetnum: 192.0.2.0 - 192.0.2.255\nabuse-c: AR1\nsource: RIPE\n\n\
            inetnum: 10.0.0.0 - 10.255.255.255\nabuse-c: AR1\nsource: RIPE\n\n\
            role: B\nnic-hdl: BR1\nabuse-mailbox: abuse@b.example\nsource: RIPE\n\n\
            aut-num: AS64500\nabuse-c: BR1\nsource: RIPE\n\n\
            role: C\nnic-hdl: CR1\nabuse-mailbox: abuse@c.example\nsource: RIPE\n\n\
            aut-num: AS64501\nabuse-c: CR1\nsource: RIPE\n\n\
            route: 192.0.0.0/16\norigin: AS64501\nsource: RIPE\n\n\
            route: 10.0.0.0/8\norigin: AS64501\nsource: RIPE\n\n\
            route: 203.0.113.0/24\norigin: AS64501\nsource: RIPE\n";
        builder.read("t.db", objects.as_bytes()).unwrap();
        let mut bytes = Vec::new();
        builder.finish(&mut bytes).unwrap();
        let registry = Registry::open(bytes).unwrap();
        let book = Book {
            constituents: parties(
                "party,prefixes,domains,countries\nOurs,192.0.2.0/29,ours.example,\nOur country,,shop.example,NO\n",
            ),
            registered: Some(Arc::new(Registered::read(&registry).unwrap())),
            teams: parties("party,countries\nTeam FI,FI\nTeam GB,GB\nTeam NO,NO\n"),
        };
        let check = |given: &[(&str, &str)], want: Option<&str>| falls_to(&book, given, want);
        check(&[("source.ip", "192.0.2.1"), ("party", "liar")], Some("Ours"));
        check(&[("source.ip", "192.0.2.9"), ("party", "liar")], Some("RIPE AR1"));
        check(&[("source.url", "http://192.0.2.9/x")], Some("RIPE AR1"));
        check(&[("source.network", "192.0.2.32/27")], Some("RIPE AR1"));
        check(&[("source.network", "192.0.2.0/23")], None);
        check(&[("source.network", "10.1.0.0/16")], None);
        check(&[("source.ip", "198.51.100.1"), ("source.asn", "64500")], Some("RIPE BR1"));
        check(&[("source.ip", "198.51.100.1"), ("source.geolocation.cc", "FI")], Some("Team FI"));
        check(&[("source.ip", "203.0.113.1"), ("source.asn", "64500")], Some("RIPE BR1"));
        check(&[("source.ip", "203.0.113.1"), ("source.asn", "64499")], Some("RIPE CR1"));
        check(&[("source.ip", "203.0.113.1"), ("source.geolocation.cc", "FI")], Some("RIPE CR1"));
        check(&[("source.fqdn", "www.shop.fi")], Some("Team FI"));
        check(&[("source.url", "https://www.shop.co.uk/x")], Some("Team GB"));
        check(&[("source.fqdn", "www.ours.example")], Some("Ours"));
        check(&[("source.fqdn", "www.shop.no")], Some("Our country"));
        check(&[("source.ip", "198.51.100.1"), ("source.fqdn", "www.shop.no")], None);
        check(&[("source.ip", "192.0.2.9"), ("source.fqdn", "www.shop.no")], Some("RIPE AR1"));
        check(&[("source.fqdn", "www.shop.se"), ("party", "liar")], None);
        // Nobody can own private space, whatever a registry or a country list says.
        check(&[("source.ip", "10.1.2.3"), ("source.geolocation.cc", "FI")], None);
    }

    #[test]
    fn what_nobody_can_own_falls_to_who_claims_it_alone() {
        let mut builder = Builder::new();
        let objects = "role: B\nnic-hdl: BR1\nabuse-mailbox: abuse@b.example\nsource: RIPE\n\n\
            aut-num: AS64500\nabuse-c: BR1\nsource: RIPE\n\naut-num: AS64600\nabuse-c: BR1\nsource: RIPE\n";
        builder.read("t.db", objects.as_bytes()).unwrap();
        let mut bytes = Vec::new();
        builder.finish(&mut bytes).unwrap();
        let registered = Registered::read(&Registry::open(bytes).unwrap()).unwrap();
        let book = Book {
            constituents: parties(
                "party,prefixes,domains,asns,countries\nOurs,10.9.0.0/16,ours.internal,64501 64999,SE\n",
            ),
            registered: Some(Arc::new(registered)),
            teams: parties("party,countries\nTeam FI,FI\nAny,*\n"),
        };
        let check = |given: &[(&str, &str)], want: Option<&str>| falls_to(&book, given, want);
        let (fi, se) = (("source.geolocation.cc", "FI"), ("source.geolocation.cc", "SE"));
        let (theirs, ours) = (("source.asn", "64500"), ("source.asn", "64501"));
        check(&[theirs], Some("RIPE BR1"));
        for place in [
            ("source.ip", "127.0.0.1"),
            ("source.ip", "10.0.0.18"),
            ("source.ip", "64:ff9b::10.0.0.18"),
            ("source.url", "http://10.0.0.18/x"),
            ("source.network", "10.0.0.0/8"),
            ("source.network", "192.168.0.0/16"),
            ("source.network", "0.0.0.0/0"),
            ("source.fqdn", "localhost"),
            ("source.url", "http://x.onion/"),
            ("source.fqdn", "18.0.0.10.in-addr.arpa"),
        ] {
            for (asn, code) in [(theirs, fi), (ours, se), (("source.asn", "64600"), fi)] {
                check(&[place, asn, code], None);
            }
            check(&[place], None);
        }
        check(&[("source.asn", "64600")], None);
        check(&[("source.asn", "64600"), fi], None);
        // What else is known of an event counts.
        check(&[("source.ip", "192.0.2.1"), ("source.asn", "64600"), fi], Some("Team FI"));
        check(&[("source.ip", "192.0.2.1"), ("source.fqdn", "localhost"), theirs], Some("RIPE BR1"));
        for claimed in [
            ("source.ip", "10.9.0.1"),
            ("source.network", "10.9.1.0/24"),
            ("source.fqdn", "www.ours.internal"),
            ("source.asn", "64999"),
        ] {
            check(&[claimed, fi], Some("Ours"));
        }
    }

    #[test]
    fn a_team_for_any_country_answers_where_no_other_does() {
        let teams = parties("party,countries,prefixes\nTeam FI,FI,\nFirst,* SE,!198.51.100.0/25\nSecond,*,\n");
        let check = |given: &[(&str, &str)], want: Option<(&str, &str)>| {
            let mut batch = Batch::new();
            let mut event = batch.open();
            for (field, text) in given {
                let field = event.field(field).unwrap();
                event.read(field, text, None).unwrap();
            }
            event.keep(EventId::default(), ProblemKey::default(), 1);
            let found = last_resort_by(&teams, &batch.get(0).unwrap());
            assert_eq!(found.as_ref().map(|(team, by)| (&*team.name, &**by)), want, "{given:?}");
            let all = all_last_resorts(&teams, &batch.get(0).unwrap());
            assert_eq!(all.first(), found.as_ref(), "{given:?}");
            let names: Vec<&str> = all.iter().map(|(team, _)| &*team.name).collect();
            // Whoever is excluded is no next one either.
            let mut behind = want.map(|(name, _)| vec![name]).unwrap_or_default();
            let is_out = given.contains(&("source.ip", "198.51.100.1"));
            behind.extend(
                ["First", "Second"]
                    .into_iter()
                    .filter(|name| want.is_some_and(|(first, _)| first != *name) && !(is_out && *name == "First")),
            );
            assert_eq!(names, behind, "{given:?}");
        };
        let any = |name: &'static str| Some((name, "any country"));
        check(&[("source.ip", "198.51.100.201"), ("source.geolocation.cc", "FI")], Some(("Team FI", "country FI")));
        check(&[("source.ip", "198.51.100.201"), ("source.geolocation.cc", "NO")], any("First"));
        check(&[("source.ip", "198.51.100.201"), ("source.geolocation.cc", "SE")], Some(("First", "country SE")));
        check(&[("source.ip", "198.51.100.201")], any("First"));
        check(&[("source.ip", "198.51.100.1")], any("Second"));
        check(&[("source.fqdn", "www.shop.fi")], Some(("Team FI", "country FI by the last label")));
        check(&[("source.url", "http://www.shop.com/x")], any("First"));
        check(&[("source.asn", "64500")], any("First"));
        check(&[("malware.name", "x")], any("First"));
        check(&[("source.ip", "10.1.2.3"), ("source.geolocation.cc", "NO")], None);
    }

    #[test]
    fn a_team_that_excludes_a_name_is_no_next_one_for_it() {
        let teams = parties("party,countries,domains\nOne,FI,!shop.fi\nTwo,FI,\nThree,FI,!www.shop.fi\n");
        let check = |name: &str, want: &[&str]| {
            let mut batch = Batch::new();
            let mut event = batch.open();
            event.read(Field::SOURCE_FQDN, name, None).unwrap();
            event.keep(EventId::default(), ProblemKey::default(), 1);
            let all = all_last_resorts(&teams, &batch.get(0).unwrap());
            assert_eq!(all.iter().map(|(team, _)| &*team.name).collect::<Vec<_>>(), want, "{name}");
        };
        check("www.shop.fi", &["Two"]);
        check("mail.shop.fi", &["Two", "Three"]);
        check("www.other.fi", &["One", "Two", "Three"]);
    }
}
