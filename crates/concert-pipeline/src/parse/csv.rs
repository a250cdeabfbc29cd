//! `csv`: values between delimiters, with or without a head line that names the columns.
//!
//! Columns are called by their names in the head or, where there is none (`header = false`), by their
//! numbers: `columns = { 1 = "time.source", 3 = "source.ip" }`. The settings that say what becomes of a
//! column are those of `mapping.rs`. Besides:
//!
//! | key | meaning |
//! |---|---|
//! | `delimiter` | one character, `tab`, or `whitespace` for any number of blanks and tabs |
//! | `quote` | whether `"` quotes |
//! | `header` | whether the first row names the columns; else they are called 1, 2, 3 |
//! | `header_from_comment` | the column names stand in a comment: `last` before the first row, or the one that begins with this text (`#fields`) |
//! | `comment` | how comment lines begin; `""` for none |
//! | `skip_lines`, `skip_starts` | lines passed over at the start, and wherever they begin with one of these |
//! | `generated` | regular expression over comments; its first group is the time of rows that have none |
//! | `lower` | columns whose text is made lower case |
//! | `split` | column = separator of its values, each of which makes an event |
//! | `pattern` | column = regular expression whose named groups are columns |
//! | `optional` | columns that a row may lack at its end |
//!
//! A row that has not as many columns as the head, or lacks one that is used, is a reject. A column
//! that settings name and the head does not have, or has twice, is told once, and no event is made. Of others that
//! have one name the second is kept under its name and number: `extra.note_4`.

use std::collections::HashMap;

use concert_model::problem::counted;
use concert_model::{Field, Keys, Value};
use regex::Regex;

use super::flat::listed;
use super::mapping::Column;
use super::records::{Delimiter, Found, Record, Records, Shape};
use super::regex::{pattern, put_groups};
use super::{About, Draft, Fault, Input, Listed, Mapping, Parser, Sample, Sink};

/// In the catalogue.
pub const LISTED: Listed = Listed {
    name: "csv",
    about: "Rows of values between commas, tabs, blanks or another character.",
    source: "",
    read,
    samples: SAMPLES,
};

/// Most columns of a head, and most events of one row.
const COLUMNS_MAX: usize = 2_000;
const SPLIT_MAX: usize = 1_000;

/// Where the column names stand.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Header {
    None,
    Row,
    LastComment,
    /// The comment that begins so.
    Comment(String),
}

struct Csv {
    mapping: Mapping,
    shape: Shape,
    comment: String,
    header: Header,
    skip_lines: u64,
    generated: Option<Regex>,
    lower: Vec<String>,
    split: Option<(String, String)>,
    patterns: Vec<(String, Regex)>,
    optional: Vec<String>,
}

fn read(keys: &mut Keys<'_>) -> Box<dyn Parser> {
    let mapping = Mapping::read(keys);
    let delimiter = delimiter(keys);
    let quote = keys.flag_or("quote", true, "whether \" stands around values that hold the delimiter");
    let comment = keys.text_or("comment", "#", "how comment lines begin; \"\" for none");
    let mut comments: Vec<String> = keys.texts("skip_starts", "lines that begin with one of these are passed over");
    comments.push(comment.clone());
    comments.retain(|start| !start.is_empty());
    let csv = Csv {
        mapping,
        shape: Shape { delimiter, quote, comments },
        comment,
        header: header(keys),
        skip_lines: keys.number_or("skip_lines", 0, 0..=1_000_000, "lines passed over at the start"),
        generated: pattern(keys, "generated", "regular expression over comments: its group is the time of all rows"),
        lower: keys.texts("lower", "columns whose text is made lower case"),
        split: split(keys),
        patterns: patterns(keys),
        optional: keys.texts("optional", "columns that a row may lack at its end"),
    };
    if csv.header == Header::None && csv.mapping.columns().is_empty() && csv.patterns.is_empty() {
        let hint = "columns = { 1 = \"source.ip\" }, or header = true";
        keys.problem("columns", "without a head line `columns` must say what the columns are", hint);
    }
    csv.check_names(keys);
    Box::new(csv)
}

