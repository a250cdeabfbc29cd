//! `concert contact check`: what of the parties cannot work, found without asking anybody but, where that is wanted, the
//! DNS.
//!
//! A network inside another party's network is a customer, which is as it should be; only the very
//! same network, domain, AS or country of two parties is told, because the one listed first answers.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use concert_model::address::{self, canonical};
use concert_model::party::plain_name;
use concert_model::problem::counted;
use concert_model::{Contact, Net, Party, Problem, Time};
use concert_pipeline::enrich::constituents::{ANYWHERE, stands_alone};
use concert_pipeline::group::schedule::When;
use concert_pipeline::parse::country;
use concert_pipeline::render;
use concert_store::records::Parties;
use concert_transport::lookup::mail_domains::MailDomains;
use concert_transport::openpgp::Keyring;
use concert_transport::openpgp::contact::State;
use concert_transport::openpgp::keyring::NoKey;
use serde_json::json;

use crate::addressees::{PURPOSE, reachable, team_for, team_of_last_resort, team_of_sector};
use crate::ask;
use crate::barred::Barred;
use crate::print::LongRows;
use crate::problems::{Exit, Failure};
use crate::registry;
use crate::settings::{OWN, Recipient, Settings, Whom};
use crate::suffixes;
use crate::wire;

/// Tell overlaps, gaps, addresses that cannot work and keys that are no longer good.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  concert contact check\n  concert contact check --dns\n  concert contact check --format csv"
)]
pub(super) struct Args {
    /// Also ask the DNS whether the domains of contacts take mail.
    #[arg(long)]
    dns: bool,
    #[command(flatten)]
    rows: LongRows,
}

/// How long one question to the DNS may take.
const QUESTION_TIMEOUT: Duration = Duration::from_secs(5);
/// Mailboxes of registries that are told one by one.
const UNUSABLE_TOLD_MAX: usize = 100;

/// Remarks that are told one by one.
const REMARKS_TOLD_MAX: usize = 100;

/// What was found: `overlap`, `gap`, `contact`, `key`, `registry` or [`REMARK`]; the party; what.
pub(crate) type Finding = (&'static str, String, String);
/// What is as it should be, and yet good to know.
const REMARK: &str = "remark";

/// The parties that are looked at, teams apart from constituents: one without a contact looks like the other.
#[derive(Clone, Copy, Default)]
pub(crate) struct Parts<'p> {
    pub(crate) constituents: &'p [Party],
    pub(crate) teams: &'p [Party],
}

impl<'p> Parts<'p> {
    /// Those of one part alone.
    pub(crate) fn one(which: Parties, parties: &'p [Party]) -> Self {
        match which {
            Parties::Constituents => Self { constituents: parties, teams: &[] },
            Parties::Teams => Self { constituents: &[], teams: parties },
        }
    }

    fn all(self) -> impl Iterator<Item = &'p Party> {
        self.constituents.iter().chain(self.teams)
    }

    fn contacts(self) -> impl Iterator<Item = (&'p Party, &'p Contact)> {
        self.all().flat_map(|party| party.contacts.iter().map(move |contact| (party, contact)))
    }
}

/// Whether somebody should mend what was found.
pub(crate) fn is_bad(finding: &Finding) -> bool {
    finding.0 != REMARK
}

pub(super) async fn run(
    args: &Args,
    settings: &Settings,
    parties: Parts<'_>,
    with_files: bool,
) -> Result<Exit, Failure> {
    let mut found = with_keys(settings, parties, with_files);
    if args.dns {
        found.extend(closed(settings, parties).await?);
    }
    // What registries hold is theirs to mend, so it does not count as bad; nor does what may be meant so.
    let registered = if with_files { unusable(settings)? } else { Vec::new() };
    let mut table = args.rows.table(&["kind", "party", "what"]);
    for (kind, party, what) in found.iter().chain(&remarks(parties.constituents)).chain(&registered) {
        table.row(&[json!(kind), json!(party), json!(what)])?;
    }
    table.finish()?;
    Ok(if found.iter().any(is_bad) { Exit::Bad } else { Exit::Done })
}

