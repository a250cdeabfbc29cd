//! Turris greylist: addresses that routers and traps of CZ.NIC saw attacking, comma-separated.
//!
//! <https://view.sentinel.turris.cz/greylist-data/greylist-latest.csv>, renewed once a week, with a
//! signature beside it. Comments begin with `#`; the head is `Address,Country,Tags,ASN`, or `Address,Tags`
//! alone, and says where what stands. A row has one or more tags, and each tag is an event of its own. A tag
//! that is not known gives `other`.

use concert_model::{Field, Keys, Value};

use super::lines::{comma_cells, each_line};
use super::{About, Draft, Fault, Input, Listed, Parser, Sample, Sink};

/// Turris greylist.
pub const LISTED: Listed = Listed {
    name: "turris-greylist",
    about: "Addresses that attacked Turris routers and traps, from CZ.NIC.",
    source: "https://view.sentinel.turris.cz/greylist-data/",
    read,
    samples: &[
        Sample {
            name: "greylist-latest.csv",
            settings: "",
            given: "# For the terms of use see the file beside this one\n\
                Address,Country,Tags,ASN\n\
                192.0.2.1,CZ,\"telnet,port_scan\",64496\n\
                2001:db8::1,,haas,\n\
                nowhere,CZ,http,64496\n\
                192.0.2.2,CZ,,64496\n",
            events: r#"
{"source.ip":"192.0.2.1","source.geolocation.cc":"CZ","source.asn":64496,"classification.type":"brute-force","classification.taxonomy":"intrusion-attempts","classification.identifier":"telnet","protocol.application":"telnet"}
{"source.ip":"192.0.2.1","source.geolocation.cc":"CZ","source.asn":64496,"classification.type":"scanner","classification.taxonomy":"information-gathering","classification.identifier":"port_scan"}
{"source.ip":"2001:db8::1","classification.type":"brute-force","classification.taxonomy":"intrusion-attempts","classification.identifier":"haas","protocol.application":"ssh"}
{"source.ip":"192.0.2.2","source.geolocation.cc":"CZ","source.asn":64496,"classification.type":"other","classification.taxonomy":"other"}
"#,
            rejects: "5 source.ip: not an IP address",
        },
        Sample {
            name: "short.csv",
            settings: "",
            given: "# Example\nAddress,Tags\n192.0.2.1,\"telnet,port_scan\"\n192.0.2.2,http\n192.0.2.3\n",
            events: r#"
{"source.ip":"192.0.2.1","classification.type":"brute-force","classification.taxonomy":"intrusion-attempts","classification.identifier":"telnet","protocol.application":"telnet"}
{"source.ip":"192.0.2.1","classification.type":"scanner","classification.taxonomy":"information-gathering","classification.identifier":"port_scan"}
{"source.ip":"192.0.2.2","classification.type":"brute-force","classification.taxonomy":"intrusion-attempts","classification.identifier":"http","protocol.application":"http"}
{"source.ip":"192.0.2.3","classification.type":"other","classification.taxonomy":"other"}
"#,
            rejects: "",
        },
    ],
};

/// Tag, type, application.
const TAGS: &[(&str, &str, &str)] = &[
    ("ftp", "brute-force", "ftp"),
    ("haas", "brute-force", "ssh"),
    ("http", "brute-force", "http"),
    ("port_scan", "scanner", ""),
    ("smtp", "brute-force", "smtp"),
    ("telnet", "brute-force", "telnet"),
];
/// Where what stands, unless a head says otherwise.
const COLUMNS: [&str; 4] = ["Address", "Country", "Tags", "ASN"];
/// A row with more tags than this is no row of this list.
const TAGS_MAX: usize = 64;

struct TurrisGreylist;

fn read(_: &mut Keys<'_>) -> Box<dyn Parser> {
    Box::new(TurrisGreylist)
}

impl Parser for TurrisGreylist {
    fn parse(&self, input: &mut Input<'_>, _: &About<'_>, sink: &mut Sink<'_>) {
        let mut columns = COLUMNS.map(str::to_owned).to_vec();
        each_line(input, sink, |sink, number, line| {
            if line.starts_with('#') {
                return;
            }
            let cells = comma_cells(line);
            if cells.first().is_some_and(|cell| cell == "Address") {
                columns = cells;
                return;
            }
            let cell = |name: &str| {
                let index = columns.iter().position(|column| column.trim() == name);
                index.and_then(|index| cells.get(index)).map_or("", |cell| cell.as_str())
            };
            let tags = cell("Tags");
            // Every tag of a bad row would be refused for the same reason: one reject says it once.
            let mut refused = false;
            for tag in tags.split([',', ';']).map(str::trim).take(TAGS_MAX) {
                if refused {
                    return;
                }
                sink.event(number, line.as_bytes(), |draft| {
                    let result = row(draft, cell, tag);
                    refused = result.is_err();
                    result
                });
            }
        });
    }
}

fn row<'c>(draft: &mut Draft<'_>, cell: impl Fn(&str) -> &'c str, tag: &str) -> Result<(), Fault> {
    draft.need(Field::SOURCE_IP, cell("Address"))?;
    draft.put(Field::SOURCE_GEOLOCATION_CC, cell("Country"))?;
    draft.put(Field::SOURCE_ASN, cell("ASN"))?;
    draft.put(Field::CLASSIFICATION_IDENTIFIER, tag)?;
    let found = TAGS.iter().find(|(name, ..)| *name == tag);
    let (_, kind, application) = found.copied().unwrap_or((tag, "other", ""));
    draft.set(Field::CLASSIFICATION_TYPE, &Value::text(kind));
    draft.put(Field::PROTOCOL_APPLICATION, application)
}
