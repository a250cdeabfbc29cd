//! `cargo xtask bench`: how fast a daily report goes through the whole path.
//!
//! It makes a report and a site, runs `concert ingest` as a user would, and measures the process from
//! outside. Beside it stands the bare `csv` crate, which only counts the records of the same file: what
//! any reader must spend. Everything it writes is below the target folder.

mod book;
mod child;
mod feed;
mod incidents;
mod networks;
mod random;
mod site;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::step::{call, say};
use child::Used;
use networks::Networks;
use site::{Folders, With};

const HELP: &str = "usage: cargo xtask bench [OPTIONS]
       cargo xtask bench incidents [OPTIONS]

Measures `concert ingest` of a made-up daily report on the release build: as it is, with ten rules, with the
data of registries (four million networks) and ten thousand constituents, and beside the bare `csv` crate
counting the same file.

  --rows N[,N...]  rows of the reports made [default: 100000,1000000,10000000]
  --seed N         another report of the same kind [default: 1]
  --feed FILE      a report of your own instead, of a kind the parser `shadowserver` knows by its name
  --concert PATH   a program that is built already
  --keep           keep the last report and site
  --help

Up to a million rows the best of three runs counts, above that one run. Reports, sites and
`results.md` are in TARGET/bench; ten million rows need some 6 GB there.
";

const ROWS: &[u64] = &[100_000, 1_000_000, 10_000_000];
/// A report of this many rows is as large as `[limits]` of the site takes.
const ROWS_MAX: u64 = 200_000_000;
/// Larger reports are run once: they take long, and what disturbs a short run is lost in them.
const BEST_OF_THREE_UP_TO: u64 = 1_000_000;

/// What was asked for.
#[derive(Debug, Default, PartialEq)]
struct Options {
    rows: Vec<u64>,
    seed: u64,
    feed: Option<PathBuf>,
    concert: Option<PathBuf>,
    keep: bool,
}

/// Runs the benchmark. Calls itself: once built with optimisation, and once for each count of the bare
/// reader, so that it is measured as a process of its own too.
pub(crate) fn run(words: &[&str]) -> Result<(), String> {
    match words {
        ["--help" | "-h"] => return print(HELP),
        ["incidents", rest @ ..] => return incidents::run(rest),
        ["--count", file] => return print(&format!("{}\n", count(Path::new(file))?)),
        _ => {}
    }
    let options = read(words)?;
    if cfg!(debug_assertions) {
        let run = ["run", "--quiet", "--release", "--locked", "--package", "xtask", "--", "bench"];
        return call("cargo", &[&run, words].concat(), &[]);
    }
    measure(&options)
}

fn read(words: &[&str]) -> Result<Options, String> {
    let mut options = Options { seed: 1, ..Options::default() };
    let mut words = words.iter().copied();
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} needs a value; see `cargo xtask bench --help`"));
        match word {
            "--rows" => options.rows = value()?.split(',').map(rows).collect::<Result<_, _>>()?,
            "--seed" => options.seed = value()?.parse().map_err(|_| "--seed needs a number".to_owned())?,
            "--feed" => options.feed = Some(PathBuf::from(value()?)),
            "--concert" => options.concert = Some(PathBuf::from(value()?)),
            "--keep" => options.keep = true,
            _ => return Err(format!("unknown option `{word}`; see `cargo xtask bench --help`")),
        }
    }
    if options.feed.is_some() && !options.rows.is_empty() {
        return Err("--rows is of reports made here and does not go with --feed".to_owned());
    }
    if options.rows.is_empty() {
        options.rows = ROWS.to_vec();
    }
    Ok(options)
}

fn rows(text: &str) -> Result<u64, String> {
    let rows = text.replace('_', "").parse().ok().filter(|rows| (1..=ROWS_MAX).contains(rows));
    rows.ok_or_else(|| format!("`{text}` rows: a number from 1 to {ROWS_MAX}"))
}

/// The program that is measured, built if none is given, and the folder for what is written.
fn program(own: &Path, given: Option<&Path>) -> Result<(PathBuf, PathBuf), String> {
    let target = own.parent().and_then(Path::parent).ok_or("the target folder is not known")?;
    let concert = match given {
        Some(path) => path.to_owned(),
        None => {
            call("cargo", &["build", "--release", "--locked", "--package", "concert"], &[])?;
            target.join("release/concert")
        }
    };
    Ok((concert, target.join("bench")))
}

fn measure(options: &Options) -> Result<(), String> {
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let (concert, root) = program(&own, options.concert.as_deref())?;
    let folders = Folders { root };
    let failed = |error: std::io::Error| format!("{}: {error}", folders.root.display());
    fs::create_dir_all(&folders.root).map_err(failed)?;
    say("making networks");
    let networks = Networks::new(options.seed);
    networks.write(&folders.asn(), &folders.country()).map_err(failed)?;
    feed::write(&folders.one_row(), 1, !options.seed, &networks).map_err(failed)?;
    say("importing what registries publish");
    let (imported, asked) = site::import(&concert, &folders, options.seed)?;
    let mut table = Table::new();
    if let Some(file) = &options.feed {
        compare(&concert, &own, &folders, file, &mut table)?;
    } else {
        for rows in &options.rows {
            say(&format!("making a report of {rows} rows"));
            let file = folders.root.join(format!("2026-06-17-scan_telnet-{rows}.csv"));
            feed::write(&file, *rows, options.seed, &networks).map_err(failed)?;
            compare(&concert, &own, &folders, &file, &mut table)?;
            if !options.keep {
                fs::remove_file(&file).map_err(failed)?;
            }
        }
    }
    if !options.keep {
        site::remove(&folders)?;
    }
    table.text.push_str(&format!(
        "\n{} networks of a registry: imported in {:.1} s and {} MiB, an address asked in {:.0} ms\n",
        book::INETNUMS,
        imported.wall.as_secs_f64(),
        imported.peak_kib / 1024,
        asked.wall.as_secs_f64() * 1e3,
    ));
    fs::write(folders.root.join("results.md"), &table.text).map_err(failed)?;
    print(&table.text)
}

