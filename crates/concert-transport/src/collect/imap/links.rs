//! Links in mails: some providers send an address instead of the report.
//!
//! Only addresses on the hosts listed in `links` are fetched, and no redirect leads elsewhere,
//! because anybody can write a mail.

use std::sync::LazyLock;

use mail_parser::{Message, PartType};
use regex::Regex;
use url::Url;

/// Links fetched of one mail; that there are more is told as a gap.
pub(super) const LINKS_MAX: usize = 1_000;
/// Bytes of text looked at in one mail.
const TEXT_BYTES_MAX: usize = 4 << 20;
const URL_BYTES_MAX: usize = 2048;

/// Made once: it takes longer than to look through most mails.
static PATTERN: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r#"(?i)\bhttps?://[^\s<>"'`\\^{}|]+"#).ok());

/// Addresses in the texts of a mail that are on one of these hosts, each once, in order.
pub(super) fn find(message: &Message<'_>, hosts: &[String]) -> Vec<Url> {
    let mut found = Vec::new();
    let Some(pattern) = &*PATTERN else { return found };
    let mut left = TEXT_BYTES_MAX;
    for part in &message.parts {
        let text = match &part.body {
            PartType::Text(text) => text.to_string(),
            PartType::Html(text) => text.replace("&amp;", "&"),
            _ => continue,
        };
        left = left.saturating_sub(text.len());
        if left == 0 {
            break;
        }
        for hit in pattern.find_iter(&text) {
            // What ends a sentence or closes a bracket does not belong to the address.
            let link = hit.as_str().trim_end_matches(['.', ',', ';', ':', '!', '?', ')', ']', '*']);
            let Ok(url) = Url::parse(link) else { continue };
            let known = url.host_str().is_some_and(|host| hosts.iter().any(|listed| listed == host));
            let plain = url.username().is_empty() && url.password().is_none();
            if known && plain && link.len() <= URL_BYTES_MAX && !found.contains(&url) {
                found.push(url);
            }
            if found.len() > LINKS_MAX {
                return found;
            }
        }
    }
    found
}

/// An address without what may be a secret in it.
pub(super) fn shown(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    url.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_links_on_listed_hosts_are_found() {
        let mail = "From: a@b.example\r\nContent-Type: multipart/alternative; boundary=x\r\n\r\n\
            --x\r\nContent-Type: text/plain\r\n\r\nSee https://dl.example.org/a?b=1&c=2. Not\r\n\
            https://dl.example.org.evil.example/x, https://evil.example/https://dl.example.org/y,\r\n\
            https://me@dl.example.org/z or ftp://dl.example.org/f (https://DL.example.org/b).\r\n\
            --x\r\nContent-Type: text/html\r\n\r\n<a href=\"https://dl.example.org/a?b=1&amp;c=2\">it</a>\r\n--x--\r\n";
        let message = mail_parser::MessageParser::default().parse(mail.as_bytes()).unwrap();
        let found: Vec<String> = find(&message, &["dl.example.org".into()]).iter().map(Url::to_string).collect();
        assert_eq!(found, ["https://dl.example.org/a?b=1&c=2", "https://dl.example.org/b"]);
        assert!(find(&message, &[]).is_empty());
    }
}
