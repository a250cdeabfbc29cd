//! What a person decides of single notices: let go, hold back, send once more.
//!
//! None of these sends by itself: the process that works on the site does, or `concert notice send`.

use concert_model::Problem;
use concert_model::access::Kept;
use concert_store::records::{
    Gate, NoticeFilter, WAITS_FOR_APPROVAL, approve_notice_in, reject_notice_in, resend_notice_in,
};
use serde_json::json;

use super::send::{gate, is_free, is_no_message, is_no_question, need};
use super::{SiteArg, written};
use crate::drive::anew::{self, Fate};
use crate::print::AllRows;
use crate::problems::{Exit, Failure};
use crate::settings::LoadFor;
use crate::wire::{self, Site};

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  concert notice approve 20261122-000004-dkvr\n  concert notice approve --all daily"
)]
pub(super) struct ApproveArgs {
    /// Numbers of notices.
    #[arg(value_name = "ID", required_unless_present = "all")]
    pub(super) ids: Vec<String>,
    /// All notices of this kind that wait.
    #[arg(long, value_name = "NAME", conflicts_with = "ids")]
    all: Option<String>,
    #[command(flatten)]
    rows: AllRows,
}

#[derive(clap::Args)]
#[command(after_help = "Examples:\n  concert notice reject 20261122-000005-dkvr --why \"told by telephone\"")]
pub(super) struct RejectArgs {
    /// Numbers of notices.
    #[arg(value_name = "ID", required = true)]
    pub(super) ids: Vec<String>,
    /// Why, for those who look later.
    #[arg(long, value_name = "TEXT")]
    why: String,
    #[command(flatten)]
    rows: AllRows,
}

#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  concert notice resend 20261122-000001-dkvr\n  concert notice resend 20261122-000001-dkvr --to abuse@provider.example"
)]
pub(super) struct ResendArgs {
    /// The number of a delivered notice.
    pub(super) id: String,
    /// Send to this address instead.
    #[arg(long, value_name = "ADDRESS")]
    to: Option<String>,
    #[command(flatten)]
    rows: AllRows,
}

/// Most letters of a reason.
const WHY_LETTERS_MAX: usize = 1000;

pub(super) fn approve(args: &ApproveArgs, site_arg: &SiteArg) -> Result<Exit, Failure> {
    let settings = site_arg.settings(LoadFor::Look)?;
    super::super::runtime()?.block_on(async {
        let site = Site::open_to_look(settings).await?;
        let mut ids = args.ids.clone();
        if let Some(name) = &args.all {
            let filter =
                NoticeFilter { state: Some("waiting".to_owned()), name: Some(name.clone()), ..NoticeFilter::default() };
            let mut waiting = site.store.records.notices(&filter).await?;
            let reach = crate::command::reach(site_arg, &site.store, Kept::Notices).await?;
            waiting.retain(|notice| reach.has_notice(notice));
            if waiting.is_empty() && site.settings.notice(name).is_none() {
                let known: Vec<&str> = site.settings.notices.iter().map(|kind| kind.name.as_str()).collect();
                let problem = Problem::new(format!("there is no notice `{name}` in the settings"));
                return Err(Failure::usage(problem.hint(format!("notices here: {}", known.join(", ")))));
            }
            // Oldest first, so that what breaks off has let the oldest go.
            ids = waiting.into_iter().rev().map(|notice| notice.id).collect();
        }
        for id in &ids {
            need(&site, id).await?;
        }
        let mut done = Vec::new();
        for id in ids {
            let waits = need(&site, &id).await?.0.state == "waiting";
            let anew = if waits { Box::pin(anew::decide_to_approve(&site, &id)).await? } else { None };
            let goes_on = anew.as_ref().is_none_or(|anew| anew.fate == Fate::GoesOn);
            let mut change = site.store.records.change().await?;
            let let_go = goes_on && approve_notice_in(&mut change, &id, wire::now()).await?;
            written(&site, site_arg, change, ("notice approve", &id, ""), let_go).await?;
            done.push((id, let_go, anew.map(|anew| anew.why())));
        }
        print(&site, &args.rows, done).await
    })
}

