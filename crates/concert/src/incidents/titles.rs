//! Titles that name a machine or a party, and reasons of a status, a marking, or an order of telling that do. Whoever reads an incident for a party
//! alone reads such a text only where all that it names is known to that party: its own, released to it, or named by an
//! entry that it sees. Otherwise a text stands in place of it, and nothing is found by its words.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use concert_model::Problem;
use concert_model::access::{Circle, Person, is_field, reads_for, sees_flow};
use concert_model::incident::PartyStatus;
use concert_model::incident::content::{Content, Erased};
use concert_model::incident::draft::Draft;
use concert_model::incident::fold::Incident;
use concert_store::records::incidents::Head;
use serde_json::json;

use super::case::{Case, Kept};
use super::mail::{Folded, Names, hosts_in, plain};
use super::report::REPORTER;
use super::{Incidents, Refused, text};

/// What stands in place of a title.
pub(super) const WITHHELD: &str = "(title withheld: it names what was not released to you)";

/// What stands in place of a reason.
const REASON_WITHHELD: &str = "(reason withheld: it names what was not released to you)";

/// What stands in place of why a party stands as it does, for that party.
pub(super) const WHY_WITHHELD: &str = "(reason withheld: it is not for the party)";

/// The title that an entry gives, or the reason of a field: whoever sees the incident sees it. Or why somebody is told later
/// than others. With how it is called, and what stands in place of it.
fn told_by(content: &mut Content) -> Option<(&'static str, &mut String, &'static str)> {
    match content {
        Content::Opened(opened) => Some(("title", &mut opened.title, WITHHELD)),
        Content::Titled(titled) => Some(("title", &mut titled.title, WITHHELD)),
        Content::Moved(moved) => Some(("reason", &mut moved.reason, REASON_WITHHELD)),
        Content::Marked(marked) => Some(("reason", &mut marked.reason, REASON_WITHHELD)),
        Content::TellingHeld(held) => Some(("reason", &mut held.reason, REASON_WITHHELD)),
        Content::TellingOrdered(order) => Some(("reason", &mut order.reason, REASON_WITHHELD)),
        _ => None,
    }
}

/// The same, to look at.
fn text_of(content: &Content) -> Option<&str> {
    match content {
        Content::Opened(opened) => Some(&opened.title),
        Content::Titled(titled) => Some(&titled.title),
        Content::Moved(moved) => Some(&moved.reason),
        Content::Marked(marked) => Some(&marked.reason),
        Content::TellingHeld(held) => Some(&held.reason),
        Content::TellingOrdered(order) => Some(&order.reason),
        _ => None,
    }
}

/// Whether an entry has a text that not everybody reads who sees the entry.
pub(super) fn has_text(kept: &Kept) -> bool {
    kept.body.as_ref().is_some_and(|(_, content)| text_of(content).is_some())
}

/// Whether that text of an entry, as somebody reads it, was withheld.
pub(super) fn is_withheld(kept: &Kept) -> bool {
    let Some((_, content)) = &kept.body else { return false };
    match content {
        Content::PartyMoved(moved) => moved.text == WHY_WITHHELD,
        _ => text_of(content).is_some_and(|text| [WITHHELD, REASON_WITHHELD].contains(&text)),
    }
}

/// Others that a title names, out of these.
fn names_in<'n>(title: &Folded, others: impl Iterator<Item = &'n str>, own: &[&str]) -> BTreeSet<&'n str> {
    let is_other = |name: &&str| *name != REPORTER && !own.contains(name);
    // Each for itself, since one that is known must not hide another.
    others
        .filter(is_other)
        .filter(|name| [*name].into_iter().collect::<Names<'_>>().first_in(title).is_some())
        .collect()
}

