//! Conditions over events: the first line is the condition, the others are events as key=value pairs.
//! Where a condition holds, its bounds must hold too, or a search would miss events.
#![no_main]

use concert_fuzz::{feed_named, parse};
use concert_model::{Event, Field, Value};
use concert_pipeline::condition::Condition;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (text, events) = text.split_once('\n').unwrap_or((text, "ip=192.0.2.1, asn=64496, type=phishing, a=1"));
    let condition = match Condition::compile(text) {
        Ok(condition) => condition,
        Err(problems) => {
            assert!(!problems.is_empty(), "refused without a reason: {text}");
            assert!(problems.iter().all(|(at, _)| *at <= text.len()), "a place outside of {text}");
            return;
        }
    };
    let inverse = Condition::compile(&format!("!({text})")).ok();
    let mut each = |event: &Event<'_>| {
        let holds = condition.holds(event);
        if let Some(inverse) = &inverse {
            assert_ne!(holds, inverse.holds(event), "{text}: both or neither");
        }
        if holds {
            within(&condition, event);
        }
    };
    parse(feed_named("keyvalue"), events.as_bytes(), &mut each);
});

fn within(condition: &Condition, event: &Event<'_>) {
    let (bounds, text) = (condition.bounds(), condition.text());
    if let (Some(asns), asn) = (&bounds.asns, event.int(Field::SOURCE_ASN)) {
        assert!(asn.is_some_and(|asn| asns.iter().any(|one| i64::from(*one) == asn)), "{text}: AS numbers");
    }
    if let Some(networks) = &bounds.networks {
        let ip = event.get(Field::SOURCE_IP).as_ref().and_then(Value::as_ip);
        assert!(ip.is_some_and(|ip| networks.iter().any(|net| net.contains(ip))), "{text}: networks");
    }
    for (field, span) in [(Field::TIME_SOURCE, bounds.time_source), (Field::TIME_OBSERVATION, bounds.time_observation)]
    {
        let open = span.from.is_none() && span.until.is_none();
        assert!(open || event.time(field).is_some_and(|time| span.contains(time)), "{text}: times");
    }
}
