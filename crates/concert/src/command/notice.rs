//! `concert notice`: what is told to whom, and what became of it.
//!
//! Listing, showing and preview need no lock and change nothing. Sending and retrying work beside
//! `concert run` too: then it is the running process that sends, so that nothing goes out twice.

mod approve;
mod send;
pub(crate) mod show;

use concert_model::Problem;
use concert_model::access::Kept;
use concert_model::problem::meant;
use concert_store::Store;
use concert_store::records::{Act, Change, NewNotice, Notice, NoticeFilter, append_audit, is_on_trial};
use serde_json::{Value, json};

use super::SiteArg;
use crate::addressees::Addressees;
use crate::drive::{is_of_incidents, tell};
use crate::left;
use crate::print::{Rows, note};
use crate::problems::{Exit, Failure};
use crate::reach::Reach;
use crate::settings::LoadFor;
use crate::wire::Site;

/// Show notices and what became of them; send them or try again.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  concert notice list --state failed\n  concert notice show 20261122-000001-dkvr\n  concert notice preview daily --text\n  concert notice retry --all-failed\n  concert notice approve --all daily"
)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

impl Args {
    /// Whether it changes or sends notices.
    pub(super) fn changes(&self) -> bool {
        !matches!(self.command, Command::List(_) | Command::Show(_) | Command::Preview(_))
    }
}

#[derive(clap::Subcommand)]
enum Command {
    /// Notices, newest first, and what is gathered for the next ones
    List(ListArgs),
    /// One notice: what is known of it, its text and its events
    Show(show::ShowArgs),
    /// What would go to whom now, without sending anything
    Preview(show::PreviewArgs),
    /// Send what is due now, or these notices, one attempt each
    Send(send::SendArgs),
    /// Try notices again that failed or had nobody to go to; take back that they were rejected
    Retry(send::RetryArgs),
    /// Let notices go that wait for approval
    Approve(approve::ApproveArgs),
    /// Hold back notices that wait for approval
    Reject(approve::RejectArgs),
    /// Send a delivered notice again, as a new one that names it
    Resend(approve::ResendArgs),
    /// Let go of the events that wait for a notice which the settings no longer have
    Drop(DropArgs),
}

#[derive(clap::Args)]
#[command(after_help = "Examples:\n  concert notice drop daily")]
struct DropArgs {
    /// The name that the notice had.
    name: String,
}

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  concert notice list\n  concert notice list --state failed\n  concert notice list --name daily --limit 0 --format csv"
)]
struct ListArgs {
    /// Only notices in this state.
    #[arg(long, value_name = "STATE", value_parser = STATES)]
    state: Option<String>,
    /// Only notices of this kind, as named in the settings.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    #[command(flatten)]
    rows: Rows,
}

const STATES: [&str; 6] = ["waiting", "queued", "delivered", "failed", "no-contact", "rejected"];
const COLUMNS: [&str; 11] =
    ["id", "name", "key", "to", "via", "state", "events", "message_id", "due", "delivered_at", "reason"];

pub(super) fn run(args: &Args, site: &SiteArg) -> Result<Exit, Failure> {
    if site.as_user.is_some() {
        hide(args, site)?;
    }
    match &args.command {
        Command::List(args) => list(args, site),
        Command::Show(args) => show::show(args, site),
        Command::Preview(args) => show::preview(args, site),
        Command::Send(args) => send::send(args, site),
        Command::Retry(args) => send::retry(args, site),
        Command::Approve(args) => approve::approve(args, site),
        Command::Reject(args) => approve::reject(args, site),
        Command::Resend(args) => approve::resend(args, site),
        Command::Drop(args) => let_go(args, site),
    }
}

/// What who acts does not see is not there. Messages of incidents and reminders of what is to be done in them are no
/// notices for anybody but whoever sits at the machine: who may read one is decided with its incident.
fn hide(args: &Args, site_arg: &SiteArg) -> Result<(), Failure> {
    let ids: &[String] = match &args.command {
        Command::List(_) | Command::Preview(_) | Command::Drop(_) => &[],
        Command::Show(args) => std::slice::from_ref(&args.id),
        Command::Send(args) => &args.ids,
        Command::Retry(args) => &args.ids,
        Command::Approve(args) => &args.ids,
        Command::Reject(args) => &args.ids,
        Command::Resend(args) => std::slice::from_ref(&args.id),
    };
    let settings = site_arg.settings(LoadFor::Look)?;
    super::runtime()?.block_on(async {
        let site = Site::open_to_look(settings).await?;
        let reach = super::reach(site_arg, &site.store, Kept::Notices).await?;
        for id in ids {
            let (notice, _) = send::need(&site, id).await?;
            if is_of_incidents(&notice.name) || !reach.has_notice(&notice) {
                return Err(send::missing(id));
            }
        }
        Ok(())
    })
}

