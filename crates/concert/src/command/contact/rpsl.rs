//! `concert contact import rpsl`: the files of registries into one that is searched in place.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use concert_model::{Net, Party, Problem};
use concert_pipeline::registry::{self as registries, Answer, Builder, Summary};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::aside;
use crate::print::{AllRows, say};
use crate::problems::{Exit, Failure, outside};
use crate::registry::{self, Opened};

/// Problems of files that are told one by one.
const TOLD_MAX: usize = 20;
/// Networks inside those of constituents that are compared.
const INSIDE_MAX: usize = 100_000;

/// Whether an import is meant.
pub(super) struct Meant {
    /// It only shows what would change.
    pub(super) is_trial: bool,
    /// Also where the files name nobody and have nothing of a kind that was there before.
    pub(super) replaces: bool,
}

/// Reads all files, replaces what was imported before, and prints what changed for constituents.
pub(super) fn run(
    (files, aside_file): (&[PathBuf], Option<&Path>),
    meant: &Meant,
    rows: &AllRows,
    data: &Path,
    parties: &[Party],
) -> Result<Exit, Failure> {
    let failed = |error: std::io::Error| {
        let place = registry::path(data).display().to_string();
        Failure::outside(Problem::new(format!("cannot be written: {error}")).at(place))
    };
    let _lock = registry::lock(data).map_err(Failure::outside)?;
    let builder = read(files)?;
    let mut part = registry::begin(data).map_err(failed)?;
    let summary = builder.finish(&mut part).map_err(failed)?;
    if summary.answered + summary.silent == 0 {
        // Whatever was in them was set aside.
        tell(&summary, aside_file)?;
        let problem = Problem::new("the files hold no network and no AS number");
        return Err(Failure::usage(problem.hint("give the registries' files, such as ripe.db.inetnum.gz")));
    }
    let missing = aside::missing(data, &summary.by_registry).filter(|_| !meant.replaces);
    match missing {
        // Another registry, say. Networks of which none leads to anybody are a part of what is meant.
        Some(problem) if summary.answered > 0 => {
            tracing::warn!("{}; an import replaces all that was there before", problem.what);
        }
        Some(problem) if meant.is_trial => {
            tracing::warn!("{}, so the import will be refused without `--replace`", problem.what);
        }
        Some(problem) => return Err(Failure::usage(problem)),
        None => {}
    }
    let fresh = registry::open_part(&part)?;
    // What was imported before may be damaged, and this is what mends it.
    let before = registry::open(data, false).unwrap_or_default();
    let mut table = rows.table(&["change", "party", "value", "what"]);
    let mut compared = Compared { before: before.as_ref(), fresh: &fresh, left: INSIDE_MAX };
    for party in parties {
        for (value, change) in compared.changes(party)? {
            table.row(&[json!("changed"), json!(party.name), json!(value), json!(change.to_string())])?;
        }
    }
    if compared.left == 0 {
        tracing::warn!(
            most = INSIDE_MAX,
            "constituents have more networks inside theirs; the others were not compared"
        );
    }
    for (class, count) in &summary.reserved {
        let what = format!("{count} in space that nobody can own fall to nobody");
        table.row(&[json!("reserved"), Value::Null, json!(class), json!(what)])?;
    }
    tell(&summary, aside_file)?;
    if !meant.is_trial {
        registry::replace(data, part).map_err(failed)?;
        aside::keep(data, &summary).map_err(failed)?;
    }
    table.finish().map(|()| Exit::Done)
}

/// What was imported before beside what is imported now.
struct Compared<'r> {
    before: Option<&'r Opened>,
    fresh: &'r Opened,
    /// How many networks inside others may still be compared.
    left: usize,
}

/// The mail addresses before and now.
#[derive(PartialEq, Eq)]
struct Change(Vec<String>, Vec<String>);

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown = |mails: &[String]| if mails.is_empty() { "nobody".to_owned() } else { mails.join(", ") };
        write!(f, "{} -> {}", shown(&self.0), shown(&self.1))
    }
}

