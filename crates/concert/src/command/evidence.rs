//! `concert evidence`: bytes in custody, what was done with them, and how they go out.

mod add;
mod get;
mod read;
mod show;

use std::path::PathBuf;

use concert_model::Problem;
use concert_model::access::Person;
use concert_model::incident::content::Act;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::SiteArg;
use super::acting;
use super::incident::draft::MinutesArg;
use crate::incidents::{Handling, Incidents, Refused, Written};
use crate::print::{AllRows, format_or_default, print_object};
use crate::problems::{Exit, Failure};
use crate::settings::LoadFor;
use crate::wire::Site;

/// Add evidence to incidents, say what was done with it, release and export it.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  concert evidence add 'CERT-EX#2026-000001' disk.img --from \"Example Net\" --place \"server room 2\" --reason \"asked for it\"\n  journalctl -u sshd | concert evidence add 'CERT-EX#2026-000001' - --name sshd.log --place host7 --reason \"log of the break-in\"\n  concert evidence list 'CERT-EX#2026-000001'\n  concert evidence show 'CERT-EX#2026-000001' ba7816bf\n  concert evidence get 'CERT-EX#2026-000001' ba7816bf -o disk.img --reason \"to mount it\"\n  concert evidence read 'CERT-EX#2026-000001' ba7816bf --parser csv --set 'header = true' --zone Europe/Helsinki --clock-error 5m --preview\n  concert evidence release 'CERT-EX#2026-000001' ba7816bf --to Police --reason \"order 12/26\"\n  concert evidence export 'CERT-EX#2026-000001' /media/usb/bag --for Police"
)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Take files into custody
    Add(add::AddArgs),
    /// Take what was made from evidence into custody: redacted, extracted, parsed
    Derive(add::DeriveArgs),
    /// The evidence of an incident
    List(show::ListArgs),
    /// One piece of evidence with its custody, in order
    Show(show::ShowArgs),
    /// Copy evidence out, which its custody tells
    Get(get::Args),
    /// Read evidence as a log: its lines go into the timeline, and flows that it tells are proposed
    Read(read::Args),
    /// Write what was done with evidence; `destroyed` removes its bytes
    Custody(CustodyArgs),
    /// Let evidence go to a party; it takes two persons
    Release(ReleaseArgs),
    /// Read evidence again and compare it with its hash
    Verify(show::VerifyArgs),
    /// Export evidence as a signed BagIt bag, which anybody can verify
    Export(ExportArgs),
}

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  concert evidence custody 'CERT-EX#2026-000001' ba7816bf examined --reason \"looked for web shells\" --minutes 45\n  concert evidence custody 'CERT-EX#2026-000001' ba7816bf moved --place \"safe 2\" --reason \"order 12/26\""
)]
struct CustodyArgs {
    /// Number or identity of the incident.
    incident: String,
    /// SHA-256 of the evidence, or its first digits.
    sha256: String,
    /// What was done: collected, received, moved, examined, copied or destroyed.
    #[arg(value_parser = act)]
    act: Act,
    /// From whom it was got, or who got the copy.
    #[arg(long, value_name = "WHOM", default_value = "")]
    whom: String,
    /// Where; where it is now, of what was moved.
    #[arg(long, value_name = "TEXT", default_value = "")]
    place: String,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    minutes: MinutesArg,
    #[command(flatten)]
    rows: AllRows,
}

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  concert evidence release 'CERT-EX#2026-000001' ba7816bf --to Police --reason \"order 12/26\""
)]
struct ReleaseArgs {
    /// Number or identity of the incident.
    incident: String,
    /// SHA-256 of the evidence, or its first digits.
    sha256: String,
    /// Who gets it.
    #[arg(long, value_name = "PARTY")]
    to: String,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    minutes: MinutesArg,
    #[command(flatten)]
    rows: AllRows,
}

#[derive(clap::Args)]
#[command(after_help = "Examples:\n  concert evidence export 'CERT-EX#2026-000001' /media/usb/bag --for Police")]
struct ExportArgs {
    /// Number or identity of the incident.
    incident: String,
    /// The new folder; it must be empty or not there yet.
    dir: PathBuf,
    /// Only what was released to this party, and of the journal what it may read.
    #[arg(long = "for", value_name = "PARTY")]
    party: Option<String>,
    /// Why.
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
    #[command(flatten)]
    minutes: MinutesArg,
    #[command(flatten)]
    rows: AllRows,
}

