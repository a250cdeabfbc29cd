//! Tokens of the API and what they let a program do. The secret itself is no part of them.

use std::fmt;
use std::str::FromStr;

use super::User;
use crate::Time;
use crate::access::Person;
use crate::problem::meant;

/// One kind of work that a token may be good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Reads events and reports.
    EventsRead,
    /// Pushes reports.
    EventsPush,
    /// Reads notices.
    NoticesRead,
    /// Sends, approves and retries notices.
    NoticesWrite,
    /// Reads the contact book.
    ContactsRead,
    /// Changes the contact book.
    ContactsWrite,
    /// Reads incidents and their evidence.
    IncidentsRead,
    /// Works on incidents and their evidence.
    IncidentsWrite,
    /// Looks after users and tokens.
    UsersWrite,
    /// Reads the audit log, or the part of an incident.
    AuditRead,
    /// Reads how the site does, in numbers.
    MetricsRead,
    /// Everything its user may do.
    Admin,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::EventsRead,
        Self::EventsPush,
        Self::NoticesRead,
        Self::NoticesWrite,
        Self::ContactsRead,
        Self::ContactsWrite,
        Self::IncidentsRead,
        Self::IncidentsWrite,
        Self::UsersWrite,
        Self::AuditRead,
        Self::MetricsRead,
        Self::Admin,
    ];

    /// How it is written: `events:read`.
    pub fn word(self) -> &'static str {
        match self {
            Self::EventsRead => "events:read",
            Self::EventsPush => "events:push",
            Self::NoticesRead => "notices:read",
            Self::NoticesWrite => "notices:write",
            Self::ContactsRead => "contacts:read",
            Self::ContactsWrite => "contacts:write",
            Self::IncidentsRead => "incidents:read",
            Self::IncidentsWrite => "incidents:write",
            Self::UsersWrite => "users:write",
            Self::AuditRead => "audit:read",
            Self::MetricsRead => "metrics:read",
            Self::Admin => "admin",
        }
    }

    /// Whether it changes nothing.
    pub fn is_reading(self) -> bool {
        self.word().ends_with(":read")
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let word = text.trim();
        Self::ALL.into_iter().find(|scope| scope.word() == word).ok_or_else(|| {
            let all = Self::ALL.map(Self::word);
            let meant = meant(word, all, format!("scopes: {}", all.join(", ")));
            format!("`{}` is no scope; {meant}", word.escape_debug())
        })
    }
}

/// Reads scopes with commas between them; in order, each once, at least one.
pub fn parse_scopes(text: &str) -> Result<Vec<Scope>, String> {
    let mut scopes = text.split(',').map(Scope::from_str).collect::<Result<Vec<_>, _>>()?;
    scopes.sort_unstable();
    scopes.dedup();
    Ok(scopes)
}

/// What is known of a token of the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Its number, by which it is revoked.
    pub id: i64,
    /// Whose it is.
    pub user: String,
    /// What it is good for.
    pub scopes: Vec<Scope>,
    /// When it was made.
    pub made: Time,
    /// By whom.
    pub made_by: String,
    /// From when on it does not work.
    pub expires: Time,
    /// When it was used last, to the hour.
    pub used: Option<Time>,
}

impl Token {
    /// Whether it was given this scope. One that writes does not read by that, and none that reads writes.
    pub fn allows(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope) || self.scopes.contains(&Scope::Admin)
    }
}

/// A program that came with a good token, for the user it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bearer {
    /// Whose rights are the most it has.
    pub user: User,
    /// What it came with.
    pub token: Token,
}

impl Bearer {
    /// Whether it may do work of this scope: the token must allow it, and so must what its user is now.
    pub fn allows(&self, scope: Scope) -> bool {
        self.token.allows(scope) && self.user.admits(scope)
    }

    /// Who it is for the access decision.
    pub fn person(&self) -> Person {
        let scopes = self.token.scopes.iter().map(|scope| scope.word().to_owned()).collect();
        Person { scopes: Some(scopes), ..self.user.person() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incident::Tlp;

    fn check(roles: &[&str], scopes: &str, allowed: &[Scope]) {
        let user = User {
            name: "jane".into(),
            full_name: "Jane".into(),
            mail: String::new(),
            standing: roles.iter().map(|role| role.parse().unwrap()).collect(),
            clearance: Tlp::Amber,
            disabled: false,
            made: Time(0),
        };
        let token = Token {
            id: 1,
            user: "jane".into(),
            scopes: parse_scopes(scopes).unwrap(),
            made: Time(0),
            made_by: "operator".into(),
            expires: Time(9),
            used: None,
        };
        let mut bearer = Bearer { user, token };
        assert_eq!(bearer.person().scopes.map(|scopes| scopes.len()), Some(bearer.token.scopes.len()));
        let found: Vec<Scope> = Scope::ALL.into_iter().filter(|scope| bearer.allows(*scope)).collect();
        assert_eq!(found, allowed, "{roles:?} {scopes}");
        bearer.user.disabled = true;
        assert!(Scope::ALL.into_iter().all(|scope| !bearer.allows(scope)));
    }

    #[test]
    fn a_token_allows_what_it_was_given_and_never_more_than_its_user() {
        use Scope::*;
        check(&["handler"], "events:read", &[EventsRead]);
        check(&["handler"], "events:read,incidents:write", &[EventsRead, IncidentsWrite]);
        check(&["reader"], "events:read,events:push,incidents:write,users:write", &[EventsRead]);
        check(&["reader:energy"], "admin", &[EventsRead, NoticesRead, ContactsRead, IncidentsRead, AuditRead]);
        check(&["auditor"], "admin", &[AuditRead]);
        check(&["administrator"], "admin", &[UsersWrite, MetricsRead, Admin]);
        // Numbers are about everybody.
        check(&["reader"], "metrics:read", &[MetricsRead]);
        check(&["handler:energy", "auditor"], "metrics:read", &[]);
        check(&["administrator"], "users:write", &[UsersWrite]);
        check(&["handler"], "users:write", &[]);
        check(&[], "admin", &[]);
    }

    #[test]
    fn scopes_are_read_or_refused_with_what_was_meant() {
        assert_eq!(
            parse_scopes("incidents:read, events:read,events:read").unwrap(),
            [Scope::EventsRead, Scope::IncidentsRead]
        );
        assert!(parse_scopes("event:read").unwrap_err().contains("did you mean `events:read`"));
        assert!(parse_scopes("").unwrap_err().contains("is no scope"));
        let told = parse_scopes("everything").unwrap_err();
        assert!(Scope::ALL.iter().all(|scope| told.contains(scope.word())) && !told.contains("concert"), "{told}");
    }
}
