//! JSON in which no object has two members of the same name: readers differ about which of them counts.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Up to here each whole number has a floating-point number of its own.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// A value of JSON each of whose members is given once.
pub(super) struct Once(pub(super) Value);

impl<'de> Deserialize<'de> for Once {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader).map(Self)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, given: bool) -> Result<Value, E> {
        Ok(given.into())
    }

    fn visit_u64<E>(self, given: u64) -> Result<Value, E> {
        Ok(given.into())
    }

    fn visit_i64<E>(self, given: i64) -> Result<Value, E> {
        Ok(given.into())
    }

    /// A whole number is one however it is written: JSON knows no other kind of number than `2.0`, and JSON Schema
    /// calls that an integer.
    fn visit_f64<E>(self, given: f64) -> Result<Value, E> {
        let is_whole = given.fract() == 0.0 && given.abs() <= EXACT_MAX;
        let whole = is_whole.then(|| format!("{given:.0}").parse::<i64>().ok()).flatten();
        Ok(whole.map(Value::from).or_else(|| Number::from_f64(given).map(Value::Number)).unwrap_or_default())
    }

    fn visit_str<E>(self, given: &str) -> Result<Value, E> {
        Ok(given.into())
    }

    fn visit_string<E>(self, given: String) -> Result<Value, E> {
        Ok(given.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut all = Vec::new();
        while let Some(Once(item)) = items.next_element()? {
            all.push(item);
        }
        Ok(Value::Array(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut all = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            if all.contains_key(&name) {
                let name: String = name.chars().take(100).collect();
                return Err(A::Error::custom(format!("`{name}` is given twice")));
            }
            let Once(value) = members.next_value()?;
            all.insert(name, value);
        }
        Ok(Value::Object(all))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_given_once_and_everything_else_is_read_as_it_is() {
        let good = r#"{"a": [1, -2, 3.5, "x\n", "y", true, null, {}], "b": {"a": 18446744073709551615}}"#;
        let Once(read) = serde_json::from_str(good).unwrap();
        assert_eq!(read, serde_json::from_str::<Value>(good).unwrap());
        let Once(read) = serde_json::from_str("[2.0, -0.0, 1e3, 2.5, 1e300]").unwrap();
        assert_eq!(read.to_string(), "[2,0,1000,2.5,1e+300]");
        for (twice, want) in [
            (r#"{"a": 1, "a": 1}"#, "`a` is given twice at line 1"),
            ("[{\"b\": {\"c\": 1,\n\"\\u0063\": 2}}]", "`c` is given twice at line 2"),
        ] {
            let told = serde_json::from_str::<Once>(twice).err().unwrap().to_string();
            assert!(told.starts_with(want), "{told}");
        }
        // What nests too deep is refused, not followed.
        assert!(serde_json::from_str::<Once>(&"[".repeat(100_000)).is_err());
    }
}
