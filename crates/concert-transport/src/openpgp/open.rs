//! Mails that come in: opened with the site's key, and what their signature is worth.
//!
//! PGP/MIME (RFC 3156) in all its forms: encrypted, signed, one inside the other, and both in one packet. Also
//! what people put into plain text. A signature is held against the keys of the address in From and no others:
//! a good signature of somebody else says nothing of the sender.

use std::io::Read;

use concert_model::Time;
use concert_model::incident::mail::{Openpgp, Signature as State};
use mail_parser::{MessageParser, MimeHeaders, PartType};
use pgp::composed::{CleartextSignedMessage, Deserializable, DetachedSignature, Message};
use pgp::packet::{PublicKey, PublicSubkey, Signature};
use pgp::types::Password;

use super::SiteKey;
use super::keyring::Keyring;
use super::signer::{Signed, Worth, judge};

/// Most bytes that come out of an encrypted mail.
const OPENED_BYTES_MAX: u64 = 64 << 20;
/// Layers of compression in a message.
const LAYERS_MAX: usize = 4;
/// Most keys that a message may be encrypted to: each may cost a try with ours.
const KEYS_MAX: usize = 500;

/// A mail as its receiver reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// The mail with its content in clear; as it came where it cannot be opened.
    pub mail: Vec<u8>,
    /// What OpenPGP says of it.
    pub openpgp: Openpgp,
}

impl Opened {
    /// Whether it is encrypted and could not be opened.
    pub fn is_closed(&self) -> bool {
        let Openpgp { encrypted, signature, why, .. } = &self.openpgp;
        *encrypted && !why.is_empty() && *signature == State::None
    }
}

/// What comes in is held against these.
#[derive(Clone, Copy)]
pub struct Keys<'k> {
    /// Keys of the site.
    pub own: &'k [&'k SiteKey],
    /// Keys of contacts.
    pub ring: &'k Keyring,
    /// The present moment.
    pub now: Time,
}

/// Opens a mail, and looks at its signature.
pub fn open(mail: &[u8], keys: Keys<'_>) -> Opened {
    let mut openpgp = Openpgp { encrypted: false, signature: State::None, key: String::new(), why: String::new() };
    let from = from(mail);
    let clear = match sealed(mail) {
        None => mail.to_owned(),
        Some((sealed, is_entity)) => {
            openpgp.encrypted = true;
            match unseal(&sealed, keys, &from) {
                Ok((content, worth)) => {
                    note(&mut openpgp, worth);
                    let content = if is_entity { content } else { as_text(&content) };
                    with_content(mail, &content)
                }
                Err(why) => {
                    openpgp.why = why;
                    return Opened { mail: mail.to_owned(), openpgp };
                }
            }
        }
    };
    let clear = match signed_text(&clear) {
        Some(signed) => {
            note(&mut openpgp, Some(judge(&signed, keys.ring, &from, keys.now)));
            with_content(&clear, &as_text(signed.0.signed_text().as_bytes()))
        }
        None => {
            note(&mut openpgp, detached(&clear, keys, &from));
            clear
        }
    };
    Opened { mail: clear, openpgp }
}

fn note(openpgp: &mut Openpgp, worth: Option<Worth>) {
    let (signature, key, why) = match worth {
        None => return,
        Some(Worth::Good(key)) => (State::Good, key, String::new()),
        Some(Worth::Bad(key, why)) => (State::Bad, key, why),
        Some(Worth::Unknown(key, why)) => (State::UnknownKey, key, why),
    };
    (openpgp.signature, openpgp.key, openpgp.why) = (signature, key, why);
}

fn from(mail: &[u8]) -> String {
    let parsed = MessageParser::default().parse(mail);
    let address = parsed.as_ref().and_then(|mail| mail.from()?.first()?.address.as_deref().map(str::to_owned));
    address.unwrap_or_default()
}

/// What is encrypted of a mail, and whether a whole entity is inside, or only a text.
fn sealed(mail: &[u8]) -> Option<(Vec<u8>, bool)> {
    const BEGIN: &str = "-----BEGIN PGP MESSAGE-----";
    const END: &str = "-----END PGP MESSAGE-----";
    let parsed = MessageParser::default().parse(mail)?;
    if is_type(parsed.root_part(), "multipart", "encrypted") {
        // The second part holds it, whatever it is called.
        let part = parsed.parts.iter().skip(1).find(|part| is_type(part, "application", "octet-stream"))?;
        return Some((part.contents().to_owned(), true));
    }
    // Exchange takes the envelope of PGP/MIME apart and leaves its two parts.
    let mut parts = parsed.parts.iter().skip_while(|part| !is_type(part, "application", "pgp-encrypted")).skip(1);
    let is_all = parsed.attachments().count() == 2;
    if let Some(part) = parts.next().filter(|part| is_all && is_type(part, "application", "octet-stream")) {
        return Some((part.contents().to_owned(), true));
    }
    let PartType::Text(text) = &letter(&parsed)?.body else { return None };
    let from = text.find(BEGIN)?;
    let length = text.get(from..)?.find(END)? + END.len();
    Some((text.get(from..from + length)?.as_bytes().to_owned(), false))
}

