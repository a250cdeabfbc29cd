//! What is known of values, over the API as by commands: by whoever sees all, and by whoever sees a part.

use serde_json::{Value, json};

use crate::served::Served;
use crate::work::{Client, open};

const PARTIES: &str = "party,prefixes,sectors,mail\nGrid,192.0.2.0/25,energy,abuse@grid.example\n";
/// Two events of a party, one of nobody.
const REPORT: &str = "{\"source.ip\":\"192.0.2.91\",\"classification.type\":\"scanner\"}\n\
                      {\"source.ip\":\"198.51.100.4\",\"destination.ip\":\"192.0.2.91\",\"classification.type\":\"scanner\"}\n\
                      {\"source.ip\":\"203.0.113.5\",\"classification.type\":\"scanner\"}\n";

fn site() -> Served {
    let served = Served::new();
    served.file("parties.csv", PARTIES);
    served.file("report.ndjson", REPORT);
    served.done(&["contact", "import", "constituents", "parties.csv"]);
    served.done(&["ingest", "--feed", "pushed", "report.ndjson"]);
    for (name, role) in [("anna", "handler"), ("energy", "reader:energy"), ("out", "auditor")] {
        served.done(&["user", "add", name, "--full-name", name, "--role", role, "--clearance", "red"]);
    }
    served.serve()
}

/// One member of the row of a value.
fn of<'v>(answer: &'v Value, value: &str, member: &str) -> &'v Value {
    let rows = answer["observables"].as_array().unwrap();
    &rows.iter().find(|row| row["value"] == value).unwrap()[member]
}

#[test]
fn values_are_told_with_what_incidents_and_events_know_of_them() {
    let served = site();
    let [anna, energy, out] = ["anna", "energy", "out"].map(|name| Client::new(&served, name));
    let (first, second) = (open(&anna), open(&anna));
    let write = |id: &str, kind: &str, content: Value, tlp: &str| {
        let entry = json!({"kind": kind, "content": content, "marking": {"tlp": tlp}});
        anna.post(&format!("/incidents/{id}/entries"), entry)
    };
    // The party of the constituency takes part in the first alone, and knows what is marked for it.
    write(&first, "party", json!({"party": "Grid", "status": "told"}), "green");
    write(&first, "note", json!({"text": "192.0.2.91 and 203.0.113.5 ask hxxp://evil[.]example/a"}), "green");
    write(&second, "note", json!({"text": "evil.example once more"}), "amber");

    let at = format!("/incidents/{first}/observables");
    let all = anna.get(&at);
    let asked = served.rows(&["--as", "anna", "incident", "observables", &first]);
    assert_eq!(all["observables"], json!(asked), "the command prints the same");
    assert_eq!(all["next"], Value::Null);
    assert_eq!((of(&all, "192.0.2.91", "events"), of(&all, "203.0.113.5", "events")), (&json!(2), &json!(1)));
    assert_eq!(of(&all, "evil.example", "incidents").as_array().unwrap().len(), 1);
    // Of others' events and incidents nothing is counted.
    let part = energy.get(&at);
    assert_eq!((of(&part, "192.0.2.91", "events"), of(&part, "203.0.113.5", "events")), (&json!(1), &json!(0)));
    assert_eq!(of(&part, "evil.example", "incidents"), &json!([]));
    for id in [first.as_str(), "01943c1e-0000-7000-8000-000000000000"] {
        out.want("GET", &format!("/incidents/{id}/observables"), &Value::Null, 404);
    }

    // In parts it is the same.
    let (mut rows, mut cursor) = (Vec::new(), String::new());
    loop {
        let part = anna.get(&format!("{at}?limit=2{cursor}"));
        assert!(part["observables"].as_array().unwrap().len() <= 2);
        rows.extend(part["observables"].as_array().unwrap().clone());
        match part["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(json!(rows), all["observables"]);
    anna.want("GET", &format!("{at}?cursor=x"), &Value::Null, 400);
}

#[test]
fn a_value_is_told_by_entries_of_all_incidents_that_are_seen() {
    let served = site();
    let [anna, energy, out] = ["anna", "energy", "out"].map(|name| Client::new(&served, name));
    let ids = [open(&anna), open(&anna)];
    for (id, tlp) in ids.iter().zip(["green", "amber"]) {
        let entry = json!({"kind": "note", "content": {"text": "192.0.2.91 was there"}, "marking": {"tlp": tlp}});
        anna.post(&format!("/incidents/{id}/entries"), entry);
    }
    let party = json!({"kind": "party", "content": {"party": "Grid", "status": "told"}, "marking": {"tlp": "green"}});
    anna.post(&format!("/incidents/{}/entries", ids[0]), party);

    let about = anna.get("/observables?value=192%5B.%5D0.2.91");
    let asked = served.rows(&["--as", "anna", "incident", "about", "192[.]0.2.91"]).remove(0);
    for member in ["value", "of", "incidents", "is_common", "has_more", "events", "first_seen", "last_seen"] {
        assert_eq!(about[member], asked[member], "{member}");
    }
    let count = |answer: &Value| (answer["entries"].as_array().unwrap().len(), answer["events"].clone());
    assert_eq!((count(&about), about["incidents"].as_array().unwrap().len()), ((2, json!(2)), 2));
    assert_eq!(count(&energy.get("/observables?value=192.0.2.91")), (1, json!(1)));
    // Whoever sees no events is told of none, not that there are none.
    assert_eq!(count(&out.get("/observables?value=192.0.2.91")), (0, Value::Null));
    let part = anna.get("/observables?value=192.0.2.91&limit=1");
    let next = part["next"].as_str().unwrap();
    let rest = anna.get(&format!("/observables?value=192.0.2.91&limit=1&cursor={next}"));
    assert_eq!((&rest["next"], &part["incidents"]), (&Value::Null, &about["incidents"]));
    assert_eq!(json!([part["entries"][0], rest["entries"][0]]), about["entries"]);
    for query in ["", "?value=", "?value=%20", "?value=x&cursor=x", &format!("?value={}", "x".repeat(3_000))] {
        anna.want("GET", &format!("/observables{query}"), &Value::Null, 400);
    }
}
