//! `concert incident mail`: conversations with parties, mails that wait for a person, and their files.

use concert_model::access::Person;
use concert_model::party::is_same_name;
use serde_json::{Value, json};

use super::draft::MinutesArg;
use super::{print_written, refused};
use crate::drive::mailbox::letter::SiteReader;
use crate::incidents::{Ask, Incidents, letter_json};
use crate::print::{AllRows, Rows, format_or_default, print_object};
use crate::problems::{Exit, Failure};
use crate::wire::{self, Site};

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  concert incident mail list\n  concert incident mail show 'CERT-EX#2026-000001' 17\n  concert incident mail accept 'CERT-EX#2026-000001' 17 --party \"Example Net\"\n  concert incident mail drop 'CERT-EX#2026-000001' 18 --reason \"Not from them: asked by telephone.\"\n  concert incident mail thread 'CERT-EX#2026-000001' --party \"Example Net\"\n  concert incident mail keep 'CERT-EX#2026-000001' 17 auth.log\n  concert incident mail leave 'CERT-EX#2026-000001' 17 logo.png --reason \"A logo.\""
)]
pub(super) struct MailArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand)]
enum Action {
    /// Mails that wait for a person: who wrote them is not sure
    List(ListArgs),
    /// A mail that waits or was dropped, as it reads
    #[command(after_help = "Examples:\n  concert incident mail show 'CERT-EX#2026-000001' 17")]
    Show(OneArgs),
    /// Take a mail into the conversation of a party, also one that was dropped
    Accept(AcceptArgs),
    /// Say that a mail does not belong here
    Drop(DropArgs),
    /// Messages to the parties and from them
    Thread(ThreadArgs),
    /// Keep a file of a message as evidence
    Keep(KeepArgs),
    /// Say that a file of a message is not wanted
    Leave(LeaveArgs),
}

#[derive(clap::Args)]
#[command(after_help = "Examples:\n  concert incident mail list\n  concert incident mail list 'CERT-EX#2026-000001'")]
struct ListArgs {
    /// Number or identity of the incident; all of them without it.
    incident: Option<String>,
    #[command(flatten)]
    rows: Rows,
}

#[derive(clap::Args)]
struct OneArgs {
    /// Number or identity of the incident.
    incident: String,
    /// The number of the mail.
    mail: i64,
    #[command(flatten)]
    rows: AllRows,
}

#[derive(clap::Args)]
#[command(after_help = "Examples:\n  concert incident mail accept 'CERT-EX#2026-000001' 17 --party \"Example Net\"")]
struct AcceptArgs {
    /// The party that it is of.
    #[arg(long, value_name = "PARTY")]
    party: String,
    #[command(flatten)]
    minutes: MinutesArg,
    #[command(flatten)]
    one: OneArgs,
}

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  concert incident mail drop 'CERT-EX#2026-000001' 18 --reason \"Not from them: asked by telephone.\""
)]
struct DropArgs {
    /// Why.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    minutes: MinutesArg,
    #[command(flatten)]
    one: OneArgs,
}

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  concert incident mail thread 'CERT-EX#2026-000001'\n  concert incident mail thread 'CERT-EX#2026-000001' --party \"Example Net\""
)]
struct ThreadArgs {
    /// Number or identity of the incident.
    incident: String,
    /// Only the conversation with this party.
    #[arg(long, value_name = "PARTY")]
    party: Option<String>,
    #[command(flatten)]
    rows: Rows,
}

#[derive(clap::Args)]
#[command(after_help = "Examples:\n  concert incident mail keep 'CERT-EX#2026-000001' 17 auth.log")]
struct KeepArgs {
    #[command(flatten)]
    one: OneArgs,
    /// The file, by its name or the first digits of its SHA-256.
    file: String,
}

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  concert incident mail leave 'CERT-EX#2026-000001' 17 logo.png --reason \"A logo.\""
)]
struct LeaveArgs {
    /// Why.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    minutes: MinutesArg,
    #[command(flatten)]
    one: OneArgs,
    /// The file, by its name or the first digits of its SHA-256.
    file: String,
}

