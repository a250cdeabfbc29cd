//! `concert incident`: incidents to open, work on and look into.

mod about;
mod access;
mod audit;
mod chain;
mod clock;
mod cost;
pub(super) mod draft;
mod due;
mod handover;
mod join;
mod mail;
mod observables;
mod process;
mod send;
mod show;
mod tell;
mod times;

use concert_model::access::Person;
use concert_model::incident::content::Severity;
use concert_model::incident::draft::{Beginning, NewIncident};
use concert_model::{Problem, Time};
use serde_json::{Value, json};

use super::events::moment;
use super::{SiteArg, acting};
use crate::incidents::{
    Filter, Incidents, LogFilter, Refused, Slice, Written, ahead_of, entry_json, head_json, incident_json, made_anew,
};
use crate::print::{AllRows, Out, Rows, format_or_default, print_object};
use crate::problems::{Exit, Failure};
use crate::settings::LoadFor;
use crate::wire::Site;

/// Open incidents, work on them, and see who can see what.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  concert incident open \"Scans of a bank\" --type scanner --severity high --tlp amber\n  concert incident list --status open\n  concert incident show 'CERT-EX#2026-000001'\n  concert incident write 'CERT-EX#2026-000001' note text=\"Called the operator.\"\n  concert incident write 'CERT-EX#2026-000001' party party=\"Example Net\" status=told text=\"by telephone\"\n  concert incident write 'CERT-EX#2026-000001' status status=closed reason=\"All are clean.\"\n  concert incident who-can-see 'CERT-EX#2026-000001'\n  concert incident chain 'CERT-EX#2026-000001' --upstream 198.51.100.9\n  concert incident clock 'CERT-EX#2026-000001' start nis2-early-warning --since 2h\n  concert incident due --mine --as anna\n  concert incident cost --by work --since 2026-11-01\n  concert incident search 192.0.2.7\n  concert incident send 'CERT-EX#2026-000001' --party \"Example Net\" --subject \"Your host\" letter.txt --preview\n  concert incident merge 'CERT-EX#2026-000002' --into 'CERT-EX#2026-000001' --reason \"the same intruder\"\n  concert incident about 'hxxp://evil[.]example/a'"
)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Open an incident; type, severity and marking are asked for at once
    Open(OpenArgs),
    /// Incidents, what changed last first
    List(ListArgs),
    /// One incident, with everything it consists of
    Show(ShowArgs),
    /// What was written into an incident, entry by entry
    Log(LogArgs),
    /// Write an entry of any kind
    Write(draft::WriteArgs),
    /// The kinds of entries, with what each says
    #[command(after_help = "Examples:\n  concert incident kinds\n  concert incident kinds --format json")]
    Kinds(AllRows),
    /// Send a message to a party by mail
    Send(send::SendArgs),
    /// Tell all parties of a kind, each with its own facts; shows it first
    Tell(tell::TellArgs),
    /// Conversations with parties, mails that wait for a person, and their files
    Mail(mail::MailArgs),
    /// Hand over what a person answers for to another, all in one step
    HandOver(handover::HandOverArgs),
    /// Mark an incident otherwise
    Mark(draft::MarkArgs),
    /// Erase what an entry says; that it was there stays
    Erase(draft::EraseArgs),
    /// Merge an incident into another, which shows its content from then on
    Merge(join::MergeArgs),
    /// Undo a merge; both are as they were
    Unmerge(join::UnmergeArgs),
    /// Open a new incident that shows parties, observables, hosts or entries of this one instead of it
    Split(join::SplitArgs),
    /// Undo a split: the entries show where they were
    Unsplit(join::UnsplitArgs),
    /// Say that an incident is part of another
    #[command(
        after_help = "Examples:\n  concert incident link 'CERT-EX#2026-000004' --parent 'CERT-EX#2026-000001' --reason \"one campaign\""
    )]
    Link(join::LinkArgs),
    /// Say that it is not
    #[command(
        after_help = "Examples:\n  concert incident unlink 'CERT-EX#2026-000004' --parent 'CERT-EX#2026-000001' --reason \"not of it\""
    )]
    Unlink(join::LinkArgs),
    /// The chain of victims: whom to ask for logs next; paths up and down; what a party may know
    Chain(chain::ChainArgs),
    /// Start a clock of a law, or say that it was met
    Clock(clock::ClockArgs),
    /// Tasks, steps of processes and clocks of laws to be done, what is due first before the rest
    Due(due::DueArgs),
    /// What work on incidents took and cost
    Cost(cost::CostArgs),
    /// Follow a process: what is to be done now, and doing it
    Process(process::ProcessArgs),
    /// Entries in which all these words occur
    Search(SearchArgs),
    /// Every value that an incident names, with what other incidents and the events know of it
    Observables(observables::ObservablesArgs),
    /// What the journals of all incidents and the events know of an address, domain, hash or other value
    About(about::AboutArgs),
    /// Who can see an incident or an entry, and why
    WhoCanSee(access::WhoArgs),
    /// Why somebody cannot see or do something
    WhyNot(access::WhyArgs),
    /// Who looked at an incident, what was denied, and what was decided of it; for its coordinators and observers
    Audit(audit::AuditArgs),
    /// The journal of an incident as it is kept, to verify it elsewhere: headers and bodies, a line each
    Export(ExportArgs),
    /// Make lists and searches anew from the journals
    #[command(after_help = "Examples:\n  concert incident rebuild")]
    Rebuild,
}

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  concert incident open \"Scans of a bank\" --type scanner --severity high --tlp amber --note \"Reported by telephone\"\n  concert incident open \"Break-in at a bank\" --type system-compromise --severity high --tlp amber --mail 17"
)]
struct OpenArgs {
    /// What it is about, in a line.
    title: String,
    /// Its type: `classification.type` of events.
    #[arg(long = "type", value_name = "TYPE")]
    classification: String,
    /// How bad it is; it must be given.
    #[arg(long, value_name = "info|low|medium|high|critical", value_parser = draft::severity)]
    severity: Severity,
    #[command(flatten)]
    marking: draft::MarkingArgs,
    /// A first note.
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// An event it comes from.
    #[arg(long = "event", value_name = "ID")]
    events: Vec<String>,
    /// A report it begins with, by `report.id` of its events: its bytes become evidence, its events are linked.
    #[arg(long, value_name = "ID")]
    report: Option<String>,
    /// A mail it begins with, by its number in `concert mailbox list`, also one that was set aside.
    #[arg(long, value_name = "NUMBER", conflicts_with = "report")]
    mail: Option<i64>,
    #[command(flatten)]
    minutes: draft::MinutesArg,
    #[command(flatten)]
    rows: AllRows,
}

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  concert incident list --status open\n  concert incident list --type scanner --severity high\n  concert incident list --late-answers"
)]
struct ListArgs {
    /// Only incidents in this state: open, waiting, closed or merged.
    #[arg(long, value_parser = ["open", "waiting", "closed", "merged"])]
    status: Option<String>,
    /// Only incidents of this type.
    #[arg(long = "type", value_name = "TYPE")]
    classification: Option<String>,
    /// Only incidents this bad.
    #[arg(long, value_parser = ["info", "low", "medium", "high", "critical"])]
    severity: Option<String>,
    /// Only incidents that are closed, and got an answer later.
    #[arg(long)]
    late_answers: bool,
    #[command(flatten)]
    rows: Rows,
}

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  concert incident show 'CERT-EX#2026-000001'\n  concert incident show 'CERT-EX#2026-000001' --format json"
)]
struct ShowArgs {
    /// Number or identity of the incident.
    incident: String,
    #[command(flatten)]
    rows: AllRows,
}

