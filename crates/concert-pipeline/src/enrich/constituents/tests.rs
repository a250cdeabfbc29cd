//! Who is responsible: in order, with exclusions, and against a slow search.

use super::*;
use concert_model::{Batch, Contact, EventId, ProblemKey};

const FILE: &str = "\
party,asns,prefixes,domains,countries,mail
National,,,,FI,abuse@national.example
Provider,AS64500 64501,192.0.2.0/24 2001:db8::/32 !192.0.2.128/25,provider.example !shop.provider.example,,abuse@provider.example
Customer,,192.0.2.64/26;198.51.100.0/24,*.shop.provider.example,,noc@customer.example
Partner,64500,192.0.2.64/26,provider.example,FI,abuse@partner.example
";

fn constituents() -> Constituents {
    let (parties, problems) = read_csv("c.csv", FILE.as_bytes());
    assert_eq!(problems, []);
    Constituents::new(parties)
}

fn shown(constituents: &Constituents, found: Option<Found<'_>>) -> String {
    found.map_or("nobody".into(), |found| format!("{} by {}", constituents.party(found.party).unwrap().name, found.by))
}

/// Whom an event with these fields falls to.
fn falls_to(constituents: &Constituents, given: &[(&str, &str)]) -> String {
    let mut batch = Batch::new();
    let mut event = batch.open();
    for (name, text) in given {
        let field = event.field(name).unwrap();
        event.read(field, text, None).unwrap();
    }
    event.keep(EventId::default(), ProblemKey::default(), 1);
    shown(constituents, constituents.responsible(&batch.get(0).unwrap()))
}

fn check(given: &[(&str, &str)], want: &str) {
    assert_eq!(falls_to(&constituents(), given), want, "{given:?}");
}

#[test]
fn the_most_specific_network_decides_first() {
    check(
        &[("source.ip", "192.0.2.1"), ("source.fqdn", "a.shop.provider.example")],
        "Provider by network 192.0.2.0/24",
    );
    check(&[("source.ip", "192.0.2.65")], "Customer by network 192.0.2.64/26");
    check(&[("source.ip", "198.51.100.255")], "Customer by network 198.51.100.0/24");
    check(&[("source.ip", "2001:db8::1")], "Provider by network 2001:db8::/32");
    check(&[("source.ip", "::ffff:192.0.2.1")], "Provider by network 192.0.2.0/24");
    check(&[("source.url", "http://192.0.2.1/x")], "Provider by network 192.0.2.0/24");
    check(&[("source.network", "192.0.2.0/25")], "Provider by network 192.0.2.0/24");
    check(&[("source.network", "192.0.0.0/16")], "nobody");
    check(&[("destination.ip", "192.0.2.1")], "nobody");
}

#[test]
fn space_that_nobody_can_own_falls_to_no_as_and_no_country() {
    for address in ["10.0.0.1", "100.64.0.1", "127.0.0.1", "fe80::1"] {
        check(&[("source.ip", address), ("source.asn", "64500"), ("source.geolocation.cc", "FI")], "nobody");
    }
    let named = [("source.ip", "10.0.0.1"), ("source.fqdn", "provider.example")];
    check(&named, "Provider by domain provider.example");
    check(&[("source.ip", "203.0.113.1"), ("source.asn", "64500")], "Provider by AS64500");
    let (parties, _) = read_csv("c.csv", b"party,prefixes,mail\nOurs,10.0.0.0/8,abuse@ours.example\n");
    let constituents = Constituents::new(parties);
    assert_eq!(constituents.who("10.0.0.1", &Lookup::default()).found.len(), 1, "whoever claims it has it");
}

#[test]
fn then_the_longest_domain_then_the_as_then_the_country() {
    check(&[("source.fqdn", "provider.example")], "Provider by domain provider.example");
    check(
        &[("source.fqdn", "www.shop.provider.example"), ("source.asn", "64501")],
        "Customer by domain shop.provider.example",
    );
    check(&[("source.url", "http://www.provider.example/")], "Provider by domain provider.example");
    check(&[("source.ip", "203.0.113.1"), ("source.asn", "64501")], "Provider by AS64501");
    check(
        &[("source.ip", "203.0.113.1"), ("source.asn", "1"), ("source.geolocation.cc", "FI")],
        "National by country FI",
    );
    check(&[("source.ip", "203.0.113.1"), ("source.geolocation.cc", "SE")], "nobody");
}

