//! Incidents that begin with a report, opened over the API.

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
    assert_eq!((answer(&grid, &report), answer(&grid, &report).0), (answer(&grid, NONE), 400));
    // Whoever may open none is told so, whatever report it is.
    assert_eq!((answer(&carl, &report), answer(&carl, &report).0), (answer(&carl, NONE), 403));
    // What is written about evidence or mail is not written by hand here either.
    let mut by_hand = new(&report);
    by_hand["entries"] = json!([{"kind": "delivery", "content": {}}]);
    anna.want("POST", "/incidents", &by_hand, 400);
    anna.want("POST", "/incidents", &json!({"report": 1}), 400);
    assert_eq!(anna.get("/incidents")["incidents"].as_array().unwrap().len(), 2);
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
