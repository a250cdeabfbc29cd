//! The rules, in the order in which they are asked.

use std::collections::BTreeSet;

use super::{Action, BY_ITSELF, Circle, Decision, Forbid, Kept, Object, Person};
use crate::incident::content::Role;
use crate::incident::marking::{Marking, Tlp};
use crate::user::StandingRole;

/// A token with this scope allows whatever its user may do.
pub const ALL_SCOPES: &str = "admin";

/// Compartments that a role opens. Any other one is open to the persons named in the marking alone.
const COMPARTMENTS: [(&str, Role); 2] =
    [("law-enforcement", Role::LawEnforcementLiaison), ("legal", Role::LegalAndPrivacy)];

/// Roles that write notes.
const NOTING: [Role; 8] = [
    Role::Coordinator,
    Role::SiteLead,
    Role::Responder,
    Role::LeadInvestigator,
    Role::Investigator,
    Role::LawEnforcementLiaison,
    Role::LegalAndPrivacy,
    Role::Communications,
];
/// Roles that conduct the work.
const CONDUCTING: [Role; 5] =
    [Role::Coordinator, Role::SiteLead, Role::Responder, Role::LeadInvestigator, Role::Investigator];
/// Roles that decide who has which role, and how the whole is marked.
const LEADING: [Role; 2] = [Role::Coordinator, Role::SiteLead];
/// Roles that let something out.
const RELEASING: [Role; 3] = [Role::Coordinator, Role::SiteLead, Role::LegalAndPrivacy];
/// Roles that have something erased.
const ERASING: [Role; 2] = [Role::SiteLead, Role::LegalAndPrivacy];
/// Roles that see all that their clearance and the markings allow; the others see what is meant for them.
const SEEING: [Role; 7] = [
    Role::Coordinator,
    Role::SiteLead,
    Role::Responder,
    Role::LeadInvestigator,
    Role::Investigator,
    Role::LawEnforcementLiaison,
    Role::LegalAndPrivacy,
];

/// Whether a person may do something with an object, and why.
pub fn may(person: &Person, action: Action, object: Object<'_>) -> Decision {
    if person.is_operator {
        return Decision::yes("operator", "whoever can read the data of the site is trusted with it");
    }
    if let Some(decision) = lacks_scope(person, action) {
        return decision;
    }
    if let Some(decision) = forbidden(person, action, object) {
        return decision;
    }
    match object {
        Object::Site => at_site(person, action, &[]),
        Object::Of(constituencies) => at_site(person, action, constituencies),
        Object::Incident(circle) => at_incident(person, action, circle),
        Object::Item { circle, marking, author } => {
            let is_by_itself = author == BY_ITSELF && marking.persons.is_empty();
            let author = if is_by_itself { &circle.opener } else { author };
            match action {
                // Reading is not answering for how it is marked.
                Action::Lower | Action::Raise if is_by_itself => {
                    let seen = at_item(person, Action::See, circle, marking, author);
                    if seen.allowed { at_incident(person, action, circle) } else { seen }
                }
                _ => at_item(person, action, circle, marking, author),
            }
        }
        Object::Step { circle, marking, author, role, party } => {
            let whole = at_item(person, action, circle, marking, author);
            let party = party.filter(|_| role == Some(Role::AffectedParty));
            match party.filter(|_| !whole.allowed && matches!(action, Action::See | Action::Follow)) {
                Some(party) => at_own_step(person, circle, (marking, author), party).unwrap_or(whole),
                None => whole,
            }
        }
    }
}

/// The decision that keeps out whoever came with a token that is not made for it, whatever it is about. What the own
/// token is good for may be told to anybody.
pub fn lacks_scope(person: &Person, action: Action) -> Option<Decision> {
    let scopes = person.scopes.as_ref()?;
    let has = scopes.contains(action.scope()) || scopes.contains(ALL_SCOPES);
    (!has).then(|| Decision::no("token", format!("the token lacks the scope {}", action.scope())))
}

/// The decision by which the site forbids something. What is forbidden of an incident is forbidden of all that is in it.
///
/// Whoever writes is asked about the incident; of what is written, or is about something in it, the own marking counts too.
pub fn forbidden(person: &Person, action: Action, object: Object<'_>) -> Option<Decision> {
    let around = match object {
        Object::Item { circle, .. } | Object::Step { circle, .. } => Object::Incident(circle),
        other => other,
    };
    let holds = |forbid: &&Forbid| forbid.holds(action, object) || forbid.holds(action, around);
    let forbid = person.forbidden.iter().find(holds).filter(|_| !person.is_operator)?;
    Some(Decision::no("forbidden", format!("this site forbids it: {}", forbid.name)))
}

