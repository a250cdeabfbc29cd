//! Of the problems that a contact was told of, how many stopped within a week or a month.
//!
//! A problem stopped within seven days when it was not seen again later than seven days after the
//! contact was told of it for the first time. When a problem was seen last is known from the reminders
//! of notices, to within the window of repeats; a relapse counts as not stopped. What was delivered on trial was not told. Only so much is looked
//! at that the answer comes at once.

use std::collections::{BTreeMap, HashMap};

use concert_model::{Problem, ProblemKey, Time};
use concert_pipeline::mail::address::canonical;
use concert_store::Members;
use concert_store::events::time_of;
use concert_store::records::{Notice, NoticeFilter, is_on_trial};

use crate::reach::Reach;
use crate::wire::Site;

/// Events looked at; those of the newest notices.
const EVENTS_MAX: u64 = 100_000;
/// Notices looked at.
const NOTICES_MAX: u64 = 20_000;
/// Notices whose events are in memory at once.
const NOTICES_AT_ONCE: usize = 200;
/// How far back notices are looked at.
const DAYS_MAX: i64 = 120;
const DAY_SECONDS: i64 = 86_400;

/// Problems that a contact was told of: when first, and when they were seen last.
#[derive(Debug, Default)]
pub(super) struct Stopped {
    now: Time,
    problems: HashMap<ProblemKey, (Time, Time)>,
}

impl Stopped {
    fn note(&mut self, problem: ProblemKey, told: Time, seen: Time) {
        let known = self.problems.entry(problem).or_insert((told, seen));
        *known = (known.0.min(told), known.1.max(seen));
    }

    /// The share that stopped within so many days, in hundredths; nothing while none is old enough.
    pub(super) fn share(&self, days: i64) -> Option<f64> {
        let due: Vec<bool> = self
            .problems
            .values()
            .map(|(told, seen)| (told.plus_seconds(days * DAY_SECONDS), *seen))
            .filter(|(until, _)| *until <= self.now)
            .map(|(until, seen)| seen <= until)
            .collect();
        let stopped = due.iter().filter(|stopped| **stopped).count();
        (!due.is_empty()).then(|| (stopped as f64 / due.len() as f64 * 100.0).round() / 100.0)
    }
}

/// For each address, in lower case.
pub(super) async fn of_contacts(site: &Site, now: Time, reach: &Reach) -> Result<BTreeMap<String, Stopped>, Problem> {
    let filter = NoticeFilter { state: Some("delivered".into()), limit: NOTICES_MAX, ..reach.notices() };
    let oldest = now.plus_seconds(-DAYS_MAX * DAY_SECONDS);
    let (mut found, mut events) = (BTreeMap::new(), 0u64);
    let mut chosen: Vec<Notice> = site.store.records.notices(&filter).await?;
    chosen.retain(|notice| {
        let is_told = !is_on_trial(&notice.reason)
            && notice.to.contains('@')
            && notice.made > oldest
            && notice.made.plus_seconds(7 * DAY_SECONDS) <= now;
        let fits = is_told && events.saturating_add(notice.events) <= EVENTS_MAX;
        events += if fits { notice.events } else { 0 };
        fits
    });
    for some in chosen.chunks(NOTICES_AT_ONCE) {
        let mut with = Vec::with_capacity(some.len());
        for notice in some {
            with.extend(site.store.records.notice(&notice.id).await?);
        }
        add(site, &with, now, &mut found).await?;
    }
    Ok(found)
}

async fn add(
    site: &Site,
    notices: &[(Notice, Members)],
    now: Time,
    found: &mut BTreeMap<String, Stopped>,
) -> Result<(), Problem> {
    let wanted: Vec<&Members> = notices.iter().map(|(_, members)| members).collect();
    let loaded = site.store.load(&wanted).await?;
    let mut kinds: BTreeMap<&str, Vec<&(Notice, Members)>> = BTreeMap::new();
    for one in notices {
        kinds.entry(one.0.name.as_str()).or_default().push(one);
    }
    for (kind, notices) in kinds {
        let problems: Vec<ProblemKey> =
            notices.iter().flat_map(|(_, members)| loaded.of(members).map(|stored| stored.event.row().key)).collect();
        let told = site.store.records.told(kind, problems.into_iter(), Time(0)).await?;
        for (notice, members) in notices {
            let at = notice.delivered_at.unwrap_or(notice.made);
            for stored in loaded.of(members) {
                let problem = stored.event.row().key;
                let own = time_of(&stored.event);
                let seen = told.get(problem).map_or(own, |(_, seen)| seen.max(own));
                for address in notice.to.split(',').filter(|one| !one.is_empty()) {
                    let stopped =
                        found.entry(canonical(address)).or_insert_with(|| Stopped { now, ..Stopped::default() });
                    stopped.note(problem, at, seen);
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_counts_once_and_from_when_it_was_told_first() {
        let day = |day: i64| Time(0).plus_seconds(day * DAY_SECONDS);
        let mut stopped = Stopped { now: day(100), ..Stopped::default() };
        let problem = |n: u8| ProblemKey([n; 16]);
        stopped.note(problem(1), day(10), day(12));
        stopped.note(problem(2), day(10), day(10));
        stopped.note(problem(2), day(30), day(30));
        stopped.note(problem(3), day(98), day(98));
        assert_eq!((stopped.share(7), stopped.share(30)), (Some(0.5), Some(1.0)));
        assert_eq!(Stopped::default().share(7), None);
    }
}
