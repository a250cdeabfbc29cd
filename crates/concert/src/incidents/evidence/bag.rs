//! A bag of evidence on disk (BagIt 1.0, RFC 8493), with a signature over its list of hashes.
//!
//! It is made beside its place and renamed when all of it is durable; `bagit.txt`, without which it is no
//! bag, comes last. What goes in is decided by the caller.

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

/// A bag that is being made.
pub(super) struct Bag {
    /// Where it is made, and where it will be.
    part: PathBuf,
    dir: PathBuf,
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
        Ok(Self { part, dir, payload: Vec::new(), tags: Vec::new(), bytes: 0 })
    }

    /// Adds a file below `data/`, and says how many bytes were copied as they are.
    pub(super) fn add(&mut self, name: &str, reader: &mut dyn Read, copied: &dyn Fn(u64)) -> io::Result<()> {
        let name = format!("data/{name}");
        let mut file = File::options().write(true).create_new(true).open(self.part.join(&name))?;
        let (mut hasher, mut block) = (Sha256::new(), vec![0u8; BLOCK]);
        loop {
            let count = reader.read(&mut block)?;
            if count == 0 {
                break;
            }
            let some = block.get(..count).unwrap_or_default();
            hasher.update(some);
            file.write_all(some)?;
            self.bytes += count as u64;
            copied(count as u64);
        }
        file.sync_all()?;
        self.payload.push((hex(&hasher.finalize()), name));
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
    pub(super) fn seal(self, site: &str, signature: &[u8; 64]) -> io::Result<Exported> {
        let signed = json!({"algorithm": "Ed25519", "file": TAG_MANIFEST, "site": site, "signature": hex(signature)});
        self.write(SIGNATURE, &format!("{signed:#}\n"))?;
        self.write("bagit.txt", DECLARATION)?;
        for folder in ["data/evidence", "data", ""] {
            File::open(self.part.join(folder))?.sync_all()?;
        }
        // An empty folder gives way; one that got files meanwhile does not.
        fs::rename(&self.part, &self.dir)?;
        File::open(self.dir.parent().unwrap_or(Path::new("/")))?.sync_all()?;
        let own = ["data/custody.json", "data/journal.ndjson"];
        let evidence = self.payload.iter().filter(|(_, name)| !own.contains(&name.as_str())).count();
        Ok(Exported { dir: self.dir, evidence, bytes: self.bytes })
    }

    /// Removes what was made, as nothing came of it.
    pub(super) fn abandon(part: &Path) {
        fs::remove_dir_all(part).ok();
    }

    /// Where it is made.
    pub(super) fn part(&self) -> &Path {
        &self.part
    }

    fn tag(&mut self, name: &str, text: &str) -> io::Result<()> {
        self.tags.push((hex(&Sha256::digest(text)), name.to_owned()));
        self.write(name, text)
    }

    fn write(&self, name: &str, text: &str) -> io::Result<()> {
        let mut file = File::options().write(true).create_new(true).open(self.part.join(name))?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
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
        bag.add("evidence/0001-x", &mut &b"abc"[..], &|_| {}).unwrap();
        let list = bag.close(&[("External-Description", "a\nb: \u{202e}c".into())]).unwrap();
        assert!(!at.exists() && !bag.part().join("bagit.txt").exists());
        assert_eq!(String::from_utf8(list).unwrap().lines().count(), 3);
        assert_eq!(bag.seal("site", &[7; 64]).unwrap(), Exported { dir: at.clone(), evidence: 1, bytes: 3 });
        let info = fs::read_to_string(at.join("bag-info.txt")).unwrap();
        assert_eq!(info, "External-Description: a b:  c\nPayload-Oxum: 3.1\n");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        assert_eq!(Bag::begin(&at).err().unwrap().kind(), io::ErrorKind::AlreadyExists);
    }
}