/// Whether one of these standing roles is held, for everything or for one of the constituencies.
fn stands<'c>(person: &Person, roles: &[StandingRole], mut constituencies: impl Iterator<Item = &'c str>) -> bool {
    let held = || person.standing.iter().filter(|standing| roles.contains(&standing.role));
    held().any(|standing| standing.constituency.is_none())
        || constituencies.any(|one| held().any(|standing| standing.constituency.as_deref() == Some(one)))
}

fn at_site(person: &Person, action: Action, constituencies: &[&str]) -> Decision {
    let stands = |roles: &[StandingRole]| stands(person, roles, constituencies.iter().copied());
    let everywhere = |role| person.standing.iter().any(|standing| standing.role == role);
    let (allowed, needs) = match action {
        // For whichever constituency: whoever opens an incident has a part in it.
        Action::Open => (everywhere(StandingRole::Handler), "handler"),
        Action::SeeSite(Kept::Events | Kept::Notices | Kept::Contacts) => {
            (stands(&[StandingRole::Handler, StandingRole::Reader]), "handler or reader")
        }
        Action::ChangeSite(_) => (stands(&[StandingRole::Handler]), "handler"),
        Action::SeeMetrics => (
            stands(&[StandingRole::Administrator, StandingRole::Handler, StandingRole::Reader]),
            "administrator, handler or reader",
        ),
        Action::ManageUsers => (stands(&[StandingRole::Administrator]), "administrator"),
        Action::ReadLog => (stands(&[StandingRole::Auditor]), "auditor"),
        _ => return Decision::no("default", "no rule allows it"),
    };
    match allowed {
        true => Decision::yes("standing", format!("{} is {needs}", person.name)),
        false => Decision::no("standing", format!("it takes the standing of {needs} for it")),
    }
}

/// The first of these roles that the person holds in the incident.
fn holds(person: &Person, circle: &Circle, roles: &[Role]) -> Option<Role> {
    let held = |role: &&Role| circle.holders.get(role).is_some_and(|holders| holders.contains(&person.name));
    roles.iter().find(held).copied()
}

/// Whether somebody gains a part in an incident, or a wider one, by a standing that is limited, where a party of these
/// constituencies takes part too.
pub fn lets_in(person: &Person, circle: &Circle, constituencies: &BTreeSet<String>) -> bool {
    let gains = |roles: &[StandingRole]| {
        let stands = |of: &BTreeSet<String>| stands(person, roles, of.iter().map(String::as_str));
        !stands(&circle.constituencies) && stands(constituencies)
    };
    !person.is_operator && (gains(&[StandingRole::Handler]) || gains(&[StandingRole::Handler, StandingRole::Reader]))
}

/// Whether the person works on incidents of these constituencies by standing.
fn handles(person: &Person, circle: &Circle) -> bool {
    stands(person, &[StandingRole::Handler], circle.constituencies.iter().map(String::as_str))
}

/// Whether a role or the standing allows a person to conduct the work of an incident that the person sees.
pub(super) fn conducts(person: &Person, circle: &Circle) -> bool {
    person.is_operator || holds(person, circle, &CONDUCTING).is_some() || handles(person, circle)
}

/// The parties that the person speaks for.
pub(super) fn parties_of<'c>(person: &Person, circle: &'c Circle) -> impl Iterator<Item = &'c str> {
    let speaks = |(_, speakers): &(&String, &std::collections::BTreeSet<String>)| speakers.contains(&person.name);
    circle.speakers.iter().filter(speaks).map(|(party, _)| party.as_str())
}

/// What lets a person into an incident at all.
#[derive(Clone, Copy)]
enum Way<'c> {
    /// Sees what clearance and markings allow.
    Whole(&'static str),
    /// Sees what was released, and what names the person.
    Released(&'static str),
    /// Sees what is for its party, and what names the person.
    Party(&'c str),
}

/// Every way in, the widest first. Who has several parts in an incident sees what any of them shows.
fn ways_in<'c>(person: &Person, circle: &'c Circle) -> impl Iterator<Item = Way<'c>> {
    let constituencies = circle.constituencies.iter().map(String::as_str);
    let standing = || stands(person, &[StandingRole::Handler, StandingRole::Reader], constituencies);
    let whole = holds(person, circle, &SEEING).map(Role::word).or_else(|| standing().then_some("standing"));
    let released = holds(person, circle, &[Role::Communications, Role::Observer]).map(Role::word);
    let parties = parties_of(person, circle).map(Way::Party);
    whole.map(Way::Whole).into_iter().chain(released.map(Way::Released)).chain(parties)
}

