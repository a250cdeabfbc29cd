//! `concert contact import rpsl`: the files of registries into one that is searched in place.

use std::fs::File;
use std::io::Read;
use std::io::Write as _;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use concert_model::{Party, Problem};
use concert_pipeline::registry::{self as registries, Builder, Bytes, Registry, Summary};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use crate::print::AllRows;
use crate::problems::{Exit, Failure};
use crate::registry;

/// Problems of files that are told one by one.
const TOLD_MAX: usize = 20;

/// Reads all files, replaces what was imported before, and prints what changed for constituents.
pub(super) fn run(
    files: &[PathBuf],
    is_trial: bool,
    rows: &AllRows,
    data: &Path,
    parties: &[Party],
) -> Result<Exit, Failure> {
    let failed = |error: std::io::Error| {
        let place = registry::path(data).display().to_string();
        Failure::outside(Problem::new(format!("cannot be written: {error}")).at(place))
    };
    let builder = read(files)?;
    let mut part = registry::begin(data).map_err(failed)?;
    let summary = builder.finish(&mut part).map_err(failed)?;
    if summary.answered + summary.silent == 0 {
        let problem = Problem::new("the files hold no network and no AS number");
        return Err(Failure::usage(problem.hint("give the registries' files, such as ripe.db.inetnum.gz")));
    }
    let fresh = registry::open_part(&part)?;
    // What was imported before may be damaged, and this is what mends it.
    let before = registry::open(data, false).unwrap_or_default();
    let mut table = rows.table(&["change", "party", "network", "what"]);
    for party in parties {
        for net in &party.prefixes {
            let old = before.as_ref().map(|before| mails(before, net.first(), net.last())).unwrap_or_default();
            let new = mails(&fresh, net.first(), net.last());
            if old != new {
                let change = format!("{} -> {}", shown(&old), shown(&new));
                table.row(&[json!("changed"), json!(party.name), json!(net.to_string()), json!(change)])?;
            }
        }
    }
    tell(&summary);
    if !is_trial {
        registry::replace(data, part).map_err(failed)?;
    }
    table.finish().map(|()| Exit::Done)
}

/// The contacts that registries name for a network.
fn mails<B: Bytes>(registry: &Registry<B>, first: IpAddr, last: IpAddr) -> Vec<String> {
    let asked = registry.find_covering(first, last).unwrap_or_default();
    asked.answer().map(|step| step.answer.mails.clone()).unwrap_or_default()
}

fn shown(mails: &[String]) -> String {
    if mails.is_empty() { "nobody".to_owned() } else { mails.join(", ") }
}

/// What was read goes to where people look, and not to standard output.
fn tell(summary: &Summary) {
    let objects: Vec<String> = summary.objects.iter().map(|(class, count)| format!("{count} {class}")).collect();
    tracing::info!(
        answered = summary.answered,
        silent = summary.silent,
        aside = summary.aside,
        unusable = summary.unusable,
        "read {}",
        objects.join(", ")
    );
    // What registries say of somebody's network is for whoever imports it, and no part of a log.
    for problem in summary.problems.iter().take(TOLD_MAX) {
        writeln!(std::io::stderr(), "{problem}").ok();
    }
    let more = summary.aside.saturating_sub(TOLD_MAX as u64);
    if more > 0 {
        tracing::warn!(more, "more pieces were set aside");
    }
    if summary.unusable > 0 {
        tracing::warn!(
            unusable = summary.unusable,
            "mailboxes that nothing can be sent to; see `concert contact check`"
        );
    }
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
