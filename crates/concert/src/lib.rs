//! The program: reads settings, joins the parts and drives them. Knows everybody, decides nothing.
//!
//! It is a library with a small `main.rs`, so that tests and `cargo xtask gen` can read the commands
//! and settings from where they are defined.

mod addressees;
mod ask;
mod barred;
mod bounds;
mod clocks;
pub mod command;
pub mod drive;
pub mod incidents;
mod lacking;
mod left;
pub mod login;
mod opener;
mod operator;
pub mod pages;
mod people;
pub mod print;
pub mod problems;
mod ranges;
mod reach;
mod reads;
mod receivers;
mod registry;
mod seen;
pub mod settings;
mod suffixes;
pub mod wire;
