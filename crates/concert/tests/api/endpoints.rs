//! Every address that the program answers, asked by every kind of person about things that are there: what somebody
//! may not see is answered, byte for byte, like what is not there.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::served::{Answer, Served};

/// Persons with their roles and clearance; each has a token that allows all that the person may.
const PERSONS: [(&str, &[&str], &str); 11] = [
    ("administrator", &["administrator"], "red"),
    ("auditor", &["auditor"], "red"),
    ("handler", &["handler"], "red"),
    ("reader", &["reader"], "red"),
    ("energy", &["reader:energy"], "amber"),
    ("finance", &["handler:finance"], "red"),
    ("low", &["reader"], "green"),
    // Speaks for the party in the incident, and is nobody else.
    ("speaker", &["auditor"], "amber"),
    // May read all, and has a token for events alone.
    ("scoped", &["reader"], "red"),
    // May do all with incidents, and has a token that reads them alone.
    ("narrow", &["handler"], "red"),
    // Comes with the cookie of a session, begun without a second factor.
    ("session", &["handler"], "red"),
];

/// Whoever sees everything that everybody of the site sees.
const WHOLE: [&str; 3] = ["handler", "reader", "session"];
/// Whoever sees the incident that a party of the sector energy takes part in.
const OF_INCIDENT: [&str; 6] = ["handler", "reader", "energy", "speaker", "narrow", "session"];
/// Whoever sees the one that is for a named person.
const OF_RED: [&str; 1] = ["reader"];
/// Whoever sees evidence that is for a named person.
const OF_EVIDENCE: [&str; 1] = ["handler"];
/// What is answered whoever comes, or has a token of its own.
const PUBLIC: [&str; 7] = [
    "/assets/concert.css",
    "/assets/icon.svg",
    "/healthz",
    "/readyz",
    "/api/v1/openapi.json",
    "/api/v1/login",
    "/api/v1/feeds/{name}/reports",
];
/// What is there for whoever must choose another password first.
const OWN: [&str; 5] = [
    "/api/v1/me",
    "/api/v1/me/password",
    "/api/v1/me/second-factor",
    "/api/v1/me/second-factor/removals",
    "/api/v1/logout",
];

/// Every person.
fn everybody() -> Vec<&'static str> {
    PERSONS.iter().map(|(name, ..)| *name).collect()
}

/// One way of asking at an address.
struct Row {
    route: &'static str,
    method: &'static str,
    /// Where the thing is, and where nothing is; the same where it is about no thing.
    there: String,
    missing: String,
    headers: &'static str,
    body: String,
    /// The answers that say that there is nothing, where it is a list.
    empty: Vec<String>,
    /// Who gets another answer than that nothing is there.
    who: Vec<&'static str>,
}

const JSON: &str = "Content-Type: application/json\r\n";
const BYTES: &str = "Content-Type: application/octet-stream\r\n";

fn get(route: &'static str, there: String, missing: String, who: &[&'static str]) -> Row {
    let (headers, body) = ("", String::new());
    Row { route, method: "GET", there, missing, headers, body, empty: Vec::new(), who: who.to_vec() }
}

fn post(route: &'static str, there: String, missing: String, body: Value, who: &[&'static str]) -> Row {
    let (headers, body) = (JSON, body.to_string());
    Row { route, method: "POST", there, missing, headers, body, empty: Vec::new(), who: who.to_vec() }
}

