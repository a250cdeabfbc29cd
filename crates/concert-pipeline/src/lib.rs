//! The flow: bytes to events, events to notices.
//!
//! No sockets, no database, no clock. Readers and what the world knows are handed in.

// So that the checks of parsers read the same inside this crate and in its tests.
#[cfg(test)]
extern crate self as concert_pipeline;

pub mod condition;
pub mod enrich;
pub mod group;
pub mod judge;
pub mod mail;
pub mod observables;
pub mod parse;
pub mod registry;
pub mod render;
