//! What it takes to write an entry, by what it says.

use super::rules::{conducts, parties_of};
use super::{Action, Circle, Person};
use crate::incident::content::{Act, Content, Role};
use crate::incident::marking::{Marking, Tlp};

impl Action {
    /// What somebody wants to do who writes this into an incident.
    pub fn of(content: &Content, person: &Person, circle: &Circle) -> Self {
        match content {
            Content::Opened(_) => Self::Open,
            Content::Opening(_) => Self::Erase,
            // Time of others is booked by whoever conducts the work.
            Content::Effort(effort) if effort.person != person.name => Self::Conduct,
            // A party says itself how it stands, and hands in what it has; what becomes of either is for others.
            _ if is_of_own_party(content, person, circle) && !conducts(person, circle) => Self::Note,
            Content::Note(_)
            | Content::Observable(_)
            | Content::Happened(_)
            | Content::Relation(_)
            | Content::Effort(_)
            | Content::Lesson(_) => Self::Note,
            // What was found is said by those who work on it, not for a party.
            Content::Stepped(_) | Content::Answered(_) | Content::Finding(_) => Self::Follow,
            Content::Marked(marked) => match &circle.marking {
                Some(marking) if !marked.marking.widens(marking) => Self::Raise,
                _ => Self::Lower,
            },
            Content::RoleMoved(moved) => {
                let takes = moved.role == Role::Coordinator && moved.holds && moved.person == person.name;
                if takes && !circle.has_coordinator() && moved.party.is_empty() { Self::TakeUp } else { Self::Staff }
            }
            Content::Release(_) | Content::NeighbourNamed(_) => Self::Release,
            Content::Erased(_) => Self::Erase,
            // Whoever wrote the entry may too: see where it is written.
            Content::Remarked(_) => Self::Lower,
            _ => Self::Conduct,
        }
    }
}

/// Whether somebody who speaks for a party says how that stands, or brings evidence of its own.
fn is_of_own_party(content: &Content, person: &Person, circle: &Circle) -> bool {
    let mut own = parties_of(person, circle);
    match content {
        Content::PartyMoved(moved) => moved.status.is_own_word() && own.any(|party| party == moved.party),
        Content::EvidenceAdded(added) => added.of.is_empty() && own.next().is_some(),
        // Where it was got is written with it: see where it is written.
        Content::Custody(custody) => matches!(custody.act, Act::Collected | Act::Received) && own.next().is_some(),
        _ => false,
    }
}

/// Whether what a person marks so may be read by anybody who may not read the incident. Whoever speaks for a party
/// writes for that.
pub fn lets_out(person: &Person, circle: &Circle, marking: &Marking) -> bool {
    let Some(whole) = &circle.marking else { return false };
    let speaks = |party: &&String| circle.speakers.get(*party).is_some_and(|names| names.contains(&person.name));
    let parties = marking.parties.iter().filter(|party| !speaks(party)).cloned().collect();
    Marking { parties, ..marking.clone() }.widens(whole)
}

/// Kinds that are fields of the incident: whoever may see it sees them, however they are marked.
const FIELDS: [&str; 8] =
    ["opened/1", "opening/1", "title/1", "classification/1", "severity/1", "status/1", "marking/1", "role/1"];

/// Whether entries of this kind are fields of the incident.
pub fn is_field(kind: &str) -> bool {
    FIELDS.contains(&kind)
}

