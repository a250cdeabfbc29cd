//! Who asks in vain for incidents: a few rows of the audit log for each person in ten minutes, however many were tried.
//!
//! An incident that is not there at all is counted like one that the person may not see: an answer that took longer for
//! one of the two would tell them apart. What is counted is in memory, and begins anew with the program.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};

use concert_model::Time;
use concert_model::access::Action;
use concert_store::records::Act;

/// How long what somebody asked for is counted together, in microseconds: ten minutes.
const WINDOW_MICROS: i64 = 10 * 60 * 1_000_000;
/// Different ones that have a row each; behind them there is one each time their number doubled.
const EACH_MAX: u64 = 20;
/// Different ones that are remembered of a person; later ones are counted again when they come again.
const REMEMBERED_MAX: usize = 1_000;
/// Persons who are remembered.
const PERSONS_MAX: usize = 1_000;
/// Longest number of an incident that is not there.
const NUMBER_CHARS_MAX: usize = 60;

/// What one person asked for in vain.
struct Asked {
    since: Time,
    /// Hashes of the names, which may be long.
    names: HashSet<u64>,
    count: u64,
    /// The count at which the next row is written.
    next: u64,
}

/// What everybody asked for in vain lately.
#[derive(Default)]
pub(super) struct Vain {
    persons: HashMap<String, Asked>,
    hashing: RandomState,
}

/// How the log calls what was asked for. People type other things into the wrong field, passwords even, so only what looks
/// like the number of an incident is repeated where there is none.
fn object(asked: &str, number: Option<&str>) -> String {
    let is_number = |text: &str| {
        text.len() <= NUMBER_CHARS_MAX
            && text.rsplit_once('#').is_some_and(|(_, number)| {
                number.split_once('-').is_some_and(|(year, count)| {
                    [year, count].iter().all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
                })
            })
    };
    match number.or_else(|| Some(asked.trim()).filter(|text| is_number(text))) {
        Some(number) => format!("incident {number}"),
        None => "incidents".to_owned(),
    }
}

impl Vain {
    /// Counts what a person asked for, and gives the row that is to be written of it, if any.
    pub(super) fn asked(&mut self, who: &str, name: &str, number: Option<&str>, now: Time) -> Option<Act> {
        let is_old = |asked: &Asked| now.0.saturating_sub(asked.since.0) >= WINDOW_MICROS;
        if self.persons.len() >= PERSONS_MAX && !self.persons.contains_key(who) {
            self.persons.retain(|_, asked| !is_old(asked));
            if self.persons.len() >= PERSONS_MAX {
                self.persons.clear();
            }
        }
        let anew = || Asked { since: now, names: HashSet::new(), count: 0, next: 1 };
        let asked = self.persons.entry(who.to_owned()).or_insert_with(anew);
        if is_old(asked) {
            *asked = anew();
        }
        // By what was asked, and not by what is there: two names of one incident must cost what two of none do.
        let name_hash = self.hashing.hash_one(name);
        if asked.names.contains(&name_hash) {
            return None;
        }
        if asked.names.len() < REMEMBERED_MAX {
            asked.names.insert(name_hash);
        }
        asked.count = asked.count.saturating_add(1);
        if asked.count < asked.next {
            return None;
        }
        asked.next = if asked.count < EACH_MAX { asked.count + 1 } else { asked.count.saturating_mul(2) };
        let is_there = if number.is_some() { "is not for this person" } else { "is not there" };
        let reason = match asked.count {
            1 => format!("asked in vain for what {is_there}"),
            count => format!("asked in vain for what {is_there}, the {count}. within ten minutes"),
        };
        Some(Act::denied(Action::See.word(), object(name, number), reason))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scan_writes_few_rows_and_what_is_there_costs_what_is_missing_does() {
        let rows = |is_there: bool| -> Vec<(u64, String)> {
            let mut vain = Vain::default();
            let one = |at: u64| {
                let name = format!("CERT#2026-{at:06}");
                let number = name.clone();
                let act = vain.asked("eve", &name, is_there.then_some(number.as_str()), Time(0))?;
                assert!(!act.allowed && act.action == "see");
                Some((at, act.object))
            };
            (1..=100_000).filter_map(one).collect()
        };
        let (there, missing) = (rows(true), rows(false));
        assert_eq!(there, missing);
        let told: Vec<u64> = there.iter().map(|(at, _)| *at).collect();
        let doubled = (1..=12).map(|times| 20 << times);
        assert_eq!(told, (1..=20).chain(doubled).collect::<Vec<u64>>());
        assert_eq!(there.first().unwrap().1, "incident CERT#2026-000001");
    }

    #[test]
    fn the_same_again_is_told_after_ten_minutes_and_no_secret_is_repeated() {
        let mut vain = Vain::default();
        let mut told = |name: &str, number: Option<&str>, minutes: i64| {
            vain.asked("eve", name, number, Time(minutes * 60_000_000)).map(|act| act.object)
        };
        assert_eq!(told("018f-7", Some("C#2026-000007"), 0).as_deref(), Some("incident C#2026-000007"));
        assert_eq!(told("018f-7", Some("C#2026-000007"), 9), None);
        // Under its other name it counts as another: so does what is not there.
        assert_eq!(told("C#2026-000007", Some("C#2026-000007"), 9).as_deref(), Some("incident C#2026-000007"));
        assert_eq!(told("018f-7", Some("C#2026-000007"), 10).as_deref(), Some("incident C#2026-000007"));
        assert_eq!(told("hunter2", None, 10).as_deref(), Some("incidents"));
        assert_eq!(told("a-b#hunter-2", None, 10).as_deref(), Some("incidents"));
    }

    #[test]
    fn what_is_remembered_has_bounds() {
        let mut vain = Vain::default();
        for at in 0..3_000 {
            vain.asked("eve", &at.to_string(), None, Time(0));
            vain.asked(&at.to_string(), "1", None, Time(0));
        }
        assert!(
            vain.persons.len() <= PERSONS_MAX && vain.persons.values().all(|asked| asked.names.len() <= REMEMBERED_MAX)
        );
    }
}
