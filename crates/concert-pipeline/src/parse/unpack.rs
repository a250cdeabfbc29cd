//! Opens what a report is wrapped in: gzip, bzip2, zip and mail, one inside the other.
//!
//! What is read is what the bytes say, not what the name says. Plain reports and single compressed
//! files stream through; only mails and archives inside archives are held in memory. Everything is
//! capped: bytes unpacked, how much larger they may be than what was sent, members, depth. What is
//! beyond a cap, encrypted or damaged becomes one reject with its place, and what came before it stays.
//! Names of members are only names: nothing is ever written under them.

mod mail;
mod meter;
mod sniff;
mod wide;

use std::io::{BufRead, BufReader, Cursor, Read, Seek};

use concert_model::problem::counted;
use concert_model::{Keys, Receipt, Reject};
use encoding_rs::{Encoding, REPLACEMENT};

use self::meter::{Counted, Meter, Metered};
use self::sniff::{HEAD_BYTES, Wrapping};
use super::carried::Carried;
use super::input::{LINE_BYTES_MAX, beginning, guess};
use super::{About, Fault, Input, Parser, Sink};

/// Most bytes of a mail or of an archive inside an archive.
const HELD_BYTES_MAX: u64 = 256 << 20;
/// Bytes read at a time.
const BUFFER_BYTES: usize = 256 << 10;
/// Endings that say how a file is packed, not what it is.
const ENDINGS: &[&str] = &[".gz", ".bz2", ".zip"];

/// Which parts of a mail are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parts {
    /// Attachments; the text where there are none.
    Attachments,
    /// The text.
    Bodies,
    /// The text and logs that are attached, but all as it came where it carries a report for machines (ARF, XARF).
    Letters,
    /// Attachments and text.
    All,
    /// The mail itself, as it came.
    Whole,
}

/// What is taken from a report, and how much of it.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Most bytes of one report after unpacking.
    pub bytes: u64,
    /// How many times larger than its packed form a part may be, once it is larger than 16 MiB.
    pub ratio: u64,
    /// Most members of all archives and parts of all mails of a report.
    pub members: usize,
    /// How deep archives are opened inside archives.
    pub depth: usize,
    /// Most bytes of a line or record of text.
    pub line: usize,
    /// Which parts of a mail are read; where nothing is said, those the parser asks for.
    pub parts: Option<Parts>,
    /// The encoding of all text, whatever is stated.
    pub encoding: Option<&'static Encoding>,
    /// Names of the members and attachments that are read, with `*` for any text; all where empty.
    pub names: Vec<String>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes: 4 << 30,
            ratio: 200,
            members: 1000,
            depth: 2,
            line: LINE_BYTES_MAX,
            parts: None,
            encoding: None,
            names: Vec::new(),
        }
    }
}

impl Limits {
    /// Reads `parts`, `part_names` and `encoding` of a feed's table. Caps are set by the caller.
    pub fn read(keys: &mut Keys<'_>) -> Self {
        let words = [
            ("attachments", Parts::Attachments),
            ("bodies", Parts::Bodies),
            ("all", Parts::All),
            ("whole", Parts::Whole),
        ];
        let about = "which parts of a mail are read: attachments (its text where it has none), bodies (its text), \
                     all, or whole; without it what the parser is for";
        let parts = keys.choice_or("parts", &words, "", about);
        let names = keys.texts("part_names", "names of the attachments and archive members that are read, like *.csv");
        for (_, at) in names.iter().zip(0..).filter(|(name, _)| name.trim().is_empty()) {
            keys.problem_item("part_names", at, "an empty name is that of no part", "part_names = [\"*.csv\"]");
        }
        Self { parts, names, encoding: encoding(keys), ..Self::default() }
    }
}

