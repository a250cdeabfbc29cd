//! What the API does besides reading and writing entries, as a program with a token does it.

use std::process::Command;

use serde_json::{Value, json};

use crate::served::{Answer, Served};

const JSON: &str = "Content-Type: application/json\r\n";
const BYTES: &str = "Content-Type: application/octet-stream\r\n";

/// A person who asks.
pub(crate) struct Client<'s> {
    served: &'s Served,
    head: String,
}

impl<'s> Client<'s> {
    pub(crate) fn new(served: &'s Served, user: &str) -> Self {
        Self::with(served, user, "admin")
    }

    /// With a token that has these scopes and no others.
    pub(crate) fn with(served: &'s Served, user: &str, scopes: &str) -> Self {
        Self { served, head: format!("Authorization: Bearer {}\r\n", served.token(user, scopes)) }
    }

    /// The header that says who asks.
    pub(crate) fn head(&self) -> &str {
        &self.head
    }

    pub(crate) fn ask(&self, method: &str, path: &str, body: &Value) -> Answer {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.served.ask(method, &format!("/api/v1{path}"), &format!("{JSON}{}", self.head), body.as_bytes())
    }

    /// An answer that must have this status, as JSON where it is that.
    pub(crate) fn want(&self, method: &str, path: &str, body: &Value, status: u16) -> Value {
        let answer = self.ask(method, path, body);
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.body);
        serde_json::from_str(&answer.body).unwrap_or_default()
    }

    pub(crate) fn get(&self, path: &str) -> Value {
        self.want("GET", path, &Value::Null, 200)
    }

    pub(crate) fn post(&self, path: &str, body: Value) -> Value {
        self.want("POST", path, &body, 201)
    }
}

fn site() -> Served {
    with_users().serve()
}

fn with_users() -> Served {
    let served = Served::new();
    for (name, roles) in [("anna", &["handler"][..]), ("ben", &["handler"]), ("root", &["administrator", "auditor"])] {
        let roles: Vec<&str> = roles.iter().flat_map(|role| ["--role", role]).collect();
        served.done(&[&["user", "add", name, "--full-name", name, "--clearance", "red"], &roles[..]].concat());
    }
    served
}

pub(crate) fn open(client: &Client<'_>) -> String {
    let new = json!({"title": "Scans", "classification": "scanner", "severity": "medium", "marking": {"tlp": "amber"}});
    client.post("/incidents", new)["id"].as_str().unwrap().to_owned()
}

#[test]
fn what_somebody_answers_for_goes_to_another_in_one_step() {
    let served = site();
    served.done(&["user", "add", "low", "--full-name", "Low", "--role", "reader", "--clearance", "green"]);
    let (anna, ben) = (Client::new(&served, "anna"), Client::new(&served, "ben"));
    let id = open(&anna);
    let (entries, hand_over) = (format!("/incidents/{id}/entries"), format!("/incidents/{id}/hand-overs"));
    let role = |role: &str| json!({"kind": "role", "content": {"role": role, "person": "anna", "holds": true}});
    anna.post(&entries, role("investigator"));
    anna.post(&entries, role("legal-and-privacy"));
    let task = |name: &str, done: bool, tlp: &str| {
        json!({"kind": "task", "content": {"name": name, "title": format!("do {name}"), "person": "anna", "done": done},
            "marking": {"tlp": tlp, "persons": if tlp == "red" { vec!["anna"] } else { vec![] }}})
    };
    for (name, done, tlp) in
        [("call", false, "green"), ("write", false, "amber"), ("write", true, "amber"), ("think", false, "red")]
    {
        anna.post(&entries, task(name, done, tlp));
    }
    let held = |person: &str| -> Vec<String> {
        let roles = anna.get(&format!("/incidents/{id}"))["roles"].clone();
        let all = roles.as_object().unwrap().iter();
        let of = |holders: &Value| holders.as_array().unwrap().iter().any(|holder| holder == person);
        all.filter(|(_, holders)| of(holders)).map(|(role, _)| role.clone()).collect()
    };
    let refused = |client: &Client<'_>, body: Value, status: u16| {
        client.want("POST", &hand_over, &body, status)["detail"].as_str().unwrap_or_default().to_owned()
    };
    // Who leads it hands over, and to whom sees it all.
    assert!(refused(&ben, json!({"from": "anna", "to": "ben"}), 403).contains("no role of ben"));
    assert!(refused(&anna, json!({"to": "nobody-here"}), 404).contains("there is no user"));
    assert!(refused(&anna, json!({"to": "low"}), 400).contains("clearance"));
    assert!(refused(&anna, json!({"from": "ben", "to": "anna"}), 400).contains("ben answers for nothing"));
    assert!(refused(&anna, json!({"to": "ben", "open_tasks": true}), 400).contains("the task `think`"));
    anna.post(&entries, task("think", true, "red"));
    let preview = anna.want("POST", &hand_over, &json!({"to": "ben", "open_tasks": true, "preview": true}), 200);
    let moves: Vec<&str> =
        preview["moves"].as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap()).collect();
    assert_eq!(moves, ["investigator", "legal-and-privacy", "coordinator", "call"]);
    assert_eq!(held("anna").len(), 3, "a preview changes nothing");
    let shown =
        served.rows(&["incident", "hand-over", &id, "--from", "anna", "--to", "ben", "--open-tasks", "--preview"]);
    assert_eq!(shown.iter().map(|row| row["name"].as_str().unwrap()).collect::<Vec<_>>(), moves);
    let keyed = format!("{JSON}{}Idempotency-Key: h1\r\n", anna.head);
    let body = json!({"to": "ben", "open_tasks": true}).to_string();
    let done = [(); 2].map(|()| served.ask("POST", &format!("/api/v1{hand_over}"), &keyed, body.as_bytes()));
    assert_eq!((done[0].status, done[1].status, &done[0].body), (201, 201, &done[1].body));
    assert_eq!(done[0].json()["entries"].as_array().unwrap().len(), 7);
    assert_eq!((held("anna"), held("ben").len()), (Vec::<String>::new(), 3));
    let tasks = ben.get(&format!("/incidents/{id}/lists/tasks"));
    let call = tasks["rows"].as_array().unwrap().iter().find(|task| task["name"] == "call").unwrap().clone();
    assert_eq!(call["person"], "ben", "{call}");
    let log = ben.get(&entries);
    let last = log["entries"].as_array().unwrap().iter().rfind(|entry| entry["kind"] == "task/1").unwrap().clone();
    assert_eq!(last["marking"]["tlp"], "green", "it stays marked as it was");
    served.done(&["incident", "hand-over", &id, "--as", "ben", "--to", "anna", "--role", "coordinator"]);
    assert_eq!((held("anna"), held("ben").len()), (vec!["coordinator".to_owned()], 2));
    assert!(served.fails(&["incident", "hand-over", &id, "--to", "anna"]).contains("--from"));
    assert!(served.fails(&["incident", "hand-over", &id, "--as", "ben", "--to", "anna"]).contains("no role of ben"));
}

