//! What became of a file that is no longer what lies at its path: where it is now, and which
//! generations were born after it.
//!
//! Generations are the files beside it that are called as rotation calls them: `t.log.1`,
//! `t.log-20261128`, `t.log.old`, `t.2026-11-28.log`. What was written to after the file itself is
//! younger than it. Those that were packed (`t.log.2.gz`) are told and not read.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::super::{FILES_MAX, Stamp};
use super::state::{Followed, Head};

/// Endings of packed files.
const PACKED: [&str; 10] = [".gz", ".bz2", ".xz", ".zst", ".zip", ".Z", ".lz4", ".lzma", ".br", ".7z"];
/// A date has at least so many digits; a smaller number behind a hyphen is part of another file's name.
const DATE_DIGITS_MIN: usize = 6;
/// A longer number is no count of generations but a time.
const COUNT_DIGITS_MAX: usize = 4;

/// A file that is looked for, and what is known of it.
pub(super) struct Sought {
    pub(super) name: String,
    device: u64,
    inode: u64,
    /// It holds at least so many bytes.
    size_min: u64,
    head: Option<Head>,
    /// Nanoseconds since 1970 of its last write, as it was seen last.
    modified: Option<u64>,
    /// It is held open.
    is_open: bool,
    /// It was read to its end, and nothing more is to be expected of it.
    is_finished: bool,
    /// It was followed until a moment ago, so that what is packed beside it was most likely read.
    is_live: bool,
}

/// What was found of it.
#[derive(Default)]
pub(super) struct Rotated {
    /// Where the file itself lies now.
    pub(super) itself: Option<Generation>,
    /// What was born after it, oldest first.
    pub(super) younger: Vec<Generation>,
}

/// One generation.
#[derive(Clone)]
pub(super) struct Generation {
    pub(super) name: String,
    pub(super) path: PathBuf,
    pub(super) stamp: Stamp,
    /// It is called as rotation calls one.
    is_rotated: bool,
    pub(super) is_packed: bool,
    /// The larger, the younger; of two with the same time of their last write it decides.
    rank: i64,
}

impl Sought {
    pub(super) fn new(file: &Followed) -> Sought {
        Sought {
            name: file.name.clone(),
            device: file.device,
            inode: file.inode,
            size_min: file.offset.max(file.plan),
            head: file.head.clone(),
            modified: file.modified,
            is_open: file.file.is_some(),
            is_finished: file.finished,
            is_live: file.is_live,
        }
    }

    /// One that was begun anew: what it held before may lie beside it.
    pub(super) fn before_it_was_begun_anew(file: &Followed) -> Sought {
        Sought { is_open: false, ..Sought::new(file) }
    }

    /// Whether it needs not be found.
    fn is_had(&self) -> bool {
        self.is_open || self.is_finished
    }

    /// Whether what lies there holds what was read from the file. `None` when another file lies there by now.
    pub(super) fn is_in(&self, path: &Path, stamp: &Stamp) -> Option<bool> {
        if stamp.size < self.size_min {
            return Some(false);
        }
        self.head.as_ref().map_or(Some(true), |head| begins_with(path, stamp, head))
    }
}

/// Looks through a folder. What has one of the known inodes is followed already. `None` when its files were renamed
/// meanwhile.
pub(super) fn search(folder: &Path, sought: &Sought, known: &[(u64, u64)]) -> Option<Rotated> {
    let (mut beside, mut itself) = (Vec::new(), None);
    let listed = generations(folder, sought);
    for one in &listed {
        let inode = one.inode();
        let is_its_inode = inode == (sought.device, sought.inode);
        // An inode is used again once its file is gone.
        if is_its_inode && (sought.is_open || sought.is_in(&one.path, &one.stamp)?) {
            itself = Some(one.clone()).filter(|_| !sought.is_had());
        } else if one.is_rotated && !known.contains(&inode) {
            beside.push(one.clone());
        }
    }
    beside.sort_by_key(Generation::age);
    if itself.is_none() && !sought.is_had() && sought.head.is_some() {
        // Whoever copies and truncates, or moves between file systems, gives it another inode.
        for (at, one) in beside.iter().enumerate() {
            let is_old_enough = sought.modified.is_some_and(|modified| one.stamp.modified >= i128::from(modified));
            if !one.is_packed && is_old_enough && sought.is_in(&one.path, &one.stamp)? {
                itself = Some(beside.remove(at));
                break;
            }
        }
    }
    let after = match (&itself, sought.modified) {
        (Some(itself), _) => itself.age(),
        (None, Some(modified)) => (i128::from(modified), i64::MAX),
        // Without a time nothing tells what is younger.
        (None, None) => return Some(Rotated::default()),
    };
    beside.retain(|one| one.age() > after && !(one.is_packed && sought.is_live));
    // A name may have been passed over, or have been met twice, while a rotation went through the folder.
    let lie = |all: &[Generation]| -> Vec<_> { all.iter().map(|one| (one.name.clone(), one.inode())).collect() };
    (lie(&listed) == lie(&generations(folder, sought))).then_some(Rotated { itself, younger: beside })
}

