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
const ROUTES: &str =
    "\nroute: 203.0.113.0/24\norigin: AS64500\nsource: RIPE\n\nroute6: 2001:db8::/48\norigin: AS64500\n";

fn registry(text: &str) -> (Registry<Vec<u8>>, Summary) {
    let mut builder = Builder::new();
    builder.read("t.db", text.as_bytes()).unwrap();
    let mut bytes = Vec::new();
    let summary = builder.finish(&mut bytes).unwrap();
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
    // Where the registry says of all that they do not answer, they are written to all the same.
    assert_eq!(answer.usable().collect::<Vec<_>>(), ["abuse@c.example"]);
    assert!(answer.is_invalid("Abuse@c.example"));
    let of_two = Answer { mails: vec!["a@c.example".into(), "abuse@c.example".into()], ..answer.clone() };
    assert_eq!(of_two.usable().collect::<Vec<_>>(), ["a@c.example"]);
    let is_other = |answer: &Answer| answer.party != "APNIC IRT-C";
    let asked = registry.find_until("192.0.2.150".parse().unwrap(), "192.0.2.150".parse().unwrap(), &is_other).unwrap();
    assert_eq!(walked(&asked), "ACROSS abuse@c.example < A-NET abuse@a.example");
    assert_eq!(asked.answer().unwrap().answer.party, "Example A (RIPE AR1)");
    assert_eq!(walked(&registry.find_asn(64_500).unwrap()), "A-AS abuse@a.example");
    assert_eq!(registry.find_asn(64_499).unwrap(), Asked::default());
    let (first, last) = ("192.0.2.64".parse().unwrap(), "192.0.2.127".parse().unwrap());
    assert!(walked(&registry.find_covering(first, last).unwrap()).starts_with("B-NET"));
    assert_eq!((summary.aside, summary.answered, summary.silent), (2, 3, 3));
    assert_eq!(summary.problems[1].place, "t.db:49");
}

#[test]
fn what_an_object_has_more_of_than_is_kept_is_told() {
    let teams = |count: u32| (0..count).map(|n| format!("mnt-irt: IRT-{n}\n")).collect::<String>();
    let mails = |name: &str, count: u32| (0..count).map(|n| format!("{name}: m{n}@x.example\n")).collect::<String>();
    let (registry, summary) = registry(&format!(
        "inetnum: 192.0.2.0 - 192.0.2.255\n{}source: APNIC\n\n\
         inetnum: 198.51.100.0 - 198.51.100.255\nmnt-irt: IRT-0, IRT-1,,IRT-2\nmnt-irt: IRT-3,IRT-4,IRT-5\nlanguage: Finnish\n\
         source: APNIC\n\n\
         irt: IRT-0\n{}source: APNIC\n\nirt: IRT-1\n{}source: APNIC\n\n\
         role: R\nnic-hdl: R1\n{}abuse-mailbox: M0@x.example\nsource: APNIC\n\n\
         role: S\nnic-hdl: S1\n{}source: APNIC\n\n\
         inetnum: 10.0.0.0 - 10.0.0.255\n{}source: APNIC\n\n\
         mntner: M\n{}source: APNIC\n",
        teams(4),
        mails("abuse-mailbox", 9),
        mails("e-mail", 10),
        mails("abuse-mailbox", 8),
        mails("abuse-mailbox", 11),
        teams(5),
        mails("abuse-mailbox", 11),
    ));
    let told: Vec<String> = summary.problems.iter().map(|one| one.to_string()).collect();
    let want = [
        "t.db:8: `Finnish` is no language of two letters; the rest of the object counts",
        "t.db:8: has 6 teams (mnt-irt), of which the first 4 count",
        "t.db:14: has 9 mailboxes (abuse-mailbox), of which the first 8 count",
        "t.db:26: has 10 mailboxes (e-mail), of which the first 8 count",
        "t.db:52: has 11 mailboxes (abuse-mailbox), of which the first 8 count",
        "t.db:67: `10.0.0.0 - 10.0.0.255` is reserved: private space (RFC 1918)",
    ];
    assert_eq!((told.as_slice(), summary.aside), (want.map(str::to_owned).as_slice(), 6));
    let asked = registry.find("192.0.2.1".parse().unwrap()).unwrap();
    assert_eq!(asked.answer().unwrap().answer.mails.len(), 8);
}

