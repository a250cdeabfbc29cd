//! From a JSON record to the columns of a [`Mapping`].
//!
//! A column is a path into the record: `a.b`, `a[0].b`. What no column names is kept whole under the
//! shortest path that no column goes into. Without `columns`, objects are followed as far as fields are
//! named (`{"source": {"ip": ...}}`).

use std::collections::HashSet;

use concert_model::{Field, Keys};
use serde_json::Value;

use super::scan::Piece;
use super::{Draft, Fault, Mapping};

/// Most members of one record that are looked at.
const MEMBERS_MAX: usize = 10_000;

/// How JSON records of a feed become fields.
pub(super) struct Flat {
    mapping: Mapping,
    /// Paths never kept.
    drop: HashSet<String>,
    /// Paths that lead to a column, a dropped path, or a field.
    inner: HashSet<String>,
}

impl Flat {
    /// Reads the settings of [`Mapping`] and `drop`.
    pub(super) fn read(keys: &mut Keys<'_>) -> Self {
        let mapping = Mapping::read(keys);
        Self::new(mapping, keys.texts("drop", "paths that are never kept, such as tried passwords"))
    }

    /// With a mapping that was read before.
    pub(super) fn new(mapping: Mapping, drop: Vec<String>) -> Self {
        let mut inner = HashSet::new();
        let mut paths: Vec<&str> = mapping.columns().iter().map(super::Column::name).collect();
        paths.extend(drop.iter().map(String::as_str));
        if mapping.takes_field_names() {
            Field::all().for_each(|field| paths.push(field.name()));
        }
        for path in paths {
            let ends = path.char_indices().filter(|(_, c)| matches!(c, '.' | '['));
            inner.extend(ends.filter_map(|(at, _)| path.get(..at)).map(str::to_owned));
        }
        if mapping.takes_field_names() {
            inner.insert("extra".to_owned());
        }
        Self { mapping, drop: drop.into_iter().collect(), inner }
    }

    /// The mapping.
    pub(super) fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    /// One record as JSON text, with every member. One that is there again is kept under another name, unless it is used:
    /// then nothing says which one is meant.
    pub(super) fn record(&self, text: &[u8]) -> Result<Value, Fault> {
        super::scan::check_depth(text)?;
        match super::twice::value(text) {
            Ok((_, true)) => self.all(text),
            Ok((value, false)) => Ok(value),
            Err(error) => Err(Fault::foreign(reason(&error, error.line(), error.column()))),
        }
    }

    /// The same for what was read already and has a member twice.
    pub(super) fn all(&self, text: &[u8]) -> Result<Value, Fault> {
        let left_out = |path: &str| self.mapping.column(path).is_some() && self.mapping.resolve(path).is_none();
        let read = super::twice::all(text, &|path| self.drop.contains(path) || left_out(path));
        let (value, twice) = read.map_err(|error| Fault::new("", reason(&error, error.line(), error.column())))?;
        // What lies in an object that is kept whole is not used.
        let is_followed = |path: &str| {
            path.rfind(['.', '[']).is_none_or(|end| self.inner.contains(path.get(..end).unwrap_or_default()))
        };
        let is_used = |path: &&String| self.inner.contains(*path) || self.mapping.knows(path) && is_followed(path);
        match twice.iter().find(is_used) {
            Some(path) => Err(twice_at(path)),
            None => Ok(value),
        }
    }

    /// Puts a record: an object by its members, anything else as the column `value`. One in which nothing
    /// is named is of another kind: it would give an event that says nothing.
    pub(super) fn put(&self, draft: &mut Draft<'_>, record: &Value) -> Result<(), Fault> {
        self.put_beside(draft, record, false)
    }

    /// The same for a record beside which a column was filled already, if it was.
    pub(super) fn put_beside(&self, draft: &mut Draft<'_>, record: &Value, is_filled: bool) -> Result<(), Fault> {
        let mut named = Named { is_known: is_filled, is_said: is_filled };
        match record {
            Value::Object(_) => self.walk(draft, &mut String::new(), record, &mut named)?,
            other => {
                named.see(self.mapping.knows("value"), || !self.mapping.is_blank(other));
                self.mapping.put_json(draft, "value", other)?;
            }
        }
        if !named.is_known {
            return Err(Fault::foreign(self.nothing_known(record)));
        }
        if !named.is_said {
            return Err(Fault::new("", "every member that is a field or named in the settings is empty"));
        }
        self.mapping.finish(draft)
    }

