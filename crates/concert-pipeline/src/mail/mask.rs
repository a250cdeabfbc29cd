//! Masks the mail address of somebody, its name, and their own, in what an event tells: mostly in the URLs of a mail that
//! was sent to that address. Passwords in URLs are left out whoever they belong to.
//!
//! It knows address and name as they are, percent-encoded, in base64 and in hex; not hashed, and no part of a name
//! alone.

mod own;
mod person;

use std::borrow::Cow;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use concert_model::address::is_below;
use concert_model::host::{Host, url_host};
use concert_model::{Event, Field, Kind, OpenEvent, Value};
use regex::{Captures, Regex};

use crate::render::withheld::WITHHELD;

/// Names of mailboxes and desks that are nobody's, and words of any URL.
const ROLES: &[&str] = &[
    "abuse",
    "admin",
    "alert",
    "alerts",
    "center",
    "centre",
    "cert",
    "complaint",
    "complaints",
    "contact",
    "csirt",
    "department",
    "desk",
    "helpdesk",
    "hostmaster",
    "incident",
    "incidents",
    "info",
    "mail",
    "network",
    "noc",
    "notification",
    "office",
    "operations",
    "phishing",
    "postmaster",
    "report",
    "reporter",
    "reporting",
    "reports",
    "response",
    "root",
    "security",
    "service",
    "soc",
    "spam",
    "staff",
    "support",
    "system",
    "team",
    "user",
    "webmaster",
];
/// Shorter names are parts of any text.
const NAME_CHARS_MIN: usize = 3;
/// Longer addresses are none.
const ADDRESS_BYTES_MAX: usize = 254;

/// What nobody is to read. The one that knows nobody leaves out passwords alone.
#[derive(Debug, Default)]
pub struct Mask {
    address: Option<Regex>,
    /// The name in the address.
    name: Option<Regex>,
    person: Option<Regex>,
    /// The domain of the address and names below it, and what finds them.
    own: Option<(String, Regex)>,
}

fn compile(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a constant pattern")
}

impl Mask {
    /// The mask of a mail address, and of the names beside it.
    pub fn new(address: &str, names: &[String]) -> Self {
        let person = person::pattern(names);
        let Some((local, _)) = address.rsplit_once('@').filter(|_| address.len() <= ADDRESS_BYTES_MAX) else {
            return Self { person, ..Self::default() };
        };
        let is_name = |name: &&str| {
            let is_long = name.chars().count() >= NAME_CHARS_MIN && name.chars().any(char::is_alphabetic);
            is_long && !ROLES.iter().any(|role| role.eq_ignore_ascii_case(name))
        };
        let pieces = std::iter::once(local).chain(local.split(['.', '_', '-', '+']));
        let names: Vec<String> = pieces.filter(is_name).map(regex::escape).collect();
        let name = format!(r"(?i)(^|[^A-Za-z0-9]|%(?:25)?[0-9A-F]{{2}})(?:{})", names.join("|"));
        Self {
            address: Regex::new(&format!("(?i){}", address.chars().map(encoded).collect::<String>())).ok(),
            name: if names.is_empty() { None } else { Regex::new(&name).ok() },
            person,
            own: None,
        }
    }

    /// The same, and masks also where a URL leads on to the domain of that address, unless it is one of those in which
    /// anybody gets an address: well-known ones, and these.
    pub fn with_own(self, address: &str, shared: &[String]) -> Self {
        let domain = own::domain(address, shared).map(str::to_lowercase);
        Self { own: domain.and_then(|domain| own::pattern(&domain).map(|own| (domain, own))), ..self }
    }

    /// The name in the domain of whoever wrote it that an event complains of; `None` where it is another's.
    pub fn own_name(&self, event: &Event<'_>) -> Option<String> {
        let (own, _) = self.own.as_ref()?;
        let url = event.text(Field::SOURCE_URL);
        let name = match url.as_deref().and_then(url_host) {
            Some((Host::Domain(name), _)) => name.to_string(),
            Some(_) => return None,
            None => event.text(Field::SOURCE_FQDN)?.into_owned(),
        };
        is_below(&name, &[own.as_str()]).then_some(name)
    }