/// Whether a person is cleared for what bears a label, such as an event; what bears none is for whoever may see
/// its kind.
pub fn cleared(person: &Person, label: Tlp) -> bool {
    person.is_operator || label <= person.clearance
}

/// The parties for which alone a person reads an incident that the person sees; `None` for whoever has another part in
/// it that shows it.
pub fn reads_for<'c>(person: &Person, circle: &'c Circle) -> Option<Vec<&'c str>> {
    let marking = circle.marking.as_ref().filter(|_| !person.is_operator)?;
    let shows = |way: &Way<'_>| shows(*way, person, (marking, &circle.opener), true).allowed;
    let reads_whole = ways_in(person, circle).filter(shows).any(|way| !matches!(way, Way::Party(_)));
    (!reads_whole).then(|| parties_of(person, circle).collect())
}

/// Whether a person sees who speaks for one of the parties of an incident: whoever has a part in it for a party
/// alone learns of no other.
pub fn sees_speakers(person: &Person, circle: &Circle, party: &str) -> Decision {
    let seen = may(person, Action::See, Object::Incident(circle));
    let is_own = circle.speakers.get(party).is_some_and(|speakers| speakers.contains(&person.name));
    if !seen.allowed || is_own || person.is_operator {
        return seen;
    }
    match reads_for(person, circle) {
        None => seen,
        Some(own) => Decision::no("need-to-know", format!("{} learns of no other party", own.join(", "))),
    }
}

/// Whether whoever speaks for a party may know of a flow to or from one of its hosts, though not who is at its end.
///
/// It is like what is for the party, whichever parties the entry is for. The label still counts, and the compartment.
pub fn sees_flow(person: &Person, circle: &Circle, (marking, author): (&Marking, &str), party: &str) -> Decision {
    let for_it = Marking { parties: vec![party.to_owned()], ..marking.clone() };
    may(person, Action::See, Object::Item { circle, marking: &for_it, author })
}

/// Whether a person sees how a party stands, as an entry says.
///
/// It is whoever sees the entry, and whoever speaks for the party, as if it were for that party. What the entry says besides,
/// such as why, is for those who see the entry alone.
pub fn sees_standing(person: &Person, circle: &Circle, (marking, author): (&Marking, &str), party: &str) -> Decision {
    let seen = may(person, Action::See, Object::Item { circle, marking, author });
    if seen.allowed { seen } else { sees_flow(person, circle, (marking, author), party) }
}

/// Whether a fact about a party's own hosts may go to that party under a label, whoever tells it: the same without a
/// person.
pub fn tells_flow(marking: &Marking, label: Tlp) -> bool {
    marking.compartment.is_empty() && marking.tlp <= label.min(Tlp::Amber)
}

/// Whether what is marked so may be seen. `whole` is said of an incident, whose label AMBER admits the
/// parties that take part: being asked to take part is their need to know.
fn sees(person: &Person, circle: &Circle, marking: &Marking, author: &str, whole: bool) -> Decision {
    let mut ways = ways_in(person, circle).peekable();
    if ways.peek().is_none() {
        return Decision::no("no-part", "has no part in the incident and no standing for it");
    }
    let is_named = marking.persons.contains(&person.name);
    let is_author = author == person.name;
    if !marking.compartment.is_empty() && !is_named && !is_author {
        let opens = COMPARTMENTS.iter().filter(|(name, _)| *name == marking.compartment);
        if !opens.map(|(_, role)| *role).any(|role| holds(person, circle, &[role]).is_some()) {
            return Decision::no("compartment", format!("it lies in the compartment {}", marking.compartment));
        }
    }
    if marking.tlp > person.clearance {
        let reason = format!("TLP:{} is above the clearance of {}", marking.tlp, person.clearance);
        return Decision::no("clearance", reason);
    }
    if marking.tlp == Tlp::Red && !is_named && !is_author {
        return Decision::no("tlp-red", "TLP:RED is for the named persons only");
    }
    let mut denied = None;
    for way in ways {
        let decision = shows(way, person, (marking, author), whole);
        if decision.allowed {
            return decision;
        }
        denied.get_or_insert(decision);
    }
    denied.unwrap_or_else(|| Decision::no("default", "no rule allows it"))
}

