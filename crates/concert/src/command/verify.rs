//! `concert verify`: whether everything that is stored is still as it was written.
//!
//! Reads the archive, the event files, the journal and the records, and changes nothing. Safe beside
//! `concert run`: what is merged or removed meanwhile is not a difference.

use std::collections::HashSet;
use std::time::Duration;

use concert_model::Problem;
use concert_model::incident::journal::JournalKey;
use concert_model::problem::counted;
use concert_store::Store;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::SiteArg;
use crate::incidents::{ahead, verify_evidence, verify_journals};
use crate::print::{AllRows, say};
use crate::problems::{Exit, Failure};
use crate::{registry, wire};

/// Re-check everything that is stored. Exits with 1 when something differs.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  concert verify --site /srv/cert\n  concert verify --format json")]
pub(super) struct Args {
    #[command(flatten)]
    rows: AllRows,
}

/// Differences told at most; a lost disk has one for each file.
const DIFFERENCES_MAX: usize = 10_000;

/// How long retention may take between removing bytes and writing it down.
const RETENTION_WAIT: Duration = Duration::from_secs(1);

/// Something that is not as it was written.
struct Difference {
    /// `records`, `archive`, `events`, `sightings`, `journal`, `incidents` or `evidence`.
    what: &'static str,
    problem: Problem,
}

/// What was looked at.
#[derive(Default)]
struct Checked {
    reports: u64,
    files: u64,
    journal: u64,
    entries: u64,
    evidence: u64,
    bytes: u64,
    differences: Vec<Difference>,
}

impl Checked {
    fn add(&mut self, what: &'static str, result: Result<u64, Problem>) {
        match result {
            Ok(bytes) => self.bytes += bytes,
            Err(problem) => self.differ(what, problem),
        }
    }

    fn differ(&mut self, what: &'static str, problem: Problem) {
        if self.differences.len() < DIFFERENCES_MAX {
            self.differences.push(Difference { what, problem });
        }
    }
}

pub(super) fn run(args: &Args, site: &SiteArg) -> Result<Exit, Failure> {
    let records = std::path::absolute(&site.dir).unwrap_or_else(|_| site.dir.clone()).join("data/records.sqlite");
    let mut checked = Checked::default();
    // Opening would make new records, beside which nothing differs.
    if !records.exists() && ["archive", "events", "evidence"].iter().any(|name| records.with_file_name(name).exists()) {
        checked.differ("records", Problem::new("is missing").at(records.display().to_string()));
        return print(args, &checked);
    }
    match super::runtime()?.block_on(check(site, &mut checked)) {
        Err(failure) if failure.problems.iter().any(is_damage) => {
            for problem in failure.problems {
                checked.differ("records", Problem { place: records.display().to_string(), ..problem });
            }
        }
        other => other?,
    }
    print(args, &checked)
}

/// Whether SQLite says that its file is not as it was written.
fn is_damage(problem: &Problem) -> bool {
    ["malformed", "not a database"].iter().any(|word| problem.what.contains(word))
}

async fn check(site: &SiteArg, checked: &mut Checked) -> Result<(), Failure> {
    let store = super::events::open(site).await?;
    for line in store.records.check().await? {
        checked.differ("records", Problem::new(line).at(store.data().join("records.sqlite").display().to_string()));
    }
    archive(&store, checked).await?;
    files(&store, "events", checked).await?;
    files(&store, "sightings", checked).await?;
    let registry = registry::open(store.data(), false).and_then(|registry| match registry.map(|one| one.check()) {
        Some(Err(why)) => Err(registry::damaged(&registry::path(store.data()), &why)),
        _ => Ok(()),
    });
    if let Err(problem) = registry {
        checked.differ("registry", problem);
    }
    let (journal, problems) = store.verify_journal().await?;
    checked.journal = journal;
    for problem in problems {
        checked.differ("journal", problem);
    }
    // It is no difference: it is as it was written.
    if let Some(problem) = ahead(&store, wire::now()).await? {
        tracing::warn!("{problem}");
    }
    key(&store, checked).await?;
    let journals = verify_journals(&store).await?;
    checked.entries = journals.entries;
    for problem in journals.problems {
        checked.differ("incidents", problem);
    }
    evidence(&store, checked).await
}

