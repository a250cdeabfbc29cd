//! `concert contact export`: parties in the forms that `contact import` reads.

use concert_model::Party;
use concert_pipeline::enrich::constituents::{write_csv, write_json};
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

impl Args {
    pub(super) fn parties(&self) -> Parties {
        match self.which {
            Which::Constituents => Parties::Constituents,
            Which::Teams => Parties::Teams,
        }
    }
}

pub(super) fn run(args: &Args, parties: &[Party]) -> Result<Exit, Failure> {
    let text = match args.format {
        Form::Csv => write_csv(parties),
        Form::Json => write_json(parties),
    };
    let mut out = Out::stdout();
    out.write(text.as_bytes())?;
    out.finish().map(|()| Exit::Done)
}