/// Contacts whose domains take no mail, as the DNS says now.
async fn closed(settings: &Settings, parties: Parts<'_>) -> Result<Vec<Finding>, Failure> {
    let trouble = |why| Failure::outside(Problem::new(format!("the DNS cannot be asked: {why}")));
    let lookup = MailDomains::new(settings.lookup.name_server, QUESTION_TIMEOUT).map_err(trouble)?;
    let domain = |mail: &str| canonical(mail).rsplit_once('@').map(|(_, domain)| domain.to_owned());
    let usable = parties.contacts().filter(|(_, contact)| address::is_usable(&contact.mail));
    let (closed, unknown) = lookup.closed(&usable.filter_map(|(_, contact)| domain(&contact.mail)).collect()).await;
    if unknown > 0 {
        tracing::warn!(unknown, "of the domains of some contacts the DNS told nothing");
    }
    let told = parties.contacts().filter_map(|(party, contact)| {
        let why = closed.get(&domain(&contact.mail)?)?;
        Some(("contact", party.name.clone(), format!("{}: {why}", contact.mail)))
    });
    Ok(told.collect())
}

/// Mailboxes in the data of registries that nothing can be sent to.
fn unusable(settings: &Settings) -> Result<Vec<Finding>, Failure> {
    let data = settings.data_dir();
    let Some(registry) = registry::open(&data, true)? else { return Ok(Vec::new()) };
    let own = settings.own();
    let found = registry
        .unusable(&|mail| own.has(mail).then_some(OWN))
        .map_err(|why| Failure::outside(registry::damaged(&registry::path(&data), &why)))?;
    let more = found.len().saturating_sub(UNUSABLE_TOLD_MAX);
    let told = found.into_iter().take(UNUSABLE_TOLD_MAX).map(|what| ("registry", String::new(), what));
    let mut rows: Vec<Finding> = told.collect();
    if more > 0 {
        rows.push(("registry", String::new(), format!("and {more} more mailboxes that nothing can be sent to")));
    }
    Ok(rows)
}

/// What cannot work, keys too. Blocks.
///
/// Files of keys that cannot be read belong to nobody known, and are told to those who see everybody.
pub(crate) fn with_keys(settings: &Settings, parties: Parts<'_>, with_files: bool) -> Vec<Finding> {
    let mut found = findings(settings, parties);
    let ring = Keyring::read(&settings.openpgp.keys);
    found.extend(keys(&ring, parties, wire::now()));
    for (file, why) in ring.damaged().iter().filter(|_| with_files) {
        let file = settings.shown(&settings.openpgp.keys.join(file));
        found.push(("key", String::new(), format!("{file}: {why}")));
    }
    if with_files {
        found.extend(left_over(parties.teams));
    }
    if with_files && settings.lookup.rdap {
        let said = ask::bootstrap_origins(settings.lookup.rdap_bootstrap.as_deref(), &settings.data_dir());
        found.extend(said.into_iter().map(|what| (REMARK, String::new(), what)));
    }
    found
}

/// The countries whose events fall to a team for any country, because none has a team of its own.
fn left_over(teams: &[Party]) -> Option<Finding> {
    let any = teams.iter().find(|team| team.countries.iter().any(|code| code == ANYWHERE))?;
    let has_team = |code: &str| teams.iter().any(|team| team.countries.iter().any(|own| own == code));
    let left: Vec<&str> = country::all().into_iter().filter(|code| !has_team(code)).collect();
    let what = format!("no other team is known for {} countries: {}", left.len(), left.join(" "));
    (!left.is_empty()).then(|| (REMARK, any.name.clone(), what))
}

