//! The program as a user meets it: what it prints, where, and how it ends.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use concert_testkit::web::{Answer, Web};

/// How a command ended, and what it printed on standard output and standard error.
type Ended = (i32, String, String);

#[expect(clippy::unwrap_used, reason = "a test that cannot start the program must fail")]
fn concert(dir: &Path, args: &[&str], input: &str) -> Ended {
    let mut child = Command::new(env!("CARGO_BIN_EXE_concert"))
        .args(args)
        .current_dir(dir)
        .env_remove("CONCERT_SITE")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that reads nothing may be gone already.
    child.stdin.take().unwrap().write_all(input.as_bytes()).ok();
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[expect(clippy::unwrap_used, reason = "a test that cannot set itself up must fail")]
fn site() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(concert(folder.path(), &["init", "site"], "").0, 0);
    folder
}

#[test]
fn a_new_site_checks_well_and_is_not_made_twice() {
    let folder = site();
    let (code, out, err) = concert(folder.path(), &["check", "--site", "site"], "");
    assert_eq!((code, out.as_str(), err.as_str()), (0, "no mistakes\n", ""));
    let before = fs::read(folder.path().join("site/data/site.key")).unwrap();
    let (code, out, err) = concert(folder.path(), &["init", "site"], "");
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(err.contains("is a site already"), "{err}");
    assert_eq!(fs::read(folder.path().join("site/data/site.key")).unwrap(), before);
}

#[test]
fn mistakes_end_check_with_one_and_other_commands_with_two() {
    let folder = site();
    fs::write(folder.path().join("site/conf.d/a.toml"), "[[feed]]\nname = \"x\"\nparser = \"ndjsn\"\n").unwrap();
    let (code, out, _) = concert(folder.path(), &["check", "--site", "site"], "");
    let told = "conf.d/a.toml:3:1: there is no parser `ndjsn`\n  hint: did you mean `ndjson`?\n";
    assert_eq!((code, out.as_str()), (1, told));
    let (code, out, _) = concert(folder.path(), &["check", "--site", "site", "--format", "ndjson"], "");
    assert_eq!(code, 1);
    assert!(out.contains("\"place\":\"conf.d/a.toml:3:1\""), "{out}");
    let (code, out, err) = concert(folder.path(), &["parse", "--site", "site", "--feed", "drop", "-"], "");
    assert_eq!((code, out.as_str(), err.as_str()), (2, "", told));
}

#[test]
fn check_opens_the_files_that_settings_name() {
    let folder = site();
    let dir = folder.path().join("site");
    let write = |name: &str, text: &str| fs::write(dir.join(name), text).unwrap();
    let check = || {
        let (code, out, _) = concert(folder.path(), &["check", "--site", "site"], "");
        (code, out.lines().map(str::to_owned).collect::<Vec<_>>())
    };
    write("data/asn.csv", "192.0.2.0,192.0.2.255,64496,Example\n198.51.100.0,198.51.100.255,0,\n");
    write("data/cc.csv", "192.0.2.0,192.0.2.255,FI\n");
    write("conf.d/a.toml", "[lookup]\nasn = [\"data/asn.csv\"]\ncountry = [\"data/cc.csv\"]\n");
    assert_eq!(check(), (0, vec!["no mistakes".to_owned()]));
    let (code, out, _) = concert(folder.path(), &["check", "--site", "site", "--format", "csv"], "");
    assert_eq!(code, 0);
    // How long ago a file changed is another matter each day.
    let rows: Vec<&str> = out.lines().filter_map(|line| line.split("; changed ").next()).collect();
    let want = [
        "state,place,what,hint",
        "ok,data/asn.csv,\"1 ranges of addresses with AS numbers",
        "ok,data/cc.csv,\"1 ranges of addresses with countries",
    ];
    assert_eq!(rows, want);

    fs::remove_file(dir.join("data/cc.csv")).unwrap();
    write("data/asn.csv", "192.0.2.0,192.0.2.255,64496,Example\n198.51.100.0,x,64497,\n");
    let (code, told) = check();
    assert_eq!(code, 1);
    let want = [
        "data/asn.csv:2: not an IP address",
        "  hint: a line is: first address,last address,AS number,name",
        "conf.d/a.toml:3:12: data/cc.csv: data about addresses cannot be read: No such file or directory (os error 2)",
        "  hint: put the file there, or name another in [lookup]; it is taken up by itself",
    ];
    assert_eq!(told, want);

    // A file of another kind, one with nothing in it, and what is no key.
    write("data/asn.csv", "<!DOCTYPE html>\n<html>\n</html>\n");
    write("data/cc.csv", "# nothing yet\n");
    fs::create_dir_all(dir.join("keys")).unwrap();
    write("keys/anna.asc", "no key");
    let (code, told) = check();
    assert_eq!(code, 1);
    let told = told.join("\n");
    write("no.pem", "no certificate");
    let tls = "ca_file = \"no.pem\"\nfrom = \"cert@cert.example\"\n";
    write("conf.d/b.toml", &format!("[via.mail]\ntype = \"smtp\"\nhost = \"mail.cert.example\"\n{tls}"));
    let told = [told, check().1.join("\n")].join("\n");
    for want in [
        "conf.d/b.toml:4:1: ",
        "no.pem: ",
        "  hint: see `ca_file`",
        "data/asn.csv: cannot be used: none of its 3 lines is a range, the first because: fewer columns than needed",
        "conf.d/a.toml:3:12: data/cc.csv has no ranges of addresses with countries",
        "warning: keys/anna.asc: a file in the folder of keys is not used: ",
    ] {
        assert!(told.contains(want), "{told}");
    }
}

