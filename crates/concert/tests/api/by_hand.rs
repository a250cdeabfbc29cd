//! What people write by hand is told apart from what was sent, came in and was checked.

use serde_json::{Value, json};

use crate::served::Served;
use crate::work::{Client, open};

fn site() -> Served {
    let served = Served::new();
    served.done(&["user", "add", "anna", "--full-name", "Anna", "--clearance", "red", "--role", "handler"]);
    served.done(&["user", "add", "otto", "--full-name", "Otto", "--clearance", "amber", "--role", "reader:nobody"]);
    served.serve()
}

#[test]
fn a_message_that_somebody_wrote_down_is_not_taken_for_one_that_came() {
    let served = site();
    let (anna, otto) = (Client::new(&served, "anna"), Client::new(&served, "otto"));
    let id = open(&anna);
    let entries = format!("/incidents/{id}/entries");
    let write = |kind: &str, content: Value| anna.post(&entries, json!({"kind": kind, "content": content}));
    write("party", json!({"party": "Net", "status": "told"}));
    write("role", json!({"role": "affected-party", "person": "otto", "party": "Net"}));
    let said = |more: Value| {
        let mut said = json!({"party": "Net", "incoming": true, "address": "x@net.example", "text": "It is clean."});
        said.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"kind": "message", "content": said})
    };
    // Whoever speaks for a party writes none in its name: mails do that.
    assert!(otto.want("POST", &entries, &said(json!({})), 403)["detail"].as_str().unwrap().contains("conduct"));
    let good = json!({"encrypted": true, "signature": "good", "key": "00", "why": ""});
    let file = json!([{"name": "x", "sha256": "0".repeat(64), "bytes": 1}]);
    for more in [
        json!({"sort": "reply"}),
        json!({"sort": "report"}),
        json!({"openpgp": good}),
        json!({"attachments": file}),
        json!({"mail": 1}),
    ] {
        let told = anna.want("POST", &entries, &said(more), 400);
        assert_eq!(told["detail"], "such an entry is not written by hand", "{told}");
    }
    for (kind, content) in [
        (
            "delivery",
            json!({"notice": "1", "party": "Net", "taken": true, "time": "2026-11-22T04:50:30Z", "answer": ""}),
        ),
        ("attachment", json!({"mail": 1, "sha256": "0".repeat(64), "kept": true})),
    ] {
        anna.want("POST", &entries, &json!({"kind": kind, "content": content}), 400);
    }
    let written = anna.post(&entries, said(json!({})));
    assert_eq!(written["entries"][0]["content"]["sort"], "by-hand");
    anna.post(&entries, said(json!({"sort": "by-hand", "incoming": false})));
    let all = anna.get(&format!("/incidents/{id}/messages"))["messages"].clone();
    for (message, incoming) in all.as_array().unwrap().iter().zip([true, false]) {
        assert_eq!((&message["sort"], &message["author"]), (&json!("by-hand"), &json!("anna")));
        assert_eq!((&message["incoming"], &message["openpgp"]), (&json!(incoming), &Value::Null));
    }
    let rows = served.rows(&["incident", "mail", "thread", &id]);
    assert_eq!(
        (&rows[0]["sort"], &rows[0]["author"], &rows[0]["signature"]),
        (&json!("by-hand"), &json!("anna"), &Value::Null)
    );
    // What somebody wrote down leads no message anywhere.
    let letter = json!({"party": "Net", "subject": "s", "text": "t", "preview": true});
    let told = anna.want("POST", &format!("/incidents/{id}/messages"), &letter, 400);
    assert_eq!(
        (&told["detail"], &told["hint"]),
        (&json!("no mail address of Net is known"), &json!("say to which address (`to`)"))
    );
}

#[test]
fn the_wrong_one_of_many_values_is_named() {
    let served = site();
    let anna = Client::new(&served, "anna");
    let entries = format!("/incidents/{}/entries", open(&anna));
    let values = |values: &[(&str, &str)]| {
        let one = |(of, value): &(&str, &str)| json!({"kind": "observable", "content": {"of": of, "value": value}});
        json!({"entries": values.iter().map(one).collect::<Vec<_>>()})
    };
    let told = anna.want("POST", &entries, &values(&[("ip", "192.0.2.7"), ("hash", "abc")]), 400);
    let want = "entry 2: `value` of observable/1: `abc` is no value of the kind `hash`";
    assert_eq!((&told["detail"], told["hint"].as_str().unwrap().contains("32 (MD5)")), (&json!(want), true));
    let written = anna.post(&entries, values(&[("domain", "evil[.]example"), ("url", "hxxp://evil[.]example/A")]));
    let kept: Vec<&Value> =
        written["entries"].as_array().unwrap().iter().map(|entry| &entry["content"]["value"]).collect();
    assert_eq!(kept, ["evil.example", "http://evil.example/A"]);
}

#[test]
fn times_in_entries_are_given_and_read_with_their_zone() {
    let served = site();
    let anna = Client::new(&served, "anna");
    let id = open(&anna);
    let entries = format!("/incidents/{id}/entries");
    let flow = |first: Value, last: &str| {
        let content = json!({"from": "192.0.2.7", "to": "192.0.2.8", "first_seen": first, "last_seen": last});
        json!({"kind": "relation", "content": content})
    };
    let last = "2026-11-22T04:52:00.5Z";
    let written = anna.post(&entries, flow(json!("2026-11-22T06:50:30+02:00"), last));
    let content = &written["entries"][0]["content"];
    assert_eq!((&content["first_seen"], &content["zone"]), (&json!("2026-11-22T04:50:30Z"), &json!("+02:00")));
    assert_eq!(content["last_seen"], "2026-11-22T04:52:00.500000Z");
    let task = json!({"kind": "task", "content": {"name": "t", "title": "x", "due": "2026-11-30T12:00:00Z"}});
    anna.post(&entries, task);
    let all = anna.get(&entries)["entries"].clone();
    let kept =
        |kind: &str| all.as_array().unwrap().iter().find(|entry| entry["kind"] == kind).unwrap()["content"].clone();
    assert_eq!((&kept("relation/1"), &kept("task/1")["due"]), (content, &json!("2026-11-30T12:00:00Z")));
    let rows = served.rows(&["incident", "log", &id]);
    assert_eq!(rows.iter().find(|row| row["kind"] == "relation/1").unwrap()["content"], *content);
    // The journal is as it was signed.
    assert!(served.done(&["incident", "export", &id]).contains("\\\"first_seen\\\":1795323030000000"));
    for (odd, want) in [
        (json!("0001-01-01T00:00:00Z"), "`0001-01-01T00:00:00Z` is not in the years 1970 to 2199"),
        (json!(1_795_323_030_000_000_i64), "`1795323030000000` is no time with its zone; write it like"),
        (json!("2026-02-30T00:00:00Z"), "`2026-02-30T00:00:00Z` is no time with its zone"),
    ] {
        let two = json!({"entries": [flow(json!(last), last), flow(odd, last)]});
        let told = anna.want("POST", &entries, &two, 400)["detail"].as_str().unwrap().to_owned();
        assert!(told.starts_with(&format!("entry 2: `first_seen` of relation/1: {want}")), "{told}");
    }
}
