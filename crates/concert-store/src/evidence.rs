//! Evidence: files called by the SHA-256 of their bytes, never changed.
//!
//! Bytes come and go in streams of any size. A file gets its name only when all of it is durable, and is
//! hashed again whenever it is read. Who may read or destroy it, and which incident it belongs to, is not
//! known here: bytes that no journal names are nobody's.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use concert_model::Problem;
use concert_model::incident::journal::{from_hex, hex};
use sha2::{Digest, Sha256};

use crate::archive::unique;

/// Bytes moved at a time: all the memory that evidence of any size takes.
const BLOCK: usize = 256 << 10;
/// Begins the names of files that are being written.
const PART: &str = ".part-";
/// The file that is locked while evidence gets or loses its last claim.
const LOCK: &str = ".lock";

/// The folder of evidence.
#[derive(Clone, Debug)]
pub struct Evidence {
    dir: PathBuf,
}

/// Bytes that were kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeptBytes {
    /// Their SHA-256.
    pub sha256: [u8; 32],
    /// Their number.
    pub bytes: u64,
    /// Whether they were not there before.
    pub is_new: bool,
}

/// Keeps others from destroying evidence, or from claiming it, until it is dropped.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "the lock lives as long as the open file")] File);

impl Evidence {
    /// The evidence in this folder, which is made when the first bytes come.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// Where the bytes with this hash are.
    pub fn path(&self, sha256: &[u8; 32]) -> PathBuf {
        let digits = hex(sha256);
        let (first, rest) = digits.split_at(2);
        let (second, name) = rest.split_at(2);
        self.dir.join(first).join(second).join(name)
    }

    /// Whether the bytes are there.
    pub fn has(&self, sha256: &[u8; 32]) -> bool {
        self.path(sha256).exists()
    }

    /// Keeps all bytes of a reader. Durable when it returns; with any error nothing is left behind.
    pub fn keep(&self, reader: &mut dyn Read) -> io::Result<KeptBytes> {
        make_folder(&self.dir)?;
        self.sweep();
        let part = self.dir.join(format!("{PART}{}-{}", std::process::id(), unique()));
        let kept = self.write(reader, &part);
        if !kept.as_ref().is_ok_and(|kept| kept.is_new) {
            // What failed is of no use, and the same bytes are kept once. If this fails too, the next
            // sweep removes it.
            fs::remove_file(&part).ok();
        }
        kept
    }