#[test]
fn check_tells_mistakes_in_processes_too() {
    let folder = site();
    let own = folder.path().join("site/processes");
    fs::create_dir_all(&own).unwrap();
    let (_, text, _) = concert(folder.path(), &["process", "show", "scanning", "--format", "toml"], "");
    let wrong = text.replacen("needs = [\"triage\"]", "needs = [\"triag\"]", 1);
    fs::write(own.join("wrong.toml"), wrong).unwrap();
    let (code, told, err) = concert(folder.path(), &["process", "check", "--site", "site"], "");
    assert!(code == 1 && told.starts_with("processes/wrong.toml:") && told.contains("no step `triag`"), "{told}");
    assert_eq!(err, "");
    let (code, out, _) = concert(folder.path(), &["process", "check", "site/processes/wrong.toml"], "");
    assert_eq!((code, out), (1, told.replace("processes/wrong.toml", "site/processes/wrong.toml")));
    let (code, out, _) =
        concert(folder.path(), &["process", "check", "site/processes/wrong.toml", "--format", "json"], "");
    let rows: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &rows[0]["state"]), (1, &"mistake".into()), "{out}");
    assert!(rows[0]["place"].as_str().unwrap().starts_with("site/processes/wrong.toml:"), "{out}");
    let (code, out, err) = concert(folder.path(), &["process", "check", "gone.toml"], "");
    assert_eq!((code, out.as_str(), err.as_str()), (2, "", "gone.toml: there is no such file\n"));
    let (code, out, _) = concert(folder.path(), &["check", "--site", "site"], "");
    assert_eq!((code, out), (1, told));
}

#[test]
fn check_live_asks_every_peer() {
    let folder = site();
    let (code, out, _) = concert(folder.path(), &["check", "--live", "--site", "site", "--format", "ndjson"], "");
    assert_eq!(code, 0, "{out}");
    for peer in ["feed drop", "via outbox"] {
        assert!(out.contains(&format!("\"state\":\"ok\",\"place\":\"{peer}\"")), "{out}");
    }
    let more = "[via.gone]\ntype = \"file\"\npath = \"/proc/nothing/here\"\n";
    fs::write(folder.path().join("site/conf.d/a.toml"), more).unwrap();
    let (code, out, _) = concert(folder.path(), &["check", "--live", "--site", "site", "--format", "ndjson"], "");
    assert_eq!(code, 1, "{out}");
    assert!(out.contains("\"state\":\"failed\",\"place\":\"via gone\""), "{out}");
}

#[test]
fn settings_are_shown_with_origin_and_meaning() {
    let folder = site();
    let (code, out, _) = concert(folder.path(), &["settings", "store", "--site", "site", "--format", "csv"], "");
    assert_eq!(code, 0);
    assert!(out.starts_with("key,value,origin,replaces,meaning\r\n"), "{out}");
    assert!(out.contains("store.keep_raw,\"\"\"90d\"\"\",concert.toml:"), "{out}");
}

#[test]
fn parse_needs_no_site_and_tells_events_from_rejects() {
    let folder = tempfile::tempdir().unwrap();
    let report = "{\"source.ip\": \"192.0.2.1\", \"classification.type\": \"scanner\"}\nnot json\n";
    let args = ["parse", "--parser", "ndjson", "--received", "2026-11-22T04:50:30Z", "-"];
    let (code, out, err) = concert(folder.path(), &args, report);
    assert_eq!(code, 0, "{err}");
    let event: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        event,
        serde_json::json!({
            "source.ip": "192.0.2.1", "classification.type": "scanner",
            "classification.taxonomy": "information-gathering", "time.observation": "2026-11-22T04:50:30Z",
        })
    );
    let reject: serde_json::Value = serde_json::from_str(&err).unwrap();
    assert_eq!((&reject["line"], &reject["text"]), (&2.into(), &"not json".into()));
    assert!(reject["reason"].as_str().is_some_and(|reason| !reason.is_empty()));
    let strict = [&args[..], &["--strict"]].concat();
    assert_eq!(concert(folder.path(), &strict, report).0, 1);
    assert_eq!(concert(folder.path(), &strict, "").1, "");
}

#[test]
fn parse_takes_settings_of_the_parser_and_tells_wrong_ones() {
    let folder = tempfile::tempdir().unwrap();
    let args = ["parse", "--parser", "ndjson", "--set", "constant = { tlp = \"green\" }", "-"];
    let (code, out, err) = concert(folder.path(), &args, "{\"source.ip\": \"192.0.2.1\"}");
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.contains("\"tlp\":\"green\""), "{out}");
    let args = ["parse", "--parser", "ndjson", "--set", "x = 1", "--set", "constant = { tpl = \"green\" }", "-"];
    let (code, _, err) = concert(folder.path(), &args, "");
    assert_eq!(code, 2);
    assert!(err.contains("--set:1:1: unknown key `x`") && err.contains("did you mean `tlp`"), "{err}");
}

#[test]
fn parse_as_a_feed_adds_what_the_feed_says() {
    let folder = site();
    fs::write(folder.path().join("a.jsonl"), "{\"source.ip\": \"192.0.2.1\"}\n").unwrap();
    let (code, out, _) = concert(folder.path(), &["parse", "--site", "site", "--feed", "drop", "a.jsonl"], "");
    assert_eq!(code, 0);
    assert!(out.contains("\"feed.name\":\"drop\""), "{out}");
    let (code, _, err) = concert(folder.path(), &["parse", "--site", "site", "--feed", "dorp", "a.jsonl"], "");
    assert_eq!(code, 2);
    assert!(err.contains("did you mean `drop`?"), "{err}");
    assert_eq!(concert(folder.path(), &["parse", "--parser", "ndjson", "absent"], "").0, 2);
}

