//! What entries say: their kinds, each with a version.
//!
//! A kind that this version does not know, or a content that does not fit its kind, is kept and shown as
//! such. Nothing is dropped because it is new.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::mail::{Attached, Openpgp, Sort};
use super::marking::Marking;
use super::schema;
use crate::problem::{meant, nearest};
use crate::{Problem, Time};

/// Longest text of a note or finding.
pub const TEXT_BYTES_MAX: usize = 256 << 10;

/// A member of what a kind of entry says: its name, and its type.
pub type Member = (&'static str, &'static str);

/// When what entries tell of can have been, in microseconds: from 1970 to the end of 2199. What lies outside is a
/// mistake of a clock or a hand, and a journal holds no numbers of any size.
pub const TIMES: RangeInclusive<i64> = 0..=7_258_118_399_999_999;

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

impl PartyStatus {
    /// Whether a party can say it of itself: not what others did, or found of it.
    pub fn is_own_word(self) -> bool {
        matches!(self, Self::Seen | Self::Acknowledged | Self::Contained | Self::Cleaned | Self::Refuses)
    }
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
    /// Reads what is marked for it.
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
        (Self::Observer, "observer", "reads what is marked for it"),
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

/// What is done with evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Act {
    /// Taken from where it was.
    Collected,
    /// Got from somebody.
    Received,
    /// Put elsewhere.
    Moved,
    /// Looked into.
    Examined,
    /// Copied.
    Copied,
    /// Destroyed; what is written about it stays.
    Destroyed,
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

/// What was done with a step of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Deed {
    /// Done.
    Done,
    /// Left out, with a reason.
    Skipped,
    /// A decision was taken: one of its outcomes.
    Chosen,
    /// A decision is put off until a deadline, with a reason.
    Held,
    /// Somebody asks whoever decides to put a decision off, with a reason. It changes nothing by itself.
    Asked,
    /// Nobody decided before the deadline, so the outcome that the process states came into force.
    Defaulted,
}

/// What is wrong with a step, as those say who followed the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It was not needed.
    Useless,
    /// Something is missing at this place.
    Missing,
    /// It came too late.
    Late,
}

impl Verdict {
    /// How it is written.
    pub fn word(self) -> &'static str {
        match self {
            Self::Useless => "useless",
            Self::Missing => "missing",
            Self::Late => "late",
        }
    }
}

/// An answer to the closing questions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The step; empty where something is missing at the beginning.
    pub step: String,
    /// What is wrong with it.
    pub verdict: Verdict,
    /// In words.
    pub text: String,
}

