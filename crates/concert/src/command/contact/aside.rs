//! `concert contact aside`: what the last import of registries' files could not use, and what it read.
//!
//! It is kept in a file beside the data, so that it can be looked up when the words of the import are long gone. Of which
//! kinds there were objects is kept with it: the next import is held against that.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use concert_model::Problem;
use concert_pipeline::registry::Summary;
use serde_json::{Value, json};

use super::text_or_null;
use crate::print::AllRows;
use crate::problems::{Exit, Failure, outside};
use crate::registry;

/// Show what the last import of registries' files set aside, with places and reasons
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  concert contact aside\n  concert contact aside --format csv")]
pub(super) struct Args {
    #[command(flatten)]
    rows: AllRows,
}

/// Objects by registry and class.
pub(super) type Kinds = BTreeMap<String, BTreeMap<String, u64>>;

/// How the file is called, beside the data.
const NAME: &str = "registry-read";

fn path(data: &Path) -> PathBuf {
    registry::path(data).with_file_name(NAME)
}

pub(super) fn run(args: &Args, data: &Path, sees_all: bool) -> Result<Exit, Failure> {
    let mut table = args.rows.table(&["place", "what", "hint"]);
    if let Some(lines) = open(data).filter(|_| sees_all) {
        for line in lines {
            let line = line.map_err(|error| outside(path(data).display(), &error))?;
            // The first line says what was read.
            let Ok([place, what, hint]) = serde_json::from_str::<[String; 3]>(&line) else { continue };
            if !table.row(&[text_or_null(&place), json!(what), text_or_null(&hint)])? {
                break;
            }
        }
    }
    table.finish().map(|()| Exit::Done)
}

fn open(data: &Path) -> Option<io::Lines<BufReader<File>>> {
    Some(BufReader::new(File::open(path(data)).ok()?).lines())
}

/// Writes down what an import read, whole.
pub(super) fn keep(data: &Path, summary: &Summary) -> io::Result<()> {
    let part = registry::begin(data)?;
    let mut out = BufWriter::new(&part);
    writeln!(out, "{}", json!({"objects": summary.by_registry}))?;
    for Problem { place, what, hint } in &summary.problems {
        writeln!(out, "{}", json!([place, what, hint]))?;
    }
    out.flush()?;
    drop(out);
    part.as_file().sync_all()?;
    part.persist(path(data)).map(|_| ()).map_err(|error| error.error)
}

/// That files hold nothing of a kind of which there were objects before, and so are rather a part of what is meant. An
/// import replaces all: networks without the roles that they name lead to nobody.
pub(super) fn missing(data: &Path, now: &Kinds) -> Option<Problem> {
    let first: Value = serde_json::from_str(&open(data)?.next()?.ok()?).ok()?;
    let before: Kinds = serde_json::from_value(first.get("objects")?.clone()).ok()?;
    let is_gone = |registry: &str, class: &str| now.get(registry).is_none_or(|classes| !classes.contains_key(class));
    let all = before.iter().flat_map(|(registry, of)| of.iter().map(move |(class, count)| (registry, class, count)));
    let gone = all.filter(|(registry, class, _)| is_gone(registry, class));
    let gone: Vec<String> = gone.map(|(registry, class, count)| format!("{class} of {registry} ({count})")).collect();
    let what = format!("the files have none of what the last import read: {}", gone.join(", "));
    let hint = "an import replaces all, so give all files at once; if that is meant: `--replace`";
    (!gone.is_empty()).then(|| Problem::new(what).hint(hint))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_that_were_there_before_are_missed() {
        let folder = tempfile::tempdir().unwrap();
        let kinds = |kinds: &[(&str, &str, u64)]| {
            let mut all = Kinds::new();
            for (registry, class, count) in kinds {
                all.entry((*registry).to_owned()).or_default().insert((*class).to_owned(), *count);
            }
            all
        };
        let now = kinds(&[("RIPE", "inetnum", 2)]);
        assert_eq!(missing(folder.path(), &now), None, "nothing was imported");
        let by_registry = kinds(&[("RIPE", "inetnum", 9), ("RIPE", "role", 3), ("APNIC", "inetnum", 1)]);
        keep(folder.path(), &Summary { by_registry, ..Summary::default() }).unwrap();
        let told = missing(folder.path(), &now).unwrap().what;
        assert!(told.ends_with(": inetnum of APNIC (1), role of RIPE (3)"), "{told}");
        assert_eq!(
            missing(folder.path(), &kinds(&[("RIPE", "inetnum", 1), ("RIPE", "role", 1), ("APNIC", "inetnum", 5)])),
            None
        );
    }
}
