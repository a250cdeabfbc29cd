//! Sending now, and trying again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use concert_model::Problem;
use concert_model::access::Kept;
use concert_model::problem::instead;
use concert_store::Members;
use concert_store::records::{Gate, Notice, NoticeFilter, WAITS_FOR_APPROVAL, Way, requeue_notice_in};
use serde_json::json;

use super::{SiteArg, written};
use crate::drive::anew::{self, Fate};
use crate::drive::{Worker, becomes, deliver, message, prove, responsible};
use crate::print::{AllRows, note};
use crate::problems::{Exit, Failure};
use crate::settings::LoadFor;
use crate::wire::{self, Site};

#[derive(clap::Args)]
#[command(after_help = "Examples:\n  concert notice send\n  concert notice send 20261122-000004-dkvr")]
pub(super) struct SendArgs {
    /// Numbers of queued notices to send now, whenever they are due; without any, all that are due.
    #[arg(value_name = "ID")]
    pub(super) ids: Vec<String>,
    #[command(flatten)]
    rows: AllRows,
}

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  concert notice retry --all-failed\n  concert notice retry --all-failed --via mail\n  concert notice retry 20261122-000009-dkvr --to abuse@provider.example"
)]
pub(super) struct RetryArgs {
    /// Numbers of notices.
    #[arg(value_name = "ID", required_unless_present = "all_failed")]
    pub(super) ids: Vec<String>,
    /// Every notice that failed.
    #[arg(long, conflicts_with = "ids")]
    all_failed: bool,
    /// With --all-failed: only those that go by this way out.
    #[arg(long, value_name = "NAME", requires = "all_failed")]
    via: Option<String>,
    /// Send to this address instead.
    #[arg(long, value_name = "ADDRESS")]
    to: Option<String>,
    #[command(flatten)]
    rows: AllRows,
}

/// How long the process that works on the site may take to send.
const SENT_DEADLINE: Duration = Duration::from_secs(120);
/// Wait between looks whether it has.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Whether notices of its kind must be approved.
pub(super) fn gate(site: &Site, notice: &Notice) -> Gate {
    site.settings.notice(&notice.name).map_or(Gate::Open, |kind| kind.gate)
}

/// The notice with this number, which somebody asked for.
pub(super) async fn need(site: &Site, id: &str) -> Result<(Notice, Members), Failure> {
    let found = site.store.records.notice(id).await?;
    found.ok_or_else(|| missing(id))
}

/// There is no such notice, or not for whoever asks.
pub(super) fn missing(id: &str) -> Failure {
    Failure::usage(Problem::new(format!("there is no notice `{id}`")).hint("`concert notice list` has their numbers"))
}

/// A message of an incident goes where its incident says.
pub(super) fn is_no_message(notice: &Notice) -> Result<(), Failure> {
    match notice.name == message::NAME {
        true => Err(Failure::usage(
            Problem::new(format!("{} is a message of an incident, which goes to nobody else", notice.id))
                .hint("send another one: `concert incident send`"),
        )),
        false => Ok(()),
    }
}

/// A question whether a contact is there is asked of that one, and answered once.
pub(super) fn is_no_question(notice: &Notice) -> Result<(), Failure> {
    match notice.name == prove::NAME {
        true => Err(Failure::usage(
            Problem::new(format!("{} asks whether a contact is there, and is no notice for others", notice.id))
                .hint(format!("ask again: `concert contact prove \"{}\"`", notice.party)),
        )),
        false => Ok(()),
    }
}

/// Nothing is sent to a suspended contact or to the site itself, whoever says so.
pub(super) async fn is_free(site: &Site, to: Option<&str>) -> Result<(), Failure> {
    let Some(to) = to else { return Ok(()) };
    match anew::refused(site, to).await? {
        None => Ok(()),
        Some(why) => {
            let hint = match site.settings.own().has(to) {
                true => "give an address of whoever is to be told".to_owned(),
                false => format!("when it works again: `concert contact resume {to}`"),
            };
            Err(Failure::usage(Problem::new(why).hint(hint)))
        }
    }
}

/// The same, or the notice that carries it: they are sent together.
async fn sender(site: &Site, id: &str) -> Result<Notice, Failure> {
    let (notice, _) = need(site, id).await?;
    match notice.carrier() {
        Some(carrier) => Ok(need(site, carrier).await?.0),
        None => Ok(notice),
    }
}

