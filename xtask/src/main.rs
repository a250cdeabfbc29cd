//! Automation of this repository: `cargo xtask check`, `ci`, `api`, `deny`, `gen`, `licences`, `bench`.
//!
//! It knows no other crate of the workspace, so that it builds in a second.

mod api;
#[cfg(test)]
mod arrows;
mod bench;
mod ci;
mod deny;
mod licences;
mod license;
#[cfg(test)]
mod pages;
mod peers;
mod step;

use std::process::ExitCode;

const HELP: &str = "usage: cargo xtask COMMAND

  check          formatting, lints and tests; before every commit
  ci [--quick]   everything that must hold for a change; --quick installs nothing
  api            the API of a program that serves, asked by schemathesis
  deny           licences, banned crates and number of the packages we depend on
  gen [--check]  write docs/generated/ from the code, or compare it
  bench          how fast a report goes through the whole path; see `bench --help`
  licences [--check]
                 write THIRD-PARTY.md, what the program is built with, or compare it
";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        ["check"] => ci::check(),
        ["bench", rest @ ..] => bench::run(rest),
        ["ci"] => ci::ci(true),
        ["ci", "--quick"] => ci::ci(false),
        ["api"] => api::install().and_then(|()| api::run()),
        ["deny"] => deny::run(),
        ["licences"] => licences::run(true),
        ["licences", "--check"] => licences::run(false),
        ["gen"] => ci::generate(true),
        ["gen", "--check"] => ci::generate(false),
        _ => {
            step::say(HELP);
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            step::say(&format!("\nfailed: {why}"));
            ExitCode::FAILURE
        }
    }
}
