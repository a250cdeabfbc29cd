//! What single values of a party may be, the same in every form of file. A mistake comes with what to write instead.

use std::borrow::Cow;
use std::net::IpAddr;

use concert_model::address::wrong_contact;
use concert_model::problem::instead;
use concert_model::{Contact, Kind, Net, PURPOSES, Value, host, language};

use super::nobody::is_within_site;
use crate::group::schedule::When;
use crate::parse::country;
use crate::render;

/// What is wrong, and what to write instead.
pub type Wrong = (String, Cow<'static, str>);

/// Networks that are told in place of a range.
const NETWORKS_TOLD_MAX: usize = 8;

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
    Err((what, "write it as AS64500 or 64500".into()))
}

pub(super) fn net(item: &str) -> Result<Net, Wrong> {
    let net: Net = item.parse().map_err(|why| (format!("`{item}` in prefixes: {why}"), instead_of_range(item)))?;
    let given = item.split_once('/').map_or(item, |(address, _)| address).parse::<IpAddr>();
    if given.is_ok_and(|given| given != net.first()) {
        return Err((
            format!("`{item}` in prefixes does not begin at its first address"),
            format!("write {net}").into(),
        ));
    }
    let net = plain(net);
    some_net(&net).map(|()| net)
}

/// The networks to write in place of a range.
fn instead_of_range(item: &str) -> Cow<'static, str> {
    let ends = item.split_once('-').and_then(|(first, last)| Some((first.parse().ok()?, last.parse().ok()?)));
    let nets = ends.map(|(first, last)| Net::between(first, last)).unwrap_or_default();
    match ends {
        Some(_) if (1..=NETWORKS_TOLD_MAX).contains(&nets.len()) => {
            let nets: Vec<String> = nets.iter().map(ToString::to_string).collect();
            format!("write {}", nets.join(" ")).into()
        }
        Some((first, last)) if first > last => format!("it ends before it begins: {last} to {first}").into(),
        _ if item.contains('-') => "write networks and no ranges: 192.0.2.0/24".into(),
        _ => "write it as 192.0.2.0/24".into(),
    }
}

/// A network of IPv4 that is written as one of IPv6 (`::ffff:192.0.2.0/120`) in the form that addresses have.
pub(super) fn plain(net: Net) -> Net {
    let inner = match net.first() {
        IpAddr::V6(first) => first.to_ipv4_mapped().zip(net.prefix().checked_sub(96)),
        IpAddr::V4(_) => None,
    };
    inner.and_then(|(first, prefix)| Net::new(first.into(), prefix)).unwrap_or(net)
}

/// A network that somebody may have: one of all addresses would take every event from all others.
pub(super) fn some_net(net: &Net) -> Result<(), Wrong> {
    let hint = "name networks of its own: 192.0.2.0/24".into();
    match net.prefix() {
        0 => Err((format!("`{net}` in prefixes is every address there is"), hint)),
        _ => Ok(()),
    }
}

/// A name that somebody may have. What the DNS allows beside names of hosts is nobody's domain.
pub(super) fn domain(item: &str) -> Result<String, Wrong> {
    let (star, name) = item.strip_prefix("*.").map_or(("", item), |name| ("*.", name));
    let hint = "write it as example.com or *.example.com";
    let wrong = |why: &str, hint: &'static str| (format!("`{item}` in domains: {why}"), Cow::from(hint));
    let name = host::domain(name).map_err(|why| wrong(why, hint))?;
    if !name.contains('.') && !is_within_site(&name) && (!star.is_empty() || is_zone(&name)) {
        return Err(wrong("a whole zone, in which others have their names", "name domains of its own: example.com"));
    }
    if name.split('.').any(|label| label.starts_with('-') || label.ends_with('-')) {
        return Err(wrong("no name of a host begins or ends with - between two dots", hint));
    }
    Ok(format!("{star}{name}"))
}

/// Zones of the Internet that many have names in. There are too many to list them all; of others a name without a dot is
/// that of a host alone (see `names.rs`), so none of them falls to anybody.
const ZONES: [&str; 16] = [
    "app", "arpa", "biz", "com", "dev", "edu", "example", "gov", "info", "int", "mil", "name", "net", "online", "org",
    "xyz",
];

/// Whether a name without a dot is a zone in which others have their names, such as those of countries.
fn is_zone(name: &str) -> bool {
    name.len() == 2 || name.starts_with("xn--") || ZONES.contains(&name)
}

