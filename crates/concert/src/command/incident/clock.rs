//! Clocks of laws in one incident: started with the time until which they run, and met with a proof.

use concert_model::Time;
use concert_model::access::Person;
use concert_model::incident::clock::Catalogue;
use concert_model::incident::content::{ClockMet, ClockStarted};
use jiff::tz::TimeZone;

use super::draft::{MinutesArg, SeenArg, plain, send};
use super::times::ago;
use crate::clocks;
use crate::incidents::Incidents;
use crate::print::AllRows;
use crate::problems::{Exit, Failure};
use crate::wire;

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  concert incident clock 'CERT-EX#2026-000001' start nis2-early-warning --since 2h\n  concert incident clock 'CERT-EX#2026-000001' met nis2-early-warning --proof \"receipt 17 of the authority\""
)]
pub(super) struct ClockArgs {
    /// Number or identity of the incident.
    incident: String,
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Start a clock of the catalogue; see `concert clock list`
    Start(StartArgs),
    /// Say that a clock was met
    Met(MetArgs),
}

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  concert incident clock 'CERT-EX#2026-000001' start nis2-early-warning --since 2026-11-22T04:50:30Z\n  concert incident clock 'CERT-EX#2026-000001' start gdpr-notification --party \"Example Net\"\n  concert incident clock 'CERT-EX#2026-000001' start nis2-notification --again \"More was taken\""
)]
struct StartArgs {
    /// The clock: nis2-early-warning.
    name: String,
    /// Since when it runs: a time with its zone, or how long ago ("2h") [default: now].
    #[arg(long, value_name = "TIME", value_parser = ago)]
    since: Option<Time>,
    /// The party for which it runs; else it runs for the incident as a whole.
    #[arg(long, value_name = "PARTY", default_value = "")]
    party: String,
    /// Start it anew although it runs or was met, and why; the one before stays in `show`.
    #[arg(long, value_name = "REASON", default_value = "")]
    again: String,
    #[command(flatten)]
    seen: SeenArg,
    #[command(flatten)]
    minutes: MinutesArg,
    #[command(flatten)]
    rows: AllRows,
}

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  concert incident clock 'CERT-EX#2026-000001' met nis2-early-warning --proof \"receipt 17 of the authority\"\n  concert incident clock 'CERT-EX#2026-000001' met nis2-notification --points-to mail:7 --at 2h"
)]
struct MetArgs {
    /// The clock.
    name: String,
    /// The party for which it runs, where it does for one.
    #[arg(long, value_name = "PARTY", default_value = "")]
    party: String,
    /// What proves it, in words.
    #[arg(long, value_name = "TEXT", default_value = "", required_unless_present = "points_to")]
    proof: String,
    /// What proves it and is there: entry:17, notice:NUMBER, mail:7, or evidence:SHA-256.
    #[arg(long, value_name = "WHAT", default_value = "")]
    points_to: String,
    /// When it was met: a time with its zone, or how long ago ("2h") [default: now].
    #[arg(long, value_name = "TIME", value_parser = ago)]
    at: Option<Time>,
    #[command(flatten)]
    seen: SeenArg,
    #[command(flatten)]
    minutes: MinutesArg,
    #[command(flatten)]
    rows: AllRows,
}

pub(super) async fn run(
    args: &ClockArgs,
    incidents: &Incidents,
    person: &Person,
    (catalogue, zone): (&Catalogue, &TimeZone),
) -> Result<Exit, Failure> {
    match &args.action {
        Action::Start(start) => {
            let since = start.since.unwrap_or_else(wire::now);
            let started = clocks::started(catalogue, zone, &start.name, since).map_err(Failure::usage)?;
            let content = ClockStarted { party: start.party.clone(), again: start.again.clone(), ..started };
            send(incidents, start.seen.with(start.minutes.ask(person)), &args.incident, plain(content), &start.rows)
                .await
        }
        Action::Met(met) => {
            let time = met.at.unwrap_or_else(wire::now).0;
            let MetArgs { name, party, proof, points_to, .. } = met;
            let [clock, party, proof, points_to] = [name, party, proof, points_to].map(String::clone);
            let content = ClockMet { clock, party, time, proof, points_to };
            send(incidents, met.seen.with(met.minutes.ask(person)), &args.incident, plain(content), &met.rows).await
        }
    }
}
