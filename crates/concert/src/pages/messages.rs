//! Conversations of incidents for the API.

use concert_model::access::Person;
use concert_model::incident::draft::{MailAnswer, NewMessage, Telling};
use concert_model::party::is_same_name;
use concert_server::desk::Change;
use concert_server::site::{Page, Refusal, Slice};
use concert_store::records::{MailFilter, MailRow};
use serde_json::{Value, json};

use super::desk::{ask, number, refusal, written_json};
use super::{Pages, failed};
use crate::drive::mailbox::letter::SiteReader;
use crate::drive::message;
use crate::incidents::{Ask, Incidents, Post, Preview, Refused, Told, letter_json};
use crate::wire::{self, Site};

/// Mails that are shown with the messages of an incident; the list of all of them goes on behind them.
const HELD_SHOWN_MAX: usize = 1_000;

fn held_json(row: &MailRow) -> Value {
    json!({"mail": row.seq, "received": row.received.to_string(), "from": row.from, "subject": row.subject, "party": row.party,
        "reason": row.reason})
}

/// Mails that wait in any incident, oldest first, as far as the person may sort them.
pub(super) async fn waiting(desk: &Incidents, person: &Person, slice: &Slice) -> Result<Page<Value>, Refusal> {
    let after = number(slice)?.and_then(|after| i64::try_from(after).ok()).unwrap_or(0);
    let part = (after, slice.limit.saturating_add(1));
    let mut found = desk.held_mails(person, None, part).await.map_err(refusal)?;
    let has_more = found.len() > slice.limit;
    found.truncate(slice.limit);
    let next = found.last().filter(|_| has_more).map(|(_, row)| row.seq.to_string());
    let row = |(number, row): &(String, MailRow)| {
        let mut held = held_json(row);
        if let Some(members) = held.as_object_mut() {
            members.insert("incident".into(), json!(number));
            members.insert("id".into(), json!(row.incident));
        }
        held
    };
    Ok(Page { rows: found.iter().map(row).collect(), next })
}

/// Mails that an incident can begin with, newest first.
pub(super) async fn by_themselves(
    site: &Site,
    (desk, person): (&Incidents, &Person),
    (state, kind): (Option<String>, Option<String>),
    slice: &Slice,
) -> Result<Page<Value>, Refusal> {
    let before = number(slice)?.and_then(|before| i64::try_from(before).ok());
    let limit = slice.limit.saturating_add(1) as u64;
    let complaints = site.settings.mailbox.as_ref().and_then(|mailbox| mailbox.complaints.as_deref());
    let without_complaints = complaints.is_some_and(|feed| !site.settings.shows_feed(feed, person));
    let filter = MailFilter { state, kind, is_by_itself: true, without_complaints, before, limit };
    let mut found = site.store.records.mails(&filter).await.map_err(failed)?;
    let has_more = found.len() > slice.limit;
    found.truncate(slice.limit);
    let next = found.last().filter(|_| has_more).map(|row| row.seq.to_string());
    let mut rows = Vec::with_capacity(found.len());
    for row in &found {
        let incident = desk.of_mail(person, row).await.map_err(refusal)?;
        rows.push(json!({"mail": row.seq, "received": row.received.to_string(), "state": row.state, "kind": row.kind, "from": row.from,
            "signed": row.signed, "subject": row.subject, "reason": row.reason, "report": row.report.map(|report| report.to_string()),
            "incident": incident}));
    }
    Ok(Page { rows, next })
}

/// Messages, oldest first; with the first part of them the mails that wait, where the person may sort them.
pub(super) async fn list(
    desk: &Incidents,
    person: &Person,
    name: &str,
    party: Option<String>,
    slice: &Slice,
) -> Result<Value, Refusal> {
    let state = desk.show(person, name).await.map_err(refusal)?;
    let is_wanted = |of: &str| party.as_ref().is_none_or(|wanted| is_same_name(wanted, of));
    let all: Vec<_> = state.messages.iter().filter(|letter| is_wanted(&letter.message.party)).collect();
    let key = |at: usize| all.get(at).map(|letter| format!("{:?} {}", letter.stamp, letter.message.message_id));
    let (part, next) = slice.as_written(all.len(), |at| key(at).unwrap_or_default())?;
    let rows: Vec<Value> = all.get(part).unwrap_or_default().iter().map(|letter| letter_json(&state, letter)).collect();
    let held: Vec<Value> = match desk.held_mails(person, Some(name), (0, HELD_SHOWN_MAX)).await {
        Ok(found) => found.iter().filter(|_| slice.cursor.is_none()).map(|(_, row)| held_json(row)).collect(),
        Err(Refused::Denied(_)) => Vec::new(),
        Err(other) => return Err(refusal(other)),
    };
    Ok(json!({"messages": rows, "held": held, "next": next}))
}

