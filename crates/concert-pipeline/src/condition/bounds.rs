//! What every event for which a condition holds must have: networks, addresses, times.
//!
//! Only ever too wide, never too narrow: a store that skips data by these loses nothing.

use concert_model::{Field, Net, Time};

use super::test::{Fixed, Order, Test};
use super::{Name, Node};

/// What events must have for a condition to hold. `None` says nothing is known; an empty list says
/// that no event can have it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// `source.asn` is one of these.
    pub asns: Option<Vec<u32>>,
    /// `source.ip` lies in one of these.
    pub networks: Option<Vec<Net>>,
    /// `time.source` lies within these.
    pub time_source: Span,
    /// `time.observation` lies within these.
    pub time_observation: Span,
}

/// From and until, both included. `None` is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// The earliest time.
    pub from: Option<Time>,
    /// The latest time.
    pub until: Option<Time>,
}

impl Span {
    /// Whether a time lies within.
    pub fn contains(&self, time: Time) -> bool {
        self.from.is_none_or(|from| from <= time) && self.until.is_none_or(|until| time <= until)
    }

    fn both(self, other: Span) -> Span {
        Span {
            from: self.from.max(other.from),
            until: match (self.until, other.until) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            },
        }
    }

    fn either(self, other: Span) -> Span {
        Span {
            from: self.from.min(other.from),
            until: match (self.until, other.until) {
                (Some(a), Some(b)) => Some(a.max(b)),
                _ => None,
            },
        }
    }
}

impl Bounds {
    pub(super) fn of(node: &Node) -> Bounds {
        match node {
            Node::Always(false) => Bounds { asns: Some(Vec::new()), ..Bounds::default() },
            Node::All(nodes) => nodes.iter().map(Bounds::of).fold(Bounds::default(), Bounds::both),
            Node::Any(nodes) => nodes.iter().map(Bounds::of).reduce(Bounds::either).unwrap_or_default(),
            Node::Test { name: Name::Field(field), test, lower: false } => Bounds::of_test(*field, test),
            _ => Bounds::default(),
        }
    }

    fn of_test(field: Field, test: &Test) -> Bounds {
        let mut bounds = Bounds::default();
        match (field, test) {
            (Field::SOURCE_ASN, Test::Compare(Order::Equal, fixed)) => bounds.asns = asns(std::slice::from_ref(fixed)),
            (Field::SOURCE_ASN, Test::In(list)) => bounds.asns = asns(list),
            (Field::SOURCE_IP, Test::Compare(Order::Equal, fixed)) => {
                bounds.networks = nets(std::slice::from_ref(fixed))
            }
            (Field::SOURCE_IP, Test::In(list)) => bounds.networks = nets(list),
            (Field::SOURCE_IP, Test::Nets(list)) => bounds.networks = Some(list.clone()),
            (Field::TIME_SOURCE, test) => bounds.time_source = span(test),
            (Field::TIME_OBSERVATION, test) => bounds.time_observation = span(test),
            _ => {}
        }
        bounds
    }

    fn both(self, other: Bounds) -> Bounds {
        Bounds {
            asns: narrower(self.asns, other.asns, |list, asn| list.contains(asn)),
            networks: match (self.networks, other.networks) {
                (Some(a), Some(b)) => Some(overlap(&a, &b)),
                (a, b) => a.or(b),
            },
            time_source: self.time_source.both(other.time_source),
            time_observation: self.time_observation.both(other.time_observation),
        }
    }

    fn either(self, other: Bounds) -> Bounds {
        Bounds {
            asns: wider(self.asns, other.asns),
            networks: wider(self.networks, other.networks),
            time_source: self.time_source.either(other.time_source),
            time_observation: self.time_observation.either(other.time_observation),
        }
    }
}

fn narrower<T>(a: Option<Vec<T>>, b: Option<Vec<T>>, in_both: impl Fn(&[T], &T) -> bool) -> Option<Vec<T>> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.into_iter().filter(|item| in_both(&b, item)).collect()),
        (a, b) => a.or(b),
    }
}

fn wider<T: Ord>(a: Option<Vec<T>>, b: Option<Vec<T>>) -> Option<Vec<T>> {
    let (mut list, more) = (a?, b?);
    list.extend(more);
    list.sort_unstable();
    list.dedup();
    Some(list)
}

/// Of two networks one holds the other or they are apart, so the narrower of each pair is the overlap.
fn overlap(a: &[Net], b: &[Net]) -> Vec<Net> {
    let mut list: Vec<Net> = a.iter().filter(|x| b.iter().any(|y| y.contains_net(x))).copied().collect();
    list.extend(b.iter().filter(|y| a.iter().any(|x| x.contains_net(y))));
    list.sort_unstable();
    list.dedup();
    list
}

fn asns(list: &[Fixed]) -> Option<Vec<u32>> {
    let number = |fixed: &Fixed| match fixed {
        Fixed::Int(number) => Some(u32::try_from(*number).ok()),
        _ => None,
    };
    // A number that is no AS number cannot be met, and so adds nothing.
    let numbers: Option<Vec<Option<u32>>> = list.iter().map(number).collect();
    let mut numbers: Vec<u32> = numbers?.into_iter().flatten().collect();
    numbers.sort_unstable();
    numbers.dedup();
    Some(numbers)
}

fn nets(list: &[Fixed]) -> Option<Vec<Net>> {
    let net = |fixed: &Fixed| match fixed {
        Fixed::Ip(address) => Net::new(*address, if address.is_ipv4() { 32 } else { 128 }),
        _ => None,
    };
    list.iter().map(net).collect()
}

fn span(test: &Test) -> Span {
    let Test::Compare(order, Fixed::Time(time)) = test else { return Span::default() };
    let (from, until) = match order {
        Order::Equal => (Some(*time), Some(*time)),
        Order::Less => (None, Some(Time(time.0.saturating_sub(1)))),
        Order::LessOrEqual => (None, Some(*time)),
        Order::Greater => (Some(Time(time.0.saturating_add(1))), None),
        Order::GreaterOrEqual => (Some(*time), None),
        Order::Unequal => (None, None),
    };
    Span { from, until }
}
