//! The files behind the settings: finding and reading them, and fetching secrets.

use std::cell::RefCell;
use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use concert_model::Problem;
use concert_model::keys::Source;
use concert_pipeline::render::Templates;

use crate::problems::Failure;

/// What the settings are read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadFor {
    /// To act on them: a secret that cannot be read is a mistake.
    Run,
    /// To look at them or at what is stored: secrets are not fetched and stay empty.
    Look,
}

/// Largest settings file.
const FILE_BYTES_MAX: u64 = 8 << 20;
/// Most files in `conf.d/`.
const FILES_MAX: usize = 1000;
/// Largest file that a setting names, such as a schema.
const NAMED_FILE_BYTES_MAX: u64 = 64 << 20;
/// Largest template.
const TEMPLATE_BYTES_MAX: u64 = 1 << 20;
/// What a file of ours has to be.
pub(super) const TEXT_HINT: &str = "it is a file of UTF-8 text that the user of Concert can read";
/// Largest secret.
const SECRET_BYTES_MAX: u64 = 64 << 10;

/// Warns of a `data/` that others on this machine may look into. It is made so that they cannot; one that was there
/// before, or came by a copy, keeps the mode that it has.
pub(super) fn open_data(dir: &Path) -> Option<Problem> {
    let path = dir.join("data");
    let mode = fs::metadata(&path).ok()?.permissions().mode();
    let what = "everybody on this machine can look into this folder, which holds keys, mails and all that is known";
    let warning = Problem::new(what).at(path.display().to_string());
    (mode & 0o007 != 0).then(|| warning.hint(format!("chmod o-rwx {}", path.display())))
}

/// The text of `concert.toml` and of every `conf.d/*.toml`, in name order.
pub(super) fn sources(dir: &Path) -> Result<Vec<Source>, Failure> {
    let main = dir.join("concert.toml");
    if !main.exists() {
        let problem = Problem::new(format!("there is no site in {}: it has no concert.toml", dir.display()));
        return Err(Failure::usage(problem.hint("make one with `concert init DIR`, or name it with --site DIR")));
    }
    let mut problems = Vec::new();
    let mut sources = Vec::new();
    let mut add = |name: String, path: &Path| match read_capped(path, FILE_BYTES_MAX) {
        Ok(text) => sources.push(Source { name, text }),
        Err(why) => {
            let problem = Problem::new(format!("the settings cannot be read: {why}")).at(name);
            problems.push(problem.hint(TEXT_HINT));
        }
    };
    add("concert.toml".to_owned(), &main);
    for name in names_in(&dir.join("conf.d")).map_err(Failure::usage)? {
        add(format!("conf.d/{name}"), &dir.join("conf.d").join(&name));
    }
    if problems.is_empty() { Ok(sources) } else { Err(Failure::settings(problems)) }
}

/// Names of the `.toml` files of a folder, sorted; none where there is no folder.
pub(super) fn names_in(dir: &Path) -> Result<Vec<String>, Problem> {
    let Ok(entries) = fs::read_dir(dir) else { return Ok(Vec::new()) };
    let mut names: Vec<String> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.ends_with(".toml") && !name.starts_with('.'))
        .take(FILES_MAX + 1)
        .collect();
    if names.len() > FILES_MAX {
        let problem = Problem::new(format!("there are more than {FILES_MAX} files in {}", dir.display()));
        return Err(problem.hint("put several of them into one; names that do not end in .toml are passed over"));
    }
    names.sort();
    Ok(names)
}

/// A text file up to a size; the error is a sentence.
pub(super) fn read_capped(path: &Path, bytes_max: u64) -> Result<String, String> {
    let file = fs::File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut text = String::new();
    file.take(bytes_max + 1).read_to_string(&mut text).map_err(|error| format!("{}: {error}", path.display()))?;
    if text.len() as u64 > bytes_max {
        return Err(format!("{} is larger than {bytes_max} bytes", path.display()));
    }
    Ok(text)
}

/// The built-in templates and those of `templates/<language>/`; its mistakes are told by `check`.
pub(super) fn templates(dir: &Path) -> (Templates, Vec<Problem>) {
    let mut templates = Templates::new();
    let mut problems = Vec::new();
    for language in folders_in(&dir.join("templates")) {
        let folder = dir.join("templates").join(&language);
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        let mut names: Vec<String> =
            entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).take(FILES_MAX).collect();
        names.retain(|name| name.ends_with(".j2") && !name.starts_with('.'));
        names.sort();
        for name in names {
            match read_capped(&folder.join(&name), TEMPLATE_BYTES_MAX) {
                Ok(text) => templates.add(&language, &name, text),
                Err(why) => {
                    let problem = Problem::new(format!("the template cannot be read: {why}"));
                    problems.push(problem.at(format!("templates/{language}/{name}")).hint(TEXT_HINT));
                }
            }
        }
    }
    problems.extend(templates.check());
    (templates, problems)
}

/// Names of the folders of a folder, sorted.
fn folders_in(dir: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    let folders = entries.flatten().filter(|entry| entry.path().is_dir());
    let mut names: Vec<String> =
        folders.filter_map(|entry| entry.file_name().into_string().ok()).take(FILES_MAX).collect();
    names.retain(|name| !name.starts_with('.'));
    names.sort();
    names
}

/// Fetches secrets and named files from the site, and secrets from the environment.
pub(super) struct Outside {
    dir: PathBuf,
    load_for: LoadFor,
    warnings: RefCell<Vec<Problem>>,
}

impl Outside {
    pub(super) fn new(dir: &Path, load_for: LoadFor) -> Self {
        Self { dir: dir.to_owned(), load_for, warnings: RefCell::default() }
    }

    /// The secret, without one final line end.
    pub(super) fn fetch(&self, how: &str, which: &str) -> Result<String, String> {
        if self.load_for == LoadFor::Look {
            return Ok(String::new());
        }
        let mut secret = match how {
            "file" => self.secret_file(which)?,
            _ => std::env::var(which).map_err(|_| format!("the environment has no {which}"))?,
        };
        if secret.ends_with('\n') {
            secret.pop();
            if secret.ends_with('\r') {
                secret.pop();
            }
        }
        if secret.is_empty() { Err("it is empty".to_owned()) } else { Ok(secret) }
    }

    fn secret_file(&self, which: &str) -> Result<String, String> {
        let path = self.dir.join(which);
        let secret = read_capped(&path, SECRET_BYTES_MAX)?;
        let mode = fs::metadata(&path).map_or(0, |about| about.permissions().mode());
        if mode & 0o007 != 0 {
            let warning = Problem::new("everybody on this machine can read this secret").at(path.display().to_string());
            self.warnings.borrow_mut().push(warning.hint(format!("chmod 600 {}", path.display())));
        }
        Ok(secret)
    }

    /// The text of a file that a setting names.
    pub(super) fn file(&self, which: &str) -> Result<String, String> {
        read_capped(&self.dir.join(which), NAMED_FILE_BYTES_MAX)
    }

    pub(super) fn warnings(&self) -> Vec<Problem> {
        self.warnings.borrow().clone()
    }
}
