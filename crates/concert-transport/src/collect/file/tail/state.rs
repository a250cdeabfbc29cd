//! What is remembered of followed files: one JSON text that survives restarts.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use concert_model::Time;
use serde_json::{Value, json};
use tokio::fs::File;

use super::super::Stamp;
use super::QUIET;
use super::rotated::Generation;

/// All files followed by one feed.
#[derive(Default)]
pub(super) struct State {
    pub(super) files: Vec<Followed>,
    /// Counts files seen; it tells two files apart that had the same inode one after the other.
    next_serial: u64,
    /// Nothing was ever remembered: this is the first look.
    pub(super) fresh: bool,
    /// How many files were said to be left out, and when.
    pub(super) left_out: Option<(u64, Time)>,
}

/// One file and how far it was read.
#[derive(Default)]
pub(super) struct Followed {
    pub(super) name: String,
    pub(super) device: u64,
    pub(super) inode: u64,
    /// The inode with which it was first seen; its reports are known by it.
    pub(super) first_inode: u64,
    pub(super) serial: u64,
    /// Everything before it is durable.
    pub(super) offset: u64,
    /// End of the span being kept; the same as `offset` when none is.
    pub(super) plan: u64,
    /// Hash of its first bytes: of a file that begins otherwise the offset means nothing.
    pub(super) head: Option<Head>,
    /// Nanoseconds since 1970 of its last write, as it was when it was read last.
    pub(super) modified: Option<u64>,
    pub(super) file: Option<File>,
    /// Where it was found after it was rotated away.
    pub(super) place: Option<PathBuf>,
    /// It was looked at since this process began.
    pub(super) is_live: bool,
    /// It is no longer found under its name.
    pub(super) gone: bool,
    /// Size and last write when it was last read to its end.
    pub(super) read_to: Option<(u64, SystemTime)>,
    /// Nothing more is to be expected of it.
    pub(super) finished: bool,
}

/// Hash of the first bytes of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) length: u64,
    pub(super) hash: String,
}

impl State {
    /// Reads what [`State::write`] wrote. What cannot be read is taken as never written.
    pub(super) fn read(text: Option<&str>) -> State {
        let value: Option<Value> = text.and_then(|text| serde_json::from_str(text).ok());
        let Some(value) = value else { return State { fresh: true, ..State::default() } };
        let number = |value: &Value, key: &str| value.get(key).and_then(Value::as_u64).unwrap_or(0);
        let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let files = value.get("files").and_then(Value::as_array).into_iter().flatten();
        let files = files.map(|file| Followed {
            name: text(file, "name"),
            device: number(file, "device"),
            inode: number(file, "inode"),
            first_inode: number(file, if file.get("first_inode").is_some() { "first_inode" } else { "inode" }),
            serial: number(file, "serial"),
            offset: number(file, "offset"),
            plan: number(file, "plan"),
            head: Some(Head { length: number(file, "head_length"), hash: text(file, "head") })
                .filter(|head| head.length > 0),
            modified: file.get("modified").and_then(Value::as_u64),
            finished: file.get("finished").and_then(Value::as_bool).unwrap_or_default(),
            ..Followed::default()
        });
        let left_out = value.get("left_out").map(|one| (number(one, "count"), number(one, "told")));
        let left_out = left_out.map(|(count, told)| (count, Time(i64::try_from(told).unwrap_or(0))));
        State { files: files.collect(), next_serial: number(&value, "next_serial"), fresh: false, left_out }
    }

    pub(super) fn write(&self) -> String {
        let file = |file: &Followed| {
            json!({
                "name": file.name, "device": file.device, "inode": file.inode, "first_inode": file.first_inode,
                "serial": file.serial,
                "offset": file.offset, "plan": file.plan,
                "head": file.head.as_ref().map_or("", |head| &head.hash),
                "head_length": file.head.as_ref().map_or(0, |head| head.length),
                "modified": file.modified, "finished": file.finished,
            })
        };
        let files: Vec<Value> = self.files.iter().map(file).collect();
        let mut all = json!({ "next_serial": self.next_serial, "files": files });
        if let (Some((count, told)), Some(all)) = (self.left_out, all.as_object_mut()) {
            all.insert("left_out".to_owned(), json!({ "count": count, "told": told.0 }));
        }
        all.to_string()
    }

