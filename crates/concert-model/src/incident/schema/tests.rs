//! Schemas against the readers they describe, with an own small validator: whatever one takes the other takes.

use super::super::content::is_time;
use super::*;
use crate::incident::marking::{Marking, Tlp};

fn marking() -> Value {
    json!({"type": "object", "required": ["tlp"], "additionalProperties": false, "properties": {
        "tlp": {"enum": Tlp::ALL.map(Tlp::word)},
        "persons": {"type": "array", "items": {"type": "string"}},
        "parties": {"type": "array", "items": {"type": "string"}},
        "compartment": {"type": "string"},
    }})
}

/// Whether a value is as a schema says, as far as schemas here say anything.
fn fits(schema: &Value, value: &Value, all: &Map<String, Value>) -> bool {
    let of_type = |name: &str| match name {
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "object" => value.is_object(),
        "array" => value.is_array(),
        "null" => value.is_null(),
        other => panic!("{other}"),
    };
    let number = |value: &Value| value.as_i64().map(i128::from).or(value.as_u64().map(i128::from)).unwrap();
    let Some(rules) = schema.as_object() else { return schema.as_bool().unwrap() };
    rules.iter().all(|(rule, said)| match rule.as_str() {
        "type" => of_type(said.as_str().unwrap()),
        "$ref" => fits(&all[said.as_str().unwrap().strip_prefix(SCHEMAS).unwrap()], value, all),
        "enum" => said.as_array().unwrap().contains(value),
        "const" => said == value,
        "anyOf" => said.as_array().unwrap().iter().any(|one| fits(one, value, all)),
        "oneOf" => said.as_array().unwrap().iter().filter(|one| fits(one, value, all)).count() == 1,
        "minimum" => !value.is_number() || number(value) >= number(said),
        "maximum" => !value.is_number() || number(value) <= number(said),
        "pattern" => {
            assert_eq!(said, "^[0-9]+$");
            value.as_str().is_none_or(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()))
        }
        "items" => value.as_array().is_none_or(|items| items.iter().all(|item| fits(said, item, all))),
        "required" => {
            let has = |name: &Value| value.get(name.as_str().unwrap()).is_some();
            !value.is_object() || said.as_array().unwrap().iter().all(has)
        }
        "additionalProperties" => {
            let known = |name: &String| said == true || rules["properties"].get(name).is_some();
            value.as_object().is_none_or(|members| members.keys().all(known))
        }
        "properties" => {
            let each = |(name, schema): (&String, &Value)| value.get(name).is_none_or(|one| fits(schema, one, all));
            said.as_object().unwrap().iter().all(each)
        }
        "description" | "examples" | "default" | "format" => true,
        other => panic!("{other}"),
    })
}

/// A time as people write it.
const AT: &str = "2026-11-22T04:50:30Z";

/// A value that a member of this type takes.
fn good(of: &str, form: Form) -> Value {
    match of {
        "i64" | "Option<i64>" if form == Form::Given => json!(AT),
        "String" => json!("x"),
        "bool" => json!(false),
        "u64" | "u32" | "u16" | "u8" | "i64" | "Option<i64>" => json!(7),
        "Option<Role>" | "Role" => json!("investigator"),
        "Marking" => json!({"tlp": "red", "persons": ["anna"]}),
        "Vec<String>" => json!(["x"]),
        "Vec<Attached>" => json!([{"name": "x", "sha256": "00", "bytes": 1}]),
        "Option<Sort>" => json!("reply"),
        "Option<Openpgp>" => json!({"encrypted": true, "signature": "good", "key": "x", "why": ""}),
        "Vec<Observable>" => json!([{"of": "ip", "value": "192.0.2.1"}]),
        "Vec<Answer>" => json!([{"step": "s", "verdict": "late", "text": ""}]),
        word => all_schemas()[&words_name(word)]["enum"][0].clone(),
    }
}

fn all_schemas() -> Map<String, Value> {
    let mut all = schemas();
    all.insert("marking".into(), marking());
    // Which texts are labels is no matter of these tests.
    all.insert("tlp.given".into(), json!({"type": "string"}));
    all.insert("marking.given".into(), json!({"anyOf": [{"type": "string"}, {"type": "object"}]}));
    all
}

