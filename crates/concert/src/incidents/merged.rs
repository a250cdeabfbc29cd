//! Parties of incidents that were merged into another.
//!
//! What is written into the other is about them too, so what the site forbids of them holds there. It gives nobody
//! more to see: a role that is limited to a constituency does not come along.

use std::collections::BTreeSet;

use concert_model::Problem;
use concert_model::access::Circle;
use concert_store::Store;
use concert_store::records::{Change, incidents};

use super::case::Case;

/// Incidents that were merged into this one.
pub(super) fn ids(case: &Case) -> Vec<String> {
    case.head.joined.iter().filter(|(how, _)| how == "merged").map(|(_, id)| id.clone()).collect()
}

/// The same, where they are others than were known; nothing where they are the same.
pub(super) fn unknown(known: Option<&Case>, case: &Case) -> Option<Vec<String>> {
    let now = ids(case);
    (known.map(ids).unwrap_or_default() != now).then_some(now)
}

/// Their parties and sectors, and those of incidents that had been merged into them before.
fn parties(circles: Vec<String>) -> BTreeSet<String> {
    let read = |circle: &String| serde_json::from_str::<Circle>(circle).unwrap_or_default();
    let of = |circle: Circle| circle.constituencies.into_iter().chain(circle.merged);
    circles.iter().map(read).flat_map(of).collect()
}

/// Parties and sectors of these incidents.
pub(super) async fn of(store: &Store, ids: &[String]) -> Result<BTreeSet<String>, Problem> {
    Ok(parties(store.records.circles(ids).await?))
}

/// The same, as a change sees it.
pub(super) async fn of_in(change: &mut Change<'_>, ids: &[String]) -> Result<BTreeSet<String>, Problem> {
    Ok(parties(incidents::circles_in(change, ids).await?))
}
