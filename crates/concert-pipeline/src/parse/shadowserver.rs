//! `shadowserver`: the daily reports of the Shadowserver Foundation.
//!
//! A report is a CSV file whose name says its type: `2026-06-17-scan_telnet-country.csv`, also zipped.
//! The type says what its columns mean. Common types are known without further settings; for all of
//! them, and as they change, give Shadowserver's own schema file with `schema`; a name that tells another type is refused. A
//! report whose name says nothing is recognised by its columns if these fit one type only, or named with `report_type`.
//!
//! An empty column says nothing, but for those that the schema gives to `extra.` without a converter: these are kept
//! as an empty text. Columns that mean nothing to the type are kept as `extra.COLUMN`, and so is a value that its field
//! refuses (a host name that is none). Of a column that is there twice the first counts, and the second is kept as
//! `extra.COLUMN 2`. A row without a moment, or whose address is none, is a reject.
//! `feed.name` is set to the name of the report type.

mod convert;
mod repeats;
mod schema;
mod table;

use concert_model::problem::counted;
use concert_model::{Field, Keys, Value, value};

use self::convert::Convert;
use self::repeats::Repeats;
use self::schema::{Report, Schema, Target};
use super::records::{Delimiter, Found, Record, Records, Shape};
use super::sink::{Draft, Fault, Sink};
use super::{About, Input, Listed, Parser, Sample};

/// In the catalogue.
pub const LISTED: Listed = Listed {
    name: "shadowserver",
    about: "Reports of the Shadowserver Foundation, by mail, file or download.",
    source: "https://www.shadowserver.org/what-we-do/network-reporting/",
    read,
    samples: SAMPLES,
};

/// Most columns a report can have.
const COLUMNS_MAX: usize = 2_000;

/// The parser: report types and, where it is fixed, the one that is read.
pub struct Shadowserver {
    schema: Schema,
    report_type: Option<String>,
}

impl Default for Shadowserver {
    fn default() -> Self {
        Self { schema: Schema::built_in(), report_type: None }
    }
}

impl Shadowserver {
    /// A parser for the report types of a schema file, as text. The error is a sentence.
    pub fn with_schema(json: &str) -> Result<Self, String> {
        Ok(Self { schema: Schema::read(json)?, report_type: None })
    }

    /// The type of this report, or why none can be told.
    fn report(&self, about: &About<'_>, header: &[&str]) -> Result<&Report, String> {
        let report = self.named(about, header)?;
        match table::other_by_columns(&report.file_name, header) {
            None => Ok(report),
            Some(other) => Err(format!(
                "it is said to be a report of the type `{}`, and has the columns of `{other}`",
                report.file_name
            )),
        }
    }

    fn named(&self, about: &About<'_>, header: &[&str]) -> Result<&Report, String> {
        if let Some(name) = &self.report_type {
            return self.schema.by_type(name).ok_or_else(|| format!("the report type `{name}` is not known"));
        }
        let names = [about.name, &about.receipt.file_name, &about.receipt.url];
        if let Some(report) = names.iter().find_map(|name| self.schema.by_file_name(name)) {
            return Ok(report);
        }
        // Types share most columns: one that is not known would be read as another.
        if let Some(named) = names.iter().find_map(|name| Schema::unknown_in(name)) {
            return Err(format!(
                "the file name tells the report type `{named}`, which is not known; give a newer `schema`, or `report_type`"
            ));
        }
        self.schema.by_columns(header).map_err(|fits| match fits.len() {
            0 => format!(
                "neither the file name `{}` nor the columns tell a report type that is known; \
                 give a newer `schema`, or `report_type`",
                about.name
            ),
            count => format!(
                "the file name `{}` tells no report type, and the columns fit {count} of them ({}); give `report_type`",
                about.name,
                fits.iter().take(4).copied().collect::<Vec<_>>().join(", ")
            ),
        })
    }
}

fn read(keys: &mut Keys<'_>) -> Box<dyn Parser> {
    let mut parser = Shadowserver::default();
    let about = "path of Shadowserver's schema file (JSON); without one common report types are known";
    if let Some(json) = keys.file_text("schema", about) {
        match Shadowserver::with_schema(&json) {
            Ok(with_schema) => parser = with_schema,
            Err(why) => {
                let hint = "keep the file as Shadowserver publishes it: schema = \"lists/shadowserver.json\"";
                keys.problem("schema", format!("the schema cannot be used: {why}"), hint);
            }
        }
    }
    parser.report_type = keys.text("report_type", "report type where file names do not tell it, such as scan_telnet");
    if let Some(name) = &parser.report_type
        && parser.schema.by_type(name).is_none()
    {
        keys.problem("report_type", format!("the report type `{name}` is not known"), "such as scan_telnet");
    }
    Box::new(parser)
}