#[derive(clap::Args)]
#[command(after_help = "Examples:\n  concert incident export 'CERT-EX#2026-000001' > journal.ndjson")]
struct ExportArgs {
    /// Number or identity of the incident.
    incident: String,
}

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  concert incident log 'CERT-EX#2026-000001'\n  concert incident log 'CERT-EX#2026-000001' --kind note,finding --author anna --since 2d"
)]
struct LogArgs {
    /// Number or identity of the incident.
    incident: String,
    /// Only entries behind this one.
    #[arg(long, value_name = "SEQ", default_value_t = 0)]
    after: u64,
    /// Only entries of these kinds, with commas between them: note,finding.
    #[arg(long, value_name = "KIND,...")]
    kind: Option<String>,
    /// Only what this one wrote.
    #[arg(long, value_name = "NAME")]
    author: Option<String>,
    /// Only what was written from this moment on: a time, a date (UTC), or how long ago ("2h").
    #[arg(long, value_name = "WHEN", value_parser = moment)]
    since: Option<Time>,
    /// Only what was written before this moment.
    #[arg(long, value_name = "WHEN", value_parser = moment)]
    until: Option<Time>,
    #[command(flatten)]
    rows: Rows,
}

#[derive(clap::Args)]
#[command(after_help = "Examples:\n  concert incident search 192.0.2.7\n  concert incident search deploy key")]
struct SearchArgs {
    /// The words; the last may be only begun.
    #[arg(required = true, value_name = "WORD")]
    words: Vec<String>,
    #[command(flatten)]
    rows: Rows,
}

