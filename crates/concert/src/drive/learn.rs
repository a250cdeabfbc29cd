//! Asking the servers of registries (RDAP) about networks and domains, and domains for their security.txt, for which the
//! contact book has nobody, where the settings want it: notices that would wait for a contact go to whom they name.
//!
//! Nothing waits for an answer: it is kept like an import of parties, and whatever waits is looked at again. What a
//! server said of a network holds for the whole network, so a report about a thousand of its addresses is one question;
//! so does what a domain says for all names below it. Where a domain cannot be asked for a moment, whom its registry names
//! in its place holds until it is asked again.

use std::borrow::Cow;
use std::collections::{HashSet, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use concert_model::host::{self, Host};
use concert_model::{Contact, Event, Field, Net, Party, Problem, Time};
use concert_pipeline::enrich::book;
use concert_pipeline::enrich::constituents::address;
use concert_pipeline::registry::rdap::Found;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{responsible, unclaimed};
use crate::ask::{Asker, Domain, NamedByDomain, SECURITY_TXT_PURPOSE};
use crate::settings::Whom;
use crate::suffixes;
use crate::wire::{self, Site};

/// Between two rounds.
const EVERY: Duration = Duration::from_secs(5);
/// Questions of one round; one server is asked twice a second.
const QUESTIONS_MAX: usize = 50;
/// Longest time of one round.
const ROUND_MAX: Duration = Duration::from_secs(60);
/// Addresses and names that wait to be asked about. Those for which there is no room are found when all begins anew.
const OPEN_MAX: usize = 10_000;
/// After so long all begins anew, and whatever brought nobody is asked again.
const AGAIN_AFTER: Duration = Duration::from_secs(3_600);

/// What a contact is said to be from that a domain named.
const FILE: &str = "security.txt";

/// What is known of the notices that wait.
struct Learner {
    /// Notices made since then are yet to be looked at; all of them at first.
    from: Option<Time>,
    /// What is to be asked about.
    open: VecDeque<About>,
    /// That, and what was asked about.
    known: HashSet<About>,
    /// What could not be asked about for a moment, with nobody named in its place, and when it is asked about again.
    later: Vec<(Time, About)>,
    since: Instant,
}

/// What an answer says: the network or domain it is about, whom it names for that, and until when it holds where that is
/// not long.
struct Named {
    key: String,
    party: Party,
    until: Option<Time>,
}

/// What came of a question.
#[derive(Default)]
struct Came {
    named: Option<Named>,
    /// When to ask again, where something was in the way.
    again: Option<Time>,
}

/// What is asked about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum About {
    /// Whom its registry names.
    Address(IpAddr),
    /// Whom it names itself, or a domain above it; else whom its registry names.
    Name(String),
}

impl Default for Learner {
    fn default() -> Self {
        Self { from: None, open: VecDeque::new(), known: HashSet::new(), later: Vec::new(), since: Instant::now() }
    }
}

impl Learner {
    /// Looks through what waits, and asks.
    async fn round(&mut self, site: &Site) -> Result<(), Problem> {
        let wanted = [Whom::Rdap, Whom::SecurityTxt].map(|one| site.settings.lookup.responsible.contains(&one));
        if wanted == [false; 2] {
            return Ok(());
        }
        if self.since.elapsed() > AGAIN_AFTER {
            *self = Self::default();
        }
        let ready = self.look(site, wanted).await?;
        if !ready.is_empty() {
            responsible::address_some(site, &ready).await?;
        }
        let now = wire::now();
        self.open.extend(self.later.extract_if(.., |(again, _)| *again <= now).map(|(_, about)| about));
        if self.open.is_empty() {
            return Ok(());
        }
        let Some(asker) = Asker::open(&site.settings).await? else { return Ok(()) };
        let learned = self.ask(&asker, wanted).await;
        if learned.is_empty() {
            return Ok(());
        }
        let answers = learned.len();
        let (brief, long): (Vec<Named>, Vec<Named>) = learned.into_iter().partition(|named| named.until.is_some());
        let kept = |Named { key, party, .. }: Named| (key, party);
        // The brief ones first: of two about the same the one that holds stays.
        for named in brief {
            let at = named.until.map_or_else(wire::now, wire::learned_at);
            site.store.records.learn(&[kept(named)], at).await?;
        }
        if !long.is_empty() {
            site.store.records.learn(&long.into_iter().map(kept).collect::<Vec<_>>(), wire::now()).await?;
        }
        tracing::info!(answers, "servers of registries and domains named whom to tell");
        Ok(())
    }

