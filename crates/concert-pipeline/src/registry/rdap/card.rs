//! jCard: the names and mail addresses of an entity.
//!
//! Source: RFC 7095 (vCard in JSON), RFC 6350 section 6 (its properties), RFC 8605 (`contact-uri`).

use serde_json::Value;

use super::super::text::{mailbox, tidy, unusable};
use super::{NAME_BYTES_MAX, URL_BYTES_MAX};

/// Properties of one card that are looked at.
const PROPERTIES_MAX: usize = 100;
/// Mail addresses of one card.
const MAILS_MAX: usize = 10;
/// Languages of one card.
const LANGUAGES_MAX: usize = 5;
/// Longest name of a language, as BCP 47 advises.
const LANGUAGE_BYTES_MAX: usize = 35;
/// An address without preference stands behind those with one (RFC 6350 section 5.3: 1 to 100).
const NO_PREFERENCE: u64 = 101;

/// What a card says of whom to reach.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Card {
    /// Who it is; empty for a person.
    pub(super) name: String,
    /// An organisation, by its own word.
    pub(super) is_org: bool,
    /// Mail addresses, the preferred first.
    pub(super) mails: Vec<String>,
    /// Those of them that are for abuse, by their own word.
    pub(super) for_abuse: Vec<String>,
    /// What stands where an address should and is none that can be used, and why.
    pub(super) unusable: Vec<(String, &'static str)>,
    /// A page to write on in place of an address.
    pub(super) page: Option<String>,
    /// Languages that are understood, the preferred first: `fr, en`.
    pub(super) languages: String,
}

impl Card {
    /// Reads the member `vcardArray` of an entity. What is not as it should be is left out.
    pub(super) fn read(entity: &Value) -> Card {
        let properties = entity.get("vcardArray").and_then(|card| card.get(1)).and_then(Value::as_array);
        let mut card = Card::default();
        let (mut full_name, mut org, mut is_person) = ("", "", false);
        let mut mails: Vec<(u64, String)> = Vec::new();
        let mut languages: Vec<(u64, String)> = Vec::new();
        for property in properties.into_iter().flatten().take(PROPERTIES_MAX) {
            let word = |at: usize| property.get(at).and_then(Value::as_str).unwrap_or_default();
            let (name, text) = (word(0).to_ascii_lowercase(), word(3));
            match name.as_str() {
                "fn" => full_name = text,
                "org" => org = text,
                "kind" => (card.is_org, is_person) = (text == "org", text == "individual"),
                "email" => {
                    let mail = mailbox(text.trim());
                    if mails.len() == MAILS_MAX || mail.is_empty() {
                        continue;
                    }
                    if let Some(why) = unusable(mail) {
                        if card.unusable.len() < MAILS_MAX {
                            card.unusable.push((tidy(mail, NAME_BYTES_MAX), why));
                        }
                        continue;
                    }
                    mails.push((preference(property.get(1)), mail.to_owned()));
                    if has_type(property.get(1), "abuse") {
                        card.for_abuse.push(mail.to_owned());
                    }
                }
                "lang" if !text.is_empty() && languages.len() < LANGUAGES_MAX => {
                    languages.push((preference(property.get(1)), tidy(text.trim(), LANGUAGE_BYTES_MAX)));
                }
                "contact-uri" if text.starts_with("https://") => card.page = Some(tidy(text, URL_BYTES_MAX)),
                _ => {}
            }
        }
        // A stable sort: the order of the registry holds among equals.
        mails.sort_by_key(|(preference, _)| *preference);
        languages.sort_by_key(|(preference, _)| *preference);
        card.languages = languages.into_iter().map(|(_, language)| language).collect::<Vec<_>>().join(", ");
        for (_, mail) in mails {
            if !card.mails.contains(&mail) {
                card.mails.push(mail);
            }
        }
        let name = if org.trim().is_empty() { full_name } else { org };
        if !is_person || !org.trim().is_empty() {
            card.name = tidy(name.trim(), NAME_BYTES_MAX);
        }
        card
    }
}

/// `pref` of a property, a text or a number.
fn preference(parameters: Option<&Value>) -> u64 {
    let given = parameters.and_then(|parameters| parameters.get("pref"));
    let number = given.and_then(|value| value.as_u64().or_else(|| value.as_str()?.parse().ok()));
    number.filter(|number| (1..=100).contains(number)).unwrap_or(NO_PREFERENCE)
}

/// Whether `type` of a property is or holds this word.
fn has_type(parameters: Option<&Value>, word: &str) -> bool {
    let is = |value: &Value| value.as_str().is_some_and(|text| text.eq_ignore_ascii_case(word));
    match parameters.and_then(|parameters| parameters.get("type")) {
        Some(Value::Array(words)) => words.iter().any(is),
        Some(value) => is(value),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(properties: &str) -> Card {
        Card::read(&serde_json::from_str(&format!("{{\"vcardArray\": [\"vcard\", {properties}]}}")).unwrap())
    }

    #[test]
    fn the_preferred_address_stands_first_and_what_is_none_is_left_out() {
        let read = card(
            r#"[["fn", {}, "text", "Abuse\u0007 Team"], ["kind", {}, "text", "group"],
                ["email", {}, "text", "c@a.example"], ["EMAIL", {"pref": "2"}, "text", "mailto:b@a.example"],
                ["email", {"pref": 1, "type": ["work", "ABUSE"]}, "text", " a@a.example "],
                ["email", {"pref": "1"}, "text", "c@a.example"],
                ["email", {}, "text", "REDACTED FOR PRIVACY"], ["email", {}, "text", "unread@ripe.net"],
                ["email", {}, "text", ["d@a.example"]], ["email"], "email", 7, ["contact-uri", {}, "uri", "https://a.example/c"],
                ["lang", {"pref": "2"}, "language-tag", "en"], ["lang", {"pref": "1"}, "language-tag", "fr"]]"#,
        );
        assert_eq!(read.mails, ["a@a.example", "c@a.example", "b@a.example"]);
        assert_eq!(
            read.unusable.iter().map(|(mail, _)| mail).collect::<Vec<_>>(),
            ["REDACTED FOR PRIVACY", "unread@ripe.net"]
        );
        assert_eq!((read.for_abuse, read.languages.as_str()), (vec!["a@a.example".to_owned()], "fr, en"));
        assert_eq!((read.name.as_str(), read.page.as_deref()), ("Abuse Team", Some("https://a.example/c")));
    }

    #[test]
    fn a_person_has_no_name_here() {
        let large = card(r#"[["email", {}, "text", "MAILTO:a@a.example"], ["email", {}, "text", ""]]"#);
        assert_eq!((large.mails, large.unusable), (vec!["a@a.example".to_owned()], Vec::new()));
        let person = r#"[["fn", {}, "text", "Joe User"], ["kind", {}, "text", "individual"]]"#;
        assert_eq!(card(person), Card::default());
        let employed =
            r#"[["fn", {}, "text", "Joe User"], ["org", {}, "text", "Example"], ["kind", {}, "text", "individual"]]"#;
        assert_eq!(card(employed).name, "Example");
        for odd in ["[]", "7", "[[]]", "[[7, 7, 7, 7]]", "null"] {
            assert_eq!(card(odd), Card::default(), "{odd}");
        }
    }
}
