//! What each Shadowserver report type means: the schema file of the Shadowserver Foundation, or the
//! built-in table of common types.

use std::borrow::Cow;

use concert_model::{Field, Value};
use serde::Deserialize;

use super::convert::Convert;
use super::table;

/// Largest schema file that is read, and most reports and columns in it.
const SCHEMA_BYTES_MAX: usize = 16 << 20;
const REPORTS_MAX: usize = 5_000;

/// Where a column goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// A field of the table.
    Field(Field),
    /// `extra.` with this name.
    Extra(Cow<'static, str>),
}

/// One column of a report type.
#[derive(Clone, Debug)]
pub(super) struct Mapping {
    pub column: Cow<'static, str>,
    pub target: Target,
    pub convert: Convert,
    pub required: bool,
}

/// One report type.
#[derive(Clone, Debug)]
pub(super) struct Report {
    /// As it stands in file names.
    pub file_name: Cow<'static, str>,
    /// Another name it goes by; the same where it has none.
    pub key: Cow<'static, str>,
    /// Values of every event.
    pub constants: Vec<(Field, Value<'static>)>,
    /// Its columns.
    pub columns: Vec<Mapping>,
    /// Columns that no other type has together; none where they are not known.
    pub telling: Vec<&'static str>,
    /// What becomes of columns that are not mapped.
    pub others: Convert,
    /// Why reports of this type cannot be read, where the schema says something of it that means nothing
    /// here. The other types are read all the same.
    pub broken: Option<String>,
}

/// How well columns fit a type: whether those are there that no other has, how many, and how many are missing.
type Fit = (bool, usize, std::cmp::Reverse<usize>);

/// All report types.
#[derive(Clone, Debug)]
pub(super) struct Schema {
    pub reports: Vec<Report>,
}

#[derive(Deserialize)]
struct Written {
    feed_name: String,
    file_name: String,
    #[serde(default)]
    constant_fields: std::collections::BTreeMap<String, String>,
    required_fields: Vec<Vec<serde_json::Value>>,
    optional_fields: Vec<Vec<serde_json::Value>>,
}

impl Schema {
    /// The built-in types.
    pub(super) fn built_in() -> Self {
        Self { reports: table::reports() }
    }

    /// Reads the schema file. The error says which report or column of it is not understood.
    pub(super) fn read(json: &str) -> Result<Self, String> {
        if json.len() > SCHEMA_BYTES_MAX {
            return Err("larger than 16 MiB".into());
        }
        let written: std::collections::BTreeMap<String, serde_json::Value> =
            serde_json::from_str(json).map_err(|why| format!("not a schema: {why}"))?;
        if written.len() > REPORTS_MAX {
            return Err(format!("more than {REPORTS_MAX} report types"));
        }
        let mut reports = Vec::new();
        for (key, value) in written {
            if key.starts_with('_') {
                continue;
            }
            let file_name = value.get("file_name").and_then(serde_json::Value::as_str).unwrap_or(&key).to_owned();
            let report = Written::deserialize(value).map_err(|why| why.to_string());
            let report = report.and_then(|report| report.read(&key));
            reports.push(report.unwrap_or_else(|why| broken(key, file_name, why)));
        }
        if reports.is_empty() {
            return Err("it holds no report types".into());
        }
        Ok(Self { reports })
    }

    /// The type a file name names: `[date-]TYPE[-suffix...].csv`, with or without `.zip` or `.gz`.
    pub(super) fn by_file_name(&self, name: &str) -> Option<&Report> {
        let name = name.to_ascii_lowercase();
        let words = type_in(&name)?;
        // The longest wins, because one type's name can begin with another's.
        let in_word = |c: char| c.is_alphanumeric() || c == '_';
        let fits = |known: &str| words.strip_prefix(known).is_some_and(|rest| !rest.starts_with(in_word));
        let longest = |named: fn(&Report) -> &str| {
            self.reports.iter().filter(|report| fits(named(report))).max_by_key(|report| named(report).len())
        };
        longest(|report| &report.file_name).or_else(|| longest(|report| &report.key))
    }

    /// The type a file name names that is not known: a date with such a word behind it, or a word of a known family.
    pub(super) fn unknown_in(name: &str) -> Option<String> {
        let name = name.to_ascii_lowercase();
        let stem = type_in(&name)?;
        let is_dated = !name.rsplit(['/', '\\']).next()?.starts_with(stem);
        let end = stem.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(stem.len());
        let word = stem.get(..end)?;
        let (family, _) = word.split_once('_').unwrap_or((word, ""));
        let is_one = match is_dated {
            true => word.contains('_') || FAMILIES.contains(&family),
            false => word.contains('_') && FAMILIES.contains(&family),
        };
        is_one.then(|| word.to_owned())
    }

    /// The type of this very name.
    pub(super) fn by_type(&self, name: &str) -> Option<&Report> {
        let report = self.reports.iter().find(|report| report.file_name == name);
        report.or_else(|| self.reports.iter().find(|report| report.key == name))
    }

