//! A made-up contact book: what a registry publishes, as large as all of them together, and ten
//! thousand constituents.

use std::io::Write;
use std::net::Ipv4Addr;

use super::random::Random;

/// Networks of the registry, as many as all registries of the world publish under one roof.
pub(super) const INETNUMS: u64 = 4_000_000;
/// Constituents, and their networks.
const PARTIES: u64 = 10_000;
const NETWORKS_EACH: u64 = 20;
/// Addresses there are; networks and the gaps between them fill them, so many as are wanted.
const SPACE: u64 = (224 - 1) << 24;

/// Writes the objects: allocations of organisations, and in them networks of customers, some of which
/// have an organisation of their own.
pub(super) fn write_registry(mut out: impl Write, inetnums: u64, seed: u64) -> std::io::Result<()> {
    let (mut written, mut at, mut org) = (0, 1u64 << 24, 0);
    let mut random = Random::at(seed, 7);
    // Networks of 8 to 1,024 addresses: 255 on average.
    let gap = (SPACE / inetnums.max(1)).saturating_sub(255) * 2;
    while at < 224 << 24 && written < inetnums {
        let end = (at + (1 << (12 + random.below(7)))).min(224 << 24);
        org += 1;
        let holder = org;
        organisation(&mut out, holder)?;
        inetnum(&mut out, at, end - 1, Some(holder))?;
        written += 1;
        while at < end && written < inetnums {
            let size = 8 << random.below(8);
            let own = random.below(8) == 0;
            if own {
                org += 1;
                organisation(&mut out, org)?;
            }
            inetnum(&mut out, at, (at + size).min(end) - 1, own.then_some(org))?;
            written += 1;
            at += size + random.below(gap.max(1));
        }
        at = end;
    }
    out.flush()
}

fn organisation(out: &mut impl Write, number: u64) -> std::io::Result<()> {
    write!(
        out,
        "organisation:   ORG-B{number}-RIPE\norg-name:       Benchmark {number} Ltd\ncountry:        FI\n\
         org-type:       OTHER\nabuse-c:        BR{number}-RIPE\nmnt-by:         BENCH-MNT\nsource:         RIPE\n\n\
         role:           Abuse {number}\naddress:        Street {number}\nnic-hdl:        BR{number}-RIPE\n\
         abuse-mailbox:  abuse@b{number}.example\nmnt-by:         BENCH-MNT\nsource:         RIPE\n\n"
    )
}

fn inetnum(out: &mut impl Write, first: u64, last: u64, org: Option<u64>) -> std::io::Result<()> {
    let address = |number: u64| Ipv4Addr::from(u32::try_from(number).unwrap_or(u32::MAX));
    write!(out, "inetnum:        {} - {}\nnetname:        NET-{first}\n", address(first), address(last))?;
    if let Some(org) = org {
        writeln!(out, "org:            ORG-B{org}-RIPE")?;
    }
    write!(
        out,
        "country:        FI\nadmin-c:        BA1-RIPE\ntech-c:         BT1-RIPE\nstatus:         ASSIGNED PA\n\
         mnt-by:         BENCH-MNT\ncreated:        2012-03-04T05:06:07Z\nlast-modified:  2023-04-05T06:07:08Z\n\
         source:         RIPE\n\n"
    )
}

/// Writes constituents with networks of their own all over the address space.
pub(super) fn write_parties(mut out: impl Write, seed: u64) -> std::io::Result<()> {
    writeln!(out, "party,prefixes,mail")?;
    for party in 0..PARTIES {
        let mut random = Random::at(seed, party);
        write!(out, "Constituent {party},")?;
        for _ in 0..NETWORKS_EACH {
            let prefix = 20 + random.below(10);
            let first = ((1 << 24) + random.below(SPACE)) >> (32 - prefix) << (32 - prefix);
            write!(out, "{}/{prefix} ", Ipv4Addr::from(u32::try_from(first).unwrap_or(0)))?;
        }
        writeln!(out, ",abuse@c{party}.example")?;
    }
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_book_and_the_wanted_size() {
        let text = |inetnums, seed| {
            let mut out = Vec::new();
            write_registry(&mut out, inetnums, seed).unwrap();
            String::from_utf8(out).unwrap()
        };
        let one = text(20_000, 1);
        assert_eq!(one.matches("inetnum:").count(), 20_000);
        assert_eq!(one, text(20_000, 1));
        assert_ne!(one, text(20_000, 2));
        let mut parties = Vec::new();
        write_parties(&mut parties, 1).unwrap();
        assert_eq!(String::from_utf8(parties).unwrap().lines().count(), 10_001);
    }
}
