//! Questions that only others can answer: about events, asked once a value and batch; and of a person who
//! looks for whom to tell, asked politely and remembered.

pub mod polite;
pub mod reverse;
