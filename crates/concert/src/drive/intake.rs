//! Where collectors and pushes hand in reports: archived and named in the records, then acknowledged.
//!
//! What is in trouble is kept in memory too: on a full disk it could not be read from anywhere else.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use concert_model::{Problem, Receipt, ReportId, Time};
use concert_store::Store;
use concert_store::records::FeedHealth;
use concert_transport::{Body, Health, Intake, Kept};
use tokio::sync::{Notify, mpsc, oneshot};

use crate::settings::MAILBOX;
use crate::wire;

/// What collectors said of their peers and is not written down yet, at most.
const HEALTH_WAITING_MAX: usize = 10_000;
/// Refused pushes of a feed are written down this often; their senders come again and again.
const REFUSED_EVERY_SECONDS: i64 = 60;
/// How long an answer to whether reports can be kept holds. Anybody on this machine may ask, and each try writes.
const TRIED_FOR: Duration = Duration::from_secs(1);

/// What goes to the task that writes down how feeds do.
enum Word {
    /// What was said of a feed, and when.
    Said(String, Health, Time),
    /// Somebody waits until all before it is written.
    Written(oneshot::Sender<()>),
}

/// The intake of a site.
pub struct Keeper {
    store: Store,
    /// Told whenever a report was kept, so that it is processed at once.
    pub kept: Arc<Notify>,
    health: mpsc::Sender<Word>,
    /// Whether the log says what goes wrong.
    tells: bool,
    /// What this process knows of feeds.
    said: Mutex<BTreeMap<String, FeedHealth>>,
    /// Why reports cannot be processed now.
    held_up: Mutex<Option<String>>,
    /// When it was last tried whether reports can be kept, and what came of it.
    tried: tokio::sync::Mutex<Option<(Instant, Result<(), String>)>>,
}

/// Who panicked while it held the lock cannot have left half a value behind.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Says that a look went wrong. The reason may hold words of the peer, so it stands with the feed alone.
pub(super) fn tell_trouble(feed: &str, why: &str) {
    if feed == MAILBOX {
        tracing::warn!(feed, "the mailbox cannot be read; `concert mailbox counts` says why");
    } else {
        tracing::warn!(feed, "reports cannot be collected; `concert feed show` says why");
    }
    tracing::debug!(feed, "{why}");
}

impl Keeper {
    /// An intake that keeps reports in this store. What collectors say of their peers is written down
    /// by a task that ends with the last clone of the intake; see [`Self::written`].
    pub fn new(store: Store) -> Arc<Self> {
        Self::that_tells(store, true)
    }

    /// The same for whoever tells by itself what becomes of its one look: the log says nothing of that.
    pub fn quiet(store: Store) -> Arc<Self> {
        Self::that_tells(store, false)
    }

    fn that_tells(store: Store, tells: bool) -> Arc<Self> {
        let (health, mut said) = mpsc::channel(HEALTH_WAITING_MAX);
        let records = store.records.clone();
        tokio::spawn(async move {
            while let Some(word) = said.recv().await {
                let (feed, health, now) = match word {
                    Word::Said(feed, health, now) => (feed, health, now),
                    Word::Written(waits) => {
                        // Who no longer waits needs no answer.
                        waits.send(()).ok();
                        continue;
                    }
                };
                let written = match &health {
                    Health::Good => records.feed_good(&feed, now).await,
                    Health::Trouble(why) => {
                        if tells {
                            tell_trouble(&feed, why);
                        }
                        records.feed_trouble(&feed, now, why).await
                    }
                    Health::Gap(from, until, why) => {
                        tracing::warn!(feed, %from, %until, "lines may be missing; `concert feed show` says why");
                        tracing::debug!(feed, "{why}");
                        records.feed_gap(&feed, *from, *until, why).await
                    }
                };
                if let Err(problem) = written {
                    tracing::error!(feed, "{problem}");
                }
            }
        });
        let (said, held_up, tried) = (Mutex::default(), Mutex::default(), tokio::sync::Mutex::default());
        Arc::new(Self { store, kept: Arc::new(Notify::new()), health, tells, said, held_up, tried })
    }

    /// What this process knows of feeds, also where the records could not take it.
    pub fn said(&self) -> BTreeMap<String, FeedHealth> {
        locked(&self.said).clone()
    }

    /// Waits until all that was said of feeds so far is written down. The task that writes ends with the program, at
    /// whatever it was.
    pub async fn written(&self) {
        let (waits, done) = oneshot::channel();
        if self.health.send(Word::Written(waits)).await.is_ok() {
            // A task that is gone writes nothing more.
            done.await.ok();
        }
    }

