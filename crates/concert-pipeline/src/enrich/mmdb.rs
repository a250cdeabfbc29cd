//! MMDB files: the whole tree is read once into ranges, so that looking up costs the same whatever the
//! file was, and the compiled copy serves both.
//!
//! Publishers call the same things differently, so each is looked for where any of them has it:
//!
//! | | MaxMind GeoLite2, DB-IP | MaxMind Enterprise, DB-IP ISP | IPinfo |
//! |---|---|---|---|
//! | AS number | `autonomous_system_number` | `traits.autonomous_system_number` | `asn` (`"AS64496"`) |
//! | AS name | `autonomous_system_organization` | `traits.autonomous_system_organization` | `as_name`, `name` |
//! | country | `country.iso_code`, `registered_country.iso_code` | the same | `country_code`, `country` |
//!
//! A number may be a number or a text, with or without `AS`. What is no AS number (0, more than 32 bits)
//! and no country (`ZZ`, a whole name) is not taken.

use std::borrow::Cow;
use std::net::IpAddr;

use concert_model::{Kind, Net, Value};
use hashbrown::HashMap;
use maxminddb::{PathElement, Reader, WithinOptions};

use super::no_country;
use super::ranges::{Builder, What};

/// Longest AS name that is kept.
const NAME_BYTES_MAX: usize = 200;

const ASN_PATHS: [&[&str]; 3] = [&["autonomous_system_number"], &["traits", "autonomous_system_number"], &["asn"]];
const AS_NAME_PATHS: [&[&str]; 4] = [
    &["autonomous_system_organization"],
    &["traits", "autonomous_system_organization"],
    &["as_name"],
    // The name of a network, beside `asn`.
    &["name"],
];
const COUNTRY_PATHS: [&[&str]; 4] =
    [&["country", "iso_code"], &["registered_country", "iso_code"], &["country_code"], &["country"]];

/// Adds the networks of one file. Networks read before a mistake in the file are kept. A file in which no
/// network says what is asked for is the wrong one.
pub(super) fn read(what: What, bytes: &[u8], builder: &mut Builder) -> Result<(), String> {
    let reader = Reader::from_source(bytes).map_err(|error| error.to_string())?;
    let networks = reader.networks(WithinOptions::default()).map_err(|error| error.to_string())?;
    // Thousands of networks share one record, so each record is read once.
    let mut records: HashMap<usize, Option<u32>> = HashMap::new();
    let mut is_used = false;
    for found in networks {
        let found = found.map_err(|error| error.to_string())?;
        let Some(offset) = found.offset() else { continue };
        let value = match records.get(&offset) {
            Some(value) => *value,
            None => {
                let value = match read_record(what, &found)? {
                    Some((number, text)) => Some(builder.value(None, number, &text)?),
                    None => None,
                };
                records.insert(offset, value);
                value
            }
        };
        let network = found.network().map_err(|error| error.to_string())?;
        let (Some(value), Some(net)) = (value, plain(network.network(), network.prefix())) else { continue };
        builder.range(net.first(), net.last(), value)?;
        is_used = true;
    }
    if is_used {
        return Ok(());
    }
    let (wanted, kind) = (what.plural(), reader.metadata().database_type.chars().take(60).collect::<String>());
    Err(format!("no network in it has {wanted}; it says that it is `{}`", kind.escape_debug()))
}

type Record<'a> = maxminddb::LookupResult<'a, &'a [u8]>;

fn read_record(what: What, found: &Record<'_>) -> Result<Option<(u32, String)>, String> {
    match what {
        What::Asn => {
            let asn = first(found, &ASN_PATHS, |value| {
                let read = Value::read(Kind::Asn, &plain_text(value)?, None).ok()?.as_int()?;
                u32::try_from(read).ok()
            })?;
            let Some(asn) = asn else { return Ok(None) };
            let name = first(found, &AS_NAME_PATHS, |value| value.as_str().map(str::to_owned))?.unwrap_or_default();
            Ok(Some((asn, super::tidy_name(Cow::Owned(name), NAME_BYTES_MAX).into_owned())))
        }
        What::Country => {
            let code = first(found, &COUNTRY_PATHS, |value| {
                let code = value.as_str().filter(|code| !no_country(code))?;
                Some(Value::read(Kind::Country, code, None).ok()?.as_text()?.to_owned())
            })?;
            Ok(code.map(|code| (0, code)))
        }
    }
}

/// What the first of these paths leads to that can be read. A key of another shape than expected belongs to
/// another publisher's layout; a file that is damaged is an error.
fn first<T>(
    found: &Record<'_>,
    paths: &[&[&str]],
    read: impl Fn(&serde_json::Value) -> Option<T>,
) -> Result<Option<T>, String> {
    for path in paths {
        let path: Vec<PathElement<'_>> = path.iter().map(|key| PathElement::Key(key)).collect();
        match found.decode_path::<serde_json::Value>(&path) {
            Ok(value) => {
                if let Some(good) = value.as_ref().and_then(&read) {
                    return Ok(Some(good));
                }
            }
            Err(maxminddb::MaxMindDbError::Decoding { .. }) => {}
            Err(error) => return Err(error.to_string()),
        }
    }
    Ok(None)
}

