//! Doors for the fuzzer: our side of each conversation, with a peer that says what the fuzzer says.
//!
//! Compiled with the feature `fuzzing` alone, which only `fuzz/` asks for. What is run is the real
//! code from behind the connection on: the children `fuzzing` of `irc`, `collect/imap`,
//! `collect/http` and `deliver/smtp` reach what is private there, so that nothing else had to be
//! opened. Whoever calls them stops the clock, so that a silent peer costs no time.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use async_trait::async_trait;
use concert_model::{Receipt, Time};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

pub use crate::collect::http::fuzzing::{address, answer};
pub use crate::collect::imap::fuzzing::converse as imap;
pub use crate::deliver::smtp::fuzzing::converse as smtp;
pub use crate::irc::fuzzing::converse as irc;
use crate::lookup::dkim;
use crate::{Body, Health, Intake, Kept};

/// Looks at the signature of a mail with this key.
pub fn signed(mail: &[u8], key: &str) {
    drop(dkim::look(mail, key));
}

/// What our side has said so far.
#[derive(Clone, Debug, Default)]
pub struct Heard(Arc<Mutex<Vec<u8>>>);

impl Heard {
    /// All bytes.
    pub fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A peer whose words are written down beforehand.
#[derive(Debug)]
pub struct Script {
    /// What it has yet to say.
    words: Vec<u8>,
    at: usize,
    /// Bytes that come at a time.
    piece: usize,
    /// Whether it falls silent at the end; otherwise it hangs up.
    stays: bool,
    heard: Heard,
}

impl Script {
    /// A peer that says these words, so many bytes at a time, then hangs up or stays without a word.
    pub fn new(words: &[u8], piece: usize, stays: bool) -> (Script, Heard) {
        let heard = Heard::default();
        (Script { words: words.to_owned(), at: 0, piece: piece.max(1), stays, heard: heard.clone() }, heard)
    }
}

impl AsyncRead for Script {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        let rest = self.words.get(self.at..).unwrap_or_default();
        if rest.is_empty() && self.stays {
            return Poll::Pending;
        }
        let length = rest.len().min(self.piece).min(buffer.remaining());
        buffer.put_slice(rest.get(..length).unwrap_or_default());
        self.at += length;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Script {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        self.heard.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// An intake that keeps everything in memory.
#[derive(Debug, Default)]
pub struct Basket(Mutex<Vec<(Receipt, Vec<u8>)>>);

impl Basket {
    /// The reports, in order.
    pub fn reports(&self) -> MutexGuard<'_, Vec<(Receipt, Vec<u8>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Intake for Basket {
    async fn keep(&self, receipt: Receipt, body: Body) -> Result<Kept, String> {
        let Body::Bytes(bytes) = body else { return Err("no files here".into()) };
        self.reports().push((receipt, bytes));
        Ok(Kept::New)
    }

    async fn recall(&self, _: &str, _: &str) -> Option<String> {
        None
    }

    async fn remember(&self, _: &str, _: &str, _: &str) -> Result<(), String> {
        Ok(())
    }

    fn health(&self, _: &str, _: Health) {}

    fn now(&self) -> Time {
        Time(1_795_323_030_000_000)
    }
}
