//! A notice that is larger than its way out takes becomes several, each with some of its events.
//!
//! Nobody has a notice that was refused for its size, so its number and Message-ID stay with the first
//! part. All parts are made in one transaction: no event is lost, none is told twice.

use concert_model::Problem;

use super::deliver::{self, Ended};
use crate::wire::{self, Site};

/// A peer that finds so little too large means something else.
const REFUSED_BYTES_LEAST: u64 = 64 * 1024;
/// Most parts made at once; parts can be split again.
const PARTS_MAX: u64 = 1_000;

/// A notice that is too large.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TooLarge {
    /// Its number.
    pub(super) id: String,
    /// How many bytes it has.
    pub(super) bytes: u64,
    /// How many it may have, where that is known.
    pub(super) limit: Option<u64>,
    /// Who says so.
    pub(super) reason: String,
}

impl TooLarge {
    /// How many parts it is split into; nothing when that would not help.
    fn parts(&self, events: u64) -> Option<u64> {
        let wanted = match self.limit {
            // Parts differ in size, and each has a text of its own around the events.
            Some(limit) => (self.bytes / limit.max(1)).saturating_add(2),
            None if self.bytes < REFUSED_BYTES_LEAST => return None,
            None => 2,
        };
        (events > 1).then(|| wanted.clamp(2, events.min(PARTS_MAX)))
    }

    /// Why it fails instead. The reason says no size: it is told here, whoever found it too large.
    fn not_split(&self, events: u64) -> String {
        let why = if events > 1 { "which is not much" } else { "and a single event" };
        format!("{}; it has {} bytes {why}, so it is not split", self.reason, self.bytes)
    }
}

/// Splits a notice. Gives how it ended when that cannot help.
pub(super) async fn split(site: &Site, large: &TooLarge) -> Result<Option<Ended>, Problem> {
    let records = &site.store.records;
    let Some((notice, members)) = records.notice(&large.id).await? else { return Ok(None) };
    if records.unmerge_notices(&notice.id).await? {
        tracing::info!(notice = notice.id, via = notice.via, "notices in one mail go apart: it is too large");
        return Ok(None);
    }
    let reason = &large.reason;
    let Some(parts) = large.parts(members.len()) else {
        let why = large.not_split(members.len());
        deliver::not_delivered(&notice, &why);
        return Ok(Some((notice.id, "failed", wire::now(), why)));
    };
    records.split_notice(&notice.id, &members.chunks(members.len().div_ceil(parts)), &site.home(), wire::now()).await?;
    tracing::info!(notice = notice.id, via = notice.via, parts, "the notice is too large for its peer and is split");
    tracing::debug!(notice = notice.id, "{reason}");
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_as_many_parts_as_are_needed() {
        let check = |bytes: u64, limit: Option<u64>, events: u64, want: Option<u64>| {
            let large = TooLarge { id: String::new(), bytes, limit, reason: String::new() };
            assert_eq!(large.parts(events), want, "{bytes} {limit:?} {events}");
        };
        check(1_001, Some(1_000), 50, Some(3));
        check(10_000, Some(1_000), 50, Some(12));
        check(10_000, Some(1_000), 5, Some(5));
        check(10_000, Some(1_000), 1, None);
        check(u64::MAX, Some(0), 1_000_000, Some(1_000));
        check(70_000, None, 50, Some(2));
        check(60_000, None, 50, None);
        check(70_000, None, 1, None);
    }

    #[test]
    fn a_size_is_told_once() {
        let reason = "larger than the 100 bytes that the server takes".to_owned();
        let large = TooLarge { id: String::new(), bytes: 123, limit: Some(100), reason };
        let want =
            "larger than the 100 bytes that the server takes; it has 123 bytes and a single event, so it is not split";
        assert_eq!(large.not_split(1), want);
    }
}