    /// Masks all texts of an event.
    pub fn apply(&self, event: &mut OpenEvent<'_>) {
        let masked = |(field, value): (Field, Value<'_>)| match value {
            Value::Text(text) => Some((field, Value::Text(Cow::Owned(self.told(&text, may_name(field))?)))),
            Value::Json(text) => Some((field, Value::Json(Cow::Owned(self.told(&text, may_name(field))?)))),
            _ => None,
        };
        let changes: Vec<(Field, Value<'static>)> = event.view().fields().filter_map(masked).collect();
        changes.iter().for_each(|(field, value)| event.set(*field, value));
    }

    /// A text as it may be told; `None` where that is the text. `names` says whether it may name a person.
    fn told(&self, text: &str, names: bool) -> Option<String> {
        let has_url = text.contains("://");
        let person = self.person.as_ref().filter(|_| names);
        if person.is_none() && !has_url && !text.contains(['@', '%']) {
            return None;
        }
        let mut told = without_passwords(text).into_owned();
        if let Some(address) = &self.address {
            told = address.replace_all(&told, WITHHELD).into_owned();
        }
        if let Some(person) = person {
            told = person::without(person, &told);
        }
        if let Some((_, own)) = self.own.as_ref().filter(|_| has_url) {
            told = own::without(own, &told);
        }
        if has_url && (self.address.is_some() || person.is_some()) {
            let says = |text: &str| {
                let has_address = self.address.as_ref().is_some_and(|address| address.is_match(text));
                let is_theirs = self.own.as_ref().is_some_and(|(_, own)| own.is_match(text));
                has_address || is_theirs || person.is_some_and(|person| person::without(person, text) != text)
            };
            for (words, in_words) in [(&*HEX, in_hex as fn(&str) -> Option<Vec<u8>>), (&*BASE64, in_base64)] {
                let masked = words.replace_all(&told, |found: &Captures<'_>| {
                    let word = found.get(0).map_or("", |word| word.as_str());
                    let is_said = in_words(word).is_some_and(|bytes| says(&String::from_utf8_lossy(&bytes)));
                    if is_said { WITHHELD.to_owned() } else { word.to_owned() }
                });
                told = masked.into_owned();
            }
        }
        if let Some(name) = &self.name
            && has_url
            && let Some(at) = told.find(['?', '#'])
        {
            let tail = told.split_off(at);
            told.push_str(&without_name(name, &tail));
        }
        (told != text).then_some(told)
    }
}

/// Whether a field has words that somebody wrote: a domain or a type names nobody, and a feed is the site's.
fn may_name(field: Field) -> bool {
    let is_text = matches!(field.kind(), Kind::Text | Kind::Lower | Kind::Url | Kind::Json | Kind::Extra);
    is_text && !field.name().starts_with("feed.")
}

/// Addresses shorter than this are none.
static HEX: LazyLock<Regex> = LazyLock::new(|| compile(r"[0-9A-Fa-f]{12,}"));
static BASE64: LazyLock<Regex> = LazyLock::new(|| compile(r"[A-Za-z0-9+_-]{8,}={0,2}"));

/// A character as it is, or percent-encoded once or twice. Small and large letters are apart only beyond ASCII.
fn encoded(sign: char) -> String {
    let plain = regex::escape(sign.encode_utf8(&mut [0; 4]));
    if sign.is_ascii() {
        return format!("(?:{plain}|%(?:25)?{:02X})", u32::from(sign));
    }
    let coded = |text: String| text.bytes().map(|byte| format!("%(?:25)?{byte:02X}")).collect::<String>();
    format!("(?:{plain}|{}|{})", coded(sign.to_lowercase().collect()), coded(sign.to_uppercase().collect()))
}

/// What a word is in base64.
fn in_base64(word: &str) -> Option<Vec<u8>> {
    static READER: LazyLock<GeneralPurpose> = LazyLock::new(|| {
        let lenient = GeneralPurposeConfig::new()
            .with_decode_allow_trailing_bits(true)
            .with_decode_padding_mode(DecodePaddingMode::Indifferent);
        GeneralPurpose::new(&STANDARD, lenient)
    });
    READER.decode(word.replace('-', "+").replace('_', "/")).ok()
}

