//! The settings that say how columns of a report become fields of an event.
//!
//! Shared by every parser whose format has named columns: csv, json, ndjson, regex, keyvalue.
//!
//! | key | meaning |
//! |---|---|
//! | `columns` | column to field: `ip = "source.ip"`. `"source.ip\|source.fqdn"` is the first that fits and is free; `"a, b"` fills both; `"extra"` is `extra.<column>`; `"-"` leaves the column out |
//! | `unmapped` | `extra` (default) keeps other columns as `extra.<column>`, `drop` leaves them out |
//! | `require` | fields without which there is no event |
//! | `time_format` | `automatic` (a number of 10 digits is seconds, one of 13 milliseconds since 1970, from 1990 to 2100; `Nov 22 10:15:00` is of the year in which it came last), `unix`, `unix-ms` or a pattern such as `%d-%m-%Y`; `"unix\|%Y%m%d"` tries both |
//! | `types` | word of the feed to `classification.type`; a final `*` stands for any rest |
//! | `ignore_values` | values that mean "nothing" |
//! | `prefix` | column to a text put before its value |
//! | `prefix_url` | text put before a URL that has no scheme: `http://` |
//! | `refang` | undo `hxxp` and `[.]`, which no domain or URL may hold otherwise |
//!
//! `constant` and `time_zone` hold for every feed and are read in `fixed.rs`.
//!
//! Without `columns` a column that is named like a field fills it and the others are unmapped. What this site itself says
//! of an event is taken from a report only where settings name its column: `feed.name` is `extra.reported_feed_name`.

mod moment;
pub(super) mod settings;

use std::collections::HashMap;

use concert_model::{Field, Kind, Time, Value, host, taxonomy};
use jiff::tz::TimeZone;

use super::country::alpha2;
use super::{Draft, Fault};
use moment::{SYSLOG, TimeFormat, number_time, read_time, yearless};

/// As much of a name from outside as a reject shows.
const NAME_CHARS_SHOWN: usize = 60;

/// What this site says of an event, and no report by the name of a column: which feed it came by and when, how often it
/// was seen, and whom it falls to. A report could else pass for one of another feed.
const OURS: [Field; 7] = [
    Field::DUPLICATE_COUNT,
    Field::FEED_CODE,
    Field::FEED_NAME,
    Field::PARTY,
    Field::TIME_LAST_SEEN,
    Field::TIME_OBSERVATION,
    Field::TIME_PREVIOUS,
];

/// Where a column's text goes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Target {
    Field(Field),
    /// `extra.` and this name.
    Extra(String),
}

impl Target {
    /// As it is written in settings.
    fn shown(&self) -> String {
        match self {
            Self::Field(field) => field.name().to_owned(),
            Self::Extra(name) => format!("extra.{name}"),
        }
    }
}

/// What is done with one column of the report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    name: String,
    /// All of these are filled, each with the first of its targets that fits.
    fills: Vec<Vec<Target>>,
    prefix: String,
}

impl Column {
    /// The name in the report.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// How the columns of a feed become fields. Read once from the feed's settings.
#[derive(Default)]
pub struct Mapping {
    columns: Vec<Column>,
    by_name: HashMap<String, usize>,
    takes_field_names: bool,
    keep_unmapped: bool,
    require: Vec<Field>,
    time_formats: Vec<TimeFormat>,
    types: Vec<(String, &'static str)>,
    ignore_values: Vec<String>,
    prefix_url: Option<String>,
    refang: bool,
}

impl Mapping {
    /// Whether a column that is named like a field fills it.
    pub fn takes_field_names(&self) -> bool {
        self.takes_field_names
    }

    /// The columns named in settings, in their order.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Whether a column of this name is in `columns`.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.get(*self.by_name.get(name)?)
    }

    /// Whether settings name a column so, or it is called like a field and fills it.
    pub fn knows(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
            || self.takes_field_names && (Field::named(name).is_some() || name.starts_with("extra."))
    }

