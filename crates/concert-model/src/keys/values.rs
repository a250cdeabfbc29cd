//! Reading one value: each kind has its function, which tells what else stands there.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use toml_edit::{Item, TableLike, Value};

use super::{
    Keys, Layer, NamedFile, PATHS_HINT, Secret, key_place_in, parse_duration, parse_size, place_of, quote, replaced,
    shown,
};
use crate::Problem;
use crate::problem::meant;

impl<'a> Keys<'a> {
    /// A text, or nothing.
    pub fn text(&mut self, name: &str, about: &str) -> Option<String> {
        self.ask(name, "text", "", about, |value| value.as_str().map(str::to_owned))
    }

    /// A text with a default.
    pub fn text_or(&mut self, name: &str, default: &str, about: &str) -> String {
        self.ask(name, "text", &quote(default), about, |value| value.as_str().map(str::to_owned))
            .unwrap_or_else(|| default.to_owned())
    }

    /// A text that must be given; a problem and `None` when it is not.
    pub fn require(&mut self, name: &str, about: &str) -> Option<String> {
        let text = self.text(name, about);
        if text.is_none() && !self.has(name) && !self.layers.is_empty() {
            self.missing(name, about);
        }
        text
    }

    /// Says that a key that must be given is not.
    pub fn missing(&self, name: &str, about: &str) {
        let place = self.place();
        if self.reading.gaps.iter().any(|gap| gap.covers(&place)) {
            return;
        }
        let problem = Problem::new(format!("`{name}` is missing in {}", self.shown())).at(place);
        self.reading.problem(problem.hint(format!("{name}: {about}")));
    }

    /// true or false, with a default.
    pub fn flag_or(&mut self, name: &str, default: bool, about: &str) -> bool {
        self.ask(name, "true or false", &default.to_string(), about, Value::as_bool).unwrap_or(default)
    }

    /// A whole number in a range, with a default.
    pub fn number_or(&mut self, name: &str, default: u64, range: std::ops::RangeInclusive<u64>, about: &str) -> u64 {
        self.number(name, &default.to_string(), range, about).unwrap_or(default)
    }

    /// A whole number in a range, or nothing.
    pub fn number_in(&mut self, name: &str, range: std::ops::RangeInclusive<u64>, about: &str) -> Option<u64> {
        self.number(name, "", range, about)
    }

    fn number(&mut self, name: &str, default: &str, range: std::ops::RangeInclusive<u64>, about: &str) -> Option<u64> {
        let number = self.ask(name, "whole number", default, about, Value::as_integer)?;
        let number = u64::try_from(number).ok().filter(|number| range.contains(number));
        if number.is_none() {
            let hint = match default {
                "" => format!("{name} = {}: {about}", range.start()),
                default => format!("{name} = {default}"),
            };
            self.problem(name, format!("`{name}` must be {} to {}", range.start(), range.end()), hint);
        }
        number
    }

    /// A duration such as `"15m"`, with a default that is written the same way.
    pub fn duration_or(&mut self, name: &str, default: &str, about: &str) -> Duration {
        self.duration_text(name, &quote(default), about).unwrap_or_else(|| parse_duration(default).unwrap_or_default())
    }

    /// A duration such as `"15m"`, or nothing.
    pub fn duration(&mut self, name: &str, about: &str) -> Option<Duration> {
        self.duration_text(name, "", about)
    }

    fn duration_text(&mut self, name: &str, default: &str, about: &str) -> Option<Duration> {
        let text = self.ask(name, "duration", default, about, |value| value.as_str().map(str::to_owned))?;
        let duration = parse_duration(&text);
        if duration.is_none() {
            self.problem(
                name,
                format!("`{name}` must be a duration, not `{text}`"),
                "write a number and s, m, h or d: \"90s\", \"15m\", \"24h\", \"7d\"",
            );
        }
        duration
    }

    /// A date such as `2026-11-22`, or nothing.
    pub fn date(&mut self, name: &str, about: &str) -> Option<jiff::civil::Date> {
        self.ask(name, "date", "", about, |value| {
            let given = value.as_datetime().filter(|given| given.time.is_none() && given.offset.is_none())?.date?;
            let small = |number: u8| i8::try_from(number).ok();
            jiff::civil::Date::new(i16::try_from(given.year).ok()?, small(given.month)?, small(given.day)?).ok()
        })
    }

    /// A size in bytes such as `"64MiB"`, with a default that is written the same way.
    pub fn size_or(&mut self, name: &str, default: &str, about: &str) -> u64 {
        let fallback = parse_size(default).unwrap_or_default();
        let Some(text) = self.ask(name, "size", &quote(default), about, |value| value.as_str().map(str::to_owned))
        else {
            return fallback;
        };
        parse_size(&text).unwrap_or_else(|| {
            self.problem(
                name,
                format!("`{name}` must be a size, not `{text}`"),
                "write a number and B, KiB, MiB, GiB or TiB: \"64MiB\"",
            );
            fallback
        })
    }