const HELD: [&str; 7] = ["mail", "incident", "received", "from", "subject", "party", "reason"];
const LETTERS: [&str; 10] =
    ["time", "party", "incoming", "sort", "author", "address", "subject", "signature", "delivery", "mail"];

pub(super) async fn run(args: &MailArgs, site: &Site, incidents: &Incidents, person: &Person) -> Result<Exit, Failure> {
    let reader = SiteReader(site);
    match &args.action {
        Action::List(args) => list(args, incidents, person).await,
        Action::Show(one) => {
            let read = incidents.read_held(person, &one.incident, one.mail, &reader).await;
            let (row, incoming) = read.map_err(refused)?;
            let members = [
                ("mail", json!(row.seq)),
                ("from", json!(row.from)),
                ("subject", json!(row.subject)),
                ("party", json!(row.party)),
                ("reason", json!(row.reason)),
                ("openpgp", json!(incoming.openpgp)),
                ("attachments", json!(incoming.attachments)),
                ("text", json!(incoming.text)),
            ];
            print_object(format_or_default(one.rows.format), &members, &[])?;
            Ok(Exit::Done)
        }
        Action::Accept(AcceptArgs { party, minutes, one }) => {
            let written = incidents
                .accept(minutes.ask(person), &one.incident, one.mail, party, &reader)
                .await
                .map_err(refused)?;
            print_written(&written, &one.rows)
        }
        Action::Drop(DropArgs { reason, minutes, one }) => {
            let written =
                incidents.drop_mail(minutes.ask(person), &one.incident, one.mail, reason).await.map_err(refused)?;
            print_written(&written, &one.rows)
        }
        Action::Thread(args) => thread(args, incidents, person).await,
        Action::Keep(KeepArgs { one, file }) => {
            let ask = Ask::new(person, wire::now());
            let added = incidents.keep_file(ask, &one.incident, one.mail, file, &reader).await.map_err(refused)?;
            print_written(&added.written, &one.rows)
        }
        Action::Leave(LeaveArgs { reason, minutes, one, file }) => {
            let written = incidents
                .leave_file(minutes.ask(person), &one.incident, one.mail, file, reason)
                .await
                .map_err(refused)?;
            print_written(&written, &one.rows)
        }
    }
}

async fn list(args: &ListArgs, incidents: &Incidents, person: &Person) -> Result<Exit, Failure> {
    let mut table = args.rows.table(&HELD).when_empty("no mail waits for a person");
    let part = (0, if args.rows.limit == 0 { usize::MAX } else { args.rows.limit + 1 });
    for (number, row) in incidents.held_mails(person, args.incident.as_deref(), part).await.map_err(refused)? {
        let received = row.received.to_string();
        let values = [
            json!(row.seq),
            json!(number),
            json!(received),
            json!(row.from),
            json!(row.subject),
            json!(row.party),
            json!(row.reason),
        ];
        if !table.row(&values)? {
            break;
        }
    }
    table.finish()?;
    Ok(Exit::Done)
}

async fn thread(args: &ThreadArgs, incidents: &Incidents, person: &Person) -> Result<Exit, Failure> {
    let state = incidents.show(person, &args.incident).await.map_err(refused)?;
    let mut table =
        args.rows.table(&LETTERS).when_empty("no message was sent or came in; `concert incident send` sends one");
    let is_wanted = |party: &str| args.party.as_ref().is_none_or(|wanted| is_same_name(wanted, party));
    for letter in state.messages.iter().filter(|letter| is_wanted(&letter.message.party)) {
        let row = letter_json(&state, letter);
        let at = |name: &str| row.pointer(name).cloned().unwrap_or(Value::Null);
        let values = [
            "/time",
            "/party",
            "/incoming",
            "/sort",
            "/author",
            "/address",
            "/subject",
            "/openpgp/signature",
            "/delivery/taken",
            "/mail",
        ];
        if !table.row(&values.map(at))? {
            break;
        }
    }
    table.finish()?;
    Ok(Exit::Done)
}
