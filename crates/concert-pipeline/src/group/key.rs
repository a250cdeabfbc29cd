//! What events have in common that go together: the values of a few fields, as people read them.

use concert_model::batch::Raw;
use concert_model::{Event, Field, Kind, json};

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
pub struct Key(Vec<By>);

impl Key {
    /// A key of these fields, which may be `party` and `extra.NAME`. The error is the name that is none.
    pub fn read(names: &[String]) -> Result<Self, String> {
        let by = |name: &String| match (name.strip_prefix("extra."), name.as_str()) {
            (Some(extra), _) if !extra.is_empty() => Ok(By::Extra(extra.into())),
            (_, "party") => Ok(By::Field(Field::PARTY)),
            _ => Field::named(name).map(By::Field).ok_or_else(|| name.clone()),
        };
        names.iter().map(by).collect::<Result<_, _>>().map(Self)
    }

    /// Whether events of two parties never have the same key.
    pub fn tells_parties_apart(&self) -> bool {
        self.0.contains(&By::Field(Field::PARTY))
    }

    /// Takes the party into the key.
    pub fn and_party(&mut self) {
        self.0.push(By::Field(Field::PARTY));
    }

    /// Appends the key of an event: `AS64500`, `FI`, `AS64500, FI`.
    pub fn write(&self, event: &Event<'_>, out: &mut Vec<u8>) {
        for index in 0..self.0.len() {
            if index > 0 {
                out.extend_from_slice(b", ");
            }
            self.write_part(index, event, out);
        }
    }

    /// Appends one value of it.
    pub fn write_part(&self, index: usize, event: &Event<'_>, out: &mut Vec<u8>) {
        let Some(by) = self.0.get(index) else { return };
        let value = match by {
            By::Field(field) => event.raw(*field),
            By::Extra(name) => event.find_extra(name).and_then(|field| event.raw(field)),
        };
        match value {
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
