//! The journal of an incident: chains of signed entries, one for each site that takes part.
//!
//! An entry has a header, which every site taking part may hold, and a body, which travels only to whom
//! its marking admits and can be erased later. The header signs a salted hash of the body, so a chain
//! verifies with and without its bodies. `docs/journal.md` describes every byte.

use std::fmt;

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::canonical::{NotCanonical, canonical, write_number, write_text};
use super::marking::Marking;
use crate::Time;

/// The version of the format. A reader refuses others.
pub const VERSION: u64 = 1;
/// Longest canonical text of a body.
pub const BODY_BYTES_MAX: usize = 1 << 20;
/// Longest canonical text of a header; real ones have some 600 bytes.
pub const HEADER_BYTES_MAX: usize = 4 << 10;
/// Room for one.
const HEADER_CHARS: usize = 600;

/// When something was written: a hybrid logical clock. What was seen before is always smaller, also
/// where a machine's clock is wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stamp {
    /// Microseconds since 1970, of the writer's clock or the latest stamp it had seen.
    pub time: Time,
    /// Counts what has the same time.
    pub tick: u32,
}

impl Stamp {
    /// The stamp of what is written now by somebody who has seen nothing later than `seen`.
    pub fn next(now: Time, seen: Stamp) -> Self {
        match now > seen.time {
            true => Self { time: now, tick: 0 },
            false => Self { time: seen.time, tick: seen.tick.saturating_add(1) },
        }
    }
}

/// A SHA-256 hash, written as hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Hash(pub [u8; 32]);

/// A site, by the public half of its key (Ed25519, RFC 8032).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct SiteId(pub [u8; 32]);

/// Bytes as lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    push_hex(bytes, &mut text);
    text
}

fn push_hex(bytes: &[u8], out: &mut String) {
    let digit = |half: u8| char::from(if half < 10 { b'0' + half } else { b'a' + (half - 10) });
    out.extend(bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]));
}

/// So many bytes of lower-case hexadecimal digits.
pub fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != 2 * N {
        return None;
    }
    let half = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0u8; N];
    for (byte, [high, low]) in bytes.iter_mut().zip(text.as_bytes().as_chunks::<2>().0) {
        *byte = half(*high)? << 4 | half(*low)?;
    }
    Some(bytes)
}

macro_rules! shown_as_hex {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }
    };
}
shown_as_hex!(Hash);
shown_as_hex!(SiteId);

/// What a stranger may know of an entry: that something was written, when, and by which site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The incident, a UUIDv7 in its usual form.
    pub incident: String,
    /// Who wrote it.
    pub site: SiteId,
    /// Its place in the site's chain, from 1.
    pub sequence: u64,
    /// The hash of the header before it in the chain; zeros for the first.
    pub previous: Hash,
    /// When.
    pub stamp: Stamp,
    /// The salted hash of its body.
    pub body: Hash,
    /// The site's signature over all of this.
    pub signature: [u8; 64],
}

impl Header {
    /// The canonical text, written member by member in its order: most of the time that it takes to read a long journal
    /// went into making a value of each header first.
    fn written(&self, signature: Option<&[u8]>) -> Result<String, NotCanonical> {
        let mut out = String::with_capacity(HEADER_CHARS);
        let bytes = |name: &str, bytes: &[u8], out: &mut String| {
            out.push_str(name);
            push_hex(bytes, out);
        };
        bytes("{\"body\":\"", &self.body.0, &mut out);
        out.push_str("\",\"incident\":");
        write_text(&self.incident, &mut out);
        bytes(",\"previous\":\"", &self.previous.0, &mut out);
        out.push_str("\",\"sequence\":");
        write_number(self.sequence.into(), &mut out)?;
        if let Some(signature) = signature {
            bytes(",\"signature\":\"", signature, &mut out);
            out.push('"');
        }
        bytes(",\"site\":\"", &self.site.0, &mut out);
        out.push_str("\",\"tick\":");
        write_number(self.stamp.tick.into(), &mut out)?;
        out.push_str(",\"time\":");
        write_number(self.stamp.time.0.into(), &mut out)?;
        out.push_str(",\"version\":");
        write_number(VERSION.into(), &mut out)?;
        out.push('}');
        Ok(out)
    }

    /// The bytes that are signed.
    pub fn signed_bytes(&self) -> Result<String, NotCanonical> {
        self.written(None)
    }

