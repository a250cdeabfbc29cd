//! Writes what a fuzzer begins with into `corpus/`, from the samples of this repository: of parsers,
//! example feeds, the demo, templates and settings. Conversations stand in `seeds/`, written by hand.
//!
//! Run it in `fuzz/`: `cargo run --no-default-features --bin seeds`.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use concert_fuzz::feeds;
use concert_pipeline::parse::ALL;

/// First bytes that choose the parser in `stored`, `render` and `unpack`.
const KEYVALUE: u8 = 0;
const NDJSON: u8 = 1;

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
    writeln!(io::stdout(), "{count} seeds in corpus/")
}

fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect()
}
