//! What registries say of whom to tell, and who was asked on the way there.

use serde::{Deserialize, Serialize};

/// What a registry says of whom to tell.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Answer {
    /// `RIPE`, `APNIC`.
    pub registry: String,
    /// Who is told, `Example Org (RIPE AR1-RIPE)`: who holds the network, and the objects with the
    /// mailboxes. The same party has the same addresses. Empty without addresses.
    pub party: String,
    /// How the contact was found: `abuse-c`, `org`, `mnt-irt`, `abuse-mailbox`.
    pub via: String,
    /// The objects it stands in.
    pub handles: Vec<String>,
    /// Mail addresses, in order.
    pub mails: Vec<String>,
    /// Those of them that the registry says do not answer.
    pub invalid: Vec<String>,
    /// Languages that are understood there, in the order of the registry: `de, fr`. Those of the network, else those
    /// of who holds it.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub languages: Box<str>,
    /// Why there is no address.
    pub reason: String,
    /// What stands where addresses should and is none, each with its object and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unusable: Vec<String>,
}

impl Answer {
    /// The addresses that are written to: those of which the registry does not say that nobody answers, and all
    /// where it says so of all. What bounces there is found out soon enough.
    pub fn usable(&self) -> impl Iterator<Item = &String> {
        let all_invalid = self.mails.iter().all(|mail| self.is_invalid(mail));
        self.mails.iter().filter(move |mail| all_invalid || !self.is_invalid(mail))
    }

    /// Whether the registry says of an address that nobody answers.
    pub fn is_invalid(&self, mail: &str) -> bool {
        self.invalid.iter().any(|invalid| invalid.eq_ignore_ascii_case(mail))
    }

    /// Whether there is any such address.
    pub fn is_usable(&self) -> bool {
        self.usable().next().is_some()
    }
}

/// A network or AS number that was asked, and what it said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// `192.0.2.0 - 192.0.2.255`, `AS64500`.
    pub what: String,
    /// The kind of object: `inetnum`, `inet6num`, `aut-num`.
    pub class: &'static str,
    /// Its name in the registry.
    pub name: String,
    /// What it said.
    pub answer: Answer,
}

/// What was asked on the way to an answer: the last one has addresses, if any has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// From the smallest on.
    pub steps: Vec<Step>,
}

impl Asked {
    /// The one that answered.
    pub fn answer(&self) -> Option<&Step> {
        self.steps.last().filter(|step| !step.answer.mails.is_empty())
    }
}
