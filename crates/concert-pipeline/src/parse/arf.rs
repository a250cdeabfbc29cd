//! Feedback reports (ARF, RFC 5965): what mailbox providers send to whom a mail came from, when their user
//! calls it spam, when it failed authentication, or when it came with a virus.
//!
//! It reads whole mails: `multipart/report` with a part `message/feedback-report` for machines, and behind
//! it the mail that is complained of, or its headers. A mail with several such parts, or with such mails
//! inside, is several reports. Each is one event; `extra.incidents` says for how many mails it stands.
//!
//! **Type.** `abuse` and `opt-out` become `spam`, `fraud` becomes `phishing`, `virus` becomes
//! `malware-distribution`, `auth-failure` (RFC 6591) becomes `masquerade`, all else `other`. The word itself is
//! `classification.identifier`. `not-spam` (RFC 6430) says that nothing happened: it is a reject that says so.
//!
//! **Source.** `Source-IP`, with `Source-Port` (RFC 6692). Without it the address from which the provider
//! received the mail, read from the newest `Received` that names one of somebody; `extra.source_from` says so
//! then. Without any, `Reported-URI`, else `Reported-Domain`. Where there is an address those two stand in
//! `extra.reported_uri` and `extra.reported_domain`: the domain of a sender is easily made up. Of an
//! `auth-failure` the domain is the one that was used by somebody else, so it is `destination.fqdn`.
//!
//! **Time.** `Arrival-Date`, else `Received-Date`, else that of the same `Received`.
//!
//! **Recipients** (`extra.original_rcpt_to`) are kept as they come, also redacted (RFC 6590). Of the mail itself
//! nothing is kept but what was said: its text and subject stay in the raw report, and out of notices.

use std::net::IpAddr;

use concert_model::{Field, Keys, Value};
use mail_parser::{Message, Received};
use serde_json::Value as Json;

use super::carried::{Piece, fields, mail, pieces, plain_time};
use super::lines::give_texts;
use super::mapping::set_extra_json;
use super::unpack::Parts;
use super::{About, Draft, Fault, Input, Listed, Parser, Sample, Sink};
use crate::observables::somebodys;

/// Feedback reports.
pub const LISTED: Listed = Listed {
    name: "arf",
    about: "Feedback reports of mailbox providers (ARF): complaints about mails, and failed authentication.",
    source: "https://www.rfc-editor.org/rfc/rfc5965",
    read,
    samples: SAMPLES,
};