fn delimiter(keys: &mut Keys<'_>) -> Delimiter {
    let text = keys.text_or("delimiter", ",", "what stands between values: one character, tab or whitespace");
    match text.as_str() {
        "tab" | "\t" => Delimiter::Byte(b'\t'),
        "whitespace" => Delimiter::Blanks,
        other => match other.as_bytes() {
            [byte] if byte.is_ascii() && !matches!(byte, b'"' | b'\r' | b'\n') => Delimiter::Byte(*byte),
            _ => {
                let hint = "write one character such as \";\", or tab or whitespace";
                keys.problem("delimiter", format!("`{other}` is not a delimiter"), hint);
                Delimiter::Byte(b',')
            }
        },
    }
}

fn header(keys: &mut Keys<'_>) -> Header {
    let about = "column names stand in a comment: \"last\" before the rows, or the one that begins with this text";
    let comment = keys.text("header_from_comment", about);
    let row = keys.flag_or(
        "header",
        comment.is_none(),
        "whether the first row names the columns; else they are called 1, 2, 3",
    );
    match comment.as_deref() {
        Some(_) if row => {
            keys.problem("header", "`header` and `header_from_comment` exclude each other", "leave one of them out");
            Header::Row
        }
        Some("last") => Header::LastComment,
        Some(start) => Header::Comment(start.to_owned()),
        None if row => Header::Row,
        None => Header::None,
    }
}

fn split(keys: &mut Keys<'_>) -> Option<(String, String)> {
    let mut pairs = keys.pairs("split", "column = separator of its values, each of which makes an event");
    if pairs.len() > 1 || pairs.iter().any(|(_, separator)| separator.is_empty()) {
        keys.problem("split", "`split` takes one column and what stands between its values", "split = { ips = \"|\" }");
        return None;
    }
    pairs.pop()
}

fn patterns(keys: &mut Keys<'_>) -> Vec<(String, Regex)> {
    let mut table = keys.table("pattern");
    let mut found = Vec::new();
    for column in table.names() {
        if let Some(pattern) = pattern(&mut table, &column, "regular expression; its named groups are columns") {
            found.push((column, pattern));
        }
    }
    table.finish();
    found
}

impl Csv {
    /// Without a head, a column is a number or a group of a pattern.
    fn check_names(&self, keys: &Keys<'_>) {
        if self.header != Header::None {
            return;
        }
        let is_number = |name: &str| name.parse().is_ok_and(|number: usize| (1..=COLUMNS_MAX).contains(&number));
        let is_group = |name: &str| self.patterns.iter().any(|(_, p)| p.capture_names().flatten().any(|g| g == name));
        let mapped = self.mapping.columns().iter().map(Column::name).filter(|name| !is_group(name));
        let others = self.patterns.iter().map(|(name, _)| name).chain(&self.lower).chain(&self.optional);
        for name in mapped.chain(others.map(String::as_str)).filter(|name| !is_number(name)) {
            let hint = "without a head line columns are called by their numbers: 1, 2, ...";
            keys.problem("columns", format!("`{name}` is not the number of a column"), hint);
        }
    }

    /// The names in a comment, behind its start.
    fn comment_header(&self, text: &str) -> Option<Vec<String>> {
        let names = match &self.header {
            // The names may stand behind other words of the same line: `# Made today#ip,time`.
            Header::LastComment => text.rsplit_once(&self.comment).filter(|_| !self.comment.is_empty())?.1,
            Header::Comment(start) => text.strip_prefix(start.as_str())?,
            Header::None | Header::Row => return None,
        };
        let names = names.trim_matches([' ', '\r']);
        let names = if matches!(self.header, Header::Comment(_)) { names.trim_start() } else { names };
        Some(match self.shape.delimiter {
            Delimiter::Byte(byte) => names.split(char::from(byte)).map(clean_name).collect(),
            Delimiter::Blanks => names.split_whitespace().map(clean_name).collect(),
        })
    }
}

