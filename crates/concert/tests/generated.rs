//! `docs/generated/` comes from the code: commands, settings, parsers, feeds, transports, formats, processes.
//!
//! The test compares the files with what the code says now. `cargo xtask gen` runs it with
//! `CONCERT_GENERATE=write`, which writes them instead.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "all of this is a test, also what stands outside its functions"
)]

use std::fs;
use std::path::{Path, PathBuf};

use concert::settings::manual::{self, Section};
use concert_model::incident::process::{self, picture};
use concert_pipeline::{parse, render};
use concert_transport::{collect, deliver};

const HEAD: &str = "<!-- Written by `cargo xtask gen` from the code. Change the code, not this file. -->\n\n";

/// The name of a page, and what makes it out of the code.
type Page = (&'static str, fn() -> String);

const PAGES: [Page; 7] = [
    ("commands.md", commands),
    ("settings.md", settings),
    ("parsers.md", parsers),
    ("feeds.md", feeds),
    ("transports.md", transports),
    ("formats.md", formats),
    ("processes.md", processes),
];

#[test]
fn generated_files_are_fresh() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/generated");
    let write = std::env::var_os("CONCERT_GENERATE").is_some_and(|how| how == "write");
    let mut stale = Vec::new();
    for (name, generate) in PAGES {
        let (path, text) = (folder.join(name), generate());
        if write {
            fs::create_dir_all(&folder).unwrap();
            fs::write(&path, &text).unwrap();
        } else if fs::read_to_string(&path).unwrap_or_default() != text {
            stale.push(name);
        }
    }
    assert!(stale.is_empty(), "docs/generated/{} differ from the code; run `cargo xtask gen`", stale.join(", "));
}

#[test]
fn every_parser_and_way_has_its_keys_and_every_key_its_sentence() {
    let mut sections = manual::sections();
    sections.extend(parse::ALL.iter().map(|listed| manual::parser(listed.name)));
    sections.extend(collect::ALL.iter().map(|listed| manual::collector(listed.name)));
    sections.extend(deliver::ALL.iter().map(|listed| manual::deliverer(listed.name)));
    for section in &sections {
        for key in &section.keys {
            assert!(!key.about.is_empty() && !key.kind.is_empty(), "{} {}", section.table, key.key);
        }
    }
    let has = |table: &str, key: &str| {
        sections.iter().any(|section| section.table == table && section.keys.iter().any(|one| one.key == key))
    };
    for (table, key) in [
        ("[site]", "site.time_zone"),
        ("[[feed]]", "feed.tlp"),
        ("[[feed]]", "feed.parser"),
        ("[[rule]]", "rule.drop"),
        ("[[notice]]", "notice.remind_after"),
        ("collect = { type = \"imap\", ... }", "feed.collect.search"),
        ("[via.NAME]", "via.NAME.path"),
    ] {
        assert!(has(table, key), "{table} {key}");
    }
}

/// What asks for a key by its name, in the source.
const ASKING: &[&str] = &[
    ".text(",
    ".text_or(",
    ".require(",
    ".flag_or(",
    ".number_or(",
    ".number_in(",
    ".duration(",
    ".duration_or(",
    ".date(",
    ".size_or(",
    ".choice_or(",
    ".texts(",
    ".texts_or(",
    ".secret(",
    ".file_text(",
    ".table(",
    ".tables(",
    ".pairs(",
];

