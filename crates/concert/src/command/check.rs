//! `concert check`: every mistake in the settings, the files they name, clocks and processes, and what is forbidden of
//! nobody; with `--live` also a word with every peer.
//!
//! Peers are asked at the same time, each with a deadline, so the slowest alone decides how long it
//! takes.

use std::io::IsTerminal;
use std::time::Duration;

use concert_model::Problem;
use concert_pipeline::render::visible;
use concert_store::Store;
use serde_json::json;

use super::SiteArg;
use crate::clocks;
use crate::incidents::ahead;
use crate::lacking;
use crate::left::{self, Left};
use crate::print::{AllRows, Format, Out, ToldRows};
use crate::problems::{Exit, Failure};
use crate::settings::{Collect, LoadFor, Settings, processes};
use crate::wire;

mod access;
mod files;
mod mails;

/// How long one peer may take to answer.
const PEER_DEADLINE: Duration = Duration::from_secs(20);

/// Tell all mistakes in the settings and in the files they name.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  concert check\n  concert check --live\n  concert check --format json")]
pub(super) struct Args {
    /// Also talk to every peer: mail servers, web servers, chat servers.
    #[arg(long)]
    live: bool,
    #[command(flatten)]
    told: ToldRows,
}

pub(super) fn run(args: &Args, site: &SiteArg) -> Result<Exit, Failure> {
    let loaded = Settings::read(&site.dir, LoadFor::Run)?;
    let rows = args.told.rows();
    // Mistakes read best as they are told everywhere, so rows come only when asked for.
    let format = rows.format.unwrap_or(Format::Table);
    let mut findings: Vec<Finding> = Vec::new();
    findings.extend(loaded.problems.into_iter().map(|problem| Finding::of("mistake", problem)));
    findings.extend(loaded.warnings.into_iter().map(|problem| Finding::of("warning", problem)));
    let clocks = clocks::catalogue(&site.dir).err().unwrap_or_default();
    findings.extend(clocks.into_iter().map(|problem| Finding::of("mistake", problem)));
    let processes = processes::load(&site.dir);
    findings
        .extend(processes.problems.into_iter().chain(processes.unused).map(|problem| Finding::of("mistake", problem)));
    findings.extend(files::check(&loaded.settings, &loaded.keys));
    findings.extend(mails::check(&loaded.settings, &loaded.keys));
    if loaded.settings.collecting.paused {
        let problem = Problem::new("no feed and no mailbox is looked at: `paused` is set").at("[collect]");
        findings.push(Finding::of("warning", problem.hint("take it out when the site is to work")));
    }
    // With a mistake among them notices may be missing that are only written wrongly.
    if !findings.iter().any(|finding| finding.state == "mistake") {
        findings.extend(kept_of(&loaded.settings)?);
    }
    findings.extend(access::weak_rules(&loaded.settings));
    match super::runtime()?.block_on(access::unknown_names(&loaded.settings)) {
        Ok(unknown) => findings.extend(unknown),
        Err(problem) => findings.push(Finding::of("failed", problem)),
    }
    // Scripts that ask for no rows want to know of mistakes alone.
    if !args.live && rows.format.is_none() && !std::io::stdout().is_terminal() {
        findings.retain(|finding| finding.state != "ok");
    }
    if args.live {
        findings.extend(super::runtime()?.block_on(ask_peers(loaded.settings)));
    }
    print(&rows, format, &findings)?;
    let bad = findings.iter().any(|finding| matches!(finding.state, "mistake" | "failed"));
    Ok(if bad { Exit::Bad } else { Exit::Done })
}

/// What the records say of the settings: events that wait for notices which are gone, events that rules could not take;
/// and whether they are ahead of the clock. A site that never worked has no records.
fn kept_of(settings: &Settings) -> Result<Vec<Finding>, Failure> {
    if !settings.data_dir().join("records.sqlite").exists() {
        return Ok(Vec::new());
    }
    let found = super::runtime()?.block_on(async {
        let store = Store::open(&settings.data_dir()).await?;
        let mut found: Vec<Problem> = left::find(&store, settings).await?.iter().map(Left::problem).collect();
        found.extend(lacking::find(&store, settings, wire::now()).await?);
        found.extend(ahead(&store, wire::now()).await?);
        Ok::<_, Problem>(found)
    });
    let found = found.unwrap_or_else(|problem| vec![problem]);
    Ok(found.into_iter().map(|problem| Finding::of("warning", problem)).collect())
}

