//! Spamhaus DROP: networks and AS numbers that are wholly in the hands of criminals.
//!
//! JSON lines at <https://www.spamhaus.org/drop/drop_v4.json>, `drop_v6.json` and `asndrop.json`, with a
//! last line of metadata; and the older text form, `192.0.2.0/24 ; SBL1` or `AS64496 ; FI | name` with
//! a head of `;` lines. Which form it is shows in each line. `; Last-Modified:` in the head of the text
//! form gives the time of its rows; the JSON form says its time only at the end, so its events have
//! only the time they were received. Do not fetch more than once an hour, and keep the copyright line.

use concert_model::{Field, Keys, Time, Value};
use serde_json::Value as Json;

use super::feodo::text_of;
use super::flat::{has_one_of, record};
use super::lines::{each_line, give_texts};
use super::{About, Draft, Fault, Input, Listed, Parser, Sample, Sink};

/// Spamhaus DROP.
pub const LISTED: Listed = Listed {
    name: "spamhaus-drop",
    about: "Networks and AS numbers not to route at all, from the Spamhaus DROP lists.",
    source: "https://www.spamhaus.org/blocklists/do-not-route-or-peer/",
    read,
    samples: &[
        Sample {
            name: "drop_v4.json",
            settings: "",
            given: r#"
{"cidr":"192.0.2.0/24","sblid":"SBL1","rir":"ripencc"}
{"cidr":"192.0.2.0/99","sblid":"SBL2","rir":"arin"}
{"cidr":"192.0.2.0/25","cidr":"192.0.2.0/24","sblid":"SBL2"}
{"asn":64496,"rir":"apnic","domain":"net.example","cc":"FI","asname":"EXAMPLE-AS"}
{"type":"metadata","timestamp":1781740800,"size":3,"records":3,"copyright":"(c) Example","terms":"https://drop.example/"}
"#,
            events: r#"
{"source.network":"192.0.2.0/24","extra.sbl":"SBL1","event_description.url":"https://check.spamhaus.org/sbl/query/SBL1","source.registry":"RIPE","classification.type":"blacklist","classification.taxonomy":"other"}
{"source.asn":64496,"source.as_name":"EXAMPLE-AS","source.registry":"APNIC","source.geolocation.cc":"FI","extra.domain":"net.example","classification.type":"blacklist","classification.taxonomy":"other"}
"#,
            rejects: "3 source.network: the prefix length is too large\n4 cidr: this member is there twice, so it does not say which one is meant",
        },
        Sample {
            name: "drop.txt",
            settings: "",
            given: "; Example DROP List 2026/06/17\n\
                    ; Last-Modified: Wed, 17 Jun 2026 01:02:03 GMT\n\
                    198.51.100.0/24 ; SBL3\n\
                    AS64496 ; FI | EXAMPLE-AS\n\
                    nonsense ; SBL4\n",
            events: r#"
{"source.network":"198.51.100.0/24","extra.sbl":"SBL3","event_description.url":"https://check.spamhaus.org/sbl/query/SBL3","time.source":"2026-06-17T01:02:03Z","classification.type":"blacklist","classification.taxonomy":"other"}
{"source.asn":64496,"source.as_name":"EXAMPLE-AS","source.geolocation.cc":"FI","time.source":"2026-06-17T01:02:03Z","classification.type":"blacklist","classification.taxonomy":"other"}
"#,
            rejects: "5 source.network: not a network in CIDR form",
        },
    ],
};

struct SpamhausDrop;

fn read(_: &mut Keys<'_>) -> Box<dyn Parser> {
    Box::new(SpamhausDrop)
}

impl Parser for SpamhausDrop {
    fn parse(&self, input: &mut Input<'_>, _: &About<'_>, sink: &mut Sink<'_>) {
        give_texts(sink, &[(Field::CLASSIFICATION_TYPE, "blacklist")]);
        let mut modified = None;
        each_line(input, sink, |sink, number, line| {
            if let Some(comment) = line.strip_prefix(';') {
                let date = comment.trim().strip_prefix("Last-Modified:");
                modified = modified.or_else(|| Time::parse(date?, None).ok());
            } else if !line.starts_with('{') {
                sink.event(number, line.as_bytes(), |draft| text_row(draft, line, modified));
            } else {
                match record(line.as_bytes()) {
                    Ok(value) if value.get("type").is_some_and(|kind| kind == "metadata") => {}
                    Ok(value) => sink.event(number, line.as_bytes(), |draft| json_row(draft, &value)),
                    Err(fault) => sink.reject(number, fault, line.as_bytes()),
                }
            }
        });
    }
}

fn json_row(draft: &mut Draft<'_>, value: &Json) -> Result<(), Fault> {
    has_one_of(&["cidr", "asn"], value)?;
    let text = |name: &str| text_of(value.get(name));
    if value.get("asn").is_some() {
        draft.need(Field::SOURCE_ASN, &text("asn"))?;
    } else {
        draft.need(Field::SOURCE_NETWORK, &text("cidr"))?;
    }
    draft.put(Field::SOURCE_AS_NAME, &text("asname"))?;
    draft.put(Field::SOURCE_GEOLOCATION_CC, &text("cc"))?;
    draft.put(Field::SOURCE_REGISTRY, &text("rir"))?;
    draft.put_extra("domain", &text("domain"))?;
    listing(draft, &text("sblid"))
}

fn text_row(draft: &mut Draft<'_>, line: &str, modified: Option<Time>) -> Result<(), Fault> {
    let (what, rest) = line.split_once(';').unwrap_or((line, ""));
    if let Some(time) = modified {
        draft.set(Field::TIME_SOURCE, &Value::Time(time));
    }
    if !what.starts_with("AS") {
        draft.need(Field::SOURCE_NETWORK, what)?;
        return listing(draft, rest.trim());
    }
    draft.need(Field::SOURCE_ASN, what)?;
    let (country, name) = rest.split_once('|').unwrap_or(("", rest));
    draft.put(Field::SOURCE_GEOLOCATION_CC, country)?;
    draft.put(Field::SOURCE_AS_NAME, name)
}

/// The number of the listing and the page that explains it.
fn listing(draft: &mut Draft<'_>, number: &str) -> Result<(), Fault> {
    draft.put_extra("sbl", number)?;
    if number.starts_with("SBL") && number.bytes().all(|b| b.is_ascii_alphanumeric()) {
        draft.put(Field::EVENT_DESCRIPTION_URL, &format!("https://check.spamhaus.org/sbl/query/{number}"))?;
    }
    Ok(())
}
