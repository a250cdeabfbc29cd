//! One incident for people: its fields, then a table for each of its lists that is not empty.

use serde_json::{Value, json};

use crate::print::{Format, List, format_or_default, print_object};
use crate::problems::{Exit, Failure};

/// Its lists, in the order in which people look for them, with what is shown of each.
const LISTS: [(&str, &[&str]); 14] = [
    ("parties", &["party", "status", "since", "speakers", "messages", "silent_for", "next_step", "held"]),
    ("tasks", &["name", "title", "role", "person", "due", "done"]),
    ("findings", &["name", "standing", "statement"]),
    ("relations", &["from", "to", "first_seen", "last_seen", "port", "technique", "certainty"]),
    ("proposals", &["event", "from", "to", "port", "first_seen", "text"]),
    ("timeline", &["time", "subject", "text", "clock_error", "zone"]),
    ("observables", &["of", "value"]),
    ("evidence", &["sha256", "name", "bytes", "text", "custody", "goes_to"]),
    ("clocks", &["clock", "party", "since", "due", "met", "proof", "points_to", "again", "before"]),
    ("effort", &["person", "party", "work", "minutes"]),
    ("joined", &["as", "incident", "title"]),
    ("runs", &["run", "process", "version", "state"]),
    ("roles", &["role", "holders"]),
    ("open_duties", &["role", "duty"]),
];

/// Rows of a list, whose names and values may come as one object.
fn rows(value: &Value, columns: &[&str]) -> Vec<Vec<Value>> {
    match value {
        Value::Array(items) => {
            let row = |item: &Value| columns.iter().map(|name| item.get(*name).cloned().unwrap_or_default()).collect();
            items.iter().map(row).collect()
        }
        Value::Object(members) => members.iter().map(|(name, value)| vec![json!(name), value.clone()]).collect(),
        _ => Vec::new(),
    }
}

/// Prints an incident: whole for programs, what there is for people.
pub(super) fn print(incident: &Value, format: Option<Format>) -> Result<Exit, Failure> {
    let format = format_or_default(format);
    let Value::Object(members) = incident else { return Ok(Exit::Done) };
    if format != Format::Table {
        let members: Vec<(&str, Value)> = members.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
        print_object(format, &members, &[])?;
        return Ok(Exit::Done);
    }
    let is_list = |name: &str| LISTS.iter().any(|(list, _)| *list == name);
    let is_empty = |value: &Value| [json!([]), json!({}), json!(""), json!(0), Value::Null].contains(value);
    let fields =
        ["number", "title", "status", "severity", "classification", "marking", "opened", "opener", "changed", "may"];
    let mut shown: Vec<(&str, Value)> =
        fields.into_iter().filter_map(|name| Some((name, members.get(name)?.clone()))).collect();
    let rest =
        members.iter().filter(|(name, value)| !fields.contains(&name.as_str()) && !is_list(name) && !is_empty(value));
    shown.extend(rest.map(|(name, value)| (name.as_str(), value.clone())));
    let lists: Vec<List> = LISTS
        .iter()
        .filter_map(|(name, columns)| {
            let rows = rows(members.get(*name)?, columns);
            (!rows.is_empty()).then_some(List { name, columns, rows })
        })
        .collect();
    print_object(format, &shown, &lists)?;
    Ok(Exit::Done)
}
