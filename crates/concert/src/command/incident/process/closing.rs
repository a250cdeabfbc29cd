//! The closing questions of a run: was a step useless or late, is something missing?

use concert_model::Problem;
use concert_model::access::Person;
use concert_model::incident::content::{Answer, Answered, Verdict};
use concert_model::incident::draft::Draft;
use concert_model::incident::fold::Incident;
use serde_json::{Value, json};

use super::super::draft::MinutesArg;
use super::{ProcessArgs, print_written, refused, run_of};
use crate::incidents::{Incidents, progress_json, said_of};
use crate::print::AllRows;
use crate::problems::{Exit, Failure};
use crate::wire;

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  concert incident process 'CERT-EX#2026-000001' answer --nothing\n  concert incident process 'CERT-EX#2026-000001' answer --late \"notify=Nobody was in\" --useless who --missing \"=Call the owner first\""
)]
pub(super) struct AnswerArgs {
    /// A step that was not needed, and why, if there is something to say.
    #[arg(long, value_name = "STEP=WHY", value_parser = about)]
    useless: Vec<(String, String)>,
    /// A step after which something is missing, and what; nothing before the `=` for the beginning.
    #[arg(long, value_name = "STEP=WHAT", value_parser = about)]
    missing: Vec<(String, String)>,
    /// A step that came too late, and why.
    #[arg(long, value_name = "STEP=WHY", value_parser = about)]
    late: Vec<(String, String)>,
    /// There is nothing to change.
    #[arg(long, conflicts_with_all = ["useless", "missing", "late"])]
    nothing: bool,
    /// The run, where there are several.
    #[arg(long, value_name = "RUN")]
    run: Option<String>,
    #[command(flatten)]
    minutes: MinutesArg,
}

fn about(text: &str) -> Result<(String, String), String> {
    let (step, words) = text.split_once('=').unwrap_or((text, ""));
    Ok((step.trim().to_owned(), words.trim().to_owned()))
}

const COLUMNS: [&str; 7] = ["run", "step", "title", "state", "note", "question", "said"];

/// Each step with how it went and what is asked of it, and what was said already.
pub(super) fn ask(state: &Incident, run: Option<&str>, rows: &AllRows) -> Result<Exit, Failure> {
    let name = run_of(&progress_json(state, wire::now()), run)?;
    let Some(run) = state.runs.get(&name) else {
        return Err(Failure::usage(Problem::new(format!("there is no run `{name}`"))));
    };
    let mut table = rows.table(&COLUMNS);
    let beginning = "before the first step: is something missing?";
    table.row(&[
        json!(name),
        json!(""),
        Value::Null,
        Value::Null,
        Value::Null,
        json!(beginning),
        json!(said_of(run, "")),
    ])?;
    let all = progress_json(state, wire::now());
    let steps = all.iter().find(|one| one.get("run") == Some(&json!(name))).and_then(|one| one.get("steps"));
    for step in steps.and_then(Value::as_array).into_iter().flatten() {
        let at = |column: &str| step.get(column).cloned().unwrap_or_default();
        let id = at("step");
        let said = said_of(run, id.as_str().unwrap_or_default());
        // What was left out cannot have come late.
        let question = match at("state").as_str() {
            Some("done") => "useless, late, or something missing after it?",
            _ => "useless, or something missing after it?",
        };
        table.row(&[json!(name), id, at("title"), at("state"), at("note"), json!(question), json!(said)])?;
    }
    table.finish()?;
    Ok(Exit::Done)
}

pub(super) async fn answer(
    args: &AnswerArgs,
    process: &ProcessArgs,
    incidents: &Incidents,
    person: &Person,
) -> Result<Exit, Failure> {
    let kinds = [(&args.useless, Verdict::Useless), (&args.missing, Verdict::Missing), (&args.late, Verdict::Late)];
    let answers: Vec<Answer> = kinds
        .into_iter()
        .flat_map(|(given, verdict)| given.iter().map(move |given| (given, verdict)))
        .map(|((step, text), verdict)| Answer { step: step.clone(), verdict, text: text.clone() })
        .collect();
    if answers.is_empty() && !args.nothing {
        let hint = "say --useless, --missing or --late of steps, or --nothing; `ask` shows the questions";
        return Err(Failure::usage(Problem::new("there is no answer").hint(hint)));
    }
    let state = incidents.show(person, &process.incident).await.map_err(refused)?;
    let run = run_of(&progress_json(&state, wire::now()), args.run.as_deref())?;
    let draft = Draft { content: Answered { run, answers }.into(), marking: None, minutes: 0 };
    let ask = args.minutes.ask(person);
    let written = incidents.write(ask, &process.incident, vec![draft]).await.map_err(refused)?;
    print_written(&written, &process.rows())
}
