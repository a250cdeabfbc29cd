//! Events that rules with `open_incident` caught but could not take, because they lack a field of the key: counted by
//! rule, since whoever misspelt a field would wait for incidents in vain.

use concert_model::{Problem, Time};
use concert_store::Store;
use concert_store::records::{Change, lacking_in};

use crate::settings::Settings;

/// For how long `concert check` tells of it, in seconds: a week.
const TOLD_SECONDS: i64 = 7 * 86_400;

/// Counts events of a rule, in the transaction that settles their report.
pub(crate) async fn count(change: &mut Change<'_>, rule: &str, events: u64, now: Time) -> Result<(), Problem> {
    lacking_in(change, rule, events, now).await
}

/// What to tell of rules of the settings by which there were such events lately.
pub(crate) async fn find(store: &Store, settings: &Settings, now: Time) -> Result<Vec<Problem>, Problem> {
    let mut found = Vec::new();
    for (name, events, last) in store.records.lacking().await? {
        let rules = settings.judge.rules().iter();
        let opening = rules.filter(|rule| rule.name() == name).find_map(|rule| rule.opening());
        let Some(opening) = opening.filter(|_| now.seconds().saturating_sub(last.seconds()) < TOLD_SECONDS) else {
            continue;
        };
        let count = if events == 1 { "one event".to_owned() } else { format!("{events} events") };
        let what =
            format!("{count} of rule `{name}` lacked a field of its key and opened no incident, the last at {last}");
        let hint = "look at what they have (concert events CONDITION), and take the field out of `key`, or the events out of `if`";
        found.push(Problem::new(what).at(&opening.marking_place).hint(hint));
    }
    Ok(found)
}
