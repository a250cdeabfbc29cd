//! `type = "irc"`: what is said in a channel, as it is said.
//!
//! Each line of the channel, from the senders named in `from`, becomes a line of a report; a report
//! is kept half a second after its first line or when it has five hundred. IRC cannot be asked to say
//! things again: times without a connection are recorded as gaps, also across a restart.

mod held;
#[cfg(test)]
mod tests;

use std::time::Duration;

use async_trait::async_trait;
use concert_model::{Keys, Problem, Time};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::{Backoff, Listed, Setup, Told};
use crate::irc::line::same_name;
use crate::irc::{Client, Heard, Place, settings};
use crate::{Collector, Health, Intake};
use held::Held;

/// The catalogue line.
pub const LISTED: Listed = Listed { name: "irc", about: "listens in an IRC channel", read };

/// Pauses between attempts to connect.
const PAUSE_FIRST: Duration = Duration::from_secs(1);
const PAUSE_LAST: Duration = Duration::from_secs(300);
/// A connection that held this long was a good one: the next pause is the first again.
const STEADY: Duration = Duration::from_secs(60);
/// How long a single look listens.
const ONCE_WAIT: Duration = Duration::from_secs(2);
/// How often the moment we last listened is written down.
const MARK_EVERY: Duration = Duration::from_secs(60);
/// Name of that moment in the intake's memory.
const MARK: &str = "listened";
/// Most nicknames in `from`.
const FROM_MAX: usize = 100;

struct Irc {
    feed: String,
    report_bytes_max: u64,
    place: Place,
    from: Vec<String>,
    told: Told,
}

fn read(keys: &mut Keys<'_>, setup: &Setup) -> Option<Box<dyn Collector>> {
    let place = settings::read(keys, &setup.site_dir);
    let from = keys.texts("from", "nicknames that are listened to; empty for everybody in the channel");
    if from.len() > FROM_MAX {
        keys.problem("from", format!("`from` takes at most {FROM_MAX} nicknames"), "empty it to listen to everybody");
        return None;
    }
    Some(Box::new(Irc {
        feed: setup.feed.clone(),
        report_bytes_max: setup.report_bytes_max,
        place: place?,
        from,
        told: Told::default(),
    }))
}

#[async_trait]
impl Collector for Irc {
    fn trust(&self) -> Option<&crate::net::Trust> {
        self.place.trust.as_ref()
    }

    async fn run(&self, intake: &dyn Intake, stop: CancellationToken) {
        let mut held = Held::new(&self.feed, self.report_bytes_max);
        let mut backoff = Backoff::new(PAUSE_FIRST, PAUSE_LAST);
        let mut attempt = 0;
        let mark = intake.recall(&self.feed, MARK).await.and_then(|text| Time::parse(&text, None).ok());
        let mut lost = mark.map(|from| (from, "Concert was not listening".to_owned()));
        while !stop.is_cancelled() {
            let connected = tokio::select! {
                () = stop.cancelled() => break,
                connected = Client::connect(&self.place) => connected,
            };
            let trouble = match connected {
                Ok(client) => {
                    if let Some((from, why)) = lost.take() {
                        intake.health(&self.feed, Health::Gap(from, intake.now(), why));
                    }
                    let since = Instant::now();
                    let Some((from, trouble)) = self.listen(client, intake, &mut held, &stop).await else { break };
                    if since.elapsed() >= STEADY {
                        backoff.reset();
                    }
                    lost = Some((from, trouble.clone()));
                    trouble
                }
                Err(trouble) => trouble.text(),
            };
            self.told.say(intake, &self.feed, Health::Trouble(trouble));
            attempt += 1;
            let until = Instant::now() + jitter(backoff.pause(), &self.feed, attempt);
            self.settle(intake, &mut held, &stop, until).await;
        }
        if held.keep(intake).await.is_err() {
            held.give_up(intake);
        }
    }

    async fn once(&self, intake: &dyn Intake) -> Result<(), String> {
        let mut client = Client::connect(&self.place).await.map_err(crate::irc::Trouble::text)?;
        let mut held = Held::new(&self.feed, self.report_bytes_max);
        let until = Instant::now() + ONCE_WAIT;
        let ended = loop {
            match tokio::time::timeout_at(until, client.next()).await {
                Ok(Ok(heard)) => self.take(heard, intake, &mut held),
                Ok(Err(trouble)) => break Err(trouble.text()),
                Err(_) => break Ok(()),
            }
        };
        held.keep(intake).await?;
        client.leave().await;
        ended
    }

