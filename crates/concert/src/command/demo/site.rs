//! The site of the demo: an ordinary new site with other settings, lookup data and constituents.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use concert_model::Problem;
use concert_pipeline::enrich::constituents;
use concert_store::records::Parties;

use super::peers::Peers;
use crate::command::init;
use crate::problems::{Failure, outside};
use crate::wire::Site;

/// The settings; places between `@` signs are filled in.
const SETTINGS: &str = include_str!("data/concert.toml");
/// Files beside them.
const FILES: [(&str, &str); 3] = [
    ("lookup/asn.csv", include_str!("data/asn.csv")),
    ("lookup/country.csv", include_str!("data/country.csv")),
    (CONSTITUENTS, include_str!("data/constituents.csv")),
];
const CONSTITUENTS: &str = "constituents.csv";

/// Secrets of this one demo.
pub(super) struct Secrets {
    /// Password of the mailbox.
    pub(super) mailbox: String,
    /// Token of whoever pushes reports.
    pub(super) push: String,
}

impl Secrets {
    pub(super) fn new() -> Result<Self, Failure> {
        Ok(Self { mailbox: random()?, push: random()? })
    }
}

fn random() -> Result<String, Failure> {
    let mut bytes = [0u8; 16];
    getrandom::fill(&mut bytes)
        .map_err(|error| Failure::outside(Problem::new(format!("the machine gives no random bytes: {error}"))))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Makes the site in a folder that is none yet.
pub(super) fn make(dir: &Path, address: SocketAddr, peers: &Peers, secrets: &Secrets) -> Result<(), Failure> {
    let settings = SETTINGS
        .replace("@SERVE@", &address.to_string())
        .replace("@IMAP@", &peers.imap.address().port().to_string())
        .replace("@WEB@", &peers.web.address().port().to_string())
        .replace("@IRC@", &peers.irc.address().port().to_string())
        .replace("@SMTP@", &peers.smtp.address().port().to_string());
    init::make(dir, &settings)?;
    init::make_file(&dir.join("secrets/imap"), 0o600, secrets.mailbox.as_bytes())?;
    init::make_file(&dir.join("secrets/push"), 0o600, secrets.push.as_bytes())?;
    init::make_folder(&dir.join("lookup"), 0o755)?;
    for (name, text) in FILES {
        init::make_file(&dir.join(name), 0o644, text.as_bytes())?;
    }
    Ok(())
}

/// What `concert contact import constituents` does.
pub(super) async fn import_constituents(site: &Site, dir: &Path) -> Result<(), Failure> {
    let path = dir.join(CONSTITUENTS);
    let bytes = fs::read(&path).map_err(|error| outside(path.display(), &error))?;
    let (parties, problems) = constituents::read_csv(CONSTITUENTS, &bytes);
    if !problems.is_empty() {
        return Err(Failure::settings(problems));
    }
    site.store.records.import_parties(Parties::Constituents, &parties).await.map_err(Failure::outside)?;
    site.refresh_parties().await.map_err(Failure::outside)?;
    Ok(())
}
