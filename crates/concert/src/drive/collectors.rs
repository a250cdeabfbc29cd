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

    /// Ends collectors that are not of these settings, then begins those that do not run yet.
    pub(super) async fn take_up(&mut self, settings: &Settings) {
        let wanted: BTreeMap<&str, &Arc<dyn Collector>> = settings.collectors().collect();
        let is_wanted = |name: &str, running: &Running| {
            wanted.get(name).is_some_and(|collector| Arc::ptr_eq(collector, &running.collector))
        };
        let (stay, go) =
            std::mem::take(&mut self.running).into_iter().partition(|(name, running)| is_wanted(name, running));
        self.running = stay;
        // A new one may want the nickname or the folder of one that goes.
        end(go).await;
        for (name, collector) in wanted {
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
