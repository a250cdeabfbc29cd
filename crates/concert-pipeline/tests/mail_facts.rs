//! Every fact of `mail/expected.jsonl` beside what Concert makes of the mail, field by field. `CONCERT_SAMPLES` names
//! the folder of samples.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "all of this is a test, also what stands outside its functions"
)]

#[path = "../src/parse/check.rs"]
#[expect(dead_code, reason = "each test uses a part of it")]
mod check;

use std::collections::BTreeMap;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use concert_pipeline::mail::{self, Kind, Mail};
use concert_pipeline::parse::unpack::{self, Limits};
use serde_json::{Value, json};

/// What nothing is compared with, and why.
const LEFT_OUT: [(&str, &str); 8] = [
    ("file", "it names the sample"),
    ("note", "it is for people"),
    (
        "asn",
        "an event has the AS of its own address, from the site's data; what a provider says of all at once is not read",
    ),
    ("reporting_mta", "which server could not deliver is of no use: whom it could not reach is"),
    ("has_original", "what a report returns stays in the raw report; no field of an event says that it is there"),
    ("port", "a complaint is read line by line, and a port on a line of its own may be anybody's"),
    ("auto_submitted", "a mail is known for automatic by one sign or another; which one is said for people"),
    ("signals", "as before"),
];

/// A sample, and what is known of it.
struct Sample {
    name: String,
    bytes: Vec<u8>,
    facts: Value,
}

fn samples() -> Vec<Sample> {
    let Some(folder) = std::env::var_os("CONCERT_SAMPLES").map(|root| Path::new(&root).join("mail")) else {
        println!("skipped: CONCERT_SAMPLES is not set");
        return Vec::new();
    };
    let lines = std::fs::read_to_string(folder.join("expected.jsonl")).unwrap();
    let all = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    all.map(|facts| {
        let name = facts["file"].as_str().unwrap().to_owned();
        Sample { bytes: std::fs::read(folder.join(&name)).unwrap(), name, facts }
    })
    .collect()
}

impl Sample {
    /// Events as a feed of this parser reads them, and rejects.
    fn read(&self, parser: &str, settings: &str) -> (Vec<Value>, Vec<String>) {
        let feed = check::feed(parser, settings, &|_| Err("no files here".to_owned()));
        let (events, rejects) = check::through(&feed, &self.name, |receipt, sink| {
            unpack::read(Cursor::new(&self.bytes), receipt, &Limits::default(), feed.parser.as_ref(), sink);
        });
        (events.iter().map(|event| serde_json::from_str(event).unwrap()).collect(), rejects)
    }

    /// Name and lines of each part that a feed reads, the head of a table left out.
    fn tables(&self) -> Vec<(PathBuf, usize)> {
        let mut found = Vec::new();
        let rejects = unpack::parts(
            Cursor::new(&self.bytes),
            &check::receipt(&self.name),
            &Limits::default(),
            &mut |part, input| {
                let mut lines = 0;
                while input.next_line().is_some() {
                    lines += 1;
                }
                found.push((PathBuf::from(part.place), lines - 1));
            },
        );
        assert!(rejects.is_empty(), "{}", self.name);
        found
    }

    fn mail(&self) -> Mail {
        mail::read(&self.bytes).unwrap()
    }

