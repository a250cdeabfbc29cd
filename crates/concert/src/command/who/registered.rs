//! Whom registries name for a value, and who is next where nobody of the smallest network is left: the registry says
//! that nobody answers, or what was sent there bounced.

use std::net::IpAddr;

use concert_model::Problem;
use concert_pipeline::enrich::constituents::Subject;
use concert_pipeline::registry::{self, Step};
use serde_json::json;

use super::super::contact::text_or_null;
use super::{Answer, Book, NOT_FOR_EVENTS, Row};
use crate::addressees::{left, origin};
use crate::problems::Failure;
use crate::settings::Whom;

/// Said of a mailbox that the registry itself found dead.
pub(super) const NO_ANSWER: &str = "the registry says that it does not answer";

/// Adds whom registries name. Gives why nobody answers if they name nobody.
pub(super) fn add(value: &str, reason: String, book: &Book<'_>, answer: &mut Answer) -> Result<String, Failure> {
    let Some(registry) = book.registry else { return Ok(reason) };
    let subject = Subject::read(value);
    if let Some(what) = subject.as_ref().and_then(Subject::nobodys) {
        return Ok(format!("{} is {what} and belongs to nobody", value.trim()));
    }
    let (span, asn) = match &subject {
        // Names are not in the registries of numbers.
        Some(Subject::Name(_)) | None => return Ok(reason),
        Some(subject) => place(subject, book),
    };
    let failed = |why| Failure::outside(Problem::new(why));
    let knows_somebody = |answer: &registry::Answer| !answer.mails.is_empty();
    let asked = registry.find_any(span, asn, &knows_somebody).map_err(failed)?;
    for step in asked.steps.iter().filter(|step| step.answer.mails.is_empty()) {
        answer.passed_over.push(format!("passed over {}: {}", origin(step), step.answer.reason));
    }
    let Some(step) = asked.answer() else {
        let silent = asked.steps.last();
        let knows = silent.map(|last| format!("; {} knows no contact: {}", origin(last), last.answer.reason));
        return Ok(reason + &knows.unwrap_or_default());
    };
    if !book.is_asked(Whom::Registries) {
        answer.rows.extend(rows(value, step, NOT_FOR_EVENTS, book));
        return Ok(reason);
    }
    let is_free = |mail: &str| book.blocked(mail).is_none();
    if step.answer.usable().any(|mail| is_free(mail)) {
        answer.rows.extend(rows(value, step, "", book));
        answer.decides.get_or_insert_with(|| format!("{} decides", origin(step)));
        return Ok(reason);
    }
    let left = left(registry, span, asn, &is_free).map_err(failed)?;
    let mut passed: Vec<&Step> = left.passed.iter().collect();
    if !step.answer.is_usable() {
        passed.insert(0, step);
    }
    let passed: Vec<String> = passed.into_iter().map(|step| passed_over(step, book)).collect();
    let why = format!("nobody is left of {}", passed.join(", nor of "));
    match &left.found {
        Some(found) => {
            answer.rows.extend(rows(value, found, &format!(", because {why}"), book));
            answer.decides.get_or_insert_with(|| format!("{} decides", origin(found)));
        }
        None => answer.waiting = Some((step.answer.party.clone(), why)),
    }
    answer.late.extend(rows(value, step, "", book));
    Ok(reason)
}

/// Objects that were not asked because another answers, told one by one.
const OTHERS_MAX: usize = 20;

/// Other objects of registries that know a contact for a value: larger networks, the AS, whoever else announces it.
pub(super) fn others(value: &str, book: &Book<'_>) -> Result<Vec<String>, Failure> {
    let (Some(registry), Some(subject)) = (book.registry, Subject::read(value)) else { return Ok(Vec::new()) };
    let (span, asn) = place(&subject, book);
    if span.is_none() && asn.is_none() || subject.nobodys().is_some() {
        return Ok(Vec::new());
    }
    let failed = |why| Failure::outside(Problem::new(why));
    let all = registry.find_any(span, asn, &|_| false).map_err(failed)?.steps;
    // Up to whoever is told, all was told already.
    let left = left(registry, span, asn, &|mail| book.blocked(mail).is_none()).map_err(failed)?;
    let Some(decides) = left.found else { return Ok(Vec::new()) };
    let behind = all.iter().skip_while(|step| **step != decides).skip(1);
    let known: Vec<&Step> = behind.filter(|step| !step.answer.mails.is_empty()).collect();
    let line = |step: &&Step| {
        let (mails, by) = (step.answer.mails.join(", "), origin(&decides));
        format!("passed over {} ({mails} of `{}`), because {by} comes before it", origin(step), step.answer.party)
    };
    let mut lines: Vec<String> = known.iter().take(OTHERS_MAX).map(line).collect();
    if let more @ 1.. = known.len().saturating_sub(OTHERS_MAX) {
        lines.push(format!("passed over {more} more objects of registries that know a contact"));
    }
    Ok(lines)
}

/// Addresses and AS number of a value, as registries are asked for them.
fn place(subject: &Subject<'_>, book: &Book<'_>) -> (Option<(IpAddr, IpAddr)>, Option<u32>) {
    match subject {
        Subject::Asn(asn) => (None, Some(*asn)),
        subject => {
            let known = match subject {
                Subject::Net(net) => Some(book.lookup.find_net(net)),
                subject => subject.span().map(|(first, _)| book.lookup.find(first)),
            };
            (subject.span(), known.and_then(|known| known.asn).map(|(asn, _)| asn))
        }
    }
}

/// A network or AS of which nobody is left, with what became of its addresses.
fn passed_over(step: &Step, book: &Book<'_>) -> String {
    let said: Vec<String> =
        step.answer.mails.iter().map(|mail| format!("{mail}: {}", blocked(step, mail, book))).collect();
    format!("`{}` ({}; {})", step.answer.party, origin(step), said.join("; "))
}

/// Why nothing is sent to a mailbox of a registry; empty where it is.
fn blocked(step: &Step, mail: &String, book: &Book<'_>) -> String {
    let is_dead = !step.answer.usable().any(|usable| usable == mail);
    let why = if is_dead { Some(NO_ANSWER.to_owned()) } else { None };
    why.or_else(|| book.blocked(mail)).unwrap_or_default()
}

/// A row for each mailbox, those that nothing is sent to last.
fn rows(value: &str, step: &Step, because: &str, book: &Book<'_>) -> Vec<Row> {
    let answer = &step.answer;
    let mut mails: Vec<(&String, String)> = answer.mails.iter().map(|mail| (mail, blocked(step, mail, book))).collect();
    mails.sort_by_key(|(_, why)| !why.is_empty());
    let row = |(mail, why): (&String, String)| {
        let cells = [
            json!(value),
            json!(answer.party),
            json!(mail),
            json!("abuse"),
            text_or_null(&answer.languages),
            json!(origin(step)),
            json!(specific(step)),
            book.alive(mail),
        ];
        if !why.is_empty() {
            return Row::passed_over(cells, &why);
        }
        let is_silent = if answer.is_invalid(mail) { format!("; {NO_ANSWER}") } else { String::new() };
        Row::told(cells, &format!("{} {}{is_silent}{because}", answer.via, answer.handles.join(", ")))
    };
    mails.into_iter().map(row).collect()
}

/// What made it answer: the network, AS or route, with the name it has there.
fn specific(step: &Step) -> String {
    let what = match step.class {
        "aut-num" => step.what.clone(),
        "route" | "route6" => format!("route {}", step.what),
        _ => format!("network {}", step.what),
    };
    if step.name.is_empty() { what } else { format!("{what} ({})", step.name) }
}
