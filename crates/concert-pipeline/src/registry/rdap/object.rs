//! One answer: what it is about, and the entities in it.
//!
//! Source: RFC 9083 sections 4.2 (links), 5.1 (entity), 5.3 (domain), 5.4 (network), 5.5 (AS number), 6
//! (errors); RFC 9537 section 4.2 (what is redacted); the extension `cidr0` of the registries of numbers.

use std::net::IpAddr;

use concert_model::{Net, host, value};
use serde_json::Value;

use super::super::text::{is_elsewhere, tidy};
use super::bootstrap::is_within;
use super::card::Card;
use super::{NAME_BYTES_MAX, Question, URL_BYTES_MAX};

/// Largest answer that is read. Those of large networks have some 50 kB.
pub const ANSWER_BYTES_MAX: u64 = 1 << 20;
/// Entities of one answer, those within others included.
const ENTITIES_MAX: usize = 200;
/// How deep entities may stand within entities. Registries have two levels, registrars three.
const DEPTH_MAX: usize = 4;
/// Links, remarks and redactions looked at in one place.
const MEMBERS_MAX: usize = 50;
/// Networks with shorter prefixes are blocks of registries and nobody's own. Of IPv4 they were given /8 and more.
const V4_BITS_MIN: u32 = 9;
const V6_BITS_MIN: u32 = 13;

/// What an answer is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Covers {
    /// From the first to the last address.
    Range(IpAddr, IpAddr),
    /// From the first to the last AS number.
    Asns(u32, u32),
    /// A domain.
    Domain(String),
    /// No resource: an entity by itself.
    #[default]
    Nothing,
}

/// An organisation, person or role in an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Entity {
    pub(super) handle: String,
    /// Lower case.
    pub(super) roles: Vec<String>,
    /// The entities it stands in, from the outermost: `registrant ORG-1`.
    pub(super) within: Vec<String>,
    /// The name of the one it stands in.
    pub(super) within_name: String,
    pub(super) card: Card,
    /// It has neither card nor entities of its own, and must be asked for.
    pub(super) is_bare: bool,
    /// Where it may be asked for.
    pub(super) link: Option<String>,
    /// Addresses that the registry says do not answer.
    pub(super) invalid: Vec<String>,
}

impl Entity {
    /// `abuse AR1-RIPE`.
    pub(super) fn label(&self, role: &str) -> String {
        format!("{role} {}", self.handle).trim_end().to_owned()
    }
}

/// An answer, read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Object {
    /// What it is about.
    pub covers: Covers,
    /// The key of the registry.
    pub handle: String,
    /// The name of the network or AS.
    pub name: String,
    /// Two letters, where the registry says so.
    pub country: String,
    /// In order, those within others behind these.
    pub(super) entities: Vec<Entity>,
    /// Other answers about the same (`related`) and about what is around it (`up`).
    pub(super) related: Vec<String>,
    pub(super) up: Vec<String>,
    /// What was left out on purpose.
    pub(super) redacted: Vec<String>,
}

impl Object {
    /// Reads an answer. The error says why it is none.
    pub fn read(bytes: &[u8]) -> Result<Object, String> {
        if bytes.len() as u64 > ANSWER_BYTES_MAX {
            return Err(format!("the answer is longer than {ANSWER_BYTES_MAX} bytes"));
        }
        let value: Value = serde_json::from_slice(bytes).map_err(|error| format!("the answer is not JSON: {error}"))?;
        if !value.is_object() {
            return Err("the answer is JSON, but no object of RDAP".into());
        }
        if let Some(code) = value.get("errorCode") {
            let title = tidy(text(&value, "title"), NAME_BYTES_MAX);
            return Err(format!("the server answers with error {code} {title}").trim_end().to_owned());
        }
        let class = text(&value, "objectClassName").to_ascii_lowercase();
        let mut object = Object {
            covers: covers(&class, &value)?,
            handle: tidy(text(&value, "handle"), NAME_BYTES_MAX),
            name: tidy(text(&value, "name"), NAME_BYTES_MAX),
            country: text(&value, "country").chars().filter(char::is_ascii_uppercase).take(2).collect(),
            related: links(&value, "related"),
            up: links(&value, "up"),
            redacted: list(&value, "redacted").filter_map(redaction).collect(),
            ..Object::default()
        };
        if class == "entity" {
            object.entities(std::slice::from_ref(&value), &[], "");
        } else if let Some(entities) = value.get("entities").and_then(Value::as_array) {
            object.entities(entities, &[], "");
        }
        Ok(object)
    }

    fn entities(&mut self, entities: &[Value], within: &[String], within_name: &str) {
        for value in entities {
            if self.entities.len() == ENTITIES_MAX {
                return;
            }
            let card = Card::read(value);
            let remarks = list(value, "remarks").flat_map(|remark| list(remark, "description"));
            let invalid = remarks.filter_map(|line| line.as_str()?.trim().strip_suffix(" is invalid"));
            let inner = value.get("entities").and_then(Value::as_array).filter(|inner| !inner.is_empty());
            let entity = Entity {
                handle: tidy(text(value, "handle"), NAME_BYTES_MAX),
                roles: list(value, "roles").filter_map(Value::as_str).map(str::to_ascii_lowercase).collect(),
                within: within.to_vec(),
                within_name: within_name.to_owned(),
                is_bare: value.get("vcardArray").is_none() && inner.is_none(),
                link: links(value, "self").into_iter().next(),
                invalid: invalid
                    .filter(|mail| card.mails.iter().any(|known| known.eq_ignore_ascii_case(mail)))
                    .map(str::to_owned)
                    .collect(),
                card,
            };
            let role = entity.roles.first().map_or("entity", String::as_str);
            let (label, name) = (entity.label(role), entity.card.name.clone());
            self.entities.push(entity);
            if let Some(inner) = inner.filter(|_| within.len() + 1 < DEPTH_MAX) {
                self.entities(inner, &[within, &[label]].concat(), &name);
            }
        }
    }

