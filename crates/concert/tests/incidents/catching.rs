//! Events that open incidents, are linked to them, and are proposed as next hop.

use serde_json::{Value, json};

use crate::site::Site;

const FEED: &str = "[[feed]]\nname = \"drop\"\nparser = \"ndjson\"\n";

const RULE: &str = r#"
[[rule]]
name = "scanners"
if = 'classification.type == "scanner"'
open_incident = { key = ["source.asn", "classification.type"], title = "Scans from {source.asn}", severity = "high", marking = "amber", per_day = 3 }
"#;

fn catching(more: &str) -> Site {
    Site::with(&format!("{FEED}{more}"))
}

#[expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot set itself up must fail")]
impl Site {
    fn show(&self, number: &str) -> Value {
        self.incident(&["show", number]).remove(0)
    }

    fn numbers(&self) -> Vec<String> {
        let list = self.incident(&["list", "--status", "open"]);
        let mut numbers: Vec<String> = list.iter().map(|row| row["number"].as_str().unwrap().to_owned()).collect();
        numbers.sort();
        numbers
    }

    /// Takes in these events as one report.
    fn ingest(&self, name: &str, events: &[Value]) {
        let path = self.dir.path().join(name);
        std::fs::write(&path, events.iter().map(|event| format!("{event}\n")).collect::<String>()).unwrap();
        let done = self.json(&["ingest", "--feed", "drop", "--format", "json", path.to_str().unwrap()]);
        assert_eq!(done[0]["events"], json!(events.len()), "{done:?}");
    }
}

fn scan(asn: u32, number: usize) -> Value {
    let ip = std::net::Ipv4Addr::from_bits(0xc633_6400 + u32::try_from(number).unwrap_or(0));
    json!({"classification.type": "scanner", "source.ip": ip.to_string(), "source.asn": asn, "time.source": "2026-11-22T04:50:30Z"})
}

fn scans(asn: u32, from: usize, to: usize) -> Vec<Value> {
    (from..to).map(|number| scan(asn, number)).collect()
}

/// INVARIANT: a rule shows nobody what the label of its events keeps from them.
#[test]
fn what_a_rule_makes_of_an_event_is_as_strict_as_the_event() {
    let rule = RULE
        .replace("severity = \"high\", ", "")
        .replace("[\"source.asn\", \"classification.type\"]", "[\"source.asn\"]");
    let site = catching(&rule);
    for (name, clearance) in [("eva", "red"), ("ida", "amber")] {
        let roles = ["--role", "handler", "--clearance", clearance];
        site.json(&[&["user", "add", name, "--full-name", name][..], &roles].concat());
    }
    let one = |asn: u32, host: usize, tlp: &str| {
        let mut event = scan(asn, host);
        (event["tlp"], event["severity"]) = (json!(tlp), json!("critical"));
        event
    };
    site.ingest("red", &[one(64500, 0, "red")]);
    site.ingest("strict", &[one(64501, 1, "amber+strict")]);
    site.ingest("amber", &[one(64502, 2, "amber")]);
    site.ingest("later", &[one(64502, 3, "red")]);
    let seen = |person: &str, number: &str| {
        let shown = site.incident(&["show", number, "--as", person]).remove(0);
        let log = site.incident(&["log", number, "--limit", "0", "--as", person]);
        let log = log.iter().map(Value::to_string).collect::<String>();
        let kinds = ["rule/1", "events/1"].map(|kind| log.matches(kind).count());
        let head = ["title", "severity", "classification"].map(|name| shown[name].as_str().unwrap().to_owned());
        (head.join(", "), kinds, format!("{shown}{log}"))
    };
    let numbers = site.numbers();
    assert_eq!(numbers.len(), 3);
    for person in ["eva", "ida"] {
        let (head, kinds, all) = seen(person, &numbers[0]);
        assert_eq!((head.as_str(), kinds), ("Scans from ..., medium, undetermined", [0, 0]), "{person}");
        assert!(!all.contains("AS64500"), "{all}");
    }
    // What stays within the site is there for those of it who are cleared.
    for (person, count) in [("eva", 1), ("ida", 0)] {
        let (head, kinds, all) = seen(person, &numbers[1]);
        assert_eq!((head.as_str(), kinds), ("Scans from ..., medium, undetermined", [count; 2]), "{person}");
        assert_eq!(all.contains("AS64501"), count == 1, "{all}");
        let (head, kinds, _) = seen(person, &numbers[2]);
        assert_eq!((head.as_str(), kinds), ("Scans from AS64502, critical, scanner", [1, 1]), "{person}");
    }
    assert_eq!(seen("eva", &numbers[2]).1, [1, 1], "the later event is for nobody but the coordinators");
    let log = site.incident(&["log", &numbers[2], "--limit", "0"]);
    let tlps: Vec<&Value> = log.iter().filter(|row| row["kind"] == "events/1").map(|row| &row["tlp"]).collect();
    assert!(tlps.contains(&&json!("red")) && tlps.contains(&&json!("amber")), "{tlps:?}");
}

