//! Domain names, URLs and their hosts: what is taken for one, and in which form.

use std::borrow::Cow;
use std::net::IpAddr;

use crate::value::dotted_quad;

/// Longest domain name, RFC 1035 section 2.3.4.
const DOMAIN_BYTES_MAX: usize = 253;
/// Longest label of one.
const LABEL_BYTES_MAX: usize = 63;
/// Longest URL. Servers take no longer request line, so nobody could open it.
const URL_BYTES_MAX: usize = 8 * 1024;

/// A domain name in its one form: IDNA, lower case, no final dot.
///
/// Underscores and signs at the ends of a label are allowed, because names in the DNS have them; addresses,
/// numbers and empty labels are not.
pub fn domain(text: &str) -> Result<Cow<'_, str>, &'static str> {
    let text = text.strip_suffix('.').unwrap_or(text);
    if is_plain(text.as_bytes()) {
        return Ok(Cow::Borrowed(text));
    }
    let name: Cow<'_, str> =
        if text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.' | b'_')) {
            Cow::Borrowed(text)
        } else if text.is_ascii() {
            Cow::Owned(text.to_ascii_lowercase())
        } else {
            Cow::Owned(idna::domain_to_ascii(text).map_err(|_| "not a domain name (IDNA)")?)
        };
    if name.is_empty() || name.len() > DOMAIN_BYTES_MAX {
        return Err("not a domain name: empty or longer than 253 characters");
    }
    let (mut last_is_number, mut last_has_letter) = (false, false);
    for label in name.split('.') {
        if label.is_empty() {
            return Err("not a domain name: nothing between two dots");
        }
        if label.len() > LABEL_BYTES_MAX {
            return Err("not a domain name: more than 63 characters between two dots");
        }
        if !label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_') {
            return Err("not a domain name");
        }
        if label.starts_with("xn--") && idna::domain_to_unicode(label).1.is_err() {
            return Err("not a domain name: what begins with xn-- stands for no text");
        }
        last_is_number = is_number(label);
        last_has_letter = label.bytes().any(|b| b.is_ascii_lowercase());
    }
    // A last label that is a number would be read as an IPv4 address (URL Standard, "ends in a number").
    if last_is_number {
        return Err("not a domain name but a number or address");
    }
    // `-` stands for nothing in many lists, and no name ends in signs alone.
    if !last_has_letter {
        return Err("not a domain name");
    }
    Ok(name)
}

/// Whether a text is a domain name in its one form already: nearly all are, and one pass tells. What may
/// be a hexadecimal number or an `xn--` is left to a second look.
fn is_plain(text: &[u8]) -> bool {
    let (mut label, mut has_letter, mut before) = (0, false, 0);
    for byte in text {
        match byte {
            b'x' if before == b'0' => return false,
            b'-' if before == b'-' => return false,
            b'a'..=b'z' => (label, has_letter) = (label + 1, true),
            b'0'..=b'9' | b'-' | b'_' => label += 1,
            b'.' if (1..=LABEL_BYTES_MAX).contains(&label) => (label, has_letter) = (0, false),
            _ => return false,
        }
        before = *byte;
    }
    text.len() <= DOMAIN_BYTES_MAX && (1..=LABEL_BYTES_MAX).contains(&label) && has_letter
}

/// Digits, or hexadecimal digits behind `0x`.
fn is_number(label: &str) -> bool {
    match label.strip_prefix("0x") {
        Some(digits) => digits.bytes().all(|b| b.is_ascii_hexdigit()),
        None => label.bytes().all(|b| b.is_ascii_digit()),
    }
}

/// Where the host of an absolute URL is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host<'a> {
    /// An address.
    Ip(IpAddr),
    /// A valid domain name.
    Domain(Cow<'a, str>),
}

