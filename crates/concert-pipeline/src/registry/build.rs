//! From the objects of all files to answers: references are followed once, when everything is read.

mod answers;
mod finish;
mod left_out;

use std::collections::BTreeMap;
use std::hash::BuildHasher;
use std::io::{self, BufRead};
use std::net::IpAddr;

use concert_model::{Kind, Net, Problem, Value};
use hashbrown::{DefaultHashBuilder, HashMap, HashTable};

use super::object::{self, Found, Object};
use super::reserved::reserved_between;
use super::route::Routes;
use super::text::{is_elsewhere, mailbox, tidy, unusable};

pub(super) use finish::push;
use left_out::{left_out, teams};

/// Pieces that could not be used and are told one by one; all are counted.
const ASIDE_TOLD_MAX: usize = 100_000;
/// Most networks and routes of all files together; the whole world has some twelve million.
const RANGES_MAX: usize = 40_000_000;
/// Response teams of one object; real ones have two at most.
const IRTS_MAX: usize = 4;
/// Mail addresses of one role or team.
const MAILS_MAX: usize = 8;
/// Languages of one object.
const LANGUAGES_MAX: usize = 5;
/// Longest text that is kept of what stands where a mail address should.
const MAIL_BYTES_MAX: usize = 100;
/// Longest handle of an object (RFC 2622, section 2).
const HANDLE_BYTES_MAX: usize = 80;
/// Longest name of a network that is kept.
const NAME_BYTES_MAX: usize = 60;
/// No reference.
const NOBODY: u32 = 0;

/// The registry whose networks name teams before roles.
const TEAMS_FIRST: &str = "APNIC";

/// Classes that say something about contacts. Persons seldom do.
const USED: [&str; 8] = ["inetnum", "inet6num", "aut-num", "organisation", "role", "irt", "route", "route6"];

/// What reading the files gave.
#[derive(Debug, Default)]
pub struct Summary {
    /// Objects of each class.
    pub objects: BTreeMap<String, u64>,
    /// The same for each registry, of the classes that say something about contacts.
    pub by_registry: BTreeMap<String, BTreeMap<String, u64>>,
    /// Pieces that were set aside: all, and the first ones with place and reason.
    pub aside: u64,
    /// The first of them.
    pub problems: Vec<Problem>,
    /// Objects of each class in space that nobody can own. They were set aside too.
    pub reserved: BTreeMap<String, u64>,
    /// Mailboxes that networks and AS numbers lead to and nothing can be sent to, each once.
    pub unusable: u64,
    /// Networks and AS numbers with a contact of their own, and without.
    pub answered: u64,
    /// Those without.
    pub silent: u64,
}

impl Summary {
    /// Counts an object; there are millions of few kinds.
    fn count(&mut self, registry: &str, class: &str) {
        if let Some(count) = self.by_registry.get_mut(registry).and_then(|classes| classes.get_mut(class)) {
            *count += 1;
        } else {
            self.by_registry.entry(registry.to_owned()).or_default().insert(class.to_owned(), 1);
        }
    }

    fn set_aside(&mut self, problem: impl FnOnce() -> Problem) {
        self.aside += 1;
        if self.problems.len() < ASIDE_TOLD_MAX {
            self.problems.push(problem());
        }
    }
}

/// What an object refers to, as numbers of handles.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
struct Refs {
    /// The registry with the languages of the object, `RIPE/DE,FR`: few are different, and so it costs no memory.
    registry: u32,
    org: u32,
    abuse: u32,
    irts: [u32; IRTS_MAX],
    /// Mailboxes that stand in the object itself.
    own: u32,
}

struct Range<A> {
    first: A,
    last: A,
    refs: Refs,
    name: u32,
    /// The line it begins at, counted through all files.
    line: u32,
}

