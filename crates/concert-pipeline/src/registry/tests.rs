//! From text to answers, and back from damaged files.

use std::net::{IpAddr, Ipv4Addr};

use super::*;

const OBJECTS: &str = "\
organisation: ORG-A\norg-name: Example A\nabuse-c: ar1\nsource: RIPE\n
organisation: ORG-B\norg-name: Example B\nsource: RIPE\n
role: Abuse A\nnic-hdl: AR1\nabuse-mailbox: abuse@a.example\nsource: RIPE\n
irt: IRT-D\ne-mail: unread@ripe.net\nsource: RIPE\n
inetnum: 198.51.100.0 - 198.51.100.255\nnetname: D-NET\nmnt-irt: IRT-D\nsource: RIPE\n
irt: IRT-C\nabuse-mailbox: abuse@c.example\nremarks: abuse@c.example is invalid\nsource: APNIC\n
inetnum: 0.0.0.0 - 255.255.255.255\nnetname: ALL\norg: ORG-A\nsource: RIPE\n
inetnum: 192.0.2.0 - 192.0.2.255\nnetname: A-NET\norg: ORG-A\nsource: RIPE\n
inetnum: 192.0.2.64 - 192.0.2.127\nnetname: B-NET\norg: org-b\nsource: RIPE\n
inetnum: 192.0.2.100 - 192.0.2.200\nnetname: ACROSS\nmnt-irt: irt-c\nsource: APNIC\n
inetnum: 192.0.2.9 - 192.0.2.3\nsource: RIPE\n
inet6num: 2001:db8::/32\nnetname: SIX\nabuse-c: NO-ONE\nsource: RIPE\n
aut-num: AS64500\nas-name: A-AS\nabuse-c: AR1\nsource: RIPE\n";

fn registry(text: &str) -> (Registry<Vec<u8>>, Summary) {
    let mut builder = Builder::new();
    builder.read("t.db", text.as_bytes()).unwrap();
    let (bytes, summary) = builder.finish();
    (Registry::open(bytes).unwrap(), summary)
}

fn walked(asked: &Asked) -> String {
    let steps: Vec<String> = asked
        .steps
        .iter()
        .map(|step| format!("{} {}{}", step.name, step.answer.reason, step.answer.mails.join(",")))
        .collect();
    steps.join(" < ")
}

#[test]
fn the_smallest_network_with_a_contact_answers() {
    let (registry, summary) = registry(OBJECTS);
    let check = |address: &str, want: &str| {
        assert_eq!(walked(&registry.find(address.parse().unwrap()).unwrap()), want, "{address}");
    };
    check("192.0.2.1", "A-NET abuse@a.example");
    check("192.0.2.70", "B-NET the organisation RIPE ORG-B has no abuse-c < A-NET abuse@a.example");
    check("192.0.2.110", "B-NET the organisation RIPE ORG-B has no abuse-c < ACROSS abuse@c.example");
    check("192.0.2.150", "ACROSS abuse@c.example");
    check("192.0.2.250", "A-NET abuse@a.example");
    check("203.0.113.1", "");
    check("198.51.100.1", "D-NET the team RIPE IRT-D has no usable mailbox");
    check("::ffff:192.0.2.1", "A-NET abuse@a.example");
    check("2001:db8::1", "SIX the abuse-c RIPE NO-ONE is not there or has no mailbox");
    let asked = registry.find("192.0.2.150".parse().unwrap()).unwrap();
    let answer = &asked.answer().unwrap().answer;
    assert_eq!((answer.via.as_str(), answer.invalid.len(), answer.party.as_str()), ("mnt-irt", 1, "APNIC IRT-C"));
    assert_eq!(walked(&registry.find_asn(64_500).unwrap()), "A-AS abuse@a.example");
    assert_eq!(registry.find_asn(64_499).unwrap(), Asked::default());
    let (first, last) = ("192.0.2.64".parse().unwrap(), "192.0.2.127".parse().unwrap());
    assert!(walked(&registry.find_covering(first, last).unwrap()).starts_with("B-NET"));
    assert_eq!((summary.aside, summary.answered, summary.silent), (1, 3, 3));
    assert_eq!(summary.problems[0].place, "t.db:49");
}

/// INVARIANT: the networks asked are those that cover the address, the narrowest first.
#[test]
fn any_overlap_gives_what_a_slow_search_gives() {
    let mut seed = 5u64;
    let mut random = move |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u32::try_from((seed >> 33) % below).unwrap()
    };
    for _ in 0..200 {
        let mut ranges: Vec<(u32, u32)> = Vec::new();
        for _ in 0..random(30) {
            let (a, b) = (random(256), random(256));
            ranges.push((a.min(b), a.max(b)));
        }
        let address = |number: u32| IpAddr::V4(Ipv4Addr::from_bits(0xc000_0200 + number));
        let text: Vec<String> = ranges
            .iter()
            .map(|(a, b)| format!("inetnum: {} - {}\nnetname: {a}-{b}\nsource: RIPE\n\n", address(*a), address(*b)))
            .collect();
        let (registry, _) = registry(&text.concat());
        for number in 0..256 {
            let mut want: Vec<(u32, u32)> =
                ranges.iter().copied().filter(|(a, b)| *a <= number && number <= *b).collect();
            want.sort_by_key(|(a, b)| (b - a, *a));
            want.dedup();
            let want: Vec<String> = want.iter().map(|(a, b)| format!("{a}-{b}")).collect();
            let asked = registry.find(address(number)).unwrap();
            let got: Vec<&str> = asked.steps.iter().map(|step| step.name.as_str()).collect();
            assert_eq!(got, want, "{ranges:?} {number}");
        }
    }
}

#[test]
fn a_file_that_is_cut_or_changed_is_an_error_and_never_a_panic() {
    let mut builder = Builder::new();
    builder.read("t.db", OBJECTS.as_bytes()).unwrap();
    let (bytes, _) = builder.finish();
    assert_eq!(Registry::open(bytes.clone()).unwrap().check(), Ok(()));
    for end in 0..bytes.len() {
        assert!(Registry::open(bytes[..end].to_vec()).is_err(), "cut at {end}");
        let mut changed = bytes.clone();
        changed[end] ^= 0x11;
        if let Ok(registry) = Registry::open(changed) {
            assert!(registry.check().is_err(), "changed at {end}");
            for address in ["192.0.2.110", "2001:db8::1", "255.255.255.255"] {
                registry.find(address.parse().unwrap()).ok();
            }
            registry.find_asn(64_500).ok();
        }
    }
}
