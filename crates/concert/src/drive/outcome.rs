//! Telling somebody who complained what became of it: when a person says so, or by itself when it stopped.
//!
//! It goes out as a notice without events that holds the words, in the thread of the complaint
//! and under the number of its receipt. Whoever may not get a receipt (machines, lists) gets no outcome; but where a
//! person says so, also whoever wrote to us by an alias.
//!
//! By itself it is told once, where the settings say so, when every event of the complaint, and of what its sender added,
//! was told in a notice that arrived, and none of its problems was seen for so long. A complaint of what was known before
//! has no events of its own and waits for a person.

use std::collections::HashMap;
use std::io::Read;
use std::time::Duration;

use concert_model::{Message, Origin, Problem, ProblemKey, ReportId, Time};
use concert_pipeline::mail;
use concert_pipeline::render::letters::{Kind, Letter};
use concert_store::events::time_of;
use concert_store::records::{MailRow, NewNotice, Notice, TOLD_NOBODY};

use super::receipt;
use crate::opener::MAIL_BYTES_MAX;
use crate::wire::{self, Site};

/// What such notices are called. No notice of the settings can have this name.
pub const NAME: &str = "(outcome)";
/// Longest text of one.
pub const TEXT_BYTES_MAX: usize = 64 << 10;
/// Complaints looked at in one round, and those that are told in one.
const LOOKED_AT_MAX: u32 = 1_000;
const AT_ONCE_MAX: usize = 50;
/// What was added to complaints that is looked at in one round, the oldest first.
const ADDITIONS_MAX: u32 = 10_000;
/// Events of one complaint, with what was added to it, that are looked at; one with more waits for a person.
const EVENTS_MAX: u64 = 1_000;
/// Older complaints wait for a person.
const AGE_SECONDS_MAX: i64 = 90 * 86_400;

/// The message, the same each time it is composed.
pub fn message(site: &Site, notice: &Notice) -> Result<Message, Problem> {
    let letter = receipt::letter(site, Kind::Outcome, &notice.language, receipt::ticket(notice));
    let (subject, text) = site.settings.templates.letter(&Letter { outcome: &notice.text, ..letter })?;
    Ok(receipt::answer(site, notice, subject, text))
}

/// Queues the message for whoever sent a complaint; a second one only if `again` says so. Gives its number. The error
/// says why it cannot go.
pub async fn tell(site: &Site, number: i64, text: &str, again: bool) -> Result<String, Problem> {
    let records = &site.store.records;
    let at = |what: String| Problem::new(what).at(format!("mail {number}"));
    let row = records.mail(number).await?.ok_or_else(|| {
        at(format!("there is no mail {number}")).hint("`concert mailbox list --kind complaint` has their numbers")
    })?;
    if row.kind != "complaint" {
        return Err(at(format!("it is no complaint but was taken for `{}`", row.kind)));
    }
    if text.trim().is_empty() || text.len() > TEXT_BYTES_MAX {
        return Err(at(format!("the text must have some words, and at most {TEXT_BYTES_MAX} bytes")));
    }
    let notice = notice(site, &row, true).map_err(at)?;
    // That it was told to nobody by itself does not hold back a person.
    let is_once = !again && row.outcome != TOLD_NOBODY;
    let told = records.tell_outcome(number, is_once, &notice, text, &site.home(), wire::now()).await?;
    told.ok_or_else(|| {
        let hint = "`concert mailbox show` names what was sent; --again sends another";
        at("whoever complained was told of an outcome already".to_owned()).hint(hint)
    })
}

/// The notice to whoever sent a complaint, without its words. The error says why it cannot go.
fn notice(site: &Site, row: &MailRow, by_person: bool) -> Result<NewNotice, String> {
    let mut bytes = Vec::new();
    let read = site.store.archive.open(&row.content);
    let read = read.and_then(|raw| raw.take(MAIL_BYTES_MAX).read_to_end(&mut bytes));
    read.map_err(|error| format!("its bytes are no longer kept: {error}"))?;
    let mail = mail::read(&site.opener().clear(&bytes).0).ok_or("it cannot be read as a mail")?;
    let (to, via) = receipt::whom(site, &mail, by_person)?;
    Ok(NewNotice {
        name: NAME.into(),
        key: mail.message_id,
        party: row.notice.clone(),
        recipient: to,
        via: via.into(),
        format: "text".into(),
        language: receipt::language(site, Kind::Outcome, mail.languages.iter().map(String::as_str)).into(),
        state: "queued",
        due: wire::now(),
        tlp: receipt::label(site),
        ..NewNotice::default()
    })
}