/// What is done with one column, decided once for a report.
struct Step {
    column: usize,
    name: Box<str>,
    field: Field,
    convert: Convert,
    required: bool,
    /// No other step sets this field, so that it need not be looked for.
    alone: bool,
    repeats: Repeats,
}

/// A row by column names, for converters that look at more than one.
pub(super) struct Row<'b> {
    columns: &'b [String],
    get: &'b dyn Fn(usize) -> Option<&'b str>,
}

impl<'b> Row<'b> {
    /// The text of a column, empty where there is none.
    fn column(&self, name: &str) -> &'b str {
        let index = self.columns.iter().position(|column| column == name);
        index.and_then(self.get).unwrap_or_default().trim()
    }
}

impl Parser for Shadowserver {
    fn parse(&self, input: &mut Input<'_>, about: &About<'_>, sink: &mut Sink<'_>) {
        let shape = Shape { delimiter: Delimiter::Byte(b','), quote: true, comments: Vec::new() };
        let mut records = Records::new(input, shape);
        let Some(header) = header(&mut records, sink) else { return };
        let names: Vec<&str> = header.iter().map(String::as_str).collect();
        let report = match self.report(about, &names) {
            Ok(report) => report,
            Err(why) => return sink.reject(1, Fault::new("", why), names.join(",").as_bytes()),
        };
        if let Some(why) = &report.broken {
            let why = format!("the schema says of {} what is not understood: {why}", report.file_name);
            return sink.reject(1, Fault::new("", why), names.join(",").as_bytes());
        }
        let missing = report.columns.iter().find(|m| m.required && !names.contains(&m.column.as_ref()));
        let missing = missing.map(|mapping| mapping.column.clone());
        sink.give_constants(report.constants.clone());
        let mut steps = plan(report, &header, sink);
        records.set_width(header.len());
        let mut has_records = false;
        while let Some(found) = records.read() {
            has_records = true;
            let record = match found {
                Found::Record(record) if record.len() == 1 && record.raw.trim_ascii().is_empty() => continue,
                Found::Record(record) => record,
                Found::Bad { line, reason, raw } => {
                    sink.reject(line, Fault::new("", reason), raw);
                    continue;
                }
                Found::Comment(_) => continue,
            };
            if let Some(column) = &missing {
                sink.reject(record.line, no_column(column), record.raw);
            } else if record.len() > header.len() || !long_enough(&record, header.len()) {
                sink.reject(record.line, wrong_width(&record, &header), record.raw);
            } else {
                sink.event(record.line, record.raw, |draft| fill(draft, &mut steps, &header, &record));
            }
        }
        // A page that says that there is no report, in one line.
        if let (Some(column), false) = (&missing, has_records) {
            sink.reject(1, no_column(column), names.join(",").as_bytes());
        }
    }
}

fn no_column(column: &str) -> Fault {
    Fault { is_foreign: true, ..Fault::new(column, "the report has no such column") }
}

/// The column names: the first record.
fn header(records: &mut Records<'_, '_>, sink: &mut Sink<'_>) -> Option<Vec<String>> {
    loop {
        match records.read()? {
            Found::Record(record) if record.len() > COLUMNS_MAX => {
                let why = format!("more than {COLUMNS_MAX} columns");
                sink.reject(record.line, Fault::new("", why), record.raw);
                return None;
            }
            Found::Record(record) => return Some(record.fields().map(|name| name.trim().to_owned()).collect()),
            Found::Bad { line, reason, raw } => {
                sink.reject(line, Fault::new("", reason), raw);
                return None;
            }
            Found::Comment(_) => {}
        }
    }
}

/// Real reports hold rows without their last optional columns. A row that lacks more, or is not even
/// ended, was cut.
fn long_enough(record: &Record<'_>, width: usize) -> bool {
    record.len() >= width || (record.whole && record.len() >= width - width / 4)
}

fn wrong_width(record: &Record<'_>, header: &[String]) -> Fault {
    let (has, want) = (record.len(), header.len());
    let column = header.get(has).map_or("", String::as_str);
    Fault::new(column, format!("{} where the header has {want}", counted(has, "column")))
}

