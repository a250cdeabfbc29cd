//! The five points at which response and investigation meet, and what each asks for.
//!
//! A step that is such a point is done only while nothing is lacking. When something turns up later, a
//! host or a finding, the step is ready again, whoever wrote that it was done.

use super::super::content::{PartyStatus, Standing};
use super::super::fold::Incident;
use super::super::mail::Sort;
use super::super::marking::Marking;
use super::definition::Meeting;
use super::engine::Known;
use super::run::Run;
use crate::Time;

/// Most names in a sentence.
const NAMES_MAX: usize = 20;

/// What is lacking for a step to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lacks {
    /// What, and what to do about it.
    pub sentence: String,
    /// Since when, where that is known.
    pub since: Option<Time>,
}

/// What a meeting point lacks now. The reason is the one with which its step was or is to be done.
pub(super) fn lacks(point: Meeting, incident: &Incident, run: &Run, known: &Known, reason: &str) -> Vec<Lacks> {
    match point {
        Meeting::Triage => triage(incident, reason).into_iter().collect(),
        Meeting::Notify => notify(incident).into_iter().collect(),
        // Its decision is enforced by what needs it, and by the one who may take it.
        Meeting::Contain => Vec::new(),
        Meeting::Findings => findings(incident).into_iter().collect(),
        Meeting::Closing => closing(incident, run, known),
    }
}

fn lack(sentence: String) -> Lacks {
    Lacks { sentence, since: None }
}

/// The case must not be opened without what was reported.
fn triage(incident: &Incident, reason: &str) -> Option<Lacks> {
    let has_report = !incident.events.is_empty()
        || !incident.notices.is_empty()
        || incident.messages.iter().any(|letter| letter.message.incoming && letter.message.sort != Some(Sort::ByHand));
    (!has_report && reason.trim().is_empty()).then(|| {
        lack(
            "nothing is linked yet: link the event, notice or mail it began with, or give the reason why there is none"
                .into(),
        )
    })
}

/// Whoever was found must stand somewhere: told, or sought, or known to refuse.
fn notify(incident: &Incident) -> Option<Lacks> {
    let has_status = |name: &str| incident.parties.get(name).is_some_and(|party| party.status != PartyStatus::Unknown);
    let mut open: Vec<(&str, Time)> = Vec::new();
    for (host, found) in &incident.found {
        let answers_for_it = incident.hosts.get(host).is_some_and(|party| has_status(party));
        if !has_status(host) && !answers_for_it {
            open.push((host, found.time));
        }
    }
    for (name, party) in &incident.parties {
        if party.status == PartyStatus::Unknown && !incident.found.contains_key(name) {
            open.push((name, party.since.time));
        }
    }
    let since = open.iter().map(|(_, found)| *found).min()?;
    let names = names(open.iter().map(|(name, _)| *name));
    let sentence = format!("nothing is known of {names}: tell who answers for each, and set how they stand");
    Some(Lacks { sentence, since: Some(since) })
}

/// What is known to hold must help others, or not for a reason.
fn findings(incident: &Incident) -> Option<Lacks> {
    let supported = incident.findings.iter().filter(|(_, finding)| finding.standing == Standing::Supported);
    let open: Vec<&str> = supported
        .map(|(called, _)| called.as_str())
        .filter(|name| {
            let shown = incident.indicated.get(*name).map(|(shown, _)| shown);
            shown.is_none_or(|shown| shown.observables.is_empty() && shown.reason.trim().is_empty())
        })
        .collect();
    (!open.is_empty()).then(|| {
        let names = names(open.into_iter());
        lack(format!(
            "by what others recognise {names} is not said: name observables, or the reason why there are none"
        ))
    })
}

fn closing(incident: &Incident, run: &Run, known: &Known) -> Vec<Lacks> {
    let mut open = Vec::new();
    if known.open_custody > 0 {
        let pieces = match known.open_custody {
            1 => "1 piece".to_owned(),
            count => format!("{count} pieces"),
        };
        let of = incident.evidence.iter().filter(|(_, exhibit)| !exhibit.is_accounted_for());
        let named: Vec<&str> = of
            .map(|(sha256, exhibit)| match &exhibit.added {
                Some(added) if !added.name.is_empty() => added.name.as_str(),
                _ => sha256.get(..8).unwrap_or(sha256),
            })
            .collect();
        let which = if named.is_empty() { String::new() } else { format!(" ({})", names(named.into_iter())) };
        open.push(lack(format!("custody is open for {pieces} of evidence{which}: record where each is, or its end")));
    }
    open.extend(findings(incident));
    if run.answers.is_empty() {
        open.push(lack(
            "nobody was asked what to do better: answer the closing questions, or say that there is nothing".into(),
        ));
    }
    open
}

/// Names as a sentence lists them.
fn names<'n>(all: impl ExactSizeIterator<Item = &'n str>) -> String {
    let more = all.len().saturating_sub(NAMES_MAX);
    let mut text = all.take(NAMES_MAX).collect::<Vec<_>>().join(", ");
    if more > 0 {
        text.push_str(&format!(" and {more} more"));
    }
    text
}

/// By what others can recognise something that was found, and who may know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Indicator<'a> {
    /// The finding it comes from.
    pub finding: &'a str,
    /// `ip`, `domain`, `url`, `hash`, `cve`, `mail`.
    pub of: &'a str,
    /// The value in its plain form.
    pub value: &'a str,
    /// Who may receive it.
    pub marking: &'a Marking,
}

/// The indicators that supported findings give, of those that a marking admits.
pub fn indicators<'a>(incident: &'a Incident, admits: &dyn Fn(&Marking) -> bool) -> Vec<Indicator<'a>> {
    let supported = incident.findings.iter().filter(|(_, finding)| finding.standing == Standing::Supported);
    let shown = supported.filter_map(|(called, _)| incident.indicated.get(called));
    let mut all = Vec::new();
    for (shown, marking) in shown.filter(|(_, marking)| admits(marking)) {
        all.extend(shown.observables.iter().map(|seen| Indicator {
            finding: &shown.finding,
            of: &seen.of,
            value: &seen.value,
            marking,
        }));
    }
    all
}
