//! Evidence between the pieces that the server hands over and the streams that the store knows.

use std::io::{self, BufWriter, Read, Write};
use std::sync::Arc;

use concert_model::incident::content::Act;
use concert_server::desk::{Bytes, Change, Coming, Going, NewEvidence, Origin, Outgoing};
use concert_server::site::Refusal;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::desk::{ask, refusal};
use crate::incidents::{self, Ask, Handling, Incidents};

/// Bytes of a piece that goes out, and pieces that wait for a slow reader.
const PIECE: (usize, usize) = (256 << 10, 4);

pub(super) async fn add(
    desk: &Incidents,
    change: &Change,
    name: &str,
    new: NewEvidence,
    bytes: Coming,
) -> Result<Value, Refusal> {
    let (act, whom, of) = match new.origin {
        Origin::Collected => (Act::Collected, String::new(), None),
        Origin::Received(whom) => (Act::Received, whom, None),
        Origin::Derived(of) => (Act::Examined, String::new(), Some(of)),
    };
    let handling = Handling { act, whom, place: new.place, reason: new.reason };
    let new = incidents::NewEvidence { name: new.name, text: new.text, marking: new.marking, handling };
    let reader = Pieces { coming: bytes, piece: Bytes::new(), is_over: false };
    let added = match of {
        None => desk.add(ask(change), name, new, reader).await,
        Some(of) => desk.derive(ask(change), name, &of, new, reader).await,
    };
    let added = added.map_err(refusal)?;
    let written = &added.written;
    Ok(json!({"id": written.id, "number": written.number, "sha256": added.sha256, "bytes": added.bytes,
        "entries": written.entries}))
}

pub(super) async fn read(
    desk: &Incidents,
    change: &Change,
    name: &str,
    sha256: &str,
    [place, reason]: [String; 2],
) -> Result<Outgoing, Refusal> {
    let place = if place.is_empty() { "API".to_owned() } else { place };
    let handling = Handling { act: Act::Copied, whom: String::new(), place, reason };
    let reading = desk.open_evidence(ask(change), name, sha256, Some(handling)).await.map_err(refusal)?;
    let (sender, bytes) = mpsc::channel(PIECE.1);
    let mut reader = reading.reader;
    // Ends by itself, with the bytes or with whoever reads them.
    tokio::task::spawn_blocking(move || while send(&mut reader, &sender) {});
    Ok(Outgoing { name: reading.name, length: Some(reading.bytes), bytes })
}

/// A bag of evidence, which is made while it is read.
pub(super) async fn bag(
    desk: Arc<Incidents>,
    change: &Change,
    name: &str,
    party: Option<&str>,
    reason: &str,
) -> Result<Outgoing, Refusal> {
    let (sender, bytes) = mpsc::channel(PIECE.1);
    let to = Box::new(BufWriter::with_capacity(PIECE.0, Pipe(sender.clone())));
    let broken = move |refused| {
        let why = format!("a bag is cut off: {refused:?}");
        tracing::error!("{why}");
        // Whoever reads it learns that this was not its end; nobody may be there any more.
        tokio::spawn(async move { sender.send(Err(io::Error::other(why))).await });
    };
    // Every request makes a copy of its own.
    let sending = desk.send_evidence(Ask { key: None, ..ask(change) }, name, (party, reason), to, broken);
    let folder = sending.await.map_err(refusal)?;
    Ok(Outgoing { name: format!("{folder}.tar"), length: None, bytes })
}

/// What is written goes out in pieces. It blocks while a slow reader has enough of them.
struct Pipe(mpsc::Sender<io::Result<Bytes>>);

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let piece = Bytes::copy_from_slice(bytes);
        self.0.blocking_send(Ok(piece)).map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Lines that are there already, in pieces for a slow reader.
pub(super) fn lines(lines: impl Iterator<Item = String> + Send + 'static) -> Going {
    let (sender, bytes) = mpsc::channel(PIECE.1);
    // Ends by itself, with the lines or with whoever reads them.
    tokio::task::spawn_blocking(move || {
        let mut out = BufWriter::with_capacity(PIECE.0, Pipe(sender));
        let written = lines.into_iter().try_for_each(|line| out.write_all(line.as_bytes())).and_then(|()| out.flush());
        if let Err(error) = written {
            tracing::debug!("a journal was not read to its end: {error}");
        }
    });
    bytes
}

/// Sends a piece, and says whether there is more to send.
fn send(reader: &mut impl Read, sender: &mpsc::Sender<io::Result<Bytes>>) -> bool {
    let mut block = vec![0u8; PIECE.0];
    let piece = reader.read(&mut block).map(|count| {
        block.truncate(count);
        Bytes::from(block)
    });
    if let Err(error) = &piece {
        tracing::error!("evidence is cut off while it is read: {error}");
    }
    let goes_on = piece.as_ref().is_ok_and(|piece| !piece.is_empty());
    let is_end = piece.as_ref().is_ok_and(Bytes::is_empty);
    (is_end || sender.blocking_send(piece).is_ok()) && goes_on
}

/// Reads pieces one after another. The last one is empty; without it they were cut off.
struct Pieces {
    coming: Coming,
    piece: Bytes,
    is_over: bool,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.piece.is_empty() && !self.is_over {
            let cut_off = || io::Error::new(io::ErrorKind::UnexpectedEof, "the body was cut off");
            self.piece = self.coming.blocking_recv().ok_or_else(cut_off)??;
            self.is_over = self.piece.is_empty();
        }
        let count = self.piece.len().min(buffer.len());
        let some = self.piece.split_to(count);
        if let Some(place) = buffer.get_mut(..count) {
            place.copy_from_slice(&some);
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_have_an_end_only_where_they_say_so() {
        let read = |pieces: Vec<io::Result<Bytes>>| {
            let (sender, coming) = mpsc::channel(8);
            pieces.into_iter().for_each(|piece| sender.try_send(piece).unwrap());
            drop(sender);
            let mut text = String::new();
            let mut reader = Pieces { coming, piece: Bytes::new(), is_over: false };
            reader.read_to_string(&mut text).map(|_| text).map_err(|error| error.kind())
        };
        assert_eq!(read(vec![Ok("ab".into()), Ok("c".into()), Ok(Bytes::new())]), Ok("abc".to_owned()));
        assert_eq!(read(vec![Ok("ab".into())]), Err(io::ErrorKind::UnexpectedEof));
        assert_eq!(read(vec![Err(io::ErrorKind::TimedOut.into())]), Err(io::ErrorKind::TimedOut));
    }
}
