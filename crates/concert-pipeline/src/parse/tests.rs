//! What holds for every parser in the catalogue: its samples, and that no bytes make it panic or
//! give more than it was given.

use super::check::{feed, run, run_feed};
use super::{ALL, Listed};

fn no_files(_: &str) -> Result<String, String> {
    Err("no files here".to_owned())
}

fn objects<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<serde_json::Value> {
    lines.filter(|line| !line.trim().is_empty()).map(|line| serde_json::from_str(line).expect(line)).collect()
}

/// Events and rejects are bounded by the bytes: nothing comes from nothing.
fn bounded(listed: &Listed, bytes: &[u8], found: &(Vec<String>, Vec<String>)) {
    let (count, lines) = (found.0.len() + found.1.len(), bytes.iter().filter(|b| b"\r\n".contains(b)).count());
    assert!(count <= 1 + bytes.len(), "{}: {count} pieces from {} bytes", listed.name, bytes.len());
    assert!(found.1.len() <= 2 + lines + bytes.len() / 4, "{}: {} rejects", listed.name, found.1.len());
}

#[test]
fn names_are_words_and_used_once() {
    for (index, listed) in ALL.iter().enumerate() {
        assert!(listed.name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'));
        assert!(listed.about.ends_with('.') && !listed.samples.is_empty(), "{}", listed.name);
        assert!(ALL.iter().skip(index + 1).all(|other| other.name != listed.name), "{} twice", listed.name);
    }
}

#[test]
fn samples_give_what_they_say() {
    for listed in ALL {
        for sample in listed.samples {
            let (events, rejects) = run(listed.name, sample.settings, sample.given.as_bytes(), sample.name);
            let given = objects(events.iter().map(String::as_str));
            assert_eq!(given, objects(sample.events.lines()), "{} {}: {events:#?}", listed.name, sample.name);
            assert_eq!(rejects, sample.rejects.lines().collect::<Vec<_>>(), "{} {}", listed.name, sample.name);
        }
    }
}

#[test]
fn a_report_cut_anywhere_keeps_the_lines_before_the_cut() {
    for listed in ALL {
        for sample in listed.samples {
            let feed = feed(listed.name, sample.settings, &no_files);
            for end in 0..sample.given.len() {
                let bytes = &sample.given.as_bytes()[..end];
                let found = run_feed(&feed, bytes, sample.name);
                bounded(listed, bytes, &found);
            }
        }
    }
}

#[test]
fn flipped_bytes_never_panic() {
    // xorshift64: the same flips on every machine.
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut next = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below as u64).expect("below is a usize")
    };
    for listed in ALL {
        for sample in listed.samples.iter().filter(|sample| !sample.given.is_empty()) {
            let feed = feed(listed.name, sample.settings, &no_files);
            for round in 0..400 {
                let mut bytes = sample.given.as_bytes().to_vec();
                for _ in 0..=round % 4 {
                    let at = next(bytes.len());
                    // Structural bytes are the likeliest to confuse, so every other flip is one.
                    bytes[at] =
                        if next(2) == 0 { b"\",;|{}[]\r\n\0\t= #"[next(15)] } else { bytes[at] ^ (1 << next(8)) };
                }
                let found = run_feed(&feed, &bytes, sample.name);
                bounded(listed, &bytes, &found);
            }
        }
    }
}

/// A member of JSON that nobody expects is kept as it is (`want` is JSON) or a reject with its reason, and the lines
/// around it are events.
#[test]
fn a_strange_value_spoils_nothing_around_it() {
    let feed = feed("ndjson", "", &no_files);
    let check = |member: &str, want: &str| {
        let text = format!("{{\"source.port\":1}}\n{{{member}}}\n{{\"source.port\":3}}\n");
        let (events, rejects) = run_feed(&feed, text.as_bytes(), "x.ndjson");
        let found = match (events.as_slice(), rejects.as_slice()) {
            ([_, event, _], []) => event.as_str(),
            ([_, _], [reject]) => reject.as_str(),
            _ => panic!("{member}: {events:?} {rejects:?}"),
        };
        assert_eq!(found, want, "{member}");
        assert_eq!(
            (events.first().unwrap().as_str(), events.last().unwrap().as_str()),
            (r#"{"source.port":1}"#, r#"{"source.port":3}"#)
        );
    };
    let (time, port, asn, ip) = (
        "2 time.source: not a time",
        "2 source.port: not a port (1 to 65535)",
        "2 source.asn: not an AS number",
        "2 source.ip: not an IP address",
    );
    // A number of more digits than numbers have.
    check(r#""comment":"c","x":9223372036854775808"#, r#"{"comment":"c","extra.x":"9223372036854775808"}"#);
    check(r#""comment":"c","x":99999999999999999999999"#, r#"{"comment":"c","extra.x":"99999999999999999999999"}"#);
    check(r#""malware.name":99999999999999999999999"#, r#"{"malware.name":"99999999999999999999999"}"#);
    check(r#""source.port":99999999999999999999999"#, port);
    check(r#""x":1e999"#, "2 : not JSON: number out of range at column 10");
    for (text, want) in
        [("0x50", None), ("80.0", None), ("1e2", None), ("８０", None), ("+80", Some("80")), ("080", Some("80"))]
    {
        let want = want.map_or_else(|| port.to_owned(), |number| format!("{{\"source.port\":{number}}}"));
        check(&format!("\"source.port\":\"{text}\""), &want);
    }
    for text in ["1.0", "AS1.0", "AS-SET", "0", "4294967296"] {
        check(&format!("\"source.asn\":\"{text}\""), asn);
    }
    for (text, want) in [
        ("0000-01-01T00:00:00Z", None),
        ("10000-01-01T00:00:00Z", None),
        ("2016-12-31T23:59:61Z", None),
        ("2016-01-01T24:00:00Z", None),
        ("9999-12-31T23:59:59-14:00", None),
        ("2016-12-31T23:59:60Z", Some("2016-12-31T23:59:59Z")),
        ("9999-12-31T23:59:60Z", Some("9999-12-31T23:59:59Z")),
    ] {
        let want = want.map_or_else(|| time.to_owned(), |time| format!("{{\"time.source\":\"{time}\"}}"));
        check(&format!("\"time.source\":\"{text}\""), &want);
    }
    for (text, want) in [
        ("fe80::1%eth0", Some("fe80::1")),
        ("::ffff:192.0.2.7", Some("192.0.2.7")),
        ("::192.0.2.7", Some("::c000:207")),
        ("192.0.2.07", None),
        ("0xC0000201", None),
        ("3221225985", None),
        ("192.0.2.1\\u0000", None),
        ("١٩٢.0.2.1", None),
    ] {
        let want = want.map_or_else(|| ip.to_owned(), |ip| format!("{{\"source.ip\":\"{ip}\"}}"));
        check(&format!("\"source.ip\":\"{text}\""), &want);
    }
}
