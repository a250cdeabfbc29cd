//! `GET /api/v1/openapi.json`: the description of this API, joined from its parts when it is first asked for.
//!
//! `assets/openapi/` has what only people can say. Added here is what holds for many operations, and the schemas
//! of entries, which the model makes from the table of their kinds.

use std::sync::OnceLock;

use axum::http::Method;
use concert_model::incident::schema;
use serde_json::{Map, Value, json};

use crate::admit;
use crate::parameters::Described;

const COMMON: &str = include_str!("../../assets/openapi/common.json");
/// Each with paths and schemas, under the name that its operations are grouped by.
const PARTS: [(&str, &str); 10] = [
    ("account", include_str!("../../assets/openapi/account.json")),
    ("feeds", include_str!("../../assets/openapi/feeds.json")),
    ("events", include_str!("../../assets/openapi/events.json")),
    ("contacts", include_str!("../../assets/openapi/contacts.json")),
    ("notices", include_str!("../../assets/openapi/notices.json")),
    ("incidents", include_str!("../../assets/openapi/incidents.json")),
    ("evidence", include_str!("../../assets/openapi/evidence.json")),
    ("processes", include_str!("../../assets/openapi/processes.json")),
    ("clocks", include_str!("../../assets/openapi/clocks.json")),
    ("people", include_str!("../../assets/openapi/people.json")),
];

/// What parameters are given that do not say so themselves, by their names.
const EXAMPLES: &str = include_str!("../../assets/openapi/examples.json");

/// What can happen to any request: mistakes, another site's name, trouble here, too much to do.
const ALWAYS: [&str; 4] = ["400", "421", "500", "503"];
/// What can happen to a request with a body besides.
const WITH_BODY: [&str; 3] = ["408", "413", "415"];

/// The description of this API.
pub(crate) fn text() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| joined().to_string())
}

/// The names that each method of each route takes in its query.
pub(crate) fn parameters() -> Described {
    let all = joined();
    let mut described = Described::new();
    for (path, methods) in all.get("paths").and_then(Value::as_object).into_iter().flatten() {
        let of_path = described.entry(path.clone()).or_default();
        for (method, operation) in methods.as_object().into_iter().flatten() {
            let Ok(method) = method.to_ascii_uppercase().parse::<Method>() else { continue };
            let given = operation.get("parameters").and_then(Value::as_array).into_iter().flatten();
            let meant = given.filter_map(|one| match one.get("$ref").and_then(Value::as_str) {
                Some(to) => all.pointer(to.trim_start_matches('#')),
                None => Some(one),
            });
            let in_query = meant.filter(|one| one.get("in").and_then(Value::as_str) == Some("query"));
            let names = in_query.filter_map(|one| one.get("name").and_then(Value::as_str));
            of_path.insert(method, names.map(str::to_owned).collect());
        }
    }
    described
}

fn object(text: &str) -> Map<String, Value> {
    // A test reads each of them.
    serde_json::from_str(text).unwrap_or_default()
}

fn take(from: &mut Map<String, Value>, name: &str) -> Map<String, Value> {
    match from.remove(name) {
        Some(Value::Object(members)) => members,
        _ => Map::new(),
    }
}

fn joined() -> Value {
    let mut all = object(COMMON);
    let mut components = take(&mut all, "components");
    let examples = object(EXAMPLES);
    let (mut schemas, mut paths) = (take(&mut components, "schemas"), Map::new());
    schemas.extend(schema::schemas());
    for (name, text) in PARTS {
        let mut part = object(text);
        schemas.extend(take(&mut part, "schemas"));
        for (path, mut methods) in take(&mut part, "paths") {
            for (method, operation) in methods.as_object_mut().into_iter().flatten() {
                complete(operation, name, method, &path);
                show_cursor(operation, &path, &components, &examples);
                let given = operation.get_mut("parameters").and_then(Value::as_array_mut);
                given.into_iter().flatten().for_each(|parameter| show(parameter, &examples));
            }
            paths.insert(path, methods);
        }
    }
    for parameter in components.get_mut("parameters").and_then(Value::as_object_mut).into_iter().flatten() {
        show(parameter.1, &examples);
    }
    components.insert("schemas".into(), Value::Object(schemas));
    all.insert("components".into(), Value::Object(components));
    all.insert("paths".into(), Value::Object(paths));
    Value::Object(all)
}

