//! `THIRD-PARTY.md`: every package that is in the program, with version and licence.
//!
//! Only what is linked into `concert` on this platform stands there, not what tests or builds use. The
//! texts of the licences come with the packages' sources.

use std::collections::BTreeSet;
use std::fs;

use crate::deny::{Package, package};
use crate::step::{output, say};

const PATH: &str = "THIRD-PARTY.md";
const HEAD: &str = "<!-- Written by `cargo xtask licences` from Cargo.lock. -->

# What Concert is built with

Packages that are linked into the program `concert` on x86-64 Linux, each under its own licence. Where it reads
`A OR B`, either may be chosen.

| package | version | licence |
|---|---|---|
";

/// Writes the file anew, or with `write` false says in what it differs from Cargo.lock.
pub(crate) fn run(write: bool) -> Result<(), String> {
    let args = [
        "tree",
        "--package",
        "concert",
        "--locked",
        "--edges",
        "normal,no-proc-macro",
        "--target",
        "x86_64-unknown-linux-gnu",
        "--prefix",
        "none",
        "--no-dedupe",
        "-f",
        "{p}|{l}",
    ];
    let tree = String::from_utf8_lossy(&output("cargo", &args)?).into_owned();
    let packages: BTreeSet<Package> = tree.lines().filter_map(package).collect();
    let page = page(&packages);
    if write {
        fs::write(PATH, page).map_err(|error| format!("{PATH}: {error}"))?;
        say(&format!("{} packages are in {PATH}", packages.len()));
        return Ok(());
    }
    let there = fs::read_to_string(PATH).map_err(|error| format!("{PATH}: {error}"))?;
    match differences(&there, &page).as_slice() {
        [] => Ok(()),
        lines => Err(format!("{PATH} is stale; run `cargo xtask licences`\n{}", lines.join("\n"))),
    }
}

/// Lines that are missing (`+`) and lines that should not be there (`-`).
fn differences(there: &str, wanted: &str) -> Vec<String> {
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<BTreeSet<String>>();
    let (there, wanted) = (lines(there), lines(wanted));
    let missing = wanted.difference(&there).map(|line| format!("+ {line}"));
    missing.chain(there.difference(&wanted).map(|line| format!("- {line}"))).collect()
}

fn page(packages: &BTreeSet<Package>) -> String {
    let row = |Package { name, version, license }: &Package| format!("| `{name}` | {version} | {license} |\n");
    packages.iter().map(row).fold(HEAD.to_owned(), |page, row| page + &row)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_package_is_one_row_and_ours_are_none() {
        let tree = "b v1.0.0|MIT\nconcert v0.1.0 (/src/crates/concert)|MIT\na v2.1.0|Zlib OR MIT\nb v1.0.0|MIT\n";
        let page = page(&tree.lines().filter_map(package).collect());
        assert!(page.ends_with("|---|---|---|\n| `a` | 2.1.0 | Zlib OR MIT |\n| `b` | 1.0.0 | MIT |\n"), "{page}");
    }

    #[test]
    fn a_package_that_is_missing_new_or_gone_makes_the_list_stale() {
        let page = |tree: &str| page(&tree.lines().filter_map(package).collect());
        let there = page("a v1.0.0|MIT\nb v1.0.0|MIT\n");
        assert_eq!(differences(&there, &there), Vec::<String>::new());
        let wanted = page("a v1.0.1|MIT\nc v1.0.0|Zlib\n");
        let told = [
            "+ | `a` | 1.0.1 | MIT |",
            "+ | `c` | 1.0.0 | Zlib |",
            "- | `a` | 1.0.0 | MIT |",
            "- | `b` | 1.0.0 | MIT |",
        ];
        assert_eq!(differences(&there, &wanted), told);
    }
}
