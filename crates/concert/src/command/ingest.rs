//! `concert ingest`: files through the whole path, at once.
//!
//! Where another process works on the site, the files are handed to it and waited for; if it ends, they are processed
//! here. What can be read only once (`-`, a pipe) is written to a file in `data/` before.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use concert_model::{Origin, Problem, Receipt, ReportId};
use concert_store::records::Counts;
use concert_store::upkeep::Folder;
use indicatif::ProgressBar;
use serde_json::json;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use super::SiteArg;
use crate::drive::process::Work;
use crate::drive::{Worker, intake::Keeper, tidy_at_end};
use crate::print::{AllRows, Format, Out, format_or_default, say};
use crate::problems::{Exit, Failure, outside};
use crate::settings::{Feed, LoadFor, Settings};
use crate::wire::{self, Site};

/// Take files in as reports of a feed. Files stay where they are; the same file again adds nothing.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  concert ingest --feed drop reports/*.csv\n  concert ingest --feed drop --format json report.csv\n  curl -s https://lists.example/all.csv | concert ingest --feed drop -"
)]
pub(super) struct Args {
    /// The feed whose reports these are.
    #[arg(long, value_name = "NAME")]
    feed: String,
    /// The files; `-` for standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Exit with 1 when there are rejects.
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    rows: AllRows,
}

/// How long one file handed to another process may take.
const HANDED_DEADLINE: Duration = Duration::from_secs(3600);

pub(super) fn run(args: &Args, site: &SiteArg) -> Result<Exit, Failure> {
    let started = Instant::now();
    let settings = site.settings_to_open(|site| site.settings(LoadFor::Look))?;
    super::acting::feed(site, &settings, &args.feed)?;
    let given = given(&args.files, &settings)?;
    let runtime = super::runtime()?;
    let limit = settings.limits.file;
    // The first file is hashed while the site opens, which has data about addresses to read.
    let mut first = given.files.first().cloned().map(|file| std::thread::spawn(move || Hashed::read(&file, limit)));
    let site = Arc::new(runtime.block_on(Site::open(settings))?);
    let feed = site.settings.need_feed(&args.feed)?;
    let _inside = runtime.enter();
    let mut total = Counts::default();
    match runtime.block_on(Worker::open(&site))? {
        Some(mut worker) => {
            for file in &given.files {
                let hashed = first.take().and_then(|hashing| hashing.join().ok());
                let hashed = hashed.unwrap_or_else(|| Hashed::read(file, limit))?;
                let content = hashed.content;
                let counts = ingest(&site, &mut worker, feed, file, hashed)?;
                tell_refusal(&site, feed, &file.shown, &content, &counts)?;
                add(&mut total, &counts);
            }
            total.notices += finish(&runtime, &site, &mut worker)?;
        }
        None => {
            let keeper = Keeper::new(site.store.clone());
            for file in &given.files {
                add(&mut total, &hand_over(&runtime, &site, &keeper, (feed, limit), file)?);
            }
        }
    }
    print(args, &total, started.elapsed())?;
    Ok(if args.strict && total.rejects > 0 { Exit::Bad } else { Exit::Done })
}

/// A file as somebody named it, and where its bytes are.
#[derive(Clone)]
struct Given {
    shown: PathBuf,
    path: PathBuf,
}

/// All files. What was written down for them goes away with this.
struct AllGiven {
    files: Vec<Given>,
    folder: Option<Folder>,
}

/// Finds every file. Nothing is taken where one of them is misspelt.
fn given(files: &[PathBuf], settings: &Settings) -> Result<AllGiven, Failure> {
    let is_stdin = |path: &Path| path == Path::new("-");
    let mut once_only = Vec::new();
    for path in files {
        let is_once = is_stdin(path) || {
            let kind = std::fs::metadata(path).map_err(|error| cannot_read(path, &error))?;
            !kind.is_file() && !kind.is_dir()
        };
        if !is_once {
            File::open(path).map_err(|error| cannot_read(path, &error))?;
        }
        once_only.push(is_once);
    }
    let no_place = |error: io::Error| outside("standard input or a pipe cannot be written down", &error);
    let mut all = AllGiven { files: Vec::new(), folder: None };
    for (number, (path, is_once)) in files.iter().zip(once_only).enumerate() {
        if !is_once {
            all.files.push(Given { shown: path.clone(), path: path.clone() });
            continue;
        }
        let folder = match all.folder.take() {
            Some(folder) => folder,
            None => Folder::new(&settings.data_dir()).map_err(no_place)?,
        };
        let kept = folder.path().join(number.to_string());
        let shown = if is_stdin(path) { PathBuf::from("standard-input") } else { path.clone() };
        let mut from: Box<dyn Read> = match is_stdin(path) {
            true => Box::new(io::stdin().lock()),
            false => Box::new(File::open(path).map_err(|error| cannot_read(path, &error))?),
        };
        // One byte more than is allowed is enough to refuse it.
        let most = settings.limits.file.saturating_add(1);
        let mut to = File::create(&kept).map_err(no_place)?;
        io::copy(&mut from.by_ref().take(most), &mut to).map_err(|error| cannot_read(&shown, &error))?;
        all.files.push(Given { shown, path: kept });
        all.folder = Some(folder);
    }
    Ok(all)
}

