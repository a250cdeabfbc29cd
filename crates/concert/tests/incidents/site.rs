//! A site for these tests, and commands on it.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::init::init;

pub(crate) struct Site {
    pub(crate) dir: tempfile::TempDir,
}

const SETTINGS: &str = "[site]\nname = \"CERT Example\"\nemail = \"cert@cert.example\"\nticket = \"CERT-EX\"\n";

#[expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot set itself up must fail")]
impl Site {
    pub(crate) fn new() -> Self {
        Self::with("")
    }

    /// With more settings.
    pub(crate) fn with(more: &str) -> Self {
        let site = Self { dir: tempfile::tempdir().unwrap() };
        init(&site.path());
        site.settings(more);
        site
    }

    pub(crate) fn settings(&self, more: &str) {
        std::fs::write(self.path().join("concert.toml"), format!("{SETTINGS}\n{more}")).unwrap();
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().join("site")
    }

    pub(crate) fn run(&self, args: &[&str]) -> (i32, String, String) {
        let output =
            Command::new(env!("CARGO_BIN_EXE_concert")).args(args).args(["--site"]).arg(self.path()).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
    }

    pub(crate) fn json(&self, args: &[&str]) -> Vec<Value> {
        let (code, out, err) = self.run(args);
        assert_eq!(code, 0, "{args:?}: {err}");
        out.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// What `concert incident ...` prints.
    pub(crate) fn incident(&self, args: &[&str]) -> Vec<Value> {
        self.json(&[&["incident"], args].concat())
    }

    /// The numbers of the entries of an incident, in their order.
    pub(crate) fn entries(&self, incident: &str) -> Vec<String> {
        let log = self.incident(&["log", incident, "--limit", "0"]);
        let mut numbers: Vec<u64> = log.iter().filter_map(|row| row["seq"].as_u64()).collect();
        numbers.sort_unstable();
        numbers.iter().map(u64::to_string).collect()
    }

    pub(crate) fn open(&self, title: &str) -> String {
        self.open_marked(title, "amber")
    }

    pub(crate) fn open_marked(&self, title: &str, tlp: &str) -> String {
        let opened = self.incident(&["open", title, "--type", "scanner", "--severity", "medium", "--tlp", tlp]);
        opened[0]["incident"].as_str().unwrap().to_owned()
    }
}