/// One line of the answer.
struct Finding {
    /// `mistake`, `warning`, `ok` or `failed`.
    state: &'static str,
    /// Where: a place in a file, or `feed NAME`, `via NAME`.
    place: String,
    what: String,
    hint: String,
}

impl Finding {
    fn of(state: &'static str, problem: Problem) -> Self {
        Self { state, place: problem.place, what: problem.what, hint: problem.hint }
    }

    fn ok(place: String, what: String) -> Self {
        Self { state: "ok", place, what, hint: String::new() }
    }
}

async fn ask_peers(settings: Settings) -> Vec<Finding> {
    let mut asked = Vec::new();
    for feed in settings.feeds {
        let Collect::By(_, collector, _) = feed.collect else { continue };
        let answer = tokio::spawn(async move { tokio::time::timeout(PEER_DEADLINE, collector.check()).await });
        asked.push((format!("feed {}", feed.name), answer));
    }
    for (name, via) in settings.vias {
        let answer = tokio::spawn(async move { tokio::time::timeout(PEER_DEADLINE, via.deliverer.check()).await });
        asked.push((format!("via {name}"), answer));
    }
    if let Some(mailbox) = settings.mailbox {
        let answer = async move { tokio::time::timeout(PEER_DEADLINE, mailbox.collector.check()).await };
        asked.push(("mailbox".to_owned(), tokio::spawn(answer)));
    }
    let mut findings = Vec::new();
    for (place, answer) in asked {
        findings.push(match answer.await {
            Ok(Ok(Ok(what))) => Finding::ok(place, what),
            Ok(Ok(Err(problem))) => Finding { state: "failed", place, what: problem.what, hint: problem.hint },
            Ok(Err(_)) => {
                let what = format!("no answer within {} seconds", PEER_DEADLINE.as_secs());
                Finding { state: "failed", place, what, hint: String::new() }
            }
            Err(error) => Finding { state: "failed", place, what: error.to_string(), hint: String::new() },
        });
    }
    findings
}

/// Tells the mistakes of a file, or in these words that there are none.
pub(super) fn tell(rows: &AllRows, problems: Vec<Problem>, good: &str) -> Result<Exit, Failure> {
    let exit = if problems.is_empty() { Exit::Done } else { Exit::Bad };
    if rows.format.is_some_and(|format| format != Format::Table) {
        let findings: Vec<Finding> = problems.into_iter().map(|problem| Finding::of("mistake", problem)).collect();
        print_rows(rows, &findings)?;
        return Ok(exit);
    }
    let mistake = |problem: &Problem| format!("{}\n", visible::lines(&problem.to_string()));
    let text = if problems.is_empty() { format!("{good}\n") } else { problems.iter().map(mistake).collect() };
    let mut out = Out::stdout();
    out.write(text.as_bytes())?;
    out.finish()?;
    Ok(exit)
}

fn print_rows(rows: &AllRows, findings: &[Finding]) -> Result<(), Failure> {
    let mut table = rows.table(&["state", "place", "what", "hint"]);
    for one in findings {
        table.row(&[json!(one.state), json!(one.place), json!(one.what), json!(one.hint)])?;
    }
    table.finish()
}

/// People get mistakes as they are told everywhere, then a line for each peer; programs get rows.
fn print(rows: &AllRows, format: Format, findings: &[Finding]) -> Result<(), Failure> {
    if format != Format::Table {
        return print_rows(rows, findings);
    }
    let mut out = Out::stdout();
    for one in findings {
        let told = Problem { what: one.what.clone(), place: one.place.clone(), hint: one.hint.clone() };
        let line = match one.state {
            "mistake" => format!("{told}\n"),
            "warning" => format!("warning: {told}\n"),
            state if one.hint.is_empty() => format!("{state:<6}  {}  {}\n", one.place, one.what),
            state => format!("{state:<6}  {}  {}\n  hint: {}\n", one.place, one.what, one.hint),
        };
        out.write(line.as_bytes())?;
    }
    if findings.iter().all(|finding| finding.state == "ok") {
        out.write(b"no mistakes\n")?;
    }
    out.finish()
}
