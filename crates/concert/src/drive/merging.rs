//! Notices that go to the same people at the same time as one mail, an attachment each.
//!
//! Only kinds that say `merge = true`, by mail, in the same language, with the same blind copies and the same TLP label,
//! which the subject says for the whole mail. Of other kinds only what waited for the time that a contact wishes: all of one kind
//! and key that waited for the same moment. Which
//! of them carries the others is written down before anything is composed. What turns out too large, or
//! cannot be composed, is taken apart again and goes alone.

use std::collections::{BTreeMap, HashMap};

use concert_model::incident::Tlp;
use concert_model::{Problem, Time};
use concert_store::Members;
use concert_store::records::Notice;

use crate::settings::{self, MAIL};
use crate::wire::Site;

/// Most notices in one mail.
const NOTICES_MAX: usize = 50;
/// Most events of all notices in one mail.
const EVENTS_MAX: u64 = 50_000;

/// What notices in one mail have in common: way out and addresses, language, blind copies, label; and of kinds that do not
/// say `merge`, kind, key and the moment that they waited for.
type Common = (String, String, Vec<String>, Option<Tlp>, Option<(String, String, Time)>);

/// Notices that others carry, by the numbers of their carriers.
pub(super) type Carried = HashMap<String, Vec<(Notice, Members)>>;

/// Brings together what may go together. Gives what is sent by itself, and what that carries.
pub(super) async fn gather(
    site: &Site,
    mut due: Vec<(Notice, Members)>,
) -> Result<(Vec<(Notice, Members)>, Carried), Problem> {
    let records = &site.store.records;
    let mut alike: BTreeMap<Common, Vec<(String, u64)>> = BTreeMap::new();
    for (notice, _) in &due {
        if let Some(kind) = may_go_with_others(site, notice) {
            let own = (!kind.merge).then(|| (notice.name.clone(), notice.key.clone(), notice.due));
            let whom = format!("{} {}", notice.via, notice.to);
            let key = (whom, notice.language.clone(), kind.bcc.clone(), notice.tlp, own);
            alike.entry(key).or_default().push((notice.id.clone(), notice.events));
        }
    }
    for ids in alike.into_values().flat_map(parcels).filter(|ids| ids.len() > 1) {
        if let Some(carrier) = ids.first() {
            let merged = records.merge_notices(carrier, &ids).await?;
            due.retain(|(notice, _)| !merged.contains(&notice.id));
        }
    }
    // Also what was merged by settings of before: it shares the fate of its carrier.
    let carriers: Vec<&str> = due.iter().map(|(notice, _)| notice.id.as_str()).collect();
    let mut carried = Carried::new();
    for (notice, members) in records.carried(&carriers).await? {
        carried.entry(notice.within.clone()).or_default().push((notice, members));
    }
    Ok((due, carried))
}

/// The kind of a notice that may go with others in one mail; nothing where it goes alone.
pub(super) fn may_go_with_others<'s>(site: &'s Site, notice: &Notice) -> Option<&'s settings::Notice> {
    let waited = notice.due > notice.made;
    let kind = site.settings.notice(&notice.name).filter(|kind| kind.merge || waited)?;
    let is_mail = site.settings.vias.get(&notice.via).is_some_and(|via| via.kind == MAIL);
    let is_fresh = notice.attempts == 0 && notice.within.is_empty();
    (is_fresh && is_mail && notice.format != "html" && !notice.to.is_empty()).then_some(kind)
}

/// As many together as one mail takes.
fn parcels(notices: Vec<(String, u64)>) -> Vec<Vec<String>> {
    let mut parcels: Vec<(Vec<String>, u64)> = Vec::new();
    for (id, events) in notices {
        match parcels.last_mut() {
            Some((ids, sum)) if ids.len() < NOTICES_MAX && *sum + events <= EVENTS_MAX => {
                ids.push(id);
                *sum += events;
            }
            _ => parcels.push((vec![id], events)),
        }
    }
    parcels.into_iter().map(|(ids, _)| ids).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_takes_only_so_much() {
        let check = |events: &[u64], want: &[usize]| {
            let notices = events.iter().map(|events| (String::new(), *events)).collect();
            assert_eq!(parcels(notices).iter().map(Vec::len).collect::<Vec<_>>(), want, "{events:?}");
        };
        check(&[1, 2, 3], &[3]);
        check(&[40_000, 20_000, 1], &[1, 2]);
        check(&[90_000, 1], &[1, 1]);
        check(&[1; 120], &[50, 50, 20]);
    }
}
