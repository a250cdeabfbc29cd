//! CINS Army list: addresses with a bad score in the Sentinel IPS sensors, one a line.
//!
//! <https://cinsscore.com/list/ci-badguys.txt>. No time, no reason. Attribution is asked for.

use concert_model::{Field, Keys};

use super::lines::{each_line, give_texts};
use super::{About, Input, Listed, Parser, Sample, Sink};

/// CINS Army.
pub const LISTED: Listed = Listed {
    name: "cins-army",
    about: "Addresses with a bad reputation, from the CINS Army list.",
    source: "https://cinsscore.com/#list",
    read,
    samples: &[Sample {
        name: "ci-badguys.txt",
        settings: "",
        given: "192.0.2.1\n192.0.2.300\n198.51.100.2",
        events: r#"
{"source.ip":"192.0.2.1","classification.type":"blacklist","classification.taxonomy":"other"}
{"source.ip":"198.51.100.2","classification.type":"blacklist","classification.taxonomy":"other"}
"#,
        rejects: "2 source.ip: not an IP address",
    }],
};

struct CinsArmy;

fn read(_: &mut Keys<'_>) -> Box<dyn Parser> {
    Box::new(CinsArmy)
}

impl Parser for CinsArmy {
    fn parse(&self, input: &mut Input<'_>, _: &About<'_>, sink: &mut Sink<'_>) {
        give_texts(sink, &[(Field::CLASSIFICATION_TYPE, "blacklist")]);
        each_line(input, sink, |sink, number, line| {
            if !line.starts_with('#') {
                sink.event(number, line.as_bytes(), |draft| draft.need(Field::SOURCE_IP, line));
            }
        });
    }
}
