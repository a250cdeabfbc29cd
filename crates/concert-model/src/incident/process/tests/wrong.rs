//! Wrong files, each with the place and the sentence it is refused with.

use super::stories::SMALL;
use crate::incident::process::{FILE_BYTES_MAX, Origin, catalogue, read};
use crate::keys::Source;

fn problems(text: &str) -> Vec<String> {
    let source = Source { name: "p.toml".into(), text: text.into() };
    let Err(problems) = read(&source) else { return Vec::new() };
    problems.iter().map(|problem| format!("{}: {}", problem.place, problem.what)).collect()
}

/// The small process with one thing changed. Wanted is the line, between two `@` what stands at the
/// place, and the sentence.
fn check(from: &str, to: &str, want: &[&str]) {
    assert_eq!(SMALL.matches(from).count(), 1, "{from}");
    check_text(&SMALL.replace(from, to), want);
}

fn check_text(text: &str, want: &[&str]) {
    let placed = |want: &&str| {
        let [line, stands, what] = want.splitn(3, '@').collect::<Vec<_>>()[..] else { panic!("{want}") };
        (line.trim().parse::<usize>().unwrap(), stands.to_owned(), what.trim().to_owned())
    };
    let want: Vec<_> = want.iter().map(placed).collect();
    let got = problems(text);
    let told: Vec<_> = got
        .iter()
        .zip(want.iter().map(|(_, stands, _)| stands.len()).chain(std::iter::repeat(12)))
        .map(|(problem, length)| {
            let [_, line, column, what] = problem.splitn(4, ':').collect::<Vec<_>>()[..] else { panic!("{problem}") };
            let (line, column): (usize, usize) = (line.parse().unwrap(), column.parse().unwrap());
            let stands: String = text.lines().nth(line - 1).unwrap().chars().skip(column - 1).take(length).collect();
            (line, stands, what.trim().to_owned())
        })
        .collect();
    assert_eq!(told, want, "{got:?}");
}

#[test]
fn words_and_keys_are_known() {
    assert_eq!(problems(SMALL), Vec::<String>::new());
    check("name = \"small\"", "name = \"Small One\"", &["2 @name@ `Small One` is not a name of a process"]);
    check("name = \"small\"", "name = 1", &["2 @1@ `name` must be a text"]);
    check("version = 3\n", "", &["2 @name@ `version` is missing in the process"]);
    check("for = [\"test\"]", "for = [\"test\", \"tst\"]", &["6 @\"tst\"@ there is no classification type `tst`"]);
    let in_look = |what: &str| format!("id = \"look\", title = \"Look\", {what}");
    let track = "id = \"look\", title = \"Look\", track = \"investigation\"";
    check(track, &in_look("track = \"pursuit\""), &["9 @\"pursuit\"@ `pursuit` is not a value of `track`"]);
    let other = "9 @phase@ `identify` is a phase of the other track, investigation";
    check(track, &in_look("track = \"response\""), &[other]);
    let role = "kind = \"action\", role = \"investigator\"";
    check(role, "kind = \"action\", role = \"detective\"", &["9 @\"detective\"@ `detective` is not a value of `role`"]);
    check(role, "kind = \"action\", role = \"observer\"", &["9 @role@ nobody can take `look`"]);
    check(role, "kind = \"action\"", &["9 @id@ nobody can take `look`: it names no role"]);
    check("due = \"2h\"", "due = \"2 parsecs\"", &["9 @due@ `due` must be a duration, not `2 parsecs`"]);
    check("due = \"2h\"", "due = \"0h\"", &["9 @due@ `due` is no time at all: nobody could do anything in it"]);
    check("text = \"Look at it.\"", "text = \"look\"", &["9 @text@ `look` does not say what to do"]);
    check("text = \"Look at it.\"", "text = \" \"", &["9 @text@ `look` does not say what to do"]);
    for text in ["See the runbook (page 3)", "電話してください。", "Call"] {
        check("text = \"Look at it.\"", &format!("text = \"{text}\""), &[]);
    }
    check("text = \"Look at it.\"", "text = \"Look at it.\", txet = 1", &["9 @txet@ unknown key `txet` in [step]"]);
    let outcome = "text = \"Look at it.\", default = \"a\"";
    check("text = \"Look at it.\"", outcome, &["9 @default@ `look` is no decision and takes no `default`"]);
    let parallel = "kind = \"parallel\", role = \"investigator\"";
    let want = ["9 @role@ `look` is parallel and takes no `role`", "9 @due@ `look` is parallel and takes no `due`"];
    check(role, parallel, &want);
}

#[test]
fn ids_needs_and_outcomes_fit() {
    check(
        "id = \"look\"",
        "id = \"triage\"",
        &[
            "9 @id@ two steps are called `triage`",
            "13 @\"look\"@ there is no step `look`",
            "14 @\"look\"@ there is no step `look`",
        ],
    );
    check(
        "needs = [\"clean\", \"share\"]",
        "needs = [\"clean\", \"shar\"]",
        &["16 @\"shar\"@ there is no step `shar`"],
    );
    let cut = "needs = [\"hold=contain\"]";
    check(
        cut,
        "needs = [\"hold=cut\"]",
        &[
            "10 @\"contain\"@ the outcome `contain` of `hold` leads nowhere",
            "11 @\"hold=cut\"@ `cut` is no outcome of `hold`",
        ],
    );
    check(
        "needs = [\"tell\"]",
        "needs = [\"tell\", \"look=yes\"]",
        &["15 @\"look=yes\"@ `yes` is no outcome of `look`"],
    );
    check(
        "outcomes = [\"yes\", \"no\"], back",
        "back",
        &["15 @id@ `clean` is a decision without outcomes to choose from", "15 @back@ `no` is no outcome of `clean`"],
    );
    check("back = { no = \"cut\" }", "back = { no = \"ct\" }", &["15 @back@ there is no step `ct`"]);
    check(
        "needs = [\"clean\", \"share\"]",
        "needs = [\"clean=no\", \"clean\", \"share\"]",
        &["16 @\"clean=no\"@ `clean=no` goes back, so nothing can follow it"],
    );
    check("default = \"contain\"", "default = \"cut\"", &["10 @default@ the default `cut` is no outcome that goes on"]);
    check(
        ", default = \"contain\"",
        "",
        &["10 @meets@ `contain-or-hold` is a decision with a default at its deadline"],
    );
    check("due = \"4h\", ", "", &["10 @default@ a default needs a deadline"]);
}

