//! The chain of victims: who reached whom, asked in both directions and to its ends.
//!
//! A host is reached before it reaches others, so a path upstream only takes flows that were seen, as
//! far as the clocks can be trusted, before the host they lead to was last seen to go on. Cycles are
//! allowed: a host is visited again only when that may lead further back.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::content::Relation;
use super::fold::Incident;

/// Microseconds of a second.
const SECOND: i64 = 1_000_000;

/// Relations by the hosts at their ends. It is made once for as many questions as are asked of it.
pub struct Chain {
    /// Every host once, in order; hosts are numbers below.
    hosts: Vec<String>,
    into: Edges,
    out_of: Edges,
}

/// Flows by one of their ends.
struct Edges {
    /// Where the flows of each host begin, and where those of the last end.
    starts: Vec<u32>,
    flows: Vec<Flow>,
}

/// A flow as a path takes it.
#[derive(Clone, Copy)]
struct Flow {
    /// The host at its other end.
    other: u32,
    port: u16,
    /// It leads on to bounds of this and above.
    from: i64,
    /// The bound behind it is this at most.
    until: i64,
    first_seen: i64,
    /// By then it was seen first, whichever way its clock was wrong.
    begun: i64,
}

/// A host on a path, and the flows that lead on from the one before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hop<'c> {
    /// The host.
    pub host: &'c str,
    /// Steps of the shortest path from where it began that time allows.
    pub steps: u32,
    /// The host it was reached from by that path (upstream: which it reached); empty where the path began. That one
    /// may be nearer by a path of its own, on which time does not allow to go on.
    pub next_to: &'c str,
    /// Flows out of it count until then (upstream), or from then on (downstream); microseconds since 1970.
    pub bound: i64,
    /// Whether nothing more is known behind it.
    pub is_end: bool,
}

/// A host as it is walked to.
#[derive(Clone, Copy)]
struct Step {
    steps: u32,
    next_to: u32,
    bound: i64,
    is_end: bool,
}

/// What to ask the owner of a host for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogRequest<'c> {
    /// The host.
    pub host: &'c str,
    /// Flows into it before this moment are wanted.
    pub before: i64,
    /// The ports on which it was seen to be reached or to go on; they say where to look first.
    pub ports: BTreeSet<u16>,
}

impl Edges {
    /// Flows, each with the host it is found by.
    fn new(hosts: usize, flows: impl Iterator<Item = (u32, Flow)> + Clone) -> Self {
        let mut starts = vec![0u32; hosts + 1];
        for (host, _) in flows.clone() {
            if let Some(count) = starts.get_mut(host as usize + 1) {
                *count += 1;
            }
        }
        let mut sum = 0;
        for start in &mut starts {
            sum += *start;
            *start = sum;
        }
        let mut sorted: Vec<(u32, Flow)> = flows.collect();
        // Stable: flows of a host stay in the order they were written.
        sorted.sort_by_key(|(host, _)| *host);
        Self { starts, flows: sorted.into_iter().map(|(_, flow)| flow).collect() }
    }

    fn of(&self, host: u32) -> &[Flow] {
        let at = |host: usize| self.starts.get(host).map_or(0, |start| *start as usize);
        self.flows.get(at(host as usize)..at(host as usize + 1)).unwrap_or_default()
    }
}

impl Chain {
    /// The chain of an incident's relations.
    pub fn new(relations: &[Arc<Relation>]) -> Self {
        let mut numbers: HashMap<&str, u32> = HashMap::new();
        for relation in relations {
            numbers.insert(&relation.from, 0);
            numbers.insert(&relation.to, 0);
        }
        let mut hosts: Vec<String> = numbers.keys().map(|host| (*host).to_owned()).collect();
        hosts.sort_unstable();
        for (number, host) in (0u32..).zip(&hosts) {
            if let Some(known) = numbers.get_mut(host.as_str()) {
                *known = number;
            }
        }
        let number = |host: &str| numbers.get(host).copied().unwrap_or_default();
        let error = |relation: &Relation| i64::from(relation.clock_error) * SECOND;
        let first = |relation: &Relation| relation.first_seen.saturating_sub(error(relation));
        let last = |relation: &Relation| relation.last_seen.saturating_add(error(relation));
        let flow = |relation: &Relation, other: &str, (from, until): (i64, i64)| Flow {
            other: number(other),
            port: relation.port,
            from,
            until,
            first_seen: relation.first_seen,
            begun: relation.first_seen.saturating_add(error(relation)),
        };
        let into = relations
            .iter()
            .map(|relation| (number(&relation.to), flow(relation, &relation.from, (first(relation), last(relation)))));
        let out_of = relations.iter().map(|relation| {
            // Turned round, so that the greater bound is the one that leads further here too.
            let bounds = (last(relation).saturating_neg(), first(relation).saturating_neg());
            (number(&relation.from), flow(relation, &relation.to, bounds))
        });
        Self { into: Edges::new(hosts.len(), into), out_of: Edges::new(hosts.len(), out_of), hosts }
    }

