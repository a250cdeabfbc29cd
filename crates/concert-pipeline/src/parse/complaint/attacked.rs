//! What a text says was attacked: whose destination it is, and what is told where it is nobody's.

use std::collections::HashSet;
use std::net::IpAddr;

use super::{EVENTS_MAX, Finding, Subject};
use crate::parse::{Fault, Sink};

/// What was attacked, with the lines that say so.
#[derive(Default)]
pub(super) struct Attacked {
    all: Vec<(u64, Subject)>,
    /// What is in order again, with the lines that say so.
    pub(super) clean: Vec<(u64, Subject)>,
    /// What those lines say that are about the same as each other: `Source: A`, `Destination: B`.
    block: Vec<Subject>,
    /// Where the findings of these lines begin.
    begin: usize,
}

impl Attacked {
    /// Adds what a line says was attacked. `is_source` says whether it also complains of something; findings are those
    /// of the lines before. Answers whether there is room for more.
    pub(super) fn add(
        &mut self,
        number: u64,
        subjects: Vec<Subject>,
        is_source: bool,
        findings: &mut [Finding],
    ) -> bool {
        let is_whole = !self.block.is_empty() && findings.len() > self.begin;
        if is_whole && (is_source || !subjects.is_empty()) {
            self.end_block(findings);
        }
        for subject in subjects.into_iter().take(EVENTS_MAX - self.all.len()) {
            if !self.block.contains(&subject) && self.block.len() < 2 {
                self.block.push(subject.clone());
            }
            self.all.push((number, subject));
        }
        self.all.len() < EVENTS_MAX
    }

    /// Lines follow that are about something else: the one address that was attacked here is the destination here.
    pub(super) fn end_block(&mut self, findings: &mut [Finding]) {
        if let [Subject::Address(only)] = self.block.as_slice() {
            for finding in hosts(findings.get_mut(self.begin..).unwrap_or_default()) {
                finding.destination.get_or_insert((*only, None));
            }
        }
        self.block.clear();
        self.begin = findings.len();
    }

    /// Takes out what the text says was attacked, unless it says elsewhere that it did something. What is nobody's
    /// destination is told.
    pub(super) fn leave_out(mut self, findings: &mut Vec<Finding>, sink: &mut Sink<'_>) {
        self.end_block(findings);
        let doers: HashSet<Subject> =
            findings.iter().filter(|finding| finding.is_said).map(|finding| finding.subject.clone()).collect();
        let mut seen = HashSet::new();
        let victims: Vec<&(u64, Subject)> =
            self.all.iter().filter(|(_, one)| !doers.contains(one) && seen.insert(one.clone())).collect();
        findings.retain(|finding| finding.is_said || !seen.contains(&finding.subject));
        match victims.as_slice() {
            [(_, Subject::Address(only))] => hosts(findings).for_each(|finding| {
                finding.destination.get_or_insert((*only, None));
            }),
            [(_, Subject::Network(only))] => hosts(findings).for_each(|finding| finding.network = Some(*only)),
            _ => {}
        }
        let reached: HashSet<IpAddr> =
            findings.iter().filter_map(|finding| finding.destination).map(|(address, _)| address).collect();
        for (number, subject) in victims {
            let what = match subject {
                Subject::Address(address) if reached.contains(address) => continue,
                Subject::Network(net) if findings.iter().any(|finding| finding.network == Some(*net)) => continue,
                subject => subject.text(),
            };
            let reason = format!("{what} was attacked, as the text says, and by whom is not clear: it is no event");
            sink.reject(*number, Fault::new("", reason), b"");
        }
        self.tell_clean(findings, sink);
    }

    /// Tells what is in order again and complained of nowhere else in the text.
    fn tell_clean(self, findings: &[Finding], sink: &mut Sink<'_>) {
        let mut seen: HashSet<Subject> = findings.iter().map(|finding| finding.subject.clone()).collect();
        for (number, subject) in self.clean.into_iter().take(EVENTS_MAX) {
            let what = subject.text();
            if seen.insert(subject) {
                let reason = format!("{what} is in order again, as the text says: it is no event");
                sink.reject(number, Fault::new("", reason), b"");
            }
        }
    }
}

fn hosts(findings: &mut [Finding]) -> impl Iterator<Item = &mut Finding> {
    findings.iter_mut().filter(|finding| matches!(finding.subject, Subject::Address(_) | Subject::Network(_)))
}
