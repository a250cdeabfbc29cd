//! Text that a regular expression describes, line by line or record by record.
//!
//! The named groups of `pattern` are columns: `(?<ip>\S+)` with `columns = { ip = "source.ip" }`, or a
//! field name at once: `(?<source.ip>\S+)`. A line that does not match is a reject, unless it matches
//! `skip`. A line that matches `head` is no record: its groups are columns of all records after it
//! (`Last updated (?<updated>\S+)`).
//!
//! With `records` the text is not read by lines: a record begins wherever `records` matches and ends
//! where the next begins (`<tr`, `<item>`), and `head` is looked for before the first. A text in which none begins is a
//! reject, unless it matches `skip`. There `(?s)` lets `.` match line breaks. This reads simple pages and RSS; it does not understand HTML or XML.
//! `decode_entities` turns `&amp;` and `&#39;` in the groups into characters.
//!
//! All other settings are those of `mapping.rs`. The syntax is that of the `regex` crate, which takes
//! time in proportion to the text whatever the pattern. A line is at most `limits.line` long, a text 256 MiB.

use concert_model::Keys;
use regex::{Captures, Regex, RegexBuilder};

use super::lines::each_line;
use super::{About, Draft, Fault, Input, Listed, Mapping, Parser, Sample, Sink};

/// Text read by a regular expression.
pub const LISTED: Listed = Listed {
    name: "regex",
    about: "Lines or records of text; named groups of a regular expression are columns.",
    source: "",
    read,
    samples: &[
        Sample {
            name: "zones",
            settings: r#"
pattern = '^zone "(?<domain>(?<search>[^"]+))"'
head = 'Last updated (?<updated>\S+)'
skip = '^//'
columns = { domain = "source.fqdn", search = "event_description.url", updated = "time.source" }
prefix = { search = "http://list.example/?search=" }
constant = { "classification.type" = "malware-distribution" }
"#,
            given: "// A zone file\n// Last updated 2026-06-17\n\nzone \"evil.example\"  {type master;};\nzone {};\n",
            events: r#"
{"source.fqdn":"evil.example","event_description.url":"http://list.example/?search=evil.example","time.source":"2026-06-17T00:00:00Z","classification.type":"malware-distribution","classification.taxonomy":"malicious-code"}
"#,
            rejects: "5 : does not match the pattern",
        },
        Sample {
            name: "table.html",
            settings: r#"
records = '<tr'
skip = '<th'
pattern = '(?s)<td>(?<source.ip>[^<]+)</td>\s*<td>(?<event_description.text>[^<]+)</td>'
decode_entities = true
"#,
            given: "<table><tr><th>IP</th></tr>\n<tr><td>192.0.2.1</td>\n<td>a &amp; b</td></tr><tr><td>-</td></tr>\n</table>",
            events: r#"{"source.ip":"192.0.2.1","event_description.text":"a & b"}"#,
            rejects: "3 : does not match the pattern",
        },
        Sample {
            name: "page-instead-of-records",
            settings: "records = '<item>'\npattern = '(?s)<title>(?<source.ip>[^<]+)</title>'\n",
            given: "<html><body>Please log in.</body></html>\n",
            events: "",
            rejects: "1 : no record begins in it",
        },
        Sample {
            name: "page-instead-of-lines",
            settings: "pattern = '^(?<source.ip>\\S+) (?<source.port>\\d+)$'",
            given: "<!DOCTYPE html>\n<html><body>\nSorry, come back later.\n</body></html>\n",
            events: "",
            rejects: "1 : a report of another kind (it looks like a web page): none of its 4 lines or records can be read, the first because: does not match the pattern",
        },
    ],
};

/// Most memory a compiled expression may take.
const PATTERN_BYTES_MAX: usize = 4 << 20;

struct Expression {
    mapping: Mapping,
    /// `None` only when the settings were refused.
    pattern: Option<Regex>,
    records: Option<Regex>,
    skip: Option<Regex>,
    head: Option<Regex>,
    decode_entities: bool,
}

fn read(keys: &mut Keys<'_>) -> Box<dyn Parser> {
    let mapping = Mapping::read(keys);
    let about = "regular expression of a record; its named groups are columns";
    let expression = pattern(keys, "pattern", about);
    let head = pattern(keys, "head", "regular expression of a head line; its groups are columns of what follows");
    if !keys.has("pattern") {
        keys.missing("pattern", about);
    } else if expression.is_some() {
        check_groups(keys, &mapping, [expression.as_ref(), head.as_ref()]);
    }
    Box::new(Expression {
        mapping,
        pattern: expression,
        records: pattern(keys, "records", "regular expression of where a record begins; without it a line is a record"),
        skip: pattern(keys, "skip", "regular expression of lines or records to pass over"),
        head,
        decode_entities: keys.flag_or("decode_entities", false, "turn HTML entities in groups into characters"),
    })
}