/// Whether the key of the site signed anything: with another one a second chain would begin in silence.
async fn key(store: &Store, checked: &mut Checked) -> Result<(), Failure> {
    let path = store.data().join("site.key");
    let signers = store.records.signers().await?;
    // Whoever lost the key goes on with another one.
    if signers.len() > 1 {
        tracing::warn!(keys = signers.len(), "entries of incidents were signed by more than one key of this site");
    }
    // A backup may be made without keys.
    let Ok(secret) = std::fs::read(&path) else { return Ok(()) };
    if !signers.is_empty() && !signers.contains(&JournalKey::of(&secret).site().to_string()) {
        let what = "no entry of any incident was signed by this key: it is not the one of this site, or was changed";
        let hint = "put back the one of a backup; entries that are written with this one begin a second chain";
        checked.differ("incidents", Problem::new(what).at(path.display().to_string()).hint(hint));
    }
    Ok(())
}

async fn evidence(store: &Store, checked: &mut Checked) -> Result<(), Failure> {
    let bar = bar("evidence", store.evidence.list().map_or(0, |(kept, _)| kept.len()));
    let looked = verify_evidence(store, &|number| bar.set_position(number as u64)).await?;
    bar.finish_and_clear();
    checked.evidence = looked.files;
    checked.bytes += looked.bytes;
    for sha256 in looked.unclaimed {
        tracing::warn!(sha256, "bytes that no incident claims: adding them was not finished");
    }
    for problem in looked.problems {
        checked.differ("evidence", problem);
    }
    Ok(())
}

async fn archive(store: &Store, checked: &mut Checked) -> Result<(), Failure> {
    let contents = store.records.archived().await?;
    let bar = bar("raw reports", contents.len());
    let mut wrong: Vec<([u8; 32], Problem)> = Vec::new();
    for content in &contents {
        bar.inc(1);
        checked.reports += 1;
        match store.archive.verify(content) {
            Ok(bytes) => checked.bytes += bytes,
            Err(problem) => wrong.push((*content, problem)),
        }
    }
    bar.finish_and_clear();
    if wrong.is_empty() {
        return Ok(());
    }
    // Retention may have taken some while this looked: first the bytes, then it is written down.
    tokio::time::sleep(RETENTION_WAIT).await;
    let still: HashSet<[u8; 32]> = store.records.archived().await?.into_iter().collect();
    for (_, problem) in wrong.into_iter().filter(|(content, _)| still.contains(content)) {
        checked.differ("archive", problem);
    }
    Ok(())
}

async fn files(store: &Store, kind: &'static str, checked: &mut Checked) -> Result<(), Failure> {
    let segments = store.segments(kind, 0).await?;
    let bar = bar(if kind == "events" { "event files" } else { "sighting files" }, segments.len());
    for segment in &segments {
        bar.inc(1);
        checked.files += 1;
        checked.add(kind, store.verify_file(kind, segment).await);
    }
    bar.finish_and_clear();
    Ok(())
}

/// Shown on terminals only.
fn bar(what: &'static str, length: usize) -> ProgressBar {
    let bar = ProgressBar::new(length as u64).with_message(what);
    match ProgressStyle::with_template("{msg:16} {bar:40} {pos}/{len}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn print(args: &Args, checked: &Checked) -> Result<Exit, Failure> {
    let mut table = args.rows.table(&["what", "place", "difference"]);
    for Difference { what, problem } in &checked.differences {
        table.row(&[json!(what), json!(problem.place), json!(problem.what)])?;
    }
    table.finish()?;
    let Checked { reports, files, journal, entries, evidence, bytes, differences } = checked;
    let looked = format!(
        "{}, {}, {}, {}, {}, {}",
        counted(*reports, "raw report"),
        counted(*files, "event file"),
        counted(*journal, "journal event"),
        if *entries == 1 { "1 entry of incidents".to_owned() } else { format!("{entries} entries of incidents") },
        if *evidence == 1 { "1 piece of evidence".to_owned() } else { format!("{evidence} pieces of evidence") },
        counted(*bytes, "byte")
    );
    let said = match differences.first() {
        None => format!("checked {looked}: no difference\n"),
        Some(Difference { problem, .. }) => {
            let number = match differences.len() {
                1 => "the one difference".to_owned(),
                many => format!("{many} differences, the first"),
            };
            format!("checked {looked}: {number} is {}: {}\n", problem.place, problem.what)
        }
    };
    say(&said);
    Ok(if differences.is_empty() { Exit::Done } else { Exit::Bad })
}
