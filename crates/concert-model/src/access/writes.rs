//! What it takes to write an entry, by what it says.

use super::{Action, Circle, Person};
use crate::incident::content::{Content, Role};
use crate::incident::marking::{Marking, Tlp};

impl Action {
    /// What somebody wants to do who writes this into an incident.
    pub fn of(content: &Content, person: &Person, circle: &Circle) -> Self {
        match content {
            Content::Opened(_) => Self::Open,
            Content::Note(_)
            | Content::Finding(_)
            | Content::Observable(_)
            | Content::Happened(_)
            | Content::Relation(_)
            | Content::Effort(_)
            | Content::Lesson(_) => Self::Note,
            Content::Stepped(_) | Content::Answered(_) => Self::Follow,
            Content::Marked(marked) => match &circle.marking {
                Some(marking) if !marked.marking.widens(marking) => Self::Raise,
                _ => Self::Lower,
            },
            Content::RoleMoved(moved) => {
                let is_open = circle.holders.get(&Role::Coordinator).is_none_or(|holders| holders.is_empty());
                let takes = moved.role == Role::Coordinator && moved.holds && moved.person == person.name;
                if takes && is_open && moved.party.is_empty() { Self::TakeUp } else { Self::Staff }
            }
            Content::Release(_) | Content::NeighbourNamed(_) => Self::Release,
            Content::Erased(_) => Self::Erase,
            _ => Self::Conduct,
        }
    }
}

/// Kinds that are fields of the incident: whoever may see it sees them, however they are marked.
const FIELDS: [&str; 7] = ["opened/1", "title/1", "classification/1", "severity/1", "status/1", "marking/1", "role/1"];

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
    use super::*;

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
