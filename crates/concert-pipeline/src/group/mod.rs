//! Grouping: which events go into one notice, and when it is due.

pub mod schedule;

pub use schedule::When;
