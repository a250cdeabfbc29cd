//! Templates: the subject and the covering text of a notice, in the language of the party.
//!
//! Three files make a set: `notice.subject.j2`, `notice.txt.j2` and `notice.html.j2` in a folder named
//! by the language. English is built in; a site puts its own into `templates/<language>/`, and what is
//! missing there comes from English; `de` does for `de-AT`. The language is Jinja's; the manual lists the variables:
//! `site`, `party`, `notice`, `summary` (rows of `type` and `count`) and `events` (the first twenty,
//! each by field name: `event["source.ip"]`).
//!
//! A template has a budget of work and of output. An unknown name is a mistake, told when settings are
//! read. The subject is one line and always holds the ticket number, whatever the template does.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use concert_model::field::TABLE;
use concert_model::incident::Tlp;
use concert_model::problem::meant;
use concert_model::{Attachment, Batch, EventId, Field, Message, Problem, ProblemKey, ReportId, Time, Value};
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Enumerator, Object};
use minijinja::{AutoEscape, Environment, UndefinedBehavior, context};

use super::letters;
use super::{Columns, Instead, Item, Listed, NEW, RELAPSE, STILL_OPEN, Teller, instead, visible};

/// Work one rendering can do; one unit is about one step or 64 bytes.
const FUEL: u64 = 500_000;
/// Most bytes one template can write.
const OUTPUT_BYTES_MAX: usize = 1 << 20;
/// Longest subject, in characters.
const SUBJECT_CHARS_MAX: usize = 200;
/// Longest template.
const TEMPLATE_BYTES_MAX: usize = 256 << 10;
/// Events a template can see.
const EVENTS_SHOWN: usize = 20;
/// Longest value of an event that a template can see, in characters.
const VALUE_CHARS_MAX: usize = 300;

/// The language every site has.
pub const DEFAULT_LANGUAGE: &str = "en";

const PARTS: [&str; 3] = ["notice.subject.j2", "notice.txt.j2", "notice.html.j2"];
const BUILT_IN: [(&str, &str); 3] = [
    ("notice.subject.j2", include_str!("templates/en/notice.subject.j2")),
    ("notice.txt.j2", include_str!("templates/en/notice.txt.j2")),
    ("notice.html.j2", include_str!("templates/en/notice.html.j2")),
];

/// The folder under which the built-in templates are kept for a notice that a template of the site cannot tell. No language
/// is called so.
const KEPT: &str = "(built-in)";

/// Every template of a site, compiled.
pub struct Templates {
    environment: Environment<'static>,
    /// Folders by their names in small letters.
    folders: BTreeMap<String, String>,
    problems: Vec<Problem>,
}

/// What is said, to whom and about what.
pub struct Notice<'a> {
    /// Number of the notice, which is the ticket in the subject.
    pub id: &'a str,
    /// Name of the notice in the settings.
    pub name: &'a str,
    /// What the events have in common, as people read it: `AS64500`. May be empty.
    pub key: &'a str,
    /// Message-ID without angle brackets, `<id>@<domain of the site's address>`.
    pub message_id: String,
    /// Whom it is for, as the transport understands it.
    pub to: Vec<String>,
    /// Blind copies.
    pub bcc: Vec<String>,
    /// Name of the party that reads it; empty where it is not known.
    pub party: &'a str,
    /// Whether whoever reads it answers for what the events are about.
    pub is_responsible: bool,
    /// Name of the site.
    pub site_name: &'a str,
    /// Address of the site.
    pub site_email: &'a str,
    /// Language of the text; English where there is no template in it.
    pub language: &'a str,
    /// When the notice was made.
    pub date: Time,
    /// How the events are written.
    pub format: &'static Listed,
    /// Which columns they have.
    pub columns: &'a Columns,
    /// The events.
    pub items: &'a [Item<'a>],
}

impl Default for Templates {
    fn default() -> Self {
        Self::new()
    }
}

impl Templates {
    /// The built-in templates.
    pub fn new() -> Self {
        let mut environment = Environment::new();
        environment.set_fuel(Some(FUEL));
        // Mistakes are told with their column.
        environment.set_debug(true);
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        if let Ok(syntax) = SyntaxConfig::builder().keep_trailing_newline(true).build() {
            environment.set_syntax(syntax);
        }
        environment.set_auto_escape_callback(|name| match name.ends_with(".html.j2") {
            true => AutoEscape::Html,
            false => AutoEscape::None,
        });
        let mut templates = Self { environment, folders: BTreeMap::new(), problems: Vec::new() };
        for (part, text) in BUILT_IN.into_iter().chain(letters::BUILT_IN) {
            templates.add(DEFAULT_LANGUAGE, part, text.to_owned());
        }
        for (part, text) in BUILT_IN {
            // They compile, as they have just done.
            templates.environment.add_template_owned(format!("{KEPT}/{part}"), text).ok();
        }
        templates
    }

