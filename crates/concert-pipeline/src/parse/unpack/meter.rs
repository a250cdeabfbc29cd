//! Counts the bytes that unpacking gives, so that a bomb stops early.

use std::cell::Cell;
use std::io::{self, BufRead, Read};
use std::rc::Rc;

/// A part may be this large whatever its ratio: rows that are much alike pack well.
const FREE_BYTES: u64 = 16 << 20;

/// What one report may unpack to, over all its parts.
pub(super) struct Meter {
    left: Cell<u64>,
    limit: u64,
    ratio: u64,
}

impl Meter {
    pub(super) fn new(limit: u64, ratio: u64) -> Self {
        Self { left: Cell::new(limit), limit, ratio }
    }

    /// Whether nothing more may be unpacked.
    pub(super) fn is_spent(&self) -> bool {
        self.left.get() == 0
    }
}

/// Unpacked bytes on their way to the parser. Beyond a cap reading fails with the reason.
pub(super) struct Metered<'a, R> {
    inner: R,
    meter: &'a Meter,
    packed: Rc<Cell<u64>>,
    given: u64,
    exceeded: bool,
}

impl<'a, R: Read> Metered<'a, R> {
    /// `packed` is the number of bytes that these were unpacked from so far.
    pub(super) fn new(inner: R, meter: &'a Meter, packed: &Rc<Cell<u64>>) -> Self {
        Self { inner, meter, packed: Rc::clone(packed), given: 0, exceeded: false }
    }

    /// Whether it was more than may be.
    pub(super) fn exceeded(&self) -> bool {
        self.exceeded
    }
}

impl<R: Read> Read for Metered<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.given += count as u64;
        let left = self.meter.left.get();
        self.meter.left.set(left.saturating_sub(count as u64));
        if count as u64 > left {
            self.exceeded = true;
            let limit = self.meter.limit;
            return Err(io::Error::other(format!("the report unpacks to more than {limit} bytes")));
        }
        if self.given > FREE_BYTES && self.given / self.meter.ratio.max(1) > self.packed.get() {
            self.exceeded = true;
            let ratio = self.meter.ratio;
            return Err(io::Error::other(format!("it unpacks to more than {ratio} times its size")));
        }
        Ok(count)
    }
}

/// Packed bytes on their way to be unpacked, counted.
pub(super) struct Counted<R> {
    inner: R,
    count: Rc<Cell<u64>>,
}

impl<R: BufRead> Counted<R> {
    pub(super) fn new(inner: R) -> Self {
        Self { inner, count: Rc::default() }
    }

    pub(super) fn count(&self) -> Rc<Cell<u64>> {
        Rc::clone(&self.count)
    }
}

impl<R: BufRead> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.count.set(self.count.get() + count as u64);
        Ok(count)
    }
}

impl<R: BufRead> BufRead for Counted<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.count.set(self.count.get() + amount as u64);
        self.inner.consume(amount);
    }
}

/// What follows the first bytes of a piece: the rest of it, or the error that ended it.
pub(super) struct Rest<'a> {
    pub(super) reader: &'a mut dyn Read,
    pub(super) failed: Option<io::Error>,
}

impl Read for Rest<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &self.failed {
            Some(why) => Err(io::Error::other(why.to_string())),
            None => self.reader.read(buffer),
        }
    }
}