#[test]
fn evidence_is_for_whom_it_says() {
    let served = site();
    served.done(&["user", "add", "carl", "--full-name", "Carl", "--role", "reader", "--clearance", "red"]);
    let (anna, ben) = (Client::new(&served, "anna"), Client::new(&served, "ben"));
    let id = open(&anna);
    let party = json!({"kind": "party", "content": {"party": "Net, A", "status": "told"}});
    anna.post(&format!("/incidents/{id}/entries"), party);
    let to = format!("/api/v1/incidents/{id}/evidence");
    let named = format!("{BYTES}{}Content-Disposition: attachment; filename=\"sshd.log\"\r\n", anna.head);
    let of = |sha256: &str, rest: &str| format!("/incidents/{id}/evidence/{sha256}{rest}");
    for (name, want) in [("for_person=crl", "did you mean `carl`?"), ("for_party=Net+A", "did you mean `Net, A`?")] {
        let told = served.ask("POST", &format!("{to}?tlp=red&{name}"), &named, b"x");
        assert!(told.status == 404 && told.json()["hint"] == want, "{}", told.body);
    }
    let marked = "?tlp=red&for_person=anna&for_person=carl&for_party=Net%2C+A&compartment=legal";
    let own = served.ask("POST", &format!("{to}{marked}"), &named, b"for anna alone");
    assert_eq!(own.status, 201, "{}", own.body);
    let own = own.json()["sha256"].as_str().unwrap().to_owned();
    assert_eq!(
        anna.get(&of(&own, "/custody"))["marking"],
        json!({"tlp": "red", "persons": ["anna", "carl"], "parties": ["Net, A"], "compartment": "legal"})
    );
    ben.want("GET", &of(&own, "/custody"), &Value::Null, 404);
    let bare = served.ask("POST", &format!("{to}?for_person=anna"), &named, b"x");
    assert!(bare.status == 400 && bare.body.contains("`tlp`"), "{}", bare.body);
    let derived = format!("{to}/{own}/derived?reason=x&tlp=amber&for_party=Net%2C+A");
    let derived = served.ask("POST", &derived, &named, b"for Net A").json()["sha256"].as_str().unwrap().to_owned();
    assert_eq!(ben.get(&of(&derived, "/custody"))["marking"], json!({"tlp": "amber", "parties": ["Net, A"]}));
}

#[test]
fn evidence_is_derived_handled_and_released_by_two_persons() {
    let served = site();
    let (anna, ben) = (Client::new(&served, "anna"), Client::new(&served, "ben"));
    let id = open(&anna);
    anna.post(
        &format!("/incidents/{id}/entries"),
        json!({"kind": "role", "content": {"role": "site-lead", "person": "ben", "holds": true}}),
    );
    let to = format!("/api/v1/incidents/{id}/evidence");
    let named = format!("{BYTES}{}Content-Disposition: attachment; filename=\"sshd.log\"\r\n", anna.head);
    let added = served.ask("POST", &format!("{to}?reason=asked"), &named, b"abc");
    assert_eq!(added.status, 201, "{}", added.body);
    let derived = served.ask("POST", &format!("{to}/ba7816bf/derived?reason=names+removed"), &named, b"ab");
    assert_eq!(derived.status, 201, "{}", derived.body);
    let of = |sha256: &str, rest: &str| format!("/incidents/{id}/evidence/{sha256}{rest}");
    assert_eq!(served.ask("POST", &format!("{to}/ba7816bf/derived"), &named, b"a").status, 400);

    anna.post(&of("ba7816bf", "/custody"), json!({"act": "moved", "place": "safe 4", "reason": "out of the office"}));
    anna.want("POST", &of("ba7816bf", "/custody"), &json!({"act": "moved", "reason": " "}), 400);
    anna.want("POST", &of("ba7816bf", "/custody"), &json!({"act": "burnt", "reason": "x"}), 400);
    anna.want("POST", &of("00000000", "/custody"), &json!({"act": "moved", "place": "safe", "reason": "x"}), 404);
    let shown = anna.get(&of("ba7816bf", "/custody"));
    let acts: Vec<&str> = shown["custody"].as_array().unwrap().iter().map(|one| one["act"].as_str().unwrap()).collect();
    assert_eq!(acts, ["collected", "examined", "moved"]);
    let listed = anna.get(&format!("/incidents/{id}/evidence?limit=1"));
    assert_eq!(listed["evidence"].as_array().unwrap().len(), 1);
    let rest = anna.get(&format!("/incidents/{id}/evidence?cursor={}", listed["next"].as_str().unwrap()));
    assert_eq!((rest["evidence"].as_array().unwrap().len(), &rest["next"]), (1, &Value::Null));

    let release = json!({"party": "Police", "reason": "order 12/26"});
    let told = anna.want("POST", &of("ba7816bf", "/releases"), &release, 404);
    assert_eq!(told["detail"], "`party` of release/1: there is no party `Police`", "{told}");
    let party = json!({"kind": "party", "content": {"party": "Police", "status": "told"}});
    anna.post(&format!("/incidents/{id}/entries"), party);
    let bag = |party: Value| anna.ask("POST", &format!("/incidents/{id}/bags"), &party);
    assert_eq!(anna.post(&of("ba7816bf", "/releases"), release.clone())["released"], false);
    anna.want("POST", &of("ba7816bf", "/releases"), &release, 400);
    assert_eq!(bag(json!({"party": "Police"})).status, 400, "one person is not enough");
    assert_eq!(ben.post(&of("ba7816bf", "/releases"), release)["released"], true);

    // The bag is one that others verify, and holds what was released and nothing else.
    let archive = served.bytes(
        "POST",
        &format!("/api/v1/incidents/{id}/bags"),
        &format!("{JSON}{}", anna.head),
        br#"{"party": "Police"}"#,
    );
    let dir = tempfile::tempdir().unwrap();
    tar::Archive::new(&archive[..]).unpack(dir.path()).unwrap();
    let bag = dir.path().join(format!("bag-{id}"));
    let mut names: Vec<String> = std::fs::read_dir(bag.join("data/evidence"))
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["0001-sshd.log"]);
    if let Ok(validated) = Command::new("bagit.py").args(["--validate"]).arg(&bag).output() {
        assert!(validated.status.success(), "{}", String::from_utf8_lossy(&validated.stderr));
    }
    let acts = anna.get(&of("ba7816bf", "/custody"))["custody"].as_array().unwrap().len();
    assert_eq!(acts, 4, "that it was copied is in its custody");
    anna.post(&of("ba7816bf", "/custody"), json!({"act": "destroyed", "reason": "returned"}));
    assert_eq!(anna.get(&of("ba7816bf", "/custody"))["destroyed"], true);
    for rest in ["", "/verification"] {
        assert_eq!(anna.want("GET", &of("ba7816bf", rest), &Value::Null, 410)["detail"], "it was destroyed");
    }
    served.done(&["verify"]);
}

