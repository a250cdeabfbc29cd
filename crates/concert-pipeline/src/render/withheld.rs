//! What no notice tells: who was attacked, where whoever reported it did not agree to be named.
//!
//! The attacked server is nearly always the reporter's own, and its address says who that is. The site keeps it, for
//! its own work and to know repeats; whoever is told of the event learns that somebody is not named, and the port.

use std::borrow::Cow;

use concert_model::{Event, Field, Value};

/// The `extra.*` field of whoever reported an event.
pub const REPORTER: &str = "reporter";
/// What stands there when nobody is to learn it.
pub const WITHHELD: &str = "withheld";

/// What stands before a value of a notice's key that whoever is told does not learn.
const MARK: &str = "withheld:";

/// All that is said of the attacked side, but for its port.
pub const FIELDS: [Field; 23] = [
    Field::DESTINATION_ABUSE_CONTACT,
    Field::DESTINATION_ACCOUNT,
    Field::DESTINATION_ALLOCATED,
    Field::DESTINATION_AS_NAME,
    Field::DESTINATION_ASN,
    Field::DESTINATION_DOMAIN_SUFFIX,
    Field::DESTINATION_FQDN,
    Field::DESTINATION_GEOLOCATION_CC,
    Field::DESTINATION_GEOLOCATION_CITY,
    Field::DESTINATION_GEOLOCATION_COUNTRY,
    Field::DESTINATION_GEOLOCATION_LATITUDE,
    Field::DESTINATION_GEOLOCATION_LONGITUDE,
    Field::DESTINATION_GEOLOCATION_REGION,
    Field::DESTINATION_GEOLOCATION_STATE,
    Field::DESTINATION_IP,
    Field::DESTINATION_LOCAL_HOSTNAME,
    Field::DESTINATION_LOCAL_IP,
    Field::DESTINATION_NETWORK,
    Field::DESTINATION_REGISTRY,
    Field::DESTINATION_REVERSE_DNS,
    Field::DESTINATION_TOR_NODE,
    Field::DESTINATION_URL,
    Field::DESTINATION_URLPATH,
];

/// Whether an event does not say who reported it, nor who was attacked.
pub fn is_withheld(event: &Event<'_>) -> bool {
    let reporter = event.find_extra(REPORTER).and_then(|field| event.get(field));
    matches!(reporter, Some(Value::Text(text)) if text == WITHHELD)
}

/// An event as a notice may tell it.
pub fn told(event: Event<'_>) -> Event<'_> {
    if is_withheld(&event) { event.without(&FIELDS) } else { event }
}

/// Marks the value with which a key ends as one that no notice tells. It keeps no comma: those part values.
pub(crate) fn mark(key: &mut Vec<u8>, begin: usize) {
    let value = key.split_off(begin);
    key.extend_from_slice(MARK.as_bytes());
    key.extend(value.into_iter().map(|byte| if byte == b',' { b';' } else { byte }));
}

/// The key of a notice as whoever is told of it may read it.
pub fn told_key(key: &str) -> Cow<'_, str> {
    if !key.contains(MARK) {
        return Cow::Borrowed(key);
    }
    let values: Vec<&str> =
        key.split(", ").map(|value| if value.starts_with(MARK) { WITHHELD } else { value }).collect();
    Cow::Owned(values.join(", "))
}

#[cfg(test)]
mod tests {
    use concert_model::{Batch, EventId, ProblemKey};

    use super::super::{Columns, Item, Listed, NEW, Teller, sample};
    use super::*;
    use crate::mail::mask::Mask;

    fn written(listed: &Listed, items: &[Item<'_>]) -> String {
        let mut out = Vec::new();
        (listed.write)(items, &Columns::default(), &Teller { name: "CERT", mail: "cert@cert.example" }, &mut out);
        String::from_utf8(out).unwrap()
    }

    /// INVARIANT: nothing of the attacked side is in any format, whatever columns a notice has.
    #[test]
    fn who_was_attacked_is_told_in_no_format_where_the_reporter_is_withheld() {
        let attacked = "source.ip=192.0.2.7|destination.ip=198.51.100.1|destination.port=22|destination.asn=64500|\
            destination.geolocation.cc=FI|destination.fqdn=bank.example|destination.reverse_dns=bank.example";
        let events =
            [format!("{attacked}|extra.reporter=withheld"), format!("{attacked}|extra.reporter=soc@x.example")];
        for listed in super::super::ALL {
            for (event, is_told) in events.iter().zip([false, true]) {
                let batch = sample::batch(&[event.as_str()]);
                let mut items = sample::items(&batch);
                items.iter_mut().for_each(|item| item.event = told(item.event));
                assert_eq!(items.iter().map(|item| item.state).collect::<Vec<_>>(), [NEW]);
                let text = written(listed, &items);
                assert!(text.contains("192.0.2.7"), "{}: {text}", listed.name);
                let has = |word: &str| text.contains(word);
                assert_eq!(
                    has("198.51.100.1") || has("bank.example") || has("64500"),
                    is_told,
                    "{}: {text}",
                    listed.name
                );
            }
        }
    }
    /// INVARIANT: whoever complained is named in no format, neither by their address nor by the name beside it.
    #[test]
    fn who_complained_is_told_by_name_in_no_format() {
        let texts = [
            ("source.url", "http://www.uni.example/Erika%20Muster?n=erika+muster&m=erika@bank.example"),
            ("event_description.text", "Seen by ERIKA MUSTER (erika@bank.example) at www.uni.example"),
            ("comment", "Muster, Erika"),
            ("extra.note", "Regards\nErika Muster"),
        ];
        let names = ["Erika Muster".to_owned()];
        for listed in super::super::ALL {
            for (mask, is_told) in [(Mask::new("erika@bank.example", &names), false), (Mask::default(), true)] {
                let mut batch = Batch::new();
                let mut event = batch.open();
                for (name, text) in texts {
                    let field = event.field(name).unwrap();
                    event.read(field, text, None).unwrap();
                }
                mask.apply(&mut event);
                event.keep(EventId([1; 16]), ProblemKey::default(), 1);
                let text = written(listed, &sample::items(&batch)).to_lowercase();
                assert!(text.contains("uni.example") || text.contains("uni[.]example"), "{}: {text}", listed.name);
                assert_eq!(text.contains("erika") || text.contains("muster"), is_told, "{}: {text}", listed.name);
            }
        }
    }
}
