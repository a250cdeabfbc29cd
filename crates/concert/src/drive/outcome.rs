//! Telling somebody who complained what became of it, when a person says so.
//!
//! It goes out as a notice without events that holds the person's words, in the thread of the complaint
//! and under the number of its receipt. Whoever may not get a receipt (machines, lists) gets no outcome.

use std::io::Read;

use concert_model::{Message, Problem};
use concert_pipeline::mail;
use concert_store::records::{NewNotice, Notice};

use super::receipt;
use crate::wire::{self, Site};

/// What such notices are called. No notice of the settings can have this name.
pub const NAME: &str = "(outcome)";
/// Longest text of one.
pub const TEXT_BYTES_MAX: usize = 64 << 10;

/// The message, the same each time it is composed.
pub fn message(site: &Site, notice: &Notice) -> Message {
    let (name, email) = (&site.settings.site.name, &site.settings.site.email);
    // The ticket of the receipt, by which the sender knows the matter.
    let ticket = if notice.party.is_empty() { &notice.id } else { &notice.party };
    let text = format!("Hello,\n\n{}\n\n-- \n{name}\n{email}\n", notice.text.trim());
    receipt::answer(site, notice, format!("[{ticket}] What became of your report"), text)
}

/// Queues the message for whoever sent a complaint. Gives its number. The error says why it cannot go.
pub async fn tell(site: &Site, number: i64, text: &str) -> Result<String, Problem> {
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
    let mut bytes = Vec::new();
    let read = site.store.archive.open(&row.content);
    let read = read.and_then(|raw| raw.take(mail::BYTES_MAX as u64).read_to_end(&mut bytes));
    read.map_err(|error| at(format!("its bytes are no longer kept: {error}")))?;
    let mail = mail::read(&bytes).ok_or_else(|| at("it cannot be read as a mail".to_owned()))?;
    let (to, via) = receipt::whom(site, &mail).map_err(at)?;
    let notice = NewNotice {
        name: NAME.into(),
        key: mail.message_id.clone(),
        party: row.notice,
        recipient: to,
        via: via.into(),
        format: "text".into(),
        language: "en".into(),
        state: "queued",
        due: wire::now(),
        ..NewNotice::default()
    };
    records.tell_words(&notice, text, &site.home(), wire::now()).await
}
