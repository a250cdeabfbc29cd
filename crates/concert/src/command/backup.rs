//! `concert backup FILE`: the whole site as one file, made while others work on it.
//!
//! A tar archive compressed with zstd: settings, templates, secrets, our keys and those of contacts, other files of the
//! site that settings name, then the data as of one moment, then the list of all hashes, by which `concert restore` checks
//! what it unpacks. Reports that wait in folders of feeds, and what was written to files, are not in it.

use std::collections::{BTreeSet, HashSet};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};
use std::time::UNIX_EPOCH;

use concert_model::Problem;
use concert_model::keys::NamedFile;
use concert_store::Store;
use concert_store::upkeep::Secrets;
use indicatif::ProgressBar;

use super::SiteArg;
use crate::print::say;
use crate::problems::{Exit, Failure, outside};
use crate::settings::{LoadFor, Settings};

/// The first member: says what the file is and by which rules it was made.
pub(super) const HEAD: (&str, &[u8]) = ("CONCERT-BACKUP", b"1\n");
/// The last member: a line `hash size name` for every file.
pub(super) const LIST: &str = "HASHES";
/// Folders and files of a site besides `data/`; the settings stand first, since they are restored last.
pub(super) const SETTINGS: [&str; 7] =
    ["concert.toml", "conf.d", "clocks.toml", "processes", "templates", "secrets", "keys"];
/// What registries publish, of a folder of which all else is made anew by itself: it was imported from files, or fetched,
/// and without it nobody of a registry is told.
const PUBLISHED: [&str; 3] = ["data/lookup/registry", "data/lookup/registry-read", "data/lookup/rdap"];
/// What of `data/` is copied in another way, or is made anew by itself.
const NOT_COPIED: [&str; 7] = ["archive", "events", "sightings", "evidence", "lookup", "lock", "first-login"];
/// Compression level: event files and reports are compressed already.
const LEVEL: i32 = 3;
/// How deep folders are followed.
const DEPTH_MAX: usize = 16;

/// Write the whole site into one file, also while it is working.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  concert backup /backup/cert-2026-11-22.tar.zst\n  concert backup site.tar.zst --without-keys"
)]
pub(super) struct Args {
    /// The file; it must not exist.
    file: PathBuf,
    /// Leave out secrets, keys, and what users come in with, so that the file may be kept where they may not.
    #[arg(long)]
    without_keys: bool,
}

pub(super) fn run(args: &Args, site: &SiteArg) -> Result<Exit, Failure> {
    let loaded = Settings::read(&site.dir, LoadFor::Look)?;
    let settings = &loaded.settings;
    // What is wrong is to be mended, and until then the more is to be kept.
    super::warn_of(&loaded.problems);
    if args.file.as_os_str() == "-" {
        let problem = Problem::new("a backup is a file of its own, and does not go to standard output");
        return Err(Failure::usage(problem.hint("name a file, best on another disk")));
    }
    if args.file.symlink_metadata().is_ok() {
        let problem = Problem::new("there is such a file already").at(args.file.display().to_string());
        return Err(Failure::usage(problem.hint("name a new file; nothing is overwritten")));
    }
    if is_within(&args.file, &settings.data_dir()) {
        let problem =
            Problem::new("a backup in the data of the site is lost together with it, and goes into the next one");
        let problem = problem.at(args.file.display().to_string());
        return Err(Failure::usage(problem.hint("name a file elsewhere, best on another disk")));
    }
    let runtime = super::runtime()?;
    let store = runtime.block_on(Store::open(&settings.data_dir()))?;
    // Evidence is destroyed before the backup or after it, so that records and files of a backup agree.
    let held = store.evidence.lock().map_err(|error| outside("evidence cannot be locked", &error))?;
    let secrets = if args.without_keys { Secrets::LeftOut } else { Secrets::Kept };
    let snapshot = runtime.block_on(store.snapshot(secrets))?;
    let mut files: Vec<(String, PathBuf)> = Vec::new();
    for name in SETTINGS {
        gather(&settings.dir, name, DEPTH_MAX, &mut files)?;
    }
    gather_data(&settings.dir, args.without_keys, &mut files)?;
    for name in PUBLISHED {
        gather(&settings.dir, name, DEPTH_MAX, &mut files)?;
    }
    gather_named(&settings.dir, &loaded.files, &mut files)?;
    if args.without_keys {
        leave_out_secrets(&settings.dir, &loaded.files, &mut files);
    }
    files.extend(snapshot.files.iter().map(|(name, path)| (format!("data/{name}"), path.clone())));
    gather_evidence(&store, &mut files)?;
    let part = args.file.with_added_extension("part");
    let written = write(&part, &files).and_then(|bytes| {
        fs::rename(&part, &args.file)?;
        let folder = args.file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder)?.sync_all().map(|()| bytes)
    });
    let bytes = written.map_err(|error| {
        fs::remove_file(&part).ok();
        outside(format!("the backup {} cannot be written", args.file.display()), &error)
    })?;
    drop(held);
    for name in &snapshot.missing {
        tracing::warn!(name, "a raw report is not in the archive and so not in the backup");
    }
    let without = if args.without_keys { ", without secrets and keys" } else { "" };
    say(&format!("{} files, {bytes} bytes{without}: {}", files.len(), args.file.display()));
    Ok(Exit::Done)
}