impl Args {
    /// Whether it is about all incidents, whoever may see them.
    pub(super) fn is_of_site(&self) -> bool {
        matches!(self.action, Action::Rebuild)
    }
}

pub(super) fn run(args: &Args, site_arg: &SiteArg) -> Result<Exit, Failure> {
    // Mails are opened with the key of the site, which is a secret.
    let settings = match args.action {
        Action::Mail(_) => site_arg.settings(LoadFor::Run)?,
        Action::Open(_) => site_arg.settings_to_open(|site| site.settings(LoadFor::Look))?,
        _ => site_arg.settings(LoadFor::Look)?,
    };
    let runtime = super::runtime()?;
    runtime.block_on(async {
        let site = Site::open_to_look(settings).await?;
        let incidents = site.incidents()?;
        made_anew(&incidents).await.map_err(Failure::outside)?;
        let person = acting(site_arg, &site.store).await?;
        match &args.action {
            Action::Open(args) => open(args, &incidents, &person).await,
            Action::List(args) => list(args, &incidents, &person).await,
            Action::Show(args) => show_one(args, &incidents, &person).await,
            Action::Log(args) => log(args, &incidents, &person).await,
            Action::Write(args) => draft::write(args, &incidents, &person).await,
            Action::Kinds(rows) => draft::kinds(rows),
            Action::Send(args) => send::run(args, &site, &incidents, &person).await,
            Action::Tell(args) => tell::run(args, &site, &incidents, &person).await,
            Action::Mail(args) => mail::run(args, &site, &incidents, &person).await,
            Action::HandOver(args) => handover::run(args, &incidents, &person).await,
            Action::Mark(args) => draft::mark(args, &incidents, &person).await,
            Action::Erase(args) => draft::erase(args, &incidents, &person).await,
            Action::Merge(args) => join::merge(args, (&incidents, &person)).await,
            Action::Unmerge(args) => join::unmerge(args, (&incidents, &person)).await,
            Action::Split(args) => join::split(args, (&incidents, &person)).await,
            Action::Unsplit(args) => join::unsplit(args, (&incidents, &person)).await,
            Action::Link(args) => join::link(args, (&incidents, &person), true).await,
            Action::Unlink(args) => join::link(args, (&incidents, &person), false).await,
            Action::Chain(args) => chain::run(args, &incidents, &person).await,
            Action::Clock(args) => {
                let catalogue = super::clock::catalogue(&site.settings.dir)?;
                clock::run(args, &incidents, &person, (&catalogue, &site.settings.site.time_zone)).await
            }
            Action::Due(args) => due::run(args, &incidents, &person).await,
            Action::Cost(args) => cost::run(args, &incidents, &person, &site.settings.effort).await,
            Action::Process(args) => process::run(args, site_arg, &incidents, &person).await,
            Action::Search(args) => search(args, &incidents, &person).await,
            Action::About(args) => about::run(args, &incidents, &person, &site).await,
            Action::Observables(args) => observables::run(args, &incidents, &person, &site).await,
            Action::WhoCanSee(args) => access::who(args, &incidents, &person).await,
            Action::WhyNot(args) => access::why_not(args, &incidents, &person).await,
            Action::Audit(args) => audit::run(args, &incidents, &person).await,
            Action::Export(args) => export(args, &incidents, &person).await,
            Action::Rebuild => rebuild(&incidents).await,
        }
    })
}

