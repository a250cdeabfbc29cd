//! `concert settings`: every key in force with its value, where it comes from and what it means.

use serde_json::json;

use super::SiteArg;
use crate::print::AllRows;
use crate::problems::{Exit, Failure};
use crate::settings::{LoadFor, Settings};

/// Show every setting in force.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  concert settings\n  concert settings notice.daily\n  concert settings --format json"
)]
pub(super) struct Args {
    /// Only keys that begin with this: `feed`, `notice.daily`.
    prefix: Option<String>,
    #[command(flatten)]
    rows: AllRows,
}

pub(super) fn run(args: &Args, site: &SiteArg) -> Result<Exit, Failure> {
    let loaded = Settings::read(&site.dir, LoadFor::Look)?;
    let mut table = args.rows.table(&["key", "value", "origin", "meaning"]);
    let prefix = args.prefix.as_deref().unwrap_or_default();
    for one in loaded.keys.iter().filter(|one| one.key.starts_with(prefix)) {
        table.row(&[json!(one.key), json!(one.value), json!(one.origin), json!(one.about)])?;
    }
    table.finish()?;
    super::warn_of(&loaded.problems);
    Ok(Exit::Done)
}
