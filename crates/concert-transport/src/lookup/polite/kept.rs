//! Answers on disk: one file each, named by the hash of the question, for a day at most, and how often there was trouble.
//!
//! A file is one line of JSON and the body. What cannot be read is as if it were not there; what cannot be
//! written is told once in the log, and everything goes on without.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use concert_model::Time;
use serde_json::{Value, json};

use super::{GOOD_FOR, Got, Missing};

/// Answers remembered at most, and bytes of all of them.
const ENTRIES_MAX: usize = 2_000;
const BYTES_MAX: u64 = 64 << 20;
/// Largest file that is read: a document and what is said of it.
const ENTRY_BYTES_MAX: u64 = 8 << 20;

/// The folder of answers.
pub(super) struct Kept {
    folder: PathBuf,
    /// How many answers there are and their bytes, as far as this process knows.
    size: Mutex<(usize, u64)>,
}

impl Kept {
    /// Opens the folder and removes what is too old or too much.
    pub(super) fn open(folder: PathBuf, now: Time) -> Kept {
        let size = prune(&folder, now);
        Kept { folder, size: Mutex::new(size) }
    }

    /// What was answered to this question, while it holds.
    pub(super) fn recall(&self, asked: &str, now: Time) -> Option<Result<Got, Missing>> {
        let (head, body) = self.read(asked, now)?;
        let text = |key: &str| head.get(key).and_then(Value::as_str);
        let until = until(&head)?;
        if until <= now {
            return None;
        }
        match text("why") {
            Some(why) => {
                let again = (troubles(&head) > 0).then_some(until);
                Some(Err(Missing { why: why.to_owned(), again }))
            }
            None => Some(Ok(Got { url: text("url")?.to_owned(), body })),
        }
    }

    /// How often in a row there was a trouble with this question that may pass, also where what is remembered of it no
    /// longer holds. After a day nothing is left of it.
    pub(super) fn troubles(&self, asked: &str, now: Time) -> u32 {
        self.read(asked, now).map_or(0, |(head, _)| troubles(&head))
    }

    /// What is remembered of a question, and the body of its answer.
    fn read(&self, asked: &str, now: Time) -> Option<(Value, Vec<u8>)> {
        let path = self.path(asked);
        if fs::metadata(&path).ok()?.len() > ENTRY_BYTES_MAX {
            return None;
        }
        let bytes = fs::read(path).ok()?;
        let end = bytes.iter().position(|byte| *byte == b'\n')?;
        let (head, body) = bytes.split_at_checked(end)?;
        let head: Value = serde_json::from_slice(head).ok()?;
        let until = until(&head)?;
        // A clock that was set back must not make an answer hold for ever.
        let is_of_now = until > now.plus_seconds(-GOOD_FOR) && until <= now.plus_seconds(2 * GOOD_FOR);
        let is_it = head.get("asked").and_then(Value::as_str) == Some(asked) && is_of_now;
        is_it.then(|| (head, body.get(1..).unwrap_or_default().to_vec()))
    }

    /// Remembers an answer until then.
    pub(super) fn keep(&self, asked: &str, answer: &Result<Got, Missing>, until: Time) {
        let (url, why, body) = match answer {
            Ok(got) => (got.url.as_str(), None, got.body.as_slice()),
            Err(missing) => ("", Some(&missing.why), [].as_slice()),
        };
        let troubles = match answer {
            Err(Missing { again: Some(_), .. }) => self.troubles(asked, until).saturating_add(1),
            _ => 0,
        };
        let head = json!({"asked": asked, "url": url, "why": why, "until": until.0, "troubles": troubles});
        let mut bytes = head.to_string().into_bytes();
        bytes.push(b'\n');
        bytes.extend_from_slice(body);
        let mut size = self.size.lock().unwrap_or_else(PoisonError::into_inner);
        if size.0 >= ENTRIES_MAX || size.1 >= BYTES_MAX {
            *size = prune(&self.folder, until);
        }
        match write(&self.path(asked), &bytes) {
            Ok(()) => *size = (size.0 + 1, size.1 + bytes.len() as u64),
            Err(error) => tracing::warn!("{}: answers cannot be remembered: {error}", self.folder.display()),
        }
    }

    fn path(&self, asked: &str) -> PathBuf {
        self.folder.join(blake3::hash(asked.as_bytes()).to_hex().as_str())
    }
}

/// Until when what is remembered holds.
fn until(head: &Value) -> Option<Time> {
    head.get("until").and_then(Value::as_i64).map(Time)
}

