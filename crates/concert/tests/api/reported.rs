//! Incidents that begin with a report, opened over the API.

use concert_model::{ReportId, Time};
use concert_store::records::{MailRow, Settled};
use serde_json::{Value, json};

use crate::served::Served;
use crate::work::Client;

const REPORT: &str = "{\"source.ip\":\"192.0.2.91\",\"classification.type\":\"scanner\"}\n\
                      {\"source.ip\":\"203.0.113.5\",\"classification.type\":\"scanner\"}\n";
const NONE: &str = "00000000000000000000000000000000";

#[test]
fn an_incident_is_opened_from_a_report_by_whoever_sees_reports() {
    let served = Served::new();
    served.done(&["ingest", "--feed", "pushed", &served.file("report.ndjson", REPORT)]);
    let report = served.rows(&["events"])[0]["report.id"].as_str().unwrap().to_owned();
    for (name, role) in [("anna", "handler"), ("grid", "handler:Grid"), ("carl", "reader")] {
        served.done(&["user", "add", name, "--full-name", name, "--role", role, "--clearance", "red"]);
    }
    let served = served.serve();
    let [anna, grid, carl] = ["anna", "grid", "carl"].map(|name| Client::new(&served, name));
    let new = |report: &str| {
        let entries = json!([{"kind": "note", "content": {"text": "As reported."}}]);
        json!({"title": "Scans", "classification": "scanner", "severity": "medium", "marking": {"tlp": "green"}, "report": report,
            "entries": entries})
    };
    let keyed = format!("Content-Type: application/json\r\nIdempotency-Key: r1\r\n{}", anna.head());
    let open = || served.ask("POST", "/api/v1/incidents", &keyed, new(&report).to_string().as_bytes());
    let (first, again) = (open(), open());
    assert_eq!((first.status, &first.body), (201, &again.body), "it happens once");
    assert_eq!(anna.get("/incidents")["incidents"].as_array().unwrap().len(), 1);

    // It is what the command makes of it.
    let opened: Value = serde_json::from_str(&first.body).unwrap();
    let shown = anna.get(&format!("/incidents/{}", opened["id"].as_str().unwrap()));
    let asked = [
        "--as",
        "anna",
        "incident",
        "open",
        "Scans",
        "--type",
        "scanner",
        "--severity",
        "medium",
        "--tlp",
        "green",
        "--report",
        &report,
    ];
    let other = served.rows(&asked).remove(0);
    let other = anna.get(&format!("/incidents/{}", other["id"].as_str().unwrap()));
    assert_eq!((shown["events"].as_array().unwrap().len(), &shown["events"]), (2, &other["events"]));
    assert_eq!((&shown["observables"], &shown["parties"]), (&other["observables"], &other["parties"]));
    let evidence = |shown: &Value| {
        let one = &shown["evidence"][0];
        (one["sha256"].clone(), one["marking"]["tlp"].clone(), one["custody"][0]["whom"].clone())
    };
    assert_eq!(evidence(&shown), evidence(&other));
    assert_eq!(evidence(&shown).1, "amber+strict");

    // Whoever sees only events of a constituency learns nothing of reports, also not that there is one.
    let answer = |client: &Client<'_>, report: &str| {
        let answer = client.ask("POST", "/incidents", &new(report));
        (answer.status, answer.body.replace(report, "REPORT"))
    };
    assert_eq!(answer(&grid, &report), answer(&anna, NONE));
    assert_eq!((answer(&grid, &report), answer(&grid, &report).0), (answer(&grid, NONE), 404));
    // Whoever may open none is told so, whatever report it is.
    assert_eq!((answer(&carl, &report), answer(&carl, &report).0), (answer(&carl, NONE), 403));
    // What is written about evidence or mail is not written by hand here either.
    let mut by_hand = new(&report);
    by_hand["entries"] = json!([{"kind": "delivery", "content": {}}]);
    anna.want("POST", "/incidents", &by_hand, 400);
    anna.want("POST", "/incidents", &json!({"report": 1}), 400);
    assert_eq!(anna.get("/incidents")["incidents"].as_array().unwrap().len(), 2);
    // Whoever opens another from the same report is warned.
    let third = anna.post("/incidents", new(&report));
    let told = format!("{} began with the same report already", opened["number"].as_str().unwrap());
    assert!(third["warnings"].as_array().unwrap().iter().any(|one| one["what"] == told.as_str()), "{third}");
    served.done(&["verify"]);
}