/// Shows what a parameter is given, where it does not.
fn show(parameter: &mut Value, examples: &Map<String, Value>) {
    let Some(members) = parameter.as_object_mut().filter(|members| !members.contains_key("example")) else { return };
    let example = members.get("name").and_then(Value::as_str).and_then(|name| examples.get(name)).cloned();
    members.extend(example.map(|example| ("example".to_owned(), example)));
}

/// Shows the cursor that a list gives, where that is none of the usual ones: each is made by its own list.
fn show_cursor(operation: &mut Value, path: &str, components: &Map<String, Value>, examples: &Map<String, Value>) {
    let Some(example) = examples.get("cursors").and_then(|cursors| cursors.get(path)) else { return };
    let is_cursor = |one: &&mut Value| one.get("$ref") == Some(&json!("#/components/parameters/cursor"));
    let mut given = operation.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten();
    let meant = components.get("parameters").and_then(|all| all.get("cursor"));
    if let Some((given, meant)) = given.find(is_cursor).zip(meant) {
        *given = meant.clone();
        given["example"] = example.clone();
    }
}

/// Adds what an operation has in common with others: its name, its group, who may come, what can go wrong.
fn complete(operation: &mut Value, part: &str, method: &str, path: &str) {
    let Some(operation) = operation.as_object_mut() else { return };
    operation.insert("operationId".into(), json!(name(method, path)));
    operation.insert("tags".into(), json!([part]));
    let mut statuses = ALWAYS.to_vec();
    if admit::asks_person(path) {
        let mut proofs = vec![json!({"token": []}), json!({"session": []})];
        // The rest takes neither as long as the site has no users.
        if !admit::asks_proof(path) {
            proofs.push(json!({}));
        }
        operation.insert("security".into(), json!(proofs));
        // A token may lack the scope for anything, and anybody may ask too often.
        statuses.extend(["401", "403", "429"]);
    }
    // What a body names may not be there either.
    if path.contains('{') || operation.contains_key("requestBody") {
        statuses.push("404");
    }
    // Of evidence that was destroyed its custody is still there.
    if path.contains("{sha256}") {
        statuses.push("410");
    }
    if operation.contains_key("requestBody") {
        statuses.extend(WITH_BODY);
    }
    // An incident may have been merged into another, or changed meanwhile; and a key may be that of another request.
    let takes_key = |one: &Value| one.get("$ref") == Some(&json!("#/components/parameters/key"));
    let given = operation.get("parameters").and_then(Value::as_array);
    let conflicts = method == "post" && path.starts_with("/api/v1/incidents/{id}/")
        || given.is_some_and(|given| given.iter().any(takes_key));
    if let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) {
        if conflicts && !responses.contains_key("409") {
            responses.insert("409".into(), json!({"$ref": "#/components/responses/problem"}));
        }
        for status in statuses {
            responses.insert(status.to_owned(), json!({"$ref": "#/components/responses/problem"}));
        }
    }
}

/// `get_incidents_id_entries`
fn name(method: &str, path: &str) -> String {
    let words = path.trim_start_matches("/api/v1/").split(|c: char| !c.is_ascii_alphanumeric());
    let words: Vec<&str> = [method].into_iter().chain(words.filter(|word| !word.is_empty())).collect();
    words.join("_")
}