pub(crate) fn findings(settings: &Settings, parties: Parts<'_>) -> Vec<Finding> {
    let mut found = overlaps(parties);
    // Of each language the first contact is named: it may be that of hundreds.
    let mut unspoken_in: BTreeMap<(bool, &str), (Finding, usize)> = BTreeMap::new();
    let via = |name: &str| settings.vias.contains_key(name);
    let tells = settings.notices.iter().any(|notice| notice.to == Recipient::Responsible);
    let barred = Barred::new(settings.own(), HashMap::new());
    let of_teams = parties.teams.iter().map(|team| (team, true));
    for (party, is_team) in parties.constituents.iter().map(|party| (party, false)).chain(of_teams) {
        let teams = if settings.lookup.responsible.contains(&Whom::Teams) && !is_team { parties.teams } else { &[] };
        found.extend(gaps(party, is_team, teams));
        found.extend(told_twice(party));
        found.extend(ourselves(party, &barred).filter(|_| is_team));
        let is_ours = |contact: &&Contact| is_team && is_own(contact, &barred);
        for contact in party.contacts.iter().filter(|contact| !is_ours(contact)) {
            let mut tell = |kind, what| found.push((kind, party.name.clone(), format!("{}: {what}", contact.mail)));
            wrong(contact, &barred, &via).into_iter().for_each(|what| tell("contact", what));
            if !contact.language.is_empty() && !settings.templates.speaks(&contact.language) {
                let is_told = tells && reachable(party, PURPOSE, &barred).iter().any(|one| std::ptr::eq(*one, contact));
                let kind = if is_told { "contact" } else { REMARK };
                let first = || (kind, party.name.clone(), format!("{}: {}", contact.mail, unspoken(contact, is_told)));
                unspoken_in.entry((is_told, &contact.language)).or_insert_with(|| (first(), 0)).1 += 1;
            }
        }
    }
    found.extend(unspoken_in.into_values().map(|((kind, party, what), count)| match count {
        1 => (kind, party, what),
        _ => (kind, party, format!("{what}; the same holds for {}", counted(count - 1, "more contact"))),
    }));
    found
}

/// That there are no templates in the language of a contact.
fn unspoken(contact: &Contact, is_told: bool) -> String {
    let what = format!("there are no templates in `{}`", contact.language);
    match is_told {
        true => format!("{what}, so English is used"),
        false => format!("{what}, and no kind of notice goes to it as things are"),
    }
}

/// Keys of contacts that are not used any more, or not for much longer.
fn keys(ring: &Keyring, parties: Parts<'_>, now: Time) -> Vec<Finding> {
    let (mut found, mut told) = (Vec::new(), BTreeSet::new());
    for (party, contact) in parties.contacts() {
        let what = match ring.find(&contact.mail, now) {
            Ok(key) if !contact.openpgp.is_empty() && key.fingerprint() != contact.openpgp => {
                let (mail, used, noted) = (&contact.mail, key.fingerprint(), &contact.openpgp);
                format!(
                    "notices to {mail} are encrypted to the key {used}, and its entry says {noted}: ask which is right"
                )
            }
            Err(NoKey { fingerprint: None, .. }) if !contact.openpgp.is_empty() => {
                format!(
                    "the key {} of {} is not there any more: concert key import FILE",
                    contact.openpgp, contact.mail
                )
            }
            Err(NoKey { fingerprint: None, .. }) => continue,
            Err(none) => none.why,
            Ok(key) if key.state(now) == State::ExpiresSoon => {
                let on = key.expires().unwrap_or(now).date_text();
                format!("the key of {} expires on {on}", contact.mail)
            }
            Ok(_) => continue,
        };
        // A contact may stand there for several purposes.
        if told.insert((&party.name, canonical(&contact.mail))) {
            found.push(("key", party.name.clone(), what));
        }
    }
    found
}

fn overlaps(parties: Parts<'_>) -> Vec<Finding> {
    let mut found: Vec<Finding> = two_of_one_name(parties);
    found.extend(alike(parties));
    let mut of_same_part = |parties: &[Party], may_share: &dyn Fn(&Party, usize) -> bool| {
        let mut owners: BTreeMap<String, String> = BTreeMap::new();
        for party in parties {
            let tell = |what: String| ("overlap", party.name.clone(), what);
            let (items, mut shared) = (items(party), Vec::new());
            let all = items.len();
            for item in items {
                match owners.get(&item) {
                    Some(first) if *first == party.name => found.push(tell(format!("{item} stands there twice"))),
                    Some(first) => shared.push(tell(format!("{item} is also `{first}`'s, which answers"))),
                    None => drop(owners.insert(item, party.name.clone())),
                }
            }
            if !may_share(party, all - shared.len()) {
                found.append(&mut shared);
            }
        }
    };
    of_same_part(parties.constituents, &|_, _| false);
    // Teams of last resort answer where constituents do not, and several have the same country. One to which nothing
    // is left is never told.
    of_same_part(parties.teams, &|team, left| left > 0 || !team.sectors.is_empty());
    found
}