pub(super) fn send(args: &SendArgs, site_arg: &SiteArg) -> Result<Exit, Failure> {
    let settings = site_arg.settings(LoadFor::Run)?;
    super::super::runtime()?.block_on(async {
        let site = Arc::new(Site::open_to_look(settings).await?);
        let named = named(&site, &args.ids).await?;
        for notice in &named {
            let mut change = site.store.records.change().await?;
            let is_queued = requeue_notice_in(&mut change, &notice.id, None, Gate::Open, wire::now()).await?;
            written(&site, site_arg, change, ("notice send", &notice.id, ""), is_queued).await?;
        }
        // With the lock no other process sends; without it the other one does, so that no notice goes
        // out twice.
        let ended = match Worker::open(&site).await? {
            Some(_worker) if named.is_empty() => deliver::send_due(&site).await?,
            Some(_worker) => {
                deliver::send_these(&site, &named.iter().map(|n| n.id.clone()).collect::<Vec<_>>()).await?
            }
            None => sent_by_other(&site, named).await?,
        };
        let mut table = args.rows.table(&["delivered", "later", "failed"]);
        table.row(&[json!(ended.delivered), json!(ended.later), json!(ended.failed)])?;
        table.finish()?;
        // Who puts it off or cannot be reached may take it later.
        Ok(match (ended.failed, ended.later) {
            (0, 0) => Exit::Done,
            (0, _) => Exit::Outside,
            _ => Exit::Bad,
        })
    })
}

/// The notices with these numbers. All that cannot be sent are told.
async fn named(site: &Site, ids: &[String]) -> Result<Vec<Notice>, Failure> {
    let (mut notices, mut problems) = (Vec::new(), Vec::new());
    for id in ids {
        let notice = sender(site, id).await?;
        let hint = match notice.state.as_str() {
            "queued" => match Box::pin(anew::decide(site, &notice.id)).await? {
                Some(anew) if anew.fate != Fate::GoesOn => {
                    problems.push(Problem::new(format!("notice {id} is not sent: {}", anew.why())));
                    continue;
                }
                anew => {
                    if let Some(anew) = anew {
                        note(&format!("{id}: {}", anew.why()))?;
                    }
                    notices.push(need(site, &notice.id).await?.0);
                    continue;
                }
            },
            "delivered" => format!("`concert notice resend {id}` sends it again as a new notice"),
            "waiting" => format!("`concert notice approve {id}` lets it go"),
            "rejected" => format!("`concert notice retry {id}` takes that back"),
            "no-contact" => format!("`concert notice retry {id} --to ADDRESS` gives it one"),
            _ => format!("`concert notice retry {id}` puts it back into the queue"),
        };
        problems.push(Problem::new(format!("notice {id} is not queued but {}", notice.state)).hint(hint));
    }
    if problems.is_empty() { Ok(notices) } else { Err(Failure { problems, exit: Exit::Usage }) }
}

/// Waits until the process that works on the site has tried every one of them.
async fn sent_by_other(site: &Site, named: Vec<Notice>) -> Result<deliver::Sent, Failure> {
    let mut waited: Vec<Notice> = match named.is_empty() {
        false => named,
        true => {
            let due = site.store.records.notices_due(wire::now(), &Way::Any, u32::MAX).await?;
            due.into_iter().map(|(notice, _)| notice).collect()
        }
    };
    let (mut sent, deadline) = (deliver::Sent::default(), Instant::now() + SENT_DEADLINE);
    while !waited.is_empty() && Instant::now() < deadline {
        tokio::time::sleep(LOOK_EVERY).await;
        let mut left = Vec::new();
        for before in waited {
            match site.store.records.notice(&before.id).await? {
                Some((now, _)) if now.attempts == before.attempts => left.push(before),
                Some((now, _)) => match now.state.as_str() {
                    "delivered" => sent.delivered += 1,
                    "queued" => sent.later += 1,
                    _ => sent.failed += 1,
                },
                None => {}
            }
        }
        waited = left;
    }
    if waited.is_empty() {
        return Ok(sent);
    }
    let what = format!("the process that works on this site has not sent {} of the notices", waited.len());
    Err(Failure::outside(Problem::new(what).hint("they stay queued; see `concert notice list --state queued`")))
}

/// Leaves out what failed and need not be tried again: others were told of the same events, or it asks whether a
/// suspended contact is there. Says how many.
async fn without_the_settled(site: &Site, notices: &mut Vec<Notice>) -> Result<usize, Problem> {
    let (again, barred) = (site.store.records.failed_told_again().await?, site.barred().await?);
    let before = notices.len();
    notices.retain(|notice| {
        let is_lost = notice.name == prove::NAME && barred.suspended(&notice.to).is_some();
        !is_lost && !again.contains(&notice.id)
    });
    Ok(before - notices.len())
}

