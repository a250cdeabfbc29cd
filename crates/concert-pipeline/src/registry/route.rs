//! Routes: which AS announces a network. Whom that AS names is told where neither a network around an
//! address nor its own AS names anybody.
//!
//! Anybody may write a route into some registries, so a network's own contact is never passed over for one.

use std::cmp::Reverse;
use std::net::IpAddr;

use concert_model::Net;

use super::answer::{Answer, Asked, Step};
use super::build::{asn, shown};
use super::file::{Bytes, NONE, Registry};
use super::object::Object;
use super::reserved::reserved_between;
use super::write::Entry;

/// The routes of all files.
#[derive(Default)]
pub(super) struct Routes {
    v4: Vec<(u32, u32, u32)>,
    v6: Vec<(u128, u128, u32)>,
}

impl Routes {
    pub(super) fn len(&self) -> usize {
        self.v4.len() + self.v6.len()
    }

    /// Takes a `route` or `route6`. One in space that nobody can own is not taken; what that is for is told.
    pub(super) fn add(&mut self, object: &Object) -> Result<Option<&'static str>, String> {
        let text = object.first(&object.class);
        let net: Net = text.parse().map_err(|why| format!("`{}`: {why}", shown(text)))?;
        let origin = asn(object.first("origin"))?;
        match (net.first(), net.last()) {
            // The way to everywhere is nobody's.
            _ if net.prefix() == 0 => Ok(None),
            (IpAddr::V4(first), IpAddr::V4(last)) if object.class == "route" => {
                let what = reserved_between(net.first(), net.last());
                if what.is_none() {
                    self.v4.push((first.to_bits(), last.to_bits(), origin));
                }
                Ok(what)
            }
            (IpAddr::V6(first), IpAddr::V6(last)) if object.class == "route6" => {
                let what = reserved_between(net.first(), net.last());
                if what.is_none() {
                    self.v6.push((first.to_bits(), last.to_bits(), origin));
                }
                Ok(what)
            }
            _ => Err(format!("`{}` is of the other family of addresses", shown(text))),
        }
    }

    /// What was taken, as it is written.
    pub(super) fn entries(&mut self) -> (Vec<Entry<u32>>, Vec<Entry<u128>>) {
        (entries(std::mem::take(&mut self.v4)), entries(std::mem::take(&mut self.v6)))
    }
}

/// In the order of networks. Several registries may have the same route, and several ASes announce the same
/// network: of those the lowest number is asked first, so it stands last.
fn entries<A: Copy + Ord>(mut routes: Vec<(A, A, u32)>) -> Vec<Entry<A>> {
    routes.sort_unstable_by_key(|(first, last, origin)| (*first, Reverse(*last), Reverse(*origin)));
    routes.dedup();
    routes.into_iter().map(|(first, last, origin)| Entry { first, last, answer: origin, name: 0 }).collect()
}

/// Of the stretches of routes those where no network decides. Both begin at the first address.
pub(super) fn beside<A: Copy + Ord>(routed: &[(A, u32)], decided: &[(A, u32)]) -> Vec<(A, u32)> {
    let (mut left, mut right) = (routed.iter().peekable(), decided.iter().peekable());
    let (mut by_route, mut by_network) = (NONE, NONE);
    let mut list = Vec::new();
    while let Some(start) = left.peek().into_iter().chain(right.peek()).map(|(start, _)| *start).min() {
        by_route = left.next_if(|(at, _)| *at == start).map_or(by_route, |(_, party)| *party);
        by_network = right.next_if(|(at, _)| *at == start).map_or(by_network, |(_, party)| *party);
        super::build::push(&mut list, start, if by_network == NONE { by_route } else { NONE });
    }
    list
}

impl<B: Bytes> Registry<B> {
    /// Asks the networks around a span of addresses, the smallest first, then the AS, then those that announce it,
    /// until one gives an answer such as is wanted.
    pub fn find_any(
        &self,
        span: Option<(IpAddr, IpAddr)>,
        asn: Option<u32>,
        is_answer: &dyn Fn(&Answer) -> bool,
    ) -> Result<Asked, String> {
        let is_done = |asked: &Asked| asked.steps.last().is_some_and(|step| is_answer(&step.answer));
        let mut asked = match span {
            Some((first, last)) => self.find_until(first, last, is_answer)?,
            None => Asked::default(),
        };
        if let (false, Some(asn)) = (is_done(&asked), asn) {
            asked.steps.extend(self.find_asn(asn)?.steps);
        }
        if let (false, Some((first, last))) = (is_done(&asked), span) {
            asked.steps.extend(self.find_route(first, last, asn, is_answer)?.steps);
        }
        Ok(asked)
    }

    /// Asks the ASes that announce a span of addresses, but for one that was asked.
    fn find_route(
        &self,
        first: IpAddr,
        last: IpAddr,
        but: Option<u32>,
        is_answer: &dyn Fn(&Answer) -> bool,
    ) -> Result<Asked, String> {
        let (table, class, covering) = match (first.to_canonical(), last.to_canonical()) {
            (IpAddr::V4(a), IpAddr::V4(b)) => {
                (self.routes_v4, "route", self.covering(self.routes_v4, a.octets(), b.octets())?)
            }
            (IpAddr::V6(a), IpAddr::V6(b)) => {
                (self.routes_v6, "route6", self.covering(self.routes_v6, a.octets(), b.octets())?)
            }
            _ => return Ok(Asked::default()),
        };
        let mut asked = Asked::default();
        for (number, from, to) in covering {
            let origin = self.number(table, number, if from.is_ipv4() { 8 } else { 32 })?;
            if but == Some(origin) {
                continue;
            }
            let what = format!("{}, origin AS{origin}", super::file::prefix(from, to).ok_or("a route is no prefix")?);
            let step = match self.find_asn(origin)?.steps.pop() {
                Some(step) => Step { what, class, ..step },
                None => {
                    let answer = Answer { reason: format!("AS{origin} is not there"), ..Answer::default() };
                    Step { what, class, name: String::new(), answer }
                }
            };
            let is_answer = is_answer(&step.answer);
            asked.steps.push(step);
            if is_answer {
                break;
            }
        }
        Ok(asked)
    }
}
