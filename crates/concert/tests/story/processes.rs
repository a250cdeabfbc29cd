//! Every shipped process from opening to closing, over the API, by several persons in their roles.

use std::collections::{BTreeMap, BTreeSet};

use concert_model::incident::process::{Kind, Meeting, Process, Step, shipped};
use serde_json::{Value, json};

use super::site::{FEED, Serving, Site};

/// What is written at the meeting points; the stories of the engine read the same.
const POINTS: &str = include_str!("../../../concert-model/src/incident/process/tests/points.json");
const RUN: &str = "r1";

/// Who takes part: role, person, standing.
const CAST: [(&str, &str, &str); 7] = [
    ("coordinator", "anna", "handler"),
    ("responder", "ben", "handler:none"),
    ("lead-investigator", "lena", "handler:none"),
    ("investigator", "ines", "handler:none"),
    ("legal-and-privacy", "leo", "handler:none"),
    ("communications", "carl", "handler:none"),
    ("law-enforcement-liaison", "lars", "handler:none"),
];
/// Speaks for the party that is affected.
const SPEAKER: &str = "pia";
const PARTY: &str = "Example Net";

/// One case over the API.
struct Story<'s> {
    site: &'s Site,
    serving: &'s Serving,
    tokens: &'s BTreeMap<String, String>,
    process: Process,
    incident: String,
    points: Value,
}

fn cast(site: &Site) -> BTreeMap<String, String> {
    site.event();
    let speaker = ("affected-party", SPEAKER, "handler:none");
    let mut tokens = BTreeMap::new();
    for (_, name, standing) in CAST.into_iter().chain([speaker]) {
        site.user(name, standing, "amber");
        tokens.insert(name.to_owned(), site.token(name));
    }
    tokens
}

fn holder(role: &str) -> &'static str {
    CAST.iter().find(|(known, ..)| *known == role).map_or("anna", |(_, person, _)| person)
}

impl<'s> Story<'s> {
    /// The coordinator opens the case, gives out the roles and starts the process.
    fn begin(site: &'s Site, serving: &'s Serving, tokens: &'s BTreeMap<String, String>, process: Process) -> Self {
        let (anna, mut points) = (&tokens["anna"], serde_json::from_str::<Value>(POINTS).unwrap());
        // The engine takes any notice; what is linked here must be there.
        points["triage-keeps-report"]["mend"] = json!([{"kind": "event", "content": {"event": site.event()}}]);
        let title = format!("A case of {}", process.name);
        // Who has the communications sees what is released, or names the person.
        let new = json!({"title": title, "classification": process.types[0], "severity": "high",
            "marking": {"tlp": "amber", "persons": ["carl"]}});
        let (status, opened) = serving.post("/api/v1/incidents", anna, &new);
        assert_eq!(status, 201, "{opened}");
        let incident = opened["id"].as_str().unwrap().to_owned();
        let story = Self { site, serving, tokens, process, incident, points };
        let role = |(role, person, party): (&str, &str, &str)| json!({"kind": "role", "content": {"role": role, "person": person, "party": party, "holds": true}});
        let others = CAST.iter().skip(1).map(|(role, person, _)| (*role, *person, ""));
        let party = json!({"kind": "party", "content": {"party": PARTY, "status": "unknown"}});
        let roles = others.chain([("affected-party", SPEAKER, PARTY)]).map(role);
        let all: Vec<Value> = [party].into_iter().chain(roles).collect();
        story.write("anna", &json!({"entries": all}), 201);
        let Process { name, version, text, .. } = &story.process;
        let start = json!({"run": RUN, "name": name, "version": version, "definition": text});
        story.write("anna", &json!({"kind": "process", "content": start}), 201);
        let finding = json!({"name": "f1", "statement": "It is so.", "standing": "supported"});
        story.write("ines", &json!({"kind": "finding", "content": finding}), 201);
        story
    }

