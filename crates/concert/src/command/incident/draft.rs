//! Entries as they are given on the command line.

use concert_model::Problem;
use concert_model::access::Person;
use concert_model::incident::content::{Content, EventLinked, Marked, Note, Severity, in_words};
use concert_model::incident::draft::{Draft, in_a_day, keep_members};
use concert_model::incident::marking::{Marking, Tlp};
use serde_json::{Map, Value, json};

use super::{print_written, refused};
use crate::incidents::{Ask, Incidents};
use crate::print::AllRows;
use crate::problems::{Exit, Failure};
use crate::wire;

/// How something is marked.
#[derive(clap::Args, Clone)]
pub(super) struct MarkingArgs {
    /// The label; it must be given.
    #[arg(long, value_name = "red|amber+strict|amber|green|clear")]
    tlp: Tlp,
    /// A person it is for; a RED one is for these alone.
    #[arg(long = "for-person", value_name = "NAME")]
    persons: Vec<String>,
    /// A party it is for.
    #[arg(long = "for-party", value_name = "PARTY")]
    parties: Vec<String>,
    /// The compartment it lies in: law-enforcement, legal, or one of your own.
    #[arg(long, value_name = "NAME", default_value = "")]
    compartment: String,
}

impl MarkingArgs {
    pub(super) fn marking(&self) -> Marking {
        let Self { tlp, persons, parties, compartment } = self.clone();
        Marking { tlp, persons, parties, compartment }
    }
}

/// How something is marked that is else marked as the incident.
#[derive(clap::Args, Clone)]
pub(in crate::command) struct OwnMarkingArgs {
    /// How it is marked; as the incident where nothing is said.
    #[arg(long, value_name = "LABEL")]
    tlp: Option<Tlp>,
    /// A person it is for; a RED one is for these alone.
    #[arg(long = "for-person", value_name = "NAME", requires = "tlp")]
    persons: Vec<String>,
    /// A party it is for.
    #[arg(long = "for-party", value_name = "PARTY", requires = "tlp")]
    parties: Vec<String>,
    /// The compartment it lies in.
    #[arg(long, value_name = "NAME", default_value = "", requires = "tlp")]
    compartment: String,
}

impl OwnMarkingArgs {
    pub(in crate::command) fn marking(&self) -> Option<Marking> {
        let Self { tlp, persons, parties, compartment } = self.clone();
        tlp.map(|tlp| Marking { tlp, persons, parties, compartment })
    }
}

/// The last entry that somebody had read.
#[derive(clap::Args, Clone, Copy)]
pub(super) struct SeenArg {
    /// The last entry that you had read: what somebody changed since is not overwritten.
    #[arg(long, value_name = "SEQ")]
    pub(super) seen: Option<u64>,
}

impl SeenArg {
    /// The same request, which overwrites nothing that came later.
    pub(super) fn with(self, ask: Ask<'_>) -> Ask<'_> {
        Ask { seen: self.seen, ..ask }
    }
}

/// Minutes that something took.
#[derive(clap::Args, Clone, Copy)]
pub(in crate::command) struct MinutesArg {
    /// Minutes that it took you: they count as your effort.
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = minutes)]
    minutes: Option<u32>,
}

/// Reads how many minutes something took.
fn minutes(text: &str) -> Result<u32, String> {
    let minutes = text.parse().ok().filter(|minutes| *minutes > 0);
    let minutes = minutes.ok_or_else(|| "this is not a whole number from 1".to_owned())?;
    in_a_day(minutes).map_err(|problem| problem.to_string())?;
    Ok(minutes)
}

impl MinutesArg {
    /// The request of a person now, with what it took.
    pub(in crate::command) fn ask(self, person: &Person) -> Ask<'_> {
        Ask { minutes: self.minutes.unwrap_or(0), ..Ask::new(person, wire::now()) }
    }
}

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  concert incident write 'CERT-EX#2026-000001' note text=\"Called the operator.\"\n  concert incident write 'CERT-EX#2026-000001' party party=\"Example Net\" status=told text=\"by telephone\" --minutes 15\n  concert incident write 'CERT-EX#2026-000001' task name=logs title=\"Ask for logs\" role=responder due=2026-11-30T12:00:00Z"
)]
pub(super) struct WriteArgs {
    /// Number or identity of the incident.
    incident: String,
    /// The kind: note, finding, decision, party, relation, ...; see `concert incident kinds`.
    kind: String,
    /// What it says, as `name=value`, or one JSON object; what is left out is empty.
    #[arg(value_name = "NAME=VALUE")]
    content: Vec<String>,
    #[command(flatten)]
    marking: OwnMarkingArgs,
    #[command(flatten)]
    seen: SeenArg,
    #[command(flatten)]
    minutes: MinutesArg,
    #[command(flatten)]
    rows: AllRows,
}

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  concert incident mark 'CERT-EX#2026-000001' --tlp green --reason \"agreed with the source\""
)]
pub(super) struct MarkArgs {
    /// Number or identity of the incident.
    incident: String,
    /// One of its entries, by its number in the log; else the whole incident.
    #[arg(long, value_name = "SEQ")]
    entry: Option<u64>,
    #[command(flatten)]
    marking: MarkingArgs,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    seen: SeenArg,
    #[command(flatten)]
    minutes: MinutesArg,
    #[command(flatten)]
    rows: AllRows,
}

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  concert incident erase 'CERT-EX#2026-000001' 1795322400000017 --reason \"privacy law\""
)]
pub(super) struct EraseArgs {
    /// Number or identity of the incident.
    incident: String,
    /// The entry, by its number in the log.
    #[arg(value_parser = entry_number)]
    entry: u64,
    /// Why: retention, privacy law.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    minutes: MinutesArg,
    #[command(flatten)]
    rows: AllRows,
}

