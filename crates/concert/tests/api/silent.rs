//! Parties that are asked to answer by some time, and do not.

use serde_json::{Value, json};

use crate::served::Served;
use crate::work::{Client, open};

/// Nobody listens there, so whatever is queued stays queued.
const MAIL: &str = "\n[via.mail]\ntype = \"smtp\"\nhost = \"127.0.0.1\"\nport = 9\ntls = \"off\"\n";

#[test]
fn a_party_that_was_asked_is_due_until_it_answers() {
    let served = Served::new();
    served.settings(MAIL);
    served.file("parties.csv", "party,prefixes,mail\nGrid,192.0.2.0/25,abuse@grid.example\n");
    served.done(&["contact", "import", "constituents", "parties.csv"]);
    for name in ["anna", "ben"] {
        served.done(&["user", "add", name, "--full-name", name, "--role", "handler", "--clearance", "red"]);
    }
    let served = served.serve();
    let (anna, ben) = (Client::new(&served, "anna"), Client::new(&served, "ben"));
    let id = open(&anna);
    let entry = |kind: &str, content: Value| {
        anna.post(&format!("/incidents/{id}/entries"), json!({"kind": kind, "content": content}))
    };
    let messages = format!("/incidents/{id}/messages");
    let message = |answer_by: &str| json!({"party": "Grid", "subject": "Your logs", "text": "Who reached it?", "answer_by": answer_by});
    let due = |client: &Client<'_>, more: &str| client.get(&format!("/due?kind=silence{more}"))["due"].clone();
    let row = || anna.get(&format!("/incidents/{id}/lists/parties"))["rows"][0].clone();
    entry("party", json!({"party": "Grid", "status": "unknown"}));
    entry("role", json!({"role": "coordinator", "person": "anna"}));

    for (wrong, want) in [("2026-01-01T00:00:00Z", "is past"), ("soon", "no time with its zone")] {
        let refused = anna.want("POST", &messages, &message(wrong), 400);
        assert!(refused["detail"].as_str().unwrap().contains(want), "{refused}");
    }
    assert_eq!(due(&anna, ""), json!([]));
    let preview = json!({"preview": true});
    let mut shown = message("2190-02-01T10:00:00+02:00");
    shown.as_object_mut().unwrap().extend(preview.as_object().unwrap().clone());
    let shown = anna.want("POST", &messages, &shown, 200);
    assert!(shown["text"].as_str().unwrap().contains("Please answer by 2190-02-01T08:00:00Z."), "{shown}");

    anna.post(&messages, message("2190-02-01T10:00:00+02:00"));
    // What was asked last counts.
    anna.post(&messages, message("2190-03-01T10:00:00Z"));
    let all = due(&anna, "");
    let of = |name: &str| all[0][name].clone();
    assert_eq!(all.as_array().unwrap().len(), 1, "{all}");
    assert_eq!(
        (of("due"), of("party"), of("what")),
        (json!("2190-03-01T10:00:00Z"), json!("Grid"), json!("Your logs"))
    );
    assert_eq!((due(&anna, "&mine=true"), due(&ben, "&mine=true")), (all.clone(), json!([])));
    assert_eq!(row()["answer_by"], "2190-03-01T10:00:00Z");
    assert_eq!(anna.get(&messages)["messages"][0]["answer_by"], "2190-02-01T08:00:00Z");
    let told = served.rows(&["--as", "anna", "incident", "due"]);
    assert!(told.iter().any(|one| one["kind"] == "silence" && one["name"] == "Grid"), "{told:?}");

    entry("message", json!({"party": "Grid", "incoming": true, "subject": "Telephone", "text": "Tonight."}));
    assert_eq!((due(&anna, ""), row()["answer_by"].clone()), (json!([]), Value::Null));
    // Whoever contained it owes nothing any longer.
    anna.post(&messages, message("2190-03-01T10:00:00Z"));
    assert_eq!(due(&anna, "").as_array().unwrap().len(), 1);
    entry("party", json!({"party": "Grid", "status": "contained"}));
    assert_eq!(due(&anna, ""), json!([]));

    // Told by telephone without a message, a party is silent since then; asked so, until it was to answer.
    let uni = |name: &str| {
        let rows = anna.get(&format!("/incidents/{id}/lists/parties"))["rows"].clone();
        rows.as_array().unwrap().iter().find(|row| row["party"] == "Uni").unwrap()[name].clone()
    };
    entry("party", json!({"party": "Uni", "status": "contact-sought"}));
    assert_eq!(uni("silent_since"), Value::Null);
    entry("party", json!({"party": "Uni", "status": "told", "text": "by telephone"}));
    assert_eq!((uni("silent_since"), uni("next_step"), uni("messages")), (uni("since"), Value::Null, json!(0)));
    let asked = json!({"party": "Uni", "incoming": false, "subject": "Telephone", "text": "Logs?", "answer_by": "2026-01-01T00:00:00Z"});
    entry("message", asked);
    assert_eq!((uni("next_step"), due(&anna, "")[0]["name"].clone()), (json!("ask-again"), json!("Uni")));
    entry("party", json!({"party": "Uni", "status": "acknowledged"}));
    assert_eq!(due(&anna, ""), json!([]));
    // What it answered before says nothing of what it is told later.
    entry("message", json!({"party": "Uni", "incoming": true, "subject": "Telephone", "text": "Here."}));
    assert_eq!(uni("silent_since"), Value::Null);
    entry("party", json!({"party": "Uni", "status": "told", "text": "by telephone again"}));
    assert_eq!((uni("silent_since"), uni("messages")), (uni("since"), json!(2)));
}
