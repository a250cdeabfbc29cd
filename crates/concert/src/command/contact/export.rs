//! `concert contact export`: parties in the forms that `contact import` reads.

use concert_model::Party;
use concert_pipeline::enrich::constituents::{write_csv, write_json};
use concert_store::records::Parties;
use concert_transport::openpgp::Keyring;

use crate::print::Out;
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

pub(super) fn run(args: &Args, mut parties: Vec<Party>, ring: &Keyring) -> Result<Exit, Failure> {
    with_keys(&mut parties, ring);
    let text = match args.format {
        Form::Csv => write_csv(&parties),
        Form::Json => write_json(&parties),
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
