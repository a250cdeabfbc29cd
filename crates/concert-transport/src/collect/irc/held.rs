//! Lines that were heard and are not durable yet.
//!
//! They become reports of a few hundred lines. A report that could not be kept is offered again as it
//! was, so that one which was kept after all is recognised. When keeping fails for long, new lines
//! are dropped and counted rather than old ones, so that what is held stays without holes.

use std::collections::VecDeque;
use std::time::Duration;

use concert_model::problem::counted;
use concert_model::{Origin, Receipt, Time};
use tokio::time::Instant;

use crate::{Body, Health, Intake};

/// Lines in one report.
const REPORT_LINES: usize = 500;
/// The first line of a report waits no longer than this for company.
const REPORT_WAIT: Duration = Duration::from_millis(500);
/// Lines and bytes held while they cannot be kept.
const LINES_MAX: usize = 100_000;
const BYTES_MAX: usize = 64 << 20;
/// Time between two tries to keep the same report.
const RETRY_WAIT: Duration = Duration::from_secs(2);

struct Line {
    at: Time,
    from: String,
    text: Vec<u8>,
}

/// Held lines of one feed.
pub(super) struct Held {
    feed: String,
    report_bytes_max: usize,
    lines: VecDeque<Line>,
    bytes: usize,
    /// A report that is being kept.
    report: Option<(Receipt, Vec<u8>)>,
    due: Option<Instant>,
    reports: u64,
    dropped: u64,
    dropped_from: Option<Time>,
}

impl Held {
    pub(super) fn new(feed: &str, report_bytes_max: u64) -> Self {
        Self {
            feed: feed.to_owned(),
            report_bytes_max: usize::try_from(report_bytes_max).unwrap_or(usize::MAX),
            lines: VecDeque::new(),
            bytes: 0,
            report: None,
            due: None,
            reports: 0,
            dropped: 0,
            dropped_from: None,
        }
    }

    /// Takes a line in.
    pub(super) fn push(&mut self, at: Time, from: &[u8], text: Vec<u8>) {
        if self.lines.len() >= LINES_MAX || self.bytes + text.len() > BYTES_MAX {
            self.dropped += 1;
            self.dropped_from.get_or_insert(at);
            return;
        }
        self.bytes += text.len();
        self.lines.push_back(Line { at, from: String::from_utf8_lossy(from).into_owned(), text });
        // A due time that is set already belongs to an older line, or to a try that must not hurry.
        if self.due.is_none() {
            self.due = Some(Instant::now() + REPORT_WAIT);
        }
        if self.lines.len() >= REPORT_LINES && self.report.is_none() {
            self.due = Some(Instant::now());
        }
    }

    /// When [`Held::keep`] should be called next.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Keeps everything held. The error is why some of it is still held.
    pub(super) async fn keep(&mut self, intake: &dyn Intake) -> Result<(), String> {
        loop {
            if self.report.is_none() {
                self.report = self.next_report();
            }
            let Some((receipt, bytes)) = &self.report else { break };
            if let Err(why) = intake.keep(receipt.clone(), Body::Bytes(bytes.clone())).await {
                self.due = Some(Instant::now() + RETRY_WAIT);
                return Err(why);
            }
            self.report = None;
        }
        self.due = None;
        if let Some(from) = self.dropped_from.take() {
            let (lines, are) = (counted(self.dropped, "line"), if self.dropped == 1 { "is" } else { "are" });
            let why = format!("{lines} came while reports could not be kept, and {are} lost");
            intake.health(&self.feed, Health::Gap(from, intake.now(), why));
            self.dropped = 0;
        }
        Ok(())
    }

    /// Whether the last try to keep a report failed.
    pub(super) fn is_stuck(&self) -> bool {
        self.report.is_some()
    }

    /// Says what is lost for good when no further try will be made.
    pub(super) fn give_up(&mut self, intake: &dyn Intake) {
        let first = self.report.as_ref().map(|(receipt, _)| receipt.received);
        let first = first.or_else(|| self.lines.front().map(|line| line.at)).or(self.dropped_from);
        if let Some(from) = first {
            let why = "Concert stopped while lines could not be kept".to_owned();
            intake.health(&self.feed, Health::Gap(from, intake.now(), why));
        }
    }

    fn next_report(&mut self) -> Option<(Receipt, Vec<u8>)> {
        let first = self.lines.front()?;
        let (received, mut sender) = (first.at, first.from.clone());
        let mut bytes = Vec::new();
        for _ in 0..REPORT_LINES {
            // One line is always taken, so that a tiny limit cannot stop the feed.
            let fits = |line: &Line| bytes.is_empty() || bytes.len() + line.text.len() < self.report_bytes_max;
            if !self.lines.front().is_some_and(fits) {
                break;
            }
            let Some(line) = self.lines.pop_front() else { break };
            self.bytes = self.bytes.saturating_sub(line.text.len());
            bytes.extend_from_slice(&line.text);
            bytes.push(b'\n');
            if line.from != sender {
                sender.clear();
            }
        }
        self.reports += 1;
        let receipt = Receipt {
            feed: self.feed.clone(),
            origin: Origin::Live(received, self.reports),
            received,
            sender,
            file_name: String::new(),
            url: String::new(),
            media_type: String::new(),
        };
        Some((receipt, bytes))
    }
}
