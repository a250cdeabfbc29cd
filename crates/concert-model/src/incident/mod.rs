//! Incidents: journals of signed entries, what they say, and the state they give.

pub mod canonical;
pub mod chain;
pub mod clock;
pub mod content;
pub mod draft;
pub mod due;
pub mod fold;
pub mod journal;
pub mod mail;
pub mod marking;
pub mod process;
pub mod schema;

pub use content::{Content, PartyStatus, Role, Severity, Standing, Status};
pub use fold::Incident;
pub use journal::{Body, Entry, Header, JournalKey, SiteId, Stamp, Tip};
pub use marking::{Marking, Tlp};