/// What a word is in hex. One digit too many belongs to something else.
fn in_hex(word: &str) -> Option<Vec<u8>> {
    let pairs = word.as_bytes().chunks_exact(2);
    pairs.map(|pair| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok()).collect()
}

/// Masks a name in the values of a query. A key keeps its name.
fn without_name(name: &Regex, query: &str) -> String {
    let masked = name.replace_all(query, |found: &Captures<'_>| {
        let (whole, before) =
            (found.get(0).map_or(0..0, |whole| whole.range()), found.get(1).map_or("", |sign| sign.as_str()));
        let next = query.get(whole.end..).and_then(|rest| rest.chars().next());
        if next.is_some_and(|next| next.is_alphanumeric() || next == '=') {
            query.get(whole).unwrap_or_default().to_owned()
        } else {
            format!("{before}{WITHHELD}")
        }
    });
    masked.into_owned()
}

/// A text whose URLs name no user and no password: `http://anna:secret@host/` is `http://host/`.
pub fn without_passwords(text: &str) -> Cow<'_, str> {
    static USER: LazyLock<Regex> = LazyLock::new(|| compile(r#"(://)[^\s/?#"<>]*@"#));
    USER.replace_all(text, "$1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_and_its_name_are_masked_in_urls() {
        let check = |given: &str, want: &str| {
            let told = Mask::new("anna@bank.test.org", &[]).told(given, true).unwrap_or_else(|| given.to_owned());
            assert_eq!(told, want, "{given}");
        };
        let page = "http://www.uni.example/login";
        let check_tail = |given: &str, want: &str| check(&format!("{page}{given}"), &format!("{page}{want}"));
        check_tail("?email=anna@bank.test.org&n=Anna", "?email=withheld&n=withheld");
        check_tail("?email=Anna%40bank.test.org", "?email=withheld");
        check_tail("?email=anna%2540bank%252Etest.org#anna@bank.test.org", "?email=withheld#withheld");
        check_tail("/YW5uYUBiYW5rLnRlc3Qub3Jn/x", "/withheld/x");
        check_tail("?e=YW5uYUBiYW5rLnRlc3Qub3JnCg==&x=1", "?e=withheld&x=1");
        check_tail("?e=616e6e614062616e6b2e746573742e6f7267&x=1", "?e=withheld&x=1");
        check_tail("/616E6E614062616E6B2E746573742E6F7267/x", "/withheld/x");
        check_tail("?id=616e6e61406f746865722e746573742e6f7267", "?id=616e6e61406f746865722e746573742e6f7267");
        check_tail("?n=hello%20Anna+x", "?n=hello%20withheld+x");
        check_tail("?n=Joanna&anna=1&annas=2", "?n=Joanna&anna=1&annas=2");
        check_tail("/anna/x?id=12345678", "/anna/x?id=12345678");
        check("http://anna:secret@www.uni.example/x", "http://www.uni.example/x");
        check("[\"http://a:b@x.example/?m=anna@bank.test.org\"]", "[\"http://x.example/?m=withheld\"]");
        check("mail to anna@bank.test.org", "mail to withheld");
        check("mail to bob@bank.test.org about anna", "mail to bob@bank.test.org about anna");
    }

    #[test]
    fn a_person_is_masked_in_words_and_in_base64() {
        let mask = Mask::new("", &["Erika Muster".to_owned()]);
        let check = |given: &str, want: Option<&str>| assert_eq!(mask.told(given, true).as_deref(), want, "{given}");
        check("Regards, Erika Muster", Some("Regards, withheld"));
        check("http://x.example/?e=RXJpa2EgTXVzdGVy&f=1", Some("http://x.example/?e=withheld&f=1"));
        check("Regards, Max Muster", None);
        assert_eq!(mask.told("erika-muster.example", false), None);
    }

    #[test]
    fn a_mask_of_nobody_or_of_a_role_leaves_urls_as_they_are() {
        for mask in [Mask::default(), Mask::new("abuse@bank.test.org", &["Abuse".to_owned()]), Mask::new("(x", &[])] {
            assert_eq!(mask.told("http://x.example/?abuse=1&n=abuse&m=bob@bank.test.org", true), None);
            assert_eq!(mask.told("ftp://bob:x@x.example/", true).as_deref(), Some("ftp://x.example/"));
        }
    }
}