    /// What is done with a column of this name, named in settings or not; `None` when it is left out.
    /// For formats with a head line: asked once a column, used for every row with [`Mapping::put_in`].
    pub fn resolve(&self, name: &str) -> Option<Column> {
        if let Some(column) = self.column(name) {
            return Some(column.clone()).filter(|column| !column.fills.is_empty());
        }
        let target = self.unmapped(name)?;
        Some(Column { name: name.to_owned(), fills: vec![vec![target]], prefix: String::new() })
    }

    /// Puts the text of a column where the settings say. Empty and ignored texts set nothing. The
    /// fault is named by the field.
    pub fn put(&self, draft: &mut Draft<'_>, column: &str, text: &str) -> Result<(), Fault> {
        if let Some(column) = self.column(column) {
            return self.put_in(draft, column, text);
        }
        match self.unmapped(column) {
            Some(target) if !self.is_ignored(text.trim()) => self.put_target(draft, &target, text.trim()),
            _ => Ok(()),
        }
    }

    /// Like [`Mapping::put`], for a column that was looked up before.
    pub fn put_in(&self, draft: &mut Draft<'_>, column: &Column, text: &str) -> Result<(), Fault> {
        let text = text.trim();
        if self.is_ignored(text) {
            return Ok(());
        }
        if column.prefix.is_empty() {
            return self.put_fills(draft, column, text);
        }
        self.put_fills(draft, column, &format!("{}{text}", column.prefix))
    }

    /// Puts a value that came as JSON. Of a list of plain values the first goes into the field, and all
    /// of them, as a list, into `extra.<column>`.
    pub fn put_json(&self, draft: &mut Draft<'_>, column: &str, json: &serde_json::Value) -> Result<(), Fault> {
        use serde_json::Value as Json;
        match json {
            Json::Null => Ok(()),
            Json::String(text) => self.put(draft, column, text),
            Json::Bool(_) | Json::Number(_) if self.is_extra(column) => self.put_extra_json(draft, column, json),
            Json::Bool(_) | Json::Number(_) => self.put(draft, column, &json.to_string()),
            Json::Array(items) if items.is_empty() => Ok(()),
            Json::Array(items) if items.iter().all(|item| !item.is_array() && !item.is_object()) => {
                self.put_list(draft, column, items)
            }
            Json::Object(members) if members.is_empty() => Ok(()),
            Json::Array(_) | Json::Object(_) => self.put_extra_json(draft, column, json),
        }
    }

    /// Says which required field is missing. Asked at the end of each event.
    pub fn finish(&self, draft: &Draft<'_>) -> Result<(), Fault> {
        match self.require.iter().find(|field| !draft.has(**field)) {
            Some(field) => Err(Fault::new(field.name(), "missing")),
            None => Ok(()),
        }
    }

    fn is_ignored(&self, text: &str) -> bool {
        text.is_empty() || self.ignore_values.iter().any(|value| value == text)
    }

    /// Whether a value of JSON says nothing.
    pub(super) fn is_blank(&self, value: &serde_json::Value) -> bool {
        match value {
            serde_json::Value::Null => true,
            serde_json::Value::String(text) => self.is_ignored(text.trim()),
            serde_json::Value::Array(items) => items.iter().all(|item| self.is_blank(item)),
            serde_json::Value::Object(members) => members.values().all(|member| self.is_blank(member)),
            serde_json::Value::Bool(_) | serde_json::Value::Number(_) => false,
        }
    }

    /// Where a column goes that settings do not name.
    fn unmapped(&self, name: &str) -> Option<Target> {
        if let Some(extra) = name.strip_prefix("extra.") {
            return self.keep_unmapped.then(|| Target::Extra(extra.to_owned()));
        }
        match Field::named(name).filter(|field| self.takes_field_names && !OURS.contains(field)) {
            Some(field) => Some(Target::Field(field)),
            None => self.keep_unmapped.then(|| Target::Extra(kept_name(name).to_owned())),
        }
    }

    fn is_extra(&self, name: &str) -> bool {
        match self.column(name) {
            Some(column) => matches!(column.fills.as_slice(), [only] if matches!(only.as_slice(), [Target::Extra(_)])),
            None => matches!(self.unmapped(name), Some(Target::Extra(_))),
        }
    }

