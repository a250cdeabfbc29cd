//! A party as JSON says it, whatever it says: each mistake in it is told, and none hides the others.

use std::borrow::Cow;
use std::fmt;

use concert_model::Contact;
use concert_model::problem::instead;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::file::PROBLEMS_MAX;
use super::items::Wrong;

const MEMBERS: [&str; 9] = [
    "name",
    "asns",
    "prefixes",
    "excluded_prefixes",
    "domains",
    "excluded_domains",
    "countries",
    "sectors",
    "contacts",
];
/// Those that are written here, and `origin` and `last_alive`, which `contact show` prints and nobody writes.
const CONTACT_MEMBERS: [&str; 11] = [
    "purpose",
    "mail",
    "language",
    "format",
    "via",
    "schedule",
    "time_zone",
    "has_consent",
    "openpgp",
    "origin",
    "last_alive",
];

/// What stands in the place of a party: the members of an object with their names as often as they stand there, or
/// nothing where it is none.
pub(super) struct Members(Option<Vec<(String, Told)>>);

/// What a member says.
enum Told {
    Plain(Value),
    List(Vec<Told>),
    Object(Members),
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match Told::deserialize(from)? {
            Told::Object(members) => Ok(members),
            Told::Plain(_) | Told::List(_) => Ok(Self(None)),
        }
    }
}

impl<'de> Deserialize<'de> for Told {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Told;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Told, E> {
        Ok(Told::Plain(Value::Null))
    }

