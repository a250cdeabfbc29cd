//! What we depend on: licences we may ship, crates we may not, and how many there are.

use std::collections::{BTreeMap, BTreeSet};

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
const PACKAGES_MAX: usize = 440;

/// A package that is built.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) license: String,
}

/// Checks every package that is built for this platform, for tests too.
pub(crate) fn run() -> Result<(), String> {
    // `cargo metadata` also names packages that no feature in use brings in.
    let args = ["tree", "--workspace", "--locked", "--prefix", "none", "--no-dedupe", "-f", "{p}|{l}"];
    let tree = String::from_utf8_lossy(&output("cargo", &args)?).into_owned();
    let packages: BTreeSet<Package> = tree.lines().filter_map(package).collect();
    say(&format!("{} packages, at most {PACKAGES_MAX}", packages.len()));
    let faults = faults(&packages);
    if faults.is_empty() { Ok(()) } else { Err(faults.join("\n  ")) }
}

/// Reads `name v1.2.3 (proc-macro)|MIT`; nothing for our own crates, which stand with their folder.
pub(crate) fn package(line: &str) -> Option<Package> {
    let (name, license) = line.split_once('|')?;
    let mut words = name.split_whitespace();
    let (name, version) = (words.next()?, words.next()?.trim_start_matches('v'));
    if words.any(|word| word.starts_with("(/")) {
        return None;
    }
    Some(Package { name: name.to_owned(), version: version.to_owned(), license: license.trim().to_owned() })
}

fn faults(packages: &BTreeSet<Package>) -> Vec<String> {
    let mut faults = Vec::new();
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for Package { name, version, license } in packages {
        versions.entry(name).or_default().insert(version);
        if !license::allows(license, LICENSES) {
            faults.push(format!("{name} has the licence `{license}`, which is not on our list"));
        }
        if let Some((_, instead)) = BANNED.iter().find(|(banned, _)| banned == name) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_must_not_come_in_is_named() {
        let given = [
            "good v1.0.0|MIT OR Apache-2.0",
            "concert v0.1.0 (/src/crates/concert)|Proprietary",
            "bad v1.0.0 (proc-macro)|GPL-3.0-only",
            "ring v0.17.0|ISC",
            "rustls v0.22.0|ISC",
            "rustls v0.23.0|ISC",
        ];
        let faults = faults(&given.into_iter().filter_map(package).collect());
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