    fn put_fills(&self, draft: &mut Draft<'_>, column: &Column, text: &str) -> Result<(), Fault> {
        column.fills.iter().try_for_each(|fill| self.put_first(draft, fill, text))
    }

    /// The first target that is free and takes the text; with one target its own fault.
    fn put_first(&self, draft: &mut Draft<'_>, targets: &[Target], text: &str) -> Result<(), Fault> {
        let [first, _, ..] = targets else {
            return targets.iter().try_for_each(|target| self.put_target(draft, target, text));
        };
        let free = |draft: &Draft<'_>, target: &Target| !matches!(target, Target::Field(field) if draft.has(*field));
        for target in targets {
            if free(draft, target) && self.put_target(draft, target, text).is_ok() {
                return Ok(());
            }
        }
        let names: Vec<&str> = targets.iter().map(name_of).collect();
        Err(Fault::new(name_of(first), format!("fits none of {}", names.join(", "))))
    }

    fn put_target(&self, draft: &mut Draft<'_>, target: &Target, text: &str) -> Result<(), Fault> {
        let restored = if self.refang { host::refang(text) } else { text.into() };
        match target {
            Target::Extra(name) => draft.put_extra(name, &restored),
            Target::Field(field) => self.put_field(draft, *field, &restored),
        }
    }

    fn put_field(&self, draft: &mut Draft<'_>, field: Field, text: &str) -> Result<(), Fault> {
        let fault = |reason: &str| Fault::new(field.name(), reason);
        match field.kind() {
            Kind::Time => {
                let time = self.time(text, draft.zone(), draft.received()).map_err(fault)?;
                draft.set(field, &Value::Time(time));
                return Ok(());
            }
            Kind::Type => {
                let kind = self.type_of(text).ok_or_else(|| fault("not a classification type; see the key types"))?;
                draft.set(field, &Value::text(kind));
                return Ok(());
            }
            Kind::Url => {
                if let Some(prefix) = self.prefix_url.as_ref().filter(|_| !text.contains("://")) {
                    return draft.need(field, &format!("{prefix}{text}"));
                }
            }
            Kind::Country => {
                if let Some(short) = Some(text).filter(|text| text.len() == 3).and_then(alpha2) {
                    return draft.need(field, short);
                }
            }
            _ => check_hash(field, text).map_err(fault)?,
        }
        draft.need(field, text)
    }

    /// Reads a time in one of the formats of the settings. `zone` is for times that name none, and `received` for those
    /// without a year.
    pub fn time(&self, text: &str, zone: Option<&TimeZone>, received: Time) -> Result<Time, &'static str> {
        let mut why = "not a time";
        for format in &self.time_formats {
            match read_time(format, text, zone, received) {
                Ok(time) => return Ok(time),
                Err(reason) => why = reason,
            }
        }
        match self.time_formats.as_slice() {
            [] => Time::parse(text, zone),
            // Beside other formats a number is meant for one of those.
            [TimeFormat::Automatic] => {
                number_time(text).or_else(|| yearless(SYSLOG, text, zone, received)).unwrap_or(Err(why))
            }
            _ => Err(why),
        }
    }

    fn type_of(&self, text: &str) -> Option<&'static str> {
        let lower = text.to_lowercase();
        let fits = |word: &str| match word.strip_suffix('*') {
            Some(start) => lower.starts_with(start),
            None => word == lower,
        };
        let listed = self.types.iter().find(|(word, _)| fits(word)).map(|(_, kind)| *kind);
        listed.or_else(|| taxonomy::type_of(text).map(|(kind, _)| kind))
    }

    fn put_list(&self, draft: &mut Draft<'_>, column: &str, items: &[serde_json::Value]) -> Result<(), Fault> {
        if self.is_extra(column) {
            let list = serde_json::Value::Array(items.to_vec());
            return self.put_extra_json(draft, column, &list);
        }
        if let Some(first) = items.first() {
            self.put_json(draft, column, first)?;
        }
        if items.len() < 2 {
            return Ok(());
        }
        set_extra_json(draft, kept_name(column), &serde_json::Value::Array(items.to_vec()))
    }

    fn put_extra_json(&self, draft: &mut Draft<'_>, column: &str, json: &serde_json::Value) -> Result<(), Fault> {
        let target = match self.column(column) {
            Some(column) => column.fills.first().and_then(|fill| fill.first()).cloned(),
            None => self.unmapped(column),
        };
        match target {
            None => Ok(()),
            Some(Target::Extra(name)) => set_extra_json(draft, &name, json),
            Some(Target::Field(field)) => {
                let zone = draft.zone().cloned();
                concert_model::json::set(draft, field, json, zone.as_ref())
                    .map_err(|reason| Fault::new(field.name(), reason))
            }
        }
    }
}