#[test]
fn a_mailbox_that_the_registry_found_dead_is_passed_over_wherever_it_stands() {
    let (registry, _) = registry(
        "irt: IRT-X\nabuse-mailbox: dead@x.example\nremarks: dead@x.example is invalid\nsource: APNIC\n\n\
         role: X\nnic-hdl: AX1\nabuse-mailbox: alive@x.example\nsource: APNIC\n\n\
         role: Y\nnic-hdl: AY1\nabuse-mailbox: dead@y.example\nabuse-mailbox: alive@y.example\n\
         remarks: dead@y.example is invalid\nsource: APNIC\n\n\
         role: Z\nnic-hdl: AZ1\nabuse-mailbox: dead@z.example\nremarks: dead@z.example is invalid\nsource: APNIC\n\n\
         role: X again\nnic-hdl: AX2\nabuse-mailbox: dead@x.example\nsource: APNIC\n\n\
         inetnum: 192.0.2.0 - 192.0.2.63\nmnt-irt: IRT-X\nabuse-c: AX1\nsource: APNIC\n\n\
         inetnum: 192.0.2.64 - 192.0.2.127\nabuse-c: AY1\nsource: APNIC\n\n\
         inetnum: 192.0.2.128 - 192.0.2.191\nmnt-irt: IRT-X\nabuse-c: AZ1\nsource: APNIC\n\n\
         inetnum: 192.0.2.192 - 192.0.2.255\nmnt-irt: IRT-X\nabuse-c: AX2\nsource: APNIC\n\n\
         inetnum: 198.51.100.0 - 198.51.100.255\nabuse-c: AZ1\nabuse-mailbox: own@z.example\n\
         remarks: old@z.example is invalid\nsource: APNIC\n",
    );
    let check = |address: &str, party: &str, told: &[&str], dead: &[&str]| {
        let asked = registry.find(address.parse().unwrap()).unwrap();
        let answer = &asked.answer().unwrap().answer;
        assert_eq!(
            (answer.party.as_str(), answer.usable().collect::<Vec<_>>()),
            (party, told.iter().map(|mail| (*mail).to_owned()).collect::<Vec<_>>().iter().collect())
        );
        let mails = answer.mails.iter().filter(|mail| answer.is_invalid(mail));
        assert_eq!(mails.collect::<Vec<_>>(), dead, "{address}");
    };
    check("192.0.2.1", "APNIC AX1", &["alive@x.example"], &["dead@x.example"]);
    check("192.0.2.65", "APNIC AY1", &["alive@y.example"], &["dead@y.example"]);
    // Where all are dead, those who come first are told.
    check("192.0.2.129", "APNIC IRT-X", &["dead@x.example"], &["dead@x.example"]);
    check("192.0.2.193", "APNIC IRT-X", &["dead@x.example"], &["dead@x.example"]);
    check("198.51.100.1", "APNIC own@z.example", &["own@z.example"], &["dead@z.example"]);
}

