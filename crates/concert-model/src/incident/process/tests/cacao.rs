//! Playbooks hang together: every step is reached, and every name leads to something.

use std::collections::BTreeSet;

use serde_json::Value;

use super::stories::SMALL;
use super::story::read;
use crate::Time;
use crate::incident::process::{cacao, shipped};

/// What a step leads to.
fn next(step: &Value) -> Vec<&str> {
    let mut all: Vec<&str> = ["on_completion", "on_true"].iter().filter_map(|name| step[name].as_str()).collect();
    all.extend(step["next_steps"].as_array().into_iter().flatten().filter_map(Value::as_str));
    all
}

#[test]
fn every_step_of_a_playbook_is_reached_and_ends() {
    for process in shipped() {
        let playbook = cacao(&process, Time(0));
        let workflow = playbook["workflow"].as_object().unwrap();
        let (mut seen, mut open) = (BTreeSet::new(), vec![playbook["workflow_start"].as_str().unwrap()]);
        while let Some(id) = open.pop() {
            assert!(workflow.contains_key(id), "{}: {id}", process.name);
            if seen.insert(id) {
                assert_eq!(id.split("--").next(), workflow[id]["type"].as_str());
                open.extend(next(&workflow[id]));
            }
        }
        assert_eq!(seen.len(), workflow.len(), "{}", process.name);
        let agents = playbook["agent_definitions"].as_object().unwrap();
        let actions = workflow.values().filter(|step| step["type"] == "action");
        assert!(actions.clone().count() >= process.steps.len());
        for action in actions {
            assert!(agents.contains_key(action["agent"].as_str().unwrap()));
        }
        assert_eq!(cacao(&process, Time(0)), playbook, "identifiers differ each time");
    }
}

#[test]
fn branches_and_loops_become_conditions() {
    let playbook = cacao(&read(SMALL), Time(1_700_000_000_000_000));
    assert_eq!(playbook["created"], "2023-11-14T22:13:20Z");
    let steps = playbook["workflow"].as_object().unwrap().values();
    let mut conditions: Vec<&str> = steps.filter_map(|step| step["condition"].as_str()).collect();
    conditions.sort_unstable();
    conditions.dedup();
    assert_eq!(conditions, ["__clean__:value = 'no'", "__hold__:value = 'contain'", "__hold__:value = 'watch'"]);
    let text = playbook.to_string();
    assert!(text.contains("Due within 4h. When nobody has decided by then: contain."), "{text}");
}
