//! `concert init DIR`: a new site with commented settings, its folders and its key.
//!
//! Nothing is ever overwritten: a folder that has `data/` already is refused, and an existing folder without it is only
//! added to. Settings that are there (a checkout of them) stay as they are, and get what belongs to them. The password
//! of the first user goes into a file, because what a terminal shows is often logged.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use concert_model::incident::Tlp;
use concert_model::user::{Standing, StandingRole};
use concert_model::{Problem, User};
use concert_store::Store;
use concert_store::records::NewPassword;

use crate::login::{password, secret};
use crate::operator::operator;
use crate::problems::{Exit, Failure, outside};

/// The first user, and the file in `data/` with its password.
const FIRST_USER: &str = "admin";
const FIRST_LOGIN: &str = "first-login";

/// The key with which the site signs.
const KEY: &str = "data/site.key";

/// The settings of a new site.
const SETTINGS: &str = include_str!("init/concert.toml");

/// Make a new site.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  concert init cert-site\n  concert check --site cert-site")]
pub(super) struct Args {
    /// The folder of the new site; it is made. Where it has a concert.toml and no data/, that is made; so is the key of
    /// a site that was restored without keys.
    dir: PathBuf,
}

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    let dir = &args.dir;
    let has_settings = dir.join("concert.toml").symlink_metadata().is_ok();
    if has_settings && key_anew(dir)? {
        let told = "made a new key of the site: journals go on with it, and return addresses made with the one before are not ours any more\n";
        std::io::stderr().write_all(told.as_bytes()).ok();
        return Ok(Exit::Done);
    }
    begin(dir, &["data"])?;
    make_first_user(&dir.join("data"))?;
    let (made, edit) = if has_settings {
        ("what its settings need besides them", "")
    } else {
        finish(dir, SETTINGS)?;
        ("a site", "edit {0}/concert.toml, then ")
    };
    let edit = edit.replace("{0}", &dir.display().to_string());
    let next = format!(
        "made {made} in {0}\nthe first user is `{FIRST_USER}`; the password for its first login is in {0}/data/{FIRST_LOGIN}\n\
         next: {edit}`concert check --site {0}`\n",
        dir.display()
    );
    std::io::stderr().write_all(next.as_bytes()).ok();
    Ok(Exit::Done)
}

/// Makes a site with these settings in a folder that has none.
pub(super) fn make(dir: &Path, settings: &str) -> Result<(), Failure> {
    begin(dir, &["concert.toml", "data"])?;
    finish(dir, settings)
}

/// Makes the folders and the key of a site. What is `taken` may not be there.
fn begin(dir: &Path, taken: &[&str]) -> Result<(), Failure> {
    for taken in taken {
        if dir.join(taken).symlink_metadata().is_ok() {
            let what = format!("{} is a site already: it has {taken}", dir.display());
            return Err(Failure::usage(Problem::new(what).hint("nothing was changed; choose another folder")));
        }
    }
    make_folder(dir, 0o755)?;
    for (name, mode) in
        [("data", 0o700), ("secrets", 0o700), ("in", 0o755), ("out", 0o755), ("conf.d", 0o755), ("templates", 0o755)]
    {
        make_folder(&dir.join(name), mode)?;
    }
    make_file(&dir.join(KEY), 0o600, &new_key()?)
}

/// Makes the key of a site that has all but that, as one has that was restored from a backup without keys.
pub(super) fn key_anew(dir: &Path) -> Result<bool, Failure> {
    let lost_it = dir.join("data/records.sqlite").is_file() && dir.join(KEY).symlink_metadata().is_err();
    if lost_it {
        make_file(&dir.join(KEY), 0o600, &new_key()?)?;
    }
    Ok(lost_it)
}

/// The settings come last: a site that has them is complete.
fn finish(dir: &Path, settings: &str) -> Result<(), Failure> {
    make_file(&dir.join("concert.toml"), 0o644, settings.as_bytes())
}