pub(super) fn country(item: &str) -> Result<String, Wrong> {
    let hint = "write the two letters of ISO 3166: FI";
    if item == super::ANYWHERE {
        return Ok(item.to_owned());
    }
    match Value::read(Kind::Country, item, None) {
        // Addresses and events bear the code of the standard.
        Ok(Value::Text(code)) if code == "UK" => Ok("GB".to_owned()),
        Ok(Value::Text(code)) if country::is_known(&code) => Ok(code.into_owned()),
        Ok(_) => Err((format!("`{item}` in countries is no country"), hint.into())),
        Err(_) => Err((format!("`{item}` in countries is not a two-letter code"), hint.into())),
    }
}

/// An address that the mailer takes, with a domain of the Internet.
pub(super) fn mail(item: &str) -> Result<(), Wrong> {
    // Rather a copied link, or what a mail program shows.
    let bare = item.trim_start_matches("mailto:").trim_matches(['<', '>']);
    match wrong_contact(item) {
        None => Ok(()),
        Some(what) if bare != item && wrong_contact(bare).is_none() => Err((what, format!("write {bare}").into())),
        Some(what) => Err((what, "write it as abuse@example.com".into())),
    }
}

/// A word for what a party does. Blanks, `,` and `;` part words in a sheet, where a text with one of them would become
/// several.
pub(super) fn sector(item: &str) -> Result<(), Wrong> {
    line("sectors", item)?;
    if item.is_empty() || !item.contains([' ', ',', ';']) {
        return Ok(());
    }
    let parts = item.split([' ', ',', ';']).filter(|part| !part.is_empty());
    let hint = format!("write it without blanks, `,` and `;`: {}", parts.collect::<Vec<_>>().join("-"));
    Err((format!("`{item}` in sectors is more than one word"), hint.into()))
}

/// A text of one line.
pub(super) fn line(name: &str, text: &str) -> Result<(), Wrong> {
    let what = match text.chars().find(|c| host::is_hidden(*c)) {
        None => return Ok(()),
        Some('\n' | '\r') => format!("there is a line break in {name}"),
        Some(c) if c.is_control() => format!("there is a control character in {name}"),
        // What looks like another party would be told what is that one's.
        Some(c) => {
            let what = format!("there is a character in {name} that nobody sees, U+{:04X}", u32::from(c));
            return Err((what, "write it without; perhaps it was copied with the text from elsewhere".into()));
        }
    };
    Err((what, "write it on one line; perhaps a quotation mark is missing before it".into()))
}

/// The fingerprint of a key, as programs print it: in groups, in any letter case. Empty stays empty.
pub(super) fn fingerprint(item: &str) -> Result<String, Wrong> {
    let plain: String = item.split([' ', ':']).collect::<String>().to_ascii_uppercase();
    let plain = plain.strip_prefix("0X").unwrap_or(&plain);
    match (plain.len(), plain.bytes().all(|byte| byte.is_ascii_hexdigit())) {
        (0 | 40, true) => Ok(plain.to_owned()),
        // A short one is easily made to fit another key.
        _ => Err((
            format!("`{}` in openpgp is no fingerprint", item.escape_debug()),
            "write its 40 digits, as `concert key list` or `gpg --fingerprint` prints them".into(),
        )),
    }
}

