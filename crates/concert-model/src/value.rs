//! Values of fields: how each [`Kind`] is read from text, and what the readers refuse.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use jiff::tz::TimeZone;

use crate::field::Kind;
use crate::{Net, Time, host, taxonomy};

/// One value of an event, borrowed from its batch or from the text it was read from.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// Text of any kind that is kept as text.
    Text(Cow<'a, str>),
    /// A whole number (ports, AS numbers, counts).
    Int(i64),
    /// A decimal number.
    Float(f64),
    /// A truth value.
    Bool(bool),
    /// A moment.
    Time(Time),
    /// An address.
    Ip(IpAddr),
    /// A network.
    Net(Net),
    /// JSON text, known to be valid (`extra.*` lists and objects).
    Json(Cow<'a, str>),
}

/// Longest text kept in one field.
pub const TEXT_BYTES_MAX: usize = 64 * 1024;

impl<'a> Value<'a> {
    /// Text, without a copy.
    pub fn text(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }

    /// The text of a text value.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Json(text) => Some(text),
            _ => None,
        }
    }

    /// The number of a whole-number value.
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(*number),
            _ => None,
        }
    }

    /// The address of an address value.
    pub fn as_ip(&self) -> Option<IpAddr> {
        match self {
            Self::Ip(address) => Some(*address),
            _ => None,
        }
    }

    /// The moment of a time value.
    pub fn as_time(&self) -> Option<Time> {
        match self {
            Self::Time(time) => Some(*time),
            _ => None,
        }
    }

    /// The same value, borrowing nothing.
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Self::Text(text) => Value::Text(Cow::Owned(text.into_owned())),
            Self::Json(text) => Value::Json(Cow::Owned(text.into_owned())),
            Self::Int(number) => Value::Int(number),
            Self::Float(number) => Value::Float(number),
            Self::Bool(truth) => Value::Bool(truth),
            Self::Time(time) => Value::Time(time),
            Self::Ip(address) => Value::Ip(address),
            Self::Net(net) => Value::Net(net),
        }
    }

    /// Reads the text of a field of this kind. Blanks around it are ignored. `zone` is for times that
    /// name none. The error is the reason, without the text.
    pub fn read(kind: Kind, text: &'a str, zone: Option<&TimeZone>) -> Result<Value<'a>, &'static str> {
        let text = trim(text);
        if text.is_empty() {
            return Err("empty");
        }
        if text.len() > TEXT_BYTES_MAX {
            return Err("longer than 64 KiB");
        }
        match kind {
            Kind::Text | Kind::Extra => Ok(Value::Text(clean(text))),
            Kind::Lower => Ok(Value::Text(lower(text))),
            Kind::Country => country(text),
            Kind::Time => Time::parse(text, zone).map(Value::Time),
            Kind::Asn => asn(text),
            Kind::Domain => host::domain(text).map(Value::Text),
            Kind::Ip => ip(text).map(Value::Ip),
            Kind::Net => text.parse().map(Value::Net),
            Kind::Float => text.parse::<f64>().ok().filter(|f| f.is_finite()).map(Value::Float).ok_or("not a number"),
            Kind::Int => text.parse().map(Value::Int).map_err(|_| "not a whole number"),
            Kind::Port => port(text),
            Kind::Percent => percent(text),
            Kind::Url => host::check_url(text).map(|()| Value::text(text)),
            Kind::Bool => boolean(text),
            Kind::Registry => registry(text),
            Kind::Taxonomy => Ok(Value::Text(lower(text))),
            Kind::Type => taxonomy::type_of(text).map(|(name, _)| Value::text(name)).ok_or("not a classification type"),
            Kind::Tlp => taxonomy::tlp(text).map(Value::text).ok_or("not a TLP 2.0 label"),
            Kind::Severity => taxonomy::SEVERITIES
                .iter()
                .find(|name| name.eq_ignore_ascii_case(text))
                .map(|name| Value::text(name))
                .ok_or("not a severity (critical, high, medium, low, info, undefined)"),
            Kind::Transport => transport(text),
            Kind::Json => {
                // Read whole, since a number too large for its readers would spoil every event beside it.
                serde_json::from_str::<serde_json::Value>(text).map_err(|_| "not JSON")?;
                Ok(Value::Json(Cow::Borrowed(text)))
            }
        }
    }
}

/// A text without blanks around it. Most have none, which is seen at a glance.
pub fn trim(text: &str) -> &str {
    match text.as_bytes() {
        [first, .., last] if first.is_ascii_graphic() && last.is_ascii_graphic() => text,
        _ => text.trim(),
    }
}

