//! Whether a value is as a schema says: as much of JSON Schema as the description of the API uses. For tests.

use regex::Regex;
use serde_json::{Map, Value};

/// What of a value is not as the schema says, with its place; nothing where all of it is. `all` is the whole
/// description, into which references lead.
pub(crate) fn misfit(all: &Value, schema: &Value, value: &Value, at: &str) -> Option<String> {
    let rules = match schema {
        Value::Bool(true) => return None,
        Value::Object(rules) => rules,
        _ => return Some(format!("{at}: nothing fits here")),
    };
    let wrong = |rule: &str| Some(format!("{at}: {value} is not as `{rule}` says: {}", rules[rule]));
    for (rule, said) in rules {
        let fits = |schema: &Value| misfit(all, schema, value, at).is_none();
        let is_good = match rule.as_str() {
            "$ref" => {
                let to = said.as_str().and_then(|to| all.pointer(to.strip_prefix('#')?));
                match misfit(all, to.unwrap_or(&Value::Bool(false)), value, at) {
                    None => true,
                    told => return told,
                }
            }
            "type" => types(said).iter().any(|name| is_of(value, name)),
            "enum" => list(said).contains(value),
            "const" => said == value,
            "anyOf" => list(said).iter().any(fits),
            "oneOf" => list(said).iter().filter(|one| fits(one)).count() == 1,
            "allOf" => match list(said).iter().find_map(|one| misfit(all, one, value, at)) {
                None => true,
                told => return told,
            },
            "if" => {
                let then = rules.get(if fits(said) { "then" } else { "else" });
                match then.and_then(|then| misfit(all, then, value, at)) {
                    None => true,
                    told => return told,
                }
            }
            "required" => {
                value.as_object().is_none_or(|has| list(said).iter().all(|name| has.contains_key(text(name))))
            }
            "properties" => match members(all, said, value, at) {
                None => true,
                told => return told,
            },
            "additionalProperties" => match others(all, rules, value, at) {
                None => true,
                told => return told,
            },
            "items" => {
                let items = value.as_array().into_iter().flatten().enumerate();
                match items.filter_map(|(n, item)| misfit(all, said, item, &format!("{at}/{n}"))).next() {
                    None => true,
                    told => return told,
                }
            }
            "pattern" => {
                value.as_str().is_none_or(|given| Regex::new(text(said)).is_ok_and(|regex| regex.is_match(given)))
            }
            "minimum" => value.as_f64().is_none_or(|given| said.as_f64().is_some_and(|least| given >= least)),
            "maximum" => value.as_f64().is_none_or(|given| said.as_f64().is_some_and(|most| given <= most)),
            "minLength" => value.as_str().is_none_or(|given| given.chars().count() as u64 >= count(said)),
            "maxLength" => value.as_str().is_none_or(|given| given.chars().count() as u64 <= count(said)),
            "minItems" => value.as_array().is_none_or(|given| given.len() as u64 >= count(said)),
            "minProperties" => value.as_object().is_none_or(|given| given.len() as u64 >= count(said)),
            "maxProperties" => value.as_object().is_none_or(|given| given.len() as u64 <= count(said)),
            "maxItems" => value.as_array().is_none_or(|given| given.len() as u64 <= count(said)),
            "description" | "title" | "summary" | "example" | "examples" | "default" | "format" | "writeOnly"
            | "then" | "else" => true,
            odd => return Some(format!("{at}: the rule `{odd}` is not known here")),
        };
        if !is_good {
            return wrong(rule);
        }
    }
    None
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn count(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

fn types(said: &Value) -> Vec<&str> {
    match said {
        Value::Array(names) => names.iter().map(text).collect(),
        one => vec![text(one)],
    }
}

fn is_of(value: &Value, name: &str) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "null" => value.is_null(),
        _ => false,
    }
}

fn members(all: &Value, said: &Value, value: &Value, at: &str) -> Option<String> {
    let (said, value) = (said.as_object()?, value.as_object()?);
    said.iter().find_map(|(name, schema)| misfit(all, schema, value.get(name)?, &format!("{at}/{name}")))
}

fn others(all: &Value, rules: &Map<String, Value>, value: &Value, at: &str) -> Option<String> {
    let (said, value) = (rules.get("additionalProperties")?, value.as_object()?);
    let known = |name: &str| rules.get("properties").is_some_and(|known| known.get(name).is_some());
    let more = value.iter().filter(|(name, _)| !known(name));
    more.filter_map(|(name, one)| misfit(all, said, one, &format!("{at}/{name}"))).next()
}