pub(super) fn severity(text: &str) -> Result<Severity, String> {
    let known = || "info, low, medium, high or critical".to_owned();
    serde_json::from_value(json!(text)).map_err(|_| known())
}

pub(super) fn plain(content: impl Into<Content>) -> Draft {
    Draft { content: content.into(), marking: None, minutes: 0 }
}

/// What an incident begins with.
pub(super) fn first(note: Option<&str>, events: &[String]) -> Vec<Draft> {
    let mut drafts: Vec<Draft> =
        events.iter().map(|event| plain(EventLinked { event: event.clone(), linked: true })).collect();
    drafts.extend(note.map(|text| plain(Note { text: text.to_owned() })));
    drafts
}

fn wrong(problem: Problem) -> Failure {
    let has_hint = !problem.hint.is_empty();
    Failure::usage(if has_hint { problem } else { problem.hint("see `concert incident kinds`") })
}

/// The members of an entry from `name=value` pairs, or from JSON objects; each is given once.
fn members(given: &[String]) -> Result<Map<String, Value>, Failure> {
    let mut members = Map::new();
    for part in given {
        let pairs = match part.trim_start().starts_with('{') {
            true => match serde_json::from_str(part) {
                Ok(Value::Object(object)) => object,
                Ok(_) => return Err(wrong(Problem::new("what it says is one JSON object"))),
                Err(error) => return Err(wrong(Problem::new(format!("this is no JSON: {error}")))),
            },
            false => {
                let pair = part.split_once('=');
                let (name, value) = pair.ok_or_else(|| wrong(Problem::new(format!("`{part}` is not name=value"))))?;
                Map::from_iter([(name.to_owned(), Value::String(value.to_owned()))])
            }
        };
        for (name, value) in pairs {
            if members.insert(name.clone(), value).is_some() {
                return Err(wrong(Problem::new(format!("`{name}` is given twice"))));
            }
        }
    }
    Ok(members)
}

/// Members that are lists of objects may be given as JSON in `name=value` too.
fn lists(kind: &str, members: &mut Map<String, Value>) -> Result<(), Failure> {
    let Ok((_, fields)) = Content::kind(kind) else { return Ok(()) };
    let is_list = |of: &str| of.starts_with("Vec<") && of != "Vec<String>";
    for (field, _) in fields.iter().filter(|(_, of)| is_list(of)) {
        let Some(value @ Value::String(_)) = members.get_mut(*field) else { continue };
        if let Some(text) = value.as_str().filter(|text| text.trim_start().starts_with('[')) {
            let read = serde_json::from_str(text);
            *value = read.map_err(|error| wrong(Problem::new(format!("`{field}` is no JSON: {error}"))))?;
        }
    }
    Ok(())
}

pub(super) async fn write(args: &WriteArgs, incidents: &Incidents, person: &Person) -> Result<Exit, Failure> {
    let mut members = members(&args.content)?;
    if matches!(args.kind.split('/').next(), Some("task" | "finding")) {
        let state = incidents.show(person, &args.incident).await.map_err(refused)?;
        keep_members(&args.kind, &mut members, &state);
    }
    lists(&args.kind, &mut members)?;
    let content = Content::from_person(&args.kind, members).map_err(wrong)?;
    let draft = Draft { content, marking: args.marking.marking(), minutes: 0 };
    let ask = args.seen.with(args.minutes.ask(person));
    send(incidents, ask, &args.incident, draft, &args.rows).await
}

pub(super) async fn send(
    incidents: &Incidents,
    ask: Ask<'_>,
    incident: &str,
    draft: Draft,
    rows: &AllRows,
) -> Result<Exit, Failure> {
    let written = incidents.write(ask, incident, vec![draft]).await.map_err(refused)?;
    print_written(&written, rows)
}

pub(super) async fn mark(args: &MarkArgs, incidents: &Incidents, person: &Person) -> Result<Exit, Failure> {
    let marked = Marked { marking: args.marking.marking(), reason: args.reason.clone() };
    let ask = args.seen.with(args.minutes.ask(person));
    if let Some(entry) = args.entry {
        let written = incidents.mark_entry(ask, &args.incident, entry, marked).await.map_err(refused)?;
        return print_written(&written, &args.rows);
    }
    send(incidents, ask, &args.incident, plain(marked), &args.rows).await
}

fn entry_number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| "an entry is called by its number; `concert incident log` has it".to_owned())
}

pub(super) async fn erase(args: &EraseArgs, incidents: &Incidents, person: &Person) -> Result<Exit, Failure> {
    let ask = args.minutes.ask(person);
    let written = incidents.erase_entry(ask, &args.incident, args.entry, &args.reason).await.map_err(refused)?;
    print_written(&written, &args.rows)
}

pub(super) fn kinds(rows: &AllRows) -> Result<Exit, Failure> {
    let mut table = rows.table(&["kind", "says"]);
    for (kind, members) in Content::KINDS {
        let says: Vec<String> = members.iter().map(|(name, kind)| format!("{name} ({})", in_words(kind))).collect();
        table.row(&[json!(kind), json!(says.join(", "))])?;
    }
    table.finish()?;
    Ok(Exit::Done)
}
