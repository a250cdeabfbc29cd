//! Mail addresses in the one form that contacts, bounces and keys are compared by.

use std::net::IpAddr;

use crate::host;

/// An address in the form that contacts are known by: lower case, its domain as the DNS has it.
pub fn canonical(address: &str) -> String {
    let address = address.trim();
    match address.rsplit_once('@') {
        Some((local, domain)) => {
            let domain = host::domain(domain).map_or_else(|_| domain.to_lowercase(), |name| name.into_owned());
            format!("{}@{domain}", local.to_lowercase())
        }
        None => address.to_lowercase(),
    }
}

/// Longest address, and longest part before the @ (RFC 5321, section 4.5.3.1).
const ADDRESS_BYTES_MAX: usize = 254;
const LOCAL_BYTES_MAX: usize = 64;
/// What is said of a text that is no address at all.
const NONE: &str = "this is no mail address";
/// Names under which nobody gets mail: RFC 6761, 7686 and 9476. Those that may be somebody's own network (`.local`) or a
/// trial (`.example`, `example.com`, `.test`) are left out: examples and tests live in them.
const RESERVED: [&str; 3] = ["invalid", "onion", "alt"];

/// Whether a text is a mail address that mail can be sent to. Beside those of contacts the settings may have a host without
/// a name: `root@[192.0.2.1]`.
pub fn is_address(text: &str) -> bool {
    let numbered = text.strip_suffix(']').and_then(|text| text.rsplit_once("@["));
    wrong(text).is_none()
        || numbered.is_some_and(|(local, host)| wrong_before(local).is_none() && host.parse::<IpAddr>().is_ok())
}

/// Why a text is no mail address that mail can be sent to, whoever it belongs to; nothing where it is one.
///
/// What imports refuse, checks tell and the mailer does not take is decided here. Quoted names and numbers for domains
/// (`"a b"@[192.0.2.1]`) are left out: in contacts they are mistakes or attempts to break out.
fn wrong(text: &str) -> Option<&'static str> {
    let Some((local, domain)) = text.rsplit_once('@') else { return Some(NONE) };
    let is_odd = |c: char| c.is_whitespace() || c.is_control() || ",;<>\"()".contains(c);
    if text.len() > ADDRESS_BYTES_MAX || domain.is_empty() || domain.contains(is_odd) {
        return Some(NONE);
    }
    wrong_before(local).or_else(|| {
        let is_bad = |label: &str| label.starts_with(['-', '_']) || label.ends_with(['-', '_']) || label.is_empty();
        let is_one = host::domain(domain).is_ok() && !domain.split('.').any(is_bad);
        (!is_one).then_some("what stands behind the @ is no domain")
    })
}

/// Why nothing may stand so before the @ of an address: letters, digits and the signs of RFC 5322 (`atext`), with single
/// dots between them.
fn wrong_before(local: &str) -> Option<&'static str> {
    if local.is_empty() || local.contains(|c: char| !is_atext(c)) || local.starts_with('.') || local.ends_with('.') {
        return Some(NONE);
    }
    if local.len() > LOCAL_BYTES_MAX {
        return Some("what stands before the @ is longer than mail allows");
    }
    if !local.is_ascii() {
        return Some("it has other letters than ASCII before the @, which most servers do not take");
    }
    local.contains("..").then_some("it has two dots in a row before the @")
}

/// What may stand before the @, with the dot, and with other letters, which are told by themselves.
fn is_atext(c: char) -> bool {
    c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c)
}

/// Whether something can be sent to an address, as far as it says by itself.
pub fn is_usable(address: &str) -> bool {
    unusable(address).is_none()
}

/// Why nothing can be sent to an address, as far as it says by itself; nothing where something can.
pub fn unusable(address: &str) -> Option<&'static str> {
    wrong(address).or_else(|| {
        let domain = host::domain(address.rsplit_once('@')?.1).ok()?;
        is_below(&domain, &RESERVED).then_some("its domain is reserved, and nobody gets mail there")
    })
}

/// Why a text is none for the contact of a party: no address at all, or one without a domain of the Internet.
pub fn wrong_contact(text: &str) -> Option<String> {
    let has_dot = text.rsplit_once('@').is_some_and(|(_, domain)| domain.contains('.'));
    match wrong(text) {
        None if has_dot => None,
        None => Some(format!("`{text}` is not a mail address: there is no dot in its domain")),
        Some(NONE) => Some(format!("`{text}` is not a mail address")),
        Some(why) => Some(format!("`{text}` is not a mail address that can be used: {why}")),
    }
}

/// Whether a domain is one of these or lies below one of them.
pub fn is_below(domain: &str, above: &[&str]) -> bool {
    above.iter().any(|above| domain.strip_suffix(above).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_why_nothing_can_be_sent_there() {
        let check = |address: &str, want: Option<&str>| {
            let found = unusable(address);
            assert!(
                found.zip(want).map_or(found == want, |(found, want)| found.contains(want)),
                "{address}: {found:?}"
            );
        };
        let long = format!("{}@net.example", "x".repeat(65));
        for good in [
            "abuse@net.example",
            "a.b+c@b\u{fc}cher.example",
            "root@corp.local",
            "abuse@mail.Example.COM",
            "a@x.test",
            "a@b",
        ] {
            check(good, None);
        }
        for none in ["nobody", "@net.example", "abuse@", "a b@net.example", "a@b@net.example", ".a@net.example", ""] {
            check(none, Some("no mail address"));
        }
        for none in ["mailto:x@y.example", "a:b@y.example", "h[x]@y.example", "x\\y@y.example", "\"a b\"@y.example"] {
            check(none, Some("no mail address"));
        }
        check(&long, Some("longer than mail allows"));
        check("j\u{f6}rg@uni.example", Some("other letters than ASCII"));
        check("a..b@uni.example", Some("two dots"));
        check(&format!("a@{}.example", "x".repeat(300)), Some("no mail address"));
        for none in ["abuse@net..example", "abuse@192.0.2.1", "abuse@-", "abuse@[192.0.2.1]", "abuse@n!t.example"] {
            check(none, Some("no domain"));
        }
        for none in [
            "abuse@-net.example",
            "abuse@net-.example",
            "abuse@_net.example",
            "abuse@.net.example",
            "abuse@net.example.",
        ] {
            check(none, Some("no domain"));
        }
        for reserved in ["abuse@x.invalid", "abuse@INVALID", "a@x.onion", "a@x.alt"] {
            check(reserved, Some("reserved"));
        }
    }

    #[test]
    fn an_address_has_one_form_however_it_is_written() {
        for (given, want) in [
            (" Abuse@Net.Example. ", "abuse@net.example"),
            ("abuse@b\u{fc}cher.example", "abuse@xn--bcher-kva.example"),
            ("NOBODY", "nobody"),
        ] {
            assert_eq!(canonical(given), want);
        }
    }
}