// Members of the types `i64` and `Option<i64>` are times: microseconds since 1970 in a journal, RFC 3339 wherever
// people give and read them.
macro_rules! contents {
    ($($(#[doc = $doc:literal])* $name:ident = $kind:literal {
        $($(#[doc = $field_doc:literal])* $(#[serde($($serde:tt)*)])? $field:ident: $type:ty,)*
    })*) => {
        /// What an entry says.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Content {
            $($(#[doc = $doc])* $name($name),)*
            /// A kind of a newer site, or a content that does not fit its kind.
            Unknown,
        }

        $(
            $(#[doc = $doc])*
            #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
            #[serde(deny_unknown_fields)]
            pub struct $name {
                $($(#[doc = $field_doc])* $(#[serde($($serde)*)])? pub $field: $type,)*
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

            /// The first member that its type does not take, with its type and why.
            fn misfit(kind: &str, members: &Map<String, Value>) -> Option<(&'static str, &'static str, String)> {
                match kind {
                    $($kind => {
                        $(
                            let value = members.get(stringify!($field)).unwrap_or(&Value::Null);
                            if let Err(error) = <$type>::deserialize(value) {
                                return Some((stringify!($field), stringify!($type), error.to_string()));
                            }
                        )*
                        None
                    })*
                    _ => None,
                }
            }

            /// Every kind with the members of its content: the name of each, and its type.
            pub const KINDS: &'static [(&'static str, &'static [Member])] =
                &[$(($kind, &[$((stringify!($field), stringify!($type)),)*]),)*];

            /// What each kind and each of its members means, in the order of [`Self::KINDS`].
            pub const MEANINGS: &'static [(&'static str, &'static [&'static str])] =
                &[$((concat!($($doc),*), &[$(concat!($($field_doc),*),)*]),)*];

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
        /// Tells it from findings of the same name that its writer did not see.
        #[serde(default)]
        item: String,
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
        /// `ip`, `network`, `asn`, `domain`, `url`, `mail`, `hash`, `cve`, or `text` for anything else.
        of: String,
        /// The value, which is kept in its plain form also where it is given defanged.
        value: String,
    }
    /// Who reached whom: an observed flow from one host to another.
    Relation = "relation/1" {
        /// Where it came from.
        from: String,
        /// Where it went.
        to: String,
        /// When it was seen first.
        first_seen: i64,
        /// When it was seen last; as `first_seen` where it was seen once.
        last_seen: i64,
        /// How wrong the clock of who saw it may be, in seconds.
        clock_error: u32,
        /// The port reached; 0 where it is not known.
        port: u16,
        /// How: a technique, in words.
        technique: String,
        /// How sure it is, in percent.
        certainty: u8,
        /// The zone its source wrote the times in; empty for UTC.
        #[serde(default)]
        zone: String,
        /// The evidence it comes from, by its SHA-256; empty for none.
        #[serde(default)]
        evidence: String,
        /// The line of the evidence, from 1; 0 for none.
        #[serde(default)]
        line: u64,
    }
    /// A host belongs to a party.
    HostHeld = "host/1" {
        /// The host.
        host: String,
        /// The party; empty for none any more.
        party: String,
    }
    /// A person answers for something, or does so no more.
    RoleMoved = "role/1" {
        /// The role.
        role: Role,
        /// The person, by name.
        person: String,
        /// The party that the person speaks for; empty for this site.
        party: String,
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
        /// When it must be done.
        due: Option<i64>,
        /// Whether it is.
        done: bool,
        /// Tells it from tasks of the same name that its writer did not see.
        #[serde(default)]
        item: String,
    }
    /// An event of the event store belongs to it.
    EventLinked = "event/1" {
        /// `event.id`.
        event: String,
        /// Whether it was linked or unlinked.
        linked: bool,
    }
    /// A rule opened it: events that the rule catches under the same key belong to it.
    Ruled = "rule/1" {
        /// The rule, by its name in the settings.
        rule: String,
        /// The values that its events have in common, as people read them.
        key: String,
    }
    /// Events of the event store belong to it, many at once.
    EventsLinked = "events/1" {
        /// The rule that caught them.
        rule: String,
        /// `event.id` of each.
        events: Vec<String>,
        /// How many more there were that are not listed.
        more: u64,
        /// When the first of them happened, and the last.
        first: i64,
        /// The same for the last.
        last: i64,
    }
    /// A flow that may be the next hop: what an event, or a line of evidence, says of a host that is known here.
    Proposed = "proposed/1" {
        /// The event, or `SHA-256:line` of evidence; the proposal is called by it.
        event: String,
        /// Where it came from.
        from: String,
        /// Where it went; empty where that is not known.
        to: String,
        /// The port reached; 0 where it is not known.
        port: u16,
        /// When it was seen first, and last.
        first_seen: i64,
        /// The same for the last time.
        last_seen: i64,
        /// How wrong the clock of who saw it may be, in seconds.
        clock_error: u32,
        /// What happened, in words.
        text: String,
        /// The zone of the log that says so; empty for UTC.
        #[serde(default)]
        zone: String,
    }
    /// How many proposals of a day were left out so far, because there were too many.
    LeftOut = "left-out/1" {
        /// The day (UTC): `2026-11-22`.
        day: String,
        /// At least so many.
        count: u64,
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
        /// The entry that it was spent on, as `site:sequence`; empty where it is told by itself.
        #[serde(default)]
        entry: String,
    }
    /// Another incident is the same, or part of this one, or is so no more.
    Joined = "joined/1" {
        /// The other incident.
        incident: String,
        /// What the other is to this one: `merged` (its content shows here), `into` (the content of this one shows
        /// there), `parent`, `child`, `split-from` (entries of the other show here), `split-to` (entries of this
        /// one show there).
        as_what: String,
        /// Whether it was joined or taken apart again.
        joined: bool,
        /// Why.
        #[serde(default)]
        reason: String,
        /// The entries that a split moves, each as `site:sequence`.
        #[serde(default)]
        entries: Vec<String>,
    }
    /// Something that happened, apart from what was done about it.
    Happened = "happened/1" {
        /// When.
        time: i64,
        /// The zone its source wrote it in; empty for UTC.
        zone: String,
        /// How wrong the clock of who saw it may be, in seconds.
        clock_error: u32,
        /// The host or person it happened to.
        subject: String,
        /// What happened.
        text: String,
        /// The evidence it comes from, by its SHA-256; empty for none.
        evidence: String,
        /// The line of the evidence, from 1; 0 for none.
        #[serde(default)]
        line: u64,
    }
    /// A message to a party, or from one.
    MessageKept = "message/1" {
        /// The party of the conversation; empty where it is not known yet.
        party: String,
        /// Whether it came in or went out.
        incoming: bool,
        /// Message-ID, without its brackets.
        message_id: String,
        /// The address of the other side.
        address: String,
        /// Its subject.
        subject: String,
        /// Its text.
        text: String,
        /// The notice that carries it, where it went out.
        notice: String,
        /// Message-ID of the message that it answers; empty for none.
        #[serde(default)]
        answers: String,
        /// What came in by mail, or that it was written down by hand; nothing for what was sent from here.
        #[serde(default)]
        sort: Option<Sort>,
        /// Whether it came encrypted, and what its signature is worth.
        #[serde(default)]
        openpgp: Option<Openpgp>,
        /// Files that came with it, or went out with it.
        #[serde(default)]
        attachments: Vec<Attached>,
        /// The number of the mail in the mailbox of the site that took it; 0 for none.
        #[serde(default)]
        mail: u64,
        /// Until when the party is asked to answer, where it is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        answer_by: Option<i64>,
    }
    /// A message to a party was handed over, or could not be: the proof that it was sent.
    Delivered = "delivery/1" {
        /// The notice that carries it.
        notice: String,
        /// The party it is for.
        party: String,
        /// Whether the server took it.
        taken: bool,
        /// When.
        time: i64,
        /// What the server answered, or why it was not sent.
        answer: String,
    }
    /// What was done with a file that came with a message: kept as evidence, or left.
    AttachmentSorted = "attachment/1" {
        /// The number of the mail it came with.
        mail: u64,
        /// The file, by the SHA-256 of its bytes.
        sha256: String,
        /// Whether it was kept.
        kept: bool,
        /// Why not.
        reason: String,
    }
    /// A party must not be told anything yet, or may be told again.
    TellingHeld = "hold/1" {
        /// The party.
        party: String,
        /// Whether it must wait.
        held: bool,
        /// Why.
        reason: String,
    }
    /// The order in which parties are told: nobody before all those in front were.
    TellingOrdered = "order/1" {
        /// The parties, first to last.
        parties: Vec<String>,
        /// Why.
        reason: String,
    }
    /// Bytes taken into custody, or derived from others.
    EvidenceAdded = "evidence/1" {
        /// SHA-256 of its bytes, which is what it is called by.
        sha256: String,
        /// Its name, as whoever gave it called it.
        name: String,
        /// Number of bytes.
        bytes: u64,
        /// What it is, and where it comes from.
        text: String,
        /// What it was derived from, by SHA-256; empty for what came from outside.
        of: String,
    }
    /// What was done with evidence: collected, received, moved, examined, copied, destroyed.
    Custody = "custody/1" {
        /// The evidence, by its SHA-256.
        sha256: String,
        /// What was done.
        act: Act,
        /// Who did it.
        person: String,
        /// From whom it was got, or who got the copy; empty where nobody else had to do with it.
        #[serde(default)]
        whom: String,
        /// Where.
        place: String,
        /// Why.
        reason: String,
    }
    /// Somebody wants evidence to go to a party, or agrees that it does. It takes two persons.
    Release = "release/1" {
        /// The evidence, by its SHA-256.
        sha256: String,
        /// Who gets it.
        party: String,
        /// Why.
        reason: String,
    }
    /// Who the neighbour of a party in the chain is was told to it, by consent or by decision.
    NeighbourNamed = "neighbour/1" {
        /// The host that is named.
        host: String,
        /// The party that is told.
        party: String,
        /// Whose consent, or why it was decided.
        reason: String,
    }
    /// A next hop that was proposed is taken up or not.
    ProposalAnswered = "proposal/1" {
        /// The event it was proposed from.
        event: String,
        /// Whether it was accepted.
        accepted: bool,
        /// Why.
        reason: String,
    }
    /// A clock of a law runs.
    ClockStarted = "clock/1" {
        /// The clock as the catalogue calls it: `nis2-early-warning`.
        clock: String,
        /// When what starts it happened.
        since: i64,
        /// Until when: left out, as the law of the clock says.
        due: i64,
        /// The party for which it runs; empty for the incident as a whole. A law has one clock for each.
        #[serde(default)]
        party: String,
        /// Why it begins anew, where it was started before; the one before stays in its history.
        #[serde(default)]
        again: String,
    }
    /// A clock was met, with its proof.
    ClockMet = "clock-met/1" {
        /// The clock.
        clock: String,
        /// The party for which it runs; empty for the incident as a whole.
        #[serde(default)]
        party: String,
        /// When.
        time: i64,
        /// What proves it, in words; may be empty where `points_to` says it.
        proof: String,
        /// What proves it and is there: `entry:17` by its number in the log (kept as `entry:SITE:SEQUENCE`),
        /// `notice:NUMBER`, `mail:NUMBER`, or `evidence:SHA-256`; empty for none.
        #[serde(default)]
        points_to: String,
    }
    /// The body of an entry was erased.
    Erased = "erased/1" {
        /// The site of its chain.
        site: String,
        /// Its place in the chain.
        sequence: u64,
        /// Why: retention, privacy law.
        reason: String,
        /// The other incident, where the entry said how this one belongs to it; else left out.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        joins: String,
    }
    /// What an incident needs to stand of what it was opened with, whose words were erased.
    Opening = "opening/1" {
        /// The site of the chain of the entry that opened it.
        site: String,
        /// The place of that entry in the chain.
        sequence: u64,
        /// Who opened it.
        author: String,
        /// How that entry was marked.
        marking: Marking,
        /// The number people say.
        number: String,
        /// `classification.type` of the taxonomy, as it was opened.
        classification: String,
        /// How bad it was, as it was opened.
        severity: Severity,
    }
    /// An entry is marked otherwise than it was written.
    Remarked = "entry-marking/1" {
        /// The site of its chain.
        site: String,
        /// Its place in the chain.
        sequence: u64,
        /// The new marking.
        marking: Marking,
        /// Why.
        reason: String,
    }
    /// What is to be done better.
    Lesson = "lesson/1" {
        /// The lesson.
        text: String,
    }
    /// By what others can recognise what a finding says.
    Indicated = "indicators/1" {
        /// The finding, by its name.
        finding: String,
        /// Values to look for.
        observables: Vec<Observable>,
        /// Why there are none; empty where there are.
        reason: String,
        /// Which of the findings of that name is meant.
        #[serde(default)]
        item: String,
    }
    /// A process begins.
    Started = "process/1" {
        /// Its short name within the incident: which run of which process it is.
        run: String,
        /// The name of the process.
        name: String,
        /// Its version.
        version: u32,
        /// The whole text of its file, so that this version holds and others can read it.
        definition: String,
        /// The party that it concerns, whose steps are those of the affected party; empty for the only one that takes part.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        party: String,
    }
    /// Something was done with a step of a process.
    Stepped = "step/1" {
        /// The run.
        run: String,
        /// The step, by its id.
        step: String,
        /// What was done with it.
        deed: Deed,
        /// The outcome of a decision; empty for other deeds.
        outcome: String,
        /// Until when a decision is held, or is wished to be.
        until: Option<i64>,
        /// Why: needed to skip, to hold, to ask for that, and to do the triage of what nothing is linked to.
        reason: String,
    }
    /// The closing questions about a run were asked, and this was the answer. None: nothing to say.
    Answered = "feedback/1" {
        /// The run.
        run: String,
        /// What was said of steps.
        answers: Vec<Answer>,
    }
}

/// Kinds that are written where what they are about is at hand: an incident is opened, and evidence is handled.
const NOT_BY_HAND: [&str; 11] = [
    "opened/1",
    "opening/1",
    "evidence/1",
    "custody/1",
    "release/1",
    "joined/1",
    "rule/1",
    "left-out/1",
    "delivery/1",
    "attachment/1",
    "entry-marking/1",
];

impl Content {
    /// The content of a kind as people read it: with times as RFC 3339 has them, where an entry holds numbers.
    pub fn shown(kind: &str, content: &Value) -> Value {
        let (mut shown, known) = (content.clone(), Self::KINDS.iter().find(|(name, _)| *name == kind));
        let times = known.into_iter().flat_map(|(_, members)| *members).filter(|(_, of)| is_time(of));
        for (member, _) in times {
            if let Some(time) = shown.get_mut(*member)
                && let Some(micros) = time.as_i64()
            {
                *time = Value::String(Time(micros).to_string());
            }
        }
        shown
    }

    /// Whether people write entries of this kind as they are.
    pub fn is_by_hand(kind: &str) -> bool {
        !NOT_BY_HAND.contains(&kind)
    }

    /// The kind that is called so, with or without its version, and its members.
    pub fn kind(kind: &str) -> Result<(&'static str, &'static [Member]), Problem> {
        let known =
            |(name, _): &&(&str, _)| *name == kind || name.split_once('/').is_some_and(|(word, _)| word == kind);
        if let Some((name, fields)) = Self::KINDS.iter().rev().find(known) {
            return Ok((name, fields));
        }
        let words = Self::KINDS.iter().filter_map(|(name, _)| name.split_once('/')).map(|(word, _)| word);
        Err(Problem::new(format!("`{kind}` is no kind of entry")).hint(meant(kind, words, "")))
    }

    /// What a member of a kind says, as a hint.
    fn meaning(kind: &str, member: &str) -> String {
        let of = |((name, members), (_, meanings))| {
            let members: &[Member] = members;
            let at = members.iter().position(|(one, _)| *one == member).filter(|_| name == kind)?;
            <[&'static str]>::get(meanings, at).map(|meaning| meaning.trim())
        };
        let kinds = Self::KINDS.iter().copied().zip(Self::MEANINGS.iter().copied());
        let meaning = kinds.filter_map(of).next().unwrap_or_default().trim_end_matches('.');
        let mut letters = meaning.chars();
        letters.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(letters).collect()
    }

    /// What a person wrote: a kind with or without its version, and members in their JSON form or as text.
    /// What is left out is empty. The error says what is wrong.
    pub fn from_person(kind: &str, mut members: Map<String, Value>) -> Result<Self, Problem> {
        let (name, fields) = Self::kind(kind)?;
        if let Some(odd) = members.keys().find(|key| !fields.iter().any(|(field, _)| field == key)) {
            let names: Vec<&str> = fields.iter().map(|(field, _)| *field).collect();
            let otherwise = format!("it has: {}", names.join(", "));
            let hint = meant(odd, names, otherwise);
            return Err(Problem::new(format!("`{odd}` does not belong into {name}")).hint(hint));
        }
        if let Some(zone) = zone_said(fields, &members) {
            members.insert("zone".into(), Value::String(zone));
        }
        for (field, kind) in fields {
            let given = members.remove(*field);
            let problem = |why: String| Problem::new(format!("`{field}` of {name}: {why}"));
            let value = match given {
                None => empty(field, kind).ok_or_else(|| {
                    problem(format!("it is wanted ({})", in_words(kind))).hint(Self::meaning(name, field))
                }),
                Some(given) => read_member(kind, given).map_err(problem),
            }?;
            members.insert((*field).to_owned(), value);
        }
        if let Some((field, of, why)) = Self::misfit(name, &members) {
            return Err(misfit(name, field, of, members.get(field).unwrap_or(&Value::Null), &why));
        }
        match Self::read(name, &Value::Object(members)) {
            Self::Unknown => Err(Problem::new(format!("this is no {name}"))),
            content => Ok(content),
        }
    }
}

impl MessageKept {
    /// Whether a person of the party says something: no machine, and no bounce.
    pub fn is_answer(&self) -> bool {
        self.incoming && !matches!(self.sort, Some(Sort::AutoReply | Sort::Bounce))
    }
}

/// What a member of this type takes, as people say it.
pub fn in_words(of: &str) -> String {
    if let Some(word) = of.strip_prefix("Option<").and_then(|of| of.strip_suffix('>')) {
        return format!("{}, or nothing", in_words(word));
    }
    match (of, schema::words(of)) {
        (_, Some(words)) => format!("one of {}", words.join(", ")),
        ("String", _) => "a text".into(),
        ("bool", _) => "true or false".into(),
        ("u16", _) => format!("a whole number up to {}", u16::MAX),
        ("u8", _) => format!("a whole number up to {}", u8::MAX),
        ("u64" | "u32", _) => "a whole number from 0".into(),
        ("i64", _) => "a time with its zone".into(),
        ("Marking", _) => "a label".into(),
        ("Openpgp", _) => "what OpenPGP says of it".into(),
        ("Vec<String>", _) => "names, with commas between them".into(),
        ("Vec<Attached>", _) => "a list of {name, sha256, bytes}".into(),
        ("Vec<Observable>", _) => "a list of {of, value}".into(),
        ("Vec<Answer>", _) => "a list of {step, verdict, text}".into(),
        _ => of.to_lowercase(),
    }
}

/// What is wrong with a member.
fn misfit(kind: &str, field: &str, of: &str, value: &Value, why: &str) -> Problem {
    let word = of.strip_prefix("Option<").and_then(|of| of.strip_suffix('>')).unwrap_or(of);
    let what = |why: &str| Problem::new(format!("`{field}` of {kind}: {why}"));
    let wanted = format!("it takes {}", in_words(of));
    match value {
        Value::Null => what("nothing is not a value of it").hint(wanted),
        Value::String(text) => {
            let near = schema::words(word).and_then(|words| nearest(text, words.iter().copied()));
            let hint = near.map_or(wanted.clone(), |near| format!("did you mean `{near}`? {wanted}"));
            what(&format!("`{}` is not a value of it", shortened(text))).hint(hint)
        }
        // What is wrong inside of it only its reader knows; that names types where the whole is something else.
        Value::Array(_) | Value::Object(_) if !why.starts_with("invalid ") => what(why).hint(wanted),
        other => what(&format!("`{}` is not a value of it", shortened(&other.to_string()))).hint(wanted),
    }
}

/// As much of a value as fits into a sentence.
fn shortened(text: &str) -> String {
    const CHARS_MAX: usize = 60;
    match text.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// What a member says that is left out: nothing. `None` where that cannot be.
pub(super) fn empty(field: &str, of: &str) -> Option<Value> {
    match of {
        "String" => Some(Value::String(String::new())),
        // Other members of this kind say that something holds now, which is why they are written. A task is
        // written to be done.
        "bool" => Some(Value::Bool(field != "done")),
        "u64" | "u32" | "u16" | "u8" => Some(Value::from(0)),
        // Until when a clock runs follows from its law.
        "i64" if field == "due" => Some(Value::from(0)),
        "Vec<String>" | "Vec<Attached>" => Some(Value::Array(Vec::new())),
        _ => of.starts_with("Option").then_some(Value::Null),
    }
}

/// The zone of what happened, where a time says it and nobody else does: the moment is kept without it.
fn zone_said(fields: &[(&str, &str)], members: &Map<String, Value>) -> Option<String> {
    let is_said = members.get("zone").is_some_and(|zone| zone.as_str() != Some(""));
    if is_said || !fields.contains(&("zone", "String")) {
        return None;
    }
    let times = fields.iter().filter(|(_, of)| is_time(of)).filter_map(|(field, _)| members.get(*field)?.as_str());
    let mut offsets = times.filter_map(Time::rfc3339).map(|(_, offset)| offset);
    offsets.find(|offset| !offset.eq_ignore_ascii_case("z") && *offset != "+00:00").map(str::to_owned)
}

/// Whether a member of this type is a time.
pub(super) fn is_time(of: &str) -> bool {
    matches!(of, "i64" | "Option<i64>")
}

/// A time as it is kept. It is given as people write it, with the zone: without it nobody knows when.
fn read_time(value: Value) -> Result<Value, String> {
    let given = match &value {
        // Whether it may be left out is for its type to say.
        Value::Null => return Ok(value),
        Value::String(text) => shortened(text),
        other => shortened(&other.to_string()),
    };
    let time = value.as_str().and_then(Time::rfc3339).map(|(time, _)| time.0);
    match time {
        Some(micros) if TIMES.contains(&micros) => Ok(Value::from(micros)),
        Some(_) => Err(format!("`{given}` is not in the years 1970 to 2199")),
        None => Err(format!(
            "`{given}` is no time with its zone; write it like 2026-11-22T04:50:30Z or 2026-11-22T06:50:30+02:00"
        )),
    }
}

/// A member as its type wants it, from JSON or from text.
fn read_member(kind: &str, value: Value) -> Result<Value, String> {
    if is_time(kind) {
        return read_time(value);
    }
    let Value::String(text) = &value else { return Ok(value) };
    match kind {
        "bool" => text.parse().map(Value::Bool).map_err(|_| format!("`{text}` is not true or false")),
        "u64" | "u32" | "u16" | "u8" => {
            text.parse::<u64>().map(Value::from).map_err(|_| format!("`{text}` is not {}", in_words(kind)))
        }
        "Vec<String>" => {
            let names = text.split(',').map(|name| Value::from(name.trim()));
            Ok(Value::Array(names.collect()))
        }
        "Marking" => text.parse().map(|tlp| serde_json::to_value(Marking::of(tlp)).unwrap_or_default()),
        _ => Ok(value),
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
            item: "0123456789abcdef".into(),
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

    #[test]
    fn what_is_left_out_is_empty_and_a_task_is_open() {
        let read = |kind: &str, value: Value| {
            let Value::Object(members) = value else { panic!("{value}") };
            Content::from_person(kind, members).unwrap().write().unwrap().1
        };
        let task = read("task", json!({"name": "nt", "title": "New task"}));
        let want = json!({"name": "nt", "title": "New task", "role": null, "person": "", "due": null, "done": false, "item": ""});
        assert_eq!(task, want);
        assert_eq!(read("task", json!({"name": "nt", "done": "true"}))["done"], true);
        assert_eq!(read("role", json!({"role": "observer", "person": "ben"}))["holds"], true);
    }

    #[test]
    fn a_time_says_its_zone_which_is_kept_where_its_source_wrote_it() {
        let read = |kind: &str, value: Value| {
            let Value::Object(members) = value else { panic!("{value}") };
            Content::from_person(kind, members).map(|content| content.write().unwrap().1)
        };
        let at = |time: &str, zone: &str| json!({"time": time, "zone": zone, "subject": "web7", "text": "x"});
        let check = |time: &str, zone: &str, want: &str| {
            let item = read("happened", at(time, zone)).unwrap();
            assert_eq!((&item["time"], &item["zone"]), (&json!(1_795_323_030_000_000_i64), &json!(want)), "{time}");
        };
        check("2026-11-22T04:50:30Z", "", "");
        check("2026-11-22T04:50:30+00:00", "", "");
        check("2026-11-22T06:50:30+02:00", "", "+02:00");
        check("2026-11-22T06:50:30+02:00", "Europe/Helsinki", "Europe/Helsinki");
        let flow = json!({"first_seen": "2026-11-22T04:50:30Z", "last_seen": "2026-11-22T06:50:30+02:00", "clock_error": "60"});
        let flow = read("relation", flow).unwrap();
        assert_eq!((&flow["zone"], &flow["clock_error"]), (&json!("+02:00"), &json!(60)));
        for odd in ["0001-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "2200-01-01T00:00:00Z", "9999-12-31T23:59:59Z"] {
            let told = read("happened", at(odd, "")).unwrap_err().what;
            assert_eq!(told, format!("`time` of happened/1: `{odd}` is not in the years 1970 to 2199"));
        }
        assert!(read("happened", at("2199-12-31T23:59:59.999999Z", "")).is_ok());
        assert!(read("happened", json!({"time": 1_795_323_030_000_000_i64, "text": "x"})).is_err());
        for odd in ["2026-11-22", "2026-11-22T04:50:30", "2026-11-22 04:50:30Z", "1795323030", "yesterday", ""] {
            let told = read("happened", at(odd, "")).unwrap_err().what;
            assert!(told.starts_with(&format!("`time` of happened/1: `{odd}` is no time with its zone")), "{told}");
            assert!(read("task", json!({"name": "t", "due": odd})).is_err(), "{odd}");
        }
    }

    #[test]
    fn times_are_read_as_they_are_given() {
        let check = |kind: &str, held: Value, want: Value| assert_eq!(Content::shown(kind, &held), want);
        let (first, last) = (1_795_323_030_000_000_i64, 1_795_323_030_000_001_i64);
        check(
            "relation/1",
            json!({"from": "a", "first_seen": first, "last_seen": last, "port": 22}),
            json!({"from": "a", "first_seen": "2026-11-22T04:50:30Z", "last_seen": "2026-11-22T04:50:30.000001Z", "port": 22}),
        );
        check("task/1", json!({"due": null, "done": false}), json!({"due": null, "done": false}));
        check("step/1", json!({"until": first}), json!({"until": "2026-11-22T04:50:30Z"}));
        // What a newer site says is given as it came.
        check("relation/2", json!({"first_seen": first}), json!({"first_seen": first}));
        check("note/1", json!("x"), json!("x"));
    }

    #[test]
    fn the_member_that_does_not_fit_is_named_with_what_it_takes() {
        let check = |kind: &str, value: Value, want: &str| {
            let Value::Object(members) = value else { panic!("{value}") };
            assert_eq!(Content::from_person(kind, members).unwrap_err().to_string(), want);
        };
        let at = "2026-11-22T04:50:30Z";
        check(
            "status",
            json!({"status": "nonsense"}),
            "`status` of status/1: `nonsense` is not a value of it\n  hint: it takes one of open, waiting, closed",
        );
        check(
            "status",
            json!({"status": "closd"}),
            "`status` of status/1: `closd` is not a value of it\n  hint: did you mean `closed`? it takes one of open, waiting, closed",
        );
        check(
            "status",
            json!({}),
            "`status` of status/1: it is wanted (one of open, waiting, closed)\n  hint: the new status",
        );
        check(
            "relation",
            json!({"first_seen": at}),
            "`last_seen` of relation/1: it is wanted (a time with its zone)\n  hint: when it was seen last; as `first_seen` where it was seen once",
        );
        check(
            "status",
            json!({"status": "open", "reason": 5}),
            "`reason` of status/1: `5` is not a value of it\n  hint: it takes a text",
        );
        check(
            "relation",
            json!({"first_seen": at, "last_seen": at, "port": 70_000}),
            "`port` of relation/1: `70000` is not a value of it\n  hint: it takes a whole number up to 65535",
        );
        check(
            "relation",
            json!({"first_seen": at, "last_seen": at, "port": "ssh"}),
            "`port` of relation/1: `ssh` is not a whole number up to 65535",
        );
        check(
            "task",
            json!({"due": [1]}),
            "`due` of task/1: `[1]` is no time with its zone; write it like 2026-11-22T04:50:30Z or 2026-11-22T06:50:30+02:00",
        );
        check("task", json!({"done": "maybe"}), "`done` of task/1: `maybe` is not true or false");
        check(
            "task",
            json!({"done": null}),
            "`done` of task/1: nothing is not a value of it\n  hint: it takes true or false",
        );
        check(
            "indicators",
            json!({"observables": [{"of": "ip"}]}),
            "`observables` of indicators/1: missing field `value`\n  hint: it takes a list of {of, value}",
        );
        check(
            "indicators",
            json!({"observables": ["192.0.2.7"]}),
            "`observables` of indicators/1: `[\"192.0.2.7\"]` is not a value of it\n  hint: it takes a list of {of, value}",
        );
        // No kind of value is told by its name in the source.
        for (_, of) in Content::KINDS.iter().flat_map(|(_, members)| *members) {
            let told = in_words(of);
            assert!(!told.contains(|c: char| c == '<' || c.is_ascii_uppercase()) || told.contains("OpenPGP"), "{told}");
        }
    }
}
