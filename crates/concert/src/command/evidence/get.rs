//! Evidence copied out.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use concert_model::Problem;
use concert_model::access::Person;
use concert_model::incident::content::Act;

use super::super::incident::draft::MinutesArg;
use super::{bar, refused};
use crate::incidents::{Handling, Incidents};
use crate::problems::{Exit, Failure, outside};

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  concert evidence get 'CERT-EX#2026-000001' ba7816bf -o disk.img --reason \"to mount it\"\n  concert evidence get 'CERT-EX#2026-000001' ba7816bf -o - --reason \"looked for web shells\" | less"
)]
pub(super) struct Args {
    /// Number or identity of the incident.
    incident: String,
    /// SHA-256 of the evidence, or its first digits.
    sha256: String,
    /// The new file, which its custody tells as a copy; `-` is standard output, which is told as examined
    /// where there is a reason.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Who gets the copy.
    #[arg(long, value_name = "WHOM", default_value = "")]
    whom: String,
    /// Where.
    #[arg(long, value_name = "TEXT", default_value = "")]
    place: String,
    /// Why.
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
    #[command(flatten)]
    minutes: MinutesArg,
}

pub(super) async fn get(args: &Args, incidents: &Incidents, person: &Person) -> Result<Exit, Failure> {
    let is_shown = args.output == Path::new("-");
    if !is_shown && args.output.symlink_metadata().is_ok() {
        let problem = Problem::new("there is such a file already").at(args.output.display().to_string());
        return Err(Failure::usage(problem.hint("name a new file; nothing is overwritten")));
    }
    let act = if is_shown { Act::Examined } else { Act::Copied };
    let (whom, place, reason) = (args.whom.clone(), args.place.clone(), args.reason.clone());
    // Whoever reads it is written down too: what is shown can be kept by whoever looks.
    let handling = Some(Handling { act, whom, place, reason });
    let ask = args.minutes.ask(person);
    let reading = incidents.open_evidence(ask, &args.incident, &args.sha256, handling).await.map_err(refused)?;
    let bar = bar(reading.bytes);
    let mut reader = bar.wrap_read(reading.reader);
    match is_shown {
        true => match io::copy(&mut reader, &mut io::stdout().lock()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                return Err(outside("the evidence cannot be copied", &error));
            }
            _ => {}
        },
        false => copy(&mut reader, &args.output)
            .map_err(|error| outside(format!("{} cannot be written", args.output.display()), &error))?,
    }
    bar.finish_and_clear();
    Ok(Exit::Done)
}

/// Only what is whole, and the same bytes as were added, gets its name.
fn copy(reader: &mut dyn Read, path: &Path) -> io::Result<()> {
    let part = path.with_added_extension("part");
    let written = write(reader, &part).and_then(|()| fs::rename(&part, path));
    if written.is_err() {
        fs::remove_file(&part).ok();
    }
    written
}

fn write(reader: &mut dyn Read, part: &Path) -> io::Result<()> {
    let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(part)?;
    io::copy(reader, &mut file)?;
    file.flush()?;
    file.sync_all()
}