#[test]
fn wrong_usage_ends_with_two_and_help_with_zero() {
    let folder = tempfile::tempdir().unwrap();
    for args in [&["nonsense"][..], &["parse"], &["parse", "--parser", "nonsense", "-"], &["check"], &[]] {
        assert_eq!(concert(folder.path(), args, "").0, 2, "{args:?}");
    }
    for args in [&["--help"][..], &["parse", "--help"], &["--version"], &["completions", "bash"], &["man"]] {
        let (code, out, _) = concert(folder.path(), args, "");
        assert!(code == 0 && !out.is_empty(), "{args:?}");
    }
}

#[test]
fn a_file_that_cannot_be_read_and_a_name_that_is_none_end_with_two() {
    let folder = site();
    let run = |args: &[&str]| concert(folder.path(), &[args, &["--site", "site"]].concat(), "");
    for (args, want) in [
        (&["parse", "--parser", "ndjson", "absent"][..], "absent: cannot be read"),
        (&["ingest", "--feed", "drop", "absent"], "absent: cannot be read"),
        (&["restore", "absent"], "absent: cannot be read"),
        (&["contact", "import", "constituents", "absent"], "absent: cannot be read"),
        (&["key", "import", "absent"], "absent: not imported"),
        (&["contact", "prove", "--all-older-than", "180d"], "hint: set [mailbox] and its `via`"),
        (&["notice", "list", "--name", "nope"], "there is no notice `nope` in the settings"),
        (
            &["notice", "retry", "--all-failed", "--via", "nope"],
            "there is no [via.nope] in the settings, and nothing failed by it",
        ),
    ] {
        let (code, _, err) = run(args);
        assert!(code == 2 && err.contains(want), "{args:?}: {code} {err}");
    }
    // A file that is no key is another matter.
    fs::write(folder.path().join("text"), "no key").unwrap();
    assert_eq!(run(&["key", "import", "text"]).0, 1);
}

#[test]
fn parties_are_read_from_standard_input() {
    let folder = site();
    let import = |text: &str| {
        let args = ["contact", "import", "constituents", "-", "--format", "csv", "--site", "site"];
        let (code, out, err) = concert(folder.path(), &args, text);
        assert_eq!(code, 0, "{err}");
        out
    };
    assert!(import("party,prefixes,mail\nA,192.0.2.0/24,a@a.example\n").contains("added,A"));
    let run = |args: &[&str]| concert(folder.path(), &[args, &["--site", "site"]].concat(), "").1;
    let written = run(&["contact", "export", "constituents", "--format", "json"]);
    assert_eq!(import(&written), "change,party,what\r\n");
    // One object a line is read and written too; a table is nothing that can be imported again.
    let lines = run(&["contact", "export", "--format", "ndjson"]);
    assert!(lines.lines().count() == 1 && lines.starts_with('{'), "{lines}");
    assert_eq!(import(&lines), "change,party,what\r\n");
    fs::write(folder.path().join("parties.ndjson"), &lines).unwrap();
    assert_eq!(
        run(&["contact", "import", "constituents", "parties.ndjson", "--format", "csv"]),
        "change,party,what\r\n"
    );
    let table = concert(folder.path(), &["contact", "export", "--format", "table", "--site", "site"], "");
    assert!(table.0 == 2 && table.2.contains("a table cannot be imported again"), "{table:?}");
    let (code, _, err) =
        concert(folder.path(), &["contact", "import", "constituents", "-", "--site", "site"], "party,asns\nA,x\n");
    assert!(code == 2 && err.starts_with("-:2"), "{err}");
    // A file has its own name in mistakes, whatever it begins with.
    fs::write(folder.path().join("parties.json"), "{\"party\": 7}\n").unwrap();
    let (code, _, err) =
        concert(folder.path(), &["contact", "import", "constituents", "parties.json", "--site", "site"], "");
    assert!(code == 2 && err.starts_with("parties.json"), "{err}");
}

#[test]
fn what_is_told_beside_rows_is_told_as_objects_with_the_log() {
    let folder = site();
    fs::write(folder.path().join("bad"), "no json\n").unwrap();
    let args = ["ingest", "--feed", "drop", "bad", "--log-format", "json", "--site", "site"];
    let (code, _, err) = concert(folder.path(), &args, "");
    assert_eq!(code, 0, "{err}");
    let lines: Vec<serde_json::Value> = err.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told =
        |line: &serde_json::Value| line["fields"]["message"].as_str().is_some_and(|text| text.starts_with("bad: "));
    assert!(lines.iter().any(told), "{err}");
}

#[test]
fn folders_and_persons_that_are_not_there_are_told_by_check() {
    let folder = site();
    let settings = "[lookup]\nrdap_bootstrap = \"iana\"\n[openpgp]\nkeys = \"ring\"\n[[rule]]\nname = \"r\"\nif = \"true\"\n\
        open_incident = { key = [\"source.ip\"], marking = \"red\", persons = [\"nobody\"], parties = [\"None\"] }\n";
    fs::write(folder.path().join("site/conf.d/a.toml"), settings).unwrap();
    let check = || concert(folder.path(), &["check", "--site", "site"], "");
    // A site that never worked has no users and no parties.
    assert_eq!(concert(folder.path(), &["run", "--once", "--site", "site"], "").0, 0);
    let (code, told, _) = check();
    for want in [
        "conf.d/a.toml:2:18: there is no folder iana",
        "conf.d/a.toml:4:8: there is no folder ring",
        "warning: conf.d/a.toml:8:40: `persons` of open_incident of rule `r`: `nobody` is no user",
        "`parties` of open_incident of rule `r`: `None` is no party of the contact book",
    ] {
        assert!(code == 1 && told.contains(want), "{want}: {told}");
    }
    for name in ["iana", "ring"] {
        fs::create_dir(folder.path().join("site").join(name)).unwrap();
    }
    assert_eq!(check().0, 0, "{}", check().1);
}

