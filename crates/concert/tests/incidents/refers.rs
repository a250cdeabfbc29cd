//! What an entry names must be there, and what is refused tells nothing that the writer may not see.

use serde_json::{Value, json};

use crate::Serving;
use crate::site::Site;

const FEED: &str = "[[feed]]\nname = \"drop\"\nparser = \"ndjson\"\n";
const BOOK: &str = "party,prefixes,mail,sectors\nExample Net,192.0.2.0/24,abuse@net.example,energy\nExample Bank,203.0.113.0/24,noc@bank.example,finance\n";

#[expect(clippy::unwrap_used, reason = "a test that cannot set itself up must fail")]
impl Site {
    /// With two parties in the contact book, and an event for each of these labels. Gives the events.
    pub(crate) fn filled(labels: &[&str]) -> (Self, Vec<String>) {
        let site = Self::with(FEED);
        let file = |name: &str, text: &str| {
            let path = site.dir.path().join(name);
            std::fs::write(&path, text).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let book = file("book.csv", BOOK);
        site.run(&["contact", "import", "constituents", &book]);
        let line = |label: &&str| {
            let event = json!({"classification.type": "scanner", "source.fqdn": format!("web-{}.example", label.len()),
                "tlp": label, "time.source": "2026-11-22T04:50:30Z", "extra.label": label});
            format!("{event}\n")
        };
        let report = file("events", &labels.iter().map(line).collect::<String>());
        site.run(&["ingest", "--feed", "drop", &report]);
        let rows = site.json(&["events"]);
        let of = |label: &&str| rows.iter().find(|row| row["extra.label"] == json!(label)).unwrap()["event.id"].clone();
        let ids = labels.iter().map(|label| of(label).as_str().unwrap().to_owned());
        let ids = ids.collect();
        (site, ids)
    }

    fn evidence(&self, number: &str, text: &str, tlp: &str) -> String {
        let path = self.dir.path().join("evidence");
        std::fs::write(&path, text).unwrap();
        let file = path.to_str().unwrap();
        let more = ["--place", "safe", "--reason", "x", "--tlp", tlp];
        let (code, _, err) = self.run(&[&["evidence", "add", number, file], &more[..]].concat());
        assert_eq!(code, 0, "{err}");
        let rows = self.json(&["evidence", "list", number]);
        rows.last().unwrap()["sha256"].as_str().unwrap().to_owned()
    }
}

#[test]
fn what_an_entry_names_must_be_there() {
    let (site, events) = Site::filled(&["amber"]);
    for name in ["anna", "ben", "carl"] {
        site.user(name, "handler", "red");
    }
    assert_eq!(site.run(&["user", "disable", "carl"]).0, 0);
    let number = site.open("x");
    let good = |args: &[&str]| drop(site.incident(&[&["write", &number], args].concat()));
    let bad = |args: &[&str], want: &str| {
        let (code, _, err) = site.run(&[&["incident", "write", &number], args].concat());
        assert!(code == 2 && err.contains(want), "{args:?}: {code} {err}");
    };

    let role = |person, holds| ["role", "role=responder", person, holds];
    bad(&role("person=bne", "holds=true"), "`person` of role/1: there is no user `bne`\n  hint: did you mean `ben`?");
    bad(&role("person=carl", "holds=true"), "the user carl is disabled\n  hint: `concert user enable carl`");
    bad(&role("person=ben", "holds=false"), "`person` of role/1: ben does not hold the role responder");
    good(&role("person=ben", "holds=true"));
    bad(&role("person=bem", "holds=false"), "did you mean `ben`?");
    good(&role("person=ben", "holds=false"));

    bad(&["task", "name=logs", "done=true"], "`name` of task/1: there is no task `logs` that could be done");
    bad(&["task", "name=logs", "title=Ask", "person=carl"], "`person` of task/1: the user carl is disabled");
    good(&["task", "name=logs", "title=Ask", "person=ben"]);
    bad(&["task", "name=log", "done=true"], "did you mean `logs`?");
    // Whoever had it may have left meanwhile.
    assert_eq!(site.run(&["user", "disable", "ben"]).0, 0);
    good(&["task", "name=logs", "title=Ask", "person=ben", "done=true"]);

    let nowhere = format!("event={}", "0".repeat(32));
    let event = format!("event={}", events[0]);
    bad(&["event", &nowhere], "`event` of event/1: there is no event `000");
    bad(&["event", "event=x"], "there is no event `x`\n  hint: `concert events --limit 5`");
    bad(&["event", &event, "linked=false"], "is not linked here");
    good(&["event", &event]);
    good(&["event", &event]);
    good(&["event", &event, "linked=false"]);
    let at = "2026-11-22T04:50:30Z";
    let many =
        json!({"rule": "r", "events": [events[0], "0".repeat(32)], "more": 0, "first": at, "last": at}).to_string();
    bad(&["events", &many], "`events` of events/1: there is no event `000");
    bad(&["notice", "notice=20261122-000001"], "`notice` of notice/1: there is no notice `20261122-000001`");
    bad(&["notice", "notice=20261122-000001", "linked=false"], "is not linked here");

    let times = ["since=2026-11-22T05:00:00Z", "due=2026-11-23T05:00:00Z"];
    bad(&[&["clock", "clock=gdpr-notificaton"], &times[..]].concat(), "did you mean `gdpr-notification`?");
    bad(&[&["clock", "clock=ours"], &times[..]].concat(), "clocks: cra-");
    bad(
        &["clock-met", "clock=gdpr-notification", "time=2026-11-22T06:00:00Z", "proof=x"],
        "no clock `gdpr-notification` runs here",
    );
    bad(
        &["clock", "clock=gdpr-notification", "since=2026-11-22T05:00:00Z", "due=2026-11-23T05:00:00Z"],
        "`due` of clock/1: `gdpr-notification` is due at 2026-11-25T",
    );
    bad(&["clock", "clock=gdpr-notification", "since=2096-11-22T05:00:00Z"], "2096-11-22T05:00:00Z is still to come");
    bad(&["clock", "clock=cra-vulnerability-early-warning", "since=2020-11-22T05:00:00Z"], "applies from 2026-09-11");
    good(&["clock", "clock=gdpr-notification", "since=2026-11-22T05:00:00Z"]);
    bad(
        &["clock-met", "clock=gdpr-notification", "time=2026-11-21T06:00:00Z", "proof=x"],
        "`gdpr-notification` runs since 2026-11-22T05:00:00Z",
    );
    bad(&["clock-met", "clock=gdpr-notification", "time=2096-11-22T06:00:00Z", "proof=x"], "is still to come");
    bad(
        &["clock-met", "clock=gdpr-notificatoin", "time=2026-11-22T06:00:00Z", "proof=x"],
        "did you mean `gdpr-notification`?",
    );
    good(&["clock-met", "clock=gdpr-notification", "time=2026-11-22T06:00:00Z", "proof=x"]);
    bad(
        &["clock-met", "clock=gdpr-notification", "time=2026-11-22T07:00:00Z", "proof=y"],
        "met already, at 2026-11-22T06:00:00Z",
    );
    // Begun anew for what was learned later, it runs again.
    let anew = ["clock", "clock=gdpr-notification", "since=2026-11-24T05:00:00Z"];
    bad(&anew, "`gdpr-notification` was met at 2026-11-22T06:00:00Z");
    good(&[&anew[..], &["again=more was taken"]].concat());
    bad(&anew, "`gdpr-notification` runs since 2026-11-24T05:00:00Z, until 2026-11-27T");
    // For each party the law has another one.
    bad(&[&anew[..], &["party=Nobody"]].concat(), "`party` of clock/1: there is no party `Nobody`");
    good(&["party", "party=Clock Net", "status=told"]);
    good(&[&anew[..], &["party=Clock Net"]].concat());
    let met = ["clock-met", "clock=gdpr-notification", "time=2026-11-24T06:00:00Z", "proof=y"];
    good(&met);
    bad(&met, "`gdpr-notification` was met already");
    good(&[&met[..], &["party=Clock Net"]].concat());
    bad(&[&met[..], &["party=Clock Net"]].concat(), "`gdpr-notification of Clock Net` was met already");

    let sha256 = site.evidence(&number, "a log", "amber");
    let happened = |evidence: &str| format!("evidence={evidence}");
    let line = ["happened", "time=2026-11-22T04:50:30Z", "subject=web7", "text=login", "line=1"];
    bad(&line, "`line` of happened/1: it is a line of no `evidence`");
    bad(&[&line[..], &[&happened(&"0".repeat(64))]].concat(), "`evidence` of happened/1: no evidence `000");
    bad(&[&line[..], &[&happened(sha256.get(..8).unwrap_or_default())]].concat(), &format!("did you mean `{sha256}`?"));
    good(&[&line[..], &[&happened(&sha256)]].concat());
    let (code, _, err) = site.run(&["evidence", "custody", &number, &sha256, "destroyed", "--reason", "x"]);
    assert_eq!(code, 0, "{err}");
    bad(&[&line[..], &[&happened(&sha256)]].concat(), "is in custody");

    let times = ["first_seen=2026-11-22T04:50:30Z", "last_seen=2026-11-22T04:50:30Z"];
    let relation = |from, to| [&["relation", from, to], &times[..]].concat();
    bad(&relation("from=192.0.2.7", "to=192.0.2.7"), "`from` and `to` are the same");
    bad(&relation("from=192.0.2.777", "to=192.0.2.8"), "`from`: `192.0.2.777` is no host");
    let ahead = ["relation", "from=192.0.2.7", "to=192.0.2.8", "first_seen=2026-11-22T04:50:30Z"];
    bad(&[&ahead[..], &["last_seen=2126-11-22T05:00:00Z"]].concat(), "2126-11-22T05:00:00Z is still to come");
    bad(&["happened", "time=2126-11-22T04:50:30Z", "subject=web7", "text=login"], "is still to come");
    bad(&relation("from=192.0.2.7", "to="), "`to`: `` is no host");
    good(&relation("from=192.0.2.7", "to=web7"));
    let flow = [&relation("from=192.0.2.7", "to=web7")[..], &["line=1"]].concat();
    bad(&flow, "`line` of relation/1: it is a line of no `evidence`");
    bad(&[&flow[..], &[&happened(&"0".repeat(64))]].concat(), "`evidence` of relation/1: no evidence `000");
    // What it said goes on being so.
    good(&[&flow[..], &[&happened(&sha256)]].concat());
    bad(&["host", "host=http://x.example/", "party=Example Net"], "`host`: `http://x.example/` is no host");

    bad(
        &["host", "host=192.0.2.7", "party=Exmaple Net"],
        "there is no party `Exmaple Net`\n  hint: did you mean `Example Net`?",
    );
    bad(&["host", "host=192.0.2.7", "party=Nobody"], "an entry of the kind `party` makes it take part");
    good(&["host", "host=192.0.2.7", "party=Example Net"]);
    good(&["host", "host=192.0.2.7", "party="]);
    good(&["party", "party=Nobody", "status=told"]);
    for entry in [&["hold", "party=Nobody", "reason=x"][..], &["effort", "minutes=5", "person=ben", "party=Nobody"]] {
        good(entry);
        let party = entry.iter().map(|word| word.replace("Nobody", "Nbody")).collect::<Vec<_>>();
        bad(&party.iter().map(String::as_str).collect::<Vec<_>>(), "did you mean `Nobody`?");
    }
    bad(
        &["effort", "minutes=5", "person=aana"],
        "`person` of effort/1: there is no user `aana`\n  hint: did you mean `anna`?",
    );
    let (red, amber) =
        (["note", "text=x", "--tlp", "red", "--for-person"], ["note", "text=x", "--tlp", "amber", "--for-party"]);
    bad(
        &[&red[..], &["aana"]].concat(),
        "`persons` of the marking: there is no user `aana`\n  hint: did you mean `anna`?",
    );
    bad(&[&red[..], &["ben"]].concat(), "`persons` of the marking: the user ben is disabled");
    good(&[&red[..], &["anna"]].concat());
    bad(
        &[&amber[..], &["Nbody"]].concat(),
        "`parties` of the marking: there is no party `Nbody`\n  hint: did you mean `Nobody`?",
    );
    good(&[&amber[..], &["Nobody"]].concat());
    good(&[&amber[..], &["Example Bank"]].concat());
    let mark =
        |more: &[&str]| site.run(&[&["incident", "mark", &number, "--tlp", "amber", "--reason", "x"], more].concat());
    let (code, _, err) = mark(&["--for-party", "Example Bnk"]);
    assert!(code == 2 && err.contains("`parties` of the marking: there is no party `Example Bnk`"), "{err}");
    let open = ["incident", "open", "y", "--type", "scanner", "--severity", "low", "--tlp", "red", "--for-person"];
    let (code, _, err) = site.run(&[&open[..], &["aana"]].concat());
    assert!(code == 2 && err.contains("`persons` of the marking: there is no user `aana`"), "{err}");
    assert_eq!(site.run(&[&open[..], &["anna"]].concat()).0, 0);
    bad(&["order", "parties=Nobody, Somebody", "reason=x"], "`parties` of order/1: there is no party `Somebody`");
    bad(&["neighbour", "host=192.0.2.70", "party=Nobody", "reason=x"], "there is no host `192.0.2.70` in it");
    good(&["neighbour", "host=192.0.2.7", "party=Nobody", "reason=x"]);

    let shown = r#"{"finding": "key", "observables": [], "reason": "none"}"#;
    bad(&["indicators", shown], "`finding` of indicators/1: there is no finding `key`");
    good(&["finding", "name=key", "statement=A stolen key", "standing=hypothesis"]);
    good(&["indicators", shown]);
    // Lists are given as JSON in name=value too.
    good(&["indicators", "finding=key", r#"observables=[{"of": "ip", "value": "192.0.2.7"}]"#]);
    bad(&["indicators", "finding=key", "observables=[{"], "`observables` is no JSON");
}

/// INVARIANT: what is refused for not being there is refused in the same words where it is there and hidden.
#[test]
fn refusals_of_what_is_not_there_tell_nothing_that_is_hidden() {
    let (site, events) = Site::filled(&["amber", "red"]);
    site.user("anna", "handler", "red");
    site.user("ben", "handler", "amber");
    let number = site.open("x");
    let write =
        |person: &str, args: &[&str]| site.run(&[&["incident", "write", &number], args, &["--as", person]].concat());
    let good = |person: &str, args: &[&str]| assert_eq!(write(person, args).0, 0, "{args:?} {:?}", write(person, args));
    let red = ["--tlp", "red"];
    good("anna", &[&["task", "name=secret", "title=x"], &red[..]].concat());
    good("anna", &[&["finding", "name=secret", "statement=x", "standing=hypothesis"], &red[..]].concat());
    let own = "[[clock]]\nname = \"secret\"\njurisdiction = \"FI\"\nlaw = \"Ours\"\narticle = \"1\"\nstarts = \"x\"\n\
        within = 1\nunit = \"hours\"\nfrom = 2026-01-01\nreport = \"x\"\n";
    std::fs::write(site.path().join("clocks.toml"), own).unwrap();
    let clock = ["clock", "clock=secret", "since=2026-11-22T05:00:00Z"];
    good("anna", &[&clock, &red[..]].concat());
    good("anna", &[&["party", "party=Secret Net", "status=told"], &red[..]].concat());
    let sha256 = site.evidence(&number, "a secret", "red");
    let indicators = |name: &str| json!({"finding": name, "observables": [], "reason": "none"}).to_string();
    let of = |name: &str, event: &str, sha256: &str, party: &str| -> Vec<Vec<String>> {
        let args: [&[&str]; 6] = [
            &["task", &format!("name={name}"), "title=x", "done=true"],
            &["indicators", &indicators(name)],
            &["clock-met", &format!("clock={name}"), "time=2026-11-22T06:00:00Z", "proof=x"],
            &["event", &format!("event={event}")],
            &["happened", "time=2026-11-22T06:00:00Z", "subject=x", "text=x", &format!("evidence={sha256}")],
            &["host", "host=192.0.2.9", &format!("party={party}")],
        ];
        args.map(|args| args.iter().map(|arg| (*arg).to_owned()).collect()).to_vec()
    };
    let hidden = of("secret", &events[1], &sha256, "Secret Net");
    let missing = of("secrex", &"0".repeat(32), &"0".repeat(64), "Secrex Net");
    for (hidden, missing) in hidden.iter().zip(&missing) {
        let run = |args: &[String]| write("ben", &args.iter().map(String::as_str).collect::<Vec<_>>());
        let (code, _, told) = run(hidden);
        let plain = told.replace("secret", "secrex").replace("Secret", "Secrex");
        let plain = plain.replace(&events[1], &"0".repeat(32)).replace(&sha256, &"0".repeat(64));
        assert_eq!((code, plain), (2, run(missing).2), "{hidden:?}");
        let anna: Vec<&str> = hidden.iter().map(String::as_str).collect();
        assert_eq!(
            write("anna", &anna).0,
            i32::from(hidden[0] == "happened") * 2,
            "{anna:?}: {}",
            write("anna", &anna).2
        );
    }
    // The contact book is that of the constituency, and so are hints.
    site.user("eva", "handler:energy", "amber");
    good("anna", &["party", "party=Example Net", "status=told"]);
    assert_eq!(write("eva", &["host", "host=192.0.2.9", "party=Example Net"]).0, 0);
    let (code, _, told) = write("eva", &["host", "host=192.0.2.9", "party=Example Bank"]);
    assert!(
        code == 2 && told.contains("there is no party `Example Bank`\n  hint: did you mean `Example Net`?"),
        "{told}"
    );
    assert_eq!(write("anna", &["host", "host=192.0.2.9", "party=Example Bank"]).0, 0);
    // Whoever may not give roles learns of no user.
    let (code, _, told) = write("ben", &["role", "role=observer", "person=ghost"]);
    assert!(code == 2 && told.contains("not allowed") && !told.contains("ghost"), "{told}");
}

/// What is written at once is looked up at once, and one entry may name what another of them brings.
#[test]
fn entries_of_one_request_may_name_each_other_and_the_wrong_one_is_told_by_its_place() {
    let (site, events) = Site::filled(&["amber"]);
    let anna = site.user("anna", "handler", "red");
    let serving = Serving::start(&site);
    let new = json!({"title": "x", "classification": "scanner", "severity": "medium", "marking": {"tlp": "amber"}, "entries": [
        {"kind": "party", "content": {"party": "New Net", "status": "told"}},
        {"kind": "host", "content": {"host": "192.0.2.7", "party": "New Net"}},
        {"kind": "event", "content": {"event": events[0]}},
    ]});
    let (status, opened) = serving.post("/api/v1/incidents", &anna, "", &new);
    assert_eq!(status, 201, "{opened}");
    let path = format!("/api/v1/incidents/{}/entries", opened["id"].as_str().unwrap_or_default());
    let write = |entries: Value| serving.post(&path, &anna, "", &json!({ "entries": entries }));
    let task =
        |done: bool| json!({"kind": "task", "content": {"name": "t", "title": "x", "person": "anna", "done": done}});
    assert_eq!(write(json!([task(false), task(true)])).0, 201);
    let linked = |event: &str| json!({"kind": "event", "content": {"event": event}});
    let mut many: Vec<Value> = (0..900).map(|_| linked(&events[0])).collect();
    many.push(linked("nowhere"));
    let (status, told) = write(json!(many));
    assert_eq!((status, &told["detail"]), (404, &json!("entry 901: `event` of event/1: there is no event `nowhere`")));
    let before = serving.get(&path, &anna).1["entries"].as_array().map_or(0, Vec::len);
    assert_eq!(before, 7);
}

/// Two writers over HTTP who had seen the same: one of them wins, the other is told what was changed, by whom and when.
#[test]
fn of_two_writers_at_once_one_wins_and_the_other_is_told() {
    let site = Site::new();
    let (anna, ben) = (site.user("anna", "handler", "red"), site.user("ben", "handler", "red"));
    let serving = Serving::start(&site);
    let new = json!({"title": "x", "classification": "scanner", "severity": "medium", "marking": {"tlp": "amber"}});
    let opened = serving.post("/api/v1/incidents", &anna, "", &new).1;
    let incident = format!("/api/v1/incidents/{}", opened["id"].as_str().unwrap_or_default());
    let entries = format!("{incident}/entries");
    let last = || serving.get(&entries, &anna).1["entries"].as_array().unwrap().last().unwrap()["seq"].clone();
    let task = |title: &str| json!({"kind": "task", "content": {"name": "t", "title": title}});
    let finding =
        |title: &str| json!({"kind": "finding", "content": {"name": "f", "statement": title, "standing": "supported"}});
    let status = |title: &str| json!({"kind": "status", "content": {"status": "waiting", "reason": title}});
    for round in 0..8 {
        let (seen, kinds) = (last(), [task, finding, status]);
        let entry = kinds[round % kinds.len()];
        let body = |who: &str| json!({"seen": seen, "entries": [entry(who), {"kind": "note", "content": {"text": format!("{who} {round}")}}]});
        let bodies = [("anna", &anna, body("anna")), ("ben", &ben, body("ben"))];
        let answers: Vec<(&str, (u16, Value))> = std::thread::scope(|scope| {
            let ask =
                |(who, token, body): &(&'static str, &String, Value)| (*who, serving.post(&entries, token, "", body));
            let asking: Vec<_> = bodies.iter().map(|one| scope.spawn(move || ask(one))).collect();
            asking.into_iter().map(|one| one.join().unwrap()).collect()
        });
        let (won, lost): (Vec<_>, Vec<_>) = answers.iter().partition(|(_, (status, _))| *status == 201);
        let ([(winner, (_, written))], [(loser, (409, told))]) = (&won[..], &lost[..]) else { panic!("{answers:?}") };
        assert_eq!(told["changed"], json!([written["entries"][0]]), "{told}");
        assert_eq!((&told["changed"][0]["author"], told["changed"][0]["time"].is_string()), (&json!(winner), true));
        // Nothing of the one that lost is there.
        let (_, found) = serving.get(&format!("/api/v1/search?q={loser}%20{round}"), &anna);
        assert_eq!(found["entries"], json!([]), "{found}");
    }
    // A marking too, and the same from the command line.
    let seen = last();
    let mark = |tlp: &str, seen: &Value| json!({"marking": {"tlp": tlp}, "reason": "x", "seen": seen});
    let markings = format!("{incident}/markings");
    assert_eq!(serving.post(&markings, &anna, "", &mark("green", &seen)).0, 201);
    let (status, told) = serving.post(&markings, &anna, "", &mark("clear", &seen));
    assert_eq!((status, &told["changed"][0]["content"]["marking"]["tlp"]), (409, &json!("green")), "{told}");
    let number = opened["number"].as_str().unwrap();
    let write = ["incident", "write", number, "title", "title=y", "--as", "ben", "--seen"];
    let (code, _, err) = site.run(&[&write[..], &[&seen.to_string()]].concat());
    assert_eq!(code, 0, "{err}");
    let (code, _, err) = site.run(&[&write[..], &[&seen.to_string()]].concat());
    let last = last();
    assert!(
        code == 2 && err.contains(&format!("somebody changed it meanwhile:\n  entry {last} by ben at 20")),
        "{err}"
    );
    assert!(
        err.contains(&format!("title/1 {{\"title\":\"y\"}}\n  hint: to write it all the same, give `--seen {last}`")),
        "{err}"
    );
    assert_eq!(site.run(&[&write[..], &[&last.to_string()]].concat()).0, 0);
    let (code, _, err) =
        site.run(&["incident", "mark", number, "--tlp", "red", "--reason", "x", "--seen", &seen.to_string()]);
    assert!(code == 2 && err.contains("marking/1"), "{err}");
    drop(serving);
    assert_eq!(site.run(&["verify"]).0, 0);
}

/// What is kept of a time is the moment, the zone that its source wrote, and how wrong its clock may be.
#[test]
fn times_say_their_zone_and_are_shown_with_it() {
    let site = Site::new();
    let number = site.open("x");
    let write = |args: &[&str]| site.run(&[&["incident", "write", &number], args].concat());
    let good = |args: &[&str]| assert_eq!(write(args).0, 0, "{args:?}");
    let bad = |args: &[&str], want: &str| {
        let (code, _, err) = write(args);
        assert!(code == 2 && err.contains(want), "{args:?}: {code} {err}");
    };
    let item = |time, zone| ["happened", time, zone, "clock_error=90", "subject=web7", "text=login"];
    good(&item("time=2026-11-22T06:50:30+02:00", "zone="));
    good(&item("time=2026-11-22T06:50:30+02:00", "zone=Europe/Helsinki"));
    bad(
        &item("time=2026-11-22T06:50:30", "zone=Europe/Helsinki"),
        "`time` of happened/1: `2026-11-22T06:50:30` is no time with its zone",
    );
    bad(&item("time=2026-11-22T06:50:30Z", "zone=Mars"), "`zone`: `Mars` is no time zone");
    bad(
        &["task", "name=t", "due=2026-11-30"],
        "`due` of task/1: `2026-11-30` is no time with its zone; write it like 2026",
    );
    let flow = ["relation", "from=192.0.2.7", "to=192.0.2.8", "clock_error=90"];
    good(&[&flow[..], &["first_seen=2026-11-22T06:50:30+02:00", "last_seen=2026-11-22T06:51:30+02:00"]].concat());
    let shown = site.incident(&["show", &number]).remove(0);
    let zones: Vec<&Value> = shown["timeline"].as_array().unwrap().iter().map(|item| &item["zone"]).collect();
    assert_eq!((zones.len(), zones.contains(&&json!("+02:00"))), (2, true), "{shown}");
    assert!(zones.contains(&&json!("Europe/Helsinki")) && shown["timeline"][0]["time"] == "2026-11-22T04:50:30Z");
    let flow = &shown["relations"][0];
    assert_eq!(
        (&flow["first_seen"], &flow["zone"], &flow["clock_error"]),
        (&json!("2026-11-22T04:50:30Z"), &json!("+02:00"), &json!(90))
    );
}

#[test]
fn a_role_for_somebody_who_does_not_see_the_incident_is_warned_of_and_given() {
    let site = Site::new();
    site.user("otto", "reader:none", "red");
    let number = site.open_marked("x", "amber+strict");
    site.incident(&["write", &number, "party", "party=Net", "status=told"]);
    let speaks = ["incident", "write", &number, "role", "role=affected-party", "person=otto", "party=Net"];
    let (code, out, err) = site.run(&speaks);
    assert!(code == 0 && out.contains(&number), "{out}");
    let (what, hint) =
        ("otto does not see the incident: TLP:AMBER+STRICT stays within the site", "mark it for the party");
    assert!(err.contains(what) && err.contains(hint), "{err}");
    let shown = site.incident(&["show", &number]);
    assert_eq!(shown[0]["parties"][0]["speakers"], json!(["otto"]));
}
