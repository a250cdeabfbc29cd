//! What is said of a message in the conversation with a party, besides its words.

use serde::{Deserialize, Serialize};

/// What a message is that was not sent from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sort {
    /// Somebody wrote it.
    Reply,
    /// A machine answered: on holiday, ticket opened. It says nothing of a person.
    AutoReply,
    /// A message could not be delivered.
    Bounce,
    /// What the incident began with.
    Report,
    /// A person wrote it down: what was said by telephone, or went another way. Nothing of it was checked.
    ByHand,
}

/// What a signature is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Signature {
    /// There is none.
    None,
    /// It holds, and its key is one of the sender that this site knows.
    Good,
    /// It does not hold: changed on the way, or made up.
    Bad,
    /// No key of the sender that is good now made it.
    UnknownKey,
}

/// What OpenPGP says of a mail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Openpgp {
    /// Whether it came encrypted.
    pub encrypted: bool,
    /// What its signature is worth.
    pub signature: Signature,
    /// The key that signed: its fingerprint, or as much of it as the signature says; empty for none.
    pub key: String,
    /// Why it could not be opened, or why the signature does not count; empty where nothing is wrong.
    pub why: String,
}

/// A file of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attached {
    /// Its name, as it came.
    pub name: String,
    /// SHA-256 of its bytes.
    pub sha256: String,
    /// Their number.
    pub bytes: u64,
}
