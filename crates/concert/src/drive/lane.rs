//! One way out at work: a few attempts at a time, and nobody waits for another way.
//!
//! How an attempt ended is written down as soon as it is known, together with what ended while the one
//! before was being written: after a kill, few receivers get a copy. An attempt that takes long occupies
//! its own turn and no other.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use concert_model::message::{Outcome, Partly};
use concert_model::{Message, Problem, Time};
use concert_store::Members;
use concert_store::records::{Notice, Receiver, Way};
use futures_util::FutureExt;
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use super::anew::{self, Fate};
use super::compose::{self, bytes, heard, items};
use super::deliver::{self, End, Ended, Sent, attempt, end};
use super::mailbox;
use super::merging;
use super::message;
use super::partly;
use super::split::{TooLarge, split};
use super::trial;
use super::{LOOK_EVERY, TROUBLE_WAIT_MAX};
use crate::barred::Barred;
use crate::wire::{self, Site};

/// Notices composed and not sent yet.
const NOTICES_AT_ONCE: usize = 500;
/// Events of all notices composed and not sent yet, because they are in memory; a notice with more goes
/// alone.
const EVENTS_AT_ONCE: u64 = 200_000;
/// Attempts at the same time.
const ATTEMPTS_AT_ONCE: usize = 4;
/// How long a notice that may go with others waits until those that are due with it are made. A round of work may take
/// much longer, and then it goes alone.
const OTHERS_WAIT_MICROS: i64 = 5_000_000;
/// How long attempts that have begun may take when the program is told to stop.
const LAST_ATTEMPTS_MAX: Duration = Duration::from_secs(5);

/// A notice that can be sent, with its bytes.
type Ready = (Notice, Message, Vec<u8>);
/// What is known of receivers, by notice, and who is suspended.
type Before = (HashMap<String, Vec<Receiver>>, Barred);

/// The notices of one way out that are being sent.
pub(super) struct Lane {
    site: Arc<Site>,
    way: Way,
    turns: Arc<Semaphore>,
    attempts: JoinSet<Option<End>>,
    /// Notices in `attempts`, `ended` and `large`, with their numbers of events.
    busy: HashMap<String, u64>,
    /// Attempts that ended and are not written down.
    ended: Vec<Ended>,
    /// What became of those, and of what is being tried, for some of whom they are for.
    receivers: Vec<(String, Vec<Receiver>)>,
    /// Notices that are to be split.
    large: Vec<TooLarge>,
    /// Notices that went together and must go alone: one of them cannot be composed.
    parted: Vec<String>,
    /// Whether more is due than was taken.
    more: bool,
    /// When it was decided last that a notice is for others: what it became was due then.
    changed: Time,
    /// Up to when all that is due has been made, where another task makes it meanwhile.
    made: Option<watch::Receiver<Time>>,
    sent: Sent,
}

impl Lane {
    pub(super) fn new(site: Arc<Site>, way: Way) -> Self {
        Self {
            site,
            way,
            turns: Arc::new(Semaphore::new(ATTEMPTS_AT_ONCE)),
            attempts: JoinSet::new(),
            busy: HashMap::new(),
            ended: Vec::new(),
            receivers: Vec::new(),
            large: Vec::new(),
            parted: Vec::new(),
            more: true,
            changed: Time(0),
            made: None,
            sent: Sent::default(),
        }
    }

    /// Sends what is due now, one attempt each.
    pub(super) async fn send_due(mut self) -> Result<Sent, Problem> {
        let now = wire::now();
        loop {
            if self.more {
                self.take(now.max(self.changed)).await?;
            }
            match self.attempts.join_next().await {
                Some(ended) => self.note(ended)?,
                // All that was taken was split; its parts are due.
                None if self.more => continue,
                None => return Ok(self.sent),
            }
            self.write_down().await?;
        }
    }

    /// Sends these, one attempt each.
    pub(super) async fn send(mut self, notices: Vec<(Notice, Members)>) -> Result<Sent, Problem> {
        let mut notices = notices.into_iter().peekable();
        while notices.peek().is_some() {
            let mut next: Vec<_> = notices.by_ref().take(NOTICES_AT_ONCE).collect();
            while !next.is_empty() {
                self.begin(next).await?;
                while let Some(ended) = self.attempts.join_next().await {
                    self.note(ended)?;
                    self.write_down().await?;
                }
                next = Vec::new();
                for id in std::mem::take(&mut self.parted) {
                    next.extend(self.site.store.records.notice(&id).await?);
                }
            }
        }
        Ok(self.sent)
    }

