//! A collector at work, in the hands of the program.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use concert_transport::{Collector, Health, Intake};
use futures_util::FutureExt;
use tokio_util::sync::CancellationToken;

/// Wait before a collector that panicked begins anew.
const WAIT: Duration = Duration::from_secs(60);

/// Collects until told to stop. A collector that panics over what its peer said ends neither the
/// other feeds nor itself: it begins anew after a while.
pub(super) async fn collect(feed: &str, collector: &dyn Collector, intake: &dyn Intake, stop: &CancellationToken) {
    loop {
        let run = AssertUnwindSafe(collector.run(intake, stop.clone())).catch_unwind();
        if run.await.is_ok() {
            return;
        }
        let why = "the collector stopped over what its peer said; this is a mistake in Concert";
        tracing::error!(feed, wait_seconds = WAIT.as_secs(), "{why}");
        intake.health(feed, Health::Trouble(why.to_owned()));
        if !concert_transport::collect::wait(stop, WAIT).await {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use async_trait::async_trait;
    use concert_model::{Problem, Receipt, Time};
    use concert_transport::{Body, Kept};

    use super::*;

    #[derive(Default)]
    struct Listens(Mutex<Vec<Health>>);

    #[async_trait]
    impl Intake for Listens {
        async fn keep(&self, _: Receipt, _: Body) -> Result<Kept, String> {
            Ok(Kept::New)
        }

        async fn recall(&self, _: &str, _: &str) -> Option<String> {
            None
        }

        async fn remember(&self, _: &str, _: &str, _: &str) -> Result<(), String> {
            Ok(())
        }

        fn health(&self, _: &str, health: Health) {
            self.0.lock().unwrap().push(health);
        }

        fn now(&self) -> Time {
            Time(0)
        }
    }

    /// Panics the first time, and works the second.
    struct Stumbles(AtomicUsize);

    #[async_trait]
    impl Collector for Stumbles {
        async fn run(&self, _: &dyn Intake, _: CancellationToken) {
            assert!(self.0.fetch_add(1, Ordering::SeqCst) > 0, "a mistake in a collector");
        }

        async fn once(&self, _: &dyn Intake) -> Result<(), String> {
            Ok(())
        }

        async fn check(&self) -> Result<String, Problem> {
            Ok(String::new())
        }
    }

    /// The clock is stopped, so that the wait takes no time.
    #[tokio::test(start_paused = true)]
    async fn a_collector_that_panics_begins_anew_and_tells_so() {
        let (collector, intake) = (Stumbles(AtomicUsize::new(0)), Listens::default());
        collect("x", &collector, &intake, &CancellationToken::new()).await;
        assert_eq!(collector.0.load(Ordering::SeqCst), 2);
        let said = intake.0.lock().unwrap().clone();
        assert!(matches!(&*said, [Health::Trouble(why)] if why.contains("mistake in Concert")), "{said:?}");
    }
}