    /// Hosts from which this one may have been reached, nearest first, back to the earliest known.
    pub fn upstream<'c>(&'c self, host: &'c str) -> Vec<Hop<'c>> {
        self.walk(host, &self.into)
    }

    /// Hosts that may have been reached from this one, nearest first.
    pub fn downstream<'c>(&'c self, host: &'c str) -> Vec<Hop<'c>> {
        let mut hops = self.walk(host, &self.out_of);
        for hop in &mut hops {
            hop.bound = hop.bound.saturating_neg();
        }
        hops
    }

    fn host(&self, number: u32) -> &str {
        self.hosts.get(number as usize).map_or("", String::as_str)
    }

    fn walk<'c>(&'c self, start: &'c str, edges: &Edges) -> Vec<Hop<'c>> {
        let Some(first) = self.hosts.binary_search_by(|host| host.as_str().cmp(start)).ok() else {
            return vec![Hop { host: start, steps: 0, next_to: "", bound: i64::MAX, is_end: true }];
        };
        let first = u32::try_from(first).unwrap_or(u32::MAX);
        let mut known: Vec<Option<Step>> = vec![None; self.hosts.len()];
        let mut better: Vec<Option<Step>> = known.clone();
        if let Some(place) = known.get_mut(first as usize) {
            *place = Some(Step { steps: 0, next_to: u32::MAX, bound: i64::MAX, is_end: true });
        }
        let (mut at, mut next, mut steps) = (vec![first], Vec::new(), 0);
        while !at.is_empty() {
            steps += 1;
            for host in at.drain(..) {
                let Some(step) = known.get(host as usize).copied().flatten() else { continue };
                let mut is_end = true;
                for flow in edges.of(host).iter().filter(|flow| flow.from <= step.bound) {
                    is_end = false;
                    let bound = step.bound.min(flow.until);
                    let before = known.get(flow.other as usize).copied().flatten();
                    // The start is where all of it began, so it is never reached again.
                    if flow.other == first || before.is_some_and(|before| before.bound >= bound) {
                        continue;
                    }
                    let Some(place) = better.get_mut(flow.other as usize) else { continue };
                    if place.is_none() {
                        next.push(flow.other);
                    }
                    if place.is_none_or(|other| other.bound < bound) {
                        // A longer path that leads further says nothing new of how far the host itself is.
                        let (steps, next_to) = before.map_or((steps, host), |before| (before.steps, before.next_to));
                        *place = Some(Step { steps, next_to, bound, is_end: true });
                    }
                }
                if let Some(Some(kept)) = known.get_mut(host as usize) {
                    kept.is_end = is_end;
                }
            }
            for host in &next {
                if let (Some(kept), Some(found)) = (known.get_mut(*host as usize), better.get_mut(*host as usize)) {
                    *kept = found.take();
                }
            }
            // What is found first among equals does not depend on the order of the relations.
            next.sort_unstable();
            std::mem::swap(&mut at, &mut next);
        }
        let found = (0u32..).zip(&known).filter_map(|(host, step)| Some((host, (*step)?)));
        let mut found: Vec<(u32, Step)> = found.collect();
        found.sort_by_key(|(_, step)| step.steps);
        let hop = |(host, step): (u32, Step)| Hop {
            host: self.host(host),
            steps: step.steps,
            next_to: self.host(step.next_to),
            bound: step.bound,
            is_end: step.is_end,
        };
        found.into_iter().map(hop).collect()
    }

