//! What we know of an address besides the report: network, country, who is responsible.

mod compiled;
pub mod constituents;
mod csv;
pub mod lookup;
mod mmdb;
pub mod ranges;
mod table;

use std::borrow::Cow;

pub use constituents::Constituents;
pub use lookup::{Found, Lookup};
pub use ranges::{Answer, Ranges, What};

use concert_model::{Kind, Value};

/// A name from a data file as it may stand in an event: no control characters, at most so many bytes.
fn tidy_name(name: Cow<'_, str>, bytes_max: usize) -> Cow<'static, str> {
    let short = name.get(..name.floor_char_boundary(bytes_max)).unwrap_or_default();
    match Value::read(Kind::Text, short, None) {
        Ok(Value::Text(text)) => Cow::Owned(text.into_owned()),
        _ => Cow::Borrowed(""),
    }
}
