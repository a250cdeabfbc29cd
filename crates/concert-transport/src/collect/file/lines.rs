//! Standard input, read line by line: `path = "-"`.
//!
//! Complete lines become a report at most every half second; the end of the input ends the last
//! line. A pipe cannot be acknowledged, so what was read and not yet kept is lost by a kill; while
//! the intake takes nothing, reading stops and the writer waits. A feed that takes the place of another while the program
//! works reads on where that one ended, in the middle of a line too.

use std::io::Read;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use concert_model::{Origin, Problem, Receipt};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::collect::{Backoff, Setup, Told, wait};
use crate::{Body, Collector, Health, Intake};

/// Lines wait at most so long for company.
pub(super) const TICK: Duration = Duration::from_millis(500);
/// Largest report made of lines; a longer line is cut there.
pub(super) const SPAN_BYTES_MAX: u64 = 8 << 20;
/// Bytes read at a time.
const READ_BYTES: usize = 64 * 1024;
/// Reads that may wait to be taken; beyond that the writer waits.
const READS_MAX: usize = 16;

type Reader = Box<dyn Read + Send>;

/// Standard input, of which there is one, whatever the feeds are called that read it one after another.
static STANDARD: LazyLock<Arc<Source>> = LazyLock::new(|| Arc::new(Source::new(Box::new(std::io::stdin()))));

pub(super) struct Lines {
    setup: Setup,
    source: Arc<Source>,
    /// Another feed reads on where this one ends.
    is_handed_on: AtomicBool,
    told: Told,
}

/// What is read, by one feed at a time.
pub(super) struct Source(Mutex<State>);

enum State {
    /// Nothing was read yet.
    New(Reader),
    /// So far it was read, and may be read on.
    Waits(Reading),
    /// A feed reads it.
    Taken,
    /// It was read to its end.
    Over,
}

/// What was read, and what is yet to come.
struct Reading {
    chunks: mpsc::Receiver<Result<Vec<u8>, String>>,
    /// Read, and not kept yet.
    buffer: Vec<u8>,
}

impl Source {
    pub(super) fn new(reader: Reader) -> Self {
        Self(Mutex::new(State::New(reader)))
    }

    fn take(&self) -> Result<Held<'_>, String> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let reading = match std::mem::replace(&mut *state, State::Taken) {
            State::New(reader) => {
                let chunks = start(reader).inspect_err(|_| *state = State::Over)?;
                Reading { chunks, buffer: Vec::new() }
            }
            State::Waits(reading) => reading,
            State::Taken => return Err("standard input is read by another feed".into()),
            State::Over => {
                *state = State::Over;
                return Err("standard input was read before".into());
            }
        };
        Ok(Held { source: self, reading: Some(reading), is_over: false })
    }
}

/// What is read by one feed now, and given back when it stops, also in the middle of something.
struct Held<'s> {
    source: &'s Source,
    reading: Option<Reading>,
    is_over: bool,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let waits = self.reading.take().filter(|_| !self.is_over);
        *self.source.0.lock().unwrap_or_else(PoisonError::into_inner) = waits.map_or(State::Over, State::Waits);
    }
}

impl Lines {
    pub(super) fn new(setup: &Setup) -> Self {
        Self::of(setup, Arc::clone(&STANDARD))
    }

    pub(super) fn of(setup: &Setup, source: Arc<Source>) -> Self {
        let (setup, is_handed_on) = (setup.clone(), AtomicBool::new(false));
        Self { setup, source, is_handed_on, told: Told::default() }
    }

    /// Reads until the end or until told to stop.
    async fn follow(&self, intake: &dyn Intake, stop: &CancellationToken) -> Result<(), String> {
        let mut held = self.source.take()?;
        let Some(reading) = &mut held.reading else { return Ok(()) };
        held.is_over = self.read(reading, intake, stop).await?;
        Ok(())
    }