    /// Hosts of the whole chain whose upstream is not known, with what to ask for: those that began to go on before
    /// anything is known to have reached them, as far as the clocks can be trusted.
    pub fn frontier(&self) -> Vec<LogRequest<'_>> {
        let hosts = (0u32..).zip(&self.hosts);
        let requests = hosts.filter_map(|(number, host)| {
            // That a host reached itself says nothing of who reached it.
            let into = self.into.of(number).iter().filter(|flow| flow.other != number);
            let out_of = || self.out_of.of(number).iter().filter(|flow| flow.other != number);
            let reached = into.map(|flow| flow.from).min();
            let earliest = out_of().min_by_key(|flow| (flow.begun, flow.first_seen))?;
            if reached.is_some_and(|reached| reached <= earliest.begun) {
                return None;
            }
            let ports = out_of().map(|flow| flow.port).filter(|port| *port != 0).collect();
            Some(LogRequest { host: host.as_str(), before: earliest.first_seen, ports })
        });
        requests.collect()
    }
}

/// A flow that was seen once or several times: the same hosts, port and technique.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joined<'r> {
    /// As it was seen first.
    pub relation: &'r Relation,
    /// When it was seen first, by any who tell of it.
    pub first_seen: i64,
    /// When it was seen last.
    pub last_seen: i64,
    /// How wrong the worst of their clocks may be, in seconds.
    pub clock_error: u32,
    /// How sure the surest is, in percent.
    pub certainty: u8,
    /// Each time it was told, in the order given.
    pub told: Vec<&'r Relation>,
}

/// Flows, each once however often it was told, in the order in which they were told first. Paths are not asked of these:
/// a flow that was seen in the morning and in the evening says nothing of noon.
pub fn joined<'r>(relations: impl IntoIterator<Item = &'r Relation>) -> Vec<Joined<'r>> {
    let mut places: HashMap<(&str, &str, u16, &str), usize> = HashMap::new();
    let mut all: Vec<Joined<'r>> = Vec::new();
    for relation in relations {
        let Relation { from, to, port, technique, first_seen, last_seen, clock_error, certainty, .. } = relation;
        let place = *places.entry((from.as_str(), to.as_str(), *port, technique.as_str())).or_insert(all.len());
        let Some(known) = all.get_mut(place) else {
            all.push(Joined {
                relation,
                first_seen: *first_seen,
                last_seen: *last_seen,
                clock_error: *clock_error,
                certainty: *certainty,
                told: vec![relation],
            });
            continue;
        };
        // Among those of the same moment the order in which they were written says nothing.
        let order = |one: &'r Relation| (one.first_seen, one.last_seen, one.line, &one.evidence, &one.zone);
        if order(relation) < order(known.relation) {
            known.relation = relation;
        }
        known.first_seen = known.first_seen.min(*first_seen);
        known.last_seen = known.last_seen.max(*last_seen);
        known.clock_error = known.clock_error.max(*clock_error);
        known.certainty = known.certainty.max(*certainty);
        known.told.push(relation);
    }
    all
}

/// A flow as a party may know it: its own host, and a neighbour that may have no name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Neighbour<'r> {
    /// The party's host.
    pub host: &'r str,
    /// Whether the neighbour reached the host, or was reached from it.
    pub is_upstream: bool,
    /// The neighbour, where the party may know it.
    pub neighbour: Option<&'r str>,
    /// What was seen.
    pub flow: Joined<'r>,
}

