//! Who has a part in an incident, and no more than that: what such a person learns by writing, and may write.

use serde_json::{Value, json};

use crate::served::Served;
use crate::work::{Client, open};

const PARTIES: &str = "party,prefixes,sectors,mail\nGrid,192.0.2.0/25,energy,abuse@grid.example\n\
                       Example University,192.0.2.128/25,research,abuse@uni.example\n";
/// Nobody listens there, so whatever is queued stays queued.
const MAIL: &str = "\n[via.mail]\ntype = \"smtp\"\nhost = \"127.0.0.1\"\nport = 9\ntls = \"off\"\n";

/// Anna handles, Ben is responder in one incident alone, Otto speaks for Grid in it.
fn site() -> (Served, String) {
    let served = Served::new();
    served.settings(MAIL);
    served.file("parties.csv", PARTIES);
    served.done(&["contact", "import", "constituents", "parties.csv"]);
    for (name, role, clearance) in
        [("anna", "handler", "red"), ("ben", "reader:nobody", "amber"), ("otto", "reader:nobody", "amber")]
    {
        served.done(&["user", "add", name, "--full-name", name, "--clearance", clearance, "--role", role]);
    }
    let served = served.serve();
    let anna = Client::new(&served, "anna");
    let id = open(&anna);
    let write = |kind: &str, content: Value| {
        anna.post(&format!("/incidents/{id}/entries"), json!({"kind": kind, "content": content}))
    };
    write("party", json!({"party": "Grid", "status": "unknown"}));
    write("role", json!({"role": "responder", "person": "ben"}));
    write("role", json!({"role": "affected-party", "person": "otto", "party": "Grid"}));
    (served, id)
}

/// Whoever speaks for a party sees how it stands, and neither why nor how another stands.
#[test]
fn whoever_speaks_for_a_party_sees_how_it_stands_and_not_why() {
    let (served, id) = site();
    let [anna, otto] = ["anna", "otto"].map(|name| Client::new(&served, name));
    let entries = format!("/incidents/{id}/entries");
    let party = |party: &str, status: &str, text: &str, marking: Value| {
        let content = json!({"party": party, "status": status, "text": text});
        anna.post(&entries, json!({"kind": "party", "content": content, "marking": marking}))["entries"][0]["seq"]
            .clone()
    };
    let amber = || json!({"tlp": "amber"});
    party("Other", "told", "They do not answer.", amber());
    let first = party("Grid", "no-answer", "Their chief is on holiday.", amber());
    let rows = |client: &Client<'_>| client.get(&format!("/incidents/{id}/lists/parties"))["rows"].clone();
    let stands = || {
        let rows = rows(&otto);
        assert_eq!(rows.as_array().unwrap().len(), 1, "{rows}");
        assert_eq!(rows[0]["party"], "Grid");
        rows[0]["status"].as_str().unwrap().to_owned()
    };
    assert_eq!((stands().as_str(), rows(&anna).as_array().unwrap().len()), ("no-answer", 2));
    let log = || otto.get(&format!("{entries}?kind=party"))["entries"].as_array().unwrap().clone();
    assert_eq!(log().len(), 2);
    let last = log().into_iter().find(|entry| entry["seq"] == first).unwrap();
    let want = json!({"party": "Grid", "status": "no-answer", "text": "(reason withheld: it is not for the party)"});
    assert_eq!(last["content"], want);
    // Nothing gives the text away: not the journal, nor search, nor the stream behind an entry.
    for path in ["", "/entries", "/journal"] {
        let answer = otto.ask("GET", &format!("/incidents/{id}{path}"), &Value::Null);
        assert!(
            answer.status == 200 && !answer.body.contains("holiday") && !answer.body.contains("Other"),
            "{}",
            answer.body
        );
    }
    assert_eq!(otto.get("/search?q=holiday")["entries"], json!([]));
    assert!(anna.ask("GET", "/search?q=holiday", &Value::Null).body.contains("holiday"));
    // In lists the incident moves with it.
    let changed = |client: &Client<'_>| client.get("/incidents")["incidents"][0]["changed"].clone();
    assert_eq!(changed(&otto), changed(&anna));
    party("Other", "contained", "", amber());
    assert_ne!(changed(&otto), changed(&anna));
    // What is for the party is read whole; what stays within the site is not there.
    party("Grid", "contained", "As you told us.", json!({"tlp": "amber", "parties": ["Grid"]}));
    assert_eq!((stands().as_str(), log().len()), ("contained", 3));
    assert!(log().iter().any(|entry| entry["content"]["text"] == "As you told us."));
    party("Grid", "cleaned", "We looked by ourselves.", json!({"tlp": "amber+strict"}));
    assert_eq!((stands().as_str(), log().len()), ("contained", 3));
    assert_eq!(rows(&anna)[0]["status"], "cleaned");
    // Whoever asks who sees it is told so.
    let who = served.rows(&["incident", "why-not", &id, "otto", "--entry", &first.to_string()]);
    assert_eq!(who[0]["allowed"], true, "{who:?}");
    served.done(&["verify"]);
}