/// A list of what may be seen.
fn list(route: &'static str, query: &str, empty: &'static str, who: &[&'static str]) -> Row {
    let at = format!("{route}{query}");
    Row { empty: vec![empty.to_owned()], ..get(route, at.clone(), at, who) }
}

/// What is known of a domain that no event names: nothing at all where the person sees no entry with it.
fn about(value: &str, who: &[&'static str]) -> Row {
    // Whoever sees no events is not told that there are none.
    let nothing = |events: Value| {
        json!({"value": value, "of": "domain", "incidents": [], "is_common": false, "has_more": false, "events": events,
            "first_seen": null, "last_seen": null, "entries": [], "next": null})
    };
    let empty = [json!(0), Value::Null].map(|events| nothing(events).to_string()).to_vec();
    Row { empty, ..list("/api/v1/observables", &format!("?value={value}"), "", who) }
}

/// Something about the site as a whole.
fn site(route: &'static str, who: &[&'static str]) -> Row {
    get(route, route.to_owned(), route.to_owned(), who)
}

/// What is there, and words in it that only some may learn.
struct Things {
    incident: String,
    red: String,
    notice: String,
    /// Evidence of the incident: for everybody who sees it, and for a named person.
    evidence: [String; 2],
    token: i64,
}

const NOTHING: &str = "01943c1e-0000-7000-8000-000000000000";

fn secrets() -> [(&'static str, Vec<&'static str>); 8] {
    let parties = |party: &'static str| [&WHOLE[..], &[party]].concat();
    [
        ("Heron-incident", OF_INCIDENT.to_vec()),
        ("Osprey-red", OF_RED.to_vec()),
        ("Merlin-note", OF_RED.to_vec()),
        ("Kestrel-evidence", OF_EVIDENCE.to_vec()),
        // Events and notices have no label that a clearance is asked for; one token is for events alone.
        ("192.0.2.91", [parties("energy"), vec!["low", "scoped"]].concat()),
        ("192.0.2.191", [parties("finance"), vec!["low", "scoped"]].concat()),
        ("abuse@grid.example", [parties("energy"), vec!["low"]].concat()),
        // A feed that is RED is named to whoever is cleared for that and sees feeds, or numbers of them; and by the audit log.
        ("harrier-feed", [&WHOLE[..], &["scoped", "administrator", "auditor", "speaker"]].concat()),
    ]
}

/// Rows about one incident.
fn of_incident(id: &str, evidence: &str, who: &[&'static str]) -> Vec<Row> {
    let base = |id: &str, rest: &str| format!("/api/v1/incidents/{id}{rest}");
    let at = |route: &'static str, rest: &str| get(route, base(id, rest), base(NOTHING, rest), who);
    let to = |route: &'static str, rest: &str, body: Value| post(route, base(id, rest), base(NOTHING, rest), body, who);
    let of = format!("/evidence/{evidence}");
    vec![
        at("/api/v1/incidents/{id}", ""),
        // Auditors ask who sees what, without seeing it.
        Row { who: [who, &["auditor", "speaker"]].concat(), ..at("/api/v1/incidents/{id}/access", "/access") },
        // So they read its part of the log; whose token is not for it is told so whatever is there.
        Row {
            who: who.iter().copied().filter(|name| *name != "narrow").chain(["auditor", "speaker"]).collect(),
            ..at("/api/v1/incidents/{id}/audit", "/audit")
        },
        to("/api/v1/incidents/{id}/bags", "/bags", json!({"reason": "x"})),
        at("/api/v1/incidents/{id}/chain", "/chain"),
        at("/api/v1/incidents/{id}/chain", "/chain?party=Grid"),
        to("/api/v1/incidents/{id}/clocks", "/clocks", json!({"clock": "none"})),
        at("/api/v1/incidents/{id}/entries", "/entries"),
        to("/api/v1/incidents/{id}/entries", "/entries", json!({"kind": "lesson", "content": {"text": "x"}})),
        to("/api/v1/incidents/{id}/erasures", "/erasures", json!({"entry": 999_999, "reason": "x"})),
        at("/api/v1/incidents/{id}/evidence", "/evidence"),
        Row { headers: BYTES, ..to("/api/v1/incidents/{id}/evidence", "/evidence", Value::from(id)) },
        at("/api/v1/incidents/{id}/evidence/{sha256}", &of),
        at("/api/v1/incidents/{id}/evidence/{sha256}/custody", &format!("{of}/custody")),
        to(
            "/api/v1/incidents/{id}/evidence/{sha256}/custody",
            &format!("{of}/custody"),
            json!({"act": "examined", "reason": "x"}),
        ),
        Row {
            headers: BYTES,
            ..to(
                "/api/v1/incidents/{id}/evidence/{sha256}/derived",
                &format!("{of}/derived?reason=x"),
                Value::from(format!("of {id}")),
            )
        },
        to(
            "/api/v1/incidents/{id}/evidence/{sha256}/releases",
            &format!("{of}/releases"),
            json!({"party": "Grid", "reason": "x"}),
        ),
        to("/api/v1/incidents/{id}/evidence/{sha256}/lines", &format!("{of}/lines"), json!({"parser": "ndjson"})),
        to(
            "/api/v1/incidents/{id}/joins",
            "/joins",
            // With itself nothing is joined.
            json!({"as": "into", "incident": id, "joined": true, "reason": "x"}),
        ),
        to(
            "/api/v1/incidents/{id}/splits",
            "/splits",
            json!({"new": {"title": "x", "classification": "scanner", "severity": "medium", "marking": {"tlp": "amber"}}, "reason": "x"}),
        ),
        to("/api/v1/incidents/{id}/hand-overs", "/hand-overs", json!({"to": "low", "from": "nobody-here"})),
        to("/api/v1/incidents/{id}/hand-overs", "/hand-overs", json!({"to": "low", "preview": true})),
        at("/api/v1/incidents/{id}/evidence/{sha256}/verification", &format!("{of}/verification")),
        at("/api/v1/incidents/{id}/journal", "/journal"),
        at("/api/v1/incidents/{id}/journal/verification", "/journal/verification"),
        at("/api/v1/incidents/{id}/lists/{list}", "/lists/parties"),
        to(
            "/api/v1/incidents/{id}/markings",
            "/markings",
            // What only those may do who lead it; nobody here does.
            json!({"marking": {"tlp": "clear"}, "reason": "x"}),
        ),
        at("/api/v1/incidents/{id}/observables", "/observables"),
        at("/api/v1/incidents/{id}/processes", "/processes"),
        at("/api/v1/incidents/{id}/runs", "/runs"),
        at("/api/v1/incidents/{id}/messages", "/messages"),
        to(
            "/api/v1/incidents/{id}/messages",
            "/messages",
            // Nothing is sent: this party is none of the incident's.
            json!({"party": "Nobody there", "subject": "x", "text": "x", "preview": true}),
        ),
        at("/api/v1/incidents/{id}/mails/{mail}", "/mails/999999"),
        to("/api/v1/incidents/{id}/mails/{mail}", "/mails/999999", json!({"do": "drop", "reason": "x"})),
        // Nobody is told: no host of a party was reached.
        to("/api/v1/incidents/{id}/tellings", "/tellings", json!({"to": "victims", "subject": "x", "text": "x"})),
        to(
            "/api/v1/incidents/{id}/tellings",
            "/tellings",
            json!({"to": "victims", "subject": "x", "text": "x", "send": true}),
        ),
        to("/api/v1/incidents/{id}/processes", "/processes", json!({"name": "none"})),
        at("/api/v1/cost", "").on(&format!("/api/v1/cost?incident={id}"), &format!("/api/v1/cost?incident={NOTHING}")),
        at("/api/v1/incidents/{id}/stream", "/stream"),
    ]
}

impl Row {
    fn on(self, there: &str, missing: &str) -> Self {
        Row { there: there.to_owned(), missing: missing.to_owned(), ..self }
    }
}

/// Every address, in every way it can be asked.
fn rows(things: &Things) -> Vec<Row> {
    let mut rows = of_incident(&things.incident, &things.evidence[0], &OF_INCIDENT);
    rows.extend(of_incident(&things.red, &things.evidence[0], &OF_RED));
    // Evidence that is marked otherwise than its incident.
    let (there, nothing) = (&things.evidence[1], "0".repeat(64));
    for rest in ["", "/custody", "/verification"] {
        let at = |sha256: &str| format!("/api/v1/incidents/{}/evidence/{sha256}{rest}", things.incident);
        let route = match rest {
            "" => "/api/v1/incidents/{id}/evidence/{sha256}",
            "/verification" => "/api/v1/incidents/{id}/evidence/{sha256}/verification",
            _ => "/api/v1/incidents/{id}/evidence/{sha256}/custody",
        };
        rows.push(get(route, at(there), at(&nothing), &OF_EVIDENCE));
    }
    let (events, notices) =
        ([&WHOLE[..], &["energy", "finance"]].concat(), [&WHOLE[..], &["energy", "finance"]].concat());
    // Whose token is for events alone; whose clearance is low sees events and notices all the same.
    let with = |who: &[&'static str], more: &[&'static str]| [who, more].concat();
    let administrator = ["administrator"];
    let auditors = ["auditor", "speaker"];
    let notice = |rest: &str| (format!("/notices/{}{rest}", things.notice), format!("/notices/20200101-000001{rest}"));
    let of_notice = with(&WHOLE, &["energy", "low"]);
    let user = |rest: &str| (format!("/api/v1/users/reader{rest}"), format!("/api/v1/users/nobody-here{rest}"));
    let api = |(there, missing): (String, String)| (format!("/api/v1{there}"), format!("/api/v1{missing}"));
    let own = |route: &'static str, body| post(route, route.to_owned(), route.to_owned(), body, &everybody());
    let public = |route| get(route, route.to_owned(), route.to_owned(), &everybody());
    let (page, raw, one, acts) = (notice(""), notice("/raw"), api(notice("")), api(notice("/acts")));
    let (book, replay) = (with(&notices, &["low"]), |feed: &str| format!("/api/v1/feeds/{feed}/replays"));
    let (shown, password) = (user(""), user("/password"));
    rows.extend([
        site("/", &with(&WHOLE, &["low"])),
        get("/notices/{id}", page.0, page.1, &of_notice),
        get("/notices/{id}/raw", raw.0, raw.1, &of_notice),
        public("/assets/concert.css"),
        public("/assets/icon.svg"),
        public("/healthz"),
        public("/readyz"),
        site("/metrics", &with(&WHOLE, &["administrator", "low"])),
        public("/api/v1/openapi.json"),
        site("/api/v1/feeds", &with(&WHOLE, &["low", "scoped"])),
        site("/api/v1/events", &with(&events, &["low", "scoped"])),
        site("/api/v1/events/stream", &with(&events, &["low", "scoped"])),
        site("/api/v1/notices", &with(&notices, &["low"])),
        site("/api/v1/notices/preview", &with(&notices, &["low"])),
        // Who may not change a notice learns nothing of it; the address is wrong, which is told to the others.
        post("/api/v1/notices/{id}/acts", acts.0, acts.1, json!({"do": "retry", "to": "nowhere"}), &["handler", "session"]),
        // Nothing waits, which is told to whoever may know.
        post("/api/v1/notices/drops", "/api/v1/notices/drops".into(), "/api/v1/notices/drops".into(), json!({"name": "weekly"}), &["handler", "session"]),
        post("/api/v1/feeds/{name}/replays", replay("pushed"), replay("none"), json!({}), &["handler", "session"]),
        get("/api/v1/feeds/{name}/replays", replay("pushed"), replay("none"), &["handler", "session"]),
        post("/api/v1/feeds/{name}/replays", replay("harrier-feed"), replay("none"), json!({}), &["handler", "session"]),
        get("/api/v1/feeds/{name}/replays", replay("harrier-feed"), replay("none"), &["handler", "session"]),
        get("/api/v1/who", "/api/v1/who?value=192.0.2.91".into(), "/api/v1/who?value=203.0.113.1".into(), &book),
        site("/api/v1/contacts", &book),
        site("/api/v1/contacts/health", &book),
        site("/api/v1/contacts/findings", &book),
        site("/api/v1/contacts/export", &book),
        post("/api/v1/contacts/imports", "/api/v1/contacts/imports".into(), "/api/v1/contacts/imports".into(), json!({"parties": "teams", "files": [{"name": "x.csv", "text": "rubbish\n"}]}), &["handler", "session"]),
        get("/api/v1/parties/{name}", "/api/v1/parties/Grid".into(), "/api/v1/parties/Mill".into(), &of_notice),
        get("/api/v1/notices/{id}", one.0, one.1, &of_notice),
        // The body is wrong, which is told to everybody.
        post("/api/v1/login", "/api/v1/login".into(), "/api/v1/login".into(), json!({}), &everybody()),
        site("/api/v1/me", &everybody()),
        Row { method: "PUT", ..own("/api/v1/me/password", json!({"old": "x", "new": "short"})) },
        own("/api/v1/me/second-factor", json!({})),
        Row { method: "PUT", ..own("/api/v1/me/second-factor", json!({})) },
        own("/api/v1/me/second-factor/removals", json!({})),
        post(
            "/api/v1/incidents",
            "/api/v1/incidents".into(),
            "/api/v1/incidents".into(),
            json!({"title": "Own", "classification": "scanner", "severity": "medium", "marking": {"tlp": "amber"}, "parties": 1}),
            &everybody(),
        ),
        list("/api/v1/incidents", "", "{\"incidents\":[],\"next\":null}", &OF_INCIDENT),
        list("/api/v1/search", "?q=Heron", "{\"entries\":[],\"next\":null}", &OF_INCIDENT),
        list("/api/v1/search", "?q=Merlin", "{\"entries\":[],\"next\":null}", &OF_RED),
        about("heron.example", &OF_INCIDENT),
        about("merlin.example", &OF_RED),
        list("/api/v1/due", "", "{\"due\":[],\"next\":null}", &OF_INCIDENT),
        list(
            "/api/v1/cost",
            "",
            "{\"minutes_without_rate\":0,\"next\":null,\"rows\":[],\"total\":{\"cost\":\"0.00\",\"currency\":\"EUR\",\"minutes\":0,\"name\":\"(total)\"}}",
            &OF_INCIDENT,
        ),
        // None waits here.
        list("/api/v1/mails", "", "{\"mails\":[],\"next\":null}", &[]),
        site("/api/v1/mailbox", &with(&WHOLE, &["low", "scoped"])),
        site("/api/v1/incidents/stream", &everybody()),
        site("/api/v1/clocks", &everybody()),
        site("/api/v1/processes", &everybody()),
        get("/api/v1/processes/{name}", "/api/v1/processes/phishing".into(), "/api/v1/processes/none".into(), &everybody()),
        get("/api/v1/processes/{name}/numbers", "/api/v1/processes/phishing/numbers".into(), "/api/v1/processes/none/numbers".into(), &everybody()),
        post("/api/v1/processes/check", "/api/v1/processes/check".into(), "/api/v1/processes/check".into(), json!({"definition": ""}), &everybody()),
        post("/api/v1/feeds/{name}/reports", "/api/v1/feeds/pushed/reports".into(), "/api/v1/feeds/none/reports".into(), json!({}), &["handler"]),
        site("/api/v1/users", &administrator),
        post("/api/v1/users", "/api/v1/users".into(), "/api/v1/users".into(), json!({"name": "x"}), &administrator),
        get("/api/v1/users/{name}", shown.0.clone(), shown.1.clone(), &administrator),
        Row { method: "PATCH", ..post("/api/v1/users/{name}", shown.0, shown.1, json!({"full_name": "Reader"}), &administrator) },
        Row { method: "PUT", ..post("/api/v1/users/{name}/password", password.0, password.1, json!({"password": "short"}), &administrator) },
        site("/api/v1/tokens", &administrator),
        post("/api/v1/tokens", "/api/v1/tokens".into(), "/api/v1/tokens".into(), json!({"user": "nobody-here", "scopes": ["events:read"]}), &administrator),
        Row { method: "DELETE", ..get("/api/v1/tokens/{id}", format!("/api/v1/tokens/{}", things.token), "/api/v1/tokens/999999".into(), &administrator) },
        site("/api/v1/audit", &auditors),
        // It ends a session, so it comes last.
        own("/api/v1/logout", json!({})),
    ]);
    rows
}

/// A feed that those alone know of who are cleared for what it brings.
const RED_FEED: &str = "[[feed]]\nname = \"harrier-feed\"\nparser = \"ndjson\"\ntlp = \"red\"\ncollect = { type = \"push\", token = { file = \"secrets/push\" } }\n";

/// Everything there is, made by whoever sits at the machine.
fn fill(served: &Served) -> (Things, BTreeMap<&'static str, String>) {
    let first = |args: &[&str]| -> Value { served.rows(args).remove(0) };
    let report = "{\"source.ip\":\"192.0.2.91\",\"classification.type\":\"scanner\"}\n{\"source.ip\":\"192.0.2.191\",\"classification.type\":\"scanner\"}\n";
    served.file("parties.csv", "party,prefixes,sectors,mail\nGrid,192.0.2.0/25,energy,abuse@grid.example\nBank,192.0.2.128/25,finance,abuse@bank.example\n");
    served.done(&["contact", "import", "constituents", "parties.csv"]);
    served.done(&["ingest", "--feed", "pushed", &served.file("report.ndjson", report)]);
    let mut passwords = BTreeMap::new();
    for (name, roles, clearance) in PERSONS {
        let roles: Vec<&str> = roles.iter().flat_map(|role| ["--role", role]).collect();
        let add = [&["user", "add", name, "--full-name", name, "--clearance", clearance], &roles[..]].concat();
        passwords.insert(name, served.done(&add).trim().to_owned());
    }
    let open = |title: &str, marking: &[&str]| -> String {
        let opened =
            first(&[&["incident", "open", title, "--type", "scanner", "--severity", "medium"], marking].concat());
        opened["id"].as_str().unwrap().to_owned()
    };
    let incident = open("Heron-incident", &["--tlp", "amber"]);
    let red = open("Osprey-red", &["--tlp", "red", "--for-person", "reader", "--note", "Merlin-note"]);
    let write = |entry: &[&str]| served.done(&[&["incident", "write", &incident], entry].concat());
    write(&["party", "party=Grid", "status=told"]);
    write(&["role", "role=affected-party", "person=speaker", "party=Grid", "holds=true"]);
    write(&["effort", "minutes=5", "person=handler", "work=analysis"]);
    served.done(&["incident", "write", &red, "observable", "of=domain", "value=merlin.example"]);
    // What a party may know is marked for it.
    served.done(&["incident", "write", &incident, "observable", "of=domain", "value=heron.example", "--tlp", "green"]);
    served.done(&[
        "incident",
        "write",
        &incident,
        "effort",
        "minutes=1",
        "person=handler",
        "work=call",
        "--tlp",
        "green",
    ]);
    for (tlp, clock) in [("amber", "nis2-early-warning"), ("green", "gdpr-notification")] {
        let clock = format!("clock={clock}");
        let entry = ["clock", &clock, "since=2026-11-22T04:50:30Z", "--tlp", tlp];
        served.done(&[&["incident", "write", &incident], &entry[..]].concat());
    }
    let add = |name: &str, marking: &[&str]| -> String {
        let file = served.file(name, name);
        let added = first(&[&["evidence", "add", &incident, &file, "--reason", "x"], marking].concat());
        added["sha256"].as_str().unwrap().to_owned()
    };
    let evidence =
        [add("log", &["--tlp", "green"]), add("Kestrel-evidence", &["--tlp", "red", "--for-person", "handler"])];
    let file = served.file("log", "log");
    served.done(&["evidence", "add", &red, &file, "--reason", "x"]);
    let notices = served.rows(&["notice", "list"]);
    let notice = notices.iter().find(|row| row["key"] == "Grid").unwrap()["id"].as_str().unwrap().to_owned();
    let token = served.token("low", "events:read");
    let tokens = served.rows(&["token", "list", "--user", "low"]);
    assert!(!token.is_empty());
    let token = tokens[0]["id"].as_i64().unwrap();
    (Things { incident, red, notice, evidence, token }, passwords)
}

fn ask(served: &Served, row: &Row, at: &str, token: &str) -> Answer {
    let headers = format!("{}{token}", row.headers);
    // A stream has no end: what it begins with is enough.
    match row.route.ends_with("/stream") {
        true => served.begin(at, &headers),
        false => served.ask(row.method, at, &headers, row.body.as_bytes()),
    }
}

/// Every method of every address: those that are described, which are those that are there, and the pages.
fn answered(served: &Served) -> BTreeSet<(String, String)> {
    let described = served.ask("GET", "/api/v1/openapi.json", "", b"").json();
    let paths = described["paths"].as_object().unwrap().iter();
    let api = paths.flat_map(|(path, methods)| {
        methods.as_object().unwrap().keys().map(|method| (method.to_ascii_uppercase(), path.clone()))
    });
    let pages = concert_server::routes().filter(|route| !route.starts_with("/api/") || route.ends_with("openapi.json"));
    api.chain(pages.map(|route| ("GET".to_owned(), route.to_owned()))).collect()
}

fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\n")
}

/// What a program sends with a cookie.
const OURS: &str = "X-Concert-Request: 1\r\n";
const CHOSEN: &str = "correct horse battery";

fn login(served: &Served, name: &str, password: &str) -> String {
    let body = json!({"name": name, "password": password}).to_string();
    served.ask("POST", "/api/v1/login", JSON, body.as_bytes()).cookie()
}

/// The cookie of somebody who logs in for the first time and chooses another password.
fn settled(served: &Served, name: &str, first: &str) -> String {
    let body = json!({"old": first, "new": CHOSEN}).to_string();
    let headers = format!("{JSON}{}{OURS}", login(served, name, first));
    served.ask("PUT", "/api/v1/me/password", &headers, body.as_bytes()).cookie()
}

/// The cookie of somebody who did so before.
fn again(served: &Served, name: &str) -> String {
    login(served, name, CHOSEN)
}

/// Those who are not known, with what they show, and how they are answered.
fn strangers(served: &Served, first: &str) -> Vec<(&'static str, String, u16)> {
    served.done(&["user", "add", "gone", "--full-name", "Gone", "--role", "handler", "--role", "administrator"]);
    let gone = bearer(&served.token("gone", "admin"));
    served.done(&["user", "disable", "gone"]);
    let ended = login(served, "low", first) + OURS;
    assert_eq!(served.ask("POST", "/api/v1/logout", &ended, b"").status, 204);
    vec![
        ("nobody", String::new(), 401),
        ("a wrong token", bearer("concert_wrong"), 401),
        ("a user who is disabled", gone, 401),
        ("a token that expired", bearer(&served.expired_token("handler")), 401),
        ("a session that ended", ended, 401),
        ("somebody who must choose a password", login(served, "low", first) + OURS, 403),
    ]
}

/// INVARIANT: denied is answered like missing, whatever is asked for, and whoever asks.
#[test]
fn denied_is_answered_like_missing_at_every_address() {
    let served = Served::new();
    served.settings_of_serve(&format!("forwarded = true\n\n{RED_FEED}"));
    let (things, passwords) = fill(&served);
    let rows = rows(&things);
    let served = served.serve();
    let asked: BTreeSet<(String, String)> =
        rows.iter().map(|row| (row.method.to_owned(), row.route.to_owned())).collect();
    let answered = answered(&served);
    let differing: Vec<_> = asked.symmetric_difference(&answered).collect();
    assert!(differing.is_empty(), "a method of an address is not asked here, or is none: {differing:?}");
    let mut wrong = Vec::new();
    let shown = |name: &'static str| match name {
        "session" => settled(&served, name, &passwords[name]) + OURS,
        "scoped" => bearer(&served.token(name, "events:read")),
        "narrow" => bearer(&served.token(name, "incidents:read")),
        _ => bearer(&served.token(name, "admin")),
    };
    // What ends something comes last.
    let mut persons = everybody();
    persons.rotate_left(1);
    for name in persons {
        let token = shown(name);
        for row in &rows {
            let answer = ask(&served, row, &row.there, &token);
            let what = format!("{name}: {} {}: {} {:.300}", row.method, row.there, answer.status, answer.body);
            for (secret, _) in secrets().iter().filter(|(_, who)| !who.contains(&name)) {
                // What was asked for is not told by the answer.
                if answer.body.contains(secret) && !row.there.contains(secret) {
                    wrong.push(format!("tells {secret}: {what}"));
                }
            }
            if row.who.contains(&name) {
                // What the body names is not there, which is told to whoever sees the thing itself.
                let names_another = answer.status == 404 && !answer.body.contains("there is nothing here");
                if !names_another && !matches!(answer.status, 200..=299 | 400 | 403) {
                    wrong.push(format!("is to see it: {what}"));
                }
                continue;
            }
            let missing = ask(&served, row, &row.missing, &token);
            if (answer.status, &answer.body) != (missing.status, &missing.body) {
                wrong.push(format!("differs from {} {:.300}: {what}", missing.status, missing.body));
            }
            let is_nothing = matches!(answer.status, 401 | 403 | 404) || row.empty.contains(&answer.body);
            if !is_nothing {
                wrong.push(format!("is to see nothing: {what}"));
            }
        }
    }
    // Who is not known, or not known any more, learns nothing at all; nor does whoever must choose a password first.
    let mut asked = 0;
    for (who, shown, status) in strangers(&served, &passwords["low"]) {
        for row in
            rows.iter().filter(|row| !PUBLIC.contains(&row.route) && (status == 401 || !OWN.contains(&row.route)))
        {
            // Each from an address of its own: one that comes with many wrong secrets has to wait.
            let [answer, missing] = [&row.there, &row.missing].map(|at| {
                asked += 1;
                let from = std::net::Ipv4Addr::from_bits(0x0a00_0000 + asked);
                ask(&served, row, at, &format!("X-Forwarded-For: {from}\r\n{shown}"))
            });
            if answer.status != status || (answer.status, &answer.body) != (missing.status, &missing.body) {
                wrong.push(format!("{who}: {} {}: {} {}", row.method, row.there, answer.status, answer.body));
            }
        }
    }
    // In a session nothing is changed by a page from elsewhere, and it learns nothing.
    let cookie = again(&served, "session") + "Origin: http://elsewhere.example\r\n";
    for row in rows.iter().filter(|row| row.method != "GET" && !PUBLIC.contains(&row.route)) {
        let [answer, missing] = [&row.there, &row.missing].map(|at| ask(&served, row, at, &cookie));
        if answer.status != 403 || (answer.status, &answer.body) != (missing.status, &missing.body) {
            wrong.push(format!("from elsewhere: {} {}: {} {}", row.method, row.there, answer.status, answer.body));
        }
    }
    assert!(wrong.is_empty(), "{}\n{} of them", wrong.join("\n"), wrong.len());
}

