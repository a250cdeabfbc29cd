//! Incidents as somebody at the machine works on them, and journals that anybody can verify.

mod catching;
#[path = "../support/init.rs"]
mod init;
mod joins;
mod named;
mod odd;
mod refers;
mod site;
mod splits;
mod values;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use site::Site;

#[expect(clippy::unwrap_used, reason = "a test that cannot set itself up must fail")]
impl Site {
    fn python(&self, script: &str, input: &str) -> (bool, String) {
        let mut child = Command::new("python3")
            .args(["-c", script])
            .current_dir(self.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&said).trim().to_owned())
    }

    fn sql(&self, statement: &str) {
        let script =
            "import sqlite3,sys; d=sqlite3.connect('data/records.sqlite'); d.execute(sys.stdin.read()); d.commit()";
        assert_eq!(self.python(script, statement), (true, String::new()));
    }

    fn exported(&self, number: &str) -> String {
        let (code, out, err) = self.run(&["incident", "export", number]);
        assert_eq!(code, 0, "{err}");
        out
    }
}

const VERIFIER: &str = include_str!("../journal/verify.py");

#[test]
fn an_incident_is_opened_worked_on_and_shown() {
    let site = Site::new();
    let number = site.open("Scans from 192.0.2.7");
    assert!(number.starts_with("CERT-EX#20") && number.ends_with("-000001"), "{number}");
    let write = |args: &[&str]| site.incident(&[&["write", &number], args].concat());
    write(&["party", "party=Example Net", "status=told", "text=by telephone"]);
    let times = ["first_seen=2026-11-22T04:50:30Z", "last_seen=2026-11-22T05:00:00Z"];
    write(&[&["relation", "from=192.0.2.7", "to=198.51.100.9", "port=22", "certainty=80"], &times[..]].concat());
    write(&["task", "name=logs", "title=Ask for logs", "role=responder", "done=false", "due=2026-11-30T00:00:00Z"]);
    write(&["task", "name=open", "title=New task"]);
    write(&["role", "role=responder", "person=ben", "holds=true"]);
    write(&["finding", "{\"name\":\"h1\",\"statement\":\"A stolen key\",\"standing\":\"hypothesis\"}"]);
    let shown = site.incident(&["show", &number]).remove(0);
    assert_eq!(shown["parties"][0]["status"], "told");
    assert_eq!(shown["relations"][0]["to"], "198.51.100.9");
    assert_eq!(shown["tasks"][0]["due"], "2026-11-30T00:00:00Z");
    assert_eq!(shown["tasks"][1]["done"], false);
    assert_eq!(shown["roles"]["responder"], json!(["ben"]));
    assert_eq!(shown["marking"]["tlp"], "amber");
    let found = site.incident(&["search", "198.51.100"]);
    assert_eq!((found.len(), &found[0]["kind"]), (1, &json!("relation/1")));
    assert_eq!(site.incident(&["list"])[0]["number"], json!(number));
    assert_eq!(site.open("Another").split('-').next_back(), Some("000002"));
}

#[test]
fn what_is_wrong_is_told_with_a_hint_and_changes_nothing() {
    let site = Site::new();
    let number = site.open("x");
    let before = site.exported(&number);
    let check = |args: &[&str], want: &str| {
        let (code, _, err) = site.run(&[&["incident"], args].concat());
        assert!(code == 2 && err.contains(want), "{args:?}: {code} {err}");
    };
    check(&["write", &number, "relatio"], "did you mean `relation`?");
    check(&["write", &number, "relation", "fom=x"], "did you mean `from`?");
    check(&["write", &number, "note", "text= "], "`text` is empty");
    check(&["write", &number, "status", "status=done"], "it takes one of open, waiting, closed");
    check(&["write", &number, "party", "party=x", "status=nonsense"], "`status` of party/1: `nonsense` is not a value");
    check(&["write", &number, "classification", "classification=bad"], "is not a classification");
    check(&["write", &number, "task", "name=x", "due=soon"], "write it like 2026-11-22");
    check(&["write", &number, "party", "party=Ev\u{202e}il", "status=told"], "writing direction");
    check(&["write", &number, "host", "host=ev\u{ad}il.example"], "writing direction");
    check(
        &["write", &number, "observable", "of=domain", "value=ev\u{202e}il.example"],
        "letters in it that are not seen",
    );
    check(&["write", "CERT-EX#2026-999999", "note", "text=x"], "there is no such incident");
    let with_type = ["open", "x", "--type", "scanner"];
    check(&[&with_type[..], &["--severity", "low"]].concat(), "--tlp <red|amber+strict|amber|green|clear>");
    check(&[&with_type[..], &["--tlp", "amber"]].concat(), "--severity <info|low|medium|high|critical>");
    check(&[&with_type[..], &["--tlp", "amber", "--severity", "bad"]].concat(), "info, low, medium, high or critical");
    check(&["open", " ", "--type", "scanner", "--severity", "medium", "--tlp", "red"], "`title` is empty");
    check(&["open", "x", "--type", "scanner", "--severity", "medium", "--tlp", "white"], "no label of TLP 2.0");
    assert_eq!(site.exported(&number), before);
}

#[test]
fn what_was_erased_stands_in_no_file() {
    let site = Site::new();
    let number = site.open("x");
    site.incident(&["write", &number, "note", "text=unmistakable88"]);
    let has = || -> Vec<_> {
        let files = std::fs::read_dir(site.path().join("data")).unwrap().flatten().map(|entry| entry.path());
        let holds = |path: &std::path::PathBuf| {
            path.is_file() && std::fs::read(path).unwrap().windows(14).any(|bytes| bytes == b"unmistakable88")
        };
        files.filter(holds).collect()
    };
    assert_ne!(has(), Vec::<std::path::PathBuf>::new());
    let last = site.entries(&number).pop().unwrap();
    site.incident(&["erase", &number, &last, "--reason", "privacy law"]);
    assert_eq!(has(), Vec::<std::path::PathBuf>::new());
}

/// INVARIANT: what an incident was opened with can be erased, words and all; it stands with its number, type, severity and
/// marking, for the same people, and its journal is as it should be.
#[test]
fn an_incident_stands_without_the_words_it_was_opened_with() {
    let site = Site::new();
    let number = site.open("Stolen by unmistakable77");
    let shown = || site.incident(&["show", &number]).remove(0);
    let (before, opening) = (shown(), site.entries(&number).remove(0));
    site.incident(&["erase", &number, &opening, "--reason", "privacy law"]);
    let after = shown();
    assert_eq!(after["title"], "(title erased)");
    for member in ["number", "classification", "severity", "marking", "opened", "opener", "roles", "status"] {
        assert_eq!(after[member], before[member], "{member}");
    }
    let holds = |path: &std::path::PathBuf| {
        path.is_file() && std::fs::read(path).unwrap().windows(14).any(|bytes| bytes == b"unmistakable77")
    };
    let files = || std::fs::read_dir(site.path().join("data")).unwrap().flatten().map(|entry| entry.path());
    assert_eq!(files().filter(holds).collect::<Vec<_>>(), Vec::<std::path::PathBuf>::new());
    assert_eq!(site.run(&["verify"]).0, 0);
    let (good, said) = site.python(VERIFIER, &site.exported(&number));
    // Opened and coordinator, what stands, and that it was erased.
    assert_eq!((good, said.as_str()), (true, "4"));
    let listed = site.incident(&["list"]);
    assert_eq!((&listed[0]["title"], &listed[0]["number"]), (&json!("(title erased)"), &json!(number)));
    // Nor is it erased twice, nor what stands of it.
    for entry in [&opening, &site.entries(&number)[2]] {
        let (code, _, err) = site.run(&["incident", "erase", &number, entry, "--reason", "x"]);
        assert!(code == 2 && (err.contains("its body is gone") || err.contains("stays")), "{err}");
    }
    // Whatever is made anew from the journal is the same, and the incident goes on.
    site.incident(&["rebuild"]);
    site.incident(&["write", &number, "title", "title=Stolen"]);
    assert_eq!(shown()["title"], "Stolen");
    assert_eq!(site.run(&["verify"]).0, 0);
}

/// INVARIANT: the manual is enough to verify a journal without Concert.
#[test]
fn a_second_verifier_agrees() {
    let site = Site::new();
    let manual = include_str!("../../../../docs/journal.md");
    let texts: Vec<&str> = manual.lines().filter(|line| line.starts_with('{')).collect();
    let vectors: Vec<String> =
        texts.chunks(2).map(|pair| json!({"body": pair[0], "header": pair[1]}).to_string()).collect();
    assert_eq!(site.python(VERIFIER, &vectors.join("\n")), (true, "2".to_owned()));
    let number = site.open("Scans: «ünï» \u{1f600} \"quoted\"\\");
    for text in ["one", "two\nlines", "three"] {
        site.incident(&["write", &number, "note", &format!("text={text}")]);
    }
    assert_eq!(site.python(VERIFIER, &site.exported(&number)), (true, "5".to_owned()));
    site.incident(&["erase", &number, &site.entries(&number)[3], "--reason", "privacy law"]);
    let exported = site.exported(&number);
    assert!(!exported.contains("two\\\\nlines") && exported.contains("\"body\":null"), "{exported}");
    assert_eq!(site.python(VERIFIER, &exported), (true, "6".to_owned()));
    assert_eq!(site.run(&["verify"]).0, 0);
    let last = site.entries(&number).pop().unwrap();
    let (code, _, err) = site.run(&["incident", "erase", &number, &last, "--reason", "privacy law"]);
    assert!(code == 2 && err.contains("what says that an entry was erased stays"), "{err}");
    assert_eq!(site.incident(&["search", "lines"]), Vec::<Value>::new());
    let changed = exported.replace("three", "thr\u{c9}e");
    let (good, said) = site.python(VERIFIER, &changed);
    assert!(!good && said.contains("entry 5: body is not the one that was signed"), "{said}");
}