#[test]
fn a_reverse_name_decides_nothing() {
    check(&[("source.reverse_dns", "a.b.provider.example")], "nobody");
    let named = [("source.ip", "203.0.113.1"), ("source.reverse_dns", "mail.shop.provider.example")];
    check(&named, "nobody");
    check(&[&named[..], &[("source.asn", "64500")]].concat(), "Provider by AS64500");
    check(&[&named[..], &[("source.geolocation.cc", "FI")]].concat(), "National by country FI");
}

#[test]
fn what_is_excluded_does_not_fall_to_the_party_by_any_way() {
    check(&[("source.ip", "192.0.2.200")], "nobody");
    check(&[("source.ip", "192.0.2.200"), ("source.asn", "64501")], "nobody");
    check(&[("source.ip", "192.0.2.200"), ("source.asn", "64500")], "Partner by AS64500");
    check(
        &[("source.ip", "192.0.2.200"), ("source.asn", "64501"), ("source.geolocation.cc", "FI")],
        "National by country FI",
    );
    check(&[("source.fqdn", "shop.provider.example")], "Partner by domain provider.example");
}

#[test]
fn who_answers_for_a_bare_value() {
    let constituents = constituents();
    let ranges = |what, text: &str| super::super::Ranges::read(what, &[("t.csv", text.as_bytes())], &mut Vec::new());
    let lookup = Lookup::new(
        Some(ranges(super::super::What::Asn, "192.0.2.0,192.0.2.255,64500,x")),
        Some(ranges(super::super::What::Country, "192.0.2.0,203.0.113.255,FI")),
    );
    let check = |value: &str, want: &[&str], reason: &str| {
        let who = constituents.who(value, &lookup);
        let found: Vec<_> = who.found.iter().map(|found| shown(&constituents, Some(*found))).collect();
        assert_eq!((found, who.reason.as_str()), (want.iter().map(ToString::to_string).collect(), reason), "{value}");
    };
    check("192.0.2.1", &["Provider by network 192.0.2.0/24", "Partner by AS64500", "National by country FI"], "");
    check("192.0.2.200", &["Partner by AS64500", "National by country FI"], "");
    check(
        "192.0.2.64/27",
        &[
            "Customer by network 192.0.2.64/26",
            "Partner by network 192.0.2.64/26",
            "Provider by network 192.0.2.0/24",
            "National by country FI",
        ],
        "",
    );
    // What holds for its first address alone does not hold for a network.
    check("192.0.2.0/23", &["National by country FI", "Partner by country FI"], "");
    check("128.0.0.0/1", &[], "no party answers for the network 128.0.0.0/1, in part reserved space (RFC 1112)");
    check("0.0.0.0/0", &[], "no party answers for the network 0.0.0.0/0, all addresses of IPv4");
    check("198.0.0.0/7", &["National by country FI", "Partner by country FI"], "");
    check("AS64501", &["Provider by AS64501"], "");
    check("AS7", &[], "no party answers for AS7");
    check("https://x.shop.provider.example:8443/a", &["Customer by domain shop.provider.example"], "");
    check("jane@provider.example", &["Provider by domain provider.example"], "");
    check("10.0.0.1", &[], "no party answers for 10.0.0.1, private space (RFC 1918)");
    check("no such thing", &[], "`no such thing` is no address, network, AS number, domain or URL");
}

