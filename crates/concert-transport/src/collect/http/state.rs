//! What is remembered of a list between fetches: one JSON text that survives restarts.

use std::time::Duration;

use concert_model::Time;
use serde_json::{Value, json};

use crate::net::web::RETRY_AFTER_MAX;

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct State {
    /// Address the rest is about; the date in it may move on.
    pub(super) url: String,
    pub(super) etag: Option<String>,
    pub(super) modified: Option<String>,
    /// Hash of the last body.
    pub(super) hash: String,
    /// The last fetch that went well.
    pub(super) at: Option<Time>,
    /// The server asked not to be asked before.
    pub(super) not_before: Option<Time>,
    /// A body being kept: its hash and the moment that is its identity.
    pub(super) planned: Option<(String, Time)>,
}

impl State {
    /// Reads what [`State::write`] wrote. What cannot be read is taken as never written.
    pub(super) fn read(text: Option<&str>) -> State {
        let value: Value = text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        let time = |key: &str| value.get(key).and_then(Value::as_i64).map(Time);
        State {
            url: text("url").unwrap_or_default(),
            etag: text("etag"),
            modified: text("modified"),
            hash: text("hash").unwrap_or_default(),
            at: time("at"),
            not_before: time("not_before"),
            planned: text("planned_hash").zip(time("planned_at")),
        }
    }

    pub(super) fn write(&self) -> String {
        let time = |time: &Time| time.0;
        json!({
            "url": self.url, "etag": self.etag, "modified": self.modified, "hash": self.hash,
            "at": self.at.as_ref().map(time), "not_before": self.not_before.as_ref().map(time),
            "planned_hash": self.planned.as_ref().map(|(hash, _)| hash),
            "planned_at": self.planned.as_ref().map(|(_, at)| time(at)),
        })
        .to_string()
    }

    /// Plans to keep a body. Gives the moment that is its identity: this one, or the one planned for
    /// the same body before a kill.
    pub(super) fn plan(&mut self, hash: &str, now: Time) -> Time {
        match &self.planned {
            Some((planned, at)) if planned == hash => *at,
            _ => {
                self.planned = Some((hash.to_owned(), now));
                now
            }
        }
    }

    /// A fetch went well.
    pub(super) fn fetched(&mut self, now: Time) {
        (self.at, self.not_before, self.planned) = (Some(now), None, None);
    }

    /// When the next fetch is due. One that seems to be still to come was made while the clock was ahead, and says nothing
    /// of when it was.
    pub(super) fn due(&self, every: Duration, now: Time) -> Time {
        let every = i64::try_from(every.as_micros()).unwrap_or(i64::MAX);
        let next = self.at.filter(|at| *at <= now).map_or(now, |at| Time(at.0.saturating_add(every)));
        next.max(self.rests_until(now).unwrap_or(next))
    }

    /// Until when the server asked not to be asked. What it cannot have asked for was worked out while the clock was ahead.
    pub(super) fn rests_until(&self, now: Time) -> Option<Time> {
        self.not_before.filter(|moment| (now..=now.plus_seconds(RETRY_AFTER_MAX)).contains(moment))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let state = State {
            url: "https://lists.example/a".into(),
            etag: Some("\"x\"".into()),
            modified: None,
            hash: "aa".into(),
            at: Some(Time(5)),
            not_before: Some(Time(7)),
            planned: Some(("bb".into(), Time(6))),
        };
        assert_eq!(State::read(Some(&state.write())), state);
        assert_eq!(State::read(Some("{ broken")), State::default());
        assert_eq!(State::read(None), State::default());
    }

    #[test]
    fn a_fetch_is_due_an_interval_after_the_last_good_one() {
        let due = |at: Option<i64>, not_before: Option<i64>, now: i64| {
            let state = State { at: at.map(Time), not_before: not_before.map(Time), ..State::default() };
            state.due(Duration::from_micros(100), Time(now)).0
        };
        assert_eq!(due(None, None, 1000), 1000);
        assert_eq!(due(Some(950), None, 1000), 1050);
        assert_eq!(due(Some(950), Some(2000), 1000), 2000);
    }

    #[test]
    fn what_was_planned_by_a_clock_that_was_ahead_holds_nothing_up() {
        const DAY: i64 = 86_400;
        let due = |at: Option<i64>, not_before: Option<i64>| {
            let now = Time(0).plus_seconds(1000 * DAY);
            let moment = |seconds| now.plus_seconds(seconds);
            let state = State { at: at.map(moment), not_before: not_before.map(moment), ..State::default() };
            state.due(Duration::from_secs(3600), now).seconds() - now.seconds()
        };
        assert_eq!(due(Some(-600), None), 3000);
        assert_eq!(due(Some(1), None), 0);
        assert_eq!(due(Some(90 * DAY), None), 0);
        assert_eq!(due(Some(-600), Some(DAY)), DAY);
        assert_eq!(due(Some(-600), Some(DAY + 1)), 3000);
        assert_eq!(due(Some(90 * DAY), Some(91 * DAY)), 0);
    }
}
