//! Names in the domain of whoever complained, where they stand in what somebody is told: a page of theirs to which a
//! link leads on, or that was attacked.
//!
//! The host with which a URL begins is left as it is, and so is a path: by them a page is found that is complained of.

use regex::{Captures, Regex};

use crate::mail::providers;
use crate::render::withheld::WITHHELD;

/// What stands before a host: the sign that ends a scheme, or that parts values, also percent-encoded.
const BEFORE: &str = r"(^|%(?:25)?(?:2[0-9A-F]|3[A-F]|40)|[^A-Za-z0-9._-])";

/// The domain of an address, where it says whose the address is: in that of a provider anybody has one.
pub(super) fn domain<'a>(address: &'a str, shared: &[String]) -> Option<&'a str> {
    let (_, domain) = address.rsplit_once('@')?;
    let is_shared = |above: &String| concert_model::address::is_below(domain, &[above.as_str()]);
    let is_own = domain.contains('.') && !providers::is_shared(domain) && !shared.iter().any(is_shared);
    is_own.then_some(domain)
}

/// What finds a domain and the names below it.
pub(super) fn pattern(domain: &str) -> Option<Regex> {
    Regex::new(&format!(r"(?i){BEFORE}((?:[a-z0-9_-]+\.)*{})", regex::escape(domain))).ok()
}

/// A text without the names that are found, where it leads on to them: behind a second `://`, and behind `?` or `#`.
pub(super) fn without(own: &Regex, text: &str) -> String {
    let masked = own.replace_all(text, |found: &Captures<'_>| {
        let piece = |at: usize| found.get(at).map_or(0..0, |piece| piece.range());
        let (whole, name) = (piece(0), piece(2));
        let behind = text.get(name.end..).unwrap_or_default();
        // A dot may end a sentence.
        let next = behind.strip_prefix('.').unwrap_or(behind).chars().next();
        let goes_on = next.is_some_and(|next| next.is_alphanumeric() || matches!(next, '-' | '_'));
        let before = text.get(..name.start).unwrap_or_default();
        if goes_on || !leads_on(before) {
            return text.get(whole).unwrap_or_default().to_owned();
        }
        format!("{}{WITHHELD}", found.get(1).map_or("", |sign| sign.as_str()))
    });
    masked.into_owned()
}

/// Whether what follows this text is no host with which a URL begins, and no part of its path.
fn leads_on(before: &str) -> bool {
    // The URL in which it stands, where there is one; a list of them has quotes between.
    let url = before.rsplit(['"', ' ', '\n', '<', '>']).next().unwrap_or_default();
    let Some((_, behind)) = url.split_once("://") else { return false };
    behind.contains(['?', '#']) || behind.ends_with("://") || behind.to_ascii_uppercase().ends_with("%3A%2F%2F")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_their_own_are_masked_where_a_url_leads_on_to_them() {
        let own = pattern("bank.example").unwrap();
        let check = |given: &str, want: &str| assert_eq!(without(&own, given), want, "{given}");
        check(
            "http://x.example/?r=https://portal.Bank.example/login&x=1",
            "http://x.example/?r=https://withheld/login&x=1",
        );
        check("http://x.example/?r=https%3A%2F%2Fa.bank.example%2Fx", "http://x.example/?r=https%3A%2F%2Fwithheld%2Fx");
        check("http://x.example/go/https://bank.example/x", "http://x.example/go/https://withheld/x");
        check("http://x.example/?d=bank.example", "http://x.example/?d=withheld");
        check("http://x.example/#www.bank.example", "http://x.example/#withheld");
        check(
            "[\"http://x.example/?bank.example\",\"http://bank.example/\"]",
            "[\"http://x.example/?withheld\",\"http://bank.example/\"]",
        );
        // What is complained of is found by its host and path.
        for same in [
            "http://www.bank.example/x",
            "http://x.example/bank.example/login",
            "http://x.example/?d=otherbank.example",
            "http://x.example/?d=bank.example.net2",
            "at bank.example",
        ] {
            check(same, same);
        }
    }

    #[test]
    fn in_the_domain_of_a_provider_nobody_is_at_home() {
        let shared = ["isp.example".to_owned()];
        assert_eq!(domain("anna@bank.example", &shared), Some("bank.example"));
        for other in ["anna@gmail.com", "anna@isp.example", "anna@mail.isp.example", "anna@localhost", "anna"] {
            assert_eq!(domain(other, &shared), None, "{other}");
        }
    }
}
