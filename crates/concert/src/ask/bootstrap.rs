//! The four files that say which server of RDAP knows what: read, and fetched anew.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use concert_model::Problem;
use concert_pipeline::registry::rdap::Bootstrap;
use concert_pipeline::registry::rdap::bootstrap::{FILE_BYTES_MAX, Kind};
use concert_transport::lookup::polite::Want;
use tokio::time::Instant;

use super::DEADLINE;
use crate::settings::Settings;
use crate::wire::now;

/// Where IANA publishes them, RFC 9224.
const PUBLISHED: &str = "https://data.iana.org/rdap/";

/// The files of a site, each read or with the reason why it cannot be.
pub(super) struct Bootstraps {
    files: Vec<(Kind, Result<Bootstrap, String>)>,
    /// Those that come with the program.
    shipped: Vec<Kind>,
    /// Whether whoever runs the site wrote them down: what was fetched names nobody on this machine.
    is_given: bool,
}

impl Bootstraps {
    /// Those of the folder that the settings name; else those fetched, else those that come with the program.
    pub(super) fn open(given: Option<&Path>, data: &Path) -> Bootstraps {
        let mut shipped = Vec::new();
        let mut open = |kind: Kind| {
            let path = given.map_or_else(|| folder(data), Path::to_owned).join(kind.file_name());
            let read = match bytes(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound && given.is_none() => {
                    shipped.push(kind);
                    return Ok(Bootstrap::shipped(kind));
                }
                Err(error) => Err(error.to_string()),
                Ok(bytes) => Bootstrap::read(kind, &bytes),
            };
            read.map_err(|why| format!("{} cannot be used: {why}", path.display()))
        };
        let files = Kind::ALL.map(|kind| (kind, open(kind))).into();
        Bootstraps { files, shipped, is_given: given.is_some() }
    }

    /// Where they are from, and of which day, as sentences.
    pub(super) fn said(&self) -> Vec<String> {
        let of = |is_shipped: bool| {
            let is_of = move |kind: &Kind| self.shipped.contains(kind) == is_shipped;
            let all = self.files.iter().filter(move |(kind, _)| is_of(kind));
            all.filter_map(|(kind, read)| Some((kind.file_name(), read.as_ref().ok()?.published.as_str())))
        };
        let said = |is_shipped: bool, from: &str| {
            let day = of(is_shipped).map(|(_, day)| day).min()?;
            let day = if day.is_empty() { "a day that they do not say" } else { day };
            let names = of(is_shipped).map(|(name, _)| name).collect::<Vec<_>>().join(", ");
            Some(format!("which server of RDAP knows what ({names}) is told by lists of {day}{from}"))
        };
        let by_hand =
            " that come with Concert and were written by hand: `concert contact refresh rdap` fetches those of IANA";
        [said(true, by_hand), said(false, "")].into_iter().flatten().collect()
    }

    /// Whether they may name servers on this machine.
    pub(super) fn may_be_here(&self) -> bool {
        self.is_given
    }

    /// What is wrong with them.
    pub(super) fn mistakes(self) -> impl Iterator<Item = String> {
        self.files.into_iter().filter_map(|(_, read)| read.err())
    }

    /// One of them.
    pub(super) fn get(&self, kind: Kind) -> Result<&Bootstrap, String> {
        let found = self.files.iter().find(|(known, _)| *known == kind);
        found.map_or_else(|| Err("there is no list of servers".into()), |(_, read)| read.as_ref().map_err(Clone::clone))
    }
}

/// Fetches all four and keeps each that can be read. Gives what became of each file: its entries and day, or
/// why the one before stays.
pub(crate) async fn refresh(
    settings: &Settings,
) -> Result<Vec<(&'static str, Result<(usize, String), String>)>, Problem> {
    let data = settings.data_dir();
    let polite = super::polite(&data, &settings.lookup).await?;
    let mut all = Vec::new();
    for kind in Kind::ALL {
        let url = format!("{PUBLISHED}{}", kind.file_name());
        let want = Want {
            url: &url,
            accept: "application/json",
            media_type: "",
            bytes_max: FILE_BYTES_MAX,
            hosts: &[],
            may_be_here: false,
            is_remembered: false,
        };
        let got = polite.get(&want, now(), Instant::now() + DEADLINE).await;
        let kept = got.map_err(|missing| missing.why).and_then(|got| {
            let read = Bootstrap::read(kind, &got.body)?;
            replace(&folder(&data).join(kind.file_name()), &got.body).map_err(|error| error.to_string())?;
            Ok((read.len(), read.published))
        });
        all.push((kind.file_name(), kept));
    }
    Ok(all)
}

fn folder(data: &Path) -> PathBuf {
    super::folder(data).join("rdap")
}

fn bytes(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // One byte more than allowed shows that there are more.
    File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder)?;
    let mut part = tempfile::NamedTempFile::new_in(folder)?;
    part.write_all(bytes)?;
    part.as_file().sync_all()?;
    part.persist(path).map_err(|error| error.error)?;
    Ok(())
}
