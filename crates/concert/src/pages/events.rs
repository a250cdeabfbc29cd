//! Events over the API, newest first.

use std::collections::BTreeMap;

use concert_model::incident::Tlp;
use concert_model::{Event, Field, Problem, ProblemKey, Time};
use concert_pipeline::condition::Condition;
use concert_server::site::Page;
use concert_store::events::time_of;

use crate::bounds::bounds;
use crate::drive::live;
use crate::reach::Reach;
use crate::reads::{EventsRead, marked};
use crate::wire;

/// Batches looked at first when events are listed; each further look takes sixteen times as many.
const BATCHES_FIRST: u64 = 64;

/// A place in the order of all events: batch and row, `17.3`.
pub(super) fn place(text: &str) -> Option<(u64, u32)> {
    let (batch, row) = text.split_once('.')?;
    Some((batch.parse().ok()?, row.parse().ok()?))
}

/// An event as it is given, and its feed and label where it is marked.
type Row = (String, Option<(String, Tlp)>);

/// By what the repeats of an event are found.
struct Seen {
    key: (ProblemKey, i64),
    /// The day it came, or nothing.
    day: String,
}

impl Seen {
    fn of(event: &Event<'_>) -> Self {
        let day = event.time(Field::TIME_OBSERVATION).map(Time::date_text).unwrap_or_default();
        Self { key: (event.row().key, time_of(event).seconds()), day }
    }
}

/// Adds to each event how often it came again, and when last.
async fn join(site: &wire::Site, events: Vec<(&mut String, &Seen)>) -> Result<(), Problem> {
    let Some(since) = events.iter().map(|(_, seen)| seen.day.as_str()).min() else { return Ok(()) };
    let problems = events.iter().map(|(_, seen)| seen.key.0).collect();
    let repeats = site.store.repeats(Some(&problems), since).await?;
    for (event, seen) in events {
        if let Some(again) = repeats.get(&seen.key)
            && event.pop() == Some('}')
        {
            event.extend([live::repeats(again).as_str(), "}"]);
        }
    }
    Ok(())
}

/// Events before a place for which a condition holds, newest first, and how they are marked.
pub(super) async fn newest(
    site: &wire::Site,
    (condition, reach): (Option<&Condition>, &Reach),
    before: Option<(u64, u32)>,
    limit: usize,
) -> Result<(Page<String>, EventsRead), Problem> {
    let before = match before {
        Some(before) => before,
        None => (site.store.last_batch().await?.saturating_add(1), 0),
    };
    let bounds = condition.map(bounds).unwrap_or_default();
    let repeats = match condition.is_some_and(Condition::asks_for_repeats) {
        true => Some(site.store.repeats(None, "").await?),
        false => None,
    };
    let mut batches = BATCHES_FIRST;
    loop {
        let above = before.0.saturating_sub(batches);
        let mut found: BTreeMap<(u64, u32), (Row, Seen)> = BTreeMap::new();
        site.store
            .scan(&bounds, above, &mut |mut page| {
                if let Some(repeats) = &repeats {
                    page.join(repeats);
                }
                for stored in page.iter() {
                    let place = (stored.batch, stored.row);
                    let lowest = found.first_key_value().filter(|_| found.len() > limit).map(|(place, _)| *place);
                    let wanted = stored.batch > above && place < before && lowest.is_none_or(|lowest| place > lowest);
                    if wanted
                        && reach.has_event(&stored.event)
                        && condition.is_none_or(|condition| condition.holds_stored(&stored.event, stored.report))
                    {
                        let row = (live::object(&stored), marked(&stored.event));
                        found.insert(place, (row, Seen::of(&stored.event)));
                    }
                    // One more than asked for says whether there is a next part.
                    if found.len() > limit.saturating_add(1) {
                        found.pop_first();
                    }
                }
                true
            })
            .await?;
        if found.len() <= limit && above > 0 {
            batches = batches.saturating_mul(16);
            continue;
        }
        let more = found.len() > limit;
        let mut rows: Vec<((u64, u32), (Row, Seen))> = found.into_iter().rev().take(limit).collect();
        if repeats.is_none() {
            join(site, rows.iter_mut().map(|(_, (row, seen))| (&mut row.0, &*seen)).collect()).await?;
        }
        let next = rows.last().filter(|_| more).map(|((batch, row), _)| format!("{batch}.{row}"));
        let mut read = EventsRead::default();
        let mut row = |(_, ((event, marked), _)): ((u64, u32), (Row, Seen))| {
            read.add(marked);
            event
        };
        let rows = rows.into_iter().map(&mut row).collect();
        return Ok((Page { rows, next }, read));
    }
}