#[test]
fn whoever_conducts_learns_no_address_of_a_party_that_is_not_to_be_seen() {
    let (served, id) = site();
    served.done(&["user", "add", "gus", "--full-name", "Gus", "--role", "handler:Grid", "--clearance", "amber"]);
    let [anna, ben, gus] = ["anna", "ben", "gus"].map(|name| Client::new(&served, name));
    let unread = Client::with(&served, "anna", "incidents:read,incidents:write");
    let messages = format!("/incidents/{id}/messages");
    let letter = |party: &str, preview: bool| json!({"party": party, "subject": "s", "text": "t", "preview": preview});
    let told = |client: &Client<'_>, party: &str, preview: bool| {
        let told = client.ask("POST", &messages, &letter(party, preview));
        assert!(matches!(told.status, 400 | 404), "{}", told.body);
        format!("{} {}", told.status, told.body.replace(party, "PARTY"))
    };
    let tellings = |client: &Client<'_>, send: bool| {
        let telling = json!({"to": "all", "subject": "s", "text": "t", "send": send});
        client.want("POST", &format!("/incidents/{id}/tellings"), &telling, if send { 400 } else { 200 }).to_string()
    };
    for preview in [true, false] {
        assert_eq!(told(&ben, "Example University", preview), told(&ben, "Made Up", preview));
    }
    let uni = anna.want("POST", &messages, &letter("Example University", true), 200);
    assert_eq!(uni["to"], json!(["abuse@uni.example"]));
    // Nor after it was written down that they take part, which whoever conducts may do.
    for party in ["Example University", "Made Up"] {
        ben.post(
            &format!("/incidents/{id}/entries"),
            json!({"kind": "party", "content": {"party": party, "status": "unknown"}}),
        );
    }
    for client in [&ben, &gus, &unread] {
        for preview in [true, false] {
            let hidden = told(client, "Example University", preview);
            assert!(hidden.contains("no mail address of PARTY is known"), "{hidden}");
            assert_eq!(hidden, told(client, "Made Up", preview));
        }
        let shown = tellings(client, false);
        assert!(!shown.contains("uni.example"), "{shown}");
    }
    // Who reads some contacts writes to those.
    let grid = gus.want("POST", &messages, &letter("Grid", true), 200);
    assert_eq!(grid["to"], json!(["abuse@grid.example"]));
    for client in [&ben, &unread] {
        told(client, "Grid", true);
        let refused = tellings(client, true);
        assert!(!refused.contains('@'), "{refused}");
    }
    // What stands in the conversation is no secret of the contact book any more.
    anna.post(&messages, letter("Example University", false));
    let uni = ben.want("POST", &messages, &letter("Example University", true), 200);
    assert_eq!(uni["to"], json!(["abuse@uni.example"]));
    // Whoever tries many parties is in the log.
    let log = served.rows(&["audit", "--who", "ben", "--denied"]);
    let refused = log.iter().filter(|row| row["policy"] == "mail").count();
    assert_eq!(refused, 11, "{log:?}");
}