/// The text of a mail that has nothing beside it, but perhaps the same once more as a page.
fn letter<'m>(mail: &'m mail_parser::Message<'m>) -> Option<&'m mail_parser::MessagePart<'m>> {
    let root = mail.root_part();
    if !is_type(root, "multipart", "alternative") {
        return Some(root);
    }
    let PartType::Multipart(children) = &root.body else { return None };
    mail.parts.get(*children.first()? as usize)
}

fn is_type(part: &mail_parser::MessagePart<'_>, kind: &str, subtype: &str) -> bool {
    part.content_type().is_some_and(|given| {
        given.ctype().eq_ignore_ascii_case(kind) && given.subtype().is_some_and(|one| one.eq_ignore_ascii_case(subtype))
    })
}

/// Opens what is encrypted; with it comes what a signature inside is worth.
fn unseal(sealed: &[u8], keys: Keys<'_>, from: &str) -> Result<(Vec<u8>, Option<Worth>), String> {
    if keys.own.is_empty() {
        return Err("this site has no OpenPGP key that could open it".into());
    }
    let mut why = String::new();
    for own in keys.own {
        match unseal_with(sealed, own, keys, from) {
            Ok(done) => return Ok(done),
            Err(error) => why = error,
        }
    }
    Err(format!("it cannot be opened: {why}"))
}

fn unseal_with(sealed: &[u8], own: &SiteKey, keys: Keys<'_>, from: &str) -> Result<(Vec<u8>, Option<Worth>), String> {
    // The RSA of the library leaks through its timing, and whoever sends mail could ask as often as they like.
    if own.has_rsa() {
        return Err("the key of this site is RSA, which opens no mails; make one with `concert key make`".into());
    }
    let (message, _) = Message::from_reader(sealed).map_err(|error| error.to_string())?;
    if let Message::Encrypted { esk, .. } = &message
        && esk.len() > KEYS_MAX
    {
        return Err(format!("it is encrypted to more than {KEYS_MAX} keys"));
    }
    let mut message = message.decrypt(&Password::empty(), &own.0).map_err(|error| error.to_string())?;
    for _ in 0..LAYERS_MAX {
        if !message.is_compressed() {
            break;
        }
        message = message.decompress().map_err(|error| error.to_string())?;
    }
    let mut content = Vec::new();
    (&mut message).take(OPENED_BYTES_MAX + 1).read_to_end(&mut content).map_err(|error| error.to_string())?;
    if content.len() as u64 > OPENED_BYTES_MAX {
        return Err(format!("more than {OPENED_BYTES_MAX} bytes are inside"));
    }
    let worth = message.is_signed().then(|| judge(&InMessage(&message), keys.ring, from, keys.now));
    Ok((content, worth))
}

struct InMessage<'m>(&'m Message<'m>);

impl Signed for InMessage<'_> {
    fn signatures(&self) -> Vec<&Signature> {
        let Message::Signed { reader, .. } = self.0 else { return Vec::new() };
        (0..reader.num_signatures()).filter_map(|at| reader.signature(at)).collect()
    }

    fn holds_primary(&self, at: usize, key: &PublicKey) -> Result<(), String> {
        self.0.verify_nested_explicit(at, key).map(drop).map_err(|error| error.to_string())
    }

    fn holds_sub(&self, at: usize, key: &PublicSubkey) -> Result<(), String> {
        self.0.verify_nested_explicit(at, key).map(drop).map_err(|error| error.to_string())
    }
}

/// Text that is signed where it stands.
struct InText(CleartextSignedMessage);

impl Signed for InText {
    fn signatures(&self) -> Vec<&Signature> {
        // The library tells which key holds, not for which of several; those are rare.
        self.0.signatures().iter().take(1).collect()
    }

    fn holds_primary(&self, _: usize, key: &PublicKey) -> Result<(), String> {
        self.0.verify(key).map(drop).map_err(|error| error.to_string())
    }

    fn holds_sub(&self, _: usize, key: &PublicSubkey) -> Result<(), String> {
        self.0.verify(key).map(drop).map_err(|error| error.to_string())
    }
}

fn signed_text(mail: &[u8]) -> Option<InText> {
    const BEGIN: &str = "-----BEGIN PGP SIGNED MESSAGE-----";
    let parsed = MessageParser::default().parse(mail)?;
    let PartType::Text(text) = &parsed.root_part().body else { return None };
    let signed = text.get(text.find(BEGIN)?..)?;
    CleartextSignedMessage::from_string(signed).ok().map(|(signed, _)| InText(signed))
}

/// A part of a mail that is signed by the part behind it.
struct InPart {
    signed: Vec<u8>,
    signatures: Vec<DetachedSignature>,
}

impl Signed for InPart {
    fn signatures(&self) -> Vec<&Signature> {
        self.signatures.iter().map(|one| &one.signature).collect()
    }

