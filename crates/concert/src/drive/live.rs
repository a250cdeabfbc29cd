//! New events for those who listen: readers of `GET /api/v1/events/stream`.
//!
//! Nothing is made while nobody listens. A listener that is slow loses the oldest and is told so; the
//! events themselves are in the store all the same.

use std::borrow::Cow;
use std::sync::Arc;

use concert_model::incident::Tlp;
use concert_model::{Event, Field, Problem, ReportId, Time, Value, json};
use concert_server::site::NewEvent;
use concert_store::events::Stored;
use concert_store::events::read::Bounds;
use tokio::sync::broadcast;

use crate::wire::Site;

/// Events kept for a listener that is behind.
const WAITING_MAX: usize = 4_096;
/// Events of one report that are sent; of a larger report the rest is only in the store.
const EVENTS_OF_REPORT_MAX: usize = 2_000;

/// Where new events are sent.
pub type Live = broadcast::Sender<Arc<NewEvent>>;

/// A sender without listeners.
pub fn new() -> Live {
    broadcast::channel(WAITING_MAX).0
}

/// Sends the events that a report brought in batches above a number.
pub async fn send(site: &Site, report: ReportId, above: u64) -> Result<(), Problem> {
    let mut sent = 0;
    site.store
        .scan(&Bounds::default(), above, &mut |page| {
            for stored in page.iter().filter(|stored| stored.batch > above && stored.report == report) {
                if sent == EVENTS_OF_REPORT_MAX {
                    return false;
                }
                sent += 1;
                let (id, party) = (stored.event.row().id.to_string(), party(&stored.event).into_owned());
                let (feed, label) = (feed(&stored.event).into_owned(), label(&stored.event));
                let event = NewEvent { id, party, feed, label, json: object(&stored) };
                // That the last listener left meanwhile is no trouble.
                site.live.send(Arc::new(event)).ok();
            }
            true
        })
        .await
}

/// The party that answers for an event; empty for nobody.
pub fn party<'e>(event: &Event<'e>) -> Cow<'e, str> {
    match event.get(Field::PARTY) {
        Some(Value::Text(name)) => name,
        _ => Cow::Borrowed(""),
    }
}

/// The feed that an event came by; empty where it does not say.
pub fn feed<'e>(event: &Event<'e>) -> Cow<'e, str> {
    event.text(Field::FEED_NAME).unwrap_or_default()
}

/// The label of an event, where it bears one.
pub fn label(event: &Event<'_>) -> Option<Tlp> {
    event.text(Field::TLP)?.parse().ok()
}

/// How often an event came again, and when last, as further members of its object.
pub fn repeats((again, last): &(u64, Time)) -> String {
    format!(",\"duplicate.count\":{},\"time.last_seen\":\"{last}\"", again.saturating_add(1))
}

/// An event as one flat JSON object.
pub fn object(stored: &Stored<'_>) -> String {
    let first = format!("{{\"event.id\":\"{}\",\"report.id\":\"{}\"", stored.event.row().id, stored.report);
    let mut out = first.into_bytes();
    json::write_members(&stored.event, &mut out);
    out.push(b'}');
    String::from_utf8_lossy(&out).into_owned()
}
