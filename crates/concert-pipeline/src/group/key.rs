//! What events have in common that go together: the values of a few fields, as people read them.

use concert_model::batch::Raw;
use concert_model::{Event, Field, Kind, json};

use crate::render::withheld;

/// Written where an event has no value for a part of the key.
const ABSENT: &str = "unknown";

/// One part of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
enum By {
    Field(Field),
    Extra(Box<str>),
}

/// The fields that make a key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Key {
    by: Vec<By>,
    /// Whether values are marked that no notice tells.
    marks: bool,
}

impl By {
    fn value<'e>(&self, event: &'e Event<'_>) -> Option<Raw<'e>> {
        match self {
            Self::Field(field) => event.raw(*field),
            Self::Extra(name) => event.find_extra(name).and_then(|field| event.raw(field)),
        }
    }
}

impl Key {
    /// A key of these fields, which may be `party` and `extra.NAME`. The error is the name that is none.
    pub fn read(names: &[String]) -> Result<Self, String> {
        let by = |name: &String| match (name.strip_prefix("extra."), name.as_str()) {
            (Some(extra), _) if !extra.is_empty() => Ok(By::Extra(extra.into())),
            (_, "party") => Ok(By::Field(Field::PARTY)),
            _ => Field::named(name).map(By::Field).ok_or_else(|| name.clone()),
        };
        names.iter().map(by).collect::<Result<_, _>>().map(|by| Self { by, marks: false })
    }

    /// The same for notices: a value that they may not tell is marked, so that it is left out where they show their
    /// key, and events with it go apart from those that may tell it.
    #[must_use]
    pub fn for_notices(mut self) -> Self {
        self.marks = self.by.iter().any(is_attacked);
        self
    }

    /// Whether events of two parties never have the same key.
    pub fn tells_parties_apart(&self) -> bool {
        self.by.contains(&By::Field(Field::PARTY))
    }

    /// Takes the party into the key.
    pub fn and_party(&mut self) {
        self.by.push(By::Field(Field::PARTY));
    }

    /// Appends the key of an event: `AS64500`, `FI`, `AS64500, FI`.
    pub fn write(&self, event: &Event<'_>, out: &mut Vec<u8>) {
        self.write_all(event, None, out);
    }

    /// The same as if this party answered for the event; nobody where it has no name.
    pub fn write_for(&self, event: &Event<'_>, party: &str, out: &mut Vec<u8>) {
        self.write_all(event, Some(party), out);
    }

    fn write_all(&self, event: &Event<'_>, party: Option<&str>, out: &mut Vec<u8>) {
        let marks = self.marks && withheld::is_withheld(event);
        for (index, by) in self.by.iter().enumerate() {
            if index > 0 {
                out.extend_from_slice(b", ");
            }
            let begin = out.len();
            match party {
                Some("") if *by == By::Field(Field::PARTY) => out.extend_from_slice(ABSENT.as_bytes()),
                Some(party) if *by == By::Field(Field::PARTY) => out.extend_from_slice(party.as_bytes()),
                _ => self.write_part(index, event, out),
            }
            if marks && is_attacked(by) {
                withheld::mark(out, begin);
            }
        }
    }

    /// Whether an event has a value for each part of the key.
    pub fn is_whole(&self, event: &Event<'_>) -> bool {
        self.by.iter().all(|by| by.value(event).is_some())
    }

    /// Appends one value of it.
    pub fn write_part(&self, index: usize, event: &Event<'_>, out: &mut Vec<u8>) {
        let Some(by) = self.by.get(index) else { return };
        match by.value(event) {
            Some(Raw::Int(number)) if matches!(by, By::Field(field) if field.kind() == Kind::Asn) => {
                out.extend_from_slice(b"AS");
                json::write_int(number, out);
            }
            Some(Raw::Text(text)) => out.extend_from_slice(text.as_bytes()),
            Some(value) => json::write_plain(&value.into(), out),
            None => out.extend_from_slice(ABSENT.as_bytes()),
        }
    }
}

fn is_attacked(by: &By) -> bool {
    matches!(by, By::Field(field) if withheld::FIELDS.contains(field))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::sample;

    #[test]
    fn what_notices_may_not_tell_is_marked_in_their_key_and_left_out_of_what_they_show() {
        let names = ["source.asn", "destination.as_name", "destination.ip"].map(str::to_owned);
        let check = |more: &str, kept: &str, told: &str| {
            let said = "source.asn=64500|destination.as_name=Bank, Inc|destination.ip=198.51.100.1|extra.reporter=";
            let batch = sample::batch(&[&format!("{said}{more}")]);
            let mut out = Vec::new();
            Key::read(&names).unwrap().for_notices().write(&batch.get(0).unwrap(), &mut out);
            let key = String::from_utf8(out).unwrap();
            assert_eq!((key.as_str(), &*withheld::told_key(&key)), (kept, told));
        };
        check("withheld", "AS64500, withheld:Bank; Inc, withheld:198.51.100.1", "AS64500, withheld, withheld");
        let plain = "AS64500, Bank, Inc, 198.51.100.1";
        check("soc@bank.example", plain, plain);
    }

    #[test]
    fn a_key_can_be_written_for_whoever_answers_by_now() {
        let check = |names: &[&str], want: &str| {
            let batch = sample::batch(&["source.asn=64500"]);
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            let mut out = Vec::new();
            Key::read(&names).unwrap().write_for(&batch.get(0).unwrap(), "Net, Ltd", &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), want);
        };
        check(&["party"], "Net, Ltd");
        check(&["source.asn", "party", "source.geolocation.cc"], "AS64500, Net, Ltd, unknown");
        check(&["source.asn"], "AS64500");
    }
}
