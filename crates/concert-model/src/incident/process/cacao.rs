//! A process as a CACAO 2.0 playbook, for tools that draw or run those.
//!
//! A playbook has no step that waits for several others, so steps of one depth run in parallel and the
//! next depth begins when all have ended: a stricter order than that of the process. What goes back
//! becomes a loop over copies of the steps between; a loop inside a loop is left out. Due times, defaults
//! and meeting points stand in the instructions, since nothing there enforces them.
//!
//! Source: OASIS, CACAO Security Playbooks 2.0, <https://docs.oasis-open.org/cacao/security-playbooks/v2.0/>.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::definition::{Kind, Process, Step};
use super::graph;
use crate::Time;

/// The playbook, made at this time.
pub fn cacao(process: &Process, now: Time) -> Value {
    let mut export = Export { process, workflow: Map::new(), agents: Map::new() };
    let first = export.process();
    let start = export.add("start", "start", json!({ "type": "start", "on_completion": first }));
    let variables: Map<String, Value> =
        process.steps.iter().map(|step| (variable(&step.id), json!({ "type": "string", "value": "" }))).collect();
    let now = now.to_string();
    json!({
        "type": "playbook",
        "spec_version": "cacao-2.0",
        "id": export.id("playbook", ""),
        "name": process.title,
        "description": process.description.trim(),
        "playbook_types": ["investigation", "mitigation", "notification"],
        "created_by": export.id("identity", ""),
        "created": now,
        "modified": now,
        "labels": process.types,
        "playbook_variables": variables,
        "workflow_start": start,
        "workflow": export.workflow,
        "agent_definitions": export.agents,
    })
}

/// The variable in which a step leaves its outcome, or that it was done.
fn variable(step: &str) -> String {
    format!("__{step}__")
}

struct Export<'a> {
    process: &'a Process,
    workflow: Map<String, Value>,
    agents: Map<String, Value>,
}

impl<'a> Export<'a> {
    /// An identifier that is the same each time this version of the process is written.
    fn id(&self, kind: &str, name: &str) -> String {
        let text = format!("{}\n{}\n{kind}\n{name}", self.process.name, self.process.version);
        let hash = blake3::derive_key("concert 2026 cacao identifiers", text.as_bytes());
        let digits = super::super::journal::hex(&hash);
        let part = |from: usize, to: usize| digits.get(from..to).unwrap_or_default();
        // Written as a random UUID, because a name-based one would need SHA-1.
        format!("{kind}--{}-{}-4{}-8{}-{}", part(0, 8), part(8, 12), part(13, 16), part(17, 20), part(20, 32))
    }

    fn add(&mut self, kind: &str, name: &str, step: Value) -> String {
        let id = self.id(kind, name);
        self.workflow.insert(id.clone(), step);
        id
    }