    /// Notes the addresses and names of which nobody knows whose they are, in notices that are new. Gives those for which
    /// somebody is there by now.
    async fn look(&mut self, site: &Site, wanted: [bool; 2]) -> Result<HashSet<String>, Problem> {
        let (mut ready, now) = (HashSet::new(), wire::now());
        let waiting = responsible::waiting_from(site, self.from).await?;
        if waiting.iter().any(|notice| notice.party.is_empty()) {
            let (book, barred) = (site.addressees(), site.barred().await?);
            for notice in waiting.into_iter().filter(|notice| notice.party.is_empty()) {
                let Some((_, members)) = site.store.records.notice(&notice.id).await? else { continue };
                for stored in site.store.load(&[&members]).await?.of(&members) {
                    match unclaimed::party(&book, &barred, &stored.event)?.is_empty() {
                        true => self.note(&stored.event, wanted),
                        false => drop(ready.insert(notice.id.clone())),
                    }
                }
            }
        }
        self.from = Some(now);
        Ok(ready)
    }

    /// Notes what of an event that is nobody's so far may be asked about, once, as long as there is room.
    fn note(&mut self, event: &Event<'_>, [rdap, _]: [bool; 2]) {
        if book::is_nobodys(event) {
            return;
        }
        let address = address(event).filter(|_| rdap).map(About::Address);
        let name = name(event).map(About::Name);
        for about in address.into_iter().chain(name) {
            if self.open.len() < OPEN_MAX && self.known.insert(about.clone()) {
                self.open.push_back(about);
            }
        }
    }

    /// Asks about some of it. Gives each network or domain with whom it is told for.
    async fn ask(&mut self, asker: &Asker, wanted: [bool; 2]) -> Vec<Named> {
        let until = Instant::now() + ROUND_MAX;
        let (mut learned, mut asked) = (Vec::<Named>::new(), 0);
        while let Some(about) = self.open.pop_front() {
            if is_learned(&learned, &about) {
                // That may be for a moment alone.
                self.known.remove(&about);
                continue;
            }
            if asked == QUESTIONS_MAX || Instant::now() > until {
                self.open.push_front(about);
                break;
            }
            asked += 1;
            let Came { named, again } = match &about {
                About::Address(address) => {
                    Came { named: asker.ask_rdap(&address.to_string()).await.0.and_then(party), again: None }
                }
                About::Name(name) => ask_name(asker, name, wanted).await,
            };
            match (&named, again) {
                (_, None) => {}
                // Whatever comes when that no longer holds has it asked about anew.
                (Some(_), Some(_)) => drop(self.known.remove(&about)),
                (None, Some(again)) => self.later.push((again, about)),
            }
            learned.extend(named);
        }
        learned
    }
}

/// Whom a name names itself, else whom its registry names, as far as that is wanted: at a registry mostly the registrar
/// stands, who is further away. Where a domain cannot be asked for a moment, that holds no longer than the moment.
async fn ask_name(asker: &Asker, name: &str, [rdap, security_txt]: [bool; 2]) -> Came {
    let own = if security_txt { asker.ask_domain(name).await } else { Domain::default() };
    let again = own.again;
    let named = match own.named.and_then(holder) {
        None if rdap => asker.ask_rdap(name).await.0.and_then(party).map(|named| Named { until: again, ..named }),
        own => own,
    };
    Came { named, again }
}

/// The name that an event is about, or that its URL leads to.
fn name(event: &Event<'_>) -> Option<String> {
    let url = event.text(Field::SOURCE_URL);
    let host = || match url.as_deref().and_then(host::url_host)?.0 {
        Host::Domain(name) => Some(name.into_owned()),
        Host::Ip(_) => None,
    };
    event.text(Field::SOURCE_FQDN).map(Cow::into_owned).or_else(host).filter(|name| name.contains('.'))
}