    fn visit_bool<E>(self, is_so: bool) -> Result<Told, E> {
        Ok(Told::Plain(is_so.into()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Told, E> {
        Ok(Told::Plain(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Told, E> {
        Ok(Told::Plain(number.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Told, E> {
        Ok(Told::Plain(number.into()))
    }

    fn visit_str<E>(self, text: &str) -> Result<Told, E> {
        Ok(Told::Plain(text.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Told, A::Error> {
        let mut all = Vec::new();
        while let Some(one) = list.next_element()? {
            all.push(one);
        }
        Ok(Told::List(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Told, A::Error> {
        let mut all = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            all.push((name, map.next_value()?));
        }
        Ok(Told::Object(Members(Some(all))))
    }
}

impl Told {
    /// What stands there, for people.
    fn shown(&self) -> String {
        match self {
            Self::Plain(value) => value.to_string().chars().take(60).collect(),
            Self::List(_) => "[...]".to_owned(),
            Self::Object(_) => "{...}".to_owned(),
        }
    }
}

/// A party as it is written: what its numbers and networks are is told for all of them, with what stands there.
#[derive(Default)]
pub(super) struct Written {
    pub(super) name: String,
    /// Numbers, or texts as `AS64500`.
    pub(super) asns: Vec<Value>,
    pub(super) prefixes: Vec<String>,
    pub(super) excluded_prefixes: Vec<String>,
    pub(super) domains: Vec<String>,
    pub(super) excluded_domains: Vec<String>,
    pub(super) countries: Vec<String>,
    pub(super) sectors: Vec<String>,
    pub(super) contacts: Vec<Contact>,
}

impl Written {
    /// What members say, and what is wrong with them. It is called by its name, or else by its number in the file.
    pub(super) fn of(members: Members, number: usize) -> (Self, Vec<Wrong>) {
        let (mut written, mut wrong) = (Self::default(), Vec::new());
        let Some(members) = members.0 else {
            let hint = "write {\"name\": \"Example\", \"contacts\": [{\"mail\": \"abuse@example.com\"}]}";
            return (written, vec![(format!("object {number}: it is no object"), hint.into())]);
        };
        for (name, told) in once(members, "", &MEMBERS, &mut wrong) {
            match (name.as_str(), told) {
                (_, Told::Plain(Value::Null)) => {}
                ("name", told) => written.name = text("name", "", told, &mut wrong),
                (_, Told::List(list)) => written.take(&name, list, &mut wrong),
                _ => wrong.push((format!("`{name}` is no list"), format!("write \"{name}\": [...]").into())),
            }
        }
        if written.name.trim().is_empty() {
            wrong.push(("there is no `name`".to_owned(), "every party has a member `name`".into()));
        }
        let called = called(&written.name, number);
        wrong.iter_mut().for_each(|(what, _)| *what = format!("{called}: {what}"));
        (written, wrong)
    }

    fn take(&mut self, name: &str, list: Vec<Told>, wrong: &mut Vec<Wrong>) {
        let texts = match name {
            "prefixes" => &mut self.prefixes,
            "excluded_prefixes" => &mut self.excluded_prefixes,
            "domains" => &mut self.domains,
            "excluded_domains" => &mut self.excluded_domains,
            "countries" => &mut self.countries,
            "sectors" => &mut self.sectors,
            "contacts" => {
                for told in list {
                    // Nothing comes of a party with mistakes, and no more of them are told.
                    if wrong.len() >= PROBLEMS_MAX {
                        break;
                    }
                    self.contacts.extend(contact(told, wrong));
                }
                return;
            }
            _ => {
                self.asns = list
                    .into_iter()
                    .map(|told| if let Told::Plain(value) = told { value } else { told.shown().into() })
                    .collect();
                return;
            }
        };
        for told in list {
            match told {
                _ if wrong.len() >= PROBLEMS_MAX => break,
                Told::Plain(Value::String(text)) => texts.push(text),
                other => wrong
                    .push((format!("`{}` in {name} is no text", other.shown()), "write it within \" and \"".into())),
            }
        }
    }
}

/// What a party is called where its mistakes are told: by its number in the file, where it has no name.
pub(super) fn called(name: &str, number: usize) -> String {
    match name.trim().is_empty() {
        true => format!("object {number}"),
        false => name.escape_debug().to_string(),
    }
}

/// Members that are known, each once. The others are told.
fn once(members: Vec<(String, Told)>, of: &str, known: &[&str], wrong: &mut Vec<Wrong>) -> Vec<(String, Told)> {
    let mut taken: Vec<(String, Told)> = Vec::new();
    for (name, told) in members {
        if wrong.len() >= PROBLEMS_MAX {
            break;
        }
        let shown: String = name.escape_debug().take(60).collect();
        if !known.contains(&name.as_str()) {
            wrong.push((format!("unknown member `{shown}`{of}"), instead(&name, known).into()));
        } else if taken.iter().any(|(other, _)| *other == name) {
            wrong.push((format!("`{shown}`{of} stands there twice"), "write it once".into()));
        } else {
            taken.push((name, told));
        }
    }
    taken
}

fn text(name: &str, of: &str, told: Told, wrong: &mut Vec<Wrong>) -> String {
    match told {
        Told::Plain(Value::String(text)) => text,
        _ => {
            wrong.push((format!("`{name}`{of} is no text"), Cow::from("write it within \" and \"")));
            String::new()
        }
    }
}

fn contact(told: Told, wrong: &mut Vec<Wrong>) -> Option<Contact> {
    const OF: &str = " of a contact";
    let Told::Object(Members(Some(members))) = told else {
        let hint = "write {\"mail\": \"abuse@example.com\"}";
        wrong.push((format!("`{}` in contacts is no object", told.shown()), hint.into()));
        return None;
    };
    let before = wrong.len();
    let mut contact = Contact::default();
    for (name, told) in once(members, OF, &CONTACT_MEMBERS, wrong) {
        let field = match name.as_str() {
            _ if matches!(told, Told::Plain(Value::Null)) => continue,
            "has_consent" => {
                match told {
                    Told::Plain(Value::Bool(is_so)) => contact.has_consent = is_so,
                    _ => wrong.push((format!("`{name}`{OF} is neither true nor false"), "write true or false".into())),
                }
                continue;
            }
            // Where it comes from is this site's own knowledge.
            "origin" => continue,
            "last_alive" => {
                let Told::Plain(value) = told else { continue };
                match serde_json::from_value(value) {
                    Ok(time) => contact.last_alive = time,
                    Err(_) => wrong.push((format!("`{name}`{OF} is no time"), "2026-11-22T05:00:00Z".into())),
                }
                continue;
            }
            "purpose" => &mut contact.purpose,
            "mail" => &mut contact.mail,
            "language" => &mut contact.language,
            "format" => &mut contact.format,
            "via" => &mut contact.via,
            "schedule" => &mut contact.schedule,
            "time_zone" => &mut contact.time_zone,
            _ => &mut contact.openpgp,
        };
        *field = text(&name, OF, told, wrong);
    }
    // What is wrong in it already would only be told again.
    (wrong.len() == before).then_some(contact)
}
