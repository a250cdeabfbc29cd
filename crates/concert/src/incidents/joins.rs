//! Incidents that are one, or parts of one: merged, split, parent and child. All of it can be undone.
//!
//! Nothing is copied or moved: two entries, one in each journal and written together, say how the two belong
//! together, and what one shows of the other follows from them. Each entry keeps the access of its own
//! incident, so whoever may not see both sees of each what was there before.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use concert_model::Problem;
use concert_model::access::{Action, Circle, Decision, Object, Person, may};
use concert_model::incident::content::{Content, Joined, Opened, Role, RoleMoved};
use concert_model::incident::draft::{DRAFTS_MAX, Draft, NewIncident};
use concert_model::incident::fold::{Incident, place};
use concert_model::incident::marking::Marking;
use concert_model::problem::nearest;
use concert_store::records::Change;
use concert_store::records::incidents;
use serde_json::{Value, json};

use super::case::{Case, Kept};
use super::merged::Others;
use super::sight::Sights;
use super::together::{SHOWN_MAX, Source};
use super::write::{Right, absent, new_id, wrong};
use super::{Ask, Incidents, Refused, Written, audit, merged, text, titles};

/// How two incidents belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Join {
    /// The first was merged into the second.
    Merged,
    /// The second is the parent of the first.
    Parent,
    /// Entries of the first show in the second.
    Split,
}

impl Join {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Merged, Self::Parent, Self::Split];

    /// What the second is to the first: `into`, `parent`, `split-to`.
    pub fn word(self) -> &'static str {
        self.words().0
    }

    /// What the second is to the first, and the first to the second.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Merged => ("into", "merged"),
            Self::Parent => ("parent", "child"),
            Self::Split => ("split-to", "split-from"),
        }
    }
}

/// What a split moves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chosen {
    /// Everything said of these parties' part in it.
    pub parties: Vec<String>,
    /// These values.
    pub observables: Vec<String>,
    /// What is said of these hosts.
    pub hosts: Vec<String>,
    /// Entries, by their numbers in the log.
    pub entries: Vec<u64>,
}

/// A split: the new incident, and what it shows of the one that it was split off.
#[derive(Clone, Debug)]
pub struct Split {
    /// The new incident.
    pub new: NewIncident,
    /// What is moved.
    pub chosen: Chosen,
    /// Why.
    pub reason: String,
}

/// Whether what is written belongs into the incident that this one was merged into. What is erased, a clock
/// that is met, a proposal that is answered, a file that came by mail and what is done with evidence belong to what is
/// here, and so does who sees it: that may always become fewer.
pub(super) fn is_elsewhere(case: &Case, drafts: &[Draft]) -> bool {
    if drafts.iter().any(|draft| matches!(draft.content, Content::AttachmentSorted(_))) {
        return false;
    }
    let whole = case.head.marking.as_ref();
    let stays = |content: &Content| match content {
        Content::Erased(_) | Content::Remarked(_) | Content::ClockMet(_) | Content::RoleMoved(_) => true,
        Content::Marked(marked) => whole.is_some_and(|whole| !marked.marking.widens(whole)),
        _ => false,
    };
    let is_of_here = |draft: &Draft| match &draft.content {
        Content::ProposalAnswered(_) | Content::Custody(_) | Content::Release(_) => true,
        Content::EvidenceAdded(added) => !added.of.is_empty(),
        _ => false,
    };
    case.head.merged_into().is_some()
        && !drafts.first().is_some_and(is_of_here)
        && !drafts.iter().all(|draft| stays(&draft.content))
}

fn joined(
    other: &Case,
    as_what: &str,
    joined: bool,
    reason: &str,
    entries: &[String],
    marking: Option<Marking>,
) -> Draft {
    let (as_what, reason) = (as_what.to_owned(), reason.to_owned());
    let content = Joined { incident: other.id.clone(), as_what, joined, reason, entries: entries.to_vec() };
    Draft { content: content.into(), marking, minutes: 0 }
}

