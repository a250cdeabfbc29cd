//! Questions on their way, with answers of all kinds.

use std::collections::BTreeMap;

use super::bootstrap::{Bootstrap, Kind};
use super::*;

const SERVERS: &str = r#"{"services": [[["192.0.0.0/8"], ["https://r.example/"]]]}"#;
const ZONES: &str = r#"{"services": [[["example"], ["https://r.example"]]]}"#;
const ASNS: &str = r#"{"services": [[["64496-64511"], ["https://r.example/"]]]}"#;

/// Asks with these answers, by address; those not named are refused with 404. Gives what was found as
/// `role mail, mail (path) party`, what was passed over, and what was asked.
fn ask(question: Question, answers: &[(&str, &str)]) -> (String, Vec<String>, Vec<String>) {
    let kind = Bootstrap::kind(&question);
    let file = match kind {
        Kind::Dns => ZONES,
        Kind::Asn => ASNS,
        Kind::Ipv4 | Kind::Ipv6 => SERVERS,
    };
    let answers: BTreeMap<&str, &str> = answers.iter().copied().collect();
    let mut inquiry = Inquiry::new(question, &Bootstrap::read(kind, file.as_bytes()).unwrap());
    let mut asked = Vec::new();
    while let Some(url) = inquiry.next_url() {
        assert!(asked.len() < 10, "{asked:?}");
        let answer = answers.get(url.as_str()).ok_or_else(|| "404".to_owned());
        inquiry.take(answer.map(|text| (url.as_str(), text.as_bytes()))).ok();
        asked.push(url.trim_start_matches("https://r.example/").to_owned());
    }
    let (found, passed_over) = inquiry.finish();
    let found = found.map(|found| {
        assert!(!found.mails.is_empty());
        format!("{} {} ({}) {}", found.role, found.mails.join(", "), found.path, found.party)
    });
    let passed_over = passed_over.iter().map(|line| line.trim_start_matches("passed over RDAP ").to_owned()).collect();
    (found.unwrap_or_default(), passed_over, asked)
}

fn address() -> Question {
    Question::Net("192.0.2.7".parse().unwrap())
}

/// A network with these members.
fn network(first: &str, last: &str, members: &str) -> String {
    format!(
        r#"{{"objectClassName": "ip network", "startAddress": "{first}", "endAddress": "{last}", "name": "A-NET"{members}}}"#
    )
}

/// An entity with this handle, role and mail address.
fn entity(handle: &str, role: &str, mail: &str, more: &str) -> String {
    format!(
        r#"{{"objectClassName": "entity", "handle": "{handle}", "roles": ["{role}"], "vcardArray": ["vcard",
        [["fn", {{}}, "text", "Name of {handle}"], ["kind", {{}}, "text", "org"], ["email", {{}}, "text", "{mail}"]]]{more}}}"#
    )
}

fn own(members: &str) -> String {
    network("192.0.2.0", "192.0.2.255", members)
}

const ADDRESS: &str = "https://r.example/ip/192.0.2.7";