/// A mail that came as a file says who sent it, as one from a mailbox does.
#[test]
fn whoever_sent_a_mail_that_was_ingested_is_a_party() {
    let served = Served::new();
    let link = format!("http://evil.example/{}", "a".repeat(1_000));
    let mail = format!(
        "From: Anna <anna@bank.example>\r\nTo: cert@cert.example\r\nSubject: Scans\r\nMessage-ID: <one@bank.example>\r\n\
         Content-Type: text/plain\r\n\r\n{}",
        REPORT.replace('\n', "\r\n").replacen("\"scanner\"", &format!("\"scanner\",\"source.url\":\"{link}\""), 1)
    );
    served.done(&["ingest", "--feed", "pushed", &served.file("report.eml", &mail)]);
    let report = served.rows(&["events"])[0]["report.id"].as_str().unwrap().to_owned();
    let open =
        ["incident", "open", "Scans", "--type", "scanner", "--severity", "low", "--tlp", "green", "--report", &report];
    let number = served.rows(&open)[0]["incident"].as_str().unwrap().to_owned();
    let shown = served.rows(&["incident", "show", &number]).remove(0);
    let party = &shown["parties"][0];
    assert_eq!((&party["party"], &party["status"]), (&json!("reporter"), &json!("acknowledged")));
    let message = served.rows(&["incident", "mail", "thread", &number]).remove(0);
    assert_eq!((&message["sort"], &message["address"]), (&json!("report"), &json!("anna@bank.example")));
    let evidence = &shown["evidence"][0];
    assert_eq!((&evidence["name"], &evidence["marking"]["tlp"]), (&json!("report.eml"), &json!("amber+strict")));
    assert_eq!(shown["events"].as_array().unwrap().len(), 2);
    let values = shown["observables"].as_array().unwrap();
    assert!(values.iter().any(|one| one["value"] == link.as_str()), "a URL that is longer than a name: {values:?}");
    // Whoever may see the incident and no more does not learn who it was.
    served.done(&["user", "add", "jo", "--full-name", "Jo", "--role", "reader", "--clearance", "green"]);
    let log = served.done(&["incident", "log", &number, "--as", "jo", "--format", "ndjson"]);
    assert!(log.contains("reporter") && !log.contains("bank.example"), "{log}");
}

/// Mails as the mailbox keeps and settles them: each with its state and the incident it belongs to.
fn mails(served: &Served, mails: &[(&str, &str)]) {
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let store = served.store().await;
        // What is older than reports are kept is gone when the site starts.
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let now = Time(i64::try_from(since.as_micros()).unwrap());
        for (at, (state, incident)) in (1..).zip(mails) {
            let text = format!("From: anna@bank.example\r\nSubject: Help {at}\r\n\r\nWe were hacked, please call.\r\n");
            let (content, bytes) = store.archive.keep(&mut text.as_bytes(), None).unwrap();
            store.records.add_mail(ReportId([at; 16]), &content, now, bytes).await.unwrap();
            let row = store.records.mail(i64::from(at)).await.unwrap().unwrap();
            let [state, incident] = [state, incident].map(|text| (*text).to_owned());
            let row = MailRow { state, incident, kind: "written".into(), from: "anna@bank.example".into(), ..row };
            store.records.settle_mail(&Settled { row, ..Settled::default() }, now).await.unwrap();
        }
    });
}