/// The text of a text or number.
fn plain_text(value: &serde_json::Value) -> Option<Cow<'_, str>> {
    match value {
        serde_json::Value::String(text) => Some(Cow::Borrowed(text)),
        serde_json::Value::Number(number) => Some(Cow::Owned(number.to_string())),
        _ => None,
    }
}

/// IPv4 networks stand in an IPv6 tree as `::a.b.c.d/96+n`.
fn plain(first: IpAddr, prefix: u8) -> Option<Net> {
    match first {
        IpAddr::V6(address) if prefix >= 96 && address.to_bits() >> 32 == 0 => {
            let low = u32::try_from(address.to_bits()).ok()?;
            Net::new(IpAddr::V4(std::net::Ipv4Addr::from_bits(low)), prefix - 96)
        }
        _ => Net::new(first, prefix),
    }
}

#[cfg(test)]
mod tests {
    use super::super::ranges::Ranges;
    use super::*;

    /// A small MMDB file: networks of an IPv6 tree (IPv4 below `::/96`), each with a map of values.
    fn file(networks: &[(&str, u8, Vec<u8>)]) -> Vec<u8> {
        const NONE: usize = usize::MAX;
        let mut nodes: Vec<[usize; 2]> = vec![[NONE; 2]];
        let mut data = Vec::new();
        let mut leaves = Vec::new();
        for (address, prefix, record) in networks {
            let bits = address.parse::<std::net::Ipv6Addr>().unwrap().to_bits();
            let mut at = 0;
            for depth in 0..*prefix {
                let side = usize::from(bits >> (127 - depth) & 1 == 1);
                if depth + 1 == *prefix {
                    leaves.push((at, side, data.len()));
                } else if nodes[at][side] == NONE {
                    nodes[at][side] = nodes.len();
                    nodes.push([NONE; 2]);
                }
                at = nodes[at][side];
            }
            data.extend_from_slice(record);
        }
        let count = nodes.len();
        for (at, side, offset) in leaves {
            nodes[at][side] = count + 16 + offset;
        }
        let mut out = Vec::new();
        for value in nodes.iter().flatten() {
            let value = u32::try_from(if *value == NONE { count } else { *value }).unwrap();
            out.extend_from_slice(&value.to_be_bytes()[1..]);
        }
        out.extend_from_slice(&[0; 16]);
        out.extend_from_slice(&data);
        out.extend_from_slice(b"\xab\xcd\xefMaxMind.com");
        let number = |value: usize| [vec![0xc4], u32::try_from(value).unwrap().to_be_bytes().to_vec()].concat();
        let short = |value: u8| vec![0xa1, value];
        out.extend(map(&[
            ("node_count", number(count)),
            ("record_size", short(24)),
            ("ip_version", short(6)),
            ("database_type", text("Test")),
            ("languages", vec![0x00, 0x04]),
            ("binary_format_major_version", short(2)),
            ("binary_format_minor_version", short(0)),
            ("build_epoch", vec![0x01, 0x02, 1]),
            ("description", vec![0xe0]),
        ]));
        out
    }

    fn text(value: &str) -> Vec<u8> {
        let length = u8::try_from(value.len()).unwrap();
        let head = if length < 29 { vec![0x40 + length] } else { vec![0x5d, length - 29] };
        [head, value.as_bytes().to_vec()].concat()
    }

    fn map(pairs: &[(&str, Vec<u8>)]) -> Vec<u8> {
        let mut out = vec![0xe0 + u8::try_from(pairs.len()).unwrap()];
        for (key, value) in pairs {
            out.extend(text(key));
            out.extend(value);
        }
        out
    }

    fn asn(number: u8, name: &str) -> Vec<u8> {
        map(&[("autonomous_system_number", vec![0xc1, number]), ("autonomous_system_organization", text(name))])
    }

    fn check(what: What, file: &[u8], address: &str, want: &str) {
        let mut problems = Vec::new();
        let ranges = Ranges::read(what, &[("t.mmdb", file)], &mut problems);
        assert_eq!(problems, []);
        let found = ranges.find(address.parse().unwrap());
        let shown = found.map(|a| format!("{} {} {}", a.number, a.text, a.network.unwrap())).unwrap_or_default();
        assert_eq!(shown, want, "{address}");
    }

    #[test]
    fn networks_of_the_tree_become_ranges() {
        let bytes = file(&[
            ("::192.0.2.0", 120, asn(65, "Example \u{1}Net")),
            ("::198.51.100.0", 118, asn(66, "B")),
            ("2001:db8::", 32, asn(67, "C")),
        ]);
        check(What::Asn, &bytes, "192.0.2.255", "65 Example \u{fffd}Net 192.0.2.0/24");
        check(What::Asn, &bytes, "198.51.103.9", "66 B 198.51.100.0/22");
        check(What::Asn, &bytes, "2001:db8:1::", "67 C 2001:db8::/32");
        check(What::Asn, &bytes, "203.0.113.1", "");
    }

