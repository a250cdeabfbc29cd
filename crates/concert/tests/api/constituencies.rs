//! Whoever stands for a constituency sees events, notices and contacts of its parties, and of others as much as of
//! parties that do not exist: over the API, and with commands.

use serde_json::{Value, json};

use crate::served::Served;
use crate::work::{Client, open};

const PARTIES: &str = "party,prefixes,sectors,mail\nGrid,192.0.2.0/25,energy,abuse@grid.example\n\
                       Bank,192.0.2.128/25,finance,abuse@bank.example\n";
/// Two events of one party, one of another, one of nobody.
const REPORT: &str = "{\"source.ip\":\"192.0.2.91\",\"classification.type\":\"scanner\"}\n\
                      {\"source.ip\":\"192.0.2.92\",\"classification.type\":\"scanner\"}\n\
                      {\"source.ip\":\"192.0.2.191\",\"classification.type\":\"scanner\"}\n\
                      {\"source.ip\":\"203.0.113.5\",\"classification.type\":\"scanner\"}\n";
/// Whoever sees nothing of all this.
const OUT: &str = "auditor";

fn site() -> Served {
    let served = Served::new();
    served.file("parties.csv", PARTIES);
    served.file("report.ndjson", REPORT);
    served.done(&["contact", "import", "constituents", "parties.csv"]);
    served.done(&["ingest", "--feed", "pushed", "report.ndjson"]);
    for (name, role) in [("energy", "reader:energy"), ("bank", "handler:Bank"), ("all", "reader"), (OUT, OUT)] {
        served.done(&["user", "add", name, "--full-name", name, "--role", role]);
    }
    served
}

fn as_user(served: &Served, user: &str, args: &[&str]) -> Vec<Value> {
    served.rows(&[&["--as", user], args].concat())
}

/// One member of all rows.
fn all(rows: &[Value], name: &str) -> Vec<String> {
    let mut texts: Vec<String> = rows.iter().map(|row| row[name].as_str().unwrap_or("null").to_owned()).collect();
    texts.sort();
    texts
}

#[test]
fn commands_show_what_belongs_to_the_parties_of_a_constituency() {
    let served = site();
    let check = |user: &str, addresses: &[&str], parties: &[&str]| {
        let asked = |args: &[&str]| as_user(&served, user, args);
        assert_eq!(all(&asked(&["events"]), "source.ip"), addresses, "{user}");
        let counted = asked(&["events", "--count-by", "classification.type"]);
        assert_eq!(counted[0]["count"], addresses.len(), "{user}");
        let told: Vec<String> =
            all(&asked(&["notice", "list"]), "key").into_iter().filter(|key| *key != "null").collect();
        assert_eq!(told, parties, "{user}");
        assert_eq!(all(&asked(&["notice", "preview"]), "key"), parties, "{user}");
        assert_eq!(all(&asked(&["contact", "list"]), "party"), parties, "{user}");
        assert_eq!(all(&asked(&["contact", "health"]), "party"), parties, "{user}");
        let about = asked(&["incident", "about", "192.0.2.91"]).remove(0);
        assert_eq!(about["events"], u64::from(addresses.contains(&"192.0.2.91")), "{user}");
    };
    check("energy", &["192.0.2.91", "192.0.2.92"], &["Grid"]);
    check("bank", &["192.0.2.191"], &["Bank"]);
    // Nobody answers for one of them, and nobody is told of it.
    let every = as_user(&served, "all", &["events"]);
    assert_eq!(every.len(), 4);
    // The answer about others is that about what does not exist.
    let who = |value: &str| as_user(&served, "energy", &["who", "--offline", value]).remove(0);
    assert_eq!(who("192.0.2.91")["party"], "Grid");
    let answer = |value: &str| who(value).to_string().replace(value, "VALUE");
    assert_eq!(answer("192.0.2.191"), answer("203.0.113.5"));
    let said = answer("192.0.2.191");
    assert!(
        said.contains("\"contact\":null") && said.contains("no party that you may see answers for VALUE"),
        "{said}"
    );
    let notices = served.rows(&["notice", "list"]);
    let number = |key: &str| notices.iter().find(|row| row["key"] == key).unwrap()["id"].as_str().unwrap().to_owned();
    let fails = |args: &[&str]| served.fails(&[&["--as", "energy"], args].concat());
    served.done(&["--as", "energy", "notice", "show", &number("Grid")]);
    let hidden = fails(&["notice", "show", &number("Bank")]).replace(&number("Bank"), "NUMBER");
    assert_eq!(hidden, fails(&["notice", "show", "20200101-000001"]).replace("20200101-000001", "NUMBER"));
    let hidden = fails(&["contact", "show", "Bank"]).replace("Bank", "NAME");
    assert_eq!(hidden, fails(&["contact", "show", "Mill"]).replace("Mill", "NAME"));
    let export = served.done(&["--as", "energy", "contact", "export"]);
    assert!(export.contains("Grid") && !export.contains("Bank"), "{export}");
    // What is about the site as a whole, or changes it, stays closed.
    for args in [
        &["feed", "list"][..],
        &["sql", "select 1"],
        &["notice", "send"],
        &["contact", "import", "constituents", "parties.csv"],
    ] {
        assert!(fails(args).contains("not allowed"), "{args:?}");
    }
    for args in [&["events"][..], &["notice", "list"], &["contact", "list"], &["who", "192.0.2.91"]] {
        assert!(served.fails(&[&["--as", OUT], args].concat()).contains("not allowed"), "{args:?}");
    }
}

