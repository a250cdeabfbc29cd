//! Asking the servers of registries (RDAP) about networks for which the contact book has nobody, where the settings
//! want it: notices that would wait for a contact go to whom they name.
//!
//! Nothing waits for an answer: it is kept like an import of parties, and whatever waits is looked at again. What a
//! server said of a network holds for the whole network, so a report about a thousand of its addresses is one question.

use std::collections::{HashSet, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use concert_model::{Contact, Event, Net, Party, Problem, Time};
use concert_pipeline::enrich::book;
use concert_pipeline::enrich::constituents::address;
use concert_pipeline::registry::rdap::Found;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{responsible, unclaimed};
use crate::ask::Asker;
use crate::settings::Whom;
use crate::wire::{self, Site};

/// Between two rounds.
const EVERY: Duration = Duration::from_secs(5);
/// Questions of one round; one server is asked twice a second.
const QUESTIONS_MAX: usize = 50;
/// Longest time of one round.
const ROUND_MAX: Duration = Duration::from_secs(60);
/// Addresses that wait to be asked about. Those for which there is no room are found when all begins anew.
const OPEN_MAX: usize = 10_000;
/// After so long all begins anew, and whatever brought nobody is asked again.
const AGAIN_AFTER: Duration = Duration::from_secs(3_600);

/// What is known of the notices that wait.
struct Learner {
    /// Notices made since then are yet to be looked at; all of them at first.
    from: Option<Time>,
    /// Addresses that are to be asked about.
    open: VecDeque<IpAddr>,
    /// Those, and those that were asked about.
    known: HashSet<IpAddr>,
    since: Instant,
}

impl Default for Learner {
    fn default() -> Self {
        Self { from: None, open: VecDeque::new(), known: HashSet::new(), since: Instant::now() }
    }
}

impl Learner {
    /// Looks through what waits, and asks.
    async fn round(&mut self, site: &Site) -> Result<(), Problem> {
        if !site.settings.lookup.responsible.contains(&Whom::Rdap) {
            return Ok(());
        }
        if self.since.elapsed() > AGAIN_AFTER {
            *self = Self::default();
        }
        let ready = self.look(site).await?;
        if !ready.is_empty() {
            responsible::address_some(site, &ready).await?;
        }
        if self.open.is_empty() {
            return Ok(());
        }
        let Some(asker) = Asker::open(&site.settings).await? else { return Ok(()) };
        let learned = self.ask(&asker).await;
        if !learned.is_empty() {
            site.store.records.learn(&learned, wire::now()).await?;
            tracing::info!(networks = learned.len(), "servers of registries named whom to tell");
        }
        Ok(())
    }

    /// Notes the addresses of which nobody knows whose they are, in notices that are new. Gives those for which somebody
    /// is there by now.
    async fn look(&mut self, site: &Site) -> Result<HashSet<String>, Problem> {
        let (mut ready, now) = (HashSet::new(), wire::now());
        let waiting = responsible::waiting_from(site, self.from).await?;
        if waiting.iter().any(|notice| notice.party.is_empty()) {
            let (book, barred) = (site.addressees(), site.barred().await?);
            for notice in waiting.into_iter().filter(|notice| notice.party.is_empty()) {
                let Some((_, members)) = site.store.records.notice(&notice.id).await? else { continue };
                for stored in site.store.load(&[&members]).await?.of(&members) {
                    match unclaimed::party(&book, &barred, &stored.event)?.is_empty() {
                        true => self.note(&stored.event),
                        false => drop(ready.insert(notice.id.clone())),
                    }
                }
            }
        }
        self.from = Some(now);
        Ok(ready)
    }

    /// Notes the address of an event that is nobody's so far, once, as long as there is room.
    fn note(&mut self, event: &Event<'_>) {
        if let Some(address) = address(event).filter(|_| !book::is_nobodys(event) && self.open.len() < OPEN_MAX)
            && self.known.insert(address)
        {
            self.open.push_back(address);
        }
    }

    /// Asks about some addresses. Gives each network with whom its server names.
    async fn ask(&mut self, asker: &Asker) -> Vec<(String, Party)> {
        let until = Instant::now() + ROUND_MAX;
        let (mut learned, mut asked) = (Vec::<(String, Party)>::new(), 0);
        while let Some(address) = self.open.pop_front() {
            if is_learned(&learned, address) {
                continue;
            }
            if asked == QUESTIONS_MAX || Instant::now() > until {
                self.open.push_front(address);
                break;
            }
            asked += 1;
            learned.extend(asker.ask(&address.to_string(), None).await.rdap.and_then(party));
        }
        learned
    }
}

/// Whether an address lies in a network of which somebody was named just now.
fn is_learned(learned: &[(String, Party)], address: IpAddr) -> bool {
    learned.iter().any(|(_, party)| party.prefixes.iter().any(|net| net.contains(address)))
}

/// The network that an answer is about, and whom it names for it.
fn party(found: Found) -> Option<(String, Party)> {
    let (first, last) = found.network?;
    // The object with the mailboxes stands last on the way to it: `registrant EX-1 > abuse AR1`.
    let last_on_the_way = found.path.rsplit(" > ").next().and_then(|step| step.split_once(' '));
    let handle = last_on_the_way.map_or(found.handle.as_str(), |(_, handle)| handle);
    let name = format!("{} ({})", found.party, format!("RDAP {handle}").trim_end());
    let contact = |mail: String| Contact {
        purpose: found.role.clone(),
        mail,
        language: found.languages.clone(),
        origin: format!("RDAP {}", found.url),
        ..Contact::default()
    };
    let party = Party {
        name: name.trim_start().to_owned(),
        prefixes: Net::between(first, last),
        contacts: found.mails.iter().cloned().map(contact).collect(),
        ..Party::default()
    };
    Some((format!("{first} - {last}"), party))
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
        tracing::warn!("servers of registries are asked again later: {problem}");
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
