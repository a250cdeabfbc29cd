//! Reading settings: one table of a TOML file at a time, every mistake collected with its place.
//!
//! Each key is asked for once, with its type, default and meaning. The same calls fill what
//! `concert settings` prints and what the manual lists, so a key cannot exist without its sentence.
//! Keys nobody asked for are mistakes. Nothing here opens files: secrets are fetched by the caller.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::Duration;

use toml_edit::{Item, TableLike, Value};

use crate::Problem;
use crate::problem::meant;

/// One settings file: its name as shown to people, and its text.
#[derive(Debug)]
pub struct Source {
    /// Name as it is shown: `concert.toml`, `conf.d/feeds.toml`.
    pub name: String,
    /// The whole text, for lines and columns.
    pub text: String,
}

impl Source {
    /// `name:line:column` of a byte offset.
    pub fn place(&self, offset: usize) -> String {
        let before = self.text.as_bytes().get(..offset).unwrap_or_default();
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let column = 1 + String::from_utf8_lossy(before.get(start..).unwrap_or_default()).chars().count();
        format!("{}:{line}:{column}", self.name)
    }
}

/// Lines of a source of which something could not be read.
#[derive(Clone, Debug)]
pub struct Gap {
    /// The name of the source.
    pub source: String,
    /// Its lines, from 1.
    pub lines: Range<usize>,
}

impl Gap {
    /// Whether a [place](Source::place) is in these lines, or has no line by which that can be known.
    fn covers(&self, place: &str) -> bool {
        let mut parts = place.rsplitn(3, ':').skip(1);
        let line = parts.next().and_then(|line| line.parse::<usize>().ok());
        let is_named = parts.next().is_some_and(|name| name == self.source);
        line.is_none_or(|line| is_named && self.lines.contains(&line))
    }
}

/// One key as it is in force, for `concert settings` and the manual.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Setting {
    /// Full name, `notice.daily.when`.
    pub key: String,
    /// What kind of value it takes: `text`, `duration`, `size`, ...
    pub kind: String,
    /// The value in force, as TOML; `(secret)` for secrets, empty for none.
    pub value: String,
    /// Where it was set, or `default`.
    pub origin: String,
    /// What it means.
    pub about: String,
}

/// A file or folder that a setting names, as it is written there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NamedFile {
    /// Its path; from the folder of the site on, where it is not absolute.
    pub path: String,
    /// Whether it holds a secret.
    pub is_secret: bool,
}

/// What reading gathers besides values.
#[derive(Default)]
pub struct Gathered {
    /// Every mistake found.
    pub problems: Vec<Problem>,
    /// Every key asked for.
    pub settings: Vec<Setting>,
    /// Every file that a setting names and the site needs.
    pub files: Vec<NamedFile>,
}

/// Fetches a secret: `("file", "secrets/imap")` or `("env", "TOKEN")`.
pub type SecretSource<'a> = dyn Fn(&str, &str) -> Result<String, String> + 'a;

/// Fetches the text of a file that a setting names, with a cap on its size.
pub type FileSource<'a> = dyn Fn(&str) -> Result<String, String> + 'a;

/// Where all tables of one reading put what they find.
pub struct Reading<'a> {
    gathered: RefCell<Gathered>,
    secrets: &'a SecretSource<'a>,
    files: Option<&'a FileSource<'a>>,
    gaps: Vec<Gap>,
}

impl<'a> Reading<'a> {
    /// A new reading that fetches secrets this way.
    pub fn new(secrets: &'a SecretSource<'a>) -> Self {
        Self { gathered: RefCell::default(), secrets, files: None, gaps: Vec::new() }
    }

    /// The same reading, which fetches the text of named files this way.
    #[must_use]
    pub fn with_files(mut self, files: &'a FileSource<'a>) -> Self {
        self.files = Some(files);
        self
    }

    /// The same reading of files which could not be read there: of a table in a gap no key is said to be missing.
    #[must_use]
    pub fn with_gaps(mut self, gaps: Vec<Gap>) -> Self {
        self.gaps = gaps;
        self
    }

    /// Everything gathered, mistakes in the order of their places.
    pub fn finish(self) -> Gathered {
        self.gathered.into_inner()
    }

    /// Adds a mistake.
    pub fn problem(&self, problem: Problem) {
        self.gathered.borrow_mut().problems.push(problem);
    }
}

/// A secret: never printed, not even by accident.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one place that needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(secret)")
    }
}