/// NUL and other control characters become U+FFFD: they have no business in a field, and the line
/// around them may still be good. Tabs and line breaks stay.
fn clean(text: &str) -> Cow<'_, str> {
    let bad = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r');
    if text.bytes().all(|b| (b' '..0x7f).contains(&b)) || !text.contains(bad) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().map(|c| if bad(c) { '\u{fffd}' } else { c }).collect())
}

fn lower(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|b| b.is_ascii() && !b.is_ascii_uppercase() && b >= b' ') {
        return Cow::Borrowed(text);
    }
    Cow::Owned(clean(text).to_lowercase())
}

/// An address: dotted quad or IPv6 text. A zone (`%eth0`) is dropped; An IPv4 address in the
/// form of IPv6 (`::ffff:192.0.2.7`, RFC 4291 section 2.5.5.2) is that IPv4 address.
pub fn ip(text: &str) -> Result<IpAddr, &'static str> {
    if let Some(address) = dotted_quad(text.as_bytes()) {
        return Ok(IpAddr::V4(address));
    }
    if let Some(address) = colon_groups(text.as_bytes()) {
        return Ok(IpAddr::V6(address).to_canonical());
    }
    let text = text.split_once('%').map_or(text, |(address, _)| address);
    // `::ffff:192.0.2.7` is how machines with both families write the other one.
    text.parse::<Ipv6Addr>().map(|address| IpAddr::V6(address).to_canonical()).map_err(|_| "not an IP address")
}

/// Four decimal numbers without leading zeros, which some programs read as octal.
pub fn dotted_quad(text: &[u8]) -> Option<Ipv4Addr> {
    if text.len() < 7 || text.len() > 15 {
        return None;
    }
    let (mut bits, mut part, mut length, mut dots) = (0u32, 0u32, 0, 0);
    for byte in text {
        match byte {
            b'0'..=b'9' => {
                if length > 0 && part == 0 {
                    return None;
                }
                part = part * 10 + u32::from(byte - b'0');
                length += 1;
                if part > 255 {
                    return None;
                }
            }
            b'.' if length > 0 => {
                bits = bits << 8 | part;
                (part, length, dots) = (0, 0, dots + 1);
            }
            _ => return None,
        }
    }
    (dots == 3 && length > 0).then(|| Ipv4Addr::from_bits(bits << 8 | part))
}

/// Hexadecimal numbers with colons between them, of which one or more noughts may be left out once (`::`): the forms
/// 1 and 2 of RFC 4291, section 2.2. Range files hold hundreds of thousands of them.
fn colon_groups(text: &[u8]) -> Option<Ipv6Addr> {
    let (mut groups, mut count, mut gap, mut rest) = ([0u16; 8], 0, None, text);
    loop {
        if let [b':', b':', tail @ ..] = rest {
            if gap.replace(count).is_some() {
                return None;
            }
            rest = tail;
            if rest.is_empty() {
                break;
            }
        } else if count > 0 {
            if rest.is_empty() {
                break;
            }
            rest = rest.strip_prefix(b":")?;
        }
        let digits = rest.iter().take(5).take_while(|byte| byte.is_ascii_hexdigit()).count();
        if !(1..=4).contains(&digits) {
            return None;
        }
        let (group, tail) = rest.split_at_checked(digits)?;
        *groups.get_mut(count)? = group.iter().fold(0, |number, digit| number << 4 | hex(*digit));
        (count, rest) = (count + 1, tail);
    }
    match gap {
        None if count == 8 => {}
        Some(gap) if count < 8 => groups.get_mut(gap..)?.rotate_right(8 - count),
        _ => return None,
    }
    Some(Ipv6Addr::from(groups))
}

/// The number that a hexadecimal digit stands for.
fn hex(digit: u8) -> u16 {
    u16::from(if digit.is_ascii_digit() { digit - b'0' } else { (digit | 0x20) - b'a' + 10 })
}

fn country(text: &str) -> Result<Value<'_>, &'static str> {
    if text.len() != 2 || !text.bytes().all(|b| b.is_ascii_alphabetic()) {
        return Err("not a two-letter country code");
    }
    Ok(Value::Text(if text.bytes().all(|b| b.is_ascii_uppercase()) {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(text.to_ascii_uppercase())
    }))
}

fn asn(text: &str) -> Result<Value<'_>, &'static str> {
    let digits = match text.get(..2) {
        Some(start) if start.eq_ignore_ascii_case("as") => text.get(2..).unwrap_or("").trim_start(),
        _ => text,
    };
    match digits.parse::<u32>() {
        Ok(number) if number != 0 && number != u32::MAX => Ok(Value::Int(i64::from(number))),
        _ => Err("not an AS number"),
    }
}

fn port(text: &str) -> Result<Value<'_>, &'static str> {
    match text.parse::<u16>() {
        Ok(number) if number != 0 => Ok(Value::Int(i64::from(number))),
        _ => Err("not a port (1 to 65535)"),
    }
}

