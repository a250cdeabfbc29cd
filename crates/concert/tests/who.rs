//! `concert who` with servers of others: RDAP and security.txt, answered by one on this machine.

#![expect(clippy::unwrap_used, reason = "all of this is a test, also what stands outside its functions")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use concert_testkit::web::{Answer, End, Request, Web};
use serde_json::{Value, json};

#[path = "who/samples.rs"]
mod samples;

/// Which servers of RDAP know what.
const LISTS: [(&str, &str); 4] = [
    ("ipv4", r#"[["192.0.2.0/24"], ["https://r.example/"]], [["198.51.100.0/24"], ["https://busy.example/"]]"#),
    ("ipv6", r#"[["2001:db8::/32"], ["https://r.example/"]]"#),
    ("asn", r#"[["64496-64511"], ["https://r.example/"]]"#),
    ("dns", r#"[["example"], ["https://zone.example/rdap/"]]"#),
];

/// A site whose questions all go to one server.
struct World {
    folder: tempfile::TempDir,
    web: Web,
}

impl World {
    async fn new(keys: &str) -> Arc<World> {
        World::serving(keys, &LISTS, answer).await
    }

    async fn serving(
        keys: &str,
        lists: &[(&str, &str)],
        answer: impl Fn(&Request) -> Answer + Send + Sync + 'static,
    ) -> Arc<World> {
        let web = Web::start(None, answer).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path();
        for (name, services) in lists {
            fs::create_dir_all(dir.join("lists")).unwrap();
            let text = format!("{{\"publication\": \"2026-11-28T00:00:00Z\", \"services\": [{services}]}}");
            fs::write(dir.join("lists").join(format!("{name}.json")), text).unwrap();
        }
        let world = Arc::new(World { folder, web });
        assert_eq!(world.run(&["init", "."]).await.0, 0);
        let settings = format!("[lookup]\n{keys}trial_server = \"{}\"\n", world.web.address());
        fs::write(world.path("conf.d/who.toml"), settings).unwrap();
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    async fn run(&self, args: &[&str]) -> (i32, String, String) {
        let (dir, args) = (self.folder.path().to_owned(), args.iter().map(|word| (*word).to_owned()).collect());
        tokio::task::spawn_blocking(move || run(&dir, args)).await.unwrap()
    }

    /// The rows of `concert who`, and what was passed over.
    async fn who(&self, values: &[&str]) -> (Vec<Value>, String) {
        let (code, out, err) = self.run(&[&["who", "--explain", "--format", "ndjson"], values].concat()).await;
        assert_eq!(code, 0, "{err}");
        (out.lines().map(|line| serde_json::from_str(line).unwrap()).collect(), err)
    }
}

fn run(dir: &Path, args: Vec<String>) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_concert"))
        .args(args)
        .current_dir(dir)
        .env_remove("CONCERT_SITE")
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn network(first: &str, last: &str, more: &Value) -> Answer {
    let mut object = json!({
        "objectClassName": "ip network", "handle": "NET-1", "name": "A-NET", "startAddress": first, "endAddress": last,
    });
    object.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Answer::new(200, object.to_string()).header("Content-Type", "application/rdap+json")
}

fn entity(handle: &str, role: &str, mail: &str) -> Value {
    json!({
        "objectClassName": "entity", "handle": handle, "roles": [role],
        "vcardArray": ["vcard", [["fn", {}, "text", format!("Name of {handle}")], ["email", {}, "text", mail]]],
    })
}

/// An entity with another in it, and with a mailbox of its own that nobody should be told.
fn around(handle: &str, role: &str, inner: Value) -> Value {
    let mut outer = entity(handle, role, "joe@a.example");
    outer.as_object_mut().unwrap().insert("entities".into(), json!([inner]));
    outer
}

/// Everybody out there.
fn answer(request: &Request) -> Answer {
    let abuse = json!({"entities": [entity("AB1", "abuse", "abuse@a.example")]});
    let (first, last) = ("192.0.2.0", "192.0.2.255");
    let plain = |text: &str| Answer::new(200, text).header("Content-Type", "text/plain; charset=utf-8");
    match (request.header("host").unwrap_or_default(), request.path.as_str()) {
        ("r.example", "/ip/192.0.2.7") => {
            let holder = around("EX-1", "registrant", entity("AB1", "abuse", "abuse@a.example"));
            network(
                first,
                last,
                &json!({"country": "FI", "entities": [entity("T1", "technical", "noc@a.example"), holder]}),
            )
        }
        ("r.example", "/ip/192.0.2.20") => {
            Answer::new(302, "").header("Location", "https://other.example/rdap/ip/192.0.2.20")
        }
        ("other.example", "/rdap/ip/192.0.2.20") => network(first, last, &abuse),
        ("r.example", "/ip/192.0.2.30") => {
            network(first, last, &json!({"redacted": [{"name": {"description": "Abuse e-mail"}, "method": "removal"}]}))
        }
        ("r.example", "/ip/192.0.2.40") => network("203.0.113.0", "203.0.113.255", &abuse),
        ("r.example", "/ip/192.0.2.50") => Answer::new(200, vec![b' '; 100_000]).end(End::Endless),
        ("r.example", "/ip/192.0.2.60") => Answer::new(200, "{\"objectClassName\": \"ip netw"),
        ("r.example", "/ip/192.0.2.70") => {
            let up = json!({"rel": "up", "type": "application/rdap+json", "href": "https://r.example/ip/192.0.0.0/16"});
            network(first, last, &json!({"links": [up]}))
        }
        ("r.example", "/ip/192.0.0.0/16") => network("192.0.0.0", "192.0.255.255", &abuse),
        ("busy.example", _) => Answer::new(429, "").header("Retry-After", "600"),
        ("r.example", "/autnum/64500") => {
            let object = json!({"objectClassName": "autnum", "handle": "AS64500", "startAutnum": 64500, "name": "A-AS",
                "entities": [{"objectClassName": "entity", "handle": "AB1", "roles": ["abuse"]}]});
            Answer::new(200, object.to_string())
        }
        ("r.example", "/entity/AB1") => Answer::new(200, entity("AB1", "abuse", "abuse@a.example").to_string()),
        ("zone.example", "/rdap/domain/uni.example") => {
            let registrar = around("292", "registrar", entity("", "abuse", "abuse@registrar.example"));
            let object = json!({"objectClassName": "domain", "ldhName": "UNI.EXAMPLE", "entities": [registrar]});
            Answer::new(200, object.to_string())
        }
        ("uni.example", "/.well-known/security.txt") => {
            Answer::new(301, "").header("Location", "https://www.uni.example/security")
        }
        ("www.uni.example", "/security") => plain(
            "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\nContact: mailto:cert@uni.example\n\
             Contact: https://uni.example/report\nExpires: 2999-01-01T00:00:00Z\nPreferred-Languages: fi, en\n\
             -----BEGIN PGP SIGNATURE-----\n\nx\n-----END PGP SIGNATURE-----\n",
        ),
        ("old.example", "/security.txt") => plain("Contact: mailto:a@old.example\nExpires: 2020-01-01T00:00:00Z\n"),
        ("soft.example", _) => Answer::new(200, "<html>").header("Content-Type", "text/html"),
        ("lost.example", _) => Answer::new(302, "").header("Location", "https://parking.example/"),
        ("page.example", "/.well-known/security.txt") => {
            plain("Contact: https://page.example/report\nExpires: 2999-01-01T00:00:00Z\n")
        }
        ("data.iana.org", "/rdap/asn.json") => Answer::new(500, ""),
        ("data.iana.org", path) => {
            let keys = match path {
                "/rdap/ipv4.json" => json!(["192.0.2.0/24"]),
                "/rdap/ipv6.json" => json!(["2001:db8::/32"]),
                _ => json!(["example", "xn--p1ai"]),
            };
            let services = json!([[keys, ["https://r.example/"]]]);
            Answer::new(200, json!({"publication": "2026-11-01T00:00:00Z", "services": services}).to_string())
        }
        _ => Answer::new(404, ""),
    }
}

fn cells<'r>(row: &'r Value, names: &[&str]) -> Vec<&'r str> {
    names.iter().map(|name| row[name].as_str().unwrap_or("-")).collect()
}

const RDAP: &str = "rdap = true\nrdap_bootstrap = \"lists\"\n";
const BOTH: &str = "rdap = true\nrdap_bootstrap = \"lists\"\nsecurity_txt = true\n";

#[tokio::test(flavor = "multi_thread")]
async fn rdap_names_the_abuse_contact_with_its_origin_and_role() {
    let world = World::new(RDAP).await;
    let values = ["192.0.2.7", "192.0.2.20", "192.0.2.70", "AS64500"];
    let (rows, err) = world.who(&values).await;
    let columns = ["value", "party", "contact", "purpose", "origin", "specific", "reason"];
    let net = "network 192.0.2.0 - 192.0.2.255 (A-NET, FI)";
    let want = [
        [
            "192.0.2.7",
            "Name of EX-1",
            "abuse@a.example",
            "abuse",
            "RDAP https://r.example/ip/192.0.2.7 (NET-1)",
            net,
            "registrant EX-1 > abuse AB1",
        ],
        [
            "192.0.2.20",
            "Name of AB1",
            "abuse@a.example",
            "abuse",
            "RDAP https://other.example/rdap/ip/192.0.2.20 (NET-1)",
            "network 192.0.2.0 - 192.0.2.255 (A-NET)",
            "abuse AB1",
        ],
        [
            "192.0.2.70",
            "Name of AB1",
            "abuse@a.example",
            "abuse",
            "RDAP https://r.example/ip/192.0.0.0/16 (NET-1)",
            "network 192.0.0.0 - 192.0.255.255 (A-NET)",
            "abuse AB1",
        ],
        [
            "AS64500",
            "Name of AB1",
            "abuse@a.example",
            "abuse",
            "RDAP https://r.example/entity/AB1 (AS64500)",
            "AS64500 (A-AS)",
            "abuse AB1",
        ],
    ];
    assert_eq!(rows.iter().map(|row| cells(row, &columns)).collect::<Vec<_>>(), want);
    assert!(err.contains("passed over RDAP https://r.example/ip/192.0.2.70: it names no contact"), "{err}");
    // What was asked is remembered, and a value in space that nobody can own is not asked at all.
    let asked = world.web.requests().len();
    assert_eq!(world.who(&[&values[..], &["10.0.0.1"]].concat()).await.0.len(), 5);
    assert_eq!(world.web.requests().len(), asked);
    let agent = world.web.requests()[0].header("user-agent").unwrap().to_owned();
    assert!(agent.starts_with("concert/"), "{agent}");
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_answers_name_nobody_and_say_why() {
    let world = World::new(RDAP).await;
    let values = [
        "192.0.2.30",
        "192.0.2.40",
        "192.0.2.50",
        "192.0.2.60",
        "192.0.2.99",
        "198.51.100.7",
        "198.51.100.8",
        "203.0.113.1",
    ];
    let (rows, err) = world.who(&values).await;
    let told: Vec<Vec<&str>> = rows.iter().map(|row| cells(row, &["value", "contact"])).collect();
    assert_eq!(told, values.map(|value| [value, "-"]));
    for why in [
        "192.0.2.30: passed over RDAP https://r.example/ip/192.0.2.30: it names no contact; left out on purpose: Abuse e-mail (removal)",
        "ip/192.0.2.40: the answer is about network 203.0.113.0 - 203.0.113.255 (A-NET), which does not cover 192.0.2.40",
        "ip/192.0.2.50: the body is longer than 1048576 bytes",
        "ip/192.0.2.60: the answer is not JSON",
        "ip/192.0.2.99: it is not there (404)",
        "ip/198.51.100.7: the server has too much to do (429) and is left alone until",
        "ip/198.51.100.8: the server has too much to do (429) and is left alone until",
        "203.0.113.1: passed over RDAP: no server is known for 203.0.113.1 (list of 2026-11-28)",
    ] {
        assert!(err.contains(why), "{why}\n{err}");
    }
    for (row, why) in
        [(&rows[1], "does not cover 192.0.2.40"), (&rows[7], "no party answers for 203.0.113.1; passed over RDAP")]
    {
        assert!(row["reason"].as_str().unwrap().contains(why), "{row}");
    }
    let asked = world.web.requests().len();
    assert!(world.who(&["192.0.2.60"]).await.1.contains("the answer is not JSON"));
    assert_eq!(world.web.requests().len(), asked, "a broken answer is remembered too");
    let busy = || world.web.requests().iter().filter(|request| request.header("host") == Some("busy.example")).count();
    assert_eq!(busy(), 1);
    assert!(world.who(&["198.51.100.9"]).await.1.contains("left alone until"));
    assert_eq!(busy(), 1, "another run leaves it alone too");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_wait_for_a_contact_goes_to_whom_rdap_names() {
    let world = World::new(&format!("{RDAP}responsible = [\"constituents\", \"rdap\"]\n")).await;
    let settings = r#"
[[feed]]
name = "f"
parser = "csv"
columns = { time = "time.source", ip = "source.ip", kind = "classification.type" }
[[notice]]
name = "n"
group_by = ["party"]
to = "responsible"
when = "at once"
format = "csv"
via = "outbox"
"#;
    fs::write(world.path("conf.d/feed.toml"), settings).unwrap();
    let rows = |last: &[u8]| {
        let row = |last: &u8| format!("2026-11-22T04:50:30Z,192.0.2.{last},scanner\n");
        format!("time,ip,kind\n{}", last.iter().map(row).collect::<String>())
    };
    let ingest = async |file: &str, text: String| {
        fs::write(world.path(file), text).unwrap();
        let (code, _, err) = world.run(&["ingest", "--feed", "f", file]).await;
        assert_eq!(code, 0, "{err}");
    };
    let notices = async || {
        let (_, out, err) = world.run(&["notice", "list", "--format", "ndjson"]).await;
        let rows = out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).collect::<Vec<_>>();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let told = |row: &Value| (text(&row["state"]), text(&row["key"]), text(&row["to"]), row["events"].clone());
        let mut told = rows.iter().filter(|row| row["name"] == "n").map(told).collect::<Vec<_>>();
        told.sort_by_key(|(state, ..)| state.clone());
        assert!(err.is_empty(), "{err}");
        told
    };
    ingest("one.csv", rows(&[7, 8, 9])).await;
    ingest("other.csv", "time,ip,kind\n2026-11-22T04:50:30Z,203.0.113.1,scanner\n".into()).await;
    assert_eq!(notices().await.iter().map(|(state, ..)| &**state).collect::<Vec<_>>(), ["no-contact"; 2]);
    assert!(world.web.requests().is_empty(), "reports wait for nobody");
    let (code, _, err) = world.run(&["run", "--once"]).await;
    assert_eq!(code, 0, "{err}");
    let told = |events: u64| {
        ("delivered".to_owned(), "Name of EX-1 (RDAP AB1)".to_owned(), "abuse@a.example".to_owned(), json!(events))
    };
    let all = notices().await;
    assert_eq!((all.len(), &all[0]), (2, &told(3)), "{all:?}");
    assert_eq!(all[1].0, "no-contact");
    let (_, shown, _) = world.run(&["contact", "show", "Name of EX-1 (RDAP AB1)", "--format", "json"]).await;
    assert!(shown.contains("192.0.2.0/24") && shown.contains("abuse@a.example"), "{shown}");
    // One question was enough for the network, also for what comes later.
    assert_eq!(world.web.requests().len(), 1);
    ingest("later.csv", rows(&[20, 99])).await;
    assert_eq!(world.run(&["run", "--once"]).await.0, 0);
    let all = notices().await;
    assert_eq!((all.len(), &all[0]), (3, &told(2)), "{all:?}");
    assert_eq!(world.web.requests().len(), 1);
    // Where the mailbox for abuse is gone, whoever runs the network is told.
    assert_eq!(world.run(&["contact", "suspend", "abuse@a.example", "--why", "it bounces"]).await.0, 0);
    ingest("last.csv", rows(&[30])).await;
    assert_eq!(world.run(&["run", "--once"]).await.0, 0);
    let to: Vec<String> = notices().await.into_iter().map(|(_, _, to, _)| to).collect();
    assert_eq!(to.iter().filter(|to| *to == "noc@a.example").count(), 1, "{to:?}");
    let (rows, _) = world.who(&["192.0.2.7"]).await;
    let told: Vec<&str> = rows.iter().map(|row| row["contact"].as_str().unwrap_or_default()).collect();
    assert_eq!(told, ["noc@a.example", "abuse@a.example"], "{rows:?}");
    assert_eq!(rows[0]["reason"], "technical T1; next in order, because none for abuse is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_wait_for_a_contact_goes_to_whom_the_domain_names() {
    let world = World::new("security_txt = true\nresponsible = [\"constituents\", \"security_txt\"]\n").await;
    let settings = "[[feed]]\nname = \"f\"\nparser = \"ndjson\"\n[[notice]]\nname = \"n\"\ngroup_by = [\"party\"]\n\
        to = \"responsible\"\nwhen = \"at once\"\nformat = \"csv\"\nvia = \"outbox\"\n";
    fs::write(world.path("conf.d/feed.toml"), settings).unwrap();
    let of = |member: &str, value: &str| format!("{{\"{member}\":\"{value}\",\"classification.type\":\"phishing\"}}\n");
    let events = [
        of("source.fqdn", "www.uni.example"),
        of("source.url", "https://uni.example/login"),
        of("source.fqdn", "old.example"),
        of("source.ip", "192.0.2.7"),
        of("source.fqdn", "mail.uni.internal"),
    ];
    fs::write(world.path("one.ndjson"), events.concat()).unwrap();
    assert_eq!(world.run(&["ingest", "--feed", "f", "one.ndjson"]).await.0, 0);
    assert!(world.web.requests().is_empty(), "reports wait for nobody");
    assert_eq!(world.run(&["run", "--once"]).await.0, 0);
    let (_, out, _) = world.run(&["notice", "list", "--name", "n", "--format", "ndjson"]).await;
    let mut rows: Vec<_> = out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).collect();
    rows.sort_by_key(|row| row["state"].to_string());
    let told = |row: &Value| (cells(row, &["state", "key", "to"]).join(" "), row["events"].clone());
    let all: Vec<_> = rows.iter().map(told).collect();
    let named = "delivered uni.example (security.txt) cert@uni.example".to_owned();
    assert_eq!((all.len(), &all[0], &all[1].1), (2, &(named, json!(2)), &json!(3)), "{all:?}");
    assert!(rows[1]["state"] == "no-contact", "{rows:?}");
    // Nobody is asked about what lies within a site, and RDAP not at all.
    let asked = world.web.requests();
    let hosts: Vec<&str> = asked.iter().filter_map(|request| request.header("host")).collect();
    assert!(hosts.iter().all(|host| ["www.uni.example", "uni.example", "old.example"].contains(host)), "{hosts:?}");
    let shown = world.run(&["contact", "show", "uni.example (security.txt)", "--format", "json"]).await.1;
    assert!(
        shown.contains("vulnerability") && shown.contains("security.txt https://www.uni.example/security"),
        "{shown}"
    );
    // Where domains are not wanted any more, what they said is not either.
    let only = "rdap = true\nrdap_bootstrap = \"lists\"\nresponsible = [\"constituents\", \"rdap\"]\n";
    let server = world.web.address();
    fs::write(world.path("conf.d/who.toml"), format!("[lookup]\n{only}trial_server = \"{server}\"\n")).unwrap();
    fs::write(world.path("two.ndjson"), of("source.fqdn", "ftp.uni.example")).unwrap();
    assert_eq!(world.run(&["ingest", "--feed", "f", "two.ndjson"]).await.0, 0);
    assert_eq!(world.run(&["run", "--once"]).await.0, 0);
    let (_, out, _) = world.run(&["notice", "list", "--name", "n", "--format", "ndjson"]).await;
    assert!(out.matches("cert@uni.example").count() == 1 && out.contains("(RDAP AB1)"), "{out}");
    // The registry of a domain names its registrar, for all names below.
    assert!(out.contains("Name of 292 (RDAP 292)") && out.contains("abuse@registrar.example"), "{out}");
    let asked = world.web.requests().len();
    fs::write(world.path("three.ndjson"), of("source.url", "https://shop.uni.example/x")).unwrap();
    assert_eq!(world.run(&["ingest", "--feed", "f", "three.ndjson"]).await.0, 0);
    assert_eq!(world.run(&["run", "--once"]).await.0, 0);
    let (_, out, _) = world.run(&["notice", "list", "--name", "n", "--format", "ndjson"]).await;
    assert_eq!((out.matches("abuse@registrar.example").count(), world.web.requests().len()), (2, asked), "{out}");
    // What the domain says itself goes before that.
    let both = "rdap = true\nrdap_bootstrap = \"lists\"\nsecurity_txt = true\n\
        responsible = [\"constituents\", \"rdap\", \"security_txt\"]\n";
    fs::write(world.path("conf.d/who.toml"), format!("[lookup]\n{both}trial_server = \"{server}\"\n")).unwrap();
    fs::write(world.path("four.ndjson"), of("source.fqdn", "git.uni.example")).unwrap();
    assert_eq!(world.run(&["ingest", "--feed", "f", "four.ndjson"]).await.0, 0);
    assert_eq!(world.run(&["run", "--once"]).await.0, 0);
    let (_, out, _) = world.run(&["notice", "list", "--name", "n", "--format", "ndjson"]).await;
    assert_eq!(out.matches("cert@uni.example").count(), 2, "{out}");
}

/// Whoever stands in for a domain that cannot be asked does so until it can.
#[tokio::test(flavor = "multi_thread")]
async fn while_a_domain_cannot_be_asked_its_registrar_is_told_and_no_longer() {
    let keys = "rdap = true\nrdap_bootstrap = \"lists\"\nsecurity_txt = true\n\
        responsible = [\"constituents\", \"rdap\", \"security_txt\"]\n";
    let is_down = Arc::new(AtomicBool::new(true));
    let down = Arc::clone(&is_down);
    let decide = move |request: &Request| {
        let is_file = request.path.ends_with("/security.txt") && request.header("host") == Some("uni.example");
        if is_file && down.load(Ordering::Relaxed) { Answer::new(502, "") } else { answer(request) }
    };
    let world = World::serving(keys, &LISTS, decide).await;
    let settings = "[[feed]]\nname = \"f\"\nparser = \"ndjson\"\n[[notice]]\nname = \"n\"\ngroup_by = [\"party\"]\n\
        to = \"responsible\"\nwhen = \"at once\"\nformat = \"csv\"\nvia = \"outbox\"\n";
    fs::write(world.path("conf.d/feed.toml"), settings).unwrap();
    let told = async |name: &str| {
        let event = format!("{{\"source.fqdn\":\"{name}\",\"classification.type\":\"phishing\"}}\n");
        fs::write(world.path("event.ndjson"), event).unwrap();
        assert_eq!(world.run(&["ingest", "--feed", "f", "event.ndjson"]).await.0, 0);
        assert_eq!(world.run(&["run", "--once"]).await.0, 0);
        let (_, out, _) = world.run(&["notice", "list", "--name", "n", "--format", "ndjson"]).await;
        [out.matches("abuse@registrar.example").count(), out.matches("cert@uni.example").count()]
    };
    assert_eq!(told("www.uni.example").await, [1, 0]);
    let (_, err) = world.who(&["www.uni.example"]).await;
    let why = "https://uni.example/.well-known/security.txt: the server answered 502 Bad Gateway; it is not asked again before";
    assert!(err.contains(why), "{err}");
    is_down.store(false, Ordering::Relaxed);
    let asked = world.web.requests().len();
    assert_eq!((told("ftp.uni.example").await, world.web.requests().len()), ([2, 0], asked), "it is not asked yet");
    // A minute is over.
    let script = "import sqlite3\nd = sqlite3.connect('data/records.sqlite')\n\
        d.execute(\"UPDATE learned SET learned = learned - 70000000\")\nd.commit()\n";
    let done = Command::new("python3").args(["-c", script]).current_dir(world.folder.path()).output().unwrap();
    assert!(done.status.success(), "{done:?}");
    fs::remove_dir_all(world.path("data/lookup/live")).unwrap();
    assert_eq!(told("git.uni.example").await, [2, 1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_domain_is_asked_for_its_security_txt() {
    let world = World::new(BOTH).await;
    let (rows, err) = world.who(&["https://www.uni.example/x?y"]).await;
    let columns = ["party", "contact", "purpose", "language", "origin", "specific", "reason"];
    assert_eq!(
        rows.iter().map(|row| cells(row, &columns)).collect::<Vec<_>>(),
        [
            [
                "Name of 292",
                "abuse@registrar.example",
                "abuse",
                "-",
                "RDAP https://zone.example/rdap/domain/uni.example",
                "domain uni.example",
                "registrar 292 > abuse"
            ],
            [
                "uni.example",
                "cert@uni.example",
                "vulnerability",
                "fi, en",
                "security.txt https://www.uni.example/security",
                "domain uni.example",
                "signed, which was not checked; also https://uni.example/report; expires 2999-01-01"
            ],
        ],
        "{err}"
    );
    let (rows, err) = world.who(&["old.example", "soft.example", "lost.example", "page.example"]).await;
    assert!(rows.iter().all(|row| row["contact"].is_null()), "{rows:?}");
    for why in [
        "https://old.example/security.txt: it expired on 2020-01-01",
        "https://soft.example/.well-known/security.txt: it is `text/html` in place of text/plain",
        "https://lost.example/security.txt: it redirects to parking.example, which is another host",
    ] {
        assert!(err.contains(why), "{why}\n{err}");
    }
    let (_, refused, _) = world.run(&["contact", "refused", "--format", "csv"]).await;
    for counted in ["security.txt,unreadable,", "security.txt,unwanted,"] {
        assert!(refused.contains(counted), "{counted}: {refused}");
    }
    let page = cells(&rows[3], &["party", "reason"]);
    assert_eq!(page, ["page.example", "it names no mail address but https://page.example/report; expires 2999-01-01"]);
    // Not for other purposes.
    let (rows, _) = world.who(&["www.uni.example", "--purpose", "abuse"]).await;
    assert_eq!(rows.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_asked_unless_the_settings_say_so() {
    let world = World::new("").await;
    world.who(&["192.0.2.7", "www.uni.example"]).await;
    let allowed = World::new(BOTH).await;
    allowed.who(&["192.0.2.7", "www.uni.example", "--offline"]).await;
    assert_eq!(world.web.requests().len() + allowed.web.requests().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lists_of_servers_are_fetched_anew() {
    let world = World::new("rdap = true\n").await;
    // Those that come with the program know who has this address, and say of when they are.
    let (_, err) = world.who(&["203.0.113.1", "lost.example"]).await;
    assert!(err.contains("passed over RDAP https://rdap.apnic.net/ip/203.0.113.1: it is not there (404)"), "{err}");
    assert!(err.contains("no server is known for lost.example (list of 2026-11-29)"), "{err}");
    // And where they are from.
    let (code, out, _) = world.run(&["contact", "check", "--format", "csv"]).await;
    let from = "(asn.json, ipv4.json, ipv6.json, dns.json) is told by lists of 2026-11-29 that come with Concert and were \
        written by hand: `concert contact refresh rdap` fetches those of IANA";
    assert!(code == 0 && out.contains("remark,,") && out.contains(from), "{out}");
    let (code, out, err) = world.run(&["contact", "refresh", "rdap", "--format", "ndjson"]).await;
    assert_eq!(code, 3, "{err}");
    let rows: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows[0]["reason"], "the server answered 500 Internal Server Error; the file before stays");
    assert_eq!(rows[3], json!({"file": "dns.json", "entries": 2, "published": "2026-11-01", "reason": null}));
    assert!(world.path("data/lookup/rdap/ipv4.json").exists() && !world.path("data/lookup/rdap/asn.json").exists());
    let (_, out, _) = world.run(&["contact", "check", "--format", "csv"]).await;
    assert!(out.contains("dns.json) is told by lists of 2026-11-01\""), "{out}");
    assert_eq!(world.who(&["192.0.2.7"]).await.0[0]["contact"], "abuse@a.example");
    let (_, err) = world.who(&["203.0.113.1", "AS3333"]).await;
    assert!(err.contains("no server is known for 203.0.113.1 (list of 2026-11-01)"), "{err}");
    // The one that could not be fetched is that of the program still.
    assert!(err.contains("passed over RDAP https://rdap.db.ripe.net/autnum/3333: it is not there (404)"), "{err}");
    let given = World::new(RDAP).await;
    let (code, _, err) = given.run(&["contact", "refresh", "rdap"]).await;
    assert!(code == 2 && err.contains("remove `rdap_bootstrap`"), "{err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_on_this_machine_is_asked_where_the_settings_name_it() {
    // Nobody but the one that is named leads to this one.
    let second = Web::start(None, |_: &Request| {
        network("192.0.0.0", "192.0.255.255", &json!({"entities": [entity("AB2", "abuse", "b@b.example")]}))
    })
    .await
    .unwrap();
    let other = second.address().to_string();
    let world = World::serving("rdap = true\n", &[], move |request: &Request| {
        let own = request.header("host").unwrap_or_default().to_owned();
        let link =
            |rel: &str, href: String| json!({"links": [{"rel": rel, "href": href, "type": "application/rdap+json"}]});
        let up =
            |href: &str| network("192.0.2.0", "192.0.2.255", &link("up", format!("http://{href}/ip/192.0.0.0/16")));
        match request.path.as_str() {
            "/ip/192.0.2.7" => up(&own),
            "/ip/192.0.2.8" => up(&other),
            "/ip/192.0.2.9" => Answer::new(302, "").header("Location", &format!("http://{other}/ip/192.0.2.9")),
            "/ip/192.0.2.10" => up("localhost:1"),
            "/ip/192.0.2.11" => Answer::new(302, "").header("Location", "http://10.0.0.1/ip/192.0.2.11"),
            "/ip/192.0.0.0/16" => {
                network("192.0.0.0", "192.0.255.255", &json!({"entities": [entity("AB1", "abuse", "abuse@a.example")]}))
            }
            _ => Answer::new(404, ""),
        }
    })
    .await;
    let lists = world.path("lists");
    fs::create_dir_all(&lists).unwrap();
    for (name, key) in [("ipv4", "192.0.2.0/24"), ("ipv6", "2001:db8::/32"), ("asn", "64496-64511"), ("dns", "example")]
    {
        let services = format!("[[\"{key}\"], [\"http://{}/\"]]", world.web.address());
        fs::write(lists.join(format!("{name}.json")), format!("{{\"services\": [{services}]}}")).unwrap();
    }
    // Without `trial_server`: the lists alone lead there.
    fs::write(world.path("conf.d/who.toml"), "[lookup]\nrdap = true\nrdap_bootstrap = \"lists\"\n").unwrap();
    let (rows, err) = world.who(&["192.0.2.7", "192.0.2.8", "192.0.2.9", "192.0.2.10", "192.0.2.11"]).await;
    assert_eq!(rows[0]["contact"], "abuse@a.example", "{err}");
    assert_eq!((&rows[1]["contact"], &rows[2]["contact"]), (&json!("b@b.example"), &json!("b@b.example")), "{err}");
    assert!(rows[3]["contact"].is_null() && rows[4]["contact"].is_null(), "{rows:?}");
    assert!(err.contains("http://localhost:1/ip/192.0.0.0/16: it is asked without encryption"), "{err}");
    assert!(err.contains("ip/192.0.2.11: it leads to a server without encryption"), "{err}");
    // What was fetched is not believed so far: anybody may have written it.
    fs::create_dir_all(world.path("data/lookup/rdap")).unwrap();
    for name in ["ipv4", "ipv6", "asn", "dns"] {
        fs::copy(lists.join(format!("{name}.json")), world.path(&format!("data/lookup/rdap/{name}.json"))).unwrap();
    }
    fs::write(world.path("conf.d/who.toml"), "[lookup]\nrdap = true\n").unwrap();
    let (rows, err) = world.who(&["192.0.2.70"]).await;
    assert!(rows[0]["contact"].is_null() && err.contains("without encryption"), "{err}");
}
