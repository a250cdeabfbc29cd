//! What is known of values: in the journals of all incidents, and in the events.

use concert_model::access::Person;
use concert_pipeline::observables;
use concert_server::site::{Refusal, Slice};
use serde_json::{Map, Value, json};

use super::desk::{found_json, refusal};
use super::{Pages, failed};
use crate::seen::{about_members, pulled_members, seen};

fn object(members: impl IntoIterator<Item = (&'static str, Value)>) -> Map<String, Value> {
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Values that an incident names. Only those of this part are looked for in the events.
pub(super) async fn of_incident(pages: &Pages, person: &Person, name: &str, slice: &Slice) -> Result<Value, Refusal> {
    let start = slice.start()?;
    let all = pages.desk()?.observables(person, name, (start, slice.limit)).await.map_err(refusal)?;
    let shown = || all.values.iter();
    let seen = seen(&pages.site(), person, shown().map(|pulled| &pulled.one)).await.map_err(failed)?;
    let seen = seen.unwrap_or_default();
    let rows: Vec<Value> =
        shown().enumerate().map(|(at, pulled)| Value::Object(object(pulled_members(pulled, seen.get(at))))).collect();
    let end = start.saturating_add(slice.limit);
    let next = (all.count > end).then(|| end.to_string());
    Ok(json!({"observables": rows, "left_out": all.left_out, "next": next}))
}

/// What is known of a value. Wherever a part begins, the members besides the entries are about all of them.
pub(super) async fn about(pages: &Pages, person: &Person, value: &str, slice: &Slice) -> Result<Value, Refusal> {
    slice.start()?;
    let about = pages.desk()?.about(person, value).await.map_err(refusal)?;
    let one = observables::one(value);
    let seen = seen(&pages.site(), person, one.iter()).await.map_err(failed)?.and_then(|mut seen| seen.pop());
    let mut answer = object(about_members(value, one.as_ref(), &about, seen.as_ref()));
    let page = slice.part(about.found.iter().map(found_json))?;
    answer.insert("entries".into(), json!(page.rows));
    answer.insert("next".into(), json!(page.next));
    Ok(Value::Object(answer))
}