    /// Writes, which must be answered so; gives the sentence of a refusal.
    fn write(&self, person: &str, body: &Value, want: u16) -> String {
        let path = format!("/api/v1/incidents/{}/entries", self.incident);
        let (status, answer) = self.serving.post(&path, &self.tokens[person], body);
        assert_eq!(status, want, "{}: {person} {body}: {answer}", self.process.name);
        answer["detail"].as_str().unwrap_or_default().to_owned()
    }

    fn step(&self, person: &str, step: &str, more: Value, want: u16) -> String {
        let mut content = json!({"run": RUN, "step": step, "deed": "done", "outcome": "", "until": null, "reason": ""});
        for (name, value) in more.as_object().unwrap() {
            content[name] = value.clone();
        }
        self.write(person, &json!({"kind": "step", "content": content}), want)
    }

    fn write_all(&self, entries: &Value) {
        for entry in entries.as_array().unwrap() {
            self.write("anna", entry, 201);
        }
    }

    /// The run, as somebody sees it.
    fn run(&self, person: &str) -> Value {
        let path = format!("/api/v1/incidents/{}/runs", self.incident);
        let (status, answer) = self.serving.get(&path, &self.tokens[person]);
        assert_eq!(status, 200, "{answer}");
        answer["runs"][0].clone()
    }

    fn steps(&self) -> Vec<Value> {
        self.run("anna")["steps"].as_array().unwrap().clone()
    }

    fn state(&self, id: &str) -> Value {
        self.steps().into_iter().find(|step| step["step"] == id).unwrap()
    }

    /// The first step that is ready.
    fn ready(&self) -> Option<Step> {
        let steps = self.steps();
        let ready = steps.iter().find(|step| step["state"] == "ready" || step["state"] == "overdue")?;
        self.process.step(ready["step"].as_str().unwrap()).cloned()
    }

    /// Goes on with a step, by whoever has its role.
    fn go_on(&self, step: &Step, branch: usize, gone_back: &mut BTreeSet<String>) {
        let role = step.role.map_or("coordinator", |role| role.word());
        let mut person = holder(role);
        if role == "affected-party" {
            // It answers its own notices; what it did is written down by those who asked it.
            self.step(SPEAKER, &step.id, json!({}), 403);
            person = "anna";
        }
        if step.kind == Kind::Decision {
            assert!(self.step(person, &step.id, json!({}), 400).contains("is a decision"));
            let back = step.back.iter().find(|_| gone_back.insert(step.id.clone()));
            let goes_on: Vec<&String> = step.outcomes.iter().filter(|one| step.back_to(one).is_none()).collect();
            let outcome = back.map_or(goes_on[branch % goes_on.len()].as_str(), |(outcome, _)| outcome.as_str());
            if step.meets == Some(Meeting::Contain) {
                self.hold(step, person);
            }
            self.step(person, &step.id, json!({"deed": "chosen", "outcome": outcome}), 201);
            return;
        }
        if let Some(point) = step.meets
            && gone_back.insert(step.id.clone())
        {
            self.meet(step, person, point);
        }
        self.step(person, &step.id, json!({}), 201);
    }

