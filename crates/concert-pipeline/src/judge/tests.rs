//! Rules as they stand in settings, applied to events.

use super::*;
use concert_model::incident::{Marking, Severity, Tlp};
use concert_model::keys::{Reading, Source};
use concert_model::{Batch, EventId, ProblemKey};

fn read(text: &str) -> (Judge, Vec<String>) {
    let source = Source { name: "concert.toml".into(), text: text.into() };
    let document = toml_edit::Document::parse(text).unwrap();
    let secrets = |_: &str, _: &str| Ok(String::new());
    let reading = Reading::new(&secrets);
    let mut root = Keys::root(&reading, vec![(&source, document.as_table() as &dyn toml_edit::TableLike)]);
    let judge = Judge::read(root.tables("rule"));
    root.finish();
    (judge, reading.finish().problems.iter().map(ToString::to_string).collect())
}

/// Runs an event through rules; the event as JSON members, or `dropped by N`, and the counts.
fn check(rules: &str, given: &[(&str, &str)], want: &str, counts: &[u64]) {
    let (judge, problems) = read(rules);
    assert_eq!(problems, Vec::<String>::new(), "{rules}");
    let mut fired = vec![0; judge.rules().len()];
    let mut batch = Batch::new();
    let mut event = batch.open();
    for (name, text) in given {
        let field = event.field(name).unwrap();
        event.read(field, text, None).unwrap();
    }
    let shown = match judge.judge(&mut event, &mut fired) {
        Verdict::Drop(index) => format!("dropped by {index}"),
        Verdict::Keep => {
            event.keep(EventId::default(), ProblemKey::default(), 1);
            let mut out = Vec::new();
            concert_model::json::write_members(&batch.get(0).unwrap(), &mut out);
            String::from_utf8(out).unwrap().replace('"', "")
        }
    };
    assert_eq!((shown.as_str(), fired.as_slice()), (want, counts), "{rules}");
}

const TWO: &str = r#"
[[rule]]
name = "tests are not for others"
if = 'classification.type == "test"'
drop = true

[[rule]]
name = "our own networks first"
if = 'cidr(source.ip, "192.0.2.0/24")'
set = { severity = "High", "extra.ours" = "yes" }
"#;

#[test]
fn rules_drop_and_set_and_are_counted() {
    check(TWO, &[("classification.type", "test"), ("source.ip", "192.0.2.1")], "dropped by 0", &[1, 0]);
    check(TWO, &[("source.ip", "192.0.2.1")], ",severity:high,source.ip:192.0.2.1,extra.ours:yes", &[0, 1]);
    check(TWO, &[("source.ip", "198.51.100.1")], ",source.ip:198.51.100.1", &[0, 0]);
}

#[test]
fn later_rules_see_what_earlier_ones_changed_until_one_stops() {
    let rules = r#"
rule = [
  { name = "a", if = "has(source.port)", add = { severity = "low", comment = "new" }, unset = ["source.port", "extra.x"] },
  { name = "b", if = "!has(source.port) && severity == 'low'", set = { "classification.type" = "Scanner" }, stop = true },
  { name = "c", if = "true", set = { comment = "never" } },
]
"#;
    check(
        rules,
        &[("source.port", "23"), ("extra.x", "1"), ("comment", "old")],
        ",classification.taxonomy:information-gathering,classification.type:scanner,comment:old,severity:low",
        &[1, 1, 0],
    );
}

#[test]
fn mistakes_are_told_where_they_stand() {
    let (judge, problems) = read(
        "[[rule]]\nname = \"a\"\nif = \"source.port == \\\"x\\\" && source.pi == 1\"\ndrop = true\n\n\
         [[rule]]\nname = \"b\"\nif = 'true'\nset = { severty = \"high\", severity = \"worst\" }\n\n\
         [[rule]]\nname = \"c\"\nif = 'true'\n\n[[rule]]\nif = 'true'\ndrop = true\nwhen = 1\n\n\
         [[rule]]\nname = \"d\"\nif = 'true'\ndrop = true\n\n[[rule]]\nname = \"d\"\nif = 'true'\ndrop = true\nunset = [\"tlp\"]\n\n\
         [[rule]]\nname = \"d\"\nif = 'true'\nstop = true\n",
    );
    assert_eq!(
        problems,
        [
            "concert.toml:3:22: `source.port` is a number and is compared with text\n  hint: write the value without quotes",
            "concert.toml:3:31: unknown field `source.pi`\n  hint: did you mean `source.ip`?",
            "concert.toml:9:1: unknown field `severty` in `set`\n  hint: did you mean `severity`?",
            "concert.toml:9:1: `worst` cannot be a value of `severity`: not a severity (critical, high, medium, low, info, undefined)\n  hint: such as high",
            "concert.toml:12:1: rule `c` does nothing\n  hint: give it drop, set, add, unset, stop or open_incident",
            "concert.toml:16:1: `name` is missing in [rule]\n  hint: name: what the rule is called in counts and logs",
            "concert.toml:18:1: unknown key `when` in [rule]\n  hint: known here: add, drop, if, name, open_incident, set, stop, unset",
            "concert.toml:28:1: an event that is dropped is not changed\n  hint: leave out drop, or set, add and unset",
            "concert.toml:32:1: there are two rules `d`, one at concert.toml:21:1\n  hint: each rule has its own name, under which it is counted",
        ]
    );
    assert_eq!(judge.rules().iter().map(Rule::name).collect::<Vec<_>>(), ["d", "d"]);
}

