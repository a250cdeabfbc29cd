//! Domain names and the host of a URL.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv6Addr};

/// Longest domain name, RFC 1035 section 2.3.4.
const DOMAIN_BYTES_MAX: usize = 253;

/// A domain name in its one form: IDNA, lower case, no final dot. Underscores are allowed, because
/// real names have them; addresses and empty labels are not.
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
            Cow::Owned(idna::domain_to_ascii(text).map_err(|_| "not a domain name")?)
        };
    if name.is_empty() || name.len() > DOMAIN_BYTES_MAX {
        return Err("not a domain name: empty or longer than 253 characters");
    }
    let (mut last_is_number, mut last_has_letter) = (false, false);
    for label in name.split('.') {
        let good = !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_');
        if !good {
            return Err("not a domain name");
        }
        last_is_number = label.bytes().all(|b| b.is_ascii_digit());
        last_has_letter = label.bytes().any(|b| b.is_ascii_lowercase());
    }
    // A last label of digits only would be read as an IPv4 address (URL Standard, "ends in a number").
    if last_is_number {
        return Err("not a domain name but a number or address");
    }
    // `-` stands for nothing in many lists, and no name ends in signs alone.
    if !last_has_letter {
        return Err("not a domain name");
    }
    Ok(name)
}

/// Whether a text is a domain name in its one form already: nearly all are, and one pass tells.
fn is_plain(text: &[u8]) -> bool {
    let (mut label, mut has_letter) = (0, false);
    for byte in text {
        match byte {
            b'a'..=b'z' => (label, has_letter) = (label + 1, true),
            b'0'..=b'9' | b'-' | b'_' => label += 1,
            b'.' if (1..=63).contains(&label) => (label, has_letter) = (0, false),
            _ => return false,
        }
    }
    text.len() <= DOMAIN_BYTES_MAX && (1..=63).contains(&label) && has_letter
}

/// Where the host of an absolute URL is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host<'a> {
    /// An address.
    Ip(IpAddr),
    /// A valid domain name.
    Domain(Cow<'a, str>),
}

/// Checks that a text is an absolute URL (RFC 3986): scheme, `://`, something behind it, and no
/// blanks or control characters. The URL is kept as written, because evidence is not rewritten.
pub fn check_url(url: &str) -> Result<(), &'static str> {
    let (scheme, rest) = url.split_once("://").ok_or("not an absolute URL")?;
    let scheme_good = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
    if !scheme_good || rest.is_empty() || rest.starts_with('/') {
        return Err("not an absolute URL");
    }
    if url.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err("not an absolute URL: it holds a blank or control character");
    }
    Ok(())
}

/// The host of an absolute URL and its port if one is written; `None` when the host is neither an
/// address nor a valid domain name.
pub fn url_host(url: &str) -> Option<(Host<'_>, Option<u16>)> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#', '\\']).next()?;
    let host_port = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    if let Some(rest) = host_port.strip_prefix('[') {
        let (address, port) = rest.split_once(']')?;
        let address: Ipv6Addr = address.parse().ok()?;
        return Some((Host::Ip(IpAddr::V6(address)), port.strip_prefix(':').and_then(|p| p.parse().ok())));
    }
    let (host, port) = match host_port.split_once(':') {
        Some((host, port)) => (host, port.parse().ok()),
        None => (host_port, None),
    };
    if let Ok(address) = host.parse() {
        return Some((Host::Ip(address), port));
    }
    Some((Host::Domain(domain(host).ok()?), port))
}

/// Undoes the usual defanging: `hxxp`, `[.]`, `(.)`, `[:]`, `[at]`, `[dot]`, `{.}`, `[.`, `\.`.
pub fn refang(text: &str) -> Cow<'_, str> {
    let lower = text.to_ascii_lowercase();
    if !lower.contains("hxx") && !text.contains(['[', '(', '{', '\\']) {
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
    if out.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("hxxp")) {
        out.replace_range(1..3, "tt");
    }
    Cow::Owned(out)
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
    fn hosts_are_found_in_urls() {
        let host = |url| url_host(url).map(|(host, port)| (format!("{host:?}"), port));
        assert_eq!(host("http://192.0.2.1:7858/x"), Some(("Ip(192.0.2.1)".into(), Some(7858))));
        assert_eq!(host("https://u:p@Example.com/a@b"), Some(("Domain(\"example.com\")".into(), None)));
        assert_eq!(host("http://[2001:db8::1]:80/"), Some(("Ip(2001:db8::1)".into(), Some(80))));
        assert_eq!(host("http://www..example.com/phishing"), None);
    }

    #[test]
    fn urls_must_be_absolute() {
        assert!(check_url("http://www..example.com/phishing").is_ok());
        assert!(check_url("/relative").is_err());
        assert!(check_url("http://a b/").is_err());
        assert!(check_url("http:///path").is_err());
    }

    #[test]
    fn defanged_text_is_restored() {
        assert_eq!(refang("hxxps://evil[.]example/x"), "https://evil.example/x");
        assert_eq!(refang("80[.]82[.]78[.]27"), "80.82.78.27");
        assert_eq!(refang("plain.example"), "plain.example");
        assert_eq!(refang("a{at}evil[.example"), "a@evil.example");
    }
}
