//! Spans of many files that are kept together.
//!
//! What is remembered is one text about all files, so it is written twice for a batch, and not for each file: a thousand
//! files that are seen for the first time would cost two thousand texts of a thousand entries.

use concert_model::{Origin, Receipt};

use super::Tail;
use super::state::State;
use crate::{Body, Intake};

/// Files of one batch.
const FILES_MAX: usize = 100;
/// Bytes after which a batch takes no further span; the last one may go beyond.
const BYTES_MAX: usize = 8 << 20;

/// Spans that were read and are not kept yet.
#[derive(Default)]
pub(super) struct Batch {
    spans: Vec<Ready>,
    bytes: usize,
}

/// A span of the file at this place in the state.
struct Ready {
    at: usize,
    start: u64,
    bytes: Vec<u8>,
}

impl Ready {
    fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }
}

impl Batch {
    pub(super) fn add(&mut self, at: usize, start: u64, bytes: Vec<u8>) {
        self.bytes += bytes.len();
        self.spans.push(Ready { at, start, bytes });
    }

    pub(super) fn is_full(&self) -> bool {
        self.spans.len() >= FILES_MAX || self.bytes >= BYTES_MAX
    }
}

impl Tail {
    /// Keeps what a batch holds, which is empty then. The error is the last thing that went wrong; what was not kept is
    /// read again.
    pub(super) async fn keep(&self, intake: &dyn Intake, state: &mut State, batch: &mut Batch) -> Result<(), String> {
        let spans = std::mem::take(batch).spans;
        if !self.plan(intake, state, &spans).await? {
            return Ok(());
        }
        let mut outcome = Ok(());
        for span in spans {
            let (at, end) = (span.at, span.end());
            let Some(file) = state.files.get_mut(at) else { continue };
            let (name, inode, serial) = (file.name.clone(), file.first_inode, file.serial);
            let receipt = Receipt {
                feed: self.setup.feed.clone(),
                origin: Origin::File(format!("{name}@{inode}:{}#{serial}", span.start)),
                received: intake.now(),
                sender: String::new(),
                file_name: name.clone(),
                url: String::new(),
                media_type: String::new(),
            };
            match intake.keep(receipt, Body::Bytes(span.bytes)).await {
                Ok(_) => {
                    file.offset = end;
                    file.note_head().await;
                }
                Err(why) => outcome = Err(format!("lines of {name} cannot be kept now: {why}")),
            }
        }
        self.remember(intake, state).await.and(outcome)
    }

    /// Remembers which spans are about to be kept. Says whether there are any.
    async fn plan(&self, intake: &dyn Intake, state: &mut State, spans: &[Ready]) -> Result<bool, String> {
        let mut before = Vec::new();
        for span in spans {
            if let Some(file) = state.files.get_mut(span.at).filter(|file| file.plan != span.end()) {
                before.push((span.at, std::mem::replace(&mut file.plan, span.end())));
            }
        }
        if before.is_empty() {
            return Ok(!spans.is_empty());
        }
        let remembered = self.remember(intake, state).await;
        if remembered.is_err() {
            // A span that is not remembered is not to be kept, also not at the next look.
            for (at, plan) in before {
                if let Some(file) = state.files.get_mut(at) {
                    file.plan = plan;
                }
            }
        }
        remembered.map(|()| true)
    }
}
