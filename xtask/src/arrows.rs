//! What the manifests must keep to: which crate knows which, and that every dependency has its reason.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

const MODEL: &[&str] = &["concert-model"];
const ALL: &[&str] =
    &["concert-model", "concert-pipeline", "concert-server", "concert-store", "concert-testkit", "concert-transport"];

/// Crate, what it may know, what its tests may know besides.
const ALLOWED: &[(&str, &[&str], &[&str])] = &[
    ("concert", ALL, &[]),
    ("concert-model", &[], &[]),
    ("concert-pipeline", MODEL, &[]),
    ("concert-server", MODEL, &["concert-testkit"]),
    ("concert-store", MODEL, &["concert-testkit"]),
    ("concert-testkit", MODEL, &[]),
    ("concert-transport", MODEL, &["concert-testkit"]),
    ("xtask", &[], &[]),
];

/// Crates that read clocks, wait, or talk to the outside; the pure crates must do without.
const IMPURE: &[&str] = &[
    "async-imap",
    "axum",
    "hickory-resolver",
    "hyper",
    "reqwest",
    "rustls",
    "sqlx",
    "tokio",
    "tokio-rustls",
    "tokio-util",
];
const PURE: &[&str] = &["concert-model", "concert-pipeline"];

/// Section of a manifest to the names in it.
type Manifest = BTreeMap<String, BTreeSet<String>>;

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// Our manifests are plain: a section a line, a key a line. What is not is told.
fn manifest(text: &str) -> Manifest {
    let (mut found, mut section) = (Manifest::new(), String::new());
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_matches(['[', ']']).to_owned();
            let plain = !section.contains("dependencies.") && !section.starts_with("target.");
            assert!(plain, "[{section}]: write each dependency on one line");
        } else if section.ends_with("dependencies") {
            let name = line.split(['.', '=', ' ']).next().unwrap_or("");
            found.entry(section.clone()).or_default().insert(name.to_owned());
        }
    }
    found
}

fn members() -> BTreeMap<String, Manifest> {
    let crates = fs::read_dir(root().join("crates")).unwrap().map(|entry| entry.unwrap().path());
    let folders = crates.chain([root().join("xtask")]);
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    folders.map(|path| (name(&path), manifest(&fs::read_to_string(path.join("Cargo.toml")).unwrap()))).collect()
}

fn names<'a>(manifest: &'a Manifest, section: &str) -> impl Iterator<Item = &'a str> {
    manifest.get(section).into_iter().flatten().map(String::as_str)
}

/// What of `manifests` stands against the lists above.
fn wrong(manifests: &BTreeMap<String, Manifest>) -> Vec<String> {
    let mut wrong = Vec::new();
    for (name, manifest) in manifests {
        let Some((_, own, tests)) = ALLOWED.iter().find(|(known, ..)| known == name) else {
            wrong.push(format!("{name} is not in the list"));
            continue;
        };
        for section in ["dependencies", "build-dependencies", "dev-dependencies"] {
            for other in names(manifest, section).filter(|other| other.starts_with("concert")) {
                let in_tests = section == "dev-dependencies" && tests.contains(&other);
                if !own.contains(&other) && !in_tests {
                    wrong.push(format!("{name} knows {other} ({section})"));
                }
            }
        }
        for other in names(manifest, "dependencies").filter(|other| IMPURE.contains(other)) {
            if PURE.contains(&name.as_str()) {
                wrong.push(format!("{name} is pure and depends on {other}"));
            }
        }
    }
    wrong
}

#[test]
fn arrows_between_crates_are_the_allowed_ones() {
    let members = members();
    assert_eq!(members.len(), ALLOWED.len(), "{:?}", members.keys());
    assert_eq!(wrong(&members), Vec::<String>::new());
}

#[test]
fn a_forbidden_arrow_is_found() {
    let given = [
        ("concert-pipeline", "[dependencies]\nconcert-store.workspace = true\ntokio = \"1\"\n"),
        (
            "concert-store",
            "[dependencies]\nconcert-testkit.workspace = true\n[dev-dependencies]\nconcert-testkit = 1\n",
        ),
        ("concert-new", "[dependencies]\n"),
    ];
    let members = given.into_iter().map(|(name, text)| (name.to_owned(), manifest(text))).collect();
    assert_eq!(
        wrong(&members),
        [
            "concert-new is not in the list",
            "concert-pipeline knows concert-store (dependencies)",
            "concert-pipeline is pure and depends on tokio",
            "concert-store knows concert-testkit (dependencies)",
        ]
    );
}

#[test]
fn every_dependency_is_used_and_has_its_sentence() {
    let text = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let page = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let (_, table) = page.split_once("## What we depend on and why").unwrap();
    let listed: BTreeSet<&str> =
        table.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`').map(|(name, _)| name)).collect();
    let all = manifest(&text);
    let ours: BTreeSet<&str> =
        names(&all, "workspace.dependencies").filter(|name| !name.starts_with("concert")).collect();
    assert_eq!(listed, ours, "the table in ARCHITECTURE.md and [workspace.dependencies] in Cargo.toml differ");
    let members = members();
    for name in ours {
        let used = members.values().flat_map(Manifest::values).any(|section| section.contains(name));
        assert!(used, "{name} is used by no crate");
    }
}