/// What a contact is for and wishes: words that are known.
pub(super) fn wishes(contact: &Contact) -> Vec<Wrong> {
    let mut wrong = Vec::new();
    let Contact { purpose, format, schedule, language, .. } = contact;
    if contact.rank() == PURPOSES.len() {
        wrong.push((format!("`{purpose}` in purpose is none"), instead(purpose, &PURPOSES).into()));
    }
    if !format.is_empty() && render::format(format).is_none() {
        let known: Vec<&str> = render::ALL.iter().map(|listed| listed.name).collect();
        wrong.push((format!("there is no format `{format}`"), instead(format, &known).into()));
    }
    if !language.is_empty()
        && let Err(hint) = language::tag(language)
    {
        wrong.push((format!("`{language}` in language is no language"), hint.into()));
    }
    if let (false, Err(problem)) = (schedule.is_empty(), When::parse(schedule)) {
        wrong.push((format!("`{schedule}` in schedule: {}", problem.what), problem.hint.into()));
    }
    wrong
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
        check(net("::ffff:198.18.3.0/120").map(|net| net.to_string()), "198.18.3.0/24");
        check(net("192.0.2.7").map(|net| net.to_string()), "192.0.2.7/32");
        check(
            net("192.0.2.200/24").map(|net| net.to_string()),
            "`192.0.2.200/24` in prefixes does not begin at its first address; write 192.0.2.0/24",
        );
        check(
            net("2001:db8::1/32").map(|net| net.to_string()),
            "`2001:db8::1/32` in prefixes does not begin at its first address; write 2001:db8::/32",
        );
        check(domain("*.Example.COM"), "*.example.com");
        for item in ["localhost", "*.local", "internal", "test", "onion", "fileserver"] {
            check(domain(item), item);
        }
        for item in ["com", "*.com", "fi", "xn--p1ai", "example", "*.fileserver"] {
            let hint = "name domains of its own: example.com";
            check(
                domain(item),
                &format!("`{item}` in domains: a whole zone, in which others have their names; {hint}"),
            );
        }
        for item in ["-bad-.example", "bad-.example", "a.-b.example"] {
            let why = "no name of a host begins or ends with - between two dots";
            check(domain(item), &format!("`{item}` in domains: {why}; write it as example.com or *.example.com"));
        }
        check(mail("a@x.example").map(|()| String::new()), "");
        check(
            mail("a@x").map(|()| String::new()),
            "`a@x` is not a mail address: there is no dot in its domain; write it as abuse@example.com",
        );
        for item in [
            "a",
            "@x.example",
            "a@",
            "a@x@y.example",
            "a@a b.example",
            "a:b@x.example",
            "\"a\"@x.example",
            "a@-x.example",
        ] {
            assert!(mail(item).is_err(), "{item}");
        }
        for item in ["mailto:a@x.example", "<a@x.example>", "<mailto:a@x.example>"] {
            let hint = if item.starts_with("<m") { "abuse@example.com" } else { "a@x.example" };
            assert!(mail(item).unwrap_err().1.ends_with(hint), "{item}");
        }
        let range = |item: &str| net(item).unwrap_err().1;
        assert_eq!(range("192.0.2.0-192.0.2.255"), "write 192.0.2.0/24");
        assert_eq!(range("192.0.2.0-192.0.2.2"), "write 192.0.2.0/31 192.0.2.2/32");
        assert_eq!(range("192.0.2.9-192.0.2.1"), "it ends before it begins: 192.0.2.1 to 192.0.2.9");
        assert_eq!(range("-"), "write networks and no ranges: 192.0.2.0/24");
        assert_eq!(range("192.0.2"), "write it as 192.0.2.0/24");
    }

    #[test]
    fn what_nobody_sees_stands_in_no_text() {
        let check = |text: &str, want: Option<&str>| {
            assert_eq!(line("party", text).err().map(|(what, _)| what).as_deref(), want);
        };
        check("Bank Übersee", None);
        check("Bank\u{202e}knaB", Some("there is a character in party that nobody sees, U+202E"));
        check("Ba\u{200b}nk", Some("there is a character in party that nobody sees, U+200B"));
        check("Ba\tnk", Some("there is a control character in party"));
        check("Ba\nnk", Some("there is a line break in party"));
    }

    #[test]
    fn what_a_contact_is_for_and_wishes_is_known_or_refused() {
        let check = |contact: Contact, want: &[&str]| {
            let purpose = if contact.purpose.is_empty() { "abuse".to_owned() } else { contact.purpose.clone() };
            let told = wishes(&Contact { purpose, ..contact });
            assert_eq!(told.iter().map(|(what, hint)| format!("{what}; {hint}")).collect::<Vec<_>>(), want);
        };
        let of = |purpose: &str| Contact { purpose: purpose.into(), ..Contact::default() };
        for known in ["abuse", "Technical", "out of hours", "law", "incident"] {
            check(of(known), &[]);
        }
        check(of("abuze"), &["`abuze` in purpose is none; did you mean `abuse`?"]);
        let all = "abuse, technical, out of hours, incident, vulnerability, law";
        check(of("lunch break"), &[&format!("`lunch break` in purpose is none; one of: {all}")]);
        let unknown = Contact { format: "pfd".into(), ..Contact::default() };
        check(
            unknown,
            &["there is no format `pfd`; one of: csv, json, ndjson, text, html, xarf, keyvalue, keyvalue-json"],
        );
        let good = Contact { format: "csv".into(), schedule: "at 06:00".into(), ..Contact::default() };
        check(good, &[]);
        assert_eq!(wishes(&Contact { schedule: "sometimes".into(), ..of("abuse") }).len(), 1);
        for tag in ["en", "de", "pt-BR", "zh-Hant-TW", "sr-Latn"] {
            check(Contact { language: tag.into(), ..of("abuse") }, &[]);
        }
        for (text, hint) in [
            ("German (Swiss)", "write the tag of one: en, de, pt-BR"),
            ("german", "write `de`"),
            ("de_CH", "write `de-CH`"),
            ("zz", "write the tag of one: en, de, pt-BR"),
        ] {
            let want = format!("`{text}` in language is no language; {hint}");
            check(Contact { language: text.into(), ..of("abuse") }, &[&want]);
        }
    }
}