/// What is read, unless it is said otherwise.
const WHOLE: &str = "the settings";
/// What to do about a file that is not where settings say.
const PATHS_HINT: &str = "paths begin in the folder of the site";

type Layer<'a> = (&'a Source, &'a dyn TableLike);

/// One table of settings, possibly spread over several files.
pub struct Keys<'a> {
    reading: &'a Reading<'a>,
    /// What the whole is called in mistakes that concern no table of it.
    whole: &'static str,
    path: String,
    layers: Vec<Layer<'a>>,
    /// Where it is written, for a table without keys.
    begins: String,
    asked: BTreeMap<String, ()>,
}

impl<'a> Keys<'a> {
    /// The top of the settings, over all files.
    pub fn root(reading: &'a Reading<'a>, files: Vec<(&'a Source, &'a dyn TableLike)>) -> Self {
        Self {
            reading,
            whole: WHOLE,
            path: String::new(),
            layers: files,
            begins: String::new(),
            asked: BTreeMap::new(),
        }
    }

    /// The same, for what is not the settings: `the process`.
    #[must_use]
    pub fn called(mut self, whole: &'static str) -> Self {
        self.whole = whole;
        self
    }

    /// An empty table, to learn the keys a reader would ask for.
    pub fn empty(reading: &'a Reading<'a>, path: &str) -> Self {
        Self {
            reading,
            whole: WHOLE,
            path: path.to_owned(),
            layers: Vec::new(),
            begins: String::new(),
            asked: BTreeMap::new(),
        }
    }

    /// Whether nothing was written for this table.
    pub fn is_empty(&self) -> bool {
        self.layers.iter().all(|(_, table)| table.is_empty())
    }

    /// Full name of this table.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Where this table begins, for problems that concern all of it.
    pub fn place(&self) -> String {
        self.layers
            .first()
            .and_then(|(source, table)| {
                let (key, _) = table.iter().next()?;
                Some(source.place(table.key(key)?.span()?.start))
            })
            .unwrap_or_else(|| self.begins.clone())
    }

    /// Whether the key was written.
    pub fn has(&self, name: &str) -> bool {
        self.layers.iter().any(|(_, table)| table.contains_key(name))
    }

    /// The names written in this table, for tables whose keys are free.
    pub fn names(&self) -> Vec<String> {
        self.layers.iter().flat_map(|(_, table)| table.iter().map(|(key, _)| key.to_owned())).collect()
    }

    /// Adds a mistake at a key, or at the table where the key is not written.
    pub fn problem(&self, name: &str, what: impl Into<String>, hint: impl Into<String>) {
        let place = self.key_place(name).unwrap_or_else(|| self.place());
        self.reading.problem(Problem::new(what).at(place).hint(hint));
    }

    /// Adds a mistake inside the text of a key, at this byte of the text.
    pub fn problem_in(&self, name: &str, offset: usize, what: impl Into<String>, hint: impl Into<String>) {
        let place = self.text_place(name, offset).unwrap_or_else(|| self.place());
        self.reading.problem(Problem::new(what).at(place).hint(hint));
    }

    /// Adds a mistake at an item of a list, or at its key where the item has no place.
    pub fn problem_item(&self, name: &str, index: usize, what: impl Into<String>, hint: impl Into<String>) {
        let place = self.item_place(name, index).or_else(|| self.key_place(name)).unwrap_or_else(|| self.place());
        self.reading.problem(Problem::new(what).at(place).hint(hint));
    }

    /// Where an item of a list is written.
    pub fn item_place(&self, name: &str, index: usize) -> Option<String> {
        self.layers.iter().find_map(|(source, table)| {
            let item = table.get(name)?.as_array()?.get(index)?;
            Some(source.place(item.span()?.start))
        })
    }

    /// Where a key is written.
    pub fn key_place(&self, name: &str) -> Option<String> {
        self.layers.iter().find_map(|(source, table)| {
            let (key, _) = table.get_key_value(name)?;
            Some(source.place(key.span()?.start))
        })
    }

    /// Where the value of a key begins, for mistakes inside a long text (`offset` bytes into it).
    pub fn value_place(&self, name: &str, offset: usize) -> Option<String> {
        self.layers.iter().find_map(|(source, table)| Some(source.place(table.get(name)?.span()?.start + offset)))
    }

