//! Real peers that tests talk to. Tests that miss one say so and pass; here the missing ones are
//! installed where that is possible.

use crate::step::{call, has, output, say};

/// A program, and the Debian package it comes in.
const PEERS: &[(&str, &str)] = &[
    ("ngircd", "ngircd"),
    ("dovecot", "dovecot-imapd"),
    ("smtpd", "opensmtpd"),
    ("openssl", "openssl"),
    ("gpg", "gnupg"),
    ("chromium", "chromium"),
    ("python3", "python3"),
    ("pip", "python3-pip"),
];
/// What makes environments of Python; it brings no program of its own.
const ENVIRONMENTS: &str = "python3-venv";

/// Installs what is missing. Never fails: tests say what they skip.
pub(crate) fn install() -> Result<(), String> {
    install_from_debian();
    install_from_pypi();
    if let Err(why) = crate::api::install() {
        say(&format!("schemathesis is not installed: {why}"));
    }
    Ok(())
}

fn install_from_debian() {
    let mut missing: Vec<&str> =
        PEERS.iter().filter(|(program, _)| !has(program)).map(|(_, package)| *package).collect();
    if output("python3", &["-c", "import ensurepip"]).is_err() {
        missing.push(ENVIRONMENTS);
    }
    if missing.is_empty() {
        say("all Debian packages are installed");
        return;
    }
    if !has("apt-get") || !is_root() {
        say(&format!("not installed, and cannot be from here: {}", missing.join(" ")));
        return;
    }
    let quiet = [("DEBIAN_FRONTEND", "noninteractive")];
    let updated = call("apt-get", &["update", "-qq"], &quiet);
    for package in missing {
        let installed = updated
            .clone()
            .and_then(|()| call("apt-get", &["install", "-y", "-qq", "--no-install-recommends", package], &quiet));
        if let Err(why) = installed {
            say(&format!("{package} is not installed: {why}"));
        }
    }
}

/// What Debian does not have: DuckDB, which `concert sql` runs, and the validator of bags of evidence.
const PYTHON_PEERS: &[(&str, &str)] = &[("duckdb", "duckdb-cli"), ("bagit.py", "bagit")];

fn install_from_pypi() {
    for (program, package) in PYTHON_PEERS {
        if has(program) {
            continue;
        }
        if !has("pip") || !is_root() {
            say(&format!("not installed, and cannot be from here: {package}"));
            continue;
        }
        let args = ["install", "--quiet", "--root-user-action=ignore", "--break-system-packages", package];
        if let Err(why) = call("pip", &args, &[]) {
            say(&format!("{package} is not installed: {why}"));
        }
    }
}

fn is_root() -> bool {
    output("id", &["-u"]).is_ok_and(|id| id.trim_ascii() == b"0")
}
