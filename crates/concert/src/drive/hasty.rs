//! Parties that wish to be told by another time than the schedule of a notice: at once, or by a schedule or in a time
//! zone of their own.
//!
//! Their events are told when their time comes, ahead of the rest of the kind, like groups that have grown large enough.
//! Where all who are told of a party wish the same, its events wait for that time alone: the schedule of the notice
//! passes them by, and so does what is told at once. Where they wish different things, what the notice tells waits for
//! each of them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use concert_model::{Contact, Event, Field, Party, Time};
use concert_pipeline::enrich::Constituents;
use concert_pipeline::group::schedule::When;
use jiff::tz::TimeZone;

use crate::addressees::PURPOSE;

/// A group's key.
type Key = Box<[u8]>;

/// When a group is told ahead of its kind: at this time, or at once.
pub(super) type Ahead = Option<Time>;

/// Who wishes it, and groups of theirs that wait, for each kind of notice.
#[derive(Default)]
pub(super) struct Hasty {
    parties: HashMap<Box<str>, Wishes>,
    known: Option<Arc<Constituents>>,
    waiting: BTreeMap<usize, HashMap<Key, Ahead>>,
}

/// When a contact wishes to be told: by a schedule of its own, or by that of the notice in its zone.
#[derive(Clone, Debug, PartialEq)]
struct Wish {
    when: Option<When>,
    zone: Option<TimeZone>,
}

/// The wishes of a party.
#[derive(Clone, Debug, PartialEq)]
struct Wishes {
    all: Vec<Wish>,
    /// Whether all who are told of events wish the same.
    is_one: bool,
}

impl Wish {
    fn of(contact: &Contact) -> Option<Wish> {
        let when = Some(&contact.schedule).filter(|text| !text.is_empty()).and_then(|text| When::parse(text).ok());
        let zone = TimeZone::get(&contact.time_zone).ok();
        (when.is_some() || zone.is_some()).then_some(Wish { when, zone })
    }

    /// The next time of this contact after a moment, for a notice with a schedule; nothing where that schedule holds.
    fn next(&self, notice: &When, after: Time, zone: &TimeZone) -> Option<Time> {
        let own = self.zone.as_ref();
        match &self.when {
            Some(when) => Some(when.next(after, own.unwrap_or(zone))),
            None => own.filter(|_| notice.is_clock()).map(|own| notice.next(after, own)),
        }
    }
}

impl Hasty {
    /// Takes up who wishes it from constituents. Says whether events that wait must be looked at, because
    /// others wish it than before.
    pub(super) fn refresh(&mut self, constituents: &Arc<Constituents>) -> bool {
        if self.known.as_ref().is_some_and(|known| Arc::ptr_eq(known, constituents)) {
            return false;
        }
        self.known = Some(Arc::clone(constituents));
        let parties = constituents.parties().iter();
        let parties = parties.filter_map(|party| Some((party.name.as_str().into(), Wishes::of(party)?))).collect();
        let is_new = parties != self.parties;
        self.parties = parties;
        if is_new {
            self.waiting.clear();
        }
        is_new
    }

    /// Whether nobody wishes it, as on most sites.
    pub(super) fn is_empty(&self) -> bool {
        self.parties.is_empty()
    }

    /// Whether an event is of somebody who does, and of whom.
    pub(super) fn wants<'e>(&self, event: &Event<'e>) -> Option<std::borrow::Cow<'e, str>> {
        if self.is_empty() { None } else { event.text(Field::PARTY).filter(|party| self.is_of(party)) }
    }

    /// Whether a party does.
    pub(super) fn is_of(&self, party: &str) -> bool {
        self.parties.contains_key(party)
    }

    /// Whether a notice passes the events of a party by, because they have a time of their own.
    pub(super) fn has_own_time(&self, party: &str, notice: &When) -> bool {
        self.parties.get(party).is_some_and(|wishes| wishes.has_own_time(notice))
    }

    /// When events of a party that came at a moment are told apart from a notice; nothing where they are
    /// told with it, because that comes first.
    pub(super) fn ahead(&self, party: &str, notice: &When, came: Time, zone: &TimeZone) -> Option<Ahead> {
        let wishes = self.parties.get(party)?;
        // What is told at once is told by then, unless all wish to wait.
        if notice.is_at_once() && !wishes.has_own_time(notice) {
            return None;
        }
        if wishes.all.iter().any(|wish| wish.when.as_ref().is_some_and(When::is_at_once)) {
            return Some(None);
        }
        let first = wishes.all.iter().filter_map(|wish| wish.next(notice, came, zone)).min()?;
        (wishes.has_own_time(notice) || first < notice.next(came, zone)).then_some(Some(first))
    }

    /// Whether a group waits for its time.
    pub(super) fn has(&self, index: usize, key: &[u8]) -> bool {
        self.waiting.get(&index).is_some_and(|keys| keys.contains_key(key))
    }

    /// Remembers when a group is told.
    pub(super) fn waits(&mut self, index: usize, key: &[u8], ahead: Ahead) {
        self.waiting.entry(index).or_default().entry(key.into()).or_insert(ahead);
    }

    /// The groups of a kind whose time has come, by that time; they wait no longer.
    pub(super) fn take(&mut self, index: usize, now: Time) -> BTreeMap<Ahead, Vec<Key>> {
        let mut due = BTreeMap::<Ahead, Vec<Key>>::new();
        if let Some(keys) = self.waiting.get_mut(&index) {
            for (key, ahead) in keys.extract_if(|_, ahead| ahead.is_none_or(|at| at <= now)) {
                due.entry(ahead).or_default().push(key);
            }
        }
        due
    }

    /// Forgets what waits of a kind: all of it is told but what has a time of its own.
    pub(super) fn forget(&mut self, index: usize, held: &BTreeMap<Key, Ahead>) {
        self.waiting.entry(index).or_default().retain(|key, _| held.contains_key(key));
        for (key, ahead) in held {
            self.waits(index, key, *ahead);
        }
    }
}