pub(super) fn retry(args: &RetryArgs, site_arg: &SiteArg) -> Result<Exit, Failure> {
    if let Some(problem) = args.to.as_deref().and_then(anew::no_address) {
        return Err(Failure::usage(problem));
    }
    let settings = site_arg.settings(LoadFor::Look)?;
    super::super::runtime()?.block_on(async {
        let site = Site::open_to_look(settings).await?;
        is_free(&site, args.to.as_deref()).await?;
        let mut notices = Vec::new();
        for id in &args.ids {
            let notice = sender(&site, id).await?;
            if args.to.is_some() {
                is_no_message(&notice)?;
                is_no_question(&notice)?;
            }
            notices.push(notice);
        }
        if args.all_failed {
            let filter =
                NoticeFilter { state: Some("failed".into()), via: args.via.clone(), ..NoticeFilter::default() };
            notices = site.store.records.notices(&filter).await?;
            // Notices stay that went by a way out that is gone.
            if let Some(via) =
                args.via.as_deref().filter(|via| notices.is_empty() && !site.settings.vias.contains_key(*via))
            {
                let known: Vec<&str> = site.settings.vias.keys().map(String::as_str).collect();
                let problem =
                    Problem::new(format!("there is no [via.{via}] in the settings, and nothing failed by it"));
                return Err(Failure::usage(problem.hint(instead(via, &known))));
            }
            let reach = crate::command::reach(site_arg, &site.store, Kept::Notices).await?;
            notices.retain(|notice| reach.has_notice(notice));
            let left_out = without_the_settled(&site, &mut notices).await?;
            if left_out > 0 {
                note(&format!(
                    "{left_out} are left out: others were told of their events, or they ask suspended contacts"
                ))?;
            }
        }
        let mut refused = false;
        let mut table = args.rows.table(&["id", "state", "reason"]);
        for notice in &notices {
            let is_anew = args.to.is_none() && notice.state == "failed";
            let anew = if is_anew { Box::pin(anew::decide(&site, &notice.id)).await? } else { None };
            if let Some(anew) = anew.as_ref().filter(|anew| anew.fate != Fate::GoesOn) {
                refused = true;
                let now = need(&site, &notice.id).await?.0;
                table.row(&[json!(notice.id), json!(now.state), json!(anew.why())])?;
                continue;
            }
            let made = match args.to {
                None => Box::pin(responsible::address_by_hand(&site, notice)).await?,
                Some(_) => None,
            };
            if let Some(made) = made {
                let now = need(&site, &notice.id).await?.0;
                let (change, what) = (site.store.records.change().await?, becomes::said(&made));
                written(&site, site_arg, change, ("notice retry", &notice.id, &what), true).await?;
                table.row(&[json!(notice.id), json!(now.state), json!(what)])?;
                continue;
            }
            let again = match notice.state.as_str() {
                "failed" | "no-contact" | "rejected" | "waiting" | "queued"
                    if args.to.is_none() || notice.state != "queued" =>
                {
                    let (gate, to) = (gate(&site, notice), args.to.as_deref());
                    let mut change = site.store.records.change().await?;
                    let is_done = requeue_notice_in(&mut change, &notice.id, to, gate, wire::now()).await?;
                    let what = to.map(|to| format!("to {to}")).unwrap_or_default();
                    written(&site, site_arg, change, ("notice retry", &notice.id, &what), is_done).await?;
                    is_done
                }
                _ => false,
            };
            refused |= !again;
            let (state, reason) = match (again, notice.state.as_str()) {
                (true, "rejected" | "waiting") => ("waiting", WAITS_FOR_APPROVAL),
                (true, "no-contact") if gate(&site, notice) == Gate::Approval => ("waiting", WAITS_FOR_APPROVAL),
                (true, "queued") => ("queued", "it is due at once now"),
                (true, _) => ("queued", ""),
                (false, "no-contact") => ("no-contact", "it has nobody to go to; give --to ADDRESS"),
                (false, "queued") => ("queued", "it is in the queue already; without --to it is due at once"),
                (false, "waiting") => {
                    ("waiting", "it waits for approval already; --to ADDRESS gives it another address before")
                }
                (false, state) => {
                    (state, "only notices that failed, were rejected or had nobody to go to are tried again")
                }
            };
            let asked = if again { anew::asked_all_the_same(&site, notice).await? } else { None };
            let why = anew.map(|anew| anew.why()).or(asked).unwrap_or_else(|| reason.to_owned());
            table.row(&[json!(notice.id), json!(state), json!(why)])?;
        }
        table.finish()?;
        Ok(if refused { Exit::Bad } else { Exit::Done })
    })
}