#[test]
fn verify_names_a_key_that_signed_nothing() {
    let site = Site::new();
    let path = site.path().join("data/site.key");
    let key = std::fs::read_to_string(&path).unwrap();
    let changed = if key.starts_with('a') { format!("b{key}") } else { format!("a{key}") };
    std::fs::write(&path, &changed).unwrap();
    assert_eq!(site.run(&["verify"]).0, 0, "nothing is signed yet");
    std::fs::write(&path, &key).unwrap();
    site.open("x");
    assert_eq!(site.run(&["verify"]).0, 0);
    std::fs::write(&path, &changed).unwrap();
    let (code, out, _) = site.run(&["verify"]);
    assert!(code == 1 && out.contains("data/site.key") && out.contains("not the one of this site"), "{out}");
}

#[test]
fn verify_names_the_entry_that_was_changed() {
    let check = |statement: &str, want: &str| {
        let site = Site::new();
        let number = site.open("x");
        for text in ["one", "two", "three"] {
            site.incident(&["write", &number, "note", &format!("text={text}")]);
        }
        assert_eq!(site.run(&["verify"]).0, 0);
        let want = want.replace("entry number 4", &format!("entry number {}", site.entries(&number)[3]));
        site.sql(statement);
        let (code, out, err) = site.run(&["verify"]);
        assert!(code == 1 && out.contains(&want) && out.contains("incidents"), "{statement}: {out}{err}");
    };
    check("UPDATE entry SET body = replace(body, 'two', 'too') WHERE sequence = 4", "entry 4");
    check(
        "UPDATE entry SET header = replace(header, '\"sequence\":4', '\"sequence\":9') WHERE sequence = 4",
        "entry 4 is missing",
    );
    check("DELETE FROM entry WHERE sequence = 3", "entry 3 is missing");
    check("DELETE FROM entry WHERE sequence = 5", "its newest entries are missing");
    check("UPDATE entry SET body = body || ' ' WHERE sequence = 5", "canonical");
    check("UPDATE entry SET body = NULL WHERE sequence = 4", "entry number 4\",\"difference\":\"its body is gone");
    check("DELETE FROM entry", "all its entries are missing");
    check(
        "UPDATE entry SET seq = 9000000000000000 WHERE sequence = 3",
        "entry number 9000000000000000\",\"difference\":\"it is numbered after",
    );
    check("UPDATE entry SET seq = 9000000000000000 - seq", "it is numbered after");
    let astray = "entry number 4\",\"difference\":\"its row says another place or time";
    for column in
        ["time = time + 1", "tick = tick + 1", "sequence = 40", "site = replace(site, substr(site, 1, 1), 'x')"]
    {
        check(&format!("UPDATE entry SET {column} WHERE sequence = 4"), astray);
    }
    check("UPDATE entry SET incident = 'x' WHERE sequence = 4", "entry 4 is missing");
    let lists = "how it stands in lists is not what follows from its entries";
    for column in [
        "status = 'closed'",
        "title = 'y'",
        "severity = 'low'",
        "classification = 'phishing'",
        "number = 'X#1'",
        "opened = opened + 1",
        "changed_at = 0",
        "circle = replace(circle, '\"amber\"', '\"clear\"')",
        "circle = replace(circle, 'operator', 'eve')",
        "circle = 'x'",
    ] {
        check(&format!("UPDATE incident SET {column}"), lists);
    }
    check("DELETE FROM incident", "it is in no list");
}

#[test]
fn what_is_taken_out_of_searches_and_incidents_taken_out_whole_are_named() {
    let check = |statements: &[&str], want: &str| {
        let site = Site::new();
        let numbers = ["x", "y", "z"].map(|title| site.open(title));
        site.incident(&["write", &numbers[1], "observable", "of=ip", "value=192.0.2.7"]);
        assert_eq!(site.run(&["verify"]).0, 0);
        let id = site.incident(&["show", &numbers[1]])[0]["id"].as_str().unwrap().to_owned();
        for statement in statements {
            site.sql(&statement.replace("ID", &format!("'{id}'")));
        }
        let (code, out, err) = site.run(&["verify"]);
        let want = want.replace("NUMBER", &numbers[1]);
        assert!(code == 1 && out.contains(&want), "{statements:?}: {out}{err}");
    };
    let searches = "what its entries are found by is not what follows from them";
    check(&["DELETE FROM observable"], searches);
    check(&["UPDATE observable SET value = '192.0.2.8'"], searches);
    let whole = ["DELETE FROM entry WHERE incident = ID", "DELETE FROM incident WHERE id = ID"];
    let rest = ["DELETE FROM touched WHERE incident = ID", "DELETE FROM observable WHERE incident = ID"];
    let gone = [&whole[..], &rest[..]].concat();
    check(&gone, "incident NUMBER\",\"difference\":\"the number was given");
    // One of the two that say which numbers were given is enough.
    for more in ["UPDATE memory SET value = '0' WHERE owner = 'incident number'", "DELETE FROM audit"] {
        check(&[&gone[..], &[more]].concat(), "the number was given");
    }
}

/// INVARIANT: how a party stands is for whoever sees the incident, so a message that is for fewer says nothing there.
#[test]
fn the_subject_of_a_message_that_is_for_fewer_stands_in_nothing_that_is_for_more() {
    let site = Site::with("[via.mail]\ntype = \"smtp\"\nhost = \"127.0.0.1\"\nport = 9\ntls = \"off\"\n");
    let number = site.open_marked("x", "green");
    for (party, tlp, want) in [("Net A", "green", "by mail: quickstep"), ("Net B", "amber", "by mail")] {
        site.incident(&["write", &number, "party", &format!("party={party}"), "status=unknown"]);
        let words = ["--to", "abuse@net.example", "--subject", "quickstep", "--text", "x", "--tlp", tlp];
        site.incident(&[&["send", &number, "--party", party], &words[..]].concat());
        let log = site.incident(&["log", &number, "--kind", "party"]);
        let said = &log.last().unwrap()["content"];
        assert_eq!((&said["party"], &said["status"], &said["text"]), (&json!(party), &json!("told"), &json!(want)));
    }
}

/// What other journals say of an incident is signed, so it is missed there whatever else is changed.
#[test]
fn an_incident_taken_out_with_all_that_counts_it_is_named_where_another_says_that_it_was_there() {
    let site = Site::new();
    let numbers = ["x", "y"].map(|title| site.open(title));
    site.incident(&["link", &numbers[0], "--parent", &numbers[1], "--reason", "one campaign"]);
    assert_eq!(site.run(&["verify"]).0, 0);
    let id = site.incident(&["show", &numbers[1]])[0]["id"].as_str().unwrap().to_owned();
    for table in ["entry", "touched", "observable"] {
        site.sql(&format!("DELETE FROM {table} WHERE incident = '{id}'"));
    }
    site.sql(&format!("DELETE FROM incident WHERE id = '{id}'"));
    site.sql("UPDATE memory SET value = '1' WHERE owner = 'incident number'");
    site.sql("DELETE FROM audit");
    let (code, out, err) = site.run(&["verify"]);
    let why = format!("all its entries are missing: the journal of {} says that the two belonged together", numbers[0]);
    assert!(code == 1 && out.contains(&id) && out.contains(&why), "{out}{err}");
}