/// How often there was a trouble; what an earlier Concert wrote down has none.
fn troubles(head: &Value) -> u32 {
    head.get("troubles").and_then(Value::as_u64).and_then(|count| u32::try_from(count).ok()).unwrap_or(0)
}

/// Whole or not at all. It need not survive a power cut.
fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let part = path.with_extension(std::process::id().to_string());
    fs::write(&part, bytes)?;
    fs::rename(part, path)
}

/// Removes what is older than a day, then the oldest until a quarter of the room is free. Gives how many are
/// left and their bytes.
fn prune(folder: &Path, now: Time) -> (usize, u64) {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(now.seconds()).unwrap_or(0));
    let age_max = Duration::from_secs(GOOD_FOR.unsigned_abs());
    let mut files: Vec<(SystemTime, u64, PathBuf)> = Vec::new();
    // A folder that is not there yet holds nothing.
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(about) = entry.metadata() else { continue };
        if about.is_file() {
            files.push((about.modified().unwrap_or(SystemTime::UNIX_EPOCH), about.len(), entry.path()));
        }
    }
    files.sort();
    let (mut count, mut bytes) = (files.len(), files.iter().map(|(_, length, _)| length).sum::<u64>());
    let is_full = count >= ENTRIES_MAX || bytes >= BYTES_MAX;
    for (changed, length, path) in files {
        let is_old = now.duration_since(changed).is_ok_and(|age| age > age_max);
        let is_much = is_full && (count > ENTRIES_MAX / 4 * 3 || bytes > BYTES_MAX / 4 * 3);
        if (is_old || is_much) && fs::remove_file(path).is_ok() {
            (count, bytes) = (count - 1, bytes - length);
        }
    }
    (count, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_hold_until_then_and_no_longer() {
        let dir = tempfile::tempdir().unwrap();
        let now = Time::from_seconds(1_795_323_030).unwrap();
        let kept = Kept::open(dir.path().join("live"), now);
        let good = Ok(Got { url: "https://b.example/".into(), body: b"{\n}".to_vec() });
        assert_eq!(kept.recall("https://a.example/", now), None);
        kept.keep("https://a.example/", &good, now.plus_seconds(60));
        assert_eq!(kept.recall("https://a.example/", now), Some(good));
        assert_eq!(kept.recall("https://a.example/", now.plus_seconds(60)), None);
        assert_eq!(kept.recall("https://a.example/", now.plus_seconds(-3 * GOOD_FOR)), None);
        kept.keep("https://a.example/", &Err("gone".to_owned().into()), now.plus_seconds(60));
        assert_eq!(kept.recall("https://a.example/", now), Some(Err("gone".to_owned().into())));
        // Troubles are counted while they come one after another.
        for times in 1..=3 {
            assert_eq!(kept.troubles("https://a.example/", now), times - 1);
            let trouble = Missing { why: "slow".into(), again: Some(now.plus_seconds(60)) };
            kept.keep("https://a.example/", &Err(trouble.clone()), now.plus_seconds(60));
            assert_eq!(kept.recall("https://a.example/", now), Some(Err(trouble)));
        }
        assert_eq!(kept.troubles("https://a.example/", now.plus_seconds(3_600)), 3);
        assert_eq!(kept.troubles("https://a.example/", now.plus_seconds(60 + GOOD_FOR)), 0);
        // Damaged, or another question's.
        for wrong in ["", "x", "{}\n", "{\"asked\":\"https://b.example/\",\"until\":9999999999999999}\n"] {
            fs::write(kept.path("https://a.example/"), wrong).unwrap();
            assert_eq!(kept.recall("https://a.example/", now), None, "{wrong}");
        }
        // A folder that cannot be made is no failure.
        fs::write(dir.path().join("file"), "").unwrap();
        Kept::open(dir.path().join("file"), now).keep("https://a.example/", &Err("x".to_owned().into()), now);
    }

    #[test]
    fn the_oldest_make_room() {
        let dir = tempfile::tempdir().unwrap();
        let now = Time::from_seconds(1_795_323_030).unwrap();
        let at = |seconds: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_323_030 - seconds);
        for number in 0..ENTRIES_MAX as u64 + 10 {
            let file = fs::File::create(dir.path().join(number.to_string())).unwrap();
            file.set_modified(at(if number < 100 { 90_000 } else { 9_000 - number })).unwrap();
        }
        let kept = Kept::open(dir.path().to_owned(), now);
        assert_eq!(kept.size.lock().unwrap().0, ENTRIES_MAX / 4 * 3);
        assert!(dir.path().join("2009").exists() && !dir.path().join("0").exists());
    }
}