#[test]
fn mailboxes_that_nothing_can_be_sent_to_are_set_aside_with_the_reason() {
    let (registry, summary) = registry(
        "role: A\nnic-hdl: AR1\nabuse-mailbox: abuse@a.invalid\nabuse-mailbox: abuse@a.example\nsource: RIPE\n\n\
         role: B\nnic-hdl: BR1\nabuse-mailbox: abuse(at)b.example\nsource: RIPE\n\n\
         irt: IRT-C\nabuse-mailbox: abuse@c.local\ne-mail: unread@ripe.net\nsource: RIPE\n\n\
         inetnum: 192.0.2.0 - 192.0.2.63\nabuse-c: AR1\nsource: RIPE\n\n\
         inetnum: 192.0.2.64 - 192.0.2.127\nabuse-c: BR1\nmnt-irt: IRT-C\nsource: RIPE\n\n\
         inetnum: 192.0.2.96 - 192.0.2.127\nabuse-c: BR1\nsource: RIPE\n\n\
         inetnum: 192.0.2.128 - 192.0.2.191\nabuse-mailbox: call us, please\nsource: RIPE\n\n\
         role: Nobody names it\nnic-hdl: XR1\nabuse-mailbox: abuse@x.invalid\nsource: RIPE\n",
    );
    assert_eq!(summary.unusable, registry.unusable(&|_| None).unwrap().len() as u64, "what is counted is what is told");
    assert_eq!((summary.unusable, summary.answered, summary.silent), (5, 1, 3));
    assert_eq!(walked(&registry.find("192.0.2.1".parse().unwrap()).unwrap()), " abuse@a.example");
    let silent = walked(&registry.find("192.0.2.65".parse().unwrap()).unwrap());
    assert_eq!(silent, " the abuse-c RIPE BR1 has no usable mailbox; the team RIPE IRT-C has no usable mailbox");
    let aside: Vec<String> = registry.unusable(&|_| None).unwrap().into_iter().collect();
    let want = [
        "`abuse(at)b.example` of RIPE BR1: this is no mail address",
        "`abuse@a.invalid` of RIPE AR1: its domain is reserved, and nobody gets mail there",
        "`abuse@c.local` of RIPE IRT-C: its domain means nothing on the Internet",
        "`call us, please` of RIPE inetnum 192.0.2.128 - 192.0.2.191: this is no mail address",
        "`unread@ripe.net` of RIPE IRT-C: it stands for an address, and nobody reads it",
    ];
    assert_eq!(aside, want);
}

#[test]
fn what_the_mailer_does_not_take_is_set_aside_and_mailto_is_left_out() {
    let (registry, summary) = registry(
        "inetnum: 192.0.2.0 - 192.0.2.255\nabuse-mailbox: mailto:abuse@large.example\nsource: RIPE\n\n\
         inetnum: 192.0.2.0 - 192.0.2.63\nabuse-mailbox: a:b@small.example\nsource: RIPE\n\n\
         inetnum: 192.0.2.64 - 192.0.2.127\nabuse-mailbox: a@-small.example\nsource: RIPE\n",
    );
    assert_eq!(summary.unusable, 2);
    for address in ["192.0.2.1", "192.0.2.65"] {
        let walked = walked(&registry.find(address.parse().unwrap()).unwrap());
        assert!(walked.ends_with("abuse@large.example"), "{walked}");
    }
}

#[test]
fn an_organisation_may_have_its_own_mailbox_behind_that_of_its_role() {
    let (registry, _) = registry(
        "organisation: ORG-A\norg-name: Example A\nabuse-mailbox: abuse@a.example\nsource: AFRINIC\n\n\
         organisation: ORG-B\norg-name: Example B\nabuse-c: BR1\nabuse-mailbox: old@b.example\nsource: AFRINIC\n\n\
         role: B\nnic-hdl: BR1\nabuse-mailbox: abuse@b.example\nsource: AFRINIC\n\n\
         organisation: ORG-C\norg-name: Example C\nabuse-mailbox: abuse@c.invalid\nsource: AFRINIC\n\n\
         inetnum: 192.0.2.0 - 192.0.2.63\norg: ORG-A\nsource: AFRINIC\n\n\
         inetnum: 192.0.2.64 - 192.0.2.127\norg: ORG-B\nsource: AFRINIC\n\n\
         inetnum: 192.0.2.128 - 192.0.2.191\norg: ORG-C\nsource: AFRINIC\n",
    );
    let told = |address: &str| walked(&registry.find(address.parse().unwrap()).unwrap());
    assert_eq!(told("192.0.2.1"), " abuse@a.example");
    assert_eq!(told("192.0.2.65"), " abuse@b.example");
    let silent = told("192.0.2.129");
    assert!(silent.contains("the organisation AFRINIC ORG-C has no usable mailbox"), "{silent}");
}