fn name_of(target: &Target) -> &str {
    match target {
        Target::Field(field) => field.name(),
        Target::Extra(name) => name,
    }
}

/// What the sender says of its own event must not look like what we say of ours.
fn kept_name(name: &str) -> &str {
    match name {
        "duplicate.count" => "reported_duplicate_count",
        "feed.code" => "reported_feed_code",
        "feed.name" => "reported_feed_name",
        "party" => "reported_party",
        "time.last_seen" => "reported_time_last_seen",
        "time.observation" => "reported_time_observation",
        "time.previous" => "reported_time_previous",
        "event.id" => "reported_event_id",
        "report.id" => "reported_report_id",
        _ => name,
    }
}

pub(super) fn set_extra_json(draft: &mut Draft<'_>, name: &str, json: &serde_json::Value) -> Result<(), Fault> {
    let fault =
        |reason: &str| Fault::new(format!("extra.{}", name.chars().take(NAME_CHARS_SHOWN).collect::<String>()), reason);
    let field = draft
        .extra(name)
        .ok_or_else(|| fault("too many extra names, or one that is too long or has a comma or control characters"))?;
    concert_model::json::set(draft, field, json, None).map_err(fault)
}

/// Fields for hashes take any text, so a hash is told from a domain name by its length and digits.
fn check_hash(field: Field, text: &str) -> Result<(), &'static str> {
    let (length, reason) = match field {
        Field::MALWARE_HASH_MD5 => (32, "not an MD5 hash of 32 hexadecimal digits"),
        Field::MALWARE_HASH_SHA1 => (40, "not a SHA-1 hash of 40 hexadecimal digits"),
        Field::MALWARE_HASH_SHA256 => (64, "not a SHA-256 hash of 64 hexadecimal digits"),
        _ => return Ok(()),
    };
    let good = text.len() == length && text.bytes().all(|b| b.is_ascii_hexdigit());
    if good { Ok(()) } else { Err(reason) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use concert_model::Keys;
    use concert_model::keys::{Reading, Source};
    use concert_model::{OpenEvent, ProblemKey, Reject, ReportId};

    use crate::parse::{Fixed, Sink, check};

    /// Reads settings; the problems as text.
    fn read(settings: &str) -> (Mapping, Fixed, Vec<String>) {
        let source = Source { name: "concert.toml".into(), text: settings.into() };
        let document = toml_edit::Document::parse(settings).unwrap();
        let secrets = |_: &str, _: &str| Err(String::new());
        let reading = Reading::new(&secrets);
        let mut keys = Keys::root(&reading, vec![(&source, document.as_table() as &dyn toml_edit::TableLike)]);
        let mapping = Mapping::read(&mut keys);
        let fixed = Fixed::read(&mut keys);
        keys.finish();
        (mapping, fixed, reading.finish().problems.iter().map(ToString::to_string).collect())
    }

    /// One event from columns and their texts; or the reason why there is none.
    fn check(settings: &str, columns: &[(&str, &str)], want: &str) {
        let (mapping, fixed, problems) = read(settings);
        assert!(problems.is_empty(), "{problems:?}");
        let receipt = check::receipt("f");
        let out = std::cell::RefCell::new(String::new());
        let mut stage = |_: &mut OpenEvent<'_>| true;
        let mut flush = |batch: concert_model::Batch| {
            let mut text = Vec::new();
            concert_model::json::write_members(&batch.get(0).unwrap(), &mut text);
            out.borrow_mut().push_str(&String::from_utf8(text).unwrap());
            batch
        };
        let mut reject = |reject: Reject| out.borrow_mut().push_str(&format!("{}: {}", reject.field, reject.reason));
        let key_of = |_: &OpenEvent<'_>| ProblemKey::default();
        let id = ReportId::default();
        let mut sink =
            Sink::new(id, &receipt, fixed.constants, fixed.zone, &mut stage, &key_of, &mut flush, &mut reject);
        sink.event(1, b"", |draft| {
            columns.iter().try_for_each(|(column, text)| mapping.put(draft, column, text))?;
            mapping.finish(draft)
        });
        sink.finish();
        let got = out.into_inner().replace(",\"time.observation\":\"2026-06-18T00:00:00Z\"", "");
        assert_eq!(got.trim_start_matches(','), want);
    }

    #[test]
    fn the_first_field_that_fits_and_is_free_is_filled() {
        let any = "columns = { x = \"source.ip|malware.hash.md5|source.fqdn\", y = \"source.ip|destination.ip\" }";
        check(
            any,
            &[("x", "192.0.2.1"), ("y", "192.0.2.2")],
            r#""destination.ip":"192.0.2.2","source.ip":"192.0.2.1""#,
        );
        check(any, &[("x", "evil.example")], r#""source.fqdn":"evil.example""#);
        let hash = "d41d8cd98f00b204e9800998ecf8427e";
        check(any, &[("x", hash)], &format!("\"malware.hash.md5\":\"{hash}\""));
        check(any, &[("x", "a b")], "source.ip: fits none of source.ip, malware.hash.md5, source.fqdn");
    }

    #[test]
    fn columns_that_are_not_named_are_kept_or_dropped() {
        check(
            "",
            &[("source.port", "80"), ("tag", "x"), ("event.id", "7")],
            r#""source.port":80,"extra.tag":"x","extra.reported_event_id":"7""#,
        );
        check("columns = { tag = \"-\" }", &[("source.port", "80"), ("tag", "x")], r#""extra.source.port":"80""#);
        check("unmapped = \"drop\"", &[("source.port", "80"), ("tag", "x")], r#""source.port":80"#);
        check("", &[("tag", "N/A"), ("comment", " - ")], "");
    }

    #[test]
    fn a_report_does_not_say_what_this_site_says_of_its_events() {
        for (name, text) in [
            ("duplicate.count", "900"),
            ("feed.code", "another"),
            ("feed.name", "another"),
            ("party", "Uni"),
            ("time.last_seen", "2030-01-01T00:00:00Z"),
            ("time.observation", "2030-01-01T00:00:00Z"),
            ("time.previous", "2020-01-01T00:00:00Z"),
        ] {
            let aside = name.replace('.', "_");
            let constant = "constant = { \"feed.code\" = \"ours\" }";
            let want = format!(r#""feed.code":"ours","source.port":80,"extra.reported_{aside}":"{text}""#);
            check(constant, &[("source.port", "80"), (name, text)], &want);
        }
        // Settings may say that a column is trusted.
        check("columns = { f = \"feed.name\" }", &[("f", "theirs")], r#""feed.name":"theirs""#);
    }

    #[test]
    fn one_column_can_fill_several_fields() {
        check(
            "columns = { kind = \"event_description.text, classification.type\" }\ntypes = { \"scan-*\" = \"scanner\", \"*\" = \"other\" }",
            &[("kind", "SCAN-PORT-RDP")],
            r#""classification.taxonomy":"information-gathering","classification.type":"scanner","event_description.text":"SCAN-PORT-RDP""#,
        );
        check(
            "columns = { d = \"event_description.url\" }\nprefix = { d = \"http://list.example/?q=\" }",
            &[("d", "evil.example")],
            r#""event_description.url":"http://list.example/?q=evil.example""#,
        );
    }

    #[test]
    fn times_are_read_as_the_settings_say() {
        let time = |format: &str| {
            format!("columns = {{ t = \"time.source\" }}\ntime_format = \"{format}\"\ntime_zone = \"Asia/Taipei\"")
        };
        check(&time("automatic"), &[("t", "2019-10-29 13:18:47")], r#""time.source":"2019-10-29T05:18:47Z""#);
        check(&time("unix|unix-ms"), &[("t", "1478769063")], r#""time.source":"2016-11-10T09:11:03Z""#);
        check(&time("unix-ms"), &[("t", "1478769063250")], r#""time.source":"2016-11-10T09:11:03.250000Z""#);
        check(&time("%d-%m-%Y"), &[("t", "15-02-2019")], r#""time.source":"2019-02-14T16:00:00Z""#);
        check(&time("%Y%m%d%H%M%S%z"), &[("t", "20190215120000+0000")], r#""time.source":"2019-02-15T12:00:00Z""#);
        // A number says what it counts by its length, where it can be nothing else.
        check(&time("automatic"), &[("t", "1478769063")], r#""time.source":"2016-11-10T09:11:03Z""#);
        check(&time("automatic"), &[("t", "1478769063250")], r#""time.source":"2016-11-10T09:11:03.250000Z""#);
        for number in ["4102444800", "2026061712", "20260617", "147876906", "1478769063.25", "631151999999", "0"] {
            check(&time("automatic"), &[("t", number)], "time.source: a number, which `time_format` must explain");
        }
        check(&time("automatic"), &[("t", "1.2.3")], "time.source: not a time");
        check(
            &time("automatic|%Y%m%d%H"),
            &[("t", "1478769063")],
            "time.source: not a time in the format of the settings",
        );
        check(&time("unix"), &[("t", "yesterday")], "time.source: not seconds since 1970");
        check(&time("unix"), &[("t", "1e300")], "time.source: not seconds since 1970");
    }

    #[test]
    fn countries_urls_and_constants_are_completed() {
        check(
            "columns = { cc = \"source.geolocation.cc\", u = \"source.url\" }\nprefix_url = \"http://\"\nrefang = true\nrequire = [\"source.url\"]\nconstant = { \"protocol.transport\" = \"tcp\" }",
            &[("cc", "POL"), ("u", "evil[.]example/x")],
            r#""protocol.transport":"tcp","source.geolocation.cc":"PL","source.url":"http://evil.example/x""#,
        );
        check("require = [\"source.ip\"]", &[("comment", "x")], "source.ip: missing");
    }

    #[test]
    fn columns_that_would_replace_each_other_are_told_with_both_places() {
        let problems = |columns: &str| read(&format!("columns = {{ {columns} }}")).2;
        assert_eq!(
            problems("a = \"source.ip\", b = \"time.source, source.ip\""),
            [
                "concert.toml:1:30: `b` fills `source.ip`, and so does `a` at concert.toml:1:13: one would replace the other\n  \
              hint: write a = \"source.ip|extra\" and b = \"source.ip|extra\" for the first that has a value, or leave one out"
            ]
        );
        assert_eq!(problems("a = \"extra.x\", b = \"extra.x\", c = \"extra.x\"").len(), 2);
        for good in [
            "a = \"source.ip|extra\", b = \"source.ip|extra\"",
            "a = \"source.ip\", b = \"source.ip|source.fqdn\"",
            "a = \"extra\", b = \"extra\", c = \"-\", d = \"-\"",
        ] {
            assert_eq!(problems(good), [""; 0], "{good}");
        }
        let either = "columns = { a = \"source.ip|extra\", b = \"source.ip|extra\" }";
        check(either, &[("a", "192.0.2.1"), ("b", "")], r#""source.ip":"192.0.2.1""#);
        check(either, &[("a", "-"), ("b", "192.0.2.2")], r#""source.ip":"192.0.2.2""#);
        check(either, &[("a", "192.0.2.1"), ("b", "192.0.2.2")], r#""source.ip":"192.0.2.1","extra.b":"192.0.2.2""#);
    }

    #[test]
    fn mistakes_in_settings_are_told() {
        let problems = read("columns = { a = \"source.pi\" }\ntime_zone = \"Mars\"\ntime_format = \"%!\"\ntypes = { a = \"scaner\" }\nconstant = { \"source.port\" = \"x\" }").2;
        assert_eq!(problems.len(), 5, "{problems:#?}");
        assert!(problems[0].contains("did you mean `source.ip`"), "{problems:#?}");
        assert!(problems.iter().any(|text| text.contains("did you mean `scanner`")), "{problems:#?}");
    }
}
