//! PhishTank: phishing pages that people reported and others verified, as JSON or CSV.
//!
//! <https://data.phishtank.com/data/online-valid.json> and `.csv`, often compressed; a key in the
//! address allows more than a few fetches a day. The JSON list also has `details`, the addresses the
//! page was seen on: the first becomes `source.ip`, its network, country and registry with it. Which
//! form it is shows in the first byte.

use std::borrow::Cow;

use concert_model::{Field, Keys};
use serde_json::Value as Json;

use super::feodo::text_of;
use super::flat::{has_one_of, listed, once_each};
use super::json::each_record;
use super::lines::{comma_cells, give_texts};
use super::{About, Draft, Fault, Input, Listed, Parser, Sample, Sink};

/// PhishTank.
pub const LISTED: Listed = Listed {
    name: "phishtank",
    about: "Verified phishing pages, from PhishTank, as JSON or CSV.",
    source: "https://phishtank.org/developer_info.php",
    read,
    samples: &[
        Sample {
            name: "online-valid.json",
            settings: "",
            given: r#"[
{"phish_id":"1","url":"http://login.bank.example/a","phish_detail_url":"http://www.phishtank.com/phish_detail.php?phish_id=1","submission_time":"2026-06-17T03:04:05+00:00","verified":"yes","verification_time":"2026-06-17T04:00:00+00:00","online":"yes","details":[{"ip_address":"192.0.2.1","cidr_block":"192.0.2.0/24","announcing_network":"64496","rir":"ripencc","country":"FI","detail_time":"2026-06-17T03:10:00+00:00"}],"target":"Bank"},
{"phish_id":"2","url":"nothing","submission_time":"2026-06-17T03:04:05+00:00","target":"Other"},
{"phish_id":3,"url":"https://shop.example/","submission_time":"2026-06-17T03:04:06+00:00","online":"yes","details":[],"target":"Other"}
]"#,
            events: r#"
{"source.url":"http://login.bank.example/a","event_description.url":"http://www.phishtank.com/phish_detail.php?phish_id=1","event_description.target":"Bank","time.source":"2026-06-17T03:04:05Z","extra.phish_id":"1","extra.verification_time":"2026-06-17T04:00:00+00:00","status":"online","source.ip":"192.0.2.1","source.network":"192.0.2.0/24","source.asn":64496,"source.registry":"RIPE","source.geolocation.cc":"FI","classification.type":"phishing","classification.taxonomy":"fraud"}
{"source.url":"https://shop.example/","event_description.target":"Other","time.source":"2026-06-17T03:04:06Z","extra.phish_id":"3","status":"online","classification.type":"phishing","classification.taxonomy":"fraud"}
"#,
            rejects: "2 source.url: not an absolute URL",
        },
        Sample {
            name: "online-valid.csv",
            settings: "",
            given: "phish_id,url,phish_detail_url,submission_time,verified,verification_time,online,target\n\
                    4,\"http://a.example/?x=1,2\",http://www.phishtank.com/phish_detail.php?phish_id=4,2026-06-17T03:04:05+00:00,yes,,yes,Other\n\
                    5,http://b.example/\n",
            events: r#"{"source.url":"http://a.example/?x=1,2","event_description.url":"http://www.phishtank.com/phish_detail.php?phish_id=4","event_description.target":"Other","time.source":"2026-06-17T03:04:05Z","extra.phish_id":"4","status":"online","classification.type":"phishing","classification.taxonomy":"fraud"}"#,
            rejects: "3 time.source: empty",
        },
    ],
};

struct PhishTank;

fn read(_: &mut Keys<'_>) -> Box<dyn Parser> {
    Box::new(PhishTank)
}

impl Parser for PhishTank {
    fn parse(&self, input: &mut Input<'_>, _: &About<'_>, sink: &mut Sink<'_>) {
        give_texts(sink, &[(Field::CLASSIFICATION_TYPE, "phishing")]);
        let bytes = match input.whole() {
            Ok(bytes) => bytes,
            Err(why) => return sink.reject(1, Fault::new("", why), b""),
        };
        let text = input.decode(&bytes);
        if !text.trim_start().starts_with(['[', '{']) {
            return rows(&text, sink);
        }
        each_record(text.as_bytes(), &[], sink, &mut |sink, number, piece, value| {
            sink.event(number, piece.bytes, |draft| {
                once_each(piece)?;
                has_one_of(&["url"], &value)?;
                page(draft, |name| Cow::Owned(text_of(value.get(name))))?;
                details(draft, &value)
            });
        });
    }
}

fn rows(text: &str, sink: &mut Sink<'_>) {
    let mut head = Vec::new();
    for (line, number) in text.lines().zip(1u64..) {
        if line.trim().is_empty() {
            continue;
        }
        let cells = comma_cells(line);
        if head.is_empty() {
            if !cells.iter().any(|cell| cell == "url") {
                let has = listed(cells.iter().map(String::as_str));
                let fault = Fault::new("url", format!("the head has no such column; it has: {has}"));
                return sink.reject(number, fault, line.as_bytes());
            }
            head = cells;
            continue;
        }
        sink.event(number, line.as_bytes(), |draft| {
            page(draft, |name| {
                let at = head.iter().position(|column| column == name);
                Cow::Borrowed(at.and_then(|at| cells.get(at)).map_or("", |cell| cell.as_str()))
            })
        });
    }
}

fn page<'t>(draft: &mut Draft<'_>, text: impl Fn(&str) -> Cow<'t, str>) -> Result<(), Fault> {
    draft.need(Field::SOURCE_URL, &text("url"))?;
    draft.need(Field::TIME_SOURCE, &text("submission_time"))?;
    draft.put(Field::EVENT_DESCRIPTION_URL, &text("phish_detail_url"))?;
    draft.put(Field::EVENT_DESCRIPTION_TARGET, &text("target"))?;
    draft.put_extra("phish_id", &text("phish_id"))?;
    draft.put_extra("verification_time", &text("verification_time"))?;
    match text("online").as_ref() {
        "yes" => draft.put(Field::STATUS, "online"),
        "no" => draft.put(Field::STATUS, "offline"),
        _ => Ok(()),
    }
}

fn details(draft: &mut Draft<'_>, value: &Json) -> Result<(), Fault> {
    let Some(first) = value.get("details").and_then(|list| list.get(0)) else { return Ok(()) };
    let text = |name: &str| text_of(first.get(name));
    draft.put(Field::SOURCE_IP, &text("ip_address"))?;
    draft.put(Field::SOURCE_NETWORK, &text("cidr_block"))?;
    draft.put(Field::SOURCE_ASN, &text("announcing_network"))?;
    draft.put(Field::SOURCE_REGISTRY, &text("rir"))?;
    draft.put(Field::SOURCE_GEOLOCATION_CC, &text("country"))
}
