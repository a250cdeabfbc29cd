//! What a site forbids beyond the shipped rules. Nothing can be allowed here.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Action, Object, Person};
use crate::incident::marking::Tlp;
use crate::party::is_same_name;
use crate::user::StandingRole;

/// One thing that the site forbids. What is left empty holds for all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forbid {
    /// What people are told: `Otto works for Net A`.
    pub name: String,
    /// Users it holds for.
    pub persons: BTreeSet<String>,
    /// Standing roles it holds for, besides those users.
    pub standing: BTreeSet<StandingRole>,
    /// Parties and sectors that have to do with the object.
    pub of: BTreeSet<String>,
    /// What is forbidden. Whoever may not see something may do nothing with it.
    pub actions: BTreeSet<Action>,
    /// Only what is marked more strictly than this.
    pub above: Option<Tlp>,
}

impl Forbid {
    fn concerns(&self, person: &Person) -> bool {
        let stands = || person.standing.iter().any(|standing| self.standing.contains(&standing.role));
        self.persons.is_empty() && self.standing.is_empty() || self.persons.contains(&person.name) || stands()
    }

    /// Whether it is forbidden of one of these. Nobody gets around it by writing a name in small letters.
    fn is_of<'n>(&self, mut those: impl Iterator<Item = &'n str>) -> bool {
        those.any(|one| self.of.contains(one) || self.of.iter().any(|name| is_same_name(name, one)))
    }

    pub(super) fn holds(&self, action: Action, object: Object<'_>) -> bool {
        let is_incident = matches!(object, Object::Incident(_) | Object::Item { .. } | Object::Step { .. });
        let is_action = self.actions.is_empty()
            || self.actions.contains(&action)
            || is_incident && self.actions.contains(&Action::See)
            || matches!(action, Action::ChangeSite(kept) if self.actions.contains(&Action::SeeSite(kept)));
        let is_of = self.of.is_empty()
            || match object {
                // All of what a site keeps holds what these parties have to do with. Asked for each party, the
                // others are left.
                Object::Site => matches!(action, Action::SeeSite(_) | Action::ChangeSite(_) | Action::SeeMetrics),
                Object::Of(those) => self.is_of(those.iter().copied()),
                Object::Incident(circle) | Object::Item { circle, .. } | Object::Step { circle, .. } => {
                    self.is_of(circle.constituencies.iter().chain(&circle.merged).map(String::as_str))
                }
            };
        // What has no marking that is known here is as strict as can be.
        let is_above = self.above.is_none_or(|limit| match object {
            Object::Site | Object::Of(_) => false,
            Object::Incident(circle) => circle.marking.as_ref().is_none_or(|marking| marking.tlp > limit),
            Object::Item { marking, .. } | Object::Step { marking, .. } => marking.tlp > limit,
        });
        is_action && is_of && is_above
    }
}

/// All that a site forbids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forbids(pub Vec<Forbid>);

impl Forbids {
    /// The person, with what the site forbids to it. Whoever sits at the machine is trusted with everything.
    pub fn on(&self, person: Person) -> Person {
        let forbidden: Arc<[Forbid]> =
            self.0.iter().filter(|forbid| !person.is_operator && forbid.concerns(&person)).cloned().collect();
        Person { forbidden, ..person }
    }
}

/// Actions that can be forbidden: all but those of whoever sits at the machine.
pub fn can_be_forbidden(action: Action) -> bool {
    action != Action::ManageSite
}

#[cfg(test)]
mod tests {
    use super::super::{Circle, Kept, forbidden, may};
    use super::*;
    use crate::incident::marking::Marking;
    use crate::user::Standing;

    fn handler(name: &str) -> Person {
        let standing = vec![Standing { role: StandingRole::Handler, constituency: None }];
        Person { name: name.into(), is_operator: false, standing, clearance: Tlp::Red, ..Person::nobody() }
    }

    fn circle(tlp: Tlp, of: &str) -> Circle {
        let constituencies = BTreeSet::from([of.to_owned()]);
        Circle { marking: Some(Marking::of(tlp)), constituencies, ..Circle::default() }
    }

    /// Whether each of two handlers may still do it.
    fn both(forbid: &Forbid, action: Action, object: Object<'_>) -> (bool, bool) {
        let forbids = Forbids(vec![forbid.clone()]);
        let allowed = |name| may(&forbids.on(handler(name)), action, object).allowed;
        (allowed("otto"), allowed("eva"))
    }