/// Good content of a kind, and content that is odd in one place.
fn samples(members: &[(&str, &str)], form: Form) -> Vec<Value> {
    let whole: Map<String, Value> = members.iter().map(|(name, of)| ((*name).to_owned(), good(of, form))).collect();
    let mut all = vec![json!(whole), json!({}), json!([]), json!("x"), Value::Null];
    let odd = json!([
        null, true, "true", "", "7", "x", "open", "told", "late", "done", "role", -1, 0, 255, 256, 65_536, 4_294_967_296_u64,
        u64::MAX, i64::MIN, {}, [], ["x"], {"tlp": "amber"}, {"tlp": "amber", "x": 1}, {"tlp": "white"}, "amber",
        "2026-11-22T04:50:30Z", [{"of": "ip"}], [{"of": "ip", "value": "x", "y": 1}], [{"step": "s", "verdict": "x", "text": ""}]
    ]);
    for (name, _) in members {
        let mut without = whole.clone();
        without.remove(*name);
        all.push(json!(without));
        for value in odd.as_array().unwrap() {
            let mut other = whole.clone();
            other.insert((*name).to_owned(), value.clone());
            all.push(json!(other));
        }
    }
    let mut more = whole;
    more.insert("unknown".into(), json!(1));
    all.push(json!(more));
    all
}

#[test]
fn a_schema_takes_exactly_what_the_reader_of_its_kind_takes() {
    let all = all_schemas();
    for (kind, members) in Content::KINDS {
        let schema = content(kind, Form::Held).unwrap();
        for value in samples(members, Form::Held) {
            // A text is never read as a time, so none is shown as one.
            if members.iter().any(|(name, of)| is_time(of) && value.get(*name).is_some_and(Value::is_string)) {
                continue;
            }
            let is_read = Content::read(kind, &value) != Content::Unknown;
            assert_eq!(fits(&schema, &Content::shown(kind, &value), &all), is_read, "{kind}: {value}");
        }
    }
}

#[test]
fn a_schema_of_what_people_give_takes_whatever_is_taken_and_refuses_all_but_odd_texts() {
    let all = all_schemas();
    for (kind, members) in Content::KINDS {
        let schema = content(kind, Form::Given).unwrap();
        for value in samples(members, Form::Given) {
            let Value::Object(given) = &value else { continue };
            let is_taken = Content::from_person(kind, given.clone()).is_ok();
            // That a text is a time, or a number that is small enough, is no matter of schemas.
            let read = |of: &str| matches!(of, "i64" | "Option<i64>" | "Marking" | "u16" | "u8" | "u32" | "u64");
            let has_text = members.iter().any(|(name, of)| {
                read(of) && given.get(*name).is_some_and(|given| given.is_string() && !(is_time(of) && given == AT))
            });
            match has_text {
                true => assert!(fits(&schema, &value, &all) || !is_taken, "{kind}: {value}"),
                false => assert_eq!(fits(&schema, &value, &all), is_taken, "{kind}: {value}"),
            }
        }
    }
}

#[test]
fn a_task_is_open_where_nothing_is_said() {
    let of = |kind: &str, form| content(kind, form).unwrap()["properties"].clone();
    assert_eq!(of("task/1", Form::Given)["done"]["default"], json!(false));
    assert_eq!(of("role/1", Form::Given)["holds"]["default"], json!(true));
    assert_eq!(of("task/1", Form::Held)["done"].get("default"), None);
}

#[test]
fn every_word_is_in_its_list() {
    // A reader that is given no such word names all it knows.
    let all = all_schemas();
    for (kind, members) in Content::KINDS {
        for (name, of) in members.iter().filter(|(_, of)| all.contains_key(&words_name(of)) && *of != "Marking") {
            let mut whole: Map<String, Value> =
                members.iter().map(|(name, of)| ((*name).to_owned(), good(of, Form::Held))).collect();
            let words = all[&words_name(of)]["enum"].as_array().unwrap();
            for word in words {
                whole.insert((*name).to_owned(), word.clone());
                assert_ne!(Content::read(kind, &json!(whole)), Content::Unknown, "{word}");
            }
        }
    }
    fn known<T: serde::de::DeserializeOwned + std::fmt::Debug>() -> usize {
        let told = serde_json::from_value::<T>(json!("?")).unwrap_err().to_string();
        told.split('`').count() / 2 - 1
    }
    use crate::incident::content::{Act, Deed, PartyStatus, Role, Severity, Standing, Status, Verdict};
    use crate::incident::mail::{Signature, Sort};
    let counts = [
        ("severity", known::<Severity>()),
        ("status", known::<Status>()),
        ("party_status", known::<PartyStatus>()),
        ("role", known::<Role>()),
        ("act", known::<Act>()),
        ("standing", known::<Standing>()),
        ("deed", known::<Deed>()),
        ("verdict", known::<Verdict>()),
        ("sort", known::<Sort>()),
        ("signature", known::<Signature>()),
    ];
    for (name, count) in counts {
        assert_eq!(all[name]["enum"].as_array().unwrap().len(), count, "{name}");
    }
    assert_eq!(counts.len(), WORDS.len());
    assert!(serde_json::from_value::<Marking>(json!({"tlp": "amber"})).is_ok());
}