    fn write(&self, reader: &mut dyn Read, part: &Path) -> io::Result<KeptBytes> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o400).open(part)?;
        let (mut hasher, mut block, mut bytes) = (Sha256::new(), vec![0u8; BLOCK], 0u64);
        loop {
            let count = match reader.read(&mut block) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let some = block.get(..count).unwrap_or_default();
            hasher.update(some);
            file.write_all(some)?;
            bytes += count as u64;
        }
        file.sync_all()?;
        let sha256 = hasher.finalize().into();
        let path = self.path(&sha256);
        let is_new = !path.exists();
        if is_new {
            publish(part, &path)?;
        }
        Ok(KeptBytes { sha256, bytes, is_new })
    }

    /// A reader of the bytes, and their number. It hashes what it reads, and its end is an error where the
    /// bytes are not those that were kept.
    pub fn open(&self, sha256: &[u8; 32]) -> io::Result<(Reading, u64)> {
        let file = File::open(self.path(sha256))?;
        let bytes = file.metadata()?.len();
        Ok((Reading { file, hasher: Sha256::new(), sha256: *sha256 }, bytes))
    }

    /// Re-reads the bytes and compares their hash. The error says what differs.
    pub fn verify(&self, sha256: &[u8; 32]) -> Result<u64, Problem> {
        let wrong = |why: String| Problem::new(why).at(self.path(sha256).display().to_string());
        let (mut reading, _) = self.open(sha256).map_err(|error| wrong(format!("cannot be read: {error}")))?;
        let (mut block, mut bytes) = (vec![0u8; BLOCK], 0u64);
        loop {
            match reading.read(&mut block) {
                Ok(0) => return Ok(bytes),
                Ok(count) => bytes += count as u64,
                Err(error) if error.kind() == io::ErrorKind::InvalidData => return Err(wrong(error.to_string())),
                Err(error) => return Err(wrong(format!("cannot be read: {error}"))),
            }
        }
    }

    /// Removes the bytes, durably. The caller holds the lock alone and knows that nobody claims them.
    pub fn remove(&self, sha256: &[u8; 32]) -> io::Result<()> {
        let path = self.path(sha256);
        match fs::remove_file(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            other => other?,
        }
        sync(path.parent().unwrap_or(&self.dir))
    }

    /// The hashes of everything that is kept, in order, and files whose names are none.
    pub fn list(&self) -> io::Result<(Vec<[u8; 32]>, Vec<PathBuf>)> {
        let (mut kept, mut odd) = (Vec::new(), Vec::new());
        for first in entries(&self.dir)? {
            let is_ours = |name: &str| name == LOCK || name.starts_with(PART);
            if is_ours(&first.file_name().to_string_lossy()) {
                continue;
            }
            if !first.path().is_dir() {
                odd.push(first.path());
                continue;
            }
            for second in entries(&first.path())? {
                if !second.path().is_dir() {
                    odd.push(second.path());
                    continue;
                }
                for file in entries(&second.path())? {
                    let digits: String =
                        [&first, &second, &file].map(|one| one.file_name().to_string_lossy().into_owned()).concat();
                    match from_hex(&digits).filter(|sha256| self.path(sha256) == file.path()) {
                        Some(sha256) => kept.push(sha256),
                        None => odd.push(file.path()),
                    }
                }
            }
        }
        kept.sort_unstable();
        odd.sort_unstable();
        Ok((kept, odd))
    }

    /// Keeps others from destroying evidence: while a claim to it is written, and while it is copied.
    pub fn lock(&self) -> io::Result<Lock> {
        let file = self.lock_file()?;
        file.lock_shared()?;
        Ok(Lock(file))
    }

    /// Keeps everybody else out; `None` while somebody copies evidence or claims it.
    pub fn lock_alone(&self) -> io::Result<Option<Lock>> {
        let file = self.lock_file()?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Lock(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn lock_file(&self) -> io::Result<File> {
        make_folder(&self.dir)?;
        OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(self.dir.join(LOCK))
    }

    /// Removes parts that killed processes left; parts of processes that live are left alone.
    fn sweep(&self) {
        for entry in fs::read_dir(&self.dir).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let Some((process, _)) = name.strip_prefix(PART).and_then(|rest| rest.split_once('-')) else { continue };
            if !Path::new("/proc").join(process).exists() {
                fs::remove_file(entry.path()).ok();
            }
        }
    }
}

/// Reads evidence and hashes it on the way.
#[derive(Debug)]
pub struct Reading {
    file: File,
    hasher: Sha256,
    sha256: [u8; 32],
}

impl Read for Reading {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let count = self.file.read(buffer)?;
        self.hasher.update(buffer.get(..count).unwrap_or_default());
        let is_same = || <[u8; 32]>::from(self.hasher.clone().finalize()) == self.sha256;
        match count > 0 || is_same() {
            true => Ok(count),
            false => Err(io::Error::new(io::ErrorKind::InvalidData, "holds other bytes than its name says")),
        }
    }
}

fn entries(folder: &Path) -> io::Result<Vec<fs::DirEntry>> {
    match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        other => other?.collect(),
    }
}

