//! What of a report concerns incidents: events that rules catch, and events of hosts that incidents know.
//!
//! It is gathered while events are written and brought into the incidents in the transaction that settles
//! the report. A site without such rules and without hosts in incidents pays one test for each event.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;

use concert_model::batch::Raw;
use concert_model::{Event, Field, Problem, Time};
use concert_pipeline::enrich::Constituents;
use concert_pipeline::judge::{Opening, Rule};
use concert_store::records::Change;

use super::live;
use crate::incidents::{Caught, Incidents, Met, host_of, when};
use crate::lacking;
use crate::wire::Site;

/// Keys of one rule that a report may have; what has others goes together.
const KEYS_MAX: usize = 10_000;
/// Flows of known hosts gathered from one report, and of one host.
const MET_MAX: usize = 20_000;
/// The key of what has a key too many.
const REST: &[u8] = b"(further keys)";

/// What a rule caught.
type ByKey = HashMap<Box<[u8]>, Caught>;

/// What was gathered of the report being written.
#[derive(Default)]
pub(super) struct Catching {
    /// Rules that open incidents, by their index, with what they caught by key.
    rules: Vec<(usize, ByKey)>,
    /// How many events of a rule lack a part of its key, and so belong to no incident of it.
    lacking: BTreeMap<usize, u64>,
    /// Hosts that incidents know, also closed ones, up to this entry.
    hosts: Hosts,
    hosts_until: u64,
    /// Flows of these hosts, each once, with how many were too many.
    met: BTreeMap<Met, ()>,
    too_many: HashMap<Box<str>, u64>,
    incidents: Option<(Arc<Constituents>, Incidents)>,
    /// Incidents that were written into.
    touched: Vec<String>,
}

/// Hosts in the forms in which events have them, so that asking costs no more than a look.
#[derive(Default)]
struct Hosts {
    addresses: HashSet<IpAddr>,
    names: HashSet<Box<str>>,
}

impl Hosts {
    fn add(&mut self, host: String) {
        match host.parse() {
            Ok(address) => drop(self.addresses.insert(address)),
            Err(_) => drop(self.names.insert(host.into())),
        }
    }

    fn is_empty(&self) -> bool {
        self.addresses.is_empty() && self.names.is_empty()
    }

    fn has(&self, event: &Event<'_>, field: Field) -> bool {
        match event.raw(field) {
            Some(Raw::Ip(address)) => self.addresses.contains(&address),
            Some(Raw::Text(name)) => self.names.contains(name),
            _ => false,
        }
    }
}

fn opening(site: &Site, index: usize) -> Option<(&Rule, &Opening)> {
    let rule = site.settings.judge.rules().get(index)?;
    Some((rule, rule.opening()?))
}

impl Catching {
    pub(super) fn new(site: &Site) -> Self {
        let rules = site.settings.judge.rules().iter().enumerate();
        let rules = rules.filter(|(_, rule)| rule.opening().is_some()).map(|(index, _)| (index, HashMap::new()));
        Self { rules: rules.collect(), ..Self::default() }
    }

    /// Takes up hosts that entries named since the last report. Reports go on whatever becomes of it.
    pub(super) async fn begin_report(&mut self, site: &Site) -> Result<(), Problem> {
        let newest = site.store.records.last_entry().await?;
        if newest > self.hosts_until {
            let hosts = site.store.records.hosts_after(self.hosts_until).await?;
            hosts.into_iter().for_each(|host| self.hosts.add(host));
            self.hosts_until = newest;
        }
        Ok(())
    }

    /// Looks at an event that is stored.
    pub(super) fn see(&mut self, site: &Site, event: &Event<'_>, scratch: &mut Vec<u8>) {
        for (index, caught) in &mut self.rules {
            if let Some((rule, opening)) = opening(site, *index)
                && rule.condition().holds(event)
            {
                if !opening.takes(event) {
                    *self.lacking.entry(*index).or_default() += 1;
                    continue;
                }
                scratch.clear();
                opening.key(event, scratch);
                catch(caught, opening, event, scratch);
            }
        }
        if !self.hosts.is_empty() {
            self.meet(event);
        }
    }

