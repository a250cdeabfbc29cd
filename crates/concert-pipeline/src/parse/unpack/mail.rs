//! Takes a mail apart: its attachments, its text, and mails inside it.

use std::borrow::Cow;
use std::io::{self, BufReader, Cursor, Read};

use encoding_rs::{Encoding, UTF_8};
use mail_parser::decoders::base64::base64_decode;
use mail_parser::decoders::quoted_printable::quoted_printable_decode;
use mail_parser::{Encoding as Transfer, Message, MessagePart, MimeHeaders, PartType};

use super::meter::Rest;
use super::{Parts, Place, SUBJECT, Unpacking};
use crate::mail::html;
use crate::observables::{Kind, observables};
use crate::parse::input::{decode, guess};
use crate::parse::{carried, forwarded};

/// How deep mails are opened inside mails.
const MAILS_MAX: usize = 3;
/// How deep letters are read that are attached to letters.
const FORWARDED_MAX: usize = 2;
/// One byte of so many may be wrong in what is base64.
const JUNK_SHARE: usize = 20;
/// Most bytes of a letter in HTML.
const PAGE_BYTES_MAX: usize = 8 << 20;

impl Unpacking<'_> {
    /// Reads the wanted parts of a mail.
    pub(super) fn mail(&mut self, bytes: &[u8], place: &Place) {
        if place.mails >= MAILS_MAX {
            return self.reject(place, format!("a mail more than {MAILS_MAX} deep, which is not opened"));
        }
        let Some(mail) = carried::mail(bytes) else {
            return self.reject(place, "a mail that cannot be read: it has no headers");
        };
        let place = Place { mails: place.mails + 1, ..place.clone() };
        if self.limits.parts == Some(Parts::Letters) && carried::is_in(&mail) {
            let mut whole = bytes;
            return self.give(&mut whole, &Place { carries: true, ..place }, None);
        }
        let attachments = self.attachments(&mail);
        let bodies = match self.limits.parts.unwrap_or(Parts::Attachments) {
            Parts::Bodies | Parts::Letters | Parts::All => true,
            Parts::Attachments => attachments.is_empty(),
            Parts::Whole => false,
        };
        let is_letter = self.limits.parts == Some(Parts::Letters);
        let mut wanted_bodies: Vec<_> = mail.text_bodies().filter(|_| bodies).collect();
        // Some programs leave the plain one of the two forms empty.
        if is_letter && wanted_bodies.iter().all(|part| part.contents().trim_ascii().is_empty()) {
            wanted_bodies = mail.html_bodies().collect();
        }
        let has_mails = is_letter && mail.attachments().any(|part| part.is_message());
        let is_outer = place.mails == 1 || place.forwarded > 0;
        let subject = mail.subject().filter(|subject| is_letter && is_outer && names_something(subject));
        let parts = wanted_bodies.len() + attachments.len() + usize::from(has_mails) + usize::from(subject.is_some());
        // Behind a letter that is attached comes at least a word that nothing was found.
        let is_last = |nth: usize| !is_letter || nth == parts && place.forwarded == 0;
        for (index, part) in wanted_bodies.iter().enumerate() {
            if !self.one_more(&place) {
                return;
            }
            let name = if part.is_text_html() { "body.html" } else { "body.txt" };
            let name = if index == 0 { name.to_owned() } else { format!("{}-{name}", index + 1) };
            self.mail_part(&mail, part, place.member(&name), is_last(index + 1));
        }
        for (index, (number, part)) in attachments.into_iter().enumerate() {
            if !self.one_more(&place) {
                return;
            }
            let name = part.attachment_name().map_or_else(|| format!("part {number}"), str::to_owned);
            self.mail_part(&mail, part, place.member(&name), is_last(wanted_bodies.len() + index + 1));
        }
        if let Some(subject) = subject.filter(|_| self.one_more(&place)) {
            let inner = Place { is_last: is_last(parts - usize::from(has_mails)), ..place.member(SUBJECT) };
            self.give(&mut subject.as_bytes(), &inner, Some(UTF_8));
        }
        if is_letter {
            self.locked_attachments(&mail, &place);
        }
        if !has_mails {
            return;
        }
        // Where no word says that the attached mails are what is complained of, they may be what somebody complains in.
        let is_evidence = forwarded::kind(&mail).is_some();
        if !is_evidence && place.forwarded < FORWARDED_MAX {
            self.forwarded(&mail, &place);
        }
        // That nothing was found is said once, of the outermost.
        if (is_evidence || place.forwarded == 0) && self.one_more(&place) {
            let mut whole = bytes;
            self.give(&mut whole, &Place { carries: true, ..place.member("attached mail") }, None);
        }
    }

    /// The letters that are attached to one, as a person forwards a complaint.
    fn forwarded(&mut self, mail: &Message<'_>, place: &Place) {
        let attached = mail.attachments().filter_map(|part| part.message()).take(forwarded::MAILS_MAX);
        for attached in attached.filter(|attached| forwarded::is_complaint(mail, attached)) {
            if !self.one_more(place) {
                return;
            }
            let writer = forwarded::writer(attached).to_owned();
            let inner = Place { forwarded: place.forwarded + 1, writer, ..place.member("attached mail") };
            self.mail(attached.raw_message(), &inner);
        }
    }

    /// Names the encrypted archives that are attached to a letter.
    fn locked_attachments(&mut self, mail: &Message<'_>, place: &Place) {
        for (number, part) in (1..).zip(mail.attachments()).filter(|(_, part)| part.is_binary()) {
            let name = part.attachment_name().map_or_else(|| format!("part {number}"), str::to_owned);
            self.locked(part.contents(), &place.member(&name));
        }
    }

    /// The attachments that are wanted, with their numbers.
    fn attachments<'m>(&self, mail: &'m Message<'m>) -> Vec<(usize, &'m MessagePart<'m>)> {
        if self.limits.parts == Some(Parts::Bodies) {
            return Vec::new();
        }
        let is_letter = self.limits.parts == Some(Parts::Letters);
        let wanted = |part: &MessagePart<'_>| match part.attachment_name() {
            _ if is_letter && !is_log(part) => false,
            Some(name) if !self.wanted(name) => false,
            None if !self.limits.names.is_empty() => part.is_message(),
            Some(_) if !self.limits.names.is_empty() => true,
            _ => is_data(part),
        };
        mail.attachments().enumerate().map(|(index, part)| (index + 1, part)).filter(|(_, part)| wanted(part)).collect()
    }

    fn mail_part(&mut self, mail: &Message<'_>, part: &MessagePart<'_>, mut inner: Place, is_last: bool) {
        inner.is_last = is_last;
        if let PartType::Message(message) = &part.body {
            return self.mail(message.raw_message(), &inner);
        }
        if let Some((good, line)) = before_junk(mail, part) {
            inner.charset = part.content_type().and_then(|media| media.attribute("charset")).and_then(|name| {
                Encoding::for_label(name.as_bytes()) // The library gave up before it made UTF-8 of it.
            });
            let why = format!("its base64 is broken in line {line} of the attachment");
            let mut nothing = io::empty();
            let rest = BufReader::new(Rest { reader: &mut nothing, failed: Some(io::Error::other(why)) });
            return self.stream(&mut Cursor::new(good).chain(rest), &inner);
        }
        let (bytes, charset) = contents(mail, part, self.limits.encoding.is_some());
        if self.limits.parts == Some(Parts::Letters) && part.is_text_html() {
            return self.page(&bytes, charset, &inner);
        }
        inner.charset = charset;
        inner.text = part.is_text();
        self.seekable(Cursor::new(bytes), &inner);
    }

    /// A letter in HTML is read as the text that a person sees.
    fn page(&mut self, bytes: &[u8], charset: Option<&'static Encoding>, place: &Place) {
        let read = bytes.get(..PAGE_BYTES_MAX).unwrap_or(bytes);
        let charset = self.limits.encoding.or(charset).unwrap_or_else(|| guess(read));
        let text = html::text(&decode(read, Some(charset)));
        self.give(&mut text.as_bytes(), place, Some(UTF_8));
        if read.len() < bytes.len() {
            self.reject(place, format!("a page larger than {} MiB; the rest is not read", PAGE_BYTES_MAX >> 20));
        }
    }
}