#[test]
fn a_neighbour_is_recognised_however_it_is_written() {
    let (served, id) = site();
    let anna = Client::new(&served, "anna");
    let write = |kind: &str, content: Value| {
        anna.post(&format!("/incidents/{id}/entries"), json!({"kind": kind, "content": content}))
    };
    for (host, party) in [("192.0.2.7", "Grid"), ("192.0.2.200", "Example University")] {
        write("host", json!({"host": host, "party": party}));
    }
    let times = ("2026-11-22T04:50:30Z", "2026-11-22T05:00:00Z");
    write("relation", json!({"from": "192.0.2.200", "to": "192.0.2.7", "first_seen": times.0, "last_seen": times.1}));
    let preview = |text: &str, status: u16| {
        let letter = json!({"party": "Grid", "subject": "s", "text": text, "preview": true});
        anna.want("POST", &format!("/incidents/{id}/messages"), &letter, status)
    };
    for name in ["Example University", "example university", "Example\nUniversity", "EXAMPLE-UNIVERSITY"] {
        let told = preview(&format!("It came from {name}."), 400);
        assert!(told["detail"].as_str().unwrap().contains("it names Example University"), "{told}");
    }
    preview("It came from an example of universities.", 200);
    for host in
        ["192.0.2[.]200", "root@192.0.2.200", "::ffff:192.0.2.200", "200.2.0.192.in-addr.arpa", "192.0.2.200/32"]
    {
        let told = preview(&format!("It came from {host}."), 400);
        assert!(told["detail"].as_str().unwrap().contains("it names 192.0.2.200"), "{told}");
    }
    // Nor is its mail address told, once somebody wrote there.
    preview("Ask SOC@desk.example.", 200);
    let letter = json!({"party": "Example University", "to": "soc@desk.example", "subject": "s", "text": "t"});
    anna.want("POST", &format!("/incidents/{id}/messages"), &letter, 201);
    let told = preview("Ask SOC@desk[.]example.", 400);
    assert!(told["detail"].as_str().unwrap().contains("it names soc@desk.example"), "{told}");
}

#[test]
fn whoever_speaks_for_a_party_writes_for_it_and_books_no_time_of_others() {
    let (served, id) = site();
    let [anna, ben, otto] = ["anna", "ben", "otto"].map(|name| Client::new(&served, name));
    let entries = format!("/incidents/{id}/entries");
    let effort = |person: &str, minutes: u64| json!({"kind": "effort", "content": {"minutes": minutes, "person": person, "work": "analysis"}});
    otto.post(&entries, effort("otto", 1440));
    let own = otto.post(&entries, effort("", 5));
    assert_eq!(own["entries"][0]["content"]["person"], json!("otto"), "{own}");
    otto.want("POST", &entries, &effort("anna", 5), 403);
    ben.post(&entries, effort("anna", 5));
    assert!(anna.want("POST", &entries, &effort("anna", 1441), 400)["detail"].as_str().unwrap().contains("1440"));
    let note = json!({"kind": "note", "content": {"text": "x"}, "minutes": 9_999_999});
    assert!(otto.want("POST", &entries, &note, 400)["detail"].as_str().unwrap().contains("1440"));

    let marked = |tlp: &str, parties: &[&str]| json!({"kind": "note", "content": {"text": "ours"}, "marking": {"tlp": tlp, "parties": parties}});
    otto.post(&entries, marked("amber", &["Grid"]));
    otto.want("POST", &entries, &marked("green", &["Grid"]), 403);
    ben.want("POST", &entries, &marked("amber", &["Grid"]), 403);

    // A finding that Otto does not see keeps what it says.
    let finding = |statement: &str, tlp: &str| {
        let content = json!({"name": "key", "statement": statement, "standing": "supported"});
        json!({"kind": "finding", "content": content, "marking": {"tlp": tlp}})
    };
    anna.post(&entries, finding("It was stolen", "amber+strict"));
    otto.want("POST", &entries, &finding("It was not", "amber"), 403);
    let state = anna.get(&format!("/incidents/{id}/lists/findings"));
    assert_eq!(state["rows"][0]["statement"], "It was stolen", "{state}");
}

