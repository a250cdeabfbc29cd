//! A report of version 4 as an event.

use base64::Engine as _;
use concert_model::{Field, Value};
use serde_json::{Map, Value as Json, json};

use super::super::carried::plain_time;
use super::super::feodo::text_of;
use super::super::mapping::set_extra_json;
use super::super::{Draft, Fault};
use super::types;

/// Members that fill a field by themselves.
const FIELDS: &[(&str, Field)] = &[
    ("url", Field::SOURCE_URL),
    ("infringing_url", Field::SOURCE_URL),
    ("source_port", Field::SOURCE_PORT),
    ("destination_ip", Field::DESTINATION_IP),
    ("destination_port", Field::DESTINATION_PORT),
    ("target_url", Field::DESTINATION_URL),
    ("malware_family", Field::MALWARE_NAME),
    ("cve_id", Field::PRODUCT_VULNERABILITIES),
    ("service_version", Field::PRODUCT_VERSION),
    ("target_brand", Field::EVENT_DESCRIPTION_TARGET),
    ("screenshot_url", Field::SCREENSHOT_URL),
];
/// Members that are read by name below, or belong to nobody but the sender.
const TAKEN: &[&str] = &[
    "_internal",
    "xarf_version",
    "source_identifier",
    "category",
    "type",
    "timestamp",
    "reporter",
    "sender",
    "protocol",
    "service",
    "service_port",
    "domain",
    "c2_server",
    "file_hash",
    "file_hashes",
    "severity",
    "confidence",
    "description",
    "evidence",
];
/// Most other members that are kept.
const EXTRAS_MAX: usize = 40;
/// Longest name of a member that is kept.
const NAME_BYTES_MAX: usize = 64;
/// Most of a text that is kept, and longest list or object.
const TEXT_CHARS_MAX: usize = 1_000;
const JSON_BYTES_MAX: usize = 4_096;
/// Most of the evidence that is shown with the event; all of it is in the raw report.
const EVIDENCE_CHARS_MAX: usize = 500;
/// Most pieces of evidence that are listed.
const EVIDENCE_MAX: usize = 10;

/// Puts a report. What is missing or does not fit its field is a fault named as the report names it.
pub(super) fn put(draft: &mut Draft<'_>, report: &Map<String, Json>, excerpt: &str) -> Result<(), Fault> {
    let text = |name: &str| text_of(report.get(name));
    let (category, kind) = (text("category"), text("type"));
    if kind.is_empty() {
        return Err(Fault::new("type", "missing"));
    }
    let threat = text("threat_type");
    draft.put(Field::CLASSIFICATION_TYPE, types::kind_of(&category, &kind, &threat))?;
    draft.put(Field::CLASSIFICATION_IDENTIFIER, &cut(&kind))?;
    draft.put_extra("category", &cut(&category))?;
    put_source(draft, report)?;
    put_as(draft, Field::TIME_SOURCE, "timestamp", plain_time(&text("timestamp")))?;
    if !draft.has(Field::TIME_SOURCE) {
        return Err(Fault::new("timestamp", "missing"));
    }
    put_service(draft, report, &category)?;
    put_hashes(draft, report);
    put_c2(draft, &text("c2_server"))?;
    put_weight(draft, report)?;
    put_people(draft, report)?;
    put_evidence(draft, report, &text("description"), excerpt)?;
    draft.put_extra("xarf_version", &cut(&text("xarf_version")))?;
    put_rest(draft, report)
}

fn cut(text: &str) -> String {
    text.chars().take(TEXT_CHARS_MAX).collect()
}

/// Fills a field; the fault is named as in the report.
fn put_as(draft: &mut Draft<'_>, field: Field, name: &str, text: &str) -> Result<(), Fault> {
    draft.put(field, text).map_err(|fault| Fault::new(name, fault.reason))
}

fn put_source(draft: &mut Draft<'_>, report: &Map<String, Json>) -> Result<(), Fault> {
    for (name, field) in FIELDS {
        put_as(draft, *field, name, &text_of(report.get(*name)))?;
    }
    let source = text_of(report.get("source_identifier"));
    if source.contains('@') && !source.contains("://") {
        put_as(draft, Field::SOURCE_ACCOUNT, "source_identifier", &source)?;
    } else if !source.trim().is_empty() {
        draft.put_indicator(&source).map_err(|fault| Fault::new("source_identifier", fault.reason))?;
    } else if !draft.has(Field::SOURCE_URL) {
        return Err(Fault::new("source_identifier", "missing"));
    }
    if !draft.has(Field::SOURCE_FQDN) {
        put_as(draft, Field::SOURCE_FQDN, "domain", &text_of(report.get("domain")))?;
    }
    Ok(())
}

/// Which service it was about: that of the other side in connections, that of the source otherwise.
fn put_service(draft: &mut Draft<'_>, report: &Map<String, Json>, category: &str) -> Result<(), Fault> {
    let text = |name: &str| text_of(report.get(name));
    let (protocol, service) = (text("protocol").to_ascii_lowercase(), text("service"));
    let is_transport = ["tcp", "udp", "icmp", "sctp"].contains(&protocol.as_str());
    let field = if is_transport { Field::PROTOCOL_TRANSPORT } else { Field::PROTOCOL_APPLICATION };
    put_as(draft, field, "protocol", &protocol)?;
    if category == "vulnerability" {
        put_as(draft, Field::PRODUCT_NAME, "service", &service)?;
    } else if !draft.has(Field::PROTOCOL_APPLICATION) && !types::is_same(&service, &text("type")) {
        put_as(draft, Field::PROTOCOL_APPLICATION, "service", &service)?;
    }
    match draft.has(Field::SOURCE_PORT) {
        true => Ok(()),
        false => put_as(draft, Field::SOURCE_PORT, "service_port", &text("service_port")),
    }
}

