//! What we depend on: licences we may ship, crates we may not, and how many there are.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::license;
use crate::step::{output, say};

/// Licences whose terms we can keep.
const LICENSES: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "MPL-2.0",
    "OpenSSL",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
    "bzip2-1.0.6",
];

/// Crates that must not come in, not even by others, and what to use.
const BANNED: &[(&str, &str)] = &[
    ("ring", "one TLS provider: aws-lc-rs"),
    ("openssl", "one TLS provider: aws-lc-rs"),
    ("openssl-sys", "one TLS provider: aws-lc-rs"),
    ("native-tls", "one TLS provider: aws-lc-rs"),
    ("rusqlite", "one SQLite layer: sqlx"),
    ("irc", "our own small client"),
    ("datafusion", "too large for the binary"),
];

/// Crates of which two versions would be a bug: their types or their state would not fit together.
const SINGLE: &[&str] = &[
    "arrow-array",
    "aws-lc-rs",
    "axum",
    "hyper",
    "jiff",
    "libsqlite3-sys",
    "reqwest",
    "rustls",
    "sqlx-core",
    "tokio",
    "toml_edit",
    "tracing",
];

/// More packages than this need a reason in the commit that raises it.
const PACKAGES_MAX: usize = 420;

/// Checks the packages that the lock file names for this platform.
pub(crate) fn run() -> Result<(), String> {
    let host = host()?;
    let args = ["metadata", "--format-version", "1", "--locked", "--filter-platform", &host];
    let metadata: Value = serde_json::from_slice(&output("cargo", &args)?).map_err(|error| error.to_string())?;
    let used: BTreeSet<&str> = list(&metadata, "/resolve/nodes").map(|node| text(node, "id")).collect();
    let packages: Vec<&Value> = list(&metadata, "/packages")
        .filter(|package| used.contains(text(package, "id")) && !text(package, "source").is_empty())
        .collect();
    let faults = faults(&packages);
    say(&format!("{} packages, at most {PACKAGES_MAX}", packages.len()));
    if faults.is_empty() { Ok(()) } else { Err(faults.join("\n  ")) }
}

fn faults(packages: &[&Value]) -> Vec<String> {
    let mut faults = Vec::new();
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for package in packages {
        let name = text(package, "name");
        versions.entry(name).or_default().insert(text(package, "version"));
        let license = text(package, "license");
        if !license::allows(license, LICENSES) {
            faults.push(format!("{name} has the licence `{license}`, which is not on our list"));
        }
        if let Some((_, instead)) = BANNED.iter().find(|(banned, _)| *banned == name) {
            faults.push(format!("{name} is banned; {instead}"));
        }
    }
    for name in SINGLE {
        if let Some(found) = versions.get(name).filter(|found| found.len() > 1) {
            let found: Vec<&str> = found.iter().copied().collect();
            faults.push(format!("{name} is there in several versions: {}", found.join(", ")));
        }
    }
    if packages.len() > PACKAGES_MAX {
        faults.push(format!("{} packages are more than {PACKAGES_MAX}", packages.len()));
    }
    faults
}

fn list<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// The platform we build on, as the compiler calls it.
fn host() -> Result<String, String> {
    let text = String::from_utf8_lossy(&output("rustc", &["-vV"])?).into_owned();
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| "rustc does not say its host".to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_must_not_come_in_is_named() {
        let package =
            |name: &str, version: &str, license: &str| json!({"name": name, "version": version, "license": license});
        let given = [
            package("good", "1.0.0", "MIT OR Apache-2.0"),
            package("bad", "1.0.0", "GPL-3.0-only"),
            package("ring", "0.17.0", "ISC"),
            package("rustls", "0.22.0", "ISC"),
            package("rustls", "0.23.0", "ISC"),
        ];
        let faults = faults(&given.iter().collect::<Vec<_>>());
        assert_eq!(
            faults,
            [
                "bad has the licence `GPL-3.0-only`, which is not on our list",
                "ring is banned; one TLS provider: aws-lc-rs",
                "rustls is there in several versions: 0.22.0, 0.23.0",
            ]
        );
    }
}
