//! What entries say: their kinds, each with a version.
//!
//! A kind that this version does not know, or a content that does not fit its kind, is kept and shown as
//! such. Nothing is dropped because it is new.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::marking::Marking;

/// Longest text of a note or finding.
pub const TEXT_BYTES_MAX: usize = 256 << 10;

/// How bad an incident is, as people sort them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// When there is time.
    Low,
    /// In its turn.
    #[default]
    Medium,
    /// Before other things.
    High,
    /// Now.
    Critical,
}

/// Where an incident stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Being worked on.
    #[default]
    Open,
    /// Waiting for somebody else.
    Waiting,
    /// Done.
    Closed,
}

/// How a party in an incident stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum PartyStatus {
    /// Nothing is known.
    #[default]
    Unknown,
    /// Nobody to tell was found yet.
    ContactSought,
    /// Told.
    Told,
    /// It has seen what it was told.
    Seen,
    /// It has answered.
    Acknowledged,
    /// It has stopped the harm.
    Contained,
    /// It says that it is clean.
    Cleaned,
    /// That was checked.
    Verified,
    /// It does not answer.
    NoAnswer,
    /// It will not help.
    Refuses,
}

/// What a person answers for in one incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Owns the shared case: invites, sets markings, runs the plan and the calls.
    Coordinator,
    /// Decides what its site shares; approves its people.
    SiteLead,
    /// Contains, removes, recovers.
    Responder,
    /// Evidence plan, hypotheses, timeline, custody.
    LeadInvestigator,
    /// Analyses, writes findings.
    Investigator,
    /// Own compartment; may ask for a hold.
    LawEnforcementLiaison,
    /// Releases, retention.
    LegalAndPrivacy,
    /// Statements; sees only what is released.
    Communications,
    /// Answers its own notices.
    AffectedParty,
    /// Reads what is marked for it; reads the access log.
    Observer,
}

impl Role {
    /// All of them, with the duty that is open where nobody holds it.
    pub const ALL: [(Self, &'static str, &'static str); 10] = [
        (Self::Coordinator, "coordinator", "owns the shared case: invites, sets markings, runs the plan and the calls"),
        (Self::SiteLead, "site-lead", "decides what its site shares; approves its people"),
        (Self::Responder, "responder", "contains, removes, recovers"),
        (Self::LeadInvestigator, "lead-investigator", "evidence plan, hypotheses, timeline, custody"),
        (Self::Investigator, "investigator", "analyses, writes findings"),
        (Self::LawEnforcementLiaison, "law-enforcement-liaison", "own compartment; may ask for a hold"),
        (Self::LegalAndPrivacy, "legal-and-privacy", "releases, retention"),
        (Self::Communications, "communications", "statements; sees only what is released"),
        (Self::AffectedParty, "affected-party", "answers its own notices"),
        (Self::Observer, "observer", "reads what is marked for it; reads the access log"),
    ];

    /// How it is written: `lead-investigator`.
    pub fn word(self) -> &'static str {
        Self::ALL.iter().find(|(role, _, _)| *role == self).map_or("", |(_, word, _)| word)
    }

    /// Reads a role as it is written.
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known, _)| *known == word).map(|(role, _, _)| *role)
    }
}

/// Whether a hypothesis holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// Not looked into.
    Hypothesis,
    /// What was found speaks for it.
    Supported,
    /// What was found speaks against it.
    Refuted,
}