#[test]
fn check_tells_of_a_rule_that_is_marked_weaker_than_a_feed_that_it_can_match() {
    let site = catching("");
    let feed = |name: &str, tlp: &str| format!("[[feed]]\nname = \"{name}\"\nparser = \"ndjson\"\ntlp = \"{tlp}\"\n");
    let check = |condition: &str, want: &[&str]| {
        let rule = RULE.replace("'classification.type == \"scanner\"'", &format!("'{condition}'"));
        site.settings(&format!("{}{}{rule}", feed("secret", "red"), feed("open", "green")));
        let told = site.json(&["check", "--format", "ndjson"]);
        let told: Vec<&str> =
            told.iter().filter(|row| row["state"] == "warning").map(|row| row["what"].as_str().unwrap()).collect();
        assert_eq!(told.len(), want.len(), "{condition}: {told:?}");
        assert!(told.iter().zip(want).all(|(told, want)| told.contains(want)), "{condition}: {told:?}");
    };
    let red = "incidents of rule `scanners` are TLP:amber, and events of feed `secret` are TLP:red";
    check("classification.type == \"scanner\"", &[red]);
    check("feed.code in [\"secret\", \"open\"] && source.port > 5", &[red]);
    for never in
        ["feed.code == \"open\"", "feed.code != \"secret\" && source.port > 5", "tlp < \"red\"", "!has(feed.code)"]
    {
        check(never, &[]);
    }
}

/// What lacks a part of the key has nothing in common: it must not gather in one incident.
#[test]
fn events_that_lack_a_field_of_the_key_open_no_incident() {
    let site = catching(RULE);
    let nameless =
        |ip: &str| json!({"classification.type": "scanner", "source.ip": ip, "time.source": "2026-11-22T04:50:30Z"});
    site.ingest("some", &[nameless("192.0.2.1"), nameless("203.0.113.1"), scan(64500, 1)]);
    let numbers = site.numbers();
    assert_eq!(numbers.len(), 1);
    let shown = site.show(&numbers[0]);
    assert_eq!((&shown["title"], &shown["counts"]["events"]), (&json!("Scans from AS64500"), &json!(1)));
    let warnings = || {
        let told = site.json(&["check", "--format", "ndjson"]);
        let of_rules = told.into_iter().filter(|row| row["what"].as_str().unwrap().contains("lacked a field"));
        of_rules.map(|row| row["what"].as_str().unwrap().to_owned()).collect::<Vec<String>>()
    };
    assert!(warnings()[0].starts_with("2 events of rule `scanners` lacked a field of its key"), "{:?}", warnings());
    site.ingest("more", &[nameless("192.0.2.2")]);
    assert!(warnings()[0].starts_with("3 events of rule `scanners`"), "{:?}", warnings());
    // Of a rule that is gone nothing is told.
    site.settings("");
    assert!(warnings().is_empty(), "{:?}", warnings());
}