#[test]
fn languages_are_those_of_the_network_else_of_who_holds_it() {
    let mut builder = Builder::new();
    let objects = "organisation: ORG-A\norg-name: Example A\nabuse-c: AR1\nlanguage: DE\nlanguage: fr\nsource: RIPE\n
role: A\nnic-hdl: AR1\nabuse-mailbox: abuse@a.example\nlanguage: fi\nsource: RIPE\n
inetnum: 192.0.2.0 - 192.0.2.255\norg: ORG-A\nsource: RIPE\n
inetnum: 192.0.2.0 - 192.0.2.63\norg: ORG-A\nlanguage: IT # spoken there\nsource: RIPE\n
inet6num: 2001:db8::/32\nabuse-c: AR1\nsource: RIPE\n
inet6num: 2001:db8:1::/48\nabuse-c: AR1\nlanguage: Finnish\nlanguage: SV\nsource: RIPE\n
aut-num: AS64500\norg: ORG-A\nsource: RIPE\n";
    builder.read("t.db", objects.as_bytes()).unwrap();
    let mut bytes = Vec::new();
    let summary = builder.finish(&mut bytes).unwrap();
    let registry = Registry::open(bytes).unwrap();
    let check = |asked: Asked, want: [&str; 3]| {
        let answer = &asked.answer().unwrap().answer;
        assert_eq!([answer.party.as_str(), answer.registry.as_str(), &*answer.languages], want);
    };
    let find = |address: &str| registry.find(address.parse().unwrap()).unwrap();
    check(find("192.0.2.1"), ["Example A (RIPE AR1)", "RIPE", "it"]);
    check(find("192.0.2.100"), ["Example A (RIPE AR1)", "RIPE", "de, fr"]);
    check(find("2001:db8::1"), ["RIPE AR1", "RIPE", ""]);
    check(find("2001:db8:1::1"), ["RIPE AR1", "RIPE", "sv"]);
    check(registry.find_asn(64_500).unwrap(), ["Example A (RIPE AR1)", "RIPE", "de, fr"]);
    // A party is told in a language where any of its networks tells one.
    assert_eq!(&*registry.party("RIPE AR1").unwrap().unwrap().languages, "sv");
    let wrong = "t.db:27: `Finnish` is no language of two letters; the rest of the object counts";
    let told: Vec<String> = summary.problems.iter().map(ToString::to_string).collect();
    assert_eq!(told, [wrong]);
}

