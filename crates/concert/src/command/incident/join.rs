//! Incidents that are one, or parts of one: merge, split, parent and child, and all of it undone.

use concert_model::access::Person;
use concert_model::incident::content::Severity;
use concert_model::incident::draft::NewIncident;

use super::{draft, print_written, refused};
use crate::incidents::{Chosen, Incidents, Join, Split};
use crate::print::AllRows;
use crate::problems::{Exit, Failure};

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  concert incident merge 'CERT-EX#2026-000002' --into 'CERT-EX#2026-000001' --reason \"the same intruder\""
)]
pub(super) struct MergeArgs {
    /// The incident that is merged; its content shows in the other from now on.
    incident: String,
    /// The incident it is merged into.
    #[arg(long, value_name = "INCIDENT")]
    into: String,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    minutes: draft::MinutesArg,
    #[command(flatten)]
    rows: AllRows,
}

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  concert incident unmerge 'CERT-EX#2026-000002' --from 'CERT-EX#2026-000001' --reason \"another key\""
)]
pub(super) struct UnmergeArgs {
    /// The incident that was merged.
    incident: String,
    /// The incident it was merged into.
    #[arg(long, value_name = "INCIDENT")]
    from: String,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    minutes: draft::MinutesArg,
    #[command(flatten)]
    rows: AllRows,
}

#[derive(clap::Args)]
pub(super) struct LinkArgs {
    /// The incident that is part of the other.
    incident: String,
    /// The incident that it is part of.
    #[arg(long, value_name = "INCIDENT")]
    parent: String,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    minutes: draft::MinutesArg,
    #[command(flatten)]
    rows: AllRows,
}

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  concert incident split 'CERT-EX#2026-000001' --host 192.0.2.1 --entries 17,18 --title \"The other intruder\" --type scanner --severity high --tlp amber --reason \"another key\""
)]
pub(super) struct SplitArgs {
    /// The incident that is split.
    incident: String,
    /// Title of the new incident.
    #[arg(long, value_name = "TEXT")]
    title: String,
    /// Its type: `classification.type` of events.
    #[arg(long = "type", value_name = "TYPE")]
    classification: String,
    /// How bad it is; it must be given.
    #[arg(long, value_name = "info|low|medium|high|critical", value_parser = draft::severity)]
    severity: Severity,
    #[command(flatten)]
    marking: draft::MarkingArgs,
    /// A party whose part in it is moved.
    #[arg(long = "party", value_name = "PARTY")]
    moved_parties: Vec<String>,
    /// An observable that is moved.
    #[arg(long = "observable", value_name = "VALUE")]
    observables: Vec<String>,
    /// A host; its party and its flows are moved.
    #[arg(long = "host", value_name = "HOST")]
    hosts: Vec<String>,
    /// Entries that are moved, by their numbers in the log.
    #[arg(long = "entries", value_name = "SEQ", value_delimiter = ',')]
    entries: Vec<u64>,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    minutes: draft::MinutesArg,
    #[command(flatten)]
    rows: AllRows,
}

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  concert incident unsplit 'CERT-EX#2026-000001' --from 'CERT-EX#2026-000003' --reason \"the same after all\""
)]
pub(super) struct UnsplitArgs {
    /// The incident that was split.
    incident: String,
    /// The incident that was made by the split.
    #[arg(long, value_name = "INCIDENT")]
    from: String,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    minutes: draft::MinutesArg,
    #[command(flatten)]
    rows: AllRows,
}

type To<'a> = (&'a Incidents, &'a Person);

async fn join(
    (incidents, person): To<'_>,
    join: Join,
    both: (&str, &str),
    is_joined: bool,
    (reason, minutes, rows): (&str, draft::MinutesArg, &AllRows),
) -> Result<Exit, Failure> {
    let written = incidents.join(minutes.ask(person), join, both, is_joined, reason).await.map_err(refused)?;
    print_written(&written, rows)
}

pub(super) async fn merge(args: &MergeArgs, to: To<'_>) -> Result<Exit, Failure> {
    join(to, Join::Merged, (&args.incident, &args.into), true, (&args.reason, args.minutes, &args.rows)).await
}

pub(super) async fn unmerge(args: &UnmergeArgs, to: To<'_>) -> Result<Exit, Failure> {
    join(to, Join::Merged, (&args.incident, &args.from), false, (&args.reason, args.minutes, &args.rows)).await
}

pub(super) async fn link(args: &LinkArgs, to: To<'_>, is_joined: bool) -> Result<Exit, Failure> {
    join(to, Join::Parent, (&args.incident, &args.parent), is_joined, (&args.reason, args.minutes, &args.rows)).await
}

pub(super) async fn unsplit(args: &UnsplitArgs, to: To<'_>) -> Result<Exit, Failure> {
    join(to, Join::Split, (&args.incident, &args.from), false, (&args.reason, args.minutes, &args.rows)).await
}

pub(super) async fn split(args: &SplitArgs, (incidents, person): To<'_>) -> Result<Exit, Failure> {
    let new = NewIncident {
        title: args.title.clone(),
        classification: args.classification.clone(),
        severity: args.severity,
        marking: args.marking.marking(),
        drafts: Vec::new(),
    };
    let chosen = Chosen {
        parties: args.moved_parties.clone(),
        observables: args.observables.clone(),
        hosts: args.hosts.clone(),
        entries: args.entries.clone(),
    };
    let split = Split { new, chosen, reason: args.reason.clone() };
    let written = Box::pin(incidents.split(args.minutes.ask(person), &args.incident, split)).await.map_err(refused)?;
    print_written(&written, &args.rows)
}
