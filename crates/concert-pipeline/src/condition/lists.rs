//! Lists that events carry (`extra.*` as JSON): what is in them, and what holds for their members.

use std::borrow::Cow;

use concert_model::{Field, Value};

use super::work::{Found, Work};
use super::{Id, Look, Name, Node};

/// Most members that are looked at; a longer list is like one that is absent.
const MEMBERS_MAX: usize = 1_000;

/// For how many members of a list something must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    Some,
    All,
    One,
}

/// A question about the members of a list, each under a name.
#[derive(Debug)]
pub(super) struct Each {
    pub list: Name,
    pub name: Box<str>,
    pub how: How,
    pub node: Node,
}

impl How {
    /// Whether so many of all make it hold; `holds` is asked no more often than needed.
    pub(super) fn over<T>(self, items: impl IntoIterator<Item = T>, mut holds: impl FnMut(T) -> bool) -> bool {
        let mut items = items.into_iter();
        match self {
            How::Some => items.any(holds),
            How::All => items.all(holds),
            How::One => items.filter_map(|item| holds(item).then_some(())).take(2).count() == 1,
        }
    }
}

impl Each {
    pub(super) fn holds(&self, event: &impl Look) -> bool {
        let Some(members) = self.list.value(event).and_then(|value| members(&value)) else { return false };
        let event: &dyn Look = event;
        self.how.over(&members, |member| self.node.holds(&Member { event, name: &self.name, member }))
    }
}

/// Whether a value is in a list, or is the name of a member of an object.
pub(super) fn is_within(item: &Work, list: &Name, event: &impl Look) -> bool {
    let (Some(item), Some(list)) = (item.find(event), list.value(event)) else { return false };
    let equal = |member: &serde_json::Value| {
        let member = value(member).map(Found::Value);
        member.is_some_and(|member| item.compare(&member).is_some_and(std::cmp::Ordering::is_eq))
    };
    members(&list).is_some_and(|members| members.iter().any(equal))
}

/// The members of a list; the names of those of an object.
fn members(list: &Value<'_>) -> Option<Vec<serde_json::Value>> {
    let Value::Json(text) = list else { return None };
    let members = match serde_json::from_str(text).ok()? {
        serde_json::Value::Array(items) => items,
        serde_json::Value::Object(members) => members.into_iter().map(|(name, _)| name.into()).collect(),
        _ => return None,
    };
    (members.len() <= MEMBERS_MAX).then_some(members)
}

fn value(member: &serde_json::Value) -> Option<Value<'_>> {
    match member {
        serde_json::Value::Null => None,
        serde_json::Value::Bool(truth) => Some(Value::Bool(*truth)),
        serde_json::Value::String(text) => Some(Value::text(text)),
        serde_json::Value::Number(number) => match number.as_i64() {
            Some(number) => Some(Value::Int(number)),
            None => number.as_f64().map(Value::Float),
        },
        other => Some(Value::Json(Cow::Owned(other.to_string()))),
    }
}

/// An event of whose lists one member has a name.
struct Member<'a> {
    event: &'a dyn Look,
    name: &'a str,
    member: &'a serde_json::Value,
}

impl Look for Member<'_> {
    fn value(&self, field: Field) -> Option<Value<'_>> {
        self.event.value(field)
    }
    fn has(&self, field: Field) -> bool {
        self.event.has(field)
    }
    fn extra_name(&self, field: Field) -> &str {
        self.event.extra_name(field)
    }
    fn find_extra(&self, name: &str) -> Option<Field> {
        self.event.find_extra(name)
    }
    fn id(&self, id: Id) -> Option<Value<'_>> {
        self.event.id(id)
    }
    fn member(&self, path: &str) -> Option<Value<'_>> {
        let mut names = path.split('.');
        if names.next() != Some(self.name) {
            return self.event.member(path);
        }
        value(names.try_fold(self.member, |member, name| member.get(name))?)
    }
}