/// Somebody must be able to make the other users.
fn make_first_user(data: &Path) -> Result<(), Failure> {
    let by = operator();
    let whole_site = |role| Standing { role, constituency: None };
    let user = User {
        name: FIRST_USER.into(),
        full_name: "First administrator".into(),
        mail: String::new(),
        standing: vec![whole_site(StandingRole::Administrator), whole_site(StandingRole::Handler)],
        clearance: Tlp::Red,
        disabled: false,
        made: by.at,
    };
    let password = secret::one_time_password()?;
    let first = NewPassword { hash: password::hash(&password)?, once: true };
    make_file(&data.join(FIRST_LOGIN), 0o600, format!("{password}\n").as_bytes())?;
    super::runtime()?.block_on(async {
        let store = Store::open(data).await?;
        store.records.add_user(&user, &first, &by).await
    })?;
    Ok(())
}

pub(super) fn make_folder(path: &Path, mode: u32) -> Result<(), Failure> {
    if path.is_dir() {
        return Ok(());
    }
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true).mode(mode).create(path).map_err(|error| outside(path.display(), &error))
}

pub(super) fn make_file(path: &Path, mode: u32, bytes: &[u8]) -> Result<(), Failure> {
    let failed = |error: std::io::Error| outside(path.display(), &error);
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path).map_err(failed)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(failed)
}

/// The seed of the site's Ed25519 key: 32 random bytes, written as 64 hex digits and a line end.
fn new_key() -> Result<Vec<u8>, Failure> {
    let mut seed = [0u8; 32];
    getrandom::fill(&mut seed).map_err(|error| {
        Failure::outside(Problem::new(format!("the machine gives no random bytes for the site's key: {error}")))
    })?;
    let mut text: String = seed.iter().map(|byte| format!("{byte:02x}")).collect();
    text.push('\n');
    Ok(text.into_bytes())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::settings::{LoadFor, Settings};

    #[test]
    fn a_new_site_has_no_mistakes_and_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("site");
        assert_eq!(run(&Args { dir: dir.clone() }), Ok(Exit::Done));
        let loaded = Settings::read(&dir, LoadFor::Run).unwrap();
        assert_eq!(loaded.problems, []);
        let mode = |name: &str| fs::metadata(dir.join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode("data"), mode("secrets"), mode("data/site.key")), (0o700, 0o700, 0o600));
        assert_eq!(mode("data/first-login"), 0o600);
        let key = fs::read_to_string(dir.join("data/site.key")).unwrap();
        assert_eq!((key.len(), key.trim_end().len()), (65, 64));
        let again = run(&Args { dir: dir.clone() }).unwrap_err();
        assert_eq!(again.exit, Exit::Usage);
        assert_eq!(fs::read_to_string(dir.join("data/site.key")).unwrap(), key);
    }

    #[test]
    fn settings_from_elsewhere_get_what_is_missing_and_stay_as_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("site");
        let files =
            [("concert.toml", "[site]\nname = \"X\"\nemail = \"cert@cert.example\"\n"), ("secrets/imap", "hunter2")];
        for (name, text) in files {
            fs::create_dir_all(dir.join(name).parent().unwrap()).unwrap();
            fs::write(dir.join(name), text).unwrap();
            fs::set_permissions(dir.join(name), fs::Permissions::from_mode(0o640)).unwrap();
        }
        assert_eq!(run(&Args { dir: dir.clone() }), Ok(Exit::Done));
        let mode = |name: &str| fs::metadata(dir.join(name)).unwrap().permissions().mode() & 0o777;
        for (name, text) in files {
            assert_eq!((fs::read_to_string(dir.join(name)).unwrap().as_str(), mode(name)), (text, 0o640));
        }
        assert_eq!((mode("data"), mode("data/site.key"), mode("data/first-login")), (0o700, 0o600, 0o600));
        assert_eq!(Settings::read(&dir, LoadFor::Run).unwrap().problems, []);
        assert_eq!(run(&Args { dir }).unwrap_err().exit, Exit::Usage);
    }

    /// Every commented example line is a setting that would be accepted.
    #[test]
    fn the_examples_in_the_comments_load_too() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("site");
        run(&Args { dir: dir.clone() }).unwrap();
        let text: Vec<&str> = SETTINGS.lines().map(|line| line.strip_prefix("#: ").unwrap_or(line)).collect();
        fs::write(dir.join("concert.toml"), text.join("\n")).unwrap();
        let loaded = Settings::read(&dir, LoadFor::Look).unwrap();
        assert_eq!(loaded.problems, []);
        assert!(loaded.settings.feeds.len() >= 5 && loaded.settings.notices.len() >= 2);
    }
}