    fn nothing_known(&self, record: &Value) -> String {
        let Value::Object(members) = record else { return "not an object, and no column is called `value`".to_owned() };
        let has = listed(members.keys().map(String::as_str));
        if self.mapping.takes_field_names() {
            return format!(
                "none of its members is a field such as source.ip, or named in the settings; it has: {has}"
            );
        }
        let named = listed(self.mapping.columns().iter().map(super::Column::name));
        format!("it has none of the columns {named}; it has: {has}")
    }

    fn walk(&self, draft: &mut Draft<'_>, path: &mut String, value: &Value, named: &mut Named) -> Result<(), Fault> {
        if !named.is_said {
            named.see(self.mapping.knows(path), || !self.mapping.is_blank(value));
        }
        if self.drop.contains(path.as_str()) {
            named.see(true, || true);
            return Ok(());
        }
        let followed = path.is_empty() || self.inner.contains(path.as_str()) && self.mapping.column(path).is_none();
        let length = path.len();
        match value {
            Value::Object(members) if followed => {
                if members.len() > MEMBERS_MAX {
                    return Err(Fault::new(path.as_str(), "more than 10000 members"));
                }
                for (name, member) in members {
                    if !path.is_empty() {
                        path.push('.');
                    }
                    path.push_str(name);
                    self.walk(draft, path, member, named)?;
                    path.truncate(length);
                }
                Ok(())
            }
            Value::Array(items) if followed => {
                for (index, item) in items.iter().take(MEMBERS_MAX).enumerate() {
                    path.push_str(&format!("[{index}]"));
                    self.walk(draft, path, item, named)?;
                    path.truncate(length);
                }
                Ok(())
            }
            other => self.mapping.put_json(draft, path, other),
        }
    }
}

/// What was found in a record of what has a name in the mapping.
struct Named {
    /// A member is named.
    is_known: bool,
    /// And has a value.
    is_said: bool,
}

impl Named {
    fn see(&mut self, is_known: bool, is_said: impl FnOnce() -> bool) {
        self.is_known |= is_known;
        self.is_said |= is_known && is_said();
    }
}

/// Refuses a record without any of the members that a list of this form has in each.
pub(super) fn has_one_of(names: &[&str], record: &Value) -> Result<(), Fault> {
    let Value::Object(members) = record else { return Err(Fault::foreign("not an object")) };
    if names.iter().any(|name| members.contains_key(*name)) {
        return Ok(());
    }
    let (named, has) = (names.join(", "), listed(members.keys().map(String::as_str)));
    Err(Fault::foreign(format!("it has none of the members {named}; it has: {has}")))
}

/// Some names for people: the first few, where there are many.
pub(super) fn listed<'n>(names: impl Iterator<Item = &'n str>) -> String {
    const SHOWN: usize = 10;
    const NAME_CHARS_MAX: usize = 60;
    let mut names = names.map(|name| name.chars().take(NAME_CHARS_MAX).collect::<String>());
    let mut shown: Vec<String> = names.by_ref().take(SHOWN).collect();
    let others = names.count();
    if others > 0 {
        shown.push(format!("and {others} more"));
    }
    if shown.is_empty() { "nothing".to_owned() } else { shown.join(", ") }
}

/// One record as JSON text, in which every member is there once. The reason names the column where reading stopped.
pub(super) fn record(text: &[u8]) -> Result<Value, Fault> {
    super::scan::check_depth(text)?;
    match super::twice::value(text) {
        Ok((value, false)) => Ok(value),
        Ok((_, true)) => Err(told_twice(text)),
        Err(error) => Err(Fault::foreign(reason(&error, error.line(), error.column()))),
    }
}

/// Refuses a record in which a member is there twice, for those who know by themselves what each member means.
pub(super) fn once_each(piece: &Piece<'_>) -> Result<(), Fault> {
    if piece.has_twice { Err(told_twice(piece.bytes)) } else { Ok(()) }
}

fn told_twice(text: &[u8]) -> Fault {
    let found = super::twice::all(text, &|_| false).map(|(_, paths)| paths).unwrap_or_default();
    twice_at(found.first().map_or("", String::as_str))
}

fn twice_at(path: &str) -> Fault {
    Fault::new(path, "this member is there twice, so it does not say which one is meant")
}

/// The reason with the place where it is in the whole document.
pub(super) fn reason(error: &serde_json::Error, line: usize, column: usize) -> String {
    let text = error.to_string();
    let what = text.split(" at line ").next().unwrap_or("");
    if line > 1 {
        format!("not JSON: {what} at line {line}, column {column}")
    } else {
        format!("not JSON: {what} at column {column}")
    }
}
