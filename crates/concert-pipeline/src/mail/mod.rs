//! Mail that comes back: what a mail is, and which notice it belongs to.
//!
//! A mail to the team's mailbox is a bounce, an automatic reply, a feedback report, list mail, or was
//! written by a person. [`read`] says which and what of it names a notice; [`tie::judge`] decides whether
//! that is to be believed. Nothing here knows a store, a socket or the time.
//!
//! Surprising: bounces come in many forms that no standard knows, some bounces call themselves
//! automatic replies, and some automatic replies call themselves nothing at all. So a bounce is looked
//! for first, and whatever looks automatic is never taken for a person.

pub mod address;
pub mod answer;
mod automatic;
mod bounce;
pub mod files;
pub(crate) mod html;
mod imitation;
pub mod mask;
pub mod number;
mod providers;
mod receipts;
mod status;
pub mod tie;
pub mod writer;

#[cfg(test)]
mod tests;

use concert_model::{language, script};
use mail_parser::{Address, HeaderValue, Message, MessageParser, MimeHeaders, PartType};

pub use automatic::is_nobody;
pub use bounce::{Failed, Weight};
pub use status::{is_about_address, weight_of_answer};

/// Bytes of a mail that are looked at. What names a notice stands in the headers, in the first parts,
/// and in the headers of what a bounce returns; attachments behind them say nothing.
pub const BYTES_MAX: usize = 2 << 20;
/// Parts of a mail that are looked at.
const PARTS_MAX: usize = 60;
/// Mails inside mails that are looked at.
const DEPTH_MAX: usize = 3;
/// Message-IDs, addresses or tickets taken from one mail, each.
const NAMES_MAX: usize = 100;
/// Languages of a mail that are kept.
const LANGUAGES_MAX: usize = 10;
/// Longest Message-ID or address that is one.
const NAME_BYTES_MAX: usize = 320;
/// Letters of a subject that are kept.
const SUBJECT_CHARS_MAX: usize = 300;
/// Bytes of a text that are searched for failed addresses, or kept.
const TEXT_BYTES_MAX: usize = 64 << 10;

/// What a mail is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It could not be delivered, or not yet: who, and why.
    Bounce(Vec<Failed>),
    /// A machine answered: on holiday, ticket opened.
    AutoReply,
    /// A machine wrote it, and not as an answer.
    Generated,
    /// A complaint in the abuse reporting format.
    Feedback,
    /// From a mailing list.
    List,
    /// A machine sent it, to one or many.
    Bulk,
    /// Somebody wrote it, as far as can be told.
    Written,
}

impl Kind {
    /// The word for it in lists.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Bounce(_) => "bounce",
            Self::AutoReply => "auto-reply",
            Self::Generated => "generated",
            Self::Feedback => "feedback",
            Self::List => "list",
            Self::Bulk => "bulk",
            Self::Written => "written",
        }
    }
}

/// A mail as it was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// What it is.
    pub kind: Kind,
    /// What showed that.
    pub because: String,
    /// Its own Message-ID, without brackets; empty without one.
    pub message_id: String,
    /// Address in From, lower case; empty without one.
    pub from: String,
    /// Where an answer goes: Reply-To, else From.
    pub answer_to: String,
    /// Its subject, on one line.
    pub subject: String,
    /// What it names of our notices.
    pub names: Names,
    /// Languages that it says it is in or its writer reads, as tags, the first before the others.
    pub languages: Vec<String>,
    /// A header that asks for no automatic answer, or that another tracker wrote; empty without one.
    pub no_answer: String,
    /// Its text, cut.
    pub text: String,
}

/// Everything in a mail that may name a notice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// Message-IDs it answers, nearest first.
    pub answers: Vec<String>,
    /// Message-IDs of mails it returns.
    pub returned: Vec<String>,
    /// Addresses that a returned mail was for.
    pub returned_to: Vec<String>,
    /// Addresses it was sent to, as headers and the last servers say, lower case.
    pub sent_to: Vec<String>,
    /// What stands like a ticket number in its subject, and in that of a mail it returns.
    pub tickets: Vec<String>,
}

/// Understands a mail. `None` when it is none: there are no headers.
pub fn read(bytes: &[u8]) -> Option<Mail> {
    let bytes = bytes.get(..BYTES_MAX).unwrap_or(bytes);
    let message = MessageParser::default().parse(bytes)?;
    let text = text_of(&message);
    let subject = one_line(message.subject().unwrap_or_default());
    let from = first_address(message.from());
    let mut names = Names {
        answers: ids(message.in_reply_to()),
        sent_to: sent_to(&message),
        tickets: tickets(&subject),
        ..Names::default()
    };
    // The last of the references is the nearest.
    for id in ids(message.references()).into_iter().rev() {
        note(&mut names.answers, id);
    }
    let (kind, because) = if let Some(because) = automatic::read_receipt(&message, &mut names) {
        (Kind::AutoReply, because)
    } else if let Some((failed, because)) = bounce::read(&message, &from, &subject, &text, &mut names) {
        (Kind::Bounce(failed), because)
    } else {
        let is_answer = !names.answers.is_empty() || subject.to_lowercase().starts_with("re:");
        automatic::kind(&message, &from, &subject, &text, is_answer)
    };
    // What a person forwards is not returned.
    if !matches!(kind, Kind::Bounce(_) | Kind::Feedback) {
        (names.returned, names.returned_to) = Default::default();
        names.tickets = tickets(&subject);
    }
    let answer_to = Some(first_address(message.reply_to())).filter(|address| !address.is_empty());
    Some(Mail {
        kind,
        because,
        message_id: message.message_id().map(clean_id).unwrap_or_default(),
        answer_to: answer_to.unwrap_or_else(|| from.clone()),
        from,
        subject,
        names,
        languages: languages(&message),
        no_answer: answer::refusal(&message),
        text,
    })
}

