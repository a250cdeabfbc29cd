//! Log lines that write address and port in forms of their own (tcpdump, Cisco ASA, arrows), in the words of other logs,
//! which the rest of the parser understands.

use std::borrow::Cow;
use std::net::Ipv6Addr;
use std::sync::LazyLock;

use regex::{Captures, Regex};

fn compile(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a constant pattern")
}

const V4: &str = r"(?:\d{1,3}\.){3}\d{1,3}";
/// And more than that: whether it is an address is looked at where it matters.
const V6: &str = r"(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f:]{0,5}";

/// The line with `src=192.0.2.1 SPT=4242 dst=198.51.100.1 DPT=22`, or `->` between its addresses, where it says so.
pub(super) fn plain(line: &str) -> Cow<'_, str> {
    let line = whole(apart(line));
    if !line.contains(['>', '/', '→']) {
        return line;
    }
    // `192.0.2.1.5555 > 198.51.100.7.22: Flags [S]`; ports may be names.
    static TCPDUMP: LazyLock<Regex> = LazyLock::new(|| {
        let host = |name: char| {
            format!(
                r"(?P<{name}>{V4}|(?:[0-9A-Fa-f]{{0,4}}:){{2,7}}[0-9A-Fa-f]{{0,4}})\.(?P<{name}p>\d{{1,5}}|[a-z][a-z0-9-]{{1,20}})"
            )
        };
        compile(&format!(r"\b{}\s*>\s*{}\b", host('a'), host('b')))
    });
    // `Deny tcp src outside:192.0.2.1/4444 dst inside:198.51.100.7/22`, `from 192.0.2.1/4444 to 198.51.100.7/22`.
    static SLASHED: LazyLock<Regex> = LazyLock::new(|| {
        let host = |name: char| {
            format!(r"(?P<{name}i>[a-z][\w.-]*:)?(?P<{name}>{V4}|[0-9a-f:]{{2,39}})/(?P<{name}p>\d{{1,5}})")
        };
        compile(&format!(
            r"(?i)\b(?:src|from)\s+{}(?:\s*\([^)]{{0,80}}\))*,?\s+(?:dst|to|->)\s+{}\b",
            host('a'),
            host('b')
        ))
    });
    static ARROW: LazyLock<Regex> = LazyLock::new(|| {
        compile(&format!(
            r"(?P<a>(?:{V4}|:[0-9A-Fa-f]{{1,4}}|::)(?:\]?:\d{{1,5}})?[\])]?)\s*(?:-*>|=+>|→)\s*(?P<b>[\[(]?(?:\d{{1,3}}\.\d|[0-9A-Fa-f]{{1,4}}:))"
        ))
    });
    let told = |found: &Captures<'_>| {
        let group = |name: &str| found.name(name).map_or("", |text| text.as_str());
        let port = |word: &str, text: &str| match text.bytes().all(|byte| byte.is_ascii_digit()) {
            true => format!(" {word}={text}"),
            false => String::new(),
        };
        let (spt, dpt) = (port("SPT", group("ap")), port("DPT", group("bp")));
        format!(" src={}{spt} dst={}{dpt} ", group("a"), group("b"))
    };
    let line = TCPDUMP.replace_all(&line, |found: &Captures<'_>| told(found)).into_owned();
    let line = SLASHED.replace_all(&line, |found: &Captures<'_>| {
        let is_port =
            |name: &str| found.name(name).is_some_and(|text| text.as_str().parse::<u32>().is_ok_and(|n| n > 128));
        let has_places = found.name("ai").is_some() && found.name("bi").is_some();
        // Else they are networks.
        match has_places || is_port("ap") || is_port("bp") {
            true => told(found),
            false => found.get(0).map_or("", |whole| whole.as_str()).to_owned(),
        }
    });
    Cow::Owned(ARROW.replace_all(&line, "$a -> $b").into_owned())
}

/// `203.0.113.*`, `203.0.113.x` and `203.0.x.x` as the networks that they are.
fn whole(line: Cow<'_, str>) -> Cow<'_, str> {
    static WILD: LazyLock<Regex> = LazyLock::new(|| {
        compile(r"(?P<net>\d{1,3}\.\d{1,3}\.)(?:(?P<third>\d{1,3}\.)(?:\*|[xX]{1,3})|(?:\*\.\*|[xX]{1,3}\.[xX]{1,3}))")
    });
    if !line.contains(".*") && !line.contains(".x") && !line.contains(".X") {
        return line;
    }
    let told = |found: &Captures<'_>| {
        let Some(all) = found.get(0) else { return String::new() };
        let (before, after) = (line.get(..all.start()).unwrap_or_default(), line.get(all.end()..).unwrap_or_default());
        let group = |name: &str| found.name(name).map(|text| text.as_str());
        match (is_inside(before, after), group("net"), group("third")) {
            (false, Some(net), Some(third)) => format!("{net}{third}0/24"),
            (false, Some(net), None) => format!("{net}0.0/16"),
            _ => all.as_str().to_owned(),
        }
    };
    Cow::Owned(WILD.replace_all(&line, told).into_owned())
}