/// A complaint that may be told of, and where its events are.
struct Quiet {
    row: MailRow,
    places: Vec<(u64, u32)>,
}

/// Tells by itself what stopped, where the settings want it. Gives the number of complaints.
pub(super) async fn tell_due(site: &Site) -> Result<usize, Problem> {
    let Some(mailbox) = &site.settings.mailbox else { return Ok(0) };
    let (Some(after), Some(feed)) = (mailbox.outcome_after, &mailbox.complaints) else { return Ok(0) };
    let (now, records) = (wire::now(), &site.store.records);
    let until = now.plus_seconds(-seconds(after));
    let (mut found, from) = (Vec::new(), now.plus_seconds(-AGE_SECONDS_MAX));
    let report = |row: &MailRow| ReportId::new(feed, &row.content, &Origin::Mail(origin(row)).text());
    let mut added: HashMap<String, Vec<ReportId>> = HashMap::new();
    for (ticket, row) in records.additions(from, ADDITIONS_MAX).await? {
        added.entry(ticket).or_default().push(report(&row));
    }
    for row in records.complaints_open(from, until, LOOKED_AT_MAX).await? {
        let reports = [vec![report(&row)], added.remove(&row.notice).unwrap_or_default()].concat();
        if let Some(places) = quiet(site, &reports, until).await? {
            found.push(Quiet { row, places });
        }
    }
    let Some(since) = found.iter().map(|quiet| quiet.row.received).min() else { return Ok(0) };
    let mut told: HashMap<(u64, u32), bool> =
        found.iter().flat_map(|quiet| &quiet.places).map(|place| (*place, false)).collect();
    records.mark_told(&mut told, since, until).await?;
    found.retain(|quiet| quiet.places.iter().all(|place| told.get(place) == Some(&true)));
    let mut done = 0;
    for Quiet { row, .. } in found.into_iter().take(AT_ONCE_MAX) {
        match notice(site, &row, false) {
            Ok(notice) => {
                let text = words(site, &notice.language, row.received, after)?;
                let made = records.tell_outcome(row.seq, true, &notice, &text, &site.home(), now).await?;
                done += usize::from(made.is_some());
            }
            Err(why) => {
                tracing::debug!(mail = row.seq, "no outcome is told: {why}");
                records.tell_no_outcome(row.seq).await?;
            }
        }
    }
    Ok(done)
}

/// What a complaint is called among reports.
pub(super) fn origin(row: &MailRow) -> String {
    if row.message_id.is_empty() { format!("mailbox {}", row.seq) } else { row.message_id.clone() }
}

fn seconds(span: Duration) -> i64 {
    i64::try_from(span.as_secs()).unwrap_or(AGE_SECONDS_MAX)
}

/// What is told by itself.
pub(crate) fn words(site: &Site, language: &str, received: Time, after: Duration) -> Result<String, Problem> {
    let site_of = &site.settings.site;
    site.settings.templates.stopped(language, (&site_of.name, &site_of.email), received, after.as_secs() / 86_400)
}

/// Where the events of a complaint and of what was added to it are, if all of that was processed, there are any and none of
/// their problems was seen after a moment.
async fn quiet(site: &Site, reports: &[ReportId], until: Time) -> Result<Option<Vec<(u64, u32)>>, Problem> {
    let mut problems: Vec<(ProblemKey, Time)> = Vec::new();
    let mut places = Vec::new();
    for report in reports {
        let left = EVENTS_MAX.saturating_sub(places.len() as u64);
        let Some(members) = site.store.records.members_of(*report, left).await? else { return Ok(None) };
        let loaded = site.store.load(&[&members]).await?;
        for stored in loaded.of(&members) {
            problems.push((stored.event.row().key, time_of(&stored.event)));
            places.push((stored.batch, stored.row));
        }
    }
    // When a problem was seen last is known to within the window of repeats.
    let until = until.plus_seconds(-seconds(site.window()));
    for kind in &site.settings.notices {
        let keys: Vec<ProblemKey> = problems.iter().map(|(key, _)| *key).collect();
        let known = site.store.records.told(&kind.name, keys.into_iter(), Time(0)).await?;
        for (key, seen) in &mut problems {
            *seen = known.get(*key).map_or(*seen, |(_, last)| last.max(*seen));
        }
    }
    let is_quiet = !problems.is_empty() && problems.iter().all(|(_, seen)| *seen <= until);
    Ok(is_quiet.then_some(places))
}