/// Whether there is anything in a subject that a complaint may be about.
fn names_something(subject: &str) -> bool {
    observables(subject).iter().any(|found| matches!(found.kind, Kind::Ip | Kind::Url))
}

/// Pictures and signatures are no reports.
fn is_data(part: &MessagePart<'_>) -> bool {
    let Some(media) = part.content_type() else { return true };
    let (kind, subtype) = (media.ctype().to_ascii_lowercase(), media.subtype().unwrap_or("").to_ascii_lowercase());
    !matches!(kind.as_str(), "image" | "audio" | "video") && !subtype.contains("signature")
}

/// Whether a part of a letter is a log or a list: plain text, by its type or else by its name.
fn is_log(part: &MessagePart<'_>) -> bool {
    let kind = part.content_type().map_or_else(String::new, |media| {
        format!("{}/{}", media.ctype(), media.subtype().unwrap_or_default()).to_ascii_lowercase()
    });
    let name = part.attachment_name().unwrap_or_default().to_ascii_lowercase();
    match kind.as_str() {
        "text/plain" | "text/csv" => true,
        "" | "application/octet-stream" | "text/x-log" => {
            [".log", ".txt", ".csv"].iter().any(|end| name.ends_with(end))
        }
        _ => false,
    }
}

/// What stands in a part in base64 before something that is none, and the line of that. `None` where all of it is, and
/// where so much is not that it is rather text with a wrong label.
fn before_junk(mail: &Message<'_>, part: &MessagePart<'_>) -> Option<(Vec<u8>, usize)> {
    let is_base64 = || part.content_transfer_encoding().is_some_and(|word| word.eq_ignore_ascii_case("base64"));
    if !part.is_encoding_problem || !is_base64() {
        return None;
    }
    let raw = mail.raw_message.get(part.offset_body as usize..part.offset_end as usize)?;
    let is_junk = |byte: &u8| !byte.is_ascii_alphanumeric() && !b"+/= \t\r\n".contains(byte);
    let good = raw.get(..raw.iter().position(is_junk)?)?;
    if raw.iter().filter(|byte| is_junk(byte)).count() > raw.len() / JUNK_SHARE {
        return None;
    }
    let line = good.iter().filter(|byte| **byte == b'\n').count() + 1;
    Some((base64_decode(good)?, line))
}