#[test]
fn processes_clocks_and_cost_are_worked_with() {
    let served = site();
    let anna = Client::new(&served, "anna");
    let id = open(&anna);
    let at = |rest: &str| format!("/incidents/{id}{rest}");
    let processes = anna.get("/processes?limit=2");
    assert_eq!((processes["processes"].as_array().unwrap().len(), &processes["next"]), (2, &json!("2")));
    let phishing = anna.get("/processes/phishing");
    assert!(phishing["cacao"]["type"] == "playbook" && phishing["svg"].as_str().unwrap().starts_with("<svg"));
    let definition = &phishing["definition"];
    let check = |text: Value| anna.want("POST", "/processes/check", &json!({"definition": text}), 200);
    assert_eq!(check(definition.clone())["mistakes"], json!([]));
    let broken = definition.as_str().unwrap().replacen("version", "versoin", 1);
    assert!(check(json!(broken)).to_string().contains("did you mean `version`?"));

    let mistyped = anna.want("POST", &at("/processes"), &json!({"name": "pishing"}), 404);
    assert_eq!(mistyped["hint"], "did you mean `phishing`?");
    let letter = json!({"party": "Nobody", "subject": "s", "text": "t", "preview": true});
    let unknown = anna.want("POST", &at("/messages"), &letter, 404);
    assert_eq!(unknown["hint"], "no party takes part yet; one is written as `party` first");
    anna.post(&at("/processes"), json!({"name": "infected-host"}));
    let steps = |query: &str| anna.get(&at(&format!("/processes{query}")))["steps"].as_array().unwrap().clone();
    let (ready, waiting) = (steps("?state=ready"), steps("?state=waiting"));
    assert_eq!(ready.len(), 1, "{ready:?}");
    assert!(ready[0]["due"].is_string() && !waiting.is_empty() && steps("").len() == 1 + waiting.len());
    anna.want("GET", &at("/processes?state=redy"), &Value::Null, 400);
    let step = |more: Value| {
        let mut step = json!({"run": "infected-host", "step": ready[0]["step"], "deed": "done"});
        step.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"kind": "step", "content": step})
    };
    // What is lacking is told with the entries that bring it.
    let lacking = anna.want("POST", &at("/entries"), &step(json!({})), 400);
    assert!(lacking["hint"].as_str().unwrap().contains("entries `event` and `notice`"), "{lacking}");
    anna.post(&at("/entries"), step(json!({"reason": "by telephone"})));
    assert_eq!(steps("?state=done").len(), 1);

    let laws = anna.get("/clocks")["clocks"].as_array().unwrap().clone();
    assert!(laws.iter().any(|law| law["name"] == "nis2-early-warning" && law["within"] == 24));
    anna.want("POST", &at("/clocks"), &json!({"clock": "nis2-erly-warning"}), 400);
    anna.want("POST", &at("/clocks"), &json!({"clock": "nis2-early-warning", "since": "2020-01-01T00:00:00Z"}), 400);
    anna.post(&at("/clocks"), json!({"clock": "nis2-early-warning", "since": "2026-11-22T04:50:30Z"}));
    let due = anna.get("/due?kind=clock&within=24h");
    assert_eq!((&due["due"][0]["due"], &due["due"][0]["id"]), (&json!("2026-11-23T04:50:30Z"), &json!(id)));
    assert_eq!(anna.get("/due?kind=task")["due"], json!([]));
    anna.want("GET", "/due?within=soon", &Value::Null, 400);
    // Whatever they are called, each comes once, though one that came before is done meanwhile.
    let names = ["a", "b", "c", "d"].map(|last| format!("{}{last}", "\u{436}".repeat(60)));
    let task = |name: &str, done: bool| json!({"kind": "task", "content": {"name": name, "title": name, "due": "2026-11-24T04:50:30Z", "done": done}});
    names.iter().for_each(|name| drop(anna.post(&at("/entries"), task(name, false))));
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    for _ in 0..names.len() {
        let page = anna.get(&format!("/due?kind=task&limit=1{cursor}"));
        let name = page["due"][0]["name"].as_str().unwrap().to_owned();
        anna.post(&at("/entries"), task(&name, true));
        seen.push(name);
        cursor = page["next"].as_str().map(|next| format!("&cursor={next}")).unwrap_or_default();
    }
    seen.sort();
    assert_eq!((seen.as_slice(), cursor.as_str()), (names.as_slice(), ""));

    let effort = json!({"kind": "effort", "content": {"minutes": 90, "person": "anna", "work": "analysis"}});
    anna.post(&at("/entries"), effort);
    // Of several entries each has its own.
    let note = |minutes: Value| json!({"kind": "note", "content": {"text": "x"}, "minutes": minutes});
    let both = anna.post(&at("/entries"), json!({"entries": [note(json!(4)), note(Value::Null), note(json!(6))]}));
    let kinds: Vec<&Value> = both["entries"].as_array().unwrap().iter().map(|entry| &entry["kind"]).collect();
    assert_eq!(json!(kinds), json!(["note/1", "effort/1", "note/1", "note/1", "effort/1"]));
    let place = |entry: &Value| format!("{}:{}", entry["site"].as_str().unwrap(), entry["sequence"]);
    assert_eq!(both["entries"][1]["content"]["entry"], place(&both["entries"][0]));
    anna.want("POST", &at("/entries"), &note(json!(0)), 400);
    let cost = anna.get("/cost?by=person");
    assert_eq!((&cost["rows"][0]["name"], &cost["total"]["minutes"]), (&json!("anna"), &json!(100)));
    assert_eq!(cost["minutes_without_rate"], 100);
    assert_eq!(anna.get("/cost?until=2020-01-01T00:00:00Z")["rows"], json!([]));
    anna.want("GET", "/cost?by=colour", &Value::Null, 400);
}

