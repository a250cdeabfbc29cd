//! What is told of reports and values that cannot be read: every reason, provoked and kept in one readable file for
//! each area, in `snapshots/`. A reason in the source that nothing here provokes fails the test.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "all of this is a test, also what stands outside its functions"
)]

#[path = "../src/parse/check.rs"]
mod check;
#[path = "../../concert/tests/messages/source.rs"]
mod source;

use std::fmt::Write as _;
use std::io::{Cursor, Write as _};
use std::path::Path;

use concert_model::{Kind, Value};
use concert_pipeline::parse::unpack::{self, Limits};
use jiff::tz::TimeZone;

/// Reasons that nothing here provokes, and why.
const NOT_PROVOKED: &[(&str, &str)] = &[
    ("larger than {} MiB, the most this format can be read", "it takes a report of 256 MiB"),
    ("larger than {} MiB, the most that is opened here", "it takes a mail of 256 MiB"),
    ("cannot be read: {}", "a disk that fails"),
    ("member {} cannot be opened: {}", "the reader of archives refuses such an archive as a whole"),
    ("a mail that cannot be read: it has no headers", "what has none is not taken for a mail"),
    ("larger than 16 MiB", "it takes a schema of 16 MiB"),
    ("more than {} report types", "it takes a schema of many megabytes"),
    (
        "the file name tells the report type `{}`, which is not known; give a newer `schema`, or `report_type`",
        "it takes such a name; a sample of the parser has one",
    ),
    ("not a schema: {}", "a mistake in the settings, provoked there"),
    ("it holds no report types", "a mistake in the settings, provoked there"),
    ("`{}` is not a field that can be constant", "a mistake in the settings, provoked there"),
    ("not an absolute URL, and no host is given", "the text is kept beside the field"),
    ("a page larger than {} MiB; the rest is not read", "it takes a page of 8 MiB"),
    (
        "an encrypted archive, and there is no way to give a password",
        "of letters alone, and provoked in `complaint.rs`",
    ),
    ("none of the attached mail says from where it came", "of attached mails alone, and provoked in `complaint.rs`"),
    ("no report for machines is in it", "only mails in which one was found are given to this parser"),
];

/// Values of every kind that are none, with the zone for times where it is not UTC.
#[rustfmt::skip]
const VALUES: &[(Kind, &[&str])] = &[
    (Kind::Text, &[" "]),
    (Kind::Country, &["UNK", "F1"]),
    (Kind::Time, &["yesterday", "2026-06-17T03:04:05", "2026-13-01T00:00:00Z", "2026-03-29 03:30:00 Europe/Helsinki"]),
    (Kind::Asn, &["0", "AS4294967295", "4294967296", "example"]),
    (Kind::Domain, &[
        "a..example", "a b.example", "192.0.2.1", "80", "0x7f.1", "a.example._", "xn--99999999.example",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example", ".", "\u{ad}.\u{200d}",
    ]),
    (Kind::Ip, &["192.0.2.256", "localhost", "192.0.2.01"]),
    (Kind::Net, &["192.0.2.0/33", "192.0.2.0/x", "nowhere/24"]),
    (Kind::Float, &["much", "inf"]),
    (Kind::Int, &["1.5"]),
    (Kind::Port, &["0", "65536", "http"]),
    (Kind::Percent, &["101"]),
    (Kind::Url, &[
        "www.example.com/a", "http:///a", "http://a b/", "hxxp://a.example/", "http://a[.]example/", "http://80/",
        "http://a.example:99999/", "1http://a.example/",
    ]),
    (Kind::Bool, &["maybe"]),
    (Kind::Registry, &["IANA"]),
    (Kind::Type, &["noise"]),
    (Kind::Tlp, &["pink"]),
    (Kind::Severity, &["worst"]),
    (Kind::Transport, &["-"]),
    (Kind::Json, &["{"]),
];

#[test]
fn values_that_are_none() {
    let mut told = String::new();
    let mut one = |kind: Kind, text: &str, shown: &str, zone: Option<&TimeZone>| {
        let why = Value::read(kind, text, zone).expect_err(text);
        writeln!(told, "{:<10} {shown:<50} {why}", format!("{kind:?}")).unwrap();
    };
    let helsinki = TimeZone::get("Europe/Helsinki").unwrap();
    for (kind, texts) in VALUES {
        for text in *texts {
            match text.strip_suffix(" Europe/Helsinki") {
                Some(local) => one(*kind, local, text, Some(&helsinki)),
                None => one(*kind, text, &format!("{text:?}").replace("\\u{ad}", "(soft)"), None),
            }
        }
    }
    one(Kind::Text, &"x".repeat(70_000), "70,000 letters", None);
    one(Kind::Url, &format!("http://a.example/{}", "x".repeat(9_000)), "9,000 letters behind a host", None);
    insta::assert_snapshot!("values", told);
}

