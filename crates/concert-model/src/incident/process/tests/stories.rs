//! Every shipped process from start to close, with each meeting point refusing first; and the engine's
//! own rules, each in a small process.

use std::collections::BTreeSet;

use super::story::{RUN, Story, chosen, done, held, read, skipped};
use crate::Time;
use crate::incident::content::{Deed, PartyStatus, Role, Standing};
use crate::incident::process::{Kind, Meeting, Process, State, Step, Track, indicators, shipped};
use crate::incident::{Marking, Tlp};
use crate::keys::Source;

#[test]
fn every_shipped_process_is_read_and_complete() {
    for (name, text) in super::super::shipped::SHIPPED {
        let source = Source { name: format!("{name}.toml"), text: (*text).into() };
        let process = super::super::read(&source).unwrap_or_else(|problems| {
            panic!("{}", problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
        });
        assert_eq!(process.name, *name);
        assert!(process.steps.len() >= 8, "{name} has {} steps", process.steps.len());
        let tracks: BTreeSet<Track> = process.steps.iter().map(|step| step.track).collect();
        assert_eq!(tracks.len(), 2, "{name}");
        assert!(text.starts_with("# "), "{name} does not say which meeting points apply");
        for point in [Meeting::Triage, Meeting::Notify, Meeting::Findings, Meeting::Closing] {
            assert!(process.steps.iter().any(|step| step.meets == Some(point)), "{name} lacks {}", point.word());
        }
        // What does not apply is explained in words above the process.
        let (head, _) = text.split_once("\nname = ").unwrap();
        let has_hold = process.steps.iter().any(|step| step.meets == Some(Meeting::Contain));
        assert!(has_hold || head.contains("contain-or-hold does not apply"), "{name}");
        for step in process.steps.iter().filter(|step| step.kind != Kind::Parallel) {
            assert!(step.due_seconds.is_some(), "{name}: {} has no due time", step.id);
            assert!(step.text.len() > 60, "{name}: {} says too little", step.id);
        }
    }
    assert_eq!(shipped().len(), 10);
    let handled = |kind: &str| shipped().iter().any(|process| process.types.iter().any(|known| known == kind));
    let common = ["c2-server", "infected-system", "scanner", "phishing", "ddos", "data-leak", "vulnerable-system"];
    assert!(common.into_iter().all(handled));
}

#[test]
fn the_example_of_the_manual_is_read() {
    let manual = include_str!("../../../../../../docs/processes.md");
    let (_, example) = manual.split_once("```toml\n").unwrap();
    let (example, _) = example.split_once("```").unwrap();
    drive(read(example), 1);
}

/// Drives a process to its end. At each decision the outcome with this number is taken, if there are as
/// many; what goes back is tried once.
fn drive(process: Process, branch: usize) {
    let name = process.name.clone();
    let mut story = Story::begin(process);
    story.open_custody = 1;
    story.role(Role::LeadInvestigator);
    story.finding("f1", Standing::Supported);
    let mut gone_back = BTreeSet::new();
    for _ in 0..200 {
        if story.ask(|progress| progress.ended()).is_some() {
            assert!(story.ask(|progress| progress.ignored().is_empty()), "{name}");
            assert!(story.ask(|progress| progress.steps().all(|(_, state)| is_settled(&state))), "{name}");
            return;
        }
        story.later(600);
        let ready = story.ask(|progress| {
            progress.steps().find(|(_, state)| matches!(state, State::Ready { .. })).map(|(step, _)| step.clone())
        });
        let step = ready.unwrap_or_else(|| panic!("{name}: nothing is ready and it has not ended"));
        go_on(&mut story, &step, branch, &mut gone_back);
    }
    panic!("{name} does not end");
}

fn is_settled(state: &State) -> bool {
    matches!(state, State::Done { .. } | State::Skipped { .. } | State::PassedOver)
}

fn go_on(story: &mut Story, step: &Step, branch: usize, gone_back: &mut BTreeSet<String>) {
    if step.kind == Kind::Decision {
        assert!(story.refused(&done(&step.id)).contains("is a decision"));
        let back = step.back.iter().find(|_| gone_back.insert(step.id.clone()));
        let goes_on: Vec<&String> = step.outcomes.iter().filter(|outcome| step.back_to(outcome).is_none()).collect();
        let outcome = back.map_or(goes_on[branch % goes_on.len()].as_str(), |(outcome, _)| outcome.as_str());
        let chosen = chosen(&step.id, outcome);
        if step.meets == Some(Meeting::Contain) {
            contain_or_hold(story, step);
        }
        story.step(chosen).unwrap();
        return;
    }
    // What was sent back has nothing lacking the second time.
    if let Some(point) = step.meets
        && gone_back.insert(step.id.clone())
    {
        refuse_then_mend(story, step, point);
        assert!(story.refused(&skipped(&step.id, "why")).contains("not skipped"));
    }
    story.step(done(&step.id)).unwrap();
}

/// Somebody without the role cannot decide, and a hold has its limits.
fn contain_or_hold(story: &mut Story, step: &Step) {
    let role = step.role.unwrap();
    let chosen = chosen(&step.id, &step.outcomes[0]);
    let refused = story.ask(|progress| progress.decides(&chosen, "ben")).unwrap_err();
    assert_eq!(refused, format!("`{}` is decided by {}, which ben is not", step.id, role.word()));
    let containing = story.process.steps.iter().find(|other| other.needs.iter().any(|need| need.step == step.id));
    let refused = story.refused(&done(&containing.unwrap().id));
    assert!(refused.contains("comes into force"), "{refused}");
    let too_long = held(&step.id, story.now.plus_seconds(step.hold_seconds_max + 1), "memory is being taken");
    assert!(story.refused(&too_long).contains("no longer"));
}

/// Each meeting point refuses with its sentence, and lets pass when that is mended. What is written for it
/// stands in `points.json`, which the stories through the API read too.
fn refuse_then_mend(story: &mut Story, step: &Step, point: Meeting) {
    let refused = |story: &Story| story.may(&done(&step.id)).err().unwrap_or_default();
    let points: serde_json::Value = serde_json::from_str(include_str!("points.json")).unwrap();
    let Some(written) = points.get(point.word()) else { return };
    story.write_all(&written["before"]);
    if point == Meeting::Closing {
        assert!(refused(story).contains("custody is open for 1 piece of evidence"), "{}", refused(story));
        story.open_custody = 0;
    }
    assert!(refused(story).contains(written["refused"].as_str().unwrap()), "{}", refused(story));
    story.write_all(&written["mend"]);
    assert_eq!(refused(story), "", "{}", step.id);
}

#[test]
fn every_shipped_process_runs_from_start_to_close() {
    for branch in 0..3 {
        shipped().into_iter().for_each(|process| drive(process, branch));
    }
}

/// A process with every meeting point and a decision that goes back.
pub(super) const SMALL: &str = r#"
name = "small"
version = 3
title = "Small"
description = "For tests."
for = ["test"]
step = [
  { id = "triage", title = "Triage", track = "response", phase = "detect", kind = "action", role = "coordinator", due = "1h", meets = "triage-keeps-report", text = "Link it." },
  { id = "look", title = "Look", track = "investigation", phase = "identify", kind = "action", role = "investigator", due = "2h", needs = ["triage"], text = "Look at it." },
  { id = "hold", title = "Hold?", track = "response", phase = "contain", kind = "decision", role = "lead-investigator", due = "4h", needs = ["triage"], meets = "contain-or-hold", outcomes = ["contain", "watch"], default = "contain", hold_max = "10h", text = "Decide it." },
  { id = "cut", title = "Cut off", track = "response", phase = "contain", kind = "action", role = "responder", due = "1h", needs = ["hold=contain"], text = "Cut it off." },
  { id = "watch", title = "Watch", track = "response", phase = "contain", kind = "wait", role = "responder", due = "1h", needs = ["hold=watch"], text = "Watch it." },
  { id = "tell", title = "Tell", track = "response", phase = "notify", kind = "message", role = "coordinator", due = "1h", needs = ["cut", "watch", "look"], meets = "notify-and-identify", text = "Tell them." },
  { id = "share", title = "Share", track = "investigation", phase = "report", kind = "action", role = "lead-investigator", due = "1h", needs = ["look"], meets = "findings-to-indicators", text = "Share it." },
  { id = "clean", title = "Clean?", track = "response", phase = "recover", kind = "decision", role = "responder", needs = ["tell"], outcomes = ["yes", "no"], back = { no = "cut" }, text = "Is it clean?" },
  { id = "close", title = "Close", track = "response", phase = "close", kind = "action", role = "coordinator", due = "1d", needs = ["clean", "share"], meets = "closing", text = "Close it." },
]
"#;

fn small() -> Story {
    let mut story = Story::begin(read(SMALL));
    story.notice();
    story.role(Role::LeadInvestigator);
    story
}

fn state(story: &Story, id: &str) -> State {
    story.ask(|progress| progress.steps().find(|(step, _)| step.id == id).map(|(_, state)| state)).unwrap()
}

const HOUR: i64 = 3600;

#[test]
fn steps_wait_become_ready_and_late() {
    let mut story = small();
    let began = story.incident.runs[RUN].started.time;
    assert_eq!(state(&story, "tell"), State::Waiting(vec!["cut".into(), "watch".into(), "look".into()]));
    let due = Some(began.plus_seconds(HOUR));
    assert_eq!(state(&story, "triage"), State::Ready { since: began, due, lacks: vec![] });
    assert_eq!(story.refused(&done("look")), "`look` waits for `triage`");
    assert_eq!(story.refused(&done("lok")), "the process has no step `lok`");
    assert_eq!(story.refused(&chosen("triage", "yes")), "`triage` is no decision");
    story.later(HOUR + 60);
    let overdue = story.ask(|progress| {
        let (step, _) = progress.steps().find(|(step, _)| step.id == "triage").unwrap();
        progress.overdue_seconds(step)
    });
    assert_eq!(overdue, Some(60));
    story.step(done("triage")).unwrap();
    assert!(matches!(state(&story, "triage"), State::Done { late: true, .. }));
    assert_eq!(story.refused(&chosen("hold", "wait")), "`wait` is no outcome of `hold`: choose one of contain, watch");
    assert_eq!(story.refused(&skipped("look", " ")), "to skip `look` needs a reason");
    story.step(skipped("look", "Nothing to see.")).unwrap();
    assert_eq!(story.refused(&done("look")), "`look` is settled already");
    story.step(chosen("hold", "watch")).unwrap();
    assert_eq!(state(&story, "cut"), State::PassedOver);
    assert_eq!(story.refused(&done("cut")), "`cut` lies on a branch that was not taken");
}

#[test]
fn at_the_deadline_the_default_happens_and_is_recorded() {
    let mut story = small();
    story.step(done("triage")).unwrap();
    let since = story.stamp_of("triage");
    story.later(HOUR);
    let until = since.plus_seconds(6 * HOUR);
    assert_eq!(story.refused(&held("hold", until, "")), "to hold `hold` needs a reason");
    // A moment that is past would force the default for good.
    let past = held("hold", story.now.plus_seconds(-HOUR), "memory is being taken");
    let refused = format!("`hold` is held until a moment to come; {} is past", story.now.plus_seconds(-HOUR));
    assert_eq!(story.refused(&past), refused);
    story.write(past);
    assert_eq!(story.ask(|progress| progress.ignored()[0].1.clone()), refused);
    story.step(held("hold", until, "memory is being taken")).unwrap();
    let waits =
        format!("`cut` waits for `hold`, which lead-investigator decides; at {until} `contain` comes into force");
    assert_eq!(story.refused(&done("cut")), waits);
    story.later(4 * HOUR);
    assert_eq!(story.ask(|progress| progress.defaults()), []);
    // Nobody else may write the default before its time.
    let early = crate::incident::content::Stepped { deed: Deed::Defaulted, ..chosen("hold", "contain") };
    story.write(early);
    assert_eq!(story.ask(|progress| progress.ignored()[1].1.clone()), format!("`hold` may be decided until {until}"));
    story.later(2 * HOUR);
    assert_eq!(
        story.refused(&chosen("hold", "watch")),
        "nobody decided `hold` in time, so `contain` has come into force"
    );
    let defaults = story.ask(|progress| progress.defaults());
    assert_eq!((defaults.len(), defaults[0].run.as_str(), defaults[0].outcome.as_str()), (1, RUN, "contain"));
    story.write(defaults[0].clone());
    assert_eq!(story.ask(|progress| progress.defaults()), []);
    assert!(matches!(state(&story, "hold"), State::Done { defaulted: true, .. }));
    assert_eq!(story.may(&done("cut")), Ok(()));
    // Two sites write it at once: the second changes nothing.
    story.write(defaults[0].clone());
    assert_eq!(story.may(&done("cut")), Ok(()));
}

#[test]
fn what_goes_back_is_done_again() {
    let mut story = small();
    for stepped in [done("triage"), done("look"), chosen("hold", "contain"), done("cut"), done("tell")] {
        story.later(60);
        story.step(stepped).unwrap();
    }
    story.step(chosen("clean", "no")).unwrap();
    let at = story.incident.changed.time;
    assert!(matches!(state(&story, "cut"), State::Ready { since, .. } if since == at));
    assert!(matches!(state(&story, "look"), State::Done { .. }));
    assert_eq!(story.refused(&chosen("clean", "yes")), "`clean` waits for `tell`");
    for stepped in [done("cut"), done("tell"), chosen("clean", "yes")] {
        story.step(stepped).unwrap();
    }
    assert_eq!(story.may(&done("close")).unwrap_err(), "`close` waits for `share`");
}

#[test]
fn a_host_found_later_opens_the_notification_again() {
    let mut story = small();
    for stepped in [done("triage"), done("look"), chosen("hold", "contain"), done("cut"), done("tell")] {
        story.step(stepped).unwrap();
    }
    story.later(HOUR);
    // Whoever did it, and when, stays as long as nothing more turned up.
    assert_eq!(story.refused(&done("tell")), "`tell` is settled already");
    story.relation("192.0.2.1", "192.0.2.2");
    story.party("Example Net", PartyStatus::Unknown);
    let State::Ready { since, lacks, .. } = state(&story, "tell") else { panic!("{:?}", state(&story, "tell")) };
    let names = "nothing is known of 192.0.2.1, 192.0.2.2, Example Net";
    assert!(since == story.stamp_of_host("192.0.2.1") && lacks[0].starts_with(names), "{lacks:?}");
    assert_eq!(story.refused(&chosen("clean", "yes")), "`clean` waits for `tell`");
    story.held("192.0.2.1", "Example Net");
    story.party("Example Net", PartyStatus::ContactSought);
    story.party("192.0.2.2", PartyStatus::Told);
    assert!(matches!(state(&story, "tell"), State::Done { .. }));
}

#[test]
fn findings_become_indicators_within_their_markings() {
    let mut story = small();
    story.step(done("triage")).unwrap();
    story.step(done("look")).unwrap();
    story.finding("a", Standing::Supported);
    story.finding("b", Standing::Supported);
    story.finding("c", Standing::Hypothesis);
    story.indicate("a", &["192.0.2.1", "192.0.2.2"], "");
    story.indicate("c", &["192.0.2.3"], "");
    let refused = story.refused(&done("share"));
    assert!(refused.contains("by what others recognise b is not said"), "{refused}");
    story.indicate("b", &[], "It is about people.");
    story.step(done("share")).unwrap();
    let all = |tlp| indicators(&story.incident, &|marking: &Marking| marking.tlp <= tlp).len();
    assert_eq!((all(Tlp::Amber), all(Tlp::Green)), (2, 0));
}

#[test]
fn a_reason_stands_for_a_report_that_cannot_be_linked() {
    let mut story = Story::begin(read(SMALL));
    assert!(story.refused(&done("triage")).contains("nothing is linked yet"));
    let mut by_phone = done("triage");
    by_phone.reason = "It came by telephone.".into();
    story.step(by_phone).unwrap();
    assert!(matches!(state(&story, "triage"), State::Done { .. }));
    assert_eq!(story.ask(|progress| progress.ended()), None);
}

impl Story {
    fn stamp_of(&self, step: &str) -> Time {
        let marks = &self.incident.runs[RUN].marks;
        marks.iter().find(|mark| mark.stepped.step == step).unwrap().at.time
    }

    fn stamp_of_host(&self, host: &str) -> Time {
        self.incident.found[host].time
    }
}