/// INVARIANT: whichever byte is changed of what is kept of an incident, `verify` says so and names the place. Every byte of
/// a header is changed beside `journal.rs`; here what is kept in the records and in files.
#[test]
fn a_changed_byte_of_any_entry_or_evidence_is_named() {
    let site = Site::new();
    let number = site.open("x");
    site.incident(&["write", &number, "note", "text=«quoted» text"]);
    let log = site.dir.path().join("log");
    std::fs::write(&log, "evidence of some bytes").unwrap();
    let added = ["evidence", "add", &number, log.to_str().unwrap(), "--place", "safe", "--reason", "x"];
    assert_eq!(site.run(&added).0, 0);
    assert_eq!(site.run(&["verify"]).0, 0);
    // Journal rows: some bytes of each header and of each body, custody among them.
    let change = |column: &str, seq: usize, at: usize, back: bool| {
        let bit = if back { "-" } else { "+" };
        let script = format!(
            "import sqlite3\nd=sqlite3.connect('data/records.sqlite')\n(t,)=d.execute('SELECT {column} FROM entry WHERE sequence={seq}').fetchone()\nat={at}%len(t)\nt=t[:at]+chr(ord(t[at]){bit}1)+t[at+1:]\nd.execute('UPDATE entry SET {column}=? WHERE sequence={seq}',(t,)); d.commit()"
        );
        assert_eq!(site.python(&script, ""), (true, String::new()));
    };
    let numbers = site.entries(&number);
    for seq in 1..=5 {
        for (column, at) in [("header", 40), ("header", 331), ("body", 57)] {
            change(column, seq, at, false);
            let (code, out, err) = site.run(&["verify"]);
            let place = [format!("entry {seq}"), format!("entry number {}", numbers[seq - 1])];
            assert!(code == 1 && place.iter().any(|place| out.contains(place)), "{seq} {column} {at}: {out}{err}");
            change(column, seq, at, true);
        }
    }
    assert_eq!(site.run(&["verify"]).0, 0);
    // Evidence: bytes of the file, one more, one less, none.
    let rows = site.json(&["evidence", "list", &number]);
    let sha256 = rows[0]["sha256"].as_str().unwrap();
    let (first, rest) = sha256.split_at(2);
    let (second, name) = rest.split_at(2);
    let path = site.path().join("data/evidence").join(first).join(second).join(name);
    let good = std::fs::read(&path).unwrap();
    let write = |bytes: &[u8]| {
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, bytes).unwrap();
    };
    let mut odd: Vec<Vec<u8>> = vec![Vec::new(), good[1..].to_vec(), [&good[..], b"x"].concat()];
    for at in (0..good.len()).step_by(8) {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        odd.push(bytes);
    }
    for bytes in &odd {
        write(bytes);
        let (code, out, err) = site.run(&["verify"]);
        assert!(code == 1 && out.contains(name), "{bytes:?}: {out}{err}");
    }
    write(&good);
    assert_eq!(site.run(&["verify"]).0, 0);
}

/// INVARIANT: whatever is derived from journals can be made anew and answers the same.
#[test]
fn derived_tables_can_be_made_anew() {
    let site = Site::new();
    let numbers: Vec<String> = ["One scan", "Two scans", "Three"].iter().map(|title| site.open(title)).collect();
    site.incident(&["write", &numbers[0], "observable", "of=ip", "value=192.0.2.7"]);
    site.incident(&["write", &numbers[1], "status", "status=closed", "reason=done"]);
    site.incident(&["mark", &numbers[2], "--tlp", "red", "--for-person", "anna", "--reason", "source asked"]);
    let asked: [&[&str]; 5] = [
        &["list"],
        &["list", "--status", "closed"],
        &["search", "scan"],
        &["search", "192.0.2.7"],
        &["show", &numbers[2]],
    ];
    let answers = |site: &Site| asked.map(|args| site.incident(args));
    let before = answers(&site);
    assert_eq!(before.iter().map(Vec::len).collect::<Vec<_>>(), [3, 1, 3, 1, 1]);
    for table in ["incident", "observable"] {
        site.sql(&format!("DELETE FROM {table}"));
    }
    assert_eq!(site.incident(&["list"]).len(), 0);
    assert_eq!(site.run(&["incident", "rebuild"]).0, 0);
    assert_eq!(answers(&site), before);
}

/// INVARIANT: what lists go by is the same whether it was kept as entries came, made anew, or made when a site from
/// before was brought up to date.
#[test]
fn lists_of_a_site_from_before_are_what_follows_from_its_entries() {
    let site = Site::new();
    let numbers: Vec<String> = ["One", "Two", "Three"].iter().map(|title| site.open(title)).collect();
    let write = |number: &str, args: &[&str]| site.incident(&[&["write", number], args].concat());
    write(&numbers[0], &["party", "party=Net \u{fc} \"quoted\"", "status=told"]);
    let speaks = ["role", "role=affected-party", "person=otto", "party=Net \u{fc} \"quoted\"", "holds=true"];
    write(&numbers[0], &speaks);
    write(&numbers[1], &["note", "text=x", "--tlp", "red", "--for-person", "anna", "--for-person", "ben"]);
    write(&numbers[1], &["note", "text=y", "--tlp", "amber", "--compartment", "legal"]);
    write(&numbers[2], &["status", "status=waiting", "reason=x"]);
    let noted = write(&numbers[2], &["note", "text=z", "--tlp", "green"]);
    site.incident(&["erase", &numbers[2], &noted[0]["entries"][0].to_string(), "--reason", "privacy law"]);
    let noted = write(&numbers[2], &["note", "text=w", "--tlp", "green"]);
    let noted = noted[0]["entries"][0].to_string();
    site.incident(&["mark", &numbers[2], "--entry", &noted, "--tlp", "amber", "--reason", "x"]);
    site.incident(&["link", &numbers[2], "--parent", &numbers[1], "--reason", "x"]);
    write(&numbers[2], &["party", "party=Other", "status=told"]);
    let list = || site.incident(&["list"]);
    let before = list();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../concert-store/migrations");
    let files = std::fs::read_dir(folder).unwrap().map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap());
    let files: Vec<String> = files.collect();
    // Made first by one step, and anew by a later one.
    let steps =
        ["CREATE TABLE touched", "DELETE FROM touched;"].map(|text| files.iter().find(|file| file.contains(text)));
    let step = steps.map(|step| step.unwrap().as_str()).join("\n");
    let script = "import sqlite3,sys; d=sqlite3.connect('data/records.sqlite'); d.executescript(sys.stdin.read())";
    let old = "DROP TABLE touched; CREATE INDEX incident_changed ON incident (changed);";
    assert_eq!(site.python(script, &format!("{old}\n{step}")), (true, String::new()));
    // Then by the rules of now, of which those of erased entries came later.
    site.sql("DELETE FROM memory WHERE owner = 'incident derived'");
    assert_eq!(list(), before);
    assert_eq!(site.run(&["verify"]).0, 0, "{}", site.run(&["verify"]).1);
    assert_eq!(list(), before);
    site.sql("UPDATE touched SET seq = seq + 1 WHERE sight <> ''");
    let (code, out, err) = site.run(&["verify"]);
    assert!(code == 1 && format!("{out}{err}").contains("not what follows from its entries"), "{code} {out} {err}");
}

/// A value is found in whatever people wrote of it, in all incidents that the reader may see, and in the events.
#[test]
fn what_is_known_of_a_value_is_told_across_incidents() {
    let site = Site::new();
    std::fs::write(
        site.path().join("conf.d/feeds.toml"),
        "[[feed]]\nname = \"seen\"\nparser = \"ndjson\"\ncollect = { type = \"file\", path = \"in/\", mode = \"drop\" }\n",
    )
    .unwrap();
    let event = |minute: u8, ends: &str| {
        format!("{{\"time.source\":\"2026-11-22T04:{minute}:00Z\",\"classification.type\":\"scanner\",{ends}}}\n")
    };
    let events = event(50, "\"source.ip\":\"192.0.2.7\"")
        + &event(55, "\"source.ip\":\"198.51.100.1\",\"destination.ip\":\"192.0.2.7\"")
        + &event(58, "\"source.ip\":\"198.51.100.2\"");
    std::fs::write(site.path().join("events.json"), events).unwrap();
    let file = site.path().join("events.json");
    let (code, _, err) = site.run(&["ingest", "--feed", "seen", file.to_str().unwrap()]);
    assert_eq!(code, 0, "{err}");

    let numbers: Vec<String> = ["One", "Two", "Three"].iter().map(|title| site.open(title)).collect();
    site.incident(&["write", &numbers[0], "note", "text=Calls hxxp://evil[.]example/x from 192.0.2[.]7:4242."]);
    let finding = ["name=h", "statement=It is EVIL(dot)example", "standing=hypothesis"];
    site.incident(&[&["write", &numbers[1], "finding"], &finding[..]].concat());
    site.incident(&[
        "write",
        &numbers[1],
        "happened",
        "time=2026-11-22T00:00:00Z",
        "subject=192.0.2.7",
        "text=reached",
    ]);
    site.incident(&[
        "write",
        &numbers[2],
        "decision",
        "text=Block evil.example",
        "--tlp",
        "red",
        "--for-person",
        "anna",
    ]);
    let about = |value: &str| site.incident(&["about", value]).remove(0);
    let kinds = |answer: &Value| {
        let kinds = answer["entries"].as_array().unwrap().iter().map(|entry| entry["kind"].clone());
        kinds.collect::<Vec<_>>()
    };

    // What is RED is for the persons it names and its author, who is at the machine.
    let domain = about("evil[.]example");
    assert_eq!((&domain["value"], &domain["of"]), (&json!("evil.example"), &json!("domain")));
    assert_eq!(kinds(&domain), ["decision/1", "finding/1", "note/1"]);
    assert_eq!(domain["incidents"], json!([numbers[2], numbers[1], numbers[0]]));
    assert_eq!(
        (&domain["events"], &domain["first_seen"], &domain["is_common"]),
        (&json!(0), &Value::Null, &json!(false))
    );
    let address = about("192.0.2.7");
    assert_eq!(kinds(&address), ["happened/1", "note/1"]);
    assert_eq!(address["events"], json!(2));
    assert_eq!(
        (&address["first_seen"], &address["last_seen"]),
        (&json!("2026-11-22T04:50:00Z"), &json!("2026-11-22T04:55:00Z"))
    );

    // Somebody who sees neither RED nor events has the same answer as if there were none.
    let added = site.run(&["user", "add", "ben", "--full-name", "Ben", "--role", "reader", "--clearance", "green"]);
    assert_eq!(added.0, 0, "{}", added.2);
    let as_ben = site.incident(&["about", "evil.example", "--as", "ben"]).remove(0);
    assert_eq!((kinds(&as_ben), &as_ben["incidents"]), (Vec::<Value>::new(), &json!([])));
    assert_eq!(site.run(&["incident", "rebuild"]).0, 0);
    assert_eq!(about("192.0.2.7"), address);
}