#[test]
fn nobody_marks_an_incident_out_of_the_own_sight_and_whoever_is_named_and_does_not_see_it_is_told() {
    let (served, id) = site();
    let [anna, ben] = ["anna", "ben"].map(|name| Client::new(&served, name));
    let entries = format!("/incidents/{id}/entries");
    let mark = |tlp: &str, persons: &[&str]| json!({"kind": "marking", "content": {"marking": {"tlp": tlp, "persons": persons}, "reason": "x"}});
    let told = ben.want("POST", &entries, &mark("red", &["ben"]), 400);
    assert!(told["detail"].as_str().unwrap().contains("above your clearance"), "{told}");
    let warnings = |answer: &Value| -> Vec<String> {
        let all = answer.get("warnings").and_then(Value::as_array).cloned().unwrap_or_default();
        all.iter().map(|warning| warning["what"].as_str().unwrap().to_owned()).collect()
    };
    let note = |tlp: &str, persons: &[&str], parties: &[&str]| {
        let marking = json!({"tlp": tlp, "persons": persons, "parties": parties});
        anna.post(&entries, json!({"kind": "note", "content": {"text": "x"}, "marking": marking}))
    };
    assert_eq!(warnings(&note("amber", &["ben", "anna"], &["Grid"])), Vec::<String>::new());
    assert_eq!(
        warnings(&note("red", &["ben", "anna"], &[])),
        ["ben does not see what is marked so (note): TLP:red is above the clearance of amber"]
    );
    assert_eq!(
        warnings(&note("amber", &[], &["Example University"])),
        ["nobody of Example University sees what is marked so (note): nobody speaks for it"]
    );
    let answer = anna.post(&entries, mark("red", &["anna", "ben"]));
    assert_eq!(
        warnings(&answer),
        [
            "ben does not see the incident: TLP:red is above the clearance of amber",
            "otto does not see the incident any more: TLP:red is above the clearance of amber",
            "one more user does not see the incident any more, without a role in it"
        ]
    );
    let new = json!({"title": "x", "classification": "scanner", "severity": "low",
        "marking": {"tlp": "amber", "persons": ["otto"]}});
    assert_eq!(
        warnings(&anna.post("/incidents", new)),
        ["otto does not see the incident: has no part in the incident and no standing for it"]
    );
}