/// Ends a change of one notice: what was done stands in the audit log with it, as over the API.
async fn written(
    site: &Site,
    site_arg: &SiteArg,
    mut change: Change<'static>,
    (action, id, reason): (&'static str, &str, &str),
    is_done: bool,
) -> Result<(), Problem> {
    let records = &site.store.records;
    if !is_done {
        return records.undo(change).await;
    }
    let act = Act::done(action, format!("notice {id}"), reason);
    append_audit(&mut change, &super::acting::by(site_arg), &act).await?;
    records.commit(change).await
}

fn let_go(args: &DropArgs, site: &SiteArg) -> Result<Exit, Failure> {
    let (settings, name) = (site.settings(LoadFor::Look)?, &args.name);
    super::runtime()?.block_on(async {
        let store = Store::open(&settings.data_dir()).await?;
        let who = super::acting::acting(site, &store).await?;
        let left = left::of(&store, &settings, name, &who).await?.map_err(Failure::usage)?;
        let reason = left.reason();
        store.records.drop_notice(name, &super::acting::by(site), &reason).await?;
        note(&format!("{reason}; nobody is told of them by `{name}`"))?;
        Ok(Exit::Done)
    })
}

fn list(args: &ListArgs, site_arg: &SiteArg) -> Result<Exit, Failure> {
    let settings = site_arg.settings_to_look()?;
    let runtime = super::runtime()?;
    let site = runtime.block_on(Site::open_to_look(settings))?;
    let reach = runtime.block_on(super::reach(site_arg, &site.store, Kept::Notices))?;
    let mut table = args.rows.table(&COLUMNS).when_empty("no such notice was made");
    let filter = NoticeFilter {
        state: args.state.clone(),
        name: args.name.clone(),
        without_reminders: site_arg.as_user.is_some(),
        // One more than is shown, to know that there are more.
        limit: if args.rows.limit == 0 { 0 } else { args.rows.limit as u64 + 1 },
        ..reach.notices()
    };
    let mut more = true;
    let book = site.addressees();
    if let Some(name) = args.name.as_ref().filter(|name| site.settings.notice(name).is_none() && !is_of_incidents(name))
    {
        // Also one that the settings had once, and what is no kind of theirs.
        let of_it = NoticeFilter { state: None, limit: 1, ..filter.clone() };
        if runtime.block_on(site.store.records.notices(&of_it))?.is_empty() {
            let known = site.settings.notices.iter().map(|notice| notice.name.as_str());
            let hint = meant(name, known, "a name of a [[notice]] of the settings");
            return Err(Failure::usage(
                Problem::new(format!("there is no notice `{name}` in the settings")).hint(hint),
            ));
        }
    }
    for notice in runtime.block_on(site.store.records.notices(&filter))? {
        let (notice, _) = reach.of_notice(&book, notice);
        let row = [
            json!(notice.id),
            json!(notice.name),
            json!(reach.key(&notice.key)),
            json!(notice.to),
            json!(notice.via),
            json!(notice.state),
            json!(notice.events),
            json!(notice.message_id),
            json!(notice.due.to_string()),
            json!(notice.delivered_at.map(|time| time.to_string())),
            json!(reason(&notice)),
        ];
        more = table.row(&row)?;
        if !more {
            break;
        }
    }
    // Gathering reads events, so it is done only when there is room left to show it.
    if more && args.state.as_deref().is_none_or(|state| state == "waiting") {
        for index in 0..site.settings.notices.len() {
            if site.settings.notices.get(index).is_none_or(|kind| args.name.as_ref().is_some_and(|n| *n != kind.name)) {
                continue;
            }
            let waiting = runtime.block_on(tell::waiting(&site, index))?;
            for notice in waiting.iter().filter(|notice| reach.will_have(notice)) {
                table.row(&waiting_row(notice, (&reach, &book)))?;
            }
        }
    }
    table.finish()?;
    Ok(Exit::Done)
}

/// Why it is not delivered, also where that was left out on trial. What a receiver said when it took a notice is shown by
/// `notice show`.
fn reason(notice: &Notice) -> Option<&str> {
    let is_told = notice.state != "delivered" || is_on_trial(&notice.reason);
    (is_told && !notice.reason.is_empty()).then_some(&notice.reason)
}

/// What is gathered for a notice has no number yet.
fn waiting_row(notice: &NewNotice, (reach, book): (&Reach, &Addressees)) -> [Value; 11] {
    let is_hidden = reach.hides(book, (&notice.party, &notice.recipient, &notice.passed_over));
    [
        Value::Null,
        json!(*notice.name),
        json!(reach.key(&notice.key)),
        json!(if is_hidden { "" } else { &notice.recipient }),
        json!(*notice.via),
        json!("waiting"),
        json!(notice.members.len()),
        Value::Null,
        json!(notice.due.to_string()),
        Value::Null,
        Value::Null,
    ]
}
