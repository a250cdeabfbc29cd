//! Whole stories: cases from opening to closing as several persons work on them, and what they are reminded of.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "all of this is a test, also what stands outside its functions"
)]

mod closing;
#[path = "../support/init.rs"]
mod init;
mod manual;
mod processes;
mod reminders;
mod site;