/// The bytes of a part, and the encoding it states. Text is taken before the library makes it UTF-8
/// where no encoding was stated, so that ours can be guessed from all of it; and where the settings know
/// better.
fn contents<'m>(
    mail: &Message<'m>,
    part: &'m MessagePart<'m>,
    known: bool,
) -> (Cow<'m, [u8]>, Option<&'static Encoding>) {
    if !part.is_text() {
        return (Cow::Borrowed(part.contents()), None);
    }
    let stated = part.content_type().and_then(|media| media.attribute("charset")).and_then(|name| {
        // The library knows more names than the standard does, so its text is taken even then.
        (!name.is_empty()).then(|| Encoding::for_label(name.as_bytes()).unwrap_or(UTF_8))
    });
    if stated.is_some() && !known {
        return (Cow::Borrowed(part.contents()), Some(UTF_8));
    }
    let (start, end) = (part.offset_body as usize, part.offset_end as usize);
    let raw = mail.raw_message.get(start..end).unwrap_or_default();
    let bytes = match part.encoding {
        Transfer::None => Some(raw.to_vec()),
        Transfer::Base64 => base64_decode(raw),
        Transfer::QuotedPrintable => quoted_printable_decode(raw),
    };
    match bytes {
        Some(bytes) => (Cow::Owned(bytes), None),
        None => (Cow::Borrowed(part.contents()), None),
    }
}