/// Whether one way in shows what is marked so, to somebody whom clearance, label and compartment do not keep from it.
fn shows(way: Way<'_>, person: &Person, (marking, author): (&Marking, &str), whole: bool) -> Decision {
    let is_named = marking.persons.contains(&person.name);
    let is_open = marking.tlp <= Tlp::Green;
    match way {
        _ if author == person.name => Decision::yes("author", "wrote it"),
        Way::Whole(by) if is_named => Decision::yes("named", format!("is named, and has a part in it by {by}")),
        Way::Whole(by) => Decision::yes("part", format!("has a part in it by {by}, and TLP:{} allows", marking.tlp)),
        Way::Released(by) if is_open || is_named => {
            Decision::yes("released", format!("{by} sees what is released or names the person"))
        }
        Way::Released(by) => Decision::no("released", format!("{by} sees only what is released")),
        Way::Party(party) if is_open => {
            Decision::yes("party", format!("TLP:{} allows, and {party} takes part", marking.tlp))
        }
        Way::Party(_) if marking.tlp == Tlp::AmberStrict => {
            Decision::no("tlp-amber-strict", "TLP:AMBER+STRICT stays within the site")
        }
        Way::Party(party) if is_named => Decision::yes("named", format!("is named, and {party} takes part")),
        Way::Party(party) if whole || marking.parties.iter().any(|one| one == party) => {
            Decision::yes("party", format!("{party} takes part, and it is for {party}"))
        }
        Way::Party(party) => Decision::no("need-to-know", format!("it is not for {party}")),
    }
}

/// Whether the incident itself may be seen.
fn sees_incident(person: &Person, circle: &Circle) -> Decision {
    match &circle.marking {
        Some(marking) => sees(person, circle, marking, &circle.opener, true),
        None => Decision::no("sealed", "how it is marked is not known here"),
    }
}

/// Those who look after the whole may ask about what they do not see.
fn looks_after(person: &Person, action: Action, circle: &Circle) -> bool {
    let constituencies = circle.constituencies.iter().map(String::as_str);
    matches!(action, Action::AskWho | Action::ReadLog) && stands(person, &[StandingRole::Auditor], constituencies)
}

fn at_incident(person: &Person, action: Action, circle: &Circle) -> Decision {
    if looks_after(person, action, circle) {
        return Decision::yes("auditor", "is auditor");
    }
    let seen = sees_incident(person, circle);
    if !seen.allowed || action == Action::See {
        return seen;
    }
    let by_role = |roles: &[Role]| holds(person, circle, roles).map(Role::word);
    let standing = || handles(person, circle).then_some("standing");
    let by = match action {
        Action::Note => {
            by_role(&NOTING).or_else(standing).or_else(|| parties_of(person, circle).next().map(|_| "its party"))
        }
        Action::Raise | Action::Follow => by_role(&NOTING).or_else(standing),
        Action::Conduct => by_role(&CONDUCTING).or_else(standing),
        Action::TakeUp if circle.has_coordinator() => {
            return Decision::no("taken", "the incident has a coordinator, who hands it over");
        }
        Action::TakeUp => standing(),
        Action::Lower | Action::Staff => by_role(&LEADING),
        Action::Release => by_role(&RELEASING),
        Action::Erase => by_role(&ERASING),
        Action::AskWho => by_role(&RELEASING),
        Action::ReadLog => by_role(&[Role::Coordinator, Role::Observer]),
        _ => None,
    };
    match by {
        Some(by) => Decision::yes("role", format!("may {} by {by}", action.word())),
        None => Decision::no("role", format!("no role of {} allows to {}", person.name, action.word())),
    }
}

fn at_item(person: &Person, action: Action, circle: &Circle, marking: &Marking, author: &str) -> Decision {
    if looks_after(person, action, circle) {
        return at_incident(person, action, circle);
    }
    let whole = sees_incident(person, circle);
    if !whole.allowed {
        return whole;
    }
    let seen = sees(person, circle, marking, author, false);
    if !seen.allowed || action == Action::See {
        return seen;
    }
    // Whoever wrote it answers for how it is marked.
    if author == person.name && matches!(action, Action::Lower | Action::Raise) {
        return Decision::yes("author", "wrote it");
    }
    at_incident(person, action, circle)
}

/// Whether somebody sees and does a step that is the affected party's, by answering for the party that it concerns: as if
/// what began the process were for that party. `None` for everybody else, to whom the step is as any other.
fn at_own_step(person: &Person, circle: &Circle, (marking, author): (&Marking, &str), party: &str) -> Option<Decision> {
    let answers = parties_of(person, circle).any(|own| own == party);
    if !answers || holds(person, circle, &[Role::AffectedParty]).is_none() {
        return None;
    }
    let whole = sees_incident(person, circle);
    if !whole.allowed {
        return Some(whole);
    }
    let for_it = Marking { parties: vec![party.to_owned()], ..marking.clone() };
    let seen = sees(person, circle, &for_it, author, false);
    Some(if seen.allowed { Decision::yes("own-step", format!("the step is that of {party}")) } else { seen })
}