/// The encoding of bytes that are not UTF-8, where a feed's table says one.
fn encoding(keys: &mut Keys<'_>) -> Option<&'static Encoding> {
    let about = "encoding of text that is not UTF-8, such as windows-1252, whatever the report says; \
                 without it as the report says, else guessed";
    let label = keys.text("encoding", about)?;
    // Labels that stand for encodings nobody should read lead to one that gives no text.
    let found = Encoding::for_label(label.as_bytes()).filter(|found| *found != REPLACEMENT);
    if found.is_none() {
        let hint = "such as windows-1252, iso-8859-2, koi8-r, shift_jis, gbk, utf-16le";
        keys.problem("encoding", format!("there is no encoding `{label}`"), hint);
    }
    found
}

/// The name of the part that is the subject of a letter, which comes behind its text.
pub(super) const SUBJECT: &str = "(subject)";

/// A part of a report that is about to be read.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    /// Its file name, without folders and endings such as `.gz`.
    pub name: &'a str,
    /// Where it stands in the report, `mail.zip/scan.csv`; empty for the report itself.
    pub place: &'a str,
    /// Whether it is a mail as it came, because it carries a report for machines or mails that are complained of.
    pub carries: bool,
    /// Whether no other part of the same letter comes behind it.
    pub is_last: bool,
    /// How many letters it is in that are attached to the one before.
    pub forwarded: usize,
    /// Who wrote the letter, where that is attached to another.
    pub writer: &'a str,
}

fn is_said_to_be_mail(media_type: &str) -> bool {
    media_type.to_ascii_lowercase().starts_with("message/rfc822")
}

/// Whether the bytes of a report are a mail, by what was said of them or by how they begin.
pub fn is_mail(bytes: &[u8], media_type: &str) -> bool {
    is_said_to_be_mail(media_type) || sniff::looks_like_mail(bytes)
}

/// The kind of UTF-16 that the bytes of a file are in, by their mark or by their zeros.
pub(crate) fn utf_16(bytes: &[u8]) -> Option<&'static Encoding> {
    match sniff::wrapping(bytes.get(..HEAD_BYTES).unwrap_or(bytes)) {
        Wrapping::Wide(encoding) => Some(encoding),
        _ => None,
    }
}

/// Reads a whole report: unpacks it, parses each part, and rejects what cannot be read.
pub fn read<R: Read + Seek>(reader: R, receipt: &Receipt, limits: &Limits, parser: &dyn Parser, sink: &mut Sink<'_>) {
    let wished = Limits { parts: limits.parts.or(Some(parser.parts())), ..limits.clone() };
    // How deep the letter was forwarded that names something: those inside it are its evidence.
    let mut named = None;
    let rejects = parts(reader, receipt, &wished, &mut |part, input| {
        if named.is_some_and(|named| named < part.forwarded) {
            return;
        }
        if !part.place.is_empty() {
            sink.begin_part(part.place);
        }
        sink.declare(input.encoding());
        let parser = if part.carries { &Carried } else { parser };
        let forwarded = (part.forwarded > 0).then(|| Receipt { sender: part.writer.to_owned(), ..receipt.clone() });
        let receipt = forwarded.as_ref().unwrap_or(receipt);
        parser.parse(input, &About { receipt, name: part.name, is_last: part.is_last }, sink);
        if sink.has_events() {
            named.get_or_insert(part.forwarded);
        }
    });
    for reject in rejects {
        sink.begin_part(&reject.part);
        sink.reject(reject.line, Fault::new(reject.field, reject.reason), reject.text.as_bytes());
    }
}

/// Calls `each` with every part of a report, in order. Answers what could not be read, failures of
/// [`Input`] included.
pub fn parts<R: Read + Seek>(
    reader: R,
    receipt: &Receipt,
    limits: &Limits,
    each: &mut dyn FnMut(Part<'_>, &mut Input<'_>),
) -> Vec<Reject> {
    let meter = Meter::new(limits.bytes, limits.ratio);
    let mut unpacking =
        Unpacking { limits, meter: &meter, receipt, each, rejects: Vec::new(), members: 0, read: 0, stopped: false };
    let charset = sniff::charset(&receipt.media_type);
    let top = Place {
        name: file_name(receipt),
        path: String::new(),
        depth: 0,
        mails: 0,
        text: false,
        carries: false,
        is_last: true,
        forwarded: 0,
        writer: String::new(),
        charset,
    };
    unpacking.seekable(BufReader::with_capacity(BUFFER_BYTES, reader), &top);
    if unpacking.read == 0 && unpacking.rejects.is_empty() {
        unpacking.reject(&top, "nothing in it to read");
    }
    unpacking.rejects
}