#[test]
fn entries_are_asked_for_by_kind_author_and_time() {
    let served = site();
    let (anna, ben) = (Client::new(&served, "anna"), Client::new(&served, "ben"));
    let id = open(&anna);
    let at = |rest: &str| format!("/incidents/{id}/entries{rest}");
    let note = |text: &str| json!({"kind": "note", "content": {"text": text}});
    for text in ["one", "two"] {
        anna.post(&at(""), note(text));
    }
    ben.post(&at(""), note("three"));
    let secret = json!({"kind": "note", "content": {"text": "four"}, "marking": {"tlp": "red", "persons": ["anna"]}});
    anna.post(&at(""), secret);
    ben.post(&at(""), json!({"kind": "lesson", "content": {"text": "five"}}));
    let texts = |client: &Client, query: &str| {
        let page = client.get(&at(query));
        let text = |entry: &Value| entry["content"]["text"].as_str().unwrap_or_default().to_owned();
        (page["entries"].as_array().unwrap().iter().map(text).collect::<Vec<_>>(), page["next"].clone())
    };
    assert_eq!(texts(&anna, "?kind=note").0, ["one", "two", "three", "four"]);
    assert_eq!(texts(&ben, "?kind=note").0, ["one", "two", "three"]);
    assert_eq!(texts(&anna, "?kind=note%2F1,lesson&author=ben").0, ["three", "five"]);
    let (first, next) = texts(&anna, "?kind=note&author=anna&limit=2");
    assert_eq!((first, next.is_string()), (vec!["one".to_owned(), "two".to_owned()], true));
    let rest = texts(&anna, &format!("?kind=note&author=anna&limit=2&cursor={}", next.as_str().unwrap()));
    assert_eq!(rest, (vec!["four".to_owned()], Value::Null));
    // Nothing tells ben that there is one more.
    assert_eq!(texts(&ben, "?kind=note&author=anna&limit=2").1, Value::Null);
    let second = anna.get(&at("?kind=note&limit=2"))["entries"][1]["time"].as_str().unwrap().to_owned();
    let from_there = |word: &str| texts(&anna, &format!("?kind=note&{word}={second}")).0;
    assert!(from_there("since").contains(&"three".to_owned()) && !from_there("until").contains(&"three".to_owned()));
    let wrong = |query: &str, want: &str| {
        let told = anna.want("GET", &at(query), &Value::Null, 400).to_string();
        assert!(told.contains(want), "{told}");
    };
    wrong("?kind=notte", "did you mean `note`?");
    wrong("?since=yesterday", "or how long ago: 24h, 7d");
    assert_eq!(texts(&anna, "?kind=note&since=2d").0.len(), 4);
    assert_eq!(texts(&anna, "?kind=note&until=2d").0.len(), 0);
    wrong("?autor=ben", "did you mean `author`?");
    let cli = |args: &[&str]| served.rows(&[&["incident", "log", &id], args].concat()).len();
    assert_eq!((cli(&["--kind", "note"]), cli(&["--kind", "note", "--as", "ben"])), (4, 3));
    assert_eq!((cli(&["--author", "ben"]), cli(&["--since", "1h", "--kind", "lesson"])), (2, 1));
    assert_eq!(cli(&["--until", "1h"]), 0);
}