#[test]
fn that_a_team_gets_its_notices_is_told_without_the_team() {
    let served = Served::new();
    served.settings(
        "[[notice]]\nname = \"mailed\"\ngroup_by = [\"party\"]\nto = \"responsible\"\nwhen = \"at once\"\nvia = \"mail\"\n\
         [via.mail]\ntype = \"smtp\"\nhost = \"127.0.0.1\"\nport = 9\ntls = \"off\"\n",
    );
    let parties = PARTIES.replace("abuse@grid.example", "").replace("abuse@bank.example", "");
    served.done(&["contact", "import", "constituents", &served.file("parties.csv", &parties)]);
    let teams = "party,sectors,mail\nPower CERT,energy,cert@power.example\n";
    served.done(&["contact", "import", "teams", &served.file("teams.csv", teams)]);
    served.done(&["ingest", "--feed", "pushed", &served.file("report.ndjson", REPORT)]);
    for (name, role) in [("grid", "reader:Grid"), ("bank", "reader:Bank"), ("all", "reader")] {
        served.done(&["user", "add", name, "--full-name", name, "--role", role]);
    }
    let none = |party: &str| format!("the party `{party}` has no contact with a mail address for abuse");
    // Nor is it told by the notice that goes there.
    let mailed = |user: &str, args: &[&str]| {
        let mut rows = as_user(&served, user, args);
        rows.retain(|row| row["name"] == "mailed" && row["key"] == "Grid");
        rows.remove(0)
    };
    let told = mailed("all", &["notice", "list"]);
    assert_eq!(told["to"], "cert@power.example");
    let id = told["id"].as_str().unwrap().to_owned();
    let row = mailed("grid", &["notice", "list"]);
    let why = format!("told to somebody else because {}", none("Grid"));
    assert_eq!((&row["to"], &row["reason"]), (&"".into(), &why.clone().into()), "{row}");
    let shown = as_user(&served, "grid", &["notice", "show", &id]).remove(0);
    let waits = mailed("grid", &["notice", "preview", "--text"]);
    assert_eq!(waits["why"], why.as_str());
    let raw = served.fails(&["--as", "grid", "notice", "show", &id, "--raw"]);
    assert!(raw.contains("goes to somebody else"), "{raw}");
    let said = format!("{row}{shown}{waits}{raw}");
    assert!(!said.contains("ower"), "{said}");
    let served = served.serve();
    let check = |user: &str, value: &str, contact: Option<&str>, reason: &str| {
        let mut row = as_user(&served, user, &["who", "--offline", "--explain", value]).remove(0);
        row.as_object_mut().unwrap().remove("passed_over");
        assert_eq!((row["contact"].as_str(), row["reason"].as_str()), (contact, Some(reason)), "{row}");
        let told = Client::new(&served, user).get(&format!("/who?value={value}&explain=true"));
        assert_eq!(told["rows"][0], row);
        assert!(user == "all" || !told.to_string().contains("ower"), "{told}");
    };
    check("grid", "192.0.2.91", None, &format!("{}, so somebody else gets its notices", none("Grid")));
    check("bank", "192.0.2.191", None, &format!("{}, so its notices wait", none("Bank")));
    let team = format!("stands in for `Grid` (network 192.0.2.0/25), because {}", none("Grid"));
    check("all", "192.0.2.91", Some("cert@power.example"), &team);
    let grid = Client::new(&served, "grid");
    for path in ["/notices".to_owned(), format!("/notices/{id}"), "/notices/preview".to_owned()] {
        let said = grid.get(&path).to_string();
        assert!(said.contains(&id) && !said.contains("ower"), "{said}");
    }
}

