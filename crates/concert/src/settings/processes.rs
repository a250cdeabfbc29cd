//! Processes: those that are shipped, and the site's own in its folder `processes/`.
//!
//! They are no settings: a mistake in one of them keeps nothing from running, and the incidents that
//! follow it already have its text in their journals.

use std::path::Path;

use concert_model::Problem;
use concert_model::incident::process::{self, FILE_BYTES_MAX, Origin, Process};
use concert_model::keys::Source;

use super::files::{TEXT_HINT, names_in, read_capped};

/// The folder of a site with its own processes.
pub const FOLDER: &str = "processes";

/// What new runs use, and every mistake in the site's own files.
pub struct Processes {
    /// Of each name the highest version, in the order of names.
    pub all: Vec<(Process, Origin)>,
    /// Mistakes with their places; files that have any are left out, and so are those of shipped processes that are called
    /// like the file.
    pub problems: Vec<Problem>,
    /// Files without a mistake that mean nothing, such as a version that is shipped.
    pub unused: Vec<Problem>,
}

/// The processes of a site, which need not be one: then they are those that are shipped.
pub fn load(site: &Path) -> Processes {
    let mut problems = Vec::new();
    let (mut own, mut broken) = (Vec::new(), Vec::new());
    let names = names_in(&site.join(FOLDER)).unwrap_or_else(|problem| {
        problems.push(problem);
        Vec::new()
    });
    for name in names {
        let place = format!("{FOLDER}/{name}");
        match read_file(&site.join(&place), &place) {
            Ok(process) => own.push((place, process)),
            Err(found) => {
                broken.extend(name.rsplit_once('.').map(|(stem, _)| stem.to_owned()));
                problems.extend(found);
            }
        }
    }
    let (mut all, unused) = process::catalogue(own);
    // Nobody begins what the site has changed as it is shipped, because of a mistake in the change.
    all.retain(|(process, origin)| *origin == Origin::Site || !broken.contains(&process.name));
    Processes { all, problems, unused }
}

/// Reads a file that is called so in mistakes; the error is all of them.
pub fn read_file(path: &Path, name: &str) -> Result<Process, Vec<Problem>> {
    let text = read_capped(path, FILE_BYTES_MAX as u64).map_err(|why| {
        // Where it is, is told by the place.
        let why = why.strip_prefix(&format!("{}: ", path.display())).unwrap_or(&why);
        vec![Problem::new(format!("the process cannot be read: {why}")).at(name).hint(TEXT_HINT)]
    })?;
    process::read(&Source { name: name.to_owned(), text })
}