/// The name the report came under: a file's, else the last piece of the address.
fn file_name(receipt: &Receipt) -> String {
    let name = if receipt.file_name.is_empty() { &receipt.url } else { &receipt.file_name };
    let name = name.split(['?', '#']).next().unwrap_or_default();
    name.rsplit(['/', '\\']).next().unwrap_or_default().to_owned()
}

/// Where a piece stands.
#[derive(Clone, Debug)]
struct Place {
    name: String,
    path: String,
    depth: usize,
    mails: usize,
    /// It is said to be text, so that lines like headers in it make no mail of it.
    text: bool,
    /// It is a mail that is read whole.
    carries: bool,
    /// No part of the same letter comes behind it.
    is_last: bool,
    /// How many letters it is in that are attached to the one before.
    forwarded: usize,
    /// Who wrote the innermost of these.
    writer: String,
    charset: Option<&'static Encoding>,
}

impl Place {
    /// A member of this archive or mail. Control characters of its name are made visible.
    fn member(&self, name: &str) -> Self {
        let clean: String = name.chars().take(300).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
        let path = match (self.path.is_empty(), self.name.is_empty()) {
            (true, true) => clean.clone(),
            (true, false) => format!("{}/{clean}", self.name),
            (false, _) => format!("{}/{clean}", self.path),
        };
        let name = clean.rsplit(['/', '\\']).next().unwrap_or_default().to_owned();
        Self {
            name,
            path,
            depth: self.depth,
            mails: self.mails,
            text: false,
            carries: false,
            is_last: true,
            forwarded: self.forwarded,
            writer: self.writer.clone(),
            charset: None,
        }
    }

    /// The same piece with one wrapping taken off.
    fn inside(&self) -> Self {
        let stem = strip_ending(&self.name).to_owned();
        Self { name: stem, depth: self.depth + 1, charset: None, ..self.clone() }
    }
}

fn strip_ending(name: &str) -> &str {
    for ending in ENDINGS {
        let Some(at) = name.len().checked_sub(ending.len()) else { continue };
        if let Some((stem, tail)) = name.split_at_checked(at)
            && tail.eq_ignore_ascii_case(ending)
        {
            return stem;
        }
    }
    name
}

struct Unpacking<'a> {
    limits: &'a Limits,
    meter: &'a Meter,
    receipt: &'a Receipt,
    each: &'a mut dyn FnMut(Part<'_>, &mut Input<'_>),
    rejects: Vec<Reject>,
    members: usize,
    read: usize,
    /// A cap of the whole report was reached.
    stopped: bool,
}