    /// Where a byte of the text given for a key stands in its file, quotes and escapes counted.
    pub fn text_place(&self, name: &str, offset: usize) -> Option<String> {
        self.layers.iter().find_map(|(source, table)| {
            let span = table.get(name)?.span()?;
            let written = source.text.get(span.clone())?;
            Some(source.place(span.start + written_offset(written, offset)))
        })
    }

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
                format!("`{text}` is not a duration"),
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
                format!("`{text}` is not a size"),
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
            Ok(secret) => Some(Secret(secret)),
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
        text.map_err(|why| self.problem(name, format!("`{path}` cannot be read: {why}"), PATHS_HINT)).ok()
    }

    /// A table inside this one, always there but possibly empty.
    pub fn table(&mut self, name: &str) -> Keys<'a> {
        self.asked.insert(name.to_owned(), ());
        let mut layers = Vec::new();
        for (source, table) in &self.layers {
            match table.get(name) {
                Some(item) => match item.as_table_like() {
                    Some(inner) => layers.push((*source, inner)),
                    None => self.problem(
                        name,
                        format!("`{name}` must be a table"),
                        format!("write [{}] or {name} = {{ ... }}", self.join(name)),
                    ),
                },
                None => continue,
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
        for (source, table) in &self.layers {
            match table.get(name) {
                Some(Item::ArrayOfTables(list)) => {
                    found.extend(list.iter().map(|table| ((*source, table as &dyn TableLike), table.span())));
                }
                Some(Item::Value(Value::Array(list))) if list.iter().all(Value::is_inline_table) => {
                    let tables = list.iter().filter_map(Value::as_inline_table);
                    found.extend(tables.map(|table| ((*source, table as &dyn TableLike), table.span())));
                }
                Some(_) => self.problem(
                    name,
                    format!("`{name}` must be a list of tables"),
                    format!("write [[{}]]", self.join(name)),
                ),
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
        let Some((_, item)) = self.find(name) else { return Vec::new() };
        let Some(table) = item.as_table_like() else {
            self.problem(
                name,
                format!("`{name}` must be a table of texts"),
                format!("write {name} = {{ key = \"text\" }}"),
            );
            return Vec::new();
        };
        let mut pairs = Vec::new();
        for (key, value) in table.iter() {
            match value.as_value() {
                Some(Value::String(text)) => pairs.push((key.to_owned(), text.value().clone())),
                Some(other @ (Value::Integer(_) | Value::Float(_) | Value::Boolean(_))) => {
                    pairs.push((key.to_owned(), other.to_string().trim().to_owned()));
                }
                _ => self.problem(
                    name,
                    format!("`{key}` in `{name}` must be a text"),
                    format!("write {name} = {{ \"{key}\" = \"text\" }}"),
                ),
            }
        }
        pairs
    }

    /// Takes keys that nobody asked for as if somebody had, so that they are no mistakes.
    pub fn take_for_known(&mut self, names: &BTreeSet<String>) {
        for name in names {
            if self.has(name) {
                self.asked.insert(name.clone(), ());
            }
        }
    }

    /// Ends the table: keys nobody asked for are mistakes.
    pub fn finish(self) {
        for (source, table) in &self.layers {
            for (key, _) in table.iter() {
                if self.asked.contains_key(key) {
                    continue;
                }
                let place = table.key(key).and_then(toml_edit::Key::span).map(|span| source.place(span.start));
                let known = || self.asked.keys().map(String::as_str);
                let hint = meant(key, known(), format!("known here: {}", known().collect::<Vec<_>>().join(", ")));
                self.reading.problem(
                    Problem::new(format!("unknown key `{key}` in {}", self.shown()))
                        .at(place.unwrap_or_default())
                        .hint(hint),
                );
            }
        }
    }

    /// How this table is called in mistakes.
    fn shown(&self) -> String {
        if self.path.is_empty() { self.whole.to_owned() } else { format!("[{}]", self.path) }
    }

    fn join(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    fn find(&self, name: &str) -> Option<(&'a Source, &'a Item)> {
        let mut found = None;
        for (source, table) in &self.layers {
            let Some(item) = table.get(name) else { continue };
            if found.is_some() {
                let place = table.key(name).and_then(toml_edit::Key::span).map(|span| source.place(span.start));
                let problem = Problem::new(format!("`{}` is given in two files", self.join(name)));
                self.reading.problem(problem.at(place.unwrap_or_default()).hint("keep one of them"));
                continue;
            }
            found = Some((*source, item));
        }
        found
    }

    fn note(&mut self, name: &str, kind: &str, default: &str, about: &str) {
        self.asked.insert(name.to_owned(), ());
        let (value, origin) = match self.find(name) {
            Some((source, item)) => {
                let value =
                    if kind.starts_with("secret") { "(secret)".into() } else { item.to_string().trim().to_owned() };
                (value, item.span().map(|span| source.place(span.start)).unwrap_or_default())
            }
            None => (default.to_owned(), "default".to_owned()),
        };
        self.reading.gathered.borrow_mut().settings.push(Setting {
            key: self.join(name),
            kind: kind.to_owned(),
            value,
            origin,
            about: about.to_owned(),
        });
    }

    fn ask<T>(
        &mut self,
        name: &str,
        kind: &str,
        default: &str,
        about: &str,
        read: impl Fn(&Value) -> Option<T>,
    ) -> Option<T> {
        self.note(name, kind, default, about);
        let (source, item) = self.find(name)?;
        let value = item.as_value().and_then(read);
        if value.is_none() {
            let place = item.span().map(|span| source.place(span.start)).unwrap_or_default();
            self.reading
                .problem(Problem::new(format!("`{name}` must be a {kind}")).at(place).hint(format!("{name}: {about}")));
        }
        value
    }
}

fn quote(text: &str) -> String {
    format!("\"{text}\"")
}

/// How many bytes of a TOML string as written stand before a byte of the text it means.
fn written_offset(written: &str, offset: usize) -> usize {
    let opening = ["\"\"\"\r\n", "\"\"\"\n", "\"\"\"", "'''\r\n", "'''\n", "'''", "\"", "'"];
    let open = opening.iter().find(|open| written.starts_with(**open)).map_or(0, |open| open.len());
    let escapes = written.starts_with('"');
    let (mut at, mut meant) = (open, 0);
    while meant < offset {
        let rest = written.get(at..).unwrap_or_default();
        let Some(first) = rest.chars().next() else { break };
        if first == '\\' && escapes {
            let (length, character) = escape(rest);
            at += length;
            meant += character;
        } else {
            at += first.len_utf8();
            meant += first.len_utf8();
        }
    }
    at.min(written.len())
}

/// Bytes of an escape as written, and of what it means.
fn escape(rest: &str) -> (usize, usize) {
    let kind = rest.chars().nth(1).unwrap_or(' ');
    let digits = match kind {
        'x' => 2,
        'u' => 4,
        'U' => 8,
        // A backslash at the end of a line swallows all blanks that follow.
        _ if kind.is_whitespace() => {
            let after = rest.get(1..).unwrap_or_default();
            return (1 + after.len() - after.trim_start().len(), 0);
        }
        _ => return (1 + kind.len_utf8(), 1),
    };
    let code = rest.get(2..2 + digits).and_then(|digits| u32::from_str_radix(digits, 16).ok());
    (2 + digits, code.and_then(char::from_u32).map_or(1, char::len_utf8))
}

/// Reads `"90s"`, `"15m"`, `"24h"`, `"7d"`, `"500ms"`.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let split = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at_checked(split)?;
    let number: u64 = number.parse().ok()?;
    let seconds = |each: u64| number.checked_mul(each).filter(|total| *total < 1 << 40).map(Duration::from_secs);
    match unit.trim() {
        "ms" => Some(Duration::from_millis(number)),
        "s" => seconds(1),
        "m" | "min" => seconds(60),
        "h" => seconds(3600),
        "d" => seconds(86_400),
        "w" => seconds(7 * 86_400),
        _ => None,
    }
}

/// Reads the same, and several of them behind each other: `"23h30m"`, `"1d 12h"`.
pub fn parse_span(text: &str) -> Option<Duration> {
    let (mut total, mut rest) = (Duration::ZERO, text.trim());
    while !rest.is_empty() {
        let unit = rest.find(|c: char| !c.is_ascii_digit())?;
        let end = rest.get(unit..)?.find(|c: char| c.is_ascii_digit()).map_or(rest.len(), |end| unit + end);
        let (one, after) = rest.split_at_checked(end)?;
        total = total.checked_add(parse_duration(one)?)?;
        rest = after;
    }
    (total > Duration::ZERO || text.contains('0')).then_some(total)
}

/// Reads `"512B"`, `"64KiB"`, `"64MiB"`, `"4GiB"`, `"1TiB"`.
pub fn parse_size(text: &str) -> Option<u64> {
    let split = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at_checked(split)?;
    let shift = match unit.trim() {
        "B" => 0,
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        "TiB" => 40,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(1 << shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, ask: impl FnOnce(&mut Keys<'_>)) -> Vec<String> {
        let source = Source { name: "concert.toml".into(), text: text.into() };
        let document = toml_edit::Document::parse(text).unwrap();
        let secrets = |_: &str, _: &str| Ok("hidden".to_owned());
        let reading = Reading::new(&secrets);
        let mut root = Keys::root(&reading, vec![(&source, document.as_table() as &dyn TableLike)]);
        ask(&mut root);
        root.finish();
        reading.finish().problems.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_mistake_is_told_with_its_place_and_a_hint() {
        let problems = read("[deliver]\nrecipents = 1\nevery = \"5 parsecs\"\nport = 0\n", |root| {
            let mut keys = root.table("deliver");
            keys.text("recipients", "who gets it");
            assert_eq!(keys.duration_or("every", "15m", "how often"), Duration::from_secs(900));
            keys.number_or("port", 25, 1..=65535, "the port");
            keys.finish();
        });
        assert_eq!(problems.len(), 3, "{problems:?}");
        assert_eq!(
            problems[2],
            "concert.toml:2:1: unknown key `recipents` in [deliver]\n  hint: did you mean `recipients`?"
        );
        assert!(problems[0].starts_with("concert.toml:3:1: `5 parsecs` is not a duration"), "{problems:?}");
    }

    #[test]
    fn a_table_without_keys_has_a_place_too() {
        let check = |text: &str, want: &[&str]| {
            let problems = read(text, |root| {
                for mut rule in root.tables("rule") {
                    rule.require("name", "what it is called");
                }
                let mut site = root.table("site");
                site.require("name", "what it is called");
            });
            let places: Vec<&str> = problems.iter().filter_map(|problem| problem.split(": ").next()).collect();
            assert_eq!(places, want, "{problems:?}");
        };
        check("\n[[rule]]\n\n[site]\n", &["concert.toml:2:1", "concert.toml:4:2"]);
        check("rule = [{}, { name = \"a\" }]\nsite.name = \"x\"", &["concert.toml:1:9"]);
        // A list in which one thing is no table is told, and not read without that one.
        check("rule = [{ name = \"a\" }, 1]\nsite.name = \"x\"", &["concert.toml:1:1"]);
    }

    #[test]
    fn a_mistake_inside_a_text_has_its_own_place() {
        let problems = read("if = 'a == b'\nlong = \"\"\"\none\ntwo\"\"\"\n", |root| {
            root.text("if", "a condition");
            root.text("long", "a long text");
            root.problem_in("if", 5, "x", "");
            root.problem_in("long", 4, "y", "");
        });
        assert_eq!(problems, ["concert.toml:1:12: x", "concert.toml:4:1: y"]);
    }

    #[test]
    fn secrets_are_not_written_inline() {
        let problems = read("a = \"hunter2\"\nb = { env = \"X\" }\n", |root| {
            assert_eq!(root.secret("a", "the password"), None);
            assert_eq!(
                root.secret("b", "the password").map(|s| format!("{s:?}{}", s.reveal())),
                Some("(secret)hidden".into())
            );
        });
        assert_eq!(problems.len(), 1);
        assert!(!problems[0].contains("hunter2"));
    }

    #[test]
    fn a_byte_of_a_text_is_found_where_it_is_written() {
        for text in ["k = 'ab@'", "k = \"\\u00fc\\\"@\"", "k = \"\"\"\na\\\n   b@\"\"\"", "k = '''\n\\ü@'''", "k = '@'"]
        {
            read(text, |root| {
                let meant = root.text("k", "a text").unwrap();
                let place = root.text_place("k", meant.find('@').unwrap()).unwrap();
                let source = Source { name: "concert.toml".into(), text: text.into() };
                assert_eq!(place, source.place(text.find('@').unwrap()), "{text}");
            });
        }
    }

    #[test]
    fn durations_and_sizes_have_units() {
        assert_eq!(parse_duration("24h"), Some(Duration::from_secs(86_400)));
        assert_eq!(parse_duration("24"), None);
        assert_eq!(parse_size("64MiB"), Some(64 << 20));
        assert_eq!(parse_size("99999999999TiB"), None);
    }
}
