//! Parties and their contacts: who may be told of something, what is theirs, and how they wish it.
//!
//! A domain `example.com` stands for itself and every name below it, `*.example.com` only for names
//! below. What is excluded is not theirs even where a wider network, domain or AS is.

use idna::uts46::{AsciiDenyList, Hyphens, Uts46};

use crate::Net;

/// What contacts are for, in the order in which they are told: whoever is not there or left is followed by the next.
pub const PURPOSES: [&str; 6] = ["abuse", "technical", "out of hours", "incident", "vulnerability", "law"];

/// An organisation or person that may be told of something.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Party {
    /// What it is called; unique within a site.
    pub name: String,
    /// Its AS numbers.
    pub asns: Vec<u32>,
    /// Its networks.
    pub prefixes: Vec<Net>,
    /// Networks that are not its own although they lie in its networks or ASes.
    pub excluded_prefixes: Vec<Net>,
    /// Its domains, IDNA lower case, possibly beginning with `*.`.
    pub domains: Vec<String>,
    /// Domains that are not its own although they lie below one of its domains.
    pub excluded_domains: Vec<String>,
    /// Countries it answers for where nobody else does, two capital letters.
    pub countries: Vec<String>,
    /// What it does: `energy`, `health`, `research`; words of the site's own, in lower case.
    pub sectors: Vec<String>,
    /// How it is reached.
    pub contacts: Vec<Contact>,
}

/// Whether two names of parties or sectors are the same but for case, blanks around them, how many there are between
/// words, and Unicode form.
pub fn is_same_name(one: &str, other: &str) -> bool {
    if one.is_ascii() && other.is_ascii() {
        let (mut one, mut other) = (one.split_ascii_whitespace(), other.split_ascii_whitespace());
        return loop {
            match (one.next(), other.next()) {
                (Some(word), Some(with)) if word.eq_ignore_ascii_case(with) => {}
                (end, of_other) => break end.is_none() && of_other.is_none(),
            }
        };
    }
    plain_name(one) == plain_name(other)
}

/// The form that all names have which [`is_same_name`] takes for one.
pub fn plain_name(name: &str) -> String {
    form(&name.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// A name as names of hosts are compared, which is what Unicode says of case and composed letters. What no such name
/// may have is compared by case alone.
fn form(name: &str) -> String {
    // By way of capital letters, among which there is one sigma and no sharp s.
    let name = name.to_uppercase();
    match Uts46::new().to_unicode(name.as_bytes(), AsciiDenyList::EMPTY, Hyphens::Allow) {
        (form, Ok(())) => form.into_owned(),
        (_, Err(_)) => name.to_lowercase(),
    }
}

/// An address of a party for one purpose. Empty texts mean that the site's choice holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Contact {
    /// What it is for: one of [`PURPOSES`].
    pub purpose: String,
    /// Mail address.
    pub mail: String,
    /// Language of notices, `fi`.
    pub language: String,
    /// Format of attachments, `csv`.
    pub format: String,
    /// The transport, by its name in the settings.
    pub via: String,
    /// When notices are sent, `at 06:00`.
    pub schedule: String,
    /// Time zone of the schedule, `Europe/Helsinki`.
    pub time_zone: String,
    /// Where the contact comes from: `constituents`, `rpsl`, `teams`, `rdap`, a person's name.
    pub origin: String,
    /// When it last proved alive: a reply, a visit.
    pub last_alive: Option<crate::Time>,
    /// Whether it agreed to be named to others.
    pub has_consent: bool,
    /// Fingerprint of its OpenPGP key as whoever wrote the contact knows it; empty where they do not.
    pub openpgp: String,
}

impl Contact {
    /// The place of its purpose among [`PURPOSES`]; behind all of them where it is none.
    pub fn rank(&self) -> usize {
        PURPOSES.iter().position(|known| self.purpose.eq_ignore_ascii_case(known)).unwrap_or(PURPOSES.len())
    }
}

impl Party {
    /// The contacts for a purpose; those for `abuse` where there are none.
    pub fn contacts_for(&self, purpose: &str) -> Vec<&Contact> {
        let for_purpose = |wanted: &str| -> Vec<&Contact> {
            self.contacts.iter().filter(|contact| contact.purpose.eq_ignore_ascii_case(wanted)).collect()
        };
        let found = for_purpose(purpose);
        if found.is_empty() { for_purpose("abuse") } else { found }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_same_whatever_their_case_blanks_and_form() {
        let check = |one: &str, other: &str, want: bool| {
            assert_eq!((is_same_name(one, other), is_same_name(other, one)), (want, want), "{one} {other}");
        };
        check("Example University", " example university\t", true);
        check("Universität Köln (Uni)", "UNIVERSITA\u{308}T KO\u{308}LN (UNI)", true);
        check("EXAMPLE  HOSTING", "Example\u{a0}Hosting", true);
        check("EXAMPLE \t HOSTING", "Example Hosting", true);
        check("Example Hosting Ltd", "Example Hosting", false);
        check("Ａcme", "acme", true);
        check("ΣΊΣΥΦΟΣ", "σίσυφος", true);
        check("Große Straße", "GROSSE STRASSE", true);
        check("Acme", "Acmé", false);
        check("Example University", "ExampleUniversity", false);
        check("Net A", "Net B", false);
        check("\u{fffd}ä", "\u{fffd}Ä", true);
        check("\u{fffd}ä", "\u{fffe}ä", false);
        check("", "\u{308}", false);
    }

    #[test]
    fn a_party_is_written_and_read_as_json() {
        let party = Party {
            name: "Example".into(),
            prefixes: vec!["192.0.2.0/24".parse().unwrap()],
            contacts: vec![Contact { purpose: "abuse".into(), mail: "abuse@example.com".into(), ..Contact::default() }],
            ..Party::default()
        };
        let text = serde_json::to_string(&party).unwrap();
        assert!(text.contains("\"prefixes\":[\"192.0.2.0/24\"]"), "{text}");
        assert_eq!(serde_json::from_str::<Party>(&text).unwrap(), party);
        assert!(serde_json::from_str::<Party>("{\"prefixes\":[\"192.0.2.0/33\"]}").is_err());
        assert_eq!(party.contacts_for("incident").len(), 1);
    }
}