/// Steps in the order of the columns, so that a field set by two of them takes the first.
fn plan(report: &Report, header: &[String], sink: &mut Sink<'_>) -> Vec<Step> {
    let (mut steps, mut lost): (Vec<Step>, Vec<String>) = (Vec::new(), Vec::new());
    for (column, name) in header.iter().enumerate() {
        let mut add = |name: &str, field: Option<Field>, convert, required| {
            let Some(field) = field else { return lost.push(name.to_owned()) };
            steps.push(Step {
                column,
                name: name.into(),
                field,
                convert,
                required,
                alone: true,
                repeats: Repeats::default(),
            });
        };
        // What a column of a name that was there already holds is none of what the type says of that name.
        let before = header.iter().take(column).filter(|before| *before == name).count();
        if before > 0 {
            let named = format!("{name} {}", before + 1);
            let field = sink.extra(&named).or_else(|| sink.extra(&format!("column {}", column + 1)));
            add(&named, field, report.others, false);
            continue;
        }
        let mut mapped = false;
        for mapping in report.columns.iter().filter(|mapping| mapping.column == *name) {
            mapped = true;
            let field = match &mapping.target {
                Target::Field(field) => Some(*field),
                Target::Extra(name) => sink.extra(name),
            };
            add(name, field, mapping.convert, mapping.required);
        }
        if !mapped {
            // A column whose name can be no name of a field is still kept.
            let field = sink.extra(name).or_else(|| sink.extra(&format!("column {}", column + 1)));
            add(name, field, report.others, false);
        }
    }
    if let Some(name) = lost.first() {
        let (columns, are) = (counted(lost.len(), "column"), if lost.len() == 1 { "is" } else { "are" });
        let why = format!("{columns} {are} not kept: the report has too many different ones");
        sink.reject(1, Fault::new(name, why), b"");
    }
    for index in 0..steps.len() {
        let Some(field) = steps.get(index).map(|step| step.field) else { continue };
        let alone = steps.iter().filter(|step| step.field == field).count() == 1;
        if let Some(step) = steps.get_mut(index) {
            step.alone = alone;
        }
    }
    steps
}

fn fill(draft: &mut Draft<'_>, steps: &mut [Step], columns: &[String], record: &Record<'_>) -> Result<(), Fault> {
    let get = |index: usize| record.get(index);
    let row = Row { columns, get: &get };
    // A short row is an event if everything it does hold fits; otherwise a delimiter was lost in it and
    // nothing can be trusted.
    let short = record.len() < columns.len();
    for step in steps {
        if short && step.required && step.column >= record.len() {
            return Err(wrong_width(record, columns));
        }
        let cell = record.get(step.column);
        let text = value::trim(cell.unwrap_or_default());
        // A short row says nothing of cells that it has not, and another column may say more for the same field.
        let is_unsaid = step.convert == Convert::Bare && (cell.is_none() || !step.alone);
        if text.is_empty() && (is_unsaid || !step.convert.takes_empty()) {
            if step.field == Field::TIME_SOURCE && step.required {
                return Err(Fault::new(&*step.name, "empty, and an event needs its moment"));
            }
            continue;
        }
        if step.alone && step.repeats.add(draft, text) {
            continue;
        }
        match step.convert.apply(step.field, text, &row) {
            Ok(None) => {}
            Ok(Some(Value::Text(kept))) if step.alone && kept == text => {
                step.repeats.learn(text, draft.add_text(step.field, text));
            }
            Ok(Some(value)) if step.alone => draft.add(step.field, &value),
            Ok(Some(value)) => {
                if !draft.has(step.field) {
                    draft.set(step.field, &value);
                }
            }
            Err(_) if short => return Err(wrong_width(record, columns)),
            Err(reason) if step.required => return Err(Fault::new(&*step.name, reason)),
            Err(_) if step.convert.drops() => {}
            Err(_) => keep(draft, &step.name, text)?,
        }
    }
    Ok(())
}

/// A value its field refuses stays beside it.
fn keep(draft: &mut Draft<'_>, column: &str, text: &str) -> Result<(), Fault> {
    let taken = draft.extra(column).is_some_and(|field| draft.has(field));
    if taken { Ok(()) } else { draft.put_extra(column, text) }
}

