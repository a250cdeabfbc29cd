//! Notices over the API: what would go, and what somebody decides of one. The process that works on the site sends.

use concert_model::access::{Action, Kept, Person};
use concert_model::address::canonical;
use concert_model::{Problem, Time};
use concert_server::desk::{Change, NoticeDeed};
use concert_server::site::{Page, Refusal, Slice};
use concert_store::records::{
    Act, Change as Records, Gate, Notice, append_audit, approve_notice_in, drop_notice_in, reject_notice_in,
    requeue_notice_in, resend_notice_in,
};
use serde_json::{Value, json};

use super::acts::{again, by, done};
use super::looks::need;
use super::{Pages, failed};
use crate::command::contact::text_or_null;
use crate::command::notice::show::{NOT_YET, is_seen_whole, to_go};
use crate::drive::anew::{self, Fate};
use crate::drive::becomes::{self, SOMEBODY};
use crate::drive::{asked, is_of_incidents, prove, responsible};
use crate::left;
use crate::reach::Reach;
use crate::wire::{self, Site};

/// Most letters of a reason.
const WHY_LETTERS_MAX: usize = 1000;

/// What would go to whom now.
pub(super) async fn preview(
    pages: &Pages,
    person: &Person,
    name: Option<String>,
    slice: &Slice,
) -> Result<Page<Value>, Refusal> {
    let site = pages.site();
    let reach = site.reach(person, Kept::Notices).map_err(Refusal::Denied)?;
    let book = site.addressees();
    if let Some(name) = name.as_ref().filter(|name| site.settings.notice(name).is_none()) {
        let known: Vec<&str> = site.settings.notices.iter().map(|kind| kind.name.as_str()).collect();
        let problem = Problem::new(format!("there is no notice `{name}` in the settings"));
        return Err(Refusal::Mistake(problem.hint(format!("notices here: {}", known.join(", ")))));
    }
    // Files are read on the thread that asks, which must not be one of those that serve.
    let handle = tokio::runtime::Handle::current();
    let reading = tokio::task::spawn_blocking(move || handle.block_on(to_go(&site, name.as_deref())));
    let to_go = reading.await.map_err(|error| Refusal::Failed(error.to_string()))?.map_err(failed)?;
    let rows: Vec<Value> = to_go
        .iter()
        .filter(|going| reach.has_notice(&going.notice) && !is_of_incidents(&going.notice.name))
        .map(|going| {
            let (notice, _) = reach.of_notice(&book, going.notice.clone());
            let id = (notice.id != NOT_YET).then_some(&notice.id);
            json!({"id": id, "name": notice.name, "key": reach.key(&notice.key), "to": notice.to, "via": notice.via,
                "state": notice.state, "events": notice.events, "due": notice.due.to_string(),
                "why": text_or_null(&going.why(&reach, &book))})
        })
        .collect();
    slice.part(rows.into_iter())
}

/// Decides about a notice. Whoever may not change it does not learn that it is there.
pub(super) async fn act(pages: &Pages, change: &Change, id: &str, deed: NoticeDeed) -> Result<Value, Refusal> {
    let site = pages.site();
    let reach = site.reach_to_change(&change.person, Kept::Notices).map_err(Refusal::Denied)?;
    let (records, now) = (&site.store.records, wire::now());
    let found = records.notice(id).await.map_err(failed)?.map(|(notice, _)| notice);
    let notice = found.filter(|notice| !is_of_incidents(&notice.name) && reach.has_notice(notice));
    let notice = notice.ok_or(Refusal::Missing)?;
    if let NoticeDeed::Retry(Some(to)) | NoticeDeed::Resend(Some(to)) = &deed
        && let Some(problem) = anew::no_address(to)
    {
        return Err(Refusal::Wrong(problem.what));
    }
    if notice.name == prove::NAME && matches!(deed, NoticeDeed::Retry(Some(_)) | NoticeDeed::Resend(_)) {
        return Err(Refusal::Taken("it asks whether a contact is there, and is no notice for others".into()));
    }
    // Those that go in one mail share its fate.
    let mail = notice.carrier().unwrap_or(&notice.id).to_owned();
    let is_sent = matches!(deed, NoticeDeed::Send | NoticeDeed::Retry(_));
    if is_sent && !is_seen_whole(&site, &mail, &reach).await.map_err(failed)? {
        return Err(Refusal::Taken(
            "it goes in one mail with others, which whoever works on the whole site sends".into(),
        ));
    }
    let (why, given) = decided_anew(&site, (&notice, &mail), &deed, &reach).await?;
    let mut writing = records.change().await.map_err(failed)?;
    if let Some(answer) = again(&mut writing, change).await? {
        return Ok(answer);
    }
    let made = match why {
        // It was given to somebody who can be told by now.
        Some(_) if notice.state == "no-contact" => {
            let waits = site.settings.notice(&notice.name).is_some_and(|kind| kind.gate == Gate::Approval);
            Some(("notice retry", notice.id.clone(), if waits { "waiting" } else { "queued" }))
        }
        _ => decide(&mut writing, &site, (&notice, &mail), &deed, now).await.map_err(failed)?,
    };
    let Some((action, id, state)) = made else { return Err(Refusal::Taken(refusal(&notice, &deed))) };
    let of = (id != notice.id).then_some(&notice.id);
    // As the command writes it: where it went by hand, or to whom it was given.
    let what = match (&deed, of) {
        (_, Some(_)) => format!("as {id}"),
        (NoticeDeed::Retry(Some(to)), None) => format!("to {to}"),
        _ => given,
    };
    let act = Act::done(action, format!("notice {}", notice.id), what);
    append_audit(&mut writing, &by(&change.person), &act).await.map_err(failed)?;
    let answer = json!({"id": id, "state": state, "again_of": of, "why": why});
    let answer = done(records, writing, change, answer).await?;
    if of.is_some() {
        // A new one goes to whom the old one went, of whom somebody may be suspended.
        anew::decide(&site, &id).await.map_err(failed)?;
    }
    Ok(answer)
}