/// Reads of what is marked are in the log: of an incident, of all of them at once, of events, and of notices.
#[test]
fn reads_of_what_is_marked_are_in_the_audit_log_once_in_a_while() {
    let served = with_users();
    let events = "{\"source.ip\":\"192.0.2.91\",\"classification.type\":\"scanner\",\"tlp\":\"green\"}\n";
    served.file("parties.csv", "party,prefixes,mail\nGrid,192.0.2.0/25,abuse@grid.example\n");
    served.done(&["contact", "import", "constituents", "parties.csv"]);
    served.done(&["ingest", "--feed", "pushed", &served.file("report.ndjson", events)]);
    let served = served.serve();
    let anna = Client::new(&served, "anna");
    let notice = served.rows(&["notice", "list", "--name", "daily"])[0]["id"].as_str().unwrap().to_owned();
    let clear = json!({"title": "x", "classification": "scanner", "severity": "low", "marking": {"tlp": "clear"}});
    let amber = json!({"title": "x", "classification": "scanner", "severity": "low", "marking": {"tlp": "amber"}});
    let [clear, amber] = [clear, amber].map(|new| anna.post("/incidents", new));
    let reads = |who: &str| {
        let rows = served.rows(&["audit", "--who", who, "--limit", "0"]);
        let is_read = |row: &&Value| row["action"].as_str().unwrap().starts_with("see");
        let text = |row: &Value| format!("{}: {}", row["object"].as_str().unwrap(), row["reason"].as_str().unwrap());
        let mut all: Vec<String> = rows.iter().filter(is_read).map(text).collect();
        all.sort();
        all
    };
    let ben = Client::new(&served, "ben");
    let number = |opened: &Value| opened["number"].as_str().unwrap().to_owned();
    for _ in 0..3 {
        for incident in [&clear, &amber] {
            ben.get(&format!("/incidents/{}", incident["id"].as_str().unwrap()));
            ben.get(&format!("/incidents/{}/entries", incident["id"].as_str().unwrap()));
        }
        ben.get("/incidents");
        ben.get("/due");
        ben.get("/events");
        ben.get("/notices");
        ben.get(&format!("/notices/{notice}"));
    }
    let up_to = |object: &str, label: &str| format!("{object}: read what is marked up to TLP:{label}");
    let feed = up_to("events of feed pushed", "green");
    let told = up_to(&format!("notice {notice}"), "green");
    let all = up_to("incidents", "amber");
    let want = [feed.clone(), up_to(&format!("incident {}", number(&amber)), "amber"), all, told.clone()];
    assert_eq!(reads("ben"), want);
    served.rows(&["events", "--as", "anna"]);
    served.rows(&["events", "--count-by", "source.ip", "--as", "anna", "--since", "2020-01-01"]);
    served.rows(&["events", "source.asn == 1", "--as", "anna"]);
    served.rows(&["notice", "list", "--as", "anna"]);
    assert!(!reads("anna").contains(&told), "a list does not say what notices say");
    served.rows(&["notice", "show", &notice, "--as", "anna"]);
    served.done(&["notice", "show", &notice, "--raw", "--as", "anna"]);
    served.rows(&["notice", "show", &notice]);
    // Each command is a process of its own and looks at what others wrote down.
    let count = |want: &String| reads("anna").iter().filter(|row| *row == want).count();
    assert_eq!((count(&feed), count(&told)), (1, 1));
}

/// Whoever is kept from users and from the log is in the log, over the API as by commands, once in a while.
#[test]
fn who_is_kept_from_users_and_from_the_log_is_in_the_log() {
    let served = with_users().serve();
    let (anna, ben) = (Client::new(&served, "anna"), Client::new(&served, "ben"));
    let denied = |who: &str| {
        let rows = served.rows(&["audit", "--denied", "--who", who]);
        let text = |row: &Value| format!("{} {}", row["action"].as_str().unwrap(), row["object"].as_str().unwrap());
        let mut all: Vec<String> = rows.iter().map(text).collect();
        all.sort();
        all
    };
    for _ in 0..2 {
        anna.want("GET", "/users", &Value::Null, 403);
        anna.want("GET", "/users/root", &Value::Null, 403);
        anna.want("GET", "/tokens", &Value::Null, 403);
        anna.want("GET", "/audit", &Value::Null, 403);
        served.fails(&["user", "list", "--as", "anna"]);
        served.fails(&["audit", "--as", "anna"]);
        served.fails(&["audit", "--as", "ben"]);
    }
    ben.want("GET", "/users", &Value::Null, 403);
    assert_eq!(denied("anna"), ["manage users users", "read log audit log"]);
    assert_eq!(denied("ben"), ["manage users users", "read log audit log"]);
}

/// Who observes or coordinates an incident reads its part of the log; the rest is for auditors.
#[test]
fn who_observes_an_incident_reads_its_part_of_the_log() {
    let served = with_users();
    served.done(&["user", "add", "olga", "--full-name", "Olga", "--clearance", "green", "--role", "reader:nobody"]);
    let served = served.serve();
    let (anna, ben) = (Client::new(&served, "anna"), Client::new(&served, "ben"));
    let (olga, root) = (Client::new(&served, "olga"), Client::new(&served, "root"));
    let [id, other] = ["Seen", "Other"].map(|title| {
        let new =
            json!({"title": title, "classification": "scanner", "severity": "medium", "marking": {"tlp": "green"}});
        anna.post("/incidents", new)["id"].as_str().unwrap().to_owned()
    });
    let log = |id: &str, query: &str| format!("/incidents/{id}/audit{query}");
    let role = json!({"kind": "role", "content": {"role": "observer", "person": "olga", "holds": true}});
    anna.post(&format!("/incidents/{id}/entries"), role);
    ben.get(&format!("/incidents/{id}"));
    ben.get(&format!("/incidents/{other}"));
    // A handler sees it, and learns that the log is not for handlers.
    ben.want("GET", &log(&id, ""), &Value::Null, 403);
    let number = format!("incident {}", olga.get(&format!("/incidents/{id}"))["number"].as_str().unwrap());
    for reader in [&anna, &olga, &root] {
        let all = reader.get(&log(&id, ""));
        let rows = all["rows"].as_array().unwrap();
        assert!(rows.iter().all(|row| row["object"] == json!(number)), "{all}");
        let has = |who: &str, action: &str| rows.iter().any(|row| row["who"] == who && row["action"] == action);
        assert!(has("ben", "see") && has("ben", "read log") && has("anna", "staff"), "{all}");
    }
    let denied = olga.get(&log(&id, "?denied=true&who=ben"))["rows"].as_array().unwrap().len();
    assert_eq!(denied, 1);
    let first = olga.get(&log(&id, "?limit=1"));
    let next = olga.get(&log(&id, &format!("?limit=1&cursor={}", first["next"].as_str().unwrap())));
    assert_ne!(first["rows"], next["rows"]);
    // What she has no part in is missing for her, and so is the log of the site.
    let missing = olga.want("GET", &log("01943c1e-0000-7000-8000-000000000000", ""), &Value::Null, 404);
    assert_eq!(olga.want("GET", &log(&other, ""), &Value::Null, 404), missing);
    olga.want("GET", "/audit", &Value::Null, 403);
    let rows = served.rows(&["incident", "audit", &id, "--denied", "--as", "olga"]);
    assert_eq!((rows.len(), &rows[0]["who"]), (1, &json!("ben")));
    assert!(served.fails(&["incident", "audit", &other, "--as", "olga"]).contains("there is no such incident"));
    assert!(served.fails(&["incident", "audit", &id, "--as", "ben"]).contains("no role of ben allows to read log"));
}

