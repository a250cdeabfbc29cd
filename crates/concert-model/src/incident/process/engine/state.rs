//! What the engine is told, and what it says of a step.

use crate::Time;

/// What the engine is told of the world.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// The present. Where entries are stamped later, the last stamp is taken instead.
    pub now: Time,
    /// Pieces of evidence whose custody is not complete.
    pub open_custody: u64,
}

/// How a step stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It waits for other steps, by their ids.
    Waiting(Vec<String>),
    /// It can be done.
    Ready {
        /// Since when.
        since: Time,
        /// When it is due. A decision with a default ends by itself then.
        due: Option<Time>,
        /// What is lacking before it may be done; for a step that was done, why it is open again.
        lacks: Vec<String>,
    },
    /// It was done.
    Done {
        /// Since when it was ready.
        since: Time,
        /// When it was done.
        at: Time,
        /// By whom; empty for what nobody does.
        by: String,
        /// The outcome of a decision.
        outcome: Option<String>,
        /// Whether nobody decided and the default came into force.
        defaulted: bool,
        /// Whether that was after it was due.
        late: bool,
    },
    /// It was left out.
    Skipped {
        /// When.
        at: Time,
        /// By whom.
        by: String,
        /// Why.
        reason: String,
    },
    /// It lies on a branch that was not taken.
    PassedOver,
}
