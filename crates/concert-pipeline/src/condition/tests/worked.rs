//! What conditions work out: sums, choices, conversions, lists.

use super::*;

#[test]
fn numbers_are_reckoned_with() {
    check("source.port + 1 == 2324 && source.port - 323 == 2000 && source.port * 2 == 4646", true);
    check("source.port / 1000 == 2 && source.port % 1000 == 323 && -source.port < -2000", true);
    check("source.asn - source.port > 60000 && source.port != source.asn + 1", true);
    check("source.port == 2300 + 23 && source.port in [2322 + 1, 22] && 2 * 3 + 4 == 10", true);
    check("source.port in [22] + [2323] && source.port in [destination.port, source.port]", true);
    check("feed.accuracy / 2 > 30 && feed.accuracy * 2.0 == 121.0 && feed.accuracy + source.port > 2383.0", true);
    check("extra.count + 1 == 8 && extra.naics + extra.count == 518217 && extra.naics / 10.0 == 51821.0", true);
    check("source.port > 2322.5 && source.port < 2323.5 && 7 == 7.0", true);
}

#[test]
fn what_cannot_be_worked_out_is_like_a_field_that_is_absent() {
    for text in [
        "source.port / (source.port - 2323) ORDER 1",
        "source.port % (source.port - 2323) ORDER 1",
        "feed.accuracy / (feed.accuracy - 60.5) ORDER 1.0",
        "source.port * 9223372036854775807 ORDER 1",
        "extra.tag + 1 ORDER 1",
        "int(extra.tag) ORDER 1",
        "destination.port + 1 ORDER 1",
        "int(extra.other) ORDER 1",
        "timestamp(extra.tag) ORDER time.source",
        "size(extra.other + 'x') ORDER 1",
        "time.source + duration('70000000h') ORDER time.source",
    ] {
        for order in ["==", "!=", "<", ">="] {
            let text = text.replace("ORDER", order);
            check(&text, false);
            check(&format!("!({text})"), true);
        }
    }
}

#[test]
fn choices_are_compared_as_if_each_value_stood_alone() {
    check("source.tor_node ? source.port == 2323 : false", true);
    check("(has(source.fqdn) ? source.fqdn : destination.fqdn) == 'MAIL.bücher.example'", true);
    check("(has(destination.fqdn) ? destination.fqdn : 'none') == 'none'", true);
    check("(destination.tor_node ? 1 : 2) == 2 && (source.tor_node ? 10 : 20) + source.port == 2333", true);
    check("severity >= (source.tor_node ? 'high' : 'low') && severity < (has(source.ip) ? 'critical' : 'high')", true);
    check("cidr(has(source.ip) ? source.ip : destination.ip, '192.0.2.0/24')", true);
    check("domain(destination.tor_node ? source.account : source.url, 'example.com')", true);
    check("(source.tor_node ? source.fqdn : comment).startsWith('mail.')", true);
    check("source.port == (source.port > 1024 ? (source.asn > 1 ? 2323 : 1) : 0)", true);
}

#[test]
fn texts_are_joined_and_made() {
    check("source.geolocation.cc + '-' + comment == 'FI-Größe 7'", true);
    check("string(source.port) + '/tcp' == '2323/tcp' && string(source.ip).startsWith('192.0.2.')", true);
    check("source.url.contains(source.geolocation.cc) || source.fqdn.endsWith('.' + 'example')", true);
    check("source.account.lowerAscii().contains(extra.other) || source.account.startsWith(comment)", false);
    check(
        "matches(comment, '^Gr') && matches(string(source.asn), '^645') && !string(source.port).matches('^22')",
        true,
    );
    check("int('12') == 12 && double('1.5') == 1.5 && string(1.5) == '1.5' && string(true) == 'true'", true);
    check("int(2.9) == 2 && int(-2.9) == -2 && double(2) / 4.0 == 0.5 && int(extra.naics) == 518210", true);
    check("uint(source.port) == 2323u && !(uint(1 - source.port) < 0)", true);
    check("bool('true') && string(time.source) == '2026-11-22T04:50:30Z'", true);
    check("size(source.geolocation.cc + 'xx') == 5 - 1 && comment.size() + 1 == 8 && size('abc') == 3", true);
    check("comment.size() < source.port && source.account.lowerAscii() != source.fqdn", true);
}

#[test]
fn truths_are_compared() {
    check("(source.port == 2323) == true && (source.port == 1) == false && has(source.ip) != has(extra.other)", true);
    check("(source.port > 1) == (source.asn > 1) && source.tor_node == has(source.ip)", true);
    check("destination.tor_node == has(extra.other)", false);
    check("true == true && !(1 == 2)", true);
}

#[test]
fn times_are_reckoned_with() {
    check("time.source - timestamp('2026-11-22T00:00:00Z') < duration('5h')", true);
    check("time.source + duration('10m') == timestamp('2026-11-22T05:00:30Z')", true);
    check("time.source > timestamp('2026-11-23T00:00:00Z') - duration('24h')", true);
    check("time.source - duration('1h') > '2026-11-22T03:00:00Z'", true);
    check("time.source.getHours() == 4 && time.source.getMinutes() == 50 && time.source.getSeconds() == 30", true);
    check("time.source.getFullYear() == 2026 && time.source.getMonth() == 10 && time.source.getDate() == 22", true);
    check(
        "time.source.getDayOfMonth() == 21 && time.source.getDayOfWeek() == 0 && time.source.getDayOfYear() == 325",
        true,
    );
    check("duration('90m').getHours() == 1 && duration('1h') + duration('30m') == duration('5400s')", true);
    check("int(time.source) == 1795323030 && timestamp(1795323030) == time.source", true);
    check("timestamp(time.source) == time.source && string(duration('90s')) == '90s'", true);
}

