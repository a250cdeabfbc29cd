//! What of an entry decides who sees it, besides who has to do with the incident.

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use concert_model::access::{Action, Circle, Object, Person, is_field, may, sees_speakers, sees_standing};
use concert_model::incident::content::Content;
use concert_model::incident::journal::Body;
use concert_model::incident::marking::Marking;
use serde_json::{Value, json};

use super::Kept;

/// How an entry is marked, who wrote it, for which party it gives somebody the word, with which incident it joins, and
/// of which party it says how that stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sight<'k> {
    marking: &'k Marking,
    author: &'k str,
    speaks_for: &'k str,
    joins: &'k str,
    stands: &'k str,
}

impl<'k> Sight<'k> {
    /// That of an entry; `None` where whoever sees the incident sees it.
    pub(super) fn of(body: Option<&'k (Body, Content)>) -> Option<Self> {
        let (body, content) = body?;
        let (speaks_for, joins, stands) = match content {
            Content::RoleMoved(moved) => (moved.party.as_str(), "", ""),
            Content::Joined(joined) => ("", joined.incident.as_str(), ""),
            Content::Erased(erased) => ("", erased.joins.as_str(), ""),
            Content::PartyMoved(moved) => ("", "", moved.party.as_str()),
            _ => ("", "", ""),
        };
        let is_open = speaks_for.is_empty() && is_field(&body.kind);
        (!is_open).then_some(Self { marking: &body.marking, author: &body.author, speaks_for, joins, stands })
    }

    /// That of what was erased: it is seen like the entry that says so.
    pub(super) fn of_sealed(marking: &'k Marking, author: &'k str, joins: &'k str) -> Self {
        Self { marking, author, speaks_for: "", joins, stands: "" }
    }

    /// Whether a person who sees the incident sees it too, as far as the other incident does not count.
    pub(super) fn is_of(&self, person: &Person, circle: &Circle) -> bool {
        let Self { marking, author, speaks_for, stands, .. } = *self;
        match (speaks_for, stands) {
            ("", "") => may(person, Action::See, Object::Item { circle, marking, author }).allowed,
            ("", party) => sees_standing(person, circle, (marking, author), party).allowed,
            (party, _) => sees_speakers(person, circle, party).allowed,
        }
    }
}

/// Entries that the same people see have the same number; those that everybody sees who sees the incident have none.
pub(super) type Alike = Option<NonZeroU64>;

/// Numbers given so far, by what lists keep of a sight.
static ALIKE: Mutex<BTreeMap<String, NonZeroU64>> = Mutex::new(BTreeMap::new());
/// How many are remembered. Forgetting them costs decisions and changes none.
const ALIKE_MAX: usize = 10_000;

/// The number of those that are seen by whoever sees this.
pub(super) fn alike(sight: Option<Sight<'_>>) -> Alike {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let text = Some(text(sight)).filter(|text| !text.is_empty())?;
    let mut known = ALIKE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(number) = known.get(&text) {
        return Some(*number);
    }
    if known.len() >= ALIKE_MAX {
        known.clear();
    }
    let number = NonZeroU64::new(NEXT.fetch_add(1, Ordering::Relaxed))?;
    known.insert(text, number);
    Some(number)
}

/// Whether a person who sees an incident sees its entries. Of those that are alike it is decided once.
pub(super) struct Sights<'c> {
    circle: &'c Circle,
    person: &'c Person,
    decided: Vec<(Alike, bool)>,
}

/// Most decisions remembered; looking through more would take longer than deciding.
const DECIDED_MAX: usize = 100;

impl<'c> Sights<'c> {
    pub(super) fn new(circle: &'c Circle, person: &'c Person) -> Self {
        Self { circle, person, decided: Vec::new() }
    }

    pub(super) fn show(&mut self, kept: &Kept) -> bool {
        if kept.alike.is_none() {
            return true;
        }
        if let Some((_, is_shown)) = self.decided.iter().find(|(known, _)| *known == kept.alike) {
            return *is_shown;
        }
        let is_shown = kept.sight().is_none_or(|sight| sight.is_of(self.person, self.circle));
        if self.decided.len() < DECIDED_MAX {
            self.decided.push((kept.alike, is_shown));
        }
        is_shown
    }
}

/// Leaves in a marking the parties of which a person who sees the incident may know.
pub(super) fn narrow(marking: &mut Marking, person: &Person, circle: &Circle) {
    marking.parties.retain(|party| sees_speakers(person, circle, party).allowed);
}

/// As lists keep it: a JSON text, or nothing for what everybody sees. What is empty at its end is left out: lists of sites
/// hold what was written before there was more to say, and of what is seen alike there is one text.
pub(super) fn text(sight: Option<Sight<'_>>) -> String {
    match sight {
        None => String::new(),
        Some(Sight { marking, author, speaks_for, joins: "", stands: "" }) => {
            json!([marking, author, speaks_for]).to_string()
        }
        Some(Sight { marking, author, speaks_for, joins, stands: "" }) => {
            json!([marking, author, speaks_for, joins]).to_string()
        }
        Some(Sight { marking, author, speaks_for, joins, stands }) => {
            json!([marking, author, speaks_for, joins, stands]).to_string()
        }
    }
}

/// The other incident that one must see too for what lists keep so.
pub(super) fn joins(text: &str) -> Option<String> {
    let all: (Value, Value, Value, String) = serde_json::from_str(text).ok()?;
    Some(all.3)
}

/// Whether a person who sees the incident sees what lists keep so, as far as the other incident of [`joins`] does not
/// count. What cannot be read nobody sees.
pub(super) fn shows(text: &str, person: &Person, circle: &Circle) -> bool {
    if text.is_empty() {
        return true;
    }
    let Ok(mut parts) = serde_json::from_str::<Vec<Value>>(text) else { return false };
    if !(3..=5).contains(&parts.len()) {
        return false;
    }
    let Ok(marking) = serde_json::from_value::<Marking>(parts.remove(0)) else { return false };
    let mut texts = parts.iter().map(Value::as_str);
    let mut next = || texts.next().unwrap_or(Some(""));
    let (Some(author), Some(speaks_for), Some(_), Some(stands)) = (next(), next(), next(), next()) else {
        return false;
    };
    Sight { marking: &marking, author, speaks_for, joins: "", stands }.is_of(person, circle)
}

/// The same as a value: of one thing there may be several texts.
pub(super) fn value(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or(Value::Null)
}