#[test]
fn whoever_is_passed_over_for_a_bare_value_is_told_with_the_reason() {
    let constituents = constituents();
    let ranges = |what, text: &str| super::super::Ranges::read(what, &[("t.csv", text.as_bytes())], &mut Vec::new());
    let lookup = Lookup::new(
        Some(ranges(super::super::What::Asn, "192.0.2.0,192.0.2.255,64501,x\n203.0.113.0,203.0.113.9,64500,y")),
        Some(ranges(super::super::What::Country, "192.0.2.0,203.0.113.255,FI")),
    );
    let check = |value: &str, want: &[&str]| {
        let passed = constituents.passed_over(value, constituents.who(value, &lookup).found.first().copied(), &lookup);
        let shown: Vec<String> = passed.iter().map(|(party, why)| format!("{}: {why}", party.name)).collect();
        assert_eq!(shown, want, "{value}");
    };
    let customer = "network 192.0.2.64/26 of `Customer` decides";
    let national = format!("National: country FI, but {customer}");
    check(
        "192.0.2.65",
        &[
            &national,
            &format!("Provider: network 192.0.2.0/24, but {customer}"),
            "Partner: network 192.0.2.64/26, but `Customer` with the same is listed first",
        ],
    );
    // A part of a network is as the addresses in it.
    for value in ["192.0.2.200", "192.0.2.192/27"] {
        let excluded = "Provider: it excluded 192.0.2.128/25 of its network 192.0.2.0/24";
        check(value, &[excluded, "Partner: country FI, but `National` with the same is listed first"]);
        assert_eq!(
            shown(&constituents, constituents.who(value, &lookup).found.first().copied()),
            "National by country FI"
        );
    }
    check(
        "203.0.113.1",
        &[
            "National: country FI, but AS64500 of `Provider` decides",
            "Partner: AS64500, but `Provider` with the same is listed first",
        ],
    );
    check("AS64500", &["Partner: AS64500, but `Provider` with the same is listed first"]);
    check("10.0.0.1", &[]);
    check(
        "shop.provider.example",
        &[
            "Provider: it excluded shop.provider.example of its domain provider.example",
            "Customer: domain *.shop.provider.example stands for the names below it alone",
        ],
    );
    let customer = "domain shop.provider.example of `Customer` decides";
    check(
        "x.shop.provider.example",
        &[
            "Provider: it excluded shop.provider.example of its domain provider.example",
            &format!("Partner: domain provider.example, but {customer}"),
        ],
    );
    let excluded = "it excluded 192.0.2.0/24, so its AS64501 does not count";
    let (parties, _) = read_csv("c.csv", b"party,asns,prefixes\nA,64501,!192.0.2.0/24\nB,64501,\n");
    let one = Constituents::new(parties);
    let passed: Vec<String> = one
        .passed_over("192.0.2.1", one.who("192.0.2.1", &lookup).found.first().copied(), &lookup)
        .into_iter()
        .map(|(_, why)| why)
        .collect();
    assert_eq!(passed, [excluded]);
}

#[test]
fn lists_in_a_cell_have_blanks_semicolons_or_quoted_commas_between() {
    for list in ["64501 64502", "64501;64502", "\"64501, 64502\"", "\"64501,64502\""] {
        let (parties, _) = read_csv("c.csv", format!("party,asns,domains\nA,{list},a.example\n").as_bytes());
        assert_eq!(parties[0].asns, [64_501, 64_502], "{list}");
    }
}

#[test]
fn the_reason_fits_what_was_asked() {
    let (parties, _) = read_csv("c.csv", b"party,asns,prefixes\nA,64500,192.0.2.0/24\n");
    let (one, lookup) = (Constituents::new(parties), Lookup::new(None, None));
    let check = |value: &str, lookup: &Lookup, want: &str| {
        let (subject, who) = (Subject::read(value).unwrap(), one.who(value, lookup));
        assert_eq!(who.found[0].by.rule(&subject), want, "{value}");
    };
    let ranges = super::super::Ranges::read(
        super::super::What::Asn,
        &[("t.csv", b"192.0.2.0,192.0.3.255,64500,x".as_slice())],
        &mut Vec::new(),
    );
    check("AS64500", &lookup, "the AS number");
    check("192.0.2.1", &lookup, "the most specific network that covers it");
    let lookup = Lookup::new(Some(ranges), None);
    check("192.0.2.0/23", &lookup, "the AS number, because no network covers all of it");
    check("192.0.3.1", &lookup, "the AS number, because no network or domain decides");
}

