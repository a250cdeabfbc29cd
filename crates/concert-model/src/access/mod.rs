//! The one decision about who may do what: [`may`].
//!
//! Nothing is allowed that no rule allows, and every answer names the rule and says why. Commands, pages,
//! API, searches, exports and mails all ask here and nowhere else; who may not see a thing gets the answer
//! that a thing which does not exist would give.

mod forbid;
mod rules;
#[cfg(test)]
mod tests;
mod writes;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::incident::content::Role;
use crate::incident::marking::{Marking, Tlp};
use crate::user::Standing;

pub use forbid::{Forbid, Forbids, can_be_forbidden};
pub use rules::{
    ALL_SCOPES, cleared, forbidden, lacks_scope, lets_in, may, reads_for, sees_flow, sees_speakers, sees_standing,
    tells_flow,
};
pub use writes::{is_field, lets_out};

/// Somebody who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// By name at this site.
    pub name: String,
    /// Whether it is whoever can read the data folder, who is trusted with all of it.
    pub is_operator: bool,
    /// What the person is at this site in general.
    pub standing: Vec<Standing>,
    /// The strictest label the person may read.
    pub clearance: Tlp,
    /// What the token allows that the person came with; nothing where there was none.
    pub scopes: Option<BTreeSet<String>>,
    /// Where the person comes from, for the audit log; empty at the machine.
    pub from: String,
    /// What the site forbids to the person beyond the shipped rules.
    pub forbidden: Arc<[Forbid]>,
}

impl Person {
    /// Somebody without a name, who may do nothing.
    pub fn nobody() -> Self {
        Self {
            name: String::new(),
            is_operator: false,
            standing: Vec::new(),
            clearance: Tlp::Clear,
            scopes: None,
            from: String::new(),
            forbidden: Arc::default(),
        }
    }

    /// Whoever sits at the machine.
    pub fn operator(name: &str) -> Self {
        Self { name: name.to_owned(), is_operator: true, clearance: Tlp::Red, ..Self::nobody() }
    }
}

/// What somebody wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    /// Know that it is there and read it.
    See,
    /// Write a note, a finding, an observable, effort: what takes nothing from anybody.
    Note,
    /// Conduct the work: fields, parties, tasks, processes, mails, evidence.
    Conduct,
    /// Do the steps of a process: each has a role of its own.
    Follow,
    /// Mark it more strictly.
    Raise,
    /// Mark it less strictly, or for more people.
    Lower,
    /// Give and take roles.
    Staff,
    /// Become the coordinator of an incident that has none.
    TakeUp,
    /// Give evidence, or who a neighbour is, to others.
    Release,
    /// Erase what was written, for good.
    Erase,
    /// Ask who can see it, and why somebody cannot.
    AskWho,
    /// Read who looked at it and what was refused.
    ReadLog,
    /// Open an incident.
    Open,
    /// See events, notices or contacts.
    SeeSite(Kept),
    /// Change or send them.
    ChangeSite(Kept),
    /// See how the site does, in numbers about everybody.
    SeeMetrics,
    /// Users and their tokens.
    ManageUsers,
    /// Settings, keys, backups: what belongs to whoever sits at the machine.
    ManageSite,
}

impl Action {
    /// All of them.
    pub const ALL: [Self; 22] = [
        Self::See,
        Self::Note,
        Self::Conduct,
        Self::Follow,
        Self::Raise,
        Self::Lower,
        Self::Staff,
        Self::TakeUp,
        Self::Release,
        Self::Erase,
        Self::AskWho,
        Self::ReadLog,
        Self::Open,
        Self::SeeSite(Kept::Events),
        Self::SeeSite(Kept::Notices),
        Self::SeeSite(Kept::Contacts),
        Self::ChangeSite(Kept::Events),
        Self::ChangeSite(Kept::Notices),
        Self::ChangeSite(Kept::Contacts),
        Self::SeeMetrics,
        Self::ManageUsers,
        Self::ManageSite,
    ];

