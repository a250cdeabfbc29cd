//! What we know of an address besides the report: network, country, who is responsible.

pub mod book;
mod compiled;
pub mod constituents;
mod csv;
pub(crate) mod halves;
pub mod lookup;
mod mmdb;
pub mod ranges;
pub(crate) mod stretch;
mod table;

use std::borrow::Cow;

pub use book::Book;
pub use constituents::Constituents;
pub use lookup::{Found, Lookup};
pub use ranges::{Answer, Ranges, Reading, What};

use concert_model::batch::Raw;
use concert_model::{Event, Field, Kind, Value};

/// The source addresses (IPv4) of a few events, for [`Lookup::look_ahead`] and [`Book::look_ahead`].
pub fn sources<'a>(events: impl Iterator<Item = Event<'a>>) -> Vec<u32> {
    events
        .filter_map(|event| match event.raw(Field::SOURCE_IP)? {
            Raw::Ip(std::net::IpAddr::V4(address)) => Some(address.to_bits()),
            _ => None,
        })
        .collect()
}

/// Words of data files for a country that is none: `ZZ` and `XX` are codes that ISO 3166 leaves to such use.
fn no_country(word: &str) -> bool {
    ["", "-", "--", "ZZ", "XX", "None", "Unknown"].iter().any(|none| none.eq_ignore_ascii_case(word))
}

/// A name from a data file as it may stand in an event: no control characters, at most so many bytes.
fn tidy_name(name: Cow<'_, str>, bytes_max: usize) -> Cow<'static, str> {
    let short = name.get(..name.floor_char_boundary(bytes_max)).unwrap_or_default();
    match Value::read(Kind::Text, short, None) {
        Ok(Value::Text(text)) => Cow::Owned(text.into_owned()),
        _ => Cow::Borrowed(""),
    }
}