impl Unpacking<'_> {
    fn reject(&mut self, place: &Place, reason: impl Into<String>) {
        let mut reject = Reject::new(1, "", reason, b"");
        reject.part.clone_from(&place.path);
        self.rejects.push(reject);
    }

    /// A file or a piece in memory, which an archive can be opened in.
    fn seekable<R: BufRead + Seek>(&mut self, mut reader: R, place: &Place) {
        let head = match sniff::head(&mut reader).and_then(|head| reader.rewind().map(|()| head)) {
            Ok(head) => head,
            Err(why) => return self.reject(place, format!("cannot be read: {why}")),
        };
        if sniff::wrapping(&head) == Wrapping::Zip {
            return self.zip(reader, place);
        }
        self.unwrap(&head, &mut reader, place);
    }

    /// A piece that can only be read once.
    fn stream(&mut self, reader: &mut dyn Read, place: &Place) {
        let mut head = Vec::with_capacity(HEAD_BYTES);
        // What comes before the damage is read all the same.
        let failed = reader.take(HEAD_BYTES as u64).read_to_end(&mut head).err();
        let copy = head.clone();
        let rest = BufReader::with_capacity(BUFFER_BYTES, meter::Rest { reader, failed });
        let mut whole = Cursor::new(head).chain(rest);
        if sniff::wrapping(&copy) == Wrapping::Zip {
            if let Some(bytes) = self.hold(&mut whole, place) {
                self.zip(Cursor::new(bytes), place);
            }
            return;
        }
        self.unwrap(&copy, &mut whole, place);
    }

    fn unwrap(&mut self, head: &[u8], reader: &mut dyn BufRead, place: &Place) {
        if !place.text && sniff::ends_in_headers(head) {
            let (mut longer, mut reader) = (Vec::new(), reader);
            let failed = Read::take(&mut reader, sniff::HEADERS_BYTES).read_to_end(&mut longer).err();
            let copy = if sniff::looks_like_mail(&longer) { longer.clone() } else { head.to_vec() };
            let rest = BufReader::with_capacity(BUFFER_BYTES, meter::Rest { reader: &mut reader, failed });
            return self.open(&copy, &mut Cursor::new(longer).chain(rest), place);
        }
        self.open(head, reader, place);
    }

    /// Opens a piece whose first bytes say what it is.
    fn open(&mut self, head: &[u8], reader: &mut dyn BufRead, place: &Place) {
        let wrapping = sniff::wrapping(head);
        match wrapping {
            Wrapping::Gzip | Wrapping::Bzip2 => {
                if place.depth >= self.limits.depth {
                    return self.too_deep(place);
                }
                let packed = Counted::new(reader);
                let count = packed.count();
                let inner = place.inside();
                if wrapping == Wrapping::Gzip {
                    let decoder = flate2::bufread::MultiGzDecoder::new(packed);
                    self.stream(&mut Metered::new(decoder, self.meter, &count), &inner);
                } else {
                    let decoder = bzip2::bufread::MultiBzDecoder::new(packed);
                    self.stream(&mut Metered::new(decoder, self.meter, &count), &inner);
                }
            }
            _ if self.is_mail(head, place) => {
                if let Some(bytes) = self.hold(reader, place) {
                    self.mail(&bytes, place);
                }
            }
            Wrapping::Wide(encoding) => {
                let mut text = BufReader::with_capacity(BUFFER_BYTES, wide::Narrow::new(reader, encoding));
                self.give(&mut text, place, None);
            }
            Wrapping::None | Wrapping::Zip => match self.limits.encoding.or(place.charset) {
                // Not one byte for one ASCII character, so lines cannot be found in it.
                Some(charset) if !charset.is_ascii_compatible() => {
                    let mut text = BufReader::with_capacity(BUFFER_BYTES, wide::Narrow::new(reader, charset));
                    self.give(&mut text, place, None);
                }
                charset => self.give(reader, place, charset),
            },
        }
    }

    fn give(&mut self, reader: &mut dyn BufRead, place: &Place, charset: Option<&'static Encoding>) {
        self.read += 1;
        let mut input = Input::new(reader, charset).with_line_max(self.limits.line);
        let Place { name, path, carries, is_last, forwarded, writer, .. } = place;
        let (carries, is_last, forwarded) = (*carries, *is_last, *forwarded);
        (self.each)(Part { name, place: path, carries, is_last, forwarded, writer }, &mut input);
        if let Some(why) = input.failure() {
            let why = format!("reading stopped: {why}");
            let (line, bytes) = input.cut().map_or((1, &[][..]), |cut| (cut.number, &cut.bytes[..]));
            let shown = beginning(bytes, || input.encoding().unwrap_or_else(|| guess(bytes)));
            let mut reject = Reject::new(line, "", why, shown.as_bytes());
            reject.part.clone_from(&place.path);
            self.rejects.push(reject);
        }
        self.stopped |= self.meter.is_spent();
    }

    fn is_mail(&self, head: &[u8], place: &Place) -> bool {
        if self.limits.parts == Some(Parts::Whole) {
            return false;
        }
        let top = place.path.is_empty();
        top && is_said_to_be_mail(&self.receipt.media_type) || !place.text && sniff::looks_like_mail(head)
    }

    /// All bytes of a piece that cannot be streamed.
    fn hold(&mut self, reader: &mut dyn Read, place: &Place) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        if let Err(why) = reader.take(HELD_BYTES_MAX + 1).read_to_end(&mut bytes) {
            self.reject(place, why.to_string());
            return None;
        }
        if bytes.len() as u64 > HELD_BYTES_MAX {
            self.reject(place, format!("larger than {} MiB, the most that is opened here", HELD_BYTES_MAX >> 20));
            return None;
        }
        Some(bytes)
    }

    fn zip<R: BufRead + Seek>(&mut self, mut reader: R, place: &Place) {
        if place.depth >= self.limits.depth {
            return self.too_deep(place);
        }
        match sniff::zip_members(&mut reader) {
            Ok(Some(_)) => {}
            Ok(None) => {
                return self.reject(place, "a zip archive without an end, or with more members than can be opened");
            }
            Err(why) => return self.reject(place, format!("cannot be read: {why}")),
        }
        let mut archive = match zip::ZipArchive::new(reader) {
            Ok(archive) => archive,
            Err(why) => return self.reject(place, format!("a zip archive that cannot be opened: {why}")),
        };
        let archive_place = Place { depth: place.depth + 1, ..place.clone() };
        let members = archive.len();
        for index in 0..members {
            let (name, encrypted) = match archive.by_index_raw(index) {
                Ok(member) if member.is_dir() => continue,
                Ok(member) => (String::from_utf8_lossy(member.name_raw()).into_owned(), member.encrypted()),
                Err(why) => {
                    self.reject(&archive_place, format!("member {} cannot be opened: {why}", index + 1));
                    continue;
                }
            };
            if !self.wanted(&name) {
                continue;
            }
            let member_place = archive_place.member(&name);
            if !self.one_more(place) {
                return;
            }
            if encrypted {
                self.reject(&member_place, "encrypted, and there is no way to give a password");
                continue;
            }
            match archive.by_index(index) {
                Ok(member) => {
                    let packed = std::rc::Rc::new(std::cell::Cell::new(member.compressed_size()));
                    let mut member = Metered::new(member, self.meter, &packed);
                    self.stream(&mut member, &member_place);
                    if member.exceeded() {
                        // The other members of a bomb are bombs.
                        let others = members - index - 1;
                        if others > 0 {
                            let (count, are) = (counted(others, "member"), if others == 1 { "is" } else { "are" });
                            self.reject(&member_place, format!("{count} behind this one {are} not read"));
                        }
                        return;
                    }
                }
                Err(why) => self.reject(&member_place, format!("cannot be opened: {why}")),
            }
        }
    }

    /// Names an archive that is not looked into, where it is encrypted: whoever sent it believes that it was read.
    fn locked(&mut self, bytes: &[u8], place: &Place) {
        if sniff::wrapping(bytes) != Wrapping::Zip
            || !matches!(sniff::zip_members(&mut Cursor::new(bytes)), Ok(Some(_)))
        {
            return;
        }
        let Ok(mut archive) = zip::ZipArchive::new(Cursor::new(bytes)) else { return };
        let members = archive.len().min(self.limits.members);
        if (0..members).any(|index| archive.by_index_raw(index).is_ok_and(|member| member.encrypted())) {
            self.reject(place, "an encrypted archive, and there is no way to give a password");
        }
    }

    /// Counts a member; `false` when there are too many, which is said once.
    fn one_more(&mut self, place: &Place) -> bool {
        if self.stopped {
            return false;
        }
        self.members += 1;
        if self.members <= self.limits.members {
            return true;
        }
        self.stopped = true;
        self.reject(place, format!("more than {} members; the others are not read", self.limits.members));
        false
    }

    fn too_deep(&mut self, place: &Place) {
        self.reject(place, format!("an archive more than {} deep, which is not opened", self.limits.depth));
    }

    /// Whether a member of this name is read.
    fn wanted(&self, name: &str) -> bool {
        let base = name.rsplit(['/', '\\']).next().unwrap_or_default().to_lowercase();
        if self.limits.names.is_empty() {
            // What people and programs put beside the data.
            let beside = ["readme", "license", "licence", ".ds_store", "thumbs.db"];
            return !name.starts_with("__MACOSX/") && !beside.iter().any(|start| base.starts_with(start));
        }
        // A wrapping is opened for what is in it, unless patterns speak of it.
        self.limits.names.iter().any(|pattern| matches(&pattern.to_lowercase(), &base))
            || ENDINGS.iter().any(|ending| base.ends_with(ending))
    }
}

/// Whether a name fits a pattern, in which `*` stands for any text.
fn matches(pattern: &str, name: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut name) = name.strip_prefix(start) else { return false };
    let mut pieces: Vec<&str> = rest.split('*').collect();
    let Some(end) = pieces.pop() else { return true };
    for piece in pieces {
        let Some((_, after)) = name.split_once(piece) else { return false };
        name = after;
    }
    name.ends_with(end)
}

#[cfg(test)]
mod tests;
