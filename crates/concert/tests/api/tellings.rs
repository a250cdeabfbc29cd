//! One message to many parties, over the API: shown first, then sent once.

use serde_json::{Value, json};

use crate::served::Served;
use crate::work::{Client, open};

const PARTIES: &str = "party,prefixes,sectors,mail\nGrid,192.0.2.0/25,energy,abuse@grid.example\n\
                       Bank,192.0.2.128/25,finance,abuse@bank.example\n";
/// Nobody listens there, so whatever is queued stays queued.
const MAIL: &str = "\n[via.mail]\ntype = \"smtp\"\nhost = \"127.0.0.1\"\nport = 9\ntls = \"off\"\n";

fn site() -> Served {
    let served = Served::new();
    served.settings(MAIL);
    served.file("parties.csv", PARTIES);
    served.done(&["contact", "import", "constituents", "parties.csv"]);
    for (name, role) in [("anna", "handler"), ("carl", "reader"), ("out", "auditor")] {
        served.done(&["user", "add", name, "--full-name", name, "--role", role, "--clearance", "red"]);
    }
    served.serve()
}

#[test]
fn parties_of_a_kind_are_shown_what_they_would_be_told_and_told_once() {
    let served = site();
    let [anna, carl, out] = ["anna", "carl", "out"].map(|name| Client::new(&served, name));
    let id = open(&anna);
    let write = |kind: &str, content: Value| {
        anna.post(&format!("/incidents/{id}/entries"), json!({"kind": kind, "content": content}))
    };
    for (host, party) in [("192.0.2.7", "Grid"), ("192.0.2.200", "Bank")] {
        write("host", json!({"host": host, "party": party}));
        write("party", json!({"party": party, "status": "unknown"}));
    }
    write("party", json!({"party": "Nobody Known", "status": "unknown"}));
    let times = ("2026-11-22T04:50:30Z", "2026-11-22T05:00:00Z");
    write("relation", json!({"from": "192.0.2.200", "to": "192.0.2.7", "first_seen": times.0, "last_seen": times.1}));
    let to = format!("/incidents/{id}/tellings");
    let telling = |to: &str| {
        json!({"to": to, "subject": "{{ hosts|length }} of your hosts",
            "text": "{{ party }}: {% for flow in flows %}{{ flow.host }} and {{ flow.neighbour }}, port {{ flow.port }}{% endfor %}"})
    };
    let names = |answer: &Value| -> Vec<String> {
        let rows = answer["tellings"].as_array().unwrap().iter();
        rows.map(|row| row["party"].as_str().unwrap().to_owned()).collect()
    };

    let shown = anna.want("POST", &to, &telling("victims"), 200);
    let message = &shown["tellings"][0]["message"];
    assert_eq!((names(&shown), &message["to"]), (vec!["Grid".to_owned()], &json!(["abuse@grid.example"])));
    let text = message["text"].as_str().unwrap();
    // The other party's host is no business of this one.
    assert!(
        text.contains("Grid: 192.0.2.7 and a host upstream, port unknown") && !text.contains("192.0.2.200"),
        "{text}"
    );
    let all = anna.want("POST", &to, &telling("all"), 200);
    assert_eq!((&all["told"], &all["left_out"], names(&all).len()), (&json!(2), &json!(1), 3));
    let part = anna.want("POST", &format!("{to}?limit=2"), &telling("all"), 200);
    let rest = anna.want("POST", &format!("{to}?limit=2&cursor=2"), &telling("all"), 200);
    assert_eq!((&part["next"], &part["told"], &rest["next"]), (&json!("2"), &json!(2), &Value::Null));
    assert_eq!([names(&part), names(&rest)].concat(), names(&all));
    assert_eq!(anna.get(&format!("/incidents/{id}/messages"))["messages"], json!([]), "that was all shown");

    let mut send = telling("all");
    send["send"] = json!(true);
    carl.want("POST", &to, &telling("all"), 403);
    carl.want("POST", &to, &send, 403);
    for id in [id.as_str(), "01943c1e-0000-7000-8000-000000000000"] {
        out.want("POST", &format!("/incidents/{id}/tellings"), &send, 404);
    }
    anna.want("POST", &format!("{to}?limit=2"), &send, 400);
    for (member, wrong) in
        [("to", "status=dead"), ("text", "{{ prty }}"), ("subject", "{{"), ("send", "yes"), ("again", "yes")]
    {
        let mut odd = telling("all");
        odd[member] = json!(wrong);
        anna.want("POST", &to, &odd, 400);
    }

    let keyed = format!("Content-Type: application/json\r\nIdempotency-Key: t1\r\n{}", anna.head());
    let sent = || served.ask("POST", &format!("/api/v1{to}"), &keyed, send.to_string().as_bytes());
    let (first, again) = (sent(), sent());
    assert_eq!((first.status, &first.body), (201, &again.body), "it happens once");
    let told: Value = serde_json::from_str(&first.body).unwrap();
    let left_out = told["left_out"].as_array().unwrap();
    assert_eq!((left_out.len(), &left_out[0]["party"]), (1, &json!("Nobody Known")));
    let messages = anna.get(&format!("/incidents/{id}/messages"));
    let mut parties: Vec<&str> =
        messages["messages"].as_array().unwrap().iter().map(|one| one["party"].as_str().unwrap()).collect();
    parties.sort_unstable();
    assert_eq!(parties, ["Bank", "Grid"]);
    // Sent twice by mistake it goes once.
    let twice = anna.want("POST", &to, &send, 400)["detail"].as_str().unwrap().to_owned();
    assert!(twice.contains("Grid: the same was sent to it") && twice.contains("Bank: the same was sent"), "{twice}");
    let shown = anna.want("POST", &to, &telling("all"), 200);
    assert_eq!((&shown["told"], &shown["left_out"]), (&json!(0), &json!(3)));
    send["again"] = json!(true);
    assert_eq!(anna.want("POST", &to, &send, 201)["left_out"].as_array().unwrap().len(), 1);
    // A title that names the other's host is not told.
    write("title", json!({"title": "Scans from 192.0.2.200"}));
    let named = json!({"to": "victims", "subject": "s", "text": "About {{ title }}"});
    let shown = anna.want("POST", &to, &named, 200)["tellings"][0]["message"]["text"].as_str().unwrap().to_owned();
    assert!(shown.contains("About (title withheld"), "{shown}");
    // Where nobody is left to tell it is refused.
    send["to"] = json!("status=unknown");
    let refused = anna.want("POST", &to, &send, 400);
    assert!(refused["detail"].as_str().unwrap().contains("Nobody Known"), "{refused}");
    served.done(&["verify"]);
}
