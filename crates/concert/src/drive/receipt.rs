//! Telling somebody who complained that the complaint came, with its ticket number.
//!
//! It goes out as a notice without events, from nowhere (an empty envelope sender), as the automatic
//! answer that it is: so no machine answers it. Who may get one says `mail::answer`, how often the
//! records.

use concert_model::incident::Tlp;
use concert_model::{Attachment, Message};
use concert_pipeline::mail::Mail;
use concert_pipeline::mail::answer::{answer_by_hand, answer_to};
use concert_store::records::{NewNotice, Notice, RECEIPT};

use super::compose::recipients;
use crate::wire::{self, Site};

/// What such notices are called. No notice of the settings can have this name.
pub const NAME: &str = RECEIPT;

/// The message, the same each time it is composed.
pub fn message(site: &Site, notice: &Notice) -> Message {
    let (name, email) = (&site.settings.site.name, &site.settings.site.email);
    let id = ticket(notice);
    let text = format!(
        "Hello,\n\nthank you: your mail reached {name} and was taken in under the number\n[{id}]. This is an automatic answer; \
         it is sent once, and nothing needs to be done.\n\nIf you write again about the same matter, please keep [{id}] in the subject.\n\n\
         -- \n{name}\n{email}\n"
    );
    answer(site, notice, format!("[{id}] We received your mail"), text)
}

/// The number by which whoever complained knows the matter: that of the first receipt, also where it is sent again.
pub(super) fn ticket(notice: &Notice) -> &str {
    if notice.party.is_empty() { &notice.id } else { &notice.party }
}

/// A mail that answers the one whose Message-ID is the notice's key, and comes from nowhere.
pub(super) fn answer(site: &Site, notice: &Notice, subject: String, text: String) -> Message {
    Message {
        notice: notice.id.clone(),
        message_id: notice.message_id.clone(),
        to: recipients(site, notice),
        bcc: Vec::new(),
        // Nobody bounces to nowhere.
        return_path: Some(String::new()),
        answers: Some(notice.key.clone()),
        by_person: false,
        subject,
        text,
        html: None,
        payload: Attachment { name: String::new(), media_type: String::new(), bytes: Vec::new() },
        more: Vec::new(),
        language: "en".to_owned(),
        date: notice.made,
    }
}

/// Who may be answered, by a person's wish or without, and by which way out; the error says why nobody may.
pub(super) fn whom(site: &Site, mail: &Mail, by_person: bool) -> Result<(String, String), String> {
    let mailbox = site.settings.mailbox.as_ref();
    let via = mailbox.and_then(|mailbox| mailbox.via.as_deref()).ok_or("there is no `via` in [mailbox]")?;
    let own = [mailbox.and_then(|mailbox| mailbox.address.clone()), Some(site.settings.site.email.clone())];
    let own: Vec<String> = own.into_iter().flatten().map(|address| address.to_lowercase()).collect();
    let to = if by_person { answer_by_hand(mail, &own)? } else { answer_to(mail, &own)? };
    Ok((to.to_owned(), via.to_owned()))
}

/// The receipt of a mail; the error says why there is none.
pub(super) fn of(site: &Site, mail: &Mail) -> Result<NewNotice, String> {
    if !site.settings.mailbox.as_ref().is_some_and(|mailbox| mailbox.receipts) {
        return Err("receipts are not sent".to_owned());
    }
    let (to, via) = whom(site, mail, false)?;
    Ok(NewNotice {
        name: NAME.into(),
        key: mail.message_id.clone(),
        recipient: to,
        via: via.into(),
        format: "text".into(),
        language: "en".into(),
        state: "queued",
        due: wire::now(),
        tlp: label(site),
        ..NewNotice::default()
    })
}

/// The label of complaints, which what is said of them bears too.
pub(super) fn label(site: &Site) -> Option<Tlp> {
    let feed = site.settings.mailbox.as_ref()?.complaints.as_ref()?;
    site.settings.feed(feed)?.label()
}