fn cannot_read(path: &Path, error: &std::io::Error) -> Failure {
    Failure::usage(Problem::new(format!("cannot be read: {error}")).at(path.display().to_string()))
}

fn receipt(feed: &Feed, path: &Path) -> Receipt {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    Receipt {
        feed: feed.name.clone(),
        origin: Origin::File(name.clone()),
        received: wire::now(),
        sender: String::new(),
        file_name: name,
        url: String::new(),
        media_type: String::new(),
    }
}

/// Refuses what is larger than files may be.
fn is_within(path: &Path, length: u64, limit: u64) -> Result<(), Failure> {
    if length <= limit {
        return Ok(());
    }
    let problem = Problem::new(format!("is larger than limits.file ({limit} bytes)")).at(path.display().to_string());
    Err(Failure::usage(problem.hint("raise `file` in [limits], or split the file")))
}

/// A file that was read once, and stands at its beginning again.
struct Hashed {
    file: File,
    content: [u8; 32],
    bytes: u64,
}

impl Hashed {
    fn read(given: &Given, limit: u64) -> Result<Self, Failure> {
        let path = given.shown.as_path();
        let mut file = File::open(&given.path).map_err(|error| cannot_read(path, &error))?;
        let length = file.metadata().map_err(|error| cannot_read(path, &error))?.len();
        is_within(path, length, limit)?;
        let (content, bytes) = hash(&mut file, path, length)?;
        file.rewind().map_err(|error| cannot_read(path, &error))?;
        Ok(Self { file, content, bytes })
    }
}

/// Processes one file. It is archived while it is parsed, and the report becomes visible only when both
/// are durable.
fn ingest(site: &Site, worker: &mut Worker, feed: &Feed, given: &Given, hashed: Hashed) -> Result<Counts, Failure> {
    let path = given.shown.as_path();
    let Hashed { mut file, content, bytes } = hashed;
    let receipt = receipt(feed, path);
    let id = receipt.id(&content);
    if known(site, id)? {
        return Ok(Counts::default());
    }
    let archive = site.store.archive.clone();
    let mut copy = File::open(&given.path).map_err(|error| cannot_read(path, &error))?;
    let archiving = std::thread::spawn(move || archive.keep(&mut copy, Some(&content)));
    let work = Work { id, receipt: &receipt, new: Some((content, bytes)) };
    let ready = || match archiving.join() {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(Problem::new(format!("the report cannot be kept: {error}"))),
        Err(_) => Err(Problem::new("the report cannot be kept")),
    };
    worker.process_new(site, feed, &work, &mut file, ready).map_err(Failure::outside)
}

/// Says of a file that gave nothing why it did not.
fn tell_refusal(site: &Site, feed: &Feed, path: &Path, content: &[u8; 32], counts: &Counts) -> Result<(), Failure> {
    if counts.rejects == 0 || counts.events + counts.duplicates + counts.dropped > 0 {
        return Ok(());
    }
    let id = receipt(feed, path).id(content);
    let report = tokio::runtime::Handle::current().block_on(site.store.records.report(id)).map_err(Failure::outside)?;
    if let Some(report) = report.filter(|report| !report.reason.is_empty()) {
        tell(path, report.reason);
    }
    Ok(())
}

fn tell(path: &Path, reason: String) {
    let problem = Problem::new(reason).at(path.display().to_string());
    let problem = problem.hint("see the settings of the feed, and `concert parse --feed NAME FILE` for every reject");
    say(&problem.to_string());
}

fn known(site: &Site, id: ReportId) -> Result<bool, Failure> {
    let report = tokio::runtime::Handle::current().block_on(site.store.records.report(id)).map_err(Failure::outside)?;
    Ok(report.is_some_and(|report| report.state == "done"))
}

