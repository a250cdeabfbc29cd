//! The files of `[lookup]`: read into ranges, with a compiled copy kept beside the data of the site.
//!
//! Files that cannot be read are told and left out: reports must go on without them. While the program works, good data
//! is not exchanged for such files; see `wire.rs`.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use concert_model::Problem;
use concert_pipeline::enrich::{Lookup, Ranges, Reading, What};

use crate::settings::Settings;

/// Bytes read at a time.
const READ_BYTES: usize = 256 << 10;
/// Most mistakes of all files of one kind that are logged.
const TOLD_MAX: usize = 10;

/// What the files of a site say, and what is wrong with them.
#[derive(Default)]
pub(crate) struct Loaded {
    /// All that could be read.
    pub(crate) lookup: Lookup,
    /// Files that cannot be read, or not to their end, or that say nothing.
    unread: Vec<Problem>,
    /// Mistakes inside of files.
    mistakes: Vec<Problem>,
}

impl Loaded {
    /// Whether nothing is wrong with any file.
    pub(crate) fn is_good(&self) -> bool {
        self.unread.is_empty() && self.mistakes.is_empty()
    }

    /// Writes what is wrong into the log.
    pub(crate) fn tell(&self) {
        self.unread.iter().for_each(|problem| tracing::error!("{problem}"));
        self.mistakes.iter().take(TOLD_MAX).for_each(|problem| tracing::warn!("{problem}"));
    }
}

/// Everything the files of a site say, for events or for a few questions.
pub(crate) fn load(settings: &Settings, for_events: bool) -> Loaded {
    let cache = settings.data_dir().join("lookup");
    let (asn, country) = std::thread::scope(|scope| {
        let asn = scope.spawn(|| load_ranges(&settings.lookup.asn, What::Asn, &cache.join("asn.ranges")));
        let country = load_ranges(&settings.lookup.country, What::Country, &cache.join("country.ranges"));
        (asn.join().unwrap_or_default(), country)
    });
    let (mut unread, mut mistakes) = (asn.unread, asn.mistakes);
    unread.extend(country.unread);
    mistakes.extend(country.mistakes);
    let lookup = if for_events { Lookup::new } else { Lookup::for_questions };
    Loaded { lookup: lookup(asn.ranges, country.ranges), unread, mistakes }
}

/// The ranges of some files, and what is wrong with them.
#[derive(Default)]
struct Read {
    ranges: Option<Ranges>,
    unread: Vec<Problem>,
    mistakes: Vec<Problem>,
}

/// Adds one file, which mistakes call by `name`. Mistakes inside are put into `problems`; the error is that of a
/// file that cannot be read, or not to its end.
pub(crate) fn add(reading: &mut Reading, path: &Path, name: &str, problems: &mut Vec<Problem>) -> Result<(), Problem> {
    let read = File::open(path).and_then(|file| {
        let mut file = BufReader::with_capacity(READ_BYTES, file);
        reading.add(name, &mut file, problems)
    });
    read.map_err(|error| {
        let problem = Problem::new(format!("data about addresses cannot be read: {error}")).at(name);
        problem.hint("put the file there, or name another in [lookup]; it is taken up by itself")
    })
}

/// Reads ranges from the compiled copy if it belongs to these files, else from the files.
fn load_ranges(files: &[PathBuf], what: What, cache: &Path) -> Read {
    if files.is_empty() {
        return Read::default();
    }
    let identity = identity(files);
    if let Ok(ranges) = std::fs::read(cache).map_err(|e| e.to_string()).and_then(|b| Ranges::from_bytes(&b, &identity))
    {
        return Read { ranges: Some(ranges), ..Read::default() };
    }
    let (mut reading, mut unread, mut mistakes) = (Reading::new(what), Vec::new(), Vec::new());
    for path in files {
        let (before, known) = (reading.len(), mistakes.len());
        let name = path.display().to_string();
        if let Err(problem) = add(&mut reading, path, &name, &mut mistakes) {
            unread.push(problem);
        } else if reading.len() == before && mistakes.len() == known {
            unread
                .push(Problem::new(format!("there are no ranges of addresses with {} in it", what.plural())).at(name));
        }
    }
    let ranges = reading.finish();
    // A copy made of some of the files would hide the rest once they can be read again, and what is wrong with them.
    if unread.is_empty() && mistakes.is_empty() {
        let kept = cache.parent().map(std::fs::create_dir_all).transpose().and_then(|_| {
            let part = cache.with_extension("part");
            ranges.write_to(&identity, &mut File::create(&part)?)?;
            std::fs::rename(part, cache)
        });
        if let Err(error) = kept {
            tracing::warn!("the compiled copy of lookup data cannot be written: {error}");
        }
    }
    Read { ranges: Some(ranges), unread, mistakes }
}

/// What tells these files, as they are now, from others.
fn identity(files: &[PathBuf]) -> [u8; 32] {
    let mut identity = blake3::Hasher::new();
    for path in files {
        let meta = std::fs::metadata(path);
        let changed = meta.as_ref().ok().and_then(|meta| meta.modified().ok());
        let since = changed.and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok()).unwrap_or_default();
        identity.update(path.display().to_string().as_bytes());
        identity.update(&meta.map_or(0, |meta| meta.len()).to_le_bytes());
        identity.update(&since.as_nanos().to_le_bytes());
    }
    *identity.finalize().as_bytes()
}
