//! Events that wait for notices which the settings no longer have: whoever renames or removes one would lose them
//! without a word.
//!
//! Where such a notice ended is remembered when a program begins to work without it, so that what comes later is not
//! counted. Nobody knows its condition any more, so not all of what is counted need have been told.

use std::collections::HashSet;

use concert_model::Problem;
use concert_model::access::{Person, cleared};
use concert_model::incident::Tlp;
use concert_model::problem::instead;
use concert_store::Store;
use concert_store::events::read::Bounds;

use crate::settings::Settings;

/// More events than these are not counted.
const EVENTS_MAX: u64 = 100_000;
/// How much of a name is told that is none.
const NAME_CHARS_MAX: usize = 100;
/// Owner of what is remembered; no feed has an empty name.
const OWNER: &str = "";

/// A notice that the settings do not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Left {
    /// Its name.
    pub(crate) name: String,
    /// Events that came since it was last told, and before it was gone.
    pub(crate) events: u64,
}

impl Left {
    /// What the audit log says where they are let go.
    pub(crate) fn reason(&self) -> String {
        format!("events that waited: {}", self.events)
    }

    /// What to tell of it.
    pub(crate) fn problem(&self) -> Problem {
        let count = match self.events {
            many if many >= EVENTS_MAX => format!("{EVENTS_MAX} events or more"),
            1 => "one event".to_owned(),
            events => format!("up to {events} events"),
        };
        let name = &self.name;
        Problem::new(format!("the settings have no notice `{name}` any more, for which {count} waited")).hint(format!(
            "call one `{name}` again until they are told, or let them go: concert notice drop \"{name}\""
        ))
    }
}

/// Under this name it is remembered where a notice ended.
fn mark(name: &str) -> String {
    format!("end of notice {name}")
}

/// Notices that the settings do not have, and for which events wait. Reads files on the calling thread.
pub(crate) async fn find(store: &Store, settings: &Settings) -> Result<Vec<Left>, Problem> {
    let (newest, mut found) = (store.last_batch().await?, Vec::new());
    for (name, told) in store.records.notice_cursors().await? {
        if settings.notice(&name).is_some() {
            continue;
        }
        let marked = store.records.recall(OWNER, &mark(&name)).await?;
        let end = marked.and_then(|text| text.parse().ok()).unwrap_or(newest);
        // What was held back for the time of a party came before.
        let first = store.records.notice_early(&name).await?.into_values().fold(told, u64::min);
        let events = if first < end { count(store, &name, first, end).await? } else { 0 };
        if events > 0 {
            found.push(Left { name, events });
        }
    }
    Ok(found)
}

/// Events that wait for this one notice; told what is wrong where none do.
///
/// Of what labels such events are is not counted, so they are there for those alone who are cleared for all.
pub(crate) async fn of(
    store: &Store,
    settings: &Settings,
    name: &str,
    who: &Person,
) -> Result<Result<Left, Problem>, Problem> {
    if settings.notice(name).is_some() {
        let problem = Problem::new(format!("the settings have a notice `{name}`, which tells its events"));
        return Ok(Err(problem.hint("take it out of the settings first, and `concert reload`")));
    }
    let mut found = if cleared(who, Tlp::Red) { find(store, settings).await? } else { Vec::new() };
    if let Some(at) = found.iter().position(|left| left.name == name) {
        return Ok(Ok(found.swap_remove(at)));
    }
    let shown: String = name.chars().take(NAME_CHARS_MAX).collect();
    let problem = Problem::new(format!("no events wait for a notice `{}` that is gone", shown.escape_debug()));
    let others: Vec<&str> = found.iter().map(|left| left.name.as_str()).collect();
    let hint = if others.is_empty() { "nor for another".to_owned() } else { instead(name, &others) };
    Ok(Err(problem.hint(hint)))
}

/// The same when a program begins to work with these settings: remembers where such notices ended, and tells of them in
/// the log.
pub(crate) async fn begin(store: &Store, settings: &Settings) -> Result<(), Problem> {
    let newest = store.last_batch().await?.to_string();
    for (name, _) in store.records.notice_cursors().await? {
        let marked = store.records.recall(OWNER, &mark(&name)).await?.filter(|text| !text.is_empty());
        match (settings.notice(&name), marked) {
            // One that came back begins where it was.
            (Some(_), Some(_)) => store.records.remember(OWNER, &mark(&name), "").await?,
            (None, None) => store.records.remember(OWNER, &mark(&name), &newest).await?,
            _ => {}
        }
    }
    for left in find(store, settings).await? {
        tracing::warn!(notice = left.name, events = left.events, "{}", left.problem());
    }
    Ok(())
}

/// Events of batches above one and up to another, without those that were told apart from the rest.
async fn count(store: &Store, name: &str, above: u64, end: u64) -> Result<u64, Problem> {
    let told = match store.records.notice_early(name).await?.is_empty() {
        true => HashSet::new(),
        false => store.records.told_behind(name, above).await?,
    };
    let quiet = store.quiet_batches(above).await?;
    let mut events = 0;
    store
        .scan(&Bounds::default(), above, &mut |page| {
            let waits = |batch: u64| batch > above && batch <= end && !quiet.contains(&batch);
            let waiting =
                page.iter().filter(|stored| waits(stored.batch) && !told.contains(&(stored.batch, stored.row)));
            events += waiting.count() as u64;
            events < EVENTS_MAX
        })
        .await?;
    Ok(events.min(EVENTS_MAX))
}
