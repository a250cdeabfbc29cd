//! The words of Concert: what an event, a report, a setting and a problem are.
//!
//! Plain data and pure decisions. Nothing here reads a clock, opens a file or waits; whatever a
//! decision needs from the world is handed in.

pub mod access;
pub mod address;
pub mod batch;
mod example;
pub mod field;
pub mod host;
pub mod id;
pub mod incident;
pub mod json;
pub mod keys;
pub mod language;
pub mod message;
pub mod net;
pub mod party;
pub mod problem;
pub mod report;
pub mod script;
pub mod sheet;
pub mod taxonomy;
pub mod time;
pub mod user;
pub mod value;

pub use batch::{Batch, Event, Kept, OpenEvent};
pub use field::{Field, Kind};
pub use id::{EventId, Part, ProblemKey, ReportId};
pub use keys::Keys;
pub use message::{Attachment, Message};
pub use net::Net;
pub use party::{Contact, PURPOSES, Party};
pub use problem::Problem;
pub use report::{Origin, Receipt, Reject};
pub use time::Time;
pub use user::User;
pub use value::Value;