/// Whether a file would lie in a folder, or below it. What cannot be looked at is found when it is written.
fn is_within(file: &Path, folder: &Path) -> bool {
    let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let real = |path: &Path| path.canonicalize().ok();
    real(parent).zip(real(folder)).is_some_and(|(parent, folder)| parent.starts_with(folder))
}

/// Adds a file, or the files of a folder, by their names below the site. Links are not followed.
fn gather(dir: &Path, name: &str, depth: usize, files: &mut Vec<(String, PathBuf)>) -> Result<(), Failure> {
    let path = dir.join(name);
    let Ok(about) = path.symlink_metadata() else { return Ok(()) };
    if about.is_file() {
        files.push((name.to_owned(), path));
        return Ok(());
    }
    if !about.is_dir() || depth == 0 {
        tracing::warn!(name, "is neither a file nor a folder and is left out of the backup");
        return Ok(());
    }
    let mut names: Vec<String> = Vec::new();
    for entry in fs::read_dir(&path).map_err(|error| outside(path.display(), &error))?.flatten() {
        names.push(entry.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    names.iter().try_for_each(|one| gather(dir, &format!("{name}/{one}"), depth - 1, files))
}

/// Adds what settings name in the folder of the site and nothing else has brought; tells of the rest.
fn gather_named(dir: &Path, named: &BTreeSet<NamedFile>, files: &mut Vec<(String, PathBuf)>) -> Result<(), Failure> {
    for one in named {
        let Some(name) = inside(dir, &one.path) else {
            tracing::warn!("`{}`, which settings name, lies outside of the site and is not in the backup", one.path);
            continue;
        };
        // The folder of data comes in its own way.
        let is_data = name.is_empty() || name == "data" || name.starts_with("data/records.");
        if !dir.join(&name).exists() {
            tracing::warn!("`{}`, which settings name, is not there and so not in the backup", one.path);
        } else if !is_data {
            gather(dir, &name, DEPTH_MAX, files)?;
        }
    }
    let mut seen = HashSet::new();
    files.retain(|(name, _)| seen.insert(name.clone()));
    Ok(())
}

/// The name of a path below the site, without `.` and `..`; nothing for one that leads out.
fn inside(dir: &Path, path: &str) -> Option<String> {
    let mut whole = PathBuf::new();
    for part in dir.join(path).components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => drop(whole.pop()),
            part => whole.push(part),
        }
    }
    Some(whole.strip_prefix(dir).ok()?.to_str()?.to_owned())
}

/// Whatever brought a file that holds a secret, it does not go where secrets may not.
fn leave_out_secrets(dir: &Path, named: &BTreeSet<NamedFile>, files: &mut Vec<(String, PathBuf)>) {
    let secret = named.iter().filter(|one| one.is_secret).filter_map(|one| inside(dir, &one.path));
    let secret: HashSet<String> = secret.collect();
    files.retain(|(name, _)| !secret.contains(name) && !name.starts_with("secrets/"));
}

/// Adds evidence that is complete. What is added meanwhile has no entry in the records of the backup.
fn gather_evidence(store: &Store, files: &mut Vec<(String, PathBuf)>) -> Result<(), Failure> {
    let (kept, _) = store.evidence.list().map_err(|error| outside("evidence cannot be listed", &error))?;
    for path in kept.iter().map(|sha256| store.evidence.path(sha256)) {
        let name = path.strip_prefix(store.data()).unwrap_or(&path).to_string_lossy().into_owned();
        files.push((format!("data/{name}"), path));
    }
    Ok(())
}

