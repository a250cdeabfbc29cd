//! Threads for requests that only read, which give way to all others.
//!
//! A path through a long chain or a search takes a processor for milliseconds, and clients that ask
//! without a pause take all of them. Whoever adds an entry does not wait behind these: reading has threads
//! of its own, and of a lower priority.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use concert_model::Problem;
use rustix::process::setpriority_process;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinSet;

use crate::App;
use crate::problem;
use crate::site::Refusal;

/// How much lower: such a thread gets a third of what another gets when both want all.
const LOWER_BY: i32 = 5;

/// The threads. They end with it, without waiting for requests under way.
pub(crate) struct Readers(Option<Runtime>);

impl Readers {
    /// As many threads as processors.
    pub(crate) fn start() -> Result<Self, Problem> {
        let give_way = || {
            // None means the thread that calls. Without it reading is as urgent as the rest, which is slower
            // for others and else the same.
            if let Err(error) = setpriority_process(None, LOWER_BY) {
                tracing::debug!(%error, "the priority of a thread stays as it is");
            }
        };
        let runtime = Builder::new_multi_thread().thread_name("reading").on_thread_start(give_way).enable_all().build();
        runtime
            .map(|runtime| Self(Some(runtime)))
            .map_err(|error| Problem::new(format!("cannot start threads: {error}")))
    }

    pub(crate) fn handle(&self) -> Option<Handle> {
        self.0.as_ref().map(|runtime| runtime.handle().clone())
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// Lets requests that only read be answered there.
pub(crate) async fn aside(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let Some(readers) = app.readers.as_ref().filter(|_| request.method().is_safe()) else {
        return next.run(request).await;
    };
    // Ends the work when whoever asked is gone.
    let mut work = JoinSet::new();
    work.spawn_on(next.run(request), readers);
    match work.join_next().await {
        Some(Ok(response)) => response,
        stopped => problem::Problem::from(Refusal::Failed(format!("its work ended: {stopped:?}"))).into_response(),
    }
}