    fn meet(&mut self, event: &Event<'_>) {
        for field in [Field::SOURCE_IP, Field::SOURCE_FQDN] {
            if !self.hosts.has(event, field) {
                continue;
            }
            let Some(host) = host_of(event, field) else { continue };
            if self.met.len() < MET_MAX {
                // Of the same flow the first is enough.
                self.met.entry(Met::new(host, event)).or_insert(());
            } else {
                *self.too_many.entry(host).or_default() += 1;
            }
            return;
        }
    }

    /// Brings what was gathered into incidents, as part of the change that settles the report.
    pub(super) async fn write(&mut self, site: &Site, change: &mut Change<'_>, now: Time) -> Result<(), Problem> {
        for (index, events) in std::mem::take(&mut self.lacking) {
            if let Some((rule, _)) = opening(site, index) {
                let rule = rule.name();
                tracing::warn!(
                    rule,
                    events,
                    "{events} events lack a field of the key of `{rule}` and open no incident"
                );
                lacking::count(change, rule, events, now).await?;
            }
        }
        let is_idle = self.met.is_empty() && self.rules.iter().all(|(_, caught)| caught.is_empty());
        if is_idle {
            return Ok(());
        }
        let met: Vec<Met> = std::mem::take(&mut self.met).into_keys().collect();
        let too_many = std::mem::take(&mut self.too_many);
        let rules: Vec<(usize, Vec<Caught>)> = self
            .rules
            .iter_mut()
            .map(|(index, caught)| {
                let mut all: Vec<Caught> = std::mem::take(caught).into_values().collect();
                all.sort_by(|one, other| (one.times.0, &one.key).cmp(&(other.times.0, &other.key)));
                (*index, all)
            })
            .collect();
        self.know(site);
        let Some((_, incidents)) = &self.incidents else { return Ok(()) };
        let touched = &mut self.touched;
        for (index, caught) in rules {
            if let Some((rule, opening)) = opening(site, index) {
                incidents.catch(change, now, (rule.name(), opening), caught, touched).await?;
            }
        }
        incidents.propose(change, now, met, &too_many, touched).await
    }

    /// Without the key of the site (a backup made without keys) nothing can be signed; reports go on.
    fn know(&mut self, site: &Site) {
        let constituents = site.constituents();
        if self.incidents.as_ref().is_some_and(|(known, _)| Arc::ptr_eq(known, &constituents)) {
            return;
        }
        match site.incidents() {
            Ok(incidents) => self.incidents = Some((constituents, incidents)),
            Err(failure) => tracing::error!("events are not brought into incidents: {failure:?}"),
        }
    }

    /// The report is settled: what was written into incidents holds.
    pub(super) async fn end_report(&mut self) -> Result<(), Problem> {
        let touched = std::mem::take(&mut self.touched);
        match &self.incidents {
            Some((_, incidents)) => incidents.take_up(&touched).await,
            None => Ok(()),
        }
    }

    /// Forgets what was gathered of a report that could not be written.
    pub(super) fn forget_report(&mut self) {
        self.rules.iter_mut().for_each(|(_, caught)| caught.clear());
        self.lacking.clear();
        self.met.clear();
        self.too_many.clear();
        self.touched.clear();
    }
}

fn catch(caught: &mut ByKey, opening: &Opening, event: &Event<'_>, key: &[u8]) {
    let (id, time, label) = (event.row().id, when(event), live::label(event));
    let is_full = caught.len() >= KEYS_MAX && !caught.contains_key(key);
    let key = if is_full { REST } else { key };
    if let Some(known) = caught.get_mut(key) {
        return known.add(id, time, label);
    }
    let party = if opening.is_of_one_party && !is_full { event.text(Field::PARTY) } else { None };
    let new = Caught {
        key: String::from_utf8_lossy(key).into_owned(),
        title: if is_full { opening.title_of_rest() } else { opening.title(event) },
        classification: opening.classification(event),
        severity: opening.severity(event),
        party: party.unwrap_or_default().into_owned(),
        events: vec![id],
        more: 0,
        times: (time, time),
        label,
    };
    caught.insert(key.into(), new);
}