    /// Refuses an answer about something else than what was asked.
    pub(super) fn check(&self, question: &Question) -> Result<(), String> {
        let wrong = || Err(format!("the answer is about {self}, which does not cover {question}"));
        match (&self.covers, question) {
            (Covers::Range(first, last), Question::Net(net)) => {
                // Addresses of different families never cover each other.
                let covers = first.is_ipv4() == net.first().is_ipv4() && *first <= net.first() && net.last() <= *last;
                if !covers {
                    return wrong();
                }
                if is_elsewhere(&self.name) || is_too_wide(*first, *last) {
                    return Err(format!("{self} stands for space that others manage"));
                }
                Ok(())
            }
            (Covers::Asns(first, last), Question::Asn(asn)) if (first..=last).contains(&asn) => Ok(()),
            // A zone by itself speaks for its registry and not for the names below.
            (Covers::Domain(domain), Question::Name(name)) if domain.contains('.') && is_within(name, domain) => Ok(()),
            _ => wrong(),
        }
    }
}

/// `network 192.0.2.0 - 192.0.2.255 (NAME, NL)`.
impl std::fmt::Display for Object {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.covers {
            Covers::Range(first, last) => write!(f, "network {first} - {last}")?,
            Covers::Asns(first, last) if first == last => write!(f, "AS{first}")?,
            Covers::Asns(first, last) => write!(f, "AS{first} - AS{last}")?,
            Covers::Domain(name) => write!(f, "domain {name}")?,
            Covers::Nothing => write!(f, "an entity")?,
        }
        let more: Vec<&str> =
            [&self.name, &self.country].map(String::as_str).into_iter().filter(|t| !t.is_empty()).collect();
        if more.is_empty() || matches!(self.covers, Covers::Domain(_)) {
            Ok(())
        } else {
            write!(f, " ({})", more.join(", "))
        }
    }
}

fn covers(class: &str, value: &Value) -> Result<Covers, String> {
    match class {
        "ip network" => {
            let address = |key| value::ip(text(value, key)).ok();
            let ends = address("startAddress").zip(address("endAddress")).or_else(|| cidr(value));
            let (first, last) = ends.ok_or("the answer names no first and last address")?;
            if first > last || first.is_ipv4() != last.is_ipv4() {
                return Err("the last address of the answer is before the first".into());
            }
            Ok(Covers::Range(first, last))
        }
        "autnum" => {
            let number = |key| value.get(key).and_then(Value::as_u64).and_then(|number| u32::try_from(number).ok());
            let first = number("startAutnum").ok_or("the answer names no AS number")?;
            Ok(Covers::Asns(first, number("endAutnum").unwrap_or(first)))
        }
        "domain" => {
            let name = [text(value, "ldhName"), text(value, "unicodeName")].map(|name| host::domain(name).ok());
            let name = name.into_iter().flatten().next().ok_or("the answer names no domain")?;
            Ok(Covers::Domain(name.into_owned()))
        }
        "entity" => Ok(Covers::Nothing),
        "" => Err("the answer does not say what it is about".into()),
        other => Err(format!("the answer is about a `{}`", tidy(other, NAME_BYTES_MAX))),
    }
}

/// The range of a network that is told by one prefix alone (`cidr0`).
fn cidr(value: &Value) -> Option<(IpAddr, IpAddr)> {
    let [one] = value.get("cidr0_cidrs")?.as_array()?.as_slice() else { return None };
    let address = [text(one, "v4prefix"), text(one, "v6prefix")].into_iter().find_map(|text| value::ip(text).ok())?;
    let net = Net::new(address, u8::try_from(one.get("length")?.as_u64()?).ok()?)?;
    Some((net.first(), net.last()))
}

fn is_too_wide(first: IpAddr, last: IpAddr) -> bool {
    match (first, last) {
        (IpAddr::V4(first), IpAddr::V4(last)) => (last.to_bits() - first.to_bits()).leading_zeros() < V4_BITS_MIN,
        (IpAddr::V6(first), IpAddr::V6(last)) => (last.to_bits() - first.to_bits()).leading_zeros() < V6_BITS_MIN,
        _ => true,
    }
}

/// The addresses of links with this relation that lead to an answer of RDAP.
fn links(value: &Value, relation: &str) -> Vec<String> {
    let wanted = |link: &&Value| {
        text(link, "rel").eq_ignore_ascii_case(relation)
            && text(link, "type").trim().to_ascii_lowercase().starts_with("application/rdap+json")
    };
    let address = |link: &Value| {
        let url = text(link, "href").trim();
        let good = url.len() <= URL_BYTES_MAX && host::check_url(url).is_ok();
        good.then(|| url.to_owned())
    };
    list(value, "links").filter(wanted).filter_map(address).collect()
}

/// `Personal e-mail information (removal)`.
fn redaction(value: &Value) -> Option<String> {
    let name = value.get("name")?;
    let what = [text(name, "description"), text(name, "type")].into_iter().find(|text| !text.is_empty())?;
    let method = text(value, "method");
    let method = if method.is_empty() { "removal" } else { method };
    Some(format!("{} ({})", tidy(what, NAME_BYTES_MAX), tidy(method, NAME_BYTES_MAX)))
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn list<'v>(value: &'v Value, key: &str) -> impl Iterator<Item = &'v Value> {
    value.get(key).and_then(Value::as_array).into_iter().flatten().take(MEMBERS_MAX)
}
