//! Values that somebody gives by hand and says what they are: each in its one form, or what is wrong with it.
//!
//! Unlike in a text nothing is guessed here: `report.pdf` is a domain where somebody says so, and a loopback
//! address an address.

use concert_model::problem::meant;
use concert_model::{Net, Problem, host, value};

use super::{Kind, URL_BYTES_MAX, closed_up, link, plain_url, without_hidden, word};

/// Letters of a wrong value that are told.
const SHOWN_CHARS_MAX: usize = 60;

impl Kind {
    /// All of them: how each is written, and what its values are.
    pub const ALL: [(Self, &'static str, &'static str); 9] = [
        (Self::Ip, "ip", "an address, like 192.0.2.7 or 2001:db8::7"),
        (Self::Network, "network", "a network without bits of a host, like 192.0.2.0/24"),
        (Self::Asn, "asn", "the number of an AS, 1 to 4294967295, like AS64500"),
        (Self::Domain, "domain", "a name with a dot in it, like evil.example"),
        (Self::Url, "url", "an absolute URL, like http://evil.example/a"),
        (Self::Mail, "mail", "a mail address, like somebody@evil.example"),
        (Self::Hash, "hash", "hexadecimal digits: 32 (MD5), 40 (SHA-1), 64 (SHA-256) or 128 (SHA-512)"),
        (Self::Cve, "cve", "the number of a vulnerability, like CVE-2024-3094"),
        (Self::Text, "text", "a line of text that is none of the others"),
    ];

    /// How it is written.
    pub fn word(self) -> &'static str {
        Self::ALL.iter().find(|(kind, _, _)| *kind == self).map_or("", |(_, word, _)| word)
    }

    /// Reads a kind as it is written.
    pub fn named(word: &str) -> Result<Self, Problem> {
        let words = || Self::ALL.iter().map(|(_, known, _)| *known);
        Self::ALL.iter().find(|(_, known, _)| *known == word).map(|(kind, _, _)| *kind).ok_or_else(|| {
            let problem = Problem::new(format!("`{}` is no kind of observable", shown(word)));
            problem.hint(meant(word, words(), format!("kinds are {}", words().collect::<Vec<_>>().join(", "))))
        })
    }

    /// The one form of a value of this kind, defanged or not. The error says what is expected.
    pub fn plain(self, value: &str) -> Result<String, Problem> {
        // What is not seen would make another value of it than the one that was meant.
        let is_odd = self != Self::Text && value.trim().chars().any(host::is_hidden);
        if let Some(plain) = plain(self, value).filter(|_| !is_odd) {
            return Ok(plain);
        }
        let (word, expected) = (self.word(), Self::ALL.iter().find(|(kind, _, _)| *kind == self));
        let expected = expected.map_or("", |(_, _, expected)| expected);
        let problem = Problem::new(format!("`{}` is no value of the kind `{word}`", shown(value)));
        if is_odd {
            return Err(problem.hint("it has letters in it that are not seen: write it without them"));
        }
        let is_other = |(kind, _, _): &&(Self, &str, &str)| *kind != Self::Text && plain(*kind, value).is_some();
        let other = Self::ALL.iter().find(is_other).map(|(_, word, _)| *word);
        Err(problem.hint(match (self, value.trim().parse::<Net>(), other) {
            (Self::Network, Ok(net), _) => format!("did you mean `{net}`? it takes {expected}"),
            (Self::Ip, ..) if value.contains('%') => {
                let address = value.split('%').next().unwrap_or_default().trim();
                format!("write `{}`: what stands behind `%` means something on one machine alone", shown(address))
            }
            (_, _, Some(other)) => format!("its kind is `{other}`; {word} is {expected}"),
            _ => format!("it is {expected}"),
        }))
    }
}

fn plain(kind: Kind, value: &str) -> Option<String> {
    let text = without_hidden(value.trim());
    let text = closed_up(&text);
    let plain = host::refang(&text);
    match kind {
        // A zone would be lost: it means something on one machine alone.
        Kind::Ip if plain.contains('%') => None,
        Kind::Ip => value::ip(&plain).ok().map(|address| address.to_canonical().to_string()),
        Kind::Network => network(&plain),
        Kind::Asn => asn(&plain),
        Kind::Domain => word::domain(&plain, true),
        Kind::Url => url(&text, &plain),
        Kind::Mail => word::mail(&plain),
        Kind::Hash => {
            let digits = plain.rsplit(':').next().unwrap_or_default().trim();
            word::is_hash(digits).then(|| digits.to_ascii_lowercase())
        }
        Kind::Cve => word::cve(&plain),
        Kind::Text => Some(value.trim().to_owned()).filter(|text| !text.is_empty()),
    }
}

fn network(text: &str) -> Option<String> {
    let (address, _) = text.split_once('/')?;
    let net: Net = text.parse().ok()?;
    value::ip(address).is_ok_and(|address| address == net.first()).then(|| net.to_string())
}

fn asn(text: &str) -> Option<String> {
    let digits = text.strip_prefix(['A', 'a']).and_then(|text| text.strip_prefix(['S', 's'])).unwrap_or(text);
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse::<u32>().ok().filter(|number| is_number && *number != 0).map(|number| format!("AS{number}"))
}

/// URLs of the web as they are found in texts, and those of any other scheme.
fn url(text: &str, plain: &str) -> Option<String> {
    let of_web = link::url(text).filter(|link| link.start == 0).map(|link| link.url);
    let url = of_web.or_else(|| host::check_url(plain).is_ok().then(|| plain.to_owned()))?;
    (url.len() <= URL_BYTES_MAX).then(|| plain_url(&url))
}

/// As much of a value as fits into a sentence, without what would change how that looks.
fn shown(value: &str) -> String {
    let text = without_hidden(value);
    let mut chars = text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c });
    let begin: String = chars.by_ref().take(SHOWN_CHARS_MAX).collect();
    if chars.next().is_some() { format!("{begin}...") } else { begin }
}
