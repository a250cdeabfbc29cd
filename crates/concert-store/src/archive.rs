//! Raw reports: compressed files named by the hash of what they hold.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use concert_model::Problem;

/// The folder of raw reports.
#[derive(Clone, Debug)]
pub struct Archive {
    dir: PathBuf,
}

/// Compression level: 1 costs a tenth of what parsing costs and saves nine tenths of the bytes.
const LEVEL: i32 = 1;
/// Bytes that a try writes: more than what file systems hold back in files that are there already.
pub(crate) const TRY_BYTES: usize = 64 << 10;
/// Bytes compressed at a time, each a frame of its own: that is faster than one endless frame, and no
/// larger, because this level looks back less far anyway.
const BLOCK: usize = 1 << 20;

impl Archive {
    /// The archive in this folder, which is made when the first report comes.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// Where the bytes with this hash are.
    pub fn path(&self, content: &[u8; 32]) -> PathBuf {
        let hex = blake3::Hash::from_bytes(*content).to_hex();
        let (folder, name) = hex.split_at(2);
        self.dir.join(folder).join(format!("{name}.zst"))
    }

    /// Whether the bytes are there.
    pub fn has(&self, content: &[u8; 32]) -> bool {
        self.path(content).exists()
    }

    /// Keeps all bytes of a reader. Durable when it returns. Bytes that are there are not written
    /// again. `expected` is their hash when the caller knows it; other bytes are refused then.
    pub fn keep(&self, reader: &mut dyn Read, expected: Option<&[u8; 32]>) -> io::Result<([u8; 32], u64)> {
        if let Some(content) = expected
            && let Ok(meta) = fs::metadata(self.path(content))
            && meta.len() > 0
        {
            let bytes = io::copy(reader, &mut io::sink())?;
            return Ok((*content, bytes));
        }
        fs::create_dir_all(&self.dir)?;
        let part = self.dir.join(format!(".part-{}-{}", std::process::id(), unique()));
        let result = self.write(reader, expected, &part);
        if result.is_err() {
            // The part is of no use; start-up removes it if this fails too.
            fs::remove_file(&part).ok();
        }
        result
    }

    fn write(&self, reader: &mut dyn Read, expected: Option<&[u8; 32]>, part: &Path) -> io::Result<([u8; 32], u64)> {
        let mut file = File::create(part)?;
        let mut compressor = zstd::bulk::Compressor::new(LEVEL)?;
        let mut hasher = blake3::Hasher::new();
        let (mut block, mut packed) =
            (Vec::with_capacity(BLOCK), Vec::with_capacity(zstd::zstd_safe::compress_bound(BLOCK)));
        let mut total = 0u64;
        loop {
            block.clear();
            (&mut *reader).take(BLOCK as u64).read_to_end(&mut block)?;
            // A report without bytes is a frame too.
            if block.is_empty() && total > 0 {
                break;
            }
            hasher.update(&block);
            packed.clear();
            compressor.compress_to_buffer(&block, &mut packed)?;
            file.write_all(&packed)?;
            total += block.len() as u64;
            if block.len() < BLOCK {
                break;
            }
        }
        let content = *hasher.finalize().as_bytes();
        if expected.is_some_and(|expected| *expected != content) {
            return Err(io::Error::other("the file changed while it was read"));
        }
        file.sync_all()?;
        let path = self.path(&content);
        publish(part, &path)?;
        Ok((content, total))
    }

    /// Writes a small file as a report would be written, and removes it. The error is what a report would meet.
    pub fn try_to_keep(&self) -> io::Result<()> {
        fs::create_dir_all(&self.dir)?;
        let part = self.dir.join(format!(".part-{}-{}", std::process::id(), unique()));
        // File systems that compress would find room for zeros.
        let mut bytes = vec![0; TRY_BYTES];
        blake3::Hasher::new().finalize_xof().fill(&mut bytes);
        let written = File::create(&part).and_then(|mut file| {
            file.write_all(&bytes)?;
            file.sync_all()
        });
        // A start removes it too, should this fail.
        fs::remove_file(&part).ok();
        written
    }

