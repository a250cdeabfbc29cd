//! Reading settings: one table of a TOML file at a time, every mistake collected with its place.
//!
//! Each key is asked for once, with its type, default and meaning. The same calls fill what
//! `concert settings` prints and what the manual lists, so a key cannot exist without its sentence.
//! Keys nobody asked for are mistakes. Nothing here opens files: secrets are fetched by the caller.
//!
//! Of several files a later one has its way, key by key: what it gives replaces what an earlier one gives,
//! and only tables, and lists of tables, are put together.

mod basis;
mod reading;
mod secret;
mod units;
mod values;
mod written;

use std::collections::{BTreeMap, BTreeSet};

use toml_edit::{Item, TableLike, Value};

use crate::Problem;
use crate::problem::meant;
use written::written_offset;

pub use basis::Basis;
pub use reading::{FileSource, Gap, Gathered, NamedFile, Reading, SecretSource, Setting, Source};
pub use secret::Secret;
pub use units::{parse_duration, parse_size, parse_span};

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
        let (source, item) = self.find(name)?;
        Some(source.place(item.as_array()?.get(index)?.span()?.start))
    }

    /// Where a key is written; of one that several files give, in the file whose value is in force.
    pub fn key_place(&self, name: &str) -> Option<String> {
        self.layers.iter().rev().find_map(|layer| key_place_in(layer, name))
    }

    /// Where the value of a key begins, for mistakes inside a long text (`offset` bytes into it).
    pub fn value_place(&self, name: &str, offset: usize) -> Option<String> {
        let (source, item) = self.find(name)?;
        Some(source.place(item.span()?.start + offset))
    }

    /// Where a byte of the text given for a key stands in its file, quotes and escapes counted.
    pub fn text_place(&self, name: &str, offset: usize) -> Option<String> {
        let (source, item) = self.find(name)?;
        let span = item.span()?;
        let written = source.text.get(span.clone())?;
        Some(source.place(span.start + written_offset(written, offset)))
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
        for layer in &self.layers {
            for (key, _) in layer.1.iter() {
                if self.asked.contains_key(key) {
                    continue;
                }
                let place = key_place_in(layer, key);
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

    /// What each file gives for a key, in the order of the files.
    fn given(&self, name: &str) -> impl DoubleEndedIterator<Item = (&'a Source, &'a Item)> {
        self.layers.iter().filter_map(move |(source, table)| Some((*source, table.get(name)?)))
    }

    /// What is in force: of several files the last one has its way.
    fn find(&self, name: &str) -> Option<(&'a Source, &'a Item)> {
        self.given(name).next_back()
    }

    fn note(&mut self, name: &str, kind: &str, default: &str, about: &str) {
        self.asked.insert(name.to_owned(), ());
        let is_secret = kind.starts_with("secret");
        let mut given = self.given(name).rev();
        let (value, origin) = match given.next() {
            Some((source, item)) => (shown(item, is_secret), place_of(source, item)),
            None => (default.to_owned(), "default".to_owned()),
        };
        let replaces = given.map(|(source, item)| replaced(&shown(item, is_secret), &place_of(source, item)));
        let replaces = replaces.collect::<Vec<_>>().join("; ");
        self.reading.gathered.borrow_mut().settings.push(Setting {
            key: self.join(name),
            kind: kind.to_owned(),
            value,
            origin,
            replaces,
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
            let problem = Problem::new(format!("`{name}` must be a {kind}")).at(place_of(source, item));
            self.reading.problem(problem.hint(format!("{name}: {about}")));
        }
        value
    }
}

/// Where a key is written in one file.
fn key_place_in((source, table): &Layer<'_>, name: &str) -> Option<String> {
    Some(source.place(table.key(name)?.span()?.start))
}

/// Where a value is written.
fn place_of(source: &Source, item: &Item) -> String {
    item.span().map(|span| source.place(span.start)).unwrap_or_default()
}

/// A value as it is written.
fn shown(item: &Item, is_secret: bool) -> String {
    if is_secret { "(secret)".into() } else { item.to_string().trim().to_owned() }
}

/// What a value of an earlier file was.
fn replaced(value: &str, place: &str) -> String {
    format!("{value} at {place}")
}

fn quote(text: &str) -> String {
    format!("\"{text}\"")
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
            assert_eq!(keys.duration_or("every", "15m", "how often"), std::time::Duration::from_secs(900));
            keys.number_or("port", 25, 1..=65535, "the port");
            keys.finish();
        });
        assert_eq!(problems.len(), 3, "{problems:?}");
        assert_eq!(
            problems[2],
            "concert.toml:2:1: unknown key `recipents` in [deliver]\n  hint: did you mean `recipients`?"
        );
        assert!(
            problems[0].starts_with("concert.toml:3:1: `every` must be a duration, not `5 parsecs`"),
            "{problems:?}"
        );
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
}