#[test]
fn the_api_gives_what_belongs_to_the_parties_of_a_constituency() {
    let served = site().serve();
    let bearer = |user: &str| format!("Authorization: Bearer {}\r\n", served.token(user, "admin"));
    let (energy, bank) = (bearer("energy"), bearer("bank"));
    let get = |head: &str, path: &str| -> Value {
        let answer = served.ask("GET", path, head, b"");
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        serde_json::from_str(&answer.body).unwrap()
    };
    let rows = |value: &Value, name: &str| value[name].as_array().unwrap().clone();
    // A part is as long as it is asked for, whatever lies between its rows.
    let first = get(&energy, "/api/v1/events?limit=1");
    let second = get(&energy, &format!("/api/v1/events?limit=1&cursor={}", first["next"].as_str().unwrap()));
    assert_eq!((rows(&first, "events").len(), rows(&second, "events").len()), (1, 1));
    assert_eq!(second["next"], Value::Null);
    assert_eq!(rows(&get(&energy, "/api/v1/events?if=party==%22Bank%22"), "events").len(), 0);
    assert_eq!(all(&rows(&get(&bank, "/api/v1/events"), "events"), "source.ip"), ["192.0.2.191"]);
    let notices = get(&energy, "/api/v1/notices");
    assert_eq!((all(&rows(&notices, "notices"), "key"), &notices["next"]), (vec!["Grid".to_owned()], &Value::Null));
    let of_bank = rows(&get(&bank, "/api/v1/notices"), "notices")[0]["id"].as_str().unwrap().to_owned();
    // The number of somebody else's notice is no place in the list.
    let at = |id: &str| get(&energy, &format!("/api/v1/notices?cursor={id}"));
    assert_eq!(at(&of_bank), at("20200101-000001"));
    // What comes is told to whom it belongs.
    let mut stream = served.connect("/api/v1/events/stream", &energy);
    crate::served::until(&mut stream, "\r\n\r\n");
    let more = "{\"source.ip\":\"192.0.2.192\",\"classification.type\":\"spam\"}\n{\"source.ip\":\"192.0.2.93\",\"classification.type\":\"spam\"}\n";
    let pushed =
        served.ask("POST", "/api/v1/feeds/pushed/reports", "Authorization: Bearer the-token\r\n", more.as_bytes());
    assert_eq!(pushed.status, 202, "{}", pushed.body);
    let text = crate::served::until(&mut stream, "192.0.2.93");
    assert!(!text.contains("192.0.2.192"), "{text}");
    // More rights are those of the whole.
    served.done(&["user", "change", "bank", "--role", "handler:Bank", "--role", "reader"]);
    assert_eq!(rows(&get(&bank, "/api/v1/events"), "events").len(), 6);
    assert_eq!(get(&bank, "/api/v1/feeds")["feeds"][0]["events"], json!(6));
    assert_eq!(served.ask("GET", "/api/v1/feeds", &energy, b"").status, 403);
}

