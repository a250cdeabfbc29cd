//! `concert parse`: a report to events and rejects, keeping nothing. Made for trying parsers and
//! settings: the same code reads the same bytes as when the feed comes in.
//!
//! Events are JSON lines on standard output, rejects JSON lines on standard error. They carry no
//! identifiers, because nothing is received.

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use concert_model::json::{write_members, write_string};
use concert_model::{Batch, OpenEvent, Origin, Problem, ProblemKey, Receipt, Reject, Time};
use concert_pipeline::parse::sink::Counts;
use concert_pipeline::parse::{Fixed, Parser, Sink, unpack};
use jiff::tz::TimeZone;

use super::SiteArg;
use crate::print::Out;
use crate::problems::{Exit, Failure, outside};
use crate::settings::{LoadFor, lone_parser};

/// Most bytes taken from standard input when it is not a file.
const STDIN_BYTES_MAX: u64 = 4 << 30;

/// Turn a report into events without keeping anything.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  \
    concert parse --parser shadowserver 2026-06-17-scan_telnet.csv\n  \
    concert parse --parser blocklistde --name ssh.txt - < list\n  \
    concert parse --parser csv --set 'header = true' --set 'columns = { ip = \"source.ip\" }' drop.csv\n  \
    concert parse --feed drop --strict in/*.csv")]
#[command(group = clap::ArgGroup::new("how").required(true).args(["parser", "feed"]))]
pub(super) struct Args {
    /// The parser to use; no site is needed.
    #[arg(long, value_name = "NAME")]
    parser: Option<String>,
    /// Read the files as this feed of the site would.
    #[arg(long, value_name = "NAME")]
    feed: Option<String>,
    /// A setting of the parser, as a TOML line; may be given again.
    #[arg(long, value_name = "TOML", requires = "parser")]
    set: Vec<String>,
    /// The file name the report came under.
    #[arg(long, value_name = "FILENAME")]
    name: Option<String>,
    /// The address the report was fetched from.
    #[arg(long)]
    url: Option<String>,
    /// When it was received [default: now].
    #[arg(long, value_name = "TIME")]
    received: Option<String>,
    /// End with exit code 1 when there are rejects.
    #[arg(long)]
    strict: bool,
    /// The reports; `-` reads standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// How the files are read.
struct How {
    feed: String,
    parser: std::sync::Arc<dyn Parser>,
    fixed: Fixed,
    unpack: unpack::Limits,
}

pub(super) fn run(args: &Args, site: &SiteArg) -> Result<Exit, Failure> {
    let how = how(args, site)?;
    let received = match &args.received {
        None => crate::wire::now(),
        Some(text) => Time::parse(text, Some(&TimeZone::UTC)).map_err(|why| {
            let problem = Problem::new(format!("--received {text}: {why}"));
            Failure::usage(problem.hint("write it like 2026-11-22T04:50:30Z"))
        })?,
    };
    let mut rejects = 0;
    let out = RefCell::new(Out::stdout());
    for path in &args.files {
        let file = open(path)?;
        let receipt = receipt(args, &how.feed, path, received);
        rejects += parse(&how, file, &receipt, &out)?.rejects;
    }
    out.borrow_mut().finish()?;
    Ok(if args.strict && rejects > 0 { Exit::Bad } else { Exit::Done })
}

fn how(args: &Args, site: &SiteArg) -> Result<How, Failure> {
    if let Some(name) = &args.parser {
        let (parser, fixed, unpack) = lone_parser(name, &args.set, true)?;
        return Ok(How { feed: String::new(), parser, fixed, unpack });
    }
    let settings = site.settings(LoadFor::Look)?;
    let name = args.feed.as_deref().unwrap_or_default();
    let feed = settings.need_feed(name)?;
    Ok(How {
        feed: feed.name.clone(),
        parser: feed.parser.clone(),
        fixed: feed.fixed.clone(),
        unpack: feed.unpack.clone(),
    })
}

fn receipt(args: &Args, feed: &str, path: &Path, received: Time) -> Receipt {
    let own = path.file_name().filter(|_| path != Path::new("-")).unwrap_or_default().to_string_lossy();
    let name = args.name.clone().unwrap_or_else(|| own.into_owned());
    Receipt {
        feed: feed.to_owned(),
        origin: Origin::File(name.clone()),
        received,
        sender: String::new(),
        file_name: name,
        url: args.url.clone().unwrap_or_default(),
        media_type: String::new(),
    }
}

/// A file that can be read again from its start, as archives need it.
fn open(path: &Path) -> Result<File, Failure> {
    if path != Path::new("-") {
        let cannot = |error: std::io::Error| {
            Failure::usage(Problem::new(format!("cannot be read: {error}")).at(path.display().to_string()))
        };
        let file = File::open(path).map_err(cannot)?;
        let about = file.metadata().map_err(cannot)?;
        if about.is_dir() {
            return Err(Failure::usage(Problem::new(format!("{} is a folder", path.display()))));
        }
        if about.is_file() {
            return Ok(file);
        }
        return spool(file);
    }
    let stdin = std::io::stdin().as_fd().try_clone_to_owned();
    let stdin = File::from(stdin.map_err(|error| outside("standard input", &error))?);
    if stdin.metadata().is_ok_and(|about| about.is_file()) { Ok(stdin) } else { spool(stdin) }
}

/// Copies what cannot be read twice into a file that nobody else can open.
fn spool(mut from: File) -> Result<File, Failure> {
    let failed = |error: std::io::Error| outside("standard input cannot be read", &error);
    let mut file = crate::command::nameless_file().map_err(failed)?;
    let copied = std::io::copy(&mut (&mut from).take(STDIN_BYTES_MAX + 1), &mut file).map_err(failed)?;
    if copied > STDIN_BYTES_MAX {
        let what = format!("standard input gives more than {} GiB", STDIN_BYTES_MAX >> 30);
        return Err(Failure::usage(Problem::new(what).hint("name the file instead")));
    }
    file.seek(SeekFrom::Start(0)).map_err(failed)?;
    Ok(file)
}

/// Parses one report. Printing that fails ends the reading at the next piece of the file.
fn parse<W: Write>(how: &How, file: File, receipt: &Receipt, out: &RefCell<Out<W>>) -> Result<Counts, Failure> {
    let failure: RefCell<Option<Failure>> = RefCell::new(None);
    let stop = Cell::new(false);
    let done = |result: Result<(), Failure>| {
        stop.set(stop.get() || result.is_err() || out.borrow().is_closed());
        if let Err(error) = result {
            failure.borrow_mut().get_or_insert(error);
        }
    };
    let mut line = Vec::new();
    let mut flush = |batch: Batch| {
        for event in batch.iter() {
            line.clear();
            write_members(&event, &mut line);
            line.push(b'}');
            line.push(b'\n');
            // The first member brought its comma along.
            if let Some(first) = line.first_mut() {
                *first = b'{';
            }
            let result = out.borrow_mut().write(&line);
            done(result);
            if stop.get() {
                break;
            }
        }
        batch
    };
    let mut reject = |reject: Reject| {
        // What is cut because nobody reads the events is no fault of the report. A closed standard error
        // leaves nobody to tell.
        if stop.get() {
            return;
        }
        std::io::stderr().write_all(&reject_line(&reject)).ok();
    };
    let mut stage = |_: &mut OpenEvent<'_>| true;
    let key_of = |_: &OpenEvent<'_>| ProblemKey::default();
    let Fixed { constants, extras, zone } = how.fixed.clone();
    let id = receipt.id(&[0; 32]);
    let mut sink = Sink::new(id, receipt, constants, zone, &mut stage, &key_of, &mut flush, &mut reject);
    sink.give_extras(extras);
    let reader = Until { file, stop: &stop };
    unpack::read(reader, receipt, &how.unpack, how.parser.as_ref(), &mut sink);
    let counts = sink.finish();
    match failure.into_inner() {
        Some(failure) => Err(failure),
        None => Ok(counts),
    }
}

/// A file that ends early when nobody reads the events any more.
struct Until<'a> {
    file: File,
    stop: &'a Cell<bool>,
}

impl Read for Until<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.stop.get() { Ok(0) } else { self.file.read(buffer) }
    }
}

impl Seek for Until<'_> {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        self.file.seek(to)
    }
}

fn reject_line(reject: &Reject) -> Vec<u8> {
    let mut line = format!("{{\"line\":{}", reject.line).into_bytes();
    let part = (!reject.part.is_empty()).then_some(("part", &reject.part));
    let rest = [("field", &reject.field), ("reason", &reject.reason), ("text", &reject.text)];
    for (name, value) in part.into_iter().chain(rest) {
        line.push(b',');
        write_string(name, &mut line);
        line.push(b':');
        write_string(value, &mut line);
    }
    line.extend_from_slice(b"}\n");
    line
}