/// One law has a clock for each party, and one that runs or was met begins anew only for a reason.
#[test]
fn a_clock_begins_anew_for_a_reason_and_each_party_has_its_own() {
    let site = Site::new();
    let number = site.open("One");
    site.incident(&["write", &number, "party", "party=Net A", "status=told"]);
    let start = |args: &[&str]| {
        let at = ["--since", "2025-11-22T04:50:30Z"];
        site.run(&[&["incident", "clock", &number, "start", "gdpr-notification"], &at[..], args].concat())
    };
    assert_eq!((start(&[]).0, start(&["--party", "Net A"]).0), (0, 0));
    let (code, _, err) = start(&[]);
    assert!(
        code == 2 && err.contains("`gdpr-notification` runs since 2025-11-22T04:50:30Z") && err.contains("--again"),
        "{err}"
    );
    let (code, _, err) = start(&["--party", "Net B"]);
    assert!(code == 2 && err.contains("there is no party `Net B`"), "{err}");
    let rows = |args: &[&str]| -> Vec<Value> {
        let (code, out, err) = site.run(args);
        assert_eq!(code, 0, "{err}");
        out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let parties =
        |rows: Vec<Value>| rows.iter().map(|row| row["party"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(parties(rows(&["clock", "due"])), ["", "Net A"]);
    assert_eq!(parties(rows(&["incident", "due"])), ["", "Net A"]);
    site.incident(&[
        "clock",
        &number,
        "met",
        "gdpr-notification",
        "--proof",
        "receipt 17",
        "--at",
        "2025-11-23T00:00:00Z",
    ]);
    let (code, _, err) = start(&[]);
    assert!(code == 2 && err.contains("was met at 2025-11-23T00:00:00Z"), "{err}");
    assert_eq!(start(&["--again", "More was taken"]).0, 0);
    let clocks = site.incident(&["show", &number]).remove(0)["clocks"].clone();
    let (whole, of_net) = (&clocks[0], &clocks[1]);
    assert_eq!((&whole["again"], &whole["met"]), (&json!("More was taken"), &Value::Null));
    assert_eq!(
        (&whole["before"][0]["proof"], &whole["before"][0]["met"]),
        (&json!("receipt 17"), &json!("2025-11-23T00:00:00Z"))
    );
    assert_eq!((&of_net["party"], &of_net["before"]), (&json!("Net A"), &json!([])));
    assert_eq!(parties(rows(&["clock", "due"])), ["", "Net A"]);
}

/// Whoever coordinated it has gone: nobody answers for it until a handler takes it up.
#[test]
fn what_whoever_has_gone_coordinated_is_an_open_duty_that_a_handler_takes_up() {
    let site = Site::new();
    for name in ["anna", "ben"] {
        let added = site.run(&["user", "add", name, "--full-name", name, "--role", "handler", "--clearance", "red"]);
        assert_eq!(added.0, 0, "{}", added.2);
    }
    let open = ["open", "One", "--type", "scanner", "--severity", "low", "--tlp", "amber", "--as", "anna"];
    let number = site.incident(&open)[0]["incident"].as_str().unwrap().to_owned();
    let take = || {
        let role = ["role", "role=coordinator", "person=ben", "holds=true", "--as", "ben"];
        site.run(&[&["incident", "write", &number], &role[..]].concat())
    };
    let (code, _, err) = take();
    assert!(code == 2 && err.contains("not allowed"), "{err}");
    assert!(site.incident(&["due"]).is_empty());
    assert_eq!(site.run(&["user", "disable", "anna"]).0, 0);
    let due = site.incident(&["due", "--as", "ben"]).remove(0);
    assert_eq!((&due["kind"], &due["name"], &due["incident"]), (&json!("duty"), &json!("coordinator"), &json!(number)));
    assert_eq!(due["what"], "nobody coordinates it: anna is disabled");
    let duties = || site.incident(&["show", &number]).remove(0)["open_duties"].clone();
    assert_eq!(duties()[0]["role"], "coordinator");
    assert_eq!(take().0, 0);
    assert!(site.incident(&["due"]).is_empty());
    assert_ne!(duties()[0]["role"], "coordinator");
    // Nobody was disabled for this, and nobody coordinates it all the same.
    site.incident(&["write", &number, "role", "role=coordinator", "person=anna", "holds=false"]);
    site.incident(&["write", &number, "role", "role=coordinator", "person=ben", "holds=false"]);
    assert_eq!(site.run(&["user", "enable", "anna"]).0, 0);
    let due = site.incident(&["due"]).remove(0);
    assert_eq!((&due["kind"], &due["what"]), (&json!("duty"), &json!("nobody coordinates it")));
}

/// What is not said of a task or a finding stays as it is.
#[test]
fn a_task_that_is_done_keeps_its_title_person_and_time() {
    let site = Site::new();
    let number = site.open("One");
    let write = |args: &[&str]| drop(site.incident(&[&["write", &number], args].concat()));
    write(&["task", "name=t1", "title=Ask for logs", "role=responder", "person=anna", "due=2026-11-30T12:00:00Z"]);
    write(&["task", "name=t1", "done=true"]);
    write(&["finding", "name=h1", "statement=The key was stolen", "standing=hypothesis"]);
    write(&["finding", "name=h1", "standing=supported"]);
    let shown = site.incident(&["show", &number]).remove(0);
    let want = json!({"name": "t1", "title": "Ask for logs", "role": "responder", "person": "anna", "due": "2026-11-30T12:00:00Z", "done": true});
    assert_eq!(shown["tasks"][0], want);
    assert_eq!(shown["findings"][0], json!({"name": "h1", "statement": "The key was stolen", "standing": "supported"}));
    write(&["task", "name=t1", "person=", "done=false"]);
    let task = site.incident(&["show", &number]).remove(0)["tasks"][0].clone();
    assert_eq!((&task["person"], &task["done"], &task["title"]), (&json!(""), &json!(false), &json!("Ask for logs")));
    let (code, _, err) = site.run(&["incident", "write", &number, "note", "text=a", "text=b"]);
    assert!(code == 2 && err.contains("`text` is given twice"), "{err}");
}

/// People say numbers as they like, and what is not there is told with what may be meant.
#[test]
fn numbers_are_taken_in_any_case_and_without_zeros_and_misspelt_words_are_told() {
    let site = Site::new();
    let number = site.open("One");
    let (ticket, count) = number.split_once('#').unwrap();
    let year = count.split_once('-').unwrap().0;
    for said in [format!("{}#{year}-1", ticket.to_lowercase()), format!("{ticket}#{year}-0001"), format!(" {number}")] {
        assert_eq!(site.incident(&["show", &said]).remove(0)["number"], json!(number), "{said}");
    }
    let refused = |args: &[&str], want: &str| {
        let (code, _, err) = site.run(&[&["incident"], args].concat());
        assert!(code == 2 && err.contains(want), "{args:?}: {err}");
    };
    refused(&["show", &format!("{ticket}#{year}-2")], "there is no such incident");
    refused(&["list", "--type", "scaner"], "did you mean `scanner`?");
    site.incident(&[
        "write",
        &number,
        "relation",
        "from=192.0.2.7",
        "to=192.0.2.8",
        "first_seen=2026-11-22T04:50:30Z",
        "last_seen=2026-11-22T04:50:30Z",
    ]);
    refused(&["chain", &number, "--upstream", "192.0.2.9"], "there is no host `192.0.2.9` in it");
    assert_eq!(site.incident(&["chain", &number, "--upstream", "192.0.2.8"]).len(), 2);
    let item = ["happened", "time=2026-11-22T04:50:30Z", "subject=web7", "text=x", "zone=+25:00"];
    refused(&[&["write", &number], &item[..]].concat(), "`zone`: `+25:00` is no time zone");
    let audited = |object: &str| site.json(&["audit", "--object", object]);
    assert_eq!(audited(&number), audited(&format!("incident {number}")));
    assert!(!audited(&number).is_empty());
    // A process is found by its title, not by the words of its file.
    site.incident(&["process", &number, "start", "infected-host"]);
    assert_eq!(site.incident(&["search", "Infected", "host"]).len(), 1);
    assert!(site.incident(&["search", "classification"]).is_empty());
    assert!(site.incident(&["search", "outcomes"]).is_empty());
}

/// Clocks of laws run until the time that the law says, and those of all open incidents are in one list.
#[test]
fn clocks_of_laws_run_out_in_order_and_are_met_with_a_proof() {
    let site = Site::new();
    let numbers: Vec<String> = ["One", "Two", "Three"].iter().map(|title| site.open(title)).collect();
    let start = |number: &str, name: &str, since: &str| {
        site.incident(&["clock", number, "start", name, "--since", since]);
    };
    start(&numbers[0], "nis2-early-warning", "2025-11-22T04:50:30Z");
    start(&numbers[0], "nis2-notification", "2h");
    start(&numbers[1], "gdpr-notification", "2025-11-20T00:00:00Z");
    start(&numbers[1], "nis2-final-report", "2025-10-31T12:00:00Z");
    start(&numbers[2], "gdpr-notification", "2025-11-01T00:00:00Z");
    let shown = site.incident(&["show", &numbers[0]]).remove(0);
    assert_eq!(shown["clocks"][0]["due"], "2025-11-23T04:50:30Z");
    let list = |args: &[&str]| {
        let (code, out, err) = site.run(&[&["clock"], args].concat());
        assert_eq!(code, 0, "{err}");
        let rows = out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        rows.map(|row| format!("{} {} {}", row["state"], row["clock"], row["due"]).replace('"', "")).collect::<Vec<_>>()
    };
    // The law does not end with the incident: whoever closes it is told, and the clock stays in the list.
    let (code, _, err) = site.run(&["incident", "write", &numbers[2], "status", "status=closed", "reason=done"]);
    assert!(code == 0 && err.contains("the clock gdpr-notification runs on, until 2025-11-04T00:00:00Z"), "{err}");
    let overdue = [
        "overdue gdpr-notification 2025-11-04T00:00:00Z",
        "overdue gdpr-notification 2025-11-23T00:00:00Z",
        "overdue nis2-early-warning 2025-11-23T04:50:30Z",
    ];
    let soon = list(&["due", "--within", "1h"]);
    assert_eq!(soon[..3], overdue);
    let all = list(&["due"]);
    assert!(
        all.len() == 5 && all[3..].iter().any(|row| row == "overdue nis2-final-report 2025-11-30T12:00:00Z"),
        "{all:?}"
    );

    site.incident(&["clock", &numbers[1], "met", "gdpr-notification", "--proof", "case 17 of the authority"]);
    site.incident(&["clock", &numbers[2], "met", "gdpr-notification", "--proof", "case 16 of the authority"]);
    assert_eq!(list(&["due"])[0], overdue[2]);
    let told = site.incident(&["show", &numbers[1]]).remove(0);
    assert_eq!(told["clocks"][0]["proof"], "case 17 of the authority");
    // What proves it may be something that is there: an entry, evidence, a notice or a mail that the writer sees.
    let note = site.incident(&["write", &numbers[0], "note", "text=receipt 18"]);
    let secret = site.incident(&["write", &numbers[0], "note", "text=x", "--tlp", "red", "--for-person", "anna"]);
    let [note, secret] = [note, secret].map(|written| written[0]["entries"][0].to_string());
    let carl = site.run(&["user", "add", "carl", "--full-name", "Carl", "--role", "handler", "--clearance", "amber"]);
    assert_eq!(carl.0, 0, "{}", carl.2);
    let met = |clock: &str, to: &str| {
        site.run(&["incident", "clock", &numbers[0], "met", clock, "--points-to", to, "--as", "carl"])
    };
    let refused = |to: &str, want: &str| {
        let (code, _, err) = met("nis2-notification", to);
        assert!(code == 2 && err.contains(want), "{to}: {err}");
    };
    refused("entry:999999", "`points_to` of clock-met/1: there is no entry `999999` in it");
    refused(&format!("entry:{secret}"), &format!("there is no entry `{secret}` in it"));
    refused("notice:20261122-000001-dkvr", "there is no notice `20261122-000001-dkvr`");
    refused("mail:7", "there is no mail `7` in its conversations");
    refused(&format!("evidence:{}", "0".repeat(64)), "no evidence `000");
    refused("a sentence", "points to nothing\n  hint: write entry:17");
    refused("", "nothing proves it");
    assert_eq!(met("nis2-notification", &format!("entry:{note}")).0, 0);
    let file = site.path().join("receipt");
    std::fs::write(&file, "a receipt").unwrap();
    site.json(&["evidence", "add", &numbers[0], file.to_str().unwrap(), "--reason", "proof", "--tlp", "green"]);
    let sha256 = site.json(&["evidence", "list", &numbers[0]])[0]["sha256"].as_str().unwrap().to_owned();
    assert_eq!(met("nis2-early-warning", &format!("evidence:{sha256}")).0, 0);
    let told = site.incident(&["show", &numbers[0]]).remove(0);
    let entries = site.incident(&["log", &numbers[0]]);
    let pointed: Vec<&str> =
        told["clocks"].as_array().unwrap().iter().map(|clock| clock["points_to"].as_str().unwrap()).collect();
    // The journal names the entry by its place in its chain.
    let at = 1 + entries.iter().position(|entry| entry["seq"].as_u64() == note.parse().ok()).unwrap();
    assert!(pointed[1].starts_with("entry:") && pointed[1].ends_with(&format!(":{at}")), "{pointed:?} {at}");
    assert_eq!(pointed[0], format!("evidence:{sha256}"));
    // What was changed since somebody read it is not overwritten.
    let late = ["clock", &numbers[1], "start", "gdpr-notification", "--since", "1h", "--seen", "1"];
    let (code, _, err) = site.run(&[&["incident"], &late[..]].concat());
    assert!(code == 2 && err.contains("somebody changed it meanwhile"), "{err}");

    let added = site.run(&["user", "add", "ben", "--full-name", "Ben", "--role", "reader", "--clearance", "green"]);
    assert_eq!(added.0, 0, "{}", added.2);
    assert_eq!(list(&["due", "--as", "ben"]), Vec::<String>::new());
    let wrong = |args: &[&str], want: &str| {
        let (code, _, err) = site.run(args);
        assert!(code == 2 && err.contains(want), "{args:?}: {code} {err}");
    };
    let clock = ["incident", "clock", &numbers[0]];
    wrong(&[&clock[..], &["start", "nis2-early-warnin"]].concat(), "did you mean `nis2-early-warning`?");
    wrong(
        &[&clock[..], &["start", "dora-final", "--since", "2024-01-01T00:00:00Z"]].concat(),
        "applies from 2025-03-12",
    );
    for times in [["start", "gdpr-notification", "--since"], ["met", "nis2-early-warning", "--at"]] {
        wrong(&[&clock[..], &times, &["2026-11-22T04:50:30"]].concat(), "is no time with its zone");
    }
    wrong(&[&clock[..], &["met", "dora-final", "--proof", "x"]].concat(), "no clock `dora-final` runs here");
}

/// A site has clocks of its own, and replaces those that are shipped.
#[test]
fn a_site_adds_and_replaces_clocks() {
    let site = Site::new();
    let own = "[[clock]]\nname = \"gdpr-notification\"\njurisdiction = \"FI\"\nlaw = \"Ours\"\narticle = \"1\"\n\
               starts = \"It begins.\"\nwithin = 1\nunit = \"hours\"\nfrom = 2020-01-01\nreport = \"To us.\"\n";
    let write = |text: &str| std::fs::write(site.path().join("clocks.toml"), text).unwrap();
    assert_eq!(site.run(&["clock", "check"]).1, "the site has no clocks of its own\n");
    write(own);
    assert_eq!(site.run(&["clock", "check"]).1, "no mistakes in 1 clocks\n");
    let number = site.open("x");
    site.incident(&["clock", &number, "start", "gdpr-notification", "--since", "2026-11-20T00:00:00Z"]);
    assert_eq!(site.incident(&["show", &number])[0]["clocks"][0]["due"], "2026-11-20T01:00:00Z");
    assert!(site.run(&["clock", "list"]).1.contains("\"law\":\"Ours\""));
    // They go along when the site moves.
    let (packed, moved) = (site.dir.path().join("packed"), site.dir.path().join("moved"));
    let done = site.run(&["backup", packed.to_str().unwrap()]);
    assert_eq!(done.0, 0, "{}", done.2);
    let mut restore = Command::new(env!("CARGO_BIN_EXE_concert"));
    restore.arg("restore").arg(&packed).arg("--site").arg(&moved);
    assert!(restore.output().unwrap().status.success());
    assert_eq!(std::fs::read_to_string(moved.join("clocks.toml")).unwrap(), own);
    write(&own.replace("from = 2020-01-01\n", ""));
    for args in [&["clock", "check"][..], &["check"]] {
        let (code, out, _) = site.run(args);
        assert!(code == 1 && out.starts_with("clocks.toml:2:1: `from` is missing"), "{out}");
    }
    let (code, _, err) = site.run(&["incident", "clock", &number, "start", "nis2-early-warning"]);
    assert!(code == 2 && err.contains("clocks.toml:2:1"), "{err}");
}

/// What an incident, a type, a party, a person and a kind of work cost, as far as the reader may see it.
#[test]
fn work_costs_what_the_settings_say_of_its_kind() {
    let site = Site::new();
    let numbers: Vec<String> = ["One", "Two"].iter().map(|title| site.open(title)).collect();
    let effort = |number: &str, minutes: &str, person: &str, rest: &[&str]| {
        let given = ["write", number, "effort", &format!("minutes={minutes}"), &format!("person={person}")];
        site.incident(&[&given[..], rest].concat());
    };
    site.incident(&["write", &numbers[0], "party", "party=Example Net", "status=told"]);
    effort(&numbers[0], "90", "anna", &["work=analysis", "party=Example Net"]);
    effort(&numbers[0], "30", "ben", &["work=travel"]);
    effort(&numbers[1], "60", "anna", &["work=analysis", "--tlp", "red", "--for-person", "anna"]);
    let cost = |args: &[&str]| {
        let rows = site.incident(&[&["cost"], args].concat());
        let by = args.iter().position(|arg| *arg == "--by").map_or("incident", |at| args[at + 1]);
        let row = |row: &Value| format!("{} {} {} {}", row[by], row["minutes"], row["cost"], row["currency"]);
        rows.iter().map(|one| row(one).replace('"', "")).collect::<Vec<_>>()
    };
    let (code, out, err) = site.run(&["incident", "cost"]);
    assert!(
        code == 0 && out.contains("\"0.00\"") && err.contains("180 minutes are of kinds of work without a rate"),
        "{err}"
    );

    let conf = |text: &str| std::fs::write(site.path().join("conf.d/effort.toml"), text).unwrap();
    conf("[effort]\ncurrency = \"CHF\"\n[effort.rates]\nanalysis = 80\ndefault = 59.5\n");
    let one = format!("{} 120 149.75 CHF", numbers[0]);
    assert_eq!(cost(&[]), [one.as_str(), &format!("{} 60 80.00 CHF", numbers[1]), "(total) 180 229.75 CHF"]);
    assert_eq!(cost(&[&numbers[0]]), [one.as_str(), "(total) 120 149.75 CHF"]);
    assert_eq!(cost(&["--by", "work"]), ["analysis 150 200.00 CHF", "travel 30 29.75 CHF", "(total) 180 229.75 CHF"]);
    assert_eq!(cost(&["--by", "party"])[1], "Example Net 90 120.00 CHF");
    assert_eq!(cost(&["--by", "type"])[0], "scanner 180 229.75 CHF");
    assert_eq!(cost(&["--by", "person", "--since", "1h"])[0], "anna 150 200.00 CHF");
    assert_eq!(cost(&["--until", "1h"]), ["(total) 0 0.00 CHF"]);

    // What is RED for somebody else costs a reader nothing; an incident that is missing is told as such.
    let add = |name: &str, clearance: &str| {
        let given = ["user", "add", name, "--full-name", name, "--role", "reader", "--clearance", clearance];
        let added = site.run(&given);
        assert_eq!(added.0, 0, "{}", added.2);
    };
    add("ben", "amber");
    add("eve", "green");
    assert_eq!(cost(&["--as", "ben"]), [one.as_str(), "(total) 120 149.75 CHF"]);
    assert_eq!(cost(&["--as", "eve"]), ["(total) 0 0.00 CHF"]);
    let (code, _, err) = site.run(&["incident", "cost", &numbers[0], "--as", "eve"]);
    assert!(code == 2 && err.contains("there is no such incident"), "{err}");
    conf("[effort]\ncurrency = \"euro\"\nrates = { analysis = 8.123 }\n");
    let (code, out, _) = site.run(&["check"]);
    assert!(code == 1 && out.contains("`euro` is not a currency") && out.contains("`8.123` for `analysis`"), "{out}");
}

/// Minutes beside an entry are the effort of its author: seen with it, counted with the rest, and left when it is erased.
#[test]
fn minutes_beside_any_entry_count_as_its_authors_effort() {
    let site = Site::new();
    let add = |name: &str, role: &str, clearance: &str| {
        let added = site.run(&["user", "add", name, "--full-name", name, "--role", role, "--clearance", clearance]);
        assert_eq!(added.0, 0, "{}", added.2);
    };
    let opened = ["open", "x", "--type", "scanner", "--severity", "medium", "--tlp", "amber", "--minutes", "5"];
    let number = site.incident(&opened)[0]["incident"].as_str().unwrap().to_owned();
    add("anna", "handler", "red");
    add("ben", "reader", "amber");
    let anna = |args: &[&str]| site.incident(&[args, &["--as", "anna"]].concat());
    let party = ["party=Example Net", "status=told", "--minutes", "15"];
    let written = anna(&[&["write", &number, "party"], &party[..]].concat());
    let seqs = written[0]["entries"].as_array().unwrap();
    let entries = anna(&["log", &number]);
    let [entry, effort] = [0, 1].map(|at| entries.iter().find(|one| one["seq"] == seqs[at]).unwrap());
    assert_eq!(
        (&entry["kind"], &effort["kind"], &effort["author"]),
        (&json!("party/1"), &json!("effort/1"), &json!("anna"))
    );
    let said = &effort["content"];
    assert_eq!(
        (&said["minutes"], &said["person"], &said["party"]),
        (&json!(15), &json!("anna"), &json!("Example Net"))
    );
    assert_eq!(said["work"], "party");
    let place = said["entry"].as_str().unwrap().split_once(':').unwrap();
    assert!(place.0.len() == 64 && place.1.parse::<u64>().unwrap() > 1, "{said}");
    anna(&["write", &number, "note", "text=secret", "--tlp", "red", "--for-person", "anna", "--minutes", "30"]);
    anna(&["process", &number, "start", "infected-host", "--minutes", "2"]);
    anna(&["mark", &number, "--tlp", "amber+strict", "--reason", "x", "--minutes", "1"]);
    anna(&["clock", &number, "start", "nis2-early-warning", "--minutes", "3"]);
    anna(&["clock", &number, "met", "nis2-early-warning", "--proof", "by telephone", "--minutes", "4"]);
    let cost = |who: &str, by: &str| {
        let rows = site.incident(&["cost", &number, "--by", by, "--as", who]);
        rows.iter().map(|row| format!("{} {}", row[by], row["minutes"]).replace('"', "")).collect::<Vec<_>>()
    };
    let want = ["clock 3", "clock-met 4", "marking 1", "note 30", "opened 5", "party 15", "process 2", "(total) 60"];
    assert_eq!(cost("anna", "work"), want);
    assert_eq!(cost("anna", "party"), [" 45", "Example Net 15", "(total) 60"]);
    // Whoever does not see the note learns nothing of its minutes.
    let shown = site.run(&["user", "change", "ben", "--clearance", "amber+strict"]);
    assert_eq!(shown.0, 0, "{}", shown.2);
    assert_eq!(cost("ben", "work").pop().unwrap(), "(total) 30");
    site.incident(&["erase", &number, &seqs[0].to_string(), "--reason", "privacy law"]);
    assert_eq!(cost("anna", "work"), want);
    let wrong = |args: &[&str], want: &str| {
        let (code, _, err) = site.run(&[&["incident", "write", &number], args].concat());
        assert!(code == 2 && err.contains(want), "{code} {err}");
    };
    wrong(&["note", "text=x", "--minutes", "0"], "this is not a whole number from 1");
    wrong(&["effort", "minutes=5", "--minutes", "5"], "`minutes` of an effort stand in its content");
    wrong(&["effort", "minutes=5", "entry=x:1"], "leave `entry` out");
    site.run(&["verify"]);
}

/// Several processes write into one incident at once: every entry is there, in one chain.
#[test]
fn many_writers_at_once_make_one_chain() {
    let site = Site::new();
    let number = site.open("x");
    let start = |text: &str| {
        Command::new(env!("CARGO_BIN_EXE_concert"))
            .args(["incident", "write", &number, "note", &format!("text={text}"), "--site"])
            .arg(site.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap()
    };
    let children: Vec<_> = (0..12).map(|at| start(&format!("note {at}"))).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let log = site.incident(&["log", &number, "--limit", "0"]);
    assert_eq!(log.len(), 14);
    assert_eq!(site.python(VERIFIER, &site.exported(&number)), (true, "14".to_owned()));
    assert!(Path::new(&site.path()).exists() && site.run(&["verify"]).0 == 0);
}

/// A server of the site, and requests to it.
struct Serving {
    child: std::process::Child,
    port: u16,
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[expect(clippy::unwrap_used, reason = "a test that cannot set itself up must fail")]
impl Serving {
    fn start(site: &Site) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let settings = std::fs::read_to_string(site.path().join("concert.toml")).unwrap();
        let settings = settings.split("[serve]").next().unwrap().to_owned();
        std::fs::write(site.path().join("concert.toml"), format!("{settings}[serve]\nlisten = \"127.0.0.1:{port}\"\n"))
            .unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_concert"))
            .args(["serve", "--quiet", "--site"])
            .arg(site.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let serving = Self { child, port };
        let begun = std::time::Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(begun.elapsed().as_secs() < 60, "the server does not start");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        serving
    }

    /// Status and body.
    fn ask(&self, method: &str, path: &str, token: &str, headers: &str, body: &str) -> (u16, Value) {
        use std::io::Read;
        let token = if token.is_empty() { String::new() } else { format!("Authorization: Bearer {token}\r\n") };
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\n{token}{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        );
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let answer = String::from_utf8_lossy(&answer);
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap();
        (status, serde_json::from_str(body).unwrap_or_else(|_| Value::String(body.to_owned())))
    }

    fn get(&self, path: &str, token: &str) -> (u16, Value) {
        self.ask("GET", path, token, "", "")
    }

    fn post(&self, path: &str, token: &str, key: &str, body: &Value) -> (u16, Value) {
        let key = if key.is_empty() { String::new() } else { format!("Idempotency-Key: {key}\r\n") };
        self.ask("POST", path, token, &format!("Content-Type: application/json\r\n{key}"), &body.to_string())
    }
}

impl Site {
    /// A token that may do all that `admin` may.
    fn admin(&self) -> String {
        let (code, token, err) = self.run(&["token", "create", "--user", "admin", "--scope", "admin"]);
        assert_eq!(code, 0, "{err}");
        token.trim().to_owned()
    }

    fn user(&self, name: &str, role: &str, clearance: &str) -> String {
        let full = format!("{name} Example");
        let mail = format!("{name}@cert.example");
        let args = ["--full-name", &full, "--mail", &mail, "--role", role, "--clearance", clearance];
        let (code, _, err) = self.run(&[&["user", "add", name], &args[..]].concat());
        assert_eq!(code, 0, "{err}");
        let writes = if role.starts_with("handler") { ",incidents:write" } else { "" };
        let scopes = format!("incidents:read,events:read{writes}");
        let scope = ["--scope", &scopes, "--expires", "1d"];
        let (code, token, err) = self.run(&[&["token", "create", "--user", name], &scope[..]].concat());
        assert_eq!(code, 0, "{err}");
        token.trim().to_owned()
    }
}

/// What is described as wanting a token or session answers nobody without, on a site without users too.
#[expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "what is not as described must fail the test")]
fn closed_to_strangers(serving: &Serving) {
    let described = serving.get("/api/v1/openapi.json", "").1;
    let mut closed = 0;
    for (path, methods) in described["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let security = operation["security"].as_array().map_or(&[][..], Vec::as_slice);
            let is_closed = !security.is_empty() && !security.contains(&json!({}));
            assert!(is_closed || !path.contains("/incidents"), "{method} {path}");
            if is_closed {
                let (status, told) = serving.ask(&method.to_uppercase(), path, "", "", "");
                assert_eq!(status, 401, "{method} {path}: {told}");
                closed += 1;
            }
        }
    }
    assert!(closed > 50, "{closed}");
}

/// Before there are users whoever sits at the machine is asked nothing about events and notices, and sees nothing of
/// incidents; afterwards everybody comes with a token and sees what the rules allow, and what was denied stands in the
/// audit log.
#[test]
fn persons_with_tokens_see_what_they_may() {
    let site = Site::new();
    let serving = Serving::start(&site);
    for path in ["/", "/api/v1/events", "/api/v1/notices", "/api/v1/feeds", "/metrics"] {
        assert_eq!(serving.get(path, "").0, 200, "{path}");
    }
    closed_to_strangers(&serving);
    let (anna, ben, rea) = (
        site.user("anna", "handler", "red"),
        site.user("ben", "handler", "amber"),
        site.user("rea", "reader:Net A", "red"),
    );
    for path in ["/api/v1/incidents", "/api/v1/events", "/api/v1/notices", "/api/v1/feeds", "/"] {
        assert_eq!(serving.get(path, "").0, 401, "{path}");
        assert_eq!(serving.get(path, "concert_wrong").0, 401, "{path}");
    }
    assert_eq!((serving.get("/healthz", "").0, serving.get("/api/v1/openapi.json", "").0), (200, 200));
    assert_eq!((serving.get("/api/v1/events", &anna).0, serving.get("/api/v1/notices", &anna).0), (200, 403));
    let new = json!({"title": "Quiet matter", "classification": "scanner", "severity": "medium", "marking": {"tlp": "red"},
        "entries": [{"kind": "note", "content": {"text": "zebra"}}]});
    let (status, opened) = serving.post("/api/v1/incidents", &anna, "k", &new);
    assert_eq!(status, 201, "{opened}");
    assert_eq!(serving.post("/api/v1/incidents", &anna, "k", &new), (201, opened.clone()));
    let id = opened.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
    let path = format!("/api/v1/incidents/{id}");
    assert_eq!(serving.get(&path, &anna).0, 200);
    for token in [&ben, &rea] {
        assert_eq!(serving.get(&path, token), serving.get("/api/v1/incidents/none", token));
        assert_eq!(serving.get("/api/v1/incidents", token).1["incidents"], json!([]));
        assert_eq!(serving.get("/api/v1/search?q=zebra", token).1["entries"], json!([]));
        let note = json!({"kind": "note", "content": {"text": "x"}});
        assert_eq!(serving.post(&format!("{path}/entries"), token, "", &note).0, 404);
    }
    // An AMBER one is seen by ben, who may not give roles in it.
    let new = json!({"title": "Scans", "classification": "scanner", "severity": "medium", "marking": {"tlp": "amber"}});
    let (_, opened) = serving.post("/api/v1/incidents", &anna, "", &new);
    let number = opened.get("number").and_then(Value::as_str).unwrap_or_default().to_owned();
    let path = format!("/api/v1/incidents/{}", number.replace('#', "%23"));
    assert_eq!((serving.get(&path, &ben).0, serving.get(&path, &rea).0), (200, 404));
    let role = json!({"kind": "role", "content": {"role": "responder", "person": "ben", "holds": true}});
    let (status, denied) = serving.post(&format!("{path}/entries"), &ben, "", &role);
    assert_eq!((status, &denied["policy"]), (403, &json!("role")), "{denied}");
    let audit = site.run(&["audit", "--who", "ben", "--denied"]).1;
    assert!(audit.contains("staff") && audit.contains(&number), "{audit}");
    // Who limits rea, and what would let her in.
    let why = site.incident(&["why-not", &number, "rea"]);
    assert_eq!(
        why.first().map(|row| (row["allowed"].clone(), row["policy"].clone())),
        Some((json!(false), json!("no-part")))
    );
    let party = json!({"kind": "party", "content": {"party": "Net A", "status": "told"}});
    assert_eq!(serving.post(&format!("{path}/entries"), &anna, "", &party).0, 201);
    assert_eq!(serving.get(&path, &rea).0, 200);
    let who = site.incident(&["who-can-see", &number]);
    let names: Vec<&str> = who.iter().filter_map(|row| row["person"].as_str()).collect();
    assert_eq!(names, ["admin", "anna", "ben", "rea"]);
    // The command line acts as a user too.
    assert_eq!(site.run(&["incident", "list", "--as", "rea"]).1.lines().count(), 1);
    assert_eq!(site.run(&["backup", "x.tar", "--as", "rea"]).0, 2);
    assert_eq!(site.run(&["incident", "list", "--as", "nobody"]).0, 2);
    assert_eq!(site.run(&["user", "disable", "ben"]).0, 0);
    assert_eq!(serving.get(&path, &ben).0, 401);
}

/// What concerns more than one entry goes over the API too.
#[test]
fn incidents_are_joined_and_logs_are_read_over_the_api() {
    let site = Site::new();
    let (one, two) = (site.open("One"), site.open("Two"));
    site.incident(&["write", &one, "party", "party=Net A", "status=told"]);
    site.incident(&["write", &one, "host", "host=192.0.2.1", "party=Net A"]);
    let log = site.path().join("log.jsonl");
    let line = r#"{"time.source":"2026-11-22T04:50:30Z","source.ip":"192.0.2.1","destination.ip":"203.0.113.1"}"#;
    std::fs::write(&log, format!("{line}\n")).unwrap();
    let file = log.to_str().unwrap();
    let added = site.run(&["evidence", "add", &one, file, "--place", "x", "--reason", "x", "--format", "json"]);
    assert_eq!(added.0, 0, "{}", added.2);
    let (_, list, _) = site.run(&["evidence", "list", &one]);
    let sha256 = serde_json::from_str::<Value>(list.lines().next().unwrap()).unwrap()["sha256"].clone();
    let serving = Serving::start(&site);
    let path = |number: &str| format!("/api/v1/incidents/{}", number.replace('#', "%23"));
    let token = site.admin();
    let post = |to: &str, body: Value| serving.post(to, &token, "", &body);
    let lines = format!("{}/evidence/{}/lines", path(&one), sha256.as_str().unwrap());
    let (status, read) = post(&lines, json!({"parser": "ndjson", "clock_error": 60}));
    assert_eq!((status, &read["timeline"], &read["proposals"]), (200, &json!(1), &json!(1)), "{read}");
    assert_eq!(post(&lines, json!({"parser": "ndjson", "clock_error": 60})).1["known"], json!(1));
    // Nobody from elsewhere has files of this machine read.
    let set = json!(["pattern = 'x'", "time_zone = { file = \"secrets/x\" }"]);
    assert_eq!(post(&lines, json!({"parser": "regex", "set": set})).0, 400);
    let join = |joined| json!({"as": "into", "incident": two, "joined": joined, "reason": "the same"});
    assert_eq!(post(&format!("{}/joins", path(&one)), join(true)).0, 201);
    let (status, refused) = post(&format!("{}/entries", path(&one)), json!({"kind": "note", "content": {"text": "x"}}));
    assert_eq!((status, &refused["merged_into"]), (409, &json!(two)), "{refused}");
    let shown = serving.get(&path(&two), &token).1;
    assert_eq!((&shown["hosts"], &shown["counts"]["timeline"]), (&json!({"192.0.2.1": "Net A"}), &json!(1)));
    assert_eq!(serving.get("/api/v1/incidents?status=merged", &token).1["incidents"][0]["number"], json!(one));
    assert_eq!(post(&format!("{}/joins", path(&one)), join(false)).0, 201);
    let new = json!({"title": "Part", "classification": "scanner", "severity": "medium", "marking": {"tlp": "amber"}});
    let split = json!({"new": new, "hosts": ["192.0.2.1"], "reason": "another"});
    let (status, part) = post(&format!("{}/splits", path(&one)), split);
    assert_eq!(status, 201, "{part}");
    assert_eq!(serving.get(&path(&one), &token).1["hosts"], json!({}));
    assert_eq!(serving.get(&path(part["number"].as_str().unwrap()), &token).1["counts"]["hosts"], json!(1));
}

/// INVARIANT: an answered request is durable, and an unanswered one can be sent again and happens once.
#[test]
fn a_kill_loses_no_answered_request_and_doubles_none() {
    let site = Site::new();
    let number = site.open("x");
    let path = format!("/api/v1/incidents/{}/entries", number.replace('#', "%23"));
    let token = site.admin();
    let mut answered = 0;
    for round in 0..6 {
        let mut serving = Serving::start(&site);
        let port = serving.port;
        let asking = std::thread::spawn({
            let (path, token) = (path.clone(), token.clone());
            move || {
                let mut done = 0;
                for at in 0..200 {
                    let body = json!({"kind": "note", "content": {"text": format!("note {round} {at}")}}).to_string();
                    let request = format!(
                        "POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\nIdempotency-Key: {round}-{at}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                        body.len()
                    );
                    let Ok(mut stream) = std::net::TcpStream::connect(("127.0.0.1", port)) else { break };
                    let mut answer = String::new();
                    let sent = stream.write_all(request.as_bytes());
                    if sent.is_err()
                        || std::io::Read::read_to_string(&mut stream, &mut answer).is_err()
                        || !answer.starts_with("HTTP/1.1 201")
                    {
                        break;
                    }
                    done += 1;
                }
                done
            }
        });
        std::thread::sleep(std::time::Duration::from_millis(30 + 23 * round));
        serving.child.kill().ok();
        serving.child.wait().ok();
        let done: u64 = asking.join().unwrap_or(0);
        // What was on its way is sent again with its key.
        let serving = Serving::start(&site);
        let again = json!({"kind": "note", "content": {"text": format!("note {round} {done}")}});
        let (status, first) = serving.post(&path, &token, &format!("{round}-{done}"), &again);
        assert_eq!(status, 201, "{first}");
        assert_eq!(serving.post(&path, &token, &format!("{round}-{done}"), &again).1, first);
        answered += done + 1;
    }
    let log = site.incident(&["log", &number, "--limit", "0"]);
    assert_eq!(log.len() as u64, answered + 2);
    assert_eq!(site.run(&["verify"]).0, 0);
}

/// INVARIANT: the same holds for what takes more than one step: evidence, whose bytes are kept before it is written about,
/// and users; whenever the program is killed, each is there once or not at all, and can be sent again.
#[test]
fn a_kill_doubles_and_halves_neither_evidence_nor_users() {
    let site = Site::new();
    let number = site.open("x");
    let roles = ["--role", "administrator", "--role", "handler", "--clearance", "red"];
    assert_eq!(site.run(&[&["user", "add", "root", "--full-name", "Root"], &roles[..]].concat()).0, 0);
    let scopes = ["--scope", "admin", "--expires", "1d"];
    let (_, token, _) = site.run(&[&["token", "create", "--user", "root"], &scopes[..]].concat());
    let token = token.trim().to_owned();
    site.incident(&["write", &number, "role", "role=coordinator", "person=root"]);
    site.user("jane", "reader", "clear");
    let incident = format!("/api/v1/incidents/{}", number.replace('#', "%23"));
    let labels = ["green", "amber", "red"];
    // What is asked, one after another, each with a key of its own: method, path, media type, body.
    let request = |round: usize, at: usize| -> (&str, String, &str, String) {
        match at % 3 {
            0 => {
                let path = format!("{incident}/evidence?place=safe&reason=x");
                ("POST", path, "application/octet-stream", format!("bytes of {round} {at}"))
            }
            1 => (
                "PATCH",
                "/api/v1/users/jane".into(),
                "application/json",
                json!({"clearance": labels[at % 2]}).to_string(),
            ),
            _ => {
                let user = json!({"name": format!("u{round}x{at}"), "full_name": "U", "roles": ["reader"], "password": "correct horse battery"});
                ("POST", "/api/v1/users".into(), "application/json", user.to_string())
            }
        }
    };
    let send = |serving: &Serving, round: usize, at: usize| {
        let (method, path, media, body) = request(round, at);
        serving.ask(
            method,
            &path,
            &token,
            &format!("Content-Type: {media}\r\nIdempotency-Key: {round}-{at}\r\n"),
            &body,
        )
    };
    let (mut evidence, mut users) = (0, 0);
    for round in 0..6 {
        let mut serving = Serving::start(&site);
        let port = serving.port;
        let done = std::thread::scope(|scope| {
            let asking = scope.spawn(|| {
                let mut done = 0usize;
                for at in 0..60 {
                    let (method, path, media, body) = request(round, at);
                    let text = format!(
                        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nContent-Type: {media}\r\nIdempotency-Key: {round}-{at}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                        body.len()
                    );
                    let Ok(mut stream) = std::net::TcpStream::connect(("127.0.0.1", port)) else { break };
                    let mut answer = String::new();
                    let sent = stream.write_all(text.as_bytes());
                    if sent.is_err() || std::io::Read::read_to_string(&mut stream, &mut answer).is_err() || !answer.starts_with("HTTP/1.1 20") {
                        break;
                    }
                    done += 1;
                }
                done
            });
            std::thread::sleep(std::time::Duration::from_millis(40 + 61 * round as u64));
            serving.child.kill().ok();
            serving.child.wait().ok();
            asking.join().unwrap()
        });
        // What was on its way is sent again with its key, and so are those before it, which were answered.
        let serving = Serving::start(&site);
        for at in done.saturating_sub(3)..=done {
            let (status, first) = send(&serving, round, at);
            assert!(status == 200 || status == 201, "{round} {at}: {status} {first}");
            assert_eq!(send(&serving, round, at), (status, first));
        }
        evidence += (0..=done).filter(|at| at % 3 == 0).count();
        users += (0..=done).filter(|at| at % 3 == 2).count();
    }
    let rows = site.json(&["evidence", "list", &number, "--limit", "0"]);
    assert_eq!(rows.len(), evidence);
    let listed = site.json(&["user", "list", "--limit", "0"]);
    let made = listed
        .iter()
        .filter(|row| row["name"].as_str().is_some_and(|name| name.contains('x') && name.starts_with('u')));
    assert_eq!(made.count(), users);
    let (code, out, err) = site.run(&["verify"]);
    assert_eq!(code, 0, "{out}{err}");
}

/// The engine is asked before anything of a process is written, whatever way it comes.
#[test]
fn a_process_is_followed_step_by_step() {
    let (site, events) = Site::filled(&["amber"]);
    let number = site.open("Infected host");
    let process = |args: &[&str]| site.run(&[&["incident", "process", &number], args].concat());
    let steps = || site.incident(&["process", &number]);
    let (code, _, err) = process(&["start", "infected-hots"]);
    assert!(code == 2 && err.contains("did you mean `infected-host`?"), "{err}");
    assert_eq!(process(&["start", "infected-host"]).0, 0);
    assert_eq!(process(&["start", "infected-host"]).0, 2);
    let ready: Vec<String> = steps()
        .iter()
        .filter(|row| row["state"] == "ready")
        .filter_map(|row| row["step"].as_str().map(str::to_owned))
        .collect();
    let waiting =
        steps().iter().find(|row| row["state"] == "waiting").and_then(|row| row["step"].as_str().map(str::to_owned));
    let (first, later) = (ready.first().cloned().unwrap_or_default(), waiting.unwrap_or_default());
    let (code, _, err) = process(&["done", &later]);
    assert!(code == 2 && err.contains("waits for"), "{err}");
    // The first meeting point: no case without the raw report, or a reason.
    let (code, _, err) = process(&["done", &first]);
    assert!(code == 2 && err.contains("cannot be done"), "{err}");
    let raw =
        json!({"run": "infected-host", "step": first, "deed": "done", "outcome": "", "until": null, "reason": ""});
    let (code, _, err) = site.run(&["incident", "write", &number, "step", &raw.to_string()]);
    assert!(code == 2 && err.contains("cannot be done"), "{err}");
    assert_eq!(site.run(&["incident", "write", &number, "event", &format!("event={}", events[0])]).0, 0);
    let (code, _, err) = process(&["done", &first]);
    assert_eq!(code, 0, "{err}");
    assert!(steps().iter().any(|row| row["step"] == json!(first) && row["state"] == "done"));
    let (code, _, err) = site.run(&["incident", "write", &number, "status", "status=closed", "reason=tired"]);
    assert!(code == 2 && err.contains("has not come to its end"), "{err}");
}
