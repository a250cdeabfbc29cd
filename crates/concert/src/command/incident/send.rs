//! `concert incident send`: a message to one party, by mail.

use std::io::Read;

use concert_model::access::Person;
use concert_model::incident::draft::NewMessage;
use concert_model::{Problem, Time};
use serde_json::{Value, json};

use super::draft::{MinutesArg, OwnMarkingArgs};
use super::times::ahead;
use super::{print_written, refused};
use crate::drive::message;
use crate::incidents::{Incidents, Post, Preview};
use crate::print::{AllRows, format_or_default, print_object};
use crate::problems::{Exit, Failure};
use crate::wire::Site;

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  concert incident send 'CERT-EX#2026-000001' --party \"Example Net\" --subject \"Your host 192.0.2.7\" letter.txt --preview\n  concert incident send 'CERT-EX#2026-000001' --party \"Example Net\" --subject \"The log\" --text \"See the file.\" --attach 5e8f1481\n  concert incident send 'CERT-EX#2026-000001' --party \"Example Net\" --subject \"Your logs\" --text \"Who reached it?\" --answer-by 2d"
)]
pub(super) struct SendArgs {
    /// Number or identity of the incident.
    incident: String,
    /// A file with the text; `-` reads it from standard input.
    #[arg(required_unless_present = "text", conflicts_with = "text")]
    file: Option<String>,
    /// The party it is for.
    #[arg(long, value_name = "PARTY")]
    party: String,
    /// The address, where it is not that of the party's contacts.
    #[arg(long, value_name = "ADDRESS")]
    to: Option<String>,
    /// Its subject; the number of the incident is put in front.
    #[arg(long, value_name = "TEXT")]
    subject: String,
    /// The text.
    #[arg(long, value_name = "TEXT")]
    text: Option<String>,
    /// Ask for an answer until then, which is shown as due: 2026-11-22T04:50:30Z, or how long from now ("2d").
    #[arg(long, value_name = "TIME", value_parser = ahead)]
    answer_by: Option<Time>,
    /// Evidence that goes with it, by its SHA-256; it must have been released to the party.
    #[arg(long = "attach", value_name = "EVIDENCE")]
    attachments: Vec<String>,
    /// Show what would be sent, and send nothing.
    #[arg(long)]
    preview: bool,
    #[command(flatten)]
    marking: OwnMarkingArgs,
    #[command(flatten)]
    minutes: MinutesArg,
    #[command(flatten)]
    rows: AllRows,
}

/// Longest file of words that is read.
const TEXT_BYTES_MAX: u64 = 1 << 20;

/// Words from a file, or from standard input.
pub(super) fn words(file: &str) -> Result<String, Failure> {
    let cannot = |why: String| Failure::usage(Problem::new(why).at(file));
    let mut text = Vec::new();
    let read = match file {
        "-" => std::io::stdin().take(TEXT_BYTES_MAX).read_to_end(&mut text),
        path => std::fs::File::open(path).and_then(|file| file.take(TEXT_BYTES_MAX).read_to_end(&mut text)),
    };
    read.map_err(|error| cannot(format!("cannot be read: {error}")))?;
    String::from_utf8(text).map_err(|_| cannot("is no text in UTF-8".into()))
}

pub(super) async fn run(args: &SendArgs, site: &Site, incidents: &Incidents, person: &Person) -> Result<Exit, Failure> {
    let text = match (&args.text, &args.file) {
        (Some(text), _) => text.clone(),
        (None, Some(file)) => words(file)?,
        (None, None) => String::new(),
    };
    let new = NewMessage {
        party: args.party.clone(),
        to: args.to.clone(),
        subject: args.subject.clone(),
        text,
        attachments: args.attachments.clone(),
        marking: args.marking.marking(),
        answer_by: args.answer_by,
    };
    let post = Post::of(site).await.map_err(Failure::outside)?;
    let ask = args.minutes.ask(person);
    if args.preview {
        let preview = incidents.preview(ask, &post, &args.incident, &new).await.map_err(refused)?;
        print_object(format_or_default(args.rows.format), &preview_members(site, &preview), &[])?;
        return Ok(Exit::Done);
    }
    let written = incidents.send(ask, &post, &args.incident, &new).await.map_err(refused)?;
    print_written(&written, &args.rows)
}

/// A message as its receiver would read it.
pub(super) fn preview_members(site: &Site, preview: &Preview) -> [(&'static str, Value); 5] {
    let words = &preview.words;
    [
        ("to", json!(preview.to.join(", "))),
        ("subject", json!(message::subject(words))),
        ("marking", json!(preview.marking)),
        ("attachments", json!(words.attachments)),
        ("text", json!(message::text(site, words))),
    ]
}
