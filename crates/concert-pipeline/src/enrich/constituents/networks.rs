//! Networks of all parties, flattened: for every address the most specific network that counts.
//!
//! Networks nest or are apart, so one pass over them in order with a stack of those under way gives
//! the stretches of addresses with the same answer. An exclusion takes away the networks of its
//! party that are wider than it, and those only.

use std::cmp::Reverse;
use std::net::IpAddr;

use concert_model::{Net, Party};
use hashbrown::HashMap;

use crate::enrich::halves::Halves;

/// No network in this stretch.
const NOBODY: u32 = u32::MAX;

#[derive(Debug, Default)]
pub(super) struct Networks {
    nets: Vec<(Net, u32)>,
    v4: Halves,
    /// For each stretch of IPv4 addresses, the number of its network and of its list of exclusions.
    v4_answers: Vec<(u32, u32)>,
    v6: Stretches<u128>,
    /// Which parties have excluded a stretch; the first list is empty.
    excluded: Vec<Vec<u32>>,
}

/// Where each stretch begins, with the number of its network and of its list of exclusions.
#[derive(Debug)]
struct Stretches<A> {
    starts: Vec<A>,
    answers: Vec<(u32, u32)>,
}

impl<A> Default for Stretches<A> {
    fn default() -> Self {
        Self { starts: Vec::new(), answers: Vec::new() }
    }
}

/// Addresses of a family as numbers. IPv4 takes a fourth of the memory that IPv6 does.
trait Address: Copy + Ord + Default {
    /// The next one; `None` behind the last.
    fn after(self) -> Option<Self>;
}

impl Address for u32 {
    fn after(self) -> Option<Self> {
        self.checked_add(1)
    }
}

impl Address for u128 {
    fn after(self) -> Option<Self> {
        self.checked_add(1)
    }
}

/// What one network of the sweep means.
#[derive(Clone, Copy)]
enum Mark {
    Net(u32),
    Excluded(u32),
}

/// A network that holds for an address, with its party.
type Owner = Option<(Net, u32)>;

impl Networks {
    pub(super) fn new(parties: &[Party]) -> Self {
        let mut networks = Networks { excluded: vec![Vec::new()], ..Networks::default() };
        let count = parties.iter().map(|party| party.prefixes.len() + party.excluded_prefixes.len()).sum();
        networks.nets.reserve_exact(count);
        let mut marks = (Vec::with_capacity(count), Vec::new());
        for (number, party) in (0u32..).zip(parties) {
            for net in &party.prefixes {
                let Ok(id) = u32::try_from(networks.nets.len()) else { break };
                networks.nets.push((*net, number));
                add(&mut marks, net, Mark::Net(id));
            }
            for net in &party.excluded_prefixes {
                add(&mut marks, net, Mark::Excluded(number));
            }
        }
        let (v4, v6) = marks;
        let mut lists = HashMap::from([(Vec::new(), 0)]);
        let v4 = networks.sweep(v4, &mut lists);
        networks.v6 = networks.sweep(v6, &mut lists);
        networks.v4 = Halves::new(v4.starts);
        networks.v4_answers = v4.answers;
        networks
    }

    /// The network that holds for an address, and the parties that have excluded it.
    pub(super) fn find(&self, address: IpAddr) -> (Owner, &[u32]) {
        let answer = match address {
            IpAddr::V4(a) => self.find_v4(a.to_bits()),
            IpAddr::V6(a) => match a.to_ipv4_mapped() {
                Some(mapped) => self.find_v4(mapped.to_bits()),
                None => {
                    let after = self.v6.starts.partition_point(|start| *start <= a.to_bits());
                    after.checked_sub(1).and_then(|at| self.v6.answers.get(at).copied())
                }
            },
        };
        let Some((net, list)) = answer else { return (None, &[]) };
        let owner = self.nets.get(net as usize).copied();
        (owner, self.excluded.get(list as usize).map(Vec::as_slice).unwrap_or_default())
    }

    /// Fetches what [`Networks::find`] will need for these addresses (IPv4), for all of them at once. Gives the
    /// parties.
    pub(super) fn look_ahead(&self, addresses: &[u32]) -> Vec<u32> {
        let stretches: Vec<usize> = addresses.iter().filter_map(|address| self.v4.stretch(*address)).collect();
        let nets = stretches.iter().filter_map(|at| self.v4_answers.get(*at)).map(|(net, _)| *net as usize);
        let nets: Vec<usize> = nets.collect();
        nets.iter().filter_map(|net| self.nets.get(*net)).map(|(_, party)| *party).collect()
    }