    /// The header as it is kept and sent: the signed bytes with the signature among their members.
    pub fn text(&self) -> Result<String, NotCanonical> {
        self.written(Some(&self.signature))
    }

    /// Reads a kept header. The error says what is wrong with it.
    pub fn read(text: &str) -> Result<Self, String> {
        if text.len() > HEADER_BYTES_MAX {
            return Err(format!("a header is longer than {HEADER_BYTES_MAX} bytes"));
        }
        let value: Value = serde_json::from_str(text).map_err(|error| format!("a header is no JSON: {error}"))?;
        let word = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default();
        let number = |name: &str| value.get(name).and_then(Value::as_i64).unwrap_or(-1);
        let unreadable = |name: &str| format!("`{name}` of a header cannot be read");
        if value.get("version").and_then(Value::as_u64) != Some(VERSION) {
            return Err("a header is of another version of the format".into());
        }
        let header = Self {
            incident: word("incident").to_owned(),
            site: SiteId(from_hex(word("site")).ok_or_else(|| unreadable("site"))?),
            sequence: u64::try_from(number("sequence")).map_err(|_| unreadable("sequence"))?,
            previous: Hash(from_hex(word("previous")).ok_or_else(|| unreadable("previous"))?),
            stamp: Stamp {
                time: Time(number("time")),
                tick: u32::try_from(number("tick")).map_err(|_| unreadable("tick"))?,
            },
            body: Hash(from_hex(word("body")).ok_or_else(|| unreadable("body"))?),
            signature: from_hex(word("signature")).ok_or_else(|| unreadable("signature"))?,
        };
        // One way to write it: whatever else stood there was not signed.
        match header.text().as_deref() == Ok(text) {
            true => Ok(header),
            false => Err("a header is not written in the one canonical way".into()),
        }
    }

    /// What the next header of the chain names as the one before it.
    pub fn hash(&self) -> Result<Hash, NotCanonical> {
        Ok(Hash(Sha256::digest(self.text()?.as_bytes()).into()))
    }

    /// Whether the site that it names signed it.
    pub fn is_signed(&self) -> bool {
        let Ok(bytes) = self.signed_bytes() else { return false };
        let key = VerifyingKey::from_bytes(&self.site.0);
        key.is_ok_and(|key| key.verify_strict(bytes.as_bytes(), &Signature::from_bytes(&self.signature)).is_ok())
    }
}

/// What was written. It may be withheld or erased; the chain stands without it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Body {
    /// Who wrote it, by name at the site of the header.
    pub author: String,
    /// What it is: `note/1`.
    pub kind: String,
    /// Who may read it.
    pub marking: Marking,
    /// What it says, as its kind has it.
    pub content: Value,
    /// Sixteen random bytes, so that nobody who has the hash alone can guess the body.
    pub salt: String,
}

impl Body {
    /// The body as it is kept and sent.
    pub fn text(&self) -> Result<String, NotCanonical> {
        // A body is plain data.
        canonical(&serde_json::to_value(self).unwrap_or_default())
    }

    /// What the header signs of it: the hash of salt and text.
    pub fn hash(&self) -> Result<Hash, NotCanonical> {
        let mut hasher = Sha256::new();
        hasher.update(self.salt.as_bytes());
        hasher.update(self.text()?.as_bytes());
        Ok(Hash(hasher.finalize().into()))
    }

    /// Reads a kept body.
    pub fn read(text: &str) -> Result<Self, String> {
        if text.len() > BODY_BYTES_MAX {
            return Err(format!("a body is longer than {BODY_BYTES_MAX} bytes"));
        }
        serde_json::from_str(text).map_err(|error| format!("a body cannot be read: {error}"))
    }
}

/// An entry; its body is `None` where it is withheld or was erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its header.
    pub header: Header,
    /// Its body.
    pub body: Option<Body>,
}

/// A site's key for its journals.
pub struct JournalKey(SigningKey);

impl fmt::Debug for JournalKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JournalKey({})", self.site())
    }
}

/// Where a chain stands: what its next entry follows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tip {
    /// The sequence of its last entry; 0 before the first.
    pub sequence: u64,
    /// The hash of its header.
    pub hash: Hash,
}

impl JournalKey {
    /// The key made from the secret of a site.
    pub fn of(secret: &[u8]) -> Self {
        Self(SigningKey::from_bytes(&blake3::derive_key("concert 2026 journal signing key", secret)))
    }

    /// The site it signs for.
    pub fn site(&self) -> SiteId {
        SiteId(self.0.verifying_key().to_bytes())
    }