impl Compared<'_> {
    /// What changed for the networks of a party, for those inside them where it is something else, and for its AS
    /// numbers.
    fn changes(&mut self, party: &Party) -> Result<Vec<(String, Change)>, Failure> {
        let mut changes = Vec::new();
        for net in &party.prefixes {
            let whole = self.change(Some((net.first(), net.last())), None);
            for (first, last) in self.inside(net, party)? {
                let change = self.change(Some((first, last)), None);
                if change.0 != change.1 && change != whole {
                    changes.push((registries::key(first, last), change));
                }
            }
            if whole.0 != whole.1 {
                changes.push((net.to_string(), whole));
            }
        }
        for asn in &party.asns {
            let change = self.change(None, Some(*asn));
            if change.0 != change.1 {
                changes.push((format!("AS{asn}"), change));
            }
        }
        Ok(changes)
    }

    fn change(&self, span: Option<(IpAddr, IpAddr)>, asn: Option<u32>) -> Change {
        let is_answer = |answer: &Answer| !answer.mails.is_empty();
        let mails = |registry: &Opened| {
            // What was imported before may be damaged.
            let asked = registry.find_any(span, asn, &is_answer).unwrap_or_default();
            asked.answer().map(|step| step.answer.mails.clone()).unwrap_or_default()
        };
        Change(self.before.map(mails).unwrap_or_default(), mails(self.fresh))
    }

    /// The networks inside one of a party, before and now, which are not excluded.
    fn inside(&mut self, net: &Net, party: &Party) -> Result<BTreeSet<(IpAddr, IpAddr)>, Failure> {
        let now = self.fresh.inside(*net, self.left).map_err(|why| Failure::outside(Problem::new(why)))?;
        let before = self.before.map(|before| before.inside(*net, self.left).unwrap_or_default());
        let all = now.into_iter().chain(before.unwrap_or_default());
        let is_theirs = |(first, last): &(IpAddr, IpAddr)| {
            !party.excluded_prefixes.iter().any(|not| not.contains(*first) && not.contains(*last))
        };
        let inside: BTreeSet<_> = all.filter(is_theirs).take(self.left).collect();
        self.left -= inside.len();
        Ok(inside)
    }
}

/// What was read goes to where people look, and not to standard output; what was set aside also into a file for that.
fn tell(summary: &Summary, aside: Option<&Path>) -> Result<(), Failure> {
    let objects: Vec<String> = summary.objects.iter().map(|(class, count)| format!("{count} {class}")).collect();
    tracing::info!(
        answered = summary.answered,
        silent = summary.silent,
        aside = summary.aside,
        reserved = summary.reserved.values().sum::<u64>(),
        unusable = summary.unusable,
        "read {}",
        objects.join(", ")
    );
    // What registries say of somebody's network is for whoever imports it, and no part of a log.
    for problem in summary.problems.iter().take(TOLD_MAX) {
        say(&problem.to_string());
    }
    let more = summary.aside.saturating_sub(TOLD_MAX as u64);
    if let Some(path) = aside {
        let all: String = summary.problems.iter().map(|problem| format!("{problem}\n")).collect();
        std::fs::write(path, all).map_err(|error| outside(path.display(), &error))?;
    } else if more > 0 {
        tracing::warn!(
            more,
            "more pieces were set aside; `--aside FILE` writes all of them into a file, and `concert contact aside` shows those of the last import"
        );
    }
    if summary.unusable > 0 {
        tracing::warn!(
            unusable = summary.unusable,
            "mailboxes that nothing can be sent to; see `concert contact check`"
        );
    }
    Ok(())
}

/// All objects of all files; they may refer to each other.
fn read(files: &[PathBuf]) -> Result<Builder, Failure> {
    let refused = |path: &Path, why: &std::io::Error| {
        Failure::usage(Problem::new(format!("cannot be read: {why}")).at(path.display().to_string()))
    };
    let mut total = 0;
    for path in files {
        total += std::fs::metadata(path).map_err(|error| refused(path, &error))?.len();
    }
    // Hidden where nobody looks.
    let bar = ProgressBar::new(total);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {bytes}/{total_bytes} {eta} {msg}") {
        bar.set_style(style);
    }
    let mut builder = Builder::new();
    for path in files {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        bar.set_message(name.clone());
        let file = File::open(path).map_err(|error| refused(path, &error))?;
        let input = registries::plain(Counted { file, bar: &bar }).map_err(|error| refused(path, &error))?;
        builder.read(&name, input).map_err(|error| refused(path, &error))?;
    }
    bar.finish_and_clear();
    Ok(builder)
}

/// Moves the bar along as bytes are read.
struct Counted<'b> {
    file: File,
    bar: &'b ProgressBar,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.bar.inc(count as u64);
        Ok(count)
    }
}