/// Events that wait for a notice which is gone are let go over the API as by the command, once.
#[test]
fn what_waits_for_a_notice_that_is_gone_is_let_go() {
    let served = with_users();
    let settings = std::path::PathBuf::from(served.file("reports.ndjson", "")).with_file_name("concert.toml");
    let text = std::fs::read_to_string(&settings).unwrap().replace("\"at once\"", "\"at 06:00 on mon\"");
    served.file("concert.toml", &text);
    served.done(&["run", "--once"]);
    let report = served.file("reports.ndjson", "{\"source.ip\":\"192.0.2.1\",\"classification.type\":\"scanner\"}\n");
    served.done(&["ingest", "--feed", "pushed", &report]);
    served.file("concert.toml", &text.replace("\"daily\"", "\"weekly\""));
    served.done(&["user", "add", "lim", "--full-name", "Lim", "--role", "handler:energy"]);
    let served = served.serve();
    let (anna, lim) = (Client::new(&served, "anna"), Client::new(&served, "lim"));
    let drop = |name: &str| json!({"name": name});
    lim.want("POST", "/notices/drops", &drop("daily"), 403);
    let told = |name: &str| anna.want("POST", "/notices/drops", &drop(name), 400).to_string();
    assert!(told("dayly").contains("no events wait for a notice `dayly` that is gone"), "{}", told("dayly"));
    assert!(told("dayly").contains("did you mean `daily`?"), "{}", told("dayly"));
    assert!(told("weekly").contains("the settings have a notice `weekly`"));
    assert_eq!(anna.want("POST", "/notices/drops", &drop("daily"), 200), json!({"name": "daily", "events": 1}));
    assert!(told("daily").contains("nor for another"));
    let rows = served.rows(&["audit", "--object", "notice daily"]);
    assert_eq!((&rows[0]["who"], &rows[0]["action"]), (&json!("anna"), &json!("notice drop")));
    assert_eq!(rows[0]["reason"], "events that waited: 1");
}

/// What is open to somebody is said before it is tried, and it is what happens then.
#[test]
fn an_incident_says_what_is_open_to_its_reader() {
    let served = site();
    served.done(&["user", "add", "rita", "--full-name", "Rita", "--role", "reader", "--clearance", "red"]);
    let (anna, ben) = (Client::new(&served, "anna"), Client::new(&served, "ben"));
    let id = open(&anna);
    let may = |client: &Client<'_>| client.get(&format!("/incidents/{id}"))["may"].clone();
    let handler = json!(["note", "conduct", "follow", "raise"]);
    assert_eq!(
        may(&anna),
        json!(["note", "conduct", "follow", "raise", "lower", "staff", "release", "ask who", "read log"])
    );
    assert_eq!(may(&ben), handler);
    assert_eq!(may(&Client::new(&served, "rita")), json!([]));
    // A token that only reads opens nothing that its user may do.
    let token = format!("Authorization: Bearer {}\r\n", served.token("ben", "incidents:read"));
    let read = served.ask("GET", &format!("/api/v1/incidents/{id}"), &token, b"").json();
    assert_eq!(read["may"], json!([]));
    let command = &served.rows(&["incident", "show", &id, "--as", "ben"])[0];
    assert_eq!(command["may"], handler);
    let at = |rest: &str| format!("/incidents/{id}{rest}");
    let role = |role: &str| json!({"kind": "role", "content": {"role": role, "person": "ben", "holds": true}});
    ben.want("POST", &at("/entries"), &role("site-lead"), 403);
    ben.want("POST", &at("/markings"), &json!({"marking": {"tlp": "green"}, "reason": "agreed"}), 403);
    anna.post(&at("/entries"), role("site-lead"));
    assert!(may(&ben).as_array().unwrap().contains(&json!("erase")), "{}", may(&ben));
    ben.post(&at("/markings"), json!({"marking": {"tlp": "green"}, "reason": "agreed"}));
    // Nobody coordinates it any more, so a handler takes it up.
    let leaves = json!({"kind": "role", "content": {"role": "coordinator", "person": "anna", "holds": false}});
    anna.post(&at("/entries"), leaves);
    assert!(may(&anna).as_array().unwrap().contains(&json!("take up")), "{}", may(&anna));
}

