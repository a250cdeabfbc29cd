//! What the store may leave out of reading because a condition cannot hold for it: one conversion for the command and
//! for pages and API.

use concert_model::{Net, Time};
use concert_pipeline::condition::Condition;
use concert_store::events::read::Bounds;

/// The bounds that a condition sets.
pub(crate) fn bounds(condition: &Condition) -> Bounds {
    let known = condition.bounds();
    let single = |net: &Net| (net.first() == net.last()).then(|| net.first().to_string());
    Bounds {
        asns: known.asns.map(|asns| asns.into_iter().map(i64::from).collect()),
        // The store compares whole addresses; wider networks are left to the condition.
        addresses: known.networks.and_then(|nets| nets.iter().map(single).collect()),
        since: known.time_source.from,
        until: known.time_source.until.map(|until| Time(until.0.saturating_add(1))),
        ..Bounds::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_condition_needs_is_told_to_the_store() {
        let of = |text: &str| bounds(&Condition::compile(text).unwrap());
        let both = of("source.asn == 64500 && source.ip == \"192.0.2.1\"");
        assert_eq!((both.asns, both.addresses), (Some(vec![64_500]), Some(vec!["192.0.2.1".to_owned()])));
        assert_eq!(of("cidr(source.ip, \"192.0.2.0/24\")").addresses, None);
    }
}