    /// A hold is decided by the one whose role it is, within its limits, and containment waits for it.
    fn hold(&self, step: &Step, person: &str) {
        let now = self.run("anna")["started"].as_str().unwrap().to_owned();
        let now = concert_model::Time::parse(&now, None).unwrap();
        let until = |seconds: i64| json!({"deed": "held", "until": now.plus_seconds(seconds).to_string(), "reason": "Memory is being taken."});
        let refused = self.step("anna", &step.id, json!({"deed": "chosen", "outcome": step.outcomes[0]}), 403);
        assert!(refused.contains("is decided by") && refused.contains("which anna is not"), "{refused}");
        self.step("ben", &step.id, json!({"deed": "asked"}), 400);
        self.step("ben", &step.id, json!({"deed": "asked", "reason": "We listen there"}), 201);
        assert_eq!(self.state(&step.id)["note"], json!("ben asks to hold it: We listen there"));
        self.step("ben", &step.id, json!({"deed": "asked", "reason": "Please"}), 400);
        let containing = self.process.steps.iter().find(|other| other.needs.iter().any(|need| need.step == step.id));
        let refused = self.step("ben", &containing.unwrap().id, json!({}), 400);
        assert!(refused.contains("comes into force"), "{refused}");
        let refused = self.step(person, &step.id, until(step.hold_seconds_max + 3600), 400);
        assert!(refused.contains("and no longer"), "{refused}");
        let held = until(step.hold_seconds_max - 60);
        self.step(person, &step.id, held, 201);
        let due = self.state(&step.id)["due"].clone();
        assert_eq!(due, json!(now.plus_seconds(step.hold_seconds_max - 60).to_string()));
    }

    /// A meeting point refuses with its sentence, and lets pass when that is mended.
    fn meet(&self, step: &Step, person: &str, point: Meeting) {
        let written = &self.points[point.word()];
        self.write_all(&written["before"]);
        let refused = self.step(person, &step.id, json!({}), 400);
        assert!(refused.contains(written["refused"].as_str().unwrap()), "{refused}");
        if point == Meeting::Closing {
            self.custody(step, person, &refused);
        }
        let skipped = json!({"deed": "skipped", "reason": "why"});
        assert!(self.step(person, &step.id, skipped, 400).contains("not skipped"));
        self.write_all(&written["mend"]);
    }

    /// Closing is refused until custody of all evidence is complete.
    fn custody(&self, step: &Step, person: &str, before: &str) {
        assert!(!before.contains("custody"), "{before}");
        let path = format!("/api/v1/incidents/{}/evidence?from=Example%20Net&reason=asked", self.incident);
        let bytes = format!("log of {}", self.process.name);
        let (status, added) =
            self.serving.ask("POST", &path, &self.tokens["ines"], bytes.as_bytes(), "application/octet-stream");
        assert_eq!(status, 201, "{added}");
        let refused = self.step(person, &step.id, json!({}), 400);
        assert!(refused.contains("custody is open for 1 piece of evidence ("), "{refused}");
        let sha256 = added["sha256"].as_str().unwrap();
        let moved = ["evidence", "custody", &self.incident, sha256, "moved", "--place", "safe 2", "--reason", "kept"];
        self.site.done(&[&moved[..], &["--as", "lena"]].concat());
        assert!(!self.step(person, &step.id, json!({}), 400).contains("custody"));
    }

    /// To the end, then closed.
    fn to_the_end(&self, branch: usize) {
        let name = &self.process.name;
        self.write("anna", &json!({"kind": "status", "content": {"status": "closed", "reason": "tired"}}), 400);
        let mut gone_back = BTreeSet::new();
        for _ in 0..200 {
            let run = self.run("anna");
            if !run["ended"].is_null() {
                assert_eq!(run["ignored"], json!([]), "{name}");
                let is_settled =
                    |step: &Value| matches!(step["state"].as_str(), Some("done" | "skipped" | "not taken"));
                assert!(run["steps"].as_array().unwrap().iter().all(is_settled), "{name}: {run}");
                let closed = json!({"status": "closed", "reason": "all parties verified"});
                self.write("anna", &json!({"kind": "status", "content": closed}), 201);
                return;
            }
            let step = self.ready().unwrap_or_else(|| panic!("{name}: nothing is ready and it has not ended: {run}"));
            self.go_on(&step, branch, &mut gone_back);
        }
        panic!("{name} does not end");
    }
}