    #[test]
    fn countries_are_read_from_the_layouts_of_publishers() {
        let nested = |key, code: &str| map(&[(key, map(&[("iso_code", text(code))]))]);
        let bytes = file(&[
            ("::10.0.0.0", 104, nested("country", "FI")),
            ("::11.0.0.0", 104, nested("registered_country", "SE")),
            ("::12.0.0.0", 104, map(&[("country_code", text("ee"))])),
            ("::13.0.0.0", 104, map(&[("country", text("NO"))])),
            ("::14.0.0.0", 104, map(&[("country", text("Norway"))])),
            ("::15.0.0.0", 104, map(&[("country", text("Denmark")), ("country_code", text("DK"))])),
            ("::16.0.0.0", 104, map(&[("country_code", text("ZZ"))])),
            ("::17.0.0.0", 104, map(&[("country_code", vec![0xc1, 7])])),
        ]);
        for (address, want) in [
            ("10.0.0.1", "0 FI 10.0.0.0/8"),
            ("11.0.0.1", "0 SE 11.0.0.0/8"),
            ("12.0.0.1", "0 EE 12.0.0.0/8"),
            ("13.0.0.1", "0 NO 13.0.0.0/8"),
            ("14.0.0.1", ""),
            ("15.0.0.1", "0 DK 15.0.0.0/8"),
            ("16.0.0.1", ""),
            ("17.0.0.1", ""),
        ] {
            check(What::Country, &bytes, address, want);
        }
    }

    #[test]
    fn as_numbers_are_read_from_the_layouts_of_publishers() {
        let number = |value: u32| [vec![0xc4], value.to_be_bytes().to_vec()].concat();
        let wide = |value: u64| [vec![0x08, 0x02], value.to_be_bytes().to_vec()].concat();
        let key = "autonomous_system_number";
        let traits = map(&[(key, number(64_500)), ("autonomous_system_organization", text("Traits"))]);
        let bytes = file(&[
            (
                "::10.0.0.0",
                104,
                map(&[("asn", text("AS64496")), ("as_name", text("Example")), ("country", text("FI"))]),
            ),
            ("::11.0.0.0", 104, map(&[("asn", text("as64497")), ("name", text("Other")), ("type", text("isp"))])),
            ("::12.0.0.0", 104, map(&[(key, text("64498"))])),
            ("::13.0.0.0", 104, map(&[(key, wide(64_499))])),
            ("::14.0.0.0", 104, map(&[("traits", traits)])),
            ("::15.0.0.0", 104, map(&[(key, number(0)), ("asn", text("AS64501"))])),
            ("::16.0.0.0", 104, map(&[(key, number(0))])),
            ("::17.0.0.0", 104, map(&[(key, wide(1 << 32))])),
            ("::18.0.0.0", 104, map(&[("asn", text("AS4294967295"))])),
            ("::19.0.0.0", 104, map(&[("asn", text("Example"))])),
        ]);
        for (address, want) in [
            ("10.0.0.1", "64496 Example 10.0.0.0/8"),
            ("11.0.0.1", "64497 Other 11.0.0.0/8"),
            ("12.0.0.1", "64498  12.0.0.0/8"),
            ("13.0.0.1", "64499  13.0.0.0/8"),
            ("14.0.0.1", "64500 Traits 14.0.0.0/8"),
            ("15.0.0.1", "64501  15.0.0.0/8"),
            ("16.0.0.1", ""),
            ("17.0.0.1", ""),
            ("18.0.0.1", ""),
            ("19.0.0.1", ""),
        ] {
            check(What::Asn, &bytes, address, want);
        }
    }

    #[test]
    fn a_file_about_something_else_is_told() {
        let bytes = file(&[("::192.0.2.0", 120, asn(65, "A"))]);
        let mut problems = Vec::new();
        let ranges = Ranges::read(What::Country, &[("asn.mmdb", &bytes)], &mut problems);
        assert!(ranges.is_empty());
        let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
        let want = "asn.mmdb: cannot be used: no network in it has countries; it says that it is `Test`";
        assert_eq!(told, [format!("{want}\n  hint: take the file of the publisher that is about countries")]);
    }

    #[test]
    fn a_file_that_is_cut_or_flipped_is_told_and_never_a_panic() {
        let bytes = file(&[("::192.0.2.0", 120, asn(65, "A")), ("2001:db8::", 32, asn(67, "C"))]);
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 0xff;
            for damaged in [&bytes[..at], &flipped] {
                let mut problems = Vec::new();
                Ranges::read(What::Asn, &[("t.mmdb", damaged)], &mut problems);
                assert!(problems.len() <= 1, "{at}");
                assert!(at == 0 || damaged.len() == bytes.len() || problems.len() == 1, "cut at {at}");
            }
        }
    }
}
