//! `concert key import`: public keys of contacts into the folder of keys, checked first.
//!
//! Keys that are refused are told with the reason, and the others are taken. A key is never replaced by a
//! worse one: who holds the same key as it was before it was taken back could undo that.

use std::fs;
use std::path::{Path, PathBuf};

use concert_model::{Problem, Time};
use concert_transport::openpgp::ContactKey;
use concert_transport::openpgp::contact::State;
use concert_transport::openpgp::keyring::read_file;

use super::list::{self, COLUMNS};
use crate::command::init::{make_file, make_folder};
use crate::print::{AllRows, say};
use crate::problems::{Exit, Failure, outside};
use crate::settings::Settings;
use crate::wire;

/// Take up public keys of contacts. Exits with 1 when one is refused, with 2 when a file cannot be read.
#[derive(clap::Args)]
#[command(
    after_help = "A key belongs to every mail address it names, so look at what is printed.\n\nExamples:\n  gpg --armor --export cert@uni.example > cert-uni.asc\n  concert key import cert-uni.asc"
)]
pub(super) struct Args {
    /// Files with one public key each, armoured or binary.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    rows: AllRows,
}

pub(super) fn run(args: &Args, settings: &Settings) -> Result<Exit, Failure> {
    let (folder, now) = (&settings.openpgp.keys, wire::now());
    let parties = list::parties(settings)?;
    make_folder(folder, 0o755)?;
    let mut table = args.rows.table(&COLUMNS);
    let (mut is_refused, mut is_unread) = (false, false);
    for file in &args.files {
        let read = read_file(file);
        is_unread |= read.is_err() && std::fs::File::open(file).is_err();
        let taken = read.and_then(|bytes| check(&bytes, settings, now));
        match taken {
            Ok((key, armour)) => {
                keep(&folder.join(name(&key)), armour.as_bytes())?;
                for row in list::rows(&key, &parties, now) {
                    table.row(&row)?;
                }
            }
            Err(why) => {
                is_refused = true;
                let problem = Problem::new(format!("not imported: {why}")).at(file.display().to_string());
                say(&problem.to_string());
            }
        }
    }
    table.finish()?;
    Ok(match (is_unread, is_refused) {
        (true, _) => Exit::Usage,
        (false, true) => Exit::Bad,
        (false, false) => Exit::Done,
    })
}

/// The key and its armour, when it can be used now.
fn check(bytes: &[u8], settings: &Settings, now: Time) -> Result<(ContactKey, String), String> {
    let (key, armour) = ContactKey::read_to_keep(bytes)?;
    let path = settings.openpgp.keys.join(name(&key));
    let shown = settings.shown(&path);
    if let Some(why) = key.why_not(now) {
        let whose = key.addresses().first().map_or_else(|| key.fingerprint(), String::as_str);
        let here = if path.exists() { format!("; remove {shown}, which is the same key") } else { String::new() };
        return Err(format!("the key of {whose} {why}{here}"));
    }
    let before = read_file(&path).ok().and_then(|bytes| ContactKey::read(&bytes).ok());
    if before.is_some_and(|before| before.state(now) == State::Revoked) {
        return Err(format!("the same key, in {shown}, is revoked, and this is a copy from before"));
    }
    Ok((key, armour))
}

fn name(key: &ContactKey) -> String {
    format!("{}.asc", key.fingerprint())
}

/// Written beside and renamed, so that a running program never reads half a key.
fn keep(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let hidden = path.file_name().unwrap_or_default().to_string_lossy();
    let part = path.with_file_name(format!(".{hidden}.part"));
    fs::remove_file(&part).ok();
    make_file(&part, 0o644, bytes)?;
    fs::rename(&part, path).map_err(|error| outside(path.display(), &error))
}