fn clean_name(name: &str) -> String {
    name.trim().trim_matches('"').to_owned()
}

/// What is done with one column.
struct Step<'p> {
    index: usize,
    column: Option<Column>,
    pattern: Option<&'p Regex>,
    lower: bool,
    split: Option<&'p str>,
}

/// What is done with a row, decided once.
struct Plan<'p> {
    steps: Vec<Step<'p>>,
    names: Vec<String>,
    is_headless: bool,
    /// As many columns as a row must have, and may have at most.
    least: usize,
    most: usize,
}

impl Parser for Csv {
    fn parse(&self, input: &mut Input<'_>, _: &About<'_>, sink: &mut Sink<'_>) {
        let mut records = Records::new(input, self.shape.clone());
        for _ in 0..self.skip_lines {
            if !records.skip_line() {
                return;
            }
        }
        let mut plan = (self.header == Header::None).then(|| self.plan(Err(0)));
        let (mut names, mut generated) = (None, None);
        while let Some(found) = records.read() {
            match found {
                Found::Comment(text) => {
                    generated = self.generated_in(text).or(generated);
                    // A comment that only closes the head does not hold names.
                    names = self.comment_header(text).filter(|names| names.len() > 1).or(names);
                }
                Found::Bad { line, reason, raw } => sink.reject(line, Fault::new("", reason), raw),
                Found::Record(record) if record.fields().all(|text| text.trim().is_empty()) => {}
                Found::Record(record) => {
                    if plan.is_none() {
                        let head = self.header == Header::Row;
                        let given = if head { Some(record.fields().map(clean_name).collect()) } else { names.take() };
                        match self.with_header(given) {
                            Ok(made) => plan = Some(made),
                            Err(fault) => return sink.reject(record.line, fault, record.raw),
                        }
                        if head {
                            if let Some(plan) = &plan {
                                records.set_width(plan.most);
                            }
                            continue;
                        }
                    }
                    // Columns behind all that are named have numbers too.
                    if let Some(plan) = &mut plan
                        && plan.is_headless
                        && record.len() > plan.names.len()
                        && plan.names.len() < COLUMNS_MAX
                    {
                        *plan = self.plan(Err(record.len().max(2 * plan.names.len())));
                    }
                    if let Some(plan) = &plan {
                        self.row(sink, plan, &record, generated.as_deref());
                    }
                }
            }
        }
    }
}

impl Csv {
    fn generated_in(&self, comment: &str) -> Option<String> {
        Some(self.generated.as_ref()?.captures(comment)?.get(1)?.as_str().to_owned())
    }