/// Reports: a name, the parser, its settings, and the bytes.
fn reports() -> Vec<(&'static str, &'static str, &'static str, Vec<u8>)> {
    let csv = "columns = { time = \"time.source\", ip = \"source.ip\", kind = \"classification.type\" }";
    let many = format!("{{{}}}", (0..10_001).map(|n| format!("\"a{n}\":1")).collect::<Vec<_>>().join(","));
    let names = format!("{{\"source.ip\":\"192.0.2.1\",\"{}\":1}}", "x".repeat(2_000));
    let deep = format!("{{\"source.ip\":\"192.0.2.1\",\"a\":{}1{}}}", "[".repeat(70), "]".repeat(70));
    let ips = format!("ips\n{}\n", vec!["192.0.2.1"; 1_001].join("|"));
    let head = (0..2_001).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
    let pairs = vec!["a=b"; 2_001].join(",");
    let addresses: String = (0..10_100).map(|n| format!("198.51.{}.{} did it\n", n / 250, n % 250)).collect();
    let lines = "Report-Type: login-attack\nSource: 192.0.2.1\nReported-From: a@cert.example\n";
    let keys: String = (0..200).map(|n| format!("Key-{n}: {n}\n")).collect();
    let text = |text: &str| text.as_bytes().to_vec();
    vec![
        ("csv: other columns", "csv", csv, text("name,amount\nApples,3\n")),
        ("csv: one column is there twice", "csv", csv, text("time,ip,kind,ip\n2026-06-17T00:00:00Z,192.0.2.1,x,\n")),
        ("csv: one column lacks", "csv", csv, text("time,ip\n2026-06-17T00:00:00Z,192.0.2.1\n")),
        ("csv: no column is a field", "csv", "", text("name,amount\nApples,3\n")),
        (
            "csv: no comment",
            "csv",
            "header_from_comment = \"last\"\ncolumns = { ip = \"source.ip\" }",
            text("192.0.2.1\n"),
        ),
        (
            "csv: rows",
            "csv",
            csv,
            text(
                "time,ip,kind\nnoon,192.0.2.1,scanner\n2026-06-17T00:00:00Z,x,scanner\n2026-06-17T00:00:00Z,192.0.2.1,noise\n2026-06-17T00:00:00Z\n2026-06-17T00:00:00Z,192.0.2.1,scanner,x\n\"2026-06-17T00:00:00Z,192.0.2.1,scanner\n2026-06-17T00:00:00Z,192.0.2.1,scanner\n",
            ),
        ),
        ("csv: a head of many columns", "csv", "", text(&format!("{head}\n"))),
        ("csv: many values in a cell", "csv", "columns = { ips = \"source.ip\" }\nsplit = { ips = \"|\" }", text(&ips)),
        (
            "csv: a web page",
            "csv",
            "header = false\ndelimiter = \";\"\ncolumns = { 1 = \"source.ip\", 3 = \"source.port\" }",
            text("<!DOCTYPE html>\n<html>\n<body>no</body>\n</html>\n"),
        ),
        (
            "csv: patterns and targets",
            "csv",
            "columns = { a = \"source.ip|source.fqdn\", h = \"malware.hash.md5\", i = \"malware.hash.sha1\", j = \"malware.hash.sha256\", p = \"-\" }\npattern = { p = '^(?<n>\\d)$' }\nrequire = [\"source.ip\"]",
            text(
                "a,h,i,j,p\na b,,,,1\n192.0.2.1,x,,,1\n192.0.2.1,,x,,1\n192.0.2.1,,,x,1\n192.0.2.1,,,,x\na.example,,,,1\n",
            ),
        ),
        (
            "csv: formats of time",
            "csv",
            "columns = { t = \"time.source\", u = \"time.observation\" }\ntime_format = \"unix\"",
            text("t,u\nx,\n1,1e99\n"),
        ),
        (
            "csv: a pattern of time",
            "csv",
            "columns = { t = \"time.source\" }\ntime_format = \"%d.%m.%Y\"",
            text("t\n2026-06-17\n"),
        ),
        (
            "csv: a day without a year",
            "csv",
            "columns = { t = \"time.source\" }\ntime_format = \"%b %e %H:%M:%S\"",
            text("t\nFeb 30 10:15:00\n"),
        ),
        ("csv: a number", "csv", "columns = { t = \"time.source\" }", text("t\n20260617\n")),
        ("csv: milliseconds", "csv", "columns = { t = \"time.source\" }\ntime_format = \"unix-ms\"", text("t\nx\n")),
        (
            "json: other members",
            "json",
            "columns = { ip = \"source.ip\" }",
            text("[{\"name\":\"Apples\"},{\"name\":\"Pears\",\"amount\":3}]"),
        ),
        ("json: no fields", "json", "", text("[{\"name\":\"Apples\"}]")),
        ("json: no objects", "json", "columns = { ip = \"source.ip\" }", text("[1,2]")),
        ("json: nothing at the path", "json", "records = \"data\"", text("{\"items\":[]}")),
        ("json: another kind", "json", "", text("<html></html>")),
        ("json: a record that is broken", "json", "", text("[{\"source.ip\":\"192.0.2.1\"},\n {\"source.ip\":tru}]")),
        ("json: cut", "json", "", text("[{\"source.ip\":\"192.0.2.1\"},{\"source.")),
        ("json: deep", "json", "", text(&format!("[{deep}]"))),
        (
            "json: a key of another form",
            "json",
            "records = \"*\"\nkey_pattern = '^(?<malware.name>\\w+)_dga$'",
            text("{\"odd\":[{\"source.ip\":\"192.0.2.1\"}]}"),
        ),
        ("json: lists where a value belongs", "json", "", text("[{\"source.ip\":[[\"192.0.2.1\"]]}]")),
        ("ndjson: another kind", "ndjson", "", text("time ip\n12:00 192.0.2.1\n")),
        ("ndjson: no object", "ndjson", "", text("[1]\n")),
        (
            "ndjson: other members",
            "ndjson",
            "columns = { \"src.ip\" = \"source.ip\" }",
            text("{\"level\":\"info\"}\n{\"level\":\"warn\"}\n"),
        ),
        ("ndjson: a member twice", "ndjson", "", text("{\"source.ip\":\"192.0.2.1\",\"source.ip\":\"192.0.2.2\"}\n")),
        ("ndjson: empty members", "ndjson", "", text("{\"source.ip\":\"\",\"source.port\":null}\n")),
        ("ndjson: many members", "ndjson", "", text(&many)),
        ("ndjson: a long name", "ndjson", "", text(&names)),
        ("ndjson: deep", "ndjson", "", text(&deep)),
        ("keyvalue: another kind", "keyvalue", "", text("dear team,\nplease look\n")),
        ("keyvalue: no key that is known", "keyvalue", "", text("colour=red\n")),
        (
            "keyvalue: pairs",
            "keyvalue",
            "",
            text("ip=\"192.0.2.1\n=x\nip=\"192.0.2.1\"x\nip=192.0.2.1\n{\"ip\":[\"x\"]}\n[1]\n{1}\n"),
        ),
        ("keyvalue: many pairs", "keyvalue", "", text(&pairs)),
        ("regex: another kind", "regex", "pattern = '^(?<source.ip>\\S+) up$'", text("<html>\n<body>\n</html>\n")),
        (
            "regex: a line of another kind",
            "regex",
            "pattern = '^(?<source.ip>\\S+) up$'",
            text("192.0.2.1 up\n192.0.2.2 down\nnobody up\n"),
        ),
        (
            "regex: no record",
            "regex",
            "records = '<item>'\npattern = '(?<source.ip>\\S+)'",
            text("<html>\n<body>\n</html>\n"),
        ),
        ("blocklistde: a web page", "blocklistde", "", text("<!doctype html>\n<html>\n</html>\n")),
        ("blocklistde: a line", "blocklistde", "", text("192.0.2.1\nx\n")),
        ("openphish: lines", "openphish", "", text("http://a.example/\na.example\nhttp://a..b..example/\nhttp://-/\n")),
        ("feodo: other members", "feodo", "", text("[{\"name\":\"Apples\"},{\"name\":\"Pears\"}]")),
        ("feodo: no head", "feodo", "", text("# Example list\n192.0.2.10,449\n")),
        (
            "feodo: a short row",
            "feodo",
            "",
            text("# first_seen,dst_ip,dst_port\n2026-06-17,192.0.2.10,80\n2026-06-17,192.0.2.10\n"),
        ),
        ("phishtank: other members", "phishtank", "", text("[{\"name\":\"Apples\"},3]")),
        ("spamhaus-drop: other members", "spamhaus-drop", "", text("{\"name\":\"Apples\"}\n{\"name\":\"Pears\"}\n")),
        ("phishtank: another head", "phishtank", "", text("id,page\n1,http://a.example/\n")),
        ("tor-exits: lines", "tor-exits", "", text("ExitNode x\nExitAddress 192.0.2.1 2026-06-17 03:04:05\nNoise\n")),
        ("tor-exits: another kind", "tor-exits", "", text("a\nb\n")),
        ("shadowserver: another report", "shadowserver", "", text("a,b\n1,2\n")),
        (
            "shadowserver: columns of another type",
            "shadowserver",
            "report_type = \"scan_ssh\"",
            text("\"timestamp\",\"ip\",\"model\"\n\"2026-06-17 03:04:05\",\"192.0.2.1\",\"x\"\n"),
        ),
        (
            "shadowserver: a column lacks",
            "shadowserver",
            "report_type = \"scan_telnet\"",
            text("\"port\"\n\"23\"\n\"24\"\n"),
        ),
        (
            "shadowserver: a page in one line",
            "shadowserver",
            "report_type = \"scan_telnet\"",
            text("<html><body>Sorry</body></html>\n"),
        ),
        (
            "shadowserver: a row too wide",
            "shadowserver",
            "report_type = \"scan_telnet\"",
            text("\"timestamp\",\"ip\"\n\"2026-06-17 03:04:05\",\"192.0.2.1\",\"x\"\n\"\",\"192.0.2.1\"\n"),
        ),
        (
            "shadowserver: a schema with a constant that is none",
            "shadowserver",
            "schema = \"value\"\nreport_type = \"scan_x\"",
            text("\"ip\"\n\"192.0.2.1\"\n"),
        ),
        (
            "shadowserver: a schema with a field that cannot be constant",
            "shadowserver",
            "schema = \"constant\"\nreport_type = \"scan_x\"",
            text("\"ip\"\n\"192.0.2.1\"\n"),
        ),
        (
            "shadowserver: a schema with a column of another form",
            "shadowserver",
            "schema = \"column\"\nreport_type = \"scan_x\"",
            text("\"ip\"\n\"192.0.2.1\"\n"),
        ),
        ("complaint: nothing is complained of", "complaint", "", text("Dear team,\nplease call us back.\n")),
        (
            "complaint: what was attacked",
            "complaint",
            "",
            text("Attacks against our servers 198.51.100.1, 198.51.100.2\n"),
        ),
        ("complaint: very many addresses", "complaint", "", text(&addresses)),
        ("complaint: very many lines", "complaint", "", text(&"192.0.2.1\n".repeat(50_001))),
        ("arf: no mail", "arf", "", text("192.0.2.1 did it\n")),
        ("arf: another mail", "arf", "", text("From: a@cert.example\nSubject: x\n\ntext\n")),
        ("arf: wanted mail", "arf", "", feedback("Feedback-Type: not-spam\nVersion: 1\nSource-IP: 192.0.2.1\n")),
        ("arf: another version", "arf", "", feedback("Feedback-Type: abuse\nVersion: 2\nSource-IP: 192.0.2.1\n")),
        ("arf: no kind", "arf", "", feedback("Version: 1\nSource-IP: 192.0.2.1\n")),
        ("arf: no source", "arf", "", feedback("Feedback-Type: abuse\nVersion: 1\n")),
        ("arf: a wrong source", "arf", "", feedback("Feedback-Type: abuse\nVersion: 1\nSource-IP: here\n")),
        ("arf: no number", "arf", "", feedback("Feedback-Type: abuse\nSource-IP: 192.0.2.1\nIncidents: 0\n")),
        ("xarf: another kind", "xarf", "", text("192.0.2.1 did it\n")),
        ("xarf: another document", "xarf", "", text("{\"source.ip\":\"192.0.2.1\"}")),
        ("xarf: another mail", "xarf", "", text("From: a@cert.example\nSubject: x\n\ntext\n")),
        ("xarf: another version", "xarf", "", text("{\"xarf_version\":\"5.0.0\"}")),
        ("xarf: version 3 without a report", "xarf", "", text("{\"ReporterInfo\":{},\"Report\":3}")),
        (
            "xarf: version 4",
            "xarf",
            "",
            text(
                "[{\"xarf_version\":\"4.0.0\"},\n{\"xarf_version\":\"4.0.0\",\"type\":\"spam\"},\n{\"xarf_version\":\"4.0.0\",\"type\":\"spam\",\"timestamp\":\"2026-06-17T00:00:00Z\"},\n{\"xarf_version\":\"4.0.0\",\"type\":\"spam\",\"timestamp\":\"2026-06-17T00:00:00Z\",\"source_identifier\":\"192.0.2.1\",\"confidence\":7}]",
            ),
        ),
        ("xarf: a list in lines", "xarf", "", text(&format!("{lines}Ports:\n - 80\n"))),
        ("xarf: a line without a key", "xarf", "", text(&format!("{lines}what else\n"))),
        ("xarf: a line without a blank", "xarf", "", text(&format!("{lines}Port:80\n"))),
        ("xarf: a key twice", "xarf", "", text(&format!("{lines}Source: 192.0.2.2\n"))),
        ("xarf: very many keys", "xarf", "", text(&format!("{lines}{keys}"))),
        ("a long line", "ndjson", "", vec![b'x'; (1 << 20) + 1]),
    ]
}

