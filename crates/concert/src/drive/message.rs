//! Messages of incidents: composed of what a person wrote, with the ticket of the incident.
//!
//! Who may send what to whom was decided when the message was queued. The end of sending goes into the journal
//! of the incident, as soon as it is known and again after a kill.

use std::io::Read;

use concert_model::incident::journal::from_hex;
use concert_model::incident::mail::Attached;
use concert_model::{Attachment, Message, Problem, Time};
use concert_store::records::{Notice, messages};

use super::compose::recipients;
use super::deliver::Ended;
use crate::incidents::{Incidents, Words};
use crate::wire::{self, Site};

/// What such notices are called.
pub const NAME: &str = messages::NAME;

/// The message, the same each time it is composed.
pub(super) fn message(site: &Site, notice: &Notice) -> Result<Message, Problem> {
    if notice.text.is_empty() {
        return Err(Problem::new("its words were erased"));
    }
    let words: Words = serde_json::from_str(&notice.text)
        .map_err(|error| Problem::new(format!("its words cannot be read: {error}")))?;
    let mut files = words.attachments.iter().map(|one| file(site, one)).collect::<Result<Vec<_>, _>>()?.into_iter();
    let nothing = || Attachment { name: String::new(), media_type: String::new(), bytes: Vec::new() };
    Ok(Message {
        notice: notice.id.clone(),
        message_id: notice.message_id.clone(),
        to: recipients(site, notice),
        bcc: Vec::new(),
        return_path: None,
        answers: Some(words.answers.clone()).filter(|id| !id.is_empty()),
        by_person: true,
        subject: subject(&words),
        text: text(site, &words),
        html: None,
        payload: files.next().unwrap_or_else(nothing),
        more: files.collect(),
        language: notice.language.clone(),
        date: notice.made,
    })
}

/// The subject with the ticket, by which answers are found that name no message.
pub fn subject(words: &Words) -> String {
    format!("[{}] {}", words.number, words.subject)
}

/// The text as the receiver reads it.
pub fn text(site: &Site, words: &Words) -> String {
    let (name, email) = (&site.settings.site.name, &site.settings.site.email);
    let tlp = words.tlp.word().to_uppercase();
    let asked = words.answer_by.map(|by| format!("\n\nPlease answer by {}.", Time(by))).unwrap_or_default();
    format!(
        "TLP:{tlp}\n\n{}{asked}\n\n-- \n{name}\n{email}\nPlease keep [{}] in the subject.\n",
        words.text.trim_end().replace('\r', ""),
        words.number
    )
}

/// Evidence as a file of the mail.
fn file(site: &Site, attached: &Attached) -> Result<Attachment, Problem> {
    let gone = |why: String| Problem::new(format!("the file {} cannot be read: {why}", attached.name));
    let sha256 = from_hex::<32>(&attached.sha256).ok_or_else(|| gone("it has no hash".into()))?;
    let (mut reader, _) = site.store.evidence.open(&sha256).map_err(|error| gone(error.to_string()))?;
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).map_err(|error| gone(error.to_string()))?;
    Ok(Attachment { name: attached.name.clone(), media_type: "application/octet-stream".into(), bytes })
}

/// Writes into journals how sending messages ended. Trouble is told; it is tried again later.
pub(super) async fn prove(incidents: &Incidents) {
    match incidents.prove_messages(wire::now()).await {
        Ok(0) => {}
        Ok(messages) => tracing::info!(messages, "how messages of incidents were sent is in their journals"),
        Err(problem) => tracing::warn!("{problem}"),
    }
}

/// The same at once where one of these attempts may have been of a message.
pub(super) async fn prove_ended(site: &Site, ended: &[Ended], has_somebody: bool) {
    if !has_somebody && ended.iter().all(|(_, state, _, _)| !matches!(*state, "delivered" | "failed")) {
        return;
    }
    match site.store.records.unproved_messages().await {
        Ok(waiting) if waiting.is_empty() => {}
        Ok(_) => match site.incidents() {
            Ok(incidents) => prove(&incidents).await,
            Err(_) => tracing::warn!("without the key of the site nothing is written into journals"),
        },
        Err(problem) => tracing::warn!("{problem}"),
    }
}