    /// The plan for a head. The fault names what it lacks.
    fn with_header(&self, names: Option<Vec<String>>) -> Result<Plan<'_>, Fault> {
        let names = names.ok_or_else(|| Fault::new("", "no comment before the first row names the columns"))?;
        if names.len() > COLUMNS_MAX {
            return Err(Fault::new("", format!("more than {COLUMNS_MAX} columns")));
        }
        let group = |name: &str| self.patterns.iter().any(|(_, p)| p.capture_names().flatten().any(|g| g == name));
        let mapped = self.mapping.columns().iter().map(Column::name).filter(|name| !group(name));
        let used = mapped.chain(self.patterns.iter().map(|(name, _)| name.as_str()));
        let missing =
            |name: &&str| !names.iter().any(|known| known == name) && !self.optional.iter().any(|o| o == name);
        let used: Vec<&str> = used.collect();
        let has = listed(names.iter().map(String::as_str));
        if used.is_empty() && !names.iter().any(|name| self.mapping.knows(name)) {
            return Err(Fault::new(
                "",
                format!("no column of the head is called like a field, such as source.ip; it has: {has}"),
            ));
        }
        if !used.is_empty() && !used.iter().any(|name| names.iter().any(|known| known == name)) {
            let wanted = listed(used.into_iter());
            return Err(Fault::new("", format!("the head has none of the columns {wanted}; it has: {has}")));
        }
        if let Some(name) = used.iter().find(|name| missing(name)) {
            return Err(Fault::new(*name, format!("the head has no such column; it has: {has}")));
        }
        if let Some((first, second)) = self.twice(&names) {
            let name = names.get(first).map_or("", String::as_str);
            let (first, second) = (first + 1, second + 1);
            return Err(Fault::new(
                name,
                format!(
                    "columns {first} and {second} have this name, so it does not say which one is meant; with header = false and skip_lines = 1 they are called by their numbers"
                ),
            ));
        }
        Ok(self.plan(Ok(names)))
    }

    /// The first two columns of one name that is used.
    fn twice(&self, names: &[String]) -> Option<(usize, usize)> {
        let left_out = |name: &str| self.mapping.column(name).is_some() && self.mapping.resolve(name).is_none();
        let used = |name: &str| {
            self.mapping.knows(name) && !left_out(name) || self.patterns.iter().any(|(column, _)| column == name)
        };
        let mut known = HashMap::new();
        names
            .iter()
            .enumerate()
            .find_map(|(index, name)| Some((known.insert(name, index)?, index)).filter(|_| used(name)))
    }

    /// The plan for these names or, without a head, for rows of so many columns.
    fn plan(&self, names: Result<Vec<String>, usize>) -> Plan<'_> {
        let is_headless = names.is_err();
        let number = |name: &str| name.parse::<usize>().ok();
        let highest =
            self.mapping.columns().iter().map(Column::name).chain(self.patterns.iter().map(|(n, _)| n.as_str()));
        let highest = highest.filter_map(number).filter(|number| *number <= COLUMNS_MAX).max().unwrap_or(0);
        let names = names
            .unwrap_or_else(|width| (1..=width.clamp(highest, COLUMNS_MAX)).map(|number| number.to_string()).collect());
        let mut steps = Vec::new();
        for (index, name) in names.iter().enumerate() {
            let pattern = self.patterns.iter().find(|(column, _)| column == name).map(|(_, pattern)| pattern);
            let column = match self.mapping.column(name) {
                Some(_) => self.mapping.resolve(name),
                // What a pattern takes apart is kept whole only where settings ask for it.
                None if pattern.is_some() => None,
                None if is_headless => self.mapping.resolve(&format!("column_{name}")),
                None if names.iter().take(index).any(|before| before == name) => {
                    self.mapping.resolve(&format!("{name}_{}", index + 1))
                }
                None => self.mapping.resolve(name),
            };
            if column.is_none() && pattern.is_none() {
                continue;
            }
            let split = self.split.as_ref().filter(|(column, _)| column == name).map(|(_, by)| by.as_str());
            steps.push(Step { index, column, pattern, lower: self.lower.contains(name), split });
        }
        let width = names.len();
        let needed = if is_headless { highest.min(width) } else { width };
        let lacking = names.iter().take(needed).rev().take_while(|name| self.optional.contains(name)).count();
        let most = if is_headless { usize::MAX } else { width };
        Plan { steps, names, is_headless, least: needed - lacking, most }
    }

    fn row(&self, sink: &mut Sink<'_>, plan: &Plan<'_>, record: &Record<'_>, generated: Option<&str>) {
        if record.len() < plan.least {
            let column = plan.names.get(record.len()).map_or("", String::as_str);
            let why = format!("{} where at least {} are needed", counted(record.len(), "column"), plan.least);
            let is_foreign = record.len() == 1;
            return sink.reject(record.line, Fault { is_foreign, ..Fault::new(column, why) }, record.raw);
        }
        if record.len() > plan.most {
            let why = format!("{} where the head has {}", counted(record.len(), "column"), plan.most);
            return sink.reject(record.line, Fault::new("", why), record.raw);
        }
        let split = plan.steps.iter().find_map(|step| Some((step, step.split?)));
        let text = split.map(|(step, _)| record.get(step.index).unwrap_or_default());
        match (split, text) {
            (Some((_, by)), Some(text)) if text.contains(by) => {
                for (count, part) in text.split(by).filter(|part| !part.trim().is_empty()).enumerate() {
                    if count >= SPLIT_MAX {
                        let why = format!("more than {SPLIT_MAX} values in one column");
                        return sink.reject(record.line, Fault::new("", why), record.raw);
                    }
                    sink.event(record.line, record.raw, |draft| self.fill(draft, plan, record, Some(part), generated));
                }
            }
            _ => sink.event(record.line, record.raw, |draft| self.fill(draft, plan, record, None, generated)),
        }
    }

    fn fill(
        &self,
        draft: &mut Draft<'_>,
        plan: &Plan<'_>,
        record: &Record<'_>,
        part: Option<&str>,
        generated: Option<&str>,
    ) -> Result<(), Fault> {
        for step in plan.steps.iter().take_while(|step| step.index < record.len()) {
            let text = match part {
                Some(part) if step.split.is_some() => part,
                _ => record.get(step.index).unwrap_or_default(),
            };
            if text.trim().is_empty() {
                continue;
            }
            let lowered = step.lower.then(|| text.to_lowercase());
            let text = lowered.as_deref().unwrap_or(text);
            if let Some(pattern) = step.pattern {
                let name = plan.names.get(step.index).map_or("", String::as_str);
                let found = pattern.captures(text).ok_or_else(|| Fault::new(name, "does not match its pattern"))?;
                put_groups(&self.mapping, draft, pattern, &found)?;
            }
            if let Some(column) = &step.column {
                self.mapping.put_in(draft, column, text)?;
            }
        }
        if let Some(text) = generated
            && !draft.has(Field::TIME_SOURCE)
        {
            let time = self.mapping.time(text, draft.zone(), draft.received());
            let time = time.map_err(|why| Fault::new(Field::TIME_SOURCE.name(), why))?;
            draft.set(Field::TIME_SOURCE, &Value::Time(time));
        }
        self.mapping.finish(draft)
    }
}

