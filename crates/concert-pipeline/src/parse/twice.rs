//! JSON objects in which a member is there twice.
//!
//! Readers differ in which of the two they take, so none is taken in silence. A record is read once,
//! and only where a member was seen again is it read anew, by its paths: the further ones are kept
//! under `name_2`, `name_3`, and the reader is told which they were.
//!
//! Whole numbers that need more than 64 bits become texts ([`super::large`]), also only where there was one.

use std::cell::{Cell, RefCell};
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::large;

/// Reads a text as one value, in which the last of members with one name counts, and whether there were such.
pub(super) fn value(text: &[u8]) -> Result<(Value, bool), serde_json::Error> {
    let (twice, large) = (Cell::new(false), Cell::new(false));
    let mut value = read(text, Seen { twice: &twice, large: &large })?;
    if large.get() {
        value = read(&large::as_texts(text), Seen { twice: &twice, large: &large })?;
    }
    Ok((value, twice.get()))
}

/// Reads a text as one value that has every member, and gives the paths of those that are there again. What is dropped is
/// dropped each time.
pub(super) fn all(text: &[u8], is_dropped: &dyn Fn(&str) -> bool) -> Result<(Value, Vec<String>), serde_json::Error> {
    let paths = RefCell::new(Vec::new());
    let value = read(&large::as_texts(text), ByPath { path: String::new(), paths: &paths, is_dropped })?;
    Ok((value, paths.into_inner()))
}

fn read<M: Members>(text: &[u8], members: M) -> Result<Value, serde_json::Error> {
    let mut reader = serde_json::Deserializer::from_slice(text);
    let value = Reading(members).deserialize(&mut reader)?;
    reader.end().map(|()| value)
}

/// What is done with members.
trait Members: Sized {
    /// Of a member of this one.
    fn of(&self, name: &str) -> Self;
    /// Of an element of this one.
    fn at(&self, index: usize) -> Self;
    /// Takes a member up.
    fn put(&self, object: &mut Map<String, Value>, name: String, value: Value);
    /// Takes note of a number that may have lost digits.
    fn note_large(&self) {}
}

#[derive(Clone, Copy)]
struct Seen<'s> {
    twice: &'s Cell<bool>,
    large: &'s Cell<bool>,
}

impl Members for Seen<'_> {
    fn of(&self, _: &str) -> Self {
        *self
    }

    fn at(&self, _: usize) -> Self {
        *self
    }

    fn put(&self, object: &mut Map<String, Value>, name: String, value: Value) {
        if object.insert(name, value).is_some() {
            self.twice.set(true);
        }
    }

    fn note_large(&self) {
        self.large.set(true);
    }
}

struct ByPath<'s> {
    path: String,
    paths: &'s RefCell<Vec<String>>,
    is_dropped: &'s dyn Fn(&str) -> bool,
}

impl Members for ByPath<'_> {
    fn of(&self, name: &str) -> Self {
        let path = if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) };
        ByPath { path, ..*self }
    }

    fn at(&self, index: usize) -> Self {
        ByPath { path: format!("{}[{index}]", self.path), ..*self }
    }

    fn put(&self, object: &mut Map<String, Value>, name: String, value: Value) {
        if !object.contains_key(&name) {
            object.insert(name, value);
            return;
        }
        let path = self.of(&name).path;
        if (self.is_dropped)(&path) {
            return;
        }
        self.paths.borrow_mut().push(path);
        // No more numbers are taken than there are members.
        let free =
            (2..object.len() + 3).map(|number| format!("{name}_{number}")).find(|name| !object.contains_key(name));
        if let Some(free) = free {
            object.insert(free, value);
        }
    }
}

/// One value.
struct Reading<M>(M);

impl<'de, M: Members> DeserializeSeed<'de> for Reading<M> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, M: Members> Visitor<'de> for Reading<M> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any valid JSON value")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        if value.abs() >= large::FROM {
            self.0.note_large();
        }
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element_seed(Reading(self.0.at(items.len())))? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = access.next_key::<String>()? {
            let value = access.next_value_seed(Reading(self.0.of(&name)))?;
            self.0.put(&mut object, name, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_read_as_the_library_reads_it() {
        let texts = [
            r#"{"a":[1,-2,3.5,1e400,true,null,"x\u00e9",{"b":{}}],"c":18446744073709551615}"#,
            "[]",
            "\"x\"",
            "1",
            "nul",
            "{\"a\":1",
            "{\"a\" 1}",
            "[1] 2",
            "{\"a\":1,\"a\":2}",
            "",
        ];
        for text in texts {
            let want = serde_json::from_slice::<Value>(text.as_bytes()).map_err(|error| error.to_string());
            let got = value(text.as_bytes()).map(|(value, _)| value).map_err(|error| error.to_string());
            assert_eq!(got, want, "{text}");
        }
    }

    #[test]
    fn every_member_is_kept_and_those_that_are_there_again_are_told() {
        let check = |text: &str, want: &str, paths: &[&str]| {
            let (_, twice) = value(text.as_bytes()).unwrap();
            assert_eq!(twice, text.contains("again"), "{text}");
            let (got, told) = all(text.as_bytes(), &|path| path == "secret").unwrap();
            assert_eq!(
                (got.to_string().as_str(), told),
                (want, paths.iter().map(|p| (*p).to_owned()).collect()),
                "{text}"
            );
        };
        check(r#"{"a":1,"b":{"a":2}}"#, r#"{"a":1,"b":{"a":2}}"#, &[]);
        check(r#"{"a":1,"a":"again","a_2":3,"a":4}"#, r#"{"a":1,"a_2":"again","a_2_2":3,"a_3":4}"#, &["a", "a_2", "a"]);
        check(r#"{"x":[{"y":1,"y":"again"}]}"#, r#"{"x":[{"y":1,"y_2":"again"}]}"#, &["x[0].y"]);
        check(r#"{"secret":1,"secret":"again"}"#, r#"{"secret":1}"#, &[]);
    }
}
