//! What becomes of an event: rules that drop, mark and set; what makes it a repeat.

pub mod dedup;

pub use dedup::Dedup;
