//! Registry files in the form registries publish them, against what is known of them.
//! `CONCERT_SAMPLES` names the folder of samples.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "all of this is a test, also what stands outside its functions"
)]

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use concert_pipeline::registry::{Asked, Builder, Registry, Summary};
use serde_json::Value;

fn samples() -> Option<PathBuf> {
    let folder = std::env::var_os("CONCERT_SAMPLES").map(|root| Path::new(&root).join("rpsl"));
    if folder.is_none() {
        println!("skipped: CONCERT_SAMPLES is not set");
    }
    folder
}

/// All files of one registry together.
fn registry(folder: &Path, name: &str) -> (Registry<Vec<u8>>, Summary) {
    let mut builder = Builder::new();
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    for path in files {
        let file = path.file_name().unwrap().to_string_lossy().into_owned();
        if file.starts_with(&format!("{}.db.", name.to_lowercase())) {
            builder.read(&file, BufReader::new(File::open(&path).unwrap())).unwrap();
        }
    }
    let mut bytes = Vec::new();
    let summary = builder.finish(&mut bytes).unwrap();
    (Registry::open(bytes).unwrap(), summary)
}

fn texts(fact: &Value, key: &str) -> Vec<String> {
    match &fact[key] {
        Value::String(text) => vec![text.clone()],
        Value::Array(list) => list.iter().map(|text| text.as_str().unwrap().to_owned()).collect(),
        _ => Vec::new(),
    }
}

fn contacts(fact: &Value) -> Vec<String> {
    [texts(fact, "contact"), texts(fact, "contacts")].concat()
}

#[test]
fn every_known_address_finds_its_contact() {
    let Some(folder) = samples() else { return };
    let facts = std::fs::read_to_string(folder.join("expected.jsonl")).unwrap();
    let facts: Vec<Value> = facts.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for name in ["RIPE", "APNIC"] {
        let (registry, summary) = registry(&folder, name);
        let mut looked = 0;
        for fact in facts.iter().filter(|fact| fact["source"] == name) {
            let asked: Asked = match fact["kind"].as_str().unwrap() {
                "asn" => registry.find_asn(u32::try_from(fact["asn"].as_u64().unwrap()).unwrap()).unwrap(),
                _ => registry.find(fact["ip"].as_str().unwrap().parse().unwrap()).unwrap(),
            };
            looked += 1;
            let answer = asked.answer().map(|step| step.answer.clone()).unwrap_or_default();
            assert_eq!(answer.mails, contacts(fact), "{fact}");
            if fact["kind"] == "lookup" {
                let walked: Vec<&str> = asked.steps.iter().map(|step| step.name.as_str()).collect();
                assert_eq!(walked, texts(fact, "walked"), "{fact}");
                assert_eq!(answer.via, fact["via"].as_str().unwrap(), "{fact}");
                let handles = [texts(fact, "nic_hdl"), texts(fact, "irt")].concat();
                let handles: Vec<String> = handles.iter().map(|handle| format!("{name} {handle}")).collect();
                assert_eq!(answer.handles, handles, "{fact}");
                assert_eq!(answer.invalid.len(), texts(fact, "marked_invalid").len(), "{fact}");
            }
        }
        assert!(looked > 10, "{name}");
        let prefix = name.to_lowercase();
        let objects = facts.iter().filter(|fact| fact["kind"] == "summary");
        let objects = objects.filter(|fact| fact["file"].as_str().unwrap().starts_with(&prefix));
        let objects: u64 = objects.map(|fact| fact["objects"].as_u64().unwrap()).sum();
        assert_eq!(summary.objects.values().sum::<u64>(), objects, "{summary:?}");
    }
}