#[test]
fn a_burst_opens_one_incident_and_later_events_are_linked_to_it() {
    let site = catching(RULE);
    let mut burst = scans(64500, 0, 12_000);
    burst.push(json!({"classification.type": "phishing", "source.ip": "192.0.2.1", "source.asn": 64500}));
    site.ingest("burst", &burst);
    let numbers = site.numbers();
    assert_eq!(numbers.len(), 1);
    let shown = site.show(&numbers[0]);
    assert_eq!((&shown["title"], &shown["severity"]), (&json!("Scans from AS64500"), &json!("high")));
    assert_eq!((&shown["marking"]["tlp"], &shown["classification"]), (&json!("amber"), &json!("scanner")));
    assert_eq!(shown["counts"]["events"], json!(12_000));
    assert_eq!(shown["rule"], json!({"rule": "scanners", "key": "AS64500, scanner"}));
    // Opened, by which rule, and three entries for twelve thousand events.
    assert_eq!(shown["entries"], json!(5));
    let one = site.json(&["events", "source.ip == \"198.51.100.7\"", "--limit", "1"]).remove(0);
    let log = site.incident(&["log", &numbers[0]]);
    let linked = log.iter().flat_map(|entry| entry["content"]["events"].as_array().cloned().unwrap_or_default());
    assert_eq!(linked.filter(|event| *event == one["event.id"]).count(), 1);
    // More of the same belongs to it; another network is another incident.
    site.ingest("more", &[scans(64500, 20_000, 20_003), scans(64501, 30_000, 30_002)].concat());
    let numbers = site.numbers();
    assert_eq!((numbers.len(), &site.show(&numbers[0])["counts"]["events"]), (2, &json!(12_003)));
    assert_eq!(site.show(&numbers[1])["title"], "Scans from AS64501");
    // Once it is closed the next event opens another.
    site.incident(&["write", &numbers[0], "status", "status=closed", "reason=done"]);
    site.ingest("again", &scans(64500, 40_000, 40_001));
    let numbers = site.numbers();
    assert_eq!((numbers.len(), &site.show(&numbers[1])["title"]), (2, &json!("Scans from AS64500")));
    // A fourth in a day is too many: it and what comes after it go into one more.
    site.ingest("many", &[scans(64502, 50_000, 50_001), scans(64503, 50_001, 50_003)].concat());
    site.ingest("many more", &scans(64504, 50_003, 50_004));
    let numbers = site.numbers();
    let rest = site.show(&numbers[2]);
    assert_eq!((numbers.len(), &rest["title"]), (3, &json!("Scans from ... (more than 3 in a day)")));
    assert_eq!(rest["counts"]["events"], json!(4));
    assert_eq!(site.run(&["verify"]).0, 0);
}

/// What a journal cannot hold must not stop the report that brings it.
#[test]
fn events_with_impossible_times_are_caught_like_others() {
    let site = catching(RULE);
    let at = |number, time: &str| {
        let mut event = scan(64500, number);
        event["time.source"] = json!(time);
        event
    };
    site.ingest("times", &[at(1, "0001-01-01T00:00:00Z"), at(2, "9999-12-31T23:59:59Z"), scan(64500, 3)]);
    let number = site.numbers().remove(0);
    assert_eq!(site.show(&number)["counts"]["events"], json!(3));
    let log = site.incident(&["log", &number]);
    let linked = log.iter().find(|entry| entry["kind"] == "events/1").unwrap();
    assert_eq!(linked["content"]["first"], "2026-11-22T04:50:30Z");
}

#[test]
fn rules_that_open_incidents_are_checked_where_they_stand() {
    let site = catching(&RULE.replace("source.asn\", ", "source.ans\", "));
    let (code, out, err) = site.run(&["check"]);
    let said = format!("{out}{err}");
    assert!(
        code == 1 && said.contains("concert.toml:") && said.contains("did you mean `source.asn`?"),
        "{code} {said}"
    );
    site.settings(&format!("{FEED}{}", &RULE.replace("marking = \"amber\"", "marking = \"umber\"")));
    let (code, out, err) = site.run(&["check"]);
    let said = format!("{out}{err}");
    assert!(code == 1 && said.contains("`umber` is not a value of `marking`"), "{code} {said}");
}