const SAMPLES: &[Sample] = &[
    Sample {
        name: "abuse.eml",
        settings: "",
        given: "\
From: feedback@mailbox.example
To: abuse@isp.example
Subject: FW: Earn money
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary=b

--b
Content-Type: text/plain

This is an abuse report for a mail that came from 192.0.2.7.
--b
Content-Type: message/feedback-report

Feedback-Type: abuse
User-Agent: Loop/1.0
Version: 1
Original-Mail-From: <bulk@shop.example>
Original-Rcpt-To: <redacted-4f1a@mailbox.example>
Original-Rcpt-To: <redacted-9c00@mailbox.example>
Arrival-Date: Thu, 17 Jun 2026 03:04:05 +0200 (CEST)
Source-IP: 192.0.2.7
Source-Port: 4242
Reported-Domain: shop.example
Reported-URI: http://shop.example/earn
Incidents: 12
Authentication-Results: mailbox.example;
 spf=fail smtp.mailfrom=shop.example
--b
Content-Type: message/rfc822

From: bulk@shop.example
Subject: Earn money

You won.
--b--
",
        events: r#"{"source.ip":"192.0.2.7","source.port":4242,"time.source":"2026-06-17T01:04:05Z","classification.type":"spam","classification.identifier":"abuse","classification.taxonomy":"abusive-content","protocol.application":"smtp","extra.incidents":12,"extra.user_agent":"Loop/1.0","extra.original_mail_from":"bulk@shop.example","extra.original_rcpt_to":["redacted-4f1a@mailbox.example","redacted-9c00@mailbox.example"],"extra.reported_domain":"shop.example","extra.reported_uri":"http://shop.example/earn","extra.authentication_results":"mailbox.example; spf=fail smtp.mailfrom=shop.example"}"#,
        rejects: "",
    },
    Sample {
        name: "headers-only.eml",
        settings: "",
        given: "\
From: feedback@mailbox.example
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary=b

--b
Content-Type: message/feedback-report

Feedback-Type: virus
User-Agent: Loop/1.0
Version: 1
--b
Content-Type: text/rfc822-headers

Return-Path: <joe@host.example>
Received: from mx (localhost [127.0.0.1]) by store.mailbox.example; Wed, 17 Jun 2026 03:04:07 +0000
Received: from host.example (host.example [192.0.2.8]) by mx.mailbox.example; Wed, 17 Jun 2026 03:04:06 +0000
Received: from made.up (made.up [198.51.100.1]) by host.example; Wed, 17 Jun 2026 03:04:05 +0000
Subject: invoice
--b--
",
        events: r#"{"source.ip":"192.0.2.8","time.source":"2026-06-17T03:04:06Z","classification.type":"malware-distribution","classification.identifier":"virus","classification.taxonomy":"malicious-code","protocol.application":"smtp","extra.source_from":"received","extra.user_agent":"Loop/1.0","extra.original_mail_from":"joe@host.example"}"#,
        rejects: "",
    },
    Sample {
        name: "several.eml",
        settings: "",
        given: "\
From: feedback@mailbox.example
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: message/feedback-report

Feedback-Type: auth-failure
User-Agent: Loop/1.0
Version: 1
Source-IP: 2001:db8::7
Reported-Domain: bank.example
Auth-Failure: dmarc
Delivery-Result: reject
--b
Content-Type: message/feedback-report

Feedback-Type: fraud
Version: 1
Reported-URI: http://login.bank.example/
Received-Date: 2026-06-17T03:04:05Z
--b
Content-Type: message/feedback-report

Feedback-Type: not-spam
Version: 1
Source-IP: 192.0.2.9
--b
Content-Type: message/feedback-report

Version: 1
--b
Content-Type: message/feedback-report

Feedback-Type: abuse
Version: 1
Source-IP: 192.0.2.256
--b
Content-Type: message/feedback-report

Feedback-Type: abuse
Version: 1
User-Agent: Loop/1.0
--b--
",
        events: r#"
{"source.ip":"2001:db8::7","destination.fqdn":"bank.example","classification.type":"masquerade","classification.identifier":"auth-failure","classification.taxonomy":"fraud","protocol.application":"smtp","extra.user_agent":"Loop/1.0","extra.auth_failure":"dmarc","extra.delivery_result":"reject"}
{"source.url":"http://login.bank.example/","time.source":"2026-06-17T03:04:05Z","classification.type":"phishing","classification.identifier":"fraud","classification.taxonomy":"fraud","protocol.application":"smtp"}
"#,
        rejects: "25 Feedback-Type: `not-spam`: the mail was wanted, so this is no event\n\
                  31 Feedback-Type: missing\n\
                  35 Source-IP: not an IP address\n\
                  41 Source-IP: missing, and nothing else says where the mail came from",
    },
];

/// Words of `Feedback-Type` and the type they speak for.
const TYPES: &[(&str, &str)] = &[
    ("abuse", "spam"),
    ("auth-failure", "masquerade"),
    ("fraud", "phishing"),
    ("opt-out", "spam"),
    ("opt-out-list", "spam"),
    ("virus", "malware-distribution"),
];
/// Fields that are kept under `extra.` with all their values.
const KEPT: &[(&str, &str)] = &[
    ("user-agent", "user_agent"),
    ("original-envelope-id", "original_envelope_id"),
    ("original-mail-from", "original_mail_from"),
    ("original-rcpt-to", "original_rcpt_to"),
    ("reporting-mta", "reporting_mta"),
    ("authentication-results", "authentication_results"),
    ("auth-failure", "auth_failure"),
    ("delivery-result", "delivery_result"),
    ("identity-alignment", "identity_alignment"),
    ("dkim-domain", "dkim_domain"),
    ("dkim-identity", "dkim_identity"),
    ("dkim-selector", "dkim_selector"),
];
/// Most values of one field that are kept.
const VALUES_MAX: usize = 100;

