//! What single values of a party may be, the same in every form of file. A mistake comes with what to write instead.

use concert_model::{Kind, Net, Value, host};

use crate::parse::country;

/// What is wrong, and what to write instead.
pub(super) type Wrong = (String, &'static str);

/// Longest mail address (RFC 5321 section 4.5.3.1.3).
const MAIL_BYTES_MAX: usize = 254;

pub(super) fn asn(item: &str) -> Result<u32, Wrong> {
    let read = Value::read(Kind::Asn, item, None).ok().and_then(|asn| u32::try_from(asn.as_int()?).ok());
    if let Some(asn) = read {
        return Ok(asn);
    }
    let digits = item.trim_start_matches(|c: char| c.is_ascii_alphabetic());
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let what = match digits.parse::<u32>() {
        Ok(0 | u32::MAX) => format!("`{item}` in asns is reserved and belongs to nobody"),
        Err(_) if is_number => format!("`{item}` in asns is beyond the highest AS number, {}", u32::MAX),
        _ => format!("`{item}` in asns is not an AS number"),
    };
    Err((what, "write it as AS64500 or 64500"))
}

/// The number of an AS as it stands in JSON.
pub(super) fn asn_number(number: u32) -> Result<(), Wrong> {
    asn(&number.to_string()).map(drop)
}

pub(super) fn net(item: &str) -> Result<Net, Wrong> {
    let net = item.parse().map_err(|why| (format!("`{item}` in prefixes: {why}"), "write it as 192.0.2.0/24"))?;
    some_net(&net).map(|()| net)
}

/// A network that somebody may have: one of all addresses would take every event from all others.
pub(super) fn some_net(net: &Net) -> Result<(), Wrong> {
    match net.prefix() {
        0 => Err((format!("`{net}` in prefixes is every address there is"), "name networks of its own: 192.0.2.0/24")),
        _ => Ok(()),
    }
}

pub(super) fn domain(item: &str) -> Result<String, Wrong> {
    let clean = match item.strip_prefix("*.") {
        Some(above) => host::domain(above).map(|above| format!("*.{above}")),
        None => host::domain(item).map(std::borrow::Cow::into_owned),
    };
    clean.map_err(|why| (format!("`{item}` in domains: {why}"), "write it as example.com or *.example.com"))
}

pub(super) fn country(item: &str) -> Result<String, Wrong> {
    let hint = "write the two letters of ISO 3166: FI";
    match Value::read(Kind::Country, item, None) {
        // Addresses and events bear the code of the standard.
        Ok(Value::Text(code)) if code == "UK" => Ok("GB".to_owned()),
        Ok(Value::Text(code)) if country::is_known(&code) => Ok(code.into_owned()),
        Ok(_) => Err((format!("`{item}` in countries is no country"), hint)),
        Err(_) => Err((format!("`{item}` in countries is not a two-letter code"), hint)),
    }
}

/// One `@` with a domain of the Internet behind it; more is for the mail server to judge.
pub(super) fn mail(item: &str) -> Result<(), Wrong> {
    let (local, domain) = item.split_once('@').unwrap_or_default();
    let is_one = !local.is_empty() && item.len() <= MAIL_BYTES_MAX && host::domain(domain).is_ok();
    let what = match is_one {
        true if domain.contains('.') => return Ok(()),
        true => format!("`{item}` is not a mail address: there is no dot in its domain"),
        false => format!("`{item}` is not a mail address"),
    };
    Err((what, "write it as abuse@example.com"))
}

/// A text of one line.
pub(super) fn line(name: &str, text: &str) -> Result<(), Wrong> {
    let what = match text.chars().find(|c| c.is_control()) {
        None => return Ok(()),
        Some('\n' | '\r') => format!("there is a line break in {name}"),
        Some(_) => format!("there is a control character in {name}"),
    };
    Err((what, "write it on one line; perhaps a quotation mark is missing before it"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_taken_or_refused_with_what_to_write_instead() {
        let check = |given: Result<String, Wrong>, want: &str| {
            assert_eq!(given.unwrap_or_else(|(what, hint)| format!("{what}; {hint}")), want);
        };
        let text = |asn: u32| asn.to_string();
        check(asn("as4294967294").map(text), "4294967294");
        let hint = "write it as AS64500 or 64500";
        check(
            asn("AS4294967295").map(text),
            &format!("`AS4294967295` in asns is reserved and belongs to nobody; {hint}"),
        );
        for item in ["AS4294967296", "AS99999999999", "99999999999999999999999999"] {
            check(
                asn(item).map(text),
                &format!("`{item}` in asns is beyond the highest AS number, 4294967295; {hint}"),
            );
        }
        for item in ["x", "AS", "ASx", "-1", "1.5"] {
            check(asn(item).map(text), &format!("`{item}` in asns is not an AS number; {hint}"));
        }
        for (item, want) in [("fi", "FI"), ("EU", "EU"), ("xk", "XK"), ("uk", "GB")] {
            check(country(item), want);
        }
        let hint = "write the two letters of ISO 3166: FI";
        for item in ["ZZ", "XX", "AA", "QQ"] {
            check(country(item), &format!("`{item}` in countries is no country; {hint}"));
        }
        check(country("FIN"), &format!("`FIN` in countries is not a two-letter code; {hint}"));
        check(net("0.0.0.0/1").map(|net| net.to_string()), "0.0.0.0/1");
        for item in ["0.0.0.0/0", "::/0"] {
            let hint = "name networks of its own: 192.0.2.0/24";
            check(
                net(item).map(|net| net.to_string()),
                &format!("`{item}` in prefixes is every address there is; {hint}"),
            );
        }
        check(mail("a@x.example").map(|()| String::new()), "");
        check(
            mail("a@x").map(|()| String::new()),
            "`a@x` is not a mail address: there is no dot in its domain; write it as abuse@example.com",
        );
        for item in ["a", "@x.example", "a@", "a@x@y.example", "a@a b.example"] {
            assert!(mail(item).is_err(), "{item}");
        }
    }
}