/// What was refused of the other of two incidents: one that is not there, or not for whoever asks, is named.
fn of_other(refused: Refused, name: &str) -> Refused {
    if refused != Refused::Missing {
        return refused;
    }
    let name: String = name.chars().take(100).collect();
    let hint = "`concert incident list` and `GET /api/v1/incidents` have those that you see";
    Refused::Absent(Problem::new(format!("there is no incident `{name}` to join it with")).hint(hint))
}

/// How what concerns two is marked: who may not know of one learns nothing of it from the other.
fn stricter(one: &Case, other: &Case) -> Option<Marking> {
    match (&one.head.marking, &other.head.marking) {
        (Some(one), Some(other)) => Some(one.and(other)),
        (one, other) => one.clone().or_else(|| other.clone()),
    }
}

impl Incidents {
    /// Joins two incidents, or takes them apart again.
    pub async fn join(
        &self,
        ask: Ask<'_>,
        join: Join,
        (first, second): (&str, &str),
        is_joined: bool,
        reason: &str,
    ) -> Result<Written, Refused> {
        if reason.trim().is_empty() {
            return Err(wrong("`reason` is empty"));
        }
        self.asked(ask.person, first, &[Action::See]).await?;
        self.asked(ask.person, second, &[Action::See]).await.map_err(|refused| of_other(refused, second))?;
        let mut change = self.store.records.change().await?;
        if let Some(written) = self.again(&mut change, ask).await? {
            return Ok(written);
        }
        let mut denied = None;
        let joining = self.join_in(&mut change, ask, join, (first, second), is_joined, reason, &mut denied);
        let done = Box::pin(joining).await;
        match done {
            Ok((first, second, entries)) => {
                incidents::keep_head(&mut change, &self.head_of(&second)).await?;
                self.finish(change, ask, first, (entries, Vec::new())).await
            }
            Err(refused) => {
                self.store.records.undo(change).await?;
                if let Some((number, action, decision)) = denied {
                    self.audit_denied(ask, action, &number, &decision).await?;
                }
                Err(refused)
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one step of `join`, which names them")]
    async fn join_in(
        &self,
        change: &mut Change<'_>,
        ask: Ask<'_>,
        join: Join,
        (first, second): (&str, &str),
        is_joined: bool,
        reason: &str,
        denied: &mut Option<(String, Action, Decision)>,
    ) -> Result<(Case, Case, Vec<Value>), Refused> {
        let first = self.seen_in(change, ask.person, first).await?;
        let second = self.seen_in(change, ask.person, second).await.map_err(|refused| of_other(refused, second))?;
        let (to_first, to_second) = join.words();
        let is_there = first.head.joined.contains(&(to_first.to_owned(), second.id.clone()));
        let (one, other) = (&first.head.number, &second.head.number);
        match (is_joined, is_there) {
            (true, true) => return Err(wrong(format!("{one} and {other} are joined so already"))),
            (false, false) => return Err(wrong(format!("{one} and {other} are not joined so"))),
            (true, false) => self.may_join(change, ask.person, join, (&first, &second)).await?,
            (false, true) => {}
        }
        let marking = stricter(&first, &second);
        let drafts = [
            Draft { minutes: ask.minutes, ..joined(&second, to_first, is_joined, reason, &[], marking.clone()) },
            joined(&first, to_second, is_joined, reason, &[], marking),
        ];
        let mut entries = Vec::new();
        let mut written = Vec::new();
        for (case, draft) in [first, second].into_iter().zip(drafts) {
            let number = case.head.number.clone();
            let mut why = None;
            let put = self.put(change, ask, case, vec![draft], Right::OfContent, &mut why).await;
            if let Some((action, decision)) = why {
                *denied = Some((number, action, decision));
            }
            let (case, more) = put?;
            entries.extend(more);
            written.push(case);
        }
        let (Some(mut second), Some(first)) = (written.pop(), written.pop()) else { return Err(Refused::Missing) };
        second.came = merged::of_in(change, &Others::of(&second), |party| self.sectors(party)).await?;
        Ok((first, second, entries))
    }

    /// An incident that a person may see, as a change sees it.
    async fn seen_in(&self, change: &mut Change<'_>, person: &Person, name: &str) -> Result<Case, Refused> {
        let head = incidents::named_in(change, name).await?.ok_or(Refused::Missing)?;
        let case = self.case_in(change, &head.id).await?;
        match may(person, Action::See, Object::Incident(&self.circle(&case))).allowed {
            true => Ok(case),
            false => Err(Refused::Missing),
        }
    }

    /// Whether a person may see an incident, by its identity, as a change sees it.
    pub(super) async fn sees_in(&self, change: &mut Change<'_>, person: &Person, id: &str) -> Result<bool, Refused> {
        let case = self.case_in(change, id).await?;
        Ok(may(person, Action::See, Object::Incident(&self.circle(&case))).allowed)
    }

    /// Whether two may be joined: nothing may end up in itself.
    async fn may_join(
        &self,
        change: &mut Change<'_>,
        person: &Person,
        join: Join,
        (first, second): (&Case, &Case),
    ) -> Result<(), Refused> {
        let (one, other) = (&first.head.number, &second.head.number);
        if first.id == second.id {
            return Err(wrong(format!("{one} cannot be joined with itself")));
        }
        if first.head.merged_into().is_some() {
            return Err(wrong(format!("{one} was merged already")));
        }
        if second.head.merged_into().is_some() {
            return Err(wrong(format!("{other} was merged itself; take the one that it was merged into")));
        }
        if join == Join::Split {
            return Ok(());
        }
        if join == Join::Merged
            && let Some(problem) = self.apart(change, person, (first, second)).await?
        {
            return Err(Refused::Wrong(problem));
        }
        // Up from the second, to parents and to those into which others were merged: the first must not be there.
        let (mut at, mut seen) = (vec![second.id.clone()], BTreeSet::new());
        while let Some(id) = at.pop() {
            if id == first.id {
                let problem = Problem::new(match join {
                    Join::Parent => format!("{other} is below {one}, so it cannot be its parent"),
                    _ => format!("{other} is below {one}, which cannot be merged into it"),
                });
                return Err(Refused::Wrong(problem.hint("`concert incident unlink` takes the two apart first")));
            }
            if seen.len() < SHOWN_MAX && seen.insert(id.clone()) {
                let case = self.case_in(change, &id).await?;
                let is_up = |how: &str| matches!(how, "parent" | "into");
                at.extend(case.head.joined.iter().filter(|(how, _)| is_up(how)).map(|(_, id)| id.clone()));
            }
        }
        Ok(())
    }

    /// Opens an incident that shows some entries of another, which shows them no more.
    pub async fn split(&self, ask: Ask<'_>, from: &str, mut split: Split) -> Result<Written, Refused> {
        let decision = may(ask.person, Action::Open, Object::Site);
        if !decision.allowed {
            return Err(Refused::Denied(decision));
        }
        if split.reason.trim().is_empty() {
            return Err(wrong("`reason` is empty"));
        }
        text::line("title", &split.new.title)?;
        text::classification(&split.new.classification)?;
        if split.new.marking.tlp > ask.person.clearance {
            return Err(wrong(format!("TLP:{} is above your clearance", split.new.marking.tlp)));
        }
        self.readers_there(ask.person, Some(from), Some(&split.new.marking), &[]).await?;
        for party in &mut split.chosen.parties {
            *party = self.party_named(ask.person, from, party).await?;
        }
        self.asked(ask.person, from, &[Action::See]).await?;
        let elsewhere = self.chosen_elsewhere(ask.person, from, &split.chosen).await?;
        let mut change = self.store.records.change().await?;
        if let Some(written) = self.again(&mut change, ask).await? {
            return Ok(written);
        }
        let source = self.seen_in(&mut change, ask.person, from).await?;
        if let Some(problem) = elsewhere {
            self.store.records.undo(change).await?;
            return Err(Refused::Wrong(problem));
        }
        if source.head.merged_into().is_some() {
            return Err(wrong(format!("{} was merged; undo that first", source.head.number)));
        }
        let entries = split.chosen.of(&source, &self.circle(&source), ask.person)?;
        let new = self.opening(&mut change, ask, &split.new).await?;
        audit::allowed(&mut change, ask, Action::Open, &new.head.number, &decision).await?;
        let marking = stricter(&source, &new);
        let (to_first, to_second) = Join::Split.words();
        let away = joined(&new, to_first, true, &split.reason, &entries, marking.clone());
        let here = joined(&source, to_second, true, &split.reason, &entries, marking);
        let number = source.head.number.clone();
        let mut denied = None;
        let put = self.put(&mut change, ask, source, vec![away], Right::OfContent, &mut denied).await;
        if let Some((action, decision)) = denied {
            self.store.records.undo(change).await?;
            self.audit_denied(ask, action, &number, &decision).await?;
            return Err(Refused::Denied(decision));
        }
        let (source, _) = put?;
        let (mut new, written) = self.put(&mut change, ask, new, vec![here], Right::OfContent, &mut None).await?;
        new.came = merged::of_in(&mut change, &Others::of(&new), |party| self.sectors(party)).await?;
        incidents::keep_head(&mut change, &self.head_of(&source)).await?;
        self.finish(change, ask, new, (written, Vec::new())).await
    }

    /// Why something that shows in an incident cannot be split off it: it stands in another, from which it can be.
    async fn chosen_elsewhere(&self, person: &Person, name: &str, chosen: &Chosen) -> Result<Option<Problem>, Refused> {
        let Some((case, circle)) = self.found(person, name).await? else { return Ok(None) };
        let sources = self.sources(person, &case).await?;
        // What other incidents show here, and what this one shows elsewhere.
        let moved = case.head.split.iter().filter(|((how, _), _)| how == "split-to");
        let mut others = Vec::new();
        for ((_, id), entries) in moved {
            if let Some((other, _)) = self.found(person, id).await? {
                others.push((
                    Arc::clone(&case),
                    circle.clone(),
                    Some(entries.clone()),
                    other.head.number.clone(),
                    false,
                ));
            }
        }
        others.extend(sources.into_iter().map(|Source { case, circle, only }| {
            let number = case.head.number.clone();
            (case, circle, only, number, true)
        }));
        let mut own = chosen.clone();
        let gone = case.head.moved();
        own.leave(case.seen_by(&circle, person).filter(|kept| !gone.contains(&place(&kept.header))));
        for (of, circle, only, number, shows_here) in &others {
            let is_there = |kept: &&Arc<Kept>| only.as_ref().is_none_or(|only| only.contains(&place(&kept.header)));
            let mut left = own.clone();
            left.leave(of.seen_by(circle, person).filter(is_there));
            let Some(what) = own.lost(&left) else { continue };
            let here = &case.head.number;
            return Ok(Some(match (shows_here, only.is_some()) {
                (true, true) => Problem::new(format!("{what} stands in {number}, off which it was split into {here}"))
                    .hint(format!(
                        "`concert incident unsplit {number} --from {here}` first, then split it off {number}"
                    )),
                (true, false) => Problem::new(format!("{what} stands in {number}, which was merged into {here}")).hint(
                    format!("`concert incident unmerge {number} --from {here}` first, then split it off {number}"),
                ),
                (false, _) => Problem::new(format!("{what} was split into {number}, and shows there"))
                    .hint(format!("`concert incident unsplit {here} --from {number}` brings it back")),
            }));
        }
        Ok(None)
    }

    /// The first entries of a new incident, whose coordinator is who asks.
    async fn opening(&self, change: &mut Change<'_>, ask: Ask<'_>, new: &NewIncident) -> Result<Case, Refused> {
        let number = self.next_number(change, ask.now).await?;
        let (title, classification, severity) = (new.title.clone(), new.classification.clone(), new.severity);
        let opened = Opened { number, title, classification, severity };
        let person = ask.person.name.clone();
        let coordinator = RoleMoved { role: Role::Coordinator, person, party: String::new(), holds: true };
        let opening = vec![
            Draft { content: opened.into(), marking: Some(new.marking.clone()), minutes: ask.minutes },
            Draft { content: coordinator.into(), marking: None, minutes: 0 },
        ];
        let (case, _) = self.sign(change, ask, Case::new(&new_id(ask.now)?, Vec::new()), opening).await?;
        Ok(case)
    }

    /// Where an incident that was merged shows, as far as a person may know it.
    pub(super) async fn shows_in(&self, person: &Person, case: &Case) -> Result<Option<String>, Problem> {
        let mut other = case.head.merged_into().map(str::to_owned);
        let (mut number, mut steps) = (None, 0);
        while let Some(id) = other.take().filter(|_| steps < SHOWN_MAX) {
            steps += 1;
            let case = self.case(&id).await?;
            if !may(person, Action::See, Object::Incident(&self.circle(&case))).allowed {
                break;
            }
            number = Some(case.head.number.clone());
            other = case.head.merged_into().map(str::to_owned);
        }
        Ok(number)
    }

    /// The incident into which one was merged, over all steps; itself where it was not. Nobody is asked who sees it.
    pub(crate) async fn merged_at_last(&self, id: &str) -> Result<String, Problem> {
        let mut at = id.to_owned();
        for _ in 0..SHOWN_MAX {
            match self.case(&at).await?.head.merged_into() {
                Some(other) => at = other.to_owned(),
                None => break,
            }
        }
        Ok(at)
    }

    /// The state of an incident with what others show in it.
    pub(super) async fn joint(
        &self,
        person: &Person,
        (case, circle): (&Case, &Circle),
    ) -> Result<Arc<Incident>, Refused> {
        let (state, sources) = self.put_together(person, (case, circle)).await?;
        for Source { case, circle, .. } in sources {
            self.audit_read(person, &case.head.number, case.markings(&circle, person)).await?;
        }
        Ok(state)
    }

    /// The same with what shows in it, where whoever asks writes down what was read.
    pub(super) async fn put_together(
        &self,
        person: &Person,
        (case, circle): (&Case, &Circle),
    ) -> Result<(Arc<Incident>, Vec<Source>), Refused> {
        let own = self.states.of(case, circle, person);
        let sources = self.sources(person, case).await?;
        let hidden = self.hidden_joins(person, case).await?;
        if sources.is_empty() && hidden.is_empty() {
            return Ok((own, sources));
        }
        let mut all = Incident::clone(&own);
        if !hidden.is_empty() {
            forget(&mut all, (case, circle), person, &hidden);
        }
        for Source { case, circle, only } in &sources {
            for kept in self.rows_of(person, (case, circle), only.as_ref()).await? {
                all.entries += 1;
                all.sealed += u64::from(kept.body.is_none());
            }
            let part = match only {
                None => Incident::clone(&self.states.of(case, circle, person)),
                Some(entries) => case.part_for(circle, person, entries),
            };
            all.include(part, &case.head.number);
        }
        Ok((Arc::new(all), sources))
    }

    /// Entries of other incidents that show in this one.
    pub(super) async fn joint_log(&self, person: &Person, case: &Case) -> Result<Vec<Arc<Kept>>, Refused> {
        let mut all = Vec::new();
        for Source { case, circle, only } in self.sources(person, case).await? {
            let shown = self.rows_of(person, (&case, &circle), only.as_ref()).await?;
            all.extend(shown.into_iter().map(|kept| case.read_by(&circle, person, kept)));
        }
        Ok(all)
    }

    /// The incident of which an entry shows in this one, as far as a person may see it, and who has to do with what shows.
    pub(super) async fn shown_by(
        &self,
        person: &Person,
        case: &Case,
        seq: u64,
    ) -> Result<Option<(Arc<Case>, Circle)>, Refused> {
        for Source { case, circle, only } in self.sources(person, case).await? {
            let shown = self.rows_of(person, (&case, &circle), only.as_ref()).await?;
            if shown.iter().any(|kept| kept.seq == seq) {
                return Ok(Some((case, circle)));
            }
        }
        Ok(None)
    }

    /// Entries of an incident that show in another, as a person may see them: some, or all.
    async fn rows_of<'c>(
        &self,
        person: &Person,
        (case, circle): (&'c Case, &Circle),
        only: Option<&BTreeSet<String>>,
    ) -> Result<Vec<&'c Arc<Kept>>, Refused> {
        let hidden = self.hidden_joins(person, case).await?;
        let is_shown = |kept: &Kept| only.is_none_or(|only| only.contains(&place(&kept.header)));
        let mut sights = Sights::new(circle, person);
        let shown = case.entries.iter();
        Ok(shown.filter(|kept| is_shown(kept) && !hidden.contains(&kept.seq) && sights.show(kept)).collect())
    }

    /// Whether a person may know what an entry says: to which incident another belongs, knows whoever sees both.
    pub(super) async fn knows_join(&self, person: &Person, kept: &Kept) -> Result<bool, Refused> {
        match kept.joins() {
            Some(other) => Ok(self.found(person, other).await?.is_some()),
            None => Ok(true),
        }
    }

    /// Who has to do with the other incident, where an entry says that this one belongs with it.
    pub(super) async fn other_of(&self, kept: &Kept) -> Result<Option<Circle>, Problem> {
        match kept.joins() {
            Some(other) => Ok(Some(self.circle(&*self.case(other).await?))),
            None => Ok(None),
        }
    }

    /// Entries of an incident that say to which others it belongs, as far as a person does not see these.
    pub(super) async fn hidden_joins(&self, person: &Person, case: &Case) -> Result<HashSet<u64>, Refused> {
        let mut hidden = HashSet::new();
        for kept in &case.joins {
            if !self.knows_join(person, kept).await? {
                hidden.insert(kept.seq);
            }
        }
        Ok(hidden)
    }

    /// How an incident belongs to others, as far as a person may know them.
    pub async fn joins(&self, person: &Person, state: &Incident) -> Result<Vec<Value>, Refused> {
        let mut rows = Vec::new();
        for (how, id) in state.joined.iter().take(SHOWN_MAX) {
            if let Some((case, circle)) = self.found(person, id).await? {
                let title = titles::read(&case, &circle, person, &case.head.title);
                rows.push(json!({"as": how, "incident": case.head.number, "title": title, "id": id}));
            }
        }
        Ok(rows)
    }
}

/// Whether an incident would belong to others in another way without what an entry says of that.
pub(super) fn holds(case: &Case, kept: &Kept) -> bool {
    let mut without = Incident::default();
    for other in case.joins.iter().filter(|other| other.seq != kept.seq) {
        without.apply(&other.header, other.said());
    }
    (without.joined, without.split) != (case.head.joined.clone(), case.head.split.clone())
}

/// Takes out of a state what entries say that the person may not know, and that they are there.
fn forget(state: &mut Incident, (case, circle): (&Case, &Circle), person: &Person, hidden: &HashSet<u64>) {
    let mut sights = Sights::new(circle, person);
    for kept in case.joins.iter().filter(|kept| hidden.contains(&kept.seq)) {
        if sights.show(kept) {
            state.entries = state.entries.saturating_sub(1);
            state.sealed = state.sealed.saturating_sub(u64::from(kept.body.is_none()));
        }
        if let Some((_, Content::Joined(joined))) = &kept.body {
            state.joined.retain(|(_, id)| *id != joined.incident);
        }
    }
    let last = case.entries.iter().rev().find(|kept| !hidden.contains(&kept.seq) && sights.show(kept));
    state.changed = last.map_or(state.changed, |kept| kept.header.stamp);
}

impl Chosen {
    /// Leaves out what these entries say, or are.
    fn leave<'k>(&mut self, entries: impl Iterator<Item = &'k Arc<Kept>>) {
        for kept in entries {
            let Some((_, content)) = &kept.body else { continue };
            match content {
                Content::PartyMoved(moved) => self.parties.retain(|one| *one != moved.party),
                Content::Observable(seen) => self.observables.retain(|one| *one != seen.value),
                Content::HostHeld(held) => self.hosts.retain(|one| *one != held.host),
                Content::Relation(flow) => self.hosts.retain(|one| *one != flow.from && *one != flow.to),
                _ => {}
            }
            self.entries.retain(|one| *one != kept.seq);
        }
    }

    /// The first thing that others do not have any more, as it is told.
    fn lost(&self, left: &Self) -> Option<String> {
        let all = [(&self.parties, &left.parties), (&self.observables, &left.observables), (&self.hosts, &left.hosts)];
        let named = all.into_iter().find_map(|(own, left)| own.iter().find(|one| !left.contains(*one)));
        let entry = || self.entries.iter().find(|one| !left.entries.contains(*one)).map(|seq| format!("entry {seq}"));
        named.map(|one| format!("`{one}`")).or_else(entry)
    }

    /// The entries that are moved, each as `site:sequence`.
    fn of(&self, case: &Case, circle: &Circle, person: &Person) -> Result<Vec<String>, Refused> {
        let mut entries = Vec::new();
        let (mut parties, mut hosts) = (BTreeSet::new(), BTreeSet::new());
        let (mut values, mut seqs) = (BTreeSet::new(), BTreeSet::new());
        let moved = case.head.moved();
        for kept in case.seen_by(circle, person).filter(|kept| !moved.contains(&place(&kept.header))) {
            let Some((_, content)) = &kept.body else { continue };
            let is_chosen = match content {
                Content::PartyMoved(party) => note(&self.parties, &[&party.party], &mut parties),
                Content::Observable(one) => note(&self.observables, &[&one.value], &mut values),
                Content::HostHeld(held) => note(&self.hosts, &[&held.host], &mut hosts),
                Content::Relation(flow) => note(&self.hosts, &[&flow.from, &flow.to], &mut hosts),
                _ => false,
            };
            if self.entries.contains(&kept.seq) {
                if !can_move(content) {
                    return Err(wrong(format!(
                        "entry {} belongs to the incident as a whole and cannot be moved",
                        kept.seq
                    )));
                }
                seqs.insert(kept.seq);
            }
            if is_chosen || self.entries.contains(&kept.seq) {
                entries.push(place(&kept.header));
            }
        }
        let missing =
            |wanted: &[String], found: &BTreeSet<String>| wanted.iter().find(|one| !found.contains(*one)).cloned();
        let odd = missing(&self.parties, &parties).or_else(|| missing(&self.observables, &values));
        if let Some(odd) = odd.or_else(|| missing(&self.hosts, &hosts)) {
            let problem = Problem::new(format!("`{odd}` is not in {}", case.head.number));
            let state = case.state_for(circle, person);
            return Err(Refused::Absent(match nearest(&odd, state.parties.keys().map(String::as_str)) {
                Some(near) => problem.hint(format!("did you mean `{near}`?")),
                None => problem,
            }));
        }
        if let Some(seq) = self.entries.iter().find(|seq| !seqs.contains(*seq)) {
            return Err(absent(format!("there is no entry {seq} in {}", case.head.number)));
        }
        match entries.len() {
            0 => {
                let problem = Problem::new("nothing was chosen to be moved");
                Err(Refused::Wrong(problem.hint("choose parties, observables, hosts or entries")))
            }
            some if some > DRAFTS_MAX => {
                Err(wrong(format!("at most {DRAFTS_MAX} entries are moved at once; these are {some}")))
            }
            _ => Ok(entries),
        }
    }
}

/// Whether one of these is wanted; notes which were found.
fn note(wanted: &[String], named: &[&String], found: &mut BTreeSet<String>) -> bool {
    let before: Vec<&&String> = named.iter().filter(|one| wanted.contains(**one)).collect();
    found.extend(before.iter().map(|one| String::clone(one)));
    !before.is_empty()
}

/// Whether an entry can show in another incident than its own.
fn can_move(content: &Content) -> bool {
    matches!(
        content,
        Content::PartyMoved(_)
            | Content::Observable(_)
            | Content::HostHeld(_)
            | Content::Relation(_)
            | Content::Happened(_)
            | Content::Note(_)
            | Content::Finding(_)
            | Content::Decision(_)
            | Content::Task(_)
            | Content::EventLinked(_)
            | Content::EventsLinked(_)
            | Content::NoticeLinked(_)
            | Content::Lesson(_)
            | Content::Effort(_)
    )
}