#[test]
fn a_file_is_written_as_it_is_read() {
    let mut parties = constituents().parties().to_vec();
    parties[1].name = "Provider, \"Big\"".into();
    parties[1].contacts.push(Contact {
        mail: "soc@provider.example".into(),
        purpose: "incident".into(),
        origin: "constituents".into(),
        openpgp: "63BA28370F543D175173E414D5450590D73E22DC".into(),
        ..Contact::default()
    });
    parties.push(Party { name: "Nobody to tell".into(), asns: vec![1], ..Party::default() });
    parties.push(Party { name: "=1+1, \"x\"".into(), asns: vec![2], ..Party::default() });
    assert!(write_csv(&parties).contains("\n\"'=1+1, \"\"x\"\"\",2,"), "{}", write_csv(&parties));
    assert_eq!(read_json("c.json", write_json(&parties).as_bytes()), (parties.clone(), vec![]));
    let lines = write_ndjson(&parties);
    assert_eq!(lines.lines().count(), parties.len());
    assert_eq!(read_json("c.ndjson", lines.as_bytes()), (parties.clone(), vec![]));
    assert_eq!(read_csv("c.csv", write_csv(&parties).as_bytes()), (parties, vec![]));
}

#[test]
fn fingerprints_are_taken_as_programs_print_them() {
    let told = |mail: &str, openpgp: &str| {
        let (parties, problems) = read_csv("c.csv", format!("party,mail,openpgp\nA,{mail},{openpgp}\n").as_bytes());
        let of_json =
            format!("{{\"name\":\"A\",\"contacts\":[{{\"mail\":\"a@a.example\",\"openpgp\":\"{openpgp}\"}}]}}");
        let of_json = read_json("c.json", of_json.as_bytes());
        if !mail.is_empty() {
            assert_eq!((of_json.0, of_json.1.len()), (parties.clone(), problems.len()), "{openpgp}");
        }
        let found = parties.first().and_then(|party| party.contacts.first()).map(|contact| contact.openpgp.clone());
        found.unwrap_or_else(|| problems.into_iter().map(|one| one.what).collect())
    };
    let plain = "63BA28370F543D175173E414D5450590D73E22DC";
    for same in [
        plain,
        "63BA 2837 0F54 3D17 5173  E414 D545 0590 D73E 22DC",
        "63:ba:28:37:0f:54:3d:17:51:73:e4:14:d5:45:05:90:d7:3e:22:dc",
        "0x63ba28370f543d175173e414d5450590d73e22dc",
    ] {
        assert_eq!(told("a@a.example", same), plain);
    }
    assert_eq!(told("a@a.example", ""), "");
    assert_eq!(told("a@a.example", "D73E22DC"), "`D73E22DC` in openpgp is no fingerprint");
    assert_eq!(told("a@a.example", "cert.asc"), "`cert.asc` in openpgp is no fingerprint");
    assert_eq!(told("", plain), "there is a key in openpgp and no address in mail");
}

#[test]
fn a_file_that_is_cut_off_within_quotes_is_no_file() {
    let whole = "party,asns,mail\nA,64500,a@a.example\n\"B \"\"and\"\" Co, Ltd\",64501,\"b@b.example\"\n";
    let told = |text: &str| {
        let (parties, problems) = read_csv("c.csv", text.as_bytes());
        (parties.len(), problems.iter().map(|one| format!("{} {}", one.place, one.what)).collect::<Vec<_>>())
    };
    assert_eq!(told(whole), (2, vec![]));
    assert_eq!(told(&whole.replace("A,", "A \"x,")), (2, vec![]), "a quote within a text is one");
    let open = "c.csv:3 a text in quotation marks begins here and does not end".to_owned();
    for cut in ["\"B", "\"B \"\"", "\"B \"\"and\"\" Co, Ltd", "\"B \"\"and\"\" Co, Ltd\",64501,\"b@b.example"] {
        let end = whole.find(cut).unwrap() + cut.len();
        assert_eq!(told(whole.get(..end).unwrap()), (1, vec![open.clone()]), "{cut}");
    }
}

