//! The chain of victims: who reached whom, asked in both directions and to its ends.
//!
//! A host is reached before it reaches others, so a path upstream only takes flows that were seen, as
//! far as the clocks can be trusted, before the host they lead to was last seen to go on. Cycles are
//! allowed: a host is visited again only when that may lead further back.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::content::Relation;
use super::fold::Incident;

/// Microseconds of a second.
const SECOND: i64 = 1_000_000;

/// Relations by the hosts at their ends.
pub struct Chain<'r> {
    into: HashMap<&'r str, Vec<&'r Relation>>,
    out_of: HashMap<&'r str, Vec<&'r Relation>>,
}

/// A host on a path, and the flows that lead on from the one before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hop<'r> {
    /// The host.
    pub host: &'r str,
    /// Steps from where the path began.
    pub steps: u32,
    /// The host it was reached from (upstream: which it reached); empty where the path began.
    pub next_to: &'r str,
    /// Flows out of it count until then (upstream), or from then on (downstream); microseconds since 1970.
    pub bound: i64,
    /// Whether nothing more is known behind it.
    pub is_end: bool,
}

/// What to ask the owner of a host for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogRequest<'r> {
    /// The host.
    pub host: &'r str,
    /// Flows into it before this moment are wanted.
    pub before: i64,
    /// The ports on which it was seen to be reached or to go on; they say where to look first.
    pub ports: BTreeSet<u16>,
}

impl<'r> Chain<'r> {
    /// The chain of an incident's relations.
    pub fn new(relations: &'r [Arc<Relation>]) -> Self {
        let (mut into, mut out_of) = (HashMap::<&str, Vec<&Relation>>::new(), HashMap::<&str, Vec<&Relation>>::new());
        for relation in relations {
            into.entry(relation.to.as_str()).or_default().push(&**relation);
            out_of.entry(relation.from.as_str()).or_default().push(&**relation);
        }
        Self { into, out_of }
    }

