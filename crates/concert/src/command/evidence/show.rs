//! Evidence in lists and one by one.

use concert_model::access::Person;
use serde_json::{Value, json};

use super::refused;
use crate::incidents::{Incidents, exhibit_json, only};
use crate::print::{AllRows, Format, List, Rows, format_or_default, print_object};
use crate::problems::{Exit, Failure};

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  concert evidence list 'CERT-EX#2026-000001'\n  concert evidence list 'CERT-EX#2026-000001' --limit 0 --format csv"
)]
pub(super) struct ListArgs {
    /// Number or identity of the incident.
    incident: String,
    #[command(flatten)]
    rows: Rows,
}

#[derive(clap::Args)]
#[command(after_help = "Examples:\n  concert evidence show 'CERT-EX#2026-000001' ba7816bf")]
pub(super) struct ShowArgs {
    /// Number or identity of the incident.
    incident: String,
    /// SHA-256 of the evidence, or its first digits, at least eight.
    sha256: String,
    #[command(flatten)]
    rows: AllRows,
}

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  concert evidence verify 'CERT-EX#2026-000001'\n  concert evidence verify 'CERT-EX#2026-000001' ba7816bf"
)]
pub(super) struct VerifyArgs {
    /// Number or identity of the incident.
    incident: String,
    /// SHA-256 of the evidence, or its first digits, at least eight; without any, all of the incident that is kept.
    sha256: Vec<String>,
    #[command(flatten)]
    rows: AllRows,
}

const COLUMNS: [&str; 8] = ["sha256", "name", "bytes", "tlp", "of", "last", "goes_to", "text"];
const CUSTODY: [&str; 6] = ["time", "act", "person", "whom", "place", "reason"];

pub(super) async fn list(args: &ListArgs, incidents: &Incidents, person: &Person) -> Result<Exit, Failure> {
    let state = incidents.exhibits(person, &args.incident).await.map_err(refused)?;
    let mut table = args.rows.table(&COLUMNS).when_empty("there is no evidence; `concert evidence add` adds some");
    for (sha256, exhibit) in state.evidence.iter().filter(|(_, exhibit)| exhibit.added.is_some()) {
        let item = exhibit_json(sha256, exhibit);
        let at = |name: &str| item.get(name).cloned().unwrap_or_default();
        let tlp = item.pointer("/marking/tlp").cloned().unwrap_or_default();
        let last = at("custody").as_array().and_then(|acts| acts.last()?.get("act").cloned()).unwrap_or_default();
        let goes_to: Vec<&str> = exhibit.goes_to().collect();
        let values =
            [at("sha256"), at("name"), at("bytes"), tlp, at("of"), last, json!(goes_to.join(", ")), at("text")];
        if !table.row(&values)? {
            break;
        }
    }
    table.finish()?;
    Ok(Exit::Done)
}

pub(super) async fn show(args: &ShowArgs, incidents: &Incidents, person: &Person) -> Result<Exit, Failure> {
    let state = incidents.exhibits(person, &args.incident).await.map_err(refused)?;
    let (sha256, exhibit) = only(&state, &args.sha256).map_err(refused)?;
    let item = exhibit_json(sha256, exhibit);
    let format = format_or_default(args.rows.format);
    let Value::Object(members) = &item else { return Ok(Exit::Done) };
    let is_shown = |name: &str| format != Format::Table || name != "custody";
    let members = members.iter().filter(|(name, _)| is_shown(name));
    let members: Vec<(&str, Value)> = members.map(|(name, value)| (name.as_str(), value.clone())).collect();
    let lists = match item.get("custody") {
        Some(Value::Array(acts)) if format == Format::Table => {
            let row = |act: &Value| CUSTODY.iter().map(|name| act.get(*name).cloned().unwrap_or_default()).collect();
            vec![List { name: "custody", columns: &CUSTODY, rows: acts.iter().map(row).collect() }]
        }
        _ => Vec::new(),
    };
    print_object(format, &members, &lists)?;
    Ok(Exit::Done)
}

/// Exit code 1 where any of it is not as it was taken in.
pub(super) async fn verify(args: &VerifyArgs, incidents: &Incidents, person: &Person) -> Result<Exit, Failure> {
    let state = incidents.exhibits(person, &args.incident).await.map_err(refused)?;
    let kept = state.evidence.iter().filter(|(_, exhibit)| exhibit.added.is_some() && !exhibit.is_destroyed());
    let all: Vec<String> = match args.sha256.is_empty() {
        true => kept.map(|(sha256, _)| sha256.to_string()).collect(),
        false => args.sha256.clone(),
    };
    let mut table = args.rows.table(&["sha256", "bytes", "good", "problem"]);
    let mut exit = Exit::Done;
    for sha256 in all {
        let looked = incidents.look_at_evidence(person, &args.incident, &sha256).await.map_err(refused)?;
        if looked.problem.is_some() {
            exit = Exit::Bad;
        }
        let good = looked.problem.is_none();
        if !table.row(&[json!(looked.sha256), json!(looked.bytes), json!(good), json!(looked.problem)])? {
            break;
        }
    }
    table.finish().map(|()| exit)
}