#[test]
fn an_import_tells_what_changed_for_the_networks_of_constituents_those_inside_and_their_as() {
    let folder = site();
    let dir = folder.path();
    let run = |args: &[&str]| concert(dir, &[args, &["--site", "site", "--format", "ndjson"]].concat(), "");
    fs::write(dir.join("parties.csv"), "party,asns,prefixes\nOurs,64500,192.0.2.0/25 !192.0.2.64/26\n").unwrap();
    assert_eq!(run(&["contact", "import", "constituents", "parties.csv"]).0, 0);
    let import = |outer: &str, inner: &str, last: &str| {
        let objects = format!(
            "role: A\nnic-hdl: AR1\nabuse-mailbox: {outer}\nsource: RIPE\n\n\
             role: B\nnic-hdl: BR1\nabuse-mailbox: {inner}\nsource: RIPE\n\n\
             inetnum: 192.0.2.0 - 192.0.2.255\nabuse-c: AR1\nsource: RIPE\n\n\
             inetnum: 192.0.2.8 - 192.0.2.11\nsource: RIPE\n\n\
             inetnum: 192.0.2.64 - 192.0.2.67\nabuse-c: BR1\nsource: RIPE\n\n\
             aut-num: AS64500\nabuse-c: BR1\nsource: RIPE\n\n{last}"
        );
        fs::write(dir.join("ripe.db"), objects).unwrap();
        let (code, out, err) = run(&["contact", "import", "rpsl", "ripe.db"]);
        assert_eq!(code, 0, "{err}");
        let row = |line: &str| {
            let row: serde_json::Value = serde_json::from_str(line).unwrap();
            format!("{}: {}", row["value"].as_str().unwrap(), row["what"].as_str().unwrap())
        };
        (out.lines().map(row).collect::<Vec<_>>(), err)
    };
    let inner = "inetnum: 192.0.2.16 - 192.0.2.19\nabuse-c: BR1\nsource: RIPE\n";
    let (told, _) = import("a1@a.example", "b1@b.example", inner);
    let want = [
        "192.0.2.16 - 192.0.2.19: nobody -> b1@b.example",
        "192.0.2.0/25: nobody -> a1@a.example",
        "AS64500: nobody -> b1@b.example",
    ];
    assert_eq!(told, want);
    let (told, err) = import("a2@a.example", "b1@b.example", &format!("{inner}no colon\n\n{inner}"));
    // What only follows the network around it is told once.
    assert_eq!(told, ["192.0.2.0/25: a1@a.example -> a2@a.example"]);
    let places = ["ripe.db:29: a line that is no attribute", "ripe.db:31: `192.0.2.16 - 192.0.2.19` is there twice"];
    assert!(places.iter().all(|place| err.contains(place)) && err.contains("counts, at ripe.db:26"), "{err}");
    let (told, _) = import("a2@a.example", "b2@b.example", "");
    let want = ["192.0.2.16 - 192.0.2.19: b1@b.example -> a2@a.example", "AS64500: b1@b.example -> b2@b.example"];
    assert_eq!(told, want);
}

#[test]
fn what_registries_publish_is_imported_whole_asked_and_checked() {
    let folder = site();
    let dir = folder.path();
    let run = |args: &[&str]| concert(dir, &[args, &["--site", "site", "--format", "ndjson"]].concat(), "");
    let objects = |mail: &str| {
        format!(
            "role: A\nnic-hdl: AR1\nabuse-mailbox: {mail}\nsource: RIPE\n\n\
             inetnum: 192.0.2.0 - 192.0.2.255\nnetname: A-NET\nabuse-c: AR1\nsource: RIPE\n\n\
             inetnum: 192.0.2.9 - 192.0.2.3\nsource: RIPE\n"
        )
    };
    fs::write(dir.join("parties.csv"), "party,prefixes\nOurs,192.0.2.0/28\n").unwrap();
    assert_eq!(run(&["contact", "import", "constituents", "parties.csv"]).0, 0);
    fs::write(dir.join("ripe.db"), objects("abuse@a.example")).unwrap();
    let import = ["contact", "import", "rpsl", "ripe.db"];
    let change = "{\"change\":\"changed\",\"party\":\"Ours\",\"value\":\"192.0.2.0/28\",\"what\":\"nobody -> abuse@a.example\"}\n";
    let (code, out, err) = run(&[&import[..], &["--dry-run"]].concat());
    assert_eq!((code, out.as_str()), (0, change), "{err}");
    let set_aside = "ripe.db:11: `192.0.2.9 - 192.0.2.3`: the last address is before the first";
    assert!(err.contains("read 2 inetnum, 1 role") && err.contains(set_aside), "{err}");
    let who = |value: &str| run(&["who", value]).1;
    assert!(who("192.0.2.77").contains("\"contact\":null"), "a dry run changes nothing");
    assert_eq!(run(&import).1, change);
    let origin = "\"contact\":\"abuse@a.example\",\"purpose\":\"abuse\",\"language\":null,\"origin\":\"RIPE inetnum 192.0.2.0 - 192.0.2.255\"";
    assert!(who("192.0.2.77").contains(origin), "{}", who("192.0.2.77"));
    // A new import replaces the old one whole, and waits for no other: two at once would take each other's file away.
    fs::write(dir.join("ripe.db"), objects("cert@a.example")).unwrap();
    let lock = fs::File::open(dir.join("site/data/lookup/registry-lock")).unwrap();
    lock.lock().unwrap();
    let (code, out, err) = run(&import);
    assert!(code != 0 && out.is_empty() && err.contains("is being imported by another command"), "{err}");
    drop(lock);
    assert!(run(&import).1.contains("abuse@a.example -> cert@a.example"));
    assert!(who("192.0.2.77").contains("cert@a.example") && !who("192.0.2.77").contains("abuse@a.example"));
    let (code, out, err) = run(&["contact", "import", "rpsl", "parties.csv"]);
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(err.contains("no network and no AS number"), "{err}");
    assert_eq!(run(&["verify"]).0, 0);
    let file = dir.join("site/data/lookup/registry");
    let mut bytes = fs::read(&file).unwrap();
    let at = bytes.windows(4).position(|four| four == b"cert").unwrap();
    bytes[at] = b'k';
    fs::write(&file, bytes).unwrap();
    let (code, out, _) = run(&["verify"]);
    assert!(code == 1 && out.contains("the data of registries cannot be used: its checksum is wrong"), "{out}");
}

