//! What is told of mistakes: every text that settings, parsers and unpacking can print, provoked and kept in one
//! readable file for each area, in `snapshots/`. A text in the source that nothing here provokes fails the test.
//! Those of commands, doors and the store, which tests of their own provoke, are kept as the source has them.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "all of this is a test, also what stands outside its functions"
)]

#[path = "messages/source.rs"]
mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::Path;

use concert::settings::{LoadFor, Settings};

/// Texts that no settings provoke here, each with the reason.
const NOT_PROVOKED: &[(&str, &str)] = &[("there are more than {} rules", "ten thousand rules take long to read")];

/// Settings with more of something than may be.
fn too_many() -> Vec<(&'static str, String)> {
    let list = |count: usize, one: &dyn Fn(usize) -> String| (0..count).map(one).collect::<Vec<_>>().join(", ");
    let out = "[via.out]\ntype = \"file\"\npath = \"out/\"\n[[notice]]\nname = \"n\"\nvia = \"out\"\n";
    let extra = |n: usize| format!("\"extra.f{n}\"");
    let pair = |n: usize| format!("\"extra.f{n}\" = \"x\"");
    vec![
        ("many things forbidden", "[[forbid]]\nname = \"x\"\nactions = [\"open\"]\n".repeat(101)),
        ("many addresses", format!("{out}bcc = [{}]\n", list(51, &|n| format!("\"a{n}@net.example\"")))),
        ("many columns of a notice", format!("{out}columns = [{}]\n", list(201, &extra))),
        ("many fields of a problem", format!("[dedup]\nfields = [{}]\n", list(65, &extra))),
        (
            "many nicknames",
            format!(
                "[[feed]]\nname = \"f\"\nparser = \"keyvalue\"\n\
                 collect = {{ type = \"irc\", host = \"irc.example\", channel = \"#feeds\", from = [{}] }}\n",
                list(201, &|n| format!("\"bot{n}\""))
            ),
        ),
        ("many changes", format!("[[rule]]\nname = \"r\"\nif = \"true\"\nset = {{ {} }}\n", list(101, &pair))),
        (
            "many columns of a report",
            format!(
                "[[feed]]\nname = \"f\"\nparser = \"csv\"\ncolumns = {{ {} }}\n",
                list(2001, &|n| format!("c{n} = \"-\""))
            ),
        ),
        (
            "many headers",
            format!(
                "[via.v]\ntype = \"http\"\nurl = \"https://a.example/\"\nheaders = {{ {} }}\n",
                list(51, &|n| format!("X-{n} = \"x\""))
            ),
        ),
    ]
}

/// Pieces of a file that begin with a line `### name`.
fn cases(text: &str) -> Vec<(&str, &str)> {
    let pieces = text.split("### ").filter(|piece| !piece.trim().is_empty());
    pieces.map(|piece| piece.split_once('\n').unwrap()).collect()
}

#[test]
fn mistakes_in_settings() {
    const LINES_SHOWN: usize = 60;
    let mut told = String::new();
    let too_many = too_many();
    let all = cases(include_str!("messages/settings.toml")).into_iter();
    for (name, text) in all.chain(too_many.iter().map(|(name, text)| (*name, text.as_str()))) {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        write("concert.toml", text);
        write("word", "word\n");
        write("empty.json", "{}");
        write("lines", "two\r\nlines, here\n");
        let loaded = Settings::read(folder.path(), LoadFor::Run).unwrap();
        let site = folder.path().display().to_string();
        writeln!(told, "# {name}\n").unwrap();
        for (line, number) in text.lines().zip(1..).take(LINES_SHOWN) {
            let shown: String = line.chars().take(200).collect();
            writeln!(told, "{number:>3}  {shown}{}", if shown.len() < line.len() { " ..." } else { "" }).unwrap();
        }
        told.push('\n');
        assert!(!loaded.problems.is_empty(), "{name}: no mistake");
        for problem in loaded.problems.into_iter().take(LINES_SHOWN) {
            assert!(!problem.place.is_empty(), "{name}: {problem}: no place");
            assert!(!problem.hint.is_empty(), "{name}: {problem}: no hint");
            writeln!(told, "{}", problem.to_string().replace(&site, "SITE")).unwrap();
        }
        told.push('\n');
    }
    insta::assert_snapshot!("settings", told);
}

/// INVARIANT: whatever the source can say of settings is provoked above or in `settings.rs`.
#[test]
fn every_mistake_in_settings_is_provoked() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let kept = ["tests/snapshots/messages__settings.snap", "tests/settings.rs"];
    let told = kept.map(|name| fs::read_to_string(root.join(name)).unwrap()).join("\n");
    let is_told = |line: &&str| line.starts_with("concert.toml:") || line.starts_with("hint: ");
    let told: Vec<&str> = told.lines().map(str::trim_start).filter(is_told).collect();
    let folders = [
        "concert/src/settings",
        "concert/src/settings.rs",
        "concert-pipeline/src/parse",
        "concert-pipeline/src/judge",
        "concert-pipeline/src/group",
        "concert-pipeline/src/render",
        "concert-transport/src",
        "concert-server/src/lib.rs",
    ];
    let mut missing = Vec::new();
    for folder in folders {
        for text in source::texts(&root.join("..").join(folder), &[".problem(", ".problem_in(", ".problem_item("]) {
            let is_excused = NOT_PROVOKED.iter().any(|(known, _)| *known == text.words);
            let is_told = told.iter().any(|line| text.fits(line));
            assert!(!(is_excused && is_told), "`{}` is provoked and need not be excused", text.words);
            if !is_excused && !is_told {
                missing.push(format!("{}:{}: {}", text.file, text.line, text.words));
            }
        }
    }
    // What a setting says only through another text: the reasons behind `constant` and `schema`.
    let parse = root.join("../concert-pipeline/src/parse");
    for text in source::texts(&parse.join("fixed.rs"), &["Err(", "ok_or_else(", "map_err("]) {
        if !told.iter().any(|line| text.fits(line)) {
            missing.push(format!("{}:{}: {}", text.file, text.line, text.words));
        }
    }
    assert!(missing.is_empty(), "not provoked:\n{}", missing.join("\n"));
}

/// INVARIANT: nobody changes what is told of a mistake without seeing it among the others.
#[test]
fn every_text_of_a_mistake_is_kept() {
    const CALLS: [&str; 13] = [
        "Problem::new(",
        "Problem::wrong(",
        ".hint(",
        ".problem(",
        "Err(",
        "ok_or(",
        "ok_or_else(",
        "map_err(",
        "wrong(",
        "Refusal::Wrong(",
        "Refusal::Taken(",
        "absent(",
        "Refused::Gone(",
    ];
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut told = String::new();
    for name in ["concert-model", "concert-pipeline", "concert-transport", "concert-store", "concert-server", "concert"]
    {
        let mut files: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for text in source::texts(&crates.join(name).join("src"), &CALLS) {
            let file = Path::new(&text.file).strip_prefix(&crates).unwrap().display().to_string();
            files.entry(file).or_default().insert(text.words.replace('\n', " / "));
        }
        for (file, texts) in files {
            writeln!(told, "# {file}\n").unwrap();
            texts.iter().for_each(|text| writeln!(told, "{text}").unwrap());
            told.push('\n');
        }
    }
    insta::assert_snapshot!("texts", told);
}