/// A mail of a feedback loop with these fields.
fn feedback(fields: &str) -> Vec<u8> {
    format!(
        "From: a@cert.example\nSubject: x\nMIME-Version: 1.0\nContent-Type: multipart/report; report-type=feedback-report; boundary=b\n\n--b\nContent-Type: text/plain\n\nA report.\n--b\nContent-Type: message/feedback-report\n\n{fields}\n--b--\n"
    )
    .into_bytes()
}

/// A schema of Shadowserver with one mistake.
fn schema(which: &str) -> Result<String, String> {
    let (constants, columns) = match which {
        "value" => (r#"{"classification.type": "noise"}"#, r#"["source.ip", "ip"]"#),
        "constant" => (r#"{"source.ip": "192.0.2.1"}"#, r#"["source.ip", "ip"]"#),
        _ => ("{}", "[1]"),
    };
    Ok(format!(
        r#"{{"scan_x": {{"feed_name": "X", "file_name": "scan_x", "constant_fields": {constants},
            "required_fields": [{columns}], "optional_fields": []}}}}"#
    ))
}

#[test]
fn reports_that_cannot_be_read() {
    const LINES_SHOWN: usize = 12;
    let mut told = String::new();
    for (name, parser, settings, bytes) in reports() {
        let (events, rejects) = if settings.starts_with("schema") {
            check::run_feed(&check::feed(parser, settings, &schema), &bytes, "report")
        } else {
            check::run(parser, settings, &bytes, "report")
        };
        assert!(!rejects.is_empty(), "{name}: no reject, {events:?}");
        writeln!(told, "# {name}\n").unwrap();
        settings.lines().for_each(|line| writeln!(told, "    {line}").unwrap());
        told.push('\n');
        for line in String::from_utf8_lossy(&bytes).lines().take(LINES_SHOWN) {
            let shown: String = line.chars().take(100).collect();
            writeln!(told, "  | {shown}{}", if shown.len() < line.len() { "..." } else { "" }).unwrap();
        }
        writeln!(told, "\n{} events", events.len()).unwrap();
        rejects.iter().for_each(|reject| writeln!(told, "line {reject}").unwrap());
        told.push('\n');
    }
    insta::assert_snapshot!("reports", told);
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zipped(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// The same archive with a bit or byte of each member's entries changed: at `local` bytes into what stands before
/// the data, and `central` bytes into what stands in the list at the end.
fn changed(mut zip: Vec<u8>, local: usize, central: usize, value: u8) -> Vec<u8> {
    for at in 0..zip.len() - 4 {
        match &zip[at..at + 4] {
            b"PK\x03\x04" => zip[at + local] = value,
            b"PK\x01\x02" => zip[at + central] = value,
            _ => {}
        }
    }
    zip
}

/// The same archive with a list of members that cannot be read.
fn broken_list(mut zip: Vec<u8>) -> Vec<u8> {
    let at = zip.windows(4).position(|start| start == b"PK\x01\x02").unwrap();
    zip[at..at + 4].fill(0xff);
    zip
}

fn mail_in(mail: &str) -> String {
    format!(
        "From: a@cert.example\r\nTo: b@cert.example\r\nSubject: x\r\nMIME-Version: 1.0\r\nContent-Type: message/rfc822\r\n\r\n{mail}"
    )
}

#[test]
fn wrappings_that_cannot_be_opened() {
    let rows: &[u8] = b"192.0.2.1\n";
    let deep = gzip(&gzip(&gzip(rows)));
    let inner = zipped(&[("a.csv", rows)]);
    let middle = zipped(&[("a.zip", &inner)]);
    let mails =
        mail_in(&mail_in(&mail_in(&mail_in("From: a@cert.example\r\nTo: b@cert.example\r\nSubject: x\r\n\r\ntext"))));
    let good = zipped(&[("a.csv", &b"192.0.2.1\n".repeat(100))]);
    let mut torn = good.clone();
    torn.truncate(torn.len() - 30);
    let mut cut = gzip(&rows.repeat(1000));
    cut.truncate(cut.len() / 2);
    let few = Limits { members: 1, bytes: 40, ..Limits::default() };
    let cases: Vec<(&str, Vec<u8>, Limits)> = vec![
        ("an archive deep in archives", zipped(&[("a.zip", &middle)]), Limits::default()),
        ("gzip deep in gzip", deep, Limits::default()),
        ("an archive without an end", torn, Limits::default()),
        ("an encrypted member", changed(good.clone(), 6, 8, 1), Limits::default()),
        ("a member packed in a way nobody knows", changed(good.clone(), 8, 10, 77), Limits::default()),
        ("an archive whose list is damaged", broken_list(good), Limits::default()),
        ("gzip that was cut", cut, Limits::default()),
        ("a bomb", gzip(&vec![b'\n'; 64 << 20]), Limits::default()),
        ("a bomb before others", zipped(&[("a", &vec![b'\n'; 64 << 20]), ("b", rows)]), Limits::default()),
        ("more bytes than may be", gzip(&rows.repeat(10)), few.clone()),
        ("more members than may be", zipped(&[("a", rows), ("b", rows)]), Limits { bytes: 1000, ..few }),
        ("an archive with nothing in it", zipped(&[]), Limits::default()),
        ("mails deep in mails", mails.into_bytes(), Limits::default()),
    ];
    let mut told = String::new();
    for (name, bytes, limits) in cases {
        let mut lines = 0u64;
        let rejects = unpack::parts(Cursor::new(&bytes), &check::receipt("report"), &limits, &mut |_, input| {
            while input.next_line().is_some() {
                lines += 1;
            }
        });
        assert!(!rejects.is_empty(), "{name}: no reject");
        writeln!(told, "# {name}\n").unwrap();
        for reject in rejects {
            let place = if reject.part.is_empty() { "the report".to_owned() } else { reject.part };
            writeln!(told, "{place}: {}", reject.reason).unwrap();
        }
        told.push('\n');
    }
    insta::assert_snapshot!("wrappings", told);
}

/// INVARIANT: whatever can be told of values, reports and wrappings is provoked above.
#[test]
fn every_reason_is_provoked() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let kept =
        |name: &str| std::fs::read_to_string(root.join(format!("tests/snapshots/messages__{name}.snap"))).unwrap();
    let told = ["values", "reports", "wrappings"].map(kept).join("\n");
    let given = |line: &&str| !line.starts_with("  | ") && !line.starts_with("    ");
    let told: Vec<&str> = told.lines().filter(given).collect();
    let model = ["value.rs", "host.rs", "time.rs", "net.rs"].map(|name| root.join("../concert-model/src").join(name));
    let calls = ["Err(", "ok_or(", "map_err(", "Fault::new(", "Fault::foreign(", ".reject(", "io::Error::other("];
    let mut missing = Vec::new();
    for path in model.iter().chain(&[root.join("src/parse")]) {
        for text in source::texts(path, &calls) {
            let is_excused = NOT_PROVOKED.iter().any(|(known, _)| *known == text.words);
            if !is_excused && !told.iter().any(|line| text.fits(line)) {
                missing.push(format!("{}:{}: {}", text.file, text.line, text.words));
            }
        }
    }
    assert!(missing.is_empty(), "not provoked:\n{}", missing.join("\n"));
}