const DAILY: &str = r#"
[[feed]]
name = "lines"
parser = "ndjson"

[[notice]]
name = "daily"
group_by = ["source.asn"]
when = "at 06:00 on mon"
via = "box"
format = "csv"

[via.box]
type = "file"
path = "out/"
"#;

#[test]
fn events_that_wait_for_a_notice_that_is_gone_are_told_of() {
    let folder = site();
    let settings = folder.path().join("site/conf.d/a.toml");
    let run = |args: &[&str]| concert(folder.path(), &[args, &["--site", "site"]].concat(), "");
    let ingest = |ip: &str| {
        fs::write(folder.path().join("a"), format!("{{\"source.ip\":\"{ip}\",\"source.asn\":64496}}\n")).unwrap();
        let (code, _, said) = run(&["ingest", "--feed", "lines", "a"]);
        assert_eq!(code, 0, "{said}");
    };
    fs::write(&settings, DAILY).unwrap();
    // The first report begins after the notice has.
    assert_eq!(run(&["run", "--once"]).0, 0);
    ingest("192.0.2.1");
    ingest("192.0.2.2");
    assert_eq!(run(&["check"]).1, "no mistakes\n");
    let told = "the settings have no notice `daily` any more, for which up to 2 events waited";
    fs::write(&settings, DAILY.replace("daily", "weekly")).unwrap();
    let (code, found, _) = run(&["check"]);
    assert_eq!(code, 0, "{found}");
    assert!(
        found.starts_with(&format!("warning: {told}\n  hint: call one `daily` again until they are told")),
        "{found}"
    );
    let (_, _, said) = run(&["run", "--once"]);
    assert!(said.contains(told), "{said}");
    // What comes later is told by the other one.
    ingest("192.0.2.3");
    assert!(run(&["run", "--once"]).2.contains(told));

    // Called so again it tells them all.
    fs::write(&settings, DAILY.replace("at 06:00 on mon", "at once")).unwrap();
    let (_, _, said) = run(&["run", "--once"]);
    assert!(!said.contains(told) && said.contains("for which one event waited"), "{said}");
    let (code, _, said) = run(&["notice", "drop", "daily"]);
    assert_eq!(code, 2);
    assert!(said.contains("the settings have a notice `daily`"), "{said}");
    let (code, _, said) = run(&["notice", "drop", "weekly"]);
    assert_eq!((code, said.as_str()), (0, "events that waited: 1; nobody is told of them by `weekly`\n"));
    assert_eq!(run(&["check"]).1, "no mistakes\n");
    let (code, _, said) = run(&["notice", "drop", "weekly"]);
    assert_eq!(code, 2);
    assert!(said.contains("no events wait for a notice `weekly` that is gone"), "{said}");
    assert!(run(&["audit", "--format", "csv"]).1.contains("notice drop,notice weekly"));

    // What was told early for its number waits no more.
    fs::write(&settings, DAILY.replace("via = \"box\"", "via = \"box\"\nor_at_events = 2")).unwrap();
    assert_eq!(run(&["run", "--once"]).0, 0);
    let line = |end: u32, asn: u32| format!("{{\"source.ip\":\"192.0.2.{end}\",\"source.asn\":{asn}}}\n");
    fs::write(folder.path().join("many"), [line(4, 64496), line(5, 64496), line(6, 64497)].concat()).unwrap();
    let (code, _, said) = run(&["ingest", "--feed", "lines", "many"]);
    assert_eq!(code, 0, "{said}");
    let (_, list, _) = run(&["notice", "list", "--format", "csv"]);
    assert!(list.contains(",daily,AS64496,"), "{list}");
    fs::write(&settings, DAILY.replace("daily", "weekly")).unwrap();
    let (code, _, said) = run(&["notice", "drop", "daily"]);
    assert_eq!((code, said.as_str()), (0, "events that waited: 1; nobody is told of them by `daily`\n"));
}

#[test]
fn what_makes_no_sense_is_said_before_anything_is_done() {
    let folder = site();
    let run = |args: &[&str]| concert(folder.path(), &[args, &["--site", "site"]].concat(), "");
    let (code, _, said) = run(&["events", "--since", "2026-11-28", "--until", "2026-11-01"]);
    assert_eq!(code, 2);
    assert!(said.contains("nothing is between --since 2026-11-28T00:00:00Z and --until 2026-11-01"), "{said}");
    assert_eq!(run(&["run", "--once"]).0, 0);
    for place in ["site/data/b.tar.zst", "site/data/../data/b.tar.zst"] {
        let (code, _, said) = run(&["backup", place]);
        assert_eq!(code, 2, "{said}");
        assert!(said.contains("a backup in the data of the site is lost together with it"), "{said}");
    }
    assert_eq!(run(&["backup", "b.tar.zst"]).0, 0);
}