#[test]
fn a_mailbox_that_cannot_be_used_is_told_and_counted() {
    let check = |entities: &str, more: &str, want: &str, count: u64| {
        let answer = own(&format!(r#", "entities": [{entities}]{more}"#));
        let (_, passed_over, _) = ask(address(), &[(ADDRESS, &answer)]);
        assert_eq!(passed_over.join("|").trim_start_matches(&format!("{ADDRESS}: ")), want);
        let bootstrap = Bootstrap::read(Kind::Ipv4, SERVERS.as_bytes()).unwrap();
        let mut inquiry = Inquiry::new(address(), &bootstrap);
        inquiry.next_url();
        inquiry.take(Ok((ADDRESS, answer.as_bytes()))).unwrap();
        assert_eq!(inquiry.unusable(), count, "{want}");
    };
    let none = "this is no mail address";
    for (mail, why) in [
        ("Abuse <abuse@x.example>", none),
        ("not an address", none),
        ("abuse@localhost", "its domain means nothing on the Internet"),
        ("unread@ripe.net", "it stands for an address, and nobody reads it"),
        ("a@x.example, b@x.example", none),
    ] {
        let want = format!("it names no contact that can be used: `{mail}` of abuse AB1: {why}");
        check(&entity("AB1", "abuse", mail, ""), "", &want, 1);
    }
    check(&entity("AB1", "abuse", "MAILTO:abuse@x.example", ""), "", "", 0);
    // Whom nobody would have told does not matter, and what is left out on purpose is no mistake.
    check(&entity("OR1", "registrant", "not an address", ""), "", "it names no contact", 0);
    let redacted = r#", "redacted": [{"name": {"description": "Abuse email"}, "method": "removal"}]"#;
    let want = "it names no contact; left out on purpose: Abuse email (removal)";
    check(&entity("AB1", "abuse", "REDACTED FOR PRIVACY", ""), redacted, want, 0);
    let both = format!("{}, {}", entity("AB1", "abuse", "no", ""), entity("T1", "technical", "noc@a.example", ""));
    check(&both, "", &format!("nobody answers for abuse there (`no` of abuse AB1: {none})"), 1);
}

#[test]
fn whoever_runs_the_network_stands_behind_those_for_abuse() {
    let check = |entities: &[String], want: &[(&str, &str)]| {
        let answer = own(&format!(r#", "entities": [{}]"#, entities.join(",")));
        let bootstrap = Bootstrap::read(Kind::Ipv4, SERVERS.as_bytes()).unwrap();
        let mut inquiry = Inquiry::new(address(), &bootstrap);
        inquiry.next_url();
        inquiry.take(Ok((ADDRESS, answer.as_bytes()))).unwrap();
        let found = inquiry.finish().0.unwrap();
        let later: Vec<_> = found.later.iter().map(|later| (later.path.as_str(), later.mail.as_str())).collect();
        assert_eq!(later, want, "{entities:?}");
    };
    let abuse = || entity("AB1", "abuse", "abuse@a.example", "");
    let technical = || entity("T1", "technical", "tech@a.example", "");
    let dead = r#", "remarks": [{"description": ["gone@a.example is invalid"]}]"#;
    check(&[abuse()], &[]);
    let noc = || entity("N1", "noc", "noc@a.example", "");
    check(&[noc(), technical(), abuse()], &[("technical T1", "tech@a.example"), ("noc N1", "noc@a.example")]);
    check(&[noc(), technical()], &[("noc N1", "noc@a.example")]);
    check(&[abuse(), entity("T2", "technical", "Abuse@a.example", "")], &[]);
    check(&[abuse(), entity("T2", "technical", "gone@a.example", dead), noc()], &[("noc N1", "noc@a.example")]);
    check(&[abuse(), entity("OR1", "registrant", "joe@a.example", "")], &[]);
}

#[test]
fn the_abuse_contact_stands_before_all_others_wherever_it_is() {
    let inner = entity("AB1", "abuse", "abuse@a.example", "");
    let holder = entity("ORG1", "registrant", "joe@a.example", &format!(r#", "entities": [{inner}]"#));
    let technical = entity("T1", "technical", "noc@a.example", "");
    let check = |entities: &str, want: &str| {
        let answer = own(&format!(r#", "entities": [{entities}]"#));
        let (found, _, asked) = ask(address(), &[(ADDRESS, &answer)]);
        assert_eq!((found.as_str(), asked.len()), (want, 1), "{entities}");
    };
    check(&format!("{technical}, {holder}"), "abuse abuse@a.example (registrant ORG1 > abuse AB1) Name of ORG1");
    let bare_holder = entity("ORG1", "registrant", "joe@a.example", "");
    check(&format!("{technical}, {bare_holder}"), "technical noc@a.example (technical T1) Name of ORG1");
    check(&technical, "technical noc@a.example (technical T1) Name of T1");
    check(&entity("N1", "noc", "noc@a.example", ""), "noc noc@a.example (noc N1) Name of N1");
    let two = [entity("AB2", "abuse", "second@a.example", ""), entity("AB3", "abuse", "abuse@a.example", "")].join(",");
    check(&two, "abuse second@a.example, abuse@a.example (abuse AB2) Name of AB2");
    let typed = entity("ORG1", "registrant", "x", "").replace(r#"["email", {}"#, r#"["email", {"type": "abuse"}"#);
    check(&typed.replace("\"x\"", "\"cert@a.example\""), "abuse cert@a.example (registrant ORG1) Name of ORG1");
    // The mailbox of the holder is never taken.
    check(&bare_holder, "");
}

#[test]
fn an_answer_about_something_else_is_refused_with_its_reason() {
    let abuse = format!(r#", "entities": [{}]"#, entity("AB1", "abuse", "abuse@a.example", ""));
    let check = |question: Question, answer: &str, want: &str| {
        let url = format!("https://r.example/{}", question.path());
        let (found, passed_over, _) = ask(question, &[(&url, answer)]);
        assert_eq!(found, "", "{answer}");
        assert!(passed_over.iter().any(|line| line.contains(want)), "{passed_over:?}");
    };
    let wrong = network("198.51.100.0", "198.51.100.255", &abuse);
    check(address(), &wrong, "about network 198.51.100.0 - 198.51.100.255 (A-NET), which does not cover 192.0.2.7");
    check(Question::Net("192.0.2.0/23".parse().unwrap()), &own(&abuse), "does not cover 192.0.2.0/23");
    check(address(), &network("::", "ffff::", &abuse), "does not cover");
    check(address(), &network("0.0.0.0", "255.255.255.255", &abuse), "space that others manage");
    // What a registry was given as a block is nobody's network.
    check(address(), &network("192.0.0.0", "192.255.255.255", &abuse), "space that others manage");
    check(address(), &own(&abuse).replace("A-NET", "ERX-NETBLOCK"), "space that others manage");
    check(address(), &network("192.0.2.9", "192.0.2.1", &abuse), "before the first");
    check(address(), &own(&abuse).replace("ip network", "autnum"), "names no AS number");
    check(address(), "{\"objectClassName\": \"help\"}", "about a `help`");
    check(address(), "{}", "does not say what it is about");
    check(address(), "[1]", "no object of RDAP");
    check(address(), "{\"objectClassName\": ", "not JSON");
    check(address(), "{\"errorCode\": 404, \"title\": \"Not here\"}", "error 404 Not here");
    let asn = format!(r#"{{"objectClassName": "autnum", "startAutnum": 64501, "endAutnum": 64502{abuse}}}"#);
    check(Question::Asn(64_500), &asn, "about AS64501 - AS64502, which does not cover AS64500");
    let domain = format!(r#"{{"objectClassName": "domain", "ldhName": "other.example"{abuse}}}"#);
    check(Question::Name("uni.example".into()), &domain, "about domain other.example, which does not cover");
    let zone = domain.replace("other.example", "example");
    check(Question::Name("uni.example".into()), &zone, "about domain example, which does not cover");
}

#[test]
fn what_is_redacted_is_told() {
    let redacted = r#", "redacted": [{"name": {"type": "Registrant name"}, "method": "emptyValue"},
        {"name": {"description": "Abuse contact e-mail"}, "prePath": "$.x"}]"#;
    let (found, passed_over, _) = ask(address(), &[(ADDRESS, &own(redacted))]);
    assert_eq!(found, "");
    let want = format!("{ADDRESS}: it names no contact; left out on purpose: Abuse contact e-mail (removal)");
    assert_eq!(passed_over, [want]);
    let page = r#", "entities": [{"roles": ["abuse"], "vcardArray": ["vcard", [["contact-uri", {}, "uri", "https://a.example/write"]]]}]"#;
    let (_, passed_over, _) = ask(address(), &[(ADDRESS, &own(page))]);
    assert_eq!(
        passed_over,
        [format!("{ADDRESS}: it names a page to write on in place of an address: https://a.example/write")]
    );
}

#[test]
fn an_entity_that_is_only_named_is_asked_for_once() {
    let abuse = entity("AB1", "x", "abuse@a.example", "");
    let link = r#", "links": [{"rel": "self", "type": "application/rdap+json", "href": "https://r.example/e/1"}]"#;
    for (more, path) in [("", "entity/AB1"), (link, "e/1")] {
        let bare = format!(r#", "entities": [{{"handle": "AB1", "roles": ["abuse"]{more}}}]"#);
        let url = format!("https://r.example/{path}");
        let (found, passed_over, asked) = ask(address(), &[(ADDRESS, &own(&bare)), (&url, &abuse)]);
        assert_eq!(
            (found.as_str(), asked),
            ("abuse abuse@a.example (abuse AB1) Name of AB1", vec!["ip/192.0.2.7".into(), path.to_owned()])
        );
        assert_eq!(passed_over, [""; 0]);
        let (found, passed_over, _) = ask(address(), &[(ADDRESS, &own(&bare))]);
        assert_eq!((found.as_str(), passed_over), ("", vec![format!("{url}: 404")]));
    }
    let odd = own(r#", "entities": [{"handle": "a/../b", "roles": ["abuse"]}]"#);
    assert_eq!(ask(address(), &[(ADDRESS, &odd)]).2.len(), 1);
}

#[test]
fn a_silent_network_leads_to_the_one_around_it_and_never_in_a_circle() {
    let link = |relation: &str, path: &str| {
        format!(
            r#", "links": [{{"rel": "{relation}", "type": "application/rdap+json", "href": "https://r.example/{path}"}}]"#
        )
    };
    let abuse = format!(r#", "entities": [{}]"#, entity("AB1", "abuse", "abuse@a.example", ""));
    let outer = network("192.0.0.0", "192.0.255.255", &abuse);
    let (found, _, asked) = ask(address(), &[(ADDRESS, &own(&link("up", "up"))), ("https://r.example/up", &outer)]);
    assert_eq!((found.as_str(), asked.len()), ("abuse abuse@a.example (abuse AB1) Name of AB1", 2));
    // Round and round, by two names.
    let circle = [(ADDRESS, own(&link("up", "up"))), ("https://r.example/up", own(&link("related", "ip/192.0.2.7")))];
    let circle: Vec<(&str, &str)> = circle.iter().map(|(url, text)| (*url, text.as_str())).collect();
    assert_eq!(ask(address(), &circle).2.len(), 2);
    // No further than three.
    let chain: Vec<(String, String)> = (0..9)
        .map(|n| (format!("https://r.example/{n}"), own(&link("up", &(n + 1).to_string()))))
        .chain([(ADDRESS.to_owned(), own(&link("up", "0")))])
        .collect();
    let chain: Vec<(&str, &str)> = chain.iter().map(|(url, text)| (url.as_str(), text.as_str())).collect();
    let (_, passed_over, asked) = ask(address(), &chain);
    assert_eq!(asked, ["ip/192.0.2.7", "0", "1", "2"]);
    assert!(passed_over.iter().any(|line| line.contains("more than 3 answers")), "{passed_over:?}");
    let plain = own(&link("up", "up").replace("https", "http"));
    let (_, passed_over, _) = ask(address(), &[(ADDRESS, &plain)]);
    assert!(passed_over.iter().any(|line| line.contains("without encryption")), "{passed_over:?}");
    let page = own(&link("up", "up").replace("application/rdap+json", "text/html"));
    assert_eq!(ask(address(), &[(ADDRESS, &page)]).2.len(), 1);
}

#[test]
fn of_a_name_the_longest_that_a_registry_knows_answers() {
    let registrar =
        entity("292", "registrar", "", &format!(r#", "entities": [{}]"#, entity("", "abuse", "abuse@r.example", "")));
    let thin = r#", "links": [{"rel": "related", "type": "application/rdap+json", "href": "https://registrar.example/domain/uni.example"}]"#;
    let domain = |more: &str| format!(r#"{{"objectClassName": "domain", "ldhName": "UNI.example"{more}}}"#);
    let (name, www) = ("https://r.example/domain/uni.example", Question::Name("a.b.www.uni.example".into()));
    let rich = domain(&format!(r#", "entities": [{registrar}]"#));
    let (found, passed_over, asked) = ask(www, &[(name, &rich)]);
    assert_eq!(found, "abuse abuse@r.example (registrar 292 > abuse) Name of 292");
    assert_eq!(asked, ["domain/b.www.uni.example", "domain/www.uni.example", "domain/uni.example"]);
    assert_eq!(passed_over.len(), 2);
    let uni = Question::Name("uni.example".into());
    let (found, _, asked) = ask(uni, &[(name, &domain(thin)), ("https://registrar.example/domain/uni.example", &rich)]);
    assert_eq!((found.is_empty(), asked.len()), (false, 2));
}

#[test]
fn no_answer_makes_the_reader_panic_however_it_is_cut() {
    let inner = entity("AB1", "abuse", "abuse@a.example", "");
    let answer = own(&format!(
        r#", "entities": [{}]"#,
        entity("ORG1", "registrant", "x", &format!(r#", "entities": [{inner}]"#))
    ));
    for end in 0..answer.len() {
        assert!(Object::read(&answer.as_bytes()[..end]).is_err());
    }
    let mut flipped = answer.into_bytes();
    for at in 0..flipped.len() {
        flipped[at] ^= 1;
        Object::read(&flipped).map(|object| object.check(&address())).ok();
        flipped[at] ^= 1;
    }
    // Deeper than anybody nests, and more than anybody has.
    let deep = (0..30).fold(String::from("{}"), |inner, _| format!(r#"{{"roles": ["abuse"], "entities": [{inner}]}}"#));
    let many = format!(r#", "entities": [{}{}]"#, "{},".repeat(1000), deep);
    assert!(Object::read(own(&many).as_bytes()).unwrap().entities.len() <= 200);
    assert_eq!(Object::read(own(&format!(r#", "entities": [{deep}]"#)).as_bytes()).unwrap().entities.len(), 4);
    let long = vec![b' '; 2 << 20];
    assert!(Object::read(&long).unwrap_err().contains("longer than 1048576 bytes"));
}