/// Measures one report in every way.
fn compare(concert: &Path, own: &Path, folders: &Folders, file: &Path, table: &mut Table) -> Result<(), String> {
    say("the csv crate");
    let counting = || child::run(Command::new(own).args(["bench", "--count"]).arg(file));
    // The first count also brings the file into memory, so that no run pays for the disk alone.
    let rows = number(&counting()?.printed).ok_or("the count is no number")?;
    let runs = if rows <= BEST_OF_THREE_UP_TO { 3 } else { 1 };
    let bare = best(runs, counting)?;
    table.row("csv crate, counts only", rows, &bare, &bare);
    let kinds = [
        ("concert ingest", With::Nothing),
        ("concert ingest, ten rules", With::Rules),
        ("concert ingest, registries and constituents", With::Book),
    ];
    for (name, with) in kinds {
        say(name);
        let used = best(runs, || {
            site::make(concert, folders, with)?;
            let used = site::ingest(concert, folders, file)?;
            complete(&used.printed, rows)?;
            Ok(used)
        })?;
        table.row(name, rows, &used, &bare);
    }
    Ok(())
}

/// A run that loses or refuses rows is no result.
fn complete(printed: &str, rows: u64) -> Result<(), String> {
    let get = |name: &str| member(printed, name).ok_or_else(|| format!("no `{name}` in {printed}"));
    let (read, events, repeats, rejects) = (get("rows")?, get("events")?, get("duplicates")?, get("rejects")?);
    if read != rows || rejects != 0 || events == 0 || events + repeats > rows {
        return Err(format!("of {rows} rows: {}", printed.trim()));
    }
    Ok(())
}

/// A number in a JSON object that has no other objects in it.
fn member(json: &str, name: &str) -> Option<u64> {
    let (_, after) = json.split_once(&format!("\"{name}\""))?;
    number(after.trim_start().strip_prefix(':')?)
}

/// The number a text begins with.
fn number(text: &str) -> Option<u64> {
    let text = text.trim_start();
    let end = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    text.get(..end)?.parse().ok()
}

fn best(runs: u32, mut run: impl FnMut() -> Result<Used, String>) -> Result<Used, String> {
    let mut best = run()?;
    for _ in 1..runs {
        let used = run()?;
        if used.wall < best.wall {
            best = used;
        }
    }
    Ok(best)
}

/// Records of a file, read by the `csv` crate with no allocation for each.
fn count(file: &Path) -> Result<u64, String> {
    let failed = |error: csv::Error| format!("{}: {error}", file.display());
    let mut reader = csv::Reader::from_path(file).map_err(failed)?;
    let (mut record, mut rows) = (csv::ByteRecord::new(), 0);
    while reader.read_byte_record(&mut record).map_err(failed)? {
        rows += 1;
    }
    Ok(rows)
}

/// Results as they come, in Markdown.
struct Table {
    text: String,
}

impl Table {
    fn new() -> Self {
        let head = ["what", "rows", "rows/s", "wall s", "CPU s per million rows", "peak MiB", "wall, csv crate = 1"];
        Self { text: format!("| {} |\n|---|--:|--:|--:|--:|--:|--:|\n", head.join(" | ")) }
    }

    fn row(&mut self, what: &str, rows: u64, used: &Used, bare: &Used) {
        #[expect(clippy::cast_precision_loss, reason = "shown with few digits")]
        let (count, mib) = (rows as f64, used.peak_kib as f64 / 1024.0);
        let (wall, cpu) = (used.wall.as_secs_f64(), used.cpu_seconds * 1e6 / count);
        let ratio = wall / bare.wall.as_secs_f64();
        let line =
            format!("| {what} | {rows} | {:.0} | {wall:.2} | {cpu:.2} | {mib:.0} | {ratio:.1} |\n", count / wall);
        say(line.trim_end());
        self.text.push_str(&line);
    }
}

fn print(text: &str) -> Result<(), String> {
    std::io::stdout().write_all(text.as_bytes()).map_err(|error| format!("standard output: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_or_refused() {
        let read = |text: &str| read(&text.split_whitespace().collect::<Vec<_>>());
        assert_eq!(read("").unwrap(), Options { rows: ROWS.to_vec(), seed: 1, ..Options::default() });
        assert_eq!(read("--rows 5,1_000 --seed 7 --keep").unwrap().rows, [5, 1000]);
        for wrong in ["--rows", "--rows 0", "--rows x", "--rows 99999999999", "--fast", "--feed a --rows 5", "--seed x"]
        {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_run_that_loses_rows_is_refused() {
        let printed = |rows, events, rejects| {
            format!("{{\n  \"rows\": {rows}, \"events\":{events},\"duplicates\":2,\"rejects\":{rejects}}}")
        };
        assert_eq!(complete(&printed(10, 8, 0), 10), Ok(()));
        for wrong in [printed(9, 7, 0), printed(10, 7, 1), printed(10, 0, 0), printed(10, 9, 0), "{}".to_owned()] {
            assert!(complete(&wrong, 10).is_err(), "{wrong}");
        }
    }
}
