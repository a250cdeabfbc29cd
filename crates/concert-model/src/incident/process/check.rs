//! Whether the steps of a process make sense, each alone and all together.
//!
//! What follows from mistakes in ids and needs would only be noise, so ends, and what is never reached, are
//! looked at when those are right. Loops are told beside them.

use std::collections::{BTreeMap, BTreeSet};

use super::super::content::Role;
use super::definition::{Kind, Meeting, Phase, Step};
use super::graph;
use super::read::{hint, is_word};
use crate::keys::Keys;

/// Most steps of a process, and most that one needs.
pub(super) const STEPS_MAX: usize = 100;
/// Most outcomes of a decision.
const OUTCOMES_MAX: usize = 20;

type Read<'a> = (Step, Keys<'a>);

/// Tells every mistake in the steps.
pub(super) fn check(process: &Keys<'_>, steps: &[Read<'_>]) {
    if steps.is_empty() {
        if !process.has("step") {
            process.missing("step", "its steps, each as [[step]]");
        }
        return;
    }
    if steps.len() > STEPS_MAX {
        process.problem("step", format!("the process has more than {STEPS_MAX} steps"), "make two of it");
        return;
    }
    let mut is_bounded = true;
    for (step, keys) in steps {
        for (name, count, max) in
            [("needs", step.needs.len(), STEPS_MAX), ("outcomes", step.outcomes.len(), OUTCOMES_MAX)]
        {
            if count > max {
                keys.problem(name, format!("`{}` has more than {max} {name}", step.id), "");
                is_bounded = false;
            }
        }
    }
    if !is_bounded {
        return;
    }
    for (step, keys) in steps {
        alone(step, keys);
        meeting(step, keys);
    }
    let fit = ids(steps) & needs(steps) & outcomes(steps);
    if !loops(steps) && fit {
        together(process, steps);
    }
}

/// What can be seen in the step itself.
fn alone(step: &Step, keys: &Keys<'_>) {
    let nobody = "a step at which steps only begin or meet is done by nobody";
    match (step.kind, step.role) {
        (Kind::Parallel, _) => {
            for name in ["role", "due", "meets"].into_iter().filter(|name| keys.has(name)) {
                keys.problem(name, format!("`{}` is parallel and takes no `{name}`", step.id), nobody);
            }
        }
        (_, Some(Role::Observer)) => {
            let hint = "an observer only reads; name the role that does it";
            keys.problem("role", format!("nobody can take `{}`", step.id), hint);
        }
        (_, None) if !keys.has("role") => {
            keys.problem(
                "id",
                format!("nobody can take `{}`: it names no role", step.id),
                "role: the role that does it",
            );
        }
        _ => {}
    }
    // Whatever else stands there may say it, in any language.
    let says_nothing = step.text.trim().is_empty() || step.text.trim() == step.id;
    if step.kind != Kind::Parallel && says_nothing {
        let name = if keys.has("text") { "text" } else { "id" };
        let hint = "text: what the person on duty does";
        keys.problem(name, format!("`{}` does not say what to do", step.id), hint);
    }
    if step.kind != Kind::Decision {
        let names = ["outcomes", "back", "default", "hold_max"];
        for name in names.into_iter().filter(|name| keys.has(name)) {
            let what = format!("`{}` is no decision and takes no `{name}`", step.id);
            keys.problem(name, what, "write kind = \"decision\"");
        }
    }
    if step.default.is_some() && step.due_seconds.is_none() {
        keys.problem("default", "a default needs a deadline", "due: when it comes into force");
    }
}

/// Whether it can be the meeting point that it says.
fn meeting(step: &Step, keys: &Keys<'_>) {
    let Some(point) = step.meets else { return };
    let phase = match point {
        Meeting::Triage => Some(Phase::Detect),
        Meeting::Notify => Some(Phase::Notify),
        Meeting::Closing => Some(Phase::Close),
        Meeting::Contain | Meeting::Findings => None,
    };
    if let Some(phase) = phase.filter(|phase| *phase != step.phase) {
        let what = format!("`{}` is a meeting point of the phase `{}`", point.word(), phase.word());
        keys.problem("meets", what, format!("write phase = \"{}\"", phase.word()));
    }
    if point == Meeting::Contain && (step.kind != Kind::Decision || step.default.is_none()) {
        let what = format!("`{}` is a decision with a default at its deadline", point.word());
        keys.problem("meets", what, "write kind = \"decision\", due, outcomes and default");
    }
    if point != Meeting::Contain && matches!(step.kind, Kind::Decision | Kind::Wait) {
        let what = format!("`{}` is nothing to decide or to wait for", point.word());
        keys.problem("meets", what, "write kind = \"action\", \"message\" or \"evidence\"");
    }
    if point != Meeting::Contain && keys.has("hold_max") {
        keys.problem("hold_max", format!("only `{}` can be held", Meeting::Contain.word()), "");
    }
}

