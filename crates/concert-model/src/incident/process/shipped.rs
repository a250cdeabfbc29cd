//! The processes that come with the program, and those of the site beside them.

use super::definition::Process;
use super::read;
use crate::Problem;
use crate::keys::Source;

macro_rules! files {
    ($($name:literal,)*) => {
        &[$(($name, include_str!(concat!("shipped/", $name, ".toml")))),*]
    };
}

/// Name and text of each shipped process.
pub const SHIPPED: &[(&str, &str)] = files![
    "botnet-c2",
    "compromised-account",
    "data-leak",
    "defacement",
    "denial-of-service",
    "exposed-service",
    "infected-host",
    "phishing",
    "ransomware",
    "scanning",
];

/// Where a process comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// With the program.
    Shipped,
    /// The site's own.
    Site,
}

impl Origin {
    /// How it is shown.
    pub fn word(self) -> &'static str {
        match self {
            Self::Shipped => "shipped",
            Self::Site => "site",
        }
    }
}

/// All shipped processes, in the order of their names. A test holds that none has a mistake.
pub fn shipped() -> Vec<Process> {
    let read =
        |(name, text): &(&str, &str)| read(&Source { name: format!("{name}.toml"), text: (*text).to_owned() }).ok();
    SHIPPED.iter().filter_map(read).collect()
}

/// The processes that new runs use: of each name the highest version, whether shipped or the site's own.
/// The problems name those of the site that are never used.
pub fn catalogue(site: Vec<(String, Process)>) -> (Vec<(Process, Origin)>, Vec<Problem>) {
    let mut all: Vec<(Process, Origin)> = shipped().into_iter().map(|process| (process, Origin::Shipped)).collect();
    let mut problems = Vec::new();
    for (place, process) in site {
        match all.iter_mut().find(|(known, _)| known.name == process.name) {
            None => all.push((process, Origin::Site)),
            // A copy that nobody has changed yet says nothing else.
            Some((known, _)) if known.text == process.text => {}
            Some(known) if known.0.version < process.version => *known = (process, Origin::Site),
            Some((known, origin)) => {
                let what = format!(
                    "version {} of `{}` is not used: version {} is there already ({})",
                    process.version,
                    process.name,
                    known.version,
                    origin.word()
                );
                let hint = format!("write version = {}", known.version.saturating_add(1));
                problems.push(Problem::new(what).at(place).hint(hint));
            }
        }
    }
    all.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
    (all, problems)
}
