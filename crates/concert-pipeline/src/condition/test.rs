//! What a condition asks of one value.

use std::cmp::Ordering;

use concert_model::{Net, Time, Value, host};
use regex::Regex;

use super::work;

/// How two values must stand to each other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Order {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Order {
    pub(super) fn holds(self, found: Ordering) -> bool {
        match self {
            Order::Equal => found.is_eq(),
            Order::Unequal => found.is_ne(),
            Order::Less => found.is_lt(),
            Order::LessOrEqual => found.is_le(),
            Order::Greater => found.is_gt(),
            Order::GreaterOrEqual => found.is_ge(),
        }
    }

    /// The same order with its sides exchanged.
    pub(super) fn flipped(self) -> Order {
        match self {
            Order::Less => Order::Greater,
            Order::LessOrEqual => Order::GreaterOrEqual,
            Order::Greater => Order::Less,
            Order::GreaterOrEqual => Order::LessOrEqual,
            same => same,
        }
    }

    pub(super) fn is_equality(self) -> bool {
        matches!(self, Order::Equal | Order::Unequal)
    }
}

/// A fixed value of a condition.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Fixed {
    Text(Box<str>),
    Int(i64),
    Float(f64),
    Bool(bool),
    Time(Time),
    Ip(std::net::IpAddr),
    Net(Net),
    /// Between two moments, in microseconds; no field has one.
    Span(i64),
}

/// A question about one value. A value of another kind than the question's answers no.
#[derive(Debug)]
pub(super) enum Test {
    Compare(Order, Fixed),
    /// Whether it equals one of these.
    In(Vec<Fixed>),
    /// Like the two above for `extra.*`, where numbers also stand as text.
    Loose(Order, Fixed),
    LooseIn(Vec<Fixed>),
    Nets(Vec<Net>),
    /// Sorted names; holds for one of them and for any name below.
    Domains(Vec<Box<str>>),
    Contains(Box<str>),
    StartsWith(Box<str>),
    EndsWith(Box<str>),
    Matches(Regex),
    /// Number of characters, or of members.
    Size(Order, i64),
}

impl Test {
    pub(super) fn holds(&self, value: &Value<'_>) -> bool {
        match self {
            Test::Compare(order, fixed) => against(value, fixed).is_some_and(|found| order.holds(found)),
            Test::In(list) => list.iter().any(|fixed| against(value, fixed) == Some(Ordering::Equal)),
            Test::Loose(order, fixed) => against_loosely(value, fixed).is_some_and(|found| order.holds(found)),
            Test::LooseIn(list) => list.iter().any(|fixed| against_loosely(value, fixed) == Some(Ordering::Equal)),
            Test::Nets(nets) => in_nets(value, nets),
            Test::Domains(names) => value.as_text().is_some_and(|text| in_domains(text, names)),
            Test::Contains(part) => value.as_text().is_some_and(|text| text.contains(&**part)),
            Test::StartsWith(part) => value.as_text().is_some_and(|text| text.starts_with(&**part)),
            Test::EndsWith(part) => value.as_text().is_some_and(|text| text.ends_with(&**part)),
            Test::Matches(regex) => value.as_text().is_some_and(|text| regex.is_match(text)),
            Test::Size(order, size) => work::size(value).is_some_and(|found| order.holds(found.cmp(size))),
        }
    }
}

/// How a value stands to a fixed one; nothing when they are of different kinds.
fn against(value: &Value<'_>, fixed: &Fixed) -> Option<Ordering> {
    match (value, fixed) {
        (Value::Text(text) | Value::Json(text), Fixed::Text(fixed)) => Some((**text).cmp(&**fixed)),
        (Value::Int(number), Fixed::Int(fixed)) => Some(number.cmp(fixed)),
        (Value::Int(number), Fixed::Float(fixed)) => decimal(*number).partial_cmp(fixed),
        (Value::Float(number), Fixed::Float(fixed)) => number.partial_cmp(fixed),
        (Value::Float(number), Fixed::Int(fixed)) => number.partial_cmp(&decimal(*fixed)),
        (Value::Bool(truth), Fixed::Bool(fixed)) => Some(truth.cmp(fixed)),
        (Value::Time(time), Fixed::Time(fixed)) => Some(time.cmp(fixed)),
        (Value::Ip(address), Fixed::Ip(fixed)) => Some(address.cmp(fixed)),
        (Value::Net(net), Fixed::Net(fixed)) => Some(net.cmp(fixed)),
        _ => None,
    }
}