/// Who marks an incident so that others lose sight of it is told whom, also where it is the own sight.
#[test]
fn whoever_sees_an_incident_no_more_is_named_to_who_marked_it() {
    let (served, id) = site();
    for (name, role) in [("cora", "reader:nobody"), ("dave", "handler"), ("dora", "reader")] {
        served.done(&["user", "add", name, "--full-name", name, "--clearance", "red", "--role", role]);
    }
    let [anna, cora, dave] = ["anna", "cora", "dave"].map(|name| Client::new(&served, name));
    let entries = format!("/incidents/{id}/entries");
    let role = |person: &str| json!({"kind": "role", "content": {"role": "coordinator", "person": person}});
    anna.post(&entries, role("cora"));
    let mark = |tlp: &str, persons: &[&str]| json!({"kind": "marking", "content": {"marking": {"tlp": tlp, "persons": persons}, "reason": "x"}});
    let warnings = |answer: &Value| -> Vec<String> {
        let all = answer.get("warnings").and_then(Value::as_array).cloned().unwrap_or_default();
        all.iter().map(|warning| warning["what"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(
        warnings(&dave.post(&entries, mark("amber+strict", &[]))),
        Vec::<String>::new(),
        "he may not ask who sees it"
    );
    assert_eq!(warnings(&anna.post(&entries, mark("amber", &[]))), Vec::<String>::new());
    let told = warnings(&cora.post(&entries, mark("red", &[])));
    assert_eq!(
        told,
        [
            "ben does not see the incident any more: TLP:red is above the clearance of amber",
            "cora does not see the incident any more: TLP:RED is for the named persons only",
            "otto does not see the incident any more: TLP:red is above the clearance of amber",
            "3 more users do not see the incident any more, without a role in it",
        ]
    );
}

/// INVARIANT: nobody gets into an incident for good by writing down that a party takes part.
#[test]
fn a_party_lets_in_whoever_stands_for_it_and_not_by_the_own_hand() {
    let (served, id) = site();
    for (name, role) in [("lena", "reader:Guests"), ("mia", "reader:Guests"), ("noa", "handler:Guests")] {
        served.done(&["user", "add", name, "--full-name", name, "--clearance", "red", "--role", role]);
    }
    let [anna, ben, lena, mia] = ["anna", "ben", "lena", "mia"].map(|name| Client::new(&served, name));
    let (incident, entries) = (format!("/incidents/{id}"), format!("/incidents/{id}/entries"));
    let role = |holds: bool| json!({"kind": "role", "content": {"role": "lead-investigator", "person": "lena", "holds": holds}});
    let party = |name: &str| json!({"kind": "party", "content": {"party": name, "status": "unknown"}});
    anna.post(&entries, role(true));
    for name in ["Guests", " Guests "] {
        let told = lena.want("POST", &entries, &party(name), 403);
        assert!(told["detail"].as_str().unwrap().contains("and so you by your standing"), "{told}");
    }
    lena.post(&entries, party("Example University"));
    mia.want("GET", &incident, &Value::Null, 404);
    anna.post(&entries, role(false));
    lena.want("GET", &incident, &Value::Null, 404);
    // Who gains nothing by it may write it down, and who may ask who sees the incident is told whom that lets in.
    let answer = anna.post(&entries, party("Guests"));
    let seen = "now seen by the standing for a party that takes part: lena, mia, noa";
    assert_eq!(answer["warnings"][0]["what"], seen, "{answer}");
    ben.post(&entries, party("Guests"));
    mia.get(&incident);
    let decided = served.rows(&["audit", "--who", "lena", "--denied"]);
    assert!(decided.iter().any(|row| row["action"] == "release"), "{decided:?}");
}

/// Whoever speaks for a party says how that stands, and hands in evidence that those who work on the incident see; nothing
/// else of either.
#[test]
fn a_party_says_itself_how_it_stands_and_hands_in_evidence() {
    let (served, id) = site();
    let [anna, otto] = ["anna", "otto"].map(|name| Client::new(&served, name));
    let at = |rest: &str| format!("/incidents/{id}{rest}");
    let party = |party: &str, status: &str| json!({"kind": "party", "content": {"party": party, "status": status}});
    let row = || anna.get(&at(""))["parties"][0].clone();
    assert_eq!((&row()["status"], &row()["own_word"]), (&json!("unknown"), &json!(false)));
    otto.post(&at("/entries"), party("Grid", "contained"));
    assert_eq!((&row()["status"], &row()["own_word"]), (&json!("contained"), &json!(true)));
    let log = anna.get(&at("/entries?kind=party&author=otto"));
    assert_eq!(log["entries"][0]["content"]["status"], "contained");
    for status in ["verified", "told", "no-answer", "unknown"] {
        otto.want("POST", &at("/entries"), &party("Grid", status), 403);
    }
    otto.want("POST", &at("/entries"), &party("Example University", "cleaned"), 403);
    anna.post(&at("/entries"), party("Grid", "verified"));
    assert_eq!((&row()["status"], &row()["own_word"]), (&json!("verified"), &json!(false)));

    let head = |client: &Client<'_>| format!("{}Content-Type: application/octet-stream\r\n", client.head());
    let add = |client: &Client<'_>, bytes: &[u8], more: &str| {
        let path = format!("/api/v1{}?text=log&from=Grid&place=their+server&reason=handed+in{more}", at("/evidence"));
        served.ask("POST", &path, &head(client), bytes)
    };
    let added = add(&otto, b"their log", "");
    assert_eq!(added.status, 201, "{}", added.body);
    let sha256 = added.json()["sha256"].as_str().unwrap().to_owned();
    let seen = anna.get(&at("/evidence"));
    assert_eq!(seen["evidence"][0]["sha256"], json!(sha256), "{seen}");
    // Nothing goes out by it, and what becomes of it, or of that of others, is not for the party.
    assert_eq!(add(&otto, b"for all", "&tlp=green").status, 403);
    let open = add(&anna, b"ours", "&tlp=green").json()["sha256"].as_str().unwrap().to_owned();
    assert_eq!(otto.get(&at("/evidence"))["evidence"].as_array().unwrap().len(), 2);
    for (of, act) in [(&open, "collected"), (&open, "received"), (&sha256, "moved"), (&sha256, "destroyed")] {
        let deed = json!({"act": act, "whom": "Grid", "place": "x", "reason": "x"});
        let path = at(&format!("/evidence/{of}/custody"));
        let told = otto.want("POST", &path, &deed, 403);
        assert!(told["detail"].as_str().unwrap().contains("no role of otto"), "{act}: {told}");
    }
    served.done(&["verify"]);
}