#[test]
fn where_nobody_else_is_named_whoever_announces_the_address_is() {
    let objects = "\
role: B\nnic-hdl: BR1\nabuse-mailbox: abuse@b.example\nsource: RIPE\n
aut-num: AS64501\nas-name: B-AS\nabuse-c: BR1\nsource: RIPE\n
route: 203.0.113.0/24\norigin: AS64502\nsource: RIPE\n
route: 203.0.113.0/24\norigin: as64501 # ours\nsource: RADB\n
route: 203.0.113.0/24\norigin: AS64501\nsource: RIPE\n
route: 203.0.113.128/25\norigin: AS64500\nsource: RIPE\n
route: 192.0.2.0/24\norigin: AS64501\nsource: RIPE\n
route: 0.0.0.0/0\norigin: AS64501\nsource: RIPE\n
route6: 2001:db8:1::/48\norigin: AS64501\nsource: RIPE\n
route6: 192.0.2.0/24\norigin: AS64501\nsource: RIPE\n
route: 192.0.2.0/24\norigin: nobody\nsource: RIPE\n
route: 192.0.2.0 - 192.0.2.255\norigin: AS64501\nsource: RIPE\n";
    let (registry, summary) = registry(&format!("{OBJECTS}\n{}", objects.replace("AS64500", "AS64509")));
    let registered = Registered::read(&registry).unwrap();
    let check = |address: &str, asn: Option<u32>, want: &str, party: Option<&str>| {
        let address: IpAddr = address.parse().unwrap();
        let asked = registry.find_any(Some((address, address)), asn, &Answer::is_usable).unwrap();
        let steps: Vec<String> = asked
            .steps
            .iter()
            .map(|step| format!("{} {}: {}", step.class, step.what, step.answer.mails.join(",")))
            .collect();
        assert_eq!(steps.join(" < "), want, "{address}");
        let found = registered.find_routed(address).and_then(|party| registered.name(party));
        assert_eq!(found, party, "{address}");
    };
    let whole = "route 203.0.113.0/24, origin AS64501: abuse@b.example";
    check("203.0.113.1", None, whole, Some("RIPE BR1"));
    let inner = "route 203.0.113.128/25, origin AS64509: ";
    check("203.0.113.200", None, &format!("{inner} < {whole}"), Some("RIPE BR1"));
    // What was asked as the AS is not asked as who announces it.
    check("203.0.113.200", Some(64_509), whole, Some("RIPE BR1"));
    check("203.0.113.1", Some(64_500), "aut-num AS64500: abuse@a.example", Some("RIPE BR1"));
    // A network that names somebody is never passed over for a route.
    check("192.0.2.1", None, "inetnum 192.0.2.0 - 192.0.2.255: abuse@a.example", None);
    check(
        "2001:db8:1::1",
        None,
        "inet6num 2001:db8::/32:  < route6 2001:db8:1::/48, origin AS64501: abuse@b.example",
        Some("RIPE BR1"),
    );
    check("8.8.8.8", None, "", None);
    let told: Vec<&str> = summary.problems.iter().map(|problem| problem.what.as_str()).collect();
    assert_eq!(summary.aside, 5, "{told:?}");
    assert_eq!(
        &told[2..],
        [
            "`192.0.2.0/24` is of the other family of addresses",
            "`nobody` is not an AS number",
            "`192.0.2.0 - 192.0.2.255`: not a network in CIDR form"
        ]
    );
}

#[test]
fn objects_in_reserved_space_are_set_aside_and_told() {
    let mut builder = Builder::new();
    let objects = "inetnum: 10.0.0.0 - 10.255.255.255\n\ninetnum: 224.0.0.0/4\n\ninetnum: 0.0.0.0 - 255.255.255.255\n\n\
        inet6num: ::/0\n\ninetnum: 192.0.2.0/24\n\ninetnum: 0.0.0.0 - 127.255.255.255\n\n\
        inetnum: 224.0.0.0 - 255.255.255.255\n\nroute: 192.168.0.0/16\norigin: AS64500\n\n\
        route: 192.0.2.0/24\norigin: AS64500\n\nroute6: fe80::/10\norigin: AS64500\n\n\
        route: 0.0.0.0/0\norigin: AS64500\n\nroute: 100.64.0.0/11\norigin: AS64500\n";
    builder.read("a.db", objects.as_bytes()).unwrap();
    let summary = builder.finish(&mut Vec::new()).unwrap();
    let told: Vec<String> = summary.problems.iter().map(ToString::to_string).collect();
    let want = [
        "a.db:1: `10.0.0.0 - 10.255.255.255` is reserved: private space (RFC 1918)",
        "a.db:3: `224.0.0.0/4` is reserved: multicast (RFC 5771)",
        "a.db:5: `0.0.0.0 - 255.255.255.255` is reserved: every address there is",
        "a.db:7: `::/0` is reserved: every address there is",
        "a.db:13: `224.0.0.0 - 255.255.255.255` is reserved: multicast (RFC 5771)",
        "a.db:15: `192.168.0.0/16` is reserved: private space (RFC 1918)",
        "a.db:21: `fe80::/10` is reserved: link-local space (RFC 4291)",
        "a.db:27: `100.64.0.0/11` is reserved: space shared by providers (RFC 6598)",
    ];
    assert_eq!((summary.aside, told.as_slice()), (8, want.map(str::to_owned).as_slice()));
    let counted: Vec<(&str, u64)> = summary.reserved.iter().map(|(class, count)| (class.as_str(), *count)).collect();
    assert_eq!(counted, [("inet6num", 1), ("inetnum", 4), ("route", 2), ("route6", 1)]);
}

