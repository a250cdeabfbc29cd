//! Entries that are marked otherwise than they were written.
//!
//! Evidence is closed as a whole: what was done with it and who released it goes with it, since that names it too. It is
//! never marked more openly than it was added, because it is let out by a release alone, to which two persons agree.

use std::sync::Arc;

use concert_model::Problem;
use concert_model::incident::content::{Content, Marked, Remarked};
use concert_model::incident::draft::Draft;
use concert_model::incident::marking::Marking;

use super::{Right, absent, wrong};
use crate::incidents::case::Case;
use crate::incidents::{Ask, Incidents, Kept, Refused, Written, unseen};

/// Entries that a warning names.
const NAMED_MAX: usize = 10;

impl Incidents {
    /// Marks an entry otherwise, by its number. One that the person does not see is not there.
    pub async fn mark_entry(&self, ask: Ask<'_>, name: &str, seq: u64, marked: Marked) -> Result<Written, Refused> {
        let none = || absent(format!("there is no entry {seq} in it"));
        let log = self.log(ask.person, name, seq.saturating_sub(1), 1).await?;
        let home = log.first().filter(|kept| kept.seq == seq).map(|kept| kept.header.incident.clone());
        let home = home.ok_or_else(none)?;
        let Marked { marking, reason } = marked;
        let one = Remarked { site: String::new(), sequence: 0, marking, reason };
        let mut drafts = vec![Draft { content: one.into(), marking: None, minutes: 0 }];
        self.name_parties(ask.person, Some(&home), &mut drafts).await?;
        let Some(Draft { content: Content::Remarked(one), .. }) = drafts.pop() else { return Err(none()) };
        self.readers_there(ask.person, Some(&home), Some(&one.marking), &[]).await?;
        let given: Vec<_> = unseen::marked(&one.marking).collect();
        let mut left_open = None;
        let written = self.write_made(ask, &home, Right::OfContent, |case, circle| {
            let seen: Vec<&Arc<Kept>> = case.seen_by(circle, ask.person).collect();
            let kept = seen.iter().find(|kept| kept.seq == seq).ok_or_else(none)?;
            let Some(marking) = kept.marking() else { return Err(wrong("its body is gone")) };
            can_be_remarked(case, kept, &one.marking)?;
            if *marking == one.marking {
                return Err(wrong(format!("entry {seq} is marked so already")));
            }
            left_open = tells_of_it(&seen, kept, &one.marking);
            let with = seen.iter().filter(|other| other.seq != seq && goes_with(kept, other, &one.marking));
            Ok(std::iter::once(kept).chain(with).map(|kept| remarked(kept, &one)).collect::<Vec<_>>())
        });
        let written = written.await?;
        let mut written = self.warned(ask.person, written, &given, None).await;
        written.warnings.extend(left_open);
        Ok(written)
    }
}

fn remarked(kept: &Kept, one: &Remarked) -> Draft {
    // It says of the entry who may read it, so it is for whom both markings admit.
    let marking = kept.marking().map(|marking| marking.and(&one.marking));
    let (site, sequence) = (kept.header.site.to_string(), kept.header.sequence);
    Draft { content: Remarked { site, sequence, ..one.clone() }.into(), marking, minutes: 0 }
}

/// The evidence that an entry adds, says something of, or lets out.
pub(super) fn of_evidence(kept: &Kept) -> Option<&str> {
    match &kept.body.as_ref()?.1 {
        Content::EvidenceAdded(added) => Some(&added.sha256),
        Content::Custody(custody) => Some(&custody.sha256),
        Content::Release(release) => Some(&release.sha256),
        _ => None,
    }
}

/// Whether an entry is marked like the evidence that it is about, and so goes with it. What was written more closely
/// meanwhile stays so.
fn goes_with(evidence: &Kept, other: &Kept, marking: &Marking) -> bool {
    let is_of_it = of_evidence(other).is_some_and(|sha256| Some(sha256) == of_evidence(evidence));
    is_of_it && other.marking() == evidence.marking() && other.signed_marking().is_some_and(|own| !marking.widens(own))
}

/// A warning of entries that tell what is in evidence and stay open to more than it.
fn tells_of_it(seen: &[&Arc<Kept>], evidence: &Kept, marking: &Marking) -> Option<Problem> {
    let sha256 = of_evidence(evidence)?;
    let tells = |kept: &&&Arc<Kept>| {
        let of = match kept.body.as_ref().map(|(_, content)| content) {
            Some(Content::Happened(happened)) => &happened.evidence,
            Some(Content::Relation(relation)) => &relation.evidence,
            Some(Content::EvidenceAdded(added)) => &added.of,
            _ => return false,
        };
        of == sha256 && kept.marking().is_some_and(|own| own.widens(marking))
    };
    let all: Vec<String> = seen.iter().filter(tells).map(|kept| kept.seq.to_string()).collect();
    let named = all.iter().take(NAMED_MAX).cloned().collect::<Vec<_>>().join(", ");
    let more = if all.len() > NAMED_MAX { ", ..." } else { "" };
    let what =
        format!("entries that come from this evidence are open to more than it is now: {}: {named}{more}", all.len());
    (!all.is_empty()).then(|| Problem::new(what).hint("mark each otherwise too, or erase it"))
}

/// Whether an entry can be marked otherwise than it was written. What is a field is for everybody who sees the incident;
/// mail belongs to its conversation, and processes, holds and orders bind everybody.
fn can_be_remarked(case: &Case, kept: &Kept, marking: &Marking) -> Result<(), Refused> {
    let Some((_, content)) = &kept.body else { return Err(wrong("its body is gone")) };
    match content {
        Content::Note(_)
        | Content::Finding(_)
        | Content::Decision(_)
        | Content::Observable(_)
        | Content::Happened(_)
        | Content::Relation(_)
        | Content::HostHeld(_)
        | Content::EventLinked(_)
        | Content::EventsLinked(_)
        | Content::NoticeLinked(_)
        | Content::Lesson(_)
        | Content::Task(_)
        | Content::PartyMoved(_)
        | Content::ClockStarted(_)
        | Content::ClockMet(_)
        | Content::Effort(_) => Ok(()),
        Content::EvidenceAdded(added) => {
            let Some(own) = kept.signed_marking().filter(|own| marking.widens(own)) else {
                let exhibits = case.whole().evidence;
                let is_gone = exhibits.get(&added.sha256).is_some_and(|exhibit| exhibit.is_destroyed());
                // That it was destroyed stands under the marking that it has now.
                let opens = kept.marking().is_some_and(|now| marking.widens(now));
                return if is_gone && opens { Err(wrong("it was destroyed")) } else { Ok(()) };
            };
            let problem = format!("evidence is not marked more openly than it was added, TLP:{}", own.tlp);
            let hint = "a release lets it out, to which two persons agree; a redacted copy has a marking of its own";
            Err(Refused::Wrong(Problem::new(problem).hint(hint)))
        }
        Content::Custody(_) | Content::Release(_) => {
            let problem = Problem::new("what was done with evidence is marked as it is");
            Err(Refused::Wrong(problem.hint("mark the entry that added the evidence; the others go with it")))
        }
        _ => {
            let kind = content.write().map_or("of a newer site", |(kind, _)| kind);
            let problem = Problem::new(format!("entries {kind} keep the marking that they were written with"));
            Err(Refused::Wrong(problem.hint(
                "notes, findings, decisions, observables, flows, hosts, what happened, lessons, effort, links, tasks, \
                 parties, clocks and evidence can be marked otherwise",
            )))
        }
    }
}
