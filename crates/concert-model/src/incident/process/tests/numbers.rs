//! Numbers over several runs, and the proposals that come of them.

use std::collections::BTreeMap;

use super::stories::SMALL;
use super::story::{RUN, Story, chosen, done, read, skipped};
use crate::incident::Incident;
use crate::incident::content::{Answer, Answered, PartyStatus, Role, Verdict};
use crate::incident::process::numbers::{Numbers, StepNumbers, Tally, Wanted};

fn run(look_seconds: i64, skip_cut: bool, answers: Vec<Answer>) -> Incident {
    let mut story = Story::begin(read(SMALL));
    story.notice();
    story.role(Role::LeadInvestigator);
    story.step(done("triage")).unwrap();
    story.later(look_seconds);
    story.step(done("look")).unwrap();
    story.ask(|progress| progress.defaults()).into_iter().for_each(|default| story.write(default));
    if story.may(&chosen("hold", "contain")).is_ok() {
        story.step(chosen("hold", "contain")).unwrap();
    }
    story.step(if skip_cut { skipped("cut", "It is off.") } else { done("cut") }).unwrap();
    for stepped in [done("tell"), chosen("clean", "yes"), done("share")] {
        story.step(stepped).unwrap();
    }
    story.write(Answered { run: RUN.into(), answers });
    story.step(done("close")).unwrap();
    // What turns up afterwards does not change what was counted.
    story.party("Late Net", PartyStatus::Unknown);
    story.incident
}

fn tally(wanted: Wanted, incidents: &[Incident]) -> BTreeMap<String, Numbers> {
    let mut tally = Tally::new(wanted);
    incidents.iter().for_each(|incident| tally.add(incident));
    tally.finish()
}

#[test]
fn numbers_and_answers_become_proposals() {
    let say = |step: &str, verdict, text: &str| Answer { step: step.into(), verdict, text: text.into() };
    let incidents = [
        run(3600, false, vec![say("look", Verdict::Late, "The logs were gone.")]),
        run(3 * 3600, true, vec![say("look", Verdict::Late, "Too slow."), say("cut", Verdict::Useless, "It was off.")]),
        run(5 * 3600, false, vec![say("", Verdict::Missing, "Call them first.")]),
    ];
    let small = || Wanted { process: Some("small".into()), ..Wanted::default() };
    let numbers = tally(small(), &incidents).remove("small").unwrap();
    assert_eq!((numbers.version, numbers.runs, numbers.ended, numbers.unreadable), (Some(3), 3, 3, 0));
    let (times, said) = ((Some(3 * 3600), Some(5 * 3600)), [(Verdict::Late, 2)].into());
    let (median_seconds, p95_seconds) = times;
    let look = StepNumbers { done: 3, late: 2, median_seconds, p95_seconds, said, ..StepNumbers::default() };
    assert_eq!(numbers.steps["look"], look);
    let cut = &numbers.steps["cut"];
    assert_eq!(cut.reasons, [("It is off.".to_owned(), 1)].into());
    assert_eq!((cut.done, cut.skipped, numbers.steps["watch"].passed_over), (2, 1, 3));
    assert_eq!((numbers.steps["hold"].done, numbers.steps["hold"].defaulted), (3, 1));
    let texts: Vec<&str> = numbers.proposals.iter().map(|proposal| proposal.text.as_str()).collect();
    assert_eq!(
        texts,
        [
            "let `look` come earlier: 2 say that it comes late; it is due after 2h, took 3h in the middle, and was late 2 of 3 times",
            "add a step at the beginning: one says that something is missing",
            "leave `cut` out: one says that it is useless; it was done 2 and skipped 1 times",
        ]
    );
    assert_eq!(numbers.proposals[0].said, ["The logs were gone.", "Too slow."]);
    let none = |wanted| tally(wanted, &incidents).is_empty();
    assert!(none(Wanted { process: Some("other".into()), ..Wanted::default() }));
    assert!(none(Wanted { version: Some(2), ..small() }));
    let started = incidents[0].runs[RUN].started.time;
    assert!(none(Wanted { since: Some(started.plus_seconds(1)), ..small() }));
    assert!(!none(Wanted { since: Some(started), version: Some(3), process: None }));
}

#[test]
fn a_step_that_is_done_twice_in_a_loop_counts_twice() {
    let mut story = Story::begin(read(SMALL));
    story.notice();
    story.role(Role::LeadInvestigator);
    for stepped in [done("triage"), done("look"), chosen("hold", "contain")] {
        story.step(stepped).unwrap();
    }
    for (hours, clean) in [(3, "no"), (0, "no"), (0, "yes")] {
        story.later(hours * 3600);
        story.step(if hours == 0 { done("cut") } else { skipped("cut", "It is off.") }).unwrap();
        story.step(done("tell")).unwrap();
        story.step(chosen("clean", clean)).unwrap();
    }
    let numbers = tally(Wanted::default(), &[story.incident]).remove("small").unwrap();
    let of = |step: &str| {
        let of = &numbers.steps[step];
        (of.done, of.skipped, of.passed_over)
    };
    assert_eq!(["look", "cut", "tell", "clean"].map(of), [(1, 0, 0), (2, 1, 0), (3, 0, 0), (3, 0, 0)]);
    assert_eq!(of("watch"), (0, 0, 1), "what the loop does not lead back to counts once");
    assert_eq!(numbers.steps["cut"].reasons, [("It is off.".to_owned(), 1)].into());
    assert!(numbers.steps["clean"].median_seconds.is_some());
}
