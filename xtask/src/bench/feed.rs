//! A made-up daily report in Shadowserver's style: every field quoted, one row in five an exact repeat.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use super::networks::Networks;
use super::random::Random;

const HEADER: &[&str] = &[
    "timestamp",
    "severity",
    "ip",
    "protocol",
    "port",
    "hostname",
    "tag",
    "asn",
    "geo",
    "region",
    "city",
    "naics",
    "hostname_source",
    "sector",
    "banner",
];

/// Transport, port, tag, severity, banner.
type Service = (&'static str, &'static str, &'static str, &'static str, &'static str);

const SERVICES: &[Service] = &[
    ("tcp", "23", "telnet", "high", "login:"),
    ("tcp", "2323", "telnet-alt", "high", "|Router v6.4|Login:"),
    ("tcp", "445", "smb", "critical", "SMB 2.1"),
    ("tcp", "3389", "rdp", "medium", "RDP"),
    ("tcp", "6379", "redis", "high", "redis_version:6.0.16"),
    ("tcp", "9200", "elasticsearch", "high", "{\"cluster_name\":\"search\"}"),
    ("tcp", "5432", "postgres", "medium", "FATAL, no entry for this host"),
    ("udp", "53", "openresolver", "medium", "resolver-2.80"),
    ("udp", "123", "ntp", "low", "ntpd 4.2.6p5"),
    ("udp", "161", "snmp", "medium", "Linux gw 4.9 SMP"),
    ("tcp", "21", "ftp", "low", "220 \"Welcome\" to FTP"),
    ("tcp", "1883", "mqtt;mqtt-anon", "medium", "Connection Accepted"),
];

/// Region and city. Commas, quotes and letters beyond ASCII are there on purpose.
const PLACES: &[(&str, &str)] = &[
    ("Uusimaa", "Helsinki"),
    ("Bayern", "München"),
    ("Île-de-France", "Paris"),
    ("Łódzkie", "Łódź"),
    ("Tokyo, Kanto", "Chiyoda"),
    ("Bern, Canton of", "Bern"),
    ("", ""),
];

/// Empty ones stand for the many rows without a sector.
const SECTORS: &[&str] = &["", "", "", "Government", "Finance, Insurance, and Real Estate", "Retail \"Trade\""];
const NAICS: &[&str] = &["517311", "518210", "541690", "611310", "0"];

/// Writes a report of so many rows. The same seed gives the same bytes.
pub(super) fn write(path: &Path, rows: u64, seed: u64, networks: &Networks) -> std::io::Result<()> {
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path)?);
    let mut line = String::new();
    push(&mut line, HEADER);
    out.write_all(line.as_bytes())?;
    let mut draw = Random::at(seed, rows);
    let mut fresh = 0;
    for _ in 0..rows {
        // A repeat comes from anywhere earlier; it is made again from its number.
        let repeat = fresh > 0 && draw.below(5) == 0;
        let number = if repeat { draw.below(fresh) } else { fresh };
        fresh += u64::from(!repeat);
        line.clear();
        row(&mut line, &mut Random::at(seed, number), networks);
        out.write_all(line.as_bytes())?;
    }
    out.flush()
}

fn row(line: &mut String, random: &mut Random, networks: &Networks) {
    let Some((address, network)) = networks.draw(random) else { return };
    let second = random.below(86_400);
    let time = format!("2026-06-17 {:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60);
    let (transport, port, tag, severity, banner) = random.pick(SERVICES);
    let (region, city) = random.pick(PLACES);
    let [a, b, c, d] = address.octets();
    let (address, asn) = (address.to_string(), network.asn.to_string());
    let named = random.below(10) < 7;
    let host = if named { format!("host-{a}-{b}-{c}-{d}.as{asn}.example.net") } else { String::new() };
    let source = if named { "ptr" } else { "" };
    let (naics, sector) = (random.pick(NAICS), random.pick(SECTORS));
    let fields = [
        &time,
        severity,
        &address,
        transport,
        port,
        &host,
        tag,
        &asn,
        network.country(),
        region,
        city,
        naics,
        source,
        sector,
        banner,
    ];
    push(line, &fields);
}

fn push(line: &mut String, fields: &[&str]) {
    for (at, field) in fields.iter().enumerate() {
        line.push_str(if at == 0 { "\"" } else { ",\"" });
        for character in field.chars() {
            if character == '"' {
                line.push('"');
            }
            line.push(character);
        }
        line.push('"');
    }
    line.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_feed_is_the_same_every_time_and_a_fifth_of_it_repeats() {
        let networks = Networks::new(1);
        let dir = std::env::temp_dir().join(format!("xtask-bench-feed-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let make = |name: &str| {
            write(&dir.join(name), 2000, 1, &networks).unwrap();
            std::fs::read_to_string(dir.join(name)).unwrap()
        };
        let (one, two) = (make("one.csv"), make("two.csv"));
        std::fs::remove_dir_all(&dir).unwrap();
        assert_eq!(one, two);
        let rows: Vec<&str> = one.lines().skip(1).collect();
        let distinct: BTreeSet<&&str> = rows.iter().collect();
        assert_eq!(rows.len(), 2000);
        assert!((1550..1650).contains(&distinct.len()), "{} distinct", distinct.len());
        let mut reader = csv::Reader::from_reader(one.as_bytes());
        assert!(reader.records().all(|record| record.unwrap().len() == HEADER.len()));
    }
}
