//! Random graphs: the engine always ends or has a ready step.

use super::story::{Story, chosen, done, read};
use crate::incident::content::Role;
use crate::incident::process::{Kind, Meeting, State, Step};

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % end.max(1)
    }
}

/// A process of `count` steps and an end: steps need steps before them, decisions have two outcomes, of
/// which one may go back.
fn process(dice: &mut Dice, count: usize) -> String {
    let mut text = String::from("name = \"r\"\nversion = 1\ntitle = \"R\"\ndescription = \"x\"\nfor = [\"test\"]\n");
    let mut decisions: Vec<usize> = Vec::new();
    for at in 0..count {
        let mut needs: Vec<String> = Vec::new();
        for _ in 0..dice.below(4).min(at) {
            let need = dice.below(at);
            let outcome = match decisions.contains(&need) && dice.below(2) == 0 {
                true => "=a",
                false => "",
            };
            let need = format!("\"s{need}{outcome}\"");
            if !needs.contains(&need) {
                needs.push(need);
            }
        }
        let kind = match dice.below(3) {
            0 if at > 0 => "decision",
            1 => "parallel",
            _ => "action",
        };
        let needs = needs.join(", ");
        text.push_str(&format!("[[step]]\nid = \"s{at}\"\ntitle = \"S\"\ntrack = \"response\"\nphase = \"remove\"\nkind = \"{kind}\"\nneeds = [{needs}]\n"));
        if kind != "parallel" {
            text.push_str("role = \"responder\"\ntext = \"Do it.\"\n");
        }
        if kind == "decision" {
            decisions.push(at);
            // A step may need it as a whole, so that every outcome leads somewhere: the end does.
            text.push_str("outcomes = [\"a\", \"b\"]\n");
            if let Some(target) = (dice.below(2) == 0).then(|| before(&text, at, dice)).flatten() {
                text.push_str(&format!("back = {{ b = \"{target}\" }}\n"));
            }
        }
    }
    let all: Vec<String> = (0..count).map(|at| format!("\"s{at}\"")).collect();
    text.push_str(&format!("[[step]]\nid = \"end\"\ntitle = \"E\"\ntrack = \"response\"\nphase = \"close\"\nkind = \"action\"\nrole = \"responder\"\nmeets = \"closing\"\nneeds = [{}]\ntext = \"End it.\"\n", all.join(", ")));
    text
}

/// One of the steps that the last one needs.
fn before(text: &str, at: usize, dice: &mut Dice) -> Option<String> {
    let (_, needs) = text.rsplit_once("needs = [")?;
    let (needs, _) = needs.split_once(']')?;
    let all: Vec<&str> = needs.split(", ").filter(|need| !need.is_empty() && at > 0).collect();
    let need = all.get(dice.below(all.len()))?.trim_matches('"');
    Some(need.split('=').next().unwrap_or(need).to_owned())
}

/// INVARIANT: whatever is decided and left out, a run that has not ended has a step that is ready.
#[test]
fn a_run_always_ends_or_has_a_ready_step() {
    let mut dice = Dice(7);
    let mut read_well = 0;
    for _ in 0..300 {
        let count = 1 + dice.below(12);
        let text = process(&mut dice, count);
        // Branches that exclude each other are refused when read; such graphs are not run.
        let source = crate::keys::Source { name: "r.toml".into(), text: text.clone() };
        if let Err(problems) = crate::incident::process::read(&source) {
            assert!(problems.iter().all(|problem| problem.what.contains("is never reached")), "{text}\n{problems:?}");
            continue;
        }
        read_well += 1;
        let mut story = Story::begin(read(&text));
        story.role(Role::Responder);
        story.answer();
        run(&mut story, &mut dice, &text);
    }
    assert!(read_well > 200, "only {read_well} graphs were run");
}

fn run(story: &mut Story, dice: &mut Dice, text: &str) {
    let mut backs = 0;
    for _ in 0..200 {
        let (ready, ended): (Vec<Step>, _) = story.ask(|progress| {
            let ready = progress.steps().filter(|(_, state)| matches!(state, State::Ready { .. }));
            (ready.map(|(step, _)| step.clone()).collect(), progress.ended())
        });
        if ended.is_some() {
            return;
        }
        assert!(!ready.is_empty(), "nothing is ready and nothing has ended:\n{text}");
        let step = &ready[dice.below(ready.len())];
        let mut outcome = step.outcomes.get(dice.below(2)).map_or("", String::as_str);
        if step.back_to(outcome).is_some() {
            backs += 1;
            outcome = if backs > 3 { "a" } else { outcome };
        }
        let stepped = match step.kind {
            Kind::Decision => chosen(&step.id, outcome),
            _ if step.meets.is_none() && dice.below(4) == 0 => super::story::skipped(&step.id, "why not"),
            _ => done(&step.id),
        };
        assert!(step.meets.is_none() || step.meets == Some(Meeting::Closing));
        story.later(60);
        story.step(stepped).unwrap();
    }
    panic!("it does not end:\n{text}");
}
