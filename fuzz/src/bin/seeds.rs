//! Writes what a fuzzer begins with into `corpus/`, from the samples of this repository: of parsers,
//! example feeds, the demo, templates, settings and the description of the API. What was written by hand
//! stands in `seeds/`.
//!
//! Run it in `fuzz/`: `cargo run --no-default-features --bin seeds`.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use concert_fuzz::feeds;
use concert_pipeline::parse::ALL;
use serde_json::Value;

/// First bytes that choose the parser in `stored`, `render` and `unpack`.
const KEYVALUE: u8 = 0;
const NDJSON: u8 = 1;
const COMPLAINT: u8 = 2;

fn main() -> io::Result<()> {
    let root = Path::new("..");
    let mut count = 0;
    let mut put = |target: &str, choice: &[u8], bytes: &[u8]| -> io::Result<()> {
        let whole = [choice, bytes].concat();
        let folder = Path::new("corpus").join(target);
        fs::create_dir_all(&folder)?;
        count += 1;
        fs::write(folder.join(blake3::hash(&whole).to_hex().as_str()), whole)
    };
    for (choice, feed) in feeds().iter().enumerate() {
        let listed = ALL.iter().find(|listed| listed.name == feed.parser_name);
        for sample in listed.map_or(&[][..], |listed| listed.samples) {
            put("parsers", &[u8::try_from(choice % 256).unwrap_or(0)], sample.given.as_bytes())?;
            put("unpack", &[KEYVALUE, 0], sample.given.as_bytes())?;
            if ["arf", "xarf"].contains(&feed.parser_name) {
                put("unpack", &[COMPLAINT, 0], sample.given.as_bytes())?;
            }
            put("records", &[0], sample.given.as_bytes())?;
            if feed.parser_name == "keyvalue" {
                put("keyvalue", &[], sample.given.as_bytes())?;
                put("stored", &[KEYVALUE], sample.given.as_bytes())?;
                put("render", &[KEYVALUE], sample.given.as_bytes())?;
            }
        }
    }
    for path in files(&root.join("examples/feeds"))? {
        let bytes = fs::read(&path)?;
        match path.extension().and_then(|ending| ending.to_str()) {
            Some("toml") => put("settings", &[], &bytes)?,
            Some("jsonl") => {
                put("stored", &[NDJSON], &bytes)?;
                put("render", &[NDJSON], &bytes)?;
            }
            _ => put("unpack", &[KEYVALUE, 0], &bytes)?,
        }
    }
    for path in files(&root.join("crates/concert/src/command/demo/data"))? {
        let bytes = fs::read(&path)?;
        for target in ["contacts", "settings"] {
            put(target, &[], &bytes)?;
        }
        put("ranges", &[0], &bytes)?;
        put("ranges", &[1], &bytes)?;
    }
    for path in files(&root.join("crates/concert-model/src/incident/process/shipped"))? {
        put("process", &[], &fs::read(&path)?)?;
    }
    for folder in ["right", "wrong"] {
        for path in files(&root.join("crates/concert/tests/settings").join(folder))? {
            put("settings", &[], &fs::read(&path)?)?;
        }
    }
    for path in files(&root.join("crates/concert-pipeline/src/render/templates/en"))? {
        for choice in 0..3 {
            put("template", &[choice], &fs::read(&path)?)?;
        }
    }
    for path in files(&root.join("examples/sites"))? {
        for mail in files(&path.join("samples")).unwrap_or_default() {
            put("opened", &[], &fs::read(&mail)?)?;
        }
    }
    for request in requests(&root.join("crates/concert-server/assets/openapi"))? {
        put("server", &[], request.as_bytes())?;
    }
    writeln!(io::stdout(), "{count} seeds in corpus/")
}

/// A request for each operation of the API, made of the examples of its description.
fn requests(folder: &Path) -> io::Result<Vec<String>> {
    let read = |path: &Path| Ok::<Value, io::Error>(serde_json::from_slice(&fs::read(path)?)?);
    let common = read(&folder.join("common.json"))?;
    let mut requests = Vec::new();
    for part in files(folder)? {
        let part = read(&part)?;
        for (path, methods) in part["paths"].as_object().into_iter().flatten() {
            requests.extend(methods.as_object().into_iter().flatten().map(|(method, operation)| {
                let parameters = operation["parameters"].as_array().into_iter().flatten();
                request(method, path, operation, parameters.map(|one| resolved(one, &common)))
            }));
        }
    }
    Ok(requests)
}

fn request<'p>(method: &str, path: &str, operation: &Value, parameters: impl Iterator<Item = &'p Value>) -> String {
    let (mut path, mut query, mut headers) = (path.to_owned(), String::new(), String::new());
    for parameter in parameters {
        let name = parameter["name"].as_str().unwrap_or_default();
        let value = match &parameter["example"] {
            Value::Null if parameter["schema"]["type"] == "integer" => "1".to_owned(),
            Value::Null => continue,
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        match parameter["in"].as_str() {
            Some("path") => path = path.replace(&format!("{{{name}}}"), &encoded(&value)),
            Some("query") => {
                query.push(if query.is_empty() { '?' } else { '&' });
                query.push_str(&format!("{name}={}", encoded(&value)));
            }
            _ => headers.push_str(&format!("{name}: {value}\r\n")),
        }
    }
    if path.contains("/reports") {
        headers.push_str("Authorization: Bearer s3cret\r\n");
    }
    let mut body = String::new();
    for (media, content) in operation["requestBody"]["content"].as_object().into_iter().flatten() {
        body = content.get("example").map_or_else(|| "abc".to_owned(), Value::to_string);
        headers.push_str(&format!("Content-Type: {media}\r\nContent-Length: {}\r\n", body.len()));
    }
    format!("{} {path}{query} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n{body}", method.to_uppercase())
}

/// A parameter, or the one that it refers to.
fn resolved<'v>(parameter: &'v Value, common: &'v Value) -> &'v Value {
    let place = parameter["$ref"].as_str().and_then(|place| common.pointer(place.trim_start_matches('#')));
    place.unwrap_or(parameter)
}

fn encoded(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'-' | b'.' | b'_' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}

fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect()
}