impl Marking {
    /// Whether anybody may read what is marked so who may not read what is marked like `other`.
    pub fn widens(&self, other: &Marking) -> bool {
        let more = |mine: &[String], theirs: &[String]| mine.iter().any(|one| !theirs.contains(one));
        let names_count = self.tlp == Tlp::Red || !self.compartment.is_empty() || !self.persons.is_empty();
        self.tlp < other.tlp
            || self.compartment != other.compartment && !other.compartment.is_empty()
            || more(&self.parties, &other.parties)
            || names_count
                && more(&self.persons, &other.persons)
                && (other.tlp == Tlp::Red || !other.compartment.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::access::{Object, may};
    use crate::incident::content::{self, Effort, Finding, RoleMoved};
    use crate::user::{Standing, StandingRole};

    /// An incident for amber, with one who speaks for Net A and one who conducts.
    fn circle() -> Circle {
        let names = |name: &str| BTreeSet::from([name.to_owned()]);
        Circle {
            marking: Some(Marking::of(Tlp::Amber)),
            holders: BTreeMap::from([(Role::Responder, names("ben")), (Role::LegalAndPrivacy, names("lex"))]),
            speakers: BTreeMap::from([("Net A".to_owned(), names("otto"))]),
            ..Circle::default()
        }
    }

    fn person(name: &str) -> Person {
        Person { is_operator: false, ..Person::operator(name) }
    }

    #[test]
    fn whoever_speaks_for_a_party_writes_for_that_and_no_more_openly() {
        let check = |name: &str, marking: Marking, want: bool| {
            assert_eq!(lets_out(&person(name), &circle(), &marking), want, "{name} {marking:?}");
        };
        let of = |tlp, parties: &[&str]| Marking {
            parties: parties.iter().map(|one| (*one).to_owned()).collect(),
            ..Marking::of(tlp)
        };
        check("otto", of(Tlp::Amber, &["Net A"]), false);
        check("otto", of(Tlp::Amber, &["Net A", "Net B"]), true);
        check("otto", of(Tlp::Green, &["Net A"]), true);
        check("ben", of(Tlp::Amber, &["Net A"]), true);
        check("ben", of(Tlp::AmberStrict, &[]), false);
    }

    #[test]
    fn time_of_others_is_booked_by_whoever_conducts_and_findings_are_no_matter_of_parties() {
        let may_write = |name: &str, content: Content| {
            let (person, circle) = (person(name), circle());
            may(&person, Action::of(&content, &person, &circle), Object::Incident(&circle)).allowed
        };
        let effort = |of: &str| {
            let (party, work, entry) = (String::new(), "analysis".into(), String::new());
            Content::from(Effort { minutes: 5, person: of.into(), party, work, entry })
        };
        let finding = || {
            let (name, statement, item) = ("key".into(), "It was stolen".into(), String::new());
            Content::from(Finding { name, statement, standing: content::Standing::Hypothesis, item })
        };
        for (name, own, others, found) in
            [("otto", true, false, false), ("lex", true, false, true), ("ben", true, true, true)]
        {
            let got = (may_write(name, effort(name)), may_write(name, effort("anna")), may_write(name, finding()));
            assert_eq!(got, (own, others, found), "{name}");
            assert_eq!(may_write(name, effort("")), others, "{name}: time of nobody is that of others");
        }
    }

    #[test]
    fn an_incident_whose_coordinators_have_gone_is_taken_up_by_a_handler() {
        let handler = Standing { role: StandingRole::Handler, constituency: None };
        let carl = Person { standing: vec![handler], ..person("carl") };
        let role = RoleMoved { role: Role::Coordinator, person: "carl".into(), party: String::new(), holds: true };
        let takes = |holders: &[&str], gone: &[&str]| {
            let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
            let holders = BTreeMap::from([(Role::Coordinator, names(holders))]);
            let circle = Circle { holders, gone: names(gone), ..circle() };
            may(&carl, Action::of(&role.clone().into(), &carl, &circle), Object::Incident(&circle)).allowed
        };
        assert!(!takes(&["anna"], &[]) && !takes(&["anna", "ben"], &["anna"]));
        assert!(takes(&["anna"], &["anna"]) && takes(&["anna", "ben"], &["ben", "anna", "otto"]));
    }

    #[test]
    fn whoever_gains_a_reader_widens() {
        let check = |from: &Marking, to: &Marking, want: bool| assert_eq!(to.widens(from), want, "{from:?} {to:?}");
        let red = |persons: &[&str]| Marking {
            persons: persons.iter().map(|name| (*name).to_owned()).collect(),
            ..Marking::of(Tlp::Red)
        };
        let amber = Marking::of(Tlp::Amber);
        check(&amber, &Marking::of(Tlp::Green), true);
        check(&amber, &Marking::of(Tlp::AmberStrict), false);
        check(&red(&["anna"]), &red(&["anna", "ben"]), true);
        check(&red(&["anna", "ben"]), &red(&["anna"]), false);
        check(&amber, &Marking { parties: vec!["Net".into()], ..amber.clone() }, true);
        let legal = Marking { compartment: "legal".into(), ..amber.clone() };
        check(&amber, &legal, false);
        check(&legal, &amber, true);
        check(&legal, &Marking { persons: vec!["anna".into()], ..legal.clone() }, true);
        check(&amber, &red(&["anna"]), false);
    }
}