/// Checks that a text is an absolute URL (RFC 3986) that a person could open or that names a place.
///
/// It has a scheme, a host that is a name or an address, a port that there is, and no blanks or control
/// characters. The URL is kept as written, because evidence is not rewritten. Nothing between two dots of a
/// host is let through: lists hold such URLs, and browsers ask for them.
pub fn check_url(url: &str) -> Result<(), &'static str> {
    if url.len() > URL_BYTES_MAX {
        return Err("a URL longer than 8 KiB");
    }
    let (scheme, rest) = url.split_once("://").ok_or("not an absolute URL")?;
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
    if !is_scheme {
        return Err("not an absolute URL");
    }
    if is_harmless(scheme) {
        return Err("a URL that was made harmless; `refang` undoes that where the parser has it");
    }
    let is_plain = url.bytes().all(|b| b.is_ascii_graphic());
    if !is_plain && url.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err("not an absolute URL: it holds a blank or control character");
    }
    let (name, port) = authority(rest);
    if name.is_empty() {
        return Err("not an absolute URL: it has no host");
    }
    if port.is_some_and(|port| !port.is_empty() && !port.parse().is_ok_and(|port: u16| port != 0)) {
        return Err("not a URL: its port is not one (1 to 65535)");
    }
    let known = host(name).is_some() || name.contains("..") && host(&without_gaps(name)).is_some();
    if known { Ok(()) } else { Err("not a URL: its host is neither a name nor an address") }
}

/// The host of an absolute URL and its port if one is written; `None` when the host is neither an
/// address nor a valid name.
pub fn url_host(url: &str) -> Option<(Host<'_>, Option<u16>)> {
    let (_, rest) = url.split_once("://")?;
    let (name, port) = authority(rest);
    Some((host(name)?, port.and_then(|port| port.parse().ok())))
}

/// Host and port, as they are written, in what follows `://`.
fn authority(rest: &str) -> (&str, Option<&str>) {
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    let place = authority.rsplit_once('@').map_or(authority, |(_, place)| place);
    let begin = if place.starts_with('[') { place.find(']').unwrap_or(place.len()) } else { 0 };
    match place.get(begin..).and_then(|tail| tail.find(':')) {
        Some(colon) => (place.get(..begin + colon).unwrap_or_default(), place.get(begin + colon + 1..)),
        None => (place, None),
    }
}

/// The host that a text in a URL stands for.
fn host(text: &str) -> Option<Host<'_>> {
    if let Some(address) = dotted_quad(text.as_bytes()) {
        return Some(Host::Ip(IpAddr::V4(address)));
    }
    if let Ok(name) = domain(text) {
        return Some(Host::Domain(name));
    }
    // Addresses that were made hard to read (0x7f.1, 3232235777) and %41 are followed as a browser does.
    match url::Host::parse(text).ok()? {
        // Nobody's network: a number that is no address.
        url::Host::Ipv4(address) => (address.octets()[0] != 0).then_some(Host::Ip(IpAddr::V4(address))),
        url::Host::Ipv6(address) => Some(Host::Ip(IpAddr::V6(address))),
        url::Host::Domain(name) => Some(Host::Domain(Cow::Owned(domain(&name).ok()?.into_owned()))),
    }
}

/// A name with one dot where several follow each other.
fn without_gaps(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name.chars() {
        if c != '.' || !out.ends_with('.') {
            out.push(c);
        }
    }
    out
}

