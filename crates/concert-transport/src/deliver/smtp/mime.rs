//! The bytes of a mail: headers, text, HTML beside it, and the payload as a file.
//!
//! Pure: the same message gives the same bytes, unless it is encrypted. Boundaries come from the Message-ID, the time inside
//! a zip file from the message. Text goes out quoted-printable and files in base64, so that no mail
//! server on the way has a reason to change a byte.

use std::io::{Cursor, Write};
use std::time::{Duration, UNIX_EPOCH};

use concert_model::{Attachment, Message, Time};
use lettre::message::header::{ContentDisposition, ContentTransferEncoding, ContentType, HeaderName, HeaderValue};
use lettre::message::{Body, Mailbox, MultiPart, SinglePart};
use lettre::{Address, address::Envelope};

use super::dkim::Signer;
use super::pgpmime::Encrypt;
use super::{address, pgpmime};
use crate::openpgp::{KeysAt, SiteKey};

/// Addresses in one mail.
const RECIPIENTS_MAX: usize = 100;
/// Letters of a subject that are kept.
const SUBJECT_LETTERS_MAX: usize = 300;
/// Letters of a file name that are kept.
const NAME_LETTERS_MAX: usize = 100;

/// What all mails of one way out have in common.
pub(super) struct Look {
    /// Address in From.
    pub(super) from: String,
    /// Name in From.
    pub(super) sender: String,
    /// Attachments above this size are zipped.
    pub(super) zip_over: u64,
    /// Signs the content, where a key is set.
    pub(super) openpgp: Option<SiteKey>,
    /// Whether the content is encrypted.
    pub(super) encrypt: Encrypt,
    /// Signs, where a key is set.
    pub(super) dkim: Option<Signer>,
}

/// The final bytes, or why there are none.
pub(super) fn compose(look: &Look, message: &Message, keys: &KeysAt<'_>) -> Result<Vec<u8>, String> {
    let id = &message.message_id;
    if !is_id(id) {
        return Err(format!("`{}` is not a Message-ID", id.escape_default()));
    }
    if message.to.len() + message.bcc.len() > RECIPIENTS_MAX {
        return Err(format!("a mail goes to at most {RECIPIENTS_MAX} addresses"));
    }
    if message.to.is_empty() && message.bcc.is_empty() {
        return Err("there is nobody to send it to".into());
    }
    for text in &message.bcc {
        address::ascii(text)?;
    }
    let receivers = pgpmime::receivers(look.encrypt, message, keys)?;
    let from = parse(&look.from)?;
    let sender = one_line(&look.sender, NAME_LETTERS_MAX);
    let mut builder =
        lettre::Message::builder().from(Mailbox::new(Some(sender).filter(|sender| !sender.is_empty()), from.clone()));
    for text in &message.to {
        builder = builder.to(Mailbox::new(None, parse(&address::ascii(text)?)?));
    }
    // The envelope is given with the bytes when they are sent; this one only keeps the builder still.
    let nowhere = Envelope::new(None, vec![from]).map_err(|error| error.to_string())?;
    builder = builder
        .envelope(nowhere)
        .subject(one_line(&message.subject, SUBJECT_LETTERS_MAX))
        .date(UNIX_EPOCH + Duration::from_secs(seconds(message.date)))
        .message_id(Some(format!("<{id}>")));
    if message.to.is_empty() {
        builder = builder.raw_header(fixed("To", "undisclosed-recipients:;"));
    }
    let submitted = if message.answers.is_some() { "auto-replied" } else { "auto-generated" };
    let automatic = [("Auto-Submitted", submitted), ("X-Auto-Response-Suppress", "All"), ("Precedence", "bulk")];
    // What a person wrote wants an answer, so it must not look like bulk mail; only machines are kept quiet.
    let personal = [("X-Auto-Response-Suppress", "OOF, AutoReply")];
    for (name, value) in if message.by_person { &personal[..] } else { &automatic[..] } {
        builder = builder.raw_header(fixed(name, value));
    }
    // A Message-ID of another that is none is left out; the answer is one all the same.
    if let Some(id) = message.answers.as_deref().filter(|id| is_id(id)) {
        for name in ["In-Reply-To", "References"] {
            builder = builder.raw_header(fixed(name, &format!("<{id}>")));
        }
    }
    let language = &message.language;
    if !language.is_empty() && language.len() <= 35 && language.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    {
        builder = builder.raw_header(fixed("Content-Language", language));
    }
    let built = builder.multipart(content(look, message)?).map_err(|error| error.to_string())?;
    let mut bytes = built.formatted();
    if let Some(key) = &look.openpgp {
        bytes = pgpmime::sign(&bytes, key, &boundary(id, "signed"), message.date.seconds())?;
    }
    if let Some(receivers) = &receivers {
        bytes = pgpmime::encrypt(&bytes, receivers, keys, &boundary(id, "encrypted"))?;
    }
    match &look.dkim {
        Some(signer) => signer.sign(&bytes, seconds(message.date)),
        None => Ok(bytes),
    }
}