/// A constituent and a team of one name, which an import refuses but may have come before it did.
fn two_of_one_name(parties: Parts<'_>) -> Vec<Finding> {
    let mut seen = BTreeSet::new();
    let again = parties.all().filter(|party| !seen.insert(&party.name));
    let what = "a constituent and a team of last resort have this name, so notices for the team go to the constituent; \
                give the team another one and import the teams again";
    again.map(|party| ("overlap", party.name.clone(), what.to_owned())).collect()
}

/// Parties whose names differ by letter case or blanks: rather one that was written in two ways.
fn alike(parties: Parts<'_>) -> Vec<Finding> {
    let mut first: HashMap<String, &str> = HashMap::new();
    let mut found = Vec::new();
    for party in parties.all() {
        let known = *first.entry(plain_name(&party.name)).or_insert(&party.name);
        if known != party.name {
            let what = format!("its name is that of `{known}` but for letter case or blanks, and they are two parties");
            found.push(("overlap", party.name.clone(), what));
        }
    }
    found
}

/// Bits of the networks that are larger than what anybody has been given, of IPv4 and of IPv6.
const LARGE_BITS: (u8, u8) = (8, 12);

/// Networks that are larger than anybody's: rather a slip than meant.
fn large(constituents: &[Party]) -> Vec<Finding> {
    let is_large = |net: &&Net| net.prefix() < if net.first().is_ipv4() { LARGE_BITS.0 } else { LARGE_BITS.1 };
    let of = |party: &Party| -> Vec<Finding> {
        let what = |net| {
            format!("network {net} is larger than what registries give to one, and all in it falls to this party")
        };
        party.prefixes.iter().filter(is_large).map(|net| (REMARK, party.name.clone(), what(net))).collect()
    };
    constituents.iter().flat_map(of).take(REMARKS_TOLD_MAX).collect()
}

/// Networks and domains of a party that lie in those of another: right for its customers, and wrong where it is a slip.
pub(crate) fn remarks(constituents: &[Party]) -> Vec<Finding> {
    let mut nets: Vec<(&Net, &Party)> =
        constituents.iter().flat_map(|party| party.prefixes.iter().map(move |net| (net, party))).collect();
    // A network stands before those that lie in it.
    nets.sort_by_key(|(net, _)| (net.first(), net.prefix()));
    let (mut found, mut around) = (Vec::new(), Vec::<(&Net, &Party)>::new());
    let mut tell = |party: &Party, inner: String, outer: String, other: &Party| {
        let what =
            format!("{inner} lies in {outer} of `{0}`: this party is asked for it, `{0}` for the rest", other.name);
        found.push((REMARK, party.name.clone(), what));
    };
    for (net, party) in nets {
        while around.pop_if(|(outer, _)| !outer.contains_net(net)).is_some() {}
        // Of two parties with the same network the first answers, which is an overlap.
        if around.last().is_some_and(|(outer, _)| *outer == net) {
            continue;
        }
        if let Some((outer, other)) = around.last()
            && other.name != party.name
            && !other.excluded_prefixes.iter().any(|excluded| excluded.contains_net(net))
        {
            tell(party, format!("network {net}"), format!("{outer}"), other);
        }
        around.push((net, party));
    }
    let mut owners: BTreeMap<&str, &Party> = BTreeMap::new();
    for party in constituents {
        for domain in party.domains.iter().filter(|domain| !stands_alone(domain)) {
            owners.entry(domain.trim_start_matches("*.")).or_insert(party);
        }
    }
    for party in constituents {
        for domain in &party.domains {
            let mut above = domain.trim_start_matches("*.");
            while let Some((_, rest)) = above.split_once('.') {
                above = rest;
                let Some(other) = owners.get(above).filter(|other| other.name != party.name) else { continue };
                if !other.excluded_domains.iter().any(|excluded| excluded.trim_start_matches("*.") == domain) {
                    tell(party, format!("domain {domain}"), above.to_owned(), other);
                }
                break;
            }
        }
    }
    let more = found.len().saturating_sub(REMARKS_TOLD_MAX);
    found.truncate(REMARKS_TOLD_MAX);
    if more > 0 {
        found.push((REMARK, String::new(), format!("and {more} more that lie in those of another")));
    }
    found.extend(shared(constituents));
    found.extend(large(constituents));
    found
}