fn flow(from: &str, to: &str, port: u16, time: &str) -> Value {
    json!({"classification.type": "brute-force", "source.ip": from, "destination.ip": to, "destination.port": port, "time.source": time})
}

#[test]
fn what_a_known_host_does_since_it_was_reached_is_proposed_as_next_hop() {
    let site = catching("");
    let opened =
        site.incident(&["open", "A break-in", "--type", "system-compromise", "--severity", "medium", "--tlp", "amber"]);
    let number = opened[0]["incident"].as_str().unwrap().to_owned();
    let times = ["first_seen=2026-11-22T04:50:30Z", "last_seen=2026-11-22T05:00:00Z"];
    let relation = ["write", &number, "relation", "from=192.0.2.7", "to=198.51.100.9", "port=22"];
    site.incident(&[&relation[..], &times[..]].concat());
    let late = "2026-11-22T06:00:00Z";
    let events = [
        flow("198.51.100.9", "203.0.113.1", 22, late),
        // The same flow once more, what was before the host was reached, and a host that nobody knows.
        flow("198.51.100.9", "203.0.113.1", 22, "2026-11-23T06:00:00Z"),
        flow("198.51.100.9", "203.0.113.2", 22, "2026-11-22T04:00:00Z"),
        flow("198.51.100.8", "203.0.113.3", 22, late),
        flow("198.51.100.9", "203.0.113.4", 445, late),
    ];
    site.ingest("flows", &events);
    let mut proposals = site.incident(&["chain", &number, "--proposals"]);
    proposals.sort_by_key(|row| row["to"].as_str().unwrap().to_owned());
    let hops: Vec<&str> = proposals.iter().map(|row| row["to"].as_str().unwrap()).collect();
    assert_eq!(hops, ["203.0.113.1", "203.0.113.4"], "{proposals:?}");
    let event = proposals[0]["event"].as_str().unwrap();
    // Accepted, the flow belongs to the chain; rejected, it is not proposed again.
    site.incident(&["chain", &number, "--accept", event, "--reason", "same key"]);
    site.incident(&["chain", &number, "--reject", proposals[1]["event"].as_str().unwrap(), "--reason", "a backup"]);
    let shown = site.show(&number);
    assert_eq!((shown["relations"].as_array().unwrap().len(), &shown["events"]), (2, &json!([event])));
    assert_eq!(shown["relations"][0]["to"], "203.0.113.1");
    site.ingest("again", &[flow("198.51.100.9", "203.0.113.4", 445, "2026-11-25T06:00:00Z")]);
    assert_eq!(site.incident(&["chain", &number, "--proposals"]).len(), 0);
    let (code, _, err) = site.run(&["incident", "chain", &number, "--accept", event, "--reason", "x"]);
    assert!(code == 2 && err.contains("it was accepted already"), "{err}");
    // A hop that was accepted is a known host too. What is too much for a day is counted.
    let many: Vec<Value> = (0..80).map(|port| flow("203.0.113.1", "203.0.113.9", 1000 + port, late)).collect();
    site.ingest("many", &many);
    let shown = site.show(&number);
    // Two of the fifty of this day were made before.
    assert_eq!(shown["counts"]["proposals"], json!(48));
    assert_eq!(shown["left_out"].as_object().unwrap().values().collect::<Vec<_>>(), [&json!(32)]);
    // Nothing is proposed for what is closed.
    site.incident(&["write", &number, "status", "status=closed", "reason=done"]);
    site.ingest("later", &[flow("198.51.100.9", "203.0.113.77", 22, late)]);
    assert_eq!(site.show(&number)["counts"]["proposals"], json!(48));
}

