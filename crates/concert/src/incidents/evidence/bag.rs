//! A bag of evidence (BagIt 1.0, RFC 8493), with a signature over its list of hashes: a folder, or a tar archive
//! that is sent while it is made.
//!
//! A folder is made beside its place and renamed when all of it is durable; `bagit.txt`, without which it is no
//! bag, comes last in both. What goes in is decided by the caller.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use concert_model::incident::journal::hex;
use serde_json::json;
use sha2::{Digest, Sha256};

/// The declaration of RFC 8493, 2.1.1.
const DECLARATION: &str = "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n";
const MANIFEST: &str = "manifest-sha256.txt";
const TAG_MANIFEST: &str = "tagmanifest-sha256.txt";
const SIGNATURE: &str = "signature.json";
/// Longest value in `bag-info.txt`, in letters.
const VALUE_CHARS_MAX: usize = 300;
/// Bytes copied at a time.
const BLOCK: usize = 256 << 10;

/// What was exported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// Where the bag is.
    pub dir: PathBuf,
    /// Its pieces of evidence.
    pub evidence: usize,
    /// Bytes of all that it holds: of its payload.
    pub bytes: u64,
}

/// Where a bag goes.
enum Target {
    /// A folder: where it is made, and where it will be.
    Folder { part: PathBuf, dir: PathBuf },
    /// An archive, whose files lie in a folder of this name.
    Archive { tar: Box<tar::Builder<Box<dyn Write + Send>>>, name: String, made: u64 },
}

impl Target {
    /// Writes a file of this many bytes.
    fn file(&mut self, name: &str, length: u64, reader: &mut dyn Read) -> io::Result<()> {
        match self {
            Self::Folder { part, .. } => {
                let mut file = File::options().write(true).create_new(true).open(part.join(name))?;
                let mut block = vec![0u8; BLOCK];
                loop {
                    let count = reader.read(&mut block)?;
                    if count == 0 {
                        return file.sync_all();
                    }
                    file.write_all(block.get(..count).unwrap_or_default())?;
                }
            }
            Self::Archive { tar, name: folder, made } => {
                let mut header = tar::Header::new_gnu();
                header.set_size(length);
                header.set_mode(0o600);
                header.set_mtime(*made);
                tar.append_data(&mut header, format!("{folder}/{name}"), reader)
            }
        }
    }
}

/// Bytes on their way into a bag: hashed and counted as they pass.
struct Passing<'r> {
    reader: &'r mut dyn Read,
    hasher: Sha256,
    bytes: u64,
    copied: &'r dyn Fn(u64),
}

impl Read for Passing<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.hasher.update(buffer.get(..count).unwrap_or_default());
        self.bytes += count as u64;
        (self.copied)(count as u64);
        Ok(count)
    }
}

/// A bag that is being made.
pub(super) struct Bag {
    target: Target,
    /// Lines of the manifests: hash and name.
    payload: Vec<(String, String)>,
    tags: Vec<(String, String)>,
    bytes: u64,
}

