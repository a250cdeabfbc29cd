//! Conditions as people write them, and random ones against a slow evaluation.

mod worked;

use super::*;
use concert_model::{Batch, EventId, ProblemKey, Time};

const EVENT: &[(&str, &str)] = &[
    ("source.ip", "192.0.2.9"),
    ("source.asn", "64500"),
    ("source.port", "2323"),
    ("source.fqdn", "mail.bücher.example"),
    ("source.url", "http://u@WWW.Example.com:8080/x"),
    ("source.account", "Jane@Sub.Example.ORG"),
    ("source.network", "192.0.2.0/28"),
    ("source.geolocation.cc", "FI"),
    ("source.tor_node", "true"),
    ("destination.ip", "2001:db8::1"),
    ("destination.asn", "64501"),
    ("classification.type", "c2-server"),
    ("malware.name", "conficker"),
    ("comment", "Größe 7"),
    ("severity", "high"),
    ("tlp", "amber"),
    ("feed.accuracy", "60.5"),
    ("time.source", "2026-11-22T04:50:30Z"),
    ("extra.tag", "telnet"),
    ("extra.naics", "518210"),
    ("extra.any name", "x"),
    ("extra.address", "198.51.100.7"),
];

fn with_event<T>(given: &[(&str, &str)], ask: impl FnOnce(&Event<'_>, bool) -> T, condition: &Condition) -> T {
    let mut batch = Batch::new();
    let mut event = batch.open();
    for (name, text) in given {
        let field = event.field(name).unwrap();
        event.read(field, text, None).unwrap();
    }
    let extra = event.extra("count").unwrap();
    event.set(extra, &Value::Int(7));
    let list = event.extra("tags").unwrap();
    event.set(list, &Value::Json(r#"["a", "telnet", 7, 2.5, {"kind": "x"}]"#.into()));
    let object = event.extra("object").unwrap();
    event.set(object, &Value::Json(r#"{"name": 1}"#.into()));
    let open = condition.holds_open(&event);
    event.keep(EventId::default(), ProblemKey::default(), 1);
    let event = batch.get(0).unwrap();
    ask(&event, open)
}

fn check(text: &str, want: bool) {
    let condition = Condition::compile(text).unwrap_or_else(|problems| panic!("{text}: {problems:?}"));
    let (holds, open) = with_event(EVENT, |event, open| (condition.holds(event), open), &condition);
    assert_eq!((holds, open), (want, want), "{text}");
}

#[test]
fn what_is_known_of_stored_events_alone_is_asked_of_these_alone() {
    for text in ["event.id == 'x'", "has(report.id)", "duplicate.count > 1", "has(time.last_seen)"] {
        let problems = Condition::compile(text).unwrap_err();
        assert!(problems.len() == 1 && problems[0].1.what.contains("known only once an event is stored"), "{text}");
    }
    let check = |text: &str, want: bool| {
        let condition = Condition::compile_for_stored(text).unwrap();
        let report = concert_model::ReportId::default();
        let holds = with_event(EVENT, |event, _| condition.holds_stored(event, report), &condition);
        assert_eq!(holds, want, "{text}");
    };
    let event = EventId::default().to_string();
    check(&format!("event.id == '{event}' && has(event.id)"), true);
    check(&format!("event.id in ['{event}', 'x'] && report.id.startsWith('0')"), true);
    check(&format!("event.id == '{}'", event.to_uppercase()), true);
    check("report.id == 'x'", false);
    check("source.port == 2323 && !has(duplicate.count)", true);
    assert!(Condition::compile_for_stored("has(time.last_seen)").unwrap().asks_for_repeats());
    assert!(!Condition::compile_for_stored("has(event.id)").unwrap().asks_for_repeats());
}

#[test]
fn fields_are_compared_with_fixed_values() {
    check("source.port == 2323", true);
    check("2323 == source.port", true);
    check("source.port > 1024 && source.port <= 2323", true);
    check("1024 > source.port", false);
    check("source.port in [22, 23]", false);
    check("source.asn in [64500, 'AS64501']", true);
    check("source.ip == '192.0.2.9'", true);
    check("source.ip in ['192.0.2.8', '2001:db8::1']", false);
    check("feed.accuracy > 60 && feed.accuracy < 60.75", true);
    check("source.tor_node", true);
    check("!source.tor_node || destination.tor_node", false);
    check("source.tor_node == false", false);
    check("source.asn != destination.asn", true);
    check("source.network == '192.0.2.0/28'", true);
    check("true && !false", true);
}

#[test]
fn fixed_values_take_the_form_of_the_field() {
    check("malware.name == 'Conficker'", true);
    check("malware.name.startsWith('CONF')", true);
    check("source.geolocation.cc == 'fi'", true);
    check("source.fqdn == 'Mail.Bücher.example'", true);
    check("tlp == 'TLP:AMBER'", true);
    check("severity >= 'high' && severity < 'critical'", true);
    check("severity > 'high' || severity <= 'medium'", false);
    check("tlp >= 'green' && tlp < 'red'", true);
}

#[test]
fn absent_fields_make_a_comparison_false() {
    check("source.account == 'x' || destination.port == 80", false);
    check("destination.port != 80", false);
    check("!(destination.port == 80)", true);
    check("!(destination.port != 80)", true);
    check("destination.port < 80 || destination.port >= 80", false);
    check("destination.fqdn.size() == 0", false);
    check("has(source.ip) && !has(destination.port) && has(extra.tag) && !has(extra.other)", true);
    check("extra.other == 'x' || cidr(destination.local_ip, '::/0')", false);
    check("source.asn == destination.port", false);
    check("tlp != ''", true);
}

#[test]
fn networks_and_domains_are_asked_for_by_name() {
    check("cidr(source.ip, '192.0.2.0/24')", true);
    check("cidr(source.ip, ['10.0.0.0/8', '192.0.2.9'])", true);
    check("cidr(source.network, '192.0.2.0/24') && !cidr(source.network, '192.0.2.0/30')", true);
    check("cidr(destination.ip, '::/0') && !cidr(destination.ip, '0.0.0.0/0')", true);
    check("cidr(extra.address, '198.51.100.0/24') && !cidr(extra.tag, '0.0.0.0/0')", true);
    check("domain(source.fqdn, 'bücher.example')", true);
    check("domain(source.fqdn, 'ücher.example')", false);
    check("domain(source.url, ['other.example', 'example.com'])", true);
    check("domain(source.account, '*.example.org')", true);
    check("domain(source.account, 'ample.org')", false);
}

#[test]
fn text_is_searched() {
    check("comment.contains('öße') && comment.endsWith('7') && comment.startsWith('Gr')", true);
    check("comment.size() == 7 && size(comment) < 8", true);
    check("comment.matches('^Gr.*[0-9]$') && !comment.matches('^7')", true);
    check("source.account.lowerAscii() == 'jane@sub.example.org'", true);
    check("source.account.lowerAscii().contains('EXAMPLE')", false);
    check("source.url.matches(r'(?i)www\\.example')", true);
}

#[test]
fn extra_fields_are_compared_as_they_came() {
    check("extra.tag == 'telnet' && extra.tag in ['ssh', 'telnet']", true);
    check("extra.naics == 518210 && extra.naics > 5.5 && extra.naics == '518210'", true);
    check("extra.count == 7 && extra.count == '7' && extra.count != 8", true);
    check("extra.tag > 7 || extra.tag == true", false);
    check("extra['any name'] == 'x'", true);
    check("extra.tag == extra.tag && extra.count < source.port", true);
}

#[test]
fn times_are_compared() {
    check("time.source >= '2026-11-22T00:00:00Z' && time.source < timestamp('2026-11-23T00:00:00+02:00')", true);
    check("time.source == '2026-11-22T06:50:30+02:00'", true);
}

fn refused(text: &str, want: &[(usize, &str, &str)]) {
    let problems = Condition::compile(text).expect_err(text);
    let told: Vec<_> =
        problems.iter().map(|(at, problem)| (*at, problem.what.as_str(), problem.hint.as_str())).collect();
    assert_eq!(told, want, "{text}");
}

#[test]
fn mistakes_are_told_with_their_place_and_a_hint() {
    refused("source.pi == '192.0.2.1'", &[(0, "unknown field `source.pi`", "did you mean `source.ip`?")]);
    refused("has(source.ip) && asn == 5", &[(18, "unknown field `asn`", "did you mean `source.asn`?")]);
    refused(
        "comment == \"ü\" && source.ip == 80 && source.port == '80'",
        &[
            (32, "`source.ip` is an address and is compared with a number", "write the value in quotes"),
            (53, "`source.port` is a number and is compared with text", "write the value without quotes"),
        ],
    );
    refused(
        "source.ip == '192.0.2.0/24'",
        &[(
            13,
            "`192.0.2.0/24` cannot be a value of `source.ip`: not an IP address",
            "ask for a network with cidr(source.ip, \"192.0.2.0/24\")",
        )],
    );
    refused(
        "classification.type == 'phising'",
        &[(
            23,
            "`phising` cannot be a value of `classification.type`: not a classification type",
            "did you mean `phishing`?",
        )],
    );
    refused(
        "cidr(source.ip, '192.0.2.0/33')",
        &[(16, "`192.0.2.0/33`: the prefix length is too large", "write it as 192.0.2.0/24")],
    );
    refused("!cdir(source.ip, '::/0')", &[(1, "unknown function `cdir`", "did you mean `cidr`?")]);
    refused(
        "source.ip > '192.0.2.1'",
        &[(12, "`source.ip` is an address, which has no order", "use ==, != or cidr()")],
    );
    refused(
        "source.ip.contains('192')",
        &[(0, "`source.ip` is an address, not text", "ask for a network: cidr(source.ip, \"192.0.2.0/24\")")],
    );
    refused(
        "source.port",
        &[(
            0,
            "`source.port` is a number, neither true nor false",
            "compare it, or ask whether it is there: has(source.port)",
        )],
    );
    refused(
        "'a' == 'a'",
        &[(0, "this compares two fixed values", "text that is meant as a field stands without quotes")],
    );
    refused(
        "time.source > '2026-11-22 00:00:00'",
        &[(
            14,
            "`2026-11-22 00:00:00` cannot be a value of `time.source`: the time has no zone; set time_zone for the feed",
            "such as 2026-11-22T04:50:30Z",
        )],
    );
    refused(
        "source.port == null",
        &[(15, "there is no null here: a field is there or not", "ask has(source.ip) or !has(source.ip)")],
    );
    refused(
        "has(tlp)",
        &[(4, "has() asks for a field of two words or more", "for a field of one word compare it: tlp != \"\"")],
    );
    refused(
        "source.port ==",
        &[(14, "the condition ends too early", "something must follow, such as a value: source.port == 23")],
    );
    let example = "compare fields, joined by && or ||: source.port == 23 && source.asn in [64500, 64501]";
    refused("source.port ==\n )", &[(16, "the condition cannot be read: mismatched input ')'", example)]);
    refused(" ", &[(0, "the condition is empty", example)]);
}

#[test]
fn what_conditions_do_not_have_is_refused_and_never_a_panic() {
    let deep = format!("{}source.port == 1{}", "(".repeat(65), ")".repeat(65));
    let long = format!("comment == '{}'", "x".repeat(TEXT_BYTES_MAX));
    let nots = format!("{}source.tor_node", "!(".repeat(64)) + &")".repeat(64);
    let equal = vec!["source.port"; 500].join(" == ");
    let dots = format!("a{} == 1", ".b".repeat(4000));
    let long_sum = format!("source.port == 1{}", " + 1".repeat(2000));
    let list = format!("[{}]", vec!["1"; 150].join(","));
    let products = format!("{list}.all(a, {list}.all(b, {list}.all(c, a + b + c == source.port)))");
    let wide = format!("{}true{}", "[1,1,1,1,1,1,1,1].all(x, ".repeat(30), ")".repeat(30));
    let regex = format!("comment.matches('{}')", "(a{50}){50}{50}");
    for text in [
        "source.port + 1",
        "source.port ? true : false",
        "comment.exists(x, x == 1)",
        "[1] < [1]",
        "{'a': 1}",
        "source.port in comment",
        "domain(source.ip, 'a.example')",
        "domain(source.fqdn, 'a..b')",
        "cidr(comment, '::/0')",
        "cidr(source.ip)",
        "comment.matches('(')",
        "size(source.port) == 1",
        "comment.size()",
        "5",
        "'text'",
        "source['ip'] == '192.0.2.1'",
        "9223372036854775808u == extra.x",
        "\"unterminated",
        "a == 'b\u{1f600}",
        "-'x' == extra.y",
        "time.source > timestamp('x')",
        "source.port + comment == 1",
        "source.port / 0 == 1",
        "source.port % (1 - 1) == 1",
        "9223372036854775807 + 1 == source.port",
        "-(-9223372036854775807 - 1) == source.port",
        "feed.accuracy % 2 == 0",
        "duration('1d') == duration('24h')",
        "extra.tags.map(x, x) == extra.tags",
        "size(extra.tags.filter(x, x == 'a')) == 1",
        "[source.ip].exists(x, x.exists(y, true))",
        "extra.tags.exists(a, extra.tags.exists(b, extra.tags.exists(c, a == b)))",
        "(source.tor_node ? 1 : 'x') + 1 == 2",
        "string(source.ip).matches(comment)",
        "source.port.getHours() == 1",
        "source.ip + 1 == 2",
        "-comment == 'x'",
        "int(source.ip) == 5",
        "(source.port == 1) < true",
        "cidr(source.ip + '', '::/0')",
        &long_sum,
        &wide,
        &products,
        "extra == 1",
        &deep,
        &long,
        &equal,
        &dots,
        &regex,
        &"(".repeat(8000),
        &"[".repeat(8000),
    ] {
        let problems = Condition::compile(text).expect_err(text);
        assert!(!problems.is_empty() && problems.len() <= 10, "{text}: {problems:?}");
        assert!(problems.iter().all(|(_, problem)| !problem.hint.is_empty()), "{text}: {problems:?}");
        assert!(
            problems.iter().all(|(at, problem)| *at <= text.len() && !problem.what.is_empty()),
            "{text}: {problems:?}"
        );
    }
    assert!(Condition::compile(&nots).is_ok());
}

#[test]
fn the_fields_it_looks_at_are_known() {
    let condition =
        Condition::compile("source.port == 1 || has(source.ip) && source.port < source.asn && extra.b == extra.a")
            .unwrap();
    assert_eq!(condition.fields(), [Field::SOURCE_ASN, Field::SOURCE_IP, Field::SOURCE_PORT]);
    assert_eq!(condition.extra_names(), ["a", "b"]);
}

#[test]
fn bounds_say_what_can_be_skipped() {
    let bounds = |text: &str| Condition::compile(text).unwrap().bounds();
    let time = |text| Some(Time::parse(text, None).unwrap());
    let found = bounds(
        "(source.asn == 64501 || source.asn in [64500, 64501]) && cidr(source.ip, '192.0.2.0/24') \
         && time.source >= '2026-11-01T00:00:00Z' && time.source < '2026-12-01T00:00:00Z' && comment != 'x'",
    );
    assert_eq!(found.asns, Some(vec![64500, 64501]));
    assert_eq!(found.networks, Some(vec!["192.0.2.0/24".parse().unwrap()]));
    assert_eq!(found.time_source.from, time("2026-11-01T00:00:00Z"));
    assert_eq!(found.time_source.until, time("2026-11-30T23:59:59.999999Z"));
    assert_eq!(found.time_observation, Span::default());
    assert_eq!(bounds("source.asn == 1 || comment == 'x'"), Bounds::default());
    assert_eq!(bounds("!(source.asn == 1)"), Bounds::default());
    assert_eq!(bounds("source.asn == 1 && source.asn == 2").asns, Some(vec![]));
    assert_eq!(
        bounds("source.ip == '192.0.2.1' && cidr(source.ip, '192.0.2.0/24')").networks,
        Some(vec!["192.0.2.1".parse().unwrap()])
    );
}

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % below
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.roll(from.len())]
    }
}

const NUMBERS: &[&str] = &["1", "2", "3"];
const ADDRESSES: &[&str] = &["192.0.2.1", "192.0.2.2", "198.51.100.1"];
const WORDS: &[&str] = &["a", "b", "ab"];
const TIMES: &[&str] = &["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"];

type Facts<'a> = Vec<(&'a str, &'a str)>;

/// A random comparison as text, with its answer worked out from the texts of the fields.
fn atom(dice: &mut Dice, facts: &Facts<'_>) -> (String, bool) {
    let value = |name: &str| facts.iter().find(|(known, _)| *known == name).map(|(_, text)| *text);
    let orders = ["==", "!=", "<", "<=", ">", ">="];
    let holds = |order: &str, found: std::cmp::Ordering| match order {
        "==" => found.is_eq(),
        "!=" => found.is_ne(),
        "<" => found.is_lt(),
        "<=" => found.is_le(),
        ">" => found.is_gt(),
        _ => found.is_ge(),
    };
    match dice.roll(7) {
        0 => {
            let (name, order, number) =
                (dice.pick(&["source.asn", "source.port"]), dice.pick(&orders), dice.pick(NUMBERS));
            // One digit each, so that text order is number order.
            (format!("{name} {order} {number}"), value(name).is_some_and(|v| holds(order, v.cmp(number))))
        }
        1 => {
            let (order, word) = (dice.pick(&orders), dice.pick(WORDS));
            (format!("comment {order} '{word}'"), value("comment").is_some_and(|v| holds(order, v.cmp(word))))
        }
        2 => {
            let (order, time) = (dice.pick(&orders), dice.pick(TIMES));
            (format!("time.source {order} '{time}'"), value("time.source").is_some_and(|v| holds(order, v.cmp(time))))
        }
        3 => {
            let (a, b) = (dice.pick(ADDRESSES), dice.pick(ADDRESSES));
            (format!("source.ip in ['{a}', '{b}']"), value("source.ip").is_some_and(|v| v == a || v == b))
        }
        4 => ("cidr(source.ip, '192.0.2.0/24')".into(), value("source.ip").is_some_and(|v| v.starts_with("192.0.2."))),
        5 => {
            let name = dice.pick(&["source.ip", "source.asn", "extra.x"]);
            (format!("has({name})"), value(name).is_some())
        }
        _ => {
            let word = dice.pick(WORDS);
            (format!("extra.x.contains('{word}')"), value("extra.x").is_some_and(|v| v.contains(word)))
        }
    }
}

fn expression(dice: &mut Dice, facts: &Facts<'_>, depth: usize) -> (String, bool) {
    if depth == 0 {
        return atom(dice, facts);
    }
    let (left, a) = expression(dice, facts, depth - 1);
    match dice.roll(5) {
        0 | 1 => {
            let (right, b) = expression(dice, facts, depth - 1);
            (format!("({left} && {right})"), a && b)
        }
        2 | 3 => {
            let (right, b) = expression(dice, facts, depth - 1);
            (format!("({left} || {right})"), a || b)
        }
        _ => (format!("!({left})"), !a),
    }
}

/// INVARIANT: a condition holds exactly when it reads so, and an event for which it holds lies within
/// its bounds.
#[test]
fn random_conditions_agree_with_a_slow_evaluation() {
    let mut dice = Dice(1);
    for round in 0..2000 {
        let mut facts = Facts::new();
        for (name, values) in [
            ("source.asn", NUMBERS),
            ("source.port", NUMBERS),
            ("comment", WORDS),
            ("time.source", TIMES),
            ("source.ip", ADDRESSES),
            ("extra.x", WORDS),
        ] {
            if dice.roll(3) > 0 {
                facts.push((name, dice.pick(values)));
            }
        }
        let (text, want) = expression(&mut dice, &facts, round % 5);
        let condition = Condition::compile(&text).unwrap_or_else(|problems| panic!("{text}: {problems:?}"));
        let (holds, open, within) = with_event(
            &facts,
            |event, open| (condition.holds(event), open, within(&condition.bounds(), event)),
            &condition,
        );
        assert_eq!((holds, open), (want, want), "{text} for {facts:?}");
        assert!(within || !holds, "{text} for {facts:?}: {:?}", condition.bounds());
    }
}

fn within(bounds: &Bounds, event: &Event<'_>) -> bool {
    let asn = event.get(Field::SOURCE_ASN).and_then(|value| value.as_int());
    let address = event.get(Field::SOURCE_IP).and_then(|value| value.as_ip());
    let time = event.get(Field::TIME_SOURCE).and_then(|value| value.as_time());
    let asn_good =
        bounds.asns.as_ref().is_none_or(|list| asn.is_some_and(|asn| list.iter().any(|a| i64::from(*a) == asn)));
    let address_good =
        bounds.networks.as_ref().is_none_or(|list| address.is_some_and(|a| list.iter().any(|net| net.contains(a))));
    let span = bounds.time_source;
    let time_good = span == Span::default() || time.is_some_and(|time| span.contains(time));
    asn_good && address_good && time_good
}