    /// Adds a template of the site, replacing the one with this language and file name. Mistakes are
    /// told by [`Templates::check`]; until then the old one stays in force.
    pub fn add(&mut self, language: &str, file: &str, text: String) {
        let place = format!("templates/{language}/{file}");
        if let Err(hint) = concert_model::language::tag(language) {
            let problem = Problem::new(format!("`{language}` is not a language")).at(place);
            return self.problems.push(problem.hint(format!("name the folder by its tag: {hint}")));
        }
        let known: Vec<&str> = PARTS.into_iter().chain(letters::BUILT_IN.map(|(part, _)| part)).collect();
        if !known.contains(&file) {
            let problem = Problem::new(format!("`{file}` is not a template")).at(place);
            return self.problems.push(problem.hint(instead_of(file, &known)));
        }
        if text.len() > TEMPLATE_BYTES_MAX {
            let what = format!("the template is larger than {} KiB", TEMPLATE_BYTES_MAX >> 10);
            return self.problems.push(Problem::new(what).at(place));
        }
        if let Err(error) = self.environment.add_template_owned(format!("{language}/{file}"), text) {
            self.problems.push(problem(&error, &place));
        }
        self.folders.insert(language.to_ascii_lowercase(), language.to_owned());
    }

    /// Whether there is a template for notices in this language.
    pub fn speaks(&self, language: &str) -> bool {
        PARTS.iter().any(|part| self.own(language, part).is_some())
    }

    /// The template of a part in a language, in any letter case, else in what the language is a form of.
    pub(super) fn own(&self, language: &str, part: &str) -> Option<String> {
        let mut tag = language.to_ascii_lowercase();
        loop {
            let name = self.folders.get(&tag).map(|folder| format!("{folder}/{part}"));
            if let Some(name) = name.filter(|name| self.environment.get_template(name).is_ok()) {
                return Some(name);
            }
            tag.truncate(tag.rfind('-')?);
        }
    }

    /// Every mistake: what could not be compiled, and what fails with a notice like those that will
    /// come, or with one of a single event of which nothing is known.
    pub fn check(&self) -> Vec<Problem> {
        let mut problems = self.problems.clone();
        let names: Vec<String> = self.environment.templates().map(|(name, _)| name.to_owned()).collect();
        let (full, bare) = (full_sample(), bare_sample());
        for name in names {
            let (language, part) = name.split_once('/').unwrap_or((DEFAULT_LANGUAGE, &name));
            if let Some(facts) = letters::sample(part) {
                problems.extend(self.one(&name, &facts).err());
                continue;
            }
            for (batch, key) in [(&full, "AS64500"), (&bare, "")] {
                let items = sample_items(batch);
                let notice = sample_notice(language, key, &items);
                if let Err(problem) = self.one(&name, &facts(&notice, &file_name(&notice))) {
                    problems.push(problem);
                    break;
                }
            }
        }
        problems.sort_by(|a, b| a.place.cmp(&b.place));
        problems
    }

    /// Renders a notice: subject, text, and the events in the party's format.
    ///
    /// A notice has no events where all of them were forgotten since. What a template of the site cannot say then, the
    /// built-in one does.
    pub fn render(&self, notice: &Notice<'_>) -> Result<Message, Problem> {
        let file = file_name(notice);
        let facts = facts(notice, &file);
        let part = |part: &str| match self.part(notice.language, part, &facts) {
            Err(_) if notice.items.is_empty() => self.one(&format!("{KEPT}/{part}"), &facts),
            rendered => rendered,
        };
        let html = match notice.format.name {
            "html" => Some(part("notice.html.j2")?),
            _ => None,
        };
        let label = label(notice.items);
        let text = visible::lines(&part("notice.txt.j2")?).replace('\r', "");
        let subject = part("notice.subject.j2")?;
        let mut bytes = Vec::new();
        let teller = Teller { name: notice.site_name, mail: notice.site_email };
        (notice.format.write)(notice.items, notice.columns, &teller, &mut bytes);
        Ok(Message {
            notice: notice.id.to_owned(),
            message_id: notice.message_id.clone(),
            to: notice.to.clone(),
            bcc: notice.bcc.clone(),
            return_path: None,
            answers: None,
            by_person: false,
            subject: one_line(&subject, notice.id, &label),
            text: if text.starts_with(&label) { text } else { format!("{label}\n\n{text}") },
            html,
            payload: Attachment { name: file, media_type: notice.format.media_type.to_owned(), bytes },
            more: Vec::new(),
            language: if self.speaks(notice.language) { notice.language } else { DEFAULT_LANGUAGE }.to_owned(),
            date: notice.date,
        })
    }