/// Reads feedback reports.
pub(super) struct Arf;

fn read(_: &mut Keys<'_>) -> Box<dyn Parser> {
    Box::new(Arf)
}

impl Parser for Arf {
    fn parts(&self) -> Parts {
        Parts::Whole
    }

    fn parse(&self, input: &mut Input<'_>, _: &About<'_>, sink: &mut Sink<'_>) {
        give_texts(sink, &[(Field::PROTOCOL_APPLICATION, "smtp")]);
        let bytes = match input.whole() {
            Ok(bytes) => bytes,
            Err(why) => return sink.reject(1, Fault::new("", why), b""),
        };
        let Some(mail) = mail(&bytes) else {
            return sink.reject(1, Fault::new("", "not a mail: it has no headers"), &bytes);
        };
        let pieces = pieces(&bytes, &mail);
        let mut places = pieces.iter().enumerate().filter(|(_, piece)| is_report(piece)).peekable();
        if places.peek().is_none() {
            sink.reject(1, Fault::new("", "the mail has no part message/feedback-report"), b"");
        }
        for (at, piece) in places {
            let text = piece.text();
            let behind = pieces.get(at + 1..).unwrap_or_default();
            let returned = behind.iter().take_while(|next| !is_report(next)).find_map(Returned::read);
            let report = Report { fields: fields(&text), returned: returned.unwrap_or_default() };
            sink.event(piece.line, text.as_bytes(), |draft| report.put(draft));
        }
    }
}

/// Whether a part of a mail is the one for machines.
pub(super) fn is_report(piece: &Piece<'_>) -> bool {
    piece.kind == "message/feedback-report"
}

/// What is used of the mail that is complained of.
#[derive(Default)]
pub(super) struct Returned {
    pub address: Option<IpAddr>,
    pub time: String,
    pub path: String,
}

impl Returned {
    fn read(piece: &Piece<'_>) -> Option<Self> {
        if let Some(mail) = piece.mail() {
            return Some(Self::of(mail, &|_| false));
        }
        let is_headers = piece.kind == "text/rfc822-headers" || piece.kind == "message/rfc822-headers";
        is_headers.then(|| mail(piece.text().as_bytes()).as_ref().map(|mail| Self::of(mail, &|_| false)))?
    }

    /// Hops that are the reporter's own say nothing.
    pub(super) fn of(mail: &Message<'_>, is_own: &dyn Fn(&Received<'_>) -> bool) -> Self {
        let mut found = Self::default();
        // Servers add theirs on top. Those below the provider's own may be made up.
        for (name, value) in mail.headers_raw() {
            if name.eq_ignore_ascii_case("return-path") && found.path.is_empty() {
                found.path = bare(value).to_owned();
            }
        }
        let mut hops = mail.received_all().filter(|hop| !is_own(hop));
        let hop = hops.find_map(|hop| Some((hop, hop.from_ip().and_then(public)?)));
        if let Some((hop, address)) = hop {
            found.address = Some(address);
            found.time = hop.date().map(|date| date.to_rfc3339()).unwrap_or_default();
        }
        found
    }
}

/// An address that a mail can come from over the Internet.
fn public(address: IpAddr) -> Option<IpAddr> {
    let inside = matches!(address, IpAddr::V4(a) if a.is_private() || a.is_link_local());
    somebodys(address).filter(|_| !inside)
}

struct Report {
    fields: Vec<(String, String)>,
    returned: Returned,
}

