//! Evidence read as a log: lines into the timeline, flows as proposals.

use std::time::Duration;

use concert_model::Problem;
use concert_model::access::Person;
use concert_model::keys::parse_duration;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::refused;
use crate::incidents::{Ask, HowToRead, Incidents};
use crate::print::{AllRows, List, format_or_default, print_object};
use crate::problems::{Exit, Failure};
use crate::settings::lone_parser;
use crate::wire;

/// Longest error of a clock.
const CLOCK_ERROR_MAX: Duration = Duration::from_secs(400 * 86_400);

#[derive(clap::Args)]
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
    rows: AllRows,
}

fn clock_error(text: &str) -> Result<u32, String> {
    let error = parse_duration(text).filter(|error| *error <= CLOCK_ERROR_MAX);
    let seconds = error.and_then(|error| u32::try_from(error.as_secs()).ok());
    seconds.ok_or_else(|| "write a number and s, m, h or d: 90s, 5m, 2h".to_owned())
}

const COLUMNS: [&str; 6] = ["time", "line", "subject", "text", "clock_error", "zone"];

pub(super) async fn read(args: &Args, incidents: &Incidents, person: &Person) -> Result<Exit, Failure> {
    let (parser, mut fixed, unpack) = lone_parser(&args.parser, &args.set)?;
    if let Some(zone) = &args.zone {
        fixed.zone = Some(TimeZone::get(zone).map_err(|_| {
            let problem = Problem::new(format!("`{zone}` is not a time zone"));
            Failure::usage(problem.hint("write it like Europe/Helsinki or UTC"))
        })?);
    }
    let how = HowToRead {
        name: args.parser.clone(),
        parser,
        fixed,
        unpack,
        zone: args.zone.clone().unwrap_or_default(),
        clock_error: args.clock_error,
        is_preview: args.preview,
    };
    let ask = Ask::new(person, wire::now());
    let lines = incidents.read_lines(ask, &args.incident, &args.sha256, how).await.map_err(refused)?;
    if let Some(problem) = lines.problem() {
        return Err(Failure::usage(problem));
    }
    let members = [
        ("incident", json!(args.incident)),
        ("written", json!(!args.preview)),
        ("events", json!(lines.events)),
        ("rejects", json!(lines.rejects)),
        ("first_reject", json!(lines.first_reject)),
        ("timeline", json!(lines.timeline)),
        ("proposals", json!(lines.proposals)),
        ("known", json!(lines.known)),
        ("without_time", json!(lines.without_time)),
        ("left_out", json!(lines.left_out)),
    ];
    let row = |item: &concert_model::incident::content::Happened| -> Vec<Value> {
        let time = concert_model::Time(item.time).to_string();
        vec![json!(time), json!(item.line), json!(item.subject), json!(item.text), json!(item.clock_error), json!(item.zone)]
    };
    let shown = List { name: "first", columns: &COLUMNS, rows: lines.shown.iter().map(row).collect() };
    print_object(format_or_default(args.rows.format), &members, &[shown])?;
    Ok(Exit::Done)
}