#[test]
fn files_are_read_as_spreadsheets_write_them() {
    let text = "party,asns,prefixes,sectors,mail\r\n\"Universität Köln, Übersee\",\"64500\n64501\",192.0.2.0/24,Öl,a@a.example\r\n\
                \"Société \r\ngénérale\",64502,\"!198.51.100.0/24;203.0.113.0/24\",x;y,\"b@b.example\r\nc@c.example\"\r\n";
    let (want, problems) = read_csv("c.csv", text.as_bytes());
    assert_eq!(problems, []);
    let names: Vec<&str> = want.iter().map(|party| party.name.as_str()).collect();
    assert_eq!(names, ["Universität Köln, Übersee", "Société générale"]);
    assert_eq!((want[0].asns.as_slice(), want[1].contacts.len(), want[1].sectors.len()), (&[64500, 64501][..], 2, 2));
    // Each separator within a cell of other files is between cells of this one.
    let with = |separator: &str| {
        let cells = text.replace("Köln, Übersee", "Köln\u{1}").replace("x;y", "\"x;y\"");
        cells.replace(',', separator).replace('\u{1}', ", Übersee")
    };
    let wide = |text: &str, mark: &str, bytes: fn(u16) -> [u8; 2]| {
        format!("{mark}{text}").encode_utf16().flat_map(bytes).collect::<Vec<u8>>()
    };
    let old = |text: &str| encoding_rs::WINDOWS_1252.encode(text).0.into_owned();
    for separator in [",", ";", "\t"] {
        let text = with(separator);
        for (form, bytes) in [
            ("as it is", text.clone().into_bytes()),
            ("marked", format!("\u{feff}{text}").into_bytes()),
            ("windows-1252", old(&text)),
            ("with sep=", format!("sep={separator}\r\n{text}").into_bytes()),
            ("with empty columns", text.replace("\r\n", &format!("{0}{0}\r\n", separator)).into_bytes()),
            ("\\n", text.replace("\r\n", "\n").into_bytes()),
            ("\\r", text.replace("\r\n", "\r").into_bytes()),
            ("utf-16le", wide(&text, "\u{feff}", u16::to_le_bytes)),
            ("utf-16be", wide(&text, "\u{feff}", u16::to_be_bytes)),
            ("utf-16le without a mark", wide(&text, "", u16::to_le_bytes)),
        ] {
            // What is in quotation marks may have got cells at its line ends there.
            if form == "with empty columns" {
                let (parties, _) = read_csv("c.csv", &bytes);
                assert_eq!(parties.first(), want.first(), "{separator:?} {form}");
                continue;
            }
            assert_eq!(read_csv("c.csv", &bytes), (want.clone(), vec![]), "{separator:?} {form}");
        }
    }
    let json = write_json(&want);
    assert_eq!(read_json("c.json", &wide(&json, "\u{feff}", u16::to_le_bytes)), (want, vec![]));
}

#[test]
fn places_hold_whatever_the_form_of_the_file() {
    let told = |bytes: &[u8]| {
        let (_, problems) = read_csv("c.csv", bytes);
        problems.iter().map(|one| format!("{} {}", one.place, one.what)).collect::<Vec<_>>()
    };
    let text = "party;asns;mail\r\n\r\n\"A\r\nB\";1;\"a@a.example\r\n\"\r\nC;x;c\r\n";
    let want = ["c.csv:6 `x` in asns is not an AS number", "c.csv:6 `c` is not a mail address"];
    assert_eq!(told(text.as_bytes()), want);
    assert_eq!(told(text.replace("\r\n", "\r").as_bytes()), want);
    assert_eq!(told(&text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>()), want);
    let below = format!("sep=;\r\n{text}");
    assert_eq!(told(below.as_bytes()), want.map(|one| one.replace(":6", ":7")));
    assert_eq!(
        told(b"Partei;asns;mail\nA;1;\n"),
        ["c.csv:1 unknown column `Partei`", "c.csv:1 there is no column `party`"]
    );
    // The mark behind Co is missing, so the next one ends the cell within another.
    let torn = "party,mail\nA,a@a.example\n\"B, Co,b@b.example\nC,c@c.example\n\"D, Ltd\",d@d.example\n";
    let over = "a text in quotation marks begins here, goes over several lines and ends within a cell";
    assert_eq!(told(torn.as_bytes()), [format!("c.csv:3 {over}")]);
    assert_eq!(told(b"PK\x03\x04...."), ["c.csv:1 this is the file of a spreadsheet program and no CSV"]);
    assert_eq!(told(b"\xff\xfep\0a"), ["c.csv:1 the file is in UTF-16 and damaged"]);
}