/// Hashes of malware, written `sha256:...` or by their names. Others are passed over.
fn put_hashes(draft: &mut Draft<'_>, report: &Map<String, Json>) {
    let named = report.get("file_hashes").and_then(Json::as_object).into_iter().flatten();
    let named = named.map(|(name, value)| (name.to_ascii_lowercase(), text_of(Some(value))));
    let one = text_of(report.get("file_hash"));
    let one = one.split_once(':').map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()));
    for (name, hash) in named.chain(one).take(EVIDENCE_MAX) {
        let (field, digits) = match name.as_str() {
            "md5" => (Field::MALWARE_HASH_MD5, 32),
            "sha1" => (Field::MALWARE_HASH_SHA1, 40),
            "sha256" => (Field::MALWARE_HASH_SHA256, 64),
            _ => continue,
        };
        if hash.len() == digits && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            draft.set(field, &Value::text(&hash.to_ascii_lowercase()));
        }
    }
}

/// The command server that an infected host talks to.
fn put_c2(draft: &mut Draft<'_>, server: &str) -> Result<(), Fault> {
    let field = if server.contains("://") {
        Field::DESTINATION_URL
    } else if concert_model::value::ip(server).is_ok() {
        Field::DESTINATION_IP
    } else {
        Field::DESTINATION_FQDN
    };
    put_as(draft, field, "c2_server", server)
}

fn put_weight(draft: &mut Draft<'_>, report: &Map<String, Json>) -> Result<(), Fault> {
    let severity = text_of(report.get("severity")).to_ascii_lowercase();
    let severity = if severity == "informational" { "info" } else { &severity };
    put_as(draft, Field::SEVERITY, "severity", severity)?;
    match report.get("confidence").map(Json::as_f64) {
        None => Ok(()),
        Some(Some(share)) if (0.0..=1.0).contains(&share) => {
            draft.set(Field::CONFIDENCE, &Value::Float((share * 10_000.0).round() / 100.0));
            Ok(())
        }
        Some(_) => Err(Fault::new("confidence", "not a number from 0 to 1")),
    }
}

/// Who reports it; and who sent it, where that is somebody else.
fn put_people(draft: &mut Draft<'_>, report: &Map<String, Json>) -> Result<(), Fault> {
    let of = |role: &str, name: &str| cut(&text_of(report.get(role).and_then(|who| who.get(name))));
    draft.put_extra("reporter", &of("reporter", "contact"))?;
    draft.put_extra("reporter_org", &of("reporter", "org"))?;
    let sender = of("sender", "org");
    if sender == of("reporter", "org") { Ok(()) } else { draft.put_extra("sender_org", &sender) }
}

/// What the evidence is; of the first text among it the beginning, where the report describes nothing itself.
fn put_evidence(
    draft: &mut Draft<'_>,
    report: &Map<String, Json>,
    description: &str,
    excerpt: &str,
) -> Result<(), Fault> {
    let items = report.get("evidence").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
    let listed: Vec<Json> = items.iter().take(EVIDENCE_MAX).map(summary).collect();
    if !listed.is_empty() {
        set_extra_json(draft, "evidence", &Json::Array(listed))?;
    }
    let shown = match (description.trim().is_empty(), excerpt.is_empty()) {
        (false, _) => description.to_owned(),
        (true, false) => excerpt.to_owned(),
        (true, true) => items.iter().find_map(payload).unwrap_or_default(),
    };
    let shown: String = shown.trim().chars().take(EVIDENCE_CHARS_MAX).collect();
    draft.put(Field::EVENT_DESCRIPTION_TEXT, &shown)
}

fn summary(item: &Json) -> Json {
    let text = |name: &str| text_of(item.get(name)).chars().take(EVIDENCE_CHARS_MAX).collect::<String>();
    let mut found = Map::new();
    for name in ["content_type", "description", "hash"] {
        if !text(name).is_empty() {
            found.insert(name.to_owned(), json!(text(name)));
        }
    }
    Json::Object(found)
}

/// The beginning of a piece of evidence that is plain text.
fn payload(item: &Json) -> Option<String> {
    let kind = text_of(item.get("content_type"));
    let plain = kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("text/plain"));
    let encoded = item.get("payload").and_then(Json::as_str).filter(|_| plain)?;
    // Four letters hold three bytes, and a character takes at most four of those.
    let encoded: String =
        encoded.chars().filter(|c| !c.is_ascii_whitespace()).take(EVIDENCE_CHARS_MAX / 3 * 16).collect();
    let bytes = base64::engine::general_purpose::STANDARD.decode(encoded).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// Everything else, as long as it is short.
fn put_rest(draft: &mut Draft<'_>, report: &Map<String, Json>) -> Result<(), Fault> {
    let known = |name: &str| TAKEN.contains(&name) || FIELDS.iter().any(|(field, _)| *field == name);
    let others = report.iter().filter(|(name, _)| !known(name) && name.len() <= NAME_BYTES_MAX);
    for (name, value) in others.take(EXTRAS_MAX) {
        match value {
            Json::Null => {}
            Json::String(text) => draft.put_extra(name, &cut(text))?,
            Json::Array(items) if items.is_empty() => {}
            other if other.to_string().len() <= JSON_BYTES_MAX => set_extra_json(draft, name, other)?,
            _ => {}
        }
    }
    Ok(())
}