fn make_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Gives a durable file its name, and makes the name durable with all folders that may be new.
fn publish(part: &Path, path: &Path) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    make_folder(folder)?;
    fs::rename(part, path)?;
    folder.ancestors().take(4).filter(|folder| !folder.as_os_str().is_empty()).try_for_each(sync)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn files(dir: &Path) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut folders = vec![dir.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap().flatten() {
                if entry.path().is_dir() { folders.push(entry.path()) } else { found.push(entry.path()) }
            }
        }
        found
    }

    #[test]
    fn the_same_bytes_are_kept_once_and_come_back() {
        let dir = tempfile::tempdir().unwrap();
        let evidence = Evidence::new(dir.path());
        let kept = evidence.keep(&mut &b"abc"[..]).unwrap();
        // FIPS 180-2, the first example.
        assert_eq!(hex(&kept.sha256), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!((kept.bytes, kept.is_new), (3, true));
        assert_eq!(evidence.keep(&mut &b"abc"[..]).unwrap(), KeptBytes { is_new: false, ..kept });
        assert_eq!(files(dir.path()), [evidence.path(&kept.sha256)]);
        assert_eq!(fs::metadata(evidence.path(&kept.sha256)).unwrap().permissions().mode() & 0o777, 0o400);
        let mut back = Vec::new();
        evidence.open(&kept.sha256).unwrap().0.read_to_end(&mut back).unwrap();
        assert_eq!((back.as_slice(), evidence.verify(&kept.sha256)), (&b"abc"[..], Ok(3)));
        let empty = evidence.keep(&mut &b""[..]).unwrap();
        assert_eq!(evidence.verify(&empty.sha256), Ok(0));
        assert_eq!(evidence.list().unwrap(), (vec![kept.sha256, empty.sha256], Vec::new()));
        evidence.remove(&kept.sha256).unwrap();
        evidence.remove(&kept.sha256).unwrap();
        assert!(!evidence.has(&kept.sha256));
    }

    #[test]
    fn changed_bytes_are_named_and_never_read_to_their_end() {
        let dir = tempfile::tempdir().unwrap();
        let evidence = Evidence::new(dir.path());
        let kept = evidence.keep(&mut &b"some bytes"[..]).unwrap();
        let path = evidence.path(&kept.sha256);
        fs::remove_file(&path).unwrap();
        fs::write(&path, "other bytes").unwrap();
        let told = evidence.verify(&kept.sha256).unwrap_err();
        assert_eq!(
            (told.what.as_str(), told.place),
            ("holds other bytes than its name says", path.display().to_string())
        );
        assert!(io::copy(&mut evidence.open(&kept.sha256).unwrap().0, &mut io::sink()).is_err());
    }

    /// A full disk and a broken source look alike: an error in the middle.
    #[test]
    fn an_error_in_the_middle_leaves_nothing() {
        struct Breaks(u32);
        impl Read for Breaks {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                self.0 = self.0.checked_sub(1).ok_or_else(|| io::Error::from(io::ErrorKind::StorageFull))?;
                Ok(buffer.len())
            }
        }
        let dir = tempfile::tempdir().unwrap();
        let evidence = Evidence::new(dir.path());
        assert_eq!(evidence.keep(&mut Breaks(5)).unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(files(dir.path()), Vec::<PathBuf>::new());
        // Process numbers end far below this one.
        fs::write(dir.path().join(".part-4294967290-1"), "x").unwrap();
        let kept = evidence.keep(&mut &b"x"[..]).unwrap();
        assert_eq!(files(dir.path()), [evidence.path(&kept.sha256)]);
    }

    #[test]
    fn files_that_are_no_evidence_are_told() {
        let dir = tempfile::tempdir().unwrap();
        let evidence = Evidence::new(dir.path());
        let kept = evidence.keep(&mut &b"x"[..]).unwrap();
        let odd = [dir.path().join("note"), evidence.path(&kept.sha256).with_file_name("note")];
        odd.iter().for_each(|path| fs::write(path, "x").unwrap());
        let (listed, mut told) = evidence.list().unwrap();
        told.sort();
        let mut want = odd.to_vec();
        want.sort();
        assert_eq!((listed, told), (vec![kept.sha256], want));
    }

    #[test]
    fn nobody_destroys_while_another_claims() {
        let dir = tempfile::tempdir().unwrap();
        let evidence = Evidence::new(dir.path());
        let (one, other) = (evidence.lock().unwrap(), evidence.lock().unwrap());
        assert!(evidence.lock_alone().unwrap().is_none());
        drop((one, other));
        assert!(evidence.lock_alone().unwrap().is_some());
    }
}
