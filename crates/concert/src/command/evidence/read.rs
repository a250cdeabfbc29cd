//! Evidence read as a log: lines into the timeline, flows as proposals.

use concert_model::access::Person;
use concert_model::incident::content::Happened;
use concert_model::keys::parse_duration;
use concert_server::desk::Lines as Asked;
use serde_json::{Value, json};

use super::super::incident::draft::MinutesArg;
use super::refused;
use crate::incidents::{HowToRead, Incidents, happened_json};
use crate::print::{AllRows, List, format_or_default, print_object};
use crate::problems::{Exit, Failure};

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  concert evidence read 'CERT-EX#2026-000001' ba7816bf --parser csv --set 'header = true' --set 'columns = { ts = \"time.source\", from = \"source.ip\", to = \"destination.ip\" }' --zone Europe/Helsinki --clock-error 5m --preview"
)]
pub(super) struct Args {
    /// Number or identity of the incident.
    incident: String,
    /// SHA-256 of the evidence, or its first digits.
    sha256: String,
    /// The parser, one of those of feeds: csv, ndjson, keyvalue, ...
    #[arg(long, value_name = "NAME")]
    parser: String,
    /// A setting of the parser, as a TOML line; may be given again.
    #[arg(long, value_name = "TOML")]
    set: Vec<String>,
    /// The zone of times that name none: Europe/Helsinki.
    #[arg(long, value_name = "ZONE")]
    zone: Option<String>,
    /// How wrong the clock that wrote them may be.
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = clock_error)]
    clock_error: u32,
    /// Show what would be written, and write nothing.
    #[arg(long)]
    preview: bool,
    #[command(flatten)]
    minutes: MinutesArg,
    #[command(flatten)]
    rows: AllRows,
}

fn clock_error(text: &str) -> Result<u32, String> {
    let seconds = parse_duration(text).and_then(|error| u32::try_from(error.as_secs()).ok());
    seconds.ok_or_else(|| "write a number and s, m, h or d: 90s, 5m, 2h".to_owned())
}

const COLUMNS: [&str; 6] = ["time", "line", "subject", "text", "clock_error", "zone"];

pub(super) async fn read(args: &Args, incidents: &Incidents, person: &Person) -> Result<Exit, Failure> {
    let asked = Asked {
        parser: args.parser.clone(),
        set: args.set.clone(),
        zone: args.zone.clone().unwrap_or_default(),
        clock_error: args.clock_error,
        preview: args.preview,
    };
    let how = HowToRead::of(&asked, true)?;
    let ask = args.minutes.ask(person);
    let lines = incidents.read_lines(ask, &args.incident, &args.sha256, how).await.map_err(refused)?;
    if let Some(problem) = lines.problem() {
        return Err(Failure::usage(problem));
    }
    let mut members = vec![("incident", json!(args.incident)), ("written", json!(!args.preview))];
    members.extend(lines.members());
    let row = |item: &Happened| -> Vec<Value> {
        let item = happened_json(item);
        COLUMNS.iter().map(|name| item.get(*name).cloned().unwrap_or_default()).collect()
    };
    let shown = List { name: "first", columns: &COLUMNS, rows: lines.shown.iter().map(row).collect() };
    let rejected = lines.first_rejects.iter().map(|why| vec![json!(why)]).collect();
    let rejected = List { name: "rejected", columns: &["first rejects"], rows: rejected };
    print_object(format_or_default(args.rows.format), &members, &[shown, rejected])?;
    Ok(Exit::Done)
}
