//! `concert contact refused`: answers of registries and files of domains that could not be used, counted.

use concert_store::Store;
use concert_store::records::Refused;
use serde_json::json;

use crate::print::LongRows;
use crate::problems::{Exit, Failure};

/// Tell how many answers of RDAP and files of domains (security.txt) were refused, why, and when last
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  concert contact refused\n  concert contact refused --format json")]
pub(super) struct Args {
    #[command(flatten)]
    rows: LongRows,
}

/// Of whom the answers were is not counted, so only who sees all contacts sees how many there were.
pub(super) async fn run(args: &Args, store: &Store, sees_all: bool) -> Result<Exit, Failure> {
    let mut table = args.rows.table(&["source", "cause", "count", "last"]);
    let all = if sees_all { store.records.refused().await? } else { Vec::new() };
    for Refused { source, cause, count, last } in all {
        table.row(&[json!(source), json!(cause), json!(count), json!(last.to_string())])?;
    }
    table.finish().map(|()| Exit::Done)
}
