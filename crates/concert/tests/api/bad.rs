//! Bodies that are no good, and texts that want to be more than text.

use serde_json::{Value, json};

use crate::served::Served;
use crate::work::Client;

fn site() -> Served {
    let served = Served::new();
    for name in ["anna", "ben"] {
        served.done(&["user", "add", name, "--full-name", name, "--clearance", "red", "--role", "handler"]);
    }
    served.serve()
}

/// Every kind of bad body is refused in words, by whatever takes one, and nothing is written.
#[test]
fn bodies_that_are_no_good_are_refused_in_words() {
    let served = site();
    let anna = Client::new(&served, "anna");
    let new = json!({"title": "Scans", "classification": "scanner", "severity": "medium", "marking": {"tlp": "amber"}});
    let id = anna.post("/incidents", new)["id"].as_str().unwrap().to_owned();
    let entries = format!("/api/v1/incidents/{id}/entries");
    let before = anna.get(&format!("/incidents/{id}/entries"));
    let check = |media: &str, body: &[u8], status: u16, want: &str| {
        for path in [entries.as_str(), "/api/v1/incidents"] {
            let media = if media.is_empty() { String::new() } else { format!("Content-Type: {media}\r\n") };
            let answer = served.ask("POST", path, &format!("{media}{}", anna.head()), body);
            let told = answer.json()["detail"].as_str().unwrap().to_owned();
            assert!(answer.status == status && told.contains(want), "{path}: {} {told}", answer.status);
            assert!(answer.head.contains("application/problem+json"), "{}", answer.head);
        }
    };
    let json = "application/json";
    let note = br#"{"kind": "note", "content": {"text": "x"}}"#;
    for media in
        ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/jsonp", "text/json"]
    {
        check(media, note, 415, "the body must be application/json");
    }
    let deep = [b"[".repeat(100_000), b"]".repeat(100_000)].concat();
    check(json, &deep, 400, "the body is no JSON: recursion limit exceeded");
    let deep = format!("{}1{}", r#"{"content":"#.repeat(200), "}".repeat(200));
    check(json, deep.as_bytes(), 400, "recursion limit exceeded");
    check(json, b"{\"title\": \"\xff\xfe\"}", 400, "the body is no JSON");
    check(json, b"{\"title\": \"\\ud800\"}", 400, "the body is no JSON");
    check(json, b"{\"title\": ", 400, "the body is no JSON: EOF");
    check(json, b"", 400, "the body is no JSON: EOF");
    check(json, b"\"text\"", 400, "is not a JSON object");
    check(json, b"[]", 400, "is not a JSON object");
    check(json, br#"{"entries": {}}"#, 400, "");
    let large = [&b"\""[..], &b"x".repeat(4 << 20), b"\""].concat();
    check(json, &large, 413, "a body here can have at most 4 MiB");
    let many = json!({"entries": vec![json!({"kind": "note", "content": {"text": "x"}}); 1_001]}).to_string();
    let answer = served.ask("POST", &entries, &format!("Content-Type: {json}\r\n{}", anna.head()), many.as_bytes());
    assert!(answer.status == 400 && answer.body.contains("at most 1000 entries"), "{}", answer.body);
    let prose = json!({"kind": "note", "content": {"text": "x".repeat((256 << 10) + 1)}});
    let told = anna.want("POST", &format!("/incidents/{id}/entries"), &prose, 400);
    assert_eq!(told["detail"], "`text` is longer than 256 KiB");
    assert_eq!(anna.get(&format!("/incidents/{id}/entries")), before);
    assert_eq!(anna.get("/incidents")["incidents"].as_array().unwrap().len(), 1);
}

/// A member that is not known is told with what was meant, whatever the body is for; and none is given twice.
#[test]
fn a_member_that_is_not_known_or_given_twice_is_told_everywhere() {
    let served = site();
    let anna = Client::new(&served, "anna");
    let new = json!({"title": "Scans", "classification": "scanner", "severity": "medium", "marking": {"tlp": "amber"}});
    let id = anna.post("/incidents", new)["id"].as_str().unwrap().to_owned();
    let of_evidence = format!("evidence/{}/", "0".repeat(64));
    for (path, odd, hint) in [
        ("clocks", "clokc", "did you mean `clock`?"),
        ("processes", "nmae", "did you mean `name`?"),
        ("joins", "hoined", "did you mean `joined`?"),
        ("splits", "resaon", "did you mean `reason`?"),
        ("hand-overs", "form", "did you mean `from`?"),
        ("erasures", "entyr", "did you mean `entry`?"),
        ("bags", "because", "known are: party, reason"),
        ("markings", "markign", "did you mean `marking`?"),
        (&format!("{of_evidence}lines"), "parsr", "did you mean `parser`?"),
        (&format!("{of_evidence}custody"), "atc", "did you mean `act`?"),
        (&format!("{of_evidence}releases"), "patry", "did you mean `party`?"),
        ("messages", "patry", "did you mean `party`?"),
        ("tellings", "sned", "did you mean `send`?"),
        ("entries", "entires", "did you mean `entries`?"),
    ] {
        let told = anna.want("POST", &format!("/incidents/{id}/{path}"), &json!({odd: 1}), 400);
        let what = told["detail"].as_str().unwrap();
        assert!(what.starts_with(&format!("`{odd}` does not belong into ")), "{path}: {told}");
        assert_eq!(told["hint"], hint, "{path}");
        let twice = format!("{{\"{odd}\": 1, \"x\": {{}}, \"{odd}\": 2}}");
        let head = format!("Content-Type: application/json\r\n{}", anna.head());
        let answer = served.ask("POST", &format!("/api/v1/incidents/{id}/{path}"), &head, twice.as_bytes());
        let told = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(
            answer.status == 400 && told.starts_with(&format!("the body: `{odd}` is given twice at line 1")),
            "{told}"
        );
    }
}

/// What people and files bring stays text wherever it goes: markup, formulas, paths, marks of writing direction.
#[test]
fn texts_that_want_to_be_more_are_text() {
    let served = site();
    let (anna, ben) = (Client::new(&served, "anna"), Client::new(&served, "ben"));
    let new = json!({"title": "=cmd|'/C calc'!A0", "classification": "scanner", "severity": "medium", "marking": {"tlp": "amber"}});
    let opened = anna.post("/incidents", new);
    let (id, number) = (opened["id"].as_str().unwrap(), opened["number"].as_str().unwrap());
    let at = |path: &str| format!("/incidents/{id}{path}");
    // Markup in a note comes back as it was, as JSON that no browser takes for a page.
    let html = "<script>alert(1)</script><img src=x onerror=alert(1)>";
    anna.post(&at("/entries"), json!({"kind": "note", "content": {"text": html}}));
    let answer = anna.ask("GET", &at("/entries"), &Value::Null);
    assert!(
        answer.head.contains("content-type: application/json") && answer.head.contains("nosniff"),
        "{}",
        answer.head
    );
    assert_eq!(answer.json()["entries"].as_array().unwrap().last().unwrap()["content"]["text"], html);
    // A cell never begins a formula, whatever a spreadsheet makes of it.
    let csv = served.done(&["incident", "list", "--format", "csv"]);
    assert!(csv.contains("'=cmd") && !csv.contains(",=cmd") && !csv.contains("\"=cmd"), "{csv}");
    // What a terminal would run is not printed as it is.
    anna.post(&at("/entries"), json!({"kind": "note", "content": {"text": "\u{1b}[2J\u{1b}]0;owned\u{7}"}}));
    for format in ["table", "csv", "json", "ndjson"] {
        let printed = served.done(&["incident", "log", number, "--format", format]);
        assert!(!printed.contains('\u{1b}') && !printed.contains('\u{7}'), "{format}: {printed:?}");
    }
    // A name of a file stays a name.
    let names =
        [("../../etc/passwd", "passwd"), ("/abs/x.log", "x.log"), ("..", "unnamed"), ("a/b/=1+1.csv", "=1+1.csv")];
    for (given, _) in names {
        let media = "Content-Type: application/octet-stream\r\n";
        let head = format!("{media}Content-Disposition: attachment; filename=\"{given}\"\r\n{}", anna.head());
        let path = format!("/api/v1/incidents/{id}/evidence?place=x&reason=x");
        let answer = served.ask("POST", &path, &head, given.as_bytes());
        assert_eq!(answer.status, 201, "{}", answer.body);
    }
    let rows = anna.get(&at("/evidence"))["evidence"].clone();
    let mut kept: Vec<&str> = rows.as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap()).collect();
    let mut want: Vec<&str> = names.iter().map(|(_, kept)| *kept).collect();
    kept.sort_unstable();
    want.sort_unstable();
    assert_eq!(kept, want);
    let csv = served.done(&["evidence", "list", number, "--format", "csv"]);
    assert!(csv.contains("\"'=1+1.csv\"") && !csv.contains(",=1"), "{csv}");
    // Whoever may not mark less strictly does not, in whatever form it is asked for.
    let lower = json!({"tlp": "clear"});
    for (path, body) in [
        ("/markings", json!({"marking": lower, "reason": "x"})),
        ("/entries", json!({"kind": "marking", "content": {"marking": lower, "reason": "x"}})),
        ("/entries", json!({"kind": "marking", "content": {"marking": "TLP:CLEAR", "reason": "x"}})),
        (
            "/entries",
            json!({"kind": "marking", "content": {"marking": {"tlp": "amber", "parties": ["Net"]}, "reason": "x"}}),
        ),
    ] {
        let told = ben.want("POST", &at(path), &body, 403);
        assert_eq!(told["policy"], "role", "{told}");
    }
    assert_eq!(anna.get(&at(""))["marking"]["tlp"], "amber");
    let hidden =
        json!({"kind": "note", "content": {"text": "x"}, "marking": {"tlp": "red", "persons": ["be\u{202e}n"]}});
    assert!(anna.want("POST", &at("/entries"), &hidden, 400)["detail"].as_str().unwrap().contains("writing direction"));
}

/// A label is not taken where it would not hold, nor an entry that says nothing.
#[test]
fn what_says_nothing_or_is_marked_in_vain_is_refused() {
    let served = site();
    let anna = Client::new(&served, "anna");
    let new = json!({"title": "Scans", "classification": "scanner", "severity": "medium", "marking": {"tlp": "amber"}});
    let id = anna.post("/incidents", new)["id"].as_str().unwrap().to_owned();
    let entries = format!("/incidents/{id}/entries");
    let refused = |kind: &str, content: Value, marking: Value, want: &str| {
        let mut entry = json!({"kind": kind, "content": content});
        if !marking.is_null() {
            entry["marking"] = marking;
        }
        let told = anna.want("POST", &entries, &entry, 400)["detail"].as_str().unwrap().to_owned();
        assert!(told.contains(want), "{kind}: {told}");
    };
    let red = json!({"tlp": "red", "persons": ["anna"]});
    let status = json!({"status": "waiting", "reason": "the source is Mallory"});
    let fields = [
        ("status", status.clone()),
        ("title", json!({"title": "Of Mallory"})),
        ("severity", json!({"severity": "high"})),
        ("classification", json!({"classification": "phishing"})),
        ("role", json!({"role": "investigator", "person": "ben", "holds": true})),
    ];
    for (kind, content) in fields {
        refused(kind, content, red.clone(), "fields of an incident are for everybody who sees it");
    }
    // As the incident is marked is how they are.
    anna.post(&entries, json!({"kind": "status", "content": status, "marking": {"tlp": "amber"}}));
    for (kind, content, want) in [
        ("note", json!({"text": " "}), "`text` is empty"),
        ("finding", json!({"name": "", "statement": "x", "standing": "hypothesis"}), "`name` is empty"),
        ("finding", json!({"name": "x", "statement": "", "standing": "hypothesis"}), "`statement` is empty"),
        ("task", json!({"name": "", "title": "x"}), "`name` is empty"),
        ("task", json!({"name": "x", "title": ""}), "`title` is empty"),
        ("decision", json!({"text": "", "reason": "x"}), "`text` is empty"),
        ("lesson", json!({"text": ""}), "`text` is empty"),
        ("effort", json!({"minutes": 0, "person": "anna", "work": "x"}), "`minutes` is 0"),
    ] {
        refused(kind, content, Value::Null, want);
    }
}

/// What more may read than the incident is let out by those roles that let things out, and by nobody else.
#[test]
fn an_entry_that_is_more_open_than_its_incident_is_released_by_who_may() {
    let served = site();
    let (anna, ben) = (Client::new(&served, "anna"), Client::new(&served, "ben"));
    let new = json!({"title": "Scans", "classification": "scanner", "severity": "medium", "marking": {"tlp": "amber"}});
    let id = anna.post("/incidents", new)["id"].as_str().unwrap().to_owned();
    let entries = format!("/incidents/{id}/entries");
    anna.post(&entries, json!({"kind": "party", "content": {"party": "Grid", "status": "unknown"}}));
    let role = json!({"role": "investigator", "person": "ben", "holds": true});
    anna.post(&entries, json!({"kind": "role", "content": role}));
    let note = |marking: Value| json!({"kind": "note", "content": {"text": "x"}, "marking": marking});
    for marking in [json!({"tlp": "green"}), json!({"tlp": "clear"}), json!({"tlp": "amber", "parties": ["Grid"]})] {
        let told = ben.want("POST", &entries, &note(marking.clone()), 403);
        assert!(told["detail"].as_str().unwrap().contains("no role of ben"), "{told}");
        anna.post(&entries, note(marking));
    }
    for marking in [json!({"tlp": "amber"}), json!({"tlp": "amber+strict"}), json!({"tlp": "red", "persons": ["ben"]})]
    {
        ben.post(&entries, note(marking));
    }
}

/// A label is taken as people write it wherever one is given, as the description of the API says; numbers are numbers.
#[test]
fn labels_are_taken_as_people_write_them_and_numbers_are_no_texts() {
    let served = site();
    let anna = Client::new(&served, "anna");
    let new = json!({"title": "Scans", "classification": "scanner", "severity": "medium"});
    let opening = |marking: Value, minutes: Value| {
        let mut new = new.clone();
        new["marking"] = marking;
        new["minutes"] = minutes;
        new
    };
    for label in ["TLP:AMBER", "tlp:amber", "Amber", "amber"] {
        for marking in [json!(label), json!({ "tlp": label })] {
            let id = anna.post("/incidents", opening(marking.clone(), json!(5)))["id"].as_str().unwrap().to_owned();
            let read = anna.get(&format!("/incidents/{id}"))["marking"].clone();
            assert_eq!(read["tlp"], "amber", "{marking}");
            let mark = json!({"marking": {"tlp": label.to_lowercase().replace("amber", "GREEN")}, "reason": "x"});
            anna.want("POST", &format!("/incidents/{id}/markings"), &mark, 201);
            let note = json!({"kind": "note", "content": {"text": "x"}, "marking": marking});
            anna.post(&format!("/incidents/{id}/entries"), note);
        }
    }
    for odd in [json!("5"), json!(5.5), json!(true), json!([5])] {
        let told = anna.want("POST", "/incidents", &opening(json!("amber"), odd.clone()), 400);
        assert!(told["detail"].as_str().unwrap().contains("`minutes`"), "{odd}: {told}");
    }
    for odd in [json!("TLP:UMBER"), json!({"tlp": 5}), json!(5), json!(["amber"]), json!({"tlp": ["amber"]})] {
        let told = anna.want("POST", "/incidents", &opening(odd.clone(), Value::Null), 400);
        assert!(told["detail"].as_str().unwrap().contains("`marking`"), "{odd}: {told}");
    }
}