/// What the own token is good for is told, at every address that asks for a scope, and whatever is there.
#[test]
fn a_token_that_lacks_a_scope_is_told_which_at_every_address() {
    let served = Served::new();
    let (things, _) = fill(&served);
    let roles = ["--role", "handler", "--role", "administrator", "--role", "auditor", "--clearance", "red"];
    served.done(&[&["user", "add", "all", "--full-name", "All"], &roles[..]].concat());
    let rows = rows(&things);
    let rows: Vec<&Row> = rows.iter().filter(|row| !PUBLIC.contains(&row.route) && !OWN.contains(&row.route)).collect();
    let served = served.serve();
    let whole = bearer(&served.token("all", "admin"));
    let there: Vec<u16> = rows.iter().map(|row| ask(&served, row, &row.there, &whole).status).collect();
    let mut wrong = Vec::new();
    for scope in ["incidents:write", "incidents:read", "events:read", "contacts:write", "metrics:read"] {
        let token = bearer(&served.token("all", scope));
        for (row, before) in rows.iter().zip(&there) {
            let [answer, missing] = [&row.there, &row.missing].map(|at| ask(&served, row, at, &token));
            let lacks = |answer: &Answer, scope: &str| {
                answer.status == 403 && answer.body.contains(&format!("the token lacks the scope {scope}"))
            };
            let is_of_incidents = row.route.starts_with("/api/v1/incidents") && row.method != "POST"
                || row.route.starts_with("/api/v1/incidents/")
                || row.route == "/api/v1/observables" && scope != "events:read"
                || ["/api/v1/due", "/api/v1/cost", "/api/v1/search", "/api/v1/mails"].contains(&row.route);
            let is_right = match is_of_incidents && scope != "incidents:read" {
                true => lacks(&answer, "incidents:read") && answer.body == missing.body,
                false => match answer.status {
                    403 | 404 if [403, 404].contains(before) => true,
                    status => status != 404 && (status != 403 || lacks(&answer, "")),
                },
            };
            if !is_right {
                let (status, body) = (answer.status, &answer.body);
                wrong.push(format!("{scope}: {} {}: {before} before, {status} {body:.300}", row.method, row.there));
            }
        }
    }
    assert!(wrong.is_empty(), "{}\n{} of them", wrong.join("\n"), wrong.len());
}

