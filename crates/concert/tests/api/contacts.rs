//! The contact book, notices and replays over the API: what commands do, with the same limits.

use serde_json::{Value, json};

use crate::served::Served;
use crate::work::Client;

const PARTIES: &str = "party,prefixes,sectors,mail\nGrid,192.0.2.0/25,energy,abuse@grid.example\n\
                       Bank,192.0.2.128/25,finance,abuse@bank.example\n";
const REPORT: &str = "{\"source.ip\":\"192.0.2.91\",\"classification.type\":\"scanner\"}\n\
                      {\"source.ip\":\"192.0.2.191\",\"classification.type\":\"scanner\"}\nrubbish\n";

fn site() -> Served {
    let served = Served::new();
    served.file("parties.csv", PARTIES);
    served.done(&["contact", "import", "constituents", "parties.csv"]);
    served.done(&["ingest", "--feed", "pushed", &served.file("report.ndjson", REPORT)]);
    for (name, role) in [("anna", "handler"), ("energy", "handler:energy"), ("bank", "handler:Bank"), ("ray", "reader")]
    {
        served.done(&["user", "add", name, "--full-name", name, "--role", role]);
    }
    served
}

fn column(answer: &Value, list: &str, name: &str) -> Vec<String> {
    answer[list].as_array().unwrap().iter().map(|row| row[name].as_str().unwrap_or("null").to_owned()).collect()
}

#[test]
fn who_answers_for_values_is_told_as_the_command_tells_it() {
    let served = site().serve();
    let (anna, bank) = (Client::new(&served, "anna"), Client::new(&served, "bank"));
    let told = anna.get("/who?value=192.0.2.91&value=203.0.113.5");
    assert_eq!(told["rows"], json!(served.rows(&["who", "--offline", "192.0.2.91", "203.0.113.5"])));
    assert_eq!(column(&told, "rows", "party"), ["Grid", "null"]);
    assert!(told["passed_over"].is_null() && anna.get("/who?value=AS1&explain=true")["passed_over"].is_array());
    assert_eq!(column(&bank.get("/who?value=192.0.2.91&value=192.0.2.191"), "rows", "party"), ["null", "Bank"]);
    for (query, says) in
        [("", "`value`"), ("?value=%20", "`value`"), ("?value=x&explain=yes", "`explain`"), ("?valu=x", "no parameter")]
    {
        let refused = anna.want("GET", &format!("/who{query}"), &Value::Null, 400);
        assert!(refused["detail"].as_str().unwrap().contains(says), "{refused}");
    }
}

#[test]
fn the_contact_book_is_listed_checked_exported_and_imported() {
    let served = site().serve();
    let (anna, energy) = (Client::new(&served, "anna"), Client::new(&served, "energy"));
    let first = anna.get("/contacts?limit=1");
    assert_eq!((column(&first, "contacts", "party"), &first["next"]), (vec!["Grid".to_owned()], &json!("1")));
    assert_eq!(column(&anna.get("/contacts?cursor=1"), "contacts", "contact"), ["abuse@bank.example"]);
    assert_eq!(anna.get("/contacts")["contacts"], json!(served.rows(&["contact", "list"])));
    assert_eq!(anna.get("/contacts/health")["contacts"], json!(served.rows(&["contact", "health"])));
    assert_eq!(column(&energy.get("/contacts/health"), "contacts", "party"), ["Grid"]);
    assert_eq!(energy.get("/parties/Grid")["contacts"][0]["mail"], "abuse@grid.example");
    energy.want("GET", "/parties/Bank", &Value::Null, 404);
    // Whom registries name is shown to whoever sees everybody.
    let objects = "role: A\nnic-hdl: AR1\nabuse-mailbox: abuse@a.example\nsource: RIPE\n\n\
        inetnum: 203.0.113.0 - 203.0.113.255\nabuse-c: AR1\nsource: RIPE\n";
    served.done(&["contact", "import", "rpsl", &served.file("ripe.db", objects)]);
    for name in ["RIPE AR1", "Grid"] {
        let shown = anna.get(&format!("/parties/{}", name.replace(' ', "%20")));
        assert_eq!(vec![shown], served.rows(&["contact", "show", name]));
    }
    assert_eq!(anna.get("/parties/RIPE%20AR1")["contacts"][0]["mail"], "abuse@a.example");
    energy.want("GET", "/parties/RIPE%20AR1", &Value::Null, 404);
    let export = served.ask("GET", "/api/v1/contacts/export", energy.head(), b"");
    assert!(export.head.contains("text/csv") && export.body.contains("Grid") && !export.body.contains("Bank"));

    let import = |text: &str, dry_run: bool| json!({"parties": "constituents", "files": [{"name": "p.csv", "text": text}], "dry_run": dry_run});
    let more = format!("{PARTIES}Mill,198.51.100.0/24,,\n");
    energy.want("POST", "/contacts/imports", &import(&more, true), 403);
    let wrong = anna.want("POST", "/contacts/imports", &import("party,asns\nA,x\nB,y\n", false), 400);
    assert_eq!(column(&wrong, "mistakes", "place"), ["p.csv:2", "p.csv:3"], "{wrong}");
    let empty = json!({"parties": "constituents", "files": []});
    anna.want("POST", "/contacts/imports", &empty, 400);
    let nobody = anna.want("POST", "/contacts/imports", &import("party,asns\n", false), 400);
    assert!(
        nobody.to_string().contains("the files hold no party") && nobody.to_string().contains("remove_all"),
        "{nobody}"
    );
    let gone = anna.want("POST", "/contacts/imports", &import("party,asns\n", true), 200);
    assert!(column(&gone, "changes", "change").iter().all(|change| change == "removed"), "{gone}");
    let dry = anna.want("POST", "/contacts/imports", &import(&more, true), 200);
    assert_eq!((column(&dry, "changes", "party"), &dry["findings"]), (vec!["Mill".to_owned()], &json!(1)));
    anna.want("GET", "/parties/Mill", &Value::Null, 404);
    let keyed = format!("Content-Type: application/json\r\nIdempotency-Key: i1\r\n{}", anna.head());
    let send = || served.ask("POST", "/api/v1/contacts/imports", &keyed, import(&more, false).to_string().as_bytes());
    assert_eq!(send().json()["changes"][0]["change"], "added");
    anna.get("/parties/Mill");
    assert_eq!(column(&anna.get("/contacts/findings"), "findings", "party"), ["Mill"]);
    // What was answered before does not come back over what was imported since.
    anna.want("POST", "/contacts/imports", &import(PARTIES, false), 200);
    assert_eq!(send().json()["changes"][0]["change"], "added");
    anna.want("GET", "/parties/Mill", &Value::Null, 404);
    let log = served.done(&["audit", "--who", "anna", "--format", "ndjson"]);
    assert_eq!(log.matches("contact import").count(), 2, "{log}");
}

