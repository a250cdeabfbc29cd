//! `concert key`: the OpenPGP key of this site, and the keys of contacts that notices are encrypted to.
//!
//! The site's own lies in `data/openpgp.key`, readable for the site's own user alone, and is never overwritten: whoever
//! trusts the old one must be told of a new one by a person.

mod import;
mod list;

use std::path::Path;

use concert_model::Problem;
use concert_transport::openpgp::SiteKey;

use super::SiteArg;
use super::init::{make_file, make_folder};
use crate::print::Out;
use crate::problems::{Exit, Failure, outside};
use crate::wire;

/// The OpenPGP key of this site, and those of contacts.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  concert key make\n  concert key show > cert.asc\n  concert key import cert-uni.asc noc-telecom.asc\n  concert key list"
)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Make an Ed25519 key that signs, with a subkey to encrypt to, in data/openpgp.key
    #[command(after_help = "Examples:\n  concert key make\n  concert key make --site /srv/cert")]
    Make,
    /// Print the public key, for those who check our signatures or write to us encrypted
    #[command(after_help = "Examples:\n  concert key show > cert.asc")]
    Show,
    /// Take up public keys of contacts, so that notices to them are encrypted
    Import(import::Args),
    /// List the keys of contacts: whose they are and how long they are good
    List(list::Args),
}

pub(super) fn run(args: &Args, site: &SiteArg) -> Result<Exit, Failure> {
    let settings = site.settings_for(matches!(args.action, Action::Show | Action::List(_)))?;
    let path = settings.data_dir().join("openpgp.key");
    match &args.action {
        Action::Make => {
            make_folder(&settings.data_dir(), 0o700)?;
            make(&path, &settings.site.name, &settings.site.email)
        }
        Action::Show => show(&path),
        Action::Import(args) => import::run(args, &settings),
        Action::List(args) => list::run(args, &settings),
    }
}

fn make(path: &Path, name: &str, email: &str) -> Result<Exit, Failure> {
    if path.symlink_metadata().is_ok() {
        let problem = Problem::new(format!("{} is there already", path.display()));
        return Err(Failure::usage(problem.hint("nothing was changed; `concert key show` prints its public part")));
    }
    if email.is_empty() {
        let problem = Problem::new("the key would name no mail address, because [site] has none");
        return Err(Failure::usage(problem.hint("write `email = \"cert@cert.example\"` into [site] first")));
    }
    let plain: String = name.chars().filter(|c| !c.is_control() && !matches!(c, '<' | '>')).collect();
    let failed = |why: String| Failure::outside(Problem::new(why));
    let key = SiteKey::make(&format!("{plain} <{email}>"), wire::now().seconds()).map_err(failed)?;
    make_file(path, 0o600, key.secret().map_err(failed)?.as_bytes())?;
    let text = format!(
        "{}\nnext: openpgp_key = {{ file = \"data/openpgp.key\" }} in a [via.NAME] with type = \"smtp\"\n",
        key.fingerprint()
    );
    print(&text)
}

fn show(path: &Path) -> Result<Exit, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            let problem = Problem::new("the site has no key yet").at(path.display().to_string());
            Failure::usage(problem.hint("`concert key make` makes one"))
        }
        _ => outside(path.display(), &error),
    })?;
    let failed = |why: String| Failure::outside(Problem::new(why).at(path.display().to_string()));
    print(&SiteKey::read(&text).map_err(failed)?.public().map_err(failed)?)
}

fn print(text: &str) -> Result<Exit, Failure> {
    let mut out = Out::stdout();
    out.write(text.as_bytes())?;
    out.finish().map(|()| Exit::Done)
}
