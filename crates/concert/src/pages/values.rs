//! What is known of values: in the journals of all incidents, and in the events.

use concert_model::access::Person;
use concert_pipeline::observables;
use concert_server::site::{Refusal, Slice};
use serde_json::{Map, Value, json};

use super::desk::{found_json, refusal};
use super::{Pages, failed};
use crate::incidents::Counted;
use crate::seen::{about_members, pulled_members, seen};

fn object(members: impl IntoIterator<Item = (&'static str, Value)>) -> Map<String, Value> {
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Letters of a cursor that say up to which entry the values were counted.
const UPTO_CHARS: usize = 16;

/// Values that an incident names. Only those of this part are looked for in the events. Parts that follow go on in the
/// order that held for the first: the cursor says up to which entry was counted.
pub(super) async fn of_incident(pages: &Pages, person: &Person, name: &str, slice: &Slice) -> Result<Value, Refusal> {
    let wrong = || Refusal::Wrong("`cursor` is not one that was given here".into());
    let (upto, slice) = match &slice.cursor {
        None => (None, slice.clone()),
        Some(cursor) => {
            let (upto, rest) = cursor.split_at_checked(UPTO_CHARS).ok_or_else(wrong)?;
            let upto = u64::from_str_radix(upto, 16).map_err(|_| wrong())?;
            (Some(upto), Slice { cursor: Some(rest.to_owned()), ..slice.clone() })
        }
    };
    // What is wrong with the cursor is told before anything is looked up.
    slice.by_key(0, |_| String::new())?;
    let mut next = None;
    let part = |values: &[Counted<'_>]| {
        let key = |at: usize| values.get(at).map(Counted::key).unwrap_or_default();
        slice.by_key(values.len(), key).map_or(0..0, |(part, behind)| {
            next = behind;
            part
        })
    };
    let all = pages.desk()?.observables(person, name, upto, part).await.map_err(refusal)?;
    let shown = || all.values.iter();
    let seen = seen(&pages.site(), person, shown().map(|pulled| &pulled.one)).await.map_err(failed)?;
    let seen = seen.unwrap_or_default();
    let rows: Vec<Value> =
        shown().enumerate().map(|(at, pulled)| Value::Object(object(pulled_members(pulled, seen.get(at))))).collect();
    let next = next.map(|next| format!("{:0UPTO_CHARS$x}{next}", all.upto));
    Ok(json!({"observables": rows, "next": next}))
}

/// What is known of a value. Wherever a part begins, the members besides the entries are about all of them.
pub(super) async fn about(pages: &Pages, person: &Person, value: &str, slice: &Slice) -> Result<Value, Refusal> {
    slice.by_key(0, |_| String::new())?;
    let about = pages.desk()?.about(person, value).await.map_err(refusal)?;
    let one = observables::one(value);
    let seen = seen(&pages.site(), person, one.iter()).await.map_err(failed)?.and_then(|mut seen| seen.pop());
    let mut answer = object(about_members(value, one.as_ref(), &about, seen.as_ref()));
    // The newest first.
    let page = slice.part_of(&about.found, |found| format!("{:020}", u64::MAX - found.kept.seq), found_json)?;
    answer.insert("entries".into(), json!(page.rows));
    answer.insert("next".into(), json!(page.next));
    Ok(Value::Object(answer))
}