    /// Sends what is due whenever it is, until `stop`. Trouble (a full disk) is waited out.
    pub(super) async fn run(
        mut self,
        mut queued: watch::Receiver<Time>,
        stop: CancellationToken,
    ) -> Result<(), Problem> {
        self.made = Some(queued.clone());
        let (mut wait, mut look) = (LOOK_EVERY, true);
        while !stop.is_cancelled() {
            let done = match self.write_down().await {
                Ok(()) if look || self.more => self.take(wire::now()).await,
                other => other,
            };
            match &done {
                Ok(()) => wait = LOOK_EVERY,
                Err(problem) => {
                    wait = (wait * 2).min(TROUBLE_WAIT_MAX);
                    tracing::error!(wait_seconds = wait.as_secs(), "{problem}");
                }
            }
            if done.is_ok() && self.more && self.attempts.is_empty() {
                continue;
            }
            look = tokio::select! {
                Some(ended) = self.attempts.join_next(), if done.is_ok() => self.note(ended).map(|()| false)?,
                Ok(()) = queued.changed(), if done.is_ok() => true,
                () = tokio::time::sleep(wait) => true,
                () = stop.cancelled() => false,
            };
        }
        self.finish().await
    }

    /// Lets attempts that have begun come to their end, if that is soon. What is cut off then counts as
    /// unclear: it stays queued and goes out again as it is.
    async fn finish(mut self) -> Result<(), Problem> {
        self.turns.close();
        let rest = async {
            while let Some(ended) = self.attempts.join_next().await {
                self.note(ended)?;
            }
            Ok(())
        };
        tokio::time::timeout(LAST_ATTEMPTS_MAX, rest).await.unwrap_or(Ok(()))?;
        self.write_down().await
    }

    /// Begins to send what is due and not being sent yet, as far as there is room.
    async fn take(&mut self, now: Time) -> Result<(), Problem> {
        // Looking is for many at a time; the last few turns are never left empty by that.
        let events = self.busy.values().sum::<u64>();
        self.more = self.busy.len() > NOTICES_AT_ONCE / 2 || events >= EVENTS_AT_ONCE;
        if self.more {
            return Ok(());
        }
        let limit = u32::try_from(NOTICES_AT_ONCE).unwrap_or(u32::MAX);
        // Each is due by itself again.
        self.parted.clear();
        let mut due = self.site.store.records.notices_due(now, &self.way, limit).await?;
        let made = self.made.as_ref().map(|made| *made.borrow());
        let may_be_more = due.len() == NOTICES_AT_ONCE;
        due.retain(|(notice, _)| !self.busy.contains_key(&notice.id));
        let found = due.len();
        due.retain(|(notice, _)| !made.is_some_and(|made| waits_for_others(&self.site, notice, made, now)));
        // What waits for others would be found again at once.
        self.more = may_be_more && due.len() == found;
        self.more |= keep_few(&mut due, events);
        self.begin(due).await
    }