#[test]
fn mistakes_in_a_file_are_told_with_their_lines() {
    let text = "party,asns,prefixs,mail\nA,1,,a@a.example\n\nB,x 2,,b\n,,,\n,3,,\nC,4,,c@c.example\n";
    let (parties, problems) = read_csv("c.csv", text.as_bytes());
    assert_eq!(parties.iter().map(|party| party.name.as_str()).collect::<Vec<_>>(), ["A", "C"]);
    assert_eq!(
        problems.iter().map(|problem| format!("{}: {}", problem.place, problem.what)).collect::<Vec<_>>(),
        [
            "c.csv:1: unknown column `prefixs`",
            "c.csv:4: `x` in asns is not an AS number",
            "c.csv:4: `b` is not a mail address",
            "c.csv:6: the party has no name",
        ]
    );
    assert_eq!(read_csv("c.csv", b"").1.len(), 1);
    assert!(!read_csv("c.csv", b"\xff,\"\n\0").1.is_empty());
}

/// INVARIANT: the network found is the longest that holds the address and is not taken away by a
/// narrower exclusion of the same party.
#[test]
fn flattened_networks_agree_with_a_slow_search() {
    let mut seed = 3u64;
    let mut roll = move |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    for round in 0..300 {
        let v6 = round % 2 == 1;
        let address = |value: u64| -> IpAddr {
            if v6 {
                IpAddr::V6((u128::from(value) << 64).into())
            } else {
                IpAddr::V4(u32::try_from(value).unwrap().into())
            }
        };
        let mut parties = vec![Party::default(); 4];
        for _ in 0..roll(24) {
            let length = u8::try_from(22 + roll(9)).unwrap() + if v6 { 32 } else { 0 };
            let net = Net::new(address(roll(2048)), length).unwrap();
            let party = &mut parties[usize::try_from(roll(4)).unwrap()];
            if roll(4) == 0 { party.excluded_prefixes.push(net) } else { party.prefixes.push(net) }
        }
        let networks = Networks::new(&parties);
        for value in (0..2100).step_by(3) {
            let address = address(value);
            let excluded = |party: &Party, beyond: u8| {
                party.excluded_prefixes.iter().any(|net| net.contains(address) && net.prefix() >= beyond)
            };
            let mut slow: Vec<(u8, std::cmp::Reverse<u32>, Net)> = Vec::new();
            for (number, party) in (0u32..).zip(&parties) {
                let own = party.prefixes.iter().filter(|net| net.contains(address) && !excluded(party, net.prefix()));
                slow.extend(own.map(|net| (net.prefix(), std::cmp::Reverse(number), *net)));
            }
            let want = slow.iter().max().map(|(_, party, net)| (*net, party.0));
            let (found, list) = networks.find(address);
            assert_eq!(found, want, "{address} in {parties:?}");
            for (number, party) in (0u32..).zip(&parties) {
                assert_eq!(list.contains(&number), excluded(party, 0), "{address} in {parties:?}");
            }
        }
    }
}