/// The ends of a range apart: `192.0.2.1-192.0.2.9`, `192.0.2.1-9`, `2001:db8::1-2001:db8::9`.
fn apart(line: &str) -> Cow<'_, str> {
    static RANGE: LazyLock<Regex> = LazyLock::new(|| {
        compile(&format!(r"(?P<a>{V4})[-\x{{2013}}](?P<b>{V4}|\d{{1,3}})|(?P<c>{V6})[-\x{{2013}}](?P<d>{V6})"))
    });
    if !line.contains(['-', '\u{2013}']) {
        return Cow::Borrowed(line);
    }
    let (mut out, mut end) = (String::new(), 0);
    for found in RANGE.captures_iter(line) {
        let Some(whole) = found.get(0) else { continue };
        // Looked at beside the pattern: what stands between two ranges belongs to both.
        let before = line.get(..whole.start()).unwrap_or_default();
        let after = line.get(whole.end()..).unwrap_or_default();
        if is_inside(before, after) {
            continue;
        }
        let group = |name: &str| found.name(name).map(|text| text.as_str());
        let ends = match (group("a").zip(group("b")), group("c").zip(group("d"))) {
            (Some((first, last)), _) if last.contains('.') => Some((first, last.to_owned())),
            (Some((first, last)), _) => last_number(first, last).map(|last| (first, last)),
            (None, Some((first, last))) => {
                let is_address = |text: &str| text.parse::<Ipv6Addr>().is_ok();
                let is_range =
                    is_address(first) && (is_address(last) || last.strip_suffix(':').is_some_and(is_address));
                is_range.then(|| (first, last.to_owned()))
            }
            (None, None) => None,
        };
        let Some((first, last)) = ends else { continue };
        out.extend([line.get(end..whole.start()).unwrap_or_default(), first, ", ", &last]);
        end = whole.end();
    }
    match end {
        0 => Cow::Borrowed(line),
        _ => Cow::Owned(out + line.get(end..).unwrap_or_default()),
    }
}

/// Whether what stands between is part of a longer word.
fn is_inside(before: &str, after: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '@' | '-');
    let mut next = after.chars();
    let first = next.next();
    before.ends_with(|c: char| is_word(c) || matches!(c, '.' | ':'))
        || first.is_some_and(is_word)
        || first == Some('.') && next.next().is_some_and(|c| !c.is_whitespace())
}

/// The last address of a range of which only its last number is written. A lower number is no end of it.
fn last_number(first: &str, last: &str) -> Option<String> {
    let (net, low) = first.rsplit_once('.')?;
    let (low, high): (u8, u8) = (low.parse().ok()?, last.parse().ok()?);
    (low < high).then(|| format!("{net}.{high}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_with_ports_are_told_in_the_words_of_other_logs() {
        let check = |line: &str, want: &str| assert_eq!(plain(line).trim(), want, "{line}");
        check(
            "IP 192.0.2.1.5555 > 198.51.100.7.22: Flags",
            "IP  src=192.0.2.1 SPT=5555 dst=198.51.100.7 DPT=22 : Flags",
        );
        check("192.0.2.1.5555 > 198.51.100.7.ssh", "src=192.0.2.1 SPT=5555 dst=198.51.100.7");
        check("IP6 2001:db8::1.5555 > 2001:db8::2.22:", "IP6  src=2001:db8::1 SPT=5555 dst=2001:db8::2 DPT=22 :");
        check("192.0.2.1:5555 > 198.51.100.7:22", "192.0.2.1:5555 -> 198.51.100.7:22");
        check("192.0.2.1->198.51.100.7", "192.0.2.1 -> 198.51.100.7");
        check("2001:db8::1 → 2001:db8::2", "2001:db8::1 -> 2001:db8::2");
        check("[2001:db8::1]:55 > [2001:db8::2]:22", "[2001:db8::1]:55 -> [2001:db8::2]:22");
        check(
            "Deny tcp src outside:192.0.2.1/4444 dst inside:198.51.100.7/22 by",
            "Deny tcp  src=192.0.2.1 SPT=4444 dst=198.51.100.7 DPT=22  by",
        );
        check(
            "Deny TCP from 192.0.2.1/4444 to 198.51.100.7/22",
            "Deny TCP  src=192.0.2.1 SPT=4444 dst=198.51.100.7 DPT=22",
        );
        check("from 203.0.113.* and 198.51.100.x.", "from 203.0.113.0/24 and 198.51.100.0/24.");
        check("(203.0.113.xxx), 198.51.X.X", "(203.0.113.0/24), 198.51.0.0/16");
        for line in ["1.203.0.113.*", "203.0.113.x.host.example", "a203.0.113.*", "203.0.113.xyz", "203.0.113.*.1"] {
            check(line, line);
        }
        for line in ["from 192.0.2.0/24 to 198.51.100.0/24", "Bob <bob@x.example> 192.0.2.1", "more than > 5", "a/b"] {
            check(line, line);
        }
    }
}