    /// A file seen for the first time, to be read from its start.
    pub(super) fn add(&mut self, name: String, stamp: &Stamp) -> Followed {
        let serial = self.next_serial;
        self.next_serial += 1;
        let (device, inode) = (stamp.device, stamp.inode);
        let modified = u64::try_from(stamp.modified).ok();
        Followed { name, device, inode, first_inode: inode, serial, modified, ..Followed::default() }
    }

    /// Takes up a generation that was found beside the file it was born from, to be read as that is.
    pub(super) fn add_generation(&mut self, name: &str, generation: &Generation) {
        let mut followed = self.add(name.to_owned(), &generation.stamp);
        followed.place = Some(generation.path.clone());
        followed.finished = generation.is_packed;
        self.files.push(followed);
    }

    /// Whether none that is followed under the same name was born after it.
    pub(super) fn is_youngest(&self, file: &Followed) -> bool {
        !self.files.iter().any(|other| other.name == file.name && other.serial > file.serial)
    }

    /// Those that are followed besides this one, by device and inode.
    pub(super) fn known_besides(&self, serial: u64) -> Vec<(u64, u64)> {
        let others = self.files.iter().filter(|file| file.serial != serial);
        others.map(|file| (file.device, file.inode)).collect()
    }

    /// Takes up a file as the last born.
    pub(super) fn push(&mut self, file: Followed) {
        let serial = self.next_serial;
        self.next_serial += 1;
        self.files.push(Followed { serial, ..file });
    }

    /// The same inode holds another content now.
    pub(super) fn begin_anew(&mut self, at: usize) {
        let serial = self.next_serial;
        if let Some(file) = self.files.get_mut(at) {
            self.next_serial += 1;
            (file.serial, file.offset, file.plan, file.head) = (serial, 0, 0, None);
            (file.read_to, file.modified) = (None, None);
        }
    }
}

impl Followed {
    /// Opens the file where it is not open yet: where it was seen, else where it was found after it
    /// was rotated away. `false` when another lies there by now: then it is to be looked for again.
    pub(super) async fn open(&mut self, seen: Option<&Path>) -> Result<bool, String> {
        if self.file.is_some() || self.finished {
            return Ok(true);
        }
        let (mut has_moved, found) = (false, self.place.take());
        for place in seen.map(Path::to_owned).into_iter().chain(found) {
            let say = |error: std::io::Error| format!("{}: {error}", place.display());
            let file = match File::open(&place).await {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
                opened => Some(opened.map_err(say)?),
            };
            if let Some(file) = file {
                let stamp = Stamp::of(&file.metadata().await.map_err(say)?);
                if (stamp.device, stamp.inode) == (self.device, self.inode) {
                    (self.file, self.place) = (Some(file), Some(place));
                    return Ok(true);
                }
            }
            has_moved = true;
        }
        Ok(!has_moved)
    }

    /// What lies at its place now that it was begun anew.
    pub(super) fn anew(&mut self) -> Followed {
        let (device, inode, file) = (self.device, self.inode, self.file.take());
        Followed { name: self.name.clone(), device, inode, first_inode: inode, file, ..Followed::default() }
    }

    /// It lies elsewhere, and maybe as a copy.
    pub(super) fn moved_to(&mut self, generation: &Generation) {
        (self.device, self.inode) = (generation.stamp.device, generation.stamp.inode);
        (self.place, self.file, self.read_to) = (Some(generation.path.clone()), None, None);
    }

    /// Whether it was read to its end and not written to since.
    pub(super) async fn is_unchanged(&mut self) -> bool {
        let now = self.size_and_write().await;
        !self.gone && now.is_some() && now == self.read_to
    }

    /// Whether it was rotated away, and its writer has let go of it.
    pub(super) async fn is_quiet(&mut self, now: Time) -> bool {
        if !self.gone {
            return false;
        }
        let Some((_, written)) = self.size_and_write().await else { return true };
        let written = written.duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
        let age = i128::from(now.0) - i128::try_from(written).unwrap_or(i128::MAX);
        age >= i128::try_from(QUIET.as_micros()).unwrap_or(i128::MAX)
    }

    pub(super) async fn size_and_write(&mut self) -> Option<(u64, SystemTime)> {
        let metadata = self.file.as_mut()?.metadata().await.ok()?;
        Some((metadata.len(), metadata.modified().ok()?))
    }
}
