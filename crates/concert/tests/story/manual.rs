//! The page `docs/story.md`: its commands are run in their order, and what they print is compared.

use std::fmt::Write;
use std::fs;
use std::process::Command;

use super::site::year;

const PAGE: &str = include_str!("../../../../docs/story.md");
/// What stands between the outputs of two commands.
const MARK: &str = "=== the next command ===";

/// A block of the page that counts.
enum Block {
    /// A file that is there from now on.
    File(String, String),
    /// Commands, each with what it prints.
    Commands(Vec<(String, String)>),
}

/// What the page is made of.
enum Part {
    /// A line outside of blocks, or the first of one.
    Text(String),
    /// The rest of a block.
    Block(Block),
}

fn parts() -> Vec<Part> {
    let mut parts = Vec::new();
    let mut lines = PAGE.lines();
    while let Some(line) = lines.next() {
        let Some(info) = line.strip_prefix("```").filter(|info| !info.is_empty()) else {
            parts.push(Part::Text(line.to_owned()));
            continue;
        };
        let body: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        if let Some((_, path)) = info.split_once(" file=") {
            parts.push(Part::Text(line.to_owned()));
            parts.push(Part::Block(Block::File(path.to_owned(), body.join("\n") + "\n")));
            continue;
        }
        assert_eq!(info, "console", "a block that is neither a file nor commands");
        parts.push(Part::Block(Block::Commands(commands(&body))));
    }
    parts
}

fn commands(body: &[&str]) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = Vec::new();
    for line in body {
        match (line.strip_prefix("$ "), all.last_mut()) {
            (Some(command), _) => all.push((command.to_owned(), String::new())),
            (None, Some((_, printed))) => *printed += &format!("{line}\n"),
            (None, None) => panic!("`{line}` belongs to no command"),
        }
    }
    all
}

/// Replaces what differs each time: times, identities, years in numbers of incidents.
fn plain(text: &str) -> String {
    let time = regex::Regex::new(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z").unwrap();
    let id = regex::Regex::new(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}").unwrap();
    let number = regex::Regex::new(r"#20\d\d-").unwrap();
    let text = time.replace_all(text, |found: &regex::Captures<'_>| {
        // What the page itself says of November 2026 is compared.
        if found[0].starts_with("2026-11-22T") { found[0].to_owned() } else { "TIME".to_owned() }
    });
    let text = number.replace_all(&text, "#YEAR-");
    let text = id.replace_all(&text, "ID");
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_page_prints_what_the_program_prints() {
    let folder = tempfile::tempdir().unwrap();
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_concert"));
    let made = Command::new(program).args(["init", "cert-site"]).current_dir(folder.path()).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    // One shell for all, because later commands use what earlier ones set.
    let mut script = String::from("exec 2>&1\n");
    for part in parts() {
        match part {
            Part::Text(_) => {}
            Part::Block(Block::File(path, body)) => fs::write(folder.path().join(path), body).unwrap(),
            Part::Block(Block::Commands(all)) => {
                for (command, _) in all {
                    let command = command.replace("#2026-", &format!("#{}-", year()));
                    writeln!(script, "{command}\nprintf '%s\\n' '{MARK}'").unwrap();
                }
            }
        }
    }
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin", program.parent().unwrap().display());
    let ran = Command::new("sh")
        .args(["-c", &script])
        .current_dir(folder.path())
        .env("PATH", path)
        .env("LC_ALL", "C")
        .env_remove("CONCERT_LOG")
        .env_remove("SUDO_USER")
        .env("USER", "jane")
        .output()
        .unwrap();
    let printed = String::from_utf8(ran.stdout).unwrap();
    let between = format!("{MARK}\n");
    let mut printed = printed.split(&between);
    let (mut page, mut differences) = (String::new(), Vec::new());
    for part in parts() {
        match part {
            Part::Text(line) => page += &format!("{line}\n"),
            Part::Block(Block::File(_, body)) => page += &format!("{body}```\n"),
            Part::Block(Block::Commands(all)) => {
                page += "```console\n";
                for (command, want) in all {
                    let got = printed.next().unwrap_or_default();
                    page += &format!("$ {command}\n{got}");
                    if plain(got) != plain(&want) {
                        differences.push(format!("$ {command}\n--- the page\n{want}--- the program\n{got}"));
                    }
                }
                page += "```\n";
            }
        }
    }
    let new = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("story.md");
    fs::write(&new, page).unwrap();
    let hint = format!("the page as it would have to be: {}", new.display());
    assert!(differences.is_empty(), "{}\n{hint}", differences.join("\n"));
}