#[derive(Default)]
struct Mailboxes {
    mails: Vec<String>,
    invalid: Vec<String>,
    /// What stands where an address should, and why it is none.
    unusable: Vec<(String, &'static str)>,
    /// The first object in which that stands, where it is no role or team.
    place: String,
}

struct Org {
    name: String,
    abuse: u32,
    /// `/DE,FR`.
    languages: u32,
}

/// Gathers objects of any number of files, which may refer to each other.
#[derive(Default)]
pub struct Builder {
    handles: Handles,
    v4: Vec<Range<u32>>,
    v6: Vec<Range<u128>>,
    asns: BTreeMap<u32, (Refs, u32)>,
    routes: Routes,
    orgs: HashMap<u32, Org>,
    roles: HashMap<u32, Mailboxes>,
    irts: HashMap<u32, Mailboxes>,
    names: Vec<u8>,
    /// Files, each with the lines of those before it.
    files: Vec<(u64, String)>,
    lines: u64,
    summary: Summary,
}

/// Handles of all registries, each once. A handle is known in any letter case.
#[derive(Default)]
struct Handles {
    texts: Vec<Box<str>>,
    known: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl Handles {
    /// The number of a handle of a registry, from 1; 0 for none.
    fn number(&mut self, registry: &str, handle: &str) -> u32 {
        let handle = handle.split_ascii_whitespace().next().unwrap_or_default();
        if handle.is_empty() || handle.len() > HANDLE_BYTES_MAX {
            return NOBODY;
        }
        let text = format!("{registry} {}", handle.to_ascii_uppercase());
        let hash = self.hasher.hash_one(text.as_str());
        let Self { texts, known, hasher } = self;
        let at = |number: u32| texts.get(number as usize - 1).map_or("", |text| text);
        if let Some(number) = known.find(hash, |number| at(*number) == text) {
            return *number;
        }
        let Ok(number) = u32::try_from(texts.len() + 1) else { return NOBODY };
        known.insert_unique(hash, number, |number| hasher.hash_one(at(*number)));
        texts.push(text.into());
        number
    }

    /// Registry and handle, `RIPE ORG-EX1-RIPE`.
    fn text(&self, number: u32) -> &str {
        (number as usize).checked_sub(1).and_then(|at| self.texts.get(at)).map_or("", |text| text)
    }
}

impl Builder {
    /// Nothing read yet.
    pub fn new() -> Self {
        Self { names: vec![0], ..Self::default() }
    }

    /// Reads the objects of a file, which is not compressed any more.
    pub fn read(&mut self, file: &str, input: impl BufRead) -> io::Result<()> {
        self.files.push((self.lines, file.to_owned()));
        let lines = object::read(input, &mut |found| {
            let (line, told) = match found {
                Found::Object(object) => {
                    let count = self.summary.objects.entry(object.class.clone());
                    *count.or_default() += 1;
                    (object.line, self.add(object).map_or_else(|why| vec![why], |()| left_out(object)))
                }
                Found::Bad(line, why) => (line, vec![why]),
            };
            for why in told {
                self.summary.set_aside(|| Problem::new(why).at(format!("{file}:{line}")));
            }
        })?;
        self.lines += lines;
        Ok(())
    }

    /// The file and line of a line that is counted through all files.
    fn place(&self, line: u32) -> String {
        let after = self.files.partition_point(|(before, _)| *before < u64::from(line));
        let file = after.checked_sub(1).and_then(|at| self.files.get(at));
        match file {
            // Nobody has so many lines that their number does not fit.
            Some((before, file)) if line != u32::MAX => format!("{file}:{}", u64::from(line) - before),
            _ => String::new(),
        }
    }

    fn add(&mut self, object: &Object) -> Result<(), String> {
        let registry = registry(object);
        if USED.contains(&object.class.as_str()) {
            self.summary.count(&registry, &object.class);
        }
        match object.class.as_str() {
            "inetnum" | "inet6num" => self.add_range(object, &registry),
            "aut-num" => {
                let asn = asn(object.first("aut-num"))?;
                let (refs, name) =
                    (self.refs(object, &registry), self.name(&tidy(object.first("as-name"), NAME_BYTES_MAX)));
                match self.asns.entry(asn) {
                    std::collections::btree_map::Entry::Occupied(_) => Err(format!("AS{asn} is there already")),
                    std::collections::btree_map::Entry::Vacant(place) => {
                        place.insert((refs, name));
                        Ok(())
                    }
                }
            }
            "organisation" => {
                let number = self.handles.number(&registry, object.first("organisation"));
                let abuse = self.handles.number(&registry, object.first("abuse-c"));
                let languages = languages(object, "");
                let languages = self.handles.number("", &languages.unwrap_or_default());
                let name = || tidy(object.first("org-name"), NAME_BYTES_MAX);
                self.orgs.entry(number).or_insert_with(|| Org { name: name(), abuse, languages });
                // AFRINIC has mailboxes of organisations themselves.
                self.add_mailboxes(number, mailboxes(object, false));
                Ok(())
            }
            "role" | "person" => {
                let number = self.handles.number(&registry, object.first("nic-hdl"));
                self.add_mailboxes(number, mailboxes(object, false));
                Ok(())
            }
            "irt" => {
                let number = self.handles.number(&registry, object.first("irt"));
                let boxes = mailboxes(object, true);
                self.irts.entry(number).or_insert(boxes);
                Ok(())
            }
            "route" | "route6" => {
                self.has_room()?;
                self.routes.add(object)?.map_or(Ok(()), |what| self.reserved(object, what))
            }
            // Domains, maintainers and many more say nothing about contacts.
            _ => Ok(()),
        }
    }

