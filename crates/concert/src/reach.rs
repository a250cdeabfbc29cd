//! How far a person sees into events, notices and contacts: all of them, or those of some parties.
//!
//! Whoever stands for a constituency sees what belongs to its parties. The rest is not there for that person:
//! it is in no list and no count, and asking for it is answered like asking for what does not exist.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use concert_model::access::{Action, Decision, Kept, Object, Person, cleared, may};
use concert_model::{Event, Party};

use concert_model::incident::Tlp;
use concert_pipeline::enrich::Constituents;
use concert_pipeline::render::withheld;
use concert_store::records::{NewNotice, Notice, NoticeFilter};

use crate::addressees::{Addressees, TOLD_TEAM};
use crate::drive::live;

/// How far somebody sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reach {
    /// Parties of these names, and what belongs to them; nothing where it is everybody.
    parties: Option<BTreeSet<String>>,
    /// Who sees it: events bear labels.
    person: Person,
}

impl Reach {
    /// Everything, as whoever sits at the machine sees it.
    pub(crate) fn all() -> Self {
        Self { parties: None, person: Person::operator("") }
    }

    /// Whether it is that of whoever sits at the machine.
    pub(crate) fn is_operators(&self) -> bool {
        self.person.is_operator
    }

    /// Whether it is everybody's.
    pub(crate) fn is_all(&self) -> bool {
        self.parties.is_none()
    }

