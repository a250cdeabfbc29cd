//! `[via.NAME]`: the ways out, which notices name in `via`.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use concert_model::Keys;
use concert_model::keys::Basis;
use concert_model::problem::instead;
use concert_transport::Deliverer;
use concert_transport::deliver::{ALL, Setup};

use super::site::Site;
use super::{NAME_RULE, good_name, same};

/// The kind of way out that sends mail: only such a one goes to contacts, and may be encrypted.
pub const MAIL: &str = "smtp";

/// A configured way out.
pub struct Via {
    /// Its name.
    pub name: String,
    /// The word of its kind: `smtp`, `http`, `file`, `irc`.
    pub kind: &'static str,
    /// What carries the notices.
    pub deliverer: Arc<dyn Deliverer>,
    /// What it was made from.
    pub basis: Basis,
}

/// What is known of the ways out while notices are read: also of those with mistakes, so that one
/// mistake is not told twice.
#[derive(Default)]
pub(super) struct Vias {
    /// The good ones.
    pub(super) good: BTreeMap<String, Via>,
    /// Every name that is written.
    pub(super) names: Vec<String>,
}

/// Every way out. One with mistakes is left out; its mistakes are told.
pub(super) fn read_all(mut keys: Keys<'_>, dir: &Path, site: &Site) -> Vias {
    let mut names = keys.names();
    names.sort();
    names.dedup();
    let mut good = BTreeMap::new();
    for name in &names {
        if !good_name(name) {
            keys.problem(name, format!("`{name}` is not a name"), NAME_RULE);
        }
        if let Some(via) = read(keys.table(name), name, dir, site) {
            good.insert(name.clone(), via);
        }
    }
    keys.finish();
    Vias { good, names }
}

fn read(mut keys: Keys<'_>, name: &str, dir: &Path, site: &Site) -> Option<Via> {
    let word = keys.require("type", "how notices go out")?;
    let Some(listed) = ALL.iter().find(|listed| listed.name == word) else {
        let known: Vec<_> = ALL.iter().map(|listed| listed.name).collect();
        keys.problem("type", format!("there is no way out called `{word}`"), instead(&word, &known));
        return None;
    };
    let setup = Setup {
        name: name.to_owned(),
        site_dir: dir.to_owned(),
        site_name: site.name.clone(),
        site_email: site.email.clone(),
        user_agent: super::USER_AGENT.to_owned(),
    };
    let (deliverer, basis) = same::with_basis(&mut keys, dir, &setup, |keys| (listed.read)(keys, &setup));
    keys.finish();
    deliverer.map(|deliverer| Via { name: name.to_owned(), kind: listed.name, deliverer: Arc::from(deliverer), basis })
}