    /// Says whether reports can be processed, and else why not.
    pub fn processing(&self, held_up: Option<String>) {
        *locked(&self.held_up) = held_up;
    }

    /// Whether a report could be kept and processed now; else why not. Writes a little.
    pub async fn ready(&self) -> Result<(), String> {
        let mut tried = self.tried.lock().await;
        let fresh = tried.as_ref().filter(|(at, _)| at.elapsed() < TRIED_FOR).map(|(_, answer)| answer.clone());
        let answer = match fresh {
            Some(answer) => answer,
            None => {
                let answer = self.store.try_to_keep().await.map_err(|problem| problem.what);
                tried.insert((Instant::now(), answer)).1.clone()
            }
        };
        answer?;
        match &*locked(&self.held_up) {
            Some(why) => Err(format!("reports cannot be processed: {why}")),
            None => Ok(()),
        }
    }

    /// Writes down that the one look at a feed went wrong, before the program ends; tells it unless the collector did.
    pub async fn look_failed(&self, feed: &str, why: &str) -> Result<(), Problem> {
        if self.tells && locked(&self.said).get(feed).is_none_or(|said| said.last_error.is_none()) {
            tell_trouble(feed, why);
        }
        self.store.records.feed_trouble(feed, wire::now(), why).await
    }

    /// Keeps a pushed report; see [`Self::keep_report`]. Nobody looks after pushes, so how they do is said here.
    pub async fn keep_pushed(&self, receipt: Receipt, body: Body) -> Result<(ReportId, Kept), String> {
        let (feed, now) = (receipt.feed.clone(), wire::now());
        let kept = self.keep_report(receipt, body).await;
        let last = locked(&self.said).get(&feed).cloned().unwrap_or_default();
        let in_trouble = last.last_error > last.last_good;
        match &kept {
            Ok(_) if in_trouble => self.health(&feed, Health::Good),
            Ok(_) => {}
            Err(why) => {
                let told = in_trouble && last.last_error.is_some_and(|at| now < at.plus_seconds(REFUSED_EVERY_SECONDS));
                if !told {
                    self.health(&feed, Health::Trouble(format!("a pushed report was refused: {why}")));
                }
            }
        }
        kept
    }

    /// Takes a word about a feed into memory.
    fn note(&self, feed: &str, health: &Health, now: Time) {
        let mut said = locked(&self.said);
        let known = said.entry(feed.to_owned()).or_default();
        match health {
            Health::Good => known.last_good = Some(now),
            Health::Trouble(why) => (known.last_error, known.error) = (Some(now), why.clone()),
            Health::Gap(..) => {}
        }
    }

    /// Puts bytes into the archive; gives their hash and number when they are durable.
    pub async fn archive(&self, body: Body) -> Result<([u8; 32], u64), String> {
        let archive = self.store.archive.clone();
        let archived = tokio::task::spawn_blocking(move || match body {
            Body::Bytes(bytes) => archive.keep(&mut bytes.as_slice(), None),
            Body::File(path) => {
                let mut file: Box<dyn Read> = Box::new(File::open(path)?);
                archive.keep(&mut file, None)
            }
        });
        archived
            .await
            .map_err(|error| error.to_string())?
            .map_err(|error| format!("the report cannot be kept: {error}"))
    }

    /// Keeps a report and gives its identity.
    pub async fn keep_report(&self, receipt: Receipt, body: Body) -> Result<(ReportId, Kept), String> {
        let (content, bytes) = self.archive(body).await?;
        let id = receipt.id(&content);
        let added =
            self.store.records.add_report(id, &content, &receipt, bytes).await.map_err(|problem| problem.what)?;
        if added {
            self.kept.notify_one();
        }
        Ok((id, if added { Kept::New } else { Kept::Known }))
    }
}

#[async_trait]
impl Intake for Keeper {
    async fn keep(&self, receipt: Receipt, body: Body) -> Result<Kept, String> {
        self.keep_report(receipt, body).await.map(|(_, kept)| kept)
    }

    async fn recall(&self, feed: &str, name: &str) -> Option<String> {
        self.store.records.recall(feed, name).await.ok().flatten()
    }

    async fn remember(&self, feed: &str, name: &str, value: &str) -> Result<(), String> {
        self.store.records.remember(feed, name, value).await.map_err(|problem| problem.what)
    }

    fn health(&self, feed: &str, health: Health) {
        let now = wire::now();
        self.note(feed, &health, now);
        // A writer that cannot keep up (a full disk) must not hold collectors up, nor fill the memory.
        if let Err(error) = self.health.try_send(Word::Said(feed.to_owned(), health, now)) {
            tracing::warn!(feed, "how the feed does is not written down: {error}");
        }
    }

    fn now(&self) -> Time {
        wire::now()
    }
}