#[test]
fn networks_that_are_there_twice_are_told_with_both_places() {
    let mut builder = Builder::new();
    let net = "inetnum: 192.0.2.0 - 192.0.2.255\nnetname: N\nsource: RIPE\n";
    builder.read("a.db", format!("# head\n\n{net}").as_bytes()).unwrap();
    builder.read("b.db", format!("inet6num: 2001:db8::/32\n\n{net}\ninet6num: 2001:db8::/32").as_bytes()).unwrap();
    let summary = builder.finish(&mut Vec::new()).unwrap();
    let told: Vec<String> = summary.problems.iter().map(ToString::to_string).collect();
    let want = [
        "b.db:3: `192.0.2.0 - 192.0.2.255` is there twice; the first object counts, at a.db:3",
        "b.db:7: `2001:db8::/32` is there twice; the first object counts, at b.db:1",
    ];
    assert_eq!((summary.aside, told.as_slice()), (2, want.map(str::to_owned).as_slice()));
}

#[test]
fn networks_inside_another_are_found() {
    let (registry, _) = registry(OBJECTS);
    let check = |net: &str, max: usize, want: &[&str]| {
        let inside = registry.inside(net.parse().unwrap(), max).unwrap();
        let shown: Vec<String> = inside.iter().map(|(first, last)| format!("{first}-{last}")).collect();
        assert_eq!(shown, want, "{net}");
    };
    check("192.0.2.0/24", 9, &["192.0.2.64-192.0.2.127", "192.0.2.100-192.0.2.200"]);
    check("192.0.2.0/24", 1, &["192.0.2.64-192.0.2.127"]);
    check("192.0.0.0/16", 9, &["192.0.2.0-192.0.2.255", "192.0.2.64-192.0.2.127", "192.0.2.100-192.0.2.200"]);
    check("2001:db8::/32", 9, &[]);
    check("2001:d00::/24", 9, &["2001:db8::-2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"]);
}

/// A network of the test: first and last address as distances, and whether it names a contact.
type Drawn = (u32, u32, bool);

/// INVARIANT: the networks asked are those that cover the address, the narrowest first, up to the first
/// with a contact; and events fall to the party that this one names.
fn check_overlap(drawn: &[Drawn], is_v6: bool) {
    let address = |number: u32| match is_v6 {
        true => IpAddr::V6((0x2001_0db8_u128 << 96 | u128::from(number) << 64).into()),
        false => IpAddr::V4(Ipv4Addr::from_bits(0xc000_0200 + number)),
    };
    let ranges: Vec<Drawn> = drawn.iter().map(|(a, b, named)| (*a.min(b), *a.max(b), *named)).collect();
    let class = if is_v6 { "inet6num" } else { "inetnum" };
    let mut text = String::new();
    for (a, b, named) in &ranges {
        let contact = if *named { format!("abuse-c: R{a}-{b}\n") } else { String::new() };
        let (first, last) = (address(*a), address(*b));
        text += &format!("{class}: {first} - {last}\nnetname: {a}-{b}\n{contact}source: RIPE\n\n");
        text += &format!("role: R\nnic-hdl: R{a}-{b}\nabuse-mailbox: abuse@{a}-{b}.example\nsource: RIPE\n\n");
    }
    let (registry, _) = registry(&text);
    let registered = Registered::read(&registry).unwrap();
    for number in 0..256 {
        // Of two objects for the same network the first counts.
        let mut covering: Vec<Drawn> = Vec::new();
        for (a, b, named) in &ranges {
            if *a <= number && number <= *b && !covering.iter().any(|(x, y, _)| (x, y) == (a, b)) {
                covering.push((*a, *b, *named));
            }
        }
        covering.sort_by_key(|(a, b, _)| (b - a, std::cmp::Reverse(*a)));
        let asked_of = covering.iter().position(|(_, _, named)| *named).map_or(covering.len(), |at| at + 1);
        let want: Vec<String> = covering[..asked_of].iter().map(|(a, b, _)| format!("{a}-{b}")).collect();
        let asked = registry.find(address(number)).unwrap();
        let got: Vec<&str> = asked.steps.iter().map(|step| step.name.as_str()).collect();
        assert_eq!(got, want, "{ranges:?} {number}");
        let party = registered.find(address(number)).map(|party| registered.name(party).unwrap());
        assert_eq!(party, asked.answer().map(|step| step.answer.party.as_str()), "{ranges:?} {number}");
        if let Some(party) = party {
            assert_eq!(registry.party(party).unwrap().as_ref(), asked.answer().map(|step| &step.answer));
        }
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(100))]

    #[test]
    fn any_overlap_gives_what_a_slow_search_gives(
        drawn in proptest::collection::vec((0u32..256, 0u32..256, proptest::prelude::any::<bool>()), 0..30),
        is_v6: bool,
    ) {
        check_overlap(&drawn, is_v6);
    }
}

