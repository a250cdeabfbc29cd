//! `concert contact refresh`: lists that others publish, fetched anew.

use clap::ValueEnum;
use concert_model::Problem;
use serde_json::json;

use crate::ask;
use crate::print::AllRows;
use crate::problems::{Exit, Failure};
use crate::settings::Settings;

/// Fetch anew what others publish
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  concert contact refresh rdap")]
pub(super) struct Args {
    /// What is fetched.
    kind: Kind,
    #[command(flatten)]
    rows: AllRows,
}

/// What is fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// Which server of RDAP knows which networks, AS numbers and domains, from IANA.
    Rdap,
}

/// Exit code 3 when a file could not be fetched; the one before stays.
pub(super) async fn run(args: &Args, settings: &Settings) -> Result<Exit, Failure> {
    let Kind::Rdap = args.kind;
    if let Some(folder) = &settings.lookup.rdap_bootstrap {
        let problem = Problem::new(format!("the settings name the files in {}", folder.display()));
        return Err(Failure::usage(problem.hint("put them there, or remove `rdap_bootstrap` from [lookup]")));
    }
    let mut table = args.rows.table(&["file", "entries", "published", "reason"]);
    let mut exit = Exit::Done;
    for (file, fetched) in ask::refresh(settings).await? {
        let row = match fetched {
            Ok((entries, published)) => [json!(file), json!(entries), json!(published), json!(null)],
            Err(why) => {
                exit = Exit::Outside;
                [json!(file), json!(null), json!(null), json!(format!("{why}; the file before stays"))]
            }
        };
        if !table.row(&row)? {
            break;
        }
    }
    table.finish().map(|()| exit)
}
