//! `type = "file"`: each notice becomes a file in a folder.
//!
//! The file is called by the notice's number and the ending of its payload, and appears whole: it is
//! written beside its place under a hidden name, made durable, then renamed. A file that is already
//! there with the same bytes counts as delivered, so a second attempt after a crash does no harm;
//! one with other bytes is never touched, because somebody else wrote it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use concert_model::message::Outcome;
use concert_model::{Keys, Message, Problem};

use super::{Listed, Setup};
use crate::Deliverer;
use crate::openpgp::KeysAt;

/// The catalogue line.
pub const LISTED: Listed = Listed { name: "file", about: "writes each notice as a file into a folder", read };

/// File systems in use take names of 255 bytes; the hidden name needs a few more than the final one.
const NAME_BYTES_MAX: usize = 200;
/// Longest ending that is taken from the payload's name.
const ENDING_BYTES_MAX: usize = 10;

struct FileOut {
    folder: PathBuf,
}

fn read(keys: &mut Keys<'_>, setup: &Setup) -> Option<Box<dyn Deliverer>> {
    let path = keys.require("path", "folder the files are written into; made when it is missing")?;
    if path.is_empty() {
        keys.problem("path", "`path` is empty", "name a folder: path = \"out/\"");
        return None;
    }
    let folder = setup.site_dir.join(&path);
    // A folder that is missing is made; what is there and is none stands in the way for ever.
    let there = folder.ancestors().find(|place| fs::symlink_metadata(place).is_ok());
    if let Some(there) = there.filter(|there| !there.is_dir()) {
        let what = match there == folder {
            true => format!("`{path}` is a file, and no folder"),
            false => format!("`{path}` cannot be a folder: {} is a file", there.display()),
        };
        keys.problem("path", what, "name a folder: path = \"out/\"");
        return None;
    }
    Some(Box::new(FileOut { folder }))
}

#[async_trait]
impl Deliverer for FileOut {
    fn compose(&self, message: &Message, _: &KeysAt<'_>) -> Result<Vec<u8>, String> {
        Ok(message.payload.bytes.clone())
    }

    async fn deliver(&self, message: &Message, bytes: &[u8]) -> Outcome {
        let name = match file_name(message) {
            Ok(name) => name,
            Err(why) => return Outcome::Never(why),
        };
        let (folder, bytes) = (self.folder.clone(), bytes.to_vec());
        let place = folder.join(&name).display().to_string();
        match tokio::task::spawn_blocking(move || put(&folder, &name, &bytes)).await {
            Ok(Ok(Put::Written)) => Outcome::Done(format!("written to {place}")),
            Ok(Ok(Put::Same)) => Outcome::Done(format!("{place} was there already")),
            Ok(Ok(Put::Other)) => Outcome::Never(format!("{place} exists with other content")),
            Ok(Err(error)) => failed(&place, &error),
            Err(error) => Outcome::Later(format!("writing {place} broke off: {error}"), None),
        }
    }

    async fn check(&self) -> Result<String, Problem> {
        let folder = self.folder.clone();
        let tried = tokio::task::spawn_blocking(move || probe(&folder)).await;
        let place = self.folder.display();
        match tried {
            Ok(Ok(())) => Ok(format!("{place} can be written")),
            Ok(Err(error)) => Err(Problem::new(format!("{place} cannot be written: {error}"))
                .hint("give the folder to the user that runs Concert, or name another in `path`")),
            Err(error) => Err(Problem::new(format!("looking at {place} broke off: {error}"))),
        }
    }
}

fn failed(place: &str, error: &io::Error) -> Outcome {
    let what = format!("{place} cannot be written: {error}");
    match error.kind() {
        ErrorKind::InvalidFilename | ErrorKind::InvalidInput => Outcome::Never(what),
        _ => Outcome::Later(what, None),
    }
}