/// Whether something lies in a network or domain of which somebody was named just now.
fn is_learned(learned: &[Named], about: &About) -> bool {
    let is_in = |party: &Party| match about {
        About::Address(address) => party.prefixes.iter().any(|net| net.contains(*address)),
        About::Name(name) => party.domains.iter().any(|domain| {
            name.strip_suffix(domain.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        }),
    };
    learned.iter().any(|named| is_in(&named.party))
}

/// A domain, and whom it names for itself; nothing where it names no mail address.
fn holder((url, domain, file): NamedByDomain) -> Option<Named> {
    let contact = |mail: String| Contact {
        purpose: SECURITY_TXT_PURPOSE.into(),
        mail,
        language: file.languages.clone(),
        origin: format!("{FILE} {url}"),
        ..Contact::default()
    };
    let contacts: Vec<Contact> = file.mails.iter().cloned().map(contact).collect();
    let name = format!("{domain} ({FILE})");
    let party = Party { name, domains: vec![domain.clone()], contacts, ..Party::default() };
    (!party.contacts.is_empty()).then_some(Named { key: domain, party, until: None })
}

/// The network or domain that an answer is about, and whom it names for that. Who has a domain in which anybody gets a
/// name does not answer for those.
fn party(found: Found) -> Option<Named> {
    let (key, prefixes, domains) = match (found.network, found.domain.clone()) {
        (Some((first, last)), _) => (format!("{first} - {last}"), Net::between(first, last), Vec::new()),
        (None, Some(domain)) if !suffixes::is_shared(&domain) => (format!("RDAP {domain}"), Vec::new(), vec![domain]),
        _ => return None,
    };
    // The object with the mailboxes stands last on the way to it, and has no key everywhere: `registrant EX-1 > abuse
    // AR1`, `registrar 292 > abuse`.
    let on_the_way = found.path.rsplit(" > ").find_map(|step| step.split_once(' '));
    let handle = on_the_way.map_or(found.handle.as_str(), |(_, handle)| handle);
    let name = format!("{} ({})", found.party, format!("RDAP {handle}").trim_end());
    let contact = |(role, mail): (&String, &String)| Contact {
        purpose: role.clone(),
        mail: mail.clone(),
        language: found.languages.clone(),
        origin: format!("RDAP {}", found.url),
        ..Contact::default()
    };
    // Of which the registry says that they do not answer are told where it names nobody else.
    let first = || found.mails.iter().map(|mail| (&found.role, mail));
    let alive = first().filter(|(_, mail)| !found.is_invalid(mail));
    let mut contacts: Vec<Contact> =
        alive.chain(found.later.iter().map(|later| (&later.role, &later.mail))).map(contact).collect();
    if contacts.is_empty() {
        contacts = first().map(contact).collect();
    }
    let party = Party { name: name.trim_start().to_owned(), prefixes, domains, contacts, ..Party::default() };
    Some(Named { key, party, until: None })
}

/// Who named a party that was learned.
pub(crate) fn told_by(party: &Party) -> Whom {
    match party.contacts.first().is_some_and(|contact| contact.origin.starts_with(FILE)) {
        true => Whom::SecurityTxt,
        false => Whom::Rdap,
    }
}

/// Asks once, and takes up what was learned.
pub(super) async fn once(site: &Site) {
    round(site, &mut Learner::default()).await;
    if let Err(problem) = site.refresh_parties().await {
        tracing::warn!("{problem}");
    }
}

/// Trouble with servers of others holds nothing up.
async fn round(site: &Site, learner: &mut Learner) {
    if let Err(problem) = learner.round(site).await {
        tracing::warn!("servers of registries and domains are asked again later: {problem}");
    }
}

/// Asks again and again, until told to stop.
pub(super) async fn work(site: Arc<Site>, stop: CancellationToken) -> Result<(), Problem> {
    let mut learner = Learner::default();
    while !stop.is_cancelled() {
        tokio::select! {
            () = round(&site, &mut learner) => {}
            () = stop.cancelled() => {}
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = stop.cancelled() => {}
        }
    }
    Ok(())
}