fn exists_with_files(dir: &Path) -> io::Result<bool> {
    match fs::read_dir(dir) {
        Ok(mut entries) => Ok(entries.next().is_some()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// A value that stays on its line.
fn value(text: &str) -> String {
    let plain = |c: char| if super::super::text::is_hidden(c) { ' ' } else { c };
    text.chars().map(plain).take(VALUE_CHARS_MAX).collect::<String>().trim().to_owned()
}

impl Bag {
    /// Begins a bag that will be in this folder, which must be empty or not there yet.
    pub(super) fn begin(dir: &Path) -> io::Result<Self> {
        let dir = std::path::absolute(dir)?;
        if exists_with_files(&dir)? {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "the folder is not empty"));
        }
        let name = dir.file_name().ok_or_else(|| io::Error::other("the folder has no name"))?.to_string_lossy();
        let part = dir.with_file_name(format!(".{name}.part-{}", std::process::id()));
        // Of a process that was killed and had the same number.
        fs::remove_dir_all(&part).or_else(|error| match error.kind() {
            io::ErrorKind::NotFound => Ok(()),
            _ => Err(error),
        })?;
        fs::create_dir_all(part.join("data/evidence"))?;
        Ok(Self::to(Target::Folder { part, dir }))
    }

    /// Begins a bag that is sent as an archive, whose files lie in a folder of this name.
    pub(super) fn send(name: String, made: u64, to: Box<dyn Write + Send>) -> Self {
        Self::to(Target::Archive { tar: Box::new(tar::Builder::new(to)), name, made })
    }

    fn to(target: Target) -> Self {
        Self { target, payload: Vec::new(), tags: Vec::new(), bytes: 0 }
    }

    /// Adds a file of this many bytes below `data/`, and says how many were copied as they are.
    pub(super) fn add(
        &mut self,
        name: &str,
        (length, reader): (u64, &mut dyn Read),
        copied: &dyn Fn(u64),
    ) -> io::Result<()> {
        let name = format!("data/{name}");
        let mut passing = Passing { reader, hasher: Sha256::new(), bytes: 0, copied };
        self.target.file(&name, length, &mut passing)?;
        // The end tells whether these are the bytes that were added; an archive stops reading before it.
        io::copy(&mut passing, &mut io::sink())?;
        if passing.bytes != length {
            return Err(io::Error::other(format!("{name} has {} bytes instead of {length}", passing.bytes)));
        }
        self.bytes += length;
        self.payload.push((hex(&passing.hasher.finalize()), name));
        Ok(())
    }

    /// Ends the list of what it holds. Gives the bytes that are to be signed.
    pub(super) fn close(&mut self, info: &[(&str, String)]) -> io::Result<Vec<u8>> {
        let manifest = lines(&mut self.payload);
        let mut text: String = info.iter().map(|(label, text)| format!("{label}: {}\n", value(text))).collect();
        text.push_str(&format!("Payload-Oxum: {}.{}\n", self.bytes, self.payload.len()));
        self.tag(MANIFEST, &manifest)?;
        self.tag("bag-info.txt", &text)?;
        self.tags.push((hex(&Sha256::digest(DECLARATION)), "bagit.txt".to_owned()));
        let list = lines(&mut self.tags);
        self.write(TAG_MANIFEST, &list)?;
        Ok(list.into_bytes())
    }

    /// Gives the bag its signature, its declaration and then its place.
    pub(super) fn seal(mut self, site: &str, signature: &[u8; 64]) -> io::Result<Exported> {
        let signed = json!({"algorithm": "Ed25519", "file": TAG_MANIFEST, "site": site, "signature": hex(signature)});
        self.write(SIGNATURE, &format!("{signed:#}\n"))?;
        self.write("bagit.txt", DECLARATION)?;
        let own = ["data/custody.json", "data/journal.ndjson"];
        let evidence = self.payload.iter().filter(|(_, name)| !own.contains(&name.as_str())).count();
        let dir = match self.target {
            Target::Archive { tar, name, .. } => {
                tar.into_inner()?.flush()?;
                PathBuf::from(name)
            }
            Target::Folder { part, dir } => {
                for folder in ["data/evidence", "data", ""] {
                    File::open(part.join(folder))?.sync_all()?;
                }
                // An empty folder gives way; one that got files meanwhile does not.
                fs::rename(&part, &dir)?;
                File::open(dir.parent().unwrap_or(Path::new("/")))?.sync_all()?;
                dir
            }
        };
        Ok(Exported { dir, evidence, bytes: self.bytes })
    }

    /// Removes what was made, as nothing came of it.
    pub(super) fn abandon(part: &Path) {
        fs::remove_dir_all(part).ok();
    }

    /// The folder in which it is made, if it is one.
    pub(super) fn part(&self) -> Option<&Path> {
        match &self.target {
            Target::Folder { part, .. } => Some(part),
            Target::Archive { .. } => None,
        }
    }

    fn tag(&mut self, name: &str, text: &str) -> io::Result<()> {
        self.tags.push((hex(&Sha256::digest(text)), name.to_owned()));
        self.write(name, text)
    }

    fn write(&mut self, name: &str, text: &str) -> io::Result<()> {
        self.target.file(name, text.len() as u64, &mut text.as_bytes())
    }
}

/// A manifest: the lines in the order of their names.
fn lines(files: &mut [(String, String)]) -> String {
    files.sort_by(|one, other| one.1.cmp(&other.1));
    files.iter().map(|(hash, name)| format!("{hash}  {name}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bag_takes_its_place_whole_and_only_where_nothing_is() {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().join("bag");
        let mut bag = Bag::begin(&at).unwrap();
        bag.add("evidence/0001-x", (3, &mut &b"abc"[..]), &|_| {}).unwrap();
        let list = bag.close(&[("External-Description", "a\nb: \u{202e}c".into())]).unwrap();
        assert!(!at.exists() && !bag.part().unwrap().join("bagit.txt").exists());
        assert_eq!(String::from_utf8(list).unwrap().lines().count(), 3);
        assert_eq!(bag.seal("site", &[7; 64]).unwrap(), Exported { dir: at.clone(), evidence: 1, bytes: 3 });
        let info = fs::read_to_string(at.join("bag-info.txt")).unwrap();
        assert_eq!(info, "External-Description: a b:  c\nPayload-Oxum: 3.1\n");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        assert_eq!(Bag::begin(&at).err().unwrap().kind(), io::ErrorKind::AlreadyExists);
    }

    #[test]
    fn an_archive_holds_the_same_files_as_a_folder() {
        use std::sync::{Arc, Mutex};
        #[derive(Clone, Default)]
        struct Shared(Arc<Mutex<Vec<u8>>>);
        impl Write for Shared {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.lock().unwrap().extend_from_slice(bytes);
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let (dir, out) = (tempfile::tempdir().unwrap(), Shared::default());
        let (folder, again) = (dir.path().join("bag"), dir.path().join("again"));
        for mut bag in [Bag::begin(&folder).unwrap(), Bag::send("x-1".into(), 7, Box::new(out.clone()))] {
            bag.add("evidence/0001-x", (3, &mut &b"abc"[..]), &|_| {}).unwrap();
            bag.close(&[("External-Description", "x".into())]).unwrap();
            bag.seal("site", &[7; 64]).unwrap();
        }
        tar::Archive::new(&out.0.lock().unwrap()[..]).unpack(&again).unwrap();
        for name in ["bagit.txt", "bag-info.txt", MANIFEST, TAG_MANIFEST, SIGNATURE, "data/evidence/0001-x"] {
            assert_eq!(fs::read(folder.join(name)).unwrap(), fs::read(again.join("x-1").join(name)).unwrap(), "{name}");
        }
        let mut short = Bag::send("x".into(), 0, Box::new(io::sink()));
        assert!(short.add("evidence/0001-x", (4, &mut &b"abc"[..]), &|_| {}).is_err());
    }
}