/// Domains of constituents below which anybody gets a name: rather a slip than meant.
pub(crate) fn shared(constituents: &[Party]) -> Vec<Finding> {
    let of = |party: &Party| -> Vec<Finding> {
        let shared = party.domains.iter().filter(|domain| suffixes::is_shared(domain));
        let what = |domain: &String| {
            let bare = domain.trim_start_matches("*.");
            format!(
                "domain {domain}: anybody gets names below {bare}, and all of them fall to this party; name its own: example.{bare}"
            )
        };
        shared.map(|domain| (REMARK, party.name.clone(), what(domain))).collect()
    };
    constituents.iter().flat_map(of).take(REMARKS_TOLD_MAX).collect()
}

/// All that is a party's, as it is told.
fn items(party: &Party) -> Vec<String> {
    let nets = party.prefixes.iter().map(|net| format!("network {net}"));
    let domains = party.domains.iter().map(|name| format!("domain {name}"));
    let asns = party.asns.iter().map(|asn| format!("AS{asn}"));
    let countries = party.countries.iter().map(|code| match code.as_str() {
        ANYWHERE => "any country".to_owned(),
        code => format!("country {code}"),
    });
    nets.chain(domains).chain(asns).chain(countries).collect()
}

/// What a party lacks; `teams` are those that stand in for it.
fn gaps(party: &Party, is_team: bool, teams: &[Party]) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut tell = |what: &str| found.push(("gap", party.name.clone(), what.to_owned()));
    // A team for a sector stands in for others, and needs nothing of its own.
    let stands_in = !party.sectors.is_empty() && is_team;
    let nothing = party.prefixes.is_empty() && party.domains.is_empty() && !stands_in;
    if nothing && party.asns.is_empty() && party.countries.is_empty() {
        tell("no network, domain, AS or country is its own, so it is never told");
    }
    if party.contacts_for(PURPOSE).is_empty() {
        match reachable(party, PURPOSE, &Barred::default()).as_slice() {
            [] => tell(&format!("it has no contact for abuse, so {}", without(party, teams))),
            [next, ..] => tell(&format!("it has no contact for abuse, so {} ({}) is told", next.mail, next.purpose)),
        }
    }
    let uncovered = |net: &&concert_model::Net| !party.prefixes.iter().any(|own| own.contains_net(net));
    if party.asns.is_empty() && party.countries.is_empty() {
        for net in party.excluded_prefixes.iter().filter(uncovered) {
            tell(&format!("the excluded network {net} lies in none of its networks"));
        }
    }
    found
}

/// What becomes of the notices of a party without a contact.
fn without(party: &Party, teams: &[Party]) -> String {
    let can = |team: &&Party| team.name != party.name && !reachable(team, PURPOSE, &Barred::default()).is_empty();
    let is_any = |team: &&Party| team.countries.iter().any(|code| code == ANYWHERE);
    if let Some((team, sector)) = team_for(teams, party, PURPOSE, &Barred::default()) {
        return format!("{} is told (`{}`)", team_of_sector(sector), team.name);
    }
    let by_country = team_of_last_resort("by country");
    match teams.iter().filter(can).find(is_any) {
        Some(any) => format!("{by_country} is told, else `{}`", any.name),
        None if teams.iter().filter(can).any(|team| !team.countries.is_empty()) => {
            format!("{by_country} is told, and where there is none its notices wait")
        }
        None => "its notices wait".to_owned(),
    }
}

/// Addresses of a party that stand there twice for the same purpose: what the second line wishes does not count.
fn told_twice(party: &Party) -> Vec<Finding> {
    let mut seen = BTreeSet::new();
    let is_again = |contact: &&Contact| !seen.insert((canonical(&contact.mail), contact.purpose.to_lowercase()));
    let again = party.contacts.iter().filter(is_again);
    let what = |contact: &Contact| {
        format!("{}: it stands there twice for {}, and what its first line wishes holds", contact.mail, contact.purpose)
    };
    again.map(|contact| ("contact", party.name.clone(), what(contact))).collect()
}