#[test]
fn loops_ends_and_what_is_never_reached_are_found() {
    check(
        "due = \"2h\", needs = [\"triage\"]",
        "due = \"2h\", needs = [\"tell\"]",
        &["9 @needs@ `look` stands in a loop with no way out", "13 @needs@ `tell` stands in a loop with no way out"],
    );
    check(
        "back = { no = \"cut\" }",
        "back = { no = \"cut\", yes = \"cut\" }",
        &["15 @back@ `clean` stands in a loop with no way out: every outcome goes back"],
    );
    check(
        "back = { no = \"cut\" }",
        "back = { no = \"share\" }",
        &["15 @back@ `clean` cannot go back to `share`, which is not before it"],
    );
    check(
        "needs = [\"hold=watch\"]",
        "needs = [\"hold=watch\", \"cut\"]",
        &["12 @needs@ `watch` is never reached: `hold` would have to end in two ways"],
    );
    // Beside mistakes in what steps need, of other steps and of their own.
    let looped = SMALL.replace("due = \"2h\", needs = [\"triage\"]", "due = \"2h\", needs = [\"tell\", \"triag\"]");
    check_text(
        &looped.replace("needs = [\"clean\", \"share\"]", "needs = [\"clean\", \"shar\"]"),
        &[
            "9 @needs@ `look` stands in a loop with no way out",
            "9 @\"triag\"@ there is no step `triag`",
            "13 @needs@ `tell` stands in a loop with no way out",
            "16 @\"shar\"@ there is no step `shar`",
        ],
    );
    check(", meets = \"closing\"", "", &["7 @step@ the process has no end"]);
    check(
        "needs = [\"clean\", \"share\"]",
        "needs = [\"clean\"]",
        &["14 @id@ `share` does not lead to the end `close`"],
    );
    check(
        "needs = [\"clean\", \"share\"]",
        "needs = [\"clean=yes\", \"share\"]",
        &["16 @needs@ the end `close` hangs on `clean=yes`"],
    );
    check(
        "needs = [\"hold=contain\"], text",
        "needs = [\"triage\"], text",
        &["10 @\"contain\"@ the outcome `contain` of `hold` leads nowhere"],
    );
    check("needs = [\"hold=watch\"]", "needs = [\"triage\", \"hold\"]", &[]);
    let around = SMALL.replace("needs = [\"hold=contain\"]", "needs = [\"triage\"]");
    let around =
        around.replace("needs = [\"cut\", \"watch\", \"look\"]", "needs = [\"cut\", \"watch\", \"hold\", \"look\"]");
    check_text(&around, &["11 @needs@ `cut` contains without waiting for the decision `contain-or-hold`"]);
}

#[test]
fn size_is_bounded_and_what_is_not_toml_is_told() {
    let large = format!("{SMALL}\n# {}", "x".repeat(FILE_BYTES_MAX));
    assert!(problems(&large)[0].starts_with("p.toml: a process of "), "{:?}", problems(&large));
    let steps = "[[step]]\nid = \"a\"\n".repeat(101);
    let many = format!("name = \"m\"\nversion = 1\ntitle = \"M\"\ndescription = \"x\"\nfor = [\"test\"]\n{steps}");
    let found = problems(&many);
    assert!(found.iter().any(|told| told.ends_with("the process has more than 100 steps")), "{}", found.len());
    let needs = format!("needs = [{}]", vec!["\"x\""; 101].join(", "));
    check("needs = [\"tell\"]", &needs, &["15 @needs@ `clean` has more than 100 needs"]);
    assert_eq!(problems("name = \n").len(), 1);
    let empty = problems("");
    assert!(empty.is_empty() || empty.iter().all(|told| told.contains("is missing")), "{empty:?}");
    assert!(!empty.is_empty(), "an empty file is no process");
}

#[test]
fn a_site_replaces_a_shipped_process_by_a_higher_version() {
    let own = |version: u32| {
        let (_, text) = super::super::shipped::SHIPPED[0];
        let text = text.replace("version = 1", &format!("version = {version}"));
        let process = read(&Source { name: "own.toml".into(), text }).unwrap();
        (format!("processes/v{version}.toml"), process)
    };
    let (all, problems) = catalogue(vec![own(1)]);
    assert_eq!((all[0].1, problems), (Origin::Shipped, vec![]), "a copy as it is shipped");
    let (all, problems) = catalogue(vec![own(2), own(1)]);
    assert_eq!((all.len(), all[0].0.version, all[0].1), (10, 2, Origin::Site));
    let told = problems[0].to_string();
    assert_eq!(
        told,
        "processes/v1.toml: version 1 of `botnet-c2` is not used: version 2 is there already (site)\n  hint: write version = 3"
    );
}
