//! Texts that registries write, whatever the form they come in.

use concert_model::address;

/// What RIPE writes where a person's address stood; nobody reads it.
const PLACEHOLDER: &str = "unread@ripe.net";
/// Space that a registry names only to say that others manage it.
const ELSEWHERE: [&str; 2] = ["NON-RIPE-NCC-MANAGED-ADDRESS-BLOCK", "ERX-NETBLOCK"];
/// Names that mean something in one's own network alone: RFC 6761, 6762, 8375, and what ICANN keeps for it.
const NOT_OUTSIDE: [&str; 4] = ["localhost", "local", "internal", "home.arpa"];

/// What stands where a registry has mail addresses, without the `mailto:` that some write before it.
pub(super) fn mailbox(text: &str) -> &str {
    const SCHEME: &str = "mailto:";
    match text.split_at_checked(SCHEME.len()) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case(SCHEME) => rest.trim_start(),
        _ => text,
    }
}

/// Whether a text is a mail address that somebody may read.
pub(super) fn is_mail(text: &str) -> bool {
    unusable(text).is_none()
}

/// Why a text that stands where a registry has mail addresses is none that somebody may read.
pub(super) fn unusable(text: &str) -> Option<&'static str> {
    if text.eq_ignore_ascii_case(PLACEHOLDER) {
        return Some("it stands for an address, and nobody reads it");
    }
    let (name, domain) = text.rsplit_once('@').unwrap_or_default();
    // A domain may have letters of any language: mail goes to what IDNA makes of them.
    if !name.bytes().all(|byte| byte.is_ascii_graphic())
        || domain.contains(|c: char| c.is_control() || c.is_whitespace())
    {
        return Some("this is no mail address");
    }
    let domain = domain.to_ascii_lowercase();
    address::unusable(text).or_else(|| match (domain.contains('.'), address::is_below(&domain, &NOT_OUTSIDE)) {
        (_, true) => Some("its domain means nothing on the Internet"),
        (false, _) => Some("what stands behind the @ is no domain on the Internet"),
        (true, false) => None,
    })
}

/// Whether the name of a network says that another registry manages it.
pub(super) fn is_elsewhere(name: &str) -> bool {
    ELSEWHERE.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// A text without control characters, of bounded length.
pub(super) fn tidy(text: &str, bytes_max: usize) -> String {
    let mut tidy: String = text.chars().take(bytes_max).filter(|c| !c.is_control()).collect();
    while tidy.len() > bytes_max {
        tidy.pop();
    }
    tidy
}