    /// The same for a network: only where one network holds for all of it.
    pub(super) fn find_net(&self, net: &Net) -> (Owner, &[u32]) {
        let (owner, excluded) = self.find(net.first());
        (owner.filter(|(wide, _)| wide.contains_net(net)), excluded)
    }

    /// Every network that holds the whole of this one, the most specific first. Looks at all of them.
    pub(super) fn covering(&self, net: &Net) -> impl Iterator<Item = (Net, u32)> {
        let mut found: Vec<(Net, u32)> = self.nets.iter().filter(|(wide, _)| wide.contains_net(net)).copied().collect();
        found.sort_by_key(|(wide, _)| Reverse(wide.prefix()));
        found.into_iter()
    }

    fn find_v4(&self, address: u32) -> Option<(u32, u32)> {
        self.v4_answers.get(self.v4.stretch(address)?).copied()
    }

    /// Flattens networks into stretches.
    fn sweep<A: Address>(&mut self, mut marks: Vec<(A, A, Mark)>, lists: &mut HashMap<Vec<u32>, u32>) -> Stretches<A> {
        // What is on top of the stack counts: the narrower, an exclusion before a network, and of the
        // same network the party listed first.
        marks.sort_unstable_by_key(|(first, last, mark)| match mark {
            Mark::Net(id) => (*first, Reverse(*last), false, Reverse(*id)),
            Mark::Excluded(party) => (*first, Reverse(*last), true, Reverse(*party)),
        });
        let mut out = Stretches::default();
        let mut open: Vec<(A, Mark)> = Vec::new();
        let mut marks = marks.into_iter().peekable();
        out.push(A::default(), (NOBODY, 0));
        loop {
            let next = marks.peek().map(|(first, ..)| *first);
            match (open.last(), next) {
                (Some((last, _)), next) if next.is_none_or(|next| *last < next) => {
                    let after = last.after();
                    open.pop();
                    match after {
                        Some(after) => out.push(after, self.answer(&open, lists)),
                        None => continue,
                    }
                }
                (_, Some(first)) => {
                    if let Some((_, last, mark)) = marks.next() {
                        open.push((last, mark));
                    }
                    out.push(first, self.answer(&open, lists));
                }
                (_, None) => return out,
            }
        }
    }

    /// What holds under these open networks.
    fn answer<A>(&mut self, open: &[(A, Mark)], lists: &mut HashMap<Vec<u32>, u32>) -> (u32, u32) {
        let mut excluded = Vec::new();
        let mut owner = NOBODY;
        for (_, mark) in open.iter().rev() {
            match mark {
                Mark::Excluded(party) => excluded.push(*party),
                Mark::Net(id) if owner == NOBODY => {
                    let party = self.nets.get(*id as usize).map(|(_, party)| *party);
                    if party.is_some_and(|party| !excluded.contains(&party)) {
                        owner = *id;
                    }
                }
                Mark::Net(_) => {}
            }
        }
        // Mostly nothing is excluded, and the first list is empty.
        if excluded.is_empty() {
            return (owner, 0);
        }
        excluded.sort_unstable();
        excluded.dedup();
        let list = match lists.get(&excluded) {
            Some(list) => *list,
            None => {
                let list = u32::try_from(self.excluded.len()).unwrap_or(0);
                self.excluded.push(excluded.clone());
                lists.insert(excluded, list);
                list
            }
        };
        (owner, list)
    }
}

impl<A: PartialEq> Stretches<A> {
    fn push(&mut self, start: A, answer: (u32, u32)) {
        if self.starts.last() == Some(&start) {
            self.starts.pop();
            self.answers.pop();
        }
        if self.answers.last() != Some(&answer) {
            self.starts.push(start);
            self.answers.push(answer);
        }
    }
}

/// First and last address of each, and what it means; those of each family apart.
type Marks = (Vec<(u32, u32, Mark)>, Vec<(u128, u128, Mark)>);

fn add((v4, v6): &mut Marks, net: &Net, mark: Mark) {
    match (net.first(), net.last()) {
        (IpAddr::V4(a), IpAddr::V4(b)) => v4.push((a.to_bits(), b.to_bits(), mark)),
        (IpAddr::V6(a), IpAddr::V6(b)) => v6.push((a.to_bits(), b.to_bits(), mark)),
        _ => {}
    }
}
