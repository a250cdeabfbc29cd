//! The flow: bytes to events, events to notices.
//!
//! No sockets, no database, no clock. Readers and what the world knows are handed in.

pub mod condition;
pub mod enrich;
pub mod group;
pub mod judge;
pub mod parse;
pub mod render;
