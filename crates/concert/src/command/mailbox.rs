//! `concert mailbox`: mails that came back, what each was taken for, and what was set aside.

use std::io::Read;
use std::time::Duration;

use concert_model::access::Person;
use concert_model::{Problem, language};
use concert_pipeline::mail;
use concert_pipeline::render::letters::{Kind, Letter};
use concert_store::Store;
use concert_store::records::{MailCount, MailFilter, MailRow};
use serde_json::{Value, json};

use super::SiteArg;
use super::contact::text_or_null;
use crate::drive::mailbox::held;
use crate::drive::{outcome, receipt};
use crate::incidents::Incidents;
use crate::opener::MAIL_BYTES_MAX;
use crate::print::{AllRows, LongRows, Out, Rows, format_or_default, print_object};
use crate::problems::{Exit, Failure, outside};
use crate::settings::MAILBOX;
use crate::wire::{self, Site};

/// Show mails that came back, and what was set aside and why.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  concert mailbox list --state aside\n  concert mailbox list --kind bounce\n  concert mailbox counts\n  concert mailbox show 17\n  concert mailbox show 17 --raw\n  concert mailbox list --state held\n  concert mailbox accept 18\n  concert mailbox refuse 19 --why \"Asked by telephone: not theirs.\"\n  concert mailbox outcome 17 \"The host was cleaned on Tuesday.\""
)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Mails, newest first
    List(ListArgs),
    /// How many mails of each kind were taken, wait, or are not believed and why; and how the mailbox does
    #[command(after_help = "Examples:\n  concert mailbox counts\n  concert mailbox counts --format json")]
    Counts(LongRows),
    /// One mail: what it was taken for, and its text
    Show(ShowArgs),
    /// Take an answer that waits for a person as one to its notice, or settle a complaint
    Accept(AcceptArgs),
    /// Set a mail that waits for a person aside
    Refuse(RefuseArgs),
    /// Tell whoever sent a complaint what became of it
    Outcome(OutcomeArgs),
    /// What is sent to whoever complains, and to contacts that are asked, as its templates have it
    Preview(PreviewArgs),
}

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  concert mailbox preview receipt\n  concert mailbox preview stopped --language de-AT"
)]
struct PreviewArgs {
    /// Which: the receipt of a complaint, its outcome in a person's words or told by itself, or the question to a contact.
    #[arg(value_parser = ["receipt", "outcome", "stopped", "proof"])]
    which: String,
    /// For whoever wishes this language; without it in that of the mailbox.
    #[arg(long, value_name = "TAG")]
    language: Option<String>,
}

#[derive(clap::Args)]
#[command(after_help = "Examples:\n  concert mailbox list --state held\n  concert mailbox list --kind complaint")]
struct ListArgs {
    /// Only mails in this state.
    #[arg(long, value_name = "STATE", value_parser = ["waiting", "taken", "held", "aside"])]
    state: Option<String>,
    /// Only mails of this kind.
    #[arg(long, value_name = "KIND", value_parser = concert_server::site::MAIL_KINDS)]
    kind: Option<String>,
    #[command(flatten)]
    rows: Rows,
}

#[derive(clap::Args)]
#[command(after_help = "Examples:\n  concert mailbox show 17\n  concert mailbox show 17 --raw")]
struct ShowArgs {
    /// The number of the mail.
    number: i64,
    /// Print the mail as it came, and nothing else.
    #[arg(long)]
    raw: bool,
    #[command(flatten)]
    rows: AllRows,
}

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  concert mailbox accept 18\n  concert mailbox accept 18 --contact abuse@net.example"
)]
struct AcceptArgs {
    /// The number of the mail.
    number: i64,
    /// Which of the notice's addresses answered, where that does not show.
    #[arg(long, value_name = "ADDRESS")]
    contact: Option<String>,
    #[command(flatten)]
    rows: AllRows,
}

#[derive(clap::Args)]
#[command(after_help = "Examples:\n  concert mailbox refuse 19 --why \"Asked by telephone: not theirs.\"")]
struct RefuseArgs {
    /// The number of the mail.
    number: i64,
    /// Why, for those who look later.
    #[arg(long, value_name = "TEXT", default_value = "")]
    why: String,
    #[command(flatten)]
    rows: AllRows,
}

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  concert mailbox outcome 17 \"The host was cleaned on Tuesday.\"\n  concert mailbox outcome 17 - < outcome.txt"
)]
struct OutcomeArgs {
    /// The number of the complaint.
    number: i64,
    /// What to tell; `-` reads it from standard input.
    text: String,
    /// Tell it although an outcome was told already.
    #[arg(long)]
    again: bool,
}

