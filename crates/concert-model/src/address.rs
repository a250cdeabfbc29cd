//! Mail addresses in the one form that contacts, bounces and keys are compared by.

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
/// Names under which nobody gets mail: RFC 6761, 7686 and 9476. Those that may be somebody's own network (`.local`) or a
/// trial (`.example`, `example.com`, `.test`) are left out: examples and tests live in them.
const RESERVED: [&str; 3] = ["invalid", "onion", "alt"];

/// Whether a text looks like one mail address: something, `@`, a domain; no blanks, no tricks.
pub fn is_address(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let bad =
        |c: char| c.is_whitespace() || c.is_control() || matches!(c, ',' | ';' | '<' | '>' | '"' | '(' | ')' | '@');
    let good = |part: &str| !part.is_empty() && !part.contains(bad) && !part.starts_with('.') && !part.ends_with('.');
    text.len() <= ADDRESS_BYTES_MAX && good(local) && good(domain)
}

/// Whether something can be sent to an address, as far as it says by itself.
pub fn is_usable(address: &str) -> bool {
    unusable(address).is_none()
}

/// Why nothing can be sent to an address, as far as it says by itself; nothing where something can.
pub fn unusable(address: &str) -> Option<&'static str> {
    let parts = address.rsplit_once('@').filter(|_| is_address(address));
    let Some((local, domain)) = parts else { return Some("this is no mail address") };
    if local.len() > LOCAL_BYTES_MAX {
        return Some("what stands before the @ is longer than mail allows");
    }
    if !local.is_ascii() {
        return Some("it has other letters than ASCII before the @, which most servers do not take");
    }
    if local.contains("..") {
        return Some("it has two dots in a row before the @");
    }
    let Ok(domain) = host::domain(domain) else { return Some("what stands behind the @ is no domain") };
    is_below(&domain, &RESERVED).then_some("its domain is reserved, and nobody gets mail there")
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
        for good in
            ["abuse@net.example", "a.b+c@b\u{fc}cher.example", "root@corp.local", "abuse@mail.Example.COM", "a@x.test", "a@b"]
        {
            check(good, None);
        }
        for none in ["nobody", "@net.example", "abuse@", "a b@net.example", "a@b@net.example", "abuse@.net.example", ""]
        {
            check(none, Some("no mail address"));
        }
        check(&long, Some("longer than mail allows"));
        check("j\u{f6}rg@uni.example", Some("other letters than ASCII"));
        check("a..b@uni.example", Some("two dots"));
        check(&format!("a@{}.example", "x".repeat(300)), Some("no mail address"));
        for none in ["abuse@net..example", "abuse@192.0.2.1", "abuse@-", "abuse@[192.0.2.1]", "abuse@n!t.example"] {
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
