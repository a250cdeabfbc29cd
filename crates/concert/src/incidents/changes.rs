//! What was written lately, for those who follow incidents: entry by entry, each decided about by itself.

use concert_model::Problem;
use concert_model::access::Person;

use super::read::Heads;
use super::{Found, Incidents, Kept, Refused};

/// Entries looked at for one question.
const LOOKED_MAX: u32 = 500;

/// Entries that were written, as far as a person may see them.
#[derive(Default)]
pub struct Changes {
    /// Entries, oldest first.
    pub rows: Vec<Found>,
    /// Up to which entry was looked.
    pub reached: u64,
}

impl Incidents {
    /// The number of the newest entry of all incidents.
    pub async fn last_entry(&self) -> Result<u64, Problem> {
        self.store.records.last_entry().await
    }

    /// What was written after an entry into one incident, or into all. Entries without a body say nothing and are
    /// left out.
    pub async fn changes(&self, person: &Person, name: Option<&str>, after: u64) -> Result<Changes, Refused> {
        let Some(name) = name else { return self.changes_of_all(person, after).await };
        // Asked for first, so that nothing which comes in between is passed over.
        let newest = self.last_entry().await?;
        let (case, circle) = self.find(person, name).await?;
        let hidden = self.hidden_joins(person, &case).await?;
        let is_new = |kept: &Kept| kept.seq > after && kept.body.is_some() && !hidden.contains(&kept.seq);
        let came = case.entries.iter().filter(|kept| is_new(kept) && case.shows(&circle, person, kept));
        let mut came: Vec<_> = came.map(|kept| case.read_by(&circle, person, kept)).collect();
        came.sort_by_key(|kept| kept.seq);
        came.truncate(LOOKED_MAX as usize);
        let is_all = came.len() < LOOKED_MAX as usize;
        let last = came.last().map_or(after, |kept| kept.seq);
        self.audit_read(person, &case.head.number, came.iter().filter_map(|kept| kept.marking())).await?;
        let mut head = self.head_of(&case);
        self.put_title(person, &circle, &mut head).await?;
        let shows_in = self.shows_in(person, &case).await?;
        let found = |kept| Found { head: head.clone(), kept, shows_in: shows_in.clone() };
        let rows = came.into_iter().map(found).collect();
        Ok(Changes { rows, reached: if is_all { newest.max(last) } else { last } })
    }

    async fn changes_of_all(&self, person: &Person, after: u64) -> Result<Changes, Refused> {
        let (mut changes, mut heads) = (Changes { rows: Vec::new(), reached: after }, Heads::default());
        for row in self.store.records.entries_behind(after, LOOKED_MAX).await? {
            changes.reached = row.seq;
            changes.rows.extend(self.seen(person, &row, &mut heads).await?.filter(|found| found.kept.body.is_some()));
        }
        self.audit_found(person, &changes.rows).await?;
        Ok(changes)
    }
}