    fn add_mailboxes(&mut self, handle: u32, boxes: Mailboxes) {
        if handle != NOBODY && !(boxes.mails.is_empty() && boxes.unusable.is_empty()) {
            self.roles.entry(handle).or_insert(boxes);
        }
    }

    fn has_room(&self) -> Result<(), String> {
        let count = self.v4.len() + self.v6.len() + self.routes.len();
        if count < RANGES_MAX { Ok(()) } else { Err("more networks and routes than can be kept".into()) }
    }

    fn add_range(&mut self, object: &Object, registry: &str) -> Result<(), String> {
        self.has_room()?;
        let text = object.first(if object.class == "inetnum" { "inetnum" } else { "inet6num" });
        let (first, last) = range(text).map_err(|why| format!("`{}`: {why}", shown(text)))?;
        let name = object.first("netname");
        if is_elsewhere(name) {
            return Ok(());
        }
        if let Some(what) = nobodys(first, last) {
            return self.reserved(object, what);
        }
        let (mut refs, named) = (self.refs(object, registry), tidy(name, NAME_BYTES_MAX));
        if let Some(languages) = languages(object, registry) {
            refs.registry = self.handles.number("", &languages);
        }
        let line = u32::try_from(self.lines + object.line).unwrap_or(u32::MAX);
        match (first, last) {
            (IpAddr::V4(a), IpAddr::V4(b)) if a <= b => {
                let name = self.name(&named);
                self.v4.push(Range { first: a.to_bits(), last: b.to_bits(), refs, name, line });
                Ok(())
            }
            (IpAddr::V6(a), IpAddr::V6(b)) if a <= b => {
                let name = self.name(&named);
                self.v6.push(Range { first: a.to_bits(), last: b.to_bits(), refs, name, line });
                Ok(())
            }
            (IpAddr::V4(_), IpAddr::V4(_)) | (IpAddr::V6(_), IpAddr::V6(_)) => {
                Err(format!("`{}`: the last address is before the first", shown(text)))
            }
            _ => Err(format!("`{}`: the two addresses are of different families", shown(text))),
        }
    }

    /// Counts an object in space that nobody can own, and says so.
    fn reserved(&mut self, object: &Object, what: &str) -> Result<(), String> {
        *self.summary.reserved.entry(object.class.clone()).or_default() += 1;
        Err(format!("`{}` is reserved: {what}", shown(object.first(&object.class))))
    }

    fn refs(&mut self, object: &Object, registry: &str) -> Refs {
        let mut refs = Refs {
            registry: self.handles.number("", registry),
            org: self.handles.number(registry, object.first("org")),
            abuse: self.handles.number(registry, object.first("abuse-c")),
            irts: [NOBODY; IRTS_MAX],
            own: self.own_mailboxes(object, registry),
        };
        for (place, handle) in refs.irts.iter_mut().zip(teams(object)) {
            *place = self.handles.number(registry, handle);
        }
        refs
    }

    /// The mailboxes that stand in a network or AS itself, as if a role named like them had them: objects with the same
    /// ones fall to one party.
    fn own_mailboxes(&mut self, object: &Object, registry: &str) -> u32 {
        let mut boxes = mailboxes(object, false);
        if !boxes.unusable.is_empty() {
            boxes.place = format!("{registry} {} {}", object.class, shown(object.first(&object.class)));
        }
        let all = if boxes.mails.is_empty() {
            boxes.unusable.iter().map(|(mail, _)| mail.replace(' ', "")).collect::<Vec<_>>().join(",")
        } else {
            boxes.mails.join(",")
        };
        // More than a handle may be long are named by the first.
        let number = match self.handles.number(registry, &all) {
            NOBODY => self.handles.number(registry, all.split(',').next().unwrap_or_default()),
            number => number,
        };
        self.add_mailboxes(number, boxes);
        number
    }