    /// Those that change an incident or let something out of it, or ask about it: what stands between seeing one and
    /// opening one.
    pub fn of_incidents() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|action| (Self::Note..Self::Open).contains(action))
    }

    /// Whether it is about an incident that is there, or about something in one: those alone are marked.
    pub fn is_of_incident(self) -> bool {
        self < Self::Open
    }

    /// How it is written, in logs.
    pub fn word(self) -> &'static str {
        match self {
            Self::See => "see",
            Self::Note => "note",
            Self::Conduct => "conduct",
            Self::Follow => "follow",
            Self::Raise => "raise",
            Self::Lower => "lower",
            Self::Staff => "staff",
            Self::TakeUp => "take up",
            Self::Release => "release",
            Self::Erase => "erase",
            Self::AskWho => "ask who",
            Self::ReadLog => "read log",
            Self::Open => "open",
            Self::SeeSite(Kept::Events) => "see events",
            Self::SeeSite(Kept::Notices) => "see notices",
            Self::SeeSite(Kept::Contacts) => "see contacts",
            Self::ChangeSite(Kept::Events) => "change events",
            Self::ChangeSite(Kept::Notices) => "change notices",
            Self::ChangeSite(Kept::Contacts) => "change contacts",
            Self::SeeMetrics => "see metrics",
            Self::ManageUsers => "manage users",
            Self::ManageSite => "manage the site",
        }
    }

    /// The scope that a token needs for it.
    pub fn scope(self) -> &'static str {
        match self {
            Self::See | Self::AskWho => "incidents:read",
            Self::ReadLog => "audit:read",
            Self::SeeSite(Kept::Events) => "events:read",
            Self::SeeSite(Kept::Notices) => "notices:read",
            Self::SeeSite(Kept::Contacts) => "contacts:read",
            Self::ChangeSite(Kept::Events) => "events:push",
            Self::ChangeSite(Kept::Notices) => "notices:write",
            Self::ChangeSite(Kept::Contacts) => "contacts:write",
            Self::SeeMetrics => "metrics:read",
            Self::ManageUsers => "users:write",
            Self::ManageSite => "admin",
            _ => "incidents:write",
        }
    }
}

/// What a site keeps besides incidents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kept {
    /// Events, reports and feeds.
    Events,
    /// Notices and what came back.
    Notices,
    /// Parties and their contacts.
    Contacts,
}

/// Who has to do with an incident, as far as a decision needs it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Circle {
    /// Its marking.
    pub marking: Option<Marking>,
    /// Who opened it.
    pub opener: String,
    /// Who holds each role.
    pub holders: BTreeMap<Role, BTreeSet<String>>,
    /// Who speaks for each party that takes part.
    pub speakers: BTreeMap<String, BTreeSet<String>>,
    /// Parties that take part, and their sectors: what a standing role may be limited to.
    pub constituencies: BTreeSet<String>,
    /// Those of incidents that were merged into it, and of what was split into it: what is forbidden of them is forbidden here, and nobody sees more.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub merged: BTreeSet<String>,
    /// Users who are disabled now: whatever they hold, nobody answers for it.
    #[serde(skip)]
    pub gone: BTreeSet<String>,
}

impl Circle {
    /// Whether somebody who has not gone coordinates it.
    pub fn has_coordinator(&self) -> bool {
        self.holders.get(&Role::Coordinator).is_some_and(|holders| !holders.is_subset(&self.gone))
    }
}

/// The author of what nobody wrote: decisions that nobody took in time, mails that came in, what follows from events.
///
/// No user can be called so. Where the marking names nobody, whoever opened the incident reads it as if it were their own:
/// else nobody at all would read what is written into an incident that only its opener sees.
pub const BY_ITSELF: &str = "concert (by itself)";

/// What it is about.
#[derive(Clone, Copy, Debug)]
pub enum Object<'a> {
    /// The site itself.
    Site,
    /// Something the site keeps that belongs to these parties or sectors.
    Of(&'a [&'a str]),
    /// An incident, with its fields: title, status, severity, type, roles.
    Incident(&'a Circle),
    /// An entry of an incident.
    Item {
        /// The incident.
        circle: &'a Circle,
        /// How the entry is marked.
        marking: &'a Marking,
        /// Who wrote it.
        author: &'a str,
    },
    /// A step of a process that is followed in an incident.
    Step {
        /// The incident.
        circle: &'a Circle,
        /// How the entry is marked that began the process.
        marking: &'a Marking,
        /// Who began it.
        author: &'a str,
        /// Who does the step.
        role: Option<Role>,
        /// The party that the process concerns, where it is one.
        party: Option<&'a str>,
    },
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Whether it is allowed.
    pub allowed: bool,
    /// The rule that decided: `tlp-red`.
    pub policy: &'static str,
    /// Why, in a sentence.
    pub reason: String,
}

impl Decision {
    fn yes(policy: &'static str, reason: impl Into<String>) -> Self {
        Self { allowed: true, policy, reason: reason.into() }
    }

    fn no(policy: &'static str, reason: impl Into<String>) -> Self {
        Self { allowed: false, policy, reason: reason.into() }
    }
}
