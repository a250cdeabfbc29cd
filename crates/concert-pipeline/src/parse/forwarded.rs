//! A mail that somebody complains of and attached as it came: from where it came, by its newest hop that says so.
//!
//! It is looked into where the complaint itself names nothing, and its subject or text says that it is about a mail (spam,
//! phishing, malware). What stands in that mail is nobody's word, so nothing else is read of it. Hops within the domain of
//! whoever complains are their own. Where no word says so, an attached mail may be a complaint that somebody passes on:
//! it is read as one (`unpack/mail.rs`), but for URLs that its lines say nothing bad of.

use concert_model::{Field, Value};
use mail_parser::{Host, Message, Received};

use super::arf::Returned;
use super::complaint::kind_of;
use super::mapping::set_extra_json;
use super::{Fault, Sink};

/// What a complaint about a mail may be about.
const KINDS: &[&str] = &["spam", "phishing", "malware-distribution", "infected-system", "proxy"];
/// What people write of attacks and complaints, in lower case, besides the kinds of abuse.
const COMPLAINING: &[&str] = &["attack", "abuse", "complain", "angriff", "angegriffen", "missbrauch", "beschwerde"];
/// Most mails of one complaint that are looked into.
pub(super) const MAILS_MAX: usize = 100;
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
    let own = writer(mail).rsplit_once('@').map_or("", |(_, domain)| domain).to_ascii_lowercase();
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

/// Who wrote a mail, as it says.
pub(super) fn writer<'m>(mail: &'m Message<'_>) -> &'m str {
    mail.from().and_then(|list| list.iter().find_map(|one| one.address.as_deref())).unwrap_or_default()
}

/// What the subject or the text says of the mails that are attached.
pub(super) fn kind(mail: &Message<'_>) -> Option<&'static str> {
    find(mail, |line| kind_of(line).filter(|kind| KINDS.contains(kind)))
}

/// Whether a mail that is attached may be a complaint that somebody passes on: it, or the mail that it is attached to,
/// has a word of abuse, or a log that is attached has. Else it may be anything, such as a bill of a provider or an advertisement.
pub(super) fn is_complaint(mail: &Message<'_>, attached: &Message<'_>) -> bool {
    let says = |line: &str| {
        let lower = line.to_lowercase();
        (kind_of(line).is_some() || COMPLAINING.iter().any(|word| lower.contains(word))).then_some(())
    };
    let logs = attached.attachments().filter_map(|part| part.text_contents());
    let in_logs = || logs.flat_map(|log| log.lines().take(LINES_MAX)).find_map(says);
    find(mail, says).or_else(|| find(attached, says)).or_else(in_logs).is_some()
}

/// The first that is found in a line of the subject or of the text.
fn find<T>(mail: &Message<'_>, said: impl Fn(&str) -> Option<T>) -> Option<T> {
    let texts = (0..mail.text_body_count()).filter_map(|index| mail.body_text(index));
    let in_text = |text: &str| text.lines().take(LINES_MAX).find_map(&said);
    in_text(mail.subject().unwrap_or_default()).or_else(|| texts.into_iter().find_map(|text| in_text(&text)))
}

fn is_within(hop: &Received<'_>, domain: &str) -> bool {
    let Some(Host::Name(name)) = hop.from() else { return false };
    let name = name.to_ascii_lowercase();
    !domain.is_empty() && name.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}
