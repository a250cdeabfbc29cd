//! Which server knows a network, AS number or domain: the four files of IANA.
//!
//! The copies that come with the program were written by its developers and hold what seldom changes: the
//! large blocks of the five registries of numbers, and some zones. All IPv4 addresses and all AS numbers of 16 bits
//! that anybody has are in them; blocks of AS numbers and of IPv6 that were handed out of late may be missing. Where
//! space inside has moved, the registry that was asked redirects. `concert contact refresh rdap` fetches the complete files.
//!
//! Source: RFC 9224, sections 3 (the file), 4 (domains) and 5 (numbers).

use std::net::IpAddr;

use concert_model::{Net, host};
use serde_json::Value;

use super::Question;

/// Largest file that is read. That of domains has some 100 kB.
pub const FILE_BYTES_MAX: u64 = 4 << 20;
/// Networks, blocks of AS numbers or zones of one file.
const ENTRIES_MAX: usize = 50_000;

/// One of the four files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// AS numbers.
    Asn,
    /// IPv4 networks.
    Ipv4,
    /// IPv6 networks.
    Ipv6,
    /// Zones.
    Dns,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 4] = [Kind::Asn, Kind::Ipv4, Kind::Ipv6, Kind::Dns];

    /// What its file is called, here and at IANA.
    pub fn file_name(self) -> &'static str {
        match self {
            Self::Asn => "asn.json",
            Self::Ipv4 => "ipv4.json",
            Self::Ipv6 => "ipv6.json",
            Self::Dns => "dns.json",
        }
    }

    /// The copy that comes with the program.
    fn shipped(self) -> &'static str {
        match self {
            Self::Asn => include_str!("bootstrap/asn.json"),
            Self::Ipv4 => include_str!("bootstrap/ipv4.json"),
            Self::Ipv6 => include_str!("bootstrap/ipv6.json"),
            Self::Dns => include_str!("bootstrap/dns.json"),
        }
    }
}

/// Whether a URL is that of a server on this machine, by its address: a name may lead elsewhere.
pub(super) fn is_here(url: &str) -> bool {
    let rest = url.strip_prefix("http://").unwrap_or_default();
    let host = rest.split('/').next().unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, port)| if port.ends_with(']') { host } else { name });
    matches!(name, "127.0.0.1" | "[::1]")
}

/// What an entry is for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Key {
    Asns(u32, u32),
    Net(Net),
    Zone(String),
}

/// One file, read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bootstrap {
    /// The day it was published, as it says.
    pub published: String,
    entries: Vec<(Key, usize)>,
    servers: Vec<String>,
}

impl Bootstrap {
    /// Reads a file. Entries that cannot be used are left out; a file without any is refused with a sentence.
    pub fn read(kind: Kind, bytes: &[u8]) -> Result<Bootstrap, String> {
        if bytes.len() as u64 > FILE_BYTES_MAX {
            return Err(format!("it is longer than {FILE_BYTES_MAX} bytes"));
        }
        let value: Value = serde_json::from_slice(bytes).map_err(|error| format!("it is not JSON: {error}"))?;
        let services = value.get("services").and_then(Value::as_array).ok_or("it has no list `services`")?;
        let published = value.get("publication").and_then(Value::as_str).unwrap_or_default();
        let published = published.chars().take(10).filter(|c| c.is_ascii_digit() || *c == '-').collect();
        let mut read = Bootstrap { published, ..Bootstrap::default() };
        for service in services {
            let texts = |at| service.get(at).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
            // Some name a server without encryption beside the other; that one is never asked.
            // On this machine nobody listens in; whether it is asked there is for the settings to say.
            let is_asked = |url: &&str| url.starts_with("https://") || is_here(url);
            let Some(server) = texts(1).find(is_asked) else { continue };
            read.servers.push(if server.ends_with('/') { server.to_owned() } else { format!("{server}/") });
            for text in texts(0) {
                let Some(key) = key(kind, text) else { continue };
                if read.entries.len() == ENTRIES_MAX {
                    return Err(format!("it has more than {ENTRIES_MAX} entries"));
                }
                read.entries.push((key, read.servers.len() - 1));
            }
        }
        match read.entries.is_empty() {
            true => Err("no entry of it can be used: each names what it is for, and a server with https:// (or http://127.0.0.1)".into()),
            false => Ok(read),
        }
    }