/// What was refused, as a command tells it.
pub(super) fn refused(refused: Refused) -> Failure {
    match refused {
        Refused::Missing => Failure::usage(
            Problem::new("there is no such incident").hint("see `concert incident list`, and quote numbers with `#`"),
        ),
        Refused::Denied(decision) => Failure::usage(
            Problem::new(format!("not allowed: {}", decision.reason)).hint(format!("rule {}", decision.policy)),
        ),
        Refused::Absent(problem) | Refused::Wrong(problem) => Failure::usage(problem),
        Refused::Used => Failure::usage(Problem::new("this key was used for another request")),
        Refused::Gone(why) => Failure::usage(Problem::new(why)),
        Refused::Stale(changed) => Failure::usage(stale(&changed)),
        Refused::Merged(into) => {
            let problem = Problem::new("it was merged into another incident, so nothing is written into it");
            Failure::usage(problem.hint(match into {
                Some(number) => format!("write into {number}, or undo it with `concert incident unmerge`"),
                None => "you may not see the other one; ask its coordinator".to_owned(),
            }))
        }
        Refused::Failed(problem) => Failure::outside(problem),
    }
}

/// What was changed since the person looked, by whom and when.
fn stale(changed: &[Value]) -> Problem {
    let word = |entry: &Value, name: &str| entry.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let told = |entry: &Value| {
        let (seq, content) = (entry.get("seq").unwrap_or(&Value::Null), entry.get("content").unwrap_or(&Value::Null));
        let [author, time, kind] = ["author", "time", "kind"].map(|name| word(entry, name));
        format!("\n  entry {seq} by {author} at {time}: {kind} {content}")
    };
    let last = changed.iter().filter_map(|entry| entry.get("seq")?.as_u64()).max().unwrap_or(0);
    let all: String = changed.iter().map(told).collect();
    Problem::new(format!("somebody changed it meanwhile:{all}"))
        .hint(format!("to write it all the same, give `--seen {last}`"))
}

const COLUMNS: [&str; 10] =
    ["number", "title", "type", "severity", "status", "tlp", "coordinators", "changed", "late_answers", "id"];
const ENTRY_COLUMNS: [&str; 7] = ["seq", "time", "author", "kind", "tlp", "content", "sealed"];

async fn open(args: &OpenArgs, incidents: &Incidents, person: &Person) -> Result<Exit, Failure> {
    let new = NewIncident {
        title: args.title.clone(),
        classification: args.classification.clone(),
        severity: args.severity,
        marking: args.marking.marking(),
        drafts: draft::first(args.note.as_deref(), &args.events),
    };
    let ask = args.minutes.ask(person);
    let report = args.report.clone().map(Beginning::Report);
    let written = match report.or(args.mail.map(Beginning::Mail)) {
        Some(beginning) => incidents.open_from(ask, new, &beginning).await,
        None => incidents.open(ask, new).await,
    };
    print_written(&written.map_err(refused)?, &args.rows)
}

fn print_written(written: &Written, rows: &AllRows) -> Result<Exit, Failure> {
    let seqs: Vec<&Value> = written.entries.iter().filter_map(|entry| entry.get("seq")).collect();
    let members = [("incident", json!(written.number)), ("id", json!(written.id)), ("entries", json!(seqs))];
    print_object(format_or_default(rows.format), &members, &[])?;
    for problem in &written.warnings {
        tracing::warn!("{problem}");
    }
    Ok(Exit::Done)
}