    /// How far a person sees into one of the things a site keeps; else why the person sees nothing of it.
    pub(crate) fn of<'p>(
        person: &Person,
        kept: Kept,
        parties: impl Iterator<Item = &'p Party>,
    ) -> Result<Self, Decision> {
        Self::to(person, Action::SeeSite(kept), parties)
    }

    /// How far a person may do something with one of the things a site keeps; else why not at all.
    pub(crate) fn to<'p>(
        person: &Person,
        action: Action,
        parties: impl Iterator<Item = &'p Party>,
    ) -> Result<Self, Decision> {
        if may(person, action, Object::Site).allowed {
            return Ok(Self { parties: None, person: person.clone() });
        }
        let own: Vec<&str> = person.standing.iter().filter_map(|standing| standing.constituency.as_deref()).collect();
        let of_own = may(person, action, Object::Of(&own));
        if !of_own.allowed {
            return Err(of_own);
        }
        // A constituency may be a party that is in no contact book: one that registries name.
        let mut names: BTreeSet<String> = own
            .iter()
            .filter(|one| may(person, action, Object::Of(&[one])).allowed)
            .map(|one| (*one).to_owned())
            .collect();
        for party in parties {
            let of: Vec<&str> = party.sectors.iter().map(String::as_str).chain([party.name.as_str()]).collect();
            if may(person, action, Object::Of(&of)).allowed {
                names.insert(party.name.clone());
            }
        }
        Ok(Self { parties: Some(names), person: person.clone() })
    }

    /// Whether what belongs to a party is seen; what belongs to nobody has an empty name.
    pub(crate) fn has(&self, party: &str) -> bool {
        self.parties.as_ref().is_none_or(|names| names.contains(party))
    }

    /// Whether an event is seen.
    pub(crate) fn has_event(&self, event: &Event<'_>) -> bool {
        (self.is_all() || self.has(&live::party(event))) && self.is_cleared(live::label(event))
    }

    /// Whether a notice is seen. Its text says what its events say, so it is weighed like them.
    pub(crate) fn has_notice(&self, notice: &Notice) -> bool {
        self.has(&notice.party) && self.is_cleared(notice.tlp)
    }

    /// Whether a notice for a party goes to a team in its place that is not seen; `passed_over` is what is said of whom
    /// it passed over.
    pub(crate) fn hides(&self, book: &Addressees, (party, to, passed_over): (&str, &str, &str)) -> bool {
        let is_unseen = |team: &str| !self.has(team);
        // The contact book may be another one by now.
        let told = passed_over.strip_prefix(TOLD_TEAM).and_then(|said| said.split_once('`'));
        !self.is_all()
            && (book.stands_in(party, to).is_some_and(|team| is_unseen(&team.name))
                || self.has(party) && told.is_some_and(|(team, _)| is_unseen(team)))
    }

    /// A notice as far as it is seen, and whether somebody gets it who is not. Its Message-ID is that of the mail it is in,
    /// which names the notice that carries it: whoever may not see that is told its own.
    pub(crate) fn of_notice(&self, book: &Addressees, mut notice: Notice) -> (Notice, bool) {
        let is_hidden = self.hides(book, (&notice.party, &notice.to, &notice.passed_over));
        if is_hidden {
            let because = notice.reason.strip_prefix(TOLD_TEAM).and_then(|said| said.split_once(" because "));
            notice.reason = because.map_or_else(String::new, |(_, why)| format!("told to somebody else because {why}"));
            notice.to.clear();
        }
        if self.is_all() && !notice.carrier_message_id.is_empty() {
            notice.message_id.clone_from(&notice.carrier_message_id);
        }
        (notice, is_hidden)
    }

    /// The key of a notice, whole for those alone who see everybody's.
    pub(crate) fn key<'k>(&self, key: &'k str) -> Cow<'k, str> {
        if self.is_all() { Cow::Borrowed(key) } else { withheld::told_key(key) }
    }

    /// Whether a notice that is still to be made will be seen.
    pub(crate) fn will_have(&self, notice: &NewNotice) -> bool {
        self.has(&notice.party) && self.is_cleared(notice.tlp)
    }

    fn is_cleared(&self, label: Option<Tlp>) -> bool {
        label.is_none_or(|label| cleared(&self.person, label))
    }

    /// The notices that are seen.
    pub(crate) fn notices(&self) -> NoticeFilter {
        let labels = Tlp::ALL.into_iter().filter(|label| cleared(&self.person, *label)).collect::<Vec<_>>();
        let labels = (labels.len() < Tlp::ALL.len()).then_some(labels);
        NoticeFilter { parties: self.parties(), labels, ..NoticeFilter::default() }
    }

    /// A contact book with the parties that are seen and no others.
    pub(crate) fn only(&self, book: Arc<Constituents>) -> Arc<Constituents> {
        if self.is_all() {
            return book;
        }
        let seen = book.parties().iter().filter(|party| self.has(&party.name)).cloned();
        Arc::new(Constituents::new(seen.collect()))
    }

    /// The parties, where not everything is seen.
    pub(crate) fn parties(&self) -> Option<Vec<String>> {
        self.parties.as_ref().map(|names| names.iter().cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use concert_model::incident::Tlp;
    use concert_model::user::Standing;

    fn person(roles: &[&str], scope: Option<&str>) -> Person {
        let standing: Vec<Standing> = roles.iter().map(|role| role.parse().unwrap()).collect();
        let scopes = scope.map(|scope| BTreeSet::from([scope.to_owned()]));
        Person { name: "jane".into(), is_operator: false, standing, clearance: Tlp::Amber, scopes, ..Person::nobody() }
    }

    #[test]
    fn an_event_with_a_label_is_for_whoever_is_cleared_for_it() {
        let mut batch = concert_model::Batch::new();
        for label in ["red", "amber", ""] {
            let mut event = batch.open();
            if !label.is_empty() {
                event.read(concert_model::Field::TLP, label, None).unwrap();
            }
            event.keep(concert_model::EventId::default(), concert_model::ProblemKey::default(), 1);
        }
        let seen = |person: &Person| {
            let reach = Reach::of(person, Kept::Events, [].iter()).unwrap();
            batch.iter().map(|event| reach.has_event(&event)).collect::<Vec<_>>()
        };
        assert_eq!(seen(&person(&["reader"], None)), [false, true, true]);
        assert_eq!(seen(&Person::operator("root")), [true, true, true]);
    }

    #[test]
    fn a_constituency_is_a_party_or_a_sector() {
        let party = |name: &str, sector: &str| Party {
            name: name.into(),
            sectors: vec![sector.to_owned()],
            ..Party::default()
        };
        let parties = [party("Grid", "energy"), party("Bank", "finance")];
        let reach = |person: &Person| Reach::of(person, Kept::Events, parties.iter());
        let check = |person: &Person, want: &[&str]| {
            let reach = reach(person).unwrap();
            let seen: Vec<&str> = ["Grid", "Bank", "RIPE AR1", ""].into_iter().filter(|name| reach.has(name)).collect();
            assert_eq!(seen, want, "{person:?}");
        };
        check(&Person::operator("root"), &["Grid", "Bank", "RIPE AR1", ""]);
        check(&person(&["reader"], None), &["Grid", "Bank", "RIPE AR1", ""]);
        check(&person(&["reader:energy"], None), &["Grid"]);
        check(&person(&["handler:Bank", "reader:RIPE AR1"], None), &["Bank", "RIPE AR1"]);
        check(&person(&["reader:energy", "auditor"], Some("events:read")), &["Grid"]);
        for nobody in [person(&["auditor"], None), person(&[], None), person(&["reader:energy"], Some("notices:read"))]
        {
            assert!(reach(&nobody).is_err(), "{nobody:?}");
        }
    }
}