const COLUMNS: [&str; 13] = [
    "mail", "received", "state", "kind", "from", "signed", "subject", "notice", "contact", "doubt", "reason", "report",
    "incident",
];
/// Most bytes that `--raw` prints.
const RAW_BYTES_MAX: u64 = 1 << 30;
/// After which an outcome is told in a preview, where the settings tell none.
const OUTCOME_AFTER: Duration = Duration::from_secs(14 * 86_400);

pub(super) fn run(args: &Args, site: &SiteArg) -> Result<Exit, Failure> {
    let only_looks = matches!(args.action, Action::List(_) | Action::Counts(_) | Action::Show(_) | Action::Preview(_));
    let settings = match args.action {
        Action::Show(_) => site.settings_to_open(SiteArg::settings_to_look)?,
        _ => site.settings_for(only_looks)?,
    };
    super::runtime()?.block_on(async {
        let site = Site::open_to_look(settings).await?;
        let store = &site.store;
        match &args.action {
            Action::List(args) => list(args, &site).await,
            Action::Counts(rows) => counts(rows, store).await,
            Action::Show(args) => show(args, &site).await,
            Action::Accept(args) => {
                let row = held::accept(&site, args.number, args.contact.as_deref()).await.map_err(Failure::usage)?;
                sorted(&site, &row, &args.rows).await
            }
            Action::Refuse(args) => {
                let row = held::refuse(&site, args.number, &args.why).await.map_err(Failure::usage)?;
                sorted(&site, &row, &args.rows).await
            }
            Action::Outcome(args) => outcome(args, &site).await,
            Action::Preview(args) => preview(args, &site),
        }
    })
}

/// The number of the incident that a mail belongs to, or that began with it.
async fn incident(incidents: Option<&Incidents>, row: &MailRow) -> Result<Option<String>, Failure> {
    let Some(incidents) = incidents else { return Ok(None) };
    let found = incidents.of_mail(&Person::operator(""), row).await;
    found.map_err(super::incident::refused)
}

/// A row; where there is no key of the site, there are no incidents.
async fn values(incidents: Option<&Incidents>, row: &MailRow) -> Result<[Value; 13], Failure> {
    Ok([
        json!(row.seq),
        json!(row.received.to_string()),
        json!(row.state),
        text_or_null(&row.kind),
        text_or_null(&row.from),
        text_or_null(&row.signed),
        text_or_null(&row.subject),
        text_or_null(&row.notice),
        text_or_null(&row.contact),
        text_or_null(&row.doubt),
        text_or_null(&row.reason),
        json!(row.report.map(|report| report.to_string())),
        json!(incident(incidents, row).await?),
    ])
}

async fn list(args: &ListArgs, site: &Site) -> Result<Exit, Failure> {
    let mut table = args.rows.table(&COLUMNS).when_empty("no such mail is kept");
    let filter = MailFilter {
        state: args.state.clone(),
        kind: args.kind.clone(),
        // One more than is shown, to know that there are more.
        limit: if args.rows.limit == 0 { 0 } else { args.rows.limit as u64 + 1 },
        ..MailFilter::default()
    };
    let incidents = site.incidents().ok();
    for row in site.store.records.mails(&filter).await? {
        if !table.row(&values(incidents.as_ref(), &row).await?)? {
            break;
        }
    }
    table.finish().map(|()| Exit::Done)
}

/// A mail as it is now.
async fn sorted(site: &Site, row: &MailRow, rows: &AllRows) -> Result<Exit, Failure> {
    let mut table = rows.table(&COLUMNS);
    table.row(&values(site.incidents().ok().as_ref(), row).await?)?;
    table.finish().map(|()| Exit::Done)
}

async fn counts(rows: &LongRows, store: &Store) -> Result<Exit, Failure> {
    let mut table = rows.table(&["state", "kind", "doubt", "mails"]);
    for MailCount { state, kind, doubt, count } in store.records.mail_counts().await? {
        table.row(&[json!(state), text_or_null(&kind), text_or_null(&doubt), json!(count)])?;
    }
    table.finish()?;
    let health = store.records.feed_health().await?.remove(MAILBOX).unwrap_or_default().by(wire::now());
    if health.last_error > health.last_good {
        tracing::warn!("the mailbox cannot be read: {}", health.error);
    }
    Ok(Exit::Done)
}

