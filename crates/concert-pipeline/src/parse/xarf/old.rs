//! Versions before 4: their names become those of version 4, so that all are read by one table.

use serde_json::{Map, Value as Json};

use super::super::Fault;

/// Names of version 3 and of 0.1 and 0.2, without signs and in lower case, and what they are called in version 4.
const NAMES: &[(&str, &str)] = &[
    ("sourceip", "source_identifier"),
    ("source", "source_identifier"),
    ("ip", "source_identifier"),
    ("sourceport", "source_port"),
    ("destinationip", "destination_ip"),
    ("destination", "destination_ip"),
    ("destinationport", "destination_port"),
    ("port", "destination_port"),
    ("url", "url"),
    ("sourceurl", "url"),
    ("downloadlink", "url"),
    ("date", "timestamp"),
    ("protocol", "protocol"),
    ("service", "service"),
    ("category", "category"),
    ("reportclass", "category"),
    ("reporttype", "type"),
    ("reportid", "report_id"),
    ("occurrences", "occurrences"),
    ("attackcount", "occurrences"),
    ("attackdescription", "description"),
    ("malwarefamily", "malware_family"),
    ("c2server", "c2_server"),
    ("targetbrand", "target_brand"),
    ("firstseen", "first_seen"),
    ("lastseen", "last_seen"),
    ("useragent", "user_agent"),
    ("smtpfrom", "smtp_from"),
    ("smtpmailfromaddress", "smtp_from"),
    ("smtprcpttoaddress", "smtp_to"),
    ("smtpmessagesubject", "subject"),
];
/// What says how a report is written, not what happened.
const FORM: &[&str] = &["schemaurl", "attachment", "sourcetype", "version", "downloadport"];

/// A report of version 3 as one of version 4.
pub(super) fn of_version_3(document: &Map<String, Json>) -> Result<Map<String, Json>, Fault> {
    let member = |name: &'static str| {
        document.get(name).and_then(Json::as_object).ok_or_else(|| Fault::new(name, "missing, or no object"))
    };
    let (who, report) = (member("ReporterInfo")?, member("Report")?);
    let mut found = Map::new();
    for (name, value) in report {
        match (name.as_str(), value) {
            ("Source", Json::Object(source)) => put_source(source, &mut found),
            ("AdditionalInfo", Json::Object(more)) => {
                more.iter().for_each(|(name, value)| put(name, value, &mut found))
            }
            ("Samples" | "Attachment", Json::Array(items)) => {
                let items = items.iter().filter_map(Json::as_object).map(|item| Json::Object(of_sample(item)));
                found.insert("evidence".into(), items.collect());
            }
            _ => put(name, value, &mut found),
        }
    }
    let mut reporter = Map::new();
    for (name, ours) in [("ReporterOrg", "org"), ("ReporterOrgEmail", "contact"), ("ReporterOrgDomain", "domain")] {
        if let Some(value) = who.get(name) {
            reporter.insert(ours.into(), value.clone());
        }
    }
    found.insert("reporter".into(), reporter.into());
    found.insert("xarf_version".into(), document.get("Version").cloned().unwrap_or_else(|| "3".into()));
    Ok(found)
}

fn put_source(source: &Map<String, Json>, found: &mut Map<String, Json>) {
    for (name, ours) in [("IP", "source_identifier"), ("Port", "source_port"), ("URL", "url")] {
        if let Some(value) = source.get(name) {
            found.insert(ours.into(), value.clone());
        }
    }
}

/// A sample whose bytes stand there as they are is encoded as version 4 has it.
fn of_sample(sample: &Map<String, Json>) -> Map<String, Json> {
    let mut found = Map::new();
    let names =
        [("ContentType", "content_type"), ("Description", "description"), ("Payload", "payload"), ("Data", "payload")];
    for (name, ours) in names {
        if let Some(value) = sample.get(name) {
            found.insert(ours.into(), value.clone());
        }
    }
    if sample.get("Base64Encoded") == Some(&Json::Bool(false)) {
        use base64::Engine as _;
        let plain = found.get("payload").and_then(Json::as_str).unwrap_or_default();
        let encoded = base64::engine::general_purpose::STANDARD.encode(plain);
        found.insert("payload".into(), encoded.into());
    }
    found
}