    async fn check(&self) -> Result<String, Problem> {
        let (host, channel) = (&self.place.host, &self.place.channel);
        match Client::connect(&self.place).await {
            Ok(client) => {
                let nick = client.nick();
                client.leave().await;
                Ok(format!("joined {channel} on {host} as {nick}"))
            }
            Err(trouble) => Err(Problem::new(format!("{channel} on {host}: {}", trouble.text()))),
        }
    }
}

impl Irc {
    /// Listens until the connection ends: since when nothing was heard, and why. `None` when told to
    /// stop.
    async fn listen(
        &self,
        mut client: Client,
        intake: &dyn Intake,
        held: &mut Held,
        stop: &CancellationToken,
    ) -> Option<(Time, String)> {
        let mut mark_at = Instant::now();
        loop {
            let now = Instant::now();
            if mark_at <= now {
                mark_at = now + MARK_EVERY;
                self.mark(intake, intake.now()).await;
                // A quiet channel does well too.
                if !held.is_stuck() {
                    self.told.say(intake, &self.feed, Health::Good);
                }
            }
            let due = held.due();
            tokio::select! {
                () = stop.cancelled() => {
                    self.mark(intake, intake.now()).await;
                    client.leave().await;
                    return None;
                }
                () = sleep_until(due.unwrap_or(mark_at)), if due.is_some() => {
                    if self.keep(intake, held).await {
                        self.told.say(intake, &self.feed, Health::Good);
                    }
                }
                () = sleep_until(mark_at) => {}
                heard = client.next() => match heard {
                    Ok(heard) => self.take(heard, intake, held),
                    Err(trouble) => {
                        let quiet = i64::try_from(client.quiet_for().as_secs()).unwrap_or(0);
                        let from = intake.now().plus_seconds(-quiet);
                        self.mark(intake, from).await;
                        return Some((from, trouble.text()));
                    }
                },
            }
        }
    }

    fn take(&self, heard: Heard, intake: &dyn Intake, held: &mut Held) {
        let now = intake.now();
        match heard {
            Heard::Said { from, text } => {
                let wanted = self.from.is_empty() || self.from.iter().any(|nick| same_name(nick.as_bytes(), &from));
                if wanted && !text.is_empty() {
                    held.push(now, &from, text);
                }
            }
            Heard::TooLong => {
                let why = "a line of more than 8 KiB was dropped".to_owned();
                intake.health(&self.feed, Health::Gap(now, now, why));
            }
            Heard::Pong(_) | Heard::Error(_) => {}
        }
    }

    /// Waits, and goes on trying to keep what is held.
    async fn settle(&self, intake: &dyn Intake, held: &mut Held, stop: &CancellationToken, until: Instant) {
        loop {
            let next = held.due().map_or(until, |due| due.min(until));
            tokio::select! {
                () = stop.cancelled() => return,
                () = sleep_until(next) => {}
            }
            if held.due().is_some_and(|due| due <= Instant::now()) {
                self.keep(intake, held).await;
            }
            if Instant::now() >= until {
                return;
            }
        }
    }

    async fn keep(&self, intake: &dyn Intake, held: &mut Held) -> bool {
        let kept = held.keep(intake).await;
        if let Err(why) = &kept {
            self.told.say(intake, &self.feed, Health::Trouble(format!("lines cannot be kept: {why}")));
        }
        kept.is_ok()
    }

    /// Writes down until when we listened. When that fails a gap is told too long, which does no harm.
    async fn mark(&self, intake: &dyn Intake, until: Time) {
        if let Err(why) = intake.remember(&self.feed, MARK, &until.to_string()).await {
            tracing::warn!(feed = %self.feed, "the moment of listening cannot be written down: {why}");
        }
    }
}

/// Three to five quarters of a pause, so that many feeds do not all come back at once.
fn jitter(pause: Duration, feed: &str, attempt: u32) -> Duration {
    let seed = feed.bytes().fold(attempt.wrapping_mul(2_654_435_761), |sum, byte| {
        sum.rotate_left(5) ^ u32::from(byte).wrapping_mul(40_503)
    });
    pause * (75 + seed % 51) / 100
}