/// Adds what of `data/` the records do not name: keys, lookup files.
fn gather_data(dir: &Path, without_keys: bool, files: &mut Vec<(String, PathBuf)>) -> Result<(), Failure> {
    let data = dir.join("data");
    let mut names: Vec<String> = Vec::new();
    for entry in fs::read_dir(&data).map_err(|error| outside(data.display(), &error))?.flatten() {
        names.push(entry.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    for name in names {
        let is_records = name.starts_with("records.");
        let is_key = Path::new(&name).extension().is_some_and(|ending| ending == "key");
        let is_left_out = NOT_COPIED.contains(&name.as_str()) || name.starts_with('.') || name.ends_with(".part");
        let is_kept_back = without_keys && is_key;
        if !(is_records || is_left_out || is_kept_back) {
            gather(dir, &format!("data/{name}"), DEPTH_MAX, files)?;
        }
    }
    Ok(())
}

fn write(part: &Path, files: &[(String, PathBuf)]) -> io::Result<u64> {
    let bar = ProgressBar::new(files.len() as u64);
    let file = File::options().write(true).create(true).truncate(true).mode(0o600).open(part)?;
    let mut tar = tar::Builder::new(zstd::Encoder::new(file, LEVEL)?);
    append(&mut tar, HEAD.0, (0o600, 0), HEAD.1.len() as u64, &mut &*HEAD.1)?;
    let mut list = String::new();
    for (name, path) in files {
        let mut source = File::open(path)?;
        let about = source.metadata()?;
        let mut hashing = Hashing::new(&mut source, about.len());
        let modified = about.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let modified = modified.map_or(0, |since| since.as_secs());
        append(&mut tar, name, (about.permissions().mode() & 0o777, modified), about.len(), &mut hashing)?;
        let hash = hashing.finish().map_err(|error| io::Error::other(format!("{}: {error}", path.display())))?;
        list.push_str(&format!("{hash} {} {name}\n", about.len()));
        bar.inc(1);
    }
    append(&mut tar, LIST, (0o600, 0), list.len() as u64, &mut list.as_bytes())?;
    let file = tar.into_inner()?.finish()?;
    file.sync_all()?;
    bar.finish_and_clear();
    file.metadata().map(|about| about.len())
}

fn append(
    tar: &mut tar::Builder<impl Write>,
    name: &str,
    (mode, modified): (u32, u64),
    size: u64,
    bytes: &mut dyn Read,
) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(size);
    header.set_mode(mode);
    header.set_mtime(modified);
    header.set_entry_type(tar::EntryType::Regular);
    tar.append_data(&mut header, name, bytes)
}

/// Reads exactly as many bytes as a file had when it was opened, and hashes them.
struct Hashing<'a> {
    file: &'a mut File,
    left: u64,
    hasher: blake3::Hasher,
}

impl<'a> Hashing<'a> {
    fn new(file: &'a mut File, length: u64) -> Self {
        Self { file, left: length, hasher: blake3::Hasher::new() }
    }

    fn finish(self) -> io::Result<String> {
        if self.left > 0 {
            return Err(io::Error::other("the file became shorter while it was read"));
        }
        Ok(self.hasher.finalize().to_hex().to_string())
    }
}

impl Read for Hashing<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let count = self.file.read(buffer.get_mut(..most).unwrap_or_default())?;
        self.hasher.update(buffer.get(..count).unwrap_or_default());
        self.left -= count as u64;
        Ok(count)
    }
}

/// For tests of other commands.
#[cfg(test)]
pub(super) fn make(site: &SiteArg, file: &Path, without_keys: bool) -> Result<Exit, Failure> {
    run(&Args { file: file.to_owned(), without_keys }, site)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_inside_however_it_is_written() {
        let check = |path: &str, want: Option<&str>| {
            assert_eq!(inside(Path::new("/srv/cert"), path).as_deref(), want, "{path}");
        };
        check("lookup/asn.csv", Some("lookup/asn.csv"));
        check("./lookup/../ca.pem", Some("ca.pem"));
        check("/srv/cert/ca.pem", Some("ca.pem"));
        check("../cert/ca.pem", Some("ca.pem"));
        check("../ca.pem", None);
        check("/srv/certificates/ca.pem", None);
    }
}