    /// Renders one part in this language, or in English where the language has none.
    pub(super) fn part(&self, language: &str, part: &str, facts: &minijinja::Value) -> Result<String, Problem> {
        let own = self.own(language, part);
        self.one(&own.unwrap_or_else(|| format!("{DEFAULT_LANGUAGE}/{part}")), facts)
    }

    fn one(&self, name: &str, facts: &minijinja::Value) -> Result<String, Problem> {
        let place = format!("templates/{name}");
        let template = self.environment.get_template(name).map_err(|error| problem(&error, &place))?;
        let mut out = Capped(Vec::new());
        template.render_captured_to(facts.clone(), &mut out).map_err(|error| problem(&error, &place))?;
        Ok(String::from_utf8_lossy(&out.0).into_owned())
    }
}

/// What to write instead of a name that is none of the templates.
fn instead_of(file: &str, known: &[&str]) -> String {
    meant(file, known.iter().copied(), format!("templates are {}", known.join(", ")))
}

/// Where in its line a mistake begins, from 1.
fn column(error: &minijinja::Error) -> Option<usize> {
    let before = error.template_source()?.get(..error.range()?.start)?;
    Some(before.rsplit('\n').next().unwrap_or_default().chars().count() + 1)
}

/// A mistake in a template, with its line and column.
fn problem(error: &minijinja::Error, place: &str) -> Problem {
    let known = letters::known(place.rsplit('/').next().unwrap_or_default());
    let place = match error.line() {
        Some(line) => match column(error) {
            Some(column) => format!("{place}:{line}:{column}"),
            None => format!("{place}:{line}"),
        },
        None => place.to_owned(),
    };
    let detail = error.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
    let hint = match error.kind() {
        minijinja::ErrorKind::UndefinedError => {
            known.unwrap_or("known are site, party, notice, summary and events; fields as in event[\"source.ip\"]")
        }
        minijinja::ErrorKind::OutOfFuel => "the template does too much work; are there loops within loops?",
        minijinja::ErrorKind::WriteFailure => "the template writes more than 1 MiB",
        minijinja::ErrorKind::SyntaxError => {
            "a value is {{ notice.id }}, a statement {% if notice.count > 1 %} ... {% endif %}, and what is not to be read as either {% raw %} ... {% endraw %}"
        }
        _ => "",
    };
    Problem::new(format!("the template does not work: {}{detail}", error.kind())).at(place).hint(hint)
}

/// Renders a template that is used once, as text; `name` is what its mistakes are told of.
pub fn words(name: &str, template: &str, facts: &serde_json::Value) -> Result<String, Problem> {
    if template.len() > TEMPLATE_BYTES_MAX {
        return Err(Problem::new(format!("{name} is larger than {} KiB", TEMPLATE_BYTES_MAX >> 10)));
    }
    let known = || facts.as_object().map(|facts| facts.keys().cloned().collect::<Vec<_>>().join(", "));
    let told = |error: minijinja::Error| match error.kind() {
        minijinja::ErrorKind::UndefinedError => {
            Problem { hint: format!("known are {}", known().unwrap_or_default()), ..problem(&error, name) }
        }
        _ => problem(&error, name),
    };
    let mut templates = Templates::new();
    templates.environment.add_template_owned("words", template.to_owned()).map_err(told)?;
    let template = templates.environment.get_template("words").map_err(told)?;
    let mut out = Capped(Vec::new());
    template.render_captured_to(value(facts), &mut out).map_err(told)?;
    Ok(visible::lines(&String::from_utf8_lossy(&out.0)).replace('\r', ""))
}

