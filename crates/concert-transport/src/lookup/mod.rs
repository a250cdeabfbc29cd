//! Questions that only others can answer: about events, asked once a value and batch; of a person who looks for whom
//! to tell, asked politely and remembered; and whether a mail is from whom it says.

pub mod dkim;
pub mod mail_domains;
pub mod polite;
pub mod reverse;