    /// Composes notices, or takes the bytes that were kept at their first attempt, and begins attempts.
    async fn begin(&mut self, due: Vec<(Notice, Members)>) -> Result<(), Problem> {
        if due.is_empty() {
            return Ok(());
        }
        let due = self.for_whom_they_are(due).await?;
        let (mut ready, mut fresh, mut ended, mut large) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut parted = Vec::new();
        let (site, records) = (&self.site, &self.site.store.records);
        let (due, carried) = merging::gather(site, due).await?;
        let before = self.before(&due).await?;
        let also = |id: &str| carried.get(id).map(Vec::as_slice).unwrap_or_default();
        let all: Vec<_> = due.iter().flat_map(|one| std::iter::once(one).chain(also(&one.0.id))).collect();
        let wanted: Vec<&Members> = all.iter().map(|(_, members)| members).collect();
        let loaded = site.store.load(&wanted).await?;
        let heard = heard(site, &loaded, &all).await?;
        for (notice, members) in &due {
            let told = items(site, notice, &loaded, members, &heard);
            let kept = records.notice_bytes(&notice.id).await?;
            let is_fresh = kept.is_none();
            // What was composed may be gone because somebody is to be forgotten. Who has the mail gets no part of it again.
            let may_part = is_fresh && !before.0.contains_key(&notice.id);
            // What was kept goes out as it is, even when it could not be composed again: a key may have
            // expired since.
            let others = also(&notice.id)
                .iter()
                .map(|(other, members)| compose::message(site, other, &items(site, other, &loaded, members, &heard)));
            let composed = others.collect::<Result<Vec<_>, _>>().and_then(|others| {
                let message = compose::message(site, notice, &told)?.join(others);
                match kept {
                    Some(kept) => Ok((message, kept)),
                    None => bytes(site, notice, &message).map(|bytes| (message, bytes)),
                }
            });
            match composed {
                Ok((message, bytes)) => {
                    if is_fresh {
                        if let Some(found) = too_large(site, notice, &bytes).filter(|_| may_part) {
                            large.push(found);
                            continue;
                        }
                        fresh.push((notice.id.clone(), bytes.clone()));
                    }
                    ready.push((notice.clone(), message, bytes));
                }
                // Perhaps only one of them cannot be composed.
                Err(_) if may_part && records.unmerge_notices(&notice.id).await? => {
                    parted.push(notice.id.clone());
                    parted.extend(also(&notice.id).iter().map(|(other, _)| other.id.clone()));
                }
                Err(problem) => {
                    deliver::not_delivered(notice, &problem.what);
                    ended.push((notice.id.clone(), "failed", wire::now(), problem.what));
                }
            }
        }
        records.keep_notice_bytes(&fresh).await?;
        let due = due.into_iter().filter(|(notice, _)| !parted.contains(&notice.id));
        self.busy.extend(due.map(|(notice, _)| (notice.id, notice.events)));
        self.more |= !parted.is_empty();
        self.parted.append(&mut parted);
        self.ended.append(&mut ended);
        self.large.append(&mut large);
        self.start(ready, &before);
        self.write_down().await
    }

    /// What became of these by attempts before, for some of whom they are for; and who is suspended, where anything did.
    async fn before(&self, due: &[(Notice, Members)]) -> Result<Before, Problem> {
        let tried = due.iter().filter(|(notice, _)| notice.attempts > 0);
        let tried: Vec<&str> = tried.map(|(notice, _)| notice.id.as_str()).collect();
        let known = self.site.store.records.receivers(&tried).await?;
        let barred = if known.is_empty() { Barred::default() } else { self.site.barred().await? };
        Ok((known, barred))
    }

    /// Begins attempts for all who have not got the mail by one before.
    fn start(&mut self, ready: Vec<Ready>, (known, barred): &Before) {
        for (notice, mut message, bytes) in ready {
            let mut before = known.get(&notice.id).cloned().unwrap_or_default();
            if !before.is_empty() {
                let is_suspended = |to: &str| anew::is_suspended_for(&self.site, &notice, to, barred);
                let refused = partly::leave_out(&mut message, &before, is_suspended);
                let now = wire::now();
                if message.to.is_empty() && message.bcc.is_empty() {
                    let nobody = Outcome::Partly(Partly { refused, ..Partly::default() });
                    let (ended, receivers) = partly::settled(&notice, &message, nobody, &before, now);
                    self.receivers.push((notice.id, receivers));
                    self.ended.push(ended);
                    continue;
                }
                let never = partly::never(&refused, now);
                before.extend_from_slice(&never);
                self.receivers.push((notice.id.clone(), never));
            }
            let (site, turns) = (Arc::clone(&self.site), Arc::clone(&self.turns));
            self.attempts.spawn(in_turn(site, turns, notice, message, bytes, before));
        }
    }

    /// Leaves out notices of which an address was suspended since they were made, or left the contact book: whom they
    /// go to is decided anew.
    async fn for_whom_they_are(&mut self, due: Vec<(Notice, Members)>) -> Result<Vec<(Notice, Members)>, Problem> {
        let (barred, book) = (self.site.barred().await?, self.site.addressees());
        let mut kept = Vec::with_capacity(due.len());
        for (notice, members) in due {
            let is_concerned = anew::is_concerned(&self.site, &book, &notice, &barred);
            match if is_concerned { Box::pin(anew::decide(&self.site, &notice.id)).await? } else { None } {
                None => kept.push((notice, members)),
                Some(anew) if anew.fate == Fate::Told => {
                    deliver::not_delivered(&notice, &anew.why());
                    self.ended.push((notice.id, "failed", wire::now(), anew.why()));
                }
                Some(_) => (self.more, self.changed) = (true, wire::now()),
            }
        }
        Ok(kept)
    }

