//! `concert restore FILE`: a backup becomes a site, in an empty folder only.
//!
//! Everything is unpacked beside its place and compared with the hashes in the backup; only when all
//! of it is right does it get its names, the settings last. With `--copy` a file among the settings keeps the site from
//! reading what the original reads and from sending what the original sends.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use concert_model::Problem;
use concert_store::Store;

use super::SiteArg;
use super::backup::{HEAD, LIST, SETTINGS};
use crate::print::say;
use crate::problems::{Exit, Failure, outside};
use crate::settings::{LoadFor, Settings};

/// Where things stand until all of them were found right.
const ASIDE: &str = ".restore";
/// Most files in a backup.
const FILES_MAX: usize = 20_000_000;
/// Most bytes of the list of hashes.
const LIST_BYTES_MAX: u64 = 4 << 30;
/// Longest name of a file.
const NAME_BYTES_MAX: usize = 1024;

/// The file of a copy. The last in order decides, and people rarely name one beyond it.
const COPY: &str = "conf.d/zz-copy.toml";
const COPY_TEXT: &str = r#"# This site is a copy, made by `concert restore --copy`: it may run beside the one it was made of.
# Remove this file when it is to take the place of that one, which must not run any more then.

# Feeds and the mailbox belong to the original. What is ingested or pushed here is taken.
[collect]
paused = true

# Notices are made, and nobody gets them.
[deliver]
dry_run = true

# On the same machine the pages need an address of their own:
# [serve]
# listen = "127.0.0.1:8081"
"#;

/// Make a site from a backup. The folder of the site must be empty or not there yet.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  concert restore --site /srv/cert cert-2026-11-22.tar.zst\n  concert restore --copy --site /tmp/trial cert-2026-11-22.tar.zst"
)]
pub(super) struct Args {
    /// The backup.
    file: PathBuf,
    /// For trying things out beside the site it was made of: nothing is collected and nothing is sent.
    #[arg(long)]
    copy: bool,
}

pub(super) fn run(args: &Args, site: &SiteArg) -> Result<Exit, Failure> {
    let dir = &site.dir;
    let cannot = |error: io::Error| {
        Failure::usage(Problem::new(format!("cannot be read: {error}")).at(args.file.display().to_string()))
    };
    let file = File::open(&args.file).map_err(cannot)?;
    let is_there = fs::read_dir(dir);
    if is_there.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::NotFound) {
        return Err(Failure::usage(Problem::new("is not a folder").at(dir.display().to_string())));
    }
    if is_there.is_ok_and(|mut entries| entries.next().is_some()) {
        let problem = Problem::new("the folder is not empty").at(dir.display().to_string());
        return Err(Failure::usage(problem.hint("restore into a new folder: --site DIR; nothing was changed")));
    }
    let aside = dir.join(ASIDE);
    let unpacked = unpack(file, &aside).and_then(|count| {
        if args.copy {
            mark_as_copy(&aside).map_err(|error| outside(format!("`{COPY}` cannot be written"), &error))?;
        }
        settle(dir, &aside).map(|()| count)
    });
    let count = unpacked.inspect_err(|_| {
        // The folder was empty, so nothing but our own is lost.
        fs::remove_dir_all(&aside).ok();
    })?;
    say(&format!("{count} files restored in {}", dir.display()));
    if !dir.join("data/site.key").exists() {
        say(
            "the backup has no secrets and keys: put back data/site.key and secrets/, and let users in by `concert user reset`",
        );
    }
    for line in if dir.join(COPY).exists() { told_of_copy(dir) } else { told_of_queue(dir) } {
        say(&line);
    }
    say(&format!("next: concert check --site {}", dir.display()));
    Ok(Exit::Done)
}

fn mark_as_copy(aside: &Path) -> io::Result<()> {
    let path = aside.join(COPY);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    // A backup of a copy has one.
    fs::write(path, COPY_TEXT)
}

/// What to know of a copy, which is only one if its file is in force.
fn told_of_copy(dir: &Path) -> Vec<String> {
    let settings = Settings::read(dir, LoadFor::Look).map(|loaded| loaded.settings);
    let is_quiet = settings.is_ok_and(|settings| settings.collecting.paused && settings.deliver.dry_run);
    vec![match is_quiet {
        true => format!("it collects and sends nothing until {COPY} is removed"),
        false => format!("{COPY} is not in force: set what it says by hand before this site runs"),
    }]
}

