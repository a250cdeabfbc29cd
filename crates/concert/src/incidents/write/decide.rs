//! Whether something may be written: who may, and whether it can be said now.

use std::sync::Arc;

use concert_model::Problem;
use concert_model::access::{Action, Circle, Decision, Object, Person, forbidden, is_field, lets_in, lets_out, may};
use concert_model::incident::Status;
use concert_model::incident::content::{Content, Remarked};
use concert_model::incident::draft::Draft;
use concert_model::incident::marking::Marking;

use super::remark::of_evidence;
use super::{Right, wrong};
use crate::clocks;
use crate::incidents::case::Case;
use crate::incidents::refers::Check;
use crate::incidents::together::Together;
use crate::incidents::{Ask, Incidents, Kept, Refused, effort, follow, own_steps, text};

impl Incidents {
    /// Whether what a draft says can be said now.
    pub(super) fn check(
        &self,
        ask: Ask<'_>,
        case: &Case,
        draft: &Draft,
        named: Option<&Check<'_>>,
        (goes_on, together): (Option<&Case>, &Together),
    ) -> Result<(), Refused> {
        check(ask.person, draft)?;
        // A label that does not hold would be believed.
        if draft.marking.is_some()
            && draft.marking != case.head.marking
            && draft.content.write().is_some_and(|(kind, _)| is_field(kind))
        {
            let problem =
                Problem::new("`marking`: fields of an incident are for everybody who sees it, as it is marked");
            let hint = "leave `marking` out, and write what is not for all of them into a note with its own";
            return Err(Refused::Wrong(problem.hint(hint)));
        }
        let circle = self.circle(case);
        if let Some(named) = named {
            named.check(&circle, draft)?;
            is_not_closed((case, &circle), ask.person, &draft.content, together)?;
            clocks::in_time(ask.now, &draft.content).map_err(Refused::Wrong)?;
        }
        if follow::concerns(&draft.content) {
            let (whole, home) = goes_on.map_or((case, None), |other| (other, Some(case.id.as_str())));
            let said = (home, &draft.content);
            follow::check(ask.person, (whole, &self.circle(whole)), together, ask.now, said)?;
        }
        Ok(())
    }

    /// Whether a draft may be written, before the bytes that it is about are taken.
    pub(in crate::incidents) fn admit(&self, person: &Person, case: &Case, draft: &Draft) -> Result<(), Refused> {
        let (_, decision) = self.decide(person, (case, None, &Together::default()), draft, Right::OfContent);
        if !decision.allowed {
            return Err(Refused::Denied(decision));
        }
        check(person, draft)
    }

    /// What a draft takes, and whether the person may. Runs of an incident that was merged are followed by who may do that
    /// where they go on.
    pub(super) fn decide(
        &self,
        person: &Person,
        (case, goes_on, together): (&Case, Option<&Case>, &Together),
        draft: &Draft,
        right: Right<'_>,
    ) -> (Action, Decision) {
        let circle = self.circle(case);
        if let Content::Remarked(one) = &draft.content {
            return decide_remarked(person, (case, &circle), one);
        }
        let works = goes_on.map_or_else(|| circle.clone(), |other| self.circle(other));
        let action = match right {
            Right::OfContent | Right::ByHand(_) => Action::of(&draft.content, person, &works),
            Right::OfReader => Action::See,
        };
        let mut decision = may(person, action, Object::Incident(&works));
        // Who answers for an affected party does the steps that are its own.
        if !decision.allowed
            && goes_on.is_none()
            && let Content::Stepped(stepped) = &draft.content
            && let Some(own) = own_steps::decide(person, (&circle, &together.whole(case)), stepped)
        {
            decision = own;
        }
        if decision.allowed && action == Action::Note && is_of_others(person, (case, &circle), &draft.content) {
            return (Action::Conduct, may(person, Action::Conduct, Object::Incident(&circle)));
        }
        // What a site forbids by a label goes by that of the thing itself too.
        let own = |marking| Object::Item { circle: &circle, marking, author: &person.name };
        let mut about = about(person, (case, &circle), draft).into_iter();
        if let Some(no) = about.find_map(|marking| forbidden(person, action, own(marking))).filter(|_| decision.allowed)
        {
            return (action, no);
        }
        // An entry that more may read than the incident lets out what is in it. Mail asks in a place of its own.
        let is_wider = draft.marking.as_ref().is_some_and(|own| lets_out(person, &circle, own));
        let is_marked_by_hand = matches!(right, Right::ByHand(_)) || matches!(draft.content, Content::EvidenceAdded(_));
        if decision.allowed && is_wider && is_marked_by_hand {
            return (Action::Release, may(person, Action::Release, Object::Incident(&circle)));
        }
        // Nobody lets in the own standing, which stays when the role is gone.
        if decision.allowed
            && let Content::PartyMoved(moved) = &draft.content
            && !case.head.parties.contains_key(&moved.party)
            && lets_in(person, &circle, &self.constituencies(&moved.party))
        {
            let decision = may(person, Action::Release, Object::Incident(&circle));
            let reason =
                format!("{} takes part with it, and so you by your standing: {}", moved.party, decision.reason);
            return (Action::Release, if decision.allowed { decision } else { Decision { reason, ..decision } });
        }
        (action, decision)
    }
}

