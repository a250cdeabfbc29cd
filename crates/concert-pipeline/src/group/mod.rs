//! Grouping: which events go together, and when they are due.

mod key;
pub mod schedule;

pub use key::Key;
pub use schedule::When;
