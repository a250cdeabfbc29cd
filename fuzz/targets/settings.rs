//! Settings of a whole site. Every mistake has a place in the file.
#![no_main]

use std::path::PathBuf;
use std::sync::OnceLock;

use concert::settings::{LoadFor, Settings};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    static DIR: OnceLock<PathBuf> = OnceLock::new();
    let dir = DIR.get_or_init(|| {
        let dir = std::env::temp_dir().join(format!("concert-fuzz-settings-{}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("a folder for settings");
        dir
    });
    std::fs::write(dir.join("concert.toml"), bytes).expect("a file of settings");
    // Looking fetches no secrets from the machine this runs on.
    if let Ok(loaded) = Settings::read(dir, LoadFor::Look) {
        assert!(loaded.problems.iter().all(|problem| !problem.what.is_empty()), "a mistake without words");
    }
});