#[test]
fn a_pull_that_fails_says_so_once_and_what_helps() {
    let folder = site();
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let settings = format!(
        "[[feed]]\nname = \"web\"\nparser = \"ndjson\"\ncollect = {{ type = \"http\", url = \"http://127.0.0.1:{gone}/x\" }}\n"
    );
    fs::write(folder.path().join("site/conf.d/a.toml"), settings).unwrap();
    let (code, _, said) = concert(folder.path(), &["feed", "pull", "web", "--site", "site"], "");
    assert_eq!(code, 3);
    assert!(said.starts_with("feed web: no connection: ") && said.lines().count() == 2, "{said}");
}

#[test]
fn a_mistake_in_the_settings_stops_no_command_that_only_looks() {
    let folder = site();
    let settings = folder.path().join("site/conf.d/a.toml");
    let run = |args: &[&str]| concert(folder.path(), &[args, &["--site", "site"]].concat(), "");
    fs::write(&settings, DAILY.replace("via = \"box\"", "via = \"bx\"")).unwrap();
    let looks: [&[&str]; 12] = [
        &["feed", "list", "--format", "ndjson"],
        &["feed", "show", "lines"],
        &["notice", "list"],
        &["who", "192.0.2.1"],
        &["contact", "list"],
        &["contact", "health"],
        &["mailbox", "list"],
        &["user", "list"],
        &["audit"],
        &["settings", "feed"],
        &["forget", "jane.doe@example.com"],
        &["backup", "all.tar.zst"],
    ];
    for args in looks {
        let (code, _, said) = run(args);
        assert_eq!(code, 0, "{args:?}: {said}");
        assert!(
            said.starts_with("warning: conf.d/a.toml:") && said.contains("the settings have mistakes"),
            "{args:?}: {said}"
        );
    }
    assert!(run(&["feed", "list", "--format", "ndjson"]).1.contains("\"name\":\"lines\""));
    let (code, _, said) = concert(folder.path(), &["restore", "all.tar.zst", "--site", "again"], "");
    assert_eq!(code, 0, "{said}");
    // Whatever changes or sends is strict.
    let changes: [&[&str]; 6] = [
        &["run", "--once"],
        &["notice", "send"],
        &["notice", "retry", "--all-failed"],
        &["forget", "jane.doe@example.com", "--yes"],
        &["feed", "pull", "lines"],
        &["contact", "resume", "a@b.example"],
    ];
    for args in changes {
        let (code, _, said) = run(args);
        assert_eq!(code, 2, "{args:?}: {said}");
        assert!(!said.contains("warning: "), "{args:?}: {said}");
    }
    assert!(run(&["run", "--once"]).2.starts_with("conf.d/a.toml:10:"), "{}", run(&["run", "--once"]).2);
    // Of a file that is no TOML nothing is known, so nothing is shown for something.
    fs::write(&settings, "[[feed]\n").unwrap();
    assert_eq!(run(&["feed", "list"]).0, 2);
    assert_eq!(run(&["backup", "more.tar.zst"]).0, 0);
}

#[test]
fn a_report_of_one_feed_does_not_pass_for_one_of_another() {
    let folder = site();
    let settings = DAILY.replace("[[notice]]", "[[feed]]\nname = \"other\"\nparser = \"ndjson\"\n\n[[notice]]");
    fs::write(folder.path().join("site/conf.d/a.toml"), settings).unwrap();
    let run = |args: &[&str]| concert(folder.path(), &[args, &["--site", "site"]].concat(), "");
    let event = "\"source.ip\":\"192.0.2.1\",\"source.asn\":64496,\"classification.type\":\"scanner\"";
    let claims = "\"feed.code\":\"other\",\"feed.name\":\"other\",\"duplicate.count\":900";
    fs::write(folder.path().join("a"), format!("{{{claims},{event}}}\n")).unwrap();
    fs::write(folder.path().join("b"), format!("{{{event}}}\n")).unwrap();
    for (feed, file) in [("lines", "a"), ("other", "b")] {
        let (code, out, said) = run(&["ingest", "--feed", feed, file, "--format", "json"]);
        assert_eq!(code, 0, "{said}");
        assert!(out.contains("\"events\":1") && out.contains("\"duplicates\":0"), "{feed}: {out}");
    }
    let (_, out, _) = run(&["events", "--format", "ndjson"]);
    let mut names: Vec<String> = Vec::new();
    for line in out.lines() {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_ne!(event["duplicate.count"], 900, "{line}");
        names.push(event["feed.name"].as_str().unwrap().to_owned());
    }
    names.sort();
    assert_eq!(names, ["lines", "other"]);
    assert!(out.contains("\"extra.reported_feed_name\":\"other\""), "{out}");
}

