//! A run in an incident, driven through a journal that is really signed and folded.

use crate::Time;
use crate::incident::content::{
    Answered, Content, Deed, Finding, HostHeld, Indicated, NoticeLinked, Observable, Opened, PartyMoved, PartyStatus,
    Relation, Role, RoleMoved, Severity, Standing, Stepped,
};
use crate::incident::journal::{Body, Entry, JournalKey, Stamp, Tip, hex};
use crate::incident::process::{Known, Process, Progress};
use crate::incident::{Incident, Marking, Tlp};
use crate::keys::Source;

pub(super) const RUN: &str = "r1";

pub(super) fn read(text: &str) -> Process {
    crate::incident::process::read(&Source { name: "p.toml".into(), text: text.into() }).unwrap()
}

/// A process with its incident, its clock and what the caller knows.
pub(super) struct Story {
    pub(super) process: Process,
    pub(super) incident: Incident,
    pub(super) now: Time,
    pub(super) open_custody: u64,
    key: JournalKey,
    tip: Tip,
    stamp: Stamp,
    entries: Vec<Entry>,
}

impl Story {
    /// An incident in which this process has just been started.
    pub(super) fn begin(process: Process) -> Self {
        let mut story = Self {
            process,
            incident: Incident::default(),
            now: Time(1_700_000_000_000_000),
            open_custody: 0,
            key: JournalKey::of(b"story"),
            tip: Tip::default(),
            stamp: Stamp::default(),
            entries: Vec::new(),
        };
        let opened = Opened {
            number: "X#2026-000001".into(),
            title: "t".into(),
            classification: "test".into(),
            severity: Severity::High,
        };
        story.write(opened);
        story.write(story.process.start(RUN, ""));
        story
    }

    pub(super) fn write(&mut self, content: impl Into<Content>) {
        let (kind, content) = content.into().write().unwrap();
        let marking = Marking::of(Tlp::Amber);
        let body = Body { author: "anna".into(), kind: kind.into(), marking, content, salt: hex(&[3; 16]) };
        self.stamp = Stamp::next(self.now, self.stamp);
        let entry = self.key.sign("i", self.tip, self.stamp, body).unwrap();
        self.tip = Tip { sequence: entry.header.sequence, hash: entry.header.hash().unwrap() };
        self.entries.push(entry);
        self.incident = Incident::fold(&self.entries);
    }

    /// Writes entries as the API takes them.
    pub(super) fn write_all(&mut self, entries: &serde_json::Value) {
        for entry in entries.as_array().unwrap() {
            let (kind, members) = (entry["kind"].as_str().unwrap(), entry["content"].as_object().unwrap());
            self.write(Content::from_person(kind, members.clone()).unwrap());
        }
    }

    pub(super) fn ask<T>(&self, ask: impl FnOnce(&Progress<'_>) -> T) -> T {
        let known = Known { now: self.now, open_custody: self.open_custody };
        ask(&Progress::of(&self.process, &self.incident.runs[RUN], &self.incident, known))
    }

    pub(super) fn later(&mut self, seconds: i64) {
        self.now = self.now.plus_seconds(seconds);
    }

    pub(super) fn may(&self, stepped: &Stepped) -> Result<(), String> {
        self.ask(|progress| progress.may(stepped).and_then(|()| progress.decides(stepped, "anna")))
    }

    /// Writes it where it may be done now.
    pub(super) fn step(&mut self, stepped: Stepped) -> Result<(), String> {
        self.may(&stepped)?;
        self.write(stepped);
        Ok(())
    }

    /// The sentence with which it is refused.
    pub(super) fn refused(&self, stepped: &Stepped) -> String {
        self.may(stepped).unwrap_err()
    }

    pub(super) fn role(&mut self, role: Role) {
        self.write(RoleMoved { role, person: "anna".into(), party: String::new(), holds: true });
    }

    pub(super) fn notice(&mut self) {
        self.write(NoticeLinked { notice: "20261128-000001".into(), linked: true });
    }

    pub(super) fn relation(&mut self, from: &str, to: &str) {
        let relation = Relation {
            from: from.into(),
            to: to.into(),
            first_seen: 1,
            last_seen: 2,
            clock_error: 1,
            port: 443,
            technique: "c2".into(),
            certainty: 90,
            zone: String::new(),
            evidence: String::new(),
            line: 0,
        };
        self.write(relation);
    }

    pub(super) fn party(&mut self, party: &str, status: PartyStatus) {
        self.write(PartyMoved { party: party.into(), status, text: String::new() });
    }

    /// A host belongs to a party.
    pub(super) fn held(&mut self, host: &str, party: &str) {
        self.write(HostHeld { host: host.into(), party: party.into() });
    }

    pub(super) fn finding(&mut self, name: &str, standing: Standing) {
        self.write(Finding { name: name.into(), statement: "It is so.".into(), standing, item: String::new() });
    }

    pub(super) fn answer(&mut self) {
        self.write(Answered { run: RUN.into(), answers: Vec::new() });
    }

    pub(super) fn indicate(&mut self, finding: &str, values: &[&str], reason: &str) {
        let observables = values.iter().map(|value| Observable { of: "ip".into(), value: (*value).into() }).collect();
        let (finding, reason) = (finding.into(), reason.into());
        self.write(Indicated { finding, observables, reason, item: String::new() });
    }
}

fn deed(step: &str, deed: Deed) -> Stepped {
    Stepped { run: RUN.into(), step: step.into(), deed, outcome: String::new(), until: None, reason: String::new() }
}

pub(super) fn done(step: &str) -> Stepped {
    deed(step, Deed::Done)
}

pub(super) fn skipped(step: &str, reason: &str) -> Stepped {
    Stepped { reason: reason.into(), ..deed(step, Deed::Skipped) }
}

pub(super) fn chosen(step: &str, outcome: &str) -> Stepped {
    Stepped { outcome: outcome.into(), ..deed(step, Deed::Chosen) }
}

pub(super) fn held(step: &str, until: Time, reason: &str) -> Stepped {
    Stepped { until: Some(until.0), reason: reason.into(), ..deed(step, Deed::Held) }
}