    /// One of some words, with a default (an index-free pair list: word and what it stands for).
    pub fn choice_or<T: Copy>(&mut self, name: &str, words: &[(&str, T)], default: &str, about: &str) -> Option<T> {
        let kind = words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
        let default_text = if default.is_empty() { String::new() } else { quote(default) };
        let given = self.ask(name, &kind, &default_text, about, |value| value.as_str().map(str::to_owned));
        let word = given.as_deref().unwrap_or(default);
        let found = words.iter().find(|(known, _)| *known == word).map(|(_, value)| *value);
        if found.is_none() && given.is_some() {
            let hint = meant(word, words.iter().map(|(word, _)| *word), format!("one of: {kind}"));
            let place = self.value_place(name, 0).unwrap_or_default();
            self.reading.problem(Problem::new(format!("`{word}` is not a value of `{name}`")).at(place).hint(hint));
        }
        found
    }

    /// A list of texts; empty when not given.
    pub fn texts(&mut self, name: &str, about: &str) -> Vec<String> {
        self.ask(name, "list of texts", "", about, |value| {
            value.as_array()?.iter().map(|item| item.as_str().map(str::to_owned)).collect()
        })
        .unwrap_or_default()
    }

    /// A list of texts with a default.
    pub fn texts_or(&mut self, name: &str, default: &[&str], about: &str) -> Vec<String> {
        let shown: Vec<String> = default.iter().map(|text| quote(text)).collect();
        self.ask(name, "list of texts", &format!("[{}]", shown.join(", ")), about, |value| {
            value.as_array()?.iter().map(|item| item.as_str().map(str::to_owned)).collect()
        })
        .unwrap_or_else(|| default.iter().map(|text| (*text).to_owned()).collect())
    }

    /// A secret, given by `{ file = "..." }` or `{ env = "..." }` and never inline.
    pub fn secret(&mut self, name: &str, about: &str) -> Option<Secret> {
        self.note(name, "secret: { file = \"...\" } or { env = \"...\" }", "", about);
        let (_, item) = self.find(name)?;
        let table = item.as_table_like();
        let found = table.filter(|table| table.len() == 1).and_then(|table| {
            ["file", "env"].iter().find_map(|how| Some((*how, table.get(how)?.as_str()?.to_owned())))
        });
        let Some((how, which)) = found else {
            self.problem(
                name,
                format!("`{name}` is a secret and not written here"),
                format!("write {name} = {{ file = \"secrets/{name}\" }} or {{ env = \"NAME\" }}"),
            );
            return None;
        };
        if how == "file" {
            self.note_file(&which, true);
        }
        match (self.reading.secrets)(how, &which) {
            Ok(secret) => Some(self.secret_of(secret)),
            Err(why) => {
                let hint = if how == "file" { PATHS_HINT } else { "set it where the program is started" };
                self.problem(name, format!("the secret for `{name}` cannot be read: {why}"), hint);
                None
            }
        }
    }

    /// Says that a value is the name of a file or folder without which the site is not whole, so that backups hold it.
    pub fn needs_file(&self, path: &str) {
        self.note_file(path, false);
    }

    fn note_file(&self, path: &str, is_secret: bool) {
        self.reading.gathered.borrow_mut().files.push(NamedFile { path: path.to_owned(), is_secret });
    }

    /// The text of a file that is named here, or nothing. The caller of the reading opens it.
    pub fn file_text(&mut self, name: &str, about: &str) -> Option<String> {
        let path = self.text(name, about)?;
        self.needs_file(&path);
        let text = match self.reading.files {
            Some(files) => files(&path),
            None => Err("no files are read here".to_owned()),
        };
        let text =
            text.map_err(|why| self.problem(name, format!("`{path}` cannot be read: {why}"), PATHS_HINT)).ok()?;
        self.note_fetched(&text);
        Some(text)
    }