/// Whether a character changes how the text around it looks instead of standing in it.
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// Undoes the usual defanging: `hxxp`, `fxp`, `[.]`, `(.)`, `[:]`, `[::]`, `[at]`, `[dot]`, `{.}`, `[.`, `\.`.
pub fn refang(text: &str) -> Cow<'_, str> {
    if !is_harmless(text) && !text.contains(['[', '(', '{', '\\']) {
        return Cow::Borrowed(text);
    }
    let mut out = text.to_owned();
    for (from, to) in [
        ("[.]", "."),
        ("(.)", "."),
        ("{.}", "."),
        ("[dot]", "."),
        ("(dot)", "."),
        ("{dot}", "."),
        ("[.", "."),
        (".]", "."),
        ("\\.", "."),
        ("[:]", ":"),
        ("[://]", "://"),
        ("[/]", "/"),
        ("[@]", "@"),
        ("[at]", "@"),
        ("(at)", "@"),
        ("(@)", "@"),
        ("{at}", "@"),
        ("{@}", "@"),
    ] {
        out = replace_ignoring_case(&out, from, to);
    }
    // In `http://[::]/` the brackets are those of an address.
    while let Some(at) = defanged_gap(&out) {
        out.replace_range(at..at + "[::]".len(), "::");
    }
    if begins(&out, "hxxp") {
        out.replace_range(1..3, "tt");
    } else if begins(&out, "fxp") {
        out.replace_range(1..2, "t");
    }
    Cow::Owned(out)
}

/// Where `[::]` stands behind a digit of an address: `2001:db8[::]7`.
fn defanged_gap(text: &str) -> Option<usize> {
    let is_digit = |at: usize| text.as_bytes().get(at).is_some_and(u8::is_ascii_hexdigit);
    text.match_indices("[::]").map(|(at, _)| at).find(|at| at.checked_sub(1).is_some_and(is_digit))
}

/// Whether a URL begins with a scheme that nothing opens, put there so that nobody follows it by accident.
fn is_harmless(url: &str) -> bool {
    begins(url, "hxxp") || begins(url, "fxp")
}

fn begins(text: &str, start: &str) -> bool {
    text.get(..start.len()).is_some_and(|given| given.eq_ignore_ascii_case(start))
}

