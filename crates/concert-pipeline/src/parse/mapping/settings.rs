//! Reading the settings of a [`Mapping`].

use std::collections::HashMap;

use concert_model::problem::meant;
use concert_model::{Field, Keys, taxonomy};

use super::moment::read_time_formats;
use super::{Column, Mapping, Target};

/// What to do about a type that is none.
pub(in crate::parse) const TYPES_HINT: &str =
    "such as scanner, brute-force, infected-system, c2-server, phishing, spam";
/// Most columns that can be named in settings.
const COLUMNS_MAX: usize = 2000;

impl Mapping {
    /// Reads the settings named above.
    pub fn read(keys: &mut Keys<'_>) -> Self {
        let about = "column of the report = field; \"a|b\" is the first that fits, \"-\" none";
        let columns = keys.pairs("columns", about);
        let mut mapping = Mapping { takes_field_names: columns.is_empty(), ..Mapping::default() };
        mapping.read_columns(keys, "columns", columns);
        mapping.tell_replaced(keys, "columns");
        mapping.read_rest(keys);
        mapping
    }

    /// The same for a format that names its columns itself: the setting `key` adds to these, or
    /// overrides them. Columns that are named like a field fill it too.
    pub fn read_known(keys: &mut Keys<'_>, key: &str, known: &[(&str, &str)], types: &[(&str, &'static str)]) -> Self {
        let given = keys.pairs(key, "name in the report = field, beside the known names");
        let known = known.iter().map(|(name, field)| ((*name).to_owned(), (*field).to_owned()));
        let mut columns: Vec<(String, String)> =
            known.filter(|(name, _)| !given.iter().any(|(other, _)| other == name)).collect();
        columns.extend(given);
        let mut mapping = Mapping { takes_field_names: true, ..Mapping::default() };
        mapping.read_columns(keys, key, columns);
        mapping.read_rest(keys);
        mapping.types.extend(types.iter().map(|(word, kind)| ((*word).to_owned(), *kind)));
        mapping
    }

    fn read_rest(&mut self, keys: &mut Keys<'_>) {
        self.read_require(keys);
        self.time_formats = read_time_formats(keys);
        self.read_types(keys);
        self.ignore_values = if keys.has("ignore_values") {
            keys.texts("ignore_values", "values that mean nothing is there")
        } else {
            keys.texts("ignore_values", "values that mean nothing is there; by default \"-\", \"N/A\" and \"n/a\"");
            ["-", "N/A", "n/a"].map(str::to_owned).to_vec()
        };
        self.prefix_url = keys.text("prefix_url", "put before a URL that has no scheme, such as \"http://\"");
        self.refang = keys.flag_or("refang", false, "undo hxxp and [.] in every value");
    }

    fn read_columns(&mut self, keys: &mut Keys<'_>, key: &str, given: Vec<(String, String)>) {
        let prefixes = keys.pairs("prefix", "column = text put before its value");
        for (name, _) in &prefixes {
            if !given.iter().any(|(column, _)| column == name) {
                keys.problem("prefix", format!("`{name}` is not in {key}"), "name the column there too");
            }
        }
        if given.len() > COLUMNS_MAX {
            keys.problem(key, format!("more than {COLUMNS_MAX} columns"), "the others are kept without being named");
        }
        for (name, fields) in given.into_iter().take(COLUMNS_MAX) {
            let mut fills = Vec::new();
            for fill in fields.split(',').map(str::trim).filter(|fill| !fill.is_empty() && *fill != "-") {
                let targets = fill.split('|').filter_map(|field| read_target(keys, key, &name, field.trim()));
                fills.push(targets.collect());
            }
            let prefix = prefixes.iter().find(|(column, _)| *column == name).map(|(_, text)| text.clone());
            self.by_name.insert(name.clone(), self.columns.len());
            self.columns.push(Column { name, fills, prefix: prefix.unwrap_or_default() });
        }
        let words = [("extra", true), ("drop", false)];
        let about = "columns that are not named: kept as extra.<column>, or dropped";
        self.keep_unmapped = keys.choice_or("unmapped", &words, "extra", about).unwrap_or(true);
    }

    /// Tells of columns of which one would replace what another says. Where there are other fields for it none does.
    fn tell_replaced(&self, keys: &mut Keys<'_>, key: &str) {
        let mut filled: HashMap<&Target, &str> = HashMap::new();
        for column in &self.columns {
            let only = column.fills.iter().filter_map(|fill| match fill.as_slice() {
                [only] => Some(only),
                _ => None,
            });
            for target in only {
                let (name, shown) = (&column.name, target.shown());
                let Some(other) = filled.insert(target, name).filter(|other| other != name) else { continue };
                let table = keys.table(key);
                let place = table.key_place(other).unwrap_or_else(|| table.place());
                table.problem(
                    name,
                    format!("`{name}` fills `{shown}`, and so does `{other}` at {place}: one would replace the other"),
                    format!(
                        "write {other} = \"{shown}|extra\" and {name} = \"{shown}|extra\" for the first that has a value, or leave one out"
                    ),
                );
            }
        }
    }

    fn read_require(&mut self, keys: &mut Keys<'_>) {
        for name in keys.texts("require", "fields without which there is no event") {
            match Field::named(&name) {
                Some(field) => self.require.push(field),
                None => unknown_field(keys, "require", &name),
            }
        }
    }

    fn read_types(&mut self, keys: &mut Keys<'_>) {
        for (word, kind) in keys.pairs("types", "word of the feed = classification.type; \"*\" at the end for any rest")
        {
            match taxonomy::type_of(&kind) {
                Some((kind, _)) => self.types.push((word.to_lowercase(), kind)),
                None => {
                    let hint = meant(&kind, taxonomy::TYPES.iter().map(|(name, _)| *name), TYPES_HINT);
                    keys.problem("types", format!("`{kind}` is not a classification type"), hint);
                }
            }
        }
        // The longer word is the narrower one: `scan-port*` before `scan*` before `*`.
        self.types.sort_by_key(|(word, _)| std::cmp::Reverse((!word.ends_with('*'), word.len())));
    }
}

fn read_target(keys: &Keys<'_>, key: &str, column: &str, field: &str) -> Option<Target> {
    if field == "extra" {
        return Some(Target::Extra(column.to_owned()));
    }
    if let Some(name) = field.strip_prefix("extra.").filter(|name| !name.is_empty()) {
        return Some(Target::Extra(name.to_owned()));
    }
    let found = Field::named(field).map(Target::Field);
    if found.is_none() {
        unknown_field(keys, key, field);
    }
    found
}

fn unknown_field(keys: &Keys<'_>, key: &str, name: &str) {
    let hint = meant(name, Field::all().map(Field::name), "fields that are not in the list begin with extra.");
    keys.problem(key, format!("`{name}` is not a field"), hint);
}