/// Whether a contact is the site itself.
fn is_own(contact: &Contact, barred: &Barred) -> bool {
    barred.unusable(&contact.mail) == Some(OWN)
}

/// What becomes of the events of a team that is this site: a national team is in its own list, as it should be.
fn ourselves(party: &Party, barred: &Barred) -> Option<Finding> {
    let own = party.contacts.iter().find(|contact| is_own(contact, barred))?;
    let what = match reachable(party, PURPOSE, barred).first() {
        Some(next) => format!("notices for this team go to {} without it", next.mail),
        None => {
            let mut whose = Vec::new();
            if !party.countries.is_empty() {
                let (of, name) = (party.countries.join(", ").replace(ANYWHERE, "any country"), &party.name);
                whose.push(format!(
                    "events of {of} that nobody else answers for are yours: `concert events 'party == {name:?}'` shows them"
                ));
            }
            if !party.sectors.is_empty() {
                whose.push(format!(
                    "in {} you stand in for constituents of whom nobody is left",
                    party.sectors.join(", ")
                ));
            }
            whose.push(
                "notices for this team are not sent but wait: `concert notice list --state no-contact`".to_owned(),
            );
            whose.join("; ")
        }
    };
    Some((REMARK, party.name.clone(), format!("{}: {OWN}; {what}", own.mail)))
}

