//! What is odd is told with what to do about it, and nothing is written.

use serde_json::json;

use crate::site::Site;

#[expect(clippy::unwrap_used, reason = "a test that cannot set itself up must fail")]
impl Site {
    /// Refused with this text, and without an entry.
    fn odd(&self, number: &str, args: &[&str], want: &str) {
        let before = self.entries(number);
        let (code, _, err) = self.run(args);
        assert!(code == 2 && err.contains(want), "{args:?}: {code} {err}");
        assert_eq!(self.entries(number), before, "{args:?}");
    }

    fn file(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.display().to_string()
    }
}

#[test]
fn an_incident_is_closed_once_and_who_did_is_told() {
    let site = Site::new();
    let number = site.open("One");
    let close = ["incident", "write", &number, "status", "status=closed", "reason=x"];
    site.json(&close);
    let log = site.incident(&["log", &number, "--kind", "status", "--limit", "0"]);
    let (by, at) = (log[0]["author"].as_str().unwrap_or_default(), log[0]["time"].as_str().unwrap_or_default());
    site.odd(&number, &close, &format!("the incident is closed already, by {by} at {at}"));
    // Opened again it can be closed again.
    site.incident(&["write", &number, "status", "status=open", "reason=more came"]);
    site.json(&close);
    assert_eq!(site.incident(&["show", &number])[0]["status"], json!("closed"));
}

#[test]
fn orders_of_nobody_times_that_are_exchanged_and_minutes_below_nothing_are_refused() {
    let site = Site::new();
    let number = site.open("One");
    let write = |args: &[&'static str], want: &str| {
        site.odd(&number, &[&["incident", "write", &number], args].concat(), want);
    };
    write(&["order", "parties=", "reason=x"], "`parties` is empty");
    write(&["effort", "minutes=-5", "work=x"], "`-5` is not a whole number from 0");
    write(&["note", "text=x", "--minutes", "-5"], "this is not a whole number from 1");
    write(&["note", "text=x", "--minutes", "0"], "this is not a whole number from 1");
    write(&["note", "text=x", "--minutes", "1441"], "`minutes` is 1441, and a day has 1440");
    let open =
        ["incident", "open", "x", "--type", "scanner", "--severity", "low", "--tlp", "green", "--minutes", "1441"];
    let (code, _, err) = site.run(&open);
    assert!(code == 2 && err.contains("a day has 1440"), "{err}");
    let cost = ["incident", "cost", "--since", "2026-11-20", "--until", "2026-11-10"];
    site.odd(&number, &cost, "`--since` is later than `--until`");
}

/// What would run the other way on a terminal is escaped, and says the same to programs.
#[test]
fn rows_for_programs_hide_nothing_on_a_terminal() {
    let site = Site::new();
    let number = site.open("One");
    let told = "gnp.exe \u{202e}\u{200b}\u{9b}31m";
    site.incident(&["write", &number, "note", &format!("text={told}")]);
    for format in ["ndjson", "json"] {
        for command in [&["incident", "log", &number, "--limit", "0"][..], &["incident", "search", "gnp"]] {
            let (_, out, _) = site.run(&[command, &["--format", format]].concat());
            assert!(!out.contains(['\u{202e}', '\u{200b}', '\u{9b}']) && out.contains("\\u202e"), "{out}");
        }
    }
    let log = site.incident(&["log", &number, "--kind", "note", "--limit", "0"]);
    assert_eq!(log[0]["content"]["text"], json!(told));
}

#[test]
fn a_process_that_cannot_be_read_is_named_once() {
    let site = Site::new();
    let file = site.file("odd.toml", b"\xff\xfe");
    let (code, out, _) = site.run(&["process", "check", &file]);
    assert!(code == 1 && out.matches("odd.toml").count() == 1, "{code} {out}");
}

#[test]
fn nothing_to_show_is_told_to_people_and_what_says_nothing_is_refused() {
    let site = Site::new();
    let number = site.open("One");
    for (args, want) in [
        (&["incident", "list", "--status", "closed"][..], "`concert incident open` begins one"),
        (&["incident", "due", "--mine", "--as", "nobody-is-called-so"], "there is no user"),
        (&["incident", "chain", &number], "entries of the kind `relation`"),
        (&["incident", "process", &number], "no process is followed"),
        (&["evidence", "list", &number], "`concert evidence add`"),
    ] {
        let (_, out, err) = site.run(&[args, &["--format", "table"]].concat());
        assert!(out.is_empty() && err.contains(want), "{args:?}: {out} {err}");
        // Programs get what they ask for and nothing beside it.
        let (code, out, err) = site.run(&[args, &["--format", "json"]].concat());
        assert!(code != 0 || (out.as_str(), err.as_str()) == ("[]\n", ""), "{args:?}: {out} {err}");
    }
    site.odd(&number, &["incident", "about", " "], "no value was given");
    site.odd(&number, &["incident", "search", ""], "no word was given");
    site.odd(&number, &["incident", "erase", &number, "5", "--reason", "x"], "have their numbers");
    let split =
        ["incident", "split", &number, "--title", "t", "--type", "scanner", "--severity", "low", "--tlp", "amber"];
    site.odd(&number, &[&split[..], &["--reason", "x"]].concat(), "choose parties, observables, hosts or entries");
}