#[test]
fn events_fall_to_parties_of_registries() {
    let (registry, _) = registry(OBJECTS);
    let registered = Registered::read(&registry).unwrap();
    let name = |party: Option<u32>| party.and_then(|party| registered.name(party));
    let find = |address: &str| name(registered.find(address.parse().unwrap()));
    assert_eq!(find("192.0.2.70"), Some("Example A (RIPE AR1)"));
    // Of this team the registry says that it does not answer; what bounces there goes on to the next larger network.
    assert_eq!(find("192.0.2.110"), Some("APNIC IRT-C"));
    assert_eq!(find("192.0.2.201"), Some("Example A (RIPE AR1)"));
    assert_eq!(find("203.0.113.1"), None);
    assert_eq!(find("2001:db8::1"), None);
    assert_eq!(name(registered.find_asn(64_500)), Some("RIPE AR1"));
    assert_eq!(registered.find_asn(64_501), None);
    assert_eq!(registry.party("RIPE AR1").unwrap().unwrap().mails, ["abuse@a.example"]);
    assert_eq!(registry.party("RIPE AR2").unwrap(), None);
    let private = "inetnum: 10.0.0.0 - 10.0.0.255\nabuse-c: AR1\nsource: RIPE\n\n\
        role: A\nnic-hdl: AR1\nabuse-mailbox: abuse@a.example\nsource: RIPE\n";
    let registered = Registered::read(&self::registry(private).0).unwrap();
    assert_eq!(registered.find("10.0.0.1".parse().unwrap()), None);
}

#[test]
fn parties_are_found_by_their_addresses_and_beside_a_wrong_name() {
    let (registry, _) = registry(OBJECTS);
    let mails = ["abuse@a.example", "abuse@c.example", "nobody@a.example"].map(str::to_owned);
    let found = registry.parties_of(&mails.into_iter().collect()).unwrap();
    let found: Vec<(&str, Vec<&str>)> =
        found.iter().map(|(mail, names)| (mail.as_str(), names.iter().map(String::as_str).collect())).collect();
    let want =
        [("abuse@a.example", vec!["Example A (RIPE AR1)", "RIPE AR1"]), ("abuse@c.example", vec!["APNIC IRT-C"])];
    assert_eq!(found, want);
    let all = ["APNIC IRT-C", "Example A (RIPE AR1)", "RIPE AR1"];
    for (name, most, want) in
        [("Example A", 1, &all[..2]), ("Example B", 1, &all[1..]), ("", 9, &all), ("S", 1, &all[2..]), ("S", 0, &[])]
    {
        assert_eq!(registry.names_beside(name, most).unwrap(), want, "{name}");
    }
}