/// What goes out as soon as the site runs. Records that cannot be read are told by `concert check`.
fn told_of_queue(dir: &Path) -> Vec<String> {
    let queued = || {
        let runtime = super::runtime().ok()?;
        runtime.block_on(async {
            let store = Store::open(&dir.join("data")).await.ok()?;
            store.records.notices_queued().await.ok()
        })
    };
    let queue = match queued() {
        None | Some(0) => None,
        Some(1) => Some("one notice is queued and goes out when this site runs".to_owned()),
        Some(many) => Some(format!("{many} notices are queued and go out when this site runs")),
    };
    let beside = "if the site it was made of still runs, both read the same mailboxes and send the same notices: \
                  then remove this one and use --copy";
    queue.into_iter().chain([beside.to_owned()]).collect()
}

fn bad(what: impl Into<String>) -> Failure {
    Failure::outside(Problem::new(what).hint("nothing was restored; use another backup"))
}

/// A door for the fuzzer: unpacks a backup into a folder, and says how many files there were.
#[cfg(feature = "fuzzing")]
pub fn unpack_into(file: File, aside: &Path) -> Result<usize, String> {
    unpack(file, aside).map_err(|failure| failure.to_string())
}

/// Unpacks into a folder and compares everything with the list at the end.
fn unpack(file: File, aside: &Path) -> Result<usize, Failure> {
    let broken = |error: io::Error| bad(format!("the backup is damaged or no backup: {error}"));
    let mut tar = tar::Archive::new(zstd::Decoder::new(file).map_err(broken)?);
    let mut found: BTreeMap<String, (String, u64)> = BTreeMap::new();
    let mut list: Option<String> = None;
    let mut is_first = true;
    for entry in tar.entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        let name = String::from_utf8(entry.path_bytes().into_owned()).map_err(|_| bad("a name is not UTF-8"))?;
        if is_first {
            is_first = false;
            check_head(&name, &mut entry).map_err(broken)?;
            continue;
        }
        if list.is_some() {
            return Err(bad(format!("`{name}` stands behind the list of hashes")));
        }
        if name == LIST {
            let mut text = String::new();
            entry.by_ref().take(LIST_BYTES_MAX).read_to_string(&mut text).map_err(broken)?;
            list = Some(text);
            continue;
        }
        if entry.header().entry_type() != tar::EntryType::Regular || !is_ours(&name) {
            return Err(bad(format!("`{}` is not a file of a site", name.escape_debug())));
        }
        if found.len() >= FILES_MAX || found.contains_key(&name) {
            return Err(bad(format!("`{name}` stands there twice, or there are too many files")));
        }
        let mode = entry.header().mode().unwrap_or(0o600);
        let modified = entry.header().mtime().unwrap_or(0);
        let written = write(&mut entry, &aside.join(&name), mode, modified);
        let written = written.map_err(|error| outside(format!("`{name}` cannot be unpacked"), &error))?;
        found.insert(name, written);
    }
    compare(&found, &list.ok_or_else(|| bad("the backup ends before its list of hashes"))?)?;
    Ok(found.len())
}

fn check_head(name: &str, entry: &mut impl Read) -> io::Result<()> {
    let mut text = Vec::new();
    entry.take(100).read_to_end(&mut text)?;
    if (name, text.as_slice()) != HEAD {
        return Err(io::Error::other("it does not begin as one, or was made by a newer Concert"));
    }
    Ok(())
}

/// A name without tricks. Settings may name files anywhere in the folder of their site.
fn is_ours(name: &str) -> bool {
    let path = Path::new(name);
    let plain = path.components().all(|part| matches!(part, Component::Normal(_)));
    // A path that is written in another way is another name for the same file.
    let exact = path.components().collect::<PathBuf>().as_os_str() == name;
    let is_free = !name.is_empty() && name.split('/').next() != Some(ASIDE);
    plain
        && exact
        && is_free
        && name.len() <= NAME_BYTES_MAX
        && !name.contains(char::is_control)
        && !name.contains("//")
}