/// INVARIANT: a key, parser, way, format or page without its entry in the manual fails here.
#[test]
fn nothing_is_missing_in_the_manual() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    // By the code and not out of the files: those may be being written beside this, and whether they are fresh is asked
    // above.
    let page = |name: &str| PAGES.iter().find(|(known, _)| *known == name).unwrap().1();
    let manual = ["settings.md", "parsers.md", "transports.md"].map(page).join("\n");
    let has_key = |key: &str| {
        let forms = [format!(".{key}`"), format!("[{key}]"), format!("`{key} = {{"), format!(".{key}.")];
        forms.iter().any(|form| manual.contains(form))
    };
    let (mut missing, mut asked) = (Vec::new(), 0);
    let folders = ["concert/src/settings", "concert-pipeline/src", "concert-transport/src", "concert-server/src"];
    for path in folders.iter().flat_map(|folder| sources(&root.join("crates").join(folder))) {
        let source = fs::read_to_string(&path).unwrap();
        let source = source.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        // Others have methods of these names too.
        if !source.contains("Keys") {
            continue;
        }
        for call in ASKING {
            for (at, _) in source.match_indices(call) {
                let rest = source.get(at + call.len()..).unwrap_or_default().trim_start();
                let Some((key, _)) = rest.strip_prefix('"').and_then(|rest| rest.split_once('"')) else { continue };
                asked += 1;
                if !has_key(key) {
                    missing.push(format!("{}: `{key}`", path.display()));
                }
            }
        }
    }
    assert!(missing.is_empty() && asked > 150, "{asked} keys; not in the manual:\n{}", missing.join("\n"));
    let parsers = page("parsers.md");
    assert!(parse::ALL.iter().all(|listed| parsers.contains(&format!("\n## `{}`\n", listed.name))));
    let transports = page("transports.md");
    let ways = collect::ALL.iter().map(|listed| listed.name).chain(deliver::ALL.iter().map(|listed| listed.name));
    for way in ways.chain(["push"]) {
        assert!(transports.contains(&format!("\n### `{way}`\n")), "{way}");
    }
    let formats = page("formats.md");
    assert!(render::ALL.iter().all(|listed| formats.contains(&format!("\n| `{}` |", listed.name))));
    let index = fs::read_to_string(root.join("docs/README.md")).unwrap();
    for entry in fs::read_dir(root.join("docs")).unwrap().chain(fs::read_dir(root.join("docs/generated")).unwrap()) {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name.ends_with(".md") && name != "README.md" {
            assert!(index.contains(&name), "{name} is not in docs/README.md");
        }
    }
}

/// The files of the source below a folder, without those that are tests.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") && !path.ends_with("tests.rs") {
            found.push(path);
        }
    }
    found
}

fn commands() -> String {
    let mut text = format!("{HEAD}# Commands\n");
    let mut command = concert::command::command_line().term_width(100);
    command.build();
    for sub in command.get_subcommands_mut().filter(|sub| sub.get_name() != "help") {
        let help = sub.render_long_help().to_string();
        let help: Vec<&str> = help.lines().map(str::trim_end).collect();
        add(&mut text, &format!("\n## concert {}\n\n```text\n{}\n```\n", sub.get_name(), help.join("\n")));
    }
    text
}

fn settings() -> String {
    let mut text = format!(
        "{HEAD}# Settings\n\nOne `concert.toml`, and `conf.d/*.toml` in the order of their names. Of a key that \
         several of them give, the last is in force, also in tables (`[via.mail]`); `[[feed]]`, `[[rule]]` and the like \
         add up, each under its own name. `concert settings` prints what is in force.\n"
    );
    for section in manual::sections() {
        add(&mut text, &format!("\n## `{}`\n\n", section.table));
        table(&mut text, &section);
    }
    text
}

fn parsers() -> String {
    let mut text = format!("{HEAD}# Parsers\n\nThe word behind `parser` of a `[[feed]]`.\n");
    for listed in parse::ALL {
        add(&mut text, &format!("\n## `{}`\n\n{}\n", listed.name, listed.about));
        if !listed.source.is_empty() {
            add(&mut text, &format!("Format: <{}>\n", listed.source));
        }
        let section = manual::parser(listed.name);
        if !section.keys.is_empty() {
            text.push('\n');
            table(&mut text, &section);
        }
        if let Some(sample) = listed.samples.first() {
            add(&mut text, &format!("\nGiven:\n\n~~~~text\n{}\n~~~~\n", sample.given.trim_end()));
            add(&mut text, &format!("\nEvents:\n\n~~~~json\n{}\n~~~~\n", sample.events.trim()));
            if !sample.rejects.is_empty() {
                add(&mut text, &format!("\nRejects:\n\n~~~~text\n{}\n~~~~\n", sample.rejects.trim()));
            }
        }
    }
    text
}

