//! Files: `collect = { type = "file", path = "in/", pattern = "*.csv", mode = "drop" }`.
//!
//! Two modes. `drop`: each file is one report; it is taken once it has stopped changing and moved to
//! `done/` when durable. `tail`: files grow, and their complete lines are reports as they come. The
//! path `-` is the standard input, read line by line. Names that begin with a dot are left alone, and so are folders.
//! Links, pipes and the like are not followed or read: in mode `drop` they are refused.

mod dropped;
mod kept;
mod late;
mod lines;
mod pattern;
mod tail;

#[cfg(test)]
mod tests;

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use concert_model::Keys;

use self::dropped::Dropped;
use self::lines::Lines;
use self::pattern::Pattern;
pub use self::pattern::overlap;
use self::tail::Tail;
use super::{Listed, Setup};
use crate::Collector;

/// The entry in the list of collectors.
pub const LISTED: Listed = Listed {
    name: "file",
    about: "takes the files of a folder, or follows growing files and standard input line by line",
    read,
};

/// Files looked at in one folder at a time; the rest waits for the next look.
const FILES_MAX: usize = 100_000;

#[derive(Clone, Copy, Debug)]
enum Mode {
    Drop,
    Tail,
}

/// Where following a file begins that was never seen before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum From {
    Start,
    End,
}

fn read(keys: &mut Keys<'_>, setup: &Setup) -> Option<Box<dyn Collector>> {
    let path = keys.require("path", "folder with the files, or one file to follow, or - for standard input");
    let pattern = keys.text_or("pattern", "*", "which file names, with * and ?");
    let modes = [("drop", Mode::Drop), ("tail", Mode::Tail)];
    let mode = keys.choice_or("mode", &modes, "drop", "drop: each file is a report; tail: follow growing files");
    let every = keys.duration_or("every", "500ms", "how often the folder is looked at (drop)");
    let settle = keys.duration_or("settle", "1s", "how long a file must stay unchanged before it is taken (drop)");
    let places = [("start", From::Start), ("end", From::End)];
    let from = keys.choice_or("from", &places, "start", "where to begin in a file never seen before (tail)");
    let wide = |time: Duration| time.clamp(Duration::from_millis(100), Duration::from_secs(86_400));
    let (path, mode, from) = (path?, mode?, from?);
    tell_idle(keys, setup, &path, mode);
    if path == "-" {
        return Some(Box::new(Lines::new(setup)));
    }
    let pattern = match Pattern::new(&pattern) {
        Ok(pattern) => pattern,
        Err(why) => {
            keys.problem("pattern", why, "write a file name with * and ?, without folders: \"*.csv\"");
            return None;
        }
    };
    if matches!(mode, Mode::Drop) && is_refused(keys, setup, &path, &pattern) {
        return None;
    }
    Some(match mode {
        Mode::Drop => Box::new(Dropped::new(setup, &path, pattern, wide(every), wide(settle))),
        Mode::Tail => Box::new(Tail::new(setup, &path, pattern, from)),
    })
}

/// Tells keys without effect: those of the other mode, and the pattern where `path` is one file.
fn tell_idle(keys: &Keys<'_>, setup: &Setup, path: &str, mode: Mode) {
    let is_input = path == "-";
    let idle: &[&str] = match mode {
        _ if is_input => &["pattern", "every", "settle", "from"],
        Mode::Drop => &["from"],
        Mode::Tail => &["every", "settle"],
    };
    let (other, here) = match mode {
        _ if is_input => ("", "for standard input"),
        Mode::Drop => ("write mode = \"tail\", or ", "in mode `drop`"),
        Mode::Tail => ("write mode = \"drop\", or ", "in mode `tail`"),
    };
    for name in idle.iter().filter(|name| keys.has(name)) {
        keys.problem(name, format!("`{name}` has no effect {here}"), format!("{other}leave `{name}` out"));
    }
    if matches!(mode, Mode::Tail) && !is_input && keys.has("pattern") && setup.path(path).is_file() {
        let what = format!("`pattern` has no effect: `{path}` is one file to follow");
        keys.problem("pattern", what, "name the folder in `path`, or leave `pattern` out");
    }
    if path.contains(['*', '?']) {
        let hint = "name the folder in `path`, and the files in it by `pattern`: path = \"in/\", pattern = \"*.csv\"";
        keys.problem("path", format!("`{path}` is one name: * and ? stand for themselves in `path`"), hint);
    }
}

