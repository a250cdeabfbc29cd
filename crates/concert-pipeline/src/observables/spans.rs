//! Networks and ranges of addresses in text that people wrote: what lies between two addresses, both of which belong to it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::LazyLock;

use regex::Regex;

use super::{closed_up, without_hidden};

/// Most spans of one text.
const SPANS_MAX: usize = 1_000;

/// Addresses from the first to the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first.
    pub first: IpAddr,
    /// The last.
    pub last: IpAddr,
}

impl Span {
    /// Whether an address lies in it.
    pub fn has(&self, address: IpAddr) -> bool {
        self.first.is_ipv4() == address.is_ipv4() && self.first <= address && address <= self.last
    }

    /// What has the same first bits as an address.
    fn of(address: IpAddr, bits: u32) -> Option<Self> {
        let (first, last): (IpAddr, IpAddr) = match address {
            IpAddr::V4(address) if bits <= 32 => {
                let rest = u32::MAX.checked_shr(bits).unwrap_or(0);
                let first = u32::from(address) & !rest;
                (Ipv4Addr::from(first).into(), Ipv4Addr::from(first | rest).into())
            }
            IpAddr::V6(address) if bits <= 128 => {
                let rest = u128::MAX.checked_shr(bits).unwrap_or(0);
                let first = u128::from(address) & !rest;
                (Ipv6Addr::from(first).into(), Ipv6Addr::from(first | rest).into())
            }
            _ => return None,
        };
        Some(Self { first, last })
    }

    fn between(one: IpAddr, other: IpAddr) -> Option<Self> {
        (one.is_ipv4() == other.is_ipv4()).then(|| Self { first: one.min(other), last: one.max(other) })
    }
}

/// A pattern that is part of the program.
fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a constant pattern")
}

/// Networks and ranges that a text names, also where they were written so that nobody clicks them.
///
/// Networks are `192.0.2.0/24`, `192.0.2/24`, `192.0.2.*` and `192.0.2.0/255.255.255.0`; ranges `192.0.2.1-20` and
/// `192.0.2.1 to 192.0.2.20`.
pub fn spans(text: &str) -> Vec<Span> {
    static DOT: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?i)[\[({](\.|:|/|dot)[\])}]"));
    static START: LazyLock<Regex> =
        LazyLock::new(|| pattern(r"\d{1,3}(?:\.\d{1,3}){3}|[0-9A-Fa-f]{0,4}:[0-9A-Fa-f:]*:[0-9A-Fa-f.]*"));
    static SHORT: LazyLock<Regex> =
        LazyLock::new(|| pattern(r"(?:^|[^0-9A-Za-z.])(\d{1,3}\.\d{1,3}\.\d{1,3})/(\d{1,2})(?-u:\b)"));
    static ANY: LazyLock<Regex> = LazyLock::new(|| {
        pattern(r"(?i)(?:^|[^0-9A-Za-z.])(\d{1,3}(?:\.\d{1,3}){0,2})((?:\.(?:\*|x{1,3})){1,3})(?:[^0-9A-Za-z]|$)")
    });
    let text = without_hidden(text);
    let text = closed_up(&text);
    let text =
        DOT.replace_all(&text, |found: &regex::Captures<'_>| match found.get(1).map_or("", |one| one.as_str()) {
            one @ (":" | "/") => one.to_owned(),
            _ => ".".to_owned(),
        });
    let mut found = Vec::new();
    for start in START.find_iter(&text) {
        let rest = text.get(start.end()..).unwrap_or_default();
        found.extend(address(start.as_str()).and_then(|address| span(address, rest)));
    }
    for short in SHORT.captures_iter(&text) {
        let [network, bits] = [1, 2].map(|at| short.get(at).map_or("", |one| one.as_str()));
        found.extend(
            address(&format!("{network}.0")).zip(bits.parse().ok()).and_then(|(first, bits)| Span::of(first, bits)),
        );
    }
    for any in ANY.captures_iter(&text) {
        let given = any.get(1).map_or("", |one| one.as_str());
        let bits = given.split('.').count() * 8;
        let whole = format!("{given}{}", ".0".repeat(4usize.saturating_sub(bits / 8)));
        let bits = u32::try_from(bits).unwrap_or(32);
        found.extend(address(&whole).and_then(|first| Span::of(first, bits)));
    }
    found.truncate(SPANS_MAX);
    found
}

