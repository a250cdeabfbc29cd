//! Users: persons who may work with a site, what they stand for in it, and how far they may read.
//!
//! What a standing role may do with a single object is the access decision's to say; here is only
//! which kinds of work it admits at all. Passwords and other secrets are no part of a user.

mod token;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Time;
use crate::access::Person;
use crate::incident::Tlp;

pub use token::{Bearer, Scope, Token, parse_scopes};

/// Longest name.
const NAME_CHARS_MAX: usize = 64;
/// Longest full name, mail address or constituency.
const TEXT_CHARS_MAX: usize = 200;
/// Most standing roles of a user.
pub const STANDING_MAX: usize = 32;

/// A person who may work with the site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// What the person logs in as; unique within the site and never changed.
    pub name: String,
    /// What others call the person.
    pub full_name: String,
    /// Mail address; empty for none.
    pub mail: String,
    /// What the person stands for in the site, whatever incident it is about.
    pub standing: Vec<Standing>,
    /// The strictest label the person may read.
    pub clearance: Tlp,
    /// Whether the person may not come in.
    pub disabled: bool,
    /// When the user was made.
    pub made: Time,
}

/// A role in the site, possibly for one constituency alone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Standing {
    /// The role.
    pub role: StandingRole,
    /// The name of the party or of the sector it is limited to; nothing for the whole site.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub constituency: Option<String>,
}

/// What a user may be in a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StandingRole {
    /// Looks after users, tokens and settings. By itself it reads nothing of incidents.
    Administrator,
    /// Works on events, notices, contacts and incidents.
    Handler,
    /// Reads what clearance and marking allow.
    Reader,
    /// Reads the access log.
    Auditor,
}

impl StandingRole {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Administrator, Self::Handler, Self::Reader, Self::Auditor];

    /// How it is written.
    pub fn word(self) -> &'static str {
        match self {
            Self::Administrator => "administrator",
            Self::Handler => "handler",
            Self::Reader => "reader",
            Self::Auditor => "auditor",
        }
    }

    /// Whether it admits work of a scope at all.
    fn admits(self, scope: Scope) -> bool {
        match self {
            Self::Administrator => matches!(scope, Scope::UsersWrite | Scope::MetricsRead | Scope::Admin),
            // Of the log that is the part of an incident which somebody observes or coordinates.
            Self::Handler => !matches!(scope, Scope::UsersWrite | Scope::Admin),
            Self::Reader => scope.is_reading(),
            Self::Auditor => scope == Scope::AuditRead,
        }
    }
}

impl fmt::Display for StandingRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.constituency {
            Some(constituency) => write!(f, "{}:{constituency}", self.role),
            None => write!(f, "{}", self.role),
        }
    }
}

impl FromStr for Standing {
    type Err = String;

    /// Reads `handler` or `handler:energy`.
    fn from_str(text: &str) -> Result<Self, String> {
        let (word, constituency) = match text.split_once(':') {
            Some((word, constituency)) => (word, Some(constituency.trim())),
            None => (text, None),
        };
        let role = StandingRole::ALL.into_iter().find(|role| role.word() == word.trim()).ok_or_else(|| {
            format!("`{}` is no standing role: administrator, handler, reader or auditor", word.trim().escape_debug())
        })?;
        if let Some(constituency) = constituency {
            // Users and the access log are not divided by constituency, so such a limit would hold nothing back.
            if matches!(role, StandingRole::Administrator | StandingRole::Auditor) {
                return Err(format!("the role {role} is for the whole site and cannot be limited to a constituency"));
            }
            if constituency.is_empty() {
                return Err(format!("`{role}:` names no constituency; leave out the colon for the whole site"));
            }
            check_text("a constituency", constituency)?;
        }
        Ok(Self { role, constituency: constituency.map(str::to_owned) })
    }
}

impl User {
    /// Whether any standing role admits work of this scope at all, be it for one constituency only. That
    /// keeps tokens from being made for nothing; about each object the access decision decides.
    /// A user who is disabled may do nothing.
    pub fn admits(&self, scope: Scope) -> bool {
        // Numbers are not divided by constituency.
        let is_wide = |standing: &&Standing| scope != Scope::MetricsRead || standing.constituency.is_none();
        !self.disabled && self.standing.iter().filter(is_wide).any(|standing| standing.role.admits(scope))
    }

