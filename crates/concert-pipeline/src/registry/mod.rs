//! The contact book of the registries: which network belongs to whom, and where abuse is told.
//!
//! The public files of RIPE, APNIC, AFRINIC and others of their kind are read once and become one
//! compact file (`file.rs`) that is searched in place. For an address the smallest range that covers it
//! is asked first, then the next larger one, until a contact is found: the `abuse-c` of the object, else
//! that of its organisation, else the mailboxes of its incident response teams (`mnt-irt`), else those that stand in
//! the object itself. Whom the events of a report fall to is worked out at the import (`registered.rs`).

mod answer;
mod build;
mod file;
mod object;
pub mod rdap;
mod registered;
mod reserved;
mod route;
pub mod security_txt;
#[cfg(test)]
mod tests;
mod text;
mod write;

use std::io::{self, BufRead, BufReader, Read};

pub use answer::{Answer, Asked, Step};
pub use build::{Builder, Summary};
pub use file::{Bytes, Registry, key};
pub use registered::Registered;
pub use reserved::{reserved, reserved_in, reserved_words};

/// The text of a file, which may be compressed with gzip. What it unpacks to is read as it comes and
/// never held whole.
pub fn plain<'r>(input: impl Read + 'r) -> io::Result<Box<dyn BufRead + 'r>> {
    let mut input = BufReader::with_capacity(1 << 18, input);
    let is_gzip = input.fill_buf()?.starts_with(&[0x1f, 0x8b]);
    Ok(if is_gzip {
        Box::new(BufReader::with_capacity(1 << 18, flate2::bufread::MultiGzDecoder::new(input)))
    } else {
        Box::new(input)
    })
}
