//! A report that an incident is opened from, as the store has it.

use std::io::Read;

use concert_model::access::{Action, Kept, Object, Person, may};
use concert_model::{Origin, Problem, ReportId};
use concert_pipeline::mail;

use crate::incidents::Reported;
use crate::problems::Failure;
use crate::wire::Site;

/// Most bytes of a report that become evidence here; a larger one is added by `concert evidence add`.
const BYTES_MAX: u64 = 256 << 20;

/// The report with this identity; whoever may not see reports learns of none.
pub(super) async fn reported(site: &Site, person: &Person, id: &str) -> Result<Reported, Failure> {
    let missing = || {
        let hint = "`concert events --limit 5` shows `report.id` of events, `concert mailbox list` complaints";
        Failure::usage(Problem::new(format!("there is no report `{id}`")).hint(hint))
    };
    if !may(person, Action::SeeSite(Kept::Events), Object::Site).allowed {
        return Err(missing());
    }
    let Ok(report) = id.parse::<ReportId>() else { return Err(missing()) };
    let records = &site.store.records;
    let Some(row) = records.report(report).await? else { return Err(missing()) };
    let receipt = &row.report.receipt;
    let gone = |error: std::io::Error| {
        Failure::outside(Problem::new(format!("the bytes of the report are not in the archive: {error}")))
    };
    let mut bytes = Vec::new();
    let reader = site.store.archive.open(&row.report.content).map_err(gone)?;
    reader.take(BYTES_MAX + 1).read_to_end(&mut bytes).map_err(gone)?;
    if bytes.len() as u64 > BYTES_MAX {
        return Err(Failure::usage(Problem::new("the report is too large to become evidence at once")));
    }
    let members = records.members_of_report(report).await?;
    let loaded = site.store.load(&[&members]).await?;
    let events = loaded.of(&members).map(|stored| stored.event.row().id.to_string()).collect();
    let read = matches!(receipt.origin, Origin::Mail(_)).then(|| mail::read(&bytes)).flatten();
    let sender = read.as_ref().map(|mail| mail.from.clone()).filter(|from| !from.is_empty());
    let name = match receipt.file_name.is_empty() {
        true => format!("report-{report}{}", if read.is_some() { ".eml" } else { "" }),
        false => receipt.file_name.clone(),
    };
    Ok(Reported {
        report: report.to_string(),
        feed: receipt.feed.clone(),
        sender: sender.unwrap_or_else(|| receipt.sender.clone()),
        message_id: read.as_ref().map(|mail| mail.message_id.clone()).unwrap_or_default(),
        subject: read.as_ref().map(|mail| mail.subject.clone()).unwrap_or_default(),
        text: read.map(|mail| mail.text).unwrap_or_default(),
        events,
        bytes,
        name,
    })
}
