//! Files that become evidence.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use concert_model::Problem;
use concert_model::access::Person;
use concert_model::incident::content::Act;
use serde_json::{Value, json};

use super::super::incident::draft::{MinutesArg, OwnMarkingArgs};
use super::{bar, refused};
use crate::incidents::{Added, Ask, Handling, Incidents, NewEvidence, harmless};
use crate::print::AllRows;
use crate::problems::{Exit, Failure};
use crate::wire;

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  concert evidence add 'CERT-EX#2026-000001' disk.img --from \"Example Net\" --place \"server room 2\" --reason \"asked for it\"\n  journalctl -u sshd | concert evidence add 'CERT-EX#2026-000001' - --name sshd.log --place host7 --reason \"log of the break-in\""
)]
pub(super) struct AddArgs {
    /// Number or identity of the incident.
    incident: String,
    /// The files; `-` is standard input.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<String>,
    #[command(flatten)]
    about: AboutArgs,
    /// Whom it was received from; without this it was collected.
    #[arg(long, value_name = "WHOM")]
    from: Option<String>,
    /// Where it was got.
    #[arg(long, value_name = "TEXT", default_value = "")]
    place: String,
    /// Why.
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
    #[command(flatten)]
    minutes: MinutesArg,
    #[command(flatten)]
    rows: AllRows,
}

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  concert evidence derive 'CERT-EX#2026-000001' ba7816bf firewall.log --tlp amber --reason \"the line of the firewall alone\""
)]
pub(super) struct DeriveArgs {
    /// Number or identity of the incident.
    incident: String,
    /// SHA-256 of the evidence it was made from, or its first digits.
    sha256: String,
    /// The file; `-` is standard input.
    file: String,
    #[command(flatten)]
    about: AboutArgs,
    /// Where it was made.
    #[arg(long, value_name = "TEXT", default_value = "")]
    place: String,
    /// Why, and how.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    minutes: MinutesArg,
    #[command(flatten)]
    rows: AllRows,
}

#[derive(clap::Args)]
struct AboutArgs {
    /// Its name, where that is not the name of the file.
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,
    /// What it is.
    #[arg(long, value_name = "TEXT", default_value = "")]
    text: String,
    #[command(flatten)]
    marking: OwnMarkingArgs,
}

impl AboutArgs {
    fn evidence(&self, file: &str, handling: Handling) -> NewEvidence {
        let own = || match file {
            "-" => "standard input".to_owned(),
            path => Path::new(path).file_name().unwrap_or_default().to_string_lossy().into_owned(),
        };
        let name = self.name.clone().unwrap_or_else(own);
        NewEvidence { name, text: self.text.clone(), marking: self.marking.marking(), handling }
    }
}

/// The bytes of a file, with a progress bar where it is worth one.
fn open(file: &str) -> Result<Box<dyn Read + Send>, Failure> {
    const SHOW_FROM: u64 = 64 << 20;
    if file == "-" {
        return Ok(Box::new(io::stdin()));
    }
    let cannot = |why: String| Failure::usage(Problem::new(why).at(file));
    let source = File::open(file).map_err(|error| cannot(format!("cannot be read: {error}")))?;
    let about = source.metadata().map_err(|error| cannot(format!("cannot be read: {error}")))?;
    if about.is_dir() {
        return Err(cannot("is a folder".into()));
    }
    if about.len() < SHOW_FROM {
        return Ok(Box::new(source));
    }
    Ok(Box::new(bar(about.len()).wrap_read(source)))
}

const COLUMNS: [&str; 4] = ["sha256", "bytes", "name", "incident"];

fn row(added: &Added, name: &str) -> [Value; 4] {
    [json!(added.sha256), json!(added.bytes), json!(harmless(name)), json!(added.written.number)]
}

pub(super) async fn add(args: &AddArgs, incidents: &Incidents, person: &Person) -> Result<Exit, Failure> {
    if args.about.name.is_some() && args.files.len() > 1 {
        return Err(Failure::usage(Problem::new("--name is for one file").hint("add the others by themselves")));
    }
    let handling = Handling {
        act: if args.from.is_some() { Act::Received } else { Act::Collected },
        whom: args.from.clone().unwrap_or_default(),
        place: args.place.clone(),
        reason: args.reason.clone(),
    };
    let mut table = args.rows.table(&COLUMNS);
    let mut failure = None;
    for (at, file) in args.files.iter().enumerate() {
        let new = args.about.evidence(file, handling.clone());
        let name = new.name.clone();
        let added = match open(file) {
            Ok(reader) => {
                // What it took counts once, with the first of them.
                let ask = if at == 0 { args.minutes.ask(person) } else { Ask::new(person, wire::now()) };
                incidents.add(ask, &args.incident, new, reader).await.map_err(refused)
            }
            Err(failure) => Err(failure),
        };
        match added {
            Ok(added) => drop(table.row(&row(&added, &name))?),
            Err(why) => {
                failure = Some(why);
                break;
            }
        }
    }
    // What was added before a failure is told too.
    table.finish()?;
    failure.map_or(Ok(Exit::Done), Err)
}

pub(super) async fn derive(args: &DeriveArgs, incidents: &Incidents, person: &Person) -> Result<Exit, Failure> {
    let (place, reason) = (args.place.clone(), args.reason.clone());
    let new = args.about.evidence(&args.file, Handling { act: Act::Examined, whom: String::new(), place, reason });
    let (name, reader) = (new.name.clone(), open(&args.file)?);
    let ask = args.minutes.ask(person);
    let added = incidents.derive(ask, &args.incident, &args.sha256, new, reader).await.map_err(refused)?;
    let mut table = args.rows.table(&COLUMNS);
    table.row(&row(&added, &name))?;
    table.finish()?;
    Ok(Exit::Done)
}
