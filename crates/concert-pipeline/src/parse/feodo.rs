//! Feodo Tracker: command servers of botnets, as a JSON list or comma-separated.
//!
//! <https://feodotracker.abuse.ch/downloads/ipblocklist.json>, by abuse.ch. Each object has address,
//! port, status, host name, AS, country, `first_seen` (date and time), `last_online` (a date) and the
//! malware. Times are UTC. The list is often empty these days. Free for fair use.
//!
//! `ipblocklist.csv` beside it has fewer columns: a head of `#` lines, of which the last names the
//! columns, unless the line below it does, without a `#`. Names of columns differ by year.

use concert_model::problem::counted;
use concert_model::{Field, Keys};
use jiff::tz::TimeZone;
use serde_json::Value as Json;

use super::flat::{has_one_of, once_each};
use super::json::each_record;
use super::lines::{comma_cells, give_texts};
use super::{About, Draft, Fault, Input, Listed, Parser, Sample, Sink};

/// Feodo Tracker.
pub const LISTED: Listed = Listed {
    name: "feodo",
    about: "Command servers of botnets, from the Feodo Tracker of abuse.ch.",
    source: "https://feodotracker.abuse.ch/blocklist/",
    read,
    samples: &[
        Sample {
            name: "ipblocklist.json",
            settings: "",
            given: r#"[
  {"ip_address": "192.0.2.10", "port": 449, "status": "online", "hostname": "host.example", "as_number": 64496, "as_name": "EXAMPLE", "country": "FI", "first_seen": "2026-06-01 10:11:12", "last_online": "2026-06-17", "malware": "Exampler"},
  {"ip_address": "192.0.2.11", "port": 0, "malware": "Exampler"},
  {"ip_address": "192.0.2.14", "port": 80, "ip_address": "192.0.2.15", "malware": "Exampler"},
  {"ip_address": "192.0.2.12", "port": 443, "status": "offline", "hostname": null, "first_seen": "2026-06-02 10:11:12", "last_online": null, "malware": "Exampler"}
]"#,
            events: r#"
{"source.ip":"192.0.2.10","source.port":449,"status":"online","source.reverse_dns":"host.example","source.asn":64496,"source.as_name":"EXAMPLE","source.geolocation.cc":"FI","extra.first_seen":"2026-06-01 10:11:12","time.source":"2026-06-17T00:00:00Z","malware.name":"exampler","classification.type":"c2-server","classification.taxonomy":"malicious-code"}
{"source.ip":"192.0.2.12","source.port":443,"status":"offline","extra.first_seen":"2026-06-02 10:11:12","time.source":"2026-06-02T10:11:12Z","malware.name":"exampler","classification.type":"c2-server","classification.taxonomy":"malicious-code"}
"#,
            rejects: "2 source.port: not a port (1 to 65535)\n3 ip_address: this member is there twice, so it does not say which one is meant",
        },
        Sample {
            name: "ipblocklist.csv",
            settings: "",
            given: r#"##########################
# Example list (CSV)     #
##########################
#
# first_seen_utc,dst_ip,dst_port,c2_status,last_online,malware
"2026-06-01 10:11:12","192.0.2.10","449","online","2026-06-17","Exampler"
"2026-06-01 10:11:12","192.0.2.11","0","online","2026-06-17","Exampler"
2026-06-02 10:11:12,192.0.2.12,443,offline,,Exampler
"2026-06-01 10:11:12","192.0.2.13"
# END (4) entries
"#,
            events: r#"
{"source.ip":"192.0.2.10","source.port":449,"status":"online","extra.first_seen":"2026-06-01 10:11:12","time.source":"2026-06-17T00:00:00Z","malware.name":"exampler","classification.type":"c2-server","classification.taxonomy":"malicious-code"}
{"source.ip":"192.0.2.12","source.port":443,"status":"offline","extra.first_seen":"2026-06-02 10:11:12","time.source":"2026-06-02T10:11:12Z","malware.name":"exampler","classification.type":"c2-server","classification.taxonomy":"malicious-code"}
"#,
            rejects: "7 source.port: not a port (1 to 65535)\n9 : 2 columns where the head names 6",
        },
        Sample {
            name: "older.csv",
            settings: "",
            given: "# Example list\n\"Firstseen\",\"DstIP\",\"DstPort\",\"LastOnline\",\"Malware\"\n2026-06-02 10:11:12,192.0.2.12,443,2026-06-03,Exampler\n",
            events: r#"
{"source.ip":"192.0.2.12","source.port":443,"extra.first_seen":"2026-06-02 10:11:12","time.source":"2026-06-03T00:00:00Z","malware.name":"exampler","classification.type":"c2-server","classification.taxonomy":"malicious-code"}
"#,
            rejects: "",
        },
    ],
};

/// Columns of the comma-separated form, without `_` and capitals, and their names in JSON.
const COLUMNS: &[(&str, &str)] = &[
    ("c2status", "status"),
    ("dstip", "ip_address"),
    ("dstport", "port"),
    ("firstseen", "first_seen"),
    ("firstseenutc", "first_seen"),
    ("lastonline", "last_online"),
    ("malware", "malware"),
];

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
        let text = input.decode(&bytes);
        if is_comma_separated(&text) {
            return each_row(&text, sink);
        }
        each_record(text.as_bytes(), &[], sink, &mut |sink, number, piece, value| {
            sink.event(number, piece.bytes, |draft| {
                once_each(piece)?;
                has_one_of(&["ip_address"], &value)?;
                server(draft, &|name| text_of(value.get(name)))
            });
        });
    }
}

/// Whether the first line with something in it is a comment or names columns.
fn is_comma_separated(text: &str) -> bool {
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    first.starts_with('#') || head(first).is_some()
}

/// The names of the columns as in JSON, of a line that names that of the address.
fn head(line: &str) -> Option<Vec<&'static str>> {
    let known = |cell: &String| {
        let name = cell.trim().replace('_', "").to_ascii_lowercase();
        COLUMNS.iter().find(|(column, _)| *column == name).map_or("", |(_, name)| *name)
    };
    let names: Vec<&str> = comma_cells(line.trim_start_matches(['#', ' '])).iter().map(known).collect();
    names.contains(&"ip_address").then_some(names)
}

fn each_row(text: &str, sink: &mut Sink<'_>) {
    let mut columns = None;
    for (line, number) in text.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty()) {
        if columns.is_none() {
            columns = head(line);
            if columns.is_some() {
                continue;
            }
        }
        if line.starts_with('#') {
            continue;
        }
        let cells = comma_cells(line);
        sink.event(number, line.as_bytes(), |draft| row(draft, columns.as_deref(), &cells));
    }
}

fn row(draft: &mut Draft<'_>, columns: Option<&[&str]>, cells: &[String]) -> Result<(), Fault> {
    let Some(columns) = columns else {
        let fault = Fault::new("", "no line above this one names the columns");
        return Err(Fault { is_foreign: true, ..fault });
    };
    if cells.len() != columns.len() {
        let (has, want) = (counted(cells.len(), "column"), columns.len());
        return Err(Fault::new("", format!("{has} where the head names {want}")));
    }
    server(draft, &|name| {
        let index = columns.iter().position(|column| *column == name);
        index.and_then(|index| cells.get(index)).cloned().unwrap_or_default()
    })
}

fn server(draft: &mut Draft<'_>, text: &dyn Fn(&str) -> String) -> Result<(), Fault> {
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
