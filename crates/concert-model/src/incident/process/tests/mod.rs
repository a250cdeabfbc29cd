//! Processes from their files to their ends.

mod cacao;
mod numbers;
mod pictures;
mod random;
mod stories;
mod story;
mod wrong;
