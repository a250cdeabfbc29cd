//! The memory: archive of raw reports, event files, records.
//!
//! Records (everything relational) are SQLite; raw reports and events are files. A file counts only
//! when a row names it, and one transaction names files, removes what they replace and settles the
//! report, so a kill at any moment leaves at most files that nobody knows, which start-up removes.

pub mod account;
pub mod archive;
pub mod events;
pub mod evidence;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
pub mod members;
pub mod records;
mod store;
pub mod upkeep;
mod verify;
mod writer;
mod writing;

pub use archive::Archive;
pub use evidence::Evidence;
pub use members::Members;
pub use records::Records;
pub use store::{Exported, Loaded, Segment, Store};
pub use upkeep::{Keep, Known, Snapshot, Upkeep};
pub use writer::{Settled, Telling, Writer};
pub use writing::{Settling, Watch, Writing};