    /// The copy that comes with the program.
    pub fn shipped(kind: Kind) -> Bootstrap {
        // A test reads all four.
        Self::read(kind, kind.shipped().as_bytes()).unwrap_or_default()
    }

    /// The file that may know of this.
    pub fn kind(question: &Question) -> Kind {
        match question {
            Question::Net(net) if net.first().is_ipv4() => Kind::Ipv4,
            Question::Net(_) => Kind::Ipv6,
            Question::Asn(_) => Kind::Asn,
            Question::Name(_) => Kind::Dns,
        }
    }

    /// The server of the longest prefix, of the block or of the longest zone, with the number of labels of
    /// that zone.
    pub fn find(&self, question: &Question) -> Option<(&str, usize)> {
        let weigh = |key: &Key| match (key, question) {
            (Key::Net(net), Question::Net(asked)) => net.contains_net(asked).then(|| usize::from(net.prefix())),
            (Key::Asns(first, last), Question::Asn(asn)) => (first..=last).contains(&asn).then_some(0),
            (Key::Zone(zone), Question::Name(name)) => is_within(name, zone).then(|| labels(zone)),
            _ => None,
        };
        let found = self.entries.iter().filter_map(|(key, server)| Some((weigh(key)?, server)));
        let (weight, server) = found.max_by_key(|(weight, _)| *weight)?;
        Some((self.servers.get(*server)?, weight))
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

fn key(kind: Kind, text: &str) -> Option<Key> {
    match kind {
        Kind::Asn => {
            let (first, last) = text.split_once('-').unwrap_or((text, text));
            let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
            (first <= last).then_some(Key::Asns(first, last))
        }
        Kind::Ipv4 | Kind::Ipv6 => {
            let net: Net = text.parse().ok()?;
            (matches!(net.first(), IpAddr::V4(_)) == (kind == Kind::Ipv4)).then_some(Key::Net(net))
        }
        Kind::Dns => host::domain(text).ok().map(|zone| Key::Zone(zone.into_owned())),
    }
}

/// Whether a name is this domain or lies below it.
pub(super) fn is_within(name: &str, domain: &str) -> bool {
    name.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// Labels of a name.
pub(super) fn labels(name: &str) -> usize {
    name.split('.').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_that_come_with_the_program_know_the_five_registries() {
        let check = |question: Question, want: Option<&str>| {
            let bootstrap = Bootstrap::shipped(Bootstrap::kind(&question));
            assert_eq!(bootstrap.published, "2026-11-29");
            assert_eq!(bootstrap.find(&question).map(|(server, _)| server), want, "{question:?}");
        };
        let net = |text: &str| Question::Net(text.parse().unwrap());
        check(net("8.8.8.8"), Some("https://rdap.arin.net/registry/"));
        check(net("193.0.0.0/21"), Some("https://rdap.db.ripe.net/"));
        check(net("1.1.1.1"), Some("https://rdap.apnic.net/"));
        check(net("200.3.14.1"), Some("https://rdap.lacnic.net/rdap/"));
        check(net("196.216.2.1"), Some("https://rdap.afrinic.net/rdap/"));
        check(net("10.0.0.1"), None);
        check(net("240.0.0.1"), None);
        check(net("2001:67c:2e8::1"), Some("https://rdap.db.ripe.net/"));
        check(net("2001:db8::1"), Some("https://rdap.apnic.net/"));
        check(net("2600::1"), Some("https://rdap.arin.net/registry/"));
        check(net("fe80::1"), None);
        check(Question::Asn(3333), Some("https://rdap.db.ripe.net/"));
        check(Question::Asn(15_169), Some("https://rdap.arin.net/registry/"));
        check(Question::Asn(64_500), None);
        check(Question::Name("www.example.com".into()), Some("https://rdap.verisign.com/com/v1/"));
        check(Question::Name("uni.example".into()), None);
    }

    #[test]
    fn the_files_that_come_with_the_program_have_no_gap_and_name_nobody_twice() {
        let count = |question: &Question| {
            let bootstrap = Bootstrap::shipped(Bootstrap::kind(question));
            let holds = |key: &&(Key, usize)| match (&key.0, question) {
                (Key::Net(net), Question::Net(asked)) => net.contains_net(asked),
                (Key::Asns(first, last), Question::Asn(asn)) => (first..=last).contains(&asn),
                _ => false,
            };
            bootstrap.entries.iter().filter(holds).count()
        };
        for first in 0..=255u8 {
            let net: Net = format!("{first}.0.0.0/8").parse().unwrap();
            // This host, private space, loopback, multicast and what is reserved belong to nobody.
            let want = usize::from(!matches!(first, 0 | 10 | 127 | 224..));
            assert_eq!(count(&Question::Net(net)), want, "{net}");
        }
        let asns = Bootstrap::shipped(Kind::Asn);
        let mut blocks: Vec<(u32, u32)> = Vec::new();
        for (key, _) in &asns.entries {
            if let Key::Asns(first, last) = key {
                blocks.push((*first, *last));
            }
        }
        blocks.sort_unstable();
        assert!(blocks.iter().zip(blocks.iter().skip(1)).all(|(one, next)| one.1 < next.0), "{blocks:?}");
        let gaps: Vec<(u32, u32)> = blocks
            .iter()
            .zip(blocks.iter().skip(1))
            .filter(|(one, next)| one.1 + 1 < next.0 && next.0 < 131_073)
            .map(|(one, next)| (one.1 + 1, next.0 - 1))
            .collect();
        // AS_TRANS, and what is for documentation, private or reserved.
        assert_eq!((blocks[0].0, gaps.as_slice()), (1, [(23_456, 23_456), (64_496, 131_071)].as_slice()));
        let nets = Bootstrap::shipped(Kind::Ipv6);
        for (key, _) in &nets.entries {
            if let Key::Net(net) = key {
                assert_eq!(count(&Question::Net(*net)), 1, "{net}");
            }
        }
    }

    #[test]
    fn the_longest_prefix_and_zone_decide() {
        let read = |kind, services: &str| {
            Bootstrap::read(
                kind,
                format!("{{\"publication\": \"2024-01-07T10:11:12Z\", \"services\": {services}}}").as_bytes(),
            )
        };
        let nets = read(
            Kind::Ipv4,
            r#"[[["192.0.0.0/8", "x", "2001:db8::/32"], ["http://a.example/", "https://a.example"]], [["192.0.2.0/24"], ["https://b.example/x/"]], [["192.0.2.0/28"], ["http://plain.example/"]]]"#,
        );
        let nets = nets.unwrap();
        assert_eq!((nets.len(), nets.published.as_str()), (2, "2024-01-07"));
        let find = |text: &str| nets.find(&Question::Net(text.parse().unwrap()));
        assert_eq!(find("192.0.2.1"), Some(("https://b.example/x/", 24)));
        assert_eq!(find("192.0.0.0/16"), Some(("https://a.example/", 8)));
        assert_eq!(find("192.0.0.0/4"), None);
        let zones =
            read(Kind::Dns, r#"[[["uk"], ["https://a.example/"]], [["co.uk"], ["https://b.example/"]]]"#).unwrap();
        assert_eq!(zones.find(&Question::Name("a.co.uk".into())), Some(("https://b.example/", 2)));
        assert_eq!(zones.find(&Question::Name("aco.uk".into())), Some(("https://a.example/", 1)));
        assert_eq!(zones.find(&Question::Name("a.buk".into())), None);
        for wrong in ["{}", "[", "[[[\"com\"], [\"http://a.example/\"]]]", "[[3, 4]]"] {
            assert!(read(Kind::Dns, wrong).is_err(), "{wrong}");
        }
    }
}