/// Whether a title may be read by whoever reads for these parties alone.
fn is_open(case: &Case, (circle, person): (&Circle, &Person), own: &[&str], title: &str) -> bool {
    let mut hosts = hosts_in(title);
    let folded = Folded::of(title);
    let here = case.head.parties.keys().chain(case.head.speakers.keys());
    let others = here.chain(&case.left).chain(&case.came.parts).map(String::as_str);
    let mut names = names_in(&folded, others, own);
    if hosts.is_empty() && names.is_empty() {
        return true;
    }
    let mut owners = BTreeMap::new();
    for kept in case.entries.iter() {
        let Some((body, content)) = &kept.body else { continue };
        let may_know = |party: &&str| sees_flow(person, circle, (&body.marking, &body.author), party).allowed;
        match content {
            Content::HostHeld(held) if own.iter().any(may_know) => drop(owners.insert(plain(&held.host), &held.party)),
            Content::NeighbourNamed(named)
                if own.contains(&named.party.as_str()) && may_know(&named.party.as_str()) =>
            {
                hosts.remove(&plain(&named.host));
                names.retain(|name| owners.get(&plain(&named.host)).is_none_or(|owner| owner != name));
            }
            _ => {}
        }
    }
    hosts.retain(|host| owners.get(host).is_none_or(|owner| !own.contains(&owner.as_str())));
    let mut entries = case.seen_by(circle, person);
    while !hosts.is_empty() || !names.is_empty() {
        let Some(kept) = entries.next() else { return false };
        match kept.body.as_ref().map(|(_, content)| content) {
            None => {}
            // No such text makes another one readable.
            Some(content) if text_of(content).is_some() => {}
            Some(Content::PartyMoved(moved)) => {
                names.remove(moved.party.as_str());
            }
            Some(content) if !hosts.is_empty() => {
                for one in text::values(content) {
                    hosts.remove(&one.value);
                }
            }
            Some(_) => {}
        }
    }
    true
}

/// A title as somebody reads it who sees the incident.
pub(super) fn read(case: &Case, circle: &Circle, person: &Person, title: &str) -> String {
    match reads_for(person, circle).is_some_and(|own| !is_open(case, (circle, person), &own, title)) {
        true => WITHHELD.to_owned(),
        false => title.to_owned(),
    }
}

/// An entry with a title or a reason that somebody may not read, as that one reads it.
pub(super) fn read_by(case: &Case, circle: &Circle, person: &Person, kept: &Arc<Kept>) -> Option<Arc<Kept>> {
    let text = kept.body.as_ref().and_then(|(_, content)| text_of(content))?;
    if reads_for(person, circle).is_none_or(|own| is_open(case, (circle, person), &own, text)) {
        return None;
    }
    let (mut body, mut content) = kept.body.clone()?;
    let (member, text, withheld) = told_by(&mut content)?;
    if let Some(member) = body.content.get_mut(member) {
        *member = json!(withheld);
    }
    withheld.clone_into(text);
    Some(Arc::new(kept.with((body, content))))
}

/// Puts the title into a state as somebody reads it.
pub(super) fn put(case: &Case, circle: &Circle, person: &Person, state: &mut Incident) {
    state.title = read(case, circle, person, &case.head.title);
}

/// Whether entries make a title of which to warn: another one, a party that comes, or a host that gets a party.
pub(super) fn concerns(drafts: &[Draft]) -> bool {
    drafts.iter().any(|draft| match &draft.content {
        Content::Titled(_) | Content::HostHeld(_) => true,
        Content::PartyMoved(moved) => moved.status == PartyStatus::Unknown,
        Content::RoleMoved(moved) => moved.holds && !moved.party.is_empty(),
        _ => false,
    })
}

/// A warning where an incident is marked otherwise and more people read its fields than while they were written.
pub(super) fn opened_up(case: &Case, drafts: &[Draft]) -> Option<Problem> {
    let marking = drafts.iter().rev().find_map(|draft| match &draft.content {
        Content::Marked(marked) => Some(&marked.marking),
        _ => None,
    })?;
    // The title that holds is meant to be read.
    let is_told = |text: &str| !text.is_empty() && text != case.head.title;
    let is_opened = |kept: &&Arc<Kept>| match &kept.body {
        Some((body, content)) => {
            is_field(&body.kind) && text_of(content).is_some_and(is_told) && marking.widens(&body.marking)
        }
        None => false,
    };
    let count = case.entries.iter().filter(is_opened).count();
    let what = format!("titles and reasons that were written for fewer people are read by more now: {count} in all");
    let problem = Problem::new(what);
    let hint = "`concert incident log N --kind opened,title,status,marking` shows them; what a later one replaced can be erased, and what the incident was opened with";
    (count > 0).then(|| problem.hint(hint))
}