/// What of a contact's wishes this site cannot do.
fn wrong(contact: &Contact, barred: &Barred, via: &dyn Fn(&str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(why) = barred.unusable(&contact.mail) {
        found.push(format!("{why}, so nothing is sent to it"));
    }
    if !contact.via.is_empty() && !via(&contact.via) {
        found.push(format!("there is no [via.{}] in the settings, so the notice's own holds", contact.via));
    }
    if !contact.format.is_empty() && render::format(&contact.format).is_none() {
        found.push(format!("there is no format `{}`, so the notice's own holds", contact.format));
    }
    if !contact.schedule.is_empty()
        && let Err(problem) = When::parse(&contact.schedule)
    {
        found.push(format!("schedule `{}`: {}, so the notice's own holds", contact.schedule, problem.what));
    }
    if !contact.time_zone.is_empty() && jiff::tz::TimeZone::get(&contact.time_zone).is_err() {
        found.push(format!("`{}` is not a time zone, so the site's holds", contact.time_zone));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use concert_pipeline::enrich::constituents::read_csv;

    #[test]
    fn overlaps_and_gaps_are_found_and_customers_are_not() {
        let text = "party,asns,prefixes,mail\nA,1,192.0.2.0/24 !198.51.100.0/24,a@a.example\nB,1,192.0.2.0/25,\nC,,192.0.2.0/24,\nD,,,d@d.example\n";
        let (parties, problems) = read_csv("c.csv", text.as_bytes());
        assert_eq!(problems, []);
        let named = overlaps(Parts { constituents: &parties, teams: &parties[..1] });
        assert!(named[0].1 == "A" && named[0].2.contains("a constituent and a team of last resort have this name"));
        let mut found = overlaps(Parts::one(Parties::Constituents, &parties));
        found.extend(parties.iter().flat_map(|party| gaps(party, false, &[])));
        let shown: Vec<String> = found.iter().map(|(kind, party, what)| format!("{kind} {party} {what}")).collect();
        assert_eq!(
            shown,
            [
                "overlap B AS1 is also `A`'s, which answers",
                "overlap C network 192.0.2.0/24 is also `A`'s, which answers",
                "gap B it has no contact for abuse, so its notices wait",
                "gap C it has no contact for abuse, so its notices wait",
                "gap D no network, domain, AS or country is its own, so it is never told",
            ]
        );
        let told: Vec<String> =
            remarks(&parties).into_iter().map(|(_, party, what)| format!("{party}: {what}")).collect();
        assert_eq!(
            told,
            ["B: network 192.0.2.0/25 lies in 192.0.2.0/24 of `A`: this party is asked for it, `A` for the rest"]
        );
        let contact = Contact { purpose: "abuse".into(), origin: "teams".into(), ..Contact::default() };
        let team = Party { sectors: vec!["energy".into()], contacts: vec![contact], ..Party::default() };
        assert_eq!(gaps(&team, true, &[]), []);
        let (quiet, problems) =
            read_csv("c.csv", b"party,asns,sectors,mail,purpose\nQuiet,1,energy,law@q.example,law\n");
        assert_eq!(problems, []);
        let check = |teams: &str, want: &str| {
            let (teams, problems) = read_csv("t.csv", format!("party,sectors,countries,mail\n{teams}").as_bytes());
            assert_eq!(problems, []);
            assert_eq!(gaps(&quiet[0], false, &teams)[0].2, format!("it has no contact for abuse, so {want}"));
        };
        let (power, national) = ("Power,energy,,cert@power.example\n", "Nat,,FI,cert@nat.example\n");
        check(&format!("{national}{power}"), "the team of the sector energy is told (`Power`)");
        check(&format!("{national}Any,,*,a@any.example\n"), "the team of last resort (by country) is told, else `Any`");
        check(national, "the team of last resort (by country) is told, and where there is none its notices wait");
        check("Power,energy,,\nOther,health,,cert@other.example\n", "its notices wait");
        // One without an address is a team all the same: the same country of a constituent is no overlap.
        let (constituents, _) = read_csv("c.csv", b"party,countries,mail\nOffice,FI,a@office.example\n");
        let (teams, _) = read_csv("t.csv", b"party,countries,sectors\nNational,FI,\nPower,,energy\n");
        assert_eq!(overlaps(Parts { constituents: &constituents, teams: &teams }), []);
        let waits = "it has no contact for abuse, so its notices wait";
        let told: Vec<_> =
            teams.iter().flat_map(|team| gaps(team, true, &[])).map(|(_, name, what)| (name, what)).collect();
        assert_eq!(told, ["National", "Power"].map(|name| (name.to_owned(), waits.to_owned())));
    }

    #[test]
    fn names_written_in_two_ways_and_networks_larger_than_anybodys_are_told() {
        let text =
            "party,prefixes\nUni A,128.0.0.0/1 2000::/3 16.0.0.0/8 192.0.2.0/24\nuni  a,198.51.100.0/24\nUni B,\n";
        let (parties, problems) = read_csv("c.csv", text.as_bytes());
        assert_eq!(problems, []);
        let told: Vec<String> = alike(Parts::one(Parties::Constituents, &parties))
            .into_iter()
            .chain(large(&parties))
            .map(|(kind, party, what)| {
                format!("{kind} {party}: {}", what.split(" is ").take(2).collect::<Vec<_>>().join(" is "))
            })
            .collect();
        let large = "larger than what registries give to one, and all in it falls to this party";
        assert_eq!(
            told,
            [
                "overlap uni  a: its name is that of `Uni A` but for letter case or blanks, and they are two parties"
                    .to_owned(),
                format!("remark Uni A: network 128.0.0.0/1 is {large}"),
                format!("remark Uni A: network 2000::/3 is {large}"),
            ]
        );
    }

    #[test]
    fn what_lies_in_that_of_another_is_remarked_unless_it_is_excluded_there() {
        let text = "party,prefixes,domains\nA,192.0.2.0/24 !192.0.2.192/26,uni.example !lab.uni.example\n\
            B,192.0.2.0/25 192.0.2.0/26 2001:db8::/32,cs.uni.example pc.fileserver\nC,192.0.2.192/26,lab.uni.example\n\
            D,192.0.2.4/30 198.51.100.0/24,*.x.cs.uni.example\nE,,fileserver\n";
        let (parties, problems) = read_csv("c.csv", text.as_bytes());
        assert_eq!(problems, []);
        let told: Vec<String> =
            remarks(&parties).into_iter().map(|(_, party, what)| format!("{party}: {what}")).collect();
        let rest = |name: &str| format!("this party is asked for it, `{name}` for the rest");
        assert_eq!(
            told,
            [
                format!("B: network 192.0.2.0/25 lies in 192.0.2.0/24 of `A`: {}", rest("A")),
                format!("D: network 192.0.2.4/30 lies in 192.0.2.0/26 of `B`: {}", rest("B")),
                format!("B: domain cs.uni.example lies in uni.example of `A`: {}", rest("A")),
                format!("D: domain *.x.cs.uni.example lies in cs.uni.example of `B`: {}", rest("B")),
            ]
        );
    }

    #[test]
    fn teams_that_share_a_country_are_told_only_where_one_is_left_nothing() {
        let read = |text: &str, origin: &str| {
            let (mut parties, problems) = read_csv("c.csv", text.as_bytes());
            assert_eq!(problems, []);
            let contacts = parties.iter_mut().flat_map(|party| &mut party.contacts);
            contacts.for_each(|contact| contact.origin = origin.into());
            parties
        };
        let constituents = read("party,countries,mail\nOffice,FI,a@office.example\n", "constituents");
        let teams = read(
            "party,countries,sectors,mail\nNational,FI SE,,a@one.example\nNordic,SE NO,,a@two.example\n\
             Power,FI,energy,a@three.example\nLate,NO FI,,a@four.example\n",
            "teams",
        );
        let found = overlaps(Parts { constituents: &constituents, teams: &teams });
        let told: Vec<String> = found.iter().map(|(_, party, what)| format!("{party}: {what}")).collect();
        let late = [
            "Late: country NO is also `Nordic`'s, which answers",
            "Late: country FI is also `National`'s, which answers",
        ];
        assert_eq!(told, late);
    }

    #[test]
    fn countries_that_only_a_team_for_any_country_answers_for_are_told() {
        let read = |text: &str| {
            let (mut teams, problems) = read_csv("t.csv", text.as_bytes());
            assert_eq!(problems, []);
            teams.iter_mut().flat_map(|team| &mut team.contacts).for_each(|contact| contact.origin = "teams".into());
            teams
        };
        let some = "party,countries,mail\nNational,FI SE,a@one.example\nLast,NO *,a@two.example\n";
        let (_, party, what) = left_over(&read(some)).unwrap();
        assert_eq!(party, "Last");
        assert!(what.starts_with("no other team is known for 246 countries: AD AE AF"), "{what}");
        assert!([" FI", " SE", " NO"].iter().all(|code| !what.contains(code)), "{what}");
        assert_eq!(left_over(&read("party,countries,mail\nNational,FI SE,a@one.example\n")), None);
        let two = read("party,countries,mail\nA,*,a@one.example\nB,*,a@two.example\n");
        let two: Vec<String> = overlaps(Parts::one(Parties::Teams, &two))
            .into_iter()
            .map(|(_, party, what)| format!("{party}: {what}"))
            .collect();
        assert_eq!(two, ["B: any country is also `A`'s, which answers"]);
    }

    #[test]
    fn an_address_that_is_told_twice_is_told() {
        let text =
            "party,prefixes,mail,purpose\nA,192.0.2.0/24,a@a.example,abuse\nA,,A@a.example,Abuse\nA,,a@a.example,law\n";
        let (parties, problems) = read_csv("c.csv", text.as_bytes());
        assert_eq!(problems, []);
        let told: Vec<String> = told_twice(&parties[0]).into_iter().map(|(_, _, what)| what).collect();
        assert_eq!(told, ["A@a.example: it stands there twice for Abuse, and what its first line wishes holds"]);
    }

    #[test]
    fn wishes_that_cannot_be_met_are_told() {
        let contact = Contact {
            mail: "a@@x".into(),
            via: "pigeon".into(),
            language: "tlh".into(),
            format: "pdf".into(),
            schedule: "sometimes".into(),
            time_zone: "Mars/Olympus".into(),
            ..Contact::default()
        };
        let barred = Barred::default();
        assert_eq!(wrong(&contact, &barred, &|_| false).len(), 5);
        let good = Contact { mail: "a@x.example".into(), ..Contact::default() };
        assert_eq!(wrong(&good, &barred, &|_| false).len(), 0);
        let said = [unspoken(&contact, true), unspoken(&contact, false)];
        assert!(
            said[0].ends_with("so English is used") && said[1].ends_with("no kind of notice goes to it as things are")
        );
    }
}