#[test]
fn who_has_a_country_answers_for_the_names_in_its_zone_that_nobody_claims() {
    let text = "party,prefixes,domains,countries\nFinns,,!own.fi,FI\nShop,,shop.fi *.star.fi,\nBritons,,,GB\n\
        Others,!192.0.2.0/24,,FI\nRussians,,,RU\nHost,,fileserver,\n";
    let (parties, problems) = read_csv("c.csv", text.as_bytes());
    assert_eq!(problems, []);
    let book = Constituents::new(parties);
    let fall = |given: &[(&str, &str)]| falls_to(&book, given);
    for (value, want) in [
        ("www.bank.fi", "Finns by country FI"),
        ("fi", "nobody"),
        ("fileserver", "Host by domain fileserver"),
        ("www.fileserver", "nobody"),
        ("www.shop.fi", "Shop by domain shop.fi"),
        ("star.fi", "Finns by country FI"),
        ("www.own.fi", "Others by country FI"),
        ("www.bank.co.uk", "Britons by country GB"),
        ("банк.рф", "Russians by country RU"),
        ("www.bank.se", "nobody"),
        ("bank.fi.test", "nobody"),
    ] {
        let who = book.who(value, &Lookup::default());
        assert_eq!(shown(&book, who.found.first().copied()), want, "{value}");
        assert_eq!(fall(&[("source.fqdn", value)]), want, "{value}");
        assert_eq!(fall(&[("source.url", &format!("http://{value}/x"))]), want, "{value}");
    }
    assert_eq!(fall(&[("source.account", "jane@bank.fi")]), "Finns by country FI");
    // Where an address is known, its country decides, also where that is not known.
    assert_eq!(fall(&[("source.ip", "192.0.2.1"), ("source.fqdn", "www.bank.fi")]), "nobody");
    assert_eq!(fall(&[("source.fqdn", "www.bank.fi"), ("source.geolocation.cc", "GB")]), "Britons by country GB");
    let (net, own) = (("source.network", "192.0.2.0/25"), ("source.fqdn", "www.own.fi"));
    assert_eq!(fall(&[net, own]), "nobody", "both have excluded it");
    assert_eq!(fall(&[("source.network", "10.0.0.0/8"), ("source.fqdn", "www.bank.fi")]), "nobody");
    let passed = |value: &str| -> Vec<String> {
        let first = book.who(value, &Lookup::default()).found.first().copied();
        let passed = book.passed_over(value, first, &Lookup::default());
        passed.iter().map(|(party, why)| format!("{}: {why}", party.name)).collect()
    };
    let shop = "country FI, but domain shop.fi of `Shop` decides";
    assert_eq!(passed("www.shop.fi"), [format!("Finns: {shop}"), format!("Others: {shop}")]);
    assert_eq!(passed("own.fi"), ["Finns: it excluded own.fi, so its country FI does not count"]);
    assert_eq!(passed("www.fileserver"), ["Host: domain fileserver stands for that name alone"]);
    let star = "Shop: domain *.star.fi stands for the names below it alone";
    assert_eq!(passed("star.fi"), [star, "Others: country FI, but `Finns` with the same is listed first"]);
}

#[test]
fn names_within_a_site_fall_to_whoever_claims_them_alone() {
    let text = b"party,domains,countries,mail\nOurs,localhost *.local internal test fileserver,FI,a@ours.example\n\
        Others,pc.local bank,,a@others.example\n";
    let (parties, problems) = read_csv("c.csv", text);
    assert_eq!(problems, []);
    let book = Constituents::new(parties);
    for (value, want) in [
        ("localhost", "Ours by domain localhost"),
        ("a.localhost", "Ours by domain localhost"),
        ("printer.local", "Ours by domain local"),
        ("pc.local", "Others by domain pc.local"),
        ("mail.internal", "Ours by domain internal"),
        ("fileserver", "Ours by domain fileserver"),
        ("printer", "nobody"),
        // A name of a host alone is no zone, whatever the Internet has below it.
        ("bank", "Others by domain bank"),
        ("www.bank", "nobody"),
        ("x.onion", "nobody"),
    ] {
        let who = book.who(value, &Lookup::default());
        let found = shown(&book, who.found.first().copied());
        assert_eq!(found, want, "{value}");
        assert_eq!(falls_to(&book, &[("source.fqdn", value)]), found, "{value}");
    }
}

