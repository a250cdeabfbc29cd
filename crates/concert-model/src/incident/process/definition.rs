//! What a process is: its steps, and how they follow each other.
//!
//! Steps name what they need. That is the whole graph: there are no arrows to keep in step with it.

use std::fmt;

use super::super::content::{Role, Started};

/// A written way of handling a kind of incident. It was checked when it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// The word people use for it: `infected-host`.
    pub name: String,
    /// Its version.
    pub version: u32,
    /// Its title.
    pub title: String,
    /// When to use it.
    pub description: String,
    /// Classification types it is meant for.
    pub types: Vec<String>,
    /// Its steps, in the order of the file.
    pub steps: Vec<Step>,
    /// The whole text of the file.
    pub text: String,
}

/// A step of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Its id.
    pub id: String,
    /// What is done, in a few words.
    pub title: String,
    /// Response or investigation.
    pub track: Track,
    /// The phase of its track.
    pub phase: Phase,
    /// What kind of step it is.
    pub kind: Kind,
    /// Who does it; `None` for a step at which steps only begin or meet.
    pub role: Option<Role>,
    /// How long it may take from when it became ready, in seconds.
    pub due_seconds: Option<i64>,
    /// What must be settled before.
    pub needs: Vec<Need>,
    /// How a decision can end.
    pub outcomes: Vec<String>,
    /// Outcomes that go back, and to which step.
    pub back: Vec<(String, String)>,
    /// The outcome that comes into force when nobody decides in time.
    pub default: Option<String>,
    /// How long a decision may be held, in seconds from when it became ready.
    pub hold_seconds_max: i64,
    /// Instructions.
    pub text: String,
    /// What there is when it is done.
    pub produces: Vec<String>,
    /// The meeting point of both tracks that it is.
    pub meets: Option<Meeting>,
}

/// What must be settled before a step is ready.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Need {
    /// The step.
    pub step: String,
    /// The outcome it must have had; `None` for any.
    pub outcome: Option<String>,
}

impl Need {
    /// Reads `step` or `step=outcome`.
    pub(super) fn read(text: &str) -> Self {
        match text.split_once('=') {
            Some((step, outcome)) => Self { step: step.trim().into(), outcome: Some(outcome.trim().into()) },
            None => Self { step: text.trim().into(), outcome: None },
        }
    }
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.outcome {
            Some(outcome) => write!(f, "{}={outcome}", self.step),
            None => f.write_str(&self.step),
        }
    }
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$word_doc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name {
            $($(#[$word_doc])* $variant,)*
        }

        impl $name {
            /// All of them with their words.
            pub const ALL: &'static [(&'static str, Self)] = &[$(($word, Self::$variant)),*];

            /// How it is written.
            pub fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }
        }
    };
}

words! {
    /// Response or investigation.
    Track {
        /// Stops the harm.
        Response = "response",
        /// Finds out what happened.
        Investigation = "investigation",
    }
}

words! {
    /// The phases of both tracks, in their order.
    Phase {
        /// It is seen and taken up.
        Detect = "detect",
        /// Those concerned are told.
        Notify = "notify",
        /// The harm is stopped.
        Contain = "contain",
        /// Its cause is removed.
        Remove = "remove",
        /// All is as it should be again.
        Recover = "recover",
        /// The incident ends.
        Close = "close",
        /// What would vanish is saved.
        Preserve = "preserve",
        /// Sources and victims are found.
        Identify = "identify",
        /// Evidence is gathered.
        Collect = "collect",
        /// It is put together.
        Correlate = "correlate",
        /// What was found is written down.
        Report = "report",
    }
}

impl Phase {
    /// The track it belongs to.
    pub fn track(self) -> Track {
        match self < Self::Preserve {
            true => Track::Response,
            false => Track::Investigation,
        }
    }
}

words! {
    /// What kind of step it is.
    Kind {
        /// Somebody does something.
        Action = "action",
        /// Somebody decides between outcomes.
        Decision = "decision",
        /// Steps begin or meet; nobody does anything.
        Parallel = "parallel",
        /// Something is awaited.
        Wait = "wait",
        /// Somebody is told.
        Message = "message",
        /// Evidence is taken.
        Evidence = "evidence",
    }
}

words! {
    /// Where both tracks meet. What each asks for is in `meeting.rs`.
    Meeting {
        /// Triage opens a case without losing the raw report.
        Triage = "triage-keeps-report",
        /// Notifying others and identifying sources and victims feed each other.
        Notify = "notify-and-identify",
        /// Containment of a host under investigation waits for a decision, up to a deadline.
        Contain = "contain-or-hold",
        /// Findings become indicators for all.
        Findings = "findings-to-indicators",
        /// Closing needs custody to be complete and lessons asked for.
        Closing = "closing",
    }
}

impl Process {
    /// A step by its id.
    pub fn step(&self, id: &str) -> Option<&Step> {
        self.steps.iter().find(|step| step.id == id)
    }

    /// The step with which it ends: the one that closes, which nothing needs.
    pub fn end(&self) -> Option<&Step> {
        self.steps.iter().find(|step| step.meets == Some(Meeting::Closing))
    }

    /// What is written into the journal to start it as this run.
    pub fn start(&self, run: &str, party: &str) -> Started {
        let (run, party) = (run.to_owned(), party.to_owned());
        Started { run, name: self.name.clone(), version: self.version, definition: self.text.clone(), party }
    }
}

impl Step {
    /// Who does it, as it is written; empty where nobody does anything.
    pub fn role_word(&self) -> &'static str {
        self.role.map_or("", Role::word)
    }

    /// The step an outcome goes back to.
    pub fn back_to(&self, outcome: &str) -> Option<&str> {
        self.back.iter().find(|(known, _)| known == outcome).map(|(_, step)| step.as_str())
    }

    /// The due time as people say it: `90m`, `2d`; empty where there is none.
    pub fn due_text(&self) -> String {
        self.due_seconds.map(span_text).unwrap_or_default()
    }
}

/// A whole number of the largest unit that fits.
pub(super) fn span_text(seconds: i64) -> String {
    let units = [(86_400, "d"), (3600, "h"), (60, "m")];
    let unit = units.into_iter().find(|(length, _)| seconds >= *length && seconds % length == 0);
    unit.map_or_else(|| format!("{seconds}s"), |(length, name)| format!("{}{name}", seconds / length))
}