/// Reads a regular expression from the settings; a wrong one is a problem.
pub(super) fn pattern(keys: &mut Keys<'_>, name: &str, about: &str) -> Option<Regex> {
    let text = keys.text(name, about)?;
    match RegexBuilder::new(&text).size_limit(PATTERN_BYTES_MAX).dfa_size_limit(PATTERN_BYTES_MAX).build() {
        Ok(pattern) => Some(pattern),
        Err(error) => {
            // The last line of the message is the reason; the lines before it draw an arrow.
            let reason = error.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            keys.problem(name, format!("`{name}` is not a regular expression: {reason}"), "such as '^(?<ip>\\S+) '");
            None
        }
    }
}

/// A column that no group gives would never be filled, which is surely a typing mistake.
fn check_groups(keys: &Keys<'_>, mapping: &Mapping, patterns: [Option<&Regex>; 2]) {
    let names: Vec<&str> = patterns.iter().flatten().flat_map(|pattern| pattern.capture_names().flatten()).collect();
    if names.is_empty() {
        keys.problem("pattern", "`pattern` has no named group", "name groups: (?<ip>\\S+)");
        return;
    }
    for column in mapping.columns().iter().filter(|column| !names.contains(&column.name())) {
        let hint = format!("groups are: {}", names.join(", "));
        keys.problem("columns", format!("no group is called `{}`", column.name()), hint);
    }
}

/// Puts the named groups that matched.
pub(super) fn put_groups(
    mapping: &Mapping,
    draft: &mut Draft<'_>,
    pattern: &Regex,
    found: &Captures<'_>,
) -> Result<(), Fault> {
    pattern.capture_names().flatten().try_for_each(|name| match found.name(name) {
        Some(text) => mapping.put(draft, name, text.as_str()),
        None => Ok(()),
    })
}

impl Parser for Expression {
    fn parse(&self, input: &mut Input<'_>, _: &About<'_>, sink: &mut Sink<'_>) {
        let mut head = Vec::new();
        let Some(begins) = &self.records else {
            return each_line(input, sink, |sink, number, line| {
                if !self.learn_head(line, &mut head) {
                    self.one(sink, number, line, &head);
                }
            });
        };
        let bytes = match input.whole() {
            Ok(bytes) => bytes,
            Err(why) => return sink.reject(1, Fault::new("", why), b""),
        };
        let text = input.decode(&bytes);
        let mut start = None;
        let mut number = 0;
        for at in begins.find_iter(&text).map(|found| found.start()).chain([text.len()]) {
            let piece = text.get(start.unwrap_or(0)..at).unwrap_or_default();
            if start.is_some() {
                number += 1;
                self.one(sink, number, piece, &head);
            } else {
                self.learn_head(piece, &mut head);
            }
            start = Some(at);
        }
        let is_passed_over = self.skip.as_ref().is_some_and(|skip| skip.is_match(&text));
        if number == 0 && !text.trim().is_empty() && !is_passed_over {
            sink.reject(1, Fault::foreign("no record begins in it"), text.as_bytes());
        }
    }
}

impl Expression {
    fn one(&self, sink: &mut Sink<'_>, number: u64, text: &str, head: &[(String, String)]) {
        if self.skip.as_ref().is_some_and(|skip| skip.is_match(text)) {
            return;
        }
        let Some(pattern) = &self.pattern else { return };
        let Some(found) = pattern.captures(text) else {
            return sink.reject(number, Fault::foreign("does not match the pattern"), text.as_bytes());
        };
        sink.event(number, text.as_bytes(), |draft| {
            head.iter().try_for_each(|(name, text)| self.mapping.put(draft, name, text))?;
            if self.decode_entities {
                for name in pattern.capture_names().flatten() {
                    let text = found.name(name).map_or("", |text| text.as_str());
                    self.mapping.put(draft, name, &decode_entities(text))?;
                }
            } else {
                put_groups(&self.mapping, draft, pattern, &found)?;
            }
            self.mapping.finish(draft)
        });
    }

    /// Whether this is a head, whose groups are kept for what follows.
    fn learn_head(&self, text: &str, head: &mut Vec<(String, String)>) -> bool {
        let Some((pattern, found)) = self.head.as_ref().and_then(|head| Some((head, head.captures(text)?))) else {
            return false;
        };
        for name in pattern.capture_names().flatten() {
            if let Some(group) = found.name(name) {
                head.retain(|(known, _)| known != name);
                head.push((name.to_owned(), group.as_str().to_owned()));
            }
        }
        true
    }
}

/// Turns the five named entities of XML, the no-break space and numbered ones into characters. Others
/// stay as they are.
pub(super) fn decode_entities(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let found = after.split_once(';').and_then(|(name, tail)| Some((entity(name)?, tail)));
        match found {
            Some((character, tail)) => {
                out.push(character);
                rest = tail;
            }
            None => {
                out.push('&');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

fn entity(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        "nbsp" => Some('\u{a0}'),
        _ => {
            let number = name.strip_prefix('#').filter(|digits| digits.len() <= 8)?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(digits) => u32::from_str_radix(digits, 16),
                None => number.parse(),
            };
            char::from_u32(code.ok()?).filter(|c| *c != '\0')
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entities_become_characters() {
        assert_eq!(decode_entities("a &amp;&lt;b&gt; &#39;&#x41; & &unknown; &#0; &"), "a &<b> 'A & &unknown; &#0; &");
    }
}
