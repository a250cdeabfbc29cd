//! The steps of `check` and `ci`, cheapest first.

use std::path::Path;

use crate::step::{Steps, call, has};
use crate::{api, deny, licences, peers};

/// With all features, so that the doors of `fuzz/` are looked at before every commit.
const CLIPPY: &[&str] =
    &["clippy", "--workspace", "--all-targets", "--all-features", "--locked", "--", "-D", "warnings"];

/// Private items are documented too, so links to them lead somewhere.
const DOC_FLAGS: &str = "-D warnings -A rustdoc::private_intra_doc_links";

/// What must hold before every commit.
pub(crate) fn check() -> Result<(), String> {
    let mut steps = Steps::default();
    let result = short(&mut steps);
    steps.tell();
    result
}

/// Everything that must hold for a change.
pub(crate) fn ci(install: bool) -> Result<(), String> {
    let mut steps = Steps::default();
    let result = long(&mut steps, install);
    steps.tell();
    result
}

fn short(steps: &mut Steps) -> Result<(), String> {
    steps.run("formatting", || call("cargo", &["fmt", "--all", "--check"], &[]))?;
    steps.run("lints", || call("cargo", CLIPPY, &[]))?;
    tests(steps)
}

fn long(steps: &mut Steps, install: bool) -> Result<(), String> {
    steps.run("formatting", || call("cargo", &["fmt", "--all", "--check"], &[]))?;
    steps.run("packages", deny::run)?;
    steps.run("list of packages", || licences::run(false))?;
    if install {
        steps.run("peers", peers::install)?;
    }
    steps.run("lints", || call("cargo", CLIPPY, &[]))?;
    tests(steps)?;
    steps.run("API from outside", api::run)?;
    let docs = ["doc", "--workspace", "--no-deps", "--document-private-items", "--locked"];
    steps.run("documentation", || call("cargo", &docs, &[("RUSTDOCFLAGS", DOC_FLAGS)]))?;
    steps.run("generated files", || generate(false))?;
    if Path::new("fuzz/Cargo.toml").exists() {
        // The fuzzing engine needs flags of the nightly compiler.
        let fuzz = ["check", "--manifest-path", "fuzz/Cargo.toml"];
        steps.run("fuzz targets", || call("cargo", &fuzz, &[("RUSTC_BOOTSTRAP", "1")]))?;
    }
    Ok(())
}

/// With `cargo-nextest` where it is installed: it runs every test in a process of its own and names
/// the slow ones.
fn tests(steps: &mut Steps) -> Result<(), String> {
    let nextest = has("cargo-nextest");
    let build: &[&str] = if nextest {
        &["nextest", "run", "--workspace", "--locked", "--no-run"]
    } else {
        &["test", "--workspace", "--locked", "--no-run"]
    };
    let run: &[&str] = if nextest {
        &["nextest", "run", "--workspace", "--locked", "--no-fail-fast"]
    } else {
        &["test", "--workspace", "--locked", "--no-fail-fast"]
    };
    steps.run("build tests", || call("cargo", build, &[]))?;
    // Snapshots are compared and never written.
    steps.run("run tests", || call("cargo", run, &[("INSTA_UPDATE", "no")]))
}

/// The test that compares `docs/generated/` with the code writes it when it is told to.
pub(crate) fn generate(write: bool) -> Result<(), String> {
    let env: &[(&str, &str)] = if write { &[("CONCERT_GENERATE", "write")] } else { &[] };
    call("cargo", &["test", "--quiet", "--package", "concert", "--test", "generated", "--locked"], env)
}