async fn list(args: &ListArgs, incidents: &Incidents, person: &Person) -> Result<Exit, Failure> {
    let mut table =
        args.rows.table(&COLUMNS).when_empty("you see no such incident; `concert incident open` begins one");
    let filter = Filter {
        status: args.status.clone(),
        classification: args.classification.clone(),
        severity: args.severity.clone(),
        late: args.late_answers,
        ..Filter::default()
    };
    let limit = if args.rows.limit == 0 { usize::MAX } else { args.rows.limit + 1 };
    let mut below = None;
    let mut left = limit;
    loop {
        let (heads, next) =
            incidents.list(person, filter.clone(), Slice { limit: left, below }).await.map_err(refused)?;
        left = left.saturating_sub(heads.len());
        for head in &heads {
            let row = head_json(head, person);
            let at = |name: &str| row.get(name).cloned().unwrap_or_default();
            let tlp = row.pointer("/marking/tlp").cloned().unwrap_or_default();
            let names = at("coordinators").as_array().map_or(Value::Null, |names| {
                json!(names.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "))
            });
            let values = [
                at("number"),
                at("title"),
                at("classification"),
                at("severity"),
                at("status"),
                tlp,
                names,
                at("changed"),
                at("late_answers"),
                at("id"),
            ];
            if !table.row(&values)? {
                table.finish()?;
                return Ok(Exit::Done);
            }
        }
        match next {
            Some(next) if left > 0 => below = Some(next),
            _ => break,
        }
    }
    table.finish()?;
    Ok(Exit::Done)
}

async fn show_one(args: &ShowArgs, incidents: &Incidents, person: &Person) -> Result<Exit, Failure> {
    let state = incidents.show(person, &args.incident).await.map_err(refused)?;
    let joins = incidents.joins(person, &state).await.map_err(refused)?;
    let may = incidents.open_to(person, &args.incident).await.map_err(refused)?;
    let gone = incidents.gone().await?;
    let now = crate::wire::now();
    if let Some(problem) = ahead_of("its newest entry", state.changed.time, now) {
        tracing::warn!("{problem}");
    }
    show::print(&incident_json(&state, joins, &may, (&gone, now)), args.rows.format)
}

fn entry_row(entry: &Value) -> [Value; 7] {
    let at = |name: &str| entry.get(name).cloned().unwrap_or_default();
    let tlp = entry.pointer("/marking/tlp").cloned().unwrap_or_default();
    [at("seq"), at("time"), at("author"), at("kind"), tlp, at("content"), at("sealed")]
}

async fn log(args: &LogArgs, incidents: &Incidents, person: &Person) -> Result<Exit, Failure> {
    let limit = if args.rows.limit == 0 { usize::MAX } else { args.rows.limit + 1 };
    let wanted =
        LogFilter { author: args.author.clone(), since: args.since, until: args.until, ..LogFilter::default() };
    let wanted = wanted.of_kinds(args.kind.as_deref()).map_err(Failure::usage)?;
    let log = incidents.log_of(person, &args.incident, &wanted, (args.after, limit));
    let entries = log.await.map_err(refused)?;
    let mut table = args.rows.table(&ENTRY_COLUMNS).when_empty("you see no such entry");
    for kept in entries {
        if !table.row(&entry_row(&entry_json(&kept)))? {
            break;
        }
    }
    table.finish()?;
    Ok(Exit::Done)
}

async fn search(args: &SearchArgs, incidents: &Incidents, person: &Person) -> Result<Exit, Failure> {
    let mut limit = if args.rows.limit == 0 { usize::MAX } else { args.rows.limit + 1 };
    let (words, mut below) = (args.words.join(" "), None);
    if words.trim().is_empty() {
        return Err(Failure::usage(Problem::new("no word was given").hint("say what to look for: 192.0.2.7")));
    }
    let mut table = args
        .rows
        .table(&["incident", "title", "seq", "time", "author", "kind", "content", "merged_into"])
        .when_empty("no entry that you see has all these words");
    // One question looks at so many entries and no more, and says where the next goes on.
    'all: loop {
        let (found, next) = incidents.search(person, &words, Slice { limit, below }).await.map_err(refused)?;
        limit = limit.saturating_sub(found.len());
        for one in found {
            let [seq, time, author, kind, _, content, _] = entry_row(&entry_json(&one.kept));
            let (number, title) = (json!(one.head.number), json!(one.head.title));
            if !table.row(&[number, title, seq, time, author, kind, content, json!(one.shows_in)])? {
                break 'all;
            }
        }
        below = next;
        if below.is_none() || limit == 0 {
            break;
        }
    }
    table.finish()?;
    Ok(Exit::Done)
}

async fn export(args: &ExportArgs, incidents: &Incidents, person: &Person) -> Result<Exit, Failure> {
    let mut out = Out::stdout();
    for (header, body) in incidents.export(person, &args.incident).await.map_err(refused)? {
        out.write(format!("{}\n", json!({"header": header, "body": body})).as_bytes())?;
    }
    out.finish()?;
    Ok(Exit::Done)
}

async fn rebuild(incidents: &Incidents) -> Result<Exit, Failure> {
    let count = incidents.rebuild().await.map_err(Failure::outside)?;
    let mut out = Out::stdout();
    out.write(format!("lists and searches of {count} incidents were made anew\n").as_bytes())?;
    out.finish()?;
    Ok(Exit::Done)
}
