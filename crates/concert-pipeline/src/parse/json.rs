//! JSON documents: a list of records, or records somewhere inside an object.
//!
//! `records` is the path to the list: `data.items`; `*` is every member or element, so
//! `records = "*"` reads `{"family": [...], "other": [...]}`. The name of the member that the last `*`
//! chose is the column `key`, or with `key_pattern`, a regular expression, its named groups are
//! columns. A record that is no object (a list of texts) is the column `value`. Everything else is as
//! in `ndjson.rs`: `columns` with paths, `drop`, and the settings of `mapping.rs`.
//!
//! A document is at most 256 MiB, a record at most 64 levels deep. A broken record is one reject.
//! Several documents may follow each other in one file.

use concert_model::Keys;
use regex::Regex;

use super::flat::{Flat, reason};
use super::scan::{Piece, Step, pieces, steps};
use super::{About, Draft, Fault, Input, Listed, Parser, Sample, Sink};

/// JSON documents.
pub const LISTED: Listed = Listed {
    name: "json",
    about: "JSON documents: the records of a list inside them, keys named by columns.",
    source: "",
    read,
    samples: &[
        Sample {
            name: "list.json",
            settings: "records = \"data\"\ncolumns = { indicator = \"source.url|source.ip|malware.hash.md5|source.fqdn\", text = \"event_description.text\" }",
            given: r#"{"count": 4, "data": [
  {"indicator": "evil.example", "text": ""},
  {"indicator": "192.0.2.1", "text": "c2"},
  {"indicator": "d41d8cd98f00b204e9800998ecf8427e"},
  {"indicator": tru},
  {"indicator": "http://evil.example/x", "level": 3}
]}"#,
            events: r#"
{"source.fqdn":"evil.example"}
{"source.ip":"192.0.2.1","event_description.text":"c2"}
{"malware.hash.md5":"d41d8cd98f00b204e9800998ecf8427e"}
{"source.url":"http://evil.example/x","extra.level":3}
"#,
            rejects: "4 : not JSON: expected ident at line 5, column 20",
        },
        Sample {
            name: "families.json",
            settings: "records = \"*\"\nkey_pattern = '^(?<family>.+?)_dga_'\ncolumns = { family = \"malware.name\", value = \"source.ip|source.fqdn\" }",
            given: r#"{"Exampler_dga_0x1": ["a.example", "192.0.2.7"], "odd": ["b.example"]}"#,
            events: r#"
{"malware.name":"exampler","source.fqdn":"a.example"}
{"malware.name":"exampler","source.ip":"192.0.2.7"}
"#,
            rejects: "3 key: `odd` does not match key_pattern",
        },
        Sample {
            name: "member-twice.json",
            settings: "columns = { ip = \"source.ip\" }",
            given: "[{\"ip\": \"192.0.2.1\", \"ip\": \"192.0.2.2\"}, {\"ip\": \"192.0.2.3\", \"a\": 1, \"a\": 2}]",
            events: r#"
{"source.ip":"192.0.2.3","extra.a":1,"extra.a_2":2}
"#,
            rejects: "1 ip: this member is there twice, so it does not say which one is meant",
        },
    ],
};

struct Json {
    flat: Flat,
    path: Vec<Step>,
    key_pattern: Option<Regex>,
}

/// Longest path to the records.
const STEPS_MAX: usize = 16;

fn read(keys: &mut Keys<'_>) -> Box<dyn Parser> {
    let flat = Flat::read(keys);
    let mut path = steps(&keys.text_or("records", "", "path to the list of records; `*` is every member"));
    if path.len() > STEPS_MAX {
        keys.problem("records", format!("`records` has more than {STEPS_MAX} steps"), "records = \"data.items\"");
        path.truncate(STEPS_MAX);
    }
    let about = "regular expression for the name that `*` chose; its named groups are columns";
    let key_pattern = super::regex::pattern(keys, "key_pattern", about);
    Box::new(Json { flat, path, key_pattern })
}

impl Parser for Json {
    fn parse(&self, input: &mut Input<'_>, _: &About<'_>, sink: &mut Sink<'_>) {
        let bytes = match input.whole() {
            Ok(bytes) => bytes,
            Err(why) => return sink.reject(1, Fault::new("", why), b""),
        };
        let text = input.decode(&bytes);
        each_record(text.as_bytes(), &self.path, sink, &mut |sink, number, piece, value| {
            sink.event(number, piece.bytes, |draft| {
                let is_keyed = self.put_key(draft, piece.key.as_deref())?;
                match piece.has_twice {
                    true => self.flat.put_beside(draft, &self.flat.all(piece.bytes)?, is_keyed),
                    false => self.flat.put_beside(draft, &value, is_keyed),
                }
            });
        });
    }
}

impl Json {
    /// Whether a column is filled with the name that `*` chose.
    fn put_key(&self, draft: &mut Draft<'_>, key: Option<&str>) -> Result<bool, Fault> {
        let Some(key) = key else { return Ok(false) };
        let mapping = self.flat.mapping();
        let Some(pattern) = &self.key_pattern else {
            if mapping.column("key").is_none() {
                return Ok(false);
            }
            return mapping.put(draft, "key", key).map(|()| true);
        };
        let found = pattern.captures(key);
        let found = found.ok_or_else(|| Fault::new("key", format!("`{key}` does not match key_pattern")))?;
        super::regex::put_groups(mapping, draft, pattern, &found).map(|()| true)
    }
}

/// Reads the records of a document one by one; what is no JSON is a reject. Shared with the named
/// feeds that are JSON.
pub(super) fn each_record<'s>(
    document: &[u8],
    path: &[Step],
    sink: &mut Sink<'s>,
    each: &mut dyn FnMut(&mut Sink<'s>, u64, &Piece<'_>, serde_json::Value),
) {
    let mut number = 0;
    let mut place = Place::default();
    pieces(document, path, &mut |mut piece| {
        number += 1;
        place.move_to(document, piece.at);
        if let Some(fault) = piece.fault {
            let fault = Fault::new("", format!("{fault} (line {})", place.line));
            return sink.reject(number, fault, piece.bytes);
        }
        match super::twice::value(piece.bytes) {
            Ok((value, has_twice)) => {
                piece.has_twice = has_twice;
                each(sink, number, &piece, value);
            }
            Err(error) => {
                let column = if error.line() > 1 { error.column() } else { piece.at - place.start + error.column() };
                let fault = Fault::new("", reason(&error, place.line + error.line() - 1, column));
                sink.reject(number, fault, piece.bytes);
            }
        }
    });
}

/// Counts lines while the pieces go by, so that no byte is looked at twice.
struct Place {
    at: usize,
    line: usize,
    /// Where the line begins.
    start: usize,
}

impl Default for Place {
    fn default() -> Self {
        Self { at: 0, line: 1, start: 0 }
    }
}

impl Place {
    fn move_to(&mut self, document: &[u8], at: usize) {
        for index in memchr::memchr_iter(b'\n', document.get(self.at..at).unwrap_or_default()) {
            self.line += 1;
            self.start = self.at + index + 1;
        }
        self.at = self.at.max(at);
    }
}
