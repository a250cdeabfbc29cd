//! Tor exit addresses: from which addresses exit nodes were seen to leave the network, four words a line.
//!
//! <https://check.torproject.org/exit-addresses>, renewed every hour. A node is the lines `ExitNode`,
//! `Published`, `LastStatus` and one or more `ExitAddress`, and each address is an event. An address
//! belongs to the last `ExitNode` above it; its own time is when the exit was tested. Times are UTC.

use concert_model::{Field, Keys, Value};
use jiff::tz::TimeZone;

use super::lines::{each_line, give_texts};
use super::{About, Draft, Fault, Input, Listed, Parser, Sample, Sink};

/// Tor exit addresses.
pub const LISTED: Listed = Listed {
    name: "tor-exits",
    about: "Addresses of Tor exit nodes, from the Tor Project.",
    source: "https://metrics.torproject.org/collector.html#type-tordnsel",
    read,
    samples: &[Sample {
        name: "exit-addresses",
        settings: "",
        given: "ExitNode 63BA28370F543D175173E414D5450590D73E22DC\n\
                Published 2026-11-21 20:11:55\n\
                LastStatus 2026-11-22 03:00:00\n\
                ExitAddress 192.0.2.91 2026-11-22 03:13:25\n\
                ExitAddress 2001:db8::91 2026-11-22 03:14:01\n\
                ExitAddress 192.0.2 2026-11-22 03:13:25\n\
                ExitNode F9\n\
                ExitAddress 198.51.100.7 2026-11-22 04:02:10\n\
                ExitAddress 198.51.100.8\n\
                Contact nobody\n",
        events: r#"
{"source.ip":"192.0.2.91","time.source":"2026-11-22T03:13:25Z","source.tor_node":true,"extra.fingerprint":"63BA28370F543D175173E414D5450590D73E22DC","classification.type":"tor","classification.taxonomy":"other"}
{"source.ip":"2001:db8::91","time.source":"2026-11-22T03:14:01Z","source.tor_node":true,"extra.fingerprint":"63BA28370F543D175173E414D5450590D73E22DC","classification.type":"tor","classification.taxonomy":"other"}
{"source.ip":"198.51.100.7","time.source":"2026-11-22T04:02:10Z","source.tor_node":true,"classification.type":"tor","classification.taxonomy":"other"}
"#,
        rejects: "\
6 source.ip: not an IP address
7 ExitNode: not a fingerprint of 40 hexadecimal digits
9 time.source: empty
10 : neither ExitNode, Published, LastStatus nor ExitAddress",
    }],
};

struct TorExits;

fn read(_: &mut Keys<'_>) -> Box<dyn Parser> {
    Box::new(TorExits)
}

impl Parser for TorExits {
    fn parse(&self, input: &mut Input<'_>, _: &About<'_>, sink: &mut Sink<'_>) {
        give_texts(sink, &[(Field::CLASSIFICATION_TYPE, "tor")]);
        let mut node = String::new();
        each_line(input, sink, |sink, number, line| {
            let (word, rest) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
            match word {
                "ExitAddress" => sink.event(number, line.as_bytes(), |draft| address(draft, rest, &node)),
                "ExitNode" => {
                    node.clear();
                    if rest.len() == 40 && rest.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                        node.push_str(rest);
                    } else {
                        // An address under it must not be taken for one of the node before.
                        let fault = Fault::new(word, "not a fingerprint of 40 hexadecimal digits");
                        sink.reject(number, fault, line.as_bytes());
                    }
                }
                "Published" | "LastStatus" => {}
                _ => {
                    let fault = Fault::foreign("neither ExitNode, Published, LastStatus nor ExitAddress");
                    sink.reject(number, fault, line.as_bytes());
                }
            }
        });
    }
}

fn address(draft: &mut Draft<'_>, text: &str, node: &str) -> Result<(), Fault> {
    let (address, time) = text.trim().split_once(' ').unwrap_or((text, ""));
    draft.need(Field::SOURCE_IP, address)?;
    draft.read(Field::TIME_SOURCE, time, Some(&TimeZone::UTC)).map_err(|reason| Fault::new("time.source", reason))?;
    draft.set(Field::SOURCE_TOR_NODE, &Value::Bool(true));
    draft.put_extra("fingerprint", node)
}
