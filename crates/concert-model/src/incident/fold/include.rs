//! What an incident shows of others: of those merged into it, and of entries that were split off for it.

use std::collections::BTreeMap;

use super::Incident;
use crate::incident::process::run::{Home, Run};

impl Incident {
    /// Of all that it says what speaks against telling others of it: who must wait, whose hosts are whose and next to
    /// which others, how parties stand, and their addresses in messages.
    pub fn binding(&self) -> Self {
        let mut binding = self.standings();
        binding.hosts.clone_from(&self.hosts);
        binding.relations.clone_from(&self.relations);
        binding.named.clone_from(&self.named);
        binding.held.clone_from(&self.held);
        binding.messages.clone_from(&self.messages);
        binding
    }

    /// Of all that it says how its parties stand.
    pub fn standings(&self) -> Self {
        Self { parties: self.parties.clone(), ..Self::default() }
    }

    /// Shows what another incident says, too: its parties, hosts, flows, timeline, processes and the like. Fields, roles,
    /// clocks and the order of telling stay those of each. Of two that say something of the same party the later holds.
    ///
    /// `number` tells findings, tasks and runs of processes apart that have the same names.
    pub fn include(&mut self, mut other: Self, number: &str) {
        self.settle_parties();
        other.settle_parties();
        for (name, party) in other.parties {
            let known = self.parties.entry(name).or_default();
            if party.since > known.since {
                *known = party;
            }
        }
        for item in other.timeline {
            self.happen(item);
        }
        for (host, party) in other.hosts {
            self.hosts.entry(host).or_insert(party);
        }
        for (host, stamp) in other.found {
            let known = self.found.entry(host).or_insert(stamp);
            *known = stamp.min(*known);
        }
        let mut renamed = BTreeMap::new();
        for (name, finding) in other.findings {
            // What was written of it here came later: the other takes no more entries.
            let own = self.finding_names.called(&finding.name, &finding.item);
            if let Some(own) = own.filter(|own| !finding.item.is_empty() && self.findings.contains_key(*own)) {
                renamed.insert(name, own.to_owned());
                continue;
            }
            let called = if self.findings.contains_key(&name) { format!("{name} ({number})") } else { name.clone() };
            self.findings.entry(called.clone()).or_insert(finding);
            renamed.insert(name, called);
        }
        for (name, task) in other.tasks {
            if !task.item.is_empty() && self.task_names.called(&task.name, &task.item).is_some() {
                continue;
            }
            let name = if self.tasks.contains_key(&name) { format!("{name} ({number})") } else { name };
            self.tasks.entry(name).or_insert(task);
        }
        self.include_runs(other.runs, (&other.id, other.closed.is_some()), number);
        for (sha256, exhibit) in other.evidence {
            self.evidence.entry(sha256).or_insert(exhibit);
        }
        for (key, minutes) in other.minutes {
            let all = self.minutes.entry(key).or_default();
            *all = all.saturating_add(minutes);
        }
        for (event, proposed) in other.proposals {
            self.proposals.entry(event).or_insert(proposed);
        }
        for (event, accepted) in other.answered {
            self.answered.entry(event).or_insert(accepted);
        }
        for (finding, shown) in other.indicated {
            let called = renamed.remove(&finding).unwrap_or(finding);
            self.indicated.entry(called).or_insert(shown);
        }
        self.observables.extend(other.observables);
        for relation in other.relations {
            self.relate(relation);
        }
        self.events.extend(other.events);
        self.more_events = self.more_events.saturating_add(other.more_events);
        self.notices.extend(other.notices);
        self.named.extend(other.named);
        self.lessons.extend(other.lessons);
        self.messages.extend(other.messages);
        self.messages.sort_by_key(|letter| letter.stamp);
        self.deliveries.extend(other.deliveries);
        self.sorted.extend(other.sorted);
        for (party, reason) in other.held {
            self.held.entry(party).or_insert(reason);
        }
    }

    /// Shows runs of another incident, each with where it was begun.
    fn include_runs(&mut self, runs: BTreeMap<String, Run>, (incident, is_closed): (&str, bool), number: &str) {
        for (name, mut run) in runs {
            let home = Home { incident: incident.to_owned(), run: name.clone(), is_closed };
            run.home.get_or_insert(home);
            let name = if self.runs.contains_key(&name) { format!("{name} ({number})") } else { name };
            self.runs.entry(name).or_insert(run);
        }
    }
}