/// Facts as templates see them, without characters that hide something.
fn value(facts: &serde_json::Value) -> minijinja::Value {
    use serde_json::Value::{Array, Bool, Null, Number, Object, String};
    match facts {
        Null => minijinja::Value::from(()),
        Bool(is_so) => (*is_so).into(),
        Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => whole.into(),
            (None, part) => part.unwrap_or_default().into(),
        },
        String(text) => visible::line(text).into_owned().into(),
        Array(items) => items.iter().map(value).collect(),
        Object(members) => minijinja::Value::from_pairs(members.iter().map(|(name, one)| (name.as_str(), value(one)))),
    }
}

/// Output with an end.
struct Capped(Vec<u8>);

impl io::Write for Capped {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len().saturating_add(bytes.len()) > OUTPUT_BYTES_MAX {
            return Err(io::Error::other("too much output"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// One line with the ticket number and the TLP label, whatever the template wrote.
pub(super) fn one_line(rendered: &str, id: &str, label: &str) -> String {
    let words: Vec<&str> =
        rendered.split(|c: char| c.is_whitespace() || c.is_control()).filter(|w| !w.is_empty()).collect();
    let line = visible::line(&words.join(" ")).into_owned();
    let cut = |line: &str| line.chars().take(SUBJECT_CHARS_MAX).collect::<String>();
    let ticket = format!("[{id}]");
    let (is_marked, is_numbered) = (cut(&line).contains(label), cut(&line).contains(&ticket));
    let line = match (is_numbered, is_marked) {
        (true, true) => line,
        (true, false) => line.replacen(&ticket, &format!("{ticket} {label}"), 1),
        (false, true) => format!("{ticket} {line}"),
        (false, false) => format!("{ticket} {label} {line}"),
    };
    line.chars().take(SUBJECT_CHARS_MAX.max(ticket.len())).collect::<String>().trim_end().to_owned()
}

/// Number and ending; the number is made by the caller, so anything but letters, digits, `-`, `_` and
/// `.` in it is replaced.
fn file_name(notice: &Notice<'_>) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '_' };
    format!("{}.{}", notice.id.chars().map(safe).collect::<String>(), notice.format.extension)
}

/// What a template can name.
fn facts(notice: &Notice<'_>, file: &str) -> minijinja::Value {
    let times = notice.items.iter().filter_map(|item| {
        [Field::TIME_SOURCE, Field::TIME_OBSERVATION].iter().find_map(|field| item.event.get(*field)?.as_time())
    });
    let (mut first, mut last): (Option<Time>, Option<Time>) = (None, None);
    for time in times {
        first = Some(first.map_or(time, |first| first.min(time)));
        last = Some(last.map_or(time, |last| last.max(time)));
    }
    let whom = instead::whom(notice.items);
    let text = |time: Option<Time>| time.map(|time| time.to_string()).unwrap_or_default();
    let count = |state: &str| notice.items.iter().filter(|item| item.state == state).count();
    let shown = notice.items.iter().take(EVENTS_SHOWN);
    let events: Vec<minijinja::Value> =
        shown.map(|item| minijinja::Value::from_object(Row::new(item, notice.columns.defang))).collect();
    context! {
        site => context! { name => visible::line(notice.site_name), email => visible::line(notice.site_email) },
        party => context! { name => visible::line(notice.party), instead_of => visible::line(&whom) },
        notice => context! {
            id => notice.id,
            name => visible::line(notice.name),
            key => visible::line(notice.key),
            tlp => label(notice.items),
            responsible => notice.is_responsible,
            because => if whom.is_empty() { String::new() } else { visible::line(&instead::because(&whom)).into_owned() },
            file => file,
            count => notice.items.len(),
            first_time => text(first),
            last_time => text(last),
            new => count(NEW),
            still_open => count(STILL_OPEN),
            relapse => count(RELAPSE),
        },
        summary => summary(notice.items),
        events => events,
    }
}

/// The strictest label of the events, as TLP 2.0 writes it: `TLP:AMBER+STRICT`. Empty where none has one.
fn label(items: &[Item<'_>]) -> String {
    let labels = items.iter().filter_map(|item| item.event.text(Field::TLP)?.parse::<Tlp>().ok());
    labels.max().map(|label| format!("TLP:{}", label.word().to_uppercase())).unwrap_or_default()
}

/// How many events of each type, most first.
fn summary(items: &[Item<'_>]) -> Vec<minijinja::Value> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for item in items {
        let kind = item.event.text(Field::CLASSIFICATION_TYPE);
        *counts
            .entry(kind.map_or_else(|| "undetermined".to_owned(), |kind| visible::line(&kind).into_owned()))
            .or_default() += 1;
    }
    let mut rows: Vec<(String, usize)> = counts.into_iter().collect();
    rows.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    rows.into_iter().map(|(kind, count)| context! { type => kind, count => count }).collect()
}

/// One event as a template sees it: text by field name, empty for a field it does not have. All texts
/// stand in one buffer, because there can be a million of these in a morning.
#[derive(Debug, Default)]
struct Row {
    text: String,
    fields: Vec<(Name, Range<usize>)>,
}

#[derive(Debug, PartialEq, Eq)]
enum Name {
    Field(Field),
    Extra(Box<str>),
    Own(&'static str),
}

impl Row {
    fn new(item: &Item<'_>, defang: bool) -> Row {
        let mut row = Row::default();
        for (field, value) in item.event.fields() {
            let name = match field.is_extra() {
                true => Name::Extra(item.event.extra_name(field).into()),
                false => Name::Field(field),
            };
            row.put(name, &visible::value(field, &value, defang));
        }
        row.put(Name::Own("event.id"), &item.event.row().id.to_string());
        row.put(Name::Own("report.id"), &item.report.to_string());
        row.put(Name::Own("notice.state"), item.state);
        if let Some(why) = item.instead.because(&item.event) {
            row.put(Name::Own("notice.because"), &visible::line(&why));
        }
        if item.seen > 1 {
            row.put(Name::Field(Field::DUPLICATE_COUNT), &item.seen.to_string());
        }
        if let Some(time) = item.last_seen {
            row.put(Name::Field(Field::TIME_LAST_SEEN), &time.to_string());
        }
        row
    }

    fn put(&mut self, name: Name, text: &str) {
        let start = self.text.len();
        match text.char_indices().nth(VALUE_CHARS_MAX).and_then(|(end, _)| text.get(..end)) {
            Some(cut) => self.text.extend([cut, "..."]),
            None => self.text.push_str(text),
        }
        self.fields.push((name, start..self.text.len()));
    }

    /// The text of a field, empty where the event has none; nothing where there is no such field.
    fn find(&self, name: &str) -> Option<&str> {
        let wanted = match name.strip_prefix("extra.") {
            Some(extra) => Name::Extra(extra.into()),
            None => {
                match ["event.id", "report.id", "notice.state", "notice.because"].into_iter().find(|own| *own == name) {
                    Some(own) => Name::Own(own),
                    None => Name::Field(Field::named(name)?),
                }
            }
        };
        // The one set last counts.
        let found = self.fields.iter().rev().find(|(name, _)| *name == wanted);
        Some(found.and_then(|(_, range)| self.text.get(range.clone())).unwrap_or(""))
    }
}

impl Object for Row {
    fn get_value(self: &Arc<Self>, key: &minijinja::Value) -> Option<minijinja::Value> {
        self.find(key.as_str()?).map(minijinja::Value::from)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        let name = |name: &Name| match name {
            Name::Field(field) => minijinja::Value::from(field.name()),
            Name::Extra(extra) => minijinja::Value::from(format!("extra.{extra}")),
            Name::Own(own) => minijinja::Value::from(*own),
        };
        Enumerator::Values(self.fields.iter().map(|(of, _)| name(of)).collect())
    }
}

/// One event that has every field, and one that has two.
fn full_sample() -> Batch {
    let mut batch = Batch::new();
    let mut event = batch.open();
    for (name, _) in TABLE {
        let Some(field) = Field::named(name) else { continue };
        let sample = sample_value(field);
        event.set(field, &sample);
    }
    event.keep(EventId::default(), ProblemKey::default(), 1);
    let mut event = batch.open();
    event.set(Field::TIME_SOURCE, &Value::Time(Time(1_795_323_030_000_000)));
    event.set(Field::CLASSIFICATION_TYPE, &Value::text("scanner"));
    event.keep(EventId::default(), ProblemKey::default(), 2);
    batch
}

/// One event that has no field.
fn bare_sample() -> Batch {
    let mut batch = Batch::new();
    batch.open().keep(EventId::default(), ProblemKey::default(), 1);
    batch
}

fn sample_value(field: Field) -> Value<'static> {
    use concert_model::Kind;
    match field.kind() {
        Kind::Time => Value::Time(Time(1_795_323_030_000_000)),
        Kind::Ip => Value::Ip(std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1))),
        Kind::Int | Kind::Port | Kind::Asn => Value::Int(443),
        Kind::Float | Kind::Percent => Value::Float(60.5),
        Kind::Bool => Value::Bool(true),
        Kind::Url => Value::text("https://host.example/path"),
        Kind::Domain => Value::text("host.example"),
        _ => Value::text("sample"),
    }
}

fn sample_items(batch: &Batch) -> Vec<Item<'_>> {
    let mut states = [RELAPSE, NEW].into_iter().cycle();
    batch
        .iter()
        .map(|event| Item {
            event,
            report: ReportId::default(),
            state: states.next().unwrap_or(NEW),
            seen: 2,
            last_seen: Some(Time(1_795_323_030_000_000)),
            instead: Instead::Unknown,
        })
        .collect()
}

fn sample_notice<'a>(language: &'a str, key: &'a str, items: &'a [Item<'a>]) -> Notice<'a> {
    static COLUMNS: Columns = Columns { chosen: Vec::new(), defang: false };
    Notice {
        id: "N-1",
        name: "sample",
        key,
        message_id: "N-1@example.com".to_owned(),
        to: Vec::new(),
        bcc: Vec::new(),
        party: key,
        is_responsible: !key.is_empty(),
        site_name: "CERT Example",
        site_email: "cert@cert.example",
        language,
        date: Time(1_795_323_030_000_000),
        format: &super::csv::LISTED,
        columns: &COLUMNS,
        items,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{csv, html, sample};
    use super::*;

    fn render(
        templates: &Templates,
        events: &[&str],
        change: impl FnOnce(&mut Notice<'_>),
    ) -> Result<Message, Problem> {
        let batch = sample::batch(events);
        let items = sample::items(&batch);
        let mut notice = sample_notice("en", "AS64500", &items);
        notice.party = "Example Networks";
        change(&mut notice);
        templates.render(&notice)
    }

    const TWO: [&str; 2] = [
        "time.source=2026-11-22T04:50:30Z|classification.type=scanner|source.ip=192.0.2.1|source.port=23",
        "time.source=2026-11-22T05:00:00Z|classification.type=infected-system|source.ip=192.0.2.2|malware.name=mirai",
    ];

    #[test]
    fn the_built_in_text_reads_well() {
        let message = render(&Templates::new(), &TWO, |_| {}).unwrap();
        assert_eq!(message.subject, "[N-1] 2 events for AS64500 - CERT Example");
        assert_eq!(
            message.text,
            "Dear Example Networks,\n\n\
             CERT Example received reports about systems that you answer for (AS64500).\n\
             Please look into them. All times are UTC.\n\n\
             \x20 events      2\n\
             \x20 first       2026-11-22T04:50:30Z\n\
             \x20 last        2026-11-22T05:00:00Z\n\n\
             What was reported:\n\n\
             \x20 1 x infected-system\n\
             \x20 1 x scanner\n\n\
             The events:\n\n\
             \x20 2026-11-22T04:50:30Z  scanner  192.0.2.1 port 23\n\
             \x20 2026-11-22T05:00:00Z  infected-system  192.0.2.2 mirai\n\n\
             All of them, with every detail, are in the file N-1.csv.\n\n\
             If you answer, please keep [N-1] in the subject.\n\n\
             -- \n\
             CERT Example\n\
             cert@cert.example\n"
        );
        assert_eq!(message.payload.name, "N-1.csv");
        assert!(message.html.is_none() && message.payload.bytes.starts_with(b"event.id,"));
        assert!(Templates::new().check().is_empty(), "{:?}", Templates::new().check());
    }

    #[test]
    fn an_event_without_an_address_names_its_account_or_as() {
        let events = ["source.account=anna@uni.example", "source.asn=64499"];
        let message = render(&Templates::new(), &events, |notice| notice.format = &html::LISTED).unwrap();
        for text in [&message.text, &message.html.unwrap()] {
            assert!(text.contains("anna@uni.example") && text.contains("AS64499"), "{text}");
        }
    }

    #[test]
    fn whoever_does_not_answer_for_the_systems_is_not_told_so() {
        let message = render(&Templates::new(), &TWO, |notice| {
            (notice.party, notice.is_responsible, notice.format) = ("", false, &html::LISTED);
        });
        let message = message.unwrap();
        let begins = "Hello,\n\nCERT Example received the reports below (AS64500).\nAll times are UTC.\n\n  events";
        assert!(message.text.starts_with(begins), "{}", message.text);
        let html = message.html.unwrap();
        assert!(
            html.contains("<p>Hello,</p>\n<p>CERT Example received the reports below (AS64500). All times"),
            "{html}"
        );
    }

    #[test]
    fn the_strictest_label_comes_before_everything_else_whatever_the_template_does() {
        let events = ["tlp=green|source.ip=192.0.2.1", "source.ip=192.0.2.2", "tlp=amber+strict|source.ip=192.0.2.3"];
        let mut templates = Templates::new();
        let check = |templates: &Templates, subject: &str, begins: &str| {
            let message = render(templates, &events, |notice| notice.format = &html::LISTED).unwrap();
            assert_eq!(message.subject, subject);
            assert!(message.text.starts_with(begins), "{}", message.text);
            message.html.unwrap()
        };
        let subject = "[N-1] TLP:AMBER+STRICT 3 events for AS64500 - CERT Example";
        let html = check(&templates, subject, "TLP:AMBER+STRICT\n\nDear Example Networks,\n");
        assert!(html.contains("<body>\n<p><strong>TLP:AMBER+STRICT</strong></p>\n<p>Dear"), "{html}");
        templates.add("en", "notice.txt.j2", "{{ events[0]['source.ip'] }} TLP:AMBER+STRICT".into());
        for (template, subject) in [
            ("{{ notice.count }} events", "[N-1] TLP:AMBER+STRICT 3 events"),
            ("Re: [{{ notice.id }}]", "Re: [N-1] TLP:AMBER+STRICT"),
            ("{{ notice.tlp }}", "[N-1] TLP:AMBER+STRICT"),
        ] {
            templates.add("en", "notice.subject.j2", template.into());
            check(&templates, subject, "TLP:AMBER+STRICT\n\n192.0.2.1 TLP:AMBER+STRICT");
        }
        let message = render(&Templates::new(), &TWO, |_| {}).unwrap();
        assert!(!message.text.contains("TLP") && !message.subject.contains("TLP"));
    }

    #[test]
    fn a_team_reads_for_whom_it_stands_in_and_why() {
        let templates = Templates::new();
        let check = |instead: Instead<'static>, whom: &str, escaped: &str| {
            let batch = sample::batch(&TWO);
            let mut items = sample::items(&batch);
            items.iter_mut().for_each(|item| item.instead = instead);
            let mut notice = sample_notice("en", "Key", &items);
            (notice.party, notice.format) = ("Power CERT", &html::LISTED);
            let message = templates.render(&notice).unwrap();
            let begins = format!(
                "Dear Power CERT,\n\nCERT Example received reports about systems of {whom}.\n\
                 You get this because no working contact of {whom} is known to us: please pass it on.\n\
                 All times are UTC.\n\n"
            );
            assert!(message.text.starts_with(&begins), "{}", message.text);
            let html = message.html.unwrap();
            let says = format!("You get this because no working contact of {escaped} is known to us");
            assert!(html.contains("<p>Dear Power CERT,</p>") && html.contains(&says), "{html}");
        };
        check(Instead::Party("Grid <1>"), "Grid <1>", "Grid &lt;1&gt;");
        check(Instead::Unknown, "192.0.2.1, 192.0.2.2", "192.0.2.1, 192.0.2.2");
    }

    #[test]
    fn markup_from_events_is_escaped_in_html() {
        let mut templates = Templates::new();
        templates.add("en", "notice.html.j2", "<p>{{ party.name }} {{ events[0]['comment'] }}</p>".into());
        let message = render(&templates, &["comment=<script>x</script>"], |notice| {
            notice.format = &html::LISTED;
            notice.party = "A & <b>B</b>";
        });
        let html = message.unwrap().html.unwrap();
        assert_eq!(html, "<p>A &amp; &lt;b&gt;B&lt;&#x2f;b&gt; &lt;script&gt;x&lt;&#x2f;script&gt;</p>");
    }

    #[test]
    fn the_subject_is_one_line_with_the_ticket() {
        let mut templates = Templates::new();
        templates.add("en", "notice.subject.j2", "Hello\r\nBcc: x@example.com\n{{ notice.key }}".into());
        let message = render(&templates, &TWO, |notice| notice.key = "a\r\nTo: y@example.com\u{202e}").unwrap();
        assert_eq!(message.subject, "[N-1] Hello Bcc: x@example.com a\\r\\nTo: y@example.com\\u202E");
        templates.add("en", "notice.subject.j2", "{{ 'x' * 500 }}".into());
        let subject = render(&templates, &TWO, |_| {}).unwrap().subject;
        assert!(subject.starts_with("[N-1] xxx") && subject.chars().count() == SUBJECT_CHARS_MAX);
    }

    #[test]
    fn a_language_without_a_template_falls_back_to_english() {
        let mut templates = Templates::new();
        templates.add("fi", "notice.subject.j2", "[{{ notice.id }}] {{ notice.count }} havaintoa".into());
        let message = render(&templates, &TWO, |notice| notice.language = "fi").unwrap();
        assert_eq!((message.subject.as_str(), message.language.as_str()), ("[N-1] 2 havaintoa", "fi"));
        assert!(message.text.starts_with("Dear "));
        assert_eq!(render(&templates, &TWO, |notice| notice.language = "sv").unwrap().language, "en");
    }

    #[test]
    fn mistakes_are_found_when_settings_are_read() {
        let check = |file: &str, text: &str, want: &str| {
            let mut templates = Templates::new();
            templates.add("fi", file, text.into());
            let problems: Vec<String> = templates.check().iter().map(ToString::to_string).collect();
            assert_eq!(problems.len(), 1, "{text}: {problems:?}");
            assert!(problems[0].starts_with(want), "{text}: {problems:?}");
            // And the others still work.
            assert!(render(&templates, &TWO, |_| {}).is_ok());
        };
        check("notice.txt.j2", "a\n\n{{ notice.nmae }}", "templates/fi/notice.txt.j2:3:4: ");
        check("notice.txt.j2", "a\n{% if %}", "templates/fi/notice.txt.j2:2:7: ");
        check(
            "notice.txt.j2",
            "{% for e in events %}\n{{ e['sorce.ip'] }}{% endfor %}",
            "templates/fi/notice.txt.j2:2:",
        );
        check("notice.txt.j2", "{{ events[1]['source.ip'] }}", "templates/fi/notice.txt.j2:1:");
        check("notice.txt.j2", "{{ events[0]['sorce.ip'] }}", "templates/fi/notice.txt.j2:1:");
        check("notice.text.j2", "", "templates/fi/notice.text.j2: `notice.text.j2` is not a template");
        let endless = "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}";
        check("notice.txt.j2", endless, "templates/fi/notice.txt.j2:1:");
        check("notice.txt.j2", "{{ 'x' * 2000000 }}", "templates/fi/notice.txt.j2");
        check("notice.txt.j2", "{% include 'fi/notice.txt.j2' %}", "templates/fi/notice.txt.j2");
    }

    /// As one is of which all events were forgotten.
    #[test]
    fn what_a_template_cannot_say_of_no_events_the_built_in_one_does() {
        let mut templates = Templates::new();
        templates.add("en", "notice.subject.j2", "{{ events[0]['source.ip'] }}".into());
        templates.add("en", "notice.txt.j2", "Look at {{ events[0]['source.ip'] }}.\n".into());
        templates.add("en", "notice.html.j2", "<p>{{ 100 // notice.count }}</p>".into());
        assert!(templates.check().is_empty(), "{:?}", templates.check());
        let html = |notice: &mut Notice<'_>| notice.format = &html::LISTED;
        let message = render(&templates, &TWO, html).unwrap();
        let own = ("[N-1] 192.0.2.1", "Look at 192.0.2.1.\n", Some("<p>50</p>"));
        assert_eq!((message.subject.as_str(), message.text.as_str(), message.html.as_deref()), own);
        let message = render(&templates, &[], html).unwrap();
        assert_eq!(message.subject, "[N-1] 0 events for AS64500 - CERT Example");
        assert!(message.text.starts_with("Dear Example Networks,\n") && !message.text.contains("Look at"));
        assert!(message.html.is_some_and(|html| html.contains("<p>Dear Example Networks,</p>")));
    }

    #[test]
    fn no_more_events_are_shown_than_a_reader_wants() {
        let events: Vec<String> = (0..50).map(|number| format!("source.ip=192.0.2.{number}")).collect();
        let events: Vec<&str> = events.iter().map(String::as_str).collect();
        let message = render(&Templates::new(), &events, |notice| notice.format = &csv::LISTED).unwrap();
        assert!(message.text.contains("The first 20 of 50:"), "{}", message.text);
        assert!(message.text.contains("192.0.2.19") && !message.text.contains("192.0.2.20"));
        assert_eq!(message.payload.bytes.iter().filter(|byte| **byte == b'\n').count(), 51);
    }
}
