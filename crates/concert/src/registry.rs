//! The registry file of a site: where it is, and how it is opened and replaced.
//!
//! It is made anew from the registries' files at each import, so it is no part of the records. Looking
//! something up reads a few hundred bytes of it and never the whole.

use std::fs::{File, TryLockError};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use concert_model::Problem;
use concert_pipeline::registry::{Bytes, Registry};
use tempfile::NamedTempFile;

/// The registry file of a site.
pub(crate) type Opened = Registry<Held>;

/// Its bytes.
pub(crate) enum Held {
    /// Pieces are read where they are wanted: best for a few questions.
    Pieces(File, u64),
    /// All of it is in memory.
    Whole(Vec<u8>),
}

impl Bytes for Held {
    fn len(&self) -> u64 {
        match self {
            Self::Pieces(_, length) => *length,
            Self::Whole(bytes) => Bytes::len(bytes),
        }
    }

    fn read(&self, at: u64, buffer: &mut [u8]) -> Result<(), String> {
        match self {
            Self::Pieces(file, _) => {
                file.read_exact_at(buffer, at).map_err(|error| format!("it cannot be read: {error}"))
            }
            Self::Whole(bytes) => bytes.read(at, buffer),
        }
    }
}

/// How a file is called that is not whole yet.
const PART: &str = "registry-part-";
/// The file that is locked while one is made.
const LOCK: &str = "registry-lock";

/// Where it is, in the folder of a site's data.
pub(crate) fn path(data: &Path) -> PathBuf {
    data.join("lookup").join("registry")
}

/// Opens it; `None` where nothing was imported. `whole` reads all of it for many questions, and
/// compares it with its checksum.
pub(crate) fn open(data: &Path, whole: bool) -> Result<Option<Opened>, Problem> {
    let path = path(data);
    let wrong = |error: io::Error| damaged(&path, &error.to_string());
    let mut file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(wrong(error)),
    };
    let length = file.metadata().map_err(wrong)?.len();
    let held = if whole {
        let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
        // It was written by us and grows no more.
        (&mut file).take(length).read_to_end(&mut bytes).map_err(wrong)?;
        Held::Whole(bytes)
    } else {
        Held::Pieces(file, length)
    };
    let registry = Registry::open(held).map_err(|why| damaged(&path, &why))?;
    if whole {
        registry.check().map_err(|why| damaged(&path, &why))?;
    }
    Ok(Some(registry))
}

/// What to tell of a file that cannot be used.
pub(crate) fn damaged(path: &Path, why: &str) -> Problem {
    Problem::new(format!("the data of registries cannot be used: {why}"))
        .at(path.display().to_string())
        .hint("import it again with `concert contact import rpsl`")
}

/// Held by the one import that is at work: a second would clear away what the first has not finished.
pub(crate) fn lock(data: &Path) -> Result<File, Problem> {
    let path = path(data).with_file_name(LOCK);
    let failed = |error: io::Error| Problem::new(format!("cannot be used: {error}")).at(path.display().to_string());
    std::fs::create_dir_all(path.parent().unwrap_or(data)).map_err(failed)?;
    let lock = File::options().create(true).append(true).open(&path).map_err(failed)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => {
            Err(Problem::new("the data of registries is being imported by another command")
                .hint("wait until that has ended, and import again"))
        }
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// Begins a new one beside it. Whatever an import that was killed left there goes.
pub(crate) fn begin(data: &Path) -> io::Result<NamedTempFile> {
    let path = path(data);
    let folder = path.parent().unwrap_or(data);
    std::fs::create_dir_all(folder)?;
    for left in std::fs::read_dir(folder)?.flatten() {
        if left.file_name().to_string_lossy().starts_with(PART) {
            std::fs::remove_file(left.path())?;
        }
    }
    tempfile::Builder::new().prefix(PART).tempfile_in(folder)
}

/// Opens one that is not in force yet.
pub(crate) fn open_part(part: &NamedTempFile) -> Result<Opened, Problem> {
    let wrong = |why: &str| damaged(part.path(), why);
    let file = part.reopen().map_err(|error| wrong(&error.to_string()))?;
    let length = file.metadata().map_err(|error| wrong(&error.to_string()))?.len();
    Registry::open(Held::Pieces(file, length)).map_err(|why| wrong(&why))
}

/// Puts a new one in the place of the old, whole. Durable when it returns.
pub(crate) fn replace(data: &Path, part: NamedTempFile) -> io::Result<()> {
    let path = path(data);
    part.as_file().sync_all()?;
    part.persist(&path).map_err(|error| error.error)?;
    File::open(path.parent().unwrap_or(data))?.sync_all()
}
