//! The doors: how reports come in and notices go out.
//!
//! A collector hands reports to an [`Intake`] and acknowledges its peer only after the intake says
//! that the report is durable. A deliverer composes the final bytes of a message, which are kept
//! before the first attempt, and then carries just those bytes.

pub mod collect;
pub mod deliver;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod irc;
pub mod lookup;
pub mod net;
pub mod openpgp;

#[cfg(test)]
mod memory;

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use concert_model::message::Outcome;
use concert_model::{Message, Problem, Receipt, Time};
use tokio_util::sync::CancellationToken;

use crate::openpgp::KeysAt;

/// The bytes of a report: in memory, or a file that the intake reads and does not change.
#[derive(Debug)]
pub enum Body {
    /// Bytes, already within the feed's cap.
    Bytes(Vec<u8>),
    /// A file to be read.
    File(PathBuf),
}

/// What became of a report that was handed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// It is durable now.
    New,
    /// The same receipt was kept before; nothing was added.
    Known,
}

/// Where collectors hand in reports, and ask for what must survive a restart.
#[async_trait]
pub trait Intake: Send + Sync {
    /// Keeps a report. Answers only when it is durable. The error is a sentence: the collector must
    /// not acknowledge its peer, and tries again later.
    async fn keep(&self, receipt: Receipt, body: Body) -> Result<Kept, String>;

    /// Whether the head of what is too large to take is kept, so that it is settled and not looked at again.
    fn keeps_heads(&self) -> bool {
        false
    }

    /// Keeps the head of a message of so many bytes as what was set aside. Only where [`Intake::keeps_heads`] says so.
    async fn keep_head(&self, receipt: Receipt, _head: Vec<u8>, _bytes: u64) -> Result<Kept, String> {
        Err(format!("what is too large is not kept of {}", receipt.feed))
    }

    /// A small value that survives restarts, by feed and name: `etag`, `offset`, ...
    async fn recall(&self, feed: &str, name: &str) -> Option<String>;

    /// Sets such a value. Durable when it returns.
    async fn remember(&self, feed: &str, name: &str, value: &str) -> Result<(), String>;

    /// Says how the feed does: connected and quiet, or in trouble with a reason.
    fn health(&self, feed: &str, health: Health);

    /// The present moment.
    fn now(&self) -> Time;
}

/// What a collector says of its peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// Connected, or the last look went well.
    Good,
    /// Something is wrong; it will be tried again.
    Trouble(String),
    /// Lines may have been lost between these moments (IRC, TCP cannot be acknowledged).
    Gap(Time, Time, String),
}

/// A way in.
#[async_trait]
pub trait Collector: Send + Sync {
    /// Collects until told to stop. Handles its own back-off; returns only after `stop`.
    async fn run(&self, intake: &dyn Intake, stop: CancellationToken);

    /// Collects what waits now, one attempt, then returns. The error is a sentence.
    async fn once(&self, intake: &dyn Intake) -> Result<(), String>;

    /// When the next look is due, where that is later than now. [`Collector::once`] looks all the same.
    async fn rests_until(&self, _intake: &dyn Intake) -> Option<Time> {
        None
    }

    /// Whom it trusts and who it is, where it may speak TLS: for `concert check`, which opens the files of both.
    fn trust(&self) -> Option<&net::Trust> {
        None
    }

    /// The folder from which it takes files away, and the pattern of their names: two that take the same would each get
    /// some.
    fn takes(&self) -> Option<(&Path, &str)> {
        None
    }

    /// The folder of mails that it takes, in words, and the search by which it chooses them.
    fn mails(&self) -> Option<(String, &str)> {
        None
    }

    /// What it reads of which there is one for the whole program, and which nobody can read anew.
    fn only_source(&self) -> Option<&'static str> {
        None
    }

    /// Told before it is stopped where another takes its place, which reads on where it ends.
    fn hand_on(&self) {}

    /// Talks to the peer without taking anything: for `concert check --live`.
    async fn check(&self) -> Result<String, Problem>;
}

/// A way out.
#[async_trait]
pub trait Deliverer: Send + Sync {
    /// The final bytes. The same message gives the same bytes, but those of an encrypted one differ each
    /// time: whoever needs the same again keeps them. The error is a sentence.
    fn compose(&self, message: &Message, keys: &KeysAt<'_>) -> Result<Vec<u8>, String>;

    /// Most bytes of one notice; a larger one is split before it is sent.
    fn bytes_max(&self) -> u64 {
        u64::MAX
    }

    /// The OpenPGP key of the site that it signs with, where it has one.
    fn site_key(&self) -> Option<&openpgp::SiteKey> {
        None
    }

    /// Whether it sends nothing in clear: who has no good key gets nothing by it.
    fn must_encrypt(&self) -> bool {
        false
    }

    /// Whether it encrypts when everybody who gets a mail has a good key, and sends it in clear otherwise.
    fn encrypts_where_it_can(&self) -> bool {
        false
    }

    /// The addresses its mails come from, in their header and in their envelope.
    fn from(&self) -> Vec<&str> {
        Vec::new()
    }

    /// Carries bytes that [`Deliverer::compose`] made from this message. One attempt.
    async fn deliver(&self, message: &Message, bytes: &[u8]) -> Outcome;

    /// Whom it trusts and who it is, where it may speak TLS: for `concert check`, which opens the files of both.
    fn trust(&self) -> Option<&net::Trust> {
        None
    }

    /// Talks to the peer without delivering anything: for `concert check --live`.
    async fn check(&self) -> Result<String, Problem>;
}