fn replace_ignoring_case(text: &str, from: &str, to: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let (mut out, mut done) = (String::with_capacity(text.len()), 0);
    for (at, _) in lower.match_indices(from) {
        out.push_str(text.get(done..at).unwrap_or(""));
        out.push_str(to);
        done = at + from.len();
    }
    out.push_str(text.get(done..).unwrap_or(""));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, want: Option<&str>) {
        assert_eq!(domain(text).ok().as_deref(), want, "{text}");
    }

    #[test]
    fn domains_have_one_form() {
        check("Example.COM.", Some("example.com"));
        check("bücher.example", Some("xn--bcher-kva.example"));
        check("example_8.com", Some("example_8.com"));
        check("www..example.com", None);
        check("192.0.2.1", None);
        check("a b.example", None);
        check("", None);
    }

    #[test]
    fn signs_alone_end_no_domain() {
        check("-.", None);
        check("-", None);
        check("a.example._", None);
        check("A.-1-", None);
        check("a.x-1", Some("a.x-1"));
        check("_dmarc.a.example", Some("_dmarc.a.example"));
    }

    #[test]
    fn labels_are_those_of_the_dns() {
        check("r3---sn-a.video.example", Some("r3---sn-a.video.example"));
        check("a10x.example", Some("a10x.example"));
        check("_sip._tcp.a.example", Some("_sip._tcp.a.example"));
        check("localhost", Some("localhost"));
        check("xn--bcher-kva.example", Some("xn--bcher-kva.example"));
        check("xn--\u{fc}.example", None);
        check("xn--a-0\u{7f}.example", None);
        check("xn--99999999.example", None);
        check(&format!("{}.example", "a".repeat(63)), Some(&format!("{}.example", "a".repeat(63))));
        check(&format!("{}.example", "a".repeat(64)), None);
        check(&format!("{}example", "abcdefg.".repeat(31)), None);
        check(&format!("{}exam", "abcdefg.".repeat(31)), Some(&format!("{}exam", "abcdefg.".repeat(31))));
    }

    #[test]
    fn numbers_and_addresses_are_no_domains() {
        for text in ["80", "1.2.3", "192.0.2.1", "a.1", "0x7f.0x1", "a.0x1", "2001:db8::1", "[::1]", "10.0.0.0/8"] {
            check(text, None);
        }
        // Full-width digits are digits.
        check("\u{ff11}\u{ff19}\u{ff12}.0.2.1", None);
    }

    #[test]
    fn hosts_are_found_in_urls() {
        let host = |url| url_host(url).map(|(host, port)| (format!("{host:?}"), port));
        assert_eq!(host("http://192.0.2.1:7858/x"), Some(("Ip(192.0.2.1)".into(), Some(7858))));
        assert_eq!(host("https://u:p@Example.com/a@b"), Some(("Domain(\"example.com\")".into(), None)));
        assert_eq!(host("http://[2001:db8::1]:80/"), Some(("Ip(2001:db8::1)".into(), Some(80))));
        assert_eq!(host("http://www..example.com/phishing"), None);
        assert_eq!(host("http://3221225985/"), Some(("Ip(192.0.2.1)".into(), None)));
        assert_eq!(host("http://0xc0.0.0x2.1/"), Some(("Ip(192.0.2.1)".into(), None)));
        assert_eq!(host("http://%65vil.example/"), Some(("Domain(\"evil.example\")".into(), None)));
    }

    #[test]
    fn urls_that_can_be_opened_or_name_a_place_are_taken() {
        for url in [
            "http://www..example.com/phishing",
            "HTTPS://b\u{fc}cher.example/\u{fc}?a=b#c",
            "ftp://user:secret@files.example:2121/x.exe",
            "http://192.0.2.1:8080/",
            "http://[2001:db8::1]/",
            "http://a_b.example?q",
            "http://intranet/",
            "http://a.example./",
            "http://a.example:/",
            "ldap://192.0.2.1:1389/a",
            "https://a.example\\b",
        ] {
            assert_eq!(check_url(url), Ok(()), "{url}");
            assert!(url_host(url).is_some() || url.contains(".."), "{url}");
        }
    }

    #[test]
    fn what_is_no_url_is_refused_with_its_reason() {
        let no_host = "not a URL: its host is neither a name nor an address";
        for (url, want) in [
            ("/relative", "not an absolute URL"),
            ("www.example.com/a", "not an absolute URL"),
            ("1http://a.example/", "not an absolute URL"),
            ("http://a b/", "not an absolute URL: it holds a blank or control character"),
            ("http://a.example/\u{1b}[0m", "not an absolute URL: it holds a blank or control character"),
            ("http://a.example/\u{a0}", "not an absolute URL: it holds a blank or control character"),
            ("http:///path", "not an absolute URL: it has no host"),
            ("http://", "not an absolute URL: it has no host"),
            ("http://user@/", "not an absolute URL: it has no host"),
            ("http://a.example:0/", "not a URL: its port is not one (1 to 65535)"),
            ("http://a.example:99999/", "not a URL: its port is not one (1 to 65535)"),
            ("http://a.example:http/", "not a URL: its port is not one (1 to 65535)"),
            ("hxxp://a.example/", "a URL that was made harmless; `refang` undoes that where the parser has it"),
            ("http://a[.]example/", no_host),
            ("http://-/", no_host),
            ("http://80/", no_host),
            ("http://192.0.2.256/", no_host),
            ("http://192.0.2.1.5/", no_host),
            ("http://[2001:db8::g]/", no_host),
            ("http://[2001:db8::1", no_host),
            ("http://a,b.example/", no_host),
            ("http://../", no_host),
            (&format!("http://{}.example/", "a".repeat(64)), no_host),
            (&format!("http://a.example/{}", "a".repeat(8192)), "a URL longer than 8 KiB"),
        ] {
            assert_eq!(check_url(url), Err(want), "{url}");
        }
    }

    #[test]
    fn defanged_text_is_restored() {
        assert_eq!(refang("hxxps://evil[.]example/x"), "https://evil.example/x");
        assert_eq!(refang("80[.]82[.]78[.]27"), "80.82.78.27");
        assert_eq!(refang("plain.example"), "plain.example");
        assert_eq!(refang("FXP://files.example/x"), "FtP://files.example/x");
        assert_eq!(refang("a{at}evil[.example"), "a@evil.example");
    }
}
