//! The API of a program that serves, and commands with somebody's rights: asked from outside as people and programs
//! ask.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "all of this is a test, also what stands outside its functions"
)]

mod bad;
mod beside;
mod by_hand;
mod constituencies;
mod contacts;
mod cursors;
mod endpoints;
mod login;
mod named;
mod parts;
mod reported;
mod served;
mod silent;
mod tellings;
mod unseen;
mod values;
mod work;
