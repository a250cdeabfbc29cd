//! Texts that registries write, whatever the form they come in.

/// What RIPE writes where a person's address stood; nobody reads it.
const PLACEHOLDER: &str = "unread@ripe.net";
/// Space that a registry names only to say that others manage it.
const ELSEWHERE: [&str; 2] = ["NON-RIPE-NCC-MANAGED-ADDRESS-BLOCK", "ERX-NETBLOCK"];
/// Longest mail address, RFC 5321 section 4.5.3.1 without its angle brackets.
const MAIL_BYTES_MAX: usize = 254;

/// Whether a text is a mail address that somebody may read.
pub(super) fn is_mail(text: &str) -> bool {
    let halves = text.split_once('@').filter(|(name, domain)| !name.is_empty() && domain.contains('.'));
    halves.is_some()
        && !text.eq_ignore_ascii_case(PLACEHOLDER)
        && text.len() <= MAIL_BYTES_MAX
        && text.bytes().all(|b| b.is_ascii_graphic() && !b"<>,;\"()".contains(&b))
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
