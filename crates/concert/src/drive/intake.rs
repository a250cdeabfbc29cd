//! Where collectors and pushes hand in reports: archived and named in the records, then acknowledged.

use std::fs::File;
use std::io::Read;
use std::sync::Arc;

use async_trait::async_trait;
use concert_model::{Receipt, ReportId, Time};
use concert_store::Store;
use concert_transport::{Body, Health, Intake, Kept};
use tokio::sync::Notify;

use crate::wire;

/// What collectors said of their peers and is not written down yet, at most.
const HEALTH_WAITING_MAX: usize = 10_000;

/// The intake of a site.
pub struct Keeper {
    store: Store,
    /// Told whenever a report was kept, so that it is processed at once.
    pub kept: Arc<Notify>,
    health: tokio::sync::mpsc::Sender<(String, Health, Time)>,
}

/// Says that a look went wrong. The reason may hold words of the peer, so it stands with the feed alone.
pub(super) fn tell_trouble(feed: &str, why: &str) {
    tracing::warn!(feed, "reports cannot be collected; `concert feed show` says why");
    tracing::debug!(feed, "{why}");
}

impl Keeper {
    /// An intake that keeps reports in this store. What collectors say of their peers is written down
    /// by a task that ends with the last clone of the intake.
    pub fn new(store: Store) -> Arc<Self> {
        let (health, mut said) = tokio::sync::mpsc::channel::<(String, Health, Time)>(HEALTH_WAITING_MAX);
        let records = store.records.clone();
        tokio::spawn(async move {
            while let Some((feed, health, now)) = said.recv().await {
                let written = match &health {
                    Health::Good => records.feed_good(&feed, now).await,
                    Health::Trouble(why) => {
                        tell_trouble(&feed, why);
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
        Arc::new(Self { store, kept: Arc::new(Notify::new()), health })
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
        // A writer that cannot keep up (a full disk) must not hold collectors up, nor fill the memory.
        if let Err(error) = self.health.try_send((feed.to_owned(), health, wire::now())) {
            tracing::warn!(feed, "how the feed does is not written down: {error}");
        }
    }

    fn now(&self) -> Time {
        wire::now()
    }
}