#[test]
fn run_once_ends_with_three_where_a_feed_could_not_be_collected_and_does_the_rest() {
    let folder = site();
    let dir = folder.path().join("site");
    // Nobody listens on a port that was just given back.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let away = |name: &str| {
        format!(
            "[[feed]]\nname = \"{name}\"\nparser = \"ndjson\"\n\
             collect = {{ type = \"http\", url = \"http://127.0.0.1:{port}/list\" }}\n"
        )
    };
    let there = "[[feed]]\nname = \"there\"\nparser = \"ndjson\"\n\
         collect = { type = \"file\", path = \"there/\", settle = \"100ms\" }\n\
         [[notice]]\nname = \"all\"\ngroup_by = [\"source.ip\"]\nwhen = \"at once\"\nformat = \"json\"\nvia = \"box\"\n\
         [via.box]\ntype = \"file\"\npath = \"box/\"\n";
    let once = |feeds: &[&str], file: &str| {
        let feeds: String = feeds.iter().map(|name| away(name)).collect();
        fs::write(dir.join("conf.d/a.toml"), feeds + there).unwrap();
        fs::create_dir_all(dir.join("there")).unwrap();
        fs::write(dir.join("there").join(file), format!("{{\"source.ip\":\"{file}\"}}\n")).unwrap();
        let (code, _, said) = concert(folder.path(), &["run", "--once", "--site", "site"], "");
        (code, said)
    };
    let (code, said) = once(&["a"], "192.0.2.1");
    let told =
        "the feed `a` could not be collected\n  hint: `concert feed list` says why; all else that was due is done\n";
    assert_eq!(code, 3, "{said}");
    assert!(said.ends_with(told), "{said}");
    assert_eq!(said.matches("reports cannot be collected").count(), 1, "{said}");
    let (code, said) = once(&["a", "b"], "192.0.2.2");
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("2 of 4 feeds could not be collected: a, b\n"), "{said}");
    assert_eq!(said.matches("reports cannot be collected").count(), 2, "{said}");
    assert_eq!(once(&[], "192.0.2.3").0, 0);
    assert_eq!(fs::read_dir(dir.join("box")).unwrap().count(), 3);
    let mail = format!(
        "[site]\nemail = \"x@cert.example\"\n[[notice]]\nname = \"mail\"\ngroup_by = [\"source.ip\"]\nwhen = \"at once\"\nformat = \"text\"\nvia = \"mail\"\n\
         to = \"a@net.example\"\n[via.mail]\ntype = \"smtp\"\nhost = \"127.0.0.1\"\nport = {port}\ntls = \"off\"\n"
    );
    fs::write(dir.join("conf.d/b.toml"), mail).unwrap();
    let (code, said) = once(&[], "192.0.2.4");
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("1 notice could not be delivered\n  hint: `concert notice list` says why"), "{said}");
    let (code, said) = once(&["a"], "192.0.2.5");
    assert_eq!(code, 3, "{said}");
    let both = "the feed `a` could not be collected; 1 notice could not be delivered\n  hint: `concert feed list` and `concert notice list` say why";
    assert!(said.contains(both), "{said}");
}