/// Queues the words, and prints the number they go out under.
async fn outcome(args: &OutcomeArgs, site: &Site) -> Result<Exit, Failure> {
    let mut text = args.text.clone();
    if text == "-" {
        text.clear();
        let mut input = std::io::stdin().lock().take(outcome::TEXT_BYTES_MAX as u64 + 1);
        input.read_to_string(&mut text).map_err(|error| outside("standard input cannot be read", &error))?;
    }
    let id = outcome::tell(site, args.number, &text, args.again).await.map_err(Failure::usage)?;
    let mut out = Out::stdout();
    out.write(format!("{id}\n").as_bytes())?;
    out.finish().map(|()| Exit::Done)
}

/// A letter with made-up words, as its receiver would read it.
fn preview(args: &PreviewArgs, site: &Site) -> Result<Exit, Failure> {
    let kind = match args.which.as_str() {
        "receipt" => Kind::Receipt,
        "proof" => Kind::Proof,
        _ => Kind::Outcome,
    };
    if let Some(Err(hint)) = args.language.as_deref().map(language::tag) {
        let what = format!("`{}` is no language", args.language.as_deref().unwrap_or_default());
        return Err(Failure::usage(Problem::new(what).hint(hint)));
    }
    let language = receipt::language(site, kind, args.language.as_deref().into_iter());
    let outcome = match args.which.as_str() {
        "stopped" => {
            let mailbox = site.settings.mailbox.as_ref();
            let after = mailbox.and_then(|mailbox| mailbox.outcome_after).unwrap_or(OUTCOME_AFTER);
            outcome::words(site, language, wire::now(), after).map_err(Failure::outside)?
        }
        _ => "The host was cleaned on Tuesday.".to_owned(),
    };
    let letter = Letter {
        party: "Example Networks",
        outcome: &outcome,
        ..receipt::letter(site, kind, language, "20261122-000001-dkvr")
    };
    let (subject, text) = site.settings.templates.letter(&letter).map_err(Failure::outside)?;
    let mut out = Out::stdout();
    out.write(format!("Subject: {subject}\n\n{text}").as_bytes())?;
    out.finish().map(|()| Exit::Done)
}

/// What a mail says, up to so many characters; nothing where its bytes are not kept any more.
pub(super) fn text_of(site: &Site, row: &MailRow, chars_max: usize) -> Option<String> {
    let mut bytes = Vec::new();
    let raw = site.store.archive.open(&row.content).ok()?;
    raw.take(MAIL_BYTES_MAX).read_to_end(&mut bytes).ok()?;
    Some(mail::read(&site.opener().clear(&bytes).0)?.text.chars().take(chars_max).collect())
}

async fn show(args: &ShowArgs, site: &Site) -> Result<Exit, Failure> {
    let store = &site.store;
    let row = store.records.mail(args.number).await?.ok_or_else(|| {
        let what = format!("there is no mail {}", args.number);
        Failure::usage(Problem::new(what).hint("`concert mailbox list` has their numbers"))
    })?;
    let gone = |error: std::io::Error| {
        Failure::outside(Problem::new(format!("its bytes are no longer kept: {error}")).at(format!("mail {}", row.seq)))
    };
    let most = if args.raw { RAW_BYTES_MAX } else { MAIL_BYTES_MAX };
    let mut bytes = Vec::new();
    let read = store.archive.open(&row.content).and_then(|raw| raw.take(most).read_to_end(&mut bytes));
    if args.raw {
        read.map_err(gone)?;
        let mut out = Out::stdout();
        out.write(&bytes)?;
        return out.finish().map(|()| Exit::Done);
    }
    let mut fields: Vec<(&str, Value)> =
        COLUMNS.into_iter().zip(values(site.incidents().ok().as_ref(), &row).await?).collect();
    fields.push(("message_id", text_or_null(&row.message_id)));
    fields.push(("outcome", text_or_null(&row.outcome)));
    match read.ok().and_then(|_| mail::read(&site.opener().clear(&bytes).0)) {
        Some(mail) => fields.extend([("because", text_or_null(&mail.because)), ("text", text_or_null(&mail.text))]),
        None => fields.push(("text", Value::Null)),
    }
    print_object(format_or_default(args.rows.format), &fields, &[])?;
    Ok(Exit::Done)
}
