//! `concert contact export`: parties in the forms that `contact import` reads.

use concert_pipeline::enrich::constituents::{write_csv, write_json};
use concert_store::Store;
use concert_store::records::Parties;

use crate::print::Out;
use crate::problems::{Exit, Failure};

/// Write parties as a file that can be imported.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  concert contact export > parties.csv\n  concert contact export --format json > parties.json\n  concert contact export teams > teams.csv"
)]
pub(super) struct Args {
    /// Which parties.
    #[arg(value_enum, default_value_t = Which::Constituents)]
    which: Which,
    /// The form.
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = Form::Csv)]
    format: Form,
}

/// Which parties are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Which {
    /// Those this site answers for.
    Constituents,
    /// Teams of last resort.
    Teams,
}

/// The form they are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Form {
    /// A line for each contact.
    Csv,
    /// An array of objects.
    Json,
}

pub(super) async fn run(args: &Args, store: &Store) -> Result<Exit, Failure> {
    let which = match args.which {
        Which::Constituents => Parties::Constituents,
        Which::Teams => Parties::Teams,
    };
    let parties = store.records.parties(which).await?;
    let text = match args.format {
        Form::Csv => write_csv(&parties),
        Form::Json => write_json(&parties),
    };
    let mut out = Out::stdout();
    out.write(text.as_bytes())?;
    out.finish().map(|()| Exit::Done)
}