    /// Hosts from which this one may have been reached, nearest first, back to the earliest known.
    pub fn upstream(&self, host: &'r str) -> Vec<Hop<'r>> {
        let error = |relation: &Relation| i64::from(relation.clock_error) * SECOND;
        let earlier = |relation: &Relation, bound: i64| {
            (relation.first_seen.saturating_sub(error(relation)) <= bound)
                .then(|| bound.min(relation.last_seen.saturating_add(error(relation))))
        };
        self.walk(host, i64::MAX, &self.into, |relation| relation.from.as_str(), earlier)
    }

    /// Hosts that may have been reached from this one, nearest first.
    pub fn downstream(&self, host: &'r str) -> Vec<Hop<'r>> {
        let error = |relation: &Relation| i64::from(relation.clock_error) * SECOND;
        let later = |relation: &Relation, bound: i64| {
            // Kept negative, so that the greater bound is the one that leads further here too.
            (-relation.last_seen.saturating_add(error(relation)) <= bound)
                .then(|| bound.min(-relation.first_seen.saturating_sub(error(relation))))
        };
        let mut hops = self.walk(host, i64::MAX, &self.out_of, |relation| relation.to.as_str(), later);
        for hop in &mut hops {
            hop.bound = hop.bound.saturating_neg();
        }
        hops
    }

    fn walk(
        &self,
        start: &'r str,
        bound: i64,
        edges: &HashMap<&'r str, Vec<&'r Relation>>,
        other: impl Fn(&'r Relation) -> &'r str,
        passes: impl Fn(&Relation, i64) -> Option<i64>,
    ) -> Vec<Hop<'r>> {
        let mut known: HashMap<&str, Hop<'r>> = HashMap::new();
        let first = Hop { host: start, steps: 0, next_to: "", bound, is_end: true };
        known.insert(start, first.clone());
        let mut at = vec![first];
        while !at.is_empty() {
            let mut next: BTreeMap<&str, Hop<'r>> = BTreeMap::new();
            for hop in at {
                let mut is_end = true;
                for relation in edges.get(hop.host).into_iter().flatten() {
                    let Some(bound) = passes(relation, hop.bound) else { continue };
                    is_end = false;
                    let host = other(relation);
                    // The start is where all of it began, so it is never reached again.
                    if host == start || known.get(host).is_some_and(|before| before.bound >= bound) {
                        continue;
                    }
                    let steps = known.get(host).map_or(hop.steps + 1, |before| before.steps);
                    let found = Hop { host, steps, next_to: hop.host, bound, is_end: true };
                    let better = next.get(host).is_none_or(|other| other.bound < bound);
                    if better {
                        next.insert(host, found);
                    }
                }
                if let Some(kept) = known.get_mut(hop.host) {
                    kept.is_end = is_end;
                }
            }
            for (host, hop) in &next {
                known.insert(host, hop.clone());
            }
            at = next.into_values().collect();
        }
        let mut hops: Vec<Hop<'r>> = known.into_values().collect();
        hops.sort_by(|a, b| (a.steps, a.host).cmp(&(b.steps, b.host)));
        hops
    }

    /// Hosts of the whole chain whose upstream is not known, with what to ask for.
    pub fn frontier(&self) -> Vec<LogRequest<'r>> {
        let ends = self.out_of.iter().filter(|(host, _)| !self.into.contains_key(**host));
        let request = |(host, relations): (&&'r str, &Vec<&'r Relation>)| {
            let before = relations.iter().map(|relation| relation.last_seen).max().unwrap_or(i64::MAX);
            let ports = relations.iter().map(|relation| relation.port).filter(|port| *port != 0).collect();
            LogRequest { host, before, ports }
        };
        let mut requests: Vec<LogRequest<'r>> = ends.map(request).collect();
        requests.sort();
        requests
    }
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
    pub relation: &'r Relation,
}

/// The flows in which hosts of a party have a part. Who a neighbour is is told where it is the party's
/// own, or was released to it.
pub fn neighbours<'i>(incident: &'i Incident, party: &str) -> Vec<Neighbour<'i>> {
    let is_own = |host: &str| incident.hosts.get(host).is_some_and(|owner| owner == party);
    let may_know = |host: &str| is_own(host) || incident.named.contains(&(host.to_owned(), party.to_owned()));
    let mut found = Vec::new();
    for relation in &incident.relations {
        let (from, to) = (relation.from.as_str(), relation.to.as_str());
        for (host, other, is_upstream) in [(to, from, true), (from, to, false)] {
            if is_own(host) {
                let neighbour = may_know(other).then_some(other);
                found.push(Neighbour { host, is_upstream, neighbour, relation });
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
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
        }
    }

    fn hosts(hops: &[Hop<'_>]) -> String {
        let host = |hop: &Hop<'_>| format!("{}{}{}", hop.host, hop.steps, if hop.is_end { "!" } else { "" });
        hops.iter().map(host).collect::<Vec<_>>().join(" ")
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
        assert_eq!(chain.frontier()[1].before, 2 * SECOND);
    }

    #[test]
    fn clocks_that_may_be_wrong_are_given_their_error() {
        let late = Relation { clock_error: 100, ..flow("d", "c", 50, 60) };
        let relations = [flow("c", "b", 10, 20), late];
        assert_eq!(hosts(&Chain::new(&shared(&relations)).upstream("b")), "b0 c1 d2!");
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
        assert_eq!(hosts(&Chain::new(&shared(&relations)).upstream("c")), "c0 a1 b1 x2!");
    }

    /// Every host found by going along paths one by one is found, and no other.
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
            fn slow(relations: &[Relation], host: &str, bound: i64, left: u32, found: &mut BTreeSet<String>) {
                found.insert(host.to_owned());
                for relation in relations.iter().filter(|relation| relation.to == host && relation.from != "0") {
                    if left > 0 && relation.first_seen <= bound {
                        slow(relations, &relation.from, bound.min(relation.last_seen), left - 1, found);
                    }
                }
            }
            let mut want = BTreeSet::new();
            slow(&relations, "0", i64::MAX, 6, &mut want);
            let shared = shared(&relations);
            let chain = Chain::new(&shared);
            let got: BTreeSet<String> = chain.upstream("0").iter().map(|hop| hop.host.to_owned()).collect();
            assert_eq!(got, want, "{relations:?}");
        }
    }
}
