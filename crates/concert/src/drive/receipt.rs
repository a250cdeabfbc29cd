//! Telling somebody who complained that the complaint came, with its ticket number.
//!
//! It goes out as a notice without events, from nowhere (an empty envelope sender), as the automatic
//! answer that it is: so no machine answers it. Who may get one says `mail::answer`, how often the
//! records.

use concert_model::incident::Tlp;
use concert_model::{Attachment, Message, Problem};
use concert_pipeline::mail::Mail;
use concert_pipeline::mail::answer::{answer_by_hand, answer_to};
use concert_pipeline::render::letters::{Kind, Letter};
use concert_pipeline::render::template::DEFAULT_LANGUAGE;
use concert_store::records::{NewNotice, Notice, RECEIPT};

use super::compose::recipients;
use crate::wire::{self, Site};

/// What such notices are called. No notice of the settings can have this name.
pub const NAME: &str = RECEIPT;

/// The message, the same each time it is composed.
pub fn message(site: &Site, notice: &Notice) -> Result<Message, Problem> {
    let letter = letter(site, Kind::Receipt, &notice.language, ticket(notice));
    let (subject, text) = site.settings.templates.letter(&letter)?;
    Ok(answer(site, notice, subject, text))
}

/// What is sent besides notices, from this site.
pub(crate) fn letter<'a>(site: &'a Site, kind: Kind, language: &'a str, ticket: &'a str) -> Letter<'a> {
    let (site_name, site_email) = (&site.settings.site.name, &site.settings.site.email);
    Letter { kind, language, ticket, site_name, site_email, party: "", outcome: "" }
}

/// The language of what is sent to somebody who wishes these: the first in which there are templates for it, else that
/// of the mailbox.
pub(crate) fn language<'l>(site: &'l Site, kind: Kind, wished: impl Iterator<Item = &'l str>) -> &'l str {
    let own = site.settings.mailbox.as_ref().map_or(DEFAULT_LANGUAGE, |mailbox| &mailbox.language);
    site.settings.templates.first_spoken(kind, wished).unwrap_or(own)
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
        language: notice.language.clone(),
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
        language: language(site, Kind::Receipt, mail.languages.iter().map(String::as_str)).into(),
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