/// INVARIANT: a proposal tells nobody of a host who does not know of it.
#[test]
fn proposals_are_marked_like_what_made_the_host_known() {
    let site = catching("");
    let opened =
        site.incident(&["open", "A break-in", "--type", "system-compromise", "--severity", "medium", "--tlp", "green"]);
    let number = opened[0]["incident"].as_str().unwrap().to_owned();
    site.incident(&["write", &number, "party", "party=Net", "status=told"]);
    let host = ["write", &number, "host", "host=198.51.100.9", "party=Net", "--tlp", "red", "--for-person", "anna"];
    site.incident(&host);
    site.incident(&["write", &number, "host", "host=198.51.100.10", "party=Net"]);
    let mut red = flow("198.51.100.10", "203.0.113.2", 22, "2026-11-22T06:00:00Z");
    red["tlp"] = json!("amber");
    site.ingest("flows", &[flow("198.51.100.9", "203.0.113.1", 22, "2026-11-22T06:00:00Z"), red]);
    let log = site.incident(&["log", &number]);
    let markings: Vec<&Value> =
        log.iter().filter(|entry| entry["kind"] == "proposed/1").map(|entry| &entry["tlp"]).collect();
    assert_eq!(markings, ["amber", "red"]);
}

const LOG: &str = "when,from,to,port\n\
    2026-11-22 08:00:00,198.51.100.9,203.0.113.1,22\n\
    2026-11-22 08:05:00,198.51.100.9,203.0.113.1,22\n\
    nonsense,198.51.100.9,203.0.113.1,22\n\
    2026-11-22 09:00:00,203.0.113.1,203.0.113.2,445\n";

