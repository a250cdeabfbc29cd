//! What was stored and told in the end, compared with what came.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Stdio;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::arrive::Expected;
use crate::program::concert;
use crate::world::{Life, World};

/// Of many faults alike, so many are told.
const TOLD_MAX: usize = 5;

/// A notice as a receiver got it: what makes it the same notice, and its bytes.
type Copy = (String, Vec<u8>);

/// Everything that is not as it must be; empty when all is told and right.
pub(crate) fn wrong(world: &World, expected: &Expected) -> Vec<String> {
    let mut wrong = Vec::new();
    let events = ["events", "--limit", "0", "--format", "csv", "--fields", "source.ip"];
    let stored = lines(world, &events);
    compare("in the store", &stored, &expected.all, &mut wrong);
    let files = files(world);
    let told: Vec<String> = files.iter().flat_map(|(_, bytes)| addresses(bytes)).collect();
    compare("in files", &told, &expected.all, &mut wrong);
    for (place, copies, ends) in [
        ("in mails", mails(world), ends(world, |life| life.mails)),
        ("in posts", posts(world), ends(world, |life| life.posts)),
    ] {
        let once = once(place, &copies, &ends, &mut wrong);
        let told: Vec<String> = once.values().flat_map(|bytes| addresses(bytes)).collect();
        compare(place, &told, &expected.all, &mut wrong);
    }
    // A line has no identity, but its text is that of one event.
    let said: Vec<Copy> = said(world).into_iter().map(|line| (line.clone(), line.into_bytes())).collect();
    let once = once("in the channel", &said, &ends(world, |life| life.lines), &mut wrong);
    compare("in the channel", &once.into_keys().collect::<Vec<_>>(), &expected.pushed, &mut wrong);
    wrong
}

/// What the books say must be what receivers have: every notice delivered, none twice with another
/// Message-ID, no Message-ID that nobody knows.
pub(crate) fn wrong_in_records(world: &World) -> Vec<String> {
    let mut wrong = Vec::new();
    let rows = lines(world, &["notice", "list", "--limit", "0", "--format", "ndjson"]);
    let rows: Vec<Value> = rows.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut known: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for row in &rows {
        if row["state"] != "delivered" {
            wrong.push(format!("a notice is left: {row}"));
        }
        let identity = if row["via"] == "files" { &row["id"] } else { &row["message_id"] };
        let new = known.entry(row["via"].as_str().unwrap()).or_default().insert(identity.as_str().unwrap().to_owned());
        if !new {
            wrong.push(format!("an identity is given twice: {row}"));
        }
    }
    for (via, copies) in [("files", files(world)), ("mail", mails(world)), ("post", posts(world))] {
        let got: BTreeSet<String> = copies.into_iter().map(|(identity, _)| identity).collect();
        if known.remove(via).unwrap_or_default() != got {
            wrong.push(format!("the books of {via} differ from what was received"));
        }
    }
    wrong
}

