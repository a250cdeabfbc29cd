//! Peers to talk to: small real servers on loopback, for tests and for the demo.
//!
//! Each does what its protocol asks, keeps what it was given, and can be told to misbehave: refuse,
//! stall, cut, answer without end. None of them is for use on a network.

pub mod dns;
pub mod dovecot;
pub mod gnupg;
pub mod imap;
pub mod irc;
pub mod listen;
pub mod proxy;
pub mod smtp;
pub mod tls;
pub mod web;