#[test]
fn a_log_becomes_timeline_and_proposals_once_however_often_it_is_read() {
    let site = catching("");
    let opened =
        site.incident(&["open", "A break-in", "--type", "system-compromise", "--severity", "medium", "--tlp", "amber"]);
    let number = opened[0]["incident"].as_str().unwrap().to_owned();
    let path = site.dir.path().join("ssh.csv");
    std::fs::write(&path, LOG).unwrap();
    let why = ["--from", "Net", "--place", "host7", "--reason", "log of the break-in", "--tlp", "amber+strict"];
    site.json(&[&["evidence", "add", &number, path.to_str().unwrap()], &why[..]].concat());
    let added = site.json(&["evidence", "list", &number]);
    let sha256 = added[0]["sha256"].as_str().unwrap().to_owned();
    let digits: String = sha256.chars().take(10).collect();
    let how = [
        "--parser",
        "csv",
        "--set",
        "header = true",
        "--set",
        "constant = { \"classification.type\" = \"brute-force\" }",
        "--set",
        "columns = { when = \"time.source\", from = \"source.ip\", to = \"destination.ip\", port = \"destination.port\" }",
    ];
    let read = |more: &[&str]| site.json(&[&["evidence", "read", &number, &digits], &how[..], more].concat()).remove(0);
    let zone = ["--zone", "Europe/Helsinki", "--clock-error", "5m"];
    let preview = read(&[&zone[..], &["--preview"]].concat());
    assert_eq!(
        (&preview["timeline"], &preview["proposals"], &preview["written"]),
        (&json!(3), &json!(2), &json!(false))
    );
    assert_eq!((&preview["rejects"], &preview["first"][0]["time"]), (&json!(1), &json!("2026-11-22T06:00:00Z")));
    assert_eq!(site.show(&number)["timeline"], json!([]));
    let done = read(&zone);
    assert_eq!((&done["timeline"], &done["proposals"], &done["known"]), (&json!(3), &json!(2), &json!(0)));
    let before = site.show(&number);
    let item = &before["timeline"][0];
    assert_eq!((&item["line"], &item["evidence"], &item["clock_error"]), (&json!(2), &json!(sha256), &json!(300)));
    assert_eq!((&item["zone"], &item["subject"]), (&json!("Europe/Helsinki"), &json!("198.51.100.9")));
    assert_eq!(item["text"], "brute-force to 203.0.113.1 port 22");
    let flow = &before["proposals"][0];
    assert_eq!((&flow["event"], &flow["port"]), (&json!(format!("{sha256}:2")), &json!(22)));
    assert_eq!(
        (&flow["first_seen"], &flow["last_seen"]),
        (&json!("2026-11-22T06:00:00Z"), &json!("2026-11-22T06:05:00Z"))
    );
    // Marked like the evidence.
    let log = site.incident(&["log", &number]);
    let told = log.iter().filter(|entry| entry["kind"] == "happened/1" || entry["kind"] == "proposed/1");
    assert!(told.clone().count() == 5 && told.clone().all(|entry| entry["tlp"] == "amber+strict"), "{log:?}");
    // Again: nothing. With another clock: the same lines at their new times.
    let again = read(&zone);
    assert_eq!((&again["timeline"], &again["proposals"], &again["known"]), (&json!(0), &json!(0), &json!(3)));
    assert_eq!(site.show(&number)["entries"], before["entries"]);
    assert_eq!(read(&["--zone", "UTC"])["timeline"], json!(3));
    let after = site.show(&number);
    assert_eq!(after["timeline"].as_array().unwrap().len(), 3);
    assert_eq!(
        (&after["timeline"][0]["time"], &after["counts"]["proposals"]),
        (&json!("2026-11-22T08:00:00Z"), &json!(2))
    );
    assert_eq!(read(&zone)["timeline"], json!(3));
    // A flow that is taken up is part of the chain, points to its line, and says the zone of the log.
    site.incident(&["chain", &number, "--accept", &format!("{sha256}:2"), "--reason", "the key fits"]);
    let chain = site.show(&number);
    let flow = &chain["relations"][0];
    assert_eq!((&flow["to"], &chain["events"]), (&json!("203.0.113.1"), &json!([])));
    assert_eq!((&flow["evidence"], &flow["line"]), (&json!(sha256), &json!(2)));
    assert_eq!((&flow["zone"], &flow["clock_error"]), (&json!("Europe/Helsinki"), &json!(300)));
    // It moves with the line, too, and stays one.
    for (how, moved, first_seen) in [
        (&["--zone", "UTC"][..], 1, "2026-11-22T08:00:00Z"),
        (&zone[..], 1, "2026-11-22T06:00:00Z"),
        (&zone[..], 0, "2026-11-22T06:00:00Z"),
    ] {
        assert_eq!(read(&[how, &["--preview"]].concat())["moved"], json!(moved));
        assert_eq!(read(how)["moved"], json!(moved));
        let shown = site.show(&number);
        assert_eq!(
            (&shown["relations"][0]["first_seen"], &shown["counts"]["relations"]),
            (&json!(first_seen), &json!(1))
        );
    }
    // Nobody points to evidence that is not there.
    let by_hand = |evidence: &str, line: &str, want: &str| {
        let flow = ["relation", "from=192.0.2.1", "to=192.0.2.2"];
        let times = ["first_seen=2026-11-22T04:50:30Z", "last_seen=2026-11-22T04:50:30Z"];
        let (evidence, line) = (format!("evidence={evidence}"), format!("line={line}"));
        let args = [&["incident", "write", &number], &flow[..], &times[..], &[&evidence, &line]].concat();
        let (code, _, err) = site.run(&args);
        assert!(code == 2 && err.contains(want), "{code} {err}");
    };
    by_hand("", "2", "`line` of relation/1: it is a line of no `evidence`");
    by_hand(&digits, "2", &format!("did you mean `{sha256}`?"));
    let custody = site.json(&["evidence", "show", &number, &sha256]).remove(0);
    let read_as = custody["custody"].as_array().unwrap().iter().filter(|act| act["reason"] == "read as csv").count();
    assert_eq!(read_as, 5);
    let wrong = |args: &[&str], want: &str| {
        let (code, _, err) = site.run(&[&["evidence", "read", &number, &sha256], args].concat());
        assert!(code == 2 && err.contains(want), "{args:?}: {code} {err}");
    };
    wrong(&["--parser", "cvs"], "there is no parser `cvs`");
    wrong(&["--parser", "csv", "--set", "header = true", "--zone", "Mars"], "is not a time zone");
    wrong(&["--parser", "ndjson"], "the parser found no events in it");
    wrong(&["--parser", "ndjson", "--clock-error", "soon"], "write a number and s, m, h or d");
}