/// Whether each id stands once.
fn ids(steps: &[Read<'_>]) -> bool {
    let mut seen: BTreeMap<&str, &Keys<'_>> = BTreeMap::new();
    let mut all_well = true;
    for (step, keys) in steps {
        all_well &= is_word(&step.id);
        if let Some(first) = seen.insert(&step.id, keys).filter(|_| !step.id.is_empty()) {
            let hint = format!("the other is at {}", first.key_place("id").unwrap_or_default());
            keys.problem("id", format!("two steps are called `{}`", step.id), hint);
            all_well = false;
        }
    }
    all_well
}

/// Whether each need names a step, and an outcome that it has.
fn needs(steps: &[Read<'_>]) -> bool {
    let mut all_well = true;
    let known = steps.iter().map(|(step, _)| step.id.as_str());
    for (step, keys) in steps {
        let mut named = BTreeSet::new();
        for (index, need) in step.needs.iter().enumerate() {
            let mut wrong = |what: String, hint: String| {
                keys.problem_item("needs", index, what, hint);
                all_well = false;
            };
            let Some((needed, _)) = steps.iter().find(|(other, _)| other.id == need.step) else {
                wrong(format!("there is no step `{}`", need.step), hint(&need.step, known.clone()));
                continue;
            };
            if !named.insert(need) {
                wrong(format!("`{need}` stands twice"), String::new());
            }
            let Some(outcome) = &need.outcome else { continue };
            if !needed.outcomes.contains(outcome) {
                let outcomes = needed.outcomes.iter().map(String::as_str);
                let hint = match needed.outcomes.is_empty() {
                    true => format!("`{}` has no outcomes", needed.id),
                    false => hint(outcome, outcomes),
                };
                wrong(format!("`{}` is no outcome of `{}`", outcome, needed.id), hint);
            } else if needed.back_to(outcome).is_some() {
                wrong(format!("`{need}` goes back, so nothing can follow it"), String::new());
            }
        }
    }
    all_well
}

/// Whether each decision can be taken, and each outcome leads somewhere.
fn outcomes(steps: &[Read<'_>]) -> bool {
    let mut all_well = true;
    for (step, keys) in steps.iter().filter(|(step, _)| step.kind == Kind::Decision) {
        let mut wrong = |name: &str, index: usize, what: String, hint: &str| {
            keys.problem_item(name, index, what, hint);
            all_well = false;
        };
        if step.outcomes.len() < 2 {
            let name = if keys.has("outcomes") { "outcomes" } else { "id" };
            let what = format!("`{}` is a decision without outcomes to choose from", step.id);
            wrong(name, usize::MAX, what, "write outcomes = [\"yes\", \"no\"]");
        }
        let needs: Vec<_> = steps.iter().flat_map(|(other, _)| &other.needs).filter(|n| n.step == step.id).collect();
        let mut seen = BTreeSet::new();
        for (index, outcome) in step.outcomes.iter().enumerate() {
            if !is_word(outcome) || !seen.insert(outcome) {
                let what = format!("`{outcome}` is not an outcome, or stands twice");
                wrong("outcomes", index, what, "write small letters, digits and hyphens");
            }
            let leads = needs.iter().any(|need| need.outcome.as_ref().is_none_or(|needed| needed == outcome));
            if !leads && step.back_to(outcome).is_none() {
                let what = format!("the outcome `{outcome}` of `{}` leads nowhere", step.id);
                wrong("outcomes", index, what, "let a step need it, or the decision as a whole, or let it go back");
            }
        }
        if let Some(default) = &step.default
            && (!step.outcomes.contains(default) || step.back_to(default).is_some())
        {
            let what = format!("the default `{default}` is no outcome that goes on");
            wrong("default", usize::MAX, what, "name one of the outcomes");
        }
        for (outcome, target) in &step.back {
            if !step.outcomes.contains(outcome) {
                let what = format!("`{outcome}` is no outcome of `{}`", step.id);
                wrong("back", usize::MAX, what, "name one of the outcomes");
            }
            if steps.iter().all(|(other, _)| other.id != *target) {
                wrong("back", usize::MAX, format!("there is no step `{target}`"), "name a step before this one");
            }
        }
    }
    all_well
}

/// Whether any step needs itself, by way of others or not. A decision whose outcomes all go back is told too.
fn loops(steps: &[Read<'_>]) -> bool {
    let ids: BTreeSet<&str> = steps.iter().map(|(step, _)| step.id.as_str()).collect();
    // Of two steps with one id nobody knows which is needed.
    if ids.len() < steps.len() {
        return false;
    }
    let all: Vec<Step> = steps.iter().map(|(step, _)| step.clone()).collect();
    let (_, left) = graph::order(&all);
    let looped = graph::in_loops(&left);
    for step in &looped {
        let hint = "a step cannot need itself; to do steps again, let a decision go `back`";
        wrong_in(steps, step, "needs", format!("`{}` stands in a loop with no way out", step.id), hint);
    }
    for step in all.iter().filter(|step| step.kind == Kind::Decision && !step.outcomes.is_empty()) {
        if step.outcomes.iter().all(|outcome| step.back_to(outcome).is_some()) {
            let what = format!("`{}` stands in a loop with no way out: every outcome goes back", step.id);
            wrong_in(steps, step, "back", what, "let an outcome go on");
        }
    }
    !looped.is_empty()
}

/// Tells a mistake at a key of a step, or at its id where it has no such key.
fn wrong_in(steps: &[Read<'_>], step: &Step, name: &str, what: String, hint: &str) {
    if let Some((_, keys)) = steps.iter().find(|(known, _)| known.id == step.id) {
        keys.problem(if keys.has(name) { name } else { "id" }, what, hint);
    }
}

/// Steps that are never reached, and the end. Nothing stands in a loop.
fn together(process: &Keys<'_>, steps: &[Read<'_>]) {
    let all: Vec<Step> = steps.iter().map(|(step, _)| step.clone()).collect();
    let wrong = |step: &Step, name: &str, what: String, hint: &str| wrong_in(steps, step, name, what, hint);
    let (ordered, _) = graph::order(&all);
    for (step, decision) in graph::unreachable(&ordered) {
        let what = format!("`{}` is never reached: `{decision}` would have to end in two ways", step.id);
        wrong(step, "needs", what, "name the step in which the branches meet again");
    }
    let before = graph::before(&ordered);
    let comes_before = |a: &str, b: &str| before.get(b).is_some_and(|all| all.contains(a));
    for step in &all {
        for (_, target) in &step.back {
            if *target != step.id && !comes_before(target, &step.id) {
                let what = format!("`{}` cannot go back to `{target}`, which is not before it", step.id);
                wrong(step, "back", what, "name a step before this one");
            }
        }
    }
    end(process, &all, &comes_before, &wrong);
    let holds: Vec<&Step> = all.iter().filter(|step| step.meets == Some(Meeting::Contain)).collect();
    for step in all.iter().filter(|step| step.phase == Phase::Contain && step.meets != Some(Meeting::Contain)) {
        if !holds.is_empty() && !holds.iter().any(|hold| comes_before(&hold.id, &step.id)) {
            let what = format!("`{}` contains without waiting for the decision `{}`", step.id, Meeting::Contain.word());
            wrong(step, "needs", what, "let it need an outcome of that decision");
        }
    }
}

/// There is one end, it closes, and everything leads to it.
fn end(
    process: &Keys<'_>,
    all: &[Step],
    comes_before: &dyn Fn(&str, &str) -> bool,
    wrong: &dyn Fn(&Step, &str, String, &str),
) {
    let mut ends = all.iter().filter(|step| step.meets == Some(Meeting::Closing));
    let Some(end) = ends.next() else {
        let hint = "give the last step phase = \"close\" and meets = \"closing\"";
        process.problem("step", "the process has no end", hint);
        return;
    };
    for other in ends {
        wrong(other, "meets", format!("the process ends twice, with `{}` and `{}`", end.id, other.id), "keep one");
    }
    for need in end.needs.iter().filter(|need| need.outcome.is_some()) {
        let what = format!("the end `{}` hangs on `{need}`", end.id);
        wrong(end, "needs", what, "let it need steps in which the branches meet again");
    }
    for step in all.iter().filter(|step| step.id != end.id) {
        if comes_before(&end.id, &step.id) {
            wrong(step, "needs", format!("`{}` comes after the end `{}`", step.id, end.id), "close at the end");
        } else if !comes_before(&step.id, &end.id) {
            let what = format!("`{}` does not lead to the end `{}`", step.id, end.id);
            wrong(step, "id", what, "let the end need it, or a step before the end");
        }
    }
}