    /// Keeps a name; neighbours often have the same.
    fn name(&mut self, name: &str) -> u32 {
        let at = u32::try_from(self.names.len()).unwrap_or(0);
        self.names.push(u8::try_from(name.len()).unwrap_or(0));
        self.names.extend_from_slice(name.as_bytes());
        at
    }
}

/// The registry an object is from, in capitals: `RIPE`.
fn registry(object: &Object) -> String {
    let word = object.first("source").split_ascii_whitespace().next().unwrap_or("?");
    word.chars().filter(char::is_ascii_alphanumeric).take(16).collect::<String>().to_ascii_uppercase()
}

/// A registry with the languages of an object behind it, `RIPE/DE,FR`; nothing where it names none, as nearly all do. What
/// is no language is left out.
fn languages(object: &Object, registry: &str) -> Option<String> {
    let mut text = None;
    let languages = object.all("language").filter(|language| is_language(language));
    for (count, language) in languages.take(LANGUAGES_MAX).enumerate() {
        let text = text.get_or_insert_with(|| registry.to_owned());
        text.push(if count == 0 { '/' } else { ',' });
        text.push_str(language);
    }
    text
}

/// Whether a text is a language as registries write them: two letters.
fn is_language(text: &str) -> bool {
    text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_alphabetic())
}

/// Registry and languages of such a text.
fn languages_of(text: &str) -> (&str, &str) {
    text.trim().split_once('/').unwrap_or((text.trim(), ""))
}

/// Mailboxes of a role or team. A team without one for abuse is reached by its general address; roles
/// of dumps have made-up ones there.
fn mailboxes(object: &Object, or_general: bool) -> Mailboxes {
    let list = |name| -> Vec<String> {
        left_out::mailboxes(object, name).into_iter().take(MAILS_MAX).map(str::to_owned).collect()
    };
    let aside = |name| {
        let wrong =
            object.all(name).map(mailbox).filter_map(|mail| Some((tidy(mail, MAIL_BYTES_MAX), unusable(mail)?)));
        wrong.take(MAILS_MAX).collect::<Vec<_>>()
    };
    let (mut mails, mut unusable) = (list("abuse-mailbox"), aside("abuse-mailbox"));
    if mails.is_empty() && or_general {
        mails = list("e-mail");
        unusable.extend(aside("e-mail"));
    }
    // APNIC says of an address that did not answer: `abuse@example.net is invalid`.
    let invalid = object.all("remarks").filter_map(|remark| remark.strip_suffix(" is invalid"));
    let invalid = invalid.filter(|mail| mails.iter().any(|known| known.eq_ignore_ascii_case(mail)));
    Mailboxes { invalid: invalid.map(str::to_owned).collect(), mails, unusable, place: String::new() }
}

/// `AS64500`.
pub(super) fn asn(text: &str) -> Result<u32, String> {
    match Value::read(Kind::Asn, text, None) {
        Ok(Value::Int(asn)) => u32::try_from(asn).map_err(|_| "not an AS number".to_owned()),
        _ => Err(format!("`{}` is not an AS number", shown(text))),
    }
}

/// What a range is that belongs to nobody: all of it is reserved, or it is the whole address space, a placeholder.
fn nobodys(first: IpAddr, last: IpAddr) -> Option<&'static str> {
    let is_all = match (first, last) {
        (IpAddr::V4(first), IpAddr::V4(last)) => first.to_bits() == 0 && last.to_bits() == u32::MAX,
        (IpAddr::V6(first), IpAddr::V6(last)) => first.to_bits() == 0 && last.to_bits() == u128::MAX,
        _ => false,
    };
    if is_all { Some("every address there is") } else { reserved_between(first, last) }
}

/// `192.0.2.0 - 192.0.2.255`, or a prefix.
fn range(text: &str) -> Result<(IpAddr, IpAddr), &'static str> {
    match text.split_once('-') {
        Some((first, last)) => Ok((concert_model::value::ip(first.trim())?, concert_model::value::ip(last.trim())?)),
        None => text.parse::<Net>().map(|net| (net.first(), net.last())),
    }
}

/// Text of a file as a problem shows it.
pub(super) fn shown(text: &str) -> String {
    text.chars().take(60).collect::<String>().escape_default().to_string()
}