/// A file is as old as it was in the site: data about addresses is told to be old.
fn write(entry: &mut impl Read, path: &Path, mode: u32, modified: u64) -> io::Result<(String, u64)> {
    if let Some(folder) = path.parent() {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let mut file = File::options().write(true).create_new(true).mode(mode & 0o755).open(path)?;
    let mut hasher = blake3::Hasher::new();
    let (mut block, mut total) = (vec![0u8; 256 * 1024], 0);
    loop {
        let count = entry.read(&mut block)?;
        if count == 0 {
            break;
        }
        let bytes = block.get(..count).unwrap_or_default();
        hasher.update(bytes);
        file.write_all(bytes)?;
        total += count as u64;
    }
    // Backups of earlier builds do not say it.
    if modified > 0
        && let Some(time) = UNIX_EPOCH.checked_add(Duration::from_secs(modified))
    {
        file.set_modified(time)?;
    }
    file.sync_all()?;
    Ok((hasher.finalize().to_hex().to_string(), total))
}

fn compare(found: &BTreeMap<String, (String, u64)>, list: &str) -> Result<(), Failure> {
    let mut listed: BTreeSet<&str> = BTreeSet::new();
    for line in list.lines() {
        let mut parts = line.splitn(3, ' ');
        let (hash, size, name) = (parts.next(), parts.next(), parts.next().unwrap_or_default());
        match found.get(name) {
            Some((real, bytes)) if Some(real.as_str()) == hash && size == Some(bytes.to_string().as_str()) => {
                listed.insert(name);
            }
            Some(_) => return Err(bad(format!("`{name}` holds other bytes than the backup says"))),
            None => return Err(bad(format!("`{name}` is missing"))),
        }
    }
    match found.keys().find(|name| !listed.contains(name.as_str())) {
        Some(name) => Err(bad(format!("`{name}` is not in the list of hashes"))),
        None => Ok(()),
    }
}

/// Gives everything its place. The settings come last: a site that has them is complete.
fn settle(dir: &Path, aside: &Path) -> Result<(), Failure> {
    let failed = |error: io::Error| outside(format!("the site {} cannot be written", dir.display()), &error);
    if !aside.join("concert.toml").is_file() || !aside.join("data").is_dir() {
        return Err(bad("the backup holds no settings or no data"));
    }
    let entries = fs::read_dir(aside).map_err(failed)?.map(|entry| entry.map(|entry| entry.file_name()));
    let mut names: Vec<OsString> = entries.collect::<Result<_, _>>().map_err(failed)?;
    // The settings come last: a site that has them is complete.
    names.sort_by_key(|name| SETTINGS.iter().rev().position(|one| name == one));
    for name in names {
        fs::rename(aside.join(&name), dir.join(&name)).map_err(failed)?;
    }
    fs::remove_dir(aside).map_err(failed)?;
    File::open(dir).and_then(|folder| folder.sync_all()).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{LogFormat, backup, init};

    fn arg(dir: &Path) -> SiteArg {
        SiteArg { dir: dir.to_owned(), log_format: LogFormat::Text, as_user: None, quiet: true }
    }

    fn new_site(dir: &Path) {
        init::make(dir, "[site]\nname = \"CERT Example\"\n").unwrap();
        fs::write(dir.join("secrets/imap"), "hunter2").unwrap();
        fs::create_dir(dir.join("keys")).unwrap();
        fs::write(dir.join("keys/uni.asc"), "a key").unwrap();
    }

    #[test]
    fn a_site_comes_back_only_into_an_empty_folder() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        new_site(&path("site"));
        let age = |site: &str| fs::metadata(path(site).join("keys/uni.asc")).unwrap().modified().unwrap();
        let old = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        File::options().append(true).open(path("site/keys/uni.asc")).unwrap().set_modified(old).unwrap();
        backup::make(&arg(&path("site")), &path("all.tar.zst"), false).unwrap();
        backup::make(&arg(&path("site")), &path("open.tar.zst"), true).unwrap();
        assert_eq!(backup::make(&arg(&path("site")), &path("all.tar.zst"), false).unwrap_err().exit, Exit::Usage);
        let restore = |name: &str, to: &str| run(&Args { file: path(name), copy: false }, &arg(&path(to)));
        assert_eq!(restore("all.tar.zst", "again"), Ok(Exit::Done));
        for name in ["concert.toml", "data/site.key", "secrets/imap", "keys/uni.asc"] {
            assert_eq!(fs::read(path("site").join(name)).unwrap(), fs::read(path("again").join(name)).unwrap());
        }
        assert!(path("again").join("data/records.sqlite").exists());
        assert_eq!((age("again"), init::key_anew(&path("again"))), (old, Ok(false)));
        assert_eq!(restore("all.tar.zst", "again").unwrap_err().exit, Exit::Usage);
        assert_eq!(restore("open.tar.zst", "open"), Ok(Exit::Done));
        assert!(!path("open").join("secrets").exists() && !path("open").join("data/site.key").exists());
        assert_eq!(init::key_anew(&path("open")), Ok(true));
        assert_ne!(fs::read(path("site/data/site.key")).unwrap(), fs::read(path("open/data/site.key")).unwrap());
    }

    #[test]
    fn files_that_settings_name_come_back_and_secrets_only_when_wanted() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let named = ["lookup/asn.csv", "feeds/schema.json", "tls/ca.pem", "tls/client.pem", "tokens/push"];
        let settings = format!(
            "[site]\nname = \"CERT Example\"\nemail = \"cert@cert.example\"\n\
             [lookup]\nasn = [\"{}\", \"data/mine.csv\", \"{}\"]\n\
             [[feed]]\nname = \"reports\"\nparser = \"shadowserver\"\nschema = \"feeds/schema.json\"\n\
             [[feed]]\nname = \"list\"\nparser = \"blocklistde\"\n\
             collect = {{ type = \"http\", url = \"https://lists.example/\", every = \"1h\", ca_file = \"./tls/ca.pem\", \
             client_certificate = \"tls/client.pem\", client_key = {{ file = \"tls/client.pem\" }} }}\n\
             [[feed]]\nname = \"pushed\"\nparser = \"ndjson\"\ncollect = {{ type = \"push\", token = {{ file = \"tokens/push\" }} }}\n",
            path("site/lookup/asn.csv").display(),
            path("elsewhere.csv").display(),
        );
        init::make(&path("site"), &settings).unwrap();
        for name in named.into_iter().chain(["data/mine.csv", "processes/own.toml", "lookup/not-named.csv"]) {
            fs::create_dir_all(path("site").join(name).parent().unwrap()).unwrap();
            fs::write(path("site").join(name), name).unwrap();
        }
        fs::write(path("elsewhere.csv"), "x").unwrap();
        backup::make(&arg(&path("site")), &path("all.tar.zst"), false).unwrap();
        backup::make(&arg(&path("site")), &path("open.tar.zst"), true).unwrap();
        run(&Args { file: path("all.tar.zst"), copy: false }, &arg(&path("again"))).unwrap();
        run(&Args { file: path("open.tar.zst"), copy: false }, &arg(&path("open"))).unwrap();
        let has = |site: &str, name: &str| fs::read_to_string(path(site).join(name)).is_ok_and(|text| text == name);
        for name in named.into_iter().chain(["data/mine.csv", "processes/own.toml"]) {
            assert!(has("again", name), "{name}");
            let is_secret = ["tls/client.pem", "tokens/push"].contains(&name);
            assert_eq!(has("open", name), !is_secret, "{name}");
        }
        assert!(!has("again", "lookup/not-named.csv"));
    }

    #[test]
    fn a_damaged_backup_restores_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        new_site(&path("site"));
        backup::make(&arg(&path("site")), &path("all.tar.zst"), false).unwrap();
        let whole = fs::read(path("all.tar.zst")).unwrap();
        let plain = zstd::decode_all(whole.as_slice()).unwrap();
        let at = plain.windows(7).position(|bytes| bytes == b"hunter2").unwrap();
        let mut changed = plain.clone();
        changed[at] = b'H';
        let check = |bytes: &[u8], want: &str| {
            fs::write(path("bad"), zstd::encode_all(bytes, 1).unwrap()).unwrap();
            let failure = run(&Args { file: path("bad"), copy: false }, &arg(&path("new"))).unwrap_err();
            assert!(failure.to_string().contains(want), "{failure}");
            assert_eq!(fs::read_dir(path("new")).map_or(0, Iterator::count), 0);
        };
        check(&changed, "`secrets/imap` holds other bytes");
        check(&plain[..plain.len() / 2], "damaged");
        check(b"no backup at all", "damaged or no backup");
    }

    #[test]
    fn links_and_ways_out_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        for (name, kind) in [("../out", tar::EntryType::Regular), ("data/link", tar::EntryType::Symlink)] {
            let mut bytes = Vec::new();
            let mut tar = tar::Builder::new(&mut bytes);
            for (name, kind, content) in [(HEAD.0, tar::EntryType::Regular, HEAD.1), (name, kind, b"x")] {
                let mut header = tar::Header::new_gnu();
                // The library would refuse to write such a name.
                header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
                header.set_entry_type(kind);
                header.set_size(content.len() as u64);
                header.set_cksum();
                tar.append(&header, content).unwrap();
            }
            tar.finish().unwrap();
            drop(tar);
            fs::write(folder.path().join("bad"), zstd::encode_all(bytes.as_slice(), 1).unwrap()).unwrap();
            let args = Args { file: folder.path().join("bad"), copy: false };
            let failure = run(&args, &arg(&folder.path().join("new"))).unwrap_err();
            assert!(failure.to_string().contains("is not a file of a site"), "{failure}");
            assert!(!folder.path().join("out").exists() && !folder.path().join("new/out").exists());
        }
    }

    #[test]
    fn names_with_tricks_are_refused() {
        for good in ["concert.toml", "data/events/day=2026-11-22/1-1.parquet", "secrets/imap", "lookup/asn.csv"] {
            assert!(is_ours(good), "{good}");
        }
        for bad in
            ["../x", "data/../../x", "/etc/passwd", "data//x", "./data/x", "data/./x", ".restore/x", "data/a\nb", ""]
        {
            assert!(!is_ours(bad), "{bad}");
        }
    }
}
