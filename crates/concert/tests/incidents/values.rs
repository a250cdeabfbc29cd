//! Observables that somebody lists by hand: each in the one form of its kind, or refused with what is expected.

use serde_json::{Value, json};

use crate::site::Site;

const FEED: &str = "[[feed]]\nname = \"drop\"\nparser = \"ndjson\"\n";

#[test]
fn observables_by_hand_are_those_of_their_kind() {
    let site = Site::with(FEED);
    let number = site.open("x");
    let write = |content: &Value| site.run(&["incident", "write", &number, "observable", &content.to_string()]);
    let good = |of: &str, value: &str| assert_eq!(write(&json!({"of": of, "value": value})).0, 0, "{value}");
    let bad = |of: &str, value: &str, want: &str| {
        let (code, _, err) = write(&json!({"of": of, "value": value}));
        assert!(code == 2 && err.contains(want), "{code} {err}");
    };
    for value in ["192[.]0[.]2[.]7", "192.0.2.7"] {
        good("ip", value);
    }
    good("network", "198.51.100.0/24");
    good("asn", "as64500");
    good("domain", "bücher[.]example");
    good("text", "Mozilla/5.0 (evil)");
    let long = format!("http://evil.example/{}", "a".repeat(1_000));
    good("url", &long.replace("http", "hxxp"));
    let seen = site.incident(&["show", &number]);
    let shown = &seen[0]["observables"];
    let want = [
        ("asn", "AS64500"),
        ("domain", "xn--bcher-kva.example"),
        ("ip", "192.0.2.7"),
        ("network", "198.51.100.0/24"),
        ("text", "Mozilla/5.0 (evil)"),
        ("url", &long),
    ];
    assert_eq!(*shown, json!(want.map(|(of, value)| json!({"of": of, "value": value}))));

    bad(
        "ip",
        "192.0.2.777",
        "`value` of observable/1: `192.0.2.777` is no value of the kind `ip`\n  hint: it is an address",
    );
    bad("ip", "evil.example", "hint: its kind is `domain`");
    bad("network", "198.51.100.7/24", "did you mean `198.51.100.0/24`?");
    bad("hash", "abc", "hint: it is hexadecimal digits: 32 (MD5), 40 (SHA-1), 64 (SHA-256) or 128 (SHA-512)");
    bad("sha256", "abc", "`of` of observable/1: `sha256` is no kind of observable\n  hint: kinds are ip, network");
    bad("text", "a\u{202e}b", "`value` has control characters");
    bad("url", &long.repeat(3), "is no value of the kind `url`");
    site.incident(&["write", &number, "finding", "name=key", "statement=A stolen key", "standing=supported"]);
    let shown = |value: &str| json!({"finding": "key", "observables": [{"of": "ip", "value": value}], "reason": ""});
    let indicators = |value: &str| site.run(&["incident", "write", &number, "indicators", &shown(value).to_string()]);
    assert_eq!(indicators("192[.]0.2.7").0, 0);
    let (code, _, err) = indicators("192.0.2");
    assert!(
        code == 2 && err.contains("`observables` of indicators/1: `192.0.2` is no value of the kind `ip`"),
        "{err}"
    );
}

/// What stands in no text is found all the same where somebody listed it, by its value and in the events.
#[test]
fn networks_and_numbers_of_ases_are_found_by_their_values() {
    let site = Site::with(FEED);
    let event = |ip: &str, asn: u32| {
        let event = json!({"source.ip": ip, "source.asn": asn, "classification.type": "scanner"});
        format!("{event}\n")
    };
    let report = site.dir.path().join("report");
    std::fs::write(&report, event("198.51.100.9", 64500) + &event("192.0.2.7", 64500)).unwrap();
    assert_eq!(site.run(&["ingest", "--feed", "drop", report.to_str().unwrap()]).0, 0);
    let number = site.open("x");
    for (of, value) in [("network", "198.51.100.0/24"), ("asn", "AS64500"), ("text", "Mozilla/5.0")] {
        site.incident(&["write", &number, "observable", &json!({"of": of, "value": value}).to_string()]);
    }
    let rows = site.incident(&["observables", &number]);
    let told = |value: &str| rows.iter().find(|row| row["value"] == value).map(|row| &row["events"]).unwrap();
    assert_eq!(["198.51.100.0/24", "AS64500", "Mozilla/5.0"].map(told), [&json!(1), &json!(2), &Value::Null]);
    for (asked, of, events) in [("198.51.100.0/24", "network", 1), ("as64500", "asn", 2)] {
        let about = site.incident(&["about", asked]);
        assert_eq!((&about[0]["of"], &about[0]["events"]), (&json!(of), &json!(events)), "{about:?}");
        assert_eq!(about[0]["incidents"], json!([number]));
    }
}

#[test]
fn every_value_of_a_long_text_is_found() {
    let site = Site::new();
    let number = site.open("x");
    let addresses: Vec<String> = (0..3_000).map(|at| format!("10.{}.{}.7", at / 250, at % 250)).collect();
    site.incident(&["write", &number, "note", &format!("text={}", addresses.join("\n"))]);
    let rows = site.incident(&["observables", &number, "--limit", "0"]);
    let found: std::collections::HashSet<&str> = rows.iter().filter_map(|row| row["value"].as_str()).collect();
    assert_eq!(found.len(), 3_000);
    assert!(addresses.iter().all(|address| found.contains(address.as_str())));
    assert_eq!(site.incident(&["observables", &number]).len(), 100);
    let about = site.incident(&["about", "10.11.249.7"]);
    assert!(about.iter().any(|row| row.to_string().contains(&number)), "{about:?}");
}