/// The same for `extra.*`: text that spells a number counts as that number where one is asked for, and
/// a number as its text where text is asked for.
fn against_loosely(value: &Value<'_>, fixed: &Fixed) -> Option<Ordering> {
    match (value, fixed) {
        (Value::Text(text), Fixed::Int(fixed)) => match text.parse::<i64>() {
            Ok(number) => Some(number.cmp(fixed)),
            Err(_) => text.parse::<f64>().ok()?.partial_cmp(&decimal(*fixed)),
        },
        (Value::Text(text), Fixed::Float(fixed)) => text.parse::<f64>().ok()?.partial_cmp(fixed),
        (Value::Int(number), Fixed::Text(fixed)) => Some(number.cmp(&fixed.parse().ok()?)),
        (Value::Float(number), Fixed::Text(fixed)) => number.partial_cmp(&fixed.parse().ok()?),
        _ => against(value, fixed),
    }
}

/// How two values of an event stand to each other; nothing when they are of different kinds.
pub(super) fn compare(left: &Value<'_>, right: &Value<'_>) -> Option<Ordering> {
    match (left, right) {
        (Value::Text(a) | Value::Json(a), Value::Text(b) | Value::Json(b)) => Some(a.cmp(b)),
        (Value::Int(a), Value::Int(b)) => Some(a.cmp(b)),
        (Value::Int(a), Value::Float(b)) => decimal(*a).partial_cmp(b),
        (Value::Float(a), Value::Int(b)) => a.partial_cmp(&decimal(*b)),
        (Value::Float(a), Value::Float(b)) => a.partial_cmp(b),
        (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
        (Value::Time(a), Value::Time(b)) => Some(a.cmp(b)),
        (Value::Ip(a), Value::Ip(b)) => Some(a.cmp(b)),
        (Value::Net(a), Value::Net(b)) => Some(a.cmp(b)),
        _ => None,
    }
}

#[expect(clippy::cast_precision_loss, reason = "comparing with a decimal number needs one")]
pub(super) fn decimal(number: i64) -> f64 {
    number as f64
}

fn in_nets(value: &Value<'_>, nets: &[Net]) -> bool {
    match value {
        Value::Ip(address) => nets.iter().any(|net| net.contains(*address)),
        Value::Net(inner) => nets.iter().any(|net| net.contains_net(inner)),
        // An extra field holds its address as text.
        Value::Text(text) => match concert_model::value::ip(text) {
            Ok(address) => nets.iter().any(|net| net.contains(address)),
            Err(_) => false,
        },
        _ => false,
    }
}

/// Whether a domain name, the host of a URL or the domain of a mail address is one of these names or
/// below one.
fn in_domains(text: &str, names: &[Box<str>]) -> bool {
    if text.contains("://") {
        return match host::url_host(text) {
            Some((host::Host::Domain(name), _)) => is_below(&name, names),
            _ => false,
        };
    }
    let name = text.rsplit_once('@').map_or(text, |(_, domain)| domain);
    match host::domain(name) {
        Ok(name) => is_below(&name, names),
        Err(_) => false,
    }
}

fn is_below(name: &str, names: &[Box<str>]) -> bool {
    let mut rest = name;
    loop {
        if names.binary_search_by(|known| (**known).cmp(rest)).is_ok() {
            return true;
        }
        match rest.split_once('.') {
            Some((_, above)) => rest = above,
            None => return false,
        }
    }
}