/// The flows in which hosts of a party have a part. Who a neighbour is is told where it is the party's
/// own, or was released to it.
pub fn neighbours<'i>(incident: &'i Incident, party: &str) -> Vec<Neighbour<'i>> {
    let is_own = |host: &str| incident.hosts.get(host).is_some_and(|owner| owner == party);
    let may_know = |host: &str| is_own(host) || incident.named.contains(&(host.to_owned(), party.to_owned()));
    let mut found = Vec::new();
    for flow in joined(incident.relations.iter().map(Arc::as_ref)) {
        let (from, to) = (flow.relation.from.as_str(), flow.relation.to.as_str());
        for (host, other, is_upstream) in [(to, from, true), (from, to, false)] {
            if is_own(host) {
                let neighbour = may_know(other).then_some(other);
                found.push(Neighbour { host, is_upstream, neighbour, flow: flow.clone() });
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn shared(relations: &[Relation]) -> Vec<Arc<Relation>> {
        relations.iter().cloned().map(Arc::new).collect()
    }

    fn flow(from: &str, to: &str, first: i64, last: i64) -> Relation {
        Relation {
            from: from.into(),
            to: to.into(),
            first_seen: first * SECOND,
            last_seen: last * SECOND,
            clock_error: 0,
            port: 22,
            technique: String::new(),
            certainty: 80,
            zone: String::new(),
            evidence: String::new(),
            line: 0,
        }
    }

    fn hosts(hops: &[Hop<'_>]) -> String {
        let host = |hop: &Hop<'_>| format!("{}{}{}", hop.host, hop.steps, if hop.is_end { "!" } else { "" });
        hops.iter().map(host).collect::<Vec<_>>().join(" ")
    }

    /// INVARIANT: flows that were told twice are one, whatever the order in which they were told.
    #[test]
    fn a_flow_told_twice_is_one_whatever_the_order() {
        let relations = [
            flow("a", "b", 30, 40),
            Relation { evidence: "e".into(), line: 4, certainty: 90, ..flow("a", "b", 10, 20) },
            Relation { clock_error: 60, ..flow("a", "b", 10, 50) },
            Relation { port: 80, ..flow("a", "b", 1, 2) },
            flow("b", "a", 5, 6),
        ];
        let say = |relations: &[Relation]| {
            let mut said: Vec<String> = joined(relations)
                .iter()
                .map(|one| {
                    let Joined { relation, first_seen, last_seen, clock_error, certainty, told } = one;
                    let [first_seen, last_seen] = [first_seen, last_seen].map(|time| time / SECOND);
                    let mut told: Vec<_> =
                        told.iter().map(|one| (one.first_seen / SECOND, one.last_seen / SECOND)).collect();
                    told.sort_unstable();
                    format!(
                        "{} {} {} {first_seen}-{last_seen} {clock_error} {certainty} line {} {told:?}",
                        relation.from, relation.to, relation.port, relation.line
                    )
                })
                .collect();
            said.sort();
            said
        };
        let want = say(&relations);
        assert!(
            want.len() == 3
                && want.iter().any(|one| one.contains(" 10-50 60 90 line 4 [(10, 20), (10, 50), (30, 40)]")),
            "{want:#?}"
        );
        let mut turned = relations.to_vec();
        for round in 0..60 {
            turned.rotate_left(1 + round % 3);
            turned.swap(round % 5, (round * 3 + 1) % 5);
            assert_eq!(say(&turned), want, "{turned:?}");
        }
        // One that is gone leaves the other.
        let left = joined(relations.get(1..).unwrap());
        assert_eq!((left.len(), left[0].told.len(), left[0].last_seen), (3, 2, 50 * SECOND));
    }

    #[test]
    fn paths_lead_back_in_time_alone() {
        // d reached c after c was done with b, so it is not where b was reached from.
        let relations = [flow("a", "b", 30, 40), flow("c", "a", 10, 20), flow("d", "c", 50, 60), flow("e", "c", 1, 2)];
        let relations = shared(&relations);
        let chain = Chain::new(&relations);
        assert_eq!(hosts(&chain.upstream("b")), "b0 a1 c2 e3!");
        assert_eq!(hosts(&chain.downstream("e")), "e0 c1 a2 b3!");
        assert_eq!(hosts(&chain.downstream("d")), "d0 c1!");
        assert_eq!(hosts(&chain.upstream("x")), "x0!");
        let ends: Vec<&str> = chain.frontier().iter().map(|request| request.host).collect();
        assert_eq!(ends, ["d", "e"]);
        assert_eq!(chain.frontier()[1].before, SECOND);
    }

    #[test]
    fn clocks_that_may_be_wrong_are_given_their_error() {
        let late = Relation { clock_error: 100, ..flow("d", "c", 50, 60) };
        let relations = [flow("c", "b", 10, 20), late];
        assert_eq!(hosts(&Chain::new(&shared(&relations)).upstream("b")), "b0 c1 d2!");
    }

    /// Steps are those of the shortest path that time allows, also where it goes by a host that is nearer by another.
    #[test]
    fn steps_are_those_of_a_path_that_time_allows() {
        let flows = [("1", "9", 10), ("1", "2", 4), ("2", "3", 5), ("3", "9", 6), ("9", "10", 7)];
        let relations = shared(&flows.map(|(from, to, time)| flow(from, to, time, time)));
        let chain = Chain::new(&relations);
        let said: Vec<String> =
            chain.downstream("1").iter().map(|hop| format!("{} {} {}", hop.host, hop.steps, hop.next_to)).collect();
        assert_eq!(said, ["1 0 ", "2 1 1", "9 1 1", "3 2 2", "10 4 9"]);
    }

    /// INVARIANT: cycles end, and a host that leads further back by a later flow is looked at again.
    #[test]
    fn cycles_end_and_hide_nothing() {
        let relations = [
            flow("a", "b", 10, 20),
            flow("b", "a", 5, 30),
            flow("b", "c", 40, 50),
            flow("a", "c", 1, 2),
            flow("x", "a", 8, 9),
        ];
        assert_eq!(hosts(&Chain::new(&shared(&relations)).upstream("c")), "c0 a1 b1 x3!");
    }

    /// A flow into a host that came after it had gone on does not say who reached it.
    #[test]
    fn a_host_that_was_reached_only_later_is_asked_about() {
        let relations =
            [flow("1", "2", 200, 200), flow("2", "3", 240, 240), flow("1", "4", 720, 720), flow("9", "1", 600, 600)];
        let relations = shared(&relations);
        let chain = Chain::new(&relations);
        assert_eq!(hosts(&chain.upstream("3")), "30 21 12!");
        let asked = |chain: &Chain| {
            chain.frontier().iter().map(|ask| format!("{} {}", ask.host, ask.before / SECOND)).collect::<Vec<_>>()
        };
        assert_eq!(asked(&chain), ["1 200", "9 600"]);
        // It was at work for hours before the first that is known to have reached it.
        let long = shared(&[flow("2", "3", 4, 12), flow("9", "2", 11, 11)]);
        assert_eq!(asked(&Chain::new(&long)), ["2 4", "9 11"]);
        // A cycle began somewhere.
        let cycle = shared(&[flow("a", "b", 1, 1), flow("b", "c", 2, 2), flow("c", "a", 3, 3)]);
        assert_eq!(asked(&Chain::new(&cycle)), ["a 1"]);
    }

    /// Every host found by going along paths one by one is found, and no other; and the frontier is what its words
    /// say.
    #[test]
    fn any_graph_gives_what_a_slow_search_gives() {
        let mut seed = 11u64;
        let mut random = move |below: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % below
        };
        for _ in 0..300 {
            let relations: Vec<Relation> = (0..random(14))
                .map(|_| {
                    let (from, to) = (random(6).to_string(), random(6).to_string());
                    let first = i64::try_from(random(20)).unwrap();
                    flow(&from, &to, first, first + i64::try_from(random(8)).unwrap())
                })
                .collect();
            fn slow(relations: &[Relation], host: &str, bound: i64, steps: u32, found: &mut BTreeMap<String, u32>) {
                let nearest = found.entry(host.to_owned()).or_insert(steps);
                *nearest = steps.min(*nearest);
                for relation in relations.iter().filter(|relation| relation.to == host && relation.from != "0") {
                    if steps < 6 && relation.first_seen <= bound {
                        slow(relations, &relation.from, bound.min(relation.last_seen), steps + 1, found);
                    }
                }
            }
            let mut want = BTreeMap::new();
            slow(&relations, "0", i64::MAX, 0, &mut want);
            let shared = shared(&relations);
            let chain = Chain::new(&shared);
            let got: BTreeMap<String, u32> =
                chain.upstream("0").iter().map(|hop| (hop.host.to_owned(), hop.steps)).collect();
            assert_eq!(got, want, "{relations:?}");
            let is_known = |out: &Relation| {
                relations
                    .iter()
                    .any(|flow| flow.to == out.from && flow.from != out.from && flow.first_seen <= out.first_seen)
            };
            let mut asked = BTreeMap::new();
            for out in relations.iter().filter(|out| out.from != out.to && !is_known(out)) {
                let before = asked.entry(out.from.as_str()).or_insert(out.first_seen);
                *before = out.first_seen.min(*before);
            }
            let frontier = chain.frontier();
            let got: Vec<(&str, i64)> = frontier.iter().map(|ask| (ask.host, ask.before)).collect();
            assert_eq!(got, asked.into_iter().collect::<Vec<_>>(), "{relations:?}");
        }
    }
}
