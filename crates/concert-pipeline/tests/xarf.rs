//! Notices in XARF are valid by the schemas of XARF, which `CONCERT_SAMPLES` holds; the judge is `jsonschema` in
//! Python, where that is installed.

#![expect(clippy::unwrap_used, clippy::panic, reason = "all of this is a test, also what stands outside its functions")]

#[path = "../src/parse/check.rs"]
#[expect(dead_code, reason = "each test uses a part of it")]
mod check;

use std::io::Write;
use std::process::{Command, Stdio};

use concert_model::{Batch, OpenEvent, ProblemKey, ReportId, Time};
use concert_pipeline::parse::{About, Input, Sink};
use concert_pipeline::render::{Columns, Instead, Item, STILL_OPEN, Teller, format};

/// Reads documents, one list, and tells what is wrong with each by the schema of its type.
const JUDGE: &str = r#"
import json, pathlib, sys
try:
    from jsonschema import Draft202012Validator
    from referencing import Registry, Resource
except ImportError:
    sys.exit(77)
folder = pathlib.Path(sys.argv[1])
def load(uri):
    return Resource.from_contents(json.loads((folder / uri.split("/v4/")[1]).read_text()))
registry = Registry(retrieve=load)
names = {}
for path in (folder / "types").glob("*.json"):
    text = path.read_text()
    names[path.stem.split("-", 1)[1].replace("-", "_")] = path
for number, document in enumerate(json.load(sys.stdin)):
    for path in [names[document["type"]], folder / "xarf-v4-master.json"]:
        schema = json.loads(path.read_text())
        schema["$id"] = "https://xarf.org/schemas/v4/" + str(path.relative_to(folder))
        judge = Draft202012Validator(schema, registry=registry, format_checker=Draft202012Validator.FORMAT_CHECKER)
        for wrong in judge.iter_errors(document):
            print(number, document["type"], path.name, list(wrong.path), wrong.message)
print("judged")
"#;

#[test]
fn notices_in_xarf_are_valid_by_its_schemas() {
    let Some(samples) = std::env::var_os("CONCERT_SAMPLES") else {
        return println!("skipped: CONCERT_SAMPLES is not set");
    };
    let lines = events();
    let documents = written(&lines);
    let python = Command::new("python3")
        .args(["-W", "ignore", "-c", JUDGE])
        .arg(std::path::Path::new(&samples).join("standards/xarf/schemas/v4"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut python) = python else { return println!("skipped: there is no python3") };
    python.stdin.take().unwrap().write_all(&documents).unwrap();
    let judged = python.wait_with_output().unwrap();
    if judged.status.code() == Some(77) {
        return println!("skipped: jsonschema is not installed");
    }
    let said = String::from_utf8(judged.stdout).unwrap();
    assert_eq!(said, "judged\n", "{}", String::from_utf8_lossy(&judged.stderr));
}

/// An event of every type with as little as there can be, and with much.
fn events() -> String {
    let much = "\"source.ip\":\"192.0.2.1\",\"source.port\":4242,\"source.url\":\"http://a.example/x\",\
        \"destination.ip\":\"198.51.100.1\",\"destination.port\":22,\"protocol.transport\":\"tcp\",\"protocol.application\":\"dns\",\
        \"malware.name\":\"x\",\"time.source\":\"2026-11-22T04:50:30.5Z\",\"tlp\":\"amber+strict\",\"confidence\":33.3,\
        \"source.asn\":64496,\"source.geolocation.cc\":\"FI\",\"event_description.text\":\"";
    let long = "x".repeat(3000);
    concert_model::taxonomy::TYPES
        .iter()
        .flat_map(|(kind, _)| {
            [
                format!("{{\"classification.type\":\"{kind}\",\"source.fqdn\":\"a.example\"}}\n"),
                format!("{{\"classification.type\":\"{kind}\",\"source.ip\":\"2001:db8::1\",\"protocol.transport\":\"gre\"}}\n"),
                format!("{{\"classification.type\":\"{kind}\",{much}{long}\"}}\n"),
            ]
        })
        .collect()
}

fn written(lines: &str) -> Vec<u8> {
    let feed = check::feed("ndjson", "", &|_| Err("no files here".to_owned()));
    let receipt = check::receipt("events.ndjson");
    let mut out = Vec::new();
    let mut stage = |_: &mut OpenEvent<'_>| true;
    let key_of = |_: &OpenEvent<'_>| ProblemKey::default();
    let mut flush = |batch: Batch| {
        let last_seen = Some(Time(1_795_323_030_000_000));
        let report = ReportId([7; 16]);
        let items: Vec<Item<'_>> = batch
            .iter()
            .map(|event| Item { event, report, state: STILL_OPEN, seen: 3, last_seen, instead: Instead::Nobody })
            .collect();
        let teller = Teller { name: "CERT Example", mail: "cert@cert.example" };
        (format("xarf").unwrap().write)(&items, &Columns::default(), &teller, &mut out);
        batch
    };
    let mut reject = |reject| panic!("{reject:?}");
    let id = receipt.id(&[0; 32]);
    let mut sink = Sink::new(id, &receipt, Vec::new(), None, &mut stage, &key_of, &mut flush, &mut reject);
    let mut reader = lines.as_bytes();
    let mut input = Input::new(&mut reader, None);
    feed.parser.parse(&mut input, &About { receipt: &receipt, name: "", is_last: true }, &mut sink);
    sink.finish();
    out
}