#[cfg(test)]
mod fits;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::fits::misfit;
    use super::*;

    /// What is shown of a request or an answer: every example with the schema that it must be as.
    fn examples<'d>(
        content: &'d Value,
        at: &str,
        found: &mut Vec<(String, &'d Value, &'d Value)>,
        bare: &mut Vec<String>,
    ) {
        for (media, shown) in content.as_object().into_iter().flatten() {
            let many = shown["examples"].as_object().into_iter().flatten().map(|(_, one)| &one["value"]);
            let all: Vec<&Value> = shown.get("example").into_iter().chain(many).collect();
            if all.is_empty() && media.contains("json") && !media.contains("ndjson") {
                bare.push(format!("{at} {media}"));
            }
            found.extend(all.into_iter().map(|one| (format!("{at} {media}"), &shown["schema"], one)));
        }
    }

    #[test]
    fn every_request_and_every_answer_is_shown_by_an_example_that_fits_its_schema() {
        let described: Value = serde_json::from_str(text()).unwrap();
        let (mut found, mut bare) = (Vec::new(), Vec::new());
        for (path, methods) in described["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                let at = format!("{method} {path}");
                examples(&operation["requestBody"]["content"], &format!("{at} request"), &mut found, &mut bare);
                for (status, answer) in operation["responses"].as_object().unwrap() {
                    examples(&answer["content"], &format!("{at} {status}"), &mut found, &mut bare);
                }
                for parameter in operation["parameters"].as_array().into_iter().flatten() {
                    let parameter = match parameter["$ref"].as_str() {
                        Some(to) => described.pointer(to.strip_prefix('#').unwrap()).unwrap(),
                        None => parameter,
                    };
                    let name = format!("{at} {}", parameter["name"]);
                    match parameter.get("example") {
                        Some(one) => found.push((name, &parameter["schema"], one)),
                        None => bare.push(name),
                    }
                }
            }
        }
        examples(&described["components"]["responses"]["problem"]["content"], "a problem", &mut found, &mut bare);
        assert_eq!(bare, [""; 0], "these have no example");
        let wrong: Vec<String> = found
            .iter()
            .filter_map(|(at, schema, one)| misfit(&described, schema, one, "").map(|why| format!("{at}: {why}")))
            .collect();
        assert!(wrong.is_empty() && found.len() > 150, "{} examples\n{}", found.len(), wrong.join("\n"));
    }

    #[test]
    fn every_route_is_described() {
        let described: Value = serde_json::from_str(text()).unwrap();
        let mut operations = BTreeSet::new();
        for (path, methods) in described["paths"].as_object().unwrap() {
            operations.extend(methods.as_object().unwrap().keys().map(|method| (path.as_str(), method.as_str())));
        }
        // `.route("/api/v1/users", get(people::users).post(people::add))`, where a long one has lines of its own.
        let source = include_str!("mod.rs").replace(".route(\n", ".route(");
        let mut answered = BTreeSet::new();
        for part in source.split(".route(").skip(1) {
            let (path, handlers) = part.trim_start().strip_prefix('"').and_then(|part| part.split_once('"')).unwrap();
            for method in ["get", "post", "put", "patch", "delete"] {
                let is_answered =
                    [", ", "\n            ", "."].iter().any(|before| handlers.contains(&format!("{before}{method}(")));
                if is_answered && !path.ends_with("openapi.json") {
                    answered.insert((path, method));
                }
            }
        }
        assert_eq!(operations, answered);
    }

    #[test]
    fn parts_are_read_and_every_reference_leads_somewhere() {
        for text in PARTS.iter().map(|(_, text)| *text).chain([COMMON]) {
            serde_json::from_str::<Map<String, Value>>(text).unwrap();
        }
        let described: Value = serde_json::from_str(text()).unwrap();
        let mut left = vec![&described];
        let mut count = 0;
        while let Some(value) = left.pop() {
            match value {
                Value::Object(members) => {
                    if let Some(Value::String(to)) = members.get("$ref") {
                        count += 1;
                        assert!(described.pointer(to.strip_prefix('#').unwrap()).is_some(), "{to}");
                    }
                    left.extend(members.values());
                }
                Value::Array(items) => left.extend(items),
                _ => {}
            }
        }
        assert!(count > 500, "{count}");
        let mut names = BTreeSet::new();
        for (path, methods) in described["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                assert!(names.insert(operation["operationId"].as_str().unwrap()), "{method} {path}");
                assert!(operation["summary"].as_str().is_some_and(|text| !text.is_empty()), "{method} {path}");
            }
        }
    }
}
