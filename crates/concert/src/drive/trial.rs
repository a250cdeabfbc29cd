//! What was told on trial only, with `dry_run` or `override_recipient`: it counts for nobody as told, so its party is owed
//! it, and the next event of the problem tells it.
//!
//! It is written down when a notice was delivered, by how that went: what waits while a trial ends is told in earnest.

use concert_model::{Field, Problem, Time};
use concert_store::events::time_of;
use concert_store::records::is_on_trial;

use super::deliver::{Ended, FOLDER};
use crate::wire::Site;

/// Whether what goes out this way goes out on trial. A folder of the site is filled as always while mails go to one
/// address.
pub(super) fn is_on(site: &Site, via: &str) -> bool {
    let deliver = &site.settings.deliver;
    let is_folder = || site.settings.vias.get(via).is_some_and(|via| via.kind == FOLDER);
    deliver.dry_run || deliver.override_recipient.is_some() && !is_folder()
}

/// Writes down what these attempts told on trial only, and what of it was told in earnest because somebody sent it again.
pub(super) async fn note(site: &Site, ended: &[Ended]) -> Result<(), Problem> {
    let records = &site.store.records;
    let mut delivered: Vec<_> = ended.iter().filter(|(_, state, _, _)| *state == "delivered").collect();
    let is_trial = delivered.iter().any(|(_, _, _, reason)| is_on_trial(reason));
    if delivered.is_empty() || !is_trial && !records.was_on_trial(None).await? {
        return Ok(());
    }
    // What was told first decides whether its party had heard of the problem before.
    delivered.sort_by_key(|(id, _, _, _)| id);
    for (id, _, _, reason) in delivered {
        let carried = records.carried(&[id]).await?;
        for (notice, members) in records.notice(id).await?.into_iter().chain(carried) {
            let is_trial = is_on_trial(reason);
            if site.settings.notice(&notice.name).is_none() || !is_trial && notice.again_of.is_empty() {
                continue;
            }
            let loaded = site.store.load(&[&members]).await?;
            let events = || loaded.of(&members).map(|stored| stored.event);
            let problems = events().map(|event| event.row().key);
            let mut told = records.told_on_trial(&notice.name, problems, Time(0)).await?;
            for event in events() {
                let (problem, time) = (event.row().key, time_of(&event));
                let (in_earnest, on_trial) = match (event.time(Field::TIME_PREVIOUS), told.get(problem)) {
                    _ if !is_trial => (time, Time(0)),
                    (None, _) => (Time(0), time),
                    (Some(previous), Some((known, last))) if previous.seconds() <= last.seconds() => (known, time),
                    (Some(previous), _) => (previous, time),
                };
                told.set(problem, in_earnest, on_trial);
            }
            records.keep_told(&told).await?;
        }
    }
    Ok(())
}
