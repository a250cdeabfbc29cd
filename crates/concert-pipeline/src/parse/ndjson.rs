//! JSON lines: one object a line, each an event.
//!
//! Without `columns` the keys are field names (`source.ip`, nested or flat), as Concert and IntelMQ
//! write them; others are kept as `extra.<key>`. What this site itself says of an event is kept as what was reported:
//! `event.id` as `extra.reported_event_id`, and so `report.id`, `feed.name`, `duplicate.count` and others. With `columns` a key is a path such as
//! `alert.src.ip` or `hosts[0]`. All settings of `mapping.rs` hold, and `drop` names paths that are
//! never kept. Of a list where one value belongs the first is the field's, and all are kept in
//! `extra.<key>`.
//!
//! A member that is there twice makes a reject where it is used, because nothing says which one is meant; of others the
//! further ones are kept in `extra.<key>_2` and so on.
//!
//! A line is at most `limits.line` long and 64 levels deep.

use concert_model::Keys;
use serde_json::Value;

use super::flat::Flat;
use super::lines::each_line;
use super::{About, Fault, Input, Listed, Parser, Sample, Sink};

/// JSON lines.
pub const LISTED: Listed = Listed {
    name: "ndjson",
    about: "JSON lines: one object a line, keys are field names or named by columns.",
    source: "",
    read,
    samples: &[
        Sample {
            name: "events.ndjson",
            settings: "",
            given: r#"
{"event.id":"00112233445566778899aabbccddeeff","feed":{"name":"theirs"},"duplicate.count":3,"source.ip":"192.0.2.1","source.port":"80","time.source":"2026-06-17T03:04:05+02:00","classification.type":"scanner","tags":["a","b"]}
{"source":{"ip":"192.0.2.2","geolocation":{"cc":"fi"}},"extra":{"note":{"deep":[1]}},"comment":null}
{"source.ip":"192.0.2.3"
{"source.ip":"192.0.2.256"}
[1]
"#,
            events: r#"
{"extra.reported_event_id":"00112233445566778899aabbccddeeff","extra.reported_feed_name":"theirs","extra.reported_duplicate_count":3,"source.ip":"192.0.2.1","source.port":80,"time.source":"2026-06-17T01:04:05Z","classification.type":"scanner","classification.taxonomy":"information-gathering","extra.tags":["a","b"]}
{"source.ip":"192.0.2.2","source.geolocation.cc":"FI","extra.note":{"deep":[1]}}
"#,
            rejects: "4 : not JSON: EOF while parsing an object at column 24\n5 source.ip: not an IP address\n6 : not an object",
        },
        Sample {
            name: "honeypot.json",
            settings: r#"
columns = { "src.ip" = "source.ip", "hosts[0].name" = "source.fqdn", when = "time.source", "src.cc" = "source.geolocation.cc" }
drop = ["password", "src.secret"]
time_format = "unix"
constant = { "classification.type" = "brute-force", "extra.list" = "ours", "extra.src.port" = "none" }
require = ["source.ip"]
"#,
            given: r#"
{"src":{"ip":"192.0.2.1","cc":"POL","secret":"x","port":22},"hosts":[{"name":"a.example"},{"name":"b.example"}],"when":1478769063,"password":"hunter2"}
{"when":1478769063}
"#,
            events: r#"
{"source.ip":"192.0.2.1","source.geolocation.cc":"PL","source.fqdn":"a.example","time.source":"2016-11-10T09:11:03Z","extra.src.port":22,"extra.hosts[1]":{"name":"b.example"},"extra.list":"ours","classification.type":"brute-force","classification.taxonomy":"intrusion-attempts"}
"#,
            rejects: "3 source.ip: missing",
        },
        Sample {
            name: "empty.ndjson",
            settings: "",
            given: "{\"source.ip\":\"\"}\n{\"source.ip\":null,\"a\":1}\n{\"source.ip\":\"-\"}\n{\"source.ip\":\"\",\"source.fqdn\":\"a.example\"}\n",
            events: "{\"source.fqdn\":\"a.example\"}\n",
            rejects: "1 : every member that is a field or named in the settings is empty
2 : every member that is a field or named in the settings is empty
3 : every member that is a field or named in the settings is empty",
        },
        Sample {
            name: "member-twice-inside.ndjson",
            settings: "",
            given: "{\"source\":{\"ip\":\"192.0.2.1\"},\"extra\":{\"note\":{\"a\":1,\"a\":2}}}\n{\"source\":{\"ip\":\"192.0.2.1\",\"ip\":\"192.0.2.2\"}}\n{\"source.ip\":\"192.0.2.1\",\"extra.a\":1,\"extra.a\":2}\n",
            events: r#"
{"source.ip":"192.0.2.1","extra.note":{"a":1,"a_2":2}}
"#,
            rejects: "2 source.ip: this member is there twice, so it does not say which one is meant
3 extra.a: this member is there twice, so it does not say which one is meant",
        },
        Sample {
            name: "member-twice.ndjson",
            settings: "columns = { ip = \"source.ip\", \"at.port\" = \"source.port\", x = \"-\" }\ndrop = [\"password\"]",
            given: "{\"ip\":\"192.0.2.1\",\"ip\":\"192.0.2.2\"}\n{\"ip\":\"192.0.2.3\",\"note\":1,\"note\":2,\"x\":1,\"x\":2,\"password\":1,\"password\":2,\"deep\":{\"a\":1,\"a\":2}}\n{\"ip\":\"192.0.2.4\",\"at\":{\"port\":1},\"at\":{\"port\":2}}\n",
            events: r#"
{"source.ip":"192.0.2.3","extra.deep":{"a":1,"a_2":2},"extra.note":1,"extra.note_2":2}
"#,
            rejects: "1 ip: this member is there twice, so it does not say which one is meant
3 at: this member is there twice, so it does not say which one is meant",
        },
        Sample {
            name: "other-kind.ndjson",
            settings: "columns = { \"src.ip\" = \"source.ip\", when = \"time.source\" }",
            given: "{\"level\":\"info\",\"msg\":\"started\"}\n{\"level\":\"info\",\"msg\":\"stopped\"}\n",
            events: "",
            rejects: "1 : a report of another kind: none of its 2 lines or records can be read, the first because: it has none of the columns src.ip, when; it has: level, msg",
        },
    ],
};

struct NdJson {
    flat: Flat,
}

fn read(keys: &mut Keys<'_>) -> Box<dyn Parser> {
    Box::new(NdJson { flat: Flat::read(keys) })
}

impl Parser for NdJson {
    fn parse(&self, input: &mut Input<'_>, _: &About<'_>, sink: &mut Sink<'_>) {
        each_line(input, sink, |sink, number, line| match self.flat.record(line.as_bytes()) {
            Ok(value @ Value::Object(_)) => {
                sink.event(number, line.as_bytes(), |draft| self.flat.put(draft, &value));
            }
            Ok(_) => sink.reject(number, Fault::foreign("not an object"), line.as_bytes()),
            Err(fault) => sink.reject(number, fault, line.as_bytes()),
        });
    }
}
