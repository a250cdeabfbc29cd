//! Text in encodings whose lines cannot be found byte by byte (UTF-16), made UTF-8 as it is read.

use std::io::{self, BufRead, Read};

use encoding_rs::{CoderResult, Decoder, Encoding};

/// A reader that gives UTF-8.
pub(super) struct Narrow<'a> {
    inner: &'a mut dyn BufRead,
    decoder: Decoder,
    pending: Vec<u8>,
    at: usize,
    ended: bool,
}

impl<'a> Narrow<'a> {
    /// Reads text of this encoding. A byte order mark is dropped.
    pub(super) fn new(inner: &'a mut dyn BufRead, encoding: &'static Encoding) -> Self {
        Self { inner, decoder: encoding.new_decoder_with_bom_removal(), pending: Vec::new(), at: 0, ended: false }
    }

    /// Decodes the next piece. Three bytes of UTF-8 come from two of UTF-16 at most.
    fn more(&mut self) -> io::Result<()> {
        let chunk = loop {
            match self.inner.fill_buf() {
                Err(why) if why.kind() == io::ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        self.ended = chunk.is_empty();
        let room = self.decoder.max_utf8_buffer_length(chunk.len()).unwrap_or(chunk.len().saturating_mul(3) + 16);
        self.pending.clear();
        self.pending.resize(room, 0);
        let (result, read, written, _) = self.decoder.decode_to_utf8(chunk, &mut self.pending, self.ended);
        debug_assert_eq!(result, CoderResult::InputEmpty);
        self.inner.consume(read);
        self.pending.truncate(written);
        self.at = 0;
        Ok(())
    }
}

impl Read for Narrow<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at >= self.pending.len() {
            if self.ended {
                return Ok(0);
            }
            self.more()?;
        }
        let mut rest = self.pending.get(self.at..).unwrap_or_default();
        let count = rest.read(buffer)?;
        self.at += count;
        Ok(count)
    }
}