pub(super) async fn preview(
    desk: &Incidents,
    site: &Site,
    change: &Change,
    name: &str,
    new: &NewMessage,
) -> Result<Value, Refusal> {
    let post = Post::of(site).await.map_err(failed)?;
    let preview = desk.preview(ask(change), &post, name, new).await.map_err(refusal)?;
    Ok(preview_json(site, &preview))
}

fn preview_json(site: &Site, preview: &Preview) -> Value {
    json!({"to": preview.to, "subject": message::subject(&preview.words), "marking": preview.marking,
        "attachments": preview.words.attachments, "text": message::text(site, &preview.words)})
}

fn told_json(site: &Site, told: &Told) -> Value {
    let warning = told.warning.as_ref().map(|warning| warning.what.as_str());
    match &told.message {
        Ok(preview) => {
            json!({"party": told.party, "message": preview_json(site, preview), "refused": null, "warning": warning})
        }
        Err(why) => json!({"party": told.party, "message": null, "refused": why.what, "warning": warning}),
    }
}

/// What would be told to which parties: a part of the messages, and how many there are.
pub(super) async fn tellings(
    pages: &Pages,
    person: &Person,
    name: &str,
    (telling, slice): (&Telling, &Slice),
) -> Result<Value, Refusal> {
    let site = pages.site();
    let post = Post::of(&site).await.map_err(failed)?;
    let ask = Ask::new(person, wire::now());
    let planned = pages.desk()?.preview_telling(ask, &post, name, telling).await.map_err(refusal)?;
    let told = planned.iter().filter(|one| one.message.is_ok()).count();
    let page = slice.part(planned.iter().map(|one| told_json(&site, one)))?;
    Ok(json!({"tellings": page.rows, "told": told, "left_out": planned.len() - told, "next": page.next}))
}

/// Tells all who may be told; the others are left out, each with the reason.
pub(super) async fn tell(pages: &Pages, change: &Change, name: &str, telling: &Telling) -> Result<Value, Refusal> {
    let post = Post::of(&pages.site()).await.map_err(failed)?;
    let written = pages.desk()?.tell(ask(change), &post, name, telling).await.map_err(refusal)?;
    let left_out = written.left_out.iter().map(|(party, why)| json!({"party": party, "refused": why}));
    let mut answer = written_json(&written);
    if let Some(members) = answer.as_object_mut() {
        members.insert("left_out".into(), left_out.collect());
    }
    Ok(answer)
}

pub(super) async fn one(
    desk: &Incidents,
    site: &Site,
    person: &Person,
    name: &str,
    number: i64,
) -> Result<Value, Refusal> {
    let (row, incoming) = desk.read_held(person, name, number, &SiteReader(site)).await.map_err(refusal)?;
    let mut mail = held_json(&row);
    if let Some(members) = mail.as_object_mut() {
        members.insert("text".into(), json!(incoming.text));
        members.insert("openpgp".into(), json!(incoming.openpgp));
        members.insert("attachments".into(), json!(incoming.attachments));
    }
    Ok(mail)
}

pub(super) async fn answer(
    desk: &Incidents,
    site: &Site,
    change: &Change,
    name: &str,
    (number, answer): (i64, MailAnswer),
) -> Result<Value, Refusal> {
    let (ask, reader) = (ask(change), SiteReader(site));
    let written = match answer {
        MailAnswer::Accept(party) => desk.accept(ask, name, number, &party, &reader).await,
        MailAnswer::Drop(reason) => desk.drop_mail(ask, name, number, &reason).await,
        MailAnswer::Keep(file) => desk.keep_file(ask, name, number, &file, &reader).await.map(|added| added.written),
        MailAnswer::Leave(file, reason) => desk.leave_file(ask, name, number, &file, &reason).await,
    };
    Ok(written_json(&written.map_err(refusal)?))
}
