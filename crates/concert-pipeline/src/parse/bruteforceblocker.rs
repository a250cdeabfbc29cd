//! BruteForceBlocker: addresses that tried passwords over SSH, tab-separated.
//!
//! <http://danger.rulez.sk/projects/bruteforceblocker/blist.php>. A row is address, time, how often and
//! a number, with one or more tabs between them. The `#` in front of the time is part of the row, so
//! only a line that begins with `#` is a comment. Times are UTC.

use concert_model::{Field, Keys};
use jiff::tz::TimeZone;

use super::lines::{each_line, give_texts};
use super::{About, Draft, Fault, Input, Listed, Parser, Sample, Sink};

/// BruteForceBlocker.
pub const LISTED: Listed = Listed {
    name: "bruteforceblocker",
    about: "Addresses that tried passwords over SSH, from danger.rulez.sk.",
    source: "http://danger.rulez.sk/index.php/bruteforceblocker/",
    read,
    samples: &[Sample {
        name: "blist.php",
        settings: "",
        given: "# IP\t\t\t# Last Reported\t\t\tCount\tID\n\
                203.0.113.48\t\t# 2016-11-10 09:11:03\t\t56\t1101973\n\
                198.51.100.9\t\t# yesterday\t\t1\t2\n\
                192.0.2.5\n",
        events: r#"
{"source.ip":"203.0.113.48","time.source":"2016-11-10T09:11:03Z","extra.count":56,"extra.reference":"1101973","classification.type":"brute-force","classification.taxonomy":"intrusion-attempts","protocol.application":"ssh"}
"#,
        rejects: "3 time.source: not a time\n4 time.source: empty",
    }],
};

struct BruteForceBlocker;

fn read(_: &mut Keys<'_>) -> Box<dyn Parser> {
    Box::new(BruteForceBlocker)
}

impl Parser for BruteForceBlocker {
    fn parse(&self, input: &mut Input<'_>, _: &About<'_>, sink: &mut Sink<'_>) {
        give_texts(sink, &[(Field::CLASSIFICATION_TYPE, "brute-force"), (Field::PROTOCOL_APPLICATION, "ssh")]);
        each_line(input, sink, |sink, number, line| {
            if !line.starts_with('#') {
                sink.event(number, line.as_bytes(), |draft| row(draft, line));
            }
        });
    }
}

fn row(draft: &mut Draft<'_>, line: &str) -> Result<(), Fault> {
    let mut cells = line.split('\t').map(str::trim).filter(|cell| !cell.is_empty());
    draft.need(Field::SOURCE_IP, cells.next().unwrap_or(""))?;
    let time = cells.next().unwrap_or("").trim_start_matches('#');
    draft.read(Field::TIME_SOURCE, time, Some(&TimeZone::UTC)).map_err(|reason| Fault::new("time.source", reason))?;
    draft.put_count("count", cells.next().unwrap_or(""))?;
    draft.put_extra("reference", cells.next().unwrap_or(""))
}