#[test]
fn what_is_told_of_feeds_is_written_before_the_program_ends() {
    let folder = site();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let names: Vec<String> = (0..21).map(|number| format!("f{number}")).collect();
    let away = |name: &String| {
        let collect = format!("collect = {{ type = \"http\", url = \"http://127.0.0.1:{port}/list\" }}");
        format!("[[feed]]\nname = \"{name}\"\nparser = \"ndjson\"\n{collect}\n")
    };
    let feeds: String = names.iter().map(away).collect();
    fs::write(folder.path().join("site/conf.d/a.toml"), feeds).unwrap();
    let run = |args: &[&str]| concert(folder.path(), &[args, &["--site", "site"]].concat(), "");
    let errors = || run(&["feed", "list", "--format", "ndjson"]).1.matches("\"last_error\":\"").count();
    for (name, told) in names.iter().zip(1..5) {
        let (code, _, said) = run(&["feed", "pull", name]);
        assert_eq!((code, errors()), (3, told), "{said}");
    }
    let (code, _, said) = run(&["run", "--once"]);
    assert_eq!((code, errors()), (3, 21), "{said}");
    assert_eq!(said.matches("reports cannot be collected").count(), 21, "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn run_once_leaves_a_list_alone_that_was_just_fetched_and_pull_does_not() {
    let web = Web::start(None, |_| Answer::new(200, "{\"source.ip\":\"192.0.2.1\"}\n")).await.unwrap();
    let folder = site();
    let run = |args: &[&str]| concert(folder.path(), &[args, &["--site", "site"]].concat(), "");
    let every = |every: &str| {
        let collect = format!("url = \"{}\", every = \"{every}\", minimum_interval = \"1ms\"", web.url("/list"));
        let feed =
            format!("[[feed]]\nname = \"list\"\nparser = \"ndjson\"\ncollect = {{ type = \"http\", {collect} }}\n");
        fs::write(folder.path().join("site/conf.d/a.toml"), feed).unwrap();
    };
    let fetched = |args: &[&str]| {
        let before = web.requests().len();
        let (code, _, said) = run(args);
        assert_eq!(code, 0, "{said}");
        web.requests().len() - before
    };
    every("1h");
    assert_eq!([fetched(&["run", "--once"]), fetched(&["run", "--once"])], [1, 0]);
    assert_eq!(fetched(&["feed", "pull", "list"]), 1);
    every("1ms");
    assert_eq!(fetched(&["run", "--once"]), 1);
}

#[test]
fn a_feed_says_that_nothing_was_read_from_its_newest_report() {
    let folder = site();
    let list = "[[feed]]\nname = \"list\"\nparser = \"csv\"\ncolumns = { ip = \"source.ip\" }\n";
    fs::write(folder.path().join("site/conf.d/a.toml"), list).unwrap();
    let run = |args: &[&str]| concert(folder.path(), &[args, &["--site", "site"]].concat(), "");
    let remark = |text: &str| {
        fs::write(folder.path().join("list.csv"), text).unwrap();
        assert_eq!(run(&["ingest", "--feed", "list", "list.csv"]).0, 0);
        let (_, rows, _) = run(&["feed", "list", "--format", "ndjson"]);
        let row = rows.lines().find(|row| row.contains("\"name\":\"list\"")).unwrap().to_owned();
        row.split_once("\"remark\":").unwrap().1.to_owned()
    };
    assert_eq!(remark("ip\n192.0.2.1\n"), "null}");
    let said = remark("<!DOCTYPE html>\n<html>Please log in</html>\n");
    let want = "\"the newest report was not read: nothing in it became an event; line 1: the head has none of";
    assert!(said.starts_with(want), "{said}");
    let said = remark("");
    assert!(said.starts_with(want), "what is empty says nothing: {said}");
    assert_eq!(remark("ip\n192.0.2.2\n"), "null}");
}

#[test]
fn a_feed_says_that_nothing_can_be_written() {
    let folder = site();
    let feed = "[[feed]]\nname = \"files\"\nparser = \"ndjson\"\ncollect = { type = \"file\", path = \"there/\" }\n";
    fs::write(folder.path().join("site/conf.d/a.toml"), feed).unwrap();
    let data = folder.path().join("site/data");
    let listed = || {
        let (code, rows, said) = concert(folder.path(), &["feed", "list", "--format", "ndjson", "--site", "site"], "");
        assert_eq!(code, 0, "{said}");
        rows.lines().find(|row| row.contains("\"name\":\"files\"")).unwrap().to_owned()
    };
    assert!(!listed().contains("nothing is taken in"), "{}", listed());
    // Root too cannot make files in what is no folder.
    fs::remove_dir_all(data.join("archive")).ok();
    fs::write(data.join("archive"), "").unwrap();
    let row = listed();
    assert!(row.contains("\"state\":\"trouble\"") && row.contains("data/archive cannot be written: "), "{row}");
}

#[test]
fn a_feed_says_that_a_file_was_refused() {
    let folder = site();
    let feed = "[[feed]]\nname = \"files\"\nparser = \"ndjson\"\ncollect = { type = \"file\", path = \"there/\" }\n";
    fs::write(folder.path().join("site/conf.d/a.toml"), feed).unwrap();
    fs::create_dir(folder.path().join("site/there")).unwrap();
    std::os::unix::fs::symlink("/nowhere", folder.path().join("site/there/link")).unwrap();
    let run = |args: &[&str]| concert(folder.path(), &[args, &["--site", "site"]].concat(), "");
    assert_eq!(run(&["run", "--once", "--quiet"]).0, 0);
    let why = "the file link was refused: it is a link, and links are not followed";
    let (_, rows, _) = run(&["feed", "list", "--format", "ndjson"]);
    assert!(rows.contains(&format!("\"remark\":\"something of the last 24 hours may be missing: {why}\"")), "{rows}");
    let (_, shown, _) = run(&["feed", "show", "files", "--format", "json"]);
    assert!(shown.contains("newest_gaps") && shown.contains(&format!("\"reason\": \"{why}\"")), "{shown}");
}

#[test]
fn what_can_be_read_only_once_is_taken_in_like_a_file() {
    let folder = site();
    let row = "{\"source.ip\":\"192.0.2.1\"}\n";
    let ingest = |file: &str| {
        let args = ["ingest", "--site", "site", "--feed", "drop", "--format", "json", file];
        let (code, out, err) = concert(folder.path(), &args, row);
        assert_eq!(code, 0, "{err}");
        out
    };
    assert!(ingest("-").contains("\"events\":1"));
    // The same again adds nothing.
    assert!(ingest("-").contains("\"rows\":0"));
    assert!(ingest("/dev/stdin").contains("\"duplicates\":1"));
    let left = fs::read_dir(folder.path().join("site/data")).unwrap();
    assert!(left.flatten().all(|entry| !entry.file_name().to_string_lossy().contains("ingest")));
}

#[test]
fn a_file_handed_to_a_process_that_ended_is_processed_all_the_same() {
    let folder = site();
    let ingest = |row: &str| {
        concert(folder.path(), &["ingest", "--site", "site", "--feed", "drop", "--format", "json", "-"], row)
    };
    assert_eq!(ingest("{\"source.ip\":\"192.0.2.1\"}\n").0, 0);
    let lock = fs::File::options().append(true).open(folder.path().join("site/data/lock")).unwrap();
    lock.lock().unwrap();
    std::thread::scope(|scope| {
        let waiting = ["192.0.2.2", "192.0.2.3"]
            .map(|address| scope.spawn(move || ingest(&format!("{{\"source.ip\":\"{address}\"}}\n"))));
        std::thread::sleep(std::time::Duration::from_secs(2));
        assert!(waiting.iter().all(|one| !one.is_finished()), "another process works on the site");
        drop(lock);
        for one in waiting {
            let (code, out, err) = one.join().unwrap();
            assert!(code == 0 && out.contains("\"events\":1"), "{code} {out} {err}");
        }
    });
}

#[test]
fn a_key_that_is_not_made_yet_and_a_way_out_that_is_none_are_told() {
    let folder = site();
    let dir = folder.path().join("site");
    let (code, _, err) = concert(&dir, &["key", "show"], "");
    assert!(code == 2 && err.ends_with("the site has no key yet\n  hint: `concert key make` makes one\n"), "{err}");
    let (code, _, err) = concert(&dir, &["notice", "retry", "--all-failed", "--via", "outbxo"], "");
    let told = "there is no [via.outbxo] in the settings, and nothing failed by it\n  hint: did you mean `outbox`?\n";
    assert_eq!((code, err.as_str()), (2, told));
    assert_eq!(concert(&dir, &["notice", "retry", "--all-failed", "--via", "outbox"], "").0, 0);
}

#[test]
fn what_registries_publish_is_told_where_all_of_it_was_set_aside() {
    let folder = site();
    let dir = folder.path().join("site");
    fs::write(dir.join("db"), "inetnum: 192.0.2.9 - 192.0.2.1\nsource: RIPE\n").unwrap();
    let (code, _, err) = concert(&dir, &["contact", "import", "rpsl", "db"], "");
    assert!(code == 2 && err.contains("db:1: ") && err.contains("the files hold no network"), "{err}");
}
