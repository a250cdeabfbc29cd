//! `concert incident audit`: what the audit log says of one incident. The whole log is `concert audit`.

use concert_model::access::Person;

use super::refused;
use crate::command::audit::Which;
use crate::incidents::{Ask, Incidents};
use crate::problems::{Exit, Failure};
use crate::wire;

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  concert incident audit 'CERT-EX#2026-000001'\n  concert incident audit 'CERT-EX#2026-000001' --denied --since 7d"
)]
pub(super) struct AuditArgs {
    /// Number or identity of the incident.
    incident: String,
    #[command(flatten)]
    which: Which,
}

pub(super) async fn run(args: &AuditArgs, incidents: &Incidents, person: &Person) -> Result<Exit, Failure> {
    let found = incidents.audited(Ask::new(person, wire::now()), &args.incident, args.which.filter()).await;
    args.which.print(&found.map_err(refused)?)
}