#[test]
fn lists_that_are_written_out_are_gone_through() {
    check("[22, 2323].exists(p, p == source.port) && ![22, 23].exists(p, p == source.port)", true);
    check("['a', 'b'].exists(x, x == 'b') && !['a'].exists(x, x == 'b')", true);
    check("['mail', 'example'].all(part, source.fqdn.contains(part))", true);
    check("[source.ip, destination.ip].exists(a, cidr(a, '2001:db8::/32'))", true);
    check("[1, 2, 3].exists_one(n, n * 1000 < source.port && source.port < (n + 1) * 1000)", true);
    check("[source.port, source.asn].exists_one(n, n > 1)", false);
    check("[].all(x, x == 1) && ![].exists(x, x == 1)", true);
    check("[2].exists(x, [x + 1, 4].all(y, y > x) && [x].exists(x, x == 2))", true);
    check("[1, 2] + [3] == [1, 2, 3] && [1] != [2] && [1] != [1, 2] && [source.port] == [2323]", true);
    check("size([1, 2] + [3]) == 3 && 'tag' in extra && !('other' in extra)", true);
}

#[test]
fn lists_that_events_carry_are_gone_through() {
    check(
        "extra.tags.exists(t, t == 'telnet') && extra.tags.exists(t, t == 7) && !extra.tags.exists(t, t == 'x')",
        true,
    );
    check("extra.tags.exists(t, t == extra.tag) && extra.tags.exists_one(t, t.kind == 'x')", true);
    check("extra.tags.all(t, has(t.kind) || string(t) != 'x') && !extra.tags.all(t, t == 'a')", true);
    check("'telnet' in extra.tags && 2.5 in extra.tags && extra.tag in extra.tags && !('b' in extra.tags)", true);
    check("'name' in extra.object && extra.object.exists(name, name.startsWith('na'))", true);
    check("size(extra.tags) == 5 && extra.tags.size() > 4 && size(extra.object) == 1", true);
    check("extra.tags.exists(a, extra.tags.exists(b, a == 'a' && b == 'telnet'))", true);
    check("extra.other.exists(x, true) || extra.other.all(x, true) || extra.tag.all(x, true) || 1 in extra.tag", false);
    let condition =
        Condition::compile("extra.tags.exists(t, t == extra.tag) && source.port + destination.port > 1").unwrap();
    assert_eq!(condition.extra_names(), ["tag", "tags"]);
    assert_eq!(condition.fields(), [Field::DESTINATION_PORT, Field::SOURCE_PORT]);
}

#[test]
fn what_is_fixed_is_reckoned_once_and_still_bounds() {
    let bounds =
        Condition::compile("time.source >= timestamp('2026-11-02T00:00:00Z') - duration('24h')").unwrap().bounds();
    assert_eq!(bounds.time_source.from, Some(Time::parse("2026-11-01T00:00:00Z", None).unwrap()));
    let bounds = Condition::compile("source.asn in [64500] + [64000 + 501]").unwrap().bounds();
    assert_eq!(bounds.asns, Some(vec![64500, 64501]));
    let choice = Condition::compile("has(source.ip) ? source.port == 1 : source.port == 2").unwrap();
    assert!(
        !choice.can_hold(&[(Field::SOURCE_PORT, Value::Int(3))])
            && choice.can_hold(&[(Field::SOURCE_PORT, Value::Int(2))])
    );
    assert!(Condition::compile("source.port + 1 == 3").unwrap().can_hold(&[(Field::SOURCE_PORT, Value::Int(7))]));
}

#[test]
fn mistakes_in_what_is_worked_out_have_a_place_and_a_hint() {
    refused(
        "has(source.ip) && source.port + comment == 5",
        &[(
            32,
            "this does not go together: a number and text",
            "make both of one kind: string(source.port) + \"/tcp\"",
        )],
    );
    refused(
        "source.port / 0 == 1 && source.prot + 1 == 2",
        &[
            (14, "this divides by zero", "nothing equals that: divide by another number"),
            (24, "unknown field `source.prot`", "did you mean `source.port`?"),
        ],
    );
    refused(
        "source.port == int('x')",
        &[(
            15,
            "this cannot be worked out",
            "a division by zero, a number that is too large, or a text that spells none",
        )],
    );
    refused(
        "time.source - time.observation > 5",
        &[(33, "this compares a duration with a number", "int(), double() and string() make one of the other")],
    );
    refused(
        "duration('7d') > time.source - time.observation",
        &[(9, "`7d` is no duration", "numbers with h, m, s or ms: \"1h30m\"; a week is \"168h\"")],
    );
    refused(
        "source.port.string() == '1'",
        &[(0, "string() is not written so", "string(source.port), comment.lowerAscii()")],
    );
    refused(
        "time.source.getHours('Europe/Helsinki') == 3",
        &[(0, "getHours() takes no value: times are in UTC here", "time.source.getHours()")],
    );
    refused(
        "upper(comment) == 'X'",
        &[(
            0,
            "unknown function `upper`",
            "known here: int, uint, double, string, bool, timestamp, duration, size, lowerAscii",
        )],
    );
}