/// Decides anew whom a notice goes to of which an address was suspended since it was made. Gives what follows, as far as
/// whoever asks may see it, and to whom one was given that waited for a contact, for the audit log; refused where it
/// cannot go on.
async fn decided_anew(
    site: &Site,
    (notice, mail): (&Notice, &str),
    deed: &NoticeDeed,
    reach: &Reach,
) -> Result<(Option<String>, String), Refusal> {
    let nothing = (None, String::new());
    if let NoticeDeed::Retry(Some(to)) | NoticeDeed::Resend(Some(to)) = deed {
        let suspended = anew::refused(site, to).await.map_err(failed)?;
        // Of contacts of others nothing is told; whom it goes to is decided when it is sent.
        let constituents = site.constituents();
        let seen = constituents.parties().iter().filter(|party| reach.has(&party.name));
        let mut contacts = seen.flat_map(|party| &party.contacts);
        // Whose address the site's own is, everybody knows.
        let is_seen = reach.is_all()
            || site.settings.own().has(to)
            || contacts.any(|contact| canonical(&contact.mail) == canonical(to));
        return suspended.filter(|_| is_seen).map_or(Ok(nothing), |why| Err(Refusal::Taken(why)));
    }
    let id = match (deed, notice.state.as_str()) {
        (NoticeDeed::Retry(None), "no-contact") => {
            let made = Box::pin(responsible::address_by_hand(site, notice)).await.map_err(failed)?;
            let Some(given) = made.map(|made| becomes::said(&made)) else { return Ok(nothing) };
            let shown = if reach.is_all() { given.clone() } else { SOMEBODY.to_owned() };
            return Ok((Some(shown), given));
        }
        (NoticeDeed::Approve, "waiting") => &notice.id,
        (NoticeDeed::Send, "queued") | (NoticeDeed::Retry(None), "failed") => mail,
        _ => return Ok(nothing),
    };
    let decided = match deed {
        NoticeDeed::Approve => anew::decide_to_approve(site, id).await,
        _ => anew::decide(site, id).await,
    };
    let Some(anew) = decided.map_err(failed)? else {
        let asked = anew::asked_all_the_same(site, notice).await.map_err(failed)?;
        // Why a contact is suspended may name a notice that is not seen.
        let said = asked
            .map(|why| if reach.is_all() { why } else { "the contact is suspended, and is asked all the same".into() });
        return Ok((said, String::new()));
    };
    let why = if reach.is_all() { anew.why() } else { anew.because };
    if anew.fate == Fate::GoesOn { Ok((Some(why), String::new())) } else { Err(Refusal::Taken(why)) }
}

/// What was done, with the number and the state of the notice it was done to; nothing where it cannot be.
async fn decide(
    writing: &mut Records<'_>,
    site: &Site,
    (notice, mail): (&Notice, &str),
    deed: &NoticeDeed,
    now: Time,
) -> Result<Option<(&'static str, String, &'static str)>, Problem> {
    let gate = site.settings.notice(&notice.name).map_or(Gate::Open, |kind| kind.gate);
    let same = |is_done: bool, action, state| is_done.then(|| (action, notice.id.clone(), state));
    Ok(match deed {
        NoticeDeed::Approve => same(approve_notice_in(writing, &notice.id, now).await?, "notice approve", "queued"),
        NoticeDeed::Reject(why) => {
            let why: String = why.chars().filter(|c| !c.is_control()).take(WHY_LETTERS_MAX).collect();
            same(reject_notice_in(writing, &notice.id, &why).await?, "notice reject", "rejected")
        }
        NoticeDeed::Send if notice.state == "queued" => {
            same(requeue_notice_in(writing, mail, None, Gate::Open, now).await?, "notice send", "queued")
        }
        NoticeDeed::Retry(to) if matches!(notice.state.as_str(), "failed" | "no-contact" | "rejected" | "waiting") => {
            let waits = match notice.state.as_str() {
                "no-contact" => gate == Gate::Approval,
                state => state != "failed",
            };
            let is_done = requeue_notice_in(writing, mail, to.as_deref(), gate, now).await?;
            same(is_done, "notice retry", if waits { "waiting" } else { "queued" })
        }
        NoticeDeed::Resend(to) => {
            let made = resend_notice_in(writing, &notice.id, to.as_deref(), gate, &site.home(), now).await?;
            let state = if gate == Gate::Approval { "waiting" } else { "queued" };
            made.map(|id| ("notice resend", id, state))
        }
        NoticeDeed::Send | NoticeDeed::Retry(_) => None,
    })
}

