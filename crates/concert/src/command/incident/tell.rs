//! `concert incident tell`: one message to all parties of a kind, each with its own facts.

use concert_model::access::Person;
use concert_model::incident::draft::{Audience, Telling};
use concert_model::{Problem, Time};
use serde_json::{Value, json};

use super::draft::{MinutesArg, OwnMarkingArgs};
use super::send::words;
use super::times::ahead;
use super::{print_written, refused};
use crate::drive::message;
use crate::incidents::{Incidents, Post};
use crate::print::{AllRows, say};
use crate::problems::{Exit, Failure};
use crate::wire::Site;

#[derive(clap::Args)]
#[command(
    after_help = "A template names what each party may know: {{ party }}, {{ incident }}, {{ title }}, {{ hosts }}, {{ ports }},\n{{ first_seen }}, {{ last_seen }}, {{ flow_count }}, {{ site }}, and {% for flow in flows %} with {{ flow.host }},\n{{ flow.direction }}, {{ flow.neighbour }}, {{ flow.first_seen }}, {{ flow.last_seen }}, {{ flow.port }}.\n\nExamples:\n  concert incident tell 'CERT-EX#2026-000001' --to victims victims.txt --subject \"Your hosts {{ hosts|join(', ') }}\"\n  concert incident tell 'CERT-EX#2026-000001' --to status=no-answer again.txt --subject \"Once more\" --send"
)]
pub(super) struct TellArgs {
    /// Number or identity of the incident.
    incident: String,
    /// A file with the template of the text; `-` reads it from standard input.
    template: String,
    /// victims, sources, all, or status=told.
    #[arg(long, value_name = "WHOM")]
    to: Audience,
    /// Template of the subject.
    #[arg(long, value_name = "TEXT")]
    subject: String,
    /// Ask for answers until then, which are shown as due: 2026-11-22T04:50:30Z, or how long from now ("2d").
    #[arg(long, value_name = "TIME", value_parser = ahead)]
    answer_by: Option<Time>,
    /// Send; without it is shown what would be sent.
    #[arg(long)]
    send: bool,
    /// Send it also to those to whom the same was sent within ten minutes.
    #[arg(long)]
    again: bool,
    /// Show the texts too.
    #[arg(long, conflicts_with = "send")]
    text: bool,
    #[command(flatten)]
    marking: OwnMarkingArgs,
    #[command(flatten)]
    minutes: MinutesArg,
    #[command(flatten)]
    rows: AllRows,
}

pub(super) async fn run(args: &TellArgs, site: &Site, incidents: &Incidents, person: &Person) -> Result<Exit, Failure> {
    let telling = Telling {
        audience: args.to,
        subject: args.subject.clone(),
        text: words(&args.template)?,
        marking: args.marking.marking(),
        answer_by: args.answer_by,
        again: args.again,
    };
    let post = Post::of(site).await.map_err(Failure::outside)?;
    let ask = args.minutes.ask(person);
    if args.send {
        let written = incidents.tell(ask, &post, &args.incident, &telling).await.map_err(refused)?;
        for (party, why) in &written.left_out {
            say(&format!("not told: {party}: {why}"));
        }
        print_written(&written, &args.rows)?;
        return Ok(if written.left_out.is_empty() { Exit::Done } else { Exit::Bad });
    }
    let planned = incidents.preview_telling(ask, &post, &args.incident, &telling).await.map_err(refused)?;
    let told = planned.iter().filter(|one| one.message.is_ok()).count();
    let left = match planned.len() - told {
        1 => "1 party".to_owned(),
        many => format!("{many} parties"),
    };
    let messages = concert_model::problem::counted(told, "message");
    say(&format!("{messages} would be sent, {left} would not be told; --send sends them"));
    for warning in planned.iter().filter_map(|one| one.warning.as_ref()) {
        tracing::warn!("{warning}");
    }
    let columns: &[&str] =
        if args.text { &["party", "to", "subject", "refused", "text"] } else { &["party", "to", "subject", "refused"] };
    let mut table = args.rows.table(columns);
    for one in &planned {
        let mut row = match &one.message {
            Ok(preview) => {
                let words = &preview.words;
                let (to, subject) = (preview.to.join(", "), message::subject(words));
                vec![json!(one.party), json!(to), json!(subject), Value::Null, json!(message::text(site, words))]
            }
            Err(why) => {
                let Problem { what, .. } = why;
                vec![json!(one.party), Value::Null, Value::Null, json!(what), Value::Null]
            }
        };
        row.truncate(columns.len());
        table.row(&row)?;
    }
    table.finish()?;
    Ok(Exit::Done)
}