/// How that is marked which a draft writes, or erases as far as the person sees it.
fn about<'d>(person: &Person, (case, circle): (&'d Case, &Circle), draft: &'d Draft) -> Vec<&'d Marking> {
    let erased = match &draft.content {
        Content::Erased(one) => case.entries.iter().find(|kept| kept.is_at(&one.site, one.sequence)),
        _ => None,
    };
    let erased = erased.filter(|kept| case.shows(circle, person, kept));
    draft.marking.iter().chain(erased.and_then(|kept| kept.marking())).collect()
}

/// Whether something is written about evidence that others brought, as far as a person sees it: where it was got is said by
/// who brings it.
fn is_of_others(person: &Person, (case, circle): (&Case, &Circle), content: &Content) -> bool {
    let Content::Custody(custody) = content else { return false };
    let is_own = |kept: &Arc<Kept>| match &kept.body {
        Some((body, Content::EvidenceAdded(added))) => body.author == person.name && added.sha256 == custody.sha256,
        _ => false,
    };
    let is_seen =
        || case.state_for(circle, person).evidence.get(&custody.sha256).is_some_and(|one| one.added.is_some());
    !case.entries.iter().any(is_own) && is_seen()
}

/// Whether an entry may be marked otherwise: by the rules for the entry, and where it is let out of the incident, by those
/// for letting out.
fn decide_remarked(person: &Person, (case, circle): (&Case, &Circle), one: &Remarked) -> (Action, Decision) {
    let found = case
        .entries
        .iter()
        .find(|kept| kept.is_at(&one.site, one.sequence))
        .and_then(|kept| Some((kept, kept.body.as_ref()?)));
    let Some((kept, (body, content))) = found else {
        return (Action::Lower, may(person, Action::Lower, Object::Incident(circle)));
    };
    let action = if one.marking.widens(&body.marking) { Action::Lower } else { Action::Raise };
    // What was done with evidence goes with it, whoever did it: the evidence itself is decided about beside it.
    let goes_with = matches!(content, Content::Custody(_) | Content::Release(_));
    let brought = |other: &Arc<Kept>| {
        let added = other.body.as_ref().filter(|(_, content)| matches!(content, Content::EvidenceAdded(_)));
        added.is_some_and(|(body, _)| body.author == person.name) && of_evidence(other) == of_evidence(kept)
    };
    let is_own = goes_with && case.entries.iter().any(brought);
    let author = if is_own { &person.name } else { &body.author };
    let object = Object::Item { circle, marking: &body.marking, author };
    let decision = may(person, action, object);
    if decision.allowed && lets_out(person, circle, &one.marking) && action == Action::Lower {
        return (Action::Release, may(person, Action::Release, Object::Incident(circle)));
    }
    (action, decision)
}

/// An incident is closed once: who closed it again would take the place of who did. Whoever does so after an answer that
/// came since says that it was seen.
fn is_not_closed(
    (case, circle): (&Case, &Circle),
    person: &Person,
    content: &Content,
    together: &Together,
) -> Result<(), Refused> {
    let closes = |content: &Content| matches!(content, Content::Moved(moved) if moved.status == Status::Closed);
    if !closes(content) || case.head.status != Status::Closed {
        return Ok(());
    }
    if together.seen(person, (case, circle)).late_answers().next().is_some() {
        return Ok(());
    }
    let closing = |kept: &&Arc<Kept>| kept.body.as_ref().is_some_and(|(_, content)| closes(content));
    let by = case.entries.iter().rev().find(closing).and_then(|kept| Some((kept, kept.body.as_ref()?)));
    let by =
        by.map_or_else(String::new, |(kept, (body, _))| format!(", by {} at {}", body.author, kept.header.stamp.time));
    let problem = Problem::new(format!("the incident is closed already{by}"));
    Err(Refused::Wrong(problem.hint("write what is to be added as a note; another status opens it again")))
}

/// Whether a draft may be written as it is.
fn check(person: &Person, draft: &Draft) -> Result<(), Refused> {
    let marked = match &draft.content {
        Content::Marked(marked) => Some(&marked.marking),
        Content::Remarked(marked) => Some(&marked.marking),
        _ => None,
    };
    if draft.marking.iter().chain(marked).any(|marking| marking.tlp > person.clearance) {
        return Err(wrong("the marking is above your clearance, so you could not read what you write"));
    }
    draft.marking.as_ref().map_or(Ok(()), text::marking)?;
    if draft.minutes > 0 && matches!(draft.content, Content::Effort(_)) {
        let problem = Problem::new("`minutes` of an effort stand in its content");
        return Err(Refused::Wrong(problem.hint("beside the content of any other entry they say what that took")));
    }
    effort::check(draft)?;
    text::check(&draft.content)
}