#[test]
fn notices_are_decided_about_by_whoever_may_change_them() {
    let served = site();
    served.settings_of_notice("approve = true");
    served.done(&[
        "ingest",
        "--feed",
        "pushed",
        &served.file("more.ndjson", &REPORT.replace(".91", ".17").replace(".191", ".192")),
    ]);
    let rows = served.rows(&["notice", "list", "--state", "waiting"]);
    let id = |key: &str| {
        let row = rows.iter().find(|row| row["key"] == key && !row["id"].is_null()).unwrap();
        row["id"].as_str().unwrap().to_owned()
    };
    let (grid, of_bank) = (id("Grid"), id("Bank"));
    let served = served.serve();
    let [anna, energy, bank, ray] = ["anna", "energy", "bank", "ray"].map(|name| Client::new(&served, name));
    let act = |client: &Client<'_>, id: &str, body: Value, status: u16| {
        client.want("POST", &format!("/notices/{id}/acts"), &body, status)
    };
    let state = |id: &str| anna.get(&format!("/notices/{id}"))["state"].as_str().unwrap().to_owned();
    // Who sees it may not change it, and who may change others does not learn that it is there.
    assert_eq!(act(&ray, &grid, json!({"do": "approve"}), 403)["policy"], "standing");
    act(&bank, &grid, json!({"do": "approve"}), 404);
    act(&energy, &of_bank, json!({"do": "approve"}), 404);
    let narrow =
        format!("Content-Type: application/json\r\nAuthorization: Bearer {}\r\n", served.token("anna", "notices:read"));
    let read = served.ask("POST", &format!("/api/v1/notices/{grid}/acts"), &narrow, br#"{"do": "approve"}"#);
    assert_eq!((read.status, &read.json()["policy"]), (403, &json!("token")));
    for (body, status) in [
        (json!({"do": "burn"}), 400),
        (json!({"do": "reject"}), 400),
        (json!({"do": "approve", "to": "a@b.example"}), 400),
        (json!({"do": "retry", "to": "nowhere"}), 400),
        (json!({"do": "send"}), 409),
        (json!({"do": "retry"}), 409),
        (json!({"do": "resend"}), 409),
    ] {
        act(&anna, &grid, body, status);
    }
    assert_eq!(act(&anna, &of_bank, json!({"do": "reject", "why": "told by telephone"}), 200)["state"], "rejected");
    assert_eq!(anna.get(&format!("/notices/{of_bank}"))["reason"], "told by telephone");
    // What is rejected can be taken back, by whoever may approve it, and waits again.
    act(&energy, &of_bank, json!({"do": "retry"}), 404);
    assert_eq!(act(&anna, &of_bank, json!({"do": "retry"}), 200)["state"], "waiting");
    assert_eq!(act(&anna, &of_bank, json!({"do": "retry", "to": "soc@bank.example"}), 200)["state"], "waiting");
    assert_eq!(anna.get(&format!("/notices/{of_bank}"))["to"], "soc@bank.example");
    let log = served.done(&["audit", "--object", &format!("notice {of_bank}"), "--format", "ndjson"]);
    assert!(log.contains("to soc@bank.example"), "{log}");
    assert_eq!(act(&anna, &of_bank, json!({"do": "reject", "why": "told by telephone"}), 200)["state"], "rejected");
    assert_eq!(act(&energy, &grid, json!({"do": "approve"}), 200)["state"], "queued");
    served.until(|| state(&grid) == "delivered");
    let shown = energy.get(&format!("/notices/{grid}"));
    assert!(shown["text"].as_str().unwrap().contains("192.0.2.17") && shown["encrypted"] == false, "{shown}");
    let keyed = format!("Content-Type: application/json\r\nIdempotency-Key: n1\r\n{}", anna.head());
    let again = || served.ask("POST", &format!("/api/v1/notices/{grid}/acts"), &keyed, br#"{"do": "resend"}"#);
    let (first, second) = (again(), again());
    assert_eq!((first.status, &first.body), (200, &second.body), "it is made once");
    assert_eq!((&first.json()["again_of"], &first.json()["state"]), (&json!(grid), &json!("waiting")));
    anna.want("GET", "/notices?state=waitng", &Value::Null, 400);
    let waiting = anna.get("/notices?state=waiting&name=daily");
    assert_eq!(column(&waiting, "notices", "id"), [first.json()["id"].as_str().unwrap()]);
    let log = served.done(&["audit", "--object", &format!("notice {grid}"), "--format", "ndjson"]);
    assert!(log.contains("notice approve") && log.contains("notice resend"), "{log}");
    assert_eq!(column(&bank.get("/notices/preview"), "notices", "key"), Vec::<String>::new());
    anna.want("GET", "/notices/preview?name=none", &Value::Null, 400);
}

#[test]
fn what_nobody_answered_for_names_all_who_get_it_when_it_is_tried_again() {
    let served = site();
    let events = REPORT.replace("192.0.2.91", "198.51.100.1").replace("192.0.2.191", "203.0.113.1");
    served.done(&["ingest", "--feed", "pushed", &served.file("more.ndjson", &events)]);
    // What waited for longer than a week is left to a person.
    served.age_notices(8);
    let more = format!("{PARTIES}B,198.51.100.0/24,,abuse@b.example\nC,203.0.113.0/24,,abuse@c.example\n");
    served.done(&["contact", "import", "constituents", &served.file("more.csv", &more)]);
    let served = served.serve();
    let anna = Client::new(&served, "anna");
    let waiting = anna.get("/notices?state=no-contact");
    let id = waiting["notices"][0]["id"].as_str().unwrap();
    let said = "it becomes 2 notices: 1 event to abuse@b.example, 1 event to abuse@c.example";
    let preview = anna.get("/notices/preview");
    let foretold = preview["notices"].as_array().unwrap().iter().find(|row| row["id"] == id).unwrap();
    assert_eq!(foretold["why"], format!("{said}, when you try it again: `concert notice retry {id}`"));
    let made = anna.want("POST", &format!("/notices/{id}/acts"), &json!({"do": "retry"}), 200);
    assert_eq!((&made["id"], &made["state"], &made["why"]), (&json!(id), &json!("queued"), &json!(said)));
    let log = served.done(&["audit", "--object", &format!("notice {id}"), "--format", "ndjson"]);
    assert!(log.contains(said), "{log}");
    let mut keys = column(&anna.get("/notices"), "notices", "key");
    keys.sort();
    assert_eq!(keys, ["B", "Bank", "C", "Grid"]);
}

#[test]
fn a_feed_is_replayed_by_the_process_that_works_on_the_site() {
    let served = site().serve();
    let (anna, energy) = (Client::new(&served, "anna"), Client::new(&served, "energy"));
    anna.want("GET", "/feeds/pushed/replays", &Value::Null, 404);
    anna.want("POST", "/feeds/none/replays", &json!({}), 404);
    energy.want("POST", "/feeds/pushed/replays", &json!({}), 403);
    anna.want("POST", "/feeds/pushed/replays", &json!({"since": "yesterday"}), 400);
    assert_eq!(anna.want("POST", "/feeds/pushed/replays", &json!({}), 202)["done"], false);
    served.until(|| anna.get("/feeds/pushed/replays")["done"] == true);
    let ended = anna.get("/feeds/pushed/replays");
    assert_eq!(
        (&ended["reports"], &ended["replaced"], &ended["rejects"]),
        (&json!(1), &json!(0), &json!(1)),
        "{ended}"
    );
    assert_eq!(
        anna.want("POST", "/feeds/pushed/replays", &json!({"since": "2100-01-01T00:00:00Z"}), 202)["reports"],
        0
    );
    served.until(|| anna.get("/feeds/pushed/replays")["done"] == true);
    assert_eq!(anna.get("/feeds/pushed/replays")["reports"], 0);
}