    /// A table inside this one, always there but possibly empty.
    pub fn table(&mut self, name: &str) -> Keys<'a> {
        self.asked.insert(name.to_owned(), ());
        let mut layers = Vec::new();
        for layer in &self.layers {
            let Some(item) = layer.1.get(name) else { continue };
            match item.as_table_like() {
                Some(inner) => layers.push((layer.0, inner)),
                None => {
                    let problem = Problem::new(format!("`{name}` must be a table"));
                    let hint = format!("write [{}] or {name} = {{ ... }}", self.join(name));
                    self.reading.problem(problem.at(key_place_in(layer, name).unwrap_or_default()).hint(hint));
                }
            }
        }
        let begins = self.key_place(name).unwrap_or_default();
        Keys { reading: self.reading, whole: self.whole, path: self.join(name), layers, begins, asked: BTreeMap::new() }
    }

    /// The tables of a list of tables (`[[feed]]`), in order over all files. Each is called by its
    /// `name` where it has one.
    pub fn tables(&mut self, name: &str) -> Vec<Keys<'a>> {
        self.asked.insert(name.to_owned(), ());
        let mut found: Vec<(Layer<'a>, Option<Range<usize>>)> = Vec::new();
        for layer in &self.layers {
            let (source, table) = layer;
            match table.get(name) {
                Some(Item::ArrayOfTables(list)) => {
                    found.extend(list.iter().map(|table| ((*source, table as &dyn TableLike), table.span())));
                }
                Some(Item::Value(Value::Array(list))) if list.iter().all(Value::is_inline_table) => {
                    let tables = list.iter().filter_map(Value::as_inline_table);
                    found.extend(tables.map(|table| ((*source, table as &dyn TableLike), table.span())));
                }
                Some(_) => {
                    let problem = Problem::new(format!("`{name}` must be a list of tables"));
                    let hint = format!("write [[{}]]", self.join(name));
                    self.reading.problem(problem.at(key_place_in(layer, name).unwrap_or_default()).hint(hint));
                }
                None => {}
            }
        }
        let path = self.join(name);
        found
            .into_iter()
            .map(|(layer, span)| {
                let label = layer.1.get("name").and_then(Item::as_str).map(|label| format!("{path}.{label}"));
                Keys {
                    reading: self.reading,
                    whole: self.whole,
                    path: label.unwrap_or_else(|| path.clone()),
                    layers: vec![layer],
                    begins: span.map(|span| layer.0.place(span.start)).unwrap_or_default(),
                    asked: BTreeMap::new(),
                }
            })
            .collect()
    }

    /// Names and texts of a table whose keys are free (`columns`, `constant`, `headers`), in order.
    pub fn pairs(&mut self, name: &str, about: &str) -> Vec<(String, String)> {
        self.note(name, "table of texts", "", about);
        let mut pairs: Vec<Pair> = Vec::new();
        let mut replaces = Vec::new();
        for layer in self.layers.iter().filter(|(_, table)| table.contains_key(name)) {
            let wrong = |what: String, hint: String| {
                let place = key_place_in(layer, name).unwrap_or_default();
                self.reading.problem(Problem::new(what).at(place).hint(hint));
            };
            let Some(table) = layer.1.get(name).and_then(Item::as_table_like) else {
                wrong(format!("`{name}` must be a table of texts"), format!("write {name} = {{ key = \"text\" }}"));
                continue;
            };
            for (key, item) in table.iter() {
                let text = match item.as_value() {
                    Some(Value::String(text)) => text.value().clone(),
                    Some(other @ (Value::Integer(_) | Value::Float(_) | Value::Boolean(_))) => {
                        other.to_string().trim().to_owned()
                    }
                    _ => {
                        let hint = format!("write {name} = {{ \"{key}\" = \"text\" }}");
                        wrong(format!("`{key}` in `{name}` must be a text"), hint);
                        continue;
                    }
                };
                let pair =
                    Pair { key: key.to_owned(), text, written: shown(item, false), place: place_of(layer.0, item) };
                match pairs.iter_mut().find(|known| known.key == key) {
                    Some(known) => {
                        let old = std::mem::replace(known, pair);
                        replaces.push(replaced(&format!("{key} = {}", old.written), &old.place));
                    }
                    None => pairs.push(pair),
                }
            }
        }
        if self.given(name).nth(1).is_some() {
            self.note_joined(&pairs, &replaces);
        }
        pairs.into_iter().map(|pair| (pair.key, pair.text)).collect()
    }

    /// Says of the table noted last what several files make of it.
    fn note_joined(&self, pairs: &[Pair], replaces: &[String]) {
        let mut gathered = self.reading.gathered.borrow_mut();
        let Some(noted) = gathered.settings.last_mut() else { return };
        let join = |each: &dyn Fn(&Pair) -> String, by: &str| pairs.iter().map(each).collect::<Vec<_>>().join(by);
        noted.value = format!("{{ {} }}", join(&|pair| format!("{} = {}", pair.key, pair.written), ", "));
        noted.origin = join(&|pair| pair.place.clone(), ", ");
        noted.replaces = replaces.join("; ");
    }
}

/// One name of a table whose keys are free, with what it stands for.
struct Pair {
    key: String,
    text: String,
    /// As it stands in the file, with quotes.
    written: String,
    place: String,
}