    /// Remembers how an attempt ended, and all that ended besides.
    fn note(&mut self, ended: Result<Option<End>, JoinError>) -> Result<(), Problem> {
        let mut next = Some(ended);
        while let Some(ended) = next {
            let ended = ended.map_err(|error| Problem::new(format!("an attempt to send broke off: {error}")))?;
            match ended {
                Some(End::Settled(ended, receivers)) => {
                    if !receivers.is_empty() {
                        self.receivers.push((ended.0.clone(), receivers));
                    }
                    self.ended.push(ended);
                }
                Some(End::TooLarge(large)) => self.large.push(large),
                None => {}
            }
            next = self.attempts.try_join_next();
        }
        Ok(())
    }

    /// Splits what is too large and writes down how attempts ended. What cannot be written now is kept,
    /// because it must not be sent again only for that.
    async fn write_down(&mut self) -> Result<(), Problem> {
        while let Some(large) = self.large.last() {
            match split(&self.site, large).await? {
                Some(ended) => self.ended.push(ended),
                None => {
                    self.busy.remove(&large.id);
                    self.more = true;
                }
            }
            self.large.pop();
        }
        if self.ended.is_empty() {
            return Ok(());
        }
        // Whoever is told once too often is better off than whoever is not told.
        if let Err(problem) = trial::note(&self.site, &self.ended).await {
            tracing::error!("what was told on trial may count as told: {problem}");
        }
        self.site.store.records.settle_notices(&self.ended, &self.receivers).await?;
        let is_new = |(_, receivers): &(String, Vec<Receiver>)| receivers.iter().any(|one| one.has_it);
        let has_somebody = self.receivers.drain(..).any(|one| is_new(&one));
        match mailbox::refused(&self.site, &self.ended).await {
            Ok(again) => self.sent.told_again += again,
            Err(problem) => tracing::error!("a refused contact is not suspended: {problem}"),
        }
        message::prove_ended(&self.site, &self.ended, has_somebody).await;
        self.sent.count(&self.ended);
        for (id, _, _, _) in self.ended.drain(..) {
            self.busy.remove(&id);
        }
        Ok(())
    }
}

/// Whether a notice may go with others that are due when it is and perhaps not made yet.
fn waits_for_others(site: &Site, notice: &Notice, made: Time, now: Time) -> bool {
    notice.due > made
        && now.0 - notice.due.0 < OTHERS_WAIT_MICROS
        && merging::may_go_with_others(site, notice).is_some()
}

/// A new notice that is larger than the settings say.
fn too_large(site: &Site, notice: &Notice, bytes: &[u8]) -> Option<TooLarge> {
    let limit = site.settings.vias.get(&notice.via)?.deliverer.bytes_max();
    let bytes = bytes.len() as u64;
    let reason = format!("larger than `size_max` of [via.{}], which is {limit} bytes", notice.via);
    (bytes > limit).then(|| TooLarge { id: notice.id.clone(), bytes, limit: Some(limit), reason })
}

/// Leaves what is for another time because it would take too much memory beside the events that are
/// there already; says whether it did.
fn keep_few(due: &mut Vec<(Notice, Members)>, mut events: u64) -> bool {
    let is_alone = events == 0;
    let fits = |(notice, _): &&(Notice, Members)| {
        events = events.saturating_add(notice.events);
        events <= EVENTS_AT_ONCE
    };
    let few = due.iter().take_while(fits).count().max(usize::from(is_alone));
    let is_more = due.len() > few;
    due.truncate(few);
    is_more
}

/// Makes one attempt when it has its turn, for those who have not got the mail by one before. `None` when no more turns
/// are given.
async fn in_turn(
    site: Arc<Site>,
    turns: Arc<Semaphore>,
    notice: Notice,
    message: Message,
    bytes: Vec<u8>,
    before: Vec<Receiver>,
) -> Option<End> {
    let _turn = turns.acquire().await.ok()?;
    let size = bytes.len() as u64;
    // One that panics over what its peer said must not stop the program, and with it all others.
    let outcome = AssertUnwindSafe(attempt(&site, &notice, &message, &bytes)).catch_unwind().await;
    let outcome = outcome.unwrap_or_else(|_| {
        Outcome::Unsure("the attempt stopped over what the peer said; this is a mistake in Concert".into())
    });
    Some(end(&notice, &message, size, outcome, &before, wire::now()))
}