fn address(text: &str) -> Option<IpAddr> {
    text.trim_end_matches('.').parse::<IpAddr>().ok()
}

/// What an address begins together with what stands behind it.
fn span(first: IpAddr, rest: &str) -> Option<Span> {
    static MASK: LazyLock<Regex> = LazyLock::new(|| pattern(r"^\s{0,2}/\s{0,2}(\d{1,3}(?:\.\d{1,3}){3}|\d{1,3})"));
    static LAST: LazyLock<Regex> = LazyLock::new(|| {
        pattern(
            r"(?i)^(?:/\d{1,3})?\s{0,4}(?:-|\u{2010}|\u{2011}|\u{2012}|\u{2013}|\u{2014}|\u{2026}|\.{2,3}|~|\u{301c}|\u{ff5e}|to|bis|から|至|到)\s{0,4}([0-9A-Fa-f:.]+)",
        )
    });
    let behind = |pattern: &Regex| Some(pattern.captures(rest)?.get(1)?.as_str().to_owned());
    if let Some(last) = behind(&LAST) {
        let last = last.trim_end_matches(['.', ':']);
        let whole = address(last).or_else(|| match first {
            // Only the last part stands there.
            IpAddr::V4(first) => {
                let [a, b, c, _] = first.octets();
                last.parse::<u8>().ok().map(|d| Ipv4Addr::new(a, b, c, d).into())
            }
            IpAddr::V6(_) => None,
        });
        if let Some(span) = whole.and_then(|last| Span::between(first, last)) {
            return Some(span);
        }
    }
    let mask = behind(&MASK)?;
    match mask.parse::<Ipv4Addr>() {
        Ok(mask) => Span::of(first, u32::from(mask).leading_ones()),
        Err(_) => Span::of(first, mask.parse().ok()?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_and_ranges_are_found_however_they_are_written() {
        let check = |text: &str, first: &str, last: &str| {
            let want = Span { first: first.parse().unwrap(), last: last.parse().unwrap() };
            assert_eq!(spans(text), [want], "{text}");
        };
        for text in [
            "from 198.51.100.0/24.",
            "from 198.51.100[.]0/24",
            "it was 198.51.100 [dot] 0 / 24",
            "198.51.100.7/255.255.255.0",
            "all of 198.51.100/24",
            "198.51.100.*",
            "198.51.100.x, please",
            "198.51.100.0-198.51.100.255",
            "198.51.100.0 \u{2013} 198.51.100.255",
            "198.51.100.255 bis 198.51.100.0",
            "198.51.100.0-255",
            "198.51.100.0 to 198.51.100.255.",
            "198.51.100.0から198.51.100.255まで",
            "198.51.100.0〜198.51.100.255",
            "全部198.51.100/24的主机",
        ] {
            check(text, "198.51.100.0", "198.51.100.255");
        }
        check("2001:db8::/32", "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff");
        check("2001:db8::1 - 2001:db8::9", "2001:db8::1", "2001:db8::9");
        check("0.0.0.0/0", "0.0.0.0", "255.255.255.255");
        for other in [
            "198.51.100.7",
            "198.51.100.7 and 203.0.113.9",
            "198.51.100.0/33",
            "at 12:30:00-13",
            "1.2.3",
            "/24",
            "::/129",
            "",
        ] {
            assert_eq!(spans(other), [], "{other}");
        }
    }

    #[test]
    fn what_lies_in_a_span_is_of_its_kind() {
        let span = Span::of("198.51.100.7".parse().unwrap(), 24).unwrap();
        let has = |address: &str| span.has(address.parse().unwrap());
        assert!(has("198.51.100.0") && has("198.51.100.255") && !has("198.51.101.0") && !has("2001:db8::1"));
    }
}