#[test]
fn a_file_that_is_cut_or_changed_is_an_error_and_never_a_panic() {
    let mut builder = Builder::new();
    builder.read("t.db", format!("{OBJECTS}{ROUTES}").as_bytes()).unwrap();
    let mut bytes = Vec::new();
    builder.finish(&mut bytes).unwrap();
    assert_eq!(Registry::open(bytes.clone()).unwrap().check(), Ok(()));
    for end in 0..bytes.len() {
        assert!(Registry::open(bytes[..end].to_vec()).is_err(), "cut at {end}");
        let mut changed = bytes.clone();
        changed[end] ^= 0x11;
        if let Ok(registry) = Registry::open(changed) {
            assert!(registry.check().is_err(), "changed at {end}");
            for address in ["192.0.2.110", "2001:db8::1", "255.255.255.255", "203.0.113.1"] {
                let address = address.parse().unwrap();
                registry.find_any(Some((address, address)), None, &Answer::is_usable).ok();
            }
            registry.find_asn(64_500).ok();
            registry.party("RIPE AR1").ok();
            registry.parties_of(&["abuse@a.example".to_owned()].into()).ok();
            registry.names_beside("RIPE AR1", 9).ok();
            if let Ok(registered) = Registered::read(&registry) {
                let party = registered.find("192.0.2.110".parse().unwrap());
                party.and_then(|party| registered.name(party));
                registered.find_routed("203.0.113.1".parse().unwrap());
            }
        }
    }
}

#[test]
fn mailboxes_of_the_object_itself_come_behind_roles_organisations_and_teams() {
    let objects = "role: A\nnic-hdl: AR1\nabuse-mailbox: abuse@a.example\nsource: RIPE\n\n\
        irt: IRT-C\nabuse-mailbox: abuse@c.example\nsource: RIPE\n\n\
        inetnum: 192.0.2.0 - 192.0.2.63\nabuse-c: AR1\nabuse-mailbox: own@x.example\nsource: RIPE\n\n\
        inetnum: 192.0.2.64 - 192.0.2.127\nmnt-irt: IRT-C\nabuse-mailbox: own@x.example\nsource: RIPE\n\n\
        inetnum: 192.0.2.128 - 192.0.2.191\nabuse-mailbox: own@x.example\nabuse-mailbox: two@x.example\nsource: RIPE\n\n\
        inetnum: 192.0.2.192 - 192.0.2.255\nabuse-c: GONE\nabuse-mailbox: own(at)x.example\ne-mail: e@x.example\nsource: RIPE\n\n\
        aut-num: AS64500\nabuse-mailbox: noc@x.example\nsource: RIPE\n";
    let mut builder = Builder::new();
    builder.read("t.db", objects.as_bytes()).unwrap();
    let mut bytes = Vec::new();
    builder.finish(&mut bytes).unwrap();
    let registry = Registry::open(bytes).unwrap();
    let check = |address: &str, asn: Option<u32>, want: Option<(&str, &str, &[&str])>| {
        let span = (!address.is_empty()).then(|| address.parse().unwrap()).map(|one: std::net::IpAddr| (one, one));
        let asked = registry.find_any(span, asn, &|answer| !answer.mails.is_empty()).unwrap();
        let found = asked.answer().map(|step| &step.answer);
        let got = found.map(|found| (found.via.clone(), found.party.clone(), found.mails.clone()));
        let want = want.map(|(via, party, mails)| {
            (via.to_owned(), party.to_owned(), mails.iter().map(ToString::to_string).collect::<Vec<_>>())
        });
        assert_eq!(got, want, "{address} {asn:?}");
    };
    check("192.0.2.1", None, Some(("abuse-c", "RIPE AR1", &["abuse@a.example"])));
    check("192.0.2.65", None, Some(("mnt-irt", "RIPE IRT-C", &["abuse@c.example"])));
    let own: &[&str] = &["own@x.example", "two@x.example"];
    check("192.0.2.129", None, Some(("abuse-mailbox", "RIPE own@x.example,two@x.example", own)));
    check("192.0.2.193", None, None);
    check("", Some(64500), Some(("abuse-mailbox", "RIPE noc@x.example", &["noc@x.example"])));
}