#[test]
fn incidents_are_marked_and_entries_erased_and_lists_come_in_parts() {
    let served = site();
    let (anna, ben) = (Client::new(&served, "anna"), Client::new(&served, "ben"));
    let id = open(&anna);
    let at = |rest: &str| format!("/incidents/{id}{rest}");
    let lower = json!({"marking": {"tlp": "green"}, "reason": "agreed"});
    ben.want("POST", &at("/markings"), &lower, 403);
    let keyed = format!("{JSON}{}Idempotency-Key: k1\r\n", anna.head);
    let mark =
        |body: &Value| served.ask("POST", &format!("/api/v1{}", at("/markings")), &keyed, body.to_string().as_bytes());
    let (first, again) = (mark(&lower), mark(&lower));
    assert_eq!((first.status, &first.body), (201, &again.body), "it happens once");
    let used = mark(&json!({"marking": {"tlp": "clear"}, "reason": "agreed"}));
    assert_eq!(used.status, 409, "{}", used.body);
    assert_eq!(used.json()["detail"], "this `Idempotency-Key` was used for another request");
    // The key of somebody else is another one.
    let of_ben = format!("{JSON}{}Idempotency-Key: k1\r\n", ben.head);
    let note = json!({"kind": "note", "content": {"text": "with the key of anna"}}).to_string();
    let entries = format!("/api/v1{}", at("/entries"));
    assert_eq!(served.ask("POST", &entries, &of_ben, note.as_bytes()).status, 201);
    assert_eq!(anna.get(&at(""))["marking"]["tlp"], "green");

    let note = anna.post(&at("/entries"), json!({"kind": "note", "content": {"text": "a name"}}));
    let entry = &note["entries"][0]["seq"];
    // An entry is marked otherwise by whoever wrote it, and not by who does not see it.
    let close = json!({"entry": entry, "marking": {"tlp": "red", "persons": ["anna"]}, "reason": "a customer"});
    anna.want("POST", &at("/markings"), &json!({"entry": 999_999, "marking": {"tlp": "red"}, "reason": "x"}), 404);
    anna.post(&at("/markings"), close.clone());
    assert!(!ben.ask("GET", &at("/journal"), &Value::Null).body.contains("a name"));
    assert!(anna.ask("GET", &at("/journal"), &Value::Null).body.contains("a name"));
    ben.want("POST", &at("/markings"), &close, 404);
    anna.post(&at("/markings"), json!({"entry": entry, "marking": {"tlp": "green"}, "reason": "agreed"}));
    assert!(ben.ask("GET", &at("/journal"), &Value::Null).body.contains("a name"));
    // It is marked so already.
    anna.want("POST", &at("/markings"), &json!({"entry": entry, "marking": {"tlp": "green"}, "reason": "x"}), 400);
    anna.want("POST", &at("/erasures"), &json!({"entry": entry, "reason": "privacy law"}), 403);
    anna.want("POST", &at("/erasures"), &json!({"entry": 999_999, "reason": "privacy law"}), 404);
    let lead = json!({"role": "legal-and-privacy", "person": "ben", "holds": true});
    anna.post(&at("/entries"), json!({"kind": "role", "content": lead}));
    ben.post(&at("/erasures"), json!({"entry": entry, "reason": "privacy law"}));
    assert!(!anna.ask("GET", &at("/journal"), &Value::Null).body.contains("a name"));

    // More rows than the incident itself shows.
    for some in 0..2 {
        let task = |number: u32| json!({"kind": "task", "content": {"name": format!("t{:04}", some * 600 + number), "title": "x", "done": false}});
        let tasks: Vec<Value> = (0..600).map(task).collect();
        anna.post(&at("/entries"), json!({"entries": tasks}));
    }
    let shown = anna.get(&at(""));
    assert_eq!((shown["tasks"].as_array().unwrap().len(), &shown["counts"]["tasks"]), (1_000, &json!(1_200)));
    let (mut names, mut cursor) = (Vec::new(), String::new());
    loop {
        let part = anna.get(&at(&format!("/lists/tasks?limit=500{cursor}")));
        names.extend(part["rows"].as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap().to_owned()));
        match part["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    let want: Vec<String> = (0..1_200).map(|number| format!("t{number:04}")).collect();
    assert_eq!(names, want);
    anna.want("GET", &at("/lists/none"), &Value::Null, 404);
    // What is counted is a list, also those that it is joined with.
    let other = open(&anna);
    anna.post(&at("/joins"), json!({"as": "parent", "incident": other, "joined": true, "reason": "the same campaign"}));
    let shown = anna.get(&at(""));
    for (name, count) in shown["counts"].as_object().unwrap() {
        let part = anna.get(&at(&format!("/lists/{name}?limit=10000")));
        assert_eq!(json!(part["rows"].as_array().unwrap().len()), *count, "{name}");
    }
    assert_eq!(anna.get(&at("/lists/joined"))["rows"], shown["joined"]);
}

#[test]
fn administrators_look_after_users_and_tokens_and_no_password_comes_back() {
    let served = site();
    let (root, anna) = (Client::new(&served, "root"), Client::new(&served, "anna"));
    let new = json!({"name": "jane", "full_name": "Jane Doe", "roles": ["handler:energy"], "clearance": "TLP:Amber", "password": "correct horse battery"});
    anna.want("POST", "/users", &new, 403);
    root.want(
        "POST",
        "/users",
        &json!({"name": "jane", "full_name": "x", "roles": ["handler"], "password": "short"}),
        400,
    );
    root.want(
        "POST",
        "/users",
        &json!({"name": "jane", "full_name": "x", "roles": ["boss"], "clearance": "TLP:AMBER", "password": "correct horse battery"}),
        400,
    );
    let made = root.post("/users", new.clone());
    assert_eq!((&made["roles"], &made["clearance"]), (&json!(["handler:energy"]), &json!("amber")));
    root.want("POST", "/users", &new, 409);
    let shown = root.get("/users/jane");
    assert_eq!(shown["password"], "to be changed at the next login");
    // Who only speaks for a party needs no standing role.
    let otto = json!({"name": "otto", "full_name": "Otto", "roles": [], "password": "quiet-otter-2026"});
    root.post("/users", otto);
    served.done(&["user", "add", "uma", "--full-name", "Uma"]);
    for name in ["otto", "uma"] {
        assert_eq!(root.get(&format!("/users/{name}"))["roles"], json!([]));
    }
    let changed = root.want("PATCH", "/users/jane", &json!({"roles": ["reader"], "clearance": "green"}), 200);
    assert_eq!((&changed["roles"], &changed["clearance"]), (&json!(["reader"]), &json!("green")));
    // Sent again with its key it happens once, whatever became of the user meanwhile; so does adding one.
    let keyed = |method: &str, path: &str, key: &str, body: &Value| {
        let head = format!("{JSON}{}Idempotency-Key: {key}\r\n", root.head);
        let answer = served.ask(method, &format!("/api/v1{path}"), &head, body.to_string().as_bytes());
        (answer.status, serde_json::from_str::<Value>(&answer.body).unwrap())
    };
    let raised = keyed("PATCH", "/users/jane", "p1", &json!({"clearance": "red"}));
    assert_eq!((raised.0, &raised.1["clearance"]), (200, &json!("red")));
    root.want("PATCH", "/users/jane", &json!({"clearance": "green"}), 200);
    assert_eq!(keyed("PATCH", "/users/jane", "p1", &json!({"clearance": "red"})), raised);
    assert_eq!(root.get("/users/jane")["clearance"], "green");
    assert_eq!(keyed("PATCH", "/users/jane", "p1", &json!({"clearance": "amber"})).0, 409);
    let eve = json!({"name": "eve", "full_name": "Eve", "roles": ["reader"], "password": "correct horse battery"});
    let added = keyed("POST", "/users", "u1", &eve);
    assert_eq!((added.0, keyed("POST", "/users", "u1", &eve)), (201, added));
    // With another password it is another request, though no password is kept.
    let other = json!({"name": "eve", "full_name": "Eve", "roles": ["reader"], "password": "correct horse batterx"});
    assert_eq!(keyed("POST", "/users", "u1", &other).0, 409);
    let set = |password: &str| {
        let head = format!("{JSON}{}Idempotency-Key: s1\r\n", root.head);
        let body = json!({ "password": password }).to_string();
        served.ask("PUT", "/api/v1/users/eve/password", &head, body.as_bytes()).status
    };
    assert_eq!(["quiet otter 2026", "quiet otter 2026", "quiet otter 2027"].map(set), [204, 204, 409]);
    root.want("PATCH", "/users/jane", &json!({}), 400);
    root.want("PATCH", "/users/jame", &json!({"clearance": "green"}), 404);
    root.want("PUT", "/users/jane/password", &json!({"password": "another horse battery"}), 204);

    let more = json!({"user": "jane", "scopes": ["events:read", "users:write"]});
    assert!(root.want("POST", "/tokens", &more, 400)["detail"].as_str().unwrap().contains("users:write"));
    let keyed = format!("{JSON}{}Idempotency-Key: t1\r\n", root.head);
    let body = json!({"user": "jane", "scopes": ["incidents:read"], "expires_days": 30}).to_string();
    let make = || -> Value {
        let answer = served.ask("POST", "/api/v1/tokens", &keyed, body.as_bytes());
        assert_eq!(answer.status, 201, "{}", answer.body);
        serde_json::from_str(&answer.body).unwrap()
    };
    let (first, again) = (make(), make());
    let token = first["token"].as_str().unwrap();
    assert_eq!((&first["id"], &again["token"]), (&again["id"], &Value::Null), "it is given once");
    let listed = root.get("/tokens?user=jane");
    assert_eq!((listed["tokens"].as_array().unwrap().len(), listed.to_string().contains(token)), (1, false));
    let as_jane = |path: &str| served.ask("GET", path, &format!("Authorization: Bearer {token}\r\n"), b"").status;
    assert_eq!(as_jane("/api/v1/incidents"), 200);
    // Sent again with its key it happens once, whatever happened to the user since; and nothing is half done.
    let keyed = |method: &str, path: &str, key: &str, body: Value| {
        let headers = format!("{JSON}{}Idempotency-Key: {key}\r\n", root.head);
        let body = if body.is_null() { String::new() } else { body.to_string() };
        served.ask(method, &format!("/api/v1{path}"), &headers, body.as_bytes())
    };
    let both = json!({"full_name": "Jane D.", "disabled": true});
    let patched = keyed("PATCH", "/users/jane", "both", both.clone());
    assert_eq!(
        (patched.status, &patched.json()["full_name"], &patched.json()["state"]),
        (200, &json!("Jane D."), &json!("disabled"))
    );
    root.want("PATCH", "/users/jane", &json!({"disabled": false}), 200);
    let again = keyed("PATCH", "/users/jane", "both", both);
    assert_eq!((again.status, &again.body), (200, &patched.body));
    assert_eq!(root.get("/users/jane")["state"], "enabled", "it did not happen again");
    assert_eq!(keyed("PATCH", "/users/jane", "both", json!({"disabled": true})).status, 409);
    root.want("PATCH", "/users/jane", &json!({"full_name": " ", "disabled": true}), 400);
    assert_eq!(root.get("/users/jane")["state"], "enabled", "all of it or nothing");
    let password = json!({"password": "another horse battery"});
    assert_eq!(keyed("PUT", "/users/jane/password", "p2", password.clone()).status, 204);
    let resets =
        || served.rows(&["audit", "--object", "user jane"]).iter().filter(|row| row["action"] == "user reset").count();
    let count = resets();
    assert_eq!((keyed("PUT", "/users/jane/password", "p2", password).status, resets()), (204, count));
    root.want("PATCH", "/users/jane", &json!({"disabled": true}), 200);
    assert_eq!(as_jane("/api/v1/incidents"), 401);
    root.want("PATCH", "/users/jane", &json!({"disabled": false}), 200);
    let token_path = format!("/tokens/{}", first["id"]);
    assert_eq!(keyed("DELETE", &token_path, "d1", Value::Null).status, 204);
    assert_eq!(keyed("DELETE", &token_path, "d1", Value::Null).status, 204, "it was answered so before");
    root.want("DELETE", &token_path, &Value::Null, 404);
    assert_eq!(as_jane("/api/v1/incidents"), 401);

    let told = root.get("/audit?who=root&limit=1000");
    let rows = told["rows"].as_array().unwrap();
    let acts: Vec<&str> = rows.iter().map(|row| row["action"].as_str().unwrap()).collect();
    for want in ["user add", "user change", "user reset", "token create", "token revoke", "user disable"] {
        assert!(acts.contains(&want), "{want}: {acts:?}");
    }
    assert!(rows.iter().all(|row| row["from"] == "api"), "{told}");
    let part = root.get("/audit?limit=2");
    let next = root.get(&format!("/audit?limit=2&cursor={}", part["next"].as_str().unwrap()));
    assert!(next["rows"][0]["seq"].as_u64() < part["rows"][1]["seq"].as_u64());
    for secret in ["correct horse battery", "another horse battery", token] {
        assert!(!told.to_string().contains(secret) && !shown.to_string().contains(secret));
    }
    anna.want("GET", "/audit", &Value::Null, 403);
}