/// Every event must be linked to one incident, and each incident opened once for its key.
pub(crate) fn wrong_in_incidents(world: &World, expected: &Expected) -> Vec<String> {
    let json = |args: &[&str]| -> Vec<Value> {
        lines(world, args).iter().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let stored = json(&["events", "--limit", "0", "--format", "ndjson", "--fields", "event.id,classification.type"]);
    let types: BTreeSet<&str> = stored.iter().map(|event| event["classification.type"].as_str().unwrap()).collect();
    let incidents = json(&["incident", "list", "--limit", "0", "--format", "ndjson"]);
    let mut wrong = Vec::new();
    if incidents.len() != types.len() || stored.len() != expected.all.len() {
        wrong.push(format!("{} incidents for {} types", incidents.len(), types.len()));
    }
    let mut linked = Vec::new();
    for incident in &incidents {
        let number = incident["number"].as_str().unwrap();
        for entry in json(&["incident", "log", number, "--limit", "0", "--format", "ndjson"]) {
            let events = entry["content"]["events"].as_array().into_iter().flatten();
            linked.extend(events.map(|event| event.as_str().unwrap().to_owned()));
        }
    }
    let stored: Vec<String> = stored.iter().map(|event| event["event.id"].as_str().unwrap().to_owned()).collect();
    compare("in incidents", &linked, &stored, &mut wrong);
    wrong
}

/// How much was received, and how much of it twice.
pub(crate) fn summary(world: &World) -> String {
    let twice = |copies: &[Copy]| {
        let different: BTreeSet<&String> = copies.iter().map(|(identity, _)| identity).collect();
        format!("{} copies of {}", copies.len(), different.len())
    };
    let said: Vec<Copy> = said(world).into_iter().map(|line| (line, Vec::new())).collect();
    let (mails, posts, said) = (twice(&mails(world)), twice(&posts(world)), twice(&said));
    format!("{} files, mails: {mails}, posts: {posts}, lines: {said}", files(world).len())
}

fn lines(world: &World, args: &[&str]) -> Vec<String> {
    let out = concert(&world.site, args).stderr(Stdio::inherit()).output().unwrap();
    assert!(out.status.success(), "{args:?}");
    let lines = String::from_utf8(out.stdout).unwrap();
    let skipped = usize::from(args.contains(&"csv"));
    lines.lines().skip(skipped).map(str::to_owned).collect()
}

fn files(world: &World) -> Vec<Copy> {
    let paths = fs::read_dir(world.site.join("out")).unwrap().map(|entry| entry.unwrap().path());
    let whole = paths.filter(|path| path.extension().is_some_and(|ending| ending == "csv"));
    whole.map(|path| (path.file_stem().unwrap().to_string_lossy().into_owned(), fs::read(path).unwrap())).collect()
}

fn mails(world: &World) -> Vec<Copy> {
    let identity = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        let found: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("Message-ID: <")).collect();
        assert_eq!(found.len(), 1, "one Message-ID: {text}");
        found[0].trim_end_matches('>').to_owned()
    };
    world.smtp.mails().into_iter().map(|mail| (identity(&mail.bytes), mail.bytes)).collect()
}

fn posts(world: &World) -> Vec<Copy> {
    let posts = world.web.requests().into_iter();
    posts.map(|post| (post.header("idempotency-key").unwrap().to_owned(), post.body)).collect()
}

fn said(world: &World) -> Vec<String> {
    let address = |text: &[u8]| {
        let event: Value = serde_json::from_slice(text).unwrap();
        event["source.ip"].as_str().unwrap().to_owned()
    };
    world.irc.said().iter().map(|said| address(&said.text)).collect()
}

/// The addresses in the last column of a CSV, which may stand in a mail.
fn addresses(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let csv = match text.split_once("Content-Transfer-Encoding: base64\r\n\r\n") {
        None => text.into_owned(),
        Some((_, rest)) => {
            let encoded: String = rest.lines().take_while(|line| !line.starts_with("--")).collect();
            String::from_utf8(STANDARD.decode(encoded).unwrap()).unwrap()
        }
    };
    csv.lines().skip(1).map(|line| line.rsplit(',').next().unwrap_or_default().to_owned()).collect()
}

fn ends(world: &World, of: impl Fn(&Life) -> usize) -> Vec<usize> {
    world.lives.lock().unwrap().iter().map(of).collect()
}

/// One copy of each notice. Repeats must be the same, and come from different lives.
fn once<'a>(place: &str, copies: &'a [Copy], ends: &[usize], wrong: &mut Vec<String>) -> BTreeMap<String, &'a Vec<u8>> {
    let mut first: BTreeMap<String, (&Vec<u8>, usize)> = BTreeMap::new();
    for (at, (identity, bytes)) in copies.iter().enumerate() {
        let life = ends.partition_point(|end| *end <= at);
        match first.get_mut(identity) {
            None => drop(first.insert(identity.clone(), (bytes, life))),
            Some((before, _)) if *before != bytes => wrong.push(format!("{place}: {identity} differs from its copy")),
            Some((_, before)) if *before == life => wrong.push(format!("{place}: {identity} twice without a kill")),
            Some((_, before)) => *before = life,
        }
    }
    first.into_iter().map(|(identity, (bytes, _))| (identity, bytes)).collect()
}

/// Tells what is missing, or there more than once, or was never sent.
fn compare(place: &str, found: &[String], expected: &[String], wrong: &mut Vec<String>) {
    let mut counts: BTreeMap<&str, i64> = expected.iter().map(|one| (one.as_str(), 0)).collect();
    found.iter().for_each(|one| *counts.entry(one).or_default() += 1);
    let bad: Vec<(&str, i64)> = counts.into_iter().filter(|(_, count)| *count != 1).collect();
    if !bad.is_empty() {
        let count = bad.len();
        let some: Vec<(&str, i64)> = bad.into_iter().take(TOLD_MAX).collect();
        wrong.push(format!("{place}: {count} addresses are not there once, such as {some:?}"));
    }
}
