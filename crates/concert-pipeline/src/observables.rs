//! Observables: addresses, domains, URLs, mail addresses, hashes and CVE ids in text that people wrote.
//!
//! Each is found once, in the form that values are compared by, also where it was written so that nobody
//! clicks it (`hxxp`, `[.]`, `(dot)`, `[at]`, letters without width). Ports are dropped; a URL gives its host
//! as well. There is no list of top-level domains here: what looks like a file (`report.pdf`) or like the end
//! of a sentence without its blank (`done.Then`) is no domain unless it was defanged. Addresses that are
//! nobody's (loopback, multicast, `0.0.0.0`) and networks are passed over.

mod given;
pub(crate) mod link;
mod spans;
mod word;

use std::borrow::Cow;
use std::collections::HashSet;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::LazyLock;

use concert_model::host::{self, Host};
use concert_model::script;
use regex::Regex;

pub use spans::{Span, spans};

/// Most observables of one text: more than there is room for in what people write.
pub const FOUND_MAX: usize = 50_000;
/// Longer URLs give their host alone.
pub const URL_BYTES_MAX: usize = 2_048;

/// What an observable is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// An IPv4 or IPv6 address.
    Ip,
    /// A network; found in no text.
    Network,
    /// The number of an AS: `AS64500`; found in no text.
    Asn,
    /// A domain name.
    Domain,
    /// A URL.
    Url,
    /// A mail address.
    Mail,
    /// A hash in lower case: MD5, SHA-1, SHA-256 or SHA-512.
    Hash,
    /// The number of a vulnerability: `CVE-2024-3094`.
    Cve,
    /// Whatever else somebody names: the name of a file, a user agent; found in no text.
    Text,
}

/// A value that occurs in a text.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Observable {
    /// What it is.
    pub kind: Kind,
    /// The value in its one form.
    pub value: String,
}

/// What was found so far, each once.
#[derive(Default)]
struct Found {
    list: Vec<Observable>,
    known: HashSet<Observable>,
}

impl Found {
    fn add(&mut self, kind: Kind, value: impl Into<String>) {
        let one = Observable { kind, value: value.into() };
        if self.list.len() < FOUND_MAX && self.known.insert(one.clone()) {
            self.list.push(one);
        }
    }
}

/// The observables of a text, in the order in which they occur; at most [`FOUND_MAX`].
pub fn observables(text: &str) -> Vec<Observable> {
    let text = without_hidden(text);
    let text = closed_up(&text);
    let mut found = Found::default();
    for word in text.split(is_gap).filter(|word| !word.is_empty()) {
        for part in link::parts(word) {
            if found.list.len() == FOUND_MAX {
                return found.list;
            }
            match link::url(part) {
                Some(link) => {
                    word::observe(part.get(..link.start).unwrap_or_default(), &mut found);
                    url(&link.url, &mut found);
                }
                None => word::observe(part, &mut found),
            }
        }
    }
    found.list
}

/// The one form of a value that somebody gives alone, where it is an observable.
pub fn one(value: &str) -> Option<Observable> {
    let of = |kind: Kind| Some(Observable { kind, value: kind.plain(value).ok()? });
    // Alone it is no sentence that a name touches: 例えexample.com.
    let is_mixed = !value.is_ascii() && script::cut(value.trim(), script::changes).nth(1).is_some();
    if let Some(domain) = of(Kind::Domain).filter(|_| is_mixed) {
        return Some(domain);
    }
    observables(value.trim()).into_iter().next().or_else(|| of(Kind::Network)).or_else(|| of(Kind::Asn))
}

fn url(url: &str, found: &mut Found) {
    if url.len() <= URL_BYTES_MAX {
        found.add(Kind::Url, plain_url(url));
    }
    match host::url_host(url) {
        Some((Host::Domain(name), _)) if name.contains('.') => found.add(Kind::Domain, name),
        Some((Host::Ip(address), _)) => address_of(address, found),
        _ => {}
    }
}

/// The form in which URLs are compared: the host as domains are, which means the same; without the port that is meant
/// where none is given, and with the path that is.
pub fn plain_url(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").map_or(("", url), |(scheme, rest)| (scheme, rest));
    let authority = rest.find(['/', '?', '#', '\\']).map_or(rest, |end| rest.get(..end).unwrap_or_default());
    let (user, host) = authority.rfind('@').map_or(("", authority), |at| authority.split_at(at + 1));
    let scheme = scheme.to_ascii_lowercase();
    let usual = match scheme.as_str() {
        "http" => host.strip_suffix(":80"),
        "https" => host.strip_suffix(":443"),
        _ => None,
    };
    let begin = url.get(..url.len() - rest.len()).unwrap_or_default();
    let path = rest.get(authority.len()..).unwrap_or_default();
    let root = if matches!(scheme.as_str(), "http" | "https") && !path.starts_with(['/', '\\']) { "/" } else { "" };
    let host = usual.unwrap_or(host);
    let (name, port) = host.rfind(':').filter(|_| !host.ends_with(']')).map_or((host, ""), |at| host.split_at(at));
    let name = host::domain(name).map_or_else(|_| name.to_lowercase(), Cow::into_owned);
    format!("{begin}{user}{name}{port}{root}{path}")
}

fn address_of(address: IpAddr, found: &mut Found) {
    // An IPv4 address that was written as one of IPv6 is the same host.
    let address = address.to_canonical();
    let inside = match address {
        IpAddr::V4(_) => false,
        IpAddr::V6(a) => a.segments()[0] & 0xfe00 == 0xfc00 || a.segments()[0] & 0xffc0 == 0xfe80,
    };
    if inside || somebodys(address).is_some() {
        found.add(Kind::Ip, address.to_string());
    }
}

/// An address that can be somebody's.
pub(crate) fn somebodys(address: IpAddr) -> Option<IpAddr> {
    match address {
        IpAddr::V4(a) => {
            let nobody = a.is_unspecified() || a.is_loopback() || a.is_multicast() || a.octets()[0] >= 240;
            (!nobody && a.octets()[0] != 0).then_some(address)
        }
        // Only global unicast: words with two colons look like other addresses too easily.
        IpAddr::V6(a) => (a.segments()[0] & 0xe000 == 0x2000 && a != Ipv6Addr::UNSPECIFIED).then_some(address),
    }
}

/// What ends a word, and stands in no URL.
pub(crate) fn is_gap(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(c, '<' | '>' | '"' | '`' | '|' | '“' | '”' | '„' | '«' | '»')
        || "、，；！？（）「」『』【】《》〈〉،؛؟".contains(c)
}

/// The text without letters that nobody sees: they hide a value from whoever looks for it.
pub(crate) fn without_hidden(text: &str) -> Cow<'_, str> {
    match text.is_ascii() || !text.contains(is_unseen) {
        true => Cow::Borrowed(text),
        false => Cow::Owned(text.replace(is_unseen, "")),
    }
}

/// Whether nobody sees a letter, so that programs pass it over (Unicode's `Default_Ignorable_Code_Point`). Fillers of Hangul
/// and Khmer are not among these: they stand for a letter that is missing, and no name of a host has one.
fn is_unseen(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// The text without the blanks around what defangs: `evil [.] example`, `abuse [at] net (dot) example`.
fn closed_up(text: &str) -> Cow<'_, str> {
    static MARK: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"(?i) {0,2}([\[({](?:\.|:|dot|@|at)[\])}]) {0,2}").expect("a constant pattern"));
    if text.contains(['[', '(', '{']) { MARK.replace_all(text, "$1") } else { Cow::Borrowed(text) }
}

#[cfg(test)]
mod tests;
