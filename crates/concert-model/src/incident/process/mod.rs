//! Processes: written ways of handling a kind of incident, response and investigation side by side.
//!
//! A process is a file that people read and write. An incident keeps the whole text of the one it
//! started with, so all sites follow the same steps whatever becomes of the file. `docs/processes.md`
//! describes the format.

mod cacao;
mod check;
pub mod definition;
pub mod engine;
mod graph;
mod meeting;
pub mod numbers;
pub mod picture;
mod read;
pub mod run;
pub mod shipped;

pub use cacao::cacao;
pub use definition::{Kind, Meeting, Need, Phase, Process, Step, Track};
pub use engine::{Known, Progress, State};
pub use meeting::{Indicator, indicators};
pub use read::{FILE_BYTES_MAX, WORD_HINT, is_word, read, read_begun};
pub use shipped::{Origin, catalogue, shipped};

#[cfg(test)]
mod tests;