/// `<notice>.<ending of the payload's name>`.
fn file_name(message: &Message) -> Result<String, String> {
    let notice = &message.notice;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if notice.is_empty() || notice.starts_with('.') || notice.len() > NAME_BYTES_MAX || !notice.bytes().all(plain) {
        return Err(format!("the notice number `{}` cannot be a file name", notice.escape_default()));
    }
    let ending = message.payload.name.rsplit_once('.').map(|(_, ending)| ending).unwrap_or_default();
    let usable = !ending.is_empty()
        && ending.len() <= ENDING_BYTES_MAX
        && ending.bytes().all(|byte| byte.is_ascii_alphanumeric());
    Ok(format!("{notice}.{}", if usable { ending } else { "bin" }))
}

enum Put {
    Written,
    Same,
    Other,
}

fn put(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<Put> {
    let place = folder.join(name);
    match File::open(&place) {
        Ok(file) if same(&file, bytes)? => {
            // The attempt that wrote it may have been killed before the folder was made durable.
            sync_folder(folder)?;
            return Ok(Put::Same);
        }
        Ok(_) => return Ok(Put::Other),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let hidden = folder.join(format!(".{name}.part"));
    let mut file = create(folder, &hidden)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all()).and_then(|()| fs::rename(&hidden, &place));
    if let Err(error) = written {
        // On a full disk the piece must not stay; whether removing works changes nothing for the caller.
        drop(fs::remove_file(&hidden));
        return Err(error);
    }
    sync_folder(folder)?;
    Ok(Put::Written)
}

/// Opens a new file. The folder is made only when opening shows that it is missing, and what an
/// earlier attempt left behind is removed rather than opened, because a link could stand there.
fn create(folder: &Path, hidden: &Path) -> io::Result<File> {
    let open = || OpenOptions::new().write(true).create_new(true).open(hidden);
    match open() {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            make_folder(folder)?;
            open()
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            fs::remove_file(hidden)?;
            open()
        }
        other => other,
    }
}

fn make_folder(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    match folder.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => sync_folder(parent),
        _ => Ok(()),
    }
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn same(file: &File, bytes: &[u8]) -> io::Result<bool> {
    let about = file.metadata()?;
    if !about.is_file() || about.len() != bytes.len() as u64 {
        return Ok(false);
    }
    let mut there = Vec::with_capacity(bytes.len());
    file.take(bytes.len() as u64 + 1).read_to_end(&mut there)?;
    Ok(there == bytes)
}