    fn holds_primary(&self, at: usize, key: &PublicKey) -> Result<(), String> {
        let one = self.signatures.get(at).ok_or("there is none")?;
        one.verify(key, &self.signed).map_err(|error| error.to_string())
    }

    fn holds_sub(&self, at: usize, key: &PublicSubkey) -> Result<(), String> {
        let one = self.signatures.get(at).ok_or("there is none")?;
        one.verify(key, &self.signed).map_err(|error| error.to_string())
    }
}

/// What the signature of a `multipart/signed` is worth (RFC 3156 section 5).
fn detached(mail: &[u8], keys: Keys<'_>, from: &str) -> Option<Worth> {
    let parsed = MessageParser::default().parse(mail)?;
    let root = parsed.root_part();
    if !is_type(root, "multipart", "signed") {
        return None;
    }
    let PartType::Multipart(children) = &root.body else { return None };
    let part = |at: usize| children.get(at).and_then(|id| parsed.parts.get(*id as usize));
    let signature = part(1).filter(|part| is_type(part, "application", "pgp-signature"))?;
    let boundary = root.content_type()?.attribute("boundary")?;
    // A third part would be read together with what is signed.
    let Some(signed) = first_part(mail, boundary).filter(|_| children.len() == 2) else {
        return Some(Worth::Bad(String::new(), "the signed part cannot be told from the rest".into()));
    };
    let found =
        DetachedSignature::from_reader_many(signature.contents()).map(|(all, _)| all.flatten().take(10).collect());
    match found {
        Ok(signatures) => Some(judge(&InPart { signed, signatures }, keys.ring, from, keys.now)),
        Err(_) => Some(Worth::Bad(String::new(), "the signature cannot be read".into())),
    }
}

/// The very bytes between the first two boundaries; the line end before the second belongs to that.
fn first_part(mail: &[u8], boundary: &str) -> Option<Vec<u8>> {
    let line = format!("\n--{boundary}");
    let find = |from: usize| {
        let rest = mail.get(from..)?;
        rest.windows(line.len()).position(|window| window == line.as_bytes()).map(|at| from + at)
    };
    let first = find(0)?;
    let begin = first + 1 + mail.get(first + 1..)?.iter().position(|byte| *byte == b'\n')? + 1;
    let end = find(begin)?;
    let part = mail.get(begin..end)?;
    let part = part.strip_suffix(b"\r").unwrap_or(part);
    // Servers that keep mails with bare line ends give them back so; what was signed had both.
    if part.windows(2).any(|pair| pair == b"\r\n") || !part.contains(&b'\n') {
        return Some(part.to_owned());
    }
    Some(part.split(|byte| *byte == b'\n').collect::<Vec<_>>().join(&b"\r\n"[..]))
}

/// A text as an entity.
fn as_text(text: &[u8]) -> Vec<u8> {
    [b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n", text].concat()
}

/// The head of a mail with other content. Of what the head of that says besides, its subject alone counts, which mail
/// programs hide: a sender within would be held against no key.
fn with_content(mail: &[u8], entity: &[u8]) -> Vec<u8> {
    let (inner, body) = entity.split_at(head_end(entity));
    let (outer, _) = mail.split_at(head_end(mail));
    let (mut head, mut content) = (Vec::new(), Vec::new());
    for field in fields(inner) {
        let (is_subject, is_content) = (has_name(field, b"subject"), has_name(field, b"content-"));
        if is_subject || is_content {
            content.extend_from_slice(field);
        }
    }
    let has_subject = fields(&content).any(|field| has_name(field, b"subject"));
    for field in fields(outer) {
        if !(has_name(field, b"content-") || has_subject && has_name(field, b"subject")) {
            head.extend_from_slice(field);
        }
    }
    [head.as_slice(), &content, body].concat()
}

/// Where the head of a mail ends, before its empty line.
fn head_end(mail: &[u8]) -> usize {
    let mut at = 0;
    for line in mail.split_inclusive(|byte| *byte == b'\n') {
        if line.trim_ascii().is_empty() {
            break;
        }
        at += line.len();
    }
    at
}

/// The fields of a head, each with the lines that go on with it.
fn fields(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    let goes_on = |line: &[u8]| line.first().is_some_and(|byte| matches!(byte, b' ' | b'\t'));
    let mut rest = head;
    std::iter::from_fn(move || {
        let mut end = 0;
        for line in rest.split_inclusive(|byte| *byte == b'\n') {
            if end > 0 && !goes_on(line) {
                break;
            }
            end += line.len();
        }
        let (field, after) = rest.split_at(end);
        rest = after;
        (!field.is_empty()).then_some(field)
    })
}

/// Whether a field is called so; a name that ends in a hyphen is the beginning of many.
fn has_name(field: &[u8], name: &[u8]) -> bool {
    let given = field.split(|byte| *byte == b':').next().unwrap_or_default().trim_ascii_end().to_ascii_lowercase();
    if name.ends_with(b"-") { given.starts_with(name) } else { given == name }
}
