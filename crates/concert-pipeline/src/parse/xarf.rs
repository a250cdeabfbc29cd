//! XARF: abuse reports in JSON, versions 4 and 3, and X-ARF 0.1 and 0.2, which are lines of `Key: value`.
//!
//! It reads documents as they are pushed (one, a list, or one a line), and whole mails that carry one: any
//! part that is such a report is read, whatever it is called, also inside signed and forwarded mails. Other parts
//! are evidence or text for people. Each report is one event.
//!
//! **Type.** By the table in `xarf/types.rs`: `login_attack`, `Login-Attack` and `LoginAttack` all become
//! `brute-force`. The word itself is `classification.identifier`, the category `extra.category`. What is not
//! in the table goes by its category, else it is `other`.
//!
//! **Source.** `source_identifier` is an address, network, domain, URL or mail address; `url`,
//! `infringing_url` and `domain` stand beside it. `timestamp` becomes `time.source`.
//!
//! **Who reports** is `extra.reporter` (the mail address) and `extra.reporter_org`. Where reports come by mail as
//! complaints, the parties that are told learn neither, unless whoever it is agreed (`[mailbox]`).
//!
//! **Evidence** is listed in `extra.evidence` without its bytes. The first 500 letters of its first text, or of
//! the log that came with a 0.2, are `event_description.text` where nothing describes the event. All other
//! members are kept under `extra.` as long as they are short; `_internal` never is.
//!
//! The YAML of 0.1 and 0.2 is read as flat lines; nested values are a reject that says so.

mod old;
mod put;
mod types;

use concert_model::Keys;
use memchr::memmem;
use serde_json::{Map, Value as Json};

use super::carried::{Piece, mail, pieces};
use super::flat::once_each;
use super::input::decode;
use super::json::each_record;
use super::unpack::Parts;
use super::{About, Draft, Fault, Input, Listed, Parser, Sample, Sink};

/// XARF.
pub const LISTED: Listed = Listed {
    name: "xarf",
    about: "Abuse reports in XARF (versions 4 and 3) and X-ARF (0.1 and 0.2), as documents and in mails.",
    source: "https://xarf.org/",
    read,
    samples: SAMPLES,
};