/// Entries are streamed to those who may see them, from where they left off.
#[test]
fn entries_are_streamed_to_whoever_may_see_them() {
    let served = Served::new();
    let (things, _) = fill(&served);
    let served = served.serve();
    let bearer = |name: &str| format!("Authorization: Bearer {}\r\n", served.token(name, "admin"));
    let from_start = |name: &str| format!("{}Last-Event-ID: 0\r\n", bearer(name));
    let all = "/api/v1/incidents/stream";
    let seen = served.begin_until(all, &from_start("reader"), "Merlin-note");
    assert!(seen.contains("event: entry") && seen.contains("Heron-incident"), "{seen}");
    assert!(!seen.contains("Kestrel-evidence"), "{seen}");
    // What comes first is what this person may see: an incident of its own.
    let mut stream = served.connect(all, &from_start("finance"));
    let opened =
        json!({"title": "Own", "classification": "scanner", "severity": "medium", "marking": {"tlp": "amber"}})
            .to_string();
    let opened = served.ask("POST", "/api/v1/incidents", &format!("{JSON}{}", bearer("finance")), opened.as_bytes());
    assert_eq!(opened.status, 201, "{}", opened.body);
    let text = crate::served::until(&mut stream, "\"Own\"");
    assert!(!text.contains("Heron") && !text.contains("Osprey"), "{text}");
    // A command writes into the same journal; the stream of another incident does not tell it.
    let one = |id: &str| format!("/api/v1/incidents/{id}/stream");
    let mut of_red = served.connect(&one(&things.red), &bearer("reader"));
    crate::served::until(&mut of_red, "\r\n\r\n");
    served.done(&["incident", "write", &things.incident, "note", "text=Elsewhere"]);
    served.done(&["incident", "write", &things.red, "note", "text=Written-now"]);
    let text = crate::served::until(&mut of_red, "Written-now");
    assert!(!text.contains("Elsewhere"), "{text}");
    let last = text.rsplit("id: ").next().unwrap().lines().next().unwrap().trim().to_owned();
    let again = format!("{}Last-Event-ID: {last}\r\n", bearer("reader"));
    let mut again = served.connect(&one(&things.red), &again);
    served.done(&["incident", "write", &things.red, "note", "text=And-this"]);
    let text = crate::served::until(&mut again, "And-this");
    assert!(!text.contains("Written-now"), "{text}");
    assert_eq!(served.begin(all, &format!("{}Last-Event-ID: x\r\n", bearer("reader"))).status, 400);
    // It ends with the right to come.
    served.done(&["user", "disable", "reader"]);
    served.done(&["incident", "write", &things.red, "note", "text=Too-late"]);
    let rest = crate::served::to_end(&mut again);
    assert!(!rest.contains("Too-late"), "{rest}");
}