#[test]
fn every_shipped_process_is_followed_from_opening_to_closing_questions() {
    let site = Site::new(FEED);
    let tokens = cast(&site);
    let serving = Serving::start(&site);
    let all = shipped();
    let listed = serving.get("/api/v1/processes", &tokens["anna"]).1;
    assert_eq!(listed["processes"].as_array().unwrap().len(), all.len());
    for (at, process) in all.iter().enumerate() {
        let shown = serving.get(&format!("/api/v1/processes/{}", process.name), &tokens["ben"]).1;
        assert_eq!(shown["definition"], json!(process.text));
        let story = Story::begin(&site, &serving, &tokens, process.clone());
        story.to_the_end(at);
        // The party that takes part sees nothing of how its case was handled.
        assert_eq!(story.run(SPEAKER), Value::Null);
        let missing = serving.get("/api/v1/incidents/none/runs", &tokens["ben"]);
        assert_eq!(missing.0, 404);
    }
    for process in &all {
        let path = format!("/api/v1/processes/{}/numbers", process.name);
        let numbers = serving.get(&path, &tokens["anna"]).1;
        assert_eq!((&numbers["runs"], &numbers["ended"]), (&json!(1), &json!(1)), "{numbers}");
        assert_eq!(serving.get(&path, &tokens[SPEAKER]).1["runs"], 0);
    }
    assert_eq!(serving.get("/api/v1/due", &tokens["anna"]).1["due"], json!([]));
    drop(serving);
    assert_eq!(site.run(&["verify"]).0, 0);
}

/// Nobody decides: the default that the process states comes into force by itself, and holds.
#[test]
fn at_the_deadline_the_default_of_every_process_comes_into_force() {
    let site = Site::new(FEED);
    let tokens = cast(&site);
    let serving = Serving::start(&site);
    let mut waiting = Vec::new();
    for process in shipped() {
        let Some(hold) = process.steps.iter().find(|step| step.meets == Some(Meeting::Contain)).cloned() else {
            continue;
        };
        let (head, rest) = process.text.split_once(&format!("id = \"{}\"", hold.id)).unwrap();
        let soon = rest.replacen(&format!("due = \"{}\"", hold.due_text()), "due = \"1s\"", 1);
        let text = format!("{head}id = \"{}\"{soon}", hold.id);
        let name = format!("{}.toml", process.name);
        let process = concert_model::incident::process::read(&concert_model::keys::Source { name, text }).unwrap();
        let story = Story::begin(&site, &serving, &tokens, process);
        let mut gone_back = BTreeSet::new();
        while story.state(&hold.id)["state"] == "waiting" {
            story.go_on(&story.ready().unwrap(), 0, &mut gone_back);
        }
        waiting.push((story.incident.clone(), story.process.clone(), hold));
    }
    assert!(waiting.len() >= 5, "{}", waiting.len());
    drop(serving);
    std::thread::sleep(std::time::Duration::from_millis(1100));
    assert_eq!(site.run(&["run", "--once", "--quiet"]).0, 0);
    let serving = Serving::start(&site);
    for (incident, process, hold) in waiting {
        let points = Value::Null;
        let story = Story { site: &site, serving: &serving, tokens: &tokens, process, incident, points };
        let state = story.state(&hold.id);
        let default = hold.default.clone().unwrap();
        assert_eq!(
            (&state["state"], &state["outcome"], &state["by"]),
            (&json!("done"), &json!(default), &json!("concert (by itself)")),
            "{state}"
        );
        let refused = story.step("lena", &hold.id, json!({"deed": "chosen", "outcome": hold.outcomes[0]}), 400);
        assert!(refused.contains("settled already"), "{refused}");
        let need = |step: &&Step| {
            step.needs.iter().any(|need| need.outcome.as_deref() == Some(default.as_str()) && need.step == hold.id)
        };
        let next = story.process.steps.iter().find(need).unwrap();
        assert!(
            matches!(story.state(&next.id)["state"].as_str(), Some("ready" | "waiting")),
            "{}",
            story.state(&next.id)
        );
    }
}
