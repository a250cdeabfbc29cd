//! What the pages and the API see of a site: its settings, its records and its events.
//!
//! Answers are made when they are asked for; nothing is kept here besides which site is in force.

mod acts;
mod book;
mod desk;
mod door;
mod events;
mod evidence;
mod looks;
mod messages;
mod metrics;
pub(crate) mod overview;
mod telling;
mod values;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use concert_model::access::{self, Person};
use concert_model::incident::Tlp;
use concert_model::{Origin, Problem, Receipt, Time};
use concert_pipeline::condition::Condition;
use concert_server::site::{
    Feed, Metric, NewEvent, NoticeRow, NoticeText, Overview, Page, Push, Pushed, Refusal, Site, Slice, WantedNotices,
};
use concert_store::records::{Notice, NoticeFilter};
use concert_transport::deliver::smtp::is_encrypted;
use concert_transport::{Body, Kept};
use tokio::sync::broadcast;

use crate::addressees::Addressees;
use crate::command::notice::show::is_seen_whole;
use crate::drive::intake::Keeper;
use crate::drive::{compose, is_of_incidents, live};
use crate::incidents::Incidents;
use crate::login::Logins;
use crate::reach::Reach;
use crate::reads::{EventsRead, ReadLog, notice_read};
use crate::receivers;
use crate::settings::Collect;
use crate::wire;

/// How long a try whether reports can be kept may take.
const READY_MAX: Duration = Duration::from_secs(5);
/// A sender whose report cannot be kept may come back after so many seconds.
const BUSY_SECONDS: u64 = 60;

/// The pages of a site.
pub struct Pages {
    site: RwLock<Arc<wire::Site>>,
    /// Incidents, with what is held of them in memory; made when they are first asked for.
    incidents: RwLock<Option<Arc<Incidents>>>,
    keeper: Arc<Keeper>,
    live: live::Live,
    logins: Logins,
    /// Who read marked events and notices, and who was denied what.
    reads: ReadLog,
    /// Tells pushes apart that come in the same moment.
    pushes: AtomicU64,
}

impl Pages {
    /// Pages over a site whose pushed reports go to this intake.
    pub fn new(site: Arc<wire::Site>, keeper: Arc<Keeper>) -> Arc<Self> {
        let (live, logins) = (site.live.clone(), Logins::new(site.store.records.clone()));
        let reads = ReadLog::new(site.store.records.clone());
        Arc::new(Self {
            site: RwLock::new(site),
            incidents: RwLock::default(),
            keeper,
            live,
            logins,
            reads,
            pushes: AtomicU64::new(0),
        })
    }

