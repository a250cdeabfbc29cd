//! The program as a user meets it: what it prints, where, and how it ends.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

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
        "via mail: ",
        "no.pem: ",
        "  hint: see its ca_file, client_certificate and client_key",
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
    let (_, text, _) = concert(folder.path(), &["process", "show", "scanning", "--form", "toml"], "");
    let wrong = text.replacen("needs = [\"triage\"]", "needs = [\"triag\"]", 1);
    fs::write(own.join("wrong.toml"), wrong).unwrap();
    let (code, told, err) = concert(folder.path(), &["process", "check", "--site", "site"], "");
    assert!(code == 1 && told.starts_with("processes/wrong.toml:") && told.contains("no step `triag`"), "{told}");
    assert_eq!(err, "");
    let (code, out, _) = concert(folder.path(), &["process", "check", "site/processes/wrong.toml"], "");
    assert_eq!((code, out), (1, told.replace("processes/wrong.toml", "site/processes/wrong.toml")));
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
    assert!(out.starts_with("key,value,origin,meaning\r\n"), "{out}");
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
    assert_eq!(concert(folder.path(), &["parse", "--parser", "ndjson", "absent"], "").0, 3);
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
    // A new import replaces the old one whole.
    fs::write(dir.join("ripe.db"), objects("cert@a.example")).unwrap();
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
