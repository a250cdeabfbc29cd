//! Values as people paste them: taken apart so that nobody clicks them, with a port behind, or as a range.

use std::net::{IpAddr, SocketAddr};

use concert_model::problem::instead;
use concert_model::{Net, PURPOSES, Problem, host, value};
use concert_pipeline::enrich::constituents::Subject;
use concert_pipeline::observables::Kind;

/// Networks that a range is taken apart into at most.
const NETWORKS_MAX: usize = 32;

/// The values of a word, each in its one form; the word itself where it is none. The error says why it can be nobody's.
pub(crate) fn values(given: &str) -> Result<Vec<String>, Problem> {
    let given = bare(given.trim());
    let digits = after_as(given).unwrap_or(given);
    // As whois servers of some registries write it.
    if let Some(number) = after_as(given).and_then(|rest| rest.strip_prefix(['N', 'n'])).filter(|rest| is_number(rest))
    {
        return values(&format!("AS{number}"));
    }
    if digits.len() > 9 && is_number(digits) && digits.parse::<u32>().is_err() {
        let what = format!("`{given}` is beyond the highest AS number, {}", u32::MAX);
        return Err(Problem::new(what).hint("write it as AS64500"));
    }
    if Subject::read(given).is_some() {
        return Ok(vec![given.to_owned()]);
    }
    if let Ok(url) = Kind::Url.plain(given) {
        return Ok(vec![url]);
    }
    let plain = host::refang(given);
    if let Some((first, last)) = range(&plain) {
        let networks = Some(Net::between(first, last)).filter(|nets| nets.len() <= NETWORKS_MAX).ok_or_else(|| {
            let what = format!("`{given}` is more than {NETWORKS_MAX} networks");
            Problem::new(what).hint("ask for networks: 192.0.2.0/24")
        })?;
        return Ok(networks.iter().map(ToString::to_string).collect());
    }
    if let Some((first, last)) = ends(&plain) {
        let what = format!("`{given}` ends before it begins");
        return Err(Problem::new(what).hint(format!("write {last} - {first}")));
    }
    if let Ok(address) = plain.parse::<SocketAddr>() {
        return Ok(vec![address.ip().to_string()]);
    }
    let without_port = plain.rsplit_once(':').filter(|(name, port)| !name.contains(':') && port.parse::<u16>().is_ok());
    let plain = without_port.map_or(&*plain, |(name, _)| name);
    // A page without its scheme. What is no name before the stroke is a network that is wrong.
    let page = plain.split_once('/').filter(|(name, _)| matches!(Subject::read(name), Some(Subject::Name(_))));
    Ok(vec![page.map_or(plain, |(name, _)| name).to_owned()])
}

/// The values of a line, as spreadsheets and other programs write them: in quotation marks, with commas between, with the
/// mark that says that a file is Unicode.
pub(super) fn of_line(line: &str) -> impl Iterator<Item = &str> {
    let is_one = line.contains("://") || line.contains('<');
    let signs: &[char] = if is_one { &[] } else { &[',', ';', '\t'] };
    let blank = |sign: char| sign.is_whitespace() || matches!(sign, '"' | '\'' | ',' | ';' | '\u{feff}');
    line.split(signs).map(move |value| value.trim_matches(blank)).filter(|value| !value.is_empty())
}

/// What stands within `[...]` or, behind a name, within `<...>`.
fn bare(given: &str) -> &str {
    let within = given.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).filter(|text| text.contains(':'));
    within.or_else(|| Some(given.strip_suffix('>')?.rsplit_once('<')?.1.trim())).unwrap_or(given)
}

