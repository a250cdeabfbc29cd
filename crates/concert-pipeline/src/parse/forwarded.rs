//! A mail that somebody complains of and attached as it came: from where it came, by its newest hop that says so.
//!
//! It is looked into where the complaint itself names nothing, and its subject or text says that it is about a mail (spam,
//! phishing, malware): else a mail that is attached may be anything. What stands in that mail is nobody's word, so
//! nothing else is read of it. Hops within the domain of whoever complains are their own.

use concert_model::{Field, Value};
use mail_parser::{Host, Message, Received};

use super::arf::Returned;
use super::complaint::kind_of;
use super::mapping::set_extra_json;
use super::{Fault, Sink};

/// What a complaint about a mail may be about.
const KINDS: &[&str] = &["spam", "phishing", "malware-distribution", "infected-system", "proxy"];
/// Most mails of one complaint that are looked into.
const MAILS_MAX: usize = 100;
/// Most lines of a text that are searched for what happened.
const LINES_MAX: usize = 1_000;

/// Reads where the mails came from that are attached to one.
pub(super) fn read(mail: &Message<'_>, sink: &mut Sink<'_>) {
    if sink.has_events() {
        return;
    }
    let Some(kind) = kind(mail) else {
        let why = "no address or URL that is complained of was found, and no word says what the attached mail is";
        return sink.reject(1, Fault::new("", why), b"");
    };
    let from = mail.from().and_then(|list| list.iter().find_map(|one| one.address.as_deref())).unwrap_or_default();
    let own = from.rsplit_once('@').map_or("", |(_, domain)| domain).to_ascii_lowercase();
    let is_own = |hop: &Received<'_>| is_within(hop, &own);
    let attached = mail.attachments().filter_map(|part| part.message()).take(MAILS_MAX);
    for (position, attached) in (1..).zip(attached) {
        let Returned { address, time, path } = Returned::of(attached, &is_own);
        sink.event(position, b"", |draft| {
            let missing = || Fault::new("Received", "none of the attached mail says from where it came");
            draft.set(Field::SOURCE_IP, &Value::Ip(address.ok_or_else(missing)?));
            draft.put(Field::CLASSIFICATION_TYPE, kind)?;
            draft.put(Field::PROTOCOL_APPLICATION, "smtp")?;
            // A wrong date in a header is not the reporter's mistake.
            draft.put(Field::TIME_SOURCE, &time).or(Ok(()))?;
            draft.put_extra("source_from", "received")?;
            if !path.is_empty() {
                set_extra_json(draft, "original_mail_from", &path.as_str().into())?;
            }
            Ok(())
        });
    }
}

/// What the subject or the text says of a mail.
fn kind(mail: &Message<'_>) -> Option<&'static str> {
    let texts = (0..mail.text_body_count()).filter_map(|index| mail.body_text(index));
    let said = |text: &str| text.lines().take(LINES_MAX).filter_map(kind_of).find(|kind| KINDS.contains(kind));
    said(mail.subject().unwrap_or_default()).or_else(|| texts.into_iter().find_map(|text| said(&text)))
}

fn is_within(hop: &Received<'_>, domain: &str) -> bool {
    let Some(Host::Name(name)) = hop.from() else { return false };
    let name = name.to_ascii_lowercase();
    !domain.is_empty() && name.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}
