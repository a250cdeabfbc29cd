//! Persons who work with a site: what they are in general. What they are in one incident is a role there.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What a person may do at a site in general.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StandingRole {
    /// Users, tokens, settings. By itself it reads nothing of incidents.
    Administrator,
    /// Works on events, notices, contacts and incidents.
    Handler,
    /// Reads what clearance and markings allow.
    Reader,
    /// Reads the access log.
    Auditor,
}

impl StandingRole {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Administrator, Self::Handler, Self::Reader, Self::Auditor];

    /// How it is written: `handler`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Administrator => "administrator",
            Self::Handler => "handler",
            Self::Reader => "reader",
            Self::Auditor => "auditor",
        }
    }
}

/// A standing role, for everything or for one constituency alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// The role.
    pub role: StandingRole,
    /// A party or sector it is limited to; nothing for everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub constituency: Option<String>,
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.role.word())?;
        self.constituency.as_ref().map_or(Ok(()), |limit| write!(f, ":{limit}"))
    }
}

impl FromStr for Standing {
    type Err = String;

    /// Reads `handler` or `handler:Example Net`.
    fn from_str(text: &str) -> Result<Self, String> {
        let (word, limit) = text.split_once(':').map_or((text, None), |(word, limit)| (word, Some(limit.trim())));
        let role = StandingRole::ALL.into_iter().find(|role| role.word() == word.trim());
        let role = role.ok_or_else(|| format!("`{word}` is no role: administrator, handler, reader or auditor"))?;
        Ok(Self { role, constituency: limit.filter(|limit| !limit.is_empty()).map(str::to_owned) })
    }
}