#[test]
fn an_incident_is_opened_from_a_mail_by_whoever_sees_reports() {
    let served = Served::new();
    for (name, role) in [("anna", "handler"), ("grid", "handler:Grid")] {
        served.done(&["user", "add", name, "--full-name", name, "--role", role, "--clearance", "red"]);
    }
    mails(&served, &[("aside", ""), ("held", "01943c1e-0000-7000-8000-000000000000"), ("held", ""), ("aside", "")]);
    let served = served.serve();
    let [anna, grid] = ["anna", "grid"].map(|name| Client::new(&served, name));
    let list = anna.get("/mailbox?limit=1");
    let row = &list["mails"][0];
    assert_eq!((&row["mail"], &row["state"], &row["report"]), (&json!(4), &json!("aside"), &Value::Null));
    let rest = anna.get(&format!("/mailbox?cursor={}&state=aside", list["next"].as_str().unwrap()));
    assert_eq!((rest["mails"][0]["mail"].clone(), rest["mails"].as_array().unwrap().len()), (json!(1), 1));
    let told = anna.want("GET", "/mailbox?state=asid", &Value::Null, 400).to_string();
    assert!(told.contains("did you mean `aside`?"), "{told}");

    let new = |mail: Value| json!({"title": "Help", "classification": "system-compromise", "severity": "high", "marking": {"tlp": "amber"}, "mail": mail});
    let opened = anna.post("/incidents", new(json!(1)));
    let shown = anna.get(&format!("/incidents/{}", opened["id"].as_str().unwrap()));
    assert_eq!(
        (&shown["evidence"][0]["name"], &shown["parties"][0]["party"]),
        (&json!("mail-1.eml"), &json!("reporter"))
    );
    // It begins one incident, which its row names.
    let told = anna.want("POST", "/incidents", &new(json!(1)), 400).to_string();
    assert!(told.contains(&format!("{} began with mail 1 already", opened["number"].as_str().unwrap())), "{told}");
    let rows = anna.get("/mailbox")["mails"].as_array().unwrap().clone();
    let incidents: Vec<(&Value, &Value)> = rows.iter().map(|row| (&row["mail"], &row["incident"])).collect();
    assert_eq!(incidents, [(&json!(4), &Value::Null), (&json!(1), &opened["number"])]);
    let rows = served.rows(&["mailbox", "list"]);
    assert_eq!(rows.iter().find(|row| row["mail"] == 1).unwrap()["incident"], opened["number"]);
    // One of an incident, and one for whoever sees less, are answered like one that is not there.
    let answer = |client: &Client<'_>, mail: i64| {
        let answer = client.ask("POST", "/incidents", &new(json!(mail)));
        (answer.status, answer.body.replace(&format!("mail {mail}"), "mail"))
    };
    assert_eq!((answer(&anna, 2), answer(&anna, 2).0), (answer(&anna, 99), 404));
    assert_eq!(answer(&grid, 1), answer(&anna, 99));
    grid.want("GET", "/mailbox", &Value::Null, 403);
    for odd in [json!("1"), json!(0), json!(1.5)] {
        anna.want("POST", "/incidents", &new(odd), 400);
    }
    let mut both = new(json!(1));
    both["report"] = json!(NONE);
    anna.want("POST", "/incidents", &both, 400);
    served.done(&["verify"]);
}

#[test]
fn an_incident_is_opened_from_an_event_by_whoever_sees_it() {
    let served = Served::new();
    served.done(&["ingest", "--feed", "pushed", &served.file("report.ndjson", REPORT)]);
    let event = served.rows(&["events"])[0]["event.id"].as_str().unwrap().to_owned();
    for (name, role) in [("anna", "handler"), ("grid", "handler:Grid")] {
        served.done(&["user", "add", name, "--full-name", name, "--role", role, "--clearance", "red"]);
    }
    let served = served.serve();
    let [anna, grid] = ["anna", "grid"].map(|name| Client::new(&served, name));
    let new = |event: &str| {
        let entries = json!([{"kind": "event", "content": {"event": event}}]);
        json!({"title": "Scans", "classification": "scanner", "severity": "medium", "marking": {"tlp": "amber"},
            "entries": entries})
    };
    let keyed = format!("Content-Type: application/json\r\nIdempotency-Key: e1\r\n{}", anna.head());
    let open = || served.ask("POST", "/api/v1/incidents", &keyed, new(&event).to_string().as_bytes());
    let (first, again) = (open(), open());
    assert_eq!((first.status, &first.body), (201, &again.body), "it happens once");
    let opened: Value = serde_json::from_str(&first.body).unwrap();
    let shown = anna.get(&format!("/incidents/{}", opened["id"].as_str().unwrap()));
    assert_eq!((&shown["events"], &shown["marking"]), (&json!([event]), &json!({"tlp": "amber"})));
    // The event does not say how bad it is and for whom: whoever opens it does.
    anna.want("POST", "/incidents", &json!({"entries": new(&event)["entries"]}), 400);
    let answer = |client: &Client<'_>, event: &str| {
        let answer = client.ask("POST", "/incidents", &new(event));
        (answer.status, answer.body.replace(event, "EVENT"))
    };
    assert_eq!((answer(&grid, &event), answer(&grid, &event).0), (answer(&anna, NONE), 404));
    assert_eq!(anna.get("/incidents")["incidents"].as_array().unwrap().len(), 1);
}