impl Wishes {
    fn of(party: &Party) -> Option<Self> {
        let mut all: Vec<Wish> = party.contacts.iter().filter_map(Wish::of).collect();
        let is_for_abuse = |contact: &&Contact| contact.purpose.is_empty() || contact.purpose == PURPOSE;
        let told: Vec<Option<Wish>> = party.contacts.iter().filter(is_for_abuse).map(Wish::of).collect();
        let first =
            told.first().and_then(Option::as_ref).filter(|first| told.iter().all(|wish| wish.as_ref() == Some(first)));
        let is_one = first.is_some();
        if let Some(first) = first {
            all = vec![first.clone()];
        }
        (!all.is_empty()).then_some(Self { all, is_one })
    }

    /// Whether it is another than that of a notice: a zone alone makes none of an interval or of what is told at once,
    /// and who is told at once waits for nothing.
    fn has_own_time(&self, notice: &When) -> bool {
        let is_own = |wish: &Wish| wish.when.as_ref().map_or(notice.is_clock(), |when| !when.is_at_once());
        self.is_one && self.all.first().is_some_and(is_own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hasty(contacts: &[(&str, &str)]) -> Hasty {
        let contact = |(schedule, zone): &(&str, &str)| Contact {
            schedule: (*schedule).into(),
            time_zone: (*zone).into(),
            ..Contact::default()
        };
        let contacts = contacts.iter().map(contact).collect();
        let party = Party { name: "A".into(), contacts, ..Party::default() };
        let mut hasty = Hasty::default();
        let some = Arc::new(Constituents::new(vec![party, Party { name: "B".into(), ..Party::default() }]));
        hasty.refresh(&some);
        assert!(!hasty.refresh(&some) && !hasty.is_of("B"));
        hasty
    }

    #[test]
    fn who_has_a_time_of_its_own_is_told_ahead_where_it_comes_first() {
        let time = |text: &str| Time::parse(text, None).unwrap();
        let ahead = |contacts: &[(&str, &str)], notice: &str| {
            let notice = When::parse(notice).unwrap();
            let came = time("2026-11-22T04:02:00Z");
            hasty(contacts).ahead("A", &notice, came, &TimeZone::UTC).map(|at| at.map(|at| at.to_string()))
        };
        let at = |text: &str| Some(Some(text.to_owned()));
        let daily = "at 06:00";
        assert_eq!(ahead(&[("", "")], daily), None);
        assert_eq!(ahead(&[("at once", ""), ("at 05:30", "")], daily), Some(None));
        assert_eq!(ahead(&[("at 05:30", "")], daily), at("2026-11-22T05:30:00Z"));
        assert_eq!(ahead(&[("", ""), ("every 15m", "")], daily), at("2026-11-22T04:15:00Z"));
        assert_eq!(ahead(&[("", "Europe/Berlin")], daily), at("2026-11-22T05:00:00Z"));
        assert_eq!(ahead(&[("at 06:00", "Europe/Berlin"), ("at 05:30", "")], daily), at("2026-11-22T05:00:00Z"));
        // It holds too where the notice comes first, unless somebody wishes to be told with that.
        assert_eq!(ahead(&[("at 08:00", "")], daily), at("2026-11-22T08:00:00Z"));
        assert_eq!(ahead(&[("", "America/New_York")], daily), at("2026-11-22T11:00:00Z"));
        assert_eq!(ahead(&[("at 08:00", ""), ("", "")], daily), None);
        assert_eq!(ahead(&[("at 08:00", ""), ("at 09:00", "")], daily), None);
        // An interval is the same in each zone.
        assert_eq!(ahead(&[("", "Europe/Berlin")], "every 4h"), None);
        // What is told at once waits where all wish it.
        assert_eq!(ahead(&[("at 05:30", "")], "at once"), at("2026-11-22T05:30:00Z"));
        assert_eq!(ahead(&[("at 05:30", ""), ("at 05:30", "")], "at once"), at("2026-11-22T05:30:00Z"));
        assert_eq!(ahead(&[("at 05:30", ""), ("", "")], "at once"), None);
        assert_eq!(ahead(&[("at 05:30", ""), ("at once", "")], "at once"), None);
        assert_eq!(ahead(&[("at once", "")], "at once"), None);
        assert_eq!(ahead(&[("", "Europe/Berlin")], "at once"), None);
        assert_eq!(hasty(&[("at once", "")]).ahead("B", &When::parse(daily).unwrap(), Time(0), &TimeZone::UTC), None);
    }

    #[test]
    fn a_time_of_its_own_is_one_on_the_days_when_clocks_change() {
        let check = |notice: &str, (schedule, zone): (&str, &str), came: &str, want: &str| {
            let (hasty, notice) = (hasty(&[(schedule, zone), (schedule, zone)]), When::parse(notice).unwrap());
            let came = Time::parse(came, None).unwrap();
            assert!(hasty.has_own_time("A", &notice));
            let at = hasty.ahead("A", &notice, came, &TimeZone::UTC).unwrap().unwrap();
            assert_eq!(at.to_string(), want, "{schedule} {zone} {came}");
            // What comes until then is told by then, and by nothing sooner.
            let just_before = hasty.ahead("A", &notice, at.plus_seconds(-1), &TimeZone::UTC);
            assert_eq!(just_before, Some(Some(at)), "{schedule} {zone} {came}");
        };
        let berlin = ("at 02:30", "Europe/Berlin");
        check("at 00:00", berlin, "2026-03-28T00:10:00Z", "2026-03-28T01:30:00Z");
        // The hour that is not there, and the one that is there twice.
        check("at 00:00", berlin, "2026-03-29T00:10:00Z", "2026-03-29T01:00:00Z");
        check("at 00:00", berlin, "2026-10-25T00:10:00Z", "2026-10-25T00:30:00Z");
        check("at 00:00", berlin, "2026-10-25T00:31:00Z", "2026-10-26T01:30:00Z");
        check("at 06:00", ("", "America/New_York"), "2026-10-31T12:00:00Z", "2026-11-01T11:00:00Z");
        check("at 06:00", ("", "America/New_York"), "2026-10-30T12:00:00Z", "2026-10-31T10:00:00Z");
        let hasty = hasty(&[("", "Europe/Berlin"), ("", "Europe/Berlin")]);
        assert!(
            !hasty.has_own_time("A", &When::parse("every 1h").unwrap())
                && !hasty.has_own_time("B", &When::parse("at 06:00").unwrap())
        );
    }

    #[test]
    fn groups_wait_until_their_time() {
        let mut hasty = hasty(&[("at once", "")]);
        hasty.waits(1, b"x", None);
        hasty.waits(1, b"y", Some(Time(10)));
        hasty.waits(1, b"y", Some(Time(20)));
        assert!(hasty.has(1, b"x") && !hasty.has(0, b"x"));
        let keys = |some: &[u8]| vec![Key::from(some)];
        assert_eq!(hasty.take(1, Time(9)), BTreeMap::from([(None, keys(b"x"))]));
        assert_eq!(hasty.take(1, Time(10)), BTreeMap::from([(Some(Time(10)), keys(b"y"))]));
        assert!(hasty.take(1, Time(30)).is_empty());
        hasty.waits(1, b"x", Some(Time(40)));
        hasty.waits(1, b"y", Some(Time(40)));
        // The notice was told, but for what has a time of its own.
        hasty.forget(
            1,
            &BTreeMap::from([(Key::from(&b"y"[..]), Some(Time(50))), (Key::from(&b"z"[..]), Some(Time(50)))]),
        );
        assert_eq!(hasty.take(1, Time(45)), BTreeMap::from([(Some(Time(40)), keys(b"y"))]));
        assert_eq!(hasty.take(1, Time(50)), BTreeMap::from([(Some(Time(50)), keys(b"z"))]));
        assert!(hasty.refresh(&Arc::new(Constituents::default())) && hasty.is_empty());
    }
}