    /// The user as the access decision knows it, without a token.
    pub fn person(&self) -> Person {
        let (name, standing, clearance) = (self.name.clone(), self.standing.clone(), self.clearance);
        Person { name, is_operator: false, standing, clearance, ..Person::nobody() }
    }

    /// What is wrong with its texts, as a sentence; nothing when all is right.
    pub fn check(&self) -> Result<(), String> {
        check_name(&self.name)?;
        if self.full_name.trim().is_empty() {
            return Err("a full name is needed, by which others know the person".into());
        }
        check_text("a full name", &self.full_name)?;
        check_mail(&self.mail)?;
        if self.standing.len() > STANDING_MAX {
            return Err(format!("a user has at most {STANDING_MAX} standing roles"));
        }
        Ok(())
    }
}

/// Whether a text can be the name of a user; else why not, as a sentence.
pub fn check_name(name: &str) -> Result<(), String> {
    let length = name.chars().count();
    let is_allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-');
    if !(2..=NAME_CHARS_MAX).contains(&length) || !name.chars().all(is_allowed) {
        let shown: String = name.chars().take(NAME_CHARS_MAX).collect();
        return Err(format!(
            "`{}` is no name of a user: 2 to {NAME_CHARS_MAX} of a-z, 0-9, dot, underscore and dash",
            shown.escape_debug()
        ));
    }
    Ok(())
}

fn check_mail(mail: &str) -> Result<(), String> {
    check_text("a mail address", mail)?;
    let is_mail = mail.split_once('@').is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty());
    if !mail.is_empty() && (!is_mail || mail.contains(char::is_whitespace)) {
        return Err(format!("`{}` is no mail address", mail.escape_debug()));
    }
    Ok(())
}

/// Refuses what would be read as something else than it is: it stands on pages beside what was done.
fn check_text(what: &str, text: &str) -> Result<(), String> {
    if text.chars().count() > TEXT_CHARS_MAX {
        return Err(format!("{what} has at most {TEXT_CHARS_MAX} characters"));
    }
    if text.chars().any(|c| c.is_control() || is_invisible(c)) {
        return Err(format!(
            "{what} has no control characters and none that turn the direction of writing: `{}`",
            text.escape_debug()
        ));
    }
    Ok(())
}

fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user() -> User {
        User {
            name: "jane".into(),
            full_name: "Jané Doe".into(),
            mail: "jane@cert.example".into(),
            standing: vec!["handler:energy".parse().unwrap()],
            clearance: Tlp::Amber,
            disabled: false,
            made: Time(0),
        }
    }

    #[test]
    fn names_and_texts_that_mislead_are_refused() {
        for good in ["ab", "jane.doe", "a-b_9", &"x".repeat(64)] {
            assert_eq!(check_name(good), Ok(()), "{good}");
        }
        for bad in ["", "a", "Jane", "jané", "a b", "a\u{202e}b", "a/b", &"x".repeat(65)] {
            assert!(check_name(bad).unwrap_err().contains("is no name of a user"), "{bad}");
        }
        assert_eq!(user().check(), Ok(()));
        assert!(User { full_name: " ".into(), ..user() }.check().is_err());
        assert!(User { full_name: "Jane \u{202e}eoD".into(), ..user() }.check().is_err());
        assert!(User { full_name: "Jane\nadmin".into(), ..user() }.check().is_err());
        assert!(User { mail: "jane".into(), ..user() }.check().is_err());
        assert_eq!(User { mail: String::new(), ..user() }.check(), Ok(()));
    }

    #[test]
    fn standing_roles_are_read_as_they_are_written() {
        for text in ["administrator", "handler", "reader:Example Power", "handler:energy", "auditor"] {
            assert_eq!(text.parse::<Standing>().unwrap().to_string(), text);
        }
        for bad in ["", "boss", "handler:", "administrator:energy", "auditor:energy", "handler:a\u{202e}b"] {
            assert!(bad.parse::<Standing>().is_err(), "{bad}");
        }
        let text = serde_json::to_string(&user().standing).unwrap();
        assert_eq!(text, "[{\"role\":\"handler\",\"constituency\":\"energy\"}]");
        assert_eq!(serde_json::from_str::<Vec<Standing>>(&text).unwrap(), user().standing);
    }
}
