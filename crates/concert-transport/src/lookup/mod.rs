//! Questions about events that only others can answer, asked once a value and batch.

pub mod reverse;
