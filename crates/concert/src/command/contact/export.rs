//! `concert contact export`: parties in the forms that `contact import` reads.

use concert_model::{Party, Problem};
use concert_pipeline::enrich::constituents::{write_csv, write_json, write_ndjson};
use concert_store::records::Parties;
use concert_transport::openpgp::Keyring;

use crate::print::{Format, Out};
use crate::problems::{Exit, Failure};
use crate::wire;

/// Write parties as a file that can be imported.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  concert contact export > parties.csv\n  concert contact export --format json > parties.json\n  concert contact export teams > teams.csv"
)]
pub(super) struct Args {
    /// Which parties.
    #[arg(value_enum, default_value_t = Which::Constituents)]
    which: Which,
    /// The form: csv, with a line for each contact, json or ndjson.
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = Format::Csv)]
    format: Format,
}

/// Which parties are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Which {
    /// Those this site answers for.
    Constituents,
    /// Teams of last resort.
    Teams,
}

impl Args {
    pub(super) fn parties(&self) -> Parties {
        match self.which {
            Which::Constituents => Parties::Constituents,
            Which::Teams => Parties::Teams,
        }
    }
}

pub(super) fn run(args: &Args, mut parties: Vec<Party>, ring: &Keyring) -> Result<Exit, Failure> {
    with_keys(&mut parties, ring);
    let text = match args.format {
        Format::Csv => write_csv(&parties),
        Format::Json => write_json(&parties),
        Format::Ndjson => write_ndjson(&parties),
        Format::Table => {
            let problem = Problem::new("a table cannot be imported again");
            let hint = "write csv, json or ndjson; `concert contact list` shows parties as a table";
            return Err(Failure::usage(problem.hint(hint)));
        }
    };
    let mut out = Out::stdout();
    out.write(text.as_bytes())?;
    out.finish().map(|()| Exit::Done)
}

/// Adds the fingerprint of its key to each contact whose entry has none.
pub(crate) fn with_keys(parties: &mut [Party], ring: &Keyring) {
    let now = wire::now();
    let contacts = parties.iter_mut().flat_map(|party| &mut party.contacts);
    for contact in contacts.filter(|contact| contact.openpgp.is_empty()) {
        contact.openpgp = ring.best(&contact.mail, now).map(|key| key.fingerprint().to_owned()).unwrap_or_default();
    }
}