fn probe(folder: &Path) -> io::Result<()> {
    let hidden = folder.join(".concert-check.part");
    drop(create(folder, &hidden)?);
    fs::remove_file(&hidden)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::super::tests::{message, no_keys, read as read_settings};
    use super::*;

    struct Site {
        dir: tempfile::TempDir,
        out: Box<dyn Deliverer>,
    }

    fn site() -> Site {
        let dir = tempfile::tempdir().unwrap();
        let out = read_settings("file", "path = \"out/deep\"\n", dir.path()).map_err(|e| e.join("\n")).unwrap();
        Site { dir, out }
    }

    impl Site {
        async fn send(&self, message: &Message) -> Outcome {
            let bytes = self.out.compose(message, &no_keys()).unwrap();
            self.out.deliver(message, &bytes).await
        }

        fn files(&self) -> Vec<String> {
            let entries = fs::read_dir(self.dir.path().join("out/deep")).unwrap();
            let mut names: Vec<String> =
                entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
            names.sort();
            names
        }
    }

    #[tokio::test]
    async fn a_notice_becomes_one_file_with_just_its_payload() {
        let site = site();
        let message = message("N7");
        assert!(matches!(site.send(&message).await, Outcome::Done(_)));
        assert_eq!(site.files(), ["N7.csv"]);
        assert_eq!(fs::read(site.dir.path().join("out/deep/N7.csv")).unwrap(), message.payload.bytes);
    }

    #[test]
    fn what_stands_in_the_way_is_told_when_settings_are_read() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("out"), "a file").unwrap();
        fs::create_dir(dir.path().join("folder")).unwrap();
        let check = |path: &str, want: &str| {
            let read = read_settings("file", &format!("path = \"{path}\"\n"), dir.path());
            let told = read.err().map(|problems| problems.join("\n")).unwrap_or_default();
            assert!(told.contains(want) && told.is_empty() == want.is_empty(), "{path}: {told}");
        };
        check("out", "`out` is a file, and no folder");
        check("out/deep/er", "`out/deep/er` cannot be a folder: ");
        check("folder", "");
        check("folder/not/yet/", "");
    }

    #[tokio::test]
    async fn a_second_attempt_finds_its_file_and_another_content_is_left_alone() {
        let site = site();
        let mut message = message("N7");
        site.send(&message).await;
        let Outcome::Done(text) = site.send(&message).await else { panic!("not done") };
        assert!(text.contains("already"), "{text}");
        message.payload.bytes.push(b'x');
        assert!(matches!(site.send(&message).await, Outcome::Never(_)));
        assert_eq!(fs::read(site.dir.path().join("out/deep/N7.csv")).unwrap().last(), Some(&b'\n'));
    }

    #[tokio::test]
    async fn what_a_killed_attempt_left_is_replaced_and_links_are_not_followed() {
        let site = site();
        let folder = site.dir.path().join("out/deep");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(".N7.csv.part"), b"half").unwrap();
        let victim = site.dir.path().join("victim");
        fs::write(&victim, b"precious").unwrap();
        symlink(&victim, folder.join(".N8.csv.part")).unwrap();
        assert!(matches!(site.send(&message("N7")).await, Outcome::Done(_)));
        assert!(matches!(site.send(&message("N8")).await, Outcome::Done(_)));
        assert_eq!(site.files(), ["N7.csv", "N8.csv"]);
        assert_eq!(fs::read(&victim).unwrap(), b"precious");
    }

    #[tokio::test]
    async fn a_folder_that_cannot_be_made_means_later() {
        let site = site();
        fs::write(site.dir.path().join("out"), b"a file stands where the folder should be").unwrap();
        assert!(matches!(site.send(&message("N7")).await, Outcome::Later(_, None)));
        assert!(site.out.check().await.unwrap_err().what.contains("cannot be written"));
        fs::remove_file(site.dir.path().join("out")).unwrap();
        assert!(matches!(site.send(&message("N7")).await, Outcome::Done(_)));
        assert!(site.out.check().await.unwrap().contains("can be written"));
        assert_eq!(site.files(), ["N7.csv"]);
    }

    #[tokio::test]
    async fn no_permission_means_later() {
        let site = site();
        let folder = site.dir.path().join("out/deep");
        fs::create_dir_all(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o500)).unwrap();
        // The superuser may write anyway; then there is nothing to refuse.
        if File::create(folder.join("probe")).is_ok() {
            println!("skipped: this user may write everywhere");
            return;
        }
        assert!(matches!(site.send(&message("N7")).await, Outcome::Later(_, None)));
    }

    #[test]
    fn names_stay_inside_the_folder() {
        let check = |notice: &str, payload: &str, want: Option<&str>| {
            let mut message = message(notice);
            message.payload.name = payload.into();
            assert_eq!(file_name(&message).ok().as_deref(), want, "{notice} {payload}");
        };
        check("2026-N1", "events.csv", Some("2026-N1.csv"));
        check("N1", "events", Some("N1.bin"));
        check("N1", "events.c/../sv", Some("N1.bin"));
        check("../N1", "events.csv", None);
        check("a/b", "events.csv", None);
        check(".hidden", "events.csv", None);
        check("", "events.csv", None);
        check("N1\n", "events.csv", None);
        check(&"N".repeat(201), "events.csv", None);
    }
}
