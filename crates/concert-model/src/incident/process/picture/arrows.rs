//! The arrows of a picture: what follows what, without what other arrows imply.

use super::super::definition::Process;
use super::super::graph;

/// An arrow between two steps, by their ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Arrow<'a> {
    pub(super) from: &'a str,
    pub(super) to: &'a str,
    /// The outcome it stands for; empty for none.
    pub(super) label: &'a str,
    /// Whether it goes back to a step that is done again.
    pub(super) is_back: bool,
}

/// The arrows of a process, in the order of its steps.
pub(super) fn arrows(process: &Process) -> Vec<Arrow<'_>> {
    let (ordered, _) = graph::order(&process.steps);
    let before = graph::before(&ordered);
    let mut all = Vec::new();
    for step in &process.steps {
        for need in &step.needs {
            let implied = step
                .needs
                .iter()
                .any(|other| before.get(other.step.as_str()).is_some_and(|all| all.contains(need.step.as_str())));
            if need.outcome.is_some() || !implied {
                let label = need.outcome.as_deref().unwrap_or_default();
                all.push(Arrow { from: &need.step, to: &step.id, label, is_back: false });
            }
        }
        for (outcome, target) in &step.back {
            all.push(Arrow { from: &step.id, to: target, label: outcome, is_back: true });
        }
    }
    all
}
