//! Mail addresses as they go into headers and commands: ASCII, without anything that could break out.

use concert_model::address::is_address;

/// RFC 5321 4.5.3.1.3, without the angle brackets.
const ADDRESS_BYTES_MAX: usize = 254;

/// The address with its domain in ASCII, or why it cannot be used.
pub(super) fn ascii(text: &str) -> Result<String, String> {
    let shown = || text.chars().take(100).collect::<String>().escape_default().to_string();
    let bad = || format!("`{}` is not a mail address", shown());
    let (local, domain) = text.rsplit_once('@').ok_or_else(bad)?;
    if !local.is_ascii() {
        return Err(format!("`{}` has letters before the @ that most servers do not take", shown()));
    }
    if !is_address(text) {
        return Err(bad());
    }
    let domain = if domain.is_ascii() {
        domain.to_owned()
    } else {
        match url::Host::parse(domain) {
            Ok(url::Host::Domain(domain)) => domain,
            _ => return Err(bad()),
        }
    };
    let address = format!("{local}@{domain}");
    if address.len() <= ADDRESS_BYTES_MAX && address.parse::<lettre::Address>().is_ok() {
        Ok(address)
    } else {
        Err(bad())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_an_import_takes_is_taken_here() {
        for sign in (0..=u8::MAX).map(char::from) {
            for text in
                [format!("a{sign}b@net.example"), format!("ab@n{sign}t.example"), format!("ab@{sign}net.example")]
            {
                assert_eq!(is_address(&text), ascii(&text).is_ok(), "{text:?}");
            }
        }
    }

    #[test]
    fn addresses_are_checked() {
        let check = |text: &str, want: Option<&str>| assert_eq!(ascii(text).ok().as_deref(), want, "{text:?}");
        check("abuse@net.example", Some("abuse@net.example"));
        check("a+b.c@bücher.example", Some("a+b.c@xn--bcher-kva.example"));
        check("abuse@[192.0.2.1]", Some("abuse@[192.0.2.1]"));
        check("bücher@net.example", None);
        check("abuse", None);
        check("@net.example", None);
        check("a@b@net.example", None);
        check("a@net.example>\r\nRCPT TO:<b@net.example", None);
        check("a@net.example\nBcc: b@net.example", None);
        check("\"a b\"@net.example", None);
        check("a,b@net.example", None);
        check("a@[192.0.2.1]>", None);
        check("a,b@[192.0.2.1]", None);
        check("a@[192.0.2.1", None);
        check(&format!("{}@net.example", "a".repeat(300)), None);
    }
}