/// INVARIANT: reading a log again goes on, until every flow of it is proposed.
#[test]
fn flows_behind_those_of_the_first_reading_are_proposed_by_the_next() {
    let site = catching("");
    let opened =
        site.incident(&["open", "A break-in", "--type", "system-compromise", "--severity", "medium", "--tlp", "amber"]);
    let number = opened[0]["incident"].as_str().unwrap().to_owned();
    let lines = (0..502).map(|at| format!("2026-11-22 08:00:00,198.51.100.9,203.0.{}.{},22\n", at / 250, at % 250 + 1));
    let log = format!("when,from,to,port\n{}", lines.collect::<String>());
    let path = site.dir.path().join("many.csv");
    std::fs::write(&path, log).unwrap();
    let why = ["--from", "Net", "--place", "host7", "--reason", "log of the break-in"];
    site.json(&[&["evidence", "add", &number, path.to_str().unwrap()], &why[..]].concat());
    let sha256 = site.json(&["evidence", "list", &number])[0]["sha256"].as_str().unwrap().to_owned();
    let columns = "columns = { when = \"time.source\", from = \"source.ip\", to = \"destination.ip\", port = \"destination.port\" }";
    let how = ["--parser", "csv", "--set", "header = true", "--set", columns];
    let read = || {
        let done = site.json(&[&["evidence", "read", &number, &sha256], &how[..]].concat()).remove(0);
        ["timeline", "proposals", "left_out"].map(|name| done[name].as_u64().unwrap())
    };
    assert_eq!([read(), read(), read()], [[502, 500, 2], [0, 2, 0], [0, 0, 0]]);
}

#[test]
fn every_value_of_an_incident_is_told_with_what_others_and_events_know_of_it() {
    let site = catching("");
    let open = |title: &str| {
        let opened = site.incident(&["open", title, "--type", "scanner", "--severity", "medium", "--tlp", "amber"]);
        opened[0]["incident"].as_str().unwrap().to_owned()
    };
    let (one, two, three) = (open("One"), open("Two"), open("Three"));
    let late = "2026-11-22T06:00:00Z";
    site.ingest("flows", &[flow("192.0.2.7", "203.0.113.1", 22, late), flow("203.0.113.2", "192.0.2.7", 22, late)]);
    site.incident(&["write", &one, "note", "text=Calls hxxp://evil[.]example/x from 192.0.2[.]7"]);
    site.incident(&["write", &one, "party", "party=Net", "status=told"]);
    site.incident(&["write", &one, "host", "host=192.0.2.7", "party=Net"]);
    site.incident(&["write", &two, "note", "text=evil.example again"]);
    site.incident(&["write", &three, "note", "text=192.0.2.7 again", "--tlp", "red", "--for-person", "anna"]);
    let rows = site.incident(&["observables", &one]);
    let row = |rows: &[Value], value: &str| rows.iter().find(|row| row["value"] == value).cloned().unwrap();
    let address = row(&rows, "192.0.2.7");
    assert_eq!(
        (&address["entries"], &address["incidents"], &address["events"]),
        (&json!(2), &json!([three]), &json!(2))
    );
    assert_eq!((&address["first_seen"], &address["is_common"]), (&json!(late), &json!(false)));
    assert_eq!(row(&rows, "evil.example")["incidents"], json!([two]));
    assert_eq!(row(&rows, "http://evil.example/x")["events"], json!(0));
    // Who may not see the other entry, nor events, learns nothing of either.
    let added = site.run(&["user", "add", "ben", "--full-name", "Ben", "--role", "auditor"]);
    assert_eq!(added.0, 0, "{}", added.2);
    for number in [&one, &two, &three] {
        site.incident(&["write", number, "role", "role=responder", "person=ben", "holds=true"]);
    }
    let rows = site.incident(&["observables", &one, "--as", "ben"]);
    let address = row(&rows, "192.0.2.7");
    assert_eq!((&address["incidents"], &address["events"]), (&json!([]), &Value::Null));
    assert_eq!(row(&rows, "evil.example")["incidents"], json!([two]));
    // A value that everybody names says little.
    for number in 0..21 {
        let title = format!("Resolver 192.0.2.7, {number}");
        open(&title);
    }
    let address = row(&site.incident(&["observables", &one]), "192.0.2.7");
    assert_eq!((address["incidents"].as_array().unwrap().len(), &address["is_common"]), (20, &json!(true)));
}