    /// What is known of it, as Concert says it.
    fn said(&self) -> BTreeMap<&'static str, Value> {
        let kind = self.facts["kind"].as_str().unwrap();
        let mut said = match kind {
            "arf" => self.arf(),
            "xarf-0.2" | "xarf-3" | "xarf-4" => self.xarf(),
            "csv-attachments" => self.csv(),
            "xml-body" => self.xml(),
            "zip-csv" => self.zip(),
            "plain-text" => self.plain(),
            "dsn" => self.bounce(),
            "auto-reply" => BTreeMap::new(),
            other => panic!("{}: a kind that nobody knows: {other}", self.name),
        };
        let is_known = match (kind, self.mail().kind) {
            ("dsn", Kind::Bounce(_)) | ("auto-reply", Kind::AutoReply) | ("arf", Kind::Feedback) => true,
            ("dsn" | "auto-reply" | "arf", _) | (_, Kind::Bounce(_) | Kind::AutoReply) => false,
            _ => true,
        };
        said.insert("kind", if is_known { json!(kind) } else { json!(self.mail().kind.word()) });
        said
    }

    fn arf(&self) -> BTreeMap<&'static str, Value> {
        let (events, rejects) = self.read("arf", "");
        assert_eq!((events.len(), rejects.len()), (1, 0), "{}", self.name);
        let event = &events[0];
        let domains = &event["extra.reported_domain"];
        let recipients = event["extra.original_rcpt_to"].as_array().map(Vec::len);
        BTreeMap::from([
            ("feedback_type", event["classification.identifier"].clone()),
            ("fields", fields(&self.facts["fields"], event)),
            ("reported_domain", domains.clone()),
            ("reported_domains", domains.clone()),
            ("user_agent", event["extra.user_agent"].clone()),
            ("original_rcpt_to_count", json!(recipients)),
            ("original_mail_from", event["extra.original_mail_from"].clone()),
        ])
    }

    fn xarf(&self) -> BTreeMap<&'static str, Value> {
        let (events, rejects) = self.read("xarf", "");
        assert_eq!((events.len(), rejects.len()), (1, 0), "{}", self.name);
        let event = &events[0];
        let kind = &event["classification.identifier"];
        let extra = |name: &str| event[format!("extra.{name}")].clone();
        let destination = json!({
            "destination_ip": event["destination.ip"], "destination_port": event["destination.port"],
            "protocol": event["protocol.transport"], "first_seen": extra("first_seen"),
        });
        BTreeMap::from([
            ("category", extra("category")),
            ("report_type", kind.clone()),
            ("type", kind.clone()),
            ("report_class", extra("category")),
            ("report_id", extra("report_id")),
            ("xarf_version", extra("xarf_version")),
            ("report_date", event["time.source"].clone()),
            ("fields", fields(&self.facts["fields"], event)),
            ("source_port", event["source.port"].clone()),
            ("destination_ip", event["destination.ip"].clone()),
            ("destination_port", event["destination.port"].clone()),
            ("destination_port_reported", event["destination.port"].clone()),
            ("destination", destination),
        ])
    }

    /// Columns are those that the settings of a feed name.
    fn csv(&self) -> BTreeMap<&'static str, Value> {
        let columns = "delimiter = \",\"\nheader = true\ntime_zone = \"UTC\"\nignore_values = [\"-\"]\n\
            constant = { \"classification.type\" = \"infected-system\" }\n";
        let more = if self.facts["fields"].get("malware.name").is_some() {
            ", infection = \"malware.name\", cc = \"destination.ip\", cc_port = \"destination.port\", cc_dns = \"destination.fqdn\""
        } else {
            ""
        };
        let columns = format!(
            "{columns}columns = {{ timestamp = \"time.source\", ip = \"source.ip\", port = \"source.port\"{more} }}\n"
        );
        let (events, _) = self.read("csv", &columns);
        assert_eq!(events.len(), 1, "{}: {events:#?}", self.name);
        let tables = self.tables();
        BTreeMap::from([
            ("attachments", json!(tables.len())),
            ("rows", json!(tables.iter().map(|(_, rows)| rows).collect::<Vec<_>>())),
            ("fields", fields(&self.facts["fields"], &events[0])),
        ])
    }

    /// Flat XML is read by a regular expression.
    fn xml(&self) -> BTreeMap<&'static str, Value> {
        let settings = "pattern = '<url_info url=\"(?<url>[^\"]*)\"(?: ip=\"(?<ip>[^\"]*)\")?'\n\
            columns = { url = \"source.url\", ip = \"source.ip\" }\n\
            constant = { \"classification.type\" = \"malware-distribution\" }\n";
        let (events, rejects) = self.read("regex", settings);
        assert_eq!(rejects.len(), 6, "each line around the entries: {rejects:?}");
        let ports: Vec<&str> = events.iter().filter_map(|event| event["source.url"].as_str()).collect();
        assert!(ports.iter().skip(3).all(|url| url.starts_with("http://10.0.2.26:2222/")), "{ports:?}");
        BTreeMap::from([("events", json!(events.len())), ("first", fields(&self.facts["first"], &events[0]))])
    }

    fn zip(&self) -> BTreeMap<&'static str, Value> {
        let tables = self.tables();
        let (events, rejects) = self.read("shadowserver", "");
        assert_eq!(rejects, Vec::<String>::new(), "{}", self.name);
        let rows: Vec<usize> = tables.iter().map(|(_, rows)| *rows).collect();
        assert_eq!(events.len(), rows.iter().sum::<usize>(), "{}", self.name);
        let name = |path: &Path| path.file_name().map(|name| json!(name.to_string_lossy()));
        let member = tables.first().and_then(|(path, _)| name(path));
        let archive = tables.first().and_then(|(path, _)| name(path.parent()?));
        let several = self.facts["rows"].is_array();
        let host = self.facts["link_host"].as_str().filter(|host| self.mail().text.contains(&format!("//{host}/")));
        let inner = self.facts["inner_sample"].as_str().map(|inner| {
            let path = Path::new(&std::env::var_os("CONCERT_SAMPLES").unwrap()).join(inner);
            std::fs::read_to_string(path).unwrap().lines().count() - 1 == rows.iter().sum::<usize>()
        });
        // Files that are no table are passed over, so of the members those are compared that are.
        let tables: Vec<Value> = tables.iter().filter_map(|(path, _)| name(path)).collect();
        let members = self.facts["members"].as_array().map(|members| {
            let is_one = |name: &&Value| name.as_str().is_some_and(|name| name.to_lowercase().ends_with(".csv"));
            let wanted: Vec<&Value> = members.iter().filter(is_one).collect();
            assert_eq!(wanted, tables.iter().collect::<Vec<_>>(), "{}", self.name);
            members.clone()
        });
        BTreeMap::from([
            ("attachment", json!(member)),
            ("attachment_filename", json!(archive)),
            ("rows", if several { json!(rows) } else { json!(rows.first()) }),
            ("report_members", json!(rows.len())),
            ("members", json!(members)),
            ("subject", json!(self.mail().subject)),
            ("link_host", json!(host)),
            ("inner_sample", inner.filter(|same| *same).map_or(Value::Null, |_| self.facts["inner_sample"].clone())),
        ])
    }

    fn plain(&self) -> BTreeMap<&'static str, Value> {
        let (events, rejects) = self.read("complaint", "");
        assert_eq!(rejects, Vec::<String>::new(), "{}", self.name);
        let values = |field: &str| {
            let mut found: Vec<&str> = events.iter().filter_map(|event| event[field].as_str()).collect();
            found.sort_unstable();
            found.dedup();
            found
        };
        let sources = values("source.ip");
        let ignored = self.facts["quoted_ips_to_ignore"].as_array().into_iter().flatten();
        let ignored: Vec<&Value> = ignored.filter(|one| !sources.contains(&one.as_str().unwrap())).collect();
        let mail = self.mail();
        let answers = mail.names.answers.first().map(|id| format!("<{id}>"));
        let text = |what: &Value| what.as_str().filter(|what| mail.text.contains(what)).map(str::to_owned);
        BTreeMap::from([
            ("ips", json!(sources)),
            ("urls", json!(values("source.url"))),
            ("events", json!(events.len())),
            ("first", fields(&self.facts["first"], &events[0])),
            ("fields", fields(&self.facts["fields"], &events[0])),
            ("quoted_ips_to_ignore", json!(ignored)),
            ("ticket", json!(mail.names.tickets.first())),
            ("in_reply_to", json!(answers)),
            // Each provider has numbers of its own; it is kept with the words of the mail.
            ("report_id", json!(text(&self.facts["report_id"]))),
        ])
    }

    fn bounce(&self) -> BTreeMap<&'static str, Value> {
        let mail = self.mail();
        let Kind::Bounce(failed) = &mail.kind else { panic!("{mail:?}") };
        assert_eq!(failed.len(), 1, "{failed:?}");
        let weight = if failed[0].weight == mail::Weight::Hard { "failed" } else { "delayed" };
        BTreeMap::from([
            ("action", json!(weight)),
            ("status", json!(failed[0].status)),
            ("final_recipient", json!(failed[0].address)),
            ("original_recipient", json!(failed[0].original)),
            ("original_message_id", json!(mail.names.returned.first().map(|id| format!("<{id}>")))),
        ])
    }
}