/// What a feed brings is counted together, so a feed whose label is above the clearance is like one that is not there.
#[test]
fn a_feed_is_for_whoever_is_cleared_for_its_label() {
    let served = site();
    served.settings("[[feed]]\nname = \"strict\"\nparser = \"ndjson\"\ntlp = \"red\"\n");
    served.done(&["user", "add", "boss", "--full-name", "Boss", "--role", "handler", "--clearance", "red"]);
    served.done(&["user", "add", "low", "--full-name", "Low", "--role", "handler"]);
    served.done(&["ingest", "--feed", "strict", "report.ndjson"]);
    let names = |user: &str| all(&as_user(&served, user, &["feed", "list"]), "name");
    assert_eq!((names("boss"), names("all")), (vec!["pushed".to_owned(), "strict".into()], vec!["pushed".to_owned()]));
    assert_eq!(served.rows(&["feed", "list"]).len(), 2);
    let hidden = served.fails(&["--as", "all", "feed", "show", "strict"]).replace("strict", "NAME");
    let missing = served.fails(&["--as", "all", "feed", "show", "xyzxyz"]).replace("xyzxyz", "NAME");
    assert_eq!(hidden, missing);
    assert!(served.done(&["--as", "boss", "feed", "show", "strict"]).contains("strict"));
    let served = served.serve();
    let [boss, low] = ["boss", "low"].map(|name| Client::new(&served, name));
    let listed = |client: &Client| all(client.get("/feeds")["feeds"].as_array().unwrap(), "name");
    assert_eq!((listed(&boss), listed(&low)), (vec!["pushed".to_owned(), "strict".into()], vec!["pushed".to_owned()]));
    let at = |name: &str| format!("/feeds/{name}/replays");
    low.want("POST", &at("strict"), &json!({}), 404);
    low.want("GET", &at("strict"), &Value::Null, 404);
    boss.want("POST", &at("strict"), &json!({}), 202);
}

#[test]
fn a_notice_is_for_whoever_is_cleared_for_every_event_in_it() {
    let served = site();
    // One event of the notice is strict, so all of its text is.
    let strict = "{\"source.ip\":\"192.0.2.95\",\"classification.type\":\"spam\"}\n\
                  {\"source.ip\":\"192.0.2.96\",\"classification.type\":\"spam\",\"tlp\":\"red\"}\n";
    served.file("strict.ndjson", strict);
    let before = all(&served.rows(&["notice", "list"]), "id");
    let waiting = || all(&as_user(&served, "all", &["notice", "preview"]), "key").len();
    let preview = waiting();
    served.done(&["ingest", "--feed", "pushed", "strict.ndjson"]);
    let after = served.rows(&["notice", "list"]);
    let strict = all(&after, "id").into_iter().find(|id| !before.contains(id)).unwrap();
    served.done(&["user", "add", "boss", "--full-name", "Boss", "--role", "reader", "--clearance", "red"]);
    let seen = |user: &str| all(&as_user(&served, user, &["notice", "list"]), "id");
    assert_eq!(seen("boss"), all(&after, "id"));
    assert_eq!((seen("all"), waiting()), (before.clone(), preview));
    let hidden = served.fails(&["--as", "all", "notice", "show", &strict]).replace(&strict, "NUMBER");
    let missing = served.fails(&["--as", "all", "notice", "show", "20200101-000001"]);
    assert_eq!(hidden, missing.replace("20200101-000001", "NUMBER"));
    assert!(served.done(&["--as", "boss", "notice", "show", &strict]).contains("192.0.2.96"));

    let served = served.serve();
    let token = served.token("all", "admin");
    let ask = |path: &str| served.ask("GET", path, &format!("Authorization: Bearer {token}\r\n"), b"");
    let list = |path: &str| serde_json::from_str::<Value>(&ask(path).body).unwrap();
    assert_eq!(all(list("/api/v1/notices")["notices"].as_array().unwrap(), "id"), before);
    assert_eq!(list(&format!("/api/v1/notices?cursor={strict}")), list("/api/v1/notices?cursor=20200101-000001"));
    let (hidden, missing) = (ask(&format!("/api/v1/notices/{strict}")), ask("/api/v1/notices/20200101-000001"));
    assert_eq!((hidden.status, hidden.body), (404, missing.body));
}

#[test]
fn what_is_imported_while_the_site_serves_decides_at_once_who_sees_an_incident() {
    let served = site();
    served.done(&["user", "add", "anna", "--full-name", "Anna", "--role", "handler", "--clearance", "red"]);
    let served = served.serve();
    let [anna, energy] = ["anna", "energy"].map(|name| Client::new(&served, name));
    let id = open(&anna);
    let party = json!({"kind": "party", "content": {"party": "Grid", "status": "unknown"}});
    anna.post(&format!("/incidents/{id}/entries"), party);
    let path = format!("/incidents/{id}");
    energy.want("GET", &path, &Value::Null, 200);
    // Its sector is another one now.
    served.file("parties.csv", &PARTIES.replace("energy", "water"));
    served.done(&["contact", "import", "constituents", "parties.csv"]);
    let head = format!("Authorization: Bearer {}\r\n", served.token("energy", "admin"));
    served.until(|| served.ask("GET", &format!("/api/v1{path}"), &head, b"").status == 404);
}
