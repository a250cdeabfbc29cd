//! Minutes stand beside whatever is done with an incident, and count as effort of whoever did it.

use serde_json::{Value, json};

use crate::served::Served;
use crate::work::{Client, open};

fn site() -> Served {
    let served = Served::new();
    for name in ["anna", "ben"] {
        served.done(&["user", "add", name, "--full-name", name, "--clearance", "red", "--role", "handler"]);
    }
    served.serve()
}

/// What a person spent in an incident, in all.
fn spent(client: &Client<'_>, id: &str) -> u64 {
    let all = client.get(&format!("/cost?by=person&incident={id}"));
    all["total"]["minutes"].as_u64().unwrap()
}

#[test]
fn whatever_is_done_may_say_what_it_took() {
    let served = site();
    let anna = Client::new(&served, "anna");
    let new = json!({"title": "Scans", "classification": "scanner", "severity": "medium", "marking": {"tlp": "amber"}});
    let mut with = new.clone();
    with["minutes"] = json!(1);
    let id = anna.post("/incidents", with)["id"].as_str().unwrap().to_owned();
    let other = open(&anna);
    let mut all = 1;
    assert_eq!(spent(&anna, &id), all);
    let at = |path: &str| format!("/incidents/{id}{path}");
    let head = format!("Content-Type: application/octet-stream\r\n{}", anna.head());
    let bytes = |method: &str, path: &str, body: &[u8], status: u16| {
        let answer = served.ask(method, &format!("/api/v1{}", at(path)), &head, body);
        assert_eq!(answer.status, status, "{path}: {}", answer.body);
        answer
    };
    let added = bytes("POST", "/evidence?reason=x&minutes=2", b"one", 201).json();
    let sha256 = added["sha256"].as_str().unwrap().to_owned();
    bytes("POST", &format!("/evidence/{sha256}/derived?reason=x&minutes=4"), b"two", 201);
    bytes("GET", &format!("/evidence/{sha256}?reason=x&minutes=8"), b"", 200);
    all += 2 + 4 + 8;
    assert_eq!(spent(&anna, &id), all);
    anna.post(&at("/entries"), json!({"kind": "party", "content": {"party": "Net", "status": "unknown"}}));
    let role = json!({"role": "legal-and-privacy", "person": "anna", "holds": true});
    anna.post(&at("/entries"), json!({"kind": "role", "content": role}));
    anna.post(&at("/entries"), json!({"kind": "note", "content": {"text": "x"}}));
    let note = anna.get(&at("/entries?kind=note"))["entries"][0]["seq"].as_u64().unwrap();
    let custody = format!("/evidence/{sha256}/custody");
    let release = format!("/evidence/{sha256}/releases");
    let deeds: [(&str, Value); 8] = [
        ("/markings", json!({"marking": {"tlp": "amber+strict"}, "reason": "x"})),
        ("/clocks", json!({"clock": "nis2-early-warning"})),
        ("/processes", json!({"name": "phishing"})),
        (&custody, json!({"act": "examined", "reason": "x"})),
        (&release, json!({"party": "Net", "reason": "x"})),
        ("/erasures", json!({"entry": note, "reason": "x"})),
        ("/joins", json!({"as": "parent", "incident": other, "joined": true, "reason": "x"})),
        ("/hand-overs", json!({"to": "ben"})),
    ];
    let bag = anna.want("POST", &at("/bags"), &json!({"minutes": 32}), 200);
    all += 32;
    assert_eq!((bag, spent(&anna, &id)), (Value::Null, all));
    for (path, body) in deeds {
        for (odd, want) in [("minutes", "not a whole number from 1"), ("minuets", "does not belong into the body")] {
            let mut body = body.clone();
            body[odd] = json!("16");
            let told = anna.want("POST", &at(path), &body, 400)["detail"].as_str().unwrap().to_owned();
            assert!(told.contains(want), "{path}: {told}");
        }
        let mut body = body.clone();
        body["minutes"] = json!(16);
        anna.post(&at(path), body);
        all += 16;
        assert_eq!(spent(&anna, &id), all, "{path}");
    }
    // That of a split counts where it is written, once.
    let total = || anna.get("/cost?by=person")["total"]["minutes"].as_u64().unwrap();
    let before = total();
    let other = format!("/incidents/{other}");
    anna.post(&format!("{other}/entries"), json!({"kind": "party", "content": {"party": "Net", "status": "unknown"}}));
    anna.post(&format!("{other}/splits"), json!({"new": new, "parties": ["Net"], "reason": "x", "minutes": 5}));
    assert_eq!(total(), before + 5);
    // What changes no incident takes none.
    let told = anna.want("POST", "/processes/check", &json!({"definition": "", "minutes": 5}), 400);
    assert_eq!(told["detail"], "`minutes` does not belong into the body");
}

#[test]
fn commands_about_evidence_say_what_it_took() {
    let served = site();
    let anna = Client::new(&served, "anna");
    let id = open(&anna);
    let (one, two) = (served.file("one.csv", "time,ip\n"), served.file("two.csv", "time\n"));
    let run = |args: &[&str], minutes: u64| {
        let before = spent(&anna, &id);
        served.done(&[&["evidence"], args, &["--minutes", &minutes.to_string()]].concat());
        assert_eq!(spent(&anna, &id), before + minutes, "{args:?}");
    };
    run(&["add", &id, &one, "--as", "anna"], 1);
    let sha256 = anna.get(&format!("/incidents/{id}/evidence"))["evidence"][0]["sha256"].as_str().unwrap().to_owned();
    run(&["derive", &id, &sha256, &two, "--reason", "x", "--as", "anna"], 2);
    run(&["custody", &id, &sha256, "examined", "--reason", "x", "--as", "anna"], 4);
    anna.post(
        &format!("/incidents/{id}/entries"),
        json!({"kind": "party", "content": {"party": "Net", "status": "unknown"}}),
    );
    run(&["release", &id, &sha256, "--to", "Net", "--reason", "x", "--as", "anna"], 8);
    let bag = served.file("x", "").replace("/x", "/bag");
    run(&["export", &id, &bag, "--as", "anna"], 16);
    run(&["get", &id, &sha256, "-o", "-", "--as", "anna"], 32);
}
