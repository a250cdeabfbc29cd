//! The graph that the needs of steps make: order, what comes before what, and what can never be.

use std::collections::{BTreeMap, BTreeSet};

use super::definition::{Need, Step};

/// What must have been decided for a step to be reached: decisions, and their outcomes.
type Decided<'a> = BTreeMap<&'a str, &'a str>;

/// Steps in an order in which each comes after what it needs; those left over stand in loops, or need
/// one that does.
pub(super) fn order(steps: &[Step]) -> (Vec<&Step>, Vec<&Step>) {
    let (mut ordered, mut left): (Vec<&Step>, Vec<&Step>) = (Vec::new(), steps.iter().collect());
    let mut known = BTreeSet::new();
    loop {
        let count = ordered.len();
        left.retain(|step| {
            let is_next = step.needs.iter().all(|need| known.contains(need.step.as_str()));
            if is_next {
                known.insert(step.id.as_str());
                ordered.push(step);
            }
            !is_next
        });
        if ordered.len() == count {
            return (ordered, left);
        }
    }
}

/// Of the steps that cannot be ordered, those that stand in a loop: each comes before itself.
pub(super) fn in_loops<'a>(left: &[&'a Step]) -> Vec<&'a Step> {
    let reaches_itself = |start: &Step| {
        let (mut seen, mut next) = (BTreeSet::new(), vec![start.id.as_str()]);
        while let Some(id) = next.pop() {
            let step = left.iter().find(|step| step.id == id);
            for need in step.iter().flat_map(|step| &step.needs) {
                if need.step == start.id {
                    return true;
                }
                if seen.insert(need.step.as_str()) {
                    next.push(&need.step);
                }
            }
        }
        false
    };
    left.iter().copied().filter(|step| reaches_itself(step)).collect()
}

/// For each step all that come before it. Steps come in their order.
pub(super) fn before<'a>(ordered: &[&'a Step]) -> BTreeMap<&'a str, BTreeSet<&'a str>> {
    let mut before: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for step in ordered {
        let mut all = BTreeSet::new();
        for need in &step.needs {
            all.insert(need.step.as_str());
            all.extend(before.get(need.step.as_str()).into_iter().flatten());
        }
        before.insert(&step.id, all);
    }
    before
}

/// The steps from `first` to `last`, both included, that are done again when `last` goes back to it.
pub(super) fn between<'a>(steps: &'a [Step], first: &str, last: &str) -> BTreeSet<&'a str> {
    let (ordered, _) = order(steps);
    let before = before(&ordered);
    let comes_before = |a: &str, b: &str| before.get(b).is_some_and(|all| all.contains(a));
    let ids = ordered.iter().map(|step| step.id.as_str());
    let from_first = ids.filter(|id| *id == first || comes_before(first, id));
    from_first.filter(|id| *id == last || comes_before(id, last)).collect()
}

/// Steps that no course of decisions reaches, with the decision that would have to end in two ways.
pub(super) fn unreachable<'a>(ordered: &[&'a Step]) -> Vec<(&'a Step, &'a str)> {
    let mut decided: BTreeMap<&str, Decided<'_>> = BTreeMap::new();
    let mut found = Vec::new();
    for step in ordered {
        let (with, plain): (Vec<&Need>, Vec<&Need>) = step.needs.iter().partition(|need| need.outcome.is_some());
        let of = |need: &Need| decided.get(need.step.as_str()).cloned().unwrap_or_default();
        let mut all = Decided::new();
        let mut contradiction = None;
        for need in with {
            let own = need.outcome.as_deref().map(|outcome| (need.step.as_str(), outcome));
            for (decision, outcome) in of(need).into_iter().chain(own) {
                if all.insert(decision, outcome).is_some_and(|other| other != outcome) {
                    contradiction = Some(decision);
                }
            }
        }
        // Of plain needs one suffices that was not passed over, so only what all of them ask for is sure.
        let mut common: Option<Decided<'_>> = None;
        for need in plain {
            let of_this = of(need);
            common = Some(match common {
                Some(mut common) => {
                    common.retain(|decision, outcome| of_this.get(decision) == Some(outcome));
                    common
                }
                None => of_this,
            });
        }
        for (decision, outcome) in common.unwrap_or_default() {
            if all.insert(decision, outcome).is_some_and(|other| other != outcome) {
                contradiction = Some(decision);
            }
        }
        found.extend(contradiction.map(|decision| (*step, decision)));
        decided.insert(&step.id, all);
    }
    found
}