/// What lies in a folder now and may be of that file, by name.
fn generations(folder: &Path, sought: &Sought) -> Vec<Generation> {
    let mut listed = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().take(FILES_MAX) {
        let Ok(entry) = entry else { continue };
        let Ok(metadata) = entry.metadata() else { continue };
        let (name, stamp) = (entry.file_name().to_string_lossy().into_owned(), Stamp::of(&metadata));
        let is_its_inode = (stamp.device, stamp.inode) == (sought.device, sought.inode);
        let rotation = rotation(&sought.name, &name);
        if metadata.is_file() && (is_its_inode || rotation.is_some()) {
            let (is_rotated, (is_packed, rank)) = (rotation.is_some(), rotation.unwrap_or_default());
            listed.push(Generation { name, path: entry.path(), stamp, is_rotated, is_packed, rank });
        }
    }
    listed.sort_by(|one, other| one.name.cmp(&other.name));
    listed
}

impl Generation {
    fn inode(&self) -> (u64, u64) {
        (self.stamp.device, self.stamp.inode)
    }

    fn age(&self) -> (i128, i64) {
        (self.stamp.modified, self.rank)
    }
}

/// Whether a name is that of a generation: whether it is packed, and its rank.
fn rotation(base: &str, name: &str) -> Option<(bool, i64)> {
    let bare = PACKED.iter().find_map(|ending| name.strip_suffix(ending));
    let (name, is_packed) = (bare.unwrap_or(name), bare.is_some());
    if let Some(rest) = name.strip_prefix(base)
        && (rest.starts_with(['.', '-', '_']))
        && (rest == ".old" || is_stamp(rest))
    {
        return Some((is_packed, rank(rest)));
    }
    // `t.log.1.gz` is packed, and so is `t.log.gz`.
    if is_packed && name == base {
        return Some((true, 0));
    }
    let (stem, ending) = base.rsplit_once('.')?;
    let rest = name.strip_prefix(stem)?.strip_suffix(ending)?.strip_suffix('.')?;
    let digits = rest.bytes().filter(u8::is_ascii_digit).count();
    let is_one = is_stamp(rest) && (rest.starts_with('.') || digits >= DATE_DIGITS_MIN);
    (is_one && rest.starts_with(['.', '-', '_'])).then(|| (is_packed, rank(rest)))
}

/// Whether it is made as a count or a date is.
fn is_stamp(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_digit() || b".-_:+TZ".contains(&byte);
    text.bytes().any(|byte| byte.is_ascii_digit()) && text.bytes().all(is_part)
}

/// Counts go down and dates go up as generations get younger.
fn rank(stamp: &str) -> i64 {
    let digits: String = stamp.chars().filter(char::is_ascii_digit).collect();
    let number = digits.parse::<i64>().unwrap_or_default();
    if digits.len() <= COUNT_DIGITS_MAX { -number } else { number }
}

/// Whether a file begins with these bytes. One that cannot be read does not. `None` when it is no longer the file that
/// was stamped.
fn begins_with(path: &Path, stamp: &Stamp, head: &Head) -> Option<bool> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        Err(_) => return Some(false),
    };
    let now = file.metadata().ok().map(|metadata| Stamp::of(&metadata));
    if !now.is_some_and(|now| now.same_file(stamp)) {
        return None;
    }
    let mut bytes = Vec::new();
    let read = file.take(head.length).read_to_end(&mut bytes);
    Some(read.is_ok() && blake3::hash(&bytes).to_hex().as_str() == head.hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generations_are_known_by_their_names() {
        let check = |base: &str, name: &str, want: Option<(bool, i64)>| {
            assert_eq!(rotation(base, name), want, "{base} {name}");
        };
        check("t.log", "t.log", None);
        check("t.log", "t.log.1", Some((false, -1)));
        check("t.log", "t.log.12.gz", Some((true, -12)));
        check("t.log", "t.log.gz", Some((true, 0)));
        check("t.log", "t.log.old", Some((false, 0)));
        check("t.log", "t.log-20261128", Some((false, 20_261_128)));
        check("t.log", "t.log.2026-11-28_10.zst", Some((true, 2_026_112_810)));
        check("t.log", "t.2026-11-28.log", Some((false, 20_261_128)));
        check("t.log", "t-20261128.log", Some((false, 20_261_128)));
        check("t.log", "t.1.log", Some((false, -1)));
        check("t.log", "t-2.log", None);
        check("t.log", "t2.log", None);
        check("t.log", "t.log1", None);
        check("t.log", "t.log.bak", None);
        check("t.log", "t.log.1.reason", None);
        check("log", "log.1", Some((false, -1)));
        check("log", "1.log", None);
        check("t.log", "t..log", None);
    }
}