const SAMPLES: &[Sample] = &[
    Sample {
        name: "2026-06-17-scan_telnet-example.csv",
        settings: "",
        given: r#""timestamp","severity","ip","protocol","port","hostname","tag","asn","geo","region","city","naics","hostname_source","sector","banner"
"2026-06-17 00:04:05","high","192.0.2.7","tcp","23","host-7.example.net","telnet","64496","AT","Wien","Wien","517311","ptr","Communications, Service Provider","Welcome ""admin"""
"2026-06-17 00:04:06","high","not an address","tcp","23","","telnet","0","","","","0","","",""
"2026-06-17 00:04:07","unknown","2001:db8::7","tcp","2323","bad name!","telnet;cve-2020-0001","0","","","","0","","",""
"2026-06-17 00:04:08","high","192.0.2.8","tcp"
"#,
        events: r#"{"classification.identifier":"open-telnet","classification.taxonomy":"vulnerable","classification.type":"vulnerable-system","extra.banner":"Welcome \"admin\"","extra.hostname_source":"ptr","extra.naics":517311,"extra.sector":"Communications, Service Provider","extra.tag":"telnet","feed.name":"Accessible-Telnet","protocol.application":"telnet","protocol.transport":"tcp","severity":"high","source.asn":64496,"source.geolocation.cc":"AT","source.geolocation.city":"Wien","source.geolocation.region":"Wien","source.ip":"192.0.2.7","source.port":23,"source.reverse_dns":"host-7.example.net","time.source":"2026-06-17T00:04:05Z"}
{"classification.identifier":"open-telnet","classification.taxonomy":"vulnerable","classification.type":"vulnerable-system","extra.hostname":"bad name!","extra.tag":"telnet;cve-2020-0001","feed.name":"Accessible-Telnet","product.vulnerabilities":"cve-2020-0001","protocol.application":"telnet","protocol.transport":"tcp","source.ip":"2001:db8::7","source.port":2323,"time.source":"2026-06-17T00:04:07Z"}
"#,
        rejects: "3 ip: not an IP address\n5 port: 4 columns where the header has 15",
    },
    Sample {
        name: "unnamed.csv",
        settings: "report_type = \"event4_sinkhole\"",
        given: r#"timestamp,protocol,src_ip,src_port,src_asn,src_geo,src_naics,dst_ip,dst_port,infection,family
2026-06-17 00:00:00,tcp,192.0.2.9,4711,64496,FI,517311,198.51.100.1,80,conficker,downadup
,tcp,192.0.2.10,4711,64496,FI,0,198.51.100.1,80,conficker,downadup
"#,
        events: r#"{"classification.identifier":"conficker","classification.taxonomy":"malicious-code","classification.type":"infected-system","destination.ip":"198.51.100.1","destination.port":80,"extra.family":"downadup","extra.source.naics":517311,"feed.name":"Sinkhole-Events IPv4","malware.name":"conficker","protocol.transport":"tcp","source.asn":64496,"source.geolocation.cc":"FI","source.ip":"192.0.2.9","source.port":4711,"time.source":"2026-06-17T00:00:00Z"}
"#,
        rejects: "3 timestamp: empty, and an event needs its moment",
    },
    Sample {
        name: "2026-06-17-scan_ics-example.csv",
        settings: "",
        given: r#"timestamp,severity,ip,protocol,port,tag,naics,sector,device_id
2026-06-17 00:00:00,high,192.0.2.9,tcp,502,modbus,517311,Energy,7
"#,
        events: r#"{"classification.identifier":"open-ics","classification.taxonomy":"vulnerable","classification.type":"vulnerable-system","extra.device_id":"7","extra.source.naics":517311,"extra.source.sector":"Energy","feed.name":"Accessible-ICS","protocol.application":"modbus","protocol.transport":"tcp","severity":"high","source.ip":"192.0.2.9","source.port":502,"time.source":"2026-06-17T00:00:00Z"}
"#,
        rejects: "",
    },
    Sample {
        name: "scan_rdp.csv",
        settings: "",
        given: "timestamp,ip,port\n2026-06-17 00:00:00,192.0.2.9,3389\n",
        events: r#"{"classification.identifier":"open-rdp","classification.taxonomy":"vulnerable","classification.type":"vulnerable-system","feed.name":"Accessible-RDP","protocol.application":"rdp","protocol.transport":"tcp","source.ip":"192.0.2.9","source.port":3389,"time.source":"2026-06-17T00:00:00Z"}
"#,
        rejects: "",
    },
    Sample {
        name: "2026-06-17-compromised_nothing-example.csv",
        settings: "",
        given: r#""timestamp","email","infection","source_url","public_source","status","tag","severity","service","username","detail"
"2026-06-17 00:04:05","a@b.example","","","","","x","high","","",""
"#,
        events: "",
        rejects: "1 : the file name tells the report type `compromised_nothing`, which is not known; give a newer `schema`, or `report_type`",
    },
    Sample {
        name: "twice.csv",
        settings: "report_type = \"event4_sinkhole\"",
        given: r#"timestamp,protocol,src_ip,src_port,src_ip,infection,family,family
2026-06-17 00:00:00,tcp,192.0.2.9,4711,192.0.2.10,conficker,downadup,kido
"#,
        events: r#"{"classification.identifier":"conficker","classification.taxonomy":"malicious-code","classification.type":"infected-system","extra.family":"downadup","extra.family 2":"kido","extra.src_ip 2":"192.0.2.10","feed.name":"Sinkhole-Events IPv4","malware.name":"conficker","protocol.transport":"tcp","source.ip":"192.0.2.9","source.port":4711,"time.source":"2026-06-17T00:00:00Z"}
"#,
        rejects: "",
    },
];
