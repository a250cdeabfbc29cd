//! `concert settings`: every key in force with its value, where it comes from and what it means.

use serde_json::json;

use super::SiteArg;
use crate::print::{AllRows, Format, format_or_default};
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
    let prefix = args.prefix.as_deref().unwrap_or_default();
    let keys: Vec<_> = loaded.keys.iter().filter(|one| one.key.starts_with(prefix)).collect();
    // People see the column where something was replaced; programs always have it.
    let is_plain =
        format_or_default(args.rows.format) == Format::Table && keys.iter().all(|one| one.replaces.is_empty());
    let columns = ["key", "value", "origin", "replaces", "meaning"];
    let mut table = args.rows.table(if is_plain { &["key", "value", "origin", "meaning"] } else { &columns });
    for one in keys {
        let mut row = vec![json!(one.key), json!(one.value), json!(one.origin), json!(one.replaces), json!(one.about)];
        if is_plain {
            row.remove(3);
        }
        table.row(&row)?;
    }
    table.finish()?;
    super::warn_of(&loaded.problems);
    Ok(Exit::Done)
}
