//! What those said who were asked while we waited, as rows.

use concert_pipeline::registry::rdap::Found;
use concert_pipeline::registry::security_txt::SecurityTxt;
use serde_json::{Value, json};

use super::super::contact::text_or_null;
use super::registered::NO_ANSWER;
use super::{Answer, Book, Row};
use crate::ask::{Learned, SECURITY_TXT_PURPOSE};

/// Adds a row for each contact, and what was passed over.
pub(super) fn add(value: &str, learned: Learned, book: &Book<'_>, answer: &mut Answer) {
    let is_late = |mail: &str| book.blocked(mail).is_some();
    if let Some(found) = &learned.rdap {
        let (late, now): (Vec<Named<'_>>, Vec<Named<'_>>) =
            named(found, &is_late).into_iter().partition(|named| is_late(named.mail));
        answer.rows.extend(now.iter().map(|named| rdap(value, found, named, book)));
        answer.late.extend(late.iter().map(|named| rdap(value, found, named, book)));
    }
    if let Some((url, domain, file)) = &learned.security_txt {
        let row = |mail| security_txt(value, (url, domain), file, mail, book);
        if file.mails.is_empty() {
            answer.rows.push(row(None));
        }
        let (late, now): (Vec<&String>, Vec<&String>) = file.mails.iter().partition(|mail| is_late(mail));
        answer.rows.extend(now.iter().map(|mail| row(Some(mail))));
        answer.late.extend(late.iter().map(|mail| row(Some(mail))));
    }
    answer.passed_over.extend(learned.passed_over);
}

/// A mailbox that RDAP names.
struct Named<'f> {
    role: &'f str,
    mail: &'f str,
    reason: String,
}

/// Whom an answer names, in the order in which they are told: where none for abuse can be or answers, first those who stand
/// behind.
fn named<'f>(found: &'f Found, is_late: &dyn Fn(&str) -> bool) -> Vec<Named<'f>> {
    let first = found.mails.iter().map(|mail| {
        let silent = if found.is_invalid(mail) { format!("; {NO_ANSWER}") } else { String::new() };
        Named { role: &found.role, mail, reason: format!("{}{silent}", found.path) }
    });
    if found.mails.iter().any(|mail| !is_late(mail) && !found.is_invalid(mail)) {
        return first.collect();
    }
    let later = found.later.iter().map(|later| {
        let reason = format!("{}; next in order, because none for {} is left", later.path, found.role);
        Named { role: &later.role, mail: &later.mail, reason }
    });
    later.chain(first).collect()
}

fn rdap(value: &str, found: &Found, named: &Named<'_>, book: &Book<'_>) -> Row {
    let Named { role, mail, reason } = named;
    let handle = if found.handle.is_empty() { String::new() } else { format!(" ({})", found.handle) };
    let cells = [
        json!(value),
        text_or_null(&found.party),
        json!(mail),
        json!(role),
        text_or_null(&found.languages),
        json!(format!("RDAP {}{handle}", found.url)),
        json!(found.specific),
        book.alive(mail),
    ];
    match book.blocked(mail) {
        Some(why) => Row::passed_over(cells, &why),
        None => Row::told(cells, reason),
    }
}

fn security_txt(
    value: &str,
    (url, domain): (&str, &str),
    file: &SecurityTxt,
    mail: Option<&String>,
    book: &Book<'_>,
) -> Row {
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
    reason.push(format!("expires {}", file.expires.date_text()));
    let reason = reason.join("; ");
    let cells = [
        json!(value),
        json!(domain),
        json!(mail),
        json!(SECURITY_TXT_PURPOSE),
        text_or_null(&file.languages),
        json!(format!("security.txt {url}")),
        json!(format!("domain {domain}")),
        mail.map_or(Value::Null, |mail| book.alive(mail)),
    ];
    match mail.and_then(|mail| book.blocked(mail)) {
        Some(why) => Row::passed_over(cells, &format!("{why}; {reason}")),
        None => Row::told(cells, &reason),
    }
}