/// INVARIANT: the domain found is the longest that covers the name and is not taken away by one as long of the same
/// party; where there is none, the first party with the country of the last label answers that has excluded nothing
/// around the name.
#[test]
fn names_agree_with_a_slow_search() {
    let mut seed = 11u64;
    let mut roll = move |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((seed >> 33) % below).unwrap()
    };
    let zones = [("fi", "FI"), ("uk", "GB"), ("xn--p1ai", "RU"), ("example", "")];
    for _ in 0..400 {
        let mut name = |longest: u64| {
            let labels: Vec<&str> = (0..=roll(longest)).map(|_| ["a", "b"][roll(2)]).collect();
            format!("{}.{}", labels.join("."), zones[roll(4)].0)
        };
        let names: Vec<String> = (0..20).map(|_| name(3)).collect();
        let claimed: Vec<String> = (0..8).map(|_| name(2)).collect();
        let mut parties = vec![Party::default(); 4];
        for domain in claimed {
            let party = &mut parties[roll(4)];
            match roll(3) {
                0 => party.excluded_domains.push(domain),
                1 => party.domains.push(domain),
                _ => party.domains.push(format!("*.{domain}")),
            }
        }
        for _ in 0..3 {
            parties[roll(4)].countries.extend(Some(zones[roll(3)].1.to_owned()));
        }
        let book = Constituents::new(parties.clone());
        for name in &names {
            let covers = |domain: &str| {
                name.strip_suffix(without_star(domain))
                    .is_some_and(|below| below.ends_with('.') || below.is_empty() && !domain.starts_with("*."))
            };
            let excluded = |party: &Party, beyond: usize| {
                party.excluded_domains.iter().any(|domain| covers(domain) && domain.len() >= beyond)
            };
            let mut slow: Vec<(usize, std::cmp::Reverse<u32>)> = Vec::new();
            for (number, party) in (0u32..).zip(&parties) {
                let own = party.domains.iter().filter(|domain| covers(domain)).map(|domain| without_star(domain).len());
                slow.extend(own.filter(|own| !excluded(party, *own)).map(|own| (own, std::cmp::Reverse(number))));
            }
            let country = zones.iter().find(|(zone, _)| name.ends_with(&format!(".{zone}"))).unwrap().1;
            let has_zone = |party: &Party| party.countries.iter().any(|own| own == country) && !excluded(party, 0);
            let by_zone = || (0u32..).zip(&parties).find(|(_, party)| has_zone(party)).map(|(number, _)| number);
            let want = slow.into_iter().max().map(|(_, party)| party.0).or_else(by_zone);
            let who = book.who(name, &Lookup::default());
            assert_eq!(who.found.first().map(|found| found.party), want, "{name} in {parties:?}");
            let mut batch = Batch::new();
            let mut event = batch.open();
            event.add(Field::SOURCE_FQDN, &Value::text(name.as_str()));
            event.keep(EventId::default(), ProblemKey::default(), 1);
            let found = book.responsible(&batch.get(0).unwrap());
            assert_eq!(found.map(|found| found.party), want, "{name} in {parties:?}");
        }
    }
}

/// INVARIANT: whoever reads those parties alone that have one of the claims of a value hears the same of it.
#[test]
fn parties_without_any_of_its_claims_change_nothing_of_an_answer() {
    let whole = constituents();
    let claims = |party: &Party| -> Vec<String> {
        let nets = party.prefixes.iter().map(ToString::to_string);
        let names = party.domains.iter().map(|name| name.strip_prefix("*.").unwrap_or(name).to_owned());
        let asns = party.asns.iter().map(|asn| format!("AS{asn}"));
        nets.chain(names).chain(asns).chain(party.countries.iter().cloned()).collect()
    };
    let ranges = |what, text: &str| super::super::Ranges::read(what, &[("t.csv", text.as_bytes())], &mut Vec::new());
    let lookup = Lookup::new(
        Some(ranges(super::super::What::Asn, "192.0.2.0,192.0.2.255,64500,x\n203.0.113.0,203.0.113.9,64501,y")),
        Some(ranges(super::super::What::Country, "192.0.2.0,203.0.113.255,FI")),
    );
    let values = "192.0.2.1 192.0.2.65 192.0.2.200 ::ffff:192.0.2.1 2001:db8::1 2001:db9::1 203.0.113.1 203.0.113.77 \
        10.0.0.1 192.0.2.64/27 192.0.2.0/24 192.0.0.0/16 2001:db8:1::/48 AS64500 AS64501 AS7 http://192.0.2.1/x \
        provider.example a.provider.example shop.provider.example x.shop.provider.example jane@www.provider.example \
        www.else.fi no_such_thing,";
    let mut counts = std::collections::BTreeSet::new();
    for value in values.split(' ') {
        let about = about(value, &lookup);
        let few = whole.parties().iter().filter(|party| claims(party).iter().any(|claim| about.contains(claim)));
        let few = Constituents::new(few.cloned().collect());
        counts.insert(few.parties().len());
        let told = |book: &Constituents| {
            let who = book.who(value, &lookup);
            (who.found.iter().map(|found| shown(book, Some(*found))).collect::<Vec<_>>(), who.reason)
        };
        assert_eq!(told(&few), told(&whole), "{value}");
    }
    assert_eq!(counts.into_iter().collect::<Vec<_>>(), [0, 1, 2, 3, 4], "few where few may answer");
}