const SAMPLES: &[Sample] = &[
    Sample {
        name: "reports.ndjson",
        settings: "",
        given: r#"{"xarf_version":"4.2.0","report_id":"5a0f3f2e-6a7b-4a53-9a4f-0d1c2b3a4e5f","timestamp":"2026-06-17T03:04:05Z","reporter":{"org":"Sensor Net","contact":"reports@sensor.example","domain":"sensor.example"},"sender":{"org":"Sensor Net","contact":"reports@sensor.example","domain":"sensor.example"},"source_identifier":"192.0.2.7","source_port":4242,"category":"connection","type":"login_attack","destination_ip":"198.51.100.1","destination_port":22,"protocol":"tcp","service":"ssh","attempt_count":12,"confidence":0.95,"evidence_source":"honeypot","evidence":[{"content_type":"text/plain","description":"log","payload":"RmFpbGVkIHBhc3N3b3JkIGZvciByb290","hash":"md5:00"}],"tags":["service:ssh"],"_internal":{"ticket":1}}
{"xarf_version":"4.0.0","timestamp":"2026-06-17T03:04:05Z","source_identifier":"login.bank.example","category":"content","type":"phishing","url":"http://login.bank.example/a","description":"asks for passwords"}
{"Version":"3","ReporterInfo":{"ReporterOrg":"Sensor Net","ReporterOrgEmail":"reports@sensor.example"},"Disclosure":true,"Report":{"ReportClass":"Activity","ReportType":"Port-Scan","Date":"2026-06-17T03:04:05Z","SourceIp":"192.0.2.8","DestinationIp":"198.51.100.2","DestinationPort":80,"Samples":[{"ContentType":"text/plain","Base64Encoded":false,"Payload":"SYN SYN SYN"}]}}
{"Reported-From":"abuse@bank.example","Report-Type":"spam","Category":"abuse","Date":"Wed, 17 Jun 2026 03:04:05 +0000","Source":"192.0.2.9","Source-Type":"ipv4"}
{"xarf_version":"4.2.0","category":"connection","type":"ddos","timestamp":"2026-06-17T03:04:05Z","source_identifier":"192.0.2.256"}
{"xarf_version":"4.2.0","category":"connection","timestamp":"2026-06-17T03:04:05Z","source_identifier":"192.0.2.10"}
{"xarf_version":"5.0.0"}
{"ip":"192.0.2.11"}
{"xarf_version":"4.2.0","category":"connection","type":"ddos","timestamp":"today","source_identifier":"192.0.2.12"
"#,
        events: r#"
{"source.ip":"192.0.2.7","source.port":4242,"destination.ip":"198.51.100.1","destination.port":22,"protocol.transport":"tcp","protocol.application":"ssh","time.source":"2026-06-17T03:04:05Z","classification.type":"brute-force","classification.identifier":"login_attack","classification.taxonomy":"intrusion-attempts","confidence":95.0,"event_description.text":"Failed password for root","extra.category":"connection","extra.reporter":"reports@sensor.example","extra.reporter_org":"Sensor Net","extra.evidence":[{"content_type":"text/plain","description":"log","hash":"md5:00"}],"extra.xarf_version":"4.2.0","extra.report_id":"5a0f3f2e-6a7b-4a53-9a4f-0d1c2b3a4e5f","extra.attempt_count":12,"extra.evidence_source":"honeypot","extra.tags":["service:ssh"]}
{"source.fqdn":"login.bank.example","source.url":"http://login.bank.example/a","time.source":"2026-06-17T03:04:05Z","classification.type":"phishing","classification.identifier":"phishing","classification.taxonomy":"fraud","event_description.text":"asks for passwords","extra.category":"content","extra.xarf_version":"4.0.0"}
{"source.ip":"192.0.2.8","destination.ip":"198.51.100.2","destination.port":80,"time.source":"2026-06-17T03:04:05Z","classification.type":"scanner","classification.identifier":"Port-Scan","classification.taxonomy":"information-gathering","event_description.text":"SYN SYN SYN","extra.category":"Activity","extra.reporter":"reports@sensor.example","extra.reporter_org":"Sensor Net","extra.evidence":[{"content_type":"text/plain"}],"extra.xarf_version":"3"}
{"source.ip":"192.0.2.9","time.source":"2026-06-17T03:04:05Z","classification.type":"spam","classification.identifier":"spam","classification.taxonomy":"abusive-content","extra.category":"abuse","extra.reporter":"abuse@bank.example"}
"#,
        rejects: "5 source_identifier: not a domain name but a number or address\n\
                  6 type: missing\n\
                  7 xarf_version: `5.0.0`, and versions 4, 3, 0.2 and 0.1 are read\n\
                  8 : not an XARF report: neither xarf_version, ReporterInfo nor Report-Type is there\n\
                  9 : not JSON: the document ends before this does (line 9)",
    },
    Sample {
        name: "report.eml",
        settings: "",
        given: "\
From: reports@bank.example
To: abuse@isp.example
Subject: abuse report about 192.0.2.9
X-XARF: PLAIN
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/plain

Your customer 192.0.2.9 attacked 198.51.100.9.
--b
Content-Type: text/plain; charset=utf-8; name=report.txt

---
Reported-From: reports@bank.example
Category: abuse
Report-Type: login-attack
Service: ssh
Port: 22
Version: 0.2
Date: Wed, 17 Jun 2026 05:04:05 +0200
Source-Type: ip-address
Source: 192.0.2.9
Report-ID: 17@bank.example
Occurrences: 3
Attachment: text/plain
Schema-URL: https://bank.example/schema.json

--b
Content-Type: text/plain; name=log.txt

sshd: Failed password for root from 192.0.2.9
--b--
",
        events: r#"{"source.ip":"192.0.2.9","destination.port":22,"protocol.application":"ssh","time.source":"2026-06-17T03:04:05Z","classification.type":"brute-force","classification.identifier":"login-attack","classification.taxonomy":"intrusion-attempts","event_description.text":"sshd: Failed password for root from 192.0.2.9","extra.category":"abuse","extra.reporter":"reports@bank.example","extra.xarf_version":"0.2","extra.report_id":"17@bank.example","extra.occurrences":"3"}"#,
        rejects: "",
    },
    Sample {
        name: "nested.txt",
        settings: "",
        given: "Reported-From: a@bank.example\nReport-Type: spam\nSource:\n  - 192.0.2.1\n",
        events: "",
        rejects: "4 : a nested value or a list, and only `Key: value` is read here",
    },
    Sample {
        name: "none.eml",
        settings: "",
        given: "From: a@bank.example\nTo: abuse@isp.example\nSubject: hello\nX-XARF: BULK\n\nSee the attachment.\n",
        events: "",
        rejects: "1 : no part of the mail is an XARF report",
    },
];

/// How much of a part is looked at to tell whether it is a report in lines.
const HEAD_BYTES: usize = 4_096;

/// Reads XARF.
pub(super) struct Xarf;

fn read(_: &mut Keys<'_>) -> Box<dyn Parser> {
    Box::new(Xarf)
}

impl Parser for Xarf {
    fn parts(&self) -> Parts {
        Parts::Whole
    }

    fn parse(&self, input: &mut Input<'_>, _: &About<'_>, sink: &mut Sink<'_>) {
        let bytes = match input.whole() {
            Ok(bytes) => bytes,
            Err(why) => return sink.reject(1, Fault::new("", why), b""),
        };
        if is_json(&bytes) || is_lines(&bytes) {
            return report(&input.decode(&bytes), "", sink);
        }
        let Some(mail) = mail(&bytes) else {
            let fault = Fault::new("", "neither JSON, nor the lines of version 0.2, nor a mail");
            return sink.reject(1, fault, &bytes);
        };
        let pieces = pieces(&bytes, &mail);
        let mut places = pieces.iter().enumerate().filter(|(_, piece)| is_report(piece)).peekable();
        if places.peek().is_none() {
            sink.reject(1, Fault::new("", "no part of the mail is an XARF report"), b"");
        }
        for (at, piece) in places {
            match piece.name() {
                "" => sink.begin_part(&format!("part {at}")),
                name => sink.begin_part(name),
            }
            let log = pieces.get(at + 1).filter(|next| next.kind == "text/plain" && !is_report(next));
            report(&piece.text(), &log.map(Piece::text).unwrap_or_default(), sink);
        }
    }
}

/// Whether a part of a mail is a report.
pub(super) fn is_report(piece: &Piece<'_>) -> bool {
    let bytes = piece.bytes();
    let has = |name: &str| memmem::find(bytes, name.as_bytes()).is_some();
    match is_json(bytes) {
        true => ["\"xarf_version\"", "\"ReporterInfo\"", "\"Report-Type\""].into_iter().any(has),
        false => is_lines(bytes),
    }
}

fn is_json(bytes: &[u8]) -> bool {
    matches!(bytes.trim_ascii_start().first(), Some(b'{' | b'['))
}

/// Whether lines are a report of version 0.1 or 0.2: two of its keys stand among the first lines. The head of a mail
/// that carries one is not.
fn is_lines(bytes: &[u8]) -> bool {
    let head = decode(bytes.get(..HEAD_BYTES).unwrap_or(bytes), None).to_ascii_lowercase();
    let head = head.trim_start().trim_start_matches("---").trim_start();
    let has = |key: &str| head.lines().take_while(|line| !line.trim().is_empty()).any(|line| line.starts_with(key));
    has("report-type:") && (has("source:") || has("reported-from:"))
}

/// Reads what one part holds. `log` is the text that came behind it.
fn report(text: &str, log: &str, sink: &mut Sink<'_>) {
    if is_json(text.as_bytes()) {
        return each_record(text.as_bytes(), &[], sink, &mut |sink, number, piece, value| {
            sink.event(number, piece.bytes, |draft| {
                once_each(piece)?;
                document(draft, &value)
            });
        });
    }
    match old::lines(text) {
        Ok(lines) => {
            sink.event(1, text.as_bytes(), |draft| put::put(draft, &old::of_version_0(&lines), log));
        }
        Err((line, fault)) => sink.reject(line, fault, text.as_bytes()),
    }
}

fn document(draft: &mut Draft<'_>, value: &Json) -> Result<(), Fault> {
    let none = Map::new();
    let document = value.as_object().unwrap_or(&none);
    if let Some(version) = document.get("xarf_version") {
        if version.as_str().is_some_and(|version| version.starts_with("4.")) {
            return put::put(draft, document, "");
        }
        let version = version.as_str().map_or_else(|| version.to_string(), str::to_owned);
        return Err(Fault::new("xarf_version", format!("`{version}`, and versions 4, 3, 0.2 and 0.1 are read")));
    }
    if document.contains_key("ReporterInfo") {
        return put::put(draft, &old::of_version_3(document)?, "");
    }
    if document.contains_key("Report-Type") {
        return put::put(draft, &old::of_version_0(document), "");
    }
    let reason = "not an XARF report: neither xarf_version, ReporterInfo nor Report-Type is there";
    Err(Fault::new("", reason))
}
