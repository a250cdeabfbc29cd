//! What a request names beside the incident that it is about: told by name where it is not there, and in the same words
//! where it is not there for whoever asks.

use serde_json::{Value, json};

use crate::served::Served;
use crate::work::{Client, open};

/// Anna sees everything; Ben handles incidents up to TLP:AMBER.
fn site() -> Served {
    let served = Served::new();
    for (name, clearance) in [("anna", "red"), ("ben", "amber")] {
        served.done(&["user", "add", name, "--full-name", name, "--clearance", clearance, "--role", "handler"]);
    }
    served.serve()
}

#[test]
fn what_is_named_and_hidden_is_answered_like_what_is_not_there() {
    let served = site();
    let (anna, ben) = (Client::new(&served, "anna"), Client::new(&served, "ben"));
    let id = open(&anna);
    let at = |rest: &str| format!("/incidents/{id}{rest}");
    let red = json!({"tlp": "red", "persons": ["anna"]});
    let hide = |kind: &str, content: Value| {
        let entry = json!({"kind": kind, "content": content, "marking": red});
        anna.post(&at("/entries"), entry)["entries"][0]["seq"].clone()
    };
    let entry = hide("note", json!({"text": "for anna alone"}));
    hide("task", json!({"name": "call", "title": "call them", "done": false}));
    hide("party", json!({"party": "Net Z", "status": "told"}));
    hide("finding", json!({"name": "key", "statement": "it was stolen", "standing": "supported"}));
    let bytes = format!("Content-Type: application/octet-stream\r\n{}", anna.head());
    let to = format!("/api/v1{}?tlp=red&for_person=anna", at("/evidence"));
    let sha256 = served.ask("POST", &to, &bytes, b"for anna alone").json()["sha256"].clone();
    let new = json!({"title": "x", "classification": "scanner", "severity": "low", "marking": red});
    let other = anna.post("/incidents", new)["id"].clone();

    let write = |kind: &str, content: Value| ("/entries", json!({"kind": kind, "content": content}));
    let happened = |sha256: &Value| json!({"time": "2026-11-22T04:50:30Z", "subject": "web7", "text": "login", "evidence": sha256, "line": 1});
    let done = |name: &str| write("task", json!({"name": name, "title": "x", "done": true}));
    let shown = |name: &str| write("indicators", json!({"finding": name, "observables": [], "reason": "x"}));
    let effort =
        |party: &str| write("effort", json!({"minutes": 5, "person": "ben", "work": "analysis", "party": party}));
    let join = |id: &Value| ("/joins", json!({"as": "parent", "incident": id, "joined": true, "reason": "x"}));
    let mark = |entry: &Value| ("/markings", json!({"entry": entry, "marking": {"tlp": "green"}, "reason": "x"}));
    let erase = |entry: &Value| ("/erasures", json!({"entry": entry, "reason": "x"}));
    let (no_sha256, no_id) = (json!("0".repeat(64)), json!("01943c1e-5a3b-7c2d-8e4f-0123456789ab"));
    let no_entry = json!(entry.as_u64().unwrap() + 1_000_000_000);
    let pairs = [
        ("call", "sell", done("call"), done("sell")),
        ("key", "kee", shown("key"), shown("kee")),
        ("Net Z", "Net Q", effort("Net Z"), effort("Net Q")),
        (
            sha256.as_str().unwrap(),
            &"0".repeat(64),
            write("happened", happened(&sha256)),
            write("happened", happened(&no_sha256)),
        ),
        (other.as_str().unwrap(), no_id.as_str().unwrap(), join(&other), join(&no_id)),
        (&entry.to_string(), &no_entry.to_string(), mark(&entry), mark(&no_entry)),
        (&entry.to_string(), &no_entry.to_string(), erase(&entry), erase(&no_entry)),
    ];
    for (hidden, missing, (path, of_hidden), (_, of_missing)) in pairs {
        let told = |name: &str, body: &Value| {
            let answer = ben.ask("POST", &at(path), body);
            assert_eq!(answer.status, 404, "{path} {body}: {}", answer.body);
            assert!(answer.json()["detail"].as_str().unwrap().contains(name), "{path}: {}", answer.body);
            answer.body.replace(name, "NAME")
        };
        assert_eq!(told(hidden, &of_hidden), told(missing, &of_missing), "{path}");
    }
    // Several at once say in which of them.
    let note = json!({"kind": "note", "content": {"text": "x"}});
    let both = json!({"entries": [note, {"kind": "effort", "content": {"minutes": 5, "person": "ben", "work": "analysis", "party": "Net Z"}}]});
    let told = ben.want("POST", &at("/entries"), &both, 404)["detail"].as_str().unwrap().to_owned();
    assert_eq!(told, "entry 2: `party` of effort/1: there is no party `Net Z`");

    // Mails, users and processes are named by requests of their own.
    let mail = anna.want("GET", &at("/mails/99"), &Value::Null, 404);
    assert_eq!(mail["detail"], "no mail 99 waits in this incident");
    let task = json!({"kind": "task", "content": {"name": "t", "title": "x", "person": "nobody"}});
    let user = ben.want("POST", &at("/entries"), &task, 404);
    assert_eq!(user["detail"], "`person` of task/1: there is no user `nobody`");
    served.done(&["user", "add", "root", "--full-name", "Root", "--role", "administrator"]);
    let root = Client::new(&served, "root");
    let token = root.want("POST", "/tokens", &json!({"user": "nobody", "scopes": ["events:read"]}), 404);
    assert_eq!(token["detail"], "there is no user `nobody`");
    // What is wrong with a request is still told as that.
    anna.want("POST", &at("/joins"), &json!({"as": "uncle", "incident": other, "joined": true, "reason": "x"}), 400);
}