const SAMPLES: &[Sample] = &[
    Sample {
        name: "wider-than-named.csv",
        settings: r#"
header = false
columns = { 2 = "source.ip" }
"#,
        given: "a,192.0.2.1\nb,192.0.2.2,x,,y\nc,192.0.2.3,z\n",
        events: r#"
{"source.ip":"192.0.2.1","extra.column_1":"a"}
{"source.ip":"192.0.2.2","extra.column_1":"b","extra.column_3":"x","extra.column_5":"y"}
{"source.ip":"192.0.2.3","extra.column_1":"c","extra.column_3":"z"}
"#,
        rejects: "",
    },
    Sample {
        name: "with-head.csv",
        settings: r#"
columns = { time = "time.source", ip = "source.ip|source.fqdn", kind = "classification.type" }
types = { bot = "infected-system" }
time_zone = "Europe/Helsinki"
"#,
        given: "time,ip,kind,note\n2026-06-17 03:04:05,192.0.2.1,bot,\"a, \"\"b\"\"\"\n# comment\n2026-06-17 03:04:06,bad.example,spam,\n2026-06-17 03:04:07,192.0.2.2\nyesterday,192.0.2.3,bot,\n\"2026-06-17 03:04:08,192.0.2.4,bot,\n2026-06-17 03:04:09,192.0.2.5,bot,x,y\n2026-06-17 03:04:10,192.0.2.6,bot,-\n",
        events: r#"
{"time.source":"2026-06-17T00:04:05Z","source.ip":"192.0.2.1","classification.type":"infected-system","classification.taxonomy":"malicious-code","extra.note":"a, \"b\""}
{"time.source":"2026-06-17T00:04:06Z","source.fqdn":"bad.example","classification.type":"spam","classification.taxonomy":"abusive-content"}
{"time.source":"2026-06-17T00:04:10Z","source.ip":"192.0.2.6","classification.type":"infected-system","classification.taxonomy":"malicious-code"}
"#,
        rejects: "5 kind: 2 columns where at least 4 are needed\n6 time.source: not a time\n7 : a quote opens on this line and does not close\n8 : 5 columns where the head has 4",
    },
    Sample {
        name: "list.txt",
        settings: r#"
delimiter = "whitespace"
header = false
columns = { 1 = "source.ip", 2 = "-" }
optional = ["2"]
generated = 'Generated (\S+ \S+)'
constant = { "classification.type" = "blacklist" }
"#,
        given: "# Generated 2026-06-17 00:00:00\n192.0.2.1   x\n 192.0.2.2\n192.0.2.999 x\n",
        events: r#"
{"source.ip":"192.0.2.1","time.source":"2026-06-17T00:00:00Z","classification.type":"blacklist","classification.taxonomy":"other"}
{"source.ip":"192.0.2.2","time.source":"2026-06-17T00:00:00Z","classification.type":"blacklist","classification.taxonomy":"other"}
"#,
        rejects: "4 source.ip: not an IP address",
    },
    Sample {
        name: "names-in-comment.csv",
        settings: r##"
header_from_comment = "last"
columns = { "ip addresses" = "source.ip", family = "malware.name, classification.identifier", number = "destination.port", protocol = "protocol.transport" }
pattern = { port = '(?<number>\d+)/(?<protocol>\w+)' }
split = { "ip addresses" = "|" }
lower = ["family"]
unmapped = "drop"
"##,
        given: "# Made today#ip addresses,family,port,more\n192.0.2.1|192.0.2.2|bad,Evil,23/tcp,x\n192.0.2.3,Evil,23,x\n",
        events: r#"
{"source.ip":"192.0.2.1","malware.name":"evil","classification.identifier":"evil","destination.port":23,"protocol.transport":"tcp"}
{"source.ip":"192.0.2.2","malware.name":"evil","classification.identifier":"evil","destination.port":23,"protocol.transport":"tcp"}
"#,
        rejects: "2 source.ip: not an IP address\n3 port: does not match its pattern",
    },
    Sample {
        name: "other-head.csv",
        settings: "columns = { time = \"time.source\", ip = \"source.ip\" }",
        given: "time,address\n2026-06-17,192.0.2.1\n2026-06-18,192.0.2.2\n",
        events: "",
        rejects: "1 ip: the head has no such column; it has: time, address",
    },
    Sample {
        name: "other-kind.csv",
        settings: "columns = { time = \"time.source\", ip = \"source.ip\" }",
        given: "name,amount\nApples,3\nPears,4\n",
        events: "",
        rejects: "1 : the head has none of the columns time, ip; it has: name, amount",
    },
    Sample {
        name: "name-twice.csv",
        settings: "columns = { ip = \"source.ip\" }",
        given: "ip,port,ip\n192.0.2.1,80,192.0.2.2\n192.0.2.3,80,\n",
        events: "",
        rejects: "1 ip: columns 1 and 3 have this name, so it does not say which one is meant; with header = false and skip_lines = 1 they are called by their numbers",
    },
    Sample {
        name: "other-name-twice.csv",
        settings: "columns = { ip = \"source.ip\", x = \"-\" }",
        given: "ip,note,x,x,note\n192.0.2.1,first,1,2,second\n",
        events: r#"
{"source.ip":"192.0.2.1","extra.note":"first","extra.note_5":"second"}
"#,
        rejects: "",
    },
    Sample {
        name: "no-fields.csv",
        settings: "",
        given: "name,amount\nApples,3\n",
        events: "",
        rejects: "1 : no column of the head is called like a field, such as source.ip; it has: name, amount",
    },
];
