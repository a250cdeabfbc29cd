//! Text of reports as settings say to read it: how long a line may be, and in which encoding it is.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

const SETTINGS: &str = r#"
[limits]
line = "2KiB"

[[feed]]
name = "csv"
parser = "csv"
columns = { ip = "source.ip", note = "event_description.text" }

[[feed]]
name = "ndjson"
parser = "ndjson"

[[feed]]
name = "keyvalue"
parser = "keyvalue"

[[feed]]
name = "regex"
parser = "regex"
pattern = '^(?<ip>\S+) (?<note>.*)$'
columns = { ip = "source.ip", note = "event_description.text" }

[[feed]]
name = "blocklistde"
parser = "blocklistde"
list = "ssh"

[[feed]]
name = "western"
parser = "csv"
encoding = "windows-1252"
columns = { ip = "source.ip", note = "event_description.text" }

[[feed]]
name = "central"
parser = "csv"
encoding = "iso-8859-2"
columns = { ip = "source.ip", note = "event_description.text" }

[[feed]]
name = "wide"
parser = "csv"
encoding = "utf-16le"
columns = { ip = "source.ip", note = "event_description.text" }
"#;

/// Events and rejects that a feed of these settings makes of some bytes.
#[expect(clippy::unwrap_used, reason = "a test that cannot start the program must fail")]
fn parse(settings: &str, feed: &str, bytes: &[u8]) -> (Vec<Value>, Vec<Value>) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("concert.toml"), settings).unwrap();
    fs::write(folder.path().join("report"), bytes).unwrap();
    let out = concert(folder.path(), &["parse", "--feed", feed, "report"]);
    assert_eq!(out.status.code(), Some(0), "{}", String::from_utf8_lossy(&out.stderr));
    let rows = |bytes: &[u8]| {
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    (rows(&out.stdout), rows(&out.stderr))
}

#[expect(clippy::unwrap_used, reason = "a test that cannot start the program must fail")]
fn concert(site: &Path, args: &[&str]) -> std::process::Output {
    Command::new(env!("CARGO_BIN_EXE_concert"))
        .args(args)
        .current_dir(site)
        .env_remove("CONCERT_SITE")
        .output()
        .unwrap()
}

fn texts<'a>(rows: &'a [Value], field: &str) -> Vec<&'a str> {
    rows.iter().map(|row| row.get(field).and_then(Value::as_str).unwrap_or_default()).collect()
}

/// Three lines, of which the second is too long or, with `fits`, just not.
fn three(line: impl Fn(&str, &str) -> String, head: &str, fits: bool) -> String {
    let empty = line("192.0.2.2", "").len();
    let long = "x".repeat(if fits { 2048 - empty } else { 2049 - empty });
    [head.to_owned(), line("192.0.2.1", "a"), line("192.0.2.2", &long), line("192.0.2.3", "c")].join("\n")
}

#[test]
fn a_line_longer_than_the_limit_is_one_reject_and_those_behind_it_are_read() {
    let csv = |ip: &str, note: &str| format!("{ip},{note}");
    let ndjson = |ip: &str, note: &str| format!("{{\"source.ip\":\"{ip}\",\"event_description.text\":\"{note}\"}}");
    let keyvalue = |ip: &str, note: &str| format!("ip={ip}, description=\"{note}\"");
    let regex = |ip: &str, note: &str| format!("{ip} {note}");
    let list = |ip: &str, note: &str| format!("{ip}{}", " ".repeat(note.len()));
    let check = |feed: &str, given: &dyn Fn(bool) -> String, line: u64| {
        let (events, rejects) = parse(SETTINGS, feed, given(true).as_bytes());
        assert_eq!(texts(&events, "source.ip"), ["192.0.2.1", "192.0.2.2", "192.0.2.3"], "{feed} {rejects:?}");
        let (events, rejects) = parse(SETTINGS, feed, given(false).as_bytes());
        assert_eq!(texts(&events, "source.ip"), ["192.0.2.1", "192.0.2.3"], "{feed}");
        assert_eq!(texts(&rejects, "reason"), ["longer than limits.line allows"], "{feed}");
        assert_eq!(rejects.first().and_then(|reject| reject.get("line")), Some(&line.into()), "{feed}");
        // As it is without the setting, a mebibyte.
        let (events, _) = parse(&SETTINGS.replace("line = \"2KiB\"", ""), feed, given(false).as_bytes());
        assert_eq!(events.len(), 3, "{feed}");
    };
    check("csv", &|fits| three(csv, "ip,note", fits), 3);
    check("ndjson", &|fits| three(ndjson, "", fits), 3);
    check("keyvalue", &|fits| three(keyvalue, "", fits), 3);
    check("regex", &|fits| three(regex, "", fits), 3);
    check("blocklistde", &|fits| three(list, "", fits), 3);
}

#[test]
fn text_is_read_in_the_encoding_that_the_feed_says() {
    let check = |feed: &str, given: &[u8], want: &[&str]| {
        let (events, rejects) = parse(SETTINGS, feed, given);
        assert_eq!((texts(&events, "event_description.text"), rejects), (want.to_vec(), vec![]), "{feed}");
    };
    // The same byte is another letter in each.
    check("western", b"ip,note\n192.0.2.1,M\xfcller \x80 5\n192.0.2.2,\xa3\xf3d\xbc\n", &["Müller € 5", "£ód¼"]);
    check("central", b"ip,note\n192.0.2.1,M\xfcller\n192.0.2.2,\xa3\xf3d\xbc\n", &["Müller", "Łódź"]);
    // What is UTF-8 stays what it is.
    check("central", "ip,note\n192.0.2.1,Łódź\n".as_bytes(), &["Łódź"]);
    let wide: Vec<u8> = "ip,note\n192.0.2.1,Łódź\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    check("wide", &wide, &["Łódź"]);
    // Nor does a mail that says something wrong change it.
    let mail = b"From: a@b.example\nTo: c@d.example\nSubject: x\nMIME-Version: 1.0\n\
                 Content-Type: text/csv; charset=windows-1251\nContent-Transfer-Encoding: 8bit\n\n\
                 ip,note\n192.0.2.1,M\xfcller\n";
    check("western", mail, &["Müller"]);
}

#[test]
fn a_cap_that_cannot_be_and_an_unknown_encoding_are_mistakes() {
    let folder = tempfile::tempdir().unwrap();
    let settings = "[limits]\nline = \"1B\"\n[[feed]]\nname = \"x\"\nparser = \"ndjson\"\nencoding = \"latin-99\"\n";
    fs::write(folder.path().join("concert.toml"), settings).unwrap();
    let told = String::from_utf8(concert(folder.path(), &["check"]).stdout).unwrap();
    assert!(told.contains("concert.toml:2:1: `line` must be from"), "{told}");
    assert!(told.contains("concert.toml:6:1: there is no encoding `latin-99`"), "{told}");
}
