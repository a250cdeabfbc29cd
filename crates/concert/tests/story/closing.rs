//! Closing questions, and the numbers that come of them.

use serde_json::{Value, json};

use super::site::Site;

/// A process of three steps.
const SHORT: &str = r#"
name = "short"
version = 1
title = "Short"
description = "For tests."
for = ["scanner"]
step = [
  { id = "triage", title = "Triage", track = "response", phase = "detect", kind = "action", role = "coordinator", due = "1h", meets = "triage-keeps-report", text = "Link it, or say why there is nothing to link." },
  { id = "look", title = "Look", track = "investigation", phase = "identify", kind = "action", role = "investigator", due = "2h", needs = ["triage"], text = "Look at it." },
  { id = "close", title = "Close", track = "response", phase = "close", kind = "action", role = "coordinator", due = "1d", needs = ["look"], meets = "closing", text = "Close it." },
]
"#;

fn run(site: &Site, tlp: &str, skip: Option<&str>, answers: &[&str]) -> String {
    let number = site.open("Scans", &["--tlp", tlp]);
    let process = |args: &[&str]| site.done(&[&["incident", "process", &number], args].concat());
    process(&["start", "short"]);
    process(&["done", "triage", "--reason", "It came by telephone."]);
    match skip {
        Some(reason) => process(&["skip", "look", "--reason", reason]),
        None => process(&["done", "look"]),
    };
    site.refused(&["incident", "process", &number, "done", "close"], "answer the closing questions");
    process(&[&["answer"], answers].concat());
    process(&["done", "close"]);
    number
}

#[test]
fn answers_to_closing_questions_become_numbers_and_proposals() {
    let site = Site::new("");
    std::fs::create_dir_all(site.path().join("processes")).unwrap();
    std::fs::write(site.path().join("processes/short.toml"), SHORT).unwrap();
    let first = run(&site, "amber", None, &["--late", "look=The logs were gone.", "--missing", "=Call them first."]);
    run(&site, "amber", Some("Nothing to see."), &["--useless", "look"]);
    run(&site, "red", None, &["--late", "look"]);

    let ask = site.done(&["incident", "process", &first, "ask"]);
    // Where rows are printed is said behind, as with every command, and before.
    let csv = site.run(&["incident", "process", &first, "ask", "--format", "csv"]);
    assert!(csv.0 == 0 && csv.1.starts_with("run,step,title,"), "{csv:?}");
    assert_eq!(csv, site.run(&["incident", "process", &first, "--format", "csv", "ask"]));
    assert_eq!(ask.len(), 4);
    assert_eq!(
        (&ask[0]["step"], ask[0]["said"].as_str().unwrap().starts_with("missing: Call them")),
        (&json!(""), true)
    );
    assert_eq!((&ask[2]["step"], &ask[2]["state"]), (&json!("look"), &json!("done")));
    assert!(ask[2]["question"].as_str().unwrap().contains("late"));
    assert!(ask[2]["said"].as_str().unwrap().starts_with("late: The logs were gone. ("));
    site.refused(&["incident", "process", &first, "answer"], "there is no answer");
    site.refused(&["incident", "process", &first, "answer", "--late", "lok=x"], "did you mean `look`?");
    site.refused(&["incident", "process", &first, "answer", "--late", "=x"], "has no step ``");

    let all = site.done(&["process", "numbers"]);
    assert_eq!(
        all,
        [json!({"process": "short", "version": 1, "runs": 3, "ended": 3, "unreadable": 0, "proposals": 3})]
    );
    let numbers = site.done(&["process", "numbers", "short"]).remove(0);
    let look = numbers["steps"].as_array().unwrap().iter().find(|step| step["step"] == "look").unwrap();
    assert_eq!((&look["done"], &look["skipped"], &look["said_late"]), (&json!(2), &json!(1), &json!(2)));
    assert_eq!(look["reasons"], json!({"Nothing to see.": 1}));
    assert!(look["median_seconds"].is_i64() && look["p95_seconds"].is_i64(), "{look}");
    assert_eq!((&numbers["proposals"][0]["step"], &numbers["proposals"][0]["times"]), (&json!("look"), &json!(2)));
    assert!(numbers["proposals"][0]["text"].as_str().unwrap().starts_with("let `look` come earlier: 2 say"));

    // Whoever sees less counts less.
    site.user("anna", "reader", "amber");
    site.user("joe", "auditor", "red");
    let runs = |args: &[&str]| site.done(&[&["process", "numbers", "short"], args].concat()).remove(0)["runs"].clone();
    assert_eq!((runs(&["--as", "anna"]), runs(&["--as", "joe"])), (json!(2), json!(0)));
    assert_eq!((runs(&["--version", "2"]), runs(&["--since", "1h"])), (json!(0), json!(3)));
    assert_eq!(runs(&["--since", "2100-01-01"]), json!(0));
    assert_eq!(site.done(&["process", "numbers", "phishing"])[0]["runs"], 0);
    site.refused(&["process", "numbers", "shorts"], "did you mean `short`?");
    let (code, out, _) = site.run(&["process", "numbers", "short", "--format", "table"]);
    assert!(code == 0 && out.contains("come earlier") && out.contains("median_seconds"), "{out}");
    let none: &[Value] = &[];
    assert_eq!(site.done(&["process", "numbers", "--as", "joe"]), none);
}
