//! Team Cymru full bogons: networks that nobody may use, so traffic from them is forged, one a line.
//!
//! <https://www.team-cymru.org/Services/Bogons/fullbogons-ipv4.txt> and `fullbogons-ipv6.txt`. The head
//! `# last updated 1450191601 (Tue Dec 15 15:00:01 2015 GMT)` gives the time of all rows. The lists
//! change every four hours: an old copy blocks networks that are in use by now. Attribution is asked.

use concert_model::{Field, Keys, Time, Value};

use super::lines::{each_line, give_texts};
use super::{About, Input, Listed, Parser, Sample, Sink};

/// Team Cymru full bogons.
pub const LISTED: Listed = Listed {
    name: "cymru-bogons",
    about: "Networks that nobody may use, from Team Cymru's full bogon lists.",
    source: "https://www.team-cymru.com/bogon-networks",
    read,
    samples: &[Sample {
        name: "fullbogons-ipv4.txt",
        settings: "",
        given: "# last updated 1450191601 (Tue Dec 15 15:00:01 2015 GMT)\n\
                192.0.2.0/24\n198.51.100.0/33\n2001:db8::/32\n",
        events: r#"
{"source.network":"192.0.2.0/24","time.source":"2015-12-15T15:00:01Z","classification.type":"blacklist","classification.taxonomy":"other"}
{"source.network":"2001:db8::/32","time.source":"2015-12-15T15:00:01Z","classification.type":"blacklist","classification.taxonomy":"other"}
"#,
        rejects: "3 source.network: the prefix length is too large",
    }],
};

struct CymruBogons;

fn read(_: &mut Keys<'_>) -> Box<dyn Parser> {
    Box::new(CymruBogons)
}

impl Parser for CymruBogons {
    fn parse(&self, input: &mut Input<'_>, _: &About<'_>, sink: &mut Sink<'_>) {
        give_texts(sink, &[(Field::CLASSIFICATION_TYPE, "blacklist")]);
        let mut updated = None;
        each_line(input, sink, |sink, number, line| {
            if let Some(comment) = line.strip_prefix('#') {
                updated = updated.or_else(|| last_updated(comment));
                return;
            }
            sink.event(number, line.as_bytes(), |draft| {
                if let Some(time) = updated {
                    draft.set(Field::TIME_SOURCE, &Value::Time(time));
                }
                draft.need(Field::SOURCE_NETWORK, line)
            });
        });
    }
}

fn last_updated(comment: &str) -> Option<Time> {
    let rest = comment.trim().strip_prefix("last updated")?;
    Time::from_seconds(rest.split_whitespace().next()?.parse().ok()?)
}