/// Whether a text can stand as a Message-ID between angle brackets.
fn is_id(id: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'<' | b'>');
    id.len() <= 200 && id.contains('@') && id.bytes().all(plain)
}

fn content(look: &Look, message: &Message) -> Result<MultiPart, String> {
    let text = part(&message.text, ContentType::TEXT_PLAIN)?;
    let mut mixed = MultiPart::mixed().boundary(boundary(&message.message_id, "mixed")).build();
    mixed = match &message.html {
        Some(html) => {
            let both = MultiPart::alternative().boundary(boundary(&message.message_id, "alternative"));
            mixed.multipart(both.singlepart(text).singlepart(part(html, ContentType::TEXT_HTML)?))
        }
        None => mixed.singlepart(text),
    };
    for payload in [&message.payload].into_iter().chain(&message.more).filter(|payload| !payload.bytes.is_empty()) {
        mixed = if payload.bytes.len() as u64 > look.zip_over {
            mixed.singlepart(file(&zipped(payload, message.date)?)?)
        } else {
            mixed.singlepart(file(payload)?)
        };
    }
    Ok(mixed)
}

fn part(text: &str, kind: ContentType) -> Result<SinglePart, String> {
    // A form feed or NUL in a mail body is trouble for someone, and nothing we write needs one.
    let clean: String = text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\r' | '\t')).collect();
    let body = Body::new_with_encoding(clean, ContentTransferEncoding::QuotedPrintable);
    let body = body.map_err(|_| "the text cannot be encoded")?;
    Ok(SinglePart::builder().header(kind).body(body))
}

fn file(attachment: &Attachment) -> Result<SinglePart, String> {
    let body = Body::new_with_encoding(attachment.bytes.clone(), ContentTransferEncoding::Base64);
    let body = body.map_err(|_| "the attachment cannot be encoded")?;
    let unknown = || ContentType::parse("application/octet-stream").map_err(|error| error.to_string());
    let kind = match ContentType::parse(&one_line(&attachment.media_type, NAME_LETTERS_MAX)) {
        Ok(kind) => kind,
        Err(_) => unknown()?,
    };
    let disposition = ContentDisposition::attachment(&file_name(&attachment.name));
    Ok(SinglePart::builder().header(kind).header(disposition).body(body))
}

fn zipped(attachment: &Attachment, date: Time) -> Result<Attachment, String> {
    let say = |error: &dyn std::fmt::Display| format!("the attachment cannot be zipped: {error}");
    let name = file_name(&attachment.name);
    let date = date.timestamp().to_zoned(jiff::tz::TimeZone::UTC);
    let small = |value: i8| u8::try_from(value).unwrap_or(0);
    let stamp = zip::DateTime::from_date_and_time(
        u16::try_from(date.year()).unwrap_or(0),
        small(date.month()),
        small(date.day()),
        small(date.hour()),
        small(date.minute()),
        small(date.second()),
    );
    let options = zip::write::SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Deflated)
        // A zip file knows the years 1980 to 2107.
        .last_modified_time(stamp.unwrap_or_default())
        .unix_permissions(0o644);
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    writer.start_file(name.as_str(), options).map_err(|error| say(&error))?;
    writer.write_all(&attachment.bytes).map_err(|error| say(&error))?;
    let bytes = writer.finish().map_err(|error| say(&error))?.into_inner();
    Ok(Attachment { name: format!("{name}.zip"), media_type: "application/zip".into(), bytes })
}

fn parse(text: &str) -> Result<Address, String> {
    text.parse().map_err(|_| format!("`{}` is not a mail address", text.escape_default()))
}

/// A header of ours whose value holds nothing from outside.
fn fixed(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
}

/// Neither quoted-printable nor base64 can make a line with `=_`, so no content contains it.
fn boundary(message_id: &str, which: &str) -> String {
    let hash = blake3::hash(format!("{which} {message_id}").as_bytes()).to_hex();
    format!("=_{}", hash.chars().take(32).collect::<String>())
}

/// One line of text, its blanks single: mail readers do not keep runs of them beside encoded words.
fn one_line(text: &str, letters_max: usize) -> String {
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(letters_max).collect();
    clean.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A file name without folders or anything a shell or a mail reader might trip over.
fn file_name(name: &str) -> String {
    let kept = |c: char| if c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ' ') { c } else { '_' };
    let name: String = one_line(name, NAME_LETTERS_MAX).chars().map(kept).collect();
    let name = name.trim_start_matches('.');
    if name.is_empty() { "events".into() } else { name.to_owned() }
}

/// Seconds since 1970. A mail from before that, or after 9999, has a wrong clock and gets the nearest.
fn seconds(time: Time) -> u64 {
    u64::try_from(time.seconds()).unwrap_or(0).min(253_402_300_799)
}
