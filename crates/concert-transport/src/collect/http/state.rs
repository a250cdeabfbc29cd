//! What is remembered of a list between fetches: one JSON text that survives restarts.

use std::time::Duration;

use concert_model::Time;
use serde_json::{Value, json};

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

    /// When the next fetch is due. A moment that a clock set back has put into the future does not
    /// hold it up for longer than usual.
    pub(super) fn due(&self, every: Duration, now: Time) -> Time {
        let every = i64::try_from(every.as_micros()).unwrap_or(i64::MAX);
        let next = self.at.map_or(now, |at| Time(at.min(now).0.saturating_add(every)));
        next.max(self.not_before.unwrap_or(next))
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
        assert_eq!(due(Some(9000), None, 1000), 1100);
    }
}
