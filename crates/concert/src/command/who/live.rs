//! What those said who were asked while we waited, as rows.

use concert_pipeline::registry::rdap::Found;
use concert_pipeline::registry::security_txt::SecurityTxt;
use serde_json::{Value, json};

use super::{Book, alive, suspended};
use crate::ask::{Learned, SECURITY_TXT_PURPOSE};

/// Adds a row for each contact, and what was passed over.
pub(super) fn add(
    value: &str,
    learned: Learned,
    book: &Book<'_>,
    rows: &mut Vec<[Value; 8]>,
    passed_over: &mut Vec<String>,
) {
    if let Some(found) = &learned.rdap {
        rows.extend(found.mails.iter().map(|mail| rdap(value, found, mail, book)));
    }
    if let Some((url, domain, file)) = &learned.security_txt {
        let row = |mail| security_txt(value, (url, domain), file, mail, book);
        if file.mails.is_empty() {
            rows.push(row(None));
        }
        rows.extend(file.mails.iter().map(|mail| row(Some(mail))));
    }
    passed_over.extend(learned.passed_over);
}

fn rdap(value: &str, found: &Found, mail: &str, book: &Book<'_>) -> [Value; 8] {
    let mut reason = found.path.clone();
    if found.invalid.iter().any(|dead| dead.eq_ignore_ascii_case(mail)) {
        reason.push_str("; the registry says that it does not answer");
    }
    if let Some(why) = suspended(mail, book.health) {
        reason = format!("{reason}; {why}");
    }
    let handle = if found.handle.is_empty() { String::new() } else { format!(" ({})", found.handle) };
    [
        json!(value),
        json!(found.party),
        json!(mail),
        json!(found.role),
        json!(format!("RDAP {}{handle}", found.url)),
        json!(found.specific),
        alive(mail, book.health),
        json!(reason),
    ]
}

fn security_txt(
    value: &str,
    (url, domain): (&str, &str),
    file: &SecurityTxt,
    mail: Option<&String>,
    book: &Book<'_>,
) -> [Value; 8] {
    let mut reason = Vec::new();
    if file.is_signed {
        reason.push("signed, which was not checked".to_owned());
    }
    for (what, values) in [("also", &file.others), ("policy", &file.policy), ("encryption", &file.encryption)] {
        if !values.is_empty() {
            let what = if what == "also" && mail.is_none() { "it names no mail address but" } else { what };
            reason.push(format!("{what} {}", values.join(", ")));
        }
    }
    if !file.languages.is_empty() {
        reason.push(format!("languages {}", file.languages));
    }
    reason.push(format!("expires {}", file.expires.date_text()));
    reason.extend(mail.and_then(|mail| suspended(mail, book.health)));
    [
        json!(value),
        json!(domain),
        json!(mail),
        json!(SECURITY_TXT_PURPOSE),
        json!(format!("security.txt {url}")),
        json!(format!("domain {domain}")),
        mail.map_or(Value::Null, |mail| alive(mail, book.health)),
        json!(reason.join("; ")),
    ]
}
