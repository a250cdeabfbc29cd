//! Feodo Tracker: command servers of botnets, as a JSON list.
//!
//! <https://feodotracker.abuse.ch/downloads/ipblocklist.json>, by abuse.ch. Each object has address,
//! port, status, host name, AS, country, `first_seen` (date and time), `last_online` (a date) and the
//! malware. Times are UTC. The list is often empty these days. Free for fair use.

use concert_model::{Field, Keys};
use jiff::tz::TimeZone;
use serde_json::Value as Json;

use super::flat::has_one_of;
use super::json::each_record;
use super::lines::give_texts;
use super::{About, Draft, Fault, Input, Listed, Parser, Sample, Sink};

/// Feodo Tracker.
pub const LISTED: Listed = Listed {
    name: "feodo",
    about: "Command servers of botnets, from the Feodo Tracker of abuse.ch.",
    source: "https://feodotracker.abuse.ch/blocklist/",
    read,
    samples: &[Sample {
        name: "ipblocklist.json",
        settings: "",
        given: r#"[
  {"ip_address": "192.0.2.10", "port": 449, "status": "online", "hostname": "host.example", "as_number": 64496, "as_name": "EXAMPLE", "country": "FI", "first_seen": "2026-06-01 10:11:12", "last_online": "2026-06-17", "malware": "Exampler"},
  {"ip_address": "192.0.2.11", "port": 0, "malware": "Exampler"},
  {"ip_address": "192.0.2.12", "port": 443, "status": "offline", "hostname": null, "first_seen": "2026-06-02 10:11:12", "last_online": null, "malware": "Exampler"}
]"#,
        events: r#"
{"source.ip":"192.0.2.10","source.port":449,"status":"online","source.reverse_dns":"host.example","source.asn":64496,"source.as_name":"EXAMPLE","source.geolocation.cc":"FI","extra.first_seen":"2026-06-01 10:11:12","time.source":"2026-06-17T00:00:00Z","malware.name":"exampler","classification.type":"c2-server","classification.taxonomy":"malicious-code"}
{"source.ip":"192.0.2.12","source.port":443,"status":"offline","extra.first_seen":"2026-06-02 10:11:12","time.source":"2026-06-02T10:11:12Z","malware.name":"exampler","classification.type":"c2-server","classification.taxonomy":"malicious-code"}
"#,
        rejects: "2 source.port: not a port (1 to 65535)",
    }],
};

struct Feodo;

fn read(_: &mut Keys<'_>) -> Box<dyn Parser> {
    Box::new(Feodo)
}

impl Parser for Feodo {
    fn parse(&self, input: &mut Input<'_>, _: &About<'_>, sink: &mut Sink<'_>) {
        give_texts(sink, &[(Field::CLASSIFICATION_TYPE, "c2-server")]);
        let bytes = match input.whole() {
            Ok(bytes) => bytes,
            Err(why) => return sink.reject(1, Fault::new("", why), b""),
        };
        each_record(input.decode(&bytes).as_bytes(), &[], sink, &mut |sink, number, piece, value| {
            sink.event(number, piece.bytes, |draft| server(draft, &value));
        });
    }
}

fn server(draft: &mut Draft<'_>, value: &Json) -> Result<(), Fault> {
    has_one_of(&["ip_address"], value)?;
    let text = |name: &str| text_of(value.get(name));
    draft.need(Field::SOURCE_IP, &text("ip_address"))?;
    draft.put(Field::SOURCE_PORT, &text("port"))?;
    draft.put(Field::STATUS, &text("status"))?;
    draft.put(Field::SOURCE_REVERSE_DNS, &text("hostname"))?;
    draft.put(Field::SOURCE_ASN, &text("as_number"))?;
    draft.put(Field::SOURCE_AS_NAME, &text("as_name"))?;
    draft.put(Field::SOURCE_GEOLOCATION_CC, &text("country"))?;
    draft.put(Field::MALWARE_NAME, &text("malware"))?;
    let (first, last) = (text("first_seen"), text("last_online"));
    draft.put_extra("first_seen", &first)?;
    let time = if last.is_empty() { first } else { last };
    if !time.is_empty() {
        let read = draft.read(Field::TIME_SOURCE, &time, Some(&TimeZone::UTC));
        read.map_err(|reason| Fault::new("time.source", reason))?;
    }
    Ok(())
}

/// The text of a text or number; empty for everything else.
pub(super) fn text_of(value: Option<&Json>) -> String {
    match value {
        Some(Json::String(text)) => text.clone(),
        Some(Json::Number(number)) => number.to_string(),
        _ => String::new(),
    }
}