    /// All steps by their depth; gives the first.
    fn process(&mut self) -> String {
        let process = self.process;
        let (ordered, _) = graph::order(&process.steps);
        let mut depths: BTreeMap<&str, usize> = BTreeMap::new();
        let mut layers: BTreeMap<usize, Vec<&'a Step>> = BTreeMap::new();
        for step in ordered {
            let above = step.needs.iter().filter_map(|need| depths.get(need.step.as_str())).max();
            let depth = above.map_or(0, |above| above + 1);
            depths.insert(&step.id, depth);
            layers.entry(depth).or_default().push(step);
        }
        let guarded = guarded(process);
        let mut next = self.add("end", "end", json!({ "type": "end" }));
        for (depth, steps) in layers.iter().rev() {
            for step in steps.iter().filter(|step| !step.back.is_empty()) {
                next = self.again(step, &guarded, &next);
            }
            next = match steps.as_slice() {
                [step] => self.step(step, &guarded, "", &next),
                many => {
                    let branch = |export: &mut Self, step: &&'a Step| {
                        let end = export.add("end", &format!("end {}", step.id), json!({ "type": "end" }));
                        export.step(step, &guarded, "", &end)
                    };
                    let branches: Vec<String> = many.iter().map(|step| branch(self, step)).collect();
                    let parallel = json!({ "type": "parallel", "next_steps": branches, "on_completion": next });
                    self.add("parallel", &format!("depth {depth}"), parallel)
                }
            };
        }
        next
    }

    /// The loop that a decision goes back by.
    fn again(&mut self, decision: &'a Step, guarded: &BTreeSet<&str>, next: &str) -> String {
        let process = self.process;
        let mut after = next.to_owned();
        for (outcome, target) in &decision.back {
            let copy = format!("again {} {outcome}", decision.id);
            let inside = graph::between(&process.steps, target, &decision.id);
            let (ordered, _) = graph::order(&process.steps);
            let mut first = self.add("end", &copy, json!({ "type": "end" }));
            for step in ordered.into_iter().rev().filter(|step| inside.contains(step.id.as_str())) {
                first = self.step(step, guarded, &copy, &first);
            }
            let condition = format!("{}:value = '{outcome}'", variable(&decision.id));
            let again =
                json!({ "type": "while-condition", "condition": condition, "on_true": first, "on_completion": after });
            after = self.add("while-condition", &copy, again);
        }
        after
    }

    /// A step, behind the question whether it lies on a branch that was taken.
    fn step(&mut self, step: &'a Step, guarded: &BTreeSet<&str>, copy: &str, next: &str) -> String {
        let name = format!("{} {copy}", step.id);
        if !guarded.contains(step.id.as_str()) {
            return self.action(step, &name, next);
        }
        let end = self.add("end", &format!("taken {name}"), json!({ "type": "end" }));
        let action = self.action(step, &name, &end);
        let condition = condition(step, guarded);
        let question =
            json!({ "type": "if-condition", "condition": condition, "on_true": action, "on_completion": next });
        self.add("if-condition", &name, question)
    }

    fn action(&mut self, step: &Step, name: &str, next: &str) -> String {
        let role = step.role.map_or("everybody", super::super::content::Role::word);
        let agent = self.id("group", role);
        self.agents.insert(agent.clone(), json!({ "type": "group", "name": role }));
        let action = json!({
            "type": "action",
            "name": step.title,
            "description": format!("{}, {}", step.track.word(), step.phase.word()),
            "commands": [{ "type": "manual", "command": instructions(step) }],
            "agent": agent,
            "out_args": [variable(&step.id)],
            "on_completion": next,
        });
        self.add("action", name, action)
    }
}

/// Steps that may lie on a branch that is not taken.
fn guarded(process: &Process) -> BTreeSet<&str> {
    let (ordered, _) = graph::order(&process.steps);
    let mut all = BTreeSet::new();
    for step in ordered {
        let chosen = step.needs.iter().any(|need| need.outcome.is_some());
        let behind = !step.needs.is_empty() && step.needs.iter().all(|need| all.contains(need.step.as_str()));
        let is_end = process.end().is_some_and(|end| end.id == step.id);
        if (chosen || behind) && !is_end {
            all.insert(step.id.as_str());
        }
    }
    all
}

/// That its branch was taken: the outcomes it needs, and one of the steps it needs.
fn condition(step: &Step, guarded: &BTreeSet<&str>) -> String {
    let mut all: Vec<String> = Vec::new();
    let mut one_of: Vec<String> = Vec::new();
    for need in &step.needs {
        let variable = variable(&need.step);
        match &need.outcome {
            Some(outcome) => all.push(format!("{variable}:value = '{outcome}'")),
            None => one_of.push(format!("{variable}:value != ''")),
        }
    }
    let has_sure = step.needs.iter().any(|need| need.outcome.is_none() && !guarded.contains(need.step.as_str()));
    if !one_of.is_empty() && !has_sure {
        all.push(format!("({})", one_of.join(" OR ")));
    }
    all.join(" AND ")
}

/// The instructions, with what nothing in a playbook enforces.
fn instructions(step: &Step) -> String {
    let mut text = match step.kind {
        Kind::Parallel => "Nothing is done here: what follows begins.".to_owned(),
        _ => step.text.clone(),
    };
    let variable = variable(&step.id);
    match step.outcomes.is_empty() {
        true => text.push_str(&format!("\nSet {variable} to done.")),
        false => text.push_str(&format!("\nSet {variable} to one of: {}.", step.outcomes.join(", "))),
    }
    if step.due_seconds.is_some() {
        text.push_str(&format!("\nDue within {}.", step.due_text()));
    }
    if let Some(default) = &step.default {
        text.push_str(&format!(" When nobody has decided by then: {default}."));
    }
    if !step.produces.is_empty() {
        text.push_str(&format!("\nGives: {}.", step.produces.join("; ")));
    }
    if let Some(point) = step.meets {
        text.push_str(&format!("\nMeeting point of response and investigation: {}.", point.word()));
    }
    text
}