    /// Signs the list of hashes of an export. `None` for what could be taken for the header of an entry.
    pub fn sign_list(&self, list: &[u8]) -> Option<[u8; 64]> {
        // INVARIANT: headers are JSON objects, and no list begins like one, so that the one signature is never
        // good for the other.
        (list.first().is_some_and(|byte| *byte != b'{')).then(|| self.0.sign(list).to_bytes())
    }

    /// Signs an entry that follows `tip`.
    pub fn sign(&self, incident: &str, tip: Tip, stamp: Stamp, body: Body) -> Result<Entry, NotCanonical> {
        let mut header = Header {
            incident: incident.to_owned(),
            site: self.site(),
            sequence: tip.sequence + 1,
            previous: tip.hash,
            stamp,
            body: body.hash()?,
            signature: [0; 64],
        };
        header.signature = self.0.sign(header.signed_bytes()?.as_bytes()).to_bytes();
        Ok(Entry { header, body: Some(body) })
    }
}

/// Verifies a chain in its order, as far as it goes. The error names the first entry that is wrong, by
/// its sequence, and what is.
pub fn verify<'e>(incident: &str, entries: impl IntoIterator<Item = &'e Entry>) -> Result<Tip, (u64, String)> {
    let mut tip = Tip::default();
    let mut before: Option<(SiteId, Stamp)> = None;
    for Entry { header, body } in entries {
        let wrong = |what: &str| Err((header.sequence, what.to_owned()));
        if header.incident != incident {
            return wrong("it is of another incident");
        }
        if header.sequence != tip.sequence + 1 {
            return wrong(&format!("entry {} is missing", tip.sequence + 1));
        }
        if header.previous != tip.hash {
            return wrong("it does not follow the entry before it");
        }
        if before.is_some_and(|(site, _)| site != header.site) {
            return wrong("it is of another site's chain");
        }
        if before.is_some_and(|(_, stamp)| stamp >= header.stamp) {
            return wrong("its time is not after that of the entry before it");
        }
        if !header.is_signed() {
            return wrong("its signature is wrong");
        }
        if let Some(body) = body
            && body.hash() != Ok(header.body)
        {
            return wrong("its body is not the one that was signed");
        }
        before = Some((header.site, header.stamp));
        let hash = header.hash().map_err(|why| (header.sequence, why.to_string()))?;
        tip = Tip { sequence: header.sequence, hash };
    }
    Ok(tip)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::marking::Tlp;
    use super::*;

    const INCIDENT: &str = "01932c5e-0000-7000-8000-000000000001";

    fn chain(length: u64) -> Vec<Entry> {
        let key = JournalKey::of(b"a secret of thirty-two bytes or more");
        let (mut tip, mut stamp, mut entries) = (Tip::default(), Stamp::default(), Vec::new());
        for number in 0..length {
            stamp = Stamp::next(Time(1_700_000_000_000_000), stamp);
            let body = Body {
                author: "anna".into(),
                kind: "note/1".into(),
                marking: Marking::of(Tlp::Amber),
                content: json!({ "text": format!("note {number}") }),
                salt: hex(&[u8::try_from(number).unwrap(); 16]),
            };
            let entry = key.sign(INCIDENT, tip, stamp, body).unwrap();
            tip = Tip { sequence: entry.header.sequence, hash: entry.header.hash().unwrap() };
            entries.push(entry);
        }
        entries
    }

    #[test]
    fn a_chain_verifies_also_without_its_bodies() {
        let mut entries = chain(5);
        let tip = verify(INCIDENT, &entries).unwrap();
        assert_eq!(tip.sequence, 5);
        entries[2].body = None;
        assert_eq!(verify(INCIDENT, &entries), Ok(tip));
        let text = entries[1].header.text().unwrap();
        assert_eq!(Header::read(&text).as_ref(), Ok(&entries[1].header));
        let body = entries[1].body.clone().unwrap();
        assert_eq!(Body::read(&body.text().unwrap()), Ok(body));
    }

    /// INVARIANT: a header is written as any canonical value of its members is.
    #[test]
    fn a_header_is_written_as_its_value_would_be() {
        let byte = |at: usize| u8::try_from(at * 37 % 256).unwrap();
        let header = |incident: &str, sequence: u64, time: i64| Header {
            incident: incident.into(),
            site: SiteId(std::array::from_fn(byte)),
            sequence,
            previous: Hash(std::array::from_fn(|at| byte(at + 7))),
            stamp: Stamp { time: Time(time), tick: u32::MAX },
            body: Hash(std::array::from_fn(|at| byte(at + 90))),
            signature: std::array::from_fn(|at| byte(at + 150)),
        };
        let value = |header: &Header| {
            let lower = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
            json!({
                "version": VERSION, "incident": header.incident, "site": lower(&header.site.0),
                "sequence": header.sequence, "previous": lower(&header.previous.0), "time": header.stamp.time.0,
                "tick": header.stamp.tick, "body": lower(&header.body.0),
            })
        };
        let largest = (1 << 53) - 1;
        for (incident, sequence, time) in
            [(INCIDENT, 1, 1_700_000_000_000_000), ("\"\\\n\u{1}\u{fb33}", largest, -1), ("", 0, 0)]
        {
            let header = header(incident, sequence, time);
            let mut value = value(&header);
            assert_eq!(header.signed_bytes(), canonical(&value));
            value["signature"] = json!(hex(&header.signature));
            let text = header.text().unwrap();
            assert_eq!(Ok(&text), canonical(&value).as_ref());
            assert_eq!(Header::read(&text), Ok(header));
        }
        for (sequence, time) in [(largest + 1, 0), (0, -(1 << 53))] {
            assert_eq!(header(INCIDENT, sequence, time).text(), Err(NotCanonical::Number));
        }
        assert_eq!((from_hex::<1>("fF"), from_hex::<1>("f"), from_hex::<1>("a9")), (None, None, Some([0xa9])));
    }

    /// INVARIANT: what the manual shows is what is written, byte for byte.
    #[test]
    fn the_example_of_the_manual_is_true() {
        let manual = include_str!("../../../../docs/journal.md");
        let texts: Vec<&str> = manual.lines().filter(|line| line.starts_with('{')).collect();
        let entries = chain(2);
        let mut want = Vec::new();
        for entry in &entries {
            want.push(entry.body.as_ref().unwrap().text().unwrap());
            want.push(entry.header.text().unwrap());
        }
        assert_eq!(texts, want);
        let read =
            |header, body| Entry { header: Header::read(header).unwrap(), body: Some(Body::read(body).unwrap()) };
        let read = [read(texts[1], texts[0]), read(texts[3], texts[2])];
        assert_eq!(verify(INCIDENT, &read).unwrap().sequence, 2);
    }

    #[test]
    fn whatever_is_changed_is_named() {
        let check = |change: &dyn Fn(&mut Vec<Entry>), want: (u64, &str)| {
            let mut entries = chain(4);
            change(&mut entries);
            assert_eq!(verify(INCIDENT, &entries), Err((want.0, want.1.to_owned())));
        };
        check(&|entries| drop(entries.remove(1)), (3, "entry 2 is missing"));
        check(&|entries| entries.swap(1, 2), (3, "entry 2 is missing"));
        check(&|entries| entries[1].header.stamp.tick += 1, (2, "its signature is wrong"));
        check(&|entries| entries[2].header.incident = "other".into(), (3, "it is of another incident"));
        let body = |entries: &mut Vec<Entry>| entries[3].body.as_mut().unwrap().author = "eve".into();
        check(&body, (4, "its body is not the one that was signed"));
        let marking = |entries: &mut Vec<Entry>| entries[0].body.as_mut().unwrap().marking.tlp = Tlp::Clear;
        check(&marking, (1, "its body is not the one that was signed"));
        check(&|entries| entries[1].header.previous = Hash([7; 32]), (2, "it does not follow the entry before it"));
    }

    #[test]
    fn every_changed_byte_of_a_kept_header_is_found() {
        let text = chain(1)[0].header.text().unwrap();
        for at in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= 1;
            let Ok(changed) = String::from_utf8(bytes) else { continue };
            assert!(Header::read(&changed).map_or(true, |header| !header.is_signed()), "changed at {at}: {changed}");
        }
        assert!(Header::read(&text.replace("{\"body\"", "{ \"body\"")).is_err());
    }

    #[test]
    fn stamps_grow_however_wrong_the_clock_is() {
        let mut seen = Stamp { time: Time(86_400_000_000), tick: 3 };
        for now in [0, 86_400_000_000, 5, 86_400_000_001, 7] {
            let next = Stamp::next(Time(now), seen);
            assert!(next > seen, "{now}");
            seen = next;
        }
    }
}