#[test]
fn a_rule_opens_incidents_and_its_mistakes_are_told_where_they_stand() {
    let rule = |opening: &str| format!("[[rule]]\nname = \"a\"\nif = \"true\"\nopen_incident = {{ {opening} }}\n");
    let check = |opening: &str, want: &[&str]| {
        let (judge, problems) = read(&rule(opening));
        assert_eq!(problems.len(), want.len(), "{opening}: {problems:?}");
        for (problem, want) in problems.iter().zip(want) {
            assert!(problem.contains("concert.toml:") && problem.contains(want), "{problem}");
        }
        assert!(!want.is_empty() || judge.rules().len() == 1, "{opening}");
    };
    check("key = ['source.asn'], title = 'From {source.asn}', marking = 'amber'", &[]);
    check("key = ['source.asm'], title = 'x', marking = 'amber'", &["did you mean `source.asn`?"]);
    check("key = [], title = 'x', marking = 'amber'", &["`key` takes 1 to 5 fields"]);
    check(
        "key = ['source.asn'], title = 'a {source.ip}', marking = 'amber'",
        &["`source.ip` is not a field of the key"],
    );
    check("key = ['source.asn'], title = 'a {source.asn', marking = 'amber'", &["`{` without `}`"]);
    check("key = ['source.asn']", &[]);
    check("key = ['source.asn'], title = 'x', marking = 'white'", &["`white` is not a value of `marking`"]);
    check("key = ['source.asn'], title = 'x', marking = 'red'", &["names no persons"]);
    check("key = ['source.asn'], title = 'x', marking = 'red', persons = ['anna']", &[]);
    check("key = ['source.asn'], title = 'x', marking = 'amber', severity = 'hihg'", &["did you mean `high`?"]);
    check("key = ['source.asn'], title = 'x', marking = 'amber', classification = 'bad'", &["is not a classification"]);
    check("key = ['source.asn'], title = 'x', marking = 'amber', widow = '1d'", &["did you mean `window`?"]);
    let (_, problems) = read(&format!("{}drop = true\n", rule("key = ['source.asn'], title = 'x', marking = 'amber'")));
    assert!(problems.len() == 1 && problems[0].contains("write two rules"), "{problems:?}");
}

#[test]
fn an_incident_is_as_bad_as_its_first_event_unless_the_rule_says_so() {
    let check = |own: &str, of_event: &str, want: Severity| {
        let (judge, problems) = read(&format!(
            "[[rule]]\nname = \"a\"\nif = \"true\"\nopen_incident = {{ key = ['source.ip'], title = 'x', marking = 'green'{own} }}\n"
        ));
        assert_eq!(problems, Vec::<String>::new());
        let mut batch = Batch::new();
        let mut event = batch.open();
        if !of_event.is_empty() {
            let field = event.field("severity").unwrap();
            event.read(field, of_event, None).unwrap();
        }
        event.keep(EventId::default(), ProblemKey::default(), 1);
        let opening = judge.rules()[0].opening().unwrap();
        assert_eq!(opening.severity(&batch.get(0).unwrap()), want, "{own} {of_event}");
    };
    check("", "critical", Severity::Critical);
    check(", severity = 'low'", "critical", Severity::Low);
    check("", "undefined", Severity::Medium);
    check("", "", Severity::Medium);
}

#[test]
fn a_key_alone_opens_incidents_that_few_may_see() {
    let (judge, problems) = read(
        "[[rule]]\nname = \"bursts\"\nif = \"true\"\nopen_incident = { key = ['source.asn', 'classification.type'] }\n",
    );
    assert_eq!(problems, Vec::<String>::new());
    let mut batch = Batch::new();
    let mut event = batch.open();
    let field = event.field("source.asn").unwrap();
    event.read(field, "64500", None).unwrap();
    event.keep(EventId::default(), ProblemKey::default(), 1);
    let opening = judge.rules()[0].opening().unwrap();
    assert_eq!(opening.title(&batch.get(0).unwrap()), "bursts: AS64500, unknown");
    assert_eq!(opening.marking, Marking::of(Tlp::AmberStrict));
}

#[test]
fn what_an_event_opens_follows_from_its_key() {
    let (judge, problems) = read(
        "[[rule]]\nname = \"a\"\nif = \"true\"\nopen_incident = { key = ['source.asn', 'extra.site'], title = 'From {source.asn}: {extra.site}!', marking = 'green' }\n",
    );
    assert_eq!(problems, Vec::<String>::new());
    let opening = judge.rules()[0].opening().unwrap();
    let mut batch = Batch::new();
    let mut event = batch.open();
    for (name, text) in [("source.asn", "64500"), ("classification.type", "scanner")] {
        let field = event.field(name).unwrap();
        event.read(field, text, None).unwrap();
    }
    // It changes nothing of the event.
    assert!(judge.judge(&mut event, &mut [0]) == Verdict::Keep);
    event.keep(EventId::default(), ProblemKey::default(), 1);
    let (event, mut key) = (batch.get(0).unwrap(), Vec::new());
    opening.key(&event, &mut key);
    assert_eq!(key, b"AS64500, unknown");
    assert_eq!(opening.title(&event), "From AS64500: unknown!");
    assert_eq!(opening.title_of_rest(), "From ...: ...! (more than 100 in a day)");
    assert_eq!((opening.classification(&event).as_str(), opening.severity(&event)), ("scanner", Severity::Medium));
}