    #[test]
    fn somebody_with_an_interest_sees_nothing_of_a_party() {
        let forbid = Forbid {
            persons: BTreeSet::from(["otto".to_owned()]),
            of: BTreeSet::from(["Net A".to_owned()]),
            actions: BTreeSet::from([Action::See, Action::SeeSite(Kept::Events)]),
            ..Forbid::default()
        };
        let (of_a, of_b) = (circle(Tlp::Green, "Net A"), circle(Tlp::Green, "Net B"));
        assert_eq!(both(&forbid, Action::See, Object::Incident(&circle(Tlp::Green, "net a"))), (false, true));
        assert_eq!(both(&forbid, Action::See, Object::Incident(&circle(Tlp::Green, "Net AB"))), (true, true));
        for action in [Action::See, Action::Note, Action::Conduct] {
            assert_eq!(both(&forbid, action, Object::Incident(&of_a)), (false, true), "{action:?}");
            assert_eq!(both(&forbid, action, Object::Incident(&of_b)), (true, true), "{action:?}");
        }
        for action in [Action::SeeSite(Kept::Events), Action::ChangeSite(Kept::Events)] {
            assert_eq!(both(&forbid, action, Object::Of(&["Net A"])), (false, true), "{action:?}");
            assert_eq!(both(&forbid, action, Object::Of(&["Net B"])), (true, true), "{action:?}");
        }
        assert_eq!(both(&forbid, Action::SeeSite(Kept::Notices), Object::Of(&["Net A"])), (true, true));
        // Who may not see what belongs to one party does not see everything.
        assert_eq!(both(&forbid, Action::SeeSite(Kept::Events), Object::Site), (false, true));
        assert_eq!(both(&forbid, Action::Open, Object::Site), (true, true));
        let all = Forbid { actions: BTreeSet::new(), ..forbid.clone() };
        assert_eq!(both(&all, Action::SeeMetrics, Object::Site), (false, true));
        let why = may(&Forbids(vec![forbid]).on(handler("otto")), Action::See, Object::Incident(&of_a));
        assert_eq!(why.policy, "forbidden");
    }

    #[test]
    fn what_is_marked_strictly_is_kept_from_a_standing_role() {
        let forbid = Forbid {
            standing: BTreeSet::from([StandingRole::Handler]),
            actions: BTreeSet::from([Action::Note]),
            above: Some(Tlp::Amber),
            ..Forbid::default()
        };
        let (amber, strict) = (circle(Tlp::Amber, "Net A"), circle(Tlp::AmberStrict, "Net A"));
        assert_eq!(both(&forbid, Action::Note, Object::Incident(&amber)), (true, true));
        assert_eq!(both(&forbid, Action::Note, Object::Incident(&strict)), (false, false));
        assert_eq!(both(&forbid, Action::See, Object::Incident(&strict)), (true, true));
        // What is forbidden to everybody is not forbidden to whoever sits at the machine.
        let all = Forbids(vec![Forbid::default()]);
        assert!(may(&all.on(Person::operator("root")), Action::Note, Object::Incident(&strict)).allowed);
        assert!(!may(&all.on(handler("eva")), Action::Open, Object::Site).allowed);
    }

    #[test]
    fn what_is_marked_strictly_in_an_open_incident_is_as_strict_as_it_is_marked() {
        let forbid = Forbid { above: Some(Tlp::Amber), ..Forbid::default() };
        let (amber, strict) = (circle(Tlp::Amber, "Net A"), circle(Tlp::AmberStrict, "Net A"));
        let markings = [Marking::of(Tlp::Green), Marking::of(Tlp::AmberStrict)];
        for (circle, marking, want) in
            [(&amber, &markings[0], true), (&amber, &markings[1], false), (&strict, &markings[0], false)]
        {
            let item = Object::Item { circle, marking, author: "eva" };
            let step = Object::Step { circle, marking, author: "eva", role: None, party: None };
            for object in [item, step] {
                assert_eq!(both(&forbid, Action::See, object), (want, want), "{object:?}");
                let eva = Forbids(vec![forbid.clone()]).on(handler("eva"));
                assert_eq!(forbidden(&eva, Action::Release, object).is_none(), want, "{object:?}");
            }
        }
    }

    #[test]
    fn nothing_is_allowed_by_forbidding() {
        let reader = Person { standing: Vec::new(), ..handler("eva") };
        let forbids = Forbids(vec![Forbid { of: BTreeSet::from(["Net Z".to_owned()]), ..Forbid::default() }]);
        let amber = circle(Tlp::Amber, "Net A");
        for action in Action::ALL {
            let objects = [Object::Site, Object::Incident(&amber)];
            for object in objects {
                let (before, after) = (may(&reader, action, object), may(&forbids.on(reader.clone()), action, object));
                assert_eq!(before.allowed, after.allowed, "{action:?}");
            }
        }
    }
}