macro_rules! contents {
    ($($(#[$doc:meta])* $name:ident = $kind:literal { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* })*) => {
        /// What an entry says.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Content {
            $($(#[$doc])* $name($name),)*
            /// A kind of a newer site, or a content that does not fit its kind.
            Unknown,
        }

        $(
            $(#[$doc])*
            #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
            #[serde(deny_unknown_fields)]
            pub struct $name {
                $($(#[$field_doc])* pub $field: $type,)*
            }

            impl From<$name> for Content {
                fn from(content: $name) -> Self {
                    Self::$name(content)
                }
            }
        )*

        impl Content {
            /// Reads the content of a kind.
            pub fn read(kind: &str, value: &Value) -> Self {
                match kind {
                    $($kind => $name::deserialize(value).map_or(Self::Unknown, Self::$name),)*
                    _ => Self::Unknown,
                }
            }

            /// Its kind, and the content as an entry holds it; `None` for what is unknown.
            pub fn write(&self) -> Option<(&'static str, Value)> {
                match self {
                    $(Self::$name(content) => Some(($kind, serde_json::to_value(content).ok()?)),)*
                    Self::Unknown => None,
                }
            }
        }
    };
}

contents! {
    /// The incident begins.
    Opened = "opened/1" {
        /// The number people say: `CERT-EX#2026-000123`.
        number: String,
        /// What it is about, in a line.
        title: String,
        /// `classification.type` of the taxonomy.
        classification: String,
        /// How bad it is.
        severity: Severity,
    }
    /// Its title is another.
    Titled = "title/1" {
        /// The new one.
        title: String,
    }
    /// It is of another type.
    Classified = "classification/1" {
        /// `classification.type` of the taxonomy.
        classification: String,
    }
    /// It is worse or less bad than it seemed.
    Rated = "severity/1" {
        /// The new severity.
        severity: Severity,
    }
    /// It stands elsewhere, or is open again.
    Moved = "status/1" {
        /// The new status.
        status: Status,
        /// Why.
        reason: String,
    }
    /// The whole incident is marked otherwise.
    Marked = "marking/1" {
        /// The new marking.
        marking: Marking,
        /// Why.
        reason: String,
    }
    /// Something worth writing down.
    Note = "note/1" {
        /// The text.
        text: String,
    }
    /// Something believed or found out.
    Finding = "finding/1" {
        /// Its short name within the incident; the same name again changes how it stands.
        name: String,
        /// What is believed.
        statement: String,
        /// Whether it holds.
        standing: Standing,
    }
    /// A decision with its reason.
    Decision = "decision/1" {
        /// What was decided.
        text: String,
        /// Why.
        reason: String,
    }
    /// A party takes part, or stands otherwise.
    PartyMoved = "party/1" {
        /// Its name.
        party: String,
        /// How it stands.
        status: PartyStatus,
        /// What was said, or why.
        text: String,
    }
    /// A value that belongs to the incident.
    Observable = "observable/1" {
        /// `ip`, `domain`, `url`, `hash`, `cve`, `mail`.
        of: String,
        /// The value in its plain form.
        value: String,
    }
    /// Who reached whom: an observed flow from one host to another.
    Relation = "relation/1" {
        /// Where it came from.
        from: String,
        /// Where it went.
        to: String,
        /// When it was seen first, and last; microseconds since 1970.
        first_seen: i64,
        /// The same for the last time.
        last_seen: i64,
        /// How wrong the clock of who saw it may be, in seconds.
        clock_error: u32,
        /// The port reached; 0 where it is not known.
        port: u16,
        /// How: a technique, in words.
        technique: String,
        /// How sure it is, in percent.
        certainty: u8,
    }
    /// A person answers for something, or does so no more.
    RoleMoved = "role/1" {
        /// The role.
        role: Role,
        /// The person, by name.
        person: String,
        /// Whether it was given or taken.
        holds: bool,
    }
    /// Something somebody is to do.
    Task = "task/1" {
        /// Its short name within the incident; the same name again changes it.
        name: String,
        /// What is to be done.
        title: String,
        /// The role that does it.
        role: Option<Role>,
        /// The person who does it; empty for nobody yet.
        person: String,
        /// When it must be done; microseconds since 1970.
        due: Option<i64>,
        /// Whether it is.
        done: bool,
    }
    /// An event of the event store belongs to it.
    EventLinked = "event/1" {
        /// `event.id`.
        event: String,
        /// Whether it was linked or unlinked.
        linked: bool,
    }
    /// A notice belongs to it.
    NoticeLinked = "notice/1" {
        /// Its number.
        notice: String,
        /// Whether it was linked or unlinked.
        linked: bool,
    }
    /// Time spent.
    Effort = "effort/1" {
        /// Minutes.
        minutes: u32,
        /// Whose time.
        person: String,
        /// For which party; empty for none.
        party: String,
        /// The kind of work, in a word.
        work: String,
    }
    /// Another incident is the same, or part of this one, or is so no more.
    Joined = "joined/1" {
        /// The other incident.
        incident: String,
        /// `merged`, `parent`, `child`.
        as_what: String,
        /// Whether it was joined or taken apart again.
        joined: bool,
    }
    /// What is to be done better.
    Lesson = "lesson/1" {
        /// The lesson.
        text: String,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_written_is_read_and_what_is_unknown_is_kept_as_such() {
        let task = Task {
            name: "t1".into(),
            title: "Ask for logs".into(),
            role: Some(Role::LeadInvestigator),
            person: String::new(),
            due: Some(5),
            done: false,
        };
        let (kind, value) = Content::from(task.clone()).write().unwrap();
        assert_eq!((kind, &value["role"]), ("task/1", &json!("lead-investigator")));
        assert_eq!(Content::read(kind, &value), Content::Task(task));
        assert_eq!(Content::read("note/2", &json!({"text": "x"})), Content::Unknown);
        assert_eq!(Content::read("note/1", &json!({"text": "x", "more": 1})), Content::Unknown);
        assert_eq!(Content::Unknown.write(), None);
        for (role, word, _) in Role::ALL {
            assert_eq!(serde_json::to_value(role).unwrap(), json!(word));
            assert_eq!((Role::named(word), role.word()), (Some(role), word));
        }
    }
}