fn after_as(given: &str) -> Option<&str> {
    given.strip_prefix("AS").or_else(|| given.strip_prefix("as"))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A purpose that is known.
pub(crate) fn purpose(word: &str) -> Result<(), Problem> {
    if PURPOSES.iter().any(|known| known.eq_ignore_ascii_case(word)) {
        return Ok(());
    }
    let problem = Problem::new(format!("`{}` is no purpose of contacts", word.escape_debug()));
    Err(problem.hint(instead(word, &PURPOSES)))
}

/// `192.0.2.0 - 192.0.2.99`, with or without blanks.
fn range(text: &str) -> Option<(IpAddr, IpAddr)> {
    ends(text).filter(|(first, last)| first <= last)
}

/// Two addresses of one family with a stroke between them.
fn ends(text: &str) -> Option<(IpAddr, IpAddr)> {
    let (first, last) = text.split_once('-')?;
    let ends = (value::ip(first.trim()).ok()?, value::ip(last.trim()).ok()?);
    (ends.0.is_ipv4() == ends.1.is_ipv4()).then_some(ends)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_a_line_are_taken_as_programs_write_them() {
        let check = |line: &str, want: &[&str]| assert_eq!(of_line(line).collect::<Vec<_>>(), want, "{line:?}");
        check("192.0.2.1\r\n", &["192.0.2.1"]);
        check("\u{feff}192.0.2.1\r\n", &["192.0.2.1"]);
        check("\"192.0.2.1\"\r\n", &["192.0.2.1"]);
        check("192.0.2.1,\"AS64500\";, www.a.example\n", &["192.0.2.1", "AS64500", "www.a.example"]);
        check("\"http://a.example/x,y;z\",\n", &["http://a.example/x,y;z"]);
        check("192.0.2.0 - 192.0.2.9\n", &["192.0.2.0 - 192.0.2.9"]);
        check("Desk, Abuse <abuse@a.example>\n", &["Desk, Abuse <abuse@a.example>"]);
        check(" , \"\"\r\n", &[]);
    }

    #[test]
    fn values_are_taken_as_people_paste_them() {
        let check = |given: &str, want: &[&str]| assert_eq!(values(given).unwrap(), want, "{given}");
        for same in
            ["192.0.2.140", "192.0.2.0/24", "AS64500", "64500", "www.a.example", "abuse@a.example", "AS4294967295"]
        {
            check(same, &[same]);
        }
        check("192.0.2[.]140", &["192.0.2.140"]);
        check("hxxp://www[.]a[.]example/x", &["http://www.a.example/x"]);
        check("www[.]a[.]example", &["www.a.example"]);
        check("192.0.2.140:443", &["192.0.2.140"]);
        check("[2001:db8::1]:443", &["2001:db8::1"]);
        check("www.a.example:443", &["www.a.example"]);
        check("192.0.2.0-192.0.2.255", &["192.0.2.0/24"]);
        check("192.0.2.0 - 192.0.2.2", &["192.0.2.0/31", "192.0.2.2/32"]);
        check("2001:db8:: - 2001:db8::ffff", &["2001:db8::/112"]);
        check("0.0.0.0-255.255.255.255", &["0.0.0.0/0"]);
        check(":: - ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", &["::/0"]);
        check("no such thing", &["no such thing"]);
        check("[2001:db8::1]", &["2001:db8::1"]);
        check("Abuse Desk <abuse@a.example>", &["abuse@a.example"]);
        check("www.a.example/login", &["www.a.example"]);
        check("192.0.2.0/2x", &["192.0.2.0/2x"]);
        check("ASN64500", &["AS64500"]);
        let refused = |given: &str, want: &str| assert!(values(given).unwrap_err().what.contains(want), "{given}");
        refused("AS4294967296", "beyond the highest AS number, 4294967295");
        refused("99999999999999999999999999", "beyond the highest AS number, 4294967295");
        refused("::1 - ffff::ffff", "more than 32 networks");
        refused("192.0.2.9-192.0.2.1", "ends before it begins");
        purpose("Out of hours").unwrap();
        assert_eq!(purpose("abuze").unwrap_err().hint, "did you mean `abuse`?");
        assert!(purpose("nonsense").unwrap_err().hint.contains("technical"));
    }
}
