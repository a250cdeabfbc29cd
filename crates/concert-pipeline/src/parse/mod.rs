//! Parsers: bytes of a report to events and rejects.
//!
//! One file adds one parser: its header comment is its page in the manual, its [`Listed`] says its
//! name and reads its settings, its samples are its tests. See `blocklistde.rs` for the smallest.

pub mod arf;
pub mod blocklistde;
pub mod bruteforceblocker;
pub mod carried;
pub mod cins_army;
pub mod complaint;
pub mod country;
pub mod csv;
pub mod cymru_bogons;
pub mod dataplane;
pub mod dshield_block;
pub mod feodo;
pub mod fixed;
mod flat;
mod foreign;
mod forwarded;
pub mod input;
pub mod json;
pub mod keyvalue;
mod large;
mod lines;
pub mod mapping;
pub mod ndjson;
pub mod openphish;
pub mod phishtank;
pub mod records;
pub mod regex;
mod scan;
pub mod shadowserver;
pub mod sink;
pub mod spamhaus_drop;
pub mod tor_exits;
pub mod turris_greylist;
mod twice;
pub mod unpack;
pub mod xarf;

#[cfg(test)]
pub(crate) mod check;
#[cfg(test)]
mod tests;

pub use fixed::Fixed;
pub use input::{Input, Line};
pub use mapping::{Column, Mapping};
pub use sink::{Draft, Fault, Sink};

use concert_model::{Keys, Receipt};

/// Turns the bytes of one part of a report into events.
pub trait Parser: Send + Sync {
    /// Reads all of `input`. A bad piece becomes a reject and never spoils the pieces around it.
    fn parse(&self, input: &mut Input<'_>, about: &About<'_>, sink: &mut Sink<'_>);

    /// Which parts of a mail it is for, where the settings do not say.
    fn parts(&self) -> unpack::Parts {
        unpack::Parts::Attachments
    }
}

/// What is known of the part being parsed besides its bytes.
#[derive(Clone, Copy)]
pub struct About<'a> {
    /// The report.
    pub receipt: &'a Receipt,
    /// Name of this part: the file name, or the member's name inside an archive or mail.
    pub name: &'a str,
    /// Whether no other part of the same letter comes behind it.
    pub is_last: bool,
}

/// A sample of a parser: its test, and its example in the manual.
pub struct Sample {
    /// File name the report had, where the parser looks at it.
    pub name: &'static str,
    /// Settings of the feed besides `parser`, as TOML lines.
    pub settings: &'static str,
    /// The bytes.
    pub given: &'static str,
    /// Events as JSON lines, without identifiers and fields that hold for any event of a feed.
    pub events: &'static str,
    /// Rejects as `line field: reason`, one a line.
    pub rejects: &'static str,
}

/// A parser in the catalogue.
pub struct Listed {
    /// The word in settings.
    pub name: &'static str,
    /// One sentence.
    pub about: &'static str,
    /// Where the format is described, or the feed's page; empty for generic formats.
    pub source: &'static str,
    /// Reads its settings from the feed's table.
    pub read: fn(&mut Keys<'_>) -> Box<dyn Parser>,
    /// Its samples.
    pub samples: &'static [Sample],
}

/// Every parser, by name.
pub const ALL: &[&Listed] = &[
    &arf::LISTED,
    &blocklistde::LISTED,
    &bruteforceblocker::LISTED,
    &cins_army::LISTED,
    &complaint::LISTED,
    &csv::LISTED,
    &cymru_bogons::LISTED,
    &dataplane::LISTED,
    &dshield_block::LISTED,
    &feodo::LISTED,
    &json::LISTED,
    &keyvalue::LISTED,
    &ndjson::LISTED,
    &openphish::LISTED,
    &phishtank::LISTED,
    &regex::LISTED,
    &shadowserver::LISTED,
    &spamhaus_drop::LISTED,
    &tor_exits::LISTED,
    &turris_greylist::LISTED,
    &xarf::LISTED,
];