    /// Takes up changed settings. Listeners keep hearing new events.
    pub fn replace(&self, site: Arc<wire::Site>) {
        *self.site.write().unwrap_or_else(PoisonError::into_inner) = site;
        *self.incidents.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn desk(&self) -> Result<Arc<Incidents>, Refusal> {
        let site = self.site();
        let constituents = site.constituents();
        let held = self.incidents.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(desk) = held.filter(|desk| desk.knows(&constituents)) {
            return Ok(desk);
        }
        let fresh = site.incidents().map_err(|failure| {
            Refusal::Failed(failure.problems.first().map(ToString::to_string).unwrap_or_default())
        })?;
        let fresh = Arc::new(fresh);
        *self.incidents.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&fresh));
        Ok(fresh)
    }

    fn site(&self) -> Arc<wire::Site> {
        Arc::clone(&self.site.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Trouble of the site itself: for its log, not for the caller, who asks again where others only held the records.
fn failed(problem: Problem) -> Refusal {
    if concert_store::records::is_busy(&problem) {
        tracing::warn!(why = %problem, "a request was not answered");
        return Refusal::Busy("much is being written".to_owned(), BUSY_SECONDS);
    }
    Refusal::Failed(problem.to_string())
}

#[async_trait]
impl Site for Pages {
    fn now(&self) -> Time {
        wire::now()
    }

    async fn overview(&self, person: &Person) -> Result<Overview, Refusal> {
        let site = self.site();
        let mut all = overview::overview(&site, &self.keeper.said()).await.map_err(failed)?;
        all.feeds.retain(|feed| site.settings.shows_feed(&feed.name, person));
        all.rejects.retain(|reject| site.settings.shows_feed(&reject.feed, person));
        all.gaps.retain(|gap| site.settings.shows_feed(&gap.feed, person));
        Ok(all)
    }

    async fn feeds(&self, person: &Person) -> Result<Vec<Feed>, Refusal> {
        let site = self.site();
        let said = self.keeper.said();
        let mut feeds =
            overview::feeds(&site.settings, &site.store.records, &said, wire::now()).await.map_err(failed)?;
        feeds.retain(|feed| site.settings.shows_feed(&feed.name, person));
        Ok(feeds)
    }

    async fn notices(&self, person: &Person, wanted: WantedNotices, slice: Slice) -> Result<Page<NoticeRow>, Refusal> {
        let site = self.site();
        let reach = site.reach(person, access::Kept::Notices).map_err(Refusal::Denied)?;
        let limit = (slice.limit as u64).saturating_add(1);
        let filter = NoticeFilter {
            state: wanted.state,
            name: wanted.name,
            before: slice.cursor,
            limit,
            without_reminders: true,
            ..reach.notices()
        };
        let found = site.store.records.notices(&filter).await;
        let book = site.addressees();
        let mut rows: Vec<NoticeRow> =
            found.map_err(failed)?.into_iter().map(|notice| notice_row(notice, &reach, &book)).collect();
        let more = rows.len() > slice.limit;
        rows.truncate(slice.limit);
        let next = rows.last().filter(|_| more).map(|row| row.id.clone());
        Ok(Page { rows, next })
    }

    async fn notice(&self, person: &Person, id: &str) -> Result<Option<NoticeText>, Refusal> {
        let site = self.site();
        let reach = site.reach(person, access::Kept::Notices).map_err(Refusal::Denied)?;
        let found = site.store.records.notice(id).await.map_err(failed)?;
        let found = found.filter(|(notice, _)| !is_of_incidents(&notice.name));
        let Some((notice, members)) = found else { return Ok(None) };
        if !reach.has_notice(&notice) {
            return Ok(None);
        }
        // What went out may carry notices to others.
        let book = site.addressees();
        if let (seen, true) = reach.of_notice(&book, notice.clone()) {
            // The text names whom it is for.
            let plain = Some(SOMEBODY_ELSE.as_bytes().to_vec());
            let row = notice_row(seen, &reach, &book);
            return Ok(Some(NoticeText { row, bytes: Vec::new(), plain, receivers: Vec::new() }));
        }
        let carried = site.store.records.carried(&[id]).await.map_err(failed)?;
        let is_whole = carried.iter().all(|(other, _)| reach.has_notice(other));
        let kept = if is_whole { site.store.records.notice_bytes(id).await.map_err(failed)? } else { None };
        let shown = carried.iter().filter(|_| kept.is_some()).map(|(other, _)| other).chain([&notice]);
        let read = shown.filter_map(notice_read).collect();
        self.reads.write(person, access::Action::SeeSite(access::Kept::Notices).word(), read).await.map_err(failed)?;
        let is_shown = is_seen_whole(&site, notice.carrier().unwrap_or(id), &reach).await.map_err(failed)?;
        let receivers = match is_shown {
            true => receivers::of(&site, &notice, reach.is_all()).await.map_err(failed)?,
            false => Vec::new(),
        };
        if let Some(bytes) = kept.as_ref().filter(|bytes| !is_encrypted(bytes)) {
            let (row, bytes) = (notice_row(notice, &reach, &book), bytes.clone());
            return Ok(Some(NoticeText { row, bytes, plain: None, receivers }));
        }
        let loaded = site.store.load(&[&members]).await.map_err(failed)?;
        let one = (notice, members);
        let heard = compose::heard(&site, &loaded, &[&one]).await.map_err(failed)?;
        let (notice, members) = one;
        let items = compose::items(&site, &notice, &loaded, &members, &heard);
        let message = compose::message(&site, &notice, &items).ok();
        // Before the first attempt: what would be sent now.
        let bytes = kept.or_else(|| compose::bytes(&site, &notice, message.as_ref()?).ok());
        // Nobody here can open what is encrypted, and what cannot be yet has no bytes to show.
        let is_readable = bytes.as_ref().is_some_and(|bytes| !is_encrypted(bytes));
        let plain = message.filter(|_| !is_readable).map(|message| compose::readable(&message));
        let (row, bytes) = (notice_row(notice, &reach, &book), bytes.unwrap_or_default());
        Ok(Some(NoticeText { row, bytes, plain, receivers }))
    }

    async fn admit(&self, feed: &str, token: &str) -> Option<u64> {
        let site = self.site();
        let Collect::Push(wanted) = &site.settings.feed(feed)?.collect else { return None };
        concert_server::same_secret(token, wanted.reveal()).then_some(site.settings.limits.report)
    }

    fn push_limit(&self, feed: &str) -> Option<u64> {
        let site = self.site();
        let is_pushed = matches!(site.settings.feed(feed)?.collect, Collect::Push(_));
        is_pushed.then_some(site.settings.limits.report)
    }

    async fn push(&self, push: Push) -> Result<Pushed, Refusal> {
        let now = wire::now();
        let key = push.idempotency_key.unwrap_or_else(|| {
            let count = self.pushes.fetch_add(1, Ordering::Relaxed);
            format!("{now} {} {count}", now.0)
        });
        let receipt = Receipt {
            feed: push.feed,
            origin: Origin::Push(key),
            received: now,
            sender: String::new(),
            file_name: push.file_name,
            url: String::new(),
            media_type: push.media_type,
        };
        let feed = receipt.feed.clone();
        let kept = self.keeper.keep_pushed(receipt, Body::Bytes(push.body)).await;
        // A reload may have taken the feed away since the sender was let in. What was kept before that is processed by the
        // settings that it came by; of what came later nobody is told that it will be.
        if self.push_limit(&feed).is_none() {
            return Err(Refusal::Busy("the settings changed while the report came".to_owned(), BUSY_SECONDS));
        }
        match kept {
            Ok((id, Kept::New)) => Ok(Pushed::New(id.to_string())),
            Ok((id, Kept::Known)) => Ok(Pushed::Known(id.to_string())),
            Err(why) => {
                tracing::error!("a pushed report is refused: {why}");
                Err(Refusal::Busy("the report cannot be kept now".to_owned(), BUSY_SECONDS))
            }
        }
    }

    async fn events(&self, person: &Person, condition: Option<String>, slice: Slice) -> Result<Page<String>, Refusal> {
        let condition = condition.map(|text| Condition::compile_for_stored(&text).map_err(|mistakes| wrong(&mistakes)));
        let condition = condition.transpose()?;
        let cursor = slice.cursor.as_deref().map(|text| events::place(text).ok_or_else(wrong_cursor)).transpose()?;
        let site = self.site();
        let reach = site.reach(person, access::Kept::Events).map_err(Refusal::Denied)?;
        // Files are read on the thread that asks, which must not be one of those that serve.
        let handle = tokio::runtime::Handle::current();
        let reading = tokio::task::spawn_blocking(move || {
            handle.block_on(events::newest(&site, (condition.as_ref(), &reach), cursor, slice.limit))
        });
        let (page, read) = reading.await.map_err(|error| Refusal::Failed(error.to_string()))?.map_err(failed)?;
        self.reads.events(person, read).await.map_err(failed)?;
        Ok(page)
    }

    fn subscribe(&self) -> broadcast::Receiver<Arc<NewEvent>> {
        self.live.subscribe()
    }

    fn shows(&self, person: &Person, event: &NewEvent) -> bool {
        self.site().sees(person, access::Kept::Events, &event.party)
            && event.label.is_none_or(|label| access::cleared(person, label))
    }

    async fn showing(&self, person: &Person, event: &NewEvent) -> Result<(), Refusal> {
        let mut read = EventsRead::default();
        read.add(event.label.filter(|label| *label >= Tlp::Green).map(|label| (event.feed.clone(), label)));
        self.reads.events(person, read).await.map_err(failed)
    }

    async fn open_readers(&self) {
        if let Err(problem) = self.site().store.records.open_readers().await {
            tracing::debug!(%problem, "connections for reading stay as they are");
        }
    }

    async fn ready(&self) -> Result<(), String> {
        let answer = tokio::time::timeout(READY_MAX, self.keeper.ready()).await;
        answer.unwrap_or_else(|_| Err("the records are busy".to_owned()))
    }

    fn is_paused(&self) -> bool {
        self.site().settings.collecting.paused
    }

    async fn metrics(&self, person: &Person, overview: &Overview) -> Vec<Metric> {
        metrics::of(&self.site(), overview, person).await
    }
}

/// The text of a notice for whoever does not see who gets it.
const SOMEBODY_ELSE: &str = "It goes to somebody else in place of the party; the text is for those who see whom.\n";

fn notice_row(notice: Notice, reach: &Reach, book: &Addressees) -> NoticeRow {
    let (notice, _) = reach.of_notice(book, notice);
    NoticeRow {
        id: notice.id,
        name: notice.name,
        key: reach.key(&notice.key).into_owned(),
        to: notice.to,
        via: notice.via,
        due: (notice.state != "delivered").then_some(notice.due),
        state: notice.state,
        events: notice.events,
        message_id: notice.message_id,
        delivered_at: notice.delivered_at,
        reason: notice.reason,
    }
}

fn wrong(mistakes: &[(usize, Problem)]) -> Refusal {
    let texts = mistakes.iter().map(|(offset, problem)| match problem.hint.as_str() {
        "" => format!("character {}: {}", offset + 1, problem.what),
        hint => format!("character {}: {} ({hint})", offset + 1, problem.what),
    });
    Refusal::Wrong(format!("the condition is wrong: {}", texts.collect::<Vec<_>>().join("; ")))
}

fn wrong_cursor() -> Refusal {
    Refusal::Wrong("the cursor is none that was given by a part before".to_owned())
}