fn act(text: &str) -> Result<Act, String> {
    serde_json::from_value(json!(text))
        .map_err(|_| "collected, received, moved, examined, copied or destroyed".to_owned())
}

pub(super) fn run(args: &Args, site_arg: &SiteArg) -> Result<Exit, Failure> {
    let settings = site_arg.settings(LoadFor::Look)?;
    super::runtime()?.block_on(async {
        let site = Site::open_to_look(settings).await?;
        let incidents = site.incidents()?;
        let person = acting(site_arg, &site.store).await?;
        match &args.action {
            Action::Add(args) => add::add(args, &incidents, &person).await,
            Action::Derive(args) => add::derive(args, &incidents, &person).await,
            Action::List(args) => show::list(args, &incidents, &person).await,
            Action::Show(args) => show::show(args, &incidents, &person).await,
            Action::Verify(args) => show::verify(args, &incidents, &person).await,
            Action::Get(args) => get::get(args, &incidents, &person).await,
            Action::Read(args) => read::read(args, &incidents, &person).await,
            Action::Custody(args) => custody(args, &incidents, &person).await,
            Action::Release(args) => release(args, &incidents, &person).await,
            Action::Export(args) => export(args, &incidents, &person).await,
        }
    })
}

/// What was refused, as these commands tell it.
fn refused(refused: Refused) -> Failure {
    match refused {
        Refused::Missing => Failure::usage(
            Problem::new("there is no such incident or evidence")
                .hint("see `concert incident list` and `concert evidence list`, and quote numbers with `#`"),
        ),
        other => super::incident::refused(other),
    }
}

/// Progress of bytes, on terminals only.
fn bar(length: u64) -> ProgressBar {
    let bar = ProgressBar::new(length);
    match ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} {bytes_per_sec} {eta}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn print_written(written: &Written, more: &[(&str, Value)], rows: &AllRows) -> Result<Exit, Failure> {
    let seqs: Vec<&Value> = written.entries.iter().filter_map(|entry| entry.get("seq")).collect();
    let mut members = vec![("incident", json!(written.number)), ("entries", json!(seqs))];
    members.extend(more.iter().cloned());
    print_object(format_or_default(rows.format), &members, &[])?;
    Ok(Exit::Done)
}

async fn custody(args: &CustodyArgs, incidents: &Incidents, person: &Person) -> Result<Exit, Failure> {
    let CustodyArgs { act, whom, place, reason, .. } = args;
    let handling = Handling { act: *act, whom: whom.clone(), place: place.clone(), reason: reason.clone() };
    let ask = args.minutes.ask(person);
    let written = incidents.handle(ask, &args.incident, &args.sha256, handling).await.map_err(refused)?;
    print_written(&written, &[], &args.rows)
}

async fn release(args: &ReleaseArgs, incidents: &Incidents, person: &Person) -> Result<Exit, Failure> {
    let ask = args.minutes.ask(person);
    let (incident, sha256) = (&args.incident, &args.sha256);
    let released = incidents.release(ask, incident, sha256, &args.to, &args.reason).await;
    let (written, is_released) = released.map_err(refused)?;
    print_written(&written, &[("party", json!(args.to)), ("released", json!(is_released))], &args.rows)
}

async fn export(args: &ExportArgs, incidents: &Incidents, person: &Person) -> Result<Exit, Failure> {
    let ask = args.minutes.ask(person);
    let target = (args.dir.as_path(), args.party.as_deref());
    let exported = incidents.export_evidence(ask, &args.incident, target, &args.reason, bar(0)).await;
    let exported = exported.map_err(refused)?;
    let members = [
        ("folder", json!(exported.dir.display().to_string())),
        ("evidence", json!(exported.evidence)),
        ("bytes", json!(exported.bytes)),
    ];
    print_object(format_or_default(args.rows.format), &members, &[])?;
    Ok(Exit::Done)
}