    /// A reader of the raw bytes.
    pub fn open(&self, content: &[u8; 32]) -> io::Result<impl Read + Send + use<>> {
        zstd::Decoder::new(File::open(self.path(content))?)
    }

    /// Re-reads the bytes and compares their hash. The error says what differs.
    pub fn verify(&self, content: &[u8; 32]) -> Result<u64, Problem> {
        let path = self.path(content);
        let wrong = |why: String| Problem::new(why).at(path.display().to_string());
        let mut reader = self.open(content).map_err(|error| wrong(format!("cannot be read: {error}")))?;
        let mut hasher = blake3::Hasher::new();
        let bytes = io::copy(&mut reader, &mut hasher).map_err(|error| wrong(format!("is damaged: {error}")))?;
        if hasher.finalize().as_bytes() != content {
            return Err(wrong("holds other bytes than its name says".into()));
        }
        Ok(bytes)
    }

    /// Removes raw bytes that retention no longer keeps.
    pub fn remove(&self, content: &[u8; 32]) -> io::Result<()> {
        match fs::remove_file(self.path(content)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Removes parts that a killed process left. Other processes, and other threads of this one, may
    /// be keeping reports at this very moment: parts of processes that live are left alone.
    pub fn sweep(&self) {
        for entry in fs::read_dir(&self.dir).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let Some((process, _)) = name.strip_prefix(".part-").and_then(|rest| rest.split_once('-')) else {
                continue;
            };
            if !Path::new("/proc").join(process).exists() {
                fs::remove_file(entry.path()).ok();
            }
        }
    }
}

/// A number no other call in this process gets.
pub(crate) fn unique() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Gives a synced file its name, and makes the name durable.
pub(crate) fn publish(part: &Path, path: &Path) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let fresh = !folder.exists();
    fs::create_dir_all(folder)?;
    fs::rename(part, path)?;
    File::open(folder)?.sync_all()?;
    if fresh && let Some(above) = folder.parent() {
        File::open(above)?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_and_damage_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let archive = Archive::new(dir.path());
        let given = b"one,two\n".repeat(1000);
        let (content, bytes) = archive.keep(&mut given.as_slice(), None).unwrap();
        assert_eq!(bytes, 8000);
        let mut back = Vec::new();
        archive.open(&content).unwrap().read_to_end(&mut back).unwrap();
        assert_eq!(back, given);
        assert_eq!(archive.verify(&content), Ok(8000));
        let mut damaged = fs::read(archive.path(&content)).unwrap();
        let middle = damaged.len() / 2;
        damaged[middle] ^= 1;
        fs::write(archive.path(&content), damaged).unwrap();
        assert!(archive.verify(&content).is_err());
    }

    #[test]
    fn a_try_leaves_nothing_and_meets_what_a_report_would() {
        let dir = tempfile::tempdir().unwrap();
        let archive = Archive::new(dir.path());
        archive.try_to_keep().unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        // A folder that is a file takes nothing, also from who may write everywhere.
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(Archive::new(file).try_to_keep().is_err());
    }

    #[test]
    fn a_report_being_kept_survives_the_sweep_of_a_process_that_starts() {
        let dir = tempfile::tempdir().unwrap();
        let archive = Archive::new(dir.path());
        let ours = dir.path().join(format!(".part-{}-7", std::process::id()));
        // Process numbers end far below this one.
        let left = dir.path().join(".part-4294967290-1");
        fs::write(&ours, b"x").unwrap();
        fs::write(&left, b"x").unwrap();
        archive.sweep();
        assert!(ours.exists() && !left.exists());
    }

    #[test]
    fn a_file_that_changes_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let archive = Archive::new(dir.path());
        assert!(archive.keep(&mut &b"now"[..], Some(blake3::hash(b"then").as_bytes())).is_err());
        assert!(!fs::read_dir(dir.path()).unwrap().flatten().any(|e| e.file_name() != "" && e.path().is_file()));
    }
}