/// Why it cannot be, with what can.
fn refusal(notice: &Notice, deed: &NoticeDeed) -> String {
    let state = &notice.state;
    match deed {
        NoticeDeed::Approve | NoticeDeed::Reject(_) => format!("it does not wait for approval, but is {state}"),
        NoticeDeed::Send => {
            format!("it is not queued but {state}; `retry` is for what failed, `resend` for what was delivered")
        }
        NoticeDeed::Retry(_) if state == "no-contact" => "it has nobody to go to; say `to`".into(),
        NoticeDeed::Retry(_) if state == "waiting" => {
            "it waits for approval already; say `to` for another address".into()
        }
        NoticeDeed::Retry(_) => {
            format!("it is {state}; only notices that failed, were rejected or had nobody to go to are tried again")
        }
        NoticeDeed::Resend(_) => format!("it is not delivered but {state}; `retry` is for what failed"),
    }
}

/// Lets go of the events that wait for a notice which the settings no longer have.
pub(super) async fn let_go(pages: &Pages, change: &Change, name: String) -> Result<Value, Refusal> {
    need(&change.person, Action::ChangeSite(Kept::Notices))?;
    let (site, counted) = (pages.site(), pages.site());
    let records = &site.store.records;
    let mut looking = records.change().await.map_err(failed)?;
    if let Some(answer) = again(&mut looking, change).await? {
        return Ok(answer);
    }
    drop(looking);
    // Files are read on the thread that asks, which must not be one of those that serve.
    let (handle, wanted, who) = (tokio::runtime::Handle::current(), name.clone(), change.person.clone());
    let counting = tokio::task::spawn_blocking(move || {
        handle.block_on(left::of(&counted.store, &counted.settings, &wanted, &who))
    });
    let left = counting.await.map_err(|error| Refusal::Failed(error.to_string()))?.map_err(failed)?;
    let left = left.map_err(Refusal::Mistake)?;
    let mut writing = records.change().await.map_err(failed)?;
    // Of two that come at the same time one is done.
    if let Some(answer) = again(&mut writing, change).await? {
        return Ok(answer);
    }
    drop_notice_in(&mut writing, &name, &by(&change.person), &left.reason()).await.map_err(failed)?;
    done(records, writing, change, json!({"name": name, "events": left.events})).await
}

/// Asks for a replay of a feed; the process that works on the site does it, a few reports at a time.
pub(super) async fn replay(pages: &Pages, change: &Change, feed: &str, since: Option<Time>) -> Result<Value, Refusal> {
    need(&change.person, Action::ChangeSite(Kept::Events))?;
    let site = pages.site();
    site.settings.feed(feed).filter(|feed| feed.is_for(&change.person)).ok_or(Refusal::Missing)?;
    let records = &site.store.records;
    let mut writing = records.change().await.map_err(failed)?;
    if let Some(answer) = again(&mut writing, change).await? {
        return Ok(answer);
    }
    asked::ask_in(&mut writing, feed, since.unwrap_or(Time(i64::MIN))).await.map_err(failed)?;
    let since = since.map_or_else(String::new, |since| format!("reports since {since}"));
    let act = Act::done("feed replay", format!("feed {feed}"), since);
    append_audit(&mut writing, &by(&change.person), &act).await.map_err(failed)?;
    done(records, writing, change, replayed_json(feed, &asked::Asked::default())).await
}

/// How far the replay of a feed is that was asked for last.
pub(super) async fn replayed(pages: &Pages, person: &Person, feed: &str) -> Result<Value, Refusal> {
    need(person, Action::ChangeSite(Kept::Events))?;
    let site = pages.site();
    site.settings.feed(feed).filter(|feed| feed.is_for(person)).ok_or(Refusal::Missing)?;
    let progress = asked::progress(&site, feed).await.map_err(failed)?.ok_or(Refusal::Missing)?;
    Ok(replayed_json(feed, &progress))
}

fn replayed_json(feed: &str, asked: &asked::Asked) -> Value {
    json!({"feed": feed, "done": asked.is_done, "reports": asked.reports, "left_out": asked.left_out,
        "failed": asked.failed, "replaced": asked.replaced, "events": asked.events, "rejects": asked.rejects,
        "notices": asked.notices})
}