/// Those fields of an event that are wanted, in the form of the facts.
fn fields(wanted: &Value, event: &Value) -> Value {
    let wanted = wanted.as_object().into_iter().flatten();
    wanted
        .map(|(field, _)| {
            let value = match event[field].as_str() {
                Some(time) if field.starts_with("time.") => json!(time.replace('Z', "+00:00")),
                _ => event[field].clone(),
            };
            (field.clone(), value)
        })
        .collect()
}

#[test]
fn every_fact_about_every_mail_is_what_concert_says_of_it() {
    let mut wrong = Vec::new();
    for sample in samples() {
        let said = sample.said();
        for (key, want) in sample.facts.as_object().unwrap() {
            if LEFT_OUT.iter().any(|(left, _)| left == key) {
                continue;
            }
            match said.get(key.as_str()) {
                Some(got) if got == want => {}
                got => wrong.push(format!("{} {key}: {got:?} in place of {want}", sample.name)),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A reason is no excuse for what is not there any more.
#[test]
fn what_is_left_out_is_among_the_facts() {
    let samples = samples();
    for (key, why) in LEFT_OUT.iter().filter(|_| !samples.is_empty()) {
        assert!(samples.iter().any(|sample| sample.facts.get(key).is_some()), "{key}: {why}");
    }
}