fn percent(text: &str) -> Result<Value<'_>, &'static str> {
    match text.parse::<f64>() {
        Ok(number) if (0.0..=100.0).contains(&number) => Ok(Value::Float(number)),
        _ => Err("not a number from 0 to 100"),
    }
}

fn boolean(text: &str) -> Result<Value<'_>, &'static str> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "y" | "1" | "on" => Ok(Value::Bool(true)),
        "false" | "no" | "n" | "0" | "off" => Ok(Value::Bool(false)),
        _ => Err("neither true nor false"),
    }
}

fn registry(text: &str) -> Result<Value<'_>, &'static str> {
    let name = match text.to_ascii_uppercase().as_str() {
        "RIPE" | "RIPENCC" | "RIPE-NCC" => "RIPE",
        "APNIC" => "APNIC",
        "ARIN" => "ARIN",
        "LACNIC" => "LACNIC",
        "AFRINIC" => "AFRINIC",
        _ => return Err("not a regional registry"),
    };
    Ok(Value::text(name))
}

/// Protocol names as IANA lists them; numbers of the common ones are turned into names.
fn transport(text: &str) -> Result<Value<'_>, &'static str> {
    let name = match text {
        "tcp" | "udp" | "icmp" => text,
        "1" => "icmp",
        "6" => "tcp",
        "17" => "udp",
        "41" => "ipv6",
        "47" => "gre",
        "50" => "esp",
        "51" => "ah",
        "58" => "ipv6-icmp",
        "132" => "sctp",
        _ => {
            let good = text.len() <= 11
                && text.starts_with(|c: char| c.is_ascii_alphanumeric())
                && !text.bytes().all(|b| b.is_ascii_digit())
                && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'+' | b'.' | b'/'));
            return if good { Ok(Value::Text(lower(text))) } else { Err("not a transport protocol") };
        }
    };
    Ok(Value::text(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good(kind: Kind, text: &str, want: Value<'_>) {
        assert_eq!(Value::read(kind, text, Some(&TimeZone::UTC)), Ok(want), "{text}");
    }

    fn bad(kind: Kind, text: &str) {
        assert!(Value::read(kind, text, Some(&TimeZone::UTC)).is_err(), "{text}");
    }

    #[test]
    fn values_are_read_and_normalised() {
        good(Kind::Ip, " 192.0.2.1 ", Value::Ip("192.0.2.1".parse().unwrap()));
        good(Kind::Ip, "fe80::1%eth0", Value::Ip("fe80::1".parse().unwrap()));
        good(Kind::Asn, "AS65536", Value::Int(65536));
        good(Kind::Country, "fi", Value::text("FI"));
        good(Kind::Transport, "6", Value::text("tcp"));
        good(Kind::Tlp, "TLP:WHITE", Value::text("clear"));
        good(Kind::Lower, "Conficker.B", Value::text("conficker.b"));
        good(Kind::Text, "a\0b", Value::text("a\u{fffd}b"));
        good(Kind::Registry, "ripencc", Value::text("RIPE"));
        good(Kind::Bool, "Yes", Value::Bool(true));
    }

    #[test]
    fn ipv6_is_read_as_the_standard_library_reads_it() {
        let pieces = ["", ":", "::", "0", "db8", "FFFF", "12345", "g", "."];
        let mut texts = vec![String::new()];
        for _ in 0..5 {
            texts = texts.iter().flat_map(|text| pieces.iter().map(move |piece| format!("{text}{piece}"))).collect();
        }
        let groups = |count| vec!["a1"; count].join(":");
        for count in 0..=9 {
            texts.push(groups(count));
            texts.extend((0..=count).map(|gap| format!("{}::{}", groups(gap), groups(count - gap))));
        }
        for text in &texts {
            assert_eq!(colon_groups(text.as_bytes()), text.parse().ok(), "{text}");
        }
    }

    #[test]
    fn values_of_another_kind_are_refused() {
        for text in ["1111.2222.3333.4444", "192.0.2", "192.0.2.256", "192.0.2.01", "::g", "1.2.3.4.5", "localhost"] {
            bad(Kind::Ip, text);
        }
        for text in ["0", "65536", "-1", "http", "80.5"] {
            bad(Kind::Port, text);
        }
        bad(Kind::Asn, "0");
        bad(Kind::Country, "UNK");
        bad(Kind::Type, "nonsense");
        bad(Kind::Severity, "worst");
        bad(Kind::Text, "   ");
        bad(Kind::Json, "{");
    }

    #[test]
    fn json_that_others_cannot_read_is_refused() {
        assert!(Value::read(Kind::Json, "[1e999]", None).is_err());
        assert!(Value::read(Kind::Json, "[1e99]", None).is_ok());
    }
}