    /// The same. Says whether it was the end. Told to stop, it leaves all that is not kept to whoever reads on; where
    /// nobody does, it keeps that first.
    async fn read(&self, reading: &mut Reading, intake: &dyn Intake, stop: &CancellationToken) -> Result<bool, String> {
        let span = usize::try_from(self.setup.report_bytes_max.min(SPAN_BYTES_MAX)).unwrap_or(usize::MAX);
        let (mut count, mut is_over) = (0, false);
        let mut due = Instant::now() + TICK;
        while !is_over && !stop.is_cancelled() {
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep_until(due) => {}
                chunk = reading.chunks.recv(), if reading.buffer.len() < span => match chunk {
                    Some(Ok(bytes)) => {
                        reading.buffer.extend_from_slice(&bytes);
                        if reading.buffer.len() < span {
                            continue;
                        }
                    }
                    Some(Err(why)) => {
                        self.told.say(intake, &self.setup.feed, Health::Trouble(why));
                        is_over = true;
                    }
                    None => is_over = true,
                },
            }
            due = Instant::now() + TICK;
            self.deliver_all(reading, intake, (span, is_over), &mut count, stop).await?;
        }
        if !is_over && !self.is_handed_on.load(Ordering::Relaxed) {
            // A writer that never pauses would keep it here for ever.
            for _ in 0..=READS_MAX {
                let Ok(Ok(bytes)) = reading.chunks.try_recv() else { break };
                reading.buffer.extend_from_slice(&bytes);
            }
            self.deliver_all(reading, intake, (span, true), &mut count, stop).await?;
        }
        Ok(is_over)
    }

    /// Keeps all that is complete, or all there is. What cannot be kept stays where it was.
    async fn deliver_all(
        &self,
        reading: &mut Reading,
        intake: &dyn Intake,
        (span, is_all): (usize, bool),
        count: &mut u64,
        stop: &CancellationToken,
    ) -> Result<(), String> {
        while let Some(mut report) = cut(&mut reading.buffer, span, is_all) {
            if let Err(why) = self.deliver(intake, &report, *count, stop).await {
                report.append(&mut reading.buffer);
                reading.buffer = report;
                return Err(why);
            }
            *count += 1;
        }
        Ok(())
    }

    /// Keeps one report, trying until it is taken. Told to stop, it tries once more at most.
    async fn deliver(
        &self,
        intake: &dyn Intake,
        bytes: &[u8],
        count: u64,
        stop: &CancellationToken,
    ) -> Result<(), String> {
        let now = intake.now();
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));
        loop {
            let receipt = Receipt {
                feed: self.setup.feed.clone(),
                origin: Origin::Live(now, count),
                received: now,
                sender: String::new(),
                file_name: String::new(),
                url: String::new(),
                media_type: String::new(),
            };
            match intake.keep(receipt, Body::Bytes(bytes.to_vec())).await {
                Ok(_) => {
                    self.told.say(intake, &self.setup.feed, Health::Good);
                    return Ok(());
                }
                Err(why) => {
                    let why = format!("lines from standard input cannot be kept now: {why}");
                    self.told.say(intake, &self.setup.feed, Health::Trouble(why.clone()));
                    if !wait(stop, backoff.pause()).await {
                        return Err(why);
                    }
                }
            }
        }
    }
}

/// Reads in a thread of its own, because a read from a terminal or pipe cannot be called back: the
/// thread is left to itself when the program ends.
fn start(mut reader: Reader) -> Result<mpsc::Receiver<Result<Vec<u8>, String>>, String> {
    let (sender, receiver) = mpsc::channel(READS_MAX);
    let read = move || {
        let mut space = vec![0; READ_BYTES];
        loop {
            let message = match reader.read(&mut space) {
                Ok(0) => return,
                Ok(count) => Ok(space.get(..count).unwrap_or_default().to_vec()),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => Err(format!("standard input cannot be read: {error}")),
            };
            let last = message.is_err();
            if sender.blocking_send(message).is_err() || last {
                return;
            }
        }
    };
    let thread = std::thread::Builder::new().name("standard input".into()).spawn(read);
    thread.map(|_| receiver).map_err(|error| format!("standard input cannot be read: {error}"))
}

/// Takes the complete lines from the front, no more than `span` bytes. At the end, and where one
/// line is longer than that, what is there is taken as it is.
pub(super) fn cut(buffer: &mut Vec<u8>, span: usize, ended: bool) -> Option<Vec<u8>> {
    let within = buffer.get(..span).unwrap_or(buffer);
    let length = match within.iter().rposition(|byte| *byte == b'\n') {
        Some(at) if !ended || within.len() < buffer.len() => at + 1,
        None if !ended && within.len() < span => 0,
        _ => within.len(),
    };
    if length == 0 {
        return None;
    }
    let rest = buffer.split_off(length);
    Some(std::mem::replace(buffer, rest))
}

#[async_trait]
impl Collector for Lines {
    async fn run(&self, intake: &dyn Intake, stop: CancellationToken) {
        if let Err(why) = self.follow(intake, &stop).await {
            self.told.say(intake, &self.setup.feed, Health::Trouble(why));
        }
        stop.cancelled().await;
    }

    async fn once(&self, intake: &dyn Intake) -> Result<(), String> {
        self.follow(intake, &CancellationToken::new()).await
    }

    fn only_source(&self) -> Option<&'static str> {
        Some("standard input")
    }

    fn hand_on(&self) {
        self.is_handed_on.store(true, Ordering::Relaxed);
    }

    async fn check(&self) -> Result<String, Problem> {
        Ok("standard input is read line by line".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_complete_lines_are_taken_before_the_end() {
        let check = |text: &str, ended: bool, want: Option<&str>, rest: &str| {
            let mut buffer = text.as_bytes().to_vec();
            let taken = cut(&mut buffer, 8, ended).map(|bytes| String::from_utf8(bytes).unwrap());
            assert_eq!((taken.as_deref(), String::from_utf8(buffer).unwrap().as_str()), (want, rest), "{text:?}");
        };
        check("", true, None, "");
        check("a\nb", false, Some("a\n"), "b");
        check("a\nb", true, Some("a\nb"), "");
        check("ab", false, None, "ab");
        check("abcdefgh", false, Some("abcdefgh"), "");
        check("abcdefghij\n", false, Some("abcdefgh"), "ij\n");
        check("a\nbcdefghij", true, Some("a\n"), "bcdefghij");
    }
}