    /// The type whose columns fit best; the error names those that fit equally well.
    pub(super) fn by_columns(&self, header: &[&str]) -> Result<&Report, Vec<&str>> {
        let mut best: Vec<(&Report, Fit)> = Vec::new();
        for report in self.reports.iter().filter(|report| report.broken.is_none()) {
            let has = |mapping: &&Mapping| header.contains(&mapping.column.as_ref());
            if !report.columns.iter().filter(|mapping| mapping.required).all(|mapping| has(&mapping)) {
                continue;
            }
            let present = report.columns.iter().filter(has).count();
            let tells = report.telling.iter().all(|column| header.contains(column));
            // A type that has columns of its own does not come without them.
            if !tells {
                continue;
            }
            let score = (!report.telling.is_empty(), present, std::cmp::Reverse(report.columns.len() - present));
            match best.first().map(|(_, top)| score.cmp(top)) {
                Some(std::cmp::Ordering::Less) => continue,
                Some(std::cmp::Ordering::Equal) => {}
                Some(std::cmp::Ordering::Greater) | None => best.clear(),
            }
            best.push((report, score));
        }
        match best.as_slice() {
            // The IPv4 and IPv6 editions of a report say the same.
            [(first, _), rest @ ..]
                if rest.iter().all(|(other, _)| other.constants.get(1..) == first.constants.get(1..)) =>
            {
                let shortest = best.iter().min_by_key(|(report, _)| report.file_name.len());
                Ok(shortest.map_or(*first, |(report, _)| *report))
            }
            several => Err(several.iter().map(|(report, _)| report.file_name.as_ref()).collect()),
        }
    }
}

fn broken(key: String, file_name: String, why: String) -> Report {
    let (constants, columns) = (Vec::new(), Vec::new());
    Report {
        telling: Vec::new(),
        file_name: file_name.into(),
        key: key.into(),
        constants,
        columns,
        others: Convert::Text,
        broken: Some(why),
    }
}

/// What names of report types begin with.
const FAMILIES: [&str; 14] = [
    "blocklist",
    "compromised",
    "device",
    "event4",
    "event6",
    "malware",
    "population",
    "population6",
    "ransomware",
    "sandbox",
    "scan",
    "scan6",
    "spam",
    "special",
];

/// The part of a file name from the report type on, without date and endings.
fn type_in(name: &str) -> Option<&str> {
    let name = name.rsplit(['/', '\\']).next().unwrap_or(name).split(['?', '#']).next()?;
    let mut stem = name;
    for ending in [".gz", ".zip", ".bz2", ".csv"] {
        stem = stem.strip_suffix(ending).unwrap_or(stem);
    }
    let bytes = stem.as_bytes();
    let dated = bytes.len() > 11
        && bytes.iter().zip(b"0000-00-00-").all(|(byte, form)| match form {
            b'0' => byte.is_ascii_digit(),
            _ => byte == form,
        });
    let stem = if dated { stem.get(11..)? } else { stem };
    (!stem.is_empty()).then_some(stem)
}

impl Written {
    fn read(self, key: &str) -> Result<Report, String> {
        let mut constants = vec![(Field::FEED_NAME, Value::Text(self.feed_name.into()))];
        for (name, text) in self.constant_fields {
            let field = Field::named(&name).ok_or_else(|| format!("`{name}` is not a field"))?;
            // The taxonomy follows from the type.
            if field == Field::CLASSIFICATION_TAXONOMY {
                continue;
            }
            let value = match Value::read(field.kind(), &text, None) {
                Ok(Value::Text(text)) => Value::Text(text.into_owned().into()),
                Ok(Value::Int(number)) => Value::Int(number),
                Ok(_) => return Err(format!("`{name}` cannot be a constant")),
                Err(why) => return Err(format!("`{text}` is no value of {name}: {why}")),
            };
            constants.push((field, value));
        }
        let mut columns = Vec::new();
        for (entries, required) in [(self.required_fields, true), (self.optional_fields, false)] {
            for entry in entries {
                columns.push(mapping(&entry, required)?);
            }
        }
        Ok(Report {
            telling: Vec::new(),
            file_name: self.file_name.into(),
            key: key.to_owned().into(),
            constants,
            columns,
            others: Convert::Text,
            broken: None,
        })
    }
}

/// `[field, column]`, with the name of a converter and whether it sees the whole row. A newer schema may
/// name fields and converters that are not known here: then the text is kept as it is.
fn mapping(entry: &[serde_json::Value], required: bool) -> Result<Mapping, String> {
    let text = |index: usize| entry.get(index).and_then(serde_json::Value::as_str);
    let (Some(field), Some(column)) = (text(0), text(1)) else {
        return Err("a column is not written as [field, column, converter]".into());
    };
    let target = match (field.strip_prefix("extra."), Field::named(field)) {
        (_, Some(field)) => Target::Field(field),
        (Some(""), None) => Target::Extra(column.to_owned().into()),
        (Some(name), None) => Target::Extra(name.to_owned().into()),
        (None, None) => Target::Extra(field.to_owned().into()),
    };
    let convert = match (text(2), &target) {
        (None, Target::Extra(_)) => Convert::Bare,
        (name, _) => name.and_then(Convert::named).unwrap_or(Convert::Text),
    };
    Ok(Mapping { column: column.to_owned().into(), target, convert, required })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_type_is_found_in_file_names() {
        let schema = Schema::built_in();
        let check = |name: &str, want: Option<&str>| {
            assert_eq!(schema.by_file_name(name).map(|report| report.file_name.as_ref()), want, "{name}");
        };
        check("2026-06-17-scan_telnet-1000000.csv", Some("scan_telnet"));
        check("scan_dns.csv", Some("scan_dns"));
        check("in/2019-01-06-scan_afp-sample-ip.csv.zip", Some("scan_afp"));
        check("2026-06-17-scan6_ssh-example-geo_as64496.csv.gz", Some("scan6_ssh"));
        check("event4_sinkhole_http.csv", Some("event4_sinkhole_http"));
        check("https://dl.example/2026-06-17-scan_ntp.csv?token=1", Some("scan_ntp"));
        check("2026-06-17-SCAN_RDP.CSV", Some("scan_rdp"));
        check("scan_rdp (1).csv", Some("scan_rdp"));
        check("scan_telnetx.csv", None);
        check("report.csv", None);
        check("2026-06-17-", None);
    }

    #[test]
    fn a_file_name_that_names_an_unknown_type_is_told_from_one_that_names_none() {
        let check = |name: &str, want: Option<&str>| assert_eq!(Schema::unknown_in(name).as_deref(), want, "{name}");
        check("2026-06-17-compromised_account-x.csv", Some("compromised_account"));
        check("in/2026-06-17-new_kind-example-ip.csv.zip", Some("new_kind"));
        check("2026-06-17-special.csv", Some("special"));
        check("ransomware_victim.csv", Some("ransomware_victim"));
        check("scan_new (1).csv", Some("scan_new"));
        for none in ["report.csv", "2026-06-17-report.csv", "my_report.csv", "special.csv", "dl.example/aB_c?x", ""] {
            check(none, None);
        }
    }

    #[test]
    fn the_type_is_found_by_columns_that_no_other_has() {
        let schema = Schema::built_in();
        let check = |header: &str, want: Result<&str, usize>| {
            let columns: Vec<&str> = header.split_ascii_whitespace().collect();
            let found = schema.by_columns(&columns).map(|report| report.file_name.as_ref());
            assert_eq!(found.map_err(|fits| fits.len()), want, "{header}");
        };
        let usual = "timestamp severity ip protocol port hostname tag asn geo region city naics sector";
        check(&format!("{usual} serverid_raw ecdsa_public_key_gx"), Ok("scan_ssh"));
        check(&format!("{usual} device_id raw_response"), Ok("scan_ics"));
        check(&format!("{usual} dns_version"), Ok("scan_dns"));
        assert!(schema.by_columns(&usual.split(' ').collect::<Vec<_>>()).is_err());
        // Sinkholes of two kinds, which differ by name alone, and no honeypot, which would have passwords.
        let sinkhole =
            "timestamp protocol src_ip src_port dst_ip dst_port infection family tag application version event_id";
        let fits = schema.by_columns(&sinkhole.split(' ').collect::<Vec<_>>()).unwrap_err();
        assert!(fits.contains(&"event4_sinkhole") && !fits.contains(&"event4_honeypot_brute_force"), "{fits:?}");
    }

    #[test]
    fn a_schema_that_is_not_understood_says_where() {
        let check = |text: &str, want: &str| {
            let why = Schema::read(text).unwrap_err();
            assert!(why.contains(want), "{why}");
        };
        check("[]", "not a schema");
        check("{}", "no report types");
    }

    #[test]
    fn what_is_new_in_a_schema_breaks_one_type_at_most() {
        let broken = |fields: &str| {
            let schema = format!(
                r#"{{"a": {{"feed_name": "A", "file_name": "a", "optional_fields": [], {fields}}}, "b": {{}}}}"#
            );
            Schema::read(&schema).unwrap().by_type("a").unwrap().broken.clone()
        };
        assert_eq!(broken(r#""required_fields": [["source.new", "ip", "new_rule"]]"#), None);
        assert!(broken(r#""required_fields": [["source.ip"]]"#).unwrap().contains("not written as"));
        assert!(broken(r#""feed": 1"#).unwrap().contains("required_fields"));
        let constant = r#""required_fields": [], "constant_fields": {"classification.type": "new"}"#;
        assert!(broken(constant).unwrap().contains("no value of classification.type"));
    }
}