/// Folders of a site whose files are no reports.
const OWN: [&str; 6] = ["data", "secrets", "keys", "templates", "conf.d", "processes"];
/// The settings of a site.
const SETTINGS: &str = "concert.toml";

/// Whether files must not be taken from there, which is told: they are moved away once they are taken.
fn is_refused(keys: &Keys<'_>, setup: &Setup, path: &str, pattern: &Pattern) -> bool {
    let (hint, folder) = ("give the reports a folder of their own: path = \"in/\"", setup.path(path));
    if path.is_empty() {
        keys.problem("path", "`path` is empty", hint);
        return true;
    }
    if folder.is_file() {
        let hint = "name its folder in `path` and the file in `pattern`, or write mode = \"tail\" to follow it";
        keys.problem("path", format!("`{path}` is a file: in mode `drop` whole files are taken from a folder"), hint);
        return true;
    }
    let real = |path: &Path| path.canonicalize().ok();
    let site = real(&setup.site_dir);
    let takes_settings = site.is_some()
        && real(&folder) == site
        && setup.site_dir.join(SETTINGS).exists()
        && pattern.matches(SETTINGS.as_ref());
    // What is not there yet is where its folder is.
    let nearest = folder.ancestors().find_map(real);
    let is_within = |own: &str| {
        let own = real(&setup.site_dir.join(own));
        own.zip(nearest.as_ref()).is_some_and(|(own, nearest)| nearest.starts_with(own))
    };
    if takes_settings {
        let what = format!("`{path}` is the folder of the site itself: its settings would be taken away as reports");
        keys.problem("path", what, hint);
    } else if let Some(own) = OWN.iter().find(|own| is_within(own)) {
        let what =
            format!("`{path}` is in the folder `{own}/` of the site: its own files would be taken away as reports");
        keys.problem("path", what, hint);
    } else {
        return false;
    }
    true
}

/// What tells whether a file is the same and unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    /// Nanoseconds since 1970, of the last write.
    modified: i128,
    /// Nanoseconds since 1970, of the last change of name, mode or content.
    changed: i128,
}

impl Stamp {
    fn of(metadata: &Metadata) -> Stamp {
        let nanoseconds = |seconds: i64, rest: i64| i128::from(seconds) * 1_000_000_000 + i128::from(rest);
        Stamp {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
            changed: nanoseconds(metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// Same file, whatever is in it now.
    fn same_file(&self, other: &Stamp) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }

    /// Same file with the same content, as far as can be told without reading it.
    fn same_content(&self, other: &Stamp) -> bool {
        Stamp { changed: 0, ..*self } == Stamp { changed: 0, ..*other }
    }
}

/// A file name for people and for the report; bytes that are not UTF-8 are replaced.
fn shown(name: &std::ffi::OsStr) -> String {
    name.to_string_lossy().into_owned()
}

/// What lies in a folder and matches.
#[derive(Default)]
struct Listing {
    /// Plain files, oldest first.
    files: Vec<(std::ffi::OsString, Stamp)>,
    /// What is neither a plain file nor a folder.
    odd: Vec<std::ffi::OsString>,
    /// Folders.
    folders: Vec<std::ffi::OsString>,
}

/// Plain files of a folder that match, oldest first.
fn list(folder: &Path, pattern: &Pattern) -> Result<Vec<(std::ffi::OsString, Stamp)>, String> {
    list_all(folder, pattern).map(|listing| listing.files)
}

fn list_all(folder: &Path, pattern: &Pattern) -> Result<Listing, String> {
    let say = |error: std::io::Error| format!("{}: {error}", folder.display());
    let mut all = Listing::default();
    for entry in std::fs::read_dir(folder).map_err(say)? {
        let entry = entry.map_err(say)?;
        let name = entry.file_name();
        if !pattern.matches(&name) {
            continue;
        }
        // A file may be gone between the listing and the look at it; that is no trouble.
        let Ok(metadata) = entry.metadata() else { continue };
        if metadata.is_file() {
            all.files.push((name, Stamp::of(&metadata)));
        } else if metadata.is_dir() {
            all.folders.push(name);
        } else {
            all.odd.push(name);
        }
        if all.files.len().max(all.odd.len()).max(all.folders.len()) == FILES_MAX {
            break;
        }
    }
    all.files.sort_by(|(a, x), (b, y)| (x.modified, a).cmp(&(y.modified, b)));
    Ok(all)
}