/// A report of version 0.1 or 0.2 as one of version 4.
pub(super) fn of_version_0(report: &Map<String, Json>) -> Map<String, Json> {
    let mut found = Map::new();
    for (name, value) in report {
        match word(name).as_str() {
            "reportedfrom" => {
                found.insert(
                    "reporter".into(),
                    [("contact".to_owned(), value.clone())].into_iter().collect::<Map<_, _>>().into(),
                );
            }
            "version" => {
                found.insert("xarf_version".into(), value.clone());
            }
            _ => put(name, value, &mut found),
        }
    }
    found
}

fn put(name: &str, value: &Json, found: &mut Map<String, Json>) {
    let word = word(name);
    if FORM.contains(&word.as_str()) {
        return;
    }
    let ours = NAMES.iter().find(|(known, _)| *known == word).map(|(_, ours)| (*ours).to_owned());
    found.entry(ours.unwrap_or_else(|| snake(name))).or_insert_with(|| value.clone());
}

fn word(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect()
}

/// `DetectionMethod` and `Detection-Method` as `detection_method`.
fn snake(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 4);
    let mut before = '_';
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && (before.is_ascii_lowercase() || before.is_ascii_digit()) {
            out.push('_');
        }
        out.push(if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '_' });
        before = letter;
    }
    out
}

/// The lines of the YAML that 0.1 and 0.2 are written in: one `Key: value` a line, nothing nested. The fault comes
/// with its line, from 1.
pub(super) fn lines(text: &str) -> Result<Map<String, Json>, (u64, Fault)> {
    let mut found = Map::new();
    for (line, number) in text.lines().zip(1u64..) {
        let plain = line.trim_end();
        if plain.is_empty() || plain == "---" || plain.starts_with('#') {
            continue;
        }
        if plain == "..." {
            break;
        }
        if found.len() >= LINES_MAX {
            return Err((number, Fault::new("", format!("more than {LINES_MAX} keys"))));
        }
        let fault = |reason: &str| (number, Fault::new("", reason));
        if plain.starts_with([' ', '\t', '-']) {
            return Err(fault("a nested value or a list, and only `Key: value` is read here"));
        }
        let (key, value) = plain.split_once(':').ok_or_else(|| fault("not `Key: value`"))?;
        if !value.is_empty() && !value.starts_with([' ', '\t']) {
            return Err(fault("not `Key: value`: no blank behind the colon"));
        }
        let (key, value) = (unquoted(key), unquoted(value));
        if found.insert(key.to_owned(), value.into()).is_some() {
            return Err((number, Fault::new(key, "there twice")));
        }
    }
    Ok(found)
}

/// Most keys of a report in lines.
const LINES_MAX: usize = 200;

fn unquoted(text: &str) -> &str {
    let text = text.trim();
    let within = |sign: char| text.strip_prefix(sign).and_then(|rest| rest.strip_suffix(sign));
    within('"').or_else(|| within('\'')).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_strict() {
        let check = |text: &str, want: Result<&str, (u64, &str)>| {
            let got = lines(text).map(|map| Json::Object(map).to_string());
            assert_eq!(got.as_deref().map_err(|(line, fault)| (*line, fault.reason.as_str())), want, "{text}");
        };
        check("---\nSource: 192.0.2.1\n# x\nA: \"b: c\"\n...\nwhat", Ok(r#"{"A":"b: c","Source":"192.0.2.1"}"#));
        check("URL: http://a.example/\nDate:\n", Ok(r#"{"Date":"","URL":"http://a.example/"}"#));
        check("A: b\n  c: d", Err((2, "a nested value or a list, and only `Key: value` is read here")));
        check("A: b\nhttp://a.example", Err((2, "not `Key: value`: no blank behind the colon")));
        check("A: b\n\nhello", Err((3, "not `Key: value`")));
        check("A: b\nA: c", Err((2, "there twice")));
    }

    #[test]
    fn unknown_names_become_words() {
        assert_eq!(snake("DetectionMethod"), "detection_method");
        assert_eq!(snake("Detection-Method"), "detection_method");
        assert_eq!(snake("SMTPFrom"), "smtpfrom");
    }
}
