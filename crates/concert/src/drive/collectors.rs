//! The collectors of all feeds at work, over changes of settings.
//!
//! One that the changed settings [left as it is](Settings::keep_ways_of) goes on, in its channel or its file; the others
//! end, and those that are new begin. That of the mailbox is not here: it begins anew with the site.

use std::collections::BTreeMap;
use std::sync::Arc;

use concert_transport::Collector;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::collect::collect;
use super::intake::Keeper;
use crate::settings::Settings;

/// All that collect, by the name of their feed.
pub(super) struct Collectors {
    running: BTreeMap<String, Running>,
    keeper: Arc<Keeper>,
    stop: CancellationToken,
}

struct Running {
    collector: Arc<dyn Collector>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Collectors {
    /// None yet. All that are taken up end with `stop`.
    pub(super) fn new(keeper: Arc<Keeper>, stop: &CancellationToken) -> Self {
        Self { running: BTreeMap::new(), keeper, stop: stop.child_token() }
    }

    /// Ends collectors that are not of these settings. What only one can read is left to the one of them that reads it.
    pub(super) async fn put_down(&mut self, settings: &Settings) {
        let wanted: BTreeMap<&str, &Arc<dyn Collector>> = settings.collectors().collect();
        let is_wanted = |name: &str, running: &Running| {
            wanted.get(name).is_some_and(|collector| Arc::ptr_eq(collector, &running.collector))
        };
        let (stay, go): (BTreeMap<_, _>, BTreeMap<_, _>) =
            std::mem::take(&mut self.running).into_iter().partition(|(name, running)| is_wanted(name, running));
        self.running = stay;
        for running in go.values() {
            let reads = running.collector.only_source();
            if reads.is_some() && wanted.values().any(|other| other.only_source() == reads) {
                running.collector.hand_on();
            }
        }
        end(go).await;
    }

    /// Ends collectors that are not of these settings, then begins those that do not run yet: a new one may want the
    /// nickname or the folder of one that goes.
    pub(super) async fn take_up(&mut self, settings: &Settings) {
        self.put_down(settings).await;
        for (name, collector) in settings.collectors() {
            if !self.running.contains_key(name) {
                self.running.insert(name.to_owned(), self.begin(name, collector));
            }
        }
    }

    /// Ends all.
    pub(super) async fn end(self) {
        self.stop.cancel();
        end(self.running).await;
    }

    fn begin(&self, name: &str, collector: &Arc<dyn Collector>) -> Running {
        let stop = self.stop.child_token();
        let (feed, at_work, keeper, stopped) =
            (name.to_owned(), Arc::clone(collector), Arc::clone(&self.keeper), stop.clone());
        let task = tokio::spawn(async move { collect(&feed, &*at_work, &*keeper, &stopped).await });
        Running { collector: Arc::clone(collector), stop, task }
    }
}

/// Tells them to stop, and waits until they have.
async fn end(going: BTreeMap<String, Running>) {
    going.values().for_each(|running| running.stop.cancel());
    for (feed, running) in going {
        if let Err(error) = running.task.await {
            tracing::error!(feed, "a collector stopped: {error}");
        }
    }
}