/// The feeds in `examples/feeds/`, each with what its file says of it.
fn feeds() -> String {
    let mut text = format!(
        "{HEAD}# Feeds\n\nFeeds that need nothing but settings: copy the file into `conf.d/`, and say where its reports \
         come from in `collect`. Each is read in a test with the sample beside it. Feeds with a parser of their own are \
         in [parsers.md](parsers.md).\n"
    );
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/feeds");
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|ending| ending == "toml"));
    files.sort();
    for path in files {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let source = fs::read_to_string(&path).unwrap();
        let about = source.lines().map_while(|line| line.strip_prefix('#')).map(str::trim);
        // An address alone on its line is a link.
        let about = about.map(|line| if line.starts_with("http") { format!("<{line}>") } else { line.to_owned() });
        let about = about.collect::<Vec<_>>().join("\n");
        add(&mut text, &format!("\n## [{name}](../../examples/feeds/{name})\n\n{about}\n\n"));
        text.push_str("| feed | parser | type of its events |\n|---|---|---|\n");
        let document: toml_edit::DocumentMut = source.parse().unwrap();
        for feed in document["feed"].as_array_of_tables().unwrap() {
            let word = |key: &str| feed[key].as_str().unwrap_or_default();
            let constant = feed.get("constant").and_then(|table| table.get("classification.type"));
            let kind = constant.and_then(toml_edit::Item::as_str).map(|kind| format!("`{kind}`"));
            let kind = kind.unwrap_or_else(|| "as each says".into());
            let row = format!("| `{}` | [`{1}`](parsers.md#{1}) | {kind} |\n", word("name"), word("parser"));
            add(&mut text, &row);
        }
    }
    text
}

fn transports() -> String {
    let mut text =
        format!("{HEAD}# Ways in and out\n\n## Ways in\n\nThe word behind `type` in `collect` of a `[[feed]]`.\n");
    for listed in collect::ALL {
        add(&mut text, &format!("\n### `{}`\n\n{}\n\n", listed.name, listed.about));
        table(&mut text, &manual::collector(listed.name));
    }
    text.push_str("\n### `push`\n\nReports pushed to `/api/v1/feeds/NAME/reports`, with the secret `token`.\n");
    text.push_str("\n## Ways out\n\nThe word behind `type` of a `[via.NAME]`.\n");
    for listed in deliver::ALL {
        add(&mut text, &format!("\n### `{}`\n\n{}\n\n", listed.name, listed.about));
        table(&mut text, &manual::deliverer(listed.name));
    }
    text
}

fn formats() -> String {
    let mut text = format!("{HEAD}# Formats\n\nThe word behind `format` of a `[[notice]]`.\n\n");
    text.push_str("| format | ending | media type | |\n|---|---|---|---|\n");
    for listed in render::ALL {
        let row = format!("| `{}` | .{} | {} | {} |\n", listed.name, listed.extension, listed.media_type, listed.about);
        add(&mut text, &row);
    }
    text
}

fn processes() -> String {
    let mut text = format!(
        "{HEAD}# Shipped processes\n\nWhat they are and how to write one: [processes.md](../processes.md). \
         `concert process show NAME` prints the instructions.\n"
    );
    for process in process::shipped() {
        let types: Vec<String> = process.types.iter().map(|kind| format!("`{kind}`")).collect();
        add(&mut text, &format!("\n## `{}`: {}\n\n{}\n\n", process.name, process.title, process.description.trim()));
        add(&mut text, &format!("For {}.\n\n```mermaid\n{}```\n", types.join(", "), picture::mermaid(&process)));
    }
    text
}

fn table(text: &mut String, section: &Section) {
    text.push_str("| key | takes | default | meaning |\n|---|---|---|---|\n");
    for key in &section.keys {
        let cell = |text: &str| text.replace('|', "\\|");
        let default = if key.value.is_empty() { String::new() } else { format!("`{}`", cell(&key.value)) };
        add(text, &format!("| `{}` | {} | {default} | {} |\n", key.key, cell(&key.kind), cell(&key.about)));
    }
}

fn add(text: &mut String, more: &str) {
    text.push_str(more);
}
