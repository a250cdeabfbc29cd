//! Parts of the lists of an incident while somebody writes into it between one part and the next.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::served::Served;
use crate::work::{Client, open};

fn flow(from: &str, to: &str, hour: u32) -> Value {
    let at = format!("2026-11-20T{hour:02}:00:00Z");
    json!({"kind": "relation", "content": {"from": from, "to": to, "first_seen": at, "last_seen": at, "clock_error": 0,
        "zone": "UTC", "port": 22, "technique": "", "certainty": 80, "evidence": "", "line": 0}})
}

/// Reads a list in parts of two, and has something be written before each part but the first. Whatever was there at
/// first comes once.
fn check(anna: &Client<'_>, path: &str, list: &str, mut write: impl FnMut(usize)) {
    let sign = if path.contains('?') { '&' } else { '?' };
    let known = |row: &Value| {
        let mut row = row.clone();
        if let Some(members) = row.as_object_mut() {
            // What changes of a row that stays the same one.
            members.retain(|name, _| !["entries", "is_end", "bound", "before", "silent_for"].contains(&name.as_str()));
        }
        row.to_string()
    };
    let rows = |answer: &Value| answer[list].as_array().unwrap().iter().map(known).collect::<Vec<_>>();
    let there = rows(&anna.get(&format!("{path}{sign}limit=10000")));
    assert!(there.len() >= 4, "{path}: {there:?}");
    let (mut came, mut cursor) = (Vec::new(), String::new());
    for part in 1..50 {
        let answer = anna.get(&format!("{path}{sign}limit=2{cursor}"));
        came.extend(rows(&answer));
        let Some(next) = answer["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
        write(part);
    }
    let once: BTreeSet<&String> = came.iter().collect();
    assert_eq!(once.len(), came.len(), "{path}: some come twice: {came:?}");
    let passed_by: Vec<&String> = there.iter().filter(|row| !once.contains(row)).collect();
    assert!(passed_by.is_empty(), "{path}: {passed_by:?} do not come");
}

#[test]
fn what_is_written_between_two_parts_brings_no_row_twice_and_passes_none_by() {
    let served = Served::new();
    served.done(&["user", "add", "anna", "--full-name", "Anna", "--role", "handler", "--clearance", "red"]);
    let served = served.serve();
    let anna = Client::new(&served, "anna");
    let id = open(&anna);
    let write = |entries: Vec<Value>| {
        anna.post(&format!("/incidents/{id}/entries"), json!({ "entries": entries }));
    };
    let entry = |kind: &str, content: Value| json!({"kind": kind, "content": content});
    let task = |name: &str| entry("task", json!({"name": name, "title": "x", "done": false}));
    let note = |text: &str| entry("note", json!({ "text": text }));
    let happened = |text: &str| entry("happened", json!({"time": "2026-11-20T05:00:00Z", "text": text}));

    write(vec![entry("party", json!({"party": "Grid", "status": "unknown"}))]);
    write(["m", "n", "o", "p", "q"].map(task).into());
    write((1..6).map(|host| flow(&format!("192.0.2.{host}"), "192.0.2.100", 10)).collect());
    write((1..6).map(|host| entry("host", json!({"host": format!("192.0.2.{host}"), "party": "Grid"}))).collect());
    write(["a", "b", "c", "d", "e"].map(happened).into());
    write(vec![note("198.51.100.1 198.51.100.2 198.51.100.3 198.51.100.4 198.51.100.5 198.51.100.6")]);
    let at = |path: &str| format!("/incidents/{id}{path}");

    check(&anna, &at("/lists/tasks"), "rows", |part| write(vec![task(&format!("a{part}"))]));
    check(&anna, &at("/lists/timeline"), "rows", |part| {
        let early = json!({"time": "2026-11-19T05:00:00Z", "text": format!("earlier {part}")});
        write(vec![entry("happened", early)]);
    });
    // The newest relation comes first.
    let more = |part: usize| write(vec![flow(&format!("192.0.1.{part}"), "192.0.2.100", 10)]);
    check(&anna, &at("/lists/relations"), "rows", more);
    check(&anna, &at("/lists/hosts"), "rows", |part| {
        write(vec![entry("host", json!({"host": format!("192.0.1.{part}"), "party": "Grid"}))]);
    });
    check(&anna, &at("/chain"), "hosts", |part| write(vec![flow(&format!("192.0.0.{part}"), "192.0.2.100", 9)]));
    check(&anna, &at("/chain?upstream=192.0.2.100"), "hosts", |part| {
        write(vec![flow(&format!("191.0.0.{part}"), "192.0.2.100", 9)]);
    });
    check(&anna, &at("/chain?party=Grid"), "hosts", |part| {
        write(vec![flow("190.0.0.9", &format!("192.0.2.{part}"), 9)])
    });
    // One that was named seldom is named most often meanwhile, and would be in a part that was given.
    check(&anna, &at("/observables"), "observables", |_| {
        write((0..9).map(|some| note(&format!("198.51.100.6 and 198.51.100.{} again", some + 2))).collect());
    });
    write((0..5).map(|some| note(&format!("203.0.113.77 for the {some}. time"))).collect());
    check(&anna, "/observables?value=203.0.113.77", "entries", |_| write(vec![note("203.0.113.77 once more")]));
    for path in ["/lists/tasks?cursor=%21", "/lists/relations?cursor=17", "/chain?cursor=%21", "/observables?cursor=17"]
    {
        anna.want("GET", &at(path), &Value::Null, 400);
    }
}

/// Every list takes the cursor that the description shows for it.
#[test]
fn each_list_takes_the_cursor_that_is_shown_for_it() {
    let served = Served::new();
    for (name, role) in [("anna", "handler"), ("root", "administrator"), ("audra", "auditor")] {
        served.done(&["user", "add", name, "--full-name", name, "--role", role, "--clearance", "red"]);
    }
    let served = served.serve();
    let clients = ["anna", "root", "audra"].map(|name| Client::new(&served, name));
    let [anna, ..] = &clients;
    let id = open(anna);
    let described = anna.get("/openapi.json");
    let mut count = 0;
    for (path, methods) in described["paths"].as_object().unwrap() {
        let given = methods["get"]["parameters"].as_array().cloned().unwrap_or_default();
        let meant = given.iter().map(|one| match one["$ref"].as_str() {
            Some(to) => described.pointer(to.strip_prefix('#').unwrap()).unwrap(),
            None => one,
        });
        let Some(cursor) = meant.clone().find(|one| one["name"] == "cursor") else { continue };
        let needed = meant.filter(|one| one["in"] == "query" && one["required"] == true);
        let needed: String = needed
            .map(|one| {
                format!("&{}={}", one["name"].as_str().unwrap(), one["example"].as_str().unwrap().replace(' ', "+"))
            })
            .collect();
        let at = path.strip_prefix("/api/v1").unwrap().replace("{id}", &id).replace("{list}", "tasks");
        let asked = format!("{at}?cursor={}{needed}", cursor["example"].as_str().unwrap());
        let taken = clients.iter().any(|client| client.ask("GET", &asked, &Value::Null).status == 200);
        assert!(taken, "{asked}: {}", anna.ask("GET", &asked, &Value::Null).body);
        count += 1;
    }
    assert!(count > 25, "{count}");
}
