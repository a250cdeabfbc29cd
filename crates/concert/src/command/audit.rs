//! `concert audit`: who did or wanted to do what, newest first.

use concert_model::Time;
use concert_store::Store;
use concert_store::records::{AuditFilter, Audited};
use serde_json::{Value, json};

use super::SiteArg;
use super::contact::text_or_null;
use super::events::moment;
use crate::print::Rows;
use crate::problems::{Exit, Failure};

const COLUMNS: [&str; 9] = ["seq", "time", "who", "from", "action", "object", "decision", "policy", "reason"];

/// Show who did what, and what was denied.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  concert audit\n  concert audit --denied --since 7d\n  concert audit --who jane --since 2026-11-01 --limit 0 --format csv\n  concert audit --object \"user jane\""
)]
pub(super) struct Args {
    /// Only what was done to this: "user jane", "token 7", the number of an incident.
    #[arg(long, value_name = "OBJECT")]
    object: Option<String>,
    #[command(flatten)]
    which: Which,
}

/// Which rows are wanted, whatever they are about.
#[derive(clap::Args)]
pub(super) struct Which {
    /// Only what this one did: a user, or "operator (NAME)".
    #[arg(long, value_name = "WHO")]
    who: Option<String>,
    /// Only from this moment on: a time, a date (UTC), or how long ago ("24h", "7d").
    #[arg(long, value_name = "WHEN", value_parser = moment)]
    since: Option<Time>,
    /// Only what was denied.
    #[arg(long)]
    denied: bool,
    /// Only rows before the one with this number, to go on where a list ended.
    #[arg(long, value_name = "SEQ")]
    before: Option<i64>,
    #[command(flatten)]
    rows: Rows,
}

pub(super) fn run(args: &Args, site: &SiteArg) -> Result<Exit, Failure> {
    let settings = site.settings_to_look()?;
    let filter = AuditFilter { object: args.object.clone(), ..args.which.filter() };
    let found = super::runtime()?.block_on(async {
        let store = Store::open(&settings.data_dir()).await?;
        store.records.audit_rows(&filter).await
    })?;
    args.which.print(&found)
}

impl Which {
    pub(super) fn filter(&self) -> AuditFilter {
        AuditFilter {
            who: self.who.clone(),
            object: None,
            since: self.since,
            denied: self.denied,
            before: self.before,
            // One more than is shown, to know that there are more.
            limit: if self.rows.limit == 0 { 0 } else { self.rows.limit as u64 + 1 },
        }
    }

    pub(super) fn print(&self, found: &[Audited]) -> Result<Exit, Failure> {
        let mut table = self.rows.table(&COLUMNS).when_empty("nothing of that is in the log");
        for row in found {
            if !table.row(&values(row))? {
                break;
            }
        }
        table.finish().map(|()| Exit::Done)
    }
}

fn values(row: &Audited) -> [Value; 9] {
    [
        json!(row.seq),
        json!(row.by.at.to_string()),
        json!(row.by.who),
        text_or_null(&row.by.from),
        json!(row.action),
        text_or_null(&row.object),
        json!(if row.allowed { "allowed" } else { "denied" }),
        text_or_null(&row.policy),
        text_or_null(&row.reason),
    ]
}
