//! From a JSON record to the columns of a [`Mapping`].
//!
//! A column is a path into the record: `a.b`, `a[0].b`. What no column names is kept whole under the
//! shortest path that no column goes into. Without `columns`, objects are followed as far as fields are
//! named (`{"source": {"ip": ...}}`).

use std::collections::HashSet;

use concert_model::{Field, Keys};
use serde_json::Value;

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

    /// Puts a record: an object by its members, anything else as the column `value`.
    pub(super) fn put(&self, draft: &mut Draft<'_>, record: &Value) -> Result<(), Fault> {
        match record {
            Value::Object(_) => self.walk(draft, &mut String::new(), record)?,
            other => self.mapping.put_json(draft, "value", other)?,
        }
        self.mapping.finish(draft)
    }

    fn walk(&self, draft: &mut Draft<'_>, path: &mut String, value: &Value) -> Result<(), Fault> {
        if self.drop.contains(path.as_str()) {
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
                    self.walk(draft, path, member)?;
                    path.truncate(length);
                }
                Ok(())
            }
            Value::Array(items) if followed => {
                for (index, item) in items.iter().take(MEMBERS_MAX).enumerate() {
                    path.push_str(&format!("[{index}]"));
                    self.walk(draft, path, item)?;
                    path.truncate(length);
                }
                Ok(())
            }
            other => self.mapping.put_json(draft, path, other),
        }
    }
}

/// One record as JSON text. The reason names the column where reading stopped.
pub(super) fn record(text: &[u8]) -> Result<Value, Fault> {
    super::scan::check_depth(text)?;
    serde_json::from_slice(text).map_err(|error| Fault::new("", reason(&error, error.line(), error.column())))
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