/// The tags of `Content-Language`, then those of `Accept-Language`, that are such.
fn languages(message: &Message<'_>) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for header in ["Content-Language", "Accept-Language"] {
        let text = message.header_raw(header).unwrap_or_default();
        let tags = text.split(',').filter_map(|one| one.split(';').next()).map(str::trim);
        for tag in tags.filter(|tag| language::tag(tag).is_ok()) {
            if found.len() < LANGUAGES_MAX && !found.iter().any(|known| known.eq_ignore_ascii_case(tag)) {
                found.push(tag.to_owned());
            }
        }
    }
    found
}

/// Adds a name that is new, as long as there is room.
fn note(list: &mut Vec<String>, name: String) {
    if !name.is_empty() && name.len() <= NAME_BYTES_MAX && list.len() < NAMES_MAX && !list.contains(&name) {
        list.push(name);
    }
}

fn clean_id(id: &str) -> String {
    id.trim().trim_start_matches('<').trim_end_matches('>').trim().to_owned()
}

fn ids(value: &HeaderValue<'_>) -> Vec<String> {
    let mut found = Vec::new();
    let mut take = |text: &str| text.split_whitespace().for_each(|id| note(&mut found, clean_id(id)));
    match value {
        HeaderValue::Text(text) => take(text),
        HeaderValue::TextList(list) => list.iter().for_each(|text| take(text)),
        _ => {}
    }
    found
}

fn lower(address: &str) -> String {
    address.trim().trim_matches(['<', '>']).to_ascii_lowercase()
}

fn first_address(addresses: Option<&Address<'_>>) -> String {
    let found = addresses.and_then(|list| list.iter().find_map(|one| one.address.as_deref()));
    found.filter(|address| address.len() <= NAME_BYTES_MAX).map(lower).unwrap_or_default()
}

/// Addresses of To and Cc, and those that servers noted when they delivered it.
fn sent_to(message: &Message<'_>) -> Vec<String> {
    const NOTED: [&str; 5] = ["Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To", "X-Delivered-To"];
    let mut found = Vec::new();
    for (name, value) in message.headers_raw() {
        if NOTED.iter().any(|noted| name.eq_ignore_ascii_case(noted)) {
            value.split([',', ' ', '\t', '\r', '\n']).for_each(|one| note(&mut found, lower(one)));
        }
    }
    for list in [message.to(), message.cc()].into_iter().flatten() {
        list.iter().filter_map(|one| one.address.as_deref()).for_each(|one| note(&mut found, lower(one)));
    }
    found.retain(|address| address.contains('@'));
    found
}

/// `[CERT #4711]` gives `4711`; a number like those of notices is found anywhere.
fn tickets(subject: &str) -> Vec<String> {
    let mut found = Vec::new();
    let subject = &*script::narrow(subject);
    for piece in subject.split('[').skip(1) {
        let Some((inside, _)) = piece.split_once(']') else { continue };
        let last = inside.split_whitespace().next_back().unwrap_or_default();
        note(&mut found, last.trim_start_matches('#').to_owned());
    }
    number::numbers(subject).for_each(|number| note(&mut found, number));
    found
}

fn one_line(text: &str) -> String {
    let clean = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    clean.take(SUBJECT_CHARS_MAX).collect::<String>().trim().to_owned()
}

/// The text of a mail, all of it that stands in its first parts; HTML is made plain.
fn text_of(message: &Message<'_>) -> String {
    let mut text = String::new();
    for part in message.text_bodies().take(PARTS_MAX) {
        if text.len() >= TEXT_BYTES_MAX {
            break;
        }
        match &part.body {
            PartType::Html(page) => text.push_str(&html::text(page)),
            _ => text.push_str(part.text_contents().unwrap_or_default()),
        }
        text.push('\n');
    }
    cut(text)
}

fn cut(mut text: String) -> String {
    if text.len() > TEXT_BYTES_MAX {
        let mut end = TEXT_BYTES_MAX;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
    }
    text
}

/// The value of a header that may stand there more than once, as it is written, lower case, trimmed.
fn header(message: &Message<'_>, name: &str) -> Option<String> {
    let (_, value) = message.headers_raw().find(|(given, _)| given.eq_ignore_ascii_case(name))?;
    Some(value.trim().to_ascii_lowercase())
}

/// `report-type` of a multipart/report.
fn report_type(message: &Message<'_>) -> Option<String> {
    let kind = message.content_type()?;
    let is_report = kind.ctype().eq_ignore_ascii_case("multipart")
        && kind.subtype().is_some_and(|subtype| subtype.eq_ignore_ascii_case("report"));
    kind.attribute("report-type").filter(|_| is_report).map(str::to_ascii_lowercase)
}

/// Parts with their media type, lower case, nested mails not opened.
fn parts<'m>(message: &'m Message<'m>) -> impl Iterator<Item = (String, &'m mail_parser::MessagePart<'m>)> {
    message.parts.iter().take(PARTS_MAX).map(|part| {
        let kind = part
            .content_type()
            .map(|kind| format!("{}/{}", kind.ctype(), kind.subtype().unwrap_or_default()).to_ascii_lowercase());
        (kind.unwrap_or_default(), part)
    })
}

/// The bytes of a part that is not a mail.
fn contents<'m>(part: &'m mail_parser::MessagePart<'m>) -> std::borrow::Cow<'m, str> {
    match &part.body {
        PartType::Text(text) | PartType::Html(text) => text.as_ref().into(),
        PartType::Binary(bytes) | PartType::InlineBinary(bytes) => String::from_utf8_lossy(bytes),
        PartType::Message(_) | PartType::Multipart(_) => "".into(),
    }
}