impl Report {
    /// The values of a field, without empty ones.
    fn all<'r>(&'r self, name: &str) -> impl Iterator<Item = &'r str> {
        let given = self.fields.iter().filter(move |(known, _)| known == name);
        given.map(|(_, value)| bare(value)).filter(|value| !value.is_empty()).take(VALUES_MAX)
    }

    fn one(&self, name: &str) -> &str {
        self.all(name).next().unwrap_or_default()
    }

    fn put(&self, draft: &mut Draft<'_>) -> Result<(), Fault> {
        let word = self.one("feedback-type").to_ascii_lowercase();
        if word.is_empty() {
            return Err(Fault::new("Feedback-Type", "missing"));
        }
        if word == "not-spam" {
            return Err(Fault::new("Feedback-Type", "`not-spam`: the mail was wanted, so this is no event"));
        }
        let version = self.one("version");
        if !version.is_empty() && !version.starts_with(['0', '1']) {
            return Err(Fault::new("Version", format!("`{version}`, and only version 1 is read")));
        }
        let kind = TYPES.iter().find(|(known, _)| *known == word).map_or("other", |(_, kind)| kind);
        draft.put(Field::CLASSIFICATION_TYPE, kind)?;
        draft.put(Field::CLASSIFICATION_IDENTIFIER, &word)?;
        self.put_source(draft, word == "auth-failure")?;
        self.put_time(draft)?;
        let incidents = self.one("incidents");
        if !incidents.is_empty() && !incidents.parse::<u32>().is_ok_and(|count| count > 0) {
            return Err(Fault::new("Incidents", "not a number above zero"));
        }
        draft.put_count("incidents", incidents)?;
        for (name, extra) in KEPT {
            self.keep(draft, name, extra)?;
        }
        if self.one("original-mail-from").is_empty() {
            draft.put_extra("original_mail_from", &self.returned.path)?;
        }
        Ok(())
    }

    fn put_source(&self, draft: &mut Draft<'_>, is_victim: bool) -> Result<(), Fault> {
        let named = |name: &'static str| move |fault: Fault| Fault::new(name, fault.reason);
        let address = self.one("source-ip").trim_matches(['[', ']']).trim_start_matches("IPv6:");
        let (uri, domain) = (self.one("reported-uri"), self.one("reported-domain"));
        if is_victim {
            draft.put(Field::DESTINATION_FQDN, domain).map_err(named("Reported-Domain"))?;
        }
        if !address.is_empty() {
            draft.put(Field::SOURCE_IP, address).map_err(named("Source-IP"))?;
            draft.put(Field::SOURCE_PORT, self.one("source-port")).map_err(named("Source-Port"))?;
        } else if let Some(address) = self.returned.address {
            draft.set(Field::SOURCE_IP, &Value::Ip(address));
            draft.put_extra("source_from", "received")?;
        } else if uri.contains("://") {
            return draft.put(Field::SOURCE_URL, uri).map_err(named("Reported-URI"));
        } else if !domain.is_empty() && !is_victim {
            return draft.put(Field::SOURCE_FQDN, domain).map_err(named("Reported-Domain"));
        } else {
            return Err(Fault::new("Source-IP", "missing, and nothing else says where the mail came from"));
        }
        if !is_victim {
            self.keep(draft, "reported-domain", "reported_domain")?;
        }
        self.keep(draft, "reported-uri", "reported_uri")
    }

    fn put_time(&self, draft: &mut Draft<'_>) -> Result<(), Fault> {
        for (field, name) in [("arrival-date", "Arrival-Date"), ("received-date", "Received-Date")] {
            let text = plain_time(self.one(field));
            if !text.is_empty() {
                return draft.put(Field::TIME_SOURCE, text).map_err(|fault| Fault::new(name, fault.reason));
            }
        }
        // A wrong date in a header of the mail is not the reporter's mistake.
        draft.put(Field::TIME_SOURCE, &self.returned.time).or(Ok(()))
    }

    /// Keeps one value as text and several as a list.
    fn keep(&self, draft: &mut Draft<'_>, name: &str, extra: &str) -> Result<(), Fault> {
        let values: Vec<Json> = self.all(name).map(Json::from).collect();
        match values.as_slice() {
            [] => Ok(()),
            [one] => set_extra_json(draft, extra, one),
            _ => set_extra_json(draft, extra, &Json::Array(values)),
        }
    }
}

/// A value without the brackets around a mail address.
fn bare(value: &str) -> &str {
    let value = value.trim();
    value.strip_prefix('<').and_then(|inner| inner.strip_suffix('>')).unwrap_or(value).trim()
}