pub(super) fn reject(args: &RejectArgs, site_arg: &SiteArg) -> Result<Exit, Failure> {
    let settings = site_arg.settings(LoadFor::Look)?;
    let why: String = args.why.chars().filter(|c| !c.is_control()).take(WHY_LETTERS_MAX).collect();
    super::super::runtime()?.block_on(async {
        let site = Site::open_to_look(settings).await?;
        for id in &args.ids {
            need(&site, id).await?;
        }
        let mut done = Vec::new();
        for id in &args.ids {
            let mut change = site.store.records.change().await?;
            let is_held_back = reject_notice_in(&mut change, id, &why).await?;
            written(&site, site_arg, change, ("notice reject", id, ""), is_held_back).await?;
            done.push((id.clone(), is_held_back, None));
        }
        print(&site, &args.rows, done).await
    })
}

/// What the notices are by now, with whom they go to instead, and which of them could not be decided about.
async fn print(site: &Site, rows: &AllRows, done: Vec<(String, bool, Option<String>)>) -> Result<Exit, Failure> {
    let mut table = rows.table(&["id", "state", "reason"]);
    let mut refused = false;
    for (id, changed, why) in done {
        let (notice, _) = need(site, &id).await?;
        let own = match (changed, notice.state.as_str()) {
            (true, _) => &notice.reason,
            (false, "rejected") => "it was rejected; `concert notice retry` takes that back",
            (false, _) => "it does not wait for approval",
        };
        let reason = why.as_deref().unwrap_or(own);
        table.row(&[json!(id), json!(notice.state), json!(reason)])?;
        refused |= !changed;
    }
    table.finish()?;
    Ok(if refused { Exit::Bad } else { Exit::Done })
}

pub(super) fn resend(args: &ResendArgs, site_arg: &SiteArg) -> Result<Exit, Failure> {
    if let Some(problem) = args.to.as_deref().and_then(anew::no_address) {
        return Err(Failure::usage(problem));
    }
    let settings = site_arg.settings(LoadFor::Look)?;
    super::super::runtime()?.block_on(async {
        let site = Site::open_to_look(settings).await?;
        let (notice, _) = need(&site, &args.id).await?;
        is_no_message(&notice)?;
        is_no_question(&notice)?;
        is_free(&site, args.to.as_deref()).await?;
        let gate = gate(&site, &notice);
        let mut change = site.store.records.change().await?;
        let made =
            resend_notice_in(&mut change, &notice.id, args.to.as_deref(), gate, &site.home(), wire::now()).await?;
        let as_new = made.as_ref().map(|new| format!("as {new}")).unwrap_or_default();
        written(&site, site_arg, change, ("notice resend", &notice.id, &as_new), made.is_some()).await?;
        let Some(id) = made else {
            let what = format!("notice {} is not delivered but {}", notice.id, notice.state);
            let hint =
                format!("`concert notice show {}` says more; `retry` is for what failed or was rejected", notice.id);
            return Err(Failure::usage(Problem::new(what).hint(hint)));
        };
        let (mut state, mut reason) = match gate {
            Gate::Open => ("queued".to_owned(), String::new()),
            Gate::Approval => ("waiting".to_owned(), WAITS_FOR_APPROVAL.to_owned()),
        };
        if let Some(anew) = Box::pin(anew::decide(&site, &id)).await? {
            (state, reason) = (need(&site, &id).await?.0.state, anew.why());
        }
        let mut table = args.rows.table(&["id", "again_of", "state", "reason"]);
        table.row(&[json!(id), json!(notice.id), json!(state), json!(reason)])?;
        table.finish()?;
        Ok(Exit::Done)
    })
}