/// Whether a later entry of the same kind took the place of a field. A role is another for each person, and of what an
/// incident was opened with something stands.
pub(super) fn is_replaced(case: &Case, erased: &Erased) -> bool {
    let kind_of = |kept: &Arc<Kept>| kept.body.as_ref().map(|(body, _)| body.kind.clone());
    let mut behind = case.entries.iter().skip_while(|kept| !kept.is_at(&erased.site, erased.sequence));
    let Some(kind) = behind.next().and_then(kind_of).filter(|kind| !["opened/1", "role/1"].contains(&kind.as_str()))
    else {
        return false;
    };
    behind.any(|kept| kind_of(kept).as_ref() == Some(&kind))
}

/// Reasons that are written and not read by everybody.
pub(super) fn reasons(drafts: &[Draft]) -> Vec<String> {
    let reason = |draft: &Draft| match &draft.content {
        Content::Moved(moved) => Some(moved.reason.clone()),
        Content::Marked(marked) => Some(marked.reason.clone()),
        Content::TellingHeld(held) => Some(held.reason.clone()),
        Content::TellingOrdered(order) => Some(order.reason.clone()),
        _ => None,
    };
    drafts.iter().filter_map(reason).collect()
}

impl Incidents {
    /// Puts the title into a row of a list as a person reads it who sees the incident.
    pub(super) async fn put_title(&self, person: &Person, circle: &Circle, head: &mut Head) -> Result<(), Refused> {
        let Some(own) = reads_for(person, circle) else { return Ok(()) };
        // Few titles name anybody: of the others no journal is read.
        let others = circle.constituencies.iter().chain(circle.speakers.keys()).map(String::as_str);
        if hosts_in(&head.title).is_empty() && names_in(&Folded::of(&head.title), others, &own).is_empty() {
            return Ok(());
        }
        head.title = read(&*self.case(&head.id).await?, circle, person, &head.title);
        Ok(())
    }

    /// A warning where the title names an observable or a host of the incident, as far as a person sees them.
    pub(super) async fn title_told(&self, person: &Person, incident: &str) -> Result<Option<Problem>, Refused> {
        let Some((case, circle)) = self.found(person, incident).await? else { return Ok(None) };
        let state = self.states.of(&case, &circle, person);
        let warning = |host: String| {
            let problem = Problem::new(format!("the title names {host}: parties that do not know it read no title"));
            problem.hint("`concert incident write N title title=...` with one that names no machine")
        };
        Ok(named_of(&state, &state.title).map(warning))
    }

    /// The same of reasons that were just written.
    pub(super) async fn reasons_told(
        &self,
        person: &Person,
        incident: &str,
        reasons: &[String],
    ) -> Result<Option<Problem>, Refused> {
        if reasons.iter().all(|reason| hosts_in(reason).is_empty()) {
            return Ok(None);
        }
        let Some((case, circle)) = self.found(person, incident).await? else { return Ok(None) };
        let state = self.states.of(&case, &circle, person);
        let warning = |host: String| {
            let problem = Problem::new(format!("the reason names {host}: parties that do not know it read no reason"));
            problem.hint("write what names a machine as a note, which has a marking of its own")
        };
        Ok(reasons.iter().find_map(|reason| named_of(&state, reason)).map(warning))
    }
}

/// An observable or host of an incident that a text names.
fn named_of(state: &Incident, text: &str) -> Option<String> {
    let named = hosts_in(text);
    if named.is_empty() {
        return None;
    }
    let ends = state.relations.iter().flat_map(|relation| [&relation.from, &relation.to]);
    let values = state.observables.iter().map(|(_, value)| value);
    let known: BTreeSet<String> = ends.chain(values).chain(state.hosts.keys()).map(|host| plain(host)).collect();
    named.intersection(&known).next().cloned()
}
