//! What settings are read from, and what reading them gathers.

use std::cell::RefCell;
use std::ops::Range;

use crate::Problem;

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
    pub(super) fn covers(&self, place: &str) -> bool {
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
    /// What earlier files gave, and where; empty where none did.
    pub replaces: String,
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
    /// Hashes of secrets and of texts of files, in the order they were fetched.
    pub(super) fetched: Vec<blake3::Hash>,
}

/// Fetches a secret: `("file", "secrets/imap")` or `("env", "TOKEN")`.
pub type SecretSource<'a> = dyn Fn(&str, &str) -> Result<String, String> + 'a;

/// Fetches the text of a file that a setting names, with a cap on its size.
pub type FileSource<'a> = dyn Fn(&str) -> Result<String, String> + 'a;

/// Where all tables of one reading put what they find.
pub struct Reading<'a> {
    pub(super) gathered: RefCell<Gathered>,
    pub(super) secrets: &'a SecretSource<'a>,
    pub(super) files: Option<&'a FileSource<'a>>,
    pub(super) gaps: Vec<Gap>,
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