/// Hashes with a progress bar: the part of a large file that a person waits for without a sign.
fn hash(file: &mut File, path: &Path, length: u64) -> Result<([u8; 32], u64), Failure> {
    const SHOW_FROM: u64 = 256 << 20;
    let bar = if length > SHOW_FROM { ProgressBar::new(length) } else { ProgressBar::hidden() };
    let mut hasher = blake3::Hasher::new();
    // Small enough to stay in the processor's cache between reading and hashing.
    let mut block = vec![0u8; 256 << 10];
    let mut total = 0;
    loop {
        let count = file.read(&mut block).map_err(|error| cannot_read(path, &error))?;
        if count == 0 {
            bar.finish_and_clear();
            return Ok((*hasher.finalize().as_bytes(), total));
        }
        hasher.update(block.get(..count).unwrap_or_default());
        total += count as u64;
        bar.set_position(total);
    }
}

/// Keeps the file as a waiting report and waits until the process that works on the site is done with it. Where that
/// process ends before, the work is done here: the next `ingest` that waits would otherwise wait for nobody.
fn hand_over(
    runtime: &Runtime,
    site: &Site,
    keeper: &Keeper,
    (feed, limit): (&Feed, u64),
    given: &Given,
) -> Result<Counts, Failure> {
    let path = given.shown.as_path();
    let length = std::fs::metadata(&given.path).map_err(|error| cannot_read(path, &error))?.len();
    is_within(path, length, limit)?;
    let body = concert_transport::Body::File(given.path.clone());
    let kept = runtime.block_on(keeper.keep_report(receipt(feed, path), body));
    let (id, kept) = kept.map_err(|why| Failure::outside(Problem::new(why).at(path.display().to_string())))?;
    if kept == concert_transport::Kept::Known {
        return Ok(Counts::default());
    }
    let deadline = Instant::now() + HANDED_DEADLINE;
    let mut told = 0;
    while Instant::now() < deadline {
        let report = runtime.block_on(site.store.records.report(id)).map_err(Failure::outside)?;
        match report {
            Some(report) if report.state == "done" => {
                if !report.reason.is_empty() {
                    tell(path, report.reason);
                }
                return Ok(Counts { notices: report.counts.notices + told, ..report.counts });
            }
            Some(report) if report.state == "failed" => {
                return Err(Failure::outside(Problem::new(report.reason).at(path.display().to_string())));
            }
            _ => {}
        }
        match runtime.block_on(Worker::open(site))? {
            Some(mut worker) => {
                worker.process_waiting(site, &CancellationToken::new()).map_err(Failure::outside)?;
                told += finish(runtime, site, &mut worker)?;
            }
            None => std::thread::sleep(Duration::from_millis(100)),
        }
    }
    Err(Failure::outside(
        Problem::new("is kept, but the process working on this site has not processed it yet")
            .at(path.display().to_string())
            .hint("see `concert feed list`"),
    ))
}

/// What follows after reports were processed. Gives the number of notices that it made.
fn finish(runtime: &Runtime, site: &Site, worker: &mut Worker) -> Result<u64, Failure> {
    // What is due by number of events, or for who does not want to wait.
    let told = runtime.block_on(worker.tell_due(site)).map_err(Failure::outside)?;
    // The reports are safe whatever becomes of this.
    if let Err(problem) = runtime.block_on(tidy_at_end(site, worker)) {
        tracing::warn!("{problem}");
    }
    Ok(told as u64)
}

fn add(total: &mut Counts, some: &Counts) {
    total.rows += some.rows;
    total.events += some.events;
    total.duplicates += some.duplicates;
    total.rejects += some.rejects;
    total.dropped += some.dropped;
    total.notices += some.notices;
}

fn print(args: &Args, total: &Counts, took: Duration) -> Result<(), Failure> {
    let Counts { rows, events, duplicates, rejects, dropped, notices } = total;
    let seconds = (took.as_secs_f64() * 1000.0).round() / 1000.0;
    let mut out = Out::stdout();
    let text = match format_or_default(args.rows.format) {
        Format::Table => format!(
            "{rows} rows: {events} events, {duplicates} duplicates, {rejects} rejects, {dropped} dropped by rules; {notices} notices queued; {seconds} s\n"
        ),
        Format::Csv => format!(
            "rows,events,duplicates,rejects,dropped,notices,seconds\n{rows},{events},{duplicates},{rejects},{dropped},{notices},{seconds}\n"
        ),
        _ => format!(
            "{}\n",
            json!({"rows": rows, "events": events, "duplicates": duplicates, "rejects": rejects, "dropped": dropped, "notices": notices, "seconds": seconds})
        ),
    };
    out.write(text.as_bytes())?;
    out.finish()
}
